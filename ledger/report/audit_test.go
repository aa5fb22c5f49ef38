// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"clearpost/books"
	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/loadtest/audit"
	"clearpost/rules"
)

// Whatever is sold, resolved, corrected and booked anew, sent again and tested, with restarts in between: the view has
// what the auditor makes of the ledger, to the cent.
func TestViewSumsAreTheAuditors(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine after the other: the detector costs many times the time")
	}
	var sales, corrections, returns int
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 11))
			dir := t.TempDir()
			exchangetest.Run(t, wandering(rnd), func(x *exchangetest.Rig) {
				c := wander(t, x, rnd, dir)
				sales, corrections, returns = sales+c.Sales, corrections+c.Corrections, returns+c.Returns
			})
		})
	}
	if sales < 10 || corrections < 10 || returns < 5 {
		t.Errorf("with %d sales, %d corrections and %d returns it compares little", sales, corrections, returns)
	}
}

const forNames = time.Second

// givesBack has buyers give leads back; b-co resells them.
func givesBack(b *buyers.BuyerSpec) {
	hours, half := 2, 37*lead.Unit
	plenty := 9000 * lead.Unit
	b.Caps = []rules.CapSpec{{Per: "day", Limit: 900}, {Per: "day", Spend: &plenty}, {Per: "day", Counts: "attempts",
		Limit: 900}, {Per: "hour", Counts: "pings", Limit: 900}, {Per: "day", By: "state", Limit: 900}}
	b.Returns = &buyers.ReturnsSpec{WindowHours: &hours, Reasons: []buyers.ReturnReasonSpec{
		{Name: "bad", Approve: "auto"}, {Name: "odd"}, {Name: "half", Approve: "auto", Credit: &half},
		{Name: "other", Approve: "auto", Refund: "replacement"}}}
	if days := 1; b.ID == "b-co" {
		b.Returns.Chain = &buyers.ReturnChainSpec{WindowDays: &days}
	}
}

// owns is what a buyer's own buyer has told of a lead: of few references, and not always of a day that counts.
func owns(x *exchangetest.Rig, rnd *rand.Rand) *exchange.ChainTold {
	days := max(rnd.IntN(6)-3, 0) - 1
	if rnd.IntN(3) > 0 {
		days = 0
	}
	if rnd.IntN(6) == 0 {
		return nil
	}
	return owned(x, fmt.Sprint("D-", rnd.IntN(12)), days)
}

// owned is told under a reference, of a day that is so many after this one.
func owned(x *exchangetest.Rig, reference string, days int) *exchange.ChainTold {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		x.T.Fatal(err)
	}
	return &exchange.ChainTold{Reference: reference,
		Date: x.Exchange.Now().In(zone).AddDate(0, 0, days).Format(time.DateOnly)}
}

// wandering is an exchange whose buyers answer by chance.
func wandering(rnd *rand.Rand) exchangetest.Setup {
	some := func() exchangetest.Buyer {
		var script []exchangetest.Answer
		for range 8 {
			script = append(script, []exchangetest.Answer{exchangetest.Accept("R"), exchangetest.Decline("no"),
				exchangetest.Silence()}[min(rnd.IntN(5), 2)])
		}
		return exchangetest.Script(script...)
	}
	return exchangetest.Setup{Vertical: func(v *exchange.Vertical) { v.Plan.SellLimit = 2 },
		Source: func(s *exchange.Source) { s.Tests, s.ReturnsPPM = true, 700_000 },
		Buyer:  givesBack,
		Campaigns: []exchangetest.Campaign{{ID: "a", Price: 30 * lead.Unit, MaxSold: 2, Post: some()},
			{ID: "b", Price: 25 * lead.Unit, MaxSold: 2, Post: some()},
			{ID: "c", Price: 21 * lead.Unit, MaxSold: 1, Fixed: true, Post: some()}}}
}

func wander(t *testing.T, x *exchangetest.Rig, rnd *rand.Rand, dir string) audit.Counts {
	attempts := sends(t, x, 8)
	x.Sleep(10 * time.Second)
	for range 70 {
		if act(t, x, rnd, attempts, nil) {
			agree(t, x, dir)
		}
	}
	return agree(t, x, dir)
}

// sends sends leads, and tells which attempts were made.
func sends(t *testing.T, x *exchangetest.Rig, n int) []lead.ID {
	t.Helper()
	var attempts []lead.ID
	for i := range n {
		phone := exchangetest.Values{"phone": fmt.Sprintf("602555%04d", 1000+int(x.Ledger.LastSeq())%9000)}
		if i%4 == 3 {
			x.LeadNow(phone, nil)
			continue
		}
		q, f := x.Ping(nil, nil)
		if f != nil {
			t.Fatal(f)
		}
		x.Post(q.LeadID, phone, nil)
		for _, ev := range x.Events(q.LeadID) {
			if p, ok := ev.(*ledger.Posting); ok {
				attempts = append(attempts, p.Attempt)
			}
		}
	}
	return attempts
}

