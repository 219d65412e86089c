package store

import (
	"context"

	"lifeboat/internal/diag"
)

func (db *DB) Floor(ctx context.Context) (diag.IngressTime, error)       { return 0, errPending }
func (db *DB) RaiseFloor(ctx context.Context, t diag.IngressTime) error  { return errPending }
func (db *DB) BlankIntents(ctx context.Context) ([]diag.Locator, error)  { return nil, errPending }
func (db *DB) PutBlankIntent(ctx context.Context, l diag.Locator) error  { return errPending }
func (db *DB) DropBlankIntent(ctx context.Context, l diag.Locator) error { return errPending }
