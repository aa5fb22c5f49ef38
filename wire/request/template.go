// SPDX-License-Identifier: Apache-2.0

package request

import (
	"fmt"
	"strings"

	"clearpost/lead"
)

// template is a text with expressions in it, compiled to slots.
type template struct{ pieces []piece }

// piece is a text, or an expression.
type piece struct {
	lit  constant
	expr *expression
}

// expression is a value and the filters that it goes through, in order.
type expression struct {
	source
	filters []filter
}

// append writes the template, each expression in an encoding and the texts between them as they are. A missing value
// writes nothing; it tells false if there are expressions and all of them are missing.
func (t *template) append(dst []byte, p *pass, enc encoding) ([]byte, bool) {
	some, asked := false, false
	for i := range t.pieces {
		e := t.pieces[i].expr
		if e == nil {
			dst = t.pieces[i].lit.append(dst, p.redact)
			continue
		}
		asked = true
		mark := len(dst)
		var ok bool
		if dst, ok = e.append(dst, p); ok {
			some = true
			dst = encodeTail(dst, mark, enc)
		}
	}
	return dst, some || !asked
}

func (e *expression) append(dst []byte, p *pass) ([]byte, bool) {
	mark := len(dst)
	dst, ok := e.source.append(dst, p)
	if e.from == fromBody && len(dst) == mark && len(e.filters) > 0 && e.filters[0].op == opHash {
		dst, ok = e.filters[0].append(dst, nil, p) // an empty body is one: its hash is signed
		return runFilters(dst, mark, ok, e.filters[1:], p)
	}
	return runFilters(dst, mark, ok, e.filters, p)
}

// runFilters puts what stands behind the mark through filters, in place. An empty text is missing: every filter but
// default leaves it so, and what is missing in the end writes nothing.
func runFilters(dst []byte, mark int, ok bool, filters []filter, p *pass) ([]byte, bool) {
	ok = ok && len(dst) > mark
	for i := range filters {
		f := &filters[i]
		if !ok {
			if f.op == opDefault {
				dst, ok = f.stand(dst[:mark], p)
				ok = ok && len(dst) > mark
			}
			continue
		}
		if f.op == opDefault {
			continue
		}
		end := len(dst)
		dst, ok = f.append(dst, dst[mark:end], p)
		n := copy(dst[mark:], dst[end:])
		dst = dst[:mark+n]
		ok = ok && n > 0
		if n > ExpressionBytesMax || mark+n-p.start > 2*BytesMax {
			p.over = true
			return dst[:mark], false
		}
	}
	if !ok {
		return dst[:mark], false
	}
	return dst, true
}

// templatePlace is where a template stands: its path in the spec, and what is special there.
type templatePlace struct {
	path   string
	extra  []known // names that only this place has
	secret escape  // how secrets between the expressions are written; nil: as they are
	hidden bool    // the text may hold a secret as it stands: it is not shown in a defect
}

// isTemplate tells whether a text has an expression in it.
func isTemplate(s string) bool { return strings.Contains(s, "{{") }

// template compiles a text with expressions; nil after a defect.
func (c *compiler) template(at templatePlace, s string) *template {
	shown := s
	if at.hidden {
		shown = ""
	}
	bad := func(format string, args ...any) *template {
		c.bad(at.path, shown, format, args...)
		return nil
	}
	if len(s) > TemplateBytesMax {
		shown = ""
		return bad("a template of at most %d bytes", TemplateBytesMax)
	}
	t, n, fine := &template{}, 0, true
	for s != "" {
		open := strings.Index(s, "{{")
		if open < 0 {
			open = len(s)
		}
		if open > 0 {
			lit, err := c.literal(at, s[:open])
			if err != nil {
				return bad("%s", err)
			}
			t.pieces = append(t.pieces, piece{lit: lit})
		}
		if s = s[open:]; s == "" {
			break
		}
		tokens, rest, err := lexExpression(s[2:], true)
		if err != nil {
			return bad("%s", err)
		}
		if n++; n > ExpressionsMax {
			return bad("a template of at most %d expressions", ExpressionsMax)
		}
		e, problem := c.expression(tokens, at)
		if problem != "" {
			bad("%s", problem)
			fine = false
		}
		t.pieces = append(t.pieces, piece{expr: e})
		s = rest
	}
	if !fine {
		return nil
	}
	return t
}

