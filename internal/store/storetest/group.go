package storetest

import (
	"fmt"
	"sync"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

func keyOf(app diag.App, n int) diag.GroupKey {
	return diag.GroupKey{App: app.Num, Signature: diag.Signature(idOf("signature ", n)), AppVersion: "1.0"}
}

func groupIDs(t *testing.T, db *store.DB) {
	ctx, app, other, gone := t.Context(), createApp(t, db, "boat"), createApp(t, db, "raft"), createApp(t, db, "gone")
	ok(t, db.DeleteApp(ctx, gone.Num))
	base := keyOf(app, 1)
	version, handled, elsewhere, lost := base, base, base, base
	version.AppVersion, handled.Handled, elsewhere.App, lost.App = "1.1", true, other.Num, gone.Num
	keys := []diag.GroupKey{base, version, lost, handled, elsewhere, base}
	ids := must(db.GroupIDs(ctx, keys))(t)
	if ids[2] != 0 {
		t.Errorf("a key of an app that is gone got id %d", ids[2])
	}
	if ids[0] == 0 || ids[0] != ids[5] {
		t.Errorf("the same key got %d and %d", ids[0], ids[5])
	}
	different := map[diag.GroupID]bool{ids[0]: true, ids[1]: true, ids[3]: true}
	if len(different) != 3 {
		t.Errorf("keys of one app share ids: %v", ids)
	}
	same(t, "again", ids, must(db.GroupIDs(ctx, keys))(t))
	same(t, "none", []diag.GroupID{}, must(db.GroupIDs(ctx, nil))(t))
}

// groupIDsColliding has a hash that knows three ids and sometimes says 0, which is none.
func groupIDsColliding(t *testing.T, open func(*testing.T, Options) *store.DB) {
	db := open(t, Options{GroupHash: func(k diag.GroupKey, salt uint32) diag.GroupID {
		return diag.GroupID((uint32(k.Signature[0]) + salt) % 4)
	}})
	app := createApp(t, db, "boat")
	var keys []diag.GroupKey
	for n := range 3 {
		keys = append(keys, keyOf(app, n))
	}
	ids := must(db.GroupIDs(t.Context(), keys))(t)
	seen := map[diag.GroupID]bool{}
	for _, id := range ids {
		seen[id] = true
	}
	if len(seen) != 3 || seen[0] {
		t.Errorf("ids %v, want 1, 2 and 3 in some order", ids)
	}
	for i := range keys { // one by one and in another order
		i = len(keys) - 1 - i
		same(t, "again", ids[i:i+1], must(db.GroupIDs(t.Context(), keys[i:i+1]))(t))
	}
}

func groupIDsRacing(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	var keys []diag.GroupKey
	for n := range 60 {
		keys = append(keys, keyOf(app, n))
	}
	got := make([][]diag.GroupID, 8)
	var wait sync.WaitGroup
	for i := range got {
		wait.Go(func() {
			for from := 0; from < len(keys); from += 10 {
				ids, err := db.GroupIDs(t.Context(), keys[from:from+10])
				if err != nil {
					t.Error(err)
				}
				got[i] = append(got[i], ids...)
			}
		})
	}
	wait.Wait()
	for i := range got {
		same(t, fmt.Sprintf("ids of giver %d", i), got[0], got[i])
	}
}

func groupWords(t *testing.T, db *store.DB) {
	ctx, app, other := t.Context(), createApp(t, db, "boat"), createApp(t, db, "raft")
	same(t, "at first", store.GroupWords{State: store.StateOpen}, must(db.GroupWords(ctx, app.Num, 7))(t))
	for _, w := range []store.GroupWords{{State: store.StateClosed, Annotation: "fixed"}, {State: store.StateIgnored}, {State: store.StateOpen, Annotation: "again"}} {
		ok(t, db.SetGroupWords(ctx, app.Num, 7, w))
		same(t, "said", w, must(db.GroupWords(ctx, app.Num, 7))(t))
	}
	same(t, "elsewhere", store.GroupWords{State: store.StateOpen}, must(db.GroupWords(ctx, other.Num, 7))(t))
	kind(t, db.SetGroupWords(ctx, app.Num, 7, store.GroupWords{State: "closed"}), diag.Invalid)
	kind(t, db.SetGroupWords(ctx, 99, 7, store.GroupWords{State: store.StateOpen}), diag.NotFound)
	_, err := db.GroupWords(ctx, 99, 7)
	kind(t, err, diag.NotFound)
}

func groupQueryRefused(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	newFeeder(t, db).apply(store.Batch{Reports: []store.ReportRow{reportOf(app, 1, "a")}})
	_, _, err := db.Groups(t.Context(), store.GroupQuery{App: app.Num, OrderBy: []store.Order{{Column: "signature"}}})
	kind(t, err, diag.Invalid)
	_, _, err = db.Groups(t.Context(), store.GroupQuery{App: app.Num, After: store.Page{Group: 3, Through: 1}})
	kind(t, err, diag.Invalid)
	_, _, err = db.Groups(t.Context(), store.GroupQuery{App: 99})
	kind(t, err, diag.NotFound)
	_, err = db.Group(t.Context(), app.Num, 2)
	kind(t, err, diag.NotFound)
	_, err = db.Group(t.Context(), 99, 1)
	kind(t, err, diag.NotFound)
	_, _, err = db.Reports(t.Context(), store.ReportQuery{App: 99})
	kind(t, err, diag.NotFound)
	_, err = db.Report(t.Context(), app.Num, idOf("b"))
	kind(t, err, diag.NotFound)
}
