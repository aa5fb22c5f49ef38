// SPDX-License-Identifier: Apache-2.0

package wire

import "clearpost/lead"

// segmentOp is what follows a segment's literal.
type segmentOp uint8

const (
	segLiteral segmentOp = iota // nothing
	segText                     // the normal text of a slot, which may be missing; its key has the opening quote
	segField
	segNode  // a list, which may be omitted
	segOpen  // an object that is omitted if nothing comes into it
	segClose // its end
)

// segment is a step of writing a JSON body: what is always there, joined with all constants up to the next value, and the value.
type segment struct {
	lit   constant
	key   constant // goes with the value, and away with it
	comma bool     // the key begins with a comma that is not wanted where nothing stands before it
	op    segmentOp
	pos   int
	field *field
	node  *node
}

// flattener makes segments of a tree.
type flattener struct {
	out []segment
	lit constant
}

// flatten makes the segments of an object. A body whose root is a list has none: it is written from the tree.
func flatten(root *node) []segment {
	if root.kind != nodeObject {
		return nil
	}
	fl := &flattener{}
	fl.lit.addText("{")
	fl.object(root)
	fl.lit.addText("}")
	fl.put(segment{op: segLiteral})
	return fl.out
}

func (fl *flattener) put(s segment) {
	s.lit = fl.lit
	fl.lit = constant{}
	fl.out = append(fl.out, s)
}

// sure tells whether a node is never omitted.
func (n *node) sure() bool {
	if n.kind == nodeLeaf {
		return n.field.sure()
	}
	for _, k := range n.kids {
		if k.sure() {
			return true
		}
	}
	return false
}

func (fl *flattener) object(n *node) {
	before := false // something surely stands before the next one
	for i, k := range n.kids {
		key := constant{}
		key.addText(string(k.lead))
		comma := i > 0 && !before
		if i == 0 {
			key = constant{key.plain[1:], key.redacted[1:]}
		}
		sure := k.sure()
		fl.kid(k, key, comma, sure)
		before = before || sure
	}
}

func (fl *flattener) kid(k *node, key constant, comma, sure bool) {
	fixed := k.kind == nodeLeaf && k.field.from == fromConstant && k.field.when == nil
	switch {
	case k.kind == nodeObject && !sure:
		key.addText("{")
		fl.put(segment{op: segOpen, key: key, comma: comma})
		fl.object(k)
		fl.put(segment{op: segClose})
		return
	case k.kind == nodeObject:
		key.addText("{")
	case fixed:
		key.add(*k.field.constant)
	}
	switch {
	case sure && !comma:
		fl.lit.add(key)
		key = constant{}
	case fixed || k.kind == nodeObject:
		fl.put(segment{op: segLiteral, key: key, comma: comma})
	}
	switch {
	case fixed:
	case k.kind == nodeObject:
		fl.object(k)
		fl.lit.addText("}")
	case k.kind == nodeList:
		fl.put(segment{op: segNode, node: k, key: key, comma: comma})
	case k.field.plainText():
		key.addText(`"`)
		fl.put(segment{op: segText, pos: k.field.pos, key: key, comma: comma})
	default:
		fl.put(segment{op: segField, field: k.field, key: key, comma: comma})
	}
}

// plainText tells whether the field is nothing but the normal text of a slot.
func (f *field) plainText() bool {
	return f.from == fromSlot && f.part == lead.PartNone && f.typ != lead.TypeList && !f.secret && f.format.kind == formatNone && f.show == showString &&
		f.mapping == nil && f.filters == nil && f.constant == nil && f.absent == nil && f.when == nil
}

// appendSegments writes the body. Whether something stands before a key is seen from the last byte: no value ends in a brace that opens.
func appendSegments(dst []byte, segs []segment, p *pass) []byte {
	var marks [PathDepthMax]int
	depth := 0
	for i := range segs {
		s := &segs[i]
		lit, key := s.lit.plain, s.key.plain
		if p.redact {
			lit, key = s.lit.redacted, s.key.redacted
		}
		dst = append(dst, lit...)
		mark := len(dst)
		if s.comma && dst[mark-1] == '{' {
			key = key[1:]
		}
		there := true
		switch s.op {
		case segText:
			v := p.Lead.Normal(s.pos)
			if len(v) == 0 {
				continue
			}
			dst = append(dst, key...)
			dst = appendJSON(dst, v)
			dst = append(dst, '"')
		case segField:
			dst = append(dst, key...)
			dst, there = s.field.append(dst, p)
		case segNode:
			dst = append(dst, key...)
			dst, there = s.node.append(dst, p)
		case segOpen:
			dst = append(dst, key...)
			marks[depth] = mark
			depth++
		case segClose:
			depth--
			if dst[mark-1] == '{' {
				dst = dst[:marks[depth]]
			} else {
				dst = append(dst, '}')
			}
		default:
			dst = append(dst, key...)
		}
		if !there {
			dst = dst[:mark]
		}
	}
	return dst
}
