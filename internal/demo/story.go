package demo

import (
	"cmp"
	"strings"

	"lifeboat/internal/contract"
	"lifeboat/internal/person"
)

// Story is what the demo did and found, as `lifeboat demo --json` prints it.
type Story struct {
	URL        string    `json:"url"`
	Admin      string    `json:"admin"`
	Folder     string    `json:"folder"`
	TokenFile  string    `json:"tokenFile"`
	Temporary  bool      `json:"temporary"` // the folder goes with the demo
	Moved      float64   `json:"clockMovedSeconds"`
	Sent       Tally     `json:"sent"`
	Apps       []App     `json:"apps"`
	Groups     []Group   `json:"groups"`
	Crash      Crash     `json:"crash"`
	Export     Export    `json:"export"`
	Person     Person    `json:"person"`
	Refused    []Refusal `json:"refused"`
	Duplicates int       `json:"duplicates"` // logs that came again and were not stored again
}

// App is a registered app with what its devices sent.
type App struct {
	Owner    string `json:"owner"`
	Name     string `json:"name"`
	ID       string `json:"id"`
	OS       string `json:"os"`
	Platform string `json:"platform"`
	Requests int    `json:"requests"`
	Logs     int    `json:"logs"`
}

// Group is a group of crashes or handled errors as the API lists it.
type Group struct {
	App      string   `json:"app"`
	ID       string   `json:"errorGroupId"`
	Crash    bool     `json:"crash"`
	Title    string   `json:"title"`
	Place    string   `json:"codeRaw"`
	Message  string   `json:"exceptionMessage"`
	Version  string   `json:"appVersion"`
	Count    int64    `json:"count"`
	Devices  int64    `json:"deviceCount"`
	LastSeen string   `json:"lastOccurrence"`
	Reports  []string `json:"errorIds"`
}

func newGroup(app string, g *contract.ErrorGroup) Group {
	return Group{
		App: app, ID: g.ErrorGroupID, Crash: strings.HasSuffix(g.ErrorGroupID, "u"), Title: groupTitle(g), Place: g.CodeRaw, Message: g.ExceptionMessage,
		Version: g.AppVersion, Count: g.Count, Devices: g.DeviceCount, LastSeen: g.LastOccurrence,
	}
}

// groupTitle is what a developer would call the group: "EOFException in SeatMapReader.row".
func groupTitle(g *contract.ErrorGroup) string {
	kind := lastName(g.ExceptionType)
	if kind == "minidump" {
		return "native crash, minidump at hand"
	}
	if p := place(g); p != "" {
		return kind + " in " + p
	}
	return kind
}

// place is the function that decided, without package, parameters and line.
func place(g *contract.ErrorGroup) string {
	if len(g.ReasonFrames) == 0 {
		return g.CodeRaw
	}
	f := &g.ReasonFrames[0]
	code, _, _ := strings.Cut(f.CodeFormatted, "(")
	code = strings.TrimSpace(code)
	if rest, ok := strings.CutPrefix(code, f.ClassName+"."); ok {
		return lastName(f.ClassName) + "." + rest
	}
	return cmp.Or(code, g.CodeRaw)
}

func lastName(s string) string { return s[strings.LastIndexByte(s, '.')+1:] }

// compareGroups puts crashes first, then the most frequent.
func compareGroups(a, b Group) int {
	if a.Crash != b.Crash {
		if a.Crash {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(b.Devices, a.Devices), cmp.Compare(a.App, b.App), cmp.Compare(b.Version, a.Version))
}

// Crash is one crash with everything that belongs to it.
type Crash struct {
	App         string               `json:"app"`
	GroupID     string               `json:"errorGroupId"`
	Report      contract.Report      `json:"report"`
	Stack       contract.StackTrace  `json:"stacktrace"`
	SessionLogs contract.SessionLogs `json:"sessionLogs"`
	Attachments []Attachment         `json:"attachments"`
}

// Attachment is one file of the crash, read by text or by location.
type Attachment struct {
	Name        string `json:"fileName"`
	ContentType string `json:"contentType"`
	Size        int64  `json:"size"`
	Text        string `json:"text,omitempty"`
	Fetched     int    `json:"fetched,omitempty"` // bytes that the location gave
}

// Export is the archive.
type Export struct {
	Source string `json:"source"`
	Bytes  int64  `json:"bytes"`
	Blobs  []Blob `json:"blobs"`
}

func (e *Export) add(b Blob) {
	e.Blobs = append(e.Blobs, b)
	e.Bytes += b.Size
}

// Blob is a blob of the archive, or a file in the person's copy.
type Blob struct {
	Name    string `json:"name"`
	Size    int64  `json:"size"`
	Records int    `json:"records,omitempty"` // of an array
}

// Person is one person's copy.
type Person struct {
	User     string           `json:"userId"`
	Installs []Install        `json:"installs"`
	File     string           `json:"file"`
	Manifest *person.Manifest `json:"manifest"`
	Members  []Blob           `json:"members"`
}

// Install is an installation that reports of the user came from: this is how a user's install ids are found.
type Install struct {
	ID     string `json:"installId"`
	App    string `json:"app"`
	Device string `json:"deviceName"`
}

// Refusal is how often something was not taken for one reason.
type Refusal struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
}
