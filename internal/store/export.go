package store

import (
	"context"
	"database/sql"
	"strings"

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
	CreatedAt      int64       // Unix milliseconds
	From           diag.Minute // first window that is exported

	// The cursor. Only its holder changes it; see ClaimExport.
	LastRun   int64       // Unix milliseconds, 0 = never
	Watermark diag.Minute // last window that is exported in full
	Epoch     int64       // of the holder
}

const exportColumns = `id, app, type, entities, handled_errors, path_kind, sealed, secret_hash, path, subscription_id, resource_name,
	resource_group, blob_endpoint, container, prefix, backfill, state, state_info, created_at, from_minute, last_run, watermark, epoch`

func scanExport(scan func(...any) error) (e Export, err error) {
	var entities string
	err = scan(idColumn{&e.ID}, &e.App, &e.Type, &entities, &e.HandledErrors, &e.PathKind, &e.Sealed, &e.SecretHash, &e.Path,
		&e.SubscriptionID, &e.ResourceName, &e.ResourceGroup, &e.BlobEndpoint, &e.Container, &e.Prefix, &e.Backfill, &e.State,
		&e.StateInfo, &e.CreatedAt, &e.From, &e.LastRun, &e.Watermark, &e.Epoch)
	e.Entities = splitLines(entities)
	return e, err
}

// settings are the arguments that CreateExport and UpdateExport share.
func (e *Export) settings(shard uint8) []any {
	return []any{shard, e.App, e.ID[:], e.Type, strings.Join(e.Entities, "\n"), flag(e.HandledErrors), e.PathKind, e.Sealed, e.SecretHash,
		e.Path, e.SubscriptionID, e.ResourceName, e.ResourceGroup, e.BlobEndpoint, e.Container, e.Prefix, flag(e.Backfill), e.State,
		e.StateInfo, e.From}
}

// CreateExport adds a configuration.
func (db *DB) CreateExport(ctx context.Context, e Export) error {
	return db.updateApp(ctx, e.App, func(t *tx, shard uint8) error {
		_, err := t.exec(`INSERT INTO export (shard, app, id, type, entities, handled_errors, path_kind, sealed, secret_hash, path,
			subscription_id, resource_name, resource_group, blob_endpoint, container, prefix, backfill, state, state_info, from_minute,
			created_at, last_run, watermark, epoch)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)`,
			append(e.settings(shard), e.CreatedAt, e.LastRun, e.Watermark, e.Epoch)...)
		return db.register.taken(err, "There is such an export configuration already.")
	})
}

// Export returns a configuration of an app.
func (db *DB) Export(ctx context.Context, app int64, id diag.ID) (Export, error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return Export{}, err
	}
	var e Export
	err = db.register.read(ctx, func(t *tx) error {
		e, err = scanExport(func(dest ...any) error {
			return t.get(dest, "SELECT "+exportColumns+" FROM export WHERE shard = $1 AND app = $2 AND id = $3", shard, app, id[:])
		})
		return absent(err, "export configuration")
	})
	return e, err
}

// Exports lists the configurations of an app, or with -1 of all, oldest first.
func (db *DB) Exports(ctx context.Context, app int64) (all []Export, err error) {
	text, args := "SELECT "+exportColumns+" FROM export ORDER BY created_at, id", []any(nil)
	if app >= 0 {
		shard, err := db.shardOf(ctx, app)
		if err != nil {
			return nil, err
		}
		text = "SELECT " + exportColumns + " FROM export WHERE shard = $1 AND app = $2 ORDER BY created_at, id"
		args = []any{shard, app}
	}
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (Export, error) { return scanExport(r.Scan) }, text, args...)
		return err
	})
	return all, err
}

// UpdateExport changes settings and state, never the cursor.
func (db *DB) UpdateExport(ctx context.Context, e Export) error {
	return db.updateApp(ctx, e.App, func(t *tx, shard uint8) error {
		rows, err := t.exec(`UPDATE export SET type = $4, entities = $5, handled_errors = $6, path_kind = $7, sealed = $8, secret_hash = $9,
			path = $10, subscription_id = $11, resource_name = $12, resource_group = $13, blob_endpoint = $14, container = $15, prefix = $16,
			backfill = $17, state = $18, state_info = $19, from_minute = $20 WHERE shard = $1 AND app = $2 AND id = $3`, e.settings(shard)...)
		return found(rows, err, "export configuration")
	})
}

// DeleteExport removes a configuration. Its holder finds itself fenced.
func (db *DB) DeleteExport(ctx context.Context, app int64, id diag.ID) error {
	return db.updateApp(ctx, app, func(t *tx, shard uint8) error {
		rows, err := t.exec("DELETE FROM export WHERE shard = $1 AND app = $2 AND id = $3", shard, app, id[:])
		return found(rows, err, "export configuration")
	})
}

// ClaimExport makes the caller the holder of a configuration's cursor; whoever held it is fenced.
func (db *DB) ClaimExport(ctx context.Context, id diag.ID) (e Export, err error) {
	err = db.register.update(ctx, func(t *tx) error {
		e, err = scanExport(func(dest ...any) error {
			return t.get(dest, "UPDATE export SET epoch = epoch + 1 WHERE id = $1 RETURNING "+exportColumns, id[:])
		})
		return absent(err, "export configuration")
	})
	return e, err
}

// AdvanceExport moves the cursor ahead. ErrFenced if the epoch is not the holder's, the configuration is
// gone or the cursor stands behind that window already.
func (db *DB) AdvanceExport(ctx context.Context, id diag.ID, epoch int64, watermark diag.Minute, lastRun int64) error {
	return db.fenced(ctx, "UPDATE export SET watermark = $3, last_run = $4 WHERE id = $1 AND epoch = $2 AND watermark <= $3",
		id[:], epoch, watermark, lastRun)
}

// FailExport sets the state from within the worker, with a reason for people. ErrFenced as AdvanceExport.
func (db *DB) FailExport(ctx context.Context, id diag.ID, epoch int64, state, info string) error {
	return db.fenced(ctx, "UPDATE export SET state = $3, state_info = $4 WHERE id = $1 AND epoch = $2", id[:], epoch, state, info)
}

// fenced runs an update that finds its row only if the epoch is still the holder's.
func (db *DB) fenced(ctx context.Context, text string, args ...any) error {
	return db.register.update(ctx, func(t *tx) error {
		rows, err := t.exec(text, args...)
		if err == nil && rows == 0 {
			return ErrFenced
		}
		return err
	})
}
