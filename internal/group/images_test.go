package group_test

import (
	"os"
	"strings"
	"testing"

	"lifeboat/internal/diag"
	"lifeboat/internal/group"
)

// TestImages reads testdata/images.txt: whose code an image is.
func TestImages(t *testing.T) {
	t.Parallel()
	const path = "testdata/images.txt"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if line[0] != '#' {
			line, _, _ = strings.Cut(line, " => ")
			line += " => " + owner(t, line)
		}
		b.WriteString(line + "\n")
	}
	golden(t, path, b.String())
}

func owner(t *testing.T, line string) string {
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
	platform := diag.Platform(fields[0])
	r := diag.Report{ApplicationPath: fields[1], Stack: diag.Stack{
		Platform: platform,
		Threads:  []diag.Thread{{Crashed: true, Platform: platform, Frames: []diag.Frame{{Method: "run", Symbol: "run", Image: fields[2], Address: 1}}}},
	}}
	if fields[3] != "" {
		r.Stack.Images = []diag.Image{{Name: fields[2], Path: fields[3]}}
	}
	group.Decide(&r, nil)
	if r.Stack.Threads[0].Frames[0].AppCode {
		return "app"
	}
	return "system"
}
