package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/diag"
)

// spare is how many reports the calls may delete.
const spare = 24

// addThings sends data of every kind and makes what an owner can make.
func (c *conformance) addThings(t *testing.T) {
	t.Helper()
	c.App, c.Secret = "mona/"+appName, c.values["secret"]
	c.sendLogs(t)
	c.indexed(t)
	groups := c.ask(t, "GET", "~/errors/errorGroups", nil)
	c.group = pickOf(t, groups, "errorGroups", 0, "errorGroupId")
	errors := c.ask(t, "GET", "~/errors/errorGroups/"+c.group+"/errors?$top=100", nil)
	for i := range spare {
		c.crashes = append(c.crashes, pickOf(t, errors, "errors", i, "errorId"))
	}
	report := c.crashes[0]
	c.crashes = c.crashes[1:]
	attachments := c.ask(t, "GET", "~/errors/"+reportOf(crashWithAttachment)+"/attachments", nil)
	c.set("errorGroupId crash_group_id", c.group)
	c.set("errorId crash_id", report)
	c.set("attachmentId attachment_id", pickOf(t, attachments, 0, "attachmentId"))
	c.set("event_name", "add_to_cart")
	c.set("event_property_name", "sku")
	c.set("install_id", scriptInstall)
	c.set("azure_subscription_id", "1330b91c-0000-4000-8000-5b3bd942c9de")

	c.ask(t, "POST", "/v0.1/orgs", map[string]any{"display_name": org, "name": org})
	c.set("org_name", org)
	c.set("user_name", "mona")
	c.set("user_email", "vic@example.com")
	c.set("email", "invited@example.com")
	c.ask(t, "POST", "/v0.1/orgs/"+org+"/invitations", map[string]any{"user_email": "invited@example.com"})
	c.set("export_configuration_id", c.newExport(t))
	c.set("symbol_upload_id", c.newUpload(t, true))
	c.findSymbols(t)
	c.set("token", pickOf(t, c.ask(t, "POST", "/v0.1/user/dsr/export", nil), "token"))
	c.set("api_token_id", "99999999-0000-4000-8000-000000000000")
}

// set gives path parameters their value.
func (c *conformance) set(names, value string) {
	for name := range strings.FieldsSeq(names) {
		c.values[name] = value
	}
}

const crashWithAttachment = 1

func reportOf(n int) string { return fmt.Sprintf("c0ffee00-0000-4000-8000-%012d", n) }

// sendLogs sends crashes of one fault, one with an attachment, a handled error, a session and events.
func (c *conformance) sendLogs(t *testing.T) {
	t.Helper()
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	const device = `"device":{"sdkName":"appcenter.android","sdkVersion":"5.0.4","osName":"Android","osVersion":"14","model":"Pixel 7","oemName":"Google","locale":"en_US","carrierCountry":"us","timeZoneOffset":60,"appVersion":"3.1.0","appBuild":"310","appNamespace":"com.example.shop"}`
	const session = "88888888-8888-4888-8888-888888888888"
	var logs []string
	for i := range spare {
		logs = append(logs, fmt.Sprintf(`{"type":"managedError","id":%q,"timestamp":%q,"sid":%q,"userId":"u-1","processId":1,"processName":"p","fatal":true,"appLaunchTimestamp":%q,"errorThreadName":"main","exception":{"type":"java.lang.IllegalStateException","message":"no cart","frames":[{"className":"com.example.shop.Cart","methodName":"total","fileName":"Cart.java","lineNumber":30}]},%s}`,
			reportOf(i+1), now, session, now, device))
	}
	logs = append(logs,
		fmt.Sprintf(`{"type":"errorAttachment","id":"66666666-6666-4666-8666-666666666666","errorId":%q,"timestamp":%q,"contentType":"text/plain","fileName":"log.txt","data":"aGVsbG8=",%s}`, reportOf(crashWithAttachment), now, device),
		fmt.Sprintf(`{"type":"handledError","id":"c0ffee00-0000-4000-8000-00000000aaaa","timestamp":%q,"sid":%q,"exception":{"type":"java.io.IOException","message":"offline","frames":[{"className":"com.example.shop.Net","methodName":"get","fileName":"Net.java","lineNumber":7}]},%s}`, now, session, device),
		fmt.Sprintf(`{"type":"startSession","id":"c0ffee00-0000-4000-8000-00000000bbbb","timestamp":%q,"sid":%q,%s}`, now, session, device),
		fmt.Sprintf(`{"type":"event","id":"c0ffee00-0000-4000-8000-00000000cccc","timestamp":%q,"sid":%q,"name":"add_to_cart","properties":{"sku":"1"},%s}`, now, session, device),
	)
	c.post(t, sdk{install: scriptInstall, contentType: "application/json", path: "/logs?api-version=1.0.0"}, []byte(`{"logs":[`+strings.Join(logs, ",")+`]}`))
	const image = `{"logs":[{"type":"appleError","id":"c0ffee00-0000-4000-8000-00000000dddd","timestamp":%q,"processId":1,"processName":"shop","fatal":true,"appLaunchTimestamp":%q,"primaryArchitectureId":16777228,"architectureVariantId":0,"applicationPath":"/var/containers/Bundle/Application/X/shop.app/shop","osExceptionType":"SIGTRAP","osExceptionCode":"TRAP_BRKPT","osExceptionAddress":"0x100004000","errorThreadId":0,"threads":[{"id":0,"frames":[{"address":"0x100004000"}]}],"binaries":[{"id":"0de51bc6-37f3-3d2f-a3b1-3a6b6a6b6a6b","startAddress":"0x100000000","endAddress":"0x10000ffff","name":"shop","path":"/var/containers/Bundle/Application/X/shop.app/shop","primaryArchitectureId":16777228,"architectureVariantId":0}],"device":{"sdkName":"appcenter.ios","sdkVersion":"5.0.4","osName":"iOS","osVersion":"17.4","model":"iPhone14,5","oemName":"Apple","locale":"de_DE","timeZoneOffset":60,"appVersion":"3.1.0","appBuild":"311","appNamespace":"com.example.shop"}}]}`
	c.post(t, sdk{install: scriptInstall, contentType: "application/json", path: "/logs?api-version=1.0.0"}, fmt.Appendf(nil, image, now, now))
}

