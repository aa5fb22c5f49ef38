// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"cmp"
	"slices"
	"time"

	"clearpost/auction"
	"clearpost/lead"
	"clearpost/ledger"
)

// Usual is the campaign's usual time to answer a ping; 0 while too few calls have told.
func (t *Tally) Usual() time.Duration {
	if t.usual.calls.Load() < usualKnown {
		return 0
	}
	return time.Duration(t.usual.nanos.Load())
}

// Worth is what a ping of the campaign is expected to bring: what its pings have brought of late, times the share of
// its attempts that end in a sale. It is learned only where `most_asked` needs it.
func (l *LiveCampaign) Worth() lead.Money {
	return lead.Money(l.worth.micros.Load() / 1000 * l.acceptance() / 1000)
}

// favour puts the campaigns that may be pinged into the order in which they get the places that there are: first those
// expected to bring most, then those that are tried, the little known ones first, then the rest. The same lead has the
// same order as long as nothing is learned. Campaigns that need no call stand before all.
func (p *Ping) favour() {
	most := p.Vertical.Economy.MostAsked
	if most == 0 || len(p.eligible) <= most || p.Test.On || p.assumed != nil {
		return
	}
	all, calm := p.prospects[:0], p.eligible[:0]
	for _, ci := range p.eligible {
		l := p.on.campaigns[ci]
		if l.Ping == nil {
			calm = append(calm, ci)
			continue
		}
		all = append(all, prospect{int64(l.Worth()), auction.Tie(p.id, l.ID), ci, l.worth.pings.Load() < worthSure})
	}
	slices.SortFunc(all, func(a, b prospect) int {
		return cmp.Or(cmp.Compare(b.worth, a.worth), cmp.Compare(a.draw, b.draw))
	})
	if tries := p.tries(most); tries > 0 && len(all) > most {
		p.explore(all[most-tries:], tries)
	}
	for i := range all {
		calm = append(calm, all[i].campaign)
	}
	p.prospects = all
}

// tries is how many of the places this lead gives to others than the best.
func (p *Ping) tries(most int) int {
	parts := int64(most) * p.Vertical.Economy.ExplorePPM
	n := parts / 1_000_000
	if drawn(p.id, "", parts%1_000_000) {
		n++
	}
	return min(int(n), most)
}

// explore moves those to the front that have the turn to be tried. The others keep their order.
func (p *Ping) explore(rest []prospect, tries int) {
	for k := range tries {
		at := -1
		for i := k; i < len(rest); i++ {
			r := &rest[i]
			if l := p.on.campaigns[r.campaign]; l.leftAlone() != lead.NoRefusal || !p.seated(l) {
				continue
			}
			if at < 0 || r.thin && !rest[at].thin || r.thin == rest[at].thin && r.draw < rest[at].draw {
				at = i
			}
		}
		if at < 0 {
			return
		}
		r := rest[at]
		copy(rest[k+1:at+1], rest[k:at])
		rest[k] = r
	}
}

// drawn draws with a chance of so many ppm, the same each time for a lead and a name.
func drawn(id lead.ID, name string, ppm int64) bool {
	return int64(auction.Tie(id, name)>>8%1_000_000) < ppm
}

// leastLap is the least time in which a buyer may be asked.
const leastLap = time.Millisecond

// spared is why a campaign is not pinged that could be, NoRefusal if it is.
func (p *Ping) spared(l *LiveCampaign, wall time.Time) lead.Refusal {
	left, eco := p.lap.Sub(wall), &p.Vertical.Economy
	switch {
	case left < leastLap:
		return lead.NoTimeLeft
	case p.Test.On, p.assumed != nil:
	case eco.SkipSlow && !p.patient && l.slow(left) && !drawn(p.id, l.ID, eco.TrySlowPPM):
		l.SlowSkips.Add(1)
		return lead.TooSlow
	case eco.MostAsked > 0 && len(p.live) >= eco.MostAsked:
		l.UnchosenSkips.Add(1)
		return lead.NotChosen
	}
	return lead.NoRefusal
}

// slow tells whether the campaign usually takes longer than there is time.
func (l *LiveCampaign) slow(left time.Duration) bool {
	if own := l.Ping.Timeout; own > 0 {
		left = min(left, own)
	}
	return l.Usual() >= left
}

// learnWorth takes what the ping has brought of each campaign that was asked.
func (p *Ping) learnWorth() {
	if p.Vertical.Economy.MostAsked == 0 || p.Test.On {
		return
	}
	for i := range p.asked {
		first := p.asked[i].bid
		if p.bids[first].Refusal == lead.ClosedEarly {
			continue // nobody knows
		}
		p.bidders[first].worth.note(p.brought(int(first)))
	}
}

// brought is what the bids of the campaign have brought whose first one this is; the others are its legs.
func (p *Ping) brought(first int) (sum lead.Money) {
	count := func(b *ledger.Bid) {
		switch {
		case b.Winner:
			sum += b.Price
		case b.Rank > 0:
			sum = max(sum, b.Price/standByPart)
		}
	}
	count(&p.bids[first])
	if p.bids[first].Leg > 0 {
		for i := first + 1; i < len(p.bids); i++ {
			if p.bidders[i] == p.bidders[first] {
				count(&p.bids[i])
			}
		}
	}
	return sum
}
