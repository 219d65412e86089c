package api_test

import (
	"strings"
	"testing"

	"lifeboat/internal/diag"
)

// TestTeams: who is in a team has its roles in its apps, as long as all of that is so.
func TestTeams(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lead := w.lead()
	bob := w.user("bob", false)
	asBob := w.tokenOf(bob, 0, "all")
	const teams = "/v0.1/orgs/acme/teams"
	w.callAs(lead, "GET", teams).want(200, "[]")
	w.callAs(lead, "POST", teams, `{"display_name":"The Crew"}`).want(201, `"name":"The-Crew"`, `"display_name":"The Crew"`)
	w.callAs(lead, "POST", teams, `{"display_name":"x","name":"the-crew"}`).want(409)
	for _, bad := range []string{"", `{"name":"a b"}`, `{"display_name":"` + strings.Repeat("x", 101) + `"}`, `{"display_name":5}`} {
		w.callAs(lead, "POST", teams, bad).want(400)
	}
	const crew = teams + "/the-CREW"
	w.callAs(lead, "PATCH", crew, `{"display_name":"Crew"}`).want(200, `"display_name":"Crew"`, `"name":"The-Crew"`)
	w.callAs(lead, "PATCH", crew, `{}`).want(400)
	w.callAs(lead, "GET", crew).want(200, `"display_name":"Crew"`)
	w.callAs(lead, "GET", teams+"/none").want(404)

	w.callAs(lead, "POST", crew+"/users", `{"user_email":"bob@example.com"}`).want(404) // not in the organisation
	w.must(w.store.SetOrgUser(t.Context(), w.org.Num, bob.Num, diag.OrgMember, 1))
	w.callAs(asBob, "POST", crew+"/users", `{"user_email":"bob@example.com"}`).want(403)
	w.callAs(lead, "POST", crew+"/users", `{"user_email":"bob@example.com"}`).want(201, `"role":"collaborator"`)
	w.callAs(lead, "POST", crew+"/users", `{"user_email":"bob@example.com"}`).want(409)
	w.callAs(lead, "POST", crew+"/users", `{"user_email":"olga@example.com"}`).want(201, `"role":"maintainer"`)
	w.callAs(lead, "POST", crew+"/users", `{"user_email":"none@example.com"}`).want(404)
	w.callAs(lead, "GET", crew+"/users").want(200, `"name":"bob"`, `"name":"olga"`)

	w.callAs(asBob, "GET", "~").want(404)
	w.callAs(lead, "POST", crew+"/apps", `{"name":"shop"}`).want(201, `"name":"Shop"`, `"team_permissions":["viewer"]`, `"member_permissions":["manager"]`)
	w.callAs(lead, "POST", crew+"/apps", `{"name":"shop"}`).want(409)
	w.callAs(lead, "POST", crew+"/apps", `{"name":"none"}`).want(404)
	w.callAs(lead, "POST", crew+"/apps", `{}`).want(400)
	w.callAs(asBob, "GET", "~").want(200, `"member_permissions":["viewer"]`)
	w.callAs(lead, "PATCH", crew+"/apps/Shop", `{"permissions":["developer"]}`).want(200, `"team_permissions":["developer"]`)
	w.callAs(lead, "PATCH", crew+"/apps/Shop", `{"permissions":[]}`).want(400)
	w.callAs(asBob, "GET", "~").want(200, `"member_permissions":["developer"]`)
	w.callAs(asBob, "GET", "/v0.1/apps").want(200, `"name":"Shop"`)
	w.callAs(asBob, "GET", crew+"/apps").want(200, `"team_permissions":["developer"]`)
	w.callAs(asBob, "GET", "~/teams").want(200, `"name":"The-Crew"`, `"permissions":["developer"]`)
	w.callAs(asBob, "GET", "~/users").want(200, `"name":"bob"`)
	w.call("PATCH", "~/users/bob@example.com", `{"permissions":["viewer"]}`).want(409, "through a team")
	w.call("PATCH", "~/users/bob@example.com", `{"permissions":["manager"]}`).want(204)
	w.callAs(asBob, "GET", "~").want(200, `"member_permissions":["manager"]`)
	w.call("PATCH", "~/users/bob@example.com", `{"permissions":["developer"]}`).want(204)
	w.must(w.store.SetMember(t.Context(), w.app.Num, bob.Num, diag.RoleNone))

	// It ends with any of its parts.
	w.callAs(lead, "DELETE", crew+"/apps/Shop").want(204)
	w.callAs(lead, "DELETE", crew+"/apps/Shop").want(404)
	w.callAs(asBob, "GET", "~").want(404)
	again := func() {
		t.Helper()
		w.callAs(lead, "POST", crew+"/apps", `{"name":"Shop","permissions":["developer"]}`).want(201)
		w.callAs(asBob, "GET", "~").want(200)
	}
	again()
	w.callAs(lead, "DELETE", crew+"/users/bob").want(204)
	w.callAs(lead, "DELETE", crew+"/users/bob").want(404)
	w.callAs(asBob, "GET", "~").want(404)
	w.callAs(lead, "POST", crew+"/users", `{"user_email":"bob@example.com"}`).want(201)
	w.callAs(asBob, "GET", "~").want(200)
	w.callAs(lead, "DELETE", "/v0.1/orgs/acme/users/bob").want(204)
	w.callAs(asBob, "GET", "~").want(404)
	w.must(w.store.SetOrgUser(t.Context(), w.org.Num, bob.Num, diag.OrgMember, 1))
	w.callAs(asBob, "GET", "~").want(404) // who comes back is in no team
	w.callAs(lead, "POST", crew+"/users", `{"user_email":"bob@example.com"}`).want(201)
	w.callAs(lead, "POST", "~/transfer/olga").want(200)
	w.callAs(asBob, "GET", "/v0.1/apps/olga/Shop").want(404)
	w.callAs(lead, "POST", "/v0.1/apps/olga/Shop/transfer/acme").want(200)
	again()
	w.callAs(lead, "DELETE", crew).want(204)
	w.callAs(asBob, "GET", "~").want(404)
	w.callAs(lead, "GET", teams).want(200, "[]")

	w.callAs(lead, "POST", teams, `{"name":"last"}`).want(201)
	w.callAs(lead, "POST", teams+"/last/apps", `{"name":"Shop"}`).want(201)
	w.call("DELETE", "~").want(204)
	w.callAs(lead, "GET", teams+"/last/apps").want(200, "[]")
	w.callAs(lead, "DELETE", "/v0.1/orgs/acme").want(204)
	if _, err := w.store.Team(t.Context(), w.org.Num, "last"); err == nil {
		t.Error("a team outlives its organisation")
	}
}
