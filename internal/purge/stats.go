package purge

import (
	"sync"
	"sync/atomic"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// Stats is what the worker has done since it was made.
type Stats struct {
	Reports, Attachments, Events int64 // rows
	Others                       int64 // rows of copies, of what cannot be read, and of who was there on a day
	Frames                       int64 // blanked one by one
	Unexported                   int64 // frames that went before every export had them, holdLimit after their time
	Deletions                    int64 // seen through
	Passes, Failures             int64
	Held                         int64         // apps that an export holds up, by class
	Last                         time.Time     // end of the last pass that went through
	Lag                          time.Duration // how long the oldest log is past its time
}

type stats struct {
	reports, attachments, events, others, frames, unexported, deletions, passes, failures atomic.Int64

	mu   sync.Mutex
	last time.Time
	lag  time.Duration
	hold map[store.PurgeClass]int64
}

// Stats counts.
func (w *Worker) Stats() Stats {
	s := &w.stats
	all := Stats{
		Reports: s.reports.Load(), Attachments: s.attachments.Load(), Events: s.events.Load(), Others: s.others.Load(), Frames: s.frames.Load(),
		Unexported: s.unexported.Load(), Deletions: s.deletions.Load(), Passes: s.passes.Load(), Failures: s.failures.Load(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all.Last, all.Lag = s.last, s.lag
	for _, n := range s.hold {
		all.Held += n
	}
	return all
}

func (s *stats) rows(p store.Purged) {
	s.reports.Add(int64(p.Reports))
	s.attachments.Add(int64(p.Attachments))
	s.events.Add(int64(p.Events))
	s.others.Add(int64(p.Others))
}

func (s *stats) held(class store.PurgeClass, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold == nil {
		s.hold = map[store.PurgeClass]int64{}
	}
	s.hold[class] = n
}

func (s *stats) passed(now time.Time, err error) {
	s.passes.Add(1)
	if err != nil {
		s.failures.Add(1)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = now
}

// measureLag finds how long the oldest log that is still there is past its time.
func (w *Worker) measureLag() error {
	var lag time.Duration
	for _, c := range w.before {
		for _, t := range c.apps {
			next, ok, err := w.o.Journal.NextTime(t.through)
			if err != nil {
				return err
			}
			if ok {
				lag = max(lag, c.now.Add(-diag.Days(t.days)).Sub(next.Time()))
			}
		}
	}
	w.stats.mu.Lock()
	defer w.stats.mu.Unlock()
	w.stats.lag = lag
	return nil
}
