package load

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Words that class names, methods and messages are put together from. None is anybody's.
var (
	packages = strings.Fields("cart checkout search profile login sync media push chat map feed store order payment review coupon address session offline camera")
	nouns    = strings.Fields("Cart Order Item Price Coupon Address Payment Session Image Video Upload Download Index Query Result Token Cache Queue Worker Message Thread Contact Place Route Review Rating Banner Widget Dialog Fragment Adapter Holder Binder Loader Parser Encoder Decoder Store Repository Gateway Client Service Manager Tracker Player Editor Picker")
	verbs    = strings.Fields("load save bind parse draw open close send fetch apply compute merge flush commit resolve invoke dispatch handle update remove insert notify measure layout decode encode upload refresh restore validate")
	systems  = []string{
		"android.os.Handler.handleCallback(Handler.java:942)", "android.os.Handler.dispatchMessage(Handler.java:99)", "android.os.Looper.loopOnce(Looper.java:201)",
		"android.os.Looper.loop(Looper.java:288)", "android.app.ActivityThread.main(ActivityThread.java:7872)", "java.lang.reflect.Method.invoke(Method.java:-2)",
		"com.android.internal.os.RuntimeInit$MethodAndArgsCaller.run(RuntimeInit.java:548)", "com.android.internal.os.ZygoteInit.main(ZygoteInit.java:936)",
		"android.view.View.performClick(View.java:7506)", "android.view.Choreographer.doFrame(Choreographer.java:790)", "java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:1137)",
		"kotlinx.coroutines.DispatchedTask.run(DispatchedTask.kt:106)", "kotlin.coroutines.jvm.internal.BaseContinuationImpl.resumeWith(ContinuationImpl.kt:33)",
		"okhttp3.internal.http.RealInterceptorChain.proceed(RealInterceptorChain.kt:109)", "androidx.recyclerview.widget.RecyclerView.onLayout(RecyclerView.java:4578)",
	}
	types  = strings.Fields("java.lang.IllegalStateException java.lang.NullPointerException java.lang.IndexOutOfBoundsException java.lang.IllegalArgumentException java.io.IOException java.lang.OutOfMemoryError kotlin.UninitializedPropertyAccessException")
	models = strings.Fields("Pixel_7 Pixel_8a SM-S918B SM-A546E M2101K6G CPH2451 moto_g84 XQ-DQ54 2201117TG RMX3771")
)

// faults is how many different faults the synthetic app has.
const faults = 200

// template is a body with places for what differs from request to request.
type template struct {
	text []byte
	ids  []int // places of 36 bytes for fresh GUIDs
}

// idMark stands where a fresh id goes.
const idMark = "@@@@@@@@-@@@@-@@@@-@@@@-@@@@@@@@@@@@"

func newTemplate(text string) template {
	t := template{text: []byte(text)}
	for at := 0; ; {
		i := strings.Index(text[at:], idMark)
		if i < 0 {
			return t
		}
		t.ids = append(t.ids, at+i)
		at += i + len(idMark)
	}
}

// bodies hands out templates in turn with fresh ids.
type bodies struct {
	templates []template
	logs      int
	next      int
	rng       *rand.ChaCha8
	buf       []byte
}

func (b *bodies) Next() ([]byte, int) {
	t := &b.templates[b.next]
	b.next = (b.next + 1) % len(b.templates)
	b.buf = append(b.buf[:0], t.text...)
	for _, at := range t.ids {
		b.putID(at)
	}
	return b.buf, b.logs
}

func (b *bodies) putID(at int) {
	var id [16]byte
	b.rng.Read(id[:])
	dst := b.buf[at : at+36]
	hex.Encode(dst[0:8], id[0:4])
	hex.Encode(dst[9:13], id[4:6])
	hex.Encode(dst[14:18], id[6:8])
	hex.Encode(dst[19:23], id[8:10])
	hex.Encode(dst[24:36], id[10:16])
}

