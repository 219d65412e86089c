package api

import (
	"context"
	"net/http"
	"runtime"
	"strconv"

	"golang.org/x/sync/errgroup"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/report"
	"lifeboat/internal/store"
)

func listGroups(q *request) error {
	p := q.params()
	query := store.GroupQuery{
		App: q.app.Num, Start: p.time("start"), End: p.time("end"), Version: p.text("version"), Build: p.text("app_build"),
		States: p.states(), Handled: p.handled(), Install: p.install(), UserID: p.text("userId"), OrderBy: p.order(),
	}
	limit := p.top()
	if p.err != nil {
		return p.err
	}
	bound := query
	page, err := q.page(bound)
	if err != nil {
		return err
	}
	query.Limit, query.After = limit, page
	groups, next, err := q.o.Store.Groups(q.ctx(), query)
	if err != nil {
		return err
	}
	link, err := q.nextLink(next, bound)
	if err != nil {
		return err
	}
	newest, err := q.newest(groups)
	if err != nil {
		return err
	}
	answer := contract.ErrorGroups{NextLink: link, ErrorGroups: make([]contract.ErrorGroup, len(groups))}
	for i := range groups {
		answer.ErrorGroups[i] = q.group(&groups[i], newest[i])
	}
	return q.json(http.StatusOK, answer)
}

// newest reads the newest report of each group, nil where it is gone: messages stand in reports only.
func (q *request) newest(groups []store.GroupSummary) ([]*report.Full, error) {
	ids := make([]diag.ID, len(groups))
	for i := range groups {
		ids[i] = groups[i].Latest
	}
	rows, err := q.o.Store.ReportsByID(q.ctx(), q.app.Num, ids)
	if err != nil {
		return nil, err
	}
	all := make([]*report.Full, len(groups))
	var work errgroup.Group
	work.SetLimit(runtime.GOMAXPROCS(0))
	for i := range ids {
		row, ok := rows[ids[i]]
		if !ok {
			continue
		}
		work.Go(func() (err error) {
			all[i], err = q.readable(q.ctx(), &row)
			return err
		})
	}
	return all, work.Wait()
}

// readable is the report of a row, nil if its log was erased.
func (q *request) readable(ctx context.Context, row *store.ReportRow) (*report.Full, error) {
	full, err := q.o.Reports.Report(ctx, &q.app, row)
	if err != nil && diag.KindOf(err) == diag.NotFound {
		return nil, nil
	}
	return full, err
}

// group makes the list item. newest may be nil.
func (q *request) group(g *store.GroupSummary, newest *report.Full) contract.ErrorGroup {
	r := &g.Reason
	e := contract.ErrorGroup{
		ErrorGroupID: g.ID.Format(g.Handled), AppVersion: g.AppVersion, AppBuild: g.AppBuild, Count: g.Count, DeviceCount: g.Devices,
		FirstOccurrence: diag.FormatTime(g.First.Time()), LastOccurrence: diag.FormatTime(g.Last.Time()),
		ExceptionType: r.Type, ExceptionClassName: r.Class, ExceptionClassMethod: r.ClassMethod, ExceptionMethod: r.Method,
		ExceptionAppCode: r.AppCode, ExceptionFile: r.File, CodeRaw: r.CodeRaw, State: q.state(g.State), Annotation: g.Annotation,
	}
	if r.Line > 0 {
		e.ExceptionLine = strconv.Itoa(r.Line)
	}
	if newest != nil {
		e.ExceptionMessage = newest.Verdict.Reason.ExceptionMessage
	}
	return e
}

// summary is the group of the path.
func (q *request) summary() (store.GroupSummary, error) {
	id, err := q.groupID()
	if err != nil {
		return store.GroupSummary{}, err
	}
	return q.o.Store.Group(q.ctx(), q.app.Num, id)
}

func getGroup(q *request) error {
	g, err := q.summary()
	if err != nil {
		return err
	}
	newest, err := q.newest([]store.GroupSummary{g})
	if err != nil {
		return err
	}
	answer := q.group(&g, newest[0])
	if newest[0] != nil {
		answer.ReasonFrames = contract.NewReportDetails(&newest[0].Report, &newest[0].Verdict, false, false).ReasonFrames
	}
	return q.json(http.StatusOK, answer)
}

// groupStackTrace is that of the group's newest report.
func groupStackTrace(q *request) error {
	g, err := q.summary()
	if err != nil {
		return err
	}
	row, err := q.o.Store.Report(q.ctx(), q.app.Num, g.Latest)
	if err != nil {
		return err
	}
	return q.stackTrace(&row)
}
