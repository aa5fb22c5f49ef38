// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"clearpost/capstore"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/wire"
	"clearpost/wire/transport"
)

// delivery is one walk down a lead's order of bids. One goroutine owns it.
type delivery struct {
	e       *Exchange
	plan    *plan
	st      *story
	v       *Vertical
	src     *Source
	l       *lead.Lead
	post    *ledger.Post   // goes into the first event; nil if an earlier trip recorded it
	private ledger.Private // goes with post
	who     identity
	seller  string // the seller's own lead id
	oneShot bool
	want    lead.TestResult // test: what the post asks for
	minimum lead.Money      // one-shot: the payout that the seller asked for at least
	before  []ledger.Event  // one-shot: its pinged event, durable together with the first event of the delivery

	newUntil time.Time // no attempt begins after this
	until    time.Time // no attempt lasts longer

	order   []*ledger.Bid  // that may buy, first to last
	limit   int            // sales of this lead at most: as many as its auction counted on
	parts   []lead.Money   // payouts that the quote counts on and no sale has filled yet, largest first
	carry   []ledger.Event // ends of attempts that are not durable yet; the next append takes them first
	commit  []lead.ID      // holds to commit once carry is durable
	refused lead.ID        // the hold to release then
	sent    bool           // an attempt of this lead stands in the ledger
	unknown bool
	tried   []ledger.Tried
	no      *ledger.Posted // how the highest-ranked attempt that was refused ended
	why     lead.Refusal   // why there was no attempt, if there was none
	details string         // more of that, for the seller
}

// errUnsent says that an append failed before any byte went to a buyer: nothing was consumed.
var errUnsent = errors.New("the ledger could not take it")

// deliver walks the order: hold, durable posting, one post, its receipt; on to the next while the quote stays covered
// and time is left. It stops at the first attempt whose outcome is unknown.
func (e *Exchange) deliver(d *delivery) (Reply, *Fault) {
	e.restoreHolds(d.st)
	d.begin()
	if d.why == lead.LeadRepeated {
		d.order = nil
	}
	if r, f, ok := d.simulate(); ok {
		return r, f
	}
	for _, b := range d.order {
		if d.st.sold() >= d.limit || d.unknown {
			break
		}
		if d.st.triedBefore(b.Campaign) {
			continue
		}
		no, err := d.attempt(b)
		if err != nil {
			return d.broken(err)
		}
		if no != lead.NoRefusal {
			d.tried = append(d.tried, ledger.Tried{Campaign: b.Campaign, Refusal: no})
		}
	}
	return d.settle()
}

func (st *story) triedBefore(campaign string) bool {
	for i := range st.attempts {
		if st.attempts[i].posting.Campaign == campaign {
			return true
		}
	}
	return false
}

// begin puts the bids in their order and counts what earlier trips of this lead have sold already.
func (d *delivery) begin() {
	d.sent = len(d.st.attempts) > 0
	for i := range d.st.pinged.Bids {
		b := &d.st.pinged.Bids[i]
		if b.Rank > 0 {
			d.order = append(d.order, b)
		}
		if b.Winner {
			d.limit++
			d.parts = append(d.parts, b.Payout)
		}
	}
	slices.SortFunc(d.order, func(a, b *ledger.Bid) int { return a.Rank - b.Rank })
	slices.SortFunc(d.parts, func(a, b lead.Money) int { return int(b - a) })
	for _, s := range d.st.sales() {
		d.fillPart(s.Payout)
	}
	for _, s := range d.st.testSales() {
		d.fillPart(s.Payout)
	}
}

// payout is what the seller gets if this bid becomes a sale: for a one-shot lead, what the source's margin leaves of the price; else the
// largest part of the quote that the price covers, together with the parts that can no longer be sold once this bid has the lead
// (an exclusive buyer in place of several must cover them all). ok is false if the price does not cover what was promised.
func (d *delivery) payout(b *ledger.Bid) (lead.Money, bool) {
	if d.oneShot {
		p := d.src.Margin.Payout(b.Price)
		return p, d.st.sold() > 0 || p+d.prospect(b) >= d.minimum
	}
	blocked := d.blocked(b)
	var rest lead.Money
	for _, part := range d.parts[len(d.parts)-blocked:] {
		rest += part
	}
	for _, part := range d.parts[:len(d.parts)-blocked] {
		if part+rest <= b.Price {
			return part + rest, true
		}
	}
	return 0, false
}

