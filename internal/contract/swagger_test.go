package contract_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/wire"
)

// schema is what a body is checked for, of JSON Schema as Swagger 2 has it.
type schema struct {
	Ref        string            `json:"$ref"`
	AllOf      []schema          `json:"allOf"`
	Type       string            `json:"type"`
	Format     string            `json:"format"`
	Enum       []any             `json:"enum"`
	Minimum    *float64          `json:"minimum"`
	Maximum    *float64          `json:"maximum"`
	Properties map[string]schema `json:"properties"`
	Additional *schema           `json:"additionalProperties"`
	Required   []string          `json:"required"`
	Items      *schema           `json:"items"`
}

// swagger is the published description of the API.
type swagger struct {
	Paths map[string]map[string]struct {
		Responses map[string]struct {
			Schema *schema `json:"schema"`
		} `json:"responses"`
	} `json:"paths"`
	Definitions map[string]schema `json:"definitions"`
}

func published(t testing.TB) *swagger {
	t.Helper()
	data, err := os.ReadFile("testdata/appcenter-api.swagger.json")
	if err != nil {
		t.Fatal(err)
	}
	// Paths have members that are no operations; only the operations are read.
	var raw struct {
		Paths       map[string]map[string]json.RawMessage `json:"paths"`
		Definitions map[string]schema                     `json:"definitions"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		t.Fatal(err)
	}
	for _, path := range raw.Paths {
		delete(path, "parameters")
	}
	operations, err := json.Marshal(map[string]any{"paths": raw.Paths})
	if err != nil {
		t.Fatal(err)
	}
	s := &swagger{Definitions: raw.Definitions}
	if err := json.Unmarshal(operations, s); err != nil {
		t.Fatal(err)
	}
	return s
}

// answer is the schema of an operation's success, written "GET /v0.1/user 200".
func (s *swagger) answer(t testing.TB, operation string) *schema {
	t.Helper()
	parts := strings.Fields(strings.Replace(operation, "~", "/v0.1/apps/{owner_name}/{app_name}", 1))
	if a := s.Paths[parts[1]][strings.ToLower(parts[0])].Responses[parts[2]].Schema; a != nil {
		return a
	}
	t.Fatalf("%s is not in the description", operation)
	return nil
}

// ours are the members that the description does not have: our own, and some that were only recorded.
var ours = []string{
	"installId", "inner_exceptions", "blob_endpoint", "container", "prefix",
	"subscription_id", "blob_path_format_kind", "path", "handled_errors",
}

// nullables may be null though the description knows no null (Q41).
var nullables = []string{"description", "icon_url", "icon_source", "release_type", "azure_subscription", "avatar_url", "email"}

// date is a time that all known clients can parse.
var date = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$`)

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// check lists what is wrong with a body.
type check struct {
	*swagger
	wrong []string
}

func (c *check) fail(at, format string, args ...any) {
	c.wrong = append(c.wrong, at+": "+fmt.Sprintf(format, args...))
}

// flat is the schema with its references and parts put together.
func (c *check) flat(s *schema) schema {
	if name, ok := strings.CutPrefix(s.Ref, "#/definitions/"); ok {
		d, ok := c.Definitions[name]
		if !ok {
			c.fail(s.Ref, "no such definition")
		}
		return c.flat(&d)
	}
	all := *s
	all.Properties = map[string]schema{}
	for _, part := range s.AllOf {
		p := c.flat(&part)
		for name, property := range p.Properties {
			all.Properties[name] = property
		}
		all.Required = append(slices.Clone(all.Required), p.Required...)
	}
	for name, property := range s.Properties {
		all.Properties[name] = property
	}
	if all.Type == "" && len(all.Properties) > 0 {
		all.Type = "object"
	}
	return all
}

func (c *check) value(at string, v any, ref *schema) {
	s := c.flat(ref)
	switch v := v.(type) {
	case map[string]any:
		c.object(at, v, &s)
	case []any:
		if s.Type != "array" {
			c.fail(at, "is an array, want %s", s.Type)
			return
		}
		for i, e := range v {
			c.value(fmt.Sprintf("%s[%d]", at, i), e, s.Items)
		}
	case string:
		c.text(at, v, &s)
	case json.Number:
		c.number(at, v, &s)
	case bool:
		if s.Type != "boolean" {
			c.fail(at, "is a boolean, want %s", s.Type)
		}
	default:
		c.fail(at, "is null")
	}
}

func (c *check) object(at string, v map[string]any, s *schema) {
	if s.Type != "object" {
		c.fail(at, "is an object, want %s", s.Type)
		return
	}
	for _, name := range s.Required {
		if _, ok := v[name]; !ok {
			c.fail(at, "lacks %s", name)
		}
	}
	for name, e := range v {
		property, known := s.Properties[name]
		switch {
		case e == nil && slices.Contains(nullables, name):
		case known:
			c.value(at+"."+name, e, &property)
		case s.Additional != nil:
			c.value(at+"."+name, e, s.Additional)
		case !slices.Contains(ours, name):
			c.fail(at, "has %s", name)
		}
	}
}

func (c *check) text(at, v string, s *schema) {
	if s.Type != "string" {
		c.fail(at, "is a text, want %s", s.Type)
	}
	// Answers say Open where the description says open (Q1).
	state := strings.HasSuffix(at, ".state")
	if s.Enum != nil && !slices.ContainsFunc(s.Enum, func(e any) bool { return e == v || state && strings.EqualFold(fmt.Sprint(e), v) }) {
		c.fail(at, "is %q, want one of %q", v, s.Enum)
	}
	isDate := s.Format == "date-time" || slices.ContainsFunc([]string{".creation_time", ".last_run_time", "_at"}, func(end string) bool { return strings.HasSuffix(at, end) })
	if isDate && !date.MatchString(v) {
		c.fail(at, "is %q, no time", v)
	}
	if s.Format == "uuid" && !uuid.MatchString(v) {
		c.fail(at, "is %q, no uuid", v)
	}
}

func (c *check) number(at string, v json.Number, s *schema) {
	n, err := v.Int64()
	switch {
	case err != nil || s.Type != "integer":
		c.fail(at, "is %s, want %s", v, s.Type)
	case s.Minimum != nil && float64(n) < *s.Minimum, s.Maximum != nil && float64(n) > *s.Maximum:
		c.fail(at, "is %s, outside of %v to %v", v, *s.Minimum, *s.Maximum)
	}
}

// conform fails the test where v, encoded, is not what the operation answers.
func (s *swagger) conform(t testing.TB, operation string, v any) {
	t.Helper()
	var b bytes.Buffer
	if err := contract.Encode(&b, v); err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(&b)
	d.UseNumber()
	var body any
	if err := d.Decode(&body); err != nil {
		t.Fatal(err)
	}
	c := check{swagger: s}
	c.value("", body, s.answer(t, operation))
	for _, w := range c.wrong {
		t.Errorf("%s %s", operation, w)
	}
}

const (
	opGroups      = "GET ~/errors/errorGroups 200"
	opReports     = "GET ~/errors/errorGroups/{errorGroupId}/errors 200"
	opDetails     = "GET ~/errors/errorGroups/{errorGroupId}/errors/{errorId} 200"
	opStackTrace  = "GET ~/errors/errorGroups/{errorGroupId}/errors/{errorId}/stacktrace 200"
	opAttachments = "GET ~/errors/{errorId}/attachments 200"
	opSessionLogs = "GET ~/errors/{errorId}/sessionLogs 200"
)

// TestPublished checks all bodies against the published description.
func TestPublished(t *testing.T) {
	t.Parallel()
	operations := map[string][]string{
		"user":            {"GET /v0.1/user 200"},
		"app":             {"GET ~ 200", "POST /v0.1/apps 201"},
		"token created":   {"POST /v0.1/api_tokens 201"},
		"groups":          {opGroups},
		"no groups":       {opGroups},
		"reports":         {opReports},
		"details":         {opDetails},
		"stack trace":     {opStackTrace},
		"attachments":     {opAttachments},
		"session logs":    {opSessionLogs},
		"no session logs": {opSessionLogs},
		"exports":         {"GET ~/export_configurations 200"},
	}
	s := published(t)
	bodies := recorded(t)
	for name, list := range operations {
		for _, o := range list {
			s.conform(t, o, bodies[name])
		}
	}
	s.conform(t, "GET /v0.1/api_tokens 200", []any{bodies["token"]})
	s.conform(t, "GET ~/errors/errorGroups/{errorGroupId} 200", bodies["groups"].(contract.ErrorGroups).ErrorGroups[0])
	s.conform(t, "POST ~/export_configurations 202", bodies["exports"].(contract.ExportConfigurations).Values[0])
}

// conformLog checks everything that is said of one log.
func (s *swagger) conformLog(t testing.TB, l diag.Log) {
	t.Helper()
	switch l.Kind.Family() {
	case diag.FamilyError:
		r := wire.DecodeReport(l, install)
		v := decide(&r)
		s.conform(t, opReports, contract.Reports{Errors: []contract.Report{contract.NewReport(&r, true, true)}})
		s.conform(t, opDetails, contract.NewReportDetails(&r, v, true, true))
		s.conform(t, opStackTrace, contract.NewStackTrace(&r, v))
	case diag.FamilyAttachment:
		a := wire.DecodeAttachment(l, false)
		s.conform(t, opAttachments, []contract.Attachment{contract.NewAttachment(app, &a, "x", received)})
	default:
		s.conform(t, opSessionLogs, contract.NewSessionLogs([]diag.Event{wire.DecodeEvent(l)}, install, true))
	}
}

// TestSamplesPublished checks what is said of the samples.
func TestSamplesPublished(t *testing.T) {
	t.Parallel()
	s := published(t)
	paths, err := filepath.Glob("testdata/samples/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatal("no samples", err)
	}
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range logs(t, body) {
			s.conformLog(t, l)
		}
	}
}

