// SPDX-License-Identifier: Apache-2.0

package audit

import "time"

// statement is what is read of a statement that is issued.
type statement struct {
	Number      string    `json:"number"`
	Series      string    `json:"series"`
	N           int64     `json:"n"`
	Month       string    `json:"month"`
	Before      string    `json:"before"`
	Until       time.Time `json:"until"`
	UpToSeq     uint64    `json:"up_to_seq"`
	AfterTime   time.Time `json:"after_time"`
	AfterSeq    uint64    `json:"after_seq"`
	Opening     int64     `json:"opening_micros"`
	Sales       int64     `json:"sales_micros"`
	Corrections int64     `json:"corrections_micros"`
	Returns     int64     `json:"returns_micros"`
	Payments    int64     `json:"payments_micros"`
	Closing     int64     `json:"closing_micros"`
	Lines       int64     `json:"lines"`
}

// statements are the last ones: by series, and by account and currency.
type statements struct {
	series   map[string]int64
	accounts map[string]statement
}

// stated judges a statement: its number is the next one of its series, it opens with what the one before has closed
// with, and it comes to what it says, and to what the events that it covers do. The first one that the ledger still has
// may have any number, and any opening where not all events are there.
func (a *auditor) stated(e *event) {
	s := e.Statement
	if s == nil {
		a.found(RuleStatement, id{}, "event %s issues a statement and has none", e.EventID)
		return
	}
	if a.statements.series == nil {
		a.statements = statements{map[string]int64{}, map[string]statement{}}
	}
	if last, ok := a.statements.series[s.Series]; ok && s.N != last+1 {
		a.found(RuleStatement, id{}, "%s is number %d of its series, after number %d", s.Number, s.N, last)
	}
	account := e.Subject + " " + e.Currency
	was, later := a.statements.accounts[account]
	if later && (s.Opening != was.Closing || s.Before != was.Number ||
		s.Month <= was.Month || s.UpToSeq < was.UpToSeq) {
		a.found(RuleStatement, id{}, "%s of %s opens with %s, after %q of %s, which has closed with %s", s.Number,
			s.Month,
			money(s.Opening), was.Number, was.Month, money(was.Closing))
	}
	if sum := s.Opening + s.Sales + s.Corrections + s.Returns + s.Payments; sum != s.Closing {
		a.found(RuleStatement, id{}, "%s closes with %s, its sums come to %s", s.Number, money(s.Closing), money(sum))
	}
	a.reckoned(e, s, !later)
	a.statements.series[s.Series], a.statements.accounts[account] = s.N, *s
}
