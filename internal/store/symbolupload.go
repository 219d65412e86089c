package store

import (
	"context"
	"database/sql"
	"strings"

	"lifeboat/internal/diag"
)

const (
	uploadColumns = `u.id, u.app, u.kind, u.file_name, u.version, u.build, u.state, u.problems, u.size, u.created_at, u.committed_at,
	u.changed_at, u.last_used_at, u.account, COALESCE(account.email, ''), COALESCE(account.display_name, '')`
	uploadTables = " FROM symbol_upload u LEFT JOIN account ON account.num = u.account"
)

func scanUpload(scan func(...any) error) (u diag.SymbolUpload, err error) {
	var problems string
	err = scan(idColumn{&u.ID}, &u.App, &u.Kind, &u.FileName, &u.Version, &u.Build, &u.State, &problems, &u.Size, &u.CreatedAt, &u.CommittedAt,
		&u.ChangedAt, &u.LastUsedAt, &u.User.Num, &u.User.Email, &u.User.DisplayName)
	u.Problems = splitLines(problems)
	return u, err
}

// MaxOpenUploads bounds how many symbol uploads of an app can be under way at a time.
const MaxOpenUploads = 1000

// CreateSymbolUpload notes that a symbol file will be sent. An app that waits for more than enough is a Conflict.
func (db *DB) CreateSymbolUpload(ctx context.Context, u diag.SymbolUpload) error {
	return db.updateApp(ctx, u.App, func(t *tx, shard uint8) error {
		var open int64
		err := t.get([]any{&open}, "SELECT COUNT(*) FROM symbol_upload WHERE shard = $1 AND app = $2 AND state = $3", shard, u.App, diag.UploadCreated)
		if err != nil {
			return err
		}
		if open >= MaxOpenUploads {
			return diag.Errorf(diag.Conflict, "%d symbol uploads of this app were begun and not finished. Commit or abort some, or wait a day.", open)
		}
		_, err = t.exec(`INSERT INTO symbol_upload (shard, app, id, account, kind, file_name, version, build, state, problems, size, created_at,
			committed_at, changed_at, last_used_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', 0, $10, 0, $10, $10)`,
			shard, u.App, u.ID[:], u.User.Num, u.Kind, u.FileName, u.Version, u.Build, diag.UploadCreated, u.CreatedAt)
		return db.register.taken(err, "There is such a symbol upload already.")
	})
}

// SymbolUpload returns a symbol upload of an app.
func (db *DB) SymbolUpload(ctx context.Context, app int64, id diag.ID) (u diag.SymbolUpload, err error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return u, err
	}
	err = db.register.read(ctx, func(t *tx) error {
		u, err = symbolUpload(t, shard, app, id)
		return err
	})
	return u, err
}

func symbolUpload(t *tx, shard uint8, app int64, id diag.ID) (diag.SymbolUpload, error) {
	u, err := scanUpload(func(dest ...any) error {
		return t.get(dest, "SELECT "+uploadColumns+uploadTables+" WHERE u.shard = $1 AND u.app = $2 AND u.id = $3", shard, app, id[:])
	})
	return u, absent(err, "symbol upload")
}

// SymbolUploadByID returns a symbol upload of whatever app.
func (db *DB) SymbolUploadByID(ctx context.Context, id diag.ID) (u diag.SymbolUpload, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		u, err = scanUpload(func(dest ...any) error {
			return t.get(dest, "SELECT "+uploadColumns+uploadTables+" WHERE u.id = $1", id[:])
		})
		return absent(err, "symbol upload")
	})
	return u, err
}

// SymbolUploadQuery asks for symbol uploads of one app.
type SymbolUploadQuery struct {
	App    int64
	States []string // none = all
	Kind   string   // as clients call them; "" = all
	Limit  int
}

// SymbolUploads lists symbol uploads, the newest first.
func (db *DB) SymbolUploads(ctx context.Context, q SymbolUploadQuery) (all []diag.SymbolUpload, err error) {
	shard, err := db.shardOf(ctx, q.App)
	if err != nil {
		return nil, err
	}
	f := &filter{}
	f.and("u.shard = $%d AND u.app = $%d", shard, q.App)
	if q.Kind != "" {
		f.and("u.kind = $%d", q.Kind)
	}
	f.states(q.States)
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (diag.SymbolUpload, error) { return scanUpload(r.Scan) },
			"SELECT "+uploadColumns+uploadTables+" WHERE "+f.String()+" ORDER BY u.created_at DESC, u.id DESC"+f.limit(q.Limit), f.args...)
		return err
	})
	return all, err
}

// states adds the condition that an upload is in one of some states.
func (f *filter) states(states []string) {
	if len(states) == 0 {
		return
	}
	args := make([]any, len(states))
	for i, s := range states {
		args[i] = s
	}
	f.and("u.state IN ("+strings.TrimSuffix(strings.Repeat("$%d, ", len(states)), ", ")+")", args...)
}

// EndSymbolUpload commits or aborts an upload that was begun. changed is false if it was ended before; u is the
// upload as it is then.
func (db *DB) EndSymbolUpload(ctx context.Context, app int64, id diag.ID, state string, now int64) (u diag.SymbolUpload, changed bool, err error) {
	err = db.updateApp(ctx, app, func(t *tx, shard uint8) error {
		rows, err := t.exec(`UPDATE symbol_upload SET state = $4, committed_at = $5, changed_at = $5, last_used_at = $5
			WHERE shard = $1 AND app = $2 AND id = $3 AND state = $6`, shard, app, id[:], state, now, diag.UploadCreated)
		if err != nil {
			return err
		}
		changed = rows > 0
		u, err = symbolUpload(t, shard, app, id)
		return err
	})
	return u, changed, err
}

