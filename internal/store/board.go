package store

import (
	"cmp"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"sync"

	"lifeboat/internal/diag"
)

// The bounds of what is kept in memory of groups. One takes about 200 bytes.
const (
	maxBoardGroups = 100_000 // of one app; a list of an app with more reads rows
	maxBoardsTotal = 200_000 // of all apps
	maxBoardUndo   = 50_000  // entries of one app
	maxBoardDays   = 3_000_000
)

// board holds the places of an app's groups, so that a list need not read and sort a row for each of them. It
// follows the index batch by batch and remembers what the last batches changed: pages behind the first count
// what the first did.
type board struct {
	mu      sync.RWMutex // held for writing while rows are read and while a batch is applied
	through uint64
	places  []groupPlace
	at      map[diag.GroupID]int
	texts   map[string]string // one copy of versions and types
	undo    []undo            // oldest first
	undone  int               // entries in undo
	void    bool              // it does not follow any more
	tooMany bool              // groups, for it to hold
	daily   bool              // places have their days
	days    int               // entries in them; more than maxBoardDays are not held

	used uint64 // of boards: when it was asked for last
}

// undo is what one batch changed: the places as they were before.
type undo struct {
	before uint64
	places []groupPlace // n = 0: it was not there; days are those that the batch added
}

// dayReports is how many reports a group has on a day.
type dayReports struct{ day, n int32 }

// addDay adds to the days of a group, which are in rising order.
func addDay(days []dayReports, day, n int32) []dayReports {
	i := len(days)
	for i > 0 && days[i-1].day > day {
		i--
	}
	if i > 0 && days[i-1].day == day {
		days[i-1].n += n
		return days
	}
	return slices.Insert(days, i, dayReports{day, n})
}

// boards are those of the apps that were asked for lately.
type boards struct {
	mu    sync.Mutex
	of    map[int64]*board
	clock uint64
	tidy  uint64 // clock at the last tidying
}

// get returns an app's board, an empty one at first.
func (s *boards) get(app int64) *board {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[int64]*board{}
	}
	b := s.of[app]
	if b == nil {
		b = &board{}
		s.of[app] = b
	}
	s.clock++
	b.used = s.clock
	return b
}

// all returns every board, those used last at the end.
func (s *boards) all() []*board {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*board
	for _, b := range s.of {
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b *board) int { return cmp.Compare(a.used, b.used) })
	return list
}

// drop forgets an app's board: its rows were changed by something that is no batch.
func (s *boards) drop(app int64) { s.take(func(a int64, _ *board) bool { return a == app }) }

func (s *boards) clear() { s.take(func(int64, *board) bool { return true }) }

// take takes boards away. Who holds one sees that it is void.
func (s *boards) take(which func(int64, *board) bool) {
	s.mu.Lock()
	var gone []*board
	for app, b := range s.of {
		if which(app, b) {
			gone = append(gone, b)
			delete(s.of, app)
		}
	}
	s.mu.Unlock()
	for _, b := range gone {
		b.mu.Lock()
		b.void, b.places, b.at, b.undo, b.texts, b.days = true, nil, nil, nil, nil, 0
		b.mu.Unlock()
	}
}

// trim takes the boards away that were asked for longest ago until the others are small enough.
func (s *boards) trim() {
	list := s.all()
	total := 0
	for i := len(list) - 1; i >= 0; i-- {
		b := list[i]
		b.mu.RLock()
		total += len(b.places) + b.days/20 + 100
		b.mu.RUnlock()
		if total > maxBoardsTotal {
			s.take(func(_ int64, o *board) bool { return o == b })
		}
	}
}

// rest takes the boards away that nobody asked for since the last call.
func (s *boards) rest() {
	s.mu.Lock()
	since := s.tidy
	s.tidy = s.clock
	s.mu.Unlock()
	s.take(func(_ int64, b *board) bool { return b.used <= since })
}

