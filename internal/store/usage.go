package store

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"lifeboat/internal/diag"
)

// The limits of what is told apart. What is beyond them is counted as cut; the journal keeps it.
const (
	MaxEventNames  = 1000 // events of an app and day
	MaxProperties  = 100  // names of properties of an event
	MaxValues      = 100  // values of a property and day
	maxPerEvent    = 20   // properties of one log: the limit of all SDKs
	maxUses        = 4096 // events, versions and sessions of an install and day
	maxUseSessions = 512  // sessions of an install and day
)

// EventCut is something that is not told apart for it is beyond a limit.
type EventCut uint8

// What is cut.
const (
	CutNames      EventCut = iota // logs of events beyond MaxEventNames
	CutProperties                 // properties beyond MaxProperties, or beyond what SDKs send in one log
	CutValues                     // values beyond MaxValues: counted together
	cutKinds
)

type eventCountKey struct {
	eventKey
	shard        uint8
	version, day int64
}

type eventValueKey struct {
	valueKey
	shard   uint8
	version int64
	rest    bool
	value   string
}

type eventCutKey struct {
	appDay
	shard uint8
	what  EventCut
}

var (
	eventCounts = newRollup("event_count", "shard app event version day", "n devices sessions", func(dst []any, k eventCountKey) []any {
		return append(dst, int64(k.shard), k.app, k.event, k.version, k.day)
	})
	eventValues = newRollup("event_value", "shard app event property day rest value version", "n", func(dst []any, k eventValueKey) []any {
		return append(dst, int64(k.shard), k.app, k.event, k.property, k.day, flag(k.rest), k.value, k.version)
	})
	eventCuts = newRollup("event_cut", "shard app day what", "n", func(dst []any, k eventCutKey) []any {
		return append(dst, int64(k.shard), k.app, k.day, int64(k.what))
	})
)

// usage collects the events of a batch and counts them: how often, on how many installs, in how many
// sessions, with which properties.
type usage struct {
	w    *batchWriter
	logs []usedLog
}

type usedLog struct {
	at deviceDay
	e  *EventRow
}

// see takes an event. Other logs have no name.
func (u *usage) see(at deviceDay, e *EventRow) {
	if e.Name != "" {
		u.logs = append(u.logs, usedLog{at, e})
	}
}

func (u *usage) write() error {
	if len(u.logs) == 0 {
		return nil
	}
	c := usageCounter{
		w: u.w, counts: sums[eventCountKey]{}, values: sums[eventValueKey]{}, cuts: sums[eventCutKey]{}, gaps: sums[gapKey]{},
		uses: map[deviceDay][]use{}, deleted: map[int64]map[string]diag.IngressTime{},
	}
	for _, l := range u.logs { // in feed order: the first of many keep their names
		if err := c.log(l.at, l.e); err != nil {
			return err
		}
	}
	for _, at := range c.order {
		if err := c.device(at, c.uses[at]); err != nil {
			return err
		}
	}
	return errors.Join(eventCounts.write(u.w.t, c.counts), eventValues.write(u.w.t, c.values), eventCuts.write(u.w.t, c.cuts),
		activeGaps.write(u.w.t, c.gaps))
}

// usageCounter counts the events of one batch.
type usageCounter struct {
	w       *batchWriter
	counts  sums[eventCountKey]
	values  sums[eventValueKey]
	cuts    sums[eventCutKey]
	gaps    sums[gapKey]
	uses    map[deviceDay][]use // that were not known
	order   []deviceDay
	deleted map[int64]map[string]diag.IngressTime
}

