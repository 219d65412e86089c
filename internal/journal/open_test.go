package journal_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"lifeboat/internal/journal"
	"lifeboat/internal/journal/journaltest"
)

// shut closes the world's journal so that its files can be changed at rest.
func (w *world) shut() {
	w.t.Helper()
	if err := w.j.Close(); err != nil {
		w.t.Fatal(err)
	}
}

func TestTornTailIsCutAndCounted(t *testing.T) {
	t.Parallel()
	for _, tail := range []string{"x", "PQM\x18", strings.Repeat("\x00", 5000)} {
		var out bytes.Buffer
		w := newWorld(t)
		w.options.Log = slog.New(slog.NewTextHandler(&out, nil))
		w.mustOpen()
		w.mustAppend(w.frame(journal.Error, 100))
		w.shut()
		w.disk.Corrupt(w.path(journal.Reports, 1), func(b []byte) []byte { return append(b, tail...) })
		w.mustOpen()
		s := w.j.Stats()
		if s.TornBytes != int64(len(tail)) || s.Damaged != 0 {
			t.Errorf("stats after a torn tail of %d bytes: %+v", len(tail), s)
		}
		if n := strings.Count(out.String(), "crash interrupted"); n != 1 {
			t.Errorf("the cut was logged %d times: %s", n, out.String())
		}
		w.mustAppend(w.frame(journal.Error, 100))
		w.check()
		w.reopen()
		w.check()
		if s := w.j.Stats(); s.TornBytes != 0 {
			t.Errorf("stats after the second open: %+v", s)
		}
	}
}

// TestEveryLengthOfTheLastSegment cuts an unsealed segment at every byte: whole frames stay, the rest goes.
func TestEveryLengthOfTheLastSegment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustOpen()
	var ends []int
	name := ""
	for range 3 {
		w.mustAppend(w.frame(journal.Logs, 40))
		name = w.path(journal.Events, 1)
		ends = append(ends, len(w.disk.Content(name)))
	}
	w.shut()
	whole := w.disk.Content(name)
	for length := range len(whole) {
		again := newWorld(t)
		again.disk = w.disk.Kill(nil)
		again.disk.Corrupt(name, func(b []byte) []byte { return b[:length] })
		again.mustOpen()
		want := 0
		for _, end := range ends {
			if length >= end {
				want++
			}
		}
		if got := len(all(t, again.j, 0)); got != want {
			t.Fatalf("%d frames in the first %d bytes, want %d", got, length, want)
		}
		again.mustAppend(again.frame(journal.Logs, 40))
		again.shut()
	}
}

// TestDamageIsKeptSkippedAndCounted flips a byte of one frame and reads around it.
func TestDamageIsKeptSkippedAndCounted(t *testing.T) {
	t.Parallel()
	for _, sealed := range []bool{false, true} {
		for _, at := range []int{0, 10, 50, 75, 90} { // magic, number, install, checksum, payload
			var out bytes.Buffer
			w := newWorld(t)
			w.options.Log = slog.New(slog.NewTextHandler(&out, nil))
			w.mustOpen()
			for range 4 {
				w.mustAppend(w.frame(journal.Attachment, 200))
			}
			w.check()
			victim := w.acked[2]
			if sealed {
				w.clock.Pass(24 * time.Hour)
				w.mustAppend(w.frame(journal.Attachment, 10))
			}
			w.shut()
			name := w.path(journal.Attachments, 1)
			size := len(w.disk.Content(name))
			w.disk.Corrupt(name, func(b []byte) []byte {
				b[victim.locator.Offset+int64(at)] ^= 0x40
				return b
			})
			w.mustOpen()
			victim.blank = true
			w.acked[2] = victim
			w.check()
			w.check()
			if _, err := w.j.Read(victim.locator); !errors.Is(err, journal.ErrDamaged) {
				t.Errorf("Read of a damaged frame: %v", err)
			}
			if s := w.j.Stats(); s.Damaged != 1 || s.DamagedBytes == 0 || s.TornBytes != 0 {
				t.Errorf("sealed %t, byte %d: stats %+v", sealed, at, s)
			}
			if n := strings.Count(out.String(), "is damaged"); n != 1 {
				t.Errorf("sealed %t, byte %d: logged %d times: %s", sealed, at, n, out.String())
			}
			if now := len(w.disk.Content(name)); now != size {
				t.Errorf("the damaged segment has %d bytes, had %d", now, size)
			}
			w.mustAppend(w.frame(journal.Attachment, 10))
			w.check()
			w.shut()
		}
	}
}

