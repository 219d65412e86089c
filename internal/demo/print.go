package demo

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"lifeboat/internal/contract"
)

// Style says how a story is printed.
type Style struct {
	Width  int  // columns; what is longer is cut
	Color  bool // with the colours of terminals
	Serves bool // the server goes on: commands that ask it can be tried
	// Command is how the reader called the program; "" = lifeboat.
	Command string
}

// The widths that a story can be told in.
const (
	minWidth = 72
	maxWidth = 110
)

// Print tells the story.
func (s *Story) Print(w io.Writer, style Style) error {
	style.Command = cmp.Or(style.Command, "lifeboat")
	style.Width = min(max(style.Width, minWidth), maxWidth)
	p := &printer{w: bufio.NewWriter(w), Style: style}
	p.apps(s)
	p.groups(s)
	p.crash(&s.Crash)
	p.archive(s)
	p.person(&s.Person)
	p.refused(s)
	p.next(s)
	return p.w.Flush()
}

// printer writes to a buffer that keeps the first error.
type printer struct {
	w *bufio.Writer
	Style
	chapters int
}

// The colours have meanings: those of App Center's portal, as far as a terminal has them.
const (
	bold    = "1"
	faint   = "2"
	crashed = "31" // red
	handled = "33" // yellow
	good    = "32" // green
	class   = "35" // purple
	method  = "36" // teal
)

func (p *printer) paint(code, s string) string {
	if !p.Color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *printer) line(format string, args ...any) {
	p.w.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
}

// chapter begins one, with what it is about.
func (p *printer) chapter(title, about string) {
	p.chapters++
	p.line("\n%s  %s", p.paint(bold, fmt.Sprintf("%d. %s", p.chapters, title)), p.paint(faint, p.clip(about, len(title)+5)))
}

// clip cuts a text so that it fits behind what stands before it on its line.
func (p *printer) clip(s string, before int) string { return clip(s, p.Width-before) }

func clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' ' // text of a device must not move the cursor
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:max(n-1, 0)]) + "…"
}

// pad fills a text up to n columns.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(n-utf8.RuneCountInString(s), 0))
}

func (p *printer) apps(s *Story) {
	p.line("%s", p.paint(bold, "Lifeboat at work: "+s.URL))
	p.chapter("Apps send their logs", fmt.Sprintf("%d logs in %d requests, over HTTP as the App Center SDKs do", s.Sent.Total(), s.Sent.Requests))
	p.line("   %s", p.paint(faint, "APP               OS        PLATFORM            REQUESTS   LOGS"))
	for _, a := range s.Apps {
		p.line("   %-17s %-9s %-19s %8d %6d", a.Name, a.OS, a.Platform, a.Requests, a.Logs)
	}
}

func (p *printer) groups(s *Story) {
	crashes, errors := 0, 0
	for _, g := range s.Groups {
		if g.Crash {
			crashes++
		} else {
			errors++
		}
	}
	p.chapter("Reports of one fault are one group", fmt.Sprintf("%s of crashes, %s of handled errors", count(crashes, "group"), count(errors, "group")))
	p.line("   %s", p.paint(faint, "COUNT DEVICES VERSION  APP             WHAT BROKE"))
	for _, g := range s.Groups {
		mark := p.paint(crashed, "●")
		if !g.Crash {
			mark = p.paint(handled, "▲")
		}
		p.line(" %s %5d %7d %-8s %-15s %s", mark, g.Count, g.Devices, g.Version, g.App, p.clip(g.Title, 42))
	}
	p.line("   %s", p.paint(faint, "● crash  ▲ handled error"))
}

// crash tells of one crash what each call of the API answers.
func (p *printer) crash(c *Crash) {
	r := &c.Report
	p.chapter("A crash can be read", fmt.Sprintf("%s; %s, %s %s, user %s", c.Stack.Title, r.DeviceName, r.OSType, r.OSVersion, r.UserID))
	if e := c.Stack.Exception; e != nil {
		p.exception("", e)
	}
	p.line("\n   %s", p.paint(faint, "What the app logged in that session, before the crash:"))
	for _, l := range c.SessionLogs.Logs {
		text := pad(l.EventName, 16)
		for _, x := range l.Properties {
			text += "  " + x.Name + "=" + x.Value
		}
		p.line("   %s  %-14s %s", timeOf(l.Timestamp), l.Type, p.clip(text, 28))
	}
	p.line("   %s  %s", timeOf(r.Timestamp), p.paint(crashed, "crash"))
	p.line("\n   %s", p.paint(faint, "Attachments:"))
	for _, a := range c.Attachments {
		says := fmt.Sprintf("fetched from its signed URL: %d bytes", a.Fetched)
		if a.Text != "" {
			says = a.Text
		}
		p.line("   %-12s %-11s %6s  %s", a.Name, a.ContentType, size(a.Size), p.paint(faint, p.clip(says, 36)))
	}
}

