package contract

import (
	"bytes"
	"fmt"
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
		last[valid(p[i].Name)] = i
	}
	b := []byte{'{'}
	for i := range p {
		name := valid(p[i].Name)
		if last[name] != i {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(appendText(b, name), ':')
		b = appendText(b, valid(p[i].Value))
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Properties) UnmarshalJSON(b []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(b))
	if t, err := d.ReadToken(); err != nil || t.Kind() != jsontext.KindBeginObject {
		return fmt.Errorf("contract: properties are no object: %.20q", b)
	}
	*p = (*p)[:0]
	for d.PeekKind() == jsontext.KindString {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		property := diag.Property{Name: name.String()}
		value, err := d.ReadToken()
		if err != nil {
			return err
		}
		if value.Kind() != jsontext.KindString {
			return fmt.Errorf("contract: a property is no text but %q", value.Kind())
		}
		property.Value = value.String()
		*p = append(*p, property)
	}
	_, err := d.ReadToken() // the closing brace
	return err
}

// valid replaces what is not UTF-8, as encoding/json does.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func appendText(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s) // fails only for wrong UTF-8
	return b
}
