package report

import (
	"context"
	"slices"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/store"
	"lifeboat/internal/wire"
)

// MaxReceived is how many logs are shown of those that came in.
const MaxReceived = 100

// maxRounds bounds how often frames are asked for in vain: all logs in them may have been erased.
const maxRounds = 20

// Received reads the logs of an app that came strictly later than a time, in the order they came, but for
// attachments. more tells that there are others behind them. last is up to when all are shown: asked for with
// it, Received goes on where it ended. Logs that came in the same millisecond are shown together, unless they
// alone are too many: then the rest of them is not shown.
func (r *Reader) Received(ctx context.Context, app *diag.App, after diag.IngressTime) (logs []diag.Received, more bool, last diag.IngressTime, err error) {
	last = after
	for range maxRounds {
		frames, err := r.Store.Arrivals(ctx, app.Num, last, MaxReceived+1)
		if err != nil {
			return nil, false, last, err
		}
		full := len(frames) > MaxReceived
		for whole := len(frames); len(frames) > 0; {
			at := frames[0].Ingress
			n := slices.IndexFunc(frames, func(f store.Arrival) bool { return f.Ingress != at })
			if n < 0 && full && len(frames) < whole {
				break // some of that millisecond may not be in the list
			}
			if n < 0 {
				n = len(frames)
			}
			together, err := r.logsOf(app, frames[:n])
			if err != nil {
				return nil, false, last, err
			}
			switch room := MaxReceived - len(logs); {
			case len(together) <= room:
				logs, last = append(logs, together...), at
			case len(logs) == 0:
				return together[:room], true, at, nil
			default:
				return logs, true, last, nil
			}
			frames = frames[n:]
		}
		if !full {
			return logs, false, last, nil
		}
	}
	return logs, true, last, nil
}

// logsOf reads the logs in frames. What was erased and what cannot be read is left out, and so are copies.
func (r *Reader) logsOf(app *diag.App, frames []store.Arrival) (logs []diag.Received, err error) {
	for i := range frames {
		f := &frames[i]
		envelope, err := r.envelope(f.Locator)
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for member, raw := range envelope.Logs {
			l, why := wire.Peek(raw, app.ID, envelope.Install, time.UnixMilli(envelope.Received))
			if why == "" && !slices.Contains(f.Copies, member) {
				logs = append(logs, diag.Received{Event: wire.DecodeEvent(l), Install: envelope.Install, Ingress: f.Ingress})
			}
		}
	}
	return logs, nil
}
