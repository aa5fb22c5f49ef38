// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
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

// Tests begin at 2000-01-01 00:00 UTC. In New York, where the buyers are, that is Friday, 19:00.

// keeps has a campaign take leads at these hours only.
func keeps(open ...string) func(*buyers.CampaignSpec) {
	return func(c *buyers.CampaignSpec) { c.Schedule = &rules.ScheduleSpec{Open: open} }
}

// sourceKeeps has acme's leads be taken at these hours only.
func sourceKeeps(s setup, open ...string) setup {
	s.Source = func(src *exchange.Source) {
		spec := &rules.ScheduleSpec{Open: open}
		sched, ds := rules.CompileSchedule(spec, "America/New_York")
		if ds != nil {
			panic(ds[0].Expected)
		}
		src.Schedule = sched
	}
	return s
}

func TestQuoteIsHonouredPastClosingAndNobodyIsAskedUntilOpening(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: keeps("mon-fri 08:00-19:02")},
		campaign{ID: "b", Price: 9 * dollar, Spec: keeps("fri-sat 18:00-19:02"), Buyer: "b-co", Post: declines})
	exchangetest.Run(t, s, func(x *rig) {
		first := x.Quote(8*dollar, jane)
		second := x.Quote(8*dollar, values{"phone": "2127365001"})
		x.Sleep(3 * time.Minute) // 19:03

		r, f := x.Ping(values{"phone": "2127365002"}, nil)
		wantUnsold(t, r, f, lead.NoneOpen)
		if ev := exchangetest.Last[*ledger.Pinged](x, r.LeadID); len(ev.Bids) != 0 || ev.Reason != "no_bids" {
			t.Errorf("event: %+v", ev)
		}
		now, f := x.LeadNow(values{"phone": "2127365003"}, nil)
		wantUnsold(t, now, f, lead.NoneOpen)
		if n := len(x.Buyers.Calls("a", exchangetest.Ping)); n != 2 {
			t.Errorf("asked %d times", n)
		}
		if n := x.Exchange.Campaigns()[0].ClosedSkips.Load(); n != 2 {
			t.Errorf("%d skips", n)
		}

		sold, f := x.Post(first, nil, nil)
		wantSold(t, sold, f, 8*dollar)
		again := pinged(t, x, values{"phone": "2127365001"}, nil)
		if again.LeadID != second {
			t.Error("the same ping does not get the live quote")
		}

		v := verdicts(explain(x, r.LeadID))["a"]
		if v.Verdict != "closed" || len(v.Why) != 1 || len(v.Places) != 1 ||
			v.Why[0] != "closed: outside mon-fri 08:00-19:02, opens Mon 2000-01-03 08:00 America/New_York" ||
			!strings.HasSuffix(v.Places[0], "campaigns[0], schedule.open[0]") {
			t.Errorf("explained: %+v", v)
		}

		x.Sleep(61 * time.Hour) // Monday, 08:03: b is closed
		r = pinged(t, x, values{"phone": "2127365004"}, nil)
		if ev := exchangetest.Last[*ledger.Pinged](x, r.LeadID); len(ev.Bids) != 1 || ev.Bids[0].Campaign != "a" {
			t.Errorf("bids: %+v", ev.Bids)
		}
		if v := verdicts(explain(x, r.LeadID)); v["a"].Verdict != "winner" || v["b"].Verdict != "closed" {
			t.Errorf("explained: %+v", v)
		}
	})
}

// The criteria stand before the schedule, and pauses and caps behind it: what hangs on no state is not in the event.
func TestClosedStandsBetweenCriteriaAndPauses(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: func(c *buyers.CampaignSpec) {
		keeps("mon 08:00-09:00")(c)
		c.Criteria = []rules.CriterionSpec{{Field: "zip", In: []string{"10001"}}}
	}}, campaign{ID: "b", Price: 9 * dollar})
	exchangetest.Run(t, s, func(x *rig) {
		if _, _, err := x.Exchange.Pause("campaign:a", true, "unpaid", "me"); err != nil {
			t.Fatal(err)
		}
		for zip, want := range map[string]string{"10001": "closed", "86001": "criteria"} {
			r := pinged(t, x, values{"zip": zip}, nil)
			if v := verdicts(explain(x, r.LeadID))["a"]; v.Verdict != want || len(v.Why) != 1 {
				t.Errorf("%s: %+v, want %s", zip, v, want)
			}
		}
		if n := x.Exchange.Campaigns()[0].PauseSkips.Load(); n != 0 {
			t.Errorf("%d skips for the pause", n)
		}
	})
}

