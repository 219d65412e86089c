package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/singleflight"

	"lifeboat/internal/diag"
)

const (
	// knownFor bounds how long a password need not be hashed again. A changed one is asked for at once.
	knownFor  = time.Minute
	knownSize = 1024
	maxLogin  = 320 // bytes of a name or an address
)

// How often a sign-in may fail: for one client address, and for one account from everywhere.
const (
	failsOfClient    = 10
	clientRecovers   = 6 * time.Second
	failsOfAccount   = 20
	accountsRecovers = 15 * time.Second
)

// signIns is what the gate knows of people who come with passwords.
type signIns struct {
	key      [32]byte // of this process: what is remembered is worth nothing elsewhere
	clients  limits[netip.Addr]
	accounts limits[[32]byte]
	flight   singleflight.Group
	nobody   func() passwordHash // stands in for accounts that are not there

	mu    sync.Mutex
	known map[[32]byte]known
}

// known is a password that was right a moment ago.
type known struct {
	hash  [32]byte // SHA-256 of the stored hash
	until time.Duration
}

func (s *signIns) init() {
	rand.Read(s.key[:])
	s.clients.burst, s.clients.every = failsOfClient, clientRecovers
	s.accounts.burst, s.accounts.every = failsOfAccount, accountsRecovers
	s.nobody = sync.OnceValue(func() passwordHash { return newPasswordHash(rand.Text()) })
}

// try is one sign-in.
type try struct {
	client          netip.Addr
	login, password string
	account         [32]byte // what failures of the login count for
	guess           [32]byte // client, login and password
}

func (s *signIns) newTry(client, login, password string) try {
	t := try{client: Network(client), login: login, password: password}
	name := strings.ToLower(login)
	t.account = s.mac(name)
	address, _ := t.client.MarshalBinary() // an address can be marshalled
	t.guess = s.mac(string(address), name, password)
	return t
}

// mac is a keyed hash of texts.
func (s *signIns) mac(texts ...string) (sum [32]byte) {
	h := hmac.New(sha256.New, s.key[:])
	for _, text := range texts {
		one := sha256.Sum256([]byte(text))
		h.Write(one[:])
	}
	h.Sum(sum[:0])
	return sum
}

func (s *signIns) knows(t *try, hash string, now time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.known[t.guess]
	return ok && now < k.until && k.hash == sha256.Sum256([]byte(hash))
}

func (s *signIns) remember(t *try, hash string, now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || len(s.known) >= knownSize {
		s.known = map[[32]byte]known{}
	}
	s.known[t.guess] = known{sha256.Sum256([]byte(hash)), now + knownFor}
}

// ByPassword finds the caller with that name or e-mail address and password. client is the HOST:PORT that it
// comes from. An error of kind Unauthenticated says nothing of what is wrong, and comes no sooner for accounts
// that are not there; RateLimited says that too many tries failed, of the client or for the account.
func (g *Gate) ByPassword(ctx context.Context, client, login, password string) (Caller, error) {
	user, _, err := g.byPassword(ctx, client, login, password)
	return Caller{User: user, Token: passwordToken(&user)}, err
}

// passwordToken stands for a password: all its user may do, and no token that could be listed or deleted.
func passwordToken(u *diag.User) diag.Token { return diag.Token{User: u.Num, Scope: diag.ScopeAll} }

func (g *Gate) byPassword(ctx context.Context, client, login, password string) (diag.User, string, error) {
	s, now := &g.signIns, g.clock.Monotonic()
	t := s.newTry(client, login, password)
	// Before anything else, so that who may not guess learns nothing from what is remembered.
	if wait := s.clients.full(t.client, now); wait > 0 {
		return diag.User{}, "", diag.LimitedFor(wait)
	}
	user, hash, err := g.stored(ctx, &t)
	if err != nil {
		return diag.User{}, "", err
	}
	if hash != "" && s.knows(&t, hash, now) {
		return user, hash, nil
	}
	// Who sends one wrong password often, or one right one at once, has tried once.
	_, err, _ = s.flight.Do(string(t.guess[:])+hash, func() (any, error) {
		return nil, g.check(context.WithoutCancel(ctx), &t, hash)
	})
	if err != nil {
		return diag.User{}, "", err
	}
	return user, hash, nil
}

