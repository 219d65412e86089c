package group

import (
	"cmp"
	"strconv"
	"strings"

	"lifeboat/internal/diag"
)

// title is the type without its namespace, and the deciding symbol as people say it.
func (f *fault) title() string {
	class := cmp.Or(shortType(f.exception), "Unknown error")
	if class == minidump {
		class = "Native crash"
	}
	if f.at >= 0 {
		if place := shortPlace(&f.frames[f.at]); place != "" {
			return cut(class + " in " + place)
		}
	}
	if m := plainMessage(f.message); m != "" {
		return cut(class + ": " + m)
	}
	return class
}

// shortType is a type's name without namespaces. Domains of Apple's errors have none.
func shortType(s string) string {
	if strings.ContainsAny(s, " /") {
		return s
	}
	return s[strings.LastIndexAny(s, ".")+1:]
}

// shortPlace is where a frame stands: the class without its namespace and the method.
func shortPlace(f *diag.Frame) string {
	switch habitOf(f) {
	case java:
		class, method := javaName(f.Class, f.Method)
		return join(shortType(class), method)
	case dotnet:
		class, method := dotnetName(f.Class, f.Method)
		return join(shortType(class), method)
	case script:
		if name := scriptName(f.Method); name != "" {
			return name
		}
		return baseName(plainFile(f.File))
	case native:
		return nativePlace(f)
	}
	return join(f.Class, f.Method)
}

// nativePlace is a native symbol; Swift's with parentheses, as Xcode writes it. Without a symbol it is the image
// and the offset in it, as crash logs write them.
func nativePlace(f *diag.Frame) string {
	name := nativeName(f)
	switch {
	case name.function != "" && name.swift && !strings.Contains(name.function, "etter"):
		return join(name.class, name.function) + "()" + name.closure
	case name.function != "":
		return name.String()
	case f.Image != "" && f.Offset != 0:
		return baseName(f.Image) + " + " + strconv.FormatUint(f.Offset, 10)
	case f.Image != "":
		return baseName(f.Image)
	case f.Address != 0:
		return "0x" + strconv.FormatUint(f.Address, 16)
	}
	return ""
}

// reason is the deciding frame with what the API shows of it.
func (f *fault) reason(r *diag.Report) diag.ReasonFrame {
	reason := diag.ReasonFrame{ExceptionType: f.exception, ExceptionMessage: f.message, OSExceptionType: r.OSExceptionType}
	if f.at < 0 {
		return reason
	}
	frame := f.frames[f.at]
	for _, text := range [...]*string{&frame.Class, &frame.Method, &frame.Params, &frame.File} {
		*text = cut(*text)
	}
	reason.CodeRaw = cut(codeRaw(&frame))
	reason.CodeFormatted = cut(codeFormatted(&frame))
	nameFrame(&frame)
	reason.Frame = frame
	return reason
}

// nameFrame gives a frame the names that its people know, where the frame's own say nothing of them: the
// functions that coroutines, asynchronous methods and mangled symbols were made of.
func nameFrame(f *diag.Frame) {
	switch habitOf(f) {
	case java:
		if f.Method == "invokeSuspend" {
			f.Class, f.Method = javaName(f.Class, f.Method)
		}
	case dotnet:
		if f.Method == "MoveNext" {
			f.Class, f.Method = dotnetName(f.Class, f.Method)
		}
	case native:
		name := nativeName(f)
		if f.Class == "" && name.function != "" {
			f.Class, f.Method, f.ClassMethod = name.class, name.function, name.static
		}
	}
}

// codeRaw is a frame as its platform writes it.
func codeRaw(f *diag.Frame) string {
	switch habitOf(f) {
	case java:
		return join(f.Class, f.Method) + "(" + javaPlace(f) + ")"
	case dotnet:
		return join(f.Class, f.Method) + "(" + f.Params + ")"
	case script:
		return scriptCode(f)
	}
	return nativePlace(f)
}

// codeFormatted is a frame as people read it: plain names, then file and line.
func codeFormatted(f *diag.Frame) string {
	switch habitOf(f) {
	case java:
		return join(javaName(f.Class, f.Method)) + "(" + javaPlace(f) + ")"
	case dotnet:
		return join(dotnetName(f.Class, f.Method)) + "(" + f.Params + ")" + place(f)
	case script:
		return scriptCode(f)
	}
	return nativePlace(f) + place(f)
}

// place is " (Cart.m:30)", or nothing.
func place(f *diag.Frame) string {
	switch {
	case f.File == "":
		return ""
	case f.Line <= 0:
		return " (" + baseName(f.File) + ")"
	}
	return " (" + baseName(f.File) + ":" + strconv.Itoa(f.Line) + ")"
}

func javaPlace(f *diag.Frame) string {
	switch {
	case f.Native:
		return "Native Method"
	case f.File == "":
		return "Unknown Source"
	case f.Line <= 0:
		return f.File
	}
	return f.File + ":" + strconv.Itoa(f.Line)
}

// scriptCode is "load (index.bundle:1:480011)", the place alone where the function has no name.
func scriptCode(f *diag.Frame) string {
	at := f.File
	for _, n := range [...]int{f.Line, f.Column} {
		if n > 0 && at != "" {
			at += ":"
		}
		if n > 0 {
			at += strconv.Itoa(n)
		}
	}
	if f.Native {
		at = "native"
	}
	if f.Method == "" || at == "" {
		return f.Method + at
	}
	return f.Method + " (" + at + ")"
}
