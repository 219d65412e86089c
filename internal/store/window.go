package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"lifeboat/internal/diag"
)

// MaxSpan is the longest range of days that installs are told apart over, in days.
const MaxSpan = maxGap

// SpanQuery asks for installs of an app over a span of days, without those that sent nothing but errors. Both
// ends must be given and may lie MaxSpan days apart: the days that they touch count whole, End is exclusive.
type SpanQuery struct {
	App        int64
	Start, End diag.DeviceTime
	Versions   []string // none = all
	Build      string   // "" = all, else a build or a version
}

// span checks the ends.
func (q *SpanQuery) span() (first, last int64, err error) {
	first, last = daysOf(q.Start, q.End)
	if q.Start == 0 || q.End == 0 || first > last || last-first >= MaxSpan {
		return 0, 0, diag.Errorf(diag.Invalid, "A range of time must have both ends and at most %d days between them.", MaxSpan)
	}
	return first, last, nil
}

// Actives are the installs that were there on a day, in the 7 days that end with it, and in the 30.
type Actives struct {
	Day                    diag.DeviceTime
	Daily, Weekly, Monthly int64
}

const (
	week  = 7
	month = 30
)

// ActiveWindows counts installs for every day of a span. No install is counted twice in a window.
func (db *DB) ActiveWindows(ctx context.Context, q SpanQuery) ([]Actives, error) {
	first, last, err := q.span()
	if err != nil {
		return nil, err
	}
	shard, err := db.shardOf(ctx, q.App)
	if err != nil {
		return nil, err
	}
	all := [...]window{newWindow(first, last, 1), newWindow(first, last, week), newWindow(first, last, month)}
	err = db.viewIndex(ctx, func(t *tx) error {
		a := activeReader{db: db, t: t, shard: shard, app: q.App, of: countUsed, first: first - month + 1, last: last}
		return a.gaps(&q, func(day, gap, n int64) {
			for i := range all {
				all[i].add(day, gap, n)
			}
		})
	})
	if err != nil {
		return nil, err
	}
	days := make([]Actives, last-first+1)
	daily, weekly, monthly := all[0].counts(), all[1].counts(), all[2].counts()
	for i := range days {
		days[i] = Actives{timeOfDay(first + int64(i)), daily[i], weekly[i], monthly[i]}
	}
	return days, nil
}

// window counts installs in the so many days that end with each day of a span. It holds by how much the count
// changes from day to day.
type window struct {
	first, last, length int64
	change              []int64
}

func newWindow(first, last, length int64) window {
	return window{first, last, length, make([]int64, last-first+2)}
}

// add takes n installs that were there on a day and gap days before that for the last time. They are new in
// the windows that hold the day and not the time before.
func (w *window) add(day, gap, n int64) {
	from, behind := max(day, day-gap+w.length), day+w.length // ends of windows
	from, behind = max(from, w.first), min(behind, w.last+1)
	if from < behind {
		w.change[from-w.first] += n
		w.change[behind-w.first] -= n
	}
}

func (w *window) counts() []int64 {
	counts := make([]int64, w.last-w.first+1)
	n := int64(0)
	for i := range counts {
		n += w.change[i]
		counts[i] = max(n, 0)
	}
	return counts
}

// gaps tells how many installs of those asked for were there on which day, and how long before for the last
// time. Where one way of counting is enough, no install is looked at; else those of the span are.
func (a *activeReader) gaps(q *SpanQuery, tell func(day, gap, n int64)) error {
	m, err := a.match(q)
	if err != nil || m == nil {
		return err
	}
	one, several, err := a.onlyFacet(m.facets())
	switch {
	case err != nil:
		return err
	case several:
		return a.scanGaps(m, tell)
	case one == nil:
		return nil
	}
	return a.t.each(func(r *sql.Rows) error {
		var day, gap, n int64
		err := r.Scan(&day, &gap, &n)
		tell(day, gap, n)
		return err
	}, `SELECT day, gap, n FROM active_gap WHERE shard = $1 AND app = $2 AND dim = $3 AND sub = $4 AND day >= $5 AND day <= $6 AND value = $7`,
		a.shard, a.app, one.dim, one.sub, a.first, a.last, one.value)
}

