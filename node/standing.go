// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"clearpost/books"
	"clearpost/exchange"
	"clearpost/exchange/admin"
	"clearpost/ledger"
)

// standings reckon how buyers pay, from the journal in the view for reports and by the terms of their pages, and have
// the exchange put it into force.
type standings struct {
	n *Node

	mu    sync.Mutex
	upTo  uint64 // of the events that are in of
	of    map[account]*books.Receivable
	zones map[string]string // of the buyers in of, by which their days were told
}

// account is what a buyer owes in one currency.
type account struct{ buyer, currency string }

// standingsEvery is how often it is looked what has moved, and whether a day is over.
const standingsEvery = 10 * time.Second

// catchUpFor is how long the view may take to have what has just happened.
const catchUpFor = 5 * time.Second

// errViewBehind is told where the journal lacks what has just happened: nothing is changed by halves of it.
var errViewBehind = errors.New("the view for reports is behind the ledger: how buyers pay is not told yet")

// watchStandings has standings follow until the node stops; beside no running node they are told only.
func (n *Node) watchStandings(offline bool) {
	n.standings = &standings{n: n}
	if offline {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(standingsEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if len(n.Exchange.Payers()) == 0 && len(n.Exchange.Standings()) == 0 {
				continue
			}
			if _, err := n.standings.look(ctx, true); err != nil && ctx.Err() == nil {
				n.log.Warn("how buyers pay could not be reckoned: it stays as it was, and is tried again", "err", err)
			}
		}
	}()
	n.onStop("standings", func(ctx context.Context) error {
		stop()
		select {
		case <-over:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// look tells how the buyers with terms of payment stand, in the order of the configuration, and puts it into force.
func (s *standings) look(ctx context.Context, apply bool) ([]admin.Standing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ex, payers := s.n.Exchange, s.n.Exchange.Payers()
	if err := s.follow(ctx, payers); err != nil {
		return nil, err
	}
	out := make([]admin.Standing, 0, len(payers))
	well := ex.Standings()
	for i := range payers {
		p := &payers[i]
		delete(well, p.Buyer)
		one, now := s.standing(p)
		if apply {
			if _, err := ex.Stands(p.Buyer, now); err != nil {
				return nil, err
			}
		}
		if is, ok := ex.Standings()[p.Buyer]; ok {
			one.Since = &is.At
		}
		out = append(out, one)
	}
	for buyer := range well { // its page has no terms any more
		if !apply {
			break
		}
		if _, err := ex.Stands(buyer, &ledger.Standing{Is: ledger.PaysWell, UpTo: s.upTo,
			Day: ex.Now().UTC().Format(time.DateOnly)}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// follow takes what has moved on the accounts since it was looked last, all of it up to now.
func (s *standings) follow(ctx context.Context, payers []exchange.Payer) error {
	v, err := s.n.report.view()
	if err != nil {
		return err
	}
	until := s.n.Ledger.LastSeq()
	soon, cancel := context.WithTimeout(ctx, catchUpFor)
	defer cancel()
	if st := v.CatchUp(soon); st.UpToSeq < until {
		return errViewBehind
	}
	zones, of := map[string]string{}, map[string]*exchange.Payer{}
	for i := range payers {
		p := &payers[i]
		zones[p.Buyer], of[p.Buyer] = p.Terms.Zone.String(), p
	}
	if !maps.Equal(zones, s.zones) { // days are others, or nobody has counted those of a buyer
		s.zones, s.upTo, s.of = zones, 0, map[account]*books.Receivable{}
	}
	moved, upTo, err := v.Moved(ctx, s.upTo)
	if err != nil {
		return err
	}
	for i := range moved {
		m := &moved[i]
		p := of[m.Buyer]
		if p == nil {
			continue
		}
		day := p.Terms.Day(m.At)
		if m.Kind == books.OfPayment {
			if day, err = s.paidOn(m.Seq, day); err != nil {
				return err
			}
		}
		at := account{m.Buyer, m.Currency}
		if s.of[at] == nil {
			s.of[at] = &books.Receivable{}
		}
		s.of[at].Add(m.Kind, day, m.Amount)
	}
	s.upTo = upTo
	return nil
}

var errFound = errors.New("found")

// paidOn is the day on which the money of a payment came, as its event has it; otherwise, and where the event was
// dropped with age, the day on which it was booked.
func (s *standings) paidOn(seq uint64, booked time.Time) (time.Time, error) {
	day := booked
	err := s.n.Ledger.Scan(seq, func(r ledger.Record) error {
		if r.Seq == seq {
			ev, err := ledger.Decode(r.Bytes)
			if err != nil {
				return fmt.Errorf("event %d: %w", seq, err)
			}
			if adj, ok := ev.(*ledger.Adjusted); ok && adj.Date != "" {
				if at, err := time.Parse(time.DateOnly, adj.Date); err == nil {
					day = at
				}
			}
		}
		return errFound
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return day, err
}

// standing is how a buyer stands now: of several currencies that in which it is worst.
func (s *standings) standing(p *exchange.Payer) (admin.Standing, *ledger.Standing) {
	today := p.Terms.Day(s.n.Exchange.Now())
	rule := (*books.LateRule)(nil)
	if r := p.Rule; r != nil {
		rule = &books.LateRule{SlowAfter: r.SlowAfter, StopAfter: r.StopAfter, Least: r.Least}
	}
	age, currency, accounts := (&books.Receivable{}).On(today, p.Terms.Due), "", []admin.StandingIn(nil)
	for at, r := range s.of {
		if at.buyer != p.Buyer {
			continue
		}
		x := r.On(today, p.Terms.Due)
		in := admin.StandingIn{Currency: at.currency, Owes: x.Owes, Overdue: x.Overdue}
		if !x.Due.IsZero() {
			in.Due = x.Due.Format(time.DateOnly)
		}
		accounts = append(accounts, in)
		worse := books.Worse(x.Pays(rule), age.Pays(rule))
		worst := worse > 0 || worse == 0 && (x.Days > age.Days || x.Days == age.Days && at.currency < currency)
		if currency == "" || worst {
			age, currency = x, at.currency
		}
	}
	slices.SortFunc(accounts, func(a, b admin.StandingIn) int { return strings.Compare(a.Currency, b.Currency) })
	now := &ledger.Standing{Is: age.Pays(rule), Day: today.Format(time.DateOnly), Overdue: age.Overdue, Owes: age.Owes,
		Days: age.Days, UpTo: s.upTo}
	one := admin.Standing{Buyer: p.Buyer, Currency: currency, Terms: p.Terms.String(), Owes: age.Owes,
		Overdue: age.Overdue, DaysLate: age.Days, Pays: now.Is, Credit: p.Credit,
		Accounts: accounts}
	if !age.Due.IsZero() {
		one.Due = age.Due.Format(time.DateOnly)
	}
	if age.Overdue > 0 {
		now.Due = one.Due
	}
	if rule != nil && rule.SlowAfter >= 0 {
		now.SlowAfter = &rule.SlowAfter
	}
	if rule != nil && rule.StopAfter >= 0 {
		now.StopAfter = &rule.StopAfter
	}
	if day, next := age.Next(rule); next != "" {
		one.Next, one.NextOn = next, day.Format(time.DateOnly)
	}
	if age.Mean >= 0 {
		one.MeanDays = &age.Mean
	}
	if age.Recent >= 0 {
		one.RecentDays = &age.Recent
	}
	if !age.Last.IsZero() {
		one.LastPaid = age.Last.Format(time.DateOnly)
	}
	return one, now
}
