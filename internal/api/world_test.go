package api_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"lifeboat/internal/api"
	"lifeboat/internal/auth"
	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/journal/journaltest"
	"lifeboat/internal/report"
	"lifeboat/internal/store"
	"lifeboat/internal/store/sqlite"
	"lifeboat/internal/upload"
	"lifeboat/internal/wire"
)

// today is when the tests happen.
var today = time.Date(2024, 5, 10, 12, 0, 30, 0, time.UTC)

var installKey = [32]byte{7}

// world is a server without ingestion and without a pipeline of its own: tests send and index by hand.
type world struct {
	testing.TB
	clock   *journaltest.Clock
	store   *store.DB
	journal *journal.Journal
	reports *report.Reader
	targets *targets
	uploads *upload.Store
	gate    *auth.Gate
	api     *api.API
	handler http.Handler
	server  *httptest.Server
	logs    lockedBuffer

	admin, ann diag.User // ann is the manager of the app
	org        diag.Org  // acme, its owner
	app        diag.App  // acme/Shop
	token      string    // of ann

	mu      sync.Mutex
	changed map[string]int // calls of AppsChanged and ExportsChanged
	epoch   int64
	through uint64
}

// targets knows one good connection string and takes any folder.
type targets struct {
	mu      sync.Mutex
	checked []string // what was tried: type, path kind, secret
	fail    error
}

const (
	goodSecret = "DefaultEndpointsProtocol=https;AccountName=acmecrashes;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net"
	badSecret  = "AccountKey=bm9ib2R5IG1heSBzZWUgdGhpcw=="
	refusal    = "Secret validation failed. Either the format is incorrect or couldn't connect to storage account."
)

func (c *targets) Check(_ context.Context, e *store.Export, secret string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checked = append(c.checked, e.Type+" "+e.PathKind+" "+e.Path+" "+secret)
	switch {
	case c.fail != nil:
		return c.fail
	case secret != "" && secret != goodSecret:
		return diag.Errorf(diag.Invalid, refusal)
	case e.Type == "directory":
		e.ResourceName = e.Path
		return nil
	case secret != "":
		e.Sealed, e.SecretHash = []byte("sealed "+secret), []byte{1}
	}
	e.ResourceName, e.BlobEndpoint, e.Container = "acmecrashes", "https://acmecrashes.blob.core.windows.net", "archive"
	return nil
}

// lockedBuffer collects what is logged.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t testing.TB, change ...func(*api.Options)) *world {
	t.Helper()
	w := &world{TB: t, clock: journaltest.NewClock(today), targets: &targets{}, changed: map[string]int{}}
	ctx := context.Background()
	var err error
	w.store, err = sqlite.Open(ctx, t.TempDir(), sqlite.Options{})
	w.must(err)
	t.Cleanup(func() { w.store.Close() })
	w.journal, err = journal.Open(ctx, journal.Options{
		Dir: t.TempDir(), Clock: w.clock, Register: w.store, Log: slog.New(slog.DiscardHandler), OnFatal: func(err error) { t.Error(err) },
	})
	w.must(err)
	t.Cleanup(func() { w.journal.Close() })
	_, w.epoch, err = w.store.ClaimIndex(ctx)
	w.must(err)
	w.reports = &report.Reader{Journal: w.journal, Store: w.store}
	w.store.SetTexts(w.reports)
	log := slog.New(slog.NewTextHandler(&w.logs, nil))
	w.gate = auth.New(w.store, w.clock, log)
	w.uploads, err = upload.Open(upload.Options{Dir: t.TempDir(), Clock: w.clock})
	w.must(err)
	o := api.Options{
		Uploads: w.uploads, SymbolsChanged: w.count("symbols"),
		Store: w.store, Reports: w.reports, Clock: w.clock, Key: [32]byte{1}, InstallKey: installKey, Targets: w.targets, Log: log, Gate: w.gate,
		JournalNow: w.journal.Now, Oldest: w.oldest, AppsChanged: w.count("apps"), ExportsChanged: w.count("exports"), AccountGone: w.count("accounts"), PublicURL: "https://crashes.example/",
	}
	for _, c := range change {
		c(&o)
	}
	w.api = api.New(o)
	w.handler = w.api
	w.server = httptest.NewServer(w.handler)
	t.Cleanup(w.server.Close)
	w.admin = w.user("root", true)
	w.ann = w.user("ann", false)
	w.org, err = w.store.CreateOrg(ctx, diag.Org{
		ID: diag.ID{0x0c, 1}, Name: "acme", DisplayName: "acme", CreatedAt: today.UnixMilli(), UpdatedAt: today.UnixMilli(),
	}, w.user("olga", false).Num)
	w.must(err)
	w.app = w.newApp("acme", "Shop", 1)
	w.must(w.store.SetMember(ctx, w.app.Num, w.ann.Num, diag.RoleManager))
	w.token = w.tokenOf(w.ann, 0, diag.ScopeAll)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) count(what string) func() {
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.changed[what]++
	}
}

