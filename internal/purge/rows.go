package purge

import (
	"context"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/journal"
	"lifeboat/internal/store"
	"lifeboat/internal/wire"
)

// The bounds of one piece: its rows go in one transaction, for which the pipeline waits.
const (
	pieceFrames = 256
	pieceBytes  = 1 << 20 // as stored
)

// purgeRows takes the rows of a class out of the index.
func (w *Worker) purgeRows(ctx context.Context, c *cutoff) error {
	for num, s := range c.state {
		if t, ok := c.apps[num]; ok && s.Mark < s.Cursor {
			if err := w.repeat(ctx, c.class, t, s); err != nil {
				return err
			}
		}
	}
	for _, group := range c.groups() {
		if err := w.purgeGroup(ctx, c, group); err != nil {
			return err
		}
	}
	return nil
}

// repeat does again what the index has lost in a crash. The pieces end where they ended the first time.
func (w *Worker) repeat(ctx context.Context, class store.PurgeClass, t target, s store.PurgeState) error {
	ends, err := w.o.Store.PurgeBatches(ctx, t.app.Num, s.Mark)
	if err != nil {
		return err
	}
	after := s.Mark
	for _, end := range append(ends, s.Cursor) {
		if end <= after || end > s.Cursor {
			continue
		}
		p := store.Piece{Class: class, Through: end, Again: true, Logs: map[int64][]store.Expired{t.app.Num: nil}}
		err := w.frames(ctx, after, end, classes(class), func(entries []journal.Entry) error {
			for i := range entries {
				if entries[i].App == t.app.Num {
					p.Logs[t.app.Num] = append(p.Logs[t.app.Num], logsOf(&entries[i], &t.app)...)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := w.purgePiece(ctx, p); err != nil {
			return err
		}
		after = end
	}
	return nil
}

// purgeGroup purges apps whose logs go up to the same number.
func (w *Worker) purgeGroup(ctx context.Context, c *cutoff, group []target) error {
	through, after, due := group[0].through, uint64(0), map[int64]target{}
	for _, t := range group {
		cursor := c.state[t.app.Num].Cursor
		if cursor >= through {
			continue
		}
		if len(due) == 0 || cursor < after {
			after = cursor
		}
		due[t.app.Num] = t
	}
	if len(due) == 0 {
		return nil
	}
	last := store.Piece{Class: c.class, Through: through, Logs: map[int64][]store.Expired{}}
	err := w.frames(ctx, after, through, classes(c.class), func(entries []journal.Entry) error {
		p := store.Piece{Class: c.class, Through: min(entries[len(entries)-1].Number, through), Logs: map[int64][]store.Expired{}}
		for i := range entries {
			e := &entries[i]
			t, ok := due[e.App]
			if !ok || e.Number <= c.state[e.App].Cursor {
				continue
			}
			p.Logs[e.App] = append(p.Logs[e.App], logsOf(e, &t.app)...)
			if e.Number > t.written {
				w.stats.unexported.Add(1)
			}
		}
		if len(p.Logs) == 0 {
			return nil
		}
		return w.purgePiece(ctx, p)
	})
	if err != nil {
		return err
	}
	for num := range due {
		last.Logs[num] = nil // nothing is left up to there
	}
	return w.purgePiece(ctx, last)
}

func (w *Worker) purgePiece(ctx context.Context, p store.Piece) error {
	begun := w.o.Clock.Monotonic()
	done, err := w.o.Store.Purge(ctx, p)
	if err != nil {
		return err
	}
	w.stats.rows(done)
	return w.yield(ctx, begun)
}

// frames yields the frames with after < number <= through, in order.
func (w *Worker) frames(ctx context.Context, after, through uint64, of []journal.Class, yield func([]journal.Entry) error) error {
	if after >= through {
		return nil
	}
	f := w.o.Journal.FollowClass(after, of...)
	defer f.Close()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		entries, err := f.Next(pieceFrames, pieceBytes)
		if err != nil {
			return err
		}
		n := len(entries)
		for n > 0 && entries[n-1].Number > through {
			n--
		}
		if n > 0 {
			if err := yield(entries[:n]); err != nil {
				return err
			}
		}
		if n == 0 || n < len(entries) {
			return nil
		}
	}
}

// logsOf names the logs of a frame as the pipeline does. What cannot be read has no kind.
func logsOf(e *journal.Entry, app *diag.App) []store.Expired {
	payload, err := e.Payload(nil)
	if err != nil {
		return []store.Expired{{Feed: e.Number, Ingress: e.Time}}
	}
	envelope, err := diag.ParseEnvelope(payload)
	if err != nil {
		return []store.Expired{{Feed: e.Number, Ingress: e.Time}}
	}
	all := make([]store.Expired, len(envelope.Logs))
	for member, raw := range envelope.Logs {
		x := store.Expired{Feed: e.Number, Member: member, Ingress: e.Time, Install: envelope.Install}
		if l, why := wire.Peek(raw, app.ID, envelope.Install, time.UnixMilli(envelope.Received)); why == "" {
			x.Kind, x.ID, x.Session = l.Kind, l.ID, l.Session
		}
		all[member] = x
	}
	return all
}

// forgetDays takes installs out of the days before those that are kept.
func (w *Worker) forgetDays(ctx context.Context, apps []diag.App, now time.Time) error {
	for i := range apps {
		day := func(days int) int64 { return now.Add(-diag.Days(days)).Unix() / (24 * 60 * 60) }
		before := [2]int64{day(apps[i].Keep.EventDays()), day(apps[i].Keep.ReportDays())}
		if w.forgot[apps[i].Num] == before {
			continue // once a day will do
		}
		n, err := w.o.Store.ForgetDays(ctx, apps[i].Num, before[0], before[1])
		if err != nil {
			return err
		}
		w.forgot[apps[i].Num] = before
		w.stats.others.Add(int64(n))
	}
	return nil
}
