package diag

import (
	"encoding/hex"
	"strings"
)

// Kinds of symbol files, as the API spells them.
const (
	SymbolsApple      = "Apple"
	SymbolsJavaScript = "JavaScript"
	SymbolsBreakpad   = "Breakpad"
	SymbolsProguard   = "AndroidProguard"
	SymbolsUWP        = "UWP"
)

// SymbolKinds are all of them.
func SymbolKinds() []string {
	return []string{SymbolsApple, SymbolsJavaScript, SymbolsBreakpad, SymbolsProguard, SymbolsUWP}
}

// States of a symbol upload, as the API spells them. Only created ones take files.
const (
	UploadCreated    = "created"
	UploadCommitted  = "committed"
	UploadAborted    = "aborted"
	UploadProcessing = "processing"
	UploadIndexed    = "indexed"
	UploadFailed     = "failed"
)

// SymbolUpload is one file with symbols that was sent, or is being sent.
type SymbolUpload struct {
	ID       ID
	App      int64  // App.Num
	User     User   // who began it; zero if the account is gone
	Kind     string // as the client calls it, which proves nothing
	FileName string
	Version  string // of the app; "" if it was not said
	Build    string
	State    string
	Problems []string // for people: what could not be read
	Size     int64    // bytes; 0 until it was looked into

	CreatedAt   int64 // Unix milliseconds, as all times here
	CommittedAt int64 // or aborted; 0 = neither
	ChangedAt   int64 // when it got its state
	LastUsedAt  int64
}

// Symbol is one file with symbols that was found in an upload.
type Symbol struct {
	ID           string // 32 lower-case hex digits for Apple and Breakpad
	App          int64
	Upload       ID
	Kind         string // by its bytes
	Platform     string // "" if the file does not tell
	Name         string // of the binary or the mapping
	Path         string // in the upload
	Architecture string
	Version      string // of the upload
	Build        string
	Alternates   []string // other ids of the same file
	Ignored      bool
	LastUsedAt   int64
}

// MaxSymbolID is the longest id of a symbol, in bytes.
const MaxSymbolID = 128

// Hex is the id as symbols have it: 32 lower-case digits.
func (id ID) Hex() string { return hex.EncodeToString(id[:]) }

// ParseSymbolID reads the id of a symbol in the forms that clients write: a GUID with or without dashes and in any
// letter case is 32 lower-case digits; with one digit of an age behind it, as Breakpad writes it, a dash and the age
// follow unless it is 0; another text of hex digits and dashes is kept in lower case.
func ParseSymbolID(s string) (string, bool) {
	if s == "" || len(s) > MaxSymbolID {
		return "", false
	}
	if id, ok := ParseID(s); ok {
		return id.Hex(), true
	}
	if id, ok := ParseID(s[:len(s)-1]); ok && len(s) == 33 {
		if age := strings.ToLower(s[32:]); age != "0" && strings.Trim(age, "123456789abcdef") == "" {
			return id.Hex() + "-" + age, true
		}
		return id.Hex(), s[32] == '0'
	}
	b := []byte(s)
	for i, c := range b {
		switch {
		case c >= 'A' && c <= 'F':
			b[i] = c + 'a' - 'A'
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c == '-':
		default:
			return "", false
		}
	}
	return string(b), true
}