func TestLostFooterOrHeaderLosesNoFrame(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func([]byte) []byte{
		"last byte":        func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"no footer":        func(b []byte) []byte { return b[:len(b)-72-8-3*12] },
		"half a footer":    func(b []byte) []byte { return b[:len(b)-50] },
		"list":             func(b []byte) []byte { b[len(b)-72-12] ^= 1; return b },
		"header":           func(b []byte) []byte { b[48] ^= 1; return b },
		"header, footer":   func(b []byte) []byte { b[9] ^= 1; return b[:len(b)-50] },
		"header of zeros":  func(b []byte) []byte { clear(b[:64]); return b },
		"something behind": func(b []byte) []byte { return append(b, "behind"...) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.mustOpen()
			for range 3 {
				w.mustAppend(w.frame(journal.Error, 200))
				w.clock.Pass(time.Second)
			}
			w.clock.Pass(24 * time.Hour)
			w.mustAppend(w.frame(journal.Error, 10))
			w.check()
			w.shut()
			path := w.path(journal.Reports, 1)
			w.disk.Corrupt(path, change)
			before := w.disk.Content(path)
			w.mustOpen()
			w.check()
			if got, err := w.j.NumberBefore(w.acked[3].time); got != 2 || err != nil {
				t.Errorf("NumberBefore = %d, %v", got, err)
			}
			if got, ok, err := w.j.NextTime(1); got != w.acked[2].time || !ok || err != nil {
				t.Errorf("NextTime = %d, %t, %v", got, ok, err)
			}
			if len(all(t, w.j, 2)) != 2 {
				t.Errorf("Follow(2) finds %v", all(t, w.j, 2))
			}
			if s := w.j.Stats(); s.Damaged == 0 || s.TornBytes != 0 {
				t.Errorf("stats %+v", s)
			}
			if !bytes.Equal(before, w.disk.Content(path)) {
				t.Error("the damaged segment was changed")
			}
		})
	}
}

// TestDamagedHeaderOfTheNewestSegment must neither cut its frames nor give their numbers again.
func TestDamagedHeaderOfTheNewestSegment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustOpen()
	w.mustAppend(w.frame(journal.Error, 200))
	w.mustAppend(w.frame(journal.Error, 200))
	w.shut()
	w.disk.Corrupt(w.path(journal.Reports, 1), func(b []byte) []byte { b[30] ^= 1; return b })
	w.mustOpen()
	w.mustAppend(w.frame(journal.Error, 10))
	w.check()
	w.reopen()
	w.check()
}

// TestNumbersThatGoBackAreDamage appends a copy of a whole frame to a segment.
func TestNumbersThatGoBackAreDamage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustOpen()
	w.mustAppend(w.frame(journal.Logs, 50))
	w.shut()
	name := w.path(journal.Events, 1)
	first := w.disk.Content(name)[64:]
	w.mustOpen()
	w.mustAppend(w.frame(journal.Logs, 50))
	w.shut()
	second := w.disk.Content(name)[64+len(first):]
	w.disk.Corrupt(name, func(b []byte) []byte { return append(b, first...) })
	w.mustOpen() // at the end it is a tail without a whole frame in order
	w.check()
	if s := w.j.Stats(); s.TornBytes != int64(len(first)) {
		t.Errorf("stats %+v", s)
	}
	w.shut()
	w.disk.Corrupt(name, func(b []byte) []byte {
		return bytes.Join([][]byte{b[:64], first, first, second}, nil)
	})
	w.mustOpen()
	w.forgetLocators()
	w.check()
	if s := w.j.Stats(); s.Damaged != 1 || s.DamagedBytes != int64(len(first)) {
		t.Errorf("stats %+v", s)
	}
}

func TestNewerSegmentIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustOpen()
	w.mustAppend(w.frame(journal.Logs, 50))
	w.shut()
	name := w.path(journal.Events, 1)
	reseal := func(change func(b []byte)) {
		w.disk.Corrupt(name, func(b []byte) []byte {
			change(b)
			binary.LittleEndian.PutUint64(b[56:], xxhash.Sum64(b[:56]))
			return b
		})
	}
	reseal(func(b []byte) { b[16] = 2 })
	if err := w.open(); err == nil || !strings.Contains(err.Error(), "version 2") || !strings.Contains(err.Error(), name) {
		t.Errorf("Open of a newer segment: %v", err)
	}
	reseal(func(b []byte) { b[16] = 1; b[36] = 9 })
	if err := w.open(); err == nil || !strings.Contains(err.Error(), "dictionary 9") {
		t.Errorf("Open with an unknown dictionary: %v", err)
	}
	reseal(func(b []byte) { b[36] = 1; b[40] ^= 1 })
	if err := w.open(); err == nil || !strings.Contains(err.Error(), "dictionary 1") {
		t.Errorf("Open with another dictionary of the same id: %v", err)
	}
	reseal(func(b []byte) { b[40] ^= 1 })
	w.mustOpen()
	w.check()
}

func TestForeignFilesAreLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustOpen()
	w.mustAppend(w.frame(journal.Logs, 50))
	w.shut()
	for _, name := range []string{"notes.txt", "2026-11-20-0.seg", "2026-11-20-1.seg", "2026-13-20-000001.seg", ".seg"} {
		if _, err := w.disk.Create(filepath.Join(dir, "events", name)); err != nil {
			t.Fatal(err)
		}
	}
	w.mustOpen()
	w.check()
	if s := w.j.Stats(); s.Segments != 1 {
		t.Errorf("stats %+v", s)
	}
	w.shut()
	if _, err := w.disk.Create(filepath.Join(dir, "reports", "2026-11-20-000001.seg")); err != nil {
		t.Fatal(err)
	}
	if err := w.open(); err == nil || !strings.Contains(err.Error(), "same number") {
		t.Errorf("Open with a number used twice: %v", err)
	}
}

func TestOpenStopsWithItsContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustOpen()
	w.mustAppend(w.frame(journal.Logs, 50))
	w.shut()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o := journal.Options{Dir: dir, FS: w.disk, Clock: w.clock, Register: w.register}
	if _, err := journal.Open(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v", err)
	}
}

// TestRealFiles runs on the operating system's files, and lets zstd itself read a segment if it is there.
func TestRealFiles(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "data", "journal")
	o := journal.Options{Dir: folder, Clock: journaltest.NewClock(start), Register: new(journaltest.Register)}
	j, err := journal.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	logs := journaltest.NewLogs(1)
	var want []byte
	for range 20 {
		p := logs.CrashFrame()
		want = append(want, p...)
		if _, err := j.Append(context.Background(), []journal.Frame{{Kind: journal.Error, App: 1, Payload: p}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if j, err = journal.Open(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var got []byte
	for _, e := range all(t, j, 0) {
		got = append(got, payload(t, &e)...)
	}
	if !bytes.Equal(got, want) {
		t.Error("payloads differ after a restart")
	}
	decodeWithZstd(t, filepath.Join(folder, "reports", "2026-11-20-000001.seg"), want)
}

func decodeWithZstd(t *testing.T, segment string, want []byte) {
	t.Helper()
	program, err := exec.LookPath("zstd")
	if err != nil {
		t.Log("zstd is not installed: its view of a segment is not compared")
		return
	}
	out, err := exec.Command(program, "-d", "-c", "-D", filepath.Join("dictionaries", "1.zdict"), "--", segment).Output()
	if err != nil || !bytes.Equal(out, want) {
		t.Errorf("zstd -d: %v, %d bytes, want %d", err, len(out), len(want))
	}
}

// TestPayloadCannotPassForAFrame makes a hostile payload that holds a copy of a whole frame, and tears it: the
// copy must not be taken for a frame.
func TestPayloadCannotPassForAFrame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustOpen()
	other := newWorld(t) // the attacker's own journal, with another key
	other.options.HashKey = [32]byte{9}
	other.mustOpen()
	for range 3 {
		other.mustAppend(other.frame(journal.Error, 100))
	}
	forged := other.disk.Content(other.path(journal.Reports, 1))[64:]
	other.shut()
	noise := make([]byte, 20000)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	hostile := w.frame(journal.Error, 10)
	hostile.Payload = append(append(append([]byte("hostile|"), noise...), forged...), noise...)
	w.mustAppend(hostile)
	w.shut()
	name := w.path(journal.Reports, 1)
	if !bytes.Contains(w.disk.Content(name), forged) {
		t.Fatal("the forged frames do not stand in the segment as they are")
	}
	w.disk.Corrupt(name, func(b []byte) []byte { return b[:len(b)-1] })
	w.mustOpen()
	if got := all(t, w.j, 0); len(got) != 0 {
		t.Errorf("forged frames were read: %+v", got)
	}
}
