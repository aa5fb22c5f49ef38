// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"encoding/hex"
	"errors"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// identify finds the rule for the ping's leads, and who it is about.
func (p *Ping) identify() {
	p.rule = p.Source.DedupeOf(p.Vertical)
	if !p.Test.On { // a test names nobody
		p.who = p.rule.identify(&p.Lead)
	}
}

// shares tells whether the ping may get the quote of another that has sent the same. A ping without a person is always
// its own lead, and one with an idempotency key is known by that alone.
func (p *Ping) shares() bool {
	return p.no == lead.NoRefusal && p.IdempotencyKey == "" && p.who.person != "" && p.rule.Window > 0 &&
		!p.rule.OwnAuctions
}

// share answers a ping by the live quote, or by the ping under way, that has sent the same; else it asks. Nothing is
// written for a ping that is answered by another's quote: its answer stands in the ledger already.
func (e *Exchange) share(p *Ping, begin time.Time) (f *Fault) {
	p.digest(modePing)
	now := e.now()
	other, quoted := e.quotes.enter(p, now)
	if other != nil {
		return e.follow(p, other)
	}
	ended := false
	defer func() {
		if !ended { // it panicked: those who wait hear so
			f = unavailable(errors.New("the same ping failed"))
		}
		e.quotes.leave(p, e.now(), f)
	}()
	f = e.answerOrAsk(p, quoted, now, begin)
	ended = true
	return f
}

// answerOrAsk answers by a quote that may be alive, or holds an auction.
func (e *Exchange) answerOrAsk(p *Ping, quoted lead.ID, now, begin time.Time) *Fault {
	if !quoted.IsZero() {
		h, err := e.history(quoted)
		if err != nil {
			e.log.Error("read lead", "err", err)
			return unavailable(errUnread)
		}
		if h.quoteAt(now) && p.kept(h, now) {
			p.Reply = pingReply(h)
			e.Stats.source(p.Source.ID).Suppressed.Add(1)
			return nil
		}
	}
	return e.ask(p, begin)
}

var errUnread = errors.New("the lead could not be read")

// followGrace is how much longer than an auction the ping that holds it may take: for its sync.
const followGrace = 250 * time.Millisecond

// follow waits for a ping under way.
func (e *Exchange) follow(p *Ping, other *flight) *Fault {
	timer := time.NewTimer(p.Vertical.PingDeadline + followGrace)
	defer timer.Stop()
	select {
	case <-other.done:
	case <-timer.C:
		return inProgress()
	}
	if other.fault != nil {
		return other.fault
	}
	p.Reply = other.reply
	e.Stats.source(p.Source.ID).Suppressed.Add(1)
	return nil
}

// quoteAt tells whether the lead has a quote at a time that no post has used yet.
func (h *history) quoteAt(now time.Time) bool {
	p := h.pinged
	return p != nil && p.Result == ledger.ResultSuccess && now.Before(p.ExpiresAt) && !h.over(now) && h.post == nil &&
		len(h.attempts) == 0 && h.settled == nil
}

// A quote of which less than a leftShare-th of its life is left is not given to others any more: they could hardly post
// in time.
const leftShare = 10

// kept tells whether a live quote is worth giving to another ping: each bid that it counts on could be posted to now,
// and a good part of its time is left.
func (p *Ping) kept(h *history, now time.Time) bool {
	q := h.pinged
	if q.ExpiresAt.Sub(now) < q.ExpiresAt.Sub(q.At)/leftShare {
		return false
	}
	for i := range q.Bids {
		if !q.Bids[i].Winner {
			continue
		}
		c := p.on.cfg.Book.Campaign(q.Bids[i].Campaign)
		if c == nil || p.on.campaigns[c.Index].paused() {
			return false
		}
		for _, count := range p.on.campaigns[c.Index].counters {
			if !count.Room(now) {
				return false
			}
		}
	}
	return true
}

