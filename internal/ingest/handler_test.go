package ingest_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/diag"
	"lifeboat/internal/ingest"
	"lifeboat/internal/journal"
	"lifeboat/internal/journal/journaltest"
	"lifeboat/internal/store"
)

const (
	idA = "a1b2c3d4-0000-4000-8000-00000000000a"
	idB = "a1b2c3d4-0000-4000-8000-00000000000b"
	idC = "a1b2c3d4-0000-4000-8000-00000000000c"
)

// Android finds the header by these letters only, so they are looked for on the wire itself.
func TestRetryHeaderOnTheWire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.handler.Drain()
	seen := map[string]bool{}
	for range 20 {
		body := container()
		c := w.dial(head(len(body), "Connection: close\r\n") + string(body))
		raw, err := io.ReadAll(bufio.NewReader(c))
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`\r\nx-ms-retry-after-ms: ([0-9]+)\r\n`).FindSubmatch(raw)
		if m == nil || !bytes.HasPrefix(raw, []byte("HTTP/1.1 503 ")) {
			t.Fatalf("answer %s", raw)
		}
		if ms, _ := strconv.Atoi(string(m[1])); ms < 5_000 || ms > 60_000 {
			t.Errorf("retry after %s ms", m[1])
		}
		seen[string(m[1])] = true
	}
	if len(seen) < 2 {
		t.Error("all devices would come back at the same time")
	}
}

func TestDrain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.handler.Drain()
	w.post(container(event(today))).want(t, http.StatusServiceUnavailable, "ServiceUnavailable")
	w.do(w.request("GET", "/logs", nil)).want(t, http.StatusMethodNotAllowed, "MethodNotAllowed")
	if f := w.frames(); len(f) != 0 {
		t.Errorf("%d frames", len(f))
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if a := w.do(w.request("HEAD", "/logs", nil)); a.status != http.StatusMethodNotAllowed {
		t.Errorf("answer %d", a.status)
	}
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *ingest.Options) { o.DiskFull = func() bool { return true } })
	a := w.post(container(event(today)))
	a.want(t, http.StatusServiceUnavailable, "ServiceUnavailable")
	if a.header.Get("X-Ms-Retry-After-Ms") == "" {
		t.Error("no retry header")
	}
}

func TestFailingJournal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		word   string
	}{
		{errors.New("disk on fire"), 503, "ServiceUnavailable"},
		{diag.Errorf(diag.Internal, "The journal cannot write its files."), 503, "ServiceUnavailable"},
		{diag.Errorf(diag.Busy, "The server is shutting down."), 503, "ServiceUnavailable"},
		{diag.Errorf(diag.Invalid, "No such kind."), 503, "ServiceUnavailable"},
		{context.DeadlineExceeded, 503, "ServiceUnavailable"},
		{diag.Errorf(diag.TooLarge, "A frame may hold so much."), 413, "LogContainerTooLarge"},
	} {
		w := newWorld(t, func(o *ingest.Options) { o.Journal = failingJournal{c.err} })
		w.setApp(func(a *diag.App) { a.CrashesPerMinute = 1 })
		w.post(container(failure(idA), failure(idB), `{"type":"x"}`)).want(t, c.status, c.word)
		if c.status == 503 {
			if drops := w.drops(); len(drops) != 0 {
				t.Errorf("%v: %v are counted, but will be sent again", c.err, drops)
			}
		}
		if n := w.handler.Stats().Logs["managedError"]; n != 0 {
			t.Errorf("%v: %d are called stored", c.err, n)
		}
	}
}

