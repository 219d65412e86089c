package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"lifeboat/internal/auth"
	"lifeboat/internal/diag"
)

// The page that `appcenter login` opens in a browser, with the name of its machine in the query. The CLI then
// asks for a code, which is an API token. Signing out of the CLI tells nobody, so the token has an end.

const (
	cliPath    = "/cli-login"
	cliAPIPath = "/api" + cliPath // its other name: bases of clients end in /api
	cliTime    = 365 * 24 * time.Hour
	maxHost    = 100 // characters of a machine's name that are shown and kept
)

// cliLogin is a command line that wants to be signed in.
type cliLogin struct{ Host string }

// cliOf is the command line that a request speaks of, nil if it speaks of none.
func cliOf(r *http.Request) *cliLogin {
	query := r.URL.Query()
	if r.URL.Path == "/sign-in" && query.Get("for") != "cli" {
		return nil
	}
	return &cliLogin{hostName(query.Get("hostname"))}
}

// hostName is a machine's name as the machine says: any text. What people could not see of it is left out.
func hostName(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, ""))
	if s = strings.TrimSpace(clip(s, maxHost)); s == "" {
		return "another machine"
	}
	return s
}

func (c *cliLogin) query() string { return "hostname=" + url.QueryEscape(c.Host) }

// page is where the command line's page is.
func (c *cliLogin) page() string { return cliPath + "?" + c.query() }

type cliPage struct {
	frame
	CLI         *cliLogin
	Action      string
	ReadOnly    bool
	For         string // how long the token would be good
	Token       string // "" = not made yet
	ID          string // of the token
	Description string
	Expires     moment
}

// serveCLI asks before it makes a token: a link alone must not make one.
func (w *Web) serveCLI(rw http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodPost {
		if err := w.sameOrigin(r); err != nil {
			return err
		}
	}
	cli := cliOf(r)
	caller, err := w.caller(r)
	if refused(err) {
		return w.showSignIn(rw, r, http.StatusOK, "")
	}
	if err != nil {
		return err
	}
	p := cliPage{frame: frame{Title: "Sign in the command line", User: shownName(caller), Script: true}, CLI: cli, Action: cli.page(), ReadOnly: caller.ReadOnly}
	now := w.o.Clock.Now()
	until := now.Add(cliTime)
	if !caller.Expires.IsZero() && caller.Expires.Before(until) {
		until = caller.Expires // no token makes one that outlives it (Q31)
	}
	p.For = length(until.Sub(now))
	if r.Method == http.MethodPost && !caller.ReadOnly {
		if err := w.mint(r, &p, caller, until); err != nil {
			return err
		}
	}
	return w.render(rw, http.StatusOK, "cli-login.html", p)
}

// mint makes the token and enters it into the page.
func (w *Web) mint(r *http.Request, p *cliPage, caller Caller, until time.Time) error {
	now := w.o.Clock.Now()
	text, hash := auth.NewToken()
	token := diag.Token{
		ID: diag.NewID(now), User: caller.User.Num, Scope: diag.ScopeAll, Description: "CLI on " + p.CLI.Host,
		CreatedAt: now.UnixMilli(), ExpiresAt: until.UnixMilli(),
	}
	if err := w.o.Store.CreateToken(r.Context(), token, hash); err != nil {
		return err
	}
	p.Token, p.ID, p.Description, p.Expires = text, token.ID.String(), token.Description, newMoment(until, now)
	return nil
}
