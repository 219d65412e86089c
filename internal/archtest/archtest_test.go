package archtest_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"lifeboat/internal/archtest"
)

var update = flag.Bool("update", false, "write the table of packages into ARCHITECTURE.md")

const root = "../.."

// TestTree is the rule of this repository.
func TestTree(t *testing.T) {
	t.Parallel()
	findings, err := archtest.Check(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Error(f)
	}
}

// TestRules checks the rules on small trees: each archive holds files and, last, the findings that it must have.
func TestRules(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			tree := fstest.MapFS{}
			for _, f := range archive.Files {
				tree[f.Name] = &fstest.MapFile{Data: f.Data}
			}
			want := strings.Split(strings.TrimSpace(string(tree["findings"].Data)), "\n")
			delete(tree, "findings")
			got, err := archtest.Check(tree)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTableKeepsItsKinds checks the table itself: it must not allow what the kinds forbid.
func TestTableKeepsItsKinds(t *testing.T) {
	t.Parallel()
	kinds := map[string]archtest.Kind{"capabilities": archtest.Capability, "features": archtest.Feature, "adapters": archtest.Adapter, "tops": archtest.Top, "aids": archtest.Aid}
	for _, e := range archtest.Packages() {
		kinds[strings.TrimPrefix(e.Path, "internal/")] = e.Kind
	}
	allowed := map[archtest.Kind][]archtest.Kind{
		archtest.Capability: {archtest.Noun, archtest.Capability},
		archtest.Adapter:    {archtest.Noun, archtest.Capability},
		archtest.Feature:    {archtest.Noun, archtest.Capability},
		archtest.Aid:        {archtest.Noun, archtest.Capability},
		archtest.Top:        {archtest.Noun, archtest.Capability, archtest.Feature, archtest.Top, archtest.Adapter, archtest.Aid},
	}
	named := []string{"internal/server", "internal/e2e", "bench/..."} // these may name adapters
	for _, e := range archtest.Packages() {
		for _, m := range e.May {
			kind, ok := kinds[m]
			if !ok || !slices.Contains(allowed[e.Kind], kind) || kind == archtest.Adapter && !slices.Contains(named, e.Path) {
				t.Errorf("the table lets the %s %s import %q", e.Kind, e.Path, m)
			}
		}
	}
}

// TestArchitecture compares the table with the one that people read.
func TestArchitecture(t *testing.T) {
	t.Parallel()
	name := filepath.Join(root, "ARCHITECTURE.md")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	const from, to = "<!-- packages: go test ./internal/archtest -update -->\n", "<!-- end of packages -->\n"
	head, rest, ok := strings.Cut(string(text), from)
	old, tail, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		t.Fatalf("ARCHITECTURE.md has no lines %q and %q", from, to)
	}
	want := rendered()
	if *update {
		if err := os.WriteFile(name, []byte(head+from+want+to+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, old); diff != "" {
		t.Errorf("run go test ./internal/archtest -update (-table +ARCHITECTURE.md):\n%s", diff)
	}
}

func rendered() string {
	var s strings.Builder
	s.WriteString("| kind | package | may import | what it is |\n|---|---|---|---|\n")
	for _, e := range archtest.Packages() {
		may := strings.Join(e.May, ", ")
		if may == "" {
			may = "nothing of ours"
		}
		fmt.Fprintf(&s, "| %s | `%s` | %s | %s |\n", e.Kind, e.Path, may, e.Purpose)
	}
	return s.String()
}
