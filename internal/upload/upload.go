// Package upload keeps the files of symbol uploads: each arrives whole or in blocks, as a block blob of Azure does.
//
// It promises that what a call has returned without an error for is on the disk, through a crash of the process or
// the machine; that blocks may come in any order, several at a time and again; that putting blocks together copies
// nothing and happens whole or not at all; that memory does not grow with what is uploaded; and that uploads that
// are not finished never take more than their share of the disk. Names on the disk are made of ids alone.
package upload

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"lifeboat/internal/diag"
)

// Options of Open. Dir and Clock must be set.
type Options struct {
	Dir   string
	Clock diag.Clock
	Room  func() (int64, error) // bytes that the disk has left for uploads; nil: enough

	MaxBlob   int64 // bytes of one upload; 0: 4 GiB
	MaxApp    int64 // bytes of an app's unfinished uploads; 0: 16 GiB
	MaxServer int64 // bytes of all unfinished uploads; 0: 64 GiB
	MaxBlocks int   // of one upload; 0: MaxBlocks
}

// MaxBlocks is how many blocks an upload can have at most.
const MaxBlocks = 50_000

const (
	defaultMaxBlob   = 4 << 30
	defaultMaxApp    = 16 << 30
	defaultMaxServer = 64 << 30
)

func (o *Options) setDefaults() {
	if o.Room == nil {
		o.Room = func() (int64, error) { return 1 << 62, nil }
	}
	for _, d := range []struct {
		field *int64
		value int64
	}{{&o.MaxBlob, defaultMaxBlob}, {&o.MaxApp, defaultMaxApp}, {&o.MaxServer, defaultMaxServer}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if o.MaxBlocks <= 0 {
		o.MaxBlocks = MaxBlocks
	}
}

// What callers may want to tell apart. Errors that wrap them have words for a person.
var (
	ErrNoBlock   = errors.New("upload: a block of the list is not there")
	ErrDigest    = errors.New("upload: the body is not what its digest says")
	ErrSealed    = errors.New("upload: it is finished")
	ErrBlockSize = errors.New("upload: too many blocks, or too large together")
	ErrNoRoom    = errors.New("upload: no room")
)

// Ref names an upload.
type Ref struct {
	App int64
	ID  diag.ID
}

// Blob describes what has been put together.
type Blob struct {
	Size int64
	ETag string // without quotes
	Time int64  // when it was put together, Unix milliseconds
}

// Store is the folder of all uploads. Its methods may be called at the same time.
type Store struct {
	o     Options
	slots chan struct{} // holds one for each body under way
	room  sync.Pool     // of buffers

	mu    sync.Mutex
	open  map[Ref]*draft
	bytes map[Ref]int64 // of unfinished uploads
	apps  map[int64]int64
	total int64
}

// The folders. Unfinished uploads lie in draftDir, finished ones in keptDir; what is being written has no place yet.
const (
	draftDir   = "open"
	keptDir    = "kept"
	tempDir    = "temp"
	blobFile   = "blob"
	maxBodies  = 64
	maxDrafts  = 256
	bufferSize = 256 << 10
)

// Open opens the folder, or makes it, and takes away what a crash has left half done.
func Open(o Options) (*Store, error) {
	o.setDefaults()
	s := &Store{
		o: o, slots: make(chan struct{}, maxBodies), open: map[Ref]*draft{}, bytes: map[Ref]int64{}, apps: map[int64]int64{},
		room: sync.Pool{New: func() any { return new([bufferSize]byte) }},
	}
	if err := os.RemoveAll(s.in(tempDir)); err != nil {
		return nil, err
	}
	for _, dir := range []string{draftDir, keptDir, tempDir} {
		if err := os.MkdirAll(s.in(dir), 0o700); err != nil {
			return nil, err
		}
	}
	refs, err := s.refs(draftDir)
	if err != nil {
		return nil, err
	}
	for _, r := range refs {
		if err := s.measure(r); err != nil {
			return nil, fmt.Errorf("upload: %s: %w", r.ID, err)
		}
	}
	return s, nil
}

// measure counts an unfinished upload that was there before.
func (s *Store) measure(r Ref) error {
	d := &draft{s: s, ref: r}
	if err := d.load(); err != nil {
		return err
	}
	s.add(r, d.onDisk())
	return nil
}

func (s *Store) in(parts ...string) string {
	return filepath.Join(append([]string{s.o.Dir}, parts...)...)
}

// dir is the folder of one upload.
func (s *Store) dir(where string, r Ref) string {
	return s.in(where, strconv.FormatInt(r.App, 10), r.ID.String())
}

// Uploads lists everything that lies in the folder, finished or not.
func (s *Store) Uploads() ([]Ref, error) {
	drafts, err := s.refs(draftDir)
	if err != nil {
		return nil, err
	}
	kept, err := s.refs(keptDir)
	return append(drafts, kept...), err
}

func (s *Store) refs(where string) (all []Ref, err error) {
	apps, err := os.ReadDir(s.in(where))
	if err != nil {
		return nil, err
	}
	for _, a := range apps {
		app, err := strconv.ParseInt(a.Name(), 10, 64)
		if err != nil {
			continue
		}
		uploads, err := os.ReadDir(s.in(where, a.Name()))
		if errors.Is(err, fs.ErrNotExist) { // its last upload has just gone
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, u := range uploads {
			if id, ok := diag.ParseID(u.Name()); ok {
				all = append(all, Ref{app, id})
			}
		}
	}
	return all, nil
}

// add counts bytes of an unfinished upload, without asking whether there is room.
func (s *Store) add(r Ref, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(r, n)
}

func (s *Store) count(r Ref, n int64) {
	s.bytes[r] += n
	s.apps[r.App] += n
	s.total += n
	if s.bytes[r] == 0 {
		delete(s.bytes, r)
	}
	if s.apps[r.App] == 0 {
		delete(s.apps, r.App)
	}
}

// reserve counts bytes that are about to be written, if there is room for them.
func (s *Store) reserve(r Ref, n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.bytes[r]+n > 2*s.o.MaxBlob: // blocks may be sent again, and a blob replaced
		return diag.Wrap(diag.TooLarge, ErrBlockSize, "An upload can have %d bytes at most.", s.o.MaxBlob)
	case s.apps[r.App]+n > s.o.MaxApp:
		return diag.Wrap(diag.Busy, ErrNoRoom, "The app's unfinished symbol uploads take %d bytes already. Finish or abort some of them.", s.o.MaxApp)
	case s.total+n > s.o.MaxServer:
		return diag.Wrap(diag.Busy, ErrNoRoom, "Unfinished symbol uploads take too much of the server's disk. Try again later.")
	}
	s.count(r, n)
	return nil
}

// Unfinished is how many bytes unfinished uploads take.
func (s *Store) Unfinished() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

// use gives the draft of an upload, for as long as the caller holds it.
func (s *Store) use(r Ref) (*draft, error) {
	s.mu.Lock()
	d := s.open[r]
	if d == nil {
		s.makeRoom()
		d = &draft{s: s, ref: r}
		s.open[r] = d
	}
	d.users++
	s.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.loaded {
		return d, nil
	}
	if err := d.load(); err != nil {
		s.leave(d)
		return nil, err
	}
	return d, nil
}

// makeRoom forgets drafts that nobody uses: they can be read again.
func (s *Store) makeRoom() {
	if len(s.open) < maxDrafts {
		return
	}
	for r, d := range s.open {
		if d.users == 0 {
			delete(s.open, r)
		}
	}
}

func (s *Store) leave(d *draft) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.users--; d.users == 0 && (!d.loaded || d.gone) && s.open[d.ref] == d {
		delete(s.open, d.ref)
	}
}

