package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"lifeboat/internal/store"
)

// wordMarks are the ASCII characters that words may hold besides letters and digits: all but newline. A quote
// stands for itself doubled.
const wordMarks = " !\"\"#$%&''''()*+,-./:;<=>?@[\\]^_`{|}~"

// CreateSearch makes an FTS5 table (https://www.sqlite.org/fts5.html) that keeps for each word the numbers of its
// documents and nothing else. Only with secure-delete, and without contentless_delete, is nothing of a deleted
// document left in the file.
func (dialect) CreateSearch(table string) []string {
	return []string{
		"CREATE VIRTUAL TABLE " + table + ` USING fts5(doc, content='', columnsize=0, detail=none, tokenize="ascii tokenchars '` + wordMarks + `'")`,
		"INSERT INTO " + table + "(" + table + ", rank) VALUES ('secure-delete', 1)",
	}
}

func (dialect) SearchInsert(table string) string {
	return "INSERT INTO " + table + "(rowid, doc) VALUES ($1, $2)"
}

func (dialect) SearchDelete(table string) string {
	return "INSERT INTO " + table + "(" + table + ", rowid, doc) VALUES ('delete', $1, $2)"
}

func (dialect) SearchFind(table string) string {
	return "SELECT group_concat(num) FROM (SELECT rowid AS num FROM " + table + " WHERE " + table + " MATCH $1 AND rowid BETWEEN $2 AND $3 LIMIT $4)"
}

func (d dialect) SearchQuery(q store.SearchQuery) string {
	switch {
	case q.All != nil:
		return d.joined(q.All, " AND ")
	case q.Any != nil:
		return d.joined(q.Any, " OR ")
	}
	word := `"` + strings.ReplaceAll(q.Word, `"`, `""`) + `"`
	if q.Prefix {
		word += "*"
	}
	return word
}

func (d dialect) joined(parts []store.SearchQuery, word string) string {
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = d.SearchQuery(part)
	}
	return "(" + strings.Join(texts, word) + ")"
}

// SearchLazily ends with a savepoint, at which the engine writes out what it has in mind, as it is set at that moment.
func (dialect) SearchLazily(table string, begin bool) []string {
	set := "INSERT INTO " + table + "(" + table + ", rank) VALUES ('secure-delete', "
	if begin {
		return []string{"SAVEPOINT lazily", "RELEASE lazily", set + "0)"}
	}
	return []string{"SAVEPOINT lazily", "RELEASE lazily", set + "1)"}
}

// settlePages is how many pages a step of SearchSettle writes.
const settlePages = 200

// SearchSettle merges all segments of a table into one (https://www.sqlite.org/fts5.html#the_merge_command). A step
// that changes less than two rows had nothing to do.
func (dialect) SearchSettle(ctx context.Context, c *sql.Conn, table string, begin bool) (more bool, err error) {
	pages := settlePages
	if begin {
		pages = -pages
	}
	var before, after int64
	if err := c.QueryRowContext(ctx, "SELECT total_changes()").Scan(&before); err != nil {
		return false, fmt.Errorf("sqlite: settle: %w", err)
	}
	if _, err := c.ExecContext(ctx, "INSERT INTO "+table+"("+table+", rank) VALUES ('merge', ?)", pages); err != nil {
		return false, fmt.Errorf("sqlite: settle %s: %w", table, err)
	}
	if err := c.QueryRowContext(ctx, "SELECT total_changes()").Scan(&after); err != nil {
		return false, fmt.Errorf("sqlite: settle: %w", err)
	}
	return after-before >= 2, nil
}
