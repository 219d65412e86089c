package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// choose picks a number from 0 to n-1.
type choose func(n int) int

func pick[T any](c choose, from ...T) T { return from[c(len(from))] }

// The values that random rows are made of: few, so that they meet.
var (
	installs  = []diag.InstallID{"", "an install", diag.InstallID(idOf("guid").String()), "b", "c"}
	someUsers = []string{"", "ann", "Ann", "bob@example.com"}
	builds    = []string{"", "1", "2"}
	models    = []string{"", "Pixel", "pixel", "iPhone"}
	systems   = []string{"", "Android", "Windows NT"}
	versions  = []string{"", "10", "11"}
	someNames = []diag.ID{{}, idOf("first session"), idOf("second session")}
)

// traffic makes up logs of one app, in feed order.
type traffic struct {
	c    choose
	app  diag.App
	feed uint64
}

// batch makes up so many frames. Frames of several logs hold events only, as those of the journal do.
func (f *traffic) batch(frames int) (b store.Batch) {
	for range frames {
		f.feed += 1 + uint64(f.c(2))
		switch f.c(8) {
		case 0, 1, 2:
			b.Reports = append(b.Reports, f.report())
		case 3:
			b.Attachments = append(b.Attachments, f.attachment())
		case 4:
			b.Problems = append(b.Problems, store.ProblemRow{Feed: f.feed, App: f.app.Num, Ingress: 4, What: "odd", Locator: place(f.feed, 0)})
		default:
			for member := range 1 + f.c(4) {
				b.Events = append(b.Events, f.event(member))
			}
		}
	}
	return b
}

func (f *traffic) time() diag.DeviceTime { return diag.DeviceTime(f.c(9)-3) * second }

// report makes one up. What is the same in all reports of a group follows from its id, but for the reason's
// line: the first report decides.
func (f *traffic) report() store.ReportRow {
	r := reportOf(f.app, f.feed, fmt.Sprint("report ", f.c(40)))
	group := f.c(6)
	r.Group, r.Signature, r.Handled, r.AppVersion = diag.GroupID(group), diag.Signature(idOf("signature", group/2)), group == 4, fmt.Sprint("1.", group%2)
	if group == 0 {
		r.Signature, r.Reason = diag.Signature{}, store.Reason{}
	} else {
		r.Reason = store.Reason{Type: fmt.Sprint("T", group%2), Class: fmt.Sprint("C", group/3), Method: "m", Line: int(f.feed)}
	}
	r.Time, r.Install, r.Session, r.UserID = f.time(), pick(f.c, installs...), pick(f.c, someNames...), pick(f.c, someUsers...)
	r.Kind = pick(f.c, diag.KindManagedError, diag.KindAppleError, diag.KindHandledError)
	r.AppBuild, r.Model, r.OSName, r.OSVersion = pick(f.c, builds...), pick(f.c, models...), pick(f.c, systems...), pick(f.c, versions...)
	r.State = pick(f.c, "", diag.SymbolsNotNeeded, diag.SymbolsMissing)
	return r
}

func (f *traffic) event(member int) store.EventRow {
	e := eventOf(f.app, f.feed, member, fmt.Sprint("event ", f.c(60)))
	e.Kind = pick(f.c, diag.KindEvent, diag.KindPage, diag.KindStartSession, diag.KindStartService)
	e.Time, e.Install, e.Session, e.AppBuild = f.time(), pick(f.c, installs...), pick(f.c, someNames...), pick(f.c, builds...)
	return e
}

func (f *traffic) attachment() store.AttachmentRow {
	a := attachmentOf(f.app, f.feed, fmt.Sprint("file ", f.c(20)), idOf(fmt.Sprint("report ", f.c(40))))
	a.Install = pick(f.c, installs...)
	return a
}

func (f *traffic) reportQuery() store.ReportQuery {
	q := store.ReportQuery{App: f.app.Num, Limit: f.c(3) * 5}
	if f.c(3) == 0 {
		group := diag.GroupID(f.c(7))
		q.Group = &group
	}
	if f.c(3) == 0 {
		q.Start, q.End = f.time(), f.time()
	}
	if f.c(3) == 0 {
		q.Model = pick(f.c, append(models, "unheard of")...)
	}
	if f.c(3) == 0 {
		q.OS = pick(f.c, "", "Android", "10", "Android 10", "Windows NT", "Windows NT 11", "Windows", " 10", "Android ", "Windows NT 12")
	}
	q.Install, q.UserID = rarely(f.c, installs...), rarely(f.c, someUsers...)
	return q
}

func rarely[T any](c choose, from ...T) (v T) {
	if c(4) == 0 {
		v = pick(c, from...)
	}
	return v
}

func (f *traffic) groupQuery() store.GroupQuery {
	q := store.GroupQuery{App: f.app.Num, Limit: f.c(4), Version: rarely(f.c, "1.0", "1.1", "1.2"), Build: rarely(f.c, append(builds, "unheard of")...),
		Install: rarely(f.c, installs...), UserID: rarely(f.c, someUsers...)}
	if f.c(4) == 0 {
		q.Start, q.End = f.time(), f.time()
	}
	if f.c(4) == 0 {
		handled := f.c(2) == 0
		q.Handled = &handled
	}
	if f.c(4) == 0 {
		q.States = pick(f.c, []string{store.StateOpen}, []string{store.StateClosed, store.StateIgnored})
	}
	for range f.c(3) {
		q.OrderBy = append(q.OrderBy, f.order())
	}
	return q
}

