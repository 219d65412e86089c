package journal

import (
	"sync"

	"lifeboat/internal/diag"
)

// request is one Append on its way through a commit.
type request struct {
	buf     []byte   // frames one behind the other, headers not filled yet
	records []record // one for each frame
	first   uint64
	time    diag.IngressTime
	err     error
	done    chan struct{} // has room for one, so that the committer never waits
}

// keptRequest is the largest buffer that a request keeps for the next one.
const keptRequest = 64 << 10

var errClosing = diag.Errorf(diag.Busy, "The server is shutting down. Send the request again.")

// pool holds the requests that wait for the next commit. The zero value needs only init.
type pool struct {
	mu      sync.Mutex
	pending []*request
	closing bool
	failed  error         // files are in doubt: nothing is ever answered OK again
	wake    chan struct{} // has room for one; closed by shut
	drained chan struct{} // closed when the committer has ended

	free sync.Pool // of *request
}

func (p *pool) init() {
	p.wake = make(chan struct{}, 1)
	p.drained = make(chan struct{})
	p.free.New = func() any { return &request{done: make(chan struct{}, 1)} }
}

// join adds a request to the next commit.
func (p *pool) join(r *request) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.refused(); err != nil {
		return err
	}
	p.pending = append(p.pending, r)
	select { // closing is false, so wake is open
	case p.wake <- struct{}{}:
	default:
	}
	return nil
}

// refusal is the error that a new request would get.
func (p *pool) refusal() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refused()
}

func (p *pool) refused() error {
	if p.failed != nil {
		return p.failed
	}
	if p.closing {
		return errClosing
	}
	return nil
}

// take moves the oldest requests to batch: as many as fit into limit bytes, and at least one if any waits.
func (p *pool) take(batch []*request, limit int) []*request {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, size := 0, 0
	for _, r := range p.pending {
		if size += len(r.buf); n > 0 && size > limit {
			break
		}
		n++
	}
	batch = append(batch, p.pending[:n]...)
	rest := copy(p.pending, p.pending[n:])
	clear(p.pending[rest:])
	p.pending = p.pending[:rest]
	return batch
}

// fail makes every later request fail with err and returns those that wait. first is false if it had failed
// before.
func (p *pool) fail(err error) (waiting []*request, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if first = p.failed == nil; first {
		p.failed = err
	}
	waiting, p.pending = p.pending, nil
	return waiting, first
}

// shut refuses new requests and waits until those in the pool are answered.
func (p *pool) shut() {
	p.mu.Lock()
	if !p.closing {
		p.closing = true
		close(p.wake)
	}
	p.mu.Unlock()
	<-p.drained
}