// prospect is what the next bids in order may pay on top if a one-shot lead's first sale is to this bid.
func (d *delivery) prospect(b *ledger.Bid) (sum lead.Money) {
	left := min(max(b.MaxSold, 1), d.limit) - 1
	for _, o := range d.order {
		if left > 0 && o.Rank > b.Rank && o.MaxSold > 1 && o.Buyer != b.Buyer {
			sum += o.Payout
			left--
		}
	}
	return sum
}

// blocked is how many further parts of the quote a sale to this bid would make impossible: the smallest ones are given up.
func (d *delivery) blocked(b *ledger.Bid) int {
	after := min(max(b.MaxSold, 1), d.limit) - d.st.sold() - 1
	return min(max(len(d.parts)-1-max(after, 0), 0), max(len(d.parts)-1, 0))
}

// fillPart takes the parts that a sale has paid for off the list: the one of that amount, else from the smallest up.
func (d *delivery) fillPart(payout lead.Money) {
	if i := slices.Index(d.parts, payout); i >= 0 {
		d.parts = slices.Delete(d.parts, i, i+1)
		return
	}
	for len(d.parts) > 0 && payout > 0 {
		last := len(d.parts) - 1
		payout -= d.parts[last]
		d.parts = d.parts[:last]
	}
}

// attempt offers the lead to one bid. It returns why no attempt was made, or an error if the ledger failed.
func (d *delivery) attempt(b *ledger.Bid) (lead.Refusal, error) {
	e := d.e
	now := e.now()
	c := d.plan.cfg.Book.Campaign(b.Campaign)
	payout, covered := d.payout(b)
	switch {
	case c == nil || c.Vertical != d.v.ID, d.v.Currency != d.st.pinged.Currency:
		return lead.CampaignWithdrawn, nil
	case d.plan.lanes[c.Index].paused():
		return lead.Paused, nil
	case !covered:
		return lead.NotCovered, nil
	case e.wall().After(d.newUntil), e.wall().Add(leastTime(c.Post.Timeout)).After(d.until):
		return lead.NoTimeLeft, nil
	}
	if ok, _ := c.Test(d.l, lead.AtPost); !ok {
		return lead.CriteriaMismatch, nil
	}
	lane := d.plan.lanes[c.Index]
	if d.test() {
		if lane = lane.test; lane == nil {
			return lead.NoTestEndpoint, nil
		}
		c = lane.Campaign
	}
	if !lane.gear.posts.allow(e.wall()) {
		lane.ThrottleSkips.Add(1)
		return lead.Throttled, nil
	}
	p := &ledger.Posting{Head: d.head(ledger.KindPosting, now), Attempt: newID(now), Campaign: c.ID, Buyer: c.Buyer.ID,
		Rank: b.Rank, Price: b.Price, Payout: payout, MaxSold: b.MaxSold, SellLimit: d.limit}
	in := wire.Inputs{Lead: d.l, LeadID: d.st.id, Attempt: p.Attempt, Token: []byte(b.Token), Price: b.Price, Source: d.src.ID,
		SourceName: d.src.Name, Vertical: d.v.ID, Sold: d.st.sold(), Left: d.limit - d.st.sold(), Test: d.test(), Now: now, Close: true}
	req, err := c.Post.Request.AppendHTTP(nil, &in)
	if err != nil {
		return lead.RenderFailed, nil
	}
	if no := d.hold(p, lane, now); no != lead.NoRefusal {
		return no, nil
	}
	d.record(p, c.Post.Request, &in)
	if err := d.append(p); err != nil {
		if !errors.Is(err, ledger.ErrUncertain) && !d.test() {
			e.release(p.Attempt)
		}
		return lead.NoRefusal, err
	}
	d.sent = true
	d.st.attempts = append(d.st.attempts, attempt{posting: p})
	d.wire(lane, p, req)
	return lead.NoRefusal, nil
}

// head begins an event of this lead.
func (d *delivery) head(k ledger.Kind, at time.Time) ledger.Head {
	h := d.plan.head(k, d.st.id, d.src.ID, d.v.ID, at)
	h.Test = d.test()
	return h
}

// hold reserves what an attempt needs: a test needs nothing, and only where the lead stands already with this buyer is there no room for it.
func (d *delivery) hold(p *ledger.Posting, lane *Lane, now time.Time) lead.Refusal {
	if d.test() {
		return d.st.roomForTest(p)
	}
	charges, no := d.e.store.Hold(&capstore.HoldRequest{Token: p.Attempt, Lead: d.st.id, Buyer: p.Buyer, SellLimit: p.SellLimit,
		MaxSold: p.MaxSold, Counters: d.caps(lane), Now: now, Instead: d.refused})
	p.Charges = ledgerCharges(charges)
	return no
}

