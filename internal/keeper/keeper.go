// Package keeper looks after the symbol files that were uploaded: it finds out what they hold, and throws away what
// nobody finished and what has been of no use for a long time.
//
// It promises that every committed upload is looked into, after a crash too, and once in the end; that what cannot be
// read is said where people see it and stops nothing; and that no file stays that the register does not know.
package keeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
	"lifeboat/internal/symbol/identity"
	"lifeboat/internal/upload"
)

// Options of New. Store, Uploads and Clock must be set.
type Options struct {
	Store   *store.DB
	Uploads *upload.Store
	Clock   diag.Clock
	Log     *slog.Logger  // nil: none
	Keep    time.Duration // how long symbols are kept after their last use; 0: a year
}

const (
	defaultKeep = 365 * 24 * time.Hour
	begunFor    = 25 * time.Hour      // an hour more than their URL is good
	failedFor   = 30 * 24 * time.Hour // so that people see why
	workPause   = time.Minute
	sweepPause  = time.Hour
	piece       = 100 // uploads that are looked up at once
)

// Keeper does the work. Make it with New.
type Keeper struct {
	o     Options
	wake  chan struct{} // has room for one
	due   atomic.Bool   // Sweep, before its time
	stats struct{ indexed, failed, removed, errors atomic.Int64 }
}

// New makes a keeper; its Run must run.
func New(o Options) *Keeper {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Keep <= 0 {
		o.Keep = defaultKeep
	}
	return &Keeper{o: o, wake: make(chan struct{}, 1)}
}

// Wake has Run look for work now.
func (k *Keeper) Wake() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// SweepSoon has Run throw away now what belongs to no upload any more: an app was deleted.
func (k *Keeper) SweepSoon() {
	k.due.Store(true)
	k.Wake()
}

// Stats counts what was done since the start.
type Stats struct {
	Indexed, Failed int64 // uploads that were looked into
	Removed         int64 // uploads that were thrown away
	Errors          int64 // tries that failed and are made again
}

// Stats returns what was done so far.
func (k *Keeper) Stats() Stats {
	return Stats{k.stats.indexed.Load(), k.stats.failed.Load(), k.stats.removed.Load(), k.stats.errors.Load()}
}

// Run works until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	swept := time.Duration(0)
	k.due.Store(true)
	for ctx.Err() == nil {
		k.report(ctx, k.Work(ctx))
		if now := k.o.Clock.Monotonic(); k.due.Swap(false) || now-swept >= sweepPause {
			k.report(ctx, k.Sweep(ctx))
			swept = now
		}
		k.rest(ctx)
	}
}

func (k *Keeper) report(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		k.stats.errors.Add(1)
		k.o.Log.Error("symbol uploads are not all looked after; it is tried again", "error", err)
	}
}

// rest waits for a while, or for Wake.
func (k *Keeper) rest(ctx context.Context) {
	resting, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-k.wake:
			stop()
		case <-resting.Done():
		}
	}()
	_ = k.o.Clock.Sleep(resting, workPause) // it ends early when it should
}

