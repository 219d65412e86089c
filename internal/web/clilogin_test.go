package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/auth"
	"lifeboat/internal/diag"
)

func TestPasswordSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.parse(w.get("/"))
	login, password := root.id("login"), root.id("password")
	if login.attr["name"] != "login" || login.attr["autocomplete"] != "username" || password.attr["type"] != "password" || password.attr["autocomplete"] != "current-password" {
		t.Errorf("fields %v and %v", login.attr, password.attr)
	}
	var first string
	for _, form := range []url.Values{
		{"login": {"ann"}, "password": {"wrong"}}, {"login": {"bob"}, "password": {annPassword}}, {"login": {"ann"}},
		{"login": {strings.Repeat("a", 400)}, "password": {annPassword}}, {"login": {"ann"}, "password": {strings.Repeat("a", 600)}},
	} {
		a := w.post("/sign-in", form)
		alert := w.parse(a).id("failed").text()
		if first == "" {
			first = alert
		}
		if a.StatusCode != http.StatusUnauthorized || len(a.Cookies()) > 0 || alert == "" || alert != first {
			t.Errorf("%.40v is answered %d %q", form, a.StatusCode, alert)
		}
	}
	a := w.post("/sign-in", url.Values{"login": {" ann "}, "password": {annPassword}})
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/" {
		t.Fatalf("answered %d to %q", a.StatusCode, a.Header.Get("Location"))
	}
	if !w.signedIn() {
		t.Fatal("still the form")
	}
	w.setPassword("another one altogether")
	if w.signedIn() {
		t.Error("the session outlives the password")
	}
}

func TestPasswordLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.limited = true
	a := w.post("/sign-in", url.Values{"login": {"ann"}, "password": {annPassword}})
	if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") != "40" || w.parse(a).id("failed").text() == "" {
		t.Errorf("answered %d with Retry-After %q", a.StatusCode, a.Header.Get("Retry-After"))
	}
}

// account makes the account behind the callers, which tokens are made for.
func (w *world) account() diag.User {
	w.t.Helper()
	u, err := w.db.CreateUser(w.t.Context(), diag.User{ID: idOf("ann"), Name: "ann"})
	w.ok(err)
	if u.Num != 1 {
		w.t.Fatalf("the account has the number %d", u.Num)
	}
	return u
}

// tokens are those that were made.
func (w *world) made(u diag.User) []diag.Token {
	w.t.Helper()
	all, err := w.db.Tokens(w.t.Context(), u.Num)
	w.ok(err)
	return all
}

// TestCLILogin walks as a person does whom `appcenter login` sent to the page.
func TestCLILogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.account()
	for _, path := range []string{"/cli-login?hostname=box-7", "/api/cli-login?hostname=box-7", "/cli-login/?hostname=box-7"} {
		form := w.parse(w.get(path)).named("form")[0]
		if form.attr["action"] != "/sign-in?for=cli&hostname=box-7" {
			t.Errorf("%s: the form goes to %q", path, form.attr["action"])
		}
	}
	a := w.post("/sign-in?for=cli&hostname=box-7", url.Values{"login": {"ann"}, "password": {"wrong"}})
	if got := w.parse(a).named("form")[0].attr["action"]; a.StatusCode != http.StatusUnauthorized || got != "/sign-in?for=cli&hostname=box-7" {
		t.Errorf("after a wrong password: %d, %q", a.StatusCode, got)
	}
	a = w.post("/sign-in?for=cli&hostname=box-7", url.Values{"login": {"ann"}, "password": {annPassword}})
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/cli-login?hostname=box-7" {
		t.Fatalf("signing in leads to %d %q", a.StatusCode, a.Header.Get("Location"))
	}
	page := w.parse(w.get(a.Header.Get("Location")))
	form := page.named("main")[0].named("form")[0]
	if len(w.made(ann)) != 0 || !strings.Contains(page.text(), "box-7") || !strings.Contains(page.text(), "for 365 days") || form.attr["method"] != "post" {
		t.Fatal("a link alone makes a token, or the page does not ask")
	}
	a = w.post(form.attr["action"], nil)
	page = w.parse(a)
	made := w.made(ann)
	text := page.id("code").text()
	if len(made) != 1 || made[0].Description != "CLI on box-7" || made[0].Scope != diag.ScopeAll || made[0].App != 0 {
		t.Fatalf("tokens %+v", made)
	}
	if k, _, err := w.db.TokenByHash(t.Context(), auth.Hash(text)); err != nil || k.ID != made[0].ID {
		t.Errorf("the code %q is not the token: %v", text, err)
	}
	if left := time.UnixMilli(made[0].ExpiresAt).Sub(w.clock.Now()); left < 364*24*time.Hour || left > 365*24*time.Hour {
		t.Errorf("the token ends in %v", left)
	}
	if all := page.text(); !strings.Contains(all, "shown this once") || !strings.Contains(all, made[0].ID.String()) || !strings.Contains(all, "good until 20") {
		t.Errorf("the page says %q", all)
	}
	if again := w.get("/cli-login?hostname=box-7"); strings.Contains(again.text, text) {
		t.Error("the code is shown again")
	}
}

func TestCLILoginRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.account()
	if a := w.post("/cli-login?hostname=x", nil); a.StatusCode != http.StatusOK || len(w.parse(a).id("login").attr) == 0 {
		t.Errorf("without a session: %d", a.StatusCode)
	}
	w.enter(annToken)
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		if a := w.post("/cli-login?hostname=x", nil, header...); a.StatusCode != http.StatusForbidden {
			t.Errorf("%v: %d", header, a.StatusCode)
		}
	}
	w.readOnly = true
	if a := w.post("/cli-login?hostname=x", nil); !strings.Contains(a.text, "read-only") {
		t.Error("a read-only token makes a full one")
	}
	if n := len(w.made(ann)); n != 0 {
		t.Errorf("%d tokens were made", n)
	}
	w.readOnly, w.expires = false, w.clock.Now().Add(36*time.Hour).Round(time.Millisecond)
	w.post("/cli-login?hostname=x", nil)
	if made := w.made(ann); len(made) != 1 || made[0].ExpiresAt != w.expires.UnixMilli() {
		t.Errorf("%+v outlives the token that made it, which ends at %d", made, w.expires.UnixMilli())
	}
	r, err := http.NewRequest(http.MethodPut, w.server.URL+"/cli-login", nil)
	w.ok(err)
	if a := w.send(r); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("PUT is answered %d", a.StatusCode)
	}
}

// TestHostNames: the name of the machine is what the machine says, and breaks nothing.
func TestHostNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.account()
	w.enter(annToken)
	for host, want := range map[string]string{
		"":                            "another machine",
		" \t\n":                       "another machine",
		"\x00\x1b[31mred\u202e":       "[31mred",
		"\xff\xfe":                    "another machine",
		`"><script>alert(1)</script>`: `"><script>alert(1)</script>`,
		"{{.Token}}":                  "{{.Token}}",
		"a&hostname=b#c?d":            "a&hostname=b#c?d",
		"ann's größter Mac 🚀":         "ann's größter Mac 🚀",
		"javascript:alert(1)":         "javascript:alert(1)",
	} {
		before := len(w.made(ann))
		path := "/cli-login?hostname=" + url.QueryEscape(host)
		page := w.parse(w.get(path))
		main := page.named("main")[0]
		if got := strings.Join(texts(main.named("bdi")), ""); got != want {
			t.Errorf("%q is shown as %q", host, got)
		}
		w.parse(w.post(main.named("form")[0].attr["action"], nil))
		made := w.made(ann)
		if len(made) != before+1 || !hasDescription(made, "CLI on "+want) {
			t.Errorf("%q: tokens %+v", host, made)
		}
	}
	long := w.parse(w.get("/cli-login?hostname=" + strings.Repeat("x", 10_000)))
	if got := long.named("main")[0].named("bdi")[0].text(); len(got) > 110 {
		t.Errorf("a long name is shown with %d bytes", len(got))
	}
	if a := w.get("/cli-login?hostname=%zz&hostname=%"); a.StatusCode != http.StatusOK {
		t.Errorf("a query that cannot be read is answered %d", a.StatusCode)
	}
}

func hasDescription(all []diag.Token, want string) bool {
	for _, k := range all {
		if k.Description == want {
			return true
		}
	}
	return false
}
