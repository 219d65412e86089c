package sqlite_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
	"lifeboat/internal/store/sqlite"
)

var rows = flag.Int("rows", 100_000, "rows that stand in the index before a benchmark begins")

// load makes rows like those of a busy app, as fast as possible.
type load struct {
	b     testing.TB
	db    *store.DB
	dir   string
	r     *rand.Rand
	app   diag.App
	epoch int64
	feed  uint64
}

func newLoad(b *testing.B) *load {
	b.Helper()
	l := &load{b: b, dir: b.TempDir(), r: rand.New(rand.NewPCG(1, 2))}
	l.db = open(b, l.dir, sqlite.Options{})
	var err error
	l.app, err = l.db.CreateApp(b.Context(), diag.App{ID: diag.RandomID(), Secret: diag.RandomID(), Owner: "acme", Name: "boat"})
	if err != nil {
		b.Fatal(err)
	}
	if _, l.epoch, err = l.db.ClaimIndex(b.Context()); err != nil {
		b.Fatal(err)
	}
	return l
}

func (l *load) id() (id diag.ID) {
	for i := range id {
		id[i] = byte(l.r.Uint32())
	}
	return id
}

// install is one of a hundred thousand.
func (l *load) install() diag.InstallID {
	n := l.r.IntN(100_000)
	return diag.InstallID(diag.DerivedID([]byte{byte(n), byte(n >> 8), byte(n >> 16)}).String())
}

const day = 24 * 3600 * 1e9

// time is near the time of arrival, which is spread over ninety days of a hundred thousand rows each; some
// devices were offline for hours.
func (l *load) time() diag.DeviceTime {
	late := l.r.Int64N(60e9)
	if l.r.IntN(5) == 0 {
		late = l.r.Int64N(day / 2)
	}
	return 1_700_000_000e9 + diag.DeviceTime(l.feed)*90*day/100_000 - diag.DeviceTime(late)
}

func (l *load) locator() diag.Locator {
	return diag.Locator{Segment: int64(l.feed >> 14), Offset: int64(l.feed&0x3fff) * 4096}
}

// requests makes a batch of requests with 50 events each, of 30 names with three properties, one of which has a
// value of its own in every log.
func (l *load) requests(n int) (b store.Batch) {
	for range n {
		l.feed++
		install, session, time, at := l.install(), l.id(), l.time(), l.locator()
		version := fmt.Sprintf("3.%d.0", l.r.IntN(9))
		traits := &store.Traits{Model: fmt.Sprintf("Model %d", l.r.IntN(300)), OS: fmt.Sprint("Android ", 8+l.r.IntN(8)), Country: "de", Language: "de"}
		for member := range 50 {
			at.Member = member
			b.Events = append(b.Events, store.EventRow{Feed: l.feed, Time: time + diag.DeviceTime(member)*1e9, Ingress: 1_700_000_000_000 + int64OfFeed(l.feed),
				App: l.app.Num, Kind: diag.KindEvent, ID: l.id(), Install: install, Session: session,
				AppVersion: version, AppBuild: "310", Locator: at, Traits: traits,
				Name: fmt.Sprint("event ", int(30*l.r.Float64()*l.r.Float64())), Properties: []diag.Property{{Name: "screen", Value: fmt.Sprint(l.r.IntN(40))},
					{Name: "source", Value: "menu"}, {Name: "order", Value: fmt.Sprint(l.r.Uint32())}}})
		}
	}
	return b
}

func int64OfFeed(feed uint64) diag.IngressTime { return diag.IngressTime(feed) }

