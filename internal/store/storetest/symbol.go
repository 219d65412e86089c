package storetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

func uploadOf(app diag.App, name string, at int64) diag.SymbolUpload {
	return diag.SymbolUpload{ID: idOf(name), App: app.Num, Kind: diag.SymbolsApple, FileName: name + ".zip", Version: "1.0", Build: "7", CreatedAt: at}
}

// symbolUploads walk through their states, each step once.
func symbolUploads(t *testing.T, db *store.DB) {
	app, user := createApp(t, db, "boat"), createUser(t, db, "ann", false)
	u := uploadOf(app, "first", 10)
	u.User = user
	ok(t, db.CreateSymbolUpload(t.Context(), u))
	kind(t, db.CreateSymbolUpload(t.Context(), u), diag.Conflict)
	kind(t, db.CreateSymbolUpload(t.Context(), diag.SymbolUpload{ID: idOf("x"), App: 999}), diag.NotFound)
	want := u
	want.User, want.State, want.ChangedAt, want.LastUsedAt = diag.User{Num: user.Num, Email: user.Email, DisplayName: user.DisplayName}, diag.UploadCreated, 10, 10
	same(t, "begun", want, must(db.SymbolUpload(t.Context(), app.Num, u.ID))(t))
	same(t, "by its id", want, must(db.SymbolUploadByID(t.Context(), u.ID))(t))
	kind(t, db.StartSymbolUpload(t.Context(), app.Num, u.ID, 15), diag.NotFound)
	for i, changed := range []bool{true, false} {
		got, did, err := db.EndSymbolUpload(t.Context(), app.Num, u.ID, diag.UploadCommitted, int64(20+i))
		ok(t, err)
		same(t, "changed", changed, did)
		want.State, want.CommittedAt, want.ChangedAt, want.LastUsedAt = diag.UploadCommitted, 20, 20, 20
		same(t, "committed", want, got)
	}
	same(t, "waiting", 1, len(must(db.CommittedSymbolUploads(t.Context(), 10))(t)))
	ok(t, db.StartSymbolUpload(t.Context(), app.Num, u.ID, 30))
	ok(t, db.StartSymbolUpload(t.Context(), app.Num, u.ID, 31)) // after a crash
	same(t, "begun to look into", 1, len(must(db.CommittedSymbolUploads(t.Context(), 10))(t)))

	ok(t, db.IgnoreSymbol(t.Context(), app.Num, "aa", 1))
	ok(t, db.IgnoreSymbol(t.Context(), app.Num, "aa", 2))
	ok(t, db.IgnoreSymbol(t.Context(), app.Num, "cc", 2))
	same(t, "ignored", true, must(db.SymbolIgnored(t.Context(), app.Num, "aa"))(t))
	done := want
	done.State, done.Problems, done.Size = diag.UploadIndexed, []string{"a: b", "c"}, 99
	found := []diag.Symbol{
		{ID: "aa", Kind: diag.SymbolsApple, Platform: "iOS", Name: "Shop", Path: "x/Shop", Architecture: "arm64", Alternates: []string{"bb"}},
		{ID: "0123456789", Kind: diag.SymbolsProguard, Path: "mapping.txt", Alternates: []string{"deadbeef00", "feedfacecafe"}},
	}
	ok(t, db.FinishSymbolUpload(t.Context(), done, found, 40))
	kind(t, db.FinishSymbolUpload(t.Context(), done, found, 41), diag.NotFound)
	kind(t, db.StartSymbolUpload(t.Context(), app.Num, u.ID, 42), diag.NotFound)
	want.State, want.Problems, want.Size, want.ChangedAt = diag.UploadIndexed, done.Problems, 99, 40
	same(t, "looked into", want, must(db.SymbolUpload(t.Context(), app.Num, u.ID))(t))
	set := must(db.SymbolSet(t.Context(), app.Num))(t)
	for id, there := range map[string]bool{
		"aa": true, "bb": true, "cc": false, "0123456789": true, "deadbeef00": true, "deadbee": true, "deadbe": false, "deadbeef0011": true, "dead": false, "feedfacecaf": true, "feedfacecaff": false,
	} {
		same(t, "there: "+id, there, set.Has(id))
	}
	same(t, "ignored no more", []bool{false, true}, []bool{set.Ignored("aa"), set.Ignored("cc")})

	newer := uploadOf(app, "second", 50)
	ok(t, db.CreateSymbolUpload(t.Context(), newer))
	_, _, err := db.EndSymbolUpload(t.Context(), app.Num, newer.ID, diag.UploadCommitted, 60)
	ok(t, err)
	ok(t, db.StartSymbolUpload(t.Context(), app.Num, newer.ID, 60))
	newer.State = diag.UploadIndexed
	ok(t, db.FinishSymbolUpload(t.Context(), newer, found[:1], 60))
	same(t, "the newest", newer.ID, must(db.Symbol(t.Context(), app.Num, "aa"))(t).Upload)
	same(t, "each once", 2, len(must(db.Symbols(t.Context(), app.Num))(t)))
	same(t, "of the first", 2, len(must(db.SymbolsOf(t.Context(), app.Num, u.ID))(t)))
	ok(t, db.UseSymbols(t.Context(), app.Num, []string{"0123456789", "nowhere"}, 1000))
	ok(t, db.UseSymbols(t.Context(), app.Num, []string{"0123456789"}, 500))
	stale := must(db.StaleSymbolUploads(t.Context(), store.Stale{Used: 999}, 10))(t)
	same(t, "of no use", []diag.ID{newer.ID}, idsOf(stale))
	same(t, "listed", []diag.ID{newer.ID, u.ID}, idsOf(must(db.SymbolUploads(t.Context(), store.SymbolUploadQuery{App: app.Num}))(t)))
	same(t, "one", []diag.ID{newer.ID}, idsOf(must(db.SymbolUploads(t.Context(), store.SymbolUploadQuery{App: app.Num, Limit: 1, States: []string{diag.UploadIndexed}, Kind: diag.SymbolsApple}))(t)))
	same(t, "none", 0, len(must(db.SymbolUploads(t.Context(), store.SymbolUploadQuery{App: app.Num, States: []string{diag.UploadFailed, diag.UploadAborted}}))(t)))

	same(t, "deleted", newer.ID, must(db.DeleteSymbolUpload(t.Context(), app.Num, newer.ID))(t).ID)
	_, err = db.DeleteSymbolUpload(t.Context(), app.Num, newer.ID)
	kind(t, err, diag.NotFound)
	same(t, "the older", u.ID, must(db.Symbol(t.Context(), app.Num, "aa"))(t).Upload)
	ok(t, db.DeleteApp(t.Context(), app.Num))
	_, err = db.SymbolUploadByID(t.Context(), u.ID)
	kind(t, err, diag.NotFound)
}

