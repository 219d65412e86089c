package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"lifeboat/internal/diag"
)

// blankAtOnce bounds how many frames are blanked while readers wait.
const blankAtOnce = 256

// Blank takes frames' content out of the files for good. Every other locator stays valid. It is no error if a
// frame is blank already. A crash at any step leaves a frame whole or lets the next Open finish.
//
// It makes two syncs for each segment that the frames are in.
func (j *Journal) Blank(ctx context.Context, locators ...diag.Locator) error {
	for piece := range slices.Chunk(locators, blankAtOnce) {
		if err := j.blankPiece(ctx, piece); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) blankPiece(ctx context.Context, locators []diag.Locator) error {
	if err := j.pool.refusal(); err != nil {
		return err
	}
	j.blank.Lock()
	defer j.blank.Unlock()
	var b blanking
	defer b.close()
	for _, l := range locators {
		l.Member = 0
		s, ok := j.segment(l)
		if !ok {
			return diag.Errorf(diag.NotFound, "The journal holds no such log.")
		}
		if err := j.aim(&b, &s, l.Offset); err != nil {
			return err
		}
	}
	return j.blankAll(ctx, &b)
}

// BlankNumbers is Blank for frames that are known by number. blanked counts those that had content till now,
// damaged those whose place does not tell any more what is there. Numbers that no frame has are passed over.
func (j *Journal) BlankNumbers(ctx context.Context, c Class, numbers []uint64) (blanked, damaged int, err error) {
	for piece := range slices.Chunk(numbers, blankAtOnce) {
		b, d, err := j.blankNumbers(ctx, c, piece)
		if blanked, damaged = blanked+b, damaged+d; err != nil {
			return blanked, damaged, err
		}
	}
	return blanked, damaged, nil
}

func (j *Journal) blankNumbers(ctx context.Context, c Class, numbers []uint64) (blanked, damaged int, err error) {
	if err := j.pool.refusal(); err != nil {
		return 0, 0, err
	}
	j.blank.Lock()
	defer j.blank.Unlock()
	var b blanking
	defer b.close()
	for _, n := range numbers {
		s, offset, ok, err := j.find(c, n)
		if err != nil {
			return 0, 0, err
		}
		if !ok {
			continue
		}
		before := len(b.targets)
		if err := j.aim(&b, &s, offset); errors.Is(err, ErrDamaged) {
			damaged++
		} else if err != nil {
			return 0, 0, err
		}
		if len(b.targets) > before {
			blanked++
		}
	}
	return blanked, damaged, j.blankAll(ctx, &b)
}

// find is the place of a frame. j.blank must be held.
func (j *Journal) find(c Class, number uint64) (s segment, offset int64, ok bool, err error) {
	if s, ok = j.firstSegment(c, number-1); !ok {
		return s, 0, false, nil
	}
	p, err := j.placeAfter(&s, number-1)
	return s, p.offset, p.number == number && p.offset < s.end, err
}

// blanking is some frames that are to be blanked together.
type blanking struct {
	targets []target
	files   map[int64]*blankFile // by id of segment
}

type blankFile struct {
	File
	seg segment
}

type target struct {
	at     diag.Locator
	record record
	file   *blankFile
}

func (b *blanking) close() {
	for _, f := range b.files {
		f.Close()
	}
}

func (b *blanking) open(j *Journal, s *segment) (*blankFile, error) {
	if f := b.files[s.id()]; f != nil {
		return f, nil
	}
	f, err := j.o.FS.Open(s.path, true)
	if err != nil {
		return nil, err
	}
	if b.files == nil {
		b.files = map[int64]*blankFile{}
	}
	b.files[s.id()] = &blankFile{f, *s}
	return b.files[s.id()], nil
}

// aim adds a frame that is not blank yet, and what it was in the segment's other generation.
func (j *Journal) aim(b *blanking, s *segment, offset int64) error {
	r, err := j.aimAt(b, s, offset)
	if err != nil || r.blanked {
		return err
	}
	for _, twin := range j.twins(s) {
		if r.Number < twin.first || r.Number > twin.last {
			continue
		}
		p, err := j.placeAfter(&twin, r.Number-1)
		if err != nil {
			return err
		}
		if p.number != r.Number {
			continue
		}
		if _, err := j.aimAt(b, &twin, p.offset); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) aimAt(b *blanking, s *segment, offset int64) (record, error) {
	f, err := b.open(j, s)
	if err != nil {
		return record{}, err
	}
	r, ok, err := readHead(f, s, offset)
	if err != nil {
		return r, err
	}
	if !ok {
		j.damage.note(j.o.Log, s, offset, headerSize)
		return r, diag.Wrap(diag.Internal, ErrDamaged, "The log cannot be erased alone: the server's disk has damaged it.")
	}
	at := diag.Locator{Segment: s.id(), Offset: offset}
	if r.blanked || slices.ContainsFunc(b.targets, func(t target) bool { return t.at == at }) {
		return r, nil
	}
	b.targets = append(b.targets, target{at, r, f})
	return r, nil
}

// readHead reads the header of a frame, blank or not.
func readHead(f File, s *segment, offset int64) (r record, ok bool, err error) {
	var head [headerSize]byte
	if err := readFull(f, head[:], offset); err != nil {
		return r, false, fmt.Errorf("read %s at %d: %w", s.path, offset, err)
	}
	r, ok = parseRecord(head[:], s.salt)
	return r, ok && r.length <= s.end-offset, nil
}

// twins are the other generations of a segment whose files are still there.
func (j *Journal) twins(s *segment) (all []segment) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	for gen := range s.gen + 2 {
		if other := j.bySeg[s.number|int64(gen)<<genShift]; gen != s.gen && other != nil {
			all = append(all, *other)
		}
	}
	return all
}

func (j *Journal) blankAll(ctx context.Context, b *blanking) error {
	if len(b.targets) == 0 {
		return nil
	}
	intents := make([]diag.Locator, len(b.targets))
	for i := range b.targets {
		intents[i] = b.targets[i].at
	}
	if err := j.o.Register.PutBlankIntent(ctx, intents...); err != nil {
		return diag.Wrap(diag.Internal, err, "The journal could not note what to erase.")
	}
	for id, f := range b.files {
		var mine []target
		for _, t := range b.targets {
			if t.at.Segment == id {
				mine = append(mine, t)
			}
		}
		if len(mine) == 0 {
			continue
		}
		if err := j.overwrite(f.File, &f.seg, mine); err != nil {
			return j.fail(err)
		}
	}
	j.blanks.Add(1)
	j.counts.blanked.Add(int64(len(b.targets)))
	j.noteBlanks(b)
	if err := j.o.Register.DropBlankIntent(ctx, intents...); err != nil {
		return diag.Wrap(diag.Internal, err, "The journal could not note what it erased.")
	}
	return nil
}

// overwrite blanks frames of one file. Their lengths are durable in the blank headers before the frames' own
// headers go, so a crash between never leaves a frame whose end nobody knows.
func (j *Journal) overwrite(f File, s *segment, all []target) error {
	for i := range all {
		var head [blankSize]byte
		putBlank(head[:], &all[i].record, s.salt)
		if _, err := f.WriteAt(head[:skipSize], all[i].at.Offset); err != nil {
			return fmt.Errorf("blank %s at %d: %w", s.path, all[i].at.Offset, err)
		}
	}
	if err := j.sync(f); err != nil {
		return fmt.Errorf("sync %s: %w", s.path, err)
	}
	for i := range all {
		if err := zero(f, s, all[i].at.Offset, &all[i].record); err != nil {
			return err
		}
	}
	if err := j.sync(f); err != nil {
		return fmt.Errorf("sync %s: %w", s.path, err)
	}
	return nil
}

// zero writes the rest of a blank frame.
func zero(f File, s *segment, offset int64, r *record) error {
	var head [blankSize]byte
	putBlank(head[:], r, s.salt)
	if _, err := f.WriteAt(head[skipSize:], offset+skipSize); err != nil {
		return fmt.Errorf("blank %s at %d: %w", s.path, offset, err)
	}
	zeros := make([]byte, min(r.length-blankSize, chunkSize))
	for at := offset + blankSize; at < offset+r.length; {
		n := min(int64(len(zeros)), offset+r.length-at)
		if _, err := f.WriteAt(zeros[:n], at); err != nil {
			return fmt.Errorf("blank %s at %d: %w", s.path, at, err)
		}
		at += n
	}
	return nil
}

// redoBlanks finishes what a crash has interrupted.
func (j *Journal) redoBlanks(ctx context.Context) error {
	intents, err := j.o.Register.BlankIntents(ctx)
	if err != nil {
		return fmt.Errorf("journal: blank intents: %w", err)
	}
	for _, l := range intents {
		done, err := j.redoBlank(l)
		if err != nil {
			return err
		}
		if !done {
			j.o.Log.Error("journal cannot finish erasing a log: its place is damaged",
				"segment", l.Segment, "offset", l.Offset)
			continue
		}
		if err := j.o.Register.DropBlankIntent(ctx, l); err != nil {
			return fmt.Errorf("journal: drop blank intent: %w", err)
		}
	}
	return nil
}

// redoBlank blanks one frame again. done is false if nothing at its place tells how long it is. A segment
// that is gone took the frame along.
func (j *Journal) redoBlank(l diag.Locator) (done bool, err error) {
	s := j.bySeg[l.Segment]
	if s == nil {
		return true, nil
	}
	f, err := j.o.FS.Open(s.path, true)
	if err != nil {
		return false, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return false, err
	}
	var b [headerSize]byte
	if l.Offset < segmentHeaderSize || l.Offset > size-headerSize {
		return false, nil
	}
	if err := readFull(f, b[:], l.Offset); err != nil {
		return false, fmt.Errorf("read %s at %d: %w", s.path, l.Offset, err)
	}
	r, ok := parseHalfBlank(b[:], s.salt)
	if !ok || r.length > size-l.Offset {
		return false, nil
	}
	if err := j.overwrite(f, s, []target{{at: l, record: r}}); err != nil {
		return false, err
	}
	j.counts.blanked.Add(1)
	return true, j.redoTwins(s, r.Number)
}

// redoTwins blanks a frame in the segment's other generations: the intent may be from before there were any.
func (j *Journal) redoTwins(s *segment, number uint64) error {
	var b blanking
	defer b.close()
	for _, twin := range j.twins(s) {
		if twin.state != sealed || number < twin.first || number > twin.last {
			continue
		}
		p, err := j.placeAfter(&twin, number-1)
		if err != nil {
			return err
		}
		if p.number != number {
			continue
		}
		f, err := b.open(j, &twin)
		if err != nil {
			return err
		}
		r, ok, err := readHead(f, &twin, p.offset)
		if err != nil {
			return err
		}
		if !ok || r.blanked {
			continue // half blank: then it has an intent of its own
		}
		if err := j.overwrite(f.File, &twin, []target{{at: diag.Locator{Segment: twin.id(), Offset: p.offset}, record: r}}); err != nil {
			return err
		}
	}
	return nil
}

// parseHalfBlank reads the header of a frame at any point of overwrite. Until the blank header is durable
// only the first 8 bytes can differ from the frame's own, and those are the same for all frames; afterwards
// they tell the length, and number and time behind them are as they were.
func parseHalfBlank(b []byte, salt uint64) (record, bool) {
	le := binary.LittleEndian
	var whole [headerSize]byte
	copy(whole[:], b)
	le.PutUint32(whole[:], magicFrame)
	le.PutUint32(whole[4:], headerSize-skipSize)
	if r, ok := parseFrame(whole[:], salt); ok {
		return r, true
	}
	putSum := whole
	copy(putSum[:skipSize], b)
	r := record{length: skipSize + int64(le.Uint32(b[4:]))}
	r.Number, r.Time = le.Uint64(b[8:]), diag.IngressTime(le.Uint64(b[16:]))
	putBlank(putSum[:], &r, salt)
	_, ok := parseBlank(putSum[:], salt)
	return r, ok && le.Uint32(b) == magicBlank
}
