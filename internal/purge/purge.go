// Package purge takes away what is past its time: rows first, then the frames of the journal, then the room
// that they took. It also finishes deletions that a crash has interrupted.
//
// It promises that
//   - every log is kept for as long as its app's retention says, on the wall clock and counted from when it came;
//   - what outlives a report, its count per group and day, is durable before the report goes, and is counted once
//     whatever is interrupted;
//   - nothing is taken out of the journal before the index without it is on disk, so that no row ever names a
//     frame that is gone, and nothing that was purged returns when the index is made anew;
//   - what an enabled export has not written yet stays, for holdLimit longer than its time at most; what went
//     unwritten then is counted;
//   - a wall clock that jumps ahead purges nothing before it has stayed there for a day.
//
// It works in pieces that give way to ingestion, and each pass goes on where the last one, or a process before
// this one, stood.
package purge

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/store"
)

// Options of New. Those above the empty line must be set.
type Options struct {
	Store   *store.DB
	Journal *journal.Journal
	Clock   diag.Clock
	Log     *slog.Logger

	Interval   time.Duration // between passes; 0: an hour
	Busy       func() bool   // ingestion is under load; nil: never
	TrustClock bool          // purge by the wall clock whatever it shows
	Grace      time.Duration // how long a file that was written anew stays for readers; 0: ten minutes
	LeastGain  int64         // bytes that a segment must lose to be written anew; 0: 64 KiB
}

// Worker purges. Make it with New. Passes run one after the other.
type Worker struct {
	o    Options
	wake chan struct{} // has room for one

	pass   sync.Mutex
	stats  stats
	clock  wall
	mixed  map[uint64]bool             // frames of several logs of which some are copies
	shares map[int64]share             // of segments, by id
	moved  map[int64]time.Duration     // compactions whose rows are rewritten, and since when
	gone   map[int64]bool              // deleted apps that the last pass met
	forgot map[int64][2]int64          // days before which the installs of an app are forgotten
	before map[store.PurgeClass]cutoff // of the pass at hand
}

// New makes a worker.
func New(o Options) *Worker {
	if o.Interval <= 0 {
		o.Interval = time.Hour
	}
	if o.Busy == nil {
		o.Busy = func() bool { return false }
	}
	if o.Grace <= 0 {
		o.Grace = 10 * time.Minute
	}
	if o.LeastGain <= 0 {
		o.LeastGain = 64 << 10
	}
	return &Worker{
		o: o, wake: make(chan struct{}, 1), mixed: map[uint64]bool{}, shares: map[int64]share{}, moved: map[int64]time.Duration{}, gone: map[int64]bool{}, forgot: map[int64][2]int64{},
	}
}

// Wake has Run begin a pass soon: call it when a retention was changed or an app was deleted.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// soon is how long after its start, or after Wake, a pass begins.
const soon = time.Minute

// Run passes until ctx ends. A pass that fails is told of, and tried again after the interval.
func (w *Worker) Run(ctx context.Context) {
	for {
		if w.o.Clock.Sleep(ctx, soon) != nil {
			return
		}
		if err := w.Pass(ctx); ctx.Err() != nil || errors.Is(err, journal.ErrClosed) {
			return
		} else if err != nil {
			w.o.Log.Error("a purge failed; it goes on later", "error", err)
		}
		if w.rest(ctx) != nil {
			return
		}
	}
}

// rest waits for the next pass to be due.
func (w *Worker) rest(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	slept := make(chan error, 1)
	go func() { slept <- w.o.Clock.Sleep(ctx, w.o.Interval-min(w.o.Interval, soon)) }()
	select {
	case err := <-slept:
		return err
	case <-w.wake:
		cancel()
		<-slept
		return nil
	}
}

// Pass does everything that is due. It may be cut off at any point.
func (w *Worker) Pass(ctx context.Context) error {
	w.pass.Lock()
	defer w.pass.Unlock()
	err := w.all(ctx)
	if err == nil {
		err = w.measureLag()
	}
	w.stats.passed(w.o.Clock.Now(), err)
	return err
}

func (w *Worker) all(ctx context.Context) error {
	now, err := w.now(ctx)
	if err != nil {
		return err
	}
	if err := w.finishDeletions(ctx, now); err != nil {
		return err
	}
	apps, err := w.o.Store.Apps(ctx)
	if err != nil {
		return err
	}
	if err := w.purgeCopies(ctx, apps); err != nil { // before their originals, or the next index would take them for those
		return err
	}
	w.before = map[store.PurgeClass]cutoff{}
	for _, class := range [...]store.PurgeClass{store.PurgeEvents, store.PurgeReports} {
		c, err := w.cutoff(ctx, class, apps, now)
		if err != nil {
			return err
		}
		w.before[class] = c
		if err := w.purgeRows(ctx, &c); err != nil {
			return err
		}
	}
	if err := w.forgetDays(ctx, apps, now); err != nil {
		return err
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	if err := w.purgeFrames(ctx, apps); err != nil {
		return err
	}
	if err := w.purgeGoneApps(ctx); err != nil {
		return err
	}
	return w.compact(ctx)
}

// Hold waits for the pass at hand to end and lets none begin until release is called.
func (w *Worker) Hold(ctx context.Context) (release func(), err error) {
	for !w.pass.TryLock() {
		if err := w.o.Clock.Sleep(ctx, holdPause); err != nil {
			return nil, err
		}
	}
	return w.pass.Unlock, nil
}

const holdPause = 50 * time.Millisecond

// classes are the journal's classes of a class of ours.
func classes(c store.PurgeClass) []journal.Class {
	if c == store.PurgeEvents {
		return []journal.Class{journal.Events}
	}
	return []journal.Class{journal.Reports, journal.Attachments}
}

// errUnflushed: readers keep the index's log in use.
var errUnflushed = diag.Errorf(diag.Busy, "The index is being read: frames of the journal are purged later.")

// The bounds of waiting for the index to be on disk.
const (
	flushTries = 50
	flushPause = 200 * time.Millisecond
)

// flush makes durable what the index has: only then may frames go.
func (w *Worker) flush(ctx context.Context) error {
	for range flushTries {
		if done, err := w.o.Store.FlushIndex(ctx); done || err != nil {
			return err
		}
		if err := w.o.Clock.Sleep(ctx, flushPause); err != nil {
			return err
		}
	}
	return errUnflushed
}

// yield rests after a piece of work while ingestion is busy, for as long as the piece took and once more.
func (w *Worker) yield(ctx context.Context, begun time.Duration) error {
	if err := ctx.Err(); err != nil || !w.o.Busy() {
		return err
	}
	return w.o.Clock.Sleep(ctx, 2*(w.o.Clock.Monotonic()-begun))
}
