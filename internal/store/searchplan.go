package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"lifeboat/internal/diag"
	query "lifeboat/internal/filter"
)

// The bounds of one search. What would need more is refused with words that say what to do.
const (
	MaxTerms    = 20   // words of a text
	MaxText     = 1000 // characters of a text
	MaxSkip     = 10_000
	maxFew      = 6000    // candidates that are looked at one by one
	maxSorted   = 20_000  // candidates that can be sorted by a text
	maxWords    = 500     // groups that are named in a query
	maxFiles    = 2000    // attachments that may hold a word
	maxRead     = 15_000  // logs that are read out of the journal
	maxWalk     = 150_000 // rows that are looked at
	hasteRead   = 1000    // the same for a word of two characters, at first
	hasteWalk   = 5000
	blockBits   = 15 // numbers of reports come in blocks
	searchPiece = 64 // rows that are read at once
)

// errBroad ends a search that has looked at enough.
var errBroad = diag.Errorf(diag.Invalid, "This search is too broad: add a longer word, a field with eq, contains or startswith, or a range of timestamp.")

// patiently runs fn. A word of two characters is mostly found soon by looking; only if it is not, the documents that
// have it are asked for, which is dear: fn is then run again with another plan.
func (s *searcher) patiently(p *plan, fn func() error) error {
	if !slices.ContainsFunc(s.terms, func(tm term) bool { return tm.short }) || !p.walk || p.cond != nil {
		return fn()
	}
	s.read, s.walked = hasteRead, hasteWalk
	err := fn()
	s.read, s.walked = maxRead, maxWalk
	if !errors.Is(err, errBroad) {
		return err
	}
	for i := range s.terms {
		if tm := &s.terms[i]; tm.short {
			if err := s.locate(tm, SearchQuery{Word: strings.Map(gramRune, tm.text), Prefix: true}); err != nil {
				return err
			}
		}
	}
	if *p, err = s.plan(); err != nil {
		return err
	}
	return fn()
}

// searcher answers one search on one snapshot of the index.
type searcher struct {
	db    *DB
	t     *tx
	shard uint8
	app   int64
	said  map[diag.GroupID]GroupWords
	found bool // there is a full-text table

	terms  []term
	filter query.Expr

	last map[diag.GroupID]diag.DeviceTime // of groups; nil if the filter does not ask for it

	few    int // candidates that are looked at one by one
	most   int // that can be sorted by a text
	read   int // logs that may still be read
	walked int // rows that may still be looked at
}

// term is one word of a text: it must stand somewhere in what belongs to a report.
type term struct {
	word    string
	text    string // folded
	short   bool   // two characters
	ids     termIDs
	cond    *SearchQuery          // what reports with it meet, unless they are among extra; nil: nobody knows
	extra   []int64               // numbers of reports with it that need not meet cond
	groups  map[diag.GroupID]bool // groups that may have it in their texts
	anyhow  bool                  // any group may
	reports map[diag.ID]bool      // reports that may have it in an attachment
	allFile bool                  // any may
}

// termIDs is what a word is as an id.
type termIDs struct {
	report  diag.ID
	group   diag.GroupID
	isGroup bool
	install diag.InstallID
}

// Terms splits a text into the words that must all be found.
func Terms(q string) ([]string, error) {
	if utf8.RuneCountInString(q) > MaxText {
		return nil, diag.Errorf(diag.Invalid, "q holds at most %d characters.", MaxText)
	}
	words := strings.Fields(strings.ToValidUTF8(q, string(utf8.RuneError)))
	if len(words) > MaxTerms {
		return nil, diag.Errorf(diag.Invalid, "q holds at most %d words.", MaxTerms)
	}
	return words, nil
}

