package wire

import (
	"strings"
	"time"

	"lifeboat/internal/diag"
)

// MaxAttachment is the size of the largest attachment that is kept, decoded: the limit of all SDKs.
const MaxAttachment = 7 << 20

// Reason says why a log is dropped; "" if it is kept. The texts are those of the drop counters.
type Reason string

// The reasons of Peek.
const (
	NotAnObject        Reason = "not_an_object"
	UnknownType        Reason = "unknown_type"
	LegacyType         Reason = "legacy_type" // Mobile Center's snake_case, before 2017
	MissingErrorID     Reason = "missing_error_id"
	BadAttachment      Reason = "bad_attachment"
	AttachmentTooLarge Reason = "attachment_too_large"
)

// Peek reads one element of a container only as deep as storing and indexing it needs. received stands in
// for a timestamp that is missing or cannot be read; Log.Dated tells.
//
// A log without an id gets one that is derived from what it says, so that the same log sent again meets
// itself; so does a log whose id is no GUID. An error log is never dropped for what it says of the error.
func Peek(raw []byte, app diag.ID, install diag.InstallID, received time.Time) (diag.Log, Reason) {
	s := scanner{b: raw}
	if s.peek() != '{' {
		return diag.Log{}, NotAnObject
	}
	p := peeked{s: &s}
	p.read()
	if s.fault != sound || s.peek() != 0 || s.i < len(raw) {
		return diag.Log{}, NotAnObject
	}
	return p.log(raw, app, install, received)
}

// log makes of the members what Peek returns.
func (p *peeked) log(raw []byte, app diag.ID, install diag.InstallID, received time.Time) (diag.Log, Reason) {
	l := diag.Log{Kind: p.kind(), AppVersion: p.appVersion, AppBuild: p.appBuild, Raw: raw}
	if l.Kind == diag.KindUnknown {
		return diag.Log{}, p.unknown()
	}
	if reason := p.attachment(&l); reason != "" {
		return diag.Log{}, reason
	}
	if l.Timestamp, l.Dated = parseTimestamp(decodeView(p.timestamp)); !l.Dated {
		l.Timestamp = diag.DeviceTimeOf(received)
	}
	if id, ok := diag.ParseID(decodeView(p.session)); ok {
		l.Session = id
	}
	l.ID = p.logID(&l, app, install)
	return l, ""
}

// peeked holds the raw texts of the members that matter, nil for those that are absent or null.
type peeked struct {
	s                                    *scanner
	typ, timestamp, session, id, errorID []byte
	data                                 []byte
	appVersion, appBuild                 string
}

func (p *peeked) read() {
	p.s.members(func(name string) {
		switch name {
		case "type":
			p.typ = p.scalar()
		case "timestamp":
			p.timestamp = p.scalar()
		case "sid":
			p.session = p.scalar()
		case "id":
			p.id = p.scalar()
		case "errorId":
			p.errorID = p.scalar()
		case "data":
			p.data = p.scalar()
		case "device":
			p.device()
		default:
			p.s.skip()
		}
	})
}

// device reads the versions out of the device object; a second one replaces the first.
func (p *peeked) device() {
	p.appVersion, p.appBuild = "", ""
	if p.s.peek() != '{' {
		p.s.skip()
		return
	}
	p.s.members(func(name string) {
		switch name {
		case "appVersion":
			p.appVersion = decodeDeviceText(p.scalar())
		case "appBuild":
			p.appBuild = decodeDeviceText(p.scalar())
		default:
			p.s.skip()
		}
	})
}

// scalar is the text of a string, number or boolean, nil for anything else.
func (p *peeked) scalar() []byte {
	v := p.s.value()
	if len(v) == 0 || v[0] == 'n' || v[0] == '{' || v[0] == '[' {
		return nil
	}
	return v
}

func (p *peeked) kind() diag.LogKind { return diag.ParseLogKind(decodeView(p.typ)) }

// unknown tells the log types of old from those that never were.
func (p *peeked) unknown() Reason {
	words := strings.Split(decodeView(p.typ), "_")
	for i, w := range words[1:] {
		if w != "" {
			words[i+1] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	if len(words) > 1 && diag.ParseLogKind(strings.Join(words, "")) != diag.KindUnknown {
		return LegacyType
	}
	return UnknownType
}

// attachment checks what makes an attachment worth storing.
func (p *peeked) attachment(l *diag.Log) Reason {
	if l.Kind != diag.KindAttachment {
		return ""
	}
	var ok bool
	if l.ErrorID, ok = diag.ParseID(decodeView(p.errorID)); !ok || l.ErrorID.IsZero() {
		return MissingErrorID
	}
	if p.data == nil || p.data[0] != '"' {
		return BadAttachment
	}
	size, err := base64Size(p.data)
	switch {
	case err != nil:
		return BadAttachment
	case size > MaxAttachment:
		return AttachmentTooLarge
	}
	return ""
}

// logID is the log's own id or a derived one. The id of all zeros stands for none: many logs may carry it.
func (p *peeked) logID(l *diag.Log, app diag.ID, install diag.InstallID) diag.ID {
	text := strings.TrimSpace(decodeView(p.id))
	id, ok := diag.ParseID(text)
	switch {
	case ok && !id.IsZero():
		return id
	case !ok && text != "":
		return diag.DerivedID(app[:], []byte{byte(l.Kind.Family())}, []byte(text))
	}
	return diag.DerivedID(app[:], []byte(install), []byte(l.Kind.String()), p.timestamp, l.Session[:], l.Raw)
}
