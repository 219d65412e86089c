package store

import (
	"context"
	"database/sql"

	"lifeboat/internal/diag"
)

const tokenColumns = "token.id, token.account, token.app, token.description, token.scope, token.created_at, token.last_used_at, token.expires_at"

func scanToken(k *diag.Token) []any {
	return []any{idColumn{&k.ID}, &k.User, &k.App, &k.Description, &k.Scope, &k.CreatedAt, &k.LastUsedAt, &k.ExpiresAt}
}

// maxTokens bounds the tokens of one account.
const maxTokens = 1000

// CreateToken adds a token by the SHA-256 of its text. For an app or an account that is gone it is NotFound;
// an account that has more than enough is a Conflict.
func (db *DB) CreateToken(ctx context.Context, k diag.Token, hash [32]byte) error {
	insert := func(t *tx) error {
		if err := roomForToken(t, k.User); err != nil {
			return err
		}
		return db.insertToken(t, k, hash, false)
	}
	if k.App == 0 {
		return db.register.update(ctx, insert)
	}
	return db.updateApp(ctx, k.App, func(t *tx, _ uint8) error { return insert(t) })
}

func roomForToken(t *tx, user int64) error {
	var n int64
	err := t.get([]any{&n}, "SELECT (SELECT COUNT(*) FROM token WHERE token.account = account.num) FROM account WHERE num = $1", user)
	if err == nil && n >= maxTokens {
		return diag.Errorf(diag.Conflict, "This account has %d tokens. Delete some that are not in use.", n)
	}
	return absent(err, "user")
}

func (db *DB) insertToken(t *tx, k diag.Token, hash [32]byte, adminFile bool) error {
	_, err := t.exec(`INSERT INTO token (hash, id, account, app, description, scope, created_at, last_used_at, expires_at, admin_file)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		hash[:], k.ID[:], k.User, k.App, k.Description, k.Scope, k.CreatedAt, k.LastUsedAt, k.ExpiresAt, flag(adminFile))
	return db.register.taken(err, "There is such a token already.")
}

// TokenByHash returns the token with that hash and the account it speaks for.
func (db *DB) TokenByHash(ctx context.Context, hash [32]byte) (diag.Token, diag.User, error) {
	var (
		k diag.Token
		u diag.User
	)
	err := db.register.read(ctx, func(t *tx) error {
		err := t.get(append(scanToken(&k), scanUser(&u)...),
			"SELECT "+tokenColumns+", "+userColumns+" FROM token JOIN account ON account.num = token.account WHERE token.hash = $1", hash[:])
		return absent(err, "token")
	})
	return k, u, err
}

// Tokens lists the tokens of an account, oldest first.
func (db *DB) Tokens(ctx context.Context, user int64) ([]diag.Token, error) {
	return db.tokens(ctx, "SELECT "+tokenColumns+" FROM token WHERE account = $1 ORDER BY created_at, id", user)
}

// AppTokens lists the tokens that are good for one app only, oldest first.
func (db *DB) AppTokens(ctx context.Context, app int64) ([]diag.Token, error) {
	return db.tokens(ctx, "SELECT "+tokenColumns+" FROM token WHERE app = $1 ORDER BY created_at, id", app)
}

func (db *DB) tokens(ctx context.Context, text string, key int64) (all []diag.Token, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (k diag.Token, err error) { return k, r.Scan(scanToken(&k)...) }, text, key)
		return err
	})
	return all, err
}

// DeleteToken removes a token of an account. Another account's token is NotFound.
func (db *DB) DeleteToken(ctx context.Context, user int64, id diag.ID) error {
	return db.register.update(ctx, func(t *tx) error {
		rows, err := t.exec("DELETE FROM token WHERE account = $1 AND id = $2", user, id[:])
		return found(rows, err, "token")
	})
}

// DeleteAppToken removes a token of an app. With user not 0 it must be one that this account has made; else,
// and for another app's token, it is NotFound.
func (db *DB) DeleteAppToken(ctx context.Context, app, user int64, id diag.ID) error {
	return db.register.update(ctx, func(t *tx) error {
		rows, err := t.exec("DELETE FROM token WHERE app = $1 AND id = $2 AND ($3 = 0 OR account = $3)", app, id[:], user)
		return found(rows, err, "token")
	})
}

// DeleteExpiredTokens removes the tokens that were no longer good at a time.
func (db *DB) DeleteExpiredTokens(ctx context.Context, before int64) error {
	return db.register.update(ctx, func(t *tx) error {
		_, err := t.exec("DELETE FROM token WHERE expires_at > 0 AND expires_at < $1", before)
		return err
	})
}

// TouchToken notes that a token was used. It never goes back.
func (db *DB) TouchToken(ctx context.Context, id diag.ID, now int64) error {
	return db.register.update(ctx, func(t *tx) error {
		_, err := t.exec("UPDATE token SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2", id[:], now)
		return err
	})
}

// ReplaceAdminToken makes the token with that hash the one of the file admin.token. The one before is void.
// It speaks for the oldest administrator; without any it is NotFound.
func (db *DB) ReplaceAdminToken(ctx context.Context, hash [32]byte, now int64) error {
	return db.register.update(ctx, func(t *tx) error {
		var admin int64
		err := t.get([]any{&admin}, "SELECT num FROM account WHERE admin = 1 ORDER BY num LIMIT 1")
		if err != nil {
			return absent(err, "administrator")
		}
		if _, err := t.exec("DELETE FROM token WHERE admin_file = 1"); err != nil {
			return err
		}
		k := diag.Token{ID: diag.DerivedID(hash[:]), User: admin, Description: "admin.token", Scope: "all", CreatedAt: now}
		return db.insertToken(t, k, hash, true)
	})
}
