package export

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"mime"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lifeboat/internal/archive"
	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/report"
	"lifeboat/internal/store"
	"lifeboat/internal/wire"
)

// renderer makes the spool of one window of one configuration.
type renderer struct {
	o      *Options
	want   wanted
	app    diag.App
	prefix string

	after, through uint64 // feed numbers of the window: above after, up to through

	out     *spoolWriter
	arrays  [4]array // crashes, errors, attachments, logs: the order in which they are put
	payload []byte   // room for one frame's payload
	skipped int64
}

// Places in renderer.arrays.
const (
	crashArray = iota
	errorArray
	attachmentArray
	logArray
)

func newRenderer(ctx context.Context, w *worker, m diag.Minute, through uint64) (*renderer, error) {
	app, err := w.x.o.Store.AppByNum(ctx, w.settings.App)
	if diag.KindOf(err) == diag.NotFound {
		return nil, errAppGone
	}
	if err != nil {
		return nil, err
	}
	after, err := w.x.o.Journal.NumberBefore(m.Start())
	if err != nil {
		return nil, err
	}
	r := &renderer{
		o: &w.x.o, want: w.want, app: app, prefix: archive.Prefix(app.ID, w.settings.PathKind == withAppID, m),
		after: after, through: through,
	}
	temp := filepath.Join(w.spools.dir, fmt.Sprintf("%s.%d", m.Time().Format(spoolLayout), w.epoch))
	for i, entity := range [...]archive.Entity{archive.Crashes, archive.Errors, archive.Attachments, archive.Logs} {
		r.arrays[i] = array{entity: entity, limit: w.x.o.MaxArray, path: temp + "." + string(entity) + tempSuffix}
	}
	r.out, err = createSpool(temp+tempSuffix, head{
		Configuration: w.settings.ID.String(), App: app.ID.String(), Window: diag.FormatTime(m.Time()), Prefix: r.prefix,
	})
	return r, err
}

// withAppID is the path kind that puts the app's id first.
const withAppID = "WithAppId"

// run renders everything into the spool. Attachments that came before the window and whose report came in it
// go first: their records have the lowest times.
func (r *renderer) run(ctx context.Context) error {
	defer func() {
		for i := range r.arrays {
			r.arrays[i].remove()
		}
	}()
	early, err := r.early(ctx)
	if err != nil {
		return err
	}
	for i := range early {
		if err := r.earlyAttachment(&early[i]); err != nil {
			return err
		}
	}
	for f, err := range r.logs(ctx, r.wants) {
		if err == nil {
			err = r.add(ctx, f)
		}
		if err != nil {
			return err
		}
	}
	for i := range r.arrays {
		if err := r.arrays[i].finish(r.out); err != nil {
			return err
		}
	}
	return nil
}

func (r *renderer) wants(k journal.FrameKind) bool {
	switch k {
	case journal.Logs:
		return r.want.logs
	case journal.Error, journal.Attachment:
		return r.want.reports()
	}
	return false
}

// log is one log of the window that is no copy of an earlier one.
type log struct {
	diag.Log
	number      uint64
	ingress     diag.IngressTime
	install     diag.InstallID
	correlation diag.ID
}

func (l *log) meta(app diag.ID) archive.Meta {
	return archive.Meta{AppID: app, Install: l.install, Ingress: l.ingress, Correlation: l.correlation}
}

// The bounds of one reading of the journal.
const (
	maxFrames = 512
	maxBytes  = 1 << 20
)

// logs yields the app's logs of the window in feed order, out of frames of the kinds wanted.
func (r *renderer) logs(ctx context.Context, wants func(journal.FrameKind) bool) iter.Seq2[*log, error] {
	return func(yield func(*log, error) bool) {
		follower := r.o.Journal.Follow(r.after)
		defer follower.Close()
		for at := r.after; at < r.through; {
			entries, err := follower.Next(maxFrames, maxBytes)
			if len(entries) == 0 || err != nil {
				if err != nil {
					yield(nil, err)
				}
				return
			}
			next := min(entries[len(entries)-1].Number, r.through)
			copies, err := r.copies(ctx, at, next)
			if err != nil {
				yield(nil, err)
				return
			}
			at = next
			for i := range entries {
				e := &entries[i]
				if e.Number <= r.through && e.App == r.app.Num && wants(e.Kind) && !r.frame(e, copies, yield) {
					return
				}
			}
		}
	}
}

// copies are the logs of some frames that the pipeline found to be copies of others.
func (r *renderer) copies(ctx context.Context, after, through uint64) (map[store.Copy]bool, error) {
	all, err := r.o.Store.Duplicates(ctx, after, through)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	set := make(map[store.Copy]bool, len(all))
	for _, c := range all {
		set[c] = true
	}
	return set, nil
}

