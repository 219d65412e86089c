package demo_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/demo"
	"lifeboat/internal/diag"
	"lifeboat/internal/wire"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)

// read cuts all requests that are to be taken into logs.
func read(t *testing.T) (logs []diag.Log, tally demo.Tally) {
	t.Helper()
	minutes, tally := demo.Traffic(now)
	for _, r := range append(minutes[0], minutes[1]...) {
		elements, err := wire.SplitContainer(r.Body)
		if err != nil {
			t.Fatalf("a body of %s: %v", r.App, err)
		}
		for _, e := range elements {
			l, reason := wire.Peek(e, diag.DerivedID([]byte(r.App)), diag.ParseInstallID(r.Install), now)
			if reason != "" && !strings.Contains(string(e), "crashpadReport") {
				t.Errorf("%s: a log is dropped: %s\n%s", r.App, reason, e)
			}
			if reason == "" && !r.Refused {
				logs = append(logs, l)
			}
		}
	}
	return logs, tally
}

func TestTrafficIsReadWithoutProblem(t *testing.T) {
	t.Parallel()
	logs, _ := read(t)
	for _, l := range logs {
		var problem string
		switch {
		case l.Kind == diag.KindAttachment:
			a := wire.DecodeAttachment(l, true)
			problem = a.Problem
			if a.Size == 0 || a.FileName == "" {
				t.Errorf("attachment %v has no bytes or no name", l.ID)
			}
		case l.Kind.Family() == diag.FamilyError:
			r := wire.DecodeReport(l, "")
			problem = r.Problem
			if r.Device.AppVersion == "" || r.Device.AppNamespace == "" || r.AppLaunch == 0 && !r.Handled {
				t.Errorf("report %v lacks fields of its device", l.ID)
			}
		default:
			if e := wire.DecodeEvent(l); l.Kind == diag.KindEvent && len(e.Properties) == 0 && e.Name != "Connection back" {
				t.Errorf("event %q has no properties", e.Name)
			}
		}
		if problem != "" {
			t.Errorf("%s: %s", l.Kind, problem)
		}
	}
}

// TestTrafficIsWhatTheTallySays: what is counted while writing is what is there, each log once.
func TestTrafficIsWhatTheTallySays(t *testing.T) {
	t.Parallel()
	logs, tally := read(t)
	got, seen, twice := map[string]int{}, map[diag.ID]bool{}, 0
	for _, l := range logs {
		switch {
		case now.Sub(l.Timestamp.Time()) > 25*24*time.Hour:
			continue // the one that is too old
		case seen[l.ID]:
			twice++
		default:
			got[l.Kind.String()]++
		}
		seen[l.ID] = true
	}
	if diff := cmp.Diff(tally.Logs, got); diff != "" {
		t.Errorf("logs by type (-counted +there):\n%s", diff)
	}
	if twice != tally.Duplicates || twice == 0 {
		t.Errorf("%d logs are there twice, counted were %d", twice, tally.Duplicates)
	}
}

func TestTrafficIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	a, _ := demo.Traffic(now)
	b, _ := demo.Traffic(now)
	if !slices.EqualFunc(a[0], b[0], func(x, y demo.Request) bool { return bytes.Equal(x.Body, y.Body) }) {
		t.Error("two traffics of one moment differ")
	}
}

// TestHabits: each SDK writes JSON as it is known for, see ingestion notes in docs/compatibility.md.
func TestHabits(t *testing.T) {
	t.Parallel()
	minutes, _ := demo.Traffic(now)
	for _, r := range minutes[0] {
		upper := r.Install == strings.ToUpper(r.Install)
		switch body := string(r.Body); {
		case !json.Valid(r.Body):
			t.Errorf("%s: no JSON", r.App)
		case strings.Contains(body, `"sdkName":"appcenter.ios"`) != upper:
			t.Errorf("%s: install id %s", r.App, r.Install)
		case strings.Contains(body, `"sdkName":"appcenter.android"`) && strings.Contains(strings.ReplaceAll(body, `\/`, ""), "/"):
			t.Errorf("%s: Android escapes slashes", r.App)
		case strings.Contains(body, "WINDOWS") && !strings.Contains(strings.ReplaceAll(body, " ", ""), "},\r\n\"type\":"):
			t.Errorf("%s: .NET writes the type last, on a line of its own", r.App)
		}
	}
}

// wireRecorder keeps what goes over the wire, and answers as asked.
type wireRecorder struct {
	bytes.Buffer
	status int
}

func (w *wireRecorder) RoundTrip(r *http.Request) (*http.Response, error) {
	w.Reset()
	if err := r.Write(w); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: w.status, Body: io.NopCloser(strings.NewReader(`{"status":"Success"}`)), Request: r}, nil
}

// TestSend: headers as the SDKs spell them, and bodies compressed where they compress.
func TestSend(t *testing.T) {
	t.Parallel()
	recorder := &wireRecorder{status: http.StatusOK}
	client := &http.Client{Transport: recorder}
	minutes, _ := demo.Traffic(now)
	compressed := map[bool]int{}
	for _, r := range minutes[0] {
		if err := r.Send(t.Context(), client, "http://127.0.0.1", "secret"); err != nil {
			t.Fatal(err)
		}
		head, body, _ := strings.Cut(recorder.String(), "\r\n\r\n")
		for _, line := range []string{"POST /logs?api-version=1.0.0 HTTP/1.1", "\r\nApp-Secret: secret", "\r\nInstall-ID: " + r.Install, "\r\nContent-Type: application/json"} {
			if !strings.Contains(head, line) {
				t.Errorf("no %q in %s", line, head)
			}
		}
		windows := strings.Contains(string(r.Body), `"WINDOWS"`)
		gzipped := strings.HasPrefix(body, "\x1f\x8b")
		if want := !windows && len(r.Body) >= 1400; gzipped != want || strings.Contains(head, "Content-Encoding: gzip") != want {
			t.Errorf("%d bytes of %s: compressed %v", len(r.Body), r.App, gzipped)
		}
		if strings.Contains(head, "User-Agent") == windows || strings.Contains(head, "charset=utf-8") != windows {
			t.Errorf("%s: %s", r.App, head)
		}
		compressed[gzipped]++
	}
	if compressed[true] == 0 || compressed[false] == 0 {
		t.Errorf("compressed or not: %v", compressed)
	}
	recorder.status = http.StatusServiceUnavailable
	if err := minutes[0][0].Send(t.Context(), client, "http://127.0.0.1", "secret"); err == nil {
		t.Error("an answer 503 is taken for success")
	}
}
