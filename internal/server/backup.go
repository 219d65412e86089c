package server

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"lifeboat/internal/backup"
	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/store"
)

// backupLayout is what of a data folder is in a backup. The index follows from the journal, and symbol files that are
// not whole are sent again.
func backupLayout() backup.Layout {
	return backup.Layout{
		Marker: versionFile, Secrets: []string{keyFile, tokenFile}, Journal: journalDir, Folders: []string{spoolDir, symbolsDir + "/kept", tlsDir},
	}
}

// keyCheck tells whether a key is the one of a backup.
func keyCheck(key [32]byte) string {
	sum := derive(key, forBackups)
	return hex.EncodeToString(sum[:8])
}

// take begins a backup of an open folder.
func take(ctx context.Context, f *folder, db *store.DB, j *journal.Journal, c *Config, withKey bool) (*backup.Taking, error) {
	if withKey && c.KeyFile != "" {
		return nil, diag.Errorf(diag.Invalid, "The key of this data folder is kept outside of it, in %s: copy it yourself, and leave --with-key out.", c.KeyFile)
	}
	return backup.Take(ctx, backup.Source{
		Dir: f.path, Layout: backupLayout(), Store: db, Journal: j, Clock: c.Clock,
		Head: backup.Head{Layout: layout, Release: c.Version, WithKey: withKey, KeyCheck: keyCheck(f.key)},
	})
}

// bytesHeader tells about how many bytes go into a backup.
const bytesHeader = "X-Lifeboat-Bytes"

// backup sends a backup to a command. One that breaks off in its middle ends the connection.
func (s *Server) backup(w http.ResponseWriter, r *http.Request) error {
	if !s.backingUp.TryLock() {
		return diag.Errorf(diag.Conflict, "Another backup is being taken. Wait for it to end.")
	}
	defer s.backingUp.Unlock()
	resume, err := s.purge.Hold(r.Context()) // what it takes out of the journal must be in the register that was taken before
	if err != nil {
		return err
	}
	defer resume()
	t, err := take(r.Context(), s.folder, s.store, s.journal, &s.config, r.URL.Query().Get("with_key") == "1")
	if err != nil {
		return err
	}
	defer t.Close()
	started := s.config.Clock.Monotonic()
	w.Header().Set("Content-Type", "application/zstd")
	w.Header().Set(bytesHeader, strconv.FormatInt(t.Bytes, 10))
	m, err := t.Write(r.Context(), w, nil)
	if err != nil {
		s.log.Error("a backup broke off", "error", err)
		panic(http.ErrAbortHandler)
	}
	s.log.Info("a backup was taken", "files", len(m.Members), "bytes", m.Bytes, "duration", s.config.Clock.Monotonic()-started)
	return nil
}

// BackupOptions says what Backup is to do.
type BackupOptions struct {
	Data, KeyFile string
	Out           string // a file, or a folder in which one is made
	WithKey       bool
	Force         bool // replace Out
	Version       string
	Progress      func(done, all int64) // bytes; may be nil
}

// BackedUp says what a backup holds.
type BackedUp struct {
	File     string
	Size     int64 // of the file
	Manifest backup.Manifest
	Took     time.Duration
}

