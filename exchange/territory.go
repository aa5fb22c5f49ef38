// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"time"

	"clearpost/buyers"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// A campaign may have the sole right to the leads of a territory (buyers.Territory): of a lead there that it wants by
// its criteria, nobody but its buyer, and buyers of the same company, hear anything. It is one of the campaigns that
// the index has found, so that no other has to be looked at.

// findRights notes which of the campaigns that want the lead have the sole right to it. It is called before those that
// are closed are left out: a right stands while its campaign is away, unless it says otherwise.
func (p *Ping) findRights(now time.Time) {
	p.rights = p.rights[:0]
	for _, ci := range p.eligible {
		l := p.on.campaigns[ci]
		if l.Territory == nil || !l.Territory.Covers(&p.facts) || l.Territory.Others && p.away(l, now) {
			continue
		}
		p.rights = append(p.rights, l)
	}
}

// away tells whether a campaign cannot take a lead now: it is closed, paused or full. A test is asked at any time.
func (p *Ping) away(l *LiveCampaign, now time.Time) bool {
	switch {
	case p.Test.On:
		return false
	case !l.hours.open(now.Unix()):
		return true
	case p.awayAs != nil:
		return p.awayAs(l)
	case l.paused():
		return true
	}
	for _, c := range l.counters {
		if !c.Room(now) {
			return true
		}
	}
	return false
}

// awayThen tells, on paper, whether a campaign was paused or full when the ping of an event came: its bid says so.
func awayThen(ev *ledger.Pinged) func(*LiveCampaign) bool {
	return func(l *LiveCampaign) bool {
		for i := range ev.Bids {
			if b := &ev.Bids[i]; b.Campaign == l.ID {
				return b.Refusal == lead.Paused || b.Refusal == lead.CapReached
			}
		}
		return false
	}
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

// foreign tells whether others have the sole right to the lead by what only its post has told: one of those that took
// part in its auction.
func (d *delivery) foreign(c *buyers.Campaign) bool {
	var rights []*LiveCampaign
	var f *rules.Facts
	for i := range d.history.Pinged.Bids {
		o := d.on.cfg.Book.Campaign(d.history.Pinged.Bids[i].Campaign)
		if o == nil || o.Vertical != d.v.ID || o.Territory == nil || o.Territory.Others {
			continue
		}
		if f == nil {
			f = d.facts()
		}
		if ok, _ := o.Test(f); ok && o.Territory.Covers(f) {
			rights = append(rights, d.on.campaigns[o.Index])
		}
	}
	return foreignTo(d.on.cfg.Book, rights, c)
}
