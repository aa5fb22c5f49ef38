// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"slices"

	"clearpost/auction"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/wire/request"
)

// A tier that posts simultaneously asks as many buyers at once as the lead has slots: a round. All of a round's
// attempts hold what they need and become durable as one group, before the first of them goes out. While they are on
// the wire each counts as a sale. A bid that is refused only for the sake of others in a round has its turn when they
// are over.

// Where several legs of one buyer may buy, those that stand among as many bids as there are slots go into one request,
// and each is an attempt of its own with its own hold, price and end.

// outbound is a request that is ready to go out, with its attempts and their bids, one each: they have passed all
// checks, and hold what they need.
type outbound struct {
	live *LiveCampaign
	bids []*ledger.Bid
	of   []*ledger.Posting
	in   request.Inputs
	req  []byte
}

// together tells whether a bid's tier asks several buyers at once.
func (d *delivery) together(b *ledger.Bid) bool {
	if b.Tier == "" {
		return false
	}
	r := d.src.Routing(d.v)
	if r == nil {
		return false
	}
	for i := range r.Plan.Tiers {
		if t := &r.Plan.Tiers[i]; t.Name == b.Tier {
			return t.Mode == auction.Simultaneous
		}
	}
	return false
}

// round prepares the attempts that go out at once: that of the first bid; in a tier that asks so, those of as many
// after it as there are slots; of a buyer several of whose legs may buy, those of its legs among as many bids. It gives
// the bids whose turn is yet to come. Where the first has no attempt the round is that of the next.
func (d *delivery) round(order []*ledger.Bid) (round []*outbound, left []*ledger.Bid) {
	first := order[0]
	together := d.together(first)
	var others []*ledger.Bid // that will have a slot before those that come after them
	for i, b := range order {
		if i > 0 && (b.Tier != first.Tier || len(round) == 0 && !together || !together && !round[0].live.Several) {
			return round, append(left, order[i:]...)
		}
		if d.passes(b) {
			continue
		}
		if len(round) > 0 && !d.roomBeside(b, others) {
			left = append(left, b)
			continue
		}
		switch with := sameAnswer(round, b); {
		case with != nil:
			if d.join(with, b, nil) != lead.NoRefusal {
				left = append(left, b)
			}
		case len(round) > 0 && !together:
			left, others = append(left, b), append(others, b)
		default:
			o, no := d.prepare(b, nil)
			switch {
			case o != nil:
				round = append(round, o)
			case len(round) > 0 && !d.away:
				left = append(left, b)
			default:
				d.refuse(b, no)
			}
		}
	}
	return round, left
}

// sameAnswer is the request of a round that a bid's leg may go along with, nil if there is none.
func sameAnswer(round []*outbound, b *ledger.Bid) *outbound {
	for _, o := range round {
		if o.live.Several && o.live.ID == b.Campaign {
			return o
		}
	}
	return nil
}

// roomBeside tells whether the lead has a slot for a bid beside those that are in flight and others, as far as promises
// go.
func (d *delivery) roomBeside(b *ledger.Bid, others []*ledger.Bid) bool {
	most := min(d.quote.Limit, max(b.MaxSold, 1))
	for _, p := range d.flight {
		most = min(most, max(p.MaxSold, 1))
	}
	for _, o := range others {
		most = min(most, max(o.MaxSold, 1))
	}
	return d.history.Sold()+len(d.flight)+len(others) < most
}

// goOut makes a round's attempts durable, sends them and hears how they end. An error is one of the ledger; where it
// comes before anything was sent, nothing is held any more unless nobody can tell what is stored.
func (d *delivery) goOut(round []*outbound) error {
	defer func() { d.flight = nil }()
	if len(round) == 0 {
		return nil
	}
	var group []ledger.Event
	number := d.history.Rounds() + 1
	round[0].of[0].Woken = d.wokenAt()
	round[0].of[0].Tried, d.told = slices.Clone(d.tried[d.told:]), len(d.tried)
	for _, o := range round {
		d.record(o.of[0], o.live.Campaign.Post, &o.in)
		for _, p := range o.of {
			if group = append(group, p); len(d.flight) > 1 {
				p.Round = number
			}
		}
	}
	if err := d.append(group...); err != nil {
		if errors.Is(err, ledger.ErrUncertain) {
			d.maybe = d.flight
		} else {
			d.releaseUnstored()
		}
		return err
	}
	d.made += len(d.flight)
	for _, p := range d.flight {
		d.history.Attempts = append(d.history.Attempts, history.Attempt{Posting: p})
	}
	d.attemptStored()
	if len(round) == 1 {
		d.take(d.call(round[0]))
		return nil
	}
	return d.callAll(round)
}

// callAll makes the calls of a round at once. What an attempt came to becomes durable while the others are still
// awaited; the last of them goes with what comes next, so that no crash leaves a lead all of whose attempts have ended
// and that has no answer.
func (d *delivery) callAll(round []*outbound) (err error) {
	ends := make(chan heard, len(round))
	for _, o := range round {
		go func() {
			h := heard{outbound: o}
			defer func() {
				h.panicked = recover()
				ends <- h
			}()
			h = d.call(o)
		}()
	}
	var panicked any
	for left := len(round) - 1; left >= 0; left-- {
		h := <-ends
		if h.panicked != nil {
			panicked = h.panicked
			continue
		}
		if d.take(h); left == 0 && panicked == nil {
			break
		}
		if err = errors.Join(err, d.flush()); err != nil {
			return err // the exchange has ended: attempts without an end in the ledger are unknown
		}
	}
	if panicked != nil {
		panic(panicked)
	}
	return nil
}

// flush makes the ends of attempts durable that are not.
func (d *delivery) flush() error {
	if len(d.carry) == 0 {
		return nil
	}
	return d.append()
}

// instead is the hold in whose place the next attempt has its own: one of those that were refused and that no attempt
// in flight has taken the place of. The ends of all of them become durable together with the next attempts.
func (d *delivery) instead() lead.ID {
	if n := len(d.flight); n < len(d.refused) {
		return d.refused[n]
	}
	return noLead
}
