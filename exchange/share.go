// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"encoding/hex"
	"errors"
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// shares tells whether the ping may get the quote of another that has sent the same. A ping without a person is always
// its own lead, and one with an idempotency key is known by that alone.
func (p *Ping) shares() bool {
	return p.no == lead.NoRefusal && p.IdempotencyKey == "" && p.who.Person != "" && p.rule.Window > 0 &&
		!p.rule.OwnAuctions
}

// share answers a ping by the live quote, or by the ping under way, that has sent the same; else it asks. Nothing is
// written for a ping that is answered by another's quote: its answer stands in the ledger already.
func (e *Exchange) share(p *Ping, begin time.Time) (f *Fault) {
	p.digest(ledger.ModePing)
	now := e.now()
	other, quoted := e.quotes.enter(p, now)
	if other != nil {
		return e.await(p, other)
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
		if h.QuoteAt(now) && p.kept(h, now) {
			p.reply = pingReply(h)
			e.Stats.source(p.Source.ID).Suppressed.Add(1)
			return nil
		}
	}
	return e.ask(p, begin)
}

// awaitGrace is how much longer than an auction the ping that holds it may take: for its sync.
const awaitGrace = 250 * time.Millisecond

// awaits is how long a ping waits for the answer of another: as long as for one of its own, from when it came, and no
// longer than its seller waits.
func (p *Ping) awaits() time.Duration {
	most := p.patience() + awaitGrace
	if p.MaxWait > 0 {
		most = min(most, p.MaxWait)
	}
	return most - p.Waited
}

// await waits for a ping under way that has sent the same.
func (e *Exchange) await(p *Ping, other *flight) *Fault {
	timer := time.NewTimer(p.awaits())
	defer timer.Stop()
	select {
	case <-other.done:
	case <-timer.C:
		return inProgress()
	}
	if other.fault != nil {
		return other.fault
	}
	p.reply = other.reply
	e.Stats.source(p.Source.ID).Suppressed.Add(1)
	return nil
}

// A quote of which less than a leftShare-th of its life is left is not given to others any more: they could hardly post
// in time.
const leftShare = 10

// kept tells whether a live quote is worth giving to another ping: each bid that it counts on could be posted to now,
// and a good part of its time is left.
func (p *Ping) kept(h *history.History, now time.Time) bool {
	q := h.Pinged
	if q.ExpiresAt.Sub(now) < q.ExpiresAt.Sub(q.At)/leftShare {
		return false
	}
	for i := range q.Bids {
		if !q.Bids[i].Winner {
			continue
		}
		c := p.on.cfg.Book.Campaign(q.Bids[i].Campaign)
		if c == nil || p.on.campaigns[c.Index].leftAlone() != lead.NoRefusal {
			return false
		}
		if p.full(p.on.campaigns[c.Index], q.Bids[i].Price, now) != lead.NoRefusal {
			return false
		}
	}
	return true
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
