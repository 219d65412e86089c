package ingest

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/store"
)

// Journal makes the logs of a request durable, all or none.
type Journal interface {
	Append(context.Context, []journal.Frame) (journal.Receipt, error)
}

// Store is what ingestion asks of the register.
type Store interface {
	AppBySecret(ctx context.Context, secret diag.ID) (diag.App, error) // NotFound if there is none
	BlockedInstalls(ctx context.Context, app int64) ([][16]byte, error)
	AddDrops(ctx context.Context, drops []store.Drop) error
}

// Options of New. Journal, Store and Clock must be set.
type Options struct {
	Journal    Journal
	Store      Store
	Clock      diag.Clock
	Log        *slog.Logger
	InstallKey [32]byte // of diag.HashInstall: names blocked installs

	Strict       bool        // answer 400 when no log of a request is valid, and be as choosy about logs as the original
	MaxBody      int64       // bytes of one inflated body; 0: 32 MiB, at most 48 MiB
	MemoryBudget int64       // bytes in flight over all requests; 0: 256 MiB
	DiskFull     func() bool // asked at every request; nil: never
	Pace         Pace        // how slowly a body may arrive
}

// Pace bounds how long a body may take, on the machine's clock. SDKs give up after 10 to 100 seconds.
type Pace struct {
	Grace   time.Duration // allowed in any case; 0: 10 s
	Rate    int64         // bytes a second that a body must bring beyond that; 0: 4096
	Longest time.Duration // allowed at most; 0: 60 s
}

const (
	defaultMaxBody = 32 << 20
	largestMaxBody = 48 << 20 // with its envelope it still fits into one frame of the journal
	defaultBudget  = 256 << 20
)

func (o *Options) setDefaults() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.DiskFull == nil {
		o.DiskFull = func() bool { return false }
	}
	if o.MaxBody <= 0 {
		o.MaxBody = defaultMaxBody
	}
	o.MaxBody = min(o.MaxBody, largestMaxBody)
	if o.MemoryBudget <= 0 {
		o.MemoryBudget = defaultBudget
	}
	o.Pace.setDefaults()
}

func (p *Pace) setDefaults() {
	if p.Grace <= 0 {
		p.Grace = 10 * time.Second
	}
	if p.Rate <= 0 {
		p.Rate = 4096
	}
	if p.Longest <= 0 {
		p.Longest = 60 * time.Second
	}
	p.Longest = max(p.Longest, p.Grace)
}

// Handler answers POST …/logs. Make it with New.
type Handler struct {
	o        Options
	apps     appCache
	memory   budget
	buffers  buffers
	requests sync.Pool // of *request
	draining atomic.Bool
	counts   counts
	ledger   ledger
	alarm    alarm
}

// New makes a handler. Run must run beside it, or drops are never stored.
func New(o Options) *Handler {
	o.setDefaults()
	h := &Handler{o: o, memory: budget{limit: o.MemoryBudget}}
	h.apps.init(o.Store, o.Clock)
	h.requests.New = func() any { return newRequest(h) }
	h.alarm.clock = o.Clock
	return h
}

// Match reports whether a path is one that SDKs send logs to: it ends in /logs, whatever prefix and however
// many slashes the configured log URL brought along.
func Match(path string) bool {
	return strings.HasSuffix(strings.TrimRight(path, "/"), "/logs")
}

// IsOneCollector recognises telemetry of the Common Schema. It arrives at any path when an app without an app
// secret sets our address as its log URL.
func IsOneCollector(r *http.Request) bool {
	if r.Method != http.MethodPost {
		return false
	}
	for _, name := range [...]string{"Apikey", "Client-Version"} {
		if _, ok := r.Header[name]; ok {
			return true
		}
	}
	const stream = "application/x-json-stream"
	kind := r.Header.Get("Content-Type")
	return len(kind) >= len(stream) && strings.EqualFold(kind[:len(stream)], stream)
}

// ServeHTTP takes one request. The caller has found its path to Match.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.counts.requests.Add(1)
	h.counts.inFlight.Add(1)
	defer h.counts.inFlight.Add(-1)
	q := h.requests.Get().(*request)
	q.begin(w, r)
	defer q.end()
	q.answer(q.serve())
}

// OneCollector takes such telemetry and forgets it. A refusal would make the SDK give up its crash reports too.
func (h *Handler) OneCollector(w http.ResponseWriter, r *http.Request) {
	h.counts.oneCollector.Add(1)
	q := h.requests.Get().(*request)
	q.begin(w, r)
	defer q.end()
	q.drain()
	w.Header()["Content-Type"] = jsonType
	w.Write([]byte("{}"))
}

// Drain refuses requests from now on, so that devices keep their logs until the next start. Those under way
// are answered.
func (h *Handler) Drain() { h.draining.Store(true) }

// Invalidate has apps and blocked installs read anew: call it when one was changed.
func (h *Handler) Invalidate() { h.apps.invalidate() }

const flushEvery = 5 * time.Second

// Run writes the counts of dropped logs to the store every few seconds, and once more when ctx ends.
func (h *Handler) Run(ctx context.Context) {
	for h.o.Clock.Sleep(ctx, flushEvery) == nil {
		h.flush(ctx)
		h.apps.prune()
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushEvery)
	defer cancel()
	h.flush(last)
}

func (h *Handler) flush(ctx context.Context) {
	drops := h.ledger.take()
	if len(drops) == 0 {
		return
	}
	if err := h.o.Store.AddDrops(ctx, drops); err != nil {
		h.ledger.giveBack(drops)
		h.alarm.raise(h.o.Log, "counts of dropped logs cannot be stored; trying again", err)
	}
}

// alarm tells of failures that may come with every request, but not at every one.
type alarm struct {
	clock diag.Clock
	next  atomic.Int64 // monotonic time of the next one
}

const alarmEvery = 10 * time.Second

func (a *alarm) raise(log *slog.Logger, message string, err error) {
	now, next := int64(a.clock.Monotonic()), a.next.Load()
	if now >= next && a.next.CompareAndSwap(next, now+int64(alarmEvery)) {
		log.Error(message, "error", err)
	}
}
