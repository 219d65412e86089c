package journal

import (
	"context"
	"encoding/binary"
	"fmt"

	"lifeboat/internal/diag"
)

// Blank takes a frame's content out of the files for good. Every other locator stays valid. It is no error
// if the frame is blank already. A crash at any step leaves the frame whole or lets the next Open finish.
//
// It makes two syncs for each frame.
func (j *Journal) Blank(ctx context.Context, l diag.Locator) error {
	l.Member = 0
	if err := j.pool.refusal(); err != nil {
		return err
	}
	s, ok := j.segment(l)
	if !ok {
		return diag.Errorf(diag.NotFound, "The journal holds no such log.")
	}
	j.blank.Lock()
	defer j.blank.Unlock()
	f, err := j.o.FS.Open(s.path, true)
	if err != nil {
		return err
	}
	defer f.Close()
	r, _, err := readFrame(f, &s, l.Offset)
	if err != nil {
		return fmt.Errorf("read %s at %d: %w", s.path, l.Offset, err)
	}
	if r.blanked {
		return nil
	}
	if r.Number == 0 {
		j.damage.note(j.o.Log, &s, l.Offset, r.length)
		return diag.Wrap(diag.Internal, ErrDamaged, "The log cannot be erased alone: the server's disk has damaged it.")
	}
	return j.blankFrame(ctx, f, &s, l, &r)
}

func (j *Journal) blankFrame(ctx context.Context, f File, s *segment, l diag.Locator, r *record) error {
	if err := j.o.Register.PutBlankIntent(ctx, l); err != nil {
		return diag.Wrap(diag.Internal, err, "The journal could not note what to erase.")
	}
	if err := j.overwrite(f, s, l.Offset, r); err != nil {
		return j.fail(err)
	}
	j.blanks.Add(1)
	j.counts.blanked.Add(1)
	if err := j.o.Register.DropBlankIntent(ctx, l); err != nil {
		return diag.Wrap(diag.Internal, err, "The journal could not note what it erased.")
	}
	return nil
}

// overwrite blanks a frame. Its length is durable in the blank header before the frame's own header goes,
// so a crash between never leaves a frame whose end nobody knows.
func (j *Journal) overwrite(f File, s *segment, offset int64, r *record) error {
	var head [blankSize]byte
	putBlank(head[:], r, s.salt)
	if _, err := f.WriteAt(head[:skipSize], offset); err != nil {
		return fmt.Errorf("blank %s at %d: %w", s.path, offset, err)
	}
	if err := j.sync(f); err != nil {
		return fmt.Errorf("sync %s: %w", s.path, err)
	}
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
	if err := j.sync(f); err != nil {
		return fmt.Errorf("sync %s: %w", s.path, err)
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
	if err := j.overwrite(f, s, l.Offset, &r); err != nil {
		return false, err
	}
	j.counts.blanked.Add(1)
	return true, nil
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
