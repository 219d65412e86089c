package archive

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
)

// shape remembers members of records as they were written, one behind the other, and in which order they come:
// records of one writer are alike, and to compare a record with one before it, eight bytes at a time and
// across many members, is cheaper than to read it.
//
// It decides nothing. All that it holds has been read in full, so bytes that are alike from the start of a
// member to the comma behind it are a member, and bytes that are alike up to somewhere inside a text are the
// start of a text. Where a record differs, cursor reads on from there; see cursor.record.
type shape struct {
	text    []byte
	members []learned
	index   map[string]int // by all that stands before the value: `"AppId":`
	records int            // since the shape was empty
}

// learned is a member in shape.text. members[0] is none and stands for the start of a record, the last of
// members is none and stands for the end of what was learned.
type learned struct {
	from, value, end, to int  // of the white space before the name; of the value; behind it; behind the comma or brace
	isText               bool // the value is
	escaped              bool // the value is a text with escapes
	install              bool // the name means InstallId
	last                 bool // of its record: a brace, no comma, stands behind it
	other                int  // the member that came next when it was not the one that stands behind it; 0 = none
}

// The bounds of what a hostile archive can make a shape remember.
const (
	maxMembers = 256
	maxMember  = 256 // bytes
)

// relearn is after how many records a shape is made anew, so that one odd record does no lasting harm.
const relearn = 1024

func newShape() *shape {
	s := &shape{index: map[string]int{}}
	s.clear()
	return s
}

func (s *shape) clear() {
	clear(s.index)
	s.text, s.records = s.text[:0], 0
	s.members = append(s.members[:0], learned{}, behind(0))
}

// behind is the member at the end of what was learned. No byte is as far on as its value.
func behind(end int) learned { return learned{from: end, value: math.MaxInt, to: math.MaxInt} }

// begin is called at the start of a record and returns the member that is expected.
func (s *shape) begin() int {
	if s.records++; s.records > relearn {
		s.clear()
	}
	if first := s.members[0].other; first != 0 {
		return first
	}
	return 1
}

// alike counts the bytes that a and b have alike at their starts, two words of eight bytes at a time.
func alike(a, b []byte) int {
	n := min(len(a), len(b))
	a, b = a[:n], b[:n]
	i := 0
	for ; i+16 <= n; i += 16 {
		x, y := a[i:i+16:i+16], b[i:i+16:i+16]
		if d := binary.LittleEndian.Uint64(x) ^ binary.LittleEndian.Uint64(y); d != 0 {
			return i + bits.TrailingZeros64(d)>>3
		}
		if d := binary.LittleEndian.Uint64(x[8:]) ^ binary.LittleEndian.Uint64(y[8:]); d != 0 {
			return i + 8 + bits.TrailingZeros64(d)>>3
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// resume is where a text that is alike up to p is to be read from: from p, but not from inside an escape.
func (s *shape) resume(m *learned, p int) int {
	start := m.value + 1
	if !m.escaped || bytes.IndexByte(s.text[max(start, p-5):p], '\\') < 0 { // the longest escape has six bytes
		return p
	}
	for p > start && s.text[p-1] != '\\' {
		p--
	}
	for p > start && s.text[p-1] == '\\' { // which of several begin an escape only their start tells
		p--
	}
	return p
}

// learn notes that behind the member last came one that was not expected, and returns which it is, or 0 if it
// cannot be remembered. m has the places in text.
func (s *shape) learn(last int, m learned, text []byte) int {
	k, known := s.index[string(text[:m.value])]
	if !known {
		if k = len(s.members) - 1; k == maxMembers || m.value > maxMember {
			return 0
		}
		s.index[string(text[:m.value])] = k
		s.add(m, text)
	}
	if k != last+1 {
		s.members[last].other = k
	}
	return k
}

// add appends a member. A value that is too long is left away: an empty text, which is the start of any, stands for it.
func (s *shape) add(m learned, text []byte) {
	base := len(s.text)
	s.text = append(s.text, text[:m.value]...)
	if m.to <= maxMember {
		s.text = append(s.text, text[m.value:m.to]...)
	} else {
		s.text = append(s.text, '"', '"', ',')
		m = learned{value: m.value, end: m.value + 2, to: m.value + 3, isText: true, install: m.install}
	}
	m.from, m.value, m.end, m.to = base, base+m.value, base+m.end, base+m.to
	s.members[len(s.members)-1] = m
	s.members = append(s.members, behind(len(s.text)))
}
