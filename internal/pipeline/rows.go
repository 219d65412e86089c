package pipeline

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/report"
	"lifeboat/internal/store"
	"lifeboat/internal/wire"
)

// prepare decodes frames into the rows of one batch.
func (p *Pipeline) prepare(ctx context.Context, entries []journal.Entry) (store.Batch, error) {
	n := p.workers(len(entries))
	parts := make([]rows, n)
	var wait sync.WaitGroup
	for i := range parts {
		piece := entries[i*len(entries)/n : (i+1)*len(entries)/n]
		wait.Go(func() { parts[i].addAll(ctx, p, piece) })
	}
	wait.Wait()
	var all rows
	for i := range parts {
		if parts[i].err != nil {
			return store.Batch{}, parts[i].err
		}
		all.join(&parts[i])
	}
	err := all.giveGroups(ctx, p.o.Store)
	if err == nil {
		p.counts.gone.Add(all.gone)
	}
	return all.Batch, err
}

// rows are those of consecutive frames.
type rows struct {
	store.Batch
	keys    []diag.GroupKey // of Reports
	payload []byte          // room for one frame's payload
	sketch  wire.Sketcher
	traits  *store.Traits // of the device that sketch read last
	gone    int64         // frames of deleted apps
	err     error
}

func (r *rows) join(o *rows) {
	if r.keys == nil && r.Events == nil && r.Attachments == nil && r.Problems == nil {
		o.gone += r.gone
		*r = *o
		return
	}
	r.Events = append(r.Events, o.Events...)
	r.Reports = append(r.Reports, o.Reports...)
	r.Attachments = append(r.Attachments, o.Attachments...)
	r.Problems = append(r.Problems, o.Problems...)
	r.keys = append(r.keys, o.keys...)
	r.gone += o.gone
}

// giveGroups sets the public group ids of all reports.
func (r *rows) giveGroups(ctx context.Context, db *store.DB) error {
	ids, err := db.GroupIDs(ctx, r.keys)
	if err != nil {
		return fmt.Errorf("pipeline: group ids: %w", err)
	}
	for i := range ids {
		r.Reports[i].Group = ids[i]
	}
	return nil
}

func (r *rows) addAll(ctx context.Context, p *Pipeline, entries []journal.Entry) {
	for i := range entries {
		if r.err = r.add(ctx, p, &entries[i]); r.err != nil {
			return
		}
	}
	r.payload = nil
}

// add makes the rows of one frame. What cannot be read becomes a problem; an error is one of the store.
func (r *rows) add(ctx context.Context, p *Pipeline, e *journal.Entry) error {
	if e.Kind == journal.Derived {
		return nil
	}
	app, known, err := p.apps.get(ctx, e.App)
	if err != nil {
		return fmt.Errorf("pipeline: app of a frame: %w", err)
	}
	if !known {
		r.gone++
		return nil
	}
	if r.payload, err = e.Payload(r.payload[:0]); err != nil {
		r.problem(e, 0, "the frame cannot be unpacked")
		return nil
	}
	envelope, err := diag.ParseEnvelope(r.payload)
	if err != nil {
		r.problem(e, 0, "the frame holds no envelope")
		return nil
	}
	f := frame{entry: e, app: &app, envelope: &envelope}
	for member, raw := range envelope.Logs {
		if len(raw) == 0 {
			continue // it was erased out of its frame
		}
		if err := r.log(ctx, p, &f, member, raw); err != nil {
			return err
		}
	}
	return nil
}

// frame is what the logs of one frame share.
type frame struct {
	entry    *journal.Entry
	app      *diag.App
	envelope *diag.Envelope
}

func (f *frame) locator(member int) diag.Locator {
	at := f.entry.Locator
	at.Member = member
	return at
}

// classOf is what a frame's logs are kept as, whatever they turn out to be.
func classOf(k journal.FrameKind) store.PurgeClass {
	if k == journal.Logs {
		return store.PurgeEvents
	}
	return store.PurgeReports
}

func (r *rows) problem(e *journal.Entry, member int, what string) {
	at := e.Locator
	at.Member = member
	r.Problems = append(r.Problems, store.ProblemRow{Feed: e.Number, App: e.App, Ingress: e.Time, What: what, Locator: at, Class: classOf(e.Kind)})
}

func (r *rows) log(ctx context.Context, p *Pipeline, f *frame, member int, raw []byte) error {
	l, why := wire.Peek(raw, f.app.ID, f.envelope.Install, time.UnixMilli(f.envelope.Received))
	if why != "" {
		r.problem(f.entry, member, string(why))
		return nil
	}
	switch l.Kind.Family() {
	case diag.FamilyError:
		return r.report(ctx, p, f, member, l)
	case diag.FamilyAttachment:
		r.attachment(f, member, l)
	default:
		r.event(f, member, &l)
	}
	return nil
}

