package auth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"lifeboat/internal/auth"
	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

var _ auth.Lookup = (*store.DB)(nil)

// register is a small register of accounts in memory.
type register struct {
	mu      sync.Mutex
	tokens  map[[32]byte]diag.Token
	users   map[int64]diag.User
	roles   map[[2]int64]diag.Role // app, user
	lookups int
	hashes  map[int64]string // of passwords
	fail    error
	during  func() // called in the middle of a look-up
}

func newRegister() *register {
	return &register{tokens: map[[32]byte]diag.Token{}, users: map[int64]diag.User{}, roles: map[[2]int64]diag.Role{}, hashes: map[int64]string{}}
}

func (r *register) add(t diag.Token, u diag.User) string {
	text, hash := auth.NewToken()
	if t.ID.IsZero() {
		t.ID = diag.RandomID()
	}
	t.User = u.Num
	r.tokens[hash], r.users[u.Num] = t, u
	return text
}

func (r *register) TokenByHash(_ context.Context, hash [32]byte) (diag.Token, diag.User, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lookups++
	t, ok := r.tokens[hash]
	switch {
	case r.fail != nil:
		return diag.Token{}, diag.User{}, r.fail
	case !ok:
		return diag.Token{}, diag.User{}, diag.Errorf(diag.NotFound, "There is no such token.")
	}
	if r.during != nil {
		r.during()
	}
	return t, r.users[t.User], nil
}

func (r *register) Password(_ context.Context, login string) (diag.User, string, error) {
	return r.find(func(u diag.User) bool { return strings.EqualFold(u.Name, login) || strings.EqualFold(u.Email, login) })
}

func (r *register) PasswordOf(_ context.Context, id diag.ID) (diag.User, string, error) {
	return r.find(func(u diag.User) bool { return u.ID == id })
}

func (r *register) find(match func(diag.User) bool) (diag.User, string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for num, u := range r.users {
		if match(u) {
			return u, r.hashes[num], r.fail
		}
	}
	return diag.User{}, "", diag.Errorf(diag.NotFound, "There is no such user.")
}

func (r *register) OrgRoleOf(_ context.Context, org, user int64) (diag.OrgRole, error) {
	if org == 1 && user == 2 {
		return diag.OrgCollaborator, nil
	}
	return diag.OrgNone, nil
}

func (r *register) RolesOf(_ context.Context, user int64) (map[int64]diag.Role, error) {
	roles := map[int64]diag.Role{}
	for key, role := range r.roles {
		if key[1] == user {
			roles[key[0]] = role
		}
	}
	return roles, r.fail
}

func (r *register) RoleOf(_ context.Context, app, user int64) (diag.Role, error) {
	return r.roles[[2]int64{app, user}], r.fail
}

func (r *register) TouchToken(_ context.Context, id diag.ID, now int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for hash, t := range r.tokens {
		if t.ID == id {
			t.LastUsedAt = now
			r.tokens[hash] = t
		}
	}
	return errors.New("noted, but the answer was lost")
}

func (r *register) lastUse(text string) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tokens[auth.Hash(text)].LastUsedAt
}

func (r *register) remove(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.tokens, auth.Hash(text))
}

func TestNewToken(t *testing.T) {
	t.Parallel()
	a, hashA := auth.NewToken()
	b, hashB := auth.NewToken()
	if !regexp.MustCompile(`^[0-9a-f]{40}$`).MatchString(a) || a == b || hashA == hashB || auth.Hash(a) != hashA {
		t.Error("tokens are not what they should be")
	}
}

