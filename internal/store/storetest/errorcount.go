package storetest

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// dayOf is when the UTC day of a time begins.
func dayOf(t diag.DeviceTime) diag.DeviceTime { return t - (t%day+day)%day }

// onDay reports whether a range of times touches the day of one.
func onDay(t, start, end diag.DeviceTime) bool {
	return (start == 0 || dayOf(t) >= dayOf(start)) && (end == 0 || dayOf(t) <= dayOf(end-1))
}

func (l *lists) asked(q *store.ErrorQuery) (found []store.ReportRow) {
	for _, r := range l.reportRows {
		if onDay(r.Time, q.Start, q.End) && (len(q.Versions) == 0 || slices.Contains(q.Versions, r.AppVersion)) && (q.Build == "" || r.AppBuild == q.Build) &&
			(q.Handled == nil || r.Handled == *q.Handled) {
			found = append(found, r)
		}
	}
	return found
}

// tallied counts rows by a name, the most first.
func tallied(rows []store.ReportRow, name func(store.ReportRow) string) (all []store.NameCount) {
	of := map[string]int64{}
	for _, r := range rows {
		of[name(r)]++
	}
	for name, n := range of {
		all = append(all, store.NameCount{Name: name, N: n})
	}
	slices.SortFunc(all, func(a, b store.NameCount) int { return cmp.Or(cmp.Compare(b.N, a.N), strings.Compare(a.Name, b.Name)) })
	return all
}

// daily counts rows and devices by day.
func daily(rows []store.ReportRow) (all []store.GroupDay) {
	n, devices := map[diag.DeviceTime]int64{}, map[diag.DeviceTime]map[diag.InstallID]bool{}
	for _, r := range rows {
		d := dayOf(r.Time)
		if n[d]++; devices[d] == nil {
			devices[d] = map[diag.InstallID]bool{}
		}
		devices[d][r.Install] = true
	}
	for _, d := range slices.Sorted(maps.Keys(n)) {
		all = append(all, store.GroupDay{Day: d, N: n[d], Devices: int64(len(devices[d]))})
	}
	return all
}

func counted(days []store.GroupDay, n func(store.GroupDay) int64) (all []store.DayCount) {
	for _, d := range days {
		all = append(all, store.DayCount{Day: d.Day, N: n(d)})
	}
	return all
}

// errorCounts compares every number with what counting rows one by one gives, while reports come late, twice and
// in batches of all sizes: one group grows from few reports to many, and one device has most of them.
func errorCounts(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	f := newFeeder(t, db)
	l := &lists{shard: diag.ShardOf(app.ID)}
	c := rand.New(rand.NewPCG(5, 6))
	feed := uint64(0)
	for i, size := range []int{1, 500, 480, 30, 1, 700, 200} {
		var b store.Batch
		for range size {
			feed++
			r := reportOf(app, feed, fmt.Sprint("r", c.IntN(4000)))
			r.Time = diag.DeviceTime(c.IntN(9)-4)*day + diag.DeviceTime(c.Int64N(int64(day)))
			r.Install = pick(c.IntN, "", "", diag.InstallID(fmt.Sprint("install ", c.IntN(40))))
			r.Model, r.OSName, r.OSVersion = pick(c.IntN, models...), pick(c.IntN, systems...), pick(c.IntN, versions...)
			r.AppBuild = pick(c.IntN, builds...)
			switch c.IntN(6) {
			case 0:
				r.Group, r.AppVersion = 2, "2.0"
			case 1:
				r.Group, r.Handled = 3, true
			case 2:
				r.Group, r.AppVersion = 0, ""
			}
			b.Reports = append(b.Reports, r)
		}
		f.apply(b)
		l.apply(b)
		sameCounts(t, db, app.Num, l, fmt.Sprint("after batch ", i))
	}
	ok(t, db.DeleteApp(t.Context(), app.Num))
	again := createApp(t, db, "boat")
	same(t, "versions of the next app", []store.NameCount(nil), must(db.ErrorVersions(t.Context(), store.ErrorQuery{App: again.Num}))(t))
	_, err := db.ErrorDays(t.Context(), store.ErrorQuery{App: app.Num})
	kind(t, err, diag.NotFound)
	_, err = db.GroupModels(t.Context(), again.Num, 1)
	kind(t, err, diag.NotFound)
}

