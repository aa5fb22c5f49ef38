// SPDX-License-Identifier: Apache-2.0

package request

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"clearpost/wire"
)

// xmlElement is an element of an XML body: its attributes, and a text or elements.
type xmlElement struct {
	name  string
	index int    // among elements of one name
	open  []byte // <name
	close []byte // </name>
	attrs []xmlAttribute
	field *field // its text
	kids  []*xmlElement
	spec  int // the spec's field that made it, for defects
}

type xmlAttribute struct {
	name  string
	lead  []byte // ` name="`
	field *field
	spec  int
}

func newElement(name string, index, spec int) *xmlElement {
	return &xmlElement{name: name, index: index, spec: spec, open: []byte("<" + name), close: []byte("</" + name + ">")}
}

// xmlStep is one step of a path: an element with its index among those of its name, or an attribute.
type xmlStep struct {
	name  string
	index int
	attr  bool
}

// place puts a field at a path below e. The error tells what is in its way.
func (e *xmlElement) place(path []xmlStep, f *field, spec int) error {
	for _, st := range path {
		if st.attr {
			return e.placeAttribute(st.name, f, spec)
		}
		if e.field != nil {
			return fmt.Errorf("a path that does not go through the text of fields[%d]", e.spec)
		}
		kid := e.find(st)
		if kid == nil {
			kid = newElement(st.name, st.index, spec)
			e.insert(kid)
		}
		e = kid
	}
	switch last := e.field.last(); {
	case len(path) == 0 || len(e.kids) > 0:
		return fmt.Errorf("a path of its own: fields[%d] goes below", e.spec)
	case last == nil:
		e.field, e.spec = f, spec
	case last.when != nil:
		last.next = f
	default:
		return fmt.Errorf("a path of its own: fields[%d] goes there already", e.spec)
	}
	return nil
}

func (e *xmlElement) placeAttribute(name string, f *field, spec int) error {
	for i := range e.attrs {
		if a := &e.attrs[i]; a.name == name {
			if last := a.field.last(); last.when != nil {
				last.next = f
				return nil
			}
			return fmt.Errorf("an attribute of its own: fields[%d] is there already", a.spec)
		}
	}
	e.attrs = append(e.attrs, xmlAttribute{name, []byte(" " + name + `="`), f, spec})
	return nil
}

func (e *xmlElement) find(st xmlStep) *xmlElement {
	for _, k := range e.kids {
		if k.name == st.name && k.index == st.index {
			return k
		}
	}
	return nil
}

// insert puts a new element behind all others, or among those of its name, which stand together by index.
func (e *xmlElement) insert(kid *xmlElement) {
	at := len(e.kids)
	for i, k := range e.kids {
		if k.name != kid.name {
			continue
		}
		if at = i + 1; k.index > kid.index {
			at = i
			break
		}
	}
	e.kids = slices.Insert(e.kids, at, kid)
}

// holes reports the first index of each name that nothing goes to.
func (e *xmlElement) holes(hole func(spec, index int)) {
	next := map[string]int{}
	for _, k := range e.kids {
		if want := next[k.name]; k.index != want {
			hole(k.spec, want)
			return
		}
		next[k.name]++
		k.holes(hole)
	}
}

// append writes the element, or nothing and false if all in it is omitted.
func (e *xmlElement) append(dst []byte, p *pass) ([]byte, bool) {
	mark := len(dst)
	dst = append(dst, e.open...)
	some := false
	for i := range e.attrs {
		a, before := &e.attrs[i], len(dst)
		dst = append(dst, a.lead...)
		var ok bool
		if dst, ok = a.field.append(dst, p); !ok {
			dst = dst[:before]
			continue
		}
		dst = append(dst, '"')
		some = true
	}
	tag := len(dst)
	dst = append(dst, '>')
	if f := e.field.choose(p); f != nil {
		var ok bool
		if dst, ok = f.appendChosen(dst, p); !ok && f.nilled {
			return append(dst[:tag], ` xsi:nil="true"/>`...), true
		}
		some = some || ok
	}
	for _, k := range e.kids {
		var ok bool
		dst, ok = k.append(dst, p)
		some = some || ok
	}
	switch {
	case !some:
		return dst[:mark], false
	case len(dst) == tag+1 && e.field == nil:
		return append(dst[:tag], "/>"...), true
	}
	return append(dst, e.close...), true
}