func TestCaller(t *testing.T) {
	t.Parallel()
	r := newRegister()
	token := r.add(diag.Token{Scope: diag.ScopeAll}, diag.User{Num: 1, Name: "ann"})
	other := r.add(diag.Token{Scope: diag.ScopeAll}, diag.User{Num: 2, Name: "bob"})
	unknown, _ := auth.NewToken()
	for name, c := range map[string]struct {
		header http.Header
		want   string
	}{
		"none":             {http.Header{}, ""},
		"own header":       {http.Header{"X-Api-Token": {token}}, "ann"},
		"blanks":           {http.Header{"X-Api-Token": {" " + token + "\t"}}, "ann"},
		"bearer":           {http.Header{"Authorization": {"BEARER  " + token}}, "ann"},
		"both":             {http.Header{"X-Api-Token": {token}, "Authorization": {"Bearer " + other}}, "ann"},
		"empty own header": {http.Header{"X-Api-Token": {""}, "Authorization": {"Bearer " + other}}, "bob"},
		"basic":            {http.Header{"Authorization": {"Basic YW5uOmFubg=="}}, ""},
		"scheme alone":     {http.Header{"Authorization": {"Bearer"}}, ""},
		"unknown":          {http.Header{"X-Api-Token": {unknown}}, ""},
		"short":            {http.Header{"X-Api-Token": {token[1:]}}, ""},
		"no hex":           {http.Header{"X-Api-Token": {"z" + token[1:]}}, ""},
	} {
		request := httptest.NewRequest("GET", "/", nil)
		request.Header = c.header
		got, err := auth.New(r, &diag.StepClock{}, nil).Caller(request)
		if c.want == "" && diag.KindOf(err) != diag.Unauthenticated || got.User.Name != c.want {
			t.Errorf("%s: %q, %v", name, got.User.Name, err)
		}
	}
	r.fail = errors.New("disk")
	if _, err := auth.New(r, &diag.StepClock{}, nil).ByToken(t.Context(), token); err == nil || diag.KindOf(err) != diag.Internal {
		t.Errorf("a failed look-up: %v", err)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	r := newRegister()
	r.roles[[2]int64{5, 1}] = diag.RoleDeveloper
	ann, root := diag.User{Num: 1}, diag.User{Num: 2, Admin: true}
	g := auth.New(r, &diag.StepClock{}, nil)
	for name, c := range map[string]struct {
		caller auth.Caller
		app    int64
		role   diag.Role
		viewer diag.ErrorKind // of asking for a viewer; Internal: none
		writer diag.ErrorKind // of asking for a manager
	}{
		"user":                {auth.Caller{User: ann, Token: diag.Token{Scope: "all"}}, 5, diag.RoleDeveloper, 0, diag.Denied},
		"user elsewhere":      {auth.Caller{User: ann, Token: diag.Token{Scope: "all"}}, 6, diag.RoleNone, diag.NotFound, diag.NotFound},
		"read-only user":      {auth.Caller{User: ann, Token: diag.Token{Scope: "viewer"}}, 5, diag.RoleViewer, 0, diag.Denied},
		"scope of the future": {auth.Caller{User: ann, Token: diag.Token{Scope: "crashes"}}, 5, diag.RoleViewer, 0, diag.Denied},
		"no scope":            {auth.Caller{User: ann}, 5, diag.RoleViewer, 0, diag.Denied},
		"admin":               {auth.Caller{User: root, Token: diag.Token{Scope: "all"}}, 6, diag.RoleManager, 0, 0},
		"read-only admin":     {auth.Caller{User: root, Token: diag.Token{Scope: "viewer"}}, 6, diag.RoleViewer, 0, diag.Denied},
		"app":                 {auth.Caller{User: ann, Token: diag.Token{Scope: "all", App: 6}}, 6, diag.RoleManager, 0, 0},
		"read-only app":       {auth.Caller{User: root, Token: diag.Token{Scope: "viewer", App: 6}}, 6, diag.RoleViewer, 0, diag.Denied},
		"another app":         {auth.Caller{User: root, Token: diag.Token{Scope: "all", App: 6}}, 5, diag.RoleNone, diag.Denied, diag.Denied},
	} {
		role, err := g.Role(t.Context(), &c.caller, c.app)
		if err != nil || role != c.role {
			t.Errorf("%s: role %v, %v", name, role, err)
		}
		for need, kind := range map[diag.Role]diag.ErrorKind{diag.RoleViewer: c.viewer, diag.RoleManager: c.writer} {
			_, err := g.Require(t.Context(), &c.caller, c.app, need)
			if (err == nil) != (kind == diag.Internal) || err != nil && diag.KindOf(err) != kind {
				t.Errorf("%s: asked for %v: %v", name, need, err)
			}
		}
	}
	r.fail = errors.New("disk")
	if _, err := g.Require(t.Context(), &auth.Caller{User: ann}, 5, diag.RoleViewer); err == nil || diag.KindOf(err) != diag.Internal {
		t.Errorf("a failed look-up: %v", err)
	}
}

func TestRequireUser(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		token       diag.Token
		read, write bool
	}{
		{diag.Token{Scope: "all"}, true, true}, {diag.Token{Scope: "viewer"}, true, false}, {diag.Token{Scope: "all", App: 1}, false, false},
	} {
		caller := auth.Caller{Token: c.token}
		if got := auth.RequireUser(&caller, false) == nil; got != c.read {
			t.Errorf("%+v reads: %v", c.token, got)
		}
		if got := auth.RequireUser(&caller, true) == nil; got != c.write {
			t.Errorf("%+v writes: %v", c.token, got)
		}
		if auth.RequireAdmin(&caller) == nil {
			t.Errorf("%+v is no administrator's", c.token)
		}
		caller.User.Admin = true
		if got := auth.RequireAdmin(&caller) == nil; got != c.write {
			t.Errorf("%+v of an administrator: %v", c.token, got)
		}
	}
}