// ask makes a call as the manager that must go well.
func (c *conformance) ask(t *testing.T, method, path string, body any) []byte {
	t.Helper()
	return c.askAs(t, &c.manager, method, path, body)
}

func (c *conformance) askAs(t *testing.T, k *caller, method, path string, body any) []byte {
	t.Helper()
	var b []byte
	if body != nil {
		b, _ = json.Marshal(body)
	}
	req, err := http.NewRequest(method, c.URL+strings.Replace(path, "~", "/v0.1/apps/mona/"+appName, 1), bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Token", k.token)
	answer, text := c.do(t, req)
	if answer.StatusCode/100 != 2 {
		t.Fatalf("%s %s as %s: %s %s", method, path, k.name, answer.Status, text)
	}
	return text
}

// pickOf is a text inside of a JSON answer.
func pickOf(t *testing.T, text []byte, path ...any) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			a, _ := v.([]any)
			if p >= len(a) {
				t.Fatalf("%v is not in %.1000s", path, text)
			}
			v = a[p]
		}
	}
	s, ok := v.(string)
	if !ok {
		t.Fatalf("%v is not in %.1000s", path, text)
	}
	return s
}

func (c *conformance) newExport(t *testing.T) string {
	t.Helper()
	answer := c.ask(t, "POST", "~/export_configurations", map[string]any{"type": "directory", "path": c.next("archive"), "export_entities": []string{"crashes"}})
	return pickOf(t, answer, "id")
}

// newUpload begins an upload of symbols; with blob it also sends some.
func (c *conformance) newUpload(t *testing.T, blob bool) string {
	t.Helper()
	begun := c.ask(t, "POST", "~/symbol_uploads", map[string]any{"symbol_type": "Breakpad", "file_name": "shop.sym"})
	if blob {
		const sym = "MODULE Linux x86_64 3C2F1B5D8E9A4F60B7C8D9E0F1A2B3C40 libshop.so\nFUNC 1000 10 0 main\n"
		req, err := http.NewRequest("PUT", pickOf(t, begun, "upload_url"), strings.NewReader(sym))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("x-ms-blob-type", "BlockBlob")
		if answer, text := c.do(t, req); answer.StatusCode != http.StatusCreated {
			t.Fatalf("put: %s %s", answer.Status, text)
		}
	}
	return pickOf(t, begun, "symbol_upload_id")
}

// findSymbols commits the upload and waits until its symbols are known.
func (c *conformance) findSymbols(t *testing.T) {
	t.Helper()
	c.ask(t, "PATCH", "~/symbol_uploads/"+c.values["symbol_upload_id"], map[string]any{"status": "committed"})
	var symbols []byte
	await(t, indexTime, "the uploaded symbol is listed", func() bool {
		symbols = c.ask(t, "GET", "~/symbols", nil)
		return bytes.Contains(symbols, []byte("symbol_id"))
	})
	c.set("symbol_id", pickOf(t, symbols, 0, "symbol_id"))
	groups := c.ask(t, "GET", "~/diagnostics/symbol_groups?top=10", nil)
	c.set("symbol_group_id", pickOf(t, groups, "groups", 0, "symbol_group_id"))
}

