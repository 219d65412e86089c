package store

import (
	"cmp"
	"database/sql"
	"errors"
	"slices"

	"lifeboat/internal/diag"
)

// Traits are what counts of devices are told apart by, besides the version.
type Traits struct {
	Model    string
	OS       string // name and version, with a blank between them
	Country  string
	Language string
}

// nanosPerDay is a day of device time. Devices know leap seconds no more than we do.
const nanosPerDay = 24 * 3600 * 1e9

// dayOf is the UTC day of a device's clock, counted from 1970.
func dayOf(t diag.DeviceTime) int64 {
	day := int64(t) / nanosPerDay
	if int64(t)%nanosPerDay < 0 {
		day--
	}
	return day
}

// timeOfDay is when a day begins.
func timeOfDay(day int64) diag.DeviceTime { return diag.DeviceTime(day * nanosPerDay) }

// profile is what an install was on a day. Texts are words.
type profile struct {
	version, build, model, os, country, language int64
	sent                                         sent
}

// sent is what showed an install. The numbers are stored.
type sent uint8

const (
	sentCrash sent = iota
	sentLog        // anything but an error
	sentHandled
)

// sentBy is what a report shows its install by.
func (r *ReportRow) sentBy() sent {
	if r.Handled {
		return sentHandled
	}
	return sentCrash
}

// count is which installs are counted. The numbers are stored.
type count uint8

const (
	countAll     count = iota
	countUsed          // that sent anything but errors
	countHandled       // that had a handled error
	countCrashed       // that crashed
)

var counts = [...]count{countAll, countUsed, countHandled, countCrashed}

// has reports whether what an install sent makes it count.
func (c count) has(s sent) bool {
	return c == countAll || c == countUsed && s == sentLog || c == countHandled && s == sentHandled || c == countCrashed && s == sentCrash
}

// deviceDay is one install on one day of its own clock.
type deviceDay struct {
	app     int64
	shard   uint8
	install diag.InstallID
	day     int64
}

// sighting is the first log of a batch that shows an install as something.
type sighting struct {
	profile
	feed   uint64
	member int
}

// maxProfiles bounds what one install can be on one day by what it sent. A device that is updated, travels and learns a
// language on the same day is four things.
const maxProfiles = 16

// maxGap is the longest time between two days of an install that is told exactly, in days: longer spans than
// this count an install again that was away for as long.
const maxGap = 366

// maxNeighbours bounds how many rows of an install are looked at for the days before and after. One that is a
// few things a day stays far below.
const maxNeighbours = 2048

// The ways to count installs. sub and value are words, or as said.
const (
	dimAll     = iota // sub 0, value 0
	dimVersion        // sub: the version
	dimBuild          // sub: the build
	dimPair           // sub: the version, value: the build

	// Those above are asked for by name; of these all values are listed. sub is a version, or anyVersion.
	dimVersions // sub: anyVersion
	dimModels
	dimSystems
	dimCountries
	dimLanguages
	dimEvents // value: number of an event
)

// anyVersion stands for all versions where a version's word stands: words are not negative.
const anyVersion = -1

// facet is one way in which an install is counted.
type facet struct {
	dim        uint8
	sub, value int64
}

// maxFacets is how many facets a profile has.
const maxFacets = 13

func (p *profile) facets(dst []facet) []facet {
	return append(dst,
		facet{dimAll, 0, 0}, facet{dimVersion, p.version, 0}, facet{dimBuild, p.build, 0}, facet{dimPair, p.version, p.build},
		facet{dimVersions, anyVersion, p.version},
		facet{dimModels, anyVersion, p.model}, facet{dimModels, p.version, p.model},
		facet{dimSystems, anyVersion, p.os}, facet{dimSystems, p.version, p.os},
		facet{dimCountries, anyVersion, p.country}, facet{dimCountries, p.version, p.country},
		facet{dimLanguages, anyVersion, p.language}, facet{dimLanguages, p.version, p.language})
}

