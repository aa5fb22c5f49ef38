// SPDX-License-Identifier: Apache-2.0

package request

import (
	"unsafe"

	"clearpost/lead"
)

// show is how JSON shows a value.
type show uint8

const (
	showString show = iota
	showNumber
	showBoolean
	showList // a JSON list as it stands
)

// field is a compiled FieldSpec.
type field struct {
	source
	enc      encoding
	show     show
	nilled   bool // XML: a missing value is an element with xsi:nil
	clean    bool // what is made stands for itself in every encoding
	template *template
	filters  []filter
	mapping  map[string]*constant
	unmapped unmapped  // what becomes of a value that the mapping does not have
	refusal  error     // of unmappedRefused
	constant *constant // the value of fromConstant, else what stands in for a missing value, or nil
	absent   []byte    // what is written for a missing value without a stand-in; nil: the field is omitted
	when     *whenRule
	next     *field // what stands in the same place if the condition does not hold
}

// choose is the field that applies: the first in its place whose condition holds; nil if there is none.
func (f *field) choose(p *pass) *field {
	for f != nil && f.when != nil && !f.when.holds(p) {
		f = f.next
	}
	return f
}

// sure tells whether the field is never omitted.
func (f *field) sure() bool {
	for ; f.when != nil; f = f.next {
		if f.next == nil || f.constant == nil && f.absent == nil {
			return false
		}
	}
	return f.constant != nil || f.absent != nil
}

// append writes the value as it stands in the body, or nothing and false if the field is omitted.
func (f *field) append(dst []byte, p *pass) ([]byte, bool) {
	if f = f.choose(p); f == nil {
		return dst, false
	}
	return f.appendChosen(dst, p)
}

func (f *field) appendChosen(dst []byte, p *pass) ([]byte, bool) {
	if f.from == fromConstant {
		return f.constant.append(dst, p.redact), true
	}
	if f.secret && p.redact && f.filters == nil && p.Lead.Slot(f.pos).State == lead.Valid {
		return f.shown(dst, f.masked(p))
	}
	looked := f.mapping == nil
	if f.mapping != nil {
		var b [64]byte
		v := f.mapped(b[:0], p)
		if c := f.mapping[string(v)]; c != nil {
			return c.append(dst, p.redact), true
		}
		if f.unmapped == unmappedRefused && len(v) > 0 {
			p.err = f.refusal
			return dst, false
		}
		looked = f.unmapped == unmappedKept && len(v) > 0
	}
	if looked {
		mark := len(dst)
		var ok bool
		if dst, ok = f.value(dst, p); ok {
			return dst, true
		}
		dst = dst[:mark]
	}
	if f.constant != nil {
		return f.constant.append(dst, p.redact), true
	}
	return append(dst, f.absent...), f.absent != nil
}

// mapped is the text that the map is asked for; empty if there is none.
func (f *field) mapped(b []byte, p *pass) []byte {
	if v, held := f.held(p); held {
		return v
	}
	switch {
	case f.from == fromSlot && f.part == lead.PartNone:
		return p.Lead.Normal(f.pos)
	case f.from == fromSlot:
		b, _ = p.Lead.AppendPart(b, f.pos, f.part)
	default:
		b, _ = f.made(b, p)
	}
	return b
}

// value writes a value that is not mapped.
func (f *field) value(dst []byte, p *pass) ([]byte, bool) {
	switch {
	case f.show == showList:
		v := p.Lead.Normal(f.pos)
		return append(dst, v...), len(v) > 0
	case f.template == nil && f.filters == nil:
		if v, held := f.held(p); held {
			if len(v) == 0 {
				return dst, false
			}
			return f.shown(dst, v)
		}
	}
	quoted := f.show == showString && f.enc == encodeJSON
	if quoted {
		dst = append(dst, '"')
	}
	mark := len(dst)
	dst, ok := f.unescaped(dst, p)
	if !ok {
		return dst, false
	}
	if f.show != showString {
		return dst, f.fits(dst[mark:])
	}
	if !f.clean {
		dst = encodeTail(dst, mark, f.enc)
	}
	if quoted {
		dst = append(dst, '"')
	}
	return dst, true
}

// unescaped writes the value's text after its filters.
func (f *field) unescaped(dst []byte, p *pass) ([]byte, bool) {
	mark := len(dst)
	var ok bool
	switch {
	case f.template != nil:
		dst, ok = f.template.append(dst, p, encodeNone)
	case f.filters == nil:
		return f.made(dst, p) // it is not held, and its secret was looked at
	default:
		dst, ok = f.source.append(dst, p)
	}
	return runFilters(dst, mark, ok, f.filters, p)
}

// stands tells whether all that the field makes stands for itself in its encoding, so that nobody has to look at it.
func (f *field) stands() bool {
	plain := plainIn[f.enc]
	if f.template != nil || f.filters != nil || plain == nil {
		return false
	}
	switch f.from {
	case fromLeadID, fromAttempt, fromKey:
		return true
	}
	switch f.format.kind {
	case formatPhoneMask, formatSSNMask, formatTimeMask:
		for i := range f.format.mask {
			if !allPlain([]byte(f.format.mask[i].plain), plain) {
				return false
			}
		}
		return true
	case formatStateName:
		return f.enc == encodeJSON || f.enc == encodeXML
	}
	return f.format.kind.number()
}

// shown writes a text by the field's type.
func (f *field) shown(dst, v []byte) ([]byte, bool) {
	switch {
	case f.show != showString && f.show != showList:
		return append(dst, v...), f.fits(v)
	case f.enc != encodeJSON:
		return appendEncoded(dst, v, f.enc), true
	}
	dst = append(dst, '"')
	dst = appendJSON(dst, v)
	return append(dst, '"'), true
}

// fits tells whether a text is a number or a boolean where the field's type says so.
func (f *field) fits(v []byte) bool {
	if f.show == showNumber {
		return validNumber(v)
	}
	return string(v) == "true" || string(v) == "false"
}

// asBytes views a string as bytes for a call that neither keeps nor changes them.
func asBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
