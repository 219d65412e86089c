package api_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/diag"
	"lifeboat/internal/report"
	"lifeboat/internal/wire"
)

// theGroup is the id of the only group.
func (w *world) theGroup() string {
	w.Helper()
	l := w.groups("")
	if len(l.ErrorGroups) != 1 {
		w.Fatalf("%d groups", len(l.ErrorGroups))
	}
	return l.ErrorGroups[0].ID
}

func TestReports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1, kind: "handledError", user: "ada"}.log(), spec{n: 2, kind: "handledError"}.log())
	w.send(event(1, time.Date(2024, 5, 9, 19, 37, 1, 0, time.UTC)), attach(1, crashID(2), "text/plain", "log.txt", []byte("hello")))
	group := "~/errors/errorGroups/" + w.theGroup()
	golden(w.call("GET", group+"/errors?$top=1"), "reports")
	golden(w.call("GET", group+"/errors/"+crashID(1)), "report")
	golden(w.call("GET", group+"/errors/"+crashID(1)+"/stacktrace"), "stacktrace")
	golden(w.call("GET", "~/errors/"+crashID(1)+"/session_logs"), "session_logs")
	golden(w.call("GET", "~/errors/"+crashID(2)+"/attachments"), "attachments")
	golden(w.call("GET", "~/errors/"+crashID(2)+"/attachments/"+attachmentID(1)+"/text"), "attachment_text")
	golden(w.call("GET", "~/errors/"+crashID(2)+"/attachments/"+attachmentID(1)+"/location"), "attachment_location")
	// The stack of a group is that of its newest report.
	newest := w.call("GET", group+"/errors/"+crashID(2)+"/stacktrace").want(200, "cart <2> is gone")
	if got := w.call("GET", group+"/stacktrace").want(200); got.body != newest.body {
		t.Error(cmp.Diff(newest.body, got.body))
	}
}

func TestReportFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	day := time.Date(2024, 5, 9, 0, 0, 0, 0, time.UTC)
	w.send(spec{n: 1, at: day}.log(), spec{n: 2, at: day.Add(time.Hour), user: "ada"}.log(), spec{n: 3, at: day.Add(2 * time.Hour), model: "Nokia 1"}.log())
	w.sendTo(&w.app, "not a GUID", spec{n: 4, at: day.Add(3 * time.Hour), os: "9", user: "ada"}.log())
	list := "~/errors/errorGroups/" + w.theGroup() + "/errors"
	for query, want := range map[string][]int{
		"":                              {4, 3, 2, 1},
		"?model=Nokia%201":              {3},
		"?model=nokia":                  {},
		"?os=9":                         {4},
		"?os=Android%209":               {4},
		"?os=Android":                   {4, 3, 2, 1},
		"?os=iOS":                       {},
		"?userId=ada":                   {4, 2},
		"?installId=not%20a%20GUID":     {4},
		"?installId=" + string(install): {3, 2, 1},
		"?installId={" + strings.ToUpper(string(install)) + "}&userId=ada": {2},
		"?start=2024-05-09T01:00:00Z&end=2024-05-09T03:00:00Z":             {3, 2},
		"?$top=2": {4, 3},
		"?$top=0": {4, 3, 2, 1},
		"?start=2024-05-09T01:00:00.0000001Z&top=1": {4},
	} {
		var l reportList
		w.call("GET", list+query).want(200).into(&l)
		got := []int{}
		for _, e := range l.Errors {
			for n := 1; n <= 4; n++ {
				if strings.HasSuffix(e.ID, crashID(n)) {
					got = append(got, n)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	for _, path := range []string{list + "?$top=1", list + "?os=Android&$top=3"} {
		if got := w.follow(path, same); len(got) != 4 {
			t.Errorf("%s: %d reports over all pages", path, len(got))
		}
	}
}

func TestQ22ReportIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := spec{n: 1}
	w.send(s.log(), attach(1, crashID(1), "text/plain", "a", []byte("x")))
	group := w.theGroup()
	for _, id := range []string{s.reported(), crashID(1), strings.ToUpper(crashID(1)), strings.ReplaceAll(crashID(1), "-", "")} {
		w.call("GET", "~/errors/errorGroups/"+group+"/errors/"+id).want(200, `"errorId":"`+s.reported()+`"`)
		w.call("GET", "~/errors/"+id+"/attachments").want(200, attachmentID(1))
		w.call("GET", "~/errors/"+id+"/session_logs").want(200)
	}
	// A report is found in its own group only.
	w.send(spec{n: 2, method: "pay"}.log())
	w.call("GET", "~/errors/errorGroups/"+group+"/errors/"+crashID(2)).want(404)
}

// TestQ35Install: lists and reports name the install, and filter by it.
func TestQ35Install(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1}.log())
	w.call("GET", "~/errors/errorGroups/"+w.theGroup()+"/errors").want(200, `"installId":"`+string(install)+`"`)
	w.call("GET", "~/errors/errorGroups/"+w.theGroup()+"/errors/"+crashID(1)).want(200, `"installId":"`+string(install)+`"`)
}

