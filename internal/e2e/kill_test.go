package e2e_test

import (
	"testing"
	"time"

	"lifeboat/internal/e2e"
)

// TestKill kills the server at 30 random moments under load: whatever was answered 200 is there exactly once.
// bench/soak does the same for longer, with the export.
func TestKill(t *testing.T) {
	t.Parallel()
	say := new(record)
	k := e2e.Kill{Bin: program, Dir: t.TempDir(), Rounds: 30, Seed: uint64(time.Now().UnixNano()), Say: say}
	found, err := k.Run(t.Context())
	if err != nil {
		t.Fatalf("seed %d: %v\n%s", k.Seed, err, say)
	}
	t.Logf("%d rounds: %d logs answered, %d without an answer, %d stored, %d copies sent, %d torn bytes cut off", found.Rounds, found.Answered, found.Uncertain, found.Stored, found.Copies, found.TornBytes)
	if found.Rounds != k.Rounds || found.Answered < 1000 || found.Copies == 0 {
		t.Errorf("too little happened to prove anything: %+v", found)
	}
}

// TestKillDeleting does the same while reports are deleted: what was deleted is in no file any more and does not
// come back, though copies of it are sent, and groups count the rest.
func TestKillDeleting(t *testing.T) {
	t.Parallel()
	say := new(record)
	k := e2e.Kill{Bin: program, Dir: t.TempDir(), Rounds: 15, Delete: true, Seed: uint64(time.Now().UnixNano()), Say: say}
	found, err := k.Run(t.Context())
	if err != nil {
		t.Fatalf("seed %d: %v\n%s", k.Seed, err, say)
	}
	t.Logf("%d rounds: %d logs answered, %d stored, %d reports deleted", found.Rounds, found.Answered, found.Stored, found.Deleted)
	if found.Rounds != k.Rounds || found.Deleted < 10 {
		t.Errorf("too little happened to prove anything: %+v", found)
	}
}
