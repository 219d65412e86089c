package export

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"lifeboat/internal/archive"
	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
)

// A spool is one window, rendered: everything that is put, in bytes.
//
//	magic      8 bytes
//	block      length of its JSON (uint32, little-endian), the JSON, then as many bytes as its "size" says
//	           first the head, which has no bytes of its own, then the entries in any order
//	end        length 0, then XXH64 of everything before (uint64, little-endian)
//
// It is written under another name, synced and renamed, so that a file of the right name is whole unless the
// disk damaged it. Only the owner can read it: it holds personal data.
const magic = "lbspool1"

// maxBlock is the length of the longest description.
const maxBlock = 1 << 20

// errTorn: the spool is not what was written.
var errTorn = errors.New("export: the spool is torn")

// head describes the window of a spool.
type head struct {
	Configuration string `json:"configuration"`
	App           string `json:"app"`    // public id, goes into the metadata of blobs
	Window        string `json:"window"` // label, goes into the metadata of blobs
	Prefix        string `json:"prefix"` // folder of the window
}

// stage is when an entry is put: one that names others comes behind them.
type stage int

const (
	putAttachments stage = iota
	putPayloads
	putArrays
	putLogs
	stages
)

// entry describes one blob.
type entry struct {
	Stage       stage          `json:"stage"`
	Entity      archive.Entity `json:"entity,omitempty"` // of an array, whose name is found when it is put
	Name        string         `json:"name,omitempty"`   // of all others
	ContentType string         `json:"type"`
	Disposition string         `json:"disposition,omitempty"`
	Size        int64          `json:"size"`
	Hash        string         `json:"sha256"`

	offset int64 // of the bytes in the spool
}

// spoolWriter writes one spool.
type spoolWriter struct {
	file    *os.File
	w       *bufio.Writer
	sum     *xxhash.Digest
	entries int
}

func createSpool(path string, h head) (*spoolWriter, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	s := &spoolWriter{file: f, sum: xxhash.New()}
	s.w = bufio.NewWriterSize(io.MultiWriter(f, s.sum), 64<<10)
	s.w.WriteString(magic) // a failed write shows in every later one
	if err := s.block(h); err != nil {
		s.abandon()
		return nil, err
	}
	return s, nil
}

// block writes the description of what follows.
func (s *spoolWriter) block(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var length [4]byte
	binary.LittleEndian.PutUint32(length[:], uint32(len(b)))
	s.w.Write(length[:])
	_, err = s.w.Write(b)
	return err
}

// add writes a blob of its own name.
func (s *spoolWriter) add(e entry, body []byte) error {
	sum := sha256.Sum256(body)
	e.Size, e.Hash = int64(len(body)), hex.EncodeToString(sum[:])
	if err := s.block(e); err != nil {
		return err
	}
	s.entries++
	_, err := s.w.Write(body)
	return err
}

// copy writes a blob of known size and hash from r.
func (s *spoolWriter) copy(e entry, r io.Reader) error {
	if err := s.block(e); err != nil {
		return err
	}
	s.entries++
	n, err := io.Copy(s.w, r)
	if err == nil && n != e.Size {
		return io.ErrUnexpectedEOF
	}
	return err
}

