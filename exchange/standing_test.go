// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

// late gives a's buyer terms, and a rule for when it does not keep to them.
func late(s setup) setup {
	net, days := 30, 5
	s.Buyer = func(b *buyers.BuyerSpec) {
		if b.ID == "a-co" {
			b.Terms = &buyers.TermsSpec{NetDays: &net}
			b.Standing = &buyers.StandingSpec{SlowAfter: &days, StopAfter: &days}
		}
	}
	return s
}

// stands has a's buyer pay so from now on, and tells whether that was written.
func stands(x *rig, pays string) bool {
	x.T.Helper()
	changed, err := x.Exchange.Stands("a-co", &ledger.Standing{Is: pays, Day: "2000-02-10", Due: "2000-02-01", Days: 9,
		Overdue: 50 * dollar, Owes: 70 * dollar})
	if err != nil {
		x.T.Fatal(err)
	}
	return changed
}

// another is a ping that no other one was like.
func another(x *rig) values { return values{"zip": fmt.Sprint(10001 + x.Ledger.LastSeq())} }

// winner is who wins a ping, and whether a's bid is told to be a slow payer's.
func winner(x *rig) (who string, slow bool) {
	x.T.Helper()
	r, f := x.Ping(another(x), nil)
	if f != nil {
		x.T.Fatal(f)
	}
	for id, b := range bids(x, r.LeadID) {
		if b.Winner {
			who = id
		}
		slow = slow || id == "a" && b.SlowPayer
	}
	return who, slow
}

// Who pays slowly wins only where nobody else can; who does not pay is refused; who has paid is as before. All of it
// also after a restart, and every lead is computed again as it was.
func TestHowABuyerPaysDecides(t *testing.T) {
	s := late(sellTo(1, campaign{ID: "a", Price: 25 * dollar}, campaign{ID: "b", Price: 20 * dollar}))
	exchangetest.Run(t, s, func(x *rig) {
		for _, c := range []struct {
			pays, wins string
			slow       bool
			changed    bool
			refusal    lead.Refusal
		}{
			{ledger.PaysWell, "a", false, false, 0},
			{ledger.PaysLate, "a", false, true, 0},
			{ledger.PaysSlowly, "b", true, true, 0},
			{ledger.PaysNothing, "b", false, true, lead.Unpaid},
			{ledger.PaysNothing, "b", false, false, lead.Unpaid},
			{ledger.PaysSlowly, "b", true, true, 0},
			{ledger.PaysWell, "a", false, true, 0},
		} {
			if changed := stands(x, c.pays); changed != c.changed {
				t.Errorf("%s: written %v", c.pays, changed)
			}
			for range 2 {
				if who, slow := winner(x); who != c.wins || slow != c.slow {
					t.Errorf("%s: %s wins, slow %v", c.pays, who, slow)
				}
				r, _ := x.Ping(another(x), nil)
				if got := bids(x, r.LeadID)["a"].Refusal; c.refusal != 0 && got != c.refusal {
					t.Errorf("%s: refused as %s", c.pays, got)
				}
				is := x.Exchange.Standings()["a-co"]
				if is.Pays != c.pays && (is.Pays != "" || c.pays != ledger.PaysWell) {
					t.Errorf("%s: the ledger says %+v", c.pays, is)
				}
				x.Restart()
			}
		}
		var adj []*ledger.Adjusted
		simEvents(x, func(ev ledger.Event) {
			if e, ok := ev.(*ledger.Adjusted); ok && e.Adjustment == ledger.AdjustStanding {
				adj = append(adj, e)
			}
		})
		if n := len(adj); n != 5 {
			t.Fatalf("%d events", n)
		}
		if e := adj[2]; e.Standing.Was != ledger.PaysSlowly || e.Standing.Is != ledger.PaysNothing ||
			!strings.Contains(e.Why, "50.00 overdue, the oldest since 2000-02-01, 9 days") || e.By != "clearpost" {
			t.Errorf("event: %+v, %+v", e, e.Standing)
		}
	})
}

