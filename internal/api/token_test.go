package api_test

import (
	"strings"
	"testing"
	"time"

	"lifeboat/internal/diag"
)

// TestExpiringTokens: a token ends when it said it would, and makes none that outlives it (Q31).
func TestExpiringTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var short, child token
	w.call("POST", "/v0.1/api_tokens", `{"expires_at":"2024-05-10T13:00:30Z"}`).want(201, `"expires_at":"2024-05-10T13:00:30.000Z"`).into(&short)
	w.callAs(short.APIToken, "POST", "/v0.1/api_tokens").want(201, `"expires_at":"2024-05-10T13:00:30.000Z"`).into(&child)
	w.callAs(short.APIToken, "POST", "/v0.1/api_tokens", `{"expires_at":"2024-05-10T12:30:00"}`).want(201, `"expires_at":"2024-05-10T12:30:00.000Z"`)
	w.callAs(short.APIToken, "POST", "/v0.1/api_tokens", `{"expires_at":"2024-05-10T13:00:31Z"}`).want(403, "outlives")
	w.callAs(short.APIToken, "POST", "~/api_tokens", `{"expires_at":"2024-05-10T13:00:31Z"}`).want(403, "outlives")
	for _, bad := range []string{"soon", "2024-05-10T12:00:30Z", "1999-01-01", strings.Repeat("9", 1000)} {
		w.call("POST", "/v0.1/api_tokens", `{"expires_at":"`+bad+`"}`).want(400)
	}
	w.call("POST", "/v0.1/api_tokens", `{"expires_at":7}`).want(400, "expires_at must be a text")
	w.call("POST", "/v0.1/api_tokens", `{"expires_at":"9999-12-31"}`).want(201)
	w.clock.Pass(time.Hour - time.Millisecond)
	w.callAs(short.APIToken, "GET", "/v0.1/user").want(200)
	w.clock.Pass(time.Millisecond)
	for _, text := range []string{short.APIToken, child.APIToken} {
		w.callAs(text, "GET", "/v0.1/user").want(401, "expired")
	}
	w.call("GET", "/v0.1/api_tokens").want(200, short.ID) // people see why a script failed
	w.clock.Pass(31 * 24 * time.Hour)
	w.must(w.api.Work(t.Context()))
	if a := w.call("GET", "/v0.1/api_tokens").want(200); strings.Contains(a.body, short.ID) {
		t.Error("a token that ended a month ago is kept")
	}
}

// TestAppTokens: who may make, see and delete which token of an app.
func TestAppTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := func(name string, role diag.Role) string {
		u := w.user(name, false)
		w.must(w.store.SetMember(t.Context(), w.app.Num, u.Num, role))
		return w.tokenOf(u, 0, "all")
	}
	dev, viewer := member("dev", diag.RoleDeveloper), member("vic", diag.RoleViewer)
	for _, c := range []struct {
		as, body string
		status   int
		text     string
	}{
		{w.token, ``, 201, `"scope":["all"]`},
		{w.token, `{"scope":["viewer"]}`, 201, `"scope":["viewer"]`},
		{dev, ``, 201, `"scope":["viewer"]`},
		{dev, `{"scope":["viewer"],"description":"dev's"}`, 201, `"scope":["viewer"]`},
		{dev, `{"scope":["all"]}`, 403, "Only a manager"},
		{dev, `{"scope":["viewer","all"]}`, 403, "Only a manager"},
		{viewer, `{"scope":["viewer"]}`, 403, "developer"},
		{w.tokenOf(w.ann, 0, "viewer"), `{"scope":["viewer"]}`, 403, "read-only"},
		{w.tokenOf(w.ann, w.app.Num, "all"), ``, 201, `"scope":["all"]`},
		{w.tokenOf(w.ann, w.app.Num, "viewer"), `{"scope":["viewer"]}`, 403, "read-only"},
		{w.token, `{"scope":["write"]}`, 400, ""},
		{w.token, `{"description":"` + strings.Repeat("x", 1001) + `"}`, 400, ""},
	} {
		w.callAs(c.as, "POST", "~/api_tokens", c.body).want(c.status, c.text)
	}
	list := func(as string) (all []token) {
		t.Helper()
		a := w.callAs(as, "GET", "~/api_tokens").want(200)
		if strings.Contains(a.body, "api_token") {
			t.Error("the list shows a token")
		}
		a.into(&all)
		return all
	}
	all, own := list(w.token), list(dev)
	if len(all) != 7 || len(own) != 2 {
		t.Fatalf("a manager sees %d tokens, a developer %d", len(all), len(own))
	}
	w.callAs(viewer, "GET", "~/api_tokens").want(403)

	var managers token
	w.call("POST", "~/api_tokens").into(&managers)
	w.callAs(managers.APIToken, "GET", "~").want(200)
	w.callAs(dev, "DELETE", "~/api_tokens/"+managers.ID).want(404)
	w.callAs(viewer, "DELETE", "~/api_tokens/"+own[0].ID).want(403)
	w.callAs(dev, "DELETE", "~/api_tokens/"+own[0].ID).want(204)
	w.call("DELETE", "~/api_tokens/"+own[1].ID).want(204)
	w.call("DELETE", "~/api_tokens/"+own[1].ID).want(404)
	w.call("DELETE", "~/api_tokens/x").want(404)
	w.call("DELETE", "~/api_tokens/current").want(404)
	w.callAs(managers.APIToken, "DELETE", "~/api_tokens/current").want(204)
	w.callAs(managers.APIToken, "GET", "~").want(401)

	// A token of a user, or of another app, is none of this app.
	var users token
	w.call("POST", "/v0.1/api_tokens").into(&users)
	w.call("DELETE", "~/api_tokens/"+users.ID).want(404)
	w.callAs(users.APIToken, "GET", "/v0.1/user").want(200)
	other := w.newApp("acme", "Other", 9)
	w.must(w.store.SetMember(t.Context(), other.Num, w.ann.Num, diag.RoleManager))
	w.call("POST", "/v0.1/apps/acme/Other/api_tokens").into(&users)
	w.call("DELETE", "~/api_tokens/"+users.ID).want(404)
	w.callAs(users.APIToken, "GET", "~").want(403)
	w.callAs(users.APIToken, "GET", "/v0.1/apps/acme/Other").want(200)
}

// TestTokenBound: an account cannot fill the register.
func TestTokenBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 999 {
		w.tokenOf(w.ann, 0, "all")
	}
	w.call("POST", "/v0.1/api_tokens").want(409, "1000 tokens")
}
