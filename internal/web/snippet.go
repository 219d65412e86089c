package web

import (
	"embed"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"lifeboat/internal/diag"
)

//go:embed snippets
var snippetFiles embed.FS

// snippet is a text to be copied, with everything filled in.
type snippet struct {
	ID    string // of its element
	Title string
	Text  string
}

// filled is a snippet's text with its {{places}} filled in; what is put in stands in pairs behind the name.
func filled(file string, pairs ...string) string {
	b, err := snippetFiles.ReadFile("snippets/" + file)
	if err != nil {
		panic(err) // it is in the binary
	}
	places := slices.Clone(pairs)
	for i := 0; i < len(places); i += 2 {
		places[i] = "{{" + places[i] + "}}"
	}
	return strings.NewReplacer(places...).Replace(strings.TrimSuffix(string(b), "\n"))
}

// sdkFile is how one SDK is told where to send its logs (docs/compatibility.md S9: a URL with or without a
// slash at its end will do).
type sdkFile struct {
	title, file string
	pairs       []string
}

// sdkFiles are the snippets for an app, the likeliest first. The platform says which SDK; where it does not,
// the operating system does.
func sdkFiles(os, platform string) []sdkFile {
	apple := os == "iOS" || os == "macOS" || os == "tvOS"
	switch platform {
	case "Xamarin":
		return []sdkFile{{"C# (.NET MAUI, Xamarin)", "maui.cs", []string{"os", secretPrefix(os)}}}
	case "React-Native":
		if apple {
			return []sdkFile{{"React Native, iOS", "react-native-apple.txt", nil}}
		}
		return []sdkFile{{"React Native, Android", "react-native-android.txt", nil}}
	case "Unity":
		return []sdkFile{{"Unity", "unity.cs", []string{"field", unityField(os)}}}
	case "Cordova":
		if apple {
			return []sdkFile{{"Cordova, iOS", "cordova-ios.xml", nil}}
		}
		return []sdkFile{{"Cordova, Android", "cordova-android.xml", nil}}
	case "WPF":
		return []sdkFile{{"C# (WPF)", "windows.cs", []string{"place", "App.OnStartup"}}}
	case "WinForms":
		return []sdkFile{{"C# (Windows Forms)", "windows.cs", []string{"place", "Main, before Application.Run"}}}
	case "UWP":
		return []sdkFile{{"C# (UWP, WinUI)", "windows.cs", []string{"place", "App.OnLaunched"}}}
	case "Electron":
		return nil
	}
	switch {
	case platform == "Java" || os == "Android":
		return []sdkFile{{"Kotlin", "android.kt", nil}, {"Java", "android.java", nil}}
	case platform == "Objective-C-Swift" || apple:
		return []sdkFile{{"Swift", "apple.swift", nil}, {"Objective-C", "apple.m", nil}}
	case os == "Windows":
		return []sdkFile{{"C#", "windows.cs", []string{"place", "When the app starts"}}}
	}
	return nil
}

// secretPrefix is the name of a system in a .NET secret of several.
func secretPrefix(os string) string {
	switch os {
	case "iOS", "macOS":
		return strings.ToLower(os)
	case "Windows":
		return "windowsdesktop"
	}
	return "android"
}

func unityField(os string) string {
	switch os {
	case "iOS":
		return "iOS App Secret"
	case "Windows":
		return "UWP App Secret"
	}
	return "Android App Secret"
}

// snippets are the texts that connect an app.
func snippets(a *diag.App, base string) []snippet {
	var all []snippet
	for _, f := range append(sdkFiles(a.OS, a.Platform), sdkFile{"Any HTTP client", "http.txt", nil}) {
		pairs := append([]string{"secret", a.Secret.String(), "url", base}, f.pairs...)
		name := strings.NewReplacer(".", "-").Replace(f.file)
		all = append(all, snippet{name + "-" + a.ID.String(), f.title, filled(f.file, pairs...)})
	}
	return all
}

// testCrash is a container with one crash, as a device of the app's system would send it. when is put into the
// place of the time: without an id of its own, a log is told from others by its time
// (docs/compatibility.md L9).
func testCrash(a *diag.App, when string) string {
	os := clip(a.OS, maxWord)
	if os == "" || os == "Custom" {
		os = "Linux"
	}
	return filled("crash.json", "os", jsonText(os), "sdk", "appcenter.custom", "time", when)
}

// jsonText makes a text fit to stand between the quotes of JSON and between those of a shell.
func jsonText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == '"' || r == '\\' || r == '\'' {
			return '_'
		}
		return r
	}, s)
}

// crashCommand sends a test crash from a terminal.
func crashCommand(a *diag.App, base string) string {
	body := testCrash(a, `'"$(date -u +%Y-%m-%dT%H:%M:%SZ)"'`)
	return filled("crash.sh", "secret", a.Secret.String(), "url", base, "body", body)
}

// appPath is an app in URLs; nothing in it has a meaning to a shell.
func appPath(a *diag.App) string { return url.PathEscape(a.Owner) + "/" + url.PathEscape(a.Name) }

// shellWord is a name as it may stand in a command, or a word for it if it would need quotes.
func shellWord(name string) string {
	plain := func(r rune) bool {
		return r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._-", r))
	}
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return "OWNER"
	}
	return name
}

// urlWarnings says why devices may not reach a log URL.
func urlWarnings(base string) (all []string) {
	u, err := url.Parse(base)
	if err != nil {
		return nil
	}
	ip, err := netip.ParseAddr(u.Hostname())
	switch local := err == nil && (ip.IsLoopback() || ip.IsUnspecified()); {
	case local || u.Hostname() == "localhost":
		all = append(all, "Phones cannot reach this address: it means the machine itself. Start the server with --listen or --tls-listen on an address of your network, and --public-url with the name that devices use.")
	}
	if u.Scheme != "https" {
		all = append(all, "Android and Apple's systems insist on https. Start the server with --tls-listen, or put a proxy with TLS in front and name it with --public-url.")
	}
	return all
}
