package pipeline_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/pipeline"
	"lifeboat/internal/store"
	"lifeboat/internal/store/sqlite"
)

// world is a journal and a store on a disk, with one app.
type world struct {
	t   testing.TB
	dir string
	db  *store.DB
	j   *journal.Journal
	app diag.App
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.open()
	id := diag.NewID(time.Now())
	var err error
	w.app, err = w.db.CreateApp(t.Context(), diag.App{ID: id, Secret: diag.RandomID(), Owner: "acme", Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.db, err = sqlite.Open(context.Background(), w.dir, sqlite.Options{}); err != nil {
		w.t.Fatal(err)
	}
	w.j, err = journal.Open(context.Background(), journal.Options{Dir: w.dir + "/journal", Clock: diag.SystemClock{}, Register: w.db})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	w.j.Close()
	w.db.Close()
}

func (w *world) pipeline() *pipeline.Pipeline {
	return pipeline.New(pipeline.Options{Journal: w.j, Store: w.db, Clock: diag.SystemClock{}, Log: slog.New(slog.DiscardHandler)})
}

// catchUp runs a new pipeline to the journal's end.
func (w *world) catchUp() pipeline.Stats {
	w.t.Helper()
	p := w.pipeline()
	if err := p.CatchUp(w.t.Context(), w.j.Horizon()); err != nil {
		w.t.Fatal(err)
	}
	return p.Stats()
}

const install = "77777777-7777-4777-8777-777777777777"

func (w *world) append(kind journal.FrameKind, logs ...string) {
	w.t.Helper()
	e := diag.Envelope{Install: install, Received: time.Now().UnixMilli()}
	for _, l := range logs {
		e.Logs = append(e.Logs, []byte(l))
	}
	w.appendPayload(kind, e.Append(nil))
}

func (w *world) appendPayload(kind journal.FrameKind, payload []byte) {
	w.t.Helper()
	_, err := w.j.Append(w.t.Context(), []journal.Frame{{Kind: kind, App: w.app.Num, Install: install, Payload: payload}})
	if err != nil {
		w.t.Fatal(err)
	}
}

func crash(id, method string) string {
	return fmt.Sprintf(`{"type":"managedError","id":%q,"timestamp":"2026-11-20T10:00:00.000Z","sid":"88888888-8888-4888-8888-888888888888",
		"userId":"u-1","device":{"sdkName":"appcenter.android","appVersion":"1.0","appBuild":"1","osName":"Android","model":"Pixel 7","locale":"de_DE"},
		"exception":{"type":"java.lang.IllegalStateException","message":"m","frames":[
		{"className":"com.acme.Cart","methodName":%q,"fileName":"Cart.java","lineNumber":42}]},"fatal":true}`, id, method)
}

func event(id string) string {
	return fmt.Sprintf(`{"type":"event","id":%q,"name":"add","timestamp":"2026-11-20T09:59:00.000Z","sid":"88888888-8888-4888-8888-888888888888","device":{"appVersion":"1.0","appBuild":"1"}}`, id)
}

func attachment(id, errorID string) string {
	return fmt.Sprintf(`{"type":"errorAttachment","id":%q,"errorId":%q,"contentType":"text/plain","fileName":"a.txt","data":"aGVsbG8=","timestamp":"2026-11-20T10:00:01Z","device":{}}`, id, errorID)
}

func guid(n int) string { return fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", n) }

func TestRowsOfEveryKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(journal.Attachment, attachment(guid(9), guid(1))) // before its report
	w.append(journal.Logs, event(guid(5)), `{"type":"startSession","sid":"88888888-8888-4888-8888-888888888888","timestamp":"2026-11-20T09:58:00Z","device":{}}`)
	w.append(journal.Error, crash(guid(1), "total"))
	got := w.catchUp()
	want := pipeline.Stats{Through: w.j.Horizon(), Events: 2, Reports: 1, Attachments: 1, Batches: got.Batches}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("stats (-want +got):\n%s", diff)
	}
	id, _ := diag.ParseID(guid(1))
	r, err := w.db.Report(t.Context(), w.app.Num, id)
	if err != nil {
		t.Fatal(err)
	}
	if r.Group == 0 || r.Reason.Method != "total" || r.Reason.Class != "com.acme.Cart" || r.Reason.Line != 42 || r.UserID != "u-1" ||
		r.AppVersion != "1.0" || r.Model != "Pixel 7" || r.Language != "de" || r.State != diag.SymbolsNotNeeded || r.Problem != "" {
		t.Fatalf("row of the crash: %+v", r)
	}
	files, err := w.db.Attachments(t.Context(), w.app.Num, id)
	if err != nil || len(files) != 1 || files[0].Size != 5 || files[0].FileName != "a.txt" {
		t.Fatalf("attachments: %+v, %v", files, err)
	}
	logs, _, err := w.db.SessionLogs(t.Context(), w.app.Num, store.Moment{Install: r.Install, Session: r.Session, UpTo: r.Time}, 100)
	if err != nil || len(logs) != 2 {
		t.Fatalf("session logs: %+v, %v", logs, err)
	}
}

// TestCopies: the same log again, in another batch and in other letters, makes no second row.
func TestCopies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(journal.Error, crash(guid(0xabc), "total"))
	w.append(journal.Logs, event(guid(1)), event(guid(2)))
	w.append(journal.Logs, event(strings.ToUpper(guid(2))), event(guid(3)))
	w.append(journal.Error, crash(strings.ToUpper(guid(0xabc)), "other"))
	first := w.catchUp()
	w.append(journal.Error, crash("{"+guid(0xabc)+"}", "third"))
	second := w.catchUp()
	if first.Reports != 1 || first.Events != 3 || first.Duplicates != 2 || second.Reports != 0 || second.Duplicates != 1 {
		t.Fatalf("first %+v, second %+v", first, second)
	}
	id, _ := diag.ParseID(guid(0xabc))
	r, err := w.db.Report(t.Context(), w.app.Num, id)
	if err != nil || r.Reason.Method != "total" {
		t.Fatalf("the first copy must win: %+v, %v", r.Reason, err)
	}
}

