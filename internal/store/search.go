package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"sync"

	"lifeboat/internal/diag"
)

// Texts reads what the search looks into beyond rows, out of the journal. It is asked while a report is deleted
// and while hits are looked through. NotFound says that the log is gone.
type Texts interface {
	ReportTexts(ctx context.Context, r *ReportRow) (LogTexts, error)
	// AttachmentText is that which NewAttachmentDoc was given.
	AttachmentText(ctx context.Context, a *AttachmentRow) (string, error)
}

// LogTexts are what is searched of a report beyond its row.
type LogTexts struct {
	Message string   // of the exception that decided the group
	All     []string // those that NewSearchDoc was given
}

// noTexts is for a store without a journal: only rows are searched.
type noTexts struct{}

func (noTexts) ReportTexts(context.Context, *ReportRow) (LogTexts, error)      { return LogTexts{}, nil }
func (noTexts) AttachmentText(context.Context, *AttachmentRow) (string, error) { return "", nil }

// SetTexts says where texts are read. Call it before anything else; without it the search looks into rows only.
func (db *DB) SetTexts(t Texts) { db.texts = t }

// Every app has a full-text table of its own, so that it goes with the app. In it a report has the number of its
// row, a group and an attachment one below 0.

func searchTable(app int64) string { return "search_" + strconv.FormatInt(app, 10) }

func groupNumber(g diag.GroupID) int64 { return -1 - int64(g) }

func numberedGroup(n int64) diag.GroupID { return diag.GroupID(-1 - n) }

// Attachments lie below the groups. One frame of the journal holds one of them; if a frame ever held more, those
// far behind would share a number, and what finds one would look at both.
const (
	firstFile  = -1 << 33
	fileMember = 1 << 8
)

func fileNumber(feed uint64, member int) int64 {
	return firstFile - int64(feed)*fileMember - int64(min(member, fileMember-1))
}

// fileFeed is the inverse of fileNumber, as far as it has one.
func fileFeed(n int64) (feed int64) { return (firstFile - n) / fileMember }

// searchTables remembers which apps have their table.
type searchTables struct {
	mu  sync.Mutex
	has map[int64]bool
}

func (s *searchTables) known(app int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.has[app]
}

func (s *searchTables) put(app int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.has == nil {
		s.has = map[int64]bool{}
	}
	s.has[app] = true
}

func (s *searchTables) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.has = nil
}

// raw runs a text that is not worth keeping prepared.
func (t *tx) raw(texts ...string) error {
	for _, text := range texts {
		if _, err := t.conn.sql.ExecContext(t.ctx, t.conn.dialect.Rewrite(text)); err != nil {
			return err
		}
	}
	return nil
}

// makeSearch sees to it that an app has its table.
func (db *DB) makeSearch(t *tx, shard uint8, app int64) error {
	if db.searches.known(app) {
		return nil
	}
	rows, err := t.exec("INSERT INTO search_app (shard, app, orphans, stale) VALUES ($1, $2, 0, 0) ON CONFLICT (shard, app) DO NOTHING", shard, app)
	if err != nil {
		return err
	}
	if rows > 0 {
		if err := t.raw(t.conn.dialect.CreateSearch(searchTable(app))...); err != nil {
			return err
		}
	}
	t.after = append(t.after, func() { db.searches.put(app) })
	return nil
}

// hasSearch reports whether an app has its table, so that a reader may ask it.
func (db *DB) hasSearch(t *tx, shard uint8, app int64) (bool, error) {
	var n int64
	err := t.get([]any{&n}, "SELECT COUNT(*) FROM search_app WHERE shard = $1 AND app = $2", shard, app)
	return n > 0, err
}

// dropSearch takes an app's table away.
func (db *DB) dropSearch(t *tx, shard uint8, app int64) error {
	rows, err := t.exec("DELETE FROM search_app WHERE shard = $1 AND app = $2", shard, app)
	if err != nil || rows == 0 {
		return err
	}
	t.after = append(t.after, db.searches.clear)
	return t.raw("DROP TABLE " + searchTable(app))
}

