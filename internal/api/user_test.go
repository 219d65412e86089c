package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/diag"
)

const annPassword = "correct horse battery"

// password gives an account a password.
func (w *world) password(u diag.User, password string) {
	w.Helper()
	hash, err := w.gate.HashPassword(w.Context(), password)
	w.must(err)
	w.must(w.store.SetPassword(w.Context(), u.Num, hash))
}

// basic makes a request with a name and a password.
func (w *world) basic(login, password, method, path string, body ...string) answer {
	w.Helper()
	r, err := http.NewRequest(method, w.server.URL+strings.Replace(path, "~", "/v0.1/apps/acme/Shop", 1), strings.NewReader(strings.Join(body, "")))
	w.must(err)
	r.SetBasicAuth(login, password)
	return w.do(r)
}

// TestT18Basic: a name or an address with a password is good on every route; a client of old makes its first
// token that way.
func TestT18Basic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.password(w.ann, annPassword)
	var made token
	w.basic("ann", annPassword, "POST", "/v0.1/api_tokens", `{"description":"swift"}`).want(201, `"scope":["all"]`).into(&made)
	w.callAs(made.APIToken, "GET", "/v0.1/user").want(200, `"name":"ann"`, `"can_change_password":true`)
	w.basic("ANN@example.com", annPassword, "GET", "/v0.1/api_tokens").want(200, made.ID)
	w.basic("ann", annPassword, "GET", "~").want(200, `"member_permissions":["manager"]`)
	w.basic("ann", annPassword, "DELETE", "/v0.1/api_tokens/current").want(404)
	w.basic("ann", annPassword, "DELETE", "~/api_tokens/current").want(404)
	w.basic("ann", annPassword, "DELETE", "/v0.1/api_tokens/"+made.ID).want(204)
	w.basic("ann", annPassword+"!", "GET", "/v0.1/user").want(401, `"message":"Unauthorized. Name or password is wrong. Correlation ID: `)
	w.basic("root", annPassword, "GET", "/v0.1/user").want(401)
	w.basic("ann", annPassword, "GET", "/v0.1/admin/users").want(403)
	if strings.Contains(w.logs.String(), "horse") || strings.Contains(w.logs.String(), "ann") {
		t.Error("the log knows who signed in")
	}
}

// TestT22SignIns: too many wrong passwords are answered so that the CLI waits and goes on.
func TestT22SignIns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.password(w.ann, annPassword)
	for range 10 {
		w.basic("ann", "wrong", "GET", "/v0.1/user").want(401)
	}
	a := w.basic("ann", annPassword, "GET", "/v0.1/user").want(429, `"code":"RateLimitExceeded"`, `"message":"Rate limit is exceeded. Try again in 6 seconds."`)
	if a.header.Get("Retry-After") != "6" {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
	w.call("GET", "/v0.1/user").want(200) // tokens cannot be guessed
	w.clock.Pass(6 * time.Second)
	w.basic("ann", annPassword, "GET", "/v0.1/user").want(200)
}

func TestPatchUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call("PATCH", "/v0.1/user", `{"display_name":" Änn "}`).want(200, `"display_name":"Änn"`)
	w.call("GET", "/v0.1/user").want(200, `"display_name":"Änn"`)
	w.call("PATCH", "/v0.1/user").want(200, `"display_name":"Änn"`)
	for _, body := range []string{`{"display_name":""}`, `{"display_name":"  "}`, `{"display_name":1}`, `{"display_name":"a\u0000b"}`, `{"display_name":"` + strings.Repeat("x", 101) + `"}`} {
		w.call("PATCH", "/v0.1/user", body).want(400)
	}
	w.callAs(w.tokenOf(w.ann, 0, "viewer"), "PATCH", "/v0.1/user", `{"display_name":"x"}`).want(403)
	// Nobody makes themselves more.
	w.call("PATCH", "/v0.1/user", `{"admin":true,"name":"root","email":"root@example.com"}`).want(200, `"name":"ann"`, `"email":"ann@example.com"`, `"permissions":[]`)
}

// TestOwnPassword: a token alone is not enough to change a password.
func TestOwnPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ending token
	w.call("POST", "/v0.1/api_tokens", `{"expires_at":"2024-05-11T00:00:00Z"}`).want(201).into(&ending)
	w.callAs(ending.APIToken, "PATCH", "/v0.1/user", `{"new_password":"`+annPassword+`"}`).want(403, "expires")
	w.call("PATCH", "/v0.1/user", `{"new_password":"short"}`).want(400, "too short")
	w.call("PATCH", "/v0.1/user", `{"new_password":"`+annPassword+`"}`).want(200, `"can_change_password":true`)
	w.basic("ann", annPassword, "GET", "/v0.1/user").want(200)
	w.call("PATCH", "/v0.1/user", `{"new_password":"another one altogether"}`).want(403, "old_password is wrong")
	w.call("PATCH", "/v0.1/user", `{"new_password":"another one altogether","old_password":"`+annPassword+`"}`).want(200)
	w.basic("ann", annPassword, "GET", "/v0.1/user").want(401)
	w.basic("ann", "another one altogether", "GET", "/v0.1/user").want(200)
}

