package export_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lifeboat/internal/archive"
	"lifeboat/internal/blob"
	"lifeboat/internal/blob/blobtest"
	"lifeboat/internal/diag"
	"lifeboat/internal/export"
	"lifeboat/internal/journal"
	"lifeboat/internal/report"
	"lifeboat/internal/store"
	"lifeboat/internal/store/sqlite"
	"lifeboat/internal/wire"
)

// world is a server without ingestion and without a pipeline of its own: tests send and index by hand.
type world struct {
	testing.TB
	dir     string
	clock   *diag.StepClock
	store   *store.DB
	journal *journal.Journal
	app     diag.App

	mu      sync.Mutex
	buckets map[diag.ID]blob.Bucket // of configurations

	options func(*export.Options)
	x       *export.Exporter
	kill    context.CancelFunc // stops the exporter where it stands
	stop    func()             // the same, and waits until it has
}

// inWorld runs a test in a bubble of its own time, which begins in the middle of a minute.
func inWorld(t *testing.T, fn func(*testing.T, *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * time.Second)
		fn(t, newWorld(t))
	})
}

func newWorld(t testing.TB) *world {
	w := &world{TB: t, dir: t.TempDir(), clock: diag.NewStepClock(), buckets: map[diag.ID]blob.Bucket{}}
	var err error
	w.store, err = sqlite.Open(context.Background(), w.dir, sqlite.Options{})
	w.must(err)
	t.Cleanup(func() { w.store.Close() })
	w.journal, err = journal.Open(context.Background(), journal.Options{
		Dir: filepath.Join(w.dir, "journal"), Clock: w.clock, Register: w.store, Log: slog.New(slog.DiscardHandler), OnFatal: func(err error) { t.Error(err) },
	})
	w.must(err)
	t.Cleanup(func() { w.journal.Close() })
	t.Cleanup(w.halt)
	_, _, err = w.store.ClaimIndex(context.Background())
	w.must(err)
	w.app = w.newApp(1)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) newApp(n byte) diag.App {
	a, err := w.store.CreateApp(context.Background(), diag.App{
		ID: diag.ID{0xa, n}, Secret: diag.ID{0x5e, n}, Owner: "acme", Name: fmt.Sprintf("app-%d", n), OS: "Android", Platform: "Java", CreatedAt: 1,
	})
	w.must(err)
	return a
}

// configure makes a configuration of the world's app that exports into a bucket from now on.
func (w *world) configure(b blob.Bucket, entities ...string) store.Export {
	return w.configureAs(store.Export{Entities: entities}, b)
}

func (w *world) configureAs(e store.Export, b blob.Bucket) store.Export {
	w.Helper()
	if e.App == 0 {
		e.App = w.app.Num
	}
	if e.From == 0 {
		e.From = diag.MinuteOf(w.journal.Now())
	}
	if e.Entities == nil {
		e.Entities = []string{"crashes"}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	e.ID, e.State, e.CreatedAt, e.Type = diag.ID{0xc0, byte(len(w.buckets) + 1)}, "Enabled", int64(len(w.buckets)+1), "blob_storage_connection_string"
	e.HandledErrors = !e.HandledErrors // the zero value stands for the API's default
	w.must(w.store.CreateExport(context.Background(), e))
	w.buckets[e.ID] = b
	return e
}

func (w *world) open(_ context.Context, e store.Export) (blob.Bucket, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buckets[e.ID], nil
}

// exporter makes an exporter on the world's store, as a process does when it starts.
func (w *world) exporter(spool string) *export.Exporter {
	w.Helper()
	o := export.Options{
		Store: w.store, Journal: w.journal, Reports: &report.Reader{Journal: w.journal, Store: w.store}, Clock: w.clock, Log: slog.New(slog.DiscardHandler),
		SpoolDir: filepath.Join(w.dir, spool), Open: w.open, Rand: func() float64 { return 1 },
	}
	if w.options != nil {
		w.options(&o)
	}
	x, err := export.New(o)
	w.must(err)
	return x
}

// start runs an exporter until halt.
func (w *world) start() {
	w.Helper()
	w.x = w.exporter("spool")
	ctx, cancel := context.WithCancel(context.Background())
	w.kill = cancel
	w.stop = w.run(ctx, cancel, w.x)
}

func (w *world) run(ctx context.Context, cancel context.CancelFunc, x *export.Exporter) (stop func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := x.Run(ctx); err != nil {
			w.Error(err)
		}
	}()
	return sync.OnceFunc(func() { cancel(); <-ended })
}

func (w *world) halt() {
	if w.stop != nil {
		w.stop()
	}
}

// export lets so many minutes pass with an exporter running.
func (w *world) export(minutes int) {
	w.Helper()
	w.start()
	w.pass(minutes)
	w.halt()
}

