// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"

	"clearpost/lead"
)

// Options are what an expression may lean on in its place.
type Options struct {
	Zone  *time.Location // of now.hour and its like; nil: there are none
	Offer Offer          // which of tier, sold and price will come to be known
}

// Compile reads an expression and checks it against the schema. What is wrong is told with the column of the text at
// which it stands, counted in characters from 1; there is no expression then.
func Compile(text string, s *lead.Schema, opt Options) (*Expr, []lead.Defect) {
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "":
		return nil, []lead.Defect{{Expected: "a condition such as lead.state == \"CA\""}}
	case len(trimmed) > TextMax:
		return nil, []lead.Defect{{Value: fmt.Sprint(len(trimmed), " bytes"),
			Expected: fmt.Sprintf("an expression of at most %d bytes", TextMax)}}
	case !utf8.ValidString(trimmed):
		return nil, []lead.Defect{{Expected: "UTF-8 text"}}
	}
	c := compiler{schema: s, opt: opt, text: []rune(trimmed)}
	tree, err := parser.Parse(trimmed)
	if err != nil {
		return nil, []lead.Defect{c.broken(err)}
	}
	root := c.condition(tree.Node)
	if len(c.defects) == 0 && len(c.names) == 0 {
		c.defects = append(c.defects, lead.Defect{Value: trimmed,
			Expected: "a condition on something: lead.FIELD, source.id, now.hour, …"})
	}
	if len(c.defects) > 0 {
		return nil, c.defects
	}
	return &Expr{text: trimmed, root: root, names: c.names, zone: opt.Zone, schema: s}, nil
}

type compiler struct {
	schema  *lead.Schema
	opt     Options
	text    []rune
	scratch lead.Lead
	names   []name
	nodes   int
	depth   int
	at      ast.Node // that is looked at
	stopped bool     // too large: nothing more is looked at
	defects []lead.Defect
}

// broken tells where the parser gave up.
func (c *compiler) broken(err error) lead.Defect {
	var e *file.Error
	if !errors.As(err, &e) {
		return lead.Defect{Expected: "an expression: " + err.Error()}
	}
	message := e.Message
	for said, means := range parserSays {
		message = strings.Replace(message, said, means, 1)
	}
	return lead.Defect{Value: c.around(e.From),
		Expected: fmt.Sprintf("an expression: %s (column %s)", message, c.column(e.From))}
}

// parserSays has what the parser says of usual mistakes, and how it is said here.
var parserSays = map[string]string{
	`unexpected token EOF`:               "it ends too early",
	`unexpected token Operator("=")`:     "did you mean == ?",
	`unexpected token Identifier("AND")`: "did you mean `and`, or && ?",
	`unexpected token Identifier("OR")`:  "did you mean `or`, or || ?",
	`unexpected token Identifier("IN")`:  "did you mean `in`?",
	`literal not terminated`:             "a text without its closing quotation mark",
}

// column is where a character stands, with its line where there are several.
func (c *compiler) column(at int) string {
	line, from := 1, 0
	for i, r := range c.text[:min(at, len(c.text))] {
		if r == '\n' {
			line, from = line+1, i+1
		}
	}
	if line == 1 {
		return fmt.Sprint(at + 1)
	}
	return fmt.Sprintf("%d of line %d", at-from+1, line)
}

// shownMax is how many characters of a mistake are shown.
const shownMax = 60

// around is the text from a character on, a few words of it.
func (c *compiler) around(at int) string {
	const most = 24
	if at >= len(c.text) {
		return ""
	}
	if rest := c.text[at:]; len(rest) > most {
		return string(rest[:most]) + "…"
	}
	return string(c.text[at:])
}

// bad notes what is wrong at the node that is looked at.
func (c *compiler) bad(value, expected string) {
	if n, ok := c.at.(*ast.BinaryNode); ok && value == "" && !c.stopped {
		value = n.String()
		if cut := []rune(value); len(cut) > shownMax {
			value = string(cut[:shownMax]) + "…"
		}
	}
	if len(c.defects) < 8 {
		c.defects = append(c.defects, lead.Defect{Value: value,
			Expected: fmt.Sprintf("%s (column %s)", expected, c.column(c.start(c.at)))})
	}
}

