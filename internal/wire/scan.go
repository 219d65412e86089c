package wire

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// maxDepth is how deep a body may nest: the container is level 1. Android's SDK stays below 40; those for .NET
// write as many inner exceptions as there are, at two levels each.
const maxDepth = 1000

// fault says why a text is not the JSON that was expected.
type fault uint8

const (
	sound fault = iota
	malformed
	truncated
	tooDeep
)

// String is for the person who sent the text.
func (f fault) String() string {
	switch f {
	case truncated:
		return "the body is not JSON: it ends in the middle"
	case tooDeep:
		return fmt.Sprintf("the body nests deeper than %d levels", maxDepth)
	}
	return "the body is not JSON"
}

// scanner steps over JSON without decoding it. It accepts exactly what jsontext accepts with duplicate names
// and invalid UTF-8 allowed, to maxDepth (FuzzSplit holds it to that). Ingestion reads every byte of every
// request twice with it: it takes a third less time than jsontext, allocates nothing, and knows how deep it is.
type scanner struct {
	b       []byte
	i       int
	depth   int        // of the containers that are open around i
	objects [16]uint64 // bit n: container n, as far as skip stepped into it, is an object
	fault   fault
}

// fail records the first fault and stops the scan for good.
func (s *scanner) fail(f fault) {
	if s.fault == sound {
		s.fault = f
	}
	s.i = len(s.b)
}

// peek is the next byte that is no space, 0 at the end.
func (s *scanner) peek() byte {
	b, i := s.b, s.i
	for i < len(b) {
		c := b[i]
		if c > ' ' {
			s.i = i
			return c
		}
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			break
		}
		i++
	}
	s.i = i
	return 0
}

// take steps over c if it is next.
func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.i++
	return true
}

// expect steps over c or fails.
func (s *scanner) expect(c byte) {
	if !s.take(c) {
		s.stop()
	}
}

// stop fails with what the next byte tells.
func (s *scanner) stop() {
	if s.i >= len(s.b) {
		s.fail(truncated)
	}
	s.fail(malformed)
}

// value steps over the next value and gives its text.
func (s *scanner) value() []byte {
	s.peek()
	start := s.i
	s.skip()
	if s.fault != sound {
		return nil
	}
	return s.b[start:s.i:s.i]
}

// members calls fn with the name of each member of the object that is next; fn steps over the value. The name
// is valid as long as the text.
func (s *scanner) members(fn func(name string)) {
	if !s.enter('{') || s.leave('}') {
		return
	}
	for s.fault == sound {
		name, escaped := s.name()
		if s.fault != sound {
			return
		}
		if escaped {
			fn(decodeString(name))
		} else {
			fn(view(name[1 : len(name)-1]))
		}
		if !s.take(',') {
			s.close('}')
			return
		}
	}
}

// elements calls fn before each element of the array that is next; fn steps over it.
func (s *scanner) elements(fn func()) {
	if !s.enter('[') || s.leave(']') {
		return
	}
	for s.fault == sound {
		fn()
		if !s.take(',') {
			s.close(']')
			return
		}
	}
}

func (s *scanner) enter(open byte) bool {
	s.expect(open)
	if s.depth++; s.depth > maxDepth {
		s.fail(tooDeep)
	}
	return s.fault == sound
}

// leave steps out of a container that ends here.
func (s *scanner) leave(end byte) bool {
	if !s.take(end) {
		return false
	}
	s.depth--
	return true
}

func (s *scanner) close(end byte) {
	if !s.leave(end) {
		s.stop()
	}
}

// name steps over a member's name and its colon. It gives the name as it stands there, quoted.
func (s *scanner) name() (quoted []byte, escaped bool) {
	if s.peek() != '"' {
		s.stop()
		return nil, false
	}
	start := s.i
	escaped = s.text()
	end := s.i
	s.expect(':')
	return s.b[start:end], escaped
}

// skip steps over the next value. It keeps the kinds of open containers in two words instead of on the
// stack, so that a body of a million brackets costs nothing.
func (s *scanner) skip() {
	base := s.depth
	for s.begin() || s.follow(base) {
	}
}

// begin steps over a scalar, an empty container or the opening of another. It reports whether a value must
// come next.
func (s *scanner) begin() bool {
	c := s.peek()
	switch {
	case c == '"':
		s.text()
		return false
	case c != '{' && c != '[':
		s.scalar(c)
		return false
	}
	if !s.enter(c) || s.leave(c+2) { // '}' is '{'+2, ']' is '['+2
		return false
	}
	word, bit := &s.objects[s.depth>>6&15], uint64(1)<<(s.depth&63)
	if c == '{' {
		*word |= bit
		s.name()
	} else {
		*word &^= bit
	}
	return true
}

// follow steps over what stands behind a value: the ends of containers above base, and a comma. It reports
// whether a value must come next.
func (s *scanner) follow(base int) bool {
	for s.fault == sound && s.depth > base {
		object := s.objects[s.depth>>6&15]>>(s.depth&63)&1 != 0
		switch c := s.peek(); {
		case c == ',':
			s.i++
			if object {
				s.name()
			}
			return true
		case object && c == '}' || !object && c == ']':
			s.i++
			s.depth--
		default:
			s.stop()
		}
	}
	return false
}

func (s *scanner) scalar(c byte) {
	switch {
	case c == '-' || c >= '0' && c <= '9':
		s.number()
	case c == 't':
		s.literal("true")
	case c == 'f':
		s.literal("false")
	case c == 'n':
		s.literal("null")
	default:
		s.stop()
	}
}

func (s *scanner) literal(word string) {
	rest := s.b[s.i:]
	if len(rest) < len(word) || string(rest[:len(word)]) != word {
		s.fail(malformed)
		return
	}
	s.i += len(word)
}

// number steps over -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (s *scanner) number() {
	if s.b[s.i] == '-' {
		s.i++
	}
	if s.i < len(s.b) && s.b[s.i] == '0' {
		s.i++
	} else {
		s.digits()
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		s.digits()
	}
	if s.i < len(s.b) && s.b[s.i]|0x20 == 'e' {
		s.i++
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		s.digits()
	}
}

func (s *scanner) digits() {
	start := s.i
	for s.i < len(s.b) && s.b[s.i]-'0' <= 9 {
		s.i++
	}
	if s.i == start {
		s.stop()
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// text steps over a string, eight bytes at a time: a byte of the word is special if it is a quote, a
// backslash or a control character. The lowest byte marked is always a true one.
func (s *scanner) text() (escaped bool) {
	b, i := s.b, s.i+1
	for {
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			quote, back := w^(ones*'"'), w^(ones*'\\')
			marks := ((quote-ones)&^quote | (back-ones)&^back | (w-ones*' ')&^w) & highs
			if marks != 0 {
				if i += bits.TrailingZeros64(marks) >> 3; b[i] == '"' {
					s.i = i + 1
					return escaped
				}
				break
			}
			i += 8
		}
		for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
			i++
		}
		if i < len(b) && b[i] == '"' {
			s.i = i + 1
			return escaped
		}
		n := escapeLen(b[min(i, len(b)):])
		if n == 0 {
			s.i = i
			s.stop()
			return escaped
		}
		i += n
		escaped = true
	}
}

// escapeLen is the length of the escape that b starts with, 0 if it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 || b[0] != '\\' {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) >= 6 && hexDigit(b[2]) && hexDigit(b[3]) && hexDigit(b[4]) && hexDigit(b[5]) {
			return 6
		}
	}
	return 0
}

func hexDigit(c byte) bool {
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'f'
}
