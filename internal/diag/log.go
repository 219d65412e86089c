package diag

// LogKind is the type of one log as a device sent it. The numbers are stored: never renumber.
type LogKind uint8

// The kinds of log that are kept.
const (
	KindUnknown LogKind = iota
	KindStartService
	KindStartSession
	KindEvent
	KindPage
	KindManagedError
	KindAppleError
	KindHandledError
	KindAttachment
	KindDistributionStartSession
	KindCustomProperties
	KindPushInstallation
	kindCount
)

var kindNames = [kindCount]string{
	"unknown", "startService", "startSession", "event", "page", "managedError", "appleError", "handledError",
	"errorAttachment", "distributionStartSession", "customProperties", "pushInstallation",
}

// String is the wire's name of the kind.
func (k LogKind) String() string {
	if k < kindCount {
		return kindNames[k]
	}
	return "unknown"
}

// ParseLogKind finds a kind by its wire name, KindUnknown if there is none.
func ParseLogKind(s string) LogKind {
	for i := KindStartService; i < kindCount; i++ {
		if kindNames[i] == s {
			return i
		}
	}
	return KindUnknown
}

// MessageType is the name that exported records use for the kind, "" for kinds that are not exported.
func (k LogKind) MessageType() string {
	switch k {
	case KindStartService:
		return "StartServiceLog"
	case KindStartSession:
		return "StartSessionLog"
	case KindEvent:
		return "EventLog"
	case KindPage:
		return "PageLog"
	case KindManagedError, KindAppleError:
		return "ErrorLog"
	case KindHandledError:
		return "HandledErrorLog"
	case KindAttachment:
		return "ErrorAttachmentLog"
	case KindDistributionStartSession:
		return "DistributionStartSessionLog"
	case KindCustomProperties:
		return "CustomPropertyLog"
	case KindPushInstallation:
		return "PushInstallationLog"
	}
	return ""
}

// Family is the space in which a log's id is unique within its app.
type Family uint8

// The families.
const (
	FamilyOther Family = iota
	FamilyError
	FamilyAttachment
)

// Family of the kind.
func (k LogKind) Family() Family {
	switch k {
	case KindManagedError, KindAppleError, KindHandledError:
		return FamilyError
	case KindAttachment:
		return FamilyAttachment
	}
	return FamilyOther
}

// Log is what every log has, decoded no deeper than needed to store, index and find it.
type Log struct {
	Kind       LogKind
	ID         ID         // as sent, or derived (see DerivedID)
	Timestamp  DeviceTime // device time, or the time of receipt if the log had none
	Session    ID         // zero if the log has none
	ErrorID    ID         // attachments: the report they belong to
	AppVersion string
	AppBuild   string
	Dated      bool   // Timestamp is the log's own; else it is the time of receipt, and no acceptance window applies
	Raw        []byte // the log's JSON exactly as received
}

// Property is one name and value of an event or a handled error; order and letter case are the device's.
type Property struct {
	Name  string
	Type  string // string, long, double, boolean, dateTime, number, clear; "" for untyped
	Value string // the value as text; numbers as they were written
}

// Device is the device object of a log. Absent texts are "".
type Device struct {
	SDKName, SDKVersion                                                    string
	WrapperSDKName, WrapperSDKVersion, WrapperRuntimeVersion               string
	LiveUpdateReleaseLabel, LiveUpdateDeploymentKey, LiveUpdatePackageHash string
	Model, OEMName                                                         string
	OSName, OSVersion, OSBuild                                             string
	OSAPILevel                                                             int // 0 = absent
	Locale                                                                 string
	TimeZoneOffset                                                         int // minutes east of UTC
	HasTimeZoneOffset                                                      bool
	ScreenSize                                                             string
	AppVersion, AppBuild, AppNamespace                                     string
	CarrierName, CarrierCountry, CarrierCode                               string
	Jailbreak                                                              bool
	HasJailbreak                                                           bool
}

// Event is a log that is neither an error nor an attachment, decoded in full.
type Event struct {
	Log
	Device              Device
	UserID              string
	Name                string     // event, page
	Properties          []Property // event, page, customProperties
	Services            []string   // startService
	PushToken           string
	DistributionGroupID string
	DataResidencyRegion string
	TestMessage         bool
}

// Attachment is a file that belongs to a report.
type Attachment struct {
	ID          ID
	ErrorID     ID
	Timestamp   DeviceTime
	Session     ID
	ContentType string
	FileName    string
	Data        []byte // decoded; nil if only the description was asked for
	Size        int    // bytes when decoded
	Device      Device
	Problem     string // why the data could not be decoded, for a person
}

// Minidump reports whether the attachment is the dump of a native crash.
func (a *Attachment) Minidump() bool { return a.FileName == "minidump.dmp" }

// Received is a log as it came in: an event, or of an error what it shares with events.
type Received struct {
	Event   Event
	Install InstallID
	Ingress IngressTime
}
