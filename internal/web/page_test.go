package web_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
	"lifeboat/internal/web"
)

func same(t testing.TB, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// part is a part of an app's card: state, groups, traffic, exports.
func part(root *element, name string, a diag.App) *element {
	return root.id(name + "-" + a.ID.String())
}

func refreshes(root *element) bool { return len(root.named("noscript")) > 0 }

func TestNoApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enter(annToken)
	root := w.home("/")
	same(t, "headings", []string{"No app yet"}, texts(root.named("h2")))
	same(t, "command", "lifeboat app create ann/my-app --os Android --platform Java --url '"+w.server.URL+`' --token "$TOKEN"`, root.id("create").text())
	if refreshes(root) {
		t.Error("the page loads itself again, though nothing is awaited")
	}
}

func TestWaiting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enter(annToken)
	a := w.app("shop", "Android", "Java")
	root := w.home("/")
	same(t, "state", "Waiting for the first log", part(root, "state", a).text())
	same(t, "secret", a.Secret.String(), part(root, "secret", a).text())
	same(t, "log URL", w.server.URL, part(root, "url", a).text())
	if !refreshes(root) {
		t.Error("without script nobody learns of the first log")
	}
	if n := len(part(root, "state", a).all(func(e *element) bool { _, is := e.attr["data-waiting"]; return is })); n != 1 {
		t.Error("the script does not learn that something is awaited")
	}
	for _, d := range part(root, "app", a).class("block") {
		if _, open := d.attr["open"]; d.name == "details" && !open {
			t.Errorf("%q is closed, though it is what to do now", d.text())
		}
	}

	w.refused = []web.Refusal{{Reason: "app_secret_denied", Final: true, Count: 3, Last: w.clock.Now()}}
	if got := part(w.home("/"), "groups", a).class("alert"); len(got) != 1 || !strings.Contains(got[0].text(), "secret that is not known") {
		t.Errorf("wrong secrets are sent, and the app that waits says %q", texts(got))
	}
	w.refused = []web.Refusal{{App: a.Num, Reason: "too_old", Final: true, Count: 3, Last: w.clock.Now()}}
	if got := part(w.home("/"), "groups", a).class("alert"); len(got) != 1 || !strings.Contains(got[0].text(), "nothing was kept") {
		t.Errorf("logs of the app are dropped, and it says %q", texts(got))
	}

	w.feed++
	w.apply(store.Batch{Events: []store.EventRow{{Feed: w.feed, App: a.Num, Kind: diag.KindStartService, ID: idOf("e"), Install: "i", Time: 1}}})
	root = w.home("/")
	same(t, "state", "Receiving logs 1 log, 0 crashes, 0 handled errors", part(root, "state", a).text())
	same(t, "groups", "Newest groups No crash and no handled error so far.", part(root, "groups", a).text())
	if refreshes(root) {
		t.Error("the page loads itself again, though nothing is awaited")
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enter(annToken)
	a := w.app("shop", "Android", "Java")
	fault := w.report(a, 11, store.Reason{Type: "java.lang.IllegalStateException", Class: "com.acme.Cart", Method: "total", File: "src/Cart.java", Line: 1042})
	again := w.report(a, 11, fault.Reason)
	again.Install = fault.Install
	signal := w.report(a, 12, store.Reason{OSExceptionType: "SIGSEGV", CodeRaw: "librender.so + 4711"})
	signal.Time += diag.DeviceTime(10*time.Minute + 30*time.Second)
	handled := w.report(a, 13, store.Reason{Type: "System.Exception", Method: "Upload"})
	handled.Kind, handled.Handled, handled.AppVersion, handled.AppBuild = diag.KindHandledError, true, "", ""
	handled.Time -= diag.DeviceTime(48 * time.Hour)
	w.apply(store.Batch{Reports: []store.ReportRow{fault, again, signal, handled}})
	w.ok(w.db.SetGroupWords(t.Context(), a.Num, 13, store.GroupWords{State: store.StateClosed}))

	root := w.home("/")
	same(t, "state", "Receiving logs 4 logs, 3 crashes, 1 handled error", part(root, "state", a).text())
	groups := part(root, "groups", a)
	same(t, "groups", [][]string{
		{"Title", "Count", "Users", "Version", "Status", "Last report"},
		{"librender.so + 4711 SIGSEGV · 12u", "1", "1", "1.2.0 (120)", "Open", "in 5 minutes"},
		{"com.acme.Cart.total Cart.java:1042 · java.lang.IllegalStateException · 11u", "2", "1", "1.2.0 (120)", "Open", "5 minutes ago"},
		{"Upload System.Exception · 13", "1", "1", "none", "Closed", "2 days ago"},
	}, groups.rows())
	same(t, "classes", []string{"com.acme.Cart"}, texts(groups.class("class")))
	same(t, "methods", []string{"total", "Upload"}, texts(groups.class("method")))
	same(t, "crashes and errors", []int{2, 1}, []int{len(groups.class("crash")), len(groups.class("error"))})
}

