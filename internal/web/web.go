// Package web is the pages that people see: in this release one, behind a password or an API token, one on which
// a command line is signed in, and one for each invitation.
//
// It promises that the page works without script, with a keyboard and on a phone; that nothing of it is inline
// or foreign, so that its strict Content-Security-Policy holds; that texts which devices sent are shown as text
// whatever they hold; and that the page stays small however many apps and groups there are, and says what it
// leaves out. The server keeps no sessions: a cookie holds the sealed token, or which account and password it is,
// and that is asked about at every request, so that a revoked token or a changed password ends its sessions and a
// restart does not.
package web

import (
	"bytes"
	"context"
	"crypto/cipher"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
	"lifeboat/internal/store"
)

// Options of New. Store, Clock, SignIn, Password, Resume, HashPassword, Apps and BaseURL must be set.
type Options struct {
	Store *store.DB
	Clock diag.Clock
	Log   *slog.Logger
	Key   [32]byte // seals session cookies; its own for this purpose

	// SignIn finds who an API token, of any scope, speaks for. An error of kind Unauthenticated or Denied says that
	// the token is not good for the pages. It is called at every request, and keeps what it found for a minute
	// at most.
	SignIn func(ctx context.Context, token string) (Caller, error)
	// Password finds the account with a name or e-mail address and a password, for a client at HOST:PORT, and
	// returns a text for which Resume finds it again. Besides the errors of SignIn it may be RateLimited.
	Password func(ctx context.Context, client, login, password string) (session string, err error)
	// Resume is SignIn for what Password returned.
	Resume func(ctx context.Context, session string) (Caller, error)
	// HashPassword makes what is stored of a new password. One that will not do is of kind Invalid.
	HashPassword func(ctx context.Context, password string) (string, error)
	// Apps lists the apps that a caller may see.
	Apps func(ctx context.Context, c Caller) ([]App, error)
	// BaseURL is where others reach this server: a URL without a slash at its end.
	BaseURL func(*http.Request) string

	// What other parts of the server tell. Without one of them the page is silent about its subject.
	Refused  func() []Refusal
	Exports  func() []ExportLag
	Pipeline func() (lagFrames uint64)
	DiskFull func() bool

	Operations []Operation // of the API
}

// Caller is who looks at the pages.
type Caller struct {
	User     diag.User
	ReadOnly bool      // the token may only look, whatever its user may do
	Expires  time.Time // of the token, zero = never
}

// App is an app as one caller sees it.
type App struct {
	diag.App
	Role diag.Role
}

// Refusal says how often something was not taken for one reason since the server started.
type Refusal struct {
	App    int64 // App.Num, 0 = unknown secret
	Reason string
	Final  bool // gone for good; else the device will send it again
	Count  int64
	Last   time.Time
}

// ExportLag says how one export configuration is doing.
type ExportLag struct {
	App     int64 // App.Num
	ID      diag.ID
	State   string        // what it is doing: waiting, indexing, rendering, writing, retrying, fenced, or the configuration's state
	Window  time.Time     // end of the last minute that is exported; zero = none yet
	Lag     time.Duration // since then
	Failing bool          // the last try failed
	Error   string        // of it, for people
}

// Web serves the pages. Make it with New.
type Web struct {
	o         Options
	seal      cipher.AEAD
	cookie    string // name of the session cookie
	limits    limits
	static    map[string]*asset // by path
	templates *template.Template
	handler   http.Handler
}

const maxForm = 4 << 10 // bytes of a form: it has a few short fields

// New makes the pages.
func New(o Options) *Web {
	w := &Web{o: o, seal: newSeal(o.Key), cookie: cookieName(o.Key)}
	var names map[string]string
	w.static, names = loadStatic()
	w.templates = parseTemplates(names)
	w.handler = respond.Wrap(respond.Options{Clock: o.Clock, Log: o.Log, MaxBody: maxForm, ShowError: w.showError}, w.route)
	return w
}

// ServeHTTP implements http.Handler.
func (w *Web) ServeHTTP(rw http.ResponseWriter, r *http.Request) { w.handler.ServeHTTP(rw, r) }

// route lists every address of the pages.
func (w *Web) route(rw http.ResponseWriter, r *http.Request) error {
	get, post := []string{http.MethodGet, http.MethodHead}, []string{http.MethodPost}
	switch p := r.URL.Path; {
	case p == "/":
		return serve(rw, r, "/", get, w.home)
	case p == "/status":
		return serve(rw, r, p, get, w.status)
	case p == "/sign-in" && r.Method == http.MethodPost:
		return serve(rw, r, p, post, w.signIn)
	case p == "/sign-in":
		return serve(rw, r, p, append(get, post...), w.home)
	case p == "/sign-out":
		return serve(rw, r, p, post, w.signOut)
	case p == "/api" || p == "/api/":
		return serve(rw, r, "/api", get, w.reference)
	case p == cliPath, p == cliPath+"/", p == cliAPIPath, p == cliAPIPath+"/":
		return serve(rw, r, cliPath, append(get, post...), w.serveCLI)
	case strings.HasPrefix(p, invitationPath):
		return serve(rw, r, invitationRoute, append(get, post...), w.serveInvitation)
	case strings.HasPrefix(p, staticPath):
		return serve(rw, r, staticPath, get, w.asset)
	}
	return diag.Errorf(diag.NotFound, "There is no page at this address.")
}

func serve(rw http.ResponseWriter, r *http.Request, route string, methods []string, h respond.Handler) error {
	respond.SetRoute(r, route)
	for _, m := range methods {
		if r.Method == m {
			return h(rw, r)
		}
	}
	return respond.MethodNotAllowed(methods...)
}

// policy lets a page load its own style, script and pictures, send its own forms and ask its own server. The
// pages have no inline style or script.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// frame is what every page shows around its content.
type frame struct {
	Title   string
	User    string // "" = nobody is signed in
	Refresh bool   // without script, ask again in a few seconds
	Script  bool
}

// render writes a page, whole or not at all.
func (w *Web) render(rw http.ResponseWriter, status int, name string, page any) error {
	var b bytes.Buffer
	if err := w.templates.ExecuteTemplate(&b, name, page); err != nil {
		return fmt.Errorf("web: page %s: %w", name, err)
	}
	h := rw.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	rw.WriteHeader(status)
	_, _ = rw.Write(b.Bytes()) // a client that hung up gets nothing
	return nil
}

type errorPage struct {
	frame
	Message string // names the correlation id where only the operator can help
}

// showError is the page of a failed request, or its JSON for the script.
func (w *Web) showError(rw http.ResponseWriter, r *http.Request, e contract.ErrorBody) {
	if r.URL.Path == "/status" {
		_ = respond.JSON(rw, e.StatusCode, e)
		return
	}
	p := errorPage{frame: frame{Title: heading(e.StatusCode)}, Message: e.Error.Message}
	if err := w.render(rw, e.StatusCode, "error.html", p); err != nil {
		_ = respond.JSON(rw, e.StatusCode, e)
	}
}

func heading(status int) string {
	switch status {
	case http.StatusNotFound:
		return "Page not found"
	case http.StatusServiceUnavailable:
		return "The server is busy"
	}
	if status >= http.StatusInternalServerError {
		return "Something went wrong"
	}
	return "That did not work"
}
