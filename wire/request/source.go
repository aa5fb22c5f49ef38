// SPDX-License-Identifier: Apache-2.0

package request

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"clearpost/lead"
)

// origin is where a value comes from.
type origin uint8

const (
	fromConstant origin = iota
	fromTemplate
	fromText // a text within a template
	fromSlot
	fromToken
	fromLeadID
	fromAttempt
	fromSource
	fromVertical
	fromPrice
	fromNow
	fromKey
	fromSourceName
	fromSold
	fromLeft
	fromTest
	fromReference
	fromCapture
	fromLegToken // these three: of one leg, or of all as one text
	fromLegBrand
	fromLegPrice
	fromMethod // these four: what a signature looks at
	fromPath
	fromHost
	fromBody
)

// known is one name that is no field of the vertical.
type known struct {
	name string
	from origin
	typ  lead.Type // none: a text that has no formats
}

// builtins are the names that stand beside the vertical's fields. A vertical may not have a field of one of the first
// seven and use that name; with the others its own field goes first.
var builtins = []known{
	{"token", fromToken, 0}, {"lead_id", fromLeadID, 0}, {"attempt_id", fromAttempt, 0}, {"source", fromSource, 0},
	{"vertical", fromVertical, 0}, {"price", fromPrice, lead.TypeMoney}, {"now", fromNow, lead.TypeDateTime},
	{"idempotency_key", fromKey, 0}, {"source_name", fromSourceName, 0}, {"sold", fromSold, lead.TypeInteger},
	{"left", fromLeft, lead.TypeInteger}, {"test", fromTest, lead.TypeBoolean},
}

const builtinsFirst = 7

// signed are the names that a signature's template has besides.
var signed = []known{{"method", fromMethod, 0}, {"path", fromPath, 0}, {"host", fromHost, 0}, {"body", fromBody, 0}}

// BuiltinNames lists what a field may be `from` beside the fields of its vertical and their parts.
func BuiltinNames() []string {
	var out []string
	for _, b := range builtins {
		out = append(out, b.name)
	}
	return out
}

// listShow is how a list is written where it has to be one text.
type listShow uint8

const (
	listJoined listShow = iota
	listFirst
	listLast
)

// source is a value to be written: where it comes from, and in which form.
type source struct {
	from   origin
	pos    int       // of the slot
	part   lead.Part // of its value; PartNone is the whole
	typ    lead.Type // of the slot, or of the part
	secret bool      // a social security number: what is kept of the request has it masked
	format format
	list   listShow
	sep    string   // between the elements of a list
	text   constant // of fromText
	name   string   // of fromCapture
}

// append writes the value's text, unescaped. It tells false where there is none; what was written then counts for
// nothing.
func (s *source) append(dst []byte, p *pass) ([]byte, bool) {
	if s.secret && p.redact && p.Lead.Slot(s.pos).State == lead.Valid {
		return append(dst, s.masked(p)...), true
	}
	if v, held := s.held(p); held {
		return append(dst, v...), len(v) > 0
	}
	return s.made(dst, p)
}

func (s *source) masked(p *pass) []byte {
	return lead.MaskSSN(&p.Lead.Schema().Fields[s.pos], p.Lead.Normal(s.pos))
}

// held is a value that stands somewhere as text already. It is empty if missing; held is false if the value has to be
// made.
func (s *source) held(p *pass) (v []byte, held bool) {
	switch s.from {
	case fromSlot:
		if s.format.kind == formatNone && s.part == lead.PartNone && s.typ != lead.TypeList {
			return p.Lead.Normal(s.pos), true
		}
	case fromToken:
		return p.Token, true
	case fromReference:
		return p.Reference, true
	case fromCapture:
		for i := range p.Captures {
			if p.Captures[i].Name == s.name {
				return p.Captures[i].Value, true
			}
		}
		return nil, true
	case fromLegToken, fromLegBrand:
		if p.leg > 0 {
			return s.ofLeg(&p.Legs[p.leg-1]), true
		}
	case fromSource:
		return asBytes(p.Source), true
	case fromSourceName:
		return asBytes(p.SourceName), true
	case fromVertical:
		return asBytes(p.Vertical), true
	case fromMethod:
		return asBytes(p.method), true
	case fromPath:
		return p.target, true
	case fromHost:
		return asBytes(p.host), true
	case fromBody:
		return p.body, true
	}
	return nil, false
}

