// SPDX-License-Identifier: Apache-2.0

package request

import (
	"fmt"
	"strconv"
	"strings"

	"clearpost/lead"
	"clearpost/wire"
)

type compiler struct {
	spec    *Spec
	schema  *lead.Schema
	post    bool
	opt     Options
	out     *Request
	method  string
	defects []lead.Defect
	probe   lead.Lead // normalises the keys of maps and the values of conditions

	seen     map[string]bool // headers that are taken, in small letters
	lines    constant        // of the head, up to the next value
	prefixes map[string]string
	xml      *xmlBody
	nilled   bool    // some element may be nil
	scheme   *scheme // of authentication, that is being compiled
	root     *node
	each     bool // a field is being compiled that stands in a list of legs
}

func (c *compiler) bad(path, value, format string, args ...any) {
	c.defects = append(c.defects, lead.Defect{Path: path, Value: value, Expected: fmt.Sprintf(format, args...)})
}

func (c *compiler) compile() {
	c.compileMethod()
	c.compileWrap()
	c.compileURL()
	c.compileHeaders()
	c.compileText()
	if len(c.spec.Fields) > FieldsMax {
		c.bad("fields", strconv.Itoa(len(c.spec.Fields)), "at most %d fields", FieldsMax)
		return
	}
	switch {
	case c.out.doc.xml():
		c.compileXML(c.out.doc)
	case c.spec.XML != nil:
		c.bad("xml", "", "nothing here: the format is not xml, soap11 or soap12")
	}
	c.root = &node{kind: nodeObject}
	if len(c.spec.Fields) > 0 {
		c.root.kind = nodeLeaf // the first path decides between an object and a list
	}
	for i := range c.spec.Fields {
		c.place(i)
	}
	c.authBody()
	c.finish()
}

// finish ends the document that the fields made.
func (c *compiler) finish() {
	switch {
	case c.out.doc.xml():
		c.finishXML(c.out.doc)
		c.out.xml = c.xml
	case c.out.doc == bodyJSON:
		if c.root.kind == nodeLeaf && c.root.field == nil {
			c.root.kind = nodeObject // all fields go elsewhere
		}
		c.root.order(func(spec, index int) {
			c.bad(fmt.Sprintf("fields[%d].to", spec), c.spec.Fields[spec].To,
				"a list without holes: nothing goes to index %d", index)
		})
		c.out.root = c.root
		if len(c.defects) == 0 {
			c.out.segs = flatten(c.root)
		}
	}
}

func (c *compiler) compileMethod() {
	c.method = c.spec.Method
	switch c.method {
	case "":
		c.method = "POST"
	case "GET", "POST", "PUT", "PATCH":
	default:
		c.bad("method", c.method, "one of GET, POST, PUT, PATCH")
	}
	c.out.method = c.method
	c.out.get = c.method == "GET"
	kind, known := formats[or(c.spec.Format, "json")]
	if !known {
		c.bad("format", c.spec.Format, "one of json, form, query, multipart, xml, soap11, soap12, text")
	}
	if kind == bodyForm && c.out.get {
		kind = bodyQuery
	}
	if c.out.get && kind != bodyQuery && known {
		c.bad("format", or(c.spec.Format, "json"), "form or query with GET, which has no body")
	}
	c.out.body, c.out.doc = kind, kind
}

var formats = map[string]bodyKind{"json": bodyJSON, "form": bodyForm, "query": bodyQuery, "multipart": bodyMultipart,
	"xml": bodyXML, "soap11": bodySOAP11, "soap12": bodySOAP12, "text": bodyText}

// compileWrap makes the fields a document that stands in a pair.
func (c *compiler) compileWrap() {
	w := c.spec.Wrap
	if w == nil {
		return
	}
	if !c.out.body.pairs() {
		c.bad("wrap", "", "nothing here: only form, query and multipart have parameters")
		return
	}
	switch w.Format {
	case "json", "xml":
		c.out.doc = formats[w.Format]
	default:
		c.bad("wrap.format", w.Format, "json or xml")
	}
	if lead, ok := c.pairLead("wrap.in", w.In, c.out.body); ok && c.out.body == bodyQuery {
		c.out.query = append(c.out.query, pair{lead: lead})
	} else if ok {
		c.out.pairs = append(c.out.pairs, pair{lead: lead})
	}
}

func (c *compiler) compileText() {
	if c.out.body != bodyText {
		if c.spec.Body != "" {
			c.bad("body", c.spec.Body, "nothing here: only the format text has a body as a template")
		}
		return
	}
	if c.spec.Body == "" {
		c.bad("body", "", "a template: the whole body")
		return
	}
	c.out.text = c.template(templatePlace{path: "body"}, c.spec.Body)
}

