package ingest

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
	"lifeboat/internal/wire"
)

// Stats is what the handler has done since it was made.
type Stats struct {
	Requests     int64
	InFlight     int64            // requests
	MemoryInUse  int64            // bytes of the memory budget
	WireBytes    int64            // of bodies, as they came
	BodyBytes    int64            // of bodies, inflated
	Logs         map[string]int64 // durable ones, by type
	Dropped      map[string]int64 // by reason; logs, or requests that are refused for good
	Statuses     map[int]int64    // answers by status
	Refused      map[string]int64 // requests without success, by reason; 503 and 408 among them are sent again
	OneCollector int64            // requests
}

type counts struct {
	requests, inFlight, wireBytes, bodyBytes, oneCollector atomic.Int64

	logs     [kindCount]atomic.Int64
	outcomes [outcomeCount]atomic.Int64
}

func (c *counts) stored(kinds *[kindCount]int64) {
	for kind, n := range kinds {
		if n > 0 {
			c.logs[kind].Add(n)
		}
	}
}

// Stats counts.
func (h *Handler) Stats() Stats {
	c := &h.counts
	s := Stats{
		Requests: c.requests.Load(), InFlight: c.inFlight.Load(), MemoryInUse: h.memory.used.Load(),
		WireBytes: c.wireBytes.Load(), BodyBytes: c.bodyBytes.Load(), OneCollector: c.oneCollector.Load(),
		Logs: map[string]int64{}, Dropped: h.ledger.totals(), Statuses: map[int]int64{}, Refused: map[string]int64{},
	}
	for kind := diag.KindStartService; kind < kindCount; kind++ {
		s.Logs[kind.String()] = c.logs[kind].Load()
	}
	for out := range outcomeCount {
		n := c.outcomes[out].Load()
		s.Statuses[answers[out].status] += n
		if reason := answers[out].reason; reason != "" {
			s.Refused[string(reason)] = n
		}
	}
	return s
}

// account counts an outcome. Logs that the device will send again are not dropped yet.
func (q *request) account(out outcome) {
	q.h.counts.outcomes[out].Add(1)
	reason := answers[out].reason
	if reason != "" {
		q.drops = append(q.drops[:0], drop{reason, 1})
	}
	if len(q.drops) == 0 || out == wrongMethod {
		return
	}
	var num int64
	if q.app != nil {
		num = q.app.Num
	}
	q.h.ledger.add(num, q.now, q.drops, out.final())
}

// Refusal says how often something of an app was not taken for one reason since the server started: a log, or
// a whole request. It names no device and no secret.
type Refusal struct {
	App    int64 // 0 = unknown secret
	Reason string
	Final  bool // dropped for good; else the device will send it again
	Count  int64
	Last   time.Time
}

// Refused lists what was not taken, the latest first.
func (h *Handler) Refused() []Refusal { return h.ledger.list() }

// ledger counts what was not taken. The zero value is ready. It has as many entries as there are apps times
// reasons, and no more than maxRefusals for people to look at.
type ledger struct {
	mu       sync.Mutex
	pending  map[pendingKey]int64 // not stored yet
	refusals map[refusalKey]*Refusal
	dropped  map[wire.Reason]int64
}

type pendingKey struct {
	app, day int64
	reason   wire.Reason
}

type refusalKey struct {
	app    int64
	reason wire.Reason
}

const maxRefusals = 4096

const day = 24 * 60 * 60

// add counts drops of one request. Those that are final also go to the store.
func (l *ledger) add(app int64, now time.Time, drops []drop, final bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refusals == nil {
		l.pending, l.refusals, l.dropped = map[pendingKey]int64{}, map[refusalKey]*Refusal{}, map[wire.Reason]int64{}
	}
	for _, d := range drops {
		l.note(app, now, d, final)
		if final {
			l.dropped[d.reason] += d.n
			l.pending[pendingKey{app, now.Unix() / day, d.reason}] += d.n
		}
	}
}

func (l *ledger) note(app int64, now time.Time, d drop, final bool) {
	if len(l.refusals) >= maxRefusals && l.refusals[refusalKey{app, d.reason}] == nil {
		app = 0
	}
	key := refusalKey{app, d.reason}
	r := l.refusals[key]
	if r == nil {
		r = &Refusal{App: app, Reason: string(d.reason), Final: final}
		l.refusals[key] = r
	}
	r.Count += d.n
	r.Last = now
}

func (l *ledger) list() []Refusal {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]Refusal, 0, len(l.refusals))
	for _, r := range l.refusals {
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b Refusal) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.App, b.App), cmp.Compare(a.Reason, b.Reason))
	})
	return all
}

func (l *ledger) totals() map[string]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[string]int64, len(l.dropped))
	for reason, n := range l.dropped {
		all[string(reason)] = n
	}
	return all
}

// take gives what is to be stored and begins anew.
func (l *ledger) take() []store.Drop {
	l.mu.Lock()
	defer l.mu.Unlock()
	drops := make([]store.Drop, 0, len(l.pending))
	for key, n := range l.pending {
		drops = append(drops, store.Drop{App: key.app, Day: key.day, Reason: string(key.reason), Count: n})
	}
	clear(l.pending)
	return drops
}

// giveBack takes what could not be stored.
func (l *ledger) giveBack(drops []store.Drop) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range drops {
		l.pending[pendingKey{d.App, d.Day, wire.Reason(d.Reason)}] += d.Count
	}
}