func sameCounts(t *testing.T, db *store.DB, app int64, l *lists, when string) {
	t.Helper()
	ctx := t.Context()
	yes, no := true, false
	for _, q := range []store.ErrorQuery{
		{}, {Handled: &yes}, {Handled: &no}, {Start: -day, End: 2 * day}, {Start: -1, End: 1, Handled: &no}, {Start: day + 5, End: 2*day + 5}, {End: -day}, {Start: 99 * day},
		{Versions: []string{"1.0"}}, {Versions: []string{"2.0", "1.0", "2.0", "none"}, Handled: &no}, {Versions: []string{""}}, {Build: "1"}, {Build: "none"},
		{Versions: []string{"1.0", "2.0"}, Build: "2", Handled: &no, Start: -2 * day},
	} {
		q.App = app
		what := fmt.Sprintf("%s, %+v", when, q)
		rows := l.asked(&q)
		same(t, what+": reports per day", counted(daily(rows), func(d store.GroupDay) int64 { return d.N }), must(db.ErrorDays(ctx, q))(t))
		if q.Handled != nil {
			a := store.ActivityQuery{App: app, Start: q.Start, End: q.End, Versions: q.Versions, Build: q.Build, Handled: q.Handled}
			same(t, what+": devices per day", counted(daily(rows), func(d store.GroupDay) int64 { return d.Devices }), must(db.ActiveDevices(ctx, a))(t))
		}
		if q.Build == "" && len(q.Versions) == 0 {
			same(t, what+": versions", tallied(rows, func(r store.ReportRow) string { return r.AppVersion }), must(db.ErrorVersions(ctx, q))(t))
		}
		if q.Build == "" && len(q.Versions) <= 1 {
			same(t, what+": builds", tallied(rows, func(r store.ReportRow) string { return r.AppBuild }), must(db.ErrorBuilds(ctx, q))(t))
		}
	}
	for _, span := range [][2]diag.DeviceTime{{}, {-day, 0}, {0, day}, {-day, 2 * day}, {-day + 5*second, 0}, {-2*day + 7*second, 2*day - 3*second}, {5, 6}, {day / 2, day/2 + 5000*second}, {99 * day, 0}, {-99 * day, 99 * day}} {
		for _, order := range orders {
			q := store.GroupQuery{App: app, Start: span[0], End: span[1], OrderBy: order}
			same(t, fmt.Sprintf("%s, groups of %+v", when, q), l.groups(q), stored{t, db, app}.groups(q))
		}
	}
	for group := diag.GroupID(1); group <= 3; group++ {
		var rows []store.ReportRow
		for _, r := range l.reportRows {
			if r.Group == group {
				rows = append(rows, r)
			}
		}
		if len(rows) == 0 {
			continue
		}
		what := fmt.Sprint(when, ", group ", group, " of ", len(rows))
		same(t, what+": models", tallied(rows, func(r store.ReportRow) string { return r.Model }), must(db.GroupModels(ctx, app, group))(t))
		same(t, what+": systems", tallied(rows, func(r store.ReportRow) string { return strings.TrimSpace(r.OSName + " " + r.OSVersion) }), must(db.GroupSystems(ctx, app, group))(t))
		for _, span := range [][2]diag.DeviceTime{{}, {-day, 0}, {0, day}, {-1, 1}, {5, 2 * day}, {50 * day, 0}, {-day - 1, -day}, {2 * day, day}} {
			chosen := slices.DeleteFunc(slices.Clone(rows), func(r store.ReportRow) bool { return !onDay(r.Time, span[0], span[1]) })
			same(t, fmt.Sprint(what, ": days ", span), daily(chosen), must(db.GroupDays(ctx, app, group, span[0], span[1]))(t))
		}
	}
}
