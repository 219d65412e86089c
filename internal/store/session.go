package store

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"lifeboat/internal/diag"
)

// sessionBounds are the lengths from which on a session belongs to the next bucket. The numbers of buckets
// are stored.
var sessionBounds = [...]time.Duration{
	3 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 3 * time.Minute, 10 * time.Minute, 30 * time.Minute,
}

// SessionBuckets is how many lengths of sessions are told apart.
const SessionBuckets = len(sessionBounds) + 1

// SessionBound is the length from which on a session belongs to bucket i.
func SessionBound(i int) time.Duration {
	if i == 0 {
		return 0
	}
	return sessionBounds[i-1]
}

// maxSession is the longest that a session counts as: beyond it, a clock was set.
const maxSession = 24 * time.Hour

// span is a session from its first log to its last.
type span struct {
	first, last diag.DeviceTime
	begins      bool            // the log that begins it was there
	begun       diag.DeviceTime // that log's time
	version     int64           // and its version
}

func (s *span) length() time.Duration {
	if s.first < 0 && s.last > 0 { // the difference may be too large for a number
		return maxSession
	}
	return min(time.Duration(s.last-s.first), maxSession)
}

func (s *span) bucket() int {
	n, length := 0, s.length()
	for n < len(sessionBounds) && length >= sessionBounds[n] {
		n++
	}
	return n
}

// join takes a later part in.
func (s *span) join(o *span) {
	s.first, s.last = min(s.first, o.first), max(s.last, o.last)
	if o.begins {
		s.begins, s.begun, s.version = true, o.begun, o.version
	}
}

type sessionKey struct {
	app     int64
	shard   uint8
	install diag.InstallID
	session diag.ID
}

type sessionCountKey struct {
	app          int64
	shard        uint8
	version, day int64
	bucket       int
}

var sessionCounts = newRollup("session_count", "shard app version day bucket", "n total", func(dst []any, k sessionCountKey) []any {
	return append(dst, int64(k.shard), k.app, k.version, k.day, int64(k.bucket))
})

// sessions collects the sessions of a batch and counts them.
type sessions struct {
	w      *batchWriter
	spans  map[sessionKey]*span
	order  []sessionKey
	counts sums[sessionCountKey]
}

// see takes a log of a session.
func (s *sessions) see(k sessionKey, part span) {
	if k.session.IsZero() {
		return
	}
	if known := s.spans[k]; known != nil {
		known.join(&part)
		return
	}
	if s.spans == nil {
		s.spans = map[sessionKey]*span{}
	}
	s.spans[k] = &part
	s.order = append(s.order, k)
}

// write joins sessions with what is known of them. One that has become longer moves to another bucket.
func (s *sessions) write() error {
	s.counts = sums[sessionCountKey]{}
	known, err := s.known()
	if err != nil {
		return err
	}
	var fresh, others []sessionRow
	for _, k := range s.order {
		now := *s.spans[k]
		stood := known[k]
		if stood == nil {
			s.count(k, &now, 1)
			fresh = append(fresh, sessionRow{k, now})
			continue
		}
		now = *stood
		if now.join(s.spans[k]); now != *stood {
			s.count(k, stood, -1)
			s.count(k, &now, 1)
			others = append(others, sessionRow{k, now})
		}
	}
	if err := s.put(fresh, func(rows int) string { return s.w.db.index.dialect.Insert("session", sessionColumns[:], rows) }); err != nil {
		return err
	}
	err = s.put(others, func(rows int) string {
		return "INSERT INTO session (" + strings.Join(sessionColumns[:], ", ") + ") VALUES " + tuples(rows, len(sessionColumns)) +
			` ON CONFLICT (shard, app, install, session) DO UPDATE SET first_at = excluded.first_at, last_at = excluded.last_at,
			begun = excluded.begun, version = excluded.version`
	})
	if err != nil {
		return err
	}
	return sessionCounts.write(s.w.t, s.counts)
}

// known reads the sessions that have a row.
func (s *sessions) known() (map[sessionKey]*span, error) {
	all := map[sessionKey]*span{}
	err := lookUp(s.w.t, s.order, "SELECT %d, first_at, last_at, begun, version FROM session WHERE shard = $%d AND app = $%d AND install = $%d AND session = $%d",
		func(k sessionKey, dst []any) []any {
			return append(dst, int64(k.shard), k.app, packInstall(k.install), k.session[:])
		},
		func(r *sql.Rows, place *int, piece []sessionKey) error {
			var (
				stood span
				begun sql.NullInt64
			)
			err := r.Scan(place, &stood.first, &stood.last, &begun, &stood.version)
			stood.begins, stood.begun = begun.Valid, diag.DeviceTime(begun.Int64)
			if err == nil {
				all[piece[*place]] = &stood
			}
			return err
		})
	return all, err
}

type sessionRow struct {
	sessionKey
	span
}

var sessionColumns = [...]string{"shard", "app", "install", "session", "first_at", "last_at", "begun", "version"}

// put writes rows with the text for so many of them.
func (s *sessions) put(rows []sessionRow, text func(rows int) string) error {
	var args []any
	return chunks(rows, func(piece []sessionRow) error {
		args = args[:0]
		for i := range piece {
			r := &piece[i]
			var begun any
			if r.begins {
				begun = int64(r.begun)
			}
			args = append(args, int64(r.shard), r.app, packInstall(r.install), r.session[:], int64(r.first), int64(r.last), begun, r.version)
		}
		_, err := s.w.t.exec(text(len(piece)), args...)
		return err
	})
}

func (s *sessions) count(k sessionKey, of *span, n int64) {
	if !of.begins {
		return
	}
	for _, version := range [...]int64{anyVersion, of.version} {
		s.counts.add(sessionCountKey{k.app, k.shard, version, dayOf(of.begun), of.bucket()}, n, n*of.length().Milliseconds())
	}
}

// Sessions are numbers of sessions.
type Sessions struct {
	Buckets [SessionBuckets]int64 // by length, see SessionBound
	N       int64
	Total   time.Duration // of all of them together
}

// add takes more sessions in.
func (s *Sessions) add(bucket int, n, total int64) {
	s.Buckets[min(max(bucket, 0), SessionBuckets-1)] += n
	s.N += n
	s.Total += time.Duration(total) * time.Millisecond
}

// SessionDays counts the sessions that began on each day of a span. q.Build is not asked for.
func (db *DB) SessionDays(ctx context.Context, q SpanQuery) ([]Sessions, error) {
	first, last, err := q.span()
	if err != nil {
		return nil, err
	}
	shard, err := db.shardOf(ctx, q.App)
	if err != nil {
		return nil, err
	}
	days := make([]Sessions, last-first+1)
	err = db.viewIndex(ctx, func(t *tx) error {
		a := activeReader{db: db, t: t, shard: shard, app: q.App}
		versions, err := a.versionsOrAll(q.Versions)
		if err != nil {
			return err
		}
		for _, v := range versions {
			err := t.each(func(r *sql.Rows) error {
				var (
					day, n, total int64
					bucket        int
				)
				err := r.Scan(&day, &bucket, &n, &total)
				days[day-first].add(bucket, n, total)
				return err
			}, `SELECT day, bucket, n, total FROM session_count WHERE shard = $1 AND app = $2 AND version = $3 AND day >= $4 AND day <= $5`,
				shard, q.App, v, first, last)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return days, err
}

// versionsOrAll are the versions by which rows are kept that have one for all of them, too.
func (a *activeReader) versionsOrAll(texts []string) ([]int64, error) {
	if len(texts) == 0 {
		return []int64{anyVersion}, nil
	}
	return a.versions(texts)
}
