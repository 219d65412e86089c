package wire

import (
	"strings"
	"unicode"

	"lifeboat/internal/diag"
)

const (
	maxFileName    = 255 // characters
	maxContentType = 255
)

// DecodeAttachment decodes an attachment, its bytes only if withData says so: Data is nil otherwise, and Size
// is right in either case. Problem says why there are no bytes.
func DecodeAttachment(l diag.Log, withData bool) diag.Attachment {
	a := diag.Attachment{ID: l.ID, ErrorID: l.ErrorID, Timestamp: l.Timestamp, Session: l.Session}
	var data []byte
	d := newDecoder(l.Raw)
	for name := range d.members() {
		switch name {
		case "device":
			a.Device = d.device()
		case "contentType":
			a.ContentType = d.text()
		case "fileName":
			a.FileName = fileName(d.text())
		case "data":
			data = append(data[:0], d.raw()...)
		default:
			d.skip()
		}
	}
	a.ContentType = contentType(a.ContentType)
	if len(data) == 0 || data[0] != '"' {
		a.Problem = "The attachment came without data."
		return a
	}
	var err error
	if withData {
		a.Data, err = decodeBase64(data)
		a.Size = len(a.Data)
	} else {
		a.Size, err = base64Size(data)
	}
	if err != nil {
		a.Data, a.Size = nil, 0
		a.Problem = "The attachment's data is not base64."
	}
	return a
}

// fileName is the last part of a path of any system, for display: without control characters, bounded.
func fileName(s string) string {
	s = s[strings.LastIndexAny(s, `/\`)+1:]
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	if s = shorten(s, maxFileName); s == "." || s == ".." {
		return ""
	}
	return s
}

// contentType is a media type that may stand in a header.
func contentType(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > maxContentType || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "application/octet-stream"
	}
	return s
}