// The journal's failure is told to the operator, without a flood and without words of the logs.
func TestFailureIsLogged(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var mu sync.Mutex
	w := newWorld(t, func(o *ingest.Options) {
		o.Journal = failingJournal{errors.New("disk on fire")}
		o.Log = slog.New(slog.NewTextHandler(lockedWriter{&mu, &out}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	for range 10 {
		w.post(container(event(today)))
	}
	w.clock.Pass(time.Minute)
	w.post(container(event(today)))
	w.post([]byte(`{"logs":[{"name":"Jane Doe"`))
	w.post(nil, "App-Secret", "00000000-1111-4222-8333-444444444444")
	mu.Lock()
	defer mu.Unlock()
	if n := strings.Count(out.String(), "disk on fire"); n != 2 {
		t.Errorf("told %d times:\n%s", n, out.String())
	}
	for _, private := range []string{"Jane", install, secret, "00000000-1111-4222-8333-444444444444"} {
		if strings.Contains(out.String(), private) {
			t.Errorf("%s is in the log:\n%s", private, out.String())
		}
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setApp(func(a *diag.App) { a.CrashesPerMinute, a.HandledPerMinute = 2, 1 })
	apple := strings.Replace(failure(idC), "managedError", "appleError", 1)
	quote := func(ids ...string) string { return `["` + strings.Join(ids, `","`) + `"]` }

	// Crashes of both kinds share a limit; handled errors have their own; attachments and events have none.
	w.post(container(failure(idA), handled(idB), apple, failure(idB), handled(idA), attachment(idB), event(today))).
		wantIDs(t, 200, "Success", quote(idA, idB, idC), quote(idB, idA))
	if f := w.frames(); len(f) != 5 {
		t.Errorf("%d frames", len(f))
	}
	w.post(container(failure(idA))).wantIDs(t, 200, "Success", "[]", quote(idA))
	w.clock.Pass(time.Minute)
	w.post(container(failure(idA), handled(idB))).wantIDs(t, 200, "Success", quote(idA, idB), "[]")
	w.setApp(func(a *diag.App) { a.CrashesPerMinute = 0 })
	w.post(container(failure(idA), failure(idB), failure(idC))).wantIDs(t, 200, "Success", quote(idA, idB, idC), "[]")
	w.setApp(func(a *diag.App) { a.CrashesPerMinute = 1 })
	w.clock.Set(today.Add(-time.Hour)) // the wall clock alone is no new minute
	w.post(container(failure(idA))).wantIDs(t, 200, "Success", "[]", quote(idA))
	if diff := cmp.Diff(map[string]int64{"1 throttled": 4}, w.drops()); diff != "" {
		t.Error(diff)
	}
}

func TestStrictThrottleAndBlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *ingest.Options) { o.Strict = true })
	w.setApp(func(a *diag.App) { a.CrashesPerMinute = 1 })
	w.post(container(failure(idA)))
	w.post(container(failure(idA))).wantIDs(t, 200, "Success", "[]", `["`+idA+`"]`)
	w.setApp(func(a *diag.App) { a.Blocked = true })
	w.post(container(failure(idA))).want(t, 200, "Success")
}

func TestBlockedApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.post(container(event(today))).want(t, 200, "Success")
	w.setApp(func(a *diag.App) { a.Blocked = true })
	w.post(container(event(today), failure(idA), attachment(idA))).want(t, 200, "Success")
	w.post([]byte("{")).want(t, 400, "InvalidLogContainer")
	if f := w.frames(); len(f) != 1 {
		t.Errorf("%d frames", len(f))
	}
	if diff := cmp.Diff(map[string]int64{"1 app_blocked": 3, "1 invalid_container": 1}, w.drops()); diff != "" {
		t.Error(diff)
	}
}

func TestBlockedInstall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hash := diag.HashInstall(installKey, w.app.ID, diag.ParseInstallID(install))
	if err := w.db.BlockInstall(t.Context(), w.app.Num, hash, 0); err != nil {
		t.Fatal(err)
	}
	w.post(container(event(today), failure(idA)), "Install-ID", strings.ToUpper(install)).want(t, 200, "Success")
	w.post(container(event(today)), "Install-ID", "another").want(t, 200, "Success")
	if f := w.frames(); len(f) != 1 || f[0].Envelope.Install != "another" {
		t.Errorf("frames %v", f)
	}
	if diff := cmp.Diff(map[string]int64{"1 install_blocked": 2}, w.drops()); diff != "" {
		t.Error(diff)
	}
}

func TestAppCache(t *testing.T) {
	t.Parallel()
	var counting *countingStore
	w := newWorld(t, func(o *ingest.Options) {
		counting = &countingStore{Store: o.Store}
		o.Store = counting
	})
	const other = "00000000-1111-4222-8333-444444444444"
	for range 20 {
		w.post(container()).want(t, 200, "Success")
		w.post(container(), "App-Secret", other).want(t, 401, "AppSecretDenied")
	}
	if n := counting.count(); n != 2 {
		t.Errorf("%d look-ups", n)
	}
	w.clock.Pass(2 * time.Second)
	w.post(container())
	w.post(container(), "App-Secret", other)
	if n := counting.count(); n != 4 {
		t.Errorf("%d look-ups after expiry", n)
	}
	if _, err := w.db.CreateApp(t.Context(), diag.App{ID: diag.RandomID(), Secret: id(other), Owner: "acme", Name: "second"}); err != nil {
		t.Fatal(err)
	}
	w.handler.Invalidate()
	w.post(container(), "App-Secret", other).want(t, 200, "Success")

	// While the store fails, apps that are known go on.
	counting.setFail(errors.New("no database"))
	w.clock.Pass(time.Hour)
	w.post(container()).want(t, 200, "Success")
	w.post(container(), "App-Secret", "00000000-1111-4222-8333-555555555555").want(t, 503, "ServiceUnavailable")
	counting.setFail(nil)

	if err := w.db.DeleteApp(t.Context(), w.app.Num); err != nil {
		t.Fatal(err)
	}
	w.handler.Invalidate()
	w.post(container()).want(t, 401, "AppSecretDenied")
}

