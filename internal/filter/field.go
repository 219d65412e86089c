package filter

import (
	"strconv"
	"strings"

	"lifeboat/internal/diag"
)

// Type is what a field holds.
type Type uint8

// The types. Words and ids have a normal form and can only be equal or not.
const (
	Text Type = iota
	Word
	ID
	Number
	Time
)

// textual values stand in Value.Text.
func (t Type) textual() bool { return t <= ID }

// ordered values can be less or greater.
func (t Type) ordered() bool { return t == Text || t == Number || t == Time }

// Field is one field that can be filtered on.
type Field struct {
	Name   string // as it is written; read in any letter case
	Type   Type
	Choice string // of a Word: what it can be, for a person

	// normal brings the text of a Word or ID into the form that is compared. A Word that has none is refused,
	// an ID equals nothing.
	normal func(string) (string, bool)
}

// Fields is the table of one use.
type Fields []Field

func (f Fields) find(name string) (Field, bool) {
	for i := range f {
		if strings.EqualFold(f[i].Name, name) {
			return f[i], true
		}
	}
	return Field{}, false
}

func (f Fields) names() string {
	all := make([]string, len(f))
	for i := range f {
		all[i] = f[i].Name
	}
	return strings.Join(all, ", ")
}

// Words of errorType, in their normal form.
const (
	Unhandled = "unhandlederror"
	Handled   = "handlederror"
)

// Both sees what reports and groups of reports have in common.
func both() Fields {
	return Fields{
		{Name: "exceptionMethod"}, {Name: "exceptionClassName"}, {Name: "exceptionType"}, {Name: "exceptionMessage"}, {Name: "exceptionFile"},
		{Name: "exceptionLine", Type: Number},
		{Name: "errorType", Type: Word, Choice: "unhandledError or handledError", normal: errorType},
		{Name: "errorGroupId", Type: ID, normal: groupID},
		{Name: "appVersion"}, {Name: "appBuild"},
		{Name: "state", Type: Word, Choice: "Open, Closed or Ignored", normal: state},
		{Name: "lastOccurrence", Type: Time},
	}
}

// Reports are the fields of the search for reports.
func Reports() Fields {
	return append(both(), Fields{
		{Name: "userId"}, {Name: "deviceName"}, {Name: "osVersion"}, {Name: "osType"}, {Name: "country"}, {Name: "language"},
		{Name: "timestamp", Type: Time}, {Name: "errorId", Type: ID, normal: reportID}, {Name: "installId", Type: ID, normal: installID},
	}...)
}

// Groups are the fields of the search for groups.
func Groups() Fields {
	return append(both(), Fields{
		{Name: "firstOccurrence", Type: Time}, {Name: "count", Type: Number}, {Name: "deviceCount", Type: Number},
	}...)
}

// Versions are the fields of the list of versions.
func Versions() Fields { return Fields{{Name: "version"}} }

// SymbolGroups are the fields of the list of missing symbols.
func SymbolGroups() Fields {
	return Fields{{Name: "app_ver"}, {Name: "app_build"}, {Name: "status"}, {Name: "symbol_id"}}
}

func errorType(s string) (string, bool) {
	switch Fold(s) {
	case Unhandled, "unhandled":
		return Unhandled, true
	case Handled, "handled":
		return Handled, true
	}
	return "", false
}

func state(s string) (string, bool) {
	s = Fold(s)
	return s, s == "open" || s == "closed" || s == "ignored"
}

// groupID reads a group's id with or without its suffix (docs/compatibility.md Q22).
func groupID(s string) (string, bool) {
	g, _, ok := diag.ParseGroupID(strings.TrimSpace(Fold(s)))
	return strconv.FormatUint(uint64(g), 10), ok
}

func reportID(s string) (string, bool) {
	id, ok := diag.ParseReportID(strings.TrimSpace(s))
	return id.String(), ok
}

// installID compares as everywhere: a GUID in any form, anything else exactly.
func installID(s string) (string, bool) {
	id := diag.ParseInstallID(s)
	return string(id), id != ""
}
