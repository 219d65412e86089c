package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// answers is what the store says of an app: lists, counters and numbers. Notes of copies are left out.
func answers(t tb, db *store.DB, app int64) map[string]any {
	t.Helper()
	ctx, said := t.Context(), map[string]any{}
	s := stored{t, db, app}
	groups := s.groups(store.GroupQuery{App: app})
	said["reports"] = s.reports(store.ReportQuery{App: app})
	said["groups"] = groups
	said["groups by time"] = s.groups(store.GroupQuery{App: app, OrderBy: []store.Order{{Column: store.ByLast, Desc: true}}})
	for _, g := range groups {
		said[fmt.Sprint("group ", g.ID)] = must(db.Group(ctx, app, g.ID))(t)
		said[fmt.Sprint("days of ", g.ID)] = must(db.GroupDays(ctx, app, g.ID, 0, 0))(t)
		said[fmt.Sprint("models of ", g.ID)] = must(db.GroupModels(ctx, app, g.ID))(t)
		said[fmt.Sprint("systems of ", g.ID)] = must(db.GroupSystems(ctx, app, g.ID))(t)
	}
	var ids []diag.ID
	for n := range 40 {
		ids = append(ids, idOf(fmt.Sprint("report ", n)))
	}
	said["attachments"] = s.attachments(ids)
	said["versions"] = must(db.ErrorVersions(ctx, store.ErrorQuery{App: app}))(t)
	said["builds"] = must(db.ErrorBuilds(ctx, store.ErrorQuery{App: app}))(t)
	for _, handled := range []*bool{nil, new(bool)} {
		q := store.ErrorQuery{App: app, Handled: handled}
		said[fmt.Sprint("error days ", handled != nil)] = must(db.ErrorDays(ctx, q))(t)
	}
	stats := s.stats(app)
	for kind, n := range stats.Logs {
		if n == 0 {
			delete(stats.Logs, kind)
		}
	}
	stats.Duplicates = 0
	said["stats"] = stats
	numbersOfDevices(t, db, app, said)
	return said
}

// deleting: after random deletions everything is as if the reports had never come, and stays so when the index is
// made anew, from a journal that still has them or has them no more.
func deleting(t *testing.T, open func(*testing.T, Options) *store.DB) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 9))
		db := open(t, Options{})
		app := createApp(t, db, "boat")
		whole := (&traffic{c: r.IntN, app: app}).batch(700)
		f := newFeeder(t, db)
		applyInPieces(f, whole, 90)
		answers(t, db, app.Num) // fills what is kept in memory
		gone := map[diag.ID]bool{}
		for range 25 {
			rows := stored{t, db, app.Num}.reports(store.ReportQuery{App: app.Num})
			if len(rows) == 0 {
				break
			}
			row := rows[r.IntN(len(rows))]
			files := must(db.Attachments(t.Context(), app.Num, row.ID))(t)
			done := must(db.DeleteReport(t.Context(), app.Num, row.ID, 1000))(t)
			if done.Reports != 1 || done.Attachments != len(files) || len(done.Frames) != 1+len(files) {
				t.Fatalf("deleted %+v of a report with %d attachments", done, len(files))
			}
			_, err := db.DeleteReport(t.Context(), app.Num, row.ID, 1001)
			kind(t, err, diag.NotFound)
			gone[row.ID] = true
		}
		after := answers(t, db, app.Num)
		ok(t, db.ResetIndex(t.Context()))
		applyInPieces(newFeeder(t, db), whole, 70)
		same(t, "made anew, frames still there", after, answers(t, db, app.Num))

		whole.Reports = slices.DeleteFunc(slices.Clone(whole.Reports), func(r store.ReportRow) bool { return gone[r.ID] })
		whole.Attachments = slices.DeleteFunc(slices.Clone(whole.Attachments), func(a store.AttachmentRow) bool { return gone[a.ErrorID] })
		ok(t, db.ResetIndex(t.Context()))
		applyInPieces(newFeeder(t, db), whole, 130)
		same(t, "made anew, frames blank", after, answers(t, db, app.Num))

		pending := must(db.Deletions(t.Context()))(t)
		same(t, "pending deletions", len(gone), len(pending))
		for i := range pending {
			ok(t, db.RepeatDeletion(t.Context(), &pending[i]))
			ok(t, db.FinishDeletion(t.Context(), &pending[i]))
		}
		same(t, "pending afterwards", 0, len(must(db.Deletions(t.Context()))(t)))
		same(t, "repeated", after, answers(t, db, app.Num))
	}
}

// manyDeleted is a group with so many reports that they are counted as they come: counters follow a deletion.
func manyDeleted(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	f := newFeeder(t, db)
	var b store.Batch
	for n := range uint64(1005) {
		r := reportOf(app, n+1, fmt.Sprint("r", n))
		r.Time, r.Install, r.Model, r.OSName = diag.DeviceTime(n%3)*24*3600*second, diag.InstallID(fmt.Sprint("i", n%7)), fmt.Sprint("m", n%2), "Android"
		b.Reports = append(b.Reports, r)
	}
	f.apply(b)
	for n := range 8 { // the last ones make it small again
		must(db.DeleteReport(t.Context(), app.Num, b.Reports[n*5].ID, 1))(t)
		after := answers(t, db, app.Num)
		if n%3 != 1 {
			continue
		}
		ok(t, db.ResetIndex(t.Context()))
		newFeeder(t, db).apply(b)
		same(t, fmt.Sprint(n+1, " deleted, made anew"), after, answers(t, db, app.Num))
	}
}

