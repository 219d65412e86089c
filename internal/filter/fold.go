package filter

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold brings a text into the form in which letter case is gone: two texts fold to the same if and only if
// strings.EqualFold takes them for equal. Bytes that are no UTF-8 become U+FFFD.
func Fold(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return strings.Map(FoldRune, s)
		}
	}
	return s
}

// FoldRune is the least of the runes that differ from r in case only, but for those with an ASCII letter among
// them, which become its lower case.
func FoldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}
