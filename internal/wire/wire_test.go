package wire_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"lifeboat/internal/diag"
	"lifeboat/internal/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	app      = diag.DerivedID([]byte("app"))
	received = time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)
)

const install diag.InstallID = "0b5c7a52-2d1e-4e0f-8c37-55d6cf2c9b10"

// split cuts a body that must be good.
func split(t testing.TB, body []byte) [][]byte {
	t.Helper()
	elements, err := wire.SplitContainer(body)
	if err != nil {
		t.Fatal(err)
	}
	return elements
}

// peek looks at a log that must be kept.
func peek(t testing.TB, raw string) diag.Log {
	t.Helper()
	l, reason := wire.Peek([]byte(raw), app, install, received)
	if reason != "" {
		t.Fatalf("dropped as %s", reason)
	}
	return l
}

// decode reads one error log that must be kept.
func decode(t testing.TB, raw string) diag.Report {
	t.Helper()
	return wire.DecodeReport(peek(t, raw), install)
}

// TestSamples decodes every sample body and compares what comes out with a golden file.
func TestSamples(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/samples/*.json")
	if err != nil || len(paths) < 21 {
		t.Fatalf("%d samples, %v", len(paths), err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for _, raw := range split(t, body) {
				dump(&b, "", decodeAny(peek(t, string(raw))))
				b.WriteString("\n")
			}
			golden(t, filepath.Join("testdata", "golden", name+".txt"), b.String())
		})
	}
}

func decodeAny(l diag.Log) reflect.Value {
	switch l.Kind.Family() {
	case diag.FamilyError:
		return reflect.ValueOf(wire.DecodeReport(l, install))
	case diag.FamilyAttachment:
		return reflect.ValueOf(wire.DecodeAttachment(l, true))
	}
	e := wire.DecodeEvent(l)
	e.Raw = nil
	return reflect.ValueOf(e)
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update accepts):\n%s", path, diff)
	}
}

// dump writes what is not zero in v, one line each.
func dump(b *strings.Builder, path string, v reflect.Value) {
	switch {
	case v.Kind() == reflect.Pointer:
		if !v.IsNil() {
			dump(b, path, v.Elem())
		}
	case v.IsZero():
	case v.Type() == reflect.TypeFor[diag.DeviceTime]():
		fmt.Fprintf(b, "%s: %s\n", path, v.Interface().(diag.DeviceTime).Time().Format(time.RFC3339Nano))
	case v.Type() == reflect.TypeFor[diag.ID](), v.Type() == reflect.TypeFor[diag.LogKind]():
		fmt.Fprintf(b, "%s: %s\n", path, v.Interface())
	case v.Type() == reflect.TypeFor[diag.Frame]():
		fmt.Fprintf(b, "%s: %s\n", path, frameText(v.Interface().(diag.Frame)))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if v.Type().Field(i).Anonymous {
				name = ""
			}
			dump(b, strings.Trim(path+"."+name, "."), v.Field(i))
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		for i := range v.Len() {
			dump(b, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case v.Kind() == reflect.String || v.Kind() == reflect.Slice:
		fmt.Fprintf(b, "%s: %q\n", path, v.Interface())
	default:
		fmt.Fprintf(b, "%s: %v\n", path, v.Interface())
	}
}

// frameText is a frame on one line: names and values of what it has.
func frameText(f diag.Frame) string {
	var parts []string
	v := reflect.ValueOf(f)
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		switch {
		case field.IsZero():
		case field.Kind() == reflect.Uint64:
			parts = append(parts, fmt.Sprintf("%s=%#x", name, field.Uint()))
		case field.Kind() == reflect.Bool:
			parts = append(parts, name)
		default:
			parts = append(parts, fmt.Sprintf("%s=%v", name, field))
		}
	}
	return cmp.Or(strings.Join(parts, " | "), "nothing")
}
