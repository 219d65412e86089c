package archtest

import (
	"errors"
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func rules() []func(*checker, *pkg) {
	return []func(*checker, *pkg){imports, comment, names, registration, state, clock, marks, skips}
}

// imports holds the table against the import lines.
func imports(c *checker, p *pkg) {
	for _, f := range p.files {
		for _, spec := range f.ast.Imports {
			at, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				c.found(spec.Pos(), "import path %s: %v", spec.Path.Value, err)
				continue
			}
			own, inside := strings.CutPrefix(at, module+"/")
			switch first, _, _ := strings.Cut(at, "/"); {
			case inside:
				c.inner(p, f, spec, own)
			case strings.Contains(first, "."):
				c.foreign(p, f, spec, at)
			default:
				c.standard(p, f, spec, at)
			}
		}
	}
}

// inner checks an import of this module.
func (c *checker) inner(p *pkg, f file, spec *ast.ImportSpec, at string) {
	target := c.table.entry(at)
	switch {
	case target == nil:
		c.found(spec.Pos(), "imports %s, which is not in the table of internal/archtest", at)
	case at == p.path, listed(p.entry.May, target):
	case f.test && listed([]string{capabilities, adapters, aids}, target):
	default:
		c.found(spec.Pos(), "the %s %s may not import the %s %s", p.entry.Kind, short(p.path), target.Kind, short(at))
	}
}

// foreign checks an import of another module.
func (c *checker) foreign(p *pkg, f file, spec *ast.ImportSpec, at string) {
	m, ok := find(c.table.modules, at)
	switch {
	case !ok:
		c.found(spec.Pos(), "imports %s, whose module is not in the table of internal/archtest", at)
	case p.entry.Kind == Noun && !f.test:
		c.found(spec.Pos(), "imports %s: %s is standard library only", at, short(p.path))
	case !f.test && !listed(m.Where, p.entry):
		c.found(spec.Pos(), "%s may not import %s, only %s may", short(p.path), at, strings.Join(m.Where, ", "))
	}
}

// outside matches the packages of the standard library that reach out of the process.
var outside = regexp.MustCompile(`^(os|os/.*|io/fs|io/ioutil|path/filepath|net|net/(http|rpc|smtp|mail)(/.*)?|syscall|database/sql(/.*)?|log|log/slog|crypto/tls|plugin)$`)

// standard checks an import of the standard library. Tests are free.
func (c *checker) standard(p *pkg, f file, spec *ast.ImportSpec, at string) {
	if f.test {
		return
	}
	if p.entry.Pure && outside.MatchString(at) {
		c.found(spec.Pos(), "imports %s: %s computes only", at, short(p.path))
	}
	i := slices.IndexFunc(c.table.restricted, func(m Module) bool { return m.Path == at })
	if i >= 0 && !listed(c.table.restricted[i].Where, p.entry) {
		c.found(spec.Pos(), "%s may not import %s", short(p.path), at)
	}
}

// comment wants every package to say what it promises. Tests without a package need not.
func comment(c *checker, p *pkg) {
	code := p.code()
	for _, f := range code {
		text := f.Doc.Text()
		if strings.HasPrefix(text, "Package "+f.Name.Name+" ") || f.Name.Name == "main" && text != "" {
			return
		}
	}
	if len(code) > 0 {
		c.found(code[0].Package, "no file of the package begins with a comment \"Package %s …\"", code[0].Name.Name)
	}
}

// drawers matches names that say nothing, so that everything ends up in them.
var drawers = regexp.MustCompile(`^(utils?|commons?|helpers?|base|models?|managers?|misc|shared|libs?|types)(_test)?$`)

func names(c *checker, p *pkg) {
	if drawers.MatchString(path.Base(p.path)) || drawers.MatchString(p.files[0].ast.Name.Name) {
		c.found(p.files[0].ast.Package, "package name says nothing: name it after its noun")
	}
	for _, f := range p.files {
		if drawers.MatchString(strings.TrimSuffix(path.Base(f.name), ".go")) {
			c.found(f.ast.Package, "file name says nothing: name it after its noun")
		}
	}
}

