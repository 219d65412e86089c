package wire

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"lifeboat/internal/diag"
)

// The reasons of Defect.
const (
	MissingDevice    Reason = "missing_device"
	MissingID        Reason = "missing_id"
	MissingException Reason = "missing_exception"
)

// Defect says what App Center would have missed in a log: the device, and in errors an id and what happened. ""
// means nothing. A server that is lenient need not ask.
func Defect(l *diag.Log) Reason {
	m := membersOf(l.Raw)
	switch {
	case m["device"].Kind() != '{':
		return MissingDevice
	case l.Kind.Family() != diag.FamilyError:
		return ""
	case !isGUID(m["id"]):
		return MissingID
	case m["exception"].Kind() != '{' && (l.Kind != diag.KindAppleError || m["osExceptionType"].Kind() != '"'):
		return MissingException
	}
	return ""
}

// membersOf cuts a JSON object into its members; of those that repeat the last one counts.
func membersOf(raw []byte) map[string]jsontext.Value {
	d := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	m := map[string]jsontext.Value{}
	if _, err := d.ReadToken(); err != nil {
		return m
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return m
		}
		key := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return m
		}
		m[key] = value.Clone()
	}
	return m
}

func isGUID(v jsontext.Value) bool {
	text, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		return false
	}
	_, ok := diag.ParseID(string(text))
	return ok
}
