package filter

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"lifeboat/internal/diag"
)

// kind says what a token is.
type kind uint8

const (
	end    kind = iota
	name        // of a field or function, or a keyword
	quoted      // a text, without its quotes
	bare        // a number or a time
	open
	closed
	comma
)

type token struct {
	kind kind
	text string
	at   int // its first character, counted from 1
}

// lexer cuts a text into tokens.
type lexer struct {
	text string // what is left
	at   int    // characters that are read
	err  error
}

func (l *lexer) failAt(at int, format string, args ...any) {
	if l.err == nil {
		l.err = diag.Errorf(diag.Invalid, "The filter cannot be read at character %d: "+format+".", append([]any{at}, args...)...)
	}
}

// skip reads n bytes.
func (l *lexer) skip(n int) string {
	read := l.text[:n]
	l.at += utf8.RuneCountInString(read)
	l.text = l.text[n:]
	return read
}

// while reads as long as the runes are such.
func (l *lexer) while(such func(rune) bool) string {
	n := strings.IndexFunc(l.text, func(r rune) bool { return !such(r) })
	if n < 0 {
		n = len(l.text)
	}
	return l.skip(n)
}

func isName(r rune) bool {
	return r == '_' || r == '.' || r == '/' || r == '$' || r == '@' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

func isBare(r rune) bool {
	return r == '-' || r == '+' || r == '.' || r == ':' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

func (l *lexer) next() token {
	l.while(unicode.IsSpace)
	t := token{at: l.at + 1}
	if l.text == "" {
		return t
	}
	r, _ := utf8.DecodeRuneInString(l.text)
	marks := map[rune]kind{'(': open, ')': closed, ',': comma}
	switch {
	case marks[r] != 0:
		t.kind = marks[r]
		l.skip(1)
	case r == '\'':
		t.kind, t.text = quoted, l.quoted()
	case r == '-' || r == '+' || '0' <= r && r <= '9':
		t.kind, t.text = bare, l.bare()
	case isName(r):
		t.kind, t.text = name, l.while(isName)
		if strings.EqualFold(t.text, "datetime") && strings.HasPrefix(l.text, "'") {
			t.kind, t.text = quoted, l.quoted()
		}
	default:
		l.failAt(t.at, "this character cannot stand here")
	}
	return t
}

// quoted reads a text in quotes; two quotes in it stand for one.
func (l *lexer) quoted() string {
	begun := l.at + 1
	l.skip(1)
	var b strings.Builder
	for {
		i := strings.IndexByte(l.text, '\'')
		if i < 0 {
			l.failAt(begun, "this text has no closing quote")
			return ""
		}
		b.WriteString(l.skip(i))
		l.skip(1)
		if !strings.HasPrefix(l.text, "'") {
			return b.String()
		}
		b.WriteString(l.skip(1))
	}
}

// bare reads a number or a time. A blank in a time's offset was a plus once (docs/compatibility.md T6).
func (l *lexer) bare() string {
	text := l.while(isBare)
	if strings.ContainsRune(text, ':') && len(l.text) > 2 && l.text[0] == ' ' && digit(l.text[1]) && digit(l.text[2]) {
		l.skip(1)
		text += "+" + l.while(isBare)
	}
	return text
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