// body is what the operation takes.
func (c *conformance) body(o *published, k *caller) []byte {
	if o.RequestBody == nil {
		return nil
	}
	v := map[string]any{}
	switch o.method + " " + strings.TrimPrefix(o.path, "/v0.1/apps/{owner_name}/{app_name}") {
	case "POST /v0.1/api_tokens", "POST /api_tokens":
		v["description"] = "a token"
		if k.readOnly {
			v["scope"] = []string{"viewer"}
		}
	case "POST /v0.1/apps", "POST /v0.1/orgs/{org_name}/apps":
		v["display_name"], v["name"], v["os"], v["platform"] = "An App", c.next("app"), "iOS", "Objective-C-Swift"
	case "PATCH ":
		v["description"] = "what it does"
	case "POST /analytics/crash_groups":
		v["crash_groups"] = []any{map[string]any{"crash_group_id": c.group, "app_version": "3.1.0"}}
	case "POST /azure_subscriptions":
		v["subscription_id"] = c.values["azure_subscription_id"]
	case "PATCH /crash_groups/{crash_group_id}":
		v["status"] = "closed"
	case "PATCH /errors/errorGroups/{errorGroupId}":
		v["state"], v["annotation"] = "Closed", "seen"
	case "PUT /errors/retention_settings":
		v["retention_in_days"] = 90
	case "POST /export_configurations", "PATCH /export_configurations/{export_configuration_id}":
		v["type"], v["path"], v["export_entities"] = "directory", c.next("archive"), []string{"crashes", "attachments"}
	case "POST /symbol_uploads":
		v["symbol_type"] = "Apple"
	case "PATCH /symbol_uploads/{symbol_upload_id}":
		v["status"] = "committed"
	case "PATCH /users/{user_email}":
		v["permissions"] = []string{"viewer"}
	case "POST /v0.1/orgs":
		v["display_name"], v["name"] = "An Org", c.next("org")
	case "PATCH /v0.1/orgs/{org_name}":
		v["display_name"] = org
	case "POST /v0.1/orgs/{org_name}/invitations":
		v["user_email"] = c.next("new") + "@example.com"
	case "DELETE /v0.1/orgs/{org_name}/invitations":
		v["user_email"] = "invited@example.com"
	case "PATCH /v0.1/orgs/{org_name}/invitations/{email}", "POST /v0.1/orgs/{org_name}/invitations/{email}/resend":
		v["role"] = "member"
	case "PATCH /v0.1/orgs/{org_name}/users/{user_name}":
		v["role"] = "admin"
	case "PATCH /v0.1/user":
		v["display_name"] = "A Name"
	case "POST /v0.1/user/dsr/delete/{token}/cancel":
		v["email"] = k.email
	}
	b, _ := json.Marshal(v)
	return b
}

