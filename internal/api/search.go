package api

import (
	"net/http"
	"strings"

	"lifeboat/internal/contract"
	"lifeboat/internal/filter"
	"lifeboat/internal/store"
)

// maxHits is the size of a page of hits, also if none is asked for.
const maxHits = 100

// groupKeys and reportKeys are what hits can be sorted by, the default first. Messages are in no row, as they may
// hold personal data: the exception's type stands for them.
var groupKeys = [...]struct {
	name   string
	column store.Column
}{
	{"matchingReportsCount", store.ByCount}, {"exceptionClassName", store.ByClass}, {"exceptionMessage", store.ByType},
	{"exceptionMethod", store.ByMethod}, {"lastOccurrence", store.ByLast},
}

var reportKeys = [...]struct {
	name string
	key  store.ReportKey
}{
	{"timestamp", store.SortTime}, {"errorGroupId", store.SortGroup}, {"exceptionClassName", store.SortClass}, {"exceptionFile", store.SortFile},
	{"exceptionLine", store.SortLine}, {"exceptionMessage", store.SortType}, {"exceptionMethod", store.SortMethod},
	{"deviceName", store.SortModel}, {"osVersion", store.SortVersion}, {"userId", store.SortUser},
}

// desc reads the direction of sort.
func (p *params) desc() bool {
	switch text := p.text("order"); strings.ToLower(text) {
	case "", "desc":
	case "asc":
		return false
	default:
		p.fail("order must be asc or desc.")
	}
	return true
}

// filter reads a filter on the fields of a table.
func (p *params) filter(name string, fields filter.Fields) filter.Expr {
	e, err := filter.Parse(p.text(name), fields)
	if err != nil && p.err == nil {
		p.err = err
	}
	return e
}

// groupOrder reads what groups are sorted by.
func (p *params) groupOrder() store.Order {
	text := p.text("sort")
	names := make([]string, len(groupKeys))
	for i, k := range groupKeys {
		if names[i] = k.name; text == "" || strings.EqualFold(text, k.name) {
			return store.Order{Column: k.column, Desc: p.desc()}
		}
	}
	p.fail("sort must be one of %s.", strings.Join(names, ", "))
	return store.Order{}
}

// reportKey reads what reports are sorted by.
func (p *params) reportKey() store.ReportKey {
	text := p.text("sort")
	names := make([]string, len(reportKeys))
	for i, k := range reportKeys {
		if names[i] = k.name; text == "" || strings.EqualFold(text, k.name) {
			return k.key
		}
	}
	p.fail("sort must be one of %s.", strings.Join(names, ", "))
	return ""
}

func searchGroups(q *request) error {
	p := q.params()
	search := store.GroupSearch{
		App: q.app.Num, Q: p.text("q"), Filter: p.filter("filter", filter.Groups()), OrderBy: p.groupOrder(), Skip: p.skip(), Limit: p.topOf(maxHits, maxHits),
	}
	if p.err != nil {
		return p.err
	}
	groups, more, err := q.o.Store.SearchGroups(q.ctx(), search)
	if err != nil {
		return err
	}
	messages, err := q.messages(groups)
	if err != nil {
		return err
	}
	answer := contract.GroupHits{HasMoreResults: more, ErrorGroups: make([]contract.ErrorGroup, len(groups))}
	for i := range groups {
		answer.ErrorGroups[i] = q.group(&groups[i], messages[i])
	}
	return q.json(http.StatusOK, answer)
}

func searchReports(q *request) error {
	p := q.params()
	search := store.ReportSearch{
		App: q.app.Num, Q: p.text("q"), Filter: p.filter("filter", filter.Reports()), Sort: p.reportKey(), Desc: p.desc(), Skip: p.skip(), Limit: p.topOf(maxHits, maxHits),
	}
	if p.err != nil {
		return p.err
	}
	rows, more, err := q.o.Store.SearchReports(q.ctx(), search)
	if err != nil {
		return err
	}
	items, err := q.reports(rows)
	if err != nil {
		return err
	}
	answer := contract.ReportHits{HasMoreResults: more, Errors: make([]contract.ReportHit, len(rows))}
	for i := range rows {
		answer.Errors[i] = contract.ReportHit{Report: items[i], ErrorGroupID: rows[i].Group.Format(rows[i].Handled)}
	}
	return q.json(http.StatusOK, answer)
}
