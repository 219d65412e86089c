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

// Invitation is an invitation that waits. All but id, email and role are extensions.
type Invitation struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	Role      string `json:"role,omitempty"` // of one to an organisation
	ExpiresAt string `json:"expires_at,omitempty"`

	Permissions []string `json:"permissions,omitempty"` // of one to an app
	Org         string   `json:"organization,omitempty"`
	App         string   `json:"app,omitempty"` // OWNER/NAME
	AcceptURL   string   `json:"accept_url,omitempty"`
}
