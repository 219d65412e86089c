package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// maker makes synthetic logs in the form of the SDKs' JSON. The same seed makes the same logs.
type maker struct{ *rand.Rand }

func pick[T any](m maker, list []T) T { return list[m.IntN(len(list))] }

func (m maker) word() string { return pick(m, words) }

func (m maker) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.Uint32())
	}
	return b
}

func (m maker) guid() string {
	b := m.bytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	s := hex.EncodeToString(b)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

func (m maker) time() string {
	t := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(m.Int64N(int64(30 * 24 * time.Hour))))
	return t.Format("2006-01-02T15:04:05.000Z")
}

// app is one invented app on one device: what all logs of a request share.
type app struct {
	apple, net bool
	pkg        string // com.acme.wallet, or Acme.Wallet
	device     string // JSON object
	session    string
	user       string
}

func (m maker) app() app {
	return m.appOf(pick(m, []system{android, android, android, android, android, apple, apple, windows}))
}

type system uint8

const (
	android system = iota
	apple
	windows
)

func (m maker) appOf(s system) app {
	company, product := pick(m, companies), m.word()
	a := app{session: m.guid(), pkg: "com." + company + "." + strings.ToLower(product)}
	switch s {
	case android:
		a.device = m.androidDevice(a.pkg)
	case apple:
		a.apple = true
		a.session = strings.ToUpper(a.session)
		a.device = m.appleDevice("com." + company + "." + product)
	default:
		a.net = true
		a.pkg = strings.ToUpper(company[:1]) + company[1:] + "." + product
		a.device = m.windowsDevice(a.pkg)
	}
	if m.IntN(3) == 0 {
		a.user = fmt.Sprintf(`"userId":"%s-%d",`, strings.ToLower(m.word()), m.IntN(100000))
	}
	return a
}

func (m maker) version() string { return fmt.Sprintf("%d.%d.%d", m.IntN(9)+1, m.IntN(30), m.IntN(10)) }

func (m maker) wrapper() string {
	switch m.IntN(5) {
	case 0:
		return `"wrapperSdkVersion":"5.0.7","wrapperSdkName":"appcenter.xamarin","wrapperRuntimeVersion":"34.0.113",`
	case 1:
		return `"wrapperSdkVersion":"5.0.3","wrapperSdkName":"appcenter.react-native",`
	}
	return ""
}

func (m maker) androidDevice(pkg string) string {
	model := strings.Split(pick(m, androidDevices), "|")
	carrier := strings.Split(pick(m, carriers), "|")
	release := m.IntN(7)
	builds := []string{"PKQ1.190616.001", "QP1A.190711.020", "RP1A.200720.012", "SP1A.210812.016", "TP1A.220624.014", "UP1A.231005.007", "AP3A.240905.015"}
	return fmt.Sprintf(`"device":{%s"sdkName":"appcenter.android","sdkVersion":"5.0.%d","model":"%s","oemName":"%s","osName":"Android","osVersion":"%d","osBuild":"%s","osApiLevel":%d,"locale":"%s","timeZoneOffset":%d,"screenSize":"%s","appVersion":"%s","carrierName":"%s","carrierCountry":"%s","appBuild":"%d","appNamespace":"%s"}`,
		m.wrapper(), m.IntN(7), model[1], model[0], release+9, builds[release], []int{28, 29, 30, 31, 33, 34, 35}[release], pick(m, locales), 60*(m.IntN(24)-11), model[2], m.version(), carrier[0], carrier[1], m.IntN(99999), pkg)
}

func (m maker) appleDevice(pkg string) string {
	model := strings.Split(pick(m, appleDevices), "|")
	carrier := strings.Split(pick(m, carriers), "|")
	system := pick(m, []string{`17.5.1","osBuild":"21F90`, `17.6.1","osBuild":"21G93`, `18.0.1","osBuild":"22A3370`, `18.1","osBuild":"22B83`, `16.7.10","osBuild":"20H350`, `15.8.3","osBuild":"19H386`})
	return fmt.Sprintf(`"device":{%s"sdkName":"appcenter.ios","sdkVersion":"5.0.%d","model":"%s","oemName":"Apple","osName":"iOS","osVersion":"%s","locale":"%s","timeZoneOffset":%d,"screenSize":"%s","appVersion":"%s","appBuild":"%d","appNamespace":"%s","carrierCountry":"%s"}`,
		m.wrapper(), m.IntN(7), model[0], system, pick(m, locales), 60*(m.IntN(24)-11), model[1], m.version(), m.IntN(9999), pkg, carrier[1])
}

