package wire_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"lifeboat/internal/diag"
	"lifeboat/internal/wire"
)

func TestPeek(t *testing.T) {
	t.Parallel()
	raw := `{"device":{"appVersion":"4.12.0","appBuild":41200,"x":{"appVersion":"no"}},"sid":"{5F0C1D0A-6D0B-4C55-9F0E-0F6F2F6F9A11}",
		"exception":{"type":"x","id":"no"},"id":"C3F2B1DE5C1A4F779D5D6D1B64A7E001","timestamp":"2026-11-20T08:15:31.448Z","type":"managedError"}`
	id, _ := diag.ParseID("c3f2b1de-5c1a-4f77-9d5d-6d1b64a7e001")
	session, _ := diag.ParseID("5f0c1d0a-6d0b-4c55-9f0e-0f6f2f6f9a11")
	want := diag.Log{
		Kind: diag.KindManagedError, ID: id, Session: session, AppVersion: "4.12.0", AppBuild: "41200", Dated: true, Raw: []byte(raw),
		Timestamp: diag.DeviceTimeOf(time.Date(2026, 11, 20, 8, 15, 31, 448_000_000, time.UTC)),
	}
	if diff := gocmp.Diff(want, peek(t, raw)); diff != "" {
		t.Error(diff)
	}
}

// TestPeekOddMembers tries what stands in for members that are missing, repeated or of another kind.
func TestPeekOddMembers(t *testing.T) {
	t.Parallel()
	l := peek(t, `{"type":"page","type":"event","timestamp":null,"sid":17,"device":{"appVersion":"1","appBuild":"2"},"device":{"appVersion":"null","appBuild":null},"\u0069d":"\u0063\u0033f2b1de-5c1a-4f77-9d5d-6d1b64a7e001"}`)
	if l.Kind != diag.KindEvent || l.Dated || !l.Session.IsZero() || l.AppVersion != "" || l.AppBuild != "" {
		t.Errorf("got %+v", l)
	}
	if l.Timestamp != diag.DeviceTimeOf(received) {
		t.Errorf("timestamp %v, want the time of receipt", l.Timestamp.Time())
	}
	if got := l.ID.String(); got != "c3f2b1de-5c1a-4f77-9d5d-6d1b64a7e001" {
		t.Errorf("id %s", got)
	}
}

func TestPeekDrops(t *testing.T) {
	t.Parallel()
	const join = `"errorId":"c3f2b1de-5c1a-4f77-9d5d-6d1b64a7e001"`
	large := base64.StdEncoding.EncodeToString(make([]byte, wire.MaxAttachment+1))
	tests := []struct {
		raw  string
		want wire.Reason
	}{
		{``, wire.NotAnObject},
		{`null`, wire.NotAnObject},
		{`"event"`, wire.NotAnObject},
		{`[{"type":"event"}]`, wire.NotAnObject},
		{`{"type":"event"`, wire.NotAnObject},
		{`{"type":"event"} {}`, wire.NotAnObject},
		{`{}`, wire.UnknownType},
		{`{"type":null}`, wire.UnknownType},
		{`{"type":7}`, wire.UnknownType},
		{`{"type":"Event"}`, wire.UnknownType},
		{`{"type":"unknown"}`, wire.UnknownType},
		{`{"type":"_"}`, wire.UnknownType},
		{`{"type":"crash_report"}`, wire.UnknownType},
		{`{"type":"event","type":"what"}`, wire.UnknownType},
		{`{"type":"managed_error"}`, wire.LegacyType},
		{`{"type":"apple_error"}`, wire.LegacyType},
		{`{"type":"start_session"}`, wire.LegacyType},
		{`{"type":"error_attachment"}`, wire.LegacyType},
		{`{"type":"push_installation"}`, wire.LegacyType},
		{`{"type":"errorAttachment","data":"QQ=="}`, wire.MissingErrorID},
		{`{"type":"errorAttachment","errorId":"crash-1","data":"QQ=="}`, wire.MissingErrorID},
		{`{"type":"errorAttachment","errorId":"00000000-0000-0000-0000-000000000000","data":"QQ=="}`, wire.MissingErrorID},
		{`{"type":"errorAttachment",` + join + `}`, wire.BadAttachment},
		{`{"type":"errorAttachment",` + join + `,"data":null}`, wire.BadAttachment},
		{`{"type":"errorAttachment",` + join + `,"data":[1,2]}`, wire.BadAttachment},
		{`{"type":"errorAttachment",` + join + `,"data":"Q"}`, wire.BadAttachment},
		{`{"type":"errorAttachment",` + join + `,"data":"QUJD!"}`, wire.BadAttachment},
		{`{"type":"errorAttachment",` + join + `,"data":"QQ==QQ=="}`, wire.BadAttachment},
		{`{"type":"errorAttachment",` + join + `,"data":"` + large + `"}`, wire.AttachmentTooLarge},
	}
	for _, test := range tests {
		if _, got := wire.Peek([]byte(test.raw), app, install, received); got != test.want {
			t.Errorf("%.90s: got %q, want %q", test.raw, got, test.want)
		}
	}
}

