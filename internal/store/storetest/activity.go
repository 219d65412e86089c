package storetest

import (
	"cmp"
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

// activeWindows compares numbers of installs over spans with what looking at all logs finds.
func activeWindows(t *testing.T, open func(*testing.T, Options) *store.DB) {
	const logs = 500
	r := rand.New(rand.NewPCG(9, 10))
	app := appOf("acme", "boat")
	app.Num = 1
	var whole store.Batch
	for feed := range uint64(logs) {
		e := seenOn(app, feed+1, fmt.Sprint("install ", r.IntN(15)), diag.DeviceTime(1+r.Int64N(420))*day, fmt.Sprint("1.", r.IntN(3)), fmt.Sprint(r.IntN(3)))
		if r.IntN(8) == 0 {
			e.AppBuild = "1.1" // a build that is called as a version is
		}
		e.Traits = &store.Traits{Model: pick(r.IntN, "", "Pixel", "iPhone"), OS: pick(r.IntN, "iOS 17", "Android 14"), Country: pick(r.IntN, "de", "fr"), Language: "de"}
		whole.Events = append(whole.Events, e)
		if r.IntN(10) == 0 {
			c := reportOf(app, feed+1, fmt.Sprint("crash ", feed))
			c.Install, c.Time = "only crashes", e.Time
			whole.Reports = append(whole.Reports, c)
		}
	}
	for _, size := range []uint64{1, 40} {
		db := open(t, Options{})
		createApp(t, db, "boat")
		applyInPieces(newFeeder(t, db), whole, size)
		ask := rand.New(rand.NewPCG(11, 12))
		for range 25 {
			q := store.SpanQuery{App: app.Num, Start: diag.DeviceTime(1+ask.Int64N(450)) * day}
			q.End = q.Start + diag.DeviceTime(1+ask.Int64N(pick(ask.IntN, int64(3), 40, store.MaxSpan)))*day
			for range ask.IntN(3) {
				q.Versions = append(q.Versions, fmt.Sprint("1.", ask.IntN(4)))
			}
			if ask.IntN(3) == 0 {
				q.Build = pick(ask.IntN, "0", "1", "1.1", "1.2", "9")
			}
			name := fmt.Sprintf("batches of %d: %+v", size, q)
			windows := must(db.ActiveWindows(t.Context(), q))(t)
			same(t, name, plainWindows(whole, q), windows)
			of := store.Trait(ask.IntN(5))
			shares, total, err := db.Shares(t.Context(), q, of)
			ok(t, err)
			wantShares, wantTotal := plainShares(whole, q, of)
			same(t, fmt.Sprint(name, " by trait ", of), wantShares, shares)
			same(t, name+": total", wantTotal, total)
		}
	}
}

func spanRefused(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	for _, q := range []store.SpanQuery{
		{}, {Start: day}, {End: day}, {Start: 3 * day, End: 2 * day}, {Start: day, End: day + store.MaxSpan*day + 1},
	} {
		q.App = app.Num
		_, err := db.ActiveWindows(t.Context(), q)
		kind(t, err, diag.Invalid)
		_, _, err = db.Shares(t.Context(), q, store.TraitModel)
		kind(t, err, diag.Invalid)
	}
}

// installsOf are the installs that match in the days from first to last.
func installsOf(b store.Batch, q store.SpanQuery, first, last diag.DeviceTime, also func(sight) bool) int64 {
	found := map[diag.InstallID]bool{}
	for _, s := range sights(b) {
		if s.used && s.at/day >= first && s.at/day <= last && (len(q.Versions) == 0 || slices.Contains(q.Versions, s.version)) &&
			(q.Build == "" || q.Build == s.build || q.Build == s.version) && also(s) {
			found[s.install] = true
		}
	}
	return int64(len(found))
}

func anySight(sight) bool { return true }

func plainWindows(b store.Batch, q store.SpanQuery) (all []store.Actives) {
	for d := q.Start / day; d <= (q.End-1)/day; d++ {
		all = append(all, store.Actives{Day: d * day, Daily: installsOf(b, q, d, d, anySight), Weekly: installsOf(b, q, d-6, d, anySight),
			Monthly: installsOf(b, q, d-29, d, anySight)})
	}
	return all
}

func plainShares(b store.Batch, q store.SpanQuery, of store.Trait) (all []store.Share, total int64) {
	first, last := q.Start/day, (q.End-1)/day
	value := func(s sight) string {
		return [...]string{s.version, s.traits.Model, s.traits.OS, s.traits.Country, s.traits.Language}[of]
	}
	done := map[string]bool{"": true}
	for _, s := range sights(b) {
		v := value(s)
		if done[v] {
			continue
		}
		done[v] = true
		has := func(s sight) bool { return value(s) == v }
		if n := installsOf(b, q, first, last, has); n > 0 {
			all = append(all, store.Share{Value: v, N: n, Previous: installsOf(b, q, 2*first-last-1, first-1, has)})
		}
	}
	slices.SortFunc(all, func(a, b store.Share) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Value, b.Value)) })
	return all, installsOf(b, q, first, last, anySight)
}
