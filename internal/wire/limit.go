package wire

import (
	"fmt"
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

// cut is something that was left out of a report.
type cut uint8

const (
	cutInner cut = iota
	cutExceptions
	cutFrames
	cutAllFrames
	cutThreads
	cutImages
	cutCount
)

var cutTexts = [cutCount]string{
	cutInner:      fmt.Sprintf("causes beyond %d levels", maxInner),
	cutExceptions: fmt.Sprintf("exceptions beyond %d", maxExceptions),
	cutFrames:     fmt.Sprintf("frames beyond %d of a stack", maxFrames),
	cutAllFrames:  fmt.Sprintf("frames beyond %d of all stacks", maxAllFrames),
	cutThreads:    fmt.Sprintf("threads beyond %d", maxThreads),
	cutImages:     fmt.Sprintf("binaries beyond %d", maxImages),
}

// limit counts what a report may still hold and remembers what did not fit.
type limit struct {
	exceptions int
	frames     int
	cuts       [cutCount]bool
}

func newLimit() limit { return limit{exceptions: maxExceptions, frames: maxAllFrames} }

// room reports whether fits, and remembers what is cut if not.
func (l *limit) room(fits bool, what cut) bool {
	if !fits {
		l.cuts[what] = true
	}
	return fits
}

// frame asks for room for one more frame in a stack that has n.
func (l *limit) frame(n int) bool {
	if !l.room(n < maxFrames, cutFrames) || !l.room(l.frames > 0, cutAllFrames) {
		return false
	}
	l.frames--
	return true
}

// exception asks for room for one more exception at a level of causes.
func (l *limit) exception(level int) bool {
	if !l.room(level <= maxInner, cutInner) || !l.room(l.exceptions > 0, cutExceptions) {
		return false
	}
	l.exceptions--
	return true
}

// problem says what was left out, for a person.
func (l *limit) problem() string {
	var texts []string
	for what, is := range l.cuts {
		if is {
			texts = append(texts, cutTexts[what])
		}
	}
	if texts == nil {
		return ""
	}
	return "Left out, because the log holds too many: " + strings.Join(texts, ", ") + "."
}
