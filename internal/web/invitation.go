package web

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"

	"lifeboat/internal/auth"
	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

// The page of an invitation. Its address holds the invitation's secret and is all that is needed to accept it, so it
// stands in no log and nothing on the page leads to another site.

const (
	invitationPath  = "/invitations/"
	invitationRoute = invitationPath + "{token}"
	secretLength    = 40 // hex digits
)

// invitationOf is the invitation that a request speaks of: in its path, or in the query of a sign-in. "" if none.
func invitationOf(r *http.Request) string {
	secret, ok := strings.CutPrefix(r.URL.Path, invitationPath)
	if r.URL.Path == "/sign-in" && r.URL.Query().Get("for") == "invitation" {
		secret, ok = r.URL.Query().Get("invitation"), true
	}
	secret = strings.TrimSuffix(secret, "/")
	if !ok || len(secret) != secretLength || strings.Trim(secret, "0123456789abcdef") != "" {
		return ""
	}
	return secret
}

type invitationPage struct {
	frame
	Gone     bool
	Inviter  string
	Org      string // "" = the invitation is to an app
	App      string // OWNER/NAME
	AppTitle string
	Role     string
	Ends     moment
	ReadOnly bool
	SignIn   string // the address where people with an account go on
	Failed   string // "" = not tried yet
	Name     string // what was entered
	Display  string
	Email    string // the new account's
	Known    bool   // there is an account with that address
	MaxName  int
}

// serveInvitation shows an invitation and takes the answer to it.
func (w *Web) serveInvitation(rw http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodPost {
		if err := w.sameOrigin(r); err != nil {
			return err
		}
	}
	hash := auth.Hash(invitationOf(r))
	offer, err := w.o.Store.OfferByHash(r.Context(), hash, w.o.Clock.Now().UnixMilli())
	if invitationOf(r) == "" || err != nil && diag.KindOf(err) == diag.NotFound {
		return w.render(rw, http.StatusNotFound, "invitation.html", invitationPage{frame: frame{Title: "Invitation"}, Gone: true})
	}
	if err != nil {
		return err
	}
	p := w.invitationPage(r, &offer)
	if p.Known, err = w.known(r, p.Email); err != nil {
		return err
	}
	caller, err := w.caller(r)
	switch {
	case err == nil:
		p.User, p.ReadOnly = shownName(caller), caller.ReadOnly
	case !refused(err):
		return err
	}
	switch {
	case r.Method != http.MethodPost:
		return w.render(rw, http.StatusOK, "invitation.html", p)
	case p.User == "":
		return w.join(rw, r, p, hash)
	case p.ReadOnly:
		return w.render(rw, http.StatusForbidden, "invitation.html", p)
	}
	return w.answer(rw, r, hash, &caller)
}

func (w *Web) invitationPage(r *http.Request, o *store.Offer) *invitationPage {
	now := w.o.Clock.Now()
	p := &invitationPage{
		frame: frame{Title: "Invitation"}, Inviter: shownName(Caller{User: o.Inviter}), Ends: newMoment(time.UnixMilli(o.ExpiresAt), now),
		SignIn: "/sign-in?for=invitation&invitation=" + invitationOf(r), Email: o.Email, MaxName: diag.MaxName,
	}
	if o.IsApp() {
		p.App, p.Role = clip(o.App.Owner+"/"+o.App.Name, maxSearch), o.Role.String()
		p.AppTitle = clip(cmp.Or(o.App.DisplayName, o.App.Name), 80)
	} else {
		p.Org, p.Role = clip(cmp.Or(o.Org.DisplayName, o.Org.Name), 80), o.OrgRole.String()
	}
	return p
}

// known reports whether there is an account with an address.
func (w *Web) known(r *http.Request, email string) (bool, error) {
	_, err := w.o.Store.UserByEmail(r.Context(), email)
	if err != nil && diag.KindOf(err) == diag.NotFound {
		return false, nil
	}
	return err == nil, err
}

// answer accepts or rejects for somebody who is signed in.
func (w *Web) answer(rw http.ResponseWriter, r *http.Request, hash [32]byte, c *Caller) error {
	now := w.o.Clock.Now().UnixMilli()
	var err error
	switch r.PostFormValue("answer") {
	case "accept":
		_, err = w.o.Store.AcceptInvitation(r.Context(), hash, c.User.Num, now)
	case "reject":
		err = w.o.Store.RejectInvitation(r.Context(), hash, now)
	default:
		return diag.Errorf(diag.Invalid, "The form did not arrive whole. Try again.")
	}
	if err != nil {
		return err
	}
	return seeHome(rw)
}

// join makes an account for somebody who has none, and signs in with it.
func (w *Web) join(rw http.ResponseWriter, r *http.Request, p *invitationPage, hash [32]byte) error {
	if err := r.ParseForm(); err != nil {
		return diag.Wrap(diag.Invalid, err, "The form did not arrive whole. Try again.")
	}
	p.Name, p.Display = strings.TrimSpace(r.PostForm.Get("name")), strings.TrimSpace(r.PostForm.Get("display_name"))
	if !w.limits.allow(r.RemoteAddr, w.o.Clock.Monotonic()) {
		p.Failed = tooManyTries
		return w.render(rw, http.StatusTooManyRequests, "invitation.html", p)
	}
	password := r.PostForm.Get("password")
	err := w.makeAccount(r, p, hash, password)
	var known *diag.Error
	if errors.As(err, &known) && (known.Kind == diag.Invalid || known.Kind == diag.Conflict) {
		p.Failed = known.Message
		return w.render(rw, http.StatusBadRequest, "invitation.html", p)
	}
	if err != nil {
		return err
	}
	session, err := w.o.Password(r.Context(), r.RemoteAddr, p.Name, password)
	if err != nil {
		return seeHome(rw) // the account is made: its owner can sign in
	}
	w.startSession(rw, r, credential{byPassword, session})
	return seeHome(rw)
}

func (w *Web) makeAccount(r *http.Request, p *invitationPage, hash [32]byte, password string) error {
	if p.Display == "" {
		p.Display = p.Name
	}
	if !diag.ValidName(p.Name) {
		return diag.Errorf(diag.Invalid, "The user name must be 1 to %d letters, digits, dots, hyphens and underscores.", diag.MaxName)
	}
	if diag.CheckDisplayName(p.Display) != nil {
		return diag.Errorf(diag.Invalid, "The name for people is too long, or has characters that nobody could see.")
	}
	hashed, err := w.o.HashPassword(r.Context(), password)
	if err != nil {
		return err
	}
	now := w.o.Clock.Now()
	_, err = w.o.Store.JoinByInvitation(r.Context(), hash, diag.User{
		ID: diag.NewID(now), Name: p.Name, DisplayName: p.Display, Email: p.Email, CreatedAt: now.UnixMilli(),
	}, hashed, now.UnixMilli())
	return err
}
