package person

import (
	"cmp"
	"slices"
)

// term explains one field of a record in plain words.
type term struct{ Name, Meaning string }

// dictionary is all terms in the order of their names, the unknown ones too.
func dictionary(known map[string]string, unknown map[string]bool) []term {
	terms := make([]term, 0, len(known)+len(unknown))
	for name, meaning := range known {
		terms = append(terms, term{name, meaning})
	}
	for name := range unknown {
		terms = append(terms, term{name, "Not part of a format that we know; shown as it was stored."})
	}
	slices.SortFunc(terms, func(a, b term) int { return cmp.Compare(a.Name, b.Name) })
	return terms
}

func knownTerms() map[string]string {
	return map[string]string{
		"AppId":                   "The app that the report came from.",
		"Timestamp":               "When it happened, by the clock of the device.",
		"InstallId":               "Number of one installation of the app on one device. Installing the app anew makes a new one.",
		"MessageType":             "Kind of record: ErrorLog is a crash, HandledErrorLog an error that the app survived, ErrorAttachmentLog a file sent along with one of these, EventLog something that the app counts, StartSessionLog and StartServiceLog the start of the app.",
		"IngressTimestamp":        "When the server received it.",
		"MessageId":               "Number of this record. The same number in two records means that both are about the same thing.",
		"EventId":                 "Number of the event, crash or attachment.",
		"EventName":               "Name that the app's developer gave the event.",
		"CorrelationId":           "Number of the transmission in which it arrived.",
		"IsTestMessage":           "Whether it was sent as a test.",
		"SdkVersion":              "Version of the reporting software inside the app.",
		"SdkName":                 "Name of the reporting software inside the app.",
		"Model":                   "Model of the device.",
		"OemName":                 "Maker of the device.",
		"OsName":                  "Operating system of the device.",
		"OsVersion":               "Version of the operating system.",
		"OsBuild":                 "Exact build of the operating system.",
		"OsApiLevel":              "Android's number for its programming interface.",
		"Locale":                  "Language and region set on the device.",
		"TimeZoneOffset":          "How far the device's time zone is from UTC: PT2H is two hours ahead, -PT8H eight behind.",
		"ScreenSize":              "Size of the screen in pixels.",
		"AppVersion":              "Version of the app.",
		"AppBuild":                "Build number of the app.",
		"AppNamespace":            "Technical name of the app.",
		"CarrierName":             "Name of the mobile network.",
		"CarrierCountry":          "Country of the mobile network.",
		"CarrierCode":             "Number of the mobile network.",
		"CountryCode":             "Country, taken from the mobile network.",
		"WrapperSdkName":          "Framework in which the app is written.",
		"WrapperSdkVersion":       "Version of that framework's reporting software.",
		"WrapperRuntimeVersion":   "Version of that framework.",
		"Properties":              "For events: what the app's developer added. For crashes, errors and attachments: name of the stored file with the rest; a copy lies in the folders payloads and attachments.",
		"SessionId":               "Number of one use of the app, from opening to closing it.",
		"UserId":                  "Name or number by which the app's developer knows the user, if the app sends one.",
		"LiveUpdateDeploymentKey": "Channel through which the app gets updates of its content.",
		"LiveUpdatePackageHash":   "Fingerprint of that content.",
		"LiveUpdateReleaseLabel":  "Name of that content's release.",
		"DistributionGroupId":     "Group of testers through which the app was installed.",
		"DataResidencyRegion":     "Region in which the data is to be kept.",
		"ErrorId":                 "Number of the crash or error.",
		"ErrorGroupId":            "Number under which alike crashes are counted together.",
		"Revision":                "1 for the report as it came in; higher when it was worked out again with better information about the app's code.",
		"Fatal":                   "True if the app ended, False if it went on.",
		"AppLaunchTimestamp":      "When the app had been started.",
		"ExceptionType":           "Technical kind of the fault.",
		"ExceptionMessage":        "What the app said about the fault. It may hold anything that the app put there.",
		"ExceptionClassName":      "Part of the program in which the fault showed.",
		"ExceptionMethod":         "Function in which the fault showed.",
		"ExceptionFile":           "Source file of that function.",
		"ExceptionLine":           "Line in that file.",
		"ExceptionAppCode":        "Whether that is the app's own code, not the system's.",
		"CodeRaw":                 "The same place as the system writes it.",
		"SymbolicationState":      "Whether the machine addresses of the report could be turned into names.",
		"ProcessId":               "Number of the running program.",
		"ProcessName":             "Name of the running program.",
		"ParentProcessId":         "Number of the program that had started it.",
		"ParentProcessName":       "Name of the program that had started it.",
		"ErrorThreadId":           "Number of the part of the program that failed.",
		"ErrorThreadName":         "Name of the part of the program that failed.",
		"Architecture":            "Kind of processor.",
		"OsExceptionType":         "The operating system's name for the fault.",
		"OsExceptionCode":         "The operating system's number for the fault.",
		"OsExceptionAddress":      "Place in memory at which it occurred.",
		"Jailbreak":               "Whether the device's protections had been removed.",
		"HasAttachments":          "Whether files were sent along.",
		"HasBreadcrumbs":          "Whether earlier events of the same session are known.",
		"CustomProperties":        "What the app's developer added to the error.",
		"SchemaVersion":           "Version of this form of record.",
		"AttachmentId":            "Number of the attachment.",
		"ContentType":             "Kind of file.",
		"FileName":                "Name of the file on the device.",
		"Size":                    "Size of the file in bytes.",
		"Sha256":                  "Fingerprint of the file.",
		"ErrorDetails":            "In payload files: the crash or error with its circumstances.",
		"StackTrace":              "In payload files: where in the program every part stood.",
		"SessionLogs":             "In payload files: what the app had reported earlier in the same use.",
		"Attachments":             "In payload files: the files sent along.",
		"RawLog":                  "In payload files: the report exactly as the device sent it.",
	}
}
