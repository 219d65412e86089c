package journal

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/cespare/xxhash/v2"

	"lifeboat/internal/diag"
)

const (
	chunkSize = 128 << 10 // read at a time
	keptSize  = 512 << 10 // a buffer that had to grow beyond this is not kept
)

// walker reads the frames of one segment one after the other and steps over damage. Nothing in the file can
// make it hold more than one frame.
type walker struct {
	file io.ReaderAt
	salt uint64
	at   int64 // offset of the next frame
	end  int64 // where to stop

	// Numbers rise and times do not fall: a frame that breaks this is damage.
	last     uint64
	lastTime diag.IngressTime

	// damaged is called for bytes that are no frame and have a whole frame behind them, or the end if
	// nothing is torn there.
	damaged func(offset, length int64)
	torn    bool // bytes behind the last whole frame are a torn tail: at stays there, damaged is not called

	buf  []byte // file[base : base+len(buf)]
	base int64
}

// next returns the next whole frame, blanked or not, its offset and its zstd frame, which is valid until the
// following call. io.EOF means that there is none; other errors are those of reading.
func (w *walker) next() (r record, offset int64, stored []byte, err error) {
	r, stored, ok, err := w.frameAt(w.at)
	if err != nil {
		return r, 0, nil, err
	}
	offset = w.at
	if !ok {
		if w.at >= w.end {
			return r, 0, nil, io.EOF
		}
		if offset, err = w.resync(w.at + 1); err != nil {
			return r, 0, nil, err
		}
		if offset == w.end && w.torn {
			return r, 0, nil, io.EOF
		}
		w.damaged(w.at, offset-w.at)
		w.at = offset
		if r, stored, ok, err = w.frameAt(offset); err != nil {
			return r, 0, nil, err
		}
		if !ok {
			return r, 0, nil, io.EOF
		}
	}
	w.at += r.length
	w.last, w.lastTime = r.Number, r.Time
	return r, offset, stored, nil
}

// frameAt reads the frame at offset. ok is false if no whole frame in order begins there.
func (w *walker) frameAt(offset int64) (r record, stored []byte, ok bool, err error) {
	b, err := w.view(offset, headerSize)
	if err != nil {
		return r, nil, false, err
	}
	r, ok = parseRecord(b, w.salt)
	if !ok || offset+r.length > w.end || r.Number <= w.last || r.Time < w.lastTime {
		return r, nil, false, nil
	}
	if r.blanked {
		return r, nil, true, nil
	}
	b, err = w.view(offset, r.length)
	if err != nil || int64(len(b)) < r.length {
		return r, nil, false, err
	}
	stored = b[headerSize:]
	return r, stored, xxhash.Sum64(stored) == r.sum, nil
}

// resync finds the first whole frame at or behind offset, or the end.
func (w *walker) resync(offset int64) (int64, error) {
	var frame, blank [4]byte
	binary.LittleEndian.PutUint32(frame[:], magicFrame)
	binary.LittleEndian.PutUint32(blank[:], magicBlank)
	for offset < w.end {
		b, err := w.view(offset, chunkSize)
		if err != nil {
			return 0, err
		}
		if len(b) == 0 {
			break // the file is shorter than it should be
		}
		found := nearest(bytes.Index(b, frame[:]), bytes.Index(b, blank[:]))
		if found < 0 {
			offset += int64(max(1, len(b)-3)) // a magic number may stand across the edge
			continue
		}
		offset += int64(found)
		if _, _, ok, err := w.frameAt(offset); ok || err != nil {
			return offset, err
		}
		offset++
	}
	return w.end, nil
}

// nearest is the smaller of two results of bytes.Index, -1 if both are.
func nearest(a, b int) int {
	if a < 0 || (b >= 0 && b < a) {
		return b
	}
	return a
}

// view returns n bytes of the file at offset, fewer only at the end. They are valid until the next call.
func (w *walker) view(offset, n int64) ([]byte, error) {
	n = min(n, w.end-offset)
	if n <= 0 {
		return nil, nil
	}
	if from := offset - w.base; from >= 0 && from+n <= int64(len(w.buf)) {
		return w.buf[from : from+n], nil
	}
	size := min(max(n, chunkSize), w.end-offset)
	if int64(cap(w.buf)) < size || (cap(w.buf) > keptSize && size <= chunkSize) {
		w.buf = make([]byte, max(size, min(2*int64(cap(w.buf)), chunkSize)))
	}
	w.buf, w.base = w.buf[:size], offset
	got, err := w.file.ReadAt(w.buf, offset)
	w.buf = w.buf[:got]
	if err == io.EOF {
		err = nil
	}
	if err != nil {
		w.buf = w.buf[:0]
		return nil, err
	}
	return w.buf[:min(n, int64(got))], nil
}

// forget drops what was read ahead, and the order of frames with it, since the walker may begin again at a
// frame that it has passed.
func (w *walker) forget() { w.buf, w.last, w.lastTime = nil, 0, 0 }
