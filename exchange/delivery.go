// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"slices"
	"time"

	"clearpost/auction"
	"clearpost/capstore"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// delivery is one walk down a lead's order of bids. One goroutine owns it.
type delivery struct {
	e       *Exchange
	on      *Snapshot
	history *history.History
	v       *Vertical // this and the next two are nil where no attempt is made any more
	src     *Source
	l       *lead.Lead
	other   *lead.Lead     // l by the schema of another configuration, where one was asked for
	post    *ledger.Post   // goes into the first event; nil if an earlier trip recorded it
	came    time.Time      // when that post came; zero: the history has it
	private ledger.Private // goes with post
	who     history.Identity
	seller  string // the seller's own lead id
	oneShot bool
	want    lead.TestResult // test: what the post asks for
	minimum lead.Money      // the payout that the seller asked for at least, where nothing is promised
	before  []ledger.Event  // one-shot: its pinged event, durable together with the first event of the delivery

	newUntil time.Time // no attempt begins after this
	until    time.Time // no attempt lasts longer

	order []*ledger.Bid // that may buy, first to last
	// those that did not cover the quote, and may buy below it when nobody else is left
	uncovered []*ledger.Bid
	repricing bool           // they have their turn
	quote     auction.Quote  // what was promised and no sale has filled yet
	tier      string         // one-shot: of the plan, which has sold the lead; "": none has
	carry     []ledger.Event // ends of attempts that are not durable yet; the next append takes them first
	commit    []lead.ID      // holds to commit once carry is durable
	refused   []lead.ID      // holds to release then
	unstored  []lead.ID      // attempts that hold, or may, and of which the ledger has nothing yet
	// attempts that are about to go out, or are out, at the same time: each counts as a sale until it has ended
	flight []*ledger.Posting
	sent   bool // an attempt of this lead stands in the ledger
	// closed when sent becomes true: from then on "pending" is what the ledger says, too; nil if nobody waits
	begun     chan struct{}
	unknown   bool
	away      bool              // the store of counts did not answer: nobody further is asked
	made      int               // attempts of this trip that stand in the ledger
	waits     []ledger.Wait     // for whom the lead waits, if nobody buys it
	holding   bool              // for one of them before others are asked
	woken     time.Time         // from the queue; zero: it has come just now
	patience  time.Time         // until when its seller waits; zero: nobody does
	end       <-chan Reply      // of a lead that is queued, where its seller waits for it
	wokenTold bool              // an event says so
	masked    lead.Positions    // fields that only the post itself had
	maybe     []*ledger.Posting // with unsure: the attempts that the ledger may have; nothing of them was sent
	unsure    *ledger.Uncertain // of the first append, after which the trip has ended; nil: it is known
	repeats   ledger.Repeats    // of the last hold that a duplicate rule refused
	tried     []ledger.Tried
	told      int            // of them, that stand in the posting of an attempt
	no        *ledger.Posted // how the highest-ranked attempt that was refused ended
	noRank    int            // of that attempt
	why       lead.Refusal   // why there was no attempt, if there was none
	details   string         // more of that, for the seller
}

// errUnsent says that an append failed before any byte went to a buyer: nothing was consumed.
var errUnsent = errors.New("the ledger could not take it")

// policy says how a lead like this is delivered.
func (d *delivery) policy() *policy { return policyOf(d.history) }

// begin puts the bids in their order and counts what earlier trips of this lead have sold already.
func (d *delivery) begin() {
	if len(d.history.Attempts) > 0 {
		d.attemptStored()
	}
	d.minimum, d.quote.Loss = d.history.Pinged.MinPrice, d.v != nil && ownMargin(d.src, d.v).Loss
	for i := range d.history.Pinged.Bids {
		b := &d.history.Pinged.Bids[i]
		if b.Rank > 0 {
			d.order = append(d.order, b)
		}
		if b.Winner {
			d.quote.Limit++
			d.quote.Promise(b.Payout)
		}
	}
	slices.SortFunc(d.order, func(a, b *ledger.Bid) int { return a.Rank - b.Rank })
	if d.oneShot {
		// every tier has its turn, and one that sells more often than the first may
		if r := d.src.Routing(d.v); r != nil {
			d.quote.Limit = r.SellLimit()
		}
	}
	sold := 0
	for i := range d.history.Attempts {
		a := &d.history.Attempts[i]
		if o := a.Outcome(); o == lead.Accepted || o == lead.TestAccepted {
			d.quote.Fill(a.Posting.Payout, a.Posting.MaxSold, sold)
			sold++
		}
	}
}

