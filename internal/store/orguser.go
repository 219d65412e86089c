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

// ChangeOrgUser is SetOrgUser for somebody who is in the organisation; who is not is NotFound.
func (db *DB) ChangeOrgUser(ctx context.Context, org, user int64, role diag.OrgRole) error {
	return db.register.update(ctx, func(t *tx) error {
		if err := inOrg(t, org, user); err != nil {
			return err
		}
		return setOrgUser(t, org, user, role, 0)
	})
}

// inOrg is NotFound for who is not in an organisation.
func inOrg(t *tx, org, user int64) error {
	var role diag.OrgRole
	err := t.get([]any{&role}, "SELECT role FROM org_user WHERE org = $1 AND account = $2", org, user)
	return absent(err, "user in the organisation")
}

// SetOrgUser gives an account a role in an organisation; OrgNone takes it out, and out of the organisation's apps
// and teams. To take the rights of its last administrator is a Conflict.
func (db *DB) SetOrgUser(ctx context.Context, org, user int64, role diag.OrgRole, now int64) error {
	return db.register.update(ctx, func(t *tx) error { return setOrgUser(t, org, user, role, now) })
}

func setOrgUser(t *tx, org, user int64, role diag.OrgRole, now int64) error {
	if role != diag.OrgAdmin {
		if err := lastOrgAdmin(t, org, user); err != nil {
			return err
		}
	}
	if role == diag.OrgNone {
		return removeOrgUser(t, org, user)
	}
	return putOrgUser(t, org, user, role, now)
}

func putOrgUser(t *tx, org, user int64, role diag.OrgRole, now int64) error {
	rows, err := t.exec(`INSERT INTO org_user (org, account, role, joined_at) SELECT $1, account.num, $3, $4 FROM account WHERE account.num = $2
		ON CONFLICT (org, account) DO UPDATE SET role = excluded.role`, org, user, role, now)
	return found(rows, err, "user")
}

func removeOrgUser(t *tx, org, user int64) error {
	rows, err := t.exec("DELETE FROM org_user WHERE org = $1 AND account = $2", org, user)
	if err := found(rows, err, "user in the organisation"); err != nil {
		return err
	}
	for _, text := range [...]string{
		`DELETE FROM member WHERE account = $2 AND app IN
			(SELECT app.num FROM app JOIN org ON org.name_key = app.owner_key WHERE org.num = $1)`,
		"DELETE FROM team_user WHERE account = $2 AND team IN (SELECT num FROM team WHERE org = $1)",
	} {
		if _, err := t.exec(text, org, user); err != nil {
			return err
		}
	}
	return nil
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
