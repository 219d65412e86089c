package server_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"lifeboat/internal/contract"
	"lifeboat/internal/server"
)

// behind puts a reverse proxy in front of a server, as the documents say it is to be set up.
func (w *world) behind() string {
	w.t.Helper()
	to, err := url.Parse(w.at.URL)
	w.ok(err)
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"] // of the proxy in front of it: tests have one address only
		r.SetURL(to)
		r.SetXForwarded()
		r.Out.Header.Set("X-Forwarded-Proto", "https")
		r.Out.Header.Set("X-Forwarded-Host", "crash.example.com")
	}})
	w.t.Cleanup(proxy.Close)
	return proxy.URL
}

func (w *world) ask(at, token, client string) answer {
	w.t.Helper()
	req, err := http.NewRequest("GET", at, nil)
	w.ok(err)
	req.Header.Set("X-API-Token", token)
	req.Header.Set("X-Forwarded-For", client)
	return w.do(req)
}

// TestTrustedProxy: clients behind a proxy that is trusted are told apart, and get URLs that lead to the proxy.
func TestTrustedProxy(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *server.Config) { c.TrustedProxy, c.APIRate = []string{"127.0.0.0/8"}, "10/1h" })
	w.makeApp("shop") // one request of this machine itself
	w.post(crash(1, userID))
	token, err := server.AdminToken(w.data)
	w.ok(err)
	proxy := w.behind()
	w.waitFor("indexed", func() bool { return w.metric(`lifeboat_pipeline_rows_total{kind="report"}`) == "1" })
	var groups contract.ErrorGroups
	path := "/apps/" + w.app.Owner.Name + "/" + w.app.Name + "/errors/errorGroups"
	w.call("GET", path, nil, &groups)
	path = "/v0.1" + path + "/" + groups.ErrorGroups[0].ErrorGroupID + "/errors/aaaaaaaa-0000-4000-8000-000000000001/location"
	var where struct{ URI string }
	a := w.ask(proxy+path, token, "198.51.100.1")
	w.ok(json.Unmarshal([]byte(a.body), &where))
	if !strings.HasPrefix(where.URI, "https://crash.example.com/") {
		t.Errorf("a URL is %s", where.URI)
	}
	if a := w.get(proxy + strings.TrimPrefix(where.URI, "https://crash.example.com")); a.status != 200 || !strings.Contains(a.body, "com.acme") {
		t.Errorf("it leads to %d %s", a.status, a.body)
	}

	for range 10 {
		w.ask(proxy+"/v0.1/user", token, "203.0.113.1")
	}
	a = w.ask(proxy+"/v0.1/user", token, "203.0.113.1")
	if a.status != 429 || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, `"statusCode":429`) || !strings.Contains(a.body, "RateLimitExceeded") {
		t.Errorf("the eleventh request: %d %v %s", a.status, a.header, a.body)
	}
	if a := w.ask(proxy+"/v0.1/user", token, "203.0.113.2"); a.status != 200 {
		t.Errorf("another client: %d", a.status)
	}
	// Devices and the pages are not limited by it.
	for range 12 {
		if a := w.post(crash(2, userID)); a.status != 200 {
			t.Fatalf("a device: %d", a.status)
		}
		if a := w.get(w.at.URL + "/healthz"); a.status != 200 {
			t.Fatalf("healthz: %d", a.status)
		}
	}
}

// TestUntrustedProxy: what anybody says of himself changes nothing.
func TestUntrustedProxy(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *server.Config) { c.TrustedProxy, c.APIRate = []string{"192.0.2.1"}, "3/1h" })
	token, err := server.AdminToken(w.data)
	w.ok(err)
	for i := range 3 {
		w.ask(w.at.URL+"/v0.1/user", token, net.IPv4(203, 0, 113, byte(i)).String())
	}
	if a := w.ask(w.at.URL+"/v0.1/user", token, "203.0.113.9"); a.status != 429 {
		t.Errorf("the fourth request: %d", a.status)
	}
}

// TestCORSAndGzip: both reach the API, and nothing of it is there without being asked for.
func TestCORSAndGzip(t *testing.T) {
	t.Parallel()
	const dash = "https://dash.example.com"
	for _, on := range []bool{false, true} {
		w := start(t, func(c *server.Config) {
			if on {
				c.CORSOrigin = []string{dash}
			}
		})
		req, err := http.NewRequest("OPTIONS", w.at.URL+"/v0.1/apps", nil)
		w.ok(err)
		req.Header.Set("Origin", dash)
		want := map[bool]int{false: 405, true: 204}[on]
		if a := w.do(req); a.status != want || (a.header.Get("Access-Control-Allow-Origin") == dash) != on {
			t.Errorf("CORS %v: %d %v", on, a.status, a.header)
		}
		req, err = http.NewRequest("GET", w.at.URL+"/v0.1/user", nil)
		w.ok(err)
		req.Header.Set("Origin", dash)
		if a := w.do(req); a.status != 401 || a.header.Get("X-Correlation-ID") == "" || (a.header.Get("Access-Control-Allow-Origin") == dash) != on {
			t.Errorf("CORS %v: %d %v", on, a.status, a.header)
		}
		req, err = http.NewRequest("GET", w.at.URL+"/openapi.json", nil)
		w.ok(err)
		req.Header.Set("Accept-Encoding", "gzip")
		if a := w.do(req); a.status != 200 || a.header.Get("Content-Encoding") != "gzip" || len(a.body) > 60_000 {
			t.Errorf("gzip: %d, %d bytes, %v", a.status, len(a.body), a.header)
		}
	}
}
