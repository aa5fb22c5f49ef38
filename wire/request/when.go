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

// conditionTest is what a condition asks.
type conditionTest uint8

const (
	whenAll conditionTest = iota
	whenAny
	whenNot
	whenExists
	whenMissing
	whenIn
	whenRange
)

// whenRule is a compiled WhenSpec.
type whenRule struct {
	test     conditionTest
	kids     []whenRule
	source   source
	values   []string // normal texts
	min, max int64
}

// holds tells whether the condition is met. It looks at the true values, also where the request is rendered with
// placeholders.
func (c *whenRule) holds(p *pass) bool {
	switch c.test {
	case whenAll:
		for i := range c.kids {
			if !c.kids[i].holds(p) {
				return false
			}
		}
		return true
	case whenAny:
		for i := range c.kids {
			if c.kids[i].holds(p) {
				return true
			}
		}
		return false
	case whenNot:
		return !c.kids[0].holds(p)
	case whenRange:
		n, ok := c.source.num(p)
		return ok && n >= c.min && n <= c.max
	}
	v, held := c.source.held(p)
	if !held {
		var b [128]byte
		q := pass{Inputs: p.Inputs}
		made, ok := c.source.made(b[:0], &q)
		if v = made; !ok {
			v = nil
		}
	}
	switch c.test {
	case whenExists:
		return len(v) > 0
	case whenMissing:
		return len(v) == 0
	}
	for _, want := range c.values {
		if string(v) == want && len(v) > 0 {
			return true
		}
	}
	return false
}

// num is the value as a number, where it has one.
func (s *source) num(p *pass) (int64, bool) {
	switch s.from {
	case fromPrice:
		return int64(p.Price), p.Price != 0
	case fromSold:
		return int64(p.Sold), true
	case fromLeft:
		return int64(p.Left), true
	}
	if s.part != lead.PartNone {
		return p.Lead.PartNum(s.pos, s.part)
	}
	slot := p.Lead.Slot(s.pos)
	return slot.Num, slot.State == lead.Valid
}

// when compiles a condition; nil after a defect.
func (c *compiler) when(spec *WhenSpec, at string) *whenRule {
	defects := len(c.defects)
	tests := 0
	out := c.condition(spec, at, 1, &tests)
	if tests > WhenTestsMax {
		c.bad(at, strconv.Itoa(tests), "at most %d tests", WhenTestsMax)
	}
	if len(c.defects) > defects {
		return nil
	}
	return &out
}

func (c *compiler) condition(spec *WhenSpec, at string, depth int, tests *int) whenRule {
	if depth > WhenDepthMax {
		c.bad(at, "", "conditions at most %d deep", WhenDepthMax)
		return whenRule{}
	}
	if *tests++; *tests > WhenTestsMax {
		return whenRule{}
	}
	own := spec.Field != "" || spec.Equals != nil || spec.In != nil || spec.Exists != nil || spec.Min != nil ||
		spec.Max != nil
	given := 0
	for _, there := range []bool{own, spec.Any != nil, spec.All != nil, spec.Not != nil} {
		if there {
			given++
		}
	}
	if given != 1 {
		c.bad(at, "", "one of: a field with a test, any, all, not")
		return whenRule{}
	}
	several := func(key string, test conditionTest, specs []WhenSpec) whenRule {
		out := whenRule{test: test}
		if len(specs) == 0 {
			c.bad(at+"."+key, "", "at least one condition")
		}
		for i := range specs {
			out.kids = append(out.kids, c.condition(&specs[i], fmt.Sprintf("%s.%s[%d]", at, key, i), depth+1, tests))
		}
		return out
	}
	switch {
	case spec.Any != nil:
		return several("any", whenAny, spec.Any)
	case spec.All != nil:
		return several("all", whenAll, spec.All)
	case spec.Not != nil:
		return whenRule{test: whenNot, kids: []whenRule{c.condition(spec.Not, at+".not", depth+1, tests)}}
	}
	return c.fieldTest(spec, at)
}

