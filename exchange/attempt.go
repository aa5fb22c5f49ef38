// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"errors"
	"time"

	"clearpost/buyers"
	"clearpost/capstore"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
	"clearpost/wire"
	"clearpost/wire/request"
)

// attempt offers the lead to one bid. It returns why no attempt was made, or an error if the ledger failed. first is
// set where the buyer has refused the access token of an attempt: this one is the same once more.
func (d *delivery) attempt(b *ledger.Bid, first *history.Attempt) (lead.Refusal, error) {
	e := d.e
	now := e.now()
	c := d.on.cfg.Book.Campaign(b.Campaign)
	payout, follows, covered := d.payout(b)
	switch {
	case c == nil || c.Vertical != d.v.ID, d.v.Currency != d.history.Pinged.Currency:
		return lead.CampaignWithdrawn, nil
	case d.on.campaigns[c.Index].paused():
		return lead.Paused, nil
	case !covered:
		return lead.NotCovered, nil
	case !b.Expires.IsZero() && !now.Before(b.Expires):
		return lead.BidExpired, nil
	case e.wall().After(d.newUntil), e.wall().Add(leastTime(c.Post.Timeout)).After(d.until):
		return lead.NoTimeLeft, nil
	}
	if ok, _ := c.Test(d.facts()); !ok {
		return lead.CriteriaMismatch, nil
	}
	if no := d.clash(c); no != lead.NoRefusal {
		return no, nil
	}
	live := d.policy().live(d.on.campaigns[c.Index])
	if live == nil {
		return lead.NoTestEndpoint, nil
	}
	c = live.Campaign
	if !live.limits.posts.Allow(e.wall()) {
		live.ThrottleSkips.Add(1)
		return lead.Throttled, nil
	}
	p := &ledger.Posting{Head: d.head(ledger.KindPosting, now), Attempt: ledger.NewID(now), Campaign: c.ID,
		Buyer: c.Buyer.ID, Rank: b.Rank, Leg: b.Leg, Price: b.Price, Payout: payout, MaxSold: b.MaxSold,
		SellLimit: d.quote.Limit, Terms: d.terms(live, follows), Segment: d.segment()}
	if first != nil {
		p.Again, p.Of = ledger.AgainAuth, &first.Posting.Attempt
	}
	in := d.on.inputs(d.history, d.l, p)
	if in.Bearer = live.posts.bearer(); in.Bearer == nil && live.posts.tokens != nil {
		live.AuthSkips.Add(1)
		return lead.AuthFailed, nil
	}
	d.bearer = in.Bearer
	req, err := c.Post.Request.AppendHTTP(nil, &in)
	if err != nil {
		return unrendered(err), nil
	}
	if no := d.hold(p, live, now); no != lead.NoRefusal {
		return no, nil
	}
	d.record(p, c.Post.Request, &in)
	if err := d.append(p); err != nil {
		switch {
		case errors.Is(err, ledger.ErrUncertain):
			d.maybe = p
		case d.policy().holds:
			e.release(p.Attempt)
		}
		return lead.NoRefusal, err
	}
	d.history.Attempts = append(d.history.Attempts, history.Attempt{Posting: p})
	d.attemptStored()
	d.send(live, p, req, &in)
	return lead.NoRefusal, nil
}

// clash is why a campaign may not have the lead beside those who have it, or may have it: one of its own company or a
// competitor. That the buyer itself has it, the hold tells.
func (d *delivery) clash(c *buyers.Campaign) lead.Refusal {
	for i := range d.history.Attempts {
		a := &d.history.Attempts[i]
		if o := a.Outcome(); !o.Standing() && o != lead.TestAccepted {
			continue
		}
		if no := d.on.beside(c, a.Posting.Campaign, a.Posting.Buyer); no != lead.NoRefusal {
			return no
		}
	}
	return lead.NoRefusal
}

// facts are what criteria are judged by before an attempt.
func (d *delivery) facts() *rules.Facts {
	f := postFacts(d.history, d.l)
	f.Sold, f.Errors = d.history.Sold(), &d.e.Stats.ExpressionErrors
	return f
}

