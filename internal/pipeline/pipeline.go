// Package pipeline follows the journal and makes rows of it: logs become events, attachments and decoded,
// grouped reports.
//
// It promises that every frame of the journal is passed once in feed order, that a batch of rows and the
// cursor behind it are written in one transaction, so that a crash at any point neither loses nor doubles a
// row, and that what cannot be read is kept as a problem row and never stops the rest. Decoding the same
// frame again gives the same rows: the index can be thrown away and made anew.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/store"
	"lifeboat/internal/symbol"
)

// Options of New. Journal, Store, Clock and Log must be set.
type Options struct {
	Journal *journal.Journal
	Store   *store.DB
	Symbols symbol.Stage
	Clock   diag.Clock
	Log     *slog.Logger
	// Busy reports that ingestion is under load: the pipeline then works on one small batch at a time and rests
	// between, which leaves it about a third of two processors. nil: never.
	Busy func() bool
}

// The bounds of one batch. Rows of one batch are in memory together and hold the index's writer for as long
// as their transaction takes.
const (
	maxFrames = 2048
	maxBytes  = 4 << 20 // of frames as stored

	busyFrames = 128
	busyBytes  = 256 << 10
)

// restShare is how long the pipeline rests when ingestion is busy, as a share of the time it has worked: it then
// works on one processor for two thirds of the time.
const restShare = 0.5

// Pipeline turns frames into rows. Make it with New.
type Pipeline struct {
	o    Options
	apps appCache

	through atomic.Uint64
	applied chan struct{} // has room for one: through has risen
	counts  counts
}

// Stats is what the pipeline has done since it was made.
type Stats struct {
	Through                                uint64 // last feed number that is indexed and processed
	Events, Reports, Attachments, Problems int64  // new rows
	Duplicates                             int64  // copies that got no row
	Gone                                   int64  // logs of deleted apps
	Deleted                                int64  // copies of deleted errors, and attachments of those; among Duplicates
	Purged                                 int64  // logs that were purged before and are met again
	Batches, Retries                       int64
}

type counts struct {
	events, reports, attachments, problems, duplicates, gone, deleted, purged, batches, retries atomic.Int64
}

// New makes a pipeline.
func New(o Options) *Pipeline {
	if o.Busy == nil {
		o.Busy = func() bool { return false }
	}
	return &Pipeline{o: o, apps: appCache{store: o.Store, clock: o.Clock}, applied: make(chan struct{}, 1)}
}

// Stats counts.
func (p *Pipeline) Stats() Stats {
	c := &p.counts
	return Stats{
		Through: p.through.Load(), Events: c.events.Load(), Reports: c.reports.Load(), Attachments: c.attachments.Load(),
		Problems: c.problems.Load(), Duplicates: c.duplicates.Load(), Gone: c.gone.Load(), Deleted: c.deleted.Load(), Purged: c.purged.Load(), Batches: c.batches.Load(), Retries: c.retries.Load(),
	}
}

// Run follows the journal until ctx ends or the journal is closed, which is no error. store.ErrFenced means
// that somebody else has taken over.
func (p *Pipeline) Run(ctx context.Context) error { return p.run(ctx, 0) }

// CatchUp follows the journal up to a number, which must not be above the horizon, and returns.
func (p *Pipeline) CatchUp(ctx context.Context, number uint64) error {
	if number == 0 {
		return nil
	}
	return p.run(ctx, number)
}

func (p *Pipeline) run(ctx context.Context, until uint64) error {
	through, epoch, err := p.o.Store.ClaimIndex(ctx)
	if err != nil {
		return err
	}
	p.through.Store(through)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batches := make(chan store.Batch)
	var reading error
	var done sync.WaitGroup
	done.Go(func() {
		defer close(batches)
		reading = p.read(ctx, through, epoch, until, batches)
	})
	applying := p.applyAll(ctx, batches)
	cancel()
	for range batches { // what the reader still had in hand
	}
	done.Wait()
	if applying != nil { // the reader was then told to stop
		reading = nil
	}
	if err := errors.Join(applying, reading); !stopped(err) {
		return err
	}
	return nil
}

// stopped: the end of ctx and of the journal are the ordinary ways to end.
func stopped(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, journal.ErrClosed)
}

