package api

import (
	"cmp"
	"net/http"
	"strings"

	"lifeboat/internal/auth"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
)

// requireOwner lets those through who may give the app away: its owner, the administrators of the organisation that
// owns it, and those of the server. They are managers of the app.
func (q *request) requireOwner() error {
	if err := auth.RequireUser(&q.caller, true); err != nil {
		return err
	}
	if q.caller.User.Admin || strings.EqualFold(q.caller.User.Name, q.app.Owner) {
		return nil
	}
	org, err := q.o.Store.Org(q.ctx(), q.app.Owner)
	if err != nil && diag.KindOf(err) != diag.NotFound {
		return err
	}
	if err == nil {
		role, err := q.o.Gate.OrgRole(q.ctx(), &q.caller, org.Num)
		if err != nil || role == diag.OrgAdmin {
			return err
		}
	}
	return diag.Errorf(diag.Denied, "Forbidden. This needs the owner of the app, or an administrator of the organisation that owns it.")
}

// transferApp gives the app to another owner: an organisation that the caller leads, or a user with a role in it.
func transferApp(q *request) error {
	name := q.param("destination_owner_name")
	manager, err := q.receiver(name)
	if err != nil {
		return err
	}
	app, owner, err := q.o.Store.TransferApp(q.ctx(), q.app.Num, name, manager, q.o.Clock.Now().UnixMilli())
	if err != nil {
		return err
	}
	q.o.AppsChanged()
	role, err := q.o.Gate.Role(q.ctx(), &q.caller, app.Num)
	if err != nil {
		return err
	}
	return q.showApp(http.StatusOK, &app, &owner, role)
}

func noSuchOwner() error {
	return diag.Errorf(diag.NotFound, "There is no such owner: an app can go to an organisation that you lead, or to a user with a role in it.")
}

// receiver is who manages the app once it is that owner's: the user, or the caller for an organisation.
func (q *request) receiver(name string) (manager int64, err error) {
	owner, err := q.o.Store.Owner(q.ctx(), name)
	if err != nil && diag.KindOf(err) == diag.NotFound {
		return 0, noSuchOwner()
	}
	if err != nil {
		return 0, err
	}
	if owner.IsOrg() {
		role, err := q.o.Gate.OrgRole(q.ctx(), &q.caller, owner.Org.Num)
		switch {
		case err != nil:
			return 0, err
		case role == diag.OrgNone:
			return 0, noSuchOwner()
		case role < diag.OrgAdmin:
			return 0, diag.Errorf(diag.Denied, "Forbidden. This needs the role %s in the organisation.", diag.OrgAdmin)
		}
		return q.caller.User.Num, nil
	}
	if !q.caller.User.Admin && owner.User.Num != q.caller.User.Num {
		role, err := q.o.Store.RoleOf(q.ctx(), q.app.Num, owner.User.Num)
		if err != nil {
			return 0, err
		}
		if role == diag.RoleNone {
			return 0, noSuchOwner()
		}
	}
	return owner.User.Num, nil
}

// transferAppToOrg makes an organisation, which the caller leads, and gives it the app. The published call has no
// body: then the organisation is called as the app. With one, it is called as that says.
func transferAppToOrg(q *request) error {
	var body orgChange
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	free := body.Name == ""
	if body == (orgChange{}) {
		body = orgChange{DisplayName: cmp.Or(q.app.DisplayName, q.app.Name), Name: q.app.Name}
	}
	if err := body.complete(); err != nil {
		return err
	}
	now := q.o.Clock.Now()
	org, err := q.o.Store.TransferAppToNewOrg(q.ctx(), q.app.Num, diag.Org{
		ID: diag.NewID(now), Name: body.Name, DisplayName: body.DisplayName, CreatedAt: now.UnixMilli(), UpdatedAt: now.UnixMilli(),
	}, free, q.caller.User.Num, now.UnixMilli())
	if err != nil {
		return err
	}
	q.o.AppsChanged()
	return q.json(http.StatusOK, q.orgView(&org))
}
