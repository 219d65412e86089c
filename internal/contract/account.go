package contract

import "lifeboat/internal/diag"

// origin of all accounts and apps: one of the API's enum, and clients fail without it.
const origin = "appcenter"

// User is an account.
type User struct {
	ID                string   `json:"id"`
	AvatarURL         *string  `json:"avatar_url"`
	CanChangePassword bool     `json:"can_change_password"`
	DisplayName       string   `json:"display_name"`
	Email             string   `json:"email"`
	Name              string   `json:"name"`
	Permissions       []string `json:"permissions"`
	Origin            string   `json:"origin"`
}

// NewUser makes the account that role is of.
func NewUser(u *diag.User, role diag.Role) User {
	return User{
		ID: u.ID.String(), CanChangePassword: u.HasPassword, DisplayName: displayName(u), Email: u.Email, Name: u.Name,
		Permissions: permissions(role), Origin: origin,
	}
}

func displayName(u *diag.User) string {
	if u.DisplayName == "" {
		return u.Name
	}
	return u.DisplayName
}

func permissions(role diag.Role) []string {
	if role == diag.RoleNone {
		return []string{}
	}
	return []string{role.String()}
}

// App is a registered app.
type App struct {
	ID                string             `json:"id"`
	AppSecret         string             `json:"app_secret"`
	Description       *string            `json:"description"`
	DisplayName       string             `json:"display_name"`
	Name              string             `json:"name"`
	OS                string             `json:"os"`
	Platform          string             `json:"platform"`
	Origin            string             `json:"origin"`
	IconURL           *string            `json:"icon_url"`
	IconSource        *string            `json:"icon_source"`
	CreatedAt         string             `json:"created_at"`
	UpdatedAt         string             `json:"updated_at"`
	ReleaseType       *string            `json:"release_type"`
	Owner             Owner              `json:"owner"`
	AzureSubscription *AzureSubscription `json:"azure_subscription"`
	MemberPermissions []string           `json:"member_permissions"`
}

// AzureSubscription is a subscription that an app may export to.
type AzureSubscription struct {
	SubscriptionID      string `json:"subscription_id"`
	TenantID            string `json:"tenant_id"`
	SubscriptionName    string `json:"subscription_name"`
	IsBilling           bool   `json:"is_billing"`
	IsBillable          bool   `json:"is_billable"`
	IsMicrosoftInternal bool   `json:"is_microsoft_internal"`
}

// NewApp makes the app as a caller with the given role sees it.
func NewApp(a *diag.App, owner Owner, role diag.Role) App {
	display := a.DisplayName
	if display == "" {
		display = a.Name
	}
	return App{
		ID: a.ID.String(), AppSecret: a.Secret.String(), Description: nullable(a.Description), DisplayName: display,
		Name: a.Name, OS: a.OS, Platform: a.Platform, Origin: origin,
		CreatedAt: millis(a.CreatedAt), UpdatedAt: millis(a.UpdatedAt), ReleaseType: nullable(a.ReleaseType),
		Owner: owner, MemberPermissions: permissions(role), IconURL: nullable(a.IconURL),
	}
}

// The types of owner.
const (
	OwnerUser = "user"
	OwnerOrg  = "org"
)

// Owner is the user or organisation that an app belongs to.
type Owner struct {
	ID          string  `json:"id"`
	AvatarURL   *string `json:"avatar_url"`
	DisplayName string  `json:"display_name"`
	Email       *string `json:"email"`
	Name        string  `json:"name"`
	Type        string  `json:"type"`
}

// NewAzureSubscription makes the subscription that an operator has entered.
func NewAzureSubscription(s *diag.Subscription) AzureSubscription {
	return AzureSubscription{SubscriptionID: s.ID.String(), TenantID: s.Tenant.String(), SubscriptionName: s.Name}
}

// NewOwner makes the owner of a user's apps.
func NewOwner(u *diag.User) Owner {
	return Owner{ID: u.ID.String(), DisplayName: displayName(u), Email: nullable(u.Email), Name: u.Name, Type: OwnerUser}
}

// NewOrgOwner makes the owner of an organisation's apps: it has no address.
func NewOrgOwner(o *diag.Org) Owner {
	return Owner{ID: o.ID.String(), DisplayName: orgDisplayName(o), Name: o.Name, Type: OwnerOrg}
}

// Token is an API token. The token itself is shown once, in the answer that creates it.
type Token struct {
	ID          string   `json:"id"`
	APIToken    string   `json:"api_token,omitempty"`
	Description string   `json:"description"`
	Scope       []string `json:"scope"`
	CreatedAt   string   `json:"created_at"`
	LastUsedAt  string   `json:"last_used_at,omitempty"` // these two are extensions
	ExpiresAt   string   `json:"expires_at,omitempty"`
}

// NewToken makes a token's description; secret is the token itself at its creation, else "".
func NewToken(t *diag.Token, secret string) Token {
	scope := t.Scope
	if scope == "" {
		scope = diag.ScopeAll
	}
	return Token{
		ID: t.ID.String(), APIToken: secret, Description: t.Description, Scope: []string{scope}, CreatedAt: millis(t.CreatedAt),
		LastUsedAt: millisOrNone(t.LastUsedAt), ExpiresAt: millisOrNone(t.ExpiresAt),
	}
}
