package api

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/hmac"
	"errors"
	"net/http"
	"strings"
	"time"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/respond"
)

// What people ask for about their own account: a copy of it, or its end. docs/accounts.md tells them.
const (
	deleteAfter   = 7 * 24 * time.Hour  // an account is deleted so long after it was asked for, to be cancelled until then
	exportKept    = 7 * 24 * time.Hour  // a copy can be fetched so long
	requestsKept  = 90 * 24 * time.Hour // after their end
	expiredKept   = 30 * 24 * time.Hour // tokens and invitations, so that people see why something failed
	workInterval  = time.Minute
	dsrPath       = "/" + version + "/user/dsr/"
	cancelled     = "The request was cancelled."
	exportReady   = "The copy of the account is ready: fetch it at sasUrl."
	exportExpired = "The copy of the account is no longer kept. Ask for another one."
	accountGone   = "The account is deleted."
)

func startUserExport(q *request) error {
	return q.start(diag.RequestExport, diag.RequestCreated, "The copy of the account is being made.", 0)
}

// startUserDeletion has the caller's account deleted after a while. What keeps it from being deleted is said at
// once, by a request that has failed.
func startUserDeletion(q *request) error {
	err := q.o.Store.UserMayGo(q.ctx(), q.caller.User.Num)
	if err != nil && diag.KindOf(err) == diag.Conflict {
		return q.start(diag.RequestDelete, diag.RequestFailed, message(err), 0)
	}
	if err != nil {
		return err
	}
	due := q.o.Clock.Now().Add(deleteAfter)
	return q.start(diag.RequestDelete, diag.RequestQueued, "The account will be deleted at "+diag.FormatTime(due.Truncate(time.Second))+
		". Until then the request can be cancelled.", deleteAfter)
}

// message is what an error tells people.
func message(err error) string {
	if e, ok := errors.AsType[*diag.Error](err); ok {
		return e.Message
	}
	return "The server failed."
}

// start notes a request, unless one like it waits already, and answers with its token.
func (q *request) start(kind, state, message string, after time.Duration) error {
	now := q.o.Clock.Now()
	r := diag.AccountRequest{
		Token: diag.RandomID(), User: q.caller.User.Num, Kind: kind, State: state, Message: message,
		CreatedAt: now.UnixMilli(), DueAt: now.Add(after).UnixMilli(),
	}
	r.Proof = q.proof(r.Token, q.caller.User.Email)
	if !r.Waits() {
		r.DoneAt = now.UnixMilli()
	}
	r, err := q.o.Store.CreateRequest(q.ctx(), r)
	if err != nil {
		return err
	}
	q.wakeWork()
	return q.accepted(&r)
}

// proof is what is kept of the address that has to be known to ask about a request without signing in.
func (a *API) proof(token diag.ID, email string) [32]byte {
	return [32]byte(a.mac("dsr", token[:], []byte(strings.ToLower(strings.TrimSpace(email)))))
}

func (q *request) accepted(r *diag.AccountRequest) error {
	q.w.Header().Set("Location", q.o.BaseURL(q.r)+dsrPath+r.Kind+"/"+r.Token.String())
	return q.json(http.StatusAccepted, contract.NewAccountRequest(r))
}

func noSuchRequest() error { return diag.Errorf(diag.NotFound, "There is no such request.") }

// dsr is the request of a kind with a token, whoever made it.
func (q *request) dsr(kind, token string) (r diag.AccountRequest, err error) {
	id, ok := diag.ParseID(token)
	if !ok {
		return r, noSuchRequest()
	}
	r, err = q.o.Store.Request(q.ctx(), id)
	if err == nil && r.Kind != kind {
		return r, noSuchRequest()
	}
	return r, err
}

// dsrToken is the token of a request: in the path, or in the query where the docs have it (D15).
func (q *request) dsrToken() string {
	if len(q.names) > 0 {
		return q.param("token")
	}
	return q.query.Get("token")
}

// ownDSR is the request that is named, which must be the caller's.
func (q *request) ownDSR(kind string) (diag.AccountRequest, error) {
	r, err := q.dsr(kind, q.dsrToken())
	if err == nil && r.User != q.caller.User.Num {
		return r, noSuchRequest()
	}
	return r, err
}

// getUserExport tells how far a copy is. Each answer holds a URL of its own, which is good for a quarter of an
// hour.
func getUserExport(q *request) error {
	r, err := q.ownDSR(diag.RequestExport)
	if err != nil {
		return err
	}
	s := contract.NewAccountRequestStatus(&r)
	if r.State == diag.RequestCompleted {
		if s.SASURLExpired = !q.kept(&r); s.SASURLExpired {
			s.Message = exportExpired
		} else {
			s.SASURL = q.signedURL("/" + blobs + "/dsr/" + r.Token.String() + ".zip")
		}
	}
	return q.json(http.StatusOK, s)
}

