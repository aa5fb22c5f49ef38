// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strconv"
	"strings"

	"clearpost/lead"
)

// compileField compiles one field and puts it into the body.
func (c *requestCompiler) compileField(root *node, i int) {
	s := &c.spec.Fields[i]
	at := "fields[" + strconv.Itoa(i) + "]"
	f := &field{}
	known := c.compileOrigin(f, s, at)
	c.compileShow(f, s, at)
	switch {
	case known && f.from == fromConstant:
		c.compileConstant(f, s, at)
	case known:
		c.compileValue(f, s, at)
	}
	c.compileMissing(f, s, at)
	if c.out.body == bodyJSON {
		path, err := parsePath(s.To)
		if err == nil {
			err = root.place(path, f, i)
		}
		if err != nil {
			c.bad(at+".to", s.To, "%s", err)
		}
		return
	}
	if s.To == "" || len(s.To) > PathBytesMax || !printable(s.To) {
		c.bad(at+".to", s.To, "a name of 1 to %d signs of printable ASCII", PathBytesMax)
		return
	}
	c.out.pairs = append(c.out.pairs, pair{append(appendForm([]byte{'&'}, s.To), '='), f})
}

// compileOrigin finds where the value comes from; false if that is a defect.
func (c *requestCompiler) compileOrigin(f *field, s *FieldSpec, at string) bool {
	switch {
	case s.From == "" && s.Value == nil:
		c.bad(at, "", "from (a field's name) or value (a constant)")
		return false
	case s.From != "" && s.Value != nil:
		c.bad(at+".value", s.Value.Text, "from or value, not both")
		return false
	case s.Value != nil:
		return true
	}
	pos, part, known := c.schema.Resolve(s.From)
	o, own := builtin[s.From]
	switch {
	case own && known && c.schema.Fields[pos].Name == s.From:
		c.bad(at+".from", s.From, "another name: the vertical has a field of this name, which also means something else here")
		return false
	case own:
		f.from = o
		c.out.token = c.out.token || o == fromToken
		if o == fromToken && !c.post {
			c.bad(at+".from", s.From, "the token only in a post: it comes from the ping's answer")
		}
	case known && part != lead.PartNone:
		c.out.uses.Add(pos)
		f.from, f.pos, f.part, f.typ = fromSlot, pos, part, part.Type()
	case known:
		c.out.uses.Add(pos)
		f.from, f.pos, f.typ = fromSlot, pos, c.schema.Fields[pos].Type
		f.secret = f.typ == lead.TypeSSN || c.schema.Fields[pos].Of == lead.TypeSSN
	default:
		c.bad(at+".from", s.From, "a field of the vertical (%s), a part of one such as phone.area, or one of token, lead_id, attempt_id, source, vertical, price, now", c.fieldNames())
		return false
	}
	return true
}

func (c *requestCompiler) fieldNames() string {
	var names []string
	for i := range c.schema.Fields {
		names = append(names, c.schema.Fields[i].Name)
	}
	return strings.Join(names, ", ")
}

func (c *requestCompiler) compileShow(f *field, s *FieldSpec, at string) {
	switch s.Type {
	case "", "auto":
		switch {
		case f.from == fromPrice, f.from == fromSlot && (f.typ == lead.TypeInteger || f.typ == lead.TypeDecimal || f.typ == lead.TypeMoney):
			f.show = showNumber
		case f.from == fromSlot && f.typ == lead.TypeBoolean:
			f.show = showBoolean
		case f.typ == lead.TypeList && len(s.Map) == 0 && c.out.body == bodyJSON:
			f.show = showList
		}
	case "string":
	case "number":
		if f.show = showNumber; f.typ == lead.TypeBoolean && len(s.Map) == 0 {
			c.bad(at+".type", s.Type, "for a boolean a map such as {true: 1, false: 0}")
		}
	case "boolean":
		f.show = showBoolean
	default:
		c.bad(at+".type", s.Type, "one of auto, string, number, boolean")
	}
}

func (c *requestCompiler) compileConstant(f *field, s *FieldSpec, at string) {
	if len(s.Map) > 0 {
		c.bad(at+".map", "", "no map for a constant")
	}
	if s.Format != "" {
		c.bad(at+".format", s.Format, "no format for a constant")
	}
	if s.Default != nil {
		c.bad(at+".default", s.Default.Text, "no default for a constant")
	}
	f.constant = c.constant(at+".value", *s.Value, s)
}

// compileValue compiles map or format.
func (c *requestCompiler) compileValue(f *field, s *FieldSpec, at string) {
	if s.Map != nil {
		if s.Format != "" {
			c.bad(at+".format", s.Format, "a map or a format, not both: the map takes the normal value")
			return
		}
		c.compileMap(f, s, at)
		return
	}
	typ := f.typ
	switch f.from {
	case fromPrice:
		typ = lead.TypeMoney
	case fromNow:
		typ = lead.TypeDateTime
	}
	var err error
	if f.format, err = compileFormat(s.Format, typ); err != nil {
		c.bad(at+".format", s.Format, "%s", err)
	}
	if f.format.kind.number() && (s.Type == "" || s.Type == "auto") {
		f.show = showNumber
	}
}

