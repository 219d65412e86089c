package wire_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lifeboat/internal/diag"
	"lifeboat/internal/wire"
)

func TestSplitContainer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		want       []string
	}{
		{"one log", `{"logs":[{"type":"event"}]}`, []string{`{"type":"event"}`}},
		{"empty array", `{"logs":[]}`, nil},
		{"elements of any kind", ` { "logs" : [ 1 , null , "a,]" , [ [] , {} ] , {"a":[{}]} ] } ` + "\r\n", []string{`1`, `null`, `"a,]"`, `[ [] , {} ]`, `{"a":[{}]}`}},
		{"other members", `{"a":[1,{"logs":[9]}],"logs":[1],"b":{"c":"\"}"},"d":-0.5e+10}`, []string{`1`}},
		{"the last logs count", `{"logs":[1,2],"logs":[3]}`, []string{`3`}},
		{"escaped name", `{"\u006cogs":[1]}`, []string{`1`}},
		{"byte order mark", "\xef\xbb\xbf" + `{"logs":[1]}`, []string{`1`}},
		{"bytes that are no UTF-8", "{\"logs\":[\"\xff\xfe\"]}", []string{"\"\xff\xfe\""}},
		{"lone surrogate and NUL", `{"logs":["\ud800 \u0000"]}`, []string{`"\ud800 \u0000"`}},
		{"numbers beyond int64", `{"logs":[99999999999999999999999,1E400]}`, []string{`99999999999999999999999`, `1E400`}},
		{"depth 1000", `{"logs":` + strings.Repeat("[", 999) + strings.Repeat("]", 999) + `}`, []string{strings.Repeat("[", 998) + strings.Repeat("]", 998)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			elements, err := wire.SplitContainer([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range elements {
				got = append(got, string(e))
			}
			if diff := gocmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSplitContainerRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, body, want string }{
		{"nothing", ``, "ends in the middle"},
		{"blank", "  \n", "ends in the middle"},
		{"text", `hello`, "not JSON"},
		{"cut off", `{"logs":[{"type":"eve`, "ends in the middle"},
		{"cut off behind the array", `{"logs":[]`, "ends in the middle"},
		{"array", `[{"type":"event"}]`, "not a JSON object"},
		{"null", `null`, "not a JSON object"},
		{"no logs", `{"log":[]}`, `no "logs" array`},
		{"logs are null", `{"logs":null}`, `no "logs" array`},
		{"logs are an object", `{"logs":{"0":{}}}`, `no "logs" array`},
		{"the last logs are null", `{"logs":[1],"logs":null}`, `no "logs" array`},
		{"trailing comma in array", `{"logs":[1,]}`, "not JSON"},
		{"trailing comma in object", `{"logs":[{"a":1,}]}`, "not JSON"},
		{"trailing text", `{"logs":[1]}x`, "not JSON"},
		{"second object", `{"logs":[1]}{}`, "not JSON"},
		{"control character", "{\"logs\":[\"a\nb\"]}", "not JSON"},
		{"bad escape", `{"logs":["\x"]}`, "not JSON"},
		{"bad number", `{"logs":[01]}`, "not JSON"},
		{"bare word", `{"logs":[True]}`, "not JSON"},
		{"mismatched brackets", `{"logs":[{]}]}`, "not JSON"},
		{"UTF-16", "\xff\xfe{\x00", "not JSON"},
		{"depth 1001", `{"logs":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`, "deeper than 1000"},
		{"a million brackets", `{"logs":` + strings.Repeat("[", 1_000_000), "deeper than 1000"},
		{"a million objects", strings.Repeat(`{"logs":`, 1_000_000), "deeper than 1000"},
		{"more logs than can be", `{"logs":[` + strings.Repeat("1,", 100_000) + `1]}`, "more than 100000 logs"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := wire.SplitContainer([]byte(test.body))
			if err == nil || diag.KindOf(err) != diag.Invalid || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want Invalid with %q", err, test.want)
			}
		})
	}
}

func TestSplitContainerOfMany(t *testing.T) {
	t.Parallel()
	logs := strings.Repeat(`{"type":"event"},`, 10_000)
	if got := len(split(t, []byte(`{"logs":[`+strings.TrimSuffix(logs, ",")+`]}`))); got != 10_000 {
		t.Errorf("got %d logs", got)
	}
	long := `{"logs":["` + strings.Repeat("x", 2<<20) + `"]}`
	if got := split(t, []byte(long)); len(got[0]) != 2<<20+2 {
		t.Errorf("got %d bytes", len(got[0]))
	}
}

// FuzzSplit holds SplitContainer to what jsontext says of the same body.
func FuzzSplit(f *testing.F) {
	for _, body := range samples(f) {
		f.Add(body)
	}
	for _, s := range []string{`{"logs":[1,]}`, `{"logs":["\ud83d\ude00\u00"]}`, `{"logs":[-0,1e,1.5E-3,.5,truE]}`, "{\"logs\":[\"\x00\"]} ", `{"a":{"b":[{}]},"logs":[[],{},null,true,false]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(compareWithOracle)
}

// TestSplitContainerDamaged puts every kind of byte into every place of a body.
func TestSplitContainerDamaged(t *testing.T) {
	t.Parallel()
	body := []byte(`{"a" : [-10.5e+3, {}],"logs":[{"t":"\u00e9\n","d":{"x":[true,null ,0]}} , "s"]}`)
	for i := range body {
		for _, c := range []byte("\"\\{}[],: \x00\xff0-+.eEu\ntrfa/") {
			damaged := bytes.Clone(body)
			damaged[i] = c
			compareWithOracle(t, damaged)
			compareWithOracle(t, append(damaged[:i+1], body[i:]...))
		}
		compareWithOracle(t, append(bytes.Clone(body[:i]), body[i+1:]...))
		compareWithOracle(t, body[:i])
	}
}

func compareWithOracle(t *testing.T, body []byte) {
	t.Helper()
	want, wantOK := oracle(body)
	got, err := wire.SplitContainer(body)
	if (err == nil) != wantOK {
		t.Fatalf("%q: got %v, want good %v", body, err, wantOK)
	}
	if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%q: %s", body, diff)
	}
	compareInOnePass(t, body, got, err)
}

// compareInOnePass wants of ReadContainer what SplitContainer and Peek say.
func compareInOnePass(t *testing.T, body []byte, elements [][]byte, splitting error) {
	t.Helper()
	type peeked struct {
		Log    diag.Log
		Reason wire.Reason
	}
	var want, got []peeked
	for _, e := range elements {
		l, reason := wire.Peek(e, diag.ID{1}, "install", received)
		want = append(want, peeked{l, reason})
	}
	err := wire.ReadContainer(body, diag.ID{1}, "install", received, func() { got = nil }, func(l diag.Log, reason wire.Reason) {
		got = append(got, peeked{l, reason})
	})
	if (err == nil) != (splitting == nil) || err != nil && err.Error() != splitting.Error() {
		t.Fatalf("%q: in one pass %v, in two %v", body, err, splitting)
	}
	if diff := gocmp.Diff(want, got); err == nil && diff != "" {
		t.Fatalf("%q: %s", body, diff)
	}
}

// oracle does SplitContainer's work with jsontext alone.
func oracle(body []byte) (elements [][]byte, ok bool) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	options := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	depth := jsontext.NewDecoder(bytes.NewReader(body), options...)
	for {
		if _, err := depth.ReadToken(); err == io.EOF {
			break
		} else if err != nil || depth.StackDepth() > 1000 {
			return nil, false
		}
	}
	d := jsontext.NewDecoder(bytes.NewReader(body), options...)
	if d.PeekKind() != '{' {
		return nil, false
	}
	_, _ = d.ReadToken()
	for d.PeekKind() != '}' {
		name, _ := d.ReadToken()
		logs := name.String() == "logs"
		if !logs || d.PeekKind() != '[' {
			if _ = d.SkipValue(); logs {
				elements, ok = nil, false
			}
			continue
		}
		elements, ok = nil, true
		_, _ = d.ReadToken()
		for d.PeekKind() != ']' {
			v, _ := d.ReadValue()
			elements = append(elements, v.Clone())
		}
		_, _ = d.ReadToken()
	}
	_, _ = d.ReadToken()
	if _, err := d.ReadToken(); err != io.EOF {
		return nil, false
	}
	return elements, ok
}

// samples are the bodies of all samples.
func samples(t testing.TB) [][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/samples/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var bodies [][]byte
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	return bodies
}
