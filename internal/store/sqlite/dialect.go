package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"modernc.org/sqlite"

	"lifeboat/internal/store"
)

// dialect is SQLite's.
type dialect struct{}

var (
	placeholder = regexp.MustCompile(`\$([0-9]+)`)
	indexMark   = regexp.MustCompile(`/\* by ([a-z_]+) \*/`)
)

// Rewrite numbers placeholders with a question mark, keeps clustered tables in the order of their key
// (https://www.sqlite.org/withoutrowid.html), makes numbers of arrival the row id
// (https://www.sqlite.org/lang_createtable.html#rowid) and takes the index it is told: without statistics
// it thinks that an app has ten rows. Placeholders that come in the order of their numbers lose them: binding
// those is cheaper.
func (dialect) Rewrite(text string) string {
	if inOrder(text) {
		text = placeholder.ReplaceAllString(text, "?")
	} else {
		text = placeholder.ReplaceAllString(text, "?$1")
	}
	text = indexMark.ReplaceAllString(text, "INDEXED BY $1")
	text = strings.ReplaceAll(text, "/* clustered */", "WITHOUT ROWID")
	return strings.ReplaceAll(text, "BIGINT PRIMARY KEY /* arrival */", "INTEGER PRIMARY KEY")
}

// inOrder tells whether the placeholders of a text are 1, 2, 3 and so on, each once.
func inOrder(text string) bool {
	for i, m := range placeholder.FindAllStringSubmatch(text, -1) {
		if m[1] != strconv.Itoa(i+1) {
			return false
		}
	}
	return true
}

// Insert leaves the placeholders without numbers, too. A statement that could fail half-way would have SQLite copy
// every page that it touches, so one is made that cannot: rows with a NULL where none may be are skipped as well.
func (dialect) Insert(table string, columns []string, rows int) string {
	row := "(?" + strings.Repeat(",?", len(columns)-1) + ")"
	return "INSERT OR IGNORE INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES " + row + strings.Repeat(","+row, rows-1)
}

// Add does the same.
func (dialect) Add(table string, key, numbers []string, rows int) string {
	row := "(?" + strings.Repeat(",?", len(key)+len(numbers)-1) + ")"
	var b strings.Builder
	b.WriteString("INSERT INTO " + table + " (" + strings.Join(slices.Concat(key, numbers), ", ") + ") VALUES " + row + strings.Repeat(","+row, rows-1) +
		" ON CONFLICT (" + strings.Join(key, ", ") + ") DO UPDATE SET ")
	for i, n := range numbers {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(n + " = " + table + "." + n + " + excluded." + n)
	}
	return b.String()
}

// busyTimeout is how long a connection waits for a lock, in ms.
const busyTimeout = "PRAGMA busy_timeout(5000)"

// Primary and extended result codes: https://www.sqlite.org/rescode.html
const (
	codeBusy       = 5
	codeCorrupt    = 11
	codeFull       = 13
	codeNotADB     = 26
	codeUnique     = 2067 // SQLITE_CONSTRAINT_UNIQUE
	codePrimaryKey = 1555 // SQLITE_CONSTRAINT_PRIMARYKEY
)

func (dialect) Classify(err error) store.Class { return classify(err) }

func classify(err error) store.Class {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return store.ClassOther
	}
	switch e.Code() {
	case codeUnique, codePrimaryKey:
		return store.ClassTaken
	}
	switch e.Code() & 0xff {
	case codeBusy:
		return store.ClassRetry
	case codeFull:
		return store.ClassFull
	case codeCorrupt, codeNotADB:
		return store.ClassDamaged
	}
	return store.ClassOther
}

// Checkpoint folds the write-ahead log into the file and empties it. A reader that still needs the log keeps
// it from being emptied. SQLite would wait for it as for any lock, and the pipeline with it.
func (dialect) Checkpoint(ctx context.Context, c *sql.Conn) (done bool, err error) {
	if _, err := c.ExecContext(ctx, "PRAGMA busy_timeout(0)"); err != nil {
		return false, err
	}
	var busy, pages, moved int
	err = c.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved)
	_, restored := c.ExecContext(context.WithoutCancel(ctx), busyTimeout)
	return busy == 0, errors.Join(err, restored)
}

// Copy makes a file of its own of the database: it holds no free pages, so nothing that was deleted
// (https://www.sqlite.org/lang_vacuum.html#vacuuminto).
func (dialect) Copy(ctx context.Context, c *sql.Conn, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // an empty file keeps its mode
	if err != nil {
		return fmt.Errorf("sqlite: copy: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("sqlite: copy: %w", err)
	}
	if _, err := c.ExecContext(ctx, "PRAGMA query_only(0)"); err != nil {
		return fmt.Errorf("sqlite: copy: %w", err)
	}
	_, err = c.ExecContext(ctx, "VACUUM INTO ?", path)
	_, restored := c.ExecContext(context.WithoutCancel(ctx), "PRAGMA query_only(1)")
	return errors.Join(err, restored)
}

func (dialect) Tables(ctx context.Context, c *sql.Conn) ([]store.Table, error) {
	names, err := texts(ctx, c, "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name <> 'sqlite_schema' ORDER BY name")
	if err != nil {
		return nil, err
	}
	var all []store.Table
	for _, name := range names {
		t := store.Table{Name: name}
		if t.Columns, err = texts(ctx, c, "SELECT name FROM pragma_table_info(?) ORDER BY cid", name); err != nil {
			return nil, err
		}
		if t.Keys, err = keys(ctx, c, name); err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

func keys(ctx context.Context, c *sql.Conn, table string) (all [][]string, err error) {
	primary, err := texts(ctx, c, "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", table)
	if err != nil {
		return nil, err
	}
	if len(primary) > 0 {
		all = append(all, primary)
	}
	indexes, err := texts(ctx, c, "SELECT name FROM pragma_index_list(?) WHERE \"unique\" = 1 AND origin <> 'pk' ORDER BY name", table)
	if err != nil {
		return nil, err
	}
	for _, index := range indexes {
		columns, err := texts(ctx, c, "SELECT name FROM pragma_index_info(?) ORDER BY seqno", index)
		if err != nil {
			return nil, err
		}
		all = append(all, columns)
	}
	return all, nil
}

func texts(ctx context.Context, c *sql.Conn, query string, args ...any) (all []string, err error) {
	rows, err := c.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("sqlite: describe tables: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, rows.Err()
}
