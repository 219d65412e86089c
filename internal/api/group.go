package api

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/report"
	"lifeboat/internal/respond"
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
	messages, err := q.messages(groups)
	if err != nil {
		return err
	}
	answer := contract.ErrorGroups{NextLink: link, ErrorGroups: make([]contract.ErrorGroup, len(groups))}
	for i := range groups {
		answer.ErrorGroups[i] = q.group(&groups[i], messages[i])
	}
	return q.json(http.StatusOK, answer)
}

const maxListMessage = 2048 // bytes of a message in a list; the group by itself has the whole one

// messages reads the message of each group's newest report, "" where that is gone: messages stand in reports
// only.
func (q *request) messages(groups []store.GroupSummary) ([]string, error) {
	ids := make([]diag.ID, len(groups))
	for i := range groups {
		ids[i] = groups[i].Latest
	}
	rows, err := q.o.Store.ReportsByID(q.ctx(), q.app.Num, ids)
	if err != nil {
		return nil, err
	}
	all := make([]string, len(groups))
	work, ctx := errgroup.WithContext(q.ctx())
	work.SetLimit(runtime.GOMAXPROCS(0))
	for i := range ids {
		row, ok := rows[ids[i]]
		if !ok {
			continue
		}
		work.Go(func() error {
			full, err := q.readable(ctx, &row)
			if full != nil {
				all[i] = strings.Clone(cut(full.Verdict.Reason.ExceptionMessage, maxListMessage))
			}
			return err
		})
	}
	return all, work.Wait()
}

// cut shortens s to n bytes, or a few less so that no character is torn.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// readable is the report of a row, nil if its log was erased.
func (q *request) readable(ctx context.Context, row *store.ReportRow) (*report.Full, error) {
	full, err := q.o.Reports.Report(ctx, &q.app, row)
	if err != nil && diag.KindOf(err) == diag.NotFound {
		return nil, nil
	}
	return full, err
}

// group makes the list item.
func (q *request) group(g *store.GroupSummary, message string) contract.ErrorGroup {
	r := &g.Reason
	e := contract.ErrorGroup{
		ErrorGroupID: g.ID.Format(g.Handled), AppVersion: g.AppVersion, AppBuild: g.AppBuild, Count: g.Count, DeviceCount: g.Devices,
		FirstOccurrence: diag.FormatTime(g.First.Time()), LastOccurrence: diag.FormatTime(g.Last.Time()),
		ExceptionType: r.Type, ExceptionMessage: message, ExceptionClassName: r.Class, ExceptionClassMethod: r.ClassMethod, ExceptionMethod: r.Method,
		ExceptionAppCode: r.AppCode, ExceptionFile: r.File, CodeRaw: r.CodeRaw, State: q.state(g.State), Annotation: g.Annotation,
	}
	if r.Line > 0 {
		e.ExceptionLine = strconv.Itoa(r.Line)
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
	answer := q.group(&g, "")
	row, err := q.o.Store.Report(q.ctx(), q.app.Num, g.Latest)
	if err != nil {
		return err
	}
	full, err := q.readable(q.ctx(), &row)
	if err != nil {
		return err
	}
	if full != nil {
		answer.ExceptionMessage = full.Verdict.Reason.ExceptionMessage
		answer.ReasonFrames = contract.NewReportDetails(&full.Report, &full.Verdict, false, false).ReasonFrames
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

const maxAnnotation = 10_000 // characters

// groupChange is what a person says of a group. A member that is absent stays as it is.
type groupChange struct {
	State      *string         `json:"state"`
	Annotation json.RawMessage `json:"annotation"` // null clears it
}

// patchGroup changes what people said of a group and shows it as it is then.
func patchGroup(q *request) error {
	var change groupChange
	if err := respond.ReadJSON(q.r, maxBody, &change); err != nil {
		return err
	}
	if _, err := q.changeGroup(change); err != nil {
		return err
	}
	return getGroup(q)
}

// changeGroup changes the group of the path.
func (q *request) changeGroup(change groupChange) (store.GroupSummary, error) {
	words, err := change.words()
	if err != nil {
		return store.GroupSummary{}, err
	}
	g, err := q.summary()
	if err != nil {
		return g, err
	}
	now, err := q.o.Store.ChangeGroupWords(q.ctx(), q.app.Num, g.ID, words.State, words.Annotation)
	g.State, g.Annotation = now.State, now.Annotation
	return g, err
}

// said are the words of a change, nil where there are none.
type said struct{ State, Annotation *string }

func (c *groupChange) words() (w said, err error) {
	if c.State != nil {
		i := slices.IndexFunc(groupStates[:], func(s string) bool { return strings.EqualFold(s, *c.State) })
		if i < 0 {
			return w, diag.Errorf(diag.Invalid, "state must be one of %s.", strings.Join(groupStates[:], ", "))
		}
		w.State = &groupStates[i]
	}
	if c.Annotation != nil {
		w.Annotation = new(string)
		if err := json.Unmarshal(c.Annotation, w.Annotation); err != nil {
			return w, diag.Errorf(diag.Invalid, "annotation must be a text.")
		}
		if utf8.RuneCountInString(*w.Annotation) > maxAnnotation {
			return w, diag.Errorf(diag.Invalid, "annotation is too long: at most %d characters.", maxAnnotation)
		}
	}
	return w, nil
}