// Seal ends an upload: nothing can be put any more. NotFound if nothing was put together. To seal it again is
// harmless.
func (s *Store) Seal(r Ref) (Blob, error) {
	d, err := s.use(r)
	if err != nil {
		return Blob{}, err
	}
	defer s.leave(d)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept {
		return d.blob.describe(), nil
	}
	if d.blob == nil {
		return Blob{}, noBlob()
	}
	d.dropBlocks()
	if err := s.move(r); err != nil {
		return Blob{}, fmt.Errorf("upload: keep %s: %w", r.ID, err)
	}
	d.kept = true
	s.add(r, -d.onDisk())
	return d.blob.describe(), nil
}

func noBlob() error {
	return diag.Errorf(diag.NotFound, "Nothing was uploaded to this address yet.")
}

// move has an upload lie among the finished ones.
func (s *Store) move(r Ref) error {
	from, to := s.dir(draftDir, r), s.dir(keptDir, r)
	if err := makeDir(filepath.Dir(to)); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return errors.Join(syncDir(filepath.Dir(to)), syncDir(filepath.Dir(from)))
}

// Remove takes an upload away with everything in it. What is not there is removed already.
func (s *Store) Remove(r Ref) error {
	d, err := s.use(r)
	if err != nil { // what cannot be read can still go; the next start counts anew
		return s.removeAll(r)
	}
	defer s.leave(d)
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.kept {
		s.add(r, -d.onDisk())
	}
	d.gone, d.blob, d.blocks = true, nil, nil
	return s.removeAll(r)
}

func (s *Store) removeAll(r Ref) error {
	return errors.Join(os.RemoveAll(s.dir(draftDir, r)), os.RemoveAll(s.dir(keptDir, r)))
}

// makeDir makes a folder and those above it, durably.
func makeDir(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	parent := filepath.Dir(path)
	return errors.Join(syncDir(parent), syncDir(filepath.Dir(parent)))
}

// syncDir makes the names in a folder durable, where the system can.
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
