package store

import (
	"context"
	"database/sql"
	"math"
	"slices"

	"lifeboat/internal/diag"
	query "lifeboat/internal/filter"
)

// GroupSearch asks for the groups of one app that a filter lets through and that have a report which holds all
// words of a text.
type GroupSearch struct {
	App     int64
	Q       string     // "" = any
	Filter  query.Expr // on query.Groups; nil = any. A group's message is that of its newest report.
	OrderBy Order      // ByCount if it is zero
	Skip    int        // at most MaxSkip
	Limit   int        // at least 1
	Few     int        // as in ReportSearch
}

// SearchGroups lists hits, those with equal keys by id; more tells that others follow. A search that would have
// to look at too much is Invalid, with words that say what to do.
func (db *DB) SearchGroups(ctx context.Context, q GroupSearch) (groups []GroupSummary, more bool, err error) {
	if q.Skip > MaxSkip {
		return nil, false, tooDeep()
	}
	if q.OrderBy.Column == "" {
		q.OrderBy.Column = ByCount
	}
	if !slices.Contains(columns[:], q.OrderBy.Column) {
		return nil, false, diag.Errorf(diag.Invalid, "Groups cannot be ordered by %q.", string(q.OrderBy.Column))
	}
	err = db.search(ctx, q.App, q.Q, nil, q.Few, func(s *searcher) error {
		var p plan
		if p, err = s.plan(); err != nil {
			return err
		}
		return s.patiently(&p, func() error {
			h := groupHits{s: s, q: &q}
			err := h.prepare(&p)
			if err == nil {
				err = h.collect()
			}
			groups, more = h.groups, h.more
			return err
		})
	})
	return groups, more, err
}

// groupHits collects a page of groups.
type groupHits struct {
	s *searcher
	q *GroupSearch

	few     map[diag.GroupID][]spot // reports that may hold all words; nil: walk, or there are no words
	members *members                // of a walk

	messages  *members              // reports whose message may please the filter; nil: any
	byMessage map[diag.GroupID]bool // groups that have one, if those are few

	looked, found int // reports looked at, and hits among them

	seen   int
	groups []GroupSummary
	more   bool
}

// prepare finds out where the words may be.
func (h *groupHits) prepare(p *plan) (err error) {
	switch {
	case len(h.s.terms) == 0:
	case p.walk:
		h.members = newMembers(h.s, p)
	default:
		if h.few, err = h.s.byGroup(p.few); err != nil {
			return err
		}
	}
	cond := condOf(h.q.Filter, func(field string) bool { return field == "exceptionMessage" })
	if cond == nil {
		return nil
	}
	h.messages = newMembers(h.s, &plan{cond: cond})
	nums, err := h.s.find(*cond, 1, math.MaxInt64, h.s.few+1)
	if err != nil || len(nums) > h.s.few {
		return err
	}
	spots, err := h.s.byGroup(nums)
	h.byMessage = map[diag.GroupID]bool{}
	for g := range spots {
		h.byMessage[g] = true
	}
	return err
}

// byGroup sorts reports into their groups.
func (s *searcher) byGroup(nums []int64) (map[diag.GroupID][]spot, error) {
	of := map[diag.GroupID][]spot{}
	var g diag.GroupID
	err := s.eachNumbered(nums, "grp", func(*sql.Rows, *spot) []any { return []any{&g} }, func(at spot) { of[g] = append(of[g], at) })
	return of, err
}

// collect goes through the groups in the order of the list.
func (h *groupHits) collect() error {
	places, err := h.ranked()
	if err != nil {
		return err
	}
	for i := range places {
		var g GroupSummary
		err := g.load(h.s.t, h.s.shard, h.s.app, places[i].id)
		if gone(err) {
			continue // deleted since its place was read
		}
		if err != nil {
			return err
		}
		hit, err := h.matches(&g)
		if err != nil {
			return err
		}
		if hit && h.take(&g) {
			return nil
		}
	}
	return nil
}

