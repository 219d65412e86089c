package store

import (
	"context"
	"database/sql"
	"sync"

	"lifeboat/internal/diag"
)

// graveyard remembers the hashes of deleted errors by app. It is filled when first asked and changed with the
// register, so that a batch that is applied after a deletion knows of it.
type graveyard struct {
	mu     sync.Mutex
	loaded bool
	of     map[int64]map[[16]byte]bool
}

// add is called within the writing transaction's turn, so no batch is between the register and this.
func (g *graveyard) add(app int64, hash [16]byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.loaded {
		return // it will be read
	}
	g.put(app, hash)
}

func (g *graveyard) put(app int64, hash [16]byte) {
	if g.of == nil {
		g.of = map[int64]map[[16]byte]bool{}
	}
	if g.of[app] == nil {
		g.of[app] = map[[16]byte]bool{}
	}
	g.of[app][hash] = true
}

func (g *graveyard) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.loaded, g.of = false, nil
}

// named is a log's name within its app.
type named struct {
	family diag.Family
	id     diag.ID
}

// deleted reports whether one of these was deleted and must not return.
func (db *DB) deleted(ctx context.Context, app int64, names ...named) (bool, error) {
	g := &db.graves
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.loaded {
		if err := db.readGraves(ctx, g); err != nil {
			return false, err
		}
	}
	if len(g.of[app]) == 0 {
		return false, nil
	}
	for _, n := range names {
		if g.of[app][diag.HashLog(db.logKey, app, n.family, n.id)] {
			return true, nil
		}
	}
	return false, nil
}

func (db *DB) readGraves(ctx context.Context, g *graveyard) error {
	g.of = nil
	err := db.register.read(ctx, func(t *tx) error {
		return t.each(func(r *sql.Rows) error {
			var (
				app  int64
				raw  sql.RawBytes
				hash [16]byte
			)
			err := r.Scan(&app, &raw)
			copy(hash[:], raw)
			g.put(app, hash)
			return err
		}, "SELECT app, hash FROM tombstone")
	})
	g.loaded = err == nil
	return err
}

// bury notes that a log is deleted.
func (db *DB) bury(t *tx, shard uint8, app int64, n named, now int64) error {
	hash := diag.HashLog(db.logKey, app, n.family, n.id)
	_, err := t.exec(`INSERT INTO tombstone (shard, app, hash, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (shard, app, hash) DO NOTHING`, shard, app, hash[:], now)
	t.after = append(t.after, func() { db.graves.add(app, hash) })
	return err
}

// DropTombstones forgets deletions from before a time, in Unix milliseconds: nothing of theirs can come again.
// It returns how many.
func (db *DB) DropTombstones(ctx context.Context, before int64) (n int64, err error) {
	err = db.register.update(ctx, func(t *tx) error {
		n, err = t.exec("DELETE FROM tombstone WHERE created_at < $1", before)
		if n > 0 {
			t.after = append(t.after, db.graves.forget)
		}
		return err
	})
	return n, err
}

// withoutDeleted leaves out rows of errors that were deleted. Their logs are noted as copies, so that they are
// not exported and their frames are purged.
func withoutDeleted[T any](ctx context.Context, w *batchWriter, rows []T, of func(*T) (names []named, feed uint64, at diag.Locator),
	app func(*T) (num int64, shard uint8)) ([]T, error) {
	kept := rows[:0]
	for i := range rows {
		names, feed, at := of(&rows[i])
		num, shard := app(&rows[i])
		deleted, err := w.db.deleted(ctx, num, names...)
		if err != nil {
			return nil, err
		}
		if !deleted {
			kept = append(kept, rows[i])
			continue
		}
		if w.done.Deleted == nil {
			w.done.Deleted = map[int64]int64{}
		}
		w.done.Deleted[num]++
		if err := w.writeCopy(num, shard, feed, at); err != nil {
			return nil, err
		}
	}
	return kept, nil
}
