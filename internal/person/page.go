package person

import (
	"cmp"
	"container/heap"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"lifeboat/internal/archive"
	"lifeboat/internal/diag"
)

// The page shows the newest records; all are in data/records.jsonl. More would make a page that no browser
// opens gladly.
const (
	maxShown      = 1000
	maxShownBytes = 4 << 20
	maxShownOne   = 128 << 10 // a larger record is named, not shown
	maxShownValue = 4 << 10   // of one value
	maxListed     = 100       // entries of a list of problems, files or installs
	maxTerms      = 500       // names that the dictionary cannot explain
)

// page gathers what index.html shows.
type page struct {
	logs    *logs
	shown   shownHeap
	bytes   int
	left    int64 // records that are not shown
	first   time.Time
	last    time.Time
	apps    sample
	devices sample
	users   sample
	unknown map[string]bool
}

func (p *page) init() { p.unknown = map[string]bool{} }

// shown is one record on the page.
type shown struct {
	found
	at     time.Time // when it happened; zero if nobody knows
	minute diag.Minute
	line   int64
	entry  string // of its payload or bytes; "" = none
}

// shownHeap has the oldest record on top.
type shownHeap []shown

func (h shownHeap) Len() int           { return len(h) }
func (h shownHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h shownHeap) Less(i, j int) bool { return newer(h[j], h[i]) < 0 }
func (h *shownHeap) Push(x any)        { *h = append(*h, x.(shown)) }
func (h *shownHeap) Pop() any {
	last := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = shown{}
	*h = (*h)[:len(*h)-1]
	return last
}

// newer orders records by when they arrived, the newest first.
func newer(a, b shown) int {
	return cmp.Or(cmp.Compare(b.minute, a.minute), cmp.Compare(b.line, a.line))
}

func (p *page) add(s shown) {
	p.summarize(s)
	if len(s.bytes) > maxShownOne {
		s.bytes = nil
	}
	s.large = nil
	heap.Push(&p.shown, s)
	p.bytes += len(s.bytes)
	for len(p.shown) > maxShown || p.bytes > maxShownBytes {
		p.bytes -= len(heap.Pop(&p.shown).(shown).bytes)
		p.left++
	}
}

func (p *page) summarize(s shown) {
	if !s.at.IsZero() && (p.first.IsZero() || s.at.Before(p.first)) {
		p.first = s.at
	}
	if s.at.After(p.last) {
		p.last = s.at
	}
	p.apps.add(s.facts.program())
	p.devices.add(s.facts.device())
	p.users.add(s.facts.user)
	for _, name := range s.facts.unknown {
		if len(p.unknown) < maxTerms {
			p.unknown[name] = true
		}
	}
}

// sample is a set of texts, of which it keeps the first.
type sample struct {
	seen map[string]bool
	more bool
}

const maxSample = 20

func (s *sample) add(text string) {
	switch {
	case text == "" || s.seen[text]:
		return
	case len(s.seen) == maxSample:
		s.more = true
		return
	case s.seen == nil:
		s.seen = map[string]bool{}
	}
	s.seen[text] = true
}

// List is the texts in order, for people.
func (s sample) list() []string {
	texts := slices.Sorted(maps.Keys(s.seen))
	if s.more {
		texts = append(texts, "and others")
	}
	return texts
}

// view is what the template sees.
type view struct {
	*Manifest
	Crashes, Errors, Attached, Events int64 // logs
	First, Last                       time.Time
	Apps, Devices, Users              []string
	Span                              string // what a row of the timeline is: "day" or "month"
	Timeline                          []row
	Shown                             int
	Left                              int64
	Entries                           iter.Seq[entry]
	Dictionary                        []term
}

// row is one day or month of the timeline.
type row struct {
	Label                             string
	Crashes, Errors, Attached, Events int64
	Width                             int // of its bar, in percent of the largest
}

//go:embed page.html.tmpl
var pageText string

// render writes the page.
func (p *page) render(w io.Writer, m *Manifest, known map[string]string) error {
	t, err := template.New("page").Funcs(template.FuncMap{"head": head, "day": day, "clock": clock, "plural": plural}).Parse(pageText)
	if err != nil {
		return err
	}
	return t.Execute(w, p.view(m, known))
}

// The functions of the template.

