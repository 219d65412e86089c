package identity

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"path"
	"strings"
)

func isZip(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06"))
}

// maxDirectory bounds the bytes of an archive's directory, which is held in memory.
const maxDirectory = 8 << 20

var errDirectory = errors.New("its directory is too large")

// directory lets so many bytes be read while an archive is opened, however many entries it says it has.
type directory struct {
	r    io.ReaderAt
	left int64 // -1: any
}

func (d *directory) ReadAt(b []byte, at int64) (int, error) {
	if d.left >= 0 {
		if d.left -= int64(len(b)); d.left < 0 {
			d.left = 0
			return 0, errDirectory
		}
	}
	return d.r.ReadAt(b, at)
}

// zip looks at everything in an archive.
func (w *walk) zip(v view, below string, depth int) error {
	if depth >= maxNesting {
		w.problem(below, "archives lie too deep in each other")
		return nil
	}
	d := &directory{v.r, maxDirectory}
	z, err := zip.NewReader(d, v.size)
	if errors.Is(err, errDirectory) {
		return refusal("%s: the archive has too many files.", orUpload(below))
	}
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return w.failed(below, "zip archive", err)
	}
	d.left = -1
	if w.entries += len(z.File); w.entries > w.o.MaxEntries {
		return refusal("%s: the archive has too many files: at most %d are taken.", orUpload(below), w.o.MaxEntries)
	}
	for _, f := range z.File {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		if err := w.member(v, f, below, depth); err != nil {
			return err
		}
	}
	return nil
}

func orUpload(below string) string {
	if below == "" {
		return "The upload"
	}
	return below
}

// member looks at one file of an archive.
func (w *walk) member(v view, f *zip.File, below string, depth int) error {
	if f.Mode().IsDir() || rubbish(f.Name) || f.UncompressedSize64 == 0 {
		return nil
	}
	at := clean(strings.TrimPrefix(below+"/"+f.Name, "/"))
	if why := refused(f); why != "" {
		w.problem(at, why)
		return nil
	}
	if f.UncompressedSize64 > uint64(w.o.MaxInflated) {
		return refusal("%s: the file is too large when it is unpacked.", at)
	}
	size, name := int64(f.UncompressedSize64), clean(path.Base(f.Name))
	if f.Method == zip.Store {
		offset, err := f.DataOffset()
		if err != nil {
			return w.failed(at, "file", err)
		}
		stored, err := v.part(offset, size)
		if err != nil {
			return w.failed(at, "file", err)
		}
		return w.file(stored, name, at, depth+1)
	}
	m := &packed{w: w, file: f, at: at}
	defer m.close()
	head := make([]byte, min(size, 4))
	if _, err := m.ReadAt(head, 0); err != nil && err != io.EOF {
		return w.failed(at, "file", err)
	}
	if isZip(head) {
		return w.unpack(m, size, name, at, depth)
	}
	return w.file(view{m, size}, name, at, depth+1)
}

// rubbish are files that systems put into archives for themselves.
func rubbish(name string) bool {
	return strings.HasPrefix(name, "__MACOSX/") || strings.Contains(name, "/__MACOSX/") || strings.HasPrefix(path.Base(name), "._") || path.Base(name) == ".DS_Store"
}

// refused says why a member is not looked at. Nothing is ever written to the place that a name says; an archive
// that tries is made by somebody who means harm.
func refused(f *zip.File) string {
	name := strings.ReplaceAll(f.Name, `\`, "/")
	switch {
	case strings.HasPrefix(name, "/"), len(name) > 1 && name[1] == ':', strings.Contains("/"+name+"/", "/../"):
		return "the name leads out of the archive"
	case f.Mode().Type() != 0:
		return "it is a link or a device, not a file"
	case f.Flags&1 != 0:
		return "it is encrypted"
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return "it is packed in a way that is not known"
	}
	return ""
}

// unpack looks at an archive that lies packed in another one. It is unpacked first, for its directory is at its end.
func (w *walk) unpack(m *packed, size int64, name, at string, depth int) error {
	if depth+1 >= maxNesting {
		w.problem(at, "archives lie too deep in each other")
		return nil
	}
	room, err := w.o.Scratch()
	if err != nil {
		return err
	}
	defer room.Close()
	m.close() // from the beginning
	n, err := io.Copy(&writing{w, room}, &interruptible{w.ctx, io.NewSectionReader(m, 0, size)})
	if err != nil {
		return w.failed(at, "zip archive", err)
	}
	return w.file(view{&disk{w, room}, n}, name, at, depth+1)
}

// writing remembers what the disk says, as disk does.
type writing struct {
	w  *walk
	to io.Writer
}

func (x *writing) Write(b []byte) (int, error) {
	n, err := x.to.Write(b)
	if err != nil && x.w.broken == nil {
		x.w.broken = err
	}
	return n, err
}

// packed reads a file of an archive at any place, by unpacking it up to there. Its beginning is kept, and going
// back begins anew.
type packed struct {
	w    *walk
	file *zip.File
	at   string

	begin  []byte // as far as it was read
	stream io.ReadCloser
	pos    int64
	starts int
}

const (
	keptBegin = 256 << 10
	maxStarts = 24 // how often a file is unpacked at most
)

var errBack = errors.New("it would have to be unpacked too often")

// ReadAt implements io.ReaderAt.
func (m *packed) ReadAt(b []byte, at int64) (n int, err error) {
	if at < int64(len(m.begin)) {
		n = copy(b, m.begin[at:])
		if n == len(b) {
			return n, nil
		}
		rest, err := m.ReadAt(b[n:], at+int64(n))
		return n + rest, err
	}
	if m.stream == nil || at < m.pos {
		if err := m.start(); err != nil {
			return 0, err
		}
	}
	for m.pos < at {
		var skip [32 << 10]byte
		if _, err := m.next(skip[:min(int64(len(skip)), at-m.pos)]); err != nil {
			return 0, err
		}
	}
	for n < len(b) && err == nil {
		var k int
		k, err = m.next(b[n:])
		n += k
	}
	return n, err
}

func (m *packed) start() (err error) {
	m.close()
	if m.starts++; m.starts > maxStarts {
		return errBack
	}
	m.stream, err = m.file.Open()
	m.pos = 0
	return err
}

// next unpacks some more.
func (m *packed) next(b []byte) (int, error) {
	if err := m.w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.stream.Read(b)
	if m.pos < keptBegin && m.pos == int64(len(m.begin)) {
		m.begin = append(m.begin, b[:min(int64(n), keptBegin-m.pos)]...)
	}
	m.pos += int64(n)
	m.w.inflated += int64(n)
	switch {
	case m.w.inflated > m.w.o.MaxInflated:
		return 0, refusal("%s: the upload is too large when it is unpacked.", m.at)
	case m.pos > freeRatio && uint64(m.pos)/maxRatio > m.file.CompressedSize64:
		return 0, refusal("%s: so much out of so few bytes is no symbol file.", m.at)
	}
	return n, err
}

func (m *packed) close() {
	if m.stream != nil {
		m.stream.Close()
		m.stream = nil
	}
}