func (c *usageCounter) log(at deviceDay, e *EventRow) error {
	deleted, ok := c.deleted[at.app]
	if !ok {
		var err error
		if deleted, err = c.w.db.deletedEvents(c.w.t.ctx, at.app); err != nil {
			return err
		}
		c.deleted[at.app] = deleted
	}
	gen := deleted[e.Name]
	if gen != 0 && e.Ingress <= gen {
		return nil
	}
	event, ok, err := c.number(at, nameKey{at.app, int64(gen), e.Name})
	if err != nil {
		return err
	}
	if !ok {
		c.cuts.add(eventCutKey{appDay{at.app, at.day}, at.shard, CutNames}, 1)
		return nil
	}
	version := c.w.words.num(e.AppVersion)
	key := eventKey{at.app, event}
	for _, v := range [...]int64{anyVersion, version} {
		c.counts.add(eventCountKey{key, at.shard, v, at.day}, 1)
	}
	u := use{event, version, e.Session}
	if c.w.db.memory.used.put(usedKey{appDay{at.app, at.day}, installKey(at.install), u}) {
		if _, ok := c.uses[at]; !ok {
			c.order = append(c.order, at)
		}
		c.uses[at] = append(c.uses[at], u)
	}
	return c.properties(at, key, version, e.Properties)
}

// number is the number of an event; false if it is one too many on its day.
func (c *usageCounter) number(at deviceDay, k nameKey) (n int64, ok bool, err error) {
	m := &c.w.db.memory
	names, err := c.namesOf(at)
	if err != nil {
		return 0, false, err
	}
	n, known := m.names[k]
	if !known {
		if n, known, err = c.findName(at, k); err != nil {
			return 0, false, err
		}
	}
	switch {
	case known && names.has(n):
		return n, true, nil
	case len(names) >= MaxEventNames:
		return 0, false, nil
	case !known:
		if n, err = c.giveNumber(at, k); err != nil {
			return 0, false, err
		}
	}
	k.name = strings.Clone(k.name) // may be part of a whole log
	m.names[k] = n
	names.put(n)
	return n, true, nil
}

// namesOf are the events of a day.
func (c *usageCounter) namesOf(at deviceDay) (set[int64], error) {
	m, k := &c.w.db.memory, appDay{at.app, at.day}
	if names, ok := m.nameDays[k]; ok {
		return names, nil
	}
	names := set[int64]{}
	err := c.w.t.each(func(r *sql.Rows) error {
		var n int64
		err := r.Scan(&n)
		names.put(n)
		return err
	}, "SELECT DISTINCT value FROM active_gap WHERE shard = $1 AND app = $2 AND dim = $3 AND sub = $4 AND day = $5",
		at.shard, at.app, dimEvents, anyVersion, at.day)
	if err == nil {
		m.nameDays[k] = names
	}
	return names, err
}

func (c *usageCounter) findName(at deviceDay, k nameKey) (n int64, known bool, err error) {
	word, known, err := c.w.words.known(k.name)
	if err != nil || !known {
		return 0, false, err
	}
	err = c.w.t.get([]any{&n}, "SELECT num FROM event_name WHERE shard = $1 AND app = $2 AND name = $3 AND gen = $4", at.shard, at.app, word, k.gen)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return n, err == nil, err
}

func (c *usageCounter) giveNumber(at deviceDay, k nameKey) (n int64, err error) {
	word := c.w.words.num(k.name)
	if c.w.words.err != nil {
		return 0, c.w.words.err
	}
	err = c.w.t.get([]any{&n}, `INSERT INTO event_name (shard, app, name, gen, num)
		VALUES ($1, $2, $3, $4, (SELECT COALESCE(MAX(num), 0) + 1 FROM event_name WHERE shard = $1 AND app = $2)) RETURNING num`,
		at.shard, at.app, word, k.gen)
	return n, err
}

func (c *usageCounter) properties(at deviceDay, event eventKey, version int64, all []diag.Property) error {
	for i, p := range all {
		if i == maxPerEvent {
			c.cuts.add(eventCutKey{appDay{at.app, at.day}, at.shard, CutProperties}, int64(len(all)-maxPerEvent))
			return nil
		}
		property, ok, err := c.property(at, event, p.Name)
		if err != nil {
			return err
		}
		if !ok {
			c.cuts.add(eventCutKey{appDay{at.app, at.day}, at.shard, CutProperties}, 1)
			continue
		}
		if err := c.value(at, valueKey{event, property, at.day}, version, p.Value); err != nil {
			return err
		}
	}
	return nil
}

