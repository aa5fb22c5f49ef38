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

// story is all that the ledger tells of one lead. It is folded from the lead's events whenever somebody asks, so that a
// restart changes nothing.
type story struct {
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

// fold reads a lead's story. A lead that the ledger does not know has a nil pinged.
func (e *Exchange) fold(id lead.ID) (*story, error) {
	recs, err := e.led.Lead(id)
	if err != nil {
		return nil, fmt.Errorf("read lead %s: %w", id, err)
	}
	st := &story{id: id}
	for _, r := range recs {
		ev, err := e.decoded.event(r)
		if err != nil {
			return nil, fmt.Errorf("lead %s, event %d: %w", id, r.Seq, err)
		}
		st.add(ev)
		st.seqs = append(st.seqs, r.Seq)
	}
	return st, nil
}

func (st *story) add(ev ledger.Event) {
	st.events = append(st.events, ev)
	switch ev := ev.(type) {
	case *ledger.Pinged:
		st.pinged, st.who = ev, identity{ev.Private.Person, ev.Private.Also}
	case *ledger.Posting:
		st.posting(ev.Post, ev.Private)
		if ev.Again != ledger.AgainResend {
			st.attempts = append(st.attempts, attempt{posting: ev})
		} else if a := st.attempt(*ev.Of); a != nil {
			a.resends = append(a.resends, ev.Attempt)
		}
	case *ledger.Posted:
		if a := st.attempt(ev.Attempt); a != nil {
			a.posted, a.redirect, a.queued = ev, ev.Private.Redirect, ev.Refusal == lead.Queued
		} else if a := st.resent(ev.Attempt); a != nil {
			a.queued = a.queued || ev.Refusal == lead.Queued
			if ev.Private.Redirect != "" {
				a.redirect = ev.Private.Redirect
			}
		}
	case *ledger.Adjusted:
		if a := st.attempt(ev.Attempt); a != nil {
			a.resolved = ev
		}
	case *ledger.Settled:
		st.posting(ev.Post, ev.Private)
		st.settled = ev
	}
}

func (st *story) posting(p *ledger.Post, priv ledger.Private) {
	if p == nil {
		return
	}
	st.post, st.private = p, priv
	if priv.Person != "" {
		st.who = identity{priv.Person, priv.Also}
	}
}

func (st *story) attempt(id lead.ID) *attempt {
	for i := range st.attempts {
		if st.attempts[i].posting.Attempt == id {
			return &st.attempts[i]
		}
	}
	return nil
}

// resent is the attempt that a resend is of.
func (st *story) resent(id lead.ID) *attempt {
	for i := range st.attempts {
		if slices.Contains(st.attempts[i].resends, id) {
			return &st.attempts[i]
		}
	}
	return nil
}

// redirect is where the buyer of a sale sends the consumer, empty if nowhere.
func (st *story) redirect(id lead.ID) string {
	if a := st.attempt(id); a != nil {
		return a.redirect
	}
	return ""
}

// open tells whether an attempt has no known outcome.
func (st *story) open() bool {
	for i := range st.attempts {
		if st.attempts[i].outcome() == lead.Unknown {
			return true
		}
	}
	return false
}

// seller is the seller's own lead id: the post's, else the ping's.
func (st *story) seller() string {
	if st.post != nil && st.post.SellerLeadID != "" {
		return st.post.SellerLeadID
	}
	return st.pinged.SellerLeadID
}

// sales lists the accepted attempts in the order of the attempts.
func (st *story) sales() []ledger.Sale {
	var out []ledger.Sale
	for i := range st.attempts {
		a := &st.attempts[i]
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
func (st *story) sold() int { return len(st.sales()) + len(st.testSales()) }

// resumable tells whether attempts were made, all have a known outcome, and no answer was written: a trip that a crash
// cut off. The seller's repeat goes on with the next bid while the quote lasts.
func (st *story) resumable() bool { return len(st.attempts) > 0 && st.settled == nil && !st.open() }

// over tells whether the quote no longer stands: its time is past, or it was given by a clock that was ahead, and
// nobody knows how long ago.
func (st *story) over(now time.Time) bool {
	return now.After(st.pinged.ExpiresAt) || st.pinged.At.Sub(now) > ledger.ClockAhead
}

// finished tells whether nothing more can become of the lead without a person.
func (st *story) finished() bool {
	return st.settled != nil && st.settled.Result != ledger.ResultPending && !st.open()
}

// restoreHolds gives the store the attempts of a lead that stand: those that may be or are sales.
func (e *Exchange) restoreHolds(st *story) {
	for i := range st.attempts {
		a := &st.attempts[i]
		if !a.outcome().Standing() {
			continue
		}
		p := a.posting
		e.store.Restore(capstore.Restored{Token: p.Attempt, Lead: st.id, Buyer: p.Buyer, MaxSold: p.MaxSold,
			SellLimit: p.SellLimit, Charges: storeCharges(p.Charges), Committed: a.outcome() == lead.Accepted})
	}
}

func storeCharges(cs []ledger.Charge) []capstore.Charge {
	out := make([]capstore.Charge, len(cs))
	for i, c := range cs {
		out[i] = capstore.Charge{Cap: c.Cap, Window: c.Window, N: c.N}
	}
	return out
}

func ledgerCharges(cs []capstore.Charge) []ledger.Charge {
	out := make([]ledger.Charge, len(cs))
	for i, c := range cs {
		out[i] = ledger.Charge{Cap: c.Cap, Window: c.Window, N: c.N}
	}
	return out
}

// lead makes the typed record again: the ping's values, and those that the post added.
func (st *story) lead(s *lead.Schema) *lead.Lead {
	l := &lead.Lead{}
	l.Reset(s)
	l.SetNow(st.pinged.ReceivedAt)
	fill(l, st.pinged.Fields, st.pinged.Raw)
	fill(l, st.pinged.Private.Fields, st.pinged.Private.Raw)
	if st.post != nil {
		fill(l, st.post.Fields, st.post.Raw)
		fill(l, st.private.Fields, st.private.Raw)
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
func (e *Exchange) reply(st *story) Reply {
	r := Reply{LeadID: st.id, SellerLeadID: st.seller(), Currency: st.pinged.Currency, Test: st.pinged.Test}
	switch {
	case st.settled != nil && !st.open():
		r.settled(st)
	case st.settled != nil || len(st.attempts) > 0:
		r.Result = ledger.ResultPending
	case st.pinged.Result == ledger.ResultFailure:
		r.Result, r.Refusal, r.Details = ledger.ResultFailure, st.pinged.Refusal, st.pinged.Details
	default:
		r.Result, r.Quote, r.Price, r.ExpiresAt = ledger.ResultSuccess, true, st.pinged.Price, st.pinged.ExpiresAt
	}
	return r
}

func (r *Reply) settled(st *story) {
	s := st.settled
	r.Result, r.Refusal, r.Details, r.Reference, r.Price = s.Result, s.Refusal, s.Details, s.Reference, s.Payout
	for _, x := range s.Sales {
		r.Sales = append(r.Sales, SaleReply{x.Reference, x.Payout, st.redirect(x.Attempt)})
	}
	for _, x := range s.TestSales {
		r.Price += x.Payout
		r.Sales = append(r.Sales, SaleReply{x.Reference, x.Payout, st.redirect(x.Attempt)})
	}
}
