// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"clearpost/lead"
)

// kind is the type of a value, as far as values of one kind may be compared.
type kind uint8

const (
	kindNone  kind = iota
	kindTruth      // true or false
	kindNumber
	kindText
	kindDate   // in days
	kindMoment // a point in time, in microseconds
	kindClock  // a time of day, in seconds
)

// value is a typed node. Where it is a name, read makes what a constant in quotation marks beside it means.
type value struct {
	*node
	kind     kind
	scale    uint8 // decimals of a number
	constant bool
	quotient bool // left / third, which only a comparison can hold
	quoted   string
	isQuoted bool
	lowered  bool // by lower()
	truth    bool // of a constant
	name     string
	says     string // what type it has, for messages
	read     func(text string) (normal string, num int64, expected string)
}

// name is a name that an expression reads.
type name struct {
	said  string // as it is shown
	field *lead.Field
	pos   int
	part  lead.Part
	node  *node
	kind  kind
	scale uint8
}

// The names besides those of fields.
var otherNames = []string{"source.id", "source.sub_id", "source.sub_id2", "source.sub_id3", "now.hour", "now.minute",
	"now.weekday", "now.date", "now.time"}

// offerNames are those of an Offer, by its bits.
var offerNames = [...]string{"tier", "sold", "price"}

// resolve finds what a name with points means.
func (c *compiler) resolve(path string) (value, bool) {
	root, rest, _ := strings.Cut(path, ".")
	switch root {
	case "lead":
		return c.field(path, rest)
	case "source", "now":
		return c.other(path)
	}
	for bit, name := range offerNames {
		if path == name && c.opt.Offer&(1<<bit) != 0 {
			return c.offered(path), true
		}
	}
	return value{}, false
}

func (c *compiler) offered(path string) value {
	switch path {
	case "tier":
		return c.know(value{node: &node{op: opTier}, kind: kindText, name: path, says: "a text", read: c.asIs})
	case "sold":
		return c.know(value{node: &node{op: opSold}, kind: kindNumber, name: path, says: "a number"})
	}
	return c.know(value{node: &node{op: opPrice}, kind: kindNumber, scale: 6, name: path, says: "a number"})
}

func (c *compiler) other(path string) (value, bool) {
	v := value{node: &node{}, name: path, kind: kindNumber, says: "a number"}
	switch path {
	case "source.id":
		v.op, v.kind, v.says, v.read = opSource, kindText, "a text", c.asIs
	case "source.sub_id", "source.sub_id2", "source.sub_id3":
		f, ok := c.field(path, strings.TrimPrefix(path, "source."))
		if !ok || f.kind != kindText {
			return value{}, false
		}
		f.op = opSubID
		return f, true
	case "now.hour":
		v.op = opHour
	case "now.minute":
		v.op = opMinute
	case "now.weekday":
		v.op, v.kind, v.says, v.read = opWeekday, kindText, "a day of the week", readWeekday
	case "now.date":
		v.op, v.kind, v.says, v.read = opDate, kindDate, "a date", readDate
	case "now.time":
		v.op, v.kind, v.says, v.read = opClock, kindClock, "a time of day", readClock
	default:
		return value{}, false
	}
	if v.op >= opHour && v.op <= opClock && c.opt.Zone == nil {
		c.bad(path, "a time zone for it: the buyer's `timezone`")
		return value{node: v.node}, true
	}
	return c.know(v), true
}

// know notes that the expression reads a name.
func (c *compiler) know(v value) value {
	n := name{said: v.name, node: v.node, kind: v.kind, scale: v.scale, part: v.part}
	switch v.op {
	case opField, opPart, opSubID, opPresent, opValid:
		n.pos, n.field = v.pos, &c.schema.Fields[v.pos]
	}
	if !slices.ContainsFunc(c.names, func(k name) bool { return k.said == n.said }) {
		c.names = append(c.names, n)
	}
	return v
}

// field is what lead.FIELD, lead.FIELD.PART, and either with .present or .valid behind it, means.
func (c *compiler) field(path, rest string) (value, bool) {
	pos, part, ok := c.schema.Resolve(rest)
	asked := opNone
	if !ok {
		base, what, _ := cutLast(rest)
		switch what {
		case "present":
			asked = opPresent
		case "valid":
			asked = opValid
		}
		if pos, part, ok = c.schema.Resolve(base); !ok || asked == opNone {
			return value{}, false
		}
	}
	f := &c.schema.Fields[pos]
	n := &node{op: opField, pos: pos, part: part, needed: f.Required}
	v := value{node: n, name: path}
	switch {
	case asked != opNone:
		n.op, v.kind, v.says = asked, kindTruth, "true or false"
		return c.know(v), true
	case part == lead.PartNone && (f.Type == lead.TypeRange || f.Type == lead.TypeList):
		c.bad(path, "one of its parts, which are "+f.Type.PartNames()+": type "+f.Type.String()+
			" has more than one value")
		return v, true
	case part != lead.PartNone:
		n.op = opPart
		v.partKind(part)
	default:
		v.fieldKind(f.Type, func(text string) (string, int64, string) { return c.readField(pos, text) })
	}
	if v.kind == kindTruth {
		v.node = &node{op: opFlag, left: n}
	}
	c.know(value{node: n, name: path, kind: v.kind, scale: v.scale})
	return v, true
}

