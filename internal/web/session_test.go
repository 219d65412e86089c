package web_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/web"
)

// signedIn reports whether the page is shown, and not the form.
func (w *world) signedIn() bool {
	w.t.Helper()
	a := w.get("/")
	if a.StatusCode != http.StatusOK {
		w.t.Fatalf("/ is answered %d", a.StatusCode)
	}
	root := w.parse(a)
	form := len(root.id("token").attr) > 0
	if page := len(root.named("footer")) > 0; page == form {
		w.t.Fatal("/ is neither the page nor the form")
	}
	return !form
}

// cookies are those that the browser would send.
func (w *world) cookies() []*http.Cookie {
	u, err := url.Parse(w.server.URL)
	w.ok(err)
	return w.browser.Jar.Cookies(u)
}

func (w *world) setCookie(name, value string) {
	u, err := url.Parse(w.server.URL)
	w.ok(err)
	w.browser.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if w.signedIn() {
		t.Fatal("the page is shown to anybody")
	}
	field := w.parse(w.get("/sign-in")).id("token")
	if field.attr["type"] != "password" || field.attr["autocomplete"] != "off" || field.attr["name"] != "token" {
		t.Errorf("the field of the token is %v", field.attr)
	}
	a := w.post("/sign-in", url.Values{"token": {"  " + annToken + "\n"}}) // as pasted
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/" {
		t.Fatalf("signing in is answered %d to %q", a.StatusCode, a.Header.Get("Location"))
	}
	c := a.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.Secure || c.MaxAge != 12*60*60 {
		t.Errorf("cookie %v", c)
	}
	if plain, _ := base64.RawURLEncoding.DecodeString(c.Value); strings.Contains(c.Value+string(plain), annToken[:8]) {
		t.Error("the cookie shows the token")
	}
	if !w.signedIn() {
		t.Fatal("still the form")
	}
	if got := w.home("/").class("user")[0].text(); got != "Ann" {
		t.Errorf("the page greets %q", got)
	}
	if a := w.post("/sign-out", nil); a.StatusCode != http.StatusSeeOther || a.Cookies()[0].MaxAge >= 0 {
		t.Errorf("signing out is answered %d %v", a.StatusCode, a.Cookies())
	}
	if w.signedIn() {
		t.Error("the session did not end")
	}
}

func TestWrongTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *web.Options) {
		known := o.SignIn
		o.SignIn = func(ctx context.Context, token string) (web.Caller, error) {
			if token == "of an app" {
				return web.Caller{}, diag.Errorf(diag.Denied, "Forbidden. This needs the token of a user.")
			}
			return known(ctx, token)
		}
	})
	var first string
	for _, token := range []string{"", "x", "of an app", strings.ToUpper(annToken), annToken + "0", strings.Repeat("a", 1000), "<script>alert(1)</script>"} {
		a := w.post("/sign-in", url.Values{"token": {token}})
		alert := w.parse(a).id("failed").text()
		if first == "" {
			first = alert
		}
		if a.StatusCode != http.StatusUnauthorized || len(a.Cookies()) > 0 || alert == "" || alert != first {
			t.Errorf("%.20q is answered %d %q with %d cookies", token, a.StatusCode, alert, len(a.Cookies()))
		}
		if token != "" && len(token) > 1 && strings.Contains(a.text, token) {
			t.Errorf("%.20q is echoed", token)
		}
	}
	if a := w.post("/sign-in", url.Values{"token": {strings.Repeat("a", 10_000)}}); a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a large form is answered %d", a.StatusCode)
	}
	if w.post("/sign-in?token="+annToken, nil).StatusCode != http.StatusUnauthorized {
		t.Error("a token in the address is taken: it would be in everybody's logs")
	}
}

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	t.Run("when the token is revoked", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.enter(annToken)
		if !w.signedIn() {
			t.Fatal("not signed in")
		}
		w.revoke(annToken)
		if w.signedIn() {
			t.Error("the session goes on")
		}
		if len(w.cookies()) > 0 {
			t.Error("the browser keeps a cookie that is good for nothing")
		}
	})
	t.Run("after 12 hours", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.enter(annToken)
		w.clock.Step(12*time.Hour - time.Minute)
		if !w.signedIn() {
			t.Error("it ended before")
		}
		w.clock.Step(2 * time.Minute)
		if w.signedIn() {
			t.Error("the session goes on")
		}
	})
	t.Run("not when the server is started again", func(t *testing.T) {
		t.Parallel()
		w, again, other := newWorld(t), newWorld(t), newWorld(t, func(o *web.Options) { o.Key[0]++ })
		w.enter(annToken)
		c := w.cookies()[0]
		again.setCookie(c.Name, c.Value)
		if !again.signedIn() {
			t.Error("the same key does not open the session")
		}
		other.enter(bobToken)
		if name := other.cookies()[0].Name; name == c.Name {
			t.Error("servers on one host take each other's cookies away")
		} else {
			other.setCookie(name, c.Value)
		}
		if other.signedIn() {
			t.Error("another key opens the session")
		}
	})
}