func (f *traffic) order() store.Order {
	return store.Order{Column: pick(f.c, store.ByCount, store.ByDevices, store.ByFirst, store.ByLast, store.ByVersion, store.ByType, store.ByClass,
		store.ByMethod), Desc: f.c(2) == 0}
}

// question asks both sources the same and reports whether they answered so.
func (f *traffic) question(t tb, l *lists, s source) {
	t.Helper()
	switch f.c(4) {
	case 0:
		q := f.reportQuery()
		same(t, fmt.Sprintf("reports of %+v", q), l.reports(q), s.reports(q))
	case 1, 2:
		q := f.groupQuery()
		same(t, fmt.Sprintf("groups of %+v", q), l.groups(q), s.groups(q))
	case 3:
		m, limit := store.Moment{Install: pick(f.c, installs...), Session: pick(f.c, someNames...), UpTo: f.time()}, 1+f.c(6)
		want, more := l.sessionLogs(m, limit)
		got, gotMore := s.sessionLogs(m, limit)
		if m.Session.IsZero() {
			want, got = nil, nil
		}
		same(t, fmt.Sprintf("logs up to %+v, at most %d", m, limit), want, got)
		same(t, "more", more, gotMore)
	}
}

// everything compares what can be asked without choosing.
func everything(t tb, app int64, l *lists, s source) {
	t.Helper()
	same(t, "all reports", l.reports(store.ReportQuery{App: app}), s.reports(store.ReportQuery{App: app}))
	same(t, "all groups", l.groups(store.GroupQuery{App: app}), s.groups(store.GroupQuery{App: app}))
	same(t, "all problems", l.problems(app), s.problems(app))
	same(t, "counts", l.stats(app), s.stats(app))
	var ids []diag.ID
	for n := range 40 {
		ids = append(ids, idOf(fmt.Sprint("report ", n)))
	}
	same(t, "attachments", l.attachments(ids), s.attachments(ids))
}

// likePlainLists applies random batches and asks random questions, with an app of its own for every try.
func likePlainLists(t *testing.T, db *store.DB) {
	f := newFeeder(t, db)
	tries := 0
	rapid.Check(t, func(rt *rapid.T) {
		tries++
		app := createApp(t, db, fmt.Sprint("app", tries))
		c := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1)).IntN
		logs := &traffic{c: c, app: app, feed: f.through}
		l := &lists{shard: diag.ShardOf(app.ID), said: map[diag.GroupID]store.GroupWords{}}
		for range rapid.IntRange(1, 3).Draw(rt, "batches") {
			b := logs.batch(rapid.IntRange(0, 30).Draw(rt, "frames"))
			l.apply(b)
			f.apply(b)
			if group := diag.GroupID(c(6)); group > 0 && c(2) == 0 {
				l.said[group] = store.GroupWords{State: pick(c, store.StateClosed, store.StateIgnored), Annotation: "seen"}
				ok(rt, db.SetGroupWords(t.Context(), app.Num, group, l.said[group]))
			}
			for range 6 {
				logs.question(rt, l, stored{rt, db, app.Num})
			}
		}
		everything(rt, app.Num, l, stored{rt, db, app.Num})
	})
}

// batchSizes applies the same frames in batches of different sizes to a store each; then it throws one index
// away and builds it again.
func batchSizes(t *testing.T, open func(*testing.T, Options) *store.DB) {
	const frames = 1000
	r := rand.New(rand.NewPCG(1, 2))
	app := appOf("acme", "boat")
	app.Num = 1
	source := &traffic{c: r.IntN, app: app}
	whole := source.batch(frames)
	l := &lists{shard: diag.ShardOf(app.ID)}
	l.apply(whole)
	check := func(db *store.DB) {
		s := stored{t, db, app.Num}
		everything(t, app.Num, l, s)
		same(t, "copies", l.copies(), s.copies())
		ask := &traffic{c: rand.New(rand.NewPCG(3, 4)).IntN, app: app}
		for range 40 {
			ask.question(t, l, s)
		}
	}
	for _, size := range []uint64{1, 7, 64, 1000, 1 << 20} {
		db := open(t, Options{})
		same(t, "app", app, createApp(t, db, "boat"))
		applyInPieces(newFeeder(t, db), whole, size)
		check(db)
		if size == 64 {
			ok(t, db.ResetIndex(t.Context()))
			everything(t, app.Num, &lists{}, stored{t, db, app.Num})
			applyInPieces(newFeeder(t, db), whole, 99)
			check(db)
		}
	}
}

// applyInPieces applies a batch in pieces of so many feed numbers.
func applyInPieces(f *feeder, b store.Batch, size uint64) {
	for from := uint64(0); len(b.Events)+len(b.Reports)+len(b.Attachments)+len(b.Problems) > 0; from += size {
		var piece store.Batch
		piece.Events, b.Events = cut(b.Events, func(e store.EventRow) bool { return e.Feed > from+size })
		piece.Reports, b.Reports = cut(b.Reports, func(r store.ReportRow) bool { return r.Feed > from+size })
		piece.Attachments, b.Attachments = cut(b.Attachments, func(a store.AttachmentRow) bool { return a.Feed > from+size })
		piece.Problems, b.Problems = cut(b.Problems, func(p store.ProblemRow) bool { return p.Feed > from+size })
		f.apply(piece)
	}
}

// cut splits rows before the first that is beyond.
func cut[T any](rows []T, beyond func(T) bool) (head, tail []T) {
	i := slices.IndexFunc(rows, beyond)
	if i < 0 {
		return rows, nil
	}
	return rows[:i], rows[i:]
}
