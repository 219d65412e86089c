package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"lifeboat/internal/diag"
)

// Pools are the connections to one half: a single writing one, and a few that read.
type Pools struct {
	Write, Read *sql.DB
}

// half is one of the two databases. Writing transactions run one after the other on one connection; reading
// ones run beside them on snapshots.
type half struct {
	name    string // register or index
	cure    string // what a person can do when it is damaged
	dialect Dialect
	pools   Pools
	readers readers

	mu     sync.Mutex // held by the writing transaction
	writer *conn

	busy  atomic.Bool // something was written since the last tidy
	tidyN atomic.Int32
}

func newHalf(ctx context.Context, name, cure string, d Dialect, p Pools) (*half, error) {
	h := &half{name: name, cure: cure, dialect: d, pools: p, readers: newReaders(d, p.Read)}
	var err error
	h.writer, err = newConn(ctx, d, p.Write)
	return h, h.explain(err)
}

// tx is a transaction, or a single read. Texts are in the store's dialect and stay prepared, so they must be
// few: lists of arguments come in fixed sizes.
type tx struct {
	ctx   context.Context
	conn  *conn
	after []func() // run once committed, before the next writing transaction begins
}

func (t *tx) exec(text string, args ...any) (rows int64, err error) {
	s, err := t.conn.prepare(text)
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (t *tx) query(text string, args ...any) (*sql.Rows, error) {
	s, err := t.conn.prepare(text)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(t.ctx, args...)
}

// get scans the only row into dest; sql.ErrNoRows if there is none.
func (t *tx) get(dest []any, text string, args ...any) error {
	s, err := t.conn.prepare(text)
	if err != nil {
		return err
	}
	return s.QueryRowContext(t.ctx, args...).Scan(dest...)
}

// each calls fn for every row.
func (t *tx) each(fn func(*sql.Rows) error, text string, args ...any) error {
	rows, err := t.query(text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// list collects every row.
func list[T any](t *tx, scan func(*sql.Rows) (T, error), text string, args ...any) ([]T, error) {
	var all []T
	err := t.each(func(r *sql.Rows) error {
		v, err := scan(r)
		all = append(all, v)
		return err
	}, text, args...)
	return all, err
}

// maxTries bounds how often a transaction that loses against others runs again.
const maxTries = 10

// update runs fn in a writing transaction and commits it if fn returns nil. fn may run several times.
//
// The statements run to their end even if ctx does not: a transaction is short, and one that is torn off in
// its middle by a timer would leave its statements running outside of it.
func (h *half) update(ctx context.Context, fn func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.busy.Store(true)
	var err error
	for range maxTries {
		if err = h.attempt(context.WithoutCancel(ctx), fn); err == nil {
			return nil
		}
		if h.dialect.Classify(err) != ClassRetry {
			break
		}
	}
	return h.explain(err)
}

func (h *half) attempt(ctx context.Context, fn func(*tx) error) error {
	btx, err := h.writer.sql.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer btx.Rollback() // nothing once committed
	t := &tx{ctx: ctx, conn: h.writer}
	if err := fn(t); err != nil {
		return err
	}
	if err := btx.Commit(); err != nil {
		return err
	}
	for _, f := range t.after {
		f()
	}
	return nil
}

// read runs fn with single reads, each on the newest state. fn must not read this half by other ways: readers
// are few, and each would wait for another one to end.
func (h *half) read(ctx context.Context, fn func(*tx) error) error {
	return h.explain(h.readers.use(ctx, func(c *conn) error { return fn(&tx{ctx: ctx, conn: c}) }))
}

// view runs fn on one snapshot, under the same condition.
func (h *half) view(ctx context.Context, fn func(*tx) error) error {
	return h.explain(h.readers.use(ctx, func(c *conn) error {
		btx, err := c.sql.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		defer btx.Rollback() // a snapshot has nothing to commit
		return fn(&tx{ctx: ctx, conn: c})
	}))
}

// explain gives an engine's error its kind and tells what can be done.
func (h *half) explain(err error) error {
	var known *diag.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, ErrFenced) {
		return err
	}
	switch h.dialect.Classify(err) {
	case ClassFull:
		return diag.Wrap(diag.Busy, err, "The disk is full: make room and try again.")
	case ClassDamaged:
		return diag.Wrap(diag.Internal, err, "The %s is damaged: %s.", h.name, h.cure)
	}
	return fmt.Errorf("store: %s: %w", h.name, err)
}

// patience is how many calls of tidy a half may be busy before it is checkpointed all the same.
const patience = 5

// tidy checkpoints when nothing was written since the last call, for then nobody waits for it. A half that is
// never idle is checkpointed now and then, so that nothing deleted stays in its log. Readers that nobody
// needed since the last call are closed, and the memory of their caches with them.
func (h *half) tidy(ctx context.Context) error {
	h.readers.trim()
	if h.busy.Swap(false) && h.tidyN.Add(1)%patience != 0 {
		return nil
	}
	_, err := h.checkpoint(ctx)
	return err
}

// checkpoint reports whether the log is empty now.
func (h *half) checkpoint(ctx context.Context) (empty bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	empty, err = h.dialect.Checkpoint(ctx, h.writer.sql)
	return empty, h.explain(err)
}

func (h *half) scrub(ctx context.Context) error {
	for from, begun := int64(0), false; from != 0 || !begun; begun = true {
		var next int64
		err := h.update(ctx, func(t *tx) (err error) {
			next, err = h.dialect.Scrub(t.ctx, t.conn.sql, from)
			return err
		})
		if err != nil {
			return err
		}
		from = next
	}
	empty, err := h.checkpoint(ctx)
	if err == nil && !empty {
		return diag.Errorf(diag.Busy, "The %s is being read: try again in a moment.", h.name)
	}
	return err
}

func (h *half) close() error {
	h.readers.close() // first, so that no reader keeps the checkpoint from truncating
	readers := h.pools.Read.Close()
	_, checkpoint := h.checkpoint(context.Background())
	h.mu.Lock()
	defer h.mu.Unlock()
	return errors.Join(readers, checkpoint, h.writer.sql.Close(), h.pools.Write.Close())
}
