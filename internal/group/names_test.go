package group_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/group"
)

// TestNames reads testdata/names.txt: a line gives a language, class, method and file, "-" for none; behind an
// arrow stand the frame's key line, and how it is shown if that differs.
func TestNames(t *testing.T) {
	t.Parallel()
	const path = "testdata/names.txt"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, " => ")
		line = strings.TrimRight(line, "\n ")
		b.WriteString(line)
		if line != "" && line[0] != '#' {
			fmt.Fprintf(&b, " => %s", named(t, line))
		}
		b.WriteByte('\n')
	}
	golden(t, path, b.String())
}

func named(t *testing.T, line string) string {
	t.Helper()
	fields := strings.Split(line, " | ")
	if len(fields) != 4 {
		t.Fatalf("%q has %d fields", line, len(fields))
	}
	for i, f := range fields {
		if f == "-" {
			fields[i] = ""
		}
	}
	f := diag.Frame{Language: diag.Language(fields[0]), Class: fields[1], Method: fields[2], File: fields[3]}
	platform := diag.PlatformOther
	if fields[0] == "" || f.Language == diag.LanguageSwift || f.Language == diag.LanguageCpp {
		platform, f.Image = diag.PlatformNDK, "libacme.so"
	}
	v := group.Decide(&diag.Report{Stack: diag.Stack{Platform: platform, Exception: &diag.Exception{Type: "E", Platform: platform, Frames: []diag.Frame{f}}}}, nil)
	key := strings.Join(v.KeyLines[1:], " + ")
	if shown := strings.TrimPrefix(v.Title, "E in "); !strings.HasSuffix(key, shown) {
		key += " => " + shown
	}
	if !v.Reason.Frame.AppCode {
		key += " => system"
	}
	return key
}
