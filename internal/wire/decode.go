package wire

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"lifeboat/internal/diag"
)

// decoder reads JSON token by token. Every method reads one value, of whatever kind it is: what is not of the
// kind asked for counts as absent. After an error nothing more is read.
type decoder struct {
	json  *jsontext.Decoder
	err   error
	limit limit
}

func newDecoder(raw []byte) *decoder {
	d := jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	return &decoder{json: d, limit: newLimit()}
}

// members reads an object: it yields the name of each member, valid until the next read, and the loop's body
// must read its value. The loop must run to its end.
func (d *decoder) members() iter.Seq[string] {
	return func(yield func(string) bool) {
		if !d.enter(jsontext.KindBeginObject) {
			return
		}
		for d.err == nil && d.json.PeekKind() != jsontext.KindEndObject {
			name := d.raw()
			if d.err != nil || !yield(decodeName(name)) {
				return
			}
		}
		d.token()
	}
}

// elements reads an array: the loop's body must read an element each time it runs, and run to the end.
func (d *decoder) elements() iter.Seq[int] {
	return func(yield func(int) bool) {
		if !d.enter(jsontext.KindBeginArray) {
			return
		}
		for i := 0; d.err == nil && d.json.PeekKind() != jsontext.KindEndArray; i++ {
			if !yield(i) {
				return
			}
		}
		d.token()
	}
}

// enter steps into a container; any other value is skipped.
func (d *decoder) enter(kind jsontext.Kind) bool {
	if d.kind() != kind {
		d.skip()
		return false
	}
	d.token()
	return d.err == nil
}

func (d *decoder) kind() jsontext.Kind {
	if d.err != nil {
		return 0
	}
	return d.json.PeekKind()
}

func (d *decoder) token() {
	if d.err == nil {
		_, d.err = d.json.ReadToken()
	}
}

func (d *decoder) skip() {
	if d.err == nil {
		d.err = d.json.SkipValue()
	}
}

// raw is the next value's text, valid until the next call; nil after an error.
func (d *decoder) raw() []byte {
	if d.err != nil {
		return nil
	}
	var v jsontext.Value
	v, d.err = d.json.ReadValue()
	if d.err != nil {
		return nil
	}
	return v
}

var errTrailing = errors.New("wire: text behind the log")

// end checks that nothing follows.
func (d *decoder) end() error {
	if d.err == nil {
		if _, err := d.json.ReadToken(); err != io.EOF {
			return errTrailing
		}
	}
	return d.err
}

// text reads a string, number or boolean as text.
func (d *decoder) text() string { return decodeText(d.raw()) }

// deviceText reads a member of the device object.
func (d *decoder) deviceText() string { return decodeDeviceText(d.raw()) }

// integer reads a whole number that may be written as a text or with a fraction of zeros.
func (d *decoder) integer() (int64, bool) { return parseInteger(d.text()) }

// decimal reads an integer of any kind of id as its decimal text.
func (d *decoder) decimal() string {
	if n, ok := d.integer(); ok {
		return strconv.FormatInt(n, 10)
	}
	return ""
}

// boolean reads a truth value that may be written as a text or a number. ok is false if it is neither.
func (d *decoder) boolean() (value, ok bool) {
	v, err := strconv.ParseBool(strings.ToLower(d.text()))
	return v, err == nil
}

// address reads a number that may be written in hexadecimal; 0 if it cannot be read.
func (d *decoder) address() uint64 {
	a, _ := parseAddress(d.text())
	return a
}

// timestamp reads a time; 0 if it cannot be read.
func (d *decoder) timestamp() diag.DeviceTime {
	t, _ := parseTimestamp(d.text())
	return t
}
