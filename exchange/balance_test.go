// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// account gives each buyer an account with a credit.
func account(credit lead.Money) func(*buyers.BuyerSpec) {
	return func(b *buyers.BuyerSpec) { b.Balance = &buyers.BalanceSpec{Credit: &credit} }
}

// wantBalance expects the balance of the only account, and again after a restart.
func wantBalance(x *rig, want lead.Money) {
	x.T.Helper()
	for range 2 {
		if b := x.Exchange.Balances(); len(b) != 1 || b[0].Balance != want || b[0].Currency != "USD" {
			x.T.Errorf("accounts: %+v, want %s", b, want)
		}
		x.Restart()
	}
}

func deposit(x *rig, amount lead.Money, ref string) bool {
	x.T.Helper()
	changed, err := x.Exchange.Book(exchange.Deposit{Buyer: "a-co", Amount: amount, Ref: ref, Why: "wire"})
	if err != nil {
		x.T.Fatal(err)
	}
	return changed
}

// A buyer that pays beforehand buys for what it has paid in, and for its credit, and for no cent more.
func TestABuyerBuysForItsBalanceAndCredit(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar})
	s.Buyer = account(15 * dollar)
	exchangetest.Run(t, s, func(x *rig) {
		if !soldOf(x, "10001") || soldOf(x, "10001") {
			t.Error("one of 10 is within the credit of 15, a second is not")
		}
		if no := bidRefusal(x, values{"zip": "10001"}); no != lead.BudgetSpent {
			t.Errorf("the bid is refused as %s", no)
		}
		wantBalance(x, -10*dollar)
		if !deposit(x, 25*dollar, "w1") || deposit(x, 25*dollar, "w1") {
			t.Error("a deposit counts once by its ref")
		}
		wantBalance(x, 15*dollar)
		if deposit(x, 25*dollar, "w1") {
			t.Error("after a restart the deposit is not known")
		}
		for i, want := range []bool{true, true, true, false} {
			if soldOf(x, "10001") != want {
				t.Errorf("lead %d: sold is not %v", i, want)
			}
		}
		wantBalance(x, -15*dollar)
		deposit(x, -1*dollar, "")
		wantBalance(x, -16*dollar) // what was paid back is owed, whatever the credit
		_, err := x.Exchange.Book(exchange.Deposit{Buyer: "b-co", Amount: dollar})
		if !errors.Is(err, exchange.ErrNoBalance) {
			t.Errorf("no such account: %v", err)
		}
	})
}

// An attempt of an unknown outcome holds its money until somebody knows; a void gives it back.
func TestWhatIsHeldIsNotSpentTwice(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Post: exchangetest.Script(exchangetest.Silence(),
		exchangetest.Accept("r"))})
	s.Buyer = account(10 * dollar)
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantPending(t, r, f)
		wantBalance(x, -10*dollar)
		if b := x.Exchange.Balances()[0]; b.Held != 1 || b.Room() != 0 {
			t.Errorf("account: %+v", b)
		}
		if soldOf(x, "10001") {
			t.Error("what is held was spent again")
		}
		no := exchange.Resolution{Attempt: x.Open()[0].Attempt, Why: "they said no"}
		if _, err := x.Exchange.Resolve(no); err != nil {
			t.Fatal(err)
		}
		wantBalance(x, 0)
		if !soldOf(x, "10001") {
			t.Error("what was given back buys")
		}
		wantBalance(x, -10*dollar)
	})
}

