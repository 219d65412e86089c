package store

import (
	"fmt"
	"strings"
)

// rollup is a table of counters: rows of a key and up to three numbers that are added up.
type rollup[K comparable] struct {
	texts  [len(chunkSizes)]string // that add to so many counters at once
	values int                     // numbers per row
	bind   func(dst []any, k K) []any
}

// newRollup knows a table by the columns of its key and of its numbers, both with blanks between them.
func newRollup[K comparable](table, key, values string, bind func(dst []any, k K) []any) *rollup[K] {
	keys, sums := strings.Fields(key), strings.Fields(values)
	r := &rollup[K]{values: len(sums), bind: bind}
	for i, n := range chunkSizes {
		r.texts[i] = addText(table, keys, sums, n)
	}
	return r
}

func addText(table string, keys, sums []string, rows int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (%s, %s) VALUES ", table, strings.Join(keys, ", "), strings.Join(sums, ", "))
	columns := len(keys) + len(sums)
	for row := range rows {
		if row > 0 {
			b.WriteString(", ")
		}
		for column := range columns {
			b.WriteString(", "[:2*min(column, 1)])
			if column == 0 {
				b.WriteByte('(')
			}
			fmt.Fprintf(&b, "$%d", row*columns+column+1)
		}
		b.WriteByte(')')
	}
	fmt.Fprintf(&b, " ON CONFLICT (%s) DO UPDATE SET ", strings.Join(keys, ", "))
	for i, c := range sums {
		b.WriteString(", "[:2*min(i, 1)])
		fmt.Fprintf(&b, "%[1]s = %[2]s.%[1]s + excluded.%[1]s", c, table)
	}
	return b.String()
}

// sums are what a batch adds to counters. A table may have the first of the numbers only.
type sums[K comparable] map[K][3]int64

func (s sums[K]) add(k K, n ...int64) {
	v := s[k]
	for i := range n {
		v[i] += n[i]
	}
	s[k] = v
}

// write adds the sums to the counters. Sums that come to nothing are left out.
func (r *rollup[K]) write(t *tx, s sums[K]) error {
	keys := make([]K, 0, len(s))
	for k, v := range s {
		if v != [3]int64{} {
			keys = append(keys, k)
		}
	}
	var args []any
	return chunks(keys, func(piece []K) error {
		args = args[:0]
		for _, k := range piece {
			args = r.bind(args, k)
			v := s[k]
			for i := range r.values {
				args = append(args, v[i])
			}
		}
		for i, n := range chunkSizes {
			if n == len(piece) {
				_, err := t.exec(r.texts[i], args...)
				return err
			}
		}
		return nil
	})
}
