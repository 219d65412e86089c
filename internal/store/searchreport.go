package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"lifeboat/internal/diag"
	query "lifeboat/internal/filter"
)

// ReportKey is what hits among reports can be sorted by.
type ReportKey string

// The keys. Messages are in no row: they sort as the types of their exceptions.
const (
	SortTime    ReportKey = "time"
	SortGroup   ReportKey = "group"
	SortType    ReportKey = "type"
	SortClass   ReportKey = "class"
	SortMethod  ReportKey = "method"
	SortFile    ReportKey = "file"
	SortLine    ReportKey = "line"
	SortModel   ReportKey = "model"
	SortVersion ReportKey = "os version"
	SortUser    ReportKey = "user"
)

// ReportSearch asks for the reports of one app that hold all words of a text and that a filter lets through.
type ReportSearch struct {
	App    int64
	Q      string     // "" = any
	Filter query.Expr // on query.Reports; nil = any
	Sort   ReportKey  // "" = SortTime
	Desc   bool
	Skip   int // at most MaxSkip
	Limit  int // at least 1
	Few    int // how many candidates are looked at one by one; 0 is the usual number, others are for tests
}

// SearchReports lists hits, those with equal keys by id; more tells that others follow. A search that would have
// to look at too much is Invalid, with words that say what to do.
func (db *DB) SearchReports(ctx context.Context, q ReportSearch) (rows []ReportRow, more bool, err error) {
	if q.Skip > MaxSkip {
		return nil, false, tooDeep()
	}
	err = db.search(ctx, q.App, q.Q, q.Filter, q.Few, func(s *searcher) error {
		p, err := s.plan()
		if err != nil {
			return err
		}
		h := hits{s: s, q: &q}
		err = s.patiently(&p, func() error {
			h.seen, h.rows, h.more = 0, nil, false
			return h.collect(&p)
		})
		rows, more = h.rows, h.more
		return err
	})
	return rows, more, err
}

func tooDeep() error {
	return diag.Errorf(diag.Invalid, "$skip is at most %d: narrow the search, for example by a range of time.", MaxSkip)
}

// hits collects a page of reports.
type hits struct {
	s    *searcher
	q    *ReportSearch
	seen int // hits, those skipped too
	rows []ReportRow
	more bool
}

func (h *hits) collect(p *plan) error {
	switch {
	case h.q.Sort != SortTime && h.q.Sort != "":
		return h.sorted(p)
	case p.walk:
		return h.walk(p)
	}
	return h.few(p.few)
}

// spot is where a report stands in the order of hits.
type spot struct {
	num   int64
	id    diag.ID
	value SortValue
}

func (h *hits) compare(a, b spot) int {
	c := cmp.Or(cmp.Compare(a.value.Int, b.value.Int), strings.Compare(a.value.Text, b.value.Text), slices.Compare(a.id[:], b.id[:]))
	if h.q.Desc {
		return -c
	}
	return c
}

// offer shows reports, in the order of hits, until the page is full.
func (h *hits) offer(spots []spot) error {
	for piece := range slices.Chunk(spots, searchPiece) {
		rows, err := h.s.rows(piece)
		if err != nil {
			return err
		}
		for _, at := range piece {
			row := rows[at.id]
			if row == nil {
				continue
			}
			hit, err := h.s.matches(row)
			if err != nil {
				return err
			}
			if hit && h.take(row) {
				return nil
			}
		}
	}
	return nil
}

// take takes a hit and reports whether that is all that is wanted.
func (h *hits) take(row *ReportRow) (full bool) {
	switch h.seen++; {
	case h.seen <= h.q.Skip:
	case len(h.rows) < h.q.Limit:
		h.rows = append(h.rows, *row)
	default:
		h.more = true
	}
	return h.more
}

// rows reads reports, by id.
func (s *searcher) rows(spots []spot) (map[diag.ID]*ReportRow, error) {
	if s.walked -= len(spots); s.walked < 0 {
		return nil, errBroad
	}
	of := make(map[diag.ID]*ReportRow, len(spots))
	err := chunks(spots, func(piece []spot) error {
		f := &filter{}
		args := make([]any, len(piece))
		for i := range piece {
			args[i] = piece[i].num
		}
		f.and("r.num IN ($%d"+strings.Repeat(", $%d", len(piece)-1)+")", args...)
		rows, err := s.db.reports(s.t, s.shard, s.app, "SELECT "+reportColumns+" FROM report r"+reportGroup+" WHERE "+f.String(), f)
		for i := range rows {
			of[rows[i].ID] = &rows[i]
		}
		return err
	})
	return of, err
}

// few sorts all that may be hits by time.
func (h *hits) few(nums []int64) error {
	spots, err := h.s.spots(nums)
	if err != nil {
		return err
	}
	slices.SortFunc(spots, h.compare)
	return h.offer(spots)
}

// spots reads the times of reports.
func (s *searcher) spots(nums []int64) ([]spot, error) {
	read := make([]spot, 0, len(nums))
	err := s.eachNumbered(nums, "time", func(r *sql.Rows, at *spot) []any { return []any{&at.value.Int} }, func(at spot) { read = append(read, at) })
	return read, err
}

