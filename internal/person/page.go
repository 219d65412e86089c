package person

import (
	"container/heap"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"lifeboat/internal/archive"
	"lifeboat/internal/diag"
)

// The page shows the newest records; all are in data/records.jsonl. More would make a page that no browser
// opens gladly.
const (
	maxShown      = 1000
	maxShownBytes = 8 << 20
	maxShownOne   = 256 << 10 // a larger record is named, not shown
	maxShownValue = 4 << 10   // of one value
)

// page gathers what index.html shows. The zero value is empty.
type page struct {
	shown shownHeap
	bytes int
	left  int64 // records that are not shown
}

// shown is one record on the page.
type shown struct {
	minute diag.Minute
	line   int64
	blob   string
	entry  string // of its payload or bytes; "" = none
	id     string
	kind   string
	record []byte // nil if too large
	size   int
}

// shownHeap has the oldest record on top.
type shownHeap []shown

func (h shownHeap) Len() int      { return len(h) }
func (h shownHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h shownHeap) Less(i, j int) bool {
	if h[i].minute != h[j].minute {
		return h[i].minute < h[j].minute
	}
	return h[i].line < h[j].line
}
func (h *shownHeap) Push(x any) { *h = append(*h, x.(shown)) }
func (h *shownHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func (p *page) add(place archive.Place, blob string, line int64, entry string, f found) {
	s := shown{minute: place.Minute, line: line, blob: blob, entry: entry, id: f.id, kind: f.kind, record: f.bytes, size: len(f.bytes)}
	if s.size > maxShownOne {
		s.record = nil
	}
	heap.Push(&p.shown, s)
	p.bytes += len(s.record)
	for len(p.shown) > maxShown || p.bytes > maxShownBytes {
		p.bytes -= len(heap.Pop(&p.shown).(shown).record)
		p.left++
	}
}

// entry is one log on the page: the fullest of the records about it, with the lines of the others.
type entry struct {
	Title, Where, When, Device string
	Crash                      bool
	Line                       int64
	Also                       []int64
	Size                       int
	TooLarge                   bool
	Link, Missing              string // path of the payload in the ZIP, or the name of what is missing
	Fields                     []field
}

type field struct{ Name, Value, Cut string }

// view is what the template sees.
type view struct {
	Manifest   *Manifest
	Crashes    []entry
	Others     []entry
	Left       int64
	Shown      int
	Dictionary []term
}

//go:embed page.html.tmpl
var pageText string

// render writes the page.
func (p *page) render(w io.Writer, m *Manifest) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	return t.Execute(w, p.view(m))
}

func (p *page) view(m *Manifest) view {
	stored := map[string]bool{}
	for _, member := range m.Members {
		stored[member.Path] = true
	}
	slices.SortFunc(p.shown, func(a, b shown) int {
		if a.minute != b.minute {
			return int(b.minute - a.minute)
		}
		return int(a.line - b.line)
	})
	v := view{Manifest: m, Left: p.left, Shown: len(p.shown)}
	unknown := map[string]bool{}
	for _, same := range p.byLog() {
		e := newEntry(same, stored)
		for _, f := range e.Fields {
			unknown[f.Name] = true
		}
		if e.Crash {
			v.Crashes = append(v.Crashes, e)
		} else {
			v.Others = append(v.Others, e)
		}
	}
	v.Dictionary = dictionary(unknown)
	return v
}

// byLog puts the records about one log together, in the order of the first.
func (p *page) byLog() [][]shown {
	var logs [][]shown
	at := map[string]int{}
	for _, s := range p.shown {
		if i, ok := at[s.id]; ok && s.id != "" {
			logs[i] = append(logs[i], s)
			continue
		}
		at[s.id] = len(logs)
		logs = append(logs, []shown{s})
	}
	return logs
}

func newEntry(same []shown, stored map[string]bool) entry {
	best := 0
	for i, s := range same {
		if len(s.record) > len(same[best].record) {
			best = i
		}
	}
	s := same[best]
	e := entry{Line: s.line, Size: s.size, TooLarge: s.record == nil, Crash: s.kind == "ErrorLog" || s.kind == "HandledErrorLog"}
	for i, other := range same {
		if i != best {
			e.Also = append(e.Also, other.line)
		}
	}
	if stored[s.entry] {
		e.Link = s.entry
	} else {
		e.Missing = s.entry
	}
	values := map[string]string{}
	for name, raw := range archive.Members(s.record) {
		value := archive.Text(raw)
		if raw[0] != '"' {
			value = string(raw)
		}
		values[name] = value
		e.Fields = append(e.Fields, newField(name, value))
	}
	e.describe(s.kind, values)
	return e
}

func newField(name, value string) field {
	name, _ = cut(name, 200)
	value, rest := cut(value, maxShownValue)
	f := field{Name: name, Value: value}
	if rest > 0 {
		f.Cut = fmt.Sprintf("%d more bytes stand in data/records.jsonl", rest)
	}
	return f
}

func cut(s string, size int) (string, int) {
	if len(s) <= size {
		return s, 0
	}
	return strings.ToValidUTF8(s[:size], ""), len(s) - size
}

// describe says in words what the record is about.
func (e *entry) describe(kind string, v map[string]string) {
	e.When = v["Timestamp"]
	e.Title = title(kind, v)
	e.Title, _ = cut(e.Title, 500)
	if method := joined(".", v["ExceptionClassName"], v["ExceptionMethod"]); method != "" {
		e.Where = method
		if file := joined(":", v["ExceptionFile"], v["ExceptionLine"]); file != "" {
			e.Where += " (" + file + ")"
		}
	}
	e.Where, _ = cut(e.Where, 500)
	e.Device = joined(", ", joined(" ", v["OemName"], v["Model"]), joined(" ", v["OsName"], v["OsVersion"]), joined(" ", label("app version", v["AppVersion"]), label("build", v["AppBuild"])))
	e.Device, _ = cut(e.Device, 500)
}

func title(kind string, v map[string]string) string {
	switch kind {
	case "ErrorLog":
		return joined(": ", "Crash", v["ExceptionType"], v["ExceptionMessage"])
	case "HandledErrorLog":
		return joined(": ", "Handled error", v["ExceptionType"], v["ExceptionMessage"])
	case "ErrorAttachmentLog":
		return joined(": ", "Attachment", v["FileName"], v["ContentType"])
	case "EventLog":
		return joined(": ", "Event", v["EventName"])
	case "PageLog":
		return joined(": ", "Page", v["EventName"])
	case "StartSessionLog":
		return "Start of a session"
	case "StartServiceLog":
		return "Start of the app's reporting"
	case "":
		return "Record without a type"
	}
	return kind
}

func label(what, value string) string {
	if value == "" {
		return ""
	}
	return what + " " + value
}

func joined(between string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), between)
}
