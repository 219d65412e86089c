package wire

import (
	"strconv"
	"strings"

	"lifeboat/internal/diag"
)

// javaScript puts the JavaScript error that React Native carried through a native exception on top of it;
// without one, top is the answer.
func (r *errorLog) javaScript(top *diag.Exception) *diag.Exception {
	carrier := findCarrier(top)
	if carrier == nil {
		return top
	}
	e := &diag.Exception{Platform: diag.PlatformReactNative}
	var message string
	message, e.Text, _ = cutJSStack(carrier.Message)
	e.Type, e.Message = cutJSClass(wholeJSMessage(carrier.Type, message))
	e.Frames = framesOfText(e, &r.limit)
	if top.Platform != diag.PlatformIOS { // there the threads keep the native side
		e.Inner = []diag.Exception{*top}
	}
	return e
}

// findCarrier finds the native exception in a chain whose message carries a JavaScript error: RCTFatalException
// on Apple systems, com.facebook.react.common.JavascriptException on Android, perhaps under an obfuscated name.
func findCarrier(e *diag.Exception) *diag.Exception {
	for e != nil && (e.Platform == diag.PlatformIOS || e.Platform == diag.PlatformAndroid) {
		if _, _, ok := cutJSStack(e.Message); ok {
			return e
		}
		if len(e.Inner) == 0 {
			return nil
		}
		e = &e.Inner[0]
	}
	return nil
}

const unhandledJS = "Unhandled JS Exception: "

// cutJSStack splits the text that React Native makes of a JavaScript error: "message, stack:" and lines of
// frames. Newer versions name the engine before the stack.
func cutJSStack(s string) (message, stack string, ok bool) {
	message, carried := strings.CutPrefix(s, unhandledJS)
	message, stack, found := strings.Cut(message, ", stack:\n")
	if found {
		first, _, _ := strings.Cut(stack, "\n")
		_, found = jsFrame(first)
	}
	if !found && !carried {
		return s, "", false
	}
	return cutJSEngine(message), stack, true
}

// cutJSEngine takes ", js engine: hermes" off the end.
func cutJSEngine(message string) string {
	if i := strings.LastIndex(message, ", js engine: "); i >= 0 {
		return message[:i]
	}
	return message
}

// wholeJSMessage finds the whole of a message that React Native cut short for Apple's exceptionReason: the
// exception's type is "RCTFatalException: Unhandled JS Exception: " and all of it.
func wholeJSMessage(class, message string) string {
	start, short := strings.CutSuffix(message, "...")
	_, whole, ok := strings.Cut(class, unhandledJS)
	if short && ok && strings.HasPrefix(whole, start) {
		return cutJSEngine(whole)
	}
	return message
}

// cutJSClass splits "TypeError: text". A text without a class that says it is an error is an Error.
func cutJSClass(s string) (class, message string) {
	class, message, ok := strings.Cut(s, ": ")
	if ok && (class == "Invariant Violation" || identifier(class) && hasAnySuffix(class, "Error", "Exception")) {
		return class, message
	}
	return "Error", s
}

func hasAnySuffix(s string, suffixes ...string) bool {
	for _, x := range suffixes {
		if strings.HasSuffix(s, x) {
			return true
		}
	}
	return false
}

// jsFrame reads a line of a JavaScript stack, of V8 and Hermes ("at f (file:1:2)"), or of JavaScriptCore,
// Firefox and React Native ("f@file:1:2", and the place alone where the function has no name).
func jsFrame(line string) (diag.Frame, bool) {
	line = strings.TrimSpace(line)
	f := diag.Frame{Code: line, Language: diag.LanguageJavaScript}
	name, place, ok := cutV8(line)
	if !ok {
		name, place, ok = cutAtSign(line)
	}
	switch {
	case !ok:
		return diag.Frame{}, false
	case place == "native" || place == "[native code]":
		f.Method, f.Native = name, true
		return f, true
	}
	f.Method = name
	f.File, f.Line, f.Column, ok = cutPlace(strings.TrimPrefix(place, "address at "))
	return f, ok
}

// cutAtSign splits "name@place" and "place". Paths may hold more of the sign: node_modules/@scope.
func cutAtSign(line string) (name, place string, ok bool) {
	name, place, ok = strings.Cut(line, "@")
	switch {
	case ok && !strings.ContainsAny(name, " \t/:"), name == "global code", name == "eval code", name == "module code":
		return name, place, ok
	}
	return "", line, !strings.ContainsAny(line, " \t") && strings.ContainsAny(line, "./")
}

// cutV8 splits "at name (place)" and "at place".
func cutV8(line string) (name, place string, ok bool) {
	rest, ok := strings.CutPrefix(line, "at ")
	if !ok {
		return "", "", false
	}
	rest = strings.TrimPrefix(rest, "async ")
	i := strings.Index(rest, " (")
	if i < 0 || !strings.HasSuffix(rest, ")") {
		return "", rest, true
	}
	name, place = rest[:i], rest[i+2:len(rest)-1]
	name, _, _ = strings.Cut(name, " [as ")
	if evaluated, ok := strings.CutPrefix(place, "eval at "); ok {
		place = evaluated[strings.LastIndex(evaluated, ", ")+1:] // where in the evaluated text
		place = strings.TrimSpace(place)
	}
	return name, place, true
}

// cutPlace splits "file:line:column", where the file may be missing. There must be a line and a column.
func cutPlace(s string) (file string, line, column int, ok bool) {
	rest, column, ok := cutNumber(s)
	if !ok {
		return "", 0, 0, false
	}
	if file, line, ok = cutNumber(rest); ok {
		return file, line, column, true
	}
	line, err := strconv.Atoi(rest)
	return "", line, column, err == nil && line >= 0
}

// cutNumber splits ":123" off the end.
func cutNumber(s string) (rest string, n int, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || i+1 == len(s) || s[i+1]-'0' > 9 {
		return s, 0, false
	}
	v, err := strconv.ParseUint(s[i+1:], 10, 31)
	return s[:i], int(v), err == nil
}
