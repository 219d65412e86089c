package storetest

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

func createOrg(t testing.TB, db *store.DB, name string, admin diag.User) diag.Org {
	t.Helper()
	o := diag.Org{ID: idOf("org ", name), Name: name, DisplayName: name + " Inc", CreatedAt: 60, UpdatedAt: 60}
	return must(db.CreateOrg(t.Context(), o, admin.Num))(t)
}

func orgs(t *testing.T, db *store.DB) {
	ctx := t.Context()
	ann, bob := createUser(t, db, "ann", false), createUser(t, db, "bob", false)
	acme, other := createOrg(t, db, "Acme", ann), createOrg(t, db, "other", bob)
	same(t, "by name", acme, must(db.Org(ctx, "aCME"))(t))
	same(t, "by number", acme, must(db.OrgByNum(ctx, acme.Num))(t))
	same(t, "all", []diag.Org{acme, other}, must(db.Orgs(ctx))(t))
	same(t, "of ann", []diag.Org{acme}, must(db.OrgsOf(ctx, ann.Num, diag.OrgMember))(t))
	_, err := db.CreateOrg(ctx, diag.Org{ID: idOf("x"), Name: "x"}, bob.Num+1)
	kind(t, err, diag.NotFound)

	// Users and organisations have their names in one space.
	for _, name := range []string{"ANN", "acme", "Other"} {
		_, err := db.CreateOrg(ctx, diag.Org{ID: idOf("again ", name), Name: name}, ann.Num)
		kind(t, err, diag.Conflict)
		_, err = db.CreateUser(ctx, diag.User{ID: idOf("user again ", name), Name: name})
		kind(t, err, diag.Conflict)
		_, err = db.ChangeOrg(ctx, acme.Num, func(o *diag.Org) { o.Name = name })
		if !strings.EqualFold(name, "acme") {
			kind(t, err, diag.Conflict)
		}
	}
	taken := bob
	taken.Name = "ACME"
	kind(t, db.UpdateUser(ctx, taken), diag.Conflict)

	// Apps go with their organisation.
	app, owner, err := db.CreateAppOf(ctx, appOf("ACME", "boat"), ann.Num)
	ok(t, err)
	same(t, "the owner", "acme", app.Owner)
	same(t, "whose apps", acme.Num, owner.Org.Num)
	_, _, err = db.CreateAppOf(ctx, appOf("nobody", "raft"), ann.Num)
	kind(t, err, diag.NotFound)
	kind(t, db.DeleteOrg(ctx, acme.Num), diag.Conflict)
	moved := must(db.ChangeOrg(ctx, acme.Num, func(o *diag.Org) { o.Name, o.UpdatedAt = "Initech", 70 }))(t)
	same(t, "renamed", moved, must(db.Org(ctx, "initech"))(t))
	same(t, "its app", "Initech", must(db.App(ctx, "initech", "boat"))(t).Owner)
	_, err = db.App(ctx, "acme", "boat")
	kind(t, err, diag.NotFound)
	apps, owners, err := db.OwnedApps(ctx)
	ok(t, err)
	if len(apps) != 1 || !owners["initech"].IsOrg() {
		t.Errorf("%d apps of %v", len(apps), owners)
	}
	ok(t, db.DeleteApp(ctx, app.Num))
	ok(t, db.DeleteOrg(ctx, acme.Num))
	kind(t, db.DeleteOrg(ctx, acme.Num), diag.NotFound)
	_, err = db.ChangeOrg(ctx, acme.Num, func(*diag.Org) {})
	kind(t, err, diag.NotFound)
	createOrg(t, db, "acme", ann) // the name is free again
}

// has checks the role that a user has in an app, by all three ways to ask.
func has(t *testing.T, db *store.DB, what string, app diag.App, u diag.User, want diag.Role) {
	t.Helper()
	same(t, what, want, must(db.RoleOf(t.Context(), app.Num, u.Num))(t))
	same(t, what+", among all apps", want, must(db.RolesOf(t.Context(), u.Num))(t)[app.Num])
	listed := diag.RoleNone
	for _, m := range must(db.AppMembers(t.Context(), app.Num))(t) {
		if m.Num == u.Num {
			listed = m.Role
		}
	}
	same(t, what+", among all users", want, listed)
}

