// Package report reads reports in full: the log out of the journal, decoded, with the frame that decided its
// group, its attachments and the logs of its session.
//
// It promises that everybody who shows a report (pipeline, API, page, export) sees the same: all of them
// read it here, from the log as it was received.
package report

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/group"
	"lifeboat/internal/journal"
	"lifeboat/internal/store"
	"lifeboat/internal/symbol"
	"lifeboat/internal/wire"
)

// Full is one report with everything that follows from its log.
type Full struct {
	Report       diag.Report // frames marked, and symbolicated as far as symbols are there
	Verdict      diag.Verdict
	State        diag.SymbolicationState
	Missing      []string // ids of images without symbols
	MissingNames []string // of those images
	Correlation  diag.ID  // of the request that brought it
	Raw          []byte   // the log as it was received
}

// Decode makes a report of its log. It never fails: what cannot be read is said in Report.Problem.
func Decode(ctx context.Context, stage symbol.Stage, app *diag.App, l diag.Log, install diag.InstallID) (Full, error) {
	f := Full{Report: wire.DecodeReport(l, install), Raw: l.Raw}
	f.Verdict = group.Decide(&f.Report, app.AppNamespacePrefixes)
	symbols, err := stage.Apply(ctx, &f.Report)
	if err != nil {
		return Full{}, fmt.Errorf("symbolicate: %w", err)
	}
	f.State, f.Missing, f.MissingNames = symbols.State, symbols.Missing, symbols.Names
	if f.State != diag.SymbolsNotNeeded && f.State != diag.SymbolsMissing {
		f.Verdict = group.Decide(&f.Report, app.AppNamespacePrefixes) // frames have changed
	}
	return f, nil
}

// Reader reads reports and what belongs to them.
type Reader struct {
	Journal *journal.Journal
	Store   *store.DB
	Symbols symbol.Stage
}

// Report reads the report of a row.
func (r *Reader) Report(ctx context.Context, app *diag.App, row *store.ReportRow) (*Full, error) {
	e, l, err := r.log(app, row.Install, row.Locator)
	if err != nil {
		return nil, err
	}
	f, err := Decode(ctx, r.Symbols, app, l, e.Install)
	if err != nil {
		return nil, err
	}
	f.Correlation = e.Correlation
	return &f, nil
}

// Attachment reads an attachment, its bytes only if withData says so.
func (r *Reader) Attachment(app *diag.App, row *store.AttachmentRow, withData bool) (diag.Attachment, error) {
	_, l, err := r.log(app, row.Install, row.Locator)
	if err != nil {
		return diag.Attachment{}, err
	}
	return wire.DecodeAttachment(l, withData), nil
}

// MaxSessionLogs is how many session logs are shown of one report.
const MaxSessionLogs = 100

// SessionLogs reads what the app logged in the report's session up to the report, in rising time: the newest
// MaxSessionLogs; exceeded tells that there were more. It is computed when asked for, since events may come
// days after the crash they led to.
func (r *Reader) SessionLogs(ctx context.Context, app *diag.App, rep *diag.Report) (logs []diag.Event, exceeded bool, err error) {
	moment := store.Moment{Install: rep.Install, Session: rep.Session, UpTo: rep.Timestamp}
	rows, exceeded, err := r.Store.SessionLogs(ctx, app.Num, moment, MaxSessionLogs)
	if err != nil {
		return nil, false, err
	}
	var frame frame // neighbours often share one
	for i := range rows {
		l, err := frame.log(r, app, rows[i].Install, rows[i].Locator)
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		logs = append(logs, wire.DecodeEvent(l))
	}
	return logs, exceeded, nil
}

// gone: the log was erased after its row was read.
func gone(err error) bool { return diag.KindOf(err) == diag.NotFound }

// log reads the located log.
func (r *Reader) log(app *diag.App, install diag.InstallID, at diag.Locator) (diag.Envelope, diag.Log, error) {
	var f frame
	l, err := f.log(r, app, install, at)
	return f.envelope, l, err
}

// frame is the last frame that was read.
type frame struct {
	at       diag.Locator // Member is 0
	envelope diag.Envelope
}

var errMember = errors.New("report: the frame has no such log")

func (f *frame) log(r *Reader, app *diag.App, install diag.InstallID, at diag.Locator) (diag.Log, error) {
	if whole := (diag.Locator{Segment: at.Segment, Offset: at.Offset}); f.envelope.Logs == nil || f.at != whole {
		e, err := r.envelope(whole)
		if err != nil {
			return diag.Log{}, err
		}
		f.at, f.envelope = whole, e
	}
	if at.Member >= len(f.envelope.Logs) {
		return diag.Log{}, errMember
	}
	l, why := wire.Peek(f.envelope.Logs[at.Member], app.ID, install, time.UnixMilli(f.envelope.Received))
	if why != "" {
		return diag.Log{}, fmt.Errorf("report: a log in the journal is not one any more: %s", why)
	}
	return l, nil
}

func (r *Reader) envelope(at diag.Locator) (diag.Envelope, error) {
	entry, err := r.Journal.Read(at)
	if err != nil {
		return diag.Envelope{}, err
	}
	payload, err := entry.Payload(nil)
	if err != nil {
		return diag.Envelope{}, err
	}
	return diag.ParseEnvelope(payload)
}
