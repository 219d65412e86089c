package ingest

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/wire"
)

// request is one request on its way: who sent it, its body, what of it is kept. Requests are used again, with
// the room that they have made.
type request struct {
	h           *Handler
	w           http.ResponseWriter
	r           *http.Request
	now         time.Time
	correlation diag.ID
	app         *app
	install     diag.InstallID

	source   source
	wire     *bufio.Reader // of source
	gzip     *gzip.Reader  // of wire
	plain    bool          // not compressed
	body     []byte        // inflated
	skipped  int64         // bytes before body that were not kept
	hopeless bool          // the body is no container, whatever follows
	payloads []byte        // envelopes of frames
	held     int64         // bytes taken from the memory budget

	frames    []journal.Frame // errors and attachments; Payload is the log itself until sealed
	others    [][]byte        // all other logs
	kinds     [kindCount]int64
	valid     []diag.ID // errors that are kept
	throttled []diag.ID
	drops     []drop
	low, high diag.DeviceTime // the acceptance window
	short     bool            // the memory budget has no room for all logs
	reply     []byte
}

const kindCount = diag.KindPushInstallation + 1

// drop counts logs of one request that are not kept.
type drop struct {
	reason wire.Reason
	n      int64
}

// wireBuffer holds a whole crash report as most SDKs send it.
const wireBuffer = 8 << 10

func newRequest(h *Handler) *request {
	return &request{h: h, wire: bufio.NewReaderSize(nil, wireBuffer)}
}

func (q *request) begin(w http.ResponseWriter, r *http.Request) {
	q.w, q.r = w, r
	q.now = q.h.o.Clock.Now()
	q.correlation = newCorrelation()
	q.source = source{body: r.Body, control: http.NewResponseController(w), pace: q.h.o.Pace}
}

