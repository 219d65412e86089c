package respond_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
)

func TestBelieve(t *testing.T) {
	t.Parallel()
	trusted, err := respond.ParseProxies([]string{"10.0.0.0/8", "192.0.2.7", "fd00::/8", "::ffff:172.16.0.0/108"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		peer   string
		header []string // name: value
		client string   // without the port, "" for the peer as it was
		origin string   // scheme host
	}{
		"nobody":              {"198.51.100.1:9", nil, "", " "},
		"not trusted":         {"198.51.100.1:9", []string{"X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Forwarded-Host: a"}, "", " "},
		"not trusted, modern": {"198.51.100.1:9", []string{"Forwarded: for=1.2.3.4;proto=https;host=a"}, "", " "},
		"one":                 {"10.1.2.3:9", []string{"X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Forwarded-Host: crash.example.com"}, "1.2.3.4", "https crash.example.com"},
		"a single address":    {"192.0.2.7:9", []string{"X-Forwarded-For: 1.2.3.4"}, "1.2.3.4", " "},
		"its neighbour":       {"192.0.2.8:9", []string{"X-Forwarded-For: 1.2.3.4"}, "", " "},
		"mapped":              {"[::ffff:10.0.0.1]:9", []string{"X-Forwarded-For: ::ffff:1.2.3.4"}, "1.2.3.4", " "},
		"mapped network":      {"172.16.0.9:9", []string{"X-Forwarded-For: 1.2.3.4"}, "1.2.3.4", " "},
		"IPv6":                {"[fd00::1]:9", []string{"X-Forwarded-For: 2001:db8::1"}, "2001:db8::1", " "},
		"with ports":          {"10.0.0.1:9", []string{"X-Forwarded-For: [2001:db8::1]:4711"}, "2001:db8::1", " "},
		// What the client claims stands in front; only the last one that is none of ours counts.
		"a lie":              {"10.0.0.1:9", []string{"X-Forwarded-For: 6.6.6.6, 1.2.3.4"}, "1.2.3.4", " "},
		"a chain":            {"10.0.0.1:9", []string{"X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.3,10.0.0.2"}, "1.2.3.4", " "},
		"several lines":      {"10.0.0.1:9", []string{"X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 10.0.0.2"}, "1.2.3.4", " "},
		"only ours":          {"10.0.0.1:9", []string{"X-Forwarded-For: 10.0.0.3, 10.0.0.2"}, "10.0.0.3", " "},
		"nonsense":           {"10.0.0.1:9", []string{"X-Forwarded-For: 1.2.3.4, unknown, 10.0.0.2"}, "10.0.0.2", " "},
		"only nonsense":      {"10.0.0.1:9", []string{"X-Forwarded-For: ' or 1=1"}, "10.0.0.1", " "},
		"empty":              {"10.0.0.1:9", []string{"X-Forwarded-For: ", "X-Forwarded-Proto: "}, "10.0.0.1", " "},
		"scheme alone":       {"10.0.0.1:9", []string{"X-Forwarded-Proto: HTTPS"}, "10.0.0.1", "https "},
		"schemes":            {"10.0.0.1:9", []string{"X-Forwarded-Proto: http, https"}, "10.0.0.1", "https "},
		"no scheme":          {"10.0.0.1:9", []string{"X-Forwarded-Proto: javascript"}, "10.0.0.1", " "},
		"host with a port":   {"10.0.0.1:9", []string{"X-Forwarded-Host: [2001:db8::1]:8443"}, "10.0.0.1", " [2001:db8::1]:8443"},
		"no host":            {"10.0.0.1:9", []string{"X-Forwarded-Host: a/b?c"}, "10.0.0.1", " "},
		"a host with a line": {"10.0.0.1:9", []string{"X-Forwarded-Host: a\tb"}, "10.0.0.1", " "},
		"modern":             {"10.0.0.1:9", []string{`Forwarded: for="[2001:db8::1]:4711";proto=https;host=crash.example.com`}, "2001:db8::1", "https crash.example.com"},
		"modern wins":        {"10.0.0.1:9", []string{"Forwarded: for=1.2.3.4", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https"}, "1.2.3.4", " "},
		"modern chain":       {"10.0.0.1:9", []string{`Forwarded: for=6.6.6.6;proto=http;host=evil, For="1.2.3.4";PROTO=https;host=crash.example.com , for=10.0.0.2;proto=http;host=inner`}, "1.2.3.4", "https crash.example.com"},
		"hidden":             {"10.0.0.1:9", []string{"Forwarded: for=_secret;proto=https, for=10.0.0.2"}, "10.0.0.2", "https "},
		"quoted commas":      {"10.0.0.1:9", []string{`Forwarded: for="1.2.3.4";ext="a, for=6.6.6.6"`}, "1.2.3.4", " "},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		for _, line := range c.header {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Add(name, value)
		}
		got := trusted.Believe(r)
		if c.client == "" {
			if got.RemoteAddr != c.peer {
				t.Errorf("%s: the client is %s", name, got.RemoteAddr)
			}
		} else if a, err := netip.ParseAddrPort(got.RemoteAddr); err != nil || a.Addr().String() != c.client {
			t.Errorf("%s: the client is %s, want %s", name, got.RemoteAddr, c.client)
		}
		if scheme, host := respond.Origin(got); scheme+" "+host != c.origin {
			t.Errorf("%s: the origin is %q %q, want %q", name, scheme, host, c.origin)
		}
		if r.RemoteAddr != c.peer {
			t.Errorf("%s: the request itself was changed", name)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.TLS = &tls.ConnectionState{}
	if scheme, _ := respond.Origin(respond.Proxies(nil).Believe(r)); scheme != "https" {
		t.Errorf("over TLS the scheme is %q", scheme)
	}
}

func TestParseProxies(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "10", "10.0.0.0/33", "proxy.example.com", "10.0.0.0/8,10.1.1.1", "fd00::/129", "10.0.0.1:80"} {
		if _, err := respond.ParseProxies([]string{text}); diag.KindOf(err) != diag.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzBelieve: whatever headers say, the client has an address, and the origin is fit for a URL.
func FuzzBelieve(f *testing.F) {
	f.Add(`for="[2001:db8::1]:4711";proto=https;host=a`, "1.2.3.4, 5.6.7.8", "https", "a:1")
	f.Add(`for=";\",`, ",,,", "", `"`)
	trusted, err := respond.ParseProxies([]string{"0.0.0.0/0", "::/0"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, modern, list, proto, host string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header = http.Header{"X-Forwarded-For": {list}, "X-Forwarded-Proto": {proto}, "X-Forwarded-Host": {host}}
		if modern != "" {
			r.Header.Set("Forwarded", modern)
		}
		got := trusted.Believe(r)
		if _, err := netip.ParseAddrPort(got.RemoteAddr); err != nil {
			t.Errorf("the client is %q", got.RemoteAddr)
		}
		scheme, at := respond.Origin(got)
		if scheme != "" && scheme != "http" && scheme != "https" || strings.ContainsAny(at, "/?#@\\ \r\n\"<>%") {
			t.Errorf("the origin is %q %q", scheme, at)
		}
	})
}