// Guessing secrets costs the database a bounded rate of look-ups, and known apps nothing.
func TestFloodOfSecrets(t *testing.T) {
	t.Parallel()
	var counting *countingStore
	w := newWorld(t, func(o *ingest.Options) {
		counting = &countingStore{Store: o.Store}
		o.Store = counting
	})
	w.post(container()).want(t, 200, "Success")
	words := map[string]int{}
	for range 2000 {
		words[w.post(container(), "App-Secret", diag.RandomID().String()).body.Status]++
	}
	if n := counting.count(); n > 600 {
		t.Errorf("%d look-ups", n)
	}
	if words["AppSecretDenied"] == 0 || words["TooManyMessagesInflight"] == 0 || len(words) != 2 {
		t.Errorf("answers %v", words)
	}
	w.handler.Invalidate()
	w.post(container()).want(t, 200, "Success")
	for _, r := range w.handler.Refused() {
		if r.App != 0 {
			t.Errorf("refusal %+v", r)
		}
	}
}

// gate holds up Append until it is opened.
type gate struct {
	ingest.Journal
	entered chan struct{}
	open    chan struct{}
}

func (g gate) Append(ctx context.Context, frames []journal.Frame) (journal.Receipt, error) {
	g.entered <- struct{}{}
	<-g.open
	return g.Journal.Append(ctx, frames)
}

func TestMemoryBudget(t *testing.T) {
	t.Parallel()
	g := gate{entered: make(chan struct{}), open: make(chan struct{})}
	w := newWorld(t, func(o *ingest.Options) {
		g.Journal = o.Journal
		o.Journal, o.MemoryBudget = g, 1<<20
	})
	body := container(`{"type":"event","name":"` + strings.Repeat("x", 400_000) + `"}`)
	first := make(chan answer)
	go func() { first <- w.post(body) }()
	<-g.entered
	if used := w.handler.Stats().MemoryInUse; used < 800_000 || used > 1<<20 {
		t.Errorf("%d bytes in use", used)
	}
	a := w.post(body)
	a.want(t, 503, "TooManyMessagesInflight")
	if a.header.Get("X-Ms-Retry-After-Ms") == "" {
		t.Error("no retry header")
	}
	close(g.open)
	(<-first).want(t, 200, "Success")
	go func() { <-g.entered }()
	w.post(body).want(t, 200, "Success")
	w.wantIdle()
}

// 200 is answered only when Append has returned.
func TestAnsweredAfterAppend(t *testing.T) {
	t.Parallel()
	g := gate{entered: make(chan struct{}), open: make(chan struct{})}
	w := newWorld(t, func(o *ingest.Options) {
		g.Journal = o.Journal
		o.Journal = g
	})
	done := make(chan answer)
	go func() { done <- w.post(container(event(today))) }()
	<-g.entered
	w.handler.Drain() // a request under way is finished
	select {
	case a := <-done:
		t.Errorf("answered %d before the journal did", a.status)
	case <-time.After(50 * time.Millisecond):
	}
	close(g.open)
	(<-done).want(t, 200, "Success")
}

func TestRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.post([]byte("{"))
	w.clock.Pass(time.Second)
	w.post(container(`{"type":"x"}`, `{"type":"y"}`))
	w.clock.Pass(time.Second)
	w.post(nil, "App-Secret", "jane@example.com")
	w.clock.Pass(time.Second)
	w.handler.Drain()
	w.post(nil)
	want := []ingest.Refusal{
		{App: 0, Reason: "shutting_down", Count: 1, Last: today.Add(3 * time.Second)},
		{App: 0, Reason: "app_secret_denied", Final: true, Count: 1, Last: today.Add(2 * time.Second)},
		{App: 1, Reason: "unknown_type", Final: true, Count: 2, Last: today.Add(time.Second)},
		{App: 1, Reason: "invalid_container", Final: true, Count: 1, Last: today},
	}
	if diff := cmp.Diff(want, w.handler.Refused()); diff != "" {
		t.Error(diff)
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := container(event(today), event(today), failure(idA), attachment(idA), `{"type":"x"}`)
	packed := gzipped(body)
	w.post(packed)
	w.post([]byte("{"))
	w.post(nil, "App-Secret", "")
	w.do(w.request("GET", "/logs", nil))
	w.server.Close()
	s := w.handler.Stats()
	for kind, n := range s.Logs {
		if n == 0 {
			delete(s.Logs, kind)
		}
	}
	for reason, n := range s.Refused {
		if n == 0 {
			delete(s.Refused, reason)
		}
	}
	for status, n := range s.Statuses {
		if n == 0 {
			delete(s.Statuses, status)
		}
	}
	want := ingest.Stats{
		Requests: 4, WireBytes: int64(len(packed)) + 1, BodyBytes: int64(len(body)) + 1,
		Logs:     map[string]int64{"event": 2, "managedError": 1, "errorAttachment": 1},
		Dropped:  map[string]int64{"unknown_type": 1, "invalid_container": 1, "app_secret_denied": 1},
		Statuses: map[int]int64{200: 1, 400: 1, 401: 1, 405: 1},
		Refused:  map[string]int64{"invalid_container": 1, "app_secret_denied": 1, "method_not_allowed": 1},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
}

// memoryStore keeps drops in memory, so that a test can wait on a bubble's clock.
type memoryStore struct {
	ingest.Store
	fail  bool
	drops []store.Drop
}

func (s *memoryStore) AppBySecret(context.Context, diag.ID) (diag.App, error) {
	return diag.App{}, diag.Errorf(diag.NotFound, "There is no such app.")
}

func (s *memoryStore) AddDrops(_ context.Context, drops []store.Drop) error {
	if s.fail {
		return errors.New("no database")
	}
	s.drops = append(s.drops, drops...)
	return nil
}

func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &memoryStore{fail: true}
		h := ingest.New(ingest.Options{Store: s, Clock: diag.SystemClock{}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { h.Run(ctx); close(done) }()
		refuse := func() {
			r, _ := http.NewRequest("POST", "/logs", strings.NewReader("{}"))
			r.Header.Set("App-Secret", secret)
			h.ServeHTTP(discard{http.Header{}}, r)
		}
		want := func(counts ...int64) {
			t.Helper()
			var got []int64
			for _, d := range s.drops {
				if d.App != 0 || d.Reason != "app_secret_denied" || d.Day != time.Now().Unix()/86400 {
					t.Errorf("drop %+v", d)
				}
				got = append(got, d.Count)
			}
			if diff := cmp.Diff(counts, got); diff != "" {
				t.Error(diff)
			}
		}
		refuse()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		want() // the store fails, the count is kept
		s.fail = false
		refuse()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		want(2)
		refuse()
		cancel()
		<-done
		want(2, 1)
	})
}

// discard is a writer without a network.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// Many clients at once: every log that was answered is stored exactly once, under its own install.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setApp(func(a *diag.App) { a.HandledPerMinute = 100 })
	logs := journaltest.NewLogs(5)
	crash := logs.Crash()
	var wait sync.WaitGroup
	const clients, each = 16, 12
	for c := range clients {
		wait.Go(func() {
			for i := range each {
				mine := fmt.Sprintf("b0000000-0000-4000-8000-%06x%06x", c, i)
				body := container(fmt.Sprintf(`{"type":"event","name":"%s"}`, mine), failure(mine), string(crash), handled(mine), attachment(mine), `{"type":"x"}`)
				if i%2 == 0 {
					body = gzipped(body)
				}
				if a := w.post(body, "Install-ID", mine); a.status != 200 {
					t.Errorf("answer %d %s", a.status, a.raw)
				}
				w.post(body[:len(body)/2])
				w.handler.Stats()
				w.handler.Refused()
				if i == 5 {
					w.handler.Invalidate()
				}
			}
		})
	}
	wait.Wait()
	events := map[string]int{}
	kinds := map[journal.FrameKind]int{}
	for _, f := range w.frames() {
		kinds[f.Kind]++
		if f.Kind == journal.Logs {
			events[string(f.Envelope.Install)]++
			if want := fmt.Sprintf(`{"type":"event","name":"%s"}`, f.Envelope.Install); len(f.Logs) != 1 || string(f.Logs[0]) != want {
				t.Errorf("logs %q of %s", f.Logs, f.Envelope.Install)
			}
		}
		if f.Kind == journal.Error && f.Log.String() == string(f.Envelope.Install) && !bytes.Contains(f.Logs[0], []byte(f.Log.String())) {
			t.Errorf("log %s is %s", f.Log, f.Logs[0])
		}
	}
	if len(events) != clients*each || kinds[journal.Logs] != clients*each || kinds[journal.Attachment] != clients*each {
		t.Errorf("frames %v of %d installs", kinds, len(events))
	}
	s := w.handler.Stats()
	if s.Logs["handledError"] != 100 || s.Dropped["throttled"] != clients*each-100 || s.Dropped["unknown_type"] != clients*each {
		t.Errorf("stats %+v", s)
	}
	w.wantIdle()
}
