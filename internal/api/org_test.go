package api_test

import (
	"strings"
	"sync"
	"testing"

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
	w.call("GET", "/v0.1/orgs").want(200, `"name":"Widgets-Co"`, `"id":"`) // a client reads the id (D10)
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

// TestPatchApp: names, texts, and what clears them.
func TestPatchApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call("PATCH", "~", `{"description":"what we sell","release_type":"Beta","icon_url":"https://x.example/i.png"}`).want(200, `"description":"what we sell"`, `"release_type":"Beta"`, `"icon_url":"https://x.example/i.png"`)
	w.call("PATCH", "~", `{"description":null,"release_type":""}`).want(200, `"description":null`, `"release_type":null`, `"icon_url":"https://x.example/i.png"`)
	for _, bad := range []string{`{"icon_url":"https:"}`, `{"icon_url":5}`, `{"icon_asset_id":"22222222-2222-4222-8222-222222222222"}`, `{"name":"a/b"}`, `{"name":""}`, `{"display_name":""}`, `{"release_type":"beta test"}`, `{"icon_url":"javascript:x"}`, `{"description":5}`} {
		w.call("PATCH", "~", bad).want(400)
	}
	w.newApp("acme", "Taken", 9)
	w.call("PATCH", "~", `{"name":"taken"}`).want(409)
	w.call("PATCH", "~", `{"name":"Shop2"}`).want(200, `"name":"Shop2"`)
	w.call("GET", "~").want(404)
	w.call("GET", "/v0.1/apps/acme/shop2").want(200)
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

// TestTwoOfEverything: what two do to one thing at once comes out as if one had come after the other.
func TestTwoOfEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.tokenOf(w.admin, 0, "all")
	bob := w.user("bob", false)
	w.must(w.store.SetOrgUser(t.Context(), w.org.Num, bob.Num, diag.OrgAdmin, today.UnixMilli()))
	const path = "/v0.1/orgs/acme"
	both := func(a, b func() answer) (int, int) {
		t.Helper()
		var wait sync.WaitGroup
		var first, second answer
		wait.Go(func() { first = a() })
		wait.Go(func() { second = b() })
		wait.Wait()
		if first.status >= 500 || second.status >= 500 {
			t.Errorf("%s and %s", first.body, second.body)
		}
		return first.status, second.status
	}
	call := func(method, path string, body ...string) func() answer {
		return func() answer { return w.callAs(root, method, path, body...) }
	}
	sum := func(a, b int) int { return a + b }
	for range 10 {
		// Of two changes of different members, both stay: a block is never lost.
		both(call("PATCH", "~", `{"description":"new"}`), call("PUT", "~/devices/block_logs"))
		app, err := w.store.AppByNum(t.Context(), w.app.Num)
		w.must(err)
		if !app.Blocked || app.Description != "new" {
			t.Errorf("one change is lost: %+v", app)
		}
		app.Blocked, app.Description = false, ""
		w.must(w.store.UpdateApp(t.Context(), app))
		both(call("PATCH", path, `{"display_name":"one"}`), call("PATCH", path, `{"name":"ACME"}`))
		w.callAs(root, "GET", path).want(200, `"display_name":"one"`, `"name":"ACME"`)
		w.callAs(root, "PATCH", path, `{"display_name":"two","name":"acme"}`).want(200)
		// An organisation always has an administrator.
		if n := sum(both(call("DELETE", path+"/users/bob"), call("DELETE", path+"/users/olga"))); n != 204+409 {
			t.Errorf("both administrators left: %d", n)
		}
		w.must(w.store.SetOrgUser(t.Context(), w.org.Num, bob.Num, diag.OrgAdmin, 1))
		olga, err := w.store.UserByName(t.Context(), "olga")
		w.must(err)
		w.must(w.store.SetOrgUser(t.Context(), w.org.Num, olga.Num, diag.OrgAdmin, 1))
		// Who is gone is not brought back by a change of the role.
		both(call("DELETE", path+"/users/bob"), call("PATCH", path+"/users/bob", `{"role":"member"}`))
		w.callAs(root, "GET", path+"/users/bob").want(404)
		w.must(w.store.SetOrgUser(t.Context(), w.org.Num, bob.Num, diag.OrgAdmin, 1))
		both(call("DELETE", "~/users/ann@example.com"), call("PATCH", "~/users/ann@example.com", `{"permissions":["viewer"]}`))
		w.callAs(root, "PATCH", "~/users/ann@example.com", `{"permissions":["viewer"]}`).want(404)
		w.must(w.store.SetMember(t.Context(), w.app.Num, w.ann.Num, diag.RoleManager))
		// No app is left without an owner.
		w.callAs(root, "POST", "/v0.1/orgs", `{"name":"brief"}`).want(201)
		made, gone := both(call("POST", "/v0.1/orgs/brief/apps", `{"display_name":"x","os":"iOS","platform":"Unity"}`), call("DELETE", "/v0.1/orgs/brief"))
		switch {
		case made == 201 && gone == 409:
			w.callAs(root, "DELETE", "/v0.1/apps/brief/x").want(204)
			w.callAs(root, "DELETE", "/v0.1/orgs/brief").want(204)
		case made != 404 || gone != 204:
			t.Errorf("app %d, organisation %d", made, gone)
		}
		// One address is invited once, and a link is good once.
		if n := sum(both(call("POST", path+"/invitations", `{"user_email":"z@example.com"}`), call("POST", path+"/invitations", `{"user_email":"Z@example.com"}`))); n != 204+409 {
			t.Errorf("invited: %d", n)
		}
		secret := w.link(root, path+"/invitations/z@example.com")
		accept := func() answer {
			return w.callAs(w.token, "POST", "/v0.1/user/invitations/orgs/"+secret+"/accept")
		}
		if n := sum(both(accept, accept)); n != 204+404 {
			t.Errorf("accepted: %d", n)
		}
		w.callAs(root, "DELETE", path+"/users/ann").want(204)
		w.must(w.store.SetMember(t.Context(), w.app.Num, w.ann.Num, diag.RoleManager))
	}
}

