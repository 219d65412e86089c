// Package identity finds out which symbol files an upload holds, and their ids.
//
// It promises to look at the bytes alone, never at labels; to take any bytes at all, of any size, without a panic
// and with little memory; that what is wrong with one file keeps no other from being found; and that an archive
// costs no more than its limits allow, whatever it says of itself. Names in archives are told to people and used
// for nothing.
package identity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime"
	"strings"

	"lifeboat/internal/diag"
)

// Scratch is room for an archive that lies packed in another one.
type Scratch interface {
	io.ReaderAt
	io.Writer
	io.Closer // takes it away
}

// Options of Identify. Scratch must be set.
type Options struct {
	Scratch func() (Scratch, error)

	MaxEntries  int   // of all archives of an upload; 0: 20,000
	MaxInflated int64 // bytes that are unpacked; 0: 16 GiB
	MaxSymbols  int   // 0: 20,000
}

const (
	defaultMaxEntries  = 20_000
	defaultMaxInflated = 16 << 30
	defaultMaxSymbols  = 20_000
	maxRatio           = 200      // bytes unpacked for one packed
	freeRatio          = 16 << 20 // bytes that may be unpacked at any ratio
	maxNesting         = 3        // archives in archives
	maxProblems        = 100
	maxText            = 300 // bytes of a path or a name
)

func (o *Options) setDefaults() {
	if o.MaxEntries <= 0 {
		o.MaxEntries = defaultMaxEntries
	}
	if o.MaxInflated <= 0 {
		o.MaxInflated = defaultMaxInflated
	}
	if o.MaxSymbols <= 0 {
		o.MaxSymbols = defaultMaxSymbols
	}
}

// Result is what an upload holds.
type Result struct {
	Symbols  []diag.Symbol // ID, Kind, Platform, Name, Path, Architecture, Alternates
	Problems []string      // for people: which files could not be read, and why
}

// Identify looks at a file. name is what the client calls it, for files that hold no name of their own. An error
// is one of the disk or of ctx, or of kind Invalid if the file is refused as a whole.
func Identify(ctx context.Context, file io.ReaderAt, size int64, name string, o Options) (Result, error) {
	o.setDefaults()
	w := &walk{ctx: ctx, o: o, left: size + o.MaxInflated}
	err := w.file(view{&disk{w, file}, size}, clean(path.Base(name)), "", 0)
	switch {
	case w.broken != nil:
		return Result{}, fmt.Errorf("identity: %w", w.broken)
	case ctx.Err() != nil:
		return Result{}, ctx.Err()
	case err != nil:
		return Result{}, err
	}
	if w.more > 0 {
		w.found.Problems = append(w.found.Problems, fmt.Sprintf("and %d more", w.more))
	}
	if len(w.found.Symbols) == 0 && len(w.found.Problems) == 0 {
		w.found.Problems = []string{"There is no symbol file in it: no Mach-O, ELF, Breakpad, PDB or PE file, no mapping of R8 or ProGuard, no JavaScript source map."}
	}
	return w.found, nil
}

// disk reads for a walk. What the disk says is remembered, so that it is told from what a file is; and what is read
// is counted, for the files of an archive may lie in the same bytes.
type disk struct {
	w *walk
	r io.ReaderAt
}

func (d *disk) ReadAt(b []byte, at int64) (int, error) {
	if at < 0 { // an archive says so
		return 0, errShort
	}
	if d.w.left -= int64(len(b)); d.w.left < 0 {
		return 0, refusal("The upload is too large when it is unpacked.")
	}
	n, err := d.r.ReadAt(b, at)
	if err != nil && err != io.EOF && d.w.broken == nil {
		d.w.broken = err
	}
	return n, err
}

// view is a file, or a part of one.
type view struct {
	r    io.ReaderAt
	size int64
}

var errShort = errors.New("it ends too early")

// maxPiece bounds what is read at once.
const maxPiece = 8 << 20

// at reads n bytes.
func (v view) at(offset, n int64) ([]byte, error) {
	if n < 0 || n > maxPiece || offset < 0 || offset > v.size || n > v.size-offset {
		return nil, errShort
	}
	b := make([]byte, n)
	if read, err := v.r.ReadAt(b, offset); read < len(b) {
		if err == io.EOF {
			err = errShort
		}
		return nil, err
	}
	return b, nil
}

// head reads the first n bytes, or all if there are fewer.
func (v view) head(n int64) ([]byte, error) { return v.at(0, min(n, v.size)) }