func (m maker) windowsDevice(pkg string) string {
	return fmt.Sprintf(`"device":{"sdkName":"appcenter.%s","sdkVersion":"5.0.%d","model":"%s","oemName":"%s","osName":"WINDOWS","osVersion":"10.0.%d","osBuild":"10.0.%d.%d","locale":"%s","timeZoneOffset":%d,"screenSize":"1920x1080","appVersion":"%s","appBuild":"%s.%d","appNamespace":"%s"}`,
		pick(m, []string{"wpf.net", "winforms.net", "winforms.netcore", "wpf.netcore", "uwp"}), m.IntN(8), pick(m, []string{"Latitude 7440", "HP EliteBook 840 G8 Notebook PC", "20XW0026GE", "Surface Pro 9", "VMware Virtual Platform", "OptiPlex 7090"}), pick(m, []string{"Dell Inc.", "HP", "LENOVO", "Microsoft Corporation"}),
		19045+m.IntN(3600), 22631, m.IntN(5000), strings.Replace(pick(m, locales), "_", "-", 1), 60*(m.IntN(24)-11), m.version(), m.version(), m.IntN(999), pkg)
}

// fill replaces each % by a word.
func (m maker) fill(text string) string {
	for strings.Contains(text, "%") {
		text = strings.Replace(text, "%", m.word(), 1)
	}
	return text
}

// javaFrame is a frame of the system, or of the app, whose names are often shortened.
func (m maker) javaFrame(a app, i int) string {
	if i < 0 {
		class, file := a.pkg+"."+strings.ToLower(m.word())+"."+m.word()+pick(m, suffixes), ""
		switch m.IntN(3) {
		case 0:
			class, file = a.pkg+"."+pick(m, methods[40:])+"."+pick(m, methods[40:]), "SourceFile"
		case 1:
			file = class[strings.LastIndexByte(class, '.')+1:] + ".kt"
		default:
			file = class[strings.LastIndexByte(class, '.')+1:] + ".java"
		}
		return m.frame(class, pick(m, methods), file)
	}
	parts := strings.SplitN(javaFrames[i], " ", 3)
	return m.frame(parts[0], parts[1], parts[2])
}

func (m maker) frame(class, method, file string) string {
	line := m.IntN(2000)
	if m.IntN(12) == 0 {
		line = -2
	}
	return fmt.Sprintf(`{"className":"%s","methodName":"%s","lineNumber":%d,"fileName":"%s"}`, class, method, line, file)
}

// javaStack leads from the app's code into runs of neighbouring system frames and ends where threads begin.
func (m maker) javaStack(a app, depth int) string {
	var frames []string
	for range m.IntN(4) {
		frames = append(frames, m.javaFrame(a, m.IntN(len(javaFrames))))
	}
	for range 1 + m.IntN(4) {
		frames = append(frames, m.javaFrame(a, -1))
	}
	for len(frames) < depth {
		from := m.IntN(len(javaFrames))
		for i := from; i < min(from+1+m.IntN(6), len(javaFrames)); i++ {
			frames = append(frames, m.javaFrame(a, i))
		}
		if m.IntN(3) == 0 {
			frames = append(frames, m.javaFrame(a, -1))
		}
	}
	end := [][2]int{{len(javaFrames) - 7, len(javaFrames)}, {len(javaFrames) - 15, len(javaFrames) - 12}, {len(javaFrames) - 12, len(javaFrames) - 10}}[m.IntN(3)]
	for i := end[0]; i < end[1]; i++ {
		frames = append(frames, m.javaFrame(a, i))
	}
	return "[" + strings.Join(frames, ",") + "]"
}

func (m maker) javaException(a app, inner int) string {
	kind, message, _ := strings.Cut(pick(m, javaErrors), "|")
	text := fmt.Sprintf(`{"type":"%s","message":"%s","frames":%s`, kind, m.fill(message), m.javaStack(a, 4+m.IntN(20)))
	if inner > 0 && m.IntN(2) == 0 {
		text += `,"innerExceptions":[` + m.javaException(a, inner-1) + `]`
	}
	return text + "}"
}

