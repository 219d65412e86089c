package upload

import (
	"bytes"
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc64"
	"io"
	"os"
	"strings"
	"syscall"

	"lifeboat/internal/diag"
)

// Body is what a client sends.
type Body struct {
	Reader io.Reader
	Size   int64  // as announced, -1 if it is not
	MD5    []byte // that the bytes must have, nil for any
	CRC64  []byte // the same, of Azure's polynomial, 8 bytes with the lowest first
}

// MaxBlockID is the longest id of a block, in bytes.
const MaxBlockID = 64

// PutBlock keeps one block until a list names it. One with the same id replaces it.
func (s *Store) PutBlock(r Ref, id string, body Body) error {
	if id == "" || len(id) > MaxBlockID {
		return diag.Errorf(diag.Invalid, "The id of a block has 1 to %d bytes.", MaxBlockID)
	}
	return s.put(r, body, func(d *draft, temp string, size int64) error {
		name := blockName(id)
		older, again := d.blocks[name]
		if !again && len(d.blocks) >= s.o.MaxBlocks {
			return diag.Wrap(diag.Conflict, ErrBlockSize, "An upload can have %d blocks at most.", s.o.MaxBlocks)
		}
		p, err := d.take(temp, name, size)
		if err != nil {
			return err
		}
		d.blocks[name] = p
		if again {
			d.drop(older)
		}
		return nil
	})
}

// PutBlob keeps a whole upload in one piece, in place of whatever was there. With create it is a Conflict if there
// is a blob.
func (s *Store) PutBlob(r Ref, body Body, create bool) (b Blob, err error) {
	err = s.put(r, body, func(d *draft, temp string, size int64) error {
		if create && d.blob != nil {
			return diag.Errorf(diag.Conflict, "There is a blob at this address already.")
		}
		p, err := d.take(temp, "", size)
		if err != nil {
			return err
		}
		if err := d.setBlob([]piece{p}); err != nil {
			return err
		}
		b = d.blob.describe()
		return nil
	})
	return b, err
}

// put writes a body to a file and has keep give it its place.
func (s *Store) put(r Ref, body Body, keep func(d *draft, temp string, size int64) error) error {
	if body.Size > s.o.MaxBlob {
		return tooLarge(s.o.MaxBlob)
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return diag.Wrap(diag.Busy, ErrNoRoom, "Too many symbol files are being uploaded. Try again in a moment.")
	}
	d, err := s.use(r)
	if err != nil {
		return err
	}
	defer s.leave(d)
	d.mu.Lock()
	err = d.writable()
	d.mu.Unlock()
	if err != nil {
		return err
	}
	w := writer{s: s, ref: r, body: body}
	defer w.end()
	if err := w.write(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.writable(); err != nil {
		return err
	}
	if err := keep(d, w.name, w.n); err != nil {
		return full(err)
	}
	w.kept = true
	return nil
}

func tooLarge(max int64) error {
	return diag.Wrap(diag.TooLarge, ErrBlockSize, "An upload can have %d bytes at most.", max)
}

// writer writes one body.
type writer struct {
	s    *Store
	ref  Ref
	body Body

	name     string // of the file
	n        int64  // bytes written
	reserved int64
	kept     bool // the file has its place
}

// The steps in which room is asked for: of the quotas, and of the disk.
const (
	reserveStep = 1 << 20
	roomStep    = 64 << 20
)

func (w *writer) write() error {
	if err := w.room(max(w.body.Size, 0)); err != nil {
		return err
	}
	f, err := w.s.temp()
	if err != nil {
		return full(err)
	}
	w.name = f.Name()
	err = w.copy(f)
	if err == nil {
		err = full(f.Sync())
	}
	return errors.Join(err, f.Close())
}

// copy writes the body and checks it on the way.
func (w *writer) copy(f *os.File) error {
	sums := w.digests()
	buffer := w.s.room.Get().(*[bufferSize]byte)
	defer w.s.room.Put(buffer)
	for next := int64(roomStep); ; {
		n, err := w.body.Reader.Read(buffer[:])
		if n > 0 {
			if err := w.reserve(int64(n)); err != nil {
				return err
			}
			if _, err := f.Write(buffer[:n]); err != nil {
				return full(err)
			}
			for _, h := range sums {
				h.Write(buffer[:n])
			}
			w.n += int64(n)
		}
		if err == io.EOF {
			return w.check(sums)
		}
		if err != nil {
			return diag.Wrap(diag.Invalid, err, "The body did not arrive whole. Send it again.")
		}
		if w.n >= next {
			next = w.n + roomStep
			if err := w.room(roomStep); err != nil {
				return err
			}
		}
	}
}

func (w *writer) reserve(n int64) error {
	if w.n+n > w.s.o.MaxBlob {
		return tooLarge(w.s.o.MaxBlob)
	}
	for w.n+n > w.reserved {
		if err := w.s.reserve(w.ref, reserveStep); err != nil {
			return err
		}
		w.reserved += reserveStep
	}
	return nil
}

// room asks whether the disk has room for some more bytes.
func (w *writer) room(n int64) error {
	left, err := w.s.o.Room()
	if err == nil && left < n {
		return diskFull(ErrNoRoom)
	}
	return err
}

func diskFull(err error) error {
	return diag.Wrap(diag.Busy, errors.Join(ErrNoRoom, err), "The server's disk is nearly full: it takes no symbol files until there is room.")
}

// full tells a full disk from other failures.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return diskFull(err)
	}
	return err
}

