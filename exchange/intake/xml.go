// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// nothing is the value of an element with elements in it.
var nothing = gjson.Result{Type: gjson.JSON}

// frame is an element that is open.
type frame struct {
	path string // dotted, without the root; "" for the root
	also []variant
	told bool // attributes of its own tell it from others of its name
	text []byte
	kids bool
	null bool // xsi:nil
	hits int  // names that were known before it
}

// variant is another name of an element, made of what its attributes select: name.first for <name part="first">.
type variant struct {
	path string
	// its end must begin here or before to be known: where the attribute only tells elements apart, the element's name
	// belongs to it
	tail int
}

// variantsMax bounds the names of one element.
const variantsMax = 8

// selectors are the attributes that make variants. Those with true name a thing by themselves, as in <field
// name="email">.
var selectors = map[string]bool{"part": false, "type": false, "time": false, "interest": false, "role": false,
	"kind": false, "name": true, "id": true, "key": true, "field": true, "code": true, "ref": true}

// variants lists the other names of an element within another. told is whether its own attributes have made some.
func variants(up *frame, x *xml.StartElement) (out []variant, told bool) {
	add := func(path string, tail int) {
		if len(out) < variantsMax && len(path) <= PathBytesMax {
			out = append(out, variant{path, tail})
		}
	}
	var picks []variant // what stands behind the element's own name
	for _, a := range x.Attr {
		alone, ok := selectors[lower(a.Name.Local)]
		val := strings.ReplaceAll(strings.TrimSpace(a.Value), " ", "_")
		if !ok || val == "" || a.Name.Space == "xmlns" {
			continue
		}
		tail := 0
		if alone {
			tail = 1
		}
		picks = append(picks, variant{"." + val, tail})
	}
	if len(picks) > 1 { // <phone type="voice" time="day"> is phone.voice.day too
		all := ""
		for _, p := range picks {
			all += p.path
		}
		picks = append([]variant{{all, 0}}, picks...)
	}
	bases := append([]variant{{up.path, 0}}, up.also...)
	for i, base := range bases {
		own := joined(base.path, x.Name.Local)
		at := len(own) - len(x.Name.Local)
		if i > 0 { // an element in one that is selected: trade-in.year belongs to vehicle
			at = min(at, base.tail)
			add(own, at)
		}
		for _, p := range picks {
			tail := at
			if p.tail > 0 && i == 0 {
				tail = len(own) + 1
			}
			add(own+p.path, tail)
		}
	}
	return out, len(picks) > 0
}

// walkXML reads a document. The root's name does not matter; an element without elements in it is a pair, and so is an
// attribute, as if it were an element in its element. Prefixes of namespaces do not matter. Document types, and with
// them entities of the document's own, are refused.
func walkXML(body []byte, t taker) *refused {
	dec := xml.NewDecoder(bytes.NewReader(body))
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is UTF-8 by now
	var open []frame
	done := false
	for {
		token, err := dec.Token() // it checks that tags match
		if errors.Is(err, io.EOF) && done {
			return nil
		}
		if err != nil {
			return badXML(dec)
		}
		switch x := token.(type) {
		case xml.Directive:
			return refuse(400, "bad_xml", "expected XML without a document type")
		case xml.CharData:
			if len(open) > 0 {
				f := &open[len(open)-1]
				f.text = append(f.text, x...)
			} else if len(bytes.TrimSpace(x)) > 0 {
				return badXML(dec)
			}
		case xml.StartElement:
			if done && len(open) == 0 {
				return badXML(dec)
			}
			if len(open) == DepthMax {
				t.problem("body", "at most "+strconv.Itoa(DepthMax)+" levels of elements")
				return nil
			}
			f, more := enter(open, &x, t)
			if !more {
				return nil
			}
			open, done = append(open, f), true
		case xml.EndElement:
			f := &open[len(open)-1]
			if open = open[:len(open)-1]; len(open) == 0 {
				continue
			}
			if !leave(f, t) {
				return nil
			}
		}
	}
}

func badXML(dec *xml.Decoder) *refused {
	line, _ := dec.InputPos()
	return refuse(400, "bad_xml", "line %d: the body is not one well-formed XML document in its charset", line)
}

// enter opens an element and takes its attributes.
func enter(open []frame, x *xml.StartElement, t taker) (f frame, more bool) {
	f.hits = t.found()
	if len(open) > 0 {
		up := &open[len(open)-1]
		up.kids = true
		if f.path = joined(up.path, x.Name.Local); len(f.path) > PathBytesMax {
			return f, longPath(t)
		}
		f.also, f.told = variants(up, x)
	}
	for _, a := range x.Attr {
		switch {
		case a.Name.Space == "xmlns", a.Name.Local == "xmlns", a.Name.Local == "schemaLocation",
			a.Name.Local == "noNamespaceSchemaLocation":
		case a.Name.Local == "nil" && a.Name.Space != "":
			f.null = a.Value == "true" || a.Value == "1"
		case !t.pair(word(joined(f.path, a.Name.Local)), word(a.Value)):
			return f, false
		}
	}
	return f, true
}

func joined(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// leave closes an element that is not the root.
func leave(f *frame, t taker) bool {
	switch {
	case !f.kids && f.null:
		return true
	case !f.kids:
		for _, v := range f.also {
			if t.knows(v.path, v.tail) {
				return t.selected(word(v.path), word(string(f.text)), true)
			}
		}
		if f.told {
			return t.selected(word(f.path), word(string(f.text)), false)
		}
		return t.pair(word(f.path), word(string(f.text)))
	case t.found() == f.hits: // as with JSON: refused where the name itself is known
		return t.pair(word(f.path), nothing)
	case len(bytes.TrimSpace(f.text)) > 0:
		t.problem(cut(f.path), "elements or text, not both")
	}
	return true
}
