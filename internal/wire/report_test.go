package wire_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"lifeboat/internal/diag"
	"lifeboat/internal/wire"
)

// TestReportMembers tries the ways in which members are written that no sample shows.
func TestReportMembers(t *testing.T) {
	t.Parallel()
	r := decode(t, `{
		"type":"managedError","id":"c3f2b1de-5c1a-4f77-9d5d-6d1b64a7e001","fatal":"false","isTestMessage":1,
		"processId":"9223372036854775807","parentProcessId":2.0,"errorThreadId":"12e1","appLaunchTimestamp":"2026-11-20T08:14:01+01:00",
		"userId":"`+strings.Repeat("ü", 300)+`","processName":"a\u0000b\ud800c","architecture":null,"unknown":{"a":[1,{"b":2}]},
		"distributionGroupId":"g","dataResidencyRegion":"RG","properties":{"a":1,"b":true,"c":null,"d":"x","a":1.50,"e":{"f": [1]}},
		"device":{"sdkName":"appcenter.android","model":"null","appVersion":null,"screenSize":"null","osApiLevel":"34","timeZoneOffset":-330.0,
			"jailbreak":"true","carrierCode":26201,"liveUpdateReleaseLabel":"v3","liveUpdateDeploymentKey":"k","liveUpdatePackageHash":"h"},
		"exception":{"type":"java.lang.Error","frames":[null,{"className":"a.B","methodName":"c","lineNumber":"7"},{"className":"a.B","lineNumber":-1},{"lineNumber":99999999999}]}}`)
	want := diag.Report{
		ID: r.ID, Kind: diag.KindManagedError, Handled: true, Timestamp: diag.DeviceTimeOf(received), Install: install,
		UserID: strings.Repeat("ü", 256), TestMessage: true, ProcessName: "a\uFFFDb\uFFFDc",
		ProcessID: "9223372036854775807", ParentProcessID: "2", ErrorThreadID: "120",
		AppLaunch:           diag.DeviceTimeOf(time.Date(2026, 11, 20, 7, 14, 1, 0, time.UTC)),
		DistributionGroupID: "g", DataResidencyRegion: "RG",
		Properties: []diag.Property{{Name: "a", Value: "1.50"}, {Name: "b", Value: "true"}, {Name: "d", Value: "x"}, {Name: "e", Value: `{"f": [1]}`}},
		Device: diag.Device{
			SDKName: "appcenter.android", OSAPILevel: 34, TimeZoneOffset: -330, HasTimeZoneOffset: true, Jailbreak: true, HasJailbreak: true,
			CarrierCode: "26201", LiveUpdateReleaseLabel: "v3", LiveUpdateDeploymentKey: "k", LiveUpdatePackageHash: "h",
		},
		Stack: diag.Stack{Platform: diag.PlatformAndroid, Exception: &diag.Exception{
			Type: "java.lang.Error", Platform: diag.PlatformAndroid,
			Frames: []diag.Frame{{Class: "a.B", Method: "c", Line: 7, Language: diag.LanguageJava}, {Class: "a.B", Language: diag.LanguageJava}},
		}},
	}
	if diff := gocmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
}

func TestEventMembers(t *testing.T) {
	t.Parallel()
	e := wire.DecodeEvent(peek(t, `{"type":"event","name":"n","properties":{"old":"1"},"userId":"u","isTestMessage":true,"typedProperties":[
		{"type":"long","name":"big","value":9223372036854775807},{"type":"double","name":"d","value":-1.0e5},{"type":"clear","name":"c","value":null},
		{"type":"string","name":"a\"b","value":"\ud83d\ude00"},{"type":"long","name":"big","value":2},7,{}]}`))
	want := []diag.Property{
		{Name: "big", Type: "long", Value: "2"}, {Name: "d", Type: "double", Value: "-1.0e5"}, {Name: "c", Type: "clear"},
		{Name: `a"b`, Type: "string", Value: "😀"},
	}
	if diff := gocmp.Diff(want, e.Properties); diff != "" {
		t.Error(diff)
	}
	if e.Name != "n" || e.UserID != "u" || !e.TestMessage || e.Kind != diag.KindEvent {
		t.Errorf("got %+v", e)
	}
}

