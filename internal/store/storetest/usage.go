package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

const millisecond = second / 1000

func sessionsCounted(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	f := newFeeder(t, db)
	log := func(feed uint64, kind diag.LogKind, session string, at diag.DeviceTime, version string) store.EventRow {
		e := seenOn(app, feed, "i", at, version, "")
		e.Kind, e.Session = kind, idOf(session)
		return e
	}
	ask := func(versions ...string) []store.Sessions {
		return must(db.SessionDays(t.Context(), store.SpanQuery{App: app.Num, Start: 10 * day, End: 12 * day, Versions: versions}))(t)
	}
	lengths := func(lengths ...time.Duration) (s store.Sessions) {
		for _, l := range lengths {
			i := 0
			for i < store.SessionBuckets-1 && l >= store.SessionBound(i+1) {
				i++
			}
			s.Buckets[i]++
			s.N++
			s.Total += l
		}
		return s
	}
	f.apply(store.Batch{Events: []store.EventRow{
		log(1, diag.KindEvent, "a", 10*day+5*second, "1"), // its beginning comes later
		log(2, diag.KindStartSession, "b", 11*day, "2"),
		log(3, diag.KindEvent, "b", 11*day+10*second-millisecond, "2"),
	}})
	same(t, "before the beginning", []store.Sessions{{}, lengths(10*time.Second - time.Millisecond)}, ask())
	f.apply(store.Batch{Events: []store.EventRow{
		log(4, diag.KindStartSession, "a", 10*day, "1"),
		log(5, diag.KindStartSession, "a", 10*day+second, "1"), // a copy
		log(6, diag.KindStartSession, "c", 11*day-second, "1"), // goes on over midnight, and its clock is set
	}})
	same(t, "begun", []store.Sessions{lengths(5*time.Second, 0), lengths(10*time.Second - time.Millisecond)}, ask())
	crash := reportOf(app, 7, "crash")
	crash.Install, crash.Session, crash.Time = "i", idOf("b"), 11*day+10*second
	f.apply(store.Batch{Events: []store.EventRow{log(8, diag.KindPage, "c", 400*day, "1")}, Reports: []store.ReportRow{crash}})
	same(t, "longer", []store.Sessions{lengths(5*time.Second, 24*time.Hour), lengths(10 * time.Second)}, ask())
	f.apply(store.Batch{Events: []store.EventRow{log(9, diag.KindEvent, "b", 11*day-20*second, "2")}})
	same(t, "an earlier log", []store.Sessions{lengths(5*time.Second, 24*time.Hour), lengths(30 * time.Second)}, ask())
	same(t, "of a version", []store.Sessions{{}, lengths(30 * time.Second)}, ask("2", "9"))
	same(t, "of both", ask(), ask("2", "1"))
}

// used is an event of an install.
func used(app diag.App, feed uint64, install, session, name string, at diag.DeviceTime, properties ...string) store.EventRow {
	e := seenOn(app, feed, install, at, "1", "")
	e.Name, e.Session, e.Ingress = name, diag.ID{}, diag.IngressTime(feed)
	if session != "" {
		e.Session = idOf(session)
	}
	for i := 0; i < len(properties); i += 2 {
		e.Properties = append(e.Properties, diag.Property{Name: properties[i], Value: properties[i+1]})
	}
	return e
}

func eventsCounted(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	f := newFeeder(t, db)
	f.apply(store.Batch{Events: []store.EventRow{
		used(app, 1, "a", "s", "tap", 10*day, "color", "red"),
		used(app, 2, "a", "s", "tap", 10*day+second, "color", "blue"),
		used(app, 3, "a", "t", "tap", 11*day, "color", "red", "size", "1"),
		used(app, 4, "b", "", "tap", 10*day, "color", "red"),
		used(app, 5, "a", "s", "swipe", 9*day),
		used(app, 6, "a", "s", "", 9*day), // a page
	}})
	copied := used(app, 7, "a", "s", "tap", 10*day, "color", "red")
	copied.ID = idOf("seen ", 1)
	f.apply(store.Batch{Events: []store.EventRow{copied}})
	q := store.EventQuery{App: app.Num, Start: 10 * day, End: 12 * day}
	same(t, "events", []store.EventTotal{{Name: "tap", Now: store.EventUse{Count: 4, Devices: 2, Sessions: 2}}}, must(db.Events(t.Context(), q))(t))
	q.End = 11 * day
	same(t, "a day", []store.EventTotal{{Name: "tap", Now: store.EventUse{Count: 3, Devices: 2, Sessions: 1}}}, must(db.Events(t.Context(), q))(t))
	q.Start, q.End = 11*day, 12*day
	same(t, "the day after", []store.EventTotal{{Name: "tap", Now: store.EventUse{Count: 1, Devices: 1, Sessions: 1},
		Previous: store.EventUse{Count: 3, Devices: 2, Sessions: 1}}}, must(db.Events(t.Context(), q))(t))
	q.Names = []string{"swipe"}
	same(t, "by name", 0, len(must(db.Events(t.Context(), q))(t)))
	q.Names, q.Start = []string{"tap"}, 9*day
	same(t, "days", []store.EventUse{{}, {Count: 3, Devices: 2, Sessions: 1}, {Count: 1, Devices: 1, Sessions: 1}}, must(db.EventDays(t.Context(), q))(t))
	same(t, "properties", []string{"color", "size"}, must(db.EventProperties(t.Context(), app.Num, "tap"))(t))
	q.Start = 11 * day
	values, total, err := db.PropertyValues(t.Context(), q, "color")
	ok(t, err)
	same(t, "values", []store.Share{{Value: "red", N: 1, Previous: 2}}, values)
	same(t, "total", int64(1), total)
	_, err = db.EventProperties(t.Context(), app.Num, "unheard of")
	kind(t, err, diag.NotFound)
}

