package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/filter"
	"lifeboat/internal/store"
)

const (
	// maxDays bounds lists that have an entry for every day: what reaches back further begins later.
	maxDays = 1000
	// aheadDays is how far the clocks of devices may be ahead (L5).
	aheadDays = 3

	oneDay = 24 * time.Hour
)

// dayOf is when the UTC day of a time begins, counted in days from 1970.
func dayOf(t time.Time) int { return int(t.UTC().Truncate(oneDay).Unix() / int64(oneDay/time.Second)) }

func timeOfDay(day int) time.Time { return time.Unix(int64(day)*int64(oneDay/time.Second), 0).UTC() }

// days are the UTC days of a list.
type days struct{ first, last int }

// days are those that a range touches. An open one begins with the first day that has something and ends today,
// or with the last such day if that is later. known tells the days that have something, in rising order.
func (q *request) days(start, end diag.DeviceTime, known ...time.Time) days {
	today := dayOf(q.o.Clock.Now())
	d := days{today, today}
	if len(known) > 0 {
		d = days{dayOf(known[0]), max(today, dayOf(known[len(known)-1]))}
	}
	latest := max(d.last, today+aheadDays)
	if start != 0 {
		d.first = dayOf(start.Time())
	}
	if end != 0 {
		d.last = dayOf(end.Time().Add(-1))
	}
	d.last = min(d.last, latest)
	d.first = max(d.first, d.last-maxDays+1)
	return d
}

func (d days) len() int { return max(d.last-d.first+1, 0) }

// counts puts an entry for every day.
func (d days) counts(found []store.DayCount) contract.ErrorCounts {
	c := contract.ErrorCounts{Errors: make([]contract.DayCount, d.len())}
	for i := range c.Errors {
		c.Errors[i].Datetime = diag.FormatTime(timeOfDay(d.first + i))
	}
	for _, f := range found {
		if i := dayOf(f.Day.Time()) - d.first; i >= 0 && i < len(c.Errors) {
			c.Errors[i].Count += f.N
			c.Count += f.N
		}
	}
	return c
}

// errorFree puts an entry for every day.
func (d days) errorFree(active, failed []store.DayCount) contract.ErrorFree {
	all := make([]contract.DayDevices, d.len())
	for i := range all {
		all[i].Day = diag.DeviceTimeOf(timeOfDay(d.first + i))
	}
	for _, f := range active {
		if i := dayOf(f.Day.Time()) - d.first; i >= 0 && i < len(all) {
			all[i].Active = f.N
		}
	}
	for _, f := range failed {
		if i := dayOf(f.Day.Time()) - d.first; i >= 0 && i < len(all) {
			all[i].Failed = f.N
		}
	}
	return contract.NewErrorFree(all)
}

func daysWith(found []store.DayCount) (all []time.Time) {
	for _, f := range found {
		all = append(all, f.Day.Time())
	}
	return all
}

// oneKind is the kind of errors asked for by calls that answer for one: handled ones if none is named.
func (p *params) oneKind() *bool {
	handled := p.handled()
	switch {
	case handled != nil:
		return handled
	case p.text("errorType") != "":
		p.fail("errorType must be unhandledError or handledError.")
	}
	yes := true
	return &yes
}

func countsPerDay(q *request) error {
	p := q.params()
	query := store.ErrorQuery{App: q.app.Num, Start: p.time("start"), End: p.time("end"), Versions: some(p.text("version")), Build: p.text("app_build"), Handled: p.oneKind()}
	if p.err != nil {
		return p.err
	}
	counts, err := q.errorCounts(query)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, counts)
}

// errorCounts counts reports on every day of a range.
func (q *request) errorCounts(query store.ErrorQuery) (contract.ErrorCounts, error) {
	found, err := q.o.Store.ErrorDays(q.ctx(), query)
	return q.days(query.Start, query.End, daysWith(found)...).counts(found), err
}

// some is a list of a text unless it is empty.
func some(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

func errorFree(q *request) error {
	p := q.params()
	query := store.ActivityQuery{App: q.app.Num, Start: p.time("start"), End: p.time("end"), Versions: p.list("versions"), Build: p.text("app_build"), Handled: p.oneKind()}
	if p.err != nil {
		return p.err
	}
	free, err := q.errorFree(query)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, free)
}

// errorFree is the share of devices without an error of a kind on every day of a range.
func (q *request) errorFree(query store.ActivityQuery) (contract.ErrorFree, error) {
	failed, err := q.o.Store.ActiveDevices(q.ctx(), query)
	if err != nil {
		return contract.ErrorFree{}, err
	}
	query.Handled = nil
	active, err := q.o.Store.ActiveDevices(q.ctx(), query)
	return q.days(query.Start, query.End, daysWith(active)...).errorFree(active, failed), err
}

func groupCountsPerDay(q *request) error {
	p := q.params()
	start, end, version := p.time("start"), p.time("end"), p.text("version")
	if p.err != nil {
		return p.err
	}
	g, err := q.summary()
	if err != nil {
		return err
	}
	counts, err := q.groupErrorCounts(&g, start, end, version)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, counts)
}

