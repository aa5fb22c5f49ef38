// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"clearpost/books"
	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/loadtest/audit"
)

// Returns, payments and deposits of the simulation: buyers give leads back, an operator grants, denies, revokes and has
// leads replaced, money comes in and goes back, each of it twice now and then. Whatever happens, the auditor finds the
// money of each event as its terms make it, and the journal of all events comes to what the auditor adds up.

// simCredit is how far the balances of the market may fall below zero.
const simCredit = 120 * dollar

// simPrepaid are the buyers that have a balance.
var simPrepaid = []string{"c-co", "d-co"}

// money adds to a setup what buyers may give back, and who has a balance.
func (m *simMarket) money(s *setup) {
	buyer, source := s.Buyer, s.Source
	s.Source = func(c *exchange.Source) { source(c); c.ReturnsPPM = 500_000 }
	s.Buyer = func(b *buyers.BuyerSpec) {
		buyer(b)
		b.Returns = simReturns(b.ID)
		net, slow, stop := 0, 0, 1
		b.Terms = &buyers.TermsSpec{NetDays: &net}
		b.Standing = &buyers.StandingSpec{SlowAfter: &slow, StopAfter: &stop}
		if slices.Contains(simPrepaid, b.ID) {
			b.Balance = &buyers.BalanceSpec{Credit: amount(simCredit)}
		}
	}
}

// simReturns is what a buyer's page says of returns: nothing, or each with another window and limit.
func simReturns(buyer string) *buyers.ReturnsSpec {
	half, hour, day, today, some, few := 50*lead.Unit, 1, 24, 0, 1, 20*lead.Unit
	out := &buyers.ReturnsSpec{Reasons: []buyers.ReturnReasonSpec{{Name: "bad", Approve: "auto"},
		{Name: "half", Approve: "auto", Credit: &half}, {Name: "look"}, {Name: "part", Credit: &half},
		{Name: "swap", Approve: "auto", Refund: "replacement"}}}
	switch buyer {
	case "a-co":
		out.WindowHours = &hour
	case "b-co":
		out.WindowDays, out.Limit = &today, &buyers.ReturnLimitSpec{Percent: &few, AtLeast: &some, Per: "day"}
	case "c-co":
		out.WindowHours, out.KeepCaps = &day, true
	case "d-co":
		out.WindowHours, out.Limit = &day, &buyers.ReturnLimitSpec{Count: &some, Per: "week"}
	default:
		return nil
	}
	return out
}

var simReasons = []string{"bad", "half", "look", "part", "swap", "bad", "look", "none of the list"}

// accounts are the balances as the auditor counts them.
func (m *simMarket) accounts() (out []audit.Cap) {
	for _, b := range simPrepaid {
		out = append(out, audit.Cap{Who: "buyer:" + b, Key: "buyer:" + b + ":balance", Of: "spend", Per: "total"})
	}
	return out
}

// backOffice is what is done about returns and money.
func (w *world) backOffice(x *rig) {
	for range 2 + w.plan.IntN(4) {
		switch w.plan.IntN(9) {
		case 8:
			w.dun(x)
		case 0, 1, 2, 3:
			w.giveBack(x)
		case 4, 5:
			w.decide(x)
		default:
			w.pay(x)
		}
	}
}

// giveBack has a buyer give a sale back, or an operator, once or twice at the same time.
func (w *world) giveBack(x *rig) {
	which, n, cents := w.plan.Uint64(), w.plan.Uint64(), w.plan.IntN(2500)
	sales := simSales(x)
	if n>>48%4 > 0 { // of those that may
		sales = slices.DeleteFunc(sales, func(p *ledger.Posted) bool { return simReturns(p.Buyer) == nil })
	}
	if len(sales) == 0 {
		return
	}
	p := sales[which%uint64(len(sales))]
	if n>>40%3 > 0 { // of late
		p = sales[len(sales)-1-int(which%uint64(min(len(sales), 6)))]
	}
	ask := exchange.ReturnAsk{Name: p.Attempt.String(), Buyer: p.Buyer, Reason: simReasons[n%uint64(len(simReasons))],
		By: "buyer:" + p.Buyer, Budget: time.Second}
	if n>>8%4 == 0 {
		ask.Buyer, ask.Grant, ask.By = "", true, "ann"
		if credit := lead.Money(cents) * lead.Cent; n>>16%2 == 0 {
			ask.Credit = &credit
		}
	}
	if n>>24%3 == 0 && p.Reference != "" {
		ask.Name = p.Buyer + ":" + p.Reference
	}
	times := 1
	if n>>32%3 == 0 {
		times = 2
	}
	for range times {
		w.does(x, func(e *exchange.Exchange) {
			adj, changed, err := e.Return(ask)
			w.gaveBack(adj, changed, err)
		})
	}
}