// place compiles a field and puts it where it goes.
func (c *compiler) place(i int) {
	s, at := &c.spec.Fields[i], "fields["+strconv.Itoa(i)+"]"
	if s.CDATA && (s.In != "" && s.In != "body" || !c.out.doc.xml()) {
		c.bad(at+".cdata", "true", "nothing here: only the text of an element is a CDATA section")
	}
	switch s.In {
	case "", "body":
	case "query":
		c.placePair(c.compileField(s, at, encodeForm), s.To, at, bodyQuery)
		return
	case "form":
		if c.spec.Wrap == nil {
			c.bad(at+".in", s.In, "body or query: only beside a wrapped document is there a form")
			return
		}
		c.placePair(c.compileField(s, at, pairEncoding(c.out.body)), s.To, at, c.out.body)
		return
	case "soap_header":
		if c.xml == nil || c.xml.header == nil {
			c.bad(at+".in", s.In, "body or query: only SOAP has a header")
			return
		}
		c.placeXML(c.xml.header, i)
		return
	default:
		c.bad(at+".in", s.In, "one of body, query, form, soap_header")
		return
	}
	switch {
	case c.out.doc == bodyText:
		c.bad(at+".in", s.In, "query: the body is a template")
	case c.out.doc.xml():
		c.placeXML(c.xml.root, i)
	case c.out.doc.pairs():
		c.placePair(c.compileField(s, at, pairEncoding(c.out.body)), s.To, at, c.out.body)
	default:
		if err := c.placeJSON(s, at, i); err != nil {
			c.bad(at+".to", s.To, "%s", err)
		}
	}
}

// placeJSON puts a field into the JSON body. The error says what was expected of its path.
func (c *compiler) placeJSON(s *FieldSpec, at string, i int) error {
	path, err := parsePath(s.To)
	lists := 0
	for _, st := range path {
		if st.each {
			lists++
		}
	}
	c.each = lists > 0
	f := c.compileField(s, at, encodeJSON)
	c.each = false
	switch {
	case err != nil:
		return err
	case lists > 1:
		return fmt.Errorf("[*] once: legs have no lists of their own")
	case lists > 0 && (!c.post || !c.opt.Legs):
		return fmt.Errorf("[*] only in a post whose ping's answer has legs: there is a place for each of them")
	}
	return c.root.place(path, f, i)
}

func pairEncoding(kind bodyKind) encoding {
	if kind == bodyMultipart {
		return encodeNone
	}
	return encodeForm
}

func (c *compiler) placeXML(below *xmlElement, i int) {
	s, at := &c.spec.Fields[i], "fields["+strconv.Itoa(i)+"]"
	path, err := c.xmlPath(s.To)
	enc := encodeXML
	switch {
	case err == nil && path[len(path)-1].attr:
		if enc = encodeAttr; s.CDATA {
			c.bad(at+".cdata", "true", "nothing here: an attribute is no CDATA section")
		}
	case s.CDATA:
		enc = encodeCDATA
	}
	f := c.compileField(s, at, enc)
	if err == nil {
		if below.name == "" && (len(path) == 1 && path[0].attr) {
			err = fmt.Errorf("an attribute of an element: there is no root")
		} else {
			err = below.place(path, f, i)
		}
	}
	if err != nil {
		c.bad(at+".to", s.To, "%s", err)
	}
}

func (c *compiler) placePair(f *field, name, at string, kind bodyKind) {
	lead, ok := c.pairLead(at+".to", name, kind)
	switch {
	case !ok:
	case kind == bodyQuery:
		c.out.query = append(c.out.query, pair{lead, f, pairOp(f)})
	default:
		c.out.pairs = append(c.out.pairs, pair{lead, f, pairOp(f)})
	}
}

// pairLead is what stands before the value of a pair.
func (c *compiler) pairLead(at, name string, kind bodyKind) ([]byte, bool) {
	if name == "" || len(name) > wire.PathBytesMax || !printable(name) {
		c.bad(at, name, "a name of 1 to %d signs of printable ASCII", wire.PathBytesMax)
		return nil, false
	}
	if kind != bodyMultipart {
		return append(appendForm([]byte{'&'}, name), '='), true
	}
	if strings.ContainsAny(name, `"\`) {
		c.bad(at, name, `a name without " and \`)
		return nil, false
	}
	return []byte("Content-Disposition: form-data; name=\"" + name + "\"\r\n\r\n"), true
}