func TestTraffic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enter(annToken)
	a, other := w.app("shop", "Android", "Java"), w.app("other", "iOS", "Objective-C-Swift")
	same(t, "nothing", "Refused or dropped Nothing in the last 7 days, and nothing since the server started.", part(w.home("/"), "traffic", a).text())

	today := w.clock.Now().Unix() / 86400
	w.ok(w.db.AddDrops(t.Context(), []store.Drop{
		{App: a.Num, Day: today, Reason: "too_old", Count: 1000}, {App: a.Num, Day: today - 6, Reason: "too_old", Count: 234},
		{App: a.Num, Day: today - 7, Reason: "too_old", Count: 5}, {App: a.Num, Day: today, Reason: "unknown_type", Count: 1},
		{App: other.Num, Day: today, Reason: "throttled", Count: 7}, {Day: today, Reason: "app_secret_denied", Count: 2},
	}))
	w.refused = []web.Refusal{
		{App: a.Num, Reason: "overloaded", Count: 9, Last: w.clock.Now().Add(-90 * time.Minute)},
		{App: a.Num, Reason: "too_old", Final: true, Count: 4, Last: w.clock.Now()},
		{App: a.Num, Reason: "a_new_reason", Final: true, Count: 1, Last: w.clock.Now()},
	}
	w.apply(store.Batch{Problems: []store.ProblemRow{{Feed: w.feed + 1, App: a.Num, What: "The log is cut off."}}})
	root := w.home("/")
	same(t, "traffic", [][]string{
		{"Reason", "What to do", "Last 7 days", "Since start", "Last"},
		{"Older than 25 days lost", "The device was offline for long, or its clock is wrong.", "1,234", "4", "just now"},
		{"Server was busy sent again", "Devices send it again. If the number keeps growing, give the server more memory.", "not counted", "9", "1 hour ago"},
		{"Unknown type of log lost", "No App Center SDK sends it: look at your own clients.", "1", "0", "before the start"},
		{"a_new_reason lost", "The server's log says more.", "0", "1", "just now"},
	}, part(root, "traffic", a).rows())
	same(t, "problems", []string{"1 log could not be read; what came is kept. The log is cut off."}, texts(part(root, "traffic", a).class("alert")))
	same(t, "of another app", 2, len(part(root, "traffic", other).rows()))
	same(t, "of no app", "Unknown app secret lost", root.id("unknown").rows()[1][0])
}