// made writes a value that does not stand anywhere as text, unescaped.
func (s *source) made(dst []byte, p *pass) ([]byte, bool) {
	switch s.from {
	case fromText:
		return s.text.append(dst, p.redact), true
	case fromLeadID:
		return p.LeadID.Append(dst), !p.LeadID.IsZero()
	case fromAttempt:
		return p.Attempt.Append(dst), !p.Attempt.IsZero()
	case fromKey:
		if key := p.key(); !key.IsZero() {
			return key.Append(dst), true
		}
		return dst, false
	case fromPrice:
		return s.format.appendMoney(dst, p.Price), p.Price != 0
	case fromLegToken, fromLegBrand:
		return s.appendLegs(dst, p)
	case fromLegPrice:
		if p.leg > 0 {
			return s.format.appendMoney(dst, p.Legs[p.leg-1].Price), true
		}
		return s.appendLegs(dst, p)
	case fromNow:
		return s.format.appendTime(dst, p.Now), !p.Now.IsZero()
	case fromSold:
		return s.format.appendInteger(dst, int64(p.Sold)), true
	case fromLeft:
		return s.format.appendInteger(dst, int64(p.Left)), true
	case fromTest:
		if p.Test {
			return append(dst, "true"...), true
		}
		return append(dst, "false"...), true
	}
	if s.part != lead.PartNone {
		return s.madePart(dst, p)
	}
	return s.madeSlot(dst, p)
}

func (s *source) madeSlot(dst []byte, p *pass) ([]byte, bool) {
	if s.typ == lead.TypePhone {
		var d [10]byte
		if !phoneDigits(p.Lead, s.pos, &d) {
			return dst, false
		}
		return s.format.appendPhone(dst, &d), true
	}
	slot := p.Lead.Slot(s.pos)
	if slot.State != lead.Valid {
		return dst, false
	}
	switch s.typ {
	case lead.TypeState:
		return append(dst, lead.StateName(slot.Num)...), true
	case lead.TypeDate, lead.TypeDOB:
		return s.format.appendTime(dst, time.Unix(slot.Num*86400, 0)), true
	case lead.TypeDateTime:
		return s.format.appendTime(dst, time.UnixMicro(slot.Num)), true
	case lead.TypeTime:
		return s.format.appendTime(dst, time.Unix(slot.Num, 0)), true
	case lead.TypeSSN:
		return s.format.appendDigits(dst, ssnDigits(p.Lead.Normal(s.pos))), true
	case lead.TypeList:
		return s.appendList(dst, p.Lead), true
	case lead.TypeInteger:
		return s.format.appendInteger(dst, slot.Num), true
	case lead.TypeDecimal, lead.TypeMoney:
		return s.format.appendMoney(dst, lead.Money(slot.Num)), true
	}
	return s.format.appendCase(dst, p.Lead.Normal(s.pos)), true
}

// madePart writes a part of a slot's value, unescaped.
func (s *source) madePart(dst []byte, p *pass) ([]byte, bool) {
	switch {
	case s.format.kind == formatNone:
		return p.Lead.AppendPart(dst, s.pos, s.part)
	case s.typ == lead.TypeInteger:
		n, ok := p.Lead.PartNum(s.pos, s.part)
		return s.format.appendInteger(dst, n), ok
	case s.typ == lead.TypeDecimal:
		n, ok := p.Lead.PartNum(s.pos, s.part)
		return s.format.appendMoney(dst, lead.Money(n)), ok
	}
	var b [64]byte
	v, ok := p.Lead.AppendPart(b[:0], s.pos, s.part)
	return s.format.appendCase(dst, v), ok
}

// appendList writes the elements of a list as one text.
func (s *source) appendList(dst []byte, l *lead.Lead) []byte {
	mark := len(dst)
	l.Elements(s.pos, func(text string) bool {
		switch {
		case s.list == listLast:
			dst = dst[:mark]
		case len(dst) > mark:
			dst = append(dst, s.sep...)
		}
		dst = append(dst, text...)
		return s.list != listFirst
	})
	return dst
}

// ofLeg is a text of a leg.
func (s *source) ofLeg(l *Leg) []byte {
	if s.from == fromLegBrand {
		return l.Brand
	}
	return l.Token
}

// appendLegs writes what the legs have as one text, in their order; false if one of them has none, for then nobody
// could tell whose is whose.
func (s *source) appendLegs(dst []byte, p *pass) ([]byte, bool) {
	for i := range p.Legs {
		if i > 0 {
			dst = append(dst, ',')
		}
		if s.from == fromLegPrice {
			dst = s.format.appendMoney(dst, p.Legs[i].Price)
			continue
		}
		v := s.ofLeg(&p.Legs[i])
		if len(v) == 0 {
			return dst, false
		}
		dst = append(dst, v...)
	}
	return dst, len(p.Legs) > 0
}

