package wire

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"lifeboat/internal/diag"
)

// properties reads names and values, from an object or from an array of {name, type, value}. A name that
// comes again replaces the value in its place, as a JSON object would.
func (d *decoder) properties() []diag.Property {
	list := propertyList{places: map[string]int{}}
	if d.kind() == jsontext.KindBeginArray {
		for range d.elements() {
			list.put(d.typedProperty())
		}
		return list.properties
	}
	for name := range d.members() {
		p := diag.Property{Name: strings.ToValidUTF8(strings.Clone(name), "\uFFFD")}
		if d.kind() == jsontext.KindNull {
			d.skip()
			continue
		}
		p.Value = d.propertyValue()
		list.put(p)
	}
	return list.properties
}

func (d *decoder) typedProperty() diag.Property {
	var p diag.Property
	for name := range d.members() {
		switch name {
		case "name":
			p.Name = d.text()
		case "type":
			p.Type = d.text()
		case "value":
			p.Value = d.propertyValue()
		default:
			d.skip()
		}
	}
	return p
}

// propertyValue is a value as text; objects and arrays, which no SDK sends, stay JSON.
func (d *decoder) propertyValue() string {
	switch d.kind() {
	case jsontext.KindBeginObject, jsontext.KindBeginArray:
		return string(d.raw())
	}
	return d.text()
}

type propertyList struct {
	properties []diag.Property
	places     map[string]int
}

// put adds a property; one without a name is none.
func (l *propertyList) put(p diag.Property) {
	if p.Name == "" {
		return
	}
	if i, again := l.places[p.Name]; again {
		l.properties[i] = p
		return
	}
	l.places[p.Name] = len(l.properties)
	l.properties = append(l.properties, p)
}