// A buyer that is stopped while a quote counts on it does not get the lead: the next one does.
func TestABuyerIsStoppedBetweenPingAndPost(t *testing.T) {
	s := late(sellTo(1, campaign{ID: "a", Price: 30 * dollar}, campaign{ID: "b", Price: 25 * dollar}))
	exchangetest.Run(t, s, func(x *rig) {
		for i := range 4 {
			id := x.Quote(24*dollar, another(x))
			stands(x, ledger.PaysNothing)
			r, f := x.Post(id, values{"phone": fmt.Sprintf("602555%04d", i)}, nil)
			if f != nil || r.Result != lead.ResultSuccess {
				t.Fatalf("%+v, %v", r, f)
			}
			for _, p := range exchangetest.All[*ledger.Posting](x, id) {
				if p.Buyer != "b-co" {
					t.Errorf("posted to %s", p.Buyer)
				}
			}
			stands(x, ledger.PaysWell)
		}
	})
}

// Where nobody can tell whether it was written, what the ledger has in the end is in force.
func TestAStandingOfWhichNobodyCanTell(t *testing.T) {
	for _, fault := range []exchangetest.Fault{exchangetest.Kept, exchangetest.Lost, exchangetest.Refused} {
		s := late(sellTo(1, campaign{ID: "a", Price: 25 * dollar}))
		exchangetest.Run(t, s, func(x *rig) {
			x.Disk.Fail(ledger.KindAdjusted, fault)
			if _, err := x.Exchange.Stands("a-co", &ledger.Standing{Is: ledger.PaysNothing}); err == nil {
				t.Fatal("no error")
			}
			x.Disk.Repair()
			x.Sleep(time.Minute)
			for range 2 {
				_, stopped := x.Exchange.Standings()["a-co"]
				r, _ := x.Ping(another(x), nil)
				if refused := bids(x, r.LeadID)["a"].Refusal == lead.Unpaid; refused != stopped || stopped !=
					(fault == exchangetest.Kept) {
					t.Errorf("%v: in the ledger %v, in force %v", fault, stopped, refused)
				}
				x.Restart()
			}
		})
	}
}

// An explanation says of whom the bid went last, or was refused, and by what that was decided.
func TestExplainTellsWhoIsLate(t *testing.T) {
	s := late(sellTo(1, campaign{ID: "a", Price: 25 * dollar}, campaign{ID: "b", Price: 20 * dollar}))
	exchangetest.Run(t, s, func(x *rig) {
		for pays, want := range map[string]string{
			ledger.PaysSlowly:  "the bid goes last (since 2000-01-01T00:0",
			ledger.PaysNothing: "its buyer is stopped until it has paid (since 2000-01-01T00:0",
		} {
			stands(x, pays)
			r, f := x.Ping(another(x), nil)
			if f != nil {
				t.Fatal(f)
			}
			story, _, err := x.Exchange.Explain(r.LeadID)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range story.Campaigns {
				why := strings.Join(c.Why, "; ")
				if late := strings.Contains(why, want) && strings.Contains(why, "50.00 overdue"); late !=
					(c.Campaign == "a") {
					t.Errorf("%s: %s: %q", pays, c.Campaign, why)
				}
			}
		}
	})
}

// A page that has no rule any more lets its buyer be.
func TestNoRuleNoStop(t *testing.T) {
	c := campaign{ID: "a", Price: 25 * dollar}
	exchangetest.Run(t, late(sellTo(1, c)), func(x *rig) {
		stands(x, ledger.PaysNothing)
		x.Reload(sellTo(1, c))
		if who, _ := winner(x); who != "a" {
			t.Errorf("%q wins", who)
		}
		if p := x.Exchange.Payers(); len(p) != 0 {
			t.Errorf("payers: %+v", p)
		}
	})
}