// What another system has counted is added once, in windows of now and of before.
func TestCountsOfAnotherSystem(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: withCaps(rules.CapSpec{Per: "day", Limit: 5},
		rules.CapSpec{Per: "day", By: "zip", Limit: 9}, rules.CapSpec{Per: "month", Spend: amount(100 * dollar)},
		rules.CapSpec{Last: "7 days", Limit: 20})})
	exchangetest.Run(t, s, func(x *rig) {
		list := []exchange.Counted{
			{Cap: "campaign:a:day", N: 3, Ref: "f:2"},
			{Cap: "campaign:a:day", Window: "1999-12-30", N: 11, Ref: "f:3"},
			{Cap: "campaign:a:day/zip", Value: "10001", N: 4, Ref: "f:4"},
			{Cap: "campaign:a:spend:month", N: int64(70 * dollar), Ref: "f:5"},
		}
		for _, dry := range []bool{true, false, false} {
			got, err := x.Exchange.Import(list, dry, "moved", "ann")
			if err != nil || len(got) != len(list) {
				t.Fatal(got, err)
			}
		}
		twice := []exchange.Counted{{Cap: "campaign:a:day", Window: "1999-12-29", N: 1, Ref: "f:6"},
			{Cap: "campaign:a:day", Window: "1999-12-29", N: 1, Ref: "f:6"}} // in one call
		got, err := x.Exchange.Import(twice, false, "moved", "ann")
		if err != nil || got[0].Known || !got[1].Known || got[1].After != 1 {
			t.Errorf("one ref twice: %+v, %v", got, err)
		}
		wantUses(x, 0, map[string]int64{"": 3})
		wantUses(x, 1, map[string]int64{"10001": 4})
		wantUses(x, 2, map[string]int64{"": int64(70 * dollar)})
		wantUses(x, 3, map[string]int64{"": 15}) // the last seven days
		again, err := x.Exchange.Import(list, true, "moved", "ann")
		if err != nil || !again[0].Known || again[0].After != 3 {
			t.Errorf("after a restart: %+v, %v", again, err)
		}
		for i, want := range []bool{true, true, false} { // number 5 of the day
			if soldOf(x, fmt.Sprint(10001+i)) != want {
				t.Errorf("lead %d: sold is not %v", i, want)
			}
		}
		x.Sleep(24 * time.Hour)
		if !soldOf(x, "10001") || soldOf(x, "10001") {
			t.Error("after 70 and two of 10 there is one more in 100")
		}
		for _, bad := range []exchange.Counted{{Cap: "campaign:b:day", N: 1}, {Cap: "campaign:a:day/zip", N: 1},
			{Cap: "campaign:a:day", Value: "TX", N: 1}, {Cap: "campaign:a:day", Window: "2000-W01", N: 1},
			{Cap: "campaign:a:last 7 days", N: 1}} {
			if got, err := x.Exchange.Import([]exchange.Counted{bad}, false, "", ""); err == nil {
				t.Errorf("%+v: %+v", bad, got)
			}
		}
	})
}

// The first thing that an account hears of may be a deposit, and so may what follows a balance of nothing.
func TestAnAccountBeginsWithADeposit(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar})
	s.Buyer = account(0)
	exchangetest.Run(t, s, func(x *rig) {
		if soldOf(x, "10001") {
			t.Error("sold to a buyer who has paid nothing")
		}
		deposit(x, 10*dollar, "")
		wantBalance(x, 10*dollar)
		if !soldOf(x, "10001") {
			t.Error("what was paid in buys")
		}
		wantBalance(x, 0)
		deposit(x, 7*dollar, "")
		wantBalance(x, 7*dollar)
	})
}

// Where nobody can tell whether a deposit is in the ledger, its maker is told under what to give it again: then it is
// booked once, whatever had become of it.
func TestADepositOfWhichNobodyCanTell(t *testing.T) {
	for _, fault := range []exchangetest.Fault{exchangetest.Kept, exchangetest.Lost} {
		for _, ref := range []string{"", "w1"} {
			t.Run(fmt.Sprint(fault, ref), func(t *testing.T) {
				s := sellTo(1, campaign{ID: "a", Price: 10 * dollar})
				s.Buyer = account(0)
				exchangetest.Run(t, s, func(x *rig) {
					x.Disk.Fail(ledger.KindAdjusted, fault)
					d := exchange.Deposit{Buyer: "a-co", Amount: 50 * dollar, Ref: ref, Why: "wire"}
					changed, err := x.Exchange.Book(d)
					if changed || !errors.Is(err, exchange.ErrMaybeBooked) {
						t.Fatalf("changed %v, %v", changed, err)
					}
					_, d.Ref, _ = strings.Cut(err.Error(), "under the ref ")
					d.Ref, _, _ = strings.Cut(d.Ref, " ")
					if ref != "" && d.Ref != ref || d.Ref == "" {
						t.Errorf("to be told again under %q: %v", d.Ref, err)
					}
					x.Disk.Repair()
					x.Sleep(time.Minute)
					for range 2 {
						if _, err := x.Exchange.Book(d); err != nil {
							t.Fatal(err)
						}
						wantBalance(x, 50*dollar)
						x.Restart()
						wantBalance(x, 50*dollar)
					}
				})
			})
		}
	}
}

