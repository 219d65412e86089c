package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"lifeboat/internal/diag"
)

// Reason is the frame that decided a group, with nothing of any one report's message.
type Reason struct {
	Type            string // exception type or signal
	OSExceptionType string
	Class           string
	Method          string
	File            string
	Line            int // 0 = unknown
	AppCode         bool
	ClassMethod     bool
	CodeRaw         string
	Framework       string // image or library
	Language        diag.Language
}

// ReportRow is the row of one crash or handled error.
type ReportRow struct {
	Feed         uint64
	Time         diag.DeviceTime
	Ingress      diag.IngressTime
	App          int64
	Shard        uint8 // filled in by the store from the app
	Kind         diag.LogKind
	Handled      bool
	ID           diag.ID
	Install      diag.InstallID
	Session      diag.ID
	UserID       string
	AppVersion   string
	AppBuild     string
	Model        string
	OSName       string
	OSVersion    string
	Country      string
	Language     string
	Group        diag.GroupID   // 0 = in no group
	Signature    diag.Signature // of the group
	Reason       Reason         // of the group: the one of its report with the lowest feed number
	State        diag.SymbolicationState
	Missing      []string // ids of images without symbols
	MissingNames []string // of those images, in the same order; not read back
	Problem      string   // why the log could not be read in full
	Locator      diag.Locator

	// Search is what it is found by, written with a new row and never read back: NewSearchDoc made it. "" is that
	// of the row alone.
	Search SearchDoc
}

func (r *ReportRow) traits() *Traits {
	return &Traits{Model: r.Model, OS: strings.TrimSpace(r.OSName + " " + r.OSVersion), Country: r.Country, Language: r.Language}
}

// states are stored as their places in this list: only ever append.
var states = [...]diag.SymbolicationState{"", diag.Symbolicated, diag.PartlySymbolicated, diag.SymbolsMissing, diag.SymbolsNotNeeded}

func (w *batchWriter) writeReports(ctx context.Context, rows []ReportRow) error {
	rows, err := place(ctx, w, PurgeReports, rows, func(r *ReportRow) (int64, *uint8, uint64, int) { return r.App, &r.Shard, r.Feed, r.Locator.Member })
	if err != nil || len(rows) == 0 {
		return err
	}
	rows, err = withoutDeleted(ctx, w, rows, func(r *ReportRow) ([]named, uint64, diag.Locator) {
		return []named{{diag.FamilyError, r.ID}}, r.Feed, r.Locator
	},
		func(r *ReportRow) (int64, uint8) { return r.App, r.Shard })
	if err != nil {
		return err
	}
	seen, err := w.devicesSeen(rows)
	if err != nil {
		return err
	}
	last, err := w.lastReport()
	if err != nil {
		return err
	}
	numbers := make(map[reportPlace]int64, len(rows))
	live, copies, err := insertNew(w.t, w.db.index.dialect, w.reportTable(last, numbers), rows)
	if err != nil {
		return err
	}
	if w.words.err != nil {
		return w.words.err
	}
	for i := range live {
		w.noteReport(&live[i])
	}
	w.done.Reports += len(live)
	for i := range copies {
		if err := w.writeCopy(copies[i].App, copies[i].Shard, copies[i].Feed, copies[i].Locator); err != nil {
			return err
		}
	}
	w.indexReports(live, numbers)
	if err := w.countErrors(live); err != nil {
		return err
	}
	if err := w.countMissing(live); err != nil {
		return err
	}
	return w.countGroups(live, seen)
}

// noteReport has a new row counted wherever it counts, but in its group.
func (w *batchWriter) noteReport(r *ReportRow) {
	w.tally[tallyKey{r.App, r.Shard, int(r.Kind)}]++
	w.activity.see(deviceDay{r.App, r.Shard, r.Install, dayOf(r.Time)}, r.AppVersion, r.AppBuild, r.traits(), r.sentBy(), r.Feed, r.Locator.Member)
	w.sessions.see(sessionKey{r.App, r.Shard, r.Install, r.Session}, span{first: r.Time, last: r.Time})
	w.arrive(r.App, r.Shard, r.Feed, r.Ingress, r.Locator)
}

// reportTable numbers rows behind last, in the order in which they come.
func (w *batchWriter) reportTable(last int64, numbers map[reportPlace]int64) table[ReportRow] {
	return table[ReportRow]{
		name: "report",
		columns: []string{"num", "shard", "app", "id", "grp", "time", "install", "user_id", "session", "kind", "handled", "feed", "ingress",
			"version", "build", "model", "os_name", "os_version", "country", "language", "state", "missing", "problem", "segment", "pos", "member"},
		bind: func(dst []any, r *ReportRow) []any {
			last++
			numbers[reportPlace{r.Feed, r.Locator.Member}] = last
			return append(dst, last, int64(r.Shard), r.App, r.ID[:], int64(r.Group), int64(r.Time), packInstall(r.Install), textOrNull(r.UserID),
				idOrNull(r.Session), int64(r.Kind), flag(r.Handled), int64(r.Feed), int64(r.Ingress), w.words.num(r.AppVersion),
				w.words.num(r.AppBuild), w.words.num(r.Model), w.words.num(r.OSName), w.words.num(r.OSVersion), w.words.num(r.Country),
				w.words.num(r.Language), w.stateNumber(r.State), w.words.num(strings.Join(r.Missing, "\n")), textOrNull(r.Problem),
				r.Locator.Segment, r.Locator.Offset, int64(r.Locator.Member))
		},
		stored: func(r *ReportRow) (feed int64, member int, err error) {
			err = w.t.get([]any{&feed, &member}, "SELECT feed, member FROM report WHERE shard = $1 AND app = $2 AND id = $3", r.Shard, r.App, r.ID[:])
			return feed, member, err
		},
		self: func(r *ReportRow) (int64, int) { return int64(r.Feed), r.Locator.Member },
	}
}

