package respond_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
)

// fetch answers one request over a real connection, so that lengths and endings are those of the wire.
func fetch(t *testing.T, h http.Handler, method string, header map[string]string) (*http.Response, []byte, error) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	req, err := http.NewRequest(method, s.URL+"/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	answer, err := (&http.Transport{DisableCompression: true}).RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	return answer, b, err
}

func body(contentType string, n int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(n))
		w.Header().Set("ETag", `"1"`)
		io.WriteString(w, strings.Repeat("a", n))
	})
}

func TestCompress(t *testing.T) {
	t.Parallel()
	const kind = "application/json; charset=utf-8"
	for name, c := range map[string]struct {
		kind    string
		n       int
		accept  string
		method  string
		zipped  bool
		varying bool
	}{
		"asked for":     {kind, 5000, "gzip, deflate", "GET", true, true},
		"anything":      {kind, 5000, "*", "GET", true, true},
		"with a weight": {kind, 5000, "br;q=1.0, GZIP;q=0.5", "GET", true, true},
		"refused":       {kind, 5000, "gzip;q=0, *", "GET", false, false},
		"refused twice": {kind, 5000, "gzip; q=0.0", "GET", false, false},
		"not asked for": {kind, 5000, "", "GET", false, false},
		"another one":   {kind, 5000, "br", "GET", false, false},
		"short":         {kind, 500, "gzip", "GET", false, true},
		"a page":        {"text/html; charset=utf-8", 5000, "gzip", "GET", false, false},
		"a file":        {"application/octet-stream", 5000, "gzip", "GET", false, false},
		"an image":      {"image/png", 5000, "gzip", "GET", false, false},
		"HEAD":          {kind, 5000, "gzip", "HEAD", false, false},
	} {
		a, b, err := fetch(t, respond.Compress(body(c.kind, c.n)), c.method, map[string]string{"Accept-Encoding": c.accept})
		if err != nil {
			t.Fatal(err)
		}
		if zipped := a.Header.Get("Content-Encoding") == "gzip"; zipped != c.zipped || (a.Header.Get("Vary") != "") != c.varying {
			t.Errorf("%s: %v", name, a.Header)
			continue
		}
		if c.zipped {
			z, err := gzip.NewReader(strings.NewReader(string(b)))
			if err != nil {
				t.Fatal(err)
			}
			if b, err = io.ReadAll(z); err != nil || a.Header.Get("ETag") != `W/"1"` {
				t.Errorf("%s: %v, %v", name, err, a.Header)
			}
		}
		if want := c.n; c.method == "GET" && len(b) != want || a.StatusCode != 200 {
			t.Errorf("%s: %d bytes, %s", name, len(b), a.Status)
		}
	}
}

