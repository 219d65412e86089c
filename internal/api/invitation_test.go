package api_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"lifeboat/internal/diag"
)

// link makes a new link for the invitation at a path and returns its secret.
func (w *world) link(as, invitation string) string {
	w.Helper()
	var made struct {
		URL string `json:"accept_url"`
	}
	w.callAs(as, "POST", invitation+"/link").want(200).into(&made)
	secret, ok := strings.CutPrefix(made.URL, "https://crashes.example/invitations/")
	if !ok || len(secret) != 40 {
		w.Fatalf("link %q", made.URL)
	}
	return secret
}

// lead is a token of the administrator of acme.
func (w *world) lead() string {
	w.Helper()
	olga, err := w.store.UserByName(w.Context(), "olga")
	w.must(err)
	return w.tokenOf(olga, 0, "all")
}

func TestOrgInvitations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lead := w.lead()
	const path = "/v0.1/orgs/acme/invitations"
	w.callAs(lead, "GET", path).want(200, "[]")
	if a := w.callAs(lead, "POST", path, `{"user_email":"bob@example.com"}`).want(204); a.body != "" {
		t.Error(a.body)
	}
	w.callAs(lead, "POST", path, `{"user_email":"BOB@example.com","role":"admin"}`).want(409, "already")
	w.callAs(lead, "POST", path, `{"user_email":"olga@example.com"}`).want(409, "in the organisation already")
	var list []struct{ ID, Email, Role string }
	w.callAs(lead, "GET", path).want(200).into(&list)
	if len(list) != 1 || list[0].Role != "collaborator" || list[0].Email != "bob@example.com" || list[0].ID == "" {
		t.Errorf("%+v", list)
	}
	for _, bad := range []string{"", `{"user_email":"no address"}`, `{"user_email":"a@b.c","role":"x"}`, `{"user_email":7}`, `{"user_email":"a@b@c"}`, `{"user_email":"` + strings.Repeat("x", 300) + `@b.c"}`} {
		w.callAs(lead, "POST", path, bad).want(400)
	}
	w.callAs(lead, "POST", path+"/bob%40example.com/resend", "").want(204)
	w.callAs(lead, "POST", path+"/bob%40example.com/resend", `{"role":"member"}`).want(204)
	w.callAs(lead, "GET", path).want(200, `"role":"member"`)
	w.callAs(lead, "POST", path+"/none%40example.com/resend", "").want(404)
	w.callAs(lead, "PATCH", path+"/bob@example.com", `{"role":"admin"}`).want(204)
	w.callAs(lead, "PATCH", path+"/bob@example.com", `{"role":"king"}`).want(400)
	w.callAs(lead, "PATCH", path+"/none@example.com", `{"role":"admin"}`).want(404)
	w.callAs(lead, "GET", path).want(200, `"role":"admin"`)

	old := w.link(lead, path+"/bob%40example.com")
	secret := w.link(lead, path+"/bob%40example.com")
	if strings.Contains(w.callAs(lead, "GET", path).body, "accept_url") {
		t.Error("a list shows links")
	}
	bob := w.tokenOf(w.user("bob", false), 0, "all")
	accept := func(as, secret string) answer {
		t.Helper()
		return w.callAs(as, "POST", "/v0.1/user/invitations/orgs/"+secret+"/accept")
	}
	accept(bob, old).want(404)
	accept(bob, strings.Repeat("0", 40)).want(404)
	accept(bob, "x").want(404)
	accept(w.tokenOf(w.admin, 0, "viewer"), secret).want(403)
	accept(bob, secret).want(204)
	accept(bob, secret).want(404) // once
	w.callAs(bob, "GET", "/v0.1/orgs/acme/users/bob").want(200, `"role":"admin"`)
	w.callAs(lead, "GET", path).want(200, "[]")

	w.callAs(lead, "POST", path, `{"user_email":"carol@example.com"}`).want(204)
	w.callAs(lead, "DELETE", path, `{"user_email":"CAROL@example.com"}`).want(204)
	w.callAs(lead, "DELETE", path, `{"user_email":"carol@example.com"}`).want(404)
	w.callAs(lead, "DELETE", path, `{}`).want(400)
	w.callAs(lead, "POST", path, `{"user_email":"dan@example.com"}`).want(204)
	w.callAs(lead, "POST", path+"/dan%40example.com/revoke").want(204)
	w.callAs(lead, "POST", path+"/dan%40example.com/revoke").want(404)
	w.callAs(lead, "POST", path, `{"user_email":"eve@example.com"}`).want(204)
	secret = w.link(lead, path+"/eve@example.com")
	w.call("POST", "/v0.1/user/invitations/orgs/"+secret+"/reject").want(204)
	accept(w.token, secret).want(404)
	if log := w.logs.String(); strings.Contains(log, secret) || strings.Contains(log, "bob@") {
		t.Error("the log holds a secret or an address")
	}
}

