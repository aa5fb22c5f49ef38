// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"slices"

	"clearpost/lead"
	"clearpost/ledger"
)

// LeadNow takes a whole lead in one shot: it asks the buyers as a ping does and posts to the winners at once. There is
// no quote: the payout follows the sale. A repeat with the same idempotency key, or without a key with the same values
// within the dedupe window, gets the first answer; another lead of a person whose earlier one counts is a repeat that
// nobody is asked about.
func (e *Exchange) LeadNow(p *Ping) (Reply, *Fault) {
	begin := e.wall()
	if f := e.admit(p, lead.AtPing|lead.AtPost); f != nil {
		return Reply{}, f
	}
	p.identify()
	t := &underWay{done: make(chan struct{})}
	end, reply, f := e.claimOneShot(p, t)
	if f != nil {
		return Reply{}, f
	}
	if reply != nil {
		return *reply, nil
	}
	started := false
	defer func() {
		if !started {
			end() // it panicked
		}
	}()
	now := e.open(p, modeLead)
	e.bid(p, now)
	d := e.oneShot(p)
	e.Stats.pinged(p, e.wall().Sub(begin))
	// Nobody else can know the new id yet. The claim is for those who learn it from the ledger while the trip goes on.
	key := leadKey(p.id)
	e.claims.begin(key, t)
	started = true
	return e.run(t, d, begin, p.MaxWait, func() { e.claims.end(key); end() })
}

// claimOneShot makes this the only trip of its idempotency key, or of what was sent where there is no key, and the only
// one of its person where the person's leads may be repeats of each other. It returns the answer of an earlier one.
func (e *Exchange) claimOneShot(p *Ping, t *underWay) (end func(), r *Reply, f *Fault) {
	if p.who.person != "" && p.rule.Window > 0 {
		p.digest(modeLead)
	}
	end = func() {}
	switch {
	case p.IdempotencyKey != "":
		end, r, f = e.claimKey(keyUse{p.Source, p.Vertical, modeLead, p.IdempotencyKey, p.BodyHash}, t)
	case p.whatText != "":
		end, r, f = e.claimContent(p, t)
	}
	if r != nil || f != nil {
		return nil, r, f
	}
	endPerson, f := e.claimPerson(p.Source, p.Vertical, &p.who)
	if f != nil {
		end()
		return nil, nil, f
	}
	endFirst := end
	end = func() { endPerson(); endFirst() }
	if f = e.recognise(p); f != nil {
		end()
		return nil, nil, f
	}
	return end, nil, nil
}

// claimContent makes this the only one-shot lead of what was sent, or returns the answer of an earlier one.
func (e *Exchange) claimContent(p *Ping, t *underWay) (end func(), r *Reply, f *Fault) {
	claim := "content\x00" + p.whatText
	if _, ok := e.claims.begin(claim, t); !ok {
		return nil, nil, inProgress()
	}
	end = func() { e.claims.end(claim) }
	id, at, ok := e.led.ByContent(p.Source.ID, p.whatText)
	if !ok || at+p.rule.Window.Microseconds() <= e.now().UnixMicro() {
		return end, nil, nil
	}
	h, f := e.own(p.Source, id)
	if f != nil && f.Kind == FaultNotFound {
		return end, nil, nil // its events were dropped with age
	}
	end()
	if f != nil {
		return nil, nil, f
	}
	reply := e.reply(h)
	return nil, &reply, nil
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
		ev.Bids[i] = b
	}
	ev.Private.Cookies = slices.Clone(ev.Private.Cookies)
	for i := range ev.Private.Cookies {
		ev.Private.Cookies[i].Cookie = clone(ev.Private.Cookies[i].Cookie)
	}
	ev.Private.Also = p.who.also
	h := &history{id: p.id, pinged: &ev, who: p.who}
	l := h.lead(p.Vertical.Schema)
	l.CopyFrom(&p.Lead, nil) // social security numbers, which the event has masked
	d := &delivery{e: e, on: p.on, history: h, v: p.Vertical, src: p.Source, l: l, who: p.who, seller: p.SellerLeadID,
		oneShot: true, want: p.Test.Want, details: p.details, minimum: p.MinPrice, before: []ledger.Event{&ev}}
	if ev.Result == ledger.ResultFailure {
		d.why = p.no
	}
	return d
}

func clone(s string) string { return string(append([]byte(nil), s...)) }
