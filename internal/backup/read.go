package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/klauspost/compress/zstd"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
)

// Options of Read.
type Options struct {
	Layout  Layout
	Newest  int    // layout of a data folder that can be worked with
	Into    string // an empty folder; "": the file is only looked through
	Begin   func(Head) error
	Before  func() error // called when all is written but the marker
	Space   func(dir string) (free, total uint64, err error)
	Advance func(n int64) // told of bytes of members; may be nil
}

// Read reads a whole file and returns its manifest when everything is as it says. Into is a data folder only then;
// after an error it may hold some of the files, and is none.
func Read(ctx context.Context, in io.Reader, o Options) (Manifest, error) {
	source := &source{r: in}
	z, err := zstd.NewReader(source, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return Manifest{}, explain(err, source.err, o.Into)
	}
	defer z.Close()
	r := &reader{ctx: ctx, o: o, z: z, tar: tar.NewReader(z), names: map[string]bool{}}
	err = r.all()
	return r.m, explain(err, source.err, o.Into)
}

// source remembers why a file could not be read, which the decoders above do not always pass on.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// explain finds words for what the packages below say. reading is what the source has said.
func explain(err, reading error, into string) error {
	var (
		known *diag.Error
		path  *fs.PathError
	)
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(reading, io.ErrUnexpectedEOF), reading == nil && errors.Is(err, io.ErrUnexpectedEOF):
		return diag.Wrap(diag.Invalid, err, "The backup is cut off: take another one.")
	case reading != nil:
		return fmt.Errorf("backup: %w", reading)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return diag.Wrap(diag.Busy, err, "The disk of %s is full: make room and try again with an empty folder.", into)
	case errors.As(err, &path) && !errors.Is(err, syscall.ENOTDIR) && !errors.Is(err, syscall.EISDIR) && !errors.Is(err, fs.ErrExist):
		return fmt.Errorf("backup: %w", err)
	}
	return diag.Wrap(diag.Invalid, err, "This is no backup of Lifeboat, or it is damaged.")
}

// reader reads one file.
type reader struct {
	ctx context.Context
	o   Options
	z   *zstd.Decoder
	tar *tar.Reader

	m       Manifest
	members []Member
	names   map[string]bool // of members
	bytes   int64
	marker  []byte
	room    []byte
}

func (r *reader) all() error {
	if err := r.head(); err != nil {
		return err
	}
	for {
		h, err := r.next()
		if err != nil {
			return err
		}
		if h.Name == manifestName {
			return r.end(h)
		}
		if err := r.member(h); err != nil {
			return err
		}
	}
}

// next is the next header: of a plain file and nothing else.
func (r *reader) next() (*tar.Header, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	h, err := r.tar.Next()
	switch {
	case err == io.EOF:
		return nil, io.ErrUnexpectedEOF // before the manifest
	case err != nil:
		return nil, err
	case h.Typeflag != tar.TypeReg || h.Size < 0:
		return nil, damaged("%q is no plain file.", h.Name)
	}
	return h, nil
}

