package api_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestQuestions: every question in docs/compatibility.md has a test that is named after it.
func TestQuestions(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	doc, err := os.ReadFile(filepath.Join(root, "docs", "compatibility.md"))
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(root, "internal", "*", "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	tested := map[string]bool{}
	for _, path := range paths {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func Test(Q\d+)[A-Z]\w*\(`).FindAllSubmatch(source, -1) {
			tested[string(m[1])] = true
		}
	}
	questions := regexp.MustCompile(`(?m)^\| (Q\d+) \|`).FindAllSubmatch(doc, -1)
	if len(questions) < 42 {
		t.Errorf("%d questions", len(questions))
	}
	for _, q := range questions {
		if !tested[string(q[1])] {
			t.Errorf("%s has no test", q[1])
		}
	}
}

// TestQ1Casing: states are read in any letter case and written as recorded; the old calls write them small.
func TestQ1Casing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1}.log())
	id := w.theGroup()
	for sent, want := range map[string]string{"closed": "Closed", "IGNORED": "Ignored", "Open": "Open", "oPeN": "Open"} {
		w.call("PATCH", "~/errors/errorGroups/"+id, `{"state":"`+sent+`"}`).want(200, `"state":"`+want+`"`)
		w.call("GET", "~/errors/errorGroups/"+id).want(200, `"state":"`+want+`"`)
		w.call("GET", "~/errors/errorGroups?groupState="+strings.ToUpper(want)).want(200, `"state":"`+want+`"`)
		w.call("GET", "~/errors/errorGroups/search").want(200, `"state":"`+want+`"`)
		w.call("GET", "~/crash_groups/"+id).want(200, `"status":"`+strings.ToLower(want)+`"`)
	}
}

// TestQ6RequestedWord: the PATCH answers the word that was asked for, whatever goes on behind it.
func TestQ6RequestedWord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, state := range []string{"indexed", "failed"} {
		b := w.upload(apple, "x")
		w.call("PATCH", "~/symbol_uploads/"+b.ID, `{"status":"committed"}`).want(200, `"status":"committed"`)
		w.finish(b.ID, state)
		w.call("GET", "~/symbol_uploads/"+b.ID).want(200, `"status":"`+state+`"`)
		w.call("PATCH", "~/symbol_uploads/"+b.ID, `{"status":"committed"}`).want(200, `"status":"committed"`)
	}
	w.call("PATCH", "~/symbol_uploads/"+w.begin(apple).ID, `{"status":"aborted"}`).want(200, `"status":"aborted"`)
}

// TestQ7Twice: retries do no harm, and what is decided stays so.
func TestQ7Twice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	committed, aborted := w.upload(apple, "x").ID, w.upload(apple, "x").ID
	first := w.call("PATCH", "~/symbol_uploads/"+committed, `{"status":"committed"}`).want(200)
	if again := w.call("PATCH", "~/symbol_uploads/"+committed, `{"status":"committed"}`).want(200); again.body != first.body {
		t.Errorf("%s, before %s", again.body, first.body)
	}
	w.call("PATCH", "~/symbol_uploads/"+committed, `{"status":"aborted"}`).want(409, `"code":"Conflict"`)
	w.call("PATCH", "~/symbol_uploads/"+aborted, `{"status":"aborted"}`).want(200)
	w.call("PATCH", "~/symbol_uploads/"+aborted, `{"status":"aborted"}`).want(200, `"status":"aborted"`)
	w.call("PATCH", "~/symbol_uploads/"+aborted, `{"status":"committed"}`).want(409)
}

// TestQ8FileSize: whole MiB, rounded up, once the file was looked into.
func TestQ8FileSize(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.upload(apple, "x")
	w.call("PATCH", "~/symbol_uploads/"+b.ID, `{"status":"committed"}`).want(200, `"file_size":0,`)
	w.finish(b.ID, "indexed") // of a MiB and one byte
	w.call("GET", "~/symbol_uploads/"+b.ID).want(200, `"file_size":2,`)
}

// TestQ12GetCrash: a GET that is documented as 201 answers 200.
func TestQ12GetCrash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1}.log())
	w.call("GET", "~/crash_groups/"+w.theGroup()+"/crashes/"+crashID(1)).want(200, `"crash_id":"`)
}

// TestQ29VersionAsBuild: app_build of the active devices is a build or a version; the CLI sends the version twice.
func TestQ29VersionAsBuild(t *testing.T) {
	t.Parallel()
	w := busy(t)
	const list = "~/analytics/active_device_counts?start=2024-05-09&end=2024-05-10"
	byBuild := w.call("GET", list+"&app_build=210").want(200)
	if byVersion := w.call("GET", list+"&app_build=2.1.0&versions=2.1.0").want(200); byVersion.body != byBuild.body || !strings.Contains(byBuild.body, `"count":2`) {
		t.Errorf("%s by version, %s by build", byVersion.body, byBuild.body)
	}
}

// TestQ38Retention: 28 and 90 go in, and the nearest of them that is not above what is kept comes out.
func TestQ38Retention(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for kept, shown := range map[int]int{28: 28, 89: 28, 90: 90, 365: 90, 3650: 90} {
		keep := w.app.Keep
		keep.Reports = kept
		w.must(w.store.SetRetention(t.Context(), w.app.Num, keep))
		w.call("GET", "~/errors/retention_settings").want(200, fmt.Sprintf(`"retention_in_days":%d,`, shown))
	}
	for body, status := range map[string]int{`{"retention_in_days":28}`: 200, `{"retention_in_days":90}`: 200, `{"retention_in_days":60}`: 400, `{"retention_in_days":0}`: 400} {
		w.call("PUT", "~/errors/retention_settings", body).want(status)
	}
}

// TestQ41NullOrAbsent: account objects write null for what they lack, errors/* leave it out.
func TestQ41NullOrAbsent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(`{"type":"managedError","id":"` + crashID(1) + `","timestamp":"2024-05-09T19:37:01Z","exception":{"type":"E"},"device":{"appVersion":"1"}}`)
	nulls := func(path string) (names []string) {
		var walk func(v any, name string)
		walk = func(v any, name string) {
			switch v := v.(type) {
			case map[string]any:
				for n, e := range v {
					walk(e, n)
				}
			case []any:
				for _, e := range v {
					walk(e, name)
				}
			case nil:
				names = append(names, name)
			}
		}
		var v any
		w.must(json.Unmarshal([]byte(w.call("GET", path).want(200).body), &v))
		walk(v, "")
		slices.Sort(names)
		return slices.Compact(names)
	}
	if got := nulls("~"); !slices.Equal(got, []string{"avatar_url", "azure_subscription", "description", "email", "icon_source", "icon_url", "release_type"}) {
		t.Errorf("nulls of an app: %v", got)
	}
	if got := nulls("/v0.1/user"); !slices.Equal(got, []string{"avatar_url"}) {
		t.Errorf("nulls of a user: %v", got)
	}
	group := "~/errors/errorGroups/" + w.theGroup()
	for _, path := range []string{"~/errors/errorGroups", group, group + "/errors", group + "/errors/latest", group + "/stacktrace", "~/errors/" + crashID(1) + "/session_logs", "~/errors/" + crashID(1) + "/attachments"} {
		if got := nulls(path); got != nil {
			t.Errorf("%s has nulls: %v", path, got)
		}
	}
	a := w.call("GET", "~/errors/errorGroups").want(200, `"exceptionMessage":""`, `"exceptionClassMethod":false`, `"exceptionAppCode":`)
	for _, name := range []string{"annotation", "reasonFrames", "exceptionLine", "exceptionFile", "exceptionClassName", "hidden"} {
		if strings.Contains(a.body, `"`+name+`"`) {
			t.Errorf("%s is there: %s", name, a.body)
		}
	}
}
