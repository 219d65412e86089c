package api

import (
	"net/http"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
)

// team is the team of the path.
func (q *request) team() (diag.Team, error) {
	return q.o.Store.Team(q.ctx(), q.org.Num, q.param("team_name"))
}

func listOrgTeams(q *request) error {
	teams, err := q.o.Store.Teams(q.ctx(), q.org.Num)
	if err != nil {
		return err
	}
	all := make([]contract.Team, len(teams))
	for i := range teams {
		all[i] = contract.NewTeam(&teams[i])
	}
	return q.json(http.StatusOK, all)
}

// createTeam makes a team. Without a name it gets one of its display name. The answer is the team itself: the
// published description has a list there, under words that speak of one team.
func createTeam(q *request) error {
	var body orgChange
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	if err := body.complete(); err != nil {
		return err
	}
	now := q.o.Clock.Now()
	team, err := q.o.Store.CreateTeam(q.ctx(), diag.Team{
		ID: diag.NewID(now), Org: q.org.Num, Name: body.Name, DisplayName: body.DisplayName, CreatedAt: now.UnixMilli(),
	})
	if err != nil {
		return err
	}
	return q.json(http.StatusCreated, contract.NewTeam(&team))
}

func getTeam(q *request) error {
	team, err := q.team()
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, contract.NewTeam(&team))
}

// teamChange is what can be changed of a team: its name is part of its path and stays.
type teamChange struct {
	DisplayName string `json:"display_name"`
}

func patchTeam(q *request) error {
	var body teamChange
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	if err := diag.CheckDisplayName(body.DisplayName); err != nil {
		return err
	}
	team, err := q.team()
	if err != nil {
		return err
	}
	if err := q.o.Store.RenameTeam(q.ctx(), team.Num, body.DisplayName); err != nil {
		return err
	}
	team.DisplayName = body.DisplayName
	return q.json(http.StatusOK, contract.NewTeam(&team))
}

func deleteTeam(q *request) error {
	team, err := q.team()
	if err != nil {
		return err
	}
	if err := q.o.Store.DeleteTeam(q.ctx(), team.Num); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

func listTeamUsers(q *request) error {
	team, err := q.team()
	if err != nil {
		return err
	}
	users, err := q.o.Store.TeamUsers(q.ctx(), team.Num)
	if err != nil {
		return err
	}
	all := make([]contract.TeamUser, len(users))
	for i := range users {
		all[i] = contract.NewTeamUser(&users[i].User, users[i].Role)
	}
	return q.json(http.StatusOK, all)
}

// teamUserBody names somebody of the organisation.
type teamUserBody struct {
	UserEmail string `json:"user_email"`
}

func addTeamUser(q *request) error {
	var body teamUserBody
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	email, err := parseEmail("user_email", body.UserEmail)
	if err != nil {
		return err
	}
	team, err := q.team()
	if err != nil {
		return err
	}
	u, err := q.o.Store.UserByEmail(q.ctx(), email)
	if err != nil {
		return err
	}
	if err := q.o.Store.AddTeamUser(q.ctx(), team.Num, u.Num); err != nil {
		return err
	}
	role, err := q.o.Store.OrgRoleOf(q.ctx(), q.org.Num, u.Num)
	if err != nil {
		return err
	}
	return q.json(http.StatusCreated, contract.NewTeamUser(&u, role))
}

func deleteTeamUser(q *request) error {
	team, err := q.team()
	if err != nil {
		return err
	}
	u, err := q.orgUser()
	if err != nil {
		return err
	}
	if err := q.o.Store.RemoveTeamUser(q.ctx(), team.Num, u.Num); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

// listTeamApps lists the apps of a team, as far as the caller may know of them.
func listTeamApps(q *request) error {
	team, err := q.team()
	if err != nil {
		return err
	}
	apps, err := q.o.Store.TeamApps(q.ctx(), team.Num)
	if err != nil {
		return err
	}
	visible, err := q.visibleApps()
	if err != nil {
		return err
	}
	roles := map[int64]diag.Role{}
	for i := range apps {
		roles[apps[i].Num] = apps[i].Role
	}
	view, err := q.appViews()
	if err != nil {
		return err
	}
	all := []contract.TeamApp{}
	for i := range visible {
		if role := roles[visible[i].Num]; role != diag.RoleNone {
			all = append(all, contract.NewTeamApp(view(&visible[i]), role))
		}
	}
	return q.json(http.StatusOK, all)
}

// teamAppBody names an app of the organisation; permissions are an extension.
type teamAppBody struct {
	Name        string   `json:"name"`
	Permissions []string `json:"permissions"`
}

// addTeamApp gives a team a role in an app, viewer unless another is asked for.
func addTeamApp(q *request) error {
	var body teamAppBody
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	if body.Name == "" {
		return diag.Errorf(diag.Invalid, "name is missing.")
	}
	role := diag.RoleViewer
	if body.Permissions != nil {
		p := permissionsChange{body.Permissions}
		var err error
		if role, err = p.role(); err != nil {
			return err
		}
	}
	team, app, err := q.teamApp(body.Name)
	if err != nil {
		return err
	}
	if err := q.o.Store.AddTeamApp(q.ctx(), team.Num, app.Num, role); err != nil {
		return err
	}
	return q.showTeamApp(http.StatusCreated, &app, role)
}

// teamApp is the team of the path and an app of the organisation.
func (q *request) teamApp(name string) (team diag.Team, app diag.App, err error) {
	if team, err = q.team(); err != nil {
		return team, app, err
	}
	if len(name) > diag.MaxName {
		return team, app, diag.Errorf(diag.NotFound, "There is no such app.")
	}
	app, err = q.o.Store.App(q.ctx(), q.org.Name, name)
	return team, app, err
}

func (q *request) showTeamApp(status int, app *diag.App, role diag.Role) error {
	own, err := q.o.Gate.Role(q.ctx(), &q.caller, app.Num)
	if err != nil {
		return err
	}
	view, err := q.appViews()
	if err != nil {
		return err
	}
	owner := visibleApp{App: *app, role: own}
	owner.owner.Org = q.org
	return q.json(status, contract.NewTeamApp(view(&owner), role))
}

func patchTeamApp(q *request) error {
	var body permissionsChange
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	role, err := body.role()
	if err != nil {
		return err
	}
	team, app, err := q.teamApp(q.param("app_name"))
	if err != nil {
		return err
	}
	if err := q.o.Store.ChangeTeamApp(q.ctx(), team.Num, app.Num, role); err != nil {
		return err
	}
	return q.showTeamApp(http.StatusOK, &app, role)
}

func deleteTeamApp(q *request) error {
	team, app, err := q.teamApp(q.param("app_name"))
	if err != nil {
		return err
	}
	if err := q.o.Store.ChangeTeamApp(q.ctx(), team.Num, app.Num, diag.RoleNone); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

func listAppTeams(q *request) error {
	teams, err := q.o.Store.AppTeams(q.ctx(), q.app.Num)
	if err != nil {
		return err
	}
	all := make([]contract.AppTeam, len(teams))
	for i := range teams {
		all[i] = contract.NewAppTeam(&teams[i].Team, teams[i].Role)
	}
	return q.json(http.StatusOK, all)
}
