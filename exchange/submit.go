// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"crypto/sha256"
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// rememberUnnamed keeps whose quote a ping has got, where its source's posts need not name their pings.
func (e *Exchange) rememberUnnamed(p *Ping) {
	if p.Source.UnnamedPosts && p.who.Person != "" && p.reply.Result == lead.ResultSuccess {
		e.quotes.restore(personContent(p.Source.ID, p.Vertical.ID, p.who.Person, p.SellerLeadID), p.reply.LeadID,
			p.reply.ExpiresAt, e.now())
	}
}

// personContent is what the table of quotes knows such a quote by: the person, and what the seller calls the lead.
func personContent(source, vertical, person, sellerLeadID string) (c content) {
	sum := sha256.Sum256([]byte("person\x00" + source + "\x00" + vertical + "\x00" + person + "\x00" + sellerLeadID))
	copy(c[:], sum[:])
	return c
}

// PingOf finds the ping to which a whole lead without a ping's id belongs, where its source's posts need not name their
// pings: the one of the person's live quote, or of its earlier post, if that had the same values. ok is false for a
// lead that came in one shot. Ping is filled as for LeadNow.
func (e *Exchange) PingOf(p *Ping) (id lead.ID, ok bool, f *Fault) {
	if !p.Source.UnnamedPosts || p.Test.On {
		return noLead, false, nil
	}
	if p.IdempotencyKey != "" {
		if used, ok := e.led.ByIdempotencyKey(p.Source.ID, p.IdempotencyKey); ok {
			h, f := e.read(used)
			return used, f == nil && h.Post != nil && h.Post.IdempotencyKey == p.IdempotencyKey, f
		}
	}
	p.identify()
	now := e.now()
	posted, f := e.postedBefore(p, now)
	if f != nil || posted != nil && !posted.Failed() {
		return idOf(posted), f == nil, f
	}
	for i := range p.who.Names() {
		for _, called := range []string{p.SellerLeadID, ""} {
			id := e.quotes.find(personContent(p.Source.ID, p.Vertical.ID, p.who.Name(i), called), now)
			if id.IsZero() {
				continue
			}
			h, f := e.read(id)
			if f != nil {
				return id, false, f
			}
			// After a post that came to nothing, a quote that was given since is for another try; one from before it is
			// not.
			if h.QuoteAt(now) && p.MinPrice <= h.Pinged.Price &&
				(posted == nil || h.Pinged.At.After(posted.Post.ReceivedAt)) {
				return id, true, nil
			}
		}
	}
	return idOf(posted), posted != nil, nil
}

// postedBefore is the lead that was pinged and then posted with the very values of p, nil if there is none.
func (e *Exchange) postedBefore(p *Ping, now time.Time) (*history.History, *Fault) {
	for i := range p.who.Names() {
		id, ok := e.led.ByPerson(p.Source.ID, p.Vertical.ID, p.who.Name(i))
		if !ok {
			continue
		}
		if h, f := e.read(id); f != nil || p.postedAs(h, now) {
			return h, f
		}
	}
	return nil, nil
}

func idOf(h *history.History) lead.ID {
	if h == nil {
		return noLead
	}
	return h.ID
}

func (e *Exchange) read(id lead.ID) (*history.History, *Fault) {
	h, err := e.history(id)
	if err != nil {
		e.log.Error("read lead", "err", err)
		return nil, unread()
	}
	return h, nil
}

// postedAs tells whether the lead is one that was pinged, and posted within the window with the values that p has. A
// social security number is not compared: it is not kept.
func (p *Ping) postedAs(h *history.History, now time.Time) bool {
	if h.Pinged == nil || h.Pinged.Mode != ledger.ModePing || h.Post == nil ||
		now.Sub(h.Post.ReceivedAt) >= p.rule.Window ||
		p.SellerLeadID != "" && p.SellerLeadID != h.Seller() {
		return false
	}
	l := h.Lead(p.Vertical.Schema)
	for i := range l.Len() {
		s, f := p.Lead.Slot(i), &l.Schema().Fields[i]
		if s.State == lead.Missing || s.Made || f.Type == lead.TypeSSN || f.Of == lead.TypeSSN {
			continue
		}
		if string(p.Lead.Value(i)) != string(l.Value(i)) {
			return false
		}
	}
	return true
}

// restoreUnnamed does for a quote in the ledger what rememberUnnamed does for a new one.
func (e *Exchange) restoreUnnamed(q *ledger.Quote, id lead.ID, now time.Time) {
	if s := e.inForce.Load().source[q.Source]; s != nil && s.UnnamedPosts && q.Person != "" {
		e.quotes.restore(personContent(q.Source, q.Vertical, q.Person, q.SellerLeadID), id, q.Expires, now)
	}
}
