package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"lifeboat/internal/diag"
)

// conn is one connection and the statements that stay prepared on it. One goroutine uses it at a time.
type conn struct {
	sql     *sql.Conn
	dialect Dialect
	stmts   map[string]*sql.Stmt
}

// maxStatements bounds what a connection keeps prepared: filters of lists come in hundreds of combinations.
const maxStatements = 128

func newConn(ctx context.Context, d Dialect, pool *sql.DB) (*conn, error) {
	c, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{sql: c, dialect: d, stmts: map[string]*sql.Stmt{}}, nil
}

// prepare prepares on the connection itself, so that the statement takes part in whatever transaction is open
// there. No rows of another statement may be open.
func (c *conn) prepare(text string) (*sql.Stmt, error) {
	if s := c.stmts[text]; s != nil {
		return s, nil
	}
	s, err := c.sql.PrepareContext(context.Background(), c.dialect.Rewrite(text))
	if err != nil {
		return nil, err
	}
	if len(c.stmts) >= maxStatements {
		for old, s := range c.stmts {
			s.Close() // the connection would tell of anything that matters
			delete(c.stmts, old)
		}
	}
	c.stmts[text] = s
	return s, nil
}

// readers hands out a half's reading connections. They are made when needed and never more than the pool
// allows. The one used last is used next, so that the others fall idle.
type readers struct {
	dialect Dialect
	pool    *sql.DB
	slots   chan struct{} // holds one for each connection in use

	mu   sync.Mutex
	idle []*conn
	low  int // the shortest that idle has been since the last trim: so many at its beginning were not needed
}

// manyReaders is for pools without a bound of their own.
const manyReaders = 16

func newReaders(d Dialect, pool *sql.DB) readers {
	most := pool.Stats().MaxOpenConnections
	if most <= 0 {
		most = manyReaders
	}
	return readers{dialect: d, pool: pool, slots: make(chan struct{}, most)}
}

// use runs fn with a connection of its own.
func (r *readers) use(ctx context.Context, fn func(*conn) error) error {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	c := r.take()
	if c == nil {
		var err error
		if c, err = newConn(ctx, r.dialect, r.pool); err != nil {
			return err
		}
	}
	err := fn(c)
	if sound(err) {
		r.give(c)
	} else {
		c.sql.Close()
	}
	return err
}

// sound tells whether a connection can be used again after an error: the engine had no part in it.
func sound(err error) bool {
	var known *diag.Error
	return err == nil || errors.Is(err, sql.ErrNoRows) || errors.As(err, &known)
}

func (r *readers) take() *conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.idle) - 1
	if last < 0 {
		return nil
	}
	c := r.idle[last]
	r.idle = r.idle[:last]
	r.low = min(r.low, last)
	return c
}

func (r *readers) give(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = append(r.idle, c)
}

// trim closes the connections that were idle ever since the last call.
func (r *readers) trim() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.idle[:r.low] {
		c.sql.Close()
	}
	r.idle = append([]*conn(nil), r.idle[r.low:]...)
	r.low = len(r.idle)
}

func (r *readers) close() {
	r.trim()
	r.trim()
}
