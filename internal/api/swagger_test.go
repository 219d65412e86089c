package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// schema is what a body is checked for, of JSON Schema as Swagger 2 has it.
type schema struct {
	Ref        string            `json:"$ref"`
	AllOf      []schema          `json:"allOf"`
	Type       string            `json:"type"`
	Format     string            `json:"format"`
	Enum       []any             `json:"enum"`
	Properties map[string]schema `json:"properties"`
	Additional *schema           `json:"additionalProperties"`
	Required   []string          `json:"required"`
	Items      *schema           `json:"items"`
	ByType     string            `json:"discriminator"` // a member that tells which further ones there are
}

type operation struct {
	Responses map[string]struct {
		Schema *schema `json:"schema"`
	} `json:"responses"`
}

// description is the published description of the API.
type description struct {
	paths       map[string]map[string]operation
	definitions map[string]schema
}

// published reads the description once for all tests.
var published = sync.OnceValues(func() (*description, error) {
	data, err := os.ReadFile("testdata/appcenter-api.swagger.json")
	if err != nil {
		return nil, err
	}
	var raw struct {
		Paths       map[string]map[string]json.RawMessage `json:"paths"`
		Definitions map[string]schema                     `json:"definitions"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, err
	}
	d := &description{map[string]map[string]operation{}, raw.Definitions}
	for path, members := range raw.Paths {
		d.paths[path] = map[string]operation{}
		for method, member := range members {
			var o operation
			if method != "parameters" {
				if err := json.Unmarshal(member, &o); err != nil {
					return nil, err
				}
				d.paths[path][method] = o
			}
		}
	}
	return d, nil
})

// operation finds the published call for a request, nil if it is one of ours.
func (d *description) operation(method, path string) *operation {
	path = strings.TrimSuffix(strings.TrimPrefix("/"+strings.TrimLeft(path, "/"), "/api"), "/")
	if strings.Contains(path, "/errors/") {
		path = strings.Replace(path, "/session_logs", "/sessionLogs", 1)
	}
	segments := strings.Split(path, "/")
	best, bestLiterals := "", -1
	for template := range d.paths {
		if n := literals(strings.Split(template, "/"), segments); n > bestLiterals {
			best, bestLiterals = template, n
		}
	}
	o, ok := d.paths[best][strings.ToLower(method)]
	if !ok || bestLiterals < 0 {
		return nil
	}
	return &o
}

// literals counts the segments that a template and a path share, -1 if they do not match.
func literals(template, path []string) (n int) {
	if len(template) != len(path) {
		return -1
	}
	for i := range template {
		switch {
		case template[i] == path[i]:
			n++
		case !strings.HasPrefix(template[i], "{"):
			return -1
		}
	}
	return n
}

// conform checks that a success has a documented status and, if it is JSON, the documented shape.
func conform(t testing.TB, r *http.Request, a answer) {
	t.Helper()
	d, err := published()
	if err != nil {
		t.Fatal(err)
	}
	o := d.operation(r.Method, r.URL.Path)
	if o == nil || a.status == http.StatusPartialContent {
		return
	}
	at := r.Method + " " + r.URL.Path
	documented, ok := o.Responses[fmt.Sprint(a.status)]
	if !ok && a.status == http.StatusOK && strings.Contains(r.URL.Path, "/crash_groups/") && r.Method == http.MethodGet { // Q12
		documented, ok = o.Responses["201"]
	}
	if !ok {
		t.Errorf("%s: status %d, documented are %v", at, a.status, slices.Sorted(maps.Keys(o.Responses)))
		return
	}
	isJSON := strings.HasPrefix(a.header.Get("Content-Type"), "application/json") && a.header.Get("Content-Disposition") == ""
	if documented.Schema == nil || !isJSON {
		return
	}
	decoder := json.NewDecoder(strings.NewReader(a.body))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Errorf("%s: %v", at, err)
		return
	}
	c := check{TB: t, description: d}
	c.value(at, v, documented.Schema)
}

// ours are the members that the description does not have: our own, and some that were only recorded.
var ours = []string{
	"errorGroupId", "reports_in_days", "events_in_days", "installId", "inner_exceptions", "blob_endpoint", "container", "prefix", "subscription_id", "blob_path_format_kind", "path", "handled_errors", "app_secret", "id", "accept_url", "organization", "app",
	"app_builds",
	"last_used_at", "expires_at", "problems",
}

// nullables may be null though the description knows no null (Q41).
var nullables = []string{"description", "icon_url", "icon_source", "release_type", "azure_subscription", "avatar_url", "email"}

// date is a time that all known clients can parse (T7).
var date = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$`)

type check struct {
	testing.TB
	*description
}

// flat is the schema with its references and parts put together.
func (c *check) flat(s *schema) schema {
	if name, ok := strings.CutPrefix(s.Ref, "#/definitions/"); ok {
		d := c.definitions[name]
		return c.flat(&d)
	}
	all := *s
	all.Properties = map[string]schema{}
	for _, part := range s.AllOf {
		p := c.flat(&part)
		maps.Copy(all.Properties, p.Properties)
		all.Required = append(slices.Clone(all.Required), p.Required...)
	}
	maps.Copy(all.Properties, s.Properties)
	if all.Type == "" && len(all.Properties) > 0 {
		all.Type = "object"
	}
	return all
}

func (c *check) value(at string, v any, ref *schema) {
	s := c.flat(ref)
	kind := map[string]string{"number": "number", "integer": "number"}[s.Type]
	if kind == "" {
		kind = s.Type
	}
	switch v := v.(type) {
	case map[string]any:
		c.kind(at, kind, "object")
		c.object(at, v, &s)
	case []any:
		c.kind(at, kind, "array")
		for i, e := range v {
			c.value(fmt.Sprintf("%s[%d]", at, i), e, s.Items)
		}
	case string:
		c.kind(at, kind, "string")
		c.text(at, v, &s)
	case json.Number:
		c.kind(at, kind, "number")
	case bool:
		c.kind(at, kind, "boolean")
	default:
		c.Errorf("%s is null", at)
	}
}

func (c *check) kind(at, want, got string) {
	if want != got {
		c.Errorf("%s is a %s, not a %s", at, got, want)
	}
}

func (c *check) object(at string, v map[string]any, s *schema) {
	for _, name := range s.Required {
		if _, ok := v[name]; !ok {
			c.Errorf("%s lacks %s", at, name)
		}
	}
	for name, e := range v {
		property, known := s.Properties[name]
		switch {
		case name == "statusCode":
			c.Errorf("%s has statusCode, which scripts take for a failure", at)
		case e == nil && slices.Contains(nullables, name):
		case known:
			c.value(at+"."+name, e, &property)
		case s.Additional != nil:
			c.value(at+"."+name, e, s.Additional)
		case s.ByType == "" && !slices.Contains(ours, name):
			c.Errorf("%s has %s", at, name)
		}
	}
}

func (c *check) text(at, v string, s *schema) {
	state := strings.HasSuffix(at, ".state") // answers say Open where the description says open (Q1)
	if s.Enum != nil && !slices.ContainsFunc(s.Enum, func(e any) bool { return e == v || state && strings.EqualFold(fmt.Sprint(e), v) }) &&
		!(strings.HasSuffix(at, "export_configuration.type") && v == "directory") {
		c.Errorf("%s is %q, want one of %q", at, v, s.Enum)
	}
	if (s.Format == "date-time" || strings.HasSuffix(at, "_time") || strings.HasSuffix(at, "_at")) && !date.MatchString(v) {
		c.Errorf("%s is %q, no time", at, v)
	}
}

// recorder takes the failures of a check.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

// TestConformFails: a check that finds nothing proves nothing.
func TestConformFails(t *testing.T) {
	t.Parallel()
	const user = `{"id":"x","display_name":"x","email":"x","name":"x","origin":"appcenter"`
	for _, c := range []struct {
		method, path string
		status       int
		body, want   string
	}{
		{"GET", "/v0.1/user", 200, user + `}`, ""},
		{"GET", "//api/v0.1/user/", 200, user + `,"avatar_url":null}`, ""},
		{"GET", "/v0.1/user", 201, user + `}`, "documented are"},
		{"GET", "/v0.1/user", 200, `{}`, "lacks id"},
		{"GET", "/v0.1/user", 200, user + `,"more":1}`, "has more"},
		{"GET", "/v0.1/user", 200, user + `,"statusCode":1}`, "has statusCode"},
		{"GET", "/v0.1/user", 200, user + `,"permissions":["king"]}`, `is "king"`},
		{"GET", "/v0.1/user", 200, user + `,"can_change_password":1}`, "is a number"},
		{"GET", "/v0.1/apps", 200, `{}`, "is a object, not a array"},
		{"GET", "/v0.1/apps/a/b/errors/x/session_logs", 200, `{"logs":[{}]}`, "logs[0] lacks install_id"},
		{"GET", "/v0.1/apps/a/b/errors/errorGroups", 200, `{"errorGroups":[{"firstOccurrence":"2024-05-09T19:37:10.12Z"}]}`, "no time"},
		{"GET", "/ours", 200, `[]`, ""},
	} {
		r, err := http.NewRequest(c.method, "http://x"+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		found := &recorder{}
		conform(found, r, answer{status: c.status, body: c.body, header: http.Header{"Content-Type": {"application/json"}}})
		if all := strings.Join(found.failures, "\n"); c.want == "" && all != "" || !strings.Contains(all, c.want) {
			t.Errorf("%s %s: found %q, want %q", c.path, c.body, all, c.want)
		}
	}
}

func publishedText(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/appcenter-api.swagger.json")
	if err != nil {
		t.Fatal(err)
	}
	return data
}
