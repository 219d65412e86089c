package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"lifeboat/internal/diag"
)

// MaxHeld is how much of one record a scanner holds at most, see Scanner.Hold.
const MaxHeld = 1 << 20

// readSize is how much is read at once: small enough for the cache, large enough to make the record that is
// torn by its end not matter.
const readSize = 256 << 10

// Match is a record of one of the installs asked for.
type Match struct {
	Bytes       []byte // as they stand in the blob; valid until the callback returns; nil if they are too many to hold
	Offset      int64  // of the first of them in the blob
	Size        int64  // how many they are
	Install     diag.InstallID
	MessageID   string // "" if absent or no text, as all below
	MessageType string
	Properties  string // of errors and attachments
}

// Pointer is the name of the blob that the record stands for: the payload of a report, the bytes of an
// attachment. Only records of errors and attachments have one, and only where Properties is no JSON object.
func (m *Match) Pointer() (string, bool) {
	if !m.pointing() || m.Properties == "" || strings.HasPrefix(strings.TrimLeft(m.Properties, " \t\r\n"), "{") {
		return "", false
	}
	return m.Properties, true
}

// Stats counts what a scan saw.
type Stats struct {
	Bytes   int64
	Records int64 // elements of the array, whatever they are
	Matches int64
	Doubled int64 // records with more than one InstallId member; the last one counts
	Without int64 // records whose InstallId is missing or no text: nobody's, as far as the record says
}

// SyntaxError says where a blob stops being a JSON array of records.
type SyntaxError struct {
	Offset int64
	What   string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.What, e.Offset) }

// Scanner finds the records of some installs in arrays of records. It keeps its buffer from one Scan to the
// next and is for one goroutine at a time.
//
// A record belongs to an install if the last member named InstallId at the record's own top level is a text
// that means that install (diag.ParseInstallID); how the JSON is written (white space, order, escapes in name
// or value) does not matter, and mentions of an id elsewhere do not count. Every byte is checked against the
// grammar of JSON, as encoding/json does: a blob is read wholly or is an error, and what was found before the
// error was reported through the callback all the same.
type Scanner struct {
	installs *Installs
	shape    *shape
	buf      []byte
	held     int
}

// NewScanner makes a scanner for the records of these installs.
func NewScanner(installs *Installs) *Scanner {
	return &Scanner{installs: installs, shape: newShape(), buf: make([]byte, readSize), held: MaxHeld}
}

// Hold sets how much of one record is held in memory; it is MaxHeld at first. A larger record is read through
// all the same, in constant memory, but a Match tells only its place.
func (s *Scanner) Hold(size int) {
	s.held = max(size, 16)
	s.buf = make([]byte, min(readSize, s.held))
}

// Scan reads one blob and calls fn for every match, in order. It ends at the first error of r (returned as it
// is), of fn (as it is), or of the content (*SyntaxError).
func (s *Scanner) Scan(r io.Reader, fn func(*Match) error) (Stats, error) {
	run := scan{Scanner: s, r: r, fn: fn}
	err := run.array()
	run.stats.Bytes = run.base + int64(run.start)
	return run.stats, err
}

// scan is one run: a window of the blob that slides on from element to element.
type scan struct {
	*Scanner
	r     io.Reader
	fn    func(*Match) error
	stats Stats
	base  int64 // offset of buf[0] in the blob
	start int   // what lies before it in buf is done with
	end   int   // what lies behind it in buf is not read yet
	err   error // of r: nothing comes behind it
}

func (s *scan) fail(i int, what string) error { return &SyntaxError{s.base + int64(i), what} }

// errFull says that the window cannot grow any more.
var errFull = errors.New("archive: record does not fit into the window")

// fill slides the window to start and reads more. io.EOF means that there is no more.
func (s *scan) fill() error {
	if s.err != nil {
		return s.err
	}
	if s.start > 0 {
		copy(s.buf, s.buf[s.start:s.end])
		s.base += int64(s.start)
		s.end -= s.start
		s.start = 0
	}
	if s.end == len(s.buf) {
		if len(s.buf) >= s.held {
			return errFull
		}
		s.buf = append(make([]byte, 0, 2*len(s.buf)), s.buf...)[:2*len(s.buf)]
	}
	n, err := io.ReadAtLeast(s.r, s.buf[s.end:], 1)
	s.end += n
	s.err = err
	return err
}

// next skips white space and returns the byte behind it without taking it; ok=false at the end of the blob.
func (s *scan) next() (c byte, ok bool, err error) {
	for {
		for ; s.start < s.end; s.start++ {
			if c := s.buf[s.start]; !isSpace(c) {
				return c, true, nil
			}
		}
		if err := s.fill(); err == io.EOF {
			return 0, false, nil
		} else if err != nil {
			return 0, false, err
		}
	}
}

