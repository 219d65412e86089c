package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/api"
	"lifeboat/internal/diag"
)

// logged is a log of use; zero fields have defaults.
type logged struct {
	n          int
	kind       string // event
	name       string // tap, of events
	at         time.Time
	session    string
	version    string
	build      string
	model      string
	locale     string
	country    string
	properties string // JSON of typedProperties
}

func (l logged) log() string {
	for _, d := range []struct {
		field *string
		value string
	}{{&l.kind, "event"}, {&l.name, "tap"}, {&l.version, "2.1.0"}, {&l.build, "210"}, {&l.model, "Pixel 8"}, {&l.locale, "sv_SE"}, {&l.country, "SE"}, {&l.properties, "[]"}} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	sid := ""
	if l.session != "" {
		sid = fmt.Sprintf(`"sid":%q,`, guid(l.session, 0))
	}
	return fmt.Sprintf(`{"type":%q,"id":%q,"timestamp":%q,%s"name":%q,"typedProperties":%s,"device":{"sdkName":"appcenter.android","sdkVersion":"5.0.6","model":%q,"osName":"Android","osVersion":"14","locale":%q,"carrierCountry":%q,"timeZoneOffset":60,"appVersion":%q,"appBuild":%q}}`,
		l.kind, guid("use", l.n), l.at.Format("2006-01-02T15:04:05.000Z"), sid, l.name, l.properties, l.model, l.locale, l.country, l.version, l.build)
}

func may(day, hour, second int) time.Time {
	return time.Date(2024, 5, day, hour, 0, second, 0, time.UTC)
}

// busy is an app with use: one install is there every day from May 8 on and is updated on May 9, another one
// only on May 9, and one whose clock is a month behind.
func busy(t testing.TB, change ...func(*api.Options)) *world {
	w := newWorld(t, change...)
	w.sendTo(&w.app, install,
		logged{n: 1, kind: "startSession", at: may(8, 9, 0), session: "a", version: "2.0.0", build: "200"}.log(),
		logged{n: 2, at: may(8, 9, 8), session: "a", version: "2.0.0", build: "200", properties: `[{"type":"string","name":"color","value":"red"}]`}.log(),
		logged{n: 3, at: may(9, 9, 0), version: "2.0.0", build: "200"}.log(),
		logged{n: 4, kind: "startSession", at: may(9, 10, 0), session: "b"}.log(),
		logged{n: 5, at: may(9, 10, 2), session: "b", properties: `[{"type":"string","name":"color","value":"red"},{"type":"long","name":"size","value":7}]`}.log(),
		logged{n: 6, at: may(9, 10, 3), session: "b", properties: `[{"type":"string","name":"color","value":"blue"}]`}.log(),
		logged{n: 7, name: "swipe", at: may(10, 8, 0)}.log(),
	)
	w.sendTo(&w.app, otherInstall, logged{n: 8, at: may(9, 20, 0), session: "c", model: "Nokia", locale: "de-DE", country: "DE"}.log(),
		logged{n: 8, at: may(9, 20, 0), session: "c", model: "Nokia", locale: "de-DE", country: "DE"}.log()) // sent twice
	w.sendTo(&w.app, idle, logged{n: 9, kind: "startSession", at: may(10, 0, 0).AddDate(0, -1, 0), session: "d", model: "Old"}.log())
	return w
}

