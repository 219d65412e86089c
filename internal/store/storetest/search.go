package storetest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"lifeboat/internal/diag"
	"lifeboat/internal/filter"
	"lifeboat/internal/store"
)

// journalTexts are the texts of logs, as a journal would have them.
type journalTexts struct {
	reports map[diag.ID]store.LogTexts
	files   map[diag.ID]string
}

func newTexts(db *store.DB) *journalTexts {
	x := &journalTexts{reports: map[diag.ID]store.LogTexts{}, files: map[diag.ID]string{}}
	db.SetTexts(x)
	return x
}

func (x *journalTexts) ReportTexts(_ context.Context, r *store.ReportRow) (store.LogTexts, error) {
	t, ok := x.reports[r.ID]
	if !ok {
		return t, diag.Errorf(diag.NotFound, "There is no such log.")
	}
	return t, nil
}

func (x *journalTexts) AttachmentText(_ context.Context, a *store.AttachmentRow) (string, error) {
	return x.files[a.ID], nil
}

// put gives the rows of a batch their documents. The texts of a log follow from its id, so that copies agree.
func (x *journalTexts) put(b store.Batch) {
	for i := range b.Reports {
		r := &b.Reports[i]
		c := rand.New(rand.NewPCG(uint64(r.ID[0]), uint64(r.ID[1]))).IntN
		t := store.LogTexts{Message: pick(c, "", "null", "Cart is gone", "cart <1> is GONE", "it''s a % _", "Größe", "x")}
		t.All = []string{t.Message, pick(c, "screen", "Screen"), pick(c, "cart", "checkout 12", "é", "1.0")}
		x.reports[r.ID] = t
		r.Search = store.NewSearchDoc(r, t.All)
	}
	for i := range b.Attachments {
		a := &b.Attachments[i]
		c := rand.New(rand.NewPCG(uint64(a.ID[0]), 7)).IntN
		x.files[a.ID] = pick(c, "", "opened the cart", "a trail of Größe", "x")
		a.Search = store.NewAttachmentDoc(a, x.files[a.ID])
	}
}

// searched is the plainest search: it looks at all.
type searched struct {
	*lists
	texts *journalTexts
}

func (s searched) last(g diag.GroupID) (last diag.DeviceTime) {
	last = -1 << 63
	for _, r := range s.reportRows {
		if r.Group == g {
			last = max(last, r.Time)
		}
	}
	return last
}

func (s searched) state(g diag.GroupID) string {
	if w, ok := s.said[g]; ok {
		return w.State
	}
	return store.StateOpen
}

func reasonValue(r *store.Reason, field string) filter.Value {
	switch field {
	case "exceptionMethod":
		return filter.TextValue(r.Method)
	case "exceptionClassName":
		return filter.TextValue(r.Class)
	case "exceptionType":
		return filter.TextValue(r.Type)
	case "exceptionFile":
		return filter.TextValue(r.File)
	}
	if r.Line == 0 {
		return filter.NullValue(filter.Number)
	}
	return filter.NumberValue(int64(r.Line))
}

func kindOf(handled bool) filter.Value {
	if handled {
		return filter.WordValue("handledError")
	}
	return filter.WordValue("unhandledError")
}

func digits(g diag.GroupID) filter.Value { return filter.IDValue(strconv.FormatUint(uint64(g), 10)) }

func (s searched) report(r *store.ReportRow) func(string) filter.Value {
	texts := map[string]string{"appVersion": r.AppVersion, "appBuild": r.AppBuild, "userId": r.UserID, "deviceName": r.Model, "osVersion": r.OSVersion,
		"osType": r.OSName, "country": r.Country, "language": r.Language, "exceptionMessage": s.texts.reports[r.ID].Message}
	return func(field string) filter.Value {
		if text, ok := texts[field]; ok {
			return filter.TextValue(text)
		}
		switch field {
		case "errorType":
			return kindOf(r.Handled)
		case "errorGroupId":
			return digits(r.Group)
		case "state":
			return filter.WordValue(s.state(r.Group))
		case "timestamp":
			return filter.TimeValue(r.Time)
		case "lastOccurrence":
			if r.Group == 0 {
				return filter.TimeValue(0)
			}
			return filter.TimeValue(s.last(r.Group))
		case "errorId":
			return filter.IDValue(r.ID.String())
		case "installId":
			return filter.IDValue(string(r.Install))
		}
		return reasonValue(&r.Reason, field)
	}
}

