package store

import (
	"cmp"
	"container/heap"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lifeboat/internal/diag"
)

// reasonColumns need the table error_group g. They may be NULL where a report is in no group.
const reasonColumns = "g.type, g.os_type, g.class, g.method, g.file, g.line, g.app_code, g.class_method, g.code_raw, g.framework, g.language"

func (r *Reason) scan() []any {
	return []any{textColumn{&r.Type}, textColumn{&r.OSExceptionType}, textColumn{&r.Class}, textColumn{&r.Method}, textColumn{&r.File},
		numberColumn{&r.Line}, flagColumn{&r.AppCode}, flagColumn{&r.ClassMethod}, textColumn{&r.CodeRaw}, textColumn{&r.Framework},
		textColumn{(*string)(&r.Language)}}
}

// groupDelta is what a batch adds to one group.
type groupDelta struct {
	first      *ReportRow // the report with the lowest feed number
	latest     *ReportRow // the newest one
	n, devices int64
	from, to   diag.DeviceTime
	rows       []*ReportRow
	days       []dayReports
}

func (g *groupDelta) add(r *ReportRow) {
	if g.n == 0 {
		g.first, g.latest, g.from, g.to = r, r, r.Time, r.Time
	}
	if newer(r, g.latest) {
		g.latest = r
	}
	g.n++
	g.rows = append(g.rows, r)
	g.days = addDay(g.days, int32(dayOf(r.Time)), 1)
	g.from, g.to = min(g.from, r.Time), max(g.to, r.Time)
}

// newer orders reports by time, then by id.
func newer(a, b *ReportRow) bool {
	return a.Time > b.Time || a.Time == b.Time && slices.Compare(a.ID[:], b.ID[:]) > 0
}

// groupKey is one group of one app.
type groupKey struct {
	app   int64
	group diag.GroupID
}

// countGroups adds new reports to their groups. seen tells which installs a group had before.
func (w *batchWriter) countGroups(live []ReportRow, seen map[device]bool) error {
	deltas, order := w.groups, []*groupDelta(nil)
	for i := range live {
		r := &live[i]
		if r.Group == 0 {
			continue
		}
		g := deltas[groupKey{r.App, r.Group}]
		if g == nil {
			g = &groupDelta{}
			deltas[groupKey{r.App, r.Group}], order = g, append(order, g)
		}
		g.add(r)
		if d := r.device(); !seen[d] {
			seen[d] = true
			g.devices++
		}
	}
	known, err := w.countKnown(order)
	if err != nil {
		return err
	}
	parts := sums[partKey]{}
	for _, g := range order {
		n := known[groupKey{g.first.App, g.first.Group}]
		var err error
		if n == 0 {
			n, err = w.countGroup(g)
		}
		if err == nil && n == g.n {
			err = w.recall(g.first) // the group is new here
		}
		if err == nil && n == g.n {
			err = w.indexGroup(g.first)
		}
		if err == nil {
			err = w.countParts(parts, g, n)
		}
		if err != nil {
			return err
		}
		g.rows = nil
	}
	return groupCounts.write(w.t, parts)
}