// templatesPerRun is how many texts a run cycles through. Frames are compressed one by one, so a text that
// comes again gains nothing.
const templatesPerRun = 2000

// Crashes makes single-crash bodies of about 7 KB: one of 200 faults each, with frames, messages and devices
// that vary like real ones. The function it returns makes the source of one connection.
func Crashes(seed uint64) func(connection int) Source {
	rng := rand.New(rand.NewPCG(seed, 1))
	list := make([]template, templatesPerRun)
	for i := range list {
		list[i] = newTemplate(crash(rng))
	}
	return func(c int) Source { return newBodies(list, 1, seed, c) }
}

func newBodies(list []template, logs int, seed uint64, connection int) *bodies {
	var key [32]byte
	copy(key[:], fmt.Sprintf("%d %d %d", seed, connection, time.Now().UnixNano())) // another run must not repeat ids
	return &bodies{templates: list, logs: logs, next: connection * 37 % len(list), rng: rand.NewChaCha8(key)}
}

// CrashesWithAttachment makes bodies of a crash and a text of 2 KB that belongs to it.
func CrashesWithAttachment(seed uint64) func(connection int) Source {
	crashes := Crashes(seed)
	return func(c int) Source { return &attached{crashes(c).(*bodies), nil} }
}

type attached struct {
	*bodies
	buf []byte
}

func (a *attached) Next() ([]byte, int) {
	body, _ := a.bodies.Next()
	const before = `"id":"`
	at := strings.Index(string(body), before) + len(before)
	a.buf = append(a.buf[:0], body[:len(body)-len("]}")]...)
	a.buf = fmt.Appendf(a.buf, `,{"type":"errorAttachment","timestamp":%q,"id":"%s","errorId":"%s","contentType":"text/plain","fileName":"log.txt","data":"%s","device":{}}]}`,
		time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), uuid(a.rng), body[at:at+36], strings.Repeat("bG9n", 700))
	return a.buf, 2
}

