package purge

import (
	"context"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
)

const copiesAtOnce = 500

// maxMixed bounds how many frames are remembered that hold other logs beside copies.
const maxMixed = 1 << 18

// purgeCopies blanks frames that hold nothing but copies of earlier logs. The copy's row goes in a later pass: an
// export that has read the frame just before must still be told that it is a copy.
func (w *Worker) purgeCopies(ctx context.Context, apps []diag.App) error {
	written, err := w.written(ctx, -1)
	if err != nil {
		return err
	}
	if len(w.mixed) > maxMixed {
		clear(w.mixed)
	}
	for i := range apps {
		most, limited := written[apps[i].Num]
		if !limited {
			most = ^uint64(0)
		}
		if err := w.copiesOf(ctx, &apps[i], most); err != nil {
			return err
		}
	}
	return nil
}

func (w *Worker) copiesOf(ctx context.Context, app *diag.App, most uint64) error {
	for after := uint64(0); ; {
		begun := w.o.Clock.Monotonic()
		all, err := w.o.Store.Copies(ctx, app.Num, after, copiesAtOnce)
		if err != nil || len(all) == 0 {
			return err
		}
		after = all[len(all)-1].Feed
		var (
			blank []diag.Locator
			drop  []store.CopyRow
		)
		for len(all) > 0 {
			n := 1
			for n < len(all) && all[n].Feed == all[0].Feed {
				n++
			}
			frame := all[:n]
			all = all[n:]
			if frame[0].Feed > most || w.mixed[frame[0].Feed] {
				continue
			}
			switch live, err := w.live(frame); {
			case diag.KindOf(err) == diag.NotFound && err != nil:
				drop = append(drop, frame...)
			case err != nil:
				w.mixed[frame[0].Feed] = true // damaged: it stays
			case live:
				w.mixed[frame[0].Feed] = true
			default:
				at := frame[0].Locator
				at.Member = 0
				blank = append(blank, at)
			}
		}
		if err := w.o.Journal.Blank(ctx, blank...); err != nil {
			return err
		}
		w.stats.frames.Add(int64(len(blank)))
		dropped, err := w.o.Store.DropCopies(ctx, drop)
		if err != nil {
			return err
		}
		w.stats.others.Add(int64(dropped))
		if err := w.yield(ctx, begun); err != nil {
			return err
		}
	}
}

// live reports whether a frame holds more than these copies.
func (w *Worker) live(copies []store.CopyRow) (bool, error) {
	e, err := w.o.Journal.Read(copies[0].Locator)
	if err != nil {
		return false, err
	}
	payload, err := e.Payload(nil)
	if err != nil {
		return false, err
	}
	envelope, err := diag.ParseEnvelope(payload)
	if err != nil {
		return false, err
	}
	n := 0
	for _, raw := range envelope.Logs {
		if len(raw) > 0 {
			n++
		}
	}
	return n > len(copies), nil
}
