package web

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"lifeboat/internal/auth"
)

const (
	triesAtOnce  = 10
	tryEvery     = 6 * time.Second // after that
	maxAddresses = 4096
)

// limits bounds how often one address may try to sign in. The zero value allows the first tries.
type limits struct {
	mu       sync.Mutex
	of       map[netip.Addr]*rate.Limiter
	overflow *rate.Limiter // shared by addresses for which there is no room
	swept    time.Time     // when room was looked for
}

// allow counts a try of a client, at a time of the monotonic clock.
func (l *limits) allow(client string, monotonic time.Duration) bool {
	now := time.Unix(0, 0).Add(monotonic)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.limiter(auth.Network(client), now).AllowN(now, 1)
}

func (l *limits) limiter(a netip.Addr, now time.Time) *rate.Limiter {
	if l.of == nil {
		l.of, l.overflow = map[netip.Addr]*rate.Limiter{}, newLimiter()
	}
	if one := l.of[a]; one != nil {
		return one
	}
	if len(l.of) >= maxAddresses && now.Sub(l.swept) >= time.Second {
		l.forget(now)
		l.swept = now
	}
	if len(l.of) >= maxAddresses {
		return l.overflow
	}
	one := newLimiter()
	l.of[a] = one
	return one
}

// forget drops the addresses that have not tried for so long that it makes no difference.
func (l *limits) forget(now time.Time) {
	for a, one := range l.of {
		if one.TokensAt(now) >= triesAtOnce {
			delete(l.of, a)
		}
	}
}

func newLimiter() *rate.Limiter { return rate.NewLimiter(rate.Every(tryEvery), triesAtOnce) }