// pass lets so many minutes pass.
func (w *world) pass(minutes int) {
	time.Sleep(time.Duration(minutes) * time.Minute)
	synctest.Wait()
}

const install = diag.InstallID("11111111-2222-3333-4444-555555555555")

// send appends the logs of one request as ingestion does.
func (w *world) send(logs ...string) { w.Helper(); w.sendTo(&w.app, install, logs...) }

func (w *world) sendTo(app *diag.App, from diag.InstallID, logs ...string) journal.Receipt {
	w.Helper()
	e := diag.Envelope{Install: from, Correlation: diag.ID{0xcc, 1}, Received: w.clock.Now().UnixMilli()}
	var frames []journal.Frame
	frame := func(kind journal.FrameKind, id diag.ID, raw ...[]byte) {
		one := e
		one.Logs = raw
		frames = append(frames, journal.Frame{Kind: kind, App: app.Num, Log: id, Install: from, Payload: one.Append(nil)})
	}
	var others [][]byte
	for _, raw := range logs {
		l, why := wire.Peek([]byte(raw), app.ID, from, w.clock.Now())
		if why != "" {
			w.Fatalf("%s: %s", why, raw)
		}
		switch l.Kind.Family() {
		case diag.FamilyError:
			frame(journal.Error, l.ID, []byte(raw))
		case diag.FamilyAttachment:
			frame(journal.Attachment, l.ID, []byte(raw))
		default:
			others = append(others, []byte(raw))
		}
	}
	if others != nil {
		frame(journal.Logs, diag.ID{}, others...)
	}
	r, err := w.journal.Append(context.Background(), frames)
	w.must(err)
	return r
}

// index does the pipeline's work for everything that was sent.
func (w *world) index() {
	w.Helper()
	through, epoch, err := w.store.IndexCursor(context.Background())
	w.must(err)
	f := w.journal.Follow(through)
	defer f.Close()
	for {
		entries, err := f.Next(512, 4<<20)
		w.must(err)
		if len(entries) == 0 {
			return
		}
		b := store.Batch{After: through, Through: entries[len(entries)-1].Number, Epoch: epoch}
		for i := range entries {
			w.rows(&b, &entries[i])
		}
		_, err = w.store.ApplyBatch(context.Background(), b)
		w.must(err)
		through = b.Through
	}
}

func (w *world) rows(b *store.Batch, e *journal.Entry) {
	w.Helper()
	app, err := w.store.AppByNum(context.Background(), e.App)
	if diag.KindOf(err) == diag.NotFound {
		return
	}
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
			b.Attachments = append(b.Attachments, store.AttachmentRow{Feed: e.Number, Time: a.Timestamp, Ingress: e.Time, App: app.Num, ID: a.ID, ErrorID: a.ErrorID,
				Install: envelope.Install, ContentType: a.ContentType, FileName: a.FileName, Size: a.Size, Problem: a.Problem, Locator: at})
		default:
			b.Events = append(b.Events, store.EventRow{Feed: e.Number, Time: l.Timestamp, Ingress: e.Time, App: app.Num, Kind: l.Kind, ID: l.ID,
				Install: envelope.Install, Session: l.Session, Locator: at})
		}
	}
}

func (w *world) reportRow(e *journal.Entry, app *diag.App, l diag.Log, from diag.InstallID, at diag.Locator) store.ReportRow {
	w.Helper()
	full, err := report.Decode(context.Background(), (&report.Reader{}).Symbols, app, l, from)
	w.must(err)
	rep := &full.Report
	ids, err := w.store.GroupIDs(context.Background(), []diag.GroupKey{{App: app.Num, Signature: full.Verdict.Signature, AppVersion: rep.Device.AppVersion, Handled: rep.Handled}})
	w.must(err)
	return store.ReportRow{Feed: e.Number, Time: rep.Timestamp, Ingress: e.Time, App: app.Num, Kind: rep.Kind, Handled: rep.Handled, ID: rep.ID, Install: rep.Install,
		Session: rep.Session, Signature: full.Verdict.Signature, Group: ids[0], State: full.State, Problem: rep.Problem, Locator: at}
}

// Logs as devices send them. n makes ids; the same n is the same log.

const device = `"device":{"sdkName":"appcenter.android","sdkVersion":"5.0.4","model":"Pixel 8","oemName":"Google","osName":"Android","osVersion":"14","osApiLevel":34,"locale":"sv_SE","timeZoneOffset":60,"appVersion":"2.1.0","appBuild":"210","appNamespace":"com.acme.shop"}`

const session = `"sid":"5e551011-0000-4000-8000-000000000001"`