// countKnown adds to the counters of groups that have a row and returns how many reports they have now.
func (w *batchWriter) countKnown(all []*groupDelta) (known map[groupKey]int64, err error) {
	byApp := map[int64][]*groupDelta{}
	for _, g := range all {
		byApp[g.first.App] = append(byApp[g.first.App], g)
	}
	known = make(map[groupKey]int64, len(all))
	var args []any
	for app, deltas := range byApp {
		err := chunks(deltas, func(piece []*groupDelta) error {
			args = args[:0]
			for _, g := range piece {
				args = append(args, int64(g.first.Group), g.n, g.devices, int64(g.from), int64(g.to), g.latest.ID[:], g.latest.AppBuild)
			}
			n := len(args)
			return w.t.each(func(r *sql.Rows) error {
				var (
					group diag.GroupID
					n     int64
				)
				err := r.Scan(&group, &n)
				known[groupKey{app, group}] = n
				return err
			}, fmt.Sprintf(`WITH came (grp, n, devices, first_at, last_at, latest, build) AS (VALUES %s)
				UPDATE error_group SET
				n = error_group.n + came.n,
				devices = error_group.devices + came.devices,
				first_at = CASE WHEN came.first_at < error_group.first_at THEN came.first_at ELSE error_group.first_at END,
				last_at = CASE WHEN came.last_at > error_group.last_at THEN came.last_at ELSE error_group.last_at END,
				build = CASE WHEN (came.last_at, came.latest) > (error_group.last_at, error_group.latest) THEN came.build ELSE error_group.build END,
				latest = CASE WHEN (came.last_at, came.latest) > (error_group.last_at, error_group.latest) THEN came.latest ELSE error_group.latest END
				FROM came WHERE error_group.shard = $%d AND error_group.app = $%d AND error_group.grp = came.grp RETURNING error_group.grp, error_group.n`,
				tuples(len(piece), 7), n+1, n+2), append(args, int64(piece[0].first.Shard), app)...)
		})
		if err != nil {
			return nil, err
		}
	}
	return known, nil
}

// countGroup returns how many reports the group has now.
func (w *batchWriter) countGroup(g *groupDelta) (n int64, err error) {
	r := g.first
	err = w.t.get([]any{&n}, `INSERT INTO error_group (shard, app, grp, handled, version, signature, type, os_type, class, method, file, line,
		app_code, class_method, code_raw, framework, language, n, devices, first_at, last_at, latest, build)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
		ON CONFLICT (shard, app, grp) DO UPDATE SET
		n = error_group.n + excluded.n,
		devices = error_group.devices + excluded.devices,
		first_at = CASE WHEN excluded.first_at < error_group.first_at THEN excluded.first_at ELSE error_group.first_at END,
		last_at = CASE WHEN excluded.last_at > error_group.last_at THEN excluded.last_at ELSE error_group.last_at END,
		build = CASE WHEN (excluded.last_at, excluded.latest) > (error_group.last_at, error_group.latest) THEN excluded.build ELSE error_group.build END,
		latest = CASE WHEN (excluded.last_at, excluded.latest) > (error_group.last_at, error_group.latest) THEN excluded.latest ELSE error_group.latest END
		RETURNING n`,
		r.Shard, r.App, r.Group, flag(r.Handled), r.AppVersion, r.Signature[:], r.Reason.Type, r.Reason.OSExceptionType, r.Reason.Class,
		r.Reason.Method, r.Reason.File, r.Reason.Line, flag(r.Reason.AppCode), flag(r.Reason.ClassMethod), r.Reason.CodeRaw,
		r.Reason.Framework, string(r.Reason.Language), g.n, g.devices, g.from, g.to, g.latest.ID[:], g.latest.AppBuild)
	return n, err
}

// Column is what groups can be ordered by.
type Column string

// The columns.
const (
	ByCount   Column = "count"
	ByDevices Column = "devices"
	ByFirst   Column = "first"
	ByLast    Column = "last"
	ByVersion Column = "version"
	ByType    Column = "type"
	ByClass   Column = "class"
	ByMethod  Column = "method"
	ByID      Column = "id"
)

var columns = [...]Column{ByCount, ByDevices, ByFirst, ByLast, ByVersion, ByType, ByClass, ByMethod, ByID}

// Order is one sort column. Ties are broken by the group's id.
type Order struct {
	Column Column
	Desc   bool
}

// GroupQuery asks for groups of one app. Zero fields ask for nothing. Start, End, Build, Install and UserID
// choose reports: groups without a chosen one are left out, and counts, devices, times and Latest are those
// of the chosen ones.
type GroupQuery struct {
	App        int64
	Start, End diag.DeviceTime // 0 = open; End is exclusive
	Version    string
	Build      string
	States     []string // any of them
	Handled    *bool
	Install    diag.InstallID
	UserID     string
	OrderBy    []Order // default: count, falling
	Limit      int     // 0 = no limit
	After      Page    // of the same query
}

