// Package filter reads the filters of the REST API, texts such as
//
//	exceptionMethod eq 'total' and timestamp ge 2024-05-01T00:00:00Z
//
// and decides what they let through.
//
// It promises that every text is either read or refused with a message for a person that says at which character
// and why; that reading never takes long or deep; that a filter printed and read again is the same filter; and
// that texts compare without regard to letter case, whatever the script.
//
// The logic has two values. A field that a thing does not have is null, and so is an empty text: it equals null
// and nothing else, it differs from every other value, and it is neither less nor greater than anything.
package filter

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"lifeboat/internal/diag"
)

// Op compares a field with a value.
type Op string

// The operators.
const (
	Eq Op = "eq"
	Ne Op = "ne"
	Gt Op = "gt"
	Ge Op = "ge"
	Lt Op = "lt"
	Le Op = "le"
)

// Func looks for a text in a field.
type Func string

// The functions.
const (
	Contains   Func = "contains"
	StartsWith Func = "startswith"
	EndsWith   Func = "endswith"
)

// Expr is a filter: one of And, Or, Not, Compare, In and Call. String writes it in a form that reads as the same
// filter.
type Expr interface {
	String() string
	// match decides; get returns the value of a field.
	match(get func(field string) Value) bool
}

// And holds if all parts do. It has at least two.
type And []Expr

// Or holds if a part does. It has at least two.
type Or []Expr

// Not holds if the other does not.
type Not struct{ Of Expr }

// Compare compares a field with one value.
type Compare struct {
	Field string // as its table spells it
	Op    Op
	Value Value
}

// In holds if the field equals one of the values.
type In struct {
	Field  string
	Values []Value
}

// Call looks for a text in a field.
type Call struct {
	Func  Func
	Field string
	Text  string // folded
}

// Value is what a field holds or is compared with.
type Value struct {
	Type Type
	Null bool
	Text string // of a filter: folded, and in its normal form; of a thing: as it is
	Num  int64  // a number, or the nanoseconds of a DeviceTime
}

// TextValue is a text that a thing has, null if it is empty.
func TextValue(s string) Value { return Value{Type: Text, Text: s, Null: s == ""} }

// WordValue is a word in any letter case.
func WordValue(s string) Value { return Value{Type: Word, Text: s, Null: s == ""} }

// IDValue is an id in its normal form: digits of a group's, the canonical GUID of a report's.
func IDValue(s string) Value { return Value{Type: ID, Text: s, Null: s == ""} }

// NumberValue is a number.
func NumberValue(n int64) Value { return Value{Type: Number, Num: n} }

// TimeValue is a time.
func TimeValue(t diag.DeviceTime) Value { return Value{Type: Time, Num: int64(t)} }

// NullValue is that of a field that is not there.
func NullValue(t Type) Value { return Value{Type: t, Null: true} }

// Match decides whether e lets a thing through; get returns the thing's value of a field and is asked for fields
// of e's table only. A nil e lets everything through.
func Match(e Expr, get func(field string) Value) bool { return e == nil || e.match(get) }

func (e And) match(get func(string) Value) bool {
	for _, part := range e {
		if !part.match(get) {
			return false
		}
	}
	return true
}

func (e Or) match(get func(string) Value) bool {
	for _, part := range e {
		if part.match(get) {
			return true
		}
	}
	return false
}

func (e Not) match(get func(string) Value) bool { return !e.Of.match(get) }

func (e Compare) match(get func(string) Value) bool {
	v := get(e.Field)
	switch e.Op {
	case Eq:
		return e.Value.equals(v)
	case Ne:
		return !e.Value.equals(v)
	}
	if v.absent() {
		return false
	}
	c := compare(v, e.Value)
	switch e.Op {
	case Gt:
		return c > 0
	case Ge:
		return c >= 0
	case Lt:
		return c < 0
	default:
		return c <= 0
	}
}

func (e In) match(get func(string) Value) bool {
	v := get(e.Field)
	return slices.ContainsFunc(e.Values, func(one Value) bool { return one.equals(v) })
}

func (e Call) match(get func(string) Value) bool {
	v := get(e.Field)
	if v.absent() {
		return false
	}
	text := Fold(v.Text)
	switch e.Func {
	case StartsWith:
		return strings.HasPrefix(text, e.Text)
	case EndsWith:
		return strings.HasSuffix(text, e.Text)
	default:
		return strings.Contains(text, e.Text)
	}
}

func (v Value) absent() bool { return v.Null || v.Type.textual() && v.Text == "" }

// equals compares a filter's value with a thing's.
func (v Value) equals(of Value) bool {
	if v.absent() || of.absent() {
		return v.absent() && of.absent()
	}
	return compare(of, v) == 0
}

// compare orders a thing's value and a filter's, neither of them absent.
func compare(of, v Value) int {
	switch {
	case v.Type == ID:
		return strings.Compare(of.Text, v.Text)
	case v.Type.textual():
		return strings.Compare(Fold(of.Text), v.Text)
	}
	return cmp.Compare(of.Num, v.Num)
}

// Walk calls fn for e and all its parts, the whole before its parts, until fn returns false.
func Walk(e Expr, fn func(Expr) bool) bool {
	if e == nil {
		return true
	}
	if !fn(e) {
		return false
	}
	switch e := e.(type) {
	case And:
		return !slices.ContainsFunc(e, func(part Expr) bool { return !Walk(part, fn) })
	case Or:
		return !slices.ContainsFunc(e, func(part Expr) bool { return !Walk(part, fn) })
	case Not:
		return Walk(e.Of, fn)
	}
	return true
}

// FieldOf is the field that a Compare, In or Call is about, "" for the others.
func FieldOf(e Expr) string {
	switch e := e.(type) {
	case Compare:
		return e.Field
	case In:
		return e.Field
	case Call:
		return e.Field
	}
	return ""
}

func (e And) String() string { return join([]Expr(e), " and ") }
func (e Or) String() string  { return join([]Expr(e), " or ") }
func (e Not) String() string { return "not " + inner(e.Of) }

func join(parts []Expr, word string) string {
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = part.String()
		switch part.(type) {
		case And, Or:
			texts[i] = inner(part)
		}
	}
	return strings.Join(texts, word)
}

// inner is a part that must not run into what stands around it.
func inner(e Expr) string {
	switch e.(type) {
	case And, Or, Not:
		return "(" + e.String() + ")"
	}
	return e.String()
}

func (e Compare) String() string { return e.Field + " " + string(e.Op) + " " + e.Value.String() }

func (e In) String() string {
	texts := make([]string, len(e.Values))
	for i, v := range e.Values {
		texts[i] = v.String()
	}
	return e.Field + " in (" + strings.Join(texts, ", ") + ")"
}

func (e Call) String() string { return string(e.Func) + "(" + e.Field + ", " + quote(e.Text) + ")" }

func (v Value) String() string {
	switch {
	case v.Null:
		return "null"
	case v.Type == Number:
		return strconv.FormatInt(v.Num, 10)
	case v.Type == Time:
		return diag.DeviceTime(v.Num).Time().Format(time.RFC3339Nano)
	}
	return quote(v.Text)
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
