package diag

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

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
	Avatar      ID    // of its picture, zero = none
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

// Team is a group of an organisation's users who have the same roles in apps of it.
type Team struct {
	Num         int64
	ID          ID
	Org         int64  // Org.Num
	Name        string // compared in any letter case, within the organisation
	DisplayName string
	CreatedAt   int64 // Unix milliseconds
}

// Avatar is the picture of an organisation or an app.
type Avatar struct {
	ID   ID     // random: whoever knows it may see the picture
	Type string // its media type
	Data []byte
}

// Subscription is one of Azure that the operator has entered.
type Subscription struct {
	ID     ID
	Tenant ID
	Name   string
}

// The rules for names of accounts, organisations, apps and teams.
const (
	MaxName  = 100 // characters, of display names too
	maxEmail = 250 // bytes
	maxLocal = 64  // bytes of an address before the @
)

// ValidName reports whether a name can stand in a path: letters, digits, dots, hyphens and underscores. Dots alone
// would be eaten by what handles paths.
func ValidName(s string) bool {
	return len(s) <= MaxName && strings.Trim(s, ".") != "" && !strings.ContainsFunc(s, func(r rune) bool { return !nameRune(r) })
}

func nameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.'
}

// CheckName says what is wrong with a name.
func CheckName(s string) error {
	if !ValidName(s) {
		return Errorf(Invalid, "name must be 1 to %d letters, digits, dots, hyphens and underscores.", MaxName)
	}
	return nil
}

// Slug makes a name of a display name: what a name cannot have becomes a hyphen. Without anything left it is "app".
func Slug(display string) string {
	var b strings.Builder
	for _, r := range display {
		switch {
		case b.Len() == MaxName:
			return strings.Trim(b.String(), "-.")
		case nameRune(r):
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	if s := strings.Trim(b.String(), "-."); s != "" {
		return s
	}
	return "app"
}

// CheckDisplayName says what is wrong with a name for people.
func CheckDisplayName(s string) error {
	switch {
	case strings.TrimSpace(s) == "":
		return Errorf(Invalid, "display_name is missing.")
	case utf8.RuneCountInString(s) > MaxName:
		return Errorf(Invalid, "display_name is too long: at most %d characters.", MaxName)
	case strings.ContainsFunc(s, unicode.IsControl):
		return Errorf(Invalid, "display_name must not hold control characters.")
	}
	return nil
}

// ValidEmail is generous: mail servers take more than any pattern says. What it leaves out would break headers,
// paths and pages.
func ValidEmail(s string) bool {
	local, domain, _ := strings.Cut(s, "@")
	bad := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError || strings.ContainsRune(`@<>()[],;:\"/?#%`, r)
	}
	return local != "" && domain != "" && len(local) <= maxLocal && len(s) <= maxEmail &&
		!strings.ContainsFunc(local, bad) && !strings.ContainsFunc(domain, bad)
}