func (q *request) kept(r *diag.AccountRequest) bool {
	return q.o.Clock.Now().UnixMilli() < r.DoneAt+exportKept.Milliseconds()
}

// getUserDeletion tells how far a deletion is: also when the account is gone, so the token and the e-mail
// address are enough (D15).
func getUserDeletion(q *request) error {
	r, err := q.dsr(diag.RequestDelete, q.dsrToken())
	if err != nil {
		return err
	}
	if err := q.mayAsk(&r); err != nil {
		return err
	}
	return q.json(http.StatusOK, contract.NewAccountRequestStatus(&r))
}

// mayAsk lets through who knows the address, or has signed in as the one who made the request.
func (q *request) mayAsk(r *diag.AccountRequest) error {
	if email := q.query.Get("email"); email != "" {
		return q.knows(r, email)
	}
	caller, err := q.o.Gate.Caller(q.r)
	switch {
	case err != nil && diag.KindOf(err) == diag.Unauthenticated:
		return diag.Errorf(diag.Invalid, "email is missing: the address of the account.")
	case err != nil:
		return err
	case caller.AppToken() || caller.User.Num != r.User:
		return noSuchRequest()
	}
	return nil
}

func (q *request) knows(r *diag.AccountRequest, email string) error {
	proof := q.proof(r.Token, email)
	if !hmac.Equal(proof[:], r.Proof[:]) {
		return noSuchRequest()
	}
	return nil
}

func cancelUserExport(q *request) error {
	r, err := q.ownDSR(diag.RequestExport)
	if err != nil {
		return err
	}
	return q.cancel(&r)
}

// cancelBody may tell the address, which is then compared.
type cancelBody struct {
	Email string `json:"email"`
}

func cancelUserDeletion(q *request) error {
	var body cancelBody
	if err := respond.ReadJSON(q.r, maxBody, &body); err != nil {
		return err
	}
	r, err := q.ownDSR(diag.RequestDelete)
	if err != nil {
		return err
	}
	if body.Email != "" {
		if err := q.knows(&r, body.Email); err != nil {
			return err
		}
	}
	return q.cancel(&r)
}

// cancel ends a request that waits. To cancel it twice is harmless; what is done cannot be cancelled.
func (q *request) cancel(r *diag.AccountRequest) error {
	ended, err := q.o.Store.EndRequest(q.ctx(), r.Token, diag.RequestFailed, cancelled, q.o.Clock.Now().UnixMilli())
	if err != nil {
		return err
	}
	if !ended && r.Message != cancelled {
		return diag.Errorf(diag.Busy, "The request cannot be cancelled any more: it is done.")
	}
	return q.accepted(r)
}

// serveUserExport answers a signed URL with the copy of an account as it is now (Q34).
func serveUserExport(q *request) error {
	if err := q.checkSignature(); err != nil {
		return err
	}
	r, err := q.dsr(diag.RequestExport, strings.TrimSuffix(q.param("file"), ".zip"))
	if err != nil {
		return err
	}
	if r.State != diag.RequestCompleted || !q.kept(&r) {
		return noSuchRequest()
	}
	archive, err := q.copyOfAccount(r.User)
	if err != nil {
		return err
	}
	return respond.File(q.w, "application/zip", "account.zip", archive)
}

