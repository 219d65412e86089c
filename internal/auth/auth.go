// Package auth tells who is asking and what they may do.
//
// It promises that a credential is compared by its SHA-256 alone and never kept, logged or put into an error;
// that a token's scope only ever takes rights away; and that a deleted token is void at once where it was
// deleted, and within a few seconds everywhere else.
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

// Lookup finds tokens and roles. *store.DB is one. If it also has a method TouchToken as *store.DB has, the
// use of a token is noted there, at most once a minute.
type Lookup interface {
	// TokenByHash returns the token with that hash and the account it speaks for, diag.NotFound if there is none.
	TokenByHash(ctx context.Context, hash [32]byte) (diag.Token, diag.User, error)
	// RoleOf is the role of an account in an app, diag.RoleNone if it has none.
	RoleOf(ctx context.Context, app, user int64) (diag.Role, error)
}

// Caller is who sent a request.
type Caller struct {
	User  diag.User
	Token diag.Token
}

// AppToken reports whether the caller's token is good for one app only.
func (c *Caller) AppToken() bool { return c.Token.App != 0 }

// ReadOnly reports whether the caller may only look.
func (c *Caller) ReadOnly() bool { return c.Token.Scope != diag.ScopeAll }

// Gate knows callers and their rights. Make it with New.
type Gate struct {
	lookup Lookup
	clock  diag.Clock
	log    *slog.Logger
	cache  cache
}

// New makes a gate. log may be nil.
func New(lookup Lookup, clock diag.Clock, log *slog.Logger) *Gate {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Gate{lookup: lookup, clock: clock, log: log}
}

// Caller finds out who sent a request with these headers. An error of kind Unauthenticated says that nobody
// we know did.
func (g *Gate) Caller(ctx context.Context, h http.Header) (Caller, error) {
	text, err := credential(h)
	if err != nil {
		return Caller{}, err
	}
	return g.ByToken(ctx, text)
}

// ByToken finds the caller of a token's text.
func (g *Gate) ByToken(ctx context.Context, text string) (Caller, error) {
	if !isToken(text) {
		return Caller{}, unauthorized()
	}
	hash := Hash(text)
	now := g.clock.Monotonic()
	if c, ok := g.cache.get(hash, now); ok {
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
	c := Caller{User: user, Token: token}
	if g.cache.put(hash, c, now, generation) {
		g.touch(ctx, token)
	}
	return c, nil
}

func unauthorized() error { return diag.Errorf(diag.Unauthenticated, "Unauthorized.") }

// credential is the token of a request: the API's own header, else the Authorization header.
func credential(h http.Header) (string, error) {
	if t := strings.TrimSpace(h.Get("X-API-Token")); t != "" {
		return t, nil
	}
	scheme, rest, _ := strings.Cut(strings.TrimSpace(h.Get("Authorization")), " ")
	switch strings.ToLower(scheme) {
	case "bearer":
		return strings.TrimSpace(rest), nil
	case "basic":
		return "", diag.Errorf(diag.Unauthenticated, "Unauthorized. There are no passwords here: send an API token in the header X-API-Token.")
	}
	return "", diag.Errorf(diag.Unauthenticated, "Unauthorized. Send an API token in the header X-API-Token.")
}

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
