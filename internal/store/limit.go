package store

import (
	"context"

	"lifeboat/internal/diag"
)

// SetLimits says how many crashes and handled errors of an app are taken in a minute; 0 for all.
func (db *DB) SetLimits(ctx context.Context, app int64, crashes, handled int) error {
	if crashes < 0 || handled < 0 || crashes > diag.MaxPerMinute || handled > diag.MaxPerMinute {
		return diag.Errorf(diag.Invalid, "A limit is 0, for none, to %d a minute.", diag.MaxPerMinute)
	}
	return db.register.update(ctx, func(t *tx) error {
		rows, err := t.exec("UPDATE app SET crash_limit = $2, handled_limit = $3 WHERE num = $1", app, crashes, handled)
		return found(rows, err, "app")
	})
}