// eventsRandom compares numbers of events with what looking at all logs finds.
func eventsRandom(t *testing.T, open func(*testing.T, Options) *store.DB) {
	const logs = 500
	r := rand.New(rand.NewPCG(13, 14))
	app := appOf("acme", "boat")
	app.Num = 1
	var whole store.Batch
	for feed := range uint64(logs) {
		e := used(app, feed+1, fmt.Sprint("install ", r.IntN(8)), fmt.Sprint("session ", r.IntN(30)), pick(r.IntN, "tap", "swipe", "open"),
			diag.DeviceTime(1+r.Int64N(60))*day, "color", fmt.Sprint("c", r.IntN(4)))
		e.AppVersion = fmt.Sprint(r.IntN(2))
		if r.IntN(4) == 0 {
			e.Session = diag.ID{}
		}
		whole.Events = append(whole.Events, e)
	}
	for _, size := range []uint64{1, 30, 1 << 20} {
		db := open(t, Options{})
		createApp(t, db, "boat")
		applyInPieces(newFeeder(t, db), whole, size)
		ask := rand.New(rand.NewPCG(15, 16))
		for range 25 {
			q := store.EventQuery{App: app.Num, Start: diag.DeviceTime(1+ask.Int64N(60)) * day}
			q.End = q.Start + diag.DeviceTime(1+ask.Int64N(30))*day
			if ask.IntN(2) == 0 {
				q.Versions = []string{fmt.Sprint(ask.IntN(3))}
			}
			name := fmt.Sprintf("batches of %d: %+v", size, q)
			got := must(db.Events(t.Context(), q))(t)
			same(t, name, plainEvents(whole, q), got)
			for _, e := range got {
				q.Names = []string{e.Name}
				var days []store.EventUse
				for d := q.Start; d < q.End; d += day {
					days = append(days, plainUse(whole, q, e.Name, d, d+day))
				}
				same(t, name+" "+e.Name, days, must(db.EventDays(t.Context(), q))(t))
			}
		}
	}
}

func plainEvents(b store.Batch, q store.EventQuery) (all []store.EventTotal) {
	for _, name := range []string{"open", "swipe", "tap"} {
		e := store.EventTotal{Name: name, Now: plainUse(b, q, name, q.Start, q.End), Previous: plainUse(b, q, name, 2*q.Start-q.End, q.Start)}
		if e.Now.Count > 0 {
			all = append(all, e)
		}
	}
	return all
}

// plainUse looks at all logs. A session counts on each of its days.
func plainUse(b store.Batch, q store.EventQuery, name string, from, to diag.DeviceTime) (u store.EventUse) {
	installs, inSession := map[diag.InstallID]bool{}, map[string]bool{}
	for _, e := range b.Events {
		if e.Name == name && e.Time >= from && e.Time < to && (q.Versions == nil || slices.Contains(q.Versions, e.AppVersion)) {
			u.Count++
			installs[e.Install] = true
			if !e.Session.IsZero() {
				inSession[fmt.Sprint(e.Install, e.Session, e.Time/day)] = true
			}
		}
	}
	u.Devices, u.Sessions = int64(len(installs)), int64(len(inSession))
	return u
}

func eventsBeyond(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	f := newFeeder(t, db)
	feed := uint64(0)
	next := func(name string, at diag.DeviceTime, properties ...string) store.EventRow {
		feed++
		return used(app, feed, "i", "", name, at, properties...)
	}
	var b store.Batch
	for n := range store.MaxValues + 5 {
		b.Events = append(b.Events, next("values", day, "p", fmt.Sprint("v", n)), next("values", day, "p", "v0"))
	}
	for n := range store.MaxProperties + 5 {
		b.Events = append(b.Events, next("names of properties", day, fmt.Sprint("p", n), "v"))
	}
	var many []string
	for n := range 23 {
		many = append(many, fmt.Sprint("p", n), "v")
	}
	b.Events = append(b.Events, next("many properties", day, many...))
	f.apply(b)
	for n := range store.MaxEventNames {
		f.apply(store.Batch{Events: []store.EventRow{next(fmt.Sprint("event ", n), day)}})
	}
	f.apply(store.Batch{Events: []store.EventRow{next("event 1", day), next("another day's", 2*day), next("another day's", day)}})

	q := store.EventQuery{App: app.Num, Start: day, End: 2 * day}
	same(t, "events", store.MaxEventNames, len(must(db.Events(t.Context(), q))(t)))
	same(t, "cut", map[store.EventCut]int64{store.CutNames: 4, store.CutProperties: 8, store.CutValues: 5}, must(db.EventCuts(t.Context(), q))(t))
	q.Names = []string{"values"}
	values, total, err := db.PropertyValues(t.Context(), q, "p")
	ok(t, err)
	same(t, "values", store.MaxValues, len(values))
	same(t, "the one sent most", store.Share{Value: "v0", N: int64(store.MaxValues + 6)}, values[0])
	same(t, "all of them", int64(2*store.MaxValues+10), total)
	same(t, "properties", store.MaxProperties, len(must(db.EventProperties(t.Context(), app.Num, "names of properties"))(t)))
}

