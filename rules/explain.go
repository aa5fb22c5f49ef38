// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"
	"strconv"
	"strings"

	"clearpost/lead"
)

// explainBytesMax bounds an explanation: a group may have many members.
const explainBytesMax = 2000

// Expected tells what the criterion asks for, such as "one of CA, AZ" or "from 25 to 70". Of a group the members are
// named with their fields.
func (c *Criterion) Expected() string { return c.expected }

// asks is what a group asks for.
func (c *Criterion) asks() string {
	var b strings.Builder
	switch c.Kind {
	case Any:
		b.WriteString("any of (")
	case All:
		b.WriteString("all of (")
	case Not:
		b.WriteString("not (")
	}
	for i := range c.Of {
		if i > 0 {
			b.WriteString("; ")
		}
		m := &c.Of[i]
		if m.Of == nil {
			b.WriteString(m.Field + ": ")
		}
		b.WriteString(m.expected)
		if b.Len() > explainBytesMax {
			break
		}
	}
	b.WriteByte(')')
	return cut(b.String())
}

// Explain tells what the lead has and what the criterion asks for, such as "state is NV, expected one of CA, AZ". Of a
// group it tells that of the members that keep it from being met. Personal values are masked.
func (c *Criterion) Explain(f *Facts) string {
	switch c.Kind {
	case Any:
		return cut("none of these holds: " + c.each(f, false))
	case All:
		return cut(c.each(f, true))
	case Not:
		if m := &c.Of[0]; m.Of == nil {
			return cut(m.has(f) + ", expected not " + m.expected)
		}
		return cut(strings.Join(c.appendHas(nil, f), ", ") + ", expected " + c.expected)
	}
	return cut(c.has(f) + ", expected " + c.expected)
}

// each explains the members, all of them or those that are not met.
func (c *Criterion) each(f *Facts, unmet bool) string {
	var out []string
	for i := range c.Of {
		m := &c.Of[i]
		if !unmet || m.Test(f) != Met {
			out = append(out, m.Explain(f))
		}
	}
	return strings.Join(out, "; ")
}

// appendHas tells what the lead has of all that the criterion looks at, each once.
func (c *Criterion) appendHas(out []string, f *Facts) []string {
	if c.Of == nil {
		if has := c.has(f); !slices.Contains(out, has) {
			out = append(out, has)
		}
	}
	for i := range c.Of {
		out = c.Of[i].appendHas(out, f)
	}
	return out
}

// has tells what the lead has, or what is known beside it.
func (c *Criterion) has(f *Facts) string {
	if c.Kind == Own {
		return c.more.own.Explain(f)
	}
	if c.About != OfLead {
		return c.Field + " is " + c.fact(f)
	}
	l := f.Lead
	switch l.Slot(c.Pos).State {
	case lead.Missing:
		return c.Field + " is missing"
	case lead.Bad:
		return c.Field + " is not valid (" + lead.Mask(c.field, l.Raw(c.Pos)) + ")"
	}
	v, ok := l.Normal(c.Pos), true
	if c.Part != lead.PartNone {
		v, ok = l.AppendPart(nil, c.Pos, c.Part)
	}
	switch {
	case !ok:
		return c.Field + " is not known"
	case c.Part != lead.PartNone && !c.field.Sensitive(c.Part):
		return c.Field + " is " + lead.Mask(&lead.Field{}, v)
	}
	if c.around() {
		return c.Field + " is " + lead.Mask(c.field, v) + c.more.radius.away(string(v))
	}
	return c.Field + " is " + lead.Mask(c.field, v)
}

func (c *Criterion) fact(f *Facts) string {
	switch {
	case c.About == OfSource && f.Source != "":
		return lead.Mask(&lead.Field{}, []byte(f.Source))
	case c.About == OfSold && f.Stage&lead.AtPost != 0:
		return strconv.Itoa(f.Sold)
	case c.About == OfSource, c.About == OfSold, f.Now.IsZero():
		return "not known"
	}
	t := f.Now.In(c.more.zone)
	if c.About == OfWeekday {
		return weekdays[t.Weekday()] + " in " + c.more.zone.String()
	}
	return t.Format("15:04:05") + " in " + c.more.zone.String()
}

func cut(s string) string {
	if len(s) > explainBytesMax {
		return strings.ToValidUTF8(s[:explainBytesMax], "") + "…"
	}
	return s
}
