package pipeline

import (
	"context"
	"sync"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// appCache remembers the apps of the frames at hand for a moment. Their settings may change; the frames of
// apps that are gone are passed without rows.
type appCache struct {
	store *store.DB
	clock diag.Clock

	mu   sync.Mutex
	apps map[int64]cachedApp
}

type cachedApp struct {
	app   diag.App
	known bool
	until time.Duration // on the monotonic clock
}

const (
	appExpiry     = 2 * time.Second
	maxCachedApps = 4096
)

func (c *appCache) get(ctx context.Context, num int64) (app diag.App, known bool, err error) {
	now := c.clock.Monotonic()
	c.mu.Lock()
	a, ok := c.apps[num]
	c.mu.Unlock()
	if ok && now < a.until {
		return a.app, a.known, nil
	}
	app, err = c.store.AppByNum(ctx, num)
	known = err == nil
	if !known && diag.KindOf(err) != diag.NotFound {
		return diag.App{}, false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.apps == nil || len(c.apps) >= maxCachedApps {
		c.apps = map[int64]cachedApp{}
	}
	c.apps[num] = cachedApp{app, known, now + appExpiry}
	return app, known, nil
}