// attemptMin is the least time that must be left for an attempt to begin, if its campaign's own timeout is not shorter: a post
// that has no time to be answered would only end as unknown.
const attemptMin = 100 * time.Millisecond

func leastTime(timeout time.Duration) time.Duration {
	if timeout > 0 {
		return min(timeout, attemptMin)
	}
	return attemptMin
}

// record puts into the posting what explains it: the seller's post (once) and the exact request.
func (d *delivery) record(p *ledger.Posting, r *wire.Request, in *wire.Inputs) {
	if d.post != nil {
		p.Post, p.Private = d.post, d.private
		d.post = nil
	}
	if red, err := r.AppendRedacted(nil, in); err == nil {
		p.Private.Request = newBody(red)
	}
}

// wire makes the one call and reads its receipt. Whatever comes, there is no second call of this attempt.
func (d *delivery) wire(lane *Lane, p *ledger.Posting, req []byte) {
	e := d.e
	lane.Posted.Add(1)
	call := &transport.Call{Target: lane.post, Request: req, Timeout: lane.Campaign.Post.Timeout, Gate: lane.gear.gate}
	e.wire.PostOnce(call, d.until)
	out := &ledger.Posted{Head: d.head(ledger.KindPosted, e.now()), Attempt: p.Attempt, Campaign: p.Campaign,
		Buyer: p.Buyer, PingPrice: p.Price, Status: call.Status, TookUS: call.Took.Microseconds(), Charges: p.Charges}
	d.receipt(lane, p, out, call)
	if d.test() {
		testEnd(out)
	}
	d.st.attempts[len(d.st.attempts)-1].posted = out
	d.carry = append(d.carry, out)
	switch out.Outcome {
	case lead.Accepted:
		d.fillPart(p.Payout)
		d.commit = append(d.commit, p.Attempt)
		lane.Accepted.Add(1)
		lane.RevenueMicros.Add(int64(out.Price))
		lane.PayoutMicros.Add(int64(out.Payout))
	case lead.TestAccepted:
		d.fillPart(p.Payout)
	case lead.Unknown:
		d.unknown = true
		lane.Unknown.Add(1)
	default:
		if !d.test() { // else there is no hold to release
			d.refused = p.Attempt
		}
		lane.Rejected.Add(1)
		if d.no == nil {
			d.no = out
		}
	}
}

// receipt says what the call's end means. The default is "not sold"; without a complete answer it is "not sent" only if no byte was
// given to the connection.
func (d *delivery) receipt(lane *Lane, p *ledger.Posting, out *ledger.Posted, call *transport.Call) {
	if call.Refusal != lead.NoRefusal {
		out.Outcome, out.Refusal = lead.Unknown, call.Refusal
		if !call.Sent {
			out.Outcome = lead.NotSent
		}
		if len(call.Body) > 0 {
			out.Private.Answer = newBody(call.Body)
		}
		return
	}
	out.Private.Answer = newBody(call.Body)
	r := read(lane.Campaign.Post.Answer, call)
	out.Outcome, out.Refusal = r.Outcome, r.Refusal
	out.Reason, out.Reference = string(r.Reason), string(r.Reference)
	if r.Outcome != lead.Accepted && noReceipt(r.Refusal, call.Status) {
		out.Outcome = lead.Unknown
	}
	if r.HasPrice {
		out.AnswerPrice = r.Price
	}
	if r.Outcome != lead.Accepted {
		return
	}
	out.Price, out.Payout = p.Price, p.Payout
	if lane.PayPostPrice && r.HasPrice {
		out.Price = r.Price
		if d.oneShot {
			out.Payout = d.src.Margin.Payout(r.Price)
		}
	}
}

// noReceipt tells whether a complete answer to a post leaves open what the buyer has done: its body cannot be read, or a server
// on the way says that it failed while it may have handled the lead. A 501, 503 or 505 says that it was not handled; a
// well-formed answer that no rule knows is "not sold".
func noReceipt(r lead.Refusal, status int) bool {
	switch r {
	case lead.MalformedAnswer, lead.TornAnswer, lead.OversizedAnswer, lead.BadContentType:
		return true
	case lead.ServerError:
		return status >= 500 && status != 501 && status != 503 && status != 505
	}
	return false
}

