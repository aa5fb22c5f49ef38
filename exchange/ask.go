// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
	"clearpost/wire/transport"
)

// ask holds the auction of a ping and makes its answer durable.
func (e *Exchange) ask(p *Ping, begin time.Time) *Fault {
	if f := e.closed(p); f != nil {
		return f
	}
	now := e.open(p, ledger.ModePing)
	e.bid(p, now, begin)
	if f := e.record(p); f != nil {
		return f
	}
	e.Stats.pinged(p, e.wall().Sub(begin))
	return nil
}

// bid finds what the lead is worth: nothing if it is a repeat, or its source or vertical has had as many as it may,
// else what the auction says.
func (e *Exchange) bid(p *Ping, now, begin time.Time) {
	if p.no != lead.LeadRepeated {
		if p.no = e.admits(p, now); p.no == lead.NoRefusal {
			e.solicit(p, now, begin)
		}
		p.charges = sumCharges(p.charges)
		p.event.Charges = p.charges
	}
	e.judge(p, p.MinPrice)
	if p.no == lead.NoBids || p.no == lead.NoneOpen {
		if e.standBy(p, now) {
			e.judge(p, p.MinPrice)
		}
	}
	p.learnWorth()
	p.quote()
}

// open gives the lead its id and begins its event.
func (e *Exchange) open(p *Ping, mode string) time.Time {
	now := e.now()
	p.id = ledger.NewID(now)
	p.event = ledger.Pinged{Head: p.on.head(ledger.KindPinged, p.id, p.Source.ID, p.Vertical.ID, now), Mode: mode,
		Currency: p.Vertical.Currency, ReceivedAt: p.ReceivedAt, SellerLeadID: p.SellerLeadID,
		IdempotencyKey: p.IdempotencyKey, BodyHash: p.BodyHash, Logic: Logic, MinPrice: p.MinPrice, From: &p.Lead}
	p.event.Private.Person, p.event.Private.Content = p.who.Person, p.whatText
	p.event.Private.Unknown, p.event.Test = p.Extra, p.Test.On
	return now
}

// find finds the campaigns that want the lead and are open: p.eligible. Where there are none, p.no says why.
func (e *Exchange) find(p *Ping, now time.Time) {
	p.no = lead.NoBids
	if p.Test.Want != lead.TestAny {
		return // the answer is known: nobody is asked
	}
	p.facts = rules.Facts{Lead: &p.Lead, Stage: lead.AtPing, Now: now, Source: p.Source.ID,
		Errors: &e.Stats.ExpressionErrors}
	p.eligible = p.on.vertical[p.Vertical.ID].eligible.Eligible(p.eligible[:0], &p.facts)
	if len(p.eligible) == 0 {
		p.no = lead.NoEligible
		return
	}
	p.findRights(now)
	if p.keepOpen(now); len(p.eligible) == 0 {
		p.no = lead.NoneOpen
	}
}

// hear turns a call's end into bids or a named refusal, which it returns. used is the access token that it carried.
func (e *Exchange) hear(p *Ping, b *ledger.Bid, l *LiveCampaign, c *transport.Call, used []byte) lead.Refusal {
	if p.assumed != nil {
		return p.assumed(b, l)
	}
	b.TookUS = c.Took.Microseconds()
	if c.Refusal != lead.NoRefusal {
		b.Price = 0
		b.Refusal = c.Refusal
		switch c.Refusal {
		case lead.TimedOut:
			l.Late.Add(1)
		case lead.ClosedEarly:
			l.ClosedEarly.Add(1)
		default:
			l.Errors.Add(1)
		}
		return b.Refusal
	}
	r := read(l.Ping.Answer, c)
	b.Reason = view(r.Reason)
	if l.pings.tokens != nil && unauthorized(c.Status) && r.Outcome != lead.Accepted {
		l.pings.tokens.Reject(used)
	}
	if r.Outcome != lead.Accepted {
		b.Price, b.Refusal = 0, r.Refusal
		if r.Refusal == lead.MalformedAnswer || r.Refusal == lead.UnclearAnswer {
			b.Answer = view(c.Body[:min(len(c.Body), answerKept)])
		}
		return b.Refusal
	}
	return e.takeBid(p, b, l, c, &r)
}