// TestCompressBrokenOff: half an answer stays one when it is compressed.
func TestCompressBrokenOff(t *testing.T) {
	t.Parallel()
	h := respond.Compress(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, strings.Repeat("a", 1<<20))
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	if _, _, err := fetch(t, h, "GET", map[string]string{"Accept-Encoding": "gzip"}); err == nil {
		t.Error("the client takes it for a whole answer")
	}
	// What the next one gets is its own.
	a, b, err := fetch(t, respond.Compress(body("application/json", 5000)), "GET", map[string]string{"Accept-Encoding": "gzip"})
	if err != nil || a.StatusCode != 200 || len(b) > 1000 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestShare(t *testing.T) {
	t.Parallel()
	called := 0
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { called++; w.WriteHeader(http.StatusTeapot) })
	some, err := respond.ParseOrigins([]string{"https://dash.example.com", "http://localhost:3000"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		origins respond.Origins
		method  string
		from    string
		status  int
		allowed string
	}{
		"off":             {nil, "GET", "https://dash.example.com", 418, ""},
		"off, before":     {nil, "OPTIONS", "https://dash.example.com", 418, ""},
		"on":              {some, "GET", "https://dash.example.com", 418, "https://dash.example.com"},
		"on, before":      {some, "OPTIONS", "http://localhost:3000", 204, "http://localhost:3000"},
		"another":         {some, "GET", "https://evil.example.com", 418, ""},
		"another, before": {some, "OPTIONS", "https://evil.example.com", 204, ""},
		"no browser":      {some, "POST", "", 418, ""},
		"all":             {respond.Origins{"*"}, "PATCH", "https://any.example.com", 418, "https://any.example.com"},
		"all, none":       {respond.Origins{"*"}, "GET", "", 418, ""},
		"null":            {some, "OPTIONS", "null", 204, ""},
	} {
		before := called
		a, _, err := fetch(t, c.origins.Share(h), c.method, map[string]string{"Origin": c.from, "Access-Control-Request-Method": "PATCH"})
		if err != nil {
			t.Fatal(err)
		}
		if a.StatusCode != c.status || a.Header.Get("Access-Control-Allow-Origin") != c.allowed || a.Header.Get("Access-Control-Allow-Credentials") != "" ||
			(called > before) != (c.status == 418) || (a.Header.Get("Vary") == "Origin") != (c.origins != nil) {
			t.Errorf("%s: %s %v", name, a.Status, a.Header)
		}
		if c.status == 204 && c.allowed != "" && !strings.Contains(a.Header.Get("Access-Control-Allow-Headers"), "X-API-Token") {
			t.Errorf("%s: %v", name, a.Header)
		}
	}
	for _, text := range []string{"", "dash.example.com", "https://dash.example.com/", "https://a/b", "ftp://a", "https://", "https://u@a", "https://a?b"} {
		if _, err := respond.ParseOrigins([]string{text}); diag.KindOf(err) != diag.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	clock := diag.NewStepClock()
	limit, err := respond.ParseRate("3/30s", clock)
	if err != nil {
		t.Fatal(err)
	}
	h := respond.Wrap(respond.Options{Clock: clock}, func(w http.ResponseWriter, r *http.Request) error {
		if err := limit.Admit(r); err != nil {
			return err
		}
		return respond.Empty(w, http.StatusOK)
	})
	ask := func(from string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for i := range 3 {
		if w := ask("192.0.2.1:1"); w.Code != 200 {
			t.Fatalf("request %d: %d", i, w.Code)
		}
	}
	w := ask("192.0.2.1:2")
	wait, err := strconv.Atoi(w.Header().Get("Retry-After"))
	if w.Code != 429 || err != nil || wait < 1 || wait > 10 {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	for _, part := range []string{`"statusCode":429`, `"code":"RateLimitExceeded"`, fmt.Sprintf("Try again in %d seconds.", wait)} {
		if !strings.Contains(w.Body.String(), part) {
			t.Errorf("%s lacks %s", w.Body, part)
		}
	}
	if w := ask("192.0.2.2:1"); w.Code != 200 {
		t.Errorf("another client: %d", w.Code)
	}
	clock.Step(time.Duration(wait) * time.Second)
	if w := ask("192.0.2.1:3"); w.Code != 200 {
		t.Errorf("after the wait: %d", w.Code)
	}
	// One subscriber of IPv6 has a whole network, and there is room for many but not for all.
	for i := range 3 {
		ask(fmt.Sprintf("[2001:db8::%d]:1", i))
	}
	if w := ask("[2001:db8::ffff]:1"); w.Code != 429 {
		t.Errorf("a neighbour: %d", w.Code)
	}
	for i := range 70_000 {
		ask(fmt.Sprintf("[2001:%x:%x::1]:1", i>>8, i&255))
	}
	if w := ask("[2001:db9::1]:1"); w.Code != 429 {
		t.Errorf("without room: %d", w.Code)
	}
	clock.Step(time.Minute)
	if w := ask("[2001:db9::1]:1"); w.Code != 200 {
		t.Errorf("when there is room again: %d", w.Code)
	}
	if none, err := respond.ParseRate("", clock); err != nil || none.Admit(httptest.NewRequest("GET", "/", nil)) != nil {
		t.Error("without a rate somebody is refused")
	}
	for _, text := range []string{"500", "0/1m", "5/0s", "-1/1m", "5/1ms", "5/48h", "x/1m", "5/m", "9999999/1m"} {
		if _, err := respond.ParseRate(text, clock); diag.KindOf(err) != diag.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}
