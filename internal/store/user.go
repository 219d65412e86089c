package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"lifeboat/internal/diag"
)

const userColumns = `account.num, account.id, account.name, account.display_name, account.email, account.admin,
	CASE WHEN account.password = '' THEN 0 ELSE 1 END, account.created_at`

func scanUser(u *diag.User) []any {
	return []any{&u.Num, idColumn{&u.ID}, &u.Name, &u.DisplayName, &u.Email, &u.Admin, flagColumn{&u.HasPassword}, &u.CreatedAt}
}

// emailKey is what addresses are compared by; accounts without one do not collide.
func emailKey(email string) any { return textOrNull(strings.ToLower(email)) }

const userTaken = "This name or e-mail address is taken."

// CreateUser adds an account without a password and gives it its number. A taken name or address is a Conflict.
func (db *DB) CreateUser(ctx context.Context, u diag.User) (diag.User, error) {
	return db.CreateUserWithPassword(ctx, u, "")
}

// CreateUserWithPassword is CreateUser with the hash of a password.
func (db *DB) CreateUserWithPassword(ctx context.Context, u diag.User, password string) (diag.User, error) {
	err := db.register.update(ctx, func(t *tx) (err error) {
		u, err = db.createUser(t, u, password)
		return err
	})
	return u, err
}

