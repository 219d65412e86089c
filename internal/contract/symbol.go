package contract

import "lifeboat/internal/diag"

// SymbolUploadBegun tells where to put the file of a symbol upload.
type SymbolUploadBegun struct {
	SymbolUploadID string `json:"symbol_upload_id"`
	UploadURL      string `json:"upload_url"`
	ExpirationDate string `json:"expiration_date"`
}

// SymbolUpload is a file with symbols that was sent, or is being sent.
type SymbolUpload struct {
	SymbolUploadID  string           `json:"symbol_upload_id"`
	AppID           string           `json:"app_id"`
	User            SymbolUser       `json:"user"`
	Status          string           `json:"status"`
	SymbolType      string           `json:"symbol_type"`
	SymbolsUploaded []UploadedSymbol `json:"symbols_uploaded"`
	Origin          string           `json:"origin"`
	FileName        string           `json:"file_name"`
	FileSize        int64            `json:"file_size"`          // MiB, rounded up; 0 until it was looked into (Q8)
	Timestamp       string           `json:"timestamp"`          // when it was committed, or of the last change before
	Problems        []string         `json:"problems,omitempty"` // ours: what could not be read
}

// SymbolUser is who began an upload.
type SymbolUser struct {
	Email       string `json:"email"`
	DisplayName string `json:"display_name"`
}

// UploadedSymbol is one symbol that was found in an upload.
type UploadedSymbol struct {
	SymbolID string `json:"symbol_id"`
	Platform string `json:"platform"`
}

// uploadOrigin: all symbols come from people, none from a system's maker.
const uploadOrigin = "User"

// NewSymbolUpload makes the upload of what was found in it.
func NewSymbolUpload(app *diag.App, u *diag.SymbolUpload, symbols []diag.Symbol) SymbolUpload {
	found, listed := []UploadedSymbol{}, map[string]bool{}
	for i := range symbols {
		if id := symbols[i].ID; !listed[id] { // a program and its symbols share one
			listed[id] = true
			found = append(found, UploadedSymbol{id, symbolPlatform(app, symbols[i].Platform)})
		}
	}
	const mib = 1 << 20
	at := u.CommittedAt
	if at == 0 {
		at = u.ChangedAt
	}
	return SymbolUpload{
		SymbolUploadID: u.ID.String(), AppID: app.ID.String(), User: SymbolUser{u.User.Email, displayName(&u.User)}, Status: u.State, SymbolType: u.Kind,
		SymbolsUploaded: found, Origin: uploadOrigin, FileName: u.FileName, FileSize: (u.Size + mib - 1) / mib, Timestamp: millis(at), Problems: u.Problems,
	}
}

// symbolPlatform is what a file says of itself, else what the app is for.
func symbolPlatform(app *diag.App, platform string) string {
	if platform == "" {
		return app.OS
	}
	return platform
}

// The states of a symbol.
const (
	SymbolAvailable = "available"
	SymbolIgnored   = "ignored"
	SymbolMissing   = "missing"
)

// Symbol is one file with symbols, or an id that nobody will send one for.
type Symbol struct {
	SymbolID           string   `json:"symbol_id"`
	Type               string   `json:"type"`
	AppID              string   `json:"app_id"`
	Platform           string   `json:"platform"`
	URL                string   `json:"url"`
	Origin             string   `json:"origin"`
	AlternateSymbolIDs []string `json:"alternate_symbol_ids"`
	Status             string   `json:"status"` // available, ignored
	Version            string   `json:"version,omitempty"`
	Build              string   `json:"build,omitempty"`
	SymbolUploadID     string   `json:"symbol_upload_id"` // "" if nothing was sent
}

// NewSymbol makes a symbol that was sent.
func NewSymbol(app *diag.App, s *diag.Symbol) Symbol {
	status := SymbolAvailable
	if s.Ignored {
		status = SymbolIgnored
	}
	alternates := s.Alternates
	if alternates == nil {
		alternates = []string{}
	}
	return Symbol{
		SymbolID: s.ID, Type: s.Kind, AppID: app.ID.String(), Platform: symbolPlatform(app, s.Platform), URL: "symbols/" + s.Upload.String() + "/" + s.ID,
		Origin: uploadOrigin, AlternateSymbolIDs: alternates, Status: status, Version: s.Version, Build: s.Build, SymbolUploadID: s.Upload.String(),
	}
}

// NewIgnoredSymbol makes an id that is ignored and that nobody has sent symbols for.
func NewIgnoredSymbol(app *diag.App, id, platform string) Symbol {
	return Symbol{
		SymbolID: id, Type: symbolKind(app), AppID: app.ID.String(), Platform: symbolPlatform(app, platform), Origin: uploadOrigin,
		AlternateSymbolIDs: []string{}, Status: SymbolIgnored,
	}
}

// symbolKind is what symbols of an app mostly are.
func symbolKind(app *diag.App) string {
	switch app.OS {
	case "iOS", "macOS", "tvOS":
		return diag.SymbolsApple
	case "Windows":
		return diag.SymbolsUWP
	case "Android":
		return diag.SymbolsProguard
	}
	return diag.SymbolsBreakpad
}

// SymbolStatus says whether symbols are there for an id.
type SymbolStatus struct {
	SymbolID string `json:"symbol_id"`
	AppID    string `json:"app_id"`
	Status   string `json:"status"` // available, ignored, missing
}

// MissingSymbolGroups are versions of an app whose reports lack symbols.
type MissingSymbolGroups struct {
	TotalCrashCount int64                `json:"total_crash_count"`
	Groups          []MissingSymbolGroup `json:"groups"`
}

// MissingSymbolGroup is one version and build.
type MissingSymbolGroup struct {
	SymbolGroupID  string          `json:"symbol_group_id"`
	CrashCount     int64           `json:"crash_count"`
	ErrorCount     int64           `json:"error_count"`
	AppID          string          `json:"app_id"`
	AppVer         string          `json:"app_ver"`
	AppBuild       string          `json:"app_build"`
	LastModified   string          `json:"last_modified"`
	MissingSymbols []MissingSymbol `json:"missing_symbols"`
	Status         string          `json:"status"` // active: some are missing; closed: none is
}

// MissingSymbol is one image that reports of the version need symbols for.
type MissingSymbol struct {
	SymbolID string `json:"symbol_id"`
	Name     string `json:"name"`
	Platform string `json:"platform"`
	Status   string `json:"status"` // missing, ignored, available
}

// MissingSymbolTotal is how many crashes lack symbols.
type MissingSymbolTotal struct {
	TotalCrashCount int64 `json:"total_crash_count"`
}
