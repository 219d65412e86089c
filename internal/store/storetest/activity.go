package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// day is one of device time.
const day = 24 * 3600 * second

// seenOn is an event of an install on a day.
func seenOn(app diag.App, feed uint64, install string, at diag.DeviceTime, version, build string) store.EventRow {
	e := eventOf(app, feed, 0, fmt.Sprint("seen ", feed))
	e.Install, e.Time, e.AppVersion, e.AppBuild = diag.InstallID(install), at, version, build
	return e
}

func active(t tb, db *store.DB, q store.ActivityQuery) []store.DayCount {
	t.Helper()
	return must(db.ActiveDevices(t.Context(), q))(t)
}

func activeDevices(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	f := newFeeder(t, db)
	crash := reportOf(app, 9, "crash")
	crash.Install, crash.Time, crash.AppVersion, crash.AppBuild = "d", 12*day, "2.0", "20"
	f.apply(store.Batch{Events: []store.EventRow{
		seenOn(app, 1, "a", 10*day, "1.0", "10"),
		seenOn(app, 2, "a", 10*day+5*second, "1.0", "10"), // once more on the day
		seenOn(app, 3, "a", 11*day-1, "2.0", "20"),        // and updated at night
		seenOn(app, 4, "b", 10*day, "2.0", "20"),
		seenOn(app, 5, "c", 12*day, "2.0", "21"),
		seenOn(app, 6, "c", -1, "", ""), // a clock before its time
	}, Reports: []store.ReportRow{crash}})
	days := func(numbers ...int64) (all []store.DayCount) {
		for i := 0; i < len(numbers); i += 2 {
			all = append(all, store.DayCount{Day: diag.DeviceTime(numbers[i]) * day, N: numbers[i+1]})
		}
		return all
	}
	for _, c := range []struct {
		name string
		q    store.ActivityQuery
		want []store.DayCount
	}{
		{"all", store.ActivityQuery{}, days(-1, 1, 10, 2, 12, 2)},
		{"without those that only crashed", store.ActivityQuery{Used: true}, days(-1, 1, 10, 2, 12, 1)},
		{"from a day on", store.ActivityQuery{Start: 11*day - 1}, days(10, 2, 12, 2)},
		{"up to a day", store.ActivityQuery{Start: 10 * day, End: 12 * day}, days(10, 2)},
		{"up to the middle of a day", store.ActivityQuery{Start: 11 * day, End: 12*day + 1}, days(12, 2)},
		{"version", store.ActivityQuery{Versions: []string{"2.0"}}, days(10, 2, 12, 2)},
		{"versions once", store.ActivityQuery{Versions: []string{"2.0", "1.0", "2.0", "9.9"}}, days(10, 2, 12, 2)},
		{"no version", store.ActivityQuery{Versions: []string{""}}, days(-1, 1)},
		{"build", store.ActivityQuery{Build: "20"}, days(10, 2, 12, 1)},
		{"build of a version", store.ActivityQuery{Versions: []string{"1.0"}, Build: "10"}, days(10, 1)},
		{"build of another version", store.ActivityQuery{Versions: []string{"1.0"}, Build: "20"}, nil},
		{"build of versions, used", store.ActivityQuery{Versions: []string{"1.0", "2.0"}, Build: "20", Used: true}, days(10, 2)},
		{"unheard of", store.ActivityQuery{Versions: []string{"9.9"}}, nil},
	} {
		c.q.App = app.Num
		same(t, c.name, c.want, active(t, db, c.q))
	}

	// A late log counts where its clock puts it, and a copy of a log not at all.
	again := seenOn(app, 10, "e", 12*day, "2.0", "20")
	again.ID = idOf("seen ", 1)
	again.Install = "a"
	f.apply(store.Batch{Events: []store.EventRow{seenOn(app, 11, "b", 11*day, "2.0", "20"), again}})
	same(t, "afterwards", days(-1, 1, 10, 2, 11, 1, 12, 2), active(t, db, store.ActivityQuery{App: app.Num}))
}

// activeRandom compares counts with what looking at all logs finds, in batches of several sizes.
func activeRandom(t *testing.T, open func(*testing.T, Options) *store.DB) {
	const logs = 600
	r := rand.New(rand.NewPCG(5, 6))
	app := appOf("acme", "boat")
	app.Num = 1
	var whole store.Batch
	for feed := range uint64(logs) {
		install, version, build := fmt.Sprint("install ", r.IntN(12)), fmt.Sprint("1.", r.IntN(3)), fmt.Sprint(r.IntN(3))
		at := diag.DeviceTime(r.Int64N(40))*day + diag.DeviceTime(r.Int64N(int64(day)))
		if r.IntN(10) == 0 {
			at += 400 * day // its clock is wrong
		}
		if r.IntN(4) == 0 {
			c := reportOf(app, feed+1, fmt.Sprint("crash ", feed))
			c.Install, c.Time, c.AppVersion, c.AppBuild = diag.InstallID(install), at, version, build
			whole.Reports = append(whole.Reports, c)
			continue
		}
		whole.Events = append(whole.Events, seenOn(app, feed+1, install, at, version, build))
	}
	for _, size := range []uint64{1, 50, 1 << 20} {
		db := open(t, Options{})
		createApp(t, db, "boat")
		applyInPieces(newFeeder(t, db), whole, size)
		ask := rand.New(rand.NewPCG(7, 8))
		for range 60 {
			q := store.ActivityQuery{App: app.Num, Used: ask.IntN(2) == 0}
			for range ask.IntN(3) {
				q.Versions = append(q.Versions, fmt.Sprint("1.", ask.IntN(4)))
			}
			if ask.IntN(2) == 0 {
				q.Build = fmt.Sprint(ask.IntN(4))
			}
			if ask.IntN(2) == 0 {
				q.Start = diag.DeviceTime(ask.Int64N(40))*day + 1
				q.End = q.Start + diag.DeviceTime(ask.Int64N(20))*day
			}
			same(t, fmt.Sprintf("batches of %d: %+v", size, q), plainActive(whole, q), active(t, db, q))
		}
	}
}

// sight is what counts of one log.
type sight struct {
	install        diag.InstallID
	at             diag.DeviceTime
	version, build string
	used           bool
	traits         store.Traits
}

func sights(b store.Batch) (all []sight) {
	for _, e := range b.Events {
		s := sight{e.Install, e.Time, e.AppVersion, e.AppBuild, true, store.Traits{}}
		if e.Traits != nil {
			s.traits = *e.Traits
		}
		all = append(all, s)
	}
	for _, r := range b.Reports {
		all = append(all, sight{r.Install, r.Time, r.AppVersion, r.AppBuild, false, store.Traits{}})
	}
	return all
}

// plainActive is ActiveDevices by looking at all logs.
func plainActive(b store.Batch, q store.ActivityQuery) (all []store.DayCount) {
	on := map[diag.DeviceTime]map[diag.InstallID]bool{}
	for _, s := range sights(b) {
		at := s.at / day * day
		if q.Used && !s.used || len(q.Versions) > 0 && !slices.Contains(q.Versions, s.version) || q.Build != "" && q.Build != s.build ||
			q.Start != 0 && at < q.Start/day*day || q.End != 0 && at >= q.End {
			continue
		}
		if on[at] == nil {
			on[at] = map[diag.InstallID]bool{}
		}
		on[at][s.install] = true
	}
	for at, installs := range on {
		all = append(all, store.DayCount{Day: at, N: int64(len(installs))})
	}
	slices.SortFunc(all, func(a, b store.DayCount) int { return int((a.Day - b.Day) / day) })
	return all
}