func (r *reader) small(h *tar.Header, limit int64) ([]byte, error) {
	if h.Size > limit {
		return nil, damaged("%q is too long.", h.Name)
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(r.tar, limit)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (r *reader) head() error {
	h, err := r.next()
	if err != nil {
		return err
	}
	if h.Name != headName {
		return diag.Errorf(diag.Invalid, "This is no backup of Lifeboat: it does not begin with %s.", headName)
	}
	b, err := r.small(h, maxSmall)
	if err != nil {
		return err
	}
	head := &r.m.Head
	if err := json.Unmarshal(b, head); err != nil || head.Format != format {
		return damaged("%s cannot be read.", headName)
	}
	if head.Version > version || head.Layout > r.o.Newest {
		return diag.Errorf(diag.Invalid, "A newer Lifeboat (%s) made this backup. Restore it with that release or a later one.", head.Release)
	}
	if r.o.Begin == nil {
		return nil
	}
	return r.o.Begin(*head)
}

func (r *reader) member(h *tar.Header) error {
	switch {
	case !r.o.Layout.holds(h.Name):
		return damaged("%q does not belong in it.", h.Name)
	case r.names[h.Name]:
		return damaged("%q is in it twice.", h.Name)
	case len(r.members) >= maxMembers:
		return damaged("it holds more than %d files.", maxMembers)
	case slices.Contains(r.o.Layout.Secrets, h.Name) && !r.m.WithKey:
		return damaged("%q does not belong in it.", h.Name)
	}
	r.names[h.Name] = true
	sum := sha256.New()
	if h.Name == r.o.Layout.Marker || slices.Contains(r.o.Layout.Secrets, h.Name) {
		b, err := r.small(h, maxSmall)
		if err != nil {
			return err
		}
		sum.Write(b)
		if h.Name == r.o.Layout.Marker {
			r.marker = b
		} else if err := r.write(h.Name, h.Size, bytes.NewReader(b), io.Discard); err != nil {
			return err
		}
	} else if err := r.write(h.Name, h.Size, r.tar, sum); err != nil {
		return err
	}
	r.members = append(r.members, Member{h.Name, h.Size, hex.EncodeToString(sum.Sum(nil))})
	r.bytes += h.Size
	return nil
}

// reserve is what must be left on the disk.
const reserve = 64 << 20

// write writes one file of the folder, durably.
func (r *reader) write(name string, size int64, body io.Reader, sum io.Writer) error {
	if r.o.Into == "" {
		return r.copy(sum, body, name)
	}
	if r.o.Space != nil {
		free, _, err := r.o.Space(r.o.Into)
		if err != nil {
			return err
		}
		if uint64(size)+reserve > free {
			return diag.Errorf(diag.Busy, "The disk of %s has no room for %s: %d bytes are needed, %d are free. Make room and try again with an empty folder.", r.o.Into, name, size, free)
		}
	}
	path := filepath.Join(r.o.Into, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = r.copy(io.MultiWriter(f, sum), body, name)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (r *reader) copy(w io.Writer, body io.Reader, name string) error {
	if r.room == nil {
		r.room = make([]byte, 256<<10)
	}
	for {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		n, err := body.Read(r.room)
		if _, failed := w.Write(r.room[:n]); failed != nil {
			return failed
		}
		if r.o.Advance != nil {
			r.o.Advance(int64(n))
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
}

// end compares what was read with the manifest and makes the folder one.
func (r *reader) end(h *tar.Header) error {
	b, err := r.small(h, maxManifest)
	if err != nil {
		return err
	}
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil || m.Head != r.m.Head {
		return damaged("%s cannot be read.", manifestName)
	}
	if err := r.compare(&m); err != nil {
		return err
	}
	if err := r.nothingMore(); err != nil {
		return err
	}
	r.m = m
	if r.o.Into == "" {
		return nil
	}
	return r.finish()
}

func (r *reader) compare(m *Manifest) error {
	for i, want := range m.Members {
		switch {
		case i >= len(r.members), r.members[i].Name != want.Name:
			return damaged("%q is missing.", want.Name)
		case r.members[i] != want:
			return damaged("%q is not what was written.", want.Name)
		}
	}
	switch {
	case len(r.members) > len(m.Members):
		return damaged("%q does not belong in it.", r.members[len(m.Members)].Name)
	case m.Bytes != r.bytes:
		return damaged("its length is not the one that it tells.")
	case r.marker == nil || !r.names[register]:
		return damaged("%s or %s is missing.", r.o.Layout.Marker, register)
	case r.m.WithKey && !r.names[r.o.Layout.Secrets[0]]:
		return damaged("%s is missing.", r.o.Layout.Secrets[0])
	}
	return nil
}

// maxRest is how much may follow the end of the archive: nothing but the zeros that fill its last block up.
const maxRest = 1 << 20

func (r *reader) nothingMore() error {
	if _, err := r.tar.Next(); err != io.EOF {
		if err == nil {
			return damaged("something follows its end.")
		}
		return err
	}
	rest, err := io.ReadAll(io.LimitReader(r.z, maxRest+1))
	if err != nil {
		return err
	}
	if len(rest) > maxRest || len(bytes.Trim(rest, "\x00")) > 0 {
		return damaged("something follows its end.")
	}
	return nil
}

// finish makes the names durable, and the folder a data folder at the very end.
func (r *reader) finish() error {
	if r.o.Before != nil {
		if err := r.o.Before(); err != nil {
			return err
		}
	}
	err := filepath.WalkDir(r.o.Into, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncDir(path)
	})
	if err != nil {
		return err
	}
	path := filepath.Join(r.o.Into, r.o.Layout.Marker)
	if err := r.write(r.o.Layout.Marker, int64(len(r.marker)), bytes.NewReader(r.marker), io.Discard); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes names in a folder durable.
func syncDir(dir string) error { return journal.OS{}.SyncDir(dir) }
