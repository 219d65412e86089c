package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
)

const (
	otherInstall = diag.InstallID("22222222-2222-3333-4444-555555555555") // of shop's second device
	idle         = diag.InstallID("33333333-2222-3333-4444-555555555555")
)

// counts reads numbers per day: the first day, then numbers, then the sum.
func (w *world) counts(path string) string {
	w.Helper()
	var c struct {
		Count  *int64
		Errors []struct {
			Datetime string
			Count    int64
		}
	}
	w.call("GET", path).want(200).into(&c)
	var b strings.Builder
	for i, e := range c.Errors {
		if i == 0 {
			b.WriteString(e.Datetime)
		}
		at, err := time.Parse("2006-01-02T15:04:05Z", e.Datetime)
		first, _ := time.Parse("2006-01-02T15:04:05Z", c.Errors[0].Datetime)
		if err != nil || !at.Equal(first.AddDate(0, 0, i)) {
			w.Errorf("%s: entry %d is of %s", path, i, e.Datetime)
		}
		fmt.Fprint(&b, " ", e.Count)
	}
	return fmt.Sprint(b.String(), " = ", *c.Count)
}

// percentages reads percentages per day in the same way.
func (w *world) percentages(path string) string {
	w.Helper()
	var c struct {
		AveragePercentage *float64
		DailyPercentages  []struct {
			Datetime   string
			Percentage float64
		}
	}
	w.call("GET", path).want(200).into(&c)
	var b strings.Builder
	for i, e := range c.DailyPercentages {
		if i == 0 {
			b.WriteString(e.Datetime)
		}
		fmt.Fprintf(&b, " %.4g", e.Percentage)
	}
	return fmt.Sprintf("%s, on average %.4g", b.String(), *c.AveragePercentage)
}

