// SPDX-License-Identifier: Apache-2.0

// Package history is what the ledger tells of one lead, folded from its events: its ping, its posts, how each attempt
// stands, what is sold. It is pure: it reads nothing by itself and changes no event.
package history

import (
	"slices"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// History is all that the ledger tells of one lead. It is folded from the lead's events whenever somebody asks, so that
// a restart changes nothing.
type History struct {
	ID       lead.ID
	Pinged   *ledger.Pinged
	Post     *ledger.Post // the first post, nil if there was none
	Who      Identity
	Private  ledger.Private // personal fields that the post brought
	Attempts []Attempt
	Settled  *ledger.Settled  // the last one
	Waiting  *ledger.Deferred // its place in the queue; nil: it waits for nobody
	// it is offered anew as another lead; nil: it is not
	Resubmitted *ledger.Adjusted
	Events      []ledger.Event
	Seqs        []uint64

	before int // attempts that were made before Waiting
}

// Attempt is one outbound post, with all that is known of its end.
type Attempt struct {
	Posting  *ledger.Posting
	Posted   *ledger.Posted
	Resolved *ledger.Adjusted
	Changes  []*ledger.Adjusted // corrections and other bookings since, in order: the last one stands
	Returns  []*ledger.Adjusted // what became of its buyer's wish to give it back, in order
	Resends  []lead.ID          // postings of the same request again, whatever came of them
	Queued   bool               // the buyer has said, then or since, that it has the lead and decides later
	Redirect string             // where the buyer sends the consumer
	File     *ledger.File       // the last that it was decided to be a row of; nil: it was not
}

// Outcome is what the attempt counts as now; Unknown also when it has no end in the ledger.
func (a *Attempt) Outcome() lead.Outcome {
	if n := len(a.Changes); n > 0 {
		return a.Changes[n-1].Outcome
	}
	return a.Uncorrected()
}

// Uncorrected is what the attempt counted as before anything was corrected: while its lead was delivered.
func (a *Attempt) Uncorrected() lead.Outcome {
	switch {
	case a.Resolved != nil:
		return a.Resolved.Outcome
	case a.Posted != nil:
		return a.Posted.Outcome
	case a.Posting.Test:
		return lead.Rejected // whatever the buyer did with it, it is no sale
	}
	return lead.Unknown
}

// Booked is how the attempt stands, and what is booked for it.
func (a *Attempt) Booked() ledger.Booked {
	out := ledger.Booked{Outcome: a.Outcome()}
	last := a.Resolved
	if n := len(a.Changes); n > 0 {
		last = a.Changes[n-1]
	}
	switch {
	case out.Outcome != lead.Accepted:
	case last != nil:
		out.Price, out.Payout, out.Reference = last.Price, last.Payout, last.Reference
	default:
		out.Price, out.Payout, out.Reference = a.Posted.Price, a.Posted.Payout, a.Posted.Reference
	}
	return out
}

// Add takes the next event of the lead, in the order of the ledger.
func (h *History) Add(ev ledger.Event) {
	h.Events = append(h.Events, ev)
	switch ev := ev.(type) {
	case *ledger.Pinged:
		h.Pinged, h.Who = ev, Identity{ev.Private.Person, ev.Private.Also}
	case *ledger.Posting:
		h.posting(ev.Post, ev.Private)
		if ev.Again != ledger.AgainResend {
			h.Attempts = append(h.Attempts, Attempt{Posting: ev})
		} else if a := h.Attempt(*ev.Of); a != nil {
			a.Resends = append(a.Resends, ev.Attempt)
		}
	case *ledger.Posted:
		if a := h.Attempt(ev.Attempt); a != nil {
			a.Posted, a.Redirect, a.Queued = ev, ev.Private.Redirect, ev.Refusal == lead.Queued
		} else if a := h.resent(ev.Attempt); a != nil {
			a.Queued = a.Queued || ev.Refusal == lead.Queued
			if ev.Private.Redirect != "" {
				a.Redirect = ev.Private.Redirect
			}
		}
	case *ledger.Adjusted:
		if ev.Adjustment == ledger.AdjustResubmitted && ev.Resubmission != nil {
			h.Resubmitted = ev
		} else if a := h.Attempt(ev.Attempt); a != nil {
			switch ev.Adjustment {
			case ledger.AdjustResolved:
				a.Resolved = ev
			case ledger.AdjustCorrected, ledger.AdjustRebooked:
				a.Changes = append(a.Changes, ev)
			case ledger.AdjustBatched:
				a.File = ev.File
			default:
				if ledger.OfReturn(ev.Adjustment) && ev.Return != nil {
					a.Returns = append(a.Returns, ev)
				}
			}
		}
	case *ledger.Settled:
		h.posting(ev.Post, ev.Private)
		h.Settled, h.Waiting = ev, nil
	case *ledger.Deferred:
		h.posting(ev.Post, ev.Private)
		h.Waiting, h.before = ev, len(h.Attempts)
	}
}

func (h *History) posting(p *ledger.Post, priv ledger.Private) {
	if p == nil {
		return
	}
	h.Post, h.Private = p, priv
	if priv.Person != "" {
		h.Who = Identity{priv.Person, priv.Also}
	}
}

// Attempt finds an attempt by its id, nil if there is none.
func (h *History) Attempt(id lead.ID) *Attempt {
	for i := range h.Attempts {
		if h.Attempts[i].Posting.Attempt == id {
			return &h.Attempts[i]
		}
	}
	return nil
}

// resent is the attempt that a resend is of.
func (h *History) resent(id lead.ID) *Attempt {
	for i := range h.Attempts {
		if slices.Contains(h.Attempts[i].Resends, id) {
			return &h.Attempts[i]
		}
	}
	return nil
}

// RedirectOf is where the buyer of a sale sends the consumer, empty if nowhere.
func (h *History) RedirectOf(id lead.ID) string {
	if a := h.Attempt(id); a != nil {
		return a.Redirect
	}
	return ""
}

// Open tells whether an attempt has no known outcome.
func (h *History) Open() bool {
	for i := range h.Attempts {
		if h.Attempts[i].Outcome() == lead.Unknown {
			return true
		}
	}
	return false
}

// Seller is the seller's own lead id: the post's, else the ping's.
func (h *History) Seller() string {
	if h.Post != nil && h.Post.SellerLeadID != "" {
		return h.Post.SellerLeadID
	}
	return h.Pinged.SellerLeadID
}

// Sales lists the accepted attempts in the order of the attempts.
func (h *History) Sales() []ledger.Sale {
	var out []ledger.Sale
	for i := range h.Attempts {
		a := &h.Attempts[i]
		if a.Outcome() != lead.Accepted {
			continue
		}
		b := a.Booked()
		out = append(out, ledger.Sale{Attempt: a.Posting.Attempt, Campaign: a.Posting.Campaign, Buyer: a.Posting.Buyer,
			Reference: b.Reference, Price: b.Price, Payout: b.Payout})
	}
	return out
}

// Sold is how many sales there are, or would be if the lead were no test.
func (h *History) Sold() int { return len(h.Sales()) + len(h.TestSales()) }

// SoldTo tells whether a bid has bought the lead, or would have if it were no test.
func (h *History) SoldTo(b *ledger.Bid) bool {
	for i := range h.Attempts {
		a := &h.Attempts[i]
		if p, o := a.Posting, a.Outcome(); p.Campaign == b.Campaign && p.Leg == b.Leg &&
			(o == lead.Accepted || o == lead.TestAccepted) {
			return true
		}
	}
	return false
}

// Rounds is how often attempts of the lead went out at the same time so far.
func (h *History) Rounds() (n int) {
	for i := range h.Attempts {
		n = max(n, h.Attempts[i].Posting.Round)
	}
	return n
}

// Ahead is how many sales an attempt had before it when it was made, those that went out with it and stand before it
// among them, whatever became of them. An attempt that is not in the history yet comes after all that are.
func (h *History) Ahead(p *ledger.Posting) (n int) {
	for i := range h.Attempts {
		a := &h.Attempts[i]
		if a.Posting.Attempt == p.Attempt {
			break
		}
		if a.Uncorrected() == lead.Accepted || p.Round != 0 && a.Posting.Round == p.Round {
			n++
		}
	}
	return n
}

// SoldBefore is how many sales there were when a bid's turn came: those of the bids before it.
func (h *History) SoldBefore(campaign string, leg int) (n int) {
	rank := 0
	for i := range h.Pinged.Bids {
		if b := &h.Pinged.Bids[i]; b.Campaign == campaign && b.Leg == leg {
			rank = b.Rank
		}
	}
	for i := range h.Attempts {
		a := &h.Attempts[i]
		if o := a.Uncorrected(); a.Posting.Rank < rank && (o == lead.Accepted || o == lead.TestAccepted) {
			n++
		}
	}
	return n
}

// Resumable tells whether attempts were made, all have a known outcome, and no answer was written: a trip that a crash
// cut off. The seller's repeat goes on with the next bid while the quote lasts.
func (h *History) Resumable() bool {
	return len(h.Attempts) > 0 && h.Settled == nil && h.Waiting == nil && !h.Open()
}

// Over tells whether the quote no longer stands: its time is past, or it was given by a clock that was ahead, and
// nobody knows how long ago.
func (h *History) Over(now time.Time) bool {
	return now.After(h.Pinged.ExpiresAt) || h.Pinged.At.Sub(now) > ledger.ClockAhead
}

// Finished tells whether nothing more can become of the lead without a person.
func (h *History) Finished() bool {
	return h.Settled != nil && h.Settled.Result != lead.ResultPending && !h.Open()
}

// TriedBefore tells whether a bid has had its attempt. One that was written down and never sent is none, and a bid that
// the lead waits for has another one: all that it had are known to have come to nothing.
func (h *History) TriedBefore(b *ledger.Bid) bool {
	from := 0
	if h.WaitsFor(b) != nil {
		from = h.before
	}
	for i := from; i < len(h.Attempts); i++ {
		a := &h.Attempts[i]
		if p := a.Posting; p.Campaign == b.Campaign && p.Leg == b.Leg &&
			(a.Posted == nil || a.Posted.Refusal != lead.NotBegun) {
			return true
		}
	}
	return false
}

// Received is when the whole lead came. One that is offered anew came when the first of its chain did.
func (h *History) Received() time.Time {
	switch {
	case h.Post != nil:
		return h.Post.ReceivedAt
	case h.Pinged.Resubmits != nil:
		return h.Pinged.Resubmits.ReceivedAt
	}
	return h.Pinged.ReceivedAt
}

// Standing tells whether the lead is sold, or may be.
func (h *History) Standing() bool {
	if h.Waiting != nil {
		return true
	}
	for i := range h.Attempts {
		if h.Attempts[i].Outcome().Standing() {
			return true
		}
	}
	return false
}

// QuoteAt tells whether the lead has a quote at a time that no post has used yet.
func (h *History) QuoteAt(now time.Time) bool {
	p := h.Pinged
	return p != nil && p.Result == lead.ResultSuccess && now.Before(p.ExpiresAt) && !h.Over(now) && h.Post == nil &&
		len(h.Attempts) == 0 && h.Settled == nil && h.Waiting == nil
}

// Failed tells whether the lead's post is known to have sold it to nobody.
func (h *History) Failed() bool {
	return h.Settled != nil && h.Settled.Result == lead.ResultFailure && !h.Open()
}
