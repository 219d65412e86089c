// Package journaltest helps to test the journal and what stands on it: logs that vary as those of real
// devices do, and a disk that crashes.
package journaltest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"lifeboat/internal/diag"
)

// Logs makes logs of invented apps. Its names and texts are not those that the journal's dictionary was made
// from; only the fields of the protocol and the frames of Android itself are the same everywhere.
type Logs struct {
	rng  *rand.Rand
	apps []application
}

type application struct {
	pkg     string
	classes []string
	devices []string
}

// NewLogs makes a source of logs. The same seed makes the same logs.
func NewLogs(seed uint64) *Logs {
	l := &Logs{rng: rand.New(rand.NewPCG(seed, 77))}
	for range 12 {
		app := application{pkg: "io." + l.name(2) + "." + l.name(2)}
		for range 40 {
			app.classes = append(app.classes, app.pkg+"."+l.name(1)+"."+title(l.name(3)))
		}
		for range 30 {
			app.devices = append(app.devices, l.device(app.pkg))
		}
		l.apps = append(l.apps, app)
	}
	return l
}

var syllables = strings.Fields("ka lo min tre sa vi dor pel nu ran gis to bel quo fa hem lin os ur zen cra mo tip wag sy deb")

// name is an invented word of n to 2n syllables.
func (l *Logs) name(n int) string {
	var b strings.Builder
	for range n + l.rng.IntN(n+1) {
		b.WriteString(syllables[l.rng.IntN(len(syllables))])
	}
	return b.String()
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func (l *Logs) id() diag.ID {
	var id diag.ID
	for i := range id {
		id[i] = byte(l.rng.Uint32())
	}
	return id
}

func (l *Logs) time() string {
	return time.UnixMilli(1_795_000_000_000 + l.rng.Int64N(1<<31)).UTC().Format("2006-01-02T15:04:05.000Z")
}

func (l *Logs) device(pkg string) string {
	return fmt.Sprintf(`"device":{"sdkName":"appcenter.android","sdkVersion":"5.0.%d","model":"%s-%d","oemName":"%s","osName":"Android","osVersion":"%d","osBuild":"%s.%06d.%03d","osApiLevel":%d,"locale":"%s_%s","timeZoneOffset":%d,"screenSize":"%dx%d","appVersion":"%d.%d.%d","carrierName":"%s","carrierCountry":"%s","appBuild":"%d","appNamespace":"%s"}`,
		l.rng.IntN(7), strings.ToUpper(l.name(1)), l.rng.IntN(999), title(l.name(2)), 8+l.rng.IntN(8), strings.ToUpper(l.name(1)), l.rng.IntN(999999), l.rng.IntN(99),
		26+l.rng.IntN(10), l.name(1)[:2], strings.ToUpper(l.name(1)[:2]), 15*(l.rng.IntN(90)-44), 720+l.rng.IntN(720), 1280+l.rng.IntN(1600),
		l.rng.IntN(9), l.rng.IntN(40), l.rng.IntN(20), title(l.name(2)), l.name(1)[:2], l.rng.IntN(99999), pkg)
}

// platformFrames are the ends of real Android stacks: every crash has some of them.
var platformFrames = []string{
	"android.view.View|performClick|View.java", "android.view.View|performClickInternal|View.java",
	"android.view.View$PerformClick|run|View.java", "android.os.Handler|handleCallback|Handler.java",
	"android.os.Handler|dispatchMessage|Handler.java", "android.os.Looper|loopOnce|Looper.java",
	"android.os.Looper|loop|Looper.java", "android.app.ActivityThread|main|ActivityThread.java",
	"java.lang.reflect.Method|invoke|Method.java",
	"com.android.internal.os.RuntimeInit$MethodAndArgsCaller|run|RuntimeInit.java",
	"com.android.internal.os.ZygoteInit|main|ZygoteInit.java",
}

// threadFrames are where idle threads wait.
var threadFrames = []string{
	"java.lang.Object|wait|Object.java", "java.lang.Thread|run|Thread.java",
	"java.util.concurrent.locks.LockSupport|park|LockSupport.java",
	"java.util.concurrent.ThreadPoolExecutor|getTask|ThreadPoolExecutor.java",
	"java.util.concurrent.ThreadPoolExecutor|runWorker|ThreadPoolExecutor.java",
	"java.util.concurrent.ThreadPoolExecutor$Worker|run|ThreadPoolExecutor.java",
	"java.util.concurrent.SynchronousQueue$TransferStack|transfer|SynchronousQueue.java",
	"android.os.MessageQueue|nativePollOnce|MessageQueue.java", "android.os.MessageQueue|next|MessageQueue.java",
	"android.os.HandlerThread|run|HandlerThread.java", "java.lang.ref.ReferenceQueue|remove|ReferenceQueue.java",
	"java.lang.Daemons$ReferenceQueueDaemon|runInternal|Daemons.java", "okhttp3.Dispatcher|executed|Dispatcher.kt",
	"androidx.work.impl.WorkerWrapper|runWorker|WorkerWrapper.java", "okio.Buffer|readByte|Buffer.kt",
}

func (l *Logs) frame(frame string) string {
	p := strings.Split(frame, "|")
	return fmt.Sprintf(`{"className":"%s","methodName":"%s","lineNumber":%d,"fileName":"%s"}`, p[0], p[1], 1+l.rng.IntN(9000), p[2])
}

func (l *Logs) appFrames(a *application, n int) []string {
	var list []string
	for range n {
		class := a.classes[l.rng.IntN(len(a.classes))]
		file := class[strings.LastIndexByte(class, '.')+1:] + ".kt"
		list = append(list, l.frame(class+"|"+l.name(2)+"|"+file))
	}
	return list
}

// Crash is one managed error of Android of about 7 KB with several threads.
func (l *Logs) Crash() []byte {
	a := &l.apps[l.rng.IntN(len(l.apps))]
	stack := l.appFrames(a, 3+l.rng.IntN(5))
	for _, f := range platformFrames {
		stack = append(stack, l.frame(f))
	}
	cause := l.appFrames(a, 2+l.rng.IntN(4))
	message := l.name(2)
	for range 4 + l.rng.IntN(10) {
		message += " " + l.name(1)
	}
	var threads []string
	for size := 0; size < 3700; {
		var frames []string
		for at, n := l.rng.IntN(len(threadFrames)), 2+l.rng.IntN(6); n > 0; n-- {
			frames = append(frames, l.frame(threadFrames[(at+n)%len(threadFrames)]))
		}
		thread := fmt.Sprintf(`{"id":%d,"name":"%s-%d","frames":[%s]}`, l.rng.IntN(300), l.name(2), l.rng.IntN(9), strings.Join(frames, ","))
		threads = append(threads, thread)
		size += len(thread)
	}
	return fmt.Appendf(nil, `{"type":"managedError","timestamp":"%s","sid":"%s","userId":"%s",%s,"id":"%s","processId":%d,"processName":"%s","errorThreadId":2,"errorThreadName":"main","fatal":true,"appLaunchTimestamp":"%s","architecture":"arm64-v8a","exception":{"type":"java.lang.IllegalStateException","message":"%s","frames":[%s],"innerExceptions":[{"type":"%s.%sException","message":"%s","frames":[%s]}]},"threads":[%s]}`,
		l.time(), l.id(), l.name(3), a.devices[l.rng.IntN(len(a.devices))], l.id(), l.rng.IntN(30000), a.pkg, l.time(), message,
		strings.Join(stack, ","), a.pkg, title(l.name(2)), l.name(3), strings.Join(cause, ","), strings.Join(threads, ","))
}

// Event is one event of Android with a few properties.
func (l *Logs) Event() []byte { return l.event(&l.apps[l.rng.IntN(len(l.apps))], 0) }

func (l *Logs) event(a *application, device int) []byte {
	var list []string
	for range l.rng.IntN(4) {
		list = append(list, fmt.Sprintf(`{"type":"string","name":"%s","value":"%s"}`, l.name(2), l.name(2)))
	}
	return fmt.Appendf(nil, `{"type":"event","timestamp":"%s","sid":"%s",%s,"name":"%s %s","id":"%s","typedProperties":[%s]}`,
		l.time(), l.id(), a.devices[device], title(l.name(2)), l.name(2), l.id(), strings.Join(list, ","))
}

// CrashFrame is an envelope that holds one Crash.
func (l *Logs) CrashFrame() []byte { return l.envelope([][]byte{l.Crash()}) }

// EventsFrame is an envelope that holds n events of one device.
func (l *Logs) EventsFrame(n int) []byte {
	a, logs := &l.apps[l.rng.IntN(len(l.apps))], make([][]byte, n)
	device := l.rng.IntN(len(a.devices))
	for i := range logs {
		logs[i] = l.event(a, device)
	}
	return l.envelope(logs)
}

func (l *Logs) envelope(logs [][]byte) []byte {
	e := diag.Envelope{Install: diag.InstallID(l.id().String()), Correlation: l.id(), Received: 1_795_000_000_000, Logs: logs}
	return e.Append(nil)
}
