package web_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lifeboat/internal/diag"
	"lifeboat/internal/group"
	"lifeboat/internal/wire"
)

var update = flag.Bool("update", false, "write the golden files")

// platforms are the pairs that apps are registered with, and some that say little.
var platforms = [][2]string{
	{"Android", "Java"}, {"iOS", "Objective-C-Swift"}, {"macOS", "Objective-C-Swift"}, {"Android", "Xamarin"}, {"iOS", "Xamarin"},
	{"Windows", "Xamarin"}, {"Android", "React-Native"}, {"iOS", "React-Native"}, {"Android", "Unity"}, {"iOS", "Unity"}, {"Windows", "Unity"},
	{"Android", "Cordova"}, {"iOS", "Cordova"}, {"Windows", "WPF"}, {"Windows", "WinForms"}, {"Windows", "UWP"}, {"Linux", "Electron"},
	{"Custom", "Custom"}, {"Android", "Unknown"}, {"tvOS", "Unknown"}, {"Windows", "Custom"},
}

// pre is the text of an element with its line breaks.
func pre(e *element) string { return strings.TrimSpace(strings.Join(e.pieces, "")) }

func TestSnippets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.base = "https://crash.example.com"
	w.enter(annToken)
	var b strings.Builder
	for i, p := range platforms {
		a := w.app(fmt.Sprintf("app-%02d", i), p[0], p[1])
		card := part(w.home("/?app="+a.Name), "app", a)
		for _, s := range card.class("snippet") {
			title := s.named("summary")[0].text()
			text := strings.ReplaceAll(pre(s.named("pre")[0]), a.Secret.String(), "SECRET")
			if strings.Contains(text, "{{") || !strings.Contains(text, "SECRET") || !strings.Contains(text, w.base) {
				t.Errorf("%v, %s: something is not filled in:\n%s", p, title, text)
			}
			if title == "Any HTTP client" && i > 0 {
				text = "as above"
			}
			fmt.Fprintf(&b, "-- %s %s: %s --\n%s\n", p[0], p[1], title, text)
		}
	}
	golden(t, "snippets.txtar", b.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	same(t, name, string(want), got)
}

// TestTestCrash: what the button and the command send is a crash that is kept, read and grouped.
func TestTestCrash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enter(annToken)
	for i, os := range []string{"Android", "iOS", "Windows", "Custom"} {
		a := w.app(fmt.Sprint("app-", i), os, "Custom")
		root := w.home("/?app=" + a.Name)
		button := root.all(func(e *element) bool { return e.attr["data-crash"] != "" })[0]
		same(t, "secret", a.Secret.String(), button.attr["data-secret"])
		checkCrash(t, w, a, strings.Replace(button.attr["data-crash"], "{{time}}", "2026-11-20T08:15:31.448Z", 1))

		command := pre(part(root, "crash", a))
		head, body, ok := strings.Cut(command, "  -d '")
		if !ok || !strings.HasPrefix(head, "curl -sS '"+w.server.URL+"/logs?api-version=1.0.0' \\\n  -H 'App-Secret: "+a.Secret.String()+"' \\\n") {
			t.Fatalf("the command is\n%s", command)
		}
		body, quoted := strings.CutSuffix(body, "'")
		body = strings.Replace(body, `'"$(date -u +%Y-%m-%dT%H:%M:%SZ)"'`, "2026-11-20T08:15:31Z", 1)
		if !quoted || strings.Contains(body, "'") {
			t.Fatalf("a shell reads something else out of\n%s", command)
		}
		checkCrash(t, w, a, body)
	}
}

func checkCrash(t *testing.T, w *world, a diag.App, body string) {
	t.Helper()
	logs, err := wire.SplitContainer([]byte(body))
	if err != nil || len(logs) != 1 {
		t.Fatalf("%d logs, %v: %s", len(logs), err, body)
	}
	l, reason := wire.Peek(logs[0], a.ID, "i", w.clock.Now())
	if reason != "" || !l.Dated || l.Timestamp.Time().Truncate(time.Second) != time.Date(2026, 11, 20, 8, 15, 31, 0, time.UTC) {
		t.Fatalf("dropped for %q, dated %v: %s", reason, l.Dated, body)
	}
	r := wire.DecodeReport(l, "i")
	v := group.Decide(&r, nil)
	if r.Problem != "" || r.Handled || v.Title != "TestCrash in Page.sendTestCrash" || v.Reason.Frame.Line != 42 {
		t.Errorf("it becomes %q, problem %q", v.Title, r.Problem)
	}
}
