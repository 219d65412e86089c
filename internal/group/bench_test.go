package group_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/group"
	"lifeboat/internal/wire"
)

// BenchmarkDecide decides each error among the samples.
func BenchmarkDecide(b *testing.B) {
	for _, path := range samples(b) {
		for _, r := range sampleReports(b, path) {
			b.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(b *testing.B) { benchmark(b, &r) })
		}
	}
	b.Run("android of 25 threads", func(b *testing.B) {
		r := sampleReports(b, "testdata/samples/android-managed-crash.json")[0]
		frames := r.Stack.Exception.Frames
		for i := range 25 {
			r.Stack.Threads = append(r.Stack.Threads, diag.Thread{ID: int64(i), Platform: diag.PlatformAndroid, Frames: append(frames[:len(frames):len(frames)], frames...)})
		}
		benchmark(b, &r)
	})
	for _, n := range []int{1000, 4000} {
		b.Run(fmt.Sprintf("recursion of %d", n), func(b *testing.B) {
			r := sampleReports(b, "testdata/samples/android-managed-crash.json")[0]
			e := &r.Stack.Exception.Inner[0]
			for len(e.Frames) < n {
				e.Frames = append(e.Frames, e.Frames[0], e.Frames[1])
			}
			benchmark(b, &r)
		})
	}
}

// BenchmarkDecodeAndDecide is what the pipeline does with all samples in turn.
func BenchmarkDecodeAndDecide(b *testing.B) {
	var logs []diag.Log
	for _, path := range samples(b) {
		logs = append(logs, sampleLogs(b, path)...)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for _, l := range logs {
			r := wire.DecodeReport(l, install)
			group.Decide(&r, nil)
			n++
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "reports/s")
}

func benchmark(b *testing.B, r *diag.Report) {
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if v := group.Decide(r, nil); v.Title == "" {
			b.Fatal("no title")
		}
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "reports/s")
}
