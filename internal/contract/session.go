package contract

import "lifeboat/internal/diag"

// SessionLogs is what an app logged in the session of a report, up to the report.
type SessionLogs struct {
	ExceededMaxLimit         bool         `json:"exceeded_max_limit"` // there were more than are shown
	LastReceivedLogTimestamp string       `json:"last_received_log_timestamp,omitempty"`
	Logs                     []GenericLog `json:"logs"`
}

// GenericLog is one log that is neither an error nor an attachment.
type GenericLog struct {
	Type       string     `json:"type"`
	Timestamp  string     `json:"timestamp"`
	InstallID  string     `json:"install_id"`
	SessionID  string     `json:"session_id,omitempty"`
	EventID    string     `json:"event_id,omitempty"`
	EventName  string     `json:"event_name,omitempty"`
	MessageID  string     `json:"message_id,omitempty"`
	Properties Properties `json:"properties,omitempty"`
	Device     Device     `json:"device"`
}

// Device is the device of a log.
type Device struct {
	SDKName                 string `json:"sdk_name"`
	SDKVersion              string `json:"sdk_version"`
	WrapperSDKVersion       string `json:"wrapper_sdk_version,omitempty"`
	WrapperSDKName          string `json:"wrapper_sdk_name,omitempty"`
	Model                   string `json:"model,omitempty"`
	OEMName                 string `json:"oem_name,omitempty"`
	OSName                  string `json:"os_name"`
	OSVersion               string `json:"os_version"`
	OSBuild                 string `json:"os_build,omitempty"`
	OSAPILevel              int    `json:"os_api_level,omitempty"`
	Locale                  string `json:"locale"`
	TimeZoneOffset          int    `json:"time_zone_offset"` // minutes east of UTC
	ScreenSize              string `json:"screen_size,omitempty"`
	AppVersion              string `json:"app_version"`
	CarrierName             string `json:"carrier_name,omitempty"`
	CarrierCode             string `json:"carrier_code,omitempty"`
	CarrierCountry          string `json:"carrier_country,omitempty"`
	AppBuild                string `json:"app_build"`
	AppNamespace            string `json:"app_namespace,omitempty"`
	LiveUpdateReleaseLabel  string `json:"live_update_release_label,omitempty"`
	LiveUpdateDeploymentKey string `json:"live_update_deployment_key,omitempty"`
	LiveUpdatePackageHash   string `json:"live_update_package_hash,omitempty"`
	WrapperRuntimeVersion   string `json:"wrapper_runtime_version,omitempty"`
}

// maxOffset is the largest time_zone_offset of the API, in minutes: 14 hours.
const maxOffset = 840

// NewDevice makes the device of d.
func NewDevice(d *diag.Device) Device {
	return Device{
		SDKName: d.SDKName, SDKVersion: d.SDKVersion, WrapperSDKVersion: d.WrapperSDKVersion, WrapperSDKName: d.WrapperSDKName,
		Model: d.Model, OEMName: d.OEMName, OSName: d.OSName, OSVersion: d.OSVersion, OSBuild: d.OSBuild, OSAPILevel: d.OSAPILevel,
		Locale: d.Locale, TimeZoneOffset: min(max(d.TimeZoneOffset, -maxOffset), maxOffset), ScreenSize: d.ScreenSize,
		AppVersion: d.AppVersion, CarrierName: d.CarrierName, CarrierCode: d.CarrierCode, CarrierCountry: d.CarrierCountry,
		AppBuild: d.AppBuild, AppNamespace: d.AppNamespace, LiveUpdateReleaseLabel: d.LiveUpdateReleaseLabel,
		LiveUpdateDeploymentKey: d.LiveUpdateDeploymentKey, LiveUpdatePackageHash: d.LiveUpdatePackageHash,
		WrapperRuntimeVersion: d.WrapperRuntimeVersion,
	}
}

// logType is the API's word for a kind of log. A session that Distribute starts is one that starts: the API
// has no word of its own for it.
func logType(k diag.LogKind) string {
	switch k {
	case diag.KindEvent:
		return "event"
	case diag.KindPage:
		return "page"
	case diag.KindStartSession, diag.KindDistributionStartSession:
		return "start_session"
	case diag.KindStartService:
		return "start_service"
	case diag.KindPushInstallation:
		return "push_installation"
	case diag.KindCustomProperties:
		return "custom_properties"
	}
	return "error"
}

// NewGenericLog makes the log of an event of one install.
func NewGenericLog(e *diag.Event, install diag.InstallID) GenericLog {
	g := GenericLog{
		Type: logType(e.Kind), Timestamp: diag.FormatMillis(e.Timestamp.Time()), InstallID: string(install),
		EventName: e.Name, MessageID: e.ID.String(), Properties: Properties(e.Properties), Device: NewDevice(&e.Device),
	}
	if !e.Session.IsZero() {
		g.SessionID = e.Session.String()
	}
	if e.Kind == diag.KindEvent {
		g.EventID = e.ID.String()
	}
	return g
}

// NewSessionLogs makes the list of logs, which stay in the order given; exceeded tells that there were more.
func NewSessionLogs(logs []diag.Event, install diag.InstallID, exceeded bool) SessionLogs {
	s := SessionLogs{ExceededMaxLimit: exceeded, Logs: make([]GenericLog, len(logs))}
	var last diag.DeviceTime
	for i := range logs {
		s.Logs[i] = NewGenericLog(&logs[i], install)
		if i == 0 || logs[i].Timestamp > last {
			last = logs[i].Timestamp
			s.LastReceivedLogTimestamp = s.Logs[i].Timestamp
		}
	}
	return s
}
