package store

import (
	"context"
	"errors"
)

// ErrFenced means that somebody else holds the cursor now: stop working on it.
var ErrFenced = errors.New("store: the cursor has another holder")

var errPending = errors.New("store: under construction")

// DB is the store.
type DB struct{}

// Tidy checkpoints the files when nothing was written since the last call. Call it about once a minute.
func (db *DB) Tidy(ctx context.Context) error { return errPending }

// Close checkpoints and closes both halves.
func (db *DB) Close() error { return errPending }
