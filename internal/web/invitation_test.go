package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/auth"
	"lifeboat/internal/diag"
	"lifeboat/internal/store"
	"lifeboat/internal/web"
)

// host is a server on which people can be invited.
type host struct {
	*world
	ann, olga diag.User // olga leads the organisation; ann is who signs in
	org       diag.Org
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{}
	h.world = newWorld(t, func(o *web.Options) {
		o.HashPassword = func(_ context.Context, password string) (string, error) {
			if len(password) < 10 {
				return "", diag.Errorf(diag.Invalid, "The password is too short: at least 10 characters.")
			}
			return "hash of " + password, nil
		}
		o.Password = func(ctx context.Context, _, login, password string) (string, error) {
			if _, hash, err := h.db.Password(ctx, login); err != nil || hash != "hash of "+password {
				return "", diag.Errorf(diag.Unauthenticated, "Unauthorized.")
			}
			return login, nil
		}
		o.Resume = func(ctx context.Context, session string) (web.Caller, error) {
			u, err := h.db.UserByName(ctx, session)
			return web.Caller{User: u}, err
		}
	})
	var err error
	h.ann, err = h.db.CreateUser(t.Context(), diag.User{ID: idOf("ann"), Name: "ann", DisplayName: "Ann", Email: "ann@example.com"})
	h.ok(err)
	if h.ann.Num != 1 {
		t.Fatalf("ann has number %d, and who signs in has 1", h.ann.Num)
	}
	h.olga, err = h.db.CreateUser(t.Context(), diag.User{ID: idOf("olga"), Name: "olga", DisplayName: "Olga <b>", Email: "olga@example.com"})
	h.ok(err)
	h.org, err = h.db.CreateOrg(t.Context(), diag.Org{ID: idOf("acme"), Name: "acme", DisplayName: "Acme & Co"}, h.olga.Num)
	h.ok(err)
	return h
}

// invite makes an invitation and returns the path of its page.
func (h *host) invite(email string, app int64) string {
	h.t.Helper()
	text, hash := auth.NewToken()
	i := store.Invitation{ID: diag.RandomID(), Email: email, Inviter: h.olga.Num, ExpiresAt: h.clock.Now().Add(7 * 24 * time.Hour).UnixMilli()}
	if i.App = app; app != 0 {
		i.Role = diag.RoleDeveloper
	} else {
		i.Org, i.OrgRole = h.org.Num, diag.OrgCollaborator
	}
	h.ok(h.db.CreateInvitation(h.t.Context(), i, hash))
	return "/invitations/" + text
}

func (h *host) role(u diag.User) diag.OrgRole {
	h.t.Helper()
	role, err := h.db.OrgRoleOf(h.t.Context(), h.org.Num, u.Num)
	h.ok(err)
	return role
}