// search runs fn with a searcher on one snapshot.
func (db *DB) search(ctx context.Context, app int64, q string, e query.Expr, few int, fn func(*searcher) error) error {
	words, err := Terms(q)
	if err != nil {
		return err
	}
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return err
	}
	said, err := db.wordsOfApp(ctx, shard, app)
	if err != nil {
		return err
	}
	return db.viewIndex(ctx, func(t *tx) error {
		s := &searcher{db: db, t: t, shard: shard, app: app, said: said, filter: e, read: maxRead, walked: maxWalk, few: maxFew, most: maxSorted}
		if few > 0 {
			s.few = few
		}
		query.Walk(e, func(part query.Expr) bool {
			if query.FieldOf(part) == "lastOccurrence" {
				s.last = map[diag.GroupID]diag.DeviceTime{}
			}
			return true
		})
		if s.found, err = db.hasSearch(t, shard, app); err != nil {
			return err
		}
		for _, w := range words {
			tm, err := s.term(w)
			if err != nil {
				return err
			}
			s.terms = append(s.terms, tm)
		}
		return fn(s)
	})
}

// find lists the numbers of documents from low to high, rising, at most limit of them.
func (s *searcher) find(q SearchQuery, low, high int64, limit int) ([]int64, error) {
	if !s.found {
		return nil, nil
	}
	var all string
	d := s.t.conn.dialect
	if err := s.t.get([]any{textColumn{&all}}, d.SearchFind(searchTable(s.app)), d.SearchQuery(q), low, high, limit); err != nil || all == "" {
		return nil, err
	}
	nums := make([]int64, 0, strings.Count(all, ",")+1)
	for text := range strings.SplitSeq(all, ",") {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, err
		}
		nums = append(nums, n)
	}
	return nums, nil
}

// shape says where in a field a text stands.
type shape struct{ begins, ends bool }

// gramQuery asks for what holds a text; false if grams cannot tell.
func gramQuery(text string, at shape) (SearchQuery, bool) {
	n := utf8.RuneCountInString(text)
	var grams []gram
	switch {
	case n == 0 || n == 1 && !(at.begins && at.ends):
		return SearchQuery{}, false
	case at.ends:
		grams = addGrams(nil, text)
	case n == 2:
		return SearchQuery{Word: strings.Map(gramRune, text), Prefix: true}, true
	default:
		grams = addGrams(nil, text)
		grams = grams[:len(grams)-1] // the text goes on behind it
	}
	slices.Sort(grams)
	q := SearchQuery{}
	for _, g := range slices.Compact(grams) {
		q.All = append(q.All, SearchQuery{Word: g.String()})
	}
	return q, true
}

// groupWord stands in the document of every report of a group.
func groupWord(g diag.GroupID) string { return "\ue001" + strconv.FormatUint(uint64(g), 10) }

func groupWords(groups []diag.GroupID) []SearchQuery {
	all := make([]SearchQuery, len(groups))
	for i, g := range groups {
		all[i] = SearchQuery{Word: groupWord(g)}
	}
	return all
}

// findGroups lists the groups whose documents meet q.
func (s *searcher) findGroups(q SearchQuery) ([]diag.GroupID, error) {
	nums, err := s.find(q, groupNumber(math.MaxUint32), groupNumber(0), math.MaxInt32)
	groups := make([]diag.GroupID, len(nums))
	for i, n := range nums {
		groups[i] = numberedGroup(n)
	}
	return groups, err
}

// term prepares a word.
func (s *searcher) term(word string) (term, error) {
	tm := term{text: query.Fold(word)}
	tm.word = word
	tm.anyhow, tm.allFile = true, true
	known, ok := gramQuery(tm.text, shape{})
	if tm.short = known.Prefix; !ok || tm.short {
		return tm, s.identify(&tm)
	}
	return tm, s.locate(&tm, known)
}

// locate finds out where a word may be.
func (s *searcher) locate(tm *term, known SearchQuery) error {
	groups, err := s.findGroups(known)
	if err != nil {
		return err
	}
	tm.anyhow, tm.allFile, tm.extra = false, false, nil
	tm.groups = make(map[diag.GroupID]bool, len(groups))
	for _, g := range groups {
		tm.groups[g] = true
	}
	if len(groups) <= maxWords {
		tm.cond = &SearchQuery{Any: append(groupWords(append(groups, 0)), known)} // reports in no group have texts, too
	}
	if err := s.findFiles(tm, known); err != nil {
		return err
	}
	return s.identify(tm)
}

