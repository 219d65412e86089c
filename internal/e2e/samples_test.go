package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lifeboat/internal/contract"
)

var update = flag.Bool("update", false, "write testdata/samples.golden.json anew")

// sampled are the bodies of testdata/samples, their times shifted to now by one difference.
type sampled struct {
	shift  time.Duration
	bodies map[string][]byte
	logs   []sampleLog // crashes, handled errors and attachments
}

type sampleLog struct {
	Type, ID, ErrorID, ContentType, FileName, Data string

	sample string
	raw    json.RawMessage
}

func (l *sampleLog) isError() bool { return strings.HasSuffix(strings.ToLower(l.Type), "error") }

// sampleErrors is how many crashes and handled errors the samples hold.
const sampleErrors = 14

// sampleTime is a little later than the latest sample.
var sampleTime = time.Date(2026, 11, 20, 16, 30, 0, 0, time.UTC)

func loadSamples(t *testing.T) *sampled {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "samples", "*.json"))
	if err != nil || len(files) != 21 {
		t.Fatalf("%d samples: %v", len(files), err)
	}
	s := &sampled{shift: time.Since(sampleTime).Truncate(time.Second), bodies: map[string][]byte{}}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		s.bodies[name] = moveTimes(b, s.shift)
		s.collect(t, name)
	}
	return s
}

func (s *sampled) collect(t *testing.T, name string) {
	t.Helper()
	var body struct{ Logs []json.RawMessage }
	if err := json.Unmarshal(s.bodies[name], &body); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, raw := range body.Logs {
		l := sampleLog{sample: name, raw: raw}
		if err := json.Unmarshal(raw, &l); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if l.isError() || l.Type == "errorAttachment" {
			s.logs = append(s.logs, l)
		}
	}
}

