package contract

import (
	"path"
	"strconv"
	"strings"

	"lifeboat/internal/diag"
)

// ReasonFrame is the frame that decided a group, in camelCase as groups and reports show it.
type ReasonFrame struct {
	ClassName       string        `json:"className,omitempty"`
	Method          string        `json:"method,omitempty"`
	ClassMethod     bool          `json:"classMethod"`
	File            string        `json:"file,omitempty"`
	Line            int           `json:"line,omitempty"`
	AppCode         bool          `json:"appCode"`
	FrameworkName   string        `json:"frameworkName,omitempty"`
	CodeFormatted   string        `json:"codeFormatted,omitempty"`
	CodeRaw         string        `json:"codeRaw,omitempty"`
	Language        diag.Language `json:"language,omitempty"`
	MethodParams    string        `json:"methodParams,omitempty"`
	ExceptionType   string        `json:"exceptionType,omitempty"`
	OSExceptionType string        `json:"osExceptionType,omitempty"`
}

// NewReasonFrame makes the frame that decided. Its codes are those of the verdict where it has them.
func NewReasonFrame(v *diag.ReasonFrame) ReasonFrame {
	f := &v.Frame
	r := ReasonFrame{
		ClassName: f.Class, Method: f.Method, ClassMethod: f.ClassMethod, File: f.File, Line: f.Line, AppCode: f.AppCode,
		FrameworkName: f.Image, CodeFormatted: v.CodeFormatted, CodeRaw: v.CodeRaw, Language: f.Language, MethodParams: f.Params,
		ExceptionType: v.ExceptionType, OSExceptionType: v.OSExceptionType,
	}
	if *f == (diag.Frame{}) {
		return r
	}
	if r.CodeFormatted == "" {
		r.CodeFormatted = codeFormatted(f)
	}
	if r.CodeRaw == "" {
		r.CodeRaw = reasonCode(f)
	}
	return r
}

// reasonCode names a function alike in all versions of an app, as far as the platform's habit allows:
// clients compare it.
func reasonCode(f *diag.Frame) string {
	if name := symbol(f); habitOf(f) == habitNative && name != "" {
		return name
	}
	return codeFormatted(f)
}

// reasonFrames is the list of the frame that decided; empty if the report has no frames.
func reasonFrames(v *diag.Verdict) []ReasonFrame {
	if v == nil || v.Reason.Frame == (diag.Frame{}) {
		return nil
	}
	return []ReasonFrame{NewReasonFrame(&v.Reason)}
}

// StackTrace is where a program stood.
type StackTrace struct {
	Title     string     `json:"title"`
	Reason    string     `json:"reason"`
	Threads   []Thread   `json:"threads"`
	Exception *Exception `json:"exception,omitempty"`
}

// Thread is one thread. Its exception is the last-exception backtrace.
type Thread struct {
	Title     string        `json:"title"`
	Crashed   bool          `json:"crashed"`
	Relevant  bool          `json:"relevant"`
	Platform  diag.Platform `json:"platform"`
	Frames    []Frame       `json:"frames"`
	Exception *Exception    `json:"exception,omitempty"`
}

// Exception is an exception with its causes. InnerExceptions is ours: the original showed no causes.
type Exception struct {
	Type            string        `json:"type"`
	Reason          string        `json:"reason"`
	Platform        diag.Platform `json:"platform"`
	Relevant        bool          `json:"relevant"`
	Frames          []Frame       `json:"frames"`
	InnerExceptions []Exception   `json:"inner_exceptions,omitempty"`
}

// Frame is one level of a stack.
type Frame struct {
	Address       string        `json:"address,omitempty"` // 0x and 16 hex digits
	ClassName     string        `json:"class_name,omitempty"`
	Method        string        `json:"method,omitempty"`
	ClassMethod   bool          `json:"class_method"`
	File          string        `json:"file,omitempty"`
	Line          int           `json:"line,omitempty"`
	AppCode       bool          `json:"app_code"`
	FrameworkName string        `json:"framework_name,omitempty"`
	CodeRaw       string        `json:"code_raw"`
	CodeFormatted string        `json:"code_formatted"`
	Language      diag.Language `json:"language,omitempty"`
	Relevant      bool          `json:"relevant"`
	MethodParams  string        `json:"method_params"`
}

