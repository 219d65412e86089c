package filter_test

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"lifeboat/internal/diag"
	"lifeboat/internal/filter"
)

// tree makes any filter on the fields of reports.
func tree(t *rapid.T, depth int) filter.Expr {
	n := 5
	if depth == 0 {
		n = 2
	}
	texts := rapid.SampledFrom([]string{"userId", "exceptionMethod", "deviceName"})
	literal := rapid.Custom(func(t *rapid.T) string {
		return filter.Fold(strings.ToValidUTF8(rapid.StringN(0, 6, -1).Draw(t, "text"), "?"))
	})
	parts := func() []filter.Expr {
		all := make([]filter.Expr, rapid.IntRange(2, 3).Draw(t, "parts"))
		for i := range all {
			all[i] = tree(t, depth-1)
		}
		return all
	}
	switch rapid.IntRange(0, n).Draw(t, "kind") {
	case 0:
		f := rapid.SampledFrom([]filter.Func{filter.Contains, filter.StartsWith, filter.EndsWith}).Draw(t, "function")
		return filter.Call{Func: f, Field: texts.Draw(t, "field"), Text: literal.Draw(t, "text")}
	case 1:
		op := rapid.SampledFrom([]filter.Op{filter.Eq, filter.Ne, filter.Gt, filter.Ge, filter.Lt, filter.Le}).Draw(t, "op")
		if rapid.Bool().Draw(t, "time") {
			return filter.Compare{Field: "timestamp", Op: op, Value: filter.TimeValue(diag.DeviceTime(rapid.Int64().Draw(t, "ns")))}
		}
		return filter.Compare{Field: texts.Draw(t, "field"), Op: op, Value: filter.Value{Text: literal.Draw(t, "text")}}
	case 2:
		e := filter.In{Field: "exceptionLine"}
		for range rapid.IntRange(1, 4).Draw(t, "values") {
			e.Values = append(e.Values, filter.NumberValue(rapid.Int64().Draw(t, "n")))
		}
		return append1(e, rapid.Bool().Draw(t, "null"))
	case 3:
		return filter.And(parts())
	case 4:
		return filter.Or(parts())
	default:
		of := tree(t, depth-1)
		if n, ok := of.(filter.Not); ok {
			return n
		}
		return filter.Not{Of: of}
	}
}

func append1(e filter.In, null bool) filter.In {
	if null {
		e.Values = append(e.Values, filter.NullValue(filter.Number))
	}
	return e
}

// TestPrintedIsRead: a filter printed and read again is the same filter.
func TestPrintedIsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := tree(t, 3)
		text := e.String()
		if utf8.RuneCountInString(text) > filter.MaxLength {
			return
		}
		again, err := filter.Parse(text, filter.Reports())
		if err != nil || !reflect.DeepEqual(e, again) {
			t.Fatalf("%s is read as %v, %v", text, again, err)
		}
	})
}

// TestLogic: every filter is either true or false, and not means the other.
func TestLogic(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		it := thing{"timestamp": filter.TimeValue(diag.DeviceTime(rapid.Int64().Draw(t, "at"))), "exceptionLine": filter.NumberValue(7)}
		for _, f := range []string{"userId", "exceptionMethod", "deviceName"} {
			it[f] = filter.TextValue(rapid.StringN(0, 3, -1).Draw(t, f))
		}
		a, b := tree(t, 2), tree(t, 2)
		yes, other := filter.Match(a, it.get), filter.Match(b, it.get)
		for text, ok := range map[string]bool{
			"not": filter.Match(filter.Not{Of: a}, it.get) == !yes,
			"and": filter.Match(filter.And{a, b}, it.get) == (yes && other),
			"or":  filter.Match(filter.Or{a, b}, it.get) == (yes || other),
		} {
			if !ok {
				t.Fatalf("%s of %s and %s", text, a, b)
			}
		}
	})
}

// TestFold: two texts fold to the same if they differ in letter case only.
func TestFold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.StringN(0, 4, -1).Draw(t, "a"), rapid.StringN(0, 4, -1).Draw(t, "b")
		for _, pair := range [][2]string{{a, b}, {a, strings.ToUpper(a)}, {a, strings.ToLower(a)}, {a, strings.ToTitle(b)}} {
			if (filter.Fold(pair[0]) == filter.Fold(pair[1])) != strings.EqualFold(pair[0], pair[1]) {
				t.Fatalf("%q and %q fold to %q and %q", pair[0], pair[1], filter.Fold(pair[0]), filter.Fold(pair[1]))
			}
		}
		if filter.Fold(filter.Fold(a)) != filter.Fold(a) {
			t.Fatalf("%q folds twice", a)
		}
	})
}

// FuzzParse: no text makes it panic, and what is read is the same when printed and read again.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"exceptionMethod eq 'name'", "not (a eq 1) or contains(userId,'x''y') eq false", "timestamp ge datetime'2024-05-01' and timestamp lt 2024-05-02T00:00:00 02:00",
		"errorId in ('2516870173749999999-5b0f3f0e-6a53-4c2f-9b77-0d3c0a5e1f11', null)", "errorType eq 'handled' and exceptionLine gt -5", "((((((", "userId eq '\xff'", "'", "\x00",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, fields := range tables() {
			e, err := filter.Parse(text, fields)
			if err != nil {
				if diag.KindOf(err) != diag.Invalid || !utf8.ValidString(err.Error()) {
					t.Fatalf("%s: %v", name, err)
				}
				continue
			}
			filter.Match(e, func(string) filter.Value { return filter.TextValue("x") })
			if e == nil || utf8.RuneCountInString(e.String()) > filter.MaxLength {
				continue
			}
			again, err := filter.Parse(e.String(), fields)
			if err != nil || !reflect.DeepEqual(e, again) {
				t.Fatalf("%s: %s is read as %v, %v", name, e, again, err)
			}
		}
	})
}
