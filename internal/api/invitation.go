package api

import (
	"net/http"
	"time"

	"lifeboat/internal/auth"
	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
	"lifeboat/internal/store"
)

// invitationTime is how long an invitation is good.
const invitationTime = 7 * 24 * time.Hour

// invitationPath is where the page of an invitation is; its secret follows.
const invitationPath = "/invitations/"

// Nothing is sent from here: whoever invites makes a link and passes it on. A new link makes those before void.

// newInvitation is what a caller says of an invitation.
type newInvitation struct {
	UserEmail   string   `json:"user_email"`
	Role        string   `json:"role"`        // in the organisation; of one to an app the permission that is nearest
	Permissions []string `json:"permissions"` // in the app
}

// invite adds an invitation.
func (q *request) invite(i store.Invitation) error {
	now := q.o.Clock.Now()
	_, hash := auth.NewToken() // of a link that nobody has
	i.ID, i.Inviter, i.CreatedAt, i.ExpiresAt = diag.NewID(now), q.caller.User.Num, now.UnixMilli(), now.Add(invitationTime).UnixMilli()
	if err := q.o.Store.CreateInvitation(q.ctx(), i, hash); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

// renew makes the invitation for an address the caller's, good for the full time again, and gives it a new link,
// whose address is returned. fn may change what is offered.
func (q *request) renew(org, app int64, email string, fn func(*store.Invitation)) (store.Invitation, string, error) {
	now := q.o.Clock.Now()
	text, hash := auth.NewToken()
	i, err := q.o.Store.ChangeInvitation(q.ctx(), org, app, email, now.UnixMilli(), &hash, func(i *store.Invitation) {
		i.Inviter, i.CreatedAt, i.ExpiresAt = q.caller.User.Num, now.UnixMilli(), now.Add(invitationTime).UnixMilli()
		fn(i)
	})
	return i, q.o.BaseURL(q.r) + invitationPath + text, err
}

func asItIs(*store.Invitation) {}

func (q *request) revoke(org, app int64, email string) error {
	if err := q.o.Store.RevokeInvitation(q.ctx(), org, app, email, q.o.Clock.Now().UnixMilli()); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

func invitationView(i *store.Invitation) contract.Invitation {
	return contract.NewInvitation(i.ID, i.Email, i.OrgRole, i.ExpiresAt)
}

func listOrgInvitations(q *request) error {
	all, err := q.o.Store.Invitations(q.ctx(), q.org.Num, 0, q.o.Clock.Now().UnixMilli())
	if err != nil {
		return err
	}
	shown := make([]contract.Invitation, len(all))
	for i := range all {
		shown[i] = invitationView(&all[i])
	}
	return q.json(http.StatusOK, shown)
}

// createOrgInvitation invites as a collaborator unless another role is asked for, as the original did.
func createOrgInvitation(q *request) error {
	var body newInvitation
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	email, err := parseEmail("user_email", body.UserEmail)
	if err != nil {
		return err
	}
	role, err := parseOrgRole(body.Role, diag.OrgCollaborator)
	if err != nil {
		return err
	}
	return q.invite(store.Invitation{Org: q.org.Num, Email: email, OrgRole: role})
}

// linkOrgInvitation makes a new link for an invitation and shows it. It is ours, since the original sent mail.
func linkOrgInvitation(q *request) error {
	i, address, err := q.renew(q.org.Num, 0, q.param("email"), asItIs)
	if err != nil {
		return err
	}
	shown := invitationView(&i)
	shown.AcceptURL = address
	return q.json(http.StatusOK, shown)
}

// offeredRole reads the role of a body that may have none.
func (q *request) offeredRole() (diag.OrgRole, error) {
	var body roleChange
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return diag.OrgNone, err
	}
	return parseOrgRole(body.Role, diag.OrgNone)
}

func offer(role diag.OrgRole) func(*store.Invitation) {
	return func(i *store.Invitation) {
		if role != diag.OrgNone {
			i.OrgRole = role
		}
	}
}

// resendOrgInvitation makes an invitation good for the full time again. Links that were given out are void.
func resendOrgInvitation(q *request) error {
	role, err := q.offeredRole()
	if err != nil {
		return err
	}
	if _, _, err := q.renew(q.org.Num, 0, q.param("email"), offer(role)); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

// patchOrgInvitation changes what is offered; links stay good.
func patchOrgInvitation(q *request) error {
	role, err := q.offeredRole()
	if err != nil {
		return err
	}
	return q.reoffer(q.org.Num, 0, q.param("email"), offer(role))
}

func (q *request) reoffer(org, app int64, email string, fn func(*store.Invitation)) error {
	_, err := q.o.Store.ChangeInvitation(q.ctx(), org, app, email, q.o.Clock.Now().UnixMilli(), nil, func(i *store.Invitation) {
		i.Inviter = q.caller.User.Num // who answers for it now
		fn(i)
	})
	if err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

// deleteOrgInvitation has the address in its body.
func deleteOrgInvitation(q *request) error {
	var body newInvitation
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	email, err := parseEmail("user_email", body.UserEmail)
	if err != nil {
		return err
	}
	return q.revoke(q.org.Num, 0, email)
}

func revokeOrgInvitation(q *request) error { return q.revoke(q.org.Num, 0, q.param("email")) }

func listAppInvitations(q *request) error {
	all, err := q.o.Store.Invitations(q.ctx(), 0, q.app.Num, q.o.Clock.Now().UnixMilli())
	if err != nil {
		return err
	}
	shown := make([]contract.AppInvitation, len(all))
	for i := range all {
		if shown[i], err = q.appInvitationView(&all[i]); err != nil {
			return err
		}
	}
	return q.json(http.StatusOK, shown)
}

func (q *request) appInvitationView(i *store.Invitation) (contract.AppInvitation, error) {
	owner, err := q.o.Store.Owner(q.ctx(), q.app.Owner)
	if err != nil {
		return contract.AppInvitation{}, err
	}
	shown := contract.NewAppInvitation(i.ID, q.appView(&q.app, &owner, q.role), i.Email, i.Role, i.ExpiresAt)
	inviter, err := q.o.Store.User(q.ctx(), i.Inviter)
	if err == nil {
		by := contract.NewUser(&inviter, diag.RoleNone)
		shown.InvitedBy = &by
	} else if diag.KindOf(err) != diag.NotFound {
		return shown, err
	}
	_, err = q.o.Store.UserByEmail(q.ctx(), i.Email)
	shown.IsExistingUser = err == nil
	if err != nil && diag.KindOf(err) == diag.NotFound {
		err = nil
	}
	return shown, err
}

// appRole reads the role in an app that is offered: permissions, or what comes nearest to a role in an organisation.
func (b *newInvitation) appRole() (diag.Role, error) {
	if b.Permissions != nil {
		p := permissionsChange{b.Permissions}
		return p.role()
	}
	role, err := parseOrgRole(b.Role, diag.OrgMember)
	if err != nil {
		return diag.RoleNone, err
	}
	return map[diag.OrgRole]diag.Role{
		diag.OrgMember: diag.RoleViewer, diag.OrgCollaborator: diag.RoleDeveloper, diag.OrgAdmin: diag.RoleManager,
	}[role], nil
}

func createAppInvitation(q *request) error {
	var body newInvitation
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	return q.inviteToApp(&body)
}

func createAppInvitationFor(q *request) error {
	var body newInvitation
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	body.UserEmail = q.param("user_email")
	return q.inviteToApp(&body)
}

func (q *request) inviteToApp(body *newInvitation) error {
	email, err := parseEmail("user_email", body.UserEmail)
	if err != nil {
		return err
	}
	role, err := body.appRole()
	if err != nil {
		return err
	}
	return q.invite(store.Invitation{App: q.app.Num, Email: email, Role: role})
}

// linkAppInvitation is linkOrgInvitation for an app.
func linkAppInvitation(q *request) error {
	i, address, err := q.renew(0, q.app.Num, q.param("user_email"), asItIs)
	if err != nil {
		return err
	}
	shown, err := q.appInvitationView(&i)
	shown.AcceptURL = address
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, shown)
}

func patchAppInvitation(q *request) error {
	var body permissionsChange
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	role, err := body.role()
	if err != nil {
		return err
	}
	return q.reoffer(0, q.app.Num, q.param("user_email"), func(i *store.Invitation) { i.Role = role })
}

func deleteAppInvitation(q *request) error { return q.revoke(0, q.app.Num, q.param("user_email")) }

// listSentInvitations lists what the caller sent, with what it is to.
func listSentInvitations(q *request) error {
	sent, err := q.o.Store.InvitationsBy(q.ctx(), q.caller.User.Num, q.o.Clock.Now().UnixMilli())
	if err != nil {
		return err
	}
	orgs, err := q.o.Store.Orgs(q.ctx())
	if err != nil {
		return err
	}
	apps, err := q.visibleApps()
	if err != nil {
		return err
	}
	view, err := q.appViews()
	if err != nil {
		return err
	}
	toOrg, toApp := map[int64]*contract.Org{}, map[int64]*contract.App{}
	for i := range orgs {
		org := q.orgView(&orgs[i])
		toOrg[orgs[i].Num] = &org
	}
	for i := range apps {
		app := view(&apps[i])
		toApp[apps[i].Num] = &app
	}
	all := make([]contract.SentInvitation, len(sent))
	for n := range sent {
		i := &sent[n]
		all[n] = contract.NewSentInvitation(i.ID, i.Email, i.OrgRole, i.Role, i.ExpiresAt)
		all[n].Organization, all[n].App = toOrg[i.Org], toApp[i.App]
	}
	return q.json(http.StatusOK, all)
}

// acceptInvitation gives the caller what was offered, whatever their address: who has the link was invited.
func acceptInvitation(q *request) error {
	_, err := q.o.Store.AcceptInvitation(q.ctx(), auth.Hash(q.param("invitation_token")), q.caller.User.Num, q.o.Clock.Now().UnixMilli())
	if err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

func rejectInvitation(q *request) error {
	if err := q.o.Store.RejectInvitation(q.ctx(), auth.Hash(q.param("invitation_token")), q.o.Clock.Now().UnixMilli()); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

// acceptDistributionGroups: releases are not distributed here, so there is nothing to accept.
func acceptDistributionGroups(q *request) error { return respond.Empty(q.w, http.StatusNoContent) }