// finish makes the spool durable under its name.
func (s *spoolWriter) finish(path string) error {
	s.w.Write(make([]byte, 4))
	if err := s.w.Flush(); err != nil {
		return err
	}
	if _, err := s.file.Write(binary.LittleEndian.AppendUint64(nil, s.sum.Sum64())); err != nil {
		return err
	}
	if err := errors.Join(s.file.Sync(), s.file.Close()); err != nil {
		return err
	}
	if err := os.Rename(s.file.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// abandon removes what was written.
func (s *spoolWriter) abandon() {
	s.file.Close()
	os.Remove(s.file.Name())
}

// spool is an open spool that was found to be whole.
type spool struct {
	file *os.File
	head head
	from int64 // of the first entry
	end  int64 // of the last one, at most
}

// openSpool opens a spool and reads it once, so that a torn one is errTorn before anything of it is put.
func openSpool(path string) (*spool, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &spool{file: f}
	if err := s.check(); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

func (s *spool) check() error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	whole := info.Size() - 8
	s.end = whole
	sum, start, end := xxhash.New(), make([]byte, len(magic)), make([]byte, 8)
	if whole < int64(len(magic)) {
		return errTorn
	}
	if _, err := io.Copy(sum, io.NewSectionReader(s.file, 0, whole)); err != nil {
		return err
	}
	if _, err := s.file.ReadAt(end, whole); err != nil {
		return err
	}
	if _, err := s.file.ReadAt(start, 0); err != nil {
		return err
	}
	if string(start) != magic || binary.LittleEndian.Uint64(end) != sum.Sum64() {
		return errTorn
	}
	if s.from, _, err = s.readBlock(int64(len(magic)), &s.head); err != nil {
		return errTorn
	}
	return nil
}

// readBlock reads a description and returns where its bytes begin. more is false at the end.
func (s *spool) readBlock(at int64, v any) (next int64, more bool, err error) {
	var length [4]byte
	if _, err := s.file.ReadAt(length[:], at); err != nil {
		return 0, false, err
	}
	n := binary.LittleEndian.Uint32(length[:])
	if n == 0 {
		return at, false, nil
	}
	if n > maxBlock {
		return 0, false, errTorn
	}
	b := make([]byte, n)
	if _, err := s.file.ReadAt(b, at+4); err != nil {
		return 0, false, err
	}
	return at + 4 + int64(n), true, json.Unmarshal(b, v)
}

// all yields the entries of one stage in order.
func (s *spool) all(of stage) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		for at := s.from; ; {
			var e entry
			next, more, err := s.readBlock(at, &e)
			if err != nil {
				yield(e, fmt.Errorf("export: read the spool: %w", err))
				return
			}
			if !more {
				return
			}
			if e.offset = next; e.Size < 0 || e.Size > s.end-next {
				yield(e, errTorn)
				return
			}
			if e.Stage == of && !yield(e, nil) {
				return
			}
			at = next + e.Size
		}
	}
}

// body reads the bytes of an entry.
func (s *spool) body(e *entry) ([]byte, error) {
	b := make([]byte, e.Size)
	if _, err := s.file.ReadAt(b, e.offset); err != nil {
		return nil, fmt.Errorf("export: read the spool: %w", err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != e.Hash {
		return nil, errTorn
	}
	return b, nil
}

// Close closes the file.
func (s *spool) Close() error { return s.file.Close() }

// spools are those of one configuration: at most one unless a backup was restored.
type spools struct {
	dir     string
	windows []diag.Minute // whose files are there, rising
}

const (
	spoolSuffix = ".spool"
	tempSuffix  = ".tmp"
	spoolLayout = "2006-01-02T15-04" // the window's label
)

// openSpools looks at what a process before us left: what it did not finish and what is exported already
// goes.
func openSpools(dir string, watermark diag.Minute) (*spools, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	s := &spools{dir: dir}
	for _, f := range files {
		m, ok := parseSpoolName(f.Name())
		switch {
		case ok && m > watermark:
			s.windows = append(s.windows, m)
		case ok, strings.HasSuffix(f.Name(), tempSuffix):
			if err := os.Remove(filepath.Join(dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
	}
	slices.Sort(s.windows)
	return s, nil
}

func parseSpoolName(name string) (diag.Minute, bool) {
	label, ok := strings.CutSuffix(name, spoolSuffix)
	t, err := time.Parse(spoolLayout, label)
	return diag.Minute(t.Unix() / 60), ok && err == nil
}

func (s *spools) path(m diag.Minute) string {
	return filepath.Join(s.dir, m.Time().Format(spoolLayout)+spoolSuffix)
}

// first is the earliest window that has a spool.
func (s *spools) first() (diag.Minute, bool) {
	if len(s.windows) == 0 {
		return 0, false
	}
	return s.windows[0], true
}

// open opens the spool of a window, nil if there is none.
func (s *spools) open(m diag.Minute) (*spool, error) {
	if !slices.Contains(s.windows, m) {
		return nil, nil
	}
	open, err := openSpool(s.path(m))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, s.remove(m)
	}
	return open, err
}

// keep makes a written spool that of a window.
func (s *spools) keep(m diag.Minute, out *spoolWriter) error {
	if err := out.finish(s.path(m)); err != nil {
		out.abandon()
		return err
	}
	if i, there := slices.BinarySearch(s.windows, m); !there {
		s.windows = slices.Insert(s.windows, i, m)
	}
	return nil
}

// remove removes the spool of a window.
func (s *spools) remove(m diag.Minute) error {
	s.windows = slices.DeleteFunc(s.windows, func(o diag.Minute) bool { return o == m })
	if err := os.Remove(s.path(m)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// makeDir makes a folder for the owner alone, durably.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

func syncDir(dir string) error { return journal.OS{}.SyncDir(dir) }
