package diag

// User is an account of the server: somebody who reads reports, never one of an app's own users.
type User struct {
	Num         int64
	ID          ID
	Name        string // compared in any letter case
	DisplayName string
	Email       string
	Admin       bool
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
}
