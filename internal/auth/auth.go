// Package auth tells who is asking and what they may do.
//
// It promises that a token is compared by its SHA-256 alone, a password by argon2id, and that neither is kept,
// logged or put into an error; that a token's scope only ever takes rights away; that a token is void when its
// time is over, and a deleted one at once where it was deleted, and within a few seconds everywhere else; and that
// passwords cannot be guessed by trying, nor the server's memory used up by it.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"lifeboat/internal/diag"
)

// tokenLength is the length of a token's text: 20 random bytes in lower-case hex.
const tokenLength = 40

// NewToken makes a token. Its text is shown once; only the hash is kept.
func NewToken() (text string, hash [32]byte) {
	var b [tokenLength / 2]byte
	rand.Read(b[:])
	text = hex.EncodeToString(b[:])
	return text, Hash(text)
}

// Hash is what stands for a token wherever it is stored.
func Hash(text string) [32]byte { return sha256.Sum256([]byte(text)) }

// Lookup finds accounts and their rights. *store.DB is one. If it also has a method TouchToken as *store.DB has, the
// use of a token is noted there, at most once a minute.
type Lookup interface {
	// TokenByHash returns the token with that hash and the account it speaks for, diag.NotFound if there is none.
	TokenByHash(ctx context.Context, hash [32]byte) (diag.Token, diag.User, error)
	// Password returns the account with a name or, with an @ in it, an e-mail address, and the PHC text of its
	// password, "" if it has none; diag.NotFound if there is no such account.
	Password(ctx context.Context, login string) (diag.User, string, error)
	// PasswordOf is Password for the account with a public id.
	PasswordOf(ctx context.Context, id diag.ID) (diag.User, string, error)
	Rights
}

// Rights are the roles that accounts have been given.
type Rights interface {
	// RoleOf is the role of an account in an app, diag.RoleNone if it has none.
	RoleOf(ctx context.Context, app, user int64) (diag.Role, error)
	// RolesOf are the roles of an account in all apps that it has one in, by their numbers.
	RolesOf(ctx context.Context, user int64) (map[int64]diag.Role, error)
	// OrgRoleOf is the role of an account in an organisation, diag.OrgNone if it has none.
	OrgRoleOf(ctx context.Context, org, user int64) (diag.OrgRole, error)
}

// Caller is who sent a request.
type Caller struct {
	User  diag.User
	Token diag.Token
}

// WithPassword reports whether the caller came with a password, and not with a token.
func (c *Caller) WithPassword() bool { return c.Token.ID.IsZero() }

// AppToken reports whether the caller's token is good for one app only.
func (c *Caller) AppToken() bool { return c.Token.App != 0 }

// ReadOnly reports whether the caller may only look.
func (c *Caller) ReadOnly() bool { return c.Token.Scope != diag.ScopeAll }

// Gate knows callers and their rights. Make it with New.
type Gate struct {
	lookup  Lookup
	clock   diag.Clock
	log     *slog.Logger
	cache   cache
	hasher  hasher
	signIns signIns
}

// New makes a gate. log may be nil.
func New(lookup Lookup, clock diag.Clock, log *slog.Logger) *Gate {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	g := &Gate{lookup: lookup, clock: clock, log: log, hasher: newHasher()}
	g.signIns.init()
	return g
}

// Caller finds out who sent a request. An error of kind Unauthenticated says that nobody we know did.
//
// A token stands in the API's own header, else in the Authorization header, where a name or an e-mail address
// with a password may stand too.
func (g *Gate) Caller(r *http.Request) (Caller, error) {
	if t := strings.TrimSpace(r.Header.Get("X-API-Token")); t != "" {
		return g.ByToken(r.Context(), t)
	}
	scheme, rest, _ := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
	switch strings.ToLower(scheme) {
	case "bearer":
		return g.ByToken(r.Context(), strings.TrimSpace(rest))
	case "basic":
		if login, password, ok := basic(rest); ok {
			return g.ByPassword(r.Context(), r.RemoteAddr, login, password)
		}
		return Caller{}, diag.Errorf(diag.Unauthenticated, "Unauthorized. The Authorization header cannot be read: after Basic stands name:password in Base64.")
	}
	return Caller{}, diag.Errorf(diag.Unauthenticated, "Unauthorized. Send an API token in the header X-API-Token.")
}

