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

	used uint64 // of boards: when it was asked for last
}

// undo is what one batch changed: the places as they were before.
type undo struct {
	before uint64
	places []groupPlace // n = 0: it was not there
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
		b.void, b.places, b.at, b.undo, b.texts = true, nil, nil, nil, nil
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
		total += len(b.places) + 100
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
	case b.at == nil || through <= b.through: // no rows were read yet, or this batch was among them
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
	was = groupPlace{id: id, n: p.n, devices: p.devices, first: p.first, last: p.last}
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

// load reads all groups of an app unless the board has them.
func (b *board) load(t *tx, shard uint8, app int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.void || b.at != nil {
		return nil
	}
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

// read calls fn with every group's place as it was when the index stood at through: 0 asks for now. It
// reports at which feed number the places are, and which is the newest that the board has; ok is false if it
// does not know. fn must not keep the place.
func (b *board) read(through uint64, fn func(*groupPlace)) (at, newest uint64, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.void || b.at == nil || b.tooMany {
		return 0, 0, false
	}
	at = b.through
	before := map[diag.GroupID]*groupPlace{}
	if through != 0 && through < at {
		at = through
		if !b.rewind(through, before) {
			return 0, 0, false
		}
	}
	for i := range b.places {
		p := &b.places[i]
		if was := before[p.id]; was != nil {
			old := *p
			old.n, old.devices, old.first, old.last, old.past = was.n, was.devices, was.first, was.last, true
			p = &old
		}
		if p.n > 0 {
			fn(p)
		}
	}
	return at, b.through, true
}

// rewind collects what changed since a batch that ended at through.
func (b *board) rewind(through uint64, before map[diag.GroupID]*groupPlace) bool {
	for i := len(b.undo) - 1; i >= 0; i-- {
		u := &b.undo[i]
		for j := range u.places {
			before[u.places[j].id] = &u.places[j]
		}
		if u.before <= through {
			return u.before == through // else no batch ended there: the index was made anew since
		}
	}
	return false
}
