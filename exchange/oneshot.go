// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"slices"

	"clearpost/lead"
	"clearpost/ledger"
)

// LeadNow takes a whole lead in one shot: it asks the buyers as a ping does and posts to the winners at once. There is no quote: the
// payout follows the sale. A repeat with the same idempotency key, or without a key by the same source with the same person
// within the dedupe window, gets the first answer.
func (e *Exchange) LeadNow(p *Ping) (Reply, *Fault) {
	begin := e.wall()
	if f := e.admit(p, lead.AtPing|lead.AtPost); f != nil {
		return Reply{}, f
	}
	t := &trip{done: make(chan struct{})}
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
	e.solicit(p, now)
	e.judge(p, p.MinPrice)
	p.quote()
	d := e.oneShot(p)
	e.Stats.pinged(p, e.wall().Sub(begin))
	// Nobody else can know the new id yet. The claim is for those who learn it from the ledger while the trip goes on.
	key := leadKey(p.id)
	e.trips.begin(key, t)
	started = true
	return e.run(t, d, begin, p.MaxWait, func() { e.trips.end(key); end() })
}

// claimOneShot makes this the only trip of its idempotency key, or of its person where there is no key.
func (e *Exchange) claimOneShot(p *Ping, t *trip) (end func(), r *Reply, f *Fault) {
	if p.IdempotencyKey != "" {
		return e.claimKey(keyUse{p.Source, p.Vertical, modeLead, p.IdempotencyKey, p.BodyHash}, t)
	}
	who := person(p.Vertical, &p.Lead)
	if who == "" || p.Vertical.DedupeWindow <= 0 || p.Test.On {
		return func() {}, nil, nil
	}
	claim := "person\x00" + p.Source.ID + "\x00" + p.Vertical.ID + "\x00" + who
	if _, ok := e.trips.begin(claim, t); !ok {
		return nil, nil, inProgress()
	}
	end = func() { e.trips.end(claim) }
	id, at, ok := e.led.ByPerson(p.Source.ID, p.Vertical.ID, who)
	if !ok || at+p.Vertical.DedupeWindow.Microseconds() <= e.now().UnixMicro() {
		return end, nil, nil
	}
	st, f := e.own(p.Source, id)
	if f != nil && f.Kind == FaultNotFound {
		return end, nil, nil // its events were dropped with age
	}
	end()
	if f != nil {
		return nil, nil, f
	}
	reply := e.reply(st)
	return nil, &reply, nil
}

// oneShot makes the delivery of a lead whose ping is not durable yet: both become so together. All that the delivery keeps is copied,
// since it may outlive the Ping.
func (e *Exchange) oneShot(p *Ping) *delivery {
	ev := p.event
	ev.Fields, ev.Raw = ledger.FieldsOf(&p.Lead, false, nil)
	ev.Private.Fields, ev.Private.Raw = ledger.FieldsOf(&p.Lead, true, nil)
	ev.From = nil
	ev.Bids = make([]ledger.Bid, len(p.bids))
	for i, b := range p.bids {
		b.Token, b.Reason, b.Answer, b.Brand = clone(b.Token), clone(b.Reason), clone(b.Answer), clone(b.Brand)
		ev.Bids[i] = b
	}
	ev.Private.Cookies = slices.Clone(ev.Private.Cookies)
	for i := range ev.Private.Cookies {
		ev.Private.Cookies[i].Cookie = clone(ev.Private.Cookies[i].Cookie)
	}
	st := &story{id: p.id, pinged: &ev, person: p.person}
	d := &delivery{e: e, plan: p.plan, st: st, v: p.Vertical, src: p.Source, l: st.lead(p.Vertical.Schema), person: p.person, seller: p.SellerLeadID, oneShot: true,
		want: p.Test.Want, minimum: p.MinPrice, before: []ledger.Event{&ev}}
	if ev.Result == ledger.ResultFailure {
		d.why = p.no
	}
	return d
}

func clone(s string) string { return string(append([]byte(nil), s...)) }
