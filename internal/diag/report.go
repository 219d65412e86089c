package diag

// Report is one crash or handled error, decoded from its log. Symbolication replaces frames in Stack and
// raises Revision; nothing else of a report ever changes.
type Report struct {
	ID        ID
	Kind      LogKind // managedError, appleError or handledError
	Handled   bool    // a handled error, or an error log that says fatal:false
	Timestamp DeviceTime
	Install   InstallID
	Session   ID
	UserID    string
	Device    Device

	AppLaunch           DeviceTime // 0 = absent
	ProcessID           string     // decimal text; "" = absent
	ProcessName         string
	ParentProcessID     string
	ParentProcessName   string
	ErrorThreadID       string
	ErrorThreadName     string
	Architecture        string // arm64-v8a, arm64, x86_64, AMD64, ...; derived from CPU ids for Apple
	OSExceptionType     string // signal name
	OSExceptionCode     string
	OSExceptionAddress  string
	SelectorRegister    string
	ApplicationPath     string
	TestMessage         bool
	DataResidencyRegion string
	DistributionGroupID string
	Properties          []Property

	Stack Stack

	// Problem says, for a person, why the log could not be read as a report; the stack is then empty or
	// partial and the raw log is kept.
	Problem string
}

// Platform decides which rules read, group and print a stack. The texts are those of the API's enum.
type Platform string

// The platforms of the API.
const (
	PlatformIOS         Platform = "ios"
	PlatformAndroid     Platform = "android"
	PlatformXamarin     Platform = "xamarin"
	PlatformReactNative Platform = "react-native"
	PlatformNDK         Platform = "ndk"
	PlatformUnity       Platform = "unity"
	PlatformOther       Platform = "other"
)

// Language of a frame, as the API's enum spells it.
type Language string

// The languages of the API.
const (
	LanguageJavaScript   Language = "JavaScript"
	LanguageCSharp       Language = "CSharp"
	LanguageObjectiveC   Language = "Objective-C"
	LanguageObjectiveCpp Language = "Objective-Cpp"
	LanguageCpp          Language = "Cpp"
	LanguageC            Language = "C"
	LanguageSwift        Language = "Swift"
	LanguageJava         Language = "Java"
	LanguageUnknown      Language = "Unknown"
)

// Stack is everything a report says about where the program stood.
type Stack struct {
	Platform  Platform   // of the report as a whole: decides symbolication and display
	Exception *Exception // the outermost exception; nil for pure signal crashes
	Threads   []Thread
	Images    []Image
	Registers []Property // of the crashed thread, in the order sent
}

// Exception is one link of a chain of causes. Inner holds the direct causes: one for Java's cause, several
// for an aggregate of .NET.
type Exception struct {
	Type     string
	Message  string
	Platform Platform
	Frames   []Frame
	Inner    []Exception
	Text     string // the raw stackTrace text if there was one
}

// Thread is one thread at the moment of the crash.
type Thread struct {
	ID        int64
	Name      string
	Crashed   bool
	Platform  Platform
	Frames    []Frame
	Exception *Exception // last-exception backtrace (Apple)
}

// Frame is one level of a stack. Absent texts are "".
type Frame struct {
	Class, Method, Params, File string
	Line                        int  // 0 = unknown
	Column                      int  // 0 = unknown
	ClassMethod                 bool // static, or + in Objective-C
	Language                    Language
	Address                     uint64 // instruction address at run time; 0 = none
	Image                       string // name of the image or library
	Offset                      uint64 // address minus the image's start, if Image is known
	Symbol                      string // raw symbol of a native frame, mangled if it came so
	Code                        string // the frame as the device wrote it, if it did
	Native                      bool   // Java: native method
	Inlined                     bool
	AppCode                     bool // code of the app, not of the system; set by group.Mark
	Relevant                    bool // stays visible when frames are folded; set by group.Mark
}

// Image is a binary that frames point into.
type Image struct {
	ID                  string // normalised: hex digits in lower case without dashes; "" if unknown
	Name, Path          string
	Start, End          uint64 // End is exclusive
	Architecture        string
	CPUType, CPUSubtype int64
}

// SymbolicationState says how much of a report's stack has names.
type SymbolicationState string

// The states, as exported records spell them.
const (
	Symbolicated       SymbolicationState = "Symbolicated"
	PartlySymbolicated SymbolicationState = "Partial"
	SymbolsMissing     SymbolicationState = "Missing"
	SymbolsNotNeeded   SymbolicationState = "NotNeeded"
)
