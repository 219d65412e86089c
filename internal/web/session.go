package web

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"lifeboat/internal/diag"
)

const (
	sessionTime = 12 * time.Hour
	maxToken    = 256 // bytes
	maxLogin    = 320
	maxPassword = 500
	maxCookie   = 512 // bytes of a cookie's value that is looked at
)

// sealedFor is the additional data of a sealed session: what it is and in which form.
const sealedFor = "lifeboat session 2"

func newSeal(key [32]byte) cipher.AEAD {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // AES has blocks of 16 bytes
	}
	return seal
}

// cookieName differs between servers: browsers send cookies to all ports of a host.
func cookieName(key [32]byte) string {
	hash := sha256.Sum256(append([]byte("lifeboat cookie "), key[:]...))
	return "lifeboat-" + hex.EncodeToString(hash[:4])
}

// credential is what a session rests on. It is asked about at every request.
type credential struct {
	kind byte
	text string
}

// The kinds of credential: an API token, and what Options.Password returned.
const (
	byToken    = 't'
	byPassword = 'p'
)

// sealSession makes a cookie's value: when the session ends, and the credential, for nobody but this server to
// read.
func (w *Web) sealSession(c credential, until time.Time) string {
	plain := binary.BigEndian.AppendUint64(nil, uint64(until.Unix()))
	plain = append(append(plain, c.kind), c.text...)
	return base64.RawURLEncoding.EncodeToString(w.seal.Seal(nil, nil, plain, []byte(sealedFor)))
}

// openSession returns the credential of a cookie that this server has made and whose time is not over.
func (w *Web) openSession(value string) (c credential, ok bool) {
	if len(value) > maxCookie {
		return c, false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil {
		return c, false
	}
	plain, err := w.seal.Open(nil, nil, sealed, []byte(sealedFor))
	if err != nil || len(plain) < 9 {
		return c, false
	}
	ends := time.Unix(int64(binary.BigEndian.Uint64(plain)), 0)
	return credential{plain[8], string(plain[9:])}, w.o.Clock.Now().Before(ends)
}

// secure reports whether the browser came over TLS, be it that a proxy ends it.
func (w *Web) secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(w.o.BaseURL(r), "https://")
}