// TestReactNativeAndroid finds the JavaScript error in the message of a Java exception, also below others.
func TestReactNativeAndroid(t *testing.T) {
	t.Parallel()
	const device = `"device":{"sdkName":"appcenter.android","wrapperSdkName":"appcenter.react-native"}`
	const carrier = `{"type":"com.facebook.react.common.JavascriptException","message":"Invariant Violation: no, really, js engine: hermes, stack:\nrender@1:482913\n<unknown>@seg-2_7.js:3:4\n","frames":[{"className":"com.facebook.react.modules.core.ExceptionsManagerModule","methodName":"reportException","lineNumber":72}]}`
	for _, raw := range []string{
		`{"type":"managedError",` + device + `,"exception":` + carrier + `}`,
		`{"type":"managedError",` + device + `,"exception":{"type":"java.lang.RuntimeException","frames":[],"innerExceptions":[` + carrier + `]}}`,
	} {
		r := decode(t, raw)
		e := r.Stack.Exception
		if r.Stack.Platform != diag.PlatformReactNative || e.Type != "Invariant Violation" || e.Message != "no, really" || len(e.Inner) != 1 {
			t.Fatalf("got %+v", e)
		}
		want := []diag.Frame{
			{Method: "render", Line: 1, Column: 482913, Language: diag.LanguageJavaScript, Code: "render@1:482913"},
			{Method: "<unknown>", File: "seg-2_7.js", Line: 3, Column: 4, Language: diag.LanguageJavaScript, Code: "<unknown>@seg-2_7.js:3:4"},
		}
		if diff := gocmp.Diff(want, e.Frames); diff != "" {
			t.Error(diff)
		}
		if e.Inner[0].Platform != diag.PlatformAndroid {
			t.Errorf("the carrier is %s", e.Inner[0].Platform)
		}
	}
}

func TestReactNativeIOS(t *testing.T) {
	t.Parallel()
	const log = `{"type":"appleError","device":{"sdkName":"appcenter.ios","wrapperSdkName":"appcenter.react-native"},"exceptionType":"RCTFatalException: Unhandled JS Exception: TypeError: a long story, js engine: hermes","exceptionReason":%q,"threads":[{"id":0,"frames":[]}]}`
	tests := []struct {
		reason, class, message string
		frames                 int
	}{
		{"Unhandled JS Exception: TypeError: t.user is undefined, stack:\nvalue@1:2\n", "TypeError", "t.user is undefined", 1},
		{"Unhandled JS Exception: plain text: here, js engine: hermes, stack:\nvalue@1:2\nt@3:4", "Error", "plain text: here", 2},
		{"Unhandled JS Exception: RangeError: no stack", "RangeError", "no stack", 0},
		{"Unhandled JS Exception: TypeError: a lo..., stack:\nvalue@1:2\n", "TypeError", "a long story", 1},
		{"Unhandled JS Exception: another st..., stack:\nvalue@1:2\n", "Error", "another st...", 1},
	}
	for _, test := range tests {
		e := decode(t, fmt.Sprintf(log, test.reason)).Stack.Exception
		if e.Platform != diag.PlatformReactNative || e.Type != test.class || e.Message != test.message || len(e.Frames) != test.frames {
			t.Errorf("%q: got %+v", test.reason, e)
		}
	}
	e := decode(t, fmt.Sprintf(log, "-[Cart total]: bad, stack:\nof books")).Stack.Exception
	if e.Platform != diag.PlatformIOS || !strings.HasPrefix(e.Type, "RCTFatalException: ") {
		t.Errorf("a message that only mentions a stack: got %+v", e)
	}
}

