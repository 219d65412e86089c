package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
	"lifeboat/internal/store/sqlite"
)

// watch collects the statements that a store prepares.
type watch struct {
	mu    sync.Mutex
	texts []string
}

func (w *watch) see(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
}

// take returns what was seen since the last call.
func (w *watch) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	texts := w.texts
	w.texts = nil
	return texts
}

// TestPlans: what pages and calls ask all day finds its rows by an index: no statement looks at all rows of a
// table that grows with reports.
func TestPlans(t *testing.T) {
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
	b := store.Batch{Epoch: epoch, Through: 2000}
	for n := range uint64(2000) {
		b.Reports = append(b.Reports, store.ReportRow{Feed: n + 1, App: app.Num, ID: diag.RandomID(), Install: "a", Group: diag.GroupID(1 + n%3/2), AppVersion: "1", AppBuild: "1",
			Time: diag.DeviceTime(n) * 3600e9, Kind: diag.KindManagedError, UserID: "ann"})
	}
	if _, err := db.ApplyBatch(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	index, err := sql.Open("sqlite", filepath.Join(dir, "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()

	crashes, group := false, diag.GroupID(2)
	window := store.GroupQuery{App: app.Num, Start: 50 * 3600e9, End: 900 * 3600e9, Limit: 1}
	_, second, err := db.Groups(t.Context(), window)
	if err != nil {
		t.Fatal(err)
	}
	b = store.Batch{Epoch: epoch, After: 2000, Through: 2001, Reports: b.Reports[:1]}
	b.Reports[0].Feed, b.Reports[0].ID = 2001, diag.RandomID()
	if _, err := db.ApplyBatch(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]func() error{
		"groups": func() error {
			_, _, err := db.Groups(t.Context(), store.GroupQuery{App: app.Num, Limit: 1})
			return err
		},
		"of a span": func() error { _, _, err := db.Groups(t.Context(), window); return err },
		"its second page": func() error {
			window := window
			window.After = second
			_, _, err := db.Groups(t.Context(), window)
			return err
		},
		"of a user": func() error {
			_, _, err := db.Groups(t.Context(), store.GroupQuery{App: app.Num, UserID: "ann"})
			return err
		},
		"group": func() error { _, err := db.Group(t.Context(), app.Num, group); return err },
		"reports of a group": func() error {
			_, _, err := db.Reports(t.Context(), store.ReportQuery{App: app.Num, Group: &group, Limit: 30})
			return err
		},
		"report": func() error { _, err := db.Report(t.Context(), app.Num, b.Reports[0].ID); return err },
		"session logs": func() error {
			_, _, err := db.SessionLogs(t.Context(), app.Num, store.Moment{Install: "a", Session: diag.RandomID(), UpTo: 1}, 100)
			return err
		},
		"days": func() error {
			_, err := db.ErrorDays(t.Context(), store.ErrorQuery{App: app.Num, Versions: []string{"1"}, Handled: &crashes})
			return err
		},
		"devices": func() error {
			_, err := db.ActiveDevices(t.Context(), store.ActivityQuery{App: app.Num, Versions: []string{"1", "2"}, Handled: &crashes})
			return err
		},
		"versions": func() error { _, err := db.ErrorVersions(t.Context(), store.ErrorQuery{App: app.Num}); return err },
		"builds": func() error {
			_, err := db.ErrorBuilds(t.Context(), store.ErrorQuery{App: app.Num, Versions: []string{"1"}})
			return err
		},
		"days of a small group": func() error { _, err := db.GroupDays(t.Context(), app.Num, 2, 1, 2); return err },
		"days of a group":       func() error { _, err := db.GroupDays(t.Context(), app.Num, 1, 1, 2); return err },
		"models":                func() error { _, err := db.GroupModels(t.Context(), app.Num, 1); return err },
	} {
		if err := ask(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	explained := 0
	for _, text := range w.take() {
		explained += len(growing) - len(slices.DeleteFunc(slices.Clone(growing), func(table string) bool { return strings.Contains(text, table) }))
		if scan := explain(t, index, text); scan != "" {
			t.Errorf("%s in %s", scan, text)
		}
	}
	if explained < 30 {
		t.Errorf("only %d tables were looked for", explained)
	}
	if explain(t, index, "SELECT grp FROM error_group WHERE n > ?1") == "" || explain(t, index, "SELECT r.id FROM report r WHERE feed > ?1") == "" {
		t.Error("looking at all rows is not noticed")
	}
}

// growing are the tables that grow with what devices send.
var growing = []string{"event", "report", "error_group", "attachment", "duplicate", "active", "active_error", "active_shared", "active_count", "active_gap", "error_count", "group_count",
	"session", "session_count", "event_count", "event_seen", "event_property", "event_value", "arrival"}

var (
	numbered = regexp.MustCompile(`\?(\d+)`)
	scanned  = regexp.MustCompile(`^SCAN (\w+)`)
	alias    = regexp.MustCompile(`(?:FROM|JOIN) (\w+) ([rg])\b`)
)

// explain asks the engine how it would answer, and returns how it looks at all rows of a table if it does.
func explain(t *testing.T, index *sql.DB, text string) (scan string) {
	t.Helper()
	of := alias.FindStringSubmatch(text)
	if !strings.HasPrefix(text, "SELECT") || !slices.ContainsFunc(growing, func(table string) bool { return strings.Contains(text, table) }) {
		return ""
	}
	most := strings.Count(text, "?") // of those without numbers
	for _, m := range numbered.FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, n)
	}
	rows, err := index.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, make([]any, most)...)
	if err != nil {
		t.Errorf("%v in %s", err, text)
		return ""
	}
	defer rows.Close()
	for rows.Next() {
		var (
			id, parent, unused int
			detail             string
		)
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		m := scanned.FindStringSubmatch(detail)
		if m == nil {
			continue
		}
		table := m[1]
		if of != nil && of[2] == table {
			table = of[1]
		}
		if slices.Contains(growing, table) && !strings.Contains(text, "ORDER BY num DESC LIMIT") { // walks back over the newest
			scan = detail
		}
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
	return scan
}
