package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"lifeboat/internal/diag"
)

// wordCodes are the codes of the description, and the two that were seen besides.
var wordCodes = []string{"BadRequest", "Conflict", "NotAcceptable", "NotFound", "InternalServerError", "Unauthorized", "TooManyRequests", "Forbidden", "RateLimitExceeded"}

// documentedError is the form that the description gives to a failure of a call, nil if it gives none.
func (o *operation) documentedError(status int) *schema {
	for _, name := range append([]string{fmt.Sprint(status), "default"}, slices.Sorted(maps.Keys(o.Responses))...) {
		if r, ok := o.Responses[name]; ok && r.Schema != nil && (name == "default" || name >= "400") {
			return r.Schema
		}
	}
	return nil
}

// matches checks that a failure has every member that is documented, with its type; it may have more.
func (c *check) matches(at string, v any, ref *schema) {
	s := c.flat(ref)
	switch v := v.(type) {
	case map[string]any:
		for name, p := range s.Properties {
			if e, ok := v[name]; ok {
				c.matches(at+"."+name, e, &p)
			} else {
				c.Errorf("%s lacks %s", at, name)
			}
		}
	case string:
		c.kind(at, s.Type, "string")
		if s.Enum != nil && !slices.Contains(wordCodes, v) {
			c.Errorf("%s is %q", at, v)
		}
	case float64:
		c.kind(at, s.Type, "integer")
		if s.Enum != nil && !slices.Contains(s.Enum, any(v)) {
			c.Errorf("%s is %v, want one of %v", at, v, s.Enum)
		}
	default:
		c.Errorf("%s is a %T", at, v)
	}
}

// TestQ3Families: each published call fails in the form that it documents, whoever is at fault, and with the members
// of all other forms besides.
func TestQ3Families(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, err := published()
	w.must(err)
	stranger := w.tokenOf(w.user("sam", false), 0, "all")
	viewer := w.user("vic", false)
	w.must(w.store.SetMember(t.Context(), w.app.Num, viewer.Num, diag.RoleViewer))
	callers := map[string]string{"nobody": "", "unknown": strings.Repeat("0", 40), "stranger": stranger, "viewer": w.tokenOf(viewer, 0, "viewer"), "app": w.tokenOf(w.ann, w.app.Num, "viewer"), "manager": w.token}
	failures, none := map[int]int{}, 0
	for path, operations := range d.paths {
		for method, o := range operations {
			if strings.HasSuffix(path, "{app_name}") && method == "delete" || strings.HasSuffix(path, "/dsr/delete") {
				continue // they would end the test's own app and account
			}
			for name, token := range callers {
				at := strings.ToUpper(method) + " " + path + " as " + name
				a := w.callAs(token, strings.ToUpper(method), fill(path)+"?start=x&$top=x&top=x&status=x")
				if a.status < 400 {
					continue
				}
				failures[a.status]++
				s := o.documentedError(a.status)
				if s == nil {
					none++
					continue
				}
				var v any
				w.must(json.Unmarshal([]byte(a.body), &v))
				(&check{TB: t, description: d}).matches(at, v, s)
			}
		}
	}
	for _, status := range []int{400, 401, 403, 404} {
		if failures[status] < 20 {
			t.Errorf("%d failures with %d", failures[status], status)
		}
	}
	if none == 0 || none > 40 {
		t.Errorf("%d failures of calls that document none", none)
	}
}

// TestQ3Alerts: what tells of webhooks, mails and bug trackers has numbers on top, for every status, and so has a
// method that these paths do not have.
func TestQ3Alerts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/v0.1/user/notifications/emailSettings", "~/notifications/emailSettings", "~/webhooks", "~/bugtracker", "~/bugtracker/crashGroup/1u"} {
		for _, c := range []struct {
			token, method string
			status, code  int
		}{{"", "GET", 401, 400}, {w.token, "POST", 405, 400}} {
			w.callAs(c.token, c.method, path).want(c.status, fmt.Sprintf(`"code":%d}`, c.code), `"request_id":"`, fmt.Sprintf(`"statusCode":%d,`, c.status))
		}
		if strings.HasPrefix(path, "~") {
			w.call("GET", strings.Replace(path, "~", "/v0.1/apps/acme/None", 1)).want(404, `"code":404}`, `"request_id":"`)
		}
	}
	w.call("POST", "~/analytics/models").want(405, `"error":{"code":400,`)
}

// TestQ3Unauthorized: every form of a missing or wrong credential is refused alike.
func TestQ3Unauthorized(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/v0.1/user", "/v0.1/apps/no/where", "~", "~/analytics/versions", "~/webhooks", "~/symbols"} {
		for _, token := range []string{"", strings.Repeat("0", 40), "x", strings.Repeat("a", 4000)} {
			a := w.callAs(token, "GET", path).want(401, `"statusCode":401`, "Correlation ID: "+"0")
			if a.header.Get("X-Correlation-ID") == "" || !strings.Contains(a.body, "Correlation ID: "+a.header.Get("X-Correlation-ID")+`"`) {
				t.Errorf("%s: %s", path, a.body)
			}
		}
	}
}

// TestQ3Described: our own description has the form in which each call fails.
func TestQ3Described(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	doc, err := openapi3.NewLoader().LoadFromData([]byte(w.callAs("", "GET", "/openapi.json").want(200).body))
	w.must(err)
	forms := map[string]int{}
	for _, r := range routesOf(t) {
		item := doc.Paths.Value(r.Path)
		if item == nil {
			t.Fatalf("%s is not described", r.Path)
		}
		failure := item.GetOperation(r.Method).Responses.Default()
		forms[failure.Ref]++
		for _, token := range []string{"", strings.Repeat("0", 40)} {
			a := w.callAs(token, r.Method, fill(r.Path))
			if a.status < 400 {
				continue
			}
			var v any
			w.must(json.Unmarshal([]byte(a.body), &v))
			if err := failure.Value.Content.Get("application/json").Schema.Value.VisitJSON(v); err != nil {
				t.Errorf("%s %s: %s is not as described: %v", r.Method, r.Path, a.body, err)
			}
		}
	}
	if len(forms) != 3 || forms["#/components/responses/AlertError"] != 5 {
		t.Errorf("forms %v", forms)
	}
}
