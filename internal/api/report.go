package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/report"
	"lifeboat/internal/respond"
	"lifeboat/internal/store"
)

func listReports(q *request) error {
	p := q.params()
	query := store.ReportQuery{
		App: q.app.Num, Start: p.time("start"), End: p.time("end"), Model: p.text("model"), OS: p.text("os"),
		Install: p.install(), UserID: p.text("userId"),
	}
	limit := p.top()
	if p.err != nil {
		return p.err
	}
	group, err := q.groupID()
	if err != nil {
		return err
	}
	query.Group = &group
	bound := query
	page, err := q.page(bound)
	if err != nil {
		return err
	}
	if _, err := q.o.Store.Group(q.ctx(), q.app.Num, group); err != nil {
		return err
	}
	query.Limit, query.After = limit, page
	rows, next, err := q.o.Store.Reports(q.ctx(), query)
	if err != nil {
		return err
	}
	link, err := q.nextLink(next, bound)
	if err != nil {
		return err
	}
	answer := contract.Reports{NextLink: link}
	if answer.Errors, err = q.reports(rows); err != nil {
		return err
	}
	return q.json(http.StatusOK, answer)
}

// reports makes list items of rows alone: no log is read.
func (q *request) reports(rows []store.ReportRow) ([]contract.Report, error) {
	extras, err := q.extras(rows...)
	if err != nil {
		return nil, err
	}
	all := make([]contract.Report, len(rows))
	for i := range rows {
		r := &rows[i]
		all[i] = contract.Report{
			ErrorID: diag.ReportID(r.Time, r.ID), Timestamp: diag.FormatTime(r.Time.Time()), DeviceName: r.Model, OSVersion: r.OSVersion,
			OSType: r.OSName, Country: r.Country, Language: r.Language, UserID: r.UserID, InstallID: string(r.Install),
			HasBreadcrumbs: extras[i].breadcrumbs, HasAttachments: extras[i].attachments,
		}
	}
	return all, nil
}

// extra is what came besides a report.
type extra struct{ breadcrumbs, attachments bool }

func (q *request) extras(rows ...store.ReportRow) ([]extra, error) {
	moments, ids := make([]store.Moment, len(rows)), make([]diag.ID, len(rows))
	for i := range rows {
		moments[i] = store.Moment{Install: rows[i].Install, Session: rows[i].Session, UpTo: rows[i].Time}
		ids[i] = rows[i].ID
	}
	logs, err := q.o.Store.HasSessionLogs(q.ctx(), q.app.Num, moments)
	if err != nil {
		return nil, err
	}
	attachments, err := q.o.Store.AttachmentsOf(q.ctx(), q.app.Num, ids)
	if err != nil {
		return nil, err
	}
	all := make([]extra, len(rows))
	for i := range rows {
		all[i] = extra{logs[i], len(attachments[ids[i]]) > 0}
	}
	return all, nil
}

func getReport(q *request) error {
	row, err := q.rowInGroup()
	if err != nil {
		return err
	}
	full, err := q.full(row)
	if err != nil {
		return err
	}
	details, err := q.details(row, full)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, details)
}

// getLatestReport shows a group's newest report.
func getLatestReport(q *request) error {
	g, err := q.summary()
	if err != nil {
		return err
	}
	row, err := q.o.Store.Report(q.ctx(), q.app.Num, g.Latest)
	if err != nil {
		return err
	}
	full, err := q.full(&row)
	if err != nil {
		return err
	}
	details, err := q.details(&row, full)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, details)
}

func (q *request) details(row *store.ReportRow, full *report.Full) (contract.ReportDetails, error) {
	extras, err := q.extras(*row)
	if err != nil {
		return contract.ReportDetails{}, err
	}
	return contract.NewReportDetails(&full.Report, &full.Verdict, extras[0].breadcrumbs, extras[0].attachments), nil
}

func reportStackTrace(q *request) error {
	row, err := q.rowInGroup()
	if err != nil {
		return err
	}
	return q.stackTrace(row)
}

func (q *request) stackTrace(row *store.ReportRow) error {
	full, err := q.full(row)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, contract.NewStackTrace(&full.Report, &full.Verdict))
}

// downloadReport answers with the report as a file, whatever the Accept header says: clients ask for JSON and
// mean text.
func downloadReport(q *request) error {
	format := strings.ToLower(q.params().text("format"))
	switch format {
	case "", "json", "txt", "text":
	default:
		return diag.Errorf(diag.Invalid, "format must be json or txt.")
	}
	row, err := q.rowInGroup()
	if err != nil {
		return err
	}
	full, err := q.full(row)
	if err != nil {
		return err
	}
	name := diag.ReportID(row.Time, row.ID)
	if format == "txt" || format == "text" {
		return respond.File(q.w, "text/plain; charset=utf-8", name+".txt", contract.Text(&full.Report, &full.Verdict))
	}
	body, err := q.dump(row, full)
	if err != nil {
		return err
	}
	return respond.File(q.w, "application/json; charset=utf-8", name+".json", body)
}

// dump is a report in full (Q26). Its members have the names that exported payloads have, so that one reader
// serves both.
type dump struct {
	AppID              string `json:"AppId"`
	ErrorID            string `json:"ErrorId"`
	ErrorGroupID       string `json:"ErrorGroupId"`
	IngressTimestamp   string
	SymbolicationState diag.SymbolicationState
	MissingSymbols     []string `json:",omitempty"`
	Problem            string   `json:",omitempty"`
	ErrorDetails       contract.ReportDetails
	StackTrace         contract.StackTrace
	RawLog             any
	RawLogBase64       string `json:",omitempty"` // if RawLog could not keep all bytes
}

func (q *request) dump(row *store.ReportRow, full *report.Full) ([]byte, error) {
	details, err := q.details(row, full)
	if err != nil {
		return nil, err
	}
	d := dump{
		AppID: q.app.ID.String(), ErrorID: details.ErrorID, ErrorGroupID: row.Group.Format(row.Handled),
		IngressTimestamp: diag.FormatMillis(row.Ingress.Time()), SymbolicationState: full.State, MissingSymbols: full.Missing,
		Problem: full.Report.Problem, ErrorDetails: details, StackTrace: contract.NewStackTrace(&full.Report, &full.Verdict),
	}
	if json.Valid(full.Raw) && utf8.Valid(full.Raw) {
		d.RawLog = json.RawMessage(full.Raw)
	} else {
		d.RawLog, d.RawLogBase64 = string(full.Raw), base64.StdEncoding.EncodeToString(full.Raw)
	}
	var b bytes.Buffer
	if err := contract.Encode(&b, d); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// sessionLogs are those of the report's session up to the report. The original wanted a date to find its data
// by; it is read and not needed.
func sessionLogs(q *request) error {
	p := q.params()
	if p.time("date"); p.err != nil {
		return p.err
	}
	row, err := q.row(q.names[2])
	if err != nil {
		return err
	}
	moment := &diag.Report{Install: row.Install, Session: row.Session, Timestamp: row.Time}
	logs, exceeded, err := q.o.Reports.SessionLogs(q.ctx(), &q.app, moment)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, contract.NewSessionLogs(logs, row.Install, exceeded))
}
