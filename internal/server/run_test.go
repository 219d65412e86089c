package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/server"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*server.Config)
		want   string
	}{
		"no folder":   {func(c *server.Config) { c.Data = "" }, "--data"},
		"PostgreSQL":  {func(c *server.Config) { c.Database = "postgres://x" }, "--database"},
		"objects":     {func(c *server.Config) { c.Objects = "s3://x" }, "--objects"},
		"no key":      {func(c *server.Config) { c.TLSListen, c.TLSCert = ":0", "a" }, "go together"},
		"no listener": {func(c *server.Config) { c.TLSACMEHost = []string{"a.example"} }, "need --tls-listen"},
		"two ways": {func(c *server.Config) {
			c.TLSListen, c.TLSCert, c.TLSKey, c.TLSACMEHost = ":0", "a", "b", []string{"c.example"}
		}, "either"},
		"ACME address":  {func(c *server.Config) { c.TLSListen, c.TLSACMEHost = ":0", []string{"192.0.2.1"} }, "--tls-acme-host"},
		"ACME machine":  {func(c *server.Config) { c.TLSListen, c.TLSACMEHost = ":0", []string{"localhost"} }, "--tls-acme-host"},
		"ACME URL":      {func(c *server.Config) { c.TLSListen, c.TLSACMEDirectory = ":0", "https://a" }, "needs --tls-acme-host"},
		"no URL":        {func(c *server.Config) { c.PublicURL = "crash.example.com" }, "--public-url"},
		"other scheme":  {func(c *server.Config) { c.PublicURL = "ftp://crash.example.com" }, "--public-url"},
		"with query":    {func(c *server.Config) { c.PublicURL = "http://a/?b" }, "--public-url"},
		"with password": {func(c *server.Config) { c.PublicURL = "http://a:b@c" }, "--public-url"},
		"proxy":         {func(c *server.Config) { c.TrustedProxy = []string{"proxy.example.com"} }, "--trusted-proxy"},
		"origin":        {func(c *server.Config) { c.CORSOrigin = []string{"dash.example.com"} }, "--cors-origin"},
		"rate":          {func(c *server.Config) { c.APIRate = "500" }, "--api-rate"},
		"export host":   {func(c *server.Config) { c.ExportHost = []string{"http://a/b"} }, "--export-host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := newConfig(t)
			c.change(&config)
			s, err := server.Open(t.Context(), config)
			if err == nil {
				s.Close()
			}
			refuses(t, err, diag.Invalid, c.want)
		})
	}
}

// TestPortInUse: the error names the port and the flag, and leaves no listener open.
func TestPortInUse(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	for flag, set := range map[string]func(*server.Config){
		"--listen":       func(c *server.Config) { c.Listen = address },
		"--admin-listen": func(c *server.Config) { c.AdminListen = address },
		"--tls-listen":   func(c *server.Config) { c.TLSListen = address },
	} {
		c := newConfig(t)
		set(&c)
		refuses(t, fails(t, c), diag.Invalid, "Cannot listen on "+address, "in use", "with "+flag)
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	w := start(t)
	for _, base := range []string{w.at.URL, w.at.Admin} {
		if a := w.get(base + "/healthz"); a.status != 200 || a.body != "ok\n" {
			t.Errorf("healthz: %+v", a)
		}
		if a := w.get(base + "/readyz"); a.status != 200 || a.body != "ready\n" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("readyz: %+v", a)
		}
	}
	w.ok(w.stop())
	if _, err := http.Get(w.at.URL + "/healthz"); err == nil {
		t.Error("it answers after its end")
	}
}

// TestPrivate: what is for the operator is on the private listener alone.
func TestPrivate(t *testing.T) {
	t.Parallel()
	w := start(t)
	for path, status := range map[string]int{
		"/metrics": 200, "/debug/pprof/": 200, "/debug/pprof/heap": 200, "/debug/pprof/cmdline": 200, "/debug/pprof/symbol": 200,
		"/": 404, "/v0.1/user": 404, "/logs": 404,
	} {
		if a := w.get(w.at.Admin + path); a.status != status {
			t.Errorf("%s is answered %d on the private listener", path, a.status)
		}
		if a := w.get(w.at.URL + path); status == 200 && a.status != 404 {
			t.Errorf("%s is answered %d on the public listener", path, a.status)
		}
	}
}

// heldClock keeps Run in the moment of grace between the order to end and the end of listening.
type heldClock struct {
	*diag.StepClock
	held    chan struct{} // closed when Run is there
	release chan struct{}
}

func (c *heldClock) Sleep(ctx context.Context, d time.Duration) error {
	if d != server.GraceTime {
		return c.StepClock.Sleep(ctx, d)
	}
	close(c.held)
	<-c.release
	return nil
}