func (s searched) summary(g *store.GroupSummary) func(string) filter.Value {
	texts := map[string]string{"appVersion": g.AppVersion, "appBuild": g.AppBuild, "exceptionMessage": s.texts.reports[g.Latest].Message}
	return func(field string) filter.Value {
		if text, ok := texts[field]; ok {
			return filter.TextValue(text)
		}
		switch field {
		case "errorType":
			return kindOf(g.Handled)
		case "errorGroupId":
			return digits(g.ID)
		case "state":
			return filter.WordValue(s.state(g.ID))
		case "lastOccurrence":
			return filter.TimeValue(g.Last)
		case "firstOccurrence":
			return filter.TimeValue(g.First)
		case "count":
			return filter.NumberValue(g.Count)
		case "deviceCount":
			return filter.NumberValue(g.Devices)
		}
		return reasonValue(&g.Reason, field)
	}
}

// holds says whether a report has all words of a text.
func (s searched) holds(r *store.ReportRow, q string) bool {
	v := &r.Reason
	texts := []string{r.AppVersion, v.Type, v.OSExceptionType, v.Class, v.Method, v.File, v.CodeRaw}
	texts = append(texts, r.UserID, r.Model, r.OSName, r.OSVersion, r.Country, r.Language, r.AppBuild)
	texts = append(texts, s.texts.reports[r.ID].All...)
	for i := range s.files {
		if s.files[i].ErrorID == r.ID {
			texts = append(texts, s.files[i].FileName, s.texts.files[s.files[i].ID])
		}
	}
	for _, word := range strings.Fields(q) {
		id, isID := diag.ParseReportID(word)
		group, _, isGroup := diag.ParseGroupID(filter.Fold(word))
		if isID && id == r.ID || isGroup && group == r.Group || diag.ParseInstallID(word) == r.Install {
			continue
		}
		if !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(filter.Fold(text), filter.Fold(word)) }) {
			return false
		}
	}
	return true
}

func page[T any](all []T, skip, limit int) (rows []T, more bool) {
	all = all[min(skip, len(all)):]
	return all[:min(limit, len(all))], len(all) > limit
}

func (s searched) reports(q store.ReportSearch) ([]store.ReportRow, bool) {
	var found []store.ReportRow
	for _, r := range s.reportRows {
		r = s.whole(r)
		if filter.Match(q.Filter, s.report(&r)) && s.holds(&r, q.Q) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b store.ReportRow) int {
		c := cmp.Or(compareKey(q.Sort, &a, &b), slices.Compare(a.ID[:], b.ID[:]))
		if q.Desc {
			return -c
		}
		return c
	})
	return page(found, q.Skip, q.Limit)
}

func compareKey(key store.ReportKey, a, b *store.ReportRow) int {
	switch key {
	case store.SortGroup:
		return cmp.Compare(a.Group, b.Group)
	case store.SortType:
		return strings.Compare(a.Reason.Type, b.Reason.Type)
	case store.SortClass:
		return strings.Compare(a.Reason.Class, b.Reason.Class)
	case store.SortMethod:
		return strings.Compare(a.Reason.Method, b.Reason.Method)
	case store.SortFile:
		return strings.Compare(a.Reason.File, b.Reason.File)
	case store.SortLine:
		return cmp.Compare(a.Reason.Line, b.Reason.Line)
	case store.SortModel:
		return strings.Compare(a.Model, b.Model)
	case store.SortVersion:
		return strings.Compare(a.OSVersion, b.OSVersion)
	case store.SortUser:
		return strings.Compare(a.UserID, b.UserID)
	}
	return cmp.Compare(a.Time, b.Time)
}