// rights: the role in an app is the strongest of those that somebody has.
func rights(t *testing.T, db *store.DB) {
	ctx := t.Context()
	ann, bob, eve := createUser(t, db, "ann", false), createUser(t, db, "bob", false), createUser(t, db, "eve", false)
	acme := createOrg(t, db, "acme", ann)
	app, other := createApp(t, db, "boat"), must(db.CreateApp(ctx, appOf("eve", "raft")))(t)
	has(t, db, "leads the organisation", app, ann, diag.RoleManager)
	has(t, db, "leads another's", other, ann, diag.RoleNone)
	has(t, db, "owns it", other, eve, diag.RoleManager)
	has(t, db, "a stranger", app, bob, diag.RoleNone)
	ok(t, db.SetOrgUser(ctx, acme.Num, bob.Num, diag.OrgCollaborator, 1))
	has(t, db, "a collaborator", app, bob, diag.RoleNone)

	team := must(db.CreateTeam(ctx, diag.Team{ID: idOf("crew"), Org: acme.Num, Name: "crew"}))(t)
	kind(t, db.AddTeamUser(ctx, team.Num, eve.Num), diag.NotFound)
	ok(t, db.AddTeamUser(ctx, team.Num, bob.Num))
	kind(t, db.AddTeamUser(ctx, team.Num, bob.Num), diag.Conflict)
	kind(t, db.AddTeamApp(ctx, team.Num, other.Num, diag.RoleViewer), diag.NotFound)
	ok(t, db.AddTeamApp(ctx, team.Num, app.Num, diag.RoleDeveloper))
	kind(t, db.AddTeamApp(ctx, team.Num, app.Num, diag.RoleViewer), diag.Conflict)
	has(t, db, "in a team", app, bob, diag.RoleDeveloper)
	ok(t, db.SetMember(ctx, app.Num, bob.Num, diag.RoleViewer))
	has(t, db, "less by himself", app, bob, diag.RoleDeveloper)
	ok(t, db.ChangeMember(ctx, app.Num, bob.Num, diag.RoleManager))
	has(t, db, "more by himself", app, bob, diag.RoleManager)
	kind(t, db.ChangeMember(ctx, app.Num, bob.Num, diag.RoleNone), diag.Conflict) // the team's remains
	has(t, db, "as before the refusal", app, bob, diag.RoleManager)
	kind(t, db.ChangeMember(ctx, app.Num, eve.Num, diag.RoleViewer), diag.NotFound)
	kind(t, db.ChangeMember(ctx, app.Num, ann.Num, diag.RoleViewer), diag.Conflict)
	kind(t, db.ChangeMember(ctx, other.Num, eve.Num, diag.RoleNone), diag.Conflict)
	kind(t, db.ChangeMember(ctx, 99, eve.Num, diag.RoleNone), diag.NotFound)

	// Leaving the organisation takes all of it.
	kind(t, db.ChangeOrgUser(ctx, acme.Num, ann.Num, diag.OrgMember), diag.Conflict)
	kind(t, db.ChangeOrgUser(ctx, acme.Num, eve.Num, diag.OrgMember), diag.NotFound)
	ok(t, db.ChangeOrgUser(ctx, acme.Num, bob.Num, diag.OrgNone))
	has(t, db, "who has left", app, bob, diag.RoleNone)
	ok(t, db.SetOrgUser(ctx, acme.Num, bob.Num, diag.OrgMember, 1))
	has(t, db, "who came back", app, bob, diag.RoleNone)

	// A deleted user leaves nothing behind, and the last administrator stays.
	ok(t, db.AddTeamUser(ctx, team.Num, bob.Num))
	has(t, db, "in a team again", app, bob, diag.RoleDeveloper)
	kind(t, db.DeleteUser(ctx, ann.Num), diag.Conflict)
	ok(t, db.DeleteUser(ctx, bob.Num))
	same(t, "users of the team", 0, len(must(db.TeamUsers(ctx, team.Num))(t)))
	same(t, "users of the organisation", 1, len(must(db.OrgUsers(ctx, acme.Num))(t)))
	kind(t, db.SetMember(ctx, app.Num, bob.Num, diag.RoleViewer), diag.NotFound)
	kind(t, db.SetOrgUser(ctx, acme.Num, bob.Num, diag.OrgMember, 1), diag.NotFound)

	// An app that goes to another owner goes without the teams.
	same(t, "apps of the team", 1, len(must(db.TeamApps(ctx, team.Num))(t)))
	moved, owner, err := db.TransferApp(ctx, app.Num, "EVE", eve.Num, 9)
	ok(t, err)
	same(t, "its owner", eve.Num, owner.User.Num)
	same(t, "its owner's name", "eve", moved.Owner)
	has(t, db, "led the organisation that had it", app, ann, diag.RoleNone)
	same(t, "apps of the team then", 0, len(must(db.TeamApps(ctx, team.Num))(t)))
	_, err = db.TransferAppToNewOrg(ctx, app.Num, diag.Org{ID: idOf("new"), Name: "acme"}, false, eve.Num, 10)
	kind(t, err, diag.Conflict)
	same(t, "still eve's", "eve", must(db.AppByNum(ctx, app.Num))(t).Owner)
	made := must(db.TransferAppToNewOrg(ctx, app.Num, diag.Org{ID: idOf("new"), Name: "acme"}, true, eve.Num, 10))(t)
	same(t, "a free name", "acme-2", made.Name)
	ok(t, db.DeleteTeam(ctx, team.Num))
	kind(t, db.DeleteTeam(ctx, team.Num), diag.NotFound)
}

