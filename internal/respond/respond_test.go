package respond_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/journal/journaltest"
	"lifeboat/internal/respond"
)

// serve runs a handler on one request and returns its answer and what was logged.
func serve(t testing.TB, r *http.Request, h respond.Handler) (answer *http.Response, body, log string) {
	t.Helper()
	var logged bytes.Buffer
	w := httptest.NewRecorder()
	respond.Wrap(respond.Options{Clock: journaltest.NewClock(time.Unix(1_700_000_000, 0)), Log: slog.New(slog.NewTextHandler(&logged, nil)), MaxBody: 100}, h).ServeHTTP(w, r)
	return w.Result(), w.Body.String(), logged.String()
}

func get() *http.Request { return httptest.NewRequest("GET", "/secret/path?token=secret", nil) }

func TestErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("the secret cause")
	for _, c := range []struct {
		err     error
		status  int
		code    string
		message string // correlation ids are cut off
		header  string
		logged  bool
	}{
		{diag.Errorf(diag.Invalid, "Say more."), 400, "BadRequest", "Say more.", "", false},
		{diag.Wrap(diag.Invalid, cause, "Say more."), 400, "BadRequest", "Say more.", "", false},
		{diag.Errorf(diag.Unauthenticated, "Unauthorized."), 401, "Unauthorized", "Unauthorized. Correlation ID: ", "Www-Authenticate", false},
		{diag.Errorf(diag.Denied, "Forbidden"), 403, "Forbidden", "Forbidden", "", false},
		{diag.Errorf(diag.NotFound, "Not found."), 404, "NotFound", "Not found. Correlation ID: ", "", false},
		{diag.Errorf(diag.Conflict, "Taken."), 409, "Conflict", "Taken.", "", false},
		{diag.Errorf(diag.TooLarge, "Too long."), 413, "BadRequest", "Too long.", "", false},
		{diag.LimitedFor(1500 * time.Millisecond), 429, "RateLimitExceeded", "Rate limit is exceeded. Try again in 2 seconds.", "Retry-After", false},
		{diag.Errorf(diag.Busy, "Later."), 503, "InternalServerError", "Later. Correlation ID: ", "Retry-After", false},
		{diag.Wrap(diag.Internal, cause, "The disk is full."), 500, "InternalServerError", "The disk is full. Correlation ID: ", "", true},
		{cause, 500, "InternalServerError", "The server failed. Correlation ID: ", "", true},
		{fmt.Errorf("call: %w", diag.Errorf(diag.Conflict, "Taken.")), 409, "Conflict", "Taken.", "", false},
		{&diag.Error{Kind: diag.Denied}, 403, "Forbidden", "Forbidden", "", false},
		{respond.MethodNotAllowed("GET", "HEAD"), 405, "BadRequest", "This path takes GET, HEAD only.", "Allow", false},
		{&http.MaxBytesError{Limit: 5}, 413, "BadRequest", "The request is too large.", "", false},
	} {
		answer, body, log := serve(t, get(), func(http.ResponseWriter, *http.Request) error { return c.err })
		var e contract.ErrorBody
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatal(err, body)
		}
		id := answer.Header.Get("X-Correlation-ID")
		message, _ := strings.CutSuffix(e.Message, id)
		if answer.StatusCode != c.status || e.StatusCode != c.status || e.Code != c.code || message != c.message || e.ID != id || len(id) != 36 {
			t.Errorf("%v: %d %s", c.err, answer.StatusCode, body)
		}
		if c.header != "" && answer.Header.Get(c.header) == "" {
			t.Errorf("%v: no %s", c.err, c.header)
		}
		if strings.Contains(body, "secret") || answer.Header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%v: %s", c.err, body)
		}
		if strings.Contains(log, "request failed") != c.logged || strings.Contains(log, "path") || strings.Contains(log, "token") || !strings.Contains(log, id) {
			t.Errorf("%v: log %s", c.err, log)
		}
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	for name, raise := range map[string]func(){
		"value":   func() { panic("ada@example.com") },
		"error":   func() { panic(errors.New("ada@example.com")) },
		"runtime": func() { _ = []int{}[len("ada")] },
		"nil map": func() { var m map[string]int; func(m map[string]int) { m["ada"]++ }(m) },
	} {
		answer, body, log := serve(t, get(), func(http.ResponseWriter, *http.Request) error { raise(); return nil })
		if answer.StatusCode != 500 || !strings.Contains(body, "The server failed.") {
			t.Errorf("%s: %d %s", name, answer.StatusCode, body)
		}
		if strings.Contains(log, "ada") || strings.Contains(body, "ada") {
			t.Errorf("%s: personal data in %s or %s", name, log, body)
		}
		if !strings.Contains(log, "TestPanic") || !strings.Contains(log, "panic: ") {
			t.Errorf("%s: the log does not say where: %s", name, log)
		}
	}
}

