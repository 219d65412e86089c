package e2e_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"

	"lifeboat/internal/api"
	"lifeboat/internal/auth"
	"lifeboat/internal/diag"
	"lifeboat/internal/store/sqlite"
)

// TestConformance calls every operation of the published description of App Center's API on the real binary: with
// what is right as every kind of caller, and with what is missing, wrong and hostile. Every status must be a
// documented one and every body must have the documented shape. What differs stands in undocumented, with the reason.
func TestConformance(t *testing.T) {
	t.Parallel()
	c := newConformance(t)
	for _, path := range slices.Sorted(maps.Keys(c.doc.Paths.Map())) {
		operations := c.doc.Paths.Value(path).Operations()
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			o := &published{method: method, path: path, Operation: operations[method], item: c.doc.Paths.Value(path)}
			c.walk(t, o)
		}
	}
	if c.walked != 133 {
		t.Errorf("%d operations were called, the description has 133", c.walked)
	}
	if c.refused == 0 || c.succeeded < 133 {
		t.Errorf("%d calls were refused and %d went well: that cannot be", c.refused, c.succeeded)
	}
}

// undocumented are the statuses that the description does not have, and why we answer them all the same.
var undocumented = []struct {
	path   string // begins or ends with it; "" any
	status int
	reason string
}{
	{"/symbol", 401, "the operations of symbols document no 401; the gateway of the real service answered it to all"},
	{"/symbol", 404, "an app that the caller must not know of is 404 everywhere (Q4)"},
	{"/symbol", 409, "a commit without a blob, or one that contradicts the one before (Q5, Q7)"},
	{"/symbol", 400, "what cannot be read"},
	{"/api_tokens", 403, "another app's token, or too low a role (Q4)"},
	{"/api_tokens", 404, "an app that the caller must not know of (Q4)"},
	{"/devices/block_logs", 401, "the operation documents its success only"},
	{"/devices/block_logs", 403, "the operation documents its success only"},
	{"/devices/block_logs", 404, "the operation documents its success only"},
	{"/devices/block_logs/{install_id}", 400, "an install id that is no GUID (2.4)"},
	{"/crash_groups/{crash_group_id}/crashes/{crash_id}", 200, "documented as 201, which no reading call should answer (Q12)"},
}

// published is one operation of the description.
type published struct {
	*openapi3.Operation
	method, path string
	item         *openapi3.PathItem
}

func (o *published) name() string { return o.method + " " + o.path }

func (o *published) parameters() (all []*openapi3.Parameter) {
	for _, p := range append(slices.Clone(o.item.Parameters), o.Parameters...) {
		all = append(all, p.Value)
	}
	return all
}

func (o *published) response(status int) *openapi3.Response {
	if r := o.Responses.Status(status); r != nil {
		return r.Value
	}
	if r := o.Responses.Default(); r != nil && status >= 400 {
		return r.Value
	}
	return nil
}

// caller is one kind of caller. rank is the role in the app: 1 viewer, 2 developer, 3 manager.
type caller struct {
	name     string
	token    string
	email    string
	rank     int
	user     bool // the token of a user
	readOnly bool
	foreign  bool // an app token of another app
	known    bool // the token is one
	orgAdmin bool
}

type conformance struct {
	*testServer
	doc     *openapi3.T
	needs   map[string]string // by method and path
	callers []caller
	manager caller
	values  map[string]string // of path parameters
	crashes []string          // report ids to be used up
	members []caller          // of the app, to be used up
	group   string
	serial  int

	walked, refused, succeeded int
}

const (
	org     = "Acme"
	appName = "shop"
)

// newConformance starts a server with people, an organisation, an app and data of every kind.
func newConformance(t *testing.T) *conformance {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	startOn(t, data).stop(t)
	c := &conformance{needs: map[string]string{}, values: map[string]string{}}
	c.doc = loadDescription(t)
	for _, r := range api.Routes() {
		c.needs[r.Method+" "+r.Path] = r.Need
	}
	c.addPeople(t, data)
	c.testServer = startOn(t, data, "--export-root", t.TempDir())
	c.addThings(t)
	return c
}

// nullable are the members of accounts that are null where the description knows no null (Q41).
var nullable = []string{"description", "icon_url", "icon_source", "release_type", "azure_subscription", "avatar_url", "email"}