// property is the word of a property's name; false if it is one too many of its event.
func (c *usageCounter) property(at deviceDay, event eventKey, name string) (word int64, ok bool, err error) {
	m := &c.w.db.memory
	known, ok := m.properties[event]
	if !ok {
		known = set[int64]{}
		err := c.w.t.each(func(r *sql.Rows) error {
			var n int64
			err := r.Scan(&n)
			known.put(n)
			return err
		}, "SELECT property FROM event_property WHERE shard = $1 AND app = $2 AND event = $3", at.shard, at.app, event.event)
		if err != nil {
			return 0, false, err
		}
		m.properties[event] = known
	}
	if word, ok, err = c.w.words.known(name); err != nil || ok && known.has(word) {
		return word, ok, err
	}
	if len(known) >= MaxProperties {
		return 0, false, nil
	}
	word = c.w.words.num(name)
	known.put(word)
	_, err = c.w.t.exec(`INSERT INTO event_property (shard, app, event, property) VALUES ($1, $2, $3, $4)
		ON CONFLICT (shard, app, event, property) DO NOTHING`, at.shard, at.app, event.event, word)
	return word, err == nil, errors.Join(err, c.w.words.err)
}

func (c *usageCounter) value(at deviceDay, k valueKey, version int64, value string) error {
	m := &c.w.db.memory
	known, ok := m.values[k]
	if !ok {
		known = set[string]{}
		err := c.w.t.each(func(r *sql.Rows) error {
			var text string
			err := r.Scan(&text)
			known.put(text)
			return err
		}, "SELECT DISTINCT value FROM event_value WHERE shard = $1 AND app = $2 AND event = $3 AND property = $4 AND day = $5 AND rest = 0",
			at.shard, at.app, k.event, k.property, k.day)
		if err != nil {
			return err
		}
		m.values[k] = known
	}
	rest := !known.has(value) && len(known) >= MaxValues
	if rest {
		value = ""
		c.cuts.add(eventCutKey{appDay{at.app, at.day}, at.shard, CutValues}, 1)
	} else if !known.has(value) {
		value = strings.Clone(value)
		known.put(value)
	}
	c.values.add(eventValueKey{k, at.shard, version, rest, value}, 1)
	return nil
}

// device counts installs and sessions: what is new of one install on one day.
func (c *usageCounter) device(at deviceDay, asked []use) error {
	d := useCounter{asked: asked}
	packed := packInstall(at.install)
	settled := false
	err := c.w.t.each(func(r *sql.Rows) error {
		var (
			day  int64
			seen sql.RawBytes
		)
		if err := r.Scan(&day, &seen); err != nil {
			return err
		}
		if day == at.day {
			d.stood = parseUses(seen)
			return nil
		}
		if !settled {
			d.settle()
			settled = true
		}
		if d.near.open == 0 {
			return errEnough
		}
		d.near.precede(day, useFacets(parseUses(seen)))
		return nil
	}, `SELECT day, seen FROM event_seen WHERE shard = $1 AND app = $2 AND install = $3 AND day <= $4 AND day > $5 ORDER BY day DESC`,
		at.shard, at.app, packed, at.day, at.day-maxGap)
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if !settled {
		d.settle()
	}
	if len(d.fresh) == 0 {
		return nil
	}
	if err := c.follow(at, packed, &d); err != nil {
		return err
	}
	for f, n := range d.near.of {
		moveGap(c.gaps, at, f, n)
		c.counts.add(eventCountKey{eventKey{at.app, f.value}, at.shard, f.sub, at.day}, 0, 1)
	}
	for _, k := range d.sessions() {
		c.counts.add(eventCountKey{eventKey{at.app, k.event}, at.shard, k.version, at.day}, 0, 0, 1)
	}
	_, err = c.w.t.exec(`INSERT INTO event_seen (shard, app, install, day, seen) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (shard, app, install, day) DO UPDATE SET seen = excluded.seen`,
		at.shard, at.app, packed, at.day, formatUses(slices.Concat(d.stood, d.fresh)))
	return err
}

