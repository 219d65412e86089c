package journal

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
)

// Open opens the journal in o.Dir, or begins one. It finishes interrupted blanks, cuts torn tails of
// unsealed segments, and reads of sealed ones only header and footer. It refuses segments that a later
// release wrote.
func Open(ctx context.Context, o Options) (*Journal, error) {
	o.setDefaults()
	codec, err := newCodec()
	if err != nil {
		return nil, err
	}
	j := &Journal{o: o, codec: codec, clock: stamper{clock: o.Clock}, bySeg: make(map[int64]*segment)}
	j.pool.init()
	if err := j.load(ctx); err != nil {
		for c := range j.writers {
			j.writers[c].close()
		}
		codec.close()
		return nil, err
	}
	go j.commitAll()
	return j, nil
}

func (j *Journal) load(ctx context.Context) error {
	if err := j.makeFolders(); err != nil {
		return err
	}
	for c := range classCount {
		j.writers[c].class = c
		if err := j.discover(ctx, c); err != nil {
			return err
		}
	}
	if err := j.redoBlanks(ctx); err != nil {
		return err
	}
	for c := range classCount {
		if err := j.recover(ctx, c); err != nil {
			return err
		}
	}
	return j.restart(ctx)
}

func (j *Journal) makeFolders() error {
	for c := range classCount {
		if err := j.o.FS.Mkdir(j.classDir(c)); err != nil {
			return err
		}
	}
	for _, dir := range []string{j.o.Dir, filepath.Dir(j.o.Dir)} {
		if err := j.o.FS.SyncDir(dir); err != nil {
			return fmt.Errorf("sync %s: %w", dir, err)
		}
	}
	return nil
}

// restart sets the counters above everything found.
func (j *Journal) restart(ctx context.Context) error {
	floor, err := j.o.Register.Floor(ctx)
	if err != nil {
		return fmt.Errorf("journal: floor: %w", err)
	}
	j.floor = floor
	j.clock.raise(floor)
	j.nextSeg = 1
	for _, list := range j.segments {
		for _, s := range list {
			j.nextSeg = max(j.nextSeg, s.number+1)
			j.horizon = max(j.horizon, s.last)
			j.clock.raise(s.lastTime)
		}
	}
	j.next = j.horizon + 1
	return nil
}

// discover lists a class's segments and reads headers and trailers.
func (j *Journal) discover(ctx context.Context, c Class) error {
	dir := j.classDir(c)
	names, err := j.o.FS.List(dir)
	if err != nil {
		return fmt.Errorf("list %s: %w", dir, err)
	}
	for _, name := range names {
		day, number, gen, ok := parseSegmentName(name)
		if !ok {
			j.o.Log.Warn("journal leaves a file alone that is no segment", "class", c.String(), "name", name)
			continue
		}
		s := newSegment(c, number, day, gen, j.o.Dir)
		if same := j.sameNumber(s); same != nil {
			return fmt.Errorf("journal: %s and %s have the same number: move one away", same.path, s.path)
		}
		j.segments[c] = append(j.segments[c], s)
		j.bySeg[s.id()] = s
	}
	list := j.segments[c]
	slices.SortFunc(list, func(a, b *segment) int { return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.gen, b.gen)) })
	for i, s := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := j.inspect(s, i == len(list)-1 && s.gen == 0); err != nil {
			return fmt.Errorf("open %s: %w", s.path, err)
		}
	}
	return j.choose(c)
}

// sameNumber is a segment that was found with the number of s and is no generation of it.
func (j *Journal) sameNumber(s *segment) *segment {
	for _, o := range j.bySeg {
		if o.number == s.number && (o.class != s.class || o.day != s.day) {
			return o
		}
	}
	return nil
}

// choose keeps of each segment the highest generation that is complete. What a crash left half-written goes;
// older generations stay for the locators that name them.
func (j *Journal) choose(c Class) error {
	changed := false
	var chosen []*segment
	for _, s := range j.segments[c] {
		last := len(chosen) - 1
		switch {
		case last < 0 || chosen[last].number != s.number:
			if s.gen > 0 && s.state != sealed { // it was complete once, or there would be the one before
				j.damage.note(j.o.Log, s, 0, segmentHeaderSize)
			}
			chosen = append(chosen, s)
		case s.state != sealed:
			if err := j.o.FS.Remove(s.path); err != nil {
				return fmt.Errorf("remove %s: %w", s.path, err)
			}
			delete(j.bySeg, s.id())
			changed = true
		default:
			if err := j.syncFile(s.path); err != nil { // the process may have died before it did
				return err
			}
			changed = true
			j.old = append(j.old, chosen[last])
			chosen[last] = s
		}
	}
	j.segments[c] = chosen
	if !changed {
		return nil
	}
	return j.o.FS.SyncDir(j.classDir(c))
}

func (j *Journal) syncFile(path string) error {
	f, err := j.o.FS.Open(path, true)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := j.sync(f); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}

