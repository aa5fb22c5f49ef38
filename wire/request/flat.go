// SPDX-License-Identifier: Apache-2.0

package request

import (
	"clearpost/lead"
	"clearpost/wire"
)

// segmentOp is what follows a segment's literal.
type segmentOp uint8

const (
	segLiteral segmentOp = iota // nothing
	segText                     // the normal text of a slot, which may be missing; its key has the opening quote
	segRaw                      // the same without quotes, where it is a number or a boolean
	segMade                     // a value that is made and stands for itself; its key has the opening quote
	segNumber                   // the same, a number
	segField
	segNode  // a list, which may be omitted
	segOpen  // an object that is omitted if nothing comes into it
	segClose // its end
)

// segment is a step of writing a JSON body: what is always there, joined with all constants up to the next value, and
// the value.
type segment struct {
	lit   []byte
	key   []byte // goes with the value, and away with it
	field *field
	node  *node
	pos   int
	op    segmentOp
	comma bool // the key begins with a comma that is not wanted where nothing stands before it
}

// segments are those of a body with its secrets, and the same with placeholders.
type segments struct{ plain, redacted []segment }

// flattener makes segments of a tree.
type flattener struct {
	out segments
	lit constant
}

// flatten makes the segments of an object. A body whose root is a list has none: it is written from the tree.
func flatten(root *node) segments {
	if root.kind != nodeObject {
		return segments{}
	}
	fl := &flattener{}
	fl.lit.addText("{")
	fl.object(root)
	fl.lit.addText("}")
	fl.put(segment{op: segLiteral}, constant{})
	return fl.out
}

// put ends what is always there with a segment and its key.
func (fl *flattener) put(s segment, key constant) {
	s.lit, s.key = fl.lit.plain, key.plain
	fl.out.plain = append(fl.out.plain, s)
	s.lit, s.key = fl.lit.redacted, key.redacted
	fl.out.redacted = append(fl.out.redacted, s)
	fl.lit = constant{}
}

// sure tells whether a node is never omitted.
func (n *node) sure() bool {
	if n.kind == nodeLeaf {
		return n.field.sure()
	}
	if n.each {
		return false // there may be no legs
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
		fl.put(segment{op: segOpen, comma: comma}, key)
		fl.object(k)
		fl.put(segment{op: segClose}, constant{})
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
		fl.put(segment{op: segLiteral, comma: comma}, key)
	}
	switch {
	case fixed:
	case k.kind == nodeObject:
		fl.object(k)
		fl.lit.addText("}")
	case k.kind == nodeList:
		fl.put(segment{op: segNode, node: k, comma: comma}, key)
	case k.field.plainSlot() && k.field.show != showString:
		fl.put(segment{op: segRaw, pos: k.field.pos, field: k.field, comma: comma}, key)
	case k.field.plainSlot():
		key.addText(`"`)
		fl.put(segment{op: segText, pos: k.field.pos, comma: comma}, key)
	case k.field.plainMade() && k.field.show == showString:
		key.addText(`"`)
		fl.put(segment{op: segMade, field: k.field, comma: comma}, key)
	case k.field.plainMade() && k.field.format.kind.number():
		fl.put(segment{op: segNumber, field: k.field, comma: comma}, key)
	default:
		fl.put(segment{op: segField, field: k.field, comma: comma}, key)
	}
}

// plainSlot tells whether the field is nothing but the normal text of a slot.
func (f *field) plainSlot() bool {
	return f.plain() && f.from == fromSlot && f.part == lead.PartNone && f.typ != lead.TypeList &&
		f.format.kind == formatNone
}

// plainMade tells whether the field is nothing but a value that has to be made, in letters that stand for themselves.
func (f *field) plainMade() bool {
	return f.plain() && f.clean && (f.from != fromSlot || f.part == lead.PartNone)
}

// plain tells whether nothing but the value decides about what is written.
func (f *field) plain() bool {
	return !f.secret && f.mapping == nil && f.template == nil && f.filters == nil && f.constant == nil &&
		f.absent == nil && f.when == nil
}

// appendSegments writes the body. Whether something stands before a key is seen from the last byte: no value ends in a
// brace that opens.
func appendSegments(dst []byte, segs []segment, p *pass) []byte {
	var marks [wire.PathDepthMax]int
	depth := 0
	for i := range segs {
		s := &segs[i]
		if len(s.lit) > 0 {
			dst = append(dst, s.lit...)
		}
		mark := len(dst)
		key := s.key
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
			if allJSONPlain(v) {
				dst = append(dst, v...)
			} else {
				dst = appendJSON(dst, v)
			}
			dst = append(dst, '"')
		case segRaw:
			v := p.Lead.Normal(s.pos)
			if len(v) > 0 && s.field.fits(v) {
				dst = append(append(dst, key...), v...)
			}
		case segMade:
			if dst, there = s.field.made(append(dst, key...), p); there {
				dst = append(dst, '"')
			}
		case segNumber:
			dst, there = s.field.made(append(dst, key...), p)
		case segField:
			dst, there = s.field.append(append(dst, key...), p)
		case segNode:
			dst, there = s.node.append(append(dst, key...), p)
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
