package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"lifeboat/internal/diag"
)

// errorKey is one counter of reports.
type errorKey struct {
	app     int64
	shard   uint8
	handled bool
	facet
	day int64
}

// partKey is one counter of a group that has many reports.
type partKey struct {
	app   int64
	shard uint8
	group diag.GroupID
	part
	a, b int64
}

// part is what reports of a group are told apart by. The numbers are stored.
type part uint8

const (
	partDay    part = iota // a: the day; with devices
	partModel              // a: the model's word
	partSystem             // a, b: words of name and version
)

var (
	errorCounts = newRollup("error_count", "shard app handled dim sub value day", "n", func(dst []any, k errorKey) []any {
		return append(dst, int64(k.shard), k.app, flag(k.handled), int64(k.dim), k.sub, k.value, k.day)
	})
	groupCounts = newRollup("group_count", "shard app grp kind a b", "n devices", func(dst []any, k partKey) []any {
		return append(dst, int64(k.shard), k.app, int64(k.group), int64(k.part), k.a, k.b)
	})
)

// manyReports is from how many on the reports of a group are counted as they come. Fewer are counted when asked
// for, in a few milliseconds: most groups are small, and counters would take more room than what they count.
const manyReports = 1000

// countErrors adds new reports to the counters of their days.
func (w *batchWriter) countErrors(live []ReportRow) error {
	s := sums[errorKey]{}
	for i := range live {
		r := &live[i]
		version, build := w.words.num(r.AppVersion), w.words.num(r.AppBuild)
		addErrors(s, errorKey{app: r.App, shard: r.Shard, handled: r.Handled, day: dayOf(r.Time)}, version, build, 1)
	}
	if w.words.err != nil {
		return w.words.err
	}
	return errorCounts.write(w.t, s)
}

// countParts adds the new reports of a group, which has n reports with them, to what its reports are told apart
// by. A group that has just become big is counted from its reports.
func (w *batchWriter) countParts(s sums[partKey], g *groupDelta, n int64) error {
	switch {
	case n < manyReports:
		return nil
	case n-g.n < manyReports:
		return w.countAllParts(s, g.first)
	}
	type deviceDay struct {
		install diag.InstallID
		day     int64
	}
	met := map[deviceDay]bool{}
	for _, r := range g.rows {
		k := partKey{app: r.App, shard: r.Shard, group: r.Group}
		day, devices := dayOf(r.Time), int64(0)
		if d := (deviceDay{r.Install, day}); !met[d] {
			met[d] = true
			before, err := w.reportedBefore(r)
			if err != nil {
				return err
			}
			devices = flag(!before)
		}
		k.part, k.a = partDay, day
		s.add(k, 1, devices)
		k.part, k.a = partModel, w.words.num(r.Model)
		s.add(k, 1, 0)
		k.part, k.a, k.b = partSystem, w.words.num(r.OSName), w.words.num(r.OSVersion)
		s.add(k, 1, 0)
	}
	return w.words.err
}

// reportedBefore reports whether an earlier batch brought a report of the same install, group and day.
func (w *batchWriter) reportedBefore(r *ReportRow) (before bool, err error) {
	start := timeOfDay(dayOf(r.Time))
	err = w.t.get([]any{&before}, `SELECT EXISTS (SELECT 1 FROM report /* by report_install */ WHERE shard = $1 AND app = $2 AND install = $3
		AND grp = $4 AND time >= $5 AND time < $6 AND feed <= $7)`, r.Shard, r.App, packInstall(r.Install), int64(r.Group), start, endOfDay(start), w.after)
	return before, err
}

func (w *batchWriter) countAllParts(s sums[partKey], of *ReportRow) error {
	c := newPartCounter(of.App, of.Shard, of.Group)
	if err := c.read(w.t, groupRange{0, 0}); err != nil {
		return err
	}
	for k, v := range c.sums {
		s.add(k, v[0], v[1])
	}
	return nil
}

// endOfDay is when the day that begins at start ends.
func endOfDay(start diag.DeviceTime) diag.DeviceTime {
	if end := start + nanosPerDay; end > start {
		return end
	}
	return 1<<63 - 1
}

// groupRange is a span of times, 0 = open.
type groupRange struct{ start, end diag.DeviceTime }

// partCounter counts the reports of one group one by one.
type partCounter struct {
	app   int64
	shard uint8
	group diag.GroupID
	sums  sums[partKey]
}

