// Package sqlite opens a store on two SQLite files, register.db and index.db.
//
// It promises that a change of the register is on the disk when its method returns; that a crash costs the
// index whole transactions at its end and nothing else; that deleted content is overwritten, and gone from
// the write-ahead log after the next checkpoint; and that memory stays small: a few megabytes per connection
// in use, nothing for idle readers.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// Options has useful zero values.
type Options struct {
	// GroupHash replaces the hash behind public group ids, so that tests can make it collide.
	GroupHash func(key diag.GroupKey, salt uint32) diag.GroupID
	// LogKey is that of diag.HashLog, which names deleted logs; the same as long as the store lives.
	LogKey [32]byte
	// Rebuild throws the index away first, also a damaged or newer one.
	Rebuild bool
}

const (
	registerFile = "register.db"
	indexFile    = "index.db"
)

// Open opens or makes the store in dir, which must exist. Only one process may have it open.
func Open(ctx context.Context, dir string, o Options) (*store.DB, error) {
	return open(ctx, dir, o, dialect{}, nil)
}

func open(ctx context.Context, dir string, o Options, d store.Dialect, migrations fs.FS) (*store.DB, error) {
	if o.Rebuild {
		if err := removeIndex(dir); err != nil {
			return nil, err
		}
	}
	register, err := openPools(filepath.Join(dir, registerFile), settings{synchronous: "full", writerCache: 512, readerCache: 512, checkpointPages: 1000})
	if err != nil {
		return nil, err
	}
	index, err := openPools(filepath.Join(dir, indexFile), settings{synchronous: "normal", writerCache: 16384, readerCache: 2048, checkpointPages: 8000})
	if err != nil {
		return nil, errors.Join(err, register.Read.Close(), register.Write.Close())
	}
	if err := check(ctx, register.Write); err != nil {
		return nil, errors.Join(err, register.Read.Close(), register.Write.Close(), index.Read.Close(), index.Write.Close())
	}
	return store.Open(ctx, store.Options{Dialect: d, Register: register, Index: index, GroupHash: o.GroupHash, LogKey: o.LogKey, Migrations: migrations})
}

func removeIndex(dir string) error {
	for _, suffix := range [...]string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(dir, indexFile+suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sqlite: remove the index: %w", err)
		}
	}
	return nil
}

// settings differ between the halves.
type settings struct {
	synchronous              string
	writerCache, readerCache int // KiB per connection
	checkpointPages          int // the log is folded in when it has so many
}

const maxReaders = 4

func openPools(file string, s settings) (store.Pools, error) {
	// SQLite gives its log and its index of it the mode of the file.
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return store.Pools{}, fmt.Errorf("sqlite: %w", err)
	}
	if err := f.Close(); err != nil {
		return store.Pools{}, fmt.Errorf("sqlite: %w", err)
	}
	write, err := sql.Open("sqlite", dsn(file, s, false))
	if err != nil {
		return store.Pools{}, fmt.Errorf("sqlite: %w", err)
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", dsn(file, s, true))
	if err != nil {
		return store.Pools{}, errors.Join(fmt.Errorf("sqlite: %w", err), write.Close())
	}
	read.SetMaxOpenConns(maxReaders)
	read.SetMaxIdleConns(-1) // the store keeps those that it needs
	return store.Pools{Write: write, Read: read}, nil
}

// dsn names a file and the pragmas of every connection to it (https://www.sqlite.org/pragma.html).
func dsn(file string, s settings, reader bool) string {
	path := filepath.ToSlash(file)
	if filepath.VolumeName(file) != "" {
		path = "/" + path
	}
	pragmas := []string{"busy_timeout(5000)", "journal_mode(wal)", "synchronous(" + s.synchronous + ")", "temp_store(memory)"}
	q := url.Values{}
	if reader {
		pragmas = append(pragmas, "query_only(1)", fmt.Sprintf("cache_size(-%d)", s.readerCache))
	} else {
		pragmas = append(pragmas, "secure_delete(1)", fmt.Sprintf("journal_size_limit(%d)", 8<<20),
			fmt.Sprintf("cache_size(-%d)", s.writerCache), fmt.Sprintf("wal_autocheckpoint(%d)", s.checkpointPages))
		q.Set("_txlock", "immediate")
	}
	q["_pragma"] = pragmas
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// check reads the whole register, which is small and cannot be made again, before anything is written to it.
func check(ctx context.Context, db *sql.DB) error {
	var verdict string
	err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict)
	switch {
	case err == nil && verdict == "ok":
		return nil
	case err == nil:
		err = errors.New(verdict)
	case classify(err) != store.ClassDamaged:
		return fmt.Errorf("sqlite: check the register: %w", err)
	}
	return diag.Wrap(diag.Internal, err, "The register is damaged: restore it from a backup.")
}