// start is where a node's text begins: names with points have their place at the last part.
func (c *compiler) start(n ast.Node) int {
	for {
		m, ok := n.(*ast.MemberNode)
		if !ok || m.Node == nil {
			return n.Location().From
		}
		n = m.Node
	}
}

// enter is called for each node on the way down. It is false where the expression is too large.
func (c *compiler) enter(n ast.Node) bool {
	c.at = n
	c.nodes++
	c.depth++
	if (c.nodes > NodesMax || c.depth > DepthMax) && !c.stopped {
		c.stopped = true
		c.bad("", fmt.Sprintf("at most %d names, values and operators, at most %d within one another", NodesMax,
			DepthMax))
	}
	return !c.stopped
}

// nothing stands where a mistake was, so that what is around it can be looked at.
var nothing = &node{op: opFalse}

// condition compiles what must be true or false.
func (c *compiler) condition(n ast.Node) *node {
	defer func(was ast.Node) { c.at = was; c.depth-- }(c.at)
	if !c.enter(n) {
		return nothing
	}
	switch n := n.(type) {
	case *ast.BoolNode:
		if n.Value {
			return &node{op: opTrue}
		}
		return &node{op: opFalse}
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return &node{op: opNot, left: c.condition(n.Node)}
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "&&", "and":
			return &node{op: opAnd, left: c.condition(n.Left), right: c.condition(n.Right)}
		case "||", "or":
			return &node{op: opOr, left: c.condition(n.Left), right: c.condition(n.Right)}
		case "==", "!=", "<", "<=", ">", ">=":
			return c.comparison(n)
		case "in":
			return c.membership(n)
		case "contains", "startsWith", "endsWith", "matches":
			return c.within(n)
		}
	case *ast.ConditionalNode:
		return &node{op: opIf, third: c.condition(n.Cond), left: c.condition(n.Exp1), right: c.condition(n.Exp2)}
	}
	c.depth--
	c.nodes--
	v := c.operand(n)
	c.depth++
	if v.kind != kindTruth && v.kind != kindNone {
		c.bad(v.name, "a condition, which is true or false: "+v.phrase()+" must be compared with something")
	}
	if v.kind != kindTruth || v.node == nil {
		return nothing
	}
	return v.node
}

func (v *value) phrase() string {
	if v.name != "" {
		return v.name + ", which is " + v.says + ","
	}
	return v.says
}

// operand compiles a value. Where something is wrong with it, its kind is kindNone.
func (c *compiler) operand(n ast.Node) value {
	defer func(was ast.Node) { c.at = was; c.depth-- }(c.at)
	if !c.enter(n) {
		return value{}
	}
	switch n := n.(type) {
	case *ast.BoolNode:
		op := opFalse
		if n.Value {
			op = opTrue
		}
		return value{node: &node{op: op}, kind: kindTruth, constant: true, truth: n.Value, says: "true or false"}
	case *ast.StringNode:
		return value{kind: kindText, constant: true, isQuoted: true, quoted: n.Value, says: "a text"}
	case *ast.IntegerNode, *ast.FloatNode:
		loc := n.Location()
		text := string(c.text[min(loc.From, len(c.text)):min(loc.To, len(c.text))])
		v, scale, ok := parseNumber(text)
		if !ok {
			c.bad(text, fmt.Sprintf("a number of at most 18 digits, at most %d of them decimals", scaleMax))
			return value{}
		}
		return value{node: &node{op: opConst, number: v}, kind: kindNumber, scale: scale, constant: true,
			says: "a number"}
	case *ast.IdentifierNode, *ast.MemberNode:
		return c.named(n)
	case *ast.UnaryNode:
		if n.Operator == "-" || n.Operator == "+" {
			return c.signed(n)
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "+", "-", "*", "/", "%":
			return c.arithmetic(n)
		}
	case *ast.BuiltinNode:
		return c.call(n.Name, n.Arguments)
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			return c.call(callee.Value, n.Arguments)
		}
	}
	return c.otherwise(n)
}

