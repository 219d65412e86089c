package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// references are the small tables that are the same everywhere on a distributed engine. Their rows are
// counted in thousands, and people make them.
var references = []string{"account", "account_request", "app", "avatar", "blank_intent", "counter", "floor", "invitation", "migrated", "org", "org_user", "subscription", "team", "team_user", "token", "word"}

// byNumber are the keys that number rows as they come: the engine's own, not a rule that spans shards.
var byNumber = map[string]string{"report": "num"}

func shardFirst(t *testing.T, db *store.DB) {
	register, index, err := db.Schemas(t.Context())
	ok(t, err)
	tables := slices.Concat(register, index)
	for _, table := range tables {
		if slices.Contains(references, table.Name) {
			continue
		}
		if len(table.Keys) == 0 {
			t.Errorf("table %s has no key", table.Name)
		}
		for _, key := range table.Keys {
			if key[0] != "shard" && !(len(key) == 1 && key[0] == byNumber[table.Name]) {
				t.Errorf("table %s has the key %v, which does not begin with the shard", table.Name, key)
			}
		}
	}
	for _, name := range references {
		if !slices.ContainsFunc(tables, func(table store.Table) bool { return table.Name == name }) {
			t.Errorf("there is no table %s", name)
		}
	}
}

// personalData: the register of personal data speaks of every column that there is, and of no other.
func personalData(t *testing.T, db *store.DB) {
	register, index, err := db.Schemas(t.Context())
	ok(t, err)
	listed := map[store.Holder]bool{}
	for _, d := range store.Holders() {
		at := store.Holder{Half: d.Half, Table: d.Table, Column: d.Column}
		if d.Half == "" {
			continue // outside of the store
		}
		if listed[at] {
			t.Errorf("%s: %s.%s is listed twice", at.Half, at.Table, at.Column)
		}
		listed[at] = true
		if d.Personal && d.Erasure == "" || !d.Personal && d.Erasure != "" {
			t.Errorf("%s: %s.%s is personal or is not, and erasure does %q to it", at.Half, at.Table, at.Column, d.Erasure)
		}
	}
	for half, tables := range map[string][]store.Table{"register": register, "index": index} {
		for _, table := range tables {
			for _, column := range table.Columns {
				at := store.Holder{Half: half, Table: table.Name, Column: column}
				if !listed[at] {
					t.Errorf("%s: %s.%s is not in the register of personal data", half, table.Name, column)
				}
				delete(listed, at)
			}
		}
	}
	for at := range listed {
		t.Errorf("%s: %s.%s is in the register of personal data, but there is none", at.Half, at.Table, at.Column)
	}
}

// tidy may be called at any time; a checkpoint that a reader is in the way of says so.
func tidy(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	f := newFeeder(t, db)
	for n := range 20 {
		f.apply(triple(app, f.through+1))
		ok(t, db.Tidy(t.Context()))
		if n%5 == 0 {
			ok(t, db.Scrub(t.Context()))
		}
	}
	same(t, "reports", 60, len(stored{t, db, app.Num}.reports(store.ReportQuery{App: app.Num})))
}

// cancelled calls end with the context's error and spoil nothing.
func cancelled(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	f := newFeeder(t, db)
	f.apply(triple(app, 1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, reports := db.Reports(ctx, store.ReportQuery{App: app.Num})
	_, _, groups := db.Groups(ctx, store.GroupQuery{App: app.Num})
	_, user := db.Users(ctx)
	for _, err := range []error{reports, groups, user, db.RaiseFloor(ctx, 5), db.ResetIndex(ctx)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want that of the context", err)
		}
	}
	same(t, "floor", diag.IngressTime(0), must(db.Floor(t.Context()))(t))
	f.apply(triple(app, 4))
	same(t, "reports", 6, len(stored{t, db, app.Num}.reports(store.ReportQuery{App: app.Num})))
}
