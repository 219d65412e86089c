package storetest

import (
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// logins: an account is found by its name or address, and neither is given twice.
func logins(t *testing.T, db *store.DB) {
	ctx := t.Context()
	ann := must(db.CreateUserWithPassword(ctx, diag.User{ID: idOf("ann"), Name: "ann", Email: "Ann@Example.com"}, "hash"))(t)
	if !ann.HasPassword {
		t.Error("the account has no password")
	}
	bob := must(db.CreateUser(ctx, diag.User{ID: idOf("bob"), Name: "bob"}))(t)
	carol := must(db.CreateUser(ctx, diag.User{ID: idOf("carol"), Name: "carol"}))(t) // accounts without an address do not collide
	for _, login := range []string{"ANN", "ann@example.COM"} {
		same(t, login, ann, must(db.UserByLogin(ctx, login))(t))
		u, hash, err := db.Password(ctx, login)
		ok(t, err)
		same(t, "user", ann, u)
		same(t, "hash", "hash", hash)
	}
	for _, login := range []string{"", "@", "ann@example.co", "bob@"} {
		_, _, err := db.Password(ctx, login)
		kind(t, err, diag.NotFound)
	}
	_, err := db.CreateUser(ctx, diag.User{ID: idOf("dan"), Name: "dan", Email: "ANN@example.com"})
	kind(t, err, diag.Conflict)
	carol.Email = "ann@example.com"
	kind(t, db.UpdateUser(ctx, carol), diag.Conflict)

	ok(t, db.SetPassword(ctx, bob.Num, "other"))
	u, hash, err := db.PasswordOf(ctx, bob.ID)
	ok(t, err)
	if !u.HasPassword || hash != "other" {
		t.Errorf("%+v with hash %q", u, hash)
	}
	ok(t, db.SetPassword(ctx, bob.Num, ""))
	same(t, "without", bob, must(db.User(ctx, bob.Num))(t))
	kind(t, db.SetPassword(ctx, 99, "x"), diag.NotFound)
	_, _, err = db.PasswordOf(ctx, idOf("nobody"))
	kind(t, err, diag.NotFound)
}

// usersDeleted: with an account goes all that is its own, but never the last administrator or somebody's apps.
func usersDeleted(t *testing.T, db *store.DB) {
	ctx := t.Context()
	root, ann := createUser(t, db, "root", true), createUser(t, db, "ann", false)
	app := createApp(t, db, "boat")
	ok(t, db.SetMember(ctx, app.Num, ann.Num, diag.RoleManager))
	ok(t, db.SetMember(ctx, app.Num, root.Num, diag.RoleViewer))
	for name, k := range map[string]diag.Token{"own": {User: ann.Num}, "app's": {User: ann.Num, App: app.Num}, "root's": {User: root.Num}} {
		k.ID = idOf(name)
		ok(t, db.CreateToken(ctx, k, hashOf(name)))
	}
	kind(t, db.DeleteUser(ctx, root.Num), diag.Conflict)
	kind(t, db.UserMayGo(ctx, root.Num), diag.Conflict)
	demoted := root
	demoted.Admin = false
	kind(t, db.UpdateUser(ctx, demoted), diag.Conflict)
	owned := appOf("ANN", "own")
	owned = must(db.CreateApp(ctx, owned))(t)
	kind(t, db.DeleteUser(ctx, ann.Num), diag.Conflict)
	ok(t, db.DeleteApp(ctx, owned.Num))
	ok(t, db.UserMayGo(ctx, ann.Num))
	ok(t, db.DeleteUser(ctx, ann.Num))
	kind(t, db.DeleteUser(ctx, ann.Num), diag.NotFound)
	kind(t, db.UserMayGo(ctx, ann.Num), diag.NotFound)
	for _, name := range []string{"own", "app's"} {
		_, _, err := db.TokenByHash(ctx, hashOf(name))
		kind(t, err, diag.NotFound)
	}
	_, _, err := db.TokenByHash(ctx, hashOf("root's"))
	ok(t, err)
	same(t, "tokens of the app", []diag.Token(nil), must(db.AppTokens(ctx, app.Num))(t))
	same(t, "her role", diag.RoleNone, must(db.RoleOf(ctx, app.Num, ann.Num))(t))
	same(t, "the other's role", diag.RoleViewer, must(db.RoleOf(ctx, app.Num, root.Num))(t))
	kind(t, db.CreateToken(ctx, diag.Token{ID: idOf("late"), User: ann.Num}, hashOf("late")), diag.NotFound)

	ok(t, db.UpdateUser(ctx, root)) // two administrators: either may go
	second := createUser(t, db, "second", true)
	ok(t, db.DeleteUser(ctx, root.Num))
	kind(t, db.DeleteUser(ctx, second.Num), diag.Conflict)
}

func tokenEnds(t *testing.T, db *store.DB) {
	ctx := t.Context()
	ann, bob, app := createUser(t, db, "ann", false), createUser(t, db, "bob", false), createApp(t, db, "boat")
	for name, k := range map[string]diag.Token{"never": {User: ann.Num}, "early": {User: ann.Num, ExpiresAt: 10}, "late": {User: bob.Num, App: app.Num, ExpiresAt: 20}} {
		k.ID = idOf(name)
		ok(t, db.CreateToken(ctx, k, hashOf(name)))
	}
	k, _, err := db.TokenByHash(ctx, hashOf("late"))
	ok(t, err)
	same(t, "end", int64(20), k.ExpiresAt)
	ok(t, db.DeleteExpiredTokens(ctx, 11))
	same(t, "left of ann's", 1, len(must(db.Tokens(ctx, ann.Num))(t)))
	kind(t, db.DeleteAppToken(ctx, app.Num+1, 0, idOf("late")), diag.NotFound)
	kind(t, db.DeleteAppToken(ctx, app.Num, ann.Num, idOf("late")), diag.NotFound)
	kind(t, db.DeleteAppToken(ctx, app.Num, 0, idOf("never")), diag.NotFound)
	ok(t, db.DeleteAppToken(ctx, app.Num, bob.Num, idOf("late")))
	same(t, "left of the app's", 0, len(must(db.AppTokens(ctx, app.Num))(t)))
}

func accountRequests(t *testing.T, db *store.DB) {
	ctx := t.Context()
	createUser(t, db, "root", true)
	ann := createUser(t, db, "ann", false)
	request := func(name, kind string, at, due int64) diag.AccountRequest {
		return diag.AccountRequest{Token: idOf(name), User: ann.Num, Kind: kind, State: diag.RequestQueued, Message: "soon", Proof: hashOf(name), CreatedAt: at, DueAt: due}
	}
	export, end := request("export", diag.RequestExport, 1, 1), request("end", diag.RequestDelete, 2, 100)
	same(t, "made", export, must(db.CreateRequest(ctx, export))(t))
	same(t, "made", end, must(db.CreateRequest(ctx, end))(t))
	same(t, "one that waits", end, must(db.CreateRequest(ctx, request("again", diag.RequestDelete, 3, 103)))(t))
	foreign := request("foreign", diag.RequestExport, 1, 1)
	foreign.User = 99
	_, err := db.CreateRequest(ctx, foreign)
	kind(t, err, diag.NotFound)
	same(t, "all", []diag.AccountRequest{end, export}, must(db.Requests(ctx, ann.Num))(t))
	same(t, "due", []diag.AccountRequest{export}, must(db.DueRequests(ctx, 99))(t))
	same(t, "due", []diag.AccountRequest{export, end}, must(db.DueRequests(ctx, 100))(t))

	same(t, "ended", true, must(db.EndRequest(ctx, export.Token, diag.RequestCompleted, "done", 5))(t))
	same(t, "ended again", false, must(db.EndRequest(ctx, export.Token, diag.RequestFailed, "no", 6))(t))
	export.State, export.Message, export.DoneAt = diag.RequestCompleted, "done", 5
	same(t, "one", export, must(db.Request(ctx, export.Token))(t))
	_, err = db.Request(ctx, idOf("nothing"))
	kind(t, err, diag.NotFound)

	// A cancelled request deletes nothing; one that cannot be fulfilled waits on.
	same(t, "cancelled", true, must(db.EndRequest(ctx, end.Token, diag.RequestFailed, "cancelled", 7))(t))
	same(t, "deleted", false, must(db.DeleteUserAsAsked(ctx, end, "gone", 100))(t))
	end = must(db.CreateRequest(ctx, request("third", diag.RequestDelete, 8, 100)))(t)
	owned := must(db.CreateApp(ctx, appOf("ann", "own")))(t)
	_, err = db.DeleteUserAsAsked(ctx, end, "gone", 100)
	kind(t, err, diag.Conflict)
	same(t, "still due", []diag.AccountRequest{end}, must(db.DueRequests(ctx, 100))(t))
	ok(t, db.DeleteApp(ctx, owned.Num))
	same(t, "deleted", true, must(db.DeleteUserAsAsked(ctx, end, "gone", 100))(t))
	_, err = db.User(ctx, ann.Num)
	kind(t, err, diag.NotFound)
	_, err = db.Request(ctx, export.Token)
	kind(t, err, diag.NotFound)
	same(t, "its end is known", "gone", must(db.Request(ctx, end.Token))(t).Message)
	ok(t, db.DeleteRequests(ctx, 100))
	same(t, "left", 1, len(must(db.Requests(ctx, ann.Num))(t)))
	ok(t, db.DeleteRequests(ctx, 101))
	same(t, "left", 0, len(must(db.Requests(ctx, ann.Num))(t)))
}
