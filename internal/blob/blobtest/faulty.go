package blobtest

import (
	"context"
	"io"

	"lifeboat/internal/blob"
)

// Fault is how a call on a Faulty bucket goes wrong.
type Fault uint8

// The faults.
const (
	NoFault  Fault = iota
	Before         // nothing happens, and the call fails
	After          // everything happens, and the call fails all the same: the answer was lost
	HalfWay        // get: the reader fails after half of the bytes; list: fails after the first blob; else as Before, since a put is whole or not at all
	fewBytes = 1 << 10
)

// Faulty is a bucket whose calls fail as Next says.
type Faulty struct {
	blob.Bucket
	// Next is asked once for each call; op is put, get, head, list or delete.
	Next func(op, name string) Fault
	// Cause of the errors; None means Transient.
	Cause blob.Cause
}

func (f *Faulty) fail(op, name string) error {
	cause := f.Cause
	if cause == blob.None {
		cause = blob.Transient
	}
	return &blob.Error{Op: op, Name: name, Cause: cause}
}

// Put implements blob.Bucket.
func (f *Faulty) Put(ctx context.Context, name string, body []byte, o blob.PutOptions) (string, error) {
	fault := f.Next("put", name)
	if fault == Before || fault == HalfWay {
		return "", f.fail("put", name)
	}
	etag, err := f.Bucket.Put(ctx, name, body, o)
	if fault == After && err == nil {
		return "", f.fail("put", name)
	}
	return etag, err
}

// Get implements blob.Bucket.
func (f *Faulty) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, blob.Info, error) {
	fault := f.Next("get", name)
	if fault == Before {
		return nil, blob.Info{}, f.fail("get", name)
	}
	r, info, err := f.Bucket.Get(ctx, name, offset, length)
	if err != nil || fault == NoFault {
		return r, info, err
	}
	whole := info.Size - offset
	if length > 0 {
		whole = min(whole, length)
	}
	if fault == HalfWay {
		whole /= 2
	}
	return &breaking{r, whole, f.fail("get", name)}, info, nil
}

// breaking ends in an error instead of io.EOF.
type breaking struct {
	io.ReadCloser
	left int64
	err  error
}

func (b *breaking) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, b.err
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left, fewBytes)])
	b.left -= int64(n)
	return n, err
}

// Head implements blob.Bucket.
func (f *Faulty) Head(ctx context.Context, name string) (blob.Info, error) {
	if f.Next("head", name) != NoFault {
		return blob.Info{}, f.fail("head", name)
	}
	return f.Bucket.Head(ctx, name)
}

// List implements blob.Bucket.
func (f *Faulty) List(ctx context.Context, prefix, startAfter string, fn func(blob.Info) error) error {
	fault := f.Next("list", prefix)
	if fault == Before {
		return f.fail("list", prefix)
	}
	seen := 0
	err := f.Bucket.List(ctx, prefix, startAfter, func(i blob.Info) error {
		if seen++; fault == HalfWay && seen > 1 {
			return f.fail("list", prefix)
		}
		return fn(i)
	})
	if err == nil && fault == After {
		return f.fail("list", prefix)
	}
	return err
}

// Delete implements blob.Bucket.
func (f *Faulty) Delete(ctx context.Context, name string) error {
	fault := f.Next("delete", name)
	if fault == Before || fault == HalfWay {
		return f.fail("delete", name)
	}
	err := f.Bucket.Delete(ctx, name)
	if err == nil && fault == After {
		return f.fail("delete", name)
	}
	return err
}
