package journal

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"lifeboat/internal/diag"
)

// maxRequest bounds what one request may store, so that every offset fits into a footer's list.
const maxRequest = 1 << 30

// Append makes the frames durable together and says which numbers and which time they got. It compresses
// them in the caller's goroutine, joins the commit that all waiting callers share, and returns when that
// is on disk. ctx is looked at only before: once a request has joined, its outcome is waited for.
//
// Errors of kind Invalid and TooLarge are the frames' fault; Busy says that the journal is closing; any
// other means that the files are in doubt and that nothing will be appended any more.
func (j *Journal) Append(ctx context.Context, frames []Frame) (Receipt, error) {
	if err := ctx.Err(); err != nil {
		return Receipt{}, err
	}
	if err := j.pool.refusal(); err != nil {
		return Receipt{}, err
	}
	r := j.pool.free.Get().(*request)
	defer j.pool.release(r)
	if err := j.encode(r, frames); err != nil {
		return Receipt{}, err
	}
	if err := j.pool.join(r); err != nil {
		return Receipt{}, err
	}
	<-r.done
	if r.err != nil {
		return Receipt{}, r.err
	}
	return Receipt{First: r.first, Time: r.time}, nil
}

// release makes a request ready for another Append.
func (p *pool) release(r *request) {
	if cap(r.buf) > keptRequest {
		r.buf = nil
	}
	r.buf, r.records, r.err = r.buf[:0], r.records[:0], nil
	p.free.Put(r)
}

// encode fills the request's buffer. The committer fills in what it alone knows: number, time, checksum.
func (j *Journal) encode(r *request, frames []Frame) error {
	if len(frames) == 0 {
		return diag.Errorf(diag.Invalid, "A request to the journal has at least one frame.")
	}
	for i := range frames {
		f := &frames[i]
		if err := f.check(); err != nil {
			return err
		}
		start := len(r.buf)
		var header [headerSize]byte
		r.buf = j.codec.encode(append(r.buf, header[:]...), f.Payload)
		stored := r.buf[start+headerSize:]
		r.records = append(r.records, record{
			Header: Header{Kind: f.Kind, App: f.App, Log: f.Log, Install: j.HashInstall(f.Install)},
			stored: len(stored), raw: len(f.Payload), sum: xxhash.Sum64(stored),
			length: int64(headerSize + len(stored)),
		})
		if len(r.buf) > maxRequest {
			return diag.Errorf(diag.TooLarge, "A request may take %d bytes in the journal.", maxRequest)
		}
	}
	return nil
}

func (f *Frame) check() error {
	if !f.Kind.valid() {
		return diag.Errorf(diag.Invalid, "A journal frame cannot have kind %d.", f.Kind)
	}
	if f.App < 0 || f.App > 1<<32-1 {
		return diag.Errorf(diag.Invalid, "A journal frame cannot belong to app %d.", f.App)
	}
	if len(f.Payload) > MaxPayload {
		return diag.Errorf(diag.TooLarge, "A journal frame may hold %d bytes.", MaxPayload)
	}
	return nil
}

// Where so many requests shared a commit more are on their way: the next commit waits for them a moment. Syncs
// cost the most of a commit, and this halves their number under load (measured with 64 connections: a fifth more
// requests, and the slowest hundredth answered sooner). A single client never waits.
const (
	crowd      = 4
	gatherTime = 2 * time.Millisecond
)

// commitAll is the committer: it commits what waits until the pool is shut and empty.
func (j *Journal) commitAll() {
	defer close(j.pool.drained)
	var batch []*request
	shared := 0 // requests of the last commit
	for open := true; open; {
		_, open = <-j.pool.wake
		for {
			if shared >= crowd {
				time.Sleep(gatherTime)
			}
			batch = j.pool.take(batch[:0], j.o.MaxCommit)
			if shared = len(batch); shared == 0 {
				break
			}
			j.commitBatch(batch)
			clear(batch)
		}
	}
}

// commitBatch makes one commit and answers its requests. After an error the files may hold any part of it.
func (j *Journal) commitBatch(batch []*request) {
	err := j.commitLocked(batch)
	if err != nil {
		err = j.fail(err)
	}
	for _, r := range batch {
		r.err = err
		r.done <- struct{}{}
	}
}

func (j *Journal) commitLocked(batch []*request) error {
	j.commit.Lock()
	defer j.commit.Unlock()
	if err := j.pool.inDoubt(); err != nil {
		return err
	}
	now := j.clock.stamp()
	if err := j.sealBefore(dayOf(now)); err != nil {
		return err
	}
	if err := j.prepare(batch, now); err != nil {
		return err
	}
	frames := 0
	for _, r := range batch {
		r.first, r.time = j.next, now
		j.place(r)
		frames += len(r.records)
	}
	if err := j.flush(); err != nil {
		return err
	}
	j.counts.commits.Add(1)
	j.counts.appended.Add(int64(frames))
	j.publish(j.next - 1)
	return nil
}

// prepare gives every class that the batch touches an open segment with room for it.
func (j *Journal) prepare(batch []*request, now diag.IngressTime) error {
	var sizes [classCount]int64
	for _, r := range batch {
		for i := range r.records {
			sizes[r.records[i].Kind.Class()] += r.records[i].length
		}
	}
	for c := range j.writers {
		if sizes[c] == 0 {
			continue
		}
		if err := j.makeRoom(&j.writers[c], sizes[c], now); err != nil {
			return err
		}
	}
	return nil
}

// place numbers a request's frames and copies them behind those of their class.
func (j *Journal) place(r *request) {
	from := 0
	for i := range r.records {
		f := &r.records[i]
		f.Number, f.Time = j.next, r.time
		j.next++
		to := from + int(f.length)
		j.writers[f.Kind.Class()].add(f, r.buf[from:to])
		from = to
	}
}

// flush writes every class that was touched, then syncs them side by side.
func (j *Journal) flush() error {
	var touched []*writer
	for c := range j.writers {
		w := &j.writers[c]
		if len(w.buf) == 0 {
			continue
		}
		if err := w.write(); err != nil {
			return err
		}
		touched = append(touched, w)
	}
	if len(touched) == 1 {
		return j.syncSegment(touched[0])
	}
	errs := make([]error, len(touched))
	var wait sync.WaitGroup
	for i, w := range touched {
		wait.Go(func() { errs[i] = j.syncSegment(w) })
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) syncSegment(w *writer) error {
	if err := j.sync(w.file); err != nil {
		return fmt.Errorf("sync %s: %w", w.seg.path, err)
	}
	return nil
}

// publish shows readers what is durable now.
func (j *Journal) publish(horizon uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for c := range j.writers {
		if w := &j.writers[c]; w.seg != nil {
			w.seg.extent, w.seg.list = w.extent, w.list
		}
	}
	j.horizon = horizon
	j.wake()
}

func (p *pool) inDoubt() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

// fail stops the journal for good: a write or a sync failed, so nobody knows what the files hold.
func (j *Journal) fail(cause error) error {
	err := diag.Wrap(diag.Internal, cause, "The journal cannot write its files. Look at the server's disk and start it again.")
	waiting, first := j.pool.fail(err)
	for _, r := range waiting {
		r.err = err
		r.done <- struct{}{}
	}
	if first {
		j.mu.Lock()
		j.wake()
		j.mu.Unlock()
		go j.o.OnFatal(err) // it may well call Close, which waits for the committer
	}
	return err
}
