package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"unicode/utf8"

	"lifeboat/internal/diag"
)

// Record is one exported record: members in order, every value a text. Absent values are left out.
type Record struct {
	members []Member
	device  int // how many members are those of every log; the rest are the entity's own
}

// Member is one name and value of a record.
type Member struct{ Name, Value string }

// Meta is what an exported record says beyond the log itself.
type Meta struct {
	AppID          diag.ID
	Install        diag.InstallID
	Ingress        diag.IngressTime
	Correlation    diag.ID // correlationId of the ingestion answer
	Pointer        string  // blob of the payload or of the attachment's bytes; goes into Properties
	ErrorID        string  // public id of the report (diag.ReportID); reports have it by themselves
	ErrorGroupID   string
	Revision       int // 0 counts as 1
	State          diag.SymbolicationState
	HasAttachments bool
	HasBreadcrumbs bool
}

// FromEvent is the record of a log that is neither error nor attachment.
//
// MessageId is the log's id: as the SDK sent it, else the one derived from its content (diag.DerivedID), so
// that a log sent twice has one MessageId. EventId is the id of an event log and absent from all others.
func FromEvent(e *diag.Event, m Meta) Record {
	h := header{kind: e.Kind, id: e.ID, time: e.Timestamp, session: e.Session, user: e.UserID, test: e.TestMessage, name: e.Name}
	if e.Kind == diag.KindEvent {
		h.eventID = e.ID.String()
	}
	h.properties = eventProperties(e)
	r := deviceLog(h, &e.Device, m)
	r.Add("DistributionGroupId", e.DistributionGroupID)
	r.Add("DataResidencyRegion", e.DataResidencyRegion)
	return r
}

// eventProperties are the event's own properties; logs without any that say something else have that instead.
func eventProperties(e *diag.Event) string {
	switch {
	case len(e.Properties) > 0:
		return objectText(e.Properties)
	case len(e.Services) > 0:
		list := e.Services[0]
		for _, s := range e.Services[1:] {
			list += "," + s
		}
		return objectText([]diag.Property{{Name: "services", Value: list}})
	case e.PushToken != "":
		return objectText([]diag.Property{{Name: "pushToken", Value: e.PushToken}})
	}
	return ""
}

// FromReport is the record of a crash or a handled error. v may be nil for a report that could not be read.
// MessageId is the GUID of the log; EventId is the ErrorId, so that tools that are keyed on EventId work.
func FromReport(rep *diag.Report, v *diag.Verdict, m Meta) Record {
	m.ErrorID = diag.ReportID(rep.Timestamp, rep.ID)
	h := header{kind: rep.Kind, id: rep.ID, time: rep.Timestamp, session: rep.Session, user: rep.UserID, test: rep.TestMessage, eventID: m.ErrorID, properties: m.Pointer}
	r := deviceLog(h, &rep.Device, m)
	r.Add("ErrorId", m.ErrorID)
	r.Add("ErrorGroupId", m.ErrorGroupID)
	r.Add("Revision", strconv.Itoa(max(m.Revision, 1)))
	r.Add("Fatal", boolText(!rep.Handled))
	if rep.AppLaunch != 0 {
		r.Add("AppLaunchTimestamp", diag.FormatMillis(rep.AppLaunch.Time()))
	}
	r.addReason(v)
	r.Add("SymbolicationState", string(m.State))
	r.addProcess(rep)
	if rep.Device.HasJailbreak {
		r.Add("Jailbreak", boolText(rep.Device.Jailbreak))
	}
	r.Add("HasAttachments", boolText(m.HasAttachments))
	r.Add("HasBreadcrumbs", boolText(m.HasBreadcrumbs))
	if len(rep.Properties) > 0 {
		r.Add("CustomProperties", objectText(rep.Properties))
	}
	r.Add("DistributionGroupId", rep.DistributionGroupID)
	r.Add("DataResidencyRegion", rep.DataResidencyRegion)
	r.Add("SchemaVersion", "1")
	return r
}

