package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/api"
)

// The tests here do what public clients of the original do: each sends what the client sends, and reads the answer
// as strictly as the client reads it.

// hosted makes a request of ann's to a host of the original, with more headers.
func (w *world) hosted(method, address, body string, headers ...string) answer {
	w.Helper()
	u, err := url.Parse(address)
	w.must(err)
	host := u.Host
	u.Scheme, u.Host = "http", w.server.Listener.Addr().String()
	r, err := http.NewRequest(method, u.String(), strings.NewReader(body))
	w.must(err)
	r.Host = host
	r.Header.Set("X-API-Token", w.token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return w.do(r)
}

// anything is a JSON answer.
func (a answer) anything() (v any) {
	a.Helper()
	a.into(&v)
	return v
}

// eachText calls f with every text of a JSON value and the name of its member.
func eachText(v any, name string, f func(name, text string)) {
	switch v := v.(type) {
	case map[string]any:
		for n, e := range v {
			eachText(e, n, f)
		}
	case []any:
		for _, e := range v {
			eachText(e, name, f)
		}
	case string:
		f(name, v)
	}
}

const (
	webHost = "https://appcenter.ms"
	apiHost = "https://api.appcenter.ms"
	shopURL = "/v0.1/apps/acme/Shop"
)

// linkStrategies are what clients make of a nextLink, given the address of the first page without its query.
var linkStrategies = map[string]func(list, link string) string{
	"web host in front":          func(_, link string) string { return webHost + link },
	"API host, first /api off":   func(_, link string) string { return apiHost + strings.Replace(link, "/api", "", 1) },
	"what follows the ? alone":   func(list, link string) string { return list + link[strings.IndexByte(link, '?'):] },
	"as it is if it is absolute": absoluteOr,
	"query read and built again": func(list, link string) string {
		u, err := url.Parse(link)
		if err != nil {
			return ""
		}
		return list + "?" + u.Query().Encode()
	},
}

func absoluteOr(_, link string) string {
	if strings.HasPrefix(link, "http") {
		return link
	}
	return webHost + link
}

// pages follows the links of a list as a client does and returns the ids in order.
func (w *world) pages(list, query string, next func(list, link string) string) (ids []string) {
	w.Helper()
	address := list + query
	for n := 0; address != ""; n++ {
		if n > 50 {
			w.Fatal("the list does not end")
		}
		var page struct {
			NextLink    *string
			ErrorGroups []struct {
				ID string `json:"errorGroupId"`
			}
			Errors []struct {
				ID string `json:"errorId"`
			}
		}
		w.hosted("GET", address, "").want(200).into(&page)
		for _, g := range page.ErrorGroups {
			ids = append(ids, g.ID)
		}
		for _, e := range page.Errors {
			ids = append(ids, e.ID)
		}
		if page.NextLink == nil { // missing on the last page: clients test for its presence
			return ids
		}
		address = next(list, *page.NextLink)
	}
	return ids
}

// TestClientPaging: every way in which clients follow nextLink reads each item of both lists once, with all filters
// kept, whether the size of a page is $top, %24top or top.
func TestClientPaging(t *testing.T) {
	t.Parallel()
	w := shop(t)
	total := w.groups("?version=2.1.0&errorType=unhandledError").ErrorGroups[0].ID
	for list, query := range map[string]string{
		apiHost + shopURL + "/errors/errorGroups":                      "?start=2024-05-01&$orderby=count%20desc&",
		webHost + "/api" + shopURL + "/errors/errorGroups":             "?errorType=unhandlederror&",
		apiHost + shopURL + "/errors/errorGroups/" + total + "/errors": "?start=2024-05-01T00:00:00.000Z&",
		webHost + shopURL + "/errors/errorGroups/" + total + "/errors": "?os=Android&",
	} {
		for _, top := range []string{"$top", "%24top", "top"} {
			all := w.pages(list, query+top+"=0", nil)
			if len(all) < 3 {
				t.Fatalf("%s%s: %d items", list, query, len(all))
			}
			for name, next := range linkStrategies {
				if diff := cmp.Diff(all, w.pages(list, query+top+"=1", next)); diff != "" {
					t.Errorf("%s%s%s, %s (-want +got):\n%s", list, query, top, name, diff)
				}
			}
		}
	}
}

// pythonTime reads a time as the Python client does: no more than six digits of fraction, UTC.
func pythonTime(s string) bool {
	return regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$`).MatchString(s)
}

// swiftTime reads a time as the Swift client does: three digits of fraction, or none.
func swiftTime(s string) bool {
	return regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$`).MatchString(s)
}

