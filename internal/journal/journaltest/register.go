package journaltest

import (
	"context"
	"slices"
	"sync"
	"time"

	"lifeboat/internal/diag"
)

// Register is the journal's register in memory. What it has returned is durable. With a Disk, its changes are
// steps of that disk and stop when it crashes; set Disk anew after a restart.
type Register struct {
	Disk *Disk

	mu      sync.Mutex
	floor   diag.IngressTime
	intents []diag.Locator
}

func (r *Register) change(kind string, do func()) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Disk == nil {
		do()
		return nil
	}
	r.Disk.mu.Lock()
	defer r.Disk.mu.Unlock()
	ok, err := r.Disk.step(kind, "register")
	if ok {
		do()
	}
	return err
}

// Floor is the highest time given to RaiseFloor.
func (r *Register) Floor(context.Context) (diag.IngressTime, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.floor, nil
}

// RaiseFloor remembers t.
func (r *Register) RaiseFloor(_ context.Context, t diag.IngressTime) error {
	return r.change("floor", func() { r.floor = max(r.floor, t) })
}

// BlankIntents lists the intents put and not dropped.
func (r *Register) BlankIntents(context.Context) ([]diag.Locator, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.intents), nil
}

// PutBlankIntent remembers locators.
func (r *Register) PutBlankIntent(_ context.Context, l ...diag.Locator) error {
	return r.change("intent", func() { r.intents = append(r.intents, l...) })
}

// DropBlankIntent forgets locators.
func (r *Register) DropBlankIntent(_ context.Context, l ...diag.Locator) error {
	return r.change("intent", func() {
		r.intents = slices.DeleteFunc(r.intents, func(o diag.Locator) bool { return slices.Contains(l, o) })
	})
}

// Clock stands still until it is moved.
type Clock struct {
	mu   sync.Mutex
	wall time.Time
	mono time.Duration
}

// NewClock shows t.
func NewClock(t time.Time) *Clock { return &Clock{wall: t} }

// Now is the wall clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wall
}

// Monotonic is the sum of all Pass.
func (c *Clock) Monotonic() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mono
}

// Pass lets time pass on both clocks.
func (c *Clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.mono = c.wall.Add(d), c.mono+d
}

// Set sets the wall clock alone.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = t
}

// Sleep lets d pass.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	c.Pass(d)
	return ctx.Err()
}
