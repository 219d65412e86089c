package api_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"lifeboat/internal/diag"
)

// TestOrgs: an organisation is made, renamed with its apps, and deleted when it has none.
func TestOrgs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call("POST", "/v0.1/orgs", `{"display_name":"Widgets & Co"}`).want(201, `"name":"Widgets-Co"`, `"display_name":"Widgets & Co"`, `"origin":"appcenter"`, `"avatar_url":null`)
	w.call("POST", "/v0.1/orgs", `{"display_name":"x","name":"WIDGETS-co"}`).want(409)
	w.call("POST", "/v0.1/orgs", `{"display_name":"x","name":"Ann"}`).want(409) // a user has the name
	for _, bad := range []string{"{}", `{"name":"../x"}`, `{"name":".."}`, `{"display_name":"   "}`, `{"name":5}`, `{"display_name":"` + strings.Repeat("x", 101) + `"}`} {
		w.call("POST", "/v0.1/orgs", bad).want(400)
	}
	w.call("GET", "/v0.1/orgs").want(200, `"name":"Widgets-Co"`)
	w.call("GET", "/v0.1/administeredOrgs").want(200, `{"organizations":[{`, `"name":"Widgets-Co"`)
	w.call("GET", "/v0.1/orgs/widgets-co/users").want(200, `"role":"admin"`, `"name":"ann"`)
	w.call("POST", "/v0.1/orgs/Widgets-Co/apps", `{"display_name":"Shop","name":"s","os":"iOS","platform":"Unity"}`).want(201, `"type":"org"`)
	w.call("DELETE", "/v0.1/orgs/Widgets-Co").want(409, "1 apps")
	w.call("PATCH", "/v0.1/orgs/Widgets-Co", `{"name":"Acme"}`).want(409)
	w.call("PATCH", "/v0.1/orgs/Widgets-Co", `{"name":"Gadgets","display_name":"Gadgets"}`).want(200, `"name":"Gadgets"`)
	w.call("GET", "/v0.1/orgs/Widgets-Co").want(404)
	w.call("GET", "/v0.1/apps/Widgets-Co/s").want(404)
	w.call("GET", "/v0.1/apps/gadgets/S").want(200, `"name":"Gadgets","type":"org"`)
	w.call("GET", "/v0.1/orgs/Gadgets/apps").want(200, `"name":"s"`)
	w.call("GET", "/v0.1/orgs/Gadgets/users/ann/apps").want(200, `"name":"s"`)
	w.call("DELETE", "/v0.1/apps/Gadgets/s").want(204)
	w.call("DELETE", "/v0.1/orgs/Gadgets").want(204)
	w.call("GET", "/v0.1/orgs/Gadgets").want(404)
}

// TestOrgRoles: the last administrator stays one; who leaves loses the apps too.
func TestOrgRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	olga, err := w.store.UserByName(t.Context(), "olga")
	w.must(err)
	lead := w.tokenOf(olga, 0, "all")
	w.callAs(lead, "PATCH", "/v0.1/orgs/acme/users/olga", `{"role":"member"}`).want(409, "last administrator")
	w.callAs(lead, "DELETE", "/v0.1/orgs/acme/users/olga").want(409)
	bob := w.user("bob", false)
	w.must(w.store.SetOrgUser(t.Context(), w.org.Num, bob.Num, diag.OrgMember, today.UnixMilli()))
	asBob := w.tokenOf(bob, 0, "all")
	w.callAs(asBob, "GET", "~").want(404) // a place in the organisation is none in its apps
	w.callAs(lead, "PATCH", "/v0.1/orgs/acme/users/bob", `{"role":"king"}`).want(400)
	w.callAs(lead, "PATCH", "/v0.1/orgs/acme/users/BOB", `{"role":"Admin"}`).want(200, `"role":"admin"`)
	w.callAs(asBob, "GET", "~").want(200, `"member_permissions":["manager"]`)
	w.callAs(asBob, "GET", "/v0.1/apps").want(200, `"name":"Shop"`)
	w.callAs(lead, "GET", "~/users").want(200, `"name":"bob"`, `"permissions":["manager"]`)
	w.callAs(asBob, "PATCH", "~/users/ann@example.com", `{"permissions":["viewer"]}`).want(204)
	w.call("GET", "~").want(200, `"member_permissions":["viewer"]`)
	w.callAs(asBob, "PATCH", "~/users/ann@example.com", `{"permissions":[]}`).want(400)
	w.callAs(asBob, "PATCH", "~/users/nobody@example.com", `{"permissions":["viewer"]}`).want(404)
	w.callAs(asBob, "DELETE", "~/users/ann@example.com").want(204)
	w.call("GET", "~").want(404)
	w.must(w.store.SetMember(t.Context(), w.app.Num, bob.Num, diag.RoleViewer))
	w.callAs(lead, "DELETE", "/v0.1/orgs/acme/users/bob").want(204)
	w.callAs(asBob, "GET", "~").want(404)
	w.callAs(lead, "GET", "/v0.1/orgs/acme/users/bob").want(404)
}