// match says which profiles are asked for, by words.
type match struct {
	versions []int64 // nil = all
	build    *int64  // nil = all, else a build or a version
}

// match is nil if no profile can match.
func (a *activeReader) match(q *SpanQuery) (*match, error) {
	m := &match{}
	if len(q.Versions) > 0 {
		versions, err := a.versions(q.Versions)
		if err != nil || len(versions) == 0 {
			return nil, err
		}
		m.versions = versions
	}
	if q.Build != "" {
		build, none, err := a.word(q.Build)
		if err != nil || none {
			return nil, err
		}
		m.build = &build
	}
	return m, nil
}

func (m *match) is(p *profile) bool {
	if m.versions != nil {
		if _, ok := slices.BinarySearch(m.versions, p.version); !ok {
			return false
		}
	}
	return m.build == nil || p.build == *m.build || p.version == *m.build
}

// facets are the ways of counting that together count what matches.
func (m *match) facets() (all []facet) {
	if m.versions == nil {
		if m.build == nil {
			return []facet{{dimAll, 0, 0}}
		}
		return []facet{{dimVersion, *m.build, 0}, {dimBuild, *m.build, 0}}
	}
	for _, v := range m.versions {
		if m.build == nil || v == *m.build {
			all = append(all, facet{dimVersion, v, 0})
		} else {
			all = append(all, facet{dimPair, v, *m.build})
		}
	}
	return all
}

// onlyFacet is the only one of the facets that counts any install in the span, nil if there is none.
func (a *activeReader) onlyFacet(all []facet) (one *facet, several bool, err error) {
	for i := range all {
		var used bool
		err := a.t.get([]any{&used}, `SELECT EXISTS (SELECT 1 FROM active_count WHERE shard = $1 AND app = $2 AND used = 1 AND dim = $3
			AND sub = $4 AND value = $5 AND day >= $6 AND day <= $7)`, a.shard, a.app, all[i].dim, all[i].sub, all[i].value, a.first, a.last)
		if err != nil || used && one != nil {
			return nil, used, err
		}
		if used {
			one = &all[i]
		}
	}
	return one, false, nil
}

// scanGaps is gaps by looking at all installs of the span. What was before it does not matter.
func (a *activeReader) scanGaps(m *match, tell func(day, gap, n int64)) error {
	seen := map[[16]byte]int64{}
	return a.scan(m, func(day int64, install [16]byte, _ *profile) {
		before, ok := seen[install]
		gap := int64(maxGap)
		if ok {
			gap = day - before
		}
		if seen[install] = day; gap > 0 {
			tell(day, gap, 1)
		}
	})
}

// scan passes all matching profiles of the span in the order of days.
func (a *activeReader) scan(m *match, fn func(day int64, install [16]byte, p *profile)) error {
	return a.t.each(func(r *sql.Rows) error {
		var (
			day    int64
			packed sql.RawBytes
			p      profile
		)
		if err := r.Scan(&packed, &day, &p.version, &p.build, &p.model, &p.os, &p.country, &p.language, &p.sent); err != nil {
			return err
		}
		if p.sent == sentLog && m.is(&p) {
			fn(day, keyOfPacked(packed), &p)
		}
		return nil
	}, `SELECT install, day, version, build, model, os, country, language, used FROM active /* by active_day */
		WHERE shard = $1 AND app = $2 AND day >= $3 AND day <= $4 ORDER BY day`, a.shard, a.app, a.first, a.last)
}

// Trait is what installs are told apart by.
type Trait uint8

// The traits.
const (
	TraitVersion Trait = iota
	TraitModel
	TraitSystem
	TraitCountry
	TraitLanguage
)

var traitDims = [...]uint8{dimVersions, dimModels, dimSystems, dimCountries, dimLanguages}

func (p *profile) trait(of Trait) int64 {
	return [...]int64{p.version, p.model, p.os, p.country, p.language}[of]
}

// Share is how many installs had a value in a span, and in the span of the same length before it.
type Share struct {
	Value       string
	N, Previous int64
}