// crcTable is that of CRC-64/NVME, which Azure uses (https://learn.microsoft.com/rest/api/storageservices/put-blob).
func crcTable() *crc64.Table { return crc64.MakeTable(0x9A6C9329AC4BC9B5) }

func (w *writer) digests() (all []hash.Hash) {
	if w.body.MD5 != nil {
		all = append(all, md5.New())
	}
	if w.body.CRC64 != nil {
		all = append(all, crc64.New(crcTable()))
	}
	return all
}

func (w *writer) check(sums []hash.Hash) error {
	for _, h := range sums {
		want, got := w.body.MD5, h.Sum(nil)
		if c, ok := h.(hash.Hash64); ok {
			want, got = w.body.CRC64, binary.LittleEndian.AppendUint64(nil, c.Sum64())
		}
		if !bytes.Equal(want, got) {
			return diag.Wrap(diag.Invalid, ErrDigest, "The body is not what its digest says. Send it again.")
		}
	}
	return nil
}

// end gives back what was reserved too much, and everything if the file has no place.
func (w *writer) end() {
	if w.kept {
		w.s.add(w.ref, w.n-w.reserved)
		return
	}
	w.s.add(w.ref, -w.reserved)
	if w.name != "" {
		_ = os.Remove(w.name) // else the next start does it
	}
}

// temp makes a file that has no place yet.
func (s *Store) temp() (*os.File, error) { return os.CreateTemp(s.in(tempDir), "t-*") }

func newETag() string {
	var b [8]byte
	rand.Read(b[:])
	return "0x" + strings.ToUpper(hex.EncodeToString(b[:]))
}

// Where a list of blocks looks for one.
type Where uint8

// The places.
const (
	Latest      Where = iota // among those that wait, else in the blob
	Committed                // in the blob
	Uncommitted              // among those that wait
)

// Part is one entry of a list of blocks.
type Part struct {
	Where Where
	ID    string
}

// PutList makes the blob of blocks, in order. One may stand there several times. Those that wait and are not named
// go.
func (s *Store) PutList(r Ref, list []Part) (Blob, error) {
	if len(list) > s.o.MaxBlocks {
		return Blob{}, diag.Wrap(diag.Invalid, ErrBlockSize, "A list can have %d blocks at most.", s.o.MaxBlocks)
	}
	d, err := s.use(r)
	if err != nil {
		return Blob{}, err
	}
	defer s.leave(d)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.writable(); err != nil {
		return Blob{}, err
	}
	pieces, err := d.find(list)
	if err != nil {
		return Blob{}, err
	}
	if size := (&manifest{Pieces: pieces}).size(); size > s.o.MaxBlob {
		return Blob{}, tooLarge(s.o.MaxBlob)
	}
	if err := d.setBlob(pieces); err != nil {
		return Blob{}, full(err)
	}
	return d.blob.describe(), nil
}

// find looks for the blocks of a list.
func (d *draft) find(list []Part) ([]piece, error) {
	committed := map[string]piece{}
	if d.blob != nil {
		for _, p := range d.blob.Pieces {
			committed[p.ID] = p
		}
	}
	pieces := make([]piece, len(list))
	for i, part := range list {
		name := blockName(part.ID)
		p, ok := d.blocks[name]
		if part.Where == Committed || !ok && part.Where == Latest {
			p, ok = committed[name]
		}
		if !ok || part.ID == "" {
			return nil, diag.Wrap(diag.Invalid, ErrNoBlock, "Block %d of the list was not uploaded.", i+1)
		}
		pieces[i] = p
	}
	return pieces, nil
}

// Block is one block of an upload.
type Block struct {
	ID   string
	Size int64
}

// Blocks lists the blocks that make up the blob and those that wait for a list.
func (s *Store) Blocks(r Ref) (committed, waiting []Block, err error) {
	d, err := s.use(r)
	if err != nil {
		return nil, nil, err
	}
	defer s.leave(d)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.blob != nil {
		for _, p := range d.blob.Pieces {
			committed = appendBlock(committed, p)
		}
	}
	for _, p := range d.blocks {
		waiting = appendBlock(waiting, p)
	}
	return committed, waiting, nil
}

// appendBlock leaves out a blob that came whole: it has no blocks.
func appendBlock(all []Block, p piece) []Block {
	id, err := hex.DecodeString(p.ID)
	if err != nil || len(id) == 0 {
		return all
	}
	return append(all, Block{string(id), p.Size})
}

// Stat describes the blob of an upload, NotFound if there is none.
func (s *Store) Stat(r Ref) (Blob, error) {
	d, err := s.use(r)
	if err != nil {
		return Blob{}, err
	}
	defer s.leave(d)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.blob == nil {
		return Blob{}, noBlob()
	}
	return d.blob.describe(), nil
}

// Open opens the blob of an upload for reading, NotFound if there is none.
func (s *Store) Open(r Ref) (*File, error) {
	d, err := s.use(r)
	if err != nil {
		return nil, err
	}
	defer s.leave(d)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.blob == nil {
		return nil, noBlob()
	}
	return newFile(d.dir(), d.blob), nil
}

// Scratch makes a file that is gone when it is closed, and after a crash.
func (s *Store) Scratch() (*Scratch, error) {
	f, err := s.temp()
	if err != nil {
		return nil, fmt.Errorf("upload: scratch: %w", full(err))
	}
	return &Scratch{f}, nil
}

// Scratch is a file that nobody else sees.
type Scratch struct{ *os.File }

// Close closes the file and takes it away.
func (s *Scratch) Close() error {
	return errors.Join(s.File.Close(), os.Remove(s.Name()))
}
