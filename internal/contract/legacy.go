package contract

// The shapes of the calls crash_groups and crashes, which errors/* replaced: snake_case, states in lower case.

// CrashGroup is an ErrorGroup.
type CrashGroup struct {
	CrashGroupID    string            `json:"crash_group_id"`
	NewCrashGroupID string            `json:"new_crash_group_id"` // the same: there was only one kind of id for long
	DisplayID       string            `json:"display_id"`
	AppVersion      string            `json:"app_version"`
	Build           string            `json:"build"`
	Status          string            `json:"status"` // open, closed, ignored
	Count           int64             `json:"count"`
	ImpactedUsers   int64             `json:"impacted_users"` // devices
	FirstOccurrence string            `json:"first_occurrence"`
	LastOccurrence  string            `json:"last_occurrence"`
	Exception       string            `json:"exception,omitempty"`
	CrashReason     string            `json:"crash_reason"`
	ReasonFrame     *CrashReasonFrame `json:"reason_frame,omitempty"`
	Fatal           bool              `json:"fatal"`
	Annotation      string            `json:"annotation"`
}

// CrashGroups is one page of them.
type CrashGroups struct {
	LimitedResultSet  bool         `json:"limited_result_set"`
	ContinuationToken string       `json:"continuation_token,omitempty"`
	CrashGroups       []CrashGroup `json:"crash_groups"`
}

// CrashReasonFrame is a ReasonFrame.
type CrashReasonFrame struct {
	ClassName       string `json:"class_name,omitempty"`
	Method          string `json:"method,omitempty"`
	ClassMethod     bool   `json:"class_method"`
	File            string `json:"file,omitempty"`
	Line            int    `json:"line,omitempty"`
	AppCode         bool   `json:"app_code"`
	FrameworkName   string `json:"framework_name,omitempty"`
	CodeFormatted   string `json:"code_formatted,omitempty"`
	CodeRaw         string `json:"code_raw,omitempty"`
	Language        string `json:"language,omitempty"`
	MethodParams    string `json:"method_params,omitempty"`
	ExceptionType   string `json:"exception_type,omitempty"`
	OSExceptionType string `json:"os_exception_type,omitempty"`
}

// Crash is a Report.
type Crash struct {
	NewCrashGroupID string        `json:"new_crash_group_id"`
	CrashID         string        `json:"crash_id"`     // the GUID
	NewCrashID      string        `json:"new_crash_id"` // as errorId
	DisplayID       string        `json:"display_id,omitempty"`
	Timestamp       string        `json:"timestamp"`
	Version         string        `json:"version"`
	Build           string        `json:"build"`
	Device          string        `json:"device"`
	DeviceName      string        `json:"device_name,omitempty"`
	OSVersion       string        `json:"os_version"`
	OSType          string        `json:"os_type,omitempty"`
	UserName        string        `json:"user_name"`
	UserEmail       string        `json:"user_email,omitempty"`
	StackTrace      *StackTrace   `json:"stacktrace,omitempty"`
	Details         *CrashDetails `json:"details,omitempty"`
}

// CrashDetails is what include_details asks for.
type CrashDetails struct {
	CarrierCountry    string `json:"carrier_country,omitempty"`
	CarrierName       string `json:"carrier_name,omitempty"`
	Locale            string `json:"locale"`
	OSBuild           string `json:"os_build,omitempty"`
	Rooted            bool   `json:"rooted"`
	ScreenSize        string `json:"screen_size"`
	AppStartTimestamp string `json:"app_start_timestamp,omitempty"`
}

// CrashAttachment is an Attachment.
type CrashAttachment struct {
	AppID        string `json:"app_id"`
	AttachmentID string `json:"attachment_id"`
	CrashID      string `json:"crash_id"`
	BlobLocation string `json:"blob_location"`
	ContentType  string `json:"content_type"`
	FileName     string `json:"file_name"`
	CreatedTime  string `json:"created_time"`
	Size         int64  `json:"size"`
}

// NewCrashAttachment makes the old form of a.
func NewCrashAttachment(a Attachment) CrashAttachment {
	return CrashAttachment(a)
}
