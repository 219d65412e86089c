package wire_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lifeboat/internal/diag"
	"lifeboat/internal/wire"
)

var sketched = []string{
	`{"type":"event","id":"3fa85f64-5717-4562-b3fc-2c963f66afa6","name":"tap","device":{"model":"Pixel","osName":"Android"},"typedProperties":[{"type":"string","name":"a","value":"1"}],"properties":{"b":"2"}}`,
	`{"type":"event","name":"tap","device":{"model":"Pixel","osName":"Android"},"typedProperties":[],"properties":{"b":"2","b":"3","c":null}}`,
	`{"type":"event","name":7,"device":{"model":"iPhone"},"device":{"model":null,"appVersion":"null"},"properties":[1,{"name":"x","value":{"y":1}}]}`,
	`{"type":"page","name":"a page","properties":{"b":"2"}}`,
	`{"type":"event","name":"caf\u00e9 \ud800","device":[],"properties":"none"}`,
	`{"type":"startSession","sid":"3fa85f64-5717-4562-b3fc-2c963f66afa6","device":{}}`,
	`{"type":"startService","services":["Crashes"],"device":null}`,
}

// TestSketch reads logs one after the other, so that devices are taken for each other if they can be.
func TestSketch(t *testing.T) {
	t.Parallel()
	var s wire.Sketcher
	for range 2 {
		for _, raw := range sketched {
			checkSketch(t, &s, []byte(raw))
		}
	}
}

// checkSketch compares a sketch with what decoding the whole log says.
func checkSketch(t *testing.T, s *wire.Sketcher, raw []byte) {
	t.Helper()
	l, why := wire.Peek(raw, diag.ID{1}, "i", time.Unix(0, 0))
	if why != "" || l.Kind.Family() != diag.FamilyOther {
		return
	}
	k, want := s.Sketch(&l), wire.DecodeEvent(l)
	if l.Kind != diag.KindEvent {
		want.Name, want.Properties = "", nil
	}
	if diff := cmp.Diff(want.Device, *k.Device); diff != "" {
		t.Errorf("device of %s (-want +got):\n%s", raw, diff)
	}
	if k.Name != want.Name {
		t.Errorf("name %q of %s, want %q", k.Name, raw, want.Name)
	}
	if diff := cmp.Diff(want.Properties, k.Properties); diff != "" {
		t.Errorf("properties of %s (-want +got):\n%s", raw, diff)
	}
}

func FuzzSketch(f *testing.F) {
	for _, raw := range sketched {
		f.Add([]byte(raw), []byte(sketched[0]))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var s wire.Sketcher
		checkSketch(t, &s, first)
		checkSketch(t, &s, second)
	})
}
