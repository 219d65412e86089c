package purge

import (
	"cmp"
	"context"
	"slices"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// holdLimit is how much longer than its time a log is kept for an export that does not get on.
const holdLimit = 30 * 24 * time.Hour

// cutoff says up to which feed number each app's logs of a class are past their time.
type cutoff struct {
	class store.PurgeClass
	now   time.Time
	apps  map[int64]target
	state map[int64]store.PurgeState
}

type target struct {
	app     diag.App
	through uint64 // up to this they go
	written uint64 // up to this every enabled export has them
	days    int
}

func daysOf(class store.PurgeClass, keep diag.Retention) int {
	if class == store.PurgeEvents {
		return keep.EventDays()
	}
	return keep.ReportDays()
}

func (w *Worker) cutoff(ctx context.Context, class store.PurgeClass, apps []diag.App, now time.Time) (cutoff, error) {
	c := cutoff{class: class, now: now, apps: map[int64]target{}}
	var err error
	if c.state, err = w.o.Store.PurgeStates(ctx, class); err != nil {
		return c, err
	}
	indexed, _, err := w.o.Store.IndexCursor(ctx)
	if err != nil {
		return c, err
	}
	written, err := w.written(ctx, -1)
	if err != nil {
		return c, err
	}
	held := int64(0)
	for _, a := range apps {
		t := target{app: a, days: daysOf(class, a.Keep), written: indexed}
		old, err := w.numberBefore(now, t.days)
		if err != nil {
			return c, err
		}
		t.through = min(old, indexed)
		if n, ok := written[a.Num]; ok {
			t.written = n
			most, err := w.o.Journal.NumberBefore(diag.IngressTimeOf(now.Add(-diag.Days(t.days) - holdLimit)))
			if err != nil {
				return c, err
			}
			if t.through > n {
				t.through = min(t.through, max(n, most))
				held++
			}
		}
		t.through = max(t.through, c.state[a.Num].Cursor) // a longer retention brings nothing back
		c.apps[a.Num] = t
	}
	w.stats.held(class, held)
	return c, nil
}

func (w *Worker) numberBefore(now time.Time, days int) (uint64, error) {
	return w.o.Journal.NumberBefore(diag.IngressTimeOf(now.Add(-diag.Days(days))))
}

// exporting is the state of a configuration that writes.
const exporting = "Enabled"

// written is up to which number everything of an app is exported by each of its enabled configurations. Apps
// without any are not in it. app -1 asks for all.
func (w *Worker) written(ctx context.Context, app int64) (map[int64]uint64, error) {
	all, err := w.o.Store.Exports(ctx, app)
	if err != nil {
		return nil, err
	}
	through := map[int64]uint64{}
	for _, e := range all {
		if e.State != exporting {
			continue
		}
		n, err := w.o.Journal.NumberBefore(max(e.Watermark, e.From-1).End())
		if err != nil {
			return nil, err
		}
		if was, ok := through[e.App]; !ok || n < was {
			through[e.App] = n
		}
	}
	return through, nil
}

// groups puts apps together that have the same target, so that the journal is read once for all of them.
func (c *cutoff) groups() (all [][]target) {
	list := make([]target, 0, len(c.apps))
	for _, t := range c.apps {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b target) int {
		return cmp.Or(cmp.Compare(a.through, b.through), cmp.Compare(a.app.Num, b.app.Num))
	})
	for i, t := range list {
		if i == 0 || list[i-1].through != t.through {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], t)
	}
	return all
}

// floor is up to which number no app has a row of the class any more.
func (c *cutoff) floor(state map[int64]store.PurgeState) uint64 {
	first, floor := true, uint64(0)
	for num := range c.apps {
		if n := min(state[num].Cursor, state[num].Mark); first || n < floor {
			first, floor = false, n
		}
	}
	return floor
}
