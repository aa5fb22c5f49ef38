// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"time"
	"unsafe"

	"clearpost/lead"
)

// origin is where a field's value comes from.
type origin uint8

const (
	fromConstant origin = iota
	fromSlot
	fromToken
	fromLeadID
	fromAttempt
	fromSource
	fromVertical
	fromPrice
	fromNow
)

var builtin = map[string]origin{
	"token": fromToken, "lead_id": fromLeadID, "attempt_id": fromAttempt, "source": fromSource, "vertical": fromVertical,
	"price": fromPrice, "now": fromNow,
}

// show is how JSON shows a value.
type show uint8

const (
	showString show = iota
	showNumber
	showBoolean
	showList // a JSON list as it stands
)

// encoding is how a body spells its texts.
type encoding uint8

const (
	encodeJSON encoding = iota
	encodeForm
)

// field is a compiled FieldSpec.
type field struct {
	from     origin
	pos      int       // of the slot
	part     lead.Part // of its value; PartNone is the whole
	typ      lead.Type // of the slot, or of the part
	secret   bool      // a social security number: what is kept of the request has it masked
	show     show
	format   format
	mapping  map[string]*constant
	constant *constant // the value of fromConstant, else what stands in for a missing value, or nil
	absent   []byte    // what is written for a missing value without a stand-in; nil: the field is omitted
}

// append writes the field's value as it stands in the body, or nothing and false if the field is omitted.
func (f *field) append(dst []byte, in *Inputs, enc encoding, redact bool) ([]byte, bool) {
	if f.from == fromConstant {
		return f.constant.append(dst, redact), true
	}
	if f.secret && redact && in.Lead.Slot(f.pos).State == lead.Valid {
		return f.shown(dst, lead.MaskSSN(&in.Lead.Schema().Fields[f.pos], in.Lead.Normal(f.pos)), enc)
	}
	if f.mapping != nil {
		var b [64]byte
		if c := f.mapping[string(f.mapped(b[:0], in))]; c != nil {
			return c.append(dst, redact), true
		}
	} else {
		mark := len(dst)
		var ok bool
		if dst, ok = f.value(dst, in, enc); ok {
			return dst, true
		}
		dst = dst[:mark]
	}
	if f.constant != nil {
		return f.constant.append(dst, redact), true
	}
	return append(dst, f.absent...), f.absent != nil
}

// mapped is the text that the map is asked for; empty if there is none.
func (f *field) mapped(b []byte, in *Inputs) []byte {
	switch f.from {
	case fromSlot:
		if f.part != lead.PartNone {
			b, _ = in.Lead.AppendPart(b, f.pos, f.part)
			return b
		}
		return in.Lead.Normal(f.pos)
	case fromSource:
		return asBytes(in.Source)
	default:
		return asBytes(in.Vertical)
	}
}

// value writes a value that is not mapped.
func (f *field) value(dst []byte, in *Inputs, enc encoding) ([]byte, bool) {
	if v, held := f.held(in); held {
		if len(v) == 0 {
			return dst, false
		}
		return f.shown(dst, v, enc)
	}
	quoted := f.show == showString && enc == encodeJSON
	if quoted {
		dst = append(dst, '"')
	}
	mark := len(dst)
	dst, ok := f.made(dst, in)
	if !ok {
		return dst, false
	}
	if f.show != showString {
		return dst, f.fits(dst[mark:])
	}
	dst = encodeTail(dst, mark, enc)
	if quoted {
		dst = append(dst, '"')
	}
	return dst, true
}

// held is a value that stands somewhere as text already. It is empty if missing; held is false if the value has to be made.
func (f *field) held(in *Inputs) (v []byte, held bool) {
	switch f.from {
	case fromSlot:
		if f.format.kind == formatNone && f.part == lead.PartNone && (f.typ != lead.TypeList || f.show == showList) {
			return in.Lead.Normal(f.pos), true
		}
	case fromToken:
		return in.Token, true
	case fromSource:
		return asBytes(in.Source), true
	case fromVertical:
		return asBytes(in.Vertical), true
	}
	return nil, false
}

