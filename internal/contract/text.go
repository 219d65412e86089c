package contract

import (
	"fmt"
	"strings"

	"lifeboat/internal/diag"
)

// Text writes a report as people read it, in the habit of its platform: Apple's crash report for Apple's
// crashes, else a header and what the runtime itself would have printed. It is UTF-8. v may be nil.
func Text(r *diag.Report, v *diag.Verdict) []byte {
	var t text
	if r.Kind == diag.KindAppleError {
		t.apple(r)
	} else {
		t.plain(r, v)
	}
	if r.Problem != "" {
		t.line("")
		t.field("Problem:", r.Problem)
	}
	return []byte(valid(t.String()))
}

// text is a report being written.
type text struct{ strings.Builder }

func (t *text) line(format string, args ...any) {
	fmt.Fprintf(t, format, args...)
	t.WriteByte('\n')
}

// field writes a line of the header, if there is something to write.
func (t *text) field(name, value string) {
	if value != "" {
		t.line("%-20s %s", name, value)
	}
}

// plain is the report of all platforms but Apple's.
func (t *text) plain(r *diag.Report, v *diag.Verdict) {
	d := &r.Device
	t.field("Incident Identifier:", r.ID.String())
	t.field("CrashReporter Key:", string(r.Install))
	if v != nil {
		t.field("Title:", v.Title)
	}
	t.field("Package:", d.AppNamespace)
	t.field("Version:", withDetail(d.AppVersion, d.AppBuild))
	t.field("Process:", process(r.ProcessName, r.ProcessID))
	t.field("Parent Process:", process(r.ParentProcessName, r.ParentProcessID))
	t.field("Model:", words(d.OEMName, d.Model))
	t.field("OS:", withDetail(words(d.OSName, d.OSVersion), d.OSBuild))
	t.field("Architecture:", r.Architecture)
	t.field("Launch Time:", launchTime(r))
	t.field("Date/Time:", diag.FormatTime(r.Timestamp.Time()))
	t.field("Thread:", withDetail(r.ErrorThreadName, r.ErrorThreadID))
	t.signal(r)
	if e := r.Stack.Exception; e != nil {
		t.line("")
		t.exception(e)
	}
	t.threads(r.Stack.Threads)
	t.images(r)
}

func (t *text) signal(r *diag.Report) {
	t.field("Exception Type:", r.OSExceptionType)
	t.field("Exception Codes:", signalCode(r))
}

func signalCode(r *diag.Report) string {
	if r.OSExceptionAddress == "" {
		return r.OSExceptionCode
	}
	return strings.TrimSpace(r.OSExceptionCode + " at " + r.OSExceptionAddress)
}

func (t *text) threads(threads []diag.Thread) {
	for i := range threads {
		th := &threads[i]
		t.line("")
		if th.Name != "" {
			t.line("Thread %d name:  %s", th.ID, th.Name)
		}
		if th.Crashed {
			t.line("Thread %d Crashed:", th.ID)
		} else {
			t.line("Thread %d:", th.ID)
		}
		t.frames(th.Frames)
		if th.Exception != nil {
			t.line("")
			t.exception(th.Exception)
		}
	}
}

// frames writes the levels of a stack, each in its own habit: a stack of .NET may end in native code.
func (t *text) frames(frames []diag.Frame) {
	for i := range frames {
		f := &frames[i]
		switch habitOf(f) {
		case habitNative:
			t.line("%-4d%-35s 0x%016x %s", i, imageName(f), f.Address, nativeLine(f))
		case habitDotNet:
			t.line("   %s", dotNetLine(f))
		case habitJava:
			t.line("\tat %s", codeFormatted(f))
		default:
			t.line("    at %s", codeFormatted(f))
		}
	}
}

// nativeLine is the symbol with its place in the source.
func nativeLine(f *diag.Frame) string {
	if p := place(f); p != "" {
		return nativeCode(f) + " (" + p + ")"
	}
	return nativeCode(f)
}

// dotNetLine is a line of Exception.StackTrace, the device's own where it sent one: its language may be
// another.
func dotNetLine(f *diag.Frame) string {
	if f.Code != "" {
		return f.Code
	}
	line := fmt.Sprintf("at %s(%s)", join(f.Class, ".", f.Method), f.Params)
	if f.File != "" {
		line += fmt.Sprintf(" in %s:line %d", f.File, f.Line)
	}
	return line
}

// exception writes an exception with its causes.
func (t *text) exception(e *diag.Exception) {
	if dotNet(e) {
		t.dotNet(e)
		return
	}
	t.line("%s", headline(e))
	t.stack(e)
	for i := range e.Inner {
		t.WriteString("Caused by: ")
		t.exception(&e.Inner[i])
	}
}

// dotNet reports whether an exception is one of .NET: by its frames, or by its platform if it has none.
func dotNet(e *diag.Exception) bool {
	for i := range e.Frames {
		if e.Frames[i].Language != "" {
			return e.Frames[i].Language == diag.LanguageCSharp
		}
	}
	return e.Platform == diag.PlatformXamarin || e.Platform == diag.PlatformUnity || e.Platform == diag.PlatformOther
}

// dotNet writes an exception as Exception.ToString does: the first cause stands before the frames, the others
// of an AggregateException follow them.
func (t *text) dotNet(e *diag.Exception) {
	t.line("%s", headline(e))
	if len(e.Inner) > 0 {
		t.WriteString(" ---> ")
		t.dotNet(&e.Inner[0])
		t.line("   --- End of inner exception stack trace ---")
	}
	t.stack(e)
	for i := 1; i < len(e.Inner); i++ {
		fmt.Fprintf(t, "---> (Inner Exception #%d) ", i)
		t.dotNet(&e.Inner[i])
		t.line("<---")
	}
}

// stack writes the frames, or the device's text where no frames could be read.
func (t *text) stack(e *diag.Exception) {
	t.frames(e.Frames)
	if len(e.Frames) == 0 && e.Text != "" {
		t.line("%s", strings.TrimRight(e.Text, "\r\n"))
	}
}

func headline(e *diag.Exception) string {
	if e.Type == "" || e.Message == "" {
		return e.Type + e.Message
	}
	return e.Type + ": " + e.Message
}

// words joins texts that are there.
func words(list ...string) string {
	var there []string
	for _, w := range list {
		if w != "" {
			there = append(there, w)
		}
	}
	return strings.Join(there, " ")
}

// withDetail is "s (detail)".
func withDetail(s, detail string) string {
	if detail != "" {
		detail = "(" + detail + ")"
	}
	return words(s, detail)
}

func process(name, id string) string {
	if id != "" {
		id = "[" + id + "]"
	}
	return words(name, id)
}

func launchTime(r *diag.Report) string {
	if r.AppLaunch == 0 {
		return ""
	}
	return diag.FormatTime(r.AppLaunch.Time())
}
