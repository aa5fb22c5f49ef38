// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/andybalholm/cascadia"
	"github.com/antchfx/xmlquery"
	"github.com/antchfx/xpath"

	"clearpost/wire"
)

// keyStep is one step of a JSON path of an answer: a key, which may be the index of a list; an index from the end; or
// all that is there.
type keyStep struct {
	key  string
	back int  // 1 is the last element of a list; 0: by the key
	all  bool // each element of a list, each value of an object
}

var errPath = errors.New(
	"a path such as bids[0].price, bids[*].price, bids[-1].price or $.status, without an empty step")

// parsePath reads a JSON path of an answer; $ alone is the whole document. The error says what was expected.
func parsePath(s string) ([]keyStep, error) {
	if len(s) > wire.PathBytesMax {
		return nil, fmt.Errorf("a path of at most %d bytes", wire.PathBytesMax)
	}
	switch rest, ok := strings.CutPrefix(s, "$"); {
	case ok && rest == "":
		return nil, nil
	case ok && (rest[0] == '.' || rest[0] == '['):
		s = strings.TrimPrefix(rest, ".")
	}
	var out []keyStep
	for i := 0; ; {
		var st keyStep
		if i < len(s) && s[i] == '[' {
			inner, n, ok := takeBracket(s[i:])
			if !ok {
				return nil, fmt.Errorf("a closing bracket in the path")
			}
			if st, ok = bracketStep(inner); !ok {
				return nil, fmt.Errorf("an index from 0 to %d, -1 for the last, * for all, or a quoted key in brackets",
					wire.ListIndexMax)
			}
			i += n
		} else {
			key, n := wire.TakeKey(s[i:])
			if key == "" {
				return nil, errPath
			}
			st.key = key
			i += n
		}
		if out = append(out, st); len(out) > wire.PathDepthMax {
			return nil, fmt.Errorf("a path of at most %d steps", wire.PathDepthMax)
		}
		switch {
		case i == len(s):
			return out, nil
		case s[i] == '.':
			if i++; i == len(s) || s[i] == '[' {
				return nil, fmt.Errorf("a key after each dot of the path")
			}
		case s[i] != '[':
			return nil, fmt.Errorf("a dot or a bracket after each closing bracket of the path")
		}
	}
}

// takeBracket is what stands within the brackets at the beginning of a text, and the bytes that it takes with them.
func takeBracket(s string) (inner string, n int, ok bool) {
	if len(s) > 2 && (s[1] == '\'' || s[1] == '"') {
		end := strings.Index(s[2:], string(s[1])+"]")
		if end < 0 {
			return "", 0, false
		}
		return s[1 : end+3], end + 4, true
	}
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return "", 0, false
	}
	return s[1:end], end + 1, true
}

func bracketStep(inner string) (keyStep, bool) {
	if inner == "*" {
		return keyStep{all: true}, true
	}
	if len(inner) > 2 && (inner[0] == '\'' || inner[0] == '"') {
		return keyStep{key: inner[1 : len(inner)-1]}, true
	}
	digits, back := strings.CutPrefix(inner, "-")
	n, err := strconv.ParseUint(digits, 10, 16)
	switch {
	case err != nil || n > wire.ListIndexMax || strconv.FormatUint(n, 10) != digits || back && n == 0:
		return keyStep{}, false
	case back:
		return keyStep{key: inner, back: int(n)}, true
	}
	return keyStep{key: inner}, true
}

// candidates numbers the paths of a value or a condition.
func (c *compiler) candidates(at, path string, paths []string, w weight) []int {
	switch {
	case path != "" && len(paths) > 0:
		c.bad(at+".paths", "", "path or paths, not both")
		return nil
	case len(paths) > CandidatesMax:
		c.bad(at+".paths", strconv.Itoa(len(paths))+" paths", "at most %d paths", CandidatesMax)
		return nil
	case len(paths) == 0:
		return []int{c.path(at+".path", path, w)}
	}
	var out []int
	for i, p := range paths {
		out = append(out, c.path(fmt.Sprintf("%s.paths[%d]", at, i), p, w))
	}
	return out
}

