package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/api"
	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

var update = flag.Bool("update", false, "write the golden files")

// unstable are parts of answers that follow from keys, random numbers and the rules of grouping.
var unstable = []struct {
	pattern *regexp.Regexp
	text    string
}{
	{regexp.MustCompile(`"errorGroupId":"\d+`), `"errorGroupId":"GROUP`},
	{regexp.MustCompile(`errorGroups/\d+`), `errorGroups/GROUP`},
	{regexp.MustCompile(`"id":"[0-9a-f-]{36}"`), `"id":"ID"`},
	{regexp.MustCompile(`"app_secret":"[0-9a-f-]{36}"`), `"app_secret":"SECRET"`},
	{regexp.MustCompile(`"api_token":"[0-9a-f]{40}"`), `"api_token":"TOKEN"`},
	{regexp.MustCompile(`sig=[\w-]{43}"`), `sig=SIGNATURE"`},
	{regexp.MustCompile(`\$token=[\w-]+"`), `$$token=TOKEN"`},
}

// golden compares an answer with a file.
func golden(a answer, name string) {
	a.Helper()
	body := a.body
	for _, u := range unstable {
		body = u.pattern.ReplaceAllString(body, u.text)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(body), "", "  "); err != nil {
		a.Fatal(err)
	}
	b.WriteByte('\n')
	path := filepath.Join("testdata", "golden", name+".json")
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			a.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		a.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		a.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// shop has a few groups: total in two versions, a handled error, and another method on another device.
func shop(t testing.TB, change ...func(*api.Options)) *world {
	w := newWorld(t, change...)
	day := time.Date(2024, 5, 9, 0, 0, 0, 0, time.UTC)
	w.send(
		spec{n: 1, at: day}.log(), spec{n: 2, at: day.Add(time.Hour), user: "ada"}.log(), spec{n: 3, at: day.Add(2 * time.Hour), build: "211"}.log(),
		spec{n: 4, at: day.Add(-24 * time.Hour), version: "2.0.0", build: "200"}.log(),
		spec{n: 5, at: day.Add(time.Hour), kind: "handledError"}.log(), spec{n: 6, at: day.Add(3 * time.Hour), kind: "handledError"}.log(),
	)
	w.sendTo(&w.app, "22222222-2222-3333-4444-555555555555", spec{n: 7, at: day.Add(-time.Hour), method: "pay", model: "Nokia", os: "9", user: "bob"}.log(),
		spec{n: 8, at: day.Add(4 * time.Hour), user: "bob"}.log())
	return w
}

// shapes names groups by method, version, kind and count.
func (l groupList) shapes() []string {
	all := []string{}
	for _, g := range l.ErrorGroups {
		kind := "crash"
		if !strings.HasSuffix(g.ID, "u") {
			kind = "handled"
		}
		all = append(all, fmt.Sprintf("%s %s %s %d/%d", g.Method, g.Version, kind, g.Count, g.Devices))
	}
	return all
}

func TestGroups(t *testing.T) {
	t.Parallel()
	w := shop(t)
	golden(w.call("GET", "~/errors/errorGroups?start=2024-05-01&version=2.1.0&$orderby=count%20desc&%24top=1"), "groups")
	golden(w.call("GET", "~/errors/errorGroups/"+w.groups("").ErrorGroups[0].ID), "group")
	if a := w.call("GET", "~/errors/errorGroups?version=none").want(200); a.body != `{"errorGroups":[]}` {
		t.Error(a.body)
	}
}

func TestGroupFilters(t *testing.T) {
	t.Parallel()
	w := shop(t)
	closed := w.groups("?version=2.0.0").ErrorGroups[0].ID
	id, _, _ := diag.ParseGroupID(closed)
	w.must(w.store.SetGroupWords(t.Context(), w.app.Num, id, store.GroupWords{State: store.StateClosed, Annotation: "fixed"}))
	const total, older, handled, pay = "total 2.1.0 crash 4/2", "total 2.0.0 crash 1/1", "total 2.1.0 handled 2/1", "pay 2.1.0 crash 1/1"
	for query, want := range map[string][]string{
		"":                                 {total, handled, pay, older},
		"?version=2.0.0":                   {older},
		"?version=2.0":                     {},
		"?app_build=211":                   {"total 2.1.0 crash 1/1"},
		"?start=2024-05-09":                {"total 2.1.0 crash 4/2", handled},
		"?end=2024-05-09":                  {pay, older}, // exclusive: at midnight there is one more
		"?end=2024-05-08T23:00:00%2B00:00": {older},
		"?start=2024-05-08T23:00:00 00:00&end=2024-05-09T00:00:00.000000001": {"total 2.1.0 crash 1/1", pay},
		"?start=2024-05-09T03:00:00%2B02:00&end=2024-05-09T02:00:00":         {"total 2.1.0 crash 1/1", "total 2.1.0 handled 1/1"},
		"?start=1970-01-01&end=2024-05-08T00:00:01Z":                         {older},
		"?start=2024-05-09T03:00:00%2B0200&end=2024-05-09T04:00:00%2B02":     {"total 2.1.0 crash 1/1", "total 2.1.0 handled 1/1"},
		"?start=2024-05-09 01:00:00.123456789&end=2024-05-09t02:00z":         {},
		"?start=&end=":                                {total, handled, pay, older},
		"?end=1970-01-01":                             {},
		"?errorType=handledError":                     {handled},
		"?errorType=HANDLED":                          {handled},
		"?errorType=unhandlederror":                   {total, pay, older},
		"?errorType=unhandled":                        {total, pay, older},
		"?errorType=All":                              {total, handled, pay, older},
		"?groupState=closed":                          {older},
		"?groupState=OPEN":                            {total, handled, pay},
		"?groupState=Open|Closed":                     {total, handled, pay, older},
		"?groupState=ignored":                         {},
		"?userId=bob":                                 {"total 2.1.0 crash 1/1", pay},
		"?userId=BOB":                                 {},
		"?installId=22222222222233334444555555555555": {"total 2.1.0 crash 1/1", pay},
		"?installId=" + strings.ToUpper(string(install)) + "&errorType=unhandled": {"total 2.1.0 crash 3/1", older},
		"?$top=1":                    {total},
		"?top=2":                     {total, handled},
		"?$top=0":                    {total, handled, pay, older},
		"?$orderby=appVersion,count": {older, pay, handled, total},
		"?$orderby=devices desc, firstOccurrence asc": {total, older, pay, handled},
		"?$orderby=DeviceCount%20DESC,count desc":     {total, handled, pay, older},
		"?$orderby=lastOccurrence":                    {older, pay, handled, total},
		"?$orderby=exceptionMethod desc,count desc":   {total, handled, older, pay},
		"?$version=": {total, handled, pay, older},
	} {
		got := w.groups(strings.ReplaceAll(query, " ", "%20")).shapes()
		sortTies(got, query)
		sortTies(want, query)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	w.call("GET", "~/errors/errorGroups/"+closed).want(200, `"state":"Closed"`, `"annotation":"fixed"`)
}

// sortTies sorts lists in which the default order leaves groups of the same count.
func sortTies(list []string, query string) {
	if !strings.Contains(query, "orderby") {
		slices.SortStableFunc(list, func(a, b string) int {
			count := func(s string) string { return s[strings.LastIndexByte(s, ' '):] }
			return strings.Compare(count(b)[:2]+a, count(a)[:2]+b)
		})
	}
}

// TestLongMessage: lists cut what a device sends without bound, the group alone does not.
func TestLongMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := strings.Repeat("ö", 2000)
	w.send(strings.Replace(spec{n: 1}.log(), "cart <1> is gone", long, 1))
	l := w.groups("").ErrorGroups[0]
	if l.Message != long[:2048] {
		t.Errorf("%d bytes in the list", len(l.Message))
	}
	w.call("GET", "~/errors/errorGroups/"+l.ID).want(200, long)
}

func TestQ39Words(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1}.log())
	groups := "~/errors/errorGroups"
	reports := groups + "/" + w.groups("").ErrorGroups[0].ID + "/errors"
	download := reports + "/" + crashID(1) + "/download"
	for _, path := range []string{
		groups + "?start=soon", groups + "?end=2024-13-01", groups + "?start=20240501", groups + "?errorType=crash", groups + "?groupState=new", groups + "?groupState=open|new",
		groups + "?$orderby=size", groups + "?installId=%20", groups + "?$orderby=count%20down", groups + "?$orderby=count,,", groups + "?$top=many", groups + "?top=1.5", groups + "?$top=-1", groups + "?$token=abc",
		groups + "?$token=" + strings.Repeat("A", 5000),
		reports + "?start=x", reports + "?$top=x", reports + "?$token=x", download + "?format=pdf",
		"~/errors/" + crashID(1) + "/session_logs?date=x", "/v0.1/apps?$orderBy=size",
	} {
		w.call("GET", path).want(400, `"code":"BadRequest"`)
	}
	w.call("GET", groups+"?nothing=x&$skip=y").want(200)
	missing := guid("nothing", 1)
	for _, path := range []string{
		groups + "/1u", groups + "/x", groups + "/99999999999999999999u", groups + "/1u/errors", groups + "/1u/stacktrace", groups + "/1u/errors/" + crashID(1),
		reports + "/" + missing, reports + "/x", reports + "/" + missing + "/stacktrace", reports + "/" + missing + "/download", reports + "/" + missing + "/location",
		"~/errors/x/session_logs", "~/errors/" + missing + "/sessionLogs", "~/crashes/" + missing + "/session_logs", "~/errors/" + missing + "/attachments",
		"~/errors/" + crashID(1) + "/attachments/x/text", "~/errors/" + crashID(1) + "/attachments/" + missing + "/location",
		"~/export_configurations/x", "~/export_configurations/" + missing,
	} {
		w.call("GET", path).want(404, `"code":"NotFound"`, "There is no such ", "Correlation ID: ")
	}
}

