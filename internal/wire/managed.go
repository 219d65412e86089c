package wire

import (
	"strconv"
	"strings"
	"unicode"

	"lifeboat/internal/diag"
)

// managedFrame reads a line of a Java or .NET stack, of any of its runtimes and languages:
//
//	at com.acme.Cart.total(Cart.java:42)                                     Java
//	   at Acme.Price.Parse(String s) in D:\Price.cs:line 19                  .NET
//	   bei Acme.Price.Parse(String s) in D:\Price.cs:Zeile 19.               .NET in German
//	  at Acme.Scan.Run (System.String s) [0x0001c] in C:\Scan.cs:88          Mono
//	  at Acme.Scan.Run (System.String s) <0x105d30a80 + 0x00024> in <4f>:0   Mono, compiled ahead of time
//	at Acme.Garage.Open (System.Int32 slot) (at Assets/Garage.cs:12)         Unity
//	at UnityEngine.Debug:LogError(Object)                                    Unity
//	   at SharedLibrary!<BaseAddress>+0x5a1b2c                               .NET Native
func managedFrame(line string) (diag.Frame, bool) {
	f := diag.Frame{Code: strings.TrimSpace(line), Language: diag.LanguageCSharp}
	rest, ok := cutAt(f.Code)
	if !ok {
		return diag.Frame{}, false
	}
	if nativeFrame(&f, rest) {
		return f, true
	}
	rest = cutWrapper(rest)
	symbol, params, tail, ok := cutParams(rest)
	if !ok {
		return diag.Frame{}, false
	}
	if _, _, _, js := cutPlace(params); js {
		return diag.Frame{}, false
	}
	if javaPlace(&f, params) {
		f.Class, f.Method = cutJavaSymbol(symbol)
		return f, f.Class != ""
	}
	f.Class, f.Method = cutSymbol(symbol)
	f.Params = params
	managedPlace(&f, tail)
	return f, true
}

// cutAt takes the word for "at" off, in whatever language it is: a short word of letters. Unity's own stacks
// have none, but their class and method are separated by a colon.
func cutAt(line string) (rest string, ok bool) {
	word, rest, ok := strings.Cut(line, " ")
	if ok && isWord(strings.TrimSuffix(word, ":")) {
		return strings.TrimSpace(rest), true
	}
	symbol, _, _ := strings.Cut(line, "(")
	return line, strings.Contains(symbol, ":") && !strings.ContainsAny(symbol, "/\\")
}

// isWord reports whether s is a word of letters, no longer than any language's "at".
func isWord(s string) bool {
	if s == "" || len(s) > 24 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
}

// nativeFrame reads what .NET Native writes where it has no names: Library!<BaseAddress>+0x12, or
// Library!symbol+0x12.
func nativeFrame(f *diag.Frame, s string) bool {
	image, rest, ok := strings.Cut(s, "!")
	if !ok || strings.ContainsAny(image, " (") {
		return false
	}
	symbol, hex, ok := strings.Cut(rest, "+0x")
	offset, err := strconv.ParseUint(hex, 16, 64)
	if !ok || err != nil {
		return false
	}
	f.Image = image
	if symbol == "<BaseAddress>" {
		f.Offset, f.Language = offset, ""
		return true
	}
	f.Symbol = symbol
	f.Class, f.Method = cutSymbol(symbol)
	return true
}

// cutWrapper takes Mono's "(wrapper managed-to-native) " off.
func cutWrapper(s string) string {
	if strings.HasPrefix(s, "(wrapper ") {
		if _, rest, ok := strings.Cut(s, ") "); ok {
			return rest
		}
	}
	return s
}

// cutParams splits "Symbol (params) tail". The symbol holds no blanks. One without a dot, colon or slash is the
// name of a dynamic method; with a blank behind it, it is a word of prose.
func cutParams(s string) (symbol, params, tail string, ok bool) {
	open := strings.IndexByte(s, '(')
	if open < 0 {
		return "", "", "", false
	}
	symbol = strings.TrimSpace(s[:open])
	if symbol == "" || strings.ContainsAny(symbol, " \t") || len(symbol) < open && !strings.ContainsAny(symbol, ".:/") {
		return "", "", "", false
	}
	level := 0
	for i := open; i < len(s); i++ {
		switch s[i] {
		case '(':
			level++
		case ')':
			if level--; level == 0 {
				return symbol, strings.TrimSpace(s[open+1 : i]), strings.TrimSpace(s[i+1:]), true
			}
		}
	}
	return "", "", "", false
}

// cutSymbol splits a .NET method's full name into class and method. Dots inside generic arguments and inside
// compiler-made names do not count; .ctor and .cctor begin with a dot of their own.
func cutSymbol(symbol string) (class, method string) {
	dots := outerDots(symbol)
	if len(dots) == 0 {
		i := strings.LastIndexByte(symbol, ':')
		return strings.TrimSuffix(symbol[:max(i, 0)], ":"), symbol[i+1:]
	}
	last := dots[len(dots)-1]
	if len(dots) > 1 && dots[len(dots)-2] == last-1 {
		last-- // "Type..ctor"
	} else if start, ok := explicitInterface(symbol, dots); ok {
		last = start
	} else if colon := strings.LastIndexByte(symbol, ':'); colon > last {
		last = colon // Unity: "Namespace.Type:Method"
	}
	return symbol[:last], symbol[last+1:]
}