// loadDescription reads the description as OpenAPI 3, with the differences that are decided: nulls, the casing of
// states, and codes of errors that the enumerations forgot.
func loadDescription(t *testing.T) *openapi3.T {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "api", "testdata", "appcenter-api.swagger.json"))
	if err != nil {
		t.Fatal(err)
	}
	var two openapi2.T
	if err := json.Unmarshal(text, &two); err != nil {
		t.Fatal(err)
	}
	three, err := openapi2conv.ToV3(&two)
	if err != nil {
		t.Fatal(err)
	}
	three.Servers = nil
	seen := map[*openapi3.Schema]bool{}
	for _, item := range three.Paths.Map() {
		for _, o := range item.Operations() {
			for _, r := range o.Responses.Map() {
				for _, media := range r.Value.Content {
					amend(media.Schema, seen)
				}
			}
		}
	}
	return three
}

func amend(ref *openapi3.SchemaRef, seen map[*openapi3.Schema]bool) {
	if ref == nil || ref.Value == nil || seen[ref.Value] {
		return
	}
	s := ref.Value
	seen[s] = true
	for name, p := range s.Properties {
		switch {
		case slices.Contains(nullable, name):
			p.Value.Nullable = true
		case name == "state" && slices.Contains(p.Value.Enum, any("open")):
			p.Value.Enum = append(p.Value.Enum, "Open", "Closed", "Ignored")
		case name == "type" && slices.Contains(p.Value.Enum, any("blob_storage_connection_string")):
			p.Value.Enum = append(p.Value.Enum, "directory") // our own kind, the only one that a test can reach here
		case name == "code":
			p.Value.Enum = nil
		}
		amend(p, seen)
	}
	amend(s.Items, seen)
	for _, part := range s.AllOf {
		amend(part, seen)
	}
	amend(s.AdditionalProperties.Schema, seen)
}

// addPeople writes accounts and tokens into the folder of a server that is down.
func (c *conformance) addPeople(t *testing.T, data string) {
	t.Helper()
	ctx := t.Context()
	db, err := sqlite.Open(ctx, data, sqlite.Options{})
	check := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	check(err)
	defer db.Close()
	now := time.Now()
	app := func(owner, name string) diag.App {
		a, err := db.CreateApp(ctx, diag.App{
			ID: diag.NewID(now), Secret: diag.RandomID(), Owner: owner, Name: name, DisplayName: name, OS: "Android", Platform: "Java",
			CreatedAt: now.UnixMilli(), UpdatedAt: now.UnixMilli(),
		})
		check(err)
		return a
	}
	user := func(name string) diag.User {
		u, err := db.CreateUser(ctx, diag.User{
			ID: diag.NewID(now), Name: name, DisplayName: name, Email: name + "@example.com", CreatedAt: now.UnixMilli(),
		})
		check(err)
		return u
	}
	token := func(u diag.User, app int64, scope string) string {
		text, hash := auth.NewToken()
		check(db.CreateToken(ctx, diag.Token{ID: diag.NewID(now), User: u.Num, App: app, Scope: scope, CreatedAt: now.UnixMilli()}, hash))
		return text
	}
	manager := user("mona")
	shop, other := app("mona", appName), app("mona", "other")
	member := func(name string, role diag.Role) diag.User {
		u := user(name)
		check(db.SetMember(ctx, shop.Num, u.Num, role))
		return u
	}
	check(db.SetMember(ctx, shop.Num, manager.Num, diag.RoleManager))
	check(db.SetMember(ctx, other.Num, manager.Num, diag.RoleManager))
	for i := range spare { // who may be taken out of the app and the organisation, and leave
		u := member(fmt.Sprintf("member%d", i), diag.RoleViewer)
		c.members = append(c.members, caller{name: u.Name, token: token(u, 0, "all"), email: u.Email, rank: 1, user: true, known: true})
	}
	root, err := db.UserByName(ctx, "admin")
	check(err)
	c.manager = caller{name: "manager", token: token(manager, 0, "all"), email: manager.Email, rank: 3, user: true, known: true, orgAdmin: true}
	c.callers = []caller{
		{name: "nobody"},
		{name: "unknown token", token: strings.Repeat("0", 40)},
		{name: "stranger", token: token(user("sam"), 0, "all"), email: "sam@example.com", user: true, known: true},
		{name: "viewer", token: token(member("vic", diag.RoleViewer), 0, "all"), email: "vic@example.com", rank: 1, user: true, known: true},
		{name: "developer", token: token(member("dev", diag.RoleDeveloper), 0, "all"), email: "dev@example.com", rank: 2, user: true, known: true},
		c.manager,
		{name: "read-only manager", token: token(manager, 0, "viewer"), email: manager.Email, rank: 1, user: true, known: true, readOnly: true, orgAdmin: true},
		{name: "server admin", token: token(root, 0, "all"), email: root.Email, rank: 3, user: true, known: true, orgAdmin: true},
		{name: "app token", token: token(manager, shop.Num, "all"), rank: 3, known: true},
		{name: "read-only app token", token: token(manager, shop.Num, "viewer"), rank: 1, known: true, readOnly: true},
		{name: "another app's token", token: token(manager, other.Num, "all"), known: true, foreign: true},
	}
	c.values["owner_name"], c.values["app_name"] = "mona", appName
	c.values["secret"] = shop.Secret.String()
}