// usedFacets are the facets that are counted over spans of days: errors alone are no use of an app.
func (p *profile) usedFacets(dst []facet) []facet {
	if p.sent != sentLog {
		return dst
	}
	return p.facets(dst)
}

type countKey struct {
	app   int64
	shard uint8
	of    count
	facet
	day int64
}

type gapKey struct {
	app   int64
	shard uint8
	facet
	day, gap int64
}

var (
	activeCounts = newRollup("active_count", "shard app used dim sub value day", "n", func(dst []any, k countKey) []any {
		return append(dst, int64(k.shard), k.app, int64(k.of), int64(k.dim), k.sub, k.value, k.day)
	})
	activeGaps = newRollup("active_gap", "shard app dim sub day gap value", "n", func(dst []any, k gapKey) []any {
		return append(dst, int64(k.shard), k.app, int64(k.dim), k.sub, k.day, k.gap, k.value)
	})
)

// activity collects which installs a batch shows, and counts those that were not known.
type activity struct {
	w      *batchWriter
	days   map[deviceDay][]sighting
	order  []deviceDay
	counts sums[countKey]
	gaps   sums[gapKey]

	// rows that are not yet inserted, and whose they are: of logs that are no errors
	rows    []activeRow
	waiting map[deviceDay]bool // day is 0

	// rows of errors, and of installs that were several things, that are not yet inserted
	errors, shared []activeRow

	// of the row before, which is mostly from the same device
	last struct {
		at             deviceDay
		version, build string
		traits         Traits
		sent           sent
	}
}

type activeRow struct {
	deviceDay
	profile
}

// see notes that a log shows an install.
func (a *activity) see(at deviceDay, version, build string, traits *Traits, by sent, feed uint64, member int) {
	if traits == nil || by != sentLog {
		traits = &Traits{} // errors count by version and build alone
	}
	l := &a.last
	if a.days != nil && l.at == at && l.version == version && l.build == build && l.sent == by && l.traits == *traits {
		return
	}
	l.at, l.version, l.build, l.traits, l.sent = at, version, build, *traits, by
	words := &a.w.words
	p := profile{words.num(version), words.num(build), words.num(traits.Model), words.num(traits.OS), words.num(traits.Country), words.num(traits.Language), by}
	if a.days == nil {
		a.days = map[deviceDay][]sighting{}
	}
	seen, known := a.days[at]
	if !known {
		a.order = append(a.order, at)
	}
	i := slices.IndexFunc(seen, func(s sighting) bool { return s.profile == p })
	switch {
	case i < 0:
		a.days[at] = append(seen, sighting{p, feed, member})
	case feed < seen[i].feed || feed == seen[i].feed && member < seen[i].member:
		seen[i].feed, seen[i].member = feed, member
	}
}

// write counts what the batch has shown.
func (a *activity) write() error {
	a.counts, a.gaps, a.waiting = sums[countKey]{}, sums[gapKey]{}, map[deviceDay]bool{}
	days, err := a.fresh()
	if err != nil {
		return err
	}
	for i := range days {
		if err := a.count(&days[i]); err != nil {
			return err
		}
	}
	if err := a.flush(); err != nil {
		return err
	}
	if err := a.writeDays("active_error", a.errors); err != nil {
		return err
	}
	if err := a.writeDays("active_shared", a.shared); err != nil {
		return err
	}
	if err := activeCounts.write(a.w.t, a.counts); err != nil {
		return err
	}
	return activeGaps.write(a.w.t, a.gaps)
}