// ByToken finds the caller of a token's text.
func (g *Gate) ByToken(ctx context.Context, text string) (Caller, error) {
	if !isToken(text) {
		return Caller{}, unauthorized()
	}
	hash := Hash(text)
	now := g.clock.Monotonic()
	if c, ok := g.cache.get(hash, now); ok {
		if err := g.inTime(&c.Token); err != nil {
			return Caller{}, err
		}
		return c, nil
	}
	generation := g.cache.current()
	token, user, err := g.lookup.TokenByHash(ctx, hash)
	if diag.KindOf(err) == diag.NotFound && err != nil {
		return Caller{}, unauthorized()
	}
	if err != nil {
		return Caller{}, err
	}
	if err := g.inTime(&token); err != nil {
		return Caller{}, err
	}
	c := Caller{User: user, Token: token}
	if g.cache.put(hash, c, now, generation) {
		g.touch(ctx, token)
	}
	return c, nil
}

// inTime says no to tokens whose time is over.
func (g *Gate) inTime(t *diag.Token) error {
	if t.ExpiresAt != 0 && g.clock.Now().UnixMilli() >= t.ExpiresAt {
		return diag.Errorf(diag.Unauthenticated, "Unauthorized. This token has expired. Make a new one.")
	}
	return nil
}

func unauthorized() error { return diag.Errorf(diag.Unauthenticated, "Unauthorized.") }