func TestTamperedCookies(t *testing.T) {
	t.Parallel()
	asked := 0
	w := newWorld(t, func(o *web.Options) {
		known := o.SignIn
		o.SignIn = func(ctx context.Context, token string) (web.Caller, error) { asked++; return known(ctx, token) }
	})
	w.enter(annToken)
	c := w.cookies()[0]
	asked = 0
	var values []string
	for i := range c.Value {
		other := "A"
		if c.Value[i] == 'A' {
			other = "B"
		}
		values = append(values, c.Value[:i]+other+c.Value[i+1:])
	}
	values = append(values, "", "x", "====", annToken, c.Value[:20], c.Value+"AAAA", strings.Repeat("A", 4000),
		base64.RawURLEncoding.EncodeToString([]byte("\xff\xff\xff\xff\xff\xff\xff\xff"+annToken)))
	for _, v := range values {
		w.setCookie(c.Name, v)
		if w.signedIn() {
			t.Fatalf("the cookie %q is taken", v)
		}
	}
	if asked > 0 {
		t.Errorf("forged cookies were asked about %d times", asked)
	}
	w.setCookie(c.Name, c.Value)
	if !w.signedIn() || asked != 1 {
		t.Errorf("the true cookie is not taken; asked %d times", asked)
	}
}

func TestSecureCookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.base = "https://crash.example.com"
	a := w.post("/sign-in", url.Values{"token": {annToken}})
	c := a.Cookies()[0]
	if !c.Secure || !strings.HasPrefix(c.Name, "__Host-lifeboat-") {
		t.Errorf("over TLS the cookie is %q, secure %v", c.Name, c.Secure)
	}
	w.setCookie(c.Name, c.Value)
	if !w.signedIn() {
		t.Error("not signed in")
	}
	w.setCookie(c.Name, "")
	w.setCookie(strings.TrimPrefix(c.Name, "__Host-"), c.Value) // as a neighbour in the network could have set it
	if w.signedIn() {
		t.Error("a cookie without the prefix is taken")
	}
}

func TestOtherOrigins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	form := url.Values{"token": {annToken}}
	for _, header := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
		{"Origin", "https://evil.example"},
		{"Origin", "null"},
		{"Origin", w.server.URL + ".evil.example"},
		{"Sec-Fetch-Site", "cross-site", "Origin", w.server.URL},
	} {
		if a := w.post("/sign-in", form, header...); a.StatusCode != http.StatusForbidden || len(a.Cookies()) > 0 {
			t.Errorf("%v: signing in is answered %d", header, a.StatusCode)
		}
		if a := w.post("/sign-out", nil, header...); a.StatusCode != http.StatusForbidden || len(a.Cookies()) > 0 {
			t.Errorf("%v: signing out is answered %d", header, a.StatusCode)
		}
	}
	w.base = "https://crash.example.com" // a proxy stands in front
	for _, header := range [][]string{{"Sec-Fetch-Site", "same-origin"}, {"Origin", w.server.URL}, {"Origin", w.base}, nil} {
		if a := w.post("/sign-in", form, header...); a.StatusCode != http.StatusSeeOther {
			t.Errorf("%v: signing in is answered %d", header, a.StatusCode)
		}
	}
}