// fresh are the installs on days that the batch shows as something that is not remembered.
func (a *activity) fresh() ([]dayCounter, error) {
	days := make([]dayCounter, 0, len(a.order))
	for _, at := range a.order {
		seen := a.days[at]
		slices.SortFunc(seen, func(x, y sighting) int { return cmp.Or(cmp.Compare(x.feed, y.feed), cmp.Compare(x.member, y.member)) })
		d := dayCounter{a: a, at: at, packed: packInstall(at.install)}
		key := keyOfPacked(d.packed)
		for i := range seen {
			if p := seen[i].profile; a.w.db.memory.shown.put(shownKey{at.app, at.day, key, p}) {
				d.asked, d.logs = append(d.asked, p), d.logs || p.sent == sentLog
			}
		}
		if len(d.asked) > 0 {
			days = append(days, d)
		}
	}
	if err := readErrorDays(a.w.t, refs(days, func(*dayCounter) bool { return true })); err != nil {
		return nil, err
	}
	return days, readLogDays(a.w.t, refs(days, func(d *dayCounter) bool { return !d.logs }))
}

func refs[T any](all []T, which func(*T) bool) []*T {
	chosen := make([]*T, 0, len(all))
	for i := range all {
		if which(&all[i]) {
			chosen = append(chosen, &all[i])
		}
	}
	return chosen
}

// readErrorDays reads what errors of earlier batches have shown of installs on days.
func readErrorDays(t *tx, days []*dayCounter) error {
	return lookUp(t, days, "SELECT %d, version, build, used FROM active_error WHERE shard = $%d AND app = $%d AND day = $%d AND install = $%d",
		(*dayCounter).bind, func(r *sql.Rows, i *int, piece []*dayCounter) error {
			var p profile
			if err := r.Scan(i, &p.version, &p.build, &p.sent); err != nil {
				return err
			}
			piece[*i].stood = append(piece[*i].stood, p)
			return nil
		})
}

// readLogDays reads what other logs have shown.
func readLogDays(t *tx, days []*dayCounter) error {
	return lookUp(t, days, "SELECT %d, version, build, model, os, country, language, used FROM active WHERE shard = $%d AND app = $%d AND day = $%d AND install = $%d",
		(*dayCounter).bind, func(r *sql.Rows, i *int, piece []*dayCounter) error {
			var p profile
			if err := r.Scan(i, &p.version, &p.build, &p.model, &p.os, &p.country, &p.language, &p.sent); err != nil {
				return err
			}
			piece[*i].stood = append(piece[*i].stood, p)
			return nil
		})
}

func (d *dayCounter) bind(dst []any) []any {
	return append(dst, int64(d.at.shard), d.at.app, d.at.day, d.packed)
}

// count adds one install on one day.
func (a *activity) count(d *dayCounter) error {
	whose := d.at
	whose.day = 0
	if d.logs {
		if len(a.rows) >= chunkSizes[0] || a.waiting[whose] {
			if err := a.flush(); err != nil {
				return err
			}
		}
		if err := d.before(); err != nil {
			return err
		}
	} else {
		d.settle()
	}
	if len(d.fresh) == 0 {
		return nil
	}
	if err := d.behind(); err != nil {
		return err
	}
	d.add()
	for _, p := range d.fresh {
		if p.sent == sentLog {
			a.rows = append(a.rows, activeRow{d.at, p})
			a.waiting[whose] = true
		} else {
			a.errors = append(a.errors, activeRow{d.at, p})
		}
	}
	d.share()
	return nil
}

var activeColumns = [...]string{"shard", "app", "install", "day", "version", "build", "model", "os", "country", "language", "used"}

// flush inserts the rows that wait.
func (a *activity) flush() error {
	var args []any
	err := chunks(a.rows, func(piece []activeRow) error {
		args = args[:0]
		for i := range piece {
			r := &piece[i]
			args = append(args, int64(r.shard), r.app, packInstall(r.install), r.day, r.version, r.build, r.model, r.os, r.country, r.language, int64(r.sent))
		}
		_, err := a.w.t.exec(a.w.db.index.dialect.Insert("active", activeColumns[:], len(piece)), args...)
		return err
	})
	a.rows = a.rows[:0]
	clear(a.waiting)
	return err
}

var activeDayColumns = [...]string{"shard", "app", "day", "install", "version", "build", "used"}

