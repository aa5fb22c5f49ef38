// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// Company is what whoever runs the exchange is called on statements, and how these are numbered.
type Company struct {
	Party        *lead.Party    // nil: statements do not say
	Zone         *time.Location // in which months begin and end; nil: UTC
	BuyerSeries  string         // of buyers' statements; {year} stands for the month's. "": SeriesOfBuyers
	SourceSeries string         // of sources' statements. "": SeriesOfSources
}

// Series of statements where nothing else is configured.
const (
	SeriesOfBuyers  = "INV-"
	SeriesOfSources = "PAY-"
)

// seriesYear stands for the year in the name of a series.
const seriesYear = "{year}"

// Series is the series of an account's statement of a month.
func (c *Company) Series(account, month string) string {
	s, of := c.BuyerSeries, SeriesOfBuyers
	if strings.HasPrefix(account, "source:") {
		s, of = c.SourceSeries, SeriesOfSources
	}
	if s == "" {
		s = of
	}
	year, _, _ := strings.Cut(month, "-")
	return strings.ReplaceAll(s, seriesYear, year)
}

// Issue is a month of an account that is to have a number.
type Issue struct {
	Account  string // buyer:ID or source:ID
	Currency string
	// what it covers and comes to, and who its parties are; the number is the exchange's to give
	Statement ledger.Statement
	// the highest number of the series that is known elsewhere: the ledger's own count goes with the events that it is
	// of, should a ledger be made anew
	NumberLeast int64
	Why, By     string
}

// ErrIssued is the error of Issue where the month has been issued.
var ErrIssued = errors.New("the month has been issued")

// Issue gives a month of an account its number, by an event. The number is the next one of its series: it is counted by
// the event itself, so that there is no number without a statement, and none twice, whatever becomes of an append.
// Where
// nobody can tell of one before, no other number is given until that is known: the error is ErrMaybeBooked.
func (e *Exchange) Issue(s Issue) (*ledger.Adjusted, error) {
	e.settling.Lock()
	defer e.settling.Unlock()
	if err := e.known(); err != nil {
		return nil, err
	}
	subject, ref := "statement:"+s.Account, strings.TrimSpace(s.Statement.Month+" "+s.Currency)
	if e.led.ByRef(subject, ref) {
		return nil, ErrIssued
	}
	snap, st := e.inForce.Load(), s.Statement
	st.Series = snap.cfg.Company.Series(s.Account, st.Month)
	count := lead.Charge{Cap: "statements:" + st.Series, Window: "total", Of: lead.OfTally}
	had := e.led.Count(count.Cap, count.Window)
	st.N = max(had, s.NumberLeast) + 1
	count.N = st.N - had
	st.Number = fmt.Sprintf("%s%04d", st.Series, st.N)
	adj := &ledger.Adjusted{Adjustment: ledger.AdjustStated, Subject: subject, Ref: ref, Currency: s.Currency,
		Statement: &st, Charges: []lead.Charge{count}, Why: s.Why, By: s.By}
	adj.Head = snap.head(ledger.KindAdjusted, noLead, "", "", e.now())
	err := e.led.Append(adj)
	if errors.As(err, &e.unsure) {
		return nil, fmt.Errorf("%w: %w", ErrMaybeBooked, err)
	} else if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotBooked, err)
	}
	return adj, nil
}

// Numbered is nil where it is known what became of each statement that was to be issued: what then stands in the ledger
// are all of them.
func (e *Exchange) Numbered() error {
	e.settling.Lock()
	defer e.settling.Unlock()
	return e.known()
}

// OpenOf counts the attempts of an account, made before a time, whose end nobody knows, by currency: those whose call
// is under way, and those that wait for a file, among them.
func (e *Exchange) OpenOf(account string, until time.Time) (map[string]int64, error) {
	kind, id, _ := strings.Cut(account, ":")
	open, err := e.led.Unresolved()
	if err != nil {
		return nil, err
	}
	out, snap := map[string]int64{}, e.inForce.Load()
	for _, o := range open {
		if !o.Since.Before(until) || kind == "source" && o.Source != id {
			continue
		}
		h, err := e.history(o.Lead)
		if err != nil {
			return nil, err
		}
		a := h.Attempt(o.Attempt)
		switch {
		case a == nil || h.Pinged == nil && kind == "buyer":
		case kind == "buyer" && a.Posting.Buyer != id:
			continue
		}
		currency := ""
		if h.Pinged != nil {
			currency = h.Pinged.Currency
		} else if v := snap.Vertical(o.Vertical); v != nil {
			currency = v.Currency
		}
		out[currency]++
	}
	return out, nil
}
