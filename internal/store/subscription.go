package store

import (
	"context"
	"database/sql"

	"lifeboat/internal/diag"
)

const subscriptionColumns = "subscription.id, subscription.tenant, subscription.name"

func scanSubscription(r *sql.Rows) (s diag.Subscription, err error) {
	return s, r.Scan(idColumn{&s.ID}, idColumn{&s.Tenant}, &s.Name)
}

// maxSubscriptions bounds what operators enter.
const maxSubscriptions = 1000

// PutSubscription enters an Azure subscription that apps may be linked with, or changes its name and tenant.
func (db *DB) PutSubscription(ctx context.Context, s diag.Subscription) error {
	return db.register.update(ctx, func(t *tx) error {
		var others int64
		if err := t.get([]any{&others}, "SELECT COUNT(*) FROM subscription WHERE id <> $1", s.ID[:]); err != nil {
			return err
		}
		if others >= maxSubscriptions {
			return diag.Errorf(diag.Conflict, "%d subscriptions are entered. Delete some that are not in use.", others)
		}
		_, err := t.exec(`INSERT INTO subscription (id, tenant, name) VALUES ($1, $2, $3)
			ON CONFLICT (id) DO UPDATE SET tenant = excluded.tenant, name = excluded.name`, s.ID[:], s.Tenant[:], s.Name)
		return err
	})
}

// DeleteSubscription removes a subscription with its links.
func (db *DB) DeleteSubscription(ctx context.Context, id diag.ID) error {
	return db.register.update(ctx, func(t *tx) error {
		if _, err := t.exec("DELETE FROM app_subscription WHERE subscription = $1", id[:]); err != nil {
			return err
		}
		rows, err := t.exec("DELETE FROM subscription WHERE id = $1", id[:])
		return found(rows, err, "subscription")
	})
}

// Subscriptions lists what operators have entered, by name.
func (db *DB) Subscriptions(ctx context.Context) ([]diag.Subscription, error) {
	return db.subscriptions(ctx, "SELECT "+subscriptionColumns+" FROM subscription ORDER BY name, id")
}

// AppSubscriptions lists those that an app is linked with, by name.
func (db *DB) AppSubscriptions(ctx context.Context, app int64) ([]diag.Subscription, error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return nil, err
	}
	return db.subscriptions(ctx, "SELECT "+subscriptionColumns+` FROM app_subscription JOIN subscription ON subscription.id = app_subscription.subscription
		WHERE app_subscription.shard = $1 AND app_subscription.app = $2 ORDER BY subscription.name, subscription.id`, shard, app)
}

func (db *DB) subscriptions(ctx context.Context, text string, args ...any) (all []diag.Subscription, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, scanSubscription, text, args...)
		return err
	})
	return all, err
}

// LinkedSubscriptions are the first ones, by name, that apps are linked with, by the apps' numbers.
func (db *DB) LinkedSubscriptions(ctx context.Context) (map[int64]diag.Subscription, error) {
	all := map[int64]diag.Subscription{}
	err := db.register.read(ctx, func(t *tx) error {
		return t.each(func(r *sql.Rows) error {
			var (
				app int64
				s   diag.Subscription
			)
			err := r.Scan(&app, idColumn{&s.ID}, idColumn{&s.Tenant}, &s.Name)
			all[app] = s
			return err
		}, "SELECT app_subscription.app, "+subscriptionColumns+` FROM app_subscription JOIN subscription ON subscription.id = app_subscription.subscription
			ORDER BY subscription.name DESC, subscription.id DESC`)
	})
	return all, err
}

// LinkSubscription links an app with a subscription. One that nobody has entered is NotFound; a link that is there
// already stays.
func (db *DB) LinkSubscription(ctx context.Context, app int64, id diag.ID) error {
	return db.updateApp(ctx, app, func(t *tx, shard uint8) error {
		var name string
		if err := t.get([]any{&name}, "SELECT name FROM subscription WHERE id = $1", id[:]); err != nil {
			return absent(err, "subscription")
		}
		_, err := t.exec(`INSERT INTO app_subscription (shard, app, subscription) VALUES ($1, $2, $3)
			ON CONFLICT (shard, app, subscription) DO NOTHING`, shard, app, id[:])
		return err
	})
}

// UnlinkSubscription takes a link away.
func (db *DB) UnlinkSubscription(ctx context.Context, app int64, id diag.ID) error {
	return db.updateApp(ctx, app, func(t *tx, shard uint8) error {
		rows, err := t.exec("DELETE FROM app_subscription WHERE shard = $1 AND app = $2 AND subscription = $3", shard, app, id[:])
		return found(rows, err, "subscription in the app")
	})
}
