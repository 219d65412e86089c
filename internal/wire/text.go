package wire

import (
	"bytes"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"
)

// view is b as a string for a caller that only looks at it: it is valid as long as b.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// decodeName is the name that quoted, a JSON string, stands for. It is valid as long as quoted.
func decodeName(quoted []byte) string {
	if inner := quoted[1 : len(quoted)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return view(inner)
	}
	return decodeString(quoted)
}

// decodeString is the text that quoted, a JSON string, stands for. Bytes that are no UTF-8, lone surrogates
// and NUL, which no database and no terminal likes, become U+FFFD.
func decodeString(quoted []byte) string {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	// The error only tells that something was replaced.
	b, _ := jsontext.AppendUnquote(nil, quoted)
	return strings.ReplaceAll(string(b), "\x00", "\uFFFD")
}

// decodeText is the text of any value: what a string says, a number as it is written, true or false; ""
// for null, objects and arrays.
func decodeText(raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	switch raw[0] {
	case '"':
		return decodeString(raw)
	case 'n', '{', '[':
		return ""
	}
	return string(raw)
}

// decodeDeviceText is decodeText for members of the device object: Android's SDK turns its own null into
// the text "null" when it stores a log and sends it later.
func decodeDeviceText(raw []byte) string {
	if s := decodeText(raw); s != "null" {
		return s
	}
	return ""
}

// decodeView is decodeText of a scalar for a caller that only looks at the text: it is valid as long as raw.
func decodeView(raw []byte) string {
	switch {
	case len(raw) == 0:
		return ""
	case raw[0] == '"':
		return decodeName(raw)
	}
	return view(raw)
}
