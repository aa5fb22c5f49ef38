// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"slices"

	"clearpost/exchange/history"
	"clearpost/lead"
)

// priced is the set of fields that the lead's price came from: those that decide the bids of the campaigns in its
// order, and which tiers of the plan were open. Campaigns that are no longer configured cannot buy it.
func (snap *Snapshot) priced(h *history.History) (out lead.Positions) {
	for i := range h.Pinged.Bids {
		b := &h.Pinged.Bids[i]
		if b.Rank == 0 {
			continue
		}
		if c := snap.cfg.Book.Campaign(b.Campaign); c != nil && c.Vertical == h.Pinged.Vertical {
			out.AddAll(&c.Uses)
		}
	}
	if v := snap.Vertical(h.Pinged.Vertical); v != nil && v.Exclusions > 0 {
		out.Add(v.Exclusions - 1)
	}
	src, v := snap.source[h.Pinged.Source], snap.vertical[h.Pinged.Vertical]
	if src != nil && v != nil {
		if r := v.routeOf(src.Source); r != nil {
			out.AddAll(&r.uses)
		}
	}
	return out
}

// contradiction says what a first post may not bring against its ping: a value that cannot be used for a field that the
// ping has, and another value of a field by which the ping was priced. What is wrong with the request besides stands
// before it. clash is where the two differ; l is the lead with the ping's values in these places. What else the merged
// lead misses is listed with it, so that the seller hears everything at once.
func (in *PostIn) contradiction(h *history.History, l *lead.Lead, clash []int) *Fault {
	out := slices.Clone(in.Problems)
	f := &Fault{Kind: FaultInvalid, Code: "invalid_lead", Message: "the lead has values that cannot be used"}
	bad := in.Lead.Problems(0)
	priced := in.On.priced(h)
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
				Expected: lead.Mask(field, h.PingValue(l, i)) + ", as in the ping"})
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
