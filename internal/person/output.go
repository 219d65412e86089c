package person

import (
	"archive/zip"
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/klauspost/compress/flate"

	"lifeboat/internal/diag"
)

// output is the file being made: a temporary file beside it that takes its name at the very end, so that a
// file of that name is always a finished one.
type output struct {
	path  string
	force bool
	now   time.Time
	file  *os.File
	buf   *bufio.Writer
	zip   *zip.Writer // nil in a file of records only

	deflate *flate.Writer

	mu    sync.Mutex
	temps map[string]*tempFile // not removed yet
}

func create(path string, force bool, now time.Time) (*output, error) {
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		return nil, diag.Errorf(diag.Invalid, "%s is a folder; name the file to make in it", path)
	} else if err == nil && !force {
		return nil, exists(path)
	}
	o := &output{path: path, force: force, now: now.UTC(), temps: map[string]*tempFile{}}
	f, err := o.temp()
	if err != nil {
		return nil, err
	}
	o.file, o.buf = f.File, bufio.NewWriterSize(f, 256<<10)
	if !recordsOnly(path) {
		o.zip = zip.NewWriter(o.buf)
		o.zip.RegisterCompressor(zip.Deflate, o.compressor)
	}
	return o, nil
}

// compressor is one for all members: there is one at a time, and a new one for each would cost more memory
// than most members have.
func (o *output) compressor(w io.Writer) (io.WriteCloser, error) {
	if o.deflate != nil {
		o.deflate.Reset(w)
		return o.deflate, nil
	}
	var err error
	o.deflate, err = flate.NewWriter(w, 5)
	return o.deflate, err
}

func exists(path string) error {
	return diag.Errorf(diag.Conflict, "%s exists and is kept; choose another file or allow replacing it with --force", path)
}

// discard removes every temporary file that is left: all of them, unless the file was published.
func (o *output) discard() {
	for _, t := range o.temps {
		t.Close()
		os.Remove(t.Name())
	}
}

// publish gives the finished file its name, durably. Without force a file that came meanwhile stays.
func (o *output) publish() error {
	if o.zip != nil {
		if err := o.zip.Close(); err != nil {
			return err
		}
	}
	if err := cmp.Or(o.buf.Flush(), o.file.Sync(), o.file.Close()); err != nil {
		return err
	}
	if err := o.rename(); err != nil {
		return err
	}
	delete(o.temps, o.file.Name())
	folder, err := os.Open(filepath.Dir(o.path))
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}

func (o *output) rename() error {
	if o.force {
		return os.Rename(o.file.Name(), o.path)
	}
	err := os.Link(o.file.Name(), o.path)
	switch {
	case err == nil:
		return os.Remove(o.file.Name())
	case errors.Is(err, fs.ErrExist):
		return exists(o.path)
	}
	// A file system without links: the check and the rename are two steps.
	if _, err := os.Lstat(o.path); err == nil {
		return exists(o.path)
	}
	return os.Rename(o.file.Name(), o.path)
}

// tempFile is a file of mode 0600 beside the one being made: it holds personal data and must not travel to
// another disk.
type tempFile struct {
	*os.File
	out *output
}

func (o *output) temp() (*tempFile, error) {
	name, _ := cut(filepath.Base(o.path), 100)
	f, err := os.CreateTemp(filepath.Dir(o.path), "."+name+"-*.part")
	if err != nil {
		return nil, diag.Wrap(diag.Invalid, err, "cannot write beside %s", o.path)
	}
	t := &tempFile{f, o}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.temps[f.Name()] = t
	return t, nil
}

func (t *tempFile) remove() {
	t.Close()
	os.Remove(t.Name())
	t.out.mu.Lock()
	defer t.out.mu.Unlock()
	delete(t.out.temps, t.Name())
}

// member is one part of the file while it is written. There is one at a time.
type member struct {
	io.Writer
	info Member
	hash hash.Hash
}

// member begins a part of the ZIP.
func (o *output) member(path string) (*member, error) {
	w, err := o.zip.CreateHeader(&zip.FileHeader{Name: path, Method: zip.Deflate, Modified: o.now})
	if err != nil {
		return nil, err
	}
	return newMember(w, path), nil
}

// whole is the file itself where there are no parts.
func (o *output) whole() *member { return newMember(o.buf, filepath.Base(o.path)) }

func newMember(w io.Writer, path string) *member {
	h := sha256.New()
	return &member{Writer: io.MultiWriter(w, h), info: Member{Path: path}, hash: h}
}

func (m *member) Write(p []byte) (int, error) {
	n, err := m.Writer.Write(p)
	m.info.Size += int64(n)
	return n, err
}

// close notes size and hash in the manifest.
func (m *member) close(manifest *Manifest) error {
	m.info.SHA256 = hex.EncodeToString(m.hash.Sum(nil))
	manifest.Members = append(manifest.Members, m.info)
	return nil
}

// last writes the manifest, which cannot name its own hash.
func (o *output) last(path string, m *Manifest) error {
	w, err := o.zip.CreateHeader(&zip.FileHeader{Name: path, Method: zip.Deflate, Modified: o.now})
	if err != nil {
		return err
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(m)
}