// TestCheckFails: a check that finds nothing proves nothing.
func TestCheckFails(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		`{"nextLink":"x"}`:          "",
		`[]`:                        ": is an array, want object",
		`{"errorGroups":[{}]}`:      ".errorGroups[0]: lacks errorGroupId",
		`{"errorGroups":null}`:      ".errorGroups: is null",
		`{"more":1}`:                ": has more",
		`{"nextLink":1}`:            ".nextLink: is 1, want string",
		groupWith(`"count":"1"`):    ".errorGroups[0].count: is a text, want integer",
		groupWith(`"state":"OPEN"`): "",
		groupWith(`"state":"new"`):  `.errorGroups[0].state: is "new", want one of ["open" "closed" "ignored"]`,
		groupWith(`"hidden":"no"`):  ".errorGroups[0].hidden: is a text, want boolean",
		groupWith(`"lastOccurrence":"2024-05-09T19:37:10.12Z"`): `.errorGroups[0].lastOccurrence: is "2024-05-09T19:37:10.12Z", no time`,
	}
	s := published(t)
	for body, want := range cases {
		d := json.NewDecoder(strings.NewReader(body))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		c := check{swagger: s}
		c.value("", v, s.answer(t, opGroups))
		if want == "" && len(c.wrong) > 0 || want != "" && !slices.Contains(c.wrong, want) {
			t.Errorf("%s: got %q, want %q", body, c.wrong, want)
		}
	}
}

// groupWith is a list of one group, right but for one member.
func groupWith(member string) string {
	name, _, _ := strings.Cut(member, ":")
	members := []string{
		`"errorGroupId":"1u"`, `"appVersion":"1"`, `"state":"Open"`, `"count":1`, `"deviceCount":1`,
		`"firstOccurrence":"2024-05-09T19:37:10Z"`, `"lastOccurrence":"2024-05-09T19:37:10Z"`,
	}
	members = slices.DeleteFunc(members, func(m string) bool { return strings.HasPrefix(m, name) })
	return `{"errorGroups":[{` + strings.Join(append(members, member), ",") + `}]}`
}
