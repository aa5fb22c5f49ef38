// SPDX-License-Identifier: Apache-2.0

package history

import (
	"slices"

	"clearpost/lead"
	"clearpost/ledger"
)

// Lead makes the typed record again: the ping's values, and those that the post added.
func (h *History) Lead(s *lead.Schema) *lead.Lead {
	l := &lead.Lead{}
	l.Reset(s)
	l.SetNow(h.Pinged.ReceivedAt)
	Fill(l, h.Pinged.Fields, h.Pinged.Raw)
	Fill(l, h.Pinged.Private.Fields, h.Pinged.Private.Raw)
	leftOut(l, h.Pinged.Unfit)
	if h.Post != nil {
		leftOut(l, h.Post.Unfit)
		Fill(l, h.Post.Fields, h.Post.Raw)
		Fill(l, h.Private.Fields, h.Private.Raw)
	}
	return l
}

// leftOut notes the fields of which a value was sent that did not fit.
func leftOut(l *lead.Lead, fields ledger.Fields) {
	for _, f := range fields {
		if pos, ok := l.Schema().Position(f.Name); ok {
			l.LeftOut(pos)
		}
	}
}

// Fill sets values as they were sent: the raw text where it differs from the normal one. Where that reads as something
// else than it did, since its sender writes dates in another order or the vertical has changed, the recorded value
// stands.
func Fill(l *lead.Lead, fields, raw ledger.Fields) {
	for _, f := range fields {
		pos, ok := l.Schema().Position(f.Name)
		if !ok {
			continue
		}
		v := f.Value
		if r, ok := raw.Get(f.Name); ok {
			v = r
		}
		if t := l.Schema().Fields[pos].Type; (t == lead.TypeSSN || t == lead.TypeList) && lead.SSNMasked(v) {
			continue // it was never kept: only the post itself can bring it
		}
		l.Set(pos, []byte(v))
		if v == f.Value {
			continue
		}
		if now, _ := l.Recorded(pos); string(now) != f.Value {
			l.Set(pos, []byte(f.Value))
		}
	}
}

// OtherSSNs adds the social security numbers that are not those of the ping to the fields that differ. Of the ping's no
// more than the last digits is kept, so that only these are compared, and the post's number is the one that is
// delivered.
func (h *History) OtherSSNs(l *lead.Lead, clash []int) []int {
	for i := range l.Len() {
		f := &l.Schema().Fields[i]
		if f.Type != lead.TypeSSN || l.Slot(i).State == lead.Missing {
			continue
		}
		if was, ok := recorded(h.Pinged, f.Name); ok {
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

// PingValue is the value of a field as the ping has it; l has the ping's values.
func (h *History) PingValue(l *lead.Lead, i int) []byte {
	if f := &l.Schema().Fields[i]; f.Type == lead.TypeSSN {
		was, _ := recorded(h.Pinged, f.Name)
		return []byte(was)
	}
	return l.Value(i)
}
