package group

import "strings"

// swiftName reads the plain ones of Swift's mangled names, up to where the types begin: the types that a
// function stands in and its name. Words that an identifier takes from earlier ones are put back.
// See https://github.com/swiftlang/swift/blob/main/docs/ABI/Mangling.rst.
func swiftName(s string) (symbol, bool) {
	s = strings.TrimLeft(s, "_")
	if !hasAnyPrefix(s, "$s", "$S", "$e") {
		return symbol{}, false
	}
	m := swiftMangled{s: s[2:]}
	m.module()
	for m.part() {
	}
	name := m.ending()
	if name == "" {
		return symbol{}, false
	}
	r := symbol{class: strings.Join(m.types, "."), function: name, swift: true}
	if m.closure() {
		r.closure = ".closure"
	}
	return r, true
}

// swiftMangled is a name while it is read.
type swiftMangled struct {
	s     string   // what is left
	words []string // of the identifiers so far, for substitutions
	types []string
	name  string // of the function: the first identifier that is no type
}

// maxSwiftWords is how many words can be substituted: one letter names one.
const maxSwiftWords = 26

// module reads the module, which is left out of names.
func (m *swiftMangled) module() {
	switch {
	case hasAnyPrefix(m.s, "So", "SC"):
		m.s = m.s[2:]
	case strings.HasPrefix(m.s, "s"):
		m.s = m.s[1:]
	default:
		m.identifier()
	}
}

// part reads one identifier and what it is. It answers false at the first thing that is no part of a path.
func (m *swiftMangled) part() bool {
	name := m.identifier()
	switch {
	case name == "":
		return false
	case strings.HasPrefix(m.s, "LL"): // private: the name was the file's hash
		m.s = m.s[2:]
	case m.private():
	}
	if m.s == "" || m.name != "" {
		return false
	}
	switch m.s[0] {
	case 'C', 'V', 'O', 'P':
		m.types, m.s = append(m.types, name), m.s[1:]
	case 'E': // of an extension: the name was the module that extends
		m.s = m.s[1:]
	default:
		m.name = name
		return false
	}
	return true
}

// private passes over the hash that tells private names of several files apart: "4load33_0123…LL".
func (m *swiftMangled) private() bool {
	rest := *m
	if hash := rest.identifier(); !strings.HasPrefix(hash, "_") || !strings.HasPrefix(rest.s, "LL") {
		return false
	}
	*m = rest
	m.s = m.s[2:]
	return true
}