func idsOf(uploads []diag.SymbolUpload) (all []diag.ID) {
	for _, u := range uploads {
		all = append(all, u.ID)
	}
	return all
}

// missingSymbols compares the counts of reports that lack symbols with counting rows one by one, while reports come
// twice, in batches of all sizes, and are deleted.
func missingSymbols(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	f := newFeeder(t, db)
	c := rand.New(rand.NewPCG(3, 4))
	sets := [][]string{nil, {"aa"}, {"bb"}, {"aa", "bb"}, {"cc"}}
	alive, deleted := map[diag.ID]store.ReportRow{}, map[diag.ID]bool{}
	feed := uint64(0)
	for _, size := range []int{1, 70, 3, 40, 1} {
		var b store.Batch
		for range size {
			feed++
			r := reportOf(app, feed, fmt.Sprint("report ", c.IntN(80)))
			r.AppVersion, r.AppBuild, r.Handled, r.Missing = fmt.Sprint(c.IntN(2)), fmt.Sprint(c.IntN(2)), c.IntN(3) == 0, sets[c.IntN(len(sets))]
			r.OSName = "iOS"
			for _, id := range r.Missing {
				r.MissingNames = append(r.MissingNames, "lib"+id)
			}
			b.Reports = append(b.Reports, r)
			if _, known := alive[r.ID]; !known && !deleted[r.ID] {
				alive[r.ID] = r
			}
		}
		f.apply(b)
		for id := range alive {
			if c.IntN(10) == 0 {
				_, err := db.DeleteReport(t.Context(), app.Num, id, 1)
				ok(t, err)
				delete(alive, id)
				deleted[id] = true // a copy stays out
			}
		}
		same(t, "sets", plainSets(alive), setsOf(t, db, app))
	}
	images := must(db.MissingImages(t.Context(), app.Num))(t)
	same(t, "images", map[string]store.MissingImage{"aa": {Name: "libaa", Platform: "iOS"}, "bb": {Name: "libbb", Platform: "iOS"}, "cc": {Name: "libcc", Platform: "iOS"}}, images)
	same(t, "one image", images["bb"], must(db.MissingImage(t.Context(), app.Num, "bb"))(t))
	_, err := db.MissingImage(t.Context(), app.Num, "dd")
	kind(t, err, diag.NotFound)
	ok(t, db.ResetIndex(t.Context()))
	same(t, "after a reset", 0, len(setsOf(t, db, app)))
}

func setsOf(t *testing.T, db *store.DB, app diag.App) (all []store.MissingSet) {
	t.Helper()
	ok(t, db.MissingSymbols(t.Context(), app.Num, func(s *store.MissingSet) error {
		all = append(all, *s)
		return nil
	}))
	sortSets(all)
	return all
}

func plainSets(alive map[diag.ID]store.ReportRow) (all []store.MissingSet) {
	of := map[string]*store.MissingSet{}
	for _, r := range alive {
		if len(r.Missing) == 0 {
			continue
		}
		key := r.AppVersion + "/" + r.AppBuild + "/" + strings.Join(r.Missing, ",")
		if of[key] == nil {
			of[key] = &store.MissingSet{Version: r.AppVersion, Build: r.AppBuild, IDs: r.Missing}
		}
		if r.Handled {
			of[key].Errors++
		} else {
			of[key].Crashes++
		}
		of[key].Last = max(of[key].Last, r.Ingress)
	}
	for _, s := range of {
		all = append(all, *s)
	}
	sortSets(all)
	return all
}

func sortSets(all []store.MissingSet) {
	slices.SortFunc(all, func(a, b store.MissingSet) int {
		return cmp.Or(strings.Compare(a.Version, b.Version), strings.Compare(a.Build, b.Build), slices.Compare(a.IDs, b.IDs))
	})
}
