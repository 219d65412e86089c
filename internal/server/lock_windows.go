package server

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"

	"lifeboat/internal/diag"
)

// takeLock locks the data folder. The system drops the lock with the process, however that ends.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, diag.Wrap(diag.Invalid, err, "The data folder %s cannot be written to: %v.", filepath.Dir(path), cause(err))
	}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err = windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return nil, locked(path)
	}
	return nil, diag.Wrap(diag.Invalid, err, "The data folder %s cannot be locked: %v.", filepath.Dir(path), err)
}

func releaseLock(f *os.File) { f.Close() }

// freeSpace tells how much of a folder's disk is free for us, in bytes.
func freeSpace(path string) (free, total uint64, err error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, 0, err
	}
	err = windows.GetDiskFreeSpaceEx(name, &free, &total, nil)
	return free, total, err
}