// ssnDigits are the nine digits of a social security number in its normal form.
func ssnDigits(normal []byte) []byte {
	var d [9]byte
	return append(append(append(d[:0], normal[:3]...), normal[4:6]...), normal[7:]...)
}

// source finds what a name stands for; extra are names that only this place has. The error says what was expected.
func (c *compiler) source(name string, extra []known) (source, string) {
	pos, part, there := c.schema.Resolve(name)
	at := slices.IndexFunc(builtins, func(k known) bool { return k.name == name })
	if i := slices.IndexFunc(extra, func(k known) bool { return k.name == name }); i >= 0 {
		return source{from: extra[i].from}, ""
	}
	if at >= 0 && there && part == lead.PartNone && c.schema.Fields[pos].Name == name {
		if at < builtinsFirst {
			return source{}, "another name: the vertical has a field of this name, which also means something else here"
		}
		at = -1
	}
	switch {
	case strings.HasPrefix(name, captured) && !there:
		return c.capture(strings.TrimPrefix(name, captured))
	case strings.HasPrefix(name, ofLegs) && !there:
		return c.ofLegs(name)
	case name == "reference" && !there && c.opt.Status:
		return source{from: fromReference}, ""
	case name == "reference" && !there:
		return source{},
			"the reference only in a status request: it is what the buyer's answer to the post has called the lead"
	case at >= 0:
		s := source{from: builtins[at].from, typ: builtins[at].typ}
		c.out.token = c.out.token || s.from == fromToken
		if s.from == fromToken && !c.post {
			return source{}, "the token only in a post: it comes from the ping's answer"
		}
		return s, ""
	case there && part != lead.PartNone:
		c.out.uses.Add(pos)
		return source{from: fromSlot, pos: pos, part: part, typ: part.Type()}, ""
	case there:
		c.out.uses.Add(pos)
		f := &c.schema.Fields[pos]
		return source{from: fromSlot, pos: pos, typ: f.Type, secret: f.Type == lead.TypeSSN || f.Of == lead.TypeSSN,
			sep: ","}, ""
	}
	return source{}, c.unknownName(name, extra)
}

// ofLegs is what names of values of the ping's legs begin with.
const ofLegs = "leg."

// ofLegs finds a value of the legs that a post is about.
func (c *compiler) ofLegs(name string) (source, string) {
	out := source{}
	switch name {
	case "leg.token":
		out.from = fromLegToken
	case "leg.brand":
		out.from = fromLegBrand
	case "leg.price":
		if out.from = fromLegPrice; c.each { // else it is a text of several
			out.typ = lead.TypeMoney
		}
	default:
		return out, "leg.token, leg.brand or leg.price"
	}
	switch {
	case !c.post:
		return out, "legs only in a post: they come from the ping's answer"
	case !c.opt.Legs:
		return out, "legs in the ping's answer: it has none"
	}
	c.out.token, c.out.legs = c.out.token || out.from == fromLegToken, true
	return out, ""
}

// captured is what names of values from the ping's answer begin with.
const captured = "capture."

// capture finds a value of the ping's answer.
func (c *compiler) capture(name string) (source, string) {
	switch {
	case !c.post:
		return source{}, "captured values only in a post: they come from the ping's answer"
	case slices.Contains(c.opt.Captures, name):
		return source{from: fromCapture, name: name}, ""
	case len(c.opt.Captures) == 0:
		return source{}, "a value that `capture` of the ping's answer gives: it has none"
	}
	return source{}, "a value that `capture` of the ping's answer gives: one of " + strings.Join(c.opt.Captures, ", ")
}

// unknownName tells what names there are.
func (c *compiler) unknownName(name string, extra []known) string {
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		if pos, ok := c.schema.Position(name[:dot]); ok && len(c.schema.Fields[pos].Type.Parts()) > 0 {
			t := c.schema.Fields[pos].Type
			return fmt.Sprintf("a part of type %s: %s", t, t.PartNames())
		}
	}
	names := BuiltinNames()
	for _, k := range extra {
		names = append(names, k.name)
	}
	fields := c.schema.Names()
	out := fmt.Sprintf("a field of the vertical (%s), a part of one such as phone.area, or one of %s",
		strings.Join(fields, ", "), strings.Join(names, ", "))
	if near := lead.Nearest(name, append(fields, names...)); near != "" {
		out += fmt.Sprintf(": did you mean %q?", near)
	}
	return out
}