// soldBy keeps a one-shot lead in the tier that has sold it, if this bid has bought it: a later tier is for what
// earlier ones cannot sell.
func (d *delivery) soldBy(b *ledger.Bid) {
	if d.oneShot && d.tier == "" && b.Tier != "" && d.history.SoldTo(b) {
		d.tier, d.quote.Limit = b.Tier, min(d.quote.Limit, max(b.MaxSold, 1))
	}
}

// attemptStored notes that an attempt of the lead is in the ledger.
func (d *delivery) attemptStored() {
	if !d.sent && d.begun != nil {
		close(d.begun)
	}
	d.sent = true
}

// append makes the ends of earlier attempts and the next events durable in one group. While nothing has been sent an
// error ends the trip; after that it is tried again until the exchange has ended, since what happened must be written
// down.
func (d *delivery) append(next ...ledger.Event) error {
	group := append(append(append([]ledger.Event{}, d.before...), d.carry...), next...)
	put := d.e.led.Append
	if d.sent {
		put = func(events ...ledger.Event) error { return d.e.led.Store(d.e.end, events...) }
	}
	err := put(group...)
	unsure := errors.Is(err, ledger.ErrUncertain)
	if err == nil || unsure {
		d.unstored = nil
	}
	switch {
	case err == nil:
		d.appended()
		return nil
	case d.sent, unsure:
		return err
	}
	return errors.Join(errUnsent, err)
}

// releaseUnstored releases the holds of attempts of which the ledger has nothing, and will have nothing.
func (d *delivery) releaseUnstored() {
	for _, t := range d.unstored {
		d.e.release(t, lead.NotSent)
	}
	d.unstored = nil
}

// appended follows an append that is durable.
func (d *delivery) appended() {
	d.before, d.carry = nil, nil
	d.e.finish(d.endsOf(d.commit, d.refused)...)
	d.commit, d.refused = nil, nil
}

// settle writes the answer down and gives it.
func (d *delivery) settle() (Reply, *Fault) { return d.conclude(d.settlement()) }

func (d *delivery) conclude(ev *ledger.Settled) (Reply, *Fault) {
	e := d.e
	if d.post != nil {
		ev.Post, ev.Private = d.post, d.private
	}
	if err := d.append(ev); err != nil {
		return d.broken(err)
	}
	d.history.Settled, d.history.Waiting = ev, nil
	if d.history.Finished() {
		e.forget(d.history.ID)
	}
	e.Stats.settled(ev)
	if d.unknown {
		e.pursueOpen(d.history)
	}
	r := replyOf(d.history)
	r.SellerLeadID = d.seller
	e.awaited.tell(d.history.ID, r)
	return r, nil
}

// settlement is what the lead's attempts, as they stand, come to.
func (d *delivery) settlement() *ledger.Settled {
	ev := &ledger.Settled{Head: d.head(ledger.KindSettled, d.e.now()), Result: lead.ResultPending, Tried: d.tried,
		Woken: d.wokenAt(), Left: d.history.Place()}
	ev.Sales, ev.TestSales = d.history.Sales(), d.history.TestSales()
	for _, s := range ev.Sales {
		ev.Revenue += s.Price
		ev.Payout += s.Payout
	}
	switch {
	case d.history.Open():
	case len(ev.Sales) > 0:
		ev.Result, ev.Reference = lead.ResultSuccess, ev.Sales[0].Reference
	case len(ev.TestSales) > 0:
		ev.Result, ev.Reference = lead.ResultSuccess, ev.TestSales[0].Reference
	case d.no != nil:
		ev.Result, ev.Refusal, ev.Details, ev.Reference = lead.ResultFailure, d.no.Refusal, d.no.Reason,
			d.no.Reference
		if ev.Details == "" {
			ev.Details = d.no.Refusal.Info().Meaning
		}
	default:
		no := d.why
		switch another := func(t ledger.Tried) bool { return t.Refusal != lead.DuplicateRule }; {
		case no != lead.NoRefusal:
		case len(d.tried) > 0 && !slices.ContainsFunc(d.tried, another):
			no = lead.DuplicateRule
		default:
			no = lead.QuoteLost
		}
		fail(ev, no)
		if d.details != "" {
			ev.Details = d.details
		}
	}
	// who is known as one that may be sold, and then as one that is, or is not
	if ev.Result != lead.ResultFailure || len(d.history.Attempts) > 0 || ev.Left != nil {
		ev.Private.Person, ev.Private.Also = d.who.Person, d.who.Also
	}
	if ev.Refusal != lead.NoRefusal {
		ev.Reason = ev.Refusal.Info().Published
	}
	return ev
}