// TestInvitation: who is signed in accepts or rejects, once.
func TestInvitation(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	page := h.invite("new@example.com", 0)
	a := h.get(page)
	root := h.parse(a)
	if text := root.text(); a.StatusCode != http.StatusOK || !strings.Contains(text, "Olga <b> invites you to the organisation Acme & Co as collaborator.") {
		t.Errorf("answered %d: %s", a.StatusCode, text)
	}
	if got := root.id("email").attr["value"]; got != "new@example.com" {
		t.Errorf("the new account would have the address %q", got)
	}
	if a.Header.Get("Referrer-Policy") != "no-referrer" || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the page's address may leave it: %v", a.Header)
	}
	// Signing in leads back here.
	link := root.named("a")
	to := link[len(link)-1].attr["href"]
	form := h.parse(h.get(to)).named("form")[0].attr["action"]
	if a := h.post(form, url.Values{"token": {annToken}}); a.Header.Get("Location") != page {
		t.Errorf("after signing in it goes on at %q", a.Header.Get("Location"))
	}
	if a := h.get(to); a.Header.Get("Location") != page { // a strict cookie did not come along with the first click
		t.Errorf("who is signed in goes on at %q", a.Header.Get("Location"))
	}
	if text := h.parse(h.get(page)).text(); !strings.Contains(text, "Accept as Ann") || strings.Contains(text, "Password") {
		t.Errorf("the page is %s", text)
	}
	if a := h.post(page, url.Values{"answer": {"accept"}}, "Sec-Fetch-Site", "cross-site"); a.StatusCode != http.StatusForbidden {
		t.Errorf("another site's form is answered %d", a.StatusCode)
	}
	if a := h.post(page, url.Values{"answer": {"perhaps"}}); a.StatusCode != http.StatusBadRequest || h.role(h.ann) != diag.OrgNone {
		t.Errorf("no answer is answered %d", a.StatusCode)
	}
	if a := h.post(page, url.Values{"answer": {"accept"}}); a.StatusCode != http.StatusSeeOther || h.role(h.ann) != diag.OrgCollaborator {
		t.Errorf("accepting is answered %d, and makes %s", a.StatusCode, h.role(h.ann))
	}
	if a := h.get(page); a.StatusCode != http.StatusNotFound || !strings.Contains(h.parse(a).text(), "not any more") {
		t.Errorf("used, it is answered %d", a.StatusCode)
	}
	page = h.invite("third@example.com", 0)
	if a := h.post(page, url.Values{"answer": {"reject"}}); a.StatusCode != http.StatusSeeOther || h.get(page).StatusCode != http.StatusNotFound {
		t.Errorf("rejecting is answered %d", a.StatusCode)
	}
	page = h.invite("fourth@example.com", 0)
	h.readOnly = true
	if a := h.post(page, url.Values{"answer": {"accept"}}); a.StatusCode != http.StatusForbidden || !strings.Contains(h.parse(a).text(), "read-only") {
		t.Errorf("with a read-only token it is answered %d", a.StatusCode)
	}
	h.clock.Step(8 * 24 * time.Hour)
	if a := h.get(page); a.StatusCode != http.StatusNotFound {
		t.Errorf("after its time it is answered %d", a.StatusCode)
	}
}

// TestJoin: a new person makes an account, which has the role and is signed in.
func TestJoin(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	app := h.app("shop", "Android", "Java") // of acme
	page := h.invite("bob@example.com", app.Num)
	if text := h.parse(h.get(page)).text(); !strings.Contains(text, "invites you to the app shop (acme/shop) as developer.") {
		t.Errorf("the page is %s", text)
	}
	for _, c := range []struct {
		name, display, password string
		says                    string
	}{
		{"", "", "long enough", "user name must be"},
		{"a/b", "", "long enough", "user name must be"},
		{"bob", "x\x00", "long enough", "nobody could see"},
		{"bob", strings.Repeat("x", 101), "long enough", "too long"},
		{"bob", "Bob", "2 little", "too short"},
		{"ANN", "Bob", "long enough", "taken"},
		{"Acme", "Bob", "long enough", "organisation of this name"},
	} {
		a := h.post(page, url.Values{"name": {c.name}, "display_name": {c.display}, "password": {c.password}})
		root := h.parse(a)
		if alert := root.id("failed").text(); a.StatusCode != http.StatusBadRequest || !strings.Contains(alert, c.says) {
			t.Errorf("%+v is answered %d %q", c, a.StatusCode, alert)
		}
		if root.id("name").attr["value"] != c.name || strings.Contains(a.text, c.password) {
			t.Errorf("%+v: the form is filled in with %v", c, root.id("name").attr)
		}
	}
	a := h.post(page, url.Values{"name": {" bob "}, "display_name": {"Bob"}, "password": {"long enough"}, "answer": {"accept"}})
	if a.StatusCode != http.StatusSeeOther || len(a.Cookies()) != 1 {
		t.Fatalf("joining is answered %d", a.StatusCode)
	}
	bob, err := h.db.UserByEmail(t.Context(), "bob@example.com")
	h.ok(err)
	role, err := h.db.RoleOf(t.Context(), app.Num, bob.Num)
	h.ok(err)
	if bob.Name != "bob" || bob.DisplayName != "Bob" || bob.Admin || role != diag.RoleDeveloper || h.role(bob) != diag.OrgMember {
		t.Errorf("%+v is %s, %s", bob, role, h.role(bob))
	}
	if got := h.home("/").class("user")[0].text(); got != "Bob" {
		t.Errorf("signed in is %q", got)
	}
	h.browser = h.newBrowser()
	if a := h.post(page, url.Values{"name": {"eve"}, "password": {"long enough"}}); a.StatusCode != http.StatusNotFound {
		t.Errorf("a second time it is answered %d", a.StatusCode)
	}
	// Who has an account is not asked to make another.
	h.ok(h.db.SetMember(t.Context(), app.Num, h.ann.Num, diag.RoleNone))
	if text := h.parse(h.get(h.invite("ann@example.com", app.Num))).text(); !strings.Contains(text, "There is an account with the address ann@example.com") || strings.Contains(text, "Password") {
		t.Errorf("the page is %s", text)
	}
}

