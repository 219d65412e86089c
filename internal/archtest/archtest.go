// Package archtest is the table of packages as data, and the rules of this code base that a program can see.
//
// It promises that a tree without findings has no package, no import and no foreign module outside the table of
// ARCHITECTURE.md; that every package says what it promises; and that there is no hidden registration, no state
// in package variables, no clock but the one passed in, no unfinished mark and no skipped test.
//
// It reads files only and builds nothing, so files of every system and build tag are seen.
package archtest

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Module is the name of the module whose packages the table lists.
const module = "lifeboat"

// Check reads all Go files below the root of tree and returns what breaks a rule, one line each, as
// "file:line: what is wrong". Folders named testdata, hidden folders and other modules are passed over.
func Check(tree fs.FS) ([]string, error) {
	c := &checker{fset: token.NewFileSet(), table: newTable()}
	packages, err := c.load(tree)
	if err != nil {
		return nil, err
	}
	for _, p := range packages {
		if p.entry = c.table.entry(p.path); p.entry == nil {
			c.found(p.files[0].ast.Package, "package %s is not in the table of internal/archtest", p.path)
			continue
		}
		for _, rule := range rules() {
			rule(c, p)
		}
	}
	slices.SortFunc(c.findings, func(a, b finding) int {
		return cmp.Or(strings.Compare(a.at.Filename, b.at.Filename), cmp.Compare(a.at.Line, b.at.Line), strings.Compare(a.text, b.text))
	})
	var lines []string
	for _, f := range c.findings {
		lines = append(lines, fmt.Sprintf("%s:%d: %s", f.at.Filename, f.at.Line, f.text))
	}
	return slices.Compact(lines), nil
}

// A pkg is one folder with Go files: the package, its tests and the tests from outside it.
type pkg struct {
	path  string // below the module
	files []file // never empty
	entry *Entry
}

type file struct {
	name string // with folder
	ast  *ast.File
	test bool
}

// code returns the files that are not tests.
func (p *pkg) code() []*ast.File {
	var files []*ast.File
	for _, f := range p.files {
		if !f.test {
			files = append(files, f.ast)
		}
	}
	return files
}

type finding struct {
	at   token.Position
	text string
}

type checker struct {
	fset     *token.FileSet
	table    table
	findings []finding
}

func (c *checker) found(at token.Pos, format string, args ...any) {
	c.findings = append(c.findings, finding{c.fset.Position(at), fmt.Sprintf(format, args...)})
}

// load parses the tree. A file that does not parse is an error, not a finding: nothing can be said about it.
func (c *checker) load(tree fs.FS) ([]*pkg, error) {
	folders := map[string]*pkg{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return passOver(tree, name)
		case path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(c.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder := path.Dir(name)
		if folders[folder] == nil {
			folders[folder] = &pkg{path: folder}
		}
		folders[folder].files = append(folders[folder].files, file{name, parsed, strings.HasSuffix(name, "_test.go")})
		return nil
	})
	packages := make([]*pkg, 0, len(folders))
	for _, p := range folders {
		packages = append(packages, p)
	}
	return packages, err
}

// passOver answers fs.SkipDir for folders that hold no package of this module.
func passOver(tree fs.FS, folder string) error {
	base := path.Base(folder)
	switch {
	case folder == ".":
		return nil
	case base == "testdata", base == "node_modules", strings.HasPrefix(base, "."), strings.HasPrefix(base, "_"):
		return fs.SkipDir
	}
	if _, err := fs.Stat(tree, path.Join(folder, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

// A table answers who may import what.
type table struct {
	entries    []Entry
	modules    []Module
	restricted []Module
}

func newTable() table { return table{Packages(), Modules(), Restricted()} }

// entry returns the entry of the package at a path, nil if there is none.
func (t table) entry(at string) *Entry {
	for i, e := range t.entries {
		below, all := strings.CutSuffix(e.Path, "/...")
		if at == e.Path || all && (at == below || strings.HasPrefix(at, below+"/")) {
			return &t.entries[i]
		}
	}
	return nil
}

// short is how lists of the table call a package.
func short(at string) string { return strings.TrimPrefix(at, "internal/") }

// stands says whether a word of a list, or a path, stands for the package of e. Tests are told apart by the caller.
func stands(word string, e *Entry) bool {
	switch word {
	case capabilities:
		return e.Kind == Capability || e.Kind == Noun
	case adapters:
		return e.Kind == Adapter
	case features:
		return e.Kind == Feature
	case tops:
		return e.Kind == Top
	case aids, tests:
		return e.Kind == Aid
	}
	return word == short(e.Path)
}

func listed(list []string, e *Entry) bool {
	return slices.ContainsFunc(list, func(word string) bool { return stands(word, e) })
}

// find returns the module of list that an import path belongs to.
func find(list []Module, at string) (Module, bool) {
	i := slices.IndexFunc(list, func(m Module) bool { return at == m.Path || strings.HasPrefix(at, m.Path+"/") })
	if i < 0 {
		return Module{}, false
	}
	return list[i], true
}