// TestHalfAnswer: a handler that fails after it has begun to answer ends the connection, so that nobody takes
// the half for the whole.
func TestHalfAnswer(t *testing.T) {
	t.Parallel()
	h := respond.Wrap(respond.Options{Clock: diag.SystemClock{}}, func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "half")
		if strings.HasSuffix(r.URL.Path, "panic") {
			panic("x")
		}
		return errors.New("x")
	})
	s := httptest.NewServer(h)
	defer s.Close()
	for _, path := range []string{"/error", "/panic"} {
		answer, err := http.Get(s.URL + path)
		if err != nil {
			continue
		}
		if body, err := io.ReadAll(answer.Body); err == nil {
			t.Errorf("%s: a whole answer %q", path, body)
		}
		answer.Body.Close()
	}
}

func TestAbort(t *testing.T) {
	t.Parallel()
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("panic %v", p)
		}
	}()
	serve(t, get(), func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) })
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	type pair struct {
		A string `json:"a"`
	}
	for name, c := range map[string]struct {
		handler      respond.Handler
		status       int
		body, header string
		log          string
	}{
		"json":       {func(w http.ResponseWriter, _ *http.Request) error { return respond.JSON(w, 201, pair{"<ö>"}) }, 201, `{"a":"<ö>"}`, "Content-Length: 12", "status=201 bytes=12"},
		"no json":    {func(w http.ResponseWriter, _ *http.Request) error { return respond.JSON(w, 200, func() {}) }, 500, "", "", "cannot be"},
		"empty":      {func(w http.ResponseWriter, _ *http.Request) error { return respond.Empty(w, 200) }, 200, "", "Content-Length: 0", "status=200 bytes=0"},
		"no content": {func(w http.ResponseWriter, _ *http.Request) error { return respond.Empty(w, 204) }, 204, "", "", "status=204 bytes=0"},
		"file": {func(w http.ResponseWriter, _ *http.Request) error {
			return respond.File(w, "text/plain", "a b.txt", []byte("x"))
		}, 200, "x", `Content-Disposition: attachment; filename="a b.txt"`, "status=200"},
		"route": {func(w http.ResponseWriter, r *http.Request) error {
			respond.SetRoute(r, "/things/{id}")
			return respond.JSON(w, 200, respond.Correlation(r) == w.Header().Get("X-Correlation-ID"))
		}, 200, "true", "", "route=/things/{id}"},
		"nothing": {func(http.ResponseWriter, *http.Request) error { return nil }, 200, "", "", "status=200"},
	} {
		answer, body, log := serve(t, get(), c.handler)
		if answer.StatusCode != c.status || c.body != "" && body != c.body {
			t.Errorf("%s: %d %s", name, answer.StatusCode, body)
		}
		if k, v, ok := strings.Cut(c.header, ": "); ok && answer.Header.Get(k) != v {
			t.Errorf("%s: %s is %q", name, k, answer.Header.Get(k))
		}
		if name != "no json" && !strings.Contains(log, c.log) {
			t.Errorf("%s: log %s", name, log)
		}
		for k, v := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"} {
			if answer.Header.Get(k) != v {
				t.Errorf("%s: %s is %q", name, k, answer.Header.Get(k))
			}
		}
	}
	if respond.Correlation(get()) != "" {
		t.Error("a correlation id from nowhere")
	}
}

