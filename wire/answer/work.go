// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/antchfx/xmlquery"
	"github.com/antchfx/xpath"
	"golang.org/x/net/html"
)

// workMax bounds what the reading of one answer may cost, in units of some 20 ns. A body that was made for it could
// keep an XPath, a selector or an expression busy for minutes, and a ping with it; one that costs more is not read.
const workMax = 4 << 20

// stepWork is what a step of an XPath costs.
const stepWork = 4

var errWork = errors.New("the answer costs too much to read")

// afford tells whether the reading may go on after something that costs this much.
func (f *found) afford(n int) bool {
	if f.spent += n; f.spent > workMax || n < 0 {
		f.overflows = true
	}
	return !f.overflows
}

// instructions is the size of a compiled expression: its time is that times the text.
func instructions(re *regexp.Regexp) int {
	p, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		return 1
	}
	prog, err := syntax.Compile(p.Simplify())
	if err != nil {
		return 1
	}
	return len(prog.Inst)
}

// meter counts the steps of an XPath, and panics with errWork where they are too many.
type meter struct {
	*xmlquery.NodeNavigator
	spent *int
}

func (m *meter) pay(n int) {
	if *m.spent += n; *m.spent > workMax {
		panic(errWork)
	}
}

// Copy implements xpath.NodeNavigator, as do the others.
func (m *meter) Copy() xpath.NodeNavigator {
	m.pay(stepWork)
	return &meter{m.NodeNavigator.Copy().(*xmlquery.NodeNavigator), m.spent}
}

// Value is the text of the node; it is made of all beneath.
func (m *meter) Value() string {
	s := m.NodeNavigator.Value()
	m.pay(stepWork + len(s)/16)
	return s
}

// MoveToParent moves up.
func (m *meter) MoveToParent() bool { m.pay(1); return m.NodeNavigator.MoveToParent() }

// MoveToNextAttribute moves on.
func (m *meter) MoveToNextAttribute() bool { m.pay(1); return m.NodeNavigator.MoveToNextAttribute() }

// MoveToChild moves down.
func (m *meter) MoveToChild() bool { m.pay(1); return m.NodeNavigator.MoveToChild() }

// MoveToFirst moves back to the first of the siblings.
func (m *meter) MoveToFirst() bool {
	for m.MoveToPrevious() {
	}
	return m.NodeNavigator.MoveToFirst()
}

// MoveToNext moves on.
func (m *meter) MoveToNext() bool { m.pay(1); return m.NodeNavigator.MoveToNext() }

// MoveToPrevious moves back.
func (m *meter) MoveToPrevious() bool { m.pay(1); return m.NodeNavigator.MoveToPrevious() }

// MoveTo moves to where another stands.
func (m *meter) MoveTo(other xpath.NodeNavigator) bool {
	o, ok := other.(*meter)
	return ok && m.NodeNavigator.MoveTo(o.NodeNavigator)
}

// queryXML selects nodes beneath one, at most NodesMax. It panics with errWork, and as the library does.
func queryXML(top *xmlquery.Node, x *xpath.Expr, spent *int) (nodes []*xmlquery.Node) {
	t := x.Select(&meter{xmlquery.CreateXPathNavigator(top), spent})
	for t.MoveNext() {
		m := t.Current().(*meter)
		n := m.NodeNavigator.Current()
		if m.NodeType() == xpath.AttributeNode {
			text := &xmlquery.Node{Type: xmlquery.TextNode, Data: m.Value()}
			n = &xmlquery.Node{Parent: n, Type: xmlquery.AttributeNode, Data: m.LocalName(), FirstChild: text,
				LastChild: text}
		}
		m.pay(stepWork)
		nodes = append(nodes, n)
	}
	return nodes
}

// cssShape is how the work of a selector grows: with the depth of the page for each ancestor or subtree that it looks
// for, with the number of siblings for each that it counts.
type cssShape struct{ deep, wide int }

var (
	cssText = regexp.MustCompile(`'[^']*'|"[^"]*"|\[[^\]]*\]`)
	cssSign = regexp.MustCompile(`\s*([>+~,()])\s*`)
	cssDeep = regexp.MustCompile(`\s+|:(has|haschild|not|is|where|contains|containsown|matches|matchesown)\(`)
	cssWide = regexp.MustCompile(`~|:(nth|only|first|last|empty)`)
)

func shapeOf(selector string) cssShape {
	s := cssSign.ReplaceAllString(cssText.ReplaceAllString(strings.TrimSpace(strings.ToLower(selector)), ""), "$1")
	return cssShape{len(cssDeep.FindAllString(s, -1)), len(cssWide.FindAllString(s, -1))}
}

// pageSize is the measure of a page.
type pageSize struct{ nodes, depth, width int }

func (z *pageSize) measure(n *html.Node, depth int) {
	z.depth = max(z.depth, depth)
	width := 0
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		z.nodes++
		width++
		z.measure(k, depth+1)
	}
	z.width = max(z.width, width)
}

// affordCSS tells whether a selector may be run over the page.
func (f *found) affordCSS(c cssShape) bool {
	cost := f.size.nodes
	for range c.deep {
		cost = min(cost*f.size.depth, 2*workMax)
	}
	for range c.wide {
		cost = min(cost*f.size.width, 2*workMax)
	}
	return f.afford(cost)
}
