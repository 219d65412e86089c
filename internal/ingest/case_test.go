package ingest_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"lifeboat/internal/diag"
	"lifeboat/internal/ingest"
	"lifeboat/internal/wire"
)

var update = flag.Bool("update", false, "write what is into the files of testdata/cases")

// TestCases sends what testdata/cases/*.txtar say. A file has pairs of "request" (method and target, headers)
// with an optional "body", and of "want": the answer, then what was stored and dropped. A header without a value
// is not sent. Names that begin with "strict" run with strict ingestion.
func TestCases(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/cases/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			strict := strings.HasPrefix(filepath.Base(file), "strict")
			w := newWorld(t, func(o *ingest.Options) { o.Strict = strict })
			changed := false
			for i := range archive.Files {
				if archive.Files[i].Name != "want" {
					continue
				}
				got := w.play(archive.Files[:i])
				if diff := cmp.Diff(string(archive.Files[i].Data), got); diff != "" && !*update {
					t.Errorf("case %d: (-want +got)\n%s", i, diff)
				}
				archive.Files[i].Data, changed = []byte(got), true
			}
			if *update && changed {
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// play sends the last request among the files and says what came of it.
func (w *world) play(files []txtar.File) string {
	w.t.Helper()
	var head, body []byte
	for _, f := range files {
		switch f.Name {
		case "request":
			head, body = f.Data, nil
		case "body":
			body = bytes.TrimSuffix(f.Data, []byte("\n"))
		}
	}
	lines := bufio.NewScanner(bytes.NewReader(head))
	lines.Scan()
	method, target, _ := strings.Cut(lines.Text(), " ")
	var headers []string
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		headers = append(headers, name, strings.TrimSpace(value))
	}
	before := w.drops()
	a := w.do(w.request(method, target, bytes.NewReader(body), headers...))
	var out strings.Builder
	fmt.Fprintf(&out, "%d %s\n", a.status, strings.ReplaceAll(a.raw, a.body.Correlation, "CORRELATION"))
	if allow := a.header.Get("Allow"); allow != "" {
		fmt.Fprintf(&out, "allow %s\n", allow)
	}
	for _, f := range w.frames() {
		fmt.Fprintf(&out, "frame kind %d, log %s, install %q, logs %d\n", f.Kind, f.Log, f.Envelope.Install, len(f.Logs))
		if f.Correlation.String() != a.body.Correlation || f.App != w.app.Num || f.Received != today.UnixMilli() {
			w.t.Errorf("frame %+v of answer %s", f.Header, a.raw)
		}
	}
	after := w.drops()
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if n := after[key] - before[key]; n > 0 {
			fmt.Fprintf(&out, "dropped %d: app %s\n", n, key)
		}
	}
	return out.String()
}

func TestSamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/samples/*.json")
	if err != nil || len(files) != 21 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	for _, strict := range []bool{false, true} {
		w := newWorld(t, func(o *ingest.Options) { o.Strict = strict })
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			a := w.post(body)
			if a.status != http.StatusOK || a.body.Status != "Success" {
				t.Errorf("%s: %d %s", file, a.status, a.raw)
			}
			var logs []string
			for _, f := range w.frames() {
				for _, l := range f.Logs {
					logs = append(logs, string(l))
				}
			}
			if diff := cmp.Diff(logsOf(t, body), logs); diff != "" {
				t.Errorf("%s: stored (-sent +stored)\n%s", file, diff)
			}
		}
		if drops := w.drops(); len(drops) != 0 {
			t.Errorf("dropped %v", drops)
		}
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/logs": true, "//logs": true, "/logs/": true, "//logs//": true, "/prefix/logs": true, "/a/b//logs": true, "/v0.1/apps/o/a/logs": true,
		"": false, "/": false, "logs": false, "/log": false, "/logsx": false, "/xlogs": false, "/logs/x": false, "/devices/block_logs": false,
	} {
		if got := ingest.Match(path); got != want {
			t.Errorf("Match(%q) = %v", path, got)
		}
	}
}

func TestIsOneCollector(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, header, value string
		want                  bool
	}{
		{"POST", "Content-Type", "application/x-json-stream; charset=utf-8", true},
		{"POST", "Content-Type", "Application/X-JSON-Stream", true},
		{"POST", "apikey", "k", true},
		{"POST", "Client-Version", "ACS-Android-Java-no-5.0.6-no", true},
		{"POST", "Content-Type", "application/json", false},
		{"GET", "apikey", "k", false},
	} {
		r, err := http.NewRequest(c.method, "http://h/OneCollector/1.0", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(c.header, c.value)
		if got := ingest.IsOneCollector(r); got != c.want {
			t.Errorf("%v: %v", c, got)
		}
	}
}

func TestOneCollector(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.do(w.request("POST", "/OneCollector/1.0", strings.NewReader(`{"ver":"3.0"}`), "Content-Type", "application/x-json-stream; charset=utf-8"))
	if a.status != http.StatusOK || a.raw != "{}" {
		t.Errorf("answer %d %s", a.status, a.raw)
	}
	if n := w.handler.Stats().OneCollector; n != 1 {
		t.Errorf("counted %d", n)
	}
}

func TestCorrelationIDs(t *testing.T) {
	t.Parallel()
	w, seen := newWorld(t), map[string]bool{}
	for range 100 {
		c := w.post(container()).body.Correlation
		if parsed, ok := diag.ParseID(c); !ok || parsed[6]>>4 != 4 || seen[c] {
			t.Fatalf("correlation id %q", c)
		}
		seen[c] = true
	}
}

// logsOf are the logs of a body in the order in which they are stored: errors and attachments first.
func logsOf(t *testing.T, body []byte) []string {
	t.Helper()
	elements, err := wire.SplitContainer(body)
	if err != nil {
		t.Fatal(err)
	}
	var first, rest []string
	for _, e := range elements {
		l, _ := wire.Peek(e, diag.ID{}, "", today)
		if l.Kind.Family() == diag.FamilyOther {
			rest = append(rest, string(e))
		} else {
			first = append(first, string(e))
		}
	}
	return append(first, rest...)
}
