// SPDX-License-Identifier: Apache-2.0

package books

import (
	"math"
	"slices"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// Receivable is what one buyer owes in one currency, by the days of its sales. What comes in is taken off the oldest
// first, and so is what comes back for returns and corrections; what is more than it owes counts for what it buys next.
// Days are midnights in UTC. The zero Receivable owes nothing.
type Receivable struct {
	open  []owed     // oldest first; each day once
	ahead lead.Money // paid beyond all that was owed

	paid []payment // the last ones, oldest first
	all  payment   // all of them together
	last time.Time // when money came in last
}

type owed struct {
	day    int32 // since 1970
	amount lead.Money
}

// payment is how much has paid for how old sales, in cents and cents × days.
type payment struct{ cents, days int64 }

// LastPayments is of how many payments Recent is.
const LastPayments = 10

func dayOf(t time.Time) int32 { return int32(t.Unix() / (24 * 60 * 60)) }

func timeOf(day int32) time.Time { return time.Unix(int64(day)*24*60*60, 0).UTC() }

// Add takes an entry of the buyer's account on a day: for a payment the one on which the money came.
func (r *Receivable) Add(kind string, day time.Time, amount lead.Money) {
	d := dayOf(day)
	switch {
	case amount > 0:
		r.owe(d, amount)
	case amount < 0 && kind == OfPayment:
		r.last = day
		r.note(r.take(d, -amount))
	case amount < 0:
		r.take(d, -amount)
	}
}

// owe adds to what is owed, less what was paid beforehand.
func (r *Receivable) owe(day int32, amount lead.Money) {
	used := min(r.ahead, amount)
	r.ahead -= used
	if amount -= used; amount == 0 {
		return
	}
	i := len(r.open)
	for i > 0 && r.open[i-1].day > day {
		i--
	}
	if i > 0 && r.open[i-1].day == day {
		r.open[i-1].amount += amount
		return
	}
	r.open = append(r.open, owed{})
	copy(r.open[i+1:], r.open[i:])
	r.open[i] = owed{day, amount}
}

// take takes an amount off the oldest that is owed, and tells for how old sales it has paid.
func (r *Receivable) take(day int32, amount lead.Money) (p payment) {
	n := 0
	for ; n < len(r.open) && amount > 0; n++ {
		o := &r.open[n]
		part := min(o.amount, amount)
		amount -= part
		cents := int64(part / lead.Cent)
		p.cents, p.days = p.cents+cents, p.days+cents*int64(max(day-o.day, 0))
		if o.amount -= part; o.amount > 0 {
			break
		}
	}
	r.open = r.open[n:]
	r.ahead += amount
	return p
}

// note keeps how long a payment has taken.
func (r *Receivable) note(p payment) {
	r.all.cents, r.all.days = r.all.cents+p.cents, r.all.days+p.days
	if p.cents == 0 {
		return
	}
	if len(r.paid) == LastPayments {
		r.paid = r.paid[1:]
	}
	r.paid = append(r.paid, p)
}

// Age is how a buyer stands on a day. Days are midnights in UTC.
type Age struct {
	Owes    lead.Money // in all; below zero: it has paid beforehand
	Overdue lead.Money // of it what was due before the day
	Due     time.Time  // the oldest day on which something was due that is not paid; zero: nothing is owed
	Days    int        // how many days late that is; 0: it is not

	// for how long sales were owed on average, weighted by money, in days: by all payments, and by the last ones;
	// below zero: there was none
	Mean, Recent float64
	Last         time.Time // when money came in last; zero: never
}

// On tells how the buyer stands on a day, by when what is sold on a day is due. That must not fall as days grow.
func (r *Receivable) On(today time.Time, due func(sold time.Time) time.Time) Age {
	out := Age{Owes: -r.ahead, Mean: -1, Recent: -1, Last: r.last}
	for i, o := range r.open {
		out.Owes += o.amount
		at := due(timeOf(o.day))
		if i == 0 {
			out.Due = at
		}
		if at.Before(today) {
			out.Overdue += o.amount
		}
	}
	if out.Overdue > 0 {
		out.Days = int(dayOf(today) - dayOf(out.Due))
	}
	recent := payment{}
	for _, p := range r.paid {
		recent.cents, recent.days = recent.cents+p.cents, recent.days+p.days
	}
	out.Mean, out.Recent = r.all.mean(), recent.mean()
	return out
}

// mean is in days, to one decimal.
func (p payment) mean() float64 {
	if p.cents == 0 {
		return -1
	}
	return math.Round(float64(p.days)/float64(p.cents)*10) / 10
}

// LateRule is what becomes of a buyer that is more than so many days late: below zero for never. Less than Least may be
// overdue and counts as nothing.
type LateRule struct {
	SlowAfter, StopAfter int
	Least                lead.Money
}

// Pays is how the buyer pays by a rule, which may be nil: one of ledger.Pays*.
func (a *Age) Pays(rule *LateRule) string {
	switch {
	case a.Days == 0 || a.Overdue <= 0 || rule != nil && a.Overdue < rule.Least:
		return ledger.PaysWell
	case rule == nil:
		return ledger.PaysLate
	case rule.StopAfter >= 0 && a.Days > rule.StopAfter:
		return ledger.PaysNothing
	case rule.SlowAfter >= 0 && a.Days > rule.SlowAfter:
		return ledger.PaysSlowly
	}
	return ledger.PaysLate
}

// Next is from which day on the buyer is worse off than by Pays if nothing is paid, and as what; "": never.
func (a *Age) Next(rule *LateRule) (day time.Time, pays string) {
	if a.Due.IsZero() || rule == nil {
		return day, ""
	}
	late := func(days int) time.Time { return a.Due.AddDate(0, 0, days+1) }
	switch now := a.Pays(rule); {
	case now == ledger.PaysNothing:
		return day, ""
	case rule.SlowAfter >= 0 && now != ledger.PaysSlowly && rule.SlowAfter != rule.StopAfter:
		return late(rule.SlowAfter), ledger.PaysSlowly
	case rule.StopAfter >= 0:
		return late(rule.StopAfter), ledger.PaysNothing
	}
	return day, ""
}

// Worse compares how buyers pay: above zero where the first is worse.
func Worse(a, b string) int {
	order := []string{ledger.PaysWell, ledger.PaysLate, ledger.PaysSlowly, ledger.PaysNothing}
	return slices.Index(order, a) - slices.Index(order, b)
}
