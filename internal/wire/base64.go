package wire

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
)

var errBase64 = errors.New("not base64")

// sextets says of each byte what it means in base64 of either alphabet: the letter of the standard one, or
// one of the marks below.
var sextets = func() (t [256]byte) {
	for i := range t {
		t[i] = notBase64
	}
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = c
	}
	t['-'], t['_'] = '+', '/'
	t[' '], t['\t'], t['\r'], t['\n'] = blank, blank, blank, blank
	t['='] = '='
	return t
}()

const (
	notBase64 = 0
	blank     = 1
)

// base64Text walks the letters of base64 inside a JSON string. SDKs write plain padded base64, Android with
// every slash escaped, some JSON writers with + and = as \u002b and \u003d; people who call the API by hand
// send line breaks, the URL alphabet and no padding.
type base64Text struct {
	letters int
	padded  bool
	dst     []byte // where the letters go, nil to count only
}

// read takes the letters of a quoted JSON string that has been checked to be one.
func (t *base64Text) read(quoted []byte) error {
	b := quoted[1 : len(quoted)-1]
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == '\\' {
			n := escapeLen(b[i:])
			if n == 0 {
				return errBase64
			}
			c = unescapeASCII(b[i : i+n])
			i += n - 1
		}
		switch v := sextets[c]; v {
		case notBase64:
			return errBase64
		case blank:
		case '=':
			t.padded = true
		default:
			if t.padded {
				return errBase64
			}
			t.letters++
			if t.dst != nil {
				t.dst = append(t.dst, v)
			}
		}
	}
	if t.letters%4 == 1 {
		return errBase64
	}
	return nil
}

// unescapeASCII is the byte that a JSON escape stands for, 0 if it is none of ASCII.
func unescapeASCII(esc []byte) byte {
	switch esc[1] {
	case 'n', 'r', 't':
		return '\n' // one blank is like another
	case 'u':
		var v [2]byte
		for i, c := range esc[2:] {
			d := c - '0'
			if d > 9 {
				d = c | 0x20 - 'a' + 10
			}
			v[i/2] = v[i/2]<<4 | d
		}
		if r := binary.BigEndian.Uint16(v[:]); r < 0x80 {
			return byte(r)
		}
		return 0
	}
	return esc[1]
}

// base64Size is how many bytes the base64 in a quoted JSON string decodes to.
func base64Size(quoted []byte) (int, error) {
	var t base64Text
	err := t.read(quoted)
	return base64.RawStdEncoding.DecodedLen(t.letters), err
}

// decodeBase64 decodes the base64 in a quoted JSON string.
func decodeBase64(quoted []byte) ([]byte, error) {
	t := base64Text{dst: make([]byte, 0, len(quoted))}
	if err := t.read(quoted); err != nil {
		return nil, err
	}
	n, err := base64.RawStdEncoding.Decode(t.dst, t.dst)
	return t.dst[:n:n], err
}