// act does something by chance, tells of what it has changed (nil: nobody), and whether it is time to look.
func act(t *testing.T, x *exchangetest.Rig, rnd *rand.Rand, attempts []lead.ID, tell func(*ledger.Adjusted)) bool {
	t.Helper()
	at, amount := attempts[rnd.IntN(len(attempts))], lead.Money(rnd.IntN(4000))*lead.Cent
	yes := rnd.IntN(2) == 0
	var price *lead.Money
	if yes && rnd.IntN(2) == 0 {
		price = &amount
	}
	// What is not possible is refused, and changes nothing: the sums tell.
	told := func(adj *ledger.Adjusted, changed bool, err error) {
		if err == nil && changed && tell != nil {
			tell(adj)
		}
	}
	switch rnd.IntN(19) {
	case 0, 1:
		adj, err := x.Exchange.Resolve(exchange.Resolution{Attempt: at, Accepted: yes, Price: price, Why: "asked"})
		told(adj, true, err)
	case 2, 3, 4:
		told(x.Exchange.Correct(exchange.Correction{Name: at.String(), Accepted: yes, Price: price,
			Oversell: rnd.IntN(2) == 0, Why: "their mail"}, forNames))
	case 5, 6:
		other := lead.Money(rnd.IntN(4000)) * lead.Cent
		told(x.Exchange.Rebook(exchange.Rebooking{Name: at.String(), Price: price, Payout: &other,
			Ref: fmt.Sprint(rnd.IntN(9)), Why: "agreed"}, forNames))
	case 7:
		adj, err := x.Exchange.Report(exchange.Report{Name: at.String(), Fate: ledger.Fates[rnd.IntN(3)], Why: "mail"},
			forNames)
		told(adj, true, err)
	case 10, 11, 17, 18:
		grant, chain := rnd.IntN(4) == 0, owns(x, rnd)
		if grant {
			chain = nil
		}
		told(x.Exchange.Return(exchange.ReturnAsk{Name: at.String(), Reason: []string{"bad", "odd", "other",
			"half"}[rnd.IntN(4)], Grant: grant, Chain: chain, Budget: forNames}))
	case 12, 13:
		told(x.Exchange.DecideReturn(exchange.ReturnDecision{Name: at.String(), What: []string{
			exchange.ReturnApprove, exchange.ReturnDeny, exchange.ReturnRevoke,
			exchange.ReturnReplace}[rnd.IntN(4)],
			With: attempts[rnd.IntN(len(attempts))].String(), Why: "looked", Budget: forNames}))
	case 15:
		_, err := x.Exchange.Book(exchange.Deposit{Buyer: "a-co", Amount: amount - 20*lead.Unit + lead.Cent,
			Ref: fmt.Sprint(rnd.IntN(9)), Any: true, Why: "wire"})
		if err != nil {
			t.Error(err)
		}
	case 16:
		_, err := x.Exchange.PayOut(exchange.PaidOut{Source: "acme", Amount: amount - 10*lead.Unit + lead.Cent,
			Ref: fmt.Sprint(rnd.IntN(9)), Why: "wire"})
		if err != nil {
			t.Error(err)
		}
	case 14:
		x.Crash()
	case 8:
		x.Restart()
	case 9:
		return true
	}
	return false
}

// audited is what the auditor makes of the ledger.
func audited(t *testing.T, x *exchangetest.Rig) *audit.Report {
	t.Helper()
	rep, err := audit.Run(audit.Input{Events: func(each func([]byte) error) error {
		return x.Ledger.Scan(1, func(r ledger.Record) error { return each(r.Bytes) })
	}}, audit.Options{Whole: true})
	if err != nil {
		t.Fatal(err)
	}
	if !rep.OK {
		t.Error(rep.Verdict())
	}
	return rep
}

