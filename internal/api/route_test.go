package api_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"lifeboat/internal/api"
	"lifeboat/internal/diag"
)

func TestPrefixes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, status := range map[string]int{
		"/v0.1/user":                  200,
		"/v0.1/user/":                 200,
		"//v0.1/user":                 200,
		"///api/v0.1/user/":           200,
		"/api/v0.1/user":              200,
		"/v0.1//user":                 404, // doubled slashes are tolerated in front only
		"/v0.1/user//":                404,
		"/API/v0.1/user":              404,
		"/v0.1/User":                  404,
		"/api/api/v0.1/user":          404,
		"/v0.2/user":                  404,
		"/":                           404,
		"/api":                        404,
		"/v0.1":                       404,
		"/v0.1/apps/acme":             404,
		"/v0.1/apps/ACME/sHOP":        200, // names in any letter case
		"/v0.1/apps/acme/Shop/":       200,
		"/v0.1/apps/acme/%53hop":      200,
		"/v0.1/apps/acme/Shop%2F":     404,
		"/v0.1/apps/acme/Sho":         404,
		"/v0.1/apps/acme/Shop/errors": 404,
		"/v0.1/apps/acme/Shop/errors/errorgroups":           404,
		"/v0.1/apps/acme/Shop/errors/errorGroups/":          200,
		"/v0.1/apps/acme/Shop/errors/errorGroups//errors":   404,
		"/v0.1/apps/acme/Shop/distribution_groups":          404,
		"/v0.1/apps/acme/Shop/errors/errorGroups?%24top=1":  200,
		"/v0.1/apps/acme/Shop/errors/errorGroups?$version=": 200,
		"/v0.1/apps/acme/Shop/errors/errorGroups?a=%zz":     400,
	} {
		if a := w.call("GET", path); a.status != status {
			t.Errorf("%s: status %d, want %d", path, a.status, status)
		}
	}
}

// TestHost: the Host header is neither looked at nor believed.
func TestHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.PublicURL = "" })
	w.send(spec{n: 1}.log(), attach(1, crashID(1), "text/plain", "a.txt", []byte("x")))
	for _, host := range []string{"api.appcenter.ms", "appcenter.ms", "evil.example"} {
		r, err := http.NewRequest("GET", w.server.URL+"/v0.1/apps/acme/Shop/errors/"+crashID(1)+"/attachments/"+attachmentID(1)+"/location", nil)
		w.must(err)
		r.Host = host
		r.Header.Set("X-API-Token", w.token)
		w.do(r).want(200, `{"uri":"`+w.server.URL+`/blobs/`)
	}
}

func TestQ40Methods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	head := w.call("HEAD", "/v0.1/user").want(200)
	get := w.call("GET", "/v0.1/user")
	if head.body != "" || head.header.Get("Content-Length") != fmt.Sprint(len(get.body)) {
		t.Errorf("HEAD: body %q, length %s of %d", head.body, head.header.Get("Content-Length"), len(get.body))
	}
	for _, method := range []string{"OPTIONS", "PUT", "TRACE", "BREW", "get"} {
		a := w.call(method, "/v0.1/user")
		if a.status != 405 || a.header.Get("Allow") != "GET, HEAD, PATCH" {
			t.Errorf("%s: status %d, Allow %q", method, a.status, a.header.Get("Allow"))
		}
	}
	if a := w.call("PUT", "~/export_configurations"); a.header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("Allow %q", a.header.Get("Allow"))
	}
	// Who has no token learns of no app, but paths are no secret.
	w.callAs("", "PATCH", "~/export_configurations").want(405)
}

// TestQ40HeadEverywhere: whatever is read by GET is asked for by HEAD, with the same status and length and no body.
func TestQ40HeadEverywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1}.log())
	group := w.theGroup()
	for _, r := range routesOf(t) {
		if r.Method != "GET" {
			continue
		}
		path := strings.NewReplacer("{errorGroupId}", group, "{crash_group_id}", group, "{errorId}", crashID(1), "{crash_id}", crashID(1)).Replace(r.Path)
		get, head := w.call("GET", fill(path)), w.call("HEAD", fill(path))
		if head.status != get.status || head.body != "" || get.status == 200 && head.header.Get("Content-Length") != fmt.Sprint(len(get.body)) && !strings.Contains(get.body, "sig=") {
			t.Errorf("%s: HEAD %d, length %s, GET %d, length %d", path, head.status, head.header.Get("Content-Length"), get.status, len(get.body))
		}
	}
}