func (w *batchWriter) stateNumber(s diag.SymbolicationState) int64 {
	n := slices.Index(states[:], s)
	if n < 0 && w.words.err == nil {
		w.words.err = fmt.Errorf("store: unknown symbolication state %q", s)
	}
	return int64(n)
}

// device is one install in one group.
type device struct {
	app     int64
	shard   uint8
	group   diag.GroupID
	install diag.InstallID
}

func (r *ReportRow) device() device { return device{r.App, r.Shard, r.Group, r.Install} }

// devicesSeen returns which of the rows' installs have a report in the row's group already.
func (w *batchWriter) devicesSeen(rows []ReportRow) (map[device]bool, error) {
	seen := make(map[device]bool, len(rows))
	asked := make([]device, 0, len(rows))
	for i := range rows {
		d := rows[i].device()
		if _, ok := seen[d]; !ok && d.group != 0 {
			seen[d] = false
			asked = append(asked, d)
		}
	}
	err := chunks(asked, func(piece []device) error {
		var args []any
		for _, d := range piece {
			args = append(args, int64(d.shard), d.app, packInstall(d.install), int64(d.group))
		}
		return w.t.each(func(r *sql.Rows) error {
			var i int
			err := r.Scan(&i)
			seen[piece[i]] = true
			return err
		}, devicesText(len(piece)), args...)
	})
	return seen, err
}

// devicesText asks for the places in the list of n installs that have a report in the group beside them.
func devicesText(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(" UNION ALL ")
		}
		fmt.Fprintf(&b, "SELECT %d WHERE EXISTS (SELECT 1 FROM report WHERE shard = $%d AND app = $%d AND install = $%d AND grp = $%d)",
			i, 4*i+1, 4*i+2, 4*i+3, 4*i+4)
	}
	return b.String()
}

// ReportQuery asks for reports of one app. Zero fields ask for nothing.
type ReportQuery struct {
	App        int64
	Group      *diag.GroupID
	Start, End diag.DeviceTime // 0 = open; End is exclusive
	Model      string
	OS         string // name, version, or "name version"
	Install    diag.InstallID
	UserID     string
	Limit      int // 0 = no limit
	After      Page
}

// reportColumns need the tables report r and error_group g.
const reportColumns = `r.feed, r.time, r.ingress, r.kind, r.handled, r.id, r.install, r.session, r.user_id, r.grp, r.state, r.problem,
	r.segment, r.pos, r.member, g.signature, ` + reasonColumns + `,
	r.version, r.build, r.model, r.os_name, r.os_version, r.country, r.language, r.missing`

const reportGroup = " LEFT JOIN error_group g ON g.shard = r.shard AND g.app = r.app AND g.grp = r.grp"

// reportIndex is the mark of the index that finds chosen reports.
func reportIndex(group bool, install diag.InstallID, user string) string {
	switch {
	case install != "":
		return " /* by report_install */"
	case user != "":
		return " /* by report_user */"
	case group:
		return " /* by report_grp */"
	}
	return " /* by report_time */"
}

// Reports lists reports, newest first; at the same time the one with the higher id first.
func (db *DB) Reports(ctx context.Context, q ReportQuery) (rows []ReportRow, next Page, err error) {
	shard, err := db.shardOf(ctx, q.App)
	if err != nil {
		return nil, Page{}, err
	}
	err = db.viewIndex(ctx, func(t *tx) error {
		f, any, err := db.reportFilter(t, shard, &q)
		if err != nil || !any {
			return err
		}
		limit := 0
		if q.Limit > 0 {
			limit = q.Limit + 1
		}
		rows, err = db.reports(t, shard, q.App, "SELECT "+reportColumns+" FROM report r"+
			reportIndex(q.Group != nil, q.Install, q.UserID)+reportGroup+" WHERE "+f.String()+" ORDER BY r.time DESC, r.id DESC"+f.limit(limit), f)
		return err
	})
	if err == nil && q.Limit > 0 && len(rows) > q.Limit {
		rows = rows[:q.Limit]
		last := &rows[q.Limit-1]
		next = Page{Time: last.Time, ID: last.ID}
	}
	return rows, next, err
}

