// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"

	"github.com/tidwall/gjson"
)

// nothing is the value of an element with elements in it.
var nothing = gjson.Result{Type: gjson.JSON}

// frame is an element that is open.
type frame struct {
	path string // dotted, without the root; "" for the root
	text []byte
	kids bool
	null bool // xsi:nil
	hits int  // names that were known before it
}

// walkXML reads a document. The root's name does not matter; an element without elements in it is a pair, and so is an attribute, as if it were
// an element in its element. Prefixes of namespaces do not matter. Document types, and with them entities of the document's own, are refused.
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
	}
	for _, a := range x.Attr {
		switch {
		case a.Name.Space == "xmlns", a.Name.Local == "xmlns", a.Name.Local == "schemaLocation", a.Name.Local == "noNamespaceSchemaLocation":
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
		return t.pair(word(f.path), word(string(f.text)))
	case t.found() == f.hits: // as with JSON: refused where the name itself is known
		return t.pair(word(f.path), nothing)
	case len(bytes.TrimSpace(f.text)) > 0:
		t.problem(cut(f.path), "elements or text, not both")
	}
	return true
}
