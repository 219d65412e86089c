package wire

import (
	"math"
	"strconv"
	"strings"
)

// parseInteger reads a whole number. Android writes whole doubles without fraction and others write whole
// integers with one; neither form goes through a float, so that all of int64 survives.
func parseInteger(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	if whole, fraction, ok := strings.Cut(s, "."); ok && strings.Trim(fraction, "0") == "" {
		n, err := strconv.ParseInt(whole, 10, 64)
		return n, err == nil
	}
	if !strings.ContainsAny(s, "eE") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// parseAddress reads 0x and hexadecimal digits, or a decimal number.
func parseAddress(s string) (uint64, bool) {
	s = strings.TrimSpace(s)
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		n, err := strconv.ParseUint(s[2:], 16, 64)
		return n, err == nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}