// timeOf is the time of day in a timestamp of the API.
func timeOf(timestamp string) string {
	t, err := time.Parse(time.RFC3339, timestamp)
	if err != nil {
		return timestamp
	}
	return t.Format(time.TimeOnly)
}

// exception prints one with its causes. Frames of the system are folded: those of the app tell the story.
func (p *printer) exception(lead string, e *contract.Exception) {
	p.line("   %s", p.paint(bold, p.clip(lead+e.Type+": "+e.Reason, 3)))
	folded := 0
	for i := range e.Frames {
		f := &e.Frames[i]
		if !f.AppCode && i > 0 {
			folded++
			continue
		}
		p.fold(folded)
		folded = 0
		p.frame(f)
	}
	p.fold(folded)
	for i := range e.InnerExceptions {
		p.exception("Caused by: ", &e.InnerExceptions[i])
	}
}

func (p *printer) fold(n int) {
	if n > 0 {
		p.line("       %s", p.paint(faint, "… "+count(n, "frame")+" of the system"))
	}
}

func (p *printer) frame(f *contract.Frame) {
	text := p.clip(f.CodeFormatted, 10)
	if !f.AppCode {
		p.line("       %s", p.paint(faint, "at "+text))
		return
	}
	if rest, ok := strings.CutPrefix(text, f.ClassName+"."+f.Method); ok && f.ClassName != "" {
		text = p.paint(class, f.ClassName) + "." + p.paint(method, f.Method) + rest
	}
	p.line("     %s at %s", p.paint(crashed, "▸"), text)
}

// archive shows one app's first minute, and how much there is besides.
func (p *printer) archive(s *Story) {
	e := &s.Export
	p.chapter("Closed minutes are exported", fmt.Sprintf("%d blobs, %s; the clock was stepped over two minutes", len(e.Blobs), size(e.Bytes)))
	p.line("   %s", e.Source)
	folder, folders, shown := "", map[string]bool{}, []Blob(nil)
	for _, b := range e.Blobs {
		at, rest := minuteOf(b.Name)
		folders[at] = true
		if folder == "" && strings.HasPrefix(b.Name, s.featuredID()+"/") {
			folder = at
		}
		if at == folder {
			shown = append(shown, Blob{rest, b.Size, b.Records})
		}
	}
	p.line("   └─ %s/ %s", folder, p.paint(faint, p.clip(" "+s.Crash.App, len(folder)+8)))
	p.files(shown, func(name string) string {
		kind, rest, nested := strings.Cut(name, "/")
		switch {
		case !nested || strings.HasSuffix(name, ".v1.data"):
			return name
		case strings.Contains(rest, "/"):
			return kind + "/<error id>/<attachment id>"
		}
		return kind + "/<error id>.json"
	})
	p.line("      %s", p.paint(faint, fmt.Sprintf("and %s of other minutes and apps", count(len(folders)-1, "folder"))))
}

// files lists files by name; those that have one pattern are a single line.
func (p *printer) files(all []Blob, pattern func(string) string) {
	var names []string
	sizes, times, records := map[string]int64{}, map[string]int{}, map[string]int{}
	for _, b := range all {
		name := pattern(b.Name)
		if times[name] == 0 {
			names = append(names, name)
		}
		sizes[name] += b.Size
		times[name]++
		records[name] += b.Records
	}
	wide := min(52, p.Width-28)
	for _, name := range names {
		holds := ""
		switch {
		case records[name] > 0:
			holds = count(records[name], "record")
		case strings.ContainsAny(name, "<*"):
			holds = count(times[name], "file")
		}
		p.line("      %s %s %9s", pad(clip(name, wide), wide), p.paint(good, fmt.Sprintf("%11s", holds)), size(sizes[name]))
	}
}

// featuredID is the id of the app whose crash is followed.
func (s *Story) featuredID() string {
	for _, a := range s.Apps {
		if a.Name == s.Crash.App {
			return a.ID
		}
	}
	return ""
}