// crashes makes a batch of reports spread over so many groups, most of them in few.
func (l *load) crashes(n, groups int) (b store.Batch) {
	for range n {
		l.feed++
		g := int(float64(groups) * l.r.Float64() * l.r.Float64() * l.r.Float64())
		version := fmt.Sprintf("3.%d.0", g%9)
		signature := diag.Signature(diag.DerivedID(fmt.Append(nil, g)))
		r := store.ReportRow{Feed: l.feed, Time: l.time(), Ingress: 1_700_000_000_000 + int64OfFeed(l.feed), App: l.app.Num, Kind: diag.KindManagedError,
			ID: l.id(), Install: l.install(), Session: l.id(), AppVersion: version, AppBuild: "310", Model: fmt.Sprintf("Model %d", l.r.IntN(300)),
			OSName: "Android", OSVersion: fmt.Sprint(8 + l.r.IntN(8)), Country: "de", Language: "de", Group: diag.GroupID(g + 1), Signature: signature,
			State: diag.SymbolsNotNeeded, Locator: l.locator(), Reason: store.Reason{Type: "java.lang.IllegalStateException",
				Class: fmt.Sprintf("com.acme.boat.Cart%d", g), Method: "total", File: "Cart.java", Line: g, AppCode: true,
				CodeRaw: fmt.Sprintf("com.acme.boat.Cart%d.total(Cart.java:%d)", g, g), Language: diag.LanguageJava}}
		if l.r.IntN(2) == 0 {
			r.UserID = fmt.Sprintf("user-%d@example.com", l.r.IntN(50_000))
		}
		b.Reports = append(b.Reports, r)
	}
	return b
}

func (l *load) apply(b store.Batch, after uint64) {
	b.After, b.Through, b.Epoch = after, l.feed, l.epoch
	if _, err := l.db.ApplyBatch(context.Background(), b); err != nil {
		l.b.Fatal(err)
	}
}

// fill applies batches until there are so many rows.
func (l *load) fill(rows, perBatch int, batch func() store.Batch) {
	for done := 0; done < rows; done += perBatch {
		after := l.feed
		l.apply(batch(), after)
	}
}

// measure applies batches in the time of the benchmark and says how fast, and what a row takes on the disk.
func (l *load) measure(b *testing.B, perBatch int, batch func() store.Batch) {
	var made []store.Batch
	for range 20 {
		made = append(made, store.Batch{After: l.feed})
		next := batch()
		next.After, next.Through, next.Epoch = made[len(made)-1].After, l.feed, l.epoch
		made[len(made)-1] = next
	}
	n := 0
	for b.Loop() {
		if n == len(made) {
			b.StopTimer()
			made, n = made[:0], 0
			for range 20 {
				after := l.feed
				next := batch()
				next.After, next.Through, next.Epoch = after, l.feed, l.epoch
				made = append(made, next)
			}
			b.StartTimer()
		}
		if _, err := l.db.ApplyBatch(context.Background(), made[n]); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(perBatch*b.N)/b.Elapsed().Seconds(), "rows/s")
	total := *rows + perBatch*b.N
	b.ReportMetric(float64(l.size())/float64(total), "bytes/row")
}

// size is that of the index's file once all is in it.
func (l *load) size() int64 {
	if err := l.db.Scrub(context.Background()); err != nil {
		l.b.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(l.dir, "index.db"))
	if err != nil {
		l.b.Fatal(err)
	}
	return info.Size()
}

// BenchmarkApplyEvents: batches of 100 requests with 50 events each.
func BenchmarkApplyEvents(b *testing.B) {
	l := newLoad(b)
	batch := func() store.Batch { return l.requests(100) }
	l.fill(*rows, 5000, batch)
	l.measure(b, 5000, batch)
}

// BenchmarkApplyReports: batches of 512 crashes in 500 groups.
func BenchmarkApplyReports(b *testing.B) {
	l := newLoad(b)
	batch := func() store.Batch { return l.crashes(512, 500) }
	l.fill(*rows, 512, batch)
	l.measure(b, 512, batch)
}