// TestInvitations: by hand, since nothing is sent: a link is good once, for a week.
func TestInvitations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	olga, err := w.store.UserByName(t.Context(), "olga")
	w.must(err)
	lead := w.tokenOf(olga, 0, "all")
	const path = "/v0.1/orgs/acme/invitations"
	w.callAs(lead, "POST", path, `{"user_email":"bob@example.com"}`).want(204)
	w.callAs(lead, "POST", path, `{"user_email":"BOB@example.com","role":"collaborator"}`).want(204) // renewed, not doubled
	var list []struct{ ID, Email, Role string }
	w.must(json.Unmarshal([]byte(w.callAs(lead, "GET", path).want(200).body), &list))
	if len(list) != 1 || list[0].Role != "collaborator" || list[0].ID == "" {
		t.Errorf("%+v", list)
	}
	for _, bad := range []string{"", `{"user_email":"no address"}`, `{"user_email":"a@b.c","role":"x"}`, `{"user_email":7}`} {
		w.callAs(lead, "POST", path, bad).want(400)
	}
	w.callAs(lead, "POST", path+"/bob%40example.com/resend", "").want(204)
	w.callAs(lead, "POST", path+"/none%40example.com/resend", "").want(404)
	w.callAs(lead, "PATCH", path+"/bob%40example.com", `{"role":"admin"}`).want(204)

	link := func(at string) string {
		var made struct {
			URL string `json:"accept_url"`
		}
		w.must(json.Unmarshal([]byte(w.callAs(lead, "POST", at+"/link").want(200).body), &made))
		secret, ok := strings.CutPrefix(made.URL, "https://crashes.example/invitations/")
		if !ok || len(secret) != 40 {
			t.Fatalf("link %q", made.URL)
		}
		return secret
	}
	old := link(path + "/bob%40example.com")
	secret := link(path + "/bob%40example.com")
	bob := w.tokenOf(w.user("bob", false), 0, "all")
	w.callAs(bob, "POST", "/v0.1/user/invitations/orgs/"+old+"/accept").want(404)
	w.clock.Pass(8 * 24 * time.Hour)
	w.callAs(bob, "POST", "/v0.1/user/invitations/orgs/"+secret+"/accept").want(404, "ended")
	secret = link(path + "/bob%40example.com")
	w.callAs(bob, "POST", "/v0.1/user/invitations/orgs/"+secret+"/accept").want(204)
	w.callAs(bob, "POST", "/v0.1/user/invitations/orgs/"+secret+"/accept").want(404)
	w.callAs(bob, "GET", "/v0.1/orgs/acme/users/bob").want(200, `"role":"admin"`)

	w.callAs(lead, "POST", path, `{"user_email":"carol@example.com"}`).want(204)
	w.callAs(lead, "DELETE", path, `{"user_email":"carol@example.com"}`).want(204)
	w.callAs(lead, "DELETE", path, `{"user_email":"carol@example.com"}`).want(404)
	w.callAs(lead, "POST", path, `{"user_email":"dan@example.com"}`).want(204)
	w.callAs(lead, "POST", path+"/dan%40example.com/revoke").want(204)

	w.call("POST", "~/invitations", `{"user_email":"eve@example.com","permissions":["developer"]}`).want(204)
	w.call("GET", "~/invitations").want(200, `"permissions":["developer"]`)
	w.call("GET", "/v0.1/invitations/sent").want(200, `"app":"acme/Shop"`)
	w.call("PATCH", "~/invitations/eve@example.com", `{"permissions":["viewer"]}`).want(204)
	var made struct {
		URL string `json:"accept_url"`
	}
	w.must(json.Unmarshal([]byte(w.call("POST", "~/invitations/eve@example.com/link").want(200).body), &made))
	eve := w.tokenOf(w.user("eve", false), 0, "all")
	w.callAs(eve, "POST", "/v0.1/user/invitations/apps/"+made.URL[len(made.URL)-40:]+"/accept").want(204)
	w.callAs(eve, "GET", "~").want(200, `"member_permissions":["viewer"]`)
	w.call("POST", "~/invitations/fred@example.com", "").want(204)
	w.call("DELETE", "~/invitations/fred@example.com").want(204)
	w.call("DELETE", "~/invitations/fred@example.com").want(404)
	if log := w.logs.String(); strings.Contains(log, secret) || strings.Contains(log, "bob@") {
		t.Error("the log holds a secret or an address")
	}
}

