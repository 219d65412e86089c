package web_test

import (
	"strings"
	"testing"
)

const wantPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// checkPolicy holds a page against the promises that every page makes: its policy would block nothing of it,
// and it can be used without a mouse.
func checkPolicy(t testing.TB, a answer, root *element) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy": wantPolicy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	ids := map[string]bool{}
	for _, e := range root.all(func(*element) bool { return true }) {
		checkElement(t, e)
		if id := e.attr["id"]; id != "" {
			if ids[id] {
				t.Errorf("the id %q stands twice", id)
			}
			ids[id] = true
		}
	}
	checkReferences(t, root, ids)
	if n := len(root.named("h1")); n != 1 {
		t.Errorf("%d elements h1, want 1", n)
	}
	if html := root.named("html"); len(html) != 1 || html[0].attr["lang"] != "en" {
		t.Error("the page does not say its language")
	}
}

func checkElement(t testing.TB, e *element) {
	t.Helper()
	for name, value := range e.attr {
		switch {
		case strings.HasPrefix(name, "on"), name == "style":
			t.Errorf("<%s> has the attribute %s", e.name, name)
		case name == "src", name == "href", name == "action":
			if !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "#") || strings.HasPrefix(value, "//") {
				t.Errorf("<%s %s=%q> leads away", e.name, name, value)
			}
		}
	}
	switch e.name {
	case "script":
		if e.attr["src"] == "" || e.text() != "" {
			t.Errorf("inline script: %q", e.text())
		}
	case "style", "iframe", "object", "embed", "base":
		t.Errorf("a <%s> stands in the page", e.name)
	case "table":
		if len(e.named("caption")) != 1 {
			t.Error("a table has no caption")
		}
	case "th":
		if e.attr["scope"] == "" {
			t.Errorf("the heading %q has no scope", e.text())
		}
	case "img":
		if _, ok := e.attr["alt"]; !ok {
			t.Error("a picture has no alternative text")
		}
	case "button":
		if e.text() == "" {
			t.Error("a button says nothing")
		}
	}
}

// checkReferences wants labels for fields, and nothing that refers to what is not there.
func checkReferences(t testing.TB, root *element, ids map[string]bool) {
	t.Helper()
	labels := map[string]bool{}
	for _, e := range root.named("label") {
		labels[e.attr["for"]] = true
	}
	for _, e := range root.named("input") {
		if !labels[e.attr["id"]] {
			t.Errorf("the field %q has no label", e.attr["name"])
		}
	}
	for _, e := range root.all(func(*element) bool { return true }) {
		for _, name := range []string{"aria-labelledby", "aria-describedby", "for", "list", "data-copy"} {
			for _, id := range strings.Fields(e.attr[name]) {
				if !ids[id] {
					t.Errorf("%s=%q refers to nothing", name, id)
				}
			}
		}
		if to, ok := strings.CutPrefix(e.attr["href"], "#"); ok && !ids[to] {
			t.Errorf("href=%q leads nowhere", e.attr["href"])
		}
	}
}
