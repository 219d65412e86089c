package server

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// memoryBudget is what bodies in flight may take; the collector's limit follows from it.
const (
	memoryBudget = 256 << 20
	memoryBase   = 64 << 20 // everything but bodies; the process takes about as much again beside the heap
)

// limitMemory tells the collector when to work harder, unless the operator has (GOMEMLIMIT).
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryBudget + memoryBase)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(150)
	}
}

// Below either of these ingestion stops: reading, erasing and the databases need room to go on.
const (
	minFree         = 1 << 30 // bytes
	minFreeFraction = 20      // one part in so many
)

// disk watches the data folder's disk.
type disk struct {
	space       func(path string) (free, total uint64, err error) // in bytes
	full        atomic.Bool
	free, total atomic.Uint64
}

// watch looks once and reports whether the verdict has changed.
func (d *disk) watch(path string) (changed bool, err error) {
	free, total, err := d.space(path)
	if err != nil {
		return false, err
	}
	d.free.Store(free)
	d.total.Store(total)
	full := tooFull(free, total)
	return d.full.Swap(full) != full, nil
}

func tooFull(free, total uint64) bool { return free < minFree || free < total/minFreeFraction }

// room tells how much symbol files may still take: as much again as logs need is left to them.
func (d *disk) room(path string) func() (int64, error) {
	return func() (int64, error) {
		free, total, err := d.space(path)
		if reserve := 2 * max(minFree, total/minFreeFraction); err == nil && free > reserve {
			return int64(min(free-reserve, 1<<62)), nil
		}
		return 0, err
	}
}

// The intervals of watch.
const (
	diskInterval = 2 * time.Second
	tidyInterval = time.Minute
	idleInterval = 10 * time.Second
)

const diskAlarm = "the disk is nearly full: logs are refused until there is room; devices keep them"

// watchDisk raises the alarm when the disk is nearly full, and takes it back.
func (s *Server) watchDisk(ctx context.Context) {
	for s.config.Clock.Sleep(ctx, diskInterval) == nil {
		changed, err := s.disk.watch(s.folder.path)
		switch {
		case err != nil:
			s.log.Error("free space of the data folder's disk is unknown", "error", err)
		case changed && s.disk.full.Load():
			s.log.Error(diskAlarm, "free_bytes", s.disk.free.Load())
		case changed:
			s.log.Info("the disk has room again: logs are taken", "free_bytes", s.disk.free.Load())
		}
	}
}

// clockAlarm is how far the journal's clock may be ahead of the wall clock without a word.
const clockAlarm = 2 * time.Second

// tidy does what is due now and then: checkpoints, sweeping, and a look at the clocks.
func (s *Server) tidy(ctx context.Context) {
	ahead := false
	for s.config.Clock.Sleep(ctx, tidyInterval) == nil {
		if err := s.store.Tidy(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("tidying the databases failed; it is tried again in a minute", "error", err)
		}
		skew := s.journal.Skew()
		if now := skew > clockAlarm; now != ahead {
			ahead = now
			if ahead {
				s.log.Warn("the machine's clock was set back: minutes of the archive are labelled ahead of it until it has caught up", "ahead", skew)
			} else {
				s.log.Info("the machine's clock has caught up with the journal's")
			}
		}
	}
}

// giveBack returns memory to the system when a load is over: the runtime alone takes minutes. Once per lull.
func (s *Server) giveBack(ctx context.Context) {
	var seen int64
	given := false
	for s.config.Clock.Sleep(ctx, idleInterval) == nil {
		work := s.work()
		if work != seen {
			seen, given = work, false
			continue
		}
		if !given && idleMemory() > 8<<20 {
			debug.FreeOSMemory()
		}
		given = true
	}
}

// work rises with everything that takes memory.
func (s *Server) work() int64 {
	p := s.pipeline.Stats()
	return s.ingest.Stats().Requests + p.Batches + s.requests.Load()
}

// idleMemory is what the runtime holds and could give back, garbage included.
func idleMemory() uint64 {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
	}
	metrics.Read(samples)
	var sum uint64
	for _, m := range samples {
		if m.Value.Kind() == metrics.KindUint64 {
			sum += m.Value.Uint64()
		}
	}
	return sum
}