// cookieOf is the session cookie without a value. With the prefix __Host- no other host and no plain-text
// answer can set it.
func (w *Web) cookieOf(r *http.Request) *http.Cookie {
	c := &http.Cookie{Name: w.cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if w.secure(r) {
		c.Name, c.Secure = "__Host-"+w.cookie, true
	}
	return c
}

// caller is who sent a request, Unauthenticated without a valid session.
func (w *Web) caller(r *http.Request) (Caller, error) {
	if c, err := r.Cookie(w.cookieOf(r).Name); err == nil {
		if by, ok := w.openSession(c.Value); ok && by.kind == byPassword {
			return w.o.Resume(r.Context(), by.text)
		} else if ok {
			return w.o.SignIn(r.Context(), by.text)
		}
	}
	return Caller{}, diag.Errorf(diag.Unauthenticated, "Sign in first.")
}

// refused reports whether an error means that a token is not good for the pages.
func refused(err error) bool {
	if err == nil {
		return false
	}
	kind := diag.KindOf(err)
	return kind == diag.Unauthenticated || kind == diag.Denied
}

type signInPage struct {
	frame
	Failed string    // "" = not tried yet
	CLI    *cliLogin // nil = none waits for this
	Action string
}

// The answers to a token, and to a name and a password, are the same whatever is wrong with them.
const (
	wrongToken    = "That token is not good for this page. It takes the API token of a user, 40 letters and digits: copy it again."
	wrongPassword = "That name and that password do not fit together."
	tooManyTries  = "Too many tries from your address. Wait a minute, then try again."
)

func (w *Web) showSignIn(rw http.ResponseWriter, r *http.Request, status int, failed string) error {
	p := signInPage{frame{Title: "Sign in"}, failed, nil, "/sign-in"}
	if r.URL.Path != "/" {
		p.CLI = cliOf(r)
	}
	if p.CLI != nil {
		p.Action += "?for=cli&" + p.CLI.query()
	} else if secret := invitationOf(r); secret != "" {
		p.Action += "?for=invitation&invitation=" + secret
	}
	return w.render(rw, status, "sign-in.html", p)
}

// signIn takes the forms of the sign-in page.
func (w *Web) signIn(rw http.ResponseWriter, r *http.Request) error {
	if err := w.sameOrigin(r); err != nil {
		return err
	}
	if !w.limits.allow(r.RemoteAddr, w.o.Clock.Monotonic()) {
		return w.showTooMany(rw, r, tryEvery)
	}
	if err := r.ParseForm(); err != nil {
		return diag.Wrap(diag.Invalid, err, "The form did not arrive whole. Try again.")
	}
	by, wrong, err := w.try(r)
	var known *diag.Error
	switch {
	case refused(err):
		return w.showSignIn(rw, r, http.StatusUnauthorized, wrong)
	case errors.As(err, &known) && known.Kind == diag.RateLimited:
		return w.showTooMany(rw, r, known.Wait)
	case err != nil:
		return err
	}
	w.startSession(rw, r, by)
	if cli := cliOf(r); cli != nil {
		return see(rw, cli.page())
	}
	if secret := invitationOf(r); secret != "" {
		return see(rw, invitationPath+secret)
	}
	return seeHome(rw)
}

// startSession has the browser keep a credential.
func (w *Web) startSession(rw http.ResponseWriter, r *http.Request, by credential) {
	c := w.cookieOf(r)
	c.Value, c.MaxAge = w.sealSession(by, w.o.Clock.Now().Add(sessionTime)), int(sessionTime.Seconds())
	http.SetCookie(rw, c)
}

func (w *Web) showTooMany(rw http.ResponseWriter, r *http.Request, wait time.Duration) error {
	rw.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
	return w.showSignIn(rw, r, http.StatusTooManyRequests, tooManyTries)
}

// try finds out whether the form's credentials are good; if not, wrong is what to say.
func (w *Web) try(r *http.Request) (by credential, wrong string, err error) {
	if login := strings.TrimSpace(r.PostForm.Get("login")); login != "" {
		password := r.PostForm.Get("password")
		if len(login) > maxLogin || len(password) > maxPassword {
			return by, wrongPassword, diag.Errorf(diag.Unauthenticated, "Unauthorized.")
		}
		session, err := w.o.Password(r.Context(), r.RemoteAddr, login, password)
		return credential{byPassword, session}, wrongPassword, err
	}
	token := strings.TrimSpace(r.PostForm.Get("token"))
	if token == "" || len(token) > maxToken {
		return by, wrongToken, diag.Errorf(diag.Unauthenticated, "Unauthorized.")
	}
	_, err = w.o.SignIn(r.Context(), token)
	return credential{byToken, token}, wrongToken, err
}

// signOut makes the browser forget the session. The token stays valid.
func (w *Web) signOut(rw http.ResponseWriter, r *http.Request) error {
	if err := w.sameOrigin(r); err != nil {
		return err
	}
	w.endSession(rw, r)
	return seeHome(rw)
}

func (w *Web) endSession(rw http.ResponseWriter, r *http.Request) {
	c := w.cookieOf(r)
	c.MaxAge = -1
	http.SetCookie(rw, c)
}

func seeHome(rw http.ResponseWriter) error { return see(rw, "/") }

func see(rw http.ResponseWriter, page string) error {
	rw.Header().Set("Location", page)
	rw.WriteHeader(http.StatusSeeOther)
	return nil
}

// sameOrigin refuses forms that another site had a browser send.
func (w *Web) sameOrigin(r *http.Request) error {
	var protection http.CrossOriginProtection
	err := protection.Check(r)
	if err == nil || r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == w.o.BaseURL(r) {
		return nil // or a proxy changed the Host header, and the browser is too old to tell more than the origin
	}
	return diag.Wrap(diag.Denied, err, "This form was sent from another site. Open the page at %s and send it from there.", w.o.BaseURL(r))
}
