// SPDX-License-Identifier: Apache-2.0

package request

import (
	"fmt"
	"strings"

	"clearpost/lead"
)

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
		ch.settle()
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

// settle ends the part of the chain in which the value has its own type.
func (ch *chain) settle() {
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

// tokenKind is a kind of token within an expression.
type tokenKind uint8

const (
	tokenWord tokenKind = iota
	tokenText           // in quotes
	tokenPipe
)

type token struct {
	kind tokenKind
	text string
}

// lexExpression splits what follows {{ up to the closing }}, or a whole text where closed is false.
func lexExpression(s string, closed bool) (out []token, rest string, err error) {
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case isSpace(c):
			i++
		case closed && strings.HasPrefix(s[i:], "}}"):
			return out, s[i+2:], nil
		case c == '|':
			out = append(out, token{tokenPipe, "|"})
			i++
		case c == '"' || c == '\'':
			text, n, ok := lexText(s[i:])
			if !ok {
				return nil, "", fmt.Errorf("a closing %c in the expression", c)
			}
			out = append(out, token{tokenText, text})
			i += n
		default:
			n := 0
			for i+n < len(s) && !isSpace(s[i+n]) && strings.IndexByte("|\"'{}", s[i+n]) < 0 {
				n++
			}
			if n == 0 {
				return nil, "", fmt.Errorf("no %c within an expression: a text with it stands in quotes", c)
			}
			out = append(out, token{tokenWord, s[i : i+n]})
			i += n
		}
		if len(out) > 4*FiltersMax+2*MapEntriesMax {
			return nil, "", fmt.Errorf("a shorter expression")
		}
	}
	if closed {
		return nil, "", fmt.Errorf("}} after each {{ (a plain {{ is written {{ '{{' }})")
	}
	return out, "", nil
}

// lexText reads a text in quotes and tells how many bytes it took; a backslash takes the next sign as it is, \n and \t
// apart.
func lexText(s string) (string, int, bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; c {
		case s[0]:
			return b.String(), i + 1, true
		case '\\':
			if i++; i == len(s) {
				return "", 0, false
			}
			switch s[i] {
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			default:
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, false
}