// BenchmarkLists asks what pages and calls ask.
func BenchmarkLists(b *testing.B) {
	for _, groups := range []int{500, 5_000, 100_000} {
		l := newLoad(b)
		l.fill(*rows, 512, func() store.Batch { return l.crashes(512, groups) })
		middle := diag.DeviceTime(1_700_000_000e9 + 45*day)
		known := l.crashes(1, groups).Reports[0]
		group := diag.GroupID(1)
		_, second, err := l.db.Groups(b.Context(), store.GroupQuery{App: l.app.Num, Limit: 30})
		if err != nil {
			b.Fatal(err)
		}
		after := l.feed - 1
		l.apply(l.crashes(512, groups), after) // something has come since the first page
		some, _, err := l.db.Reports(b.Context(), store.ReportQuery{App: l.app.Num, Limit: 30})
		if err != nil {
			b.Fatal(err)
		}
		for _, q := range []struct {
			name string
			q    store.GroupQuery
		}{
			{"first page", store.GroupQuery{}},
			{"second page", store.GroupQuery{After: second}},
			{"by version", store.GroupQuery{Version: "3.1.0"}},
			{"by class", store.GroupQuery{OrderBy: []store.Order{{Column: store.ByClass}}}},
			{"by last", store.GroupQuery{OrderBy: []store.Order{{Column: store.ByLast, Desc: true}}}},
			{"of half the time", store.GroupQuery{Start: middle}},
			{"of half the time, by devices", store.GroupQuery{Start: middle, OrderBy: []store.Order{{Column: store.ByDevices, Desc: true}}}},
			{"of a week", store.GroupQuery{Start: middle, End: middle + 7*day}},
			{"of a user", store.GroupQuery{UserID: "user-7@example.com"}},
			{"of an install", store.GroupQuery{Install: some[7].Install}},
		} {
			b.Run(fmt.Sprintf("%d groups/groups %s", groups, q.name), func(b *testing.B) {
				for q.q.App, q.q.Limit = l.app.Num, 30; b.Loop(); {
					if _, _, err := l.db.Groups(b.Context(), q.q); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		for _, q := range []struct {
			name string
			q    store.ReportQuery
		}{
			{"first page", store.ReportQuery{}},
			{"deep page", store.ReportQuery{After: store.Page{Time: middle, ID: known.ID}}},
			{"of a group", store.ReportQuery{Group: &group}},
			{"of a group, deep", store.ReportQuery{Group: &group, After: store.Page{Time: middle, ID: known.ID}}},
			{"of a group by model", store.ReportQuery{Group: &group, Model: "Model 7"}},
			{"of a user", store.ReportQuery{UserID: "user-7@example.com"}},
			{"of an install", store.ReportQuery{Install: some[7].Install}},
			{"of a rare model", store.ReportQuery{Model: "Model 7"}},
		} {
			b.Run(fmt.Sprintf("%d groups/reports %s", groups, q.name), func(b *testing.B) {
				for q.q.App, q.q.Limit = l.app.Num, 30; b.Loop(); {
					if _, _, err := l.db.Reports(b.Context(), q.q); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(fmt.Sprintf("%d groups/report", groups), func(b *testing.B) {
			for b.Loop() {
				if _, err := l.db.Report(b.Context(), l.app.Num, some[3].ID); err != nil {
					b.Fatal(err)
				}
			}
		})
		unhandled := false
		for _, versions := range [][]string{nil, {"3.1.0"}, {"3.1.0", "3.2.0", "3.3.0"}} {
			b.Run(fmt.Sprintf("%d groups/numbers of 90 days, versions %d", groups, len(versions)), func(b *testing.B) {
				for b.Loop() {
					_, err := l.db.ErrorDays(b.Context(), store.ErrorQuery{App: l.app.Num, Versions: versions, Handled: &unhandled})
					if err == nil {
						_, err = l.db.ActiveDevices(b.Context(), store.ActivityQuery{App: l.app.Num, Versions: versions, Handled: &unhandled})
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(fmt.Sprintf("%d groups/of a group", groups), func(b *testing.B) {
			for b.Loop() {
				_, days := l.db.GroupDays(b.Context(), l.app.Num, group, 0, 0)
				_, models := l.db.GroupModels(b.Context(), l.app.Num, group)
				if days != nil || models != nil {
					b.Fatal(days, models)
				}
			}
		})
		b.Run(fmt.Sprintf("%d groups/versions", groups), func(b *testing.B) {
			for b.Loop() {
				if _, err := l.db.ErrorVersions(b.Context(), store.ErrorQuery{App: l.app.Num}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%d groups/stats", groups), func(b *testing.B) {
			for b.Loop() {
				if _, err := l.db.IndexStats(b.Context(), l.app.Num); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkScrub looks at all pages of an index.
func BenchmarkScrub(b *testing.B) {
	l := newLoad(b)
	l.fill(*rows, 512, func() store.Batch { return l.crashes(512, 500) })
	for b.Loop() {
		b.SetBytes(l.size())
	}
}
