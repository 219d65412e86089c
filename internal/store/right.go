package store

import (
	"context"
	"database/sql"

	"lifeboat/internal/diag"
)

// rights is everything that gives accounts roles in apps: a place of their own, a team's, the lead of the
// organisation that owns the app (org_user.role 3 is diag.OrgAdmin, and makes managers, 3), and owning it. The
// conditions narrow each part down.
func rights(ofMember, ofTeam, ofOrg, ofOwner string) string {
	return `SELECT member.app AS app, member.account AS account, member.role AS role
			FROM member JOIN app ON app.shard = member.shard AND app.num = member.app WHERE ` + ofMember + `
		UNION ALL SELECT team_app.app, team_user.account, team_app.role
			FROM team_user JOIN team_app ON team_app.team = team_user.team JOIN app ON app.shard = team_app.shard AND app.num = team_app.app WHERE ` + ofTeam + `
		UNION ALL SELECT app.num, org_user.account, 3
			FROM org_user JOIN org ON org.num = org_user.org JOIN app ON app.owner_key = org.name_key WHERE org_user.role = 3 AND ` + ofOrg + `
		UNION ALL SELECT app.num, account.num, 3
			FROM account JOIN app ON app.owner_key = account.name_key WHERE ` + ofOwner
}

// rightsOf are those of one account ($1).
func rightsOf() string {
	return rights("member.account = $1", "team_user.account = $1", "org_user.account = $1", "account.num = $1")
}

// rightsIn are those in one app ($1).
func rightsIn() string { return rights("app.num = $1", "app.num = $1", "app.num = $1", "app.num = $1") }

// rightsOfIn are those of one account ($2) in one app ($1).
func rightsOfIn() string {
	return rights("app.num = $1 AND member.account = $2", "app.num = $1 AND team_user.account = $2",
		"app.num = $1 AND org_user.account = $2", "app.num = $1 AND account.num = $2")
}

// RoleOf is the role of an account in an app, RoleNone if it has none or there is no such app: the strongest of
// those it has, be it by itself, by teams, as an administrator of the organisation that owns the app, or as its
// owner.
func (db *DB) RoleOf(ctx context.Context, app, user int64) (role diag.Role, err error) {
	err = db.register.read(ctx, func(t *tx) (err error) {
		role, err = roleOf(t, app, user)
		return err
	})
	return role, err
}

func roleOf(t *tx, app, user int64) (role diag.Role, err error) {
	err = t.get([]any{&role}, "SELECT COALESCE(MAX(role), 0) FROM ("+rightsOfIn()+")", app, user)
	return role, err
}

// RolesOf are the roles of an account in all apps that it has one in, by the apps' numbers.
func (db *DB) RolesOf(ctx context.Context, user int64) (map[int64]diag.Role, error) {
	roles := map[int64]diag.Role{}
	err := db.register.read(ctx, func(t *tx) error {
		return t.each(func(r *sql.Rows) error {
			var (
				app, account int64
				role         diag.Role
			)
			err := r.Scan(&app, &account, &role)
			roles[app] = max(roles[app], role)
			return err
		}, rightsOf(), user)
	})
	return roles, err
}

// AppMember is somebody who has a role in an app.
type AppMember struct {
	diag.User
	Role diag.Role
}

// AppMembers lists who has a role in an app, by whatever way, oldest account first.
func (db *DB) AppMembers(ctx context.Context, app int64) (all []AppMember, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (m AppMember, err error) { return m, r.Scan(append(scanUser(&m.User), &m.Role)...) },
			"SELECT "+userColumns+", m.role FROM (SELECT account, MAX(role) AS role FROM ("+rightsIn()+
				") GROUP BY account) m JOIN account ON account.num = m.account ORDER BY account.num", app)
		return err
	})
	return all, err
}

// ChangeMember changes the role that an account has in an app by itself; RoleNone takes it away. Who has no role in
// the app is NotFound. What follows from something else, and would stay, is a Conflict that says what it is.
func (db *DB) ChangeMember(ctx context.Context, app, user int64, role diag.Role) error {
	return db.updateApp(ctx, app, func(t *tx, shard uint8) error {
		now, err := roleOf(t, app, user)
		if err != nil {
			return err
		}
		if now == diag.RoleNone {
			return diag.Errorf(diag.NotFound, "There is no such user in the app.")
		}
		if err := setMember(t, shard, app, user, role); err != nil {
			return err
		}
		if now, err = roleOf(t, app, user); err == nil && now > role {
			err = why(t, app, user, now)
		}
		return err
	})
}

// why is the Conflict for a role that remains.
func why(t *tx, app, user int64, role diag.Role) error {
	var owns, leads bool
	err := t.get([]any{flagColumn{&owns}, flagColumn{&leads}}, `SELECT CASE WHEN account.name_key = app.owner_key THEN 1 ELSE 0 END,
		CASE WHEN EXISTS (SELECT 1 FROM org JOIN org_user ON org_user.org = org.num
			WHERE org.name_key = app.owner_key AND org_user.account = account.num AND org_user.role = 3) THEN 1 ELSE 0 END
		FROM app, account WHERE app.num = $1 AND account.num = $2`, app, user)
	switch {
	case err != nil:
		return absent(err, "user")
	case owns:
		return diag.Errorf(diag.Conflict, "This user owns the app: transfer it first.")
	case leads:
		return diag.Errorf(diag.Conflict, "This user is a manager of the app as an administrator of its organisation: change that role first.")
	}
	return diag.Errorf(diag.Conflict, "This user is a %s of the app through a team: change the team first.", role)
}
