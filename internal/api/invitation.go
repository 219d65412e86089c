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

// invitationTime is how long a link is good.
const invitationTime = 7 * 24 * time.Hour

// invitationPath is where the page of an invitation is; its secret follows.
const invitationPath = "/invitations/"

// newInvitation is what a caller says of an invitation.
type newInvitation struct {
	UserEmail   string   `json:"user_email"`
	Role        string   `json:"role"`        // to an organisation
	Permissions []string `json:"permissions"` // to an app
}

// invite adds or renews an invitation and returns the address to pass on. Nothing is sent from here: who invites
// passes the address on.
func (q *request) invite(i store.Invitation) (contract.Invitation, error) {
	now := q.o.Clock.Now()
	text, hash := auth.NewToken()
	i.ID, i.Inviter, i.CreatedAt, i.ExpiresAt = diag.NewID(now), q.caller.User.Num, now.UnixMilli(), now.Add(invitationTime).UnixMilli()
	if err := q.o.Store.PutInvitation(q.ctx(), i, hash); err != nil {
		return contract.Invitation{}, err
	}
	shown := invitation(&i)
	shown.AcceptURL = q.o.BaseURL(q.r) + invitationPath + text
	return shown, nil
}

func invitation(i *store.Invitation) contract.Invitation {
	shown := contract.Invitation{ID: i.ID.String(), Email: i.Email, ExpiresAt: diag.FormatMillis(time.UnixMilli(i.ExpiresAt))}
	if i.App != 0 {
		shown.Permissions = []string{i.Role.String()}
	} else {
		shown.Role = i.OrgRole.String()
	}
	return shown
}

func invitations(all []store.Invitation) []contract.Invitation {
	shown := make([]contract.Invitation, len(all))
	for i := range all {
		shown[i] = invitation(&all[i])
	}
	return shown
}

func listOrgInvitations(q *request) error {
	all, err := q.o.Store.Invitations(q.ctx(), q.org.Num, 0)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, invitations(all))
}

// orgInvitation reads an invitation to the organisation out of the body.
func (q *request) orgInvitation(email string) (store.Invitation, error) {
	var body newInvitation
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return store.Invitation{}, err
	}
	if email == "" {
		email = body.UserEmail
	}
	email, err := parseEmail("user_email", email)
	if err != nil {
		return store.Invitation{}, err
	}
	role, err := parseOrgRole(body.Role, diag.OrgNone)
	return store.Invitation{Org: q.org.Num, Email: email, OrgRole: role}, err
}

func createOrgInvitation(q *request) error {
	i, err := q.orgInvitation("")
	if err != nil {
		return err
	}
	if i.OrgRole == diag.OrgNone {
		i.OrgRole = diag.OrgMember
	}
	if _, err := q.invite(i); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

// linkOrgInvitation makes a new link for an invitation and shows it: it is an extension, for servers that send no mail.
func linkOrgInvitation(q *request) error {
	i, err := q.o.Store.Invitation(q.ctx(), q.org.Num, 0, q.param("email"))
	if err != nil {
		return err
	}
	shown, err := q.invite(i)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, shown)
}