// TestClientDatesOut: no answer has a time that a known client cannot read, down to the last nanosecond of a device.
func TestClientDatesOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(strings.Replace(spec{n: 1}.log(), "19:37:01.000Z", "19:37:01.1234567+02:00", 1), event(1, spec{n: 1}.time().Add(-3*time.Hour)),
		attach(1, crashID(1), "text/plain", "a", []byte("x")))
	w.export()
	w.begin(apple)
	group := "~/errors/errorGroups/" + w.theGroup()
	found := map[string]bool{}
	for _, path := range []string{
		"/v0.1/user", "/v0.1/apps", "~", "/v0.1/api_tokens", "/v0.1/orgs", "~/users", "~/errors/errorGroups", group, group + "/errors", group + "/errors/latest",
		"~/errors/errorCountsPerDay?errorType=unhandled", "~/errors/errorfreeDevicePercentages", "~/errors/search", "~/errors/errorGroups/search",
		"~/errors/" + crashID(1) + "/attachments", "~/errors/" + crashID(1) + "/sessionLogs", "~/crash_groups", "~/crash_groups/" + w.theGroup() + "/crashes",
		"~/export_configurations", "~/symbol_uploads", "~/analytics/active_device_counts", "~/analytics/session_counts", "~/analytics/log_flow", "~/analytics/generic_log_flow",
	} {
		eachText(w.call("GET", path).want(200).anything(), "", func(name, text string) {
			if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT`).MatchString(text) {
				return
			}
			found[name] = true
			if !pythonTime(text) || !swiftTime(text) {
				t.Errorf("%s: %s is %q", path, name, text)
			}
		})
	}
	for _, name := range []string{"created_at", "firstOccurrence", "lastOccurrence", "timestamp", "datetime", "createdTime", "appLaunchTimestamp", "creation_time", "last_received_log_timestamp", "first_occurrence"} {
		if !found[name] {
			t.Errorf("no %s was seen, but %v", name, found)
		}
	}
}

// TestClientDatesIn: the same moment in every spelling that clients send.
func TestClientDatesIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1, at: may(7, 0, 0)}.log(), spec{n: 2, at: may(6, 23, 59)}.log())
	list := "~/errors/errorGroups/" + w.theGroup() + "/errors?start="
	texts := []string{
		"2024-05-07",                            // scripts
		"2024-05-07T00:00:00",                   // Python
		"2024-05-07%2000:00:00",                 // Python, by str
		"2024-05-07T00:00:00.000Z",              // the CLI
		"2024-05-07T02:00:00%2B02:00",           // offsets
		"2024-05-07T02:00:00+02:00",             // not encoded, so that the plus arrives as a blank
		"2024-05-07T02:00:00.000+02:00",         // the same with a fraction
		"2024-05-06T22:00:00-02:00",             // to the west
		"2024-05-07T00%3A00%3A00Z",              // encoded throughout
		"2024-05-06T23:59:59.123456789%2B00:00", // just before
	}
	for digits := 1; digits <= 9; digits++ {
		fraction := "." + strings.Repeat("0", digits)
		texts = append(texts, "2024-05-07T00:00:00"+fraction, "2024-05-07T00:00:00"+fraction+"Z", "2024-05-07T01:00:00"+fraction+"+01:00")
	}
	for _, text := range texts {
		w.oneReport(list+text, text)
	}
	for _, text := range []string{"yesterday", "2024-13-01", "2024-05-32", "2024-05", "20240501", "1715040000", "2024-05-01T25:00:00Z", "2024-05-01T00:00:00%2B99:99", "null", "%00"} {
		w.call("GET", list+text).want(400, "start must be a date or a time")
	}
}

func (w *world) oneReport(path, text string) {
	w.Helper()
	var l reportList
	w.call("GET", path).want(200).into(&l)
	if len(l.Errors) != 1 || !strings.HasSuffix(l.Errors[0].ID, crashID(1)) {
		w.Errorf("%s: %d reports", text, len(l.Errors))
	}
}

// flatError is what the Python client reads of a failure: the code must be a text.
type flatError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// TestClientPython: what the official Python client asks, in its order.
func TestClientPython(t *testing.T) {
	t.Parallel()
	w := shop(t)
	var list struct {
		ErrorGroups []struct {
			ID        string `json:"errorGroupId"`
			State     string `json:"state"`
			Last      string `json:"lastOccurrence"`
			First     string `json:"firstOccurrence"`
			CodeRaw   *string
			Exception *string `json:"exceptionType"`
		}
	}
	w.hosted("GET", apiHost+shopURL+"/errors/errorGroups?version=2.1.0&start=2024-05-01T00%3A00%3A00&end=2024-05-10T00%3A00%3A00&$orderby=count+desc&$top=30&errorType=unhandledError", "").want(200).into(&list)
	if len(list.ErrorGroups) != 2 {
		t.Fatalf("%+v", list)
	}
	for _, g := range list.ErrorGroups {
		// Its enumeration knows these three and nothing else.
		if !slices.Contains([]string{"Open", "Closed", "Ignored"}, g.State) || !pythonTime(g.First) || !pythonTime(g.Last) || g.CodeRaw == nil || g.Exception == nil {
			t.Errorf("%+v", g)
		}
	}
	// An annotation: it reads the group and sends its state back with it.
	group := apiHost + shopURL + "/errors/errorGroups/" + list.ErrorGroups[0].ID
	w.hosted("PATCH", group, `{"state":"Ignored"}`).want(200)
	var one struct{ State string }
	w.hosted("GET", group, "").want(200).into(&one)
	w.hosted("PATCH", group, `{"state":"`+one.State+`","annotation":"known"}`).want(200, `"state":"Ignored"`, `"annotation":"known"`)
	// Each report as JSON: an object.
	var reports reportList
	w.hosted("GET", group+"/errors?start=2024-05-01T00%3A00%3A00&$top=30", "").want(200).into(&reports)
	for _, e := range reports.Errors {
		w.hosted("GET", group+"/errors/"+e.ID, "").want(200, e.ID)
		if _, ok := w.hosted("GET", group+"/errors/"+e.ID+"/download?format=json", "").want(200).anything().(map[string]any); !ok {
			t.Error("a download is no object")
		}
	}
	// Symbols: two segments in the address of the file, and the status that was asked for.
	b := w.upload(`{"symbol_type":"Breakpad","file_name":"a.zip","build":null,"version":null}`, "x")
	if u, err := url.Parse(b.URL); err != nil || strings.Count(u.Path, "/") != 2 {
		t.Errorf("upload_url %s", b.URL)
	}
	var committed struct{ Status string }
	w.hosted("PATCH", apiHost+shopURL+"/symbol_uploads/"+b.ID, `{"status":"committed"}`).want(200).into(&committed)
	if committed.Status != "committed" {
		t.Errorf("status %s", committed.Status)
	}
	// Failures: texts on top.
	for path, want := range map[string]flatError{
		"/v0.1/apps/acme/None/errors/errorGroups":  {"NotFound", "Not found. Correlation ID: "},
		shopURL + "/errors/errorGroups?start=x":    {"BadRequest", "start must be a date"},
		shopURL + "/errors/errorGroups/1u":         {"NotFound", "There is no such error group. Correlation ID: "},
		shopURL + "/symbol_uploads?status=nothing": {"BadRequest", "status"},
	} {
		var e flatError
		a := w.hosted("GET", apiHost+path, "")
		w.must(json.Unmarshal([]byte(a.body), &e))
		if e.Code != want.Code || !strings.HasPrefix(e.Message, want.Message) {
			t.Errorf("%s: %+v", path, e)
		}
	}
	var made struct {
		ID        string `json:"id"`
		CreatedAt string `json:"created_at"`
	}
	w.hosted("POST", apiHost+"/v0.1/api_tokens", `{"description":"py","scope":["viewer"]}`).want(201).into(&made)
	if !pythonTime(made.CreatedAt) {
		t.Errorf("created_at %s", made.CreatedAt)
	}
	w.hosted("DELETE", apiHost+"/v0.1/api_tokens/"+made.ID, "").want(204)
}

// TestClientNever202: the Python client waits while a GET is answered with 202; only what makes something may.
func TestClientNever202(t *testing.T) {
	t.Parallel()
	d, err := published()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range routesOf(t) {
		if r.Method == http.MethodGet && r.Status != 200 {
			t.Errorf("%s %s answers %d", r.Method, r.Path, r.Status)
		}
		o, ok := d.paths[r.Path][strings.ToLower(r.Method)]
		if !ok || r.Path == shopPattern+"/crash_groups/{crash_group_id}/crashes/{crash_id}" { // Q12
			continue
		}
		// The CLI takes any other success for a failure.
		if _, ok := o.Responses[strconv.Itoa(r.Status)]; !ok {
			t.Errorf("%s %s answers %d, which is not documented", r.Method, r.Path, r.Status)
		}
	}
}

// TestClientSwift: a Swift client makes its first token with a password, asks for more than there can be, and
// decodes with members that must be there.
func TestClientSwift(t *testing.T) {
	t.Parallel()
	w := shop(t)
	w.send(attach(1, crashID(1), "text/plain", "a.txt", []byte("hello")))
	w.password(w.ann, annPassword)
	w.basic("ann@example.com", annPassword, "POST", "/v0.1/api_tokens", `{"description":"mac"}`).want(201, `"api_token":"`)
	w.call("GET", "/v0.1/user").want(200, `"can_change_password":true`, `"avatar_url":null`)
	w.call("GET", "/v0.1/apps").want(200, `"app_secret":"`, `"platform":"Java"`, `"origin":"appcenter"`)
	l := w.groups("?start=2024-05-01T00:00:00.000Z&top=10000")
	if len(l.ErrorGroups) != 4 || l.NextLink != "" {
		t.Errorf("%d groups, next %q", len(l.ErrorGroups), l.NextLink)
	}
	var found groupList
	w.call("GET", "~/errors/errorGroups/search?filter=exceptionMethod%20eq%20'pay'&top=100").want(200).into(&found)
	if len(found.ErrorGroups) != 1 || found.ErrorGroups[0].Method != "pay" {
		t.Errorf("%+v", found)
	}
	w.call("GET", "~/errors/search?q="+crashID(1)).want(200, `"errorGroupId":"`, crashID(1))
	var text map[string]string // any member that is no text fails it
	w.call("GET", "~/errors/"+crashID(1)+"/attachments/"+attachmentID(1)+"/text").want(200).into(&text)
	if diff := cmp.Diff(map[string]string{"content": "hello"}, text); diff != "" {
		t.Error(diff)
	}
	var r reportList
	group := "~/errors/errorGroups/" + l.ErrorGroups[0].ID
	w.call("GET", group+"/errors?top=1").want(200).into(&r)
	if !regexp.MustCompile(`^\d{19}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(r.Errors[0].ID) {
		t.Errorf("id %q", r.Errors[0].ID)
	}
	a := w.call("GET", group+"/errors/"+r.Errors[0].ID+"/download?format=text").want(200)
	if kind := a.header.Get("Content-Type"); kind != "text/plain; charset=utf-8" {
		t.Errorf("type %s", kind)
	}
}

// TestClientGrafana: a data source that reads ids of organisations and says top.
func TestClientGrafana(t *testing.T) {
	t.Parallel()
	w := shop(t)
	olga, err := w.store.UserByName(t.Context(), "olga")
	w.must(err)
	w.token = w.tokenOf(olga, 0, "all")
	var orgs []struct{ ID, Name, DisplayName string }
	w.call("GET", "/v0.1/orgs").want(200).into(&orgs)
	if len(orgs) != 1 || orgs[0].ID != w.org.ID.String() || orgs[0].Name != "acme" {
		t.Errorf("%+v", orgs)
	}
	w.call("GET", "/v0.1/orgs/acme/apps").want(200, `"name":"Shop"`)
	for path, list := range map[string]string{
		"~/errors/errorGroups?start=2024-05-01&top=1&errorType=handlederror": "errorGroups", "~/errors/errorGroups/search?top=1": "errorGroups",
		"~/errors/search?top=1": "errors", "~/analytics/events?start=2024-05-01&top=1": "events", "~/errors/available_versions?top=1": "versions",
	} {
		if list == "events" {
			w.send(logged{n: 1, at: may(9, 1, 0)}.log(), logged{n: 2, name: "swipe", at: may(9, 1, 0)}.log())
		}
		var all map[string]json.RawMessage
		var items []any
		w.call("GET", path).want(200).into(&all)
		w.must(json.Unmarshal(all[list], &items))
		if len(items) != 1 {
			t.Errorf("%s: %d items", path, len(items))
		}
	}
}

// TestClientFastlane: an app that is 404 is made, then symbols are sent.
func TestClientFastlane(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.token
	for owner, path := range map[string]string{"ann": "/v0.1/apps", "acme": "/v0.1/orgs/acme/apps"} {
		w.token = ann
		if owner == "acme" {
			olga, err := w.store.UserByName(t.Context(), "olga")
			w.must(err)
			w.token = w.tokenOf(olga, 0, "all")
		}
		app := apiHost + "/v0.1/apps/" + owner + "/New"
		w.hosted("GET", app, "", "internal-request-source", "fastlane").want(404, `"message":"Not found. Correlation ID: `, `"statusCode":404`)
		w.hosted("POST", apiHost+path, `{"display_name":"New","name":"New","os":"iOS","platform":"Objective-C-Swift"}`).want(201, `"name":"New"`, `"azure_subscription":null`, `"icon_url":null`)
		w.hosted("GET", app, "").want(200, `"app_secret":"`)
		w.hosted("POST", apiHost+path, `{"display_name":"New","name":"New","os":"iOS","platform":"Objective-C-Swift"}`).want(409, `"code":"Conflict"`)
	}
	w.token = ann
	b := w.begin(`{"symbol_type":"Apple"}`)
	w.put(b.URL, "zip", "x-ms-blob-type", "BlockBlob", "internal-request-source", "fastlane").want(201)
	w.hosted("PATCH", apiHost+shopURL+"/symbol_uploads/"+b.ID, `{"status":"committed"}`).want(200, `"status":"committed"`)
	aborted := w.begin(`{"symbol_type":"Apple"}`)
	w.hosted("PATCH", apiHost+shopURL+"/symbol_uploads/"+aborted.ID, `{"status":"aborted"}`).want(200, `"status":"aborted"`)
	b = w.begin(`{"symbol_type":"AndroidProguard","file_name":"mapping.txt","build":"3","version":"1.0.0"}`)
	w.put(b.URL, "a.b -> c:", "x-ms-blob-type", "BlockBlob").want(201)
	w.hosted("PATCH", apiHost+shopURL+"/symbol_uploads/"+b.ID, `{"status":"committed"}`).want(200)
}

// TestClientJenkins: empty texts are absent ones, and a size is a whole number.
func TestClientJenkins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.upload(`{"symbol_type":"Apple","client_callback":"","file_name":"","build":"","version":""}`, "x")
	var u struct {
		FileSize *int  `json:"file_size"`
		Symbols  []any `json:"symbols_uploaded"`
	}
	w.call("PATCH", "~/symbol_uploads/"+b.ID, `{"status":"committed"}`).want(200).into(&u)
	if u.FileSize == nil || u.Symbols == nil {
		t.Errorf("%+v", u)
	}
}

// TestClientScripts: PowerShell scripts take a member statusCode for a failure, end the address of the user with a
// slash, print stacks frame by frame, and watch exports to switch them on again.
func TestClientScripts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	failed := func(a answer) bool {
		var body map[string]any
		return json.Unmarshal([]byte(a.body), &body) == nil && body["statusCode"] != nil
	}
	if a := w.hosted("GET", apiHost+"/v0.1/user/", "").want(200); failed(a) {
		t.Error(a.body)
	}
	for path, status := range map[string]int{"/v0.1/apps/acme/None": 404, shopURL + "/errors/errorGroups?$top=x": 400, "/v0.1/nothing": 404, "/v0.1/admin/users": 403} {
		if a := w.hosted("GET", apiHost+path, "").want(status); !failed(a) {
			t.Error(a.body)
		}
	}
	if a := w.callAs("", "GET", "/v0.1/user/").want(401); !failed(a) {
		t.Error(a.body)
	}
	w.send(spec{n: 1}.log())
	var stack struct {
		Title     string
		Exception struct {
			Frames []struct {
				CodeRaw string `json:"code_raw"`
			}
		}
	}
	w.hosted("GET", apiHost+shopURL+"/errors/errorGroups/"+w.theGroup()+"/stacktrace", "").want(200).into(&stack)
	if stack.Title == "" || len(stack.Exception.Frames) != 2 || !strings.Contains(stack.Exception.Frames[0].CodeRaw, "Cart.total") {
		t.Errorf("%+v", stack)
	}
	made := w.export()
	watch := func() (id, kind, state string) {
		var list struct {
			Values []config
			Total  int
		}
		w.hosted("GET", apiHost+shopURL+"/export_configurations", "").want(200).into(&list)
		if len(list.Values) != 1 || list.Total != 1 {
			t.Fatalf("%+v", list)
		}
		return list.Values[0].ID, list.Values[0].ExportType, list.Values[0].State
	}
	if id, kind, state := watch(); id != made.ID || kind != "BlobStorage" || state != "Enabled" {
		t.Errorf("%s %s %s", id, kind, state)
	}
	for _, step := range [][2]string{{"/disable", "Disabled"}, {"/enable", "Enabled"}} {
		path, want := step[0], step[1]
		if a := w.hosted("POST", apiHost+shopURL+"/export_configurations/"+made.ID+path, "").want(200); a.body != "" {
			t.Errorf("%s: %q", path, a.body)
		}
		if _, _, state := watch(); state != want {
			t.Errorf("behind %s: %s", path, state)
		}
	}
}

