package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"lifeboat/internal/diag"
)

// Batch is what the pipeline read from the journal in one go. It is applied as a whole or not at all.
type Batch struct {
	After   uint64 // the index's cursor before
	Through uint64 // and behind the batch
	Epoch   int64  // of the holder; see ClaimIndex

	Events      []EventRow
	Reports     []ReportRow
	Attachments []AttachmentRow
	Problems    []ProblemRow
}

// Applied says what became of a batch's rows.
type Applied struct {
	Events, Reports, Attachments int // new rows
	Duplicates                   int // copies of rows that were there before
	Gone                         int // rows of apps that the register does not know: deleted ones
	Purged                       int // rows that are past their time

	// Deleted counts by app copies of errors that were deleted, and attachments of those. They are among
	// Duplicates, too.
	Deleted map[int64]int64
}

// IndexCursor returns the highest feed number that is applied and the epoch of the cursor's holder.
func (db *DB) IndexCursor(ctx context.Context) (through uint64, epoch int64, err error) {
	err = db.viewIndex(ctx, func(t *tx) error {
		through, epoch, err = cursor(t)
		return err
	})
	return through, epoch, err
}

func cursor(t *tx) (through uint64, epoch int64, err error) {
	err = t.get([]any{&through, &epoch}, "SELECT COALESCE(MAX(through), 0), COALESCE(MAX(epoch), 0) FROM lane WHERE shard = $1", lane)
	return through, epoch, err
}

// ClaimIndex makes the caller the holder of the index's cursor; whoever held it is fenced.
func (db *DB) ClaimIndex(ctx context.Context) (through uint64, epoch int64, err error) {
	err = db.index.update(ctx, func(t *tx) error {
		err := t.get([]any{&through, &epoch}, `INSERT INTO lane (shard, through, epoch) VALUES ($1, 0, 1)
			ON CONFLICT (shard) DO UPDATE SET epoch = lane.epoch + 1 RETURNING through, epoch`, lane)
		if err == nil && through == 0 {
			err = db.seed(ctx, t)
		}
		return err
	})
	return through, epoch, err
}

// ApplyBatch applies a batch in one transaction: rows, counters of groups and the cursor. Of copies the one
// with the lowest feed number has the row. ErrFenced if the epoch is not the holder's or the cursor does not
// stand at After, so that no batch is applied twice; Invalid if the batch would move the cursor back.
func (db *DB) ApplyBatch(ctx context.Context, b Batch) (done Applied, err error) {
	if b.Through < b.After {
		return Applied{}, diag.Errorf(diag.Invalid, "A batch cannot end before it begins.")
	}
	err = db.index.update(ctx, func(t *tx) error {
		w := batchWriter{db: db, t: t, words: wordArg{t: t, cache: &db.words}, tally: map[tallyKey]int64{}, groups: map[groupKey]*groupDelta{}}
		w.activity.w, w.usage.w, w.sessions.w = &w, &w, &w
		db.memory.begin()
		t.after = append(t.after, db.memory.done)
		w.after = b.After
		err := w.apply(ctx, &b)
		done = w.done
		t.after = append(t.after, func() { db.boards.follow(b.After, b.Through, w.groups) })
		return err
	})
	if err != nil {
		return Applied{}, err
	}
	return done, nil
}

// batchWriter applies one batch.
type batchWriter struct {
	db    *DB
	t     *tx
	words wordArg
	tally map[tallyKey]int64
	marks map[markKey]uint64
	done  Applied

	activity  activity
	usage     usage
	sessions  sessions
	arrivals  []arrival
	documents []document
	groups    map[groupKey]*groupDelta // what the batch adds to groups
	after     uint64                   // what came with higher feed numbers is of this batch
}