// part is a view of a part.
func (v view) part(offset, n int64) (view, error) {
	if n < 0 || offset < 0 || offset > v.size || n > v.size-offset {
		return view{}, errShort
	}
	return view{io.NewSectionReader(v.r, offset, n), n}, nil
}

// walk looks at a file and at everything in it.
type walk struct {
	ctx      context.Context
	o        Options
	found    Result
	more     int // problems that are not listed
	entries  int
	inflated int64
	left     int64 // bytes that may still be read
	broken   error // what the disk said
}

// refusal is why an upload is refused as a whole.
func refusal(format string, args ...any) error { return diag.Errorf(diag.Invalid, format, args...) }

func (w *walk) problem(at, why string) {
	if len(w.found.Problems) >= maxProblems {
		w.more++
		return
	}
	if at != "" {
		why = at + ": " + why
	}
	w.found.Problems = append(w.found.Problems, clean(why))
}

// format is one kind of symbol file.
type format struct {
	what string // for people
	is   func(head []byte) bool
	read func(w *walk, v view, name string) ([]diag.Symbol, error)
}

// formats are tried in order.
func formats() []format {
	return []format{
		{"Mach-O file", isMachO, readMachO},
		{"universal Mach-O file", isFat, readFat},
		{"ELF file", isELF, readELF},
		{"Breakpad file", isBreakpad, readBreakpad},
		{"PDB file", isPDB, readPDB},
		{"portable PDB file", isPortablePDB, readPortablePDB},
		{"PE file", isPE, readPE},
		{"source map", isSourceMap, readSourceMap},
		{"mapping", isMapping, readMapping},
	}
}

// sniffSize is how much of a file is looked at to find out what it is.
const sniffSize = 64 << 10

// file looks at one file. below is its path in the upload, "" for the upload itself.
func (w *walk) file(v view, name, below string, depth int) error {
	head, err := v.head(sniffSize)
	if err != nil {
		return w.failed(below, "file", err)
	}
	if isZip(head) {
		return w.zip(v, below, depth)
	}
	for _, f := range formats() {
		if !f.is(head) {
			continue
		}
		symbols, err := w.read(f, v, name)
		if err != nil {
			return w.failed(below, f.what, err)
		}
		return w.add(symbols, below, name)
	}
	return nil
}

// failed notes why a file could not be read. What ends the walk is returned.
func (w *walk) failed(below, what string, err error) error {
	if _, refused := errors.AsType[*diag.Error](err); refused || w.ctx.Err() != nil || w.broken != nil {
		return err
	}
	w.problem(below, "the "+what+" cannot be read: "+err.Error())
	return nil
}

// read runs a parser. One that panics has met a file that nobody thought of.
func (w *walk) read(f format, v view, name string) (symbols []diag.Symbol, err error) {
	defer func() {
		if p, ok := recover().(runtime.Error); ok {
			symbols, err = nil, fmt.Errorf("it is damaged (%v)", p)
		}
	}()
	return f.read(w, v, name)
}

func (w *walk) add(symbols []diag.Symbol, below, name string) error {
	if len(w.found.Symbols)+len(symbols) > w.o.MaxSymbols {
		return refusal("The upload holds too many symbol files: at most %d ids are taken.", w.o.MaxSymbols)
	}
	for _, s := range symbols {
		s.Path = below
		if s.Name = clean(s.Name); s.Name == "" {
			s.Name = name
		}
		w.found.Symbols = append(w.found.Symbols, s)
	}
	return nil
}

// alternate gives each of several symbols of one file the ids of the others.
func alternate(symbols []diag.Symbol) []diag.Symbol {
	for i := range symbols {
		for j := range symbols {
			if id := symbols[j].ID; id != symbols[i].ID {
				symbols[i].Alternates = append(symbols[i].Alternates, id)
			}
		}
	}
	return symbols
}

// hash is the id of a file that has none of its own.
func (w *walk) hash(v view) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, &interruptible{w.ctx, io.NewSectionReader(v.r, 0, v.size)}); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// interruptible ends with its context.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(b []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(b)
}

// clean makes a text of a file's fit to be shown.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return strings.TrimSpace(s)
}

var errNoID = errors.New("it has no id")

// guid is the text of a GUID whose first three fields are little-endian.
func guid(b []byte) string {
	id := diag.ID(b)
	id[0], id[1], id[2], id[3] = b[3], b[2], b[1], b[0]
	id[4], id[5], id[6], id[7] = b[5], b[4], b[7], b[6]
	return id.Hex()
}

// zeroID reports whether an id says nothing.
func zeroID(id string) bool { return strings.Trim(id, "0-") == "" }