func (c *requestCompiler) compileMap(f *field, s *FieldSpec, at string) {
	at += ".map"
	switch {
	case len(s.Map) == 0 || len(s.Map) > MapEntriesMax:
		c.bad(at, strconv.Itoa(len(s.Map))+" entries", "1 to %d entries", MapEntriesMax)
		return
	case f.from != fromSlot && f.from != fromSource && f.from != fromVertical:
		c.bad(at, "", "no map for %s", s.From)
		return
	}
	f.mapping = make(map[string]*constant, len(s.Map))
	for _, e := range s.Map {
		path := at + "." + e.From
		if e.From == "" && e.To.Kind == ScalarNone {
			c.bad(at, e.To.Text, "a mapping of values to single values")
			continue
		}
		key, expected := c.mapKey(f, e.From)
		if expected != "" {
			c.bad(path, e.From, "%s", expected)
			continue
		}
		if f.mapping[key] != nil {
			c.bad(path, e.From, "each value once: %q is there already", key)
			continue
		}
		if v := c.constant(path, e.To, s); v != nil {
			f.mapping[key] = v
		}
	}
}

// mapKey is the key's normal text by the field's type, or what was expected.
func (c *requestCompiler) mapKey(f *field, key string) (normal, expected string) {
	if f.from != fromSlot {
		if key == "" {
			return "", "a value that is not empty"
		}
		return key, ""
	}
	if f.part != lead.PartNone {
		if key == "" {
			return "", "a value that is not empty"
		}
		return key, ""
	}
	c.probe.Reset(c.schema)
	c.probe.Set(f.pos, []byte(key))
	if c.probe.Slot(f.pos).State == lead.Valid {
		return string(c.probe.Normal(f.pos)), ""
	}
	for _, p := range c.probe.Problems(lead.AtPing | lead.AtPost) {
		if p.Field == c.schema.Fields[f.pos].Name {
			return "", p.Expected
		}
	}
	return "", "a value that is not empty"
}

func (c *requestCompiler) compileMissing(f *field, s *FieldSpec, at string) {
	if s.Default != nil && s.From != "" {
		f.constant = c.constant(at+".default", *s.Default, s)
	}
	json := c.out.body == bodyJSON
	switch s.Missing {
	case "", "omit":
	case "empty":
		f.absent = []byte{}
		if json {
			f.absent = []byte(`""`)
		}
	case "json_null", "null":
		f.absent = []byte("null")
		if !json {
			c.bad(at+".missing", s.Missing, "omit or empty: only JSON has a null")
		}
	default:
		c.bad(at+".missing", s.Missing, "one of omit, empty, json_null")
	}
	if s.Missing != "" && s.From == "" {
		c.bad(at+".missing", s.Missing, "nothing here: a constant is never missing")
	}
}

// constant encodes a constant, a default or a value of a map as it stands in the body; nil if it has a defect.
func (c *requestCompiler) constant(path string, v Scalar, s *FieldSpec) *constant {
	if v.Kind == ScalarNone {
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
	if c.out.body != bodyJSON {
		k := t.encode(appendForm[string], appendForm[string], asIs)
		return &k
	}
	kind, err := constantKind(v, s.Type)
	if err != nil {
		c.bad(path, v.Text, "%s", err)
		return nil
	}
	fits := true
	switch kind {
	case ScalarNumber:
		fits = validNumber(plain)
	case ScalarBoolean:
		fits = string(plain) == "true" || string(plain) == "false"
	default:
		k := t.encode(appendJSON[string], appendJSON[string], appendJSON[string])
		return &constant{quote(k.plain), quote(k.redacted)}
	}
	if !fits && v.Kind == ScalarString {
		c.bad(path, v.Text, "a %s, as the field's type says", s.Type)
		return nil
	}
	if !fits {
		c.bad(path, v.Text, "a number as JSON writes them, such as 5 or 12.50; in quotes it is sent as text")
		return nil
	}
	k := t.encode(asIs, asIs, func(dst []byte, h string) []byte { return append(append(append(dst, '"'), appendJSON(nil, h)...), '"') })
	return &k
}

// constantKind decides how JSON shows a constant in a field of a type.
func constantKind(v Scalar, typ string) (ScalarKind, error) {
	switch {
	case typ == "string":
		return ScalarString, nil
	case typ == "number" && v.Kind == ScalarBoolean, typ == "boolean" && v.Kind == ScalarNumber:
		return 0, fmt.Errorf("a %s, as the field's type says", typ)
	case typ == "number":
		return ScalarNumber, nil
	case typ == "boolean":
		return ScalarBoolean, nil
	}
	return v.Kind, nil
}

func quote(b []byte) []byte { return append(append([]byte{'"'}, b...), '"') }