func invitations(t *testing.T, db *store.DB) {
	ctx := t.Context()
	ann, bob := createUser(t, db, "ann", false), createUser(t, db, "bob", false)
	acme, app := createOrg(t, db, "acme", ann), createApp(t, db, "boat")
	toOrg := store.Invitation{ID: idOf("a"), Org: acme.Num, Email: "Eve@example.com", OrgRole: diag.OrgCollaborator, Inviter: ann.Num, CreatedAt: 10, ExpiresAt: 20}
	toApp := store.Invitation{ID: idOf("b"), App: app.Num, Email: "eve@example.com", Role: diag.RoleDeveloper, Inviter: ann.Num, CreatedAt: 10, ExpiresAt: 20}
	ok(t, db.CreateInvitation(ctx, toOrg, hashOf("a")))
	ok(t, db.CreateInvitation(ctx, toApp, hashOf("b")))
	again := toOrg
	again.ID, again.Email = idOf("c"), "eve@EXAMPLE.com"
	kind(t, db.CreateInvitation(ctx, again, hashOf("c")), diag.Conflict)
	again.Org = acme.Num + 1
	kind(t, db.CreateInvitation(ctx, again, hashOf("c")), diag.NotFound)
	same(t, "to the organisation", []store.Invitation{toOrg}, must(db.Invitations(ctx, acme.Num, 0, 19))(t))
	same(t, "to the app", []store.Invitation{toApp}, must(db.Invitations(ctx, 0, app.Num, 19))(t))
	same(t, "of ann", []store.Invitation{toOrg, toApp}, must(db.InvitationsBy(ctx, ann.Num, 19))(t))
	same(t, "when their time is over", []store.Invitation(nil), must(db.InvitationsBy(ctx, ann.Num, 20))(t))

	_, err := db.OfferByHash(ctx, hashOf("a"), 20)
	kind(t, err, diag.NotFound)
	_, err = db.OfferByHash(ctx, hashOf("c"), 19)
	kind(t, err, diag.NotFound)
	offer := must(db.OfferByHash(ctx, hashOf("b"), 19))(t)
	same(t, "what is offered", app, offer.App)
	same(t, "by whom", ann, offer.Inviter)

	// A change of what is offered is what gets accepted, and old links are void with a new one.
	hash := hashOf("new")
	changed := must(db.ChangeInvitation(ctx, acme.Num, 0, "EVE@example.com", 19, &hash, func(i *store.Invitation) { i.OrgRole = diag.OrgMember }))(t)
	same(t, "changed", diag.OrgMember, changed.OrgRole)
	_, err = db.AcceptInvitation(ctx, hashOf("a"), bob.Num, 19)
	kind(t, err, diag.NotFound)
	_, err = db.AcceptInvitation(ctx, hash, bob.Num+9, 19)
	kind(t, err, diag.NotFound) // no such user, and nothing is used up
	must(db.AcceptInvitation(ctx, hash, bob.Num, 19))(t)
	same(t, "the role", diag.OrgMember, must(db.OrgRoleOf(ctx, acme.Num, bob.Num))(t))
	_, err = db.AcceptInvitation(ctx, hash, bob.Num, 19)
	kind(t, err, diag.NotFound)

	// Nobody loses a role by accepting a smaller one.
	toOrg.ID, toOrg.Email = idOf("d"), "d@example.com"
	ok(t, db.CreateInvitation(ctx, toOrg, hashOf("d")))
	ok(t, db.SetOrgUser(ctx, acme.Num, bob.Num, diag.OrgAdmin, 1))
	must(db.AcceptInvitation(ctx, hashOf("d"), bob.Num, 19))(t)
	same(t, "the role", diag.OrgAdmin, must(db.OrgRoleOf(ctx, acme.Num, bob.Num))(t))

	// A new account and its place are made together or not at all.
	eve := diag.User{ID: idOf("eve"), Name: "acme", Email: "eve@example.com"}
	_, err = db.JoinByInvitation(ctx, hashOf("b"), eve, "hash", 19)
	kind(t, err, diag.Conflict)
	eve.Name = "eve"
	made := must(db.JoinByInvitation(ctx, hashOf("b"), eve, "hash", 19))(t)
	has(t, db, "who joined", app, made, diag.RoleDeveloper)
	same(t, "in the organisation too", diag.OrgMember, must(db.OrgRoleOf(ctx, acme.Num, made.Num))(t))
	eve.Name, eve.ID, eve.Email = "eve2", idOf("eve2"), "eve2@example.com"
	_, err = db.JoinByInvitation(ctx, hashOf("b"), eve, "hash", 19)
	kind(t, err, diag.NotFound)
	_, err = db.UserByName(ctx, "eve2")
	kind(t, err, diag.NotFound)

	// An invitation is worth as much as its sender's word.
	toApp.ID, toApp.Email = idOf("e"), "e@example.com"
	ok(t, db.CreateInvitation(ctx, toApp, hashOf("e")))
	ok(t, db.SetOrgUser(ctx, acme.Num, ann.Num, diag.OrgMember, 1))
	_, err = db.OfferByHash(ctx, hashOf("e"), 19)
	kind(t, err, diag.NotFound)
	must(db.ChangeInvitation(ctx, 0, app.Num, "e@example.com", 19, nil, func(i *store.Invitation) { i.Inviter = bob.Num }))(t)
	ok(t, db.RejectInvitation(ctx, hashOf("e"), 19))
	kind(t, db.RejectInvitation(ctx, hashOf("e"), 19), diag.NotFound)
	kind(t, db.RevokeInvitation(ctx, 0, app.Num, "e@example.com", 19), diag.NotFound)

	// One whose time is over makes room, and is forgotten one day.
	toApp.ID = idOf("f")
	ok(t, db.CreateInvitation(ctx, toApp, hashOf("f")))
	toApp.ID, toApp.CreatedAt, toApp.ExpiresAt = idOf("g"), 20, 30
	ok(t, db.CreateInvitation(ctx, toApp, hashOf("g")))
	ok(t, db.DeleteExpiredInvitations(ctx, 30))
	same(t, "waiting", 1, len(must(db.Invitations(ctx, 0, app.Num, 0))(t)))
	ok(t, db.DeleteExpiredInvitations(ctx, 31))
	same(t, "forgotten", 0, len(must(db.Invitations(ctx, 0, app.Num, 0))(t)))
}

