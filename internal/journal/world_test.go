package journal_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/journal/journaltest"
)

var start = time.Date(2026, 11, 20, 23, 50, 0, 0, time.UTC)

const dir = "data/journal"

// world is a machine with a journal on it, and all that was promised about it.
type world struct {
	t        testing.TB
	disk     *journaltest.Disk
	register *journaltest.Register
	clock    *journaltest.Clock
	options  journal.Options
	j        *journal.Journal
	fatal    chan error // what OnFatal was called with

	acked   map[uint64]promise
	tried   map[string]bool // payloads of appends that failed: each may be there once
	floor   diag.IngressTime
	highest uint64 // number that was answered
	latest  diag.IngressTime
	keys    int
}

// promise is what a frame was answered with.
type promise struct {
	key     string
	time    diag.IngressTime
	blank   bool // gone for good
	maybe   bool // a Blank failed: either
	locator diag.Locator
}

func newWorld(t testing.TB) *world {
	w := &world{
		t: t, disk: journaltest.NewDisk(nil), register: new(journaltest.Register), clock: journaltest.NewClock(start),
		acked: map[uint64]promise{}, tried: map[string]bool{},
	}
	w.options = journal.Options{HashKey: [32]byte{1, 2, 3}}
	return w
}

// open opens the journal on the world's disk.
func (w *world) open() error {
	o := w.options
	o.Dir, o.FS, o.Clock, o.Register = dir, w.disk, w.clock, w.register
	fatal := make(chan error, 9)
	o.OnFatal = func(err error) { fatal <- err }
	w.register.Disk, w.fatal = w.disk, fatal
	var err error
	w.j, err = journal.Open(context.Background(), o)
	return err
}

func (w *world) mustOpen() *journal.Journal {
	w.t.Helper()
	if err := w.open(); err != nil {
		w.t.Fatal(err)
	}
	j := w.j
	w.t.Cleanup(func() { j.Close() })
	return w.j
}

// reopen closes and opens.
func (w *world) reopen() *journal.Journal {
	w.t.Helper()
	if err := w.j.Close(); err != nil {
		w.t.Fatal(err)
	}
	return w.mustOpen()
}

// frame makes a frame with a payload that no other has.
func (w *world) frame(kind journal.FrameKind, size int) journal.Frame {
	w.keys++
	key := fmt.Sprintf("frame-%d|", w.keys)
	rng := rand.New(rand.NewPCG(uint64(w.keys), 3))
	payload := []byte(key)
	for len(payload) < size {
		payload = binary.LittleEndian.AppendUint64(payload, rng.Uint64())
	}
	return journal.Frame{Kind: kind, App: int64(w.keys % 7), Log: diag.ID{byte(w.keys)}, Install: "install", Payload: payload}
}

func keyOf(payload []byte) string {
	key, _, _ := strings.Cut(string(payload), "|")
	return key
}

// append appends and notes what was promised.
func (w *world) append(frames ...journal.Frame) (journal.Receipt, error) {
	w.t.Helper()
	r, err := w.j.Append(context.Background(), frames)
	if err != nil {
		for _, f := range frames {
			w.tried[keyOf(f.Payload)] = true
		}
		return r, err
	}
	if r.First <= w.highest {
		w.t.Fatalf("Append gave number %d after %d", r.First, w.highest)
	}
	if r.Time < w.latest || r.Time < w.floor {
		w.t.Fatalf("Append gave time %d after %d, floor %d", r.Time, w.latest, w.floor)
	}
	for i, f := range frames {
		w.acked[r.First+uint64(i)] = promise{key: keyOf(f.Payload), time: r.Time}
	}
	w.highest, w.latest = r.First+uint64(len(frames))-1, r.Time
	return r, nil
}

