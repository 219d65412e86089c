package demo

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"lifeboat/internal/diag"
)

// A Request is one POST of an SDK.
type Request struct {
	App     string // name; "" = none that is registered
	Install string // as the SDK spells it
	Body    []byte // as JSON: compressing it is up to Send
	Refused bool   // the answer is to be 401

	sdk sdk
}

// Tally is what the traffic says: what must be found in the end.
type Tally struct {
	Requests    int            `json:"requests"`
	Logs        map[string]int `json:"logs"` // by type, each once
	Duplicates  int            `json:"duplicates"`
	Dropped     map[string]int `json:"dropped"` // by reason, whole requests among them
	ByApp       map[string]int `json:"logsByApp"`
	ByInstall   map[string]int `json:"-"` // by canonical install id, each once
	RequestsFor map[string]int `json:"requestsByApp"`
}

// Total is how many logs are there in the end.
func (t *Tally) Total() (n int) {
	for _, of := range t.Logs {
		n += of
	}
	return n
}

// Traffic is everything the devices send, the requests of each minute in their order, as if now were the moment of
// sending. Ids are the same every time.
func Traffic(now time.Time) (minutes [2][]Request, tally Tally) {
	c := &composer{now: now, phones: map[string]phone{}, apps: map[string]app{}, errors: map[string]int{}, tally: Tally{
		Logs: map[string]int{}, Dropped: map[string]int{}, ByApp: map[string]int{}, ByInstall: map[string]int{}, RequestsFor: map[string]int{}}}
	for _, p := range phones() {
		c.phones[p.name] = p
	}
	for _, a := range apps() {
		c.apps[a.name] = a
	}
	for i, s := range sessions() {
		c.session(i, s)
	}
	c.refusals()
	c.tally.Requests = len(c.minutes[0]) + len(c.minutes[1])
	return c.minutes, c.tally
}