// follow applies a batch to every board. It runs once the batch is committed and before the next one begins.
func (s *boards) follow(after, through uint64, deltas map[groupKey]*groupDelta) {
	s.mu.Lock()
	list := make(map[int64]*board, len(s.of))
	for app, b := range s.of {
		list[app] = b
	}
	s.mu.Unlock()
	for app, b := range list {
		if !b.follow(app, after, through, deltas) {
			s.take(func(_ int64, o *board) bool { return o == b })
		}
	}
}

// follow reports false if the board cannot follow: a batch is missing in between.
func (b *board) follow(app int64, after, through uint64, deltas map[groupKey]*groupDelta) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.void:
		return false
	case b.at == nil || b.tooMany || through <= b.through: // no rows were read yet, or this batch was among them
		return true
	case after != b.through:
		return false
	}
	was := undo{before: b.through}
	for k, g := range deltas {
		if k.app == app {
			was.places = append(was.places, b.add(k.group, g))
		}
	}
	b.through = through
	b.undo, b.undone = append(b.undo, was), b.undone+1+len(was.places)
	if b.days > maxBoardDays {
		b.forgetDays()
	}
	for b.undone > maxBoardUndo {
		b.undone -= 1 + len(b.undo[0].places)
		b.undo[0].places = nil
		b.undo = b.undo[1:]
	}
	if len(b.places) > maxBoardGroups {
		b.places, b.at, b.undo, b.tooMany = nil, map[diag.GroupID]int{}, nil, true
	}
	return true
}

// add adds to a group and returns its place before.
func (b *board) add(id diag.GroupID, g *groupDelta) (was groupPlace) {
	if b.tooMany {
		return groupPlace{}
	}
	i, known := b.at[id]
	if !known {
		r := g.first
		i = len(b.places)
		b.at[id] = i
		b.places = append(b.places, groupPlace{id: id, handled: r.Handled, first: g.from, last: g.to, version: b.share(r.AppVersion),
			kind: b.share(r.Reason.Type), class: strings.Clone(r.Reason.Class), method: strings.Clone(r.Reason.Method)})
	}
	p := &b.places[i]
	was = groupPlace{id: id, n: p.n, devices: p.devices, first: p.first, last: p.last, days: g.days}
	if b.daily {
		for _, d := range g.days {
			b.days -= len(p.days)
			p.days = addDay(p.days, d.day, d.n)
			b.days += len(p.days)
		}
	}
	p.n, p.devices = p.n+g.n, p.devices+g.devices
	p.first, p.last = min(p.first, g.from), max(p.last, g.to)
	return was
}

// share keeps one copy of texts that repeat.
func (b *board) share(s string) string {
	if t, ok := b.texts[s]; ok {
		return t
	}
	s = strings.Clone(s)
	b.texts[s] = s
	return s
}

// within reports whether all reports that are in a group lie in a span of times. Call it with mu held.
func (b *board) within(start, end diag.DeviceTime) bool {
	for i := range b.places {
		if p := &b.places[i]; start != 0 && p.first < start || end != 0 && p.last >= end {
			return false
		}
	}
	return true
}

// forgetDays gives up the days, which have become too many.
func (b *board) forgetDays() {
	for i := range b.places {
		b.places[i].days = nil
	}
	b.daily = false
}

// load reads all groups of an app unless the board has them, and with daily their days.
func (b *board) load(t *tx, shard uint8, app int64, daily bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.void || b.tooMany {
		return nil
	}
	if b.at == nil {
		if err := b.loadPlaces(t, shard, app); err != nil {
			return err
		}
	}
	if daily && !b.daily && !b.tooMany && b.days <= maxBoardDays {
		return b.loadDays(t, shard, app)
	}
	return nil
}

func (b *board) loadPlaces(t *tx, shard uint8, app int64) error {
	through, _, err := cursor(t)
	if err != nil {
		return err
	}
	b.texts = map[string]string{}
	at := map[diag.GroupID]int{}
	var places []groupPlace
	err = t.each(func(r *sql.Rows) error {
		var p groupPlace
		if err := p.scan(r); err != nil {
			return err
		}
		if len(places) == maxBoardGroups {
			return errStop
		}
		p.version, p.kind = b.share(p.version), b.share(p.kind)
		at[p.id] = len(places)
		places = append(places, p)
		return nil
	}, "SELECT "+placeColumns+" FROM error_group WHERE shard = $1 AND app = $2", shard, app)
	if errors.Is(err, errStop) {
		b.tooMany, places, at, err = true, nil, map[diag.GroupID]int{}, nil
	}
	if err == nil {
		b.through, b.places, b.at = through, places, at
	}
	return err
}