// refusal is the status that a caller must get for a right call, 0 if it must go well.
func (c *conformance) refusal(o *published, k *caller) int {
	need := c.needs[o.name()]
	switch need {
	case "anyone":
		return 0
	case "signature":
		return 403
	}
	if !k.known {
		return 401
	}
	kind, qualifier, _ := strings.Cut(need, ", ")
	writes := qualifier == "writing" || kind == "organisation admin"
	switch kind {
	case "token":
		return 0
	case "user":
		if !k.user || k.readOnly && (writes || o.method == http.MethodDelete) {
			return 403
		}
		return 0
	case "organisation member", "organisation admin":
		switch {
		case !k.user:
			return 403
		case !k.orgAdmin:
			return 404
		case k.readOnly && writes:
			return 403
		}
		return 0
	}
	rank := slices.Index([]string{"", "viewer", "developer", "manager"}, kind)
	switch {
	case k.foreign:
		return 403
	case k.rank == 0:
		return 404
	case k.rank < rank, qualifier == "user token" && !k.user:
		return 403
	}
	return 0
}

// walk makes all calls of one operation.
func (c *conformance) walk(t *testing.T, o *published) {
	c.walked++
	for i := range c.callers {
		c.right(t, o, &c.callers[i])
	}
	c.missing(t, o)
	c.wrong(t, o)
}

// try is one call.
type try struct {
	values map[string]string // of path parameters, over those of the conformance
	query  url.Values
	body   []byte
	kind   string // of the body
	token  string // instead of the caller's
}

// right calls the operation with everything that it wants.
func (c *conformance) right(t *testing.T, o *published, k *caller) {
	refusal := c.refusal(o, k)
	var call try
	if refusal == 0 {
		call = c.prepare(t, o, k)
	} else {
		call = try{body: c.body(o, k)}
	}
	call.query = c.query(o)
	status, body := c.call(t, o, k, call)
	switch {
	case refusal != 0 && status != refusal:
		t.Errorf("%s as %s: status %d, want %d: %s", o.name(), k.name, status, refusal, body)
	case refusal != 0:
		c.refused++
	case status/100 != 2 && !c.may(o, k, status):
		t.Errorf("%s as %s: status %d, must go well: %s", o.name(), k.name, status, body)
	default:
		c.succeeded++
	}
}

// may: right calls that cannot go well, because they name what only an operator or a rule can make.
func (c *conformance) may(o *published, k *caller, status int) bool {
	switch o.method + " " + strings.TrimPrefix(o.path, "/v0.1/apps/{owner_name}/{app_name}") {
	case "POST /azure_subscriptions":
		return status == 400 // no subscription is known
	case "DELETE /azure_subscriptions/{azure_subscription_id}":
		return status == 404
	case "POST /api_tokens":
		return k.rank == 2 && status == 403 // a developer may make read-only tokens only
	case "POST /v0.1/user/dsr/export/{token}/cancel":
		return status == 503 // it is done already
	}
	return false
}