// findFiles finds the attachments that may hold a word, and their reports.
func (s *searcher) findFiles(tm *term, known SearchQuery) error {
	files, err := s.find(known, math.MinInt64, firstFile, maxFiles+1)
	if err != nil {
		return err
	}
	if len(files) > maxFiles {
		tm.allFile, tm.cond = true, nil
		return nil
	}
	tm.reports = map[diag.ID]bool{}
	for _, n := range files {
		err := s.t.each(func(r *sql.Rows) error {
			var id diag.ID
			err := r.Scan(idColumn{&id})
			tm.reports[id] = true
			return err
		}, "SELECT error_id FROM attachment WHERE shard = $1 AND app = $2 AND feed = $3", s.shard, s.app, fileFeed(n))
		if err != nil {
			return err
		}
	}
	for id := range tm.reports {
		if err := s.addReport(tm, id); err != nil {
			return err
		}
	}
	return nil
}

func (s *searcher) addReport(tm *term, id diag.ID) error {
	nums, err := s.numbers("SELECT num FROM report WHERE shard = $1 AND app = $2 AND id = $3", s.shard, s.app, id[:])
	tm.extra = append(tm.extra, nums...)
	return err
}

func (s *searcher) numbers(text string, args ...any) ([]int64, error) {
	return list(s.t, func(r *sql.Rows) (n int64, err error) { return n, r.Scan(&n) }, text, args...)
}

// identify finds out which ids a word is: those of reports, installs and groups match as a whole.
func (s *searcher) identify(tm *term) error {
	if id, ok := diag.ParseReportID(tm.word); ok {
		tm.ids.report = id
		if err := s.addReport(tm, id); err != nil {
			return err
		}
	}
	tm.ids.install = diag.ParseInstallID(tm.word)
	nums, err := s.ofInstall(tm.ids.install)
	if err != nil {
		return err
	}
	tm.extra = append(tm.extra, nums...)
	if len(nums) > s.few {
		tm.cond = nil
	}
	if g, _, ok := diag.ParseGroupID(tm.text); ok {
		tm.ids.group, tm.ids.isGroup = g, true
		if tm.cond != nil {
			tm.cond = &SearchQuery{Any: append(groupWords([]diag.GroupID{g}), *tm.cond)}
		}
	}
	return nil
}

// ofInstall lists the numbers of an install's reports, at most one more than a few.
func (s *searcher) ofInstall(install diag.InstallID) ([]int64, error) {
	return s.numbers("SELECT num FROM report /* by report_install */ WHERE shard = $1 AND app = $2 AND install = $3 LIMIT $4",
		s.shard, s.app, packInstall(install), s.few+1)
}

// inRow are the fields of reports whose texts stand in their documents.
func inRow(field string) bool {
	switch field {
	case "userId", "deviceName", "osVersion", "osType", "country", "language", "appBuild", "exceptionMessage":
		return true
	}
	return false
}

// inGroup are those whose texts stand in the documents of groups.
func inGroup(field string) bool {
	switch field {
	case "exceptionMethod", "exceptionClassName", "exceptionType", "exceptionFile", "appVersion":
		return true
	}
	return false
}

// cond is what every report meets that e lets through; nil if nobody knows.
func (s *searcher) cond(e query.Expr) (*SearchQuery, error) {
	switch e := e.(type) {
	case query.And:
		return s.condAll(e)
	case query.Or:
		return s.condAny(e)
	case query.Compare:
		if e.Op != query.Eq {
			return nil, nil
		}
		return s.condEquals(e.Field, []query.Value{e.Value})
	case query.In:
		return s.condEquals(e.Field, e.Values)
	case query.Call:
		return s.condText(e.Field, e.Text, shape{begins: e.Func == query.StartsWith, ends: e.Func == query.EndsWith})
	}
	return nil, nil
}

func (s *searcher) condAll(parts []query.Expr) (*SearchQuery, error) {
	q := &SearchQuery{}
	for _, part := range parts {
		one, err := s.cond(part)
		if err != nil {
			return nil, err
		}
		if one != nil {
			q.All = append(q.All, *one)
		}
	}
	if q.All == nil {
		return nil, nil
	}
	return q, nil
}

func (s *searcher) condAny(parts []query.Expr) (*SearchQuery, error) {
	q := &SearchQuery{}
	for _, part := range parts {
		one, err := s.cond(part)
		if one == nil || err != nil {
			return nil, err
		}
		q.Any = append(q.Any, *one)
	}
	return q, nil
}

