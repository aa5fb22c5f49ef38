// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// Post sells a pinged lead: to the winner of its auction, or to the next one. A repeat of a post that has ended gets
// the first answer and sells nothing. The reply stands in the ledger before it is returned, except "pending", which
// says that the outcome does not stand there yet.
func (e *Exchange) Post(in *PostIn) (Reply, *Fault) {
	begin, t := e.wall().Add(-in.Waited), &underWay{done: make(chan struct{})}
	held := e.claims.In()
	defer held.Release()
	d, reply, f := e.claimPost(in, held, t)
	if d == nil {
		return reply, f
	}
	return e.run(t, d, begin, in.MaxWait, held.HandOver())
}

// claimPost makes this the only post of its idempotency key, its lead and its person. It answers what needs no
// delivery, else says what is to be delivered.
func (e *Exchange) claimPost(in *PostIn, held *heldClaims, t *underWay) (*delivery, Reply, *Fault) {
	if in.IdempotencyKey != "" {
		use := keyUse{in.Source, in.Vertical, ledger.ModePost, in.IdempotencyKey, in.BodyHash, in.PingID}
		if r, f := e.claimKey(held, use, &underWay{}); f != nil {
			return nil, Reply{}, f
		} else if r != nil {
			return nil, *r, nil
		}
	}
	if other, ok := held.Take(leadName(in.PingID), t); !ok {
		r, f := e.overlap(other, in)
		return nil, r, f
	}
	d, reply, f := e.prepare(in)
	if d == nil {
		return nil, reply, f
	}
	if f := e.claimPerson(held, in.Source, in.Vertical, &d.who); f != nil {
		return nil, Reply{}, f
	}
	if d.details, f = e.repeated(in.Source, in.Vertical, &d.who, d.history.ID); f != nil {
		return nil, Reply{}, f
	}
	if d.details != "" {
		d.why = lead.LeadRepeated
		e.Stats.source(in.Source.ID).Repeated.Add(1)
	}
	return d, Reply{}, nil
}

// run delivers in its own goroutine and waits for the end, but no longer than the seller, who began to wait at begin. A
// seller whose time is up before an attempt stands in the ledger waits on until one does, or until the end: there may
// never be one, and then "pending" would be told of nothing.
func (e *Exchange) run(t *underWay, d *delivery, begin time.Time, wait time.Duration, held *heldClaims) (Reply,
	*Fault) {
	now, total := e.wall(), d.v.PostTotal
	if wait <= 0 {
		begin, wait = now, total
	}
	wait = min(wait-now.Sub(begin), total)
	d.newUntil, d.until, d.begun = now.Add(max(wait, hurryMax)), now.Add(total), make(chan struct{})
	d.patience = now.Add(wait)
	if !e.running.begin() {
		t.fault = unavailable(errStopping)
		held.Release()
		close(t.done)
		return t.reply, t.fault
	}
	go func() {
		defer e.running.done()
		defer e.survive("the end of a post panicked: what it holds stays held", "lead", d.history.ID.String())
		defer func() {
			// the seller is told at once; the lead stays claimed until it is known what there is of it
			if d.unsure != nil {
				defer held.Release()
				close(t.done)
				d.follow()
				return
			}
			defer close(t.done) // after the claims' end: who has heard the answer may ask again at once
			held.Release()
		}()
		defer func() {
			if r := recover(); r != nil {
				e.Panicked("post panicked: its open attempt, if there is one, stays unknown", r, "lead",
					d.history.ID.String())
				t.reply, t.fault = d.cutOff(errPanicked)
				if d.sent {
					e.pursueOpen(d.history)
				}
			}
		}()
		t.reply, t.fault = e.deliver(d)
	}()
	timer := time.NewTimer(max(wait, 0) + answerGrace)
	defer timer.Stop()
	select {
	case <-t.done:
		return e.awaitEnd(d, t.reply, timer), t.fault
	case <-timer.C:
	}
	select {
	case <-t.done:
		return t.reply, t.fault
	case <-d.begun:
		return d.pending(), nil
	}
}

var errPanicked = errors.New("an error of ours")

// answerGrace lets an attempt that ends exactly at the deadline, and its sync, still be the answer.
const answerGrace = 20 * time.Millisecond

// hurryMax is for how long attempts may begin although their seller waits less: such a seller hears "pending", and its
// lead is sold.
const hurryMax = 100 * time.Millisecond

