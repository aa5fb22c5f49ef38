// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
)

// Status tells a source what has become of its lead, and of what that was resubmitted as. A Fault says that it has no
// such lead.
func (e *Exchange) Status(s *Source, id lead.ID) (Reply, *Fault) {
	h, f := e.own(s, id)
	if f != nil {
		return Reply{}, f
	}
	last, f := e.lastOf(h)
	if f != nil {
		return Reply{}, f
	}
	r, f := e.statusOf(last)
	if f == nil && last != h {
		r.LeadID, r.Resubmits, r.ResubmittedAs = id, noLead, last.ID
		if h.Pinged.Resubmits != nil {
			r.Resubmits = h.Pinged.Resubmits.Lead
		}
	}
	return r, f
}

// lastOf is the last lead as which a lead was resubmitted, that lead itself if it was not. One whose events were
// dropped with age is none.
func (e *Exchange) lastOf(h *history.History) (*history.History, *Fault) {
	for range ResubmitHopsMost {
		if h.Resubmitted == nil {
			break
		}
		next, f := e.read(h.Resubmitted.Resubmission.Lead)
		if f != nil {
			return nil, f
		}
		if next.Pinged == nil {
			break
		}
		h = next
	}
	return h, nil
}

// statusOf is what has become of a lead. A trip that was cut off by a restart is ended when its quote is over.
func (e *Exchange) statusOf(h *history.History) (Reply, *Fault) {
	if h.Resumable() && h.Over(e.now()) {
		held := e.claims.In()
		defer held.Release()
		if _, ok := held.Take(leadName(h.ID), &underWay{}); ok {
			h, f := e.read(h.ID)
			if f != nil {
				return Reply{}, f
			}
			if h.Resumable() {
				return e.conclude(h)
			}
			return replyOf(h), nil
		}
	}
	return replyOf(h), nil
}

// BySellerLeadID tells a source what has become of the leads to which it gave this id, newest first, at most 100. A
// lead that was resubmitted stands there as what it has become, and once.
func (e *Exchange) BySellerLeadID(s *Source, id string) ([]Reply, *Fault) {
	var out []Reply
	for _, l := range e.led.BySellerLeadID(s.ID, id) {
		r, f := e.Status(s, l)
		switch {
		case f == nil && !r.ResubmittedAs.IsZero():
		case f == nil:
			out = append(out, r)
		case f.Kind != FaultNotFound: // else its events were dropped with age
			return nil, f
		}
	}
	return out, nil
}

// answered gives the answer of a lead whose post needs no delivery: it has one already, an attempt of it is open, its
// ping failed, or its attempts were all refused and its quote is over. The caller holds the lead's trip.
func (e *Exchange) answered(h *history.History, at, now time.Time) (Reply, *Fault, bool) {
	switch {
	case h.Open(), h.Settled != nil, h.Waiting != nil, h.Pinged.Result == lead.ResultFailure:
		return replyOf(h), nil, true
	case h.Resumable() && h.Over(at):
		r, f := e.conclude(h)
		return r, f, true
	}
	return Reply{}, nil, false
}

// conclude settles a lead whose trip was cut off by a restart, whose attempts all have a known outcome and whose quote
// is over.
func (e *Exchange) conclude(h *history.History) (Reply, *Fault) {
	d := e.atEnd(e.inForce.Load(), h)
	d.seller = h.Seller()
	return d.settle()
}

// atEnd is the delivery of a lead for which no attempt is made any more. It has what the ledger knows and nothing of
// the configuration, which may have neither the lead's source nor its vertical now.
func (e *Exchange) atEnd(on *Snapshot, h *history.History) *delivery {
	d := &delivery{e: e, on: on, history: h, who: h.Who}
	d.recallNo(history.Ended(h.Attempts))
	return d
}
