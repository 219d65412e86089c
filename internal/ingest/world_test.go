package ingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/ingest"
	"lifeboat/internal/journal"
	"lifeboat/internal/journal/journaltest"
	"lifeboat/internal/store"
	"lifeboat/internal/store/sqlite"
)

const (
	secret  = "8b5a1c4e-0f3d-4b52-9a68-2f1d7c3e9b01"
	install = "3f0c9a1e-77d2-4c1b-8f55-0a9be2c41d10"
)

// today is a day on which all samples are within the acceptance window.
var today = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

var installKey = [32]byte{7, 7, 7}

// clock shows a wall clock that stands still until it is moved; it sleeps as the machine does.
type clock struct {
	*journaltest.Clock
	diag.SystemClock
}

func (c clock) Now() time.Time           { return c.Clock.Now() }
func (c clock) Monotonic() time.Duration { return c.Clock.Monotonic() }
func (c clock) Sleep(ctx context.Context, d time.Duration) error {
	return c.SystemClock.Sleep(ctx, d)
}

// world is a server with a real store and a real journal behind it.
type world struct {
	t       testing.TB
	clock   clock
	db      *store.DB
	journal *journal.Journal
	handler *ingest.Handler
	app     diag.App
	server  *httptest.Server
	read    uint64 // last frame that frames has returned
}

func newWorld(t testing.TB, change ...func(*ingest.Options)) *world {
	t.Helper()
	w := &world{t: t, clock: clock{Clock: journaltest.NewClock(today)}}
	var err error
	if w.db, err = sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.db.Close() })
	if w.app, err = w.db.CreateApp(t.Context(), diag.App{ID: id("a0000000-0000-4000-8000-000000000001"), Secret: id(secret), Owner: "acme", Name: "shop"}); err != nil {
		t.Fatal(err)
	}
	w.journal, err = journal.Open(t.Context(), journal.Options{
		Dir: t.TempDir(), Clock: diag.SystemClock{}, Register: new(journaltest.Register), OnFatal: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.journal.Close() })
	o := ingest.Options{Journal: w.journal, Store: w.db, Clock: w.clock, InstallKey: installKey}
	for _, c := range change {
		c(&o)
	}
	w.handler = ingest.New(o)
	w.server = httptest.NewServer(http.HandlerFunc(w.route))
	t.Cleanup(w.server.Close)
	return w
}

// route is what the real server does before anything else.
func (w *world) route(rw http.ResponseWriter, r *http.Request) {
	switch {
	case ingest.Match(r.URL.Path):
		w.handler.ServeHTTP(rw, r)
	case ingest.IsOneCollector(r):
		w.handler.OneCollector(rw, r)
	default:
		http.NotFound(rw, r)
	}
}

// setApp changes the app as the API does.
func (w *world) setApp(change func(*diag.App)) {
	w.t.Helper()
	change(&w.app)
	if err := w.db.UpdateApp(context.Background(), w.app); err != nil {
		w.t.Fatal(err)
	}
	w.handler.Invalidate()
}

// answer is what a client gets.
type answer struct {
	status int
	header http.Header
	raw    string
	body   reply
}

type reply struct {
	Status      string   `json:"status"`
	Valid       []string `json:"validDiagnosticsIds"`
	Throttled   []string `json:"throttledDiagnosticsIds"`
	Correlation string   `json:"correlationId"`
}

// post sends a body as an SDK does; headers come in pairs and replace those of the SDK, "" removes one.
func (w *world) post(body []byte, headers ...string) answer {
	w.t.Helper()
	return w.do(w.request(http.MethodPost, "/logs?api-version=1.0.0", bytes.NewReader(body), headers...))
}

func (w *world) request(method, target string, body io.Reader, headers ...string) *http.Request {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+target, body)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("App-Secret", secret)
	r.Header.Set("Install-ID", install)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Del(headers[i]); headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	return r
}

// do sends a request and checks what every answer must have.
func (w *world) do(r *http.Request) answer {
	w.t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, raw: string(raw)}
	if kind := a.header.Get("Content-Type"); kind != "application/json; charset=utf-8" {
		w.t.Errorf("content type %q", kind)
	}
	if r.Method == http.MethodHead {
		return a
	}
	if err := json.Unmarshal(raw, &a.body); err != nil {
		w.t.Errorf("body %q: %v", raw, err)
	}
	return a
}