func (s searched) groups(q store.GroupSearch) ([]store.GroupSummary, bool) {
	var found []store.GroupSummary
	for _, g := range s.lists.groups(store.GroupQuery{App: q.App, OrderBy: []store.Order{q.OrderBy}}) {
		holds := slices.ContainsFunc(s.reportRows, func(r store.ReportRow) bool {
			r = s.whole(r)
			return r.Group == g.ID && s.holds(&r, q.Q)
		})
		if holds && filter.Match(q.Filter, s.summary(&g)) {
			found = append(found, g)
		}
	}
	return page(found, q.Skip, q.Limit)
}

// words are what random searches look for.
func (f *traffic) words() string {
	var all []string
	for range pick(f.c, 0, 1, 1, 2, 3) {
		all = append(all, pick(f.c, "a", "x", "1", "c1", "C0", "cart", "CART", "gone", "<1>", "null", "pix", "Pixel", "ann", "ANN", "bob@", "example.com", "android", "nt", "10", "1.0",
			"1.1", "größe", "GRÖSSE", "ße", "é", "screen", "checkout", "12", "trail", "opened", ".txt", "%", "_", "''", "\"", "nowhere", "an", "t1", "T0", "m", "3u", "3", "c",
			idOf(fmt.Sprint("report ", f.c(40))).String(), strings.ToUpper(idOf("guid").String()), string(installs[1]), "\ue000", "\ue0011", "*", "e*", "AND", "NOT"))
	}
	return strings.Join(all, " ")
}

// condition makes up a filter.
func (f *traffic) condition(groups bool, depth int) string {
	if depth > 0 && f.c(2) == 0 {
		a, b := f.condition(groups, depth-1), f.condition(groups, depth-1)
		return pick(f.c, "("+a+" and "+b+")", "("+a+" or "+b+")", "not ("+a+")", a+" and "+b)
	}
	texts := []string{"exceptionMethod", "exceptionClassName", "exceptionType", "exceptionMessage", "exceptionFile", "appVersion", "appBuild"}
	if !groups {
		texts = append(texts, "userId", "deviceName", "osVersion", "osType", "userId", "deviceName")
	}
	value := func() string {
		return "'" + strings.ReplaceAll(pick(f.c, "", "1.0", "1", "m", "C0", "c1", "t1", "ANN", "ann", "Pixel", "ix", "10", "2", "Cart is gone", "gone", "it''s", "GRÖßE", "x", "null", "unheard of"), "'", "''") + "'"
	}
	field := pick(f.c, texts...)
	switch f.c(10) {
	case 0, 1, 2:
		return field + " " + pick(f.c, "eq", "eq", "eq", "ne", "gt", "le") + " " + value()
	case 3:
		return field + " in (" + value() + ", " + value() + ", null)"
	case 4, 5:
		return pick(f.c, "contains", "startswith", "endswith") + "(" + field + ", " + value() + ")" + pick(f.c, "", " eq false")
	case 6:
		return pick(f.c, "errorType eq 'handled'", "state eq 'closed'", "state ne 'open'", "state in ('closed', 'Ignored')", "state eq 'open'", "errorGroupId in ('3u', 1, null)", "errorGroupId ne '2'",
			"exceptionLine gt 20", "exceptionLine ne null", "lastOccurrence ge 1970-01-01T00:00:04Z")
	}
	if groups {
		return pick(f.c, "count gt 2", "deviceCount le 2", "firstOccurrence lt 1970-01-01T00:00:00Z")
	}
	return pick(f.c, "timestamp ge 1970-01-01T00:00:01Z", "timestamp lt 1970-01-01T00:00:03Z", "timestamp eq 1970-01-01T00:00:02Z", "userId ne null", "installId eq 'b'", "installId in ('C', 'c', null)",
		"errorId in ('"+idOf(fmt.Sprint("report ", f.c(40))).String()+"', '"+idOf(fmt.Sprint("report ", f.c(40))).String()+"')")
}