// TestClientTypeScript: bots below the portal's own prefix.
func TestClientTypeScript(t *testing.T) {
	t.Parallel()
	w := shop(t)
	base := webHost + "/api" + shopURL
	var l groupList
	w.hosted("GET", base+"/errors/errorGroups?start=2024-05-01&$orderby=devices%20desc&errorType=unhandlederror", "").want(200).into(&l)
	if len(l.ErrorGroups) != 3 || l.ErrorGroups[0].Devices != 2 {
		t.Errorf("%+v", l)
	}
	for kind, want := range map[string]int{"handlederror": 1, "unhandlederror": 3, "handled": 1, "UNHANDLED": 3, "all": 4, "": 4} {
		w.hosted("GET", base+"/errors/errorGroups?errorType="+kind, "").want(200).into(&l)
		if len(l.ErrorGroups) != want {
			t.Errorf("%q: %d groups, want %d", kind, len(l.ErrorGroups), want)
		}
	}
	var builds struct {
		Old []string `json:"app_builds"`
		New []string `json:"appBuilds"`
	}
	w.hosted("GET", base+"/errors/availableAppBuilds?version=2.1.0", "").want(200).into(&builds) // no start
	if len(builds.Old) == 0 || !slices.Equal(builds.Old, builds.New) {
		t.Errorf("%+v", builds)
	}
	w.hosted("GET", base+"/analytics/versions/?start=2024-05-01", "").want(200, `"versions":[`, `"total":`)
}

