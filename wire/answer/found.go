// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"

	"github.com/antchfx/xmlquery"
	"golang.org/x/net/html"

	"clearpost/lead"
)

// foundKind is what stands at a place of an answer.
type foundKind uint8

const (
	foundNothing foundKind = iota
	foundNull
	foundEmpty // a list or an object with nothing in it
	foundString
	foundNumber
	foundBoolean
	foundContainer // a list or an object
)

// spelling is how a text is written in the body.
type spelling uint8

const (
	spelledPlain spelling = iota
	spelledJSON           // with \ escapes
	spelledForm           // with % and +
)

// place is a value's place in the body; of a JSON string without its quotes.
type place struct {
	from, to uint32
	kind     foundKind
	spelling spelling
}

// filled tells whether something is there.
func (p place) filled() bool {
	return p.kind > foundEmpty && !(p.kind == foundString && p.from == p.to)
}

// single tells whether one value is there.
func (p place) single() bool { return p.kind >= foundString && p.kind <= foundBoolean }

// found is what stands at the paths of an answer.
type found struct {
	body       []byte         // what the places lie in: the answer's body, or the texts taken out of its tree
	text       place          // XML and HTML: the text of the whole document
	tree       *xmlquery.Node // XML
	page       *html.Node     // HTML
	post       bool           // the answer is one to a post: one value twice is no contradiction there
	unwrapped  bool           // the document stood within another
	twice      bool           // a decisive place is there twice
	priceTwice bool           // the price of a post is there twice
	size       pageSize       // HTML
	spent      int            // work
	overflows  bool           // there is more text at the paths, or more to do, than is allowed: the answer is not read
	puts       int            // JSON: places that hold something
	at         [PathsMax]place
	many       map[int][]place // XML and HTML: what stands at a path of conditions where several elements do
}

// whole is the whole body as one text.
func (f *found) whole() place {
	if f.text.kind != foundNothing {
		return f.text
	}
	return place{to: uint32(len(f.body)), kind: foundString}
}

// first is the first of a value's places that holds something.
func (f *found) first(v *value) place {
	if v.whole {
		return f.whole()
	}
	for _, i := range v.paths {
		if f.at[i].filled() {
			return f.at[i]
		}
	}
	return place{}
}

// firstOf is the first of a condition's places that holds something.
func (f *found) firstOf(c *condition) place {
	if c.whole {
		return f.whole()
	}
	for _, i := range c.paths {
		if f.at[i].filled() {
			return f.at[i]
		}
	}
	return place{}
}

// several calls fn with each value where several stand at a place of a condition: the elements of a list in JSON, or
// those that a path of XML or HTML chooses. It tells false, and calls nothing, where no more than one stands there.
func (f *found) several(c *condition, p place, fn func(place)) bool {
	if f.isList(p) {
		elements(f.body, int(p.from), func(_ []byte, _ bool, e place) { fn(e) })
		return true
	}
	if f.many == nil || c.whole {
		return false
	}
	for _, i := range c.paths {
		if list := f.many[i]; len(list) > 0 && f.at[i] == p {
			for _, e := range list {
				fn(e)
			}
			return true
		}
	}
	return false
}

// any is the first of a condition's places that holds something, else the first at which anything stands, such as null.
func (f *found) any(c *condition) place {
	p := f.firstOf(c)
	for _, i := range c.paths {
		if p.kind == foundNothing {
			p = f.at[i]
		}
	}
	return p
}

// decode is the text at a place: the body's own bytes where they are plain, else appended to buf.
func (f *found) decode(buf []byte, p place) []byte {
	raw := f.body[p.from:p.to:p.to]
	switch p.spelling {
	case spelledJSON:
		return appendUnescaped(buf, raw)
	case spelledForm:
		b, _ := appendFormDecoded(buf, raw)
		return b
	}
	return raw
}

// value is the text at a place as conditions and numbers read it: a number of JSON without its exponent, and without
// the signs that nobody sees.
func (f *found) value(buf []byte, p place) []byte {
	if p.kind == foundNumber {
		if raw := f.body[p.from:p.to]; bytes.IndexByte(raw, 'e') >= 0 || bytes.IndexByte(raw, 'E') >= 0 {
			return lead.AppendPlainNumber(buf, raw)
		}
		return f.decode(buf, p)
	}
	return trim(visibleSigns(f.decode(buf, p)))
}

// find fills f; false if the body is not well-formed.
func (a *Answer) find(f *found, contentType, body []byte) bool {
	body, ok := a.decodeCharset(contentType, body)
	if !ok {
		return false
	}
	f.body, f.post = body, a.post
	if len(a.inside) > 0 && !a.unwrap(f) {
		return false
	}
	switch a.format {
	case formatForm:
		return a.findForm(f)
	case formatText:
		return a.findText(f)
	case formatXML:
		return a.findXML(f)
	case formatHTML:
		return a.findHTML(f)
	}
	return a.findJSON(f)
}

// again notes that something of a weight is there a second time.
func (f *found) again(w weight) {
	f.twice = f.twice || w == weightDecisive
	f.priceTwice = f.priceTwice || w == weightPrice
}

// put notes a value at a path. Of several the first stands, and a decisive path then makes the answer unclear unless
// they are one and the same.
func (a *Answer) put(f *found, path int, p place) {
	if q := f.at[path]; q.kind != foundNothing {
		if !f.post || !bytes.Equal(f.decode(nil, q), f.decode(nil, p)) {
			f.again(a.paths[path].weight)
		}
		return
	}
	f.at[path] = p
}
