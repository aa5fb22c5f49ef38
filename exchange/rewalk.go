// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// recheckPosts computes again what the events of one trip of a lead say: whether each bid whose turn came was to be
// tried, at which payout and by which terms, what was booked, and what the lead came to. Times, pauses, limits and
// holds are taken from the record. All attempts of a trip are of one configuration.
func (p *Paper) recheckPosts(h *history.History, trip *history.Trip, c *Check) {
	ev, f := h.Pinged, &finder{check: c}
	s, v := p.snap.source[ev.Source], p.snap.Vertical(ev.Vertical)
	if v == nil || s == nil {
		if !takenOff(trip) {
			f.differ("who and what", ev.Source+", "+ev.Vertical, "not in the configuration of the post")
		}
		return
	}
	asThen := *h // of the trip only, before anything was corrected
	asThen.Events, asThen.Attempts = trip.Events, slices.Clone(h.Attempts[len(trip.Before.Attempts):])
	for i := range asThen.Attempts {
		asThen.Attempts[i].Changes = nil
	}
	begun := *trip.Before
	begun.Pinged, begun.Attempts = ev, slices.Clone(begun.Attempts)
	w := &walk{finder: f, h: &asThen, before: trip.Before, hidden: masked(h, v.Schema), d: delivery{e: p.e, on: p.snap,
		v: v, src: s.Source, l: h.Lead(v.Schema), oneShot: ev.Mode == ledger.ModeLead, history: &begun}}
	w.only(trip)
	w.d.begin()
	w.recall()
	w.turns(w.d.order)
	w.turns(w.d.below())
	f.at("", 0)
}

// takenOff tells whether a trip was nothing but the end of a lead that was taken off the queue.
func takenOff(trip *history.Trip) bool {
	s, ok := trip.Events[0].(*ledger.Settled)
	return ok && s.By != ""
}

// only leaves those attempts of the lead that the trip has made, and finds when it was woken.
func (w *walk) only(trip *history.Trip) {
	made := map[lead.ID]bool{}
	for _, ev := range trip.Events {
		switch ev := ev.(type) {
		case *ledger.Posting:
			made[ev.Attempt] = true
			w.wokenAt(ev.Woken)
		case *ledger.Deferred:
			w.wokenAt(ev.Woken)
			w.ended = true
		case *ledger.Settled:
			w.wokenAt(ev.Woken)
			w.ended = true
		}
	}
	w.h.Attempts = slices.DeleteFunc(w.h.Attempts, func(a history.Attempt) bool { return !made[a.Posting.Attempt] })
}

func (w *walk) wokenAt(at *time.Time) {
	if at != nil {
		w.d.woken = *at
	}
}

// walk is one delivery on paper, as far as it is recorded.
type walk struct {
	*finder
	h      *history.History // as it stands in the ledger
	d      delivery         // its history grows with the attempts
	before *history.History // as it was when the walk began
	ended  bool             // the record has its end
	hidden lead.Positions
	tried  []ledger.Tried
	last   int                  // the greatest rank of an attempt; 0: nobody can tell who had a turn
	later  map[*ledger.Bid]bool // had to wait for a round that it could not be in
}

// recall finds who had a turn and no attempt, and how far the walk went. What a trip that was cut off has tried stands
// nowhere.
func (w *walk) recall() {
	for _, ev := range w.h.Events {
		switch ev := ev.(type) {
		case *ledger.Posting:
			w.tell(ev.Tried)
		case *ledger.Settled:
			w.tell(ev.Tried)
		case *ledger.Deferred:
			w.tell(ev.Tried)
			w.waits(ev)
		}
	}
	for i := range w.h.Attempts {
		a := &w.h.Attempts[i]
		if a.Posted == nil || a.Resolved != nil || !w.ended {
			w.last = 0
			return
		}
		w.last = max(w.last, a.Posting.Rank)
	}
}

