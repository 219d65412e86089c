package store

import (
	"context"
	"database/sql"
	"errors"

	"lifeboat/internal/diag"
)

// lane is the only one of the journal as long as there is one process.
const lane = 0

// Floor is the ingress time below which the journal stamps nothing any more; 0 at first.
func (db *DB) Floor(ctx context.Context) (floor diag.IngressTime, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		err := t.get([]any{&floor}, "SELECT time FROM floor WHERE lane = $1", lane)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return floor, err
}

// RaiseFloor raises the floor; it never lowers it.
func (db *DB) RaiseFloor(ctx context.Context, to diag.IngressTime) error {
	return db.register.update(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO floor (lane, time) VALUES ($1, $2)
			ON CONFLICT (lane) DO UPDATE SET time = excluded.time WHERE floor.time < excluded.time`, lane, to)
		return err
	})
}

// BlankIntents lists the frames whose blanking was begun and is not known to be done.
func (db *DB) BlankIntents(ctx context.Context) (all []diag.Locator, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (l diag.Locator, err error) { return l, r.Scan(&l.Segment, &l.Offset, &l.Member) },
			"SELECT segment, pos, member FROM blank_intent ORDER BY segment, pos, member")
		return err
	})
	return all, err
}

// PutBlankIntent notes that frames are about to be blanked. Noting one again changes nothing.
func (db *DB) PutBlankIntent(ctx context.Context, locators ...diag.Locator) error {
	return db.forIntents(ctx, "INSERT INTO blank_intent (segment, pos, member) VALUES ($1, $2, $3) ON CONFLICT (segment, pos, member) DO NOTHING", locators)
}

// DropBlankIntent notes that frames are blank.
func (db *DB) DropBlankIntent(ctx context.Context, locators ...diag.Locator) error {
	return db.forIntents(ctx, "DELETE FROM blank_intent WHERE segment = $1 AND pos = $2 AND member = $3", locators)
}

func (db *DB) forIntents(ctx context.Context, text string, locators []diag.Locator) error {
	return db.register.update(ctx, func(t *tx) error {
		for _, l := range locators {
			if _, err := t.exec(text, l.Segment, l.Offset, l.Member); err != nil {
				return err
			}
		}
		return nil
	})
}