func head(list []Problem) []Problem { return list[:min(len(list), maxListed)] }
func day(t time.Time) string        { return t.UTC().Format("2 January 2006") }
func clock(t time.Time) string      { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// plural is "1 crash", "2 crashes".
func plural(n any, one, many string) string {
	count := fmt.Sprint(n)
	if count == "1" {
		return "1 " + one
	}
	return count + " " + many
}

func (p *page) view(m *Manifest, known map[string]string) view {
	stored := map[string]bool{}
	for _, member := range m.Members {
		stored[member.Path] = true
	}
	slices.SortFunc(p.shown, newer)
	v := view{Manifest: m, First: p.first, Last: p.last, Apps: p.apps.list(), Devices: p.devices.list(), Users: p.users.list(),
		Shown: len(p.shown), Left: p.left, Entries: p.entries(stored), Dictionary: dictionary(known, p.unknown)}
	v.Crashes, v.Errors, v.Attached, v.Events = split(&p.logs.kind)
	v.Span, v.Timeline = timeline(p.logs.days)
	return v
}

func split(n *[classes]int64) (crashes, errors, attached, events int64) {
	return n[crash], n[handledError], n[attachment], n[event]
}

// maxDays is how many days are still shown as days.
const maxDays = 62

// timeline puts the counts of days into rows, the newest first: days if they are few, else months.
func timeline(days map[int64]*[classes]int64) (span string, rows []row) {
	layout, span := "Monday, 2 January 2006", "day"
	if len(days) > maxDays {
		layout, span = "January 2006", "month"
	}
	most := int64(1)
	for _, d := range slices.Backward(slices.Sorted(maps.Keys(days))) {
		label := "At an unknown time"
		if d != 0 {
			label = time.Unix(d*86400, 0).UTC().Format(layout)
		}
		if len(rows) == 0 || rows[len(rows)-1].Label != label {
			rows = append(rows, row{Label: label})
		}
		r := &rows[len(rows)-1]
		crashes, errors, attached, events := split(days[d])
		r.Crashes, r.Errors, r.Attached, r.Events = r.Crashes+crashes, r.Errors+errors, r.Attached+attached, r.Events+events
		most = max(most, r.total())
	}
	for i := range rows {
		rows[i].Width = int(max(rows[i].total()*100/most, 1))
	}
	return span, rows
}

func (r *row) total() int64 { return r.Crashes + r.Errors + r.Attached + r.Events }

// entry is one log on the page: the fullest of the records about it, with the lines of the others.
type entry struct {
	Day           string // heading above the entry; "" if it is that of the entry before
	Class         string // crash, error, file, event
	What          string // in plain words
	Title, Where  string // in the app's words
	Time          string
	Device, App   string
	Line          int64
	Also          []int64
	Size          int64
	TooLarge      bool
	Link, LinkFor string // path in the ZIP, and what that is
	Missing       bool   // what it names is not in the copy
	record        []byte
}

// entries yields the logs by when they happened, the newest first. Fields are read when they are shown, so
// that only those of one entry are in memory.
func (p *page) entries(stored map[string]bool) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		last := ""
		for _, same := range p.byLog() {
			e := newEntry(same, stored)
			if e.Day == last {
				e.Day = ""
			} else {
				last = e.Day
			}
			if !yield(e) {
				return
			}
		}
	}
}

// byLog puts the records about one log together.
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
	slices.SortStableFunc(logs, func(a, b []shown) int { return b[0].at.Compare(a[0].at) })
	return logs
}

func newEntry(same []shown, stored map[string]bool) entry {
	best := 0
	for i, s := range same {
		if s.size > same[best].size {
			best = i
		}
	}
	s := same[best]
	e := entry{Day: "At an unknown time", Line: s.line, Size: s.size, TooLarge: s.bytes == nil, App: s.facts.program(), Device: s.facts.device(), record: s.bytes}
	if !s.at.IsZero() {
		e.Day, e.Time = s.at.Format("Monday, 2 January 2006"), s.at.Format("15:04:05 UTC")
	}
	for i, other := range same {
		if i != best {
			e.Also = append(e.Also, other.line)
		}
	}
	if e.Missing = s.entry != "" && !stored[s.entry]; !e.Missing {
		e.Link = s.entry
	}
	e.describe(s)
	return e
}

// describe says in words what the record is about.
func (e *entry) describe(s shown) {
	v := map[string]string{}
	for name, raw := range archive.Members(s.bytes) {
		switch name {
		case "ExceptionType", "ExceptionMessage", "ExceptionClassName", "ExceptionMethod", "ExceptionFile", "ExceptionLine", "EventName":
			v[name], _ = cut(archive.Text(raw), 500)
		}
	}
	e.Title = joined(": ", v["ExceptionType"], v["ExceptionMessage"])
	e.LinkFor = "the whole report, as programs read it"
	switch classOf(s.kind) {
	case crash:
		e.Class, e.What = "crash", "The app crashed"
	case handledError:
		e.Class, e.What = "error", "The app reported an error and went on"
	case attachment:
		e.Class, e.What, e.LinkFor = "file", "The app sent a file along with a report", "the file"
		e.Title = joined(", ", s.facts.fileName, s.facts.contentType)
	default:
		e.Class, e.What, e.Title = "event", eventWords(s.kind), v["EventName"]
	}
	if e.Where = joined(".", v["ExceptionClassName"], v["ExceptionMethod"]); e.Where != "" {
		if file := joined(":", v["ExceptionFile"], v["ExceptionLine"]); file != "" {
			e.Where += " (" + file + ")"
		}
	}
}

func eventWords(kind string) string {
	switch kind {
	case "EventLog":
		return "The app noted an event"
	case "PageLog":
		return "A page of the app was opened"
	case "StartSessionLog":
		return "The app was opened"
	case "StartServiceLog":
		return "The app's reporting started"
	case "CustomPropertyLog":
		return "The app noted properties"
	case "PushInstallationLog":
		return "The app registered for notifications"
	case "DistributionStartSessionLog":
		return "The app was opened after an update"
	case "":
		return "A record without a type"
	}
	kind, _ = cut(kind, maxFact)
	return "A record of type " + kind
}

// field is one member of a record as the page shows it.
type field struct {
	Name, Value string
	Cut         int // bytes of the value that are not shown
}

// Fields are the members of the record in their order.
func (e entry) Fields() iter.Seq[field] {
	return func(yield func(field) bool) {
		for name, raw := range archive.Members(e.record) {
			value := archive.Text(raw)
			if raw[0] != '"' {
				value = strings.ToValidUTF8(string(raw), "\ufffd")
			}
			f := field{}
			f.Name, _ = cut(name, maxFact)
			f.Value, f.Cut = cut(value, maxShownValue)
			if !yield(f) {
				return
			}
		}
	}
}

// joined leaves out what is empty.
func joined(between string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), between)
}
