package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/auth"
	"lifeboat/internal/diag"
)

func TestUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	golden(w.call("GET", "/v0.1/user"), "user")
	w.callAs(w.tokenOf(w.admin, 0, "all"), "GET", "/v0.1/user").want(200, `"permissions":["manager"]`)
}

func TestQ30UserOfAppToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.tokenOf(w.ann, w.app.Num, "all")
	for _, path := range []string{"/v0.1/user", "/v0.1/api_tokens"} {
		w.callAs(app, "GET", path).want(403, `"code":"Forbidden"`)
	}
	w.callAs(app, "GET", "~").want(200)
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for header, status := range map[string]int{
		"X-API-TOKEN: " + w.token:                        200,
		"x-api-token:  " + w.token + " ":                 200,
		"Authorization: Bearer " + w.token:               200,
		"authorization: bearer   " + w.token:             200,
		"Authorization: Basic YW5uOnBhc3N3b3Jk":          401,
		"Authorization: " + w.token:                      401,
		"Authorization: Bearer":                          401,
		"X-API-Token: " + strings.ToUpper(w.token) + "A": 401,
		"X-API-Token: " + w.token[:39]:                   401,
		"Cookie: X-API-Token=" + w.token:                 401,
	} {
		r, err := http.NewRequest("GET", w.server.URL+"/v0.1/user", nil)
		w.must(err)
		name, value, _ := strings.Cut(header, ":")
		r.Header.Set(name, strings.TrimSpace(value))
		a := w.do(r)
		if a.status != status {
			t.Errorf("%s: status %d", name, a.status)
		}
		if status == 401 && (a.header.Get("WWW-Authenticate") == "" || !regexp.MustCompile(`"message":"Unauthorized\. .*Correlation ID: [0-9a-f-]{36}"`).MatchString(a.body)) {
			t.Errorf("%s: %v %s", name, a.header, a.body)
		}
	}
	// No token in a query, where logs of proxies would keep it.
	w.callAs("", "GET", "/v0.1/user?X-API-Token="+w.token).want(401)
}

type token struct {
	ID          string   `json:"id"`
	APIToken    string   `json:"api_token"`
	Description string   `json:"description"`
	Scope       []string `json:"scope"`
}

func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.call("POST", "/v0.1/api_tokens", `{"description":"CI"}`).want(201)
	golden(a, "token_created")
	var made token
	a.into(&made)
	if !regexp.MustCompile(`^[0-9a-f]{40}$`).MatchString(made.APIToken) {
		t.Errorf("token %q", made.APIToken)
	}
	w.tokenOf(w.ann, w.app.Num, "all") // listed with its app
	a = w.callAs(made.APIToken, "GET", "/v0.1/api_tokens").want(200)
	if strings.Contains(a.body, "api_token") || strings.Contains(a.body, made.APIToken) {
		t.Error("the list shows a token")
	}
	var all []token
	a.into(&all)
	if len(all) != 2 {
		t.Errorf("%d tokens", len(all))
	}
	// A deleted token is void at once, though it was used a moment ago.
	w.callAs(made.APIToken, "GET", "/v0.1/user").want(200)
	if d := w.call("DELETE", "/v0.1/api_tokens/"+made.ID).want(204); d.body != "" {
		t.Errorf("body %q", d.body)
	}
	w.callAs(made.APIToken, "GET", "/v0.1/user").want(401)
	w.call("DELETE", "/v0.1/api_tokens/"+made.ID).want(404)
	w.call("DELETE", "/v0.1/api_tokens/x").want(404)
	// Nobody deletes another's.
	foreign := w.callAs(w.tokenOf(w.admin, 0, "all"), "POST", "/v0.1/api_tokens").want(201)
	foreign.into(&made)
	w.call("DELETE", "/v0.1/api_tokens/"+made.ID).want(404)
	w.callAs(made.APIToken, "DELETE", "/v0.1/api_tokens/current").want(204)
	w.callAs(made.APIToken, "GET", "/v0.1/user").want(401)
	for _, body := range []string{`{"scope":["write"]}`, `{"scope":"all"}`, `{"description":1}`, `{"description":"` + strings.Repeat("x", 1001) + `"}`, `"x"`, `{`, "\xff\xfe{\x00}\x00"} {
		w.call("POST", "/v0.1/api_tokens", body).want(400)
	}
}

