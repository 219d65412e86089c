// Package export writes every closed minute of the journal into the blob containers that apps' export
// configurations name, in the layout of package archive.
//
// It promises for each configuration: one folder for each minute in which something came, written when the
// journal has closed the minute and the pipeline has passed it; no minute left out and no record twice,
// whatever fails or dies in between. A window is rendered once into a durable spool and put from there with
// create-only puts, attachments and payloads before the arrays that name them, the analytics file last; only
// then does the configuration's cursor move. What is there already is never overwritten. A target that fails
// is tried again for as long as it takes and holds up no other.
//
// Memory is bounded whatever a minute holds: by the largest single blob and the logs of one millisecond.
package export

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"time"

	"lifeboat/internal/blob"
	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/report"
	"lifeboat/internal/store"
)

// Options of New. Those above the empty line must be set.
type Options struct {
	Store    *store.DB
	Journal  *journal.Journal
	Reports  *report.Reader
	Clock    diag.Clock
	Log      *slog.Logger
	SpoolDir string // made if missing; holds personal data
	// Open opens a configuration's target and makes its container if there is none. It is called again after
	// every failure, so that a container or a key that came back is found. Errors as those of a blob.Bucket.
	Open func(ctx context.Context, e store.Export) (blob.Bucket, error)

	Parallel int            // puts at a time for each configuration; 0: 12
	MaxArray int            // bytes of an array blob, after which the next part begins; 0: 64 MiB
	GiveUp   time.Duration  // how long a target may refuse the key or be unknown before it is disabled; 0: 6 hours
	Rand     func() float64 // jitter, in [0, 1); nil: random
}

// Exporter exports all configurations. Make it with New.
type Exporter struct {
	o      Options
	wake   chan struct{} // has room for one
	render chan struct{} // held while a window is rendered: one at a time, in the order asked for

	mu     sync.Mutex
	status map[diag.ID]*status
}

// New makes an exporter and its spool folder.
func New(o Options) (*Exporter, error) {
	if o.Parallel == 0 {
		o.Parallel = 12
	}
	if o.MaxArray == 0 {
		o.MaxArray = 64 << 20
	}
	if o.GiveUp == 0 {
		o.GiveUp = 6 * time.Hour
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	if err := makeDir(o.SpoolDir); err != nil {
		return nil, diag.Wrap(diag.Internal, err, "The folder for exports on their way cannot be made.")
	}
	return &Exporter{o: o, wake: make(chan struct{}, 1), render: make(chan struct{}, 1), status: map[diag.ID]*status{}}, nil
}

// Wake makes Run look at the configurations again. Call it after one was made, changed or deleted.
func (x *Exporter) Wake() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// relist is how often the configurations are looked at without Wake.
const relist = time.Minute

// Run exports until ctx ends, which is no error.
func (x *Exporter) Run(ctx context.Context) error {
	var done sync.WaitGroup
	done.Go(func() {
		for x.o.Clock.Sleep(ctx, relist) == nil {
			x.Wake()
		}
	})
	s := supervisor{Exporter: x, workers: map[diag.ID]*worker{}, done: &done}
	for ctx.Err() == nil {
		if err := s.reconcile(ctx); err != nil && ctx.Err() == nil {
			x.o.Log.Error("the export configurations cannot be read; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-x.wake:
		}
	}
	done.Wait()
	return nil
}

// supervisor keeps one worker for each enabled configuration. A changed configuration gets a new worker.
type supervisor struct {
	*Exporter
	workers map[diag.ID]*worker
	done    *sync.WaitGroup
}

// reconcile makes the workers fit the configurations. It waits for none: one that has to stop calls Wake
// when it has.
func (s *supervisor) reconcile(ctx context.Context) error {
	all, err := s.o.Store.Exports(ctx, -1)
	if err != nil {
		return err
	}
	listed := make(map[diag.ID]bool, len(all))
	for _, e := range all {
		if e.State == stateDeleted {
			continue
		}
		listed[e.ID] = true
		s.follow(ctx, e)
	}
	for id, w := range s.workers {
		if !listed[id] {
			w.cancel()
			if w.hasEnded() {
				delete(s.workers, id)
			}
		}
	}
	s.forget(listed)
	return s.sweep(listed)
}

// The states of a configuration that matter here.
const (
	stateEnabled  = "Enabled"
	stateDisabled = "Disabled"
	stateDeleted  = "Deleted"
)

// follow starts, stops or restarts the worker of one configuration.
func (s *supervisor) follow(ctx context.Context, e store.Export) {
	st := s.statusOf(&e)
	w := s.workers[e.ID]
	if w != nil && !w.hasEnded() {
		if e.State != stateEnabled || !sameSettings(w.settings, e) {
			w.cancel()
		}
		return
	}
	if w != nil && w.fenced && sameSettings(w.settings, e) {
		return // somebody else exports it
	}
	delete(s.workers, e.ID)
	if e.State != stateEnabled {
		st.set(e.State)
		return
	}
	w = newWorker(s.Exporter, e, st)
	s.workers[e.ID] = w
	ctx, w.cancel = context.WithCancel(ctx)
	s.done.Go(func() {
		w.run(ctx)
		w.cancel()
		close(w.ended)
		s.Wake()
	})
}

// sameSettings compares what people set and leaves out the cursor.
func sameSettings(a, b store.Export) bool {
	for _, e := range []*store.Export{&a, &b} {
		e.LastRun, e.Watermark, e.Epoch = 0, 0, 0
	}
	return reflect.DeepEqual(a, b)
}

// sweep removes the spools of configurations that are gone.
func (s *supervisor) sweep(listed map[diag.ID]bool) error {
	dirs, err := os.ReadDir(s.o.SpoolDir)
	if err != nil {
		return err
	}
	for _, d := range dirs {
		id, ok := diag.ParseID(d.Name())
		if ok && !listed[id] && s.workers[id] == nil {
			err = errors.Join(err, os.RemoveAll(filepath.Join(s.o.SpoolDir, d.Name())))
		}
	}
	return err
}

// wanted is what a configuration exports. "crashes" alone stands for crashes, handled errors and their
// attachments, as App Center's documentation promised of it; the narrower words narrow (docs/compatibility.md,
// Q13 and Q14).
type wanted struct{ logs, crashes, errors, attachments bool }

func wantedBy(e *store.Export) wanted {
	has := func(word string) bool { return slices.Contains(e.Entities, word) }
	return wanted{
		logs:        !has("no_logs"),
		crashes:     has("crashes"),
		errors:      has("errors") || has("crashes") && e.HandledErrors,
		attachments: has("attachments"),
	}
}

// report: reports of that kind are exported.
func (w wanted) report(handled bool) bool {
	if handled {
		return w.errors
	}
	return w.crashes
}

// attachment: attachments of such reports are exported.
func (w wanted) attachment(handled bool) bool { return w.attachments || w.report(handled) }

// reports: there can be reports or attachments at all.
func (w wanted) reports() bool { return w.crashes || w.errors || w.attachments }