// query is what every parameter of the query takes.
func (c *conformance) query(o *published) url.Values {
	q := url.Values{}
	for _, p := range o.parameters() {
		if p.In == "query" {
			q.Set(p.Name, sampleOf(p))
		}
	}
	return q
}

func sampleOf(p *openapi3.Parameter) string {
	s := p.Schema.Value
	switch {
	case p.Name == "start", p.Name == "date_from", p.Name == "last_occurrence_from":
		return time.Now().AddDate(0, 0, -2).UTC().Format(time.RFC3339)
	case s.Format == "date-time":
		return time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	case len(s.Enum) > 0:
		return fmt.Sprint(s.Enum[0])
	case p.Name == "interval":
		return "P1D"
	case p.Name == "email":
		return "mona@example.com"
	case p.Name == "filter" && s.Type.Is("string"), p.Name == "$filter":
		return ""
	case p.Name == "$orderby":
		return "count desc"
	case s.Type.Is("integer"):
		return "10"
	case s.Type.Is("boolean"):
		return "true"
	case strings.Contains(strings.ToLower(p.Name), "version"):
		return "3.1.0"
	}
	return ""
}

// missing leaves out everything: absent parameters have defaults, an absent body is an empty one.
func (c *conformance) missing(t *testing.T, o *published) {
	if destroys(o) {
		return
	}
	c.call(t, o, &c.manager, try{values: spared(o)})
	c.call(t, o, &c.manager, try{values: spared(o), body: []byte("{}"), kind: "application/json"})
}

// spared leads calls that delete to something that is not there.
func spared(o *published) map[string]string {
	i := strings.LastIndexByte(o.path, '{')
	if o.method != http.MethodDelete || i < 0 {
		return map[string]string{}
	}
	return map[string]string{strings.TrimSuffix(o.path[i+1:], "}"): "99999999-0000-4000-8000-000000000000"}
}

// destroys: a call without any parameters does what it is there for.
func destroys(o *published) bool {
	return o.method == http.MethodDelete && (strings.HasSuffix(o.path, "{app_name}") || strings.HasSuffix(o.path, "{org_name}")) ||
		strings.HasSuffix(o.path, "/devices/block_logs") || strings.HasSuffix(o.path, "/dsr/delete")
}

// hostileTexts are texts that break what is built carelessly.
var hostileTexts = []string{
	"'; DROP TABLE report; --", "\x00", "\xff\xfe", "%", "../../../etc/passwd", "a/b", strings.Repeat("A", 5000), strings.Repeat("(", 3000),
	"-1", "99999999999999999999999", "1e308", "NaN", "null", "true", "<script>alert(1)</script>", "\u202e\U0001f4a3", "{}", "[]", "*", "\r\nX-Evil: 1", "${jndi:ldap://x}", " ",
}

// wrong puts hostile texts into every place, one at a time.
func (c *conformance) wrong(t *testing.T, o *published) {
	k := &c.manager
	for _, p := range o.parameters() {
		for i, text := range hostileTexts {
			call := try{values: spared(o), query: c.query(o), body: c.body(o, k)}
			switch p.In {
			case "query":
				call.query.Set(p.Name, text)
			case "path":
				if strings.HasSuffix(o.path, "{"+p.Name+"}") && destroys(o) {
					continue
				}
				call.values[p.Name] = text
			default:
				continue
			}
			if p.In == "query" && destroys(o) || i%3 != c.walked%3 && p.In == "path" && len(text) < 100 {
				continue
			}
			status, body := c.call(t, o, k, call)
			if s := p.Schema.Value; p.In == "query" && status != 400 && mustFail(p, s, text) && c.succeedsPlain(o) {
				t.Errorf("%s: %s=%.40q: status %d, want 400: %.200s", o.name(), p.Name, text, status, body)
			}
		}
	}
	if o.RequestBody != nil && !destroys(o) {
		for _, body := range brokenBodies(o) {
			c.call(t, o, k, try{values: spared(o), query: c.query(o), body: body, kind: "application/json"})
		}
	}
}

// succeedsPlain: the objects of the call's path are there, so that what is wrong with its query is seen.
func (c *conformance) succeedsPlain(o *published) bool {
	return !strings.Contains(o.path, "/dsr/") && o.method == http.MethodGet
}

