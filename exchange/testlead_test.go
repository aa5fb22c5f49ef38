// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

// tested makes a ping a test lead that asks for a result (TestAny: for none).
func tested(want lead.TestResult) func(*exchange.Ping) {
	return func(p *exchange.Ping) { p.Test = exchange.TestAsk{On: true, Field: "test", Want: want} }
}

// staged sends a campaign's tests to URLs of their own, named staging-ping and staging-post.
func staged(c *buyers.CampaignSpec) {
	c.Test = &buyers.TestSpec{PingURL: exchangetest.URL(c.ID, "staging-ping"),
		PostURL: exchangetest.URL(c.ID, "staging-post")}
	capped(1)(c)
}

// wantUntouched expects that a test has left nothing behind: no money, no charge, no person, nobody's work.
func wantUntouched(x *rig, id lead.ID) {
	x.T.Helper()
	st := &x.Exchange.Stats
	if n := st.Pings.Load() + st.Posts.Load() + st.Quotes.Load() + st.RevenueMicros.Load() +
		st.PayoutMicros.Load(); n != 0 || st.Tests.Load() == 0 {
		x.T.Errorf("a test is counted as a lead: %d; tests: %d", n, st.Tests.Load())
	}
	for _, l := range x.Exchange.Campaigns() {
		if l.Asked.Load()+l.Bids.Load()+l.Won.Load()+l.Posted.Load()+l.Accepted.Load()+l.Rejected.Load()+
			l.RevenueMicros.Load() != 0 {
			x.T.Errorf("campaign %s has counted a test", l.ID)
		}
		for i := range l.Caps {
			if u := x.Exchange.CapState(&l.Caps[i]); u.Used() != 0 {
				x.T.Errorf("cap %s: %d used", u.Key, u.Used())
			}
		}
	}
	if open := x.Open(); len(open) != 0 {
		x.T.Errorf("open: %+v", open)
	}
	for _, ev := range x.Events(id) {
		if !ev.Header().Test {
			x.T.Errorf("%s is not marked", ev.Header().Kind)
		}
		switch ev := ev.(type) {
		case *ledger.Pinged:
			if ev.Private.Person != "" {
				x.T.Error("a test names a person")
			}
		case *ledger.Posting:
			if len(ev.Charges) != 0 || ev.Private.Person != "" {
				x.T.Errorf("posting: %+v", ev)
			}
		case *ledger.Posted:
			if ev.Price != 0 || ev.Payout != 0 || ev.Outcome.Standing() {
				x.T.Errorf("posted: %+v", ev)
			}
		case *ledger.Settled:
			if ev.Revenue != 0 || ev.Payout != 0 || len(ev.Sales) != 0 || ev.Private.Person != "" {
				x.T.Errorf("settled: %+v", ev)
			}
		}
	}
}

func TestTestLeadIsSimulatedWhereNoCampaignTakesTests(t *testing.T) {
	s := sellTo(2, campaign{ID: "list", Price: 30 * dollar, Fixed: true, MaxSold: 2, Spec: capped(1)},
		campaign{ID: "asked", Price: 25 * dollar, MaxSold: 2})
	exchangetest.Run(t, s, func(x *rig) {
		p := pinged(t, x, jane, tested(lead.TestAny))
		if !p.Test || p.Price != 32*dollar { // 24 of the list price, and 8 of the vertical's for tests
			t.Errorf("quote: %+v", p)
		}
		r, f := x.Post(p.LeadID, nil, nil)
		wantSold(t, r, f, 32*dollar)
		if !r.Test || len(r.Sales) != 2 || r.Sales[0].ID != "test-1" || r.Sales[1].ID != "test-2" {
			t.Errorf("reply: %+v", r)
		}
		wantUntouched(x, p.LeadID)
		x.Restart() // so that nothing but the ledger can know it
		again, f := x.Post(p.LeadID, nil, nil)
		if f != nil || fmt.Sprint(again) != fmt.Sprint(r) || fmt.Sprint(x.Status(p.LeadID)) != fmt.Sprint(r) {
			t.Errorf("again: %+v, first %+v", again, r)
		}
		if len(x.Buyers.Calls("asked", exchangetest.Ping))+len(x.Buyers.Posted()) != 0 {
			t.Error("a buyer was called")
		}
		if r, f = x.LeadNow(jane, tested(lead.TestAny)); r.LeadID == p.LeadID {
			t.Error("two tests of a person are one")
		}
		wantSold(t, r, f, 32*dollar)
	})
}

