// Command api measures the calls of the REST API on a folder with many reports, while others come in. The folder
// is filled by the server itself, on a clock that begins in the past, so that it looks like one that has grown.
//
//	go run ./bench/api [-dir FOLDER] [-reports 1000000] [-faults 1900] [-days 90] [-for 20s]
//
// A folder that is named stays and is used again by the next run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"lifeboat/internal/e2e"
)

// size is what a folder is filled with and how it is measured.
type size struct {
	dir      string
	reports  int
	faults   int // each in 12 versions, which makes as many groups
	days     int
	rest     time.Duration // between start and measuring
	took     time.Duration // of measuring each mix of calls
	calls    int           // per second
	incoming int           // reports per second meanwhile
}

func main() {
	var s size
	flag.StringVar(&s.dir, "dir", "", "the data folder; default: one that is made and removed")
	flag.IntVar(&s.reports, "reports", 1_000_000, "how many reports the folder holds")
	flag.IntVar(&s.faults, "faults", 1900, "how many different faults they are of, each in 12 versions")
	flag.IntVar(&s.days, "days", 90, "over how many days")
	flag.DurationVar(&s.rest, "rest", time.Minute, "between start and measuring")
	flag.DurationVar(&s.took, "for", 20*time.Second, "how long each mix of calls is measured")
	flag.IntVar(&s.calls, "calls", 50, "calls per second")
	flag.IntVar(&s.incoming, "incoming", 500, "reports per second that come in meanwhile")
	flag.Parse()
	if err := run(context.Background(), s); err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s size) error {
	work, err := os.MkdirTemp("", "lifeboat-api-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if s.dir == "" {
		s.dir = filepath.Join(work, "data")
	}
	bin, err := e2e.Build(work)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(s.dir, "VERSION")); err != nil {
		if err := fill(ctx, s); err != nil {
			return fmt.Errorf("fill: %w", err)
		}
	}
	return measure(ctx, bin, s)
}
