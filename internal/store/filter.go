package store

import (
	"fmt"
	"strings"
)

// filter puts a WHERE clause together. Every text it can make stays prepared, so conditions are fixed texts
// and only arguments vary.
type filter struct {
	where strings.Builder
	args  []any
}

// and adds a condition; each %d in it stands for the number of the next argument.
func (f *filter) and(condition string, args ...any) {
	numbers := make([]any, len(args))
	for i, a := range args {
		f.args = append(f.args, a)
		numbers[i] = len(f.args)
	}
	if f.where.Len() > 0 {
		f.where.WriteString(" AND ")
	}
	fmt.Fprintf(&f.where, condition, numbers...)
}

func (f *filter) String() string { return f.where.String() }

// limit adds the argument of a LIMIT clause and returns the clause; nothing for no limit.
func (f *filter) limit(n int) string {
	if n <= 0 {
		return ""
	}
	f.args = append(f.args, n)
	return fmt.Sprintf(" LIMIT $%d", len(f.args))
}