func TestMarkedCampaignsTakeTestsAtTheirTestEndpoint(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 25 * dollar, Spec: staged}, campaign{ID: "b", Price: 99 * dollar})
	exchangetest.Run(t, s, func(x *rig) {
		x.Buyers.Set("a", "staging-ping", exchangetest.Always(exchangetest.Bid(20*dollar)))
		x.Buyers.Set("a", "staging-post", exchangetest.Always(exchangetest.Accept("T-1")))
		for n := range 3 { // more often than its cap allows
			p := pinged(t, x, jane, tested(lead.TestAny))
			r, f := x.Post(p.LeadID, nil, nil)
			wantSold(t, r, f, 16*dollar)
			if !r.Test || r.Reference != "T-1" {
				t.Errorf("reply: %+v", r)
			}
			if ev := exchangetest.Last[*ledger.Posted](x, p.LeadID); ev.Outcome != lead.TestAccepted {
				t.Errorf("posted: %+v", ev)
			}
			wantUntouched(x, p.LeadID)
			if a := explain(x, p.LeadID).Attempts; len(a) != 1 || a[0].HoldIs != "none" {
				t.Errorf("explained: %+v", a)
			}
			if b := bids(x, p.LeadID)["b"]; b.Refusal != lead.NoTestEndpoint || b.Price != 0 {
				t.Errorf("bid: %+v", b)
			}
			if calls := len(x.Buyers.Calls("a", "staging-post")); calls != n+1 {
				t.Errorf("%d posts of %d tests", calls, n+1)
			}
		}
		wantPosted(x)
		x.Quote(79_200_000, jane) // nothing of the tests stands in a real lead's way
	})
}

// A test whose call ends no one knows how is no sale, and nobody has to find out.
func TestTestWithoutAnAnswerIsNobodysWork(t *testing.T) {
	for name, end := range map[string]exchangetest.Answer{"silence": exchangetest.Silence(),
		"declined": exchangetest.Decline("no")} {
		t.Run(name, func(t *testing.T) {
			exchangetest.Run(t, sellTo(1, campaign{ID: "a", Price: 25 * dollar, Spec: staged}), func(x *rig) {
				x.Buyers.Set("a", "staging-ping", exchangetest.Always(exchangetest.Bid(20*dollar)))
				x.Buyers.Set("a", "staging-post", exchangetest.Always(end))
				r, f := x.LeadNow(jane, tested(lead.TestAny))
				if f != nil || r.Result != lead.ResultFailure || !r.Test {
					t.Errorf("reply: %+v, %v", r, f)
				}
				if ev := exchangetest.Last[*ledger.Posted](x, r.LeadID); ev.Outcome != lead.Rejected {
					t.Errorf("posted: %+v", ev)
				}
				wantUntouched(x, r.LeadID)
				r, f = x.LeadNow(jane, nil) // the same person, really
				wantSold(t, r, f, 20*dollar)
			})
		})
	}
}

func TestTestThatACrashCutOffIsOver(t *testing.T) {
	exchangetest.Run(t, sellTo(1, campaign{ID: "a", Price: 25 * dollar, Spec: staged}), func(x *rig) {
		x.Buyers.Set("a", "staging-ping", exchangetest.Always(exchangetest.Bid(20*dollar)))
		x.Buyers.Set("a", "staging-post", exchangetest.Always(exchangetest.Accept("T").In(time.Second)))
		id := pinged(t, x, jane, tested(lead.TestAny)).LeadID
		heard := post(x, id)
		x.Sleep(100 * time.Millisecond)
		x.Crash()
		if open := x.Open(); len(open) != 0 {
			t.Errorf("open: %+v", open)
		}
		r, f := x.Post(id, nil, nil)
		wantUnsold(t, r, f, lead.QuoteLost)
		if n := len(x.Buyers.Calls("a", "staging-post")); n != 1 {
			t.Errorf("%d posts", n)
		}
		<-heard
	})
}

// Shared tests are told apart by buyer and bounded like real leads, though nothing is held for them.
func TestSharedTestLeadsKeepToTheirSlots(t *testing.T) {
	shared := func(id, buyer string, price lead.Money, most int) campaign {
		return campaign{ID: id, Buyer: buyer, Price: price, MaxSold: most, Spec: staged}
	}
	s := sellTo(2, shared("a", "one", 20*dollar, 2), shared("b", "two", 19*dollar, 2), shared("a2", "one", 18*dollar,
		2),
		shared("c", "three", 17*dollar, 1), shared("d", "four", 19*dollar-1_000_000, 2))
	exchangetest.Run(t, s, func(x *rig) {
		for _, c := range s.Campaigns {
			x.Buyers.Set(c.ID, "staging-ping", exchangetest.Always(exchangetest.Bid(c.Price)))
			x.Buyers.Set(c.ID, "staging-post", exchangetest.Always(exchangetest.Accept(c.ID)))
		}
		x.Buyers.Set("b", "staging-post", exchangetest.Always(exchangetest.Decline("no")))
		r, f := x.LeadNow(jane, tested(lead.TestAny))
		wantSold(t, r, f, 30_400_000) // of a, and of d in place of b
		if len(r.Sales) != 2 || r.Sales[1].ID != "d" {
			t.Errorf("sales: %+v", r.Sales)
		}
		wantUntouched(x, r.LeadID)
	})
}

