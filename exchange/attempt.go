// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"slices"
	"time"

	"clearpost/batch"
	"clearpost/buyers"
	"clearpost/capstore"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
	"clearpost/wire"
	"clearpost/wire/request"
	"clearpost/wire/transport"
)

// prepare makes the attempt of a bid ready to go out, or tells why there is none. first is set where the buyer has
// refused the access token of an attempt: this one is the same once more.
func (d *delivery) prepare(b *ledger.Bid, first *history.Attempt) (*outbound, lead.Refusal) {
	e := d.e
	now := e.now()
	c := d.on.cfg.Book.Campaign(b.Campaign)
	payout, follows, covered := d.payout(b)
	switch {
	case !covered && d.reprices(): // it may have another turn, and is looked at then
		return nil, lead.NotCovered
	case c == nil || c.Vertical != d.v.ID, d.v.Currency != d.history.Pinged.Currency:
		return nil, lead.CampaignWithdrawn
	case d.barred(b, c) != lead.NoRefusal:
		return nil, d.barred(b, c)
	case d.on.campaigns[c.Index].paused():
		return nil, lead.Paused
	case d.on.campaigns[c.Index].unpaid():
		return nil, lead.Unpaid
	case !covered:
		return nil, lead.NotCovered
	case !b.Expires.IsZero() && !now.Before(b.Expires):
		return nil, lead.BidExpired
	case d.tooOld(c):
		return nil, lead.TooOld
	case (!d.woken.IsZero() || b.Held == lead.Closed) && !d.on.campaigns[c.Index].hours.open(now.Unix()):
		return nil, lead.Closed
	case e.wall().After(d.newUntil), e.wall().Add(leastTime(c.Post.Timeout)).After(d.until):
		return nil, lead.NoTimeLeft
	}
	if ok, _ := c.Test(d.facts()); !ok {
		return nil, lead.CriteriaMismatch
	}
	if no := d.clash(c); no != lead.NoRefusal {
		return nil, no
	}
	live := d.policy().live(d.on.campaigns[c.Index])
	switch {
	case live == nil:
		return nil, lead.NoTestEndpoint
	case meets(live.Post.Request.Uses(), d.masked):
		return nil, lead.RenderFailed // what it asks for was there at the post only
	}
	if !live.limits.posts.Allow(e.wall()) {
		live.ThrottleSkips.Add(1)
		return nil, lead.Throttled
	}
	o := &outbound{live: live}
	if o.in.Bearer = live.posts.bearer(); o.in.Bearer == nil && live.posts.tokens != nil {
		live.AuthSkips.Add(1)
		return nil, lead.AuthFailed
	}
	if no := d.add(o, d.posting(b, live, payout, follows, first), b, now); no != lead.NoRefusal {
		return nil, no
	}
	return o, lead.NoRefusal
}

// posting is the attempt of a bid.
func (d *delivery) posting(b *ledger.Bid, live *LiveCampaign, payout lead.Money, follows bool,
	first *history.Attempt) *ledger.Posting {
	now := d.e.now()
	p := &ledger.Posting{Head: d.head(ledger.KindPosting, now), Attempt: ledger.NewID(now), Campaign: live.ID,
		Batch: live.Batch != nil,
		Buyer: live.Buyer.ID, Rank: b.Rank, Leg: b.Leg, Price: b.Price, Payout: payout, MaxSold: b.MaxSold,
		SellLimit: d.quote.Limit, Terms: d.terms(live, follows), Segment: d.segment()}
	if live.Several {
		p.Brand = b.Brand
	}
	if first != nil {
		p.Again, p.Of = ledger.AgainAuth, &first.Posting.Attempt
	}
	return p
}

// add makes an attempt one of those that a request is for: the request has it, and it holds what it needs. Otherwise
// the request stays as it is.
func (d *delivery) add(o *outbound, p *ledger.Posting, b *ledger.Bid, now time.Time) lead.Refusal {
	in := o.in
	if len(o.of) == 0 {
		in = d.on.inputs(d.history, d.l, p, len(d.flight))
		in.Bearer = o.in.Bearer
	} else {
		p.With = &o.of[0].Attempt
		in.Price += p.Price
	}
	if b.Leg > 0 {
		in.Legs = append(slices.Clip(in.Legs), request.Leg{Token: []byte(b.Token), Brand: []byte(b.Brand),
			Price: b.Price})
	}
	req, err := o.live.Campaign.Post.Request.AppendHTTP(nil, &in)
	if err != nil {
		return unrendered(err)
	}
	if p.Batch && len(rowOf(req)) > batch.RowBytesMax {
		return lead.RenderFailed
	}
	if no := d.hold(p, o.live, now); no != lead.NoRefusal {
		return no
	}
	o.in, o.req, o.of, o.bids = in, req, append(o.of, p), append(o.bids, b)
	d.flight = append(d.flight, p)
	return lead.NoRefusal
}

// join adds a further leg of the same answer to a request, or tells why it does not go along.
func (d *delivery) join(o *outbound, b *ledger.Bid, first *history.Attempt) lead.Refusal {
	now := d.e.now()
	payout, follows, covered := d.payout(b)
	switch {
	case d.excludes(b, o.live.Campaign):
		return lead.Excluded
	case !covered:
		return lead.NotCovered
	case !b.Expires.IsZero() && !now.Before(b.Expires):
		return lead.BidExpired
	}
	if ok, _ := o.live.Campaign.Test(d.facts()); !ok {
		return lead.CriteriaMismatch
	}
	return d.add(o, d.posting(b, o.live, payout, follows, first), b, now)
}

