package archive

import (
	"encoding/binary"
	"math/bits"
)

// maxKept is how much of one name or value a walker keeps, as it is written. What matters of a record is far
// shorter: an install id has 128 bytes at most, a blob's name 1,024.
const maxKept = 64 << 10

// walker goes over one element of any size in constant memory, byte by byte where cursor needs the whole
// element in view. It holds the same grammar and notes the same members.
type walker struct {
	stack []byte // the objects and lists that are open, '{' or '['
	state state
	done  bool // the element ended before the byte that comes next

	name  bool   // the text at hand is a member's name
	hex   int    // digits of an escape that are still to come
	word  string // what must follow of true, false or null
	kept  []byte // of the text at hand, with its quotes
	over  bool   // it is longer than maxKept
	which string // the top-level member at hand, if it is one of those below

	installs int // members named InstallId
	values   map[string][]byte
}

// state is what may come next.
type state uint8

// Between tokens, where white space may stand.
const (
	aValue state = iota
	firstValue
	firstName
	aName
	aColon
	aComma // or the end of the object or list
)

// Inside tokens.
const (
	inText state = iota + 16
	inEscape
	inHex
	inWord
	afterMinus
	afterZero
	inDigits
	afterPoint
	inFraction
	afterE
	afterESign
	inExponent
)

func newWalker() *walker { return &walker{values: map[string][]byte{}} }

// feed takes bytes until the element ends, and says how many it took. what is not empty if the byte that it
// stopped at cannot stand there.
func (w *walker) feed(b []byte) (n int, what string) {
	for n < len(b) && !w.done {
		if w.state == inText {
			k := plainRun(b[n:])
			w.keep(b[n : n+k]...)
			if n += k; n == len(b) {
				break
			}
		}
		taken, what := w.step(b[n])
		if what != "" {
			return n, what
		}
		if taken {
			n++
		}
	}
	return n, ""
}

// plainRun counts the bytes before the first that is special inside a text.
func plainRun(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		if hits := specials(binary.LittleEndian.Uint64(b[i:])); hits != 0 {
			return i + bits.TrailingZeros64(hits)>>3
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// step moves over one byte; taken is false if the byte ended a number and is still to be looked at.
func (w *walker) step(c byte) (taken bool, what string) {
	switch {
	case w.state < inText && isSpace(c):
		return true, ""
	case w.state < inText:
		return true, w.between(c)
	case w.state == inWord:
		if c != w.word[0] {
			return false, "no JSON value"
		}
		if w.word = w.word[1:]; w.word == "" {
			w.end()
		}
		return true, ""
	case w.state < inWord:
		return true, w.text(c)
	}
	return w.number(c)
}

func (w *walker) between(c byte) (what string) {
	switch {
	case w.state == firstValue && c == ']', w.state == firstName && c == '}':
		w.close()
	case w.state <= firstValue:
		return w.value(c)
	case w.state <= aName:
		if c != '"' {
			return "no member name"
		}
		w.openText(true)
	case w.state == aColon:
		if c != ':' {
			return "no colon behind a member name"
		}
		w.state = aValue
	case w.top() == '{':
		switch c {
		case ',':
			w.state = aName
		case '}':
			w.close()
		default:
			return "neither comma nor end of the object"
		}
	default:
		switch c {
		case ',':
			w.state = aValue
		case ']':
			w.close()
		default:
			return "neither comma nor end of the list"
		}
	}
	return ""
}

func (w *walker) top() byte { return w.stack[len(w.stack)-1] }

// ofRecord: the member at hand is one of the record's own.
func (w *walker) ofRecord() bool { return len(w.stack) == 1 && w.stack[0] == '{' }

func (w *walker) value(c byte) (what string) {
	if w.ofRecord() && w.which != "" {
		delete(w.values, w.which) // the last of several counts, and only if it is a text
	}
	switch {
	case c == '"':
		w.openText(false)
	case c == '{', c == '[':
		if len(w.stack)+1 >= maxDepth { // the array around the element counts too
			return "nested too deep"
		}
		w.stack = append(w.stack, c)
		if w.state = firstValue; c == '{' {
			w.state = firstName
		}
	case c == '-':
		w.state = afterMinus
	case c == '0':
		w.state = afterZero
	case c >= '1' && c <= '9':
		w.state = inDigits
	case c == 't':
		w.state, w.word = inWord, "rue"
	case c == 'f':
		w.state, w.word = inWord, "alse"
	case c == 'n':
		w.state, w.word = inWord, "ull"
	default:
		return "no JSON value"
	}
	return ""
}

// close ends an object or a list.
func (w *walker) close() {
	w.stack = w.stack[:len(w.stack)-1]
	w.end()
}

// end ends a value.
func (w *walker) end() {
	w.state = aComma
	w.done = len(w.stack) == 0
}

func (w *walker) openText(name bool) {
	w.state, w.name, w.over = inText, name, false
	w.kept = append(w.kept[:0], '"')
}

func (w *walker) keep(b ...byte) {
	if !w.ofRecord() || !w.name && w.which == "" || w.over {
		return
	}
	if w.over = len(w.kept)+len(b) > maxKept; !w.over {
		w.kept = append(w.kept, b...)
	}
}

func (w *walker) text(c byte) (what string) {
	switch {
	case w.state == inEscape && c == 'u':
		w.state, w.hex = inHex, 4
	case w.state == inEscape:
		switch c {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			w.state = inText
		default:
			return "unknown escape in a text"
		}
	case w.state == inHex:
		if x := c | 0x20; (x < 'a' || x > 'f') && (c < '0' || c > '9') {
			return "no hexadecimal digit in an escape"
		}
		if w.hex--; w.hex == 0 {
			w.state = inText
		}
	case c == '\\':
		w.state = inEscape
	case c == '"':
		w.keep(c)
		return w.closeText()
	default:
		return "control character in a text"
	}
	w.keep(c)
	return ""
}

func (w *walker) closeText() (what string) {
	if !w.name {
		if w.ofRecord() && w.which != "" && !w.over {
			w.values[w.which] = append([]byte(nil), w.kept...)
		} else if w.ofRecord() && w.which == "InstallId" {
			return "InstallId that is no id"
		}
		w.end()
		return ""
	}
	w.state = aColon
	if !w.ofRecord() {
		return ""
	}
	w.which = ""
	if !w.over {
		switch name := Text(w.kept); name {
		case "InstallId":
			w.installs++
			w.which = name
		case "MessageId", "MessageType", "Properties":
			w.which = name
		}
	}
	return ""
}

// number moves on inside a number, or ends it before c.
func (w *walker) number(c byte) (taken bool, what string) {
	digit := c >= '0' && c <= '9'
	switch w.state {
	case afterMinus, inDigits, afterZero:
		switch {
		case digit && w.state != afterZero:
			if w.state == afterMinus && c == '0' {
				w.state = afterZero
			} else {
				w.state = inDigits
			}
			return true, ""
		case w.state != afterMinus && c == '.':
			w.state = afterPoint
			return true, ""
		}
	case afterPoint, inFraction:
		if digit {
			w.state = inFraction
			return true, ""
		}
	case afterE:
		if c == '+' || c == '-' {
			w.state = afterESign
			return true, ""
		}
		fallthrough
	case afterESign, inExponent:
		if digit {
			w.state = inExponent
			return true, ""
		}
	}
	switch w.state {
	case afterMinus, afterPoint, afterE, afterESign:
		return false, "no digit in a number"
	case inExponent:
	default:
		if c|0x20 == 'e' {
			w.state = afterE
			return true, ""
		}
	}
	w.end()
	return false, ""
}
