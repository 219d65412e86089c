package wire

import (
	"bytes"

	"lifeboat/internal/diag"
)

// Sketcher reads of logs that are neither errors nor attachments what numbers are made of: the device, and of
// an event its name and properties. It reads the same as DecodeEvent. The logs of a request mostly come from
// one device, which is decoded once.
type Sketcher struct {
	raw    []byte
	device diag.Device
}

// Sketch is what a log counts by.
type Sketch struct {
	Device     *diag.Device // valid until the next log
	SameDevice bool         // as that of the log before
	Name       string       // of an event
	Properties []diag.Property
}

// Sketch reads one log.
func (s *Sketcher) Sketch(l *diag.Log) Sketch {
	var device, name, properties, typed []byte
	scan := scanner{b: l.Raw}
	scan.members(func(member string) {
		switch {
		case member == "device":
			device = scan.value()
		case l.Kind != diag.KindEvent:
			scan.skip()
		case member == "name":
			name = scan.value()
		case member == "properties":
			properties = scan.value()
		case member == "typedProperties":
			typed = scan.value()
		default:
			scan.skip()
		}
	})
	k := Sketch{Device: &s.device, SameDevice: s.raw != nil && bytes.Equal(device, s.raw), Name: decodeText(name)}
	if !k.SameDevice {
		s.raw, s.device = append(s.raw[:0], device...), diag.Device{}
		if s.raw == nil {
			s.raw = []byte{}
		}
		if len(device) > 0 {
			s.device = newDecoder(device).device()
		}
	}
	for _, raw := range [...][]byte{typed, properties} { // typed ones replace the others
		if len(k.Properties) == 0 && len(raw) > 0 {
			k.Properties = newDecoder(raw).properties()
		}
	}
	return k
}