// newCorrelation is a random (version 4) GUID. It names an answer and is no secret.
func newCorrelation() (id diag.ID) {
	binary.LittleEndian.PutUint64(id[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(id[8:], rand.Uint64())
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// The room that a request keeps for the next one.
const (
	keptEntries = 256
	keptReply   = 16 << 10
)

// end makes the request ready for another. Nothing of this one stays in it.
func (q *request) end() {
	q.free()
	h := q.h
	q.source.body = nil
	q.wire.Reset(nil)
	next := request{h: h, wire: q.wire, gzip: q.gzip}
	if cap(q.frames) <= keptEntries {
		next.frames = q.frames[:0]
	}
	if cap(q.others) <= keptEntries {
		next.others = q.others[:0]
	}
	if cap(q.valid)+cap(q.throttled) <= keptEntries {
		next.valid, next.throttled = q.valid[:0], q.throttled[:0]
	}
	if cap(q.reply) <= keptReply {
		next.reply = q.reply[:0]
	}
	next.drops = q.drops[:0]
	*q = next
	h.requests.Put(q)
}

// free gives back the memory that grew with the body.
func (q *request) free() {
	clear(q.frames)
	q.h.buffers.put(q.body)
	q.h.buffers.put(q.payloads)
	q.body, q.payloads = nil, nil
	clear(q.others)
	q.release(q.held)
}

// memory takes n more bytes from the budget.
func (q *request) memory(n int64) bool {
	if !q.h.memory.take(n) {
		return false
	}
	q.held += n
	return true
}

func (q *request) release(n int64) {
	q.h.memory.give(n)
	q.held -= n
}

// serve does everything but answering.
func (q *request) serve() outcome {
	out := q.admit()
	if out == accepted {
		out = q.read()
		q.h.counts.wireBytes.Add(q.source.n)
	}
	if out != accepted {
		if out != incomplete {
			q.drain()
		}
		return out
	}
	q.h.counts.bodyBytes.Add(int64(len(q.body)))
	if err := q.sort(); err != nil {
		q.forget()
		q.h.o.Log.Debug("a body is no container of logs", "app", q.app.Num, "error", err)
		return notContainer
	}
	if q.short {
		return overloaded
	}
	return q.store()
}

// admit looks at everything but the body.
func (q *request) admit() outcome {
	switch {
	case q.r.Method != http.MethodPost:
		return wrongMethod
	case q.h.draining.Load():
		return shuttingDown
	case q.h.o.DiskFull():
		return diskFull
	}
	return q.identify()
}

// identify finds out whose logs these are.
func (q *request) identify() outcome {
	text := strings.TrimSpace(q.r.Header.Get("App-Secret"))
	secret, ok := diag.ParseID(text)
	if !ok || text[0] == '{' { // the original refused braces
		return denied
	}
	var err error
	q.app, err = q.h.apps.get(q.r.Context(), secret)
	switch {
	case errors.Is(err, errFlood):
		return overloaded
	case err != nil:
		return q.failed("the app of a request cannot be looked up", err)
	case q.app == nil:
		return denied
	}
	q.install = installOf(q.r.Header.Get("Install-Id"))
	return accepted
}

// noInstall is what SDKs for Windows send when they have no id.
const noInstall diag.InstallID = "00000000-0000-0000-0000-000000000000"

func installOf(text string) diag.InstallID {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	if install := diag.ParseInstallID(text); install != "" {
		return install
	}
	return noInstall
}

// The acceptance window of device times around the wall clock.
const (
	oldest = 25 * 24 * time.Hour
	newest = 3 * 24 * time.Hour
)

// The reasons of drops that wire does not know.
const (
	tooOld         wire.Reason = "too_old"
	tooNew         wire.Reason = "too_new"
	throttledLog   wire.Reason = "throttled"
	appBlocked     wire.Reason = "app_blocked"
	installBlocked wire.Reason = "install_blocked"
)

// sort reads the body and decides about each log.
func (q *request) sort() error {
	decide := q.decide
	switch {
	case q.app.Blocked:
		decide = func(diag.Log, wire.Reason) { q.drop(appBlocked) }
	case q.app.blocks(q.h.o.InstallKey, q.install):
		decide = func(diag.Log, wire.Reason) { q.drop(installBlocked) }
	}
	q.low, q.high = diag.DeviceTimeOf(q.now.Add(-oldest)), diag.DeviceTimeOf(q.now.Add(newest))
	return wire.ReadContainer(q.body, q.app.ID, q.install, q.now, q.forget, decide)
}

// forget makes void what was decided so far.
func (q *request) forget() {
	q.frames, q.others, q.drops = q.frames[:0], q.others[:0], q.drops[:0]
	q.valid, q.throttled, q.kinds = q.valid[:0], q.throttled[:0], [kindCount]int64{}
}

func (q *request) decide(l diag.Log, reason wire.Reason) {
	switch {
	case reason != "":
	case l.Dated && l.Timestamp < q.low:
		reason = tooOld
	case l.Dated && l.Timestamp > q.high:
		reason = tooNew
	case q.h.o.Strict:
		reason = wire.Defect(&l)
	}
	if reason == "" && l.Kind.Family() == diag.FamilyError && !q.app.allow(l.Kind, q.h.o.Clock.Monotonic()) {
		q.throttled = append(q.throttled, l.ID)
		reason = throttledLog
	}
	if reason != "" {
		q.drop(reason)
		return
	}
	q.keep(&l)
}

func (q *request) drop(reason wire.Reason) {
	for i := range q.drops {
		if q.drops[i].reason == reason {
			q.drops[i].n++
			return
		}
	}
	q.drops = append(q.drops, drop{reason, 1})
}

// What one kept log takes beside its bytes, and for how many at a time that is taken from the budget: the
// shortest logs are no longer than that.
const (
	perLogKept = 128
	keptAtOnce = 64
)

func (q *request) keep(l *diag.Log) {
	if n := len(q.frames) + len(q.others); n%keptAtOnce == keptAtOnce-1 && !q.memory(perLogKept*keptAtOnce) {
		q.short = true
	}
	if q.short {
		return
	}
	q.kinds[l.Kind]++
	f := journal.Frame{App: q.app.Num, Log: l.ID, Install: q.install, Payload: l.Raw}
	switch l.Kind.Family() {
	case diag.FamilyError:
		f.Kind = journal.Error
		q.valid = append(q.valid, l.ID)
	case diag.FamilyAttachment:
		f.Kind = journal.Attachment
	default:
		q.others = append(q.others, l.Raw)
		return
	}
	q.frames = append(q.frames, f)
}

// store makes durable what is kept.
func (q *request) store() outcome {
	if len(q.frames) == 0 && len(q.others) == 0 {
		if q.h.o.Strict && !q.knowinglyDropped() {
			return nothingValid
		}
		return accepted
	}
	if !q.seal() {
		return overloaded
	}
	_, err := q.h.o.Journal.Append(q.r.Context(), q.frames)
	switch {
	case err == nil:
		q.h.counts.stored(&q.kinds)
		return accepted
	case diag.KindOf(err) == diag.TooLarge:
		return tooLarge
	case diag.KindOf(err) == diag.Busy:
		return shuttingDown
	}
	return q.failed("logs cannot be stored", err)
}

// knowinglyDropped reports whether valid logs were dropped because somebody wants them dropped.
func (q *request) knowinglyDropped() bool {
	for _, d := range q.drops {
		if d.reason == throttledLog || d.reason == appBlocked || d.reason == installBlocked {
			return true
		}
	}
	return false
}

// failed tells the operator, unless it was the client that went away.
func (q *request) failed(what string, err error) outcome {
	if errors.Is(err, context.Canceled) {
		return incomplete
	}
	q.h.alarm.raise(q.h.o.Log, what, err)
	return unavailable
}

// envelopeSize bounds what an envelope takes beside its logs and the install id; perLog is for each log.
const (
	envelopeSize = 64
	perLog       = 5
)

// seal wraps the logs into envelopes: one for each error and attachment, one for all others.
func (q *request) seal() bool {
	size := 0
	for i := range q.frames {
		size += envelopeSize + len(q.install) + perLog + len(q.frames[i].Payload)
	}
	if len(q.others) > 0 {
		size += envelopeSize + len(q.install)
	}
	for _, raw := range q.others {
		size += perLog + len(raw)
	}
	if !q.memory(int64(bufferSize(size))) {
		return false
	}
	q.payloads = q.h.buffers.get(size)
	e := diag.Envelope{Install: q.install, Correlation: q.correlation, Received: q.now.UnixMilli()}
	var one [1][]byte
	for i := range q.frames {
		one[0] = q.frames[i].Payload
		e.Logs = one[:]
		q.frames[i].Payload = q.wrap(&e)
	}
	if len(q.others) > 0 {
		e.Logs = q.others
		q.frames = append(q.frames, journal.Frame{Kind: journal.Logs, App: q.app.Num, Install: q.install, Payload: q.wrap(&e)})
	}
	return true
}

// wrap encodes an envelope behind the others, into room that seal has measured.
func (q *request) wrap(e *diag.Envelope) []byte {
	start := len(q.payloads)
	q.payloads = e.Append(q.payloads)
	return q.payloads[start:len(q.payloads):len(q.payloads)]
}