// path numbers a path, or returns -1 with a defect. With format auto a path of another format has a number and finds
// nothing.
func (c *compiler) path(at, s string, w weight) int {
	p := docPath{text: s, part: -1}
	before := len(c.defects)
	if c.auto {
		p.text, p.never = c.autoPath(s)
		c.usable[at] = c.usable[at] || !p.never
	}
	key := p.text
	if !p.never {
		key = c.compilePath(&p, at)
	}
	if len(c.defects) > before {
		return -1
	}
	if p.never {
		key = "\x00" + s
	}
	n, known := c.numbers[key]
	if !known {
		n = len(c.out.paths)
		c.numbers[key] = n
		c.out.paths = append(c.out.paths, p)
	}
	c.out.paths[n].weight = max(c.out.paths[n].weight, w)
	if c.out.format == formatJSON && !p.never {
		c.out.root.add(p.steps, n, w)
	}
	return n
}

var (
	autoPrefix = regexp.MustCompile(`^(json|xpath|css|form|text|re):`)
	autoNames  = regexp.MustCompile(`^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*$`)
	autoWord   = regexp.MustCompile(`^\w+$`)
)

// autoPath is what a path of format auto means in the format that is compiled; never: nothing.
func (c *compiler) autoPath(s string) (path string, never bool) {
	prefix := autoPrefix.FindString(s)
	rest, f := s[len(prefix):], c.out.format
	switch prefix {
	case "json:":
		return rest, f != formatJSON
	case "xpath:":
		return rest, f != formatXML
	case "css:":
		return rest, f != formatHTML
	case "form:":
		return rest, f != formatForm
	case "text:":
		return rest, f != formatText
	case "re:":
		return s, f != formatText
	}
	switch f {
	case formatXML:
		if autoNames.MatchString(s) {
			steps := strings.ReplaceAll(s, ".", "/")
			if c.leg {
				return steps, false
			}
			return "/" + steps + " | /*/" + steps, false
		}
		return s, !strings.HasPrefix(s, "/")
	case formatHTML:
		return s, true
	case formatJSON:
		_, err := parsePath(s)
		return s, err != nil || strings.HasPrefix(s, "/")
	case formatText:
		return s, !autoWord.MatchString(s)
	}
	return s, s == "" || strings.HasPrefix(s, "/")
}

// compilePath compiles a path of the answer's format, and returns its canonical text.
func (c *compiler) compilePath(p *docPath, at string) string {
	if (p.text == "" || len(p.text) > wire.PathBytesMax) && c.out.format != formatJSON && c.out.format != formatText {
		c.bad(at, p.text, "a name or a path of 1 to %d bytes", wire.PathBytesMax)
		return ""
	}
	switch c.out.format {
	case formatJSON:
		var err error
		if p.steps, err = parsePath(p.text); err != nil {
			c.bad(at, p.text, "%s", err)
		}
		key := ""
		for _, st := range p.steps {
			key += fmt.Sprintf("%s\x00%d\x00%t\x00", st.key, st.back, st.all)
		}
		return key
	case formatXML:
		c.xpath(p, at)
	case formatHTML:
		c.selector(p, at)
	case formatText:
		c.textPath(p, at)
	}
	return p.text
}

func (c *compiler) textPath(p *docPath, at string) {
	if re, ok := strings.CutPrefix(p.text, "re:"); ok {
		if p.regex = c.regex(at, re, false); p.regex.NumSubexp() != 1 && p.regex != noRegex {
			c.bad(at, p.text, "a regular expression with one group in parentheses: the value")
		}
		p.cost = instructions(p.regex)
		return
	}
	if n, err := strconv.ParseUint(p.text, 10, 16); err == nil && n <= wire.ListIndexMax {
		p.part = int(n)
	} else if words := splitWords(p.text, true); len(words) != 1 || len(words[0]) != len(p.text) ||
		len(p.text) > wire.PathBytesMax {
		c.bad(at, p.text, "for text one word that stands before the value, the number of a part from 0 to %d, or re: "+
			"and a regular expression", wire.ListIndexMax)
	}
}