// copyOfAccount is a zip of everything that the server keeps about one account, without secrets.
func (q *request) copyOfAccount(num int64) ([]byte, error) {
	user, err := q.o.Store.User(q.ctx(), num)
	if err != nil {
		return nil, err
	}
	tokens, err := q.o.Store.Tokens(q.ctx(), num)
	if err != nil {
		return nil, err
	}
	requests, err := q.o.Store.Requests(q.ctx(), num)
	if err != nil {
		return nil, err
	}
	apps, names, err := q.appsOfAccount(num)
	if err != nil {
		return nil, err
	}
	orgs, orgNames, err := q.orgsOfAccount(num)
	if err != nil {
		return nil, err
	}
	sent, err := q.o.Store.InvitationsBy(q.ctx(), num, 0) // those that have ended too
	if err != nil {
		return nil, err
	}
	invitations := []contract.AccountInvitation{}
	for _, i := range sent {
		invitations = append(invitations, contract.NewAccountInvitation(i.ID, i.Email, orgNames[i.Org], names[i.App], i.CreatedAt, i.ExpiresAt))
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, part := range []struct {
		name string
		v    any
	}{
		{"profile.json", contract.NewAccount(&user)},
		{"api_tokens.json", contract.NewAccountTokens(tokens, names)},
		{"orgs.json", orgs},
		{"apps.json", apps},
		{"invitations_sent.json", invitations},
		{"requests.json", contract.NewAccountRequests(requests)},
	} {
		if err := q.addFile(w, part.name, part.v); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (q *request) addFile(w *zip.Writer, name string, v any) error {
	f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: q.o.Clock.Now().UTC()})
	if err != nil {
		return err
	}
	return contract.Encode(f, v)
}

// appsOfAccount are the apps that an account has a role in, and the names of all apps by their number.
func (q *request) appsOfAccount(user int64) (mine []contract.AccountApp, names map[int64]string, err error) {
	apps, err := q.o.Store.Apps(q.ctx())
	if err != nil {
		return nil, nil, err
	}
	roles, err := q.o.Store.RolesOf(q.ctx(), user)
	if err != nil {
		return nil, nil, err
	}
	mine, names = []contract.AccountApp{}, map[int64]string{}
	for i := range apps {
		names[apps[i].Num] = apps[i].Owner + "/" + apps[i].Name
		if role := roles[apps[i].Num]; role != diag.RoleNone {
			mine = append(mine, contract.NewAccountApp(&apps[i], role))
		}
	}
	return mine, names, nil
}

// orgsOfAccount are the organisations that an account is in, and the names of all by their number.
func (q *request) orgsOfAccount(user int64) (mine []contract.AccountOrg, names map[int64]string, err error) {
	orgs, err := q.o.Store.Orgs(q.ctx())
	if err != nil {
		return nil, nil, err
	}
	mine, names = []contract.AccountOrg{}, map[int64]string{}
	for i := range orgs {
		names[orgs[i].Num] = orgs[i].Name
		role, err := q.o.Store.OrgRoleOf(q.ctx(), orgs[i].Num, user)
		if err != nil {
			return nil, nil, err
		}
		if role != diag.OrgNone {
			mine = append(mine, contract.NewAccountOrg(&orgs[i], role))
		}
	}
	return mine, names, nil
}

// wakeWork has Run look for work now.
func (a *API) wakeWork() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// Run does what is due about accounts until ctx ends.
func (a *API) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := a.Work(ctx); err != nil && ctx.Err() == nil {
			a.o.Log.Error("what people asked for about their accounts is not done yet; it is tried again", "error", err)
		}
		a.rest(ctx)
	}
}

// rest waits for the next minute, or for a new request.
func (a *API) rest(ctx context.Context) {
	resting, wake := context.WithCancel(ctx)
	defer wake()
	go func() {
		select {
		case <-a.wake:
			wake()
		case <-resting.Done():
		}
	}()
	_ = a.o.Clock.Sleep(resting, workInterval) // it ends early when it should
}

// Work does what is due about accounts now: copies are made ready, accounts deleted, and what has expired is
// forgotten. Each step can be cut off and is then done by the next call.
func (a *API) Work(ctx context.Context) error {
	now := a.o.Clock.Now()
	due, err := a.o.Store.DueRequests(ctx, now.UnixMilli())
	if err != nil {
		return err
	}
	for i := range due {
		if err := a.fulfil(ctx, &due[i], now.UnixMilli()); err != nil {
			return err
		}
	}
	if err := a.o.Store.DeleteRequests(ctx, now.Add(-requestsKept).UnixMilli()); err != nil {
		return err
	}
	if err := a.o.Store.DeleteExpiredInvitations(ctx, now.Add(-expiredKept).UnixMilli()); err != nil {
		return err
	}
	return a.o.Store.DeleteExpiredTokens(ctx, now.Add(-expiredKept).UnixMilli())
}

func (a *API) fulfil(ctx context.Context, r *diag.AccountRequest, now int64) error {
	if r.Kind == diag.RequestExport {
		_, err := a.o.Store.EndRequest(ctx, r.Token, diag.RequestCompleted, exportReady, now)
		return err
	}
	ended, err := a.o.Store.DeleteUserAsAsked(ctx, *r, accountGone, now)
	switch {
	case err == nil && ended:
		a.o.Gate.ForgetUser(r.User)
		a.o.AccountGone()
	case err != nil && diag.KindOf(err) == diag.NotFound: // an administrator was quicker
		_, err = a.o.Store.EndRequest(ctx, r.Token, diag.RequestCompleted, accountGone, now)
	case err != nil && diag.KindOf(err) == diag.Conflict:
		_, err = a.o.Store.EndRequest(ctx, r.Token, diag.RequestFailed, message(err), now)
	}
	return err
}
