package journal_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/journal/journaltest"
)

// TestCopy takes copies while frames are appended, blanked and compacted, at every size of a read, and opens them:
// each holds what was there when it was begun, and of what was blanked meanwhile either all or nothing.
func TestCopy(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		w := newWorld(t)
		w.options.SegmentSize = 4 << 20 // several pieces
		w.mustOpen()
		rng := rand.New(rand.NewPCG(seed, 1))
		w.busy(rng, 160)
		gone := w.blanked()
		c := w.j.Copy()
		to := journaltest.NewDisk(nil)
		err := c.Each(t.Context(), func(f journal.CopiedFile) error { return w.keep(to, f, rng) })
		if err != nil {
			t.Fatal(err)
		}
		w.busy(rng, 20)
		if err := w.j.Close(); err != nil {
			t.Fatal(err)
		}
		w.opens(to, c.Horizon, gone)
	}
}

// busy does what a server does with its journal.
func (w *world) busy(rng *rand.Rand, steps int) {
	w.t.Helper()
	kinds := []journal.FrameKind{journal.Logs, journal.Error, journal.Attachment}
	for range steps {
		switch numbers := w.numbers(); {
		case len(numbers) > 4 && rng.IntN(4) == 0:
			n := numbers[rng.IntN(len(numbers))]
			for class := range 3 {
				if _, _, err := w.j.BlankNumbers(w.t.Context(), journal.Class(class), []uint64{n}); err != nil {
					w.t.Fatal(err)
				}
			}
			p := w.acked[n]
			p.blank = true
			w.acked[n] = p
		case rng.IntN(8) == 0:
			w.compactOne(rng)
		default:
			w.mustAppend(w.frame(kinds[rng.IntN(3)], rng.IntN(120_000)), w.frame(journal.Error, rng.IntN(2000)))
		}
	}
}

// compactOne writes a segment anew and removes the file before.
func (w *world) compactOne(rng *rand.Rand) {
	w.t.Helper()
	all := w.j.Segments(journal.Class(rng.IntN(3)))
	if len(all) == 0 {
		return
	}
	s := all[rng.IntN(len(all))]
	c, err := w.j.Compact(w.t.Context(), s.ID, nil)
	if diag.KindOf(err) == diag.Conflict || errors.Is(err, journal.ErrChanged) {
		return
	}
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.j.Retire(c); err != nil {
		w.t.Fatal(err)
	}
}

// numbers are the frames that are not blank, rising.
func (w *world) numbers() (all []uint64) {
	for n, p := range w.acked {
		if !p.blank {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all
}

func (w *world) blanked() map[uint64]bool {
	all := map[uint64]bool{}
	for n, p := range w.acked {
		all[n] = p.blank
	}
	return all
}

// keep writes a copied file to another disk, slowly.
func (w *world) keep(to *journaltest.Disk, f journal.CopiedFile, rng *rand.Rand) error {
	name := filepath.Join(dir, filepath.FromSlash(f.Name))
	if err := to.Mkdir(filepath.Dir(name)); err != nil {
		return err
	}
	out, err := to.Create(name)
	if err != nil {
		return err
	}
	defer out.Close()
	at := int64(0)
	for {
		b := make([]byte, 1+rng.IntN(200_000))
		n, err := f.Body.Read(b)
		if _, err := out.WriteAt(b[:n], at); err != nil {
			return err
		}
		at += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		w.busy(rng, 3)
	}
	if at != f.Size {
		w.t.Errorf("%s has %d bytes, not %d", f.Name, at, f.Size)
	}
	return nil
}

// opens opens a copy.
func (w *world) opens(disk *journaltest.Disk, horizon uint64, gone map[uint64]bool) {
	w.t.Helper()
	o := w.options
	o.Dir, o.FS, o.Clock, o.Register = dir, disk, w.clock, new(journaltest.Register)
	j, err := journal.Open(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	defer j.Close()
	found := map[uint64]string{}
	for _, e := range all(w.t, j, 0) {
		found[e.Number] = keyOf(payload(w.t, &e))
	}
	for n, p := range w.acked {
		switch key, there := found[n]; {
		case n <= horizon && !p.blank && !there:
			w.t.Errorf("frame %d is missing, horizon %d", n, horizon)
		case there && key != p.key:
			w.t.Errorf("frame %d is %s, not %s", n, key, p.key)
		case there && gone[n]:
			w.t.Errorf("frame %d was blank before and is there", n)
		}
	}
	if s := j.Stats(); s.Damaged != 0 || s.TornBytes != 0 || j.Horizon() < horizon {
		w.t.Errorf("the copy is damaged: %+v, horizon %d of %d", s, j.Horizon(), horizon)
	}
}
