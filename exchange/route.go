// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// Trial is a lead that nobody has sent, and what is assumed of its auction.
type Trial struct {
	Source, Vertical string     // ids
	Lead             *lead.Lead // finished; of the vertical's schema
	At               time.Time
	OneShot          bool // nothing more will come of it: else it is a ping
	MinPrice         lead.Money
	// what campaigns that quote are taken to bid. Those that are not named would be asked, and have no part in the
	// auction; those with a list price are taken to want the lead. A price of 0: it does not bid
	Bids map[string]lead.Money
	N    uint64 // tells leads apart: ties and draws hang on it
}

// Routed is who gets a lead that was tried on paper.
type Routed struct {
	Source   string          `json:"source"`
	Vertical string          `json:"vertical"`
	Config   string          `json:"config"`
	At       time.Time       `json:"at"`
	Result   string          `json:"result"` // success: it has a quote; failure; invalid: the seller hears 400
	Reason   string          `json:"reason,omitempty"`
	Why      string          `json:"why,omitempty"`
	Problems []lead.Problem  `json:"problems"`
	Payout   lead.Money      `json:"payout_micros"`  // the quote
	Revenue  lead.Money      `json:"revenue_micros"` // what the winners pay
	Winners  []string        `json:"winners"`        // ids of campaigns, best first
	Asked    int             `json:"would_be_asked"` // campaigns whose bid was not assumed
	Story    []CampaignStory `json:"campaigns,omitempty"`
}

// ResultInvalid is the result of a lead that the seller is told to mend.
const ResultInvalid = "invalid"

// WouldBeAsked is the verdict of a campaign whose bid nobody has assumed, and the reason for no quote where there are
// such and nobody else bids.
const WouldBeAsked = "would_be_asked"

// Want is what a trial is to tell beside its outcome.
type Want struct {
	Story, All bool         // each campaign's story; as in ExplainAll
	Totals     *RouteTotals // that it counts in; nil: none
}

// Route tries a lead on paper: who wants it and is open, and what comes of the auction. Nobody is paused, capped or
// limited. The lead is the caller's again when it returns.
func (p *Paper) Route(t *Trial, want Want) (*Routed, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, v := p.snap.source[t.Source], p.snap.Vertical(t.Vertical)
	switch {
	case s == nil:
		return nil, fmt.Errorf("no source %q", t.Source)
	case v == nil:
		return nil, fmt.Errorf("no vertical %q", t.Vertical)
	case !slices.Contains(s.Verticals, v.ID):
		return nil, fmt.Errorf("source %q may not send leads of %q", s.ID, v.ID)
	}
	out := &Routed{Source: s.ID, Vertical: v.ID, Config: p.snap.cfg.Hash, At: t.At, Result: lead.ResultFailure,
		Winners: []string{}, Problems: []lead.Problem{}}
	if want.Totals != nil {
		defer func() { want.Totals.count(out) }()
	}
	stage := lead.AtPing
	if t.OneShot {
		stage |= lead.AtPost
	}
	if !t.Lead.OK(stage) {
		out.Result, out.Problems = ResultInvalid, t.Lead.Problems(stage)
		out.Reason, out.Why = "invalid_lead", "the lead has values that cannot be used"
		return out, nil
	}
	if !s.hours.open(t.At.Unix()) {
		f := sourceClosed(s.Schedule, t.At)
		out.Reason, out.Why = f.Code, f.Message
		return out, nil
	}
	q := p.try(t, s.Source, v)
	defer func() {
		q.Lead = lead.Lead{} // its memory is the caller's
		p.e.Release(q)
	}()
	unknown := p.ask(q, t.Bids)
	p.hold(q)
	out.take(q, unknown)
	if want.Story {
		out.Story = p.story(q, unknown, want.All)
	}
	if want.Totals != nil {
		want.Totals.campaigns(q, unknown)
	}
	return out, nil
}

// try makes the ping of a trial.
func (p *Paper) try(t *Trial, s *Source, v *Vertical) *Ping {
	q := p.e.NewPing(p.snap, s, v)
	q.Lead, q.MinPrice, q.ReceivedAt = *t.Lead, t.MinPrice, t.At
	binary.BigEndian.PutUint64(q.id[8:], t.N)
	mode := ledger.ModePing
	if t.OneShot {
		mode = ledger.ModeLead
	}
	q.event = ledger.Pinged{Head: p.snap.head(ledger.KindPinged, q.id, s.ID, v.ID, t.At), Mode: mode,
		Currency: v.Currency, ReceivedAt: t.At, MinPrice: t.MinPrice, Logic: Logic}
	return q
}

// ask solicits bids as the trip does, and has the calls end as is assumed. It tells which bids nobody knows.
func (p *Paper) ask(q *Ping, bids map[string]lead.Money) (unknown map[string]bool) {
	q.assumed = func(b *ledger.Bid, l *LiveCampaign) lead.Refusal {
		price, known := bids[b.Campaign]
		switch {
		case known && price <= 0:
			b.Price, b.Refusal = 0, lead.NoBid
		case l.Fixed:
		case known:
			b.Price = price
		default:
			b.Refusal = lead.NoBid
			if unknown == nil {
				unknown = map[string]bool{}
			}
			unknown[b.Campaign] = true
		}
		return b.Refusal
	}
	if q.Vertical.Economy.MostAsked > 0 { // those who bring most are known, too
		for _, l := range p.snap.campaigns {
			l.worth.micros.Store(int64(bids[l.ID]))
			l.worth.pings.Store(worthSure)
		}
	}
	p.e.solicit(q, q.event.At, p.e.wall())
	return unknown
}

// take notes what the auction came to.
func (r *Routed) take(q *Ping, unknown map[string]bool) {
	r.Asked = len(unknown)
	for i := range q.result.Order {
		if o := &q.result.Order[i]; o.Winner {
			b := &q.bids[q.entries[o.Bid].Ref]
			r.Winners, r.Revenue = append(r.Winners, b.Campaign), r.Revenue+b.Price
		}
	}
	if r.Result, r.Payout = q.event.Result, q.event.Price; r.Result != lead.ResultSuccess {
		r.Reason, r.Why = q.no.String(), q.no.Info().Meaning
		if r.Asked > 0 {
			r.Reason, r.Why = WouldBeAsked, "it hangs on bids that nobody has assumed"
		}
	}
}

// story tells of each campaign, as an explanation of the lead would.
func (p *Paper) story(q *Ping, unknown map[string]bool, all bool) []CampaignStory {
	ev := q.event
	ev.Fields, ev.Raw = ledger.FieldsOf(&q.Lead, false, nil)
	ev.Private.Fields, ev.Private.Raw = ledger.FieldsOf(&q.Lead, true, nil)
	list := p.e.explainCampaigns(&rechecked{ping: p.snap, by: p, auction: q}, &history.History{ID: q.id, Pinged: &ev},
		all)
	for i := range list {
		s := &list[i]
		if s.Rank == 0 && unknown[s.Campaign] {
			s.Verdict, s.Meaning = WouldBeAsked, "it is asked for its price, which nobody has assumed"
		}
		s.Request = ""
	}
	return list
}
