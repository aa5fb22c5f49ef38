// SPDX-License-Identifier: Apache-2.0

package request

import (
	"fmt"
	"slices"
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