// frame yields the logs of one frame. What cannot be read the pipeline has noted as a problem.
func (r *renderer) frame(e *journal.Entry, copies map[store.Copy]bool, yield func(*log, error) bool) bool {
	payload, err := e.Payload(r.payload[:0])
	if err != nil {
		r.skipped++
		return true
	}
	if cap(payload) <= maxKept {
		r.payload = payload
	}
	envelope, err := diag.ParseEnvelope(payload)
	if err != nil {
		r.skipped++
		return true
	}
	for member, raw := range envelope.Logs {
		if len(raw) == 0 {
			continue // it was erased out of its frame
		}
		if copies[store.Copy{Feed: e.Number, Member: member}] {
			continue
		}
		l, ok := r.peek(&e.Header, &envelope, raw)
		if !ok {
			r.skipped++
		} else if !yield(l, nil) {
			return false
		}
	}
	return true
}

// maxKept is the largest buffer that is kept for the next frame.
const maxKept = 1 << 20

func (r *renderer) peek(h *journal.Header, e *diag.Envelope, raw []byte) (*log, bool) {
	l, why := wire.Peek(raw, r.app.ID, e.Install, time.UnixMilli(e.Received))
	return &log{Log: l, number: h.Number, ingress: h.Time, install: e.Install, correlation: e.Correlation}, why == ""
}

// add renders one log, unless it is not exported or belongs into another window.
func (r *renderer) add(ctx context.Context, l *log) error {
	switch l.Kind.Family() {
	case diag.FamilyError:
		return r.report(ctx, l)
	case diag.FamilyAttachment:
		return r.attachment(ctx, l)
	}
	if !r.want.logs || l.Kind.MessageType() == "" {
		return nil
	}
	e := wire.DecodeEvent(l.Log)
	return r.arrays[logArray].add(l.ingress, l.ID, archive.FromEvent(&e, l.meta(r.app.ID)))
}

// record adds a record to its entity's array, and its short form to the analytics file.
func (r *renderer) record(array int, l *log, rec archive.Record) error {
	if err := r.arrays[array].add(l.ingress, l.ID, rec); err != nil || !r.want.logs {
		return err
	}
	return r.arrays[logArray].add(l.ingress, l.ID, rec.Index())
}

// row finds the row of a report.
func (r *renderer) row(ctx context.Context, id diag.ID) (*store.ReportRow, error) {
	rows, err := r.o.Store.ReportsByID(ctx, r.app.Num, []diag.ID{id})
	row, ok := rows[id]
	if err != nil || !ok {
		return nil, err
	}
	return &row, nil
}

// report renders a crash or a handled error.
func (r *renderer) report(ctx context.Context, l *log) error {
	row, err := r.row(ctx, l.ID)
	if err != nil {
		return err
	}
	if row == nil || row.Feed != l.number {
		r.skipped++ // erased meanwhile
		return nil
	}
	if !r.want.report(row.Handled) {
		return nil
	}
	p, err := r.full(ctx, l, row)
	if err != nil {
		return err
	}
	m := l.meta(r.app.ID)
	m.Pointer = archive.PayloadName(r.prefix, row.Handled, diag.ReportID(row.Time, row.ID), 1)
	m.ErrorGroupID, m.State = row.Group.Format(row.Handled), p.full.State
	m.HasAttachments, m.HasBreadcrumbs = len(p.attachments) > 0, len(p.session) > 0
	p.record = archive.FromReport(&p.full.Report, &p.full.Verdict, m)
	body, err := p.json()
	if err != nil {
		return err
	}
	if err := r.out.add(entry{Stage: putPayloads, Name: m.Pointer, ContentType: "application/json"}, body); err != nil {
		return err
	}
	if row.Handled {
		return r.record(errorArray, l, p.record)
	}
	return r.record(crashArray, l, p.record)
}

// full reads everything that goes into a report's payload.
func (r *renderer) full(ctx context.Context, l *log, row *store.ReportRow) (*payload, error) {
	p := &payload{}
	var err error
	if p.full, err = report.Decode(ctx, r.o.Reports.Symbols, &r.app, l.Log, l.install); err != nil {
		return nil, err
	}
	if p.session, p.exceeded, err = r.o.Reports.SessionLogs(ctx, &r.app, &p.full.Report); err != nil {
		return nil, err
	}
	rows, err := r.o.Store.AttachmentsOf(ctx, r.app.Num, []diag.ID{l.ID})
	if err != nil {
		return nil, err
	}
	for _, a := range rows[l.ID] {
		if a.Feed <= r.through { // a later one goes into its own window
			p.attachments = append(p.attachments, r.describe(&a, row))
		}
	}
	return p, nil
}

