package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/cespare/xxhash/v2"

	"lifeboat/internal/diag"
)

// SegmentInfo describes one segment.
type SegmentInfo struct {
	ID              int64 // what locators name
	Class           Class
	First, Last     uint64 // numbers of its frames
	FirstTime, Time diag.IngressTime
	Frames          int
	Bytes           int64
	Changes         uint64 // how often frames of it were blanked since Open
	Sealed          bool
}

// Segments lists the segments of a class, oldest first. Those without a frame are left out.
func (j *Journal) Segments(c Class) []SegmentInfo {
	j.mu.RLock()
	defer j.mu.RUnlock()
	var all []SegmentInfo
	for _, s := range j.segments[c] {
		if s.count > 0 {
			all = append(all, SegmentInfo{
				ID: s.id(), Class: c, First: s.first, Last: s.last, FirstTime: s.firstTime, Time: s.lastTime,
				Frames: s.count, Bytes: s.size(), Changes: s.blanks, Sealed: s.state == sealed,
			})
		}
	}
	return all
}

// noteBlanks remembers that segments have changed.
func (j *Journal) noteBlanks(b *blanking) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for id := range b.files {
		if s := j.bySeg[id]; s != nil {
			s.blanks++
		}
	}
}

// BlankBytes reads how many bytes of a segment are blank frames. It reads the headers of all.
func (j *Journal) BlankBytes(id int64) (n int64, err error) {
	j.blank.RLock()
	defer j.blank.RUnlock()
	s, ok := j.byID(id)
	if !ok {
		return 0, nil
	}
	places, err := j.places(&s)
	if err != nil {
		return 0, err
	}
	defer places.close()
	f, err := j.o.FS.Open(s.path, false)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for i := range places.count {
		p, err := places.at(i)
		if err != nil {
			return 0, err
		}
		var b [blankSize]byte
		if err := readFull(f, b[:], p.offset); err != nil {
			return 0, fmt.Errorf("read %s at %d: %w", s.path, p.offset, err)
		}
		if r, ok := parseBlank(b[:], s.salt); ok {
			n += r.length
		}
	}
	return n, nil
}

func (j *Journal) byID(id int64) (segment, bool) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	s := j.bySeg[id]
	if s == nil {
		return segment{}, false
	}
	return *s, true
}

// Compaction is a segment that was written anew and whose file before is still there.
type Compaction struct{ From, To int64 } // ids of the segment

// ErrChanged means that a frame was blanked while its segment was being written anew: try again.
var ErrChanged = errors.New("journal: the segment has changed meanwhile")

// Edit changes a frame's payload while its segment is written anew; nil leaves it as it is. It must not keep
// the payload.
type Edit func(h Header, payload []byte) []byte

// Compact writes a sealed segment anew without its blank frames; edit, if not nil, may change others. Afterwards
// all reading goes to the new file; locators of the file before stay good until Retire. Numbers and times stay as
// they are. A crash leaves the one file or both.
//
// The error is of kind Conflict for a segment that cannot be compacted now: an open one, one whose last compaction
// is not retired. ErrDamaged is in the chain if it is damaged: it stays as it is.
func (j *Journal) Compact(ctx context.Context, id int64, edit Edit) (Compaction, error) {
	j.compact.Lock()
	defer j.compact.Unlock()
	if err := j.pool.refusal(); err != nil {
		return Compaction{}, err
	}
	s, ok := j.byID(id)
	if !ok || s.state != sealed || !j.current(&s) || len(j.twins(&s)) > 0 || s.gen == 255 {
		return Compaction{}, diag.Errorf(diag.Conflict, "The journal's segment cannot be compacted now.")
	}
	c := compactor{j: j, from: &s, edit: edit, to: newSegment(s.class, s.number, s.day, s.gen+1, j.o.Dir)}
	err := c.run(ctx)
	if err != nil {
		if c.w.file != nil {
			c.w.file.Close()
		}
		j.o.FS.Remove(c.to.path) // without a footer it is nothing: Drop and the next Open remove it, too
	}
	if err != nil {
		return Compaction{}, fmt.Errorf("compact %s: %w", s.path, err)
	}
	return Compaction{From: s.id(), To: c.to.id()}, nil
}

// compactor writes one segment anew.
type compactor struct {
	j    *Journal
	from *segment
	to   *segment
	edit Edit
	w    writer
	room []byte
}

func (c *compactor) run(ctx context.Context) error {
	if err := c.create(); err != nil {
		return err
	}
	if err := c.copy(ctx); err != nil {
		return err
	}
	if err := c.j.sync(c.w.file); err != nil { // the most of it, while readers need not wait
		return err
	}
	return c.publish()
}

