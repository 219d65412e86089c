package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// number writes 1234567 as 1,234,567.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count writes a number with its noun.
func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// stamp is a time as people read it, in UTC.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// moment is a time for a page.
type moment struct {
	Machine string // for <time datetime>
	Exact   string
	Ago     string
}

func newMoment(t, now time.Time) moment {
	return moment{t.UTC().Format("2006-01-02T15:04:05Z"), stamp(t), ago(now.Sub(t))}
}

// ago says roughly how long something is past. Clocks of devices run ahead, too.
func ago(d time.Duration) string {
	switch {
	case d < -time.Minute:
		return "in " + length(-d)
	case d < time.Minute:
		return "just now"
	}
	return length(d) + " ago"
}

// length is a duration in its largest unit.
func length(d time.Duration) string {
	for _, unit := range [...]struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := int64(d / unit.of); n == 1 {
			return "1 " + unit.name
		} else if n > 1 {
			return fmt.Sprintf("%s %ss", number(n), unit.name)
		}
	}
	return "less than a second"
}

// clip makes a text of a device fit for one line of a page: at most n characters, none of them invisible.
func clip(s string, n int) string {
	if len(s) > 8*n {
		s = s[:8*n]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == unicode.ReplacementChar:
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
