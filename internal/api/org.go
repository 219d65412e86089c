package api

import (
	"cmp"
	"net/http"

	"lifeboat/internal/auth"
	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
)

// orgChange is what people say of an organisation.
type orgChange struct {
	DisplayName string `json:"display_name"`
	Name        string `json:"name"`
}

// check says what is wrong with what was said.
func (o *orgChange) check() error {
	if o.Name != "" {
		if err := diag.CheckName(o.Name); err != nil {
			return err
		}
	}
	if o.DisplayName != "" {
		return diag.CheckDisplayName(o.DisplayName)
	}
	return nil
}

// complete fills in what is missing in a new organisation and checks it.
func (o *orgChange) complete() error {
	if o.DisplayName == "" {
		o.DisplayName = o.Name
	}
	if o.DisplayName == "" {
		return diag.Errorf(diag.Invalid, "display_name is missing.")
	}
	if o.Name == "" {
		o.Name = diag.Slug(o.DisplayName)
	}
	return o.check()
}

// orgsOf are the organisations that the caller has at least that role in. Administrators of the server have all
// roles.
func (q *request) orgsOf(least diag.OrgRole) ([]diag.Org, error) {
	if q.caller.User.Admin {
		return q.o.Store.Orgs(q.ctx())
	}
	return q.o.Store.OrgsOf(q.ctx(), q.caller.User.Num, least)
}

func listOrgs(q *request) error {
	orgs, err := q.orgsOf(diag.OrgMember)
	if err != nil {
		return err
	}
	all := make([]contract.OrgItem, len(orgs))
	for i := range orgs {
		all[i] = contract.NewOrgItem(&orgs[i])
	}
	return q.json(http.StatusOK, all)
}

// administeredOrgs is the list of the organisations that the caller leads.
type administeredOrgs struct {
	Organizations []contract.Org `json:"organizations"`
}

func listAdministeredOrgs(q *request) error {
	orgs, err := q.orgsOf(diag.OrgAdmin)
	if err != nil {
		return err
	}
	answer := administeredOrgs{Organizations: make([]contract.Org, len(orgs))}
	for i := range orgs {
		answer.Organizations[i] = q.orgView(&orgs[i])
	}
	return q.json(http.StatusOK, answer)
}

// createOrg makes an organisation that the caller leads. Without a name it gets one of its display name.
func createOrg(q *request) error {
	var body orgChange
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	if err := body.complete(); err != nil {
		return err
	}
	now := q.o.Clock.Now()
	org, err := q.o.Store.CreateOrg(q.ctx(), diag.Org{
		ID: diag.NewID(now), Name: body.Name, DisplayName: body.DisplayName, CreatedAt: now.UnixMilli(), UpdatedAt: now.UnixMilli(),
	}, q.caller.User.Num)
	if err != nil {
		return err
	}
	return q.json(http.StatusCreated, q.orgView(&org))
}

func getOrg(q *request) error { return q.json(http.StatusOK, q.orgView(&q.org)) }

func (q *request) orgView(o *diag.Org) contract.Org {
	view := contract.NewOrg(o)
	view.AvatarURL = q.avatarURL(o.Avatar)
	return view
}

// patchOrg renames an organisation. Its apps go with it to the new path.
func patchOrg(q *request) error {
	var body orgChange
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	if err := body.check(); err != nil {
		return err
	}
	var err error
	q.org, err = q.o.Store.ChangeOrg(q.ctx(), q.org.Num, func(o *diag.Org) {
		o.Name, o.DisplayName = cmp.Or(body.Name, o.Name), cmp.Or(body.DisplayName, o.DisplayName)
		o.UpdatedAt = q.o.Clock.Now().UnixMilli()
	})
	if err != nil {
		return err
	}
	q.o.AppsChanged()
	return getOrg(q)
}

func deleteOrg(q *request) error {
	if err := q.o.Store.DeleteOrg(q.ctx(), q.org.Num); err != nil {
		return err
	}
	return respond.Empty(q.w, http.StatusNoContent)
}

// listOrgApps lists those of the organisation's apps that the caller has a role in.
func listOrgApps(q *request) error {
	apps, err := q.visibleApps()
	if err != nil {
		return err
	}
	return q.showOrgApps(apps)
}

// showOrgApps answers with those of the apps that are the organisation's.
func (q *request) showOrgApps(apps []visibleApp) error {
	view, err := q.appViews()
	if err != nil {
		return err
	}
	all := []contract.App{}
	for i := range apps {
		if apps[i].owner.Org.Num == q.org.Num {
			all = append(all, view(&apps[i]))
		}
	}
	return q.json(http.StatusOK, all)
}

// createOrgApp makes an app of the organisation.
func createOrgApp(q *request) error { return q.newApp(q.org.Name) }

// enterOrg finds the organisation of the path and the caller's role in it.
func (q *request) enterOrg(least diag.OrgRole, write bool) (err error) {
	if err := auth.RequireUser(&q.caller, false); err != nil {
		return err
	}
	name := q.param("org_name")
	if len(name) > diag.MaxName {
		return notFound()
	}
	if q.org, err = q.o.Store.Org(q.ctx(), name); diag.KindOf(err) == diag.NotFound && err != nil {
		return notFound()
	}
	if err != nil {
		return err
	}
	q.orgRole, err = q.o.Gate.RequireOrg(q.ctx(), &q.caller, q.org.Num, least, write)
	return err
}
