package api

import (
	"net/http"
	"strings"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
)

// transferApp gives the app to another owner: an organisation that the caller has a place in, or a user with a
// role in the app.
func transferApp(q *request) error {
	return q.transfer(q.param("destination_owner_name"))
}

func (q *request) transfer(name string) error {
	owner, user, err := q.newOwner(name)
	if err != nil {
		return err
	}
	q.app.Owner, q.app.UpdatedAt = owner.Name, q.o.Clock.Now().UnixMilli()
	if err := q.o.Store.UpdateApp(q.ctx(), q.app); err != nil {
		return err
	}
	if user != 0 {
		if err := q.o.Store.SetMember(q.ctx(), q.app.Num, user, diag.RoleManager); err != nil {
			return err
		}
	}
	q.o.AppsChanged()
	return q.json(http.StatusOK, contract.NewApp(&q.app, owner, q.role))
}

// newOwner is who the app may go to; user is the account's number if it is one.
func (q *request) newOwner(name string) (owner contract.Owner, user int64, err error) {
	org, err := q.o.Store.Org(q.ctx(), name)
	if err == nil {
		role, err := q.o.Gate.OrgRole(q.ctx(), &q.caller, org.Num)
		if err == nil && role == diag.OrgNone {
			err = diag.Errorf(diag.NotFound, "There is no such owner.")
		}
		return contract.NewOrgOwner(&org), 0, err
	}
	if diag.KindOf(err) != diag.NotFound {
		return owner, 0, err
	}
	members, err := q.o.Store.AppMembers(q.ctx(), q.app.Num)
	for i := range members {
		if err == nil && strings.EqualFold(members[i].Name, name) {
			return contract.NewOwner(&members[i].User), members[i].Num, nil
		}
	}
	if err == nil {
		err = diag.Errorf(diag.NotFound, "There is no such owner: the app can go to an organisation of yours or to a user with a role in it.")
	}
	return owner, 0, err
}

// transferAppToOrg makes an organisation and gives it the app.
func transferAppToOrg(q *request) error {
	var body orgChange
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	if err := body.complete(); err != nil {
		return err
	}
	now := q.o.Clock.Now()
	_, err := q.o.Store.CreateOrg(q.ctx(), diag.Org{
		ID: diag.NewID(now), Name: body.Name, DisplayName: body.DisplayName, CreatedAt: now.UnixMilli(), UpdatedAt: now.UnixMilli(),
	}, q.caller.User.Num)
	if err != nil {
		return err
	}
	return q.transfer(body.Name)
}