// reportFilter says which reports r are asked for; any is false if it is clear that there are none.
func (db *DB) reportFilter(t *tx, shard uint8, q *ReportQuery) (f *filter, any bool, err error) {
	f = &filter{}
	f.and("r.shard = $%d AND r.app = $%d", shard, q.App)
	if q.Group != nil {
		f.and("r.grp = $%d", *q.Group)
	}
	f.reports(q.Start, q.End, q.Install, q.UserID)
	if !q.After.IsZero() {
		f.and("(r.time, r.id) < ($%d, $%d)", q.After.Time, q.After.ID[:])
	}
	if q.Model != "" {
		n, ok, err := db.words.find(t, q.Model)
		if err != nil || !ok {
			return nil, false, err
		}
		f.and("r.model = $%d", n)
	}
	if q.OS != "" {
		if err := db.osFilter(t, f, q.OS); err != nil {
			return nil, false, err
		}
	}
	return f, true, nil
}

// reports adds the conditions on reports r that lists of reports and of groups share.
func (f *filter) reports(start, end diag.DeviceTime, install diag.InstallID, user string) {
	if start != 0 {
		f.and("r.time >= $%d", start)
	}
	if end != 0 {
		f.and("r.time < $%d", end)
	}
	if install != "" {
		f.and("r.install = $%d", packInstall(install))
	}
	if user != "" {
		f.and("r.user_id = $%d", user)
	}
}

// noWord is the number of no text.
const noWord = -1

// osFilter matches a system's name, its version, or both with a blank between them.
func (db *DB) osFilter(t *tx, f *filter, os string) error {
	name, version := os, ""
	if i := strings.LastIndexByte(os, ' '); i >= 0 {
		name, version = os[:i], os[i+1:]
	}
	var nums [3]int64
	for i, text := range [...]string{os, name, version} {
		n, ok, err := db.words.find(t, text)
		if err != nil {
			return err
		}
		if !ok || text == "" {
			n = noWord
		}
		nums[i] = n
	}
	f.and("(r.os_name = $%d OR r.os_version = $%d OR (r.os_name = $%d AND r.os_version = $%d))", nums[0], nums[0], nums[1], nums[2])
	return nil
}

// Report returns one report.
func (db *DB) Report(ctx context.Context, app int64, id diag.ID) (ReportRow, error) {
	of, err := db.ReportsByID(ctx, app, []diag.ID{id})
	if err != nil {
		return ReportRow{}, err
	}
	r, ok := of[id]
	if !ok {
		return ReportRow{}, absent(sql.ErrNoRows, "report")
	}
	return r, nil
}

// ReportsByID returns those of the reports that exist.
func (db *DB) ReportsByID(ctx context.Context, app int64, ids []diag.ID) (map[diag.ID]ReportRow, error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return nil, err
	}
	of := make(map[diag.ID]ReportRow, len(ids))
	err = db.viewIndex(ctx, func(t *tx) error {
		for _, id := range ids {
			f := &filter{}
			f.and("r.shard = $%d AND r.app = $%d AND r.id = $%d", shard, app, id[:])
			rows, err := db.reports(t, shard, app, "SELECT "+reportColumns+" FROM report r"+reportGroup+" WHERE "+f.String(), f)
			if err != nil {
				return err
			}
			if len(rows) > 0 {
				of[id] = rows[0]
			}
		}
		return nil
	})
	return of, err
}

// reports reads rows with reportColumns.
func (db *DB) reports(t *tx, shard uint8, app int64, text string, f *filter) ([]ReportRow, error) {
	var words []*wordColumns
	var missing []*string
	rows, err := list(t, func(r *sql.Rows) (*ReportRow, error) {
		row, images := &ReportRow{App: app, Shard: shard}, new(string)
		w := newWordColumns(&row.AppVersion, &row.AppBuild, &row.Model, &row.OSName, &row.OSVersion, &row.Country, &row.Language, images)
		words, missing = append(words, w), append(missing, images)
		return row, row.scan(r, w)
	}, text, f.args...)
	if err != nil {
		return nil, err
	}
	all := make([]ReportRow, len(rows))
	for i, row := range rows {
		if err := words[i].resolve(t, &db.words); err != nil {
			return nil, err
		}
		row.Missing = splitLines(*missing[i])
		all[i] = *row
	}
	return all, nil
}

func (r *ReportRow) scan(rows *sql.Rows, w *wordColumns) error {
	var state int
	dest := []any{&r.Feed, &r.Time, &r.Ingress, &r.Kind, &r.Handled, idColumn{&r.ID}, installColumn{&r.Install}, idColumn{&r.Session},
		textColumn{&r.UserID}, &r.Group, &state, textColumn{&r.Problem}, &r.Locator.Segment, &r.Locator.Offset, &r.Locator.Member,
		idColumn{(*diag.ID)(&r.Signature)}}
	dest = append(append(dest, r.Reason.scan()...), w.scan()...)
	if err := rows.Scan(dest...); err != nil {
		return err
	}
	if state >= len(states) {
		return fmt.Errorf("store: unknown symbolication state %d", state)
	}
	r.State = states[state]
	return nil
}
