package group

import "strings"

// cppName is a demangled function of C++, Rust or C without return type, parameters, template arguments,
// counters, clones and the versions of standard libraries. The spellings of LLVM, GNU and Microsoft come out
// alike.
func cppName(s string) string {
	s = cutClone(s)
	if strings.ContainsAny(s, " <({`'?$") {
		s = cppScan(s)
	}
	if strings.Contains(s, "__") {
		for _, version := range [...]string{"__1::", "__ndk1::", "__cxx11::"} {
			s = strings.ReplaceAll(s, version, "")
		}
		s = strings.ReplaceAll(s, "_GLOBAL__N_1", "anon")
	}
	return cutMethodHash(cutRustHash(s))
}

// cutClone drops what compilers put behind the names of parts and copies of a function.
func cutClone(s string) string {
	for _, mark := range [...]string{" [clone", ".cold", ".part.", ".isra.", ".constprop.", ".llvm.", ".resume.", ".lto_priv."} {
		if i := strings.Index(s, mark); i > 0 {
			s = s[:i]
		}
	}
	return s
}

// cutRustHash drops "::h0123456789abcdef".
func cutRustHash(s string) string {
	if i := len(s) - 19; i > 0 && s[i:i+3] == "::h" && hexadecimal(s[i+3:]) {
		return s[:i]
	}
	return s
}

// cutMethodHash drops "_mA94A8FE5CCB19BA61C4C0873D391E987982FBBD3", with which Unity's il2cpp ends every name.
func cutMethodHash(s string) string {
	if i := len(s) - 42; i > 0 && s[i:i+2] == "_m" && hexadecimal(s[i+2:]) {
		return s[:i]
	}
	return s
}

// words of a demangled name that stand for something without a name.
var cppWords = [...]struct{ text, name string }{
	{"(anonymous namespace)", "anon"}, {"`anonymous namespace'", "anon"}, {"`anonymous-namespace'", "anon"}, {"{anonymous}", "anon"},
	{"{{closure}}", "closure"},
}

// cppScan goes through a name once, from left to right.
func cppScan(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		rest := s[i:]
		if n, name := cppWord(rest); n > 0 {
			b = append(b, name...)
			i += n
			continue
		}
		if n := operatorName(b, rest); n > 0 {
			b = append(b, rest[:n]...)
			i += n
			continue
		}
		switch c := s[i]; c {
		case '<':
			i += balanced(rest, '<', '>')
			b = append(b, "<>"...)
		case '(':
			i += balanced(rest, '(', ')')
			switch {
			case len(b) == 0 || string(b) == "decltype":
				b = b[:0]
			case strings.HasPrefix(strings.TrimPrefix(s[i:], " const"), "::"): // what follows stands in this function
				i = len(s) - len(strings.TrimPrefix(s[i:], " const"))
			default:
				return string(b)
			}
		case ' ': // what came was a return type or a word of description
			b = b[:0]
			i++
		default:
			b = append(b, c)
			i++
		}
	}
	return string(b)
}

// cppWord reads a name for something without one at the beginning of s.
func cppWord(s string) (n int, name string) {
	for _, w := range cppWords {
		if strings.HasPrefix(s, w.text) {
			return len(w.text), w.name
		}
	}
	switch {
	case strings.HasPrefix(s, "{lambda"):
		return balanced(s, '{', '}'), "lambda"
	case strings.HasPrefix(s, "{closure"):
		return balanced(s, '{', '}'), "closure"
	case strings.HasPrefix(s, "<lambda"):
		return balanced(s, '<', '>'), "lambda"
	case strings.HasPrefix(s, "$_"):
		return 2 + digits(s[2:]), "lambda"
	case strings.HasPrefix(s, "'lambda"):
		if end := strings.IndexByte(s[1:], '\''); end > 0 {
			n = end + 2
			if n < len(s) && s[n] == '(' {
				n += balanced(s[n:], '(', ')')
			}
			return n, "lambda"
		}
	case strings.HasPrefix(s, "?A0x"):
		n = 4
		for n < len(s) && hexadecimal(s[n:n+1]) {
			n++
		}
		return n, "anon"
	}
	return 0, ""
}

// operatorName is how long the operator's name is that begins rest, 0 if none does. before is what stands
// before it.
func operatorName(before []byte, rest string) int {
	const word = "operator"
	if !strings.HasPrefix(rest, word) || len(before) > 0 && wordByte(before[len(before)-1]) || len(rest) == len(word) || wordByte(rest[len(word)]) {
		return 0
	}
	for _, symbol := range [...]string{"()", "<=>", "<<=", ">>=", "->*", "<<", ">>", "->", "<=", ">=", "[]", "<", ">"} {
		if strings.HasPrefix(rest[len(word):], symbol) {
			return len(word) + len(symbol)
		}
	}
	if rest[len(word)] == ' ' { // operator new, operator bool
		if end := strings.IndexByte(rest[len(word)+1:], '('); end >= 0 {
			return len(word) + 1 + end
		}
		return len(rest)
	}
	n := len(word)
	for n < len(rest) && strings.IndexByte("+-*/%^&|~!=,", rest[n]) >= 0 {
		n++
	}
	return n
}

// balanced is how long the text is from the opening character that s begins with to its closing one. Arrows
// close nothing.
func balanced(s string, open, end byte) int {
	level := 0
	for i := range len(s) {
		switch s[i] {
		case open:
			level++
		case end:
			if end == '>' && i > 0 && (s[i-1] == '-' || s[i-1] == '=') {
				continue
			}
			if level--; level == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// itaniumName reads the plain ones of C++'s mangled names: functions, methods, constructors and destructors
// in namespaces and classes that are no templates. Where it ends short of the parameters, ok is false.
// See https://itanium-cxx-abi.github.io/cxx-abi/abi.html#mangling.
func itaniumName(s string) (name string, ok bool) {
	s = strings.TrimLeft(s, "_")
	if rest, nested := strings.CutPrefix(s, "ZN"); nested {
		return itaniumNested(strings.TrimLeft(rest, "rVKRO"))
	}
	s, ok = strings.CutPrefix(s, "Z")
	if !ok {
		return "", false
	}
	s = strings.TrimPrefix(s, "L")
	name, rest, ok := sourceName(s)
	return name, ok && !strings.HasPrefix(rest, "I")
}

func itaniumNested(s string) (string, bool) {
	b := make([]byte, 0, len(s))
	last := ""
	if rest, ok := strings.CutPrefix(s, "St"); ok {
		b, s = append(b, "std"...), rest
	}
	for s != "" && s[0] != 'E' {
		name, rest, ok := sourceName(strings.TrimPrefix(s, "L"))
		switch {
		case ok && name == "_GLOBAL__N_1":
			name = "anon"
		case ok:
		case len(s) > 1 && s[0] == 'C' && s[1]-'1' < 3 && last != "":
			name, rest = last, s[2:]
		case len(s) > 1 && s[0] == 'D' && s[1]-'0' < 3 && last != "":
			name, rest = "~"+last, s[2:]
		default:
			return "", false
		}
		if len(b) > 0 {
			b = append(b, "::"...)
		}
		b = append(b, name...)
		s, last = rest, name
	}
	return string(b), s != "" && last != ""
}

// sourceName cuts "4Cart" off.
func sourceName(s string) (name, rest string, ok bool) {
	n := digits(s)
	if n == 0 || n > 4 {
		return "", s, false
	}
	size := 0
	for _, c := range []byte(s[:n]) {
		size = size*10 + int(c-'0')
	}
	if size == 0 || size > len(s)-n {
		return "", s, false
	}
	return s[n : n+size], s[n+size:], true
}
