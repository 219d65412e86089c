//go:build unix

// Command scan measures how fast one person's records are found in a large archive, beside ripgrep, which
// finds lines that hold the id and can tell neither whose record it is nor where it ends.
//
//	go run ./bench/scan [-size 2000] [-runs 3]
//
// It needs rg (Debian: ripgrep) and as much free disk as the archive's size. The page cache is warm.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"lifeboat/internal/archive"
	"lifeboat/internal/diag"
	"lifeboat/internal/e2e"
)

// wanted is the install that is looked for.
const wanted = "77777777-7777-4777-8777-777777777777"

func main() {
	size := flag.Int64("size", 2000, "of the archive, in MB")
	runs := flag.Int("runs", 3, "how often each is run; the best counts")
	dir := flag.String("dir", "", "where the archive is made; default: the system's place for temporary files")
	root := flag.String("make", "", "only make the archive in this folder (used by this program itself)")
	flag.Parse()
	if *root != "" {
		written, records, err := makeArchive(*root, *size*1e6)
		if err != nil {
			fmt.Fprintln(os.Stderr, "scan:", err)
			os.Exit(1)
		}
		fmt.Println(written, records)
		return
	}
	if err := measure(*size*1e6, *runs, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "scan:", err)
		os.Exit(1)
	}
}

func measure(size int64, runs int, dir string) error {
	dir, err := os.MkdirTemp(dir, "lifeboat-scan-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bin, err := e2e.Build(dir)
	if err != nil {
		return err
	}
	root := filepath.Join(dir, "archive")
	written, records, err := archiveOf(root, size)
	if err != nil {
		return err
	}
	fmt.Printf("archive of %.2f GB, %d records of the person\n", float64(written)/1e9, records)
	out := filepath.Join(dir, "copy.jsonl")
	var best, peer usage
	for i := range runs + 1 { // the first run warms the cache
		rg, err := run("rg", "-c", "-F", "-j2", wanted, root)
		if err != nil {
			return err
		}
		ours, err := run(bin, "person", "copy", "--archive", root, "--install", wanted, "--out", out, "--force")
		if err != nil {
			return err
		}
		if i == 0 {
			continue
		}
		fmt.Printf("rg %.2f s, person copy %.2f s (%.2f s of processor, %.1f MB at most)\n", rg.wall.Seconds(), ours.wall.Seconds(), ours.processor.Seconds(), float64(ours.memory)/1e6)
		if peer.wall == 0 || rg.wall < peer.wall {
			peer = rg
		}
		if best.wall == 0 || ours.wall < best.wall {
			best = ours
		}
	}
	fmt.Printf("best: %.2f GB/s, %.2f GB/s per core of processor time; %.1f times the time of rg; %.1f MB at most\n",
		float64(written)/1e9/best.wall.Seconds(), float64(written)/1e9/best.processor.Seconds(), float64(best.wall)/float64(peer.wall), float64(best.memory)/1e6)
	return nil
}

// archiveOf makes the archive in a process of its own: a child's peak of memory begins with its parent's, so this
// one must stay small.
func archiveOf(root string, size int64) (written, records int64, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, 0, err
	}
	cmd := exec.Command(self, "-make", root, "-size", fmt.Sprint(size/1e6))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		_, err = fmt.Sscan(string(out), &written, &records)
	}
	return written, records, err
}

type usage struct {
	wall, processor time.Duration
	memory          int64
}

func run(name string, args ...string) (usage, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	begun := time.Now()
	err := cmd.Run()
	u := usage{wall: time.Since(begun)}
	if s := cmd.ProcessState; s != nil {
		u.processor = s.UserTime() + s.SystemTime()
		if r, ok := s.SysUsage().(*syscall.Rusage); ok {
			u.memory = r.Maxrss << 10
		}
	}
	return u, err
}

// makeArchive writes minutes of about 2 MB, as a busy app has them. One record in 2,000 is the person's.
func makeArchive(root string, size int64) (written int64, records int, err error) {
	rng := rand.New(rand.NewPCG(1, 2))
	start := diag.Minute(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Unix() / 60)
	for m := start; written < size; m++ {
		list := make([]archive.Record, 2400)
		for i := range list {
			install := diag.InstallID(fmt.Sprintf("aaaaaaaa-%04x-4000-8000-%012x", rng.IntN(1<<16), rng.Uint64()>>16))
			if rng.IntN(2000) == 0 {
				install = wanted
				records++
			}
			list[i] = record(rng, install, m)
		}
		body := archive.AppendArray(nil, list)
		name := filepath.Join(root, filepath.FromSlash(archive.ArrayName(archive.Prefix(diag.ID{}, false, m), archive.Logs, 1)))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return 0, 0, err
		}
		if err := os.WriteFile(name, body, 0o644); err != nil {
			return 0, 0, err
		}
		written += int64(len(body))
	}
	return written, records, nil
}

func record(rng *rand.Rand, install diag.InstallID, m diag.Minute) archive.Record {
	e := diag.Event{
		Log:  diag.Log{Kind: diag.KindEvent, ID: diag.RandomID(), Timestamp: diag.DeviceTimeOf(m.Time()), Session: diag.RandomID()},
		Name: fmt.Sprintf("screen %d shown", rng.IntN(300)),
		Device: diag.Device{SDKName: "appcenter.android", SDKVersion: "5.0.6", Model: fmt.Sprintf("Pixel %d", rng.IntN(9)), OEMName: "Google", OSName: "Android",
			OSVersion: "14", OSBuild: "AP2A.240805.005", OSAPILevel: 34, Locale: "de_DE", TimeZoneOffset: 120, HasTimeZoneOffset: true, ScreenSize: "1080x2400",
			AppVersion: "4.12.0", AppBuild: "41200", AppNamespace: "com.acme.shop", CarrierName: "Net", CarrierCountry: "de"},
		Properties: []diag.Property{{Name: "item", Value: fmt.Sprint(rng.IntN(1e6))}, {Name: "from", Value: "search \"results\""}},
	}
	return archive.FromEvent(&e, archive.Meta{AppID: diag.ID{1}, Install: install, Ingress: m.Start(), Correlation: diag.RandomID()})
}
