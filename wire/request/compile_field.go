// SPDX-License-Identifier: Apache-2.0

package request

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"clearpost/lead"
	"clearpost/wire"
)

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

func (c *compiler) compileMap(f *field, s *FieldSpec, at string) {
	c.compileUnmapped(f, s, at)
	at += ".map"
	switch {
	case len(s.Map) == 0 || len(s.Map) > MapEntriesMax:
		c.bad(at, strconv.Itoa(len(s.Map))+" entries", "1 to %d entries", MapEntriesMax)
		return
	case f.from == fromTemplate:
		c.bad(at, "", "no map for a template: there is a filter of the name map")
		return
	case f.from == fromToken, f.from == fromLeadID, f.from == fromAttempt, f.from == fromKey, f.from == fromPrice,
		f.from == fromNow:
		c.bad(at, "", "no map for %s", s.From)
		return
	}
	f.mapping = make(map[string]*constant, len(s.Map))
	for _, e := range s.Map {
		path := at + "." + e.From
		if e.From == "" && e.To.Kind == wire.ScalarNone {
			c.bad(at, e.To.Text, "a mapping of values to single values")
			continue
		}
		key, expected := c.mapKey(&f.source, e.From)
		if expected != "" {
			c.bad(path, e.From, "%s", expected)
			continue
		}
		if f.mapping[key] != nil {
			c.bad(path, e.From, "each value once: %q is there already", key)
			continue
		}
		if v := c.constant(path, e.To, s, f.enc); v != nil {
			f.mapping[key] = v
		}
	}
	c.out.maps = append(c.out.maps, mapUse{at: at, source: &f.source, mapping: f.mapping, then: f.unmapped, field: f})
}

// compileUnmapped compiles what becomes of a value that the map does not have.
func (c *compiler) compileUnmapped(f *field, s *FieldSpec, at string) {
	if s.MapMissing == "" {
		return
	}
	n := slices.Index(unmappedNames[:], s.MapMissing)
	if n < 0 {
		c.bad(at+".map_missing", s.MapMissing, "one of omit, keep, refuse")
		return
	}
	f.unmapped = unmapped(n)
	f.refusal = fmt.Errorf("%w: %s.map, of %s, and map_missing: refuse", ErrUnmapped, at, s.From)
}

// mapKey is the key's normal text by the value's type, or what was expected.
func (c *compiler) mapKey(s *source, key string) (normal, expected string) {
	if s.from != fromSlot || s.part != lead.PartNone {
		if key == "" {
			return "", "a value that is not empty"
		}
		return key, ""
	}
	c.probe.Reset(c.schema)
	c.probe.Set(s.pos, []byte(key))
	if c.probe.Slot(s.pos).State == lead.Valid {
		return string(c.probe.Normal(s.pos)), ""
	}
	for _, p := range c.probe.Problems(lead.AtPing | lead.AtPost) {
		if p.Field == c.schema.Fields[s.pos].Name {
			return "", p.Expected
		}
	}
	return "", "a value that is not empty"
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

// constant encodes a constant, a default or a value of a map as it stands in the body; nil if it has a defect.
func (c *compiler) constant(path string, v wire.Scalar, s *FieldSpec, enc encoding) *constant {
	if v.Kind == wire.ScalarNone {
		c.bad(path, v.Text, "a single value")
		return nil
	}
	t, err := resolve(v.Text, c.opt)
	if err != nil {
		c.bad(path, v.Text, "%s", err)
		return nil
	}
	plain := t.encode(asIs, asIs, asIs).plain
	if len(plain) > ConstantBytesMax {
		c.bad(path, "", "at most %d bytes, secrets included", ConstantBytesMax)
		return nil
	}
	if enc != encodeJSON {
		k := t.encode(escapeOf(enc), escapeOf(enc), holderOf(enc))
		return &k
	}
	kind, err := constantKind(v, s.Type)
	if err != nil {
		c.bad(path, v.Text, "%s", err)
		return nil
	}
	fits := true
	switch kind {
	case wire.ScalarNumber:
		fits = validNumber(plain)
	case wire.ScalarBoolean:
		fits = string(plain) == "true" || string(plain) == "false"
	default:
		k := t.encode(appendJSON[string], appendJSON[string], appendJSON[string])
		return &constant{quote(k.plain), quote(k.redacted)}
	}
	if !fits && v.Kind == wire.ScalarString {
		c.bad(path, v.Text, "a %s, as the field's type says", s.Type)
		return nil
	}
	if !fits {
		c.bad(path, v.Text, "a number as JSON writes them, such as 5 or 12.50; in quotes it is sent as text")
		return nil
	}
	k := t.encode(asIs, asIs, func(dst []byte, h string) []byte {
		return append(append(append(dst, '"'), appendJSON(nil, h)...), '"')
	})
	return &k
}

// constantKind decides how JSON shows a constant in a field of a type.
func constantKind(v wire.Scalar, typ string) (wire.ScalarKind, error) {
	switch {
	case typ == "string":
		return wire.ScalarString, nil
	case typ == "number" && v.Kind == wire.ScalarBoolean, typ == "boolean" && v.Kind == wire.ScalarNumber:
		return 0, fmt.Errorf("a %s, as the field's type says", typ)
	case typ == "number":
		return wire.ScalarNumber, nil
	case typ == "boolean":
		return wire.ScalarBoolean, nil
	}
	return v.Kind, nil
}

func quote(b []byte) []byte { return append(append([]byte{'"'}, b...), '"') }