func newPartCounter(app int64, shard uint8, group diag.GroupID) *partCounter {
	return &partCounter{app, shard, group, sums[partKey]{}}
}

func (c *partCounter) add(p part, a, b, devices int64) {
	c.sums.add(partKey{c.app, c.shard, c.group, p, a, b}, 1, devices)
}

// read counts everything.
func (c *partCounter) read(t *tx, span groupRange) error {
	if err := c.readDays(t, span); err != nil {
		return err
	}
	return c.readTraits(t)
}

// readDays counts reports and devices per day. The index alone answers it.
func (c *partCounter) readDays(t *tx, span groupRange) error {
	var f filter
	f.and("shard = $%d AND app = $%d AND grp = $%d", c.shard, c.app, int64(c.group))
	f.span("time", span)
	day, met := int64(0), map[string]bool{}
	return t.each(func(r *sql.Rows) error {
		var (
			time    diag.DeviceTime
			install sql.RawBytes
		)
		if err := r.Scan(&time, &install); err != nil {
			return err
		}
		if d := dayOf(time); d != day {
			day = d
			clear(met)
		}
		known := met[string(install)]
		met[string(install)] = true
		c.add(partDay, day, 0, flag(!known))
		return nil
	}, "SELECT time, install FROM report /* by report_grp */ WHERE "+f.String()+" ORDER BY time", f.args...)
}

// readTraits counts models and systems.
func (c *partCounter) readTraits(t *tx) error {
	return t.each(func(r *sql.Rows) error {
		var model, name, version int64
		if err := r.Scan(&model, &name, &version); err != nil {
			return err
		}
		c.add(partModel, model, 0, 0)
		c.add(partSystem, name, version, 0)
		return nil
	}, "SELECT model, os_name, os_version FROM report /* by report_grp */ WHERE shard = $1 AND app = $2 AND grp = $3", c.shard, c.app, int64(c.group))
}

// span adds the condition that a column lies in a span of times.
func (f *filter) span(column string, s groupRange) {
	if s.start != 0 {
		f.and(column+" >= $%d", s.start)
	}
	if s.end != 0 {
		f.and(column+" < $%d", s.end)
	}
}

// ErrorQuery asks for numbers of reports. Days are UTC days of the device's clock.
type ErrorQuery struct {
	App        int64
	Start, End diag.DeviceTime // 0 = open; the days that they touch count whole, End is exclusive
	Versions   []string        // none = all
	Build      string          // "" = all
	Handled    *bool           // nil = both kinds
}

// kinds are those asked for.
func (q *ErrorQuery) kinds() []bool {
	if q.Handled == nil {
		return []bool{false, true}
	}
	return []bool{*q.Handled}
}