// TestJoinLimited: nobody has the server hash passwords all day.
func TestJoinLimited(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	page, last := h.invite("bob@example.com", 0), 0
	for range 11 {
		last = h.post(page, url.Values{"name": {"bob"}, "password": {"short"}}).StatusCode
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the eleventh try is answered %d", last)
	}
}

func TestNoInvitation(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.invite("bob@example.com", 0)
	for _, path := range []string{"", "x", strings.Repeat("0", 40), strings.Repeat("0", 40) + "/x", strings.Repeat("g", 40), "%00", strings.Repeat("a", 5000), "<script>"} {
		if a := h.get("/invitations/" + path); a.StatusCode != http.StatusNotFound {
			t.Errorf("%.50q is answered %d", path, a.StatusCode)
		}
		if a := h.post("/invitations/"+path, url.Values{"answer": {"accept"}}); a.StatusCode != http.StatusNotFound {
			t.Errorf("%.50q is answered %d", path, a.StatusCode)
		}
	}
	for _, to := range []string{"https://evil.example", "//evil.example", "../x", strings.Repeat("g", 40)} {
		a := h.post("/sign-in?for=invitation&invitation="+url.QueryEscape(to), url.Values{"token": {annToken}})
		if a.Header.Get("Location") != "/" {
			t.Errorf("%q leads to %q", to, a.Header.Get("Location"))
		}
	}
	if a := h.post("/invitations/x", nil, "X", "y"); a.StatusCode != http.StatusNotFound {
		t.Errorf("answered %d", a.StatusCode)
	}
}

// TestHostileInvitation: names that others chose are text, and no longer than a page can bear.
func TestHostileInvitation(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	app := h.app("shop", "Android", "Java")
	for _, text := range hostile {
		_, err := h.db.ChangeApp(t.Context(), app.Num, func(a *diag.App) error { a.DisplayName = text; return nil })
		h.ok(err)
		_, err = h.db.ChangeOrg(t.Context(), h.org.Num, func(o *diag.Org) { o.DisplayName = text })
		h.ok(err)
		olga := h.olga
		olga.DisplayName = text
		h.ok(h.db.UpdateUser(t.Context(), olga))
		for _, to := range []int64{0, app.Num} {
			a := h.get(h.invite("x@example.com", to))
			root := h.parse(a) // held against the policy
			if a.StatusCode != http.StatusOK || len(root.text()) > 2000 || len(root.named("script")) > 0 {
				t.Errorf("answered %d with %d bytes", a.StatusCode, len(root.text()))
			}
			h.ok(h.db.RevokeInvitation(t.Context(), map[bool]int64{true: h.org.Num}[to == 0], to, "x@example.com", 0))
		}
	}
}
