package purge_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/purge"
	"lifeboat/internal/report"
	"lifeboat/internal/store"
)

const day = 24 * time.Hour

func logID(n int) diag.ID { return diag.DerivedID([]byte("log"), fmt.Append(nil, n)) }

func (w *world) pass() {
	w.Helper()
	w.must(w.worker.Pass(context.Background()))
}

func (w *world) reports(app int) int {
	w.Helper()
	rows, _, err := w.store.Reports(context.Background(), store.ReportQuery{App: w.apps[app].Num})
	w.must(err)
	return len(rows)
}

// frames counts what can be read in the journal.
func (w *world) frames() (n int) {
	w.Helper()
	f := w.journal.Follow(0)
	defer f.Close()
	for {
		entries, err := f.Next(100, 1<<20)
		w.must(err)
		if len(entries) == 0 {
			return n
		}
		n += len(entries)
	}
}

// TestPurgeByAge: what is past its time goes, to the day; numbers of days and groups stay.
func TestPurgeByAge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 40 {
		w.send(&w.apps[0], install(n%3), w.crash(logID(n), "total", 1))
		w.send(&w.apps[0], install(n%3), w.event(logID(1000+n)))
		w.clock.Pass(day)
	}
	w.pass()
	if n := w.reports(0); n != 30 {
		t.Fatalf("%d reports are left, want those of 30 days", n)
	}
	stats, err := w.store.IndexStats(t.Context(), w.apps[0].Num)
	w.must(err)
	if stats.Logs[diag.KindEvent] != 28 {
		t.Fatalf("%d events are left, want those of 28 days", stats.Logs[diag.KindEvent])
	}
	groups, _, err := w.store.Groups(t.Context(), store.GroupQuery{App: w.apps[0].Num})
	w.must(err)
	if len(groups) != 1 || groups[0].Count != 40 || groups[0].Devices != 3 || groups[0].First != diag.DeviceTimeOf(start) {
		t.Fatalf("groups: %+v", groups)
	}
	days, err := w.store.ErrorDays(t.Context(), store.ErrorQuery{App: w.apps[0].Num})
	w.must(err)
	if len(days) != 40 {
		t.Fatalf("reports of %d days are counted, want 40", len(days))
	}
	if s := w.worker.Stats(); s.Reports != 10 || s.Events != 12 || s.Passes != 1 || s.Failures != 0 || s.Last.IsZero() || s.Lag > time.Second {
		t.Fatalf("stats: %+v", s)
	}
	before := w.frames()
	w.reindex()
	again, _, err := w.store.Groups(t.Context(), store.GroupQuery{App: w.apps[0].Num})
	w.must(err)
	if w.reports(0) != 30 || w.frames() != before || len(again) != 1 || again[0] != groups[0] {
		t.Fatalf("made anew: %d reports, groups %+v, were %+v", w.reports(0), again, groups)
	}
}

// TestLongerRetention: raising a retention keeps what is there, and brings nothing back.
func TestLongerRetention(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 40 {
		w.send(&w.apps[0], install(1), w.crash(logID(n), "total", 1))
		w.clock.Pass(day)
	}
	w.pass()
	w.must(w.store.SetRetention(t.Context(), w.apps[0].Num, diag.Retention{Reports: 400}))
	w.clock.Pass(100 * day)
	w.pass()
	if n := w.reports(0); n != 30 {
		t.Fatalf("%d reports, want 30", n)
	}
	w.must(w.store.SetRetention(t.Context(), w.apps[0].Num, diag.Retention{Reports: 28}))
	w.pass()
	if n := w.reports(0); n != 0 {
		t.Fatalf("%d reports, want none", n)
	}
	if err := w.store.SetRetention(t.Context(), w.apps[0].Num, diag.Retention{Events: 27}); diag.KindOf(err) != diag.Invalid {
		t.Fatalf("27 days: %v", err)
	}
	if err := w.store.SetRetention(t.Context(), 99, diag.Retention{}); diag.KindOf(err) != diag.NotFound {
		t.Fatalf("an app that is not there: %v", err)
	}
}

// TestExportHoldsPurge: what an enabled export has not written stays, for a month longer than its time.
func TestExportHoldsPurge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, app := t.Context(), &w.apps[0]
	first := w.send(app, install(1), w.crash(logID(1), "total", 1))
	w.clock.Pass(day)
	w.send(app, install(1), w.crash(logID(2), "total", 1))
	e := store.Export{ID: diag.ID{1}, App: app.Num, State: "Enabled", Watermark: diag.MinuteOf(first.Time)}
	w.must(w.store.CreateExport(ctx, e))
	w.clock.Pass(40 * day)
	w.pass()
	if w.reports(0) != 1 || w.worker.Stats().Held == 0 || w.worker.Stats().Unexported != 0 {
		t.Fatalf("%d reports, stats %+v: the second is not exported yet", w.reports(0), w.worker.Stats())
	}
	w.clock.Pass(30 * day)
	w.pass()
	if w.reports(0) != 0 || w.worker.Stats().Unexported != 1 {
		t.Fatalf("%d reports, stats %+v: nothing is held that long", w.reports(0), w.worker.Stats())
	}

	w.send(app, install(1), w.crash(logID(3), "total", 1))
	w.clock.Pass(40 * day)
	e.State = "Disabled"
	w.must(w.store.UpdateExport(ctx, e))
	w.pass()
	if w.reports(0) != 0 {
		t.Fatal("a disabled export holds nothing")
	}
}

