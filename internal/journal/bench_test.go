package journal_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/journal/journaltest"
)

func openReal(b testing.TB, dir string) *journal.Journal {
	b.Helper()
	j, err := journal.Open(context.Background(), journal.Options{
		Dir: dir, Clock: diag.SystemClock{}, Register: new(journaltest.Register), OnFatal: func(err error) { b.Error(err) },
	})
	if err != nil {
		b.Fatal(err)
	}
	return j
}

// benchmarkAppend has 64 clients append one frame after the other on a real disk.
func benchmarkAppend(b *testing.B, kind journal.FrameKind, payloads [][]byte) {
	j := openReal(b, b.TempDir())
	defer j.Close()
	var turn atomic.Int64
	var wait sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for range 64 {
		wait.Go(func() {
			for {
				i := turn.Add(1) - 1
				if i >= int64(b.N) {
					return
				}
				frames := [1]journal.Frame{{Kind: kind, App: 1, Install: "0b5c7a52-2d1e-4e0f-8c37-55d6cf2c9b10", Payload: payloads[i%int64(len(payloads))]}}
				if _, err := j.Append(context.Background(), frames[:]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	b.StopTimer()
	s := j.Stats()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	b.ReportMetric(float64(s.Bytes)/float64(s.Frames), "B/frame")
	b.ReportMetric(float64(s.Frames)/float64(s.Commits), "frames/commit")
}

func BenchmarkAppendCrash(b *testing.B) {
	logs, payloads := journaltest.NewLogs(11), make([][]byte, 500)
	for i := range payloads {
		payloads[i] = logs.CrashFrame()
	}
	benchmarkAppend(b, journal.Error, payloads)
}

func BenchmarkAppend50Events(b *testing.B) {
	logs, payloads := journaltest.NewLogs(12), make([][]byte, 200)
	for i := range payloads {
		payloads[i] = logs.EventsFrame(50)
	}
	benchmarkAppend(b, journal.Logs, payloads)
	b.ReportMetric(50*float64(b.N)/b.Elapsed().Seconds(), "logs/s")
}

// million fills a folder with frames of one event each.
func million(b testing.TB, dir string, frames int) {
	b.Helper()
	logs := journaltest.NewLogs(13)
	j := openReal(b, dir)
	batch := make([]journal.Frame, 1000)
	for i := range batch {
		batch[i] = journal.Frame{Kind: journal.Logs, App: 1, Payload: logs.EventsFrame(1)}
		if i%4 == 0 {
			batch[i].Kind = journal.Error
		}
	}
	for range frames / len(batch) {
		if _, err := j.Append(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkOpenMillion(b *testing.B) {
	dir := b.TempDir()
	million(b, dir, 1_000_000)
	for b.Loop() {
		j := openReal(b, dir)
		if j.Horizon() != 1_000_000 {
			b.Fatalf("horizon %d", j.Horizon())
		}
		j.Close()
	}
}

func BenchmarkFollow(b *testing.B) {
	dir := b.TempDir()
	million(b, dir, 300_000)
	j := openReal(b, dir)
	defer j.Close()
	b.ReportAllocs()
	read := 0
	for b.Loop() {
		f := j.Follow(0)
		for {
			some, err := f.Next(1000, 1<<20)
			if err != nil {
				b.Fatal(err)
			}
			if len(some) == 0 {
				break
			}
			read += len(some)
		}
		f.Close()
	}
	b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "frames/s")
}

func BenchmarkPayload(b *testing.B) {
	j := openReal(b, b.TempDir())
	defer j.Close()
	if _, err := j.Append(context.Background(), []journal.Frame{{Kind: journal.Error, Payload: journaltest.NewLogs(14).CrashFrame()}}); err != nil {
		b.Fatal(err)
	}
	e := all(b, j, 0)[0]
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = e.Payload(buf[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	million(b, dir, 20_000)
	j := openReal(b, dir)
	defer j.Close()
	l := all(b, j, 10_000)[0].Locator
	b.ReportAllocs()
	for b.Loop() {
		if _, err := j.Read(l); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNextTime(b *testing.B) {
	dir := b.TempDir()
	million(b, dir, 300_000)
	j := openReal(b, dir)
	defer j.Close()
	n := uint64(0)
	for b.Loop() {
		n = (n*31 + 7) % 300_000
		if _, _, err := j.NextTime(n); err != nil {
			b.Fatal(err)
		}
	}
}