// TestDrain: devices are told to come back, readers are served, and what is under way is answered.
func TestDrain(t *testing.T) {
	t.Parallel()
	clock := &heldClock{diag.NewStepClock(), make(chan struct{}), make(chan struct{})}
	w := start(t, func(c *server.Config) { c.Clock = clock })
	w.makeApp("shop")
	body, rest := io.Pipe()
	underWay := make(chan answer, 1)
	go func() { underWay <- w.do(w.request(body)) }()
	text := crash(1, userID)
	io.WriteString(rest, text[:100])
	w.waitFor("a request is under way", func() bool { return w.metric("lifeboat_ingest_in_flight") == "1" })

	w.end()
	<-clock.held
	late := w.post(crash(2, userID))
	if late.status != 503 || !json.Valid([]byte(late.body)) {
		t.Errorf("a late request is answered %+v", late)
	}
	if a := w.get(w.at.URL + "/readyz"); a.status != 503 || a.body != "draining\n" {
		t.Errorf("readyz: %+v", a)
	}
	w.call("GET", "/user", nil, nil)
	close(clock.release)
	w.waitFor("nothing listens", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(w.at.URL, "http://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	io.WriteString(rest, text[100:])
	rest.Close()
	if a := <-underWay; a.status != 200 || !json.Valid([]byte(a.body)) {
		t.Errorf("what was under way is answered %+v", a)
	}
	w.ok(w.stop())
}

// TestBroken: when the journal's files are in doubt, Run ends with what is wrong; also while it drains.
func TestBroken(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is broken")
	w := start(t)
	w.s.Break(broken)
	w.s.Break(errors.New("and again"))
	if err := <-w.ended; !errors.Is(err, broken) {
		t.Errorf("Run ends with %v", err)
	}
	w.ended <- nil

	clock := &heldClock{diag.NewStepClock(), make(chan struct{}), make(chan struct{})}
	w = start(t, func(c *server.Config) { c.Clock = clock })
	w.end()
	<-clock.held
	w.s.Break(broken)
	close(clock.release)
	if err := w.stop(); !errors.Is(err, broken) {
		t.Errorf("Run ends with %v after it was told to", err)
	}
}

// TestDiskFull: logs are refused before the disk is full, reading goes on, and logs are taken again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	var free atomic.Uint64
	free.Store(500 << 30)
	w := &world{t: t, clock: diag.NewStepClock(), log: new(record)}
	c := newConfig(t)
	c.Clock, c.Log = w.clock, slog.New(slog.NewTextHandler(w.log, nil))
	w.data, w.s = c.Data, open(t, c)
	w.s.SetSpace(func(string) (uint64, uint64, error) {
		if free.Load() == 0 {
			return 0, 0, errors.New("no answer")
		}
		return free.Load(), 1000 << 30, nil
	})
	w.run()
	w.makeApp("shop")
	becomes := func(bytes uint64, ready string) {
		t.Helper()
		free.Store(bytes)
		w.waitFor(ready, func() bool {
			w.clock.Step(2 * time.Second)
			return w.get(w.at.URL+"/readyz").body == ready
		})
	}
	for i, full := range []uint64{49 << 30, 1<<30 - 1} { // one part in twenty, and bytes
		becomes(full, "the disk is nearly full\n")
		if a := w.post(crash(i, userID)); a.status != 503 || !json.Valid([]byte(a.body)) {
			t.Errorf("with %d bytes free: %+v", full, a)
		}
		w.call("GET", "/user", nil, nil)
		if w.metric("lifeboat_disk_full") != "1" {
			t.Error("the metrics do not tell")
		}
		becomes(51<<30, "ready\n")
		if a := w.post(crash(i, userID)); a.status != 200 {
			t.Errorf("with room again: %+v", a)
		}
	}
	free.Store(0) // the last verdict stands
	w.waitFor("unknown", func() bool { w.clock.Step(2 * time.Second); return strings.Contains(w.log.String(), "is unknown") })
	if a := w.get(w.at.URL + "/readyz"); a.status != 200 {
		t.Errorf("while the free space is unknown: %+v", a)
	}
	if n := strings.Count(w.log.String(), server.DiskAlarm); n != 2 {
		t.Errorf("%d alarms", n)
	}
}

var metricLine = regexp.MustCompile(`^[a-z_]+(\{[a-zA-Z_]+="[^"\n]*"(, ?[a-zA-Z_]+="[^"\n]*")*\})? [-+0-9.eE]+$`)

func TestMetrics(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *server.Config) { c.ExportRoot = t.TempDir() })
	w.makeApp("shop")
	w.call("POST", "/apps/admin/shop/export_configurations", map[string]any{"type": "directory", "path": "private-folder", "exportEntities": []string{"crashes"}}, nil)
	w.post(crash(1, userID))
	w.app.AppSecret = "99999999-9999-4999-8999-999999999999"
	w.post(crash(2, userID))
	w.waitFor("the crash is indexed", func() bool { return w.metric(`lifeboat_pipeline_rows_total{kind="report"}`) == "1" })
	w.waitFor("the pipeline is through", func() bool { return w.metric("lifeboat_pipeline_lag_frames") == "0" })
	w.waitFor("the export is known", func() bool {
		return strings.Contains(w.get(w.at.Admin+"/metrics").body, "lifeboat_export_lag_seconds{")
	})
	a := w.get(w.at.Admin + "/metrics")
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") {
		t.Errorf("type %q", got)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(strings.TrimSpace(a.body)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "# ") {
			continue
		}
		name := line[:max(0, strings.LastIndexByte(line, ' '))]
		if !metricLine.MatchString(line) || seen[name] {
			t.Errorf("bad or double line %q", line)
		}
		seen[name] = true
	}
	for _, private := range []string{install, userID, w.app.AppSecret, "com.acme", "Pixel", "shop", "private-folder", "admin"} {
		if strings.Contains(a.body, private) {
			t.Errorf("the metrics tell %q", private)
		}
	}
	for _, want := range []string{"lifeboat_ingest_requests_total", `lifeboat_ingest_answers_total{status="200"}`, "lifeboat_journal_appended_total", "lifeboat_disk_free_bytes", "process_resident_memory_bytes"} {
		if !seen[want] {
			t.Errorf("no %s", want)
		}
	}
}