// agree brings the view up to date and compares it with the auditor, whose counts it returns.
func agree(t *testing.T, x *exchangetest.Rig, dir string) audit.Counts {
	t.Helper()
	rep := audited(t, x)
	v, err := Open(Config{Dir: dir, Ledger: x.Ledger, Share: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	v.batch = 1 + int(x.Ledger.LastSeq())%7
	caughtUp(t, v)
	var got audit.Counts
	got.Attempts = map[string]int{}
	row := v.reads.Load().QueryRow(`select (select count(*) from leads where test = 0),
		(select count(*) from leads where test = 0 and (result in ('quoted', 'pending') or quote_micros > 0)),
		count(*), coalesce(sum(price_micros), 0), coalesce(sum(payout_micros), 0) from sales`)
	if err := row.Scan(&got.Leads, &got.Quoted, &got.Sales, &got.Revenue, &got.Payout); err != nil {
		t.Fatal(err)
	}
	want := rep.Counts
	want.Leads -= want.Tests
	if row := v.reads.Load().QueryRow(`select coalesce(sum(state in ('returned', 'replaced')), 0),
		coalesce(sum(credit_micros), 0), coalesce(sum(clawback_micros), 0) from returns`); row.Scan(&got.Returns,
		&got.Credits, &got.Clawbacks) != nil || got.Returns != want.Returns || got.Credits != want.Credits ||
		got.Clawbacks != want.Clawbacks {
		t.Errorf("the view has %d returns of %d and %d; the auditor %d of %d and %d", got.Returns, got.Credits,
			got.Clawbacks, want.Returns, want.Credits, want.Clawbacks)
	}
	f, err := v.Figures(context.Background(), Ask{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range f.Totals {
		if int64(r.Revenue) != want.Revenue || int64(r.Payout) != want.Payout || int64(r.Credits) != want.Credits {
			t.Errorf("figures: revenue %s, payout %s, %s credited; the auditor %+v", r.Revenue, r.Payout, r.Credits,
				want)
		}
	}
	journalAgrees(t, v, x, want)
	got.Revenue, got.Payout = got.Revenue-got.Credits, got.Payout-got.Clawbacks
	if got.Leads != want.Leads || got.Quoted != want.Quoted || got.Sales != want.Sales || got.Revenue != want.Revenue ||
		got.Payout != want.Payout {
		t.Errorf("the view has %d leads, %d quoted, %d sales of %d for %d; the auditor %d, %d, %d of %d for %d",
			got.Leads, got.Quoted, got.Sales, got.Revenue, got.Payout, want.Leads, want.Quoted, want.Sales,
			want.Revenue, want.Payout)
	}
	for outcome, n := range want.Attempts {
		names := map[string]string{"refused": "'rejected', 'duplicate', 'invalid'"}[outcome]
		if names == "" {
			names = "'" + outcome + "'"
		}
		have := 0
		row := v.reads.Load().QueryRow("select count(*) from attempts where test = 0 and outcome in (" + names + ")")
		if err := row.Scan(&have); err != nil || have != n {
			t.Errorf("%s: the view has %d attempts, the auditor %d (%v)", outcome, have, n, err)
		}
	}
	sumsAreOfRows(t, v, Ask{})
	capsAgree(t, v, x)
	chainsAgree(t, v, x, want.Chained)
	return want
}

// capsAgree compares what stands of caps with what the exchange counts by.
func capsAgree(t *testing.T, v *View, x *exchangetest.Rig) {
	t.Helper()
	have := map[string]int64{}
	rows, err := v.reads.Load().Query("select iif(cap like '%/%', cap || '=' || value, cap), window, used from caps")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var key, window string
		var n int64
		if err := rows.Scan(&key, &window, &n); err != nil {
			t.Fatal(err)
		}
		have[key+" "+window] = n
	}
	seen := 0
	x.Ledger.Counts(func(key, window string, n int64) {
		if strings.Contains(key, ":chain") || strings.Contains(key, ":replaces") || strings.Contains(key, ":sold") ||
			strings.HasPrefix(key, "statements:") {
			return
		}
		if seen++; have[key+" "+window] != n {
			t.Errorf("cap %s, %s: the view has %d, the ledger %d", key, window, have[key+" "+window], n)
		}
	})
	if seen == 0 {
		t.Error("no caps were counted")
	}
	var n, paid, wantN, wantPaid int64
	err = x.Ledger.Scan(1, func(r ledger.Record) error {
		ev, err := ledger.Decode(r.Bytes)
		if adj, ok := ev.(*ledger.Adjusted); ok {
			switch wantN++; adj.Adjustment {
			case ledger.AdjustDeposited:
				wantPaid += int64(adj.Price)
			case ledger.AdjustPaidOut:
				wantPaid -= int64(adj.Payout)
			}
		}
		return err
	})
	row := v.reads.Load().QueryRow(`select (select count(*) from adjustments), coalesce(sum(iif(account like 'buyer:%',
		amount_micros, -amount_micros)), 0) from payments where account like 'buyer:%' or account like 'source:%'`)
	if err := errors.Join(err, row.Scan(&n, &paid)); err != nil || n != wantN || paid != wantPaid {
		t.Errorf("the view has %d adjustments and payments of %d, the ledger %d and %d (%v)", n, paid, wantN, wantPaid,
			err)
	}
}

// chainsAgree compares what the view has of buyers' own buyers with the events, and with the auditor's count.
func chainsAgree(t *testing.T, v *View, x *exchangetest.Rig, want int) {
	t.Helper()
	chains, asked := map[lead.ID]ledger.Chain{}, map[lead.ID]bool{}
	stands := 0
	err := x.Ledger.Scan(1, func(r ledger.Record) error {
		ev, err := ledger.Decode(r.Bytes)
		adj, ok := ev.(*ledger.Adjusted)
		switch {
		case !ok || adj.Return == nil:
		case adj.Return.Chain != nil:
			chains[adj.Attempt] = *adj.Return.Chain
		case !asked[adj.Attempt]: // granted while it waits, it keeps what was told
			delete(chains, adj.Attempt)
		}
		if ok {
			asked[adj.Attempt] = adj.Adjustment == ledger.AdjustReturnAsked
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := v.Returns(context.Background(), ReturnsQuery{Limit: FindMax})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range f.Returns {
		got := ledger.Chain{Reference: r.ChainReference, Date: r.ChainDate, Until: r.ChainUntil}
		if got != chains[r.Attempt] {
			t.Errorf("attempt %s: its buyer's own buyer told %+v, the events have %+v", r.Attempt, got,
				chains[r.Attempt])
		}
		if got.Until != "" && (r.State == "asked" || r.State == "returned" || r.State == "replaced") {
			stands++
		}
	}
	if stands != want {
		t.Errorf("%d returns of chains stand, the auditor has %d", stands, want)
	}
}

// journalAgrees compares the journal with the auditor, with its events, and with statements.
func journalAgrees(t *testing.T, v *View, x *exchangetest.Rig, want audit.Counts) {
	t.Helper()
	trial, err := v.Trial(context.Background(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var zero, owed, owes, bank, paid, out lead.Money
	for _, b := range trial {
		zero += b.Amount
		switch kind, _ := books.Party(b.Account); {
		case b.Account == books.Bank:
			bank += b.Amount
		case kind == "buyer":
			owes += b.Amount
		case kind == "source":
			owed -= b.Amount
		}
	}
	err = x.Ledger.Scan(1, func(r ledger.Record) error {
		ev, err := ledger.Decode(r.Bytes)
		if adj, ok := ev.(*ledger.Adjusted); ok && adj.Adjustment == ledger.AdjustDeposited {
			paid += adj.Price
		} else if ok && adj.Adjustment == ledger.AdjustPaidOut {
			out += adj.Payout
		}
		return err
	})
	if err != nil || zero != 0 || int64(owes+paid) != want.Revenue || int64(owed+out) != want.Payout ||
		bank != paid-out || int64(paid) != want.Paid || int64(out) != want.PaidOut {
		t.Errorf("the journal adds up to %s; buyers owe %s and paid %s (%s in the bank), sources are owed %s and "+
			"were paid %s; the auditor: %+v (%v)", zero, owes, paid, bank, owed, out, want, err)
	}
	for _, b := range trial {
		kind, _ := books.Party(b.Account)
		if kind == "house" {
			continue
		}
		stands := b.Amount
		if kind == "source" {
			stands = -stands
		}
		middle := x.Exchange.Now().Add(-20 * time.Second)
		var lines, last lead.Money
		for i, span := range [][2]time.Time{{middle.AddDate(-1, 0, 0), middle}, {middle, middle.AddDate(1, 0, 0)}} {
			q := StatementQuery{Account: b.Account, Since: span[0], Until: span[1], Limit: 3}
			var sums []StatementSum
			for more := true; more; {
				s, err := v.Statement(context.Background(), q)
				if err != nil || len(s.Sums) > 1 {
					t.Fatalf("%+v, %v", s, err)
				}
				for _, l := range s.Lines {
					lines += l.Amount
				}
				if q.After == (StatementMark{}) {
					sums = s.Sums
				} else if len(s.Sums) > 0 {
					t.Error("a later page adds up too")
				}
				if more = s.Next != nil; more {
					q.After = *s.Next
					continue
				}
				if len(sums) == 0 {
					continue
				}
				one := sums[0]
				if one.Opening != last || one.Closing != lines || one.Opening+one.Sales+one.Corrections+one.Returns+
					one.Payments != one.Closing {
					t.Errorf("statement %d of %s: %+v, the lines up to it %s", i, b.Account, one, lines)
				}
				last = one.Closing
			}
		}
		if last != stands {
			t.Errorf("%s: the last statement closes at %s, the account stands at %s", b.Account, last, stands)
		}
	}
}