// ErrorDays counts reports per day. Days without any are left out.
func (db *DB) ErrorDays(ctx context.Context, q ErrorQuery) ([]DayCount, error) {
	shard, err := db.shardOf(ctx, q.App)
	if err != nil {
		return nil, err
	}
	days := map[int64]int64{}
	err = db.viewIndex(ctx, func(t *tx) error {
		a := activeReader{db: db, t: t, shard: shard, app: q.App}
		first, last := daysOf(q.Start, q.End)
		facets, err := a.facets(q.Versions, q.Build)
		if err != nil {
			return err
		}
		for _, handled := range q.kinds() {
			for _, f := range facets {
				err := t.each(func(r *sql.Rows) error {
					var day, n int64
					err := r.Scan(&day, &n)
					days[day] += n
					return err
				}, `SELECT day, n FROM error_count WHERE shard = $1 AND app = $2 AND handled = $3 AND dim = $4 AND sub = $5 AND value = $6
					AND day >= $7 AND day <= $8`, shard, q.App, flag(handled), f.dim, f.sub, f.value, first, last)
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	return dayCounts(days), err
}

// facets are how the things of some versions, or of all, with a build, or with any, are counted.
func (a *activeReader) facets(versions []string, build string) (all []facet, err error) {
	if a.build, a.noBuild, err = a.word(build); err != nil || a.noBuild {
		return nil, err
	}
	if len(versions) == 0 {
		return []facet{a.facet(nil)}, nil
	}
	words, err := a.versions(versions)
	for _, v := range words {
		all = append(all, a.facet(&v))
	}
	return all, err
}

// NameCount is a number of something that has a name.
type NameCount struct {
	Name string
	N    int64
}

// ErrorVersions counts reports by the version of the app, the most first. It reads a row per version and day.
func (db *DB) ErrorVersions(ctx context.Context, q ErrorQuery) ([]NameCount, error) {
	return db.errorNames(ctx, &q, "SELECT sub, SUM(n) FROM error_count WHERE shard = $1 AND app = $2 AND handled = $3 AND dim = $4 AND day >= $5 AND day <= $6 GROUP BY sub",
		func(*activeReader) ([]any, bool, error) { return []any{dimVersion}, true, nil })
}

// ErrorBuilds counts reports by the build of the app, the most first: of all versions or, if it names one, of
// that.
func (db *DB) ErrorBuilds(ctx context.Context, q ErrorQuery) ([]NameCount, error) {
	if len(q.Versions) == 0 {
		return db.errorNames(ctx, &q, "SELECT sub, SUM(n) FROM error_count WHERE shard = $1 AND app = $2 AND handled = $3 AND dim = $4 AND day >= $5 AND day <= $6 GROUP BY sub",
			func(*activeReader) ([]any, bool, error) { return []any{dimBuild}, true, nil })
	}
	return db.errorNames(ctx, &q, `SELECT value, SUM(n) FROM error_count WHERE shard = $1 AND app = $2 AND handled = $3 AND dim = $4 AND sub = $7
		AND day >= $5 AND day <= $6 GROUP BY value`,
		func(a *activeReader) ([]any, bool, error) {
			n, none, err := a.word(q.Versions[0])
			return []any{dimPair, n}, !none, err
		})
}

// errorNames reads words with their counts. args gives the dimension and what comes behind the days, or says
// that there is nothing.
func (db *DB) errorNames(ctx context.Context, q *ErrorQuery, text string, args func(*activeReader) ([]any, bool, error)) ([]NameCount, error) {
	shard, err := db.shardOf(ctx, q.App)
	if err != nil {
		return nil, err
	}
	first, last := daysOf(q.Start, q.End)
	var all []NameCount
	err = db.viewIndex(ctx, func(t *tx) error {
		a := activeReader{db: db, t: t, shard: shard, app: q.App}
		more, some, err := args(&a)
		if err != nil || !some {
			return err
		}
		of := map[int64]int64{}
		for _, handled := range q.kinds() {
			bound := append([]any{shard, q.App, flag(handled), more[0], first, last}, more[1:]...)
			err := t.each(func(r *sql.Rows) error {
				var word, n int64
				err := r.Scan(&word, &n)
				of[word] += n
				return err
			}, text, bound...)
			if err != nil {
				return err
			}
		}
		all, err = a.named(of)
		return err
	})
	return all, err
}

// named gives words their texts and sorts them, the greatest number first.
func (a *activeReader) named(of map[int64]int64) ([]NameCount, error) {
	all := make([]NameCount, 0, len(of))
	for word, n := range of {
		text, err := a.db.words.read(a.t, word)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			all = append(all, NameCount{text, n})
		}
	}
	sortNames(all)
	return all, nil
}

func sortNames(all []NameCount) {
	slices.SortFunc(all, func(a, b NameCount) int { return cmp.Or(cmp.Compare(b.N, a.N), strings.Compare(a.Name, b.Name)) })
}

// Release is a version with a build that reports were seen of.
type Release struct {
	Version, Build string
	First          diag.DeviceTime // when the day of its first report begins
}

// ErrorReleases lists versions with their builds in the order in which they were first seen.
func (db *DB) ErrorReleases(ctx context.Context, app int64) (all []Release, err error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return nil, err
	}
	err = db.viewIndex(ctx, func(t *tx) error {
		first := map[facet]int64{}
		for _, handled := range [...]bool{false, true} {
			err := t.each(func(r *sql.Rows) error {
				f, day := facet{dim: dimPair}, int64(0)
				err := r.Scan(&f.sub, &f.value, &day)
				if before, ok := first[f]; !ok || day < before {
					first[f] = day
				}
				return err
			}, `SELECT sub, value, MIN(day) FROM error_count WHERE shard = $1 AND app = $2 AND handled = $3 AND dim = $4 AND n > 0
				GROUP BY sub, value`, shard, app, flag(handled), dimPair)
			if err != nil {
				return err
			}
		}
		for f, day := range first {
			version, err := db.words.read(t, f.sub)
			if err != nil {
				return err
			}
			build, err := db.words.read(t, f.value)
			if err != nil {
				return err
			}
			all = append(all, Release{version, build, timeOfDay(day)})
		}
		return nil
	})
	slices.SortFunc(all, func(a, b Release) int {
		return cmp.Or(cmp.Compare(a.First, b.First), strings.Compare(a.Version, b.Version), strings.Compare(a.Build, b.Build))
	})
	return all, err
}

// GroupDay is what came to a group on one day of the device's clock.
type GroupDay struct {
	Day        diag.DeviceTime // when it begins
	N, Devices int64
}

// GroupDays counts the reports and devices of a group per day. Days without any are left out; those that start
// and end touch count whole, 0 is open, end exclusive.
func (db *DB) GroupDays(ctx context.Context, app int64, g diag.GroupID, start, end diag.DeviceTime) (all []GroupDay, err error) {
	first, last := daysOf(start, end)
	err = db.groupParts(ctx, app, g, partDay, func(c *partCounter, t *tx) error { return c.readDays(t, groupRange{wholeDay(start), endOf(end)}) },
		func(t *tx, k *partKey, v [3]int64) error {
			if first <= k.a && k.a <= last {
				all = append(all, GroupDay{timeOfDay(k.a), v[0], v[1]})
			}
			return nil
		})
	slices.SortFunc(all, func(a, b GroupDay) int { return cmp.Compare(a.Day, b.Day) })
	return all, err
}

// wholeDay is when the day of a time begins; 0 stays open.
func wholeDay(t diag.DeviceTime) diag.DeviceTime {
	if t == 0 {
		return 0
	}
	if start := timeOfDay(dayOf(t)); start != 0 && start <= t {
		return start
	}
	return min(t, -1) // the first day of all, or one that would leave the range open
}

// endOf is when the last day before a time ends; 0 stays open.
func endOf(t diag.DeviceTime) diag.DeviceTime {
	if t == 0 {
		return 0
	}
	_, last := daysOf(0, t)
	if end := endOfDay(timeOfDay(last)); end != 0 {
		return end
	}
	return 1 // midnight of 1970 would leave the range open
}

// GroupModels counts the reports of a group by the device's model, the most first.
func (db *DB) GroupModels(ctx context.Context, app int64, g diag.GroupID) (all []NameCount, err error) {
	err = db.groupParts(ctx, app, g, partModel, (*partCounter).readTraits, func(t *tx, k *partKey, v [3]int64) error {
		text, err := db.words.read(t, k.a)
		all = append(all, NameCount{text, v[0]})
		return err
	})
	sortNames(all)
	return all, err
}

// GroupSystems counts the reports of a group by system, named by its name and version with a blank between them,
// the most first.
func (db *DB) GroupSystems(ctx context.Context, app int64, g diag.GroupID) (all []NameCount, err error) {
	err = db.groupParts(ctx, app, g, partSystem, (*partCounter).readTraits, func(t *tx, k *partKey, v [3]int64) error {
		name, err := db.words.read(t, k.a)
		if err != nil {
			return err
		}
		version, err := db.words.read(t, k.b)
		all = append(all, NameCount{strings.TrimSpace(name + " " + version), v[0]})
		return err
	})
	sortNames(all)
	return all, err
}

// groupParts gives fn the counters of one part of a group: those that are kept, or what read counts.
func (db *DB) groupParts(ctx context.Context, app int64, g diag.GroupID, p part, read func(*partCounter, *tx) error, fn func(*tx, *partKey, [3]int64) error) error {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return err
	}
	return db.viewIndex(ctx, func(t *tx) error {
		var n int64
		err := t.get([]any{&n}, "SELECT n FROM error_group WHERE shard = $1 AND app = $2 AND grp = $3", shard, app, int64(g))
		if err != nil {
			return absent(err, "error group")
		}
		c := newPartCounter(app, shard, g)
		if n < manyReports {
			err = read(c, t)
		} else {
			err = c.load(t, p)
		}
		if err != nil {
			return err
		}
		for k, v := range c.sums {
			if k.part != p || v[0] == 0 {
				continue
			}
			if err := fn(t, &k, v); err != nil {
				return err
			}
		}
		return nil
	})
}

// load reads counters that are kept.
func (c *partCounter) load(t *tx, p part) error {
	return t.each(func(r *sql.Rows) error {
		k := partKey{app: c.app, shard: c.shard, group: c.group, part: p}
		var n, devices int64
		err := r.Scan(&k.a, &k.b, &n, &devices)
		c.sums.add(k, n, devices)
		return err
	}, "SELECT a, b, n, devices FROM group_count WHERE shard = $1 AND app = $2 AND grp = $3 AND kind = $4", c.shard, c.app, int64(c.group), p)
}
