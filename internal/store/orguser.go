package store

import (
	"context"
	"database/sql"
	"errors"

	"lifeboat/internal/diag"
)

// OrgUser is somebody's place in an organisation.
type OrgUser struct {
	diag.User
	Role     diag.OrgRole
	JoinedAt int64 // Unix milliseconds
}

// OrgUsers lists who is in an organisation, by the time they joined.
func (db *DB) OrgUsers(ctx context.Context, org int64) (all []OrgUser, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (u OrgUser, err error) {
			return u, r.Scan(append(scanUser(&u.User), &u.Role, &u.JoinedAt)...)
		}, "SELECT "+userColumns+`, org_user.role, org_user.joined_at FROM org_user JOIN account ON account.num = org_user.account
			WHERE org_user.org = $1 ORDER BY org_user.joined_at, account.num`, org)
		return err
	})
	return all, err
}

// OrgRoleOf is the role of an account in an organisation, OrgNone if it has none.
func (db *DB) OrgRoleOf(ctx context.Context, org, user int64) (role diag.OrgRole, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		err := t.get([]any{&role}, "SELECT role FROM org_user WHERE org = $1 AND account = $2", org, user)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return role, err
}

// SetOrgUser gives an account a role in an organisation; OrgNone takes it out, and out of the organisation's apps.
// To take the rights of its last administrator is a Conflict.
func (db *DB) SetOrgUser(ctx context.Context, org, user int64, role diag.OrgRole, now int64) error {
	return db.register.update(ctx, func(t *tx) error {
		if role != diag.OrgAdmin {
			if err := lastOrgAdmin(t, org, user); err != nil {
				return err
			}
		}
		if role == diag.OrgNone {
			return removeOrgUser(t, org, user)
		}
		return putOrgUser(t, org, user, role, now)
	})
}

func putOrgUser(t *tx, org, user int64, role diag.OrgRole, now int64) error {
	_, err := t.exec(`INSERT INTO org_user (org, account, role, joined_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (org, account) DO UPDATE SET role = excluded.role`, org, user, role, now)
	return err
}

func removeOrgUser(t *tx, org, user int64) error {
	rows, err := t.exec("DELETE FROM org_user WHERE org = $1 AND account = $2", org, user)
	if err := found(rows, err, "user in the organisation"); err != nil {
		return err
	}
	_, err = t.exec(`DELETE FROM member WHERE account = $2 AND app IN
		(SELECT app.num FROM app JOIN org ON org.name_key = app.owner_key WHERE org.num = $1)`, org, user)
	return err
}

// lastOrgAdmin is a Conflict for the only administrator of an organisation.
func lastOrgAdmin(t *tx, org, user int64) error {
	var is, others int64
	err := t.get([]any{&is, &others}, `SELECT COALESCE(SUM(CASE WHEN account = $2 THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN account <> $2 THEN 1 ELSE 0 END), 0) FROM org_user WHERE org = $1 AND role = $3`, org, user, diag.OrgAdmin)
	if err == nil && is > 0 && others == 0 {
		return diag.Errorf(diag.Conflict, "This is the last administrator of the organisation: make somebody else one first.")
	}
	return err
}

// lastOrgAdminAnywhere is lastOrgAdmin for all organisations.
func lastOrgAdminAnywhere(t *tx, user int64) error {
	orgs, err := list(t, func(r *sql.Rows) (n int64, err error) { return n, r.Scan(&n) },
		"SELECT org FROM org_user WHERE account = $1 AND role = $2", user, diag.OrgAdmin)
	for _, org := range orgs {
		if err == nil {
			err = lastOrgAdmin(t, org, user)
		}
	}
	return err
}

// AppMember is somebody's place in an app.
type AppMember struct {
	diag.User
	Role diag.Role
}

// appMembers are those that have a place of their own, and the administrators of the organisation that owns the app.
const appMembers = `SELECT member.account AS account, member.role AS role FROM app JOIN member ON member.shard = app.shard AND member.app = app.num
	WHERE app.num = $1
	UNION ALL SELECT org_user.account, $2 FROM app JOIN org ON org.name_key = app.owner_key JOIN org_user ON org_user.org = org.num
	WHERE app.num = $1 AND org_user.role = $3`

// AppMembers lists who has a role in an app, oldest account first.
func (db *DB) AppMembers(ctx context.Context, app int64) (all []AppMember, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (m AppMember, err error) { return m, r.Scan(append(scanUser(&m.User), &m.Role)...) },
			"SELECT "+userColumns+", m.role FROM (SELECT account, MAX(role) AS role FROM ("+appMembers+
				") GROUP BY account) m JOIN account ON account.num = m.account ORDER BY account.num", app, diag.RoleManager, diag.OrgAdmin)
		return err
	})
	return all, err
}

// RolesOf are the roles of an account in all apps that it has one in, by the apps' numbers.
func (db *DB) RolesOf(ctx context.Context, user int64) (map[int64]diag.Role, error) {
	roles := map[int64]diag.Role{}
	err := db.register.read(ctx, func(t *tx) error {
		return t.each(func(r *sql.Rows) error {
			var app int64
			var role diag.Role
			err := r.Scan(&app, &role)
			roles[app] = max(roles[app], role)
			return err
		}, `SELECT app, role FROM member WHERE account = $1
			UNION ALL SELECT app.num, $2 FROM org_user JOIN org ON org.num = org_user.org JOIN app ON app.owner_key = org.name_key
			WHERE org_user.account = $1 AND org_user.role = $3`, user, diag.RoleManager, diag.OrgAdmin)
	})
	return roles, err
}
