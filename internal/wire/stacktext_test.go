package wire_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestStackText decodes the texts of stacks in testdata/stacktext: each archive names the SDK in its comment
// and holds the text and the exception that is to come out.
func TestStackText(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/stacktext/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d archives, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			r := decode(t, handledError(settings(archive.Comment), string(archive.Files[0].Data)))
			r.Stack.Exception.Text = ""
			var b strings.Builder
			dump(&b, "", reflect.ValueOf(*r.Stack.Exception))
			compareArchive(t, path, archive, b.String())
		})
	}
}

func compareArchive(t *testing.T, path string, archive *txtar.Archive, got string) {
	t.Helper()
	if *update {
		archive.Files = append(archive.Files[:1], txtar.File{Name: "exception", Data: []byte(got)})
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := strings.Split(string(archive.Files[1].Data), "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(want) || line != want[i] {
			t.Fatalf("line %d: got %s\nall:\n%s", i+1, line, got)
		}
	}
	if len(want) != strings.Count(got, "\n")+1 {
		t.Errorf("lines are missing: got\n%s", got)
	}
}

func settings(comment []byte) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(string(comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		m[key] = value
	}
	return m
}

// handledError is a log of an exception that has a text only.
func handledError(s map[string]string, text string) string {
	quote := func(s string) string {
		b, _ := jsontext.AppendQuote(nil, s)
		return string(b)
	}
	return fmt.Sprintf(`{"type":"handledError","device":{"sdkName":%s,"wrapperSdkName":%s},"exception":{"type":%s,"message":%s,"wrapperSdkName":%s,"stackTrace":%s}}`,
		quote(s["sdk"]), quote(s["wrapper"]), quote(s["type"]), quote(s["message"]), quote(s["exceptionWrapper"]), quote(text))
}

// FuzzStackText reads any text as the stack of any platform. Every frame comes from a line of its own.
func FuzzStackText(f *testing.F) {
	paths, err := filepath.Glob("testdata/stacktext/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		s := settings(archive.Comment)
		f.Add(s["sdk"], s["wrapper"], s["message"], string(archive.Files[0].Data))
	}
	f.Fuzz(func(t *testing.T, sdk, wrapper, message, text string) {
		s := map[string]string{"sdk": sdk, "wrapper": wrapper, "exceptionWrapper": wrapper, "message": message}
		r := decode(t, handledError(s, text))
		lines := strings.Count(text, "\n") + strings.Count(message, "\n") + 2
		for e := r.Stack.Exception; e != nil; {
			if lines -= len(e.Frames); lines < 0 {
				t.Fatalf("more frames than lines in %q", text)
			}
			for _, frame := range e.Frames {
				if frame.Code == "" && frame.Address == 0 || frame.Line < 0 || frame.Column < 0 {
					t.Fatalf("%q gave %+v", text, frame)
				}
			}
			if len(e.Inner) == 0 {
				break
			}
			e = &e.Inner[0]
		}
	})
}