// mustFail: no date and no number can be read into the text (Q39).
func mustFail(p *openapi3.Parameter, s *openapi3.Schema, text string) bool {
	date := s.Format == "date-time" && strings.TrimSpace(text) != "" && text != "99999999999999999999999" && text != "-1"
	number := s.Type.Is("integer") && strings.TrimSpace(text) != "" && !strings.ContainsAny(text[:1], "-0123456789")
	return date || number
}

// brokenBodies are no JSON, JSON of another shape, and members of every wrong type.
func brokenBodies(o *published) [][]byte {
	all := [][]byte{
		[]byte("{"), []byte("null"), []byte("[]"), []byte(`"x"`), []byte("1e999"), {0xff, 0xfe}, bytes.Repeat([]byte("["), 100_000),
		[]byte(`{"a":` + strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5001)), bytes.Repeat([]byte("x"), 2<<20),
	}
	for _, media := range o.RequestBody.Value.Content {
		for name := range media.Schema.Value.Properties {
			for _, v := range []string{"null", "1", "true", "{}", "[]", `[{"x":[]}]`, `"\u0000"`, `"` + strings.Repeat("é", 3000) + `"`, `"../.."`, `["x"]`, "-5", "1e400"} {
				all = append(all, fmt.Appendf(nil, `{%q:%s}`, name, v))
			}
		}
	}
	return all
}

// call makes one call and checks what came back: no failure of the server, a documented status, a documented shape.
func (c *conformance) call(t *testing.T, o *published, k *caller, call try) (status int, body string) {
	t.Helper()
	path := o.path
	for _, p := range o.parameters() {
		if p.In != "path" {
			continue
		}
		v, ok := call.values[p.Name]
		if !ok {
			v = c.values[p.Name]
		}
		path = strings.Replace(path, "{"+p.Name+"}", url.PathEscape(v), 1)
	}
	if len(call.query) > 0 {
		path += "?" + call.query.Encode()
	}
	req, err := http.NewRequestWithContext(t.Context(), o.method, c.URL+path, bytes.NewReader(call.body))
	if err != nil {
		t.Fatalf("%s: %v", o.name(), err)
	}
	if token := cmp.Or(call.token, k.token); token != "" {
		req.Header.Set("X-API-Token", token)
	}
	if call.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		if len(call.body) > 1<<20 { // refused before all of it was sent
			return 413, ""
		}
		t.Errorf("%s as %s: %v", o.name(), k.name, err)
		return 0, ""
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Errorf("%s as %s: %v", o.name(), k.name, err)
	}
	c.verify(t, o, k, answer, b, path)
	return answer.StatusCode, string(b)
}

func (c *conformance) verify(t *testing.T, o *published, k *caller, answer *http.Response, body []byte, path string) {
	t.Helper()
	at := fmt.Sprintf("%s as %s (%.120s)", o.name(), k.name, path)
	status := answer.StatusCode
	if status >= 500 && status != 503 {
		t.Errorf("%s: status %d: %.300s", at, status, body)
		return
	}
	documented := o.response(status)
	if documented == nil {
		if !isUndocumented(o, status) {
			t.Errorf("%s: status %d is not documented: %.300s", at, status, body)
		}
		return
	}
	media := documented.Content.Get("application/json")
	if media == nil || media.Schema == nil || answer.Header.Get("Content-Disposition") != "" {
		return
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Errorf("%s: status %d: no JSON: %v: %.300s", at, status, err, body)
		return
	}
	if m, ok := v.(map[string]any); ok && status < 400 && m["statusCode"] != nil {
		t.Errorf("%s: a success has statusCode, which scripts take for a failure", at)
	}
	if err := media.Schema.Value.VisitJSON(v, openapi3.VisitAsResponse(), openapi3.MultiErrors()); err != nil {
		t.Errorf("%s: status %d: %.600v\n%.500s", at, status, err, body)
	}
}

func isUndocumented(o *published, status int) bool {
	if status == http.StatusRequestEntityTooLarge {
		return true // a body beyond every limit
	}
	for _, u := range undocumented {
		if u.status == status && strings.Contains(o.path, u.path) {
			return true
		}
	}
	return false
}

func (c *conformance) next(prefix string) string {
	c.serial++
	return prefix + strconv.Itoa(c.serial)
}
