package store

import (
	"database/sql"
	"fmt"
	"strings"
)

// chunkSizes are the numbers of rows that are inserted at once: few, so that the statements stay prepared.
var chunkSizes = [...]int{64, 8, 1}

// table is what insertNew has to know of rows of one type.
type table[T any] struct {
	name    string
	columns []string
	// bind appends the row's values in the order of columns.
	bind func(dst []any, row *T) []any
	// stored finds the row that has the key of row.
	stored func(row *T) (feed int64, member int, err error)
	// self is the row's own place in the journal.
	self func(row *T) (feed int64, member int)
}

// insertNew inserts the rows in order and skips those whose key is taken. It returns the rows that are there
// now, and the copies. Rows with the same key must come in feed order, so that the lowest wins.
func insertNew[T any](t *tx, d Dialect, tab table[T], rows []T) (live, copies []T, err error) {
	live = make([]T, 0, len(rows))
	args := make([]any, 0, chunkSizes[0]*len(tab.columns))
	for len(rows) > 0 {
		n := chunkSize(len(rows))
		args = args[:0]
		for i := range rows[:n] {
			args = tab.bind(args, &rows[i])
		}
		inserted, err := t.exec(d.Insert(tab.name, tab.columns, n), args...)
		if err != nil {
			return nil, nil, err
		}
		if inserted == int64(n) {
			live = append(live, rows[:n]...)
		} else if live, copies, err = tab.part(rows[:n], live, copies); err != nil {
			return nil, nil, err
		}
		rows = rows[n:]
	}
	return live, copies, nil
}

func chunkSize(rows int) int {
	for _, n := range chunkSizes {
		if rows >= n {
			return n
		}
	}
	return 1
}

// part tells rows that were inserted from those that were not.
func (tab table[T]) part(rows, live, copies []T) ([]T, []T, error) {
	for i := range rows {
		feed, member, err := tab.stored(&rows[i])
		if err != nil {
			return nil, nil, err
		}
		if ownFeed, ownMember := tab.self(&rows[i]); feed == ownFeed && member == ownMember {
			live = append(live, rows[i])
		} else {
			copies = append(copies, rows[i])
		}
	}
	return live, copies, nil
}

// lookUp asks for what belongs to each of many keys in few statements. text asks for one of them: its first number
// is the key's place in the piece, the others those of the key's arguments.
func lookUp[K any](t *tx, keys []K, text string, bind func(k K, dst []any) []any, scan func(r *sql.Rows, place *int, piece []K) error) error {
	var args, numbers []any
	return chunks(keys, func(piece []K) error {
		args = args[:0]
		var b strings.Builder
		for i, k := range piece {
			if i > 0 {
				b.WriteString(" UNION ALL ")
			}
			numbers = append(numbers[:0], i)
			before := len(args)
			args = bind(k, args)
			for j := before; j < len(args); j++ {
				numbers = append(numbers, j+1)
			}
			fmt.Fprintf(&b, text, numbers...)
		}
		return t.each(func(r *sql.Rows) error {
			var place int
			return scan(r, &place, piece)
		}, b.String(), args...)
	})
}

// tuples are the placeholders of so many rows.
func tuples(rows, columns int) string {
	var b strings.Builder
	for n := range rows * columns {
		switch {
		case n == 0:
			b.WriteString("(")
		case n%columns == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", n+1)
	}
	b.WriteString(")")
	return b.String()
}

// chunks calls fn for pieces of rows of the fixed sizes.
func chunks[T any](rows []T, fn func([]T) error) error {
	for len(rows) > 0 {
		n := chunkSize(len(rows))
		if err := fn(rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}
