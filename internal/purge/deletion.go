package purge

import (
	"context"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/store"
)

// tombstones are kept for longer than a device may send a log again.
const tombstoneTime = 60 * 24 * time.Hour

// finishDeletions sees deletions through: rows that a crash brought back go again, frames are blanked, and once
// that is on disk nothing needs to be remembered but the tombstone.
func (w *Worker) finishDeletions(ctx context.Context, now time.Time) error {
	pending, err := w.o.Store.Deletions(ctx)
	if err != nil {
		return err
	}
	for i := range pending {
		if err := w.o.Store.RepeatDeletion(ctx, &pending[i]); err != nil && diag.KindOf(err) != diag.NotFound {
			return err
		}
	}
	if len(pending) > 0 {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	for i := range pending {
		if err := w.blankDeleted(ctx, &pending[i]); err != nil {
			return err
		}
		if err := w.o.Store.FinishDeletion(ctx, &pending[i]); err != nil {
			return err
		}
		w.stats.deletions.Add(1)
	}
	_, err = w.o.Store.DropTombstones(ctx, now.Add(-tombstoneTime).UnixMilli())
	return err
}

func (w *Worker) blankDeleted(ctx context.Context, p *store.PendingDeletion) error {
	numbers := map[journal.Class][]uint64{}
	for _, f := range p.Frames {
		c := journal.Reports
		if f.Family == diag.FamilyAttachment {
			c = journal.Attachments
		}
		numbers[c] = append(numbers[c], f.Number)
	}
	for c, of := range numbers {
		blanked, damaged, err := w.o.Journal.BlankNumbers(ctx, c, of)
		if err != nil {
			return err
		}
		w.stats.frames.Add(int64(blanked))
		if damaged > 0 {
			w.o.Log.Error("logs of a deleted error are in a damaged part of the journal and cannot be blanked; they go with their segment", "logs", damaged)
		}
	}
	return nil
}
