package journal

import (
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"

	"lifeboat/internal/diag"
)

// ErrDamaged is in the chain of errors about a frame that does not match its checksum.
var ErrDamaged = errors.New("journal: frame is damaged")

// guess is read at first: most frames fit, so one read does.
const guess = 4 << 10

// Read reads the frame that holds the located log. The error is of kind NotFound if there is none or it was
// blanked; ErrDamaged is in its chain if the bytes do not match their checksum.
func (j *Journal) Read(l diag.Locator) (Entry, error) {
	if j.closed.Load() {
		return Entry{}, ErrClosed
	}
	j.blank.RLock()
	defer j.blank.RUnlock()
	s, ok := j.segment(l)
	if !ok {
		return Entry{}, diag.Errorf(diag.NotFound, "The journal holds no such log.")
	}
	f, err := j.o.FS.Open(s.path, false)
	if err != nil {
		return Entry{}, err
	}
	defer f.Close()
	r, b, err := readFrame(f, &s, l.Offset)
	if err != nil {
		return Entry{}, fmt.Errorf("read %s at %d: %w", s.path, l.Offset, err)
	}
	if r.blanked {
		return Entry{}, diag.Errorf(diag.NotFound, "The log was erased.")
	}
	if len(b) == 0 || xxhash.Sum64(b) != r.sum {
		j.damage.note(j.o.Log, &s, l.Offset, r.length)
		return Entry{}, diag.Wrap(diag.Internal, ErrDamaged, "The log cannot be read: the server's disk has damaged it.")
	}
	return j.entry(l.Segment, l.Offset, &r, b), nil
}

// segment copies what readers may know of the segment that a locator points into.
func (j *Journal) segment(l diag.Locator) (segment, bool) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	s := j.bySeg[l.Segment]
	if s == nil || l.Offset < segmentHeaderSize || l.Offset > s.end-headerSize {
		return segment{}, false
	}
	return *s, true
}

// readFrame reads a frame's header and its zstd frame, which is nil if no header stands there.
func readFrame(f File, s *segment, offset int64) (record, []byte, error) {
	b := make([]byte, min(guess, s.end-offset))
	if err := readFull(f, b, offset); err != nil {
		return record{}, nil, err
	}
	r, ok := parseRecord(b, s.salt)
	if !ok || r.length > s.end-offset {
		return record{length: headerSize}, nil, nil
	}
	if r.blanked {
		return r, nil, nil
	}
	if r.length <= int64(len(b)) {
		return r, b[headerSize:r.length:r.length], nil
	}
	stored := make([]byte, r.stored)
	have := copy(stored, b[headerSize:])
	return r, stored, readFull(f, stored[have:], offset+int64(len(b)))
}

// readFull fills b from the file.
func readFull(f io.ReaderAt, b []byte, offset int64) error {
	n, err := f.ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	return err
}

func (j *Journal) entry(segment, offset int64, r *record, stored []byte) Entry {
	return Entry{
		Header:  r.Header,
		Locator: diag.Locator{Segment: segment, Offset: offset},
		raw:     r.raw, stored: stored, codec: j.codec,
	}
}