// NewStackTrace makes the stack trace of r; v may be nil.
//
// Threads are those that the device sent. The frames of a managed exception stand in the exception alone, as
// clients read them there (exception.frames[].code_raw), and are not repeated in a thread that nobody saw; a
// crash by signal has an exception that names the signal and has no frames, since the crashed thread has.
func NewStackTrace(r *diag.Report, v *diag.Verdict) StackTrace {
	s := StackTrace{Title: title(r, v), Reason: reason(r), Threads: make([]Thread, len(r.Stack.Threads))}
	for i := range r.Stack.Threads {
		s.Threads[i] = newThread(&r.Stack.Threads[i])
	}
	switch e := r.Stack.Exception; {
	case e != nil:
		x := newException(e)
		s.Exception = &x
	case r.OSExceptionType != "":
		s.Exception = &Exception{Type: r.OSExceptionType, Platform: platform(r.Stack.Platform), Relevant: true, Frames: []Frame{}}
	}
	return s
}

// title is the place that decided, else what grouping calls the report, else its name.
func title(r *diag.Report, v *diag.Verdict) string {
	if v != nil {
		if f := &v.Reason.Frame; f.Line > 0 && sourceFile(f.File) {
			return baseName(f.File) + ", line " + strconv.Itoa(f.Line)
		}
		if v.Title != "" {
			return v.Title
		}
	}
	return NameOf(r)
}

// sourceFile reports whether a file is one that somebody wrote. R8 writes "SourceFile" for all of them, and a
// bundle of JavaScript has everything on one line.
func sourceFile(file string) bool {
	ext := path.Ext(baseName(file))
	return ext != "" && !strings.HasSuffix(ext, "bundle")
}

// reason is the outermost message, else the name.
func reason(r *diag.Report) string {
	if e := r.Stack.Exception; e != nil && e.Message != "" {
		return e.Message
	}
	return NameOf(r)
}

func newThread(t *diag.Thread) Thread {
	th := Thread{Title: threadTitle(t), Crashed: t.Crashed, Relevant: t.Crashed, Platform: platform(t.Platform), Frames: newFrames(t.Frames)}
	if t.Exception != nil {
		x := newException(t.Exception)
		th.Exception = &x
	}
	return th
}

func threadTitle(t *diag.Thread) string {
	if t.Name != "" {
		return t.Name
	}
	return "Thread " + strconv.FormatInt(t.ID, 10)
}

func newException(e *diag.Exception) Exception {
	x := Exception{Type: e.Type, Reason: e.Message, Platform: platform(e.Platform), Relevant: true, Frames: newFrames(e.Frames)}
	for i := range e.Inner {
		x.InnerExceptions = append(x.InnerExceptions, newException(&e.Inner[i]))
	}
	return x
}

func platform(p diag.Platform) diag.Platform {
	if p == "" {
		return diag.PlatformOther
	}
	return p
}

func newFrames(frames []diag.Frame) []Frame {
	out := make([]Frame, len(frames))
	for i := range frames {
		out[i] = newFrame(&frames[i])
	}
	return out
}

func newFrame(f *diag.Frame) Frame {
	return Frame{
		Address: address(f.Address), ClassName: f.Class, Method: f.Method, ClassMethod: f.ClassMethod, File: f.File, Line: f.Line,
		AppCode: f.AppCode, FrameworkName: f.Image, CodeRaw: codeRaw(f), CodeFormatted: codeFormatted(f), Language: f.Language,
		Relevant: f.Relevant, MethodParams: f.Params,
	}
}
