package archive

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"iter"
	"math/bits"
)

// What a method of cursor returns instead of an index.
const (
	torn      = -1 // the bytes end inside the value: more are needed
	malformed = -2 // the bytes are no JSON; cursor.at and cursor.what say where and why
)

// maxDepth is how deep values may nest; encoding/json has the same bound.
const maxDepth = 10000

// cursor walks over JSON. Its methods take the index where something begins and return the index behind it,
// or torn or malformed. They are the inner loop of Scanner: no allocation, no call per byte.
type cursor struct {
	b       []byte
	shape   *shape // of records; only element needs one
	escapes int    // met since it was last set to 0
	at      int
	what    string
}

// installSeen is what an element says of its install.
type installSeen struct {
	count int
	value []byte // the last InstallId with its quotes; nil if that is no text
}

func (s *installSeen) note(value []byte) {
	s.count++
	s.value = nil
	if value[0] == '"' {
		s.value = value
	}
}

func (c *cursor) bad(i int, what string) int {
	c.at, c.what = i, what
	return malformed
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func (c *cursor) space(i int) int {
	for ; i < len(c.b); i++ {
		if !isSpace(c.b[i]) {
			return i
		}
	}
	return torn
}

// element walks over one element of the array and notes its InstallId if it is an object.
func (c *cursor) element(i int, seen *installSeen) int {
	if i >= len(c.b) {
		return torn
	}
	if c.b[i] != '{' {
		return c.value(i, 1)
	}
	if i = c.space(i + 1); i < 0 {
		return i
	}
	if c.b[i] == '}' {
		return i + 1
	}
	return c.record(i, seen)
}

// record walks over the members of a record and its closing brace. A stretch of bytes that are alike in the
// shape is passed over at once; what differs is mostly a value, which is read from the byte that differs.
func (c *cursor) record(i int, seen *installSeen) int {
	s := c.shape
	last, next := 0, s.begin()
	for {
		m := &s.members[next]
		base := i - m.from // of the shape's bytes in the cursor's
		p := m.from + alike(s.text[m.from:], c.b[i:])
		for ; p >= m.to; m = &s.members[next] {
			if m.install {
				seen.note(c.b[base+m.value : base+m.end])
			}
			if m.last {
				return base + m.to
			}
			last, next = next, next+1
		}
		if i = base + m.from; p < m.value {
			if other := s.members[last].other; other != 0 && other != next {
				next = other
				continue
			}
			if i, last, next = c.unexpected(i, last, next, seen); i < 0 || c.b[i-1] == '}' {
				return i
			}
			continue
		}
		from := base + m.value
		switch {
		case p == m.value || !m.isText:
			if from = c.space(from); from < 0 {
				return from
			}
			i = c.value(from, 2)
		case p < m.end:
			i = c.text(base + s.resume(m, p))
		default:
			i = base + m.end
		}
		if i < 0 {
			return i
		}
		if m.install {
			seen.note(c.b[from:i])
		}
		if i = c.comma(i); i < 0 || c.b[i-1] == '}' {
			return i
		}
		last, next = next, next+1
	}
}

// unexpected is member for one that the shape did not lead to expect, which is then learned. It returns the
// new last and next member of the shape too.
func (c *cursor) unexpected(i, last, next int, seen *installSeen) (int, int, int) {
	var name, value span
	end := c.member(i, 2, &name, &value)
	if end < 0 {
		return end, last, next
	}
	text := c.b[value.from:value.to]
	m := learned{value: value.from - i, end: value.to - i, to: end - i, isText: text[0] == '"', install: c.named(name, "InstallId"), last: c.b[end-1] == '}'}
	m.escaped = m.isText && bytes.IndexByte(text, '\\') >= 0
	if m.install {
		seen.note(text)
	}
	if k := c.shape.learn(last, m, c.b[i:end]); k > 0 {
		return end, k, k + 1
	}
	return end, last, next
}

// span is a part of the cursor's bytes.
type span struct {
	from, to int
	escaped  bool // a member name that is written with escapes
}

// member walks over white space, name, colon, value, and the comma or closing brace behind them. Most members
// are a text without white space around: for them space is not called.
func (c *cursor) member(i, depth int, name, value *span) int {
	if i = c.expect(i, '"', "no member name"); i < 0 {
		return i
	}
	name.from, c.escapes = i-1, 0
	if i = c.text(i); i < 0 {
		return i
	}
	name.to, name.escaped = i, c.escapes > 0
	if i = c.expect(i, ':', "no colon behind a member name"); i < 0 {
		return i
	}
	if i < len(c.b) && c.b[i] == '"' {
		value.from = i
		i = c.text(i + 1)
	} else if i = c.space(i); i >= 0 {
		value.from = i
		i = c.value(i, depth)
	}
	value.to = i
	if i < 0 {
		return i
	}
	return c.comma(i)
}

// comma walks over white space and the comma or closing brace behind a member.
func (c *cursor) comma(i int) int {
	if i < len(c.b) && c.b[i] == ',' {
		return i + 1
	}
	if i = c.space(i); i < 0 {
		return i
	}
	if c.b[i] != ',' && c.b[i] != '}' {
		return c.bad(i, "neither comma nor end of the object")
	}
	return i + 1
}

// expect walks over white space and one byte that must follow.
func (c *cursor) expect(i int, want byte, what string) int {
	if i < len(c.b) && c.b[i] == want {
		return i + 1
	}
	if i = c.space(i); i < 0 {
		return i
	}
	if c.b[i] != want {
		return c.bad(i, what)
	}
	return i + 1
}

// named reports whether a member has this name, which is nearly always written without escapes.
func (c *cursor) named(name span, want string) bool {
	n := c.b[name.from:name.to]
	if !name.escaped {
		return string(n[1:len(n)-1]) == want
	}
	return Text(n) == want
}

// value walks over any value that stands at the given depth.
func (c *cursor) value(i, depth int) int {
	if i >= len(c.b) {
		return torn
	}
	switch x := c.b[i]; {
	case x == '"':
		return c.text(i + 1)
	case x == '{':
		return c.object(i+1, depth)
	case x == '[':
		return c.list(i+1, depth)
	case x == '-' || x >= '0' && x <= '9':
		return c.number(i)
	case x == 't':
		return c.word(i, "true")
	case x == 'f':
		return c.word(i, "false")
	case x == 'n':
		return c.word(i, "null")
	}
	return c.bad(i, "no JSON value")
}

func (c *cursor) object(i, depth int) int {
	if depth >= maxDepth {
		return c.bad(i, "nested too deep")
	}
	if i = c.space(i); i < 0 {
		return i
	}
	if c.b[i] == '}' {
		return i + 1
	}
	for {
		var name, value span
		if i = c.member(i, depth+1, &name, &value); i < 0 || c.b[i-1] == '}' {
			return i
		}
	}
}

func (c *cursor) list(i, depth int) int {
	if depth >= maxDepth {
		return c.bad(i, "nested too deep")
	}
	if i = c.space(i); i < 0 {
		return i
	}
	if c.b[i] == ']' {
		return i + 1
	}
	for {
		if i = c.space(i); i < 0 {
			return i
		}
		if i = c.value(i, depth+1); i < 0 {
			return i
		}
		if i = c.space(i); i < 0 {
			return i
		}
		switch c.b[i] {
		case ']':
			return i + 1
		case ',':
			i++
		default:
			return c.bad(i, "neither comma nor end of the list")
		}
	}
}

func (c *cursor) word(i int, w string) int {
	for k := range len(w) {
		if i+k >= len(c.b) {
			return torn
		}
		if c.b[i+k] != w[k] {
			return c.bad(i+k, "no JSON value")
		}
	}
	return i + len(w)
}

// number: an optional minus, 0 or digits without a leading 0, an optional fraction, an optional exponent.
func (c *cursor) number(i int) int {
	if c.b[i] == '-' {
		i++
	}
	if i < len(c.b) && c.b[i] == '0' {
		i++
	} else if i = c.digits(i); i < 0 {
		return i
	}
	if i < len(c.b) && c.b[i] == '.' {
		if i = c.digits(i + 1); i < 0 {
			return i
		}
	}
	if i < len(c.b) && c.b[i]|0x20 == 'e' {
		if i++; i < len(c.b) && (c.b[i] == '+' || c.b[i] == '-') {
			i++
		}
		if i = c.digits(i); i < 0 {
			return i
		}
	}
	if i >= len(c.b) {
		return torn // in an array something always follows
	}
	return i
}

// digits walks over one or more of them.
func (c *cursor) digits(i int) int {
	start := i
	for i < len(c.b) && c.b[i] >= '0' && c.b[i] <= '9' {
		i++
	}
	switch {
	case i >= len(c.b):
		return torn
	case i == start:
		return c.bad(i, "no digit in a number")
	}
	return i
}

// Numbers in every byte of a word.
const (
	ones    = 0x0101010101010101
	tops    = 0x80 * ones
	slashes = '\\' * ones
)

// specials has the top bit set of every byte of w that is a quote, a backslash or below a blank, which are
// the bytes that end a plain run inside a text. With its second bit turned over a quote is a blank, what is
// below a blank stays there, and nothing else gets there: so one comparison finds both. Of such a test on a
// whole word only the lowest hit can be trusted; those above it may be false.
func specials(w uint64) uint64 {
	low := (w ^ 2*ones) - (' '+1)*ones
	slash := (w ^ slashes) - ones
	return (low | slash) &^ w & tops
}

// text walks from behind the opening quote to behind the closing one, two words of eight bytes at a time.
func (c *cursor) text(i int) int {
	b := c.b
	for i+16 <= len(b) {
		p := b[i : i+16 : i+16]
		hits := specials(binary.LittleEndian.Uint64(p))
		if hits == 0 {
			i += 8
			if hits = specials(binary.LittleEndian.Uint64(p[8:])); hits == 0 {
				i += 8
				continue
			}
		}
		i += bits.TrailingZeros64(hits) >> 3
		if b[i] == '"' {
			return i + 1
		}
		if i = c.special(i); i < 0 {
			return i
		}
	}
	for i < len(b) {
		switch x := b[i]; {
		case x == '"':
			return i + 1
		case x == '\\' || x < ' ':
			if i = c.special(i); i < 0 {
				return i
			}
		default:
			i++
		}
	}
	return torn
}

// special walks over an escape, or refuses a control character.
func (c *cursor) special(i int) int {
	if c.b[i] != '\\' {
		return c.bad(i, "control character in a text")
	}
	c.escapes++
	if i+1 >= len(c.b) {
		return torn
	}
	switch c.b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		for k := i + 2; k < i+6; k++ {
			if k >= len(c.b) {
				return torn
			}
			if x := c.b[k] | 0x20; (x < 'a' || x > 'f') && (c.b[k] < '0' || c.b[k] > '9') {
				return c.bad(k, "no hexadecimal digit in an escape")
			}
		}
		return i + 6
	}
	return c.bad(i+1, "unknown escape in a text")
}

// Members are the names, unescaped, and the values, as they are written, of a JSON object, in order. The
// values are slices of record, which must have passed a scan; anything else ends the sequence early.
func Members(record []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		c := cursor{b: record}
		i := c.space(0)
		if i < 0 || record[i] != '{' {
			return
		}
		for i++; ; {
			var name, value span
			if i = c.member(i, 2, &name, &value); i < 0 {
				return
			}
			if !yield(Text(record[name.from:name.to]), record[value.from:value.to]) || record[i-1] == '}' {
				return
			}
		}
	}
}

// Text is the text that a JSON value stands for, "" if it is no text. Bytes that are no UTF-8 and halves of
// surrogate pairs become U+FFFD, as in encoding/json.
func Text(value []byte) string {
	if len(value) < 2 || value[0] != '"' {
		return ""
	}
	plain := true
	for _, x := range value[1 : len(value)-1] {
		plain = plain && x != '\\' && x < 0x80
	}
	if plain {
		return string(value[1 : len(value)-1])
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}