// The account of a buyer is in the currency of its campaigns: money of another one is none of it.
func TestADepositIsInTheCurrencyOfTheAccount(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar})
	s.Buyer = account(0)
	roof := exchangetest.NewVertical("roof")
	roof.Currency = "EUR"
	s.Verticals = []*exchange.Vertical{roof}
	exchangetest.Run(t, s, func(x *rig) {
		d := exchange.Deposit{Buyer: "a-co", Amount: 50 * dollar, Currency: "EUR", Ref: "w1", Any: true, Why: "wire"}
		if changed, err := x.Exchange.Book(d); changed || !errors.Is(err, exchange.ErrCurrency) {
			t.Errorf("changed %v, %v", changed, err)
		}
		wantBalance(x, 0)
		d.Currency = "USD"
		if changed, err := x.Exchange.Book(d); !changed || err != nil {
			t.Errorf("changed %v, %v", changed, err)
		}
		wantBalance(x, 50*dollar)
	})
}

// A count of another system of which nobody can tell is not added before that is known, nor a second time.
func TestAnImportOfWhichNobodyCanTell(t *testing.T) {
	for _, fault := range []exchangetest.Fault{exchangetest.Kept, exchangetest.Lost} {
		s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: withCaps(rules.CapSpec{Per: "day", Limit: 5})})
		exchangetest.Run(t, s, func(x *rig) {
			list := []exchange.Counted{{Cap: "campaign:a:day", N: 3, Ref: "f:2"}}
			send := func() error {
				_, err := x.Exchange.Import(list, false, "moved", "ann")
				return err
			}
			x.Disk.Fail(ledger.KindAdjusted, fault)
			for range 2 {
				if err := send(); !errors.Is(err, exchange.ErrMaybeBooked) {
					t.Errorf("%v: %v", fault, err)
				}
			}
			x.Disk.Repair()
			x.Sleep(time.Minute)
			if err := send(); err != nil {
				t.Errorf("%v: %v", fault, err)
			}
			wantUsed(x, "a", 3)
			x.Restart()
			wantUsed(x, "a", 3)
		})
	}
}

// What a source was paid stands in the ledger once by its ref, whatever becomes of the write; a balance does not move.
func TestASourceIsPaidOnce(t *testing.T) {
	for _, fault := range []exchangetest.Fault{0, exchangetest.Kept, exchangetest.Lost, exchangetest.Refused} {
		s := sellTo(1, campaign{ID: "a", Price: 10 * dollar})
		s.Buyer = account(10 * dollar)
		exchangetest.Run(t, s, func(x *rig) {
			pay := exchange.PaidOut{Source: "acme", Amount: 7 * dollar, Ref: "w1", Date: "1999-12-30", Why: "wire"}
			if fault != 0 {
				x.Disk.Fail(ledger.KindAdjusted, fault)
				changed, err := x.Exchange.PayOut(pay)
				if changed || !errors.Is(err, exchange.ErrMaybeBooked) && !errors.Is(err, exchange.ErrNotBooked) {
					t.Fatalf("changed %v, %v", changed, err)
				}
				x.Disk.Repair()
				x.Sleep(time.Minute)
			}
			for range 2 {
				if _, err := x.Exchange.PayOut(pay); err != nil {
					t.Fatal(err)
				}
				x.Restart()
			}
			if _, err := x.Exchange.Book(exchange.Deposit{Buyer: "a-co", Amount: 5 * dollar, Ref: "w1"}); err != nil {
				t.Fatal(err)
			}
			back := exchange.PaidOut{Source: "acme", Amount: -2 * dollar}
			for range 2 { // without a ref it is another one each time
				if changed, err := x.Exchange.PayOut(back); !changed || err != nil {
					t.Errorf("changed %v, %v", changed, err)
				}
			}
			var got []string
			simEvents(x, func(ev ledger.Event) {
				if adj, ok := ev.(*ledger.Adjusted); ok && adj.Adjustment == ledger.AdjustPaidOut {
					got = append(got, fmt.Sprint(adj.Subject, adj.Source, adj.Payout, adj.Currency, adj.Date))
				}
			})
			back1 := "source:acmeacme-2.00USD"
			if fmt.Sprint(got) != fmt.Sprint([]string{"source:acmeacme7.00USD1999-12-30", back1, back1}) {
				t.Errorf("%v: %q", fault, got)
			}
			wantBalance(x, 5*dollar)
			for want, bad := range map[error]exchange.PaidOut{
				exchange.ErrNoSource: {Source: "a-co", Amount: dollar},
				exchange.ErrCurrency: {Source: "acme", Amount: dollar, Currency: "EUR"},
			} {
				if _, err := x.Exchange.PayOut(bad); !errors.Is(err, want) {
					t.Errorf("%+v: %v", bad, err)
				}
			}
		})
	}
}
