package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lifeboat/internal/auth"
	"lifeboat/internal/diag"
	"lifeboat/internal/report"
	"lifeboat/internal/respond"
	"lifeboat/internal/store"
)

// request is one call on its way: what is known of it once it is admitted.
type request struct {
	*API
	w      http.ResponseWriter
	r      *http.Request
	names  []string // of the path's parameters
	values []string
	query  url.Values

	caller  auth.Caller  // unless the route needs a signature only
	app     diag.App     // of routes of an app
	org     diag.Org     // of routes of an organisation
	orgRole diag.OrgRole // in it
	role    diag.Role    // in it
}

func (q *request) ctx() context.Context { return q.r.Context() }

// oldNames are what the calls crash_groups and crashes call the parts of their paths.
var oldNames = map[string]string{"errorGroupId": "crash_group_id", "errorId": "crash_id", "attachmentId": "attachment_id"}

// param is a part of the path.
func (q *request) param(name string) string {
	i := slices.Index(q.names, name)
	if i < 0 {
		i = slices.Index(q.names, oldNames[name])
	}
	return q.values[i]
}

func (q *request) json(status int, v any) error { return respond.JSON(q.w, status, v) }

// admit lets the request through or says why not: 401, then 404 of the app or organisation, then 403 (T19).
func (q *request) admit(n need) (err error) {
	if n == needSignature || n == needAnyone {
		return nil
	}
	if q.caller, err = q.o.Gate.Caller(q.r); err != nil {
		return err
	}
	if least, ok := n.role(); ok {
		if err := q.enter(least, n == needManagerByID); err != nil {
			return err
		}
		switch {
		case n == needOwner:
			return q.requireOwner()
		case n.user():
			return auth.RequireUser(&q.caller, false)
		}
		return nil
	}
	if least, write, ok := n.orgRole(); ok {
		return q.enterOrg(least, write)
	}
	switch n {
	case needToken:
		return nil
	case needAdmin:
		return auth.RequireAdmin(&q.caller)
	}
	return auth.RequireUser(&q.caller, n == needUserWrite)
}

// enter finds the app of the path and the caller's role in it.
func (q *request) enter(least diag.Role, byID bool) (err error) {
	if byID {
		q.app, err = q.appByID(q.param("app_id"))
	} else {
		q.app, err = q.appByName(q.param("owner_name"), q.param("app_name"))
	}
	if diag.KindOf(err) == diag.NotFound && err != nil {
		return notFound()
	}
	if err != nil {
		return err
	}
	q.role, err = q.o.Gate.Require(q.ctx(), &q.caller, q.app.Num, least)
	return err
}

func (q *request) appByName(owner, name string) (diag.App, error) {
	if len(owner) > diag.MaxName || len(name) > diag.MaxName {
		return diag.App{}, notFound()
	}
	return q.o.Store.App(q.ctx(), owner, name)
}

func (q *request) appByID(text string) (diag.App, error) {
	id, ok := diag.ParseID(text)
	if !ok {
		return diag.App{}, notFound()
	}
	return q.o.Store.AppByID(q.ctx(), id)
}

func (q *request) parseQuery() (err error) {
	// A semicolon is a character like others to the original; Go refuses it.
	if q.query, err = url.ParseQuery(strings.ReplaceAll(q.r.URL.RawQuery, ";", "%3B")); err != nil {
		return diag.Errorf(diag.Invalid, "The query cannot be read: encode %% and & in its values.")
	}
	return nil
}

func noSuchReport() error { return diag.Errorf(diag.NotFound, "There is no such report.") }

// groupID is the group of the path, whether it is there or not.
func (q *request) groupID() (diag.GroupID, error) {
	id, _, ok := diag.ParseGroupID(q.param("errorGroupId"))
	if !ok {
		return 0, diag.Errorf(diag.NotFound, "There is no such error group.")
	}
	return id, nil
}

// row is the row of the report that a parameter of the path names, by its full id or the GUID alone (Q22).
func (q *request) row(name string) (*store.ReportRow, error) {
	id, ok := diag.ParseReportID(q.param(name))
	if !ok {
		return nil, noSuchReport()
	}
	row, err := q.o.Store.Report(q.ctx(), q.app.Num, id)
	if err != nil {
		return nil, err
	}
	return &row, nil
}

// rowInGroup is the row of the report that the path names together with its group.
func (q *request) rowInGroup() (*store.ReportRow, error) {
	group, err := q.groupID()
	if err != nil {
		return nil, err
	}
	row, err := q.row("errorId")
	if err != nil {
		return nil, err
	}
	if row.Group != group {
		return nil, noSuchReport()
	}
	return row, nil
}

// full reads the report of a row.
func (q *request) full(row *store.ReportRow) (*report.Full, error) {
	return q.o.Reports.Report(q.ctx(), &q.app, row)
}
