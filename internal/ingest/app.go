package ingest

import (
	"context"
	"errors"
	"sync"
	"time"

	"lifeboat/internal/diag"
)

// app is an app as requests need it.
type app struct {
	diag.App
	blocked map[[16]byte]bool // installs, by diag.HashInstall
	limit   *limiter
}

func (a *app) blocks(key [32]byte, install diag.InstallID) bool {
	return len(a.blocked) > 0 && a.blocked[diag.HashInstall(key, a.ID, install)]
}

const (
	appExpiry     = 2 * time.Second
	maxUnknown    = 4096 // unknown secrets that are remembered
	maxLookups    = 2    // of secrets never seen before, at a time
	maxNewSecrets = 500  // never seen before, looked up in a second
	lookupTimeout = 5 * time.Second
)

// errFlood means that so many secrets never seen before are sent that this one is not looked up.
var errFlood = errors.New("ingest: too many unknown app secrets at once")

// appCache remembers apps by secret for a moment. Requests for the same secret share one look-up, and secrets
// that nobody has seen before are looked up at a bounded rate, so that guessing does not load the database.
type appCache struct {
	store   Store
	clock   diag.Clock
	lookups chan struct{} // has room for maxLookups

	mu         sync.Mutex
	generation int // counts invalidations: what was read before one is not kept after it
	known      map[diag.ID]knownApp
	unknown    map[diag.ID]time.Duration // secret -> expiry
	flights    map[diag.ID]*flight
	limits     map[int64]*limiter // by app number
	second     time.Duration      // in which so many new secrets were looked up
	news       int
}

type knownApp struct {
	app   *app
	until time.Duration // on the monotonic clock
}

// flight is a look-up under way.
type flight struct {
	done chan struct{}
	app  *app // nil: unknown
	err  error
}

func (c *appCache) init(s Store, clock diag.Clock) {
	c.store, c.clock, c.lookups = s, clock, make(chan struct{}, maxLookups)
	c.known, c.unknown = map[diag.ID]knownApp{}, map[diag.ID]time.Duration{}
	c.flights, c.limits = map[diag.ID]*flight{}, map[int64]*limiter{}
}

// invalidate has everything read anew. Known secrets stay known, so that a flood does not keep them out.
func (c *appCache) invalidate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	for secret, k := range c.known {
		k.until = 0
		c.known[secret] = k
	}
	clear(c.unknown)
	clear(c.flights) // later requests must not share what was read before
}

// prune forgets unknown secrets whose time is over.
func (c *appCache) prune() {
	now := c.clock.Monotonic()
	c.mu.Lock()
	defer c.mu.Unlock()
	for secret, until := range c.unknown {
		if now >= until {
			delete(c.unknown, secret)
		}
	}
}

// get returns the app of a secret, nil if there is none.
func (c *appCache) get(ctx context.Context, secret diag.ID) (*app, error) {
	now := c.clock.Monotonic()
	c.mu.Lock()
	k, seen := c.known[secret]
	if seen && now < k.until {
		c.mu.Unlock()
		return k.app, nil
	}
	if now < c.unknown[secret] {
		c.mu.Unlock()
		return nil, nil
	}
	if f := c.flights[secret]; f != nil {
		c.mu.Unlock()
		return f.wait(ctx)
	}
	if !seen && !c.admit(now) {
		c.mu.Unlock()
		return nil, errFlood
	}
	f, generation := &flight{done: make(chan struct{})}, c.generation
	c.flights[secret] = f
	c.mu.Unlock()

	f.app, f.err = c.load(ctx, secret, seen)
	c.land(f, secret, generation)
	close(f.done)
	return f.app, f.err
}

func (f *flight) wait(ctx context.Context) (*app, error) {
	select {
	case <-f.done:
		return f.app, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// admit reports whether one more new secret may be looked up in this second. c.mu must be held.
func (c *appCache) admit(now time.Duration) bool {
	if second := now / time.Second; second != c.second {
		c.second, c.news = second, 0
	}
	c.news++
	return c.news <= maxNewSecrets
}

// load reads an app. It is for everybody who waits, so it does not end with the request that began it.
func (c *appCache) load(ctx context.Context, secret diag.ID, seen bool) (*app, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
	defer cancel()
	if !seen {
		select {
		case c.lookups <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		defer func() { <-c.lookups }()
	}
	found, err := c.store.AppBySecret(ctx, secret)
	if diag.KindOf(err) == diag.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	hashes, err := c.store.BlockedInstalls(ctx, found.Num)
	if err != nil {
		return nil, err
	}
	a := &app{App: found}
	if len(hashes) > 0 {
		a.blocked = make(map[[16]byte]bool, len(hashes))
		for _, hash := range hashes {
			a.blocked[hash] = true
		}
	}
	return a, nil
}

// land keeps what a look-up found. While the store fails, an app that was known stays as it was.
func (c *appCache) land(f *flight, secret diag.ID, generation int) {
	now := c.clock.Monotonic()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flights[secret] == f {
		delete(c.flights, secret)
	}
	if f.app != nil {
		f.app.limit = c.limiterOf(f.app.Num)
	}
	switch k, seen := c.known[secret]; {
	case f.err != nil && seen:
		f.app, f.err = k.app, nil
	case f.err != nil || generation != c.generation:
	case f.app != nil:
		c.known[secret] = knownApp{f.app, now + appExpiry}
	default:
		delete(c.known, secret)
		if len(c.unknown) >= maxUnknown {
			clear(c.unknown)
		}
		c.unknown[secret] = now + appExpiry
	}
}

func (c *appCache) limiterOf(num int64) *limiter {
	l := c.limits[num]
	if l == nil {
		l = new(limiter)
		c.limits[num] = l
	}
	return l
}

// limiter counts the errors of one app in windows of a minute.
type limiter struct {
	mu               sync.Mutex
	window           time.Duration // minutes on the monotonic clock
	crashes, handled int
}

// allow counts one more error and reports whether the app's limits leave room for it.
func (a *app) allow(kind diag.LogKind, now time.Duration) bool {
	limit := a.CrashesPerMinute
	if kind == diag.KindHandledError {
		limit = a.HandledPerMinute
	}
	if limit <= 0 {
		return true
	}
	l := a.limit
	l.mu.Lock()
	defer l.mu.Unlock()
	if window := now / time.Minute; window != l.window {
		l.window, l.crashes, l.handled = window, 0, 0
	}
	n := &l.crashes
	if kind == diag.KindHandledError {
		n = &l.handled
	}
	*n = min(*n+1, limit+1)
	return *n <= limit
}
