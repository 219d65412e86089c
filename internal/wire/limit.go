package wire

import (
	"fmt"
	"slices"
	"strings"
)

// What one report may hold. Real ones stay far below: Java sends 256 frames and 16 causes at most, but every
// thread in full length.
const (
	maxInner      = 64     // levels of causes
	maxExceptions = 1024   // in all
	maxFrames     = 4096   // of one stack
	maxAllFrames  = 65_536 // in all
	maxThreads    = 1024
	maxImages     = 4096
)

// limit counts what a report may still hold and remembers what did not fit.
type limit struct {
	exceptions int
	frames     int
	cuts       []string
}

func newLimit() limit { return limit{exceptions: maxExceptions, frames: maxAllFrames} }

// cut notes that something was left out.
func (l *limit) cut(format string, n int) {
	if note := fmt.Sprintf(format, n); !slices.Contains(l.cuts, note) {
		l.cuts = append(l.cuts, note)
	}
}

// frame asks for room for one more frame in a stack that has n.
func (l *limit) frame(n int) bool {
	switch {
	case n >= maxFrames:
		l.cut("frames beyond %d of a stack", maxFrames)
		return false
	case l.frames == 0:
		l.cut("frames beyond %d of all stacks", maxAllFrames)
		return false
	}
	l.frames--
	return true
}

// exception asks for room for one more exception at a level of causes.
func (l *limit) exception(level int) bool {
	switch {
	case level > maxInner:
		l.cut("causes beyond %d levels", maxInner)
		return false
	case l.exceptions == 0:
		l.cut("exceptions beyond %d", maxExceptions)
		return false
	}
	l.exceptions--
	return true
}

// problem says what was left out, for a person.
func (l *limit) problem() string {
	if len(l.cuts) == 0 {
		return ""
	}
	return "Left out, because the log holds too many: " + strings.Join(l.cuts, ", ") + "."
}
