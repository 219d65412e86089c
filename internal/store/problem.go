package store

import (
	"context"

	"lifeboat/internal/diag"
)

// ProblemRow is a frame or a log that could not be read at all. It is kept and counted.
type ProblemRow struct {
	Feed    uint64
	App     int64
	Ingress diag.IngressTime
	What    string
	Locator diag.Locator
}

// Copy names a log in the journal that is a copy of an earlier one and has no row.
type Copy struct {
	Feed   uint64
	Member int
}

// Duplicates lists the copies with after < feed <= through, in feed order.
func (db *DB) Duplicates(ctx context.Context, after, through uint64) ([]Copy, error) {
	return nil, errPending
}

// Problems lists the newest problems of an app first.
func (db *DB) Problems(ctx context.Context, app int64, limit int) ([]ProblemRow, error) {
	return nil, errPending
}

// IndexStats counts the rows of one app.
type IndexStats struct {
	Logs                         map[diag.LogKind]int64 // rows by kind of log
	Groups, Duplicates, Problems int64
}

// IndexStats counts the rows of one app.
func (db *DB) IndexStats(ctx context.Context, app int64) (IndexStats, error) {
	return IndexStats{}, errPending
}
