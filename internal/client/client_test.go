package client_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/client"
	"lifeboat/internal/diag"
)

const token = "0123456789abcdef0123456789abcdef01234567"

// serve makes a client of a server that answers with h.
func serve(t *testing.T, h http.HandlerFunc) *client.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL+"/", token)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// refused checks an error's kind and that its words are those; it must not show the token.
func refused(t *testing.T, err error, kind diag.ErrorKind, words string) {
	t.Helper()
	switch {
	case err == nil:
		t.Error("there is no error")
	case diag.KindOf(err) != kind || !strings.Contains(err.Error(), words):
		t.Errorf("kind %v: %v; want kind %v and %q", diag.KindOf(err), err, kind, words)
	case strings.Contains(err.Error(), token):
		t.Error("the error shows the token")
	}
}

func TestCall(t *testing.T) {
	t.Parallel()
	type request struct{ Method, Path, Token, Type, Body string }
	var got []request
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = append(got, request{r.Method, r.URL.EscapedPath(), r.Header.Get("X-API-Token"), r.Header.Get("Content-Type"), string(b)})
		if r.URL.RawQuery != "" || r.Header.Get("Authorization") != "" {
			t.Errorf("more than needed: %q", r.URL)
		}
		if r.Method == "GET" {
			io.WriteString(w, `{"name":"shop"}`)
		} else {
			w.WriteHeader(http.StatusNoContent)
		}
	})
	var out struct{ Name string }
	if err := c.Call(t.Context(), "GET", "/apps/a%2Fb/shop", nil, &out); err != nil || out.Name != "shop" {
		t.Errorf("%+v, %v", out, err)
	}
	if err := c.Call(t.Context(), "POST", "/apps", map[string]string{"name": "x"}, nil); err != nil {
		t.Error(err)
	}
	if err := c.Call(t.Context(), "DELETE", "/apps/a/shop", nil, &out); err != nil {
		t.Error(err)
	}
	want := []request{
		{"GET", "/v0.1/apps/a%2Fb/shop", token, "", ""},
		{"POST", "/v0.1/apps", token, "application/json", `{"name":"x"}`},
		{"DELETE", "/v0.1/apps/a/shop", token, "", ""},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("requests (-want +got):\n%s", d)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		body   string
		kind   diag.ErrorKind
		words  string
	}{
		{400, `{"message":"name is missing"}`, diag.Invalid, "name is missing"},
		{401, `{"message":"Unauthorized."}`, diag.Unauthenticated, "Unauthorized."},
		{403, `{"message":"no"}`, diag.Denied, "no"},
		{404, `{"message":"no app"}`, diag.NotFound, "no app"},
		{409, `{"message":"taken"}`, diag.Conflict, "taken"},
		{413, `{"message":"too much"}`, diag.TooLarge, "too much"},
		{429, `{"message":"wait"}`, diag.Busy, "wait"},
		{503, `{"message":"full"}`, diag.Busy, "full"},
		{418, ``, diag.Invalid, "The server answers 418"},
		{500, `{"message":""}`, diag.Internal, "The server answers 500 Internal Server Error."},
		{502, `<html>`, diag.Internal, "The server answers 502 Bad Gateway."},
		{400, `{"message":"100%d"}`, diag.Invalid, "100%d"},
		{304, ``, diag.Internal, "The server answers 304"},
	} {
		call := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(c.status)
			if c.status != 304 {
				io.WriteString(w, c.body)
			}
		})
		refused(t, call.Call(t.Context(), "GET", "/user", nil, nil), c.kind, c.words)
	}
}

// TestRedirect: the token goes nowhere but to the server that was named, and the words say where to.
func TestRedirect(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect is followed") }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL+"/x?secret=1", status) })
		err := c.Call(t.Context(), "POST", "/apps", map[string]string{}, nil)
		refused(t, err, diag.Invalid, other.URL+". ")
	}
}

func TestBadAnswers(t *testing.T) {
	t.Parallel()
	var out struct{ Name string }
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>") })
	refused(t, c.Call(t.Context(), "GET", "/user", nil, &out), diag.Internal, "not what was expected")
	c = serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "{")
	})
	refused(t, c.Call(t.Context(), "GET", "/user", nil, &out), diag.Internal, "read the answer")
	c = serve(t, func(w http.ResponseWriter, r *http.Request) {
		piece := make([]byte, 1<<20)
		for {
			if _, err := w.Write(piece); err != nil {
				return // it was read up to the limit
			}
		}
	})
	refused(t, c.Call(t.Context(), "GET", "/user", nil, &out), diag.TooLarge, "has more than")
	refused(t, c.Call(t.Context(), "GET", "/user", func() {}, nil), diag.Internal, "json")
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	base := "http://" + l.Addr().String()
	c, err := client.New(base, token)
	if err != nil {
		t.Fatal(err)
	}
	err = c.Call(t.Context(), "GET", "/user", nil, nil)
	refused(t, err, diag.Busy, "No server answers at "+base)
	refused(t, err, diag.Busy, "--url")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	refused(t, c.Call(ctx, "GET", "/user", nil, nil), diag.Busy, "canceled")
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "127.0.0.1:8080", "localhost", "ftp://a", "http://", "http:///x", "http://a b", "\x00"} {
		_, err := client.New(base, token)
		refused(t, err, diag.Invalid, "is no server's URL")
	}
}
