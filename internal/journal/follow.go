package journal

import (
	"fmt"
	"io"
	"slices"
)

// Follower reads frames in the order of their numbers, classes merged. It is for one goroutine.
type Follower struct {
	j      *Journal
	skip   [classCount]bool
	after  uint64 // last number that was returned, or is known to have nothing below it
	tracks [classCount]track
	blanks uint64
}

// track is a follower's place in one class.
type track struct {
	class Class
	seg   *segment // being read; nil: none yet
	file  File
	walk  *walker
	dry   uint64 // nothing more is in this class up to this number

	// The next frame, read but not returned yet.
	ready  bool
	head   record
	offset int64
	stored []byte // in the walker's buffer
}

// Follow begins behind the given number. The follower holds files open: close it.
func (j *Journal) Follow(after uint64) *Follower {
	f := &Follower{j: j, after: after, blanks: j.blanks.Load()}
	for c := range f.tracks {
		f.tracks[c].class = Class(c)
	}
	return f
}

// FollowClass is Follow for the frames of some classes.
func (j *Journal) FollowClass(after uint64, classes ...Class) *Follower {
	f := j.Follow(after)
	for c := range f.skip {
		f.skip[c] = !slices.Contains(classes, Class(c))
	}
	return f
}

// Next returns the next frames up to the horizon, none if there is nothing new: at most maxFrames, and not
// more than maxBytes of stored bytes unless the first frame alone has more. Blanked and damaged frames are
// left out. After an error the same frames are tried again.
func (f *Follower) Next(maxFrames, maxBytes int) ([]Entry, error) {
	if f.j.closed.Load() {
		return nil, ErrClosed
	}
	horizon := f.j.Horizon()
	if horizon <= f.after {
		return nil, nil
	}
	f.j.blank.RLock()
	defer f.j.blank.RUnlock()
	f.dropBlanked()
	batch := batch{maxFrames: maxFrames, left: maxBytes}
	for {
		t, err := f.lowest(horizon)
		if err != nil {
			return batch.entries, errUnless(len(batch.entries) > 0, err)
		}
		if t == nil {
			f.after = horizon
			return batch.entries, nil
		}
		if !batch.add(f.j, t) {
			return batch.entries, nil
		}
		t.ready = false
		f.after = t.head.Number
	}
}

// errUnless keeps an error back when there is something to return first: the next call meets it again.
func errUnless(something bool, err error) error {
	if something {
		return nil
	}
	return err
}

// lowest is the track with the next frame, nil if there is none up to the horizon.
func (f *Follower) lowest(horizon uint64) (*track, error) {
	var low *track
	for c := range f.tracks {
		t := &f.tracks[c]
		if f.skip[c] {
			continue
		}
		if !t.ready && t.dry < horizon {
			if err := t.advance(f.j, f.after); err != nil {
				return nil, err
			}
			if !t.ready {
				t.dry = horizon
			}
		}
		if t.ready && t.head.Number <= horizon && (low == nil || t.head.Number < low.head.Number) {
			low = t
		}
	}
	return low, nil
}

// advance reads the track's next frame with a number above after, if it has one.
func (t *track) advance(j *Journal, after uint64) error {
	if t.seg == nil {
		if ok, err := t.begin(j, after); !ok || err != nil {
			return err
		}
	}
	for {
		r, offset, stored, err := t.walk.next()
		if err == io.EOF {
			if ok, err := t.extend(j); !ok || err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", t.seg.path, err)
		}
		if !r.blanked && r.Number > after {
			t.head, t.offset, t.stored, t.ready = r, offset, stored, true
			return nil
		}
	}
}

// begin opens the segment that holds the first number above after.
func (t *track) begin(j *Journal, after uint64) (bool, error) {
	s, ok := j.firstSegment(t.class, after)
	if !ok {
		return false, nil
	}
	p, err := j.placeAfter(&s, after)
	if err != nil {
		return false, err
	}
	return true, t.open(j, &s, p.offset)
}

// open begins to read a segment, of which s is a copy.
func (t *track) open(j *Journal, s *segment, at int64) error {
	file, err := j.o.FS.Open(s.path, false)
	if err != nil {
		return err
	}
	t.close()
	t.seg, t.file, t.walk = s, file, j.walker(s, file)
	t.walk.at = at
	return nil
}

// extend looks for frames behind those that the track knew of: in its segment, else in the next one.
func (t *track) extend(j *Journal) (bool, error) {
	var next segment
	j.mu.RLock()
	end := t.seg.end
	if now := j.bySeg[t.seg.id()]; now != nil {
		end = now.end
	}
	for _, s := range backward(j.segments[t.class]) {
		if s.number <= t.seg.number {
			break
		}
		next = *s
	}
	j.mu.RUnlock()
	if end > t.walk.end {
		t.walk.end = end
		return true, nil
	}
	if next.number == 0 {
		return false, nil
	}
	return true, t.open(j, &next, segmentHeaderSize)
}

// backward yields the segments from the newest on.
func backward(list []*segment) func(yield func(int, *segment) bool) {
	return func(yield func(int, *segment) bool) {
		for i := len(list) - 1; i >= 0; i-- {
			if !yield(i, list[i]) {
				return
			}
		}
	}
}

// dropBlanked forgets what was read ahead if a frame was blanked since, so that it is not returned. A segment
// that was written anew or removed is left: reading goes on behind the last frame returned.
func (f *Follower) dropBlanked() {
	blanks := f.j.blanks.Load()
	if blanks == f.blanks {
		return
	}
	f.blanks = blanks
	for c := range f.tracks {
		t := &f.tracks[c]
		if t.walk == nil {
			continue
		}
		if !f.j.current(t.seg) {
			t.close()
			t.dry = 0
			continue
		}
		if t.ready {
			t.walk.at, t.ready, t.dry = t.offset, false, 0
		}
		t.walk.forget()
	}
}

func (t *track) close() {
	if t.file != nil {
		t.file.Close()
	}
	t.seg, t.file, t.walk, t.ready = nil, nil, nil, false
}

// Close closes the follower's files.
func (f *Follower) Close() {
	for c := range f.tracks {
		f.tracks[c].close()
	}
}

// batch gathers entries for one call of Next. The bytes of many share one allocation.
type batch struct {
	entries   []Entry
	maxFrames int
	left      int
	slab      []byte
}

const slabSize = 32 << 10

// add copies the track's frame, unless the batch is full.
func (b *batch) add(j *Journal, t *track) bool {
	size := len(t.stored)
	if len(b.entries) > 0 && (len(b.entries) >= b.maxFrames || size > b.left) {
		return false
	}
	b.left -= size
	if cap(b.slab)-len(b.slab) < size {
		b.slab = make([]byte, 0, max(size, min(slabSize, max(0, b.left)+size)))
	}
	start := len(b.slab)
	b.slab = append(b.slab, t.stored...)
	b.entries = append(b.entries, j.entry(t.seg.id(), t.offset, &t.head, b.slab[start:len(b.slab):len(b.slab)]))
	return true
}

// current reports whether a segment is still the file that is read.
func (j *Journal) current(s *segment) bool {
	j.mu.RLock()
	defer j.mu.RUnlock()
	for _, now := range backward(j.segments[s.class]) {
		if now.number <= s.number {
			return now.number == s.number && now.gen == s.gen
		}
	}
	return false
}