var (
	xpathText      = regexp.MustCompile(`'[^']*'|"[^"]*"`)
	xpathPredicate = regexp.MustCompile(`\[[^\]]*\]`)
	xpathPrefix    = regexp.MustCompile(`[A-Za-z_][\w.-]*:[A-Za-z_*]`)
	xpathLeaves    = regexp.MustCompile(`(^|[^\w\])*.'@/])\s*/|\.\.|(ancestor|parent|preceding|following)[\w-]*\s*::`)
	xpathLeaf      = regexp.MustCompile(`[A-Za-z_][\w.-]*$`)
)

func (c *compiler) xpath(p *docPath, at string) {
	bare := xpathText.ReplaceAllString(p.text, "''")
	if xpathPrefix.MatchString(bare) {
		c.bad(at, p.text, "an XPath with local names: prefixes of namespaces are left out")
		return
	}
	if c.leg && xpathLeaves.MatchString(bare) {
		c.bad(at, p.text, "an XPath that begins at the leg and stays in it, such as price or offer/@price")
		return
	}
	var err error
	if p.xpath, err = compileXPath(p.text); err != nil {
		c.bad(at, p.text, "an XPath such as /response/status or //bid/@price: %v", err)
		return
	}
	p.leaf = xpathLeaf.FindString(xpathPredicate.ReplaceAllString(bare, ""))
}

// compileXPath compiles an XPath that selects nodes. The library may panic over an expression that it does not know.
func compileXPath(s string) (x *xpath.Expr, err error) {
	defer func() {
		if r := recover(); r != nil {
			x, err = nil, fmt.Errorf("%v", r)
		}
	}()
	if x, err = xpath.Compile(s); err != nil {
		return nil, err
	}
	nothing := xmlquery.CreateXPathNavigator(&xmlquery.Node{Type: xmlquery.DocumentNode})
	if _, ok := x.Evaluate(nothing).(*xpath.NodeIterator); !ok {
		return nil, fmt.Errorf("it must select elements or attributes, not compute a value")
	}
	return x, nil
}

var cssAttribute = regexp.MustCompile(`^(.*?)\s*@([A-Za-z_][\w:.-]*)$`)

func (c *compiler) selector(p *docPath, at string) {
	s := p.text
	if m := cssAttribute.FindStringSubmatch(s); m != nil {
		s, p.attr = m[1], strings.ToLower(m[2])
	}
	css, err := cascadia.ParseGroup(s)
	if err != nil {
		c.bad(at, p.text, "a CSS selector such as #status or td.price, with @name behind it for an attribute: %v", err)
		return
	}
	p.css, p.shape = css, shapeOf(s)
}

func newKeyNode(st keyStep) *keyNode {
	n := &keyNode{step: st, path: -1, index: -1}
	if i, err := strconv.ParseUint(st.key, 10, 31); err == nil && strconv.FormatUint(i, 10) == st.key {
		n.index = int(i)
	}
	return n
}

// add puts a path into the tree. A step has the greatest weight of the paths that it lies on.
func (n *keyNode) add(steps []keyStep, path int, w weight) {
	for _, st := range steps {
		var kid *keyNode
		if st.all {
			if n.each == nil {
				n.each = newKeyNode(st)
			}
			kid = n.each
		}
		for _, k := range n.kids {
			if k.step == st {
				kid = k
			}
		}
		if kid == nil {
			kid = newKeyNode(st)
			n.kids = append(n.kids, kid)
		}
		n.backs = n.backs || st.back > 0
		kid.weight = max(kid.weight, w)
		n = kid
	}
	n.path = path
}

// markAbsent marks the place of a path at which nothing may be.
func (c *compiler) markAbsent(path int) {
	var mark func(n *keyNode)
	mark = func(n *keyNode) {
		n.absent = n.absent || n.path == path
		for _, k := range n.kids {
			mark(k)
		}
		if n.each != nil {
			mark(n.each)
		}
	}
	mark(c.out.root)
}
