// SPDX-License-Identifier: Apache-2.0

package lead

import "fmt"

// OnInvalid says what becomes of a value that does not fit its field, where the field is not required. A required one
// is refused.
type OnInvalid uint8

// The choices.
const (
	InvalidUnset  OnInvalid = iota // of a field: as its vertical has it; of a vertical: refuse
	InvalidRefuse                  // the lead is refused
	InvalidDrop                    // the value is left out; that it was is told
	InvalidRaw                     // the same, and what was sent is kept
)

var invalidNames = [...]string{"", "refuse", "drop", "raw"}

// String is the name as it stands in a configuration.
func (v OnInvalid) String() string { return invalidNames[v] }

// ParseInvalid reads a name.
func ParseInvalid(s string) (OnInvalid, error) {
	for i, n := range invalidNames {
		if n == s {
			return OnInvalid(i), nil
		}
	}
	return InvalidUnset, fmt.Errorf("expected refuse, drop or raw")
}

// UnfitBytesMax bounds what is kept of all values of a lead that do not fit; what goes beyond it is left out.
const UnfitBytesMax = 2 * LongValueMax

// Unfit is a value that did not fit a field that is not required: the field counts as missing.
type Unfit struct {
	Pos int
	Why Why
	raw span
}

// Unfit lists the values that Finish has left out, in schema order.
func (l *Lead) Unfit() []Unfit { return l.unfit }

// UnfitRaw is what was sent, empty where it is not kept. A social security number is masked. It lives until the next
// Reset.
func (l *Lead) UnfitRaw(u Unfit) []byte {
	if f := &l.schema.Fields[u.Pos]; (f.Type == TypeSSN || f.Of == TypeSSN) && u.raw.len > 0 {
		return MaskSSN(f, nil)
	}
	return l.at(u.raw)
}

// UnfitReason says in words what was expected instead.
func (l *Lead) UnfitReason(u Unfit) string {
	return "expected " + l.schema.Fields[u.Pos].expectation(u.Why)
}

// AddUnfit takes over the values that did not fit another lead of the same schema.
func (l *Lead) AddUnfit(o *Lead) {
	for _, u := range o.unfit {
		u.raw = l.put(o.at(u.raw))
		l.unfit = append(l.unfit, u)
	}
}

// LeftOut notes that a value of the field was left out before, of which no more is known than that.
func (l *Lead) LeftOut(pos int) { l.unfit = append(l.unfit, Unfit{Pos: pos}) }

// spares tells whether a value that does not fit this field costs no more than itself.
func (f *Field) spares() bool { return f.Required == 0 && f.Invalid > InvalidRefuse }

// spare takes the values out of the slots that do not fit and need not. What the rules between fields forbid, and what
// was sent twice, stays.
func (l *Lead) spare() {
	for i := range l.slots {
		s := &l.slots[i]
		if s.State != Bad || s.Why == WhyTwice || s.Why == WhyApart || s.Why == WhyAboveOther {
			continue
		}
		f := &l.schema.Fields[i]
		if !f.spares() {
			continue
		}
		u := Unfit{Pos: i, Why: s.Why}
		kept := int(s.raw.len)
		for _, other := range l.unfit {
			kept += int(other.raw.len)
		}
		if f.Invalid == InvalidRaw && kept <= UnfitBytesMax {
			u.raw = s.raw
		}
		l.unfit = append(l.unfit, u)
		*s = Slot{}
	}
}