// TestAdminToken: a lost file heals at the next start, and what it replaces is void.
func TestAdminToken(t *testing.T) {
	t.Parallel()
	c := newConfig(t)
	c.OwnerName, c.OwnerEmail = "owner", "owner@example.com"
	var me contract.User
	serve := func(change func(token string)) (token string) {
		t.Helper()
		w := start(t, func(o *server.Config) { *o = c })
		w.call("GET", "/user", nil, &me)
		token, err := server.AdminToken(c.Data)
		w.ok(err)
		w.ok(w.stop())
		w.ok(w.s.Close())
		change(token)
		return token
	}
	first := serve(func(string) {})
	if me.Name != "owner" || me.Email != "owner@example.com" {
		t.Errorf("the owner is %+v", me)
	}
	c.OwnerName = "another" // read at the first start only
	same := serve(func(string) {
		if _, err := server.ResetAdmin(t.Context(), c); err != nil {
			t.Error(err)
		}
	})
	if same != first || me.Name != "owner" {
		t.Errorf("a restart changed the token or the owner, %+v", me)
	}
	reset := serve(func(string) {})
	w := start(t, func(o *server.Config) { *o = c })
	void := func(token string) {
		t.Helper()
		req, err := http.NewRequest("GET", w.at.URL+"/v0.1/user", nil)
		w.ok(err)
		req.Header.Set("X-API-Token", token)
		if a := w.do(req); a.status != 401 {
			t.Errorf("an old token is answered %d", a.status)
		}
	}
	if reset == first {
		t.Error("the token was not reset")
	}
	void(first)
	w.ok(w.stop())
	w.ok(w.s.Close())
	removeFile(t, c.Data+"/admin.token")
	if _, err := server.AdminToken(c.Data); err == nil || !strings.Contains(err.Error(), "--token") {
		t.Errorf("without the file: %v", err)
	}
	w = start(t, func(o *server.Config) { *o = c })
	w.call("GET", "/user", nil, nil)
	void(reset)
}

