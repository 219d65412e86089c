package api

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/filter"
	"lifeboat/internal/store"
)

// statusOf says whether symbols are there for an id.
func statusOf(set *store.SymbolSet, id string) string {
	switch {
	case set.Ignored(id):
		return contract.SymbolIgnored
	case set.Has(id):
		return contract.SymbolAvailable
	}
	return contract.SymbolMissing
}

// The states of a group.
const (
	groupActive = "active" // reports of it lack symbols
	groupClosed = "closed" // they did, and do no more
)

// maxMissing bounds the ids that are listed of one version: those that most reports lack.
const maxMissing = 10_000

// missingGroup is a version and build while it is counted.
type missingGroup struct {
	version, build  string
	crashes, errors int64
	last            diag.IngressTime
	needed          map[string]int64 // reports by id
	status          string
}

// id of a group: the same as long as there is the version.
func (g *missingGroup) id() string {
	return diag.DerivedID([]byte(g.version), []byte(g.build)).String()
}

// missing reads the groups of an app: those in which something is missing first, by falling number of crashes.
func (q *request) missing() ([]*missingGroup, *store.SymbolSet, error) {
	set, err := q.o.Store.SymbolSet(q.ctx(), q.app.Num)
	if err != nil {
		return nil, nil, err
	}
	type version struct{ version, build string }
	of := map[version]*missingGroup{}
	err = q.o.Store.MissingSymbols(q.ctx(), q.app.Num, func(s *store.MissingSet) error {
		g := of[version{s.Version, s.Build}]
		if g == nil {
			g = &missingGroup{version: s.Version, build: s.Build, needed: map[string]int64{}, status: groupClosed}
			of[version{s.Version, s.Build}] = g
		}
		g.add(s, set)
		return nil
	})
	all := slices.Collect(maps.Values(of))
	slices.SortFunc(all, func(a, b *missingGroup) int {
		return cmp.Or(strings.Compare(a.status, b.status), cmp.Compare(b.crashes, a.crashes), cmp.Compare(b.errors, a.errors),
			cmp.Compare(b.last, a.last), strings.Compare(a.version, b.version), strings.Compare(a.build, b.build))
	})
	return all, set, err
}

// add counts reports that need the same symbols. Those that lack none any more are not counted.
func (g *missingGroup) add(s *store.MissingSet, set *store.SymbolSet) {
	for _, id := range s.IDs {
		g.needed[id] += s.Crashes + s.Errors
	}
	g.last = max(g.last, s.Last)
	if slices.ContainsFunc(s.IDs, func(id string) bool { return statusOf(set, id) == contract.SymbolMissing }) {
		g.status = groupActive
		g.crashes += s.Crashes
		g.errors += s.Errors
	}
}

// matches reports whether a filter lets a group through: one of its symbols has to fit.
func (g *missingGroup) matches(e filter.Expr) bool {
	for id := range g.needed {
		fits := filter.Match(e, func(field string) filter.Value {
			switch field {
			case "app_ver":
				return filter.TextValue(g.version)
			case "app_build":
				return filter.TextValue(g.build)
			case "status":
				return filter.TextValue(g.status)
			}
			return filter.TextValue(id)
		})
		if fits {
			return true
		}
	}
	return false
}

func (q *request) shownMissing(g *missingGroup, set *store.SymbolSet, images map[string]store.MissingImage) contract.MissingSymbolGroup {
	ids := slices.SortedFunc(maps.Keys(g.needed), func(a, b string) int {
		return cmp.Or(cmp.Compare(g.needed[b], g.needed[a]), strings.Compare(a, b))
	})
	symbols := make([]contract.MissingSymbol, 0, min(len(ids), maxMissing))
	for _, id := range ids[:min(len(ids), maxMissing)] {
		platform := images[id].Platform
		if platform == "" {
			platform = q.app.OS
		}
		symbols = append(symbols, contract.MissingSymbol{SymbolID: id, Name: images[id].Name, Platform: platform, Status: statusOf(set, id)})
	}
	return contract.MissingSymbolGroup{
		SymbolGroupID: g.id(), CrashCount: g.crashes, ErrorCount: g.errors, AppID: q.app.ID.String(), AppVer: g.version, AppBuild: g.build,
		LastModified: diag.FormatMillis(g.last.Time()), MissingSymbols: symbols, Status: g.status,
	}
}

// listSymbolGroups lists the versions whose reports lack symbols. Those that lack none any more are left out unless
// the filter asks for a status.
func listSymbolGroups(q *request) error {
	p := q.params()
	only := p.filter("filter", filter.SymbolGroups())
	top := p.anyTop()
	if p.err != nil {
		return p.err
	}
	groups, set, err := q.missing()
	if err != nil {
		return err
	}
	images, err := q.o.Store.MissingImages(q.ctx(), q.app.Num)
	if err != nil {
		return err
	}
	closedToo := mentions(only, "status")
	list := contract.MissingSymbolGroups{Groups: []contract.MissingSymbolGroup{}}
	for _, g := range groups {
		if g.status == groupClosed && !closedToo || !g.matches(only) {
			continue
		}
		list.TotalCrashCount += g.crashes
		if len(list.Groups) < top {
			list.Groups = append(list.Groups, q.shownMissing(g, set, images))
		}
	}
	return q.json(http.StatusOK, list)
}

// anyTop is the size of a list that has no greatest size: the CLI asks for as many as there are numbers.
func (p *params) anyTop() int {
	const all = 1<<31 - 1
	text := p.text("top", "$top")
	if strings.Trim(text, "0123456789") != "" {
		p.fail("top must be a number.")
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n == 0 {
		return all
	}
	return n
}

// mentions reports whether a filter asks for a field.
func mentions(e filter.Expr, field string) bool {
	in := func(parts []filter.Expr) bool {
		return slices.ContainsFunc(parts, func(part filter.Expr) bool { return mentions(part, field) })
	}
	switch e := e.(type) {
	case filter.And:
		return in(e)
	case filter.Or:
		return in(e)
	case filter.Not:
		return mentions(e.Of, field)
	case filter.Compare:
		return e.Field == field
	case filter.In:
		return e.Field == field
	case filter.Call:
		return e.Field == field
	}
	return false
}

func getSymbolGroup(q *request) error {
	groups, set, err := q.missing()
	if err != nil {
		return err
	}
	id, _ := diag.ParseID(q.param("symbol_group_id"))
	i := slices.IndexFunc(groups, func(g *missingGroup) bool { return g.id() == id.String() })
	if i < 0 {
		return diag.Errorf(diag.NotFound, "There is no such group of missing symbols.")
	}
	images, err := q.o.Store.MissingImages(q.ctx(), q.app.Num)
	if err != nil {
		return err
	}
	shown := q.shownMissing(groups[i], set, images)
	return q.json(http.StatusOK, contract.MissingSymbolGroups{TotalCrashCount: shown.CrashCount, Groups: []contract.MissingSymbolGroup{shown}})
}

// symbolGroupsInfo counts the crashes that lack symbols.
func symbolGroupsInfo(q *request) error {
	groups, _, err := q.missing()
	if err != nil {
		return err
	}
	var total contract.MissingSymbolTotal
	for _, g := range groups {
		total.TotalCrashCount += g.crashes
	}
	return q.json(http.StatusOK, total)
}