func TestPlatforms(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind, sdk, wrapper, exception string
		want                          diag.Platform
	}{
		{"managedError", "appcenter.android", "", `{"frames":[{}]}`, diag.PlatformAndroid},
		{"managedError", "appcenter.android", "appcenter.cordova", `{"frames":[{}]}`, diag.PlatformAndroid},
		{"managedError", "appcenter.android", "appcenter.xamarin", `{"frames":[{}]}`, diag.PlatformAndroid},
		{"managedError", "appcenter.android", "appcenter.xamarin", `{"wrapperSdkName":"appcenter.xamarin"}`, diag.PlatformXamarin},
		{"managedError", "appcenter.android", "appcenter.ndk", `{"type":"minidump","wrapperSdkName":"appcenter.ndk"}`, diag.PlatformNDK},
		{"managedError", "appcenter.custom", "custom.ndk", `{"type":"minidump"}`, diag.PlatformNDK},
		{"managedError", "custom.android", "", `{}`, diag.PlatformAndroid},
		{"managedError", "appcenter.uwp", "", `{}`, diag.PlatformOther},
		{"managedError", "", "", `{}`, diag.PlatformOther},
		{"appleError", "anything", "", `null`, diag.PlatformIOS},
		{"appleError", "appcenter.ios", "appcenter.xamarin", `{"wrapperSdkName":"appcenter.xamarin"}`, diag.PlatformXamarin},
		{"handledError", "appcenter.maccatalyst", "", `{}`, diag.PlatformIOS},
		{"handledError", "APPCENTER.TVOS", "", `{}`, diag.PlatformIOS},
		{"handledError", "appcenter.android", "appcenter.react-native", `{"stackTrace":"f@1:2"}`, diag.PlatformReactNative},
		{"handledError", "appcenter.ios", "appcenter.unity", `{"wrapperSdkName":"appcenter.xamarin"}`, diag.PlatformUnity},
	}
	for _, test := range tests {
		r := decode(t, fmt.Sprintf(`{"type":%q,"exception":%s,"device":{"sdkName":%q,"wrapperSdkName":%q}}`, test.kind, test.exception, test.sdk, test.wrapper))
		if r.Stack.Platform != test.want {
			t.Errorf("%+v: got %s", test, r.Stack.Platform)
		}
	}
}

// TestImages finds the images of addresses: at the edges, behind pointer signatures, by name.
func TestImages(t *testing.T) {
	t.Parallel()
	r := decode(t, `{"type":"appleError","primaryArchitectureId":"12","architectureVariantId":11,"errorThreadId":5,"threads":[{"id":5,"frames":[
		{"address":"0x0000000000003000"},{"address":"0x0000000000001000"},{"address":"0x0000000000001fff"},{"address":"0x0000000000002000"},
		{"address":"0xab800000000010f0","code":"-[Cart total:] + 240"},{"address":4096},{"address":"dylib","code":"start + 4"}]}],
		"binaries":[{"id":"A0B1C2D3-E4F5-0617-2839-405162738495","startAddress":"0x3000","endAddress":"0x3fff","name":"B","primaryArchitectureId":16777223,"architectureVariantId":8},
			{"id":"???","startAddress":"0x1000","endAddress":"0x1fff","name":"A"},{"id":"3F1C0B7E5D2A4C6F8E9D0A1B2C3D4E5F-1a"},
			{"id":"{3f1c0b7e-5d2a-4c6f-8e9d-0a1b2c3d4e5f}-2"},{"id":"3f1c0b7e5d2a4c6f8e9d0a1b2c3d4e5f-x"}]}`)
	want := []diag.Frame{
		{Address: 0x3000, Image: "B"},
		{Address: 0x1000, Image: "A"},
		{Address: 0x1fff, Image: "A", Offset: 0xfff},
		{Address: 0x2000},
		{Address: 0xab800000000010f0, Image: "A", Offset: 0xf0, Code: "-[Cart total:] + 240", Symbol: "-[Cart total:]", Class: "Cart", Method: "total:", Language: diag.LanguageObjectiveC},
		{Address: 0x1000, Image: "A"},
		{Code: "start + 4", Symbol: "start", Method: "start"},
	}
	if diff := gocmp.Diff(want, r.Stack.Threads[0].Frames); diff != "" {
		t.Error(diff)
	}
	var ids []string
	for _, i := range r.Stack.Images {
		ids = append(ids, i.ID)
	}
	if diff := gocmp.Diff([]string{"a0b1c2d3e4f506172839405162738495", "", "3f1c0b7e5d2a4c6f8e9d0a1b2c3d4e5f-1a", "3f1c0b7e5d2a4c6f8e9d0a1b2c3d4e5f-2", ""}, ids); diff != "" {
		t.Error(diff)
	}
	if r.Architecture != "armv7s" || r.Stack.Images[0].Architecture != "x86_64h" || !r.Stack.Threads[0].Crashed || r.Stack.Exception != nil {
		t.Errorf("got %s, %s, crashed %v, %+v", r.Architecture, r.Stack.Images[0].Architecture, r.Stack.Threads[0].Crashed, r.Stack.Exception)
	}
}

