package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

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
	var b bytes.Buffer
	b.WriteByte('{')
	for i := range p {
		name := valid(p[i].Name)
		if last[name] != i {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		if err := Encode(&b, name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := Encode(&b, valid(p[i].Value)); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Properties) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("contract: properties are no object: %.20q", b)
	}
	*p = (*p)[:0]
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		property := diag.Property{Name: fmt.Sprint(name)}
		if err := d.Decode(&property.Value); err != nil {
			return err
		}
		*p = append(*p, property)
	}
	_, err := d.Token() // the closing brace
	return err
}

// valid replaces what is not UTF-8 by U+FFFD.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
