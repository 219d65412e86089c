package api_test

import (
	"testing"

	"lifeboat/internal/diag"
)

// TestTransfer: an app goes in and out of organisations that the caller leads, and to people with a role in it.
func TestTransfer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lead := w.lead()
	w.send(spec{n: 1}.log())
	group := w.groups("").ErrorGroups[0].ID
	appToken := w.tokenOf(w.ann, w.app.Num, "all")
	w.call("POST", "~/transfer/ann").want(403, "owner of the app") // a manager alone
	w.callAs(appToken, "POST", "~/transfer/ann").want(403)
	w.callAs(lead, "POST", "~/transfer/nobody").want(404)
	w.user("sam", false)
	w.callAs(lead, "POST", "~/transfer/sam").want(404)
	hidden, err := w.store.CreateOrg(t.Context(), diag.Org{ID: diag.RandomID(), Name: "hidden"}, w.ann.Num)
	w.must(err)
	w.callAs(lead, "POST", "~/transfer/hidden").want(404)
	olga, err := w.store.UserByName(t.Context(), "olga")
	w.must(err)
	w.must(w.store.SetOrgUser(t.Context(), hidden.Num, olga.Num, diag.OrgCollaborator, 1))
	w.callAs(lead, "POST", "~/transfer/hidden").want(403, "admin")
	w.callAs(lead, "POST", "~/transfer/ANN").want(200, `"name":"ann","type":"user"`)
	w.callAs(lead, "GET", "/v0.1/apps/ann/Shop").want(404) // she led its organisation, no more
	w.call("GET", "~").want(404)
	w.callAs(appToken, "GET", "/v0.1/apps/ann/Shop/errors/errorGroups/"+group).want(200)
	w.call("POST", "/v0.1/apps/ann/Shop/transfer/acme").want(404) // no place of hers
	w.call("POST", "/v0.1/apps/ann/Shop/transfer/hidden").want(200, `"name":"hidden","type":"org"`, `"member_permissions":["manager"]`)
	if w.changes("apps") != 2 {
		t.Errorf("%d changes", w.changes("apps"))
	}
	w.newApp("ann", "Shop", 8)
	w.call("POST", "/v0.1/apps/hidden/Shop/transfer/ann").want(409) // the name is taken there
	w.call("GET", "/v0.1/apps/hidden/Shop").want(200)
	root := w.tokenOf(w.admin, 0, "all")
	w.callAs(root, "POST", "/v0.1/apps/hidden/Shop/transfer/sam").want(200, `"name":"sam"`)
}

// TestTransferToOrg: the published call has no body, and makes an organisation that is called as the app.
func TestTransferToOrg(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lead := w.lead()
	w.callAs(lead, "POST", "~/transfer_to_org").want(200, `"name":"Shop"`, `"display_name":"Shop App"`, `"created_at":"`)
	w.callAs(lead, "GET", "/v0.1/apps/Shop/Shop").want(200, `"type":"org"`)
	w.callAs(lead, "GET", "/v0.1/orgs/shop/users").want(200, `"name":"olga"`, `"role":"admin"`)
	w.callAs(lead, "POST", "/v0.1/apps/Shop/Shop/transfer_to_org").want(200, `"name":"Shop-2"`)
	w.callAs(lead, "POST", "/v0.1/apps/Shop-2/Shop/transfer_to_org", `{"display_name":"New Home"}`).want(200, `"name":"New-Home"`)
	w.callAs(lead, "POST", "/v0.1/apps/New-Home/Shop/transfer_to_org", `{"name":"acme"}`).want(409)
	w.callAs(lead, "POST", "/v0.1/apps/New-Home/Shop/transfer_to_org", `{"name":"a b"}`).want(400)
	w.callAs(lead, "GET", "/v0.1/apps/New-Home/Shop").want(200)
}
