package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
	"lifeboat/internal/store"
)

// The calls crash_groups and crashes are those of errors/* with other names. Clients that use them are old.

// crashPage is how many groups a page of crash_groups has.
const crashPage = 100

// crashOrders are the values of $orderby.
var crashOrders = map[string]store.Column{
	"last_occurrence": store.ByLast, "count": store.ByCount, "display_id": store.ByID, "impacted_users": store.ByDevices,
}

func listCrashGroups(q *request) error {
	p := q.params()
	from, to := p.time("last_occurrence_from"), p.time("last_occurrence_to")
	query := store.GroupQuery{App: q.app.Num, Version: p.text("app_version"), States: p.crashStatus(), OrderBy: p.crashOrder(), Handled: p.crashType()}
	text := p.text("group_text_search")
	if p.err != nil {
		return p.err
	}
	bound := struct {
		store.GroupQuery
		From, To diag.DeviceTime
		Text     string
	}{query, from, to, text}
	page, err := q.pageOf("continuation_token", bound)
	if err != nil {
		return err
	}
	wanted, err := q.groupsWith(text)
	if err != nil {
		return err
	}
	answer := contract.CrashGroups{CrashGroups: []contract.CrashGroup{}}
	query.Limit, query.After = crashPage, page
	for {
		groups, next, err := q.o.Store.Groups(q.ctx(), query)
		if err != nil {
			return err
		}
		groups = slices.DeleteFunc(groups, func(g store.GroupSummary) bool {
			return from != 0 && g.Last < from || to != 0 && g.Last >= to || wanted != nil && !wanted(g.ID)
		})
		if err := q.addCrashGroups(&answer, groups); err != nil {
			return err
		}
		if next.IsZero() {
			break
		}
		if query.After = next; len(answer.CrashGroups) > 0 {
			answer.LimitedResultSet = true
			if answer.ContinuationToken, err = q.token(next, bound); err != nil {
				return err
			}
			break
		}
	}
	return q.json(http.StatusOK, answer)
}

func (q *request) addCrashGroups(answer *contract.CrashGroups, groups []store.GroupSummary) error {
	messages, err := q.messages(groups)
	for i := range groups {
		if err == nil {
			answer.CrashGroups = append(answer.CrashGroups, crashGroup(&groups[i], messages[i]))
		}
	}
	return err
}

// crashGroup is the old form of a group.
func crashGroup(g *store.GroupSummary, message string) contract.CrashGroup {
	id, r := g.ID.Format(g.Handled), &g.Reason
	reason := message
	if reason == "" {
		reason = r.Type
	}
	return contract.CrashGroup{
		CrashGroupID: id, NewCrashGroupID: id, DisplayID: id, AppVersion: g.AppVersion, Build: g.AppBuild, Status: strings.ToLower(g.State),
		Count: g.Count, ImpactedUsers: g.Devices, FirstOccurrence: diag.FormatTime(g.First.Time()), LastOccurrence: diag.FormatTime(g.Last.Time()),
		Exception: r.Type, CrashReason: reason, Fatal: !g.Handled, Annotation: g.Annotation,
		ReasonFrame: &contract.CrashReasonFrame{
			ClassName: r.Class, Method: r.Method, ClassMethod: r.ClassMethod, File: r.File, Line: r.Line, AppCode: r.AppCode, FrameworkName: r.Framework,
			CodeFormatted: r.CodeRaw, CodeRaw: r.CodeRaw, Language: string(r.Language), ExceptionType: r.Type, OSExceptionType: r.OSExceptionType,
		},
	}
}

// crashStatus is group_status.
func (p *params) crashStatus() []string {
	text := p.text("group_status")
	if text == "" {
		return nil
	}
	for _, s := range groupStates {
		if strings.EqualFold(s, text) {
			return []string{s}
		}
	}
	p.fail("group_status must be open, closed or ignored.")
	return nil
}

// crashType is group_type: crashes and handled errors.
func (p *params) crashType() *bool {
	handled := true
	switch text := p.text("group_type"); strings.ToLower(text) {
	case "":
		return nil
	case "grouptype1":
		handled = false
	case "grouptype2":
	default:
		p.fail("group_type must be GroupType1 or GroupType2.")
	}
	return &handled
}

func (p *params) crashOrder() []store.Order {
	text := p.text("$orderby")
	words := strings.Fields(strings.ToLower(text))
	if len(words) == 0 {
		return []store.Order{{Column: store.ByLast, Desc: true}}
	}
	column, ok := crashOrders[words[0]]
	if !ok || len(words) > 2 || len(words) == 2 && words[1] != "asc" && words[1] != "desc" {
		p.fail("$orderby must be last_occurrence, count, display_id or impacted_users with asc or desc behind it.")
		return nil
	}
	return []store.Order{{Column: column, Desc: len(words) == 2 && words[1] == "desc"}}
}

// flag is a parameter that is true or false.
func (p *params) flag(name string) bool {
	switch text := p.text(name); strings.ToLower(text) {
	case "true", "1":
		return true
	case "", "false", "0":
	default:
		p.fail("%s must be true or false.", name)
	}
	return false
}

func getCrashGroup(q *request) error {
	g, err := q.summary()
	if err != nil {
		return err
	}
	return q.crashGroup(&g)
}

func (q *request) crashGroup(g *store.GroupSummary) error {
	messages, err := q.messages([]store.GroupSummary{*g})
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, crashGroup(g, messages[0]))
}

// crashGroupChange is a groupChange with the old name of the state.
type crashGroupChange struct {
	Status     *string         `json:"status"`
	Annotation json.RawMessage `json:"annotation"`
}

func patchCrashGroup(q *request) error {
	var change crashGroupChange
	if err := respond.ReadJSON(q.r, maxBody, &change); err != nil {
		return err
	}
	g, err := q.changeGroup(groupChange{State: change.Status, Annotation: change.Annotation})
	if err != nil {
		return err
	}
	return q.crashGroup(&g)
}

func crashGroupStackTrace(q *request) error {
	p := q.params()
	if p.flag("grouping_only"); p.err != nil {
		return p.err
	}
	return groupStackTrace(q)
}

// maxTextHits is how many groups a text may be found in.
const maxTextHits = 10_000

// groupsWith tells the groups that searchGroups finds with a text; nil for all of them.
func (q *request) groupsWith(text string) (func(diag.GroupID) bool, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	groups, more, err := q.o.Store.SearchGroups(q.ctx(), store.GroupSearch{App: q.app.Num, Q: text, Limit: maxTextHits})
	if err == nil && more {
		err = diag.Errorf(diag.Invalid, "group_text_search finds more than %d groups: add words.", maxTextHits)
	}
	found := map[diag.GroupID]bool{}
	for i := range groups {
		found[groups[i].ID] = true
	}
	return func(id diag.GroupID) bool { return found[id] }, err
}
