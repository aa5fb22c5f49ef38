// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"strings"
	"time"
)

// Kinds of lines, as the sums of a statement tell them apart.
const (
	lineSale = iota
	lineCorrection
	lineReturn
	linePayment
	lineKinds
)

// line is what one event changes of an account: of a buyer what it owes, of a source what it is owed.
type line struct {
	seq    uint64
	at     int64 // microseconds
	kind   int
	amount int64
}

// journal has the lines of accounts. It is written only where all events are there: by their place among them
// statements tell what they cover.
type journal struct {
	currencies []string          // of leads, as pinged.currency tells them; the first is none
	lines      map[string][]line // by account and currency
}

// currencyOf is the number of a currency.
func (j *journal) currencyOf(name string) uint8 {
	for i, c := range j.currencies {
		if c == name {
			return uint8(i)
		}
	}
	j.currencies = append(j.currencies, name)
	return uint8(len(j.currencies) - 1)
}

// line adds a line to an account, in the currency of the event or of its lead.
func (a *auditor) line(e *event, account string, kind int, amount int64) {
	if !a.whole || amount == 0 {
		return
	}
	currency := e.Currency
	if e.Lead != (id{}) {
		currency = a.journal.currencies[a.leads[e.Lead].currency]
	}
	key := account + " " + currency
	a.journal.lines[key] = append(a.journal.lines[key], line{uint64(a.seq), e.At.UnixMicro(), kind, amount})
}

// lineOf adds a line to the accounts of an attempt's buyer and source.
func (a *auditor) lineOf(e *event, p *attempt, kind int, price, payout int64) {
	a.line(e, "buyer:"+p.buyer, kind, price)
	a.line(e, "source:"+p.source, kind, payout)
}

// covers tells whether a statement has a line, or the one before it.
func (s *statement) covers(l *line) (has, before bool) {
	if l.at < s.AfterTime.UnixMicro() && l.seq <= s.AfterSeq {
		return false, true
	}
	return l.at < s.Until.UnixMicro() && l.seq <= s.UpToSeq, false
}

// reckoned holds a statement to the lines that it covers.
func (a *auditor) reckoned(e *event, s *statement, first bool) {
	if !a.whole {
		return
	}
	account := strings.TrimPrefix(e.Subject, "statement:")
	var sums [lineKinds]int64
	var opening, n int64
	lines := a.journal.lines[account+" "+e.Currency]
	for i := range lines {
		has, before := s.covers(&lines[i])
		switch {
		case before:
			opening += lines[i].amount
		case has:
			sums[lines[i].kind] += lines[i].amount
			n++
		}
	}
	if is := [...]int64{s.Sales, s.Corrections, s.Returns, s.Payments}; sums != is || n != s.Lines ||
		first && opening != s.Opening || uint64(a.seq) <= s.UpToSeq {
		a.found(RuleStatement, id{}, "%s of %s in %q opens with %s, has %d lines and sums %v; the events up to %d "+
			"before %s come to %s, %d and %v", s.Number, account, e.Currency, money(s.Opening), s.Lines, is, s.UpToSeq,
			s.Until.Format(time.RFC3339), money(opening), n, sums)
	}
}