func TestQ31Scope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	viewer := w.tokenOf(w.ann, 0, "viewer")
	for _, c := range []struct {
		as, body string
		status   int
		scope    string
	}{
		{w.token, ``, 201, `"scope":["all"]`},
		{w.token, `{"scope":[]}`, 201, `"scope":["all"]`},
		{w.token, `{"scope":["viewer"]}`, 201, `"scope":["viewer"]`},
		{w.token, `{"scope":["viewer","all"]}`, 201, `"scope":["all"]`},
		{viewer, ``, 201, `"scope":["viewer"]`},
		{viewer, `{"scope":["viewer"]}`, 201, `"scope":["viewer"]`},
		{viewer, `{"scope":["all"]}`, 403, "read-only"},
	} {
		w.callAs(c.as, "POST", "/v0.1/api_tokens", c.body).want(c.status, c.scope)
	}
	// A read-only token voids itself and no other.
	var other token
	w.call("POST", "/v0.1/api_tokens").into(&other)
	w.callAs(viewer, "DELETE", "/v0.1/api_tokens/"+other.ID).want(403)
	w.callAs(viewer, "DELETE", "/v0.1/api_tokens/current").want(204)
	w.callAs(viewer, "GET", "/v0.1/user").want(401)
}

// TestQ11EmptyBody: no body is the empty object, with and without a length.
func TestQ11EmptyBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call("POST", "/v0.1/api_tokens").want(201)
	w.call("POST", "/v0.1/api_tokens", "").want(201)
	w.call("POST", "/v0.1/api_tokens", " null ").want(201)
	w.call("POST", "/v0.1/api_tokens", "\xef\xbb\xbf{}").want(201)
	w.call("PUT", "~/devices/block_logs").want(200)
	for _, kind := range []string{"application/json", "application/json; charset=utf-8", "application/x-www-form-urlencoded", "text/plain"} {
		r, err := http.NewRequest("POST", w.server.URL+"/v0.1/api_tokens", strings.NewReader(`{"description":"x"}`))
		w.must(err)
		r.Header.Set("X-API-Token", w.token)
		r.Header.Set("Content-Type", kind)
		w.do(r).want(201, `"description":"x"`)
	}
}

func TestApps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	golden(w.call("GET", "~"), "app")
	a := w.call("POST", "/v0.1/apps", `{"display_name":"My Größte App!","os":"ios","platform":"objective-c-swift","description":"d","release_type":"Beta"}`).want(201)
	golden(a, "app_created")
	if w.changes("apps") != 1 {
		t.Errorf("%d changes", w.changes("apps"))
	}
	var made struct {
		Name, ID  string
		AppSecret string `json:"app_secret"`
	}
	a.into(&made)
	app, err := w.store.App(t.Context(), "ann", made.Name)
	w.must(err)
	if app.ID.String() != made.ID || app.Secret.String() != made.AppSecret || app.Secret == app.ID {
		t.Errorf("app %+v", app)
	}
	w.call("POST", "/v0.1/apps", `{"display_name":"x","name":"MY-GR-TE-APP","os":"iOS","platform":"Unity"}`).want(409, `"code":"Conflict"`)
	w.call("GET", "/v0.1/apps/ann/"+made.Name).want(200)
	w.callAs(w.tokenOf(w.user("sam", false), 0, "all"), "GET", "/v0.1/apps/ann/"+made.Name).want(404)
	w.call("DELETE", "/v0.1/apps/ann/"+made.Name).want(204)
	w.call("GET", "/v0.1/apps/ann/"+made.Name).want(404)
}

func TestCreateAppRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := func(member string) string {
		all := map[string]string{"display_name": `"Shop"`, "os": `"Android"`, "platform": `"Java"`}
		name, value, _ := strings.Cut(member, ":")
		all[strings.Trim(name, `"`)] = value
		var parts []string
		for name, value := range all {
			if value != "" {
				parts = append(parts, `"`+name+`":`+value)
			}
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	for member, message := range map[string]string{
		"display_name":        "display_name is missing",
		`display_name:"  "`:   "display_name is missing",
		`display_name:1`:      "display_name must be a text",
		"os":                  "os must be one of Android, iOS",
		`os:"BeOS"`:           "os must be one of Android, iOS",
		"platform":            "platform must be one of Java",
		`platform:"Unknown"`:  "platform must be one of Java",
		`name:"a b"`:          "name must be",
		`name:"../x"`:         "name must be",
		`name:".."`:           "name must be",
		`release_type:"beta"`: "release_type",
		`display_name:"` + strings.Repeat("ö", 101) + `"`: "too long",
		`description:"` + strings.Repeat("x", 1001) + `"`: "too long",
	} {
		w.call("POST", "/v0.1/apps", body(member)).want(400, message)
	}
	w.call("POST", "/v0.1/apps", body(`name:"shop"`)).want(201)
	w.call("POST", "/v0.1/apps", body(`name:"SHOP"`)).want(409, `"code":"Conflict"`)
	for display, name := range map[string]string{"购物": "app", "a  b/c": "a-b-c", "..x..": "x", strings.Repeat("y", 100): strings.Repeat("y", 100), "A_b.c-": "A_b.c"} {
		w.call("POST", "/v0.1/apps", body(`display_name:"`+display+`"`)).want(201, `"name":"`+name+`"`)
	}
}

func TestListApps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.newApp("acme", "Banana", 2)
	w.newApp("acme", "Hidden", 3)
	w.must(w.store.SetMember(t.Context(), b.Num, w.ann.Num, diag.RoleViewer))
	w.call("POST", "/v0.1/apps", `{"display_name":"apple","os":"iOS","platform":"Objective-C-Swift"}`).want(201)
	list := func(as, query string) (names []string) {
		t.Helper()
		var all []struct {
			Name  string
			Owner struct{ Name, Type string }
			Perms []string `json:"member_permissions"`
		}
		w.callAs(as, "GET", "/v0.1/apps"+query).want(200).into(&all)
		for _, a := range all {
			names = append(names, a.Owner.Type+" "+a.Owner.Name+"/"+a.Name+" "+strings.Join(a.Perms, " "))
		}
		return names
	}
	shop, banana, apple := "org acme/Shop manager", "org acme/Banana viewer", "user ann/apple manager"
	for query, want := range map[string][]string{
		"": {shop, banana, apple}, "?$orderBy=name": {apple, banana, shop}, "?%24orderBy=display_name": {apple, banana, shop},
	} {
		if diff := cmp.Diff(want, list(w.token, query)); diff != "" {
			t.Errorf("%s:\n%s", query, diff)
		}
	}
	if diff := cmp.Diff([]string{"org acme/Banana manager"}, list(w.tokenOf(w.admin, b.Num, "all"), "")); diff != "" {
		t.Errorf("app token:\n%s", diff)
	}
	if got := list(w.tokenOf(w.admin, 0, "viewer"), ""); len(got) != 4 || got[0] != "org acme/Shop viewer" {
		t.Errorf("read-only admin: %q", got)
	}
	if a := w.callAs(w.tokenOf(w.user("sam", false), 0, "all"), "GET", "/v0.1/apps").want(200); a.body != "[]" {
		t.Error(a.body)
	}
}

