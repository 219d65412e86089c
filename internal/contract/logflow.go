package contract

import "lifeboat/internal/diag"

// LogFlow is logs in the order they came, each in the form of its type.
type LogFlow struct {
	ExceededMaxLimit         bool      `json:"exceeded_max_limit"` // there are more
	LastReceivedLogTimestamp string    `json:"last_received_log_timestamp"`
	Logs                     []FlowLog `json:"logs"`
}

// FlowLog is one log. Members besides the first three and the device are those of its type.
type FlowLog struct {
	Type       string     `json:"type"`
	Timestamp  string     `json:"timestamp"`
	InstallID  string     `json:"install_id"`
	ID         string     `json:"id,omitempty"`
	Name       string     `json:"name,omitempty"`
	SessionID  string     `json:"session_id,omitempty"`
	Properties Properties `json:"properties,omitempty"`
	Services   []string   `json:"services,omitempty"`
	PushToken  string     `json:"push_token,omitempty"`
	Device     Device     `json:"device"`
}

// NewGenericLogFlow makes the log flow in which all logs have one form. last is up to when it shows what came.
func NewGenericLogFlow(logs []diag.Received, exceeded bool, last diag.IngressTime) SessionLogs {
	s := SessionLogs{ExceededMaxLimit: exceeded, LastReceivedLogTimestamp: diag.FormatMillis(last.Time()), Logs: make([]GenericLog, len(logs))}
	for i := range logs {
		s.Logs[i] = NewGenericLog(&logs[i].Event, logs[i].Install)
	}
	return s
}

// NewLogFlow makes the log flow in which every log has the form of its type.
func NewLogFlow(logs []diag.Received, exceeded bool, last diag.IngressTime) LogFlow {
	f := LogFlow{ExceededMaxLimit: exceeded, LastReceivedLogTimestamp: diag.FormatMillis(last.Time()), Logs: make([]FlowLog, len(logs))}
	for i := range logs {
		f.Logs[i] = newFlowLog(&logs[i])
	}
	return f
}

func newFlowLog(r *diag.Received) FlowLog {
	g, e := NewGenericLog(&r.Event, r.Install), &r.Event
	l := FlowLog{
		Type: g.Type, Timestamp: g.Timestamp, InstallID: g.InstallID, Name: e.Name, SessionID: g.SessionID, Properties: g.Properties,
		Services: e.Services, PushToken: e.PushToken, Device: g.Device,
	}
	if e.Kind == diag.KindEvent || e.Kind.Family() == diag.FamilyError {
		l.ID = e.ID.String()
	}
	return l
}