// Backup makes one file of a data folder, through the server that uses it if there is one. The file was read in
// full when it gets its name.
func Backup(ctx context.Context, o BackupOptions) (b BackedUp, err error) {
	c := Config{Data: o.Data, KeyFile: o.KeyFile, Version: o.Version}
	if err := c.setDefaults(); err != nil {
		return b, err
	}
	started := c.Clock.Monotonic()
	if b.File, err = backupFile(o.Out, c.Clock.Now(), o.Force); err != nil {
		return b, err
	}
	running, err := used(o.Data)
	if err != nil {
		return b, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var in io.ReadCloser
	var all int64
	if running {
		in, all, err = backupOnline(ctx, &o)
	} else {
		in, all, err = backupOffline(ctx, &c, o.WithKey)
	}
	if err != nil {
		return b, err
	}
	err = b.keep(ctx, in, all, &o)
	stop()
	if closed := in.Close(); err == nil {
		err = closed
	}
	b.Took = c.Clock.Monotonic() - started
	return b, err
}

// backupFile is the file to make.
func backupFile(out string, now time.Time, force bool) (string, error) {
	info, err := os.Stat(out)
	switch {
	case err == nil && info.IsDir():
		out = filepath.Join(out, "lifeboat-"+now.UTC().Format("2006-01-02T150405Z")+".tar.zst")
		_, err = os.Stat(out)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", diag.Wrap(diag.Invalid, err, "--out: %s cannot be made: %v.", out, cause(err))
	}
	if err == nil && !force {
		return "", diag.Errorf(diag.Conflict, "%s exists and is kept; choose another file or allow replacing it with --force.", out)
	}
	return out, nil
}

func backupOnline(ctx context.Context, o *BackupOptions) (io.ReadCloser, int64, error) {
	path := "/backup"
	if o.WithKey {
		path += "?with_key=1"
	}
	answer, err := callControl(ctx, o.Data, http.MethodPost, path)
	if err != nil {
		return nil, 0, err
	}
	all, _ := strconv.ParseInt(answer.Header.Get(bytesHeader), 10, 64) // for people
	return answer.Body, all, nil
}

// backupOffline takes the backup of a folder that nobody uses.
func backupOffline(ctx context.Context, c *Config, withKey bool) (io.ReadCloser, int64, error) {
	o, err := OpenOffline(ctx, *c, false)
	if err != nil {
		return nil, 0, err
	}
	t, err := take(ctx, o.folder, o.Store, o.Journal, c, withKey)
	if err != nil {
		return nil, 0, errors.Join(err, o.Close())
	}
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := t.Write(ctx, w, nil)
		w.CloseWithError(err)
		done <- errors.Join(t.Close(), o.Close())
	}()
	return &offlineBackup{r, done}, t.Bytes, nil
}

// offlineBackup closes the folder with the file.
type offlineBackup struct {
	*io.PipeReader
	done chan error
}

// Close implements io.Closer.
func (b *offlineBackup) Close() error {
	b.PipeReader.Close()
	return <-b.done
}

// keep writes what comes into a file beside its name, reads it as a restore would, and gives it its name.
func (b *BackedUp) keep(ctx context.Context, in io.Reader, all int64, o *BackupOptions) error {
	temp, err := os.CreateTemp(filepath.Dir(b.File), filepath.Base(b.File)+newMark+"*") // mode 0600
	if err != nil {
		return diag.Wrap(diag.Invalid, err, "--out: %s cannot be made: %v.", b.File, cause(err))
	}
	defer os.Remove(temp.Name()) // nothing once renamed
	defer temp.Close()           // nothing once closed
	out := &countedFile{f: temp}
	options := backup.Options{Layout: backupLayout(), Newest: layout}
	if o.Progress != nil {
		done := int64(0)
		options.Advance = func(n int64) { done += n; o.Progress(done, all) }
	}
	b.Manifest, err = backup.Read(ctx, io.TeeReader(in, out), options)
	if out.err == nil && err == nil {
		out.err = errors.Join(temp.Sync(), temp.Close())
	}
	switch {
	case errors.Is(out.err, syscall.ENOSPC), errors.Is(out.err, syscall.EDQUOT), errors.Is(out.err, syscall.EFBIG):
		return diag.Wrap(diag.Busy, out.err, "The disk of %s is full: make room, or name another place with --out.", b.File)
	case out.err != nil:
		return fmt.Errorf("write the backup: %w", out.err)
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return diag.Wrap(diag.Busy, err, "The backup broke off: the server's log says why. Try again.")
	}
	b.Size = out.n
	return publish(temp.Name(), b.File, o.Force)
}

// publish gives a finished file its name. Without force a file that came meanwhile stays.
func publish(temp, name string, force bool) error {
	if force {
		if err := os.Rename(temp, name); err != nil {
			return err
		}
	} else if err := os.Link(temp, name); errors.Is(err, fs.ErrExist) {
		return diag.Errorf(diag.Conflict, "%s exists and is kept; choose another file or allow replacing it with --force.", name)
	} else if err != nil { // not every file system has links
		if err := os.Rename(temp, name); err != nil {
			return err
		}
	}
	return syncDir(filepath.Dir(name))
}

// countedFile counts what is written, and remembers why that failed.
type countedFile struct {
	f   *os.File
	n   int64
	err error
}

func (c *countedFile) Write(b []byte) (int, error) {
	n, err := c.f.Write(b)
	c.n += int64(n)
	c.err = err
	return n, err
}
