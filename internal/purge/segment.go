package purge

import (
	"context"
	"errors"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/store"
)

// share is how much of a segment is blank.
type share struct {
	changes uint64 // of the segment when it was measured
	blank   int64
}

const (
	measuredAtOnce = 200 // segments that one pass measures
	movesAtOnce    = 256 // frames whose rows are rewritten in one go
)

// compact writes segments anew that are more than half blank, and removes the files before them once no row
// names those any more.
func (w *Worker) compact(ctx context.Context) error {
	if err := w.retire(ctx); err != nil {
		return err
	}
	indexed, _, err := w.o.Store.IndexCursor(ctx)
	if err != nil {
		return err
	}
	measured := 0
	for _, class := range [...]journal.Class{journal.Events, journal.Reports, journal.Attachments} {
		for _, s := range w.o.Journal.Segments(class) {
			if !s.Sealed || s.Last > indexed {
				continue
			}
			known, ok := w.shares[s.ID]
			if !ok || known.changes != s.Changes {
				if measured++; measured > measuredAtOnce {
					continue
				}
				blank, err := w.o.Journal.BlankBytes(s.ID)
				if err != nil {
					return err
				}
				known = share{s.Changes, blank}
				w.shares[s.ID] = known
			}
			if known.blank*2 > s.Bytes && known.blank >= w.o.LeastGain {
				if err := w.compactOne(ctx, s.ID); err != nil {
					return err
				}
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *Worker) compactOne(ctx context.Context, id int64) error {
	c, err := w.o.Journal.Compact(ctx, id, nil)
	switch {
	case errors.Is(err, journal.ErrChanged), diag.KindOf(err) == diag.Conflict:
		return nil // the next pass
	case errors.Is(err, journal.ErrDamaged):
		w.o.Log.Error("a damaged segment of the journal is not compacted", "error", err)
		return nil
	case err != nil:
		return err
	}
	delete(w.shares, id)
	return w.move(ctx, c)
}

// retire removes files whose frames have moved: those that this process has moved a while ago, so that nobody
// still holds a place in them.
func (w *Worker) retire(ctx context.Context) error {
	for _, c := range w.o.Journal.Compactions() {
		since, ok := w.moved[c.From]
		if !ok {
			if err := w.move(ctx, c); err != nil {
				return err
			}
			continue
		}
		if w.o.Clock.Monotonic()-since < w.o.Grace {
			continue
		}
		if err := w.flush(ctx); err != nil {
			return err
		}
		if err := w.o.Journal.Retire(c); err != nil {
			return err
		}
		delete(w.moved, c.From)
	}
	return nil
}

// move rewrites the places of frames in their rows.
func (w *Worker) move(ctx context.Context, c journal.Compaction) error {
	apps := map[int64]*diag.App{}
	err := w.o.Journal.Moves(c, movesAtOnce, func(moves []journal.Move) error {
		begun := w.o.Clock.Monotonic()
		byApp := map[int64][]store.Moved{}
		for _, m := range moves {
			if err := w.movedLogs(ctx, apps, byApp, m.To); err != nil {
				return err
			}
		}
		for num, logs := range byApp {
			if _, err := w.o.Store.Relocate(ctx, num, logs); err != nil {
				return err
			}
		}
		return w.yield(ctx, begun)
	})
	if err == nil {
		w.moved[c.From] = w.o.Clock.Monotonic()
	}
	return err
}

func (w *Worker) movedLogs(ctx context.Context, apps map[int64]*diag.App, byApp map[int64][]store.Moved, to diag.Locator) error {
	e, err := w.o.Journal.Read(to)
	if errors.Is(err, journal.ErrDamaged) || err != nil && diag.KindOf(err) == diag.NotFound {
		return nil // blanked meanwhile: it has no rows
	}
	if err != nil {
		return err
	}
	app, known := apps[e.App]
	if !known {
		a, err := w.o.Store.AppByNum(ctx, e.App)
		if err == nil {
			app = &a
		} else if diag.KindOf(err) != diag.NotFound {
			return err
		}
		apps[e.App] = app
	}
	if app == nil {
		return nil
	}
	for _, x := range logsOf(&e, app) {
		byApp[e.App] = append(byApp[e.App], store.Moved{Expired: x, To: to})
	}
	return nil
}