func eventsDeleted(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	before := store.Batch{Events: []store.EventRow{
		used(app, 1, "a", "s", "tap", day, "color", "red"), used(app, 2, "b", "", "tap", 2*day), used(app, 3, "a", "", "swipe", day),
	}}
	after := store.Batch{Events: []store.EventRow{used(app, 5, "a", "s", "tap", day, "size", "1")}}
	late := used(app, 4, "c", "", "tap", day) // it had come, but was not yet counted
	f := newFeeder(t, db)
	f.apply(before)
	events := func() []store.EventTotal {
		return must(db.Events(t.Context(), store.EventQuery{App: app.Num, Start: day, End: 3 * day}))(t)
	}
	swipe := store.EventTotal{Name: "swipe", Now: store.EventUse{Count: 1, Devices: 1}}
	tap := store.EventTotal{Name: "tap", Now: store.EventUse{Count: 1, Devices: 1, Sessions: 1}}
	now := func() diag.IngressTime { return 4 }
	kind(t, db.DeleteEvent(t.Context(), app.Num, "unheard of", now), diag.NotFound)
	ok(t, db.DeleteEvent(t.Context(), app.Num, "tap", now))
	same(t, "deleted", []store.EventTotal{swipe}, events())
	kind(t, db.DeleteEvent(t.Context(), app.Num, "tap", now), diag.NotFound)
	f.apply(store.Batch{Events: []store.EventRow{late}})
	same(t, "had come before", []store.EventTotal{swipe}, events())
	f.apply(after)
	same(t, "come again", []store.EventTotal{swipe, tap}, events())
	same(t, "properties", []string{"size"}, must(db.EventProperties(t.Context(), app.Num, "tap"))(t))

	ok(t, db.ResetIndex(t.Context()))
	f = newFeeder(t, db)
	f.apply(before)
	f.apply(store.Batch{Events: []store.EventRow{late}})
	same(t, "made anew", []store.EventTotal{swipe}, events())
	f.apply(after)
	same(t, "made anew in full", []store.EventTotal{swipe, tap}, events())
	ok(t, db.DeleteEvent(t.Context(), app.Num, "tap", func() diag.IngressTime { return 5 }))
	ok(t, db.Tidy(t.Context()))
	same(t, "deleted again", []store.EventTotal{swipe}, events())
}

func arrivals(t *testing.T, db *store.DB) {
	app, other := createApp(t, db, "boat"), createApp(t, db, "raft")
	f := newFeeder(t, db)
	at := func(app diag.App, feed uint64, member int, ingress diag.IngressTime) store.EventRow {
		e := eventOf(app, feed, member, fmt.Sprint("e", feed, member))
		e.Ingress = ingress
		return e
	}
	copied := at(app, 3, 1, 20)
	copied.ID = idOf("e", 1, 0)
	crash := reportOf(app, 5, "crash")
	crash.Ingress = 30
	f.apply(store.Batch{Events: []store.EventRow{
		at(app, 1, 0, 10), at(app, 1, 1, 10), at(other, 2, 0, 10), at(app, 3, 0, 20), copied, at(app, 4, 0, 20),
	}, Reports: []store.ReportRow{crash}})
	list := func(after diag.IngressTime, limit int) (feeds []uint64) {
		for _, a := range must(db.Arrivals(t.Context(), app.Num, after, limit))(t) {
			feeds = append(feeds, a.Feed)
		}
		return feeds
	}
	same(t, "all", []uint64{1, 3, 4, 5}, list(0, 10))
	same(t, "strictly later", []uint64{3, 4, 5}, list(10, 10))
	same(t, "some", []uint64{3, 4}, list(10, 2))
	same(t, "copies", []int{1}, must(db.Arrivals(t.Context(), app.Num, 10, 1))(t)[0].Copies)
	const dayInMillis = 24 * 3600 * 1000
	f.apply(store.Batch{Events: []store.EventRow{at(app, 6, 0, 20+2*dayInMillis)}})
	ok(t, db.Tidy(t.Context()))
	same(t, "after two days", []uint64{3, 4, 5, 6}, list(0, 10))
}
