// Package group says which fault a report is one of.
//
// It promises: one fault gives one signature, whatever the version, build, device, locale, line or address;
// faults at different places give different ones. Decide does no I/O: it reads a report, marks its frames and
// answers; a report decided twice gets the same answer. Its time is linear in the size of the report. Only code
// of the app that has no name yet, because its symbols are missing, is told apart by where it lies in its
// image: such a fault is one of its build.
package group

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf8"

	"lifeboat/internal/diag"
)

// Version of the algorithm. It is part of every signature: raise it whenever a report could get other key
// lines than before.
const Version = 1

// maxKeyFrames is how many frames of the app make a key: one would lump all callers of a shared helper, many
// would split a fault by the ways to it.
const maxKeyFrames = 3

// maxLine bounds a key line and a title, in bytes.
const maxLine = 512

// Decide marks every frame of r (Frame.AppCode, Frame.Relevant) and says which fault the report is one of.
// prefixes are more name prefixes of the app's own code, set by the operator.
func Decide(r *diag.Report, prefixes []string) diag.Verdict {
	o := newOwners(r, prefixes)
	o.mark(r)
	f := find(r)
	f.choose()
	lines := f.key()
	return diag.Verdict{
		Signature: sign(f.family(), r.Handled, lines),
		KeyLines:  lines,
		Title:     f.title(),
		Reason:    f.reason(r),
	}
}

// sign hashes what makes a fault. Every text is preceded by its length, so that no text can look like two.
func sign(family string, handled bool, lines []string) diag.Signature {
	b := make([]byte, 0, 512)
	b = append(b, Version)
	if handled {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = appendText(b, family)
	for _, line := range lines {
		b = appendText(b, line)
	}
	sum := sha256.Sum256(b)
	return diag.Signature(sum[:16])
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// key gives the lines that tell this fault from others: what was thrown, then where.
func (f *fault) key() []string {
	lines := append(make([]string, 0, 2+maxKeyFrames), cut(f.kind))
	if f.at < 0 {
		return f.addMessage(lines)
	}
	places := f.cycle()
	if len(places) == 0 {
		places = f.places()
	}
	lines = append(lines, places...)
	if f.weak(places) {
		return f.addMessage(lines)
	}
	return lines
}

// places gives the deciding frame and, if it is the app's, the next frames of the app. The stack of a .NET
// exception ends where it was caught: there the stacks go on of the exceptions that were thrown then.
func (f *fault) places() []string {
	at := &f.frames[f.at]
	if !at.AppCode {
		return []string{cut(keyLine(at))}
	}
	var p places
	p.add(at)
	p.addCallers(f.frames[f.at+1:])
	for i := len(f.outer) - 1; i >= 0 && habitOf(at) == dotnet; i-- {
		p.addCallers(f.outer[i].Frames)
	}
	return p.lines
}

// places collects key lines, each once, so that the depth of a recursion does not show.
type places struct {
	lines  []string
	frames [maxKeyFrames]*diag.Frame // that gave them
}

func (p *places) addCallers(frames []diag.Frame) {
	for i := 0; i < len(frames) && len(p.lines) < maxKeyFrames; i++ {
		if !p.had(&frames[i]) && rankOf(&frames[i]) == written {
			p.add(&frames[i])
		}
	}
}

func (p *places) add(f *diag.Frame) {
	if line := cut(keyLine(f)); !slices.Contains(p.lines, line) {
		p.frames[len(p.lines)] = f
		p.lines = append(p.lines, line)
	}
}

// had reports cheaply that a frame stands in the same function as one that is there.
func (p *places) had(f *diag.Frame) bool {
	for _, g := range p.frames[:len(p.lines)] {
		if f.Method == g.Method && f.Class == g.Class && f.Image == g.Image && f.Offset == g.Offset && f.File == g.File {
			return true
		}
	}
	return false
}

// addMessage lets the message serve where places do not tell enough.
func (f *fault) addMessage(lines []string) []string {
	if m := plainMessage(f.message); m != "" {
		lines = append(lines, cut(m))
	}
	return lines
}

// weak reports whether the frames say next to nothing: they only carry others, or have the names of minified
// JavaScript.
func (f *fault) weak(lines []string) bool {
	at := &f.frames[f.at]
	if habitOf(at) != script {
		return rankOf(at) >= plumbing
	}
	for _, line := range lines {
		if name := scriptName(line); len(name) > 2 && name != "value" && !strings.HasPrefix(line, namelessMark) {
			return false
		}
	}
	return true
}

// cycle gives the functions of the app that call each other, in an order of its own, if they used up the stack.
// Then the top frame is any of them, or of what they call.
func (f *fault) cycle() []string {
	if !f.overflow() {
		return nil
	}
	count := map[string]int{}
	for i, left := f.at, overflowDepth; i < len(f.frames) && left > 0; i++ {
		if rankOf(&f.frames[i]) == written {
			count[cut(keyLine(&f.frames[i]))]++
			left--
		}
	}
	var lines []string
	for line, n := range count {
		if n > 1 {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines[:min(len(lines), maxKeyFrames)]
}

// overflowDepth is how many frames of the app are looked at to find those that call each other.
const overflowDepth = 64

func (f *fault) overflow() bool {
	return strings.HasSuffix(f.kind, "StackOverflowError") || strings.HasSuffix(f.kind, "StackOverflowException") ||
		f.kind == "RangeError" && strings.HasPrefix(f.message, "Maximum call stack size")
}

// cut bounds a line, on the border of a character.
func cut(s string) string {
	if len(s) <= maxLine {
		return s
	}
	n := maxLine
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