func (w *world) changes(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed[what]
}

func (w *world) oldest() diag.IngressTime {
	t, _, err := w.journal.NextTime(0)
	if err != nil {
		panic(err)
	}
	return t
}

func (w *world) user(name string, admin bool) diag.User {
	w.Helper()
	u, err := w.store.CreateUser(context.Background(), diag.User{
		ID: diag.DerivedID([]byte(name)), Name: name, DisplayName: strings.ToUpper(name[:1]) + name[1:] + " Example", Email: name + "@example.com", Admin: admin, CreatedAt: today.UnixMilli(),
	})
	w.must(err)
	return u
}

func (w *world) newApp(owner, name string, n byte) diag.App {
	w.Helper()
	a, err := w.store.CreateApp(context.Background(), diag.App{
		ID: diag.ID{0xa, n}, Secret: diag.ID{0x5e, n}, Owner: owner, Name: name, DisplayName: name + " App", OS: "Android", Platform: "Java",
		CreatedAt: today.UnixMilli(), UpdatedAt: today.UnixMilli(),
	})
	w.must(err)
	return a
}

// tokenOf makes a token of a user, or with app not 0 of an app.
func (w *world) tokenOf(u diag.User, app int64, scope string) string {
	w.Helper()
	text, hash := auth.NewToken()
	w.must(w.store.CreateToken(context.Background(), diag.Token{ID: diag.RandomID(), User: u.Num, App: app, Scope: scope, CreatedAt: today.UnixMilli()}, hash))
	return text
}

// answer is what a client gets.
type answer struct {
	testing.TB
	status int
	header http.Header
	body   string
}

// call makes a request of ann's; "~" stands for the app's path.
func (w *world) call(method, path string, body ...string) answer {
	w.Helper()
	return w.callAs(w.token, method, path, body...)
}

func (w *world) callAs(token, method, path string, body ...string) answer {
	w.Helper()
	var in io.Reader
	if len(body) > 0 {
		in = strings.NewReader(strings.Join(body, ""))
	}
	r, err := http.NewRequest(method, w.server.URL+strings.Replace(path, "~", "/v0.1/apps/acme/Shop", 1), in)
	w.must(err)
	if token != "" {
		r.Header.Set("x-api-token", token)
	}
	return w.do(r)
}

// do sends a request and checks what every answer must have.
func (w *world) do(r *http.Request) answer {
	w.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	w.must(err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	w.must(err)
	a := answer{w.TB, response.StatusCode, response.Header, string(raw)}
	if a.header.Get("X-Correlation-ID") == "" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		w.Errorf("%s: headers %v", r.URL.Path, a.header)
	}
	if a.status >= 300 && a.status < 400 {
		w.Errorf("%s is redirected", r.URL.Path)
	}
	if kind := a.header.Get("Content-Type"); strings.HasPrefix(kind, "application/json") && kind != "application/json; charset=utf-8" && a.header.Get("Content-Disposition") == "" {
		w.Errorf("%s: type %q", r.URL.Path, kind) // T3
	}
	if a.status >= 400 && r.Method != http.MethodHead {
		a.checkError()
	}
	if a.status < 300 && r.Method != http.MethodHead {
		conform(w.TB, r, a)
	}
	return a
}