func TestQ1States(t *testing.T) {
	t.Parallel()
	w := shop(t, func(o *api.Options) { o.LowerStates = true })
	if got := w.groups("?groupState=Open").ErrorGroups[0].State; got != "open" {
		t.Errorf("state %q", got)
	}
}

// TestQ2Open: without start and end every report counts, also those of devices whose clock is ahead.
func TestQ2Open(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1, at: today.Add(72 * time.Hour)}.log(), spec{n: 2, at: today.Add(-20 * 24 * time.Hour)}.log())
	l := w.groups("")
	if diff := cmp.Diff([]string{"total 2.1.0 crash 2/1"}, l.shapes()); diff != "" {
		t.Error(diff)
	}
	var r reportList
	w.call("GET", "~/errors/errorGroups/"+l.ErrorGroups[0].ID+"/errors").into(&r)
	if len(r.Errors) != 2 {
		t.Errorf("%d reports", len(r.Errors))
	}
}

// TestQ20Versions: the same crash in two versions is two groups, and handled is another one.
func TestQ20Versions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1}.log(), spec{n: 2, version: "3"}.log(), spec{n: 3, kind: "handledError"}.log(), spec{n: 4}.log())
	ids := map[string]bool{}
	for _, g := range w.groups("").ErrorGroups {
		ids[g.ID] = true
	}
	if len(ids) != 3 {
		t.Errorf("%d groups, want 3", len(ids))
	}
}

