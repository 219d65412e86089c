package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/filter"
	"lifeboat/internal/store"
	"lifeboat/internal/store/sqlite"
)

// secrets are the texts of logs by report.
type secrets map[diag.ID]string

func (s secrets) ReportTexts(_ context.Context, r *store.ReportRow) (store.LogTexts, error) {
	return store.LogTexts{Message: s[r.ID], All: []string{s[r.ID]}}, nil
}

func (s secrets) AttachmentText(context.Context, *store.AttachmentRow) (string, error) {
	return "an attachment", nil
}

// words lists what an app's full-text table holds.
func words(t *testing.T, dir string, app int64) (all []string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(fmt.Sprintf("CREATE VIRTUAL TABLE temp.v USING fts5vocab(main, search_%d, 'row')", app)); err != nil {
		t.Fatal(err)
	}
	rows, err := db.Query("SELECT term FROM temp.v")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var word string
		if err := rows.Scan(&word); err != nil {
			t.Fatal(err)
		}
		all = append(all, word)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestSearchForgets: nothing of a deleted report, attachment or group is left in the full-text table or in the file.
func TestSearchForgets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := open(t, dir, sqlite.Options{})
	app, epoch, texts := createApp(t, db, "boat"), claim(t, db), secrets{}
	db.SetTexts(texts)
	const n = 300
	for at := uint64(0); at < n; at += 50 { // so that there are several segments to merge
		b := store.Batch{Epoch: epoch, After: at, Through: at + 50, Reports: reports(app, at+1, 50)}
		for i := range b.Reports {
			r := &b.Reports[i]
			text := "ordinary sorrow ༀༀༀ"
			if (at+uint64(i))%2 == 0 {
				text = "ordinary sorrow ꙮꙮꙮ"
			}
			texts[r.ID], r.Group = text, 7
			r.Reason.Method = "capsize"
			r.Search = store.NewSearchDoc(r, []string{text})
			a := store.AttachmentRow{Feed: r.Feed, App: app.Num, ID: r.ID, ErrorID: r.ID, Install: r.Install, ContentType: "text/plain"}
			a.Search = store.NewAttachmentDoc(&a, "an attachment")
			b.Attachments = append(b.Attachments, a)
		}
		apply(t, db, b)
	}
	count := func(q string) int {
		rows, _, err := db.SearchReports(t.Context(), store.ReportSearch{App: app.Num, Q: q, Limit: 2 * n})
		if err != nil {
			t.Fatal(err)
		}
		return len(rows)
	}
	if got := []int{count("ꙮꙮ sorrow"), count("ༀༀༀ"), count("attachment"), count("capsize")}; !slices.Equal(got, []int{n / 2, n / 2, n, n}) {
		t.Fatalf("hits: %v", got)
	}
	gone := func(which string) {
		t.Helper()
		for id, text := range texts {
			if strings.Contains(text, which) {
				if _, err := db.DeleteReport(t.Context(), app.Num, id, 1); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := db.Scrub(t.Context()); err != nil {
			t.Fatal(err)
		}
		intact(t, filepath.Join(dir, "index.db"))
	}
	gone("ꙮ")
	if got := []int{count("ꙮꙮꙮ"), count("ༀༀༀ"), count("attachment"), count("capsize")}; !slices.Equal(got, []int{0, n / 2, n / 2, n / 2}) {
		t.Fatalf("hits: %v", got)
	}
	for _, suffix := range []string{"", "-wal"} {
		body, err := os.ReadFile(filepath.Join(dir, "index.db"+suffix))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(body, []byte("ꙮꙮ")) || suffix == "" && !bytes.Contains(body, []byte("ༀༀ")) {
			t.Errorf("index.db%s holds what was deleted, or does not hold what was not", suffix)
		}
	}
	if all := words(t, dir, app.Num); slices.Contains(all, "ꙮꙮꙮ") || !slices.Contains(all, "ༀༀༀ") || !slices.Contains(all, "cap") {
		t.Errorf("words: %q", all)
	}
	gone("ༀ")
	if all := words(t, dir, app.Num); len(all) > 0 {
		t.Errorf("words of nothing: %q", all)
	}
}

// TestSearchForgetsPurged: what a purge took out is not found any more at once, and not in the file once it is
// scrubbed; what is deleted later is gone at once again.
func TestSearchForgetsPurged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := open(t, dir, sqlite.Options{})
	app, epoch, texts := createApp(t, db, "boat"), claim(t, db), secrets{}
	db.SetTexts(texts)
	const n = 600
	all := reports(app, 1, n)
	for at := 0; at < n; at += 50 {
		b := store.Batch{Epoch: epoch, After: uint64(at), Through: uint64(at) + 50, Reports: all[at : at+50]}
		for i := range b.Reports {
			r := &b.Reports[i]
			texts[r.ID], r.Group = "ordinary sorrow ༀༀༀ", 7
			if at < n/2 {
				texts[r.ID] = "ordinary sorrow ꙮꙮꙮ"
			}
			r.Search = store.NewSearchDoc(r, []string{texts[r.ID]})
		}
		apply(t, db, b)
	}
	p := store.Piece{Class: store.PurgeReports, Through: n / 2, Logs: map[int64][]store.Expired{}}
	for _, r := range all[:n/2] {
		p.Logs[app.Num] = append(p.Logs[app.Num], store.Expired{Feed: r.Feed, Kind: r.Kind, ID: r.ID, Install: r.Install})
	}
	if done, err := db.Purge(t.Context(), p); err != nil || done.Reports != n/2 {
		t.Fatalf("%+v, %v", done, err)
	}
	hits := func(q string) int {
		rows, _, err := db.SearchReports(t.Context(), store.ReportSearch{App: app.Num, Q: q, Limit: n})
		if err != nil {
			t.Fatal(err)
		}
		return len(rows)
	}
	if got := []int{hits("ꙮꙮꙮ"), hits("ༀༀༀ"), hits("sorrow")}; !slices.Equal(got, []int{0, n / 2, n / 2}) {
		t.Fatalf("hits: %v", got)
	}
	has := func(word string) bool {
		t.Helper()
		body, err := os.ReadFile(filepath.Join(dir, "index.db"))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(body, []byte(word))
	}
	scrub := func() {
		t.Helper()
		if err := db.Scrub(t.Context()); err != nil {
			t.Fatal(err)
		}
		intact(t, filepath.Join(dir, "index.db"))
	}
	scrub()
	if has("ꙮꙮ") || !has("ༀༀ") || slices.Contains(words(t, dir, app.Num), "ꙮꙮꙮ") {
		t.Error("the file holds what was purged, or does not hold what was not")
	}
	for _, r := range all[n/2:] {
		if _, err := db.DeleteReport(t.Context(), app.Num, r.ID, 1); err != nil {
			t.Fatal(err)
		}
	}
	if left := words(t, dir, app.Num); len(left) > 0 {
		t.Errorf("words of nothing: %q", left)
	}
}

// TestSearchPlans: what is searched for is found by an index, however the search goes about it: no statement looks at
// all rows of a table that grows with reports.
func TestSearchPlans(t *testing.T) {
	t.Parallel()
	var w watch
	dir := t.TempDir()
	db, err := sqlite.OpenWatched(t.Context(), dir, w.see)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	app, epoch := createApp(t, db, "boat"), claim(t, db)
	b := store.Batch{Epoch: epoch, Through: 500}
	for n := range uint64(500) {
		b.Reports = append(b.Reports, store.ReportRow{Feed: n + 1, App: app.Num, ID: diag.RandomID(), Install: "a", Group: diag.GroupID(1 + n%3), AppVersion: "1", AppBuild: "1",
			Time: diag.DeviceTime(n) * 3600e9, Kind: diag.KindManagedError, UserID: "ann", Model: "Pixel", Reason: store.Reason{Method: "total"}})
	}
	b.Attachments = []store.AttachmentRow{{Feed: 500, App: app.Num, ID: diag.RandomID(), ErrorID: b.Reports[7].ID, FileName: "trail.txt"}}
	apply(t, db, b)
	index, err := sql.Open("sqlite", filepath.Join(dir, "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	w.take()
	for _, q := range []string{"", "x", "an", "pixel", "total", "trail", "a", b.Reports[3].ID.String(), "2u"} {
		for _, text := range []string{"", "userId eq 'ann'", "exceptionMethod eq 'total'", "timestamp gt 1970-01-03 and deviceName eq 'Pixel'", "not (osVersion eq '1')", "installId eq 'a'"} {
			e, err := filter.Parse(text, filter.Reports())
			if err != nil {
				t.Fatal(err)
			}
			for _, sort := range []store.ReportKey{store.SortTime, store.SortModel, store.SortClass, store.SortUser} {
				for _, few := range []int{0, 2} {
					if _, _, err := db.SearchReports(t.Context(), store.ReportSearch{App: app.Num, Q: q, Filter: e, Sort: sort, Desc: len(q)%2 == 0, Limit: 10, Few: few}); err != nil {
						t.Errorf("%q, %s: %v", q, text, err)
					}
				}
			}
		}
		for _, few := range []int{0, 2} {
			if _, _, err := db.SearchGroups(t.Context(), store.GroupSearch{App: app.Num, Q: q, Limit: 1, Few: few}); err != nil {
				t.Errorf("%q: %v", q, err)
			}
		}
	}
	kinds := map[string]bool{}
	for _, text := range w.take() {
		if scan := explain(t, index, text); scan != "" {
			t.Errorf("%s in %s", scan, text)
		}
		for _, kind := range []string{"num IN (", "MATCH", "INDEXED BY report_time", "INDEXED BY report_grp", "INDEXED BY report_install"} {
			kinds[kind] = kinds[kind] || strings.Contains(text, kind)
		}
		if strings.Contains(text, "num IN (") {
			if plan := plan(t, index, text); !strings.Contains(plan, "USING INTEGER PRIMARY KEY") {
				t.Errorf("%s in %s", plan, text)
			}
		}
	}
	for kind, seen := range kinds {
		if !seen {
			t.Errorf("no statement with %s was prepared", kind)
		}
	}
}

// plan is how the engine would answer.
func plan(t *testing.T, index *sql.DB, text string) string {
	t.Helper()
	rows, err := index.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, make([]any, strings.Count(text, "?"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var (
			id, parent, unused int
			detail             string
		)
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		all = append(all, detail)
	}
	return strings.Join(all, "; ")
}

// TestSearchTooBroad: a search that would look at too much says so, and one that is soon content is answered however
// much there is.
func TestSearchTooBroad(t *testing.T) {
	t.Parallel()
	db := open(t, t.TempDir(), sqlite.Options{})
	app, epoch := createApp(t, db, "boat"), claim(t, db)
	db.SetTexts(secrets{})
	const n = 20_500
	b := store.Batch{Epoch: epoch, Through: n}
	for feed := range uint64(n) {
		b.Reports = append(b.Reports, store.ReportRow{Feed: feed + 1, App: app.Num, ID: diag.RandomID(), Install: "a", Group: 1, AppVersion: "1",
			Time: diag.DeviceTime(feed) * 1e9, Kind: diag.KindManagedError, Model: "Pixel"})
	}
	apply(t, db, b)
	for _, c := range []struct {
		q, filter string
		sort      store.ReportKey
		words     string
	}{
		{"", "", store.SortTime, ""},
		{"", "", store.SortUser, "too many to sort"},
		{"pixel", "", store.SortModel, "too many to sort"},
		{"", "timestamp lt 1970-01-01T01:00:00Z", store.SortUser, ""},
		{"pixel", "", store.SortTime, ""},
		{"z", "", store.SortTime, "too broad"},
		{"zz", "", store.SortTime, ""},
		{"zz", "userId eq null", store.SortTime, ""},
		{"", "exceptionMessage lt 'b'", store.SortTime, "too broad"},
		{"", "exceptionMessage lt 'b' and timestamp lt 1970-01-01T01:00:00Z", store.SortTime, ""},
		{"", "deviceName ne 'pixel'", store.SortTime, ""},
	} {
		e, err := filter.Parse(c.filter, filter.Reports())
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = db.SearchReports(t.Context(), store.ReportSearch{App: app.Num, Q: c.q, Filter: e, Sort: c.sort, Desc: true, Limit: 100})
		if (err == nil) != (c.words == "") || err != nil && (diag.KindOf(err) != diag.Invalid || !strings.Contains(err.Error(), c.words)) {
			t.Errorf("%q, %s, sorted by %s: error %v, want %q", c.q, c.filter, c.sort, err, c.words)
		}
	}
}