func (f *traffic) filter(t tb, groups bool) (e filter.Expr, text string) {
	t.Helper()
	fields := filter.Reports()
	if groups {
		fields = filter.Groups()
	}
	if f.c(3) > 0 {
		text = f.condition(groups, 2)
	}
	return must(filter.Parse(text, fields))(t), text
}

// search asks both the same and compares.
func (f *traffic) search(t tb, s searched, db *store.DB) {
	t.Helper()
	few := pick(f.c, 0, 1, 3, 10)
	if f.c(2) == 0 {
		q := store.ReportSearch{App: f.app.Num, Q: f.words(), Desc: f.c(2) == 0, Skip: pick(f.c, 0, 0, 1, 5), Limit: 1 + f.c(8), Few: few}
		q.Sort = pick(f.c, "", store.SortTime, store.SortTime, store.SortGroup, store.SortType, store.SortClass, store.SortMethod, store.SortFile, store.SortLine, store.SortModel, store.SortVersion, store.SortUser)
		var text string
		q.Filter, text = f.filter(t, false)
		want, wantMore := s.reports(q)
		got, more, err := db.SearchReports(t.Context(), q)
		ok(t, err)
		what := fmt.Sprintf("reports with %q, filter %s, %+v", q.Q, text, q)
		for i := range want {
			want[i].Search = ""
		}
		same(t, what, len(want), len(got))
		for i := range min(len(want), len(got)) {
			same(t, what, want[i], got[i])
		}
		same(t, "more "+what, wantMore, more)
		return
	}
	q := store.GroupSearch{App: f.app.Num, Q: f.words(), OrderBy: f.order(), Skip: pick(f.c, 0, 0, 1), Limit: 1 + f.c(4), Few: few}
	var text string
	q.Filter, text = f.filter(t, true)
	want, wantMore := s.groups(q)
	got, more, err := db.SearchGroups(t.Context(), q)
	ok(t, err)
	what := fmt.Sprintf("groups with %q, filter %s, %+v", q.Q, text, q)
	same(t, what, len(want), len(got))
	for i := range min(len(want), len(got)) {
		same(t, what, want[i], got[i])
	}
	same(t, "more "+what, wantMore, more)
}

// searchLikeLists applies random batches and searches at random, with an app of its own for every try.
func searchLikeLists(t *testing.T, db *store.DB) {
	f := newFeeder(t, db)
	texts := newTexts(db)
	tries := 0
	rapid.Check(t, func(rt *rapid.T) {
		tries++
		app := createApp(t, db, fmt.Sprint("app", tries))
		c := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1)).IntN
		logs := &traffic{c: c, app: app, feed: f.through}
		s := searched{&lists{shard: diag.ShardOf(app.ID), said: map[diag.GroupID]store.GroupWords{}}, texts}
		for range rapid.IntRange(1, 3).Draw(rt, "batches") {
			b := logs.batch(rapid.IntRange(0, 60).Draw(rt, "frames"))
			texts.put(b)
			s.apply(b)
			f.apply(b)
			if group := diag.GroupID(c(6)); group > 0 && c(2) == 0 {
				s.said[group] = store.GroupWords{State: pick(c, store.StateClosed, store.StateIgnored), Annotation: "seen"}
				ok(rt, db.SetGroupWords(t.Context(), app.Num, group, s.said[group]))
			}
			for range 12 {
				logs.search(rt, s, db)
			}
		}
	})
}