func (m maker) netStack() string {
	var lines []string
	for range 2 + m.IntN(7) {
		line := "   at " + pick(m, netFrames)
		if m.IntN(2) == 0 {
			line = fmt.Sprintf(`   at %s.%s.%s.%s%s() in C:\\src\\%s\\%s.cs:line %d`, "Acme", m.word(), m.word(), m.word(), m.word(), m.word(), m.word(), m.IntN(900))
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, `\r\n`)
}

func (m maker) netException(inner int) string {
	kind, message, _ := strings.Cut(pick(m, netErrors), "|")
	text := fmt.Sprintf(`{"type":"%s","message":"%s","stackTrace":"%s"`, kind, m.fill(message), m.netStack())
	if inner > 0 && m.IntN(2) == 0 {
		text += `,"innerExceptions":[` + m.netException(inner-1) + `]`
	}
	return text + "}"
}

func (m maker) event(a app) string {
	head := fmt.Sprintf(`"timestamp":"%s","sid":"%s",%s%s`, m.time(), a.session, a.user, a.device)
	switch n := m.IntN(10); {
	case n == 0:
		return `{"type":"startSession",` + head + `}`
	case n == 1:
		return fmt.Sprintf(`{"type":"startService","timestamp":"%s",%s,"services":["Analytics","Crashes"],"isOneCollectorEnabled":false}`, m.time(), a.device)
	case n == 2:
		return `{"type":"page",` + head + `,"properties":` + m.untyped() + `,"name":"` + m.word() + m.word() + `"}`
	case n < 5:
		return `{"type":"event",` + head + `,"properties":` + m.untyped() + `,"id":"` + m.guid() + `","name":"` + m.eventName() + `"}`
	}
	return `{"type":"event",` + head + `,"name":"` + m.eventName() + `","id":"` + m.guid() + `","typedProperties":` + m.typed() + `}`
}

func (m maker) eventName() string {
	if m.IntN(2) == 0 {
		return pick(m, eventNames)
	}
	return m.word() + " " + strings.ToLower(m.word())
}

func (m maker) untyped() string {
	var list []string
	for range m.IntN(5) {
		list = append(list, fmt.Sprintf(`"%s":"%s"`, pick(m, properties), m.value()))
	}
	return "{" + strings.Join(list, ",") + "}"
}

func (m maker) value() string {
	return pick(m, []string{m.word(), strings.ToLower(m.word()), fmt.Sprint(m.IntN(10000)), "true", "false", "null", m.guid()})
}

func (m maker) typed() string {
	var list []string
	for range m.IntN(6) {
		kind := pick(m, []string{
			`{"type":"string","name":"%","value":"` + m.value() + `"}`, `{"type":"string","name":"%","value":"` + m.word() + `"}`,
			fmt.Sprintf(`{"type":"long","name":"%%","value":%d}`, m.IntN(1000)),
			fmt.Sprintf(`{"type":"double","name":"%%","value":%.2f}`, m.Float64()*100),
			`{"type":"boolean","name":"%","value":true}`, `{"type":"boolean","name":"%","value":false}`,
			`{"type":"dateTime","name":"%","value":"` + m.time() + `"}`,
		})
		list = append(list, strings.ReplaceAll(kind, "%", pick(m, properties)))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// report is an error of the app's platform.
func (m maker) report(a app) string {
	switch {
	case a.apple && m.IntN(4) > 0:
		return m.appleCrash(a)
	case a.net:
		return fmt.Sprintf(`{"exception":%s,"id":"%s","processId":%d,"processName":"%s","fatal":true,"appLaunchTimestamp":"%s","architecture":"AMD64","timestamp":"%s","sid":"%s",%s%s,"type":"managedError"}`,
			m.netException(2), m.guid(), m.IntN(30000), a.pkg, m.time(), m.time(), a.session, a.user, a.device)
	}
	exception := m.javaException(a, 2)
	if a.apple || m.IntN(5) == 0 {
		exception = m.netException(1)
	}
	head := fmt.Sprintf(`"timestamp":"%s","sid":"%s",%s%s`, m.time(), a.session, a.user, a.device)
	if m.IntN(4) == 0 {
		return fmt.Sprintf(`{"type":"handledError",%s,"properties":%s,"id":"%s","exception":%s}`, head, m.untyped(), m.guid(), exception)
	}
	return fmt.Sprintf(`{"type":"managedError",%s,"id":"%s","processId":%d,"processName":"%s","errorThreadId":%d,"errorThreadName":"main","fatal":true,"appLaunchTimestamp":"%s","architecture":"%s","exception":%s,"threads":%s}`,
		head, m.guid(), m.IntN(32000), a.pkg, 1+m.IntN(60), m.time(), pick(m, []string{"arm64-v8a", "arm64-v8a", "armeabi-v7a", "x86_64"}), exception, m.javaThreads(a))
}

func (m maker) javaThreads(a app) string {
	var list []string
	for range 1 + m.IntN(9) {
		list = append(list, fmt.Sprintf(`{"id":%d,"name":"%s","frames":%s}`, 1+m.IntN(200), pick(m, javaThreads), m.javaStack(a, m.IntN(8))))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func (m maker) appleCrash(a app) string {
	kind, reason, _ := strings.Cut(pick(m, appleErrors), "|")
	exception := ""
	if !strings.HasPrefix(kind, "SIG") {
		exception = fmt.Sprintf(`"exceptionType":"%s","exceptionReason":"%s",`, m.fill(kind), m.fill(reason))
	}
	name := m.word()
	path := fmt.Sprintf("/private/var/containers/Bundle/Application/%s/%s.app/%s", strings.ToUpper(m.guid()), name, name)
	var threads []string
	for i := range 2 + m.IntN(14) {
		threads = append(threads, fmt.Sprintf(`{"id":%d,"frames":%s}`, i, m.appleFrames()))
	}
	return fmt.Sprintf(`{"type":"appleError","timestamp":"%s","sid":"%s",%s%s,"id":"%s","processId":%d,"processName":"%s","parentProcessId":1,"parentProcessName":"???","errorThreadId":0,"fatal":true,"appLaunchTimestamp":"%s","primaryArchitectureId":16777228,"architectureVariantId":2,"applicationPath":"%s","osExceptionType":"%s","osExceptionCode":"#0","osExceptionAddress":"0x%x",%s"threads":[%s],"registers":%s,"binaries":%s}`,
		m.time(), a.session, a.user, a.device, strings.ToUpper(m.guid()), m.IntN(20000), name, m.time(), path, pick(m, []string{"SIGABRT", "SIGSEGV", "SIGTRAP", "SIGBUS"}), m.address(), exception,
		strings.Join(threads, ","), m.registers(), m.binaries(path))
}

func (m maker) address() uint64 { return 0x180000000 + m.Uint64N(0x80000000) }

func (m maker) appleFrames() string {
	var list []string
	for range 3 + m.IntN(16) {
		at, offset := m.address(), m.Uint64N(1<<20)
		list = append(list, fmt.Sprintf(`{"address":"0x%016x","code":"0x%x + %d"}`, at, at-offset, offset))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func (m maker) registers() string {
	var list []string
	for i := range 29 {
		list = append(list, fmt.Sprintf(`"x%d":"0x%016x"`, i, m.Uint64()>>(m.IntN(5)*13)))
	}
	for _, name := range []string{"fp", "sp", "lr", "pc", "cpsr"} {
		list = append(list, fmt.Sprintf(`"%s":"0x%016x"`, name, m.address()))
	}
	return "{" + strings.Join(list, ",") + "}"
}

func (m maker) binaries(path string) string {
	var list []string
	for _, p := range append([]string{path}, appleImages...) {
		at := m.address() &^ 0xfff
		list = append(list, fmt.Sprintf(`{"id":"%s","startAddress":"0x%016x","endAddress":"0x%016x","name":"%s","path":"%s","primaryArchitectureId":16777228,"architectureVariantId":%s}`,
			hex.EncodeToString(m.bytes(16)), at, at+m.Uint64N(1<<22)|0xfff, p[strings.LastIndexByte(p, '/')+1:], p, pick(m, []string{"0", "2", "2147483650"})))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func (m maker) attachment(a app) string {
	var lines []string
	for range m.IntN(12) {
		lines = append(lines, fmt.Sprintf("%s %s %s", m.time(), pick(m, []string{"DEBUG", "INFO", "WARN", "ERROR"}), m.eventName()))
	}
	data := base64.StdEncoding.EncodeToString([]byte(strings.Join(lines, "\n")))
	return fmt.Sprintf(`{"type":"errorAttachment","timestamp":"%s","sid":"%s",%s,"id":"%s","errorId":"%s","contentType":"%s","fileName":"%s","data":"%s"}`,
		m.time(), a.session, a.device, m.guid(), m.guid(), pick(m, []string{"text/plain", "application/json", "image/png", "application/octet-stream"}), pick(m, []string{"log.txt", "breadcrumbs.txt", "state.json", "screenshot.png", "minidump.dmp"}), data)
}
