package store

import (
	"context"

	"lifeboat/internal/diag"
)

// User is an account of the server: somebody who reads reports, never one of an app's own users.
type User struct {
	Num         int64
	ID          diag.ID
	Name        string // compared in any letter case
	DisplayName string
	Email       string
	Admin       bool
	CreatedAt   int64 // Unix milliseconds
}

func (db *DB) CreateUser(ctx context.Context, u User) (User, error) { return u, errPending }
func (db *DB) User(ctx context.Context, num int64) (User, error)    { return User{}, errPending }
func (db *DB) UserByName(ctx context.Context, name string) (User, error) {
	return User{}, errPending
}
func (db *DB) Users(ctx context.Context) ([]User, error)    { return nil, errPending }
func (db *DB) UpdateUser(ctx context.Context, u User) error { return errPending }
