package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"lifeboat/internal/blob"
	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// worker exports one configuration as it was when the worker started.
type worker struct {
	x        *Exporter
	settings store.Export
	want     wanted
	status   *status
	cancel   context.CancelFunc
	ended    chan struct{}
	fenced   bool // read it only after ended

	claimed bool
	epoch   int64
	spools  *spools
	bucket  blob.Bucket // nil: to be opened

	done    diag.Minute   // last window that is exported in full, or known to have nothing for us
	savedAt time.Duration // when the register was last told, monotonic
	trouble trouble
}

func newWorker(x *Exporter, e store.Export, s *status) *worker {
	return &worker{x: x, settings: e, want: wantedBy(&e), status: s, ended: make(chan struct{})}
}

func (w *worker) hasEnded() bool {
	select {
	case <-w.ended:
		return true
	default:
		return false
	}
}

// run exports until ctx ends, the configuration is gone, somebody else takes over, or the target is given up.
func (w *worker) run(ctx context.Context) {
	defer w.dropBucket()
	for {
		err := w.step(ctx)
		switch {
		case err == nil:
			w.recovered()
			continue
		case ctx.Err() != nil:
			return
		case errors.Is(err, store.ErrFenced):
			w.fenced = true
			w.status.set(Fenced)
			return
		case diag.KindOf(err) == diag.NotFound && !w.claimed, errors.Is(err, errAppGone):
			return
		}
		w.dropBucket()
		if w.trouble.met(w, err) {
			if err = w.disable(ctx); err == nil || errors.Is(err, store.ErrFenced) {
				return
			}
		}
		w.status.set(Retrying)
		if w.x.o.Clock.Sleep(ctx, w.trouble.pause(w.x.o.Rand())) != nil {
			return
		}
	}
}

// dropBucket has the target opened again before the next put.
func (w *worker) dropBucket() {
	if c, ok := w.bucket.(io.Closer); ok {
		c.Close() // idle connections: nothing is lost
	}
	w.bucket = nil
}

var errAppGone = errors.New("export: the app is gone")

// step does what is next: pass a gap, export one window, or wait for the next one to end.
func (w *worker) step(ctx context.Context) error {
	if err := w.claim(ctx); err != nil {
		return err
	}
	limit := w.closable()
	if limit <= w.done {
		return w.await(ctx)
	}
	if _, err := w.x.o.Journal.CloseUpTo(ctx, limit.End()); err != nil {
		return err
	}
	m, err := w.nextWindow(limit)
	if err != nil {
		return err
	}
	if m-1 > w.done {
		w.status.update(func(s *Stat) { s.Empty += int64(m - 1 - w.done) })
		if err := w.advance(ctx, m-1, m > limit); err != nil || m > limit {
			return err
		}
	}
	return w.window(ctx, m, m == limit)
}

// claim makes us the holder of the cursor, once.
func (w *worker) claim(ctx context.Context) error {
	if w.claimed {
		return nil
	}
	e, err := w.x.o.Store.ClaimExport(ctx, w.settings.ID)
	if err != nil {
		return err
	}
	w.spools, err = openSpools(filepath.Join(w.x.o.SpoolDir, e.ID.String()), e.Watermark)
	if err != nil {
		return err
	}
	w.claimed, w.epoch = true, e.Epoch
	w.done, w.savedAt = max(e.Watermark, e.From-1), w.x.o.Clock.Monotonic()
	w.status.update(func(s *Stat) { s.Window = max(0, w.done) })
	return nil
}

// closable is the last window that is over on the journal's clock.
func (w *worker) closable() diag.Minute { return diag.MinuteOf(w.x.o.Journal.Now()) - 1 }

// await sleeps until the window behind the last one is over.
func (w *worker) await(ctx context.Context) error {
	w.status.set(Waiting)
	left := (w.done + 1).End() - w.x.o.Journal.Now()
	return w.x.o.Clock.Sleep(ctx, max(1, min(time.Duration(left), 60_000))*time.Millisecond)
}

