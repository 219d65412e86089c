package archive_test

import (
	"bytes"
	"testing"

	"lifeboat/internal/archive"
	"lifeboat/internal/archive/archivetest"
	"lifeboat/internal/diag"
)

// BenchmarkScan reads arrays of about 64 MB in all, looking for a person with a few records among many.
func BenchmarkScan(b *testing.B) {
	g := archivetest.New(42, 50_000)
	for _, c := range []struct {
		name string
		make func(diag.Minute, int) []byte
	}{{"logs", g.Logs}, {"crashes", g.Crashes}} {
		var blobs [][]byte
		for m := range diag.Minute(64) {
			blobs = append(blobs, c.make(29_000_000+m, 1<<20))
		}
		b.Run(c.name, func(b *testing.B) { scanAll(b, blobs, g.Install(2000)) })
		b.Run(c.name+"/heavy install", func(b *testing.B) { scanAll(b, blobs, g.Install(0)) })
	}
}

func scanAll(b *testing.B, blobs [][]byte, install diag.InstallID) {
	s := archive.NewScanner(archive.NewInstalls(install))
	size, found := int64(0), int64(0)
	for b.Loop() {
		size, found = 0, 0
		for _, blob := range blobs {
			stats, err := s.Scan(bytes.NewReader(blob), func(*archive.Match) error { return nil })
			if err != nil {
				b.Fatal(err)
			}
			size += stats.Bytes
			found += stats.Matches
		}
	}
	b.SetBytes(size)
	b.ReportMetric(float64(found), "matches")
}
