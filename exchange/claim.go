// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"clearpost/exchange/claims"
	"clearpost/lead"
)

// heldClaims is what a request has claimed: the names of leads, keys and contents, and persons.
type heldClaims = claims.Claims[underWay]

var noLead lead.ID

func leadName(id lead.ID) string { return "lead\x00" + string(id[:]) }

// keyUse is a request that bears an idempotency key.
type keyUse struct {
	source   *Source
	vertical *Vertical
	mode     string
	key      string
	bodyHash string
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
	if !h.usedKey(&u) {
		return nil, keyReused()
	}
	reply := e.reply(h)
	if u.mode == modePing {
		reply = pingReply(h)
	}
	return &reply, nil
}

// usedKey tells whether the lead's ping or post is this very request.
func (h *history) usedKey(u *keyUse) bool {
	if h.pinged.Vertical != u.vertical.ID {
		return false
	}
	if h.pinged.IdempotencyKey == u.key {
		return h.pinged.Mode == u.mode && h.pinged.BodyHash == u.bodyHash
	}
	return u.mode == modePost && h.post != nil && h.post.IdempotencyKey == u.key && h.post.BodyHash == u.bodyHash
}

// The calls that sell. The first two are the modes of a pinged event.
const (
	modePing = "ping"
	modeLead = "lead"
	modePost = "post"
)

// pingReply is the answer that the lead's ping had.
func pingReply(h *history) Reply {
	r := Reply{LeadID: h.id, SellerLeadID: h.pinged.SellerLeadID, Currency: h.pinged.Currency, Quote: true,
		Result: h.pinged.Result, Price: h.pinged.Price, ExpiresAt: h.pinged.ExpiresAt, Details: h.pinged.Details,
		Test: h.pinged.Test}
	r.Refusal = h.pinged.Refusal
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
	reply := e.reply(h)
	return &reply, nil
}

// claimPerson makes this the only delivery of its person's leads, where they may be repeats of each other.
func (e *Exchange) claimPerson(held *heldClaims, s *Source, v *Vertical, who *identity) *Fault {
	p := &claims.Person{Source: s.ID, Reach: s.DedupeOf(v).reach()}
	for i := range who.names() {
		if !held.TakePerson(v.ID+"\x00"+who.name(i), p) {
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