func (c *compactor) create() error {
	c.to.salt = c.from.salt
	f, err := c.j.o.FS.Create(c.to.path)
	if errors.Is(err, fs.ErrExist) { // left by a compaction that failed
		if err := c.j.o.FS.Remove(c.to.path); err != nil {
			return err
		}
		f, err = c.j.o.FS.Create(c.to.path)
	}
	if err != nil {
		return err
	}
	c.w = writer{class: c.to.class, seg: c.to, file: f, extent: c.to.extent}
	h := segmentHeader{
		version: version, class: c.to.class, gen: c.to.gen, lane: embeddedLane, number: c.to.number, day: c.to.day,
		dict: c.j.codec.dict, dictHash: c.j.codec.dictHash, salt: c.to.salt,
	}
	c.w.written = segmentHeaderSize
	_, err = f.WriteAt(h.encode(), 0)
	return err
}

// flushAt is how many bytes are written at a time.
const flushAt = 256 << 10

// copy writes every frame that is not blank. The last one stays in any case, as a blank one without room, so that
// numbers go on rising when nothing is left behind it.
func (c *compactor) copy(ctx context.Context) error {
	f, err := c.j.o.FS.Open(c.from.path, false)
	if err != nil {
		return err
	}
	defer f.Close()
	var hurt error
	walk := c.j.walker(c.from, f)
	note := walk.damaged
	walk.damaged = func(offset, length int64) { note(offset, length); hurt = ErrDamaged }
	for {
		r, _, stored, err := walk.next()
		if err == io.EOF {
			break
		}
		if err = errors.Join(err, hurt, ctx.Err()); err != nil {
			return err
		}
		if err := c.frame(&r, stored); err != nil {
			return err
		}
	}
	if hurt != nil {
		return hurt
	}
	return c.w.write()
}

func (c *compactor) frame(r *record, stored []byte) error {
	if r.blanked {
		if r.Number != c.from.last {
			return nil
		}
		r.length = headerSize
		frame := make([]byte, headerSize)
		offset := c.w.end
		putBlank(frame, r, c.to.salt)
		c.w.buf = append(c.w.buf, frame...)
		c.w.extent.add(r, offset)
		c.w.list = c.w.appendListed(c.w.list, r, offset)
		return nil
	}
	frame := append(c.room[:0], make([]byte, headerSize)...)
	if changed, err := c.edited(r, stored); err != nil {
		return err
	} else if changed != nil {
		frame = c.j.codec.encode(frame, changed)
		stored = frame[headerSize:]
		r.stored, r.raw, r.sum, r.length = len(stored), len(changed), xxhash.Sum64(stored), int64(len(frame))
	} else {
		frame = append(frame, stored...)
	}
	c.room = frame
	c.w.add(r, frame)
	if len(c.w.buf) < flushAt {
		return nil
	}
	return c.w.write()
}

func (c *compactor) edited(r *record, stored []byte) ([]byte, error) {
	if c.edit == nil {
		return nil, nil
	}
	payload, err := c.j.codec.decode(nil, stored, r.raw)
	if err != nil {
		return nil, nil // it was written damaged: leave it as it is
	}
	return c.edit(r.Header, payload), nil
}

// publish ends the file with its footer and puts it in the place of the one before. Nothing is blanked meanwhile:
// what was complete at a crash holds nothing that was blanked after the copy.
func (c *compactor) publish() error {
	j := c.j
	j.blank.Lock()
	defer j.blank.Unlock()
	now, ok := j.byID(c.from.id())
	if !ok || now.blanks != c.from.blanks {
		return ErrChanged
	}
	footer := c.w.footer(c.w.list, c.to.salt)
	if _, err := c.w.file.WriteAt(footer, c.w.written); err != nil {
		return err
	}
	if err := j.sync(c.w.file); err != nil {
		return j.fail(err) // complete or not, nobody knows
	}
	j.counts.syncs.Add(1)
	if err := j.o.FS.SyncDir(j.classDir(c.to.class)); err != nil {
		return j.fail(err)
	}
	_, listSum, _ := parseTrailer(footer[len(footer)-trailerSize:], c.w.written+int64(len(footer)), c.to.salt)
	c.to.extent, c.to.listSum, c.to.state = c.w.extent, listSum, sealed
	j.mu.Lock()
	defer j.mu.Unlock()
	old := j.bySeg[c.from.id()]
	list := slices.Clone(j.segments[c.to.class])
	list[slices.Index(list, old)] = c.to
	j.segments[c.to.class] = list
	j.bySeg[c.to.id()] = c.to
	j.old = append(j.old, old)
	j.blanks.Add(1)
	j.counts.compacted.Add(1)
	return c.w.file.Close()
}