// TestUnreadable: what cannot be read is a problem that people see, and stops nothing.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.appendPayload(journal.Error, []byte("no envelope"))
	w.append(journal.Logs, event(guid(1)), `{"type":"never heard of"}`, `[]`)
	w.append(journal.Error, `{"type":"managedError","id":"`+guid(7)+`","exception":7}`)
	got := w.catchUp()
	if got.Problems != 3 || got.Events != 1 || got.Reports != 1 {
		t.Fatalf("stats: %+v", got)
	}
	all, err := w.db.Problems(t.Context(), w.app.Num, 10)
	if err != nil || len(all) != 3 || all[2].What != "the frame holds no envelope" || all[1].What != "unknown_type" {
		t.Fatalf("problems: %+v, %v", all, err)
	}
}

func TestAppsThatAreGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(journal.Error, crash(guid(1), "total"))
	if err := w.db.DeleteApp(t.Context(), w.app.Num); err != nil {
		t.Fatal(err)
	}
	if got := w.catchUp(); got.Gone != 1 || got.Reports != 0 || got.Through != w.j.Horizon() {
		t.Fatalf("stats: %+v", got)
	}
}

// TestFollows: Run picks up what comes while it waits, and ends with its context.
func TestFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	p, ended := w.pipeline(), make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	const n = 300
	for i := range n {
		w.append(journal.Error, crash(guid(i), "total"))
	}
	waitFor(t, func() bool { return p.Stats().Reports == n })
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// TestRegisterRefuses: a register that takes no group ids for a while is no reason to stop.
func TestRegisterRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	register, err := sql.Open("sqlite", w.dir+"/register.db")
	if err != nil {
		t.Fatal(err)
	}
	defer register.Close()
	exec := func(text string) {
		t.Helper()
		if _, err := register.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TRIGGER refuse BEFORE INSERT ON group_id BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`)
	w.append(journal.Error, crash(guid(1), "total"))
	p, ended := w.pipeline(), make(chan error, 1)
	go func() { ended <- p.CatchUp(t.Context(), w.j.Horizon()) }()
	waitFor(t, func() bool { return p.Stats().Retries >= 2 })
	exec(`DROP TRIGGER refuse`)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if got := p.Stats(); got.Reports != 1 {
		t.Fatalf("stats: %+v", got)
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); {
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
		(diag.SystemClock{}).Sleep(t.Context(), time.Millisecond)
	}
}

// TestBusy: the pipeline gives way to ingestion and still comes to the end.
func TestBusy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const n = 500
	for i := range n {
		w.append(journal.Error, crash(guid(i), "total"))
	}
	p := pipeline.New(pipeline.Options{Journal: w.j, Store: w.db, Clock: diag.SystemClock{}, Log: slog.New(slog.DiscardHandler), Busy: func() bool { return true }})
	if err := p.CatchUp(t.Context(), w.j.Horizon()); err != nil {
		t.Fatal(err)
	}
	if got := p.Stats(); got.Reports != n || got.Batches < 3 {
		t.Fatalf("stats: %+v", got)
	}
}

// TestTwoPipelines: the one that claims the cursor later wins, the other stops and has doubled nothing.
func TestTwoPipelines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	first, second := w.pipeline(), w.pipeline()
	ended := make(chan error, 1)
	go func() { ended <- first.Run(ctx) }()
	w.append(journal.Error, crash(guid(1), "total"))
	waitFor(t, func() bool { return first.Stats().Reports == 1 })
	go second.Run(ctx)
	waitFor(t, func() bool { return second.Stats().Through == w.j.Horizon() })
	w.append(journal.Error, crash(guid(2), "total"))
	if err := <-ended; !errors.Is(err, store.ErrFenced) {
		t.Fatalf("the first pipeline ended with %v", err)
	}
	waitFor(t, func() bool { return second.Stats().Reports == 1 })
	cancel()
}

// TestUse: what numbers are made of is read of every log, of the device that sent it.
func TestUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	device := `"device":{"model":"Pixel 7","osName":"Android","osVersion":"14","locale":"de_DE","carrierCountry":"AT","appVersion":"1.0","appBuild":"1"}`
	other := strings.Replace(device, "Pixel 7", "Pixel 8", 1)
	w.append(journal.Logs,
		`{"type":"startSession","sid":"88888888-8888-4888-8888-888888888888","timestamp":"2026-11-20T09:58:00Z",`+device+`}`,
		`{"type":"event","id":"`+guid(1)+`","name":"add","sid":"88888888-8888-4888-8888-888888888888","timestamp":"2026-11-20T09:58:30Z","typedProperties":[{"type":"string","name":"sku","value":"`+strings.Repeat("x", 300)+`"}],`+device+`}`,
		`{"type":"page","name":"no event","timestamp":"2026-11-20T09:58:30Z",`+other+`}`)
	w.catchUp()
	all := w.answers()
	for name, want := range map[string]any{
		"events":        []store.EventTotal{{Name: "add", Now: store.EventUse{Count: 1, Devices: 1, Sessions: 1}}},
		"shares 1":      []any{[]store.Share{{Value: "Pixel 7", N: 1}, {Value: "Pixel 8", N: 1}}, int64(1)},
		"shares 2":      []any{[]store.Share{{Value: "Android 14", N: 1}}, int64(1)},
		"shares 3":      []any{[]store.Share{{Value: "at", N: 1}}, int64(1)},
		"shares 4":      []any{[]store.Share{{Value: "de", N: 1}}, int64(1)},
		"values of sku": []any{[]store.Share{{Value: strings.Repeat("x", 128), N: 1}}, int64(1)},
	} {
		if diff := cmp.Diff(want, all[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if s := all["sessions"].([]store.Sessions)[19]; s.N != 1 || s.Total != 30*time.Second {
		t.Errorf("sessions of the day: %+v", s)
	}
}

// TestRebuild: the index made anew from the journal says the same as before, joins, copies and collisions of
// group ids included.
func TestRebuild(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 40 {
		w.append(journal.Error, crash(guid(i%30), fmt.Sprintf("method%c", 'a'+i%7)))
		w.append(journal.Attachment, attachment(guid(100+i), guid((i+5)%35)))
		w.append(journal.Logs, event(guid(i%11)), event(guid(i)))
	}
	w.catchUp()
	before := w.answers()
	if err := w.db.ResetIndex(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.catchUp()
	if diff := cmp.Diff(before, w.answers()); diff != "" {
		t.Fatalf("answers change (-before +after):\n%s", diff)
	}
}

// answers is what the store says of everything.
func (w *world) answers() map[string]any {
	w.t.Helper()
	ctx, all := w.t.Context(), map[string]any{}
	must := func(name string, v any, err error) {
		if err != nil {
			w.t.Fatal(name, err)
		}
		all[name] = v
	}
	groups, _, err := w.db.Groups(ctx, store.GroupQuery{App: w.app.Num})
	must("groups", groups, err)
	reports, _, err := w.db.Reports(ctx, store.ReportQuery{App: w.app.Num})
	must("reports", reports, err)
	for i := range reports {
		files, err := w.db.Attachments(ctx, w.app.Num, reports[i].ID)
		must("attachments of "+reports[i].ID.String(), files, err)
		logs, _, err := w.db.SessionLogs(ctx, w.app.Num, store.Moment{Install: install, Session: reports[i].Session, UpTo: reports[i].Time}, 100)
		must("logs of "+reports[i].ID.String(), logs, err)
	}
	copies, err := w.db.Duplicates(ctx, 0, w.j.Horizon())
	must("copies", copies, err)
	november := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	span := store.SpanQuery{App: w.app.Num, Start: diag.DeviceTimeOf(november), End: diag.DeviceTimeOf(november.AddDate(0, 1, 0))}
	windows, err := w.db.ActiveWindows(ctx, span)
	must("windows", windows, err)
	for _, of := range []store.Trait{store.TraitVersion, store.TraitModel, store.TraitSystem, store.TraitCountry, store.TraitLanguage} {
		shares, total, err := w.db.Shares(ctx, span, of)
		must(fmt.Sprint("shares ", of), []any{shares, total}, err)
	}
	begun, err := w.db.SessionDays(ctx, span)
	must("sessions", begun, err)
	use := store.EventQuery{App: span.App, Start: span.Start, End: span.End}
	events, err := w.db.Events(ctx, use)
	must("events", events, err)
	use.Names = []string{"add"}
	for _, property := range []string{"sku", "size"} {
		values, total, err := w.db.PropertyValues(ctx, use, property)
		if diag.KindOf(err) == diag.NotFound && err != nil {
			err = nil
		}
		must("values of "+property, []any{values, total}, err)
	}
	stats, err := w.db.IndexStats(ctx, w.app.Num)
	must("stats", stats, err)
	return all
}

// BenchmarkBacklog measures how fast crashes that wait are processed: decoded, grouped, readable.
func BenchmarkBacklog(b *testing.B) {
	w := newWorld(b)
	for i := range b.N {
		w.append(journal.Error, crash(guid(i), fmt.Sprintf("method%c", 'a'+i%7)))
	}
	b.ResetTimer()
	w.catchUp()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "crashes/s")
}

// BenchmarkBacklogEvents is the same for requests of 50 events.
func BenchmarkBacklogEvents(b *testing.B) {
	w := newWorld(b)
	id := 0
	for range b.N {
		logs := make([]string, 50)
		for i := range logs {
			logs[i] = event(guid(id))
			id++
		}
		w.append(journal.Logs, logs...)
	}
	b.ResetTimer()
	w.catchUp()
	b.ReportMetric(float64(50*b.N)/b.Elapsed().Seconds(), "logs/s")
}
