package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"lifeboat/internal/journal"
	"lifeboat/internal/pipeline"
	"lifeboat/internal/store"
)

// Reindexed says what Reindex made.
type Reindexed struct {
	Frames uint64 // feed numbers passed
	Stats  pipeline.Stats
	Took   time.Duration
}

// Reindex throws the index of a data folder away and makes it anew from the journal. Nothing else may use the
// folder. Killed in between, the next start or Reindex goes on where it stood. progress may be nil.
func Reindex(ctx context.Context, c Config, progress func(done, all uint64)) (r Reindexed, err error) {
	if err := c.setDefaults(); err != nil {
		return r, err
	}
	o, err := OpenOffline(ctx, c, true)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	return reindex(ctx, &c, o.Store, o.Journal, progress)
}

func reindex(ctx context.Context, c *Config, db *store.DB, j *journal.Journal, progress func(done, all uint64)) (r Reindexed, err error) {
	p := pipeline.New(pipeline.Options{Journal: j, Store: db, Clock: c.Clock, Log: c.Log})
	started, horizon := c.Clock.Monotonic(), j.Horizon()
	watching, done := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	defer watcher.Wait() // so that nothing is told after the end
	defer done()
	if progress != nil {
		watcher.Go(func() {
			for c.Clock.Sleep(watching, 200*time.Millisecond) == nil {
				progress(p.Stats().Through, horizon)
			}
		})
	}
	err = p.CatchUp(ctx, horizon)
	if err == nil {
		err = ctx.Err() // CatchUp ends quietly when it is told to
	}
	return Reindexed{Frames: p.Stats().Through, Stats: p.Stats(), Took: c.Clock.Monotonic() - started}, err
}