// want checks status and word of an answer that names no ids.
func (a answer) want(t testing.TB, status int, word string) {
	t.Helper()
	a.wantIDs(t, status, word, "[]", "[]")
}

// wantIDs checks the whole body of an answer, byte for byte.
func (a answer) wantIDs(t testing.TB, status int, word, valid, throttled string) {
	t.Helper()
	if _, ok := diag.ParseID(a.body.Correlation); !ok {
		t.Errorf("correlation id %q", a.body.Correlation)
	}
	want := fmt.Sprintf(`{"status":"%s","validDiagnosticsIds":%s,"throttledDiagnosticsIds":%s,"correlationId":"%s"}`, word, valid, throttled, a.body.Correlation)
	if a.status != status || a.raw != want {
		t.Errorf("answer %d %s\n  want %d %s", a.status, a.raw, status, want)
	}
}

// stored is a frame with its envelope.
type stored struct {
	journal.Header
	diag.Envelope
}

// frames reads what was stored since the last call.
func (w *world) frames() []stored {
	w.t.Helper()
	f := w.journal.Follow(w.read)
	defer f.Close()
	var all []stored
	for {
		some, err := f.Next(1000, 1<<30)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(some) == 0 {
			return all
		}
		for _, e := range some {
			payload, err := e.Payload(nil)
			if err != nil {
				w.t.Fatal(err)
			}
			envelope, err := diag.ParseEnvelope(payload)
			if err != nil {
				w.t.Fatal(err)
			}
			all = append(all, stored{e.Header, envelope})
			w.read = e.Number
		}
	}
}

// drops has Run store what was counted, and reads it.
func (w *world) drops() map[string]int64 {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	cancel()
	w.handler.Run(ctx)
	rows, err := w.db.Drops(w.t.Context(), -1, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	all := map[string]int64{}
	for _, r := range rows {
		all[fmt.Sprintf("%d %s", r.App, r.Reason)] += r.Count
	}
	return all
}

func id(s string) diag.ID {
	id, ok := diag.ParseID(s)
	if !ok {
		panic(s)
	}
	return id
}

// event, failure, handled and attachment are the shortest logs of their kinds that say when they happened.
func event(at time.Time) string {
	return fmt.Sprintf(`{"type":"event","timestamp":"%s","name":"e","device":{}}`, at.Format(time.RFC3339))
}

func failure(id string) string {
	return fmt.Sprintf(`{"type":"managedError","id":"%s","device":{},"exception":{}}`, id)
}

func handled(id string) string {
	return fmt.Sprintf(`{"type":"handledError","id":"%s","device":{},"exception":{}}`, id)
}

func attachment(errorID string) string {
	return fmt.Sprintf(`{"type":"errorAttachment","id":"%s","errorId":"%s","contentType":"text/plain","data":"aGk=","device":{}}`, diag.RandomID(), errorID)
}

func container(logs ...string) []byte {
	b := []byte(`{"logs":[`)
	for i, l := range logs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, l...)
	}
	return append(b, `]}`...)
}

// failingJournal answers every Append with an error.
type failingJournal struct{ err error }

func (f failingJournal) Append(context.Context, []journal.Frame) (journal.Receipt, error) {
	return journal.Receipt{}, f.err
}

// countingStore counts look-ups and fails on demand.
type countingStore struct {
	ingest.Store
	mu      sync.Mutex
	lookups int
	fail    error
}

func (s *countingStore) AppBySecret(ctx context.Context, secret diag.ID) (diag.App, error) {
	s.mu.Lock()
	s.lookups++
	err := s.fail
	s.mu.Unlock()
	if err != nil {
		return diag.App{}, err
	}
	return s.Store.AppBySecret(ctx, secret)
}

func (s *countingStore) AddDrops(ctx context.Context, drops []store.Drop) error {
	s.mu.Lock()
	err := s.fail
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.Store.AddDrops(ctx, drops)
}

func (s *countingStore) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lookups
}

func (s *countingStore) setFail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}
