package api_test

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

type hitList struct {
	More   *bool `json:"hasMoreResults"`
	Errors []struct {
		ID    string `json:"errorId"`
		Group string `json:"errorGroupId"`
	} `json:"errors"`
	ErrorGroups []hitGroup `json:"errorGroups"`
}

type hitGroup struct {
	ID      string `json:"errorGroupId"`
	Method  string `json:"exceptionMethod"`
	Version string `json:"appVersion"`
}

// market is the shop with attachments, properties and a closed group.
func market(t *testing.T) *world {
	w := shop(t)
	w.send(
		attach(1, crashID(1), "text/plain", "trail.log", []byte("09:00 opened the CART\n09:01 pressed Straße\n")),
		attach(2, crashID(4), "application/octet-stream", "core.bin", []byte("opened nothing")),
		attach(3, crashID(99), "text/plain; charset=utf-8", "early.txt", []byte("it came before its report")),
	)
	w.send(spec{n: 99, at: time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC), method: "render", version: "1.0", build: "7", user: "Zoë", model: "iPhone 15", os: "17.4"}.log())
	for _, g := range w.groups("?version=2.0.0").ErrorGroups {
		id, _, _ := diag.ParseGroupID(g.ID)
		w.must(w.store.SetGroupWords(t.Context(), w.app.Num, id, store.GroupWords{State: store.StateClosed}))
	}
	return w
}

// names says which of the specs' reports are hits, or which groups.
func (l hitList) names() string {
	var all []string
	for _, e := range l.Errors {
		for n := range 100 {
			if strings.HasSuffix(e.ID, crashID(n)) {
				all = append(all, fmt.Sprint(n))
			}
		}
	}
	for _, g := range l.ErrorGroups {
		kind := "crash"
		if !strings.HasSuffix(g.ID, "u") {
			kind = "handled"
		}
		all = append(all, g.Method+" "+g.Version+" "+kind)
	}
	if l.More == nil {
		return "hasMoreResults is missing"
	}
	if *l.More {
		all = append(all, "…")
	}
	if all == nil {
		return "nothing"
	}
	return strings.Join(all, ", ")
}

// sorted brings groups into an order of their own: those with equal keys stand in that of their ids.
func (l hitList) sorted() hitList {
	slices.SortFunc(l.ErrorGroups, func(a, b hitGroup) int {
		return strings.Compare(a.Method+a.Version+a.ID[len(a.ID)-1:], b.Method+b.Version+b.ID[len(b.ID)-1:])
	})
	return l
}

