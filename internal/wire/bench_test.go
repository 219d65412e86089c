package wire_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"lifeboat/internal/diag"
	"lifeboat/internal/wire"
)

// crashBody is a request with one Android crash of about 7 KB, as the SDK sends it.
func crashBody(t testing.TB) []byte {
	t.Helper()
	body, err := os.ReadFile("testdata/samples/android-managed-crash.json")
	if err != nil {
		t.Fatal(err)
	}
	thread := body[bytes.Index(body, []byte("    {\n     \"id\": 31")):bytes.Index(body, []byte("\n   ]\n  }\n ]\n}"))]
	for len(body) < 7000 {
		i := bytes.Index(body, thread)
		body = bytes.Join([][]byte{body[:i], thread, []byte(",\n"), body[i:]}, nil)
	}
	return body
}

// eventsBody is a request with 50 events.
func eventsBody(t testing.TB) []byte {
	t.Helper()
	body, err := os.ReadFile("testdata/samples/android-startup-analytics.json")
	if err != nil {
		t.Fatal(err)
	}
	events := slices.Repeat([][]byte{split(t, body)[1]}, 50)
	return fmt.Appendf(nil, `{"logs":[%s]}`, bytes.Join(events, []byte(",")))
}

// compact is body without spaces, as the SDKs for Android and Apple send it.
func compact(t testing.TB, body []byte) []byte {
	t.Helper()
	v := jsontext.Value(bytes.Clone(body))
	if err := v.Compact(); err != nil {
		t.Fatal(err)
	}
	return v
}

func BenchmarkSplitAndPeek(b *testing.B) {
	bodies := []struct {
		name string
		body []byte
	}{{"crash", crashBody(b)}, {"events", eventsBody(b)}, {"compact events", compact(b, eventsBody(b))}}
	for _, bench := range bodies {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(bench.body)))
			b.ReportAllocs()
			logs := 0
			for b.Loop() {
				for _, raw := range split(b, bench.body) {
					if _, reason := wire.Peek(raw, app, install, received); reason != "" {
						b.Fatal(reason)
					}
					logs++
				}
			}
			b.ReportMetric(float64(logs)/b.Elapsed().Seconds(), "logs/s")
		})
	}
}

func BenchmarkSplit(b *testing.B) {
	body := crashBody(b)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		split(b, body)
	}
}

func BenchmarkDecodeReport(b *testing.B) {
	for _, name := range []string{"android-managed-crash", "apple-ios-crash", "dotnet-wpf-crash"} {
		b.Run(name, func(b *testing.B) {
			body, err := os.ReadFile("testdata/samples/" + name + ".json")
			if err != nil {
				b.Fatal(err)
			}
			benchmarkDecode(b, peek(b, string(split(b, body)[0])))
		})
	}
	b.Run("crash of 7 KB", func(b *testing.B) { benchmarkDecode(b, peek(b, string(split(b, crashBody(b))[0]))) })
}

func benchmarkDecode(b *testing.B, l diag.Log) {
	b.SetBytes(int64(len(l.Raw)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if r := wire.DecodeReport(l, install); r.Problem != "" {
			b.Fatal(r.Problem)
		}
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "reports/s")
}

func BenchmarkPeekAttachment(b *testing.B) {
	data := bytes.Repeat([]byte("QUJD"), wire.MaxAttachment/3)
	raw := append([]byte(`{"type":"errorAttachment","id":"e0a5f5a0-8f1c-4b6e-a5b7-5b0f0e2f9b05","errorId":"91d7b0a4-3f62-4a2b-bd1c-2f1f0f7f7d04","data":"`), data...)
	raw = append(raw, `"}`...)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, reason := wire.Peek(raw, app, install, received); reason != "" {
			b.Fatal(reason)
		}
	}
}
