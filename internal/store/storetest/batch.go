package storetest

import (
	"fmt"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

func indexCursor(t *testing.T, db *store.DB) {
	ctx, app := t.Context(), createApp(t, db, "boat")
	through, _, err := db.IndexCursor(ctx)
	ok(t, err)
	same(t, "cursor at first", uint64(0), through)

	old := newFeeder(t, db)
	old.apply(store.Batch{Reports: []store.ReportRow{reportOf(app, 3, "a")}})
	held := newFeeder(t, db)
	same(t, "cursor when claimed", uint64(3), held.through)
	b := store.Batch{After: 3, Through: 4, Epoch: old.epoch, Reports: []store.ReportRow{reportOf(app, 4, "b")}}
	_, err = db.ApplyBatch(ctx, b)
	fenced(t, err)
	b.Epoch = held.epoch
	for _, after := range []uint64{0, 2, 4} {
		b.After = after
		_, err = db.ApplyBatch(ctx, b)
		fenced(t, err)
	}
	b.After = 3
	_, err = db.ApplyBatch(ctx, b)
	ok(t, err)
	_, err = db.ApplyBatch(ctx, b) // once more
	fenced(t, err)

	through, epoch, err := db.IndexCursor(ctx)
	ok(t, err)
	if through != 4 || epoch != held.epoch {
		t.Errorf("cursor stands at %d of epoch %d, want 4 of %d", through, epoch, held.epoch)
	}
	ok(t, db.ResetIndex(ctx))
	b.After, b.Through = 0, 5
	_, err = db.ApplyBatch(ctx, b)
	fenced(t, err)
	same(t, "cursor after a reset", uint64(0), newFeeder(t, db).through)
}

func batchRefused(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	f := newFeeder(t, db)
	f.apply(store.Batch{Reports: []store.ReportRow{reportOf(app, 3, "a")}})
	_, err := db.ApplyBatch(t.Context(), store.Batch{After: 3, Through: 2, Epoch: f.epoch})
	kind(t, err, diag.Invalid)

	odd := reportOf(app, 5, "c")
	odd.State, odd.Model = "no such state", "a new word"
	b := store.Batch{After: 3, Through: 5, Epoch: f.epoch, Reports: []store.ReportRow{reportOf(app, 4, "b"), odd}}
	if _, err = db.ApplyBatch(t.Context(), b); err == nil {
		t.Error("a batch with a state that is none was applied")
	}
	through, _, err := db.IndexCursor(t.Context())
	ok(t, err)
	same(t, "cursor", uint64(3), through)
	rows, _, err := db.Reports(t.Context(), store.ReportQuery{App: app.Num})
	ok(t, err)
	if len(rows) != 1 {
		t.Errorf("%d rows, want the one from before", len(rows))
	}
	// The word that was given in vain is given to another text.
	b.Reports[1].State, b.Reports[1].Model = diag.SymbolsMissing, "another word"
	_, err = db.ApplyBatch(t.Context(), b)
	ok(t, err)
	for model, want := range map[string]int{"a new word": 0, "another word": 1} {
		rows, _, err := db.Reports(t.Context(), store.ReportQuery{App: app.Num, Model: model})
		ok(t, err)
		if len(rows) != want {
			t.Errorf("%d rows of model %q, want %d", len(rows), model, want)
		}
	}
}

func duplicates(t *testing.T, db *store.DB) {
	app, other, gone := createApp(t, db, "boat"), createApp(t, db, "raft"), createApp(t, db, "gone")
	ok(t, db.DeleteApp(t.Context(), gone.Num))
	f := newFeeder(t, db)
	first, second := reportOf(app, 2, "same"), reportOf(app, 5, "same")
	first.Install, second.Install = "first", "second"
	done := f.apply(store.Batch{ // in no order
		Reports:     []store.ReportRow{second, reportOf(app, 4, "b"), first, reportOf(other, 3, "same"), reportOf(gone, 6, "same")},
		Events:      []store.EventRow{eventOf(app, 7, 1, "e"), eventOf(app, 7, 0, "e"), eventOf(app, 7, 2, "f"), eventOf(gone, 7, 3, "f")},
		Attachments: []store.AttachmentRow{attachmentOf(app, 8, "t", first.ID), attachmentOf(app, 9, "t", first.ID)},
		Problems:    []store.ProblemRow{{Feed: 10, App: gone.Num, What: "torn"}},
	})
	same(t, "first batch", store.Applied{Events: 2, Reports: 3, Attachments: 1, Duplicates: 3, Gone: 3}, done)
	done = f.apply(store.Batch{
		Reports:     []store.ReportRow{reportOf(app, 11, "same"), reportOf(app, 12, "c")},
		Events:      []store.EventRow{eventOf(app, 13, 0, "f")},
		Attachments: []store.AttachmentRow{attachmentOf(app, 14, "t", idOf("another report"))},
	})
	same(t, "second batch", store.Applied{Reports: 1, Duplicates: 3}, done)

	first.Shard = diag.ShardOf(app.ID)
	same(t, "the lowest wins", first, must(db.Report(t.Context(), app.Num, first.ID))(t))
	copies := must(db.Duplicates(t.Context(), 0, all))(t)
	same(t, "copies", copiesAt(5, 0, 7, 1, 9, 0, 11, 0, 13, 0, 14, 0), copies)
	same(t, "copies of a part", copies[1:3], must(db.Duplicates(t.Context(), 5, 9))(t))
	g := must(db.Group(t.Context(), app.Num, 1))(t)
	if g.Count != 3 || g.Devices != 3 {
		t.Errorf("the group has %d reports of %d devices, want 3 of 3", g.Count, g.Devices)
	}
}

// families: one id may name a report, an attachment and an event.
func families(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	done := newFeeder(t, db).apply(store.Batch{
		Reports:     []store.ReportRow{reportOf(app, 1, "same")},
		Events:      []store.EventRow{eventOf(app, 2, 0, "same")},
		Attachments: []store.AttachmentRow{attachmentOf(app, 3, "same", idOf("same"))},
	})
	same(t, "applied", store.Applied{Events: 1, Reports: 1, Attachments: 1}, done)
}

// sessions begin once per install, whatever the ids of their logs; other logs of another install are others.
func sessions(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	begin := func(feed uint64, name string, install diag.InstallID, session diag.ID) store.EventRow {
		e := eventOf(app, feed, 0, name)
		e.Kind, e.Install, e.Session = diag.KindStartSession, install, session
		return e
	}
	s := idOf("session")
	done := newFeeder(t, db).apply(store.Batch{Events: []store.EventRow{
		begin(1, "a", "x", s), begin(2, "b", "x", s), begin(3, "a", "y", s), begin(4, "a", "x", idOf("another")),
		begin(5, "c", "x", diag.ID{}), begin(6, "d", "x", diag.ID{}), begin(7, "c", "x", diag.ID{}),
		eventOf(app, 8, 0, "e"), func() store.EventRow { e := eventOf(app, 9, 0, "e"); e.Install = "x"; return e }(),
	}})
	same(t, "applied", store.Applied{Events: 7, Duplicates: 2}, done)
	same(t, "copies", copiesAt(2, 0, 7, 0), must(db.Duplicates(t.Context(), 0, all))(t))
	rows, _, err := db.SessionLogs(t.Context(), app.Num, store.Moment{Install: "x", Session: s, UpTo: 10 * second}, 10)
	ok(t, err)
	same(t, "the session as it began", []store.EventRow{begin(1, "a", "x", s)}, rows)
}

func sessionLogs(t *testing.T, db *store.DB) {
	ctx, app := t.Context(), createApp(t, db, "boat")
	var events []store.EventRow
	for n := range uint64(6) {
		e := eventOf(app, n+1, 0, fmt.Sprint("e", n))
		e.Kind, e.AppVersion, e.AppBuild = diag.KindPage, fmt.Sprint("1.", n), "b"
		events = append(events, e)
	}
	events[4].Time = events[3].Time        // the higher feed number comes later
	events[5].Session = idOf("another")    // not asked for
	events[0].Kind = diag.KindStartSession // has a row of its own sort
	events[1].Install = "somebody else"    // has the same session id
	events[2].AppVersion, events[2].Kind = "", diag.KindEvent
	f := newFeeder(t, db)
	f.apply(store.Batch{Events: events})
	at := func(up diag.DeviceTime) store.Moment {
		return store.Moment{Install: "an install", Session: idOf("a session"), UpTo: up}
	}
	for _, c := range []struct {
		up    diag.DeviceTime
		limit int
		want  []store.EventRow
		more  bool
	}{
		{100 * second, 10, []store.EventRow{events[0], events[2], events[3], events[4]}, false},
		{100 * second, 4, []store.EventRow{events[0], events[2], events[3], events[4]}, false},
		{100 * second, 3, []store.EventRow{events[2], events[3], events[4]}, true},
		{events[2].Time, 1, []store.EventRow{events[2]}, true},
		{events[2].Time - 1, 5, []store.EventRow{events[0]}, false},
		{events[0].Time - 1, 5, []store.EventRow{}, false},
	} {
		rows, more, err := db.SessionLogs(ctx, app.Num, at(c.up), c.limit)
		ok(t, err)
		same(t, fmt.Sprintf("up to %v, at most %d", c.up, c.limit), c.want, rows)
		same(t, "more", c.more, more)
	}
	none := store.Moment{Install: "an install", UpTo: 100 * second}
	other := store.Moment{Install: "nobody", Session: idOf("a session"), UpTo: 100 * second}
	same(t, "has", []bool{true, false, true, false, false}, must(db.HasSessionLogs(ctx, app.Num,
		[]store.Moment{at(100 * second), none, at(events[0].Time), at(events[0].Time - 1), other}))(t))
	rows, more, err := db.SessionLogs(ctx, app.Num, none, 10)
	if len(rows) != 0 || more || err != nil {
		t.Errorf("no session has %d logs, more %v, error %v", len(rows), more, err)
	}
	_, _, err = db.SessionLogs(ctx, 99, at(0), 1)
	kind(t, err, diag.NotFound)
	_, err = db.HasSessionLogs(ctx, 99, nil)
	kind(t, err, diag.NotFound)
}

func attachments(t *testing.T, db *store.DB) {
	ctx, app, other := t.Context(), createApp(t, db, "boat"), createApp(t, db, "raft")
	r, lost := idOf("r"), idOf("lost")
	late, early, orphan := attachmentOf(app, 5, "late", r), attachmentOf(app, 1, "early", r), attachmentOf(app, 3, "orphan", lost)
	early.ContentType, early.FileName, early.Problem, early.Size = "", "", "not base64", 0
	f := newFeeder(t, db)
	f.apply(store.Batch{Attachments: []store.AttachmentRow{orphan, early}})
	f.apply(store.Batch{Attachments: []store.AttachmentRow{late}, Reports: []store.ReportRow{reportOf(app, 4, "r"), reportOf(app, 6, "bare")}})
	same(t, "of a report", []store.AttachmentRow{early, late}, must(db.Attachments(ctx, app.Num, r))(t))
	same(t, "of many", map[diag.ID][]store.AttachmentRow{r: {early, late}, lost: {orphan}},
		must(db.AttachmentsOf(ctx, app.Num, []diag.ID{r, idOf("bare"), lost}))(t))
	same(t, "in another app", map[diag.ID][]store.AttachmentRow{}, must(db.AttachmentsOf(ctx, other.Num, []diag.ID{r}))(t))
	same(t, "one", late, must(db.Attachment(ctx, app.Num, r, late.ID))(t))
	_, err := db.Attachment(ctx, app.Num, lost, late.ID)
	kind(t, err, diag.NotFound)
	_, err = db.Attachment(ctx, other.Num, r, late.ID)
	kind(t, err, diag.NotFound)
	_, err = db.Attachments(ctx, 99, r)
	kind(t, err, diag.NotFound)
}

func problems(t *testing.T, db *store.DB) {
	ctx, app, other := t.Context(), createApp(t, db, "boat"), createApp(t, db, "raft")
	of := func(app int64, feed uint64, member int) store.ProblemRow {
		return store.ProblemRow{Feed: feed, App: app, Ingress: 5, What: "torn", Locator: place(feed, member)}
	}
	f := newFeeder(t, db)
	f.apply(store.Batch{Problems: []store.ProblemRow{of(app.Num, 1, 0), of(app.Num, 2, 1), of(0, 1, 0)}})
	f.apply(store.Batch{Problems: []store.ProblemRow{of(app.Num, 2, 0), of(app.Num, 3, 0)}})
	same(t, "newest first", []store.ProblemRow{of(app.Num, 3, 0), of(app.Num, 2, 1), of(app.Num, 2, 0), of(app.Num, 1, 0)},
		must(db.Problems(ctx, app.Num, 10))(t))
	same(t, "at most two", []store.ProblemRow{of(app.Num, 3, 0), of(app.Num, 2, 1)}, must(db.Problems(ctx, app.Num, 2))(t))
	same(t, "of no app", []store.ProblemRow{of(0, 1, 0)}, must(db.Problems(ctx, 0, 10))(t))
	same(t, "of another", []store.ProblemRow(nil), must(db.Problems(ctx, other.Num, 10))(t))
	same(t, "counted", int64(4), must(db.IndexStats(ctx, app.Num))(t).Problems)
	_, err := db.Problems(ctx, 99, 1)
	kind(t, err, diag.NotFound)
	_, err = db.IndexStats(ctx, 99)
	kind(t, err, diag.NotFound)
}

// rowsWhole: every field of a row comes back, also odd ones.
func rowsWhole(t *testing.T, db *store.DB) {
	ctx, app := t.Context(), createApp(t, db, "boat")
	full := reportOf(app, 1, "full")
	full.Time, full.Ingress, full.Kind, full.Handled, full.Session, full.UserID = -5, 7, diag.KindHandledError, true, idOf("s"), "ann's \x00 \"name\""
	full.AppVersion, full.AppBuild, full.Model, full.OSName, full.OSVersion, full.Country, full.Language = "1", "2", "3", "4", "5", "de", "fr"
	full.Group, full.State, full.Missing, full.Problem = 1<<32-1, diag.PartlySymbolicated, []string{"aa", "bb"}, "odd"
	full.Reason = store.Reason{Type: "T", OSExceptionType: "SIGSEGV", Class: "C", Method: "m", File: "f.java", Line: 9, AppCode: true,
		ClassMethod: true, CodeRaw: "C.m(f.java:9)", Framework: "lib", Language: diag.LanguageJava}
	full.Locator = diag.Locator{Segment: 1 << 40, Offset: 1 << 41, Member: 1 << 14}
	bare := store.ReportRow{Feed: 2, App: app.Num, Shard: full.Shard, ID: idOf("bare"), Locator: place(2, 0)}
	rows := []store.ReportRow{full, bare}
	for i, install := range []diag.InstallID{"", "x", "an install id of more than sixteen bytes", diag.InstallID(idOf("guid").String()),
		"6BA7B810-9DAD-11D1-80B4-00C04FD430C8", "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}", "sixteen bytes !!", "\x00\x00", "日本"} {
		r := reportOf(app, uint64(3+i), fmt.Sprint("install ", i))
		r.Install, r.Group = install, 2
		rows = append(rows, r)
	}
	newFeeder(t, db).apply(store.Batch{Reports: rows})
	for _, r := range rows {
		same(t, "row", r, must(db.Report(ctx, app.Num, r.ID))(t))
		if r.Install != "" {
			found, _, err := db.Reports(ctx, store.ReportQuery{App: app.Num, Install: r.Install})
			ok(t, err)
			if len(found) != 1 || found[0].ID != r.ID {
				t.Errorf("by install %q there are %d rows", r.Install, len(found))
			}
		}
	}
	of := must(db.ReportsByID(ctx, app.Num, []diag.ID{bare.ID, idOf("none"), full.ID}))(t)
	same(t, "by ids", map[diag.ID]store.ReportRow{bare.ID: bare, full.ID: full}, of)
	same(t, "devices of the group", int64(9), must(db.Group(ctx, app.Num, 2))(t).Devices)
}

// copiesAt lists copies by pairs of feed number and member.
func copiesAt(at ...int) (all []store.Copy) {
	for i := 0; i < len(at); i += 2 {
		all = append(all, store.Copy{Feed: uint64(at[i]), Member: at[i+1]})
	}
	return all
}