// append makes the ends of earlier attempts and the next event durable in one group. While nothing has been sent an error ends
// the trip; after that it is tried again for as long as the exchange runs, since what happened must be written down.
func (d *delivery) append(next ledger.Event) error {
	group := append(append(append([]ledger.Event{}, d.before...), d.carry...), next)
	pause := 20 * time.Millisecond
	for {
		err := d.e.led.Append(group...)
		if err == nil {
			break
		}
		if !d.sent && !errors.Is(err, ledger.ErrUncertain) {
			return errors.Join(errUnsent, err)
		}
		if errors.Is(err, ledger.ErrUncertain) {
			return err
		}
		select {
		case <-d.e.stop.Done():
			return err
		case <-time.After(pause):
			pause = min(2*pause, 2*time.Second)
		}
	}
	d.before, d.carry = nil, nil
	for _, t := range d.commit {
		d.e.commit(t)
	}
	d.commit = nil
	if !d.refused.IsZero() {
		d.e.release(d.refused)
		d.refused = noLead
	}
	return nil
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
	d.st.settled = ev
	if d.st.finished() {
		e.store.Forget(d.st.id)
	}
	e.Stats.settled(ev)
	r := e.reply(d.st)
	r.SellerLeadID = d.seller
	return r, nil
}

// settlement is what the lead's attempts, as they stand, come to.
func (d *delivery) settlement() *ledger.Settled {
	ev := &ledger.Settled{Head: d.head(ledger.KindSettled, d.e.now()), Result: ledger.ResultPending, Tried: d.tried}
	ev.Sales, ev.TestSales = d.st.sales(), d.st.testSales()
	for _, s := range ev.Sales {
		ev.Revenue += s.Price
		ev.Payout += s.Payout
	}
	switch {
	case d.st.open():
	case len(ev.Sales) > 0:
		ev.Result, ev.Reference = ledger.ResultSuccess, ev.Sales[0].Reference
	case len(ev.TestSales) > 0:
		ev.Result, ev.Reference = ledger.ResultSuccess, ev.TestSales[0].Reference
	case d.no != nil:
		ev.Result, ev.Refusal, ev.Details, ev.Reference = ledger.ResultFailure, d.no.Refusal, d.no.Reason, d.no.Reference
		if ev.Details == "" {
			ev.Details = d.no.Refusal.Info().Meaning
		}
	default:
		no := lead.QuoteLost
		if d.why != lead.NoRefusal {
			no = d.why
		}
		fail(ev, no)
		if d.details != "" {
			ev.Details = d.details
		}
	}
	if ev.Result != ledger.ResultFailure {
		ev.Private.Person, ev.Private.Also = d.who.person, d.who.also
	}
	if ev.Refusal != lead.NoRefusal {
		ev.Reason = ev.Refusal.Info().Published
	}
	return ev
}

// fail makes an answer a failure in our own words.
func fail(ev *ledger.Settled, no lead.Refusal) {
	ev.Result, ev.Refusal, ev.Reason, ev.Details = ledger.ResultFailure, no, no.Info().Published, no.Info().Meaning
}

// broken answers when the ledger failed: a fault if nothing was sent, else "pending": an attempt may have been a sale.
func (d *delivery) broken(err error) (Reply, *Fault) {
	d.e.log.Error("append failed during a post", "lead", d.st.id.String(), "sent", d.sent, "err", err)
	if errors.Is(err, errUnsent) {
		d.e.store.Forget(d.st.id)
		return Reply{}, unavailable(errUnsent)
	}
	return d.pending(), nil
}

func (d *delivery) pending() Reply {
	return Reply{Result: ledger.ResultPending, LeadID: d.st.id, SellerLeadID: d.seller, Currency: d.st.pinged.Currency, Test: d.test()}
}

// A hold that cannot be committed or released is a mistake of ours, not a state that can be met: it is logged, and counts as taken.
func (e *Exchange) commit(t lead.ID) {
	if err := e.store.Commit(t); err != nil {
		e.log.Error("commit a hold", "attempt", t.String(), "err", err)
	}
}

func (e *Exchange) release(t lead.ID) {
	if err := e.store.Release(t); err != nil {
		e.log.Error("release a hold", "attempt", t.String(), "err", err)
	}
}

// newBody keeps a message for the ledger: the beginning, and the length and hash of the whole.
func newBody(b []byte) *ledger.Body {
	sum := sha256.Sum256(b)
	out := &ledger.Body{Bytes: len(b), SHA256: hex.EncodeToString(sum[:])}
	if len(b) > ledger.BodyBytesMax {
		b, out.Cut = b[:ledger.BodyBytesMax], true
	}
	out.Text = strings.ToValidUTF8(string(b), "\ufffd")
	return out
}