// recognise says of a ping, or a one-shot lead, whether it is a repeat.
func (e *Exchange) recognise(p *Ping) (f *Fault) {
	if p.details, f = e.repeated(p.Source, p.Vertical, &p.who, noLead); p.details != "" {
		p.no = lead.LeadRepeated
		e.Stats.source(p.Source.ID).Repeated.Add(1)
	}
	return f
}

// repeated tells what the seller hears if a lead of the person is a repeat of an earlier one than self, "" if it is
// none. Of another source's lead nothing is told but that there was one.
func (e *Exchange) repeated(s *Source, v *Vertical, who *identity, self lead.ID) (details string, f *Fault) {
	d := s.DedupeOf(v)
	if !d.refuses() {
		return "", nil
	}
	scope := d.scope(s)
	for i := range who.names() {
		id, ok := e.led.ByPerson(scope, v.ID, who.name(i))
		if !ok {
			continue
		}
		last, f := e.counts(d, id, self)
		if f != nil {
			return "", f
		}
		if last == nil && d.Refuse == RefuseSold {
			if last, f = e.lastSold(d, scope, v, who.name(i), self); f != nil {
				return "", f
			}
		}
		switch {
		case last == nil:
		case last.pinged.Source == s.ID:
			return "Lead previously received " + last.received().UTC().Format(time.DateOnly), nil
		default:
			return "Lead previously received", nil
		}
	}
	return "", nil
}

// lastSold reads the person's last lead that is sold, or may be: also one that came before others that are not.
func (e *Exchange) lastSold(d *Dedupe, scope string, v *Vertical, person string, self lead.ID) (*history, *Fault) {
	for _, id := range e.led.SoldByPerson(scope, v.ID, person, e.now().Add(-d.Window)) {
		if last, f := e.counts(d, id, self); last != nil || f != nil {
			return last, f
		}
	}
	return nil, nil
}

func (d *Dedupe) scope(s *Source) string {
	if d.Scope == ScopeVertical {
		return ""
	}
	return s.ID
}

// counts reads an earlier lead; it is nil if a later one is no repeat of it. A lead whose events were dropped with age
// is forgotten.
func (e *Exchange) counts(d *Dedupe, id, self lead.ID) (*history, *Fault) {
	if id == self {
		return nil, nil
	}
	h, err := e.history(id)
	if err != nil {
		e.log.Error("read lead", "err", err)
		return nil, unavailable(errUnread)
	}
	if h.pinged == nil || e.now().Sub(h.received()) >= d.Window || d.Refuse == RefuseSold && !h.standing() {
		return nil, nil
	}
	return h, nil
}

// received is when the whole lead came.
func (h *history) received() time.Time {
	if h.post != nil {
		return h.post.ReceivedAt
	}
	return h.pinged.ReceivedAt
}

// standing tells whether the lead is sold, or may be.
func (h *history) standing() bool {
	for i := range h.attempts {
		if h.attempts[i].outcome().Standing() {
			return true
		}
	}
	return false
}

// restoreQuotes finds the live quotes in the ledger. It reads as much of the log as the longest life of a quote.
func (e *Exchange) restoreQuotes() error {
	now := e.now()
	from, err := e.led.Since(now.Add(-time.Duration(e.quotes.keep.Load()) - restoreSlack))
	if err != nil {
		return err
	}
	if last := e.led.Stats().LastSeq; last > restoreMax {
		from = max(from, last-restoreMax)
	}
	from = max(from, e.inherited+1)
	return e.led.Scan(from, func(r ledger.Record) error {
		var c content
		q, ok := r.Quote()
		if !ok || !q.Expires.After(now) {
			return nil
		}
		if n, err := hex.Decode(c[:], []byte(q.Content)); err == nil && n == len(c) {
			e.quotes.restore(c, r.Lead, q.Expires, now)
		}
		e.restoreUnnamed(&q, r.Lead, now)
		return nil
	})
}

const (
	restoreSlack = 10 * time.Second // events of one moment need not stand in the order of their times
	// events; quotes before them are not recognised, so that a start takes no more than seconds
	restoreMax = 1_000_000
)