// TestQ42Overlaps: patterns below errors/ that overlap are told apart, literals first.
func TestQ42Overlaps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1}.log())
	w.call("GET", "~/errors/errorGroups").want(200, "errorGroupId")
	w.call("GET", "~/errors/"+crashID(1)+"/attachments").want(200, "[]")
	w.call("GET", "~/errors/errorGroups/attachments").want(404, "no such error group")
	w.call("GET", "~/errors/errorGroups/1/errors").want(404, "no such error group")
	w.call("GET", "~/errors/nothing/attachments").want(404, "no such report")
}

// TestNoRedirect reads the bare bytes of an answer to a path that http.ServeMux would redirect.
func TestNoRedirect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, err := net.Dial("tcp", w.server.Listener.Addr().String())
	w.must(err)
	defer c.Close()
	fmt.Fprintf(c, "GET //v0.1/apps/acme/../acme/Shop HTTP/1.1\r\nHost: x\r\nX-API-TOKEN: %s\r\n\r\n", w.token)
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	w.must(err)
	defer response.Body.Close()
	if response.StatusCode != 404 {
		t.Errorf("status %d", response.StatusCode)
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/v0.1": true, "/v0.1/x": true, "//api/v0.1/x": true, "/blobs/1": true, "/v0.10/x": false, "/": false, "/api": false, "/apps/v0.1": false, "/logs": false,
	} {
		if api.Match(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}

// person is one kind of caller, with the rank of the role in the app: 1 viewer, 2 developer, 3 manager.
type person struct {
	name     string
	token    string
	rank     int
	user     bool // the token of a user
	readOnly bool
	foreign  bool // an app token of another app
	org      int  // rank in the organisation: 1 member, 2 collaborator, 3 admin
}

// people makes one of each kind for an app of the organisation acme.
func (w *world) people(app diag.App) []person {
	w.Helper()
	n := app.Name
	member := func(role diag.Role) diag.User {
		u := w.user(n+role.String(), false)
		w.must(w.store.SetMember(w.Context(), app.Num, u.Num, role))
		return u
	}
	viewer, developer, manager := member(diag.RoleViewer), member(diag.RoleDeveloper), member(diag.RoleManager)
	inOrg := func(role diag.OrgRole) diag.User {
		u := w.user(n+role.String(), false)
		w.must(w.store.SetOrgUser(w.Context(), w.org.Num, u.Num, role, today.UnixMilli()))
		return u
	}
	orgMember, orgCollaborator, orgAdmin := inOrg(diag.OrgMember), inOrg(diag.OrgCollaborator), inOrg(diag.OrgAdmin)
	inTeam := func(role diag.Role, in diag.OrgRole) string {
		u := w.user(n+"team"+role.String(), false)
		w.must(w.store.SetOrgUser(w.Context(), w.org.Num, u.Num, in, today.UnixMilli()))
		team, err := w.store.CreateTeam(w.Context(), diag.Team{ID: diag.RandomID(), Org: w.org.Num, Name: n + role.String()})
		w.must(err)
		w.must(w.store.AddTeamUser(w.Context(), team.Num, u.Num))
		w.must(w.store.AddTeamApp(w.Context(), team.Num, app.Num, role))
		return w.tokenOf(u, 0, "all")
	}
	other := w.newApp("other", n, byte(100+app.Num))
	return []person{
		{name: "nobody"},
		{name: "unknown token", token: strings.Repeat("0", 40)},
		{name: "no token at all", token: "'; DROP TABLE token"},
		{name: "stranger", token: w.tokenOf(w.user(n+"stranger", false), 0, "all"), user: true},
		{name: "viewer", token: w.tokenOf(viewer, 0, "all"), rank: 1, user: true},
		{name: "developer", token: w.tokenOf(developer, 0, "all"), rank: 2, user: true},
		{name: "manager", token: w.tokenOf(manager, 0, "all"), rank: 3, user: true},
		{name: "read-only manager", token: w.tokenOf(manager, 0, "viewer"), rank: 1, user: true, readOnly: true},
		{name: "admin", token: w.tokenOf(w.admin, 0, "all"), rank: 3, user: true, org: 3},
		{name: "read-only admin", token: w.tokenOf(w.admin, 0, "viewer"), rank: 1, user: true, readOnly: true, org: 3},
		{name: "app", token: w.tokenOf(manager, app.Num, "all"), rank: 3},
		{name: "read-only app", token: w.tokenOf(manager, app.Num, "viewer"), rank: 1, readOnly: true},
		{name: "another app", token: w.tokenOf(manager, other.Num, "all"), foreign: true},
		{name: "organisation member", token: w.tokenOf(orgMember, 0, "all"), user: true, org: 1},
		{name: "organisation collaborator", token: w.tokenOf(orgCollaborator, 0, "all"), user: true, org: 2},
		// Administrators of the organisation are managers of its apps.
		{name: "organisation admin", token: w.tokenOf(orgAdmin, 0, "all"), rank: 3, user: true, org: 3},
		{name: "read-only organisation admin", token: w.tokenOf(orgAdmin, 0, "viewer"), rank: 1, user: true, readOnly: true, org: 3},
		{name: "viewer by a team", token: inTeam(diag.RoleViewer, diag.OrgMember), rank: 1, user: true, org: 1},
		{name: "developer by a team", token: inTeam(diag.RoleDeveloper, diag.OrgMember), rank: 2, user: true, org: 1},
		{name: "manager by a team", token: inTeam(diag.RoleManager, diag.OrgCollaborator), rank: 3, user: true, org: 2},
	}
}

// refusal is the status that a person gets for a route, 0 if let through.
func (p *person) refusal(r api.Route) int {
	kind, qualifier, _ := strings.Cut(r.Need, ", ")
	need := slices.Index([]string{"", "viewer", "developer", "manager", "owner"}, kind)
	switch {
	case r.Need == "signature":
		return 403
	case r.Need == "anyone": // the handler asks for something else
		return 0
	case !p.user && p.rank == 0 && !p.foreign:
		return 401
	case r.Need == "token", r.Need == "admin" && p.name == "admin":
		return 0
	case r.Need == "admin":
		return 403
	case r.Need == "user", r.Need == "user, writing":
		deletes := r.Method == "DELETE" && p.readOnly // a token that is not its own
		if !p.user || p.readOnly && (r.Need == "user, writing" || deletes) {
			return 403
		}
		return 0
	case kind == "organisation member", kind == "organisation admin":
		return p.orgRefusal(kind == "organisation admin", qualifier == "writing")
	case p.foreign:
		return 403
	case p.rank == 0:
		return 404
	case kind == "owner" && p.org == 3: // leads the organisation that owns the app, or is an administrator of the server
		if p.readOnly {
			return 403
		}
		return 0
	case p.rank < need, qualifier == "user token" && !p.user:
		return 403
	}
	return 0
}

func (p *person) orgRefusal(admin, writes bool) int {
	switch {
	case !p.user:
		return 403
	case p.org == 0:
		return 404
	case admin && p.org < 3, p.readOnly && (admin || writes):
		return 403
	}
	return 0
}

// TestQ4Roles asks every route as every kind of caller.
func TestQ4Roles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	people := w.people(w.app)
	spoilt := 0
	for _, r := range api.Routes() {
		for i, p := range people {
			path := r.Path
			if r.Method == "DELETE" && strings.HasSuffix(path, "/{app_name}") && !strings.Contains(path, "/teams/") || strings.HasSuffix(path, "/transfer_to_org") {
				spoilt++ // each has an app of their own
				app := w.newApp("acme", fmt.Sprintf("gone%d", spoilt), byte(20+spoilt))
				p = w.people(app)[i]
				path = strings.Replace(path, "{app_name}", app.Name, 1)
			}
			a := w.callAs(p.token, r.Method, fill(strings.Replace(path, "{app_id}", w.app.ID.String(), 1)))
			refusal := p.refusal(r)
			// Objects that are not there are told apart from apps that must not be seen.
			hidden := a.status == 404 && strings.Contains(a.body, "Not found.")
			switch {
			case refusal == 404 && !hidden, refusal != 0 && a.status != refusal:
				t.Errorf("%s as %s: status %d, want %d: %s", r.Method+" "+r.Path, p.name, a.status, refusal, a.body)
			case refusal == 0 && (a.status == 401 || a.status == 403 || hidden || a.status >= 500):
				t.Errorf("%s as %s: refused with %d: %s", r.Method+" "+r.Path, p.name, a.status, a.body)
			case p.foreign && refusal == 403 && strings.HasPrefix(r.Path, "/v0.1/apps/{owner_name}/"):
				a.want(403, `"message":"API token does not belong to the requested app."`, `"code":"Forbidden"`)
			}
		}
	}
	if len(api.Routes()) < 30 {
		t.Error("routes are missing")
	}
}