// TestPageOfReadOnlyToken: the page grants a token no more than the API does.
func TestPageOfReadOnlyToken(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.makeApp("shop")
	var token contract.Token
	w.call("POST", "/api_tokens", map[string]any{"description": "look", "scope": []string{"viewer"}}, &token)
	jar, err := cookiejar.New(nil)
	w.ok(err)
	w.http.Jar = jar
	req, err := http.NewRequest("POST", w.at.URL+"/sign-in", strings.NewReader(url.Values{"token": {token.APIToken}}.Encode()))
	w.ok(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", w.at.URL)
	page := w.do(req).body
	if !strings.Contains(page, "your token is read-only") || strings.Contains(page, "you are manager") || strings.Contains(page, "app create") {
		t.Errorf("the page:\n%s", page)
	}
}

// TestJoin: a new person takes the link of an invitation, makes an account and is in, on the page and over the API.
func TestJoin(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.call("POST", "/orgs", map[string]string{"display_name": "Acme & Co", "name": "acme"}, nil)
	w.call("POST", "/orgs/acme/invitations", map[string]string{"user_email": "bob@example.com", "role": "admin"}, nil)
	var made contract.Invitation
	w.call("POST", "/orgs/acme/invitations/bob@example.com/link", nil, &made)
	if page := w.get(made.AcceptURL); page.status != 200 || !strings.Contains(page.body, "invites you to the organisation <strong><bdi>Acme &amp; Co</bdi></strong> as admin") {
		t.Errorf("the page is answered %d: %s", page.status, page.body)
	}
	jar, err := cookiejar.New(nil)
	w.ok(err)
	w.http.Jar = jar
	const password = "a long password"
	join := func() answer {
		form := url.Values{"name": {"bob"}, "display_name": {"Bob the Builder"}, "password": {password}}
		req, err := http.NewRequest("POST", made.AcceptURL, strings.NewReader(form.Encode()))
		w.ok(err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", w.at.URL)
		return w.do(req)
	}
	if page := join(); page.status != 200 || !strings.Contains(page.body, "Bob the Builder") {
		t.Errorf("joining leads to %d: %s", page.status, page.body)
	}
	w.http.Jar = nil
	if page := join(); page.status != 404 {
		t.Errorf("a second time it is answered %d", page.status)
	}
	req, err := http.NewRequest("GET", w.at.URL+"/v0.1/orgs/acme/users/bob", nil)
	w.ok(err)
	req.SetBasicAuth("bob@example.com", password)
	if a := w.do(req); a.status != 200 || !strings.Contains(a.body, `"role":"admin"`) {
		t.Errorf("bob is %d %s", a.status, a.body)
	}
	if log := w.log.String(); strings.Contains(log, made.AcceptURL[len(made.AcceptURL)-40:]) || strings.Contains(log, "bob@") {
		t.Error("the log holds the link or the address")
	}
}

// deadlines is a connection that writes down which deadlines a handler sets.
type deadlines struct {
	*httptest.ResponseRecorder
	read []time.Duration
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.read = append(d.read, time.Until(at).Round(time.Second))
	return nil
}

// TestReadDeadline: bodies have one; a request without one would be ended by it, since net/http reads ahead.
func TestReadDeadline(t *testing.T) {
	t.Parallel()
	w := start(t)
	ask := func(method string, body io.Reader) []time.Duration {
		d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		w.s.Front().ServeHTTP(d, httptest.NewRequest(method, "/v0.1/user", body))
		return d.read
	}
	if got := ask("GET", nil); got != nil {
		t.Errorf("GET: %v", got)
	}
	if got := ask("POST", strings.NewReader("{}")); !slices.Equal(got, []time.Duration{server.ReadTime}) {
		t.Errorf("POST: %v", got)
	}
	if got := ask("POST", io.MultiReader(strings.NewReader("{}"))); !slices.Equal(got, []time.Duration{server.ReadTime}) {
		t.Errorf("POST of unknown length: %v", got)
	}
}

func TestAcceptErrors(t *testing.T) {
	t.Parallel()
	var log record
	l := slog.NewLogLogger(server.AcceptErrors(slog.NewTextHandler(&log, nil)), slog.LevelError)
	l.Print("http: TLS handshake error from 192.0.2.1:1: EOF")
	l.Print("http: Accept error: too many open files; retrying in 5ms")
	if got := log.String(); strings.Contains(got, "192.0.2.1") || !strings.Contains(got, "too many open files") {
		t.Errorf("the log: %s", got)
	}
}

// TestNothingIsLeft: neither a server that ran nor one that could not be opened leaves goroutines or a lock. It is
// not parallel: those that are wait until it is through.
func TestNothingIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("runs", func(t *testing.T) {
		w := start(t, overTLS)
		w.makeApp("shop")
		w.post(crash(1, userID))
	})
	t.Run("cannot be opened", func(t *testing.T) {
		c := newConfig(t)
		c.ExportHost = []string{"http://a/b"} // found out when everything is open
		for range 2 {
			_, err := server.Open(t.Context(), c)
			refuses(t, err, diag.Invalid, "--export-host")
		}
	})
	t.Run("cannot listen", func(t *testing.T) {
		c := newConfig(t)
		c.TLSListen = "127.0.0.1:99999"
		refuses(t, fails(t, c), diag.Invalid, "Cannot listen")
	})
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(end) {
			var all bytes.Buffer
			pprof.Lookup("goroutine").WriteTo(&all, 1)
			t.Fatalf("%d goroutines more:\n%s", runtime.NumGoroutine()-before, &all)
		}
		(diag.SystemClock{}).Sleep(t.Context(), 5*time.Millisecond)
	}
}