// TestClientRust: a parameter that nobody documented, on every route that reads.
func TestClientRust(t *testing.T) {
	t.Parallel()
	w := shop(t)
	group := w.groups("").ErrorGroups[0].ID
	for _, path := range []string{"/v0.1/user", "/v0.1/apps", "~", "~/errors/errorGroups", "~/errors/errorGroups/" + group + "/errors", "~/symbol_uploads", "~/export_configurations", "~/crash_groups"} {
		plain, odd := w.call("GET", path), w.call("GET", path+"?$version=v0.1&%24version=2&x=%7C&=&y").want(200)
		if plain.body != odd.body {
			t.Errorf("%s: %s, without: %s", path, odd.body, plain.body)
		}
	}
}

// TestClientCLI: the headers of the CLI, the codes that it takes for success, and the message that it shows.
func TestClientCLI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	headers := []string{
		"x-ms-client-request-id", "a3f1c0de-0000-4000-8000-000000000001", "internal-request-source", "cli", "diagnostic-context", "a3f1c0de-0000-4000-8000-000000000002",
		"cli-command-name", "profile list", "User-Agent", "appcenterCli/3.0.4 NodeJS/v20.11.0 linux/6.1", "Accept-Encoding", "gzip,deflate", "Accept", "application/json",
		"Content-Type", "application/json; charset=utf-8",
	}
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/v0.1/user", "", 200},
		{"PATCH", "/v0.1/user", `{"display_name":"Ann"}`, 200},
		{"POST", "/v0.1/apps", `{"display_name":"a","name":"a","description":"","os":"iOS","platform":"Objective-C-Swift","release_type":""}`, 201},
		{"POST", "/v0.1/orgs", `{"display_name":"o","name":"o"}`, 201},
		{"PATCH", "/v0.1/orgs/o", `{"display_name":"oo"}`, 200},
		{"POST", "/v0.1/orgs/o/apps", `{"display_name":"b","name":"b","os":"Android","platform":"Java"}`, 201},
		{"GET", "/v0.1/orgs/o/users", "", 200},
		{"POST", "/v0.1/orgs/o/invitations", `{"user_email":"x+y@example.com"}`, 204},
		{"POST", "/v0.1/orgs/o/invitations/x%2By%40example.com/resend", "", 204},
		{"DELETE", "/v0.1/orgs/o/invitations", `{"user_email":"x+y@example.com"}`, 204},
		{"POST", "/v0.1/api_tokens", `{"description":"ci"}`, 201},
		{"DELETE", "/v0.1/api_tokens/99999999-0000-4000-8000-000000000000", "", 404},
		{"POST", "~/symbol_uploads", `{"symbol_type":"UWP"}`, 200},
		{"PUT", "~/devices/block_logs/" + string(install), "", 200},
		{"PATCH", "/v0.1/apps/Shop/acme", "", 404}, // it swaps the two
		{"DELETE", "/v0.1/apps/o/b", "", 204},
		{"DELETE", "/v0.1/apps/ann/a", "", 204},
		{"DELETE", "/v0.1/orgs/o", "", 204},
	} {
		a := w.hosted(c.method, "https://crashes.example"+strings.Replace(c.path, "~", shopURL, 1), c.body, headers...).want(c.status)
		if kind := a.header.Get("Content-Type"); c.status != 204 && kind != "application/json; charset=utf-8" {
			t.Errorf("%s %s: type %q", c.method, c.path, kind)
		}
		if c.status == 204 && a.body != "" {
			t.Errorf("%s %s: %q", c.method, c.path, a.body)
		}
	}
	// It shows error.message, else message; both say the same.
	var e struct {
		Message string
		Error   struct{ Message string }
	}
	a := w.hosted("POST", apiHost+"/v0.1/orgs", `{"name":"acme"}`, headers...).want(409)
	w.must(json.Unmarshal([]byte(a.body), &e))
	if e.Error.Message == "" || e.Error.Message != e.Message {
		t.Error(a.body)
	}
}

