package ingest_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lifeboat/internal/ingest"
	"lifeboat/internal/journal/journaltest"
)

// benchDay is within the acceptance window of all that journaltest makes.
var benchDay = time.UnixMilli(1_795_000_000_000).UTC().Add(24 * 24 * time.Hour)

const connections = 64

// BenchmarkCrash sends single-crash requests of about 7 KB over 64 connections, first to a handler that only
// reads the body, then to this one with a real journal. The clients run on the same machine and do as little
// as they can.
func BenchmarkCrash(b *testing.B) {
	logs, bodies := journaltest.NewLogs(21), make([][]byte, 500)
	for i := range bodies {
		bodies[i] = container(string(logs.Crash()))
	}
	benchmark(b, bodies, 1)
}

// BenchmarkEvents sends batches of 50 events.
func BenchmarkEvents(b *testing.B) {
	logs, bodies := journaltest.NewLogs(22), make([][]byte, 200)
	for i := range bodies {
		batch := make([]string, 50)
		for k := range batch {
			batch[k] = string(logs.Event())
		}
		bodies[i] = container(batch...)
	}
	benchmark(b, bodies, 50)
}

// BenchmarkEventsGzip sends the same as Android does.
func BenchmarkEventsGzip(b *testing.B) {
	logs, bodies := journaltest.NewLogs(22), make([][]byte, 200)
	for i := range bodies {
		batch := make([]string, 50)
		for k := range batch {
			batch[k] = string(logs.Event())
		}
		bodies[i] = gzipped(container(batch...))
	}
	benchmark(b, bodies, 50)
}

func benchmark(b *testing.B, bodies [][]byte, logs int) {
	b.Run("empty", func(b *testing.B) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Header()["Content-Type"] = []string{"application/json; charset=utf-8"}
			w.Write([]byte("{}"))
		}))
		defer server.Close()
		load(b, server, bodies, logs)
	})
	b.Run("ingest", func(b *testing.B) {
		w := newWorld(b, func(o *ingest.Options) {
			o.Clock = clock{Clock: journaltest.NewClock(benchDay)}
		})
		load(b, w.server, bodies, logs)
		b.StopTimer()
		if s := w.handler.Stats(); s.Statuses[200] != s.Requests || len(s.Dropped) != 0 {
			b.Errorf("%v, dropped %v", s.Statuses, s.Dropped)
		}
	})
}

// load sends b.N requests and reports their rate, the slowest of a hundred, and the processor time of server and
// client together, which tells more than the rate when the machine is shared.
func load(b *testing.B, server *httptest.Server, bodies [][]byte, logs int) {
	requests := make([][]byte, len(bodies))
	size := 0
	for i, body := range bodies {
		requests[i] = append(fmt.Appendf(nil, "POST /logs?api-version=1.0.0 HTTP/1.1\r\nHost: h\r\nApp-Secret: %s\r\nInstall-ID: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", secret, install, len(body)), body...)
		size += len(body)
	}
	var turn atomic.Int64
	times := make([][]time.Duration, connections)
	var wait sync.WaitGroup
	b.SetBytes(int64(size / len(bodies)))
	b.ResetTimer()
	used := processorTime()
	for c := range connections {
		wait.Go(func() {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			r := bufio.NewReader(conn)
			for {
				i := turn.Add(1) - 1
				if i >= int64(b.N) {
					return
				}
				start := time.Now()
				if _, err := conn.Write(requests[i%int64(len(requests))]); err != nil {
					b.Error(err)
					return
				}
				if err := skipAnswer(r); err != nil {
					b.Error(err)
					return
				}
				times[c] = append(times[c], time.Since(start))
			}
		})
	}
	wait.Wait()
	b.StopTimer()
	used = processorTime() - used
	all := slices.Sorted(slices.Values(slices.Concat(times...)))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	b.ReportMetric(float64(used)/float64(time.Microsecond)/float64(b.N), "cpu-µs/request")
	b.ReportMetric(float64(b.N*logs)/b.Elapsed().Seconds(), "logs/s")
	b.ReportMetric(float64(all[len(all)*99/100])/float64(time.Millisecond), "p99-ms")
}

// skipAnswer reads an answer of status 200 with a Content-Length.
func skipAnswer(r *bufio.Reader) error {
	length := 0
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
			return fmt.Errorf("answer %s", line)
		}
		if len(line) == 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	_, err := r.Discard(length)
	return err
}