func isToken(s string) bool {
	if len(s) != tokenLength {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// touchEvery is how exactly the last use of a token is known.
const touchEvery = time.Minute

// touch notes that a token is in use. It is no failure of the request if that cannot be noted.
func (g *Gate) touch(ctx context.Context, t diag.Token) {
	lookup, ok := g.lookup.(interface {
		TouchToken(ctx context.Context, id diag.ID, now int64) error
	})
	now := g.clock.Now().UnixMilli()
	if !ok || now < t.LastUsedAt+touchEvery.Milliseconds() {
		return
	}
	if err := lookup.TouchToken(ctx, t.ID, now); err != nil && ctx.Err() == nil {
		g.log.Warn("the last use of a token cannot be noted", "error", err)
	}
}

// Forget makes the gate look a token up anew: call it when the token was deleted.
func (g *Gate) Forget(id diag.ID) {
	g.cache.drop(func(c *Caller) bool { return c.Token.ID == id })
}

// ForgetApp makes the gate look up anew all tokens of an app that was deleted.
func (g *Gate) ForgetApp(app int64) {
	g.cache.drop(func(c *Caller) bool { return c.Token.App == app })
}

// ForgetUser makes the gate look up anew all tokens of a user who was changed or deleted.
func (g *Gate) ForgetUser(user int64) {
	g.cache.drop(func(c *Caller) bool { return c.User.Num == user })
}

// Role is what a caller may do with an app.
//
// An app token has its scope's rights in its own app, whoever made it. A user token has those of its user,
// administrators being managers of every app; a read-only one is a viewer's at most.
func (g *Gate) Role(ctx context.Context, c *Caller, app int64) (diag.Role, error) {
	role := diag.RoleManager
	switch {
	case c.AppToken() && c.Token.App != app:
		return diag.RoleNone, nil
	case !c.AppToken() && !c.User.Admin:
		var err error
		if role, err = g.lookup.RoleOf(ctx, app, c.User.Num); err != nil {
			return diag.RoleNone, err
		}
	}
	if c.ReadOnly() {
		role = min(role, diag.RoleViewer)
	}
	return role, nil
}

// Roles is Role for all apps at once, with one look-up: a function from an app's number to the caller's role in it.
func (g *Gate) Roles(ctx context.Context, c *Caller) (func(app int64) diag.Role, error) {
	most := diag.RoleManager
	if c.ReadOnly() {
		most = diag.RoleViewer
	}
	switch {
	case c.AppToken():
		return func(app int64) diag.Role {
			if app == c.Token.App {
				return most
			}
			return diag.RoleNone
		}, nil
	case c.User.Admin:
		return func(int64) diag.Role { return most }, nil
	}
	roles, err := g.lookup.RolesOf(ctx, c.User.Num)
	return func(app int64) diag.Role { return min(roles[app], most) }, err
}

// Require returns the caller's role in an app if it is enough. To those who have no right to know of it, the
// app is NotFound; with too little of a right, or with another app's token, the call is Denied
// (docs/compatibility.md Q4).
func (g *Gate) Require(ctx context.Context, c *Caller, app int64, least diag.Role) (diag.Role, error) {
	role, err := g.Role(ctx, c, app)
	switch {
	case err != nil:
		return diag.RoleNone, err
	case role >= least && role != diag.RoleNone:
		return role, nil
	case c.AppToken() && c.Token.App != app:
		return diag.RoleNone, diag.Errorf(diag.Denied, "API token does not belong to the requested app.")
	case role == diag.RoleNone:
		return diag.RoleNone, diag.Errorf(diag.NotFound, "Not found.")
	case c.ReadOnly():
		return diag.RoleNone, diag.Errorf(diag.Denied, "Forbidden. This token is read-only.")
	}
	return diag.RoleNone, diag.Errorf(diag.Denied, "Forbidden. This needs the role %s in the app.", least)
}

// RequireUser lets callers through behind whom a user stands; write says that they must be allowed to change
// things.
func RequireUser(c *Caller, write bool) error {
	switch {
	case c.AppToken():
		return diag.Errorf(diag.Denied, "Forbidden. This needs the token of a user, not of an app.")
	case write && c.ReadOnly():
		return diag.Errorf(diag.Denied, "Forbidden. This token is read-only.")
	}
	return nil
}

// RequireAdmin lets administrators through who may change things.
func RequireAdmin(c *Caller) error {
	if err := RequireUser(c, true); err != nil {
		return err
	}
	if !c.User.Admin {
		return diag.Errorf(diag.Denied, "Forbidden. This needs an administrator of the server.")
	}
	return nil
}

// OrgRole is what a caller may do in an organisation. App tokens may do nothing there; administrators of the
// server may do everything.
func (g *Gate) OrgRole(ctx context.Context, c *Caller, org int64) (diag.OrgRole, error) {
	switch {
	case c.AppToken():
		return diag.OrgNone, nil
	case c.User.Admin:
		return diag.OrgAdmin, nil
	}
	return g.lookup.OrgRoleOf(ctx, org, c.User.Num)
}

// RequireOrg returns the caller's role in an organisation if it is enough. To those who have no place there the
// organisation is NotFound; with too low a role, or with a read-only token where write is set, the call is Denied.
func (g *Gate) RequireOrg(ctx context.Context, c *Caller, org int64, least diag.OrgRole, write bool) (diag.OrgRole, error) {
	if err := RequireUser(c, false); err != nil {
		return diag.OrgNone, err
	}
	role, err := g.OrgRole(ctx, c, org)
	switch {
	case err != nil:
		return diag.OrgNone, err
	case role == diag.OrgNone:
		return diag.OrgNone, diag.Errorf(diag.NotFound, "Not found.")
	case role < least:
		return diag.OrgNone, diag.Errorf(diag.Denied, "Forbidden. This needs the role %s in the organisation.", least)
	}
	return role, RequireUser(c, write)
}
