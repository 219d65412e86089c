package store

import (
	"context"

	"lifeboat/internal/diag"
)

// Export is one export configuration of an app, with its cursor over minutes.
type Export struct {
	ID             diag.ID
	App            int64    // App.Num
	Type           string   // as the API spells it
	Entities       []string // crashes, errors, attachments, no_logs
	HandledErrors  bool     // false narrows "crashes" to unhandled ones
	PathKind       string   // WithoutAppId or WithAppId
	Sealed         []byte   // the connection string, sealed with the server's key
	SecretHash     []byte   // keyed hash of the connection string: tells a changed one from the same one
	Path           string   // directory kind: relative to the export root
	SubscriptionID string   // linked kinds
	ResourceName   string
	ResourceGroup  string
	BlobEndpoint   string
	Container      string
	Prefix         string
	Backfill       bool
	State          string // Enabled, Disabled, Pending, Deleted, Invalid
	StateInfo      string
	CreatedAt      int64 // Unix milliseconds
	LastRun        int64 // Unix milliseconds, 0 = never

	From      diag.Minute // first window that is exported
	Watermark diag.Minute // last window that is exported in full
	Epoch     int64       // of the holder; see ClaimExport
}

func (db *DB) CreateExport(ctx context.Context, e Export) error { return errPending }
func (db *DB) Export(ctx context.Context, app int64, id diag.ID) (Export, error) {
	return Export{}, errPending
}
func (db *DB) Exports(ctx context.Context, app int64) ([]Export, error) { return nil, errPending }
func (db *DB) UpdateExport(ctx context.Context, e Export) error         { return errPending }
func (db *DB) DeleteExport(ctx context.Context, app int64, id diag.ID) error {
	return errPending
}
func (db *DB) ClaimExport(ctx context.Context, id diag.ID) (Export, error) {
	return Export{}, errPending
}
func (db *DB) AdvanceExport(ctx context.Context, id diag.ID, epoch int64, watermark diag.Minute, lastRun int64) error {
	return errPending
}
func (db *DB) FailExport(ctx context.Context, id diag.ID, epoch int64, state, info string) error {
	return errPending
}