// fill puts an id that is nowhere into a pattern's places.
func fill(pattern string) string {
	pattern = strings.NewReplacer("{owner_name}", "acme", "{org_name}", "acme", "{app_name}", "Shop", "{app}", "1", "{errorGroupId}", "12345u").Replace(pattern)
	for strings.Contains(pattern, "{") {
		i := strings.Index(pattern, "{")
		pattern = pattern[:i] + "99999999-0000-4000-8000-000000000000" + pattern[i+strings.Index(pattern[i:], "}")+1:]
	}
	return pattern
}

// TestQ4Order: what is wrong is said in the order 401, 404 of the app, 403, 400, 404 of the object.
func TestQ4Order(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	viewer := w.user("vic", false)
	w.must(w.store.SetMember(t.Context(), w.app.Num, viewer.Num, diag.RoleViewer))
	vic := w.tokenOf(viewer, 0, "all")
	stranger := w.tokenOf(w.user("sam", false), 0, "all")
	const bad = "{" // no JSON
	w.callAs("", "PATCH", "/v0.1/apps/no/where/export_configurations/x", bad).want(401, "Unauthorized.")
	w.callAs(stranger, "PATCH", "/v0.1/apps/no/where/export_configurations/x", bad).want(404, "Not found. Correlation ID: ")
	w.callAs(stranger, "PATCH", "~/export_configurations/x", bad).want(404, "Not found. Correlation ID: ")
	w.callAs(vic, "PATCH", "~/export_configurations/x", bad).want(403, "manager")
	w.callAs(w.token, "PATCH", "~/export_configurations/x", bad).want(400)
	w.callAs(w.token, "PATCH", "~/export_configurations/x", "{}").want(404)
	w.callAs(w.token, "GET", "~/errors/errorGroups/1/errors?start=soon").want(400)
	w.callAs(w.token, "GET", "~/errors/errorGroups/1/errors").want(404)
	w.callAs(w.token, "PUT", "~/devices/block_logs/all").want(400)
}

