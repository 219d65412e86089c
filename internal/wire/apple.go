package wire

import (
	"strconv"
	"strings"

	"lifeboat/internal/diag"
)

// readCode reads the text of an Apple frame: "symbol + offset", or "0xbase + offset" where the device had no
// symbol.
func readCode(f *diag.Frame) {
	symbol, offset, ok := cutOffset(f.Code)
	if !ok || f.Method != "" {
		return
	}
	if base, hex := strings.CutPrefix(symbol, "0x"); hex {
		if _, err := strconv.ParseUint(base, 16, 64); err == nil {
			if f.Image != "" && f.Offset == 0 {
				f.Offset = offset
			}
			return
		}
	}
	nameSymbol(f, symbol)
}

// cutOffset splits "name + 123".
func cutOffset(code string) (name string, offset uint64, ok bool) {
	i := strings.LastIndex(code, " + ")
	if i <= 0 {
		return "", 0, false
	}
	offset, err := strconv.ParseUint(strings.TrimSpace(code[i+3:]), 10, 64)
	return strings.TrimSpace(code[:i]), offset, err == nil
}

// nameSymbol sets a frame's names from a raw symbol. Objective-C methods are split; other symbols are the
// method as they stand.
func nameSymbol(f *diag.Frame, symbol string) {
	f.Symbol = symbol
	f.Language = symbolLanguage(symbol)
	if class, method, static, ok := cutObjectiveC(symbol); ok {
		f.Class, f.Method, f.ClassMethod = class, method, static
		return
	}
	f.Method = symbol
}

// cutObjectiveC splits -[Class selector:] and +[Class selector:].
func cutObjectiveC(symbol string) (class, method string, static, ok bool) {
	if len(symbol) < 5 || symbol[0] != '-' && symbol[0] != '+' || symbol[1] != '[' || symbol[len(symbol)-1] != ']' {
		return "", "", false, false
	}
	class, method, ok = strings.Cut(symbol[2:len(symbol)-1], " ")
	return class, method, symbol[0] == '+', ok
}

// symbolLanguage is the language that a symbol's mangling tells, "" if it tells none.
func symbolLanguage(symbol string) diag.Language {
	if _, _, _, ok := cutObjectiveC(symbol); ok || strings.HasPrefix(symbol, "__") && strings.Contains(symbol, "_block_invoke") && strings.Contains(symbol, "[") {
		return diag.LanguageObjectiveC
	}
	bare := strings.TrimLeft(symbol, "_")
	switch {
	case hasAnyPrefix(bare, "$s", "$S", "$e", "T0", "Tt") && bare != symbol || hasAnyPrefix(symbol, "$s", "$S", "$e"):
		return diag.LanguageSwift
	case bare != symbol && strings.HasPrefix(bare, "Z"), strings.Contains(symbol, "::"):
		return diag.LanguageCpp
	}
	return ""
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// appleFrame reads a line of +[NSThread callStackSymbols], as the SDK sends it for handled errors:
//
//	"2   libdispatch.dylib                   0x00000001a2b0c1d8 _dispatch_main_queue_drain + 748",
//
// Image names may hold blanks, dots and dashes, which is why the SDK's own list of frames is wrong.
func appleFrame(line string) (diag.Frame, bool) {
	line = strings.Trim(strings.TrimSuffix(strings.TrimSpace(line), ","), `"`)
	number, rest, _ := strings.Cut(line, " ")
	if number == "" || strings.Trim(number, "0123456789") != "" {
		return diag.Frame{}, false
	}
	i := strings.Index(rest, " 0x")
	if i < 0 {
		return diag.Frame{}, false
	}
	digits, code, _ := strings.Cut(rest[i+1:], " ")
	address, ok := parseAddress(digits)
	if !ok || address == 0 {
		return diag.Frame{}, false
	}
	f := diag.Frame{Image: strings.TrimSpace(rest[:i]), Address: address, Code: unescapePlist(strings.TrimSpace(code))}
	if f.Image == "???" {
		f.Image = ""
	}
	readCode(&f)
	return f, true
}

// unescapePlist takes back the escapes with which NSArray describes its texts: \" \\ \n and \Uxxxx.
func unescapePlist(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if s[i] == 'U' && i+5 <= len(s) {
			if r, err := strconv.ParseUint(s[i+1:i+5], 16, 16); err == nil {
				b.WriteRune(rune(r))
				i += 4
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// unmangle makes the best of a frame that the SDK cut out of callStackSymbols when the text is not there: the
// file is the image, and a dot in its name has shifted the columns by one.
func unmangle(f *diag.Frame) {
	if f.Line != 0 || f.Code != "" {
		return // somebody else's frame
	}
	shifted, ok := parseAddress(f.Class)
	switch {
	case f.Address != 0:
		f.Image, f.File = f.File, ""
	case ok:
		f.Image, f.File, f.Address, f.Class = f.File, "", shifted, ""
	}
	if f.Class != "" && f.Address != 0 {
		f.Language = diag.LanguageObjectiveC
	}
}
