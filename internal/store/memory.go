package store

import "lifeboat/internal/diag"

// memory is what the writer of the index remembers between batches of what it has written, so that most logs
// ask the index for nothing. It is the writer's alone. A batch that fails leaves it spoiled, and the next one
// forgets all of it: nothing is known that was not committed.
type memory struct {
	spoiled bool

	shown      set[shownKey]
	used       set[usedKey]
	names      map[nameKey]int64
	nameDays   map[appDay]set[int64]
	properties map[eventKey]set[int64]
	values     map[valueKey]set[string]
}

type set[K comparable] map[K]struct{}

// put reports whether k is new.
func (s set[K]) put(k K) bool {
	if _, ok := s[k]; ok {
		return false
	}
	s[k] = struct{}{}
	return true
}

func (s set[K]) has(k K) bool {
	_, ok := s[k]
	return ok
}

// The bounds of what is remembered. They are looked at between batches, so that within one nothing is
// forgotten that stands in no table yet.
const (
	maxShown = 1 << 15 // installs as something on a day
	maxUsed  = 1 << 16 // events of installs on a day
	maxNames = 1 << 14 // also of days and of events
	maxSets  = 1 << 12 // sets of values, of up to maxValues each
)

// begin readies the memory for a batch, and commits to nothing until done is called.
func (m *memory) begin() {
	if m.spoiled || m.shown == nil {
		*m = memory{}
	}
	if len(m.shown) > maxShown || m.shown == nil {
		m.shown = set[shownKey]{}
	}
	if len(m.used) > maxUsed || m.used == nil {
		m.used = set[usedKey]{}
	}
	if len(m.names)+len(m.nameDays)+len(m.properties) > maxNames || m.names == nil {
		m.names, m.nameDays, m.properties = map[nameKey]int64{}, map[appDay]set[int64]{}, map[eventKey]set[int64]{}
	}
	if len(m.values) > maxSets || m.values == nil {
		m.values = map[valueKey]set[string]{}
	}
	m.spoiled = true
}

// done says that the batch is committed.
func (m *memory) done() { m.spoiled = false }

// clear forgets everything.
func (m *memory) clear() { *m = memory{} }

// usedKey is an event of an install on a day.
type usedKey struct {
	appDay
	install [16]byte
	use
}

type appDay struct{ app, day int64 }

type nameKey struct {
	app, gen int64
	name     string
}

type eventKey struct{ app, event int64 }

type valueKey struct {
	eventKey
	property, day int64
}

// use is an event in a session, zero if it was in none.
type use struct {
	event, version int64
	session        diag.ID
}