func TestCampaignIsAskedWhileItsBuyerIsOpenToo(t *testing.T) {
	s := one()
	s.Campaigns[0].Spec = keeps("fri 18:00-22:00")
	s.Buyer = func(b *buyers.BuyerSpec) {
		b.Schedule = &rules.ScheduleSpec{Open: []string{"fri 20:00-23:00"}}
	}
	exchangetest.Run(t, s, func(x *rig) {
		for _, hour := range []bool{false, true, true, false, false} { // 19:00 and on
			r, f := x.Ping(nil, nil)
			if f != nil || (r.Result == lead.ResultSuccess) != hour {
				t.Errorf("%v: %s, %v", x.Exchange.Now(), r.Result, f)
			}
			if text := x.Exchange.Campaigns()[0].Hours(x.Exchange.Now()); (text == "") != hour {
				t.Errorf("%v: %q", x.Exchange.Now(), text)
			}
			x.Sleep(time.Hour)
		}
		text := x.Exchange.Campaigns()[0].Hours(x.Exchange.Now()) // Saturday, 00:00
		if want := "closed: no hours on Sat, opens Fri 2000-01-07 18:00 America/New_York; closed: no hours on Sat, " +
			"opens Fri 2000-01-07 20:00 America/New_York"; text != want {
			t.Errorf("told: %s", text)
		}
	})
}

func TestReloadChangesHours(t *testing.T) {
	hours := func(open string) setup {
		s := one()
		s.Campaigns[0].Spec = keeps(open)
		return s
	}
	exchangetest.Run(t, hours("fri 08:00-18:00"), func(x *rig) {
		r, f := x.Ping(nil, nil)
		wantUnsold(t, r, f, lead.NoneOpen)
		x.Reload(hours("fri 08:00-20:00"))
		id := x.Quote(8*dollar, nil)
		x.Reload(hours("fri 08:00-18:00"))
		r, f = x.Ping(nil, nil)
		wantUnsold(t, r, f, lead.NoneOpen)
		r, f = x.Post(id, nil, nil)
		wantSold(t, r, f, 8*dollar)
	})
}

func TestSourceIsClosedForLeadsAndNotForItsQuotes(t *testing.T) {
	s := sourceKeeps(one(), "fri 08:00-19:02")
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, nil)
		keyed := func(p *exchange.Ping) { p.IdempotencyKey, p.BodyHash = "k-1", "h" }
		sold, f := x.LeadNow(jane, keyed)
		wantSold(t, sold, f, 8*dollar)
		x.Sleep(3 * time.Minute)

		seq := x.Ledger.LastSeq()
		r, f := x.Ping(nil, nil)
		wantFault(t, r, f, "source_closed")
		if f.Kind != exchange.FaultUnavailable || f.Why != exchange.WhyClosed || f.RetryAfter !=
			(6*24+12)*time.Hour+57*time.Minute || !strings.Contains(f.Message,
			"closed: outside fri 08:00-19:02, opens Fri 2000-01-07 08:00 America/New_York") {
			t.Errorf("fault: %+v", f)
		}
		r, f = x.LeadNow(values{"phone": "2127365001"}, nil)
		wantFault(t, r, f, "source_closed")
		if x.Ledger.LastSeq() != seq {
			t.Error("a lead that was not taken stands in the ledger")
		}
		if x.Exchange.SourceHours("acme", x.Exchange.Now()) == "" || x.Exchange.SourceHours("x", time.Time{}) != "" {
			t.Error("the status does not tell that the source is closed")
		}

		again, f := x.LeadNow(jane, keyed)
		if wantSold(t, again, f, 8*dollar); again.LeadID != sold.LeadID {
			t.Error("a repeat is another lead")
		}
		r, f = x.Post(id, values{"phone": "2127365002"}, nil)
		wantSold(t, r, f, 8*dollar)

		x.Reload(sourceKeeps(one(), "fri 08:00-20:00"))
		x.Quote(8*dollar, values{"phone": "2127365003"})
	})
}

// A test is no lead for the people whose hours a schedule has.
func TestTestLeadsKeepToNoHours(t *testing.T) {
	s := sourceKeeps(one(), "sun 08:00-09:00")
	s.Campaigns[0].Spec = func(c *buyers.CampaignSpec) {
		keeps("sun 08:00-09:00")(c)
		staged(c)
	}
	exchangetest.Run(t, s, func(x *rig) {
		x.Buyers.Set("a", "staging-ping", exchangetest.Always(exchangetest.Bid(10*dollar)))
		x.Buyers.Set("a", "staging-post", exchangetest.Always(exchangetest.Accept("T-1")))
		r := pinged(t, x, jane, tested(lead.TestAny))
		if v := verdicts(explain(x, r.LeadID))["a"]; v.Verdict != "winner" {
			t.Errorf("explained: %+v", v)
		}
		sold, f := x.LeadNow(values{"phone": "2127365001"}, tested(lead.TestAny))
		wantSold(t, sold, f, 8*dollar)
	})
}
