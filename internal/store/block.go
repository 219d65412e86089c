package store

import (
	"context"
	"database/sql"
)

// BlockInstall has all later logs of an install dropped. It is named by a keyed hash, so that the list holds
// no install id. Blocking it again changes nothing.
func (db *DB) BlockInstall(ctx context.Context, app int64, hash [16]byte, now int64) error {
	return db.updateApp(ctx, app, func(t *tx, shard uint8) error {
		_, err := t.exec(`INSERT INTO blocked_install (shard, app, hash, created_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (shard, app, hash) DO NOTHING`, shard, app, hash[:], now)
		return err
	})
}

// BlockedInstalls lists the hashes of an app's blocked installs.
func (db *DB) BlockedInstalls(ctx context.Context, app int64) (all [][16]byte, err error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return nil, err
	}
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, scanHash, "SELECT hash FROM blocked_install WHERE shard = $1 AND app = $2 ORDER BY hash", shard, app)
		return err
	})
	return all, err
}

func scanHash(r *sql.Rows) (hash [16]byte, err error) {
	var b sql.RawBytes
	err = r.Scan(&b)
	copy(hash[:], b)
	return hash, err
}
