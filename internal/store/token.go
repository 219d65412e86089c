package store

import (
	"context"

	"lifeboat/internal/diag"
)

// Token is an API token. The token itself is never stored, only its SHA-256.
type Token struct {
	ID          diag.ID
	User        int64 // User.Num
	App         int64 // App.Num for an app token, 0 for a user token
	Description string
	Scope       string // all or viewer
	CreatedAt   int64  // Unix milliseconds
	LastUsedAt  int64  // Unix milliseconds, 0 = never
}

func (db *DB) CreateToken(ctx context.Context, t Token, hash [32]byte) error { return errPending }
func (db *DB) TokenByHash(ctx context.Context, hash [32]byte) (Token, User, error) {
	return Token{}, User{}, errPending
}
func (db *DB) Tokens(ctx context.Context, user int64) ([]Token, error)       { return nil, errPending }
func (db *DB) AppTokens(ctx context.Context, app int64) ([]Token, error)     { return nil, errPending }
func (db *DB) DeleteToken(ctx context.Context, user int64, id diag.ID) error { return errPending }
func (db *DB) TouchToken(ctx context.Context, id diag.ID, now int64) error   { return errPending }
func (db *DB) ReplaceAdminToken(ctx context.Context, hash [32]byte, now int64) error {
	return errPending
}
