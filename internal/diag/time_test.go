package diag_test

import (
	"testing"
	"time"

	"lifeboat/internal/diag"
)

func TestParseTime(t *testing.T) {
	t.Parallel()
	want := time.Date(2024, 5, 1, 10, 20, 30, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2024-05-01T10:20:30Z":                want,
		"2024-05-01t10:20:30z":                want,
		" 2024-05-01T10:20:30 ":               want,
		"2024-05-01 10:20:30":                 want,
		"2024-05-01T12:20:30+02:00":           want,
		"2024-05-01T12:20:30 02:00":           want, // a plus that was a blank on its way
		"2024-05-01 12:20:30 0200":            want,
		"2024-05-01T12:20:30+02":              want,
		"2024-05-01T08:20:30-02:00":           want,
		"2024-05-01T10:20:30.1Z":              want.Add(100 * time.Millisecond),
		"2024-05-01T10:20:30.123456789":       want.Add(123456789),
		"2024-05-01T12:20:30.1234567+02:00":   want.Add(123456700),
		"2024-05-01T10:20:30.123456789 00:00": want.Add(123456789),
		"2024-05-01T10:20":                    want.Truncate(time.Minute),
		"2024-05-01":                          want.Truncate(24 * time.Hour),
	} {
		if got, ok := diag.ParseTime(text); !ok || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%q: %v %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "now", "2024", "2024-05", "2024-5-1", "2024-02-30", "1714558830", "2024-05-01T24:00:00Z", "2024-05-01T10:20:30+25:00", "2024-05-01T10:20:30 UTC", "01/05/2024", "2024-05-01T10:20:30ZZ"} {
		if got, ok := diag.ParseTime(text); ok {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

// FuzzParseTime: what is read as a time is written so that it is read as the same one.
func FuzzParseTime(f *testing.F) {
	for _, text := range []string{"2024-05-01", "2024-05-01T10:20:30.123456789+02:00", "2024-05-01 10:20:30 02:00", "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59", "-1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, ok := diag.ParseTime(text)
		if !ok {
			return
		}
		if again, ok := diag.ParseTime(at.Format(time.RFC3339Nano)); at.Year() >= 0 && at.Year() <= 9999 && (!ok || !again.Equal(at)) {
			t.Errorf("%q is %v, then %v", text, at, again)
		}
		d := diag.DeviceTimeOf(at)
		if y := at.Year(); y > 1678 && y < 2262 && !d.Time().Equal(at) {
			t.Errorf("%q is %v, then %v", text, at, d.Time())
		}
		if written := diag.FormatTime(d.Time()); len(written) != len("2006-01-02T15:04:05.000Z") && len(written) != len("2006-01-02T15:04:05Z") {
			t.Errorf("%q is written %s", text, written)
		}
	})
}
