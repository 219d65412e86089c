package wire

import (
	"time"

	"lifeboat/internal/diag"
)

// parseTimestamp reads a time as SDKs and people write it: RFC 3339 with T or a blank between date and time,
// any number of digits of fraction (what is below the nanosecond is dropped), an offset, Z or nothing, which
// means UTC.
func parseTimestamp(s string) (diag.DeviceTime, bool) {
	p := timeText{s: s, ok: true}
	year, month, day := p.date()
	if p.ok && p.s != "" && (p.s[0]|0x20 == 't' || p.s[0] == ' ') {
		p.s = p.s[1:]
	} else {
		p.ok = false
	}
	hour, minute, second, nanos := p.clock()
	offset := p.zone()
	if !p.ok || p.s != "" {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	if t.Day() != day {
		return 0, false // 30 February
	}
	return diag.DeviceTimeOf(t.Add(-offset)), true
}

// timeText is what is left of a time's text while it is read.
type timeText struct {
	s  string
	ok bool
}

func (p *timeText) date() (year, month, day int) {
	year = p.number(4, 0, 9999)
	p.lit('-')
	month = p.number(2, 1, 12)
	p.lit('-')
	day = p.number(2, 1, 31)
	return year, month, day
}

func (p *timeText) clock() (hour, minute, second, nanos int) {
	hour = p.number(2, 0, 23)
	p.lit(':')
	minute = p.number(2, 0, 59)
	p.lit(':')
	second = min(p.number(2, 0, 60), 59) // a leap second ends the minute
	if p.s == "" || p.s[0] != '.' && p.s[0] != ',' {
		return hour, minute, second, 0
	}
	p.s = p.s[1:]
	digits := 0
	for ; p.s != "" && p.s[0]-'0' <= 9; p.s = p.s[1:] {
		if digits++; digits <= 9 {
			nanos = nanos*10 + int(p.s[0]-'0')
		}
	}
	if digits == 0 {
		p.ok = false
	}
	for ; digits < 9; digits++ {
		nanos *= 10
	}
	return hour, minute, second, nanos
}

// zone reads Z, +hh:mm, +hhmm, +hh or nothing.
func (p *timeText) zone() time.Duration {
	if p.s == "" {
		return 0
	}
	sign := p.s[0]
	p.s = p.s[1:]
	if sign|0x20 == 'z' {
		return 0
	}
	if sign != '+' && sign != '-' {
		p.ok = false
	}
	offset := time.Duration(p.number(2, 0, 23)) * time.Hour
	if p.s != "" {
		if p.s[0] == ':' {
			p.s = p.s[1:]
		}
		offset += time.Duration(p.number(2, 0, 59)) * time.Minute
	}
	if sign == '-' {
		return -offset
	}
	return offset
}

// number reads exactly n digits.
func (p *timeText) number(n, low, high int) int {
	if len(p.s) < n {
		p.ok = false
		return low
	}
	v := 0
	for i := range n {
		d := p.s[i] - '0'
		p.ok = p.ok && d <= 9
		v = v*10 + int(d)
	}
	p.s = p.s[n:]
	if v < low || v > high {
		p.ok = false
	}
	return v
}

func (p *timeText) lit(c byte) {
	if p.s == "" || p.s[0] != c {
		p.ok = false
		return
	}
	p.s = p.s[1:]
}
