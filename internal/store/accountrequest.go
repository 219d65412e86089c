package store

import (
	"context"
	"database/sql"
	"errors"

	"lifeboat/internal/diag"
)

const requestColumns = "token, account, kind, state, message, proof, created_at, due_at, done_at"

func scanRequest(scan func(...any) error) (r diag.AccountRequest, err error) {
	var proof []byte
	err = scan(idColumn{&r.Token}, &r.User, &r.Kind, &r.State, &r.Message, &proof, &r.CreatedAt, &r.DueAt, &r.DoneAt)
	if err == nil && copy(r.Proof[:], proof) != len(r.Proof) {
		err = errors.New("store: a proof does not have 32 bytes")
	}
	return r, err
}

// maxRequests is how many requests of one kind are kept for an account: the newest.
const maxRequests = 20

// waits is the condition for requests that are not done.
const waits = "(state = 'Created' OR state = 'Queued')"

// CreateRequest notes what somebody asked for about their account. While one of the same kind waits, nothing is
// added and that one is returned. For an account that is gone it is NotFound.
func (db *DB) CreateRequest(ctx context.Context, r diag.AccountRequest) (made diag.AccountRequest, err error) {
	err = db.register.update(ctx, func(t *tx) error {
		var there int64
		if err := t.get([]any{&there}, "SELECT num FROM account WHERE num = $1", r.User); err != nil {
			return absent(err, "user")
		}
		made, err = scanRequest(func(dest ...any) error {
			return t.get(dest, "SELECT "+requestColumns+" FROM account_request WHERE account = $1 AND kind = $2 AND "+waits, r.User, r.Kind)
		})
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		made = r
		return insertRequest(t, &r)
	})
	return made, err
}

func insertRequest(t *tx, r *diag.AccountRequest) error {
	_, err := t.exec("INSERT INTO account_request ("+requestColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		r.Token[:], r.User, r.Kind, r.State, r.Message, r.Proof[:], r.CreatedAt, r.DueAt, r.DoneAt)
	if err != nil {
		return err
	}
	_, err = t.exec(`DELETE FROM account_request WHERE account = $1 AND kind = $2 AND token NOT IN (
		SELECT token FROM account_request WHERE account = $1 AND kind = $2 ORDER BY created_at DESC, token DESC LIMIT $3)`, r.User, r.Kind, maxRequests)
	return err
}

// Request returns a request by its token.
func (db *DB) Request(ctx context.Context, token diag.ID) (r diag.AccountRequest, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		r, err = scanRequest(func(dest ...any) error {
			return t.get(dest, "SELECT "+requestColumns+" FROM account_request WHERE token = $1", token[:])
		})
		return absent(err, "request")
	})
	return r, err
}

// Requests lists what an account asked for, newest first.
func (db *DB) Requests(ctx context.Context, user int64) ([]diag.AccountRequest, error) {
	return db.requests(ctx, "SELECT "+requestColumns+" FROM account_request WHERE account = $1 ORDER BY created_at DESC, token DESC", user)
}

// DueRequests lists the requests that wait and whose time has come, oldest first.
func (db *DB) DueRequests(ctx context.Context, now int64) ([]diag.AccountRequest, error) {
	return db.requests(ctx, "SELECT "+requestColumns+" FROM account_request WHERE "+waits+" AND due_at <= $1 ORDER BY due_at, token", now)
}

func (db *DB) requests(ctx context.Context, text string, key int64) (all []diag.AccountRequest, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (diag.AccountRequest, error) { return scanRequest(r.Scan) }, text, key)
		return err
	})
	return all, err
}

// EndRequest gives a request that waits its last state. One that does not wait any more is left alone, and ended
// is false.
func (db *DB) EndRequest(ctx context.Context, token diag.ID, state, message string, now int64) (ended bool, err error) {
	err = db.register.update(ctx, func(t *tx) error {
		ended, err = endRequest(t, token, state, message, now)
		return err
	})
	return ended, err
}

func endRequest(t *tx, token diag.ID, state, message string, now int64) (bool, error) {
	rows, err := t.exec("UPDATE account_request SET state = $2, message = $3, done_at = $4 WHERE token = $1 AND "+waits, token[:], state, message, now)
	return rows > 0, err
}

// DeleteUserAsAsked is DeleteUser for a request that is due, in one step with its end: a request that was
// cancelled meanwhile deletes nothing, and ended is false.
func (db *DB) DeleteUserAsAsked(ctx context.Context, r diag.AccountRequest, message string, now int64) (ended bool, err error) {
	err = db.register.update(ctx, func(t *tx) error {
		if ended, err = endRequest(t, r.Token, diag.RequestCompleted, message, now); err != nil || !ended {
			return err
		}
		return deleteUser(t, r.User)
	})
	return ended && err == nil, err
}

// DeleteRequests removes the requests that were done before a time.
func (db *DB) DeleteRequests(ctx context.Context, before int64) error {
	return db.register.update(ctx, func(t *tx) error {
		_, err := t.exec("DELETE FROM account_request WHERE done_at > 0 AND done_at < $1", before)
		return err
	})
}
