package contract

import "lifeboat/internal/diag"

// Org is an organisation.
type Org struct {
	ID          string  `json:"id"`
	DisplayName string  `json:"display_name"`
	Name        string  `json:"name"`
	AvatarURL   *string `json:"avatar_url"`
	Origin      string  `json:"origin"`
	CreatedAt   string  `json:"created_at"`
	UpdatedAt   string  `json:"updated_at"`
}

// NewOrg makes the organisation.
func NewOrg(o *diag.Org) Org {
	return Org{
		ID: o.ID.String(), DisplayName: orgDisplayName(o), Name: o.Name, Origin: origin, CreatedAt: millis(o.CreatedAt), UpdatedAt: millis(o.UpdatedAt),
	}
}

func orgDisplayName(o *diag.Org) string {
	if o.DisplayName == "" {
		return o.Name
	}
	return o.DisplayName
}

// OrgItem is an organisation in a list. A client reads its id, which the published description does not have.
type OrgItem struct {
	ID          string `json:"id"`
	DisplayName string `json:"display_name"`
	Name        string `json:"name"`
	Origin      string `json:"origin"`
}

// NewOrgItem makes the list item.
func NewOrgItem(o *diag.Org) OrgItem {
	return OrgItem{ID: o.ID.String(), DisplayName: orgDisplayName(o), Name: o.Name, Origin: origin}
}

// OrgUser is somebody's place in an organisation.
type OrgUser struct {
	Email       string `json:"email"`
	DisplayName string `json:"display_name"`
	JoinedAt    string `json:"joined_at"`
	Name        string `json:"name"`
	Role        string `json:"role"` // admin, collaborator, member
}

// NewOrgUser makes the place of u; joined is in Unix milliseconds.
func NewOrgUser(u *diag.User, role diag.OrgRole, joined int64) OrgUser {
	return OrgUser{Email: u.Email, DisplayName: displayName(u), JoinedAt: millis(joined), Name: u.Name, Role: role.String()}
}

// Tester is somebody in an organisation as a list of testers has them.
type Tester struct {
	DisplayName string `json:"display_name"`
	Name        string `json:"name"`
	Email       string `json:"email"`
}

// NewTester makes the tester.
func NewTester(u *diag.User) Tester { return Tester{displayName(u), u.Name, u.Email} }

// Invitation is an invitation to an organisation. The last two members are extensions.
type Invitation struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	Role      string `json:"role"`
	ExpiresAt string `json:"expires_at"`
	AcceptURL string `json:"accept_url,omitempty"` // shown once, to whoever made the link
}

// NewInvitation makes the invitation; expires is in Unix milliseconds.
func NewInvitation(id diag.ID, email string, role diag.OrgRole, expires int64) Invitation {
	return Invitation{ID: id.String(), Email: email, Role: role.String(), ExpiresAt: millis(expires)}
}

// AppInvitation is an invitation to an app. The last two members are extensions.
type AppInvitation struct {
	ID             string   `json:"id"`
	App            App      `json:"app"`
	Email          string   `json:"email"`
	InviteType     string   `json:"invite_type"`
	InvitedBy      *User    `json:"invited_by"` // null: a user who is gone
	IsExistingUser bool     `json:"is_existing_user"`
	Permissions    []string `json:"permissions"`
	ExpiresAt      string   `json:"expires_at"`
	AcceptURL      string   `json:"accept_url,omitempty"`
}

// developer is the type of invitation to work on an app; the other one was for testers.
const developer = "developer"

// NewAppInvitation makes the invitation; expires is in Unix milliseconds.
func NewAppInvitation(id diag.ID, app App, email string, role diag.Role, expires int64) AppInvitation {
	return AppInvitation{ID: id.String(), App: app, Email: email, InviteType: developer, Permissions: permissions(role), ExpiresAt: millis(expires)}
}

// SentInvitation is an invitation as its sender sees it: to an organisation or to an app. All members but the first
// three are extensions.
type SentInvitation struct {
	InvitationID string   `json:"invitation_id"`
	Organization *Org     `json:"organization,omitempty"`
	App          *App     `json:"app,omitempty"`
	Email        string   `json:"email"`
	Role         string   `json:"role,omitempty"`        // in the organisation
	Permissions  []string `json:"permissions,omitempty"` // in the app
	ExpiresAt    string   `json:"expires_at"`
}

// NewSentInvitation makes the invitation without what it is to; of the roles the other one is none. expires is in
// Unix milliseconds.
func NewSentInvitation(id diag.ID, email string, inOrg diag.OrgRole, inApp diag.Role, expires int64) SentInvitation {
	i := SentInvitation{InvitationID: id.String(), Email: email, ExpiresAt: millis(expires)}
	if inOrg != diag.OrgNone {
		i.Role = inOrg.String()
	}
	if inApp != diag.RoleNone {
		i.Permissions = permissions(inApp)
	}
	return i
}

// Team is a group of an organisation's users.
type Team struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
}

// NewTeam makes the team.
func NewTeam(t *diag.Team) Team { return Team{t.ID.String(), t.Name, t.DisplayName} }

// TeamUser is somebody in a team.
type TeamUser struct {
	Email       string `json:"email"`
	DisplayName string `json:"display_name"`
	Name        string `json:"name"`
	Role        string `json:"role"` // maintainer, collaborator
}

// NewTeamUser makes the place of u, who has a role in the organisation: those who may change the team maintain it.
func NewTeamUser(u *diag.User, role diag.OrgRole) TeamUser {
	in := TeamUser{u.Email, displayName(u), u.Name, "collaborator"}
	if role == diag.OrgAdmin {
		in.Role = "maintainer"
	}
	return in
}

// TeamApp is an app with what a team may do in it.
type TeamApp struct {
	App
	TeamPermissions []string `json:"team_permissions"`
}

// NewTeamApp makes the app of a team.
func NewTeamApp(app App, role diag.Role) TeamApp { return TeamApp{app, permissions(role)} }

// AppTeam is a team with what it may do in an app.
type AppTeam struct {
	Team
	Permissions []string `json:"permissions"`
}

// NewAppTeam makes the team of an app.
func NewAppTeam(t *diag.Team, role diag.Role) AppTeam { return AppTeam{NewTeam(t), permissions(role)} }
