// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"sync/atomic"
	"time"

	"clearpost/buyers"
	"clearpost/lead"
	"clearpost/ledger"
)

// How a buyer pays is reckoned beside the exchange, from the journal and by the terms of its page (node/standing.go).
// Here it is put into force: it stands in the ledger, a ping reads it without a lock, and its event has what a bid
// hung on, so that it is computed again as it was.

// paying is how a buyer pays, for its campaigns. Whoever holds it reads without a lock.
type paying struct{ slow, stopped atomic.Bool }

func (p *paying) set(pays string) {
	p.slow.Store(pays == ledger.PaysSlowly || pays == ledger.PaysNothing)
	p.stopped.Store(pays == ledger.PaysNothing)
}

// payer is that of a buyer.
func (s *switches) payer(buyer string) *paying {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.payers[buyer]
	if p == nil {
		p = &paying{}
		s.payers[buyer] = p
	}
	return p
}

// Standings are how buyers pay that do not pay well, by their ids, and since when.
func (e *Exchange) Standings() map[string]ledger.PauseInfo {
	out := map[string]ledger.PauseInfo{}
	for subject, p := range e.led.Pauses() {
		if p.Pays != "" {
			out[subject[len(ledger.StandingSubject("")):]] = p
		}
	}
	return out
}

// Stands puts into force how a buyer pays. When it returns nil that is in the ledger; where the buyer stands so already
// nothing is written. Was is filled in.
func (e *Exchange) Stands(buyer string, s *ledger.Standing) (changed bool, err error) {
	e.paused.changing.Lock()
	defer e.paused.changing.Unlock()
	s.Was = ledger.PaysWell
	if p, ok := e.led.Pauses()[ledger.StandingSubject(buyer)]; ok {
		s.Was = p.Pays
	}
	if s.Is == s.Was {
		return false, nil
	}
	snap := e.inForce.Load()
	ev := &ledger.Adjusted{Head: snap.head(ledger.KindAdjusted, noLead, "", "", e.now()), Buyer: buyer,
		Adjustment: ledger.AdjustStanding, Subject: "buyer:" + buyer, Why: whyStands(s), By: "clearpost",
		Currency: snap.currency(buyer), Standing: s}
	if err := e.led.Append(ev); err != nil {
		e.learn(err, nil, func() { e.standsAsStored(buyer) })
		return false, fmt.Errorf("how %s pays is not changed: %w", buyer, err)
	}
	e.paused.payer(buyer).set(s.Is)
	return true, nil
}

// standsAsStored makes of a buyer what the ledger says.
func (e *Exchange) standsAsStored(buyer string) {
	e.paused.changing.Lock()
	defer e.paused.changing.Unlock()
	e.paused.payer(buyer).set(e.led.Pauses()[ledger.StandingSubject(buyer)].Pays)
}

// whyStands tells by what it was decided.
func whyStands(s *ledger.Standing) string {
	if s.Due == "" {
		return "nothing is overdue"
	}
	out := fmt.Sprintf("%s overdue, the oldest since %s, %d days on %s", s.Overdue, s.Due, s.Days, s.Day)
	switch {
	case s.Is == ledger.PaysNothing && s.StopAfter != nil:
		out += fmt.Sprintf(" (stop_after_days %d)", *s.StopAfter)
	case s.Is == ledger.PaysSlowly && s.SlowAfter != nil:
		out += fmt.Sprintf(" (slow_after_days %d)", *s.SlowAfter)
	}
	return out
}

// whyLate tells of a bid that its buyer was late with its payments, and, where it stands so since before the ping, by
// what that was decided.
func (e *Exchange) whyLate(b *ledger.Bid, asked time.Time) []string {
	out := "its buyer is late with its payments: the bid goes last"
	switch {
	case b.Refusal == lead.Unpaid:
		out = "its buyer is stopped until it has paid"
	case !b.SlowPayer:
		return nil
	}
	if p, ok := e.Standings()[b.Buyer]; ok && !p.At.After(asked) {
		out += fmt.Sprintf(" (since %s: %s)", p.At.Format(time.RFC3339), p.Why)
	}
	return []string{out}
}

// Payers are the buyers of the configuration in force that have terms of payment.
func (e *Exchange) Payers() (out []Payer) {
	snap := e.inForce.Load()
	for _, b := range snap.cfg.Book.Buyers {
		if b.Terms == nil {
			continue
		}
		p := Payer{Buyer: b.ID, Terms: b.Terms, Rule: b.PayRule}
		if c := balanceOf(b.Caps); c != nil {
			credit := lead.Money(c.Limit.Most)
			p.Credit = &credit
		}
		out = append(out, p)
	}
	return out
}

// Payer is a buyer with terms of payment.
type Payer struct {
	Buyer  string
	Terms  *buyers.Terms
	Rule   *buyers.PayRule // nil: nothing becomes of it
	Credit *lead.Money     // of its balance; nil: it has none
}
