// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"slices"

	"clearpost/lead"
	"clearpost/ledger"
)

// OnChange says what becomes of a post that sends another value than its ping for a field by which the ping was priced.
type OnChange uint8

// The ways. For a source, OnChangeUnset leaves it to the vertical; for a vertical it refuses.
const (
	OnChangeUnset  OnChange = iota
	OnChangeRefuse          // the post is not taken, and consumes nothing
	OnChangeKeep            // the ping's value stands, and the event names the field
)

func (s *Source) onChange(v *Vertical) OnChange {
	if s.OnChange != OnChangeUnset {
		return s.OnChange
	}
	return v.OnChange
}

// priced is the set of fields that the lead's price came from: those that decide the bids of the campaigns in its
// order. Campaigns that are no longer configured cannot buy it.
func (h *history) priced(snap *Snapshot) (out lead.Positions) {
	for i := range h.pinged.Bids {
		b := &h.pinged.Bids[i]
		if b.Rank == 0 {
			continue
		}
		if c := snap.cfg.Book.Campaign(b.Campaign); c != nil && c.Vertical == h.pinged.Vertical {
			out.AddAll(&c.Uses)
		}
	}
	return out
}

// otherSSNs adds the social security numbers that are not those of the ping to the fields that differ. Of the ping's no
// more than the last digits is kept, so that only these are compared, and the post's number is the one that is
// delivered.
func (h *history) otherSSNs(l *lead.Lead, clash []int) []int {
	for i := range l.Len() {
		f := &l.Schema().Fields[i]
		if f.Type != lead.TypeSSN || l.Slot(i).State == lead.Missing {
			continue
		}
		if was, ok := recorded(h.pinged, f.Name); ok {
			if now, _ := l.Recorded(i); l.Slot(i).State == lead.Bad || string(now) != was {
				clash = append(clash, i)
			}
		}
	}
	slices.Sort(clash)
	return slices.Compact(clash)
}

// recorded is a ping's value of a field as the ledger keeps it.
func recorded(p *ledger.Pinged, name string) (string, bool) {
	if v, ok := p.Private.Fields.Get(name); ok {
		return v, true
	}
	return p.Fields.Get(name)
}

// pingValue is the value of a field as the ping has it; l has the ping's values.
func (h *history) pingValue(l *lead.Lead, i int) []byte {
	if f := &l.Schema().Fields[i]; f.Type == lead.TypeSSN {
		was, _ := recorded(h.pinged, f.Name)
		return []byte(was)
	}
	return l.Value(i)
}

// contradiction says what a first post may not bring against its ping: a value that cannot be used for a field that the
// ping has, and another value of a field by which the ping was priced. What is wrong with the request besides stands
// before it. clash is where the two differ; l is the lead with the ping's values in these places. What else the merged
// lead misses is listed with it, so that the seller hears everything at once.
func (h *history) contradiction(in *PostIn, l *lead.Lead, clash []int) *Fault {
	out := slices.Clone(in.Problems)
	f := &Fault{Kind: FaultInvalid, Code: "invalid_lead", Message: "the lead has values that cannot be used"}
	bad := in.Lead.Problems(0)
	priced := h.priced(in.On)
	for _, i := range clash {
		field := &l.Schema().Fields[i]
		if in.Lead.Slot(i).State == lead.Bad {
			for _, p := range bad {
				if p.Field == field.Name {
					out = append(out, p)
				}
			}
			continue
		}
		if priced.Has(i) && in.Source.onChange(in.Vertical) != OnChangeKeep {
			f.Code, f.Message = "changed_since_ping",
				"the lead was priced by values that the post changes: repeat it with those of the ping, or ping again"
			out = append(out, lead.Problem{Field: field.Name, Value: lead.Mask(field, in.Lead.Value(i)),
				Expected: lead.Mask(field, h.pingValue(l, i)) + ", as in the ping"})
		}
	}
	for _, p := range l.Problems(lead.AtPing | lead.AtPost) {
		if !slices.ContainsFunc(in.Problems, func(q lead.Problem) bool { return q.Field == p.Field }) {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil
	}
	f.Errors = out
	return f
}
