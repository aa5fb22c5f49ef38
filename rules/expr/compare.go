// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"clearpost/lead"
)

var relations = map[string]relation{"==": equal, "!=": below | above, "<": below, "<=": below | equal, ">": above,
	">=": above | equal}

// comparison compiles == != < <= > and >=.
func (c *compiler) comparison(n *ast.BinaryNode) *node {
	l, r := c.operand(n.Left), c.operand(n.Right)
	c.at = n
	if l.kind == kindNone || r.kind == kindNone {
		return nothing
	}
	than := relations[n.Operator]
	if l.constant && !r.constant || r.quotient && !l.quotient {
		l, r, than = r, l, than.flipped()
	}
	switch {
	case l.constant:
		c.bad("", "a name such as lead.state on one side of "+n.Operator)
	case r.quotient:
		c.bad("/", "one division in a comparison: multiply the other side instead")
	case l.kind == kindNumber && r.kind == kindNumber:
		return c.compareNumbers(&l, &r, than)
	case r.isQuoted && l.kind != kindNumber && l.kind != kindTruth:
		return c.compareQuoted(&l, &r, n.Operator)
	case l.kind != r.kind:
		c.mismatch(&l, &r)
	case l.kind == kindTruth:
		if !c.equality(n.Operator, &l) {
			return nothing
		}
		return &node{op: opSame, left: l.node, right: r.node, than: than}
	case l.kind == kindText:
		if !c.equality(n.Operator, &l) {
			return nothing
		}
		return &node{op: opTexts, left: l.node, right: r.node, than: than, folded: l.folded || r.folded}
	default:
		return &node{op: opOrders, left: l.node, right: r.node, than: than}
	}
	return nothing
}

func (c *compiler) equality(operator string, v *value) bool {
	if operator == "==" || operator == "!=" {
		return true
	}
	c.bad(v.name, "== or !=: "+v.phrase()+" has no order")
	return false
}

// mismatch says what a value may be compared with.
func (c *compiler) mismatch(l, r *value) {
	want := map[kind]string{kindTruth: "true or false, without quotation marks", kindNumber: "a number, without " +
		"quotation marks", kindText: "a text in quotation marks", kindDate: "a date in quotation marks, such as " +
		"\"2026-12-24\"", kindMoment: "a date and time in quotation marks", kindClock: "a time of day in quotation " +
		"marks, such as \"09:30\""}[l.kind]
	shown := r.name
	if r.isQuoted {
		shown = strconv.Quote(r.quoted)
	}
	c.bad(shown, "to compare "+strings.TrimSuffix(l.phrase(), ",")+" with "+want)
}

// compareNumbers compares exactly: both sides are raised to as many decimals as the longer one has.
func (c *compiler) compareNumbers(l, r *value, than relation) *node {
	out := &node{op: opCompare, left: l.node, right: r.node, than: than}
	right := int(r.scale)
	if l.quotient {
		out.op, out.left, out.third = opQuotient, l.left, l.third
		right += int(l.raise[0])
	}
	scale := max(int(l.scale), right)
	if scale > scaleMax {
		c.bad("", fmt.Sprintf("a comparison of numbers of at most %d decimals", scaleMax))
		return nothing
	}
	out.raise = [2]uint8{uint8(scale - int(l.scale)), uint8(scale - right)}
	if !r.constant || l.quotient {
		return out
	}
	if c.never(l, r, than) {
		return nothing
	}
	if l.direct() { // a constant in the unit of the value: no reckoning
		if v, ok := r.number.raised(out.raise[1]); ok && out.raise[0] == 0 {
			if whole, ok := v.small(); ok {
				return &node{op: opOrder, left: l.node, than: than, whole: whole}
			}
		}
	}
	return out
}

// direct tells whether a number is a value as it stands in the facts.
func (v *value) direct() bool {
	switch v.op {
	case opField, opPart, opHour, opMinute, opSold, opPrice:
		return true
	}
	return false
}

