package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"strings"
	"sync"

	"lifeboat/internal/diag"
)

// GroupIDs returns the public id of each key and gives one to keys that have none. An id once given stays.
// Keys of apps that are gone get 0, which is never a public id.
func (db *DB) GroupIDs(ctx context.Context, keys []diag.GroupKey) ([]diag.GroupID, error) {
	ids := make([]diag.GroupID, len(keys))
	if db.groupIDs.fill(keys, ids) {
		return ids, nil
	}
	fresh, err := db.findGroupIDs(ctx, keys, ids)
	if err == nil && len(fresh) > 0 {
		err = db.giveGroupIDs(ctx, keys, fresh, ids)
	}
	if err != nil {
		return nil, err
	}
	db.groupIDs.put(keys, ids)
	return ids, nil
}

// findGroupIDs fills in what the register has and returns which keys need an id.
func (db *DB) findGroupIDs(ctx context.Context, keys []diag.GroupKey, ids []diag.GroupID) (fresh []int, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		for i, k := range keys {
			if ids[i] != 0 {
				continue
			}
			shard, err := shardIn(t, k.App)
			if err == nil {
				ids[i], err = groupIDOf(t, shard, k)
			}
			if err == nil && ids[i] == 0 {
				fresh = append(fresh, i)
			}
			if err != nil && diag.KindOf(err) != diag.NotFound {
				return err
			}
		}
		return nil
	})
	return fresh, err
}

func groupIDOf(t *tx, shard uint8, k diag.GroupKey) (g diag.GroupID, err error) {
	err = t.get([]any{&g}, "SELECT grp FROM group_id WHERE shard = $1 AND app = $2 AND signature = $3 AND version = $4 AND handled = $5",
		shard, k.App, k.Signature[:], k.AppVersion, flag(k.Handled))
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return g, err
}

