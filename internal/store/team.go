package store

import (
	"context"
	"database/sql"
	"strings"

	"lifeboat/internal/diag"
)

const teamColumns = "team.num, team.id, team.org, team.name, team.display_name, team.created_at"

func scanTeam(m *diag.Team) []any {
	return []any{&m.Num, idColumn{&m.ID}, &m.Org, &m.Name, &m.DisplayName, &m.CreatedAt}
}

const (
	teamTaken = "There is a team of this name."
	maxTeams  = 1000 // of one organisation
)

// CreateTeam adds a team to an organisation and gives it its number.
func (db *DB) CreateTeam(ctx context.Context, m diag.Team) (diag.Team, error) {
	err := db.register.update(ctx, func(t *tx) error {
		var n int64
		err := t.get([]any{&n}, "SELECT (SELECT COUNT(*) FROM team WHERE team.org = org.num) FROM org WHERE num = $1", m.Org)
		if err != nil {
			return absent(err, "organisation")
		}
		if n >= maxTeams {
			return diag.Errorf(diag.Conflict, "The organisation has %d teams. Delete some that are not in use.", n)
		}
		if m.Num, err = next(t, "team"); err != nil {
			return err
		}
		_, err = t.exec("INSERT INTO team (num, id, org, name, name_key, display_name, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			m.Num, m.ID[:], m.Org, m.Name, strings.ToLower(m.Name), m.DisplayName, m.CreatedAt)
		return db.register.taken(err, teamTaken)
	})
	return m, err
}

// Team returns a team of an organisation by its name in any letter case.
func (db *DB) Team(ctx context.Context, org int64, name string) (m diag.Team, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		return absent(t.get(scanTeam(&m), "SELECT "+teamColumns+" FROM team WHERE org = $1 AND name_key = $2", org, strings.ToLower(name)), "team")
	})
	return m, err
}

// Teams lists the teams of an organisation, oldest first.
func (db *DB) Teams(ctx context.Context, org int64) (all []diag.Team, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (m diag.Team, err error) { return m, r.Scan(scanTeam(&m)...) },
			"SELECT "+teamColumns+" FROM team WHERE org = $1 ORDER BY num", org)
		return err
	})
	return all, err
}

// RenameTeam changes what a team is called for people.
func (db *DB) RenameTeam(ctx context.Context, team int64, display string) error {
	return db.register.update(ctx, func(t *tx) error {
		rows, err := t.exec("UPDATE team SET display_name = $2 WHERE num = $1", team, display)
		return found(rows, err, "team")
	})
}

// DeleteTeam removes a team. Its users lose what they were through it.
func (db *DB) DeleteTeam(ctx context.Context, team int64) error {
	return db.register.update(ctx, func(t *tx) error {
		for _, text := range [...]string{"DELETE FROM team_user WHERE team = $1", "DELETE FROM team_app WHERE team = $1"} {
			if _, err := t.exec(text, team); err != nil {
				return err
			}
		}
		rows, err := t.exec("DELETE FROM team WHERE num = $1", team)
		return found(rows, err, "team")
	})
}

// TeamUsers lists who is in a team, with their roles in the organisation, oldest account first.
func (db *DB) TeamUsers(ctx context.Context, team int64) (all []OrgUser, err error) {
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (u OrgUser, err error) {
			return u, r.Scan(append(scanUser(&u.User), &u.Role, &u.JoinedAt)...)
		}, "SELECT "+userColumns+`, org_user.role, org_user.joined_at FROM team_user JOIN team ON team.num = team_user.team
			JOIN org_user ON org_user.org = team.org AND org_user.account = team_user.account
			JOIN account ON account.num = team_user.account WHERE team_user.team = $1 ORDER BY account.num`, team)
		return err
	})
	return all, err
}

// teamOrg is the organisation of a team.
func teamOrg(t *tx, team int64) (org int64, err error) {
	err = t.get([]any{&org}, "SELECT org FROM team WHERE num = $1", team)
	return org, absent(err, "team")
}