// TestInvitationEnds: an invitation is good for a week, and as long as its sender may invite.
func TestInvitationEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lead, root := w.lead(), w.tokenOf(w.admin, 0, "all")
	bob := w.user("bob", false)
	asBob := w.tokenOf(bob, 0, "all")
	const path = "/v0.1/orgs/acme/invitations"
	accept := func(secret string) answer {
		t.Helper()
		return w.callAs(asBob, "POST", "/v0.1/user/invitations/orgs/"+secret+"/accept")
	}
	w.callAs(lead, "POST", path, `{"user_email":"b@example.com"}`).want(204)
	secret := w.link(lead, path+"/b@example.com")
	w.clock.Pass(7*24*time.Hour - time.Second)
	w.callAs(lead, "GET", path).want(200, "b@example.com")
	w.clock.Pass(time.Second)
	w.callAs(lead, "GET", path).want(200, "[]")
	w.callAs(lead, "POST", path+"/b@example.com/link").want(404)
	w.callAs(lead, "POST", path+"/b@example.com/resend").want(404)
	w.callAs(lead, "GET", "/v0.1/invitations/sent").want(200, "[]")
	accept(secret).want(404)
	w.callAs(lead, "POST", path, `{"user_email":"b@example.com"}`).want(204) // it makes room

	secret = w.link(lead, path+"/b@example.com")
	w.must(w.store.SetOrgUser(t.Context(), w.org.Num, w.ann.Num, diag.OrgAdmin, 1))
	w.callAs(root, "PATCH", "/v0.1/orgs/acme/users/olga", `{"role":"collaborator"}`).want(200)
	accept(secret).want(404)
	w.call("PATCH", path+"/b@example.com", `{"role":"member"}`).want(204) // somebody else answers for it now
	accept(secret).want(204)
	w.callAs(asBob, "GET", "/v0.1/orgs/acme").want(200)

	w.call("POST", "~/invitations", `{"user_email":"c@example.com"}`).want(204)
	secret = w.link(w.token, "~/invitations/c@example.com")
	w.must(w.store.SetOrgUser(t.Context(), w.org.Num, bob.Num, diag.OrgAdmin, 1))
	w.callAs(root, "DELETE", "/v0.1/orgs/acme/users/ann").want(204)
	w.callAs(w.tokenOf(w.user("carl", false), 0, "all"), "POST", "/v0.1/user/invitations/apps/"+secret+"/accept").want(404)
}

func TestAppInvitations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.callAs(w.token, "GET", "~/invitations").want(200, "[]")
	w.call("POST", "~/invitations", `{"user_email":"eve@example.com","permissions":["developer"]}`).want(204)
	w.call("POST", "~/invitations", `{"user_email":"eve@example.com"}`).want(409)
	w.call("POST", "~/invitations", `{"user_email":"ann@example.com"}`).want(409, "manager of the app already")
	w.call("GET", "~/invitations").want(200, `"permissions":["developer"]`, `"invite_type":"developer"`, `"is_existing_user":false`, `"name":"ann"`, `"name":"Shop"`)
	w.call("GET", "/v0.1/invitations/sent").want(200, `"invitation_id":"`, `"app":{"id":"`, `"name":"Shop"`)
	w.call("PATCH", "~/invitations/eve@example.com", `{"permissions":["viewer"]}`).want(204)
	w.call("PATCH", "~/invitations/eve@example.com", `{}`).want(400)
	w.call("PATCH", "~/invitations/none@example.com", `{"permissions":["viewer"]}`).want(404)
	eve := w.tokenOf(w.user("eve", false), 0, "all")
	w.call("GET", "~/invitations").want(200, `"is_existing_user":true`)
	w.callAs(eve, "POST", "/v0.1/user/invitations/apps/"+w.link(w.token, "~/invitations/eve@example.com")+"/accept").want(204)
	w.callAs(eve, "GET", "~").want(200, `"member_permissions":["viewer"]`)
	w.callAs(eve, "GET", "/v0.1/orgs/acme/users/eve").want(200, `"role":"member"`) // as the original
	for body, permission := range map[string]string{"": "viewer", `{"role":"collaborator"}`: "developer", `{"role":"admin"}`: "manager"} {
		w.call("POST", "~/invitations/fred@example.com", body).want(204)
		w.call("GET", "~/invitations").want(200, `"permissions":["`+permission+`"]`)
		w.call("DELETE", "~/invitations/fred@example.com").want(204)
	}
	w.call("DELETE", "~/invitations/fred@example.com").want(404)
	w.call("POST", "~/invitations/fred@example.com", `{"permissions":["king"]}`).want(400)
	w.call("POST", "~/invitations/fred", "").want(400)
	// With the app go its invitations.
	w.call("POST", "~/invitations/fred@example.com", "").want(204)
	secret := w.link(w.token, "~/invitations/fred@example.com")
	w.call("DELETE", "~").want(204)
	w.callAs(eve, "POST", "/v0.1/user/invitations/apps/"+secret+"/accept").want(404)
	w.call("GET", "/v0.1/invitations/sent").want(200, "[]")
}

// TestTenAtOnce: the official command line changes ten people at a time.
func TestTenAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lead := w.lead()
	const path = "/v0.1/orgs/acme/invitations"
	at := func(fn func(n int) answer, status int) {
		t.Helper()
		var wait sync.WaitGroup
		for n := range 10 {
			wait.Go(func() { fn(n).want(status) })
		}
		wait.Wait()
	}
	at(func(n int) answer {
		return w.callAs(lead, "POST", path, fmt.Sprintf(`{"user_email":"p%d@example.com"}`, n))
	}, 204)
	at(func(n int) answer {
		return w.callAs(lead, "POST", fmt.Sprintf("%s/p%d%%40example.com/resend", path, n))
	}, 204)
	at(func(n int) answer {
		return w.callAs(lead, "DELETE", path, fmt.Sprintf(`{"user_email":"p%d@example.com"}`, n))
	}, 204)
	w.callAs(lead, "GET", path).want(200, "[]")
}
