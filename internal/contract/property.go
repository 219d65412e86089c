package contract

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"lifeboat/internal/diag"
)

// Properties is a JSON object of names and texts in the order of the device. Of equal names the last counts.
type Properties []diag.Property

// MarshalJSON writes the object.
func (p Properties) MarshalJSON() ([]byte, error) {
	last := make(map[string]int, len(p))
	for i := range p {
		last[name(p[i])] = i
	}
	b := []byte{'{'}
	for i := range p {
		n := name(p[i])
		if last[n] != i {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = appendText(append(appendText(b, n), ':'), p[i].Value)
	}
	return append(b, '}'), nil
}

func name(p diag.Property) string { return strings.ToValidUTF8(p.Name, "\uFFFD") }

func appendText(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, strings.ToValidUTF8(s, "\uFFFD")) // fails only for wrong UTF-8
	return b
}