// dropSearches takes all of them away.
func dropSearches(t *tx) error {
	apps, err := list(t, func(r *sql.Rows) (app int64, err error) { return app, r.Scan(&app) }, "SELECT app FROM search_app")
	for _, app := range apps {
		if err == nil {
			err = t.raw("DROP TABLE " + searchTable(app))
		}
	}
	return err
}

// lastReport is the highest number of a report.
func (w *batchWriter) lastReport() (n int64, err error) {
	err = w.t.get([]any{&n}, "SELECT COALESCE(MAX(num), 0) FROM report")
	return n, err
}

// reportPlace is a report's place in the feed.
type reportPlace struct {
	feed   uint64
	member int
}

// indexReports makes new reports found. numbers are those of their rows.
func (w *batchWriter) indexReports(live []ReportRow, numbers map[reportPlace]int64) {
	for i := range live {
		r := &live[i]
		doc := r.Search
		if doc == "" {
			doc = NewSearchDoc(r, nil)
		}
		w.index(r.Shard, r.App, numbers[reportPlace{r.Feed, r.Locator.Member}], doc.inGroup(r.Group))
	}
}

func (w *batchWriter) indexAttachment(a *AttachmentRow) {
	doc := a.Search
	if doc == "" {
		doc = NewAttachmentDoc(a, "")
	}
	w.index(a.Shard, a.App, fileNumber(a.Feed, a.Locator.Member), doc)
}

// indexGroup makes a new group found by what its row says, which need not be what its first report does.
func (w *batchWriter) indexGroup(r *ReportRow) error {
	var g GroupSummary
	if err := g.load(w.t, r.Shard, r.App, r.Group); err != nil {
		return err
	}
	w.index(r.Shard, r.App, groupNumber(r.Group), groupDoc(g.AppVersion, &g.Reason))
	return nil
}

// document is one that waits to be written.
type document struct {
	app    int64
	shard  uint8
	number int64
	doc    SearchDoc
}

func (w *batchWriter) index(shard uint8, app, number int64, doc SearchDoc) {
	if doc != "" {
		w.documents = append(w.documents, document{app, shard, number, doc})
	}
}

func sortDocuments(all []document) {
	slices.SortFunc(all, func(a, b document) int { return cmp.Or(cmp.Compare(a.app, b.app), cmp.Compare(a.number, b.number)) })
}

// writeDocuments writes the documents of the batch at its end and in the order of their numbers: a number that
// goes back, or another statement in between, makes the engine begin a new piece of its table, and many pieces are
// work for those who search and for those who merge them.
func (w *batchWriter) writeDocuments() error {
	sortDocuments(w.documents)
	for i, d := range w.documents {
		if i == 0 || w.documents[i-1].app != d.app {
			if err := w.db.makeSearch(w.t, d.shard, d.app); err != nil {
				return err
			}
		}
		if _, err := w.t.exec(w.db.index.dialect.SearchInsert(searchTable(d.app)), d.number, string(d.doc)); err != nil {
			return err
		}
	}
	return nil
}

// unsearcher takes what is deleted out of an app's full-text table.
type unsearcher struct {
	db      *DB
	t       *tx
	shard   uint8
	app     int64
	docs    []document
	orphans int
}

// report is to be called before the report's row is deleted and before its log is blanked in the journal: its document
// is built again from both. A log that is gone already leaves the grams of its texts behind under a number that no row
// has; they are counted as orphans, find nothing, and go with the next rebuilding of the index.
func (u *unsearcher) report(r *ReportRow) error {
	var n int64
	err := u.t.get([]any{&n}, "SELECT num FROM report WHERE shard = $1 AND app = $2 AND id = $3", u.shard, u.app, r.ID[:])
	if err != nil {
		return absent(err, "report")
	}
	texts, err := u.db.texts.ReportTexts(u.t.ctx, r)
	if gone(err) {
		u.orphans++
		return nil
	}
	u.take(n, NewSearchDoc(r, texts.All).inGroup(r.Group))
	return err
}

// attachment is the same for an attachment.
func (u *unsearcher) attachment(a *AttachmentRow) error {
	text, err := u.db.texts.AttachmentText(u.t.ctx, a)
	if gone(err) {
		u.orphans++
		return nil
	}
	u.take(fileNumber(a.Feed, a.Locator.Member), NewAttachmentDoc(a, text))
	return err
}