// TestCopiesArePurged: frames that hold nothing but copies go at once; others keep them.
func TestCopiesArePurged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := &w.apps[0]
	crash, one, two := w.crash(logID(1), "total", 1), w.event(logID(2)), w.event(logID(3))
	w.send(app, install(1), crash)
	w.send(app, install(1), one)
	w.send(app, install(1), crash)
	w.send(app, install(1), one, two)
	w.send(app, install(1), one, one)
	w.pass()
	if n := w.frames(); n != 3 {
		t.Fatalf("%d frames, want 3: copies alone go, mixed ones stay", n)
	}
	w.pass()
	copies, err := w.store.Duplicates(t.Context(), 0, 1<<62)
	w.must(err)
	if len(copies) != 1 || copies[0].Feed != 4 {
		t.Fatalf("copies noted: %+v, want the one in frame 4", copies)
	}
	stats, err := w.store.IndexStats(t.Context(), app.Num)
	w.must(err)
	w.reindex()
	anew, err := w.store.IndexStats(t.Context(), app.Num)
	w.must(err)
	if stats.Duplicates != 1 || anew.Duplicates != 1 || w.reports(0) != 1 {
		t.Fatalf("stats %+v, anew %+v", stats, anew)
	}
}

// TestGoneApp: nothing of a deleted app stays in the journal, and others keep theirs.
func TestGoneApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 6 {
		w.send(&w.apps[n%2], install(1), w.crash(logID(n), "total", 1))
	}
	w.must(w.store.DeleteApp(t.Context(), w.apps[1].Num))
	w.pass()
	if w.frames() != 6 {
		t.Fatal("the first pass that meets it leaves it alone")
	}
	w.pass()
	if n := w.frames(); n != 3 {
		t.Fatalf("%d frames, want 3", n)
	}
	if gone, err := w.store.GoneApps(t.Context()); err != nil || len(gone) != 0 {
		t.Fatalf("gone apps: %v, %v", gone, err)
	}
}

