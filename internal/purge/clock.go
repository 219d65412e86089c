package purge

import (
	"context"
	"time"
)

// wall decides what time it is for retention: the wall clock's, unless that has jumped ahead.
type wall struct {
	trusted time.Time     // the last time that was believed
	at      time.Duration // monotonic time of it
	known   bool

	doubt bool          // the wall clock is ahead of what has passed
	since time.Duration // monotonic time since when
}

const (
	slack   = 24 * time.Hour // a clock may be so far ahead of what has passed: leaps, sleeping machines
	holding = 24 * time.Hour // how long it must stay ahead to be believed
)

// read takes what the clocks show and returns the time to go by. A wall clock that was set back is believed at
// once: it only keeps more.
func (c *wall) read(now time.Time, mono time.Duration) time.Time {
	expected := c.trusted.Add(mono - c.at)
	switch {
	case !c.known || now.Sub(expected) <= slack:
		c.doubt = false
	case !c.doubt:
		c.doubt, c.since = true, mono
		return expected
	case mono-c.since < holding:
		return expected
	default:
		c.doubt = false
	}
	c.trusted, c.at, c.known = now, mono, true
	return now
}

// now is the time that retention goes by.
func (w *Worker) now(ctx context.Context) (time.Time, error) {
	now, mono := w.o.Clock.Now(), w.o.Clock.Monotonic()
	if w.o.TrustClock {
		return now, nil
	}
	if !w.clock.known {
		ms, err := w.o.Store.PurgeTime(ctx)
		if err != nil {
			return now, err
		}
		if ms != 0 {
			w.clock = wall{trusted: time.UnixMilli(ms), at: mono, known: true}
		}
	}
	was := w.clock.doubt
	by := w.clock.read(now, mono)
	if w.clock.doubt && !was {
		w.o.Log.Warn("the wall clock is ahead of what has passed since the last purge; nothing is purged by it for a day", "ahead", now.Sub(by))
	}
	if w.clock.doubt {
		return by, nil
	}
	return by, w.o.Store.SetPurgeTime(ctx, by.UnixMilli())
}
