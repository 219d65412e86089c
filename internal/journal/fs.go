package journal

import (
	"io"
	"os"
)

// FS is what the journal asks of a file system. Names are paths as the operating system writes them.
type FS interface {
	// Mkdir makes the folder and its missing parents; it is no error if it is there.
	Mkdir(dir string) error
	// List returns the names of the files in a folder, in any order.
	List(dir string) ([]string, error)
	// Create makes a file that is not there yet and opens it for reading and writing.
	Create(name string) (File, error)
	// Open opens a file that is there, for reading and, if write, for writing.
	Open(name string, write bool) (File, error)
	// Remove removes a file. Who has it open may go on reading it, or the file cannot be removed yet.
	Remove(name string) error
	// SyncDir makes the creation and removal of files in the folder durable.
	SyncDir(dir string) error
}

// File is an open file. Reads and writes at different offsets may run at the same time.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes everything written so far durable. After an error the file's content is in doubt.
	Sync() error
	Truncate(size int64) error
	Size() (int64, error)
}

// OS is the operating system's file system.
type OS struct{}

// Mkdir makes dir, for the owner alone.
func (OS) Mkdir(dir string) error { return os.MkdirAll(dir, 0o700) }

// List reads the names in dir.
func (OS) List(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

// Create makes a file, for the owner alone.
func (OS) Create(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Open opens a file.
func (OS) Open(name string, write bool) (File, error) {
	flag := os.O_RDONLY
	if write {
		flag = os.O_RDWR
	}
	f, err := os.OpenFile(name, flag, 0)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Remove removes a file.
func (OS) Remove(name string) error { return os.Remove(name) }

// SyncDir syncs a folder.
func (OS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return syncDir(d)
}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