// wantBody asks and compares the whole body.
func (w *world) wantBody(path, want string) {
	w.Helper()
	if a := w.call("GET", path).want(200); a.body != want {
		w.Errorf("%s:\n%s, want\n%s", path, a.body, want)
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	w := busy(t)
	w.wantBody("~/analytics/versions?start=2024-05-09&end=2024-05-10",
		`{"versions":[{"version":"2.1.0","count":2,"previous_count":0},{"version":"2.0.0","count":1,"previous_count":1}],"total":2}`)
	w.wantBody("~/analytics/versions/?start=2024-05-09&%24top=1", `{"versions":[{"version":"2.1.0","count":2,"previous_count":0}],"total":2}`)
	w.wantBody("~/analytics/versions?start=2024-05-09&versions=2.0.0", `{"versions":[{"version":"2.0.0","count":1,"previous_count":1}],"total":1}`)
	w.wantBody("~/analytics/models?start=2024-05-09T23:00:00Z&end=2024-05-10T00:00:01Z",
		`{"total":2,"models":[{"model_name":"Nokia","count":1,"previous_count":0},{"model_name":"Pixel 8","count":1,"previous_count":1}]}`)
	w.wantBody("~/analytics/models", `{"total":3,"models":[{"model_name":"Nokia","count":1,"previous_count":0},{"model_name":"Old","count":1,"previous_count":0},{"model_name":"Pixel 8","count":1,"previous_count":0}]}`)
	w.wantBody("~/analytics/places?start=2024-05-08&top=1", `{"total":2,"places":[{"code":"de","count":1,"previous_count":0}]}`)
	w.wantBody("~/analytics/languages?start=2024-05-08&versions=2.0.0|2.1.0",
		`{"total":2,"languages":[{"language_name":"de","count":1,"previous_count":0},{"language_name":"sv","count":1,"previous_count":0}]}`)
	w.wantBody("~/analytics/oses?start=2024-05-08&versions=2.0.0", `{"total":1,"oses":[{"os_name":"Android 14","count":1,"previous_count":0}]}`)
	for path, want := range map[string]string{
		"versions?start=2030-01-01":                  `{"versions":[],"total":0}`,
		"models?start=2024-05-09&end=2024-05-09":     `{"total":0,"models":[]}`,
		"oses?end=1601-01-01":                        `{"total":0,"oses":[]}`,
		"places?start=2024-05-09&versions=unheardof": `{"total":0,"places":[]}`,
	} {
		w.wantBody("~/analytics/"+path, want)
	}
}

// TestQ36: a bar that is part of a version is encoded, one between versions is not.
func TestQ36VersionsOfUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(logged{n: 1, at: may(9, 0, 0), version: "1|2"}.log(), logged{n: 2, at: may(9, 0, 0), version: "3"}.log(), logged{n: 3, at: may(9, 0, 0), version: "1"}.log())
	w.wantBody("~/analytics/versions?start=2024-05-09&versions=1%7C2|3",
		`{"versions":[{"version":"1|2","count":1,"previous_count":0},{"version":"3","count":1,"previous_count":0}],"total":1}`)
}