// eachNumbered reads columns of the app's reports among those with the numbers. The engine looks them up by number
// only if nothing else is asked of them, so whose they are is looked at here: a number that was an orphan's may be
// another app's today.
func (s *searcher) eachNumbered(nums []int64, columns string, dest func(*sql.Rows, *spot) []any, fn func(spot)) error {
	return chunks(nums, func(piece []int64) error {
		args := make([]any, len(piece))
		for i := range piece {
			args[i] = piece[i]
		}
		f := &filter{}
		f.and("num IN ($%d"+strings.Repeat(", $%d", len(piece)-1)+")", args...)
		return s.t.each(func(r *sql.Rows) error {
			var (
				at  spot
				app int64
			)
			err := r.Scan(append([]any{&app, &at.num, idColumn{&at.id}}, dest(r, &at)...)...)
			if app == s.app {
				fn(at)
			}
			return err
		}, "SELECT app, num, id, "+columns+" FROM report WHERE "+f.String(), f.args...)
	})
}

// The pages of a walk: short at first, for most searches are soon content.
const (
	firstWalk   = 128
	firstOfOne  = 2 // of the reports of one group
	longestWalk = 8192
)

// walk goes through the app's reports in the order of time and looks at those that meet the plan. As long as many
// are hits, asking which may be is dearer than looking.
func (h *hits) walk(p *plan) error {
	m := newMembers(h.s, p)
	many := true
	return h.s.walk(p, h.q.Desc, func(spots []spot) (on bool, err error) {
		if !many {
			if spots, err = m.of(spots); err != nil {
				return false, err
			}
		}
		before := h.seen
		err = h.offer(spots)
		many = many && h.seen-before >= len(spots)/4
		return !h.more, err
	})
}

// walk calls fn with pages of the app's reports in the order of time until it returns false.
func (s *searcher) walk(p *plan, desc bool, fn func([]spot) (bool, error)) error {
	return s.pages(func() *filter { return s.inRange(p) }, "r /* by report_time */", desc, firstWalk, fn)
}

// pages calls fn with pages of chosen reports in the order of time until it returns false.
func (s *searcher) pages(choose func() *filter, reports string, desc bool, first int, fn func([]spot) (bool, error)) error {
	order, beyond := "r.time, r.id", ">"
	if desc {
		order, beyond = "r.time DESC, r.id DESC", "<"
	}
	var last spot
	for size := first; ; size = min(2*size, longestWalk) {
		f := choose()
		if last.num != 0 {
			f.and("(r.time, r.id) "+beyond+" ($%d, $%d)", last.value.Int, last.id[:])
		}
		spots, err := list(s.t, func(r *sql.Rows) (at spot, err error) {
			return at, r.Scan(&at.num, idColumn{&at.id}, &at.value.Int)
		}, "SELECT r.num, r.id, r.time FROM report "+reports+" WHERE "+f.String()+" ORDER BY "+order+f.limit(size), f.args...)
		if err != nil || len(spots) == 0 {
			return err
		}
		last = spots[len(spots)-1]
		end := len(spots) < size
		if on, err := fn(spots); !on || err != nil || end {
			return err
		}
	}
}

// sorted sorts all that may be hits by another key than time. They must be few.
func (h *hits) sorted(p *plan) error {
	nums := p.few
	if p.walk {
		m := newMembers(h.s, p)
		err := h.s.walk(p, true, func(spots []spot) (bool, error) {
			kept, err := m.of(spots)
			for _, at := range kept {
				nums = append(nums, at.num)
			}
			return len(nums) <= h.s.most, err
		})
		if err != nil {
			return err
		}
	}
	if len(nums) > h.s.most {
		return diag.Errorf(diag.Invalid, "More than %d errors may match, which is too many to sort by anything but timestamp: narrow the search.", h.s.most)
	}
	spots, err := h.keys(nums)
	if err != nil {
		return err
	}
	slices.SortFunc(spots, h.compare)
	return h.offer(spots)
}

// keys reads what reports are sorted by.
func (h *hits) keys(nums []int64) ([]spot, error) {
	s := h.s
	type key struct {
		group diag.GroupID
		word  int64
	}
	read, of := make([]spot, 0, len(nums)), make([]key, 0, len(nums))
	column := "0"
	switch h.q.Sort {
	case SortModel:
		column = "model"
	case SortVersion:
		column = "os_version"
	}
	var k key
	err := s.eachNumbered(nums, "grp, user_id, "+column, func(_ *sql.Rows, at *spot) []any {
		return []any{&k.group, textColumn{&at.value.Text}, &k.word}
	}, func(at spot) { read, of = append(read, at), append(of, k) })
	if err != nil || h.q.Sort == SortUser {
		return read, err
	}
	groups := map[diag.GroupID]SortValue{}
	for i := range read {
		if column != "0" {
			if read[i].value.Text, err = s.db.words.read(s.t, of[i].word); err != nil {
				return nil, err
			}
			continue
		}
		v, known := groups[of[i].group]
		if !known {
			if v, err = h.groupKey(of[i].group); err != nil {
				return nil, err
			}
			groups[of[i].group] = v
		}
		read[i].value = v
	}
	return read, nil
}

func (h *hits) groupKey(id diag.GroupID) (v SortValue, err error) {
	if h.q.Sort == SortGroup {
		return SortValue{Int: int64(id)}, nil
	}
	var g GroupSummary
	if err := g.load(h.s.t, h.s.shard, h.s.app, id); err != nil && !gone(err) {
		return v, err
	}
	switch h.q.Sort {
	case SortType:
		v.Text = g.Reason.Type
	case SortClass:
		v.Text = g.Reason.Class
	case SortMethod:
		v.Text = g.Reason.Method
	case SortFile:
		v.Text = g.Reason.File
	case SortLine:
		v.Int = int64(g.Reason.Line)
	default:
		return v, diag.Errorf(diag.Invalid, "Errors cannot be sorted by %q.", string(h.q.Sort))
	}
	return v, nil
}