// TestOwner: whoever owns an app is its manager, and stays it.
func TestOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call("POST", "/v0.1/apps", `{"display_name":"Own","os":"iOS","platform":"Unity"}`).want(201, `"type":"user"`)
	root := w.tokenOf(w.admin, 0, "all")
	const users = "/v0.1/apps/ann/Own/users"
	w.callAs(root, "GET", users).want(200, `"name":"ann"`, `"permissions":["manager"]`)
	w.callAs(root, "PATCH", users+"/ann@example.com", `{"permissions":["viewer"]}`).want(409, "owns the app")
	w.callAs(root, "DELETE", users+"/ann@example.com").want(409, "owns the app")
	w.call("GET", "/v0.1/apps/ann/Own").want(200, `"member_permissions":["manager"]`)
	app, err := w.store.App(t.Context(), "ann", "Own")
	w.must(err)
	w.must(w.store.SetMember(t.Context(), app.Num, w.ann.Num, diag.RoleNone))
	w.call("GET", "/v0.1/apps/ann/Own").want(200, `"member_permissions":["manager"]`)
	w.call("GET", "/v0.1/apps").want(200, `"name":"Own"`)
	olga, err := w.store.UserByName(t.Context(), "olga")
	w.must(err)
	w.must(w.store.SetMember(t.Context(), w.app.Num, olga.Num, diag.RoleViewer))
	w.callAs(root, "DELETE", "~/users/olga@example.com").want(409, "administrator of its organisation")
	w.callAs(root, "GET", "~/users").want(200, `"name":"olga"`)
}

// TestOrgUserApps: nobody learns of apps by asking what others may see.
func TestOrgUserApps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bob := w.user("bob", false)
	w.must(w.store.SetOrgUser(t.Context(), w.org.Num, bob.Num, diag.OrgMember, 1))
	asBob, root := w.tokenOf(bob, 0, "all"), w.tokenOf(w.admin, 0, "all")
	w.callAs(root, "GET", "/v0.1/orgs/acme/users/olga/apps").want(200, `"name":"Shop"`, `"member_permissions":["manager"]`)
	for _, path := range []string{"/v0.1/orgs/acme/users/olga/apps", "/v0.1/orgs/acme/apps", "/v0.1/orgs/acme/users/bob/apps"} {
		if a := w.callAs(asBob, "GET", path).want(200); a.body != "[]" {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	w.callAs(asBob, "GET", "/v0.1/orgs/acme/testers").want(200, `{"display_name":"Olga Example","name":"olga","email":"olga@example.com"}`)
	w.callAs(asBob, "GET", "/v0.1/orgs/acme/users/olga%40example.com").want(200, `"joined_at":"2024-05-10T12:00:30.000Z"`)
	w.callAs(root, "GET", "/v0.1/orgs").want(200, `"name":"acme"`)
	w.callAs(root, "GET", "/v0.1/administeredOrgs").want(200, `"name":"acme"`)
	if a := w.callAs(asBob, "GET", "/v0.1/administeredOrgs").want(200); a.body != `{"organizations":[]}` {
		t.Error(a.body)
	}
}

// TestWebhooks: none can be made; the calls answer what that means.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if a := w.call("GET", "~/webhooks").want(200); a.body != `{"values":[]}` {
		t.Error(a.body)
	}
	w.call("GET", "~/bugtracker").want(200, `"state":"disabled"`)
	w.call("GET", "~/bugtracker/crashGroup/1u").want(404)
}
