package store

import (
	"context"
	"database/sql"

	"lifeboat/internal/diag"
)

// Drop counts logs that were not kept, by app, day and reason.
type Drop struct {
	App    int64 // 0 = unknown app
	Day    int64 // Unix days
	Reason string
	Count  int64
}

// AddDrops adds to the counts. Drops of an app that is gone count as those of an unknown one.
func (db *DB) AddDrops(ctx context.Context, drops []Drop) error {
	return db.register.update(ctx, func(t *tx) error {
		for _, d := range drops {
			shard, err := shardIn(t, d.App)
			if diag.KindOf(err) == diag.NotFound {
				shard, d.App, err = 0, 0, nil
			}
			if err != nil {
				return err
			}
			_, err = t.exec(`INSERT INTO dropped (shard, app, day, reason, n) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (shard, app, day, reason) DO UPDATE SET n = dropped.n + excluded.n`, shard, d.App, d.Day, d.Reason, d.Count)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Drops lists the counts of an app, or with -1 of all, from a day on, in order of day, app and reason.
func (db *DB) Drops(ctx context.Context, app, sinceDay int64) (all []Drop, err error) {
	text, args := "SELECT app, day, reason, n FROM dropped WHERE day >= $1 ORDER BY day, app, reason", []any{sinceDay}
	if app >= 0 {
		shard, _, err := db.shardOfKnown(ctx, app)
		if err != nil {
			return nil, err
		}
		text = "SELECT app, day, reason, n FROM dropped WHERE day >= $1 AND shard = $2 AND app = $3 ORDER BY day, reason"
		args = append(args, shard, app)
	}
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (d Drop, err error) { return d, r.Scan(&d.App, &d.Day, &d.Reason, &d.Count) }, text, args...)
		return err
	})
	return all, err
}
