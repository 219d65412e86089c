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

// half is one of the two databases. Writing transactions run one after the other on one connection, whose
// statements stay prepared; reading ones run beside them on a snapshot.
type half struct {
	name    string // register or index
	cure    string // what a person can do when it is damaged
	dialect Dialect
	pools   Pools

	mu    sync.Mutex // held by the writing transaction
	conn  *sql.Conn
	stmts map[string]*sql.Stmt // prepared on conn

	readMu sync.Mutex
	reads  map[string]*sql.Stmt // prepared on the readers' pool

	undo func()      // called with mu held when a transaction came to nothing; may be nil
	busy atomic.Bool // something was written since the last tidy
}

func newHalf(ctx context.Context, name, cure string, d Dialect, p Pools) (*half, error) {
	h := &half{name: name, cure: cure, dialect: d, pools: p, stmts: map[string]*sql.Stmt{}, reads: map[string]*sql.Stmt{}}
	conn, err := p.Write.Conn(ctx)
	if err != nil {
		return nil, h.explain(err)
	}
	h.conn = conn
	return h, nil
}

// tx is a transaction, or a single read. Texts are in the store's dialect and stay prepared, so they must be
// few: lists of arguments come in fixed sizes.
type tx struct {
	ctx     context.Context
	prepare func(text string) (*sql.Stmt, error)
}

func (t *tx) exec(text string, args ...any) (rows int64, err error) {
	s, err := t.prepare(text)
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
	s, err := t.prepare(text)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(t.ctx, args...)
}

// get scans the only row into dest; sql.ErrNoRows if there is none.
func (t *tx) get(dest []any, text string, args ...any) error {
	s, err := t.prepare(text)
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
		if h.undo != nil {
			h.undo()
		}
		if h.dialect.Classify(err) != ClassRetry {
			break
		}
	}
	return h.explain(err)
}

func (h *half) attempt(ctx context.Context, fn func(*tx) error) error {
	btx, err := h.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer btx.Rollback() // nothing once committed
	if err := fn(&tx{ctx: ctx, prepare: h.prepareWrite}); err != nil {
		return err
	}
	return btx.Commit()
}

// prepareWrite prepares on the writing connection itself, so that the statement takes part in whatever
// transaction is open there. The caller holds mu.
func (h *half) prepareWrite(text string) (*sql.Stmt, error) {
	if s := h.stmts[text]; s != nil {
		return s, nil
	}
	s, err := h.conn.PrepareContext(context.Background(), h.dialect.Rewrite(text))
	if err != nil {
		return nil, err
	}
	h.stmts[text] = s
	return s, nil
}

func (h *half) prepareRead(text string) (*sql.Stmt, error) {
	h.readMu.Lock()
	defer h.readMu.Unlock()
	if s := h.reads[text]; s != nil {
		return s, nil
	}
	s, err := h.pools.Read.PrepareContext(context.Background(), h.dialect.Rewrite(text))
	if err != nil {
		return nil, err
	}
	h.reads[text] = s
	return s, nil
}

// read runs fn with single reads, each on the newest state.
func (h *half) read(ctx context.Context, fn func(*tx) error) error {
	return h.explain(fn(&tx{ctx: ctx, prepare: h.prepareRead}))
}

// view runs fn on one snapshot.
func (h *half) view(ctx context.Context, fn func(*tx) error) error {
	btx, err := h.pools.Read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return h.explain(err)
	}
	defer btx.Rollback() // a snapshot has nothing to commit
	return h.explain(fn(&tx{ctx: ctx, prepare: func(text string) (*sql.Stmt, error) {
		s, err := h.prepareRead(text)
		if err != nil {
			return nil, err
		}
		return btx.StmtContext(ctx, s), nil
	}}))
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

// tidy checkpoints when nothing was written since the last call.
func (h *half) tidy(ctx context.Context) error {
	if h.busy.Swap(false) {
		return nil
	}
	return h.checkpoint(ctx)
}

func (h *half) checkpoint(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.explain(h.dialect.Checkpoint(ctx, h.conn))
}

func (h *half) close() error {
	readers := h.pools.Read.Close() // first, so that no reader keeps the checkpoint from truncating
	checkpoint := h.checkpoint(context.Background())
	h.mu.Lock()
	defer h.mu.Unlock()
	return errors.Join(readers, checkpoint, h.conn.Close(), h.pools.Write.Close())
}