func (c *compiler) fieldTest(spec *WhenSpec, at string) whenRule {
	out := whenRule{}
	if spec.Field == "" {
		c.bad(at+".field", "", "the field that is looked at")
		return out
	}
	var problem string
	if out.source, problem = c.source(spec.Field, nil); problem != "" {
		c.bad(at+".field", spec.Field, "%s", problem)
		return out
	}
	if out.source.from == fromSlot && out.source.typ == lead.TypePhone {
		out.source.format, _ = compileFormat("", lead.TypePhone)
	}
	given := 0
	for _, there := range []bool{spec.Equals != nil, spec.In != nil, spec.Exists != nil, spec.Min != nil ||
		spec.Max != nil} {
		if there {
			given++
		}
	}
	if given != 1 {
		c.bad(at, "", "one test: equals, in, exists, or min and max")
		return out
	}
	switch {
	case spec.Exists != nil:
		if out.test = whenMissing; *spec.Exists {
			out.test = whenExists
		}
	case spec.Equals != nil:
		c.values(&out, []wire.Scalar{*spec.Equals}, at+".equals", false)
	case spec.In != nil:
		c.values(&out, spec.In, at+".in", true)
	default:
		c.bounds(&out, spec, at)
	}
	return out
}

// values reads the texts that a value is compared with, by the value's type.
func (c *compiler) values(out *whenRule, vs []wire.Scalar, at string, list bool) {
	out.test = whenIn
	if len(vs) == 0 || len(vs) > MapEntriesMax {
		c.bad(at, strconv.Itoa(len(vs)), "1 to %d values", MapEntriesMax)
	}
	for i, v := range vs {
		path := at
		if list {
			path = fmt.Sprintf("%s[%d]", at, i)
		}
		if v.Kind == wire.ScalarNone {
			c.bad(path, v.Text, "a single value")
			continue
		}
		key, expected := c.mapKey(&out.source, v.Text)
		if expected != "" {
			c.bad(path, v.Text, "%s", expected)
			continue
		}
		if !slices.Contains(out.values, key) {
			out.values = append(out.values, key)
		}
	}
}

// bounds reads min and max by the value's type.
func (c *compiler) bounds(out *whenRule, spec *WhenSpec, at string) {
	out.test, out.min, out.max = whenRange, -1<<63, 1<<63-1
	s := &out.source
	if !(s.from == fromSlot && (s.typ.Numeric()) || s.from == fromPrice || s.from == fromSold || s.from == fromLeft) {
		c.bad(at, spec.Field, "equals, in or exists: values of this field have no order")
		return
	}
	if spec.Min != nil {
		out.min = c.bound(s, *spec.Min, at+".min")
	}
	if spec.Max != nil {
		out.max = c.bound(s, *spec.Max, at+".max")
	}
	if out.min > out.max && spec.Min != nil && spec.Max != nil {
		c.bad(at+".max", spec.Max.Text, "no less than min")
	}
}

func (c *compiler) bound(s *source, v wire.Scalar, at string) int64 {
	if v.Kind == wire.ScalarNone {
		c.bad(at, v.Text, "a single value")
		return 0
	}
	text := strings.TrimSpace(v.Text)
	if s.from == fromSlot && s.part == lead.PartNone {
		c.probe.Reset(c.schema)
		c.probe.Set(s.pos, []byte(text))
		if slot := c.probe.Slot(s.pos); slot.State == lead.Valid {
			return slot.Num
		}
		c.bad(at, v.Text, "a value of type %s", s.typ)
		return 0
	}
	if s.typ == lead.TypeInteger {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			c.bad(at, v.Text, "a whole number")
		}
		return n
	}
	m, err := lead.ParseMoney([]byte(text))
	if err != nil {
		c.bad(at, v.Text, "a number")
	}
	return int64(m)
}
