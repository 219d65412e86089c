package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"lifeboat/internal/diag"
)

// ProblemRow is a frame or a log that could not be read at all. It is kept and counted.
type ProblemRow struct {
	Feed    uint64
	App     int64 // 0 = unknown
	Ingress diag.IngressTime
	What    string
	Locator diag.Locator
	Class   PurgeClass // of its frame; not stored
}

func (w *batchWriter) writeProblems(ctx context.Context, rows []ProblemRow) error {
	for _, p := range rows {
		shard, known, err := w.db.shardOfKnown(ctx, p.App)
		if err != nil {
			return err
		}
		if !known && p.App != 0 {
			w.done.Gone++
			continue
		}
		if p.App != 0 {
			mark, err := w.mark(p.App, shard, p.Class)
			if err != nil {
				return err
			}
			if p.Feed <= mark {
				w.done.Purged++
				continue
			}
		}
		inserted, err := w.t.exec(`INSERT INTO problem (shard, app, feed, member, ingress, what, segment, pos)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (shard, app, feed, member) DO NOTHING`,
			shard, p.App, p.Feed, p.Locator.Member, p.Ingress, p.What, p.Locator.Segment, p.Locator.Offset)
		if err != nil {
			return err
		}
		w.tally[tallyKey{p.App, shard, tallyProblems}] += inserted
	}
	return nil
}

// writeCopy notes a log that is a copy of one with a row.
func (w *batchWriter) writeCopy(app int64, shard uint8, feed uint64, l diag.Locator) error {
	w.done.Duplicates++
	w.tally[tallyKey{app, shard, tallyDuplicates}]++
	_, err := w.t.exec(`INSERT INTO duplicate (shard, feed, member, app, segment, pos) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (shard, feed, member) DO NOTHING`, shard, feed, l.Member, app, l.Segment, l.Offset)
	return err
}

// Copy names a log in the journal that is a copy of an earlier one and has no row.
type Copy struct {
	Feed   uint64
	Member int
}

// Duplicates lists the copies with after < feed <= through, in feed order.
func (db *DB) Duplicates(ctx context.Context, after, through uint64) (all []Copy, err error) {
	shards, err := db.usedShards(ctx)
	if err != nil {
		return nil, err
	}
	err = db.viewIndex(ctx, func(t *tx) error {
		for _, shard := range shards {
			part, err := list(t, func(r *sql.Rows) (c Copy, err error) { return c, r.Scan(&c.Feed, &c.Member) },
				"SELECT feed, member FROM duplicate WHERE shard = $1 AND feed > $2 AND feed <= $3", shard, after, through)
			if err != nil {
				return err
			}
			all = append(all, part...)
		}
		return nil
	})
	slices.SortFunc(all, func(a, b Copy) int { return cmp.Or(cmp.Compare(a.Feed, b.Feed), cmp.Compare(a.Member, b.Member)) })
	return all, err
}

// usedShards lists the shards that have an app.
func (db *DB) usedShards(ctx context.Context) (shards []uint8, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		shards, err = list(t, func(r *sql.Rows) (s uint8, err error) { return s, r.Scan(&s) }, "SELECT DISTINCT shard FROM app")
		return err
	})
	return shards, err
}

// Problems lists the newest problems of an app first; 0 asks for those of no known app.
func (db *DB) Problems(ctx context.Context, app int64, limit int) (all []ProblemRow, err error) {
	var shard uint8
	if app != 0 {
		if shard, err = db.shardOf(ctx, app); err != nil {
			return nil, err
		}
	}
	err = db.viewIndex(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (ProblemRow, error) {
			p := ProblemRow{App: app}
			return p, r.Scan(&p.Feed, &p.Ingress, &p.What, &p.Locator.Segment, &p.Locator.Offset, &p.Locator.Member)
		}, "SELECT feed, ingress, what, segment, pos, member FROM problem WHERE shard = $1 AND app = $2 ORDER BY feed DESC, member DESC LIMIT $3",
			shard, app, limit)
		return err
	})
	return all, err
}

// IndexStats counts the rows of one app.
type IndexStats struct {
	Logs                         map[diag.LogKind]int64 // rows by kind of log
	Groups, Duplicates, Problems int64
}

// IndexStats counts the rows of one app.
func (db *DB) IndexStats(ctx context.Context, app int64) (IndexStats, error) {
	s := IndexStats{Logs: map[diag.LogKind]int64{}}
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return s, err
	}
	err = db.viewIndex(ctx, func(t *tx) error {
		err := t.each(func(r *sql.Rows) error { return s.add(r) }, "SELECT kind, n FROM tally WHERE shard = $1 AND app = $2", shard, app)
		if err != nil {
			return err
		}
		return t.get([]any{&s.Groups}, "SELECT COUNT(*) FROM error_group WHERE shard = $1 AND app = $2", shard, app)
	})
	return s, err
}

func (s *IndexStats) add(r *sql.Rows) error {
	var (
		kind int
		n    int64
	)
	if err := r.Scan(&kind, &n); err != nil {
		return err
	}
	switch kind {
	case tallyDuplicates:
		s.Duplicates = n
	case tallyProblems:
		s.Problems = n
	default:
		s.Logs[diag.LogKind(kind)] = n
	}
	return nil
}