// TestPatchApp: names, texts, and what clears them.
func TestPatchApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call("PATCH", "~", `{"description":"what we sell","release_type":"Beta","icon_url":"https://x.example/i.png"}`).want(200, `"description":"what we sell"`, `"release_type":"Beta"`, `"icon_url":"https://x.example/i.png"`)
	w.call("PATCH", "~", `{"description":null,"release_type":""}`).want(200, `"description":null`, `"release_type":null`, `"icon_url":"https://x.example/i.png"`)
	for _, bad := range []string{`{"name":"a/b"}`, `{"name":""}`, `{"display_name":""}`, `{"release_type":"beta test"}`, `{"icon_url":"javascript:x"}`, `{"description":5}`} {
		w.call("PATCH", "~", bad).want(400)
	}
	w.newApp("acme", "Taken", 9)
	w.call("PATCH", "~", `{"name":"taken"}`).want(409)
	w.call("PATCH", "~", `{"name":"Shop2"}`).want(200, `"name":"Shop2"`)
	w.call("GET", "~").want(404)
	w.call("GET", "/v0.1/apps/acme/shop2").want(200)
}

// TestTransfer: an app goes to an organisation of the caller's, to a new one, and to a user with a role in it.
func TestTransfer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call("POST", "~/transfer/nobody").want(404)
	w.call("POST", "~/transfer/sam").want(404)
	w.call("POST", "~/transfer_to_org", "{}").want(400)
	w.call("POST", "~/transfer_to_org", `{"display_name":"New Home"}`).want(200, `"name":"New-Home","type":"org"`)
	w.call("POST", "/v0.1/apps/New-Home/Shop/transfer/ann").want(200, `"name":"ann","type":"user"`)
	w.call("DELETE", "/v0.1/apps/ann/Shop/users/ann@example.com").want(409, "owns the app")
	w.call("POST", "/v0.1/apps/ann/Shop/transfer/acme").want(404) // no place of hers
}

// TestManyOrgs: of two who take one name at once, one gets it.
func TestManyOrgs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var wait sync.WaitGroup
	status := make([]int, 8)
	for i := range status {
		wait.Go(func() { status[i] = w.call("POST", "/v0.1/orgs", `{"name":"once"}`).status })
	}
	wait.Wait()
	made := 0
	for _, s := range status {
		switch s {
		case 201:
			made++
		case 409:
		default:
			t.Errorf("status %d", s)
		}
	}
	if made != 1 {
		t.Errorf("%d were made", made)
	}
}
