// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"slices"
	"time"

	"clearpost/capstore"
	"clearpost/lead"
	"clearpost/ledger"
)

// history is all that the ledger tells of one lead. It is folded from the lead's events whenever somebody asks, so that
// a restart changes nothing.
type history struct {
	id       lead.ID
	pinged   *ledger.Pinged
	post     *ledger.Post // the first post, nil if there was none
	who      identity
	private  ledger.Private // personal fields that the post brought
	attempts []attempt
	settled  *ledger.Settled // the last one
	events   []ledger.Event
	seqs     []uint64
}

type attempt struct {
	posting  *ledger.Posting
	posted   *ledger.Posted
	resolved *ledger.Adjusted
	resends  []lead.ID // postings of the same request again, whatever came of them
	queued   bool      // the buyer has said, then or since, that it has the lead and decides later
	redirect string    // where the buyer sends the consumer
}

// outcome is what the attempt counts as now; Unknown also when it has no end in the ledger.
func (a *attempt) outcome() lead.Outcome {
	switch {
	case a.resolved != nil:
		return a.resolved.Outcome
	case a.posted != nil:
		return a.posted.Outcome
	case a.posting.Test:
		return lead.Rejected // whatever the buyer did with it, it is no sale
	}
	return lead.Unknown
}

// history reads a lead's history. A lead that the ledger does not know has a nil pinged.
func (e *Exchange) history(id lead.ID) (*history, error) {
	recs, err := e.led.Lead(id)
	if err != nil {
		return nil, fmt.Errorf("read lead %s: %w", id, err)
	}
	h := &history{id: id}
	for _, r := range recs {
		ev, err := e.decoded.event(r)
		if err != nil {
			return nil, fmt.Errorf("lead %s, event %d: %w", id, r.Seq, err)
		}
		h.add(ev)
		h.seqs = append(h.seqs, r.Seq)
	}
	return h, nil
}

func (h *history) add(ev ledger.Event) {
	h.events = append(h.events, ev)
	switch ev := ev.(type) {
	case *ledger.Pinged:
		h.pinged, h.who = ev, identity{ev.Private.Person, ev.Private.Also}
	case *ledger.Posting:
		h.posting(ev.Post, ev.Private)
		if ev.Again != ledger.AgainResend {
			h.attempts = append(h.attempts, attempt{posting: ev})
		} else if a := h.attempt(*ev.Of); a != nil {
			a.resends = append(a.resends, ev.Attempt)
		}
	case *ledger.Posted:
		if a := h.attempt(ev.Attempt); a != nil {
			a.posted, a.redirect, a.queued = ev, ev.Private.Redirect, ev.Refusal == lead.Queued
		} else if a := h.resent(ev.Attempt); a != nil {
			a.queued = a.queued || ev.Refusal == lead.Queued
			if ev.Private.Redirect != "" {
				a.redirect = ev.Private.Redirect
			}
		}
	case *ledger.Adjusted:
		if a := h.attempt(ev.Attempt); a != nil {
			a.resolved = ev
		}
	case *ledger.Settled:
		h.posting(ev.Post, ev.Private)
		h.settled = ev
	}
}

func (h *history) posting(p *ledger.Post, priv ledger.Private) {
	if p == nil {
		return
	}
	h.post, h.private = p, priv
	if priv.Person != "" {
		h.who = identity{priv.Person, priv.Also}
	}
}

func (h *history) attempt(id lead.ID) *attempt {
	for i := range h.attempts {
		if h.attempts[i].posting.Attempt == id {
			return &h.attempts[i]
		}
	}
	return nil
}

// resent is the attempt that a resend is of.
func (h *history) resent(id lead.ID) *attempt {
	for i := range h.attempts {
		if slices.Contains(h.attempts[i].resends, id) {
			return &h.attempts[i]
		}
	}
	return nil
}

// redirect is where the buyer of a sale sends the consumer, empty if nowhere.
func (h *history) redirect(id lead.ID) string {
	if a := h.attempt(id); a != nil {
		return a.redirect
	}
	return ""
}

// open tells whether an attempt has no known outcome.
func (h *history) open() bool {
	for i := range h.attempts {
		if h.attempts[i].outcome() == lead.Unknown {
			return true
		}
	}
	return false
}

// seller is the seller's own lead id: the post's, else the ping's.
func (h *history) seller() string {
	if h.post != nil && h.post.SellerLeadID != "" {
		return h.post.SellerLeadID
	}
	return h.pinged.SellerLeadID
}

