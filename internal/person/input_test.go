package person_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/diag"
	"lifeboat/internal/person"
)

func TestReadInstalls(t *testing.T) {
	t.Parallel()
	const list = "\ufeff# those of Ms. Example\r\n" + mine + "\r\n\n  {C1F2A7B0-33B0-4D6E-9F10-A1B2C3D4E5F7}   # her tablet\n" + "C1F2A7B033B04D6E9F10A1B2C3D4E5F6\ndevice-7"
	got, err := person.ReadInstalls(strings.NewReader(list))
	if diff := cmp.Diff([]diag.InstallID{mine, theirs, "device-7"}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	many := strings.Builder{}
	for i := range 100_001 {
		fmt.Fprintln(&many, "id", i)
	}
	secret := "Very-Secret-Id"
	for text, want := range map[string]string{
		"":                                 "no install id",
		"# nothing\n\n":                    "no install id",
		mine + "\n" + secret + " and more": "line 2",
		mine + "," + secret:                "line 1",
		"\n" + strings.Repeat(secret, 20):  "line 2",
		mine + "\n" + strings.Repeat(secret, 1000):      "line 2",
		strings.ReplaceAll(many.String(), "id ", "id-"): "more than 100000",
	} {
		_, err := person.ReadInstalls(strings.NewReader(text))
		if diag.KindOf(err) != diag.Invalid || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%.60q: got %v, want %q", text, err, want)
		}
	}
	if _, err := person.ReadInstalls(iotest.ErrReader(errors.New("broken"))); diag.KindOf(err) != diag.Invalid {
		t.Errorf("got %v", err)
	}
}

func TestParseBounds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-11-24":                          "2026-11-24T00:00:00Z",
		" 2026-11-24 ":                        "2026-11-24T00:00:00Z",
		"2026-11-24T08:06Z":                   "2026-11-24T08:06:00Z",
		"2026-11-24T08:06":                    "2026-11-24T08:06:00Z",
		"2026-11-24 08:06":                    "2026-11-24T08:06:00Z",
		"2026-11-24T08:06:30":                 "2026-11-24T08:06:30Z",
		"2026-11-24T08:06:30.5":               "2026-11-24T08:06:30.5Z",
		"2026-11-24T08:06:30.123456789Z":      "2026-11-24T08:06:30.123456789Z",
		"2026-11-24T08:06:30.123456789-08:00": "2026-11-24T16:06:30.123456789Z",
		"2026-11-24T08:06:30+01:00":           "2026-11-24T07:06:30Z",
		"2026-11-24T08:06:30 01:00":           "2026-11-24T07:06:30Z",
		"2026-11-24T08:06:30 0100":            "2026-11-24T07:06:30Z",
		"2026-11-24T08:06+0100":               "",
		"2026-02-29":                          "",
		"24.11.2026":                          "",
		"yesterday":                           "",
		"":                                    "",
	} {
		got, err := person.ParseSince(text)
		if want == "" {
			if diag.KindOf(err) != diag.Invalid {
				t.Errorf("%q: %v, %v", text, got, err)
			}
			continue
		}
		if at, _ := time.Parse(time.RFC3339Nano, want); !got.Equal(at) || err != nil {
			t.Errorf("%q: %v, %v, want %s", text, got, err, want)
		}
	}
	if got, err := person.ParseUntil("2024-02-28"); !got.Equal(time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)) || err != nil {
		t.Errorf("a day ends with the label of midnight, got %v, %v", got, err)
	}
	if got, err := person.ParseUntil("2024-02-28T10:00Z"); !got.Equal(time.Date(2024, 2, 28, 10, 0, 0, 0, time.UTC)) || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestDefaultFile(t *testing.T) {
	t.Parallel()
	if got := person.DefaultFile(stopped{}.Now()); got != "person-copy-20261125-093000.zip" {
		t.Errorf("got %s", got)
	}
}
