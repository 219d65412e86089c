package journal_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/journal/journaltest"
)

var everyClass = []journal.Class{journal.Events, journal.Reports, journal.Attachments}

// sealedOf lists the sealed segments of all classes.
func (w *world) sealed() (all []journal.SegmentInfo) {
	for _, c := range everyClass {
		for _, s := range w.j.Segments(c) {
			if s.Sealed {
				all = append(all, s)
			}
		}
	}
	return all
}

// compact writes a random segment anew; every frame is then read at its old place and at its new one.
func (s *story) compact() bool {
	s.t.Helper()
	all := s.sealed()
	if len(all) == 0 {
		return true
	}
	c, err := s.j.Compact(context.Background(), all[s.rng.IntN(len(all))].ID, nil)
	if err != nil {
		return diag.KindOf(err) == diag.Conflict || s.appendSome()
	}
	s.follow(c)
	return true
}

// follow checks that frames are the same before and after a compaction.
func (w *world) follow(c journal.Compaction) {
	w.t.Helper()
	to := map[diag.Locator]diag.Locator{}
	err := w.j.Moves(c, 3, func(moves []journal.Move) error {
		for _, m := range moves {
			to[m.From] = m.To
			before, errBefore := w.j.Read(m.From)
			after, errAfter := w.j.Read(m.To)
			if errBefore != nil || errAfter != nil {
				if diag.KindOf(errBefore) == diag.NotFound && diag.KindOf(errAfter) == diag.NotFound {
					continue // the last frame, blank
				}
				w.t.Fatalf("read %v: %v, %v: %v", m.From, errBefore, m.To, errAfter)
			}
			if before.Header != after.Header || keyOf(payload(w.t, &before)) != keyOf(payload(w.t, &after)) {
				w.t.Fatalf("frame at %v is %+v, at %v %+v", m.From, before.Header, m.To, after.Header)
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for n, p := range w.acked {
		if p.locator.Segment == c.From {
			if p.locator = to[p.locator]; p.locator == (diag.Locator{}) && !p.blank && !p.maybe {
				w.t.Fatalf("frame %d has no place any more", n)
			}
			w.acked[n] = p
		}
	}
}

func (s *story) retire() bool {
	s.t.Helper()
	for _, c := range s.j.Compactions() {
		s.follow(c)
		if err := s.j.Retire(c); err != nil {
			return s.appendSome()
		}
		if _, err := s.j.Read(diag.Locator{Segment: c.From, Offset: 64}); diag.KindOf(err) != diag.NotFound {
			s.t.Fatalf("read out of a retired file: %v", err)
		}
	}
	return true
}

// drop removes a segment whole.
func (s *story) drop() bool {
	s.t.Helper()
	all := s.sealed()
	if len(all) == 0 {
		return true
	}
	seg := all[s.rng.IntN(len(all))]
	var inside []uint64
	for _, e := range readAll(s.t, s.j) {
		if e.Locator.Segment == seg.ID {
			inside = append(inside, e.Number)
		}
	}
	dropped, err := s.j.Drop(seg.ID)
	if !dropped && err == nil {
		return true
	}
	for _, n := range inside {
		p := s.acked[n]
		p.blank, p.maybe = err == nil, err != nil
		s.acked[n] = p
	}
	return err == nil || s.appendSome()
}

func readAll(t testing.TB, j *journal.Journal) []journal.Entry { return all(t, j, 0) }

// seedSegments fills one sealed segment of reports with n frames and blanks every one that goes says.
func seedSegments(w *world, n int, goes func(int) bool) journal.SegmentInfo {
	w.t.Helper()
	w.mustOpen()
	for range n {
		w.mustAppend(w.frame(journal.Error, 600))
	}
	w.clock.Pass(24 * time.Hour)
	w.mustAppend(w.frame(journal.Error, 600), w.frame(journal.Logs, 20))
	w.check()
	for i := range n {
		if goes(i) {
			number := uint64(i + 1)
			p := w.acked[number]
			if err := w.j.Blank(context.Background(), p.locator); err != nil {
				w.t.Fatal(err)
			}
			p.blank = true
			w.acked[number] = p
		}
	}
	return w.j.Segments(journal.Reports)[0]
}

// TestCompactFreesRoom: what is blank takes no room afterwards, numbers and times stay, and followers and
// locators of before go on.
func TestCompactFreesRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seg := seedSegments(w, 20, func(i int) bool { return i%4 != 0 })
	blank, err := w.j.BlankBytes(seg.ID)
	if err != nil || blank < 15*600 || blank > seg.Bytes {
		t.Fatalf("%d of %d bytes are blank, %v", blank, seg.Bytes, err)
	}
	f := w.j.Follow(0)
	defer f.Close()
	first, err := f.Next(2, 1<<20)
	if err != nil || len(first) != 2 {
		t.Fatalf("%d entries, %v", len(first), err)
	}
	before, _, _ := w.j.NextTime(0)
	c, err := w.j.Compact(t.Context(), seg.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.j.Compact(t.Context(), c.To, nil); diag.KindOf(err) != diag.Conflict {
		t.Fatalf("compacted again before it was retired: %v", err)
	}
	if dropped, err := w.j.Drop(c.To); dropped || err != nil {
		t.Fatalf("dropped before it was retired: %v, %v", dropped, err)
	}
	w.follow(c)
	w.check()
	rest, err := f.Next(100, 1<<20)
	if err != nil || len(rest) != 5 || rest[0].Locator.Segment != c.To {
		t.Fatalf("the follower reads %d more, %v", len(rest), err)
	}
	after := w.j.Segments(journal.Reports)[0]
	if after.ID != c.To || after.Bytes > seg.Bytes/2 || after.First != 1 || after.Last != seg.Last-0 && after.Last != 20 {
		t.Fatalf("before %+v, after %+v", seg, after)
	}
	if now, ok, err := w.j.NextTime(0); now != before || !ok || err != nil {
		t.Fatalf("the first frame's time was %d, is %d, %v", before, now, err)
	}
	if err := w.j.Retire(c); err != nil {
		t.Fatal(err)
	}
	if len(w.j.Compactions()) != 0 || slices.ContainsFunc(w.disk.Names(), func(n string) bool { return strings.HasSuffix(n, "-000001.seg") }) {
		t.Fatalf("left: %v, %v", w.j.Compactions(), w.disk.Names())
	}
	w.reopen()
	w.check()
	if s := w.j.Stats(); s.Damaged != 0 {
		t.Fatalf("damage: %+v", s)
	}
}

// TestBlankBetweenGenerations: a frame that is blanked while both files are there is gone from both, whichever
// the locator names, also after a restart.
func TestBlankBetweenGenerations(t *testing.T) {
	t.Parallel()
	for _, old := range []bool{false, true} {
		w := newWorld(t)
		seg := seedSegments(w, 6, func(i int) bool { return i == 1 })
		was := w.acked[3].locator
		c, err := w.j.Compact(t.Context(), seg.ID, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.follow(c)
		p := w.acked[3]
		at := p.locator
		if old {
			at = was
		}
		if err := w.j.Blank(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		if blanked, damaged, err := w.j.BlankNumbers(t.Context(), journal.Reports, []uint64{3, 5, 99}); blanked != 1 || damaged != 0 || err != nil {
			t.Fatalf("blanked %d, damaged %d, %v", blanked, damaged, err)
		}
		p.blank = true
		w.acked[3] = p
		p5 := w.acked[5]
		p5.blank = true
		w.acked[5] = p5
		for range 2 {
			for _, l := range []diag.Locator{was, p.locator} {
				if _, err := w.j.Read(l); diag.KindOf(err) != diag.NotFound {
					t.Fatalf("Read(%v): %v", l, err)
				}
			}
			w.check()
			for _, name := range w.disk.Names() {
				if strings.Contains(string(w.disk.Content(name)), "frame-3|") {
					t.Fatalf("%s still holds the frame", name)
				}
			}
			w.reopen()
		}
	}
}

// TestCompactEdits: a member can be taken out of a frame while its segment is written anew.
func TestCompactEdits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seg := seedSegments(w, 4, func(int) bool { return false })
	c, err := w.j.Compact(t.Context(), seg.ID, func(h journal.Header, payload []byte) []byte {
		if h.Number != 2 {
			return nil
		}
		return []byte(keyOf(payload) + "|changed")
	})
	if err != nil {
		t.Fatal(err)
	}
	w.forgetLocators()
	w.check()
	for _, e := range readAll(t, w.j) {
		if b := string(payload(t, &e)); strings.HasSuffix(b, "|changed") != (e.Number == 2) {
			t.Fatalf("frame %d reads %.20q", e.Number, b)
		}
	}
	if err := w.j.Retire(c); err != nil {
		t.Fatal(err)
	}
	w.reopen()
	w.check()
}

// TestBlankedMeanwhile: a frame that is blanked while its segment is being copied does not come back.
func TestBlankedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seg := seedSegments(w, 4, func(int) bool { return false })
	p := w.acked[3]
	_, err := w.j.Compact(t.Context(), seg.ID, func(h journal.Header, payload []byte) []byte {
		if h.Number == 4 {
			if err := w.j.Blank(context.Background(), p.locator); err != nil {
				t.Error(err)
			}
		}
		return nil
	})
	if !errors.Is(err, journal.ErrChanged) {
		t.Fatalf("Compact: %v", err)
	}
	p.blank = true
	w.acked[3] = p
	w.check()
	w.reopen()
	w.check()
	if c, err := w.j.Compact(t.Context(), seg.ID, nil); err != nil {
		t.Fatal(err)
	} else if err := w.j.Retire(c); err != nil {
		t.Fatal(err)
	}
	w.check()
}

// TestNumbersNeverGoBack: whatever is blanked, compacted and dropped, the next frame has a higher number.
func TestNumbersNeverGoBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustOpen()
	for range 3 {
		for _, kind := range []journal.FrameKind{journal.Logs, journal.Error, journal.Attachment} {
			w.mustAppend(w.frame(kind, 50))
		}
		w.clock.Pass(24 * time.Hour)
		if _, err := w.j.CloseUpTo(t.Context(), w.j.Now()); err != nil {
			t.Fatal(err)
		}
	}
	w.check()
	for n, p := range w.acked {
		if err := w.j.Blank(t.Context(), p.locator); err != nil {
			t.Fatal(err)
		}
		p.blank = true
		w.acked[n] = p
	}
	kept := 0
	for _, s := range w.sealed() {
		dropped, err := w.j.Drop(s.ID)
		if err != nil {
			t.Fatal(err)
		}
		if dropped {
			continue
		}
		kept++
		c, err := w.j.Compact(t.Context(), s.ID, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.j.Retire(c); err != nil {
			t.Fatal(err)
		}
	}
	if kept != 1 {
		t.Fatalf("%d segments were kept, want the one with the last number", kept)
	}
	w.reopen()
	w.check() // also that the horizon did not go back
	w.mustAppend(w.frame(journal.Logs, 10))
}

// TestCompactAtEveryStep walks a compaction, its retirement and a removal through a fault of each kind at each
// step: nothing is lost, nothing blank returns, and the next start goes on.
func TestCompactAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, fault := range []journaltest.Fault{journaltest.Crash, journaltest.NotStored, journaltest.Stored} {
		for step := 1; ; step++ {
			w := newWorld(t)
			seedSegments(w, 8, func(i int) bool { return i != 2 && i != 5 })
			w.j.Close()
			w.disk = w.disk.Kill(nil)
			w.mustOpen()
			opened := w.disk.Steps()
			w.j.Close()
			w.disk = w.disk.Kill(journaltest.At(opened+step, fault))
			w.mustOpen()
			seg := w.j.Segments(journal.Reports)[0]
			c, err := w.j.Compact(t.Context(), seg.ID, nil)
			if err == nil {
				err = w.j.Retire(c)
			}
			reached := err != nil
			for seed := range uint64(6) {
				again := *w
				again.acked, again.tried = maps.Clone(w.acked), maps.Clone(w.tried)
				again.disk = w.disk.Restart(rand.New(rand.NewPCG(seed, uint64(step))), nil)
				if seed == 0 {
					again.disk = w.disk.Kill(nil)
				}
				again.mustOpen()
				again.check()
				for _, c := range again.j.Compactions() {
					again.follow(c)
					if err := again.j.Retire(c); err != nil {
						t.Fatal(err)
					}
				}
				again.check()
				if s := again.j.Stats(); s.Damaged != 0 {
					t.Fatalf("step %d: %s: damage %+v", step, fmt.Sprint(fault), s)
				}
				again.mustAppend(again.frame(journal.Error, 10))
				again.j.Close()
			}
			w.j.Close()
			if !reached {
				if step < 6 {
					t.Fatalf("a compaction took only %d steps", step-1)
				}
				break
			}
		}
	}
}
