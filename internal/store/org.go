package store

import (
	"context"
	"database/sql"
	"strings"

	"lifeboat/internal/diag"
)

const orgColumns = "org.num, org.id, org.name, org.display_name, org.created_at, org.updated_at, org.avatar"

func scanOrg(o *diag.Org) []any {
	return []any{&o.Num, idColumn{&o.ID}, &o.Name, &o.DisplayName, &o.CreatedAt, &o.UpdatedAt, idColumn{&o.Avatar}}
}

const ownerTaken = "There is a user or an organisation of this name."

// freeName is a Conflict if a user or an organisation but the one with a number has the name.
func freeName(t *tx, name string, org int64) error {
	var taken bool
	err := t.get([]any{flagColumn{&taken}}, `SELECT CASE WHEN EXISTS (SELECT 1 FROM account WHERE name_key = $1)
		OR EXISTS (SELECT 1 FROM org WHERE name_key = $1 AND num <> $2) THEN 1 ELSE 0 END`, strings.ToLower(name), org)
	if err == nil && taken {
		return diag.Errorf(diag.Conflict, ownerTaken)
	}
	return err
}

// maxOrgs bounds how many organisations one account leads.
const maxOrgs = 1000

// CreateOrg adds an organisation, gives it its number and makes a user its administrator. A name that a user or an
// organisation has is a Conflict.
func (db *DB) CreateOrg(ctx context.Context, o diag.Org, admin int64) (diag.Org, error) {
	err := db.register.update(ctx, func(t *tx) (err error) {
		o, err = db.createOrgOf(t, o, admin)
		return err
	})
	return o, err
}

func (db *DB) createOrgOf(t *tx, o diag.Org, admin int64) (diag.Org, error) {
	var leads int64
	err := t.get([]any{&leads}, `SELECT (SELECT COUNT(*) FROM org_user WHERE org_user.account = account.num AND role = $2)
		FROM account WHERE num = $1`, admin, diag.OrgAdmin)
	if err != nil {
		return o, absent(err, "user")
	}
	if leads >= maxOrgs {
		return o, diag.Errorf(diag.Conflict, "This account leads %d organisations. Delete some that are not in use.", leads)
	}
	if o, err = createOrg(t, o); err != nil {
		return o, db.register.taken(err, ownerTaken)
	}
	return o, putOrgUser(t, o.Num, admin, diag.OrgAdmin, o.CreatedAt)
}

