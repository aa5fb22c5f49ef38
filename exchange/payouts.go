// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"clearpost/lead"
	"clearpost/ledger"
)

// PaidOut is money that was paid to a source, or that it has paid back.
type PaidOut struct {
	Source   string
	Amount   lead.Money // below zero: the source has paid it back
	Currency string     // "": that of its verticals, which must have one
	Ref      string     // what its maker knows it by, such as the bank's number; once a source; "": it gets one
	Date     string     // when it was, such as 2026-11-03; "": now
	Dry      bool       // it is looked at only
	Why, By  string
}

// ErrNoSource is the error of PayOut where no source of this id is configured, and ErrCurrency that of PayOut and Book
// where it has to be said in which currency money was paid, or nothing is paid in this one.
var (
	ErrNoSource = errors.New("no source of this id is configured")
	ErrCurrency = errors.New("currency")
)

// PayOut books what was paid to a source. When it returns nil it is in the ledger. Under a ref that the source has
// already nothing is written: changed is false. The error ErrMaybeBooked names the ref to tell it under again.
func (e *Exchange) PayOut(p PaidOut) (changed bool, err error) {
	e.settling.Lock()
	defer e.settling.Unlock()
	snap := e.inForce.Load()
	i := slices.IndexFunc(snap.cfg.Sources, func(s *Source) bool { return s.ID == p.Source })
	if i < 0 {
		return false, fmt.Errorf("%w: %q", ErrNoSource, p.Source)
	}
	currency, err := snap.payIn(snap.cfg.Sources[i].Verticals, p.Currency)
	if err != nil {
		return false, err
	}
	return e.told(&ledger.Adjusted{Head: ledger.Head{Source: p.Source}, Adjustment: ledger.AdjustPaidOut,
		Subject: "source:" + p.Source, Payout: p.Amount, Currency: currency, Date: p.Date, Ref: p.Ref, Why: p.Why,
		By: p.By}, p.Dry)
}

// payIn is the currency in which somebody of some verticals pays, or is paid: what is said, if any vertical has it, or
// else the one that all of those have; "" of none.
func (snap *Snapshot) payIn(verticals []string, said string) (string, error) {
	var own, all []string
	for _, v := range snap.cfg.Verticals {
		if all = append(all, v.Currency); slices.Contains(verticals, v.ID) {
			own = append(own, v.Currency)
		}
	}
	slices.Sort(own)
	own = slices.Compact(own)
	switch {
	case said != "" && slices.Contains(all, said):
		return said, nil
	case said != "":
		slices.Sort(all)
		return "", fmt.Errorf("%w %q: expected one of %s", ErrCurrency, said, strings.Join(slices.Compact(all), ", "))
	case len(own) > 1:
		return "", fmt.Errorf("%w: expected one of %s", ErrCurrency, strings.Join(own, ", "))
	case len(own) == 1:
		return own[0], nil
	}
	return "", nil
}

// told books money that has moved, once by its ref; without one it gets one. Dry it only tells whether it would.
func (e *Exchange) told(adj *ledger.Adjusted, dry bool) (changed bool, err error) {
	if err := e.known(); err != nil {
		return false, err
	}
	if adj.Ref == "" {
		adj.Ref = ledger.NewID(e.now()).String()
	} else if e.led.ByRef(adj.Subject, adj.Ref) {
		return false, nil
	}
	if dry {
		return true, nil
	}
	err = e.count([]*ledger.Adjusted{adj})
	if errors.As(err, &e.unsure) {
		return false, fmt.Errorf("%w (told again under the ref %s it is booked once)", err, adj.Ref)
	}
	return err == nil, err
}
