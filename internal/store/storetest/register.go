package storetest

import (
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

func users(t *testing.T, db *store.DB) {
	ctx := t.Context()
	ann, bob := createUser(t, db, "Ann", true), createUser(t, db, "bob", false)
	if ann.Num == 0 || bob.Num <= ann.Num {
		t.Errorf("numbers %d and %d do not rise from 1", ann.Num, bob.Num)
	}
	same(t, "by number", ann, must(db.User(ctx, ann.Num))(t))
	same(t, "by name in another letter case", ann, must(db.UserByName(ctx, "aNN"))(t))
	same(t, "all", []diag.User{ann, bob}, must(db.Users(ctx))(t))

	_, err := db.User(ctx, bob.Num+1)
	kind(t, err, diag.NotFound)
	_, err = db.UserByName(ctx, "carol")
	kind(t, err, diag.NotFound)
	_, err = db.CreateUser(ctx, diag.User{ID: idOf("another"), Name: "ANN"})
	kind(t, err, diag.Conflict)

	bob.Name, bob.Email, bob.Admin, bob.DisplayName = "Bob", "b@example.com", true, "B."
	ok(t, db.UpdateUser(ctx, bob))
	same(t, "changed", bob, must(db.User(ctx, bob.Num))(t))
	bob.Name = "ann"
	kind(t, db.UpdateUser(ctx, bob), diag.Conflict)
	kind(t, db.UpdateUser(ctx, diag.User{Num: 99, Name: "z"}), diag.NotFound)
}

func tokens(t *testing.T, db *store.DB) {
	ctx := t.Context()
	ann, bob, app := createUser(t, db, "ann", false), createUser(t, db, "bob", false), createApp(t, db, "boat")
	newer := diag.Token{ID: idOf("newer"), User: ann.Num, Description: "laptop", Scope: diag.ScopeAll, CreatedAt: 20}
	older := diag.Token{ID: idOf("older"), User: ann.Num, App: app.Num, Description: "robot", Scope: diag.ScopeViewer, CreatedAt: 10, LastUsedAt: 15}
	ok(t, db.CreateToken(ctx, newer, hashOf("newer")))
	ok(t, db.CreateToken(ctx, older, hashOf("older")))
	kind(t, db.CreateToken(ctx, diag.Token{ID: idOf("third"), User: bob.Num}, hashOf("newer")), diag.Conflict)
	kind(t, db.CreateToken(ctx, diag.Token{ID: newer.ID, User: bob.Num}, hashOf("fourth")), diag.Conflict)
	kind(t, db.CreateToken(ctx, diag.Token{ID: idOf("fifth"), User: bob.Num, App: app.Num + 1}, hashOf("fifth")), diag.NotFound)

	got, user, err := db.TokenByHash(ctx, hashOf("older"))
	ok(t, err)
	same(t, "token", older, got)
	same(t, "its user", ann, user)
	_, _, err = db.TokenByHash(ctx, hashOf("fourth"))
	kind(t, err, diag.NotFound)
	same(t, "of ann", []diag.Token{older, newer}, must(db.Tokens(ctx, ann.Num))(t))
	same(t, "of bob", []diag.Token(nil), must(db.Tokens(ctx, bob.Num))(t))
	same(t, "of the app", []diag.Token{older}, must(db.AppTokens(ctx, app.Num))(t))

	for _, now := range []int64{30, 25} { // the second one is late
		ok(t, db.TouchToken(ctx, newer.ID, now))
	}
	newer.LastUsedAt = 30
	same(t, "touched", []diag.Token{older, newer}, must(db.Tokens(ctx, ann.Num))(t))

	kind(t, db.DeleteToken(ctx, bob.Num, newer.ID), diag.NotFound)
	ok(t, db.DeleteToken(ctx, ann.Num, newer.ID))
	kind(t, db.DeleteToken(ctx, ann.Num, newer.ID), diag.NotFound)
	_, _, err = db.TokenByHash(ctx, hashOf("newer"))
	kind(t, err, diag.NotFound)
}

func adminToken(t *testing.T, db *store.DB) {
	ctx := t.Context()
	kind(t, db.ReplaceAdminToken(ctx, hashOf("first"), 1), diag.NotFound)
	createUser(t, db, "reader", false)
	admin, _ := createUser(t, db, "admin", true), createUser(t, db, "second", true)
	own := diag.Token{ID: idOf("own"), User: admin.Num, Description: "own", Scope: diag.ScopeAll, CreatedAt: 2}
	ok(t, db.CreateToken(ctx, own, hashOf("own")))
	for _, name := range []string{"first", "second", "second", "third"} {
		ok(t, db.ReplaceAdminToken(ctx, hashOf(name), 3))
		k, u, err := db.TokenByHash(ctx, hashOf(name))
		ok(t, err)
		same(t, "speaks for the oldest administrator", admin, u)
		if k.Scope != diag.ScopeAll || k.App != 0 || k.CreatedAt != 3 {
			t.Errorf("the admin token is %+v", k)
		}
	}
	if left := must(db.Tokens(ctx, admin.Num))(t); len(left) != 2 || left[0].ID != own.ID {
		t.Errorf("%d tokens are left, want the own one and the third of the file", len(left))
	}
	for _, name := range []string{"first", "second"} {
		_, _, err := db.TokenByHash(ctx, hashOf(name))
		kind(t, err, diag.NotFound)
	}
}

func apps(t *testing.T, db *store.DB) {
	ctx := t.Context()
	boat, raft := createApp(t, db, "Boat"), createApp(t, db, "raft")
	same(t, "by name", boat, must(db.App(ctx, "ACME", "boaT"))(t))
	same(t, "by secret", raft, must(db.AppBySecret(ctx, raft.Secret))(t))
	same(t, "by number", boat, must(db.AppByNum(ctx, boat.Num))(t))
	same(t, "all", []diag.App{boat, raft}, must(db.Apps(ctx))(t))

	raft.Secret, raft.Owner, raft.Name, raft.DisplayName, raft.Description = idOf("new"), "other", "Ship", "S", ""
	raft.OS, raft.Platform, raft.ReleaseType, raft.UpdatedAt, raft.Blocked = "iOS", "Unity", "", 300, true
	raft.CrashesPerMinute, raft.HandledPerMinute, raft.AppNamespacePrefixes = 0, 1, nil
	ok(t, db.UpdateApp(ctx, raft))
	same(t, "changed", raft, must(db.App(ctx, "other", "ship"))(t))
	_, err := db.App(ctx, "acme", "raft")
	kind(t, err, diag.NotFound)
	_, err = db.AppBySecret(ctx, idOf("unknown"))
	kind(t, err, diag.NotFound)
	_, err = db.AppByNum(ctx, 99)
	kind(t, err, diag.NotFound)
	kind(t, db.UpdateApp(ctx, diag.App{Num: 99}), diag.NotFound)
}

func appsTaken(t *testing.T, db *store.DB) {
	boat, raft := createApp(t, db, "boat"), createApp(t, db, "raft")
	name, secret, id := appOf("Acme", "BOAT"), appOf("acme", "third"), appOf("acme", "fourth")
	secret.Secret, id.ID = boat.Secret, boat.ID
	name.ID, name.Secret = idOf(1), idOf(2)
	for _, a := range []diag.App{name, secret, id} {
		_, err := db.CreateApp(t.Context(), a)
		kind(t, err, diag.Conflict)
	}
	raft.Name = "Boat"
	kind(t, db.UpdateApp(t.Context(), raft), diag.Conflict)
	createApp(t, db, "boat2")
	_, err := db.CreateApp(t.Context(), appOf("another", "boat"))
	ok(t, err)
}

func appNumbers(t *testing.T, db *store.DB) {
	first, last := createApp(t, db, "first"), createApp(t, db, "last")
	ok(t, db.DeleteApp(t.Context(), last.Num))
	if again := createApp(t, db, "last"); again.Num <= last.Num || first.Num == again.Num {
		t.Errorf("number %d was given again after %d", again.Num, last.Num)
	}
	kind(t, db.DeleteApp(t.Context(), last.Num), diag.NotFound)
}

func members(t *testing.T, db *store.DB) {
	ctx, app, ann := t.Context(), createApp(t, db, "boat"), createUser(t, db, "ann", false)
	other := createApp(t, db, "raft")
	for _, role := range []diag.Role{diag.RoleViewer, diag.RoleManager, diag.RoleDeveloper, diag.RoleNone, diag.RoleNone} {
		ok(t, db.SetMember(ctx, app.Num, ann.Num, role))
		same(t, "role", role, must(db.RoleOf(ctx, app.Num, ann.Num))(t))
		same(t, "role in another app", diag.RoleNone, must(db.RoleOf(ctx, other.Num, ann.Num))(t))
	}
	same(t, "role in no app", diag.RoleNone, must(db.RoleOf(ctx, 99, ann.Num))(t))
	kind(t, db.SetMember(ctx, 99, ann.Num, diag.RoleViewer), diag.NotFound)
}

func blocked(t *testing.T, db *store.DB) {
	ctx, app, other := t.Context(), createApp(t, db, "boat"), createApp(t, db, "raft")
	for _, hash := range [][16]byte{{2}, {1}, {2}} {
		ok(t, db.BlockInstall(ctx, app.Num, hash, 5))
	}
	same(t, "blocked", [][16]byte{{1}, {2}}, must(db.BlockedInstalls(ctx, app.Num))(t))
	same(t, "blocked in another app", [][16]byte(nil), must(db.BlockedInstalls(ctx, other.Num))(t))
	kind(t, db.BlockInstall(ctx, 99, [16]byte{}, 5), diag.NotFound)
	_, err := db.BlockedInstalls(ctx, 99)
	kind(t, err, diag.NotFound)
}

func drops(t *testing.T, db *store.DB) {
	ctx, app, gone := t.Context(), createApp(t, db, "boat"), createApp(t, db, "gone")
	ok(t, db.DeleteApp(ctx, gone.Num))
	ok(t, db.AddDrops(ctx, []store.Drop{drop(app.Num, 2, "late", 1), drop(app.Num, 1, "late", 2), drop(0, 2, "secret", 3), drop(app.Num, 2, "late", 4)}))
	ok(t, db.AddDrops(ctx, []store.Drop{drop(app.Num, 2, "blocked", 1), drop(app.Num, 2, "late", 10), drop(gone.Num, 2, "secret", 5)}))
	ok(t, db.AddDrops(ctx, nil))
	same(t, "of all", []store.Drop{drop(app.Num, 1, "late", 2), drop(0, 2, "secret", 8), drop(app.Num, 2, "blocked", 1), drop(app.Num, 2, "late", 15)},
		must(db.Drops(ctx, -1, 0))(t))
	same(t, "of the app", []store.Drop{drop(app.Num, 2, "blocked", 1), drop(app.Num, 2, "late", 15)}, must(db.Drops(ctx, app.Num, 2))(t))
	same(t, "of no app", []store.Drop{drop(0, 2, "secret", 8)}, must(db.Drops(ctx, 0, 0))(t))
	same(t, "of one that is gone", []store.Drop(nil), must(db.Drops(ctx, gone.Num, 0))(t))
}

func floor(t *testing.T, db *store.DB) {
	for _, step := range []struct{ to, want diag.IngressTime }{{0, 0}, {50, 50}, {40, 50}, {50, 50}, {60, 60}} {
		if step.to != 0 {
			ok(t, db.RaiseFloor(t.Context(), step.to))
		}
		same(t, "floor", step.want, must(db.Floor(t.Context()))(t))
	}
}

func intents(t *testing.T, db *store.DB) {
	ctx := t.Context()
	a, b, c := diag.Locator{Segment: 2, Offset: 1}, diag.Locator{Segment: 1, Offset: 9}, diag.Locator{Segment: 2, Offset: 1, Member: 3}
	for _, l := range []diag.Locator{c, a, b, a} {
		ok(t, db.PutBlankIntent(ctx, l))
	}
	same(t, "intents", []diag.Locator{b, a, c}, must(db.BlankIntents(ctx))(t))
	ok(t, db.DropBlankIntent(ctx, a))
	ok(t, db.DropBlankIntent(ctx, a))
	same(t, "intents left", []diag.Locator{b, c}, must(db.BlankIntents(ctx))(t))
}

func drop(app, day int64, reason string, n int64) store.Drop {
	return store.Drop{App: app, Day: day, Reason: reason, Count: n}
}
