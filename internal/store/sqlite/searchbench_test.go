package sqlite_test

import (
	"context"
	"fmt"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/filter"
	"lifeboat/internal/store"
)

// loadTexts makes up the texts of a load's reports from their ids.
type loadTexts struct{}

func (loadTexts) ReportTexts(_ context.Context, r *store.ReportRow) (store.LogTexts, error) {
	n := int(r.ID[0]) | int(r.ID[1])<<8
	message := fmt.Sprintf("Attempt to invoke a method on cart %d", n%5000)
	return store.LogTexts{Message: message, All: []string{message, "screen", []string{"checkout", "start", "search"}[n%3], "session", fmt.Sprintf("s-%d", n)}}, nil
}

func (loadTexts) AttachmentText(context.Context, *store.AttachmentRow) (string, error) {
	return "", nil
}

// searchable makes a batch of crashes that are found by their texts.
func (l *load) searchable(n, groups int) store.Batch {
	b := l.crashes(n, groups)
	for i := range b.Reports {
		texts, _ := loadTexts{}.ReportTexts(context.Background(), &b.Reports[i])
		b.Reports[i].Search = store.NewSearchDoc(&b.Reports[i], texts.All)
	}
	return b
}

// BenchmarkApplySearchable: batches of 512 crashes with texts in 20,000 groups.
func BenchmarkApplySearchable(b *testing.B) {
	l := newLoad(b)
	batch := func() store.Batch { return l.searchable(512, 20_000) }
	l.fill(*rows, 512, batch)
	l.measure(b, 512, batch)
}

// BenchmarkSearchDoc makes the document of one crash.
func BenchmarkSearchDoc(b *testing.B) {
	l := newLoad(b)
	r := l.crashes(1, 1).Reports[0]
	texts, _ := loadTexts{}.ReportTexts(b.Context(), &r)
	for b.Loop() {
		store.NewSearchDoc(&r, texts.All)
	}
}

// BenchmarkSearch asks what a search box asks, in 20,000 groups.
func BenchmarkSearch(b *testing.B) {
	l := newLoad(b)
	l.db.SetTexts(loadTexts{})
	l.fill(*rows, 512, func() store.Batch { return l.searchable(512, 20_000) })
	some, _, err := l.db.Reports(b.Context(), store.ReportQuery{App: l.app.Num, Limit: 30})
	if err != nil {
		b.Fatal(err)
	}
	day := func(n int) string { return diag.FormatTime(diag.DeviceTime(1_700_000_000e9 + int64(n)*day).Time()) }
	for _, q := range []struct{ name, q, filter string }{
		{"nothing", "", ""},
		{"a user", "user-7@example.com", ""},
		{"part of a user", "er-4711", ""},
		{"a class", "cart777", ""},
		{"all have it", "android", ""},
		{"most have it", "invoke method", ""},
		{"a third has it", "checkout", ""},
		{"rare and dense", "android 4999 checkout", ""},
		{"two letters", "de", ""},
		{"one letter", "x", ""},
		{"nobody has it", "zebra", ""},
		{"dense parts, nobody has it", "tionstart", ""},
		{"a report", some[7].ID.String(), ""},
		{"an install", string(some[7].Install), ""},
		{"method", "", "exceptionMethod eq 'total'"},
		{"class", "", "exceptionClassName eq 'com.acme.boat.Cart777'"},
		{"classes", "", "startswith(exceptionClassName, 'com.acme.boat.Cart77')"},
		{"user", "", "userId eq 'USER-7@example.com'"},
		{"message", "", "contains(exceptionMessage, 'cart 4999')"},
		{"three terms", "", "exceptionMethod eq 'total' and osVersion eq '14' and deviceName eq 'Model 7'"},
		{"three terms, one day", "", "osVersion eq '14' and timestamp ge " + day(20) + " and timestamp lt " + day(21)},
		{"three terms, ne", "", "osVersion ne '14' and exceptionMethod eq 'total' and userId ne null"},
		{"three terms of groups", "", "appVersion eq '3.1.0' and exceptionMethod eq 'total' and errorType eq 'unhandled'"},
		{"text and filter", "checkout", "deviceName eq 'Model 7'"},
		{"closed", "", "state eq 'closed'"},
	} {
		e, err := filter.Parse(q.filter, filter.Reports())
		if err != nil {
			b.Fatal(err)
		}
		b.Run("reports/"+q.name, func(b *testing.B) {
			hits := 0
			for b.Loop() {
				rows, _, err := l.db.SearchReports(b.Context(), store.ReportSearch{App: l.app.Num, Q: q.q, Filter: e, Desc: true, Limit: 100})
				if err != nil {
					b.Fatal(err)
				}
				hits = len(rows)
			}
			b.ReportMetric(float64(hits), "hits")
		})
		g, err := filter.Parse(q.filter, filter.Groups())
		if err != nil {
			continue // about reports only
		}
		b.Run("groups/"+q.name, func(b *testing.B) {
			hits := 0
			for b.Loop() {
				rows, _, err := l.db.SearchGroups(b.Context(), store.GroupSearch{App: l.app.Num, Q: q.q, Filter: g, OrderBy: store.Order{Column: store.ByCount, Desc: true}, Limit: 100})
				if err != nil {
					b.Fatal(err)
				}
				hits = len(rows)
			}
			b.ReportMetric(float64(hits), "hits")
		})
	}
}