// TestClientMissingSymbols: the CLI asks for as many groups as there are numbers, and takes ids of 32 small digits
// alone; a script ignores what it will never have, one id after the other.
func TestClientMissingSymbols(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(appleCrash(1, "1.0", "1", false, "shop", "cart"))
	var list struct {
		Total  int `json:"total_crash_count"`
		Groups []struct {
			ID      string `json:"symbol_group_id"`
			Missing []struct {
				ID     string `json:"symbol_id"`
				Status string `json:"status"`
			} `json:"missing_symbols"`
		} `json:"groups"`
	}
	const groups = apiHost + shopURL + "/diagnostics/symbol_groups"
	w.hosted("GET", groups+"?top=2147483647", "").want(200).into(&list)
	if list.Total != 1 || len(list.Groups) != 1 || len(list.Groups[0].Missing) != 2 {
		t.Fatalf("%+v", list)
	}
	w.hosted("GET", groups+"/"+list.Groups[0].ID, "").want(200, list.Groups[0].ID)
	for _, m := range list.Groups[0].Missing {
		if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(m.ID) || m.Status != "missing" {
			t.Errorf("%+v", m)
		}
		w.hosted("GET", apiHost+shopURL+"/symbols/"+m.ID+"/status", "").want(200, `"status":"missing"`)
		w.hosted("POST", apiHost+shopURL+"/symbols/"+m.ID+"/ignore", "").want(200, `"status":"ignored"`)
		w.hosted("GET", apiHost+shopURL+"/symbols/"+strings.ToUpper(m.ID)+"/status", "").want(200, `"status":"ignored"`)
	}
	w.hosted("GET", apiHost+shopURL+"/diagnostics/symbol_groups_info", "").want(200, `{"total_crash_count":0}`)
	// The old addresses of the docs.
	for _, path := range []string{"/symbol_groups?top=1", "/symbol_groups/" + list.Groups[0].ID, "/symbol_groups_info"} {
		w.hosted("GET", apiHost+shopURL+path, "").want(200, `"total_crash_count":`)
	}
}