// gaveBack notes what has become of a return.
func (w *world) gaveBack(adj *ledger.Adjusted, changed bool, err error) {
	for _, no := range []error{exchange.ErrReturnsNone, exchange.ErrReturnReason, exchange.ErrReturnLate,
		exchange.ErrReturnLimit, exchange.ErrReturnCredit, exchange.ErrReplacement, exchange.ErrNotAsked,
		exchange.ErrNotReturned, exchange.ErrNoSale} {
		if errors.Is(err, no) {
			w.note("returns: refused: " + no.Error())
			return
		}
	}
	switch {
	case err != nil:
		w.note("returns: could not be taken")
	case !changed:
		w.note("returns: stood so already")
	default:
		w.note("returns: " + adj.Adjustment)
	}
}

// simSales are the posts that were accepted, in their order.
func simSales(x *rig) (out []*ledger.Posted) {
	simEvents(x, func(ev ledger.Event) {
		if p, ok := ev.(*ledger.Posted); ok && p.Outcome == lead.Accepted {
			out = append(out, p)
		}
	})
	return out
}

// simEvents reads the ledger, as far as it can be read.
func simEvents(x *rig, each func(ledger.Event)) {
	_ = x.Ledger.Scan(1, func(r ledger.Record) error {
		if r.Kind != ledger.KindPosted && r.Kind != ledger.KindAdjusted {
			return nil
		}
		ev, err := ledger.Decode(r.Bytes)
		if err == nil {
			each(ev)
		}
		return err
	})
}

// decide has an operator make something of a return: what fits how it stands, and now and then what does not.
func (w *world) decide(x *rig) {
	which, n, cents := w.plan.Uint64(), w.plan.Uint64(), w.plan.IntN(1500)
	var names []lead.ID
	last := map[lead.ID]*ledger.Adjusted{}
	simEvents(x, func(ev ledger.Event) {
		adj, ok := ev.(*ledger.Adjusted)
		if !ok || !ledger.OfReturn(adj.Adjustment) {
			return
		}
		if last[adj.Attempt] == nil {
			names = append(names, adj.Attempt)
		}
		last[adj.Attempt] = adj
	})
	if len(names) == 0 {
		return
	}
	adj := last[names[which%uint64(len(names))]]
	d := exchange.ReturnDecision{Name: adj.Attempt.String(), Why: "looked", By: "ann", Budget: time.Second}
	whats := []string{exchange.ReturnApprove, exchange.ReturnDeny, exchange.ReturnRevoke, exchange.ReturnReplace}
	switch d.What = whats[n%4]; {
	case n>>8%5 == 0:
	case adj.Adjustment == ledger.AdjustReturnAsked:
		d.What = whats[n>>16%2]
	case adj.Adjustment == ledger.AdjustReturned && adj.Return.Replace:
		d.What = exchange.ReturnReplace
	default:
		d.What = exchange.ReturnRevoke
	}
	if credit := lead.Money(cents) * lead.Cent; d.What == exchange.ReturnApprove && n>>24%3 == 0 {
		d.Credit = &credit
	}
	if d.What == exchange.ReturnReplace {
		for _, p := range simSales(x) {
			if p.Buyer == adj.Buyer && (n>>32%4 == 0 || p.At.After(adj.At)) {
				d.With = p.Attempt.String()
			}
		}
		if d.With == "" {
			return
		}
	}
	w.does(x, func(e *exchange.Exchange) {
		adj, changed, err := e.DecideReturn(d)
		w.gaveBack(adj, changed, err)
	})
}