// Shares lists the values of a trait by falling number of installs in a span. Installs without a value are in
// none. total is the number of all installs, each counted once.
func (db *DB) Shares(ctx context.Context, q SpanQuery, of Trait) (all []Share, total int64, err error) {
	first, last, err := q.span()
	if err != nil {
		return nil, 0, err
	}
	shard, err := db.shardOf(ctx, q.App)
	if err != nil {
		return nil, 0, err
	}
	err = db.viewIndex(ctx, func(t *tx) error {
		a := activeReader{db: db, t: t, shard: shard, app: q.App, of: countUsed, first: first, last: last}
		now, n, err := a.shares(&q, of)
		if err != nil {
			return err
		}
		total = n
		a.first, a.last = first-(last-first+1), first-1
		before, _, err := a.shares(&q, of)
		if err != nil {
			return err
		}
		for value, n := range now {
			text, err := db.words.read(t, value)
			if err != nil {
				return err
			}
			if text != "" && n > 0 {
				all = append(all, Share{text, n, max(before[value], 0)})
			}
		}
		return nil
	})
	slices.SortFunc(all, func(a, b Share) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Value, b.Value)) })
	return all, total, err
}

// Devices counts the installs of a span, each once.
func (db *DB) Devices(ctx context.Context, q SpanQuery) (n int64, err error) {
	first, last, err := q.span()
	if err != nil {
		return 0, err
	}
	shard, err := db.shardOf(ctx, q.App)
	if err != nil {
		return 0, err
	}
	err = db.viewIndex(ctx, func(t *tx) error {
		a := activeReader{db: db, t: t, shard: shard, app: q.App, of: countUsed, first: first, last: last}
		n, err = a.devices(&q)
		return err
	})
	return n, err
}

// devices is Devices of the reader's span.
func (a *activeReader) devices(q *SpanQuery) (n int64, err error) {
	err = a.gaps(q, func(day, gap, of int64) {
		if gap > day-a.first {
			n += of
		}
	})
	return max(n, 0), err
}

// shares counts the installs of the span by value, and all of them.
func (a *activeReader) shares(q *SpanQuery, of Trait) (by map[int64]int64, total int64, err error) {
	by = map[int64]int64{}
	m, err := a.match(q)
	if err != nil || m == nil {
		return by, 0, err
	}
	if len(m.versions) > 1 || m.build != nil {
		total, err = a.scanShares(m, of, by)
		return by, total, err
	}
	sub, whole := int64(anyVersion), facet{dimAll, 0, 0}
	if m.versions != nil {
		whole = facet{dimVersion, m.versions[0], 0}
		if of != TraitVersion {
			sub = m.versions[0]
		}
	}
	err = a.spanned(traitDims[of], sub, func(value, n int64) {
		if of != TraitVersion || m.versions == nil || value == m.versions[0] {
			by[value] += n
		}
	})
	if err == nil {
		err = a.spanned(whole.dim, whole.sub, func(_, n int64) { total += n })
	}
	return by, max(total, 0), err
}

// spanned passes the numbers of installs of a dimension that are new in the span, value by value: for each
// day those whose last time before lies outside.
func (a *activeReader) spanned(dim uint8, sub int64, fn func(value, n int64)) error {
	for day := a.first; day <= a.last; day++ {
		err := a.t.each(func(r *sql.Rows) error {
			var value, n int64
			err := r.Scan(&value, &n)
			fn(value, n)
			return err
		}, `SELECT value, n FROM active_gap WHERE shard = $1 AND app = $2 AND dim = $3 AND sub = $4 AND day = $5 AND gap > $6`,
			a.shard, a.app, dim, sub, day, day-a.first)
		if err != nil {
			return err
		}
	}
	return nil
}

// scanShares is shares by looking at all installs of the span.
func (a *activeReader) scanShares(m *match, of Trait, by map[int64]int64) (total int64, err error) {
	type valued struct {
		install [16]byte
		value   int64
	}
	seen, installs := map[valued]struct{}{}, map[[16]byte]struct{}{}
	err = a.scan(m, func(_ int64, install [16]byte, p *profile) {
		installs[install] = struct{}{}
		v := valued{install, p.trait(of)}
		if _, again := seen[v]; !again {
			seen[v] = struct{}{}
			by[v.value]++
		}
	})
	return int64(len(installs)), err
}
