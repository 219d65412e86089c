package export_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"lifeboat/internal/blob"
	"lifeboat/internal/blob/blobtest"
	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/journal/journaltest"
	"lifeboat/internal/store"
)

// fill sends a minute of so many logs, as devices do: events in requests of 50, crashes of about 7 KB, files
// of 10 KB at every fifth crash.
func (w *world) fill(events, crashes int) diag.Minute {
	w.Helper()
	logs := journaltest.NewLogs(7)
	for range events / 50 {
		w.appendFrame(journal.Logs, logs.EventsFrame(50))
	}
	for n := range crashes {
		w.appendFrame(journal.Error, logs.CrashFrame())
		if n%5 == 0 {
			w.send(errorLog("managedError", n, ""), attach(n, crashID(n)))
		}
	}
	m := diag.MinuteOf(w.journal.Now())
	w.index()
	return m
}

func (w *world) appendFrame(kind journal.FrameKind, payload []byte) {
	w.Helper()
	_, err := w.journal.Append(context.Background(), []journal.Frame{{Kind: kind, App: w.app.Num, Payload: payload}})
	w.must(err)
}

// signalling tells when an array is put: the analytics file is the last blob of a window.
type signalling struct {
	blob.Bucket
	put chan string
}

func (s *signalling) Put(ctx context.Context, name string, body []byte, o blob.PutOptions) (string, error) {
	etag, err := s.Bucket.Put(ctx, name, body, o)
	if o.Metadata["part"] != "" && err == nil {
		s.put <- name
	}
	return etag, err
}

// A minute of 59,000 events, 1,000 crashes and 200 attachments, rendered and put into memory.
func BenchmarkMinute(b *testing.B) {
	w := newWorld(b)
	if left := diag.MinuteOf(w.journal.Now()).End() - w.journal.Now(); left < 50_000 {
		w.clock.Step(time.Duration(left+1) * time.Millisecond)
	}
	from := w.fill(59_000, 800)
	if to := diag.MinuteOf(w.journal.Now()); to != from {
		from = to - 1
	}
	w.clock.Step(time.Minute)
	b.ReportAllocs()
	var once sync.Once
	for b.Loop() {
		var memory blobtest.Memory
		bucket := &signalling{&memory, make(chan string, 100)}
		e := w.configureAs(store.Export{From: from}, bucket)
		w.start()
		for name := range bucket.put {
			if name[len(name)-len("mm/logs.v1.data"):][2:] == "/logs.v1.data" {
				break
			}
		}
		w.halt()
		w.must(w.store.DeleteExport(context.Background(), w.app.Num, e.ID))
		once.Do(func() {
			all := contents(b, &memory)
			size := 0
			for _, body := range all {
				size += len(body)
			}
			b.Logf("%d blobs, %d MB", len(all), size>>20)
			b.SetBytes(int64(size))
		})
	}
}
