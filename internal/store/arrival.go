package store

import (
	"context"
	"database/sql"
	"time"

	"lifeboat/internal/diag"
)

// Arrival is a frame as it came in.
type Arrival struct {
	Ingress diag.IngressTime
	Feed    uint64
	Locator diag.Locator // Member is 0
	Copies  []int        // members that are copies of earlier logs
}

type arrivalKey struct {
	app   int64
	shard uint8
	feed  uint64
}

// arrive notes the frame of a new log.
func (w *batchWriter) arrive(app int64, shard uint8, feed uint64, ingress diag.IngressTime, at diag.Locator) {
	k := arrivalKey{app, shard, feed}
	if n := len(w.arrivals); n > 0 && w.arrivals[n-1].arrivalKey == k {
		return
	}
	at.Member = 0
	w.arrivals = append(w.arrivals, arrival{k, ingress, at})
}

type arrival struct {
	arrivalKey
	ingress diag.IngressTime
	at      diag.Locator
}

var arrivalColumns = [...]string{"shard", "app", "ingress", "feed", "segment", "pos"}

func (w *batchWriter) writeArrivals() error {
	var args []any
	return chunks(w.arrivals, func(piece []arrival) error {
		args = args[:0]
		for _, a := range piece {
			args = append(args, int64(a.shard), a.app, int64(a.ingress), int64(a.feed), a.at.Segment, a.at.Offset)
		}
		_, err := w.t.exec(w.db.index.dialect.Insert("arrival", arrivalColumns[:], len(piece)), args...)
		return err
	})
}

// Arrivals lists the frames of an app that came strictly later than a time, oldest first. Frames older than
// arrivalsKept are forgotten.
func (db *DB) Arrivals(ctx context.Context, app int64, after diag.IngressTime, limit int) (all []Arrival, err error) {
	shard, err := db.shardOf(ctx, app)
	if err != nil {
		return nil, err
	}
	err = db.viewIndex(ctx, func(t *tx) error {
		all, err = list(t, func(r *sql.Rows) (a Arrival, err error) {
			return a, r.Scan(&a.Ingress, &a.Feed, &a.Locator.Segment, &a.Locator.Offset)
		}, "SELECT ingress, feed, segment, pos FROM arrival WHERE shard = $1 AND app = $2 AND ingress > $3 ORDER BY ingress, feed LIMIT $4",
			shard, app, after, limit)
		if err != nil {
			return err
		}
		for i := range all {
			all[i].Copies, err = list(t, func(r *sql.Rows) (member int, err error) { return member, r.Scan(&member) },
				"SELECT member FROM duplicate WHERE shard = $1 AND feed = $2 ORDER BY member", shard, all[i].Feed)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

// arrivalsKept is how long arrivals are kept behind the newest one of their app. The log flow shows the day.
const arrivalsKept = 2 * 24 * time.Hour

// forgetArrivals takes away the arrivals that nobody may ask for any more.
func (db *DB) forgetArrivals(ctx context.Context) error {
	apps, err := db.Apps(ctx)
	if err != nil {
		return err
	}
	for _, app := range apps {
		shard := diag.ShardOf(app.ID)
		for more := true; more; {
			if more, err = db.forgetSome(ctx, shard, app.Num); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetSome takes away a bounded number of an app's arrivals. It writes nothing if there are none to take.
func (db *DB) forgetSome(ctx context.Context, shard uint8, app int64) (more bool, err error) {
	var old diag.IngressTime
	err = db.viewIndex(ctx, func(t *tx) error {
		var newest, oldest diag.IngressTime
		err := t.get([]any{&newest}, "SELECT COALESCE(MAX(ingress), 0) FROM arrival WHERE shard = $1 AND app = $2", shard, app)
		if err == nil {
			err = t.get([]any{&oldest}, "SELECT COALESCE(MIN(ingress), 0) FROM arrival WHERE shard = $1 AND app = $2", shard, app)
		}
		old = newest - diag.IngressTime(arrivalsKept.Milliseconds())
		more = oldest < old
		return err
	})
	if err != nil || !more {
		return false, err
	}
	err = db.index.update(ctx, func(t *tx) error {
		_, err := t.exec(`DELETE FROM arrival WHERE shard = $1 AND app = $2 AND ingress IN
			(SELECT ingress FROM arrival WHERE shard = $1 AND app = $2 AND ingress < $3 ORDER BY ingress LIMIT $4)`, shard, app, old, sweepPiece)
		return err
	})
	return true, err
}
