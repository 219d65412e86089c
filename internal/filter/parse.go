package filter

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"lifeboat/internal/diag"
)

// Limits of what is read.
const (
	MaxLength = 2000 // characters
	MaxDepth  = 32   // levels of parentheses and "not"
	MaxList   = 100  // values of one list
)

// Parse reads a filter on the fields of a table. An empty text is no filter: the result is nil. Errors are of kind
// Invalid; that for a field which the table does not have begins with "Cannot filter on the", as clients expect.
func Parse(text string, fields Fields) (Expr, error) {
	if len(text) > MaxLength*utf8.UTFMax || utf8.RuneCountInString(text) > MaxLength {
		return nil, diag.Errorf(diag.Invalid, "A filter holds at most %d characters.", MaxLength)
	}
	p := parser{lexer: lexer{text: strings.ToValidUTF8(text, string(utf8.RuneError))}, fields: fields}
	p.advance()
	if p.err == nil && p.now.kind == end {
		return nil, nil
	}
	e := p.or()
	if p.err == nil && p.now.kind != end {
		p.fail("expected \"and\", \"or\" or the end")
	}
	if p.err != nil {
		return nil, p.err
	}
	return e, nil
}

// parser reads by recursive descent and keeps the first error. Behind one, every token is the end.
type parser struct {
	lexer
	fields Fields
	now    token
	depth  int
}

func (p *parser) advance() {
	if p.err != nil {
		p.now = token{kind: end}
		return
	}
	p.now = p.next()
}

// fail complains about the token at hand.
func (p *parser) fail(format string, args ...any) {
	p.failAt(p.now.at, format, args...)
	p.now = token{kind: end, at: p.now.at}
}

// take reads a mark.
func (p *parser) take(k kind, what string) {
	if p.now.kind != k {
		p.fail("expected %s", what)
		return
	}
	p.advance()
}

func (p *parser) keyword(word string) bool {
	return p.now.kind == name && strings.EqualFold(p.now.text, word)
}

func (p *parser) or() Expr {
	parts := Or{p.and()}
	for p.keyword("or") {
		p.advance()
		parts = append(parts, p.and())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return parts
}

func (p *parser) and() Expr {
	parts := And{p.unary()}
	for p.keyword("and") {
		p.advance()
		parts = append(parts, p.unary())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return parts
}

func (p *parser) unary() Expr {
	if p.depth++; p.depth > MaxDepth+1 {
		p.fail("parentheses and \"not\" go deeper than %d levels", MaxDepth)
		return nil
	}
	defer func() { p.depth-- }()
	if p.keyword("not") {
		p.advance()
		return negate(p.plain())
	}
	return p.plain()
}

// negate leaves no "not" under a "not".
func negate(e Expr) Expr {
	if n, ok := e.(Not); ok {
		return n.Of
	}
	return Not{e}
}

// plain is what may stand behind a "not".
func (p *parser) plain() Expr {
	switch {
	case p.now.kind == open:
		p.advance()
		e := p.or()
		p.take(closed, "\")\"")
		return e
	case p.now.kind != name || p.keyword("not"):
		p.fail("expected the name of a field, a function or \"(\"")
		return nil
	}
	first := p.now
	p.advance()
	if p.now.kind == open {
		return p.call(first)
	}
	f := p.field(first)
	if p.keyword("in") {
		p.advance()
		return p.in(f)
	}
	return p.compare(f)
}

// maxEcho bounds how much of a text is repeated in a message.
const maxEcho = 64

func (p *parser) field(at token) Field {
	f, ok := p.fields.find(at.text)
	if !ok && p.err == nil {
		echo := []rune(at.text)
		p.err = diag.Errorf(diag.Invalid, "Cannot filter on the %s field, at character %d. Fields are: %s.", string(echo[:min(len(echo), maxEcho)]), at.at, p.fields.names())
		p.now = token{kind: end}
	}
	return f
}

func (p *parser) compare(f Field) Expr {
	ops := [...]Op{Eq, Ne, Gt, Ge, Lt, Le}
	for _, op := range ops {
		if !p.keyword(string(op)) {
			continue
		}
		ordering := op != Eq && op != Ne
		if ordering && !f.Type.ordered() {
			p.fail("%s can be compared with eq, ne and in only", f.Name)
			return nil
		}
		p.advance()
		at := p.now
		v := p.value(f)
		if ordering && v.Null {
			p.failAt(at.at, "null can be compared with eq and ne only")
		}
		return Compare{f.Name, op, v}
	}
	p.fail("expected eq, ne, gt, ge, lt, le or in")
	return nil
}

func (p *parser) in(f Field) Expr {
	p.take(open, "\"(\"")
	e := In{Field: f.Name}
	for p.err == nil {
		if len(e.Values) == MaxList {
			p.fail("a list holds at most %d values", MaxList)
			break
		}
		e.Values = append(e.Values, p.value(f))
		if p.now.kind != comma {
			break
		}
		p.advance()
	}
	p.take(closed, "\",\" or \")\"")
	return e
}

func (p *parser) call(first token) Expr {
	e := Call{Func: Func(Fold(first.text))}
	switch e.Func {
	case Contains, StartsWith, EndsWith:
	default:
		p.failAt(first.at, "functions are contains, startswith and endswith")
	}
	p.advance()
	if p.now.kind != name {
		p.fail("expected the name of a field")
		return nil
	}
	field := p.now
	p.advance()
	f := p.field(field)
	if f.Type != Text {
		p.failAt(field.at, "%s is no text, %s looks into texts", f.Name, e.Func)
	}
	e.Field = f.Name
	p.take(comma, "\",\"")
	e.Text = Fold(p.now.text)
	p.take(quoted, "a text in quotes")
	p.take(closed, "\")\"")
	if !p.keyword(string(Eq)) {
		return e
	}
	p.advance()
	yes, no := p.keyword("true"), p.keyword("false")
	if !yes && !no {
		p.fail("expected true or false")
		return nil
	}
	p.advance()
	if no {
		return Not{e}
	}
	return e
}

// value reads a literal for a field.
func (p *parser) value(f Field) Value {
	t := p.now
	switch t.kind {
	case quoted, bare:
	case name:
		switch {
		case p.keyword("null"):
			p.advance()
			return NullValue(f.Type)
		case !p.keyword("true") && !p.keyword("false"):
			p.fail("expected a value: a text stands in quotes")
			return Value{}
		}
	default:
		p.fail("expected a value")
		return Value{}
	}
	p.advance()
	v := Value{Type: f.Type}
	switch f.Type {
	case Text:
		v.Text = Fold(t.text)
	case Number:
		n, err := strconv.ParseInt(strings.TrimSpace(t.text), 10, 64)
		if err != nil {
			p.failAt(t.at, "%s is compared with a whole number", f.Name)
		}
		v.Num = n
	case Time:
		at, ok := diag.ParseTime(t.text)
		if !ok {
			p.failAt(t.at, "%s is compared with a time such as 2024-05-01T00:00:00Z", f.Name)
		}
		v.Num = int64(diag.DeviceTimeOf(at))
	default:
		v.Text = p.normal(f, t)
	}
	return v
}

func (p *parser) normal(f Field, t token) string {
	if f.normal == nil {
		return ""
	}
	text, ok := f.normal(t.text)
	switch {
	case ok:
		return text
	case f.Type == Word:
		p.failAt(t.at, "%s is %s", f.Name, f.Choice)
		return ""
	}
	return Fold(t.text)
}