// nextWindow is the first one behind done in which the journal, or a spool, has anything; limit+1 if there
// is none up to limit.
func (w *worker) nextWindow(limit diag.Minute) (diag.Minute, error) {
	next := w.done + 1
	before, err := w.x.o.Journal.NumberBefore(next.Start())
	if err != nil {
		return 0, err
	}
	t, ok, err := w.x.o.Journal.NextTime(before)
	if err != nil {
		return 0, err
	}
	found := limit + 1
	if ok {
		found = min(found, diag.MinuteOf(t))
	}
	if m, ok := w.spools.first(); ok {
		found = min(found, m)
	}
	return max(next, found), nil
}

// advance notes that everything up to m is exported. Windows in which nothing was for us are many when the
// server is busy with other apps: they reach the register once a second, or at the last one.
func (w *worker) advance(ctx context.Context, m diag.Minute, now bool) error {
	if mono := w.x.o.Clock.Monotonic(); now || mono-w.savedAt >= time.Second {
		if err := w.x.o.Store.AdvanceExport(ctx, w.settings.ID, w.epoch, m, int64(m.End())); err != nil {
			return err
		}
		w.savedAt = mono
	}
	w.done = m
	w.status.update(func(s *Stat) { s.Window = m })
	return nil
}

// window exports one window: from its spool if there is a whole one, else rendered into one first.
func (w *worker) window(ctx context.Context, m diag.Minute, last bool) error {
	s, err := w.spools.open(m)
	if errors.Is(err, errTorn) {
		w.x.o.Log.Warn("a torn export spool was thrown away; the window is rendered anew", "configuration", w.settings.ID, "window", m.Time())
		if err = w.spools.remove(m); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	if s == nil {
		if s, err = w.render(ctx, m); err != nil {
			return err
		}
	}
	if s == nil {
		w.status.update(func(s *Stat) { s.Empty++ })
		return w.advance(ctx, m, last)
	}
	err = w.put(ctx, s)
	s.Close()
	if err != nil {
		return err
	}
	if err := w.advance(ctx, m, true); err != nil {
		return err
	}
	w.status.update(func(s *Stat) { s.Windows++ })
	return w.spools.remove(m)
}

func (w *worker) put(ctx context.Context, s *spool) error {
	w.status.set(Writing)
	if w.bucket == nil {
		b, err := w.x.o.Open(ctx, w.settings)
		if err != nil {
			return err
		}
		w.bucket = b
	}
	p := putter{bucket: w.bucket, spool: s, parallel: w.x.o.Parallel}
	err := p.all(ctx)
	w.status.update(func(s *Stat) {
		s.Blobs += p.blobs.Load()
		s.Bytes += p.bytes.Load()
		s.Conflicts += p.conflicts.Load()
	})
	if n := p.conflicts.Load(); n > 0 {
		w.x.o.Log.Error("payloads were not exported: another app has blobs of their names; export with the app's id in the path",
			"configuration", w.settings.ID, "window", s.head.Window, "payloads", n)
	}
	return err
}

// render makes the spool of a window, nil if nothing in it is for us. What it says must not depend on how far
// the pipeline has come, so it waits, and begins again if the index was reset meanwhile.
func (w *worker) render(ctx context.Context, m diag.Minute) (*spool, error) {
	for {
		w.status.set(Indexing)
		through, err := w.x.o.Journal.NumberBefore(m.End())
		if err != nil {
			return nil, err
		}
		epoch, err := w.indexed(ctx, through)
		if err != nil {
			return nil, err
		}
		out, err := w.renderOnce(ctx, m, through)
		if err != nil {
			return nil, err
		}
		if at, now, err := w.x.o.Store.IndexCursor(ctx); err != nil || at < through || now != epoch {
			out.abandon()
			if err != nil {
				return nil, err
			}
			continue
		}
		if out.entries == 0 {
			out.abandon()
			return nil, nil
		}
		if err := w.spools.keep(m, out); err != nil {
			return nil, err
		}
		return w.spools.open(m)
	}
}

// indexed waits until the pipeline has passed a number and returns the epoch of its cursor.
func (w *worker) indexed(ctx context.Context, number uint64) (epoch int64, err error) {
	for {
		through, epoch, err := w.x.o.Store.IndexCursor(ctx)
		if err != nil || through >= number {
			return epoch, err
		}
		if err := w.x.o.Clock.Sleep(ctx, 100*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

func (w *worker) renderOnce(ctx context.Context, m diag.Minute, through uint64) (*spoolWriter, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case w.x.render <- struct{}{}:
	}
	defer func() { <-w.x.render }()
	w.status.set(Rendering)
	r, err := newRenderer(ctx, w, m, through)
	if err != nil {
		return nil, err
	}
	if err := r.run(ctx); err != nil {
		r.out.abandon()
		return nil, fmt.Errorf("export: render %s: %w", diag.FormatTime(m.Time()), err)
	}
	w.status.update(func(s *Stat) { s.Skipped += r.skipped })
	return r.out, nil
}

// trouble is failures in a row.
type trouble struct {
	attempts int64

	cause   blob.Cause    // of the last, if only the operator can cure it
	refused int64         // of such in a row
	since   time.Time     // first of them
	from    time.Duration // the same, monotonic
}

// needsOperator: trying again cannot help, somebody has to change something.
func needsOperator(c blob.Cause) bool {
	return c == blob.Denied || c == blob.NoSuchHost || c == blob.NoSuchContainer
}

// met notes a failure and tells whether the target is to be given up: only after hours in which it said
// nothing but that we are not welcome or that it is not there. An outage is waited for without end.
func (t *trouble) met(w *worker, err error) bool {
	clock, cause := w.x.o.Clock, blob.Classify(err)
	if t.attempts++; t.attempts == 1 {
		w.x.o.Log.Warn("an export failed and is tried again", "configuration", w.settings.ID, "cause", cause.String(), "error", err)
	}
	w.status.update(func(s *Stat) {
		s.Failures++
		if !s.Failing {
			s.Since = clock.Now()
		}
		s.Failing, s.Attempts, s.Error = true, t.attempts, err.Error()
	})
	if !needsOperator(cause) {
		t.refused = 0
		return false
	}
	if t.refused++; t.refused == 1 {
		t.since, t.from = clock.Now(), clock.Monotonic()
	}
	t.cause = cause
	return clock.Monotonic()-t.from >= w.x.o.GiveUp
}

// The pauses between tries of one window.
const (
	firstPause = time.Second
	lastPause  = time.Minute
)

// pause grows with the failures in a row; jitter keeps configurations of one target apart.
func (t *trouble) pause(jitter float64) time.Duration {
	d := lastPause
	if t.attempts < 7 {
		d = min(lastPause, firstPause<<(t.attempts-1))
	}
	return d/2 + time.Duration(jitter*float64(d/2))
}

// recovered: a try worked.
func (w *worker) recovered() {
	if w.trouble.attempts == 0 {
		return
	}
	w.x.o.Log.Info("an export works again", "configuration", w.settings.ID, "attempts", w.trouble.attempts)
	w.trouble = trouble{}
	w.status.update(func(s *Stat) { s.Failing, s.Attempts, s.Error, s.Since = false, 0, "", time.Time{} })
}

// disable gives the target up, visibly. Enabling it again goes on behind the last window.
func (w *worker) disable(ctx context.Context) error {
	t := &w.trouble
	info := fmt.Sprintf("AutoDisabled: %s since %s, %d attempts", t.cause, diag.FormatTime(t.since), t.refused)
	if err := w.x.o.Store.FailExport(ctx, w.settings.ID, w.epoch, stateDisabled, info); err != nil {
		return err
	}
	w.x.o.Log.Error("an export was disabled: its target refuses it", "configuration", w.settings.ID, "cause", t.cause.String(), "attempts", t.refused)
	return nil
}
