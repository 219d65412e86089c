package store

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"

	"lifeboat/internal/diag"
)

// ErrFenced means that somebody else holds the cursor now, or that it does not stand where the holder thinks:
// stop working on it.
var ErrFenced = errors.New("store: the cursor has another holder")

// DB is the store. Its methods may be called at the same time.
type DB struct {
	register, index *half
	groupHash       func(diag.GroupKey, uint32) diag.GroupID

	shards   shardCache
	groupIDs groupIDCache
	searches searchTables
	settling atomic.Int64 // calls of Tidy
	texts    Texts
	words    wordCache
	memory   memory // of whoever writes to the index
	boards   boards
	graves   graveyard
	logKey   [32]byte

	// resetting is held for writing while the index is emptied, so that no reader takes a word's number
	// from before for one from after.
	resetting sync.RWMutex
}

// Options are an adapter's: connections to both halves and how to talk to them.
type Options struct {
	Dialect   Dialect
	Register  Pools
	Index     Pools
	GroupHash func(key diag.GroupKey, salt uint32) diag.GroupID // nil = the real one

	LogKey [32]byte // names deleted logs

	// Migrations holds migrations/register/0001_name.sql and so on, for tests of what comes next. nil = the
	// real ones.
	Migrations fs.FS
}

// Open brings both halves to the newest schema. It is for adapters; others open a store through one. The
// pools are the store's on return, also when it fails.
func Open(ctx context.Context, o Options) (*DB, error) {
	db := &DB{groupHash: o.GroupHash, logKey: o.LogKey, texts: noTexts{}}
	if db.groupHash == nil {
		db.groupHash = hashGroup
	}
	own := o.Migrations == nil
	if own {
		o.Migrations = schema
	}
	var err error
	db.register, err = openHalf(ctx, "register", "restore it from a backup", &o, o.Register)
	if err != nil {
		return nil, errors.Join(err, o.Index.Read.Close(), o.Index.Write.Close())
	}
	db.index, err = openHalf(ctx, "index", "rebuild it with `lifeboat reindex`", &o, o.Index)
	if err != nil {
		return nil, errors.Join(err, db.register.close())
	}
	if own {
		if err := db.adoptOwners(ctx); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return db, nil
}

func openHalf(ctx context.Context, name, cure string, o *Options, p Pools) (*half, error) {
	h, err := newHalf(ctx, name, cure, o.Dialect, p)
	if err != nil {
		return nil, errors.Join(err, p.Read.Close(), p.Write.Close())
	}
	if err := h.migrate(ctx, o.Migrations); err != nil {
		return nil, errors.Join(err, p.Read.Close(), h.writer.sql.Close(), p.Write.Close())
	}
	return h, nil
}

// viewIndex runs fn on one snapshot of the index.
func (db *DB) viewIndex(ctx context.Context, fn func(*tx) error) error {
	db.resetting.RLock()
	defer db.resetting.RUnlock()
	return db.index.view(ctx, fn)
}

// Tidy does what is due when there is time: a half that was not written to since the last call is
// checkpointed, so that nothing deleted stays in its log, readers and boards of groups that nobody needed are
// closed, and rows of deleted apps go. Call it about once a minute.
func (db *DB) Tidy(ctx context.Context) error {
	db.boards.rest()
	return errors.Join(db.sweep(ctx), db.sweepEvents(ctx), db.forgetArrivals(ctx), db.settleSearches(ctx, false), db.register.tidy(ctx), db.index.tidy(ctx))
}

// Scrub sees to it that nothing deleted is left in the files of both halves: neither in the log nor where the
// engine has moved rows away. It reads all of them, in bounded transactions, and is Busy while somebody still
// reads what was there before: call it again.
func (db *DB) Scrub(ctx context.Context) error {
	if err := db.settleSearches(ctx, true); err != nil {
		return err
	}
	for _, h := range [...]*half{db.register, db.index} {
		if err := h.scrub(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close checkpoints and closes both halves.
func (db *DB) Close() error {
	return errors.Join(db.register.close(), db.index.close())
}

// Schemas describes the tables of both halves as the engine has them.
func (db *DB) Schemas(ctx context.Context) (register, index []Table, err error) {
	if register, err = db.register.tables(ctx); err != nil {
		return nil, nil, err
	}
	index, err = db.index.tables(ctx)
	return register, index, err
}

func (h *half) tables(ctx context.Context) ([]Table, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all, err := h.dialect.Tables(ctx, h.writer.sql)
	return all, h.explain(err)
}

// taken turns a unique key that is taken into a Conflict with words for a person.
func (h *half) taken(err error, message string) error {
	if h.dialect.Classify(err) == ClassTaken {
		return diag.Wrap(diag.Conflict, err, "%s", message)
	}
	return err
}