// id makes a GUID that is in no order, so that sorting can be seen.
func id(space string, n int) string {
	return diag.DerivedID([]byte(space), fmt.Append(nil, n)).String()
}

func event(n int) string {
	return fmt.Sprintf(`{"type":"event","id":%q,"timestamp":"1999-12-31T23:59:30.%03dZ",%s,"name":"Checkout","typedProperties":[{"type":"string","name":"Cart","value":"%d"}],%s}`,
		id("event", n), n%1000, session, n, device)
}

func crash(n int) string { return errorLog("managedError", n, `"fatal":true,`) }

func handled(n int) string {
	return errorLog("handledError", n, `"properties":{"Screen":"cart"},`)
}

func errorLog(kind string, n int, more string) string {
	return fmt.Sprintf(`{"type":%q,"id":%q,"timestamp":"1999-12-31T23:59:59.%03dZ",%s,"userId":"ada",%s"exception":{"type":"java.lang.IllegalStateException","message":"cart <%d> is gone","frames":[{"className":"com.acme.shop.Cart","methodName":"total","fileName":"Cart.java","lineNumber":42}]},%s}`,
		kind, id(kind, n), n%1000, session, more, n, device)
}

func attach(n int, errorID string) string {
	return fmt.Sprintf(`{"type":"errorAttachment","id":%q,"errorId":%q,"timestamp":"1999-12-31T23:59:59Z","contentType":"text/plain","fileName":"log %d.txt","data":%q,%s}`,
		id("attachment", n), errorID, n, base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "attachment %d", n)), device)
}

func crashID(n int) string   { return id("managedError", n) }
func handledID(n int) string { return id("handledError", n) }

// What a bucket holds.

// contents are the blobs by name.
func contents(t testing.TB, b blob.Bucket) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := b.List(context.Background(), "", "", func(i blob.Info) error {
		r, _, err := b.Get(context.Background(), i.Name, 0, -1)
		if err != nil {
			return err
		}
		defer r.Close()
		body, err := io.ReadAll(r)
		all[i.Name] = string(body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// record is one exported record.
type record map[string]string

// kept are all records of an entity with the window of their folder, and everything about them that must hold
// wherever and however they came: each is there once, in order, and what it names is there.
func kept(t testing.TB, b blob.Bucket) map[string][]string {
	t.Helper()
	blobs := contents(t, b)
	found, seen := map[string][]string{}, map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(blobs)) {
		place, ok := archive.ParseArrayName(name)
		if !ok {
			continue
		}
		entity := strings.Split(place.Rest[strings.LastIndex(place.Rest, "/")+1:], ".")[0]
		records := readArray(t, name, blobs[name])
		for _, r := range records {
			key := strings.Join([]string{entity, r["AppId"], r["MessageType"], r["MessageId"], r["InstallId"]}, " ")
			if seen[key] {
				t.Errorf("%s: %s is there twice", name, key)
			}
			seen[key] = true
			found[entity] = append(found[entity], fmt.Sprintf("%s %s %s", place.Root+place.Minute.Time().Format("15:04"), r["MessageType"], r["MessageId"]))
			if pointer := r["Properties"]; pointer != "" && pointer[0] != '{' {
				if _, ok := blobs[pointer]; !ok {
					t.Errorf("%s: %s names %s, which is not there", name, key, pointer)
				}
			}
		}
	}
	for entity := range found {
		slices.Sort(found[entity])
	}
	return found
}

func readArray(t testing.TB, name, body string) []record {
	t.Helper()
	var records []record
	if err := json.Unmarshal([]byte(body), &records); err != nil || len(records) == 0 {
		t.Fatalf("%s: %d records, %v", name, len(records), err)
	}
	if !slices.IsSortedFunc(records, func(a, b record) int {
		return cmp.Or(cmp.Compare(a["IngressTimestamp"], b["IngressTimestamp"]), cmp.Compare(a["MessageId"], b["MessageId"]))
	}) {
		t.Errorf("%s is not sorted", name)
	}
	return records
}

// line is how kept says that a log is in the window that ends at a minute.
func line(minute, messageType, id string) string {
	return fmt.Sprintf("%s %s %s", minute, messageType, id)
}

func sorted(lines ...string) []string { slices.Sort(lines); return lines }

// scripted is a bucket one of whose calls goes wrong.
func scripted(b blob.Bucket, at int, fault blobtest.Fault, also func()) *blobtest.Faulty {
	var mu sync.Mutex
	calls := 0
	return &blobtest.Faulty{Bucket: b, Next: func(string, string) blobtest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls != at {
			return blobtest.NoFault
		}
		also()
		return fault
	}}
}

// hourOf is the time of day of a window's label.
func hourOf(m diag.Minute) string { return m.Time().Format("15:04") }