// giveGroupIDs gives ids in one transaction: it waits for the disk once.
func (db *DB) giveGroupIDs(ctx context.Context, keys []diag.GroupKey, fresh []int, ids []diag.GroupID) error {
	return db.register.update(ctx, func(t *tx) error {
		for _, i := range fresh {
			shard, err := shardIn(t, keys[i].App)
			if diag.KindOf(err) == diag.NotFound {
				continue
			}
			if err == nil {
				ids[i], err = db.giveGroupID(t, shard, keys[i])
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (db *DB) giveGroupID(t *tx, shard uint8, k diag.GroupKey) (diag.GroupID, error) {
	if g, err := groupIDOf(t, shard, k); g != 0 || err != nil {
		return g, err // given meanwhile, or twice in the same list
	}
	for salt := uint32(0); ; salt++ {
		g := db.groupHash(k, salt)
		if g == 0 {
			continue
		}
		rows, err := t.exec("INSERT INTO group_id (shard, app, signature, version, handled, grp) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
			shard, k.App, k.Signature[:], k.AppVersion, flag(k.Handled), g)
		if rows == 1 || err != nil {
			return g, err
		}
	}
}

// hashGroup is where a group's public id comes from (docs/compatibility.md Q21). The same keys given in the
// same order get the same ids.
func hashGroup(k diag.GroupKey, salt uint32) diag.GroupID {
	b := binary.BigEndian.AppendUint64(nil, uint64(k.App))
	b = binary.BigEndian.AppendUint32(b, salt)
	b = append(b, k.Signature[:]...)
	b = append(b, byte(flag(k.Handled)))
	b = append(b, k.AppVersion...)
	sum := sha256.Sum256(b)
	return diag.GroupID(binary.BigEndian.Uint32(sum[:4]))
}

// groupIDCache remembers ids, which never change. It empties itself when full.
type groupIDCache struct {
	mu sync.Mutex
	of map[diag.GroupKey]diag.GroupID
}

const maxCachedGroupIDs = 8192

// fill sets the ids it knows and reports whether that is all of them.
func (c *groupIDCache) fill(keys []diag.GroupKey, ids []diag.GroupID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := true
	for i, k := range keys {
		ids[i] = c.of[k]
		all = all && ids[i] != 0
	}
	return all
}

func (c *groupIDCache) put(keys []diag.GroupKey, ids []diag.GroupID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil || len(c.of) > maxCachedGroupIDs {
		c.of = map[diag.GroupKey]diag.GroupID{}
	}
	for i, k := range keys {
		if _, known := c.of[k]; known || ids[i] == 0 {
			continue
		}
		k.AppVersion = strings.Clone(k.AppVersion) // may be part of a whole log
		c.of[k] = ids[i]
	}
}

func (c *groupIDCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.of)
}

// The states that people give to groups.
const (
	StateOpen    = "Open"
	StateClosed  = "Closed"
	StateIgnored = "Ignored"
)

// GroupWords is what people said of a group. A group nobody spoke of is open.
type GroupWords struct {
	State      string // StateOpen, StateClosed or StateIgnored
	Annotation string
}

// GroupWords returns what people said of a group, also of one that does not exist.
func (db *DB) GroupWords(ctx context.Context, app int64, g diag.GroupID) (GroupWords, error) {
	w := GroupWords{State: StateOpen}
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return w, err
	}
	err = db.register.read(ctx, func(t *tx) error {
		err := t.get([]any{&w.State, &w.Annotation}, "SELECT state, annotation FROM group_words WHERE shard = $1 AND app = $2 AND grp = $3", shard, app, g)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return w, err
}

// SetGroupWords replaces what people said of a group.
func (db *DB) SetGroupWords(ctx context.Context, app int64, g diag.GroupID, w GroupWords) error {
	switch w.State {
	case StateOpen, StateClosed, StateIgnored:
	default:
		return diag.Errorf(diag.Invalid, "The state of a group is Open, Closed or Ignored.")
	}
	return db.updateApp(ctx, app, func(t *tx, shard uint8) error {
		_, err := t.exec(`INSERT INTO group_words (shard, app, grp, state, annotation) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (shard, app, grp) DO UPDATE SET state = excluded.state, annotation = excluded.annotation`,
			shard, app, g, w.State, w.Annotation)
		return err
	})
}

// ChangeGroupWords changes what is not nil of what people said of a group, and returns all of it.
func (db *DB) ChangeGroupWords(ctx context.Context, app int64, g diag.GroupID, state, annotation *string) (w GroupWords, err error) {
	if state != nil && *state != StateOpen && *state != StateClosed && *state != StateIgnored {
		return w, diag.Errorf(diag.Invalid, "The state of a group is Open, Closed or Ignored.")
	}
	err = db.updateApp(ctx, app, func(t *tx, shard uint8) error {
		return t.get([]any{&w.State, &w.Annotation}, `INSERT INTO group_words (shard, app, grp, state, annotation)
			VALUES ($1, $2, $3, COALESCE($4, $6), COALESCE($5, ''))
			ON CONFLICT (shard, app, grp) DO UPDATE SET state = COALESCE($4, group_words.state), annotation = COALESCE($5, group_words.annotation)
			RETURNING state, annotation`, shard, app, g, state, annotation, StateOpen)
	})
	return w, err
}

// wordsOfApp returns everything that people said of an app's groups: few, for people are slow.
func (db *DB) wordsOfApp(ctx context.Context, shard uint8, app int64) (map[diag.GroupID]GroupWords, error) {
	all := map[diag.GroupID]GroupWords{}
	err := db.register.read(ctx, func(t *tx) error {
		return t.each(func(r *sql.Rows) error {
			var (
				g diag.GroupID
				w GroupWords
			)
			err := r.Scan(&g, &w.State, &w.Annotation)
			all[g] = w
			return err
		}, "SELECT grp, state, annotation FROM group_words WHERE shard = $1 AND app = $2", shard, app)
	})
	return all, err
}