func TestSessionLogs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := time.Date(2024, 5, 9, 19, 37, 1, 0, time.UTC)
	w.send(spec{n: 1, at: at}.log())
	// Events may come after the report; those behind it in time do not belong to it.
	for i := range 60 {
		w.send(event(2*i, at.Add(-time.Duration(i)*time.Second)), event(2*i+1, at.Add(time.Duration(i)*time.Second+time.Millisecond)))
	}
	w.sendTo(&w.app, "22222222-2222-3333-4444-555555555555", event(1000, at)) // another install's
	var logs struct {
		Exceeded bool   `json:"exceeded_max_limit"`
		Last     string `json:"last_received_log_timestamp"`
		Logs     []struct {
			Timestamp string `json:"timestamp"`
			Install   string `json:"install_id"`
		} `json:"logs"`
	}
	a := w.call("GET", "~/errors/"+crashID(1)+"/session_logs?date=2024-05-09").want(200)
	a.into(&logs)
	if logs.Exceeded || len(logs.Logs) != 60 || logs.Logs[59].Timestamp != "2024-05-09T19:37:01.000Z" || logs.Logs[0].Install != string(install) {
		t.Errorf("%d logs, exceeded %v", len(logs.Logs), logs.Exceeded)
	}
	for _, path := range []string{"~/errors/" + crashID(1) + "/sessionLogs", "~/crashes/" + crashID(1) + "/session_logs/", "/api/v0.1/apps/acme/Shop/errors/" + crashID(1) + "/session_logs"} {
		if b := w.call("GET", path); b.body != a.body {
			t.Errorf("%s: %d %s", path, b.status, b.body)
		}
	}
	for i := range 50 {
		w.send(event(200+i, at.Add(-time.Hour)))
	}
	w.call("GET", "~/errors/"+crashID(1)+"/session_logs").into(&logs)
	if !logs.Exceeded || len(logs.Logs) != 100 {
		t.Errorf("%d logs, exceeded %v", len(logs.Logs), logs.Exceeded)
	}
}

func TestQ26Download(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := spec{n: 1}
	w.send(s.log())
	path := "~/errors/errorGroups/" + w.theGroup() + "/errors/" + crashID(1) + "/download"
	for _, query := range []string{"", "?format=json", "?format=JSON"} {
		a := w.call("GET", path+query).want(200)
		if a.header.Get("Content-Type") != "application/json; charset=utf-8" || a.header.Get("Content-Disposition") != "attachment; filename="+s.reported()+".json" {
			t.Errorf("%s: headers %v", query, a.header)
		}
		var dump struct {
			ErrorID    string `json:"ErrorId"`
			StackTrace struct{ Title string }
			RawLog     json.RawMessage
		}
		a.into(&dump)
		if dump.ErrorID != s.reported() || dump.StackTrace.Title == "" || string(dump.RawLog) != s.log() {
			t.Errorf("%s: %s", query, a.body)
		}
	}
	for _, query := range []string{"?format=txt", "?format=text", "?format=Text"} {
		a := w.call("GET", path+query).want(200, "com.acme.shop.Cart.total(Cart.java:42)")
		if a.header.Get("Content-Type") != "text/plain; charset=utf-8" || a.header.Get("Content-Disposition") != "attachment; filename="+s.reported()+".txt" {
			t.Errorf("%s: headers %v", query, a.header)
		}
	}
}

