// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"

	"clearpost/capstore"
	"clearpost/exchange/history"
	"clearpost/lead"
)

// history reads a lead's history. A lead that the ledger does not know has a nil pinged.
func (e *Exchange) history(id lead.ID) (*history.History, error) {
	recs, err := e.led.Lead(id)
	if err != nil {
		return nil, fmt.Errorf("read lead %s: %w", id, err)
	}
	h := &history.History{ID: id}
	for _, r := range recs {
		ev, err := e.decoded.event(r)
		if err != nil {
			return nil, fmt.Errorf("lead %s, event %d: %w", id, r.Seq, err)
		}
		h.Add(ev)
		h.Seqs = append(h.Seqs, r.Seq)
	}
	return h, nil
}

// restoreHolds gives the store the attempts of a lead that stand: those that may be or are sales.
func (e *Exchange) restoreHolds(h *history.History) {
	store, ok := e.store.(capstore.Rebuilt)
	if !ok {
		return
	}
	for i := range h.Attempts {
		a := &h.Attempts[i]
		if !a.Outcome().Standing() {
			continue
		}
		p := a.Posting
		store.Restore(capstore.Restored{Token: p.Attempt, Lead: h.ID, Buyer: p.Holder(), MaxSold: p.MaxSold,
			SellLimit: p.SellLimit, Charges: p.Charges, Marks: heldMarks(p), At: p.At,
			Committed: a.Outcome() == lead.Accepted})
	}
}

// replyOf is what the seller hears of a lead now.
func replyOf(h *history.History) Reply {
	r := Reply{LeadID: h.ID, SellerLeadID: h.Seller(), Currency: h.Pinged.Currency, Test: h.Pinged.Test}
	if h.Pinged.Resubmits != nil {
		r.Resubmits = h.Pinged.Resubmits.Lead
	}
	if h.Resubmitted != nil {
		r.ResubmittedAs = h.Resubmitted.Resubmission.Lead
	}
	switch {
	case h.Waiting != nil:
		r.Result = h.Waiting.Said
	case h.Settled != nil && !h.Open():
		r.settled(h)
	case h.Settled != nil || len(h.Attempts) > 0:
		r.Result = lead.ResultPending
	case h.Pinged.Result == lead.ResultFailure:
		r.Result, r.Refusal, r.Details = lead.ResultFailure, h.Pinged.Refusal, h.Pinged.Details
	default:
		r.Result, r.Quote, r.Price, r.ExpiresAt = lead.ResultSuccess, true, h.Pinged.Price, h.Pinged.ExpiresAt
	}
	return r
}

func (r *Reply) settled(h *history.History) {
	s := h.Settled
	r.Result, r.Refusal, r.Details, r.Reference, r.Price = s.Result, s.Refusal, s.Details, s.Reference, s.Payout
	for _, x := range s.Sales {
		r.Sales = append(r.Sales, SaleReply{x.Reference, x.Payout, h.RedirectOf(x.Attempt)})
	}
	for _, x := range s.TestSales {
		r.Price += x.Payout
		r.Sales = append(r.Sales, SaleReply{x.Reference, x.Payout, h.RedirectOf(x.Attempt)})
	}
}
