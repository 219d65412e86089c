package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"lifeboat/internal/diag"
)

// Owner is who an app's first name stands for: a user or an organisation.
type Owner struct {
	User diag.User // Num is 0 for an organisation
	Org  diag.Org  // Num is 0 for a user
}

// IsOrg reports whether the owner is an organisation.
func (o Owner) IsOrg() bool { return o.Org.Num != 0 }

func (o Owner) name() string {
	if o.IsOrg() {
		return o.Org.Name
	}
	return o.User.Name
}

// Owner returns the user or the organisation of a name, in any letter case.
func (db *DB) Owner(ctx context.Context, name string) (o Owner, err error) {
	err = db.register.view(ctx, func(t *tx) error {
		o, err = ownerIn(t, name)
		return err
	})
	return o, err
}

func ownerIn(t *tx, name string) (o Owner, err error) {
	key := strings.ToLower(name)
	err = t.get(scanUser(&o.User), "SELECT "+userColumns+" FROM account WHERE name_key = $1", key)
	if errors.Is(err, sql.ErrNoRows) {
		err = t.get(scanOrg(&o.Org), "SELECT "+orgColumns+" FROM org WHERE name_key = $1", key)
	}
	return o, absent(err, "user or organisation")
}

// OwnedApps lists all apps, oldest first, and their owners by name in lower case, as they are at one moment.
func (db *DB) OwnedApps(ctx context.Context) (apps []diag.App, owners map[string]Owner, err error) {
	owners = map[string]Owner{}
	err = db.register.view(ctx, func(t *tx) error {
		apps, err = list(t, func(r *sql.Rows) (diag.App, error) { return scanApp(r.Scan) }, "SELECT "+appColumns+" FROM app ORDER BY num")
		if err != nil {
			return err
		}
		err = t.each(func(r *sql.Rows) error {
			var o Owner
			err := r.Scan(scanUser(&o.User)...)
			owners[strings.ToLower(o.User.Name)] = o
			return err
		}, "SELECT "+userColumns+" FROM account WHERE name_key IN (SELECT owner_key FROM app)")
		if err != nil {
			return err
		}
		return t.each(func(r *sql.Rows) error {
			var o Owner
			err := r.Scan(scanOrg(&o.Org)...)
			owners[strings.ToLower(o.Org.Name)] = o
			return err
		}, "SELECT "+orgColumns+" FROM org WHERE name_key IN (SELECT owner_key FROM app)")
	})
	return apps, owners, err
}

// CreateAppOf is CreateApp for an owner who must be there, and makes an account the app's manager in the same step.
// The owner's name is written as the owner does.
func (db *DB) CreateAppOf(ctx context.Context, a diag.App, manager int64) (made diag.App, owner Owner, err error) {
	err = db.register.update(ctx, func(t *tx) error {
		if owner, err = ownerIn(t, a.Owner); err != nil {
			return err
		}
		a.Owner = owner.name()
		if made, err = db.createApp(t, a); err != nil {
			return err
		}
		return setMember(t, diag.ShardOf(made.ID), made.Num, manager, diag.RoleManager)
	})
	return made, owner, err
}

// TransferApp gives an app to another owner and makes an account its manager. Teams of the owner before have no
// part in it any more.
func (db *DB) TransferApp(ctx context.Context, app int64, to string, manager, now int64) (a diag.App, owner Owner, err error) {
	err = db.register.update(ctx, func(t *tx) error {
		if owner, err = ownerIn(t, to); err != nil {
			return err
		}
		a, err = db.transfer(t, app, owner.name(), manager, now)
		return err
	})
	return a, owner, err
}

func (db *DB) transfer(t *tx, app int64, to string, manager, now int64) (diag.App, error) {
	a, err := appIn(t, app)
	if err != nil {
		return a, err
	}
	if !strings.EqualFold(a.Owner, to) {
		if _, err := t.exec("DELETE FROM team_app WHERE shard = $1 AND app = $2", diag.ShardOf(a.ID), app); err != nil {
			return a, err
		}
	}
	a.Owner, a.UpdatedAt = to, now
	if err := db.updateAppRow(t, &a); err != nil {
		return a, err
	}
	return a, setMember(t, diag.ShardOf(a.ID), app, manager, diag.RoleManager)
}

// maxSuffix bounds the search for a free name.
const maxSuffix = 1000

// TransferAppToNewOrg makes an organisation and gives it an app, in one step. With free set, a name that is taken
// gets a number behind it. The account leads the organisation.
func (db *DB) TransferAppToNewOrg(ctx context.Context, app int64, o diag.Org, free bool, admin, now int64) (org diag.Org, err error) {
	err = db.register.update(ctx, func(t *tx) error {
		name := o.Name
		for n := 2; ; n++ {
			err := freeName(t, name, 0)
			if err == nil {
				break
			}
			if !free || n > maxSuffix || diag.KindOf(err) != diag.Conflict {
				return err
			}
			suffix := fmt.Sprintf("-%d", n)
			name = o.Name[:min(len(o.Name), diag.MaxName-len(suffix))] + suffix
		}
		named := o
		named.Name = name
		if org, err = db.createOrgOf(t, named, admin); err != nil {
			return err
		}
		_, err = db.transfer(t, app, org.Name, admin, now)
		return err
	})
	return org, err
}
