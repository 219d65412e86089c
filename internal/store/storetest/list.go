package storetest

import (
	"fmt"
	"slices"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// throughToken sends a page position through its text, as a client would.
func throughToken(t testing.TB, p store.Page) store.Page {
	t.Helper()
	back, good := store.ParsePage(p.Token())
	if !good {
		t.Fatalf("the token of %+v is refused", p)
	}
	return back
}

// reportPages reads pages of every size while rows come in before, between and behind those being read.
func reportPages(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	f := newFeeder(t, db)
	var b store.Batch
	for n := range uint64(30) {
		r := reportOf(app, n+1, fmt.Sprint("r", n))
		r.Time = diag.DeviceTime(n/7) * second // many at the same time, also at 0
		b.Reports = append(b.Reports, r)
	}
	f.apply(b)
	before := b.Reports
	slices.SortFunc(before, newestFirst)
	for _, limit := range []int{1, 2, 7, 29, 30, 31} {
		var got []store.ReportRow
		q := store.ReportQuery{App: app.Num, Limit: limit}
		for pages := 0; ; pages++ {
			rows, next, err := db.Reports(t.Context(), q)
			ok(t, err)
			if len(rows) > limit {
				t.Fatalf("%d rows on a page of %d", len(rows), limit)
			}
			got = append(got, rows...)
			if next.IsZero() {
				break
			}
			q.After = throughToken(t, next)
			late := reportOf(app, f.through+1, fmt.Sprint("late", f.through))
			late.Time = diag.DeviceTime(pages%6) * second
			f.apply(store.Batch{Reports: []store.ReportRow{late}})
		}
		if !slices.IsSortedFunc(got, newestFirst) {
			t.Errorf("pages of %d are out of order", limit)
		}
		seen := map[diag.ID]int{}
		for _, r := range got {
			seen[r.ID]++
		}
		for _, r := range before {
			if seen[r.ID] != 1 {
				t.Errorf("pages of %d show a row %d times", limit, seen[r.ID])
			}
		}
	}
}

// groupsApart makes n groups that differ in everything that they can be ordered by.
func groupsApart(app diag.App, n int) (b store.Batch) {
	feed := uint64(0)
	for g := range n {
		for i := range 1 + g%4 {
			feed++
			r := reportOf(app, feed, fmt.Sprint("g", g, "r", i))
			r.Group, r.AppVersion, r.Time = diag.GroupID(g+1), fmt.Sprint(g%3), diag.DeviceTime((g*7)%11+i)*second
			r.Install = diag.InstallID(fmt.Sprint("install ", (g+i)%3))
			r.Reason = store.Reason{Type: fmt.Sprint("T", g%2), Class: fmt.Sprint("C", g%5), Method: fmt.Sprint("m", g)}
			b.Reports = append(b.Reports, r)
		}
	}
	return b
}

var orders = [][]store.Order{
	nil,
	{{Column: store.ByCount}}, {{Column: store.ByDevices, Desc: true}, {Column: store.ByType}}, {{Column: store.ByFirst}},
	{{Column: store.ByLast, Desc: true}}, {{Column: store.ByVersion, Desc: true}, {Column: store.ByClass}, {Column: store.ByCount}},
	{{Column: store.ByMethod}},
}

// groupPages reads all orders in pages while reports come in that would move groups about. What is shown is
// what the first page knew.
func groupPages(t *testing.T, db *store.DB) {
	const days = 40_000 // a second becomes half a day
	groupPagesWhile(t, db, 1, true, store.GroupQuery{}, store.GroupQuery{Start: 2 * second}, store.GroupQuery{Install: "install 1"}, store.GroupQuery{Handled: new(bool)})
	groupPagesWhile(t, db, 1, false, store.GroupQuery{}, store.GroupQuery{Start: 2 * second}, store.GroupQuery{Handled: new(bool)})
	groupPagesWhile(t, db, days, false, store.GroupQuery{Start: 2 * second * days}, store.GroupQuery{Start: second * days, End: 9 * second * days}, store.GroupQuery{End: 7 * second * days})
}

// groupPagesWhile reads them with what is kept in memory, or forgets that after every page. pace stretches time.
func groupPagesWhile(t *testing.T, db *store.DB, pace diag.DeviceTime, forget bool, queries ...store.GroupQuery) {
	between := func() {
		if forget {
			ok(t, db.Tidy(t.Context()))
			ok(t, db.Tidy(t.Context()))
		}
	}
	for i, order := range orders {
		for _, q := range queries {
			app := createApp(t, db, fmt.Sprintf("boat %d %v %v %v", i, q, pace, forget))
			q.App, q.OrderBy = app.Num, order
			f := newFeeder(t, db)
			b := groupsApart(app, 17)
			for i := range b.Reports {
				b.Reports[i].Feed += f.through
				b.Reports[i].Time *= pace
			}
			f.apply(b)
			l := &lists{shard: diag.ShardOf(app.ID)}
			l.apply(b)
			same(t, fmt.Sprintf("pages of %+v", q), l.groups(q), pagesWhileWriting(t, f, app, q, pace, between))
		}
	}
}

// pagesWhileWriting reads a list in pages of 3 and adds reports in between.
func pagesWhileWriting(t *testing.T, f *feeder, app diag.App, q store.GroupQuery, pace diag.DeviceTime, between func()) (got []store.GroupSummary) {
	for q.Limit = 3; ; between() {
		groups, next, err := f.db.Groups(t.Context(), q)
		ok(t, err)
		got = append(got, groups...)
		if next.IsZero() {
			return got
		}
		q.After = throughToken(t, next)
		var late store.Batch
		for n := range 5 {
			r := reportOf(app, f.through+1+uint64(n), fmt.Sprint("late ", f.through, n))
			r.Group, r.Time = diag.GroupID((int(f.through)+n*5)%20+1), diag.DeviceTime(n*20-40)*second*pace // groups 18 to 20 are new
			r.Install = diag.InstallID(fmt.Sprint("install ", n))
			late.Reports = append(late.Reports, r)
		}
		f.apply(late)
	}
}

// groupPagesLongTail: between two pages comes more than anybody would walk back over.
func groupPagesLongTail(t *testing.T, db *store.DB) {
	app, busy := createApp(t, db, "boat"), createApp(t, db, "busy")
	f := newFeeder(t, db)
	b := groupsApart(app, 7)
	f.apply(b)
	l := &lists{shard: diag.ShardOf(app.ID)}
	l.apply(b)
	q := store.GroupQuery{App: app.Num, Limit: 4}
	first, next, err := db.Groups(t.Context(), q)
	ok(t, err)
	for range 3 {
		var late store.Batch
		for n := range uint64(2000) {
			of := busy
			if n%100 == 0 {
				of = app
			}
			r := reportOf(of, f.through+1+n, fmt.Sprint("late ", f.through, " ", n))
			r.Group = diag.GroupID(n%1000/100 + 1)
			late.Reports = append(late.Reports, r)
		}
		f.apply(late)
	}
	q.After = next
	for _, how := range []string{"remembered", "forgotten"} {
		second, _, err := db.Groups(t.Context(), q)
		ok(t, err)
		same(t, "both pages, "+how, l.groups(store.GroupQuery{App: app.Num}), slices.Concat(first, second))
		ok(t, db.Tidy(t.Context()))
		ok(t, db.Tidy(t.Context()))
	}
}

// manyLists asks for more kinds of list than a connection keeps statements for, and some of them again.
func manyLists(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	f := newFeeder(t, db)
	b := groupsApart(app, 5)
	f.apply(b)
	l := &lists{shard: diag.ShardOf(app.ID)}
	l.apply(b)
	columns := []store.Column{store.ByCount, store.ByDevices, store.ByVersion, store.ByType, store.ByClass, store.ByMethod}
	for n := range 300 {
		var order []store.Order
		for i := n; i > 0; i /= len(columns) {
			order = append(order, store.Order{Column: columns[i%len(columns)], Desc: n%2 == 0})
		}
		q := store.GroupQuery{App: app.Num, OrderBy: order, Version: []string{"", "1"}[n%2]}
		same(t, "groups", l.groups(q), stored{t, db, app.Num}.groups(q))
	}
}