// from signs in from an address.
func from(h http.Handler, address, token string) int {
	r := httptest.NewRequest(http.MethodPost, "/sign-in", strings.NewReader(url.Values{"token": {token}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = address
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	if rec.Code == http.StatusTooManyRequests && rec.Header().Get("Retry-After") == "" {
		return -1
	}
	return rec.Code
}

func TestTooManyTries(t *testing.T) {
	t.Parallel()
	clock := diag.NewStepClock()
	h := web.New(web.Options{Clock: clock, BaseURL: func(*http.Request) string { return "http://localhost" },
		SignIn: func(context.Context, string) (web.Caller, error) {
			return web.Caller{}, diag.Errorf(diag.Unauthenticated, "Unauthorized.")
		}})
	tries := func(n int, address, token string) (all string) {
		for range n {
			all += fmt.Sprint(from(h, address, token), " ")
		}
		return strings.TrimSpace(all)
	}
	const no, wait = "401 ", "429"
	for _, c := range []struct{ address, what, want string }{
		{"192.0.2.1:1000", "the first tries", strings.Repeat(no, 10) + wait},
		{"192.0.2.1:2000", "another port", strings.Repeat(wait+" ", 10) + wait},
		{"[::ffff:192.0.2.1]:1", "the same address in other words", strings.Repeat(wait+" ", 10) + wait},
		{"192.0.2.2:1000", "another address", strings.Repeat(no, 10) + wait},
		{"[2001:db8::1]:1", "IPv6", strings.Repeat(no, 10) + wait},
		{"[2001:db8::9:9]:1", "the same subscriber", strings.Repeat(wait+" ", 10) + wait},
		{"@", "no address", strings.Repeat(no, 10) + wait},
	} {
		if got := tries(11, c.address, "x"); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	clock.Step(13 * time.Second)
	if got, want := tries(3, "192.0.2.1:1000", "x"), no+no+wait; got != want {
		t.Errorf("a little later: %s, want %s", got, want)
	}
}

// TestManyAddresses: what is remembered of addresses is bounded, and forgetting opens no door.
func TestManyAddresses(t *testing.T) {
	t.Parallel()
	clock := diag.NewStepClock()
	h := web.New(web.Options{Clock: clock, BaseURL: func(*http.Request) string { return "http://localhost" },
		SignIn: func(context.Context, string) (web.Caller, error) {
			return web.Caller{}, diag.Errorf(diag.Unauthenticated, "Unauthorized.")
		}})
	address := func(i int) string { return fmt.Sprintf("10.%d.%d.1:1", i/256, i%256) }
	refused := 0
	for i := range 4096 + 50 {
		if from(h, address(i), "x") == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 30 || refused > 40 { // ten of the last fifty share what is left
		t.Errorf("%d of 50 addresses beyond the limit are refused, want 40 or a few less", refused)
	}
	clock.Step(2 * time.Minute)
	if got := from(h, address(5000), "x"); got != http.StatusUnauthorized {
		t.Errorf("later a new address is answered %d", got)
	}
}

func TestSignInFails(t *testing.T) {
	t.Parallel()
	secret := errors.New("the database at /var/secret is broken")
	w := newWorld(t, func(o *web.Options) {
		o.SignIn = func(context.Context, string) (web.Caller, error) { return web.Caller{}, secret }
	})
	a := w.post("/sign-in", url.Values{"token": {annToken}})
	if a.StatusCode != http.StatusInternalServerError || strings.Contains(a.text, "secret") {
		t.Errorf("answered %d: %s", a.StatusCode, a.text)
	}
	if got := w.parse(a).named("h1")[0].text(); got != "Something went wrong" {
		t.Errorf("heading %q", got)
	}
}

func FuzzCookie(f *testing.F) {
	clock := diag.NewStepClock()
	h := web.New(web.Options{Clock: clock, BaseURL: func(*http.Request) string { return "http://localhost" },
		SignIn: func(context.Context, string) (web.Caller, error) {
			panic("a cookie that nobody has made was opened")
		}})
	f.Add("lifeboat-00000000=AAAA")
	f.Add("lifeboat-01010101=" + base64.RawURLEncoding.EncodeToString(make([]byte, 80)))
	f.Add(`a="b; c`)
	f.Fuzz(func(t *testing.T, cookie string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Cookie"] = []string{cookie}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "API token") {
			t.Errorf("answered %d", rec.Code)
		}
	})
}
