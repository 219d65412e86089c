package respond

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"lifeboat/internal/diag"
)

// Rate bounds how many requests one client address may send: so many at once, and as many again in each period.
type Rate struct {
	requests int
	period   time.Duration
	clock    diag.Clock

	mu       sync.Mutex
	of       map[netip.Addr]*rate.Limiter
	overflow *rate.Limiter // shared by addresses for which there is no room
	swept    time.Duration // when room was looked for
}

const (
	maxClients  = 1 << 16
	maxRequests = 1_000_000
	maxPeriod   = 24 * time.Hour
)

// ParseRate reads a rate like 500/5m. "" is none: nil, which bounds nothing.
func ParseRate(text string, clock diag.Clock) (*Rate, error) {
	if text == "" {
		return nil, nil
	}
	count, span, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(count)
	period, bad := time.ParseDuration(span)
	if err != nil || bad != nil || n < 1 || n > maxRequests || period < time.Second || period > maxPeriod {
		return nil, diag.Errorf(diag.Invalid, "%q is no rate: it should be like 500/5m, at most %d in 1s to 24h.", text, maxRequests)
	}
	r := &Rate{requests: n, period: period, clock: clock, of: map[netip.Addr]*rate.Limiter{}}
	r.overflow = r.limiter()
	return r, nil
}

func (l *Rate) limiter() *rate.Limiter {
	return rate.NewLimiter(rate.Limit(float64(l.requests)/l.period.Seconds()), l.requests)
}

// Admit counts a request, or is the error of kind RateLimited that tells when to come again.
func (l *Rate) Admit(r *http.Request) error {
	if l == nil {
		return nil
	}
	mono := l.clock.Monotonic()
	now := time.Unix(0, 0).Add(mono)
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.find(network(r.RemoteAddr), mono, now)
	if one.AllowN(now, 1) {
		return nil
	}
	return diag.LimitedFor(time.Duration((1 - one.TokensAt(now)) / float64(one.Limit()) * float64(time.Second)))
}

func (l *Rate) find(a netip.Addr, mono time.Duration, now time.Time) *rate.Limiter {
	if one := l.of[a]; one != nil {
		return one
	}
	if len(l.of) >= maxClients && mono-l.swept >= time.Second {
		l.swept = mono
		for a, one := range l.of {
			if one.TokensAt(now) >= float64(l.requests) { // forgotten, it would have no more
				delete(l.of, a)
			}
		}
	}
	if len(l.of) >= maxClients {
		return l.overflow
	}
	one := l.limiter()
	l.of[a] = one
	return one
}

// network is the address whose requests count together: for IPv6 what one subscriber has.
func network(client string) netip.Addr {
	host, err := netip.ParseAddrPort(client)
	if err != nil {
		return netip.Addr{}
	}
	a := plain(host.Addr())
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}
