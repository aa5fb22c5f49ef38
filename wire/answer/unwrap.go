// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/antchfx/xmlquery"
	"github.com/antchfx/xpath"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// InsideMax is how many places a spec may name in which the document stands.
const InsideMax = 8

// wrapper is where the answer's document may stand within another.
type wrapper struct {
	element atom.Atom   // HTML: pre, body or script
	xpath   *xpath.Expr // XML
}

func (c *compiler) compileInside() {
	if len(c.spec.Inside) > InsideMax {
		c.bad("inside", strconv.Itoa(len(c.spec.Inside)), "at most %d places", InsideMax)
		return
	}
	list := c.spec.Inside
	if c.auto && list == nil {
		list = []string{"pre", "body", "element"}
	}
	for i, s := range list {
		at := "inside[" + strconv.Itoa(i) + "]"
		var w wrapper
		switch s {
		case "pre":
			w.element = atom.Pre
		case "body":
			w.element = atom.Body
		case "script":
			w.element = atom.Script
		case "element":
			s = "/*[not(*)]"
		}
		switch {
		case w.element != 0:
		case !strings.HasPrefix(s, "/"):
			c.bad(at, s, "one of pre, body, script, element, or an XPath from / on")
		default:
			p := docPath{text: s}
			c.xpath(&p, at)
			w.xpath = p.xpath
		}
		if c.out.format != formatHTML {
			c.out.inside = append(c.out.inside, w)
		}
	}
}

// unwrap puts the document that stands within another in its place. A body that does not begin as a page or an XML
// document stands by itself, and so does one of XML in which nothing is wrapped. It is false if two could be meant.
func (a *Answer) unwrap(f *found) bool {
	inner, n := a.innerDocument(f.body)
	if n > 1 {
		return false
	}
	if n == 1 {
		f.body, f.unwrapped = inner, true
	}
	return true
}

// innerDocument is the one text at the places of the wrappers that looks like a document of the answer's format, and
// how many there are. One in a page that says no in the words beside it counts twice: it may be an example of what a
// good answer looks like.
func (a *Answer) innerDocument(b []byte) (inner []byte, n int) {
	b = trim(b)
	if len(b) == 0 || b[0] != '<' {
		return nil, 0
	}
	take := func(text []byte) {
		if text = trim(text); looksLike(a.format, text) && !bytes.Equal(text, inner) {
			inner = text
			n++
		}
	}
	doc, xmlErr := readXML(b)
	spent := 0
	var page *html.Node
	for _, w := range a.inside {
		switch {
		case w.xpath != nil && xmlErr == nil:
			for _, node := range selectXML(doc, w.xpath, &spent) {
				take(appendXMLText(nil, node))
			}
		case w.xpath == nil && (a.format != formatXML || xmlErr != nil):
			if page == nil {
				var ok bool
				if page, ok = readHTML(b); !ok {
					return nil, n
				}
			}
			for _, node := range pageElements(page, w.element, nil) {
				before := n
				if take(ownText(node)); n == before {
					continue
				}
				if _, no := findWords(appendBeside(nil, page, node), nil, false); no || n > 1 {
					return inner, 2
				}
			}
		}
	}
	return inner, n
}

// selectXML selects nodes; none if it costs too much, or the library panics over what it meets.
func selectXML(doc *xmlquery.Node, x *xpath.Expr, spent *int) (nodes []*xmlquery.Node) {
	defer func() {
		if recover() != nil {
			nodes = nil
		}
	}()
	return queryXML(doc, x, spent)
}

// pageElements are the elements with a name.
func pageElements(n *html.Node, name atom.Atom, out []*html.Node) []*html.Node {
	if n.Type == html.ElementNode && n.DataAtom == name {
		out = append(out, n)
	}
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		out = pageElements(k, name, out)
	}
	return out
}