func searchRefused(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	newFeeder(t, db).apply(triple(app, 1))
	for _, q := range []store.ReportSearch{
		{App: app.Num, Skip: store.MaxSkip + 1, Limit: 1}, {App: app.Num, Q: strings.Repeat("a ", store.MaxTerms+1), Limit: 1},
		{App: app.Num, Q: strings.Repeat("ä", store.MaxText+1), Limit: 1}, {App: app.Num, Sort: "colour", Limit: 1},
	} {
		_, _, err := db.SearchReports(t.Context(), q)
		kind(t, err, diag.Invalid)
	}
	_, _, err := db.SearchGroups(t.Context(), store.GroupSearch{App: app.Num, Skip: store.MaxSkip + 1, Limit: 1})
	kind(t, err, diag.Invalid)
	_, _, err = db.SearchGroups(t.Context(), store.GroupSearch{App: app.Num, OrderBy: store.Order{Column: "colour"}, Limit: 1})
	kind(t, err, diag.Invalid)
	_, _, err = db.SearchReports(t.Context(), store.ReportSearch{App: app.Num + 7, Limit: 1})
	kind(t, err, diag.NotFound)
}

// find counts the hits of a text.
func find(t testing.TB, db *store.DB, app int64, q string) int {
	t.Helper()
	rows, _, err := db.SearchReports(t.Context(), store.ReportSearch{App: app, Q: q, Limit: 100})
	ok(t, err)
	return len(rows)
}

// searchDeleted: a deleted report is not found, and what others have in common with it still is. One whose log is
// gone already goes as well.
func searchDeleted(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	texts := newTexts(db)
	f := newFeeder(t, db)
	b := triple(app, 1)
	b.Attachments = append(b.Attachments, attachmentOf(app, f.through+10, "file", b.Reports[0].ID))
	texts.put(b)
	for i := range b.Reports {
		r := &b.Reports[i]
		texts.reports[r.ID] = store.LogTexts{All: []string{"common sorrow", fmt.Sprint("only", i)}}
		r.Search = store.NewSearchDoc(r, texts.reports[r.ID].All)
	}
	texts.files[b.Attachments[0].ID] = "in a file"
	b.Attachments[0].Search = store.NewAttachmentDoc(&b.Attachments[0], "in a file")
	f.apply(b)
	same(t, "hits", []int{3, 1, 1}, []int{find(t, db, app.Num, "sorrow"), find(t, db, app.Num, "only0"), find(t, db, app.Num, "file")})
	must(db.DeleteReport(t.Context(), app.Num, b.Reports[0].ID, 1))(t)
	same(t, "hits", []int{2, 0, 0, 1}, []int{find(t, db, app.Num, "sorrow"), find(t, db, app.Num, "only0"), find(t, db, app.Num, "file"), find(t, db, app.Num, "only1")})
	delete(texts.reports, b.Reports[1].ID)
	must(db.DeleteReport(t.Context(), app.Num, b.Reports[1].ID, 1))(t)
	same(t, "hits", []int{1, 0}, []int{find(t, db, app.Num, "sorrow"), find(t, db, app.Num, "only1")})
	ok(t, db.DeleteApp(t.Context(), app.Num))
	_, _, err := db.SearchReports(t.Context(), store.ReportSearch{App: app.Num, Q: "sorrow", Limit: 1})
	kind(t, err, diag.NotFound)
}

// searchReset: an emptied index finds nothing, and finds all when it is made anew.
func searchReset(t *testing.T, db *store.DB) {
	app := createApp(t, db, "boat")
	texts := newTexts(db)
	b := triple(app, 1)
	texts.put(b)
	newFeeder(t, db).apply(b)
	same(t, "hits", 3, find(t, db, app.Num, "screen"))
	ok(t, db.ResetIndex(t.Context()))
	same(t, "hits", 0, find(t, db, app.Num, "screen"))
	newFeeder(t, db).apply(b)
	same(t, "hits", 3, find(t, db, app.Num, "screen"))
}
