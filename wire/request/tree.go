// SPDX-License-Identifier: Apache-2.0

package request

import "fmt"

// nodeKind is what a place in a JSON body holds.
type nodeKind uint8

const (
	nodeLeaf nodeKind = iota
	nodeObject
	nodeList
)

// node is a place in a JSON body: a field, or an object or list of nodes.
type node struct {
	kind  nodeKind
	key   string // within an object
	lead  []byte // what stands before the value if it is not the first: a comma, and the key where there is one
	field *field
	kids  []*node
	each  bool // a list with a place for each leg: its one kid
	spec  int  // the spec's field that made it, for defects
}

// place puts a field at a path below n, which is the root. The error tells what is in its way.
func (n *node) place(path []step, f *field, spec int) error {
	for depth, st := range path {
		kind := nodeObject
		if st.list {
			kind = nodeList
		}
		switch {
		case n.kind == nodeLeaf && n.field == nil:
			n.kind = kind
		case n.kind == nodeLeaf:
			return fmt.Errorf("a path that does not go through the value of fields[%d]", n.spec)
		case n.kind != kind:
			return fmt.Errorf("an object or a list in one place, not both: fields[%d] has the other", n.spec)
		}
		if st.list && len(n.kids) > 0 && n.each != st.each {
			return fmt.Errorf("[*] or places with numbers in one list, not both: fields[%d] has the other", n.spec)
		}
		n.each = n.each || st.each
		kid := n.find(st)
		if kid == nil {
			kid = &node{key: st.key, spec: spec}
			kid.lead = append(kid.lead, ',')
			if !st.list {
				kid.lead = append(append(appendJSON(append(kid.lead, '"'), st.key), '"'), ':')
			}
			n.kids = append(n.kids, kid)
		} else if last := kid.field.last(); depth == len(path)-1 && last != nil && last.when != nil {
			last.next = f // another field for the same place, if the condition of the first does not hold
			return nil
		} else if depth == len(path)-1 {
			return fmt.Errorf("a path of its own: fields[%d] goes there or below already", kid.spec)
		}
		n = kid
	}
	n.field = f
	return nil
}

// last is the last of the fields that share a place.
func (f *field) last() *field {
	for f != nil && f.next != nil {
		f = f.next
	}
	return f
}

func (n *node) find(st step) *node {
	for _, k := range n.kids {
		if k.key == st.key {
			return k
		}
	}
	return nil
}

// order sorts the lists by index and reports the first index that nothing goes to.
func (n *node) order(hole func(spec, index int)) {
	if n.kind == nodeList && !n.each {
		sorted := make([]*node, 0, len(n.kids))
		for i := range n.kids {
			k := n.find(step{key: fmt.Sprint(i)})
			if k == nil {
				hole(n.kids[len(n.kids)-1].spec, i)
				return
			}
			sorted = append(sorted, k)
		}
		n.kids = sorted
	}
	for _, k := range n.kids {
		k.order(hole)
	}
}

// append writes the node, or nothing and false if it is omitted.
func (n *node) append(dst []byte, p *pass) ([]byte, bool) {
	switch n.kind {
	case nodeObject:
		return n.appendObject(dst, p)
	case nodeList:
		if n.each {
			return n.appendEach(dst, p)
		}
		return n.appendList(dst, p)
	}
	return n.field.append(dst, p)
}

// appendEach writes a list with a place for each leg, whatever of it is missing.
func (n *node) appendEach(dst []byte, p *pass) ([]byte, bool) {
	dst = append(dst, '[')
	for i := range p.Legs {
		if i > 0 {
			dst = append(dst, ',')
		}
		mark := len(dst)
		p.leg = i + 1
		var there bool
		if dst, there = n.kids[0].append(dst, p); !there {
			dst = append(dst[:mark], n.kids[0].nothing()...)
		}
	}
	p.leg = 0
	return append(dst, ']'), len(p.Legs) > 0
}

// nothing stands in a list in the place of a node that is omitted.
func (n *node) nothing() string {
	switch n.kind {
	case nodeObject:
		return "{}"
	case nodeList:
		return "[]"
	}
	return "null"
}

func (n *node) appendObject(dst []byte, p *pass) ([]byte, bool) {
	dst = append(dst, '{')
	open := len(dst)
	for _, k := range n.kids {
		mark := len(dst)
		if mark == open {
			dst = append(dst, k.lead[1:]...)
		} else {
			dst = append(dst, k.lead...)
		}
		var there bool
		if dst, there = k.append(dst, p); !there {
			dst = dst[:mark]
		}
	}
	return append(dst, '}'), len(dst) > open
}

func (n *node) appendList(dst []byte, p *pass) ([]byte, bool) {
	dst = append(dst, '[')
	open := len(dst)
	some := false
	for _, k := range n.kids {
		if len(dst) > open {
			dst = append(dst, ',')
		}
		mark := len(dst)
		var there bool
		if dst, there = k.append(dst, p); there {
			some = true
			continue
		}
		dst = append(dst[:mark], k.nothing()...)
	}
	return append(dst, ']'), some
}