// TestCountsPerDay: today is May 10; shop has reports on May 8 and 9.
func TestCountsPerDay(t *testing.T) {
	t.Parallel()
	w := shop(t)
	for query, want := range map[string]string{
		"?errorType=unhandledError": "2024-05-08T00:00:00Z 2 4 0 = 6",
		"":                          "2024-05-09T00:00:00Z 2 0 = 2",
		"?errorType=HandledError":   "2024-05-09T00:00:00Z 2 0 = 2",
		"?errorType=unhandled&start=2024-05-07&end=2024-05-09":                 "2024-05-07T00:00:00Z 0 2 = 2",
		"?errorType=unhandled&start=2024-05-09&end=2024-05-09T00:00:00.000001": "2024-05-09T00:00:00Z 4 = 4",
		"?errorType=unhandled&start=2024-05-09T23:00:00%2B02:00":               "2024-05-09T00:00:00Z 4 0 = 4",
		"?errorType=unhandled&start=2024-05-09T23:00:00-02:00":                 "2024-05-10T00:00:00Z 0 = 0",
		"?errorType=unhandled&start=2024-05-09&end=2024-05-09":                 " = 0",
		"?errorType=unhandled&start=2024-05-10&end=2024-05-09":                 " = 0",
		"?errorType=unhandled&version=2.0.0":                                   "2024-05-08T00:00:00Z 1 0 0 = 1",
		"?errorType=unhandled&version=2.1.0&app_build=211":                     "2024-05-09T00:00:00Z 1 0 = 1",
		"?errorType=unhandled&app_build=200":                                   "2024-05-08T00:00:00Z 1 0 0 = 1",
		"?errorType=unhandled&version=none":                                    "2024-05-10T00:00:00Z 0 = 0",
	} {
		if got := w.counts("~/errors/errorCountsPerDay" + query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	golden(w.call("GET", "~/errors/errorCountsPerDay?errorType=unhandledError"), "countsperday")
}

// TestManyDays: a range is cut where it begins, and where no device's clock can be.
func TestManyDays(t *testing.T) {
	t.Parallel()
	w := shop(t)
	for query, want := range map[string]struct {
		days        int
		first, last string
	}{
		"start=0001-01-01":                {1000, "2021-08-15T00:00:00Z", "2024-05-10T00:00:00Z"},
		"start=0001-01-01&end=9999-12-31": {1000, "2021-08-18T00:00:00Z", "2024-05-13T00:00:00Z"},
		"start=2024-05-10&end=9999-12-31": {4, "2024-05-10T00:00:00Z", "2024-05-13T00:00:00Z"},
		"start=1970-01-02&end=1970-01-02": {0, "", ""},
		"start=9999-12-31":                {0, "", ""},
	} {
		for _, path := range []string{"errorCountsPerDay?errorType=unhandled&", "errorfreeDevicePercentages?", "errorGroups/" + w.groups("").ErrorGroups[0].ID + "/errorCountsPerDay?"} {
			var c struct{ Errors, DailyPercentages []struct{ Datetime string } }
			w.call("GET", "~/errors/"+path+query).want(200).into(&c)
			all := append(c.Errors, c.DailyPercentages...)
			if len(all) != want.days || len(all) > 0 && (all[0].Datetime != want.first || all[len(all)-1].Datetime != want.last) {
				t.Errorf("%s%s: %d days", path, query, len(all))
			}
		}
	}
	// A device whose clock is ahead shows in an open range, too.
	w.send(spec{n: 60, at: today.Add(48 * time.Hour)}.log())
	if got, want := w.counts("~/errors/errorCountsPerDay?errorType=unhandled"), "2024-05-08T00:00:00Z 2 4 0 0 1 = 7"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestLateReports: a report counts on its own day whenever it comes, and once however often.
func TestLateReports(t *testing.T) {
	t.Parallel()
	w := shop(t)
	late := spec{n: 50, at: today.AddDate(0, 0, -20)}
	w.send(late.log(), spec{n: 1, at: today}.log())
	w.send(late.log())
	if got, want := w.counts("~/errors/errorCountsPerDay?errorType=unhandled&end=2024-04-23"), "2024-04-20T00:00:00Z 1 0 0 = 1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := w.counts("~/errors/errorCountsPerDay?errorType=unhandled&start=2024-05-08"), "2024-05-08T00:00:00Z 2 4 0 = 6"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestQ23CountsErrorType: lists know both kinds, numbers per day handled errors unless asked otherwise.
func TestQ23CountsErrorType(t *testing.T) {
	t.Parallel()
	w := shop(t)
	for _, path := range []string{"available_versions", "availableAppBuilds"} {
		if all, none := w.call("GET", "~/errors/"+path+"?errorType=all").body, w.call("GET", "~/errors/"+path).body; all != none {
			t.Errorf("%s: %s and %s", path, all, none)
		}
	}
	for _, path := range []string{"errorCountsPerDay", "errorfreeDevicePercentages"} {
		if handled, none := w.call("GET", "~/errors/"+path+"?errorType=handledError").body, w.call("GET", "~/errors/"+path).body; handled != none {
			t.Errorf("%s: %s and %s", path, handled, none)
		}
		w.call("GET", "~/errors/"+path+"?errorType=all").want(400)
	}
}

// TestQ24Percentages: two devices crash, one more only works.
func TestQ24Percentages(t *testing.T) {
	t.Parallel()
	w := shop(t)
	w.sendTo(&w.app, idle, event(1, time.Date(2024, 5, 9, 5, 0, 0, 0, time.UTC)), event(2, time.Date(2024, 5, 7, 5, 0, 0, 0, time.UTC)))
	for query, want := range map[string]string{
		"?errorType=unhandledError": "2024-05-07T00:00:00Z 100 0 33.33 100, on average 44.44",
		"":                          "2024-05-07T00:00:00Z 100 100 66.67 100, on average 88.89",
		"?errorType=unhandled&start=2024-05-09&end=2024-05-10":       "2024-05-09T00:00:00Z 33.33, on average 33.33",
		"?errorType=unhandled&versions=2.0.0":                        "2024-05-08T00:00:00Z 0 100 100, on average 0",
		"?errorType=unhandled&versions=2.0.0|2.1.0":                  "2024-05-07T00:00:00Z 100 0 33.33 100, on average 44.44",
		"?errorType=unhandled&app_build=211":                         "2024-05-09T00:00:00Z 0 100, on average 0",
		"?errorType=unhandled&versions=3.0.0":                        "2024-05-10T00:00:00Z 100, on average 100",
		"?errorType=unhandled&start=2024-05-10":                      "2024-05-10T00:00:00Z 100, on average 100",
		"?errorType=unhandled&start=2024-05-10&end=2024-05-10":       ", on average 100",
		"?errorType=unhandled&versions=2.0.0%7C2.1.0&end=2024-05-09": "2024-05-07T00:00:00Z 100 0, on average 50",
	} {
		if got := w.percentages("~/errors/errorfreeDevicePercentages" + query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	group := ""
	for _, g := range w.groups("").ErrorGroups {
		if g.Method == "pay" {
			group = g.ID
		}
	}
	for query, want := range map[string]string{
		"":                                 "2024-05-08T00:00:00Z 0 100 100, on average 50",
		"?start=2024-05-09&end=2024-05-10": "2024-05-09T00:00:00Z 100, on average 100",
	} {
		if got := w.percentages("~/errors/errorGroups/" + group + "/errorfreeDevicePercentages" + query); got != want {
			t.Errorf("of a group, %s: %s, want %s", query, got, want)
		}
	}
}

func TestQ24Rule(t *testing.T) {
	t.Parallel()
	day := func(active, failed int64) contract.DayDevices {
		return contract.DayDevices{Active: active, Failed: failed}
	}
	for _, c := range []struct {
		days    []contract.DayDevices
		average float64
		daily   []float64
	}{
		{nil, 100, nil},
		{[]contract.DayDevices{day(0, 0)}, 100, []float64{100}},
		{[]contract.DayDevices{day(4, 1), day(0, 0), day(2, 2)}, 37.5, []float64{75, 100, 0}},
		{[]contract.DayDevices{day(4, 5), day(4, 2)}, 50, []float64{-1, 50}},
		{[]contract.DayDevices{day(0, 1)}, -1, []float64{-1}},
		{[]contract.DayDevices{day(0, 1), day(0, 0)}, -1, []float64{-1, 100}},
	} {
		e := contract.NewErrorFree(c.days)
		var daily []float64
		for _, d := range e.DailyPercentages {
			daily = append(daily, d.Percentage)
		}
		if e.AveragePercentage != c.average || !slices.Equal(daily, c.daily) {
			t.Errorf("%v: %v", c.days, e)
		}
	}
}

// TestQ25ErrorCount: beside some of the models and systems stands the number of the whole group.
func TestQ25ErrorCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 6 {
		w.send(spec{n: i, model: fmt.Sprint("Model ", min(i, 2)), os: fmt.Sprint(10 + i%2)}.log())
	}
	group := "~/errors/errorGroups/" + w.groups("").ErrorGroups[0].ID
	golden(w.call("GET", group+"/models?$top=2"), "models")
	golden(w.call("GET", group+"/operatingSystems?top=1"), "systems")
	w.call("GET", group+"/models?$top=10000").want(200, `"errorCount":1}]}`) // Q37
	w.call("GET", group+"/operatingSystems?$top=0").want(200, "Android 10", "Android 11")
}

func TestGroupCountsPerDay(t *testing.T) {
	t.Parallel()
	w := shop(t)
	group := "~/errors/errorGroups/" + w.groups("").ErrorGroups[0].ID + "/errorCountsPerDay"
	for query, want := range map[string]string{
		"":                                 "2024-05-09T00:00:00Z 4 0 = 4",
		"?version=2.1.0&start=2024-05-08":  "2024-05-08T00:00:00Z 0 4 0 = 4",
		"?version=2.0.0&start=2024-05-09":  "2024-05-09T00:00:00Z 0 0 = 0",
		"?start=2024-05-08&end=2024-05-09": "2024-05-08T00:00:00Z 0 = 0",
	} {
		if got := w.counts(group + query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

func TestVersionsAndBuilds(t *testing.T) {
	t.Parallel()
	w := shop(t)
	w.send(spec{n: 30, version: "2.10.0", build: "1000", at: today}.log(), spec{n: 31, version: "2.9", build: "999", kind: "handledError"}.log())
	for query, want := range map[string]string{
		"":                                  `{"versions":["2.10.0","2.9","2.1.0","2.0.0"],"total_count":4}`,
		"?$top=2&$inlinecount=allpages":     `{"versions":["2.10.0","2.9"],"total_count":4}`,
		"?$top=2&$skip=3&$inlinecount=NONE": `{"versions":["2.0.0"],"total_count":4}`,
		"?%24skip=99999999999999999999999":  `{"versions":[],"total_count":4}`,
		"?errorType=handledError":           `{"versions":["2.9","2.1.0"],"total_count":2}`,
		"?end=2024-05-09":                   `{"versions":["2.1.0","2.0.0"],"total_count":2}`,
		"?start=2024-05-10":                 `{"versions":["2.10.0"],"total_count":1}`,
		"?$filter=startswith(version,'2.1') and not (version eq '2.1.0')": `{"versions":["2.10.0"],"total_count":1}`,
		"?$filter=VERSION eq '2.9'&$top=0":                                `{"versions":["2.9"],"total_count":1}`,
	} {
		if a := w.call("GET", "~/errors/available_versions"+strings.ReplaceAll(query, " ", "%20")).want(200); a.body != want {
			t.Errorf("%s: %s, want %s", query, a.body, want)
		}
	}
	for query, want := range map[string]string{
		"":                                      `["1000","999","211","210","200"]`,
		"?version=2.1.0":                        `["211","210"]`,
		"?version=2.1.0&$top=1":                 `["211"]`,
		"?version=none":                         `[]`,
		"?errorType=handledError":               `["999","210"]`,
		"?version=2.9&errorType=unhandlederror": `[]`,
		"?start=2024-05-10":                     `["1000"]`,
	} {
		want = `{"appBuilds":` + want + `,"app_builds":` + want + `}`
		if a := w.call("GET", "~/errors/availableAppBuilds"+query).want(200); a.body != want {
			t.Errorf("%s: %s, want %s", query, a.body, want)
		}
	}
}

// TestQ36Versions: a bar that stands literally separates, one that is encoded is part of a version if another
// stands literally.
func TestQ36Versions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := time.Date(2024, 5, 9, 1, 0, 0, 0, time.UTC)
	w.send(spec{n: 1, version: "1|2", at: at}.log())
	w.sendTo(&w.app, otherInstall, spec{n: 2, version: "3 4", at: at}.log())
	w.sendTo(&w.app, idle, event(1, at)) // 2.1.0
	for versions, want := range map[string]string{
		"1%7C2|3%204":               "0",
		"1%7C2|none":                "0",
		"none|3+4":                  "0",
		"3%204":                     "0",
		"1%7C2":                     "100",   // read as 1 and 2
		"|":                         "33.33", // nothing is asked for
		"2.1.0|":                    "100",
		"none&versions=2.1.0|1%7C2": "50",
		"2.1.0%7C3%204":             "50",
	} {
		want = "2024-05-09T00:00:00Z " + want + ", on average " + want
		if got := w.percentages("~/errors/errorfreeDevicePercentages?errorType=unhandled&start=2024-05-09&end=2024-05-10&versions=" + versions); got != want {
			t.Errorf("%s: %s, want %s", versions, got, want)
		}
	}
	w.call("GET", "~/errors/errorfreeDevicePercentages?versions="+strings.Repeat("a|", 1001)).want(400, "at most 1000")
}

// TestQ39Numbers: what cannot be meant is 400, groups nobody knows are 404.
func TestQ39Numbers(t *testing.T) {
	t.Parallel()
	w := shop(t)
	group := "errorGroups/" + w.groups("").ErrorGroups[0].ID
	for _, path := range []string{
		"errorCountsPerDay?start=x", "errorCountsPerDay?end=2024-02-30", "errorCountsPerDay?errorType=x", "errorfreeDevicePercentages?start=x", "errorfreeDevicePercentages?errorType=both",
		"available_versions?$top=x", "available_versions?$skip=-1", "available_versions?$skip=x", "available_versions?$inlinecount=some", "available_versions?errorType=x", "available_versions?start=x",
		"available_versions?$filter=version", "available_versions?$filter=name%20eq%20%27a%27", "availableAppBuilds?$top=-1", "availableAppBuilds?end=x", "availableAppBuilds?errorType=x",
		group + "/models?$top=x", group + "/operatingSystems?top=1.5", group + "/errorCountsPerDay?start=x", group + "/errorfreeDevicePercentages?end=x",
	} {
		w.call("GET", "~/errors/"+path).want(400, `"code":"BadRequest"`)
	}
	w.call("GET", "~/errors/available_versions?$filter=name%20eq%20%27a%27").want(400, "Cannot filter on the")
	for _, path := range []string{"/models", "/operatingSystems", "/errorCountsPerDay", "/errorfreeDevicePercentages", "/errors/latest"} {
		w.call("GET", "~/errors/errorGroups/1u"+path).want(404, `"code":"NotFound"`)
		w.call("GET", "~/errors/errorGroups/x"+path).want(404, `"code":"NotFound"`)
		w.call("GET", "~/errors/"+group+path+"?nothing=x").want(200)
	}
}

func TestLatestReport(t *testing.T) {
	t.Parallel()
	w := shop(t)
	group := "~/errors/errorGroups/" + w.groups("").ErrorGroups[0].ID
	var list reportList
	w.call("GET", group+"/errors?$top=1").into(&list)
	latest := w.call("GET", group+"/errors/latest").want(200)
	if one := w.call("GET", group+"/errors/"+list.Errors[0].ID); latest.body != one.body {
		t.Errorf("the latest is %s, the first of the list %s", latest.body, one.body)
	}
}

func TestReleases(t *testing.T) {
	t.Parallel()
	w := shop(t)
	golden(w.call("GET", "~/releases"), "releases")
	if recent := w.call("GET", "~/recent_releases").want(200); recent.body != w.call("GET", "~/releases").body {
		t.Error(recent.body)
	}
	w.call("POST", "~/analytics/distribution/release_counts", `{"releases":[{"release":"7","distribution_group":"all"}]}`).
		want(200, `{"total":0,"counts":[{"release_id":"7","distribution_group":"all","unique_count":0,"total_count":0}]}`)
	w.call("POST", "~/analytics/distribution/release_counts").want(200, `"counts":[]`)
	w.call("POST", "~/analytics/distribution/release_counts", `{"releases":"all"}`).want(400)
	w.call("POST", "~/analytics/distribution/release_counts", `{"releases":[`+strings.Repeat(`{},`, 1000)+`{}]}`).want(400)
	empty := newWorld(t)
	if a := empty.call("GET", "~/releases").want(200); a.body != "[]" {
		t.Error(a.body)
	}
}

// TestRecordedOrder: members of a group come in the order and are there as they were recorded.
func TestRecordedOrder(t *testing.T) {
	t.Parallel()
	w := shop(t)
	w.send(strings.Replace(spec{n: 70, version: "9"}.log(), `"className":"com.acme.shop.Cart","methodName":"total","fileName":"Cart.java","lineNumber":42`, ``, 1))
	var list struct{ ErrorGroups []json.RawMessage }
	w.call("GET", "~/errors/errorGroups").into(&list)
	order := []string{"errorGroupId", "appVersion", "appBuild", "count", "deviceCount", "firstOccurrence", "lastOccurrence", "exceptionType", "exceptionMessage",
		"exceptionClassName", "exceptionClassMethod", "exceptionMethod", "exceptionAppCode", "exceptionFile", "exceptionLine", "codeRaw", "state"}
	optional := map[string]bool{"exceptionClassName": true, "exceptionMethod": true, "exceptionFile": true, "exceptionLine": true}
	for _, raw := range list.ErrorGroups {
		d := json.NewDecoder(strings.NewReader(string(raw)))
		var got []string
		var have map[string]any
		if err := json.Unmarshal(raw, &have); err != nil {
			t.Fatal(err)
		}
		for depth := 0; d.More() || depth == 0; depth++ {
			token, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			if name, ok := token.(string); ok && len(got) < len(have) && depth%2 == 1 {
				got = append(got, name)
			}
		}
		want := slices.DeleteFunc(slices.Clone(order), func(name string) bool { _, ok := have[name]; return !ok && optional[name] })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", raw, diff)
		}
		if _, text := have["exceptionLine"].(string); have["exceptionLine"] != nil && !text {
			t.Errorf("exceptionLine is no text: %s", raw)
		}
	}
}

// FuzzQuery throws values at every call that reads dates, lists and numbers: 200 or 400, and entries in order.
func FuzzQuery(f *testing.F) {
	w := shop(f)
	group := "errorGroups/" + w.groups("").ErrorGroups[0].ID
	paths := []string{"errorGroups", group + "/errors", group + "/models", group + "/errorCountsPerDay", group + "/errorfreeDevicePercentages", "errorCountsPerDay",
		"errorfreeDevicePercentages", "available_versions", "availableAppBuilds", "search", "errorGroups/search"}
	for i, q := range []map[string]string{
		{"start": "2024-05-01T00:00:00.123456789Z", "end": "2024-05-10"}, {"start": "2024-05-01T10:00:00 02:00"}, {"start": "-292277022399-01-01"}, {"end": "0000-00-00"},
		{"$top": "0"}, {"top": "99999999999999999999"}, {"$skip": "1e3"}, {"versions": "a|b%7C|%"}, {"versions": "||"}, {"$filter": "version eq null"}, {"start": "2262-04-11T23:47:16.854775807Z"},
		{"start": "1677-09-21T00:12:43.145224192Z", "end": "1677-09-22"}, {"filter": "exceptionMethod eq 'pay' or not contains(userId,'\xff')"}, {"filter": "timestamp ge 2024-05-09T00:00:00 02:00"},
		{"q": "a \" * NEAR( -b"}, {"q": "\x00\u202e"}, {"sort": "userId", "order": "asc"}, {"$orderby": "devices desc,count"}, {"groupState": "open|Closed,"}, {"$token": "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
	} {
		for key, value := range q {
			f.Add(i, key, value, "", "")
			f.Add(i+3, key, value, "end", value)
			f.Add(9, key, value, "q", value)
			f.Add(10, key, value, "filter", value)
		}
	}
	f.Fuzz(func(t *testing.T, i int, key, value, key2, value2 string) {
		path := paths[uint(i)%uint(len(paths))]
		query := url.Values{key: {value}}
		if key2 != "" {
			query.Add(key2, value2)
		}
		a := w.serve(t, "GET", "/v0.1/apps/acme/Shop/errors/"+path, query.Encode())
		if a.status != 200 && a.status != 400 {
			t.Errorf("%s?%s: status %d %s", path, query.Encode(), a.status, a.body)
		}
		var days struct{ Errors, DailyPercentages []struct{ Datetime string } }
		if a.status != 200 || !strings.Contains(path, "Per") {
			return
		}
		if err := json.Unmarshal([]byte(a.body), &days); err != nil {
			t.Fatal(err)
		}
		if all := append(days.Errors, days.DailyPercentages...); len(all) > 1000 || !slices.IsSortedFunc(all, func(a, b struct{ Datetime string }) int { return strings.Compare(a.Datetime, b.Datetime) }) {
			t.Errorf("%s?%s: %d days", path, query.Encode(), len(all))
		}
	})
}