func TestCache(t *testing.T) {
	t.Parallel()
	r, clock := newRegister(), diag.NewStepClock()
	k := diag.Token{ID: diag.RandomID(), App: 7, Scope: diag.ScopeAll}
	token := r.add(k, diag.User{Num: 1})
	g := auth.New(r, clock, nil)
	known := func(want bool, lookups int) {
		t.Helper()
		r.lookups = 0
		_, err := g.ByToken(t.Context(), token)
		if (err == nil) != want || r.lookups != lookups {
			t.Errorf("%v after %d look-ups, want %v after %d", err, r.lookups, want, lookups)
		}
	}
	known(true, 1)
	known(true, 0)
	clock.Step(5 * time.Second)
	known(true, 1)
	// Deleted elsewhere: void when the memory of it ends. Deleted here: at once.
	g.Forget(diag.RandomID())
	g.ForgetApp(8)
	known(true, 0)
	g.ForgetApp(7)
	known(true, 1)
	r.remove(token)
	known(true, 0)
	clock.Step(5 * time.Second)
	known(false, 1)
	known(false, 1) // unknown ones are not remembered
}

// TestForgetDuringLookup: a token that is deleted while it is being looked up is not remembered.
func TestForgetDuringLookup(t *testing.T) {
	t.Parallel()
	r := newRegister()
	k := diag.Token{ID: diag.RandomID(), Scope: diag.ScopeAll}
	token := r.add(k, diag.User{Num: 1})
	g := auth.New(r, diag.NewStepClock(), nil)
	r.during = func() { g.Forget(k.ID) }
	if _, err := g.ByToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	r.remove(token)
	if _, err := g.ByToken(t.Context(), token); diag.KindOf(err) != diag.Unauthenticated {
		t.Errorf("a deleted token: %v", err)
	}
}

// TestCacheBound: many tokens do not fill the memory, and all work.
func TestCacheBound(t *testing.T) {
	t.Parallel()
	r := newRegister()
	g := auth.New(r, diag.NewStepClock(), nil)
	for i := range 3000 {
		token := r.add(diag.Token{Scope: diag.ScopeAll}, diag.User{Num: int64(i + 1)})
		if c, err := g.ByToken(t.Context(), token); err != nil || c.User.Num != int64(i+1) {
			t.Fatalf("token %d: %v", i, err)
		}
	}
}

func TestTouch(t *testing.T) {
	t.Parallel()
	r, clock := newRegister(), diag.NewStepClock()
	token := r.add(diag.Token{Scope: diag.ScopeAll}, diag.User{Num: 1})
	g := auth.New(r, clock, nil)
	var uses []int64
	for range 150 {
		if _, err := g.ByToken(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		if n := r.lastUse(token); len(uses) == 0 || uses[len(uses)-1] != n {
			uses = append(uses, n)
		}
		clock.Step(time.Second)
	}
	for i := 1; i < len(uses); i++ {
		if gap := uses[i] - uses[i-1]; gap < 60_000 || gap > 66_000 {
			t.Errorf("noted again after %d ms", gap)
		}
	}
	if len(uses) != 3 {
		t.Errorf("noted %d times in 150 seconds", len(uses))
	}
}