// prepare makes what a call that must go well uses up.
func (c *conformance) prepare(t *testing.T, o *published, k *caller) try {
	t.Helper()
	call := try{values: map[string]string{}, body: c.body(o, k)}
	switch o.method + " " + strings.TrimPrefix(o.path, "/v0.1/apps/{owner_name}/{app_name}") {
	case "DELETE /v0.1/api_tokens/{api_token_id}":
		call.values["api_token_id"] = pickOf(t, c.askAs(t, k, "POST", "/v0.1/api_tokens", map[string]any{"description": "x"}), "id")
	case "DELETE /api_tokens/{api_token_id}":
		call.values["api_token_id"] = pickOf(t, c.askAs(t, k, "POST", "~/api_tokens", map[string]any{"scope": []string{"viewer"}}), "id")
	case "DELETE ":
		name := c.newApp(t)
		call.values["app_name"] = name
		if !k.user { // an app's token deletes its own app
			call.token = pickOf(t, c.ask(t, "POST", "/v0.1/apps/mona/"+name+"/api_tokens", nil), "api_token")
		} else if k.name == "server admin" {
			c.askAs(t, k, "GET", "/v0.1/apps/mona/"+name, nil)
		}
	case "DELETE /v0.1/orgs/{org_name}":
		name := c.next("gone")
		c.ask(t, "POST", "/v0.1/orgs", map[string]any{"display_name": name, "name": name})
		call.values["org_name"] = name
	case "DELETE /v0.1/orgs/{org_name}/invitations", "PATCH /v0.1/orgs/{org_name}/invitations/{email}",
		"POST /v0.1/orgs/{org_name}/invitations/{email}/resend", "POST /v0.1/orgs/{org_name}/invitations/{email}/revoke":
		email := c.next("guest") + "@example.com"
		c.ask(t, "POST", "/v0.1/orgs/"+org+"/invitations", map[string]any{"user_email": email})
		call.values["email"] = email
		if o.method == http.MethodDelete {
			call.body = fmt.Appendf(nil, `{"user_email":%q}`, email)
		}
	case "DELETE /v0.1/orgs/{org_name}/users/{user_name}":
		call.values["user_name"] = c.joined(t)
	case "DELETE /users/{user_email}":
		call.values["user_email"] = c.member().email
	case "DELETE /analytics/events/{event_name}", "DELETE /analytics/event_logs/{event_name}":
		call.values["event_name"] = c.newEvent(t)
	case "DELETE /errors/errorGroups/{errorGroupId}/errors/{errorId}", "DELETE /crash_groups/{crash_group_id}/crashes/{crash_id}":
		call.values["errorId"], call.values["crash_id"] = c.crashes[0], c.crashes[0]
		c.crashes = c.crashes[1:]
	case "DELETE /export_configurations/{export_configuration_id}":
		call.values["export_configuration_id"] = c.newExport(t)
	case "PATCH /symbol_uploads/{symbol_upload_id}", "DELETE /symbol_uploads/{symbol_upload_id}":
		call.values["symbol_upload_id"] = c.newUpload(t, true)
	case "GET /errors/{errorId}/attachments/{attachmentId}/location", "GET /errors/{errorId}/attachments/{attachmentId}/text",
		"GET /crashes/{crash_id}/attachments/{attachment_id}/location", "GET /crashes/{crash_id}/attachments/{attachment_id}/text":
		call.values["errorId"], call.values["crash_id"] = reportOf(crashWithAttachment), reportOf(crashWithAttachment)
	case "GET /v0.1/user/dsr/export/{token}", "POST /v0.1/user/dsr/export/{token}/cancel":
		call.values["token"] = pickOf(t, c.askAs(t, k, "POST", "/v0.1/user/dsr/export", nil), "token")
	case "GET /v0.1/user/dsr/delete/{token}":
		call.values["token"] = c.deletion(t)
	case "POST /v0.1/user/dsr/delete/{token}/cancel":
		m := c.member() // the caller owns things by now, and could not leave
		call.values["token"] = pickOf(t, c.askAs(t, &m, "POST", "/v0.1/user/dsr/delete", nil), "token")
		call.token, call.body = m.token, fmt.Appendf(nil, `{"email":%q}`, m.email)
	}
	return call
}

// deletion is the token of a request to delete the manager, which is called off later.
func (c *conformance) deletion(t *testing.T) string {
	t.Helper()
	return pickOf(t, c.ask(t, "POST", "/v0.1/user/dsr/delete", nil), "token")
}

// newEvent is an event that was seen.
func (c *conformance) newEvent(t *testing.T) string {
	t.Helper()
	name := c.next("event")
	c.post(t, sdk{install: scriptInstall, contentType: "application/json", path: "/logs?api-version=1.0.0"}, fmt.Appendf(nil,
		`{"logs":[{"type":"event","id":%q,"timestamp":%q,"name":%q,%s}]}`, diag.RandomID(), diag.FormatTime(time.Now()), name, testDevice))
	c.indexed(t)
	return name
}

func (c *conformance) newApp(t *testing.T) string {
	t.Helper()
	name := c.next("gone")
	c.ask(t, "POST", "/v0.1/apps", map[string]any{"display_name": name, "name": name, "os": "iOS", "platform": "Objective-C-Swift"})
	return name
}

// member is one that was not used before.
func (c *conformance) member() caller {
	m := c.members[0]
	c.members = c.members[1:]
	return m
}

// joined is a user who has become a member of the organisation by an invitation.
func (c *conformance) joined(t *testing.T) string {
	t.Helper()
	m := c.member()
	const invitations = "/v0.1/orgs/" + org + "/invitations"
	c.ask(t, "POST", invitations, map[string]any{"user_email": m.email})
	link := pickOf(t, c.ask(t, "POST", invitations+"/"+m.email+"/link", nil), "accept_url")
	c.askAs(t, &m, "POST", "/v0.1/user/invitations/orgs/"+link[strings.LastIndexByte(link, '/')+1:]+"/accept", nil)
	return m.name
}
