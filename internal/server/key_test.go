package server_test

import (
	"bytes"
	"testing"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/server"
)

func newSealer(t *testing.T, key byte) *server.Sealer {
	t.Helper()
	s, err := server.NewSealer([32]byte{key})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSeal(t *testing.T) {
	t.Parallel()
	const secret = "AccountName=acme;AccountKey=c2VjcmV0"
	s, id := newSealer(t, 1), diag.RandomID()
	sealed := s.Seal(id, secret)
	if bytes.Contains(sealed, []byte("acme")) {
		t.Error("the secret can be read")
	}
	if bytes.Equal(sealed, s.Seal(id, secret)) {
		t.Error("the same secret is sealed twice in the same way")
	}
	if got, err := s.Unseal(id, sealed); err != nil || got != secret {
		t.Errorf("opened as %q, %v", got, err)
	}
	closed := func(what string, s *server.Sealer, id diag.ID, sealed []byte) {
		t.Helper()
		if got, err := s.Unseal(id, sealed); err == nil || got != "" {
			t.Errorf("%s is opened", what)
		}
	}
	closed("another configuration's secret", s, diag.RandomID(), sealed)
	closed("a secret sealed with another key", newSealer(t, 2), id, sealed)
	for i := range sealed {
		tampered := bytes.Clone(sealed)
		tampered[i] ^= 1
		closed("a tampered secret", s, id, tampered)
		closed("a part of a secret", s, id, sealed[:i])
	}
}

func TestTag(t *testing.T) {
	t.Parallel()
	s := newSealer(t, 1)
	if !bytes.Equal(s.Tag("a"), s.Tag("a")) || bytes.Equal(s.Tag("a"), s.Tag("b")) || bytes.Equal(s.Tag("a"), newSealer(t, 2).Tag("a")) {
		t.Error("a tag should tell secrets apart, for one key")
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	var l server.Load
	for i, c := range []struct {
		at       time.Duration
		requests int64
		busy     bool
	}{
		{10 * ms, 1000, false}, // too early to tell
		{1000 * ms, 399, false},
		{1010 * ms, 5000, false}, // a burst of a moment is not yet looked at
		{1100 * ms, 5000, true},
		{1149 * ms, 5000, true},
		{1150 * ms, 5020, true}, // 20 in 50 ms are 400 a second
		{1200 * ms, 5039, false},
		{3200 * ms, 5838, false},
		{5200 * ms, 6638, true},
	} {
		if got := l.Look(c.at, c.requests); got != c.busy {
			t.Errorf("look %d: busy %v", i, got)
		}
	}
}