// writeDays inserts rows into one of the tables that are kept by day.
func (a *activity) writeDays(table string, rows []activeRow) error {
	var args []any
	return chunks(rows, func(piece []activeRow) error {
		args = args[:0]
		for i := range piece {
			r := &piece[i]
			args = append(args, int64(r.shard), r.app, r.day, packInstall(r.install), r.version, r.build, int64(r.sent))
		}
		_, err := a.w.t.exec(a.w.db.index.dialect.Insert(table, activeDayColumns[:], len(piece)), args...)
		return err
	})
}

// dayCounter finds what is new in one install on one day, and when the same was there before and behind.
type dayCounter struct {
	a      *activity
	at     deviceDay
	packed []byte
	asked  []profile
	logs   bool // among asked are such that logs other than errors show

	stood []profile // before the batch
	fresh []profile // that were not

	near nearest // of what is new
}

// nearest are the days next to one day on which the same was there.
type nearest struct {
	of   map[facet]neighbours
	open int // facets whose neighbour is not yet found
}

type neighbours struct {
	before, behind     int64
	preceded, followed bool // there is one before, behind
}

// precede takes what was there on a day before, the latest days first.
func (n *nearest) precede(day int64, all []facet) {
	for _, f := range all {
		if of, ok := n.of[f]; ok && !of.preceded {
			of.before, of.preceded = day, true
			n.of[f] = of
			n.open--
		}
	}
}

// follow takes what was there on a day behind, the earliest days first.
func (n *nearest) follow(day int64, all []facet) {
	for _, f := range all {
		if of, ok := n.of[f]; ok && !of.followed {
			of.behind, of.followed = day, true
			n.of[f] = of
			n.open--
		}
	}
}

var errEnough = errors.New("store: no more rows are needed")

const activeText = "SELECT day, version, build, model, os, country, language, used FROM active WHERE shard = $1 AND app = $2 AND install = $3 AND "