// TestPeekKeepsErrors tries error logs that say nothing of the error: they are stored.
func TestPeekKeepsErrors(t *testing.T) {
	t.Parallel()
	for _, kind := range []diag.LogKind{diag.KindManagedError, diag.KindAppleError, diag.KindHandledError} {
		r := decode(t, fmt.Sprintf(`{"type":%q,"id":7,"exception":"what"}`, kind))
		if r.Problem == "" || r.ID.IsZero() {
			t.Errorf("%s: got %+v", kind, r)
		}
	}
}

func TestPeekDerivesIDs(t *testing.T) {
	t.Parallel()
	at := func(raw string, app diag.ID, install diag.InstallID, received time.Time) diag.ID {
		l, reason := wire.Peek([]byte(raw), app, install, received)
		if reason != "" || l.ID.IsZero() {
			t.Fatalf("%s: %q, id %s", raw, reason, l.ID)
		}
		return l.ID
	}
	session, other := `{"type":"startSession","sid":"5f0c1d0a-6d0b-4c55-9f0e-0f6f2f6f9a11"}`, diag.DerivedID([]byte("other"))
	first := at(session, app, install, received)
	if at(session, app, install, received.Add(time.Hour)) != first {
		t.Error("a log without an id must meet itself when it is sent again")
	}
	if at(session, other, install, received) == first || at(session, app, "another", received) == first {
		t.Error("logs of other apps and installs must differ")
	}
	if at(`{"type":"startSession","sid":"5f0c1d0a-6d0b-4c55-9f0e-0f6f2f6f9a12"}`, app, install, received) == first {
		t.Error("logs of other sessions must differ")
	}

	named := at(`{"type":"managedError","id":"crash-1"}`, app, install, received)
	if at(`{"type":"handledError","id":" crash-1 ","userId":"u"}`, app, "another", received) != named {
		t.Error("an id that is no GUID must be the same for every error log of the app")
	}
	if at(`{"type":"event","id":"crash-1"}`, app, install, received) == named || at(`{"type":"managedError","id":"crash-1"}`, other, install, received) == named {
		t.Error("ids of other families and apps must differ")
	}
	zero := `"id":"00000000-0000-0000-0000-000000000000"`
	if at(`{"type":"event","name":"a",`+zero+`}`, app, install, received) == at(`{"type":"event","name":"b",`+zero+`}`, app, install, received) {
		t.Error("the id of all zeros is no id")
	}
}

func TestTimestamps(t *testing.T) {
	t.Parallel()
	good := map[string]string{
		"2026-11-20T08:15:31.448Z":        "2026-11-20T08:15:31.448Z",
		"2026-11-20T12:00:00Z":            "2026-11-20T12:00:00Z",
		"2026-11-20T12:03:20.1180461Z":    "2026-11-20T12:03:20.1180461Z",
		"2026-11-20T12:03:20.123456789Z":  "2026-11-20T12:03:20.123456789Z",
		"2026-11-20T12:03:20.1234567899Z": "2026-11-20T12:03:20.123456789Z",
		"2026-11-20t12:03:20.5z":          "2026-11-20T12:03:20.5Z",
		"2026-11-20 12:03:20":             "2026-11-20T12:03:20Z",
		"2026-11-20T12:03:20":             "2026-11-20T12:03:20Z",
		"2026-11-20T12:03:20+02:00":       "2026-11-20T10:03:20Z",
		"2026-11-20T23:03:20.25-05:30":    "2026-11-21T04:33:20.25Z",
		"2026-11-20T12:03:20+0200":        "2026-11-20T10:03:20Z",
		"2026-11-20T12:03:20+02":          "2026-11-20T10:03:20Z",
		"2024-02-29T23:59:60Z":            "2024-02-29T23:59:59Z",
		"1969-12-31T23:59:59.999Z":        "1969-12-31T23:59:59.999Z",
		`2026-11-20T12:03:20\u005a`:       "2026-11-20T12:03:20Z",
	}
	for in, want := range good {
		l := peek(t, `{"type":"page","timestamp":"`+in+`"}`)
		if got := l.Timestamp.Time().Format(time.RFC3339Nano); got != want || !l.Dated {
			t.Errorf("%s: got %s, dated %v, want %s", in, got, l.Dated, want)
		}
	}
	for _, in := range []string{
		"", "now", "2026-11-20", "20261120T120320Z", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-00-10T00:00:00Z",
		"2026-11-20T24:00:00Z", "2026-11-20T12:60:00Z", "2026-11-20T12:03:20.Z", "2026-11-20T12:03:20Zx", "2026-11-20T12:03:20+2:00",
		"2026-11-20T12:03Z", "2026-11-2012:03:20Z", "１２", "2026-11-20T12:03:20 UTC", "2026-11-20T12:03:20+", "/0:6-11-20T12:03:20Z",
	} {
		if l := peek(t, `{"type":"page","timestamp":"`+in+`"}`); l.Dated || l.Timestamp != diag.DeviceTimeOf(received) {
			t.Errorf("%q was read as %v", in, l.Timestamp.Time())
		}
	}
	far := peek(t, `{"type":"page","timestamp":"9999-12-31T23:59:59Z"}`)
	if !far.Dated || far.Timestamp != 1<<63-1 {
		t.Errorf("got %v, want the last time there is", far.Timestamp)
	}
}

