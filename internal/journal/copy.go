package journal

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
)

// Copy is the journal as of one commit, for whoever takes a copy of its files. Nothing is held by it.
type Copy struct {
	Horizon uint64
	Bytes   int64 // of the files, about

	j        *Journal
	segments []segment
}

// Copy notes which files there are and how far they are durable.
func (j *Journal) Copy() *Copy {
	j.mu.RLock()
	defer j.mu.RUnlock()
	c := &Copy{j: j, Horizon: j.horizon}
	for _, list := range j.segments {
		for _, s := range list {
			if s.count > 0 {
				c.segments = append(c.segments, *s)
				c.Bytes += s.size()
			}
		}
	}
	return c
}

// CopiedFile is one file of a copy. A journal of the copied files opens like this one after a crash at the commit
// that Copy has seen: an open segment ends behind that commit's last frame, and what was blanked since is blank.
type CopiedFile struct {
	Name   string // below the journal's folder, with a slash
	Size   int64
	Frames int
	Body   io.Reader // of exactly Size bytes
}

// Each yields one file after the other. Appending, blanking and compacting go on meanwhile: a segment that is
// dropped is left out, of one that is written anew the new file is taken.
func (c *Copy) Each(ctx context.Context, yield func(CopiedFile) error) error {
	for i := range c.segments {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.one(&c.segments[i], yield); err != nil {
			return fmt.Errorf("copy %s: %w", c.segments[i].path, err)
		}
	}
	return nil
}

func (c *Copy) one(noted *segment, yield func(CopiedFile) error) error {
	r, err := c.open(noted)
	if r == nil || err != nil {
		return err
	}
	defer r.close()
	name := r.seg.class.String() + "/" + filepath.Base(r.seg.path)
	return yield(CopiedFile{Name: name, Size: r.size, Frames: r.seg.count, Body: r})
}

// open opens the file that a segment has now, nil if it is gone.
func (c *Copy) open(noted *segment) (*copyReader, error) {
	j := c.j
	j.blank.RLock()
	defer j.blank.RUnlock()
	s, ok := j.generation(noted)
	if !ok {
		return nil, nil
	}
	if noted.state == open && s.gen == noted.gen {
		s = *noted // what was appended to it since is not part of the copy
	}
	f, err := j.o.FS.Open(s.path, false)
	if err != nil {
		return nil, err
	}
	r := &copyReader{j: j, seg: s, file: f, size: s.end}
	if s.state != open {
		if r.size, err = f.Size(); err != nil {
			f.Close()
			return nil, err
		}
	}
	if r.places, err = j.places(&s); err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

// generation is the file that stands for a segment now.
func (j *Journal) generation(of *segment) (segment, bool) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	for _, s := range j.segments[of.class] {
		if s.number == of.number {
			return *s, true
		}
	}
	return segment{}, false
}

// pieceSize is how much of a file is read at a time, if that is not within a frame.
const pieceSize = 1 << 20

// copyReader reads one file in pieces that begin and end between frames, each while nothing is blanked, so that
// no frame is half blank in the copy. It holds nothing while the reader of the copy takes its time.
type copyReader struct {
	j      *Journal
	seg    segment
	file   File
	size   int64
	places *placeList
	next   int   // the first of the frames that may be beyond at
	at     int64 // what was read so far
	piece  []byte
	room   []byte
}

// Read implements io.Reader.
func (r *copyReader) Read(b []byte) (int, error) {
	if len(r.piece) == 0 {
		if r.at == r.size {
			return 0, io.EOF
		}
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(b, r.piece)
	r.piece = r.piece[n:]
	return n, nil
}

func (r *copyReader) fill() error {
	r.j.blank.RLock()
	defer r.j.blank.RUnlock()
	end, err := r.end()
	if err != nil {
		return err
	}
	n := int(end - r.at)
	if cap(r.room) < n {
		r.room = make([]byte, n)
	}
	r.piece = r.room[:n]
	if err := readFull(r.file, r.piece, r.at); err != nil {
		r.piece = nil
		return fmt.Errorf("read at %d: %w", r.at, err)
	}
	r.at = end
	return nil
}

// end is where the next piece ends: at the first frame that is far enough, else pieceSize behind the last one.
func (r *copyReader) end() (int64, error) {
	for ; r.next < r.places.count; r.next++ {
		p, err := r.places.at(r.next)
		if err != nil {
			return 0, err
		}
		if p.offset >= r.at+pieceSize {
			return min(p.offset, r.size), nil
		}
	}
	if r.at < r.seg.end {
		return min(r.seg.end, r.size), nil
	}
	return min(r.at+pieceSize, r.size), nil
}

func (r *copyReader) close() {
	r.places.close()
	r.file.Close()
}
