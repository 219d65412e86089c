package auth

import (
	"sync"
	"time"
)

const (
	// cacheFor bounds how long a token that was deleted by another process still works here.
	cacheFor  = 5 * time.Second
	cacheSize = 1024
)

// cache remembers callers for a moment. Unknown tokens are not remembered: they would push out the known ones.
type cache struct {
	mu         sync.Mutex
	callers    map[[32]byte]cached
	generation uint64 // rises with every drop
}

type cached struct {
	caller Caller
	until  time.Duration // on the monotonic clock
}

func (c *cache) get(hash [32]byte, now time.Duration) (Caller, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.callers[hash]
	return e.caller, ok && now < e.until
}

func (c *cache) current() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.generation
}

// put remembers a caller that was looked up after current returned generation, unless something was dropped
// since: the look-up may have come before the deletion. first tells that nobody has done so meanwhile.
func (c *cache) put(hash [32]byte, caller Caller, now time.Duration, generation uint64) (first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != generation {
		return false
	}
	if e, ok := c.callers[hash]; ok && now < e.until {
		return false
	}
	if c.callers == nil || len(c.callers) >= cacheSize {
		c.callers = map[[32]byte]cached{}
	}
	c.callers[hash] = cached{caller, now + cacheFor}
	return true
}

func (c *cache) drop(match func(*Caller) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	for hash, e := range c.callers {
		if match(&e.caller) {
			delete(c.callers, hash)
		}
	}
}