func (s *searcher) condEquals(field string, values []query.Value) (*SearchQuery, error) {
	switch field {
	case "errorGroupId":
		return s.condGroupIDs(values)
	case "state":
		return s.condStates(values)
	}
	q := &SearchQuery{}
	for _, v := range values {
		one, err := s.condText(field, v.Text, shape{true, true})
		if one == nil || err != nil {
			return nil, err
		}
		q.Any = append(q.Any, *one)
	}
	return q, nil
}

func (s *searcher) condGroupIDs(values []query.Value) (*SearchQuery, error) {
	var groups []diag.GroupID
	for _, v := range values {
		g, _, _ := diag.ParseGroupID(v.Text)
		groups = append(groups, g) // 0 is no group
	}
	return &SearchQuery{Any: groupWords(groups)}, nil
}

// condStates: people have spoken of the groups that are not open.
func (s *searcher) condStates(values []query.Value) (*SearchQuery, error) {
	var groups []diag.GroupID
	for _, v := range values {
		if v.Null {
			continue // no group is without a state
		}
		if strings.EqualFold(v.Text, StateOpen) {
			return nil, nil
		}
		for g, w := range s.said {
			if strings.EqualFold(w.State, v.Text) {
				groups = append(groups, g)
			}
		}
	}
	if groups = append(groups, 0); len(groups) > maxWords {
		return nil, nil
	}
	return &SearchQuery{Any: groupWords(groups)}, nil
}

func (s *searcher) condText(field, text string, at shape) (*SearchQuery, error) {
	q, ok := gramQuery(text, at)
	if !ok || !inRow(field) && !inGroup(field) {
		return nil, nil
	}
	if inRow(field) {
		return &q, nil
	}
	groups, err := s.findGroups(q)
	if err != nil || len(groups) > maxWords {
		return nil, err
	}
	return &SearchQuery{Any: groupWords(append(groups, 0))}, nil
}

// plan is how the reports of a search are found.
type plan struct {
	few   []int64      // numbers of all that may be hits, if they are few
	cond  *SearchQuery // else: what hits meet, unless they are among extra
	extra map[int64]bool
	walk  bool // not few

	from, to diag.DeviceTime // of hits; to is exclusive, 0 open
}

// plan finds the way to the hits that looks at the fewest rows.
func (s *searcher) plan() (p plan, err error) {
	p.extra = map[int64]bool{}
	p.from, p.to = timeRange(s.filter)
	if nums, known, err := s.named(s.filter); known || err != nil {
		p.few = nums
		return p, err
	}
	var all []SearchQuery
	for i := range s.terms {
		if tm := &s.terms[i]; tm.cond != nil {
			all = append(all, *tm.cond)
			for _, n := range tm.extra {
				p.extra[n] = true
			}
		}
	}
	byFilter, err := s.cond(s.filter)
	if err != nil {
		return p, err
	}
	if byFilter != nil {
		all = append(all, *byFilter)
	}
	if all == nil {
		p.walk = true
		return p, nil
	}
	p.cond = &SearchQuery{All: all}
	if p.few, err = s.find(*p.cond, 1, math.MaxInt64, s.few+1); err != nil {
		return p, err
	}
	if p.walk = len(p.few) > s.few; p.walk {
		p.few = nil
		return p, nil
	}
	if p.walk, err = s.narrow(&p); p.walk || err != nil {
		p.few = nil
		return p, err
	}
	for _, n := range p.few {
		delete(p.extra, n)
	}
	for n := range p.extra {
		p.few = append(p.few, n)
	}
	return p, nil
}

// manyFew is from when on it is worth to ask how many reports are in a range of time.
const manyFew = 500

// narrow reports whether fewer reports are in the range of time than meet the condition.
func (s *searcher) narrow(p *plan) (bool, error) {
	if len(p.few) < manyFew || p.from == math.MinInt64 && p.to == 0 {
		return false, nil
	}
	f := s.inRange(p)
	var n int
	err := s.t.get([]any{&n}, "SELECT COUNT(*) FROM (SELECT 1 FROM report r /* by report_time */ WHERE "+f.String()+f.limit(len(p.few))+") q", f.args...)
	return n < len(p.few), err
}