// TestCompaction: segments that are mostly blank shrink; who holds an old place can still read for a while.
func TestCompaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 60 {
		w.send(&w.apps[n%5/4], install(1), w.crash(logID(n), "total", 1)) // four of five are of the app that keeps less
	}
	w.clock.Pass(day)
	w.send(&w.apps[0], install(1), w.crash(logID(100), "total", 1))
	size := w.journal.Stats().Bytes
	w.clock.Pass(31 * day)
	rows, _, err := w.store.Reports(t.Context(), store.ReportQuery{App: w.apps[1].Num})
	w.must(err)
	w.pass()
	s := w.journal.Stats()
	if s.Compacted < 3 || s.Bytes > size/2 {
		t.Fatalf("%d segments were compacted, %d bytes of %d are left", s.Compacted, s.Bytes, size)
	}
	read := func(rows []store.ReportRow) {
		t.Helper()
		r := report.Reader{Journal: w.journal, Store: w.store}
		if len(rows) != 12 {
			t.Fatalf("%d reports, want 12", len(rows))
		}
		for i := range rows {
			if _, err := r.Report(t.Context(), &w.apps[1], &rows[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	read(rows) // of before
	now, _, err := w.store.Reports(t.Context(), store.ReportQuery{App: w.apps[1].Num})
	w.must(err)
	read(now)
	if now[0].Locator == rows[0].Locator {
		t.Fatal("rows name the old place")
	}
	files := segmentFiles(t, w)
	w.clock.Pass(time.Hour)
	w.pass()
	if len(w.journal.Compactions()) != 0 || segmentFiles(t, w) >= files {
		t.Fatalf("%v are not retired, %d files", w.journal.Compactions(), segmentFiles(t, w))
	}
	read(now)
	w.restart()
	w.reindex()
	again, _, err := w.store.Reports(t.Context(), store.ReportQuery{App: w.apps[1].Num})
	w.must(err)
	read(again)
}

func segmentFiles(t *testing.T, w *world) int {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(w.dir, "journal", "*", "*.seg"))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestDryRun says what would go and changes nothing.
func TestDryRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 40 {
		w.send(&w.apps[0], install(1), w.crash(logID(n), "total", 1))
		w.send(&w.apps[0], install(1), w.event(logID(100+n)), w.event(logID(200+n)))
		w.clock.Pass(day)
	}
	register, err := os.ReadFile(filepath.Join(w.dir, "register.db"))
	w.must(err)
	p, err := w.worker.Plan(t.Context())
	w.must(err)
	if len(p.Apps) != 1 || p.Apps[0].Reports != 10 || p.Apps[0].Events != 24 || p.Apps[0].Bytes == 0 || p.Apps[0].Held {
		t.Fatalf("plan: %+v", p)
	}
	same, err := os.ReadFile(filepath.Join(w.dir, "register.db"))
	w.must(err)
	if w.reports(0) != 40 || w.frames() != 80 || string(register) != string(same) {
		t.Fatal("a dry run changed something")
	}
	w.pass()
	if s := w.worker.Stats(); s.Reports != 10 || s.Events != 24 {
		t.Fatalf("planned %+v, done %+v", p, s)
	}
	if p, err = w.worker.Plan(t.Context()); err != nil || len(p.Apps) != 0 {
		t.Fatalf("plan afterwards: %+v, %v", p, err)
	}
}

// TestClockAhead: a wall clock that jumps a year ahead purges nothing for a day, and nothing at all if it is set
// right by then.
func TestClockAhead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.worker = purge.New(purge.Options{Store: w.store, Journal: w.journal, Clock: w.clock, Log: slog.New(slog.DiscardHandler)})
	w.send(&w.apps[0], install(1), w.crash(logID(1), "total", 1))
	w.pass()
	right := w.clock.Now()
	w.clock.Set(right.Add(365 * day))
	for range 20 {
		w.pass()
		w.clock.Pass(time.Hour)
	}
	w.worker = purge.New(purge.Options{Store: w.store, Journal: w.journal, Clock: w.clock, Log: slog.New(slog.DiscardHandler)}) // also after a restart
	w.pass()
	if w.reports(0) != 1 {
		t.Fatal("purged by a clock that has just jumped")
	}
	w.clock.Set(right.Add(20 * time.Hour))
	w.pass()
	w.clock.Set(right.Add(-365 * day)) // back is believed: it only keeps more
	w.pass()
	w.clock.Set(right.Add(365 * day))
	for range 26 {
		w.pass()
		w.clock.Pass(time.Hour)
	}
	if w.reports(0) != 0 {
		t.Fatal("a clock that stays ahead for a day is believed")
	}
}

// TestRun: passes come by themselves, and sooner after Wake.
func TestRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	synctest.Test(t, func(t *testing.T) {
		worker := purge.New(purge.Options{Store: w.store, Journal: w.journal, Clock: diag.SystemClock{}, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { worker.Run(ctx); close(done) }()
		passes := func(after time.Duration, want int64) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			if n := worker.Stats().Passes; n != want {
				t.Fatalf("%d passes, want %d", n, want)
			}
		}
		passes(59*time.Second, 0)
		passes(2*time.Second, 1)
		passes(58*time.Minute, 1)
		passes(3*time.Minute, 2)
		worker.Wake()
		passes(61*time.Second, 3)
		cancel()
		<-done
	})
}

// TestLostIndex: rows that a crash brings back go again, and are counted once.
func TestLostIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 20 {
		w.send(&w.apps[0], install(n), w.crash(logID(n), "total", 1))
	}
	w.must(w.store.Close())
	before, err := os.ReadFile(filepath.Join(w.dir, "index.db"))
	w.must(err)
	w.must(w.journal.Close())
	w.open()
	w.clock.Pass(31 * day)
	w.send(&w.apps[0], install(1), w.crash(logID(100), "total", 1))
	// A pass that comes no further than the rows: the index is not on disk yet when the machine stops.
	if err := w.worker.Pass(&fuse{context.Background(), 16}); err == nil {
		t.Fatal("the pass was not cut off")
	}
	states, err := w.store.PurgeStates(t.Context(), store.PurgeReports)
	w.must(err)
	if states[w.apps[0].Num].Cursor == 0 || w.frames() != 21 {
		t.Fatalf("cut off too early or too late: %+v, %d frames", states, w.frames())
	}
	w.must(w.journal.Close())
	w.must(w.store.Close())
	w.must(os.WriteFile(filepath.Join(w.dir, "index.db"), before, 0o600))
	w.open()
	w.index()
	w.pass()
	groups, _, err := w.store.Groups(t.Context(), store.GroupQuery{App: w.apps[0].Num})
	w.must(err)
	if len(groups) != 1 || groups[0].Count != 21 || w.reports(0) != 1 {
		t.Fatalf("groups %+v, %d reports", groups, w.reports(0))
	}
	w.reindex()
	again, _, err := w.store.Groups(t.Context(), store.GroupQuery{App: w.apps[0].Num})
	w.must(err)
	if len(again) != 1 || again[0] != groups[0] {
		t.Fatalf("made anew %+v, was %+v", again, groups)
	}
}
