package purge

import (
	"context"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/store"
)

// purgeFrames takes out of the journal what the index has no rows of any more, durably.
func (w *Worker) purgeFrames(ctx context.Context, apps []diag.App) error {
	for _, class := range [...]store.PurgeClass{store.PurgeEvents, store.PurgeReports} {
		c := w.before[class]
		state, err := w.o.Store.PurgeStates(ctx, class)
		if err != nil {
			return err
		}
		if len(apps) > 0 {
			if err := w.dropSegments(ctx, class, c.floor(state)); err != nil {
				return err
			}
		}
		if err := w.blankShort(ctx, &c, state); err != nil {
			return err
		}
	}
	return nil
}

// dropSegments removes segments whole that end below the floor. One that must stay for its number is blanked.
func (w *Worker) dropSegments(ctx context.Context, class store.PurgeClass, floor uint64) error {
	for _, c := range classes(class) {
		for _, s := range w.o.Journal.Segments(c) {
			if s.Last > floor {
				break
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			dropped, err := w.o.Journal.Drop(s.ID)
			if err != nil {
				return err
			}
			if dropped {
				delete(w.shares, s.ID)
				continue
			}
			all := func(*journal.Entry) bool { return true }
			if err := w.blankIf(ctx, s.First-1, s.Last, []journal.Class{c}, all); err != nil {
				return err
			}
		}
	}
	return nil
}

// soonDropped is how many days shorter than the longest a retention must be for its frames to be blanked one by
// one. Others go with their segments, a day or two later.
const soonDropped = 2

// blankShort blanks frames of apps that keep their logs for a shorter time than others: their segments stay.
func (w *Worker) blankShort(ctx context.Context, c *cutoff, state map[int64]store.PurgeState) error {
	longest := 0
	for _, t := range c.apps {
		longest = max(longest, t.days)
	}
	done := map[int64]uint64{}
	for _, group := range c.groups() {
		after, through, due := uint64(0), uint64(0), map[int64]store.PurgeState{}
		for _, t := range group {
			s := state[t.app.Num]
			end := min(s.Cursor, s.Mark)
			if t.days > longest-soonDropped || end <= s.Frames {
				continue
			}
			if len(due) == 0 || s.Frames < after {
				after = s.Frames
			}
			through = max(through, end)
			due[t.app.Num] = s
			done[t.app.Num] = end
		}
		err := w.blankIf(ctx, after, through, classes(c.class), func(e *journal.Entry) bool {
			s, ok := due[e.App]
			return ok && e.Number > s.Frames && e.Number <= done[e.App]
		})
		if err != nil {
			return err
		}
	}
	if len(done) == 0 {
		return nil
	}
	return w.o.Store.NoteFrames(ctx, c.class, done)
}

// blankIf blanks the frames with after < number <= through that are to go.
func (w *Worker) blankIf(ctx context.Context, after, through uint64, of []journal.Class, goes func(*journal.Entry) bool) error {
	return w.frames(ctx, after, through, of, func(entries []journal.Entry) error {
		begun := w.o.Clock.Monotonic()
		var at []diag.Locator
		for i := range entries {
			if goes(&entries[i]) {
				at = append(at, entries[i].Locator)
			}
		}
		if err := w.o.Journal.Blank(ctx, at...); err != nil {
			return err
		}
		w.stats.frames.Add(int64(len(at)))
		return w.yield(ctx, begun)
	})
}

// purgeGoneApps blanks what deleted apps have left in the journal. An app is left alone in the first pass that
// meets it: a batch that still knew it may be on its way.
func (w *Worker) purgeGoneApps(ctx context.Context) error {
	all, err := w.o.Store.GoneApps(ctx)
	if err != nil {
		return err
	}
	gone, ripe := map[int64]bool{}, map[int64]bool{}
	var nums []int64
	for _, num := range all {
		if gone[num] = true; w.gone[num] {
			ripe[num] = true
			nums = append(nums, num)
		}
	}
	w.gone = gone
	if len(ripe) == 0 {
		return nil
	}
	indexed, _, err := w.o.Store.IndexCursor(ctx)
	if err != nil {
		return err
	}
	horizon := w.o.Journal.Horizon()
	every := []journal.Class{journal.Events, journal.Reports, journal.Attachments}
	if err := w.blankIf(ctx, 0, indexed, every, func(e *journal.Entry) bool { return ripe[e.App] }); err != nil {
		return err
	}
	if indexed < horizon {
		return nil // the rest follows once it was passed
	}
	return w.o.Store.ForgetGoneApps(ctx, nums)
}