// group is to be called before the group's row is deleted.
func (u *unsearcher) group(g diag.GroupID) error {
	var s GroupSummary
	err := s.load(u.t, u.shard, u.app, g)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	u.take(groupNumber(g), groupDoc(s.AppVersion, &s.Reason))
	return err
}

func (u *unsearcher) take(number int64, doc SearchDoc) {
	if doc != "" {
		u.docs = append(u.docs, document{u.app, u.shard, number, doc})
	}
}

// finish takes it all out. Lazily is for very many: what is taken out is not found any more at once, but is in the
// file until settleSearch has been there.
func (u *unsearcher) finish(lazily bool) error {
	there, err := u.db.hasSearch(u.t, u.shard, u.app)
	if err != nil || !there {
		return err
	}
	table, d := searchTable(u.app), u.t.conn.dialect
	if lazily {
		if err := u.t.raw(d.SearchLazily(table, true)...); err != nil {
			return err
		}
	}
	sortDocuments(u.docs)
	for i := range u.docs {
		if _, err := u.t.exec(d.SearchDelete(table), u.docs[i].number, string(u.docs[i].doc)); err != nil {
			return err
		}
	}
	stale := 0
	if lazily {
		stale = len(u.docs)
		if err := u.t.raw(d.SearchLazily(table, false)...); err != nil {
			return err
		}
	}
	if stale == 0 && u.orphans == 0 {
		return nil
	}
	_, err = u.t.exec("UPDATE search_app SET stale = stale + $3, orphans = orphans + $4 WHERE shard = $1 AND app = $2", u.shard, u.app, stale, u.orphans)
	return err
}

// The bounds of settleSearch.
const (
	settleEvery = 24 * 60 // calls of Tidy: about a day
	settleFirst = 60      // calls of Tidy: for a server that never runs for a day
	settleSteps = 10      // in one call
)

// settleSearches rewrites full-text tables from which something was taken out lazily, so that nothing of it is left in
// the file: a bounded part of each in one call, or all of it.
func (db *DB) settleSearches(ctx context.Context, whole bool) error {
	if db.settling.Add(1)%settleEvery == settleFirst || whole {
		if err := db.beginSettling(ctx); err != nil {
			return err
		}
	}
	for steps := 0; whole || steps < settleSteps; steps++ {
		more, err := db.settleStep(ctx)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// beginSettling has every table rewritten that needs it.
func (db *DB) beginSettling(ctx context.Context) error {
	var n int64
	err := db.viewIndex(ctx, func(t *tx) error { return t.get([]any{&n}, "SELECT COUNT(*) FROM search_app WHERE stale > 0") })
	if err != nil || n == 0 {
		return err
	}
	return db.index.update(ctx, func(t *tx) error {
		apps, err := list(t, func(r *sql.Rows) (app int64, err error) { return app, r.Scan(&app) }, "SELECT app FROM search_app WHERE stale > 0")
		for _, app := range apps {
			if err == nil {
				_, err = t.conn.dialect.SearchSettle(t.ctx, t.conn.sql, searchTable(app), true)
			}
		}
		if err == nil {
			_, err = t.exec("UPDATE search_app SET stale = -1 WHERE stale > 0")
		}
		return err
	})
}

// settleStep rewrites a part of one table; false if there is none to rewrite.
func (db *DB) settleStep(ctx context.Context) (more bool, err error) {
	var (
		shard uint8
		app   int64
	)
	err = db.viewIndex(ctx, func(t *tx) error { // a transaction that writes would have an idle index seem busy
		err := t.get([]any{&shard, &app}, "SELECT shard, app FROM search_app WHERE stale < 0 LIMIT 1")
		if more = err == nil; errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil || !more {
		return false, err
	}
	err = db.index.update(ctx, func(t *tx) error {
		there, err := db.hasSearch(t, shard, app)
		if err != nil || !there {
			return err
		}
		on, err := t.conn.dialect.SearchSettle(t.ctx, t.conn.sql, searchTable(app), false)
		if err == nil && !on {
			_, err = t.exec("UPDATE search_app SET stale = 0 WHERE shard = $1 AND app = $2", shard, app)
		}
		return err
	})
	return more, err
}
