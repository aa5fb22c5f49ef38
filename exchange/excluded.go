// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"slices"
	"strings"

	"clearpost/buyers"
	"clearpost/lead"
	"clearpost/ledger"
)

// A seller may say who must not have its leads: for all of them (Source.Excluded), and lead by lead in a field that the
// vertical names (Vertical.Exclusions). A name is a buyer's id or name, that of its parent, or the brand of a leg; it
// is compared without regard to the case of letters. Nothing of a lead goes to who is excluded.

// excludes is who must not have one lead.
type excludes struct {
	always []string // of the source, in small letters
	names  []string // of the lead, in small letters; they lie in the lead's memory where they are small already
}

// excluded reads who must not have a lead.
func (e *excludes) read(s *Source, v *Vertical, l *lead.Lead) {
	e.always, e.names = s.Excluded, e.names[:0]
	if v.Exclusions == 0 || l.Slot(v.Exclusions-1).State != lead.Valid {
		return
	}
	l.Elements(v.Exclusions-1, func(text string) bool {
		e.names = append(e.names, strings.ToLower(strings.TrimSpace(text)))
		return true
	})
}

func (e *excludes) any() bool { return len(e.always)+len(e.names) > 0 }

// has tells whether a name is among them.
func (e *excludes) has(name string) bool {
	if name == "" || !e.any() {
		return false
	}
	same := func(x string) bool { return strings.EqualFold(x, name) }
	return slices.ContainsFunc(e.always, same) || slices.ContainsFunc(e.names, same)
}

// bars tells whether a buyer, or the brand of its leg, must not have the lead.
func (e *excludes) bars(b *buyers.Buyer, brand string) bool {
	return e.any() && (e.has(b.ID) || e.has(b.Name) || e.has(b.Parent) || e.has(brand))
}

// barred tells why a campaign must not have the lead, whatever it would pay: its seller has excluded it, or somebody
// else has the sole right to it.
func (p *Ping) barred(l *LiveCampaign, brand string) lead.Refusal {
	switch {
	case p.excluded.bars(l.Buyer, brand):
		return lead.Excluded
	case p.foreign(l.Campaign):
		return lead.Territory
	}
	return lead.NoRefusal
}

// exclude leaves out the campaigns that must not have the lead: they have bids that say so.
func (p *Ping) exclude() {
	if p.excluded.read(p.Source, p.Vertical, &p.Lead); !p.excluded.any() && len(p.rights) == 0 {
		return
	}
	n := 0
	for _, ci := range p.eligible {
		l := p.on.campaigns[ci]
		if no := p.barred(l, ""); no != lead.NoRefusal {
			p.bids = append(p.bids, ledger.Bid{Campaign: l.ID, Buyer: l.Buyer.ID, MaxSold: l.MaxSold, Refusal: no})
			p.bidders = append(p.bidders, l)
			continue
		}
		p.eligible[n] = ci
		n++
	}
	p.eligible = p.eligible[:n]
}

// barred tells why a bid's buyer must not have the lead, by what its post says, too.
func (d *delivery) barred(b *ledger.Bid, c *buyers.Campaign) lead.Refusal {
	switch {
	case d.excludes(b, c):
		return lead.Excluded
	case d.foreign(c):
		return lead.Territory
	}
	return lead.NoRefusal
}

// excludes tells whether a bid's buyer or brand must not have the lead, by what its post says, too.
func (d *delivery) excludes(b *ledger.Bid, c *buyers.Campaign) bool {
	var e excludes
	e.read(d.src, d.v, d.l)
	return e.bars(c.Buyer, b.Brand)
}
