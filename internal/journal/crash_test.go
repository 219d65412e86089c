package journal_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/journal/journaltest"
)

// TestEveryPromiseSurvivesEveryCrash runs random work and stops it at a random step in a random way, many
// times over on the same disk.
func TestEveryPromiseSurvivesEveryCrash(t *testing.T) {
	t.Parallel()
	seeds := 120
	if testing.Short() {
		seeds = 30
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := &story{world: newWorld(t), rng: rand.New(rand.NewPCG(uint64(seed), 1))}
			s.options.SegmentSize = 1500 + s.rng.Int64N(4000)
			for range 6 {
				s.chapter()
			}
		})
	}
}

// story is random work on a world.
type story struct {
	*world
	rng *rand.Rand
}

// chapter opens the journal, works until a fault strikes or nothing is left to do, and crashes.
func (s *story) chapter() {
	s.t.Helper()
	kinds := []journaltest.Fault{journaltest.Crash, journaltest.Crash, journaltest.NotStored, journaltest.Stored}
	fault := journaltest.At(1+s.rng.IntN(60), kinds[s.rng.IntN(len(kinds))])
	s.restart(fault)
	if err := s.open(); err != nil {
		s.restart(nil)
		if err := s.open(); err != nil {
			s.t.Fatal(err)
		}
	}
	s.check()
	for range 40 {
		if !s.act() {
			break
		}
	}
	s.j.Close()
	s.restart(nil)
	s.mustOpen()
	s.check()
	if damaged := s.j.Stats().Damaged; damaged != 0 {
		s.t.Fatalf("a crash passes for damage in %d places", damaged)
	}
	s.j.Close()
}

func (s *story) restart(fault func(journaltest.Step) journaltest.Fault) {
	if s.rng.IntN(3) == 0 {
		s.disk = s.disk.Kill(fault)
	} else {
		s.disk = s.disk.Restart(s.rng, fault)
	}
}

// act does one thing and reports whether the journal is still alive.
func (s *story) act() bool {
	s.t.Helper()
	switch n := s.rng.IntN(20); {
	case n < 2:
		s.clock.Pass(time.Duration(s.rng.Int64N(int64(90 * time.Second))))
	case n < 3:
		s.clock.Set(start.Add(time.Duration(s.rng.IntN(100)-50) * time.Hour))
	case n < 5:
		return s.closeMinute()
	case n < 9:
		return s.blank()
	case n < 11:
		return s.compact()
	case n < 12:
		return s.retire()
	case n < 13:
		return s.drop()
	default:
		return s.appendSome()
	}
	return true
}

func (s *story) appendSome() bool {
	kinds := []journal.FrameKind{journal.Logs, journal.Error, journal.Attachment, journal.Derived}
	var frames []journal.Frame
	for range 1 + s.rng.IntN(3) {
		frames = append(frames, s.frame(kinds[s.rng.IntN(len(kinds))], s.rng.IntN(700)))
	}
	_, err := s.append(frames...)
	if err == nil {
		return true
	}
	if told := <-s.fatal; told != err {
		s.t.Fatalf("Append failed with %v, OnFatal was told %v", err, told)
	}
	if _, err := s.append(s.frame(journal.Logs, 10)); err == nil {
		s.t.Fatal("Append answered after the files were in doubt")
	}
	return false
}

func (s *story) closeMinute() bool {
	s.t.Helper()
	t := s.j.Now() - diag.IngressTime(s.rng.IntN(2000)) + 1000
	last, err := s.j.CloseUpTo(context.Background(), t)
	if err != nil {
		return s.appendSome()
	}
	s.floor = max(s.floor, t)
	var want uint64
	for _, e := range all(s.t, s.j, 0) {
		if e.Time < t {
			want = e.Number
		}
	}
	for n, p := range s.acked {
		if p.time < t && n > want && !p.blank && !p.maybe { // others may be out of the files
			want = n
		}
	}
	if last < want || last > s.j.Horizon() {
		s.t.Fatalf("CloseUpTo(%d) = %d, want %d", t, last, want)
	}
	return true
}

