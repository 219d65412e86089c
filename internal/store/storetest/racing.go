package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// patience is how long tests wait for what must come.
const patience = time.Minute

// readersAtOnce: many readers whose questions are all new, on a store that has answered none yet.
func readersAtOnce(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	newFeeder(t, db).apply(groupsApart(app, 3))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var wait sync.WaitGroup
	for i := range 32 {
		wait.Go(func() {
			q := store.ReportQuery{App: app.Num, Limit: i % 2}
			if i&2 != 0 {
				q.Start = second
			}
			if i&4 != 0 {
				q.UserID = "ann"
			}
			if i&8 != 0 {
				q.Install = "install 1"
			}
			_, _, err := db.Reports(ctx, q)
			_, groups := db.GroupIDs(ctx, []diag.GroupKey{keyOf(app, i)})
			_, page, again := db.Groups(ctx, store.GroupQuery{App: app.Num, OrderBy: orders[i%len(orders)], Limit: 1})
			_, words := db.GroupWords(ctx, app.Num, page.Group)
			if err := errors.Join(err, groups, again, words); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

// writersAndReaders: each batch brings one report to each of three groups, an attachment to each report and
// an event to its session. Readers never see a part of one.
func writersAndReaders(t *testing.T, db *store.DB) {
	const batches, readers = 60, 4
	app := createApp(t, db, "boat")
	f := newFeeder(t, db)
	var (
		wait sync.WaitGroup
		done atomic.Bool
	)
	for range readers {
		wait.Go(func() {
			for !done.Load() && !t.Failed() {
				wholeBatches(t, db, app)
			}
		})
	}
	wait.Go(func() { // somebody works on the register
		for n := 0; !done.Load() && !t.Failed(); n++ {
			if err := errors.Join(db.SetGroupWords(t.Context(), app.Num, 1, store.GroupWords{State: store.StateOpen, Annotation: fmt.Sprint(n)}),
				db.RaiseFloor(t.Context(), diag.IngressTime(n)), db.Tidy(t.Context())); err != nil {
				t.Error(err)
			}
		}
	})
	for n := range uint64(batches) {
		f.apply(triple(app, n*3+1))
	}
	done.Store(true)
	wait.Wait()
	same(t, "reports in the end", int64(batches*3), must(db.IndexStats(t.Context(), app.Num))(t).Logs[diag.KindManagedError])
}

func triple(app diag.App, feed uint64) (b store.Batch) {
	for i := range uint64(3) {
		r := reportOf(app, feed+i, fmt.Sprint("r", feed+i))
		r.Group, r.Time, r.Model, r.Install = diag.GroupID(i+1), diag.DeviceTime(feed), fmt.Sprint("model ", feed), "an install"
		a := attachmentOf(app, feed+i, fmt.Sprint("a", feed+i), r.ID)
		e := eventOf(app, feed+i, 1, fmt.Sprint("e", feed+i))
		e.Session = r.ID
		b.Reports, b.Attachments, b.Events = append(b.Reports, r), append(b.Attachments, a), append(b.Events, e)
	}
	return b
}

// wholeBatches looks at the index from several sides; what one call answers must be of whole batches.
func wholeBatches(t *testing.T, db *store.DB, app diag.App) {
	ctx := t.Context()
	rows, _, err := db.Reports(ctx, store.ReportQuery{App: app.Num})
	if err != nil || len(rows)%3 != 0 {
		t.Errorf("%d reports are no whole batches, error %v", len(rows), err)
	}
	for _, r := range rows {
		if want := fmt.Sprint("model ", int64(r.Time)); r.Model != want {
			t.Errorf("a report's model is %q, want %q", r.Model, want)
		}
	}
	groups, _, err := db.Groups(ctx, store.GroupQuery{App: app.Num})
	if err != nil || len(groups) != 0 && len(groups) != 3 {
		t.Errorf("%d groups, error %v", len(groups), err)
	}
	for _, g := range groups {
		if g.Count != groups[0].Count || g.Last != groups[0].Last || g.Devices != 1 || int(g.Count) < len(rows)/3 {
			t.Errorf("groups of different batches: %+v and %+v", g, groups[0])
		}
	}
	seen := map[diag.ID]bool{}
	for q := (store.ReportQuery{App: app.Num, Limit: 7}); ; {
		page, next, err := db.Reports(ctx, q)
		if err != nil {
			t.Error(err)
			return
		}
		for _, r := range page {
			if seen[r.ID] {
				t.Error("a row stands on two pages")
			}
			seen[r.ID] = true
		}
		if q.After = next; next.IsZero() {
			break
		}
	}
	var moments []store.Moment
	for _, r := range rows {
		if !seen[r.ID] {
			t.Error("a row stands on no page")
		}
		moments = append(moments, store.Moment{Install: r.Install, Session: r.ID, UpTo: 1 << 62})
	}
	has, err := db.HasSessionLogs(ctx, app.Num, moments)
	for i := range has {
		if !has[i] {
			t.Error("a report's session came later than the report")
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// wordsOfReset: a reader between two lives of the index takes no word of the one for that of the other.
func wordsOfReset(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	var (
		wait sync.WaitGroup
		done atomic.Bool
	)
	for range 3 {
		wait.Go(func() {
			for !done.Load() && !t.Failed() {
				rows, _, err := db.Reports(t.Context(), store.ReportQuery{App: app.Num})
				if err != nil {
					t.Error(err)
				}
				for _, r := range rows {
					if want := "model of " + r.UserID; r.Model != want {
						t.Errorf("a report's model is %q, want %q", r.Model, want)
					}
				}
				rows, _, err = db.Reports(t.Context(), store.ReportQuery{App: app.Num, Model: "model of life 1"})
				if err != nil {
					t.Error(err)
				}
				for _, r := range rows {
					if r.UserID != "life 1" {
						t.Errorf("a report of %q is found by the model of life 1", r.UserID)
					}
				}
			}
		})
	}
	for life := range 20 {
		f := newFeeder(t, db)
		var b store.Batch
		for n := range uint64(4) {
			r := reportOf(app, n+1, fmt.Sprint(n))
			r.UserID = fmt.Sprint("life ", (life+int(n))%3)
			r.Model = "model of " + r.UserID
			b.Reports = append(b.Reports, r)
		}
		f.apply(b)
		ok(t, db.ResetIndex(t.Context()))
	}
	done.Store(true)
	wait.Wait()
}

// appDeletedRacing: while an app is deleted, everybody goes on writing rows of it. None is left.
func appDeletedRacing(t *testing.T, db *store.DB) {
	ann := createUser(t, db, "ann", false)
	f := newFeeder(t, db)
	for round := range 8 {
		app := createApp(t, db, "boat")
		var (
			wait sync.WaitGroup
			done atomic.Bool
		)
		for i, write := range []func(n int) error{
			func(n int) error { return db.CreateExport(t.Context(), exportOf(app, fmt.Sprint("e", round, n), 1)) },
			func(n int) error { return db.SetMember(t.Context(), app.Num, ann.Num, diag.RoleViewer) },
			func(n int) error { return db.BlockInstall(t.Context(), app.Num, [16]byte{byte(n)}, 1) },
			func(n int) error {
				return db.SetGroupWords(t.Context(), app.Num, diag.GroupID(n), store.GroupWords{State: store.StateClosed})
			},
			func(n int) error {
				k := diag.Token{ID: idOf("k", round, n), User: ann.Num, App: app.Num}
				return db.CreateToken(t.Context(), k, hashOf(fmt.Sprint("k", round, n)))
			},
			func(n int) error { return db.AddDrops(t.Context(), []store.Drop{drop(app.Num, 1, "late", 1)}) },
			func(n int) error {
				_, err := db.GroupIDs(t.Context(), []diag.GroupKey{keyOf(app, n)})
				return err
			},
		} {
			wait.Go(func() {
				for n := 0; !done.Load(); n++ {
					if err := write(n); err != nil && diag.KindOf(err) != diag.NotFound {
						t.Errorf("writer %d: %v", i, err)
						return
					}
				}
			})
		}
		for n := range 10 {
			if n == 5 {
				wait.Go(func() {
					if err := db.DeleteApp(t.Context(), app.Num); err != nil {
						t.Error(err)
					}
					done.Store(true)
				})
			}
			f.apply(triple(app, f.through+1))
		}
		wait.Wait()
		nothingOf(t, db, app, ann)
	}
}

// nothingOf checks that a deleted app has left nothing that can be asked for.
func nothingOf(t *testing.T, db *store.DB, app diag.App, user diag.User) {
	t.Helper()
	ctx := t.Context()
	for _, e := range must(db.Exports(ctx, -1))(t) {
		if e.App == app.Num {
			t.Error("an export configuration is left")
		}
	}
	for _, k := range append(must(db.AppTokens(ctx, app.Num))(t), must(db.Tokens(ctx, user.Num))(t)...) {
		if k.App == app.Num {
			t.Error("a token is left")
		}
	}
	for _, d := range must(db.Drops(ctx, -1, 0))(t) {
		if d.App == app.Num {
			t.Error("counts of drops are left")
		}
	}
	same(t, "copies", []store.Copy(nil), must(db.Duplicates(ctx, 0, all))(t))
	_, err := db.App(ctx, app.Owner, app.Name)
	kind(t, err, diag.NotFound)
	_, _, err = db.Reports(ctx, store.ReportQuery{App: app.Num})
	kind(t, err, diag.NotFound)
}

func appDeleted(t *testing.T, db *store.DB) {
	ctx, app, kept, ann := t.Context(), createApp(t, db, "boat"), createApp(t, db, "raft"), createUser(t, db, "ann", false)
	f := newFeeder(t, db)
	for _, a := range []diag.App{app, kept} {
		ok(t, db.SetMember(ctx, a.Num, ann.Num, diag.RoleManager))
		ok(t, db.CreateExport(ctx, exportOf(a, "e of "+a.Name, 1)))
		ok(t, db.BlockInstall(ctx, a.Num, [16]byte{1}, 1))
		ok(t, db.AddDrops(ctx, []store.Drop{drop(a.Num, 1, "late", 1)}))
		ok(t, db.CreateToken(ctx, diag.Token{ID: idOf("k", a.Name), User: ann.Num, App: a.Num}, hashOf(a.Name)))
		b := groupsApart(a, 5)
		for i := range b.Reports {
			b.Reports[i].Feed += f.through
		}
		f.apply(b)
		f.apply(triple(a, f.through+1))
		f.apply(triple(a, 1+f.through))
		f.apply(store.Batch{Problems: []store.ProblemRow{{Feed: f.through + 1, App: a.Num, What: "torn"}}})
	}
	_, page, err := db.Groups(ctx, store.GroupQuery{App: kept.Num, Limit: 2})
	ok(t, err)
	groups := stored{t, db, kept.Num}.groups(store.GroupQuery{App: kept.Num})
	ok(t, db.DeleteApp(ctx, app.Num))
	nothingOf(t, db, app, diag.User{})
	same(t, "the other app's groups", groups, stored{t, db, kept.Num}.groups(store.GroupQuery{App: kept.Num}))
	rest, _, err := db.Groups(ctx, store.GroupQuery{App: kept.Num, After: page})
	ok(t, err)
	same(t, "the rest of a list", groups[2:], rest)
	same(t, "the other app's role", diag.RoleManager, must(db.RoleOf(ctx, kept.Num, ann.Num))(t))
	same(t, "late rows", store.Applied{Events: 0, Gone: 9}, f.apply(triple(app, f.through+1)))

	again := createApp(t, db, "boat")
	f.apply(triple(again, f.through+1))
	same(t, "reports of the next app of that name", int64(3), must(db.IndexStats(ctx, again.Num))(t).Logs[diag.KindManagedError])
}
