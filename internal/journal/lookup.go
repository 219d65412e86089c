package journal

import (
	"bytes"
	"fmt"
	"io"
	"sort"

	"github.com/cespare/xxhash/v2"

	"lifeboat/internal/diag"
)

// NumberBefore is the highest number of a frame stamped before t, 0 if there is none. It is final only for
// times up to Floor.
func (j *Journal) NumberBefore(t diag.IngressTime) (uint64, error) {
	j.blank.RLock()
	defer j.blank.RUnlock()
	var highest uint64
	for c := range classCount {
		s, ok := j.lastSegment(c, func(s *segment) bool { return s.firstTime < t })
		if !ok {
			continue
		}
		if s.lastTime < t {
			highest = max(highest, s.last)
			continue
		}
		before, ok, err := j.search(&s, -1, func(p place) bool { return p.time >= t })
		if err != nil {
			return 0, err
		}
		if ok {
			highest = max(highest, before.number)
		}
	}
	return highest, nil
}

// NextTime is the time of the first frame with a number above after. ok is false if there is none up to the
// horizon. A blanked frame counts: its time is still known.
func (j *Journal) NextTime(after uint64) (t diag.IngressTime, ok bool, err error) {
	j.blank.RLock()
	defer j.blank.RUnlock()
	var first place
	for c := range classCount {
		s, found := j.firstSegment(c, after)
		if !found {
			continue
		}
		p, err := j.placeAfter(&s, after)
		if err != nil {
			return 0, false, err
		}
		if !ok || p.number < first.number {
			first, ok = p, true
		}
	}
	return first.time, ok, nil
}

// lastSegment copies what readers may know of the last segment with frames that is good.
func (j *Journal) lastSegment(c Class, good func(*segment) bool) (segment, bool) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	for i := len(j.segments[c]) - 1; i >= 0; i-- {
		if s := j.segments[c][i]; s.count > 0 && good(s) {
			return *s, true
		}
	}
	return segment{}, false
}

// firstSegment copies what readers may know of the first segment that holds a number above after.
func (j *Journal) firstSegment(c Class, after uint64) (segment, bool) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	list := j.segments[c]
	found := -1
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].count == 0 {
			continue
		}
		if list[i].last <= after {
			break
		}
		found = i
	}
	if found < 0 {
		return segment{}, false
	}
	return *list[found], true
}

// placeAfter is the first frame of s with a number above after; s.last is above it. j.blank must be held.
func (j *Journal) placeAfter(s *segment, after uint64) (place, error) {
	if s.first > after {
		return place{number: s.first, time: s.firstTime, offset: segmentHeaderSize}, nil
	}
	p, ok, err := j.search(s, 0, func(p place) bool { return p.number > after })
	if err == nil && !ok { // the footer knows of a frame that is damaged
		p = place{number: s.last, time: s.lastTime, offset: s.end}
	}
	return p, err
}

// search finds the first frame of s for which over holds and returns the one shift places from it, if there
// is one. over must hold for all frames behind that.
func (j *Journal) search(s *segment, shift int, over func(place) bool) (p place, ok bool, err error) {
	list, err := j.places(s)
	if err != nil {
		return place{}, false, err
	}
	defer list.close()
	i := sort.Search(list.count, func(i int) bool {
		p, failed := list.at(i)
		if failed != nil {
			err = failed
		}
		return over(p)
	}) + shift
	if err == nil && i >= 0 && i < list.count {
		p, err = list.at(i)
		ok = true
	}
	if err != nil {
		return place{}, false, fmt.Errorf("search %s: %w", s.path, err)
	}
	return p, ok, nil
}

// placeList reads the list of a segment's frames.
type placeList struct {
	extent
	list io.ReaderAt
	base int64
	file File // to close, or nil
}

func (l *placeList) at(i int) (place, error) {
	var b [listed]byte
	if _, err := l.list.ReadAt(b[:], l.base+int64(i)*listed); err != nil {
		return place{}, err
	}
	return l.parseListed(b[:]), nil
}

func (l *placeList) close() {
	if l.file != nil {
		l.file.Close()
	}
}

// What reading a sealed segment's list has shown.
const (
	unread int32 = iota
	good
	wrong
)

// places opens the list of a copied segment: in memory, in the footer, or made anew by reading the frames.
// j.blank must be held.
func (j *Journal) places(s *segment) (*placeList, error) {
	if s.state == open {
		return &placeList{extent: s.extent, list: bytes.NewReader(s.list)}, nil
	}
	f, err := j.o.FS.Open(s.path, false)
	if err != nil {
		return nil, err
	}
	if s.state == sealed {
		trusted, err := j.trust(s, f)
		if err != nil {
			f.Close()
			return nil, err
		}
		if trusted {
			return &placeList{extent: s.extent, list: f, base: s.end + skipSize, file: f}, nil
		}
	}
	defer f.Close()
	found := extent{end: segmentHeaderSize}
	list, err := j.list(s, f, &found)
	return &placeList{extent: found, list: bytes.NewReader(list)}, err
}

// trust compares the list in a footer with its checksum, once.
func (j *Journal) trust(s *segment, f File) (bool, error) {
	if t := s.trusted.Load(); t != unread {
		return t == good, nil
	}
	h := xxhash.New()
	length := int64(s.count) * listed
	if _, err := io.Copy(h, io.NewSectionReader(f, s.end+skipSize, length)); err != nil {
		return false, fmt.Errorf("read the footer of %s: %w", s.path, err)
	}
	if h.Sum64() != s.listSum {
		s.trusted.Store(wrong)
		j.damage.note(j.o.Log, s, s.end, skipSize+length)
		return false, nil
	}
	s.trusted.Store(good)
	return true, nil
}

// list reads all frames up to the segment's end and lists them.
func (j *Journal) list(s *segment, f File, found *extent) ([]byte, error) {
	w := j.walker(s, f)
	var list []byte
	for {
		r, offset, _, err := w.next()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", s.path, err)
		}
		found.add(&r, offset)
		list = found.appendListed(list, &r, offset)
	}
}

// walker begins at the first frame of a segment and ends at its last.
func (j *Journal) walker(s *segment, f File) *walker {
	return &walker{
		file: f, salt: s.salt, at: segmentHeaderSize, end: s.end,
		damaged: func(offset, length int64) { j.damage.note(j.o.Log, s, offset, length) },
	}
}