// TestNativeWindows finds the addresses of frames of .NET Native whose text names an image, whose end is exclusive.
func TestNativeWindows(t *testing.T) {
	t.Parallel()
	r := decode(t, `{"type":"managedError","device":{"sdkName":"appcenter.uwp"},"exception":{"stackTrace":"   at Acme.Kiosk!<BaseAddress>+0x20\r\n   at SharedLibrary!<BaseAddress>+0x5a1b2c","innerExceptions":[
		{"frames":[{"address":"0x0000000000001fff"},{"address":"0x0000000000002000"}]}]},
		"binaries":[{"id":"3f1c0b7e5d2a4c6f8e9d0a1b2c3d4e5f-1","startAddress":"0x0000000000001000","endAddress":"0x0000000000002000","name":"Acme.Kiosk"}]}`)
	e := r.Stack.Exception
	want := []diag.Frame{
		{Image: "Acme.Kiosk", Offset: 0x20, Address: 0x1020, Code: "at Acme.Kiosk!<BaseAddress>+0x20"},
		{Image: "SharedLibrary", Offset: 0x5a1b2c, Code: "at SharedLibrary!<BaseAddress>+0x5a1b2c"},
	}
	if diff := gocmp.Diff(want, e.Frames); diff != "" {
		t.Error(diff)
	}
	want = []diag.Frame{
		{Address: 0x1fff, Image: "Acme.Kiosk", Offset: 0xfff, Language: diag.LanguageCSharp},
		{Address: 0x2000, Language: diag.LanguageCSharp},
	}
	if diff := gocmp.Diff(want, e.Inner[0].Frames); diff != "" {
		t.Error(diff)
	}
}

func TestArchitectures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		cpu, subtype int64
		want         string
	}{
		{16777228, 0, "arm64"}, {16777228, 1, "arm64"}, {16777228, 2, "arm64e"}, {16777228, 2147483650, "arm64e"}, {33554444, 1, "arm64_32"},
		{12, 6, "armv6"}, {12, 9, "armv7"}, {12, 11, "armv7s"}, {12, 12, "armv7k"}, {12, 0, "arm"},
		{7, 3, "i386"}, {16777223, 3, "x86_64"}, {16777223, 8, "x86_64h"}, {18, 0, ""}, {0, 0, ""},
	}
	for _, test := range tests {
		r := decode(t, fmt.Sprintf(`{"type":"appleError","primaryArchitectureId":%d,"architectureVariantId":%d}`, test.cpu, test.subtype))
		if r.Architecture != test.want {
			t.Errorf("%+v: got %q", test, r.Architecture)
		}
	}
}

// TestAppleHandledWithoutText reads the frames that the SDK cut out of callStackSymbols when the text is lost.
func TestAppleHandledWithoutText(t *testing.T) {
	t.Parallel()
	r := decode(t, `{"type":"handledError","device":{"sdkName":"appcenter.ios"},"exception":{"type":"D","frames":[
		{"address":"0x00000001987e0f44","className":"UIApplication","methodName":"sendAction:","fileName":"UIKitCore"},
		{"address":"dylib","className":"0x00000001a2b0c1d8","methodName":"_drain","fileName":"libdispatch"},
		{"className":"Cart","methodName":"total","fileName":"Cart.swift","lineNumber":3}]}}`)
	want := []diag.Frame{
		{Address: 0x1987e0f44, Class: "UIApplication", Method: "sendAction:", Image: "UIKitCore", Language: diag.LanguageObjectiveC},
		{Address: 0x1a2b0c1d8, Method: "_drain", Image: "libdispatch"},
		{Class: "Cart", Method: "total", File: "Cart.swift", Line: 3},
	}
	if diff := gocmp.Diff(want, r.Stack.Exception.Frames); diff != "" {
		t.Error(diff)
	}
}