// inspect reads a segment's header and trailer. Afterwards its state is sealed, open if it is the newest and
// may be written on, or bare.
func (j *Journal) inspect(s *segment, newest bool) error {
	f, err := j.o.FS.Open(s.path, false)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	head := make([]byte, min(size, maxSegmentHeader))
	if err := readFull(f, head, 0); err != nil {
		return err
	}
	h, ok, err := parseSegmentHeader(head)
	if err != nil {
		return err
	}
	s.state, s.salt = bare, j.saltOf(s.class, s.number)
	switch {
	case ok && h.class == s.class && h.number == s.number && h.gen == s.gen && h.day == s.day && h.lane == embeddedLane:
		if !j.codec.knows(h.dict, h.dictHash) {
			return fmt.Errorf("it needs dictionary %d (hash %016x), which this release does not have: start the release that wrote it, or a later one", h.dict, h.dictHash)
		}
		s.salt = h.salt
		if newest {
			s.state = open
		}
	case newest && size <= segmentHeaderSize:
		s.state = open // its beginning was never finished, so it holds nothing
		return nil
	case s.gen > 0:
		return nil // half-written, or damaged: see choose
	default:
		j.damage.note(j.o.Log, s, 0, segmentHeaderSize)
	}
	return s.readTrailer(f, size)
}

func (s *segment) readTrailer(f File, size int64) error {
	if size < segmentHeaderSize+skipSize+trailerSize {
		return nil
	}
	var b [trailerSize]byte
	if err := readFull(f, b[:], size-trailerSize); err != nil {
		return err
	}
	if e, listSum, ok := parseTrailer(b[:], size, s.salt); ok {
		s.extent, s.listSum, s.state = e, listSum, sealed
	}
	return nil
}

// recover reads what no footer tells, and opens the newest segment for writing if it is unsealed.
func (j *Journal) recover(ctx context.Context, c Class) error {
	var last uint64
	for i, s := range j.segments[c] {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		newest := i == len(j.segments[c])-1
		switch {
		case s.state == open:
			err = j.resume(&j.writers[c], s)
		case s.state == bare:
			err = j.readBare(s, newest)
		case newest: // the process may have died before its footer was on disk; the next segment must not be there first
			err = j.syncFile(s.path)
		}
		if err != nil {
			return fmt.Errorf("open %s: %w", s.path, err)
		}
		if s.count > 0 && s.first <= last {
			j.damage.note(j.o.Log, s, segmentHeaderSize, 0) // numbers go back: a copy of another segment
		}
		last = max(last, s.last)
	}
	return nil
}

// readBare finds the frames of a segment that lost its header or footer. Nothing of it is cut.
func (j *Journal) readBare(s *segment, newest bool) error {
	f, err := j.o.FS.Open(s.path, false)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	whole := *s
	whole.end = size
	if _, err = j.list(&whole, f, &s.extent); err != nil {
		return err
	}
	if !newest {
		j.damage.note(j.o.Log, s, s.end, size-s.end) // there was a footer
	}
	return nil
}

// resume goes on with the newest segment of a class behind its last whole frame. What a crash left there was
// never answered, unless it was synced: so all is synced before anybody reads it.
func (j *Journal) resume(w *writer, s *segment) error {
	f, err := j.o.FS.Open(s.path, true)
	if err != nil {
		return err
	}
	w.seg, w.file = s, f
	size, err := f.Size()
	if err != nil {
		return err
	}
	if size < segmentHeaderSize || !headerWhole(f) {
		j.cut(s, 0, size)
		if err := f.Truncate(0); err != nil {
			return err
		}
		w.extent = s.extent
		return j.begin(w)
	}
	if err := j.readOpen(w, f, size); err != nil {
		return err
	}
	if w.written < size {
		j.cut(s, w.written, size-w.written)
		if err := f.Truncate(w.written); err != nil {
			return err
		}
	}
	if err := j.syncSegment(w); err != nil {
		return err
	}
	return j.o.FS.SyncDir(j.classDir(s.class))
}

func headerWhole(f io.ReaderAt) bool {
	var b [segmentHeaderSize]byte
	if readFull(f, b[:], 0) != nil {
		return false
	}
	_, ok, err := parseSegmentHeader(b[:])
	return ok && err == nil
}

// readOpen reads the frames of an unsealed segment into the writer and publishes them.
func (j *Journal) readOpen(w *writer, f File, size int64) error {
	walk := j.walker(w.seg, f)
	walk.end, walk.torn = size, true
	w.extent = extent{end: segmentHeaderSize}
	for {
		r, offset, _, err := walk.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		w.extent.add(&r, offset)
		w.list = w.appendListed(w.list, &r, offset)
	}
	w.written = w.end
	w.seg.extent, w.seg.list = w.extent, w.list
	return nil
}

// cut counts and tells of bytes that a crash left behind the last whole frame.
func (j *Journal) cut(s *segment, offset, length int64) {
	if length == 0 {
		return
	}
	j.counts.torn.Add(length)
	j.o.Log.Warn("journal cut bytes of a commit that a crash interrupted; nobody was answered for them",
		"class", s.class.String(), "segment", s.number, "offset", offset, "bytes", length)
}
