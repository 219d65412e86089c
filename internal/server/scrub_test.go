package server_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/server"
)

func removeFile(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// holds reports whether a file of the databases holds a text.
func (w *world) holds(text string) bool {
	w.t.Helper()
	files, err := filepath.Glob(w.data + "/*.db*")
	w.ok(err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err == nil && bytes.Contains(b, []byte(text)) {
			return true
		}
	}
	return false
}

func (w *world) due() bool {
	_, err := os.Stat(filepath.Join(w.data, "scrub"))
	return err == nil
}

const scrubbed = "what deleted apps and accounts left in the databases is overwritten"

func (w *world) scrubs() int { return strings.Count(w.log.String(), scrubbed) }

// deviceText begins every name that devices of the deleted app send.
const deviceText = "personal-text-of-a-device"

// TestDeletedApp: soon after an app was deleted, nothing that its devices sent is in the databases.
func TestDeletedApp(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.makeApp("kept")
	w.post(crash(0, "kept-text"))
	w.makeApp("shop")
	const n = 60
	for i := range n {
		if a := w.post(crash(i, fmt.Sprint(deviceText, i))); a.status != 200 {
			t.Fatalf("answered %+v", a)
		}
	}
	w.waitFor("all is indexed", func() bool { return w.metric(`lifeboat_pipeline_rows_total{kind="report"}`) == fmt.Sprint(n+1) })
	if !w.holds(deviceText) {
		t.Fatal("the databases never held it: this test shows nothing")
	}

	// Somebody reads what was there before: it is tried again.
	register, err := sql.Open("sqlite", w.data+"/register.db")
	w.ok(err)
	defer register.Close()
	reader, err := register.Begin()
	w.ok(err)
	var apps int
	w.ok(reader.QueryRow("SELECT count(*) FROM app").Scan(&apps))

	w.call("DELETE", "/apps/admin/shop", nil, nil)
	w.waitFor("it is noticed", w.due)
	tries := 0
	w.waitFor("it was tried", func() bool { w.clock.Step(time.Second); tries++; return tries > 200 })
	if w.scrubs() != 0 || !w.due() {
		t.Errorf("while somebody reads it is taken for done: %s", w.log)
	}
	w.ok(reader.Rollback())
	w.waitFor("it is overwritten", func() bool { w.clock.Step(time.Second); return w.scrubs() == 1 && !w.due() })
	if w.holds(deviceText) {
		t.Error("the databases still hold what devices of the deleted app sent")
	}
	if strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("the log: %s", w.log)
	}
	if !w.holds("kept-text") {
		t.Error("what devices of another app sent is gone, too")
	}

	// Apps that are made and changed are no reason.
	w.makeApp("shop")
	for range 20 {
		w.clock.Step(time.Minute)
		(diag.SystemClock{}).Sleep(t.Context(), time.Millisecond)
	}
	if w.due() || w.scrubs() != 1 {
		t.Error("apps that are made and changed cause work")
	}
}

// countedSleeps tells how often somebody sleeps for one length of time.
type countedSleeps struct {
	*diag.StepClock
	of time.Duration
	n  atomic.Int64
}

func (c *countedSleeps) Sleep(ctx context.Context, d time.Duration) error {
	if d == c.of {
		c.n.Add(1)
	}
	return c.StepClock.Sleep(ctx, d)
}

// TestScrubAfterRestart: what was due when the process ended is still due, and so it is after a crash, which may
// have come while an app was being deleted.
func TestScrubAfterRestart(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.makeApp("shop")
	w.post(crash(1, userID))
	w.waitFor("it is indexed", func() bool { return w.metric(`lifeboat_pipeline_rows_total{kind="report"}`) == "1" })
	killed := filepath.Join(t.TempDir(), "killed")
	w.ok(os.CopyFS(killed, os.DirFS(w.data)))
	w.ok(w.stop())
	w.ok(w.s.Close())

	again := func(data string, pause time.Duration) {
		t.Helper()
		clock := &countedSleeps{StepClock: diag.NewStepClock(), of: pause}
		w := start(t, func(c *server.Config) { c.Data, c.Clock = data, clock })
		w.waitFor("it waits", func() bool { return clock.n.Load() > 0 })
		if w.scrubs() != 0 {
			t.Errorf("it is done before its time")
		}
		w.waitFor("it is done", func() bool {
			clock.Step(pause) // again and again: who was seen to wait may have been another worker
			return strings.Contains(w.log.String(), scrubbed) && !w.due()
		})
		w.ok(w.stop())
		w.ok(w.s.Close())
	}
	write(t, filepath.Join(w.data, "scrub"), "")
	again(w.data, server.ScrubAfter)
	again(killed, server.ScrubLater)

	// After a clean end there is nothing to do.
	log := new(record)
	c := newConfig(t)
	c.Data, c.Log = w.data, slog.New(slog.NewTextHandler(log, nil))
	open(t, c).Close()
	if _, err := os.Stat(filepath.Join(w.data, "scrub")); err == nil {
		t.Errorf("something is due: %v", err)
	}
}