func TestQ21GroupIDs(t *testing.T) {
	t.Parallel()
	w := shop(t)
	for i, g := range w.groups("?$orderby=appVersion").ErrorGroups {
		if !regexp.MustCompile(`^[1-9]\d{0,9}u?$`).MatchString(g.ID) {
			t.Errorf("group %d: id %q", i, g.ID)
		}
		// The suffix is for people: the number alone is the id.
		w.call("GET", "~/errors/errorGroups/"+strings.TrimSuffix(g.ID, "u")).want(200, `"errorGroupId":"`+g.ID+`"`)
	}
}

func TestQ23ErrorType(t *testing.T) {
	t.Parallel()
	w := shop(t)
	if diff := cmp.Diff(w.groups("?errorType=all").shapes(), w.groups("").shapes()); diff != "" {
		t.Error(diff)
	}
}

func TestQ37Top(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var logs []string
	for i := range 40 {
		logs = append(logs, spec{n: i, method: fmt.Sprintf("m%c%c", 'a'+i/26, 'a'+i%26)}.log())
	}
	w.send(logs...)
	for query, want := range map[string]int{"": 30, "?$top=10000": 40, "?$top=0": 40, "?top=99999999999999999999999": 40, "?$top=35": 35, "?$top=": 30} {
		if got := len(w.groups(query).ErrorGroups); got != want {
			t.Errorf("%q: %d groups, want %d", query, got, want)
		}
	}
}

// follow reads a list page by page and returns its ids.
func (w *world) follow(path string, change func(link string) string) (ids []string) {
	w.Helper()
	for path != "" {
		var page struct {
			NextLink    string `json:"nextLink"`
			ErrorGroups []struct {
				ID string `json:"errorGroupId"`
			} `json:"errorGroups"`
			Errors []struct {
				ID string `json:"errorId"`
			} `json:"errors"`
		}
		w.call("GET", path).into(&page)
		for _, g := range page.ErrorGroups {
			ids = append(ids, g.ID)
		}
		for _, r := range page.Errors {
			ids = append(ids, r.ID)
		}
		path = page.NextLink
		if path != "" {
			path = change(path)
		}
	}
	return ids
}

func same(link string) string { return link }