func TestResultsThatTestsAskFor(t *testing.T) {
	s := vertical(one(), func(v *exchange.Vertical) { v.Tests.Price = 12_340_000 })
	exchangetest.Run(t, s, func(x *rig) {
		for want, no := range map[lead.TestResult]lead.Refusal{lead.TestSold: lead.NoRefusal,
			lead.TestRejected: lead.BuyerRejected, lead.TestDuplicate: lead.BuyerDuplicate,
			lead.TestInvalid: lead.BuyerInvalid, lead.TestNoBids: lead.NoBids, lead.TestPending: lead.NoRefusal} {
			check := func(r exchange.Reply, f *exchange.Fault) {
				t.Helper()
				switch {
				case want == lead.TestPending:
					wantPending(t, r, f)
				case no != lead.NoRefusal:
					wantUnsold(t, r, f, no)
				default:
					wantSold(t, r, f, 9_870_000)
				}
				if now := x.Status(r.LeadID); now.Result != r.Result || !r.Test {
					t.Errorf("%s: the status is %+v, answer %+v", want, now, r)
				}
			}
			p, f := x.Ping(nil, tested(want))
			if want == lead.TestNoBids {
				wantUnsold(t, p, f, lead.NoBids)
			} else if f != nil || p.Price != 9_870_000 {
				t.Errorf("%s: %+v, %v", want, p, f)
			}
			check(x.Post(p.LeadID, nil, nil))
			check(x.LeadNow(nil, tested(want)))
		}
		// The post may ask for another result than its ping.
		p := pinged(t, x, nil, tested(lead.TestAny))
		ask := func(want lead.TestResult) func(*exchange.PostIn) {
			return func(in *exchange.PostIn) { in.Test = exchange.TestAsk{On: true, Want: want} }
		}
		r, f := x.Post(p.LeadID, nil, ask(lead.TestPending))
		wantPending(t, r, f)
		p = pinged(t, x, nil, tested(lead.TestSold))
		r, f = x.Post(p.LeadID, nil, ask(lead.TestNoBids))
		wantUnsold(t, r, f, lead.QuoteLost)
		wantPosted(x)
		wantUntouched(x, r.LeadID)
	})
}

func TestPostOfARealLeadCannotBeATest(t *testing.T) {
	exchangetest.Run(t, one(), func(x *rig) {
		id := x.Quote(8*dollar, nil)
		r, f := x.Post(id, nil, func(in *exchange.PostIn) {
			in.Test = exchange.TestAsk{On: true, Field: "Test_Lead"}
			in.Problems = []lead.Problem{{Field: "max_wait_ms"}}
		})
		wantFault(t, r, f, "invalid_lead")
		if len(f.Errors) != 2 || f.Errors[1].Field != "Test_Lead" {
			t.Errorf("errors: %+v", f.Errors)
		}
		r, f = x.Post(id, nil, nil)
		wantSold(t, r, f, 8*dollar)
		if r.Test {
			t.Error("the sale is told as a test")
		}
	})
}

func TestPausedCampaignGetsNoTests(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 25 * dollar, Spec: staged}, campaign{ID: "b", Price: 9 * dollar,
		Fixed: true})
	exchangetest.Run(t, s, func(x *rig) {
		for _, subject := range []string{"campaign:a", "campaign:b"} {
			if _, _, err := x.Exchange.Pause(subject, true, "", ""); err != nil {
				t.Fatal(err)
			}
		}
		r, f := x.Ping(nil, tested(lead.TestAny))
		wantUnsold(t, r, f, lead.NoBids)
		if b := bids(x, r.LeadID); b["a"].Refusal != lead.Paused || b["b"].Refusal != lead.Paused {
			t.Errorf("bids: %+v", b)
		}
		if _, _, err := x.Exchange.Pause("campaign:b", false, "", ""); err != nil {
			t.Fatal(err)
		}
		if r = pinged(t, x, nil, tested(lead.TestAny)); r.Price != 7_200_000 {
			t.Errorf("quote: %+v", r)
		}
	})
}
