package export

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// What a configuration's worker is doing, in Stat.State. Any other text is the state of a configuration that
// is not Enabled.
const (
	Waiting   = "waiting"   // for the minute to end
	Indexing  = "indexing"  // for the pipeline to pass the minute
	Rendering = "rendering" // a window into the spool
	Writing   = "writing"   // a window to the target
	Retrying  = "retrying"  // pausing after a failure; see Stat.Error
	Fenced    = "fenced"    // another process exports the configuration
)

// Stat is one configuration in figures. Counters count from the start of the process.
type Stat struct {
	ID    diag.ID
	App   int64 // App.Num
	State string

	Window diag.Minute   // the last one that is exported in full, or before the first that is to be; 0 = none
	Lag    time.Duration // since its end; up to a minute when all is well, 0 as long as there is none

	Windows, Empty int64 // windows that were put, and passed with nothing in them
	Blobs, Bytes   int64 // put, or found to be there from an earlier try
	Failures       int64 // tries that failed
	Conflicts      int64 // payloads and attachments whose names another app has taken: not exported
	Skipped        int64 // logs that could not be read any more: erased or damaged ones

	Failing  bool      // the last try failed
	Since    time.Time // first of the failures in a row
	Attempts int64     // in a row
	Error    string    // of the last; without secrets and personal data
}

// status is the live form of a Stat.
type status struct {
	mu      sync.Mutex
	stat    Stat
	created int64
}

func (s *status) update(fn func(*Stat)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.stat)
}

func (s *status) set(state string) { s.update(func(st *Stat) { st.State = state }) }

// Stats tells about all configurations, in the order in which they were made.
func (x *Exporter) Stats() []Stat {
	type aged struct {
		Stat
		created int64
	}
	now := x.o.Journal.Now()
	x.mu.Lock()
	defer x.mu.Unlock()
	all := make([]aged, 0, len(x.status))
	for _, s := range x.status {
		s.update(func(st *Stat) {
			if st.Window > 0 {
				st.Lag = max(0, time.Duration(now-st.Window.End())*time.Millisecond)
			}
			all = append(all, aged{*st, s.created})
		})
	}
	slices.SortFunc(all, func(a, b aged) int {
		return cmp.Or(cmp.Compare(a.created, b.created), slices.Compare(a.ID[:], b.ID[:]))
	})
	stats := make([]Stat, len(all))
	for i := range all {
		stats[i] = all[i].Stat
	}
	return stats
}

// statusOf finds or makes the status of a configuration.
func (x *Exporter) statusOf(e *store.Export) *status {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.status[e.ID]
	if s == nil {
		s = &status{stat: Stat{ID: e.ID, App: e.App, State: e.State, Window: e.Watermark}, created: e.CreatedAt}
		x.status[e.ID] = s
	}
	return s
}

// forget drops the statuses of configurations that are gone.
func (x *Exporter) forget(listed map[diag.ID]bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id := range x.status {
		if !listed[id] {
			delete(x.status, id)
		}
	}
}
