// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"fmt"
	"strings"

	"clearpost/capstore"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// Balance is the account of a buyer.
type Balance struct {
	Buyer    string
	Currency string     // of its campaigns; "" where it has none
	Balance  lead.Money // what it has paid in, less what it has bought and what is held
	Held     int64      // attempts whose end is not known, in flight or waiting for one
	Credit   lead.Money // how far the balance may fall below zero
}

// Room is what it may still buy for.
func (b *Balance) Room() lead.Money { return max(b.Balance+b.Credit, 0) }

// Balances lists the accounts of all buyers that have one, in the order of the configuration.
func (e *Exchange) Balances() (out []Balance) {
	snap := e.inForce.Load()
	for _, b := range snap.cfg.Book.Buyers {
		if c := balanceOf(b.Caps); c != nil {
			x := Balance{Buyer: b.ID, Currency: snap.currency(b.ID), Credit: lead.Money(c.Limit.Most)}
			for _, u := range e.store.Use(c, e.now()) {
				x.Balance, x.Held = lead.Money(-u.Used), u.Open
			}
			out = append(out, x)
		}
	}
	return out
}

// verticalsOf are those of a buyer's campaigns.
func (snap *Snapshot) verticalsOf(buyer string) (out []string) {
	for _, l := range snap.campaigns {
		if l.Buyer.ID == buyer {
			out = append(out, l.Vertical)
		}
	}
	return out
}

// currency is that of a buyer's campaigns, "" where it has none; of several the one of its last campaign.
func (snap *Snapshot) currency(buyer string) (out string) {
	for _, id := range snap.verticalsOf(buyer) {
		if v := snap.Vertical(id); v != nil {
			out = v.Currency
		}
	}
	return out
}

func balanceOf(caps []rules.Cap) *rules.Cap {
	for i := range caps {
		if strings.HasSuffix(caps[i].Key, rules.BalanceKey) {
			return &caps[i]
		}
	}
	return nil
}

// Deposit is money that came into a buyer's account, or went back out of it.
type Deposit struct {
	Buyer    string
	Amount   lead.Money // below zero: paid back
	Currency string     // "": that of its campaigns, which must have one
	Ref      string     // what its maker knows it by, such as the bank's number; once a buyer; "": it gets one
	Date     string     // when it came, such as 2026-11-03; "": now
	Any      bool       // also of a buyer that has no account: it stands in the books alone
	Dry      bool       // it is looked at only
	Why, By  string
}

// ErrNotBooked is the error of Book and Import where the ledger has not taken it, and ErrMaybeBooked where nobody can
// tell yet whether it has: what is told again under its ref is booked once.
var (
	ErrNotBooked   = errors.New("not booked")
	ErrMaybeBooked = errors.New("nobody can tell yet whether it is booked")
)

// ErrNoBuyer is the error of Book where no buyer of this id is configured.
var ErrNoBuyer = errors.New("no buyer of this id is configured")

// ErrNoBalance is the error of Book where the buyer has no account.
var ErrNoBalance = errors.New("no buyer of this id has an account: `balance` of its page")

// Book books a deposit. When it returns nil it is in the ledger and the account follows. Under a ref that the buyer has
// already nothing is written: changed is false. The error ErrMaybeBooked names the ref to tell it under again.
func (e *Exchange) Book(d Deposit) (changed bool, err error) {
	e.settling.Lock()
	defer e.settling.Unlock()
	snap := e.inForce.Load()
	var account *rules.Cap
	b := snap.cfg.Book.Buyer(d.Buyer)
	if b != nil {
		account = balanceOf(b.Caps)
	}
	switch {
	case b == nil && d.Any:
		return false, fmt.Errorf("%w: %q", ErrNoBuyer, d.Buyer)
	case account == nil && !d.Any:
		return false, fmt.Errorf("%w: %q", ErrNoBalance, d.Buyer)
	}
	currency, err := snap.payIn(snap.verticalsOf(d.Buyer), d.Currency)
	if err != nil {
		return false, err
	}
	if own := snap.currency(d.Buyer); account != nil && own != "" && currency != own {
		return false, fmt.Errorf("%w %q: expected %s, as the account of %s has it", ErrCurrency, currency, own,
			d.Buyer)
	}
	var charges []lead.Charge
	if account != nil {
		charges = []lead.Charge{{Cap: account.Key, Window: rules.Total.String(), N: -int64(d.Amount),
			Of: lead.OfSpend}}
	}
	return e.told(&ledger.Adjusted{Adjustment: ledger.AdjustDeposited, Subject: "buyer:" + d.Buyer, Buyer: d.Buyer,
		Price: d.Amount, Currency: currency, Date: d.Date, Charges: charges, Ref: d.Ref, Why: d.Why, By: d.By},
		d.Dry)
}

// count stores adjustments that change counts of no lead, and has the store follow.
func (e *Exchange) count(list []*ledger.Adjusted) error {
	snap := e.inForce.Load()
	events := make([]ledger.Event, len(list))
	var charges []lead.Charge
	for i, adj := range list {
		adj.Head = snap.head(ledger.KindAdjusted, noLead, adj.Source, "", e.now())
		events[i], charges = adj, append(charges, adj.Charges...)
	}
	done := func() { e.recount(capstore.Change{Token: list[0].EventID, Charges: charges}) }
	if err := e.led.Append(events...); err != nil {
		if e.learn(err, nil, done); errors.Is(err, ledger.ErrUncertain) {
			return fmt.Errorf("%w: %w", ErrMaybeBooked, err)
		}
		return fmt.Errorf("%w: %w", ErrNotBooked, err)
	}
	done()
	return nil
}