// fail makes an answer a failure in our own words.
func fail(ev *ledger.Settled, no lead.Refusal) {
	ev.Result, ev.Refusal, ev.Reason, ev.Details = lead.ResultFailure, no, no.Info().Published, no.Info().Meaning
}

// broken answers when the ledger failed.
func (d *delivery) broken(err error) (Reply, *Fault) {
	d.e.log.Error("append failed during a post", "lead", d.history.ID.String(), "sent", d.sent, "err", err)
	if errors.Is(err, errUnsent) {
		d.e.forget(d.history.ID)
	}
	if len(d.before) > 0 {
		d.e.notStored(d.history.Pinged, err)
	}
	r, f := d.cutOff(errUnsent)
	if f != nil && errors.Is(err, ledger.ErrUncertain) {
		errors.As(err, &d.unsure)
		return r, f.unsure()
	}
	return r, f
}

// cutOff answers a trip that cannot go on: "pending" if an attempt stands in the ledger, for it may have been a sale.
// Else nothing was sent to anybody, and the seller hears a fault, also where nobody can tell what the ledger has taken:
// if it turns out to be an attempt, that one is unknown and the seller's repeat hears "pending"; if it is nothing, a
// "pending" would never come to an end.
func (d *delivery) cutOff(why error) (Reply, *Fault) {
	if d.sent {
		return d.pending(), nil
	}
	return Reply{}, unavailable(why)
}

func (d *delivery) pending() Reply {
	return Reply{Result: lead.ResultPending, LeadID: d.history.ID, SellerLeadID: d.seller,
		Currency: d.history.Pinged.Currency, Test: d.policy().test}
}

// endsOf are the ends of attempts as they stand in the lead's history.
func (d *delivery) endsOf(lists ...[]lead.ID) (out []capstore.End) {
	for _, list := range lists {
		for _, t := range list {
			b := d.history.Attempt(t).Booked()
			out = append(out, capstore.End{Token: t, Outcome: b.Outcome, Booked: b.Price})
		}
	}
	return out
}

// head begins an event of this lead.
func (d *delivery) head(k ledger.Kind, at time.Time) ledger.Head {
	h := d.on.head(k, d.history.ID, d.history.Pinged.Source, d.history.Pinged.Vertical, at)
	h.Test = d.policy().test
	return h
}

// campaignOf is the campaign of an attempt in a snapshot, nil if it is configured no more, or for another vertical.
func (e *Exchange) campaignOf(snap *Snapshot, p *ledger.Posting) *LiveCampaign {
	c := snap.cfg.Book.Campaign(p.Campaign)
	if c == nil || c.Vertical != p.Vertical {
		return nil
	}
	return snap.campaigns[c.Index]
}

// pursueOpen has the open attempts of a lead pursued by their campaigns' policies.
func (e *Exchange) pursueOpen(h *history.History) {
	if e.inherits(h) {
		return
	}
	for i := range h.Attempts {
		a := &h.Attempts[i]
		if a.Outcome() != lead.Unknown {
			continue
		}
		if a.Posting.Batch {
			e.files.add(h, a)
			continue
		}
		l := e.campaignOf(e.inForce.Load(), a.Posting)
		if l == nil || l.IfUnknown == nil {
			continue
		}
		if !e.chases.add(a.Posting.Attempt, h.ID, l.Buyer.ID, e.firstStep(l, a)) {
			e.log.Warn("too many open attempts are pursued: this one waits for a person", "attempt",
				a.Posting.Attempt.String())
		}
	}
}
