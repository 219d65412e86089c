package store

import (
	"context"

	"lifeboat/internal/diag"
)

// SetRetention says how long an app's logs are kept.
func (db *DB) SetRetention(ctx context.Context, app int64, keep diag.Retention) error {
	if err := keep.Check(); err != nil {
		return err
	}
	return db.register.update(ctx, func(t *tx) error {
		rows, err := t.exec("UPDATE app SET keep_reports = $2, keep_events = $3 WHERE num = $1", app, keep.Reports, keep.Events)
		return found(rows, err, "app")
	})
}