func createOrg(t *tx, o diag.Org) (diag.Org, error) {
	if err := freeName(t, o.Name, 0); err != nil {
		return o, err
	}
	var err error
	if o.Num, err = next(t, "org"); err != nil {
		return o, err
	}
	_, err = t.exec(`INSERT INTO org (num, id, name, name_key, display_name, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		o.Num, o.ID[:], o.Name, strings.ToLower(o.Name), o.DisplayName, o.CreatedAt, o.UpdatedAt)
	return o, err
}

// adoptOwners makes an organisation of every owner of apps who is neither a user nor one. Before there were
// records of organisations, such a name stood for one; its id followed from the name and stays.
func (db *DB) adoptOwners(ctx context.Context) error {
	return db.register.update(ctx, func(t *tx) error {
		type owner struct {
			name  string
			since int64
		}
		owners, err := list(t, func(r *sql.Rows) (o owner, err error) { return o, r.Scan(&o.name, &o.since) },
			`SELECT MIN(owner), MIN(created_at) FROM app WHERE owner_key NOT IN (SELECT name_key FROM account)
			AND owner_key NOT IN (SELECT name_key FROM org) GROUP BY owner_key`)
		if err != nil {
			return err
		}
		for _, w := range owners {
			o, err := createOrg(t, diag.Org{
				ID: diag.DerivedID([]byte("org"), []byte(w.name)), Name: w.name, DisplayName: w.name, CreatedAt: w.since, UpdatedAt: w.since,
			})
			if err != nil {
				return err
			}
			_, err = t.exec(`INSERT INTO org_user (org, account, role, joined_at)
				SELECT DISTINCT $1, member.account, $2, $3 FROM member JOIN app ON app.shard = member.shard AND app.num = member.app
				WHERE app.owner_key = $4`, o.Num, diag.OrgMember, w.since, strings.ToLower(w.name))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Org returns an organisation by its name in any letter case.
func (db *DB) Org(ctx context.Context, name string) (o diag.Org, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		return absent(t.get(scanOrg(&o), "SELECT "+orgColumns+" FROM org WHERE name_key = $1", strings.ToLower(name)), "organisation")
	})
	return o, err
}

// OrgByNum returns an organisation by its number.
func (db *DB) OrgByNum(ctx context.Context, num int64) (o diag.Org, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		return absent(t.get(scanOrg(&o), "SELECT "+orgColumns+" FROM org WHERE num = $1", num), "organisation")
	})
	return o, err
}

// Orgs lists all organisations, oldest first.
func (db *DB) Orgs(ctx context.Context) ([]diag.Org, error) {
	return db.orgs(ctx, "SELECT "+orgColumns+" FROM org ORDER BY num")
}

// OrgsOf lists the organisations that a user has at least that role in.
func (db *DB) OrgsOf(ctx context.Context, user int64, least diag.OrgRole) ([]diag.Org, error) {
	return db.orgs(ctx, "SELECT "+orgColumns+" FROM org_user JOIN org ON org.num = org_user.org WHERE org_user.account = $1 AND org_user.role >= $2 ORDER BY org.num", user, least)
}

func (db *DB) orgs(ctx context.Context, text string, args ...any) (all []diag.Org, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (o diag.Org, err error) { return o, r.Scan(scanOrg(&o)...) }, text, args...)
		return err
	})
	return all, err
}

// ChangeOrg changes the names of an organisation as fn says, on its newest state. Its apps go with it. It may call
// fn several times, and returns the organisation as it is then.
func (db *DB) ChangeOrg(ctx context.Context, num int64, fn func(*diag.Org)) (o diag.Org, err error) {
	err = db.register.update(ctx, func(t *tx) error {
		if err := t.get(scanOrg(&o), "SELECT "+orgColumns+" FROM org WHERE num = $1", num); err != nil {
			return absent(err, "organisation")
		}
		before := strings.ToLower(o.Name)
		fn(&o)
		if err := freeName(t, o.Name, num); err != nil {
			return err
		}
		_, err := t.exec("UPDATE org SET name = $2, name_key = $3, display_name = $4, updated_at = $5 WHERE num = $1",
			num, o.Name, strings.ToLower(o.Name), o.DisplayName, o.UpdatedAt)
		if err != nil {
			return db.register.taken(err, ownerTaken)
		}
		_, err = t.exec("UPDATE app SET owner = $1, owner_key = $2 WHERE owner_key = $3", o.Name, strings.ToLower(o.Name), before)
		return err
	})
	return o, err
}

// DeleteOrg removes an organisation without apps, with its places and invitations. One with apps is a Conflict.
func (db *DB) DeleteOrg(ctx context.Context, num int64) error {
	return db.register.update(ctx, func(t *tx) error {
		var apps int64
		err := t.get([]any{&apps}, "SELECT COUNT(*) FROM app WHERE owner_key = (SELECT name_key FROM org WHERE num = $1)", num)
		if err != nil {
			return err
		}
		if apps > 0 {
			return diag.Errorf(diag.Conflict, "The organisation still owns %d apps: delete them or transfer them first.", apps)
		}
		for _, text := range [...]string{
			"DELETE FROM org_user WHERE org = $1", "DELETE FROM invitation WHERE org = $1",
			"DELETE FROM team_user WHERE team IN (SELECT num FROM team WHERE org = $1)", "DELETE FROM team WHERE org = $1",
			"DELETE FROM avatar WHERE id = (SELECT avatar FROM org WHERE num = $1)",
		} {
			if _, err := t.exec(text, num); err != nil {
				return err
			}
		}
		rows, err := t.exec("DELETE FROM org WHERE num = $1", num)
		return found(rows, err, "organisation")
	})
}
