package store

import (
	"context"
	"database/sql"
	"slices"

	"lifeboat/internal/diag"
)

// EventRow is the row of a log that is neither an error nor an attachment.
type EventRow struct {
	Feed       uint64
	Time       diag.DeviceTime
	Ingress    diag.IngressTime
	App        int64
	Shard      uint8 // filled in by the store from the app
	Kind       diag.LogKind
	ID         diag.ID
	Install    diag.InstallID
	Session    diag.ID
	AppVersion string
	AppBuild   string
	Traits     *Traits // of the device; nil = none known. Rows may share one
	Name       string  // of an event; "" = not counted
	Properties []diag.Property
	Locator    diag.Locator
}

// The spaces of keys of events: a session begins once, whatever id its log has.
const (
	spaceLogs = iota
	spaceSessions
)

// key tells events of one install apart; other is what the key leaves out.
func (e *EventRow) key() (space int, key, other diag.ID) {
	if e.Kind == diag.KindStartSession && !e.Session.IsZero() {
		return spaceSessions, e.Session, e.ID
	}
	return spaceLogs, e.ID, e.Session
}

func (w *batchWriter) writeEvents(ctx context.Context, rows []EventRow) error {
	rows, err := place(ctx, w, PurgeEvents, rows, func(e *EventRow) (int64, *uint8, uint64, int) { return e.App, &e.Shard, e.Feed, e.Locator.Member })
	if err != nil || len(rows) == 0 {
		return err
	}
	live, copies, err := insertNew(w.t, w.db.index.dialect, w.eventTable(), rows)
	if err != nil {
		return err
	}
	if w.words.err != nil {
		return w.words.err
	}
	for i := range live {
		w.noteEvent(&live[i])
	}
	w.done.Events += len(live)
	for i := range copies {
		if err := w.writeCopy(copies[i].App, copies[i].Shard, copies[i].Feed, copies[i].Locator); err != nil {
			return err
		}
	}
	return nil
}

// noteEvent has a new row counted wherever it counts.
func (w *batchWriter) noteEvent(e *EventRow) {
	w.tally[tallyKey{e.App, e.Shard, int(e.Kind)}]++
	at := deviceDay{e.App, e.Shard, e.Install, dayOf(e.Time)}
	w.activity.see(at, e.AppVersion, e.AppBuild, e.Traits, sentLog, e.Feed, e.Locator.Member)
	part := span{first: e.Time, last: e.Time}
	if e.Kind == diag.KindStartSession {
		part.begins, part.begun, part.version = true, e.Time, w.words.num(e.AppVersion)
	}
	w.sessions.see(sessionKey{e.App, e.Shard, e.Install, e.Session}, part)
	w.usage.see(at, e)
	w.arrive(e.App, e.Shard, e.Feed, e.Ingress, e.Locator)
}

func (w *batchWriter) eventTable() table[EventRow] {
	var (
		install diag.InstallID // of packed: neighbours share it
		packed  []byte
	)
	return table[EventRow]{
		name: "event",
		columns: []string{"shard", "app", "install", "space", "key", "other", "kind", "feed", "time", "ingress", "version", "build",
			"segment", "pos", "member"},
		bind: func(dst []any, e *EventRow) []any {
			if packed == nil || install != e.Install {
				install, packed = e.Install, packInstall(e.Install)
			}
			space, key, other := e.key()
			return append(dst, int64(e.Shard), e.App, packed, int64(space), key[:], idOrNull(other), int64(e.Kind), int64(e.Feed), int64(e.Time),
				int64(e.Ingress), w.words.num(e.AppVersion), w.words.num(e.AppBuild), e.Locator.Segment, e.Locator.Offset, int64(e.Locator.Member))
		},
		stored: func(e *EventRow) (feed int64, member int, err error) {
			space, key, _ := e.key()
			err = w.t.get([]any{&feed, &member}, "SELECT feed, member FROM event WHERE shard = $1 AND app = $2 AND install = $3 AND space = $4 AND key = $5",
				e.Shard, e.App, packInstall(e.Install), space, key[:])
			return feed, member, err
		},
		self: func(e *EventRow) (int64, int) { return int64(e.Feed), e.Locator.Member },
	}
}

// Moment is a point in a session of an install: what led there are the session's logs up to its time.
type Moment struct {
	Install diag.InstallID
	Session diag.ID
	UpTo    diag.DeviceTime // inclusive
}

const momentFilter = ` FROM event WHERE shard = $1 AND app = $2 AND install = $3 AND time <= $5
	AND ((space = 0 AND other = $4) OR (space = 1 AND key = $4))`

func (m Moment) args(shard uint8, app int64) []any {
	return []any{shard, app, packInstall(m.Install), m.Session[:], m.UpTo}
}

// SessionLogs returns the newest limit logs up to a moment, in rising time; exceeded tells that there were more.
func (db *DB) SessionLogs(ctx context.Context, app int64, m Moment, limit int) (rows []EventRow, exceeded bool, err error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil || m.Session.IsZero() {
		return nil, false, err
	}
	err = db.viewIndex(ctx, func(t *tx) error {
		rows, err = db.events(t, shard, app, m.Install, "SELECT "+eventColumns+momentFilter+" ORDER BY time DESC, feed DESC, member DESC LIMIT $6",
			append(m.args(shard, app), limit+1)...)
		return err
	})
	if exceeded = len(rows) > limit; exceeded {
		rows = rows[:limit]
	}
	slices.Reverse(rows)
	return rows, exceeded, err
}

// HasSessionLogs tells for each moment whether SessionLogs has any row.
func (db *DB) HasSessionLogs(ctx context.Context, app int64, moments []Moment) ([]bool, error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return nil, err
	}
	has := make([]bool, len(moments))
	err = db.viewIndex(ctx, func(t *tx) error {
		for i, m := range moments {
			if m.Session.IsZero() {
				continue
			}
			if err := t.get([]any{&has[i]}, "SELECT EXISTS (SELECT 1"+momentFilter+")", m.args(shard, app)...); err != nil {
				return err
			}
		}
		return nil
	})
	return has, err
}

const eventColumns = "space, key, other, kind, feed, time, ingress, segment, pos, member, version, build"

// events reads rows of one install with eventColumns.
func (db *DB) events(t *tx, shard uint8, app int64, install diag.InstallID, text string, args ...any) ([]EventRow, error) {
	var words []*wordColumns
	rows, err := list(t, func(r *sql.Rows) (*EventRow, error) {
		e := &EventRow{App: app, Shard: shard, Install: install}
		w := newWordColumns(&e.AppVersion, &e.AppBuild)
		words = append(words, w)
		return e, e.scan(r, w)
	}, text, args...)
	if err != nil {
		return nil, err
	}
	all := make([]EventRow, len(rows))
	for i, e := range rows {
		if err := words[i].resolve(t, &db.words); err != nil {
			return nil, err
		}
		all[i] = *e
	}
	return all, nil
}

func (e *EventRow) scan(r *sql.Rows, w *wordColumns) error {
	var (
		space      int
		key, other diag.ID
	)
	err := r.Scan(append([]any{&space, idColumn{&key}, idColumn{&other}, &e.Kind, &e.Feed, &e.Time, &e.Ingress, &e.Locator.Segment,
		&e.Locator.Offset, &e.Locator.Member}, w.scan()...)...)
	e.ID, e.Session = key, other
	if space == spaceSessions {
		e.ID, e.Session = other, key
	}
	return err
}