// TestDownloadDamaged: a log that is no JSON for everybody is still downloaded as JSON, with all its bytes.
func TestDownloadDamaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raw := strings.Replace(spec{n: 1}.log(), "cart <1>", "cart \xff\xfe", 1)
	w.send(raw)
	var dump struct{ RawLogBase64 []byte }
	w.call("GET", "~/errors/errorGroups/"+w.theGroup()+"/errors/"+crashID(1)+"/download").want(200).into(&dump)
	if string(dump.RawLogBase64) != raw {
		t.Errorf("%q", dump.RawLogBase64)
	}
}

// TestErased: a report whose log was erased is gone, and its group can still be listed.
func TestErased(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1}.log(), spec{n: 2}.log(), event(1, spec{n: 1}.time()))
	group := "~/errors/errorGroups/" + w.theGroup()
	id, _ := diag.ParseID(crashID(2))
	row, err := w.store.Report(t.Context(), w.app.Num, id)
	w.must(err)
	w.must(w.journal.Blank(t.Context(), row.Locator))
	w.call("GET", "~/errors/errorGroups").want(200, `"exceptionMessage":""`)
	w.call("GET", group).want(200)
	w.call("GET", group+"/errors/"+crashID(2)).want(404)
	w.call("GET", group+"/stacktrace").want(404)
	w.call("GET", group+"/errors/"+crashID(1)+"/stacktrace").want(200)
}

func (s spec) time() time.Time { s.setDefaults(); return s.at }

// TestSamples: each crash and handled error that an SDK sends can be read by every call.
func TestSamples(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/samples/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatal("no samples", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testSample(t, path)
		})
	}
}

func testSample(t *testing.T, path string) {
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raws, err := wire.SplitContainer(body)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	var errors []diag.Log
	for _, raw := range raws {
		l, why := wire.Peek(raw, w.app.ID, install, today)
		if why != "" {
			continue
		}
		w.send(string(raw))
		if l.Kind.Family() == diag.FamilyError {
			errors = append(errors, l)
		}
	}
	for _, l := range errors {
		w.readAll(l)
	}
	if groups := w.groups(""); len(errors) > 0 && len(groups.ErrorGroups) == 0 {
		t.Error("no group")
	}
}

// readAll reads one report by every call.
func (w *world) readAll(l diag.Log) {
	w.Helper()
	full, err := report.Decode(w.Context(), w.reports.Symbols, &w.app, l, install)
	w.must(err)
	row, err := w.store.Report(w.Context(), w.app.Num, l.ID)
	w.must(err)
	group := "~/errors/errorGroups/" + row.Group.Format(row.Handled)
	id := diag.ReportID(l.Timestamp, l.ID)
	message, err := json.Marshal(full.Verdict.Reason.ExceptionMessage)
	w.must(err)
	var found struct{ ExceptionMessage, ExceptionMethod, ErrorGroupID string }
	w.call("GET", group).into(&found)
	want := found
	want.ExceptionMessage, want.ExceptionMethod = full.Verdict.Reason.ExceptionMessage, full.Verdict.Reason.Frame.Method
	if diff := cmp.Diff(want, found); diff != "" {
		w.Errorf("group (-want +got), message %s:\n%s", message, diff)
	}
	w.call("GET", group+"/errors").want(200, id)
	w.call("GET", group+"/errors/"+id).want(200, id, fmt.Sprintf(`"deviceName":%q`, full.Report.Device.Model))
	w.call("GET", group+"/stacktrace").want(200, `"title"`)
	w.call("GET", group+"/errors/"+id+"/stacktrace").want(200, `"title"`)
	w.call("GET", group+"/errors/"+id+"/download").want(200)
	w.call("GET", group+"/errors/"+id+"/download?format=text").want(200)
	w.call("GET", "~/errors/"+id+"/session_logs").want(200)
	w.readAttachments(id)
}

func (w *world) readAttachments(id string) {
	w.Helper()
	var attachments []struct {
		AttachmentID, CrashID string
		Size                  int
	}
	w.call("GET", "~/errors/"+id+"/attachments").into(&attachments)
	for _, a := range attachments {
		uri := w.locate("~/errors/" + id + "/attachments/" + a.AttachmentID + "/location")
		if got := w.callAs("", "GET", uri).want(200); len(got.body) != a.Size || !strings.HasSuffix(id, a.CrashID) {
			w.Errorf("attachment %+v: %d bytes", a, len(got.body))
		}
	}
}