// answerKept is how much of an answer that could not be read stands in the event.
const answerKept = 200

// judge runs the auction over the bids and puts their ranks, payouts and refusals into the event's list.
func (e *Exchange) judge(p *Ping, minPayout lead.Money) {
	p.enterBids()
	p.terms = p.termsOf(minPayout)
	e.weigh(p)
	p.run(&p.terms)
	for rank, o := range p.result.Order {
		i := p.entries[o.Bid].Ref
		b := &p.bids[i]
		b.Rank, b.Winner, b.Payout = rank+1, o.Winner, o.Payout
		if p.route != nil {
			if b.Tier = p.route.Plan.Tiers[o.Tier].Name; int(o.MaxSold) < b.MaxSold {
				b.Allows, b.MaxSold = b.MaxSold, int(o.MaxSold)
			}
		}
		if o.Winner && !p.Test.On {
			p.bidders[i].Won.Add(1)
		}
	}
	for _, lost := range p.result.Lost {
		p.bids[p.entries[lost.Bid].Ref].Refusal = lost.Refusal
	}
	for i := range p.result.Ties {
		p.bids[p.entries[i].Ref].Acceptance = p.entries[i].Acceptance
	}
	p.observe()
}

// acceptance decides between bids of one value: as it was where the bid is one of the past that has it, else as the
// campaign has it now.
func acceptance(b *ledger.Bid, l *LiveCampaign) int64 {
	if b.Acceptance > 0 {
		return b.Acceptance
	}
	return l.acceptance()
}

// acceptance is the share of this campaign's attempts that ended in a sale, in ppm and above 0, pulled towards one half
// while they are few.
func (l *LiveCampaign) acceptance() int64 {
	a, n := l.Accepted.Load(), l.Posted.Load()
	return max((a+5)*1_000_000/(n+10), 1)
}

// quote sets the event's and the seller's answer from the auction.
func (p *Ping) quote() {
	ev := &p.event
	ev.Bids = p.bids
	p.reply = Reply{LeadID: p.id, SellerLeadID: p.SellerLeadID, Quote: true, Currency: p.Vertical.Currency,
		Test: p.Test.On}
	price, sells := p.result.Payout, len(p.result.Order) > 0
	if p.Test.Want != lead.TestAny {
		price, sells = p.wanted()
	}
	if sells {
		ev.Result, ev.Price = lead.ResultSuccess, price
		ev.ExpiresAt = p.quoteEnd(ev.At.Add(p.Vertical.PingTTL).Truncate(time.Microsecond))
		p.reply.Result, p.reply.Price, p.reply.ExpiresAt = ev.Result, ev.Price, ev.ExpiresAt
		return
	}
	r := p.no
	ev.Result, ev.Refusal, ev.Reason, ev.Details = lead.ResultFailure, r, r.Info().Published, p.details
	if ev.Details == "" {
		ev.Details = r.Info().Meaning
	}
	p.reply.Result, p.reply.Refusal, p.reply.Details = ev.Result, r, ev.Details
}

// record makes the ping durable together with what comes with it.
func (e *Exchange) record(p *Ping) *Fault {
	start := e.wall()
	err := e.led.Append(&p.event)
	p.waited += e.wall().Sub(start)
	if err != nil {
		e.notStored(&p.event, err)
		return e.lost(err)
	}
	return nil
}

// lost is the answer when an append failed before anything was sent.
func (e *Exchange) lost(err error) *Fault {
	if !errors.Is(err, ledger.ErrUncertain) {
		e.log.Error("append failed", "err", err)
	}
	f := unavailable(errors.New("the ledger could not take it"))
	f.Why = whyOf(err)
	return f
}

func (s *Stats) pinged(p *Ping, whole time.Duration) {
	if p.Test.On {
		s.Tests.Add(1)
		return
	}
	s.Pings.Add(1)
	if p.event.Result == lead.ResultSuccess {
		s.Quotes.Add(1)
	} else {
		s.NoBids.Add(1)
	}
	s.Whole.Observe(whole)
	s.Own.Observe(whole - p.waited)
}
