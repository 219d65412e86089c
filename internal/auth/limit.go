package auth

import (
	"net/netip"
	"sync"
	"time"
)

// maxBuckets bounds what limits remember. Who finds no room shares one bucket with all others like that.
const maxBuckets = 4096

// limits bounds how often something may be tried for each key: burst times at once, and once in every interval
// after that.
type limits[K comparable] struct {
	burst float64
	every time.Duration

	mu       sync.Mutex
	of       map[K]*bucket
	overflow bucket
	swept    time.Duration // when room was looked for
}

// bucket is how much of the burst is used up at a time of the monotonic clock.
type bucket struct {
	used float64
	at   time.Duration
}

func (l *limits[K]) leak(b *bucket, now time.Duration) {
	if now > b.at {
		b.used = max(0, b.used-float64(now-b.at)/float64(l.every))
		b.at = now
	}
}

// take counts a try, or tells how long to wait before the next one.
func (l *limits[K]) take(key K, now time.Duration) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key, now)
	if wait = l.wait(b, now); wait == 0 {
		b.used++
	}
	return wait
}

// full tells how long to wait before the next try, and counts none.
func (l *limits[K]) full(key K, now time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.of[key]; b != nil {
		return l.wait(b, now)
	}
	if len(l.of) < maxBuckets {
		return 0
	}
	return l.wait(&l.overflow, now)
}

func (l *limits[K]) wait(b *bucket, now time.Duration) time.Duration {
	l.leak(b, now)
	if b.used+1 <= l.burst {
		return 0
	}
	return max(time.Duration((b.used+1-l.burst)*float64(l.every)), 1)
}

// giveBack undoes a take: the try was none that counts.
func (l *limits[K]) giveBack(key K, now time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key, now)
	l.leak(b, now)
	b.used = max(0, b.used-1)
}

func (l *limits[K]) bucket(key K, now time.Duration) *bucket {
	if l.of == nil {
		l.of = map[K]*bucket{}
	}
	if b := l.of[key]; b != nil {
		return b
	}
	if len(l.of) >= maxBuckets && now-l.swept >= time.Second {
		l.sweep(now)
	}
	if len(l.of) >= maxBuckets {
		return &l.overflow
	}
	b := &bucket{at: now}
	l.of[key] = b
	return b
}

// sweep forgets those who have not tried for so long that it makes no difference.
func (l *limits[K]) sweep(now time.Duration) {
	l.swept = now
	for key, b := range l.of {
		if l.leak(b, now); b.used == 0 {
			delete(l.of, key)
		}
	}
}

// Network is the address whose tries count together, of a client's HOST:PORT: for IPv6 what one subscriber has.
func Network(client string) netip.Addr {
	host, err := netip.ParseAddrPort(client)
	if err != nil {
		return netip.Addr{}
	}
	a := host.Addr().Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}
