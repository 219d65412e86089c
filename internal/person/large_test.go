package person_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"lifeboat/internal/blob"
	"lifeboat/internal/person"
)

// endless is a bucket of blobs that are made while they are read.
type endless struct {
	blob.Bucket
	names []string
	body  func(name string) (size int64, part func(offset int64) byte)
}

func (e *endless) List(ctx context.Context, prefix, startAfter string, fn func(blob.Info) error) error {
	for _, name := range e.names {
		if err := fn(blob.Info{Name: name}); err != nil {
			return err
		}
	}
	return nil
}

func (e *endless) String() string { return "endless" }

func (e *endless) Get(_ context.Context, name string, offset, length int64) (io.ReadCloser, blob.Info, error) {
	size, part := e.body(name)
	if size < 0 {
		return nil, blob.Info{}, &blob.Error{Op: "get", Name: name, Cause: blob.Absent}
	}
	end := size
	if length >= 0 {
		end = offset + length
	}
	return io.NopCloser(&making{part, offset, end}), blob.Info{Name: name, Size: size, ETag: "1"}, nil
}

type making struct {
	part    func(int64) byte
	at, end int64
}

func (m *making) Read(p []byte) (int, error) {
	n := min(int64(len(p)), m.end-m.at)
	if n == 0 {
		return 0, io.EOF
	}
	for i := range n {
		p[i] = m.part(m.at + i)
	}
	m.at += n
	return int(n), nil
}

// text is a body of fixed ends around a filling of any size.
func text(before string, fill int64, after string) (int64, func(int64) byte) {
	return int64(len(before)) + fill + int64(len(after)), func(i int64) byte {
		switch {
		case i < int64(len(before)):
			return before[i]
		case i < int64(len(before))+fill:
			return byte('a' + i%26)
		}
		return after[i-int64(len(before))-fill]
	}
}

// Not parallel: it looks at the memory of the process.
func TestHugeInConstantMemory(t *testing.T) {
	const size = 80 << 20
	attached := record(mine, "2", "ErrorAttachmentLog", `"Properties":"big"`)
	e := &endless{names: []string{logsName, "2017/12/09/04/04/logs.v1.data"}, body: func(name string) (int64, func(int64) byte) {
		switch name {
		case logsName:
			return text(array(record(mine, "1", "ErrorLog", `"Fill":"`))[:len(record(mine, "1", "ErrorLog", `"Fill":"`))], size, "\",\n \"Properties\":\"p\"},"+attached+"]")
		case "big":
			return text("", size, "")
		case "p":
			return text(`{}`, 0, "")
		}
		return text("[]", 0, "")
	}}
	o := request(t, e)
	peak := peakOf(func() {
		m, err := person.Copy(t.Context(), o)
		if err != nil || !m.Complete || m.Counts.Records != 2 || m.Counts.Attachments != 1 || m.Counts.Payloads != 1 {
			t.Errorf("%+v, %v", m, err)
		}
	})
	if peak > 40<<20 {
		t.Errorf("%d MB of memory", peak>>20)
	}
	files := unzip(t, o.File)
	lines := strings.Split(files["data/records.jsonl"], "\n")
	if len(lines) != 3 || len(lines[0]) < size || !strings.HasSuffix(lines[0], `","Properties":"p"}`) || lines[1] != attached || int64(len(files["attachments/0002-big"])) != size {
		t.Errorf("%d lines", len(lines))
	}
	if !strings.Contains(files["index.html"], "too many to show here") {
		t.Error("the page does not say that a record is too large for it")
	}
	folderIsEmpty(t, o, "copy.zip")
}

// peakOf runs f and returns the largest heap seen at its garbage collections.
func peakOf(f func()) uint64 {
	done, result := make(chan struct{}), make(chan uint64)
	go func() {
		var peak uint64
		for {
			var s runtime.MemStats
			runtime.ReadMemStats(&s)
			peak = max(peak, s.HeapInuse)
			select {
			case <-done:
				result <- peak
				return
			default:
				runtime.Gosched()
			}
		}
	}()
	f()
	close(done)
	return <-result
}

// A large record is read twice; it must be the same both times.
func TestLargeRecordThatChanges(t *testing.T) {
	t.Parallel()
	e := &endless{names: []string{logsName}, body: func(string) (int64, func(int64) byte) {
		return text(`[{"InstallId":"`+mine+`","Fill":"`, 2<<20, `"}]`)
	}}
	m, files := mustCopy(t, request(t, &changing{endless: e}))
	if m.Complete || m.Counts.Records != 0 || len(m.Source.Unreadable) != 1 || files["data/records.jsonl"] != "" {
		t.Errorf("%s", asJSON(t, m))
	}
}

type changing struct {
	*endless
	gets int
}

func (c *changing) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, blob.Info, error) {
	r, info, err := c.endless.Get(ctx, name, offset, length)
	c.gets++
	info.ETag = fmt.Sprint(c.gets)
	return r, info, err
}
