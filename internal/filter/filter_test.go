package filter_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/diag"
	"lifeboat/internal/filter"
)

var update = flag.Bool("update", false, "write the answers into the files")

func tables() map[string]filter.Fields {
	return map[string]filter.Fields{
		"reports": filter.Reports(), "groups": filter.Groups(), "versions": filter.Versions(), "symbolgroups": filter.SymbolGroups(),
	}
}

// TestExamples reads testdata/*.txt: lines with "> " are filters on the table that the file is named after, the line
// behind each is what it is read as, or why it is not.
func TestExamples(t *testing.T) {
	t.Parallel()
	for name, fields := range tables() {
		path := filepath.Join("testdata", name+".txt")
		had, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		for line := range strings.Lines(string(had)) {
			text, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "> ")
			switch {
			case ok:
				fmt.Fprintf(&b, "> %s\n%s\n", text, answer(t, text, fields))
			case strings.HasPrefix(line, "#") || line == "\n":
				b.WriteString(line)
			}
		}
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(string(had), b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func answer(t *testing.T, text string, fields filter.Fields) string {
	t.Helper()
	e, err := filter.Parse(text, fields)
	switch {
	case err != nil:
		if diag.KindOf(err) != diag.Invalid {
			t.Errorf("%q: error %v of kind %v", text, err, diag.KindOf(err))
		}
		return "! " + err.Error()
	case e == nil:
		return "(everything)"
	}
	return e.String()
}

// TestLimits: what is too long, too deep or too much is refused, what is just not is read.
func TestLimits(t *testing.T) {
	t.Parallel()
	list := func(n int) string { return "appBuild in (" + strings.Repeat("'1', ", n-1) + "'1')" }
	deep := func(n int) string { return strings.Repeat("(", n) + "userId eq '1'" + strings.Repeat(")", n) }
	long := func(n int) string { return "userId eq '" + strings.Repeat("ä", n-len("userId eq ''")) + "'" }
	for text, words := range map[string]string{
		long(filter.MaxLength):                            "",
		long(filter.MaxLength + 1):                        "at most 2000 characters",
		strings.Repeat(" ", 5*filter.MaxLength):           "at most 2000 characters",
		deep(filter.MaxDepth):                             "",
		deep(filter.MaxDepth + 1):                         "at character 34: parentheses and \"not\" go deeper than 32 levels",
		strings.Repeat("not (", 33) + "userId eq '1'":     "go deeper",
		strings.Repeat("(", filter.MaxLength):             "go deeper",
		list(filter.MaxList):                              "",
		list(filter.MaxList + 1):                          "at most 100 values",
		strings.Repeat("not ", 400) + "userId eq '1'":     "expected the name",
		"userId eq '" + strings.Repeat("'", 1901):         "",
		"userId eq '" + strings.Repeat("'", 1900):         "no closing quote",
		strings.Repeat("x", 1900) + " eq 1":               "Cannot filter on the " + strings.Repeat("x", 64) + " field",
		strings.Repeat("userId eq 1 or ", 130) + "a eq 1": "Cannot filter on the a field, at character 1951",
	} {
		_, err := filter.Parse(text, filter.Reports())
		if (err == nil) != (words == "") || err != nil && !strings.Contains(err.Error(), words) {
			t.Errorf("%.40q…: error %v, want %q", text, err, words)
		}
	}
}

// thing is something to filter.
type thing map[string]filter.Value

func (th thing) get(field string) filter.Value { return th[field] }

func moment(t *testing.T, s string) filter.Value {
	t.Helper()
	at, ok := diag.ParseTime(s)
	if !ok {
		t.Fatal(s)
	}
	return filter.TimeValue(diag.DeviceTimeOf(at))
}

func TestMatch(t *testing.T) {
	t.Parallel()
	it := thing{
		"exceptionMethod": filter.TextValue("Total"), "exceptionClassName": filter.TextValue("com.acme.CART"), "userId": filter.TextValue(""),
		"deviceName": filter.TextValue("Straße Ⅷ"), "exceptionLine": filter.NumberValue(42), "errorType": filter.WordValue(filter.Unhandled),
		"timestamp": moment(t, "2024-05-09T10:00:00.5Z"), "errorGroupId": filter.IDValue("123"), "installId": filter.IDValue("AbC"), "osVersion": filter.TextValue("it's 14"),
		"country": filter.NullValue(filter.Text), "state": filter.WordValue("closed"),
	}
	for text, want := range map[string]bool{
		"":                                                         true,
		"exceptionMethod eq 'total'":                               true,
		"EXCEPTIONMETHOD EQ 'TOTAL'":                               true,
		"exceptionMethod ne 'total'":                               false,
		"exceptionMethod gt 'sum'":                                 true,
		"exceptionMethod lt 'sum'":                                 false,
		"exceptionMethod ge 'TOTAL'":                               true,
		"exceptionMethod le 'total'":                               true,
		"exceptionMethod in ('a','total')":                         true,
		"not exceptionMethod in ('a','b')":                         true,
		"userId eq null":                                           true,
		"userId eq ''":                                             true,
		"userId ne null":                                           false,
		"userId ne 'x'":                                            true,
		"userId lt 'x'":                                            false,
		"userId ge ''":                                             false,
		"userId in ('x', null)":                                    true,
		"contains(userId, '')":                                     false,
		"country eq null and not (country ne null)":                true,
		"exceptionMethod eq null":                                  false,
		"exceptionMethod gt ''":                                    true,
		"contains(exceptionClassName, 'Acme.c')":                   true,
		"contains(exceptionClassName, 'Acme.c') eq true":           true,
		"contains(exceptionClassName, 'Acme.c') eq false":          false,
		"not contains(exceptionClassName, 'x') eq false":           false,
		"startswith(exceptionClassName, 'COM.')":                   true,
		"startswith(exceptionClassName, 'acme')":                   false,
		"endswith(exceptionClassName, 'cart')":                     true,
		"endswith(exceptionClassName, 'com')":                      false,
		"contains(deviceName, 'STRAßE ⅷ')":                         true,
		"osVersion eq 'IT''S 14'":                                  true,
		"exceptionLine eq 42 and exceptionLine eq '42'":            true,
		"exceptionLine gt 41 and exceptionLine lt 43":              true,
		"exceptionLine ne 42 or exceptionLine gt 42":               false,
		"exceptionLine in (1, 42)":                                 true,
		"errorType eq 'unhandled'":                                 true,
		"errorType ne 'handledError'":                              true,
		"state eq 'Closed'":                                        true,
		"errorGroupId eq '123u' and errorGroupId eq '123'":         true,
		"errorGroupId eq 123u and errorGroupId eq 123":             true,
		"installId eq ' AbC '":                                     true,
		"installId eq 'abc'":                                       false,
		"errorGroupId eq 'nonsense'":                               false,
		"errorGroupId ne 'nonsense'":                               true,
		"timestamp ge 2024-05-09 and timestamp lt 2024-05-10":      true,
		"timestamp eq '2024-05-09T12:00:00.500+02:00'":             true,
		"timestamp eq datetime'2024-05-09T10:00:00.5'":             true,
		"timestamp eq 2024-05-09T12:00:00.5 02:00":                 true,
		"timestamp gt 2024-05-09T10:00:00.5Z":                      false,
		"userId eq 'a' and userId eq 'b' or exceptionLine eq 42":   true,
		"exceptionLine eq 42 or userId eq 'a' and userId eq 'b'":   true,
		"(exceptionLine eq 42 or userId eq 'a') and userId eq 'b'": false,
		"not userId eq null and userId eq null":                    false,
		"not (userId eq null and userId eq 'x')":                   true,
	} {
		e, err := filter.Parse(text, filter.Reports())
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := filter.Match(e, it.get); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// TestUnknownField: clients look for the words that the real service had.
func TestUnknownField(t *testing.T) {
	t.Parallel()
	_, err := filter.Parse("userId eq 'a'", filter.Groups())
	var e *diag.Error
	if !errors.As(err, &e) || e.Kind != diag.Invalid || !strings.HasPrefix(e.Message, "Cannot filter on the userId field") {
		t.Fatalf("error %v", err)
	}
}

func TestWalk(t *testing.T) {
	t.Parallel()
	e, err := filter.Parse("userId eq 'a' and (not contains(country, 'b') or osVersion in ('c'))", filter.Reports())
	if err != nil {
		t.Fatal(err)
	}
	var fields []string
	filter.Walk(e, func(part filter.Expr) bool {
		if f := filter.FieldOf(part); f != "" {
			fields = append(fields, f)
		}
		return true
	})
	if want := []string{"userId", "country", "osVersion"}; !slices.Equal(fields, want) {
		t.Errorf("fields %v, want %v", fields, want)
	}
	seen := 0
	if filter.Walk(e, func(filter.Expr) bool { seen++; return seen < 3 }) || seen != 3 {
		t.Errorf("a walk that is told to stop after 3 parts saw %d", seen)
	}
}