// TestQ3Log: the log tells of every request, and of nobody.
func TestQ3Log(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1, user: "ada@example.com"}.log())
	w.call("GET", "~/errors/errorGroups?userId=ada@example.com&installId="+string(install)).want(200)
	w.call("GET", "~/errors/"+crashID(1)+"/session_logs").want(200)
	a := w.call("GET", "/v0.1/nothing/ada@example.com").want(404)
	log := w.logs.String()
	for _, secret := range []string{w.token, "ada@", string(install), crashID(1), "acme"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q:\n%s", secret, log)
		}
	}
	for _, text := range []string{`route=/v0.1/apps/{owner_name}/{app_name}/errors/errorGroups status=200`, "route=none status=404", a.header.Get("X-Correlation-ID")} {
		if !strings.Contains(log, text) {
			t.Errorf("the log lacks %q:\n%s", text, log)
		}
	}
}

// TestLocalURL: without a public URL, URLs name the listener, in TLS too.
func TestLocalURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.PublicURL = "" })
	w.send(spec{n: 1}.log(), attach(1, crashID(1), "text/plain", "a.txt", []byte("x")))
	s := httptest.NewTLSServer(w.handler)
	defer s.Close()
	r, err := http.NewRequest("GET", s.URL+"/v0.1/apps/acme/Shop/errors/"+crashID(1)+"/attachments/"+attachmentID(1)+"/location", nil)
	w.must(err)
	r.Header.Set("Authorization", "bearer "+w.token)
	response, err := s.Client().Do(r)
	w.must(err)
	defer response.Body.Close()
	line, _ := bufio.NewReader(response.Body).ReadString(0)
	if !strings.HasPrefix(line, `{"uri":"`+s.URL+"/blobs/") {
		t.Errorf("%s is not on %s", line, s.URL)
	}
}