// shown writes a text by the field's type.
func (f *field) shown(dst, v []byte, enc encoding) ([]byte, bool) {
	switch {
	case f.show == showList && !f.secret:
		return append(dst, v...), true
	case f.show != showString && f.show != showList:
		return append(dst, v...), f.fits(v)
	case enc == encodeForm:
		return appendForm(dst, v), true
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

// made writes a value that does not stand anywhere as text, unescaped.
func (f *field) made(dst []byte, in *Inputs) ([]byte, bool) {
	switch f.from {
	case fromLeadID:
		return in.LeadID.Append(dst), !in.LeadID.IsZero()
	case fromAttempt:
		return in.Attempt.Append(dst), !in.Attempt.IsZero()
	case fromPrice:
		return f.format.appendMoney(dst, in.Price), in.Price != 0
	case fromNow:
		return f.format.appendTime(dst, in.Now), !in.Now.IsZero()
	}
	if f.part != lead.PartNone {
		return f.madePart(dst, in)
	}
	if f.typ == lead.TypePhone {
		var d [10]byte
		if !phoneDigits(in.Lead, f.pos, &d) {
			return dst, false
		}
		return f.format.appendPhone(dst, &d), true
	}
	s := in.Lead.Slot(f.pos)
	if s.State != lead.Valid {
		return dst, false
	}
	switch f.typ {
	case lead.TypeState:
		return append(dst, lead.StateName(s.Num)...), true
	case lead.TypeDate, lead.TypeDOB:
		return f.format.appendTime(dst, time.Unix(s.Num*86400, 0)), true
	case lead.TypeDateTime:
		return f.format.appendTime(dst, time.UnixMicro(s.Num)), true
	case lead.TypeTime:
		return f.format.appendTime(dst, time.Unix(s.Num, 0)), true
	case lead.TypeSSN:
		return f.format.appendDigits(dst, ssnDigits(in.Lead.Normal(f.pos))), true
	case lead.TypeList:
		return appendJoined(dst, in.Lead, f.pos), true
	case lead.TypeInteger:
		return f.format.appendInteger(dst, s.Num), true
	case lead.TypeDecimal, lead.TypeMoney:
		return f.format.appendMoney(dst, lead.Money(s.Num)), true
	}
	return f.format.appendCase(dst, in.Lead.Normal(f.pos)), true
}

// madePart writes a part of a slot's value, unescaped.
func (f *field) madePart(dst []byte, in *Inputs) ([]byte, bool) {
	switch {
	case f.format.kind == formatNone:
		return in.Lead.AppendPart(dst, f.pos, f.part)
	case f.typ == lead.TypeInteger:
		n, ok := in.Lead.PartNum(f.pos, f.part)
		return f.format.appendInteger(dst, n), ok
	case f.typ == lead.TypeDecimal:
		n, ok := in.Lead.PartNum(f.pos, f.part)
		return f.format.appendMoney(dst, lead.Money(n)), ok
	}
	var b [64]byte
	v, ok := in.Lead.AppendPart(b[:0], f.pos, f.part)
	return f.format.appendCase(dst, v), ok
}

// appendJoined writes the elements of a list with commas between them, for who cannot take a JSON list.
func appendJoined(dst []byte, l *lead.Lead, pos int) []byte {
	first := true
	l.Elements(pos, func(text string) bool {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, text...)
		return true
	})
	return dst
}

// ssnDigits are the nine digits of a social security number in its normal form.
func ssnDigits(normal []byte) []byte {
	var d [9]byte
	return append(append(append(d[:0], normal[:3]...), normal[4:6]...), normal[7:]...)
}

// encodeTail encodes what stands behind the mark, in place.
func encodeTail(dst []byte, mark int, enc encoding) []byte {
	plain := &jsonPlain
	if enc == encodeForm {
		plain = &formPlain
	}
	end := len(dst)
	clean := true
	for _, c := range dst[mark:] {
		clean = clean && plain[c]
	}
	if clean {
		return dst
	}
	if enc == encodeForm {
		dst = appendForm(dst, dst[mark:end])
	} else {
		dst = appendJSON(dst, dst[mark:end])
	}
	n := copy(dst[mark:], dst[end:])
	return dst[:mark+n]
}

// asBytes views a string as bytes for a call that neither keeps nor changes them.
func asBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
