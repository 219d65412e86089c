package store

import (
	"context"
	"database/sql"
	"strings"
	"sync"

	"lifeboat/internal/diag"
)

const appColumns = `num, id, secret, owner, name, display_name, description, os, platform, release_type,
	created_at, updated_at, blocked, crash_limit, handled_limit, prefixes, keep_reports, keep_events, icon_url, avatar`

func scanApp(scan func(...any) error) (a diag.App, err error) {
	var prefixes string
	err = scan(&a.Num, idColumn{&a.ID}, idColumn{&a.Secret}, &a.Owner, &a.Name, &a.DisplayName, &a.Description, &a.OS, &a.Platform,
		&a.ReleaseType, &a.CreatedAt, &a.UpdatedAt, &a.Blocked, &a.CrashesPerMinute, &a.HandledPerMinute, &prefixes, &a.Keep.Reports, &a.Keep.Events, &a.IconURL,
		idColumn{&a.Avatar})
	a.AppNamespacePrefixes = splitLines(prefixes)
	return a, err
}

const appTaken = "There is an app of this name, or with this secret."

// CreateApp adds an app and gives it its number. A taken name, id or secret is a Conflict. Whether there is such an
// owner is not asked: CreateAppOf does that.
func (db *DB) CreateApp(ctx context.Context, a diag.App) (diag.App, error) {
	err := db.register.update(ctx, func(t *tx) (err error) {
		a, err = db.createApp(t, a)
		return err
	})
	return a, err
}

func (db *DB) createApp(t *tx, a diag.App) (diag.App, error) {
	var err error
	if a.Num, err = next(t, "app"); err != nil {
		return a, err
	}
	_, err = t.exec(`INSERT INTO app (num, id, shard, secret, owner, name, owner_key, name_key, display_name, description, os, platform,
		release_type, created_at, updated_at, blocked, crash_limit, handled_limit, prefixes, keep_reports, keep_events, icon_url)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)`,
		a.Num, a.ID[:], diag.ShardOf(a.ID), a.Secret[:], a.Owner, a.Name, strings.ToLower(a.Owner), strings.ToLower(a.Name),
		a.DisplayName, a.Description, a.OS, a.Platform, a.ReleaseType, a.CreatedAt, a.UpdatedAt, flag(a.Blocked),
		a.CrashesPerMinute, a.HandledPerMinute, strings.Join(a.AppNamespacePrefixes, "\n"), a.Keep.Reports, a.Keep.Events, a.IconURL)
	return a, db.register.taken(err, appTaken)
}

// App returns an app by its owner and name, in any letter case.
func (db *DB) App(ctx context.Context, owner, name string) (diag.App, error) {
	return db.app(ctx, "SELECT "+appColumns+" FROM app WHERE owner_key = $1 AND name_key = $2", strings.ToLower(owner), strings.ToLower(name))
}

// AppBySecret returns the app that devices name with that secret.
func (db *DB) AppBySecret(ctx context.Context, secret diag.ID) (diag.App, error) {
	return db.app(ctx, "SELECT "+appColumns+" FROM app WHERE secret = $1", secret[:])
}

// AppByNum returns an app by its number.
func (db *DB) AppByNum(ctx context.Context, num int64) (diag.App, error) {
	return db.app(ctx, "SELECT "+appColumns+" FROM app WHERE num = $1", num)
}

// AppByID returns the app with a public id.
func (db *DB) AppByID(ctx context.Context, id diag.ID) (diag.App, error) {
	return db.app(ctx, "SELECT "+appColumns+" FROM app WHERE id = $1", id[:])
}

func (db *DB) app(ctx context.Context, text string, key ...any) (a diag.App, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		a, err = scanApp(func(dest ...any) error { return t.get(dest, text, key...) })
		return absent(err, "app")
	})
	return a, err
}

// Apps lists all apps, oldest first.
func (db *DB) Apps(ctx context.Context) (all []diag.App, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (diag.App, error) { return scanApp(r.Scan) }, "SELECT "+appColumns+" FROM app ORDER BY num")
		return err
	})
	return all, err
}

// UpdateApp changes everything but number, id, creation time, retention and picture of the app with a's number. Where
// others may change the app at the same time, ChangeApp loses nothing of theirs.
func (db *DB) UpdateApp(ctx context.Context, a diag.App) error {
	return db.register.update(ctx, func(t *tx) error { return db.updateAppRow(t, &a) })
}

// ChangeApp changes an app as fn says, on its newest state. It may call fn several times, and returns the app as it
// is then. An error of fn changes nothing.
func (db *DB) ChangeApp(ctx context.Context, num int64, fn func(*diag.App) error) (a diag.App, err error) {
	err = db.register.update(ctx, func(t *tx) error {
		if a, err = appIn(t, num); err != nil {
			return err
		}
		if err := fn(&a); err != nil {
			return err
		}
		return db.updateAppRow(t, &a)
	})
	return a, err
}

func appIn(t *tx, num int64) (diag.App, error) {
	a, err := scanApp(func(dest ...any) error { return t.get(dest, "SELECT "+appColumns+" FROM app WHERE num = $1", num) })
	return a, absent(err, "app")
}

