package archive_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/archive"
	"lifeboat/internal/diag"
)

func minute(t testing.TB, s string) diag.Minute {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04", s)
	if err != nil {
		t.Fatal(err)
	}
	return diag.Minute(at.Unix() / 60)
}

func TestParseArrayName(t *testing.T) {
	t.Parallel()
	at := minute(t, "2017-12-09T04:03")
	for name, want := range map[string]archive.Place{
		"2017/12/09/04/03/logs.v1.data":                                  {Minute: at, Rest: "logs.v1.data"},
		"2017/12/09/04/03/logs.2.logs.v1.data":                           {Minute: at, Rest: "logs.2.logs.v1.data"},
		"2017/12/09/04/03/.v1.data":                                      {Minute: at, Rest: ".v1.data"},
		"2017/12/09/04/03/crashes/crashes.v1.data":                       {Minute: at, Rest: "crashes/crashes.v1.data"},
		"2017/12/09/04/03/a/b/c.v1.data":                                 {Minute: at, Rest: "a/b/c.v1.data"},
		"app-id/2017/12/09/04/03/logs.v1.data":                           {Root: "app-id/", Minute: at, Rest: "logs.v1.data"},
		"any text/über/archive/2017/12/09/04/03/logs.v1.data":            {Root: "any text/über/archive/", Minute: at, Rest: "logs.v1.data"},
		"2016/01/02/03/04/2017/12/09/04/03/logs.v1.data":                 {Root: "2016/01/02/03/04/", Minute: at, Rest: "logs.v1.data"},
		"1234/2017/12/09/04/03/logs.v1.data":                             {Root: "1234/", Minute: at, Rest: "logs.v1.data"},
		"2017/12/09/04/03/05/logs.v1.data":                               {Minute: at, Rest: "05/logs.v1.data"},
		"2017/12/09/04/03/2026/13/45/99/99/logs.v1.data":                 {Minute: at, Rest: "2026/13/45/99/99/logs.v1.data"},
		"2026/13/45/99/99/2017/12/09/04/03/logs.v1.data":                 {Root: "2026/13/45/99/99/", Minute: at, Rest: "logs.v1.data"},
		"x2017/12/09/04/03/2017/12/09/04/03/02/30/x.v1.data/all.v1.data": {Root: "x2017/12/09/04/03/", Minute: at, Rest: "02/30/x.v1.data/all.v1.data"},
	} {
		got, ok := archive.ParseArrayName(name)
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("%s: %v\n%s", name, ok, diff)
		}
	}
	for _, name := range []string{
		"", ".v1.data", "logs.v1.data", "/logs.v1.data", "2017/12/09/04/logs.v1.data", "2017/12/09/04/03/logs.v1.dat", "2017/12/09/04/03/logs.v1.data.gz", "2017/12/09/04/03/LOGS.V1.DATA", "2017/12/09/04/03.v1.data",
		"2026/13/45/99/99/logs.v1.data", "2026/13/01/00/00/logs.v1.data", "2026/02/29/00/00/logs.v1.data", "2026/01/01/24/00/logs.v1.data", "2026/01/01/00/60/logs.v1.data", "2026/00/01/00/00/logs.v1.data",
		"2017-12-09/04/03/logs.v1.data", "2017/1/2/3/4/logs.v1.data", "017/12/09/04/03/logs.v1.data", "x2017/12/09/04/03/logs.v1.data", "+017/12/09/04/03/logs.v1.data", "2017//12/09/04/03/logs.v1.data", "2017/12/09/04/03/crashes/e.json",
	} {
		if got, ok := archive.ParseArrayName(name); ok {
			t.Errorf("%q is read as %+v", name, got)
		}
	}
}

func TestNamesAreReadBack(t *testing.T) {
	t.Parallel()
	app := diag.ID{1, 2, 3}
	m := minute(t, "2026-02-28T23:59")
	for _, withApp := range []bool{false, true} {
		for _, e := range []archive.Entity{archive.Logs, archive.Crashes, archive.Errors, archive.Attachments} {
			for _, part := range []int{1, 2, 17} {
				name := archive.ArrayName(archive.Prefix(app, withApp, m), e, part)
				place, ok := archive.ParseArrayName(name)
				if !ok || place.Minute != m || (place.Root == "") == withApp || !strings.HasSuffix(place.Rest, string(e)+".v1.data") {
					t.Errorf("%s: %+v", name, place)
				}
			}
		}
	}
}

var arrayName = regexp.MustCompile(`(^|/)\d{4}/\d{2}/\d{2}/\d{2}/\d{2}/(.*/)?[^/]*\.v1\.data$`)

func FuzzParseArrayName(f *testing.F) {
	f.Add("app/2017/12/09/04/03/crashes/crashes.v1.data")
	f.Add("2026/13/45/99/99/logs.v1.data")
	f.Add("////////////////////.v1.data")
	f.Fuzz(func(t *testing.T, name string) {
		place, ok := archive.ParseArrayName(name)
		if !ok {
			return
		}
		if back := place.Root + place.Minute.Time().Format("2006/01/02/15/04/") + place.Rest; back != name {
			t.Errorf("%q is read as %q", name, back)
		}
		if !strings.ContainsAny(name, "\n") && !arrayName.MatchString(name) {
			t.Errorf("%q is no array", name)
		}
	})
}

func TestResolve(t *testing.T) {
	t.Parallel()
	const payload = "2017/12/09/04/03/crashes/e.json"
	for _, c := range []struct {
		root, pointer string
		want          []string
	}{
		{"", payload, []string{payload}},
		{"", "opaque", []string{"opaque"}},
		{"app/", "app/" + payload, []string{"app/" + payload, "app/app/" + payload}},
		{"backup/", payload, []string{"backup/" + payload, payload}},
		{"backup/app/", "app/" + payload, []string{"backup/app/" + payload, "app/" + payload, "backup/app/app/" + payload}},
		{"a/b/c/", "opaque", []string{"a/b/c/opaque", "opaque", "a/b/opaque", "a/opaque"}},
		{"", "app/" + payload, []string{"app/" + payload, payload}},
		{"other/", "app/" + payload, []string{"other/app/" + payload, "app/" + payload, "other/" + payload}},
	} {
		if diff := cmp.Diff(c.want, archive.Place{Root: c.root}.Resolve(c.pointer)); diff != "" {
			t.Errorf("%q %q:\n%s", c.root, c.pointer, diff)
		}
	}
}