// pay has money of a buyer come in or go to a source, or come and go back, under a ref that may have been told before.
// Who hears that nobody can tell whether it is booked tells it again.
func (w *world) pay(x *rig) {
	buyer := simCampaigns[w.plan.IntN(len(simCampaigns))] + "-co"
	d := exchange.Deposit{Buyer: buyer, Any: true, Ref: fmt.Sprint("w", w.plan.IntN(40)), Why: "wire", By: "ann",
		Amount: lead.Money(1+w.plan.IntN(9000)) * lead.Cent}
	if day := w.plan.IntN(4); day > 0 { // told days after it came, or on the day
		d.Date = x.Exchange.Now().In(simZone).AddDate(0, 0, 1-day).Format(time.DateOnly)
	}
	if w.plan.IntN(5) == 0 {
		d.Amount = -d.Amount / 4 / lead.Cent * lead.Cent
	}
	if d.Amount == 0 {
		return
	}
	what, book := "payments", func(e *exchange.Exchange) (bool, error) { return e.Book(d) }
	if w.plan.IntN(4) == 0 {
		out := exchange.PaidOut{Source: simSellers[w.plan.IntN(len(simSellers))], Amount: d.Amount, Ref: d.Ref,
			Why: d.Why, By: d.By}
		what, book = "payouts", func(e *exchange.Exchange) (bool, error) { return e.PayOut(out) }
	}
	w.does(x, func(e *exchange.Exchange) {
		changed, err := book(e)
		if errors.Is(err, exchange.ErrMaybeBooked) {
			w.note(what + ": nobody can tell")
			<-time.After(2 * time.Minute)
			changed, err = book(e)
		}
		switch {
		case err != nil:
			w.note(what + ": not booked")
		case changed:
			w.note(what + ": booked")
		default:
			w.note(what + ": booked before")
		}
	})
}

// journal holds the journal of all events to what the auditor adds up, and to the buyers' balances.
func (w *world) journal(x *rig, rep *audit.Report) {
	sums, total := map[string]lead.Money{}, lead.Money(0)
	if err := x.Ledger.Scan(1, func(r ledger.Record) error {
		ev, err := ledger.Decode(r.Bytes)
		if err != nil {
			return err
		}
		of := lead.Money(0)
		for _, e := range books.Of(ev) {
			sums[e.Account] += e.Amount
			of += e.Amount
		}
		if total += of; of != 0 {
			w.t.Errorf("seed %d: the entries of event %d add up to %s", w.seed, r.Seq, of)
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	if total != 0 {
		w.t.Errorf("seed %d: the trial balance is %s", w.seed, total)
	}
	want := map[string]lead.Money{}
	for name, a := range rep.Accounts {
		if want[name] = lead.Money(a.Stands); strings.HasPrefix(name, "source:") {
			want[name] = -want[name]
		}
	}
	c := &rep.Counts
	want[books.Sales] = -lead.Money(c.Revenue + c.Credits)
	want[books.Returns], want[books.Bank] = lead.Money(c.Credits), lead.Money(c.Paid-c.PaidOut)
	want[books.Payouts] = lead.Money(c.Payout)
	for name, n := range want {
		if sums[name] != n {
			w.t.Errorf("seed %d: on %s stand %s, by the auditor %s", w.seed, name, sums[name], n)
		}
		delete(sums, name)
		w.note("judged: accounts")
	}
	for name, n := range sums {
		if n != 0 {
			w.t.Errorf("seed %d: on %s stand %s, by the auditor nothing", w.seed, name, n)
		}
	}
	w.balances(x, rep)
}

// balances holds the buyers' accounts to what they owe by the auditor, and what open attempts hold.
func (w *world) balances(x *rig, rep *audit.Report) {
	held := map[string]lead.Money{}
	open, err := x.Ledger.Unresolved()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, o := range open {
		for _, ch := range o.Charges {
			held[ch.Cap] += lead.Money(ch.N)
		}
	}
	for _, b := range x.Exchange.Balances() {
		want := -held["buyer:"+b.Buyer+":balance"]
		if a := rep.Accounts["buyer:"+b.Buyer]; a != nil {
			want -= lead.Money(a.Stands)
		}
		if b.Balance != want {
			w.t.Errorf("seed %d: the balance of %s is %s, by the auditor %s", w.seed, b.Buyer, b.Balance, want)
		}
		w.note("judged: balances")
	}
}