func TestActiveDevices(t *testing.T) {
	t.Parallel()
	w := busy(t)
	read := func(query string) string {
		w.Helper()
		var a struct {
			Daily, Weekly, Monthly []struct {
				Datetime string
				Count    int
			}
		}
		w.call("GET", "~/analytics/active_device_counts"+query).want(200).into(&a)
		var b strings.Builder
		for i := range a.Daily { // clients read all three by one index
			if a.Weekly[i].Datetime != a.Daily[i].Datetime || a.Monthly[i].Datetime != a.Daily[i].Datetime {
				t.Errorf("%s: entry %d is of several days", query, i)
			}
			fmt.Fprintf(&b, "%s %d/%d/%d ", a.Daily[i].Datetime[5:10], a.Daily[i].Count, a.Weekly[i].Count, a.Monthly[i].Count)
		}
		if len(a.Weekly) != len(a.Daily) || len(a.Monthly) != len(a.Daily) {
			t.Errorf("%s: lists of %d, %d and %d", query, len(a.Daily), len(a.Weekly), len(a.Monthly))
		}
		return strings.TrimSpace(b.String())
	}
	for query, want := range map[string]string{
		"?start=2024-05-08":                                     "05-08 1/1/2 05-09 2/2/3 05-10 1/2/2",
		"?start=2024-05-10&end=2030-01-01":                      "05-10 1/2/2 05-11 0/2/2 05-12 0/2/2 05-13 0/2/2",
		"?start=2024-05-08&versions=2.0.0":                      "05-08 1/1/1 05-09 1/1/1 05-10 0/1/1",
		"?start=2024-05-08&end=2024-05-10&versions=2.0.0|2.1.0": "05-08 1/1/2 05-09 2/2/3",
		"?start=2024-05-11":                                     "",
		// Q29: app_build is a build or a version.
		"?start=2024-05-08&end=2024-05-10&app_build=200":                  "05-08 1/1/1 05-09 1/1/1",
		"?start=2024-05-08&end=2024-05-10&app_build=2.1.0&versions=2.1.0": "05-08 0/0/1 05-09 2/2/3",
		"?start=2024-05-08&end=2024-05-10&app_build=200&versions=2.1.0":   "05-08 0/0/0 05-09 0/0/0",
		"?start=2024-05-08&end=2024-05-10&app_build=unheardof":            "05-08 0/0/0 05-09 0/0/0",
	} {
		if got := read(query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	if got := strings.Count(read(""), "/"); got != 2*366 {
		t.Errorf("%d entries without a start, want 366", got/2)
	}
	// A log comes late, of a day that is long counted.
	w.sendTo(&w.app, otherInstall, logged{n: 20, at: may(8, 23, 59)}.log())
	if got := read("?start=2024-05-08"); got != "05-08 2/2/3 05-09 2/2/3 05-10 1/2/2" {
		t.Error(got)
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	w := busy(t)
	w.wantBody("~/analytics/session_counts?start=2024-05-08&interval=P1D",
		`[{"datetime":"2024-05-08T00:00:00Z","count":1},{"datetime":"2024-05-09T00:00:00Z","count":1},{"datetime":"2024-05-10T00:00:00Z","count":0}]`)
	w.wantBody("~/analytics/session_counts?start=2024-05-01&interval=p1w&versions=2.0.0",
		`[{"datetime":"2024-05-01T00:00:00Z","count":0},{"datetime":"2024-05-08T00:00:00Z","count":1}]`)
	w.wantBody("~/analytics/session_counts?start=2024-04-10&interval=P30D",
		`[{"datetime":"2024-04-10T00:00:00Z","count":3},{"datetime":"2024-05-10T00:00:00Z","count":0}]`)
	w.wantBody("~/analytics/session_counts?start=2030-04-10&interval=P30D", `[]`)
	w.wantBody("~/analytics/session_durations_distribution?start=2024-05-09",
		`{"distribution":[{"bucket":"0s-3s","count":0},{"bucket":"3s-10s","count":1},{"bucket":"10s-30s","count":0},{"bucket":"30s-1m0s","count":0},{"bucket":"1m0s-3m0s","count":0},{"bucket":"3m0s-10m0s","count":0},{"bucket":"10m0s-30m0s","count":0},{"bucket":"30m0s-","count":0}],"previous_average_duration":"PT8S","average_duration":"PT3S"}`)
	if a := w.call("GET", "~/analytics/session_durations_distribution?start=2031-05-09").want(200); !strings.Contains(a.body, `"previous_average_duration":"PT0S","average_duration":"PT0S"`) {
		t.Error(a.body)
	}
	w.wantBody("~/analytics/sessions_per_device?start=2024-05-08&end=2024-05-10&interval=P1D",
		`{"average_sessions_per_user":1,"previous_average_sessions_per_user":0,"total_count":2,"previous_total_count":0,"sessions_per_user":[{"datetime":"2024-05-08T00:00:00Z","count":1},{"datetime":"2024-05-09T00:00:00Z","count":0.5}]}`)

	// The last log of a session comes when it is long counted.
	w.send(logged{n: 30, at: may(9, 10, 59), session: "b"}.log())
	if a := w.call("GET", "~/analytics/session_durations_distribution?start=2024-05-09").want(200); !strings.Contains(a.body, `"average_duration":"PT59S"`) {
		t.Error(a.body)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	w := busy(t)
	tap := `{"id":"tap","name":"tap","device_count":2,"previous_device_count":1,"count":4,"previous_count":1,"count_per_device":2,"count_per_session":2}`
	swipe := `{"id":"swipe","name":"swipe","device_count":1,"previous_device_count":0,"count":1,"previous_count":0,"count_per_device":1,"count_per_session":0}`
	for query, want := range map[string]string{
		"?start=2024-05-09&%24top=200&%24orderby=count%20desc&%24skip=0&%24inlinecount=allpages": tap + "," + swipe,
		"?start=2024-05-09&$orderby=name":                                      swipe + "," + tap,
		"?start=2024-05-09&$orderby=deviceCount%20asc,name":                    swipe + "," + tap,
		"?start=2024-05-09&top=1":                                              tap,
		"?start=2024-05-09&$skip=1":                                            swipe,
		"?start=2024-05-09&$skip=7":                                            "",
		"?start=2024-05-09&event_name=swipe|unheardof&$orderby=devices%20desc": swipe,
		"?start=2024-05-09&event_name=unheardof":                               "",
	} {
		total := 2
		if strings.Contains(query, "event_name") {
			total = strings.Count(want, "id")
		}
		w.wantBody("~/analytics/events"+query, fmt.Sprintf(`{"events":[%s],"total":%d,"total_devices":2}`, want, total))
	}
	w.wantBody("~/analytics/events?start=2031-05-09", `{"events":[],"total":0,"total_devices":0}`)
	w.wantBody("~/analytics/events/tap/properties", `{"event_properties":["color","size"]}`)
	w.wantBody("~/analytics/events/swipe/properties", `{"event_properties":[]}`)
	w.wantBody("~/analytics/events/tap/properties/color/counts?start=2024-05-09",
		`{"total":2,"values":[{"name":"blue","count":1,"previous_count":0},{"name":"red","count":1,"previous_count":1}]}`)
	w.wantBody("~/analytics/events/tap/properties/color/counts?start=2024-05-08&$top=1&versions=2.0.0",
		`{"total":1,"values":[{"name":"red","count":1,"previous_count":0}]}`)
	w.wantBody("~/analytics/events/tap/properties/unheardof/counts?start=2024-05-08", `{"total":0,"values":[]}`)
	w.wantBody("~/analytics/events/tap/event_count?start=2024-05-09",
		`{"total_count":4,"previous_total_count":1,"count":[{"datetime":"2024-05-09T00:00:00Z","count":4},{"datetime":"2024-05-10T00:00:00Z","count":0}]}`)
	w.wantBody("~/analytics/events/tap/device_count?start=2024-05-09&end=2024-05-10",
		`{"total_devices":2,"total_devices_with_event":2,"previous_total_devices_with_event":1,"devices_count":[{"datetime":"2024-05-09T00:00:00Z","count":2}]}`)
	w.wantBody("~/analytics/events/tap/count_per_device?start=2024-05-09&end=2024-05-10",
		`{"avg_count_per_device":2,"previous_avg_count_per_device":1,"count_per_device":[{"datetime":"2024-05-09T00:00:00Z","count":2}]}`)
	w.wantBody("~/analytics/events/tap/count_per_session?start=2024-05-09&end=2024-05-10",
		`{"avg_count_per_session":2,"previous_avg_count_per_session":1,"count_per_session":[{"datetime":"2024-05-09T00:00:00Z","count":2}]}`)
	for _, path := range []string{"properties", "properties/color/counts", "event_count", "device_count", "count_per_device", "count_per_session?start=2031-01-01"} {
		w.call("GET", "~/analytics/events/unheardof/"+path).want(404)
	}
}

func TestDeleteEvent(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"events", "event_logs"} {
		w := busy(t)
		viewer := w.tokenOf(w.ann, 0, "viewer")
		w.callAs(viewer, "DELETE", "~/analytics/"+path+"/tap").want(403)
		if a := w.call("DELETE", "~/analytics/"+path+"/tap").want(200); a.body != "" {
			t.Error(a.body)
		}
		w.call("DELETE", "~/analytics/"+path+"/tap").want(404)
		w.call("DELETE", "~/analytics/"+path+"/unheardof").want(404)
		w.call("GET", "~/analytics/events/tap/properties").want(404)
		if a := w.call("GET", "~/analytics/events?start=2024-05-01").want(200); strings.Contains(a.body, `"tap"`) || !strings.Contains(a.body, `"total":1`) {
			t.Error(a.body)
		}
		w.clock.Pass(time.Second)
		w.send(logged{n: 40, at: may(10, 9, 0)}.log())
		if a := w.call("GET", "~/analytics/events?start=2024-05-01&event_name=tap").want(200); !strings.Contains(a.body, `"count":1,`) {
			t.Error(a.body)
		}
	}
}

func TestAnalyticsRefuses(t *testing.T) {
	t.Parallel()
	w := busy(t)
	for _, path := range []string{
		"versions?start=yesterday", "models?end=2024-13-01", "places?$top=many", "events?$skip=-1", "events?$inlinecount=all", "events?$orderby=price",
		"events?$orderby=count%20sideways", "events?$orderby=" + url.QueryEscape(strings.Repeat("name,", 20)), "active_device_counts?start=x",
		"session_counts?interval=PT1H", "session_durations_distribution?end=x", "sessions_per_device?interval=x", "log_flow?start=now", "generic_log_flow?start=now",
		"events/tap/event_count?start=x", "events/tap/properties/color/counts?$top=x", "oses?versions=" + strings.Repeat("1|", 1500),
	} {
		w.call("GET", "~/analytics/"+path).want(400)
	}
}

// TestQ3ErrorForms: codes are words or numbers, as the calls document them.
func TestQ3ErrorForms(t *testing.T) {
	t.Parallel()
	w := busy(t)
	for path, want := range map[string]string{
		"~/analytics/versions?start=x":                 `"code":"BadRequest"|"error":{"code":400,`,
		"~/analytics/events/unheardof/properties":      `"code":"NotFound"|"error":{"code":400,`,
		"~/analytics/session_counts?interval=x":        `"code":"BadRequest"|"error":{"code":"BadRequest",`,
		"~/analytics/generic_log_flow?start=x":         `"error":{"code":"BadRequest",`,
		"/v0.1/apps/acme/unheardof/analytics/models":   `"statusCode":404|"error":{"code":400,`,
		"/v0.1/apps/acme/unheardof/webhooks":           `"statusCode":404|"code":404|"request_id":"|"error":{"code":"NotFound",`,
		"/v0.1/apps/acme/unheardof/bugtracker":         `"code":404|"request_id":"`,
		"/v0.1/apps/acme/unheardof/errors/errorGroups": `"error":{"code":"NotFound",`,
	} {
		a := w.call("GET", path)
		for part := range strings.SplitSeq(want, "|") {
			if !strings.Contains(a.body, part) {
				t.Errorf("%s: no %s in %s", path, part, a.body)
			}
		}
	}
	if a := w.callAs("", http.MethodGet, "~/analytics/versions"); !strings.Contains(a.body, `"error":{"code":400,`) || a.status != 401 {
		t.Error(a.status, a.body)
	}
	if a := w.callAs(w.tokenOf(w.ann, 0, "viewer"), http.MethodDelete, "~/analytics/events/tap"); !strings.Contains(a.body, `"error":{"code":403,`) {
		t.Error(a.body)
	}
}

type flow struct {
	More bool   `json:"exceeded_max_limit"`
	Last string `json:"last_received_log_timestamp"`
	Logs []struct {
		Type      string
		Timestamp string
		ID        string
		Name      string
		EventName string `json:"event_name"`
		SessionID string `json:"session_id"`
	}
}

// TestQ28LogFlow polls as the CLI does: with the time of the answer before.
func TestQ28LogFlow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	poll := func(start string) (f flow) {
		w.Helper()
		w.call("GET", "~/analytics/generic_log_flow"+start).want(200).into(&f)
		return f
	}
	if f := poll(""); len(f.Logs) != 0 || f.More || f.Last != "2024-05-09T23:59:59.999Z" {
		t.Errorf("nothing has come: %+v", f)
	}
	w.clock.Pass(time.Second)
	w.send(logged{n: 1, at: may(1, 0, 0)}.log(), logged{n: 2, at: may(10, 0, 0)}.log(), spec{n: 1}.log())
	f := poll("")
	if len(f.Logs) != 3 || f.Last != "2024-05-10T12:00:31.000Z" || f.Logs[0].Type != "error" || f.Logs[1].EventName != "tap" || f.Logs[1].Timestamp != "2024-05-01T00:00:00.000Z" {
		t.Errorf("first: %+v", f)
	}
	start := "?start=" + f.Last
	if f := poll(start); len(f.Logs) != 0 || f.Last != "2024-05-10T12:00:31.000Z" {
		t.Errorf("nothing new: %+v", f)
	}
	w.clock.Pass(time.Millisecond)
	w.send(logged{n: 2, at: may(10, 0, 0)}.log(), logged{n: 3, kind: "startSession", session: "s", at: may(10, 0, 1)}.log()) // the first is a copy
	if f := poll(start); len(f.Logs) != 1 || f.Logs[0].Type != "start_session" || f.Last != "2024-05-10T12:00:31.001Z" {
		t.Errorf("a millisecond later: %+v", f)
	}
	var typed flow
	w.call("GET", "~/analytics/log_flow"+start).want(200).into(&typed)
	if len(typed.Logs) != 1 || typed.Logs[0].SessionID != guid("s", 0) {
		t.Errorf("typed: %+v", typed)
	}
	typed = flow{}
	w.call("GET", "~/analytics/log_flow").want(200).into(&typed)
	byType := map[string]string{}
	for _, l := range typed.Logs {
		byType[l.Type] = l.ID + " " + l.Name
	}
	if byType["event"] != guid("use", 2)+" tap" || byType["error"] != crashID(1)+" " {
		t.Errorf("typed: %v", byType)
	}
}

// TestLogFlowPages: nothing is left out and nothing shown twice, however the logs lie.
func TestLogFlowPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := 0
	for round := range 30 {
		w.clock.Pass(time.Duration(1+round%3) * time.Millisecond)
		for range 1 + round%4 { // requests
			var logs []string
			for range 1 + round%11 {
				n++
				logs = append(logs, logged{n: n, at: may(10, 0, 0)}.log())
			}
			w.send(logs...)
		}
	}
	seen, start := map[string]bool{}, ""
	for page := 0; ; page++ {
		var f flow
		w.call("GET", "~/analytics/log_flow"+start).want(200).into(&f)
		for _, l := range f.Logs {
			if seen[l.ID] {
				t.Fatalf("page %d: a log twice", page)
			}
			seen[l.ID] = true
		}
		if len(f.Logs) > 100 || f.More && len(f.Logs) < 50 {
			t.Fatalf("page %d has %d logs", page, len(f.Logs))
		}
		if !f.More {
			break
		}
		start = "?start=" + f.Last
	}
	if len(seen) != n {
		t.Errorf("%d logs seen, want %d", len(seen), n)
	}
	// More than fit in one answer at once: the first ones, and that there were more.
	w.clock.Pass(time.Second)
	var logs []string
	for range 150 {
		n++
		logs = append(logs, logged{n: n, at: may(10, 0, 0)}.log())
	}
	w.send(logs...)
	var f flow
	w.call("GET", "~/analytics/log_flow?start="+diag.FormatMillis(w.clock.Now().Add(-time.Millisecond))).want(200).into(&f)
	if len(f.Logs) != 100 || !f.More {
		t.Errorf("%d logs of 150", len(f.Logs))
	}
}

func TestAudiences(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wantBody("~/analytics/audiences", `{"values":[]}`)
	w.wantBody("~/analytics/audiences/metadata/custom_properties", `{"values":{}}`)
	w.wantBody("~/analytics/audiences/metadata/device_properties", `{"values":{}}`)
}