// stored is the account of a try with the hash of its password, "" if there is none.
func (g *Gate) stored(ctx context.Context, t *try) (diag.User, string, error) {
	if len(t.login) > maxLogin || len(t.password) > maxPassword || !utf8.ValidString(t.login) || !utf8.ValidString(t.password) {
		return diag.User{}, "", nil
	}
	user, hash, err := g.lookup.Password(ctx, t.login)
	if err != nil && diag.KindOf(err) == diag.NotFound {
		return diag.User{}, "", nil
	}
	return user, hash, err
}

// check counts a try before it hashes the password, so that no more are under way than may fail, and takes it
// back if it was right.
func (g *Gate) check(ctx context.Context, t *try, hash string) error {
	s, now := &g.signIns, g.clock.Monotonic()
	if wait := s.clients.take(t.client, now); wait > 0 {
		return diag.LimitedFor(wait)
	}
	if wait := s.accounts.take(t.account, now); wait > 0 {
		s.clients.giveBack(t.client, now)
		return diag.LimitedFor(wait)
	}
	right, err := g.right(ctx, t.password, hash)
	if err == nil && !right {
		return diag.Errorf(diag.Unauthenticated, "Unauthorized. Name or password is wrong.")
	}
	s.clients.giveBack(t.client, now)
	s.accounts.giveBack(t.account, now)
	if err == nil {
		s.remember(t, hash, now)
	}
	return err
}

// right compares a password with a stored hash. Without one it takes as long.
func (g *Gate) right(ctx context.Context, password, hash string) (right bool, err error) {
	h, there := parsePasswordHash(hash)
	if !there {
		h = g.signIns.nobody()
	}
	if len(password) > maxPassword {
		password = password[:maxPassword]
	}
	err = g.hasher.run(ctx, func() { right = h.matches(password) && there })
	return right, err
}

// basic reads the credentials of a Basic authorization: RFC 7617.
func basic(encoded string) (login, password string, ok bool) {
	encoded = strings.TrimRight(strings.TrimSpace(encoded), "=")
	b, err := base64.RawStdEncoding.DecodeString(encoded)
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(b), ":")
}

// Session is ByPassword for the pages: with it comes a text that BySession knows until the password is changed.
// The text is no secret. Whoever gives it to BySession must know by other means that it came from here.
func (g *Gate) Session(ctx context.Context, client, login, password string) (c Caller, session string, err error) {
	user, hash, err := g.byPassword(ctx, client, login, password)
	if err != nil {
		return Caller{}, "", err
	}
	return Caller{User: user, Token: passwordToken(&user)}, user.ID.String() + fingerprint(hash), nil
}

// fingerprint changes with a password.
func fingerprint(hash string) string {
	sum := sha256.Sum256([]byte(hash))
	return hex.EncodeToString(sum[:16])
}

// BySession finds the caller of a session.
func (g *Gate) BySession(ctx context.Context, session string) (Caller, error) {
	const idLength = 36
	id, ok := diag.ParseID(session[:min(len(session), idLength)])
	if !ok {
		return Caller{}, unauthorized()
	}
	user, hash, err := g.lookup.PasswordOf(ctx, id)
	switch {
	case err != nil && diag.KindOf(err) == diag.NotFound:
		return Caller{}, unauthorized()
	case err != nil:
		return Caller{}, err
	case hash == "" || session[idLength:] != fingerprint(hash):
		return Caller{}, unauthorized()
	}
	return Caller{User: user, Token: passwordToken(&user)}, nil
}
