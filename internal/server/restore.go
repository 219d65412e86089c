package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"lifeboat/internal/backup"
	"lifeboat/internal/diag"
	"lifeboat/internal/purge"
)

// RestoreOptions says what Restore is to do.
type RestoreOptions struct {
	In         string // the backup
	Data       string // the new folder
	KeyFile    string // the key, if it is not in the backup
	WithoutKey bool   // make a new key
	Check      bool   // only read the backup
	Config     Config // Clock and Log, may be empty
	Progress   func(what string, done, all int64)
}

// Restored says what Restore has made.
type Restored struct {
	Manifest backup.Manifest
	Index    Reindexed
	Took     time.Duration
}

// restoredFile is in a folder that was restored and not worked over since: what the register says of deletions and
// retention is applied to the journal's logs, and the index is made, before anything else is taken.
const restoredFile = "restored"

const lostWithoutKey = "Without it, connection strings of exports cannot be read and must be entered again, deleted reports and blocked installs that come again are not recognised, and URLs, page tokens and sessions that were given out are void."

// Restore makes a data folder of a backup. The folder must not be there yet, or be empty.
func Restore(ctx context.Context, o RestoreOptions) (r Restored, err error) {
	c := o.Config
	c.Data = o.Data
	if o.Check {
		c.Data = "-" // none is needed
	}
	if err := c.setDefaults(); err != nil {
		return r, err
	}
	started := c.Clock.Monotonic()
	defer func() { r.Took = c.Clock.Monotonic() - started }()
	in, err := os.Open(o.In)
	if err != nil {
		return r, diag.Wrap(diag.Invalid, err, "The backup %s cannot be read: %v.", o.In, cause(err))
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return r, err
	}
	counted := &countedReader{r: in, all: info.Size(), progress: o.Progress}
	options := backup.Options{Layout: backupLayout(), Newest: layout}
	if o.Check {
		r.Manifest, err = backup.Read(ctx, counted, options)
		return r, err
	}
	u := unpacking{o: &o}
	options.Into, options.Space, options.Begin, options.Before = o.Data, freeSpace, u.begin, u.before
	if u.made, err = emptyFolder(o.Data); err != nil {
		return r, err
	}
	if r.Manifest, err = backup.Read(ctx, counted, options); err != nil {
		return r, errors.Join(err, u.undo())
	}
	r.Index, err = settleRestored(ctx, &c, &r.Manifest, o.Progress)
	return r, err
}

// emptyFolder makes a folder, or accepts an empty one.
func emptyFolder(path string) (made bool, err error) {
	entries, err := os.ReadDir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(path, 0o700); err != nil {
			return false, diag.Wrap(diag.Invalid, err, "The folder %s cannot be made: %v.", path, cause(err))
		}
		return true, nil
	case err != nil:
		return false, diag.Wrap(diag.Invalid, err, "The folder %s cannot be read: %v.", path, cause(err))
	}
	for _, e := range entries {
		if e.Name() != "lost+found" {
			return false, diag.Errorf(diag.Invalid, "%s is not empty. Restore into a folder that is, or that is not there yet.", path)
		}
	}
	return false, nil
}

// unpacking is a folder on its way.
type unpacking struct {
	o    *RestoreOptions
	made bool // the folder was not there before
	head backup.Head
	key  *[32]byte // that is not in the backup
}

// begin looks for the key before anything is written.
func (u *unpacking) begin(h backup.Head) error {
	u.head = h
	switch {
	case u.o.KeyFile != "":
		f := &folder{path: u.o.Data}
		if err := f.readKey(u.o.KeyFile); err != nil {
			return err
		}
		if keyCheck(f.key) != h.KeyCheck {
			return diag.Errorf(diag.Invalid, "The key in %s is not the key of this backup.", u.o.KeyFile)
		}
		if !h.WithKey {
			u.key = &f.key
		}
	case h.WithKey:
	case u.o.WithoutKey:
		u.key = new([32]byte)
		rand.Read(u.key[:])
	default:
		return diag.Errorf(diag.Invalid, "The backup holds no key. Name the file with the folder's key with --key-file. %s If it is lost for good, --without-key makes a new one.", lostWithoutKey)
	}
	return nil
}

// before completes the folder when everything in it was found to be right.
func (u *unpacking) before() error {
	path := filepath.Join(u.o.Data, keyFile)
	if u.key != nil {
		if err := writeDurably(path, []byte(hex.EncodeToString(u.key[:])+"\n")); err != nil {
			return err
		}
	} else {
		f := &folder{path: u.o.Data}
		if err := f.readKey(path); err != nil || keyCheck(f.key) != u.head.KeyCheck {
			return diag.Errorf(diag.Invalid, "The backup is damaged: the key in it is not its own. Take another one.")
		}
	}
	return writeDurably(filepath.Join(u.o.Data, restoredFile), nil)
}

// undo takes away what was made of a folder that is none.
func (u *unpacking) undo() error {
	if u.made {
		return os.RemoveAll(u.o.Data)
	}
	entries, err := os.ReadDir(u.o.Data)
	for _, e := range entries {
		if e.Name() != "lost+found" {
			err = errors.Join(err, os.RemoveAll(filepath.Join(u.o.Data, e.Name())))
		}
	}
	return err
}

// settleRestored works a restored folder over, and looks whether the journal holds what was copied.
func settleRestored(ctx context.Context, c *Config, m *backup.Manifest, progress func(string, int64, int64)) (r Reindexed, err error) {
	o, err := OpenOffline(ctx, *c, true)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if s := o.Journal.Stats(); s.Frames != m.Frames || o.Journal.Horizon() != m.Horizon {
		return r, diag.Errorf(diag.Internal, "The restored journal has %d frames up to number %d, the backup told of %d up to %d.", s.Frames, o.Journal.Horizon(), m.Frames, m.Horizon)
	}
	return settle(ctx, c, o, func(done, all uint64) {
		if progress != nil {
			progress("indexed", int64(done), int64(all))
		}
	})
}

// settle makes the index of a restored folder and applies deletions and retention.
func settle(ctx context.Context, c *Config, o *Offline, progress func(done, all uint64)) (Reindexed, error) {
	r, err := reindex(ctx, c, o.Store, o.Journal, progress)
	if err != nil {
		return r, err
	}
	w := purge.New(purge.Options{Store: o.Store, Journal: o.Journal, Clock: c.Clock, Log: c.Log, TrustClock: true, Grace: 1})
	if err := w.Pass(ctx); err != nil {
		return r, err
	}
	if err := os.Remove(o.folder.in(restoredFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("the file %s: %w", restoredFile, err)
	}
	return r, syncDir(o.folder.path)
}

// settleUnfinished does what a restore was kept from doing, before traffic is accepted.
func (s *Server) settleUnfinished(ctx context.Context) error {
	if _, err := os.Stat(s.folder.in(restoredFile)); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	s.log.Info("this data folder was restored: its index is made, and deletions and retention are applied, before traffic is accepted")
	_, err := settle(ctx, &s.config, &Offline{Store: s.store, Journal: s.journal, folder: s.folder}, nil)
	return err
}

// countedReader tells how much of a file was read.
type countedReader struct {
	r         io.Reader
	done, all int64
	progress  func(what string, done, all int64)
}

func (c *countedReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.done += int64(n)
	if c.progress != nil {
		c.progress("read", c.done, c.all)
	}
	return n, err
}