// before reads the day itself and then back to where everything new was there last.
func (d *dayCounter) before() error {
	settled := false
	var facets [maxFacets]facet
	err := d.a.w.t.each(func(r *sql.Rows) error {
		day, p, err := scanProfile(r)
		if err != nil {
			return err
		}
		if day == d.at.day {
			d.stood = append(d.stood, p)
			return nil
		}
		if !settled {
			d.settle()
			settled = true
		}
		if d.near.open == 0 {
			return errEnough
		}
		d.near.precede(day, p.usedFacets(facets[:0]))
		return nil
	}, activeText+"day <= $4 AND day > $5 ORDER BY day DESC LIMIT $6", d.at.shard, d.at.app, d.packed, d.at.day, d.at.day-maxGap, maxNeighbours)
	if !settled {
		d.settle()
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func scanProfile(r *sql.Rows) (day int64, p profile, err error) {
	return day, p, r.Scan(&day, &p.version, &p.build, &p.model, &p.os, &p.country, &p.language, &p.sent)
}

// room reports whether the install may be one more thing of those that such logs show.
func (d *dayCounter) room(by sent) bool {
	n := 0
	for _, all := range [...][]profile{d.stood, d.fresh} {
		for i := range all {
			if all[i].sent == by {
				n++
			}
		}
	}
	return n < maxProfiles
}

// settle finds out what is new, once the day's own rows are read.
func (d *dayCounter) settle() {
	d.near.of = map[facet]neighbours{}
	for _, p := range d.asked {
		if !slices.Contains(d.stood, p) && d.room(p.sent) {
			d.fresh = append(d.fresh, p)
		}
	}
	var facets [maxFacets]facet
	for _, p := range d.fresh {
		for _, f := range p.usedFacets(facets[:0]) {
			d.near.of[f] = neighbours{}
		}
	}
	for _, p := range d.stood {
		for _, f := range p.usedFacets(facets[:0]) {
			delete(d.near.of, f)
		}
	}
	d.near.open = len(d.near.of)
}

// behind reads on to where everything new was there next: this day's log came late then.
func (d *dayCounter) behind() error {
	if d.near.open = len(d.near.of); d.near.open == 0 {
		return nil
	}
	var facets [maxFacets]facet
	err := d.a.w.t.each(func(r *sql.Rows) error {
		day, p, err := scanProfile(r)
		if err != nil {
			return err
		}
		d.near.follow(day, p.usedFacets(facets[:0]))
		if d.near.open == 0 {
			return errEnough
		}
		return nil
	}, activeText+"day > $4 AND day < $5 ORDER BY day LIMIT $6", d.at.shard, d.at.app, d.packed, d.at.day, d.at.day+maxGap, maxNeighbours)
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// gapTo is the number of days since an install was there last, at most maxGap.
func (n *neighbours) gapTo(day int64) int64 {
	if !n.preceded {
		return maxGap
	}
	return min(day-n.before, maxGap)
}

// add counts.
func (d *dayCounter) add() {
	a := d.a
	for f, n := range d.near.of {
		moveGap(a.gaps, d.at, f, n)
	}
	if len(d.stood) == 0 && len(d.fresh) == 1 { // the most of all
		d.addOnly(&d.fresh[0])
		return
	}
	for _, of := range counts {
		stood := countFacets(d.stood, of)
		for f := range countFacets(d.fresh, of) {
			if !stood[f] {
				a.counts.add(countKey{d.at.app, d.at.shard, of, f, d.at.day}, 1)
			}
		}
	}
}

// addOnly counts what is the only thing that an install is on a day.
func (d *dayCounter) addOnly(p *profile) {
	var facets [maxFacets]facet
	for _, f := range p.facets(facets[:0])[:dimPair+1] {
		for _, of := range counts {
			if of.has(p.sent) {
				d.a.counts.add(countKey{d.at.app, d.at.shard, of, f, d.at.day}, 1)
			}
		}
	}
}

// moveGap counts a facet on a new day of an install, and the distance of the day behind it anew.
func moveGap(s sums[gapKey], at deviceDay, f facet, n neighbours) {
	s.add(gapKey{at.app, at.shard, f, at.day, n.gapTo(at.day)}, 1)
	if n.followed {
		s.add(gapKey{at.app, at.shard, f, n.behind, n.gapTo(n.behind)}, -1)
		s.add(gapKey{at.app, at.shard, f, n.behind, n.behind - at.day}, 1)
	}
}

// countFacets are the facets of profiles that have a count of their own for every day.
func countFacets(all []profile, of count) map[facet]bool {
	found := map[facet]bool{}
	var facets [maxFacets]facet
	for _, p := range all {
		if of.has(p.sent) {
			for _, f := range p.facets(facets[:0])[:dimPair+1] {
				found[f] = true
			}
		}
	}
	return found
}

// share notes an install that has several versions or builds on the day.
func (d *dayCounter) share() {
	if len(d.stood)+len(d.fresh) == 1 {
		return
	}
	type pair struct {
		version, build int64
		sent           sent
	}
	pairs := map[pair]bool{}
	several := false
	all := slices.Concat(d.stood, d.fresh)
	for _, p := range all {
		pairs[pair{p.version, p.build, p.sent}] = true
		several = several || p.version != all[0].version || p.build != all[0].build
	}
	if !several {
		return
	}
	for p := range pairs {
		d.a.shared = append(d.a.shared, activeRow{d.at, profile{version: p.version, build: p.build, sent: p.sent}})
	}
}

// shownKey names an install as something on a day, without holding the text of its id.
type shownKey struct {
	app, day int64
	install  [16]byte
	profile
}

// installKey tells installs apart.
func installKey(i diag.InstallID) [16]byte { return keyOfPacked(packInstall(i)) }

func keyOfPacked(packed []byte) [16]byte {
	if len(packed) == 16 {
		return [16]byte(packed)
	}
	return diag.DerivedID(packed)
}
