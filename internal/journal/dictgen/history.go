package main

import (
	"fmt"
	"strings"
)

// history is the text that frames are matched with. It holds every known frame, device and text once, in
// the form in which it stands in a log, and ends in whole logs: what is near the end costs least to point at.
func (m maker) history() []byte {
	var b strings.Builder
	for _, w := range append(append([]string{}, words...), suffixes...) {
		b.WriteString(w + " ")
	}
	for _, list := range [][]string{netErrors, appleErrors, javaErrors} {
		for _, e := range list {
			kind, message, _ := strings.Cut(e, "|")
			fmt.Fprintf(&b, `{"type":"%s","message":"%s"},`, kind, strings.ReplaceAll(message, "%", ""))
		}
	}
	for _, f := range netFrames {
		b.WriteString(`   at ` + f + `\r\n`)
	}
	for _, list := range [][]string{locales, carriers, androidDevices, appleDevices, eventNames, properties, methods, javaThreads} {
		b.WriteString(`"` + strings.Join(list, `","`) + `",`)
	}
	for _, p := range appleImages {
		fmt.Fprintf(&b, `,"name":"%s","path":"%s","primaryArchitectureId":16777228`, p[strings.LastIndexByte(p, '/')+1:], p)
	}
	for _, f := range javaFrames {
		p := strings.SplitN(f, " ", 3)
		fmt.Fprintf(&b, `{"className":"%s","methodName":"%s","lineNumber":%d,"fileName":"%s"},`, p[0], p[1], m.IntN(2000), p[2])
	}
	m.wholeLogs(&b)
	return []byte(b.String())
}

// wholeLogs writes short logs of each kind, the most frequent last.
func (m maker) wholeLogs(b *strings.Builder) {
	apps := []app{m.appOf(windows), m.appOf(apple), m.appOf(android)}
	for _, a := range apps {
		b.WriteString(m.attachment(a))
	}
	fmt.Fprint(b, m.appleCrash(apps[1])[:1800])
	b.WriteString(m.registers())
	for _, a := range apps {
		for range 6 {
			b.WriteString(m.event(a))
		}
	}
	b.WriteString(m.report(apps[0]))
	for range 2 {
		a := apps[2]
		fmt.Fprintf(b, `{"type":"managedError","timestamp":"%s","sid":"%s",%s,"id":"%s","processId":%d,"processName":"%s","errorThreadId":2,"errorThreadName":"main","fatal":true,"appLaunchTimestamp":"%s","architecture":"arm64-v8a","exception":{"type":"java.lang.RuntimeException","message":"","frames":%s},"threads":[{"id":31,"name":"main","frames":%s}]}`,
			m.time(), a.session, a.device, m.guid(), m.IntN(30000), a.pkg, m.time(), m.javaStack(a, 3), m.javaStack(a, 1))
	}
}