func (s *scan) array() error {
	if err := s.mark(); err != nil {
		return err
	}
	c, ok, err := s.next()
	if err != nil {
		return err
	}
	if !ok || c != '[' {
		return s.fail(s.start, "no JSON array")
	}
	s.start++
	if c, _, err = s.next(); err != nil {
		return err
	}
	if c == ']' {
		s.start++
		return s.tail()
	}
	return s.elements()
}

// mark skips a byte order mark.
func (s *scan) mark() error {
	for s.end < 3 {
		if err := s.fill(); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
	}
	if bytes.HasPrefix(s.buf[:s.end], []byte("\xef\xbb\xbf")) {
		s.start = 3
	}
	return nil
}

func (s *scan) elements() error {
	for {
		if _, _, err := s.next(); err != nil {
			return err
		}
		if err := s.element(); err != nil {
			return err
		}
		c, ok, err := s.next()
		switch {
		case err != nil:
			return err
		case !ok:
			return s.fail(s.start, "array without an end")
		case c == ']':
			s.start++
			return s.tail()
		case c != ',':
			return s.fail(s.start, "neither comma nor end of the array")
		}
		s.start++
	}
}

// tail allows nothing but white space behind the array.
func (s *scan) tail() error {
	_, ok, err := s.next()
	if err == nil && ok {
		return s.fail(s.start, "more behind the end of the array")
	}
	return err
}

// element takes one element. If the window ends inside it, the window grows and the element is read again
// from its start.
func (s *scan) element() error {
	for {
		c := cursor{b: s.buf[:s.end], shape: s.shape}
		var seen installSeen
		i := c.element(s.start, &seen)
		if i >= 0 {
			return s.take(i, seen)
		}
		if i == malformed {
			return s.fail(c.at, c.what)
		}
		switch err := s.grow(); err {
		case nil:
		case io.EOF:
			return s.fail(s.end, "record without an end")
		case errFull:
			return s.large()
		default:
			return err
		}
	}
}

// grow reads until the window has twice as much, so that reading again costs no more than twice the size of
// an element, however little the reader gives at once. It fails only if there is no more at all.
func (s *scan) grow() error {
	for had, n := s.end-s.start, 0; n == 0 || s.end-s.start < 2*had; n++ {
		if err := s.fill(); err != nil && n == 0 {
			return err
		} else if err != nil {
			return nil // it comes again when what was read before it is used up
		}
	}
	return nil
}

// large takes one element that does not fit into the window.
func (s *scan) large() error {
	w, offset := newWalker(), s.base+int64(s.start)
	for {
		n, what := w.feed(s.buf[s.start:s.end])
		s.start += n
		if what != "" {
			return s.fail(s.start, what)
		}
		if w.done {
			return s.takeLarge(w, offset)
		}
		if err := s.fill(); err == io.EOF {
			return s.fail(s.end, "record without an end")
		} else if err != nil {
			return err
		}
	}
}

func (s *scan) takeLarge(w *walker, offset int64) error {
	install, ok := s.belongs(installSeen{w.installs, w.values["InstallId"]})
	if !ok {
		return nil
	}
	m := Match{Offset: offset, Size: s.base + int64(s.start) - offset, Install: install,
		MessageID: Text(w.values["MessageId"]), MessageType: Text(w.values["MessageType"])}
	if m.pointing() {
		m.Properties = Text(w.values["Properties"])
	}
	return s.fn(&m)
}

func (s *scan) take(end int, seen installSeen) error {
	start := s.start
	s.start = end
	install, ok := s.belongs(seen)
	if !ok {
		return nil
	}
	m := Match{Bytes: s.buf[start:end], Offset: s.base + int64(start), Size: int64(end - start), Install: install}
	m.describe()
	return s.fn(&m)
}

// belongs counts a record and tells whether it is of an install asked for.
func (s *scan) belongs(seen installSeen) (diag.InstallID, bool) {
	s.stats.Records++
	if seen.count > 1 {
		s.stats.Doubled++
	}
	if seen.value == nil {
		s.stats.Without++
		return "", false
	}
	install, ok := s.installs.find(seen.value)
	if ok {
		s.stats.Matches++
	}
	return install, ok
}

// describe reads the other members that a match tells. Properties of other records may be long and are not
// asked for.
func (m *Match) describe() {
	c := cursor{b: m.Bytes}
	var properties []byte
	for i := 1; i > 0 && m.Bytes[i-1] != '}'; {
		var name, value span
		if i = c.member(i, 2, &name, &value); i < 0 {
			return
		}
		switch text := m.Bytes[value.from:value.to]; {
		case c.named(name, "MessageId"):
			m.MessageID = Text(text)
		case c.named(name, "MessageType"):
			m.MessageType = Text(text)
		case c.named(name, "Properties"):
			properties = text
		}
	}
	if m.pointing() {
		m.Properties = Text(properties)
	}
}

// pointing reports whether records of the type stand for a blob.
func (m *Match) pointing() bool {
	switch m.MessageType {
	case "ErrorLog", "HandledErrorLog", "ErrorAttachmentLog":
		return true
	}
	return false
}
