package web_test

import (
	"slices"
	"strings"
	"testing"

	"lifeboat/internal/web"
)

// TestReference: the page lists every call once, below the part of the API that it belongs to, for everybody.
func TestReference(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *web.Options) {
		o.Operations = []web.Operation{
			{Method: "GET", Path: "/v0.1/user", Summary: "Shows the caller.", Needs: "user", Status: 200},
			{Method: "GET", Path: "/v0.1/apps/{owner_name}/{app_name}", Summary: "Shows an app.", Needs: "viewer", Status: 200},
			{Method: "GET", Path: "/v0.1/apps/{owner_name}/{app_name}/errors/search", Summary: "Searches <reports>.", Needs: "viewer", Query: []string{"q", "$top"}, Status: 200},
			{Method: "PUT", Path: "/v0.1/apps/{owner_name}/{app_name}/errors/retention_settings", Summary: "Keeps.", Needs: "manager", Status: 200, Extension: true},
		}
	})
	a := w.get("/api")
	if a.StatusCode != 200 {
		t.Fatalf("status %d", a.StatusCode)
	}
	page := w.parse(a) // holds it against the policy of all pages
	if got := texts(page.named("h2")); !slices.Equal(got, []string{"user", "apps", "errors"}) {
		t.Errorf("parts %q", got)
	}
	rows := page.id("errors").rows()
	if len(rows) != 3 || rows[1][1] != "Searches <reports>. Query: q, $top" || !strings.HasSuffix(rows[2][0], "extension") || rows[2][2] != "manager" {
		t.Errorf("%q", rows)
	}
	if a := w.get("/api/"); a.StatusCode != 200 {
		t.Errorf("with a slash: status %d", a.StatusCode)
	}
}
