// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/antchfx/xmlquery"

	"clearpost/wire"
)

// findXML builds the tree of a body and notes what stands at the paths.
func (a *Answer) findXML(f *found) bool {
	doc, err := readXML(f.body)
	if err != nil {
		return false
	}
	return a.findInXML(f, doc)
}

// findInXML notes what stands at the paths beneath a node. The texts of the tree become the body that the places lie
// in.
func (a *Answer) findInXML(f *found, top *xmlquery.Node) (ok bool) {
	// A path that was compiled can still make the library panic over what it meets: such an answer is not read.
	spent := f.spent
	defer func() {
		f.spent = spent
		if recover() != nil {
			ok = false
		}
	}()
	f.tree = top
	buf := appendXMLText(nil, top)
	f.text = place{to: uint32(len(buf)), kind: foundString}
	for i := range a.paths {
		p := &a.paths[i]
		if p.never {
			continue
		}
		nodes := queryXML(top, p.xpath, &spent)
		buf = a.noteTexts(f, buf, i, len(nodes), func(buf []byte, n int) []byte { return appendXMLText(buf, nodes[n]) })
		if len(nodes) > 0 && p.weight == weightDecisive && hasFoldedSibling(nodes[0], f.post) || p.absent &&
			hasFolded(top, p.leaf) {
			f.twice = true
		}
	}
	f.body = buf
	return !f.overflows
}

// foundBytesMax is how much text at all paths together may be taken out of a tree before the next is refused.
const foundBytesMax = 2 * BytesMax

// noteTexts notes the text of the first of n nodes at a path, or the joined texts of all, and appends it to buf.
func (a *Answer) noteTexts(f *found, buf []byte, path, n int, appendText func([]byte, int) []byte) []byte {
	if n == 0 {
		return buf
	}
	p := &a.paths[path]
	if n > 1 && p.join == nil && p.tested && !p.valued {
		return a.noteEach(f, buf, path, n, appendText)
	}
	from := len(buf)
	for i := range n {
		if i > 0 && p.join == nil {
			break
		}
		if i > 0 && len(buf) > from {
			buf = append(buf, *p.join...)
		}
		if len(buf) >= foundBytesMax {
			f.overflows = true
			break
		}
		buf = appendText(buf, i)
	}
	if n > 1 && p.join == nil && p.weight != weightNone && !(f.post && sameTexts(buf[from:], n, appendText)) {
		f.again(p.weight)
	}
	at := trimmedPlace(buf, from, len(buf))
	if at.from == at.to {
		at.kind = foundEmpty
	}
	f.at[path] = at
	return buf
}

// noteEach notes the text of each of n nodes at a path of conditions. The first that has some stands for the path.
func (a *Answer) noteEach(f *found, buf []byte, path, n int, appendText func([]byte, int) []byte) []byte {
	if f.many == nil {
		f.many = map[int][]place{}
	}
	for i := range n {
		if len(buf) >= foundBytesMax {
			f.overflows = true
			break
		}
		from := len(buf)
		buf = appendText(buf, i)
		at := trimmedPlace(buf, from, len(buf))
		if at.from == at.to {
			at.kind = foundEmpty
		}
		if i == 0 || !f.at[path].filled() && at.filled() {
			f.at[path] = at
		}
		f.many[path] = append(f.many[path], at)
	}
	return buf
}

// sameTextsMax is how many elements at a path may be one and the same value: more are not looked at.
const sameTextsMax = 16

// sameTexts tells whether the texts of n elements are all the first.
func sameTexts(first []byte, n int, appendText func([]byte, int) []byte) bool {
	if n > sameTextsMax {
		return false
	}
	for i := 1; i < n; i++ {
		if !bytes.Equal(trim(first), trim(appendText(nil, i))) {
			return false
		}
	}
	return true
}

// appendXMLText appends a node's text: an attribute's value, or all text beneath an element.
func appendXMLText(buf []byte, n *xmlquery.Node) []byte {
	switch n.Type {
	case xmlquery.TextNode, xmlquery.CharDataNode:
		return append(buf, n.Data...)
	}
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		buf = appendXMLText(buf, k)
	}
	return buf
}