func resendOrgInvitation(q *request) error {
	asked, err := q.orgInvitation(q.param("email"))
	if err != nil {
		return err
	}
	i, err := q.o.Store.Invitation(q.ctx(), q.org.Num, 0, asked.Email)
	if err != nil {
		return err
	}
	if asked.OrgRole != diag.OrgNone {
		i.OrgRole = asked.OrgRole
	}
	if _, err := q.invite(i); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

func patchOrgInvitation(q *request) error {
	asked, err := q.orgInvitation(q.param("email"))
	if err != nil {
		return err
	}
	i, err := q.o.Store.Invitation(q.ctx(), q.org.Num, 0, asked.Email)
	if err != nil {
		return err
	}
	if asked.OrgRole != diag.OrgNone {
		i.OrgRole = asked.OrgRole
		if err := q.o.Store.SetInvitationRole(q.ctx(), i); err != nil {
			return err
		}
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

// deleteOrgInvitation has the address in its body.
func deleteOrgInvitation(q *request) error {
	asked, err := q.orgInvitation("")
	if err != nil {
		return err
	}
	return q.revoke(q.org.Num, 0, asked.Email)
}

func revokeOrgInvitation(q *request) error { return q.revoke(q.org.Num, 0, q.param("email")) }

func (q *request) revoke(org, app int64, email string) error {
	i, err := q.o.Store.Invitation(q.ctx(), org, app, email)
	if err != nil {
		return err
	}
	if err := q.o.Store.DeleteInvitation(q.ctx(), i.ID); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

func listAppInvitations(q *request) error {
	all, err := q.o.Store.Invitations(q.ctx(), 0, q.app.Num)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, invitations(all))
}

// appInvitation reads an invitation to the app out of the body.
func (q *request) appInvitation(email string) (store.Invitation, error) {
	var body newInvitation
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return store.Invitation{}, err
	}
	if email == "" {
		email = body.UserEmail
	}
	email, err := parseEmail("user_email", email)
	if err != nil {
		return store.Invitation{}, err
	}
	i := store.Invitation{App: q.app.Num, Email: email, Role: diag.RoleViewer}
	if len(body.Permissions) > 0 {
		p := permissionsChange{body.Permissions}
		i.Role, err = p.role()
	}
	return i, err
}

func createAppInvitation(q *request) error { return q.inviteToApp("") }

func createAppInvitationFor(q *request) error { return q.inviteToApp(q.param("user_email")) }

func (q *request) inviteToApp(email string) error {
	i, err := q.appInvitation(email)
	if err != nil {
		return err
	}
	if _, err := q.invite(i); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

func linkAppInvitation(q *request) error {
	i, err := q.o.Store.Invitation(q.ctx(), 0, q.app.Num, q.param("user_email"))
	if err != nil {
		return err
	}
	shown, err := q.invite(i)
	if err != nil {
		return err
	}
	return q.json(http.StatusOK, shown)
}

func patchAppInvitation(q *request) error {
	asked, err := q.appInvitation(q.param("user_email"))
	if err != nil {
		return err
	}
	i, err := q.o.Store.Invitation(q.ctx(), 0, q.app.Num, asked.Email)
	if err != nil {
		return err
	}
	i.Role = asked.Role
	if err := q.o.Store.SetInvitationRole(q.ctx(), i); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

func deleteAppInvitation(q *request) error { return q.revoke(0, q.app.Num, q.param("user_email")) }

// listSentInvitations lists what the caller sent, with what it is to.
func listSentInvitations(q *request) error {
	all, err := q.o.Store.InvitationsBy(q.ctx(), q.caller.User.Num)
	if err != nil {
		return err
	}
	shown := invitations(all)
	for i := range all {
		if shown[i].Org, shown[i].App, err = q.subject(&all[i]); err != nil {
			return err
		}
	}
	return q.json(http.StatusOK, shown)
}

// subject is what an invitation is to: an organisation or an app.
func (q *request) subject(i *store.Invitation) (org, app string, err error) {
	if i.App == 0 {
		o, err := q.o.Store.OrgByNum(q.ctx(), i.Org)
		return o.Name, "", err
	}
	a, err := q.o.Store.AppByNum(q.ctx(), i.App)
	return "", a.Owner + "/" + a.Name, err
}

// offered is the invitation whose secret is in the path, if it is still good.
func (q *request) offered() (store.Invitation, error) {
	i, err := q.o.Store.InvitationByHash(q.ctx(), auth.Hash(q.param("invitation_token")))
	if err == nil && i.ExpiresAt <= q.o.Clock.Now().UnixMilli() {
		err = diag.Errorf(diag.NotFound, "This invitation has ended: ask for a new one.")
	}
	return i, err
}

// acceptInvitation gives the caller what was offered, whatever their address: who has the link was invited.
func acceptInvitation(q *request) error {
	i, err := q.offered()
	if err != nil {
		return err
	}
	if err := q.o.Store.AcceptInvitation(q.ctx(), i, q.caller.User.Num, q.o.Clock.Now().UnixMilli()); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

func rejectInvitation(q *request) error {
	i, err := q.offered()
	if err != nil {
		return err
	}
	if err := q.o.Store.DeleteInvitation(q.ctx(), i.ID); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

// acceptDistributionGroups: releases are not distributed here, so there is nothing to accept.
func acceptDistributionGroups(q *request) error { return respond.Empty(q.w, http.StatusNoContent) }
