package server

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"lifeboat/internal/diag"
)

// scrubs sees to it that nothing of a deleted app or account stays in the databases' files.
type scrubs struct {
	changed chan struct{} // has room for one: apps were made, changed or deleted
	apps    []int64       // numbers of those that there were at the last look, sorted
	account atomic.Bool   // one was deleted since
	due     bool
	pause   time.Duration // before the next try
}

const (
	// scrubAfter lets batches end that still knew the app (the pipeline remembers apps for two seconds).
	scrubAfter = 5 * time.Second
	// scrubLater is for a start after a crash, when there may be a backlog.
	scrubLater = time.Minute
)

// openScrubs finds out whether there is something to do from before. The file scrub says so, and so does a log
// of a database that nobody has closed: the process may have died while an app was being deleted.
func (s *Server) openScrubs(ctx context.Context, unclean bool) (err error) {
	s.scrubs.changed, s.scrubs.pause, s.scrubs.due = make(chan struct{}, 1), scrubLater, unclean
	if _, err := os.Stat(s.folder.in(scrubFile)); err == nil {
		s.scrubs.due, s.scrubs.pause = true, scrubAfter
	}
	s.scrubs.apps, err = s.appNumbers(ctx)
	return err
}

// unclean reports whether the last process on a folder has closed its databases. Ask before they are opened.
func (f *folder) unclean() bool {
	for _, name := range [...]string{registerDB, indexDB} {
		if log, err := os.Stat(f.in(name + "-wal")); err == nil && log.Size() > 0 {
			return true
		}
	}
	return false
}

func (s *Server) appNumbers(ctx context.Context) ([]int64, error) {
	all, err := s.store.Apps(ctx)
	if err != nil {
		return nil, err
	}
	nums := make([]int64, len(all))
	for i := range all {
		nums[i] = all[i].Num
	}
	slices.Sort(nums)
	return nums, nil
}

// appsChanged is told of every app that was made, changed or deleted.
func (s *Server) appsChanged() {
	s.ingest.Invalidate()
	s.purge.Wake()
	s.keeper.SweepSoon()
	select {
	case s.scrubs.changed <- struct{}{}:
	default:
	}
}

// accountGone is told of every account that was deleted.
func (s *Server) accountGone() {
	s.scrubs.account.Store(true)
	s.appsChanged()
}

// scrub waits for deletions and overwrites what they leave.
func (s *Server) scrub(ctx context.Context) {
	for {
		if err := s.scrubNext(ctx); ctx.Err() != nil {
			return
		} else if err != nil {
			s.scrubs.pause = min(max(2*s.scrubs.pause, scrubAfter), tidyInterval)
			if diag.KindOf(err) != diag.Busy { // else somebody reads, which ends
				s.log.Error("what deleted apps and accounts left in the databases is not overwritten yet; it is tried again", "error", err)
			}
		}
	}
}

// scrubNext waits for one deletion, or overwrites what is left of those so far.
func (s *Server) scrubNext(ctx context.Context) error {
	if !s.scrubs.due {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.scrubs.changed:
			return s.lookForDeleted(ctx)
		}
	}
	if err := s.config.Clock.Sleep(ctx, s.scrubs.pause); err != nil {
		return err
	}
	if err := s.store.Tidy(ctx); err != nil { // rows that came after the deletion
		return err
	}
	if err := s.store.Scrub(ctx); err != nil {
		return err
	}
	s.scrubs.due = false
	s.log.Info("what deleted apps and accounts left in the databases is overwritten")
	if err := os.Remove(s.folder.in(scrubFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// lookForDeleted makes a scrub due if there is an app less, also for the next process if this one ends before.
func (s *Server) lookForDeleted(ctx context.Context) error {
	now, err := s.appNumbers(ctx)
	if err != nil {
		s.scrubs.due = true // there may be
		return err
	}
	gone := slices.ContainsFunc(s.scrubs.apps, func(num int64) bool {
		_, there := slices.BinarySearch(now, num)
		return !there
	})
	s.scrubs.apps = now
	if !s.scrubs.account.Swap(false) && !gone {
		return nil
	}
	s.scrubs.due, s.scrubs.pause = true, scrubAfter
	return writeDurably(s.folder.in(scrubFile), nil)
}