// TestNextLink: what clients do to the link still gives the next page (T20).
func TestNextLink(t *testing.T) {
	t.Parallel()
	w := shop(t)
	const list = "~/errors/errorGroups?start=2024-05-01&$orderby=count%20desc&%24top=1&version=2.1.0&x=a+b%26c"
	first := w.groups(strings.TrimPrefix(list, "~/errors/errorGroups"))
	const want = "/api/v0.1/apps/acme/Shop/errors/errorGroups?start=2024-05-01&$orderby=count%20desc&$top=1&version=2.1.0&x=a%20b%26c&$token="
	if !strings.HasPrefix(first.NextLink, want) {
		t.Errorf("nextLink %s\n    want %s...", first.NextLink, want)
	}
	all := w.follow(list, same)
	if len(all) != 3 {
		t.Fatalf("%d groups", len(all))
	}
	for name, change := range map[string]func(string) string{
		"without api":    func(l string) string { return strings.TrimPrefix(l, "/api") },
		"query alone":    func(l string) string { return "~/errors/errorGroups" + l[strings.IndexByte(l, '?'):] },
		"encoded again":  func(l string) string { u, _ := url.Parse(l); u.RawQuery = u.Query().Encode(); return u.String() },
		"slash in front": func(l string) string { return "/" + l },
		"another size":   func(l string) string { return strings.Replace(l, "$top=1", "$top=2", 1) },
		"date in full": func(l string) string {
			return strings.Replace(l, "start=2024-05-01&", "start=2024-05-01T00:00:00Z&", 1)
		},
		"owner in capitals": func(l string) string { return strings.Replace(l, "/acme/", "/ACME/", 1) },
	} {
		if diff := cmp.Diff(all, w.follow(list, change)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// TestToken: a page token is good for its list only.
func TestToken(t *testing.T) {
	t.Parallel()
	w := shop(t)
	other := w.newApp("acme", "Other", 9)
	w.must(w.store.SetMember(t.Context(), other.Num, w.ann.Num, diag.RoleViewer))
	next := w.groups("?$top=1&version=2.1.0").NextLink
	for name, link := range map[string]string{
		"another filter": strings.Replace(next, "version=2.1.0", "version=2.0.0", 1),
		"a filter less":  strings.Replace(next, "version=2.1.0&", "", 1),
		"a filter more":  strings.Replace(next, "?", "?userId=bob&", 1),
		"another order":  strings.Replace(next, "?", "?$orderby=count&", 1),
		"another app":    strings.Replace(next, "/Shop/", "/Other/", 1),
		"another list":   strings.Replace(next, "errorGroups?", "errorGroups/"+w.groups("").ErrorGroups[0].ID+"/errors?", 1),
		"cut":            next[:len(next)-1],
		"longer":         next + "A",
		"changed":        next[:len(next)-1] + string(next[len(next)-1]^1),
		"MAC alone":      next[:strings.Index(next, "$token=")+len("$token=")+22],
	} {
		if a := w.call("GET", link); a.status != 400 {
			t.Errorf("%s: status %d", name, a.status)
		}
	}
}

// TestPagesWhileWriting: pages lose and double nothing while reports come in.
func TestPagesWhileWriting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var logs []string
	for i := range 30 {
		for j := range 1 + i%3 {
			logs = append(logs, spec{n: 100*i + j, method: fmt.Sprintf("m%c%c", 'a'+i/10, 'a'+i%10)}.log())
		}
	}
	w.send(logs...)
	before := map[string]bool{}
	for _, g := range w.groups("?$top=0").ErrorGroups {
		before[g.ID] = true
	}
	group := w.groups("?$top=1").ErrorGroups[0].ID
	n, stop := 10_000, make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			w.send(spec{n: n, method: fmt.Sprintf("m%c%c", 'a'+n%3, 'a'+n%10)}.log(), spec{n: n + 1, method: fmt.Sprintf("new%c", 'a'+n%20)}.log())
			n += 2
		}
	})
	for range 3 {
		seen := map[string]int{}
		for _, id := range w.follow("~/errors/errorGroups?$top=4", same) {
			seen[id]++
		}
		for id := range before {
			if seen[id] != 1 {
				t.Errorf("group %s is there %d times", id, seen[id])
			}
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("group %s is there %d times", id, n)
			}
		}
		ids := w.follow("~/errors/errorGroups/"+group+"/errors?$top=2", same)
		if len(slices.Compact(slices.Sorted(slices.Values(ids)))) != len(ids) || !slices.IsSorted(ids) {
			t.Errorf("reports doubled or out of order: %v", ids)
		}
	}
	close(stop)
	writer.Wait()
}