func TestShowError(t *testing.T) {
	t.Parallel()
	h := respond.Wrap(respond.Options{Clock: diag.SystemClock{}, ShowError: func(w http.ResponseWriter, _ *http.Request, e contract.ErrorBody) {
		w.WriteHeader(e.StatusCode)
		io.WriteString(w, "<p>"+e.Message)
	}}, func(http.ResponseWriter, *http.Request) error { return diag.Errorf(diag.Denied, "No.") })
	w := httptest.NewRecorder()
	h.ServeHTTP(w, get())
	if w.Code != 403 || w.Body.String() != "<p>No." {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// object is a body with members of several types.
type object struct {
	Text string   `json:"text"`
	List []string `json:"list"`
	Yes  bool     `json:"yes"`
	Deep *object  `json:"deep"`
}

func TestReadJSON(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"":                             "",
		"  \n":                         "",
		"null":                         "",
		"{}":                           "",
		"\xef\xbb\xbf{\"text\":\"a\"}": "",
		`{"text":null,"other":{}}`:     "",
		`{"text":"a"} `:                "",
		`[]`:                           "The body must be a JSON object.",
		`"text"`:                       "The body must be a JSON object.",
		`{"text":1}`:                   "text must be a text, not a JSON number.",
		`{"list":"a"}`:                 "list must be a list of texts, not a JSON string.",
		`{"list":[1]}`:                 "list must be a text, not a JSON number.",
		`{"yes":"true"}`:               "yes must be true or false, not a JSON string.",
		`{"deep":[]}`:                  "deep must be of another type, not a JSON array.",
		`{"deep":{"text":[]}}`:         "deep.text must be a text, not a JSON array.",
		`{"text":"a"`:                  "The body is not JSON: something is wrong at byte 11.",
		`{"text":"a"}{}`:               "The body is not JSON: something is wrong at byte 13.",
		`{text:1}`:                     "The body is not JSON: something is wrong at byte 2.",
		"{\"text\":\"\xff\"}":          "The body is not UTF-8. Send JSON in UTF-8.",
		"{\x00}\x00":                   "The body is not JSON: something is wrong at byte 2.",
		`{"text":"` + strings.Repeat("x", 60) + `"}`:  "The body is too large: at most 50 bytes are read.",
		`{"text":"` + strings.Repeat("x", 600) + `"}`: "The body is too large: at most 50 bytes are read.",
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		var got error
		serve(t, r, func(w http.ResponseWriter, r *http.Request) error {
			var o object
			got = respond.ReadJSON(r, 50, &o)
			return got
		})
		if want == "" && got != nil || want != "" && (got == nil || got.Error() != want) {
			t.Errorf("%q: %v, want %q", body, got, want)
		}
	}
}

// TestBodyLimit: a body is never read beyond the limit, whoever reads it.
func TestBodyLimit(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", 1000)))
	answer, _, _ := serve(t, r, func(_ http.ResponseWriter, r *http.Request) error {
		_, err := io.Copy(io.Discard, r.Body)
		return err
	})
	if answer.StatusCode != 413 {
		t.Errorf("status %d", answer.StatusCode)
	}
}

func TestCutBody(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader(`{"text":`), failing{}))
	answer, body, _ := serve(t, r, func(_ http.ResponseWriter, r *http.Request) error { return respond.ReadJSON(r, 50, &object{}) })
	if answer.StatusCode != 400 || strings.Contains(body, "cable") {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("cable cut") }

func TestDisposition(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"a.txt": "attachment; filename=a.txt", "a b.txt": `attachment; filename="a b.txt"`, "../../etc/passwd": "attachment; filename=passwd", `C:\x\y.log`: "attachment; filename=y.log",
		"": "attachment", "..": "attachment", "/": "attachment", "a\r\nb": "attachment; filename=a__b", `a"b`: "attachment; filename=a_b", "ö": "attachment; filename*=utf-8''%C3%B6", "\xff": "attachment; filename=_",
	} {
		if got := respond.Disposition(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	if n := len(respond.Disposition(strings.Repeat("ö", 10_000))); n > 2000 {
		t.Errorf("%d bytes", n)
	}
}

// FuzzReadJSON: a body either fits or is the client's mistake.
func FuzzReadJSON(f *testing.F) {
	for _, body := range []string{`{"text":"a","list":["b"],"yes":true,"deep":{}}`, `{"deep":{"deep":{"list":[[]]}}}`, "null", "\xef\xbb\xbf", strings.Repeat(`{"deep":`, 1000), `{"yes":1e999}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		err := respond.ReadJSON(r, 1<<20, &object{})
		if kind := diag.KindOf(err); err != nil && kind != diag.Invalid && kind != diag.TooLarge {
			t.Errorf("%v", err)
		}
	})
}

// FuzzDisposition: a header value is one line of printable ASCII, whatever the name.
func FuzzDisposition(f *testing.F) {
	for _, name := range []string{"a", "ö\u202etxt.exe", "a\x00b", "\"; filename=x", strings.Repeat("a/", 300)} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		d := respond.Disposition(name)
		for i := range len(d) {
			if d[i] < ' ' || d[i] > '~' {
				t.Fatalf("%q", d)
			}
		}
	})
}
