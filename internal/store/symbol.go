package store

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"lifeboat/internal/diag"
)

const symbolText = `SELECT s.id, s.app, s.upload, s.kind, s.platform, s.name, s.path, s.architecture, s.alternates, u.version, u.build, u.last_used_at,
	EXISTS (SELECT 1 FROM symbol_ignored i WHERE i.shard = s.shard AND i.app = s.app AND i.id = s.id)
	FROM symbol s JOIN symbol_upload u ON u.shard = s.shard AND u.app = s.app AND u.id = s.upload WHERE s.shard = $1 AND s.app = $2`

func scanSymbol(r *sql.Rows) (s diag.Symbol, err error) {
	var alternates string
	err = r.Scan(&s.ID, &s.App, idColumn{&s.Upload}, &s.Kind, &s.Platform, &s.Name, &s.Path, &s.Architecture, &alternates, &s.Version, &s.Build,
		&s.LastUsedAt, flagColumn{&s.Ignored})
	s.Alternates = splitLines(alternates)
	return s, err
}

// Symbols lists what was found in an app's uploads, in order of ids; of each id the newest.
func (db *DB) Symbols(ctx context.Context, app int64) (all []diag.Symbol, err error) {
	return db.symbols(ctx, app, " ORDER BY s.id, u.committed_at DESC, u.id DESC, s.num")
}

// Symbol returns the newest symbol with an id, NotFound if nobody has uploaded it.
func (db *DB) Symbol(ctx context.Context, app int64, id string) (diag.Symbol, error) {
	all, err := db.symbols(ctx, app, " AND s.id = $3 ORDER BY u.committed_at DESC, u.id DESC, s.num LIMIT 1", id)
	if err != nil {
		return diag.Symbol{}, err
	}
	if len(all) == 0 {
		return diag.Symbol{}, absent(sql.ErrNoRows, "symbol")
	}
	return all[0], nil
}

// SymbolsOf lists what was found in one upload, in order.
func (db *DB) SymbolsOf(ctx context.Context, app int64, upload diag.ID) ([]diag.Symbol, error) {
	return db.symbols(ctx, app, " AND s.upload = $3 ORDER BY s.num", upload[:])
}

// symbols reads symbols and skips those whose id is that of the one before.
func (db *DB) symbols(ctx context.Context, app int64, where string, args ...any) (all []diag.Symbol, err error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return nil, err
	}
	err = db.register.read(ctx, func(t *tx) error {
		return t.each(func(r *sql.Rows) error {
			s, err := scanSymbol(r)
			if err == nil && (len(all) == 0 || all[len(all)-1].ID != s.ID) {
				all = append(all, s)
			}
			return err
		}, symbolText+where, append([]any{shard, app}, args...)...)
	})
	return all, err
}

// SymbolSet knows which ids of an app have symbols, and which are ignored.
type SymbolSet struct {
	there, ignored map[string]bool
	maps           []string // what mappings are called by those who made them, sorted
}

// minMapID is how many digits of a mapping's id name it.
const minMapID = 7

// Has reports whether symbols are there for an id: under this one, under another one of the same file, or, since
// builds write the beginning of a mapping's hash, under one that begins with it or that it begins with.
func (s *SymbolSet) Has(id string) bool {
	if s.there[id] {
		return true
	}
	if len(id) < minMapID {
		return false
	}
	i, _ := slices.BinarySearch(s.maps, id)
	if i < len(s.maps) && strings.HasPrefix(s.maps[i], id) {
		return true
	}
	for n := minMapID; n < len(id); n++ {
		if _, found := slices.BinarySearch(s.maps, id[:n]); found {
			return true
		}
	}
	return false
}

// Ignored reports whether an id is ignored.
func (s *SymbolSet) Ignored(id string) bool { return s.ignored[id] }

// SymbolSet reads what symbols an app has.
func (db *DB) SymbolSet(ctx context.Context, app int64) (*SymbolSet, error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return nil, err
	}
	s := &SymbolSet{there: map[string]bool{}, ignored: map[string]bool{}}
	err = db.register.view(ctx, func(t *tx) error {
		err := t.each(func(r *sql.Rows) error {
			var id, kind, alternates string
			err := r.Scan(&id, &kind, &alternates)
			s.there[id] = true
			for _, other := range splitLines(alternates) {
				if s.there[other] = true; kind == diag.SymbolsProguard {
					s.maps = append(s.maps, other)
				}
			}
			return err
		}, "SELECT id, kind, alternates FROM symbol WHERE shard = $1 AND app = $2", shard, app)
		if err != nil {
			return err
		}
		return t.each(func(r *sql.Rows) error {
			var id string
			err := r.Scan(&id)
			s.ignored[id] = true
			return err
		}, "SELECT id FROM symbol_ignored WHERE shard = $1 AND app = $2", shard, app)
	})
	slices.Sort(s.maps)
	return s, err
}

// IgnoreSymbol notes that nobody will send symbols for an id.
func (db *DB) IgnoreSymbol(ctx context.Context, app int64, id string, now int64) error {
	return db.updateApp(ctx, app, func(t *tx, shard uint8) error {
		_, err := t.exec("INSERT INTO symbol_ignored (shard, app, id, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (shard, app, id) DO NOTHING", shard, app, id, now)
		return err
	})
}

// SymbolIgnored reports whether an id is ignored.
func (db *DB) SymbolIgnored(ctx context.Context, app int64, id string) (ignored bool, err error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return false, err
	}
	err = db.register.read(ctx, func(t *tx) error {
		return t.get([]any{&ignored}, "SELECT EXISTS (SELECT 1 FROM symbol_ignored WHERE shard = $1 AND app = $2 AND id = $3)", shard, app, id)
	})
	return ignored, err
}

// UseSymbols notes that the symbols of some ids were of use. It never goes back.
func (db *DB) UseSymbols(ctx context.Context, app int64, ids []string, now int64) error {
	return db.updateApp(ctx, app, func(t *tx, shard uint8) error {
		for _, id := range ids {
			_, err := t.exec(`UPDATE symbol_upload SET last_used_at = $4 WHERE shard = $1 AND app = $2 AND last_used_at < $4
				AND id IN (SELECT upload FROM symbol WHERE shard = $1 AND app = $2 AND id = $3)`, shard, app, id, now)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