// Work looks into all uploads that are committed. One that fails keeps no other from its turn.
func (k *Keeper) Work(ctx context.Context) error {
	done := map[diag.ID]bool{}
	var errs []error
	for {
		waiting, err := k.o.Store.CommittedSymbolUploads(ctx, piece+len(done))
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		more := false
		for i := range waiting {
			if u := &waiting[i]; !done[u.ID] {
				done[u.ID], more = true, true
				if err := k.look(ctx, u); err != nil {
					errs = append(errs, fmt.Errorf("symbol upload: %w", err))
				}
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		if !more || len(errs) >= piece {
			return errors.Join(errs...)
		}
	}
}

// look finds out what one upload holds.
func (k *Keeper) look(ctx context.Context, u *diag.SymbolUpload) error {
	err := k.o.Store.StartSymbolUpload(ctx, u.App, u.ID, k.now())
	if err != nil {
		return unlessGone(err)
	}
	found, size, err := k.identify(ctx, u)
	if err != nil {
		return err
	}
	u.State, u.Size, u.Problems = diag.UploadIndexed, size, found.Problems
	if len(found.Symbols) == 0 {
		u.State = diag.UploadFailed
	}
	if err := k.o.Store.FinishSymbolUpload(ctx, *u, found.Symbols, k.now()); err != nil {
		return unlessGone(err)
	}
	if u.State == diag.UploadFailed {
		k.stats.failed.Add(1)
	} else {
		k.stats.indexed.Add(1)
	}
	return nil
}

// unlessGone: an upload that was deleted meanwhile is nobody's fault.
func unlessGone(err error) error {
	if diag.KindOf(err) == diag.NotFound {
		return nil
	}
	return err
}

func (k *Keeper) now() int64 { return k.o.Clock.Now().UnixMilli() }

// identify reads the file. What is wrong with it is in the result; an error is one of the machine.
func (k *Keeper) identify(ctx context.Context, u *diag.SymbolUpload) (found identity.Result, size int64, err error) {
	ref := upload.Ref{App: u.App, ID: u.ID}
	if _, err := k.o.Uploads.Seal(ref); err != nil {
		return because(err, diag.NotFound), 0, unlessGone(err)
	}
	f, err := k.o.Uploads.Open(ref)
	if err != nil {
		return because(err, diag.NotFound), 0, unlessGone(err)
	}
	defer f.Close()
	found, err = identity.Identify(ctx, f, f.Size, u.FileName, identity.Options{Scratch: k.scratch})
	if err != nil && diag.KindOf(err) == diag.Invalid {
		return because(err, diag.Invalid), f.Size, nil
	}
	return found, f.Size, err
}

// because is the result that nothing was found, with the reason of an error of a kind.
func because(err error, kind diag.ErrorKind) (r identity.Result) {
	if e, ok := errors.AsType[*diag.Error](err); ok && e.Kind == kind {
		r.Problems = []string{e.Message}
	}
	return r
}

func (k *Keeper) scratch() (identity.Scratch, error) { return k.o.Uploads.Scratch() }

// Sweep throws away what has had its time, and files that belong to no upload.
func (k *Keeper) Sweep(ctx context.Context) error {
	now := k.o.Clock.Now()
	stale := store.Stale{Begun: now.Add(-begunFor).UnixMilli(), Failed: now.Add(-failedFor).UnixMilli(), Used: now.Add(-k.o.Keep).UnixMilli()}
	for {
		old, err := k.o.Store.StaleSymbolUploads(ctx, stale, piece)
		if err != nil {
			return err
		}
		for i := range old {
			if err := k.throw(ctx, &old[i]); err != nil {
				return err
			}
		}
		if len(old) < piece {
			return k.sweepFiles(ctx)
		}
	}
}

// throw throws one upload away. One that was begun is aborted first, so that people see what became of it.
func (k *Keeper) throw(ctx context.Context, u *diag.SymbolUpload) error {
	if u.State == diag.UploadCreated {
		_, changed, err := k.o.Store.EndSymbolUpload(ctx, u.App, u.ID, diag.UploadAborted, k.now())
		if err != nil || !changed { // somebody was quicker
			return unlessGone(err)
		}
	} else if _, err := k.o.Store.DeleteSymbolUpload(ctx, u.App, u.ID); err != nil {
		return unlessGone(err)
	}
	k.stats.removed.Add(1)
	return k.o.Uploads.Remove(upload.Ref{App: u.App, ID: u.ID})
}

// sweepFiles takes away files of uploads that are aborted or that the register does not know: of deleted apps, and
// of what a crash has cut off. An upload stands in the register before it has a file.
func (k *Keeper) sweepFiles(ctx context.Context) error {
	all, err := k.o.Uploads.Uploads()
	if err != nil {
		return err
	}
	for _, ref := range all {
		u, err := k.o.Store.SymbolUpload(ctx, ref.App, ref.ID)
		if err != nil && diag.KindOf(err) != diag.NotFound {
			return err
		}
		if err == nil && u.State != diag.UploadAborted {
			continue
		}
		if err := k.o.Uploads.Remove(ref); err != nil {
			return err
		}
	}
	return nil
}
