package contract

import "lifeboat/internal/diag"

// Account is a user as administrators of the server see them: an extension.
type Account struct {
	User
	Admin     bool   `json:"admin"`
	CreatedAt string `json:"created_at"`
}

// NewAccount makes the account of a user.
func NewAccount(u *diag.User) Account {
	role := diag.RoleNone
	if u.Admin {
		role = diag.RoleManager
	}
	return Account{NewUser(u, role), u.Admin, millis(u.CreatedAt)}
}

// AccountRequest is the receipt for what somebody asked for about their own account.
type AccountRequest struct {
	Token     string `json:"token"`
	CreatedAt string `json:"createdAt"`
}

// NewAccountRequest makes the receipt of a request.
func NewAccountRequest(r *diag.AccountRequest) AccountRequest {
	return AccountRequest{r.Token.String(), millis(r.CreatedAt)}
}

// AccountRequestStatus says how far a request is.
type AccountRequestStatus struct {
	Status        string `json:"status"`
	Message       string `json:"message"`
	SASURL        string `json:"sasUrl,omitempty"`
	SASURLExpired bool   `json:"sasUrlExpired"`
}

// NewAccountRequestStatus makes the status of a request, without a URL.
func NewAccountRequestStatus(r *diag.AccountRequest) AccountRequestStatus {
	return AccountRequestStatus{Status: r.State, Message: r.Message}
}

// The parts of the copy that people get of their own account.

// AccountApp is an app that the account has a role in.
type AccountApp struct {
	Owner       string `json:"owner"`
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
	Role        string `json:"role"`
}

// NewAccountApp makes the entry of an app.
func NewAccountApp(a *diag.App, role diag.Role) AccountApp {
	return AccountApp{a.Owner, a.Name, a.DisplayName, role.String()}
}

// AccountOrg is an organisation that the account is in.
type AccountOrg struct {
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
	Role        string `json:"role"`
}

// NewAccountOrg makes the entry of an organisation.
func NewAccountOrg(o *diag.Org, role diag.OrgRole) AccountOrg {
	return AccountOrg{o.Name, orgDisplayName(o), role.String()}
}

// AccountToken is a token of the account, without the token itself.
type AccountToken struct {
	Token
	App string `json:"app,omitempty"` // owner/name, if it is good for one app only
}

// NewAccountTokens makes the entries of tokens; apps has the names of apps by their number.
func NewAccountTokens(tokens []diag.Token, apps map[int64]string) []AccountToken {
	all := []AccountToken{}
	for i := range tokens {
		all = append(all, AccountToken{NewToken(&tokens[i], ""), apps[tokens[i].App]})
	}
	return all
}

// AccountRequestEntry is a request of the account.
type AccountRequestEntry struct {
	AccountRequest
	Kind    string `json:"kind"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

// NewAccountRequests makes the entries of requests.
func NewAccountRequests(requests []diag.AccountRequest) []AccountRequestEntry {
	all := []AccountRequestEntry{}
	for i := range requests {
		r := &requests[i]
		all = append(all, AccountRequestEntry{NewAccountRequest(r), r.Kind, r.State, r.Message})
	}
	return all
}

// AccountInvitation is an invitation that the account has sent.
type AccountInvitation struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	Org       string `json:"organization,omitempty"`
	App       string `json:"app,omitempty"` // owner/name
	CreatedAt string `json:"created_at"`
	ExpiresAt string `json:"expires_at"`
}

// NewAccountInvitation makes the entry of an invitation to an organisation or an app; times are in Unix milliseconds.
func NewAccountInvitation(id diag.ID, email, org, app string, created, expires int64) AccountInvitation {
	return AccountInvitation{id.String(), email, org, app, millis(created), millis(expires)}
}