func TestAttachments(t *testing.T) {
	t.Parallel()
	tests := []struct{ data, want string }{
		{``, ""},
		{`QQ==`, "A"},
		{`QQ`, "A"},
		{`QUI=`, "AB"},
		{`QUJD`, "ABC"},
		{`QU\r\nJD\tRA = =\n`, "ABCD"},
		{`+\/+\/`, "\xfb\xff\xbf"},
		{`-_-_`, "\xfb\xff\xbf"},
		{`\u002b\/\u002B\u002F`, "\xfb\xff\xbf"},
		{`QQ\u003d\u003D`, "A"},
	}
	for _, test := range tests {
		l := peek(t, `{"type":"errorAttachment","errorId":"c3f2b1de-5c1a-4f77-9d5d-6d1b64a7e001","data":"`+test.data+`"}`)
		a := wire.DecodeAttachment(l, true)
		if string(a.Data) != test.want || a.Size != len(test.want) || a.Problem != "" {
			t.Errorf("%s: got %q, size %d, %s", test.data, a.Data, a.Size, a.Problem)
		}
		if b := wire.DecodeAttachment(l, false); b.Data != nil || b.Size != a.Size {
			t.Errorf("%s: got %q, size %d without data", test.data, b.Data, b.Size)
		}
	}
	limit := base64.StdEncoding.EncodeToString(make([]byte, wire.MaxAttachment))
	if a := wire.DecodeAttachment(peek(t, `{"type":"errorAttachment","errorId":"c3f2b1de-5c1a-4f77-9d5d-6d1b64a7e001","data":"`+limit+`"}`), true); a.Size != wire.MaxAttachment {
		t.Errorf("got %d bytes", a.Size)
	}
}

func TestAttachmentNames(t *testing.T) {
	t.Parallel()
	names := map[string]string{
		"minidump.dmp":           "minidump.dmp",
		"../../etc/passwd":       "passwd",
		`C:\\Users\\USER\\a.log`: "a.log",
		"a\\u0000b\\nc.txt":      "a\uFFFDbc.txt",
		"..":                     "",
		strings.Repeat("ä", 300): strings.Repeat("ä", 255),
	}
	for in, want := range names {
		a := wire.DecodeAttachment(peek(t, `{"type":"errorAttachment","errorId":"c3f2b1de-5c1a-4f77-9d5d-6d1b64a7e001","data":"","fileName":"`+in+`"}`), false)
		if a.FileName != want || a.ContentType != "application/octet-stream" {
			t.Errorf("%s: got %q, %q", in, a.FileName, a.ContentType)
		}
	}
	types := map[string]string{
		"text/plain":                "text/plain",
		` application\/json`:        "application/json",
		`text\/plain\r\nX: y`:       "application/octet-stream",
		"":                          "application/octet-stream",
		strings.Repeat("x", 300):    "application/octet-stream",
		"text/plain; charset=utf-8": "text/plain; charset=utf-8",
	}
	for in, want := range types {
		a := wire.DecodeAttachment(peek(t, `{"type":"errorAttachment","errorId":"c3f2b1de-5c1a-4f77-9d5d-6d1b64a7e001","data":"","contentType":"`+in+`"}`), false)
		if a.ContentType != want {
			t.Errorf("%s: got %q", in, a.ContentType)
		}
	}
}

// TestAttachmentProblem decodes what Peek would have dropped, as an older server may have stored it.
func TestAttachmentProblem(t *testing.T) {
	t.Parallel()
	for _, data := range []string{`"no!"`, `null`, `{}`} {
		a := wire.DecodeAttachment(diag.Log{Kind: diag.KindAttachment, Raw: []byte(`{"data":` + data + `}`)}, true)
		if a.Problem == "" || a.Data != nil || a.Size != 0 {
			t.Errorf("%s: got %+v", data, a)
		}
	}
}

// FuzzPeek looks at anything; what is kept must be what jsontext sees too.
func FuzzPeek(f *testing.F) {
	for _, body := range samples(f) {
		for _, raw := range split(f, body) {
			f.Add(raw)
		}
	}
	f.Add([]byte(`{"type":"errorAttachment","errorId":"c3f2b1de5c1a4f779d5d6d1b64a7e001","data":"\u0051Q=="}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, reason := wire.Peek(raw, app, install, received)
		_, ok := oracle([]byte(`{"logs":[` + string(raw) + `]}`))
		if reason == "" && (!ok || l.ID.IsZero() || l.Kind == diag.KindUnknown || string(l.Raw) != string(raw)) {
			t.Fatalf("kept %q as %+v", raw, l)
		}
		if reason == "" && l.Kind == diag.KindAttachment {
			if a := wire.DecodeAttachment(l, true); a.Problem != "" || a.Size > wire.MaxAttachment {
				t.Fatalf("kept an attachment with %q", a.Problem)
			}
		}
	})
}