// tell notes who had a turn, each for a reason once: a trip tells it with its next attempt, and with its answer.
func (w *walk) tell(tried []ledger.Tried) {
	for _, t := range tried {
		if !slices.Contains(w.tried, t) {
			w.tried = append(w.tried, t)
		}
	}
}

// waits compares for whom the lead was queued with what their campaigns say.
func (w *walk) waits(ev *ledger.Deferred) {
	if ev.By != "" {
		return // a person has
	}
	for i := range ev.Waits {
		x := &ev.Waits[i]
		w.at(x.Campaign, x.Leg)
		c := w.d.on.cfg.Book.Campaign(x.Campaign)
		switch {
		case c == nil || c.Defer == nil:
			if w.before.WaitsFor(&ledger.Bid{Campaign: x.Campaign, Leg: x.Leg}) == nil {
				w.differ("waits", "yes", "no: its campaign has no `defer`")
			}
		case x.Until.Sub(w.h.Received()) > c.Defer.For:
			w.differ("waits until", x.Until.String(), w.h.Received().Add(c.Defer.For).String())
		}
	}
	w.at("", 0)
}

// skipped tells whether a bid had no turn in this trip: it had its attempt in an earlier one, or was not due yet.
func (w *walk) skipped(b *ledger.Bid) bool {
	x := w.before.WaitsFor(b)
	return w.before.TriedBefore(b) || x != nil && w.d.woken.Before(x.Due)
}

// belowQuote tells whether a bid had its turn after all that cover the quote, since it does not: it was sold below the
// quote, or refused for another reason when that came up.
func (w *walk) belowQuote(b *ledger.Bid) bool {
	if !w.d.reprices() {
		return false
	}
	for i := range w.h.Attempts {
		p := w.h.Attempts[i].Posting
		if p.Campaign == b.Campaign && p.Leg == b.Leg {
			return p.Terms != nil && p.Terms.PayoutFollows
		}
	}
	_, _, covered := w.d.payout(b)
	return !covered
}

// turns goes down an order, a round at a time where bids were asked at the same time.
func (w *walk) turns(left []*ledger.Bid) {
	for len(left) > 0 {
		if w.belowQuote(left[0]) {
			w.d.uncovered, left = append(w.d.uncovered, left[0]), left[1:]
			continue
		}
		if n := w.roundOf(left[0]); n != 0 {
			left = w.round(left, n)
			continue
		}
		w.turn(left[0])
		left = left[1:]
	}
}

// roundOf is the round in which a bid had its attempt, 0 if it went out alone or had none.
func (w *walk) roundOf(b *ledger.Bid) int {
	for i := range w.h.Attempts {
		if p := w.h.Attempts[i].Posting; p.Campaign == b.Campaign && p.Leg == b.Leg && p.Round != 0 {
			return p.Round
		}
	}
	return 0
}

// round compares the attempts of a round, each beside those before it, and then what became of them. It gives the bids
// that are left: those whose turn comes when the round is over.
func (w *walk) round(order []*ledger.Bid, n int) (left []*ledger.Bid) {
	defer func() { w.attempt = nil }()
	var members []*ledger.Bid
	for _, b := range order {
		if w.roundOf(b) != n {
			left = append(left, b)
			continue
		}
		for _, o := range left {
			if w.later == nil {
				w.later = map[*ledger.Bid]bool{}
			}
			w.later[o] = true
		}
		p := w.posting(b, n)
		w.at(b.Campaign, b.Leg)
		w.attempt = &p.Attempt
		if !(w.d.together(b) || w.several(b) && b.Campaign == order[0].Campaign) || b.Tier != order[0].Tier {
			w.differ("at the same time", "yes", "no: the tier "+b.Tier+" asks one buyer after the other")
		}
		if p.With != nil && !w.several(b) {
			w.differ("request", "with other legs", "of its own")
		}
		w.attempted(b, p)
		w.d.flight, members = append(w.d.flight, p), append(members, b)
	}
	w.d.flight = nil
	for i := range w.h.Attempts {
		if a := &w.h.Attempts[i]; a.Posting.Round == n {
			w.d.history.Attempts = append(w.d.history.Attempts, *a)
			w.at(a.Posting.Campaign, a.Posting.Leg)
			w.booked(a)
		}
	}
	for _, b := range members {
		w.again(b)
		w.d.soldBy(b)
	}
	return left
}