// TestSearchExamples reads testdata/search: lines with "> " are queries, the line behind each says what is found, in
// order, or why it is refused. GROUP and INSTALL stand for ids.
func TestSearchExamples(t *testing.T) {
	t.Parallel()
	w := market(t)
	group := w.groups("?version=1.0").ErrorGroups[0].ID
	for name, route := range map[string]string{"reports": "~/errors/search", "groups": "~/errors/errorGroups/search"} {
		path := filepath.Join("testdata", "search", name+".txt")
		had, err := os.ReadFile(path)
		w.must(err)
		var b bytes.Buffer
		for line := range strings.Lines(string(had)) {
			query, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "> ")
			switch {
			case ok:
				asked := strings.NewReplacer("GROUP", strings.TrimSuffix(group, "u"), "INSTALL", string(install), "GUID7", crashID(7), "ID7", spec{n: 7, at: time.Date(2024, 5, 8, 23, 0, 0, 0, time.UTC)}.reported()).Replace(query)
				var l hitList
				a := w.call("GET", route+"?"+encode(asked))
				what := "! " + message(a)
				if a.status == 200 {
					a.into(&l)
					if !strings.Contains(query, "sort=") {
						l = l.sorted()
					}
					what = l.names()
				}
				fmt.Fprintf(&b, "> %s\n%s\n", query, what)
			case strings.HasPrefix(line, "#") || line == "\n":
				b.WriteString(line)
			}
		}
		if *update {
			w.must(os.WriteFile(path, b.Bytes(), 0o644))
			continue
		}
		if diff := cmp.Diff(string(had), b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

// encode turns a query that people can read into one that can be sent.
func encode(query string) string {
	parts := strings.Split(query, "&")
	for i, p := range parts {
		name, value, _ := strings.Cut(p, "=")
		parts[i] = url.QueryEscape(name) + "=" + url.QueryEscape(value)
	}
	return strings.Join(parts, "&")
}

func message(a answer) string {
	_, text, _ := strings.Cut(a.body, `"message":"`)
	text, _, _ = strings.Cut(text, `","error"`)
	return fmt.Sprintf("%d %s", a.status, strings.ReplaceAll(text, `\"`, `"`))
}

func (w *world) search(query string) (l hitList) {
	w.Helper()
	w.call("GET", "~/errors/search"+query).want(200).into(&l)
	return l
}

func (w *world) searchGroups(query string) (l hitList) {
	w.Helper()
	w.call("GET", "~/errors/errorGroups/search"+query).want(200).into(&l)
	return l
}

func TestSearchShapes(t *testing.T) {
	t.Parallel()
	w := market(t)
	golden(w.call("GET", "~/errors/search?q=ada"), "search")
	golden(w.call("GET", "~/errors/errorGroups/search?q=pay"), "search groups")
	for _, route := range []string{"errors", "errorGroups"} {
		path := map[string]string{"errors": "~/errors/search", "errorGroups": "~/errors/errorGroups/search"}[route]
		if a := w.call("GET", path+"?q=nowhere").want(200); a.body != `{"hasMoreResults":false,"`+route+`":[]}` {
			t.Error(a.body)
		}
	}
}

// TestSearchExceptionMethodFilter: clients filter groups by exceptionMethod eq 'name', with quotes raw or as %27 and
// blanks as + or %20.
func TestSearchExceptionMethodFilter(t *testing.T) {
	t.Parallel()
	w := market(t)
	for _, query := range []string{
		"?filter=exceptionMethod%20eq%20'pay'", "?filter=exceptionMethod+eq+%27pay%27", "?filter=exceptionMethod%20eq%20%27PAY%27&$top=30",
	} {
		if got := w.searchGroups(query).names(); got != "pay 2.1.0 crash" {
			t.Errorf("%s: %s", query, got)
		}
	}
}

// TestSearchTimestampRange: clients filter reports by a range of timestamp, never get more than 100, and page by $skip.
func TestSearchTimestampRange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	day := time.Date(2024, 5, 9, 0, 0, 0, 0, time.UTC)
	var logs []string
	for n := range 205 {
		logs = append(logs, spec{n: n, at: day.Add(time.Duration(n) * time.Minute)}.log())
	}
	w.send(logs...)
	const filter = "?filter=timestamp%20ge%202024-05-09T00:01:00Z%20and%20timestamp%20lt%202024-05-09T03:24:00Z&%24top=1000&%24skip="
	seen := map[string]bool{}
	var last string
	for skip, want := range map[int]int{0: 100, 100: 100, 200: 3, 203: 0, 10000: 0} {
		l := w.search(fmt.Sprint(filter, skip))
		if len(l.Errors) != want || *l.More != (skip < 200 && want == 100) && skip != 100 || skip == 100 && !*l.More {
			t.Errorf("skip %d: %d hits, more %v", skip, len(l.Errors), *l.More)
		}
		for i, e := range l.Errors {
			if seen[e.ID] || i > 0 && e.ID < last {
				t.Errorf("skip %d: %s is there twice or out of order", skip, e.ID)
			}
			seen[e.ID], last = true, e.ID
		}
	}
	if len(seen) != 203 {
		t.Errorf("%d different hits", len(seen))
	}
}

// TestSearchDeepLink: q={GUID} finds one report, with its group, so that a link to it can be made.
func TestSearchDeepLink(t *testing.T) {
	t.Parallel()
	w := market(t)
	row, err := w.store.Report(t.Context(), w.app.Num, parseID(t, crashID(7)))
	w.must(err)
	for _, q := range []string{crashID(7), strings.ToUpper(crashID(7)), "{" + crashID(7) + "}", diag.ReportID(row.Time, row.ID)} {
		l := w.search("?q=" + url.QueryEscape(q))
		if len(l.Errors) != 1 || *l.More || l.Errors[0].ID != diag.ReportID(row.Time, row.ID) || l.Errors[0].Group != row.Group.Format(false) {
			t.Errorf("q=%s: %+v", q, l)
		}
	}
}

func parseID(t *testing.T, s string) diag.ID {
	t.Helper()
	id, ok := diag.ParseID(s)
	if !ok {
		t.Fatal(s)
	}
	return id
}

// TestSearchGeneratedClient: it always sends all defaults.
func TestSearchGeneratedClient(t *testing.T) {
	t.Parallel()
	w := market(t)
	const defaults = "?filter=exceptionMethod%20eq%20%27total%27&order=desc&sort=timestamp&$top=100&$skip=0"
	if got, want := w.search(defaults).names(), w.search("?filter=exceptionMethod%20eq%20%27total%27").names(); got != want || got != "8, 6, 3, 5, 2, 1, 4" {
		t.Errorf("%s, without the defaults %s", got, want)
	}
	const groups = "?order=desc&sort=matchingReportsCount&$top=100&$skip=0"
	if got, want := w.searchGroups(groups).names(), w.searchGroups("").names(); got != want || !strings.HasPrefix(got, "total 2.1.0 crash, total 2.1.0 handled, ") {
		t.Errorf("%s, without the defaults %s", got, want)
	}
}

// TestSearchUnknownField: what the original refused in groups is allowed; what it did not know begins as it did there.
func TestSearchUnknownField(t *testing.T) {
	t.Parallel()
	w := market(t)
	w.call("GET", "~/errors/errorGroups/search?filter=deviceName%20eq%20'x'").want(400, `"code":"BadRequest"`, `"message":"Cannot filter on the deviceName field`)
	w.call("GET", "~/errors/search?filter=nothing%20eq%20'x'").want(400, `"code":"BadRequest"`, `"message":"Cannot filter on the nothing field`)
	w.call("GET", "~/errors/errorGroups/search?filter=appVersion%20eq%20'2.1.0'%20and%20lastOccurrence%20gt%202024-01-01").want(200)
}

// TestSearchFilterWithText: together they failed in the original; here both must hold.
func TestSearchFilterWithText(t *testing.T) {
	t.Parallel()
	w := market(t)
	if got := w.search("?q=nokia&filter=userId%20eq%20'bob'").names(); got != "7" {
		t.Error(got)
	}
	if got := w.searchGroups("?q=nokia&filter=exceptionMethod%20eq%20'pay'").names(); got != "pay 2.1.0 crash" {
		t.Error(got)
	}
}

// TestSearchWholeRetention: a report of any age is found.
func TestSearchWholeRetention(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1, at: today.AddDate(-3, 0, 0)}.log())
	if got := w.search("?q=total").names(); got != "1" {
		t.Error(got)
	}
}

