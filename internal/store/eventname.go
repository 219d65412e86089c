package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"lifeboat/internal/diag"
)

// deletedEvents says up to when logs of events of an app are deleted.
func (db *DB) deletedEvents(ctx context.Context, app int64) (map[string]diag.IngressTime, error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return nil, err
	}
	all := map[string]diag.IngressTime{}
	err = db.register.read(ctx, func(t *tx) error {
		return t.each(func(r *sql.Rows) error {
			var (
				name string
				at   diag.IngressTime
			)
			err := r.Scan(&name, &at)
			all[name] = at
			return err
		}, "SELECT name, at FROM event_deleted WHERE shard = $1 AND app = $2", shard, app)
	})
	return all, err
}

// DeleteEvent makes the logs of an event that have come so far count no more, now and whenever the index is
// made anew. The event is back when new ones come. now is the journal's clock.
func (db *DB) DeleteEvent(ctx context.Context, app int64, name string, now func() diag.IngressTime) error {
	if _, err := db.EventProperties(ctx, app, name); err != nil {
		return err
	}
	// While the index's writer is held nothing is counted: what has come is at most as new as now says, and
	// what is counted afterwards knows of the deletion.
	err := db.index.update(ctx, func(*tx) error {
		return db.updateApp(ctx, app, func(t *tx, shard uint8) error {
			_, err := t.exec(`INSERT INTO event_deleted (shard, app, name, at, swept) VALUES ($1, $2, $3, $4, 0)
				ON CONFLICT (shard, app, name) DO UPDATE SET at = excluded.at, swept = 0`, shard, app, name, now())
			return err
		})
	})
	if err != nil {
		return err
	}
	return db.sweepEvents(ctx)
}

// deletedEvent is a deletion whose rows in the index are not yet known to be gone.
type deletedEvent struct {
	app   int64
	shard uint8
	name  string
	at    diag.IngressTime
}

