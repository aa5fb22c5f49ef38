// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"slices"

	"clearpost/lead"
)

// RouteTotals are what many leads that were tried on paper have come to. One goroutine counts in them.
type RouteTotals struct {
	Leads   int64            `json:"leads"`
	Quoted  int64            `json:"quoted"`
	Payout  lead.Money       `json:"payout_micros"`
	Revenue lead.Money       `json:"revenue_micros"` // what the winners pay
	NoQuote map[string]int64 `json:"no_quote"`       // leads, by why

	on     *Snapshot
	by     []*CampaignTotals // by campaign index
	routed int64
	open   map[string]int64 // leads whose campaigns were looked for, by vertical
}

// CampaignTotals are what one campaign gets of them.
type CampaignTotals struct {
	Campaign     string           `json:"campaign"`
	Buyer        string           `json:"buyer"`
	Wins         int64            `json:"wins"`
	Revenue      lead.Money       `json:"revenue_micros"` // of the wins
	Backup       int64            `json:"backup"`         // it stands by
	WouldBeAsked int64            `json:"would_be_asked"`
	Refused      map[string]int64 `json:"refused"` // leads, by the name of the refusal

	vertical string
	told     int64 // leads of which it is known what became here
	last     int64 // the number of the last of them
}

// NewRouteTotals begins to count leads that are tried by this configuration and no other.
func (p *Paper) NewRouteTotals() *RouteTotals {
	t := &RouteTotals{NoQuote: map[string]int64{}, on: p.snap, open: map[string]int64{}}
	for _, l := range p.snap.campaigns {
		t.by = append(t.by, &CampaignTotals{Campaign: l.ID, Buyer: l.Buyer.ID, Refused: map[string]int64{},
			vertical: l.Vertical})
		l.ClosedSkips.Store(0)
	}
	return t
}

func (t *RouteTotals) count(r *Routed) {
	t.Leads++
	if r.Result != lead.ResultSuccess {
		t.NoQuote[r.Reason]++
		return
	}
	t.Quoted++
	t.Payout, t.Revenue = t.Payout+r.Payout, t.Revenue+r.Revenue
}

func (t *RouteTotals) campaigns(q *Ping, unknown map[string]bool) {
	t.open[q.Vertical.ID]++
	t.routed++
	for i := range q.bids {
		b, c := &q.bids[i], t.by[q.bidders[i].Index]
		c.told++
		c.last = t.routed
		switch {
		case b.Winner:
			c.Wins++
			c.Revenue += b.Price
		case b.Rank > 0:
			c.Backup++
		case unknown[b.Campaign]:
			c.WouldBeAsked++
		default:
			c.Refused[b.Refusal.String()]++
		}
	}
	for _, ci := range q.eligible { // those who want it and were not asked: tier by tier
		if c := t.by[ci]; c.last != t.routed {
			c.told++
			c.Refused[lead.EarlierTier.String()]++
		}
	}
}

// Campaigns are the totals by campaign, of those of the verticals that were tried, in the order of the configuration.
func (t *RouteTotals) Campaigns() (out []CampaignTotals) {
	for i, c := range t.by {
		if t.open[c.vertical] == 0 {
			continue
		}
		one := *c
		one.Refused = map[string]int64{}
		for no, n := range c.Refused {
			one.Refused[no] = n
		}
		closed := t.on.campaigns[i].ClosedSkips.Load()
		for no, n := range map[lead.Refusal]int64{lead.Closed: closed,
			lead.CriteriaMismatch: t.open[c.vertical] - c.told - closed} {
			if n > 0 {
				one.Refused[no.String()] = n
			}
		}
		out = append(out, one)
	}
	return slices.Clip(out)
}