// GroupSummary is one fault in one version of an app.
type GroupSummary struct {
	ID          diag.GroupID
	Handled     bool
	AppVersion  string
	AppBuild    string // of the newest report
	Count       int64  // of reports, purged ones too unless reports were chosen
	Devices     int64  // of different installs
	First, Last diag.DeviceTime
	Reason      Reason
	Signature   diag.Signature
	State       string
	Annotation  string
	Latest      diag.ID // the newest report
}

// Group returns one group over all its reports.
func (db *DB) Group(ctx context.Context, app int64, id diag.GroupID) (g GroupSummary, err error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return g, err
	}
	words, err := db.GroupWords(ctx, app, id)
	if err != nil {
		return g, err
	}
	err = db.viewIndex(ctx, func(t *tx) error { return absent(g.load(t, shard, app, id), "error group") })
	g.State, g.Annotation = words.State, words.Annotation
	return g, err
}

// load reads a group's row with its counters.
func (g *GroupSummary) load(t *tx, shard uint8, app int64, id diag.GroupID) error {
	g.ID = id
	return t.get(append([]any{&g.Handled, &g.AppVersion, &g.AppBuild, &g.Count, &g.Devices, &g.First, &g.Last, idColumn{&g.Latest},
		idColumn{(*diag.ID)(&g.Signature)}}, g.Reason.scan()...),
		"SELECT g.handled, g.version, g.build, g.n + g.past, g.devices, g.first_at, g.last_at, g.latest, g.signature, "+reasonColumns+
			" FROM error_group g WHERE g.shard = $1 AND g.app = $2 AND g.grp = $3", shard, app, id)
}

// groupPlace is what a group's place in a list follows from.
type groupPlace struct {
	id                           diag.GroupID
	n, devices                   int64
	gone                         int64           // purged reports, counted in n
	goneFirst                    diag.DeviceTime // when the first of them happened
	first, last                  diag.DeviceTime
	version, kind, class, method string
	handled                      bool
	past                         bool // the counters leave out reports that came after the first page
	days                         []dayReports
}

const placeColumns = "grp, n + past, devices, past, past_first, first_at, last_at, handled, version, type, class, method"

func (p *groupPlace) scan(r *sql.Rows) error {
	return r.Scan(&p.id, &p.n, &p.devices, &p.gone, &p.goneFirst, &p.first, &p.last, flagColumn{&p.handled}, &p.version, &p.kind, &p.class, &p.method)
}

func (p *groupPlace) value(c Column) (v SortValue) {
	switch c {
	case ByCount:
		v.Int = p.n
	case ByDevices:
		v.Int = p.devices
	case ByFirst:
		v.Int = int64(p.first)
	case ByLast:
		v.Int = int64(p.last)
	case ByVersion:
		v.Text = p.version
	case ByType:
		v.Text = p.kind
	case ByClass:
		v.Text = p.class
	case ByMethod:
		v.Text = p.method
	case ByID:
		v.Int = int64(p.id)
	}
	return v
}

func (p *groupPlace) values(order []Order) []SortValue {
	values := make([]SortValue, len(order))
	for i, o := range order {
		values[i] = p.value(o.Column)
	}
	return values
}

