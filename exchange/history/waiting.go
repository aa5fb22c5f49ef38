// SPDX-License-Identifier: Apache-2.0

package history

import (
	"slices"

	"clearpost/lead"
	"clearpost/ledger"
)

// WaitsFor is how the lead waits for a bid, nil if it does not.
func (h *History) WaitsFor(b *ledger.Bid) *ledger.Wait {
	if h.Waiting == nil {
		return nil
	}
	for i := range h.Waiting.Waits {
		if w := &h.Waiting.Waits[i]; w.Campaign == b.Campaign && w.Leg == b.Leg {
			return w
		}
	}
	return nil
}

// Place is the lead's place in the queue, nil if it has none.
func (h *History) Place() *ledger.Place {
	if h.Waiting == nil {
		return nil
	}
	return h.Waiting.Place()
}

// AttemptsOf is how many attempts a bid has had. Those that were written down and never sent are none.
func (h *History) AttemptsOf(campaign string, leg int) (n int) {
	for i := range h.Attempts {
		a := &h.Attempts[i]
		if p := a.Posting; p.Campaign == campaign && p.Leg == leg && p.Again == "" &&
			(a.Posted == nil || a.Posted.Refusal != lead.NotBegun) {
			n++
		}
	}
	return n
}

// OfTrip are the attempts that the trip which is under way has made: those since the lead was queued last.
func (h *History) OfTrip() []Attempt {
	if h.Waiting == nil {
		return h.Attempts
	}
	return h.Attempts[h.before:]
}

// Ended are those of some attempts that are known to be no sale, without those that were made once more.
func Ended(of []Attempt) (out []*Attempt) {
	for i := range of {
		a := &of[i]
		again := func(b Attempt) bool { return b.Posting.Of != nil && *b.Posting.Of == a.Posting.Attempt }
		if o := a.Outcome(); a.Posted != nil && o != lead.Unknown && o != lead.Accepted && o != lead.TestAccepted &&
			!slices.ContainsFunc(of, again) {
			out = append(out, a)
		}
	}
	return out
}

// Trip is one walk down a lead's bids: that of its post, or of a waking from the queue.
type Trip struct {
	Before *History       // what the ledger told when it began
	Events []ledger.Event // of it
}

// Trips are the walks that the ledger tells of, the ping before them left out, oldest first. Corrections, which come
// after a lead is settled, are in the last.
func (h *History) Trips() (out []Trip) {
	sofar := &History{ID: h.ID}
	for _, ev := range h.Events {
		begins := false
		switch ev := ev.(type) {
		case *ledger.Pinged:
			sofar.Add(ev)
			continue
		case *ledger.Posting:
			begins = ev.Woken != nil
		case *ledger.Settled:
			begins = ev.Woken != nil
		case *ledger.Deferred:
			begins = ev.Woken != nil
		}
		if len(out) == 0 || begins {
			now := *sofar
			now.Attempts = append([]Attempt(nil), sofar.Attempts...)
			out = append(out, Trip{Before: &now})
		}
		t := &out[len(out)-1]
		t.Events = append(t.Events, ev)
		sofar.Add(ev)
	}
	return out
}