func (r *Record) addReason(v *diag.Verdict) {
	if v == nil {
		return
	}
	reason := &v.Reason
	r.Add("ExceptionType", reason.ExceptionType)
	r.Add("ExceptionMessage", reason.ExceptionMessage)
	r.Add("ExceptionClassName", reason.Frame.Class)
	r.Add("ExceptionMethod", reason.Frame.Method)
	r.Add("ExceptionFile", reason.Frame.File)
	if reason.Frame.Line > 0 {
		r.Add("ExceptionLine", strconv.Itoa(reason.Frame.Line))
	}
	r.Add("ExceptionAppCode", boolText(reason.Frame.AppCode))
	r.Add("CodeRaw", reason.CodeRaw)
}

func (r *Record) addProcess(rep *diag.Report) {
	r.Add("ProcessId", rep.ProcessID)
	r.Add("ProcessName", rep.ProcessName)
	r.Add("ParentProcessId", rep.ParentProcessID)
	r.Add("ParentProcessName", rep.ParentProcessName)
	r.Add("ErrorThreadId", rep.ErrorThreadID)
	r.Add("ErrorThreadName", rep.ErrorThreadName)
	r.Add("Architecture", rep.Architecture)
	r.Add("OsExceptionType", rep.OSExceptionType)
	r.Add("OsExceptionCode", rep.OSExceptionCode)
	r.Add("OsExceptionAddress", rep.OSExceptionAddress)
}

// FromAttachment is the record of an attachment. Sha256 is there if a.Data is.
func FromAttachment(a *diag.Attachment, m Meta) Record {
	h := header{kind: diag.KindAttachment, id: a.ID, time: a.Timestamp, session: a.Session, eventID: a.ID.String(), properties: m.Pointer}
	r := deviceLog(h, &a.Device, m)
	errorID := m.ErrorID
	if errorID == "" {
		errorID = idText(a.ErrorID)
	}
	r.Add("AttachmentId", a.ID.String())
	r.Add("ErrorId", errorID)
	r.Add("ErrorGroupId", m.ErrorGroupID)
	r.Add("ContentType", a.ContentType)
	r.Add("FileName", a.FileName)
	r.Add("Size", strconv.Itoa(a.Size))
	if a.Data != nil {
		sum := sha256.Sum256(a.Data)
		r.Add("Sha256", hex.EncodeToString(sum[:]))
	}
	return r
}

// header is what the first members of a record take from its log.
type header struct {
	kind       diag.LogKind
	id         diag.ID
	time       diag.DeviceTime
	session    diag.ID
	user, name string
	eventID    string
	properties string
	test       bool
}

// deviceLog adds the members that every record has, in the published order of App Center's analytics export;
// UserId, which the published sample lacks, stands behind SessionId, CarrierCode at the end. CountryCode comes
// from the carrier and never from an address.
func deviceLog(h header, d *diag.Device, m Meta) Record {
	r := Record{members: make([]Member, 0, 72)}
	r.Add("AppId", idText(m.AppID))
	r.Add("Timestamp", diag.FormatMillis(h.time.Time()))
	r.Add("InstallId", string(m.Install))
	r.Add("MessageType", h.kind.MessageType())
	r.Add("IngressTimestamp", diag.FormatMillis(m.Ingress.Time()))
	r.Add("MessageId", idText(h.id))
	r.Add("EventId", h.eventID)
	r.Add("EventName", h.name)
	r.Add("CorrelationId", idText(m.Correlation))
	r.Add("IsTestMessage", boolText(h.test))
	r.Add("SdkVersion", d.SDKVersion)
	r.Add("Model", d.Model)
	r.Add("OemName", d.OEMName)
	r.Add("OsName", d.OSName)
	r.Add("OsVersion", d.OSVersion)
	if d.OSAPILevel != 0 {
		r.Add("OsApiLevel", strconv.Itoa(d.OSAPILevel))
	}
	r.Add("Locale", d.Locale)
	if d.HasTimeZoneOffset {
		r.Add("TimeZoneOffset", durationText(d.TimeZoneOffset))
	}
	r.Add("ScreenSize", d.ScreenSize)
	r.Add("AppVersion", d.AppVersion)
	r.Add("AppBuild", d.AppBuild)
	r.Add("AppNamespace", d.AppNamespace)
	r.Add("CarrierName", d.CarrierName)
	r.Add("CarrierCountry", d.CarrierCountry)
	r.Add("CountryCode", d.CarrierCountry)
	r.Add("WrapperSdkVersion", d.WrapperSDKVersion)
	r.Add("WrapperSdkName", d.WrapperSDKName)
	r.Add("Properties", h.properties)
	r.Add("SessionId", idText(h.session))
	r.Add("UserId", h.user)
	r.Add("SdkName", d.SDKName)
	r.Add("OsBuild", d.OSBuild)
	r.Add("WrapperRuntimeVersion", d.WrapperRuntimeVersion)
	r.Add("LiveUpdateDeploymentKey", d.LiveUpdateDeploymentKey)
	r.Add("LiveUpdatePackageHash", d.LiveUpdatePackageHash)
	r.Add("LiveUpdateReleaseLabel", d.LiveUpdateReleaseLabel)
	r.Add("CarrierCode", d.CarrierCode)
	r.device = len(r.members)
	return r
}

// Add puts a member at the end, unless the value is "", which stands for absent.
func (r *Record) Add(name, value string) {
	if value != "" {
		r.members = append(r.members, Member{name, value})
	}
}

// Members are the record's members in order. The caller must not change them.
func (r Record) Members() []Member { return r.members }

// Index is the short form of a report's or an attachment's record that stands in the analytics file: only
// the members that every log has.
func (r Record) Index() Record {
	return Record{members: r.members[:r.device:r.device], device: r.device}
}

// AppendJSON writes the record behind dst as one JSON object without white space.
func (r Record) AppendJSON(dst []byte) []byte { return append(r.AppendMembers(append(dst, '{')), '}') }

// AppendMembers writes the members without the braces, for an object that goes on.
func (r Record) AppendMembers(dst []byte) []byte {
	for i, m := range r.members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, m.Name)
		dst = append(dst, ':')
		dst = AppendString(dst, m.Value)
	}
	return dst
}

// AppendArray writes records as the content of an array blob: UTF-8 without a mark and without white space.
func AppendArray(dst []byte, records []Record) []byte {
	dst = append(dst, '[')
	for i, r := range records {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = r.AppendJSON(dst)
	}
	return append(dst, ']')
}

const hexDigits = "0123456789abcdef"

// AppendString writes s as a JSON string. Only what JSON demands is escaped, so that text stays readable and
// searchable; bytes that are no UTF-8 become U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			_, size := utf8.DecodeRuneInString(s[i:])
			if size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscaped(dst, c)
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

func appendEscaped(dst []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c == '\n':
		return append(dst, `\n`...)
	case c == '\r':
		return append(dst, `\r`...)
	case c == '\t':
		return append(dst, `\t`...)
	case c >= utf8.RuneSelf:
		return append(dst, "\uFFFD"...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// objectText is an object of texts, itself as text: names and their order are the device's, to the byte. A
// property that a device cleared is null.
func objectText(properties []diag.Property) string {
	b := []byte{'{'}
	for i, p := range properties {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(AppendString(b, p.Name), ':')
		if p.Type == "clear" {
			b = append(b, "null"...)
		} else {
			b = AppendString(b, p.Value)
		}
	}
	return string(append(b, '}'))
}

// durationText is minutes as .NET writes a TimeSpan in XML (ISO 8601): 330 is PT5H30M, -480 is -PT8H.
func durationText(minutes int) string {
	if minutes == 0 {
		return "PT0S"
	}
	var b []byte
	if minutes < 0 {
		b, minutes = append(b, '-'), -minutes
	}
	b = append(b, 'P')
	if days := minutes / 1440; days > 0 {
		b = append(strconv.AppendInt(b, int64(days), 10), 'D')
	}
	if minutes %= 1440; minutes > 0 {
		b = append(b, 'T')
	}
	if hours := minutes / 60; hours > 0 {
		b = append(strconv.AppendInt(b, int64(hours), 10), 'H')
	}
	if minutes %= 60; minutes > 0 {
		b = append(strconv.AppendInt(b, int64(minutes), 10), 'M')
	}
	return string(b)
}

// boolText is a truth as .NET writes it.
func boolText(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

func idText(id diag.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}