// follow reads on to where everything new was there next.
func (c *usageCounter) follow(at deviceDay, packed []byte, d *useCounter) error {
	if d.near.open = len(d.near.of); d.near.open == 0 {
		return nil
	}
	err := c.w.t.each(func(r *sql.Rows) error {
		var (
			day  int64
			seen sql.RawBytes
		)
		if err := r.Scan(&day, &seen); err != nil {
			return err
		}
		if d.near.follow(day, useFacets(parseUses(seen))); d.near.open == 0 {
			return errEnough
		}
		return nil
	}, `SELECT day, seen FROM event_seen WHERE shard = $1 AND app = $2 AND install = $3 AND day > $4 AND day < $5 ORDER BY day`,
		at.shard, at.app, packed, at.day, at.day+maxGap)
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// useCounter finds what is new of one install on one day.
type useCounter struct {
	asked, stood, fresh []use
	near                nearest
}

// settle finds out what is new, once the day's own row is read.
func (d *useCounter) settle() {
	stood, sessions := set[use]{}, set[diag.ID]{}
	for _, u := range d.stood {
		stood.put(u)
		sessions.put(u.session)
	}
	d.near.of = map[facet]neighbours{}
	for _, u := range d.asked {
		if stood.has(u) || len(stood) >= maxUses || !sessions.has(u.session) && len(sessions) >= maxUseSessions {
			continue
		}
		stood.put(u)
		sessions.put(u.session)
		d.fresh = append(d.fresh, u)
	}
	for _, f := range useFacets(d.fresh) {
		d.near.of[f] = neighbours{}
	}
	for _, f := range useFacets(d.stood) {
		delete(d.near.of, f)
	}
	d.near.open = len(d.near.of)
}

// sessions are the sessions that are new to events, as uses whose version may be anyVersion.
func (d *useCounter) sessions() (all []use) {
	seen := set[use]{}
	for _, u := range d.stood {
		seen.put(u)
		seen.put(use{u.event, anyVersion, u.session})
	}
	for _, u := range d.fresh {
		for _, k := range [...]use{u, {u.event, anyVersion, u.session}} {
			if !u.session.IsZero() && seen.put(k) {
				all = append(all, k)
			}
		}
	}
	return all
}

func useFacets(all []use) []facet {
	facets := make([]facet, 0, 2*len(all))
	for _, u := range all {
		facets = append(facets, facet{dimEvents, anyVersion, u.event}, facet{dimEvents, u.version, u.event})
	}
	return facets
}

// formatUses writes uses in few bytes: the sessions, then each use with the place of its session, 0 for none.
func formatUses(all []use) []byte {
	var sessions []diag.ID
	for _, u := range all {
		if !u.session.IsZero() && !slices.Contains(sessions, u.session) {
			sessions = append(sessions, u.session)
		}
	}
	b := binary.AppendUvarint(nil, uint64(len(sessions)))
	for _, s := range sessions {
		b = append(b, s[:]...)
	}
	for _, u := range all {
		b = binary.AppendUvarint(b, uint64(u.event))
		b = binary.AppendUvarint(b, uint64(u.version))
		b = binary.AppendUvarint(b, uint64(slices.Index(sessions, u.session)+1))
	}
	return b
}

// parseUses reads what formatUses wrote, as far as it can.
func parseUses(b []byte) (all []use) {
	r := pageReader{b: b, ok: true}
	var sessions []diag.ID
	for range r.uvarint() {
		s := r.bytes(uint64(len(diag.ID{})))
		if !r.ok {
			return nil
		}
		sessions = append(sessions, diag.ID(s))
	}
	for r.ok && len(r.b) > 0 {
		u := use{event: int64(r.uvarint()), version: int64(r.uvarint())}
		place := r.uvarint()
		if !r.ok || place > uint64(len(sessions)) {
			return all
		}
		if place > 0 {
			u.session = sessions[place-1]
		}
		all = append(all, u)
	}
	return all
}
