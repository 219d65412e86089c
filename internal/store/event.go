package store

import (
	"context"

	"lifeboat/internal/diag"
)

// EventRow is the row of a log that is neither an error nor an attachment.
type EventRow struct {
	Feed       uint64
	Time       diag.DeviceTime
	Ingress    diag.IngressTime
	App        int64
	Shard      uint8 // filled in by the store from the app
	Kind       diag.LogKind
	ID         diag.ID
	Install    diag.InstallID
	Session    diag.ID
	AppVersion string
	AppBuild   string
	Locator    diag.Locator
}

// Moment is a point in a session of an install: what led there are the session's logs up to its time.
type Moment struct {
	Install diag.InstallID
	Session diag.ID
	UpTo    diag.DeviceTime // inclusive
}

// SessionLogs returns the newest limit logs up to a moment, in rising time; exceeded tells that there were more.
func (db *DB) SessionLogs(ctx context.Context, app int64, m Moment, limit int) (rows []EventRow, exceeded bool, err error) {
	return nil, false, errPending
}

// HasSessionLogs tells for each moment whether SessionLogs has any row.
func (db *DB) HasSessionLogs(ctx context.Context, app int64, moments []Moment) ([]bool, error) {
	return nil, errPending
}