// identifier cuts one off: a length and that many bytes. Behind a 0, words of earlier identifiers come before
// and between such pieces, a letter each: a small one if more words may follow a piece, a capital if the next
// piece, or another 0, ends the identifier.
func (m *swiftMangled) identifier() string {
	rest, words := strings.CutPrefix(m.s, "0")
	if !words {
		return m.piece()
	}
	m.s = rest
	name := ""
	for words {
		for words && m.s != "" && letter(m.s[0]) {
			n := int(m.s[0]|0x20) - 'a'
			if n >= len(m.words) || len(name) > maxLine {
				return ""
			}
			words = m.s[0] >= 'a'
			name += m.words[n]
			m.s = m.s[1:]
		}
		if rest, end := strings.CutPrefix(m.s, "0"); end {
			m.s = rest
			return name
		}
		piece := m.piece()
		if piece == "" {
			return ""
		}
		name += piece
	}
	return name
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func (m *swiftMangled) piece() string {
	name, rest, ok := sourceName(m.s)
	if !ok {
		return ""
	}
	m.s = rest
	m.learn(name)
	return name
}

// learn remembers the words of a piece, of two characters at least: a word begins with no digit, and ends
// before an underscore and before a capital behind something else.
func (m *swiftMangled) learn(s string) {
	start := -1
	for i := 0; i <= len(s); i++ {
		if start >= 0 && (i == len(s) || s[i] == '_' || capital(s[i]) && !capital(s[i-1])) {
			if i-start >= 2 && len(m.words) < maxSwiftWords {
				m.words = append(m.words, s[start:i])
			}
			start = -1
		}
		if start < 0 && i < len(s) && s[i] != '_' && s[i]-'0' > 9 {
			start = i
		}
	}
}

func capital(c byte) bool { return c >= 'A' && c <= 'Z' }

// ending is the function's name, by what kind of function it is.
func (m *swiftMangled) ending() string {
	rest := strings.TrimSuffix(m.s, "To") // called from Objective-C
	if m.name == "" && len(m.types) == 0 {
		return ""
	}
	switch {
	case strings.HasSuffix(rest, "fC"), strings.HasSuffix(rest, "fc"):
		return "init"
	case strings.HasSuffix(rest, "fD"), strings.HasSuffix(rest, "fd"), strings.HasSuffix(rest, "fZ"):
		return "deinit"
	case m.name == "":
		return ""
	case strings.HasSuffix(rest, "vs"):
		return m.name + ".setter"
	case strings.HasSuffix(rest, "vg"), strings.HasSuffix(rest, "vM"):
		return m.name + ".getter"
	}
	return m.name
}

// closure reports whether the name is of a closure in the function: U, perhaps a number, and an underscore.
func (m *swiftMangled) closure() bool {
	for rest := m.s; ; {
		_, after, ok := strings.Cut(rest, "U")
		if !ok {
			return false
		}
		if strings.HasPrefix(after[digits(after):], "_") {
			return true
		}
		rest = after
	}
}

// swiftPrefixes are what demanglers put before the name of what a function was made for.
var swiftPrefixes = [...]string{"partial apply for ", "specialized ", "@objc ", "@nonobjc ", "static ", "merged ", "partial apply forwarder for ",
	"dispatch thunk of ", "implicit ", "outlined ", "reabstraction thunk helper "}

// swiftLike tells demangled names of Swift, whose paths have dots, from those of C and C++.
func swiftLike(s string) bool {
	if strings.Contains(s, "::") {
		return false
	}
	return strings.Contains(s, "closure #") || s[0] != '_' && s[0] != '.' && strings.Contains(cutClone(s), ".")
}

// swiftText reads a demangled name, in full or as Xcode shows it: "closure #1 in Cart.total(of:)". module is
// left out of the path.
func swiftText(s, module string) symbol {
	r := symbol{swift: true}
	for again := true; again; {
		again = false
		for _, p := range swiftPrefixes {
			if rest, ok := strings.CutPrefix(s, p); ok {
				s, again = rest, true
			}
		}
		if rest, ok := cutCounted(s); ok {
			if s[0] != '(' {
				r.closure = ".closure"
			}
			s, again = rest, true
		}
		if i := strings.Index(s, "> of "); i > 0 && strings.Contains(s[:i], "specialization") {
			s, again = s[i+len("> of "):], true
		}
	}
	s = plainDiscriminator(s)
	if i := strings.IndexAny(s, "( :"); i > 0 {
		s = s[:i]
	}
	if i := strings.IndexByte(s, '<'); i > 0 && s[i-1] != '.' {
		s = s[:i] + s[i+balanced(s[i:], '<', '>'):]
	}
	if rest, ok := strings.CutPrefix(s, module+"."); ok && module != "" && rest != "" {
		s = rest
	}
	dot := strings.LastIndexByte(s, '.')
	if dot > 0 && (s[dot+1:] == "getter" || s[dot+1:] == "setter") {
		dot = strings.LastIndexByte(s[:dot], '.')
	}
	r.class, r.function = s[:max(dot, 0)], s[dot+1:]
	return r
}

// cutCounted takes off "closure #1 (…) in " and "(1) suspend resume partial function for ".
func cutCounted(s string) (rest string, ok bool) {
	if hasAnyPrefix(s, "closure #", "implicit closure #") {
		_, rest, ok = strings.Cut(s, " in ")
		return rest, ok
	}
	if strings.HasPrefix(s, "(") {
		_, rest, ok = strings.Cut(s, " partial function for ")
		return rest, ok
	}
	return s, false
}

// plainDiscriminator takes the hash off private names: "Cart.(load in _33A1…)()".
func plainDiscriminator(s string) string {
	before, rest, ok := strings.Cut(s, "(")
	if !ok {
		return s
	}
	name, after, ok := strings.Cut(rest, " in _")
	if !ok || strings.ContainsAny(name, ":)") {
		return s
	}
	_, after, _ = strings.Cut(after, ")")
	return before + name + after
}
