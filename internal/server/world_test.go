package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/server"
)

// holdFolder names a data folder for a second process of this test binary, which opens it, says so and keeps it
// until its standard input ends.
const holdFolder = "LIFEBOAT_TEST_HOLD"

func TestMain(m *testing.M) {
	if path := os.Getenv(holdFolder); path != "" {
		os.Exit(hold(path))
	}
	os.Exit(m.Run())
}

func hold(path string) int {
	s, err := server.Open(context.Background(), server.Config{Data: path})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer s.Close()
	fmt.Println("open")
	io.Copy(io.Discard, os.Stdin)
	return 0
}

// record is a log that tests read while it is written.
type record struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(b)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.String()
}

// world is a server that runs on a folder of its own.
type world struct {
	t     testing.TB
	data  string
	clock *diag.StepClock
	log   *record
	s     *server.Server
	at    server.Addresses
	http  *http.Client
	app   contract.App

	end   context.CancelFunc
	ended chan error
}

func newConfig(t testing.TB) server.Config {
	return server.Config{Data: filepath.Join(t.TempDir(), "data"), Clock: diag.NewStepClock(), Log: slog.New(slog.DiscardHandler)}
}

// open opens a server and closes it in the end.
func open(t testing.TB, c server.Config) *server.Server {
	t.Helper()
	s, err := server.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// start runs a server; change may alter its configuration.
func start(t testing.TB, change ...func(*server.Config)) *world {
	t.Helper()
	w := &world{t: t, clock: diag.NewStepClock(), log: new(record)}
	c := server.Config{Data: filepath.Join(t.TempDir(), "data"), Clock: w.clock, Log: slog.New(slog.NewTextHandler(w.log, nil))}
	for _, f := range change {
		f(&c)
	}
	w.data = c.Data
	w.s = open(t, c)
	w.run()
	return w
}

// run has the server accept traffic.
func (w *world) run() {
	w.t.Helper()
	ctx, end := context.WithCancel(context.Background())
	w.end, w.ended = end, make(chan error, 1)
	ready := make(chan server.Addresses, 1)
	w.s.OnReady(func(a server.Addresses) { ready <- a })
	go func() { w.ended <- w.s.Run(ctx) }()
	transport := &http.Transport{}
	w.http = &http.Client{Transport: transport}
	w.t.Cleanup(func() { transport.CloseIdleConnections(); w.stop() })
	select {
	case w.at = <-ready:
	case err := <-w.ended:
		w.ended <- err
		w.t.Fatal("it did not get ready:", err)
	}
}

// stop ends Run and returns what it returns; more than once if need be.
func (w *world) stop() error {
	w.end()
	err := <-w.ended
	w.ended <- err
	return err
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// waitFor looks until it is so.
func (w *world) waitFor(what string, so func() bool) {
	w.t.Helper()
	for end := time.Now().Add(30 * time.Second); !so(); {
		if time.Now().After(end) {
			w.t.Fatalf("%s: it does not happen; the log:\n%s", what, w.log)
		}
		(diag.SystemClock{}).Sleep(w.t.Context(), 2*time.Millisecond)
	}
}

// call speaks with the API, with the administrator's token. in and out may be nil.
func (w *world) call(method, path string, in, out any) {
	w.t.Helper()
	token, err := server.AdminToken(w.data)
	w.ok(err)
	body, err := json.Marshal(in)
	w.ok(err)
	req, err := http.NewRequest(method, w.at.URL+"/v0.1"+path, bytes.NewReader(body))
	w.ok(err)
	req.Header.Set("X-API-Token", token)
	req.Header.Set("Content-Type", "application/json")
	a := w.do(req)
	if a.status/100 != 2 {
		w.t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	if out != nil {
		w.ok(json.Unmarshal([]byte(a.body), out))
	}
}

// makeApp registers an app, whose secret post uses from now on.
func (w *world) makeApp(name string) {
	w.t.Helper()
	w.call("POST", "/apps", map[string]string{"name": name, "display_name": name, "os": "Android", "platform": "Java"}, &w.app)
}

// answer is what a server said.
type answer struct {
	status int
	header http.Header
	body   string
}

func (w *world) do(req *http.Request) answer {
	w.t.Helper()
	a, err := w.http.Do(req)
	w.ok(err)
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	w.ok(err)
	return answer{a.StatusCode, a.Header, string(b)}
}

func (w *world) get(url string) answer {
	w.t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	w.ok(err)
	return w.do(req)
}

const (
	install = "77777777-7777-4777-8777-777777777777"
	userID  = "anna.personal"
)

// crash is a body with one crash of a user, in a class that nobody else has.
func crash(id int, user string) string {
	return fmt.Sprintf(`{"logs":[{"type":"managedError","id":"aaaaaaaa-0000-4000-8000-%012[1]d","timestamp":%[2]q,"userId":%[3]q,"fatal":true,
		"device":{"sdkName":"appcenter.android","appVersion":"1.0","appBuild":"1","osName":"Android","model":"Pixel 7","locale":"de_DE"},
		"exception":{"type":"java.lang.Error","message":"m","frames":[{"className":"com.acme.%[3]s.Cart","methodName":"pay","fileName":"Cart.java","lineNumber":42}]}}]}`,
		id, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), user)
}

func (w *world) request(body io.Reader) *http.Request {
	w.t.Helper()
	req, err := http.NewRequest("POST", w.at.URL+"/logs?api-version=1.0.0", body)
	w.ok(err)
	req.Header.Set("App-Secret", w.app.AppSecret)
	req.Header.Set("Install-ID", install)
	req.Header.Set("Content-Type", "application/json")
	return req
}

func (w *world) post(body string) answer {
	w.t.Helper()
	return w.do(w.request(strings.NewReader(body)))
}

// metric is one value of the admin listener.
func (w *world) metric(name string) string {
	w.t.Helper()
	for line := range strings.Lines(w.get(w.at.Admin + "/metrics").body) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// refuses checks an error's kind and that its words hold all parts.
func refuses(t *testing.T, err error, kind diag.ErrorKind, parts ...string) {
	t.Helper()
	if err == nil {
		t.Error("it is accepted")
		return
	}
	if got := diag.KindOf(err); got != kind {
		t.Errorf("kind %v, want %v: %v", got, kind, err)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("%q does not say %q", err, p)
		}
	}
}
