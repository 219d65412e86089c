package purge_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/journal/journaltest"
	"lifeboat/internal/purge"
	"lifeboat/internal/report"
	"lifeboat/internal/store"
	"lifeboat/internal/store/sqlite"
	"lifeboat/internal/wire"
)

var start = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// world is a folder with a journal of small segments, two apps, and a pipeline that tests drive by hand.
type world struct {
	testing.TB
	dir     string
	clock   *journaltest.Clock
	store   *store.DB
	journal *journal.Journal
	worker  *purge.Worker
	apps    [2]diag.App // the first keeps its logs shorter

	epoch   int64
	through uint64
}

func newWorld(t testing.TB) *world {
	w := &world{TB: t, dir: t.TempDir(), clock: journaltest.NewClock(start)}
	w.open()
	t.Cleanup(func() { w.journal.Close(); w.store.Close() })
	for i, keep := range []diag.Retention{{Reports: 30, Events: 28}, {Reports: 60, Events: 60}} {
		a, err := w.store.CreateApp(context.Background(), diag.App{
			ID: diag.ID{0xa, byte(i)}, Secret: diag.ID{0x5e, byte(i)}, Owner: "acme", Name: fmt.Sprint("app", i), Keep: keep,
		})
		w.must(err)
		w.apps[i] = a
	}
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) open() {
	w.Helper()
	ctx := context.Background()
	var err error
	w.store, err = sqlite.Open(ctx, w.dir, sqlite.Options{LogKey: [32]byte{9}})
	w.must(err)
	w.journal, err = journal.Open(ctx, journal.Options{Dir: w.dir + "/journal", Clock: w.clock, Register: w.store, SegmentSize: 3000, OnFatal: func(err error) { w.Error(err) }})
	w.must(err)
	w.worker = purge.New(purge.Options{Store: w.store, Journal: w.journal, Clock: w.clock, Log: slog.New(slog.DiscardHandler), LeastGain: 1, TrustClock: true})
	w.claim()
}

func (w *world) restart() {
	w.Helper()
	w.must(w.journal.Close())
	w.must(w.store.Close())
	w.open()
}

func (w *world) claim() {
	w.Helper()
	var err error
	w.through, w.epoch, err = w.store.ClaimIndex(context.Background())
	w.must(err)
}

// reindex throws the index away and makes it anew.
func (w *world) reindex() {
	w.Helper()
	w.must(w.store.ResetIndex(context.Background()))
	w.claim()
	w.index()
}

func install(n int) diag.InstallID {
	return diag.InstallID(diag.DerivedID([]byte("install"), []byte{byte(n)}).String())
}

// send appends one frame and indexes it.
func (w *world) send(app *diag.App, from diag.InstallID, logs ...string) journal.Receipt {
	w.Helper()
	e := diag.Envelope{Install: from, Received: w.clock.Now().UnixMilli()}
	f := journal.Frame{App: app.Num, Install: from, Kind: journal.Logs}
	for _, raw := range logs {
		l, why := wire.Peek([]byte(raw), app.ID, from, w.clock.Now())
		if why != "" {
			w.Fatal(why)
		}
		switch l.Kind.Family() {
		case diag.FamilyError:
			f.Kind, f.Log = journal.Error, l.ID
		case diag.FamilyAttachment:
			f.Kind, f.Log = journal.Attachment, l.ID
		}
		e.Logs = append(e.Logs, []byte(raw))
	}
	f.Payload = e.Append(nil)
	r, err := w.journal.Append(context.Background(), []journal.Frame{f})
	w.must(err)
	w.index()
	return r
}

// index does what the pipeline does.
func (w *world) index() {
	w.Helper()
	f := w.journal.Follow(w.through)
	defer f.Close()
	for {
		entries, err := f.Next(64, 1<<20)
		w.must(err)
		b := store.Batch{After: w.through, Through: w.journal.Horizon(), Epoch: w.epoch}
		if len(entries) > 0 {
			b.Through = entries[len(entries)-1].Number
		}
		if b.Through == w.through {
			return
		}
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
	app := &w.apps[0]
	if e.App != app.Num {
		app = &w.apps[1]
	}
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
			full, err := report.Decode(context.Background(), (&report.Reader{}).Symbols, app, l, envelope.Install)
			w.must(err)
			rep := &full.Report
			ids, err := w.store.GroupIDs(context.Background(), []diag.GroupKey{{App: app.Num, Signature: full.Verdict.Signature, AppVersion: "1", Handled: rep.Handled}})
			w.must(err)
			b.Reports = append(b.Reports, store.ReportRow{
				Feed: e.Number, Time: rep.Timestamp, Ingress: e.Time, App: app.Num, Kind: rep.Kind, Handled: rep.Handled, ID: rep.ID, Install: rep.Install,
				AppVersion: "1", AppBuild: rep.Device.AppBuild, Model: rep.Device.Model, Signature: full.Verdict.Signature, Group: ids[0],
				Reason: store.Reason{Method: full.Verdict.Reason.Frame.Method, Line: full.Verdict.Reason.Frame.Line}, State: full.State, Locator: at,
			})
		case diag.FamilyAttachment:
			a := wire.DecodeAttachment(l, false)
			b.Attachments = append(b.Attachments, store.AttachmentRow{
				Feed: e.Number, Time: a.Timestamp, Ingress: e.Time, App: app.Num, ID: a.ID, ErrorID: a.ErrorID, Install: envelope.Install, Size: a.Size, Locator: at,
			})
		default:
			b.Events = append(b.Events, store.EventRow{
				Feed: e.Number, Time: l.Timestamp, Ingress: e.Time, App: app.Num, Kind: l.Kind, ID: l.ID, Install: envelope.Install, Session: l.Session, Locator: at,
			})
		}
	}
}

// The logs that devices send.

func (w *world) stamp() string { return w.clock.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

func (w *world) crash(id diag.ID, method string, line int) string {
	return fmt.Sprintf(`{"type":"managedError","id":%q,"timestamp":%q,"fatal":true,"device":{"sdkName":"appcenter.android","model":"M%d","appVersion":"1","appBuild":"b%d"},
		"exception":{"type":"E","message":"about %s","frames":[{"className":"com.acme.Cart","methodName":%q,"fileName":"Cart.java","lineNumber":%d}]}}`,
		id, w.stamp(), line%2, line%3, id, method, line)
}

func (w *world) file(id, of diag.ID) string {
	return fmt.Sprintf(`{"type":"errorAttachment","id":%q,"errorId":%q,"timestamp":%q,"contentType":"text/plain","fileName":"a.txt","data":"aGVsbG8=","device":{}}`, id, of, w.stamp())
}

func (w *world) event(id diag.ID) string {
	return fmt.Sprintf(`{"type":"event","id":%q,"timestamp":%q,"name":"tap","sid":%q,"device":{}}`, id, w.stamp(), diag.ID{5})
}
