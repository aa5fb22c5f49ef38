// SPDX-License-Identifier: Apache-2.0

package request

import (
	"fmt"
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

// compileField compiles one field; where it goes decides how it is encoded.
func (c *compiler) compileField(s *FieldSpec, at string, enc encoding) *field {
	f := &field{enc: enc}
	known := c.compileOrigin(f, s, at)
	c.compileShow(f, s, at)
	switch {
	case known && f.from == fromConstant:
		c.compileConstant(f, s, at)
	case known:
		c.compileValue(f, s, at)
	}
	if s.MapMissing != "" && s.Map == nil {
		c.bad(at+".map_missing", s.MapMissing, "a map beside it")
	}
	f.clean = f.stands()
	c.compileMissing(f, s, at)
	if s.When != nil {
		f.when = c.when(s.When, at+".when")
	}
	return f
}

// compileOrigin finds where the value comes from; false if that is a defect.
func (c *compiler) compileOrigin(f *field, s *FieldSpec, at string) bool {
	switch {
	case s.From == "" && s.Value == nil && s.Template == "":
		c.bad(at, "", "from (a field's name), value (a constant) or template")
		return false
	case s.From != "" && s.Value != nil:
		c.bad(at+".value", s.Value.Text, "from or value, not both")
		return false
	case s.Template != "" && (s.From != "" || s.Value != nil):
		c.bad(at+".template", s.Template, "a template alone: it takes the place of from and value")
		return false
	case s.Value != nil:
		return true
	case s.Template != "":
		f.from = fromTemplate
		f.template = c.template(templatePlace{path: at + ".template"}, s.Template)
		return f.template != nil
	}
	var problem string
	if f.source, problem = c.source(s.From, nil); problem != "" {
		c.bad(at+".from", s.From, "%s", problem)
		return false
	}
	return true
}

func (c *compiler) compileShow(f *field, s *FieldSpec, at string) {
	switch s.Type {
	case "", "auto":
		switch {
		case f.typ == lead.TypeInteger || f.typ == lead.TypeDecimal || f.typ == lead.TypeMoney:
			f.show = showNumber
		case f.typ == lead.TypeBoolean:
			f.show = showBoolean
		case f.typ == lead.TypeList && len(s.Map) == 0 && f.enc == encodeJSON && s.Filters == "":
			f.show = showList
		}
	case "string":
	case "number":
		if f.show = showNumber; f.typ == lead.TypeBoolean && len(s.Map) == 0 && s.Filters == "" {
			c.bad(at+".type", s.Type, "for a boolean a map such as {true: 1, false: 0}")
		}
	case "boolean":
		f.show = showBoolean
	default:
		c.bad(at+".type", s.Type, "one of auto, string, number, boolean")
	}
}

func (c *compiler) compileConstant(f *field, s *FieldSpec, at string) {
	if len(s.Map) > 0 {
		c.bad(at+".map", "", "no map for a constant")
	}
	if s.Format != "" {
		c.bad(at+".format", s.Format, "no format for a constant")
	}
	if s.Filters != "" {
		c.bad(at+".filters", s.Filters, "no filters for a constant: write a template")
	}
	if s.Zone != "" {
		c.bad(at+".zone", s.Zone, "no zone for a constant")
	}
	if s.Default != nil {
		c.bad(at+".default", s.Default.Text, "no default for a constant")
	}
	f.constant = c.constant(at+".value", *s.Value, s, f.enc)
}

// compileValue compiles map, or format and filters.
func (c *compiler) compileValue(f *field, s *FieldSpec, at string) {
	switch {
	case s.Map != nil && s.Format != "":
		c.bad(at+".format", s.Format, "a map or a format, not both: the map takes the normal value")
		return
	case s.Map != nil && s.Filters != "":
		c.bad(at+".filters", s.Filters, "a map or filters, not both: there is a filter of the name map")
		return
	case s.Map != nil:
		c.compileMap(f, s, at)
		return
	case f.template != nil && s.Format != "":
		c.bad(at+".format", s.Format, "no format for a template: its expressions have filters")
		return
	}
	if s.Format != "" || s.Filters == "" {
		var err error
		if f.format, err = compileFormat(s.Format, f.typ); err != nil {
			c.bad(at+".format", s.Format, "%s", err)
			return
		}
	}
	if s.Zone != "" {
		problem := f.format.in(s.Zone, f.typ)
		if s.Format == "" {
			problem = "a format that the zone is for"
		}
		if problem != "" {
			c.bad(at+".zone", s.Zone, "%s", problem)
		}
	}
	typ := f.typ
	if s.Filters != "" {
		var ok bool
		if typ, ok = c.compileFilters(f, s, at+".filters"); !ok {
			return
		}
	}
	if s.Type != "" && s.Type != "auto" {
		return
	}
	switch {
	case f.format.kind.number() && s.Filters == "", s.Filters != "" && takesNumber>>typ&1 == 1:
		f.show = showNumber
	case f.format.kind == formatGrouped || f.format.kind == formatGrouped2, s.Filters != "" && typ != lead.TypeBoolean:
		f.show = showString
	}
}

// compileFilters puts the field's value through filters; it tells the type of what they make.
func (c *compiler) compileFilters(f *field, s *FieldSpec, at string) (lead.Type, bool) {
	bad := func(problem string) (lead.Type, bool) {
		c.bad(at, s.Filters, "%s", problem)
		return 0, false
	}
	if len(s.Filters) > TemplateBytesMax {
		return bad(fmt.Sprintf("at most %d bytes", TemplateBytesMax))
	}
	tokens, _, err := lexExpression(s.Filters, false)
	if err != nil {
		return bad(err.Error())
	}
	e := &expression{source: f.source}
	ch := chain{c: c, at: at, e: e, name: s.From, taken: f.template != nil}
	if f.template != nil {
		ch.name = "the template"
	}
	if problem := ch.filters(append([]token{{tokenPipe, "|"}}, tokens...)); problem != "" {
		return bad(problem)
	}
	f.source, f.filters = e.source, e.filters
	if f.filters == nil {
		f.filters = []filter{} // a list that became one text: what is written is not what stands in the slot
	}
	return ch.typ, true
}

func (c *compiler) compileMissing(f *field, s *FieldSpec, at string) {
	if s.Default != nil && s.Value == nil {
		f.constant = c.constant(at+".default", *s.Default, s, f.enc)
	}
	xml := f.enc == encodeXML || f.enc == encodeCDATA
	switch s.Missing {
	case "", "omit":
	case "empty":
		f.absent = []byte{}
		if f.enc == encodeJSON {
			f.absent = []byte(`""`)
		}
	case "json_null", "null":
		f.absent = []byte("null")
		if f.enc != encodeJSON {
			c.bad(at+".missing", s.Missing, "omit or empty: only JSON has a null%s",
				map[bool]string{true: "; XML has xml_nil"}[xml])
		}
	case "xml_nil":
		f.nilled = true
		c.nilled = true
		if !xml {
			c.bad(at+".missing", s.Missing, "another rule: only an element of XML may be nil")
		}
	default:
		c.bad(at+".missing", s.Missing, "one of omit, empty, json_null, xml_nil")
	}
	if s.Missing != "" && s.Value != nil {
		c.bad(at+".missing", s.Missing, "nothing here: a constant is never missing")
	}
}
