package store

import "strings"

// rollup is a table of counters: rows of a key and up to three numbers that are added up.
type rollup[K comparable] struct {
	table       string
	key, values []string
	bind        func(dst []any, k K) []any
}

// newRollup knows a table by the columns of its key and of its numbers, both with blanks between them.
func newRollup[K comparable](table, key, values string, bind func(dst []any, k K) []any) *rollup[K] {
	return &rollup[K]{table, strings.Fields(key), strings.Fields(values), bind}
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
		_, err := t.exec(t.conn.dialect.Add(r.table, r.key, r.values, len(piece)), args...)
		return err
	})
}