func (db *DB) createUser(t *tx, u diag.User, password string) (diag.User, error) {
	err := noOrg(t, u.Name)
	if err != nil {
		return u, err
	}
	if u.Num, err = next(t, "account"); err != nil {
		return u, err
	}
	_, err = t.exec(`INSERT INTO account (num, id, name, name_key, display_name, email, email_key, password, admin, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		u.Num, u.ID[:], u.Name, strings.ToLower(u.Name), u.DisplayName, u.Email, emailKey(u.Email), password, flag(u.Admin), u.CreatedAt)
	u.HasPassword = password != ""
	return u, db.register.taken(err, userTaken)
}

// noOrg is a Conflict if an organisation has the name.
func noOrg(t *tx, name string) error {
	var num int64
	err := t.get([]any{&num}, "SELECT num FROM org WHERE name_key = $1", strings.ToLower(name))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return diag.Errorf(diag.Conflict, "There is an organisation of this name.")
}

// User returns an account by its number.
func (db *DB) User(ctx context.Context, num int64) (diag.User, error) {
	return db.user(ctx, "SELECT "+userColumns+" FROM account WHERE num = $1", num)
}

// UserByName returns an account by its name in any letter case.
func (db *DB) UserByName(ctx context.Context, name string) (diag.User, error) {
	return db.user(ctx, "SELECT "+userColumns+" FROM account WHERE name_key = $1", strings.ToLower(name))
}

// UserByEmail returns an account by its e-mail address in any letter case.
func (db *DB) UserByEmail(ctx context.Context, email string) (diag.User, error) {
	return db.user(ctx, "SELECT "+userColumns+" FROM account WHERE email_key = $1", strings.ToLower(email))
}

// UserByLogin returns an account by its name or, with an @ in it, by its e-mail address.
func (db *DB) UserByLogin(ctx context.Context, login string) (diag.User, error) {
	if strings.Contains(login, "@") {
		return db.UserByEmail(ctx, login)
	}
	return db.UserByName(ctx, login)
}

func (db *DB) user(ctx context.Context, text string, key any) (diag.User, error) {
	var u diag.User
	err := db.register.read(ctx, func(t *tx) error { return absent(t.get(scanUser(&u), text, key), "user") })
	return u, err
}

// Password returns an account as UserByLogin does, with the hash of its password, "" if it has none.
func (db *DB) Password(ctx context.Context, login string) (u diag.User, password string, err error) {
	column := "name_key"
	if strings.Contains(login, "@") {
		column = "email_key"
	}
	return db.password(ctx, column, strings.ToLower(login))
}

// PasswordOf is Password for the account with a public id.
func (db *DB) PasswordOf(ctx context.Context, id diag.ID) (u diag.User, password string, err error) {
	return db.password(ctx, "id", id[:])
}

func (db *DB) password(ctx context.Context, column string, key any) (u diag.User, password string, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		dest := append(scanUser(&u), &password)
		return absent(t.get(dest, "SELECT "+userColumns+", account.password FROM account WHERE "+column+" = $1", key), "user")
	})
	return u, password, err
}

// SetPassword replaces the hash of an account's password; "" takes the password away.
func (db *DB) SetPassword(ctx context.Context, num int64, password string) error {
	return db.register.update(ctx, func(t *tx) error {
		rows, err := t.exec("UPDATE account SET password = $2 WHERE num = $1", num, password)
		return found(rows, err, "user")
	})
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

// UpdateUser changes the names, the address and the rights of the account with u's number. To take the rights
// of the last administrator is a Conflict.
func (db *DB) UpdateUser(ctx context.Context, u diag.User) error {
	return db.register.update(ctx, func(t *tx) error {
		if err := lastAdmin(t, u.Num); err != nil && !u.Admin {
			return err
		}
		if err := noOrg(t, u.Name); err != nil {
			return err
		}
		rows, err := t.exec("UPDATE account SET name = $2, name_key = $3, display_name = $4, email = $5, email_key = $6, admin = $7 WHERE num = $1",
			u.Num, u.Name, strings.ToLower(u.Name), u.DisplayName, u.Email, emailKey(u.Email), flag(u.Admin))
		return found(rows, db.register.taken(err, userTaken), "user")
	})
}

// DeleteUser removes an account with its tokens, those for apps too, its places in apps and what it asked for;
// requests for its own deletion stay, so that their end can be asked about. The last administrator, and the
// owner of apps, is a Conflict that says what to do first.
func (db *DB) DeleteUser(ctx context.Context, num int64) error {
	return db.register.update(ctx, func(t *tx) error { return deleteUser(t, num) })
}

func deleteUser(t *tx, num int64) error {
	if err := mayGo(t, num); err != nil {
		return err
	}
	for _, text := range [...]string{
		"DELETE FROM token WHERE account = $1",
		"DELETE FROM member WHERE account = $1",
		"DELETE FROM org_user WHERE account = $1",
		"DELETE FROM team_user WHERE account = $1",
		"DELETE FROM invitation WHERE inviter = $1",
		"DELETE FROM account_request WHERE account = $1 AND kind <> 'delete'",
	} {
		if _, err := t.exec(text, num); err != nil {
			return err
		}
	}
	rows, err := t.exec("DELETE FROM account WHERE num = $1", num)
	return found(rows, err, "user")
}

// UserMayGo tells whether DeleteUser would remove an account: nil, or the error that it would return.
func (db *DB) UserMayGo(ctx context.Context, num int64) error {
	return db.register.view(ctx, func(t *tx) error { return mayGo(t, num) })
}

// mayGo finds what keeps an account from being deleted.
func mayGo(t *tx, num int64) error {
	if err := lastAdmin(t, num); err != nil {
		return err
	}
	if err := lastOrgAdminAnywhere(t, num); err != nil {
		return err
	}
	return ownsApps(t, num)
}

// lastAdmin is a Conflict for the only administrator there is.
func lastAdmin(t *tx, num int64) error {
	var admin bool
	var others int64
	err := t.get([]any{flagColumn{&admin}, &others}, `SELECT admin, (SELECT COUNT(*) FROM account WHERE admin = 1 AND num <> $1)
		FROM account WHERE num = $1`, num)
	if err != nil {
		return absent(err, "user")
	}
	if admin && others == 0 {
		return diag.Errorf(diag.Conflict, "This is the last administrator of the server. Make somebody else one first: `lifeboat user admin NAME`.")
	}
	return nil
}

// ownsApps is a Conflict for the owner of apps: to delete them along would take what others work with.
func ownsApps(t *tx, num int64) error {
	var n int64
	err := t.get([]any{&n}, "SELECT COUNT(*) FROM app JOIN account ON account.name_key = app.owner_key WHERE account.num = $1", num)
	if err == nil && n > 0 {
		return diag.Errorf(diag.Conflict, "Apps belong to this account (%d of them). Delete them or hand them to another owner first.", n)
	}
	return err
}
