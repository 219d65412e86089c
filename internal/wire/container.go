package wire

import (
	"bytes"
	"slices"
	"time"

	"lifeboat/internal/diag"
)

// maxLogs is how many logs one body may hold. SDKs send 50 at most; the bound keeps a body of commas from
// becoming a slice many times its size.
const maxLogs = 100_000

var byteOrderMark = []byte("\xef\xbb\xbf")

// SplitContainer finds the "logs" array of a request's body and cuts it into its elements, which are slices
// of body. The whole body is checked to be JSON. An error is a *diag.Error of kind Invalid; an empty array
// is none.
func SplitContainer(body []byte) (elements [][]byte, err error) {
	s := scanner{b: bytes.TrimPrefix(body, byteOrderMark)}
	err = s.container(func() bool {
		elements = make([][]byte, 0, 1)
		return s.list(func() {
			e := s.value()
			if len(elements) == 1 { // the others are about as long as the first
				elements = slices.Grow(elements, min(64, 1+(len(s.b)-s.i)/(len(e)+1)))
			}
			elements = append(elements, e)
		})
	})
	if err != nil {
		return nil, err
	}
	return elements, nil
}

// ReadContainer is SplitContainer and Peek in one pass: it calls log with what Peek would say of each element.
// begin is called before the first, and again if another "logs" array takes the place of the first: what came
// before is void then. If ReadContainer returns an error, the body is none and everything is void.
func ReadContainer(body []byte, app diag.ID, install diag.InstallID, received time.Time, begin func(), log func(diag.Log, Reason)) error {
	s := scanner{b: bytes.TrimPrefix(body, byteOrderMark)}
	p := peeked{s: &s}
	return s.container(func() bool {
		begin()
		return s.list(func() {
			if s.peek() != '{' {
				s.skip()
				log(diag.Log{}, NotAnObject)
				return
			}
			p = peeked{s: &s}
			start := s.i
			p.read()
			if s.fault == sound {
				log(p.log(s.b[start:s.i:s.i], app, install, received))
			}
		})
	})
}

// container reads a whole body and has list read every "logs" array in it; list says whether that is as long as
// it may be.
func (s *scanner) container(list func() bool) error {
	object, found, fits := s.peek() == '{', false, true
	if !object {
		s.skip()
	} else {
		s.members(func(name string) {
			switch {
			case name != "logs":
				s.skip()
			case s.peek() != '[':
				found = false
				s.skip()
			default:
				fits, found = list(), true
			}
		})
	}
	switch {
	case s.fault != sound || s.peek() != 0 || s.i < len(s.b):
		return diag.Errorf(diag.Invalid, "%s", s.fault)
	case !object:
		return diag.Errorf(diag.Invalid, `the body is not a JSON object with a "logs" array`)
	case !found:
		return diag.Errorf(diag.Invalid, `the body has no "logs" array`)
	case !fits:
		return diag.Errorf(diag.Invalid, "the body holds more than %d logs; send fewer at a time", maxLogs)
	}
	return nil
}

// list calls fn before each of the first maxLogs elements of the array that is next; fn steps over it. Those
// behind are checked only.
func (s *scanner) list(fn func()) (fits bool) {
	n := 0
	s.elements(func() {
		if n++; n > maxLogs {
			s.skip()
			return
		}
		fn()
	})
	return n <= maxLogs
}