func (v *value) fieldKind(t lead.Type, read func(text string) (string, int64, string)) {
	v.read, v.says = read, "of type "+t.String()
	switch t {
	case lead.TypeBoolean:
		v.kind = kindTruth
	case lead.TypeInteger:
		v.kind = kindNumber
	case lead.TypeDecimal, lead.TypeMoney:
		v.kind, v.scale = kindNumber, 6
	case lead.TypeDate, lead.TypeDOB:
		v.kind = kindDate
	case lead.TypeDateTime:
		v.kind = kindMoment
	case lead.TypeTime:
		v.kind = kindClock
	default:
		v.kind, v.folded = kindText, t.Folds()
	}
}

func (v *value) partKind(p lead.Part) {
	v.says = "a part of type " + p.Type().String()
	switch p.Type() {
	case lead.TypeBoolean:
		v.kind = kindTruth
	case lead.TypeInteger:
		v.kind = kindNumber
	case lead.TypeDecimal:
		v.kind, v.scale = kindNumber, 6
	default:
		v.kind, v.folded = kindText, true
		v.read = func(text string) (string, int64, string) {
			text = string(lead.TrimUnseen([]byte(text)))
			switch p {
			case lead.PartDomain, lead.PartHost, lead.PartTLD: // a lead's are as the domain name system has them
				if d, ok := lead.PlainDomain([]byte(text)); ok {
					text = string(d)
				}
			}
			if text == "" {
				return "", 0, "a value, not empty text"
			}
			return text, 0, ""
		}
	}
}

// readField reads a constant as if a seller had sent it.
func (c *compiler) readField(pos int, text string) (normal string, num int64, expected string) {
	c.scratch.Reset(c.schema)
	c.scratch.Set(pos, []byte(text))
	s := c.scratch.Slot(pos)
	switch {
	case s.State == lead.Valid:
		return string(c.scratch.Normal(pos)), s.Num, ""
	case s.State == lead.Missing:
		return "", 0, "a value, not empty text or a word that stands for none"
	case s.Why == lead.WhyRange:
		return "", s.Num, outOfRange
	}
	expected = c.scratch.Problems(0)[0].Expected
	values := c.schema.Fields[pos].Values
	if near := lead.Nearest(text, lowered(values)); near != "" && len(text) > 2 {
		at := slices.IndexFunc(values, func(v string) bool { return strings.EqualFold(v, near) })
		expected += didYouMean(strconv.Quote(values[at]))
	}
	return "", 0, expected
}

// outOfRange marks what is read but lies outside the field's own limits.
const outOfRange = "a value within the field's own limits"

func lowered(list []string) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = strings.ToLower(v)
	}
	return out
}

func (c *compiler) asIs(text string) (string, int64, string) {
	if text == "" {
		return "", 0, "a value, not empty text"
	}
	return text, 0, ""
}

func readWeekday(text string) (string, int64, string) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if long := d.String(); strings.EqualFold(text, long) || strings.EqualFold(text, long[:3]) {
			return weekdays[d], int64(d), ""
		}
	}
	return "", 0, "a day of the week: mon, tue, wed, thu, fri, sat or sun"
}

func readDate(text string) (string, int64, string) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return "", 0, "a date such as 2026-12-24"
	}
	return text, t.Unix() / 86400, ""
}

func readClock(text string) (string, int64, string) {
	t, err := time.Parse("15:04", text)
	if err != nil {
		return "", 0, "a time of day such as 09:30"
	}
	return text, int64(t.Hour()*3600 + t.Minute()*60), ""
}

func cutLast(s string) (before, after string, ok bool) {
	dot := strings.LastIndexByte(s, '.')
	if dot < 0 {
		return "", s, false
	}
	return s[:dot], s[dot+1:], true
}

// unknown says what is expected in the place of a name that is none.
func (c *compiler) unknown(path string) string {
	root, rest, _ := strings.Cut(path, ".")
	near := ""
	var known []string
	switch root {
	case "lead":
		if base, last, ok := cutLast(rest); ok {
			if pos, there := c.schema.Position(base); there {
				return c.noSuchPart(&c.schema.Fields[pos], last)
			}
		}
		if rest == "" {
			return "a field behind it, such as lead.state"
		}
		known = c.schema.Names()
		if near = lead.Nearest(rest, known); near != "" {
			near = "lead." + near
		} else if base, last, ok := cutLast(rest); ok {
			if near = lead.Nearest(base, known); near != "" {
				near = "lead." + near + "." + last
			}
		}
		return "a field of vertical " + c.schema.Vertical + didYouMean(near)
	}
	known = slices.Clone(otherNames)
	for bit, name := range offerNames {
		if c.opt.Offer&(1<<bit) != 0 {
			known = append(known, name)
		}
	}
	if near = lead.Nearest(path, known); near == "" {
		if near = lead.Nearest(root, []string{"lead", "source", "now"}); near != "" && rest != "" {
			near += "." + rest
		}
		if near == path {
			near = ""
		}
	}
	if _, ok := c.schema.Position(path); ok {
		near = "lead." + path
	}
	return "lead.FIELD or one of " + strings.Join(known, ", ") + didYouMean(near)
}

func (c *compiler) noSuchPart(f *lead.Field, last string) string {
	var known []string
	for _, p := range f.Type.Parts() {
		known = append(known, p.String())
	}
	known = append(known, "present", "valid")
	near := lead.Nearest(last, known)
	if near != "" {
		near = fmt.Sprintf("lead.%s.%s", f.Name, near)
	}
	return "one of " + strings.Join(known, ", ") + " behind lead." + f.Name + didYouMean(near)
}

func didYouMean(near string) string {
	if near == "" {
		return ""
	}
	return ": did you mean " + near + "?"
}
