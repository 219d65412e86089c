package contract_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/contract"
	"lifeboat/internal/diag"
	"lifeboat/internal/wire"
)

// FuzzLog says everything of any log: whatever a device sends, answers stay as published, are UTF-8, and the
// report stays as it was.
func FuzzLog(f *testing.F) {
	paths, err := filepath.Glob("testdata/samples/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, l := range logs(f, body) {
			f.Add(l.Raw, uint8(l.Kind), int64(l.Timestamp))
		}
	}
	f.Add([]byte(`{"exception":{"type":"`+"\xff"+`","frames":[{},{"className":"`+"\xc3"+`","lineNumber":-2},{"address":"-1"}],"innerExceptions":[{},{}]}}`), uint8(diag.KindManagedError), int64(-1<<63))
	f.Add([]byte(`{"osExceptionType":"SIGSEGV","threads":[{"id":-1,"frames":[{"code":" + 1"}],"exception":{}}],"binaries":[{"endAddress":"0x1"}],"registers":{"x":"y"}}`), uint8(diag.KindAppleError), int64(1<<63-1))
	f.Add([]byte(`[`), uint8(diag.KindHandledError), int64(0))
	s := published(f)
	f.Fuzz(func(t *testing.T, raw []byte, kind uint8, at int64) {
		l := diag.Log{
			Kind: diag.LogKind(kind % uint8(diag.KindPushInstallation+1)), ID: diag.DerivedID(raw), Timestamp: diag.DeviceTime(at), Raw: raw,
		}
		s.conformLog(t, l)
		if l.Kind.Family() != diag.FamilyError {
			return
		}
		r := wire.DecodeReport(l, install)
		v := decide(&r)
		text := contract.Text(&r, v)
		if !utf8.Valid(text) || len(text) == 0 {
			t.Errorf("the text is not UTF-8: %q", text)
		}
		again := wire.DecodeReport(l, install)
		decide(&again)
		contract.NewStackTrace(&r, v)
		contract.NewReportDetails(&r, v, true, true)
		if diff := cmp.Diff(again, r); diff != "" {
			t.Errorf("the report was changed:\n%s", diff)
		}
	})
}

// TestNilVerdict: a report that nobody could judge is shown all the same.
func TestNilVerdict(t *testing.T) {
	t.Parallel()
	r, _ := trap(t)
	if got := contract.NewStackTrace(r, nil).Title; got != "SIGTRAP" {
		t.Errorf("title %q, want SIGTRAP", got)
	}
	if got := contract.NewReportDetails(r, nil, false, false).ReasonFrames; got != nil {
		t.Errorf("reason frames %v without a verdict", got)
	}
	if len(contract.Text(r, nil)) == 0 {
		t.Error("no text")
	}
}

func TestProperties(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		properties contract.Properties
		want       string
	}{
		"none":        {nil, `{}`},
		"order":       {contract.Properties{{Name: "b", Value: "1"}, {Name: "a", Value: "2"}}, `{"b":"1","a":"2"}`},
		"last counts": {contract.Properties{{Name: "a", Value: "1"}, {Name: "b"}, {Name: "a", Value: "2"}}, `{"b":"","a":"2"}`},
		"markup":      {contract.Properties{{Name: "<a>", Value: `"&"`}}, `{"<a>":"\"&\""}`},
		"not UTF-8":   {contract.Properties{{Name: "\xff", Value: "1"}, {Name: "\ufffd", Value: "\xfe"}}, `{"` + "\ufffd" + `":"` + "\ufffd" + `"}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			if err := contract.Encode(&b, c.properties); err != nil {
				t.Fatal(err)
			}
			if got := b.String(); got != c.want+"\n" {
				t.Errorf("got %s, want %s", got, c.want)
			}
			var back contract.Properties
			if err := back.UnmarshalJSON(b.Bytes()); err != nil {
				t.Fatal(err)
			}
			b.Reset()
			if err := contract.Encode(&b, back); err != nil || b.String() != c.want+"\n" {
				t.Errorf("read back as %s %v, want %s", b.String(), err, c.want)
			}
		})
	}
	for _, wrong := range []string{``, `[]`, `{"a":1}`, `{"a":{}}`, `{"a"`, `{"a":"b"`} {
		if err := new(contract.Properties).UnmarshalJSON([]byte(wrong)); err == nil {
			t.Errorf("%s was read", wrong)
		}
	}
}

func TestLanguageOf(t *testing.T) {
	t.Parallel()
	for locale, want := range map[string]string{
		"de_DE": "de", "zh-Hant_CN": "zh", "zh_CN_#Hans": "zh", "en-GB": "en", "fr": "fr", "": "", "_": "", "DE_de": "de", "ca@valencia": "ca",
	} {
		if got := contract.LanguageOf(locale); got != want {
			t.Errorf("language of %q is %q, want %q", locale, got, want)
		}
	}
}

func TestErrorBody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status            int
		message, id, want string
	}{
		{400, "No such field.", "7f1c", "No such field."},
		{401, "Unauthorized", "7f1c", "Unauthorized. Correlation ID: 7f1c"},
		{404, "Not found.", "7f1c", "Not found. Correlation ID: 7f1c"},
		{404, "Not found.", "", "Not found."},
		{500, "", "7f1c", "Correlation ID: 7f1c"},
	} {
		b := contract.NewErrorBody(c.status, "Code", c.message, c.id)
		if b.Message != c.want || b.Error.Message != c.want || b.Code != "Code" || b.Error.Code != "Code" || b.StatusCode != c.status || b.ID != c.id {
			t.Errorf("%d %q: got %+v, want message %q", c.status, c.message, b, c.want)
		}
	}
}