// xmlBody is a whole XML document: what stands before and behind its two parts, and these.
type xmlBody struct {
	begin  []byte
	header *xmlElement // SOAP: nil elsewhere
	root   *xmlElement
	bare   bool // SOAP without a root: the kids of the root are written
	end    []byte
}

func (x *xmlBody) append(dst []byte, p *pass) []byte {
	dst = append(dst, x.begin...)
	if x.header != nil {
		dst, _ = x.header.append(dst, p)
		dst = append(dst, "<soap:Body>"...)
	}
	if x.bare {
		for _, k := range x.root.kids {
			dst, _ = k.append(dst, p)
		}
		return append(dst, x.end...)
	}
	mark := len(dst)
	var some bool
	if dst, some = x.root.append(dst, p); !some {
		dst = append(append(dst[:mark], x.root.open...), "/>"...)
	}
	return append(dst, x.end...)
}

// soapNamespace is the namespace of the envelope.
var soapNamespace = map[bodyKind]string{bodySOAP11: "http://schemas.xmlsoap.org/soap/envelope/",
	bodySOAP12: "http://www.w3.org/2003/05/soap-envelope"}

const xsiNamespace = "http://www.w3.org/2001/XMLSchema-instance"

// compileXML begins the document; finishXML ends it when all fields are placed.
func (c *compiler) compileXML(kind bodyKind) {
	spec := c.spec.XML
	if spec == nil {
		spec = &XMLSpec{}
	}
	soap := kind != bodyXML
	x := &xmlBody{bare: spec.Root == ""}
	c.prefixes = map[string]string{"xml": ""}
	c.compileNamespaces(spec, soap)
	switch {
	case spec.Root != "":
		if err := c.qname(spec.Root, true); err != nil {
			c.bad("xml.root", spec.Root, "%s", err)
		}
	case !soap:
		c.bad("xml.root", "", "the name of the root element")
	}
	if spec.Action != "" && !soap {
		c.bad("xml.action", spec.Action, "no action: only soap11 and soap12 have one")
	}
	if len(spec.Action) > HeaderBytesMax || !printable(spec.Action) || strings.ContainsAny(spec.Action, `"\`) {
		c.bad("xml.action", spec.Action, "a URI in printable ASCII")
	}
	x.root = newElement(spec.Root, 0, 0)
	if soap {
		x.header = newElement("soap:Header", 0, 0)
	}
	c.xml = x
}

func (c *compiler) compileNamespaces(spec *XMLSpec, soap bool) {
	if len(spec.Namespaces) > NamespacesMax {
		c.bad("xml.namespaces", strconv.Itoa(len(spec.Namespaces)), "at most %d namespaces", NamespacesMax)
	}
	for _, n := range spec.Namespaces {
		path := "xml.namespaces." + n.From
		switch _, twice := c.prefixes[n.From]; {
		case n.To.Kind == wire.ScalarNone && n.From == "":
			c.bad("xml.namespaces", n.To.Text, "a mapping of prefixes to URIs")
			continue
		case n.To.Kind == wire.ScalarNone || n.To.Text == "" || len(n.To.Text) > wire.PathBytesMax ||
			!printable(n.To.Text):
			c.bad(path, n.To.Text, "the URI of a namespace")
		case n.From != "" && (ncName(n.From) != nil || strings.HasPrefix(strings.ToLower(n.From), "xml")):
			c.bad(path, n.From, "a prefix: a name that does not begin with xml")
		case soap && n.From == "soap", n.From == "xsi":
			c.bad(path, n.From, "another prefix: this one is taken")
		case twice:
			c.bad(path, n.From, "each prefix once")
		}
		c.prefixes[n.From] = n.To.Text
	}
	if soap {
		c.prefixes["soap"] = ""
	}
}

// finishXML writes what stands around the fields.
func (c *compiler) finishXML(kind bodyKind) {
	x, spec := c.xml, c.spec.XML
	if spec == nil {
		spec = &XMLSpec{}
	}
	names := ""
	for _, n := range spec.Namespaces {
		name := "xmlns"
		if n.From != "" {
			name += ":" + n.From
		}
		names += " " + name + `="` + string(appendXML(nil, n.To.Text)) + `"`
	}
	if c.nilled {
		names += ` xmlns:xsi="` + xsiNamespace + `"`
	}
	if spec.Declaration == nil || *spec.Declaration {
		x.begin = append(x.begin, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"...)
	}
	if kind == bodyXML {
		x.root.open = append(x.root.open, names...)
	} else {
		x.begin = append(x.begin, `<soap:Envelope xmlns:soap="`+soapNamespace[kind]+`"`+names+">"...)
		x.end = []byte("</soap:Body></soap:Envelope>")
	}
	hole := func(spec, index int) {
		c.bad(fmt.Sprintf("fields[%d].to", spec), c.spec.Fields[spec].To,
			"elements without holes: nothing goes to index %d", index)
	}
	x.root.holes(hole)
	if x.header != nil {
		x.header.holes(hole)
	}
}

// xmlPath reads a path such as ns:lead.phone[1].@type.
func (c *compiler) xmlPath(s string) ([]xmlStep, error) {
	steps, err := parsePath(s)
	if err != nil {
		return nil, err
	}
	var out []xmlStep
	for i, st := range steps {
		switch {
		case st.each:
			return nil, fmt.Errorf("an index: [*] is for JSON; leg.token and the like are one text here")
		case st.list && (i == 0 || steps[i-1].list):
			return nil, fmt.Errorf("an index behind the name of an element")
		case st.list:
			if out[len(out)-1].attr {
				return nil, fmt.Errorf("no index behind an attribute")
			}
			out[len(out)-1].index = st.index
			continue
		case len(out) > 0 && out[len(out)-1].attr:
			return nil, fmt.Errorf("an attribute as the last step of the path")
		}
		name, attr := strings.CutPrefix(st.key, "@")
		if err := c.qname(name, !attr); err != nil {
			return nil, err
		}
		if attr && (name == "xmlns" || strings.HasPrefix(name, "xmlns:")) {
			return nil, fmt.Errorf("no declaration of a namespace: it stands under xml.namespaces")
		}
		out = append(out, xmlStep{name: name, attr: attr})
	}
	return out, nil
}

// qname checks a name with or without a prefix.
func (c *compiler) qname(s string, element bool) error {
	prefix, local, prefixed := strings.Cut(s, ":")
	if !prefixed {
		return ncName(s)
	}
	if err := ncName(prefix); err != nil {
		return err
	}
	if _, known := c.prefixes[prefix]; !known || prefix == "xml" && element {
		return fmt.Errorf("a prefix that xml.namespaces has: %q is none of them", prefix)
	}
	return ncName(local)
}

// ncName checks a name without a prefix, by the ranges of XML 1.0 (fifth edition).
func ncName(s string) error {
	if s == "" || len(s) > wire.PathBytesMax || !utf8.ValidString(s) {
		return fmt.Errorf("a name of XML")
	}
	for i, r := range s {
		if !nameStart(r) && (i == 0 || !nameRest(r)) {
			return fmt.Errorf("a name of XML: %q is none, for %q", s, r)
		}
	}
	return nil
}

func nameStart(r rune) bool {
	switch {
	case r < 0x80:
		return r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	case r < 0x300:
		return r >= 0xc0 && r != 0xd7 && r != 0xf7
	case r < 0x2000:
		return r >= 0x370 && r != 0x37e
	}
	return r == 0x200c || r == 0x200d || r >= 0x2070 && r <= 0x218f || r >= 0x2c00 && r <= 0x2fef || r >= 0x3001 &&
		r <= 0xd7ff ||
		r >= 0xf900 && r <= 0xfdcf || r >= 0xfdf0 && r <= 0xfffd || r >= 0x10000 && r <= 0xeffff
}

func nameRest(r rune) bool {
	return r == '-' || r == '.' || r >= '0' && r <= '9' || r == 0xb7 || r >= 0x300 && r <= 0x36f || r == 0x203f ||
		r == 0x2040
}
