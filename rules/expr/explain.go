// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"strconv"
	"strings"
	"time"

	"clearpost/lead"
)

// textShown is how much of an expression an explanation shows, in bytes.
const textShown = 200

// Has tells what each name of the expression has, such as "lead.state is NV, lead.age is missing". Personal values are
// masked.
func (e *Expr) Has(in *Facts) string {
	var b strings.Builder
	known := true
	for i := range e.names {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(e.names[i].said)
		if !e.tell(&b, &e.names[i], in) {
			known = false
		}
	}
	quiet := *in
	quiet.Errors = nil
	if known && e.Evaluate(&quiet)&Failed != 0 {
		b.WriteString(": that cannot be reckoned (a division by zero, or a number without room)")
	}
	return b.String()
}

// Shown is the expression on one line, cut where it is long.
func (e *Expr) Shown() string {
	text := strings.Join(strings.Fields(e.text), " ")
	if len(text) > textShown {
		text = strings.ToValidUTF8(text[:textShown], "") + " …"
	}
	return text
}

// tell writes what a name has. It is false where that is nothing.
func (e *Expr) tell(b *strings.Builder, n *name, in *Facts) bool {
	if n.field != nil {
		return n.tell(b, in)
	}
	switch n.kind {
	case kindText:
		v, t := n.node.bytes(in, e.zone)
		if t != Yes {
			b.WriteString(" is not known")
			return false
		}
		b.WriteString(" is " + lead.Mask(&lead.Field{}, v))
		return true
	default:
		v, t := n.node.value(in, e.zone)
		if t != Yes {
			b.WriteString(" is not known")
			return false
		}
		b.WriteString(" is " + n.written(v))
		return true
	}
}

func (n *name) written(v int64) string {
	switch {
	case n.kind == kindDate:
		return time.Unix(v*86400, 0).UTC().Format(time.DateOnly)
	case n.kind == kindClock:
		return time.Unix(v, 0).UTC().Format(time.TimeOnly)
	case n.scale > 0:
		return lead.Money(v).String()
	}
	return strconv.FormatInt(v, 10)
}

// tell writes what a field of the lead has.
func (n *name) tell(b *strings.Builder, in *Facts) bool {
	asked := n.node.op == opPresent || n.node.op == opValid
	switch in.Lead.Slot(n.pos).State {
	case lead.Missing:
		if n.node.op == opSubID {
			b.WriteString(" is empty")
			return true
		}
		if asked && n.node.there(in) == No {
			b.WriteString(" is false")
			return true
		}
		b.WriteString(" is missing")
		return false
	case lead.Bad:
		if asked {
			b.WriteString(" is " + strconv.FormatBool(n.node.there(in) == Yes))
			return true
		}
		b.WriteString(" is not valid (" + lead.Mask(n.field, in.Lead.Raw(n.pos)) + ")")
		return false
	}
	if asked {
		b.WriteString(" is " + strconv.FormatBool(n.node.there(in) == Yes))
		return true
	}
	v, ok := in.Lead.Normal(n.pos), true
	if n.part != lead.PartNone {
		v, ok = in.Lead.AppendPart(nil, n.pos, n.part)
	}
	if !ok {
		b.WriteString(" is not known")
		return false
	}
	f := n.field
	if n.part != lead.PartNone && !f.Sensitive(n.part) {
		f = &lead.Field{}
	}
	b.WriteString(" is " + lead.Mask(f, v))
	return true
}
