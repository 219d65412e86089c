package store

import (
	"context"

	"lifeboat/internal/diag"
)

// Column is what groups can be ordered by.
type Column string

// The columns.
const (
	ByCount   Column = "count"
	ByDevices Column = "devices"
	ByFirst   Column = "first"
	ByLast    Column = "last"
	ByVersion Column = "version"
	ByType    Column = "type"
	ByClass   Column = "class"
	ByMethod  Column = "method"
)

// Order is one sort column. Ties are broken by the group's id.
type Order struct {
	Column Column
	Desc   bool
}

// GroupQuery asks for groups of one app. Zero fields ask for nothing. Start, End, Build, Install and UserID
// choose reports: groups without a chosen one are left out, and counts, devices, times and Latest are those
// of the chosen ones.
type GroupQuery struct {
	App        int64
	Start, End diag.DeviceTime // 0 = open; End is exclusive
	Version    string
	Build      string
	States     []string // any of them
	Handled    *bool
	Install    diag.InstallID
	UserID     string
	OrderBy    []Order // default: count, falling
	Limit      int     // 0 = no limit
	After      Page    // only with the same query
}

// GroupSummary is one fault in one version of an app.
type GroupSummary struct {
	ID          diag.GroupID
	Handled     bool
	AppVersion  string
	AppBuild    string // of the newest report
	Count       int64  // of reports
	Devices     int64  // of different installs
	First, Last diag.DeviceTime
	Reason      Reason
	Signature   diag.Signature
	State       string
	Annotation  string
	Latest      diag.ID // the newest report
}

// Groups lists groups.
func (db *DB) Groups(ctx context.Context, q GroupQuery) ([]GroupSummary, Page, error) {
	return nil, Page{}, errPending
}

// Group returns one group over all its reports.
func (db *DB) Group(ctx context.Context, app int64, g diag.GroupID) (GroupSummary, error) {
	return GroupSummary{}, errPending
}