// literal resolves the secrets of a text between expressions.
func (c *compiler) literal(at templatePlace, s string) (constant, error) {
	t, err := resolve(s, c.opt)
	if err != nil {
		return constant{}, err
	}
	secret := escape(asIs)
	if at.secret != nil {
		secret = at.secret
	}
	return t.encode(asIs, secret, asIs), nil
}

// expression compiles what stands between {{ and }}: a value and its filters.
func (c *compiler) expression(tokens []token, at templatePlace) (*expression, string) {
	if len(tokens) == 0 {
		return nil, "a name within {{ }}, such as {{ first_name | upper }}"
	}
	e, head := &expression{}, tokens[0]
	ch := chain{c: c, at: at.path, e: e, name: head.text, extra: at.extra}
	switch head.kind {
	case tokenText:
		t, err := resolve(head.text, c.opt)
		if err != nil {
			return nil, err.Error()
		}
		e.source = source{from: fromText, text: t.encode(asIs, asIs, asIs)}
		ch.name = "the text"
	case tokenWord:
		var problem string
		if e.source, problem = c.source(head.text, at.extra); problem != "" {
			return nil, fmt.Sprintf("in {{ %s }}: %s", head.text, problem)
		}
	default:
		return nil, "a name or a text in quotes after {{, then filters, each after a |"
	}
	if len(tokens) > 1 && tokens[1].kind != tokenPipe {
		return nil, fmt.Sprintf("a | between %s and its first filter", head.text)
	}
	if problem := ch.filters(tokens[1:]); problem != "" {
		return nil, problem
	}
	return e, ""
}

// chain is an expression while its filters are compiled.
type chain struct {
	c     *compiler
	at    string // its place in the spec
	e     *expression
	name  string    // of the value, for messages
	typ   lead.Type // of what the next filter gets; none is text
	taken bool      // the value's own form is settled: what follows works on text
	extra []known
}

// filters compiles filters, each after a pipe; it returns what was expected.
func (ch *chain) filters(tokens []token) string {
	ch.typ = ch.e.typ
	if ch.e.format.kind != formatNone {
		ch.endTyped()
	}
	for len(tokens) > 0 {
		tokens = tokens[1:] // the pipe
		n := 0
		for n < len(tokens) && tokens[n].kind != tokenPipe {
			n++
		}
		if n == 0 || tokens[0].kind != tokenWord {
			return "the name of a filter after each |"
		}
		if len(ch.e.filters) == FiltersMax {
			return fmt.Sprintf("at most %d filters", FiltersMax)
		}
		if problem := ch.filter(tokens[0].text, tokens[1:n]); problem != "" {
			return problem
		}
		tokens = tokens[n:]
	}
	return ch.finish()
}

// finish gives a value that no filter formatted the form that it has without one.
func (ch *chain) finish() string {
	if ch.e.from == fromSlot && ch.e.typ == lead.TypePhone && ch.e.format.kind == formatNone {
		ch.e.format, _ = compileFormat("", lead.TypePhone)
	}
	return ""
}

// endTyped ends the part of the chain in which the value has its own type.
func (ch *chain) endTyped() {
	ch.taken = true
	ch.typ = lead.TypeText
	if ch.e.format.kind.number() {
		ch.typ = lead.TypeDecimal
	}
}

func (ch *chain) filter(name string, args []token) string {
	def := findFilter(name)
	if def == nil {
		names := filterNames()
		if near := lead.Nearest(name, names); near != "" {
			return fmt.Sprintf("a filter: there is no %q, did you mean %q?", name, near)
		}
		return fmt.Sprintf("a filter: there is no %q; there are %s", name, strings.Join(names, ", "))
	}
	typ := ch.typ
	if typ == lead.TypeNone {
		typ = lead.TypeText
	}
	if def.takes>>typ&1 == 0 {
		return fmt.Sprintf("a filter that fits: %s takes %s, and %s is of type %s here", name, def.wants, ch.name, typ)
	}
	if len(args) < def.min || len(args) > def.max {
		return fmt.Sprintf("%s as in %s", name, def.usage)
	}
	if problem := def.build(ch, args); problem != "" {
		return problem + ", as in " + def.usage
	}
	return ""
}

// add puts a filter at the end. What it makes is text.
func (ch *chain) add(f filter) {
	ch.finish()
	ch.e.filters = append(ch.e.filters, f)
	ch.taken, ch.typ = true, lead.TypeText
}

// constant resolves the secrets of an argument.
func (ch *chain) constant(t token) (constant, string) {
	s, err := resolve(t.text, ch.c.opt)
	if err != nil {
		return constant{}, err.Error()
	}
	return s.encode(asIs, asIs, asIs), ""
}