// never reports a comparison with a constant that no value of the field can meet.
func (c *compiler) never(l, r *value, than relation) bool {
	if l.op != opField {
		return false
	}
	f := &c.schema.Fields[l.pos]
	for _, limit := range []struct {
		at   *int64
		what string
		meet relation // of a value at the limit to the constant, for any value to meet it
	}{{f.Min, "at least ", below}, {f.Max, "at most ", above}} {
		if limit.at == nil || than&^equal == below|above { // != is met by all others
			continue
		}
		a, ok := numberOf(*limit.at).raised(max(l.scale, r.scale) - l.scale)
		b, fits := r.number.raised(max(l.scale, r.scale) - r.scale)
		if !ok || !fits {
			continue
		}
		// Of a minimum above the constant no value is below or equal to it; of a maximum below it none is above.
		side := compare(a, b)
		if limit.meet == below && (side > 0 && than&above == 0 || side == 0 && than == below) ||
			limit.meet == above && (side < 0 && than&below == 0 || side == 0 && than == above) {
			c.bad("", "a comparison that a value can meet: lead."+f.Name+" is "+limit.what+f.BoundText(*limit.at))
			return true
		}
	}
	return false
}

// compareQuoted compares with a constant in quotation marks, which is read as a value of the other side.
func (c *compiler) compareQuoted(l, r *value, operator string) *node {
	than := relations[operator]
	if l.kind == kindText && !c.equality(operator, l) {
		return nothing
	}
	text, num, ok := c.read(l, r.quoted)
	if !ok {
		return nothing
	}
	if l.kind == kindText {
		return &node{op: opText, left: l.node, than: than, text: []byte(text), folded: l.folded}
	}
	return &node{op: opOrder, left: l.node, than: than, whole: num}
}

// read makes what a constant in quotation marks means beside a value.
func (c *compiler) read(v *value, quoted string) (text string, num int64, ok bool) {
	if v.read == nil {
		c.mismatch(v, &value{isQuoted: true, quoted: quoted})
		return "", 0, false
	}
	text, num, expected := v.read(quoted)
	if expected != "" {
		c.bad(quoted, expected)
		return "", 0, false
	}
	if v.folded {
		text = strings.Map(func(r rune) rune {
			if r < 0x80 {
				return rune(lower(byte(r)))
			}
			return r
		}, text)
	}
	return text, num, true
}

// membership compiles what stands on both sides of in.
func (c *compiler) membership(n *ast.BinaryNode) *node {
	l := c.operand(n.Left)
	c.at = n
	if l.kind == kindNone {
		return nothing
	}
	if l.constant || l.quotient || l.kind == kindTruth {
		c.bad(l.name, "a name of a text, a number, a date or a time before in")
		return nothing
	}
	switch r := n.Right.(type) {
	case *ast.ArrayNode:
		if len(r.Nodes) == 0 || len(r.Nodes) > ElementsMax {
			c.bad("", fmt.Sprintf("1 to %d values in the brackets", ElementsMax))
			return nothing
		}
		c.nodes -= len(r.Nodes) // they have a limit of their own
		return c.listed(&l, r.Nodes)
	case *ast.BinaryNode:
		if r.Operator == ".." {
			return c.between(&l, r)
		}
	}
	c.bad("", "behind in a list in brackets, such as [\"CA\", \"TX\"], or whole numbers such as 25..64")
	return nothing
}

func (c *compiler) listed(l *value, elements []ast.Node) *node {
	out := &node{left: l.node, folded: l.folded}
	var numbers []value
	for _, e := range elements {
		v := c.operand(e)
		c.at = e
		switch {
		case v.kind == kindNone:
		case !v.constant:
			c.bad(v.name, "constants in the brackets")
		case v.kind == kindNumber && l.kind == kindNumber:
			numbers = append(numbers, v)
		case !v.isQuoted || l.kind == kindNumber:
			c.mismatch(l, &v)
		default:
			text, num, ok := c.read(l, v.quoted)
			if ok && l.kind == kindText {
				out.texts = append(out.texts, text)
			} else if ok {
				out.wholes = append(out.wholes, num)
			}
		}
	}
	switch l.kind {
	case kindText:
		out.op = opTextListed
		slices.Sort(out.texts)
	case kindNumber:
		return c.listedNumbers(l, numbers)
	default:
		out.op = opListedInt
		slices.Sort(out.wholes)
	}
	return out
}

