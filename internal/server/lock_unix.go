//go:build unix

package server

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"lifeboat/internal/diag"
)

// takeLock locks the data folder. The system drops the lock with the process, however that ends.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, diag.Wrap(diag.Invalid, err, "The data folder %s cannot be written to: %v.", filepath.Dir(path), cause(err))
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, locked(path)
	}
	return nil, diag.Wrap(diag.Invalid, err, "The data folder %s cannot be locked: %v.", filepath.Dir(path), err)
}

func releaseLock(f *os.File) { f.Close() }

// freeSpace tells how much of a folder's disk is free for us, in bytes.
func freeSpace(path string) (free, total uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, 0, err
	}
	return uint64(s.Bavail) * uint64(s.Bsize), uint64(s.Blocks) * uint64(s.Bsize), nil
}
