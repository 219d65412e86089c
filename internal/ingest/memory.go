package ingest

import (
	"sync"
	"sync/atomic"
)

// budget counts bytes in flight over all requests.
type budget struct {
	limit int64
	used  atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// The sizes of buffers that are kept. Most requests fit into a small one, batches of events into a middle one.
const (
	smallBuffer  = 16 << 10
	middleBuffer = 64 << 10
	largeBuffer  = 256 << 10
)

// buffers keeps buffers for later requests. The zero value is ready.
type buffers struct{ small, middle, large sync.Pool } // of pointers to arrays, which cost nothing to put

// bufferSize is how large a buffer for n bytes is.
func bufferSize(n int) int {
	switch {
	case n <= smallBuffer:
		return smallBuffer
	case n <= middleBuffer:
		return middleBuffer
	case n <= largeBuffer:
		return largeBuffer
	}
	return n
}

// get gives an empty buffer of bufferSize(n).
func (b *buffers) get(n int) []byte {
	switch n = bufferSize(n); n {
	case smallBuffer:
		if a, ok := b.small.Get().(*[smallBuffer]byte); ok {
			return a[:0]
		}
	case middleBuffer:
		if a, ok := b.middle.Get().(*[middleBuffer]byte); ok {
			return a[:0]
		}
	case largeBuffer:
		if a, ok := b.large.Get().(*[largeBuffer]byte); ok {
			return a[:0]
		}
	}
	return make([]byte, 0, n)
}

func (b *buffers) put(buf []byte) {
	switch cap(buf) {
	case smallBuffer:
		b.small.Put((*[smallBuffer]byte)(buf[:smallBuffer]))
	case middleBuffer:
		b.middle.Put((*[middleBuffer]byte)(buf[:middleBuffer]))
	case largeBuffer:
		b.large.Put((*[largeBuffer]byte)(buf[:largeBuffer]))
	}
}
