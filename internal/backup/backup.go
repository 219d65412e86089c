// Package backup makes one file of a data folder, also of one that a server works on, and a data folder of such a
// file.
//
// It promises that a file is either whole or refused: the last thing in it is a list of everything before, with
// lengths and SHA-256 sums, and without the list or with anything else than it says nothing is taken for a backup.
// The register in it is of one moment, the journal of the same moment or a later one, so that every log that the
// register knows to be handled is there. What stands in a file decides neither where something is written outside of
// the new folder nor how much memory is taken. Memory is bounded whatever the size.
//
// The file is a tar archive (POSIX.1-2001) compressed with zstd (RFC 8878): `zstd -dc FILE | tar tv` lists it.
package backup

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"lifeboat/internal/diag"
)

// version is that of the file's form.
const version = 1

const (
	format       = "lifeboat backup"
	headName     = "BACKUP.json"   // first in the file
	manifestName = "MANIFEST.json" // last in the file
)

// Head stands first in the file: who made it of what.
type Head struct {
	Format    string `json:"format"`
	Version   int    `json:"version"`
	Layout    int    `json:"layout"` // of the data folder
	Release   string `json:"release,omitempty"`
	CreatedAt string `json:"created_at"`
	WithKey   bool   `json:"with_key"`
	KeyCheck  string `json:"key_check"` // follows from the key, and tells nothing else of it
}

// Manifest stands last in the file.
type Manifest struct {
	Head
	Horizon uint64   `json:"horizon"` // number of the last frame of the journal, or a lower one
	Frames  int64    `json:"frames"`  // of the journal, blank ones too
	Bytes   int64    `json:"bytes"`   // of all members together
	Members []Member `json:"members"` // all others in the file, in their order
}

// Member is one file of the data folder.
type Member struct {
	Name   string `json:"name"` // below the folder, with slashes
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Layout says what of a data folder is in a backup.
type Layout struct {
	Marker  string   // a small file that makes a folder a data folder: read first, written last
	Secrets []string // files that are taken only when asked for
	Journal string   // folder of the journal
	Folders []string // other folders, with all below
}

// register is the register's file.
const register = "register.db"

// Bounds of what is read.
const (
	maxMembers  = 1 << 20
	maxManifest = 256 << 20
	maxSmall    = 64 << 10 // of the head, the marker and secrets
	maxName     = 512
	maxDepth    = 12
	maxPart     = 200
)

// holds reports whether a name may stand in a backup: of a file that we know, or below a folder that we know,
// and of a form that means the same file on every system.
func (l *Layout) holds(name string) bool {
	if name == l.Marker || name == register || slices.Contains(l.Secrets, name) {
		return true
	}
	if len(name) > maxName || !utf8.ValidString(name) || !fs.ValidPath(name) || path.Clean(name) != name {
		return false
	}
	parts := strings.Split(name, "/")
	below := func(folder string) bool { return strings.HasPrefix(name, folder+"/") }
	if len(parts) > maxDepth || !below(l.Journal) && !slices.ContainsFunc(l.Folders, below) {
		return false
	}
	return !slices.ContainsFunc(parts, odd)
}

// odd are parts of names that are special somewhere.
func odd(part string) bool {
	return len(part) > maxPart || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") ||
		strings.ContainsFunc(part, func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`\:*?"<>|`, r) })
}

func damaged(text string, args ...any) error {
	return diag.Errorf(diag.Invalid, "The backup is damaged: "+text+" Take another one.", args...)
}