func (w *batchWriter) apply(ctx context.Context, b *Batch) error {
	rows, err := w.t.exec("UPDATE lane SET through = $4 WHERE shard = $1 AND epoch = $2 AND through = $3", lane, b.Epoch, b.After, b.Through)
	if err != nil {
		return err
	}
	if rows == 0 {
		return ErrFenced
	}
	if err := w.writeEvents(ctx, b.Events); err != nil {
		return err
	}
	if err := w.writeReports(ctx, b.Reports); err != nil {
		return err
	}
	if err := w.writeAttachments(ctx, b.Attachments); err != nil {
		return err
	}
	if err := w.writeProblems(ctx, b.Problems); err != nil {
		return err
	}
	for _, write := range [...]func() error{w.activity.write, w.usage.write, w.sessions.write, w.writeArrivals, w.writeTally, w.writeDocuments} {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

// place puts rows in feed order, sets their shards and leaves out those of apps that are gone and those that
// are past their time. The caller's slice stays as it is.
func place[T any](ctx context.Context, w *batchWriter, class PurgeClass, rows []T, of func(*T) (app int64, shard *uint8, feed uint64, member int)) ([]T, error) {
	placed := make([]T, 0, len(rows))
	for _, row := range rows {
		app, at, feed, _ := of(&row)
		shard, known, err := w.db.shardOfKnown(ctx, app)
		if err != nil {
			return nil, err
		}
		if !known {
			w.done.Gone++
			continue
		}
		mark, err := w.mark(app, shard, class)
		if err != nil {
			return nil, err
		}
		if feed <= mark {
			w.done.Purged++
			continue
		}
		*at = shard
		placed = append(placed, row)
	}
	inOrder := func(a, b T) int {
		_, _, feedA, memberA := of(&a)
		_, _, feedB, memberB := of(&b)
		return cmp.Or(cmp.Compare(feedA, feedB), cmp.Compare(memberA, memberB))
	}
	if !slices.IsSortedFunc(placed, inOrder) {
		slices.SortStableFunc(placed, inOrder)
	}
	return placed, nil
}

// tallyKey names one counter of IndexStats. kind is a diag.LogKind or one of the two below.
type tallyKey struct {
	app   int64
	shard uint8
	kind  int
}

const (
	tallyDuplicates = 1000
	tallyProblems   = 1001
)

func (w *batchWriter) writeTally() error {
	for k, n := range w.tally {
		_, err := w.t.exec(`INSERT INTO tally (shard, app, kind, n) VALUES ($1, $2, $3, $4)
			ON CONFLICT (shard, app, kind) DO UPDATE SET n = tally.n + excluded.n`, k.shard, k.app, k.kind, n)
		if err != nil {
			return err
		}
	}
	return nil
}

// indexTables are the index's tables but the cursor's.
var indexTables = [...]string{"event", "report", "error_group", "attachment", "duplicate", "problem", "tally", "word",
	"active", "active_error", "active_shared", "active_count", "active_gap", "error_count", "group_count", "purge_mark", "missing_symbol", "image",
	"session", "session_count", "event_name", "event_count", "event_seen", "event_property", "event_value", "event_cut", "arrival",
	"search_app"}

// ResetIndex empties the index; the register stays. The cursor stands at 0 and its holder is fenced.
func (db *DB) ResetIndex(ctx context.Context) error {
	db.resetting.Lock()
	defer db.resetting.Unlock()
	return db.index.update(ctx, func(t *tx) error {
		if err := dropSearches(t); err != nil {
			return err
		}
		for _, name := range indexTables {
			if _, err := t.exec("DELETE FROM " + name); err != nil {
				return err
			}
		}
		t.after = append(t.after, db.words.clear, db.memory.clear, db.boards.clear, db.searches.clear)
		_, err := t.exec("UPDATE lane SET through = 0, epoch = epoch + 1 WHERE shard = $1", lane)
		return err
	})
}

// sweepKeys are the columns by which an app's rows are taken away in pieces. tally comes last: as long as an
// app stands there, it is not swept.
var sweepKeys = [...]struct{ table, key string }{
	{"event", "install"}, {"report", "num"}, {"attachment", "id"}, {"error_group", "grp"},
	{"duplicate", "feed"}, {"problem", "feed"}, {"active", "install"}, {"active_error", "day"}, {"active_shared", "day"}, {"active_count", "day"}, {"active_gap", "day"},
	{"error_count", "day"}, {"group_count", "grp"}, {"missing_symbol", "missing"}, {"image", "id"},
	{"session", "install"}, {"session_count", "day"}, {"event_name", "num"}, {"event_count", "event"}, {"event_seen", "install"},
	{"event_property", "event"}, {"event_value", "event"}, {"event_cut", "day"}, {"arrival", "ingress"},
	{"purge_mark", "class"}, {"tally", "kind"},
}

// sweepPiece bounds how many keys one transaction takes away, so that batches need not wait long.
const sweepPiece = 1000

// sweepApp takes away an app's rows in the index.
func (db *DB) sweepApp(ctx context.Context, shard uint8, app int64) error {
	if err := db.index.update(ctx, func(t *tx) error { return db.dropSearch(t, shard, app) }); err != nil {
		return err
	}
	for _, s := range sweepKeys {
		text := "DELETE FROM " + s.table + " WHERE shard = $1 AND app = $2 AND " + s.key + " IN (SELECT " + s.key +
			" FROM " + s.table + " WHERE shard = $1 AND app = $2 LIMIT $3)"
		for more := true; more; {
			err := db.index.update(ctx, func(t *tx) error {
				t.after = append(t.after, func() { db.boards.drop(app) })
				rows, err := t.exec(text, shard, app, sweepPiece)
				more = rows > 0
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// sweep finishes what DeleteApp began before a crash.
func (db *DB) sweep(ctx context.Context) error {
	type counted struct {
		shard uint8
		app   int64
	}
	var apps []counted
	err := db.viewIndex(ctx, func(t *tx) (err error) {
		apps, err = list(t, func(r *sql.Rows) (c counted, err error) { return c, r.Scan(&c.shard, &c.app) },
			"SELECT DISTINCT shard, app FROM tally WHERE app <> 0")
		return err
	})
	if err != nil {
		return err
	}
	for _, a := range apps {
		_, known, err := db.shardOfKnown(ctx, a.app)
		if err == nil && !known {
			err = db.sweepApp(ctx, a.shard, a.app)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
