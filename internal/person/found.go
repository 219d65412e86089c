package person

import (
	"cmp"
	"strings"
	"time"

	"lifeboat/internal/archive"
	"lifeboat/internal/diag"
)

// found is one record on its way from a scanner to the file.
type found struct {
	bytes   []byte   // as they stand in the blob; nil if the record is large
	large   *spooled // a record that is too large to be held
	offset  int64
	size    int64
	install diag.InstallID
	id      string // MessageId, in one spelling
	kind    string // MessageType
	pointer string // "" = none
	facts   facts
}

// facts are what the page and the names of the copy's files say of a record, as texts. Of a large record
// nothing is known.
type facts struct {
	time                  time.Time // zero if the record does not say
	app, version, build   string
	maker, model          string
	os, osVersion         string
	user                  string
	fileName, contentType string
	unknown               []string // members that the dictionary does not explain
}

// The bounds of what one record can make us remember.
const (
	maxFact    = 200  // bytes of one fact
	maxUnknown = 100  // names
	maxPointer = 1025 // more than any blob's name has
)

func newFound(m *archive.Match) found {
	f := found{bytes: append([]byte(nil), m.Bytes...), offset: m.Offset, size: m.Size, install: m.Install, id: spelling(m.MessageID), kind: m.MessageType}
	f.pointer, _ = m.Pointer()
	f.pointer, _ = cut(f.pointer, maxPointer)
	return f
}

// spelling makes ids that differ in letter case, dashes or braces one.
func spelling(id string) string {
	if parsed, ok := diag.ParseID(id); ok {
		return parsed.String()
	}
	id, _ = cut(id, maxFact)
	return id
}

// read fills in the facts.
func (f *found) read(known map[string]string) {
	v := map[string]string{}
	for name, raw := range archive.Members(f.bytes) {
		if _, ok := known[name]; !ok && len(f.facts.unknown) < maxUnknown {
			name, _ := cut(name, maxFact)
			f.facts.unknown = append(f.facts.unknown, name)
			continue
		}
		switch name {
		case "Timestamp", "AppId", "AppNamespace", "AppVersion", "AppBuild", "OemName", "Model", "OsName", "OsVersion", "UserId", "ContentType":
			v[name], _ = cut(archive.Text(raw), maxFact)
		case "FileName":
			v[name], _ = cut(archive.Text(raw), maxPointer) // with its ending
		}
	}
	t, _ := time.Parse(time.RFC3339, v["Timestamp"])
	f.facts = facts{time: plausible(t.UTC()), app: cmp.Or(v["AppNamespace"], v["AppId"]), version: v["AppVersion"], build: v["AppBuild"], maker: v["OemName"], model: v["Model"],
		os: v["OsName"], osVersion: v["OsVersion"], user: v["UserId"], fileName: v["FileName"], contentType: v["ContentType"], unknown: f.facts.unknown}
}

// plausible is t if a clock of our century can have shown it, else zero.
func plausible(t time.Time) time.Time {
	if t.Year() < 2000 || t.Year() > 2100 {
		return time.Time{}
	}
	return t
}

// device in words: "Google Pixel 7, Android 14".
func (f *facts) device() string {
	model := joined(" ", f.maker, f.model)
	if f.maker != "" && strings.HasPrefix(strings.ToLower(f.model), strings.ToLower(f.maker)) {
		model = f.model // "Nokia Nokia 7"
	}
	return joined(", ", model, joined(" ", f.os, f.osVersion))
}

// program in words: "com.acme.shop 2.10.0 (231)".
func (f *facts) program() string {
	build := f.build
	if build != "" {
		build = "(" + build + ")"
	}
	return joined(" ", f.app, f.version, build)
}

// class is how the page sorts records.
type class uint8

const (
	crash class = iota
	handledError
	attachment
	event // all that is not one of the others
	classes
)

func classOf(kind string) class {
	switch kind {
	case "ErrorLog":
		return crash
	case "HandledErrorLog":
		return handledError
	case "ErrorAttachmentLog":
		return attachment
	}
	return event
}

// cut returns s if it has at most size bytes, else its start and how much that lacks.
func cut(s string, size int) (string, int) {
	if len(s) <= size {
		return s, 0
	}
	start := strings.ToValidUTF8(s[:size], "")
	return start, len(s) - len(start)
}
