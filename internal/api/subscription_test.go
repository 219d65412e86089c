package api_test

import "testing"

// TestQ19Subscriptions: only what an operator has entered can be linked.
func TestQ19Subscriptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const id, admin, tenant = "1330b91c-0000-4000-8000-5b3bd942c9de", "/v0.1/admin/azure_subscriptions/", "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	root := w.tokenOf(w.admin, 0, "all")
	lists := []string{"/v0.1/azure_subscriptions", "/v0.1/orgs/acme/azure_subscriptions", "~/azure_subscriptions"}
	for _, path := range lists {
		w.callAs(root, "GET", path).want(200, "[]")
	}
	w.call("POST", "~/azure_subscriptions", `{"subscription_id":"`+id+`"}`).want(400, "not known", admin+id)
	w.call("POST", "~/azure_subscriptions", `{"subscription_id":"x"}`).want(400, "Subscription ID is in invalid format.")
	w.call("POST", "~/azure_subscriptions", "").want(400)
	w.call("PUT", admin+id, `{"tenant_id":"`+tenant+`","subscription_name":"Pay"}`).want(403)
	for _, bad := range []string{"", `{"tenant_id":"x","subscription_name":"Pay"}`, `{"tenant_id":"` + tenant + `"}`} {
		w.callAs(root, "PUT", admin+id, bad).want(400)
	}
	w.callAs(root, "PUT", admin+"x", `{"tenant_id":"`+tenant+`","subscription_name":"Pay"}`).want(400)
	const shown = `{"subscription_id":"` + id + `","tenant_id":"` + tenant + `","subscription_name":"Pay","is_billing":false,"is_billable":false,"is_microsoft_internal":false}`
	w.callAs(root, "PUT", admin+id, `{"tenant_id":"`+tenant+`","subscription_name":"Pay"}`).want(200, shown)
	w.call("GET", "/v0.1/azure_subscriptions").want(200, "["+shown+"]")
	w.call("GET", "~/azure_subscriptions").want(200, "[]")
	for range 2 {
		w.call("POST", "~/azure_subscriptions", `{"subscription_id":"`+id+`"}`).want(204)
	}
	w.call("GET", "~/azure_subscriptions").want(200, "["+shown+"]")
	w.call("GET", "~").want(200, `"azure_subscription":`+shown)
	w.call("GET", "/v0.1/apps").want(200, `"azure_subscription":`+shown)
	w.call("DELETE", "~/azure_subscriptions/"+id).want(204)
	w.call("DELETE", "~/azure_subscriptions/"+id).want(404)
	w.call("DELETE", "~/azure_subscriptions/x").want(404)
	w.call("POST", "~/azure_subscriptions", `{"subscription_id":"`+id+`"}`).want(204)
	w.callAs(root, "DELETE", admin+id).want(204)
	w.callAs(root, "DELETE", admin+id).want(404)
	w.call("GET", "~").want(200, `"azure_subscription":null`)
}
