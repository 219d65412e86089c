package api

import (
	"net/http"
	"strings"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
	"lifeboat/internal/store"
)

func listAppUsers(q *request) error {
	members, err := q.o.Store.AppMembers(q.ctx(), q.app.Num)
	if err != nil {
		return err
	}
	all := make([]contract.User, len(members))
	for i := range members {
		all[i] = contract.NewUser(&members[i].User, members[i].Role)
	}
	return q.json(http.StatusOK, all)
}

// permissionsChange is a body with a role in an app.
type permissionsChange struct {
	Permissions []string `json:"permissions"`
}

// role is the strongest permission.
func (p *permissionsChange) role() (role diag.Role, err error) {
	for _, text := range p.Permissions {
		r, ok := parseRole(text)
		if !ok {
			return diag.RoleNone, diag.Errorf(diag.Invalid, "permissions must be a list of manager, developer or viewer.")
		}
		role = max(role, r)
	}
	if role == diag.RoleNone {
		return role, diag.Errorf(diag.Invalid, "permissions must name manager, developer or viewer.")
	}
	return role, nil
}

func parseRole(text string) (diag.Role, bool) {
	for r := diag.RoleViewer; r <= diag.RoleManager; r++ {
		if strings.EqualFold(r.String(), text) {
			return r, true
		}
	}
	return diag.RoleNone, false
}

// member is the user of the path, who must have a role in the app.
func (q *request) member() (store.AppMember, error) {
	members, err := q.o.Store.AppMembers(q.ctx(), q.app.Num)
	if err != nil {
		return store.AppMember{}, err
	}
	for _, m := range members {
		if email := q.param("user_email"); strings.EqualFold(m.Email, email) && email != "" || strings.EqualFold(m.Name, email) {
			return m, nil
		}
	}
	return store.AppMember{}, diag.Errorf(diag.NotFound, "There is no such user in the app.")
}

func patchAppUser(q *request) error {
	var body permissionsChange
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	role, err := body.role()
	if err != nil {
		return err
	}
	m, err := q.member()
	if err != nil {
		return err
	}
	if err := q.o.Store.ChangeMember(q.ctx(), q.app.Num, m.Num, role); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

func deleteAppUser(q *request) error {
	m, err := q.member()
	if err != nil {
		return err
	}
	if err := q.o.Store.ChangeMember(q.ctx(), q.app.Num, m.Num, diag.RoleNone); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

// parseEmail reads an address.
func parseEmail(what, text string) (string, error) {
	text = strings.TrimSpace(text)
	if !diag.ValidEmail(text) {
		return "", diag.Errorf(diag.Invalid, "%s must be an address such as ann@example.com.", what)
	}
	return text, nil
}
