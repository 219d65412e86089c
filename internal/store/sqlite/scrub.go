package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
)

const (
	scrubPages = 1000    // that one transaction looks at
	mostPages  = 1 << 25 // above that, other pages look like those of trees: see wipe
)

// Scrub overwrites what SQLite leaves in the unused parts of its pages. secure_delete does so for rows that
// are deleted, but not for those that it moves to another page when one becomes full or empty.
func (dialect) Scrub(ctx context.Context, c *sql.Conn, from int64) (next int64, err error) {
	var pages int64
	if err := c.QueryRowContext(ctx, "PRAGMA page_count").Scan(&pages); err != nil {
		return 0, fmt.Errorf("sqlite: scrub: %w", err)
	}
	if pages >= mostPages {
		return 0, fmt.Errorf("sqlite: scrub: the file has %d pages, only %d are supported", pages, mostPages)
	}
	// sqlite_dbpage (https://www.sqlite.org/dbpage.html) is a table of the pages themselves.
	read, err := c.PrepareContext(ctx, "SELECT data FROM sqlite_dbpage WHERE pgno = ?")
	if err != nil {
		return 0, fmt.Errorf("sqlite: scrub: %w", err)
	}
	defer read.Close()
	first := max(from, 1)
	end := min(first+scrubPages, pages+1)
	for n := first; n < end; n++ {
		if err := scrubPage(ctx, c, read, n); err != nil {
			return 0, fmt.Errorf("sqlite: scrub page %d: %w", n, err)
		}
	}
	if end > pages {
		end = 0
	}
	return end, nil
}

func scrubPage(ctx context.Context, c *sql.Conn, read *sql.Stmt, n int64) error {
	var page []byte
	if err := read.QueryRowContext(ctx, n).Scan(&page); err != nil {
		return err
	}
	if changed, err := wipe(page, n == 1); !changed || err != nil {
		return err
	}
	_, err := c.ExecContext(ctx, "UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?", page, n)
	return err
}

// Types of pages of trees. Other pages begin with the number of another page, whose first byte is 0 or 1 up to
// mostPages, or are blank.
const (
	interiorIndex = 2
	interiorTable = 5
	leafIndex     = 10
	leafTable     = 13
)

// wipe overwrites the unused parts of a page of a tree: between the list of its cells and the first cell, and
// within its free blocks (https://www.sqlite.org/fileformat2.html#b_tree_pages).
func wipe(page []byte, first bool) (changed bool, err error) {
	at := 0
	if first {
		at = 100 // the file's header
	}
	head := 8
	switch page[at] {
	case interiorIndex, interiorTable:
		head = 12
	case leafIndex, leafTable:
	default:
		return false, nil
	}
	number := func(at int) int { return int(binary.BigEndian.Uint16(page[at:])) }
	list := at + head + 2*number(at+3)
	cells := number(at + 5)
	if cells == 0 {
		cells = 1 << 16
	}
	if list > cells || cells > len(page) {
		return false, fmt.Errorf("its cells begin at %d, before the end of their list at %d", cells, list)
	}
	changed = zero(page[list:cells])
	for last, block := cells, number(at+1); block != 0; block = number(block) {
		if block < last || block+4 > len(page) || block+number(block+2) > len(page) || number(block+2) < 4 {
			return false, fmt.Errorf("it has no free block at %d", block)
		}
		last = block + number(block+2)
		changed = zero(page[block+4:last]) || changed
	}
	return changed, nil
}

// zero overwrites b and reports whether there was anything.
func zero(b []byte) (changed bool) {
	for i := range b {
		changed = changed || b[i] != 0
		b[i] = 0
	}
	return changed
}