// orgsRacing: whoever comes first gets the name, the link and the last place.
func orgsRacing(t *testing.T, db *store.DB) {
	ctx := t.Context()
	ann, bob := createUser(t, db, "ann", false), createUser(t, db, "bob", false)
	many := func(what string, fn func(n int) error, allowed diag.ErrorKind) {
		t.Helper()
		var wait sync.WaitGroup
		var mu sync.Mutex
		worked := 0
		for n := range 8 {
			wait.Go(func() {
				err := fn(n)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					worked++
				} else if diag.KindOf(err) != allowed {
					t.Errorf("%s: %v", what, err)
				}
			})
		}
		wait.Wait()
		if worked != 1 {
			t.Errorf("%s: %d of 8 worked", what, worked)
		}
	}
	many("one name", func(n int) (err error) {
		if n%2 == 0 {
			_, err = db.CreateOrg(ctx, diag.Org{ID: idOf("o", n), Name: "once"}, ann.Num)
		} else {
			_, err = db.CreateUser(ctx, diag.User{ID: idOf("u", n), Name: "ONCE", Email: fmt.Sprintf("u%d@example.com", n)})
		}
		return err
	}, diag.Conflict)
	acme := createOrg(t, db, "acme", ann)
	ok(t, db.CreateInvitation(ctx, store.Invitation{ID: idOf("i"), Org: acme.Num, Email: "x@example.com", OrgRole: diag.OrgMember, Inviter: ann.Num, ExpiresAt: 9}, hashOf("i")))
	many("one link", func(n int) (err error) {
		switch n % 3 {
		case 0:
			_, err = db.AcceptInvitation(ctx, hashOf("i"), bob.Num, 1)
		case 1:
			_, err = db.JoinByInvitation(ctx, hashOf("i"), diag.User{ID: idOf("j", n), Name: fmt.Sprint("j", n)}, "", 1)
		default:
			err = db.RejectInvitation(ctx, hashOf("i"), 1)
		}
		return err
	}, diag.NotFound)
	ok(t, db.SetOrgUser(ctx, acme.Num, bob.Num, diag.OrgAdmin, 1))
	var admins []diag.User
	for n := range 7 {
		u := createUser(t, db, fmt.Sprint("admin", n), false)
		ok(t, db.SetOrgUser(ctx, acme.Num, u.Num, diag.OrgAdmin, 1))
		admins = append(admins, u)
	}
	ok(t, db.ChangeOrgUser(ctx, acme.Num, ann.Num, diag.OrgNone))
	admins = append(admins, bob)
	var wait sync.WaitGroup
	for _, u := range admins {
		wait.Go(func() {
			if err := db.ChangeOrgUser(ctx, acme.Num, u.Num, diag.OrgNone); err != nil && diag.KindOf(err) != diag.Conflict {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	left := must(db.OrgUsers(ctx, acme.Num))(t)
	leads := 0
	for _, u := range left {
		if u.Role == diag.OrgAdmin {
			leads++
		}
	}
	if leads != 1 {
		t.Errorf("%d administrators are left of %d", leads, len(admins))
	}
}

func pictures(t *testing.T, db *store.DB) {
	ctx := t.Context()
	ann := createUser(t, db, "ann", false)
	acme, app := createOrg(t, db, "acme", ann), createApp(t, db, "boat")
	one := diag.Avatar{ID: idOf("one"), Type: "image/png", Data: []byte("1")}
	two := diag.Avatar{ID: idOf("two"), Type: "image/gif", Data: []byte("2")}
	made := must(db.SetAppAvatar(ctx, app.Num, one, 500))(t)
	same(t, "the app", made, must(db.AppByNum(ctx, app.Num))(t))
	same(t, "its picture", one, must(db.Avatar(ctx, made.Avatar))(t))
	same(t, "the organisation", two.ID, must(db.SetOrgAvatar(ctx, acme.Num, two, 500))(t).Avatar)
	three := diag.Avatar{ID: idOf("three"), Type: "image/gif", Data: []byte("3")}
	must(db.SetAppAvatar(ctx, app.Num, three, 501))(t)
	_, err := db.Avatar(ctx, one.ID)
	kind(t, err, diag.NotFound)
	ok(t, db.UpdateApp(ctx, app)) // a change of something else leaves it
	same(t, "still there", three.ID, must(db.AppByNum(ctx, app.Num))(t).Avatar)
	ok(t, db.DeleteApp(ctx, app.Num))
	ok(t, db.DeleteOrg(ctx, acme.Num))
	for _, a := range []diag.Avatar{two, three} {
		_, err := db.Avatar(ctx, a.ID)
		kind(t, err, diag.NotFound)
	}
	_, err = db.SetAppAvatar(ctx, app.Num, one, 1)
	kind(t, err, diag.NotFound)
}

func subscriptions(t *testing.T, db *store.DB) {
	ctx, app := t.Context(), createApp(t, db, "boat")
	s := diag.Subscription{ID: idOf("s"), Tenant: idOf("t"), Name: "pay"}
	kind(t, db.LinkSubscription(ctx, app.Num, s.ID), diag.NotFound)
	ok(t, db.PutSubscription(ctx, s))
	s.Name = "paid"
	ok(t, db.PutSubscription(ctx, s))
	same(t, "all", []diag.Subscription{s}, must(db.Subscriptions(ctx))(t))
	ok(t, db.LinkSubscription(ctx, app.Num, s.ID))
	ok(t, db.LinkSubscription(ctx, app.Num, s.ID))
	same(t, "of the app", []diag.Subscription{s}, must(db.AppSubscriptions(ctx, app.Num))(t))
	same(t, "of all apps", map[int64]diag.Subscription{app.Num: s}, must(db.LinkedSubscriptions(ctx))(t))
	ok(t, db.UnlinkSubscription(ctx, app.Num, s.ID))
	kind(t, db.UnlinkSubscription(ctx, app.Num, s.ID), diag.NotFound)
	ok(t, db.LinkSubscription(ctx, app.Num, s.ID))
	ok(t, db.DeleteSubscription(ctx, s.ID))
	kind(t, db.DeleteSubscription(ctx, s.ID), diag.NotFound)
	same(t, "of the app, then", []diag.Subscription(nil), must(db.AppSubscriptions(ctx, app.Num))(t))
}