func (s *story) blank() bool {
	s.t.Helper()
	live := s.live()
	if len(live) == 0 {
		return true
	}
	number := live[s.rng.IntN(len(live))]
	p := s.acked[number]
	err := s.j.Blank(context.Background(), p.locator)
	p.blank, p.maybe = err == nil, err != nil
	s.acked[number] = p
	if err == nil {
		if _, err := s.j.Read(p.locator); diag.KindOf(err) != diag.NotFound {
			s.t.Fatalf("Read of a blanked frame: %v", err)
		}
	}
	return err == nil || s.appendSome()
}

// TestCommitAtEveryStep walks one commit that touches all classes and begins new segments through a fault of
// each kind at each of its steps.
func TestCommitAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, fault := range []journaltest.Fault{journaltest.Crash, journaltest.NotStored, journaltest.Stored} {
		for step := 1; ; step++ {
			w := newWorld(t)
			w.mustOpen()
			w.mustAppend(w.frame(journal.Logs, 300), w.frame(journal.Error, 300), w.frame(journal.Attachment, 300))
			w.j.Close()
			w.clock.Pass(24 * time.Hour)
			w.disk = w.disk.Kill(nil)
			w.mustOpen()
			first := w.disk.Steps()
			w.j.Close()

			w.disk = w.disk.Kill(journaltest.At(first+step, fault))
			w.mustOpen()
			_, err := w.append(w.frame(journal.Logs, 300), w.frame(journal.Error, 300), w.frame(journal.Attachment, 300))
			if err != nil && <-w.fatal != err {
				t.Fatalf("step %d: OnFatal was told something else than %v", step, err)
			}
			for seed := range uint64(5) {
				again := *w // one of many ways to go on from here
				again.acked, again.tried = maps.Clone(w.acked), maps.Clone(w.tried)
				again.disk = w.disk.Restart(rand.New(rand.NewPCG(seed, uint64(step))), nil)
				again.mustOpen()
				again.check()
				again.mustAppend(again.frame(journal.Logs, 10))
				again.j.Close()
			}
			w.j.Close()
			if err == nil {
				if step < 12 {
					t.Fatalf("the commit took only %d steps", step-1)
				}
				break
			}
		}
	}
}

// TestBlankAtEveryStep interrupts a Blank at each step, then the repair of it at each step.
func TestBlankAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, sealed := range []bool{false, true} {
		for step := 1; step <= 8; step++ {
			for repair := 0; repair <= 6; repair++ {
				for seed := range uint64(4) {
					interruptBlank(t, sealed, step, repair, seed)
				}
			}
		}
	}
}

func interruptBlank(t *testing.T, sealed bool, step, repair int, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, uint64(step*10+repair)))
	w := newWorld(t)
	w.mustOpen()
	for range 3 {
		w.mustAppend(w.frame(journal.Error, 600))
	}
	if sealed {
		w.clock.Pass(24 * time.Hour)
		w.mustAppend(w.frame(journal.Error, 600))
	}
	w.check()
	target := w.acked[2]
	w.j.Close()
	w.disk = w.disk.Kill(nil)
	w.mustOpen()
	first := w.disk.Steps() // of an Open
	w.j.Close()

	w.disk = w.disk.Kill(journaltest.At(first+step, journaltest.Crash))
	w.mustOpen()
	err := w.j.Blank(context.Background(), target.locator)
	if (step <= 7) != (err != nil) {
		t.Fatalf("step %d: Blank: %v", step, err)
	}
	target.blank, target.maybe = err == nil, err != nil
	w.acked[2] = target
	w.j.Close()

	w.disk = w.disk.Restart(rng, journaltest.At(4+repair, journaltest.Crash)) // the first 5 steps make folders
	if w.open() == nil {
		w.j.Close()
	}
	w.disk = w.disk.Restart(rng, nil)
	w.mustOpen()
	w.check()
	if step > 2 || err == nil { // the intent was durable: nothing may be left
		target.blank, target.maybe = true, false
		w.acked[2] = target
		w.check()
		content := w.disk.Content(w.path(journal.Reports, int(target.locator.Segment)))
		gone := content[target.locator.Offset+32 : target.locator.Offset+600]
		if slices.ContainsFunc(gone, func(b byte) bool { return b != 0 }) {
			t.Fatalf("step %d, repair %d: bytes of a blanked frame are left", step, repair)
		}
	}
	if intents, _ := w.register.BlankIntents(context.Background()); len(intents) != 0 {
		t.Fatalf("step %d: intents left: %v", step, intents)
	}
	w.mustAppend(w.frame(journal.Error, 10))
	w.j.Close()
}