// StartSymbolUpload notes that an upload that was committed is being looked into. It is NotFound if it has gone or
// is in another state.
func (db *DB) StartSymbolUpload(ctx context.Context, app int64, id diag.ID, now int64) error {
	return db.updateApp(ctx, app, func(t *tx, shard uint8) error {
		rows, err := t.exec("UPDATE symbol_upload SET state = $4, changed_at = $5 WHERE shard = $1 AND app = $2 AND id = $3 AND state IN ($4, $6)",
			shard, app, id[:], diag.UploadProcessing, now, diag.UploadCommitted)
		return found(rows, err, "symbol upload")
	})
}

// FinishSymbolUpload writes what was found in an upload: u's State, Problems and Size, and the symbols, in place of
// those from before. Ids that they bring are ignored no more. It is NotFound if the upload has gone.
func (db *DB) FinishSymbolUpload(ctx context.Context, u diag.SymbolUpload, symbols []diag.Symbol, now int64) error {
	return db.updateApp(ctx, u.App, func(t *tx, shard uint8) error {
		rows, err := t.exec(`UPDATE symbol_upload SET state = $4, problems = $5, size = $6, changed_at = $7
			WHERE shard = $1 AND app = $2 AND id = $3 AND state = $8`,
			shard, u.App, u.ID[:], u.State, strings.Join(u.Problems, "\n"), u.Size, now, diag.UploadProcessing)
		if err := found(rows, err, "symbol upload"); err != nil {
			return err
		}
		if _, err := t.exec("DELETE FROM symbol WHERE shard = $1 AND app = $2 AND upload = $3", shard, u.App, u.ID[:]); err != nil {
			return err
		}
		for i := range symbols {
			s := &symbols[i]
			_, err := t.exec(`INSERT INTO symbol (shard, app, id, upload, num, kind, platform, name, path, architecture, alternates)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, shard, u.App, s.ID, u.ID[:], i, s.Kind, s.Platform, s.Name, s.Path,
				s.Architecture, strings.Join(s.Alternates, "\n"))
			for _, id := range append([]string{s.ID}, s.Alternates...) {
				if err == nil {
					_, err = t.exec("DELETE FROM symbol_ignored WHERE shard = $1 AND app = $2 AND id = $3", shard, u.App, id)
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteSymbolUpload removes an upload and what was found in it. It returns the upload as it was.
func (db *DB) DeleteSymbolUpload(ctx context.Context, app int64, id diag.ID) (u diag.SymbolUpload, err error) {
	err = db.updateApp(ctx, app, func(t *tx, shard uint8) error {
		if u, err = symbolUpload(t, shard, app, id); err != nil {
			return err
		}
		for _, text := range [...]string{
			"DELETE FROM symbol WHERE shard = $1 AND app = $2 AND upload = $3",
			"DELETE FROM symbol_upload WHERE shard = $1 AND app = $2 AND id = $3",
		} {
			if _, err := t.exec(text, shard, app, id[:]); err != nil {
				return err
			}
		}
		return nil
	})
	return u, err
}

// CommittedSymbolUploads lists uploads of all apps that wait to be looked into, and those at which that was cut
// off, the oldest first.
func (db *DB) CommittedSymbolUploads(ctx context.Context, limit int) ([]diag.SymbolUpload, error) {
	return db.uploadsOfAll(ctx, "u.state IN ($1, $2) ORDER BY u.changed_at, u.id LIMIT $3", diag.UploadCommitted, diag.UploadProcessing, limit)
}

// Stale says which symbol uploads have had their time, in Unix milliseconds.
type Stale struct {
	Begun  int64 // begun before that and not finished
	Failed int64 // aborted or failed before that
	Used   int64 // of no use since
}

// StaleSymbolUploads lists uploads of all apps that have had their time.
func (db *DB) StaleSymbolUploads(ctx context.Context, s Stale, limit int) ([]diag.SymbolUpload, error) {
	return db.uploadsOfAll(ctx, `u.state = $1 AND u.created_at < $2 OR u.state IN ($3, $4) AND u.changed_at < $5 OR u.state = $6 AND u.last_used_at < $7
		ORDER BY u.changed_at, u.id LIMIT $8`,
		diag.UploadCreated, s.Begun, diag.UploadAborted, diag.UploadFailed, s.Failed, diag.UploadIndexed, s.Used, limit)
}

func (db *DB) uploadsOfAll(ctx context.Context, where string, args ...any) (all []diag.SymbolUpload, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (diag.SymbolUpload, error) { return scanUpload(r.Scan) }, "SELECT "+uploadColumns+uploadTables+" WHERE "+where, args...)
		return err
	})
	return all, err
}

// KnowsSymbolUpload reports whether an upload is there, whatever became of it.
func (db *DB) KnowsSymbolUpload(ctx context.Context, app int64, id diag.ID) (bool, error) {
	_, err := db.SymbolUpload(ctx, app, id)
	if err != nil && diag.KindOf(err) == diag.NotFound {
		return false, nil
	}
	return err == nil, err
}
