package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// otherServices are calls of the original that are no part of Diagnostics, some of each service.
var otherServices = []string{
	// Build.
	"~/branches", "~/branches/main/builds", "~/branches/main/config", "~/branches/main/toolset_projects", "~/builds/1", "~/builds/1/logs", "~/builds/1/downloads/build",
	"~/builds/1/distribute", "~/repo_config", "~/source_hosts/github/repositories", "~/commits/batch", "~/toolsets", "~/xcode_versions", "~/xamarin_sdk_bundles", "~/mono_versions",
	"~/build_service_status", "~/apple_mapping", "~/file_asset",
	// Test.
	"~/test_runs", "~/test_runs/1", "~/test_runs/1/state", "~/test_series", "~/test_series/x/test_runs", "~/device_selection", "~/user/device_sets", "~/owner/device_sets", "~/subscriptions",
	"/v0.1/apps/acme/Shop/device_sets/acme", "/v0.1/account/test/export",
	// Push.
	"~/push/notifications", "~/push/notifications/1", "~/push/config", "~/push/devices", "~/push/export", "~/devices/11111111-2222-3333-4444-555555555555",
	// Distribute.
	"~/distribution_groups", "~/distribution_groups/Testers/members", "~/distribution_groups/Testers/releases/latest", "~/releases/1", "~/releases/1/groups", "~/releases/latest",
	"~/release_uploads", "~/uploads/releases", "~/uploads/releases/1", "~/distribution_stores", "~/apps/1/releases", "~/testers", "~/updates/check", "~/store_groups",
	"/v0.1/orgs/acme/distribution_groups", "/v0.1/orgs/acme/distribution_groups_details", "/v0.1/sdk/apps/x/releases/latest", "/v0.1/public/sdk/apps/x/distribution_groups/y/releases/latest",
	"/v0.1/public/apps/acme/Shop/install_analytics", "/v0.1/user/devices/register", "/v0.1/my/recent_apps",
	// CodePush.
	"~/deployments", "~/deployments/Staging", "~/deployments/Staging/releases", "~/deployments/Staging/metrics", "~/deployments/Staging/promote_release/Production",
	"/v0.1/public/codepush/update_check", "/v0.1/public/codepush/report_status/deploy", "/v0.1/legacy/apps", "/v0.1/legacy/account",
	// Data, authentication.
	"~/data/documents", "~/storage", "~/identity/config", "~/auth", "/v0.1/data/accounts", "/v0.1/auth/tenants",
	// Billing.
	"/v0.1/billing/allSubscriptions", "/v0.1/user/billing", "/v0.1/orgs/acme/billing", "~/billing", "/v0.1/billing/accounts/aggregated", "/v0.1/azure_subscription_invoices",
}

// TestOutOfScope: of other services there is nothing, for anybody and with any method; that there is no such path is
// no secret, so that it is 404 for those without a token as well.
func TestOutOfScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	people := w.people(w.app)
	for i, path := range otherServices {
		for n, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			for k, p := range people {
				if (i+n+k)%4 != 0 && p.name != "nobody" && p.name != "admin" { // a quarter of the others, all kinds in turn
					continue
				}
				a := w.callAs(p.token, method, path)
				if a.status != 404 || !strings.Contains(a.body, `"code":"NotFound","message":"Not found. Correlation ID: `) {
					t.Errorf("%s %s as %s: %d %s", method, path, p.name, a.status, a.body)
				}
			}
		}
	}
	if a := w.call("HEAD", otherServices[0]); a.status != 404 || a.body != "" {
		t.Errorf("HEAD: %d %q", a.status, a.body)
	}
}

// TestUnlisted: a path takes the methods that the table lists and no other, whoever asks.
func TestUnlisted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	methods := map[string][]string{}
	for _, r := range routesOf(t) {
		methods[r.Path] = append(methods[r.Path], r.Method)
	}
	admin := w.tokenOf(w.admin, 0, "all")
	for path, listed := range methods {
		if slices.Contains(listed, "GET") {
			listed = append(listed, "HEAD")
		}
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", http.MethodPost + "X"} {
			if slices.Contains(listed, method) {
				continue
			}
			for _, token := range []string{"", w.token, admin} {
				a := w.callAs(token, method, fill(path))
				if allow := strings.Split(a.header.Get("Allow"), ", "); a.status != 405 || !slices.Equal(slices.Sorted(slices.Values(allow)), slices.Sorted(slices.Values(listed))) {
					t.Errorf("%s %s: %d, Allow %v, want %v", method, path, a.status, allow, listed)
				}
			}
		}
	}
}
