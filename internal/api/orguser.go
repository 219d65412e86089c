package api

import (
	"net/http"
	"strings"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
	"lifeboat/internal/store"
)

// orgRoles are the words for roles in an organisation.
var orgRoles = []diag.OrgRole{diag.OrgAdmin, diag.OrgCollaborator, diag.OrgMember}

// parseOrgRole reads a role in any letter case; absent stands for none said.
func parseOrgRole(text string, absent diag.OrgRole) (diag.OrgRole, error) {
	if text == "" {
		return absent, nil
	}
	for _, r := range orgRoles {
		if strings.EqualFold(r.String(), text) {
			return r, nil
		}
	}
	return diag.OrgNone, diag.Errorf(diag.Invalid, "role must be admin, collaborator or member.")
}

// roleChange is a body with a role in an organisation.
type roleChange struct {
	Role string `json:"role"`
}

func listOrgUsers(q *request) error {
	users, err := q.o.Store.OrgUsers(q.ctx(), q.org.Num)
	if err != nil {
		return err
	}
	all := make([]contract.OrgUser, len(users))
	for i := range users {
		all[i] = contract.NewOrgUser(&users[i].User, users[i].Role, users[i].JoinedAt)
	}
	return q.json(http.StatusOK, all)
}

// orgUser is the user of the path, by name or address, who must be in the organisation.
func (q *request) orgUser() (store.OrgUser, error) {
	users, err := q.o.Store.OrgUsers(q.ctx(), q.org.Num)
	if err != nil {
		return store.OrgUser{}, err
	}
	for _, u := range users {
		if name := q.param("user_name"); strings.EqualFold(u.Name, name) || u.Email != "" && strings.EqualFold(u.Email, name) {
			return u, nil
		}
	}
	return store.OrgUser{}, diag.Errorf(diag.NotFound, "There is no such user in the organisation.")
}

func getOrgUser(q *request) error {
	u, err := q.orgUser()
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, contract.NewOrgUser(&u.User, u.Role, u.JoinedAt))
}

func patchOrgUser(q *request) error {
	var body roleChange
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	role, err := parseOrgRole(body.Role, diag.OrgNone)
	if err != nil {
		return err
	}
	u, err := q.orgUser()
	if err != nil {
		return err
	}
	if role != diag.OrgNone {
		if err := q.o.Store.ChangeOrgUser(q.ctx(), q.org.Num, u.Num, role); err != nil {
			return err
		}
		u.Role = role
	}
	return q.json(http.StatusOK, contract.NewOrgUser(&u.User, u.Role, u.JoinedAt))
}

// deleteOrgUser takes somebody out of the organisation and of its apps.
func deleteOrgUser(q *request) error {
	u, err := q.orgUser()
	if err != nil {
		return err
	}
	if err := q.o.Store.ChangeOrgUser(q.ctx(), q.org.Num, u.Num, diag.OrgNone); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

// listOrgUserApps lists the organisation's apps that a user has a role in, with that role, as far as the caller may
// know of them.
func listOrgUserApps(q *request) error {
	u, err := q.orgUser()
	if err != nil {
		return err
	}
	apps, err := q.visibleApps()
	if err != nil {
		return err
	}
	roles, err := q.o.Store.RolesOf(q.ctx(), u.Num)
	if err != nil {
		return err
	}
	var theirs []visibleApp
	for _, a := range apps {
		if a.role = roles[a.Num]; a.role != diag.RoleNone {
			theirs = append(theirs, a)
		}
	}
	return q.showOrgApps(theirs)
}

// listOrgTesters lists everybody in the organisation: releases are not distributed here, so nobody else tests them.
func listOrgTesters(q *request) error {
	users, err := q.o.Store.OrgUsers(q.ctx(), q.org.Num)
	if err != nil {
		return err
	}
	all := make([]contract.Tester, len(users))
	for i := range users {
		all[i] = contract.NewTester(&users[i].User)
	}
	return q.json(http.StatusOK, all)
}