// inRange chooses the app's reports in the range of time.
func (s *searcher) inRange(p *plan) *filter {
	f := &filter{}
	f.and("r.shard = $%d AND r.app = $%d AND r.time >= $%d", s.shard, s.app, p.from)
	if p.to != 0 {
		f.and("r.time < $%d", p.to)
	}
	return f
}

// named lists the reports that a filter names by id or install; known is false if it does not.
func (s *searcher) named(e query.Expr) (nums []int64, known bool, err error) {
	var values []query.Value
	switch e := e.(type) {
	case query.And:
		for _, part := range e {
			if nums, known, err = s.named(part); known || err != nil {
				return nums, known, err
			}
		}
		return nil, false, nil
	case query.Compare:
		if e.Op != query.Eq {
			return nil, false, nil
		}
		values = []query.Value{e.Value}
	case query.In:
		values = e.Values
	}
	field := query.FieldOf(e)
	if field != "errorId" && field != "installId" {
		return nil, false, nil
	}
	for _, v := range values {
		var some []int64
		if field == "installId" {
			some, err = s.ofInstall(diag.InstallID(v.Text))
		} else if id, ok := diag.ParseID(v.Text); ok {
			some, err = s.numbers("SELECT num FROM report WHERE shard = $1 AND app = $2 AND id = $3", s.shard, s.app, id[:])
		}
		if err != nil {
			return nil, false, err
		}
		if nums = append(nums, some...); len(nums) > s.few {
			return nil, false, nil
		}
	}
	slices.Sort(nums)
	return slices.Compact(nums), true, nil
}

// timeRange is that which a filter asks of timestamp for certain.
func timeRange(e query.Expr) (from, to diag.DeviceTime) {
	from, last := diag.DeviceTime(math.MinInt64), diag.DeviceTime(math.MaxInt64)
	narrow(e, &from, &last)
	if last == math.MaxInt64 {
		return from, 0
	}
	if to = last + 1; to == 0 {
		to = 1
	}
	return from, to
}

func narrow(e query.Expr, from, last *diag.DeviceTime) {
	switch e := e.(type) {
	case query.And:
		for _, part := range e {
			narrow(part, from, last)
		}
	case query.Compare:
		if e.Field != "timestamp" || e.Value.Null {
			return
		}
		at := diag.DeviceTime(e.Value.Num)
		switch e.Op {
		case query.Ge, query.Gt:
			*from = max(*from, at)
		case query.Le, query.Lt:
			*last = min(*last, at)
		case query.Eq:
			*from, *last = max(*from, at), min(*last, at)
		}
	}
}

// members tells which reports meet a condition. It asks block by block, so that a search that is soon content
// asks little.
type members struct {
	s      *searcher
	cond   *SearchQuery
	extra  map[int64]bool
	blocks map[int64][]uint64
}

func (m *members) has(n int64) (bool, error) {
	if m.cond == nil || m.extra[n] {
		return true, nil
	}
	at := n >> blockBits
	block, known := m.blocks[at]
	if !known {
		nums, err := m.s.find(*m.cond, max(at<<blockBits, 1), (at+1)<<blockBits-1, math.MaxInt32)
		if err != nil {
			return false, err
		}
		block = make([]uint64, 1<<blockBits/64)
		for _, n := range nums {
			i := n & (1<<blockBits - 1)
			block[i/64] |= 1 << (i % 64)
		}
		m.blocks[at] = block
	}
	i := n & (1<<blockBits - 1)
	return block[i/64]>>(i%64)&1 == 1, nil
}

// of leaves those of the reports that meet the condition.
func (m *members) of(spots []spot) ([]spot, error) {
	kept := spots[:0]
	for _, at := range spots {
		has, err := m.has(at.num)
		if err != nil {
			return nil, err
		}
		if has {
			kept = append(kept, at)
		}
	}
	return kept, nil
}

func newMembers(s *searcher, p *plan) *members {
	return &members{s: s, cond: p.cond, extra: p.extra, blocks: map[int64][]uint64{}}
}

// gone: an app, a row or a log that was taken away meanwhile.
func gone(err error) bool {
	return err != nil && (errors.Is(err, sql.ErrNoRows) || diag.KindOf(err) == diag.NotFound)
}
