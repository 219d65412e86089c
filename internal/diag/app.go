package diag

// App is one registered app: the owner of a secret that devices send and the subject of every API path.
type App struct {
	ID          ID    // public id (GUID); also the AppId of exported records
	Num         int64 // small number that stands for the app in journal headers and index keys; never reused
	Secret      ID    // the App-Secret header, compared in any letter case
	Owner       string
	Name        string
	DisplayName string
	Description string
	OS          string // Android, iOS, macOS, Tizen, tvOS, Windows, Linux, Custom
	Platform    string // Java, Objective-C-Swift, UWP, Cordova, React-Native, Unity, Electron, Xamarin, WPF, WinForms, Unknown, Custom
	ReleaseType string
	IconURL     string // of a picture elsewhere
	Avatar      ID     // of the picture that was uploaded, zero = none
	CreatedAt   int64  // Unix milliseconds
	UpdatedAt   int64  // Unix milliseconds

	Blocked              bool     // all later logs are dropped (devices/block_logs)
	CrashesPerMinute     int      // 0 = no limit
	HandledPerMinute     int      // 0 = no limit
	AppNamespacePrefixes []string // more prefixes of the app's own code, set by the operator
	Keep                 Retention
}

// MaxPerMinute bounds an app's limits.
const MaxPerMinute = 1_000_000

// Role is what a caller may do with one app. Each role includes the ones below it.
type Role uint8

// The roles, weakest first.
const (
	RoleNone Role = iota
	RoleViewer
	RoleDeveloper
	RoleManager
)

var roleNames = [...]string{"none", "viewer", "developer", "manager"}

func (r Role) String() string { return roleNames[r] }