// TestFramesAndText has both: the list decides and the text fills in, unless the text shows more.
func TestFramesAndText(t *testing.T) {
	t.Parallel()
	const log = `{"type":"managedError","device":{"sdkName":"appcenter.android"},"exception":{"wrapperSdkName":"appcenter.xamarin","frames":[%s],
		"stackTrace":"  at A.B.C (System.String s) [0x00001] in C:\\b.cs:5 \n  at A.B.D () [0x00002] in C:\\b.cs:6 "}}`
	frames := func(listed string) []diag.Frame { return decode(t, fmt.Sprintf(log, listed)).Stack.Exception.Frames }

	got := frames(`{"className":"A.B","methodName":"C"},{"className":"A.X","methodName":"E","fileName":"x.cs","lineNumber":9}`)
	want := []diag.Frame{
		{Class: "A.B", Method: "C", Params: "System.String s", File: `C:\b.cs`, Line: 5, Language: diag.LanguageCSharp, Code: `at A.B.C (System.String s) [0x00001] in C:\b.cs:5`},
		{Class: "A.X", Method: "E", File: "x.cs", Line: 9, Language: diag.LanguageCSharp},
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := frames(`{"className":"A.B","methodName":"C"}`); len(got) != 2 || got[1].Method != "D" {
		t.Errorf("fewer frames than lines: got %+v", got)
	}
	three := `{"methodName":"C"},{"methodName":"D"},{"methodName":"E"}`
	if got := frames(three); len(got) != 3 || got[0].Params != "" {
		t.Errorf("more frames than lines: got %+v", got)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	repeat := func(s string, n int) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }
	deep := strings.Repeat(`{"type":"x","innerExceptions":[`, 1000) + strings.Repeat(`]}`, 1000)
	frame := `{"methodName":"f"}`
	tests := []struct{ name, members, want string }{
		{"causes", `"exception":` + deep, "causes beyond 64 levels"},
		{"exceptions", `"exception":{"innerExceptions":[` + repeat(`{}`, 2000) + `]}`, "exceptions beyond 1024"},
		{"frames of a stack", `"exception":{"frames":[` + repeat(frame, 5000) + `]}`, "frames beyond 4096 of a stack"},
		{"lines of a text", `"exception":{"stackTrace":"` + strings.Repeat(`at A.B(C c)\n`, 5000) + `"}`, "frames beyond 4096 of a stack"},
		{"frames in all", `"exception":{},"threads":[` + repeat(`{"frames":[`+repeat(frame, 4000)+`]}`, 20) + `]`, "frames beyond 65536 of all stacks"},
		{"threads", `"threads":[` + repeat(`{}`, 2000) + `]`, "threads beyond 1024"},
		{"binaries", `"exception":{},"binaries":[` + repeat(`{}`, 5000) + `]`, "binaries beyond 4096"},
		{"causes in a text", `"device":{"sdkName":"appcenter.android"},"exception":{"stackTrace":"x\n` + strings.Repeat(`Caused by: x\n`, 1000) + `"}`, "causes beyond 64 levels"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := wire.DecodeReport(diag.Log{Kind: diag.KindManagedError, Raw: []byte(`{"type":"managedError",` + test.members + `}`)}, install)
			if !strings.Contains(r.Problem, test.want) {
				t.Errorf("problem %q, want %q", r.Problem, test.want)
			}
		})
	}
}

// TestBrokenLogs decodes what SplitContainer would have refused, as a damaged journal may give it back.
func TestBrokenLogs(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		``, `null`, `[]`, `{`, `{"exception":{"type":"x"}`, `{"exception":{"type":"x","frames":[{"className":`, `{}{}`,
		`{"a":` + strings.Repeat("[", 1_000_000), `{"exception":` + strings.Repeat(`{"innerExceptions":[`, 100_000),
	} {
		l := diag.Log{Kind: diag.KindManagedError, Raw: []byte(raw)}
		if r := wire.DecodeReport(l, install); r.Problem == "" {
			t.Errorf("%.40q: no problem", raw)
		}
		wire.DecodeEvent(l)
		if a := wire.DecodeAttachment(l, true); a.Problem == "" {
			t.Errorf("%.40q: no problem of the attachment", raw)
		}
	}
}

// FuzzDecodeReport decodes any log as anything. What jsontext calls JSON is read to its end.
func FuzzDecodeReport(f *testing.F) {
	for _, body := range samples(f) {
		for _, raw := range split(f, body) {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for kind := diag.KindStartService; kind <= diag.KindPushInstallation; kind++ {
			l := diag.Log{Kind: kind, Raw: raw}
			switch kind.Family() {
			case diag.FamilyError:
				r := wire.DecodeReport(l, install)
				if elements, ok := oracle([]byte(`{"logs":[` + string(raw) + `]}`)); ok && len(elements) == 1 && strings.Contains(r.Problem, "not valid JSON") {
					t.Fatalf("%q is JSON, but: %s", raw, r.Problem)
				}
				if r.Stack.Exception == nil && len(r.Stack.Threads) == 0 && r.Problem == "" {
					t.Fatalf("%q gave nothing and no problem", raw)
				}
			case diag.FamilyAttachment:
				wire.DecodeAttachment(l, true)
			default:
				wire.DecodeEvent(l)
			}
		}
	})
}
