// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"time"

	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/wire/answer"
	"clearpost/wire/transport"
)

// takeBid makes the bids of an answer that accepts: one, or one for each of its legs. Of one buyer's bids the auction
// takes at most one; the others stand by like any.
func (e *Exchange) takeBid(p *Ping, b *ledger.Bid, l *LiveCampaign, c *transport.Call, r *answer.Receipt) lead.Refusal {
	b.Token = view(r.Token)
	for i := range r.Captures {
		b.Captures = append(b.Captures, ledger.Captured{Name: r.Captures[i].Name, Value: view(r.Captures[i].Value)})
	}
	if !l.Fixed {
		b.Price = r.Price
	}
	switch {
	case !r.ExpiresAt.IsZero():
		b.Expires = r.ExpiresAt.UTC().Truncate(time.Microsecond)
	case r.ExpiresIn > 0:
		b.Expires = p.event.At.UTC().Add(r.ExpiresIn).Truncate(time.Microsecond)
	}
	switch most := p.event.At.Add(answer.ExpiresDaysMax * 24 * time.Hour); {
	case b.Expires.IsZero():
	case b.Expires.After(most): // "never", in the words of many
		b.Expires = time.Time{}
	case !b.Expires.After(p.event.At):
		b.Price, b.Refusal, b.Expires = 0, lead.BidExpired, time.Time{}
		return b.Refusal
	}
	l.Bids.Add(1)
	if len(c.Jar) > 0 {
		p.event.Private.Cookies = append(p.event.Private.Cookies, ledger.Carried{Campaign: l.ID, Cookie: view(c.Jar)})
	}
	b.Refusal = p.affords(l, b.Price)
	first, whole := true, *b // b lies in a list that grows
	for i := range r.Legs {
		one, leg := whole, &r.Legs[i]
		one.Leg, one.Brand = i+1, view(leg.Brand)
		if !l.Fixed {
			one.Price = leg.Price
		}
		if leg.MaxSold > 0 {
			one.MaxSold = leg.MaxSold
		}
		if len(leg.Token) > 0 {
			one.Token = view(leg.Token)
		}
		if len(r.Legs) > 0 && one.Price != whole.Price {
			one.Refusal = p.affords(l, one.Price)
		}
		if p.excluded.has(one.Brand) {
			one.Refusal = lead.Excluded
		}
		if first {
			*b, first = one, false
			continue
		}
		p.bids, p.bidders = append(p.bids, one), append(p.bidders, l)
	}
	return lead.NoRefusal
}

// quoteEnd is when the quote ends: at its time, or before with the first bid that it counts on.
func (p *Ping) quoteEnd(at time.Time) time.Time {
	for i := range p.bids {
		if b := &p.bids[i]; b.Winner && !b.Expires.IsZero() && b.Expires.Before(at) {
			at = b.Expires
		}
	}
	return at
}

// unauthorized tells whether a status says that the access token was not taken.
func unauthorized(status int) bool { return status == 401 || status == 403 }

// read reads a complete HTTP answer. Where nothing but the connection's end ended the body, it may be only the
// beginning of one.
func read(a *answer.Answer, c *transport.Call) answer.Receipt {
	if c.Whole {
		return a.ReadWhole(c.Status, c.Type, c.Body)
	}
	return a.Read(c.Status, c.Type, c.Body)
}