func TestUserExtras(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if a := w.call("GET", "/v0.1/user/export/serviceConnections").want(200); a.body != "[]" {
		t.Error(a.body)
	}
	w.call("GET", "/v0.1/user/metadata/optimizely").want(200, `"userId":"`+w.ann.ID.String()+`"`, `"metadata":{}`)
	w.call("GET", "/v0.1/user/notifications/emailSettings").want(200, `"request_id":"`, `"eTag":"`, `"enabled":false`,
		`"settings":[{"event_type":"crash_newCrashGroupCreated","value":"Disabled","default_value":"Disabled"}]`)
	w.call("GET", "~/notifications/emailSettings").want(200, `"appId":"`+w.app.ID.String()+`"`, `"user_enabled":false`)
	w.callAs(w.tokenOf(w.ann, w.app.Num, "all"), "GET", "~/notifications/emailSettings").want(403)
}

// TestAccounts: administrators of the server look after accounts, and nobody else does.
func TestAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.tokenOf(w.admin, 0, "all")
	const users = "/v0.1/admin/users"
	a := w.callAs(root, "POST", users, `{"name":"Bob","email":"Bob@example.com","password":"`+annPassword+`"}`).want(201,
		`"name":"Bob"`, `"display_name":"Bob"`, `"email":"Bob@example.com"`, `"can_change_password":true`, `"admin":false`, `"created_at":"2024-05-10T12:00:30`)
	if strings.Contains(a.body, "horse") || strings.Contains(a.body, "argon2") {
		t.Error("the answer holds the password or its hash")
	}
	w.basic("bob@EXAMPLE.com", annPassword, "GET", "/v0.1/user").want(200)
	for body, status := range map[string]int{
		`{"name":"BOB","email":"other@example.com"}`:                         409,
		`{"name":"bobby","email":"bob@example.COM"}`:                         409,
		`{"name":"a b","email":"x@example.com"}`:                             400,
		`{"name":"..","email":"x@example.com"}`:                              400,
		`{"name":"a@b","email":"x@example.com"}`:                             400,
		`{"email":"x@example.com"}`:                                          400,
		`{"name":"carol"}`:                                                   400,
		`{"name":"carol","email":""}`:                                        400,
		`{"name":"carol","email":"carol"}`:                                   400,
		`{"name":"carol","email":"a@b@c"}`:                                   400,
		`{"name":"carol","email":"a/b@c"}`:                                   400,
		`{"name":"carol","email":"a\nb@c"}`:                                  400,
		`{"name":"carol","email":"` + strings.Repeat("x", 255) + `@c"}`:      400,
		`{"name":"carol","email":"c@example.com","password":"short"}`:        400,
		`{"name":"carol","email":"c@example.com","admin":"yes"}`:             400,
		`{"name":"carol","email":"c@example.com","display_name":"a\u0007b"}`: 400,
		`{"name":"carol","email":"ö@例え.jp","password":""}`:                   201,
	} {
		w.callAs(root, "POST", users, body).want(status)
	}
	w.callAs(root, "GET", users).want(200, `"name":"root"`, `"name":"ann"`, `"name":"Bob"`, `"name":"carol"`)
	w.callAs(root, "GET", users+"/ANN").want(200, `"name":"ann"`)
	w.callAs(root, "GET", users+"/ann%40example.com").want(200, `"name":"ann"`)
	w.callAs(root, "GET", users+"/nobody").want(404, "There is no such user.")

	w.callAs(root, "PATCH", users+"/bob", `{"email":"b@example.com","display_name":"B","admin":true}`).want(200, `"email":"b@example.com"`, `"admin":true`, `"permissions":["manager"]`)
	w.basic("bob", annPassword, "GET", users).want(200)
	w.callAs(root, "PATCH", users+"/bob", `{"admin":false}`).want(200, `"display_name":"B"`)
	w.basic("bob", annPassword, "GET", users).want(403)
	w.callAs(root, "PATCH", users+"/bob", `{"email":"ann@example.com"}`).want(409)
	w.callAs(root, "PATCH", users+"/bob", `{"name":"rob"}`).want(400, "cannot be changed")
	w.callAs(root, "PATCH", users+"/bob", `{"password":""}`).want(200, `"can_change_password":false`)
	w.basic("bob", annPassword, "GET", "/v0.1/user").want(401)
	w.callAs(root, "PATCH", users+"/root", `{"admin":false}`).want(409, "last administrator")
	w.callAs(root, "DELETE", users+"/root").want(409, "last administrator")
}

// TestDeletedAccount: with an account go its tokens at once, those of apps too, and nothing of others.
func TestDeletedAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.tokenOf(w.admin, 0, "all")
	app, rootsApp := w.tokenOf(w.ann, w.app.Num, "all"), w.tokenOf(w.admin, w.app.Num, "all")
	w.call("GET", "~").want(200)
	w.callAs(app, "GET", "~").want(200)
	w.call("POST", "/v0.1/apps", `{"display_name":"own","os":"iOS","platform":"Unity"}`).want(201)
	w.callAs(root, "DELETE", "/v0.1/admin/users/ann").want(409, "Apps belong to this account (1 of them)")
	w.call("GET", "~").want(200)
	w.call("DELETE", "/v0.1/apps/ann/own").want(204)
	w.callAs(root, "DELETE", "/v0.1/admin/users/ann").want(204)
	if w.changes("accounts") != 1 {
		t.Error("nobody was told")
	}
	w.call("GET", "~").want(401)
	w.callAs(app, "GET", "~").want(401)
	w.callAs(rootsApp, "GET", "~").want(200)
	again := w.user("ann", false)
	if role, err := w.store.RoleOf(t.Context(), w.app.Num, again.Num); err != nil || role != diag.RoleNone {
		t.Errorf("the next ann has the role %v, %v", role, err)
	}
	w.callAs(root, "DELETE", "/v0.1/admin/users/nobody").want(404)
}