// AddTeamUser takes somebody of the organisation into a team. Who is in it already is a Conflict.
func (db *DB) AddTeamUser(ctx context.Context, team, user int64) error {
	return db.register.update(ctx, func(t *tx) error {
		org, err := teamOrg(t, team)
		if err != nil {
			return err
		}
		if err := inOrg(t, org, user); err != nil {
			return err
		}
		_, err = t.exec("INSERT INTO team_user (team, account) VALUES ($1, $2)", team, user)
		return db.register.taken(err, "This user is in the team already.")
	})
}

// RemoveTeamUser takes somebody out of a team.
func (db *DB) RemoveTeamUser(ctx context.Context, team, user int64) error {
	return db.register.update(ctx, func(t *tx) error {
		rows, err := t.exec("DELETE FROM team_user WHERE team = $1 AND account = $2", team, user)
		return found(rows, err, "user in the team")
	})
}

// TeamApp is an app with the role that a team has in it.
type TeamApp struct {
	diag.App
	Role diag.Role
}

// TeamApps lists the apps that a team has a role in, oldest first.
func (db *DB) TeamApps(ctx context.Context, team int64) (all []TeamApp, err error) {
	roles := map[int64]diag.Role{}
	err = db.register.view(ctx, func(t *tx) error {
		err := t.each(func(r *sql.Rows) error {
			var (
				app  int64
				role diag.Role
			)
			err := r.Scan(&app, &role)
			roles[app] = role
			return err
		}, "SELECT app, role FROM team_app WHERE team = $1", team)
		if err != nil {
			return err
		}
		all, err = list(t, func(r *sql.Rows) (m TeamApp, err error) {
			m.App, err = scanApp(r.Scan)
			m.Role = roles[m.Num]
			return m, err
		}, "SELECT "+appColumns+" FROM app WHERE num IN (SELECT app FROM team_app WHERE team = $1) ORDER BY num", team)
		return err
	})
	return all, err
}

// AddTeamApp gives a team a role in an app of its organisation. One that it has already is a Conflict.
func (db *DB) AddTeamApp(ctx context.Context, team, app int64, role diag.Role) error {
	return db.updateApp(ctx, app, func(t *tx, shard uint8) error {
		org, err := teamOrg(t, team)
		if err != nil {
			return err
		}
		var owned int64
		err = t.get([]any{&owned}, "SELECT app.num FROM app JOIN org ON org.name_key = app.owner_key WHERE app.num = $1 AND org.num = $2", app, org)
		if err != nil {
			return absent(err, "app in the organisation")
		}
		_, err = t.exec("INSERT INTO team_app (shard, app, team, role) VALUES ($1, $2, $3, $4)", shard, app, team, role)
		return db.register.taken(err, "The team has a role in this app already.")
	})
}

// ChangeTeamApp changes the role of a team in an app; RoleNone takes it away. Without one it is NotFound.
func (db *DB) ChangeTeamApp(ctx context.Context, team, app int64, role diag.Role) error {
	return db.updateApp(ctx, app, func(t *tx, shard uint8) error {
		text, args := "UPDATE team_app SET role = $4 WHERE shard = $1 AND app = $2 AND team = $3", []any{shard, app, team, role}
		if role == diag.RoleNone {
			text, args = "DELETE FROM team_app WHERE shard = $1 AND app = $2 AND team = $3", args[:3]
		}
		rows, err := t.exec(text, args...)
		return found(rows, err, "app of the team")
	})
}

// AppTeam is a team with the role that it has in an app.
type AppTeam struct {
	diag.Team
	Role diag.Role
}

// AppTeams lists the teams that have a role in an app, oldest first.
func (db *DB) AppTeams(ctx context.Context, app int64) (all []AppTeam, err error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return nil, err
	}
	err = db.register.read(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (m AppTeam, err error) { return m, r.Scan(append(scanTeam(&m.Team), &m.Role)...) },
			"SELECT "+teamColumns+", team_app.role FROM team_app JOIN team ON team.num = team_app.team WHERE team_app.shard = $1 AND team_app.app = $2 ORDER BY team.num",
			shard, app)
		return err
	})
	return all, err
}