// take takes a hit and reports whether that is all that is wanted.
func (h *groupHits) take(g *GroupSummary) (full bool) {
	switch h.seen++; {
	case h.seen <= h.q.Skip:
	case len(h.groups) < h.q.Limit:
		words := h.s.words(g.ID)
		g.State, g.Annotation = words.State, words.Annotation
		h.groups = append(h.groups, *g)
	default:
		h.more = true
	}
	return h.more
}

// ranked lists the groups that may be hits in their order.
func (h *groupHits) ranked() ([]groupPlace, error) {
	s := h.s
	var wanted map[diag.GroupID]bool
	if cond := condOf(h.q.Filter, inGroup); cond != nil {
		groups, err := s.findGroups(*cond)
		if err != nil {
			return nil, err
		}
		wanted = make(map[diag.GroupID]bool, len(groups))
		for _, g := range groups {
			wanted[g] = true
		}
	}
	k := ranking{order: []Order{h.q.OrderBy}}
	if h.byPlace() {
		k.most = h.q.Skip + h.q.Limit + 1
	}
	add := func(p *groupPlace) {
		if (wanted == nil || wanted[p.id]) && h.may(p) {
			k.add(p)
		}
	}
	l := groupList{db: s.db, t: s.t, q: &GroupQuery{App: s.app}, shard: s.shard, said: s.said}
	known, err := l.onBoard(add)
	if !known && err == nil {
		err = s.t.each(func(r *sql.Rows) error {
			var p groupPlace
			err := p.scan(r)
			add(&p)
			return err
		}, "SELECT "+placeColumns+" FROM error_group WHERE shard = $1 AND app = $2", s.shard, s.app)
	}
	return k.sorted(), err
}

// may says whether a group can be a hit, as far as its place tells.
func (h *groupHits) may(p *groupPlace) bool {
	if h.few != nil && h.few[p.id] == nil && !h.s.mayHold(p.id) || h.byMessage != nil && !h.byMessage[p.id] {
		return false
	}
	return no != decide(h.q.Filter, func(leaf query.Expr) truth {
		field := query.FieldOf(leaf)
		if !inPlace(field) {
			return unknown
		}
		g := GroupSummary{ID: p.id, Handled: p.handled, AppVersion: p.version, Count: p.n, Devices: p.devices, First: p.first, Last: p.last,
			Reason: Reason{Type: p.kind, Class: p.class, Method: p.method}}
		return truthOf(query.Match(leaf, func(string) query.Value { return h.s.groupValue(&g, field) }))
	})
}

// inPlace says whether a group's place tells a field.
func inPlace(field string) bool {
	switch field {
	case "exceptionMessage", "exceptionFile", "exceptionLine", "appBuild":
		return false
	}
	return true
}

// byPlace says whether places alone tell which groups are hits.
func (h *groupHits) byPlace() bool {
	return len(h.s.terms) == 0 && query.Walk(h.q.Filter, func(part query.Expr) bool {
		field := query.FieldOf(part)
		return field == "" || inPlace(field)
	})
}

// mayHold says whether every word may stand in a group's own texts.
func (s *searcher) mayHold(g diag.GroupID) bool {
	return !slices.ContainsFunc(s.terms, func(tm term) bool { return !tm.anyhow && !tm.groups[g] && !(tm.ids.isGroup && tm.ids.group == g) })
}

// matches decides whether a group is a hit.
func (h *groupHits) matches(g *GroupSummary) (bool, error) {
	value := func(field string) query.Value { return h.s.groupValue(g, field) }
	byFilter := of(h.q.Filter, value, nil)
	if byFilter == unknown {
		message, err := h.message(g)
		if err != nil {
			return false, err
		}
		byFilter = of(h.q.Filter, value, &message)
	}
	if byFilter != yes {
		return false, nil
	}
	if !slices.ContainsFunc(h.s.terms, func(tm term) bool { return !tm.inGroup(g.ID, g.AppVersion, &g.Reason) }) {
		return true, nil
	}
	if h.members == nil {
		return h.any(h.few[g.ID])
	}
	return h.walk(g.ID)
}