func (w *world) mustAppend(frames ...journal.Frame) journal.Receipt {
	w.t.Helper()
	r, err := w.append(frames...)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// all reads every frame behind after.
func all(t testing.TB, j *journal.Journal, after uint64) []journal.Entry {
	t.Helper()
	f := j.Follow(after)
	defer f.Close()
	var list []journal.Entry
	for {
		some, err := f.Next(7, 4096)
		if err != nil {
			t.Fatal(err)
		}
		if len(some) == 0 {
			return list
		}
		list = append(list, some...)
	}
}

func payload(t testing.TB, e *journal.Entry) []byte {
	t.Helper()
	b, err := e.Payload(nil)
	if err != nil {
		t.Fatalf("frame %d: %v", e.Number, err)
	}
	return b
}

// check reads everything back and compares it with what was promised.
func (w *world) check() {
	w.t.Helper()
	found := map[string]uint64{}
	var last journal.Entry
	for _, e := range all(w.t, w.j, 0) {
		if e.Number <= last.Number || e.Time < last.Time {
			w.t.Fatalf("frame %d at %d follows frame %d at %d", e.Number, e.Time, last.Number, last.Time)
		}
		last = e
		key := keyOf(payload(w.t, &e))
		if found[key] != 0 {
			w.t.Fatalf("%s is frame %d and frame %d", key, found[key], e.Number)
		}
		found[key] = e.Number
		w.checkEntry(key, e)
	}
	for number, p := range w.acked {
		if !p.blank && !p.maybe && found[p.key] != number {
			w.t.Fatalf("%s was answered as frame %d, but is frame %d (0: lost); horizon %d, stats %+v",
				p.key, number, found[p.key], w.j.Horizon(), w.j.Stats())
		}
	}
	if w.j.Horizon() < w.highest {
		w.t.Fatalf("horizon %d is below %d", w.j.Horizon(), w.highest)
	}
	if w.j.Floor() < w.floor {
		w.t.Fatalf("floor %d is below %d", w.j.Floor(), w.floor)
	}
}

func (w *world) checkEntry(key string, e journal.Entry) {
	w.t.Helper()
	p, ok := w.acked[e.Number]
	if !ok {
		if !w.tried[key] {
			w.t.Fatalf("frame %d holds %s, which nobody appended", e.Number, key)
		}
		delete(w.tried, key)
		p = promise{key: key, time: e.Time} // what was read once may be exported: it must stay
		w.highest, w.latest = max(w.highest, e.Number), max(w.latest, e.Time)
	}
	if p.key != key || p.time != e.Time || p.blank {
		w.t.Fatalf("frame %d is %s at %d, was answered as %+v", e.Number, key, e.Time, p)
	}
	if p.locator != (diag.Locator{}) && p.locator != e.Locator && !sameSegment(p.locator, e.Locator) {
		w.t.Fatalf("frame %d moved from %v to %v", e.Number, p.locator, e.Locator)
	}
	p.locator = e.Locator
	w.acked[e.Number] = p
	again, err := w.j.Read(e.Locator)
	if err != nil || keyOf(payload(w.t, &again)) != key || again.Header != e.Header {
		w.t.Fatalf("Read(%v) = %+v, %v, want %s", e.Locator, again.Header, err, key)
	}
}

// sameSegment: the two are in generations of one segment, of which the later is the one that is read.
func sameSegment(before, after diag.Locator) bool {
	const number = 1<<48 - 1
	return before.Segment&number == after.Segment&number && before.Segment < after.Segment
}

// forgetLocators is for tests that move frames.
func (w *world) forgetLocators() {
	for n, p := range w.acked {
		p.locator = diag.Locator{}
		w.acked[n] = p
	}
}

// live lists the numbers of frames that are readable for sure.
func (w *world) live() []uint64 {
	var list []uint64
	for n, p := range w.acked {
		if !p.blank && !p.maybe && p.locator != (diag.Locator{}) {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list
}

// path is the only segment of a class, or the one that ends in a number.
func (w *world) path(class journal.Class, number int) string {
	w.t.Helper()
	for _, name := range w.disk.Names() {
		if strings.HasPrefix(name, filepath.Join(dir, class.String())) && strings.HasSuffix(name, fmt.Sprintf("-%06d.seg", number)) {
			return name
		}
	}
	w.t.Fatalf("no segment %d of %s in %v", number, class, w.disk.Names())
	return ""
}
