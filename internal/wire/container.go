package wire

import (
	"bytes"

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
	if c := s.peek(); c != '{' && c != 0 {
		s.skip()
		return nil, containerError(&s, "the body is not a JSON object with a logs array")
	}
	found, many := false, false
	s.members(func(name string) {
		if name != "logs" {
			s.skip()
			return
		}
		elements, found = nil, s.peek() == '['
		if !found {
			s.skip()
			return
		}
		elements = make([][]byte, 0, 1)
		s.elements(func() {
			if len(elements) == maxLogs {
				many = true
				s.skip()
				return
			}
			e := s.value()
			if len(elements) == 1 {
				elements = append(make([][]byte, 0, min(64, 2+(len(s.b)-s.i)/(len(e)+1))), elements...)
			}
			elements = append(elements, e)
		})
	})
	switch {
	case s.fault != sound || s.peek() != 0 || s.i < len(s.b):
		return nil, containerError(&s, "")
	case many:
		return nil, diag.Errorf(diag.Invalid, "the body holds more than %d logs; send fewer at a time", maxLogs)
	case !found:
		return nil, diag.Errorf(diag.Invalid, `the body has no "logs" array`)
	}
	return elements, nil
}

// containerError says why the scan failed, otherwise if it did not.
func containerError(s *scanner, otherwise string) error {
	switch {
	case s.fault == tooDeep:
		return diag.Errorf(diag.Invalid, "the body nests deeper than %d levels", maxDepth)
	case s.fault == truncated:
		return diag.Errorf(diag.Invalid, "the body is not JSON: it ends in the middle")
	case s.fault == malformed || otherwise == "":
		return diag.Errorf(diag.Invalid, "the body is not JSON")
	}
	return diag.Errorf(diag.Invalid, "%s", otherwise)
}