func (db *DB) updateAppRow(t *tx, a *diag.App) error {
	rows, err := t.exec(`UPDATE app SET secret = $2, owner = $3, name = $4, owner_key = $5, name_key = $6, display_name = $7,
			description = $8, os = $9, platform = $10, release_type = $11, updated_at = $12, blocked = $13, crash_limit = $14,
			handled_limit = $15, prefixes = $16, icon_url = $17 WHERE num = $1`,
		a.Num, a.Secret[:], a.Owner, a.Name, strings.ToLower(a.Owner), strings.ToLower(a.Name), a.DisplayName,
		a.Description, a.OS, a.Platform, a.ReleaseType, a.UpdatedAt, flag(a.Blocked), a.CrashesPerMinute,
		a.HandledPerMinute, strings.Join(a.AppNamespacePrefixes, "\n"), a.IconURL)
	return found(rows, db.register.taken(err, appTaken), "app")
}

// perApp are the register's tables that hold rows of one app.
var perApp = [...]string{"member", "team_app", "app_subscription", "blocked_install", "dropped", "group_id", "group_words", "export",
	"purge_cursor", "purged", "group_past", "tombstone", "deletion", "event_deleted", "symbol_upload", "symbol", "symbol_ignored"}

// DeleteApp removes an app and every row of it. Its number is never given again, so rows that a batch still
// carries are recognised as those of an app that is gone. Scrub takes what is left of them out of the files.
func (db *DB) DeleteApp(ctx context.Context, num int64) error {
	shard, err := db.shardOf(ctx, num)
	if err != nil {
		return err
	}
	err = db.register.update(ctx, func(t *tx) error {
		for _, table := range perApp {
			if _, err := t.exec("DELETE FROM "+table+" WHERE shard = $1 AND app = $2", shard, num); err != nil {
				return err
			}
		}
		for _, text := range [...]string{"DELETE FROM token WHERE app = $1", "DELETE FROM invitation WHERE app = $1",
			"DELETE FROM avatar WHERE id = (SELECT avatar FROM app WHERE num = $1)"} {
			if _, err := t.exec(text, num); err != nil {
				return err
			}
		}
		if _, err := t.exec("INSERT INTO gone_app (shard, app) VALUES ($1, $2) ON CONFLICT (shard, app) DO NOTHING", shard, num); err != nil {
			return err
		}
		rows, err := t.exec("DELETE FROM app WHERE num = $1", num)
		return found(rows, err, "app")
	})
	if err != nil {
		return err
	}
	db.shards.forget(num)
	db.groupIDs.clear()
	return db.sweepApp(ctx, shard, num)
}

// SetMember gives an account a role in an app; RoleNone takes it away.
func (db *DB) SetMember(ctx context.Context, app, user int64, role diag.Role) error {
	return db.updateApp(ctx, app, func(t *tx, shard uint8) error { return setMember(t, shard, app, user, role) })
}

func setMember(t *tx, shard uint8, app, user int64, role diag.Role) error {
	if role == diag.RoleNone {
		_, err := t.exec("DELETE FROM member WHERE shard = $1 AND app = $2 AND account = $3", shard, app, user)
		return err
	}
	rows, err := t.exec(`INSERT INTO member (shard, app, account, role) SELECT $1, $2, account.num, $4 FROM account WHERE account.num = $3
		ON CONFLICT (shard, app, account) DO UPDATE SET role = excluded.role`, shard, app, user, role)
	return found(rows, err, "user")
}

// updateApp is update for rows of one app. It looks the app up in the same transaction, so that no row is
// left behind of an app that is being deleted.
func (db *DB) updateApp(ctx context.Context, app int64, fn func(t *tx, shard uint8) error) error {
	return db.register.update(ctx, func(t *tx) error {
		shard, err := shardIn(t, app)
		if err != nil {
			return err
		}
		return fn(t, shard)
	})
}

// shardIn is shardOf within a transaction on the register.
func shardIn(t *tx, app int64) (shard uint8, err error) {
	err = t.get([]any{&shard}, "SELECT shard FROM app WHERE num = $1", app)
	return shard, absent(err, "app")
}

// shardCache remembers the shards of apps, which never change, and which apps are gone, which never return.
type shardCache struct {
	mu   sync.Mutex
	of   map[int64]uint8
	gone map[int64]bool
}

func (c *shardCache) get(app int64) (uint8, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	shard, ok := c.of[app]
	return shard, ok
}

// put does nothing for an app that went while its row was being read.
func (c *shardCache) put(app int64, shard uint8) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[int64]uint8{}
	}
	if !c.gone[app] {
		c.of[app] = shard
	}
}

func (c *shardCache) forget(app int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone == nil {
		c.gone = map[int64]bool{}
	}
	c.gone[app] = true
	delete(c.of, app)
}

// shardOf is the shard of an app, NotFound if there is no such app.
func (db *DB) shardOf(ctx context.Context, app int64) (uint8, error) {
	if shard, ok := db.shards.get(app); ok {
		return shard, nil
	}
	var shard uint8
	err := db.register.read(ctx, func(t *tx) (err error) {
		shard, err = shardIn(t, app)
		return err
	})
	if err == nil {
		db.shards.put(app, shard)
	}
	return shard, err
}

// shardOfKnown is shardOf for rows that may belong to an app that is gone.
func (db *DB) shardOfKnown(ctx context.Context, app int64) (shard uint8, known bool, err error) {
	shard, err = db.shardOf(ctx, app)
	if diag.KindOf(err) == diag.NotFound {
		return 0, false, nil
	}
	return shard, err == nil, err
}