// TestClientRetries: the CLI tries again after a 429 or a 503 only if it is told when; fewer seconds than there are
// to wait would cost it one of its tries.
func TestClientRetries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.password(w.ann, annPassword)
	for n := range 40 {
		a := w.basic("ann", "wrong", "GET", "/v0.1/user")
		if a.status == 401 {
			continue
		}
		seconds, err := strconv.Atoi(a.want(429, `"statusCode":429`).header.Get("Retry-After"))
		if err != nil || seconds < 1 {
			t.Fatalf("Retry-After %q", a.header.Get("Retry-After"))
		}
		w.clock.Pass(time.Duration(seconds) * time.Second)
		if a := w.basic("ann", annPassword, "GET", "/v0.1/user"); a.status != 200 {
			t.Errorf("after %d s of waiting: %d %s", seconds, a.status, a.body)
		}
		if n < 5 {
			t.Errorf("already the %dth wrong password is too many", n+1)
		}
		return
	}
	t.Error("as many wrong passwords as one likes")
}

// TestClientEmptyBodies: what clients send without a body is never asked for one (Q11).
func TestClientEmptyBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, r := range routesOf(t) {
		if r.Method == http.MethodGet || r.Method == http.MethodDelete {
			continue
		}
		for name, body := range map[string][]string{"none": nil, "empty": {""}} {
			if a := w.call(r.Method, fill(r.Path), body...); a.status == 411 || a.status == 415 || a.status >= 500 && a.status != 503 {
				t.Errorf("%s %s, body %s: %d %s", r.Method, r.Path, name, a.status, a.body)
			}
		}
	}
}

// shopPattern is the pattern of an app's address.
const shopPattern = "/v0.1/apps/{owner_name}/{app_name}"

func routesOf(t *testing.T) []api.Route {
	t.Helper()
	all := api.Routes()
	if len(all) < 100 {
		t.Fatalf("%d routes", len(all))
	}
	return all
}
