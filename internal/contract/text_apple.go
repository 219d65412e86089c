package contract

import (
	"strings"

	"lifeboat/internal/diag"
)

// apple writes Apple's crash report of version 104, the text that atos, symbolicatecrash and people know.
func (t *text) apple(r *diag.Report) {
	t.appleHeader(r)
	t.appleInformation(r)
	crashed := crashedThread(r.Stack.Threads)
	if crashed != nil && crashed.Exception != nil && len(crashed.Exception.Frames) > 0 {
		t.line("\nLast Exception Backtrace:")
		t.frames(crashed.Exception.Frames)
	}
	if e := r.Stack.Exception; e != nil && e.Platform != diag.PlatformIOS {
		t.line("\nManaged Exception:") // of Xamarin, React Native and their like
		t.exception(e)
	}
	for i := range r.Stack.Threads {
		th := r.Stack.Threads[i]
		th.Exception = nil // stands above
		t.threads([]diag.Thread{th})
	}
	t.registers(r, crashed)
	t.images(r)
}

func (t *text) appleHeader(r *diag.Report) {
	d := &r.Device
	t.line("Incident Identifier: %s", strings.ToUpper(r.ID.String()))
	t.line("CrashReporter Key:   %s", r.Install)
	t.line("Hardware Model:      %s", d.Model)
	t.line("Process:         %s", process(r.ProcessName, r.ProcessID))
	t.line("Path:            %s", r.ApplicationPath)
	t.line("Identifier:      %s", d.AppNamespace)
	t.line("Version:         %s", withDetail(d.AppVersion, d.AppBuild))
	t.line("Code Type:       %s", codeType(r.Architecture))
	t.line("Parent Process:  %s", process(r.ParentProcessName, r.ParentProcessID))
	t.line("")
	t.line("Date/Time:       %s", diag.FormatTime(r.Timestamp.Time()))
	t.line("Launch Time:     %s", launchTime(r))
	t.line("OS Version:      %s", withDetail(words(d.OSName, d.OSVersion), d.OSBuild))
	t.line("Report Version:  104")
	t.line("")
	t.line("Exception Type:  %s", r.OSExceptionType)
	t.line("Exception Codes: %s", signalCode(r))
	t.line("Crashed Thread:  %s", r.ErrorThreadID)
}

// appleInformation says what the system knew beyond the signal.
func (t *text) appleInformation(r *diag.Report) {
	var e *diag.Exception
	if th := crashedThread(r.Stack.Threads); th != nil {
		e = th.Exception
	}
	if e == nil {
		e = r.Stack.Exception
	}
	if e == nil && r.SelectorRegister == "" {
		return
	}
	t.line("\nApplication Specific Information:")
	if e != nil {
		t.line("*** Terminating app due to uncaught exception '%s', reason: '%s'", e.Type, e.Message)
	}
	if r.SelectorRegister != "" {
		t.line("Selector name found in current argument registers: %s", r.SelectorRegister)
	}
}

func crashedThread(threads []diag.Thread) *diag.Thread {
	for i := range threads {
		if threads[i].Crashed {
			return &threads[i]
		}
	}
	return nil
}

// codeType is Apple's word for an architecture.
func codeType(architecture string) string {
	switch {
	case strings.HasPrefix(architecture, "arm64"):
		return "ARM-64"
	case strings.HasPrefix(architecture, "arm"):
		return "ARM"
	case strings.HasPrefix(architecture, "x86_64"):
		return "X86-64"
	case architecture == "i386":
		return "X86"
	}
	return architecture
}

// registersPerLine is how many registers stand side by side.
const registersPerLine = 4

func (t *text) registers(r *diag.Report, crashed *diag.Thread) {
	if len(r.Stack.Registers) == 0 || crashed == nil {
		return
	}
	t.line("\nThread %d crashed with %s Thread State:", crashed.ID, codeType(r.Architecture))
	var row strings.Builder
	for i, register := range r.Stack.Registers {
		row.WriteString(strings.Repeat(" ", max(0, 6-len(register.Name))) + register.Name + ": " + register.Value + " ")
		if i%registersPerLine == registersPerLine-1 || i == len(r.Stack.Registers)-1 {
			t.line("%s", strings.TrimRight(row.String(), " "))
			row.Reset()
		}
	}
}

// images lists the binaries. The last address is inclusive, as in Apple's reports; + marks the app's own.
func (t *text) images(r *diag.Report) {
	if len(r.Stack.Images) == 0 {
		return
	}
	t.line("\nBinary Images:")
	for i := range r.Stack.Images {
		m := &r.Stack.Images[i]
		mark := " "
		if r.ApplicationPath != "" && m.Path == r.ApplicationPath {
			mark = "+"
		}
		t.line("%#18x - %#18x %s%s %s  <%s> %s", m.Start, last(m), mark, m.Name, m.Architecture, imageID(m), m.Path)
	}
}

func last(m *diag.Image) uint64 {
	if m.End <= m.Start {
		return m.Start
	}
	return m.End - 1
}

func imageID(m *diag.Image) string {
	if m.ID == "" {
		return unknownCode
	}
	return m.ID
}
