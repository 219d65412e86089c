package group

import "strings"

// scriptName is a JavaScript function's name without what compilers and engines add, "" for one without.
//
//	Object.<anonymous>, <unknown>, global code   ""
//	new Cart, async load                         Cart, load
//	_load2$, ?anon_0_load                        _load, load
func scriptName(name string) string {
	name = strings.TrimPrefix(name, "async ")
	name = strings.TrimPrefix(name, "new ")
	if rest, ok := strings.CutPrefix(name, "?anon_"); ok {
		name = strings.TrimPrefix(rest[digits(rest):], "_")
	}
	if rest, ok := strings.CutPrefix(name, "Object."); ok {
		name = rest
	}
	if strings.HasSuffix(name, "$") { // a regenerator's: _callee2$
		name = strings.TrimRight(strings.TrimRight(name, "$"), "0123456789")
	}
	switch name {
	case "anonymous", "global", "global code", "eval code", "module code", "eval", "_callee", "Anonymous function", "(anonymous)", "<global>":
		return ""
	}
	if strings.HasSuffix(name, "<anonymous>") || strings.HasSuffix(name, "<unknown>") {
		return ""
	}
	return name
}

// plainFile is a file without what changes from build to build: the last two parts of its path, no query, no
// hashes.
func plainFile(file string) string {
	file, _, _ = strings.Cut(file, "?")
	file = strings.TrimPrefix(file, "address at ")
	if _, rest, ok := strings.Cut(file, "://"); ok {
		_, file, _ = strings.Cut(rest, "/") // without the host
	}
	file = strings.ReplaceAll(file, `\`, "/")
	base := strings.LastIndexByte(file, '/')
	if base < 0 {
		return plainBase(file)
	}
	folder := strings.LastIndexByte(file[:base], '/')
	if name := file[folder+1 : base]; !buildHash(name) && !strings.HasSuffix(name, ".app") {
		return name + "/" + plainBase(file[base+1:])
	}
	return plainBase(file[base+1:])
}

// plainBase drops hashes: main.3f2a1b9c.js is main.js.
func plainBase(name string) string {
	b := make([]byte, 0, len(name))
	for i := 0; i < len(name); {
		end := i
		for end < len(name) && !separator(name[end]) {
			end++
		}
		if part := name[i:end]; buildHash(part) {
			if len(b) > 0 {
				b = b[:len(b)-1]
			}
		} else {
			b = append(b, part...)
		}
		if end < len(name) {
			b = append(b, name[end])
		}
		i = end + 1
	}
	return string(b)
}

func separator(c byte) bool { return c == '.' || c == '-' || c == '_' || c == '~' }

// buildHash reports whether part of a name was computed: hexadecimal with a digit, or a mixture of digits and
// letters of both cases.
func buildHash(s string) bool {
	if len(s) < 6 {
		return false
	}
	var lower, upper, number, other bool
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			number = true
		case c >= 'a' && c <= 'f':
			lower = true
		case c >= 'A' && c <= 'F':
			upper = true
		case c >= 'g' && c <= 'z':
			lower, other = true, true
		case c >= 'G' && c <= 'Z':
			upper, other = true, true
		default:
			return false
		}
	}
	return number && (!other || len(s) >= 8 && lower && upper)
}