// otherwise is for what stands where only a value makes sense: a condition in brackets, or what is not offered.
func (c *compiler) otherwise(n ast.Node) value {
	switch x := n.(type) {
	case *ast.NilNode:
		c.bad("nil", "no nil: whether a field has a value is lead.FIELD.present")
	case *ast.ArrayNode, *ast.MapNode:
		c.bad("", "a list only behind `in`")
	case *ast.UnaryNode, *ast.ConditionalNode:
		return value{node: c.condition(n), kind: kindTruth, says: "true or false"}
	case *ast.BinaryNode:
		if slices.Contains([]string{"**", "^", "..", "??", "|"}, x.Operator) {
			c.bad(x.Operator, "an operator that is offered: && || ! == != < <= > >= in contains startsWith endsWith "+
				"matches + - * / %")
			return value{}
		}
		return value{node: c.condition(n), kind: kindTruth, says: "true or false"}
	default:
		c.bad("", "names, values and operators: nothing else of the language is offered")
	}
	return value{}
}

// named compiles a name.
func (c *compiler) named(n ast.Node) value {
	path, ok := pathOf(n)
	if !ok {
		c.bad("", "a name such as lead.state: only names behind points, or in brackets and quotation marks")
		return value{}
	}
	v, ok := c.resolve(path)
	if !ok {
		c.bad(path, c.unknown(path))
		return value{}
	}
	return v
}

// pathOf is a name with its points.
func pathOf(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value, true
	case *ast.MemberNode:
		if last, ok := n.Property.(*ast.StringNode); ok && !n.Optional && !n.Method {
			before, named := pathOf(n.Node)
			return before + "." + last.Value, named
		}
	}
	return "", false
}

func (c *compiler) call(name string, args []ast.Node) value {
	if name != "lower" {
		near := lead.Nearest(name, []string{"lower"})
		c.bad(name, "no function but lower"+didYouMean(near))
		return value{}
	}
	if len(args) != 1 {
		c.bad(name, "one text in brackets, such as lower(source.id)")
		return value{}
	}
	v := c.operand(args[0])
	if v.kind == kindNone {
		return v
	}
	if v.kind != kindText || v.constant {
		c.bad(v.name, "a name of a text in the brackets of lower")
		return value{}
	}
	v.folded, v.lowered = true, true
	return v
}

func (c *compiler) signed(n *ast.UnaryNode) value {
	v := c.operand(n.Node)
	switch {
	case v.kind == kindNone:
		return v
	case v.kind != kindNumber || v.quotient:
		c.bad(v.name, "a number behind "+n.Operator)
		return value{}
	case n.Operator == "+":
		return v
	case v.constant:
		v.node = &node{op: opConst, number: v.number.negated()}
		return v
	}
	v.node = &node{op: opNegate, left: v.node}
	v.name, v.says, v.read = "", "a number", nil
	return v
}

// arithmetic compiles + - * / and %. The decimals of the result are known here, so that it can be exact.
func (c *compiler) arithmetic(n *ast.BinaryNode) value {
	l, r := c.operand(n.Left), c.operand(n.Right)
	if l.kind == kindNone || r.kind == kindNone {
		return value{}
	}
	for _, v := range []*value{&l, &r} {
		if v.kind != kindNumber {
			c.bad(v.name, "numbers on both sides of "+n.Operator+": "+v.phrase()+" is none")
			return value{}
		}
		if v.quotient {
			c.bad(n.Operator, "a division only as one side of a comparison: multiply the other side instead")
			return value{}
		}
	}
	out := value{node: &node{left: l.node, right: r.node}, kind: kindNumber, says: "a number"}
	switch n.Operator {
	case "/":
		out.node = &node{left: l.node, third: r.node}
		out.scale, out.quotient = l.scale, true
		out.than = 0
		out.raise[0] = r.scale // of the divisor, for the comparison
		if r.constant && r.number.zero() {
			c.bad("0", "a divisor that is not zero")
		}
		return out
	case "%":
		out.op = opModulo
		if l.scale != 0 || r.scale != 0 {
			c.bad("%", "whole numbers on both sides of %")
			return value{}
		}
	case "*":
		out.op, out.scale = opTimes, l.scale+r.scale
	default:
		if out.op = opPlus; n.Operator == "-" {
			out.op = opMinus
		}
		out.scale = max(l.scale, r.scale)
		out.raise = [2]uint8{out.scale - l.scale, out.scale - r.scale}
	}
	if out.scale > scaleMax {
		c.bad(n.Operator, fmt.Sprintf("a result of at most %d decimals", scaleMax))
		return value{}
	}
	return out
}
