package ingest

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// source reads a body off the wire and gives it no more time than its pace allows. The time is the machine's:
// it is for the network's deadlines.
type source struct {
	body    io.Reader
	control *http.ResponseController
	pace    Pace
	start   time.Time
	until   time.Duration // deadline, counted from start; 0 before the first read
	n       int64         // bytes read
	err     error         // why the wire gave no more, nil at the body's end
}

func (s *source) Read(p []byte) (int, error) {
	s.extend()
	n, err := s.body.Read(p)
	s.n += int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// extend moves the deadline as far as the bytes so far have earned. It is set anew only when it is worth it.
func (s *source) extend() {
	earned := s.pace.Grace + time.Duration(s.n/s.pace.Rate)*time.Second
	if earned = min(earned, s.pace.Longest); earned-s.until < time.Second && s.until > 0 {
		return
	}
	if s.until == 0 {
		s.start = time.Now()
	}
	s.until = earned
	// A writer without deadlines (a recorder) has no network that could be slow.
	_ = s.control.SetReadDeadline(s.start.Add(earned))
}

// drain reads what is left of the body, as far as it is worth it, so that the answer is not lost in a reset of
// the connection. A client that waits for "100 Continue" is told the answer at once.
func (q *request) drain() {
	if q.r.ContentLength == 0 || q.r.Header.Get("Expect") != "" {
		return
	}
	room := q.h.buffers.get(smallBuffer)
	for room = room[:cap(room)]; q.source.n < q.h.o.MaxBody; {
		if _, err := q.source.Read(room); err != nil {
			break
		}
	}
	q.h.buffers.put(room)
}

// read fills q.body with the inflated body.
func (q *request) read() outcome {
	if q.r.ContentLength > q.h.o.MaxBody {
		return tooLarge
	}
	q.wire.Reset(&q.source)
	out := q.readFrom(q.inflate())
	if q.source.err != nil { // whatever that made of the body
		return broken(q.source.err)
	}
	return out
}

func broken(err error) outcome {
	if large := new(http.MaxBytesError); errors.As(err, &large) {
		return tooLarge
	}
	return incomplete
}

// inflate finds out by the first bytes how the body is compressed, because some clients do not say and others
// say it wrongly. JSON begins like none of these. It returns nil for a body that is not what its header says.
func (q *request) inflate() io.Reader {
	head, _ := q.wire.Peek(2)
	switch {
	case len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b: // RFC 1952
		return q.gunzip()
	case declaresGzip(q.r.Header.Get("Content-Encoding")):
		return nil
	case len(head) == 2 && head[0]&0x0f == 8 && head[0] < 0x80 && (int(head[0])<<8|int(head[1]))%31 == 0: // RFC 1950
		z, err := zlib.NewReader(q.wire)
		if err != nil {
			return nil
		}
		return z
	}
	q.plain = true
	return q.wire
}

func declaresGzip(encoding string) bool {
	encoding = strings.TrimSpace(encoding)
	return strings.EqualFold(encoding, "gzip") || strings.EqualFold(encoding, "x-gzip")
}

func (q *request) gunzip() io.Reader {
	if q.gzip == nil {
		q.gzip = new(gzip.Reader)
	}
	if q.gzip.Reset(q.wire) != nil {
		return nil
	}
	return q.gzip
}

// readFrom reads everything. The buffer grows with what has arrived, not with what was announced.
func (q *request) readFrom(in io.Reader) outcome {
	if in == nil {
		return notContainer
	}
	if !q.memory(smallBuffer) {
		return overloaded
	}
	q.body = q.h.buffers.get(smallBuffer)
	for {
		if len(q.body) == cap(q.body) {
			if out := q.grow(); out != accepted {
				return out
			}
		}
		n, err := in.Read(q.body[len(q.body):cap(q.body)])
		q.body = q.body[:len(q.body)+n]
		switch {
		case q.skipped+int64(len(q.body)) > q.h.o.MaxBody:
			return tooLarge
		case err == io.EOF && q.hopeless:
			return notContainer
		case err == io.EOF:
			return accepted
		case err != nil:
			return notContainer
		}
	}
}

// grow makes room in a full buffer. What stands before a JSON object is not kept, nor is a body that is none:
// it is only measured.
func (q *request) grow() outcome {
	text := bytes.TrimLeft(q.body, " \t\r\n")
	if q.skipped == 0 {
		text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	}
	q.hopeless = q.hopeless || len(text) > 0 && text[0] != '{'
	if q.hopeless || len(text) == 0 {
		q.skipped += int64(len(q.body))
		q.body = q.body[:0]
		return accepted
	}
	size := 4 * cap(q.body)
	if size > largeBuffer {
		size = max(largeBuffer, 2*cap(q.body))
	}
	size = min(size, int(q.h.o.MaxBody)+1)
	if announced := q.r.ContentLength + 1; q.plain && announced > int64(cap(q.body)) {
		size = min(size, int(announced))
	}
	size = bufferSize(size)
	if !q.memory(int64(size)) {
		return overloaded
	}
	old := q.body
	q.body = append(q.h.buffers.get(size), old...)
	q.h.buffers.put(old)
	q.release(int64(cap(old)))
	return accepted
}