func uuid(rng *rand.ChaCha8) string {
	var id [16]byte
	rng.Read(id[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// Events makes bodies of 50 events.
func Events(seed uint64) func(connection int) Source {
	const logs, texts = 50, 200
	rng := rand.New(rand.NewPCG(seed, 2))
	list := make([]template, texts)
	for i := range list {
		list[i] = newTemplate(events(rng, logs))
	}
	return func(c int) Source { return newBodies(list, logs, seed, c) }
}

func crash(rng *rand.Rand) string {
	return `{"logs":[` + crashLog(rng, time.Now(), idMark, rng.IntN(faults)) + `]}`
}

// Crash is one crash log of about 7 KB with a fresh id, of one of so many faults, the lower ones more often.
func Crash(rng *rand.Rand, now time.Time, faults int) string {
	popular := rng.Float64() * rng.Float64()
	return crashLog(rng, now, freshID(rng), int(popular*float64(faults)))
}

// Session is the log with which a session begins.
func Session(rng *rand.Rand, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"type":"startSession","timestamp":%q,"id":"%s","sid":"%s",`, stampAt(rng, now), freshID(rng), freshID(rng))
	device(&b, rng)
	b.WriteString(`}`)
	return b.String()
}

// Install is some device's id.
func Install(rng *rand.Rand) string { return install(rng) }

func freshID(rng *rand.Rand) string {
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", rng.Uint32(), rng.IntN(1<<16), rng.IntN(1<<12), rng.IntN(1<<12), rng.Uint64N(1<<48))
}

func crashLog(rng *rand.Rand, now time.Time, id string, of int) string {
	fault := rand.New(rand.NewPCG(uint64(of), 7)) // the same words for the same fault
	var b strings.Builder
	fmt.Fprintf(&b, `{"type":"managedError","timestamp":%q,"appLaunchTimestamp":%q,"id":"%s","sid":"%s","userId":"user-%d",`,
		stampAt(rng, now), stampAt(rng, now), id, freshOr(rng, id), rng.IntN(50_000))
	fmt.Fprintf(&b, `"processId":%d,"processName":"com.acme.shop","errorThreadId":2,"errorThreadName":"main","fatal":true,"architecture":"arm64-v8a",`, 1000+rng.IntN(30_000))
	device(&b, rng)
	fmt.Fprintf(&b, `,"exception":{"type":%q,"message":"%s %d of %s is not ready (state %x)","frames":[`, pick(fault, types), pick(fault, nouns), rng.IntN(10_000), pick(rng, nouns), rng.Uint32())
	frames(&b, fault, rng, 14+fault.IntN(10))
	b.WriteString(`]},"threads":[`)
	for i := range 3 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"name":"%s-%d","frames":[`, i+2, pick(rng, verbs), i)
		frames(&b, rng, rng, 8+rng.IntN(4))
		b.WriteString(`]}`)
	}
	b.WriteString(`]}`)
	return b.String()
}

// freshOr is a place for a fresh id where id is one, else a fresh id.
func freshOr(rng *rand.Rand, id string) string {
	if id == idMark {
		return idMark
	}
	return freshID(rng)
}

func stamp(rng *rand.Rand) string { return stampAt(rng, time.Now()) }

// stampAt is a time within the 36 hours before.
func stampAt(rng *rand.Rand, now time.Time) string {
	return now.UTC().Add(-time.Duration(rng.IntN(36*3600)) * time.Second).Format("2006-01-02T15:04:05.000Z")
}

func device(b *strings.Builder, rng *rand.Rand) {
	fmt.Fprintf(b, `"device":{"sdkName":"appcenter.android","sdkVersion":"5.0.6","model":%q,"oemName":"Acme","osName":"Android","osVersion":"%d","osBuild":"AP2A.%06d.%03d",`+
		`"osApiLevel":%d,"locale":"de_DE","timeZoneOffset":60,"screenSize":"1080x2400","appVersion":"3.%d.%d","appBuild":"%d","appNamespace":"com.acme.shop","carrierName":"Net","carrierCountry":"de"}`,
		pick(rng, models), 10+rng.IntN(5), rng.IntN(1_000_000), rng.IntN(1000), 29+rng.IntN(6), rng.IntN(3), rng.IntN(4), 300+rng.IntN(40))
}

// frames writes frames whose names come from one source and whose lines from another.
func frames(b *strings.Builder, name, line *rand.Rand, n int) {
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		if i >= n/2 {
			method, at, _ := strings.Cut(systems[(i+name.IntN(3))%len(systems)], "(")
			file, number, _ := strings.Cut(strings.TrimSuffix(at, ")"), ":")
			dot := strings.LastIndexByte(method, '.')
			fmt.Fprintf(b, `{"className":%q,"methodName":%q,"lineNumber":%s,"fileName":%q}`, method[:dot], method[dot+1:], number, file)
			continue
		}
		class := pick(name, nouns) + pick(name, nouns)
		fmt.Fprintf(b, `{"className":"com.acme.shop.%s.%s","methodName":"%s%s","lineNumber":%d,"fileName":"%s.kt"}`,
			pick(name, packages), class, pick(name, verbs), pick(name, nouns), 10+line.IntN(900), class)
	}
}

func events(rng *rand.Rand, n int) string {
	var b strings.Builder
	b.WriteString(`{"logs":[`)
	session := rng.IntN(1000) // what a device sends at once is mostly of one session
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"type":"event","timestamp":%q,"id":"%s","sid":"11111111-2222-4333-8444-%012d","name":"%s %s",`,
			stamp(rng), idMark, session, pick(rng, verbs), pick(rng, nouns))
		device(&b, rng)
		fmt.Fprintf(&b, `,"typedProperties":[{"type":"string","name":"screen","value":%q},{"type":"long","name":"count","value":%d}]}`, pick(rng, nouns), rng.IntN(1000))
	}
	b.WriteString(`]}`)
	return b.String()
}

func pick(rng *rand.Rand, list []string) string { return list[rng.IntN(len(list))] }