// sweepEvents takes away the numbers of deleted events. Nobody sees them any more.
func (db *DB) sweepEvents(ctx context.Context) error {
	var all []deletedEvent
	err := db.register.read(ctx, func(t *tx) (err error) {
		all, err = list(t, func(r *sql.Rows) (d deletedEvent, err error) {
			return d, r.Scan(&d.shard, &d.app, &d.name, &d.at)
		}, "SELECT shard, app, name, at FROM event_deleted WHERE swept = 0")
		return err
	})
	if err != nil {
		return err
	}
	for _, d := range all {
		if err := db.index.update(ctx, d.sweep(db)); err != nil {
			return err
		}
		err := db.register.update(ctx, func(t *tx) error {
			_, err := t.exec("UPDATE event_deleted SET swept = 1 WHERE shard = $1 AND app = $2 AND name = $3 AND at = $4", d.shard, d.app, d.name, d.at)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *deletedEvent) sweep(db *DB) func(*tx) error {
	return func(t *tx) error {
		word, ok, err := db.words.find(t, d.name)
		if err != nil || !ok {
			return err
		}
		numbers, err := list(t, func(r *sql.Rows) (n int64, err error) { return n, r.Scan(&n) },
			"SELECT num FROM event_name WHERE shard = $1 AND app = $2 AND name = $3 AND gen < $4", d.shard, d.app, word, d.at)
		if err != nil {
			return err
		}
		for _, n := range numbers {
			for _, text := range [...]string{
				"DELETE FROM event_count WHERE shard = $1 AND app = $2 AND event = $3",
				"DELETE FROM event_value WHERE shard = $1 AND app = $2 AND event = $3",
				"DELETE FROM event_property WHERE shard = $1 AND app = $2 AND event = $3",
				"UPDATE event_name SET name = 0, gen = -num WHERE shard = $1 AND app = $2 AND num = $3", // no number is given twice
			} {
				if _, err := t.exec(text, d.shard, d.app, n); err != nil {
					return err
				}
			}
			_, err := t.exec("DELETE FROM active_gap WHERE shard = $1 AND app = $2 AND dim = $3 AND value = $4", d.shard, d.app, dimEvents, n)
			if err != nil {
				return err
			}
		}
		t.after = append(t.after, db.memory.clear)
		return nil
	}
}

// EventQuery asks for events of an app that devices sent in a span of days. See SpanQuery for the ends.
type EventQuery struct {
	App        int64
	Start, End diag.DeviceTime
	Versions   []string // none = all
	Names      []string // none = all
}

func (q *EventQuery) span() (first, last int64, err error) {
	return (&SpanQuery{Start: q.Start, End: q.End}).span()
}

// EventUse is how an event was used. An install or session with several of the versions asked for counts in
// each; a session that goes on over midnight, on both days.
type EventUse struct{ Count, Devices, Sessions int64 }

// EventTotal is an event in a span, and in the span of the same length before it.
type EventTotal struct {
	Name          string
	Now, Previous EventUse
}

// Events lists the events that were sent in a span, by name.
func (db *DB) Events(ctx context.Context, q EventQuery) ([]EventTotal, error) {
	first, last, err := q.span()
	if err != nil {
		return nil, err
	}
	var all []EventTotal
	err = db.viewEvents(ctx, q.App, func(e *eventReader) error {
		events, err := e.named(q.Names)
		if err != nil {
			return err
		}
		versions, err := e.versionsOrAll(q.Versions)
		if err != nil {
			return err
		}
		now, err := e.uses(events, versions, first, last)
		if err != nil {
			return err
		}
		before, err := e.uses(events, versions, first-(last-first+1), first-1)
		if err != nil {
			return err
		}
		for n, name := range events {
			if now[n].Count > 0 {
				all = append(all, EventTotal{name, now[n], before[n]})
			}
		}
		return nil
	})
	slices.SortFunc(all, func(a, b EventTotal) int { return cmp.Compare(a.Name, b.Name) })
	return all, err
}

// EventDays tells how an event was used on each day of a span. q.Names holds the event alone.
func (db *DB) EventDays(ctx context.Context, q EventQuery) ([]EventUse, error) {
	first, last, err := q.span()
	if err != nil {
		return nil, err
	}
	days := make([]EventUse, last-first+1)
	err = db.viewEvents(ctx, q.App, func(e *eventReader) error {
		n, err := e.one(q.Names[0])
		if err != nil {
			return err
		}
		versions, err := e.versionsOrAll(q.Versions)
		if err != nil {
			return err
		}
		for _, v := range versions {
			err := e.t.each(func(r *sql.Rows) error {
				var (
					day int64
					u   EventUse
				)
				err := r.Scan(&day, &u.Count, &u.Devices, &u.Sessions)
				d := &days[day-first]
				d.Count, d.Devices, d.Sessions = d.Count+u.Count, d.Devices+u.Devices, d.Sessions+u.Sessions
				return err
			}, `SELECT day, n, devices, sessions FROM event_count WHERE shard = $1 AND app = $2 AND event = $3 AND version = $4
				AND day >= $5 AND day <= $6`, e.shard, e.app, n, v, first, last)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return days, err
}

// EventProperties lists the names of an event's properties. NotFound if there is no such event.
func (db *DB) EventProperties(ctx context.Context, app int64, event string) (names []string, err error) {
	err = db.viewEvents(ctx, app, func(e *eventReader) error {
		n, err := e.one(event)
		if err != nil {
			return err
		}
		words, err := list(e.t, func(r *sql.Rows) (n int64, err error) { return n, r.Scan(&n) },
			"SELECT property FROM event_property WHERE shard = $1 AND app = $2 AND event = $3", e.shard, e.app, n)
		if err != nil {
			return err
		}
		for _, w := range words {
			name, err := db.words.read(e.t, w)
			if err != nil {
				return err
			}
			names = append(names, name)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

// PropertyValues lists the values of an event's property by falling number of logs in a span. total counts all
// logs that had the property; those of values that are not told apart are in no value. q.Names holds the event
// alone. NotFound if there is no such event.
func (db *DB) PropertyValues(ctx context.Context, q EventQuery, property string) (all []Share, total int64, err error) {
	first, last, err := q.span()
	if err != nil {
		return nil, 0, err
	}
	length := last - first + 1
	of := map[string]*Share{}
	err = db.viewEvents(ctx, q.App, func(e *eventReader) error {
		n, err := e.one(q.Names[0])
		if err != nil {
			return err
		}
		word, none, err := e.word(property)
		if err != nil || none {
			return err
		}
		versions, err := e.versions(q.Versions)
		if err != nil {
			return err
		}
		return e.t.each(func(r *sql.Rows) error {
			var (
				day, version, n int64
				rest            bool
				value           string
			)
			if err := r.Scan(&day, flagColumn{&rest}, &value, &version, &n); err != nil {
				return err
			}
			if _, asked := slices.BinarySearch(versions, version); len(q.Versions) > 0 && !asked {
				return nil
			}
			if day >= first {
				total += n
			}
			if rest {
				return nil
			}
			if of[value] == nil {
				of[value] = &Share{Value: value}
			}
			if day >= first {
				of[value].N += n
			} else {
				of[value].Previous += n
			}
			return nil
		}, `SELECT day, rest, value, version, n FROM event_value WHERE shard = $1 AND app = $2 AND event = $3 AND property = $4
			AND day >= $5 AND day <= $6`, e.shard, e.app, n, word, first-length, last)
	})
	for _, s := range of {
		if s.N > 0 {
			all = append(all, *s)
		}
	}
	slices.SortFunc(all, func(a, b Share) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Value, b.Value)) })
	return all, total, err
}

// EventCuts counts what was beyond the limits from one day to another. See SpanQuery for the ends.
func (db *DB) EventCuts(ctx context.Context, q EventQuery) (cuts map[EventCut]int64, err error) {
	first, last, err := q.span()
	if err != nil {
		return nil, err
	}
	cuts = map[EventCut]int64{}
	err = db.viewEvents(ctx, q.App, func(e *eventReader) error {
		return e.t.each(func(r *sql.Rows) error {
			var (
				what EventCut
				n    int64
			)
			err := r.Scan(&what, &n)
			cuts[what] += n
			return err
		}, "SELECT what, n FROM event_cut WHERE shard = $1 AND app = $2 AND day >= $3 AND day <= $4", e.shard, e.app, first, last)
	})
	return cuts, err
}

// eventReader reads the events of one app that are not deleted.
type eventReader struct {
	activeReader
	deleted map[string]diag.IngressTime
}

func (db *DB) viewEvents(ctx context.Context, app int64, fn func(*eventReader) error) error {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return err
	}
	deleted, err := db.deletedEvents(ctx, app)
	if err != nil {
		return err
	}
	return db.viewIndex(ctx, func(t *tx) error {
		return fn(&eventReader{activeReader{db: db, t: t, shard: shard, app: app, of: countUsed}, deleted})
	})
}

// named are the events with one of the names, or all of them, by number.
func (e *eventReader) named(names []string) (map[int64]string, error) {
	events := map[int64]string{}
	if len(names) > 0 {
		for _, name := range names {
			n, ok, err := e.find(name)
			if err != nil {
				return nil, err
			}
			if ok {
				events[n] = name
			}
		}
		return events, nil
	}
	type row struct{ name, gen, num int64 }
	rows, err := list(e.t, func(r *sql.Rows) (w row, err error) { return w, r.Scan(&w.name, &w.gen, &w.num) },
		"SELECT name, gen, num FROM event_name WHERE shard = $1 AND app = $2 AND gen >= 0", e.shard, e.app)
	if err != nil {
		return nil, err
	}
	for _, w := range rows {
		name, err := e.db.words.read(e.t, w.name)
		if err != nil {
			return nil, err
		}
		if w.gen == int64(e.deleted[name]) {
			events[w.num] = name
		}
	}
	return events, nil
}

// find is the number of an event.
func (e *eventReader) find(name string) (n int64, ok bool, err error) {
	word, none, err := e.word(name)
	if err != nil || none || name == "" {
		return 0, false, err
	}
	err = e.t.each(func(r *sql.Rows) error {
		ok = true
		return r.Scan(&n)
	}, "SELECT num FROM event_name WHERE shard = $1 AND app = $2 AND name = $3 AND gen = $4", e.shard, e.app, word, e.deleted[name])
	return n, ok, err
}

// one is find for an event that must be there.
func (e *eventReader) one(name string) (int64, error) {
	n, ok, err := e.find(name)
	if err == nil && !ok {
		return 0, diag.Errorf(diag.NotFound, "There is no such event.")
	}
	return n, err
}

// uses adds up how events were used from one day to another.
func (e *eventReader) uses(events map[int64]string, versions []int64, first, last int64) (map[int64]EventUse, error) {
	all := map[int64]EventUse{}
	e.first, e.last = first, last
	for _, v := range versions {
		err := e.spanned(dimEvents, v, func(event, n int64) {
			u := all[event]
			u.Devices += n
			all[event] = u
		})
		if err != nil {
			return nil, err
		}
		for event := range events {
			u := all[event]
			var count, sessions int64
			err := e.t.get([]any{&count, &sessions}, `SELECT COALESCE(SUM(n), 0), COALESCE(SUM(sessions), 0) FROM event_count
				WHERE shard = $1 AND app = $2 AND event = $3 AND version = $4 AND day >= $5 AND day <= $6`,
				e.shard, e.app, event, v, first, last)
			if err != nil {
				return nil, err
			}
			u.Count, u.Sessions = u.Count+count, u.Sessions+sessions
			all[event] = u
		}
	}
	return all, nil
}
