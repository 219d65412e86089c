package api

import (
	"net/http"
	"strings"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
	"lifeboat/internal/store"
)

// maxCrashes is how many crashes a list has at most, the newest: the call knows no pages (X13).
const maxCrashes = maxTop

func listCrashes(q *request) error {
	p := q.params()
	query := store.ReportQuery{App: q.app.Num, Start: p.time("date_from"), End: p.time("date_to"), Limit: maxCrashes}
	version, kind := p.text("app_version"), strings.ToLower(p.text("error_type"))
	p.flag("include_report")
	p.flag("include_log")
	if kind != "" && kind != "crashingerrors" && kind != "handlederrors" {
		p.fail("error_type must be CrashingErrors or HandledErrors.")
	}
	if p.err != nil {
		return p.err
	}
	g, err := q.summary()
	if err != nil {
		return err
	}
	all := []contract.Crash{}
	if version != "" && version != g.AppVersion || kind == "crashingerrors" && g.Handled || kind == "handlederrors" && !g.Handled {
		return q.json(http.StatusOK, all)
	}
	query.Group = &g.ID
	rows, _, err := q.o.Store.Reports(q.ctx(), query)
	if err != nil {
		return err
	}
	for i := range rows {
		all = append(all, crash(&rows[i]))
	}
	return q.json(http.StatusOK, all)
}

// crash is the old form of a report.
func crash(r *store.ReportRow) contract.Crash {
	id := diag.ReportID(r.Time, r.ID)
	return contract.Crash{
		NewCrashGroupID: r.Group.Format(r.Handled), CrashID: r.ID.String(), NewCrashID: id, DisplayID: id, Timestamp: diag.FormatTime(r.Time.Time()),
		Version: r.AppVersion, Build: r.AppBuild, Device: r.Model, DeviceName: r.Model, OSVersion: r.OSVersion, OSType: r.OSName, UserName: r.UserID,
	}
}

// getCrash answers 200 where the description has 201 (Q12).
func getCrash(q *request) error {
	p := q.params()
	for _, name := range [...]string{"include_report", "include_log", "grouping_only"} {
		p.flag(name)
	}
	details, stack := p.flag("include_details"), p.flag("include_stacktrace")
	if p.err != nil {
		return p.err
	}
	row, err := q.rowInGroup()
	if err != nil {
		return err
	}
	answer := crash(row)
	if details || stack {
		full, err := q.full(row)
		if err != nil {
			return err
		}
		if stack {
			trace := contract.NewStackTrace(&full.Report, &full.Verdict)
			answer.StackTrace = &trace
		}
		if details {
			answer.Details = crashDetails(&full.Report)
		}
	}
	return q.json(http.StatusOK, answer)
}

func crashDetails(r *diag.Report) *contract.CrashDetails {
	d := &contract.CrashDetails{
		CarrierCountry: r.Device.CarrierCountry, CarrierName: r.Device.CarrierName, Locale: r.Device.Locale, OSBuild: r.Device.OSBuild,
		Rooted: r.Device.Jailbreak, ScreenSize: r.Device.ScreenSize,
	}
	if r.AppLaunch != 0 {
		d.AppStartTimestamp = diag.FormatTime(r.AppLaunch.Time())
	}
	return d
}

func crashStackTrace(q *request) error {
	p := q.params()
	if p.flag("grouping_only"); p.err != nil {
		return p.err
	}
	return reportStackTrace(q)
}

func locateCrash(q *request) error { return locateLog(q) }

// crashNative is the text of a crash as one JSON string.
func crashNative(q *request) error {
	_, text, err := q.crashText()
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, string(text))
}

// crashNativeDownload is the same as a file.
func crashNativeDownload(q *request) error {
	row, text, err := q.crashText()
	if err != nil {
		return err
	}
	return respond.File(q.w, "text/plain; charset=utf-8", diag.ReportID(row.Time, row.ID)+".txt", text)
}

func (q *request) crashText() (*store.ReportRow, []byte, error) {
	row, err := q.rowInGroup()
	if err != nil {
		return nil, nil, err
	}
	full, err := q.full(row)
	if err != nil {
		return nil, nil, err
	}
	return row, contract.Text(&full.Report, &full.Verdict), nil
}

// crashDeleteCounter is contract.DeleteCounter in the old spelling.
type crashDeleteCounter struct {
	AppID              string `json:"app_id"`
	CrashGroupID       string `json:"crash_group_id"`
	CrashID            string `json:"crash_id"`
	CrashesDeleted     int    `json:"crashes_deleted"`
	AttachmentsDeleted int    `json:"attachments_deleted"`
	BlobsSucceeded     int    `json:"blobs_succeeded"`
	BlobsFailed        int    `json:"blobs_failed"`
}

// deleteCrash is deleteReport.
func deleteCrash(q *request) error {
	p := q.params()
	if p.flag("retention_delete"); p.err != nil {
		return p.err
	}
	row, err := q.rowInGroup()
	if err != nil {
		return err
	}
	done, err := q.deleteRow(row)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, crashDeleteCounter{
		done.AppID, done.ErrorGroupID, done.ErrorID, done.ErrorsDeleted, done.AttachmentsDeleted, done.BlobsSucceeded, done.BlobsFailed,
	})
}
