package server

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"lifeboat/internal/backup"
	"lifeboat/internal/diag"
)

// folder is the data folder, locked against other processes.
//
//	VERSION LOCK control key admin.token register.db index.db scrub journal/<class>/<day>-<n>[.<generation>].seg spool/ symbols/ tls/
type folder struct {
	path string
	lock *os.File
	key  [32]byte
}

// layout is the version of the folder's layout that this program writes.
const layout = 1

// The names in the folder.
const (
	versionFile = "VERSION"
	lockFile    = "LOCK"
	keyFile     = "key"
	tokenFile   = "admin.token"
	journalDir  = "journal"
	spoolDir    = "spool"
	symbolsDir  = "symbols"
	tlsDir      = "tls"
	registerDB  = "register.db"
	indexDB     = "index.db"
	scrubFile   = "scrub" // there while deleted apps are not yet overwritten
)

// openFolder opens the data folder, or makes it if create says so.
func openFolder(path, keyPath string, create bool) (*folder, error) {
	if err := prepareFolder(path, create); err != nil {
		return nil, err
	}
	f := &folder{path: path}
	var err error
	if f.lock, err = takeLock(f.in(lockFile)); err != nil {
		return nil, err
	}
	if err := f.open(keyPath); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// prepareFolder makes the folder, or refuses one that holds something else.
func prepareFolder(path string, create bool) error {
	entries, err := os.ReadDir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && create:
		if err := os.MkdirAll(path, 0o700); err != nil {
			return diag.Wrap(diag.Invalid, err, "The data folder %s cannot be made: %v.", path, cause(err))
		}
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return diag.Errorf(diag.NotFound, "There is no data folder %s.", path)
	case err != nil:
		return diag.Wrap(diag.Invalid, err, "The data folder %s cannot be read: %v.", path, cause(err))
	}
	for _, e := range entries {
		switch e.Name() {
		case versionFile:
			return nil
		case lockFile, "lost+found":
		default:
			if strings.HasPrefix(e.Name(), versionFile+newMark) { // the first start was cut off
				continue
			}
			return diag.Errorf(diag.Invalid, "%s holds other files and no %s file, so it is not a data folder of Lifeboat. Choose an empty folder, or restore %s if it was lost.",
				path, versionFile, versionFile)
		}
	}
	if !create {
		return diag.Errorf(diag.NotFound, "%s is empty: it is not a data folder yet.", path)
	}
	return nil
}

// cause is the part of a file error that people can use: without the path, which stands in the message.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (f *folder) in(name string) string { return filepath.Join(f.path, name) }

func (f *folder) open(keyPath string) error {
	if err := f.checkVersion(); err != nil {
		return err
	}
	if err := backup.Sweep(f.path); err != nil {
		return err
	}
	return f.readKey(keyPath)
}

func (f *folder) checkVersion() error {
	b, err := os.ReadFile(f.in(versionFile))
	if errors.Is(err, fs.ErrNotExist) {
		return writeDurably(f.in(versionFile), []byte(strconv.Itoa(layout)+"\n"))
	}
	if err != nil {
		return fmt.Errorf("read VERSION: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || n < 1 {
		return diag.Errorf(diag.Invalid, "The file %s is damaged: it should hold one number. Restore the data folder from a backup, or write %d into it if this release made the folder.",
			f.in(versionFile), layout)
	}
	if n > layout {
		return diag.Errorf(diag.Invalid, "The data folder %s has layout %d; this Lifeboat knows layouts up to %d. Start a newer Lifeboat on it.", f.path, n, layout)
	}
	return nil
}

// readKey reads the master key, or makes one in a new folder.
func (f *folder) readKey(path string) error {
	own := path == ""
	if own {
		path = f.in(keyFile)
	}
	b, err := os.ReadFile(path)
	if own && errors.Is(err, fs.ErrNotExist) {
		if _, used := os.Stat(f.in(registerDB)); used == nil {
			return diag.Errorf(diag.Invalid, "The key of this data folder is missing. Restore %s, or name the key's file with --key-file; without it connection strings cannot be read.", path)
		}
		rand.Read(f.key[:])
		return writeDurably(path, []byte(hex.EncodeToString(f.key[:])+"\n"))
	}
	if err != nil {
		return diag.Wrap(diag.Invalid, err, "The key file %s cannot be read: %v.", path, cause(err))
	}
	text := strings.TrimSpace(string(b))
	if n, err := hex.Decode(f.key[:], []byte(text)[:min(len(text), 64)]); err != nil || n != len(f.key) || len(text) != 64 {
		return diag.Errorf(diag.Invalid, "The key file %s must hold 64 hex digits.", path)
	}
	return nil
}

func (f *folder) close() {
	releaseLock(f.lock)
}

func locked(path string) error {
	return diag.Errorf(diag.Conflict, "Another process uses the data folder %s. Stop it first.", filepath.Dir(path))
}

// newMark is in the names of files that are not yet whole.
const newMark = ".new-"

// writeDurably makes a file of mode 0600 whole or not at all.
func writeDurably(path string, content []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+newMark+"*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // nothing once renamed
	_, err = temp.Write(content)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes names in a folder durable, where the system can.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}
