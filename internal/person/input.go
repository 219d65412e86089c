package person

import (
	"bufio"
	"errors"
	"io"
	"regexp"
	"strings"
	"time"

	"lifeboat/internal/diag"
)

// The bounds of a list of install ids.
const (
	maxInstalls = 100_000
	maxIDLine   = 4 << 10 // bytes of one line, comment and all
)

// ReadInstalls reads a list of install ids: one a line, in any letter case; empty lines and what follows a
// "#" are left out, ids that come twice count once. What is wrong with the list is a *diag.Error of kind
// Invalid that names the line and never its content.
func ReadInstalls(r io.Reader) ([]diag.InstallID, error) {
	var ids []diag.InstallID
	seen := map[diag.InstallID]bool{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxIDLine)
	n := 0
	for lines.Scan() {
		n++
		text, _, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "\ufeff"), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if strings.ContainsAny(text, " \t,;") { // more likely a table than an id
			return nil, diag.Errorf(diag.Invalid, "line %d of the list of install ids holds white space or a comma; write one id a line", n)
		}
		id, err := ParseInstall(text)
		if err != nil {
			return nil, diag.Errorf(diag.Invalid, "line %d of the list of install ids: %v", n, err)
		}
		if seen[id] {
			continue
		}
		if len(ids) == maxInstalls {
			return nil, diag.Errorf(diag.Invalid, "the list has more than %d install ids; split it", maxInstalls)
		}
		seen[id] = true
		ids = append(ids, id)
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, diag.Errorf(diag.Invalid, "line %d of the list of install ids is too long; write one id a line", n+1)
	} else if err := lines.Err(); err != nil {
		return nil, diag.Wrap(diag.Invalid, err, "cannot read the list of install ids")
	}
	if len(ids) == 0 {
		return nil, diag.Errorf(diag.Invalid, "the list holds no install id; write one a line")
	}
	return ids, nil
}

// ParseInstall reads one install id as a person typed it: a GUID in any spelling, or another text of one line
// that is no longer than diag.MaxInstallID: devices may send any.
func ParseInstall(text string) (diag.InstallID, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return "", diag.Errorf(diag.Invalid, "an install id is empty")
	case len(text) > diag.MaxInstallID:
		return "", diag.Errorf(diag.Invalid, "an install id has %d bytes, the longest has %d", len(text), diag.MaxInstallID)
	case strings.ContainsAny(text, "\r\n"):
		return "", diag.Errorf(diag.Invalid, "an install id holds a line break; give each id by itself")
	}
	return diag.ParseInstallID(text), nil
}

// The ways to write a time, as the API of App Center reads them; a fraction of up to 9 digits may follow the
// seconds of any.
var timeLayouts = [...]string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04"}

// lostPlus is a zone whose "+" became a blank on its way through a URL.
var lostPlus = regexp.MustCompile(`(T.*) (\d\d:?\d\d)$`)

// ParseSince reads the start of a time range: a date, which means its first minute, or a time as RFC 3339
// writes it, with or without zone (without means UTC), seconds and fraction.
func ParseSince(text string) (time.Time, error) {
	t, _, err := parseTime(text)
	return t, err
}

// ParseUntil reads the end of a time range. A date means its last minute, whose label is the next midnight.
func ParseUntil(text string) (time.Time, error) {
	t, date, err := parseTime(text)
	if date {
		t = t.AddDate(0, 0, 1)
	}
	return t, err
}

func parseTime(text string) (t time.Time, date bool, err error) {
	text = strings.TrimSpace(text)
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t, true, nil
	}
	text = lostPlus.ReplaceAllString(text, "$1+$2")
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), false, nil
		}
	}
	shown, _ := cut(text, 40)
	return time.Time{}, false, diag.Errorf(diag.Invalid, "%q is no date or time; write 2026-11-24, 2026-11-24T08:06Z or 2026-11-24T09:06:30+01:00", shown)
}

// DefaultFile is the name of a copy where none was asked for. It tells when the copy was made, never whose it
// is: file names are seen by many.
func DefaultFile(now time.Time) string {
	return "person-copy-" + now.UTC().Format("20060102-150405") + ".zip"
}

// The exit codes of the command.
const (
	ExitComplete   = 0
	ExitNothing    = 1 // and no file
	ExitUsage      = 2 // what was asked for cannot be done as it stands; no file was made or touched
	ExitIncomplete = 3 // the copy lacks something, or there is none because of an error
)

// ExitCode is how the command ends for what Copy returned.
func ExitCode(m *Manifest, err error) int {
	switch {
	case errors.Is(err, ErrNothing):
		return ExitNothing
	case err != nil && (diag.KindOf(err) == diag.Invalid || diag.KindOf(err) == diag.Conflict):
		return ExitUsage
	case err != nil || !m.Complete:
		return ExitIncomplete
	}
	return ExitComplete
}
