package purge

import (
	"context"

	"lifeboat/internal/journal"
	"lifeboat/internal/store"
)

// Plan says what a pass would take away.
type Plan struct {
	Apps     []AppPlan // those that lose something
	Copies   int64     // frames that may hold nothing but copies
	Segments int64     // that go whole
	Bytes    int64     // of those segments
}

// AppPlan is what one app would lose.
type AppPlan struct {
	App                   string // owner/name
	Events, Reports       int64  // logs; Reports counts errors and attachments
	Bytes                 int64  // that they take in the journal
	EventDays, ReportDays int
	Held                  bool // an export has not written all of it: what it needs stays
}

// Plan is a dry run: it changes nothing.
func (w *Worker) Plan(ctx context.Context) (Plan, error) {
	w.pass.Lock()
	defer w.pass.Unlock()
	var p Plan
	apps, err := w.o.Store.Apps(ctx)
	if err != nil {
		return p, err
	}
	now := w.o.Clock.Now()
	of := map[int64]*AppPlan{}
	for i := range apps {
		of[apps[i].Num] = &AppPlan{App: apps[i].Owner + "/" + apps[i].Name, EventDays: apps[i].Keep.EventDays(), ReportDays: apps[i].Keep.ReportDays()}
	}
	for _, class := range [...]store.PurgeClass{store.PurgeEvents, store.PurgeReports} {
		c, err := w.cutoff(ctx, class, apps, now)
		if err != nil {
			return p, err
		}
		if err := w.planClass(ctx, &p, &c, of); err != nil {
			return p, err
		}
	}
	for i := range apps {
		a := of[apps[i].Num]
		if a.Events+a.Reports > 0 || a.Held {
			p.Apps = append(p.Apps, *a)
		}
		all, err := w.o.Store.Copies(ctx, apps[i].Num, 0, maxMixed)
		if err != nil {
			return p, err
		}
		last := uint64(0)
		for _, c := range all {
			if c.Feed != last {
				last = c.Feed
				p.Copies++
			}
		}
	}
	return p, nil
}

func (w *Worker) planClass(ctx context.Context, p *Plan, c *cutoff, of map[int64]*AppPlan) error {
	first, floor, last := true, uint64(0), uint64(0)
	for num, t := range c.apps {
		old, err := w.numberBefore(c.now, t.days)
		if err != nil {
			return err
		}
		of[num].Held = of[num].Held || t.through < min(old, t.written) || t.written < old && t.through < old
		if first || t.through < floor {
			first, floor = false, t.through
		}
		last = max(last, t.through)
	}
	for _, jc := range classes(c.class) {
		for _, s := range w.o.Journal.Segments(jc) {
			if s.Sealed && s.Last <= floor {
				p.Segments++
				p.Bytes += s.Bytes
			}
		}
	}
	return w.frames(ctx, 0, last, classes(c.class), func(entries []journal.Entry) error {
		for i := range entries {
			e := &entries[i]
			t, ok := c.apps[e.App]
			if !ok || e.Number > t.through || e.Number <= c.state[e.App].Cursor {
				continue
			}
			n := int64(len(logsOf(e, &t.app)))
			if c.class == store.PurgeEvents {
				of[e.App].Events += n
			} else {
				of[e.App].Reports += n
			}
			of[e.App].Bytes += int64(e.Stored())
		}
		return nil
	})
}
