package store

import (
	"context"
	"database/sql"
	"math"
	"slices"

	"lifeboat/internal/diag"
)

// ActivityQuery asks for the installs of an app that were there. Days are UTC days of the device's clock.
type ActivityQuery struct {
	App        int64
	Start, End diag.DeviceTime // 0 = open; the days that they touch count whole, End is exclusive
	Versions   []string        // none = all
	Build      string          // "" = all
	Used       bool            // leave out installs that sent nothing but crashes and handled errors
	Handled    *bool           // those that had a handled error, or that crashed, alone
}

// of is which installs are asked for.
func (q *ActivityQuery) of() count {
	switch {
	case q.Handled != nil && *q.Handled:
		return countHandled
	case q.Handled != nil:
		return countCrashed
	case q.Used:
		return countUsed
	}
	return countAll
}

// DayCount is a number of a day.
type DayCount struct {
	Day diag.DeviceTime // when it begins
	N   int64
}

// ActiveDevices counts for every day the installs that sent any log which their clock dates into it. An
// install with several of the versions counts once. Days without any are left out.
func (db *DB) ActiveDevices(ctx context.Context, q ActivityQuery) ([]DayCount, error) {
	shard, err := db.shardOf(ctx, q.App)
	if err != nil {
		return nil, err
	}
	days := map[int64]int64{}
	err = db.viewIndex(ctx, func(t *tx) error {
		a := activeReader{db: db, t: t, shard: shard, app: q.App, of: q.of()}
		a.first, a.last = daysOf(q.Start, q.End)
		a.build, a.noBuild, err = a.word(q.Build)
		if err != nil || a.noBuild {
			return err
		}
		if len(q.Versions) == 0 {
			return a.days(days, a.facet(nil))
		}
		versions, err := a.versions(q.Versions)
		if err != nil {
			return err
		}
		for _, v := range versions {
			if err := a.days(days, a.facet(&v)); err != nil {
				return err
			}
		}
		return a.countOnce(days, versions)
	})
	return dayCounts(days), err
}

// daysOf are the first and the last day that a range of times touches.
func daysOf(start, end diag.DeviceTime) (first, last int64) {
	first, last = math.MinInt32, math.MaxInt32
	if start != 0 {
		first = dayOf(start)
	}
	if end != 0 {
		last = dayOf(max(end, math.MinInt64+1) - 1)
	}
	return first, last
}

// dayCounts puts counts in the order of their days and leaves out zeros.
func dayCounts(days map[int64]int64) []DayCount {
	all := make([]DayCount, 0, len(days))
	for day, n := range days {
		if n > 0 {
			all = append(all, DayCount{timeOfDay(day), n})
		}
	}
	slices.SortFunc(all, func(a, b DayCount) int { return int(dayOf(a.Day) - dayOf(b.Day)) })
	return all
}

// activeReader reads counts of the installs of one app.
type activeReader struct {
	db          *DB
	t           *tx
	shard       uint8
	app         int64
	of          count
	first, last int64
	build       int64 // 0 = all
	noBuild     bool  // no install has it
}

// word is the number of a text, none if no row has it.
func (a *activeReader) word(text string) (n int64, none bool, err error) {
	n, ok, err := a.db.words.find(a.t, text)
	return n, !ok, err
}

// versions are the words of texts, each once, without those that no row has.
func (a *activeReader) versions(texts []string) (all []int64, err error) {
	for _, text := range texts {
		n, none, err := a.word(text)
		if err != nil {
			return nil, err
		}
		if !none {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// facet is how the installs of a version, or of all, with the build asked for are counted.
func (a *activeReader) facet(version *int64) facet {
	switch {
	case version == nil && a.build == 0:
		return facet{dimAll, 0, 0}
	case version == nil:
		return facet{dimBuild, a.build, 0}
	case a.build == 0:
		return facet{dimVersion, *version, 0}
	}
	return facet{dimPair, *version, a.build}
}

// days adds the daily counts of a facet.
func (a *activeReader) days(to map[int64]int64, f facet) error {
	return a.t.each(func(r *sql.Rows) error {
		var day, n int64
		err := r.Scan(&day, &n)
		to[day] += n
		return err
	}, `SELECT day, n FROM active_count WHERE shard = $1 AND app = $2 AND used = $3 AND dim = $4 AND sub = $5 AND value = $6
		AND day >= $7 AND day <= $8`, a.shard, a.app, a.of, f.dim, f.sub, f.value, a.first, a.last)
}

// countOnce takes off what installs with several of the versions on one day were counted too often.
func (a *activeReader) countOnce(days map[int64]int64, versions []int64) error {
	if len(versions) < 2 {
		return nil
	}
	type install struct {
		day     int64
		install diag.InstallID
	}
	var (
		of   install
		have []int64
	)
	return a.t.each(func(r *sql.Rows) error {
		var (
			i              install
			version, build int64
			by             sent
		)
		if err := r.Scan(&i.day, installColumn{&i.install}, &version, &build, &by); err != nil {
			return err
		}
		if i != of {
			of, have = i, have[:0]
		}
		if !a.of.has(by) || a.build != 0 && build != a.build || slices.Contains(have, version) {
			return nil
		}
		if _, asked := slices.BinarySearch(versions, version); asked {
			if have = append(have, version); len(have) > 1 {
				days[i.day]--
			}
		}
		return nil
	}, `SELECT day, install, version, build, used FROM active_shared WHERE shard = $1 AND app = $2 AND day >= $3 AND day <= $4
		ORDER BY day, install`, a.shard, a.app, a.first, a.last)
}