// checkError checks that every reader of errors finds what it looks for (Q3).
func (a answer) checkError() {
	a.Helper()
	var e struct {
		ID         string `json:"id"`
		StatusCode int    `json:"statusCode"`
		Code       any    `json:"code"`
		Message    string `json:"message"`
		RequestID  string `json:"request_id"`
		Error      struct {
			Code    any    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal([]byte(a.body), &e); err != nil {
		a.Errorf("error body %q: %v", a.body, err)
	}
	if e.StatusCode != a.status || e.Code == "" || e.Message == "" || e.Error.Message != e.Message || e.ID != a.header.Get("X-Correlation-ID") {
		a.Errorf("error body %s of a %d", a.body, a.status)
	}
	_, words := e.Error.Code.(string)
	_, numbers := e.Error.Code.(float64)
	if _, alert := e.Code.(float64); alert != (e.RequestID != "") || alert && (!words || e.RequestID != e.ID) || !alert && e.Error.Code != e.Code && !numbers {
		a.Errorf("codes in error body %s", a.body)
	}
}

// want checks the status and, if there are any, texts that the body must hold.
func (a answer) want(status int, texts ...string) answer {
	a.Helper()
	if a.status != status {
		a.Errorf("status %d, want %d: %s", a.status, status, a.body)
	}
	for _, s := range texts {
		if !strings.Contains(a.body, s) {
			a.Errorf("no %q in %s", s, a.body)
		}
	}
	return a
}

// into decodes the body.
func (a answer) into(v any) {
	a.Helper()
	if a.status >= 300 {
		a.Fatalf("status %d: %s", a.status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		a.Fatalf("%v: %s", err, a.body)
	}
}

const install = diag.InstallID("11111111-2222-3333-4444-555555555555")

// send appends the logs of one request as ingestion does, and indexes them as the pipeline does.
func (w *world) send(logs ...string) { w.Helper(); w.sendTo(&w.app, install, logs...) }

func (w *world) sendTo(app *diag.App, from diag.InstallID, logs ...string) {
	w.Helper()
	e := diag.Envelope{Install: from, Correlation: diag.ID{0xcc, 1}, Received: w.clock.Now().UnixMilli()}
	var frames []journal.Frame
	var others [][]byte
	for _, raw := range logs {
		l, why := wire.Peek([]byte(raw), app.ID, from, w.clock.Now())
		if why != "" {
			w.Fatalf("%s: %s", why, raw)
		}
		if l.Kind.Family() == diag.FamilyOther {
			others = append(others, []byte(raw))
			continue
		}
		kind := journal.Error
		if l.Kind.Family() == diag.FamilyAttachment {
			kind = journal.Attachment
		}
		one := e
		one.Logs = [][]byte{[]byte(raw)}
		frames = append(frames, journal.Frame{Kind: kind, App: app.Num, Log: l.ID, Install: from, Payload: one.Append(nil)})
	}
	if others != nil {
		e.Logs = others
		frames = append(frames, journal.Frame{Kind: journal.Logs, App: app.Num, Install: from, Payload: e.Append(nil)})
	}
	_, err := w.journal.Append(context.Background(), frames)
	w.must(err)
	w.index()
}

func (w *world) index() {
	w.Helper()
	f := w.journal.Follow(w.through)
	defer f.Close()
	for {
		entries, err := f.Next(512, 4<<20)
		w.must(err)
		if len(entries) == 0 {
			return
		}
		b := store.Batch{After: w.through, Through: entries[len(entries)-1].Number, Epoch: w.epoch}
		for i := range entries {
			w.rows(&b, &entries[i])
		}
		_, err = w.store.ApplyBatch(context.Background(), b)
		w.must(err)
		w.through = b.Through
	}
}

func (w *world) rows(b *store.Batch, e *journal.Entry) {
	w.Helper()
	app, err := w.store.AppByNum(context.Background(), e.App)
	w.must(err)
	payload, err := e.Payload(nil)
	w.must(err)
	envelope, err := diag.ParseEnvelope(payload)
	w.must(err)
	for member, raw := range envelope.Logs {
		l, _ := wire.Peek(raw, app.ID, envelope.Install, time.UnixMilli(envelope.Received))
		at := e.Locator
		at.Member = member
		switch l.Kind.Family() {
		case diag.FamilyError:
			b.Reports = append(b.Reports, w.reportRow(e, &app, l, envelope.Install, at))
		case diag.FamilyAttachment:
			a := wire.DecodeAttachment(l, false)
			row := store.AttachmentRow{
				Feed: e.Number, Time: a.Timestamp, Ingress: e.Time, App: app.Num, ID: a.ID, ErrorID: a.ErrorID, Install: envelope.Install,
				ContentType: a.ContentType, FileName: a.FileName, Size: a.Size, Problem: a.Problem, Locator: at,
			}
			row.Search = store.NewAttachmentDoc(&row, report.AttachmentText(l, row.ContentType))
			b.Attachments = append(b.Attachments, row)
		default:
			d := wire.DecodeEvent(l)
			name := d.Name
			if l.Kind != diag.KindEvent {
				name = ""
			}
			b.Events = append(b.Events, store.EventRow{
				Feed: e.Number, Time: l.Timestamp, Ingress: e.Time, App: app.Num, Kind: l.Kind, ID: l.ID, Install: envelope.Install, Session: l.Session,
				AppVersion: l.AppVersion, AppBuild: l.AppBuild, Locator: at, Name: name, Properties: d.Properties,
				Traits: &store.Traits{Model: d.Device.Model, OS: d.Device.OSName + " " + d.Device.OSVersion, Country: strings.ToLower(d.Device.CarrierCountry),
					Language: contract.LanguageOf(d.Device.Locale)},
			})
		}
	}
}

func (w *world) reportRow(e *journal.Entry, app *diag.App, l diag.Log, from diag.InstallID, at diag.Locator) store.ReportRow {
	w.Helper()
	full, err := report.Decode(context.Background(), w.reports.Symbols, app, l, from)
	w.must(err)
	rep, d, v := &full.Report, &full.Report.Device, &full.Verdict.Reason
	ids, err := w.store.GroupIDs(context.Background(), []diag.GroupKey{{App: app.Num, Signature: full.Verdict.Signature, AppVersion: d.AppVersion, Handled: rep.Handled}})
	w.must(err)
	language, _, _ := strings.Cut(d.Locale, "_")
	row := store.ReportRow{
		Feed: e.Number, Time: rep.Timestamp, Ingress: e.Time, App: app.Num, Kind: rep.Kind, Handled: rep.Handled, ID: rep.ID, Install: rep.Install,
		Session: rep.Session, UserID: rep.UserID, AppVersion: d.AppVersion, AppBuild: d.AppBuild, Model: d.Model, OSName: d.OSName, OSVersion: d.OSVersion,
		Country: strings.ToLower(d.CarrierCountry), Language: language, Signature: full.Verdict.Signature, Group: ids[0],
		Reason: store.Reason{
			Type: v.ExceptionType, OSExceptionType: v.OSExceptionType, Class: v.Frame.Class, Method: v.Frame.Method, File: v.Frame.File, Line: v.Frame.Line,
			AppCode: v.Frame.AppCode, ClassMethod: v.Frame.ClassMethod, CodeRaw: v.CodeRaw, Framework: v.Frame.Image, Language: v.Frame.Language,
		},
		State: full.State, Missing: full.Missing, MissingNames: full.MissingNames, Problem: rep.Problem, Locator: at,
	}
	row.Search = store.NewSearchDoc(&row, full.Texts())
	return row
}

// Logs as devices send them. n makes ids; the same n is the same log.

const session = "5e551011-0000-4000-8000-000000000001"

// spec is what a report is made of; zero fields have defaults.
type spec struct {
	n       int
	kind    string // managedError
	at      time.Time
	method  string // total
	version string // 2.1.0
	build   string // 210
	user    string
	model   string // Pixel 8
	os      string // 14
}

func guid(space string, n int) string {
	return diag.DerivedID([]byte(space), fmt.Append(nil, n)).String()
}

func crashID(n int) string { return guid("error", n) }

// reported is the public id of a spec's report.
func (s spec) reported() string {
	s.setDefaults()
	id, _ := diag.ParseID(crashID(s.n))
	return diag.ReportID(diag.DeviceTimeOf(s.at), id)
}

func (s *spec) setDefaults() {
	for _, d := range []struct {
		field *string
		value string
	}{{&s.kind, "managedError"}, {&s.method, "total"}, {&s.version, "2.1.0"}, {&s.build, "210"}, {&s.model, "Pixel 8"}, {&s.os, "14"}} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if s.at.IsZero() {
		s.at = time.Date(2024, 5, 9, 19, 37, s.n%60, 0, time.UTC)
	}
}

func (s *spec) device() string {
	return fmt.Sprintf(`"device":{"sdkName":"appcenter.android","sdkVersion":"5.0.6","model":%q,"oemName":"Google","osName":"Android","osVersion":%q,"osApiLevel":34,"locale":"sv_SE","carrierCountry":"SE","carrierName":"Telia","timeZoneOffset":60,"appVersion":%q,"appBuild":%q,"appNamespace":"com.acme.shop"}`,
		s.model, s.os, s.version, s.build)
}

// log is the report's log.
func (s spec) log() string {
	s.setDefaults()
	user, properties := "", ""
	if s.user != "" {
		user = fmt.Sprintf(`"userId":%q,`, s.user)
	}
	if s.kind == "handledError" {
		properties = `"properties":{"Screen":"cart"},`
	}
	return fmt.Sprintf(`{"type":%q,"id":%q,"timestamp":%q,"sid":%q,"fatal":%t,"appLaunchTimestamp":"2024-05-09T19:30:00.000Z",%s%s"exception":{"type":"java.lang.IllegalStateException","message":"cart <%d> is gone","frames":[{"className":"com.acme.shop.Cart","methodName":%q,"fileName":"Cart.java","lineNumber":42},{"className":"android.os.Handler","methodName":"dispatchMessage","fileName":"Handler.java","lineNumber":102}]},%s}`,
		s.kind, crashID(s.n), s.at.Format("2006-01-02T15:04:05.000Z"), session, s.kind == "managedError", user, properties, s.n, s.method, s.device())
}

func event(n int, at time.Time) string {
	s := spec{}
	s.setDefaults()
	return fmt.Sprintf(`{"type":"event","id":%q,"timestamp":%q,"sid":%q,"name":"Checkout","typedProperties":[{"type":"string","name":"Cart","value":"%d"}],%s}`,
		guid("event", n), at.Format("2006-01-02T15:04:05.000Z"), session, n, s.device())
}

func attachmentID(n int) string { return guid("attachment", n) }

func attach(n int, errorID, contentType, name string, data []byte) string {
	s := spec{}
	s.setDefaults()
	return fmt.Sprintf(`{"type":"errorAttachment","id":%q,"errorId":%q,"timestamp":"2024-05-09T19:37:06.000Z","contentType":%q,"fileName":%q,"data":%q,%s}`,
		attachmentID(n), errorID, contentType, name, base64.StdEncoding.EncodeToString(data), s.device())
}

// Shapes of answers, as far as tests look into them.

type groupList struct {
	NextLink    string `json:"nextLink"`
	ErrorGroups []struct {
		ID      string `json:"errorGroupId"`
		Count   int    `json:"count"`
		Devices int    `json:"deviceCount"`
		Version string `json:"appVersion"`
		Build   string `json:"appBuild"`
		Message string `json:"exceptionMessage"`
		Method  string `json:"exceptionMethod"`
		State   string `json:"state"`
	} `json:"errorGroups"`
}

type reportList struct {
	NextLink string `json:"nextLink"`
	Errors   []struct {
		ID      string `json:"errorId"`
		Install string `json:"installId"`
	} `json:"errors"`
}

// groups lists all groups.
func (w *world) groups(query string) groupList {
	w.Helper()
	var l groupList
	w.call("GET", "~/errors/errorGroups"+query).want(200).into(&l)
	return l
}
