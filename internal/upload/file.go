package upload

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sort"
	"sync"
)

// File reads the pieces of an upload as one file. Its methods may be called at the same time.
type File struct {
	Blob
	dir    string
	pieces []piece
	starts []int64 // of the pieces

	mu     sync.Mutex
	open   map[int]*os.File
	recent []int // the one used last stands last
	closed bool
}

// maxOpen bounds the pieces that one File keeps open: their number is the client's choice.
const maxOpen = 8

func newFile(dir string, m *manifest) *File {
	f := &File{Blob: m.describe(), dir: dir, pieces: m.Pieces, starts: make([]int64, len(m.Pieces)), open: map[int]*os.File{}}
	at := int64(0)
	for i, p := range m.Pieces {
		f.starts[i] = at
		at += p.Size
	}
	return f
}

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(b []byte, at int64) (n int, err error) {
	if at < 0 {
		return 0, os.ErrInvalid
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i := sort.Search(len(f.starts), func(i int) bool { return f.starts[i] > at }) - 1
	for n < len(b) {
		if at >= f.Size || i >= len(f.pieces) {
			return n, io.EOF
		}
		within, left := at-f.starts[i], f.starts[i]+f.pieces[i].Size-at
		if left <= 0 { // an empty piece, or the end of one
			i++
			continue
		}
		p, err := f.piece(i)
		if err != nil {
			return n, err
		}
		part := b[n:min(int64(len(b)), int64(n)+left)]
		read, err := p.ReadAt(part, within)
		n, at = n+read, at+int64(read)
		if err == io.EOF && read < len(part) {
			return n, io.ErrUnexpectedEOF // the disk has less than what was written
		}
		if err != nil && err != io.EOF {
			return n, err
		}
	}
	return n, nil
}

// piece is one of the files, opened.
func (f *File) piece(i int) (*os.File, error) {
	if f.closed {
		return nil, os.ErrClosed
	}
	if p := f.open[i]; p != nil {
		return p, nil
	}
	if len(f.recent) >= maxOpen {
		f.open[f.recent[0]].Close()
		delete(f.open, f.recent[0])
		f.recent = f.recent[1:]
	}
	p, err := os.Open(filepath.Join(f.dir, f.pieces[i].name()))
	if err != nil {
		return nil, err
	}
	f.open[i] = p
	f.recent = append(f.recent, i)
	return p, nil
}

// Close closes everything.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, p := range f.open {
		errs = append(errs, p.Close())
	}
	f.open, f.recent, f.closed = nil, nil, true
	return errors.Join(errs...)
}