// sales lists the accepted attempts in the order of the attempts.
func (h *history) sales() []ledger.Sale {
	var out []ledger.Sale
	for i := range h.attempts {
		a := &h.attempts[i]
		if a.outcome() != lead.Accepted {
			continue
		}
		s := ledger.Sale{Attempt: a.posting.Attempt, Campaign: a.posting.Campaign, Buyer: a.posting.Buyer}
		if a.resolved != nil {
			s.Reference, s.Price, s.Payout = a.resolved.Reference, a.resolved.Price, a.resolved.Payout
		} else {
			s.Reference, s.Price, s.Payout = a.posted.Reference, a.posted.Price, a.posted.Payout
		}
		out = append(out, s)
	}
	return out
}

// sold is how many sales there are, or would be if the lead were no test.
func (h *history) sold() int { return len(h.sales()) + len(h.testSales()) }

// resumable tells whether attempts were made, all have a known outcome, and no answer was written: a trip that a crash
// cut off. The seller's repeat goes on with the next bid while the quote lasts.
func (h *history) resumable() bool { return len(h.attempts) > 0 && h.settled == nil && !h.open() }

// over tells whether the quote no longer stands: its time is past, or it was given by a clock that was ahead, and
// nobody knows how long ago.
func (h *history) over(now time.Time) bool {
	return now.After(h.pinged.ExpiresAt) || h.pinged.At.Sub(now) > ledger.ClockAhead
}

// finished tells whether nothing more can become of the lead without a person.
func (h *history) finished() bool {
	return h.settled != nil && h.settled.Result != ledger.ResultPending && !h.open()
}

// restoreHolds gives the store the attempts of a lead that stand: those that may be or are sales.
func (e *Exchange) restoreHolds(h *history) {
	for i := range h.attempts {
		a := &h.attempts[i]
		if !a.outcome().Standing() {
			continue
		}
		p := a.posting
		e.store.Restore(capstore.Restored{Token: p.Attempt, Lead: h.id, Buyer: p.Buyer, MaxSold: p.MaxSold,
			SellLimit: p.SellLimit, Charges: p.Charges, Committed: a.outcome() == lead.Accepted})
	}
}

// lead makes the typed record again: the ping's values, and those that the post added.
func (h *history) lead(s *lead.Schema) *lead.Lead {
	l := &lead.Lead{}
	l.Reset(s)
	l.SetNow(h.pinged.ReceivedAt)
	fill(l, h.pinged.Fields, h.pinged.Raw)
	fill(l, h.pinged.Private.Fields, h.pinged.Private.Raw)
	if h.post != nil {
		fill(l, h.post.Fields, h.post.Raw)
		fill(l, h.private.Fields, h.private.Raw)
	}
	return l
}

// fill sets values as they were sent: the raw text where it differs from the normal one.
func fill(l *lead.Lead, fields, raw ledger.Fields) {
	for _, f := range fields {
		pos, ok := l.Schema().Position(f.Name)
		if !ok {
			continue
		}
		v := f.Value
		if r, ok := raw.Get(f.Name); ok {
			v = r
		}
		if t := l.Schema().Fields[pos].Type; (t == lead.TypeSSN || t == lead.TypeList) && lead.SSNMasked(v) {
			continue // it was never kept: only the post itself can bring it
		}
		l.Set(pos, []byte(v))
	}
}

// reply is what the seller hears of a lead now.
func (e *Exchange) reply(h *history) Reply {
	r := Reply{LeadID: h.id, SellerLeadID: h.seller(), Currency: h.pinged.Currency, Test: h.pinged.Test}
	switch {
	case h.settled != nil && !h.open():
		r.settled(h)
	case h.settled != nil || len(h.attempts) > 0:
		r.Result = ledger.ResultPending
	case h.pinged.Result == ledger.ResultFailure:
		r.Result, r.Refusal, r.Details = ledger.ResultFailure, h.pinged.Refusal, h.pinged.Details
	default:
		r.Result, r.Quote, r.Price, r.ExpiresAt = ledger.ResultSuccess, true, h.pinged.Price, h.pinged.ExpiresAt
	}
	return r
}

func (r *Reply) settled(h *history) {
	s := h.settled
	r.Result, r.Refusal, r.Details, r.Reference, r.Price = s.Result, s.Refusal, s.Details, s.Reference, s.Payout
	for _, x := range s.Sales {
		r.Sales = append(r.Sales, SaleReply{x.Reference, x.Payout, h.redirect(x.Attempt)})
	}
	for _, x := range s.TestSales {
		r.Price += x.Payout
		r.Sales = append(r.Sales, SaleReply{x.Reference, x.Payout, h.redirect(x.Attempt)})
	}
}