// TestReasons: every reason that ingestion knows has plain words.
func TestReasons(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enter(annToken)
	reasons := strings.Fields(`app_secret_denied invalid_container container_too_large method_not_allowed request_incomplete
		overloaded disk_full shutting_down storage_failed not_an_object unknown_type legacy_type missing_error_id bad_attachment
		attachment_too_large too_old too_new throttled app_blocked install_blocked missing_device missing_id missing_exception`)
	for _, reason := range reasons {
		w.refused = append(w.refused, web.Refusal{Reason: reason, Count: 1, Last: w.clock.Now()})
	}
	rows := w.home("/").id("unknown").rows()
	if len(rows) != len(reasons)+1 {
		t.Errorf("%d reasons have %d different titles", len(reasons), len(rows)-1)
	}
	for _, row := range rows {
		if strings.Contains(row[0], "_") || strings.Contains(row[1], "says more") {
			t.Errorf("%q has no words", row[0])
		}
	}
}

func TestExports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enter(annToken)
	a := w.app("shop", "Android", "Java")
	now := w.clock.Now().Truncate(time.Minute)
	for i, e := range []store.Export{
		{State: "Enabled", Type: "blob_storage_connection_string", ResourceName: "acme", Container: "crashes", Prefix: "v1"},
		{State: "Enabled", Type: "blob_storage_connection_string", ResourceName: "late", Container: "crashes"},
		{State: "Invalid", Type: "directory", Path: "old/tree", StateInfo: "The folder is not there."},
		{State: "Disabled", Type: "directory", Path: "later"},
	} {
		e.ID, e.App, e.CreatedAt = idOf(fmt.Sprint(i)), a.Num, int64(i)
		w.ok(w.db.CreateExport(t.Context(), e))
	}
	w.exports = []web.ExportLag{
		{App: a.Num, ID: idOf("0"), State: "waiting", Window: now, Lag: 20 * time.Second},
		{App: a.Num, ID: idOf("1"), State: "retrying", Window: now.Add(-2 * time.Hour), Lag: 2 * time.Hour, Failing: true, Error: "The container answers 403."},
	}
	exports := part(w.home("/"), "exports", a)
	same(t, "exports", [][]string{
		{"Target", "State", "Written up to", "Lag"},
		{"acme/crashes/v1", "Up to date", now.UTC().Format("2006-01-02 15:04 UTC"), "20 seconds"},
		{"late/crashes", "Failing, trying again The container answers 403.", now.Add(-2 * time.Hour).UTC().Format("2006-01-02 15:04 UTC"), "2 hours"},
		{"folder old/tree", "Stopped: the target refuses The folder is not there.", "nothing yet", "none"},
		{"folder later", "Disabled", "nothing yet", "none"},
	}, exports.rows())
	same(t, "late", []string{"2 hours"}, texts(exports.class("late")))
	same(t, "good and bad", []int{1, 2}, []int{len(exports.class("good")), len(exports.class("bad"))})
}

func TestRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.app("shop", "Android", "Java")
	crash := func(root *element) int {
		return len(root.all(func(e *element) bool { return e.attr["data-crash"] != "" || strings.HasPrefix(e.attr["id"], "crash-") }))
	}
	w.enter(annToken)
	root := w.home("/")
	if crash(root) != 2 || !strings.Contains(part(root, "exports", a).text(), "export_configurations") {
		t.Error("a manager is not told how to test and to export")
	}
	w.enter(bobToken)
	root = w.home("/")
	if crash(root) != 0 {
		t.Error("a viewer can send a test crash")
	}
	same(t, "export", "Export Nothing is exported. A manager of the app can set it up.", part(root, "exports", a).text())
	same(t, "secret", a.Secret.String(), part(root, "secret", a).text())
	if got := part(root, "app", a).class("sub")[0].text(); !strings.Contains(got, "you are viewer") {
		t.Errorf("the role is told as %q", got)
	}
}

func TestMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enter(annToken)
	var last diag.App
	for i := range 24 {
		last = w.app(fmt.Sprintf("app-%02d", i), "Android", "Java")
	}
	var rows []store.ReportRow
	for g := range diag.GroupID(1200) {
		r := w.report(last, g+1, store.Reason{Class: fmt.Sprint("Class", g), Method: "run"})
		r.Time += diag.DeviceTime(g)
		rows = append(rows, r)
	}
	w.apply(store.Batch{Reports: rows})
	root := w.home("/")
	same(t, "apps", 20, len(root.class("app")))
	same(t, "the newest first", "app-23", root.class("app")[0].named("h2")[0].text())
	same(t, "note", "The newest 20 of 24 apps. Search for a name to see others.", root.class("note")[0].text())
	same(t, "names to choose from", 24, len(root.named("option")))
	groups := part(root, "groups", last)
	same(t, "groups", "The 10 with the latest reports, of 1,200 groups. The API lists all of them.", groups.named("caption")[0].text())
	same(t, "group rows", 11, len(groups.rows()))
	same(t, "the latest first", "Class1199", groups.class("class")[0].text())

	root = w.home("/?app=APP-0")
	same(t, "found", 10, len(root.class("app")))
	same(t, "note", "10 of 24 apps have “APP-0” in their names. Show all", root.class("note")[0].text())
	same(t, "search", "APP-0", root.id("search").attr["value"])
	root = w.home("/?app=acme/app-07")
	same(t, "found", 1, len(root.class("app")))
	root = w.home("/?app=" + url.QueryEscape(`"><script>alert(1)</script>`))
	same(t, "found", 0, len(root.class("app")))
	if got := root.class("card")[0].text(); got != `None of your 24 apps has “"><script>alert(1)</script>” in its name. Show all` {
		t.Errorf("a search in vain says %q", got)
	}
}

func TestAlerts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enter(annToken)
	visible := func() (all []string) {
		for _, e := range w.home("/").class("alert") {
			if _, hidden := e.attr["hidden"]; !hidden {
				all = append(all, e.text())
			}
		}
		return all
	}
	same(t, "when all is well", []string(nil), visible())
	w.lag, w.diskFull = 12_345, true
	got := visible()
	if len(got) != 2 || !strings.Contains(got[0], "disk") || !strings.HasPrefix(got[1], "12,345 ") {
		t.Errorf("alerts %q", got)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enter(annToken)
	for _, c := range []struct {
		method, path string
		status       int
		heading      string
	}{
		{"GET", "/nothing", 404, "Page not found"},
		{"GET", "/static/", 404, "Page not found"},
		{"GET", "/static/style-000000000000.css", 404, "Page not found"},
		{"GET", "/static/../web.go", 404, "Page not found"},
		{"GET", "/index.html", 404, "Page not found"},
		{"POST", "/", 405, "That did not work"},
		{"DELETE", "/sign-in", 405, "That did not work"},
		{"GET", "/sign-out", 405, "That did not work"},
	} {
		r, err := http.NewRequest(c.method, w.server.URL+c.path, nil)
		w.ok(err)
		a := w.send(r)
		if got := w.parse(a).named("h1")[0].text(); a.StatusCode != c.status || got != c.heading {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.path, a.StatusCode, got, c.status, c.heading)
		}
		if (c.status == 405) != (a.Header.Get("Allow") != "") {
			t.Errorf("%s %s: Allow is %q", c.method, c.path, a.Header.Get("Allow"))
		}
	}
	w.broken = errors.New("cannot open /var/lib/secret/register.db")
	a := w.get("/")
	if a.StatusCode != 500 || strings.Contains(a.text, "secret") || !strings.Contains(w.parse(a).text(), "Correlation ID: "+a.Header.Get("X-Correlation-ID")) {
		t.Errorf("a failure is answered %d: %s", a.StatusCode, a.text)
	}
	w.broken = diag.Errorf(diag.Busy, "The index is being rebuilt. Try again in a moment.")
	a = w.get("/")
	if got := w.parse(a).text(); a.StatusCode != 503 || !strings.Contains(got, "The index is being rebuilt") {
		t.Errorf("a busy store is answered %d: %s", a.StatusCode, got)
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, err := http.NewRequest(http.MethodHead, w.server.URL+"/", nil)
	w.ok(err)
	if a := w.send(r); a.StatusCode != 200 || a.text != "" || a.Header.Get("Content-Security-Policy") != wantPolicy {
		t.Errorf("HEAD is answered %d with %d bytes", a.StatusCode, len(a.text))
	}
}