// Compactions lists those whose file before is still there, also from before a restart.
func (j *Journal) Compactions() (all []Compaction) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	for _, s := range j.old {
		for _, now := range j.segments[s.class] {
			if now.number == s.number {
				all = append(all, Compaction{From: s.id(), To: now.id()})
			}
		}
	}
	return all
}

// Move is one frame's place before and after a compaction.
type Move struct{ From, To diag.Locator }

// Moves yields where frames have gone, so many at a time.
func (j *Journal) Moves(c Compaction, size int, yield func([]Move) error) error {
	moves, err := j.moves(c)
	if err != nil {
		return err
	}
	for piece := range slices.Chunk(moves, size) {
		if err := yield(piece); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) moves(c Compaction) ([]Move, error) {
	j.blank.RLock()
	defer j.blank.RUnlock()
	before, err := j.offsets(c.From)
	if err != nil {
		return nil, err
	}
	after, err := j.offsets(c.To)
	if err != nil {
		return nil, err
	}
	var all []Move
	for _, p := range before {
		for len(after) > 0 && after[0].number < p.number {
			after = after[1:]
		}
		if len(after) > 0 && after[0].number == p.number {
			all = append(all, Move{diag.Locator{Segment: c.From, Offset: p.offset}, diag.Locator{Segment: c.To, Offset: after[0].offset}})
		}
	}
	return all, nil
}

func (j *Journal) offsets(id int64) ([]place, error) {
	s, ok := j.byID(id)
	if !ok {
		return nil, nil
	}
	list, err := j.places(&s)
	if err != nil {
		return nil, err
	}
	defer list.close()
	all := make([]place, list.count)
	for i := range all {
		if all[i], err = list.at(i); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Retire removes the file before a compaction. No locator may name it any more, durably.
func (j *Journal) Retire(c Compaction) error {
	j.blank.Lock()
	defer j.blank.Unlock()
	j.mu.Lock()
	i := slices.IndexFunc(j.old, func(s *segment) bool { return s.id() == c.From })
	if i < 0 {
		j.mu.Unlock()
		return nil
	}
	s := j.old[i]
	j.mu.Unlock()
	if err := j.removeFile(s); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.old = slices.Delete(j.old, i, i+1)
	delete(j.bySeg, s.id())
	return nil
}

// removeBegun removes what a compaction has left that failed: alone it would pass for a damaged segment.
func (j *Journal) removeBegun(s *segment) error {
	begun := newSegment(s.class, s.number, s.day, s.gen+1, j.o.Dir)
	f, err := j.o.FS.Open(begun.path, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	f.Close()
	return j.removeFile(begun)
}

func (j *Journal) removeFile(s *segment) error {
	if err := j.o.FS.Remove(s.path); err != nil {
		f, missing := j.o.FS.Open(s.path, false)
		if missing == nil {
			f.Close()
		}
		if !errors.Is(missing, fs.ErrNotExist) {
			return fmt.Errorf("remove %s: %w", s.path, err)
		}
	}
	j.counts.freed.Add(s.size())
	j.counts.syncs.Add(1)
	if err := j.o.FS.SyncDir(j.classDir(s.class)); err != nil {
		return j.fail(err)
	}
	return nil
}

// Drop removes a segment whole, with everything in it. It is false for one that must stay for now: an open one,
// one of which there are two generations, and the one with the last number, so that numbers never go back.
func (j *Journal) Drop(id int64) (bool, error) {
	j.compact.Lock()
	defer j.compact.Unlock()
	if err := j.pool.refusal(); err != nil {
		return false, err
	}
	j.blank.Lock()
	defer j.blank.Unlock()
	s, ok := j.byID(id)
	if !ok || s.state != sealed || !j.current(&s) || len(j.twins(&s)) > 0 || !j.outlived(&s) {
		return false, nil
	}
	if err := j.removeBegun(&s); err != nil {
		return false, err
	}
	if err := j.removeFile(&s); err != nil {
		return false, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.segments[s.class] = slices.DeleteFunc(slices.Clone(j.segments[s.class]), func(o *segment) bool { return o.number == s.number })
	delete(j.bySeg, id)
	j.blanks.Add(1)
	j.counts.dropped.Add(1)
	return true, nil
}

// outlived: another segment has a higher number of its own and a higher number in it.
func (j *Journal) outlived(s *segment) bool {
	j.mu.RLock()
	defer j.mu.RUnlock()
	number, last := false, false
	for _, list := range j.segments {
		for _, o := range list {
			number = number || o.number > s.number
			last = last || o.count > 0 && o.last > s.last
		}
	}
	return number && last
}