// minuteOf splits a blob's name behind its minute: <app id>/yyyy/MM/dd/HH/mm/ and the rest.
func minuteOf(name string) (folder, rest string) {
	parts := strings.SplitN(name, "/", 7)
	if len(parts) < 7 {
		return "", name
	}
	return strings.Join(parts[:6], "/"), parts[6]
}

func (p *printer) person(s *Person) {
	m := s.Manifest
	p.chapter("One person gets a copy", s.User+", by install id, from the archive alone")
	for _, i := range m.Installs {
		p.line("   install %s %11s  %s", i.ID, count(int(i.Records), "record"), p.paint(faint, p.clip(s.deviceOf(string(i.ID)), 61)))
	}
	state := p.paint(good, "complete")
	if !m.Complete {
		state = p.paint(crashed, "NOT complete")
	}
	p.line("   %s %s: %d records of %d logs", s.File, state, m.Counts.Records, m.Counts.MessageIDs)
	p.files(s.Members, func(name string) string {
		if folder, _, _ := strings.Cut(name, "/"); folder == "payloads" || folder == "attachments" {
			return folder + "/*"
		}
		return name
	})
}

func (s *Person) deviceOf(install string) string {
	for _, i := range s.Installs {
		if i.ID == install {
			return i.Device + ", " + i.App
		}
	}
	return ""
}

// reason puts into words why something is not taken.
func reason(code string) string {
	switch code {
	case "app_secret_denied":
		return "request with a secret that no app has: answered 401"
	case "too_old":
		return "log of a tablet that was offline for 40 days: answered 200, dropped"
	case "unknown_type":
		return "log of a type that nobody knows: answered 200, dropped"
	}
	return "not taken: " + code
}

func (p *printer) refused(s *Story) {
	p.chapter("What is not taken is counted", "and shown to the operator")
	for _, r := range s.Refused {
		p.line("   %4d  %-18s %s", r.Count, r.Reason, p.paint(faint, p.clip(reason(r.Reason), 28)))
	}
	p.line("   %4d  %-18s %s", s.Duplicates, "duplicate", p.paint(faint, p.clip("logs that came again after a lost answer, batched anew: kept once", 28)))
}

// next says what can be tried.
func (p *printer) next(s *Story) {
	if !p.Serves && s.Temporary {
		p.chapter("Now yourself", "this server is gone, with its folder")
		p.command("play on with a server that stays", p.Command+" demo")
		p.command("begin for good", p.Command+" serve --data ./lifeboat-data")
		return
	}
	p.chapter("Now yourself", "")
	if !p.Serves {
		p.command("the same data on a server that stays", fmt.Sprintf("%s serve --data %s --export-root %s/%s", p.Command, s.Folder, s.Folder, exportRoot))
	}
	if p.Serves {
		p.line("   page      %s", s.URL+p.paint(faint, "  (it asks for the token)"))
		p.line("   metrics   %s/metrics", s.Admin)
		p.line("   token in  %s", s.TokenFile)
	}
	p.line("   %s\n     DIR=%s", p.paint(faint, "# for what follows"), s.Folder)
	if p.Serves {
		p.line("     APP=%s/v0.1/apps/%s/%s", s.URL, s.Apps[0].Owner, s.Crash.App)
		p.line(`     TOKEN="X-API-Token: $(cat $DIR/%s)"`, tokenFile)
		const curl = `curl -sH "$TOKEN" $APP/`
		p.command("the groups of an app, the stack of the one above, where its exports go", curl+"errors/errorGroups",
			curl+"errors/errorGroups/"+s.Crash.GroupID+"/stacktrace", curl+"export_configurations")
		p.command("an app of your own", fmt.Sprintf("%s app create %s/mine --os Android --platform Java \\\n       --url %s --data $DIR", p.Command, s.Apps[0].Owner, s.URL))
	}
	p.command("the archive, and a copy of it for somebody", fmt.Sprintf("find $DIR/%s/%s -type f", exportRoot, exportPath),
		fmt.Sprintf("%s person copy --archive $DIR/%s/%s \\\n       --install %s --out copy.zip", p.Command, exportRoot, exportPath, s.Person.Installs[0].ID))
	if p.Serves {
		end := ""
		if s.Temporary {
			end = "; then its folder goes too"
		}
		p.line("\n   The server stays up until Ctrl-C%s.", end)
	}
}

// command is not cut: it is there to be copied.
func (p *printer) command(what string, texts ...string) {
	p.line("   %s", p.paint(faint, "# "+what))
	for _, text := range texts {
		p.line("     %s", text)
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1e6:
		return fmt.Sprintf("%.1f KB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