// loadDays reads when all reports of an app were, from their index. It does nothing if the board does not stand
// where the snapshot does: there will be another call.
func (b *board) loadDays(t *tx, shard uint8, app int64) error {
	now, _, err := cursor(t)
	if err != nil || now != b.through {
		return err
	}
	var (
		id   diag.GroupID
		time diag.DeviceTime
		row  = []any{&id, &time}
		at   = -1
		days = make([][]dayReports, len(b.places))
	)
	b.days = 0
	err = t.each(func(r *sql.Rows) error {
		if err := r.Scan(row...); err != nil {
			return err
		}
		if at < 0 || b.places[at].id != id {
			i, known := b.at[id]
			if !known {
				return nil // in no group
			}
			at = i
		}
		before := len(days[at])
		days[at] = addDay(days[at], int32(dayOf(time)), 1)
		if b.days += len(days[at]) - before; b.days > maxBoardDays {
			return errStop
		}
		return nil
	}, "SELECT grp, time FROM report /* by report_grp */ WHERE shard = $1 AND app = $2 ORDER BY grp, time", shard, app)
	if errors.Is(err, errStop) {
		return nil // b.days stays too great
	}
	if err != nil {
		return err
	}
	for i := range b.places {
		b.places[i].days = slices.Clip(days[i])
	}
	b.daily = true
	return nil
}

// groupWindow is a span of times whose reports are counted: whole days from those of the places, the rest apart.
type groupWindow struct {
	first, last int64                  // whole days
	edges       map[diag.GroupID]int64 // reports of the days that are not whole
}

// read calls fn with every group's place as it was when the index stood at through: 0 asks for now. With a
// window, n is that of the window, and devices, first and last are not told. ok is false if the board does not
// know. Call it with mu held for reading. fn must not keep the place.
func (b *board) read(through uint64, w *groupWindow, fn func(*groupPlace)) (at uint64, ok bool) {
	if w != nil && !b.daily {
		return 0, false
	}
	at = b.through
	before := map[diag.GroupID]*groupPlace{}
	if through != 0 && through < at {
		at = through
		if !b.rewind(through, before) {
			return 0, false
		}
	}
	for i := range b.places {
		p := b.places[i]
		if was := before[p.id]; was != nil {
			p.n, p.devices, p.first, p.last, p.past = was.n, was.devices, was.first, was.last, true
		}
		if w != nil && p.n > 0 {
			p.n = w.count(&p, before[p.id])
		}
		if p.n > 0 {
			fn(&p)
		}
	}
	return at, true
}

// count counts the reports of a group in the window without those that came after the first page.
func (w *groupWindow) count(p, was *groupPlace) int64 {
	n := w.whole(p.days) + w.edges[p.id]
	if was != nil {
		n -= w.whole(was.days)
	}
	return n
}

func (w *groupWindow) whole(days []dayReports) (n int64) {
	for _, d := range days {
		if int64(d.day) >= w.first && int64(d.day) <= w.last {
			n += int64(d.n)
		}
	}
	return n
}

// rewind collects what changed since a batch that ended at through: the counters from before, and the days that
// were added since.
func (b *board) rewind(through uint64, before map[diag.GroupID]*groupPlace) bool {
	for i := len(b.undo) - 1; i >= 0; i-- {
		u := &b.undo[i]
		for j := range u.places {
			was := u.places[j]
			if later := before[was.id]; later != nil {
				was.days = slices.Concat(was.days, later.days)
			}
			before[was.id] = &was
		}
		if u.before <= through {
			return u.before == through // else no batch ended there: the index was made anew since
		}
	}
	return false
}
