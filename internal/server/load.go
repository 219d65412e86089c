package server

import (
	"sync/atomic"
	"time"
)

// load tells whether ingestion has much to do. It looks at requests over a moment, since how many are in flight
// jumps from one instant to the next.
type load struct {
	at   atomic.Int64 // monotonic nanoseconds of the last look
	seen atomic.Int64 // requests by then
	busy atomic.Bool
}

const (
	lookEvery = 50 * time.Millisecond
	busyRate  = 400 // requests a second
)

// look takes the number of requests so far and says whether they come fast.
func (l *load) look(now time.Duration, requests int64) bool {
	last := l.at.Load()
	passed := now - time.Duration(last)
	if passed < lookEvery || !l.at.CompareAndSwap(last, int64(now)) {
		return l.busy.Load()
	}
	rate := float64(requests-l.seen.Swap(requests)) / passed.Seconds()
	l.busy.Store(rate >= busyRate)
	return rate >= busyRate
}