// hasFoldedSibling tells whether an element stands beside the node whose name differs by case only; other: and whose
// text is another one.
func hasFoldedSibling(n *xmlquery.Node, other bool) bool {
	if n.Type != xmlquery.ElementNode || n.Parent == nil {
		return false
	}
	for k := n.Parent.FirstChild; k != nil; k = k.NextSibling {
		if k.Type == xmlquery.ElementNode && k.Data != n.Data && equalFold(k.Data, n.Data) &&
			(!other || !bytes.Equal(trim(appendXMLText(nil, k)), trim(appendXMLText(nil, n)))) {
			return true
		}
	}
	return false
}

// hasFolded tells whether an element beneath the node has a name that differs from the given one by case only.
func hasFolded(n *xmlquery.Node, name string) bool {
	if n.Type == xmlquery.ElementNode && name != "" && n.Data != name && equalFold(n.Data, name) {
		return true
	}
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		if hasFolded(k, name) {
			return true
		}
	}
	return false
}

var errXML = errors.New("not an XML document that is read")

// readXML builds the tree of one XML document with one root. Prefixes of namespaces are left out. One DOCTYPE before
// the root is passed over, and what it names is not fetched; it refuses one with an internal subset, and every entity
// but the five of XML; more than DepthMax levels or NodesMax elements; an attribute that is there twice; and text
// beside the root. The body is UTF-8, whatever its declaration says.
func readXML(b []byte) (*xmlquery.Node, error) {
	if !utf8.Valid(b) {
		return nil, errXML
	}
	d := xml.NewDecoder(bytes.NewReader(b))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	doc := &xmlquery.Node{Type: xmlquery.DocumentNode}
	at, depth, nodes, roots, typed := doc, 0, 0, 0, false
	var open []xml.Name
	for {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) && depth == 0 && roots == 1 {
			return doc, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				roots++
			}
			if nodes += 1 + len(t.Attr); depth > DepthMax || nodes > NodesMax || roots > 1 {
				return nil, errXML
			}
			n := &xmlquery.Node{Type: xmlquery.ElementNode, Data: t.Name.Local}
			if !addAttributes(n, t.Attr) {
				return nil, errXML
			}
			xmlquery.AddChild(at, n)
			at = n
			open = append(open, t.Name)
		case xml.EndElement:
			if depth == 0 || open[depth-1] != t.Name {
				return nil, errXML
			}
			depth--
			at, open = at.Parent, open[:depth]
		case xml.CharData:
			if depth == 0 && len(trim(t)) > 0 {
				return nil, errXML
			}
			if nodes++; depth > 0 && nodes <= 2*NodesMax {
				xmlquery.AddChild(at, &xmlquery.Node{Type: xmlquery.TextNode, Data: string(t)})
			} else if depth > 0 {
				return nil, errXML
			}
		case xml.Directive:
			if typed || roots > 0 || !isDoctype(t) {
				return nil, errXML
			}
			typed = true
		}
	}
}

var doctype = regexp.MustCompile(
	`^DOCTYPE\s+[^\s"'<>\[\]]+(\s+(SYSTEM|PUBLIC\s+("[^"<\[]*"|'[^'<\[]*'))\s+("[^"<\[]*"|'[^'<\[]*'))?\s*$`)

// isDoctype tells whether a directive is a document type declaration that has nothing in it but names.
func isDoctype(d []byte) bool { return len(d) <= wire.PathBytesMax*4 && doctype.Match(d) }

func addAttributes(n *xmlquery.Node, attrs []xml.Attr) bool {
	for _, x := range attrs {
		if x.Name.Space == "xmlns" || x.Name.Space == "" && x.Name.Local == "xmlns" {
			continue
		}
		if slices.ContainsFunc(n.Attr, func(y xmlquery.Attr) bool { return y.Name.Local == x.Name.Local }) {
			return false
		}
		n.Attr = append(n.Attr, xmlquery.Attr{Name: xml.Name{Local: x.Name.Local}, Value: x.Value})
	}
	return true
}
