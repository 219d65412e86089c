package diag

import (
	"context"
	"strings"
	"sync"
	"time"
)

// DeviceTime is when a device says something happened: nanoseconds since 1970 UTC. Device clocks may be
// wrong; counters, breadcrumbs and report ids use it, nothing else may.
type DeviceTime int64

// IngressTime is when the journal made a log durable: milliseconds since 1970 UTC. It never goes back.
// Export windows and the feed use it.
type IngressTime int64

// ProcessingTime is when a revision was made: milliseconds since 1970 UTC.
type ProcessingTime int64

// Time as a UTC time.Time.
func (t DeviceTime) Time() time.Time { return time.Unix(0, int64(t)).UTC() }

// Time as a UTC time.Time.
func (t IngressTime) Time() time.Time { return time.UnixMilli(int64(t)).UTC() }

// Time as a UTC time.Time.
func (t ProcessingTime) Time() time.Time { return time.UnixMilli(int64(t)).UTC() }

// DeviceTimeOf converts a time. Times outside what nanoseconds can hold (years 1678 to 2262) are clamped.
func DeviceTimeOf(t time.Time) DeviceTime {
	if s := t.Unix(); s < -9223372036 {
		return -1 << 63
	} else if s > 9223372035 {
		return 1<<63 - 1
	}
	return DeviceTime(t.UnixNano())
}

// IngressTimeOf converts a time, dropping what is below the millisecond.
func IngressTimeOf(t time.Time) IngressTime { return IngressTime(t.UnixMilli()) }

// timeLayouts are read with any number of digits behind the seconds. A time without a zone is in UTC.
var timeLayouts = [...]string{
	time.RFC3339, "2006-01-02T15:04:05", time.DateOnly, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04Z07:00", "2006-01-02T15:04",
}

const maxTime = 40 // bytes of a time's text

// ParseTime reads a time as clients write it: a date, or a time with or without a zone, with any number of digits
// behind the seconds, and with a blank where a plus was lost.
func ParseTime(s string) (time.Time, bool) {
	s = strings.ToUpper(strings.TrimSpace(s))
	if len(s) > maxTime {
		return time.Time{}, false
	}
	if len(s) > len(time.DateOnly) && s[len(time.DateOnly)] == ' ' {
		s = s[:len(time.DateOnly)] + "T" + s[len(time.DateOnly)+1:]
	}
	s = strings.Replace(s, " ", "+", 1) // a plus that a form turned into a blank
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// Minute is the label of an export window: the minute's END, in minutes since 1970 UTC. The window holds
// what the journal stamped in [label-1, label).
type Minute int64

// MinuteOf is the window that an ingress time falls into.
func MinuteOf(t IngressTime) Minute {
	m := int64(t) / 60000
	if int64(t) < 0 && int64(t)%60000 != 0 {
		m--
	}
	return Minute(m + 1)
}

// Start is the first ingress time inside the window.
func (m Minute) Start() IngressTime { return IngressTime((int64(m) - 1) * 60000) }

// End is the first ingress time after the window.
func (m Minute) End() IngressTime { return IngressTime(int64(m) * 60000) }

// Time is the window's label as a time.
func (m Minute) Time() time.Time { return m.End().Time() }

// Clock is passed to everything that asks for the time, so that tests and the demo can move it.
type Clock interface {
	// Now is the wall clock. It may jump either way.
	Now() time.Time
	// Monotonic never goes back and does not follow jumps of the wall clock.
	Monotonic() time.Duration
	// Sleep returns when d has passed on this clock, or with ctx's error.
	Sleep(ctx context.Context, d time.Duration) error
}

// SystemClock is the machine's clock.
type SystemClock struct{}

var processStart = time.Now()

// Now is time.Now without its monotonic reading.
func (SystemClock) Now() time.Time { return time.Now().Round(0) }

// Monotonic counts from the start of the process.
func (SystemClock) Monotonic() time.Duration { return time.Since(processStart) }

// Sleep waits for d of real time.
func (SystemClock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// StepClock runs at the machine's speed and can be stepped ahead (both clocks) or set (the wall clock
// alone). The demo steps it over the minute; tests set it back.
type StepClock struct {
	mu      sync.Mutex
	wall    time.Duration // added to the machine's wall clock
	mono    time.Duration // added to the machine's monotonic clock
	changed chan struct{} // closed and replaced when stepped
}

// NewStepClock starts at the machine's time.
func NewStepClock() *StepClock { return &StepClock{changed: make(chan struct{})} }

// Now is the machine's wall clock plus all steps.
func (c *StepClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Round(0).Add(c.wall)
}

// Monotonic is the machine's monotonic clock plus all steps ahead.
func (c *StepClock) Monotonic() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(processStart) + c.mono
}

// Step moves time ahead, as if d had passed. Sleepers whose time has come wake up.
func (c *StepClock) Step(d time.Duration) {
	c.mu.Lock()
	c.wall += d
	c.mono += d
	c.wake()
	c.mu.Unlock()
}

// SetWall makes the wall clock show t from now on; no time passes for sleepers.
func (c *StepClock) SetWall(t time.Time) {
	c.mu.Lock()
	c.wall = t.Sub(time.Now().Round(0))
	c.wake()
	c.mu.Unlock()
}

func (c *StepClock) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Sleep waits until d has passed on the stepped monotonic clock.
func (c *StepClock) Sleep(ctx context.Context, d time.Duration) error {
	until := c.Monotonic() + d
	for {
		c.mu.Lock()
		changed, left := c.changed, until-(time.Since(processStart)+c.mono)
		c.mu.Unlock()
		if left <= 0 {
			return ctx.Err()
		}
		t := time.NewTimer(left)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-changed:
		case <-t.C:
		}
		t.Stop()
	}
}
