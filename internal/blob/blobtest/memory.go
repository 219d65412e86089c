package blobtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"lifeboat/internal/blob"
)

// Memory is a bucket that lives as long as the value. The zero value is empty and ready.
type Memory struct {
	mu    sync.Mutex
	puts  int
	blobs map[string]stored
}

type stored struct {
	info blob.Info
	body []byte
}

var _ blob.Bucket = (*Memory)(nil)

func (m *Memory) String() string { return "memory" }

// Put implements blob.Bucket.
func (m *Memory) Put(ctx context.Context, name string, body []byte, o blob.PutOptions) (string, error) {
	if err := check(ctx, name); err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	there, taken := m.blobs[name]
	switch {
	case o.IfAbsent && taken && blob.SameUpload(there.info, o):
		return there.info.ETag, nil
	case o.IfAbsent && taken:
		return "", failed("put", name, blob.Exists)
	case o.IfMatch != "" && (!taken || there.info.ETag != o.IfMatch):
		return "", failed("put", name, blob.Changed)
	}
	if m.blobs == nil {
		m.blobs = map[string]stored{}
	}
	m.puts++
	info := blob.Info{Name: name, Size: int64(len(body)), ETag: fmt.Sprint(m.puts), Modified: time.Unix(int64(m.puts), 0).UTC(),
		ContentType: o.ContentType, Disposition: o.Disposition, Metadata: maps.Clone(o.Metadata)}
	m.blobs[name] = stored{info, slices.Clone(body)}
	return info.ETag, nil
}

// Get implements blob.Bucket.
func (m *Memory) Get(ctx context.Context, name string, offset, length int64) (io.ReadCloser, blob.Info, error) {
	s, err := m.find(ctx, "get", name)
	if err != nil {
		return nil, blob.Info{}, err
	}
	size := int64(len(s.body))
	if offset < 0 || offset > 0 && offset >= size || length == 0 || length < -1 {
		return nil, blob.Info{}, failed("get", name, blob.OutOfRange)
	}
	end := size
	if length > 0 {
		end = min(size, offset+length)
	}
	s.info.Metadata = nil
	return io.NopCloser(bytes.NewReader(s.body[offset:end])), s.info, nil
}

// Head implements blob.Bucket.
func (m *Memory) Head(ctx context.Context, name string) (blob.Info, error) {
	s, err := m.find(ctx, "head", name)
	s.info.Metadata = maps.Clone(s.info.Metadata)
	return s.info, err
}

func (m *Memory) find(ctx context.Context, op, name string) (stored, error) {
	if err := check(ctx, name); err != nil {
		return stored{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.blobs[name]
	if !ok {
		return stored{}, failed(op, name, blob.Absent)
	}
	return s, nil
}

// List implements blob.Bucket.
func (m *Memory) List(ctx context.Context, prefix, startAfter string, fn func(blob.Info) error) error {
	m.mu.Lock()
	names := slices.Sorted(maps.Keys(m.blobs))
	m.mu.Unlock()
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) || name <= startAfter {
			continue
		}
		s, err := m.find(ctx, "list", name)
		if blob.Classify(err) == blob.Absent {
			continue
		}
		if err != nil {
			return err
		}
		s.info.Metadata, s.info.ContentType, s.info.Disposition = nil, "", ""
		if err := fn(s.info); err != nil {
			return err
		}
	}
	return nil
}

// Delete implements blob.Bucket.
func (m *Memory) Delete(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.blobs, name)
	return nil
}

func check(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return &blob.Error{Op: "call", Name: name, Cause: blob.Transient, Err: err}
	}
	return blob.CheckName(name)
}

func failed(op, name string, cause blob.Cause) error {
	return &blob.Error{Op: op, Name: name, Cause: cause}
}