// several tells whether several legs of a bid's campaign may buy the lead.
func (w *walk) several(b *ledger.Bid) bool {
	c := w.d.on.cfg.Book.Campaign(b.Campaign)
	return c != nil && c.Several
}

// posting is a bid's attempt in a round.
func (w *walk) posting(b *ledger.Bid, n int) *ledger.Posting {
	for i := range w.h.Attempts {
		if p := w.h.Attempts[i].Posting; p.Campaign == b.Campaign && p.Leg == b.Leg && p.Round == n {
			return p
		}
	}
	return nil
}

// again compares the attempts of a bid that went out alone: with a fresh token, after one in a round, or the only one.
func (w *walk) again(b *ledger.Bid) (some bool) {
	for i := range w.h.Attempts {
		a := &w.h.Attempts[i]
		if a.Posting.Campaign != b.Campaign || a.Posting.Leg != b.Leg || a.Posting.Round != 0 {
			continue
		}
		w.attempt = &a.Posting.Attempt
		w.attempted(b, a.Posting)
		w.d.history.Attempts = append(w.d.history.Attempts, *a)
		w.booked(a)
		some = true
	}
	return some
}

// turn compares what became of a bid when its turn came.
func (w *walk) turn(b *ledger.Bid) {
	w.at(b.Campaign, b.Leg)
	defer func() { w.attempt = nil }()
	if w.again(b) {
		w.d.soldBy(b)
		return
	}
	some := false
	for _, t := range w.tried {
		if t.Campaign == b.Campaign && t.Leg == b.Leg {
			w.refused(b, t.Refusal)
			some = true
		}
	}
	if !some && !w.later[b] && !w.skipped(b) && b.Rank < w.last && (w.d.tier == "" || b.Tier == w.d.tier) {
		w.differ("turn", "passed over", "before that of rank "+strconv.Itoa(w.last))
	}
}

// attempted compares an attempt with what its bid comes to, after the attempts before it.
func (w *walk) attempted(b *ledger.Bid, p *ledger.Posting) {
	c := w.d.on.cfg.Book.Campaign(b.Campaign)
	if c == nil || c.Vertical != p.Vertical {
		w.differ("campaign", "posted to", "the vertical has no such campaign")
		return
	}
	same(w.finder, "rank", p.Rank, b.Rank)
	same(w.finder, "price", p.Price, b.Price)
	same(w.finder, "max_sold promised", p.MaxSold, b.MaxSold)
	payout, follows, covered := w.d.payout(b)
	if !covered {
		w.differ("covers the quote", "yes", "no")
	}
	same(w.finder, "payout", p.Payout, payout)
	same(w.finder, "sell limit", p.SellLimit, w.d.quote.Limit)
	if no := w.d.barred(b, c); no != lead.NoRefusal {
		w.differ("refusal", "", no.String())
	}
	if no := w.d.clash(c); no != lead.NoRefusal {
		w.differ("refusal", "", no.String())
	}
	if !meets(needs(c), w.hidden) {
		if ok, _ := c.Test(w.d.facts()); !ok {
			why, places := unmet(c, w.d.facts(), false)
			w.differ("criteria", "met", "not met: "+why[0]+" ("+places[0]+")")
		}
	}
	live := w.d.policy().live(w.d.on.campaigns[c.Index])
	if live == nil {
		w.differ("test endpoint", "there", "")
		return
	}
	if p.Terms != nil {
		same(w.finder, "terms", fmt.Sprint(*p.Terms), fmt.Sprint(*w.d.terms(live, follows)))
	}
}

