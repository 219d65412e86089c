package person

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"time"
)

// tally counts logs, not records: an archive holds a crash in the list of all logs and in that of crashes, and
// may hold any log twice. It works in constant memory: what it is given goes to a temporary file, which is
// read as often as it has parts.
type tally struct {
	file  *tempFile
	w     *bufio.Writer
	added int64
}

// logs is what a tally counts.
type logs struct {
	ids  int64 // different MessageIds
	kind [classes]int64
	days map[int64]*[classes]int64 // by day since 1970; 0 for logs without a time
}

// sighting is one record of a log: hash of its MessageId, day and class.
type sighting struct {
	hash  uint64
	day   int32
	class class
}

const (
	sightingSize = 8 + 4 + 1
	tallyPart    = 1 << 17 // sightings that are held at once
)

func newTally(o *output) (*tally, error) {
	f, err := o.temp()
	if err != nil {
		return nil, err
	}
	return &tally{file: f, w: bufio.NewWriter(f)}, nil
}

// add takes one record. Every record without a MessageId is a log of its own.
func (t *tally) add(id string, at time.Time, c class) error {
	t.added++
	var b [sightingSize]byte
	if id != "" {
		sum := sha256.Sum256([]byte(id))
		copy(b[:8], sum[:])
	}
	if !at.IsZero() {
		binary.LittleEndian.PutUint32(b[8:], uint32(at.Unix()/86400))
	}
	b[12] = byte(c)
	_, err := t.w.Write(b[:])
	return err
}

// count ends the counting and removes the file.
func (t *tally) count() (*logs, error) {
	defer t.file.remove()
	if err := t.w.Flush(); err != nil {
		return nil, err
	}
	l := &logs{days: map[int64]*[classes]int64{}}
	parts := uint64(t.added/tallyPart + 1)
	part := make([]sighting, 0, min(t.added, 2*tallyPart))
	for n := range parts {
		var err error
		if part, err = t.read(part[:0], l, n, parts); err != nil {
			return nil, err
		}
		slices.SortFunc(part, func(a, b sighting) int {
			return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.class, b.class), cmp.Compare(a.day, b.day))
		})
		l.addAll(part)
	}
	return l, nil
}

// read collects the sightings of one part. Those without a MessageId are counted at once.
func (t *tally) read(part []sighting, l *logs, n, parts uint64) ([]sighting, error) {
	if _, err := t.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(t.file, 64<<10)
	for {
		var b [sightingSize]byte
		if _, err := io.ReadFull(r, b[:]); errors.Is(err, io.EOF) {
			return part, nil
		} else if err != nil {
			return nil, err
		}
		s := sighting{binary.LittleEndian.Uint64(b[:]), int32(binary.LittleEndian.Uint32(b[8:])), class(b[12])}
		switch {
		case s.hash == 0 && n == 0:
			l.add(s)
		case s.hash != 0 && s.hash%parts == n:
			part = append(part, s)
		}
	}
}

// addAll counts sightings in the order of their hashes.
func (l *logs) addAll(part []sighting) {
	for i, s := range part {
		if i == 0 || part[i-1].hash != s.hash {
			l.ids++
		}
		if i == 0 || part[i-1].hash != s.hash || part[i-1].class != s.class {
			l.add(s)
		}
	}
}

func (l *logs) add(s sighting) {
	l.kind[s.class]++
	day := l.days[int64(s.day)]
	if day == nil {
		day = new([classes]int64)
		l.days[int64(s.day)] = day
	}
	day[s.class]++
}