// guid makes an id that is the same in every demo. It looks like what a device's random generator gives.
func guid(parts ...string) diag.ID {
	seed := [][]byte{[]byte("lifeboat demo")}
	for _, p := range parts {
		seed = append(seed, []byte(p))
	}
	id := diag.DerivedID(seed...)
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// installOf is the install id of a phone.
func installOf(name string) diag.InstallID {
	return diag.ParseInstallID(guid("install", name).String())
}

// featuredError is the id of the crash that the story follows.
func featuredError() diag.ID { return guid("error", featured, "0") }

// composer writes the requests and counts.
type composer struct {
	now     time.Time
	phones  map[string]phone
	apps    map[string]app
	errors  map[string]int // so far, by phone
	minutes [2][]Request
	tally   Tally
}

// launch is one run of an app on one phone: what all logs of it have in common.
type launch struct {
	phone
	app
	version string
	sid     diag.ID
	start   time.Time
}

func (l *launch) spell(id diag.ID) string {
	if l.sdk == apple {
		return strings.ToUpper(id.String())
	}
	return id.String()
}

// stamp is a time as the SDK writes it. Apple's crash times have whole seconds, which the SDK makes .999.
func (l *launch) stamp(t time.Time) string {
	if l.sdk == windows {
		return t.UTC().Format("2006-01-02T15:04:05.9999999Z")
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func (l *launch) deviceObject() object {
	build := strings.ReplaceAll(l.version, ".", "")
	if l.sdk == windows {
		build = l.version
	}
	device := load("devices/"+l.device, "$VERSION", l.version, "$BUILD", build, "$NAMESPACE", l.namespace)
	return append(object{}, l.wrapper...).join(device)
}

// log writes one log. Only errors carry the user.
func (l *launch) log(kind string, at time.Time, sid bool, own object) json.RawMessage {
	common := object{}.add("timestamp", l.stamp(at))
	if sid {
		common = common.add("sid", l.spell(l.sid))
	}
	if isError(kind) && l.user != "" {
		common = common.add("userId", l.user)
	}
	device := l.deviceObject()
	if strings.Contains(string(own), `"minidump"`) {
		device = object{}.add("wrapperSdkName", "appcenter.ndk").join(device)
	}
	return l.sdk.compose(kind, common.add("device", device.closed()), own)
}

func isError(kind string) bool { return strings.HasSuffix(kind, "Error") }

// send notes one request with logs that are new.
func (c *composer) send(minute int, l *launch, kinds []string, logs ...json.RawMessage) {
	for _, kind := range kinds {
		c.tally.Logs[kind]++
	}
	c.tally.ByApp[l.app.name] += len(kinds)
	c.tally.ByInstall[string(installOf(l.phone.name))] += len(kinds)
	c.post(minute, l.request(logs...))
}

// post notes one request.
func (c *composer) post(minute int, r Request) {
	if !r.Refused {
		c.tally.RequestsFor[r.App]++
	}
	c.minutes[minute] = append(c.minutes[minute], r)
}

func (l *launch) request(logs ...json.RawMessage) Request {
	return Request{App: l.app.name, Install: l.spell(guid("install", l.phone.name)), Body: l.sdk.container(logs), sdk: l.sdk}
}

// session writes what one session makes its SDK send, in the groups of logs that SDKs keep: the start of services,
// then sessions and events, then each error and each attachment in a request of its own. A crash is sent by the
// next launch.
func (c *composer) session(i int, s session) {
	p := c.phones[s.phone]
	l := &launch{phone: p, app: c.apps[p.app], version: s.version, sid: guid("session", s.phone, fmt.Sprint(i)), start: c.now.Add(-s.ago)}
	analytics := c.begin(s.wave, l, s.events)
	if s.fault == "" {
		return
	}
	kind, _, _ := strings.Cut(s.fault, ".")
	sender, at := l, l.start.Add(31*time.Second+448*time.Millisecond)
	if kind != "handledError" {
		sender = &launch{phone: p, app: l.app, version: s.version, sid: guid("relaunch", s.phone, fmt.Sprint(i)), start: at.Add(95 * time.Second)}
		c.begin(s.wave, sender, nil)
	}
	if kind == "appleError" {
		at = at.Truncate(time.Second).Add(999 * time.Millisecond)
	}
	id := guid("error", s.phone, fmt.Sprint(c.errors[s.phone]))
	c.errors[s.phone]++
	text := l.log(kind, at, true, load(s.fault, "$ID", l.spell(id), "$LAUNCH", l.stamp(l.start), "$NUMBER", fmt.Sprint(s.number)))
	c.files(s, sender, l, id, at, before)
	c.send(s.wave, l, []string{kind}, text)
	c.files(s, sender, l, id, at, after)
	c.files(s, sender, l, id, at, late)
	if s.resend {
		c.resend(l, analytics, text, id)
	}
}

// begin writes the start of an app: its services, its session and the events in it.
func (c *composer) begin(minute int, l *launch, events []event) []json.RawMessage {
	services := object{}.add("services", []string{"Analytics", "Crashes"})
	if l.sdk != windows {
		services = services.add("isOneCollectorEnabled", false)
	}
	c.send(minute, l, []string{"startService"}, l.log("startService", l.start.Add(249*time.Millisecond), false, services))
	kinds, logs := []string{"startSession"}, []json.RawMessage{l.log("startSession", l.start.Add(462*time.Millisecond), true, nil)}
	for _, e := range events {
		id := guid("event", l.sid.String(), e.name)
		kinds, logs = append(kinds, "event"), append(logs, l.log("event", l.start.Add(e.after), true, l.event(id, e)))
	}
	c.send(minute, l, kinds, logs...)
	return logs
}

func (l *launch) event(id diag.ID, e event) object {
	o := object{}.add("id", l.spell(id)).add("name", e.name)
	if l.sdk == windows {
		return o.add("properties", textProperties(e.properties))
	}
	typed := make([]json.RawMessage, len(e.properties))
	for i, p := range e.properties {
		typed[i] = object{}.add("type", propertyType(p.value)).add("name", p.name).add("value", p.value).closed()
	}
	return o.add("typedProperties", typed)
}

func textProperties(all []property) map[string]string {
	texts := map[string]string{}
	for _, p := range all {
		texts[p.name] = fmt.Sprint(p.value)
	}
	return texts
}

func propertyType(v any) string {
	switch v.(type) {
	case int:
		return "long"
	case float64:
		return "double"
	case bool:
		return "boolean"
	}
	return "string"
}

// files writes the attachments that come in at a time. They carry the session that sends them; only a minidump
// carries that of its crash.
func (c *composer) files(s session, sender, crashed *launch, id diag.ID, at time.Time, when arrival) {
	minute := s.wave
	if when == late {
		minute = 1
	}
	for _, f := range s.files {
		if f.when != when {
			continue
		}
		l, t := sender, sender.start.Add(2*time.Second)
		if f.name == "minidump.dmp" {
			l, t = crashed, at
		}
		own := object{}.add("id", l.spell(guid("attachment", id.String(), f.name))).add("errorId", l.spell(id)).
			add("contentType", f.contentType).add("fileName", f.name).add("data", []byte(f.data))
		c.send(minute, l, []string{"errorAttachment"}, l.log("errorAttachment", t, true, own))
	}
}

// resend is what an SDK does that got no answer: it sends again, but batches anew, here with one event that is new.
// Ids are compared as GUIDs, so their letter case does not matter.
func (c *composer) resend(l *launch, analytics []json.RawMessage, text json.RawMessage, id diag.ID) {
	e := event{after: time.Minute, name: "Connection back"}
	c.send(1, l, []string{"event"}, append(slices.Clone(analytics), l.log("event", l.start.Add(e.after), true, l.event(guid("event", l.sid.String(), e.name), e)))...)
	upper := strings.ReplaceAll(string(text), id.String(), strings.ToUpper(id.String()))
	c.post(1, l.request(json.RawMessage(upper)))
	c.tally.Duplicates += len(analytics) + 1
}

// refusals are what a server meets in the wild: a tablet that lay in a drawer for weeks, somebody's own client with a
// type that nobody knows, and an app whose secret was mistyped.
func (c *composer) refusals() {
	drawer := c.launch("ipad-1", "4.2.0", 40*24*time.Hour)
	c.post(1, drawer.request(drawer.log("startSession", drawer.start, true, nil)))
	c.tally.Dropped["too_old"]++

	own := c.launch("desk-2", "6.3.0", time.Hour)
	c.post(1, own.request(own.log("crashpadReport", own.start, true, object{}.add("id", guid("crashpad").String()))))
	c.tally.Dropped["unknown_type"]++

	mistyped := c.launch("pixel-3", "1.9.0", time.Hour)
	r := mistyped.request(mistyped.log("startSession", mistyped.start, true, nil))
	r.App, r.Refused = "", true
	c.post(1, r)
	c.tally.Dropped["app_secret_denied"]++
}

// launch is one without a place in the scenario.
func (c *composer) launch(phone, version string, ago time.Duration) *launch {
	p := c.phones[phone]
	return &launch{phone: p, app: c.apps[p.app], version: version, sid: guid("launch", phone, ago.String()), start: c.now.Add(-ago)}
}
