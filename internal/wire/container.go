package wire

import (
	"bytes"
	"slices"

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
	object, found, fits := s.peek() == '{', false, true
	if !object {
		s.skip()
	} else {
		s.members(func(name string) {
			switch {
			case name != "logs":
				s.skip()
			case s.peek() != '[':
				elements, found = nil, false
				s.skip()
			default:
				elements, fits = s.list(maxLogs)
				found = true
			}
		})
	}
	switch {
	case s.fault != sound || s.peek() != 0 || s.i < len(s.b):
		return nil, diag.Errorf(diag.Invalid, "%s", s.fault)
	case !object:
		return nil, diag.Errorf(diag.Invalid, `the body is not a JSON object with a "logs" array`)
	case !found:
		return nil, diag.Errorf(diag.Invalid, `the body has no "logs" array`)
	case !fits:
		return nil, diag.Errorf(diag.Invalid, "the body holds more than %d logs; send fewer at a time", maxLogs)
	}
	return elements, nil
}

// list gives the elements of the array that is next. Those behind the first n are checked but not kept.
func (s *scanner) list(n int) (elements [][]byte, fits bool) {
	elements, fits = make([][]byte, 0, 1), true
	s.elements(func() {
		e := s.value()
		switch len(elements) {
		case n:
			fits = false
			return
		case 1: // the others are about as long as the first
			elements = slices.Grow(elements, min(64, 1+(len(s.b)-s.i)/(len(e)+1)))
		}
		elements = append(elements, e)
	})
	return elements, fits
}
