package journal

import (
	"fmt"

	"lifeboat/internal/diag"
)

// writer appends to the open segment of one class. Journal.commit protects it.
type writer struct {
	class Class
	seg   *segment // nil: none is open
	file  File

	// The segment as it will be when the commit at hand is durable; readers see segment's own.
	extent
	list []byte

	written int64  // bytes in the file
	buf     []byte // frames of the commit at hand
}

// keptCommit is the largest buffer that a writer keeps for the next commit.
const keptCommit = 256 << 10

// add puts a frame into the commit at hand. frame has room for the header in front.
func (w *writer) add(r *record, frame []byte) {
	offset, start := w.end, len(w.buf)
	w.buf = append(w.buf, frame...)
	r.put(w.buf[start:], w.seg.salt)
	w.extent.add(r, offset)
	w.list = w.appendListed(w.list, r, offset)
}

func (w *writer) write() error {
	if _, err := w.file.WriteAt(w.buf, w.written); err != nil {
		return fmt.Errorf("write %s: %w", w.seg.path, err)
	}
	w.written += int64(len(w.buf))
	if cap(w.buf) > keptCommit {
		w.buf = nil
	}
	w.buf = w.buf[:0]
	return nil
}

func (w *writer) close() error {
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	w.file, w.seg = nil, nil
	return err
}

// makeRoom sees to it that the class has an open segment of the day with room for size bytes. A segment
// without frames has room for anything.
func (j *Journal) makeRoom(w *writer, size int64, now diag.IngressTime) error {
	if w.seg != nil && w.full(size, j.o.SegmentSize, j.next) {
		if err := j.seal(w); err != nil {
			return err
		}
	}
	if w.seg != nil {
		return nil
	}
	seg := newSegment(w.class, j.nextSeg, dayOf(now), 0, j.o.Dir)
	j.nextSeg++
	if err := j.create(w, seg); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.segments[w.class] = append(j.segments[w.class], seg)
	j.bySeg[seg.id()] = seg
	return nil
}

func (w *writer) full(size, limit int64, next uint64) bool {
	return w.count > 0 && (w.end+size > limit || next-w.first > 1<<31)
}

// create makes the file of a segment. Its header is durable before any frame is written, so that a header
// that cannot be read is told from one that was never finished.
func (j *Journal) create(w *writer, seg *segment) error {
	seg.salt = j.saltOf(seg.class, seg.number)
	f, err := j.o.FS.Create(seg.path)
	if err != nil {
		return fmt.Errorf("create %s: %w", seg.path, err)
	}
	*w = writer{class: w.class, seg: seg, file: f, extent: seg.extent, buf: w.buf}
	return j.begin(w)
}

// begin writes the header of the writer's segment, which holds nothing yet.
func (j *Journal) begin(w *writer) error {
	h := segmentHeader{
		version: version, class: w.seg.class, lane: embeddedLane, number: w.seg.number, day: w.seg.day,
		dict: j.codec.dict, dictHash: j.codec.dictHash, salt: w.seg.salt,
	}
	if _, err := w.file.WriteAt(h.encode(), 0); err != nil {
		return fmt.Errorf("write %s: %w", w.seg.path, err)
	}
	if err := j.syncSegment(w); err != nil {
		return err
	}
	w.written = segmentHeaderSize
	dir := j.classDir(w.seg.class)
	j.counts.syncs.Add(1)
	if err := j.o.FS.SyncDir(dir); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// seal ends the writer's segment with a footer. It is durable before the next segment begins, so only the
// newest segment of a class can be without one.
func (j *Journal) seal(w *writer) error {
	seg := w.seg
	footer := w.footer(w.list, seg.salt)
	if _, err := w.file.WriteAt(footer, w.written); err != nil {
		return fmt.Errorf("write %s: %w", seg.path, err)
	}
	if err := j.syncSegment(w); err != nil {
		return err
	}
	_, listSum, _ := parseTrailer(footer[len(footer)-trailerSize:], w.written+int64(len(footer)), seg.salt)
	j.mu.Lock()
	seg.state, seg.list, seg.listSum = sealed, nil, listSum
	j.mu.Unlock()
	buf := w.buf
	err := w.close()
	*w = writer{class: w.class, buf: buf}
	if err != nil {
		return fmt.Errorf("close %s: %w", seg.path, err)
	}
	return nil
}

// sealBefore seals what is open from another day than the journal's.
func (j *Journal) sealBefore(day int64) error {
	for c := range j.writers {
		w := &j.writers[c]
		if w.seg == nil || w.seg.day == day {
			continue
		}
		if err := j.seal(w); err != nil {
			return err
		}
	}
	return nil
}