// attachment renders an attachment whose report is there; the others wait for it.
func (r *renderer) attachment(ctx context.Context, l *log) error {
	row, err := r.row(ctx, l.ErrorID)
	if err != nil {
		return err
	}
	if row == nil || row.Feed > r.through || !r.want.attachment(row.Handled) {
		return nil
	}
	return r.putAttachment(l, parentOf(row))
}

// parent is what an attachment's record says of its report.
type parent struct {
	errorID string
	group   string
}

func parentOf(row *store.ReportRow) parent {
	return parent{errorID: diag.ReportID(row.Time, row.ID), group: row.Group.Format(row.Handled)}
}

func (r *renderer) putAttachment(l *log, p parent) error {
	a := wire.DecodeAttachment(l.Log, true)
	m := l.meta(r.app.ID)
	m.ErrorID, m.ErrorGroupID = p.errorID, p.group
	if a.Problem == "" {
		m.Pointer = archive.AttachmentName(r.prefix, p.errorID, a.ID)
		e := entry{Stage: putAttachments, Name: m.Pointer, ContentType: contentType(a.ContentType), Disposition: disposition(a.FileName)}
		if err := r.out.add(e, a.Data); err != nil {
			return err
		}
	}
	return r.record(attachmentArray, l, archive.FromAttachment(&a, m))
}

// contentType is what a device called its bytes, if that can stand in a header.
func contentType(s string) string {
	if t, p, err := mime.ParseMediaType(s); err == nil && len(s) <= 256 {
		if s = mime.FormatMediaType(t, p); s != "" {
			return s
		}
	}
	return "application/octet-stream"
}

// disposition gives a file its name and keeps browsers from showing it in place.
func disposition(name string) string {
	if name == "" {
		return "attachment"
	}
	if s := mime.FormatMediaType("attachment", map[string]string{"filename": strings.ToValidUTF8(name, "")}); s != "" {
		return s
	}
	return "attachment"
}

// early finds the attachments that came before the window and whose report came in it, in the order of
// their records.
func (r *renderer) early(ctx context.Context) ([]earlyAttachment, error) {
	if !r.want.reports() {
		return nil, nil
	}
	var all []earlyAttachment
	for l, err := range r.logs(ctx, func(k journal.FrameKind) bool { return k == journal.Error }) {
		if err == nil {
			all, err = r.earlyOf(ctx, all, l)
		}
		if err != nil {
			return nil, err
		}
	}
	r.skipped = 0 // they will be met again
	slices.SortFunc(all, func(a, b earlyAttachment) int {
		return cmp.Or(cmp.Compare(a.row.Ingress, b.row.Ingress), bytes.Compare(a.row.ID[:], b.row.ID[:]))
	})
	return all, nil
}

type earlyAttachment struct {
	row    store.AttachmentRow
	parent parent
}

func (r *renderer) earlyOf(ctx context.Context, all []earlyAttachment, l *log) ([]earlyAttachment, error) {
	of, err := r.o.Store.AttachmentsOf(ctx, r.app.Num, []diag.ID{l.ID})
	if err != nil || len(of) == 0 || of[l.ID][0].Feed > r.after {
		return all, err
	}
	row, err := r.row(ctx, l.ID)
	if err != nil || row == nil || row.Feed != l.number || !r.want.attachment(row.Handled) {
		return all, err
	}
	for _, a := range of[l.ID] {
		if a.Feed <= r.after {
			all = append(all, earlyAttachment{a, parentOf(row)})
		}
	}
	return all, nil
}

// earlyAttachment renders an attachment out of an earlier window.
func (r *renderer) earlyAttachment(a *earlyAttachment) error {
	e, err := r.o.Journal.Read(a.row.Locator)
	if diag.KindOf(err) == diag.NotFound || errors.Is(err, journal.ErrDamaged) {
		r.skipped++
		return nil
	}
	if err != nil {
		return err
	}
	payload, err := e.Payload(nil)
	if err != nil {
		r.skipped++
		return nil
	}
	envelope, err := diag.ParseEnvelope(payload)
	if err != nil || a.row.Locator.Member >= len(envelope.Logs) {
		r.skipped++
		return nil
	}
	l, ok := r.peek(&e.Header, &envelope, envelope.Logs[a.row.Locator.Member])
	if !ok {
		r.skipped++
		return nil
	}
	return r.putAttachment(l, a.parent)
}