// booked compares what was booked for an attempt that was accepted, and fills the quote.
func (w *walk) booked(a *history.Attempt) {
	p, q := a.Posting, a.Posted
	switch o := a.Outcome(); {
	case o != lead.Accepted && o != lead.TestAccepted:
		return
	case q != nil && q.Outcome == lead.Accepted:
		price := p.Price
		if p.Terms == nil || p.Terms.PostPrice && q.AnswerPrice == 0 {
			price = q.Price // nobody can tell
		} else if p.Terms.PostPrice {
			price = q.AnswerPrice
		}
		same(w.finder, "booked price", q.Price, price)
		same(w.finder, "booked payout", q.Payout, w.h.PayoutOf(p, q.Price))
	}
	w.d.fill(p)
}

// refused compares why a bid had no attempt, as far as that hangs on no state. What stands later in the order of
// reasons says that the earlier ones did not hold.
func (w *walk) refused(b *ledger.Bid, no lead.Refusal) {
	c := w.d.on.cfg.Book.Campaign(b.Campaign)
	gone := c == nil || c.Vertical != w.h.Pinged.Vertical || w.d.v.Currency != w.h.Pinged.Currency
	if gone || no == lead.CampaignWithdrawn {
		if gone != (no == lead.CampaignWithdrawn) {
			w.differ("refusal", no.String(), yes(gone)+": withdrawn")
		}
		return
	}
	if barred := w.d.barred(b, c); barred != lead.NoRefusal || no == lead.Excluded || no == lead.Territory {
		same(w.finder, "refusal", no, barred)
		return
	}
	if no == lead.Paused || no == lead.Unpaid {
		return
	}
	if no == lead.NotCovered && w.d.repricing && w.over() {
		return // it would have had its turn below the quote
	}
	if _, _, covered := w.d.payout(b); covered == (no == lead.NotCovered) {
		w.differ("covers the quote", yes(!covered), yes(covered))
		return
	}
	switch no {
	case lead.NotCovered, lead.BidExpired, lead.NoTimeLeft, lead.TooOld, lead.Closed:
		return // what a waking is judged by is its time, and the age of the lead
	}
	if !meets(needs(c), w.hidden) {
		if ok, _ := c.Test(w.d.facts()); ok == (no == lead.CriteriaMismatch) {
			w.differ("criteria", met(!ok), met(ok))
			return
		}
	}
	if clash := w.d.clash(c); no == lead.SameCompany || no == lead.Competitor || clash != lead.NoRefusal {
		if no != lead.CriteriaMismatch {
			same(w.finder, "refusal", no, clash)
		}
	}
}

// over tells whether nobody else was to be asked: the lead was sold as often as it may be, or may have been.
func (w *walk) over() bool {
	for i := range w.h.Attempts {
		if q := w.h.Attempts[i].Posted; q == nil || q.Outcome == lead.Unknown {
			return true
		}
	}
	return w.d.history.Sold() >= w.d.quote.Limit
}

func met(is bool) string {
	if is {
		return "met"
	}
	return "not met"
}

// answer compares what the lead came to with its sales.
func (f *finder) answer(h *history.History) {
	s := h.Settled
	if s == nil || h.Open() || s.TestResult != "" {
		return
	}
	var revenue, payout lead.Money
	sales := h.Sales()
	for _, x := range sales {
		revenue, payout = revenue+x.Price, payout+x.Payout
	}
	same(f, "sales", len(s.Sales), len(sales))
	same(f, "revenue", s.Revenue, revenue)
	same(f, "payout", s.Payout, payout)
	result := lead.ResultFailure
	if h.Sold() > 0 {
		result = lead.ResultSuccess
	}
	same(f, "answer", s.Result, result)
}