// clash is why a campaign may not have the lead beside those who have it, or may have it, or are in flight: one of its
// own company or a competitor. That the buyer itself has it, the hold tells.
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
	for _, p := range d.flight {
		if no := d.on.beside(c, p.Campaign, p.Buyer); no != lead.NoRefusal {
			return no
		}
	}
	return lead.NoRefusal
}

// facts are what criteria are judged by before an attempt.
func (d *delivery) facts() *rules.Facts {
	f := postFacts(d.history, d.l)
	f.Sold, f.Errors = d.history.Sold()+len(d.flight), &d.e.Stats.ExpressionErrors
	if !d.woken.IsZero() {
		f.Now = d.woken
	}
	return f
}

// postFacts are what criteria are judged by at a post, but for the sales so far. The time is that of the ping: a quote
// holds past an hour or a day on which leads are wanted no more. A lead that has waited in the queue is judged by when
// it was woken.
func postFacts(h *history.History, l *lead.Lead) *rules.Facts {
	return &rules.Facts{Lead: l, Stage: lead.AtPost, Now: h.Pinged.At, Source: h.Pinged.Source}
}

// renewMax is how long an attempt waits for another access token.
const renewMax = 3 * time.Second

// withNewToken makes a request once more where it came to nothing but the refusal of its access token.
func (d *delivery) withNewToken(o *outbound) error {
	if !d.refusedToken(o) {
		return nil
	}
	var again *outbound
	for i, b := range o.bids {
		first, no := d.history.Attempt(o.of[i].Attempt), lead.NoRefusal
		if again == nil {
			again, no = d.prepare(b, first)
		} else {
			no = d.join(again, b, first)
		}
		if no != lead.NoRefusal {
			d.refuse(b, no)
		}
	}
	if again == nil {
		return nil
	}
	return d.goOut([]*outbound{again})
}

// refusedToken tells whether a request came to nothing but the refusal of its access token, and another token is at
// hand now: a complete answer 401 or 403 that no rule and no reason of the campaign knows. Then the buyer has not
// looked at the lead.
func (d *delivery) refusedToken(o *outbound) bool {
	if o.live.posts.tokens == nil || d.unknown {
		return false
	}
	for _, p := range o.of {
		q := d.history.Attempt(p.Attempt).Posted
		if p.Again != "" || q == nil || q.Backup || q.Outcome != lead.Rejected || q.Refusal != lead.ServerError ||
			!unauthorized(q.Status) {
			return false
		}
	}
	ctx, cancel := context.WithTimeout(d.e.stop, min(renewMax, d.newUntil.Sub(d.e.wall())))
	defer cancel()
	if o.live.posts.tokens.Renew(ctx, o.in.Bearer) == nil {
		return false
	}
	if d.no != nil && slices.ContainsFunc(o.of, func(p *ledger.Posting) bool { return p.Attempt == d.no.Attempt }) {
		d.no = nil // what comes of the next is its end
	}
	d.waitNoMore(o)
	return true
}

// hold reserves what an attempt needs: a test needs nothing, and only where the lead stands already with this buyer is
// there no room for it.
func (d *delivery) hold(p *ledger.Posting, live *LiveCampaign, now time.Time) lead.Refusal {
	if !d.policy().holds {
		return d.history.RoomForTest(p, d.flight)
	}
	if d.e.telling.full() {
		d.away = true
		return lead.StoreAway
	}
	ctx, cancel := context.WithDeadline(d.e.end, d.until)
	defer cancel()
	marks := d.marks(live)
	d.unstored = append(d.unstored, p.Attempt)
	held, err := d.e.store.Hold(ctx, &capstore.HoldRequest{Token: p.Attempt, Lead: d.history.ID, Buyer: p.Holder(),
		SellLimit: p.SellLimit, MaxSold: p.MaxSold, Needs: d.needs(live, p), Marks: marks, Now: now,
		Instead: d.instead(), Ended: d.refused})
	if err != nil { // it may hold all the same
		d.e.log.Error("hold", "attempt", p.Attempt.String(), "err", err)
		d.e.release(p.Attempt, lead.NotSent)
		d.away = true
	}
	if err != nil || held[0].Refusal != lead.NoRefusal {
		d.unstored = d.unstored[:len(d.unstored)-1]
	}
	if err != nil {
		return lead.StoreAway
	}
	p.Charges, p.Private.Marks = held[0].Charges, recorded(marks)
	if sale, _, ok := live.Buyer.Tallies(p.At); ok {
		p.Charges = append(slices.Clip(p.Charges), sale)
	}
	d.repeats = repeats(held[0].Rule, held[0].First)
	return held[0].Refusal
}

// inputs are what an attempt's request is rendered from, but for the access token. All of it stands in the ledger and
// the configuration, so that the very same request can be made again. flight is how many attempts that are not in the
// ledger yet go out with it and stand before it.
func (snap *Snapshot) inputs(h *history.History, l *lead.Lead, p *ledger.Posting, flight int) request.Inputs {
	sold := h.Ahead(p) + flight
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
func (d *delivery) record(p *ledger.Posting, to *buyers.Endpoint, in *request.Inputs) {
	if d.post != nil {
		marks := p.Private.Marks
		p.Post, p.Private = d.post, d.private
		p.Private.Marks, d.post = marks, nil
	}
	if red, err := to.Request.AppendRedacted(nil, in); err == nil {
		if p.Batch {
			red = rowOf(red)
		} else if to.Mail != nil {
			red = transport.Letter(red)
		}
		p.Private.Request = newBody(red)
	}
}
