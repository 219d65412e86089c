package blobtest_test

import (
	"io"
	"testing"

	"lifeboat/internal/blob"
	"lifeboat/internal/blob/blobtest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(*testing.T) blob.Bucket { return &blobtest.Memory{} })
}

func TestFaultyWithoutFaults(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(*testing.T) blob.Bucket {
		return &blobtest.Faulty{Bucket: &blobtest.Memory{}, Next: func(string, string) blobtest.Fault { return blobtest.NoFault }}
	})
}

func TestFaults(t *testing.T) {
	t.Parallel()
	var fault blobtest.Fault
	memory := &blobtest.Memory{}
	b := &blobtest.Faulty{Bucket: memory, Next: func(string, string) blobtest.Fault { return fault }, Cause: blob.Throttled}
	for _, c := range []struct {
		fault  blobtest.Fault
		stored bool
	}{{blobtest.Before, false}, {blobtest.HalfWay, false}, {blobtest.After, true}} {
		fault = c.fault
		if _, err := b.Put(t.Context(), "x", []byte("0123456789"), blob.PutOptions{}); blob.Classify(err) != blob.Throttled {
			t.Errorf("fault %d: put says %v", c.fault, err)
		}
		if _, err := memory.Head(t.Context(), "x"); (err == nil) != c.stored {
			t.Errorf("fault %d: stored is %v", c.fault, err == nil)
		}
	}
	fault = blobtest.HalfWay
	r, _, err := b.Get(t.Context(), "x", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); string(got) != "01234" || blob.Classify(err) != blob.Throttled {
		t.Errorf("half-way get: %q, %v", got, err)
	}
}