// behind compares a place with another one's sort values and id: more than 0 if it comes later.
func (p *groupPlace) behind(order []Order, values []SortValue, id diag.GroupID) int {
	for i, o := range order {
		v := p.value(o.Column)
		c := cmp.Compare(v.Int, values[i].Int)
		if c == 0 {
			c = strings.Compare(v.Text, values[i].Text)
		}
		if o.Desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(p.id, id)
}

// ranking keeps the first of the places that it is shown.
type ranking struct {
	order []Order
	most  int // 0 = all
	rows  []ranked
}

type ranked struct {
	groupPlace
	values []SortValue
}

func (k *ranking) add(p *groupPlace) {
	full := k.most > 0 && len(k.rows) == k.most
	if full && p.behind(k.order, k.rows[0].values, k.rows[0].id) > 0 {
		return
	}
	if row := (ranked{*p, p.values(k.order)}); full {
		k.rows[0] = row
		heap.Fix(k, 0)
	} else {
		heap.Push(k, row)
	}
}

// sorted returns the places in their order.
func (k *ranking) sorted() []groupPlace {
	slices.SortFunc(k.rows, func(a, b ranked) int { return a.behind(k.order, b.values, b.id) })
	places := make([]groupPlace, len(k.rows))
	for i := range k.rows {
		places[i] = k.rows[i].groupPlace
	}
	return places
}

// The methods of heap.Interface: the last place is on top.

func (k *ranking) Len() int { return len(k.rows) }
func (k *ranking) Less(i, j int) bool {
	return k.rows[i].behind(k.order, k.rows[j].values, k.rows[j].id) > 0
}
func (k *ranking) Swap(i, j int) { k.rows[i], k.rows[j] = k.rows[j], k.rows[i] }
func (k *ranking) Push(x any)    { k.rows = append(k.rows, x.(ranked)) }
func (k *ranking) Pop() any {
	last := k.rows[len(k.rows)-1]
	k.rows = k.rows[:len(k.rows)-1]
	return last
}

// Groups lists groups. Their counters move while others write, so later pages count only what the first one
// did: a group keeps its place from page to page, and none is lost or doubled.
func (db *DB) Groups(ctx context.Context, q GroupQuery) (groups []GroupSummary, next Page, err error) {
	if len(q.OrderBy) == 0 {
		q.OrderBy = []Order{{ByCount, true}}
	}
	for _, o := range q.OrderBy {
		if !slices.Contains(columns[:], o.Column) {
			return nil, Page{}, diag.Errorf(diag.Invalid, "Groups cannot be ordered by %q.", o.Column)
		}
	}
	shard, err := db.shardOf(ctx, q.App)
	if err != nil {
		return nil, Page{}, err
	}
	if !q.After.IsZero() && len(q.After.Values) != len(q.OrderBy) {
		return nil, Page{}, diag.Errorf(diag.Invalid, "This page belongs to another list: begin again with the first one.")
	}
	said, err := db.wordsOfApp(ctx, shard, q.App)
	if err != nil {
		return nil, Page{}, err
	}
	err = db.viewIndex(ctx, func(t *tx) error {
		l := groupList{db: db, t: t, q: &q, shard: shard, said: said}
		groups, next, err = l.page()
		return err
	})
	return groups, next, err
}

// groupList answers one GroupQuery on one snapshot.
type groupList struct {
	db      *DB
	t       *tx
	q       *GroupQuery
	shard   uint8
	said    map[diag.GroupID]GroupWords
	through uint64                            // reports with higher feed numbers do not count
	tail    map[diag.GroupID][]diag.InstallID // groups that have such reports, with those reports' installs
	endless bool                              // the tail is longer than that
	reports filter                            // which reports are chosen, and count
	chosen  bool                              // by more than their app

	windowed bool // places tell nothing but the number of reports in the window
}

func (l *groupList) page() ([]GroupSummary, Page, error) {
	k := ranking{order: l.q.OrderBy}
	if l.q.Limit > 0 {
		k.most = l.q.Limit + 1
	}
	if err := l.rank(&k); err != nil {
		return nil, Page{}, err
	}
	places := k.sorted()
	more := l.q.Limit > 0 && len(places) > l.q.Limit
	if more {
		places = places[:l.q.Limit]
	}
	groups := make([]GroupSummary, 0, len(places))
	for i := range places {
		g, err := l.summary(&places[i])
		if errors.Is(err, sql.ErrNoRows) {
			continue // deleted since its place was read
		}
		if err != nil {
			return nil, Page{}, err
		}
		groups = append(groups, g)
	}
	if !more {
		return groups, Page{}, nil
	}
	last := &places[len(places)-1]
	return groups, Page{Through: l.through, Values: last.values(l.q.OrderBy), Group: last.id}, nil
}

// rank shows every group of the list, with its counters, to the ranking.
func (l *groupList) rank(k *ranking) error {
	add := func(p *groupPlace) {
		after := &l.q.After
		if l.wanted(p) && (after.IsZero() || p.behind(l.q.OrderBy, after.Values, after.Group) > 0) {
			k.add(p)
		}
	}
	if l.q.Build == "" && l.q.Install == "" && l.q.UserID == "" {
		known, err := l.onBoard(add)
		if known || err != nil {
			return err
		}
	}
	if err := l.prepare(); err != nil {
		return err
	}
	places, err := l.places()
	for i := range places {
		add(&places[i])
	}
	return err
}

// onBoard reads the places in memory. They are not known if they do not reach back to the first page, if they do
// not stand where this snapshot does, or if a window moves what the list is ordered by.
func (l *groupList) onBoard(add func(*groupPlace)) (known bool, err error) {
	windowed := l.q.Start != 0 || l.q.End != 0
	b := l.db.boards.get(l.q.App)
	if err := b.load(l.t, l.shard, l.q.App, windowed); err != nil {
		return false, err
	}
	l.db.boards.trim()
	b.mu.RLock()
	defer b.mu.RUnlock()
	now, _, err := cursor(l.t)
	if err != nil || b.void || b.at == nil || b.tooMany || now != b.through {
		return false, err
	}
	var w *groupWindow
	if windowed && !b.within(l.q.Start, l.q.End) {
		if l.windowMoves() {
			return false, nil
		}
		if w, err = l.window(now); err != nil {
			return false, err
		}
	}
	if l.through, known = b.read(l.q.After.Through, w, add); !known {
		return false, nil
	}
	l.reports.and("r.shard = $%d AND r.app = $%d AND r.feed <= $%d", l.shard, l.q.App, l.through)
	l.reports.reports(l.q.Start, l.q.End, "", "")
	l.windowed = w != nil
	return true, nil
}

// windowMoves reports whether a column of the order is another one in the window than over all reports, besides
// the number of reports.
func (l *groupList) windowMoves() bool {
	return slices.ContainsFunc(l.q.OrderBy, func(o Order) bool {
		return o.Column == ByDevices || o.Column == ByFirst && l.q.Start != 0 || o.Column == ByLast && l.q.End != 0
	})
}

// window counts the reports of those days that the range does not have whole.
func (l *groupList) window(now uint64) (*groupWindow, error) {
	w := &groupWindow{edges: map[diag.GroupID]int64{}}
	w.first, w.last = daysOf(l.q.Start, l.q.End)
	var edges []groupRange
	if l.q.Start != 0 && timeOfDay(w.first) != l.q.Start {
		edges = append(edges, groupRange{l.q.Start, timeOfDay(w.first + 1)})
		w.first++
	}
	if l.q.End != 0 && endOfDay(timeOfDay(w.last)) != l.q.End && w.last >= w.first {
		edges = append(edges, groupRange{timeOfDay(w.last), l.q.End})
		w.last--
	}
	for _, e := range edges {
		if l.q.End != 0 {
			e.end = min(e.end, l.q.End)
		}
		var f filter
		f.and("shard = $%d AND app = $%d AND time >= $%d AND time < $%d", l.shard, l.q.App, e.start, e.end)
		if l.q.After.Through != 0 && l.q.After.Through < now {
			f.and("feed <= $%d", l.q.After.Through)
		}
		var id diag.GroupID
		row := []any{&id}
		err := l.t.each(func(r *sql.Rows) error {
			err := r.Scan(row...)
			w.edges[id]++
			return err
		}, "SELECT grp FROM report /* by report_time */ WHERE "+f.String(), f.args...)
		if err != nil {
			return nil, err
		}
	}
	return w, nil
}

// prepare finds out what is to be counted.
func (l *groupList) prepare() (err error) {
	if l.through, _, err = cursor(l.t); err != nil {
		return err
	}
	if !l.q.After.IsZero() && l.q.After.Through < l.through {
		l.through = l.q.After.Through
		if err := l.findTail(); err != nil {
			return err
		}
	}
	l.reports.and("r.shard = $%d AND r.app = $%d", l.shard, l.q.App)
	l.reports.reports(l.q.Start, l.q.End, l.q.Install, l.q.UserID)
	if l.q.Build != "" {
		n, ok, err := l.db.words.find(l.t, l.q.Build)
		if err != nil {
			return err
		}
		if !ok {
			n = noWord
		}
		l.reports.and("r.build = $%d", n)
	}
	l.chosen = len(l.reports.args) > 2 || l.endless
	if len(l.tail) > 0 || l.endless {
		l.reports.and("r.feed <= $%d", l.through)
	}
	return nil
}

var errStop = errors.New("store: no more rows wanted")

// longestTail is how many reports of all apps are walked back over. After more than that, counting an app's
// reports is no dearer.
const longestTail = 5000

// findTail walks back from the report that came last. If there are too many it says so: all is then counted
// anew, as for a choice of reports.
func (l *groupList) findTail() error {
	l.tail = map[diag.GroupID][]diag.InstallID{}
	walked := 0
	err := l.t.each(func(r *sql.Rows) error {
		var (
			shard   uint8
			app     int64
			group   diag.GroupID
			install diag.InstallID
			feed    uint64
		)
		if err := r.Scan(&shard, &app, &group, installColumn{&install}, &feed); err != nil {
			return err
		}
		if feed <= l.through {
			return errStop
		}
		if walked++; walked > longestTail {
			l.endless = true
			return errStop
		}
		if shard == l.shard && app == l.q.App {
			l.tail[group] = append(l.tail[group], install)
		}
		return nil
	}, "SELECT shard, app, grp, install, feed FROM report ORDER BY num DESC LIMIT $1", longestTail+1)
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// places returns every group of the list with its counters, in no order.
func (l *groupList) places() ([]groupPlace, error) {
	all, err := l.rows()
	if err != nil {
		return nil, err
	}
	counted := map[diag.GroupID]groupPlace{}
	if l.chosen {
		if counted, err = l.count(); err != nil {
			return nil, err
		}
	}
	kept := all[:0]
	for _, p := range all {
		switch {
		case l.chosen:
			c := counted[p.id]
			p.n, p.devices, p.first, p.last = c.n, c.devices, c.first, c.last
		case l.tail[p.id] != nil:
			if err := l.rewind(&p); err != nil {
				return nil, err
			}
		}
		if p.n > 0 {
			kept = append(kept, p)
		}
	}
	return kept, nil
}

// rows reads the groups that version and kind let through.
func (l *groupList) rows() ([]groupPlace, error) {
	var f filter
	f.and("shard = $%d AND app = $%d", l.shard, l.q.App)
	if l.q.Version != "" {
		f.and("version = $%d", l.q.Version)
	}
	if l.q.Handled != nil {
		f.and("handled = $%d", flag(*l.q.Handled))
	}
	return list(l.t, func(r *sql.Rows) (p groupPlace, err error) { return p, p.scan(r) },
		"SELECT "+placeColumns+" FROM error_group WHERE "+f.String(), f.args...)
}

func (l *groupList) words(g diag.GroupID) GroupWords {
	if w, ok := l.said[g]; ok {
		return w
	}
	return GroupWords{State: StateOpen}
}

// wanted reports whether version, kind and state let a group through.
func (l *groupList) wanted(p *groupPlace) bool {
	return (l.q.Version == "" || p.version == l.q.Version) && (l.q.Handled == nil || p.handled == *l.q.Handled) &&
		(len(l.q.States) == 0 || slices.Contains(l.q.States, l.words(p.id).State))
}

// count counts the chosen reports by group.
func (l *groupList) count() (map[diag.GroupID]groupPlace, error) {
	counted := map[diag.GroupID]groupPlace{}
	err := l.t.each(func(r *sql.Rows) error {
		var p groupPlace
		err := r.Scan(&p.id, &p.n, &p.devices, &p.first, &p.last)
		counted[p.id] = p
		return err
	}, "SELECT r.grp, COUNT(*), COUNT(DISTINCT r.install), MIN(r.time), MAX(r.time) FROM report r"+
		reportIndex(true, l.q.Install, l.q.UserID)+" WHERE "+l.reports.String()+" GROUP BY r.grp", l.reports.args...)
	return counted, err
}

// rewind takes the reports of the tail out of a group's counters.
func (l *groupList) rewind(p *groupPlace) error {
	installs := l.tail[p.id]
	p.past = true
	p.n -= int64(len(installs))
	if p.n <= p.gone {
		p.n = 0 // what is purged is not shown without a report
		return nil
	}
	for _, install := range uniq(installs) {
		var before bool
		err := l.t.get([]any{&before}, "SELECT EXISTS (SELECT 1 FROM report WHERE shard = $1 AND app = $2 AND install = $3 AND grp = $4 AND feed <= $5)",
			l.shard, l.q.App, packInstall(install), p.id, l.through)
		if err != nil {
			return err
		}
		if !before {
			p.devices--
		}
	}
	const edge = "SELECT time FROM report WHERE shard = $1 AND app = $2 AND grp = $3 AND feed <= $4 ORDER BY time"
	if err := l.t.get([]any{&p.first}, edge+" LIMIT 1", l.shard, l.q.App, p.id, l.through); err != nil {
		return err
	}
	if p.gone > 0 {
		p.first = min(p.first, p.goneFirst)
	}
	return l.t.get([]any{&p.last}, edge+" DESC LIMIT 1", l.shard, l.q.App, p.id, l.through)
}

func uniq(installs []diag.InstallID) []diag.InstallID {
	installs = slices.Clone(installs)
	slices.Sort(installs)
	return slices.Compact(installs)
}

// summary reads what is shown of a group beyond its place.
func (l *groupList) summary(p *groupPlace) (g GroupSummary, err error) {
	if err := g.load(l.t, l.shard, l.q.App, p.id); err != nil {
		return g, err
	}
	g.Count, g.Devices, g.First, g.Last = p.n, p.devices, p.first, p.last
	words := l.words(p.id)
	g.State, g.Annotation = words.State, words.Annotation
	if l.windowed {
		if err := l.measure(&g); err != nil {
			return g, err
		}
	}
	if l.chosen || l.windowed || p.past {
		err = l.newest(&g)
	}
	return g, err
}

// measure counts devices in the window and finds its first and last report.
func (l *groupList) measure(g *GroupSummary) error {
	var f filter
	f.and("r.shard = $%d AND r.app = $%d AND r.grp = $%d", l.shard, l.q.App, g.ID)
	f.reports(l.q.Start, l.q.End, "", "")
	if l.q.After.Through != 0 {
		f.and("r.feed <= $%d", l.through)
	}
	return l.t.get([]any{&g.Devices, &g.First, &g.Last}, "SELECT COUNT(DISTINCT r.install), MIN(r.time), MAX(r.time) FROM report r /* by report_grp */ WHERE "+f.String(), f.args...)
}

// newest finds the newest report that counts.
func (l *groupList) newest(g *GroupSummary) error {
	var build int64
	args := append(slices.Clone(l.reports.args), g.ID)
	err := l.t.get([]any{idColumn{&g.Latest}, &build}, "SELECT r.id, r.build FROM report r"+
		reportIndex(true, l.q.Install, l.q.UserID)+" WHERE "+l.reports.String()+
		fmt.Sprintf(" AND r.grp = $%d ORDER BY r.time DESC, r.id DESC LIMIT 1", len(args)), args...)
	if err != nil {
		return err
	}
	g.AppBuild, err = l.db.words.read(l.t, build)
	return err
}