func (c *compiler) listedNumbers(l *value, list []value) *node {
	scale := l.scale
	for i := range list {
		scale = max(scale, list[i].scale)
	}
	out := &node{op: opListed, left: l.node, raise: [2]uint8{scale - l.scale}}
	direct := l.direct() && scale == l.scale
	for i := range list {
		v, ok := list[i].number.raised(scale - list[i].scale)
		if !ok {
			c.bad("", "numbers that are not as large")
			return nothing
		}
		out.numbers = append(out.numbers, v)
		whole, ok := v.small()
		out.wholes = append(out.wholes, whole)
		direct = direct && ok
	}
	slices.SortFunc(out.numbers, compare)
	slices.Sort(out.wholes)
	if direct {
		out.op, out.numbers = opListedInt, nil
	}
	return out
}

// between compiles a range of whole numbers, both ends included.
func (c *compiler) between(l *value, r *ast.BinaryNode) *node {
	from, to := c.operand(r.Left), c.operand(r.Right)
	c.at = r
	switch {
	case from.kind == kindNone || to.kind == kindNone:
		return nothing
	case l.kind != kindNumber || l.scale != 0 || !from.constant || !to.constant || from.kind != kindNumber ||
		to.kind != kindNumber || from.scale != 0 || to.scale != 0:
		c.bad("", "whole numbers before, between and behind `in` and `..`; for others >= and <=")
		return nothing
	case compare(from.number, to.number) > 0:
		c.bad("", "a range from the lower number to the higher one")
		return nothing
	}
	return &node{op: opBetween, left: l.node, number: from.number, upTo: to.number}
}

// within compiles contains, startsWith, endsWith and matches.
func (c *compiler) within(n *ast.BinaryNode) *node {
	l, r := c.operand(n.Left), c.operand(n.Right)
	c.at = n
	if l.kind == kindNone || r.kind == kindNone {
		return nothing
	}
	if l.kind != kindText || l.constant {
		c.bad(l.name, "a name of a text before "+n.Operator)
		return nothing
	}
	if !r.isQuoted || r.quoted == "" {
		c.bad(r.name, "a text in quotation marks behind "+n.Operator)
		return nothing
	}
	if n.Operator == "matches" {
		return c.matching(&l, r.quoted)
	}
	out := &node{left: l.node, folded: true, text: []byte(r.quoted)}
	for i, b := range out.text {
		out.text[i] = lower(b)
	}
	switch n.Operator {
	case "contains":
		out.op = opContains
	case "startsWith":
		out.op = opPrefix
	default:
		out.op = opSuffix
	}
	return out
}

// steps is how large a regular expression is when it is compiled: a match costs as many steps a byte at most.
func steps(pattern string) int {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0
	}
	p, err := syntax.Compile(re.Simplify())
	if err != nil {
		return 0
	}
	return len(p.Inst)
}

func (c *compiler) matching(l *value, pattern string) *node {
	if len(pattern) > PatternMax {
		c.bad("", fmt.Sprintf("a pattern of at most %d bytes", PatternMax))
		return nothing
	}
	flags := ""
	if l.lowered {
		flags = "(?i)"
	}
	if l.op == opField && c.schema.Fields[l.pos].MaxBytes > lead.ValueBytesMax {
		c.bad(l.name, fmt.Sprintf("a field of at most %d bytes before matches", lead.ValueBytesMax))
		return nothing
	}
	p, err := regexp.Compile(flags + pattern)
	if err != nil {
		c.bad(pattern, "a regular expression of RE2: "+strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return nothing
	}
	if steps(flags+pattern) > PatternStepsMax {
		c.bad(pattern, "a simpler regular expression")
		return nothing
	}
	return &node{op: opMatches, left: l.node, pattern: p}
}