func (s *sampled) names() []string {
	var all []string
	for name := range s.bodies {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

var timeText = regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

// moveTimes adds d to every time in a text, and leaves the number of digits as it is.
func moveTimes(b []byte, d time.Duration) []byte {
	return timeText.ReplaceAllFunc(b, func(text []byte) []byte {
		at, err := time.Parse(time.RFC3339Nano, string(text))
		if err != nil {
			return text
		}
		layout := "2006-01-02T15:04:05Z"
		if _, fraction, ok := strings.Cut(string(text), "."); ok {
			layout = "2006-01-02T15:04:05." + strings.Repeat("0", len(fraction)-1) + "Z"
		}
		return []byte(at.Add(d).Format(layout))
	})
}

// observed is what the API says about one crash or handled error.
type observed struct {
	Sample      string                 `json:"sample"`
	Kind        string                 `json:"kind"`
	Group       contract.ErrorGroup    `json:"group"`
	Details     contract.ReportDetails `json:"details"`
	Stack       []string               `json:"stack"` // title, reason, and one line for each frame
	Text        []string               `json:"text"`  // the first lines of the download
	Session     []string               `json:"session"`
	Attachments []string               `json:"attachments"`
}

// TestSamples sends every sample as its SDK does, and reads each crash and handled error by every call.
func TestSamples(t *testing.T) {
	t.Parallel()
	s, samples := start(t), loadSamples(t)
	for _, name := range samples.names() {
		s.post(t, sdkOf(name), samples.bodies[name])
	}
	s.indexed(t)
	places := findReports(t, s)
	var all []observed
	for i := range samples.logs {
		l := &samples.logs[i]
		if !l.isError() {
			continue
		}
		at, ok := places[strings.ToLower(l.ID)]
		if !ok {
			t.Errorf("%s: %s is in no group", l.sample, l.ID)
			continue
		}
		r := reader{t, s, samples, l, at}
		all = append(all, r.observe())
		delete(places, strings.ToLower(l.ID))
	}
	if len(all) != sampleErrors || len(places) > 0 {
		t.Errorf("%d reports, want %d; reports of nobody: %v", len(all), sampleErrors, places)
	}
	compareGolden(t, filepath.Join("testdata", "samples.golden.json"), samples.normal(t, s, all))
}

// place is where a report stands.
type place struct {
	group  contract.ErrorGroup
	report contract.Report
}

// findReports walks all groups as the mission does.
func findReports(t *testing.T, s *testServer) map[string]place {
	t.Helper()
	found := map[string]place{}
	for _, g := range read[contract.ErrorGroups](t, s, "/errors/errorGroups?$top=0").ErrorGroups {
		for _, r := range read[contract.Reports](t, s, "/errors/errorGroups/"+g.ErrorGroupID+"/errors").Errors {
			_, guid, _ := strings.Cut(r.ErrorID, "-")
			found[guid] = place{g, r}
		}
	}
	return found
}

// reader reads one report by every call and holds the answers against each other and against what was sent.
type reader struct {
	t       *testing.T
	s       *testServer
	samples *sampled
	log     *sampleLog
	at      place
}

func (r *reader) observe() observed {
	r.t.Helper()
	group := "/errors/errorGroups/" + r.at.group.ErrorGroupID
	report := group + "/errors/" + r.at.report.ErrorID
	o := observed{Sample: r.log.sample, Kind: "crash"}
	if !strings.HasSuffix(r.at.group.ErrorGroupID, "u") {
		o.Kind = "handled error"
	}

	o.Group = read[contract.ErrorGroup](r.t, r.s, group)
	r.same(group, r.at.group, o.Group, cmpopts.IgnoreFields(contract.ErrorGroup{}, "ReasonFrames"))
	o.Details = read[contract.ReportDetails](r.t, r.s, report)
	r.same(report, r.at.report, o.Details.Report)

	stack := read[contract.StackTrace](r.t, r.s, report+"/stacktrace")
	o.Stack = stackLines(&stack)
	if o.Group.Count == 1 {
		r.same(group+"/stacktrace", stack, read[contract.StackTrace](r.t, r.s, group+"/stacktrace"))
	}
	o.Text = r.download(report)
	o.Session = r.session()
	o.Attachments = r.attachments()
	return o
}

func (r *reader) same(what string, want, got any, o ...cmp.Option) {
	r.t.Helper()
	if d := cmp.Diff(want, got, o...); d != "" {
		r.t.Errorf("%s: %s (-want +got):\n%s", r.log.sample, what, d)
	}
}

func stackLines(s *contract.StackTrace) []string {
	lines := []string{s.Title, s.Reason}
	var exception func(indent string, e *contract.Exception)
	exception = func(indent string, e *contract.Exception) {
		if e == nil {
			return
		}
		lines = append(lines, indent+e.Type+": "+e.Reason)
		for i := range e.Frames {
			lines = append(lines, indent+"  "+frameLine(&e.Frames[i]))
		}
		for i := range e.InnerExceptions {
			exception(indent+"  caused by ", &e.InnerExceptions[i])
		}
	}
	exception("", s.Exception)
	for i := range s.Threads {
		th := &s.Threads[i]
		lines = append(lines, fmt.Sprintf("%s, crashed %t, %s", th.Title, th.Crashed, th.Platform))
		exception("  ", th.Exception)
		for j := range th.Frames {
			lines = append(lines, "  "+frameLine(&th.Frames[j]))
		}
	}
	return lines
}

func frameLine(f *contract.Frame) string {
	mark := "  "
	if f.AppCode {
		mark = "* "
	}
	return mark + f.CodeFormatted
}

// download reads the log itself, in both formats and through its signed URL.
func (r *reader) download(report string) []string {
	r.t.Helper()
	answer, text := r.s.get(r.t, r.app(report+"/download?format=json"))
	r.header(answer, "Content-Type", "application/json")
	r.header(answer, "Content-Disposition", "attachment")
	if !containsLog(text, r.log.raw) {
		r.t.Errorf("%s: the download does not hold the log as it was sent: %s", r.log.sample, text)
	}
	answer, text = r.s.get(r.t, r.app(report+"/download?format=txt"))
	r.header(answer, "Content-Type", "text/plain; charset=utf-8")
	r.header(answer, "Content-Disposition", "attachment")
	r.same("format=text", string(text), string(r.s.mustGet(r.t, r.app(report+"/download?format=text"))))
	where := read[struct{ URI string }](r.t, r.s, report+"/location")
	if _, raw := r.fetch(where.URI, nil); !containsLog(raw, r.log.raw) {
		r.t.Errorf("%s: location does not lead to the log: %s", r.log.sample, raw)
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return lines[:min(len(lines), 40)]
}

func (r *reader) app(path string) string { return "/v0.1/apps/" + r.s.App + path }

func (r *reader) header(answer *http.Response, name, prefix string) {
	r.t.Helper()
	if got := answer.Header.Get(name); answer.StatusCode/100 != 2 || !strings.HasPrefix(got, prefix) {
		r.t.Errorf("%s: %s: %s, %s is %q, want %q", r.log.sample, answer.Request.URL.Path, answer.Status, name, got, prefix)
	}
}

// containsLog reports whether a JSON text is the log, or has it as a member.
func containsLog(text []byte, raw json.RawMessage) bool {
	var whole, want any
	if json.Unmarshal(text, &whole) != nil || json.Unmarshal(raw, &want) != nil {
		return false
	}
	if reflect.DeepEqual(whole, want) {
		return true
	}
	members, ok := whole.(map[string]any)
	if !ok {
		return false
	}
	for _, m := range members {
		if reflect.DeepEqual(m, want) {
			return true
		}
	}
	return false
}

// fetch follows a signed URL, with no token.
func (r *reader) fetch(uri string, header http.Header) (*http.Response, []byte) {
	r.t.Helper()
	req, err := http.NewRequest("GET", uri, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for name, v := range header {
		req.Header[name] = v
	}
	return r.s.do(r.t, req)
}

// session reads the session logs in all spellings, by both prefixes, by the full id and by the GUID alone.
func (r *reader) session() []string {
	r.t.Helper()
	_, guid, _ := strings.Cut(r.at.report.ErrorID, "-")
	text := r.s.mustGet(r.t, r.app("/errors/"+r.at.report.ErrorID+"/session_logs"))
	for _, path := range []string{
		r.app("/errors/" + r.at.report.ErrorID + "/sessionLogs"), r.app("/errors/" + guid + "/session_logs"),
		r.app("/errors/" + strings.ToUpper(guid) + "/sessionLogs"), r.app("/crashes/" + guid + "/session_logs"),
		"/api" + r.app("/errors/"+r.at.report.ErrorID+"/session_logs"),
	} {
		r.same(path, string(text), string(r.s.mustGet(r.t, path)))
	}
	var logs contract.SessionLogs
	if err := json.Unmarshal(text, &logs); err != nil {
		r.t.Fatal(err)
	}
	if has := len(logs.Logs) > 0; has != r.at.report.HasBreadcrumbs {
		r.t.Errorf("%s: %d session logs, hasBreadcrumbs is %t", r.log.sample, len(logs.Logs), r.at.report.HasBreadcrumbs)
	}
	lines := []string{}
	for _, l := range logs.Logs {
		p, err := json.Marshal(l.Properties)
		if err != nil {
			r.t.Fatal(err)
		}
		lines = append(lines, strings.Join([]string{l.Timestamp, l.Type, l.EventName, string(p), l.Device.Model}, " "))
	}
	return lines
}

// attachments reads the list, and each attachment as a text and through its signed URL.
func (r *reader) attachments() []string {
	r.t.Helper()
	list := read[[]contract.Attachment](r.t, r.s, "/errors/"+r.at.report.ErrorID+"/attachments")
	if has := len(list) > 0; has != r.at.report.HasAttachments {
		r.t.Errorf("%s: %d attachments, hasAttachments is %t", r.log.sample, len(list), r.at.report.HasAttachments)
	}
	lines := []string{}
	for i := range list {
		a := &list[i]
		at := slices.IndexFunc(r.samples.logs, func(l sampleLog) bool {
			return strings.EqualFold(l.ID, a.AttachmentID) && strings.EqualFold(l.ErrorID, r.log.ID)
		})
		if at < 0 {
			r.t.Errorf("%s: attachment %s was never sent", r.log.sample, a.AttachmentID)
			continue
		}
		r.attachment(a, &r.samples.logs[at])
		lines = append(lines, fmt.Sprintf("%s %s %s %d", a.AttachmentID, a.ContentType, a.FileName, a.Size))
	}
	sent := 0
	for _, l := range r.samples.logs {
		if l.ErrorID != "" && strings.EqualFold(l.ErrorID, r.log.ID) {
			sent++
		}
	}
	if len(lines) != sent {
		r.t.Errorf("%s: %d attachments, %d were sent", r.log.sample, len(lines), sent)
	}
	return lines
}

func (r *reader) attachment(a *contract.Attachment, sent *sampleLog) {
	r.t.Helper()
	want, err := base64.StdEncoding.DecodeString(sent.Data)
	if err != nil {
		r.t.Fatal(err)
	}
	path := "/errors/" + r.at.report.ErrorID + "/attachments/" + a.AttachmentID
	if strings.HasPrefix(a.ContentType, "text/") {
		text := read[map[string]string](r.t, r.s, path+"/text")
		r.same(path+"/text", map[string]string{"content": string(want)}, text)
	}
	where := read[map[string]string](r.t, r.s, path+"/location")["uri"]
	answer, got := r.fetch(where, nil)
	r.same(path+"/location", string(want), string(got))
	r.header(answer, "Content-Type", sent.ContentType)
	r.header(answer, "X-Content-Type-Options", "nosniff")
	r.header(answer, "Content-Disposition", "attachment")
	if d := answer.Header.Get("Content-Disposition"); !strings.Contains(d, sent.FileName) {
		r.t.Errorf("%s: Content-Disposition is %q", path, d)
	}
	if answer, part := r.fetch(where, http.Header{"Range": {"bytes=2-4"}}); answer.StatusCode != http.StatusPartialContent || string(part) != string(want[2:5]) {
		r.t.Errorf("%s: a range is answered %s %q", path, answer.Status, part)
	}
	r.forged(where, want)
}

// forged changes a signed URL in every parameter; none of the results may serve the bytes.
func (r *reader) forged(where string, bytes []byte) {
	r.t.Helper()
	u, err := url.Parse(where)
	if err != nil {
		r.t.Fatal(err)
	}
	for name, values := range u.Query() {
		q := u.Query()
		last := values[0][len(values[0])-1]
		q.Set(name, values[0][:len(values[0])-1]+string('0'+(last-'0'+1)%10))
		changed := *u
		changed.RawQuery = q.Encode()
		if answer, got := r.fetch(changed.String(), nil); answer.StatusCode/100 == 2 && changed.RawQuery != u.RawQuery {
			r.t.Errorf("with another %s the URL still serves %d of %d bytes", name, len(got), len(bytes))
		}
	}
}

var groupText = regexp.MustCompile(`"errorGroupId":"\d+(u?)"`)
var reportText = regexp.MustCompile(`(\d{19})-([0-9a-f]{8}-[0-9a-f]{4})`)

// normal makes answers comparable: times as in the samples, group ids without their number.
func (s *sampled) normal(t *testing.T, server *testServer, all []observed) []byte {
	t.Helper()
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(all); err != nil {
		t.Fatal(err)
	}
	text := moveTimes([]byte(b.String()), -s.shift)
	text = groupText.ReplaceAll(text, []byte(`"errorGroupId":"G$1"`))
	text = reportText.ReplaceAllFunc(text, func(id []byte) []byte {
		var digits int64
		fmt.Sscan(string(id[:19]), &digits)
		return fmt.Appendf(nil, "%d%s", digits+int64(s.shift/100), id[19:])
	})
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	e = json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(json.RawMessage(text)); err != nil {
		t.Fatal(err)
	}
	return []byte(b.String())
}

func compareGolden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); d != "" {
		t.Errorf("%s (-want +got), -update writes it anew:\n%s", file, d)
	}
}
