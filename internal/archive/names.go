// Package archive is the layout of exported diagnostics over a bucket of blobs: which blob holds what, what a
// record in it says, and how records of one install are found again.
//
// It promises that names and records depend on what is given and on nothing else (no locale, no clock), and
// that Scanner finds exactly the records whose own InstallId is asked for, in an archive of any size, whoever
// wrote it, with constant memory. The layout is that of App Center's continuous export as far as it was
// published (https://learn.microsoft.com/appcenter/analytics/export), with additions of ours written at the
// names below.
package archive

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lifeboat/internal/diag"
)

// Entity is what an array of records is about.
type Entity string

// The entities. Logs stands for the analytics file, which also holds an index record of every crash, handled
// error and attachment.
const (
	Logs        Entity = "logs"
	Crashes     Entity = "crashes"
	Errors      Entity = "errors"
	Attachments Entity = "attachments"
)

// arraySuffix ends the name of every blob that holds an array of records.
const arraySuffix = ".v1.data"

// Prefix is the folder of one minute, "yyyy/MM/dd/HH/mm/" in UTC, below the app's id if withApp.
func Prefix(app diag.ID, withApp bool, m diag.Minute) string {
	minute := m.Time().Format("2006/01/02/15/04/")
	if withApp {
		return app.String() + "/" + minute
	}
	return minute
}

// ArrayName is the blob of an entity's records: "logs.v1.data" beside the folders, "crashes/crashes.v1.data"
// in them. A part from 2 on is "logs.2.logs.v1.data": App Center's own readers look for names that begin with
// "logs" and end in "logs.v1.data", so they find further parts too.
func ArrayName(prefix string, e Entity, part int) string {
	name := string(e) + arraySuffix
	if part > 1 {
		name = fmt.Sprintf("%s.%d.%s", e, part, name)
	}
	if e == Logs {
		return prefix + name
	}
	return prefix + string(e) + "/" + name
}

// PayloadName is the blob of one report in full. Revisions from 2 on have a name of their own.
func PayloadName(prefix string, handled bool, errorID string, revision int) string {
	e := Crashes
	if handled {
		e = Errors
	}
	if revision > 1 {
		return fmt.Sprintf("%s%s/%s.r%d.json", prefix, e, errorID, revision)
	}
	return fmt.Sprintf("%s%s/%s.json", prefix, e, errorID)
}

// AttachmentName is the blob of one attachment's bytes.
func AttachmentName(prefix, errorID string, attachment diag.ID) string {
	return fmt.Sprintf("%s%s/%s/%s", prefix, Attachments, errorID, attachment)
}

// Place is what the name of an array says.
type Place struct {
	Root   string      // what stands before the minute, with its slash: "" or "<app id>/" or any text
	Minute diag.Minute // the label of the window
	Rest   string      // "logs.v1.data", "crashes/crashes.v1.data", ...
}

// ParseArrayName reads the name of an array of records: anything that ends in ".v1.data" somewhere below a
// folder that is a minute. What else App Center called such blobs was never published, so nothing else is
// asked of the name. Where several folders could be the minute the last one is; digits that are no date and
// time are no minute.
func ParseArrayName(name string) (Place, bool) {
	if !strings.HasSuffix(name, arraySuffix) {
		return Place{}, false
	}
	for end := strings.LastIndexByte(name, '/'); end >= minuteLength; end = strings.LastIndexByte(name[:end], '/') {
		if root, m, ok := parseMinute(name[:end]); ok {
			return Place{Root: root, Minute: m, Rest: name[end+1:]}, true
		}
	}
	return Place{}, false
}

const minuteLength = len("yyyy/MM/dd/HH/mm")

// parseMinute reads a folder that is a minute, and returns what stands before it.
func parseMinute(folder string) (root string, m diag.Minute, ok bool) {
	at := len(folder) - minuteLength
	if at < 0 || at > 0 && folder[at-1] != '/' {
		return "", 0, false
	}
	t, err := time.Parse("2006/01/02/15/04", folder[at:])
	if err != nil {
		return "", 0, false
	}
	return folder[:at], diag.Minute(t.Unix() / 60), true
}

// Resolve returns the names under which the blob that a record of this array points to may lie, the likeliest
// first. Pointers are relative to the container that the archive was written to, and an archive may have been
// copied below a folder of another, or be given from one of its own folders on. So the pointer is tried below
// the folder that was the container, as far as the name of the array tells it; then as it stands; then below
// every other folder above the array; then with nothing of its own before the minute.
func (p Place) Resolve(pointer string) []string {
	names := []string{p.container(pointer) + pointer, pointer}
	for root := p.Root; root != ""; root = root[:strings.LastIndexByte(strings.TrimSuffix(root, "/"), '/')+1] {
		names = append(names, root+pointer)
	}
	folders := strings.SplitAfter(pointer, "/")
	for i := 5; i < len(folders); i++ {
		folder := strings.TrimSuffix(strings.Join(folders[:i], ""), "/")
		if before, _, ok := parseMinute(folder); ok {
			names = append(names, p.Root+pointer[len(before):])
			break
		}
	}
	return distinct(names)
}

// container is what stands before the pointer's own beginning in the array's root: "backup/" for an array
// below "backup/app/" and a pointer to "app/2017/...".
func (p Place) container(pointer string) string {
	for at := 0; at < len(p.Root); at += strings.IndexByte(p.Root[at:], '/') + 1 {
		if strings.HasPrefix(pointer, p.Root[at:]) {
			return p.Root[:at]
		}
	}
	return p.Root
}

// distinct removes what came before, in place.
func distinct(names []string) []string {
	kept := names[:0]
	for _, n := range names {
		if !slices.Contains(kept, n) {
			kept = append(kept, n)
		}
	}
	return kept
}