// tombstones: what was deleted stays out, copies of attachments too, until it is forgotten.
func tombstones(t *testing.T, db *store.DB) {
	ctx, app, other := t.Context(), createApp(t, db, "boat"), createApp(t, db, "raft")
	f := newFeeder(t, db)
	f.apply(store.Batch{Reports: []store.ReportRow{reportOf(app, 1, "a"), reportOf(other, 2, "a")}})
	must(db.DeleteReport(ctx, app.Num, idOf("a"), 5000))(t)
	done := f.apply(store.Batch{
		Reports:     []store.ReportRow{reportOf(app, 3, "a"), reportOf(app, 4, "b"), reportOf(other, 5, "a")},
		Attachments: []store.AttachmentRow{attachmentOf(app, 6, "t", idOf("a")), attachmentOf(app, 7, "t", idOf("b"))},
	})
	same(t, "applied", store.Applied{Reports: 1, Attachments: 1, Duplicates: 3, Deleted: map[int64]int64{app.Num: 2}}, done)
	same(t, "copies", copiesAt(3, 0, 5, 0, 6, 0), must(db.Duplicates(ctx, 0, all))(t))
	same(t, "dropped too early", int64(0), must(db.DropTombstones(ctx, 5000))(t))
	same(t, "dropped", int64(1), must(db.DropTombstones(ctx, 5001))(t))
	same(t, "applied", store.Applied{Reports: 1}, f.apply(store.Batch{Reports: []store.ReportRow{reportOf(app, 8, "a")}}))
	_, err := db.DeleteReport(ctx, app.Num, idOf("nothing"), 1)
	kind(t, err, diag.NotFound)
	_, err = db.DeleteReport(ctx, 99, idOf("a"), 1)
	kind(t, err, diag.NotFound)
}

// purging: rows of a piece go, what outlives them is counted once however often the piece is taken, and an index
// that is made anew says the same.
func purging(t *testing.T, open func(*testing.T, Options) *store.DB) {
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 11))
		db := open(t, Options{})
		ctx, app := t.Context(), createApp(t, db, "boat")
		whole := (&traffic{c: r.IntN, app: app}).batch(500)
		applyInPieces(newFeeder(t, db), whole, 90)
		before := must(db.ErrorDays(ctx, store.ErrorQuery{App: app.Num}))(t)
		counts := map[diag.GroupID]int64{}
		for _, g := range (stored{t, db, app.Num}).groups(store.GroupQuery{App: app.Num}) {
			counts[g.ID] = g.Count
		}
		rows := stored{t, db, app.Num}.reports(store.ReportQuery{App: app.Num})
		slices.SortFunc(rows, func(a, b store.ReportRow) int { return int(a.Feed) - int(b.Feed) })
		whole.Reports = slices.DeleteFunc(whole.Reports, func(r store.ReportRow) bool { // copies are out of the journal before their originals
			return !slices.ContainsFunc(rows, func(o store.ReportRow) bool { return o.Feed == r.Feed })
		})
		for i := 0; i+5 < len(rows); i += 5 {
			p := store.Piece{Class: store.PurgeReports, Through: rows[i+4].Feed, Logs: map[int64][]store.Expired{}}
			for _, row := range rows[i : i+5] {
				p.Logs[app.Num] = append(p.Logs[app.Num], store.Expired{Feed: row.Feed, Ingress: row.Ingress, Kind: row.Kind, ID: row.ID})
			}
			same(t, "purged", store.Purged{Reports: 5}, must(db.Purge(ctx, p))(t))
			p.Again = true
			same(t, "purged again", store.Purged{}, must(db.Purge(ctx, p))(t))
		}
		for _, g := range (stored{t, db, app.Num}).groups(store.GroupQuery{App: app.Num}) {
			same(t, fmt.Sprint("count of ", g.ID), counts[g.ID], g.Count)
		}
		same(t, "days", before, must(db.ErrorDays(ctx, store.ErrorQuery{App: app.Num}))(t))
		groups := stored{t, db, app.Num}.groups(store.GroupQuery{App: app.Num})
		ok(t, db.ResetIndex(ctx))
		applyInPieces(newFeeder(t, db), whole, 60)
		same(t, "groups, made anew", groups, stored{t, db, app.Num}.groups(store.GroupQuery{App: app.Num}))
		same(t, "days, made anew", before, must(db.ErrorDays(ctx, store.ErrorQuery{App: app.Num}))(t))
	}
}

// numbersOfDevices adds what is counted of installs.
func numbersOfDevices(t tb, db *store.DB, app int64, said map[string]any) {
	t.Helper()
	for _, q := range []store.ActivityQuery{
		{}, {Used: true}, {Handled: new(bool)}, {Versions: []string{"1.0"}}, {Versions: []string{"1.0", "1.1"}}, {Build: "1"},
	} {
		q.App = app
		said[fmt.Sprintf("devices %+v", []any{q.Used, q.Handled != nil, q.Versions, q.Build})] = must(db.ActiveDevices(t.Context(), q))(t)
	}
}
