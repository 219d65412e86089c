package store

import (
	"context"
	"database/sql"
)

// Dialect is what engines do differently. An adapter supplies one.
type Dialect interface {
	// Rewrite turns the store's text into the engine's: placeholders ($1, $2, ...), in migrations the marks
	// /* clustered */ (rows lie in the order of the primary key) and /* arrival */ (the engine numbers rows as
	// they come), in queries /* by name */ (that index finds the fewest rows). Marks are comments, so an engine
	// that knows better may leave them.
	Rewrite(text string) string
	// Insert is the text that inserts so many rows at once and skips those whose key is taken. Its arguments
	// are the rows' values one after the other.
	Insert(table string, columns []string, rows int) string
	// Add is the text that adds so many rows to counters: where a row's key stands already, its numbers are added
	// to those there. Its arguments are the rows' keys and numbers one after the other.
	Add(table string, key, numbers []string, rows int) string
	// Classify says what an error of the engine means.
	Classify(err error) Class
	// Checkpoint empties the engine's log into its files. It waits for nobody: while somebody reads it may get
	// nowhere, and done is false. The connection is the writer's.
	Checkpoint(ctx context.Context, c *sql.Conn) (done bool, err error)
	// Scrub overwrites what deleted rows left behind in a bounded part of the files, the part that begins at
	// from, and returns where the next one does; 0 when all is done. It runs in a writing transaction of the
	// connection.
	Scrub(ctx context.Context, c *sql.Conn, from int64) (next int64, err error)
	// Copy writes what a connection reads, as of one moment, into a new file of mode 0600.
	Copy(ctx context.Context, c *sql.Conn, path string) error
	// Tables describes the tables that a connection sees, but for full-text tables.
	Tables(ctx context.Context, c *sql.Conn) ([]Table, error)

	// A full-text table holds documents: words of any characters, a newline behind each, of which nothing counts
	// but that they are there. Each has a number; a document cannot be read back.

	// CreateSearch are the texts that make a table. It goes by DROP TABLE.
	CreateSearch(table string) []string
	// SearchInsert takes a number and its document.
	SearchInsert(table string) string
	// SearchDelete takes a number and its document, exactly as it was inserted. Nothing of it is left in the file.
	SearchDelete(table string) string
	// SearchLazily begins or ends a part of a transaction in which SearchDelete is cheap, but leaves documents in the
	// file until the table is settled.
	SearchLazily(table string, begin bool) []string
	// SearchSettle rewrites a table so that nothing deleted is left: first with begin, then again and again, a bounded
	// part each time, until there is no more. It runs in a writing transaction of the connection.
	SearchSettle(ctx context.Context, c *sql.Conn, table string, begin bool) (more bool, err error)
	// SearchFind takes what SearchQuery made, the lowest and the highest number, and how many are wanted at most.
	// Its only row is the text of the numbers found, rising, with commas between them; NULL for none.
	SearchFind(table string) string
	// SearchQuery writes a query.
	SearchQuery(q SearchQuery) string
}

// SearchQuery asks for documents: those with a word, or all that All or Any of others ask for.
type SearchQuery struct {
	Word   string
	Prefix bool // Word is the beginning of a word
	All    []SearchQuery
	Any    []SearchQuery
}

// Class is what an error of an engine means to the store.
type Class uint8

// The classes.
const (
	ClassOther   Class = iota
	ClassTaken         // a unique key is taken
	ClassRetry         // the transaction lost against another one: run it again
	ClassFull          // no room left on the disk
	ClassDamaged       // the file is not what the engine wrote
)

// Table describes one table as the engine has it.
type Table struct {
	Name    string
	Columns []string
	Keys    [][]string // columns of the primary key and of every unique index, in order
}