// overlap answers a post of a lead that has a trip under way.
func (e *Exchange) overlap(other *underWay, in *PostIn) (Reply, *Fault) {
	h, f := e.own(in.Source, in.PingID)
	if f != nil {
		return Reply{}, f
	}
	if f := in.fits(h); f != nil {
		return Reply{}, f
	}
	if h.Settled != nil || h.Waiting != nil {
		return replyOf(h), nil // its trip is over: somebody finds out what became of an attempt, or it is woken
	}
	if other.done == nil || len(h.Attempts) == 0 {
		return Reply{}, inProgress()
	}
	if e.wall().Sub(h.Attempts[0].Posting.At) > in.Vertical.PostTotal {
		return Reply{Result: lead.ResultPending, LeadID: h.ID, SellerLeadID: h.Seller(),
			Currency: h.Pinged.Currency, Test: h.Pinged.Test}, nil
	}
	return Reply{}, inProgress()
}

// fits tells why a post cannot be one of this lead: it came for another vertical, or a field that names the person
// stands in both with different values.
func (in *PostIn) fits(h *history.History) *Fault {
	if h.Pinged.Vertical != in.Vertical.ID {
		return notFound(in.PingID)
	}
	if in.Test.On && !h.Pinged.Test {
		in.Problems = append(in.Problems, lead.Problem{Field: in.Test.Field,
			Expected: "a post without it: its ping was a real lead, and stays one"})
		return &Fault{Kind: FaultInvalid, Code: "invalid_lead", Message: "the post of a real lead cannot be a test",
			Errors: in.Problems}
	}
	if in.Source.DedupeOf(in.Vertical).Key.Another(h.Lead(in.Vertical.Schema), in.Lead) {
		return &Fault{Kind: FaultConflict, Code: "other_person",
			Message: "this ping_id belongs to another person than the post names"}
	}
	return nil
}

// prepare answers what needs no delivery (repeats, failures, faults), else says what is to be delivered.
func (e *Exchange) prepare(in *PostIn) (*delivery, Reply, *Fault) {
	h, f := e.own(in.Source, in.PingID)
	if f != nil {
		return nil, Reply{}, f
	}
	if f := in.fits(h); f != nil {
		return nil, Reply{}, f
	}
	l := h.Lead(in.Vertical.Schema)
	before := make([]bool, l.Len())
	for i := range before {
		before[i] = l.Slot(i).State != lead.Missing
	}
	clash := h.OtherSSNs(in.Lead, l.CopyFrom(in.Lead, nil))
	l.Complete()
	l.AddUnfit(in.Lead)
	if h.Post != nil {
		clash = nil // it was taken before
	}
	wrong := in.contradiction(h, l, clash)
	if len(in.Problems) > 0 {
		return nil, Reply{}, wrong // whatever has become of the lead
	}
	now := e.now()
	if r, f, ok := e.answered(h, in.ReceivedAt, now); ok {
		return nil, r, f
	}
	if e.inherits(h) {
		return nil, Reply{}, inheritedQuote()
	}
	if h.Over(in.ReceivedAt) {
		return nil, Reply{}, &Fault{Kind: FaultGone, Code: "ping_expired",
			Message: "the quote expired at " + h.Pinged.ExpiresAt.UTC().Format(time.RFC3339) + ": ping again"}
	}
	if err := e.Available(); err != nil {
		return nil, Reply{}, unavailable(err)
	}
	if wrong != nil {
		return nil, Reply{}, wrong
	}
	if in.On.source[in.Source.ID].paused.Load() {
		return nil, Reply{}, sourcePaused()
	}
	d := &delivery{e: e, on: in.On, history: h, v: in.Vertical, src: in.Source, l: l, want: in.Test.Want,
		seller: h.Seller()}
	if !h.Pinged.Test { // a test names nobody
		d.who = in.Source.DedupeOf(in.Vertical).identify(l)
	}
	if d.who.Person == "" {
		d.who = h.Who
	}
	if h.Post == nil {
		if in.SellerLeadID != "" {
			d.seller = in.SellerLeadID
		}
		d.post, d.came = newPost(in, l, before, clash), in.ReceivedAt
		d.private.Fields, d.private.Raw = ledger.FieldsOf(l, true, func(i int) bool { return !before[i] })
		d.private.Person, d.private.Also, d.private.Unknown = d.who.Person, d.who.Also, in.Extra
	}
	return d, Reply{}, nil
}

func newPost(in *PostIn, l *lead.Lead, before []bool, clash []int) *ledger.Post {
	p := &ledger.Post{ReceivedAt: in.ReceivedAt, SellerLeadID: in.SellerLeadID, IdempotencyKey: in.IdempotencyKey,
		BodyHash: in.BodyHash}
	p.Fields, p.Raw = ledger.FieldsOf(l, false, func(i int) bool { return !before[i] })
	p.Unfit = ledger.UnfitOf(in.Lead)
	for _, i := range clash {
		p.Changed = append(p.Changed, l.Schema().Fields[i].Name)
	}
	return p
}