// TestSearchHostile: nothing that a client sends is our fault.
func TestSearchHostile(t *testing.T) {
	t.Parallel()
	w := market(t)
	values := []string{
		"", " ", "'", "''", `"`, `""`, "*", "a*", "\x00", "\xff\xfe", "%", "_", "\\", "NEAR(a b)", "a AND", "OR", "NOT x", "doc:a", "^a", "a - b", "(", ")", "))((",
		"\ue000", "\ue0010", "\U0010ffff", "ﬀ", "İ", strings.Repeat("a", 1000), strings.Repeat("ab ", 20), strings.Repeat("'", 999), "-1", "0", "4294967296u", "1e9",
		"x' or 1 eq 1", "exceptionMethod eq 'x'; drop table report", "exceptionMethod eq '\x00'", "contains(exceptionMessage, '%')", "contains(userId,'\"')", "not (userId ne null)",
		"startswith(deviceName, 'P')", "endswith(deviceName, 'x')", "osVersion gt '\ue000'", "errorId in (null)", "installId eq null", "errorGroupId eq null", "state in (null, 'closed')",
		"timestamp lt 9999-12-31", "timestamp ge 0001-01-01", "timestamp le 2262-04-11T23:47:16.854775807Z", "exceptionLine ge -9223372036854775808",
	}
	for _, v := range values {
		for _, name := range []string{"q", "filter", "order", "sort", "$top", "$skip"} {
			for _, path := range []string{"~/errors/search?", "~/errors/errorGroups/search?"} {
				if a := w.call("GET", path+url.QueryEscape(name)+"="+url.QueryEscape(v)); a.status != 200 && a.status != 400 {
					t.Errorf("%s%s=%q: status %d: %s", path, name, v, a.status, a.body)
				}
			}
		}
	}
	var sorts []string
	for _, s := range []string{"timestamp", "errorGroupId", "exceptionClassName", "exceptionFile", "exceptionLine", "exceptionMessage", "exceptionMethod", "deviceName", "osVersion", "USERID"} {
		up, down := w.search("?order=asc&sort="+s).names(), w.search("?order=DESC&sort="+s).names()
		list := strings.Split(up, ", ")
		slices.Reverse(list)
		if strings.Join(list, ", ") != down {
			t.Errorf("sort %s: rising %s, falling %s", s, up, down)
		}
		sorts = append(sorts, up)
	}
	if len(sorts) != 10 {
		t.Error(sorts)
	}
}