func TestStatic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enter(annToken)
	types := map[string]string{".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".js": "text/javascript; charset=utf-8"}
	seen := map[string]bool{}
	for _, e := range w.home("/").named("link", "script", "img") {
		path := e.attr["src"] + e.attr["href"]
		a := w.get(path)
		if a.StatusCode != 200 || a.text == "" {
			t.Errorf("%s is answered %d", path, a.StatusCode)
		}
		same(t, path, []string{"public, max-age=31536000, immutable", "nosniff", types[path[strings.LastIndexByte(path, '.'):]]},
			[]string{a.Header.Get("Cache-Control"), a.Header.Get("X-Content-Type-Options"), a.Header.Get("Content-Type")})
		seen[path] = true
	}
	same(t, "files", 3, len(seen))
}

func TestStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.app("shop", "Android", "Java"), w.app("other", "iOS", "Objective-C-Swift")
	ask := func(ids ...string) (int, map[string]string) {
		r := w.get("/status?" + url.Values{"app": ids}.Encode())
		if got := r.Header.Get("Content-Type"); got != "application/json; charset=utf-8" {
			t.Errorf("Content-Type %q", got)
		}
		var answer struct{ Apps map[string]string }
		w.ok(json.Unmarshal([]byte(r.text), &answer))
		return r.StatusCode, answer.Apps
	}
	if status, apps := ask(a.ID.String()); status != 401 || apps != nil {
		t.Errorf("without a session it is answered %d %v", status, apps)
	}
	w.enter(annToken)
	_, first := ask(a.ID.String(), b.ID.String(), idOf("hidden").String(), "x")
	same(t, "apps", 2, len(first))
	for _, app := range []diag.App{a, b} {
		same(t, "the page's own mark", first[app.ID.String()], part(w.home("/"), "app", app).attr["data-mark"])
	}
	w.apply(store.Batch{Reports: []store.ReportRow{w.report(a, 1, store.Reason{Method: "m"})}})
	_, second := ask(a.ID.String(), b.ID.String())
	if second[a.ID.String()] == first[a.ID.String()] || second[b.ID.String()] != first[b.ID.String()] {
		t.Errorf("after a report: %v, before: %v", second, first)
	}
	w.refused = []web.Refusal{{App: b.Num, Reason: "too_old", Count: 1}}
	if _, third := ask(b.ID.String()); third[b.ID.String()] == second[b.ID.String()] {
		t.Error("a refusal changes nothing")
	}
	if status, _ := ask(make([]string, 21)...); status != 400 {
		t.Errorf("21 apps are answered %d", status)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.app("shop", "Android", "Java")
	for base, want := range map[string]int{
		"http://127.0.0.1:8080": 2, "http://localhost": 2, "https://[::1]:8443": 1, "http://0.0.0.0:80": 2, "http://10.0.0.5:8080": 1,
	} {
		w.base = base
		w.enter(annToken)
		if got := len(part(w.home("/"), "app", a).class("warn")); got != want {
			t.Errorf("%s has %d warnings, want %d", base, got, want)
		}
	}
}

// TestReadOnlyToken: the page offers nothing that the token would be refused.
func TestReadOnlyToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.readOnly = true
	w.enter(annToken)
	if got := w.home("/").text(); strings.Contains(got, "app create") || !strings.Contains(got, "Your token is read-only") {
		t.Errorf("without an app: %s", got)
	}
	a := w.app("shop", "Android", "Java")
	root := w.home("/")
	if got := part(root, "app", a).class("sub")[0].text(); !strings.HasSuffix(got, "your token is read-only") {
		t.Errorf("below the name: %s", got)
	}
	if strings.Contains(root.text(), "app create") {
		t.Error("the page tells how to make an app")
	}
}
