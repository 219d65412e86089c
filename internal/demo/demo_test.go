package demo_test

import (
	"archive/zip"
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/contract"
	"lifeboat/internal/demo"
	"lifeboat/internal/diag"
	"lifeboat/internal/person"
)

var update = flag.Bool("update", false, "write the golden files anew")

// failing fails the test on any warning of the server: a demo has none.
type failing struct{ t *testing.T }

func (f failing) Write(b []byte) (int, error) {
	f.t.Errorf("the server says: %s", b)
	return len(b), nil
}

// play runs the demo once. What it left is there until the test ends.
func play(t *testing.T) *demo.Story {
	t.Helper()
	log := slog.New(slog.NewTextHandler(failing{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	d, err := demo.Open(t.Context(), demo.Options{Version: "test", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	folder := ""
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(folder); folder != "" && !os.IsNotExist(err) {
			t.Errorf("the temporary folder is still there: %v", err)
		}
	})
	s, err := d.Play(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	folder = s.Folder
	return s
}

func TestDemo(t *testing.T) {
	t.Parallel()
	s := play(t)
	t.Run("groups", func(t *testing.T) { checkGroups(t, s) })
	t.Run("crash", func(t *testing.T) { checkCrash(t, &s.Crash) })
	t.Run("archive", func(t *testing.T) { checkArchive(t, s) })
	t.Run("person", func(t *testing.T) { checkPerson(t, s) })
	t.Run("refused", func(t *testing.T) { checkRefused(t, s) })
	t.Run("print", func(t *testing.T) { checkPrint(t, s) })
}

// checkGroups: every platform's fault is one group per version, with the reports that were sent and no more.
func checkGroups(t *testing.T, s *demo.Story) {
	type group struct {
		App, Title, Version string
		Crash               bool
		Count, Devices      int64
	}
	want := []group{
		{"ferry-android", "EOFException in SeatMapReader.row", "4.3.0", true, 4, 3},
		{"crew-android", "NullReferenceException in Scanner.get_Port", "2.1.0", true, 2, 2},
		{"desk", "UnauthorizedAccessException in Timetable.Open.lambda", "6.3.0", true, 2, 2},
		{"ferry-android", "EOFException in SeatMapReader.row", "4.2.0", true, 2, 2},
		{"ferry-ios", "NSInvalidArgumentException in Ferry + 51440", "4.3.0", true, 2, 2},
		{"crew-ios", "InvalidOperationException in Manifest.Count", "2.1.0", true, 1, 1},
		{"ferry-android", "native crash, minidump at hand", "4.3.0", true, 1, 1},
		{"ferry-ios", "SIGTRAP in Ferry + 250072", "4.3.0", true, 1, 1},
		{"kiosk", "ArgumentNullException in Example.Kiosk + 4201260", "1.4.0.0", true, 1, 1},
		{"tickets-ios", "TypeError in renderTicket", "1.9.0", true, 1, 1},
		{"till", "FormatException in Price.Parse", "3.0.1", false, 3, 2},
		{"ferry-android", "SocketTimeoutException in Api.timetable", "4.3.0", false, 2, 2},
		{"regatta", "NullReferenceException in Harbour.Spawn", "0.8.2", false, 2, 2},
		{"tickets-android", "TypeError in renderTicket", "1.9.0", false, 2, 2},
		{"ferry-ios", "NSURLErrorDomain in Timetable.load", "4.3.0", false, 1, 1},
	}
	var got []group
	reports, errors := 0, s.Sent.Logs["managedError"]+s.Sent.Logs["appleError"]+s.Sent.Logs["handledError"]
	for _, g := range s.Groups {
		got = append(got, group{g.App, g.Title, g.Version, g.Crash, g.Count, g.Devices})
		reports += len(g.Reports)
		if int(g.Count) != len(g.Reports) {
			t.Errorf("%s counts %d reports and lists %d", g.Title, g.Count, len(g.Reports))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	if reports != errors {
		t.Errorf("%d reports were sent, %d are listed", errors, reports)
	}
}

func checkCrash(t *testing.T, c *demo.Crash) {
	var types, frames []string
	for e := c.Stack.Exception; e != nil; {
		types = append(types, e.Type)
		for _, f := range e.Frames {
			if f.AppCode {
				frames = append(frames, f.CodeFormatted)
			}
		}
		var inner *contract.Exception
		if len(e.InnerExceptions) > 0 {
			inner = &e.InnerExceptions[0]
		}
		e = inner
	}
	if diff := cmp.Diff([]string{"java.lang.RuntimeException", "java.lang.IllegalStateException", "java.io.EOFException"}, types); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}
	want := []string{
		"com.example.ferry.booking.BookingModel.seatMap(BookingModel.kt:112)",
		"com.example.ferry.booking.BookingActivity.onResume(BookingActivity.kt:58)",
		"com.example.ferry.net.SeatMapReader.row(SeatMapReader.kt:41)",
		"com.example.ferry.net.SeatMapReader.read(SeatMapReader.kt:27)",
		"com.example.ferry.booking.BookingModel.seatMap(BookingModel.kt:109)",
	}
	if diff := cmp.Diff(want, frames); diff != "" {
		t.Errorf("frames of the app (-want +got):\n%s", diff)
	}
	var events []string
	for _, l := range c.SessionLogs.Logs {
		events = append(events, l.Type+" "+l.EventName)
	}
	if diff := cmp.Diff([]string{"start_session ", "event Trip opened", "event Seats shown", "event Booking started"}, events); diff != "" {
		t.Errorf("session logs (-want +got):\n%s", diff)
	}
	if len(c.Stack.Threads) != 3 || !c.Report.HasAttachments || !c.Report.HasBreadcrumbs || len(c.Attachments) != 2 {
		t.Errorf("%d threads, report %+v, attachments %+v", len(c.Stack.Threads), c.Report, c.Attachments)
	}
	for _, a := range c.Attachments {
		if len(a.Text)+a.Fetched != int(a.Size) {
			t.Errorf("attachment %s of %d bytes has %d of text, %d were fetched", a.Name, a.Size, len(a.Text), a.Fetched)
		}
	}
}

// checkArchive: each log has one record in the file of all logs, each report and attachment one more of its own and
// a blob.
func checkArchive(t *testing.T, s *demo.Story) {
	got := map[string]int{}
	for _, b := range s.Export.Blobs {
		content, err := os.ReadFile(filepath.Join(s.Export.Source, filepath.FromSlash(b.Name)))
		if err != nil {
			t.Fatal(err)
		}
		kind := strings.Split(b.Name, "/")[6]
		switch {
		case strings.HasSuffix(b.Name, ".v1.data"):
			var records []map[string]string
			if err := json.Unmarshal(content, &records); err != nil {
				t.Errorf("%s: %v", b.Name, err)
			}
			got["records in "+kind] += len(records)
		case strings.HasSuffix(b.Name, ".json"):
			var payload struct{ StackTrace struct{ Title string } }
			if err := json.Unmarshal(content, &payload); err != nil || payload.StackTrace.Title == "" {
				t.Errorf("%s has no stack trace: %v", b.Name, err)
			}
			got["blobs in "+kind]++
		default:
			got["blobs in "+kind]++
		}
	}
	sent := s.Sent.Logs
	crashes := sent["managedError"] + sent["appleError"]
	want := map[string]int{
		"records in logs.v1.data": s.Sent.Total(),
		"records in crashes":      crashes, "blobs in crashes": crashes,
		"records in errors": sent["handledError"], "blobs in errors": sent["handledError"],
		"records in attachments": sent["errorAttachment"], "blobs in attachments": sent["errorAttachment"],
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("archive (-sent +exported):\n%s", diff)
	}
}

func checkPerson(t *testing.T, s *demo.Story) {
	m := s.Person.Manifest
	logs := 0
	for _, i := range s.Person.Installs {
		logs += s.Sent.ByInstall[i.ID]
	}
	if len(s.Person.Installs) != 2 || !m.Complete || int(m.Counts.MessageIDs) != logs || m.Counts.Payloads != 5 || m.Counts.Attachments != 3 {
		t.Errorf("installs %v with %d logs; the copy: complete %v, %+v", s.Person.Installs, logs, m.Complete, m.Counts)
	}
	z, err := zip.OpenReader(s.Person.File)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	f, err := z.Open("data/records.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(lines), "\n"); int64(n) != m.Counts.Records {
		t.Errorf("%d records are in the file, the manifest says %d", n, m.Counts.Records)
	}
	if strings.Contains(string(lines), "passenger-2077") {
		t.Error("the copy holds somebody else's data")
	}
}

func checkRefused(t *testing.T, s *demo.Story) {
	got := map[string]int{}
	for _, r := range s.Refused {
		got[r.Reason] = r.Count
	}
	if diff := cmp.Diff(s.Sent.Dropped, got); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	if s.Duplicates != s.Sent.Duplicates {
		t.Errorf("%d duplicates were sent, %d are counted", s.Sent.Duplicates, s.Duplicates)
	}
}

// checkPrint compares the story with what is kept of it, without what differs every time.
func checkPrint(t *testing.T, s *demo.Story) {
	got := printed(t, s, 96)
	printed(t, s, 80)
	golden := filepath.Join("testdata", "story.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("story (-want +got):\n%s", diff)
	}
}

// printed prints the story. Only paths and URLs, which are there to be copied, may be wider than asked for.
func printed(t *testing.T, s *demo.Story, width int) string {
	var out strings.Builder
	if err := s.Print(&out, demo.Style{Width: width, Serves: true}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if n := len([]rune(line)) - 1; n > width && !strings.Contains(line, s.Folder) && !strings.Contains(line, s.URL) {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
	return scrub(s, out.String())
}

func scrub(s *demo.Story, text string) string {
	text = strings.NewReplacer(s.URL, "URL", s.Admin, "ADMIN", s.Folder, "FOLDER").Replace(text)
	for _, a := range s.Apps {
		text = strings.ReplaceAll(text, a.ID, strings.ToUpper(a.Name))
	}
	for _, x := range [...]struct{ pattern, with string }{
		{`/\d{4}/\d\d/\d\d/\d\d/\d\d/`, "/YYYY/MM/DD/HH/MM/"},
		{`\d\d:\d\d:\d\d`, "HH:MM:SS"},
		{`\d{6,}u`, "GROUPu"},
		{` *\d+\.\d KB`, " N KB"},
	} {
		text = regexp.MustCompile(x.pattern).ReplaceAllString(text, x.with)
	}
	return text
}

func TestColor(t *testing.T) {
	t.Parallel()
	s := &demo.Story{Apps: []demo.App{{Name: "a"}}, Person: demo.Person{Installs: []demo.Install{{ID: "i"}}, Manifest: &person.Manifest{}}}
	s.Groups = []demo.Group{{Title: "evil \x1b[2J title", Crash: true}}
	for _, color := range []bool{false, true} {
		var out strings.Builder
		if err := s.Print(&out, demo.Style{Color: color}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "\x1b[1m"); got != color {
			t.Errorf("color %v gives color %v", color, got)
		}
		if strings.Contains(out.String(), "\x1b[2J") {
			t.Error("a title moves the cursor")
		}
	}
}

// TestFolder: a folder that is named is kept, and must hold nothing before.
func TestFolder(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "new")
	d, err := demo.Open(t.Context(), demo.Options{Data: folder})
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := d.Wait(ended); err != nil {
		t.Errorf("Wait: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(folder, "admin.token")); err != nil {
		t.Error(err)
	}
	if _, err := demo.Open(t.Context(), demo.Options{Data: folder}); diag.KindOf(err) != diag.Invalid {
		t.Errorf("a used folder: %v", err)
	}
	if _, err := demo.Open(t.Context(), demo.Options{Data: filepath.Join(folder, "other"), Listen: "256.0.0.1:0"}); diag.KindOf(err) != diag.Invalid {
		t.Errorf("an impossible address: %v", err)
	}
}
