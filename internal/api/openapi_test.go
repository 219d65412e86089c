package api_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"lifeboat/internal/api"
)

// TestDescription: the description is valid, and describes exactly what the server serves.
func TestDescription(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.callAs("", "GET", "/openapi.json").want(200)
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData([]byte(a.body))
	w.must(err)
	if err := doc.Validate(t.Context(), openapi3.DisableExamplesValidation()); err != nil {
		t.Errorf("not valid: %.2000v", err)
	}
	described := map[string]*openapi3.Operation{}
	for path, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			described[method+" "+path] = o
		}
	}
	ids := map[string]bool{}
	for _, r := range api.Routes() {
		o := described[r.Method+" "+r.Path]
		if o == nil {
			t.Errorf("%s %s is served and not described", r.Method, r.Path)
			continue
		}
		delete(described, r.Method+" "+r.Path)
		if o.Summary == "" {
			t.Errorf("%s %s: nobody says what it does", r.Method, r.Path)
		}
		if ids[o.OperationID] {
			t.Errorf("two operations are called %s", o.OperationID)
		}
		ids[o.OperationID] = true
		if marked, _ := o.Extensions["x-extension"].(bool); marked != r.Extra {
			t.Errorf("%s %s: extension %v, marked %v", r.Method, r.Path, r.Extra, marked)
		}
	}
	for name := range described {
		t.Errorf("%s is described and not served", name)
	}
	if base := doc.Servers[0].URL; base != "https://crashes.example" {
		t.Errorf("server %q", base)
	}
}

// TestDescriptionAgainstPublished: every published operation has its documented success status, all of its documented
// parameters, and every member that its documented answer has.
func TestDescriptionAgainstPublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ours, err := openapi3.NewLoader().LoadFromData([]byte(w.callAs("", "GET", "/openapi.json").want(200).body))
	w.must(err)
	d, err := published()
	w.must(err)
	for path, operations := range d.paths {
		item := ours.Paths.Value(path)
		for method, o := range operations {
			at := strings.ToUpper(method) + " " + path
			if item == nil || item.GetOperation(strings.ToUpper(method)) == nil {
				t.Errorf("%s is missing", at)
				continue
			}
			mine := item.GetOperation(strings.ToUpper(method))
			documented := []string{}
			for status := range o.Responses {
				documented = append(documented, status)
			}
			for status := range mine.Responses.Map() {
				if status != "default" && !slices.Contains(documented, status) && at != "GET /v0.1/apps/{owner_name}/{app_name}/crash_groups/{crash_group_id}/crashes/{crash_id}" { // Q12
					t.Errorf("%s answers %s, documented are %v", at, status, documented)
				}
			}
			for _, name := range queryOf(t, path, method) {
				if !slices.ContainsFunc(mine.Parameters, func(p *openapi3.ParameterRef) bool { return p.Value.Name == name }) {
					t.Errorf("%s: the parameter %s is not described", at, name)
				}
			}
		}
	}
}

// queryOf lists the parameters of the query that the published description has.
func queryOf(t *testing.T, path, method string) (all []string) {
	t.Helper()
	var raw struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(publishedText(t), &raw); err != nil {
		t.Fatal(err)
	}
	var o struct {
		Parameters []struct{ Name, In string }
	}
	if err := json.Unmarshal(raw.Paths[path][method], &o); err != nil {
		t.Fatal(err)
	}
	for _, p := range o.Parameters {
		if p.In == "query" {
			all = append(all, p.Name)
		}
	}
	return all
}
