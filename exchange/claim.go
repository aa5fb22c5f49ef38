// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"clearpost/exchange/claims"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

func leadName(id lead.ID) string { return "lead\x00" + string(id[:]) }

// keyUse is a request that bears an idempotency key.
type keyUse struct {
	source   *Source
	vertical *Vertical
	mode     string
	key      string
	bodyHash string
	lead     lead.ID // of a post
}

// claimKey makes this request the only one of its idempotency key. If the key has been used, its answer is returned, or
// a Fault if it was used for another call or body or is under way.
func (e *Exchange) claimKey(held *heldClaims, u keyUse, t *underWay) (r *Reply, f *Fault) {
	if _, ok := held.Take("key\x00"+u.source.ID+"\x00"+u.key, t); !ok {
		return nil, inProgress()
	}
	id, ok := e.led.ByIdempotencyKey(u.source.ID, u.key)
	if !ok {
		return nil, nil
	}
	h, f := e.own(u.source, id)
	if f != nil && f.Kind == FaultNotFound {
		return nil, nil // its events were dropped with age
	}
	if f != nil {
		return nil, f
	}
	if !u.usedBy(h) {
		return nil, keyReused()
	}
	if h.ID == u.lead && h.Resumable() {
		return nil, nil // its trip was cut off: it goes on
	}
	reply := replyOf(h)
	if u.mode == ledger.ModePing {
		reply = pingReply(h)
	}
	return &reply, nil
}

// usedBy tells whether the lead's ping or post is this very request.
func (u *keyUse) usedBy(h *history.History) bool {
	if h.Pinged.Vertical != u.vertical.ID {
		return false
	}
	if h.Pinged.IdempotencyKey == u.key {
		return h.Pinged.Mode == u.mode && h.Pinged.BodyHash == u.bodyHash
	}
	return u.mode == ledger.ModePost && h.Post != nil && h.Post.IdempotencyKey == u.key && h.Post.BodyHash == u.bodyHash
}

// pingReply is the answer that the lead's ping had.
func pingReply(h *history.History) Reply {
	r := Reply{LeadID: h.ID, SellerLeadID: h.Pinged.SellerLeadID, Currency: h.Pinged.Currency, Quote: true,
		Result: h.Pinged.Result, Price: h.Pinged.Price, ExpiresAt: h.Pinged.ExpiresAt, Details: h.Pinged.Details,
		Test: h.Pinged.Test}
	r.Refusal = h.Pinged.Refusal
	return r
}

// claimContent makes this the only one-shot lead of what was sent, or returns the answer of an earlier one.
func (e *Exchange) claimContent(held *heldClaims, p *Ping, t *underWay) (r *Reply, f *Fault) {
	if _, ok := held.Take("content\x00"+p.whatText, t); !ok {
		return nil, inProgress()
	}
	id, at, ok := e.led.ByContent(p.Source.ID, p.whatText)
	if !ok || at+p.rule.Window.Microseconds() <= e.now().UnixMicro() {
		return nil, nil
	}
	h, f := e.own(p.Source, id)
	if f != nil && f.Kind == FaultNotFound {
		return nil, nil // its events were dropped with age
	}
	if f != nil {
		return nil, f
	}
	reply := replyOf(h)
	return &reply, nil
}

// claimPerson makes this the only delivery of its person's leads, where they may be repeats of each other.
func (e *Exchange) claimPerson(held *heldClaims, s *Source, v *Vertical, who *history.Identity) *Fault {
	p := &claims.Person{Source: s.ID, Reach: s.DedupeOf(v).reach()}
	for i := range who.Names() {
		if !held.TakePerson(v.ID+"\x00"+who.Name(i), p) {
			return personBusy()
		}
	}
	return nil
}

// reach is with whose earlier leads the rule compares a lead.
func (d *Dedupe) reach() claims.Reach {
	switch {
	case !d.refuses():
		return claims.ReachNone
	case d.Scope == ScopeVertical:
		return claims.ReachAll
	}
	return claims.ReachSource
}

// own reads the history of a lead that must be the source's.
func (e *Exchange) own(s *Source, id lead.ID) (*history.History, *Fault) {
	h, err := e.history(id)
	if err != nil {
		e.log.Error("read lead", "err", err)
		return nil, unread()
	}
	if h.Pinged == nil || h.Pinged.Source != s.ID {
		return nil, notFound(id)
	}
	return h, nil
}
