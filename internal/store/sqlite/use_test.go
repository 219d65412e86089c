package sqlite_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
	"lifeboat/internal/store/sqlite"
)

// TestPlansOfUse: numbers about use over a year come from counters. No statement looks at all rows of a table,
// and none that answers with them looks at logs at all.
func TestPlansOfUse(t *testing.T) {
	t.Parallel()
	var w watch
	dir := t.TempDir()
	db, err := sqlite.OpenWatched(t.Context(), dir, w.see)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	app, err := db.CreateApp(t.Context(), diag.App{ID: diag.RandomID(), Secret: diag.RandomID(), Owner: "acme", Name: "boat"})
	if err != nil {
		t.Fatal(err)
	}
	_, epoch, err := db.ClaimIndex(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.take()
	b := store.Batch{Epoch: epoch, Through: 1000}
	for n := range uint64(1000) {
		b.Events = append(b.Events, store.EventRow{Feed: n + 1, App: app.Num, ID: diag.RandomID(), Install: diag.InstallID(fmt.Sprint("i", n%7)),
			Kind: diag.KindEvent, Time: diag.DeviceTime(1+n%300) * day, AppVersion: fmt.Sprint(n % 2), AppBuild: "1", Name: "tap", Session: diag.RandomID(),
			Traits: &store.Traits{Model: "m"}, Properties: []diag.Property{{Name: "p", Value: "v"}}})
	}
	if _, err := db.ApplyBatch(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	index, err := sql.Open("sqlite", filepath.Join(dir, "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	seen := 0 // each is prepared once
	check := func(name string, allowed ...string) {
		t.Helper()
		for _, text := range w.take() {
			if strings.Contains(text, "event_deleted") { // of the register
				continue
			}
			if scan := explain(t, index, text); scan != "" {
				t.Errorf("%s: %s in %s", name, scan, text)
			}
			for _, table := range []string{"active", "active_shared", "event", "event_seen", "session", "report"} {
				if name != "writing" && strings.Contains(text+" ", "FROM "+table+" ") && !slices.Contains(allowed, table) {
					t.Errorf("%s asks %s: %s", name, table, text)
				}
			}
			seen++
		}
	}
	check("writing")

	year := store.SpanQuery{App: app.Num, Start: day, End: (store.MaxSpan + 1) * day}
	one, two := year, year
	one.Versions, two.Versions = []string{"1"}, []string{"0", "1"}
	event := store.EventQuery{App: app.Num, Start: day, End: (store.MaxSpan + 1) * day, Names: []string{"tap"}, Versions: []string{"0", "1"}}
	all := event
	all.Names, all.Versions = nil, nil
	for _, ask := range []struct {
		name    string
		ask     func() error
		allowed []string
	}{
		{"windows", func() error { _, err := db.ActiveWindows(t.Context(), year); return err }, nil},
		{"windows of a version", func() error { _, err := db.ActiveWindows(t.Context(), one); return err }, nil},
		{"windows of versions", func() error { _, err := db.ActiveWindows(t.Context(), two); return err }, []string{"active"}},
		{"days of versions", func() error {
			_, err := db.ActiveDevices(t.Context(), store.ActivityQuery{App: app.Num, Versions: two.Versions})
			return err
		}, []string{"active_shared"}},
		{"models", func() error { _, _, err := db.Shares(t.Context(), year, store.TraitModel); return err }, nil},
		{"models of a version", func() error { _, _, err := db.Shares(t.Context(), one, store.TraitModel); return err }, nil},
		{"sessions", func() error { _, err := db.SessionDays(t.Context(), two); return err }, nil},
		{"devices", func() error { _, err := db.Devices(t.Context(), year); return err }, nil},
		{"events", func() error { _, err := db.Events(t.Context(), all); return err }, nil},
		{"event", func() error { _, err := db.EventDays(t.Context(), event); return err }, nil},
		{"values", func() error { _, _, err := db.PropertyValues(t.Context(), event, "p"); return err }, nil},
		{"log flow", func() error { _, err := db.Arrivals(t.Context(), app.Num, 1, 101); return err }, nil},
	} {
		if err := ask.ask(); err != nil {
			t.Errorf("%s: %v", ask.name, err)
		}
		check(ask.name, ask.allowed...)
	}
	if seen < 30 {
		t.Errorf("only %d statements were seen", seen)
	}
}