func (r *rows) event(f *frame, member int, l *diag.Log) {
	k := r.sketch.Sketch(l)
	if r.traits == nil || !k.SameDevice {
		r.traits = traits(k.Device)
	}
	r.Events = append(r.Events, store.EventRow{
		Feed: f.entry.Number, Time: l.Timestamp, Ingress: f.entry.Time, App: f.app.Num, Kind: l.Kind, ID: l.ID,
		Install: f.envelope.Install, Session: l.Session, AppVersion: word(l.AppVersion), AppBuild: word(l.AppBuild),
		Traits: r.traits, Name: cut(k.Name, maxEventName), Properties: properties(k.Properties), Locator: f.locator(member),
	})
}

// traits are the parts of a device that numbers tell devices apart by.
func traits(d *diag.Device) *store.Traits {
	return &store.Traits{
		Model: word(d.Model), OS: strings.TrimSpace(word(d.OSName) + " " + word(d.OSVersion)),
		Country: word(contract.CountryOf(d)), Language: word(contract.LanguageOf(d.Locale)),
	}
}

// properties shortens what SDKs would have shortened.
func properties(all []diag.Property) []diag.Property {
	for i := range all {
		all[i].Name, all[i].Value = word(all[i].Name), word(all[i].Value)
	}
	return all
}

func (r *rows) attachment(f *frame, member int, l diag.Log) {
	a := wire.DecodeAttachment(l, false)
	row := store.AttachmentRow{
		Feed: f.entry.Number, Time: a.Timestamp, Ingress: f.entry.Time, App: f.app.Num, ID: a.ID, ErrorID: a.ErrorID,
		Install: f.envelope.Install, ContentType: word(a.ContentType), FileName: cut(a.FileName, maxFileName), Size: a.Size,
		Problem: a.Problem, Locator: f.locator(member),
	}
	row.Search = store.NewAttachmentDoc(&row, report.AttachmentText(l, row.ContentType))
	r.Attachments = append(r.Attachments, row)
}

func (r *rows) report(ctx context.Context, p *Pipeline, f *frame, member int, l diag.Log) error {
	full, err := report.Decode(ctx, p.o.Symbols, f.app, l, f.envelope.Install)
	if err != nil {
		return err
	}
	rep, d := &full.Report, &full.Report.Device
	row := store.ReportRow{
		Feed: f.entry.Number, Time: rep.Timestamp, Ingress: f.entry.Time, App: f.app.Num, Kind: rep.Kind, Handled: rep.Handled,
		ID: rep.ID, Install: rep.Install, Session: rep.Session, UserID: rep.UserID,
		AppVersion: word(d.AppVersion), AppBuild: word(d.AppBuild), Model: word(d.Model), OSName: word(d.OSName), OSVersion: word(d.OSVersion),
		Country: word(contract.CountryOf(d)), Language: word(contract.LanguageOf(d.Locale)),
		Signature: full.Verdict.Signature, Reason: reason(&full.Verdict.Reason), State: full.State, Missing: full.Missing, MissingNames: words(full.MissingNames),
		Problem: rep.Problem, Locator: f.locator(member),
	}
	row.Search = store.NewSearchDoc(&row, full.Texts())
	r.Reports = append(r.Reports, row)
	r.keys = append(r.keys, diag.GroupKey{App: f.app.Num, Signature: row.Signature, AppVersion: row.AppVersion, Handled: row.Handled})
	return nil
}

func reason(v *diag.ReasonFrame) store.Reason {
	return store.Reason{
		Type: cut(v.ExceptionType, maxSymbol), OSExceptionType: word(v.OSExceptionType), Class: cut(v.Frame.Class, maxSymbol),
		Method: cut(v.Frame.Method, maxSymbol), File: cut(v.Frame.File, maxSymbol), Line: v.Frame.Line, AppCode: v.Frame.AppCode,
		ClassMethod: v.Frame.ClassMethod, CodeRaw: cut(v.CodeRaw, maxSymbol), Framework: cut(v.Frame.Image, maxSymbol), Language: v.Frame.Language,
	}
}

// What rows hold of texts that devices send without bound. The journal keeps them whole.
const (
	maxWord      = 128
	maxEventName = 256
	maxFileName  = 256
	maxSymbol    = 512
)

func word(s string) string { return cut(s, maxWord) }

func words(all []string) []string {
	short := make([]string, len(all))
	for i, s := range all {
		short[i] = word(s)
	}
	return short
}

// cut shortens s to n bytes, or a few less so that no character is torn.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
