package store

import (
	"context"
	"database/sql"
	"errors"

	"lifeboat/internal/diag"
)

// SetOrgAvatar replaces the picture of an organisation; one without data takes it away.
func (db *DB) SetOrgAvatar(ctx context.Context, org int64, a diag.Avatar, now int64) (o diag.Org, err error) {
	err = db.register.update(ctx, func(t *tx) error {
		if err := setAvatar(t, "org", org, a, now); err != nil {
			return err
		}
		return t.get(scanOrg(&o), "SELECT "+orgColumns+" FROM org WHERE num = $1", org)
	})
	return o, err
}

// SetAppAvatar replaces the picture of an app; one without data takes it away.
func (db *DB) SetAppAvatar(ctx context.Context, app int64, a diag.Avatar, now int64) (made diag.App, err error) {
	err = db.register.update(ctx, func(t *tx) error {
		if err := setAvatar(t, "app", app, a, now); err != nil {
			return err
		}
		made, err = appIn(t, app)
		return err
	})
	return made, err
}

func setAvatar(t *tx, table string, num int64, a diag.Avatar, now int64) error {
	if _, err := t.exec("DELETE FROM avatar WHERE id = (SELECT avatar FROM "+table+" WHERE num = $1)", num); err != nil {
		return err
	}
	if len(a.Data) > 0 {
		if _, err := t.exec("INSERT INTO avatar (id, type, data) VALUES ($1, $2, $3)", a.ID[:], a.Type, a.Data); err != nil {
			return err
		}
	} else {
		a.ID = diag.ID{}
	}
	rows, err := t.exec("UPDATE "+table+" SET avatar = $2, updated_at = $3 WHERE num = $1", num, idOrNull(a.ID), now)
	return found(rows, err, table)
}

// Avatar returns a picture by its id.
func (db *DB) Avatar(ctx context.Context, id diag.ID) (a diag.Avatar, err error) {
	a.ID = id
	err = db.register.read(ctx, func(t *tx) error {
		return t.get([]any{&a.Type, &a.Data}, "SELECT type, data FROM avatar WHERE id = $1", id[:])
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = diag.Errorf(diag.NotFound, "There is no such picture.")
	}
	return a, err
}
