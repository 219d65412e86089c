package demo

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"strings"
)

// sdk is a family of SDKs with habits of its own in headers and JSON.
type sdk uint8

const (
	android sdk = iota
	apple
	windows
)

// object is the inside of a JSON object, `"a":1,"b":2`, whose members keep their order.
type object []byte

func (o object) add(name string, value any) object {
	if len(o) > 0 {
		o = append(o, ',')
	}
	o = append(append(o, encode(name)...), ':')
	return append(o, encode(value)...)
}

func (o object) join(more object) object {
	if len(o) > 0 && len(more) > 0 {
		o = append(o, ',')
	}
	return append(o, more...)
}

// closed is the whole object.
func (o object) closed() json.RawMessage {
	return append(append([]byte{'{'}, o...), '}')
}

// encode writes what the demo is made of, which always can be written. No SDK escapes for HTML.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("demo: %v", err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// The bodies of the SDKs' logs, without what all logs of a device have in common, and the devices.
//
//go:embed traffic/*.json traffic/devices/*.json
var bodies embed.FS

// load reads a file of traffic and puts values in place of its $NAMES: pairs of name and value.
func load(name string, values ...string) object {
	raw, err := bodies.ReadFile("traffic/" + name + ".json")
	if err != nil {
		panic(fmt.Sprintf("demo: %v", err))
	}
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(strings.NewReplacer(values...).Replace(string(raw)))); err != nil {
		panic(fmt.Sprintf("demo: %s: %v", name, err))
	}
	return b.Bytes()[1 : b.Len()-1]
}

// compose writes a log as its SDK does: Android what is common first, .NET what is common last and "type" at the
// very end, Apple in the order of a dictionary.
func (s sdk) compose(kind string, common, own object) json.RawMessage {
	typed := object{}.add("type", kind)
	switch s {
	case android:
		return typed.join(common).join(own).closed()
	case apple:
		var members map[string]json.RawMessage
		if err := json.Unmarshal(typed.join(common).join(own).closed(), &members); err != nil {
			panic(fmt.Sprintf("demo: %v", err))
		}
		return encode(members)
	}
	return append(object{}, own...).join(common).join(typed).closed()
}

// container is the body of a request. Android escapes every slash, .NET indents.
func (s sdk) container(logs []json.RawMessage) []byte {
	body := object{}.add("logs", logs).closed()
	switch s {
	case android:
		return bytes.ReplaceAll(body, []byte("/"), []byte(`\/`))
	case windows:
		var b bytes.Buffer
		json.Indent(&b, body, "", "  ") // it is JSON: we have just written it
		return bytes.ReplaceAll(b.Bytes(), []byte("\n"), []byte("\r\n"))
	}
	return body
}