// postFacts are what criteria are judged by at a post, but for the sales so far. The time is that of the ping: a quote
// holds past an hour or a day on which leads are wanted no more.
func postFacts(h *history.History, l *lead.Lead) *rules.Facts {
	return &rules.Facts{Lead: l, Stage: lead.AtPost, Now: h.Pinged.At, Source: h.Pinged.Source}
}

// renewMax is how long an attempt waits for another access token.
const renewMax = 3 * time.Second

// refusedToken tells whether the last attempt, to this bid, came to nothing but the refusal of its access token, and
// another token is at hand now: a complete answer 401 or 403 that no rule and no reason of the campaign knows. Then the
// buyer has not looked at the lead.
func (d *delivery) refusedToken(b *ledger.Bid, err error) *history.Attempt {
	if err != nil || len(d.history.Attempts) == 0 {
		return nil
	}
	a := &d.history.Attempts[len(d.history.Attempts)-1]
	p, q := a.Posting, a.Posted
	if p.Campaign != b.Campaign || p.Leg != b.Leg || p.Again != "" || q == nil || q.Backup ||
		q.Outcome != lead.Rejected || q.Refusal != lead.ServerError ||
		!unauthorized(q.Status) {
		return nil
	}
	c := d.on.cfg.Book.Campaign(p.Campaign)
	live := d.policy().live(d.on.campaigns[c.Index])
	if live.posts.tokens == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(d.e.stop, min(renewMax, d.newUntil.Sub(d.e.wall())))
	defer cancel()
	if live.posts.tokens.Renew(ctx, d.bearer) == nil {
		return nil
	}
	if d.no == q {
		d.no = nil // what comes of the next is its end
	}
	return a
}

// hold reserves what an attempt needs: a test needs nothing, and only where the lead stands already with this buyer is
// there no room for it.
func (d *delivery) hold(p *ledger.Posting, live *LiveCampaign, now time.Time) lead.Refusal {
	if !d.policy().holds {
		return d.history.RoomForTest(p)
	}
	var no lead.Refusal
	p.Charges, no = d.e.store.Hold(&capstore.HoldRequest{Token: p.Attempt, Lead: d.history.ID, Buyer: p.Buyer,
		SellLimit: p.SellLimit, MaxSold: p.MaxSold, Counters: d.caps(live), Now: now, Instead: d.refused})
	return no
}

// inputs are what an attempt's request is rendered from, but for the access token. All of it stands in the ledger and
// the configuration, so that the very same request can be made again.
func (snap *Snapshot) inputs(h *history.History, l *lead.Lead, p *ledger.Posting) request.Inputs {
	sold := len(h.Sales())
	in := request.Inputs{Lead: l, LeadID: h.ID, Attempt: p.Attempt, Price: p.Price, Source: p.Source,
		Vertical: p.Vertical, Sold: sold, Left: p.SellLimit - sold, Test: h.Pinged.Test,
		Now: p.At.Truncate(time.Microsecond), Close: true}
	if p.Of != nil {
		in.Key = *p.Of
	}
	if from := snap.source[p.Source]; from != nil {
		in.SourceName = from.Name
	}
	for i := range h.Pinged.Bids {
		if b := &h.Pinged.Bids[i]; b.Campaign == p.Campaign && b.Leg == p.Leg {
			in.Token = []byte(b.Token)
			for _, c := range b.Captures {
				in.Captures = append(in.Captures, wire.Captured{Name: c.Name, Value: []byte(c.Value)})
			}
		}
	}
	for _, c := range h.Pinged.Private.Cookies {
		if c.Campaign == p.Campaign {
			in.Cookies = []byte(c.Cookie)
		}
	}
	return in
}

// attemptMin is the least time that must be left for an attempt to begin, if its campaign's own timeout is not shorter:
// a post that has no time to be answered would only end as unknown.
const attemptMin = 100 * time.Millisecond

func leastTime(timeout time.Duration) time.Duration {
	if timeout > 0 {
		return min(timeout, attemptMin)
	}
	return attemptMin
}

// record puts into the posting what explains it: the seller's post (once) and the exact request.
func (d *delivery) record(p *ledger.Posting, r *request.Request, in *request.Inputs) {
	if d.post != nil {
		p.Post, p.Private = d.post, d.private
		d.post = nil
	}
	if red, err := r.AppendRedacted(nil, in); err == nil {
		p.Private.Request = newBody(red)
	}
}