// ownText is the text of an element that stands in it bare.
func ownText(n *html.Node) (text []byte) {
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		if k.Type == html.TextNode {
			text = append(text, k.Data...)
		}
	}
	return text
}

// appendBeside appends the text of a page that a reader sees, without what stands bare in one of its elements.
func appendBeside(buf []byte, n, without *html.Node) []byte {
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		switch {
		case k.Type == html.TextNode && n != without:
			buf = append(append(buf, k.Data...), ' ')
		case k.Type == html.ElementNode && !unseen(k.DataAtom):
			buf = appendBeside(buf, k, without)
		}
	}
	return buf
}

// looksLike tells by its first sign whether a text is meant as a document of the format.
func looksLike(format format, b []byte) bool {
	if len(b) == 0 {
		return false
	}
	switch format {
	case formatJSON:
		return b[0] == '{' || b[0] == '['
	case formatXML:
		return b[0] == '<'
	case formatForm:
		return formLike(b)
	}
	return b[0] != '<'
}

// formLike tells whether a text begins with a name and an equals sign.
func formLike(b []byte) bool {
	i := bytes.IndexByte(b, '=')
	return i > 0 && !slices.ContainsFunc(b[:i], func(c byte) bool {
		return c <= ' ' || strings.IndexByte("<>{}\"':;,|", c) >= 0
	})
}

// choose finds the format of an answer: by its first signs, by the declared type where they leave it open, and within a
// page or an XML document what is wrapped in it. Where a wrong format is found, nothing of the spec matches, or the
// body is malformed: it is not sold.
func (a *Answer) choose(contentType, body []byte) (*Answer, []byte, []byte) {
	text, ok := a.auto[formatText].decodeCharset(contentType, body)
	b := trim(text)
	if !ok || len(b) == 0 {
		return a.auto[formatJSON], contentType, body
	}
	media := mediaType(contentType)
	switch {
	case b[0] == '<':
		for _, f := range []format{formatJSON, formatXML} {
			if _, n := a.auto[f].innerDocument(b); n > 0 {
				return a.auto[f], contentType, body
			}
		}
		if htmlLike(b) && !typeSays(media, "xml") {
			return a.auto[formatHTML], contentType, body
		}
		return a.auto[formatXML], contentType, body
	case b[0] == '{' || b[0] == '[' || typeSays(media, "json"):
		return a.auto[formatJSON], contentType, body
	case equalFold(media, "application/x-www-form-urlencoded") || formLike(b):
		return a.auto[formatForm], contentType, body
	}
	return a.auto[formatText], contentType, body
}

// typeSays tells whether a media type is application/KIND, text/KIND or ends with +KIND.
func typeSays(media []byte, kind string) bool {
	i := bytes.LastIndexAny(media, "/+")
	return i >= 0 && equalFold(media[i+1:], kind)
}

// htmlLike tells whether a text that begins with < begins as a page does.
func htmlLike(b []byte) bool {
	b = b[:min(len(b), 2048)]
	for len(b) > 1 && (b[1] == '!' || b[1] == '?') {
		if _, ok := cutFold(b, "<!doctype html"); ok {
			return true
		}
		end := bytes.IndexByte(b, '>')
		if bytes.HasPrefix(b, []byte("<!--")) {
			if end = bytes.Index(b, []byte("-->")); end >= 0 {
				end += 2
			}
		}
		if end < 0 {
			return false
		}
		b = trim(b[end+1:])
	}
	end := 1
	for end < len(b) && isWord(b[end]) {
		end++
	}
	if end >= len(b) {
		return false
	}
	// The names of the elements of a page that no data would have.
	switch atom.Lookup(bytes.ToLower(b[1:end])) {
	case atom.Html, atom.Head, atom.Body, atom.P, atom.Div, atom.Pre, atom.H1, atom.H2, atom.Span, atom.Table, atom.Br,
		atom.Center, atom.B, atom.Font, atom.Script, atom.Meta, atom.Ul:
		return true
	}
	return false
}
