package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lifeboat/internal/diag"
)

// TestExitCode: scripts rely on these numbers.
func TestExitCode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{diag.Errorf(diag.NotFound, "x"), 1},
		{diag.Errorf(diag.Invalid, "x"), 2},
		{fmt.Errorf("with more words: %w", diag.Errorf(diag.Invalid, "x")), 2},
		{errors.Join(diag.Errorf(diag.NotFound, "x"), errors.New("and more")), 1},
		{diag.Errorf(diag.Unauthenticated, "x"), 3},
		{diag.Errorf(diag.Denied, "x"), 3},
		{diag.Errorf(diag.Conflict, "x"), 3},
		{diag.Errorf(diag.TooLarge, "x"), 3},
		{diag.Errorf(diag.Busy, "x"), 3},
		{diag.Errorf(diag.Internal, "x"), 3},
		{errors.New("x"), 3},
		{codeError(1), 1},
		{fmt.Errorf("wrapped: %w", codeError(3)), 3},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: exit code %d, want %d", c.err, got, c.want)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if got := version(); !regexp.MustCompile(`^lifeboat \d+\.\d+\.\d+\S* \(commit \S+, go\S+.*, \w+/\w+\)$`).MatchString(got) {
		t.Errorf("version %q", got)
	}
}

func TestAppName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"admin/shop": "/apps/admin/shop", "a b/c?d": "/apps/a%20b/c%3Fd",
		"": "", "shop": "", "/shop": "", "admin/": "", "a/b/c": "",
	} {
		var a appName
		err := a.UnmarshalText([]byte(text))
		switch {
		case want == "" && (err == nil || !strings.Contains(err.Error(), "OWNER/NAME")):
			t.Errorf("%q: %v", text, err)
		case want != "" && (err != nil || a.path() != want):
			t.Errorf("%q: %q, %v", text, a.path(), err)
		}
	}
}

func TestLogLevel(t *testing.T) {
	t.Parallel()
	var l logLevel
	if err := l.UnmarshalText([]byte("warn")); err != nil || l.Level != slog.LevelWarn {
		t.Errorf("%v, %v", l, err)
	}
	if err := l.UnmarshalText([]byte("loud")); err == nil || !strings.Contains(err.Error(), "DEBUG, INFO, WARN or ERROR") {
		t.Error(err)
	}
}

// TestSource: a secret need not stand on the command line.
func TestSource(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "source")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	source := func(archive string) (string, error) { return (&personCopyCmd{Archive: archive}).source() }
	write("AccountName=acme;AccountKey=x\r\n")
	if got, err := source("@" + file); err != nil || got != "AccountName=acme;AccountKey=x" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := source("./archive"); err != nil || got != "./archive" {
		t.Errorf("%q, %v", got, err)
	}
	write(strings.Repeat("x", maxSource+1))
	if _, err := source("@" + file); diag.KindOf(err) != diag.Invalid || !strings.Contains(err.Error(), "too long") {
		t.Error(err)
	}
	if _, err := source("@" + file + "x"); diag.KindOf(err) != diag.Invalid || !strings.HasPrefix(err.Error(), "--archive: ") {
		t.Error(err)
	}
}

// TestTimeRange: an error says which of the two flags it is about.
func TestTimeRange(t *testing.T) {
	t.Parallel()
	for flag, c := range map[string]personCopyCmd{"--since: ": {Since: "soon"}, "--until: ": {Until: "soon"}} {
		c.Archive, c.Install = t.TempDir(), []string{"77777777-7777-4777-8777-777777777777"}
		_, err := c.options()
		var known *diag.Error
		if !errors.As(err, &known) || known.Kind != diag.Invalid || !strings.HasPrefix(known.Message, flag) {
			t.Errorf("%s%v", flag, err)
		}
	}
}

func TestRemote(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		r    remote
		want string
	}{
		"no token":  {remote{URL: "http://127.0.0.1:1"}, "--token or LIFEBOAT_TOKEN"},
		"no folder": {remote{URL: "http://127.0.0.1:1", Data: filepath.Join(t.TempDir(), "x")}, "Name another one with --token"},
		"no URL":    {remote{URL: "127.0.0.1:1", Token: "x"}, "is no server's URL"},
	} {
		if _, err := c.r.client(); diag.KindOf(err) != diag.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestBar(t *testing.T) {
	t.Parallel()
	var w bytes.Buffer
	b := &bar{w: &w}
	b.set("%d of %d", 1, 20)
	b.set("%d of %d", 2, 20) // too soon
	b.clear()
	b.clear()
	if got, want := w.String(), "\r1 of 20\r       \r"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	(&bar{}).set("x") // not on a terminal
	(&bar{}).clear()
}

func TestMegabytes(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 KB", 1: "1 KB", 1000: "1 KB", 1001: "2 KB", 999_999: "1000 KB", 1_500_000: "1.5 MB", 2_040_000_000: "2.0 GB"} {
		if got := megabytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestCalledAs(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/tmp/go-build123/b001/exe/lifeboat": "go run ./cmd/lifeboat",
		"./lifeboat":                         "./lifeboat",
	} {
		if got := calledAs(path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}