// outerDots are the places of the dots outside of brackets.
func outerDots(s string) []int {
	var dots []int
	level := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '[', '<':
			level++
		case ']', '>':
			level--
		case '.':
			if level <= 0 {
				dots = append(dots, i)
			}
		}
	}
	return dots
}

// explicitInterface finds the dot before the interface's name in "Acme.Cart.System.IDisposable.Dispose": the
// method of an explicit implementation is called by the interface's full name. It can be told only where the
// interface's namespace is one of the platform's.
func explicitInterface(symbol string, dots []int) (int, bool) {
	if len(dots) < 3 || !interfaceName(symbol[dots[len(dots)-2]+1:dots[len(dots)-1]]) {
		return 0, false
	}
	for _, dot := range dots[:len(dots)-2] {
		if hasAnyPrefix(symbol[dot+1:], "System.", "Microsoft.") {
			return dot, true
		}
	}
	return 0, false
}

// interfaceName tells IDisposable from IOHelper and Item.
func interfaceName(s string) bool {
	return len(s) > 2 && s[0] == 'I' && unicode.IsUpper(rune(s[1])) && unicode.IsLower(rune(s[2]))
}

// managedPlace reads what follows the parameters: an IL or native offset, then the place in the source.
func managedPlace(f *diag.Frame, tail string) {
	switch {
	case strings.HasPrefix(tail, "[0x"):
		_, tail, _ = strings.Cut(tail, "]")
	case strings.HasPrefix(tail, "<0x"):
		var code string
		code, tail, _ = strings.Cut(tail[1:], ">")
		start, offset, _ := strings.Cut(code, " + ")
		a, ok := parseAddress(start)
		o, _ := parseAddress(offset)
		if ok {
			f.Address = a + o
		}
	}
	tail = strings.TrimSpace(tail)
	if strings.HasPrefix(tail, "(") && strings.HasSuffix(tail, ")") {
		tail = tail[1 : len(tail)-1]
	}
	file, line, ok := cutLine(cutIn(tail))
	if ok && !strings.HasPrefix(file, "<") { // <guid>, <filename unknown>
		f.File, f.Line = file, line
	}
}

// cutIn takes the word for "in" off. Turkish has it behind the file: "C:\Price.cs içinde: satır 19".
func cutIn(place string) string {
	if word, rest, ok := strings.Cut(place, " "); ok && isWord(word) {
		return rest
	}
	if colon := strings.LastIndexByte(place, ':'); colon > 0 {
		blank := strings.LastIndexByte(place[:colon], ' ')
		if blank > 0 && isWord(place[blank+1:colon]) {
			return place[:blank] + place[colon:]
		}
	}
	return place
}

// cutLine splits "FILE:line 19", with the word for "line" in any language or left out, perhaps with a dot
// behind.
func cutLine(s string) (file string, line int, ok bool) {
	s = strings.TrimSuffix(strings.TrimSpace(s), ".")
	digits := len(s)
	for digits > 0 && s[digits-1]-'0' <= 9 {
		digits--
	}
	n, err := strconv.ParseUint(s[digits:], 10, 31)
	if err != nil {
		return "", 0, false
	}
	colon := strings.LastIndexByte(s[:digits], ':')
	if colon <= 0 {
		return "", 0, false
	}
	if word := strings.TrimSpace(s[colon+1 : digits]); word != "" && !isWord(word) {
		return "", 0, false
	}
	return s[:colon], int(n), true
}

// javaPlace reads what stands in the parentheses of a Java frame, and tells it from .NET parameters, which never
// end in a colon and digits.
func javaPlace(f *diag.Frame, s string) bool {
	switch s {
	case "Native Method":
		f.Native = true
	case "Unknown Source", "SourceFile":
		f.File = s
	default:
		file, line, ok := cutNumber(s)
		if !ok && !hasAnySuffix(file, ".java", ".kt", ".scala", ".groovy") {
			return false
		}
		f.File, f.Line = file, line
	}
	f.Language = diag.LanguageJava
	return true
}

// cutJavaSymbol splits a Java method's full name. Names of a class loader and module stand before a slash;
// hidden classes have a slash before their hexadecimal number.
func cutJavaSymbol(symbol string) (class, method string) {
	if i := strings.LastIndexByte(symbol, '/'); i >= 0 && !strings.HasPrefix(symbol[i+1:], "0x") {
		symbol = symbol[i+1:]
	}
	i := strings.LastIndexByte(symbol, '.')
	return symbol[:max(i, 0)], symbol[i+1:]
}

// splitUnityMessage finds the class of an exception that came through Unity's log, where the type is only the
// log's level and the class stands before the message. What code logs as an error is text of any kind.
func splitUnityMessage(e *diag.Exception) {
	class, message, found := strings.Cut(e.Message, ":")
	named := e.Type == "Exception" && identifier(class)
	if e.Type == "Error" || e.Type == "Assert" {
		named = found && identifier(class) && hasAnySuffix(class, "Exception", "Error")
	}
	if named {
		e.Type, e.Message = class, strings.TrimSpace(message)
	}
}

// identifier reports whether s is a name of letters, digits, dots and the like.
func identifier(s string) bool {
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_$.+`", r) {
			return false
		}
	}
	return s != ""
}
