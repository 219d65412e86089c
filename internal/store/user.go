package store

import (
	"context"
	"database/sql"
	"strings"

	"lifeboat/internal/diag"
)

const userColumns = "account.num, account.id, account.name, account.display_name, account.email, account.admin, account.created_at"

func scanUser(u *diag.User) []any {
	return []any{&u.Num, idColumn{&u.ID}, &u.Name, &u.DisplayName, &u.Email, &u.Admin, &u.CreatedAt}
}

// CreateUser adds an account and gives it its number. A taken name is a Conflict.
func (db *DB) CreateUser(ctx context.Context, u diag.User) (diag.User, error) {
	err := db.register.update(ctx, func(t *tx) (err error) {
		if u.Num, err = next(t, "account"); err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO account (num, id, name, name_key, display_name, email, admin, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			u.Num, u.ID[:], u.Name, strings.ToLower(u.Name), u.DisplayName, u.Email, flag(u.Admin), u.CreatedAt)
		return db.register.taken(err, "There is a user of this name.")
	})
	return u, err
}

// User returns an account by its number.
func (db *DB) User(ctx context.Context, num int64) (diag.User, error) {
	return db.user(ctx, "SELECT "+userColumns+" FROM account WHERE num = $1", num)
}

// UserByName returns an account by its name in any letter case.
func (db *DB) UserByName(ctx context.Context, name string) (diag.User, error) {
	return db.user(ctx, "SELECT "+userColumns+" FROM account WHERE name_key = $1", strings.ToLower(name))
}

func (db *DB) user(ctx context.Context, text string, key any) (diag.User, error) {
	var u diag.User
	err := db.register.read(ctx, func(t *tx) error { return absent(t.get(scanUser(&u), text, key), "user") })
	return u, err
}

// Users lists all accounts, oldest first.
func (db *DB) Users(ctx context.Context) (all []diag.User, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (u diag.User, err error) { return u, r.Scan(scanUser(&u)...) },
			"SELECT "+userColumns+" FROM account ORDER BY num")
		return err
	})
	return all, err
}

// UpdateUser changes the names, the address and the rights of the account with u's number.
func (db *DB) UpdateUser(ctx context.Context, u diag.User) error {
	return db.register.update(ctx, func(t *tx) error {
		rows, err := t.exec("UPDATE account SET name = $2, name_key = $3, display_name = $4, email = $5, admin = $6 WHERE num = $1",
			u.Num, u.Name, strings.ToLower(u.Name), u.DisplayName, u.Email, flag(u.Admin))
		return found(rows, db.register.taken(err, "There is a user of this name."), "user")
	})
}
