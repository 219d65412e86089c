package person_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"lifeboat/internal/blob"
	"lifeboat/internal/person"
)

// endless is a bucket of blobs that are made while they are read.
type endless struct {
	blob.Bucket
	names []string
	body  func(name string) filled
	look  func() // called for every megabyte that is read; may be nil
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
	body := e.body(name)
	end := body.size()
	if length >= 0 {
		end = offset + length
	}
	return io.NopCloser(&making{body, offset, end, e.look}), blob.Info{Name: name, Size: body.size(), ETag: "1"}, nil
}

// filled is a body of fixed ends around a filling of any size.
type filled struct {
	before string
	fill   int64
	after  string
}

func (f filled) size() int64 { return int64(len(f.before)) + f.fill + int64(len(f.after)) }

// filling is no text that shrinks to nothing when compressed.
var filling = func() string {
	var b strings.Builder
	for i := range 30_000 {
		fmt.Fprintf(&b, "%x ", i*i*31>>3)
	}
	return b.String()
}()

func (f filled) from(at int64) string {
	if at < int64(len(f.before)) {
		return f.before[at:]
	}
	if at -= int64(len(f.before)); at < f.fill {
		part := filling[at%int64(len(filling)):]
		return part[:min(int64(len(part)), f.fill-at)]
	}
	return f.after[at-f.fill:]
}

type making struct {
	filled
	at, end int64
	look    func()
}

func (m *making) Read(p []byte) (int, error) {
	if m.at == m.end {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), m.end-m.at)], m.from(m.at))
	if m.look != nil && m.at>>20 != (m.at+int64(n))>>20 {
		m.look()
	}
	m.at += int64(n)
	return n, nil
}

// Not parallel: it looks at the memory of the process.
func TestHugeInConstantMemory(t *testing.T) {
	const size = 10 << 20
	attached := record(mine, "2", "ErrorAttachmentLog", `"Properties":"big"`)
	e := &endless{names: []string{logsName, "2017/12/09/04/04/logs.v1.data"}, body: func(name string) filled {
		switch name {
		case logsName:
			return filled{`[{"InstallId":"` + mine + `","MessageType":"ErrorLog","Fill":"`, size, "\",\n \"Properties\":\"p\"}," + attached + "]"}
		case "big":
			return filled{fill: size}
		case "p":
			return filled{before: "{}"}
		}
		return filled{before: "[]"}
	}}
	o := request(t, e)
	var mu sync.Mutex
	var peak, before runtime.MemStats
	e.look = func() {
		mu.Lock()
		defer mu.Unlock()
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		if now.HeapInuse > peak.HeapInuse {
			peak = now
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&before)
	m, err := person.Copy(t.Context(), o)
	if err != nil || !m.Complete || m.Counts.Records != 2 || m.Counts.Attachments != 1 || m.Counts.Payloads != 1 {
		t.Errorf("%+v, %v", m, err)
	}
	if peak := peak.HeapInuse - before.HeapInuse; peak == 0 || peak > 8<<20 {
		t.Errorf("%d MB of memory more than before", peak>>20)
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

// A large record is read twice; it must be the same both times.
func TestLargeRecordThatChanges(t *testing.T) {
	t.Parallel()
	e := &endless{names: []string{logsName}, body: func(string) filled { return filled{`[{"InstallId":"` + mine + `","Fill":"`, 2 << 20, `"}]`} }}
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