// message is that of a group's newest report, or "" if that cannot please the filter.
func (h *groupHits) message(g *GroupSummary) (string, error) {
	nums, err := h.s.numbers("SELECT num FROM report WHERE shard = $1 AND app = $2 AND id = $3", h.s.shard, h.s.app, g.Latest[:])
	if err != nil || len(nums) == 0 {
		return "", err
	}
	if h.messages != nil {
		if may, err := h.messages.has(nums[0]); err != nil || !may {
			return "", err
		}
	}
	rows, err := h.s.rows([]spot{{num: nums[0]}})
	if err != nil || rows[g.Latest] == nil {
		return "", err
	}
	texts, err := h.s.texts(rows[g.Latest])
	return texts.Message, err
}

// any says whether one of the reports holds all words.
func (h *groupHits) any(spots []spot) (bool, error) {
	for piece := range slices.Chunk(spots, searchPiece) {
		rows, err := h.s.rows(piece)
		if err != nil {
			return false, err
		}
		for _, row := range rows {
			if hit, err := h.s.matches(row); hit || err != nil {
				return hit, err
			}
		}
	}
	return false, nil
}

// walk goes through a group's reports, newest first, for one that holds all words.
func (h *groupHits) walk(g diag.GroupID) (hit bool, err error) {
	f := func() *filter {
		f := &filter{}
		f.and("r.shard = $%d AND r.app = $%d AND r.grp = $%d", h.s.shard, h.s.app, g)
		return f
	}
	looked := 0
	err = h.s.pages(f, "r /* by report_grp */", true, firstOfOne, func(spots []spot) (on bool, err error) {
		if looked < mostLooks && h.lucky() {
			looked, h.looked = looked+len(spots), h.looked+len(spots)
			if hit, err = h.any(spots); hit {
				h.found++
			}
			return !hit, err
		}
		if spots, err = h.members.of(spots); err == nil {
			hit, err = h.any(spots)
		}
		return !hit, err
	})
	return hit, err
}

// mostLooks is how many of a group's newest reports are looked at before the search asks which may be hits.
const mostLooks = 14

// lucky says whether looking has been worth it so far: asking is dear, and needless for words that most have.
func (h *groupHits) lucky() bool { return h.looked < 20*mostLooks || h.found*mostLooks >= h.looked }

// condOf is what everything meets that e lets through, by the fields that are such; nil if nobody knows.
func condOf(e query.Expr, such func(field string) bool) *SearchQuery {
	texts := func(at shape, values ...string) *SearchQuery {
		if !such(query.FieldOf(e)) {
			return nil
		}
		q := &SearchQuery{}
		for _, v := range values {
			one, ok := gramQuery(v, at)
			if !ok {
				return nil
			}
			q.Any = append(q.Any, one)
		}
		return q
	}
	q := &SearchQuery{}
	switch e := e.(type) {
	case query.And:
		for _, part := range e {
			if one := condOf(part, such); one != nil {
				q.All = append(q.All, *one)
			}
		}
		if q.All != nil {
			return q
		}
	case query.Or:
		for _, part := range e {
			one := condOf(part, such)
			if one == nil {
				return nil
			}
			q.Any = append(q.Any, *one)
		}
		return q
	case query.Compare:
		if e.Op == query.Eq {
			return texts(shape{true, true}, e.Value.Text)
		}
	case query.In:
		values := make([]string, len(e.Values))
		for i, v := range e.Values {
			values[i] = v.Text
		}
		return texts(shape{true, true}, values...)
	case query.Call:
		return texts(shape{begins: e.Func == query.StartsWith, ends: e.Func == query.EndsWith}, e.Text)
	}
	return nil
}
