package contract

// The states of a group, in the letter case that recorded answers have (Q1).
const (
	StateOpen    = "Open"
	StateClosed  = "Closed"
	StateIgnored = "Ignored"
)

// ErrorGroup is one fault in one version of an app. Members that every recorded item has are always there.
type ErrorGroup struct {
	ErrorGroupID         string        `json:"errorGroupId"`
	AppVersion           string        `json:"appVersion"`
	AppBuild             string        `json:"appBuild"`
	Count                int64         `json:"count"`
	DeviceCount          int64         `json:"deviceCount"`
	FirstOccurrence      string        `json:"firstOccurrence"`
	LastOccurrence       string        `json:"lastOccurrence"`
	ExceptionType        string        `json:"exceptionType"`
	ExceptionMessage     string        `json:"exceptionMessage"`
	ExceptionClassName   string        `json:"exceptionClassName,omitempty"`
	ExceptionClassMethod bool          `json:"exceptionClassMethod"`
	ExceptionMethod      string        `json:"exceptionMethod,omitempty"`
	ExceptionAppCode     bool          `json:"exceptionAppCode"`
	ExceptionFile        string        `json:"exceptionFile,omitempty"`
	ExceptionLine        string        `json:"exceptionLine,omitempty"` // a text, though reasonFrames[].line is a number
	CodeRaw              string        `json:"codeRaw"`
	State                string        `json:"state"`
	Annotation           string        `json:"annotation,omitempty"`
	ReasonFrames         []ReasonFrame `json:"reasonFrames,omitempty"` // not in lists
	Hidden               bool          `json:"hidden,omitempty"`
}

// ErrorGroups is one page of groups.
type ErrorGroups struct {
	NextLink    string       `json:"nextLink,omitempty"`
	ErrorGroups []ErrorGroup `json:"errorGroups"`
}