// registration refuses functions that run because a package is linked.
func registration(c *checker, p *pkg) {
	for _, f := range p.files {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				c.found(fn.Pos(), "func init: call it by name, or pass the value in")
			}
		}
	}
}

// nothing imports nothing: the names of a package's own variables are known without what it imports.
type nothing struct{}

func (nothing) Import(string) (*types.Package, error) { return nil, errors.New("not read") }

// state refuses package variables that change: assigned after their declaration, or of a type made for that.
func state(c *checker, p *pkg) {
	code := p.code()
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: nothing{}, Error: func(error) {}}
	self, _ := conf.Check(p.path, c.fset, code, info) // it fails at every import, and goes on
	changed := func(e ast.Expr) {
		if id := root(e); id != nil {
			if v, ok := info.Uses[id].(*types.Var); ok && v.Parent() == self.Scope() {
				c.found(id.Pos(), "changes the package variable %s: pass it in, or make it a field", id.Name)
			}
		}
	}
	for _, f := range code {
		for _, d := range f.Decls {
			c.synchronized(d)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			for _, e := range written(n) {
				changed(e)
			}
			return true
		})
	}
}

// written returns the expressions that a statement changes.
func written(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			return []ast.Expr{n.Key, n.Value}
		}
	case *ast.CallExpr:
		if fn, ok := n.Fun.(*ast.Ident); ok && (fn.Name == "delete" || fn.Name == "clear") && len(n.Args) > 0 {
			return n.Args[:1]
		}
	}
	return nil
}

// root returns the variable that a place belongs to: v of v.a[i].b and of *v.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.ParenExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// synchronized refuses package variables whose type is a lock or a shared counter.
func (c *checker) synchronized(d ast.Decl) {
	decl, ok := d.(*ast.GenDecl)
	if !ok || decl.Tok != token.VAR {
		return
	}
	for _, s := range decl.Specs {
		spec := s.(*ast.ValueSpec)
		kinds := []ast.Expr{spec.Type}
		for _, v := range spec.Values {
			if lit, ok := v.(*ast.CompositeLit); ok {
				kinds = append(kinds, lit.Type)
			}
		}
		for _, k := range kinds {
			if sel, ok := k.(*ast.SelectorExpr); ok && (isName(sel.X, "sync") || isName(sel.X, "atomic")) {
				c.found(spec.Pos(), "package variable of type %s.%s: make it a field", sel.X, sel.Sel.Name)
			}
		}
	}
}

func isName(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// clock refuses to ask the machine for the time where a diag.Clock is to be passed in.
func clock(c *checker, p *pkg) {
	if p.entry.Kind != Capability && p.entry.Kind != Feature || listed(MachineTime(), p.entry) {
		return
	}
	for _, f := range p.code() {
		ast.Inspect(f, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if ok && isName(sel.X, "time") && slices.Contains([]string{"Now", "Since", "Until"}, sel.Sel.Name) {
				c.found(sel.Pos(), "time.%s: take the time from the clock that is passed in", sel.Sel.Name)
			}
			return true
		})
	}
}

var unfinished = regexp.MustCompile(`\b(TODO|FIXME|HACK|XXX)\b`)

// marks refuses unfinished work in comments.
func marks(c *checker, p *pkg) {
	for _, f := range p.files {
		for _, group := range f.ast.Comments {
			for _, line := range group.List {
				if m := unfinished.FindString(line.Text); m != "" {
					c.found(line.Pos(), "%s in a comment: finish it, or open an issue", m)
				}
			}
		}
	}
}

// skips refuses tests that call themselves green without having run.
func skips(c *checker, p *pkg) {
	for _, f := range p.files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			skip := ok && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name)
			if skip && slices.ContainsFunc([]string{"t", "b", "f", "tb"}, func(name string) bool { return isName(sel.X, name) }) {
				c.found(call.Pos(), "skips a test: run it, or give its file a build tag that ./check sets")
			}
			return true
		})
	}
}
