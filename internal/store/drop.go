package store

import "context"

// Drop counts logs that were not kept, by app, day and reason.
type Drop struct {
	App    int64 // 0 = unknown app
	Day    int64 // Unix days
	Reason string
	Count  int64
}

func (db *DB) AddDrops(ctx context.Context, drops []Drop) error { return errPending }
func (db *DB) Drops(ctx context.Context, app, sinceDay int64) ([]Drop, error) {
	return nil, errPending
}
