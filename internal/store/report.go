package store

import (
	"context"

	"lifeboat/internal/diag"
)

// Reason is the frame that decided a group, with nothing of any one report's message.
type Reason struct {
	Type            string // exception type or signal
	OSExceptionType string
	Class           string
	Method          string
	File            string
	Line            int // 0 = unknown
	AppCode         bool
	ClassMethod     bool
	CodeRaw         string
	Framework       string // image or library
	Language        diag.Language
}

// ReportRow is the row of one crash or handled error.
type ReportRow struct {
	Feed       uint64
	Time       diag.DeviceTime
	Ingress    diag.IngressTime
	App        int64
	Shard      uint8 // filled in by the store from the app
	Kind       diag.LogKind
	Handled    bool
	ID         diag.ID
	Install    diag.InstallID
	Session    diag.ID
	UserID     string
	AppVersion string
	AppBuild   string
	Model      string
	OSName     string
	OSVersion  string
	Country    string
	Language   string
	Group      diag.GroupID   // 0 = in no group
	Signature  diag.Signature // of the group
	Reason     Reason         // of the group: the one of its report with the lowest feed number
	State      diag.SymbolicationState
	Missing    []string // ids of images without symbols
	Problem    string   // why the log could not be read in full
	Locator    diag.Locator
}

// ReportQuery asks for reports of one app. Zero fields ask for nothing.
type ReportQuery struct {
	App        int64
	Group      *diag.GroupID
	Start, End diag.DeviceTime // 0 = open; End is exclusive
	Model      string
	OS         string // name, version, or "name version"
	Install    diag.InstallID
	UserID     string
	Limit      int // 0 = no limit
	After      Page
}

// Reports lists reports, newest first.
func (db *DB) Reports(ctx context.Context, q ReportQuery) ([]ReportRow, Page, error) {
	return nil, Page{}, errPending
}

// Report returns one report.
func (db *DB) Report(ctx context.Context, app int64, id diag.ID) (ReportRow, error) {
	return ReportRow{}, errPending
}

// ReportsByID returns those of the reports that exist.
func (db *DB) ReportsByID(ctx context.Context, app int64, ids []diag.ID) (map[diag.ID]ReportRow, error) {
	return nil, errPending
}