// read prepares batches, each while the one before is being applied.
func (p *Pipeline) read(ctx context.Context, after uint64, epoch int64, until uint64, batches chan<- store.Batch) error {
	follower := p.o.Journal.Follow(after)
	defer follower.Close()
	for until == 0 || after < until {
		begun, busy, frames, bytes := p.o.Clock.Monotonic(), p.o.Busy(), maxFrames, maxBytes
		if busy {
			frames, bytes = busyFrames, busyBytes
		}
		horizon := p.o.Journal.Horizon()
		entries, err := follower.Next(frames, bytes)
		if err != nil {
			return fmt.Errorf("pipeline: follow: %w", err)
		}
		through := horizon // blanked and damaged frames at the end are passed too
		if len(entries) > 0 {
			through = max(after, entries[len(entries)-1].Number)
		}
		if through == after {
			if err := p.o.Journal.WaitBeyond(ctx, after); err != nil {
				return err
			}
			continue
		}
		var b store.Batch
		err = p.persist(ctx, through, func() (err error) { b, err = p.prepare(ctx, entries); return err })
		if err != nil {
			return err
		}
		b.After, b.Through, b.Epoch = after, through, epoch
		select {
		case <-ctx.Done():
			return ctx.Err()
		case batches <- b:
		}
		if after = through; busy {
			if err := p.yield(ctx, after, begun); err != nil {
				return err
			}
		}
	}
	return nil
}

// yield waits until the batch in hand is applied, so that only one of the two sides works at a time, and rests.
func (p *Pipeline) yield(ctx context.Context, through uint64, begun time.Duration) error {
	for p.through.Load() < through {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.applied:
		}
	}
	worked := p.o.Clock.Monotonic() - begun
	return p.o.Clock.Sleep(ctx, time.Duration(restShare*float64(worked)))
}

func (p *Pipeline) applyAll(ctx context.Context, batches <-chan store.Batch) error {
	for b := range batches {
		if err := p.apply(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// The pauses between tries of one batch.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 10 * time.Second
)

// persist tries until it works, since there is no other place for the rows; only ctx and another process that
// has taken over end it.
func (p *Pipeline) persist(ctx context.Context, through uint64, try func() error) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := try()
		if err == nil || errors.Is(err, store.ErrFenced) || ctx.Err() != nil {
			return err
		}
		p.counts.retries.Add(1)
		p.o.Log.Error("the store refuses a batch; trying again", "through", through, "error", err)
		if err := p.o.Clock.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// apply writes one batch.
func (p *Pipeline) apply(ctx context.Context, b store.Batch) error {
	return p.persist(ctx, b.Through, func() error {
		done, err := p.o.Store.ApplyBatch(ctx, b)
		if err == nil {
			p.count(&b, done)
			p.tellDeleted(ctx, done.Deleted)
		}
		return err
	})
}

// errorDeleted is the reason of a drop: the log's error was deleted.
const errorDeleted = "error_deleted"

// tellDeleted counts logs of deleted errors with the other drops that people see.
func (p *Pipeline) tellDeleted(ctx context.Context, deleted map[int64]int64) {
	var drops []store.Drop
	for app, n := range deleted {
		p.counts.deleted.Add(n)
		drops = append(drops, store.Drop{App: app, Day: p.o.Clock.Now().Unix() / (24 * 60 * 60), Reason: errorDeleted, Count: n})
	}
	if len(drops) == 0 {
		return
	}
	if err := p.o.Store.AddDrops(ctx, drops); err != nil {
		p.o.Log.Error("counts of dropped logs cannot be stored", "error", err)
	}
}

func (p *Pipeline) count(b *store.Batch, done store.Applied) {
	c := &p.counts
	c.events.Add(int64(done.Events))
	c.reports.Add(int64(done.Reports))
	c.attachments.Add(int64(done.Attachments))
	c.problems.Add(int64(len(b.Problems)))
	c.duplicates.Add(int64(done.Duplicates))
	c.gone.Add(int64(done.Gone))
	c.purged.Add(int64(done.Purged))
	c.batches.Add(1)
	p.through.Store(b.Through)
	select {
	case p.applied <- struct{}{}:
	default:
	}
}

// workers is how many frames are decoded at a time.
func (p *Pipeline) workers(entries int) int {
	if p.o.Busy() {
		return 1
	}
	return max(1, min(runtime.GOMAXPROCS(0), entries/8))
}
