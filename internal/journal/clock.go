package journal

import (
	"sync"
	"time"

	"lifeboat/internal/diag"
)

// stamper is the journal's clock. It follows the wall clock, but never behind its last stamp: while the
// wall clock is, it runs on from that stamp at monotonic speed. Only stamps bind it, so a wall clock that
// jumps ahead and back while nothing is written leaves no trace.
//
// It counts nanoseconds, since cutting every step to the millisecond would make it stand still under load.
type stamper struct {
	clock diag.Clock
	mu    sync.Mutex
	last  time.Duration // since 1970
	at    time.Duration // monotonic time of last
}

func (s *stamper) wall() time.Duration { return time.Duration(s.clock.Now().UnixNano()) }

func (s *stamper) now() diag.IngressTime {
	s.mu.Lock()
	defer s.mu.Unlock()
	return toIngress(s.read())
}

func (s *stamper) read() time.Duration {
	wall := s.wall()
	if wall >= s.last {
		return wall
	}
	return s.last + s.clock.Monotonic() - s.at
}

// stamp reads the clock and binds it to what it read.
func (s *stamper) stamp() diag.IngressTime {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last, s.at = s.read(), s.clock.Monotonic()
	return toIngress(s.last)
}

// raise binds the clock to t or later.
func (s *stamper) raise(t diag.IngressTime) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := time.Duration(t) * time.Millisecond; d > s.last {
		s.last, s.at = d, s.clock.Monotonic()
	}
}

// skew is how far the journal's clock is ahead of the wall clock.
func (s *stamper) skew() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(0, s.read()-s.wall())
}

func toIngress(d time.Duration) diag.IngressTime {
	return diag.IngressTime(d.Milliseconds())
}

const dayMillis = 24 * 60 * 60 * 1000

// dayOf is the day of an ingress time, in days since 1970 UTC.
func dayOf(t diag.IngressTime) int64 {
	day := int64(t) / dayMillis
	if int64(t)%dayMillis < 0 {
		day--
	}
	return day
}
