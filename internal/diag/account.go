package diag

// User is an account of the server: somebody who reads reports, never one of an app's own users.
type User struct {
	Num         int64
	ID          ID
	Name        string // compared in any letter case
	DisplayName string
	Email       string
	Admin       bool
	HasPassword bool
	CreatedAt   int64 // Unix milliseconds
}

// The scopes of a token.
const (
	ScopeAll    = "all"
	ScopeViewer = "viewer"
)

// Token is an API token. The token itself is never stored, only its SHA-256.
type Token struct {
	ID          ID
	User        int64 // User.Num
	App         int64 // App.Num for an app token, 0 for a user token
	Description string
	Scope       string // ScopeAll or ScopeViewer
	CreatedAt   int64  // Unix milliseconds
	LastUsedAt  int64  // Unix milliseconds, 0 = never
	ExpiresAt   int64  // Unix milliseconds, 0 = never
}

// The kinds of request that people make about their own account.
const (
	RequestExport = "export"
	RequestDelete = "delete"
)

// The states of such a request.
const (
	RequestCreated   = "Created"
	RequestQueued    = "Queued"
	RequestCompleted = "Completed"
	RequestFailed    = "Failed"
)

// AccountRequest is what somebody asked for about their own account. It is known by its token.
type AccountRequest struct {
	Token     ID
	User      int64 // User.Num
	Kind      string
	State     string
	Message   string   // for people
	Proof     [32]byte // a keyed hash: who can show what it is of has made the request
	CreatedAt int64    // Unix milliseconds
	DueAt     int64    // Unix milliseconds
	DoneAt    int64    // Unix milliseconds, 0 = not yet
}

// Waits reports whether the request is not done yet.
func (r *AccountRequest) Waits() bool { return r.State == RequestCreated || r.State == RequestQueued }

// Org is an organisation: an owner of apps that several users share. Users and organisations have their names
// in one space, because the owner in an app's path may be either.
type Org struct {
	Num         int64
	ID          ID
	Name        string // compared in any letter case
	DisplayName string
	CreatedAt   int64 // Unix milliseconds
	UpdatedAt   int64 // Unix milliseconds
}

// OrgRole is what a user may do in an organisation. Each role includes the ones below it.
type OrgRole uint8

// The roles, weakest first. Administrators are managers of all apps of their organisation.
const (
	OrgNone OrgRole = iota
	OrgMember
	OrgCollaborator
	OrgAdmin
)

var orgRoleNames = [...]string{"none", "member", "collaborator", "admin"}

func (r OrgRole) String() string { return orgRoleNames[r] }
