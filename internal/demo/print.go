package demo

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"lifeboat/internal/contract"
)

// Style says how a story is printed.
type Style struct {
	Width  int  // columns; what is longer is cut
	Color  bool // with the colours of terminals
	Serves bool // the server goes on: commands that ask it can be tried
}

// The widths that a story can be told in.
const (
	minWidth = 72
	maxWidth = 110
)

// Print tells the story.
func (s *Story) Print(w io.Writer, style Style) error {
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
	fmt.Fprintf(p.w, format, args...)
	p.w.WriteByte('\n')
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
	p.line("   %s", p.paint(faint, "REPORTS DEVICES VERSION  APP              WHAT BROKE"))
	for _, g := range s.Groups {
		mark := p.paint(crashed, "●")
		if !g.Crash {
			mark = p.paint(handled, "▲")
		}
		p.line(" %s %7d %7d %-8s %-16s %s", mark, g.Count, g.Devices, g.Version, g.App, p.clip(g.Title, 45))
	}
	p.line("   %s", p.paint(faint, "● crash  ▲ handled error"))
}

// crash tells of one crash what each call of the API answers.
func (p *printer) crash(c *Crash) {
	r := &c.Report
	p.chapter("A crash can be read", fmt.Sprintf("%s: %s, %s %s, user %s", c.App, r.DeviceName, r.OSType, r.OSVersion, r.UserID))
	if e := c.Stack.Exception; e != nil {
		p.exception("", e)
	}
	p.line("\n   %s", p.paint(faint, "What the app logged in that session, before the crash:"))
	for _, l := range c.SessionLogs.Logs {
		at, _, _ := strings.Cut(l.Timestamp[min(11, len(l.Timestamp)):], ".")
		text := pad(l.EventName, 16)
		for _, x := range l.Properties {
			text += "  " + x.Name + "=" + x.Value
		}
		p.line("   %s  %-14s %s", strings.TrimSuffix(at, "Z"), l.Type, p.clip(text, 28))
	}
	p.line("\n   %s", p.paint(faint, "Attachments:"))
	for _, a := range c.Attachments {
		says := fmt.Sprintf("fetched from its signed URL: %d bytes", a.Fetched)
		if a.Text != "" {
			says = a.Text
		}
		p.line("   %-12s %-11s %6s  %s", a.Name, a.ContentType, size(a.Size), p.paint(faint, p.clip(says, 36)))
	}
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

// archive shows one app's first minute in full, and how much there is besides.
func (p *printer) archive(s *Story) {
	e := &s.Export
	p.chapter("Closed minutes are exported", fmt.Sprintf("%d blobs, %s, laid out as App Center's export", len(e.Blobs), size(e.Bytes)))
	p.line("   %s", p.clip(e.Source, 3))
	folder, folders := "", map[string]bool{}
	for _, b := range e.Blobs {
		at, rest := minuteOf(b.Name)
		folders[at] = true
		if folder == "" && strings.HasPrefix(b.Name, s.featuredID()+"/") {
			folder = at
			p.line("   └─ %s %s", at, p.paint(faint, p.clip(" "+s.Crash.App, len(at)+7)))
		}
		if at == folder {
			p.blob(&b, rest)
		}
	}
	p.line("      %s", p.paint(faint, fmt.Sprintf("and %s of other minutes and apps", count(len(folders)-1, "folder"))))
}

func (p *printer) blob(b *Blob, name string) {
	records := ""
	if b.Records > 0 {
		records = count(b.Records, "record")
	}
	p.line("      %s %11s %9s", pad(clip(name, p.Width-30), p.Width-30), p.paint(good, fmt.Sprintf("%11s", records)), size(b.Size))
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
	p.chapter("One person gets a copy", fmt.Sprintf("%s: found by install id in the archive alone, no server asked", s.User))
	for _, i := range m.Installs {
		p.line("   install %s  %s", i.ID, count(int(i.Records), "record"))
	}
	state := p.paint(good, "complete")
	if !m.Complete {
		state = p.paint(crashed, "NOT complete")
	}
	p.line("   %s %s: %d records of %d logs, %s, %s", copyFile, state, m.Counts.Records, m.Counts.MessageIDs, count(m.Counts.Payloads, "full report"), count(m.Counts.Attachments, "attachment"))
	for _, f := range s.Members {
		p.line("      %s %9s", pad(clip(f.Name, p.Width-18), p.Width-18), size(f.Size))
	}
}

// reasons puts into words why something is not taken.
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
		p.command("play on with a server that stays", "lifeboat demo")
		p.command("begin for good", "lifeboat serve --data ./lifeboat-data")
		return
	}
	p.chapter("Now yourself", "")
	if p.Serves {
		p.line("   page      %s", s.URL)
		p.line("   metrics   %s/metrics", s.Admin)
		p.line("   token in  %s", s.TokenFile)
		base := fmt.Sprintf("curl -sH \"X-API-Token: $(cat %s)\" \\\n     %s/v0.1/apps/%s/%s", s.TokenFile, s.URL, s.Apps[0].Owner, s.Crash.App)
		p.command("groups of an app", base+"/errors/errorGroups")
		p.command("stack trace of the group above", base+"/errors/errorGroups/"+s.Crash.GroupID+"/stacktrace")
		p.command("where its export goes", base+"/export_configurations")
		p.command("an app of your own", fmt.Sprintf("lifeboat app create %s/mine --os Android --platform Java \\\n     --url %s --data %s", s.Apps[0].Owner, s.URL, s.Folder))
	} else {
		p.command("the same data on a server that stays", fmt.Sprintf("lifeboat serve --data %s --export-root %s/%s", s.Folder, s.Folder, exportRoot))
	}
	p.command("the archive", "find "+s.Export.Source+" -type f")
	p.command("a copy for somebody", fmt.Sprintf("lifeboat person copy --archive %s \\\n     --install %s --out copy.zip", s.Export.Source, s.Person.Installs[0]))
	if p.Serves {
		p.line("\n   The server stays up until Ctrl-C%s.", map[bool]string{true: "; then its folder goes too"}[s.Temporary])
	}
}

// command is not cut: it is there to be copied.
func (p *printer) command(what, text string) {
	p.line("   %s\n     %s", p.paint(faint, "# "+what), text)
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