// groupErrorCounts counts a group's reports on every day of a range. A group is of one version: of another one
// it has none.
func (q *request) groupErrorCounts(g *store.GroupSummary, start, end diag.DeviceTime, version string) (contract.ErrorCounts, error) {
	found, err := q.o.Store.GroupDays(q.ctx(), q.app.Num, g.ID, start, end)
	if err != nil {
		return contract.ErrorCounts{}, err
	}
	var reports []store.DayCount
	for _, d := range found {
		if version == "" || version == g.AppVersion {
			reports = append(reports, store.DayCount{Day: d.Day, N: d.N})
		}
	}
	return q.days(start, end, daysWith(reports)...).counts(reports), nil
}

// groupErrorFree is the share of the devices with the group's version that had no error of the group.
func groupErrorFree(q *request) error {
	p := q.params()
	start, end := p.time("start"), p.time("end")
	if p.err != nil {
		return p.err
	}
	g, err := q.summary()
	if err != nil {
		return err
	}
	found, err := q.o.Store.GroupDays(q.ctx(), q.app.Num, g.ID, start, end)
	if err != nil {
		return err
	}
	var failed []store.DayCount
	for _, d := range found {
		failed = append(failed, store.DayCount{Day: d.Day, N: d.Devices})
	}
	active, err := q.o.Store.ActiveDevices(q.ctx(), store.ActivityQuery{App: q.app.Num, Start: start, End: end, Versions: []string{g.AppVersion}})
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, q.days(start, end, daysWith(failed)...).errorFree(active, failed))
}

func groupModels(q *request) error {
	g, found, err := q.groupNames(q.o.Store.GroupModels)
	if err != nil {
		return err
	}
	answer := contract.GroupModels{ErrorCount: g.Count, Models: make([]contract.ModelCount, len(found))}
	for i, f := range found {
		answer.Models[i] = contract.ModelCount{ModelName: f.Name, ModelCode: f.Name, ErrorCount: f.N}
	}
	return q.json(http.StatusOK, answer)
}

func groupSystems(q *request) error {
	g, found, err := q.groupNames(q.o.Store.GroupSystems)
	if err != nil {
		return err
	}
	answer := contract.GroupSystems{ErrorCount: g.Count, OperatingSystems: make([]contract.SystemCount, len(found))}
	for i, f := range found {
		answer.OperatingSystems[i] = contract.SystemCount{OperatingSystemName: f.Name, ErrorCount: f.N}
	}
	return q.json(http.StatusOK, answer)
}

// groupNames reads the first of what a group's reports are told apart by.
func (q *request) groupNames(read func(context.Context, int64, diag.GroupID) ([]store.NameCount, error)) (store.GroupSummary, []store.NameCount, error) {
	p := q.params()
	top := p.top()
	if p.err != nil {
		return store.GroupSummary{}, nil, p.err
	}
	g, err := q.summary()
	if err != nil {
		return g, nil, err
	}
	found, err := read(q.ctx(), q.app.Num, g.ID)
	return g, found[:min(top, len(found))], err
}

func availableVersions(q *request) error {
	p := q.params()
	query := store.ErrorQuery{App: q.app.Num, Start: p.time("start"), End: p.time("end"), Handled: p.handled()}
	top, skip := p.top(), p.skip()
	p.word("$inlinecount", "allpages", "none")
	only, err := filter.Parse(p.text("$filter"), filter.Versions())
	if err := cmp.Or(p.err, err); err != nil {
		return err
	}
	found, err := q.o.Store.ErrorVersions(q.ctx(), query)
	if err != nil {
		return err
	}
	names := slices.DeleteFunc(newestFirst(found), func(name string) bool {
		return !filter.Match(only, func(string) filter.Value { return filter.TextValue(name) })
	})
	skip = min(skip, len(names))
	return q.json(http.StatusOK, contract.Versions{Versions: names[skip:][:min(top, len(names)-skip)], TotalCount: int64(len(names))})
}

func availableBuilds(q *request) error {
	p := q.params()
	query := store.ErrorQuery{App: q.app.Num, Start: p.time("start"), End: p.time("end"), Versions: some(p.text("version")), Handled: p.handled()}
	top := p.top()
	if p.err != nil {
		return p.err
	}
	found, err := q.o.Store.ErrorBuilds(q.ctx(), query)
	if err != nil {
		return err
	}
	names := newestFirst(found)
	names = names[:min(top, len(names))]
	return q.json(http.StatusOK, contract.Builds{AppBuilds: names, Recorded: names})
}

// newestFirst are names of versions, the highest first. Reports without one cannot be asked for by it.
func newestFirst(found []store.NameCount) []string {
	names := make([]string, 0, len(found))
	for _, f := range found {
		if f.Name != "" {
			names = append(names, f.Name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return compareVersions(b, a) })
	return names
}

// compareVersions orders texts so that numbers in them count as numbers: 1.9 before 1.10.
func compareVersions(a, b string) int {
	wholeA, wholeB := a, b
	for a != "" && b != "" {
		digitsA, digitsB := leadingDigits(a), leadingDigits(b)
		if digitsA == 0 || digitsB == 0 {
			if a[0] != b[0] {
				return int(a[0]) - int(b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		numberA, numberB := strings.TrimLeft(a[:digitsA], "0"), strings.TrimLeft(b[:digitsB], "0")
		if c := cmp.Or(len(numberA)-len(numberB), strings.Compare(numberA, numberB)); c != 0 {
			return c
		}
		a, b = a[digitsA:], b[digitsB:]
	}
	return cmp.Or(len(a)-len(b), strings.Compare(wholeA, wholeB))
}

func leadingDigits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }
