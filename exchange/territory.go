// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"time"

	"clearpost/buyers"
	"clearpost/lead"
	"clearpost/rules"
)

// A campaign may have the sole right to the leads of a territory (buyers.Territory): of a lead there that it wants by
// its criteria, nobody but its buyer, and buyers of the same company, hear anything. It is one of the campaigns that
// the index has found, so that no other has to be looked at.

// findRights notes which of the campaigns that want the lead have the sole right to it. It is called before those that
// are closed are left out: a right stands while its campaign is away, unless it says otherwise.
func (p *Ping) findRights(now time.Time) {
	p.rights, p.rightIDs = p.rights[:0], p.rightIDs[:0]
	for _, ci := range p.eligible {
		l := p.on.campaigns[ci]
		if l.Territory == nil || !l.Territory.Covers(&p.facts) || l.Territory.Others && p.away(l, now) {
			continue
		}
		p.rights, p.rightIDs = append(p.rights, l), append(p.rightIDs, l.ID)
	}
	p.event.Rights = p.rightIDs
}

// away tells whether a campaign cannot take a lead now: it is closed, paused or full. A test is asked at any time.
func (p *Ping) away(l *LiveCampaign, now time.Time) bool {
	switch {
	case p.awayAs != nil:
		return p.awayAs(l)
	case p.Test.On:
		return false
	case !l.hours.open(now.Unix()), l.leftAlone() != lead.NoRefusal:
		return true
	}
	return p.full(l, 0, now) != lead.NoRefusal
}

// foreign tells whether others than a campaign's company have the sole right to the lead.
func (p *Ping) foreign(c *buyers.Campaign) bool { return foreignTo(p.on.cfg.Book, p.rights, c) }

// holders tells who has the sole right to the lead, and by what.
func (p *Ping) holders() (why, places []string) {
	for _, r := range p.rights {
		for i := range r.Territory.Of {
			if k := &r.Territory.Of[i]; k.Test(&p.facts) == rules.Met {
				why = append(why, "campaign "+r.ID+" has the sole right to leads with "+k.Field+" in its territory")
				places = append(places, r.PlaceOf(k, fmt.Sprintf("territory.of[%d]", i)))
				break
			}
		}
	}
	return why, places
}

func foreignTo(book *buyers.Book, rights []*LiveCampaign, c *buyers.Campaign) bool {
	for _, r := range rights {
		if book.OneCompany(r.Buyer, c.Buyer) {
			return false
		}
	}
	return len(rights) > 0
}

// foreign tells whether others have the sole right to the lead, also by what only its post has told. A campaign whose
// leads others may have while it is away has the right then only if it has bid.
func (d *delivery) foreign(c *buyers.Campaign) bool {
	v := d.on.vertical[d.v.ID]
	if v == nil || !v.rights {
		return false
	}
	f := d.facts()
	wide := *f // the index is for pings: at a post some of what it finds is unmet
	wide.Stage = lead.AtPing
	var rights []*LiveCampaign
	for _, ci := range v.eligible.Eligible(nil, &wide) {
		l := d.on.campaigns[ci]
		if l.Territory == nil || l.Territory.Others && !d.hasBid(l.ID) || !l.Territory.Covers(f) {
			continue
		}
		if ok, _ := l.Test(f); ok {
			rights = append(rights, l)
		}
	}
	return foreignTo(d.on.cfg.Book, rights, c)
}

// hasBid tells whether a campaign has a bid in the lead's order.
func (d *delivery) hasBid(campaign string) bool {
	for i := range d.history.Pinged.Bids {
		if b := &d.history.Pinged.Bids[i]; b.Campaign == campaign && b.Rank > 0 {
			return true
		}
	}
	return false
}