// TestQ41Nulls: account objects say null where they have nothing.
func TestQ41Nulls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call("GET", "~").want(200, `"description":null`, `"icon_url":null`, `"release_type":null`, `"azure_subscription":null`, `"avatar_url":null`)
	w.call("GET", "/v0.1/user").want(200, `"avatar_url":null`)
}

func TestQ32Block(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{string(install), strings.ToUpper(string(install)), "{" + string(install) + "}"} {
		if a := w.call("PUT", "~/devices/block_logs/"+id).want(200); a.body != `"OK"` {
			t.Error(a.body)
		}
	}
	hashes, err := w.store.BlockedInstalls(t.Context(), w.app.Num)
	w.must(err)
	if diff := cmp.Diff([][16]byte{diag.HashInstall(installKey, w.app.ID, install)}, hashes); diff != "" {
		t.Error(diff)
	}
	w.call("PUT", "~/devices/block_logs/x").want(400)
	for range 2 {
		if a := w.call("PUT", "~/devices/block_logs").want(200); a.body != `"OK"` {
			t.Error(a.body)
		}
	}
	app, err := w.store.AppByNum(t.Context(), w.app.Num)
	w.must(err)
	if !app.Blocked || w.changes("apps") != 5 {
		t.Errorf("blocked %v after %d changes", app.Blocked, w.changes("apps"))
	}
}

// TestQ33NoUnblock: nothing in the API lifts a block.
func TestQ33NoUnblock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call("PUT", "~/devices/block_logs").want(200)
	for _, method := range []string{"DELETE", "POST", "PATCH"} {
		w.call(method, "~/devices/block_logs").want(405)
		w.call(method, "~/devices/block_logs/"+string(install)).want(405)
	}
}

// TestDeletedApp: with an app go its tokens, its configurations and its reports.
func TestDeletedApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1}.log(), attach(1, crashID(1), "text/plain", "a", []byte("x")))
	app := w.tokenOf(w.ann, w.app.Num, "all")
	w.callAs(app, "GET", "~").want(200)
	uri := w.locate(location(1))
	if w.call("DELETE", "~").want(204); w.changes("apps") != 1 || w.changes("exports") != 1 {
		t.Error("nobody was told")
	}
	w.callAs(app, "GET", "~").want(401)
	w.call("GET", "~").want(404)
	w.callAs("", "GET", uri).want(404)
}

// TestLastUse: the use of a token is noted, once a minute.
func TestLastUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	last := func() int64 {
		_, hash := w.token, auth.Hash(w.token)
		k, _, err := w.store.TokenByHash(t.Context(), hash)
		w.must(err)
		return k.LastUsedAt
	}
	w.call("GET", "/v0.1/user").want(200)
	if last() != today.UnixMilli() {
		t.Errorf("last used at %d", last())
	}
	w.clock.Pass(30e9)
	w.call("GET", "/v0.1/user").want(200)
	if last() != today.UnixMilli() {
		t.Error("noted again too early")
	}
	w.clock.Pass(30e9)
	w.call("GET", "/v0.1/user").want(200)
	if last() != today.UnixMilli()+60_000 {
		t.Error("not noted again")
	}
}
