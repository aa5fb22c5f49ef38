// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"slices"
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/queue"
)

// A source with a webhook is told of each end of its leads, whether it has heard it by an answer or not: the ledger
// does not say which answers came through. A message says what GET /v1/leads/{id} said when its event was stored.

// Webhook is where a source is told what becomes of its leads.
type Webhook struct {
	queue.Endpoint
	Events []string // of HookEvents
}

// What a source may be told of.
const (
	HookSold      = "sold"
	HookUnsold    = "unsold"
	HookPending   = "pending"   // an attempt's outcome is not known: no end
	HookCorrected = "corrected" // what was told before is otherwise: sold or not, or other money
	HookReturned  = "returned"  // a buyer gave a sale back, or did not after all; what its source bears of it
	HookQueued    = "queued"    // nobody has bought the lead yet, and it waits: no end
)

// HookEvents are all of them; those of an end, and of what changes one, are what is told where nothing is said.
var (
	HookEvents        = []string{HookSold, HookUnsold, HookPending, HookCorrected, HookReturned, HookQueued}
	HookEventsDefault = []string{HookSold, HookUnsold, HookCorrected, HookReturned}
)

// endTold is the data of a message to a source.
type endTold struct {
	Answer
	Vertical string      `json:"vertical"`
	Was      *endBefore  `json:"was,omitempty"`      // corrected, and the end of a pending lead: what was before
	Returned *returnTold `json:"returned,omitempty"` // the sale that was given back
}

// returnTold is a sale that was given back.
type returnTold struct {
	ID       string `json:"id"`
	Price    Amount `json:"price"`             // what it was sold for, as its source was told
	Clawback Amount `json:"clawback"`          // what of it is taken back; revoked: what is paid again
	Reason   string `json:"reason,omitempty"`  // the buyer's; "": nobody has said
	Revoked  bool   `json:"revoked,omitempty"` // it is not given back after all
}

// givesBack tells whether an adjustment says that a sale is given back, or is not after all.
func givesBack(adj *ledger.Adjusted) bool {
	switch adj.Adjustment {
	case ledger.AdjustReported:
		return adj.Fate == ledger.FateReturned
	case ledger.AdjustReturned, ledger.AdjustReturnRevoked:
		return true
	}
	return false
}

// endBefore is an earlier answer.
type endBefore struct {
	Result string    `json:"result"`
	Price  *Amount   `json:"price,omitempty"`
	At     time.Time `json:"at"`
}

// endMessage is the message of an event to its source, nil if it has none.
func (e *Exchange) endMessage(r ledger.Record, source string) (*queue.Message, error) {
	snap := e.inForce.Load()
	s := snap.source[source]
	if s == nil || s.Webhook == nil {
		return nil, nil
	}
	h, before, err := e.historyAt(r)
	if err != nil || len(h.Events) == 0 || e.inherits(h) {
		return nil, err
	}
	now, was := snap.replyThen(h), snap.replyThen(before)
	data := endTold{Answer: now.Answer()}
	kind := ""
	ev := h.Events[len(h.Events)-1]
	switch ev := ev.(type) {
	case *ledger.Settled:
		kind = kindOf(ev, before.Settled)
		if before.Settled != nil {
			if sameReply(&now, &was) {
				return nil, nil // the buyer's money is another, and not the seller's
			}
			data.Was = &endBefore{was.Result, was.Answer().Price, before.Settled.At.UTC()}
		} else if ev.Was != nil { // its events were dropped with age
			data.Was = &endBefore{ev.Was.Result, nil, ev.Was.At.UTC()}
		}
	case *ledger.Deferred:
		if waitedBefore(h) {
			return nil, nil // its place in the queue is another: its seller has heard that it waits
		}
		kind = HookQueued
	case *ledger.Adjusted:
		if kind = HookReturned; h.Pinged == nil && h.Settled == nil { // dropped with age
			data.Answer = Answer{Result: lead.ResultSuccess, LeadID: h.ID.String()}
		}
		if a := h.Attempt(ev.Attempt); a != nil {
			b := a.Booked()
			data.Returned = &returnTold{ID: b.Reference, Price: Amount(b.Payout)}
			if r := ev.Return; r != nil {
				data.Returned.Reason, data.Returned.Clawback = r.Reason, Amount(max(r.Clawback, -r.Clawback))
				data.Returned.Revoked = ev.Adjustment == ledger.AdjustReturnRevoked
			}
		}
	}
	if !slices.Contains(s.Webhook.Events, kind) {
		return nil, nil
	}
	data.Vertical = ev.Header().Vertical
	return hookMessage(&r, "lead."+kind, ev.Header().At, data)
}

// waitedBefore tells whether a lead was in the queue before its last event put it there.
func waitedBefore(h *history.History) bool {
	return slices.ContainsFunc(h.Events[:len(h.Events)-1], func(ev ledger.Event) bool {
		_, waits := ev.(*ledger.Deferred)
		return waits
	})
}

// kindOf is what an answer is to a source that was given another one before, or none.
func kindOf(s, before *ledger.Settled) string {
	switch {
	case s.Result == lead.ResultPending:
		return HookPending
	case before != nil && before.Result != lead.ResultPending, before == nil && s.Was != nil:
		return HookCorrected
	case s.Result == lead.ResultSuccess:
		return HookSold
	}
	return HookUnsold
}

// historyAt is the history of an event's lead as it was with that event, and as it was with its answer before, empty
// where there was none.
func (e *Exchange) historyAt(r ledger.Record) (h, before *history.History, err error) {
	all, err := e.history(r.Lead)
	if err != nil {
		return nil, nil, err
	}
	h, before = &history.History{ID: all.ID}, &history.History{ID: all.ID}
	answered := 0 // events up to the answer before
	for i, ev := range all.Events {
		if all.Seqs[i] > r.Seq {
			break
		}
		h.Add(ev)
		h.Seqs = append(h.Seqs, all.Seqs[i])
		if _, ok := ev.(*ledger.Settled); ok && all.Seqs[i] < r.Seq {
			answered = i + 1
		}
	}
	for _, ev := range all.Events[:answered] {
		before.Add(ev)
	}
	return h, before, nil
}

// replyThen is what the seller heard of a lead with this history. Of a lead whose first events were dropped with age it
// has what the answer itself says.
func (snap *Snapshot) replyThen(h *history.History) Reply {
	if h.Pinged != nil {
		return replyOf(h)
	}
	r := Reply{LeadID: h.ID, Result: lead.ResultPending}
	if h.Post != nil {
		r.SellerLeadID = h.Post.SellerLeadID
	}
	if h.Settled != nil {
		r.Test = h.Settled.Test
		if v := snap.Vertical(h.Settled.Vertical); v != nil {
			r.Currency = v.Currency
		}
		r.settled(h)
	}
	return r
}

// sameReply tells whether a seller hears the same.
func sameReply(a, b *Reply) bool {
	return a.Result == b.Result && a.Price == b.Price && a.Refusal == b.Refusal && a.Details == b.Details &&
		a.Reference == b.Reference && slices.Equal(a.Sales, b.Sales)
}
