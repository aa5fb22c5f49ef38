// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"slices"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// LeadNow takes a whole lead in one shot: it asks the buyers as a ping does and posts to the winners at once. There is
// no quote: the payout follows the sale. A repeat with the same idempotency key, or without a key with the same values
// within the dedupe window, gets the first answer; another lead of a person whose earlier one counts is a repeat that
// nobody is asked about.
func (e *Exchange) LeadNow(p *Ping) (Reply, *Fault) {
	begin := e.begin(p)
	if f := e.admit(p, lead.AtPing|lead.AtPost); f != nil {
		return Reply{}, f
	}
	p.identify()
	t, held := &underWay{done: make(chan struct{})}, e.claims.In()
	defer held.Release()
	if reply, f := e.claimOneShot(p, held, t); f != nil {
		return Reply{}, f
	} else if reply != nil {
		return *reply, nil
	}
	if f := e.closed(p); f != nil {
		return Reply{}, f
	}
	now := e.open(p, ledger.ModeLead)
	e.bid(p, now, begin)
	d := e.oneShot(p)
	e.Stats.pinged(p, e.wall().Sub(begin))
	// Nobody else can know the new id yet. The claim is for those who learn it from the ledger while the trip goes on.
	held.Take(leadName(p.id), t)
	return e.run(t, d, begin, p.MaxWait, held.HandOver())
}

// claimOneShot makes this the only trip of its idempotency key, or of what was sent where there is no key, and the only
// one of its person where the person's leads may be repeats of each other. It returns the answer of an earlier one.
func (e *Exchange) claimOneShot(p *Ping, held *heldClaims, t *underWay) (r *Reply, f *Fault) {
	if p.who.Person != "" && p.rule.Window > 0 {
		p.digest(ledger.ModeLead)
	}
	switch {
	case p.IdempotencyKey != "":
		r, f = e.claimKey(held, keyUse{p.Source, p.Vertical, ledger.ModeLead, p.IdempotencyKey, p.BodyHash,
			noLead}, t)
	case p.whatText != "":
		r, f = e.claimContent(held, p, t)
	}
	if r != nil || f != nil {
		return r, f
	}
	if f = e.claimPerson(held, p.Source, p.Vertical, &p.who); f != nil {
		return nil, f
	}
	return nil, e.recognise(p, noLead)
}

// oneShot makes the delivery of a lead whose ping is not durable yet: both become so together. All that the delivery
// keeps is copied, since it may outlive the Ping.
func (e *Exchange) oneShot(p *Ping) *delivery {
	ev := p.event
	ev.Fields, ev.Raw = ledger.FieldsOf(&p.Lead, false, nil)
	ev.Private.Fields, ev.Private.Raw = ledger.FieldsOf(&p.Lead, true, nil)
	ev.From, ev.Unfit = nil, ledger.UnfitOf(&p.Lead)
	ev.Bids = make([]ledger.Bid, len(p.bids))
	for i, b := range p.bids {
		b.Token, b.Reason, b.Answer, b.Brand = clone(b.Token), clone(b.Reason), clone(b.Answer), clone(b.Brand)
		b.Factors, b.Captures = slices.Clone(b.Factors), slices.Clone(b.Captures)
		for k := range b.Captures {
			b.Captures[k].Value = clone(b.Captures[k].Value)
		}
		ev.Bids[i] = b
	}
	ev.Charges = slices.Clone(ev.Charges)
	ev.Turns, ev.Rights = slices.Clone(ev.Turns), slices.Clone(ev.Rights)
	if l := ev.Learned; l != nil {
		ev.Learned = &ledger.Learned{Mode: l.Mode, Segment: clone(l.Segment), Explores: l.Explores,
			Would: slices.Clone(l.Would)}
	}
	ev.Private.Cookies = slices.Clone(ev.Private.Cookies)
	for i := range ev.Private.Cookies {
		ev.Private.Cookies[i].Cookie = clone(ev.Private.Cookies[i].Cookie)
	}
	ev.Private.Also = p.who.Also
	h := &history.History{ID: p.id, Pinged: &ev, Who: p.who}
	l := h.Lead(p.Vertical.Schema)
	l.CopyFrom(&p.Lead, nil) // social security numbers, which the event has masked
	d := &delivery{e: e, on: p.on, history: h, v: p.Vertical, src: p.Source, l: l, who: p.who, seller: p.SellerLeadID,
		oneShot: true, want: p.Test.Want, details: p.details, before: []ledger.Event{&ev}}
	if ev.Result == lead.ResultFailure {
		d.why = p.no
	}
	return d
}

func clone(s string) string { return string(append([]byte(nil), s...)) }
