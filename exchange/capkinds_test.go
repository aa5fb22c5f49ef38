// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"slices"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// withCaps gives a campaign caps, in UTC.
func withCaps(caps ...rules.CapSpec) func(*buyers.CampaignSpec) {
	return func(c *buyers.CampaignSpec) {
		for i := range caps {
			caps[i].Zone = "Etc/UTC"
		}
		c.Caps = caps
	}
}

func amount(m lead.Money) *lead.Money { return &m }

// soldOf quotes and posts a lead of a person of its own in a ZIP code, and tells whether it was sold.
func soldOf(x *rig, zip string) bool {
	x.T.Helper()
	r, f := x.Ping(values{"zip": zip}, nil)
	if f != nil {
		x.T.Fatal(f)
	}
	if r.Result != lead.ResultSuccess {
		return false
	}
	persons++
	r, f = x.Post(r.LeadID, person(persons), nil)
	if f != nil {
		x.T.Fatal(f)
	}
	return r.Result == lead.ResultSuccess
}

// persons is how many there were.
var persons int

// bidRefusal is why the first campaign did not bid on a lead.
func bidRefusal(x *rig, v values) lead.Refusal {
	x.T.Helper()
	r, f := x.Ping(v, nil)
	if f != nil {
		x.T.Fatal(f)
	}
	return exchangetest.Last[*ledger.Pinged](x, r.LeadID).Bids[0].Refusal
}

// wantUses expects what the first cap of a campaign has counted, by value; after a restart too.
func wantUses(x *rig, n int, want map[string]int64) {
	x.T.Helper()
	for range 2 {
		c := x.Exchange.CapState(&x.Exchange.Campaigns()[0].Caps[n])
		got := map[string]int64{}
		for _, u := range c.Uses {
			got[u.Value] = u.Used
		}
		for value, used := range want {
			if got[value] != used {
				x.T.Errorf("%s of %q: %d, want %d", c.Key, value, got[value], used)
			}
		}
		x.Restart()
	}
}

func TestEachValueCountsByItself(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: withCaps(rules.CapSpec{Per: "day", By: "zip", Limit: 2,
		Values: map[string]lead.Money{"10002": 0, "10003": 1 * dollar}})})
	exchangetest.Run(t, s, func(x *rig) {
		for _, c := range []struct {
			zip  string
			sold int
		}{{"10001", 2}, {"10002", 0}, {"10003", 1}, {"10004", 2}} {
			n := 0
			for range 4 {
				if soldOf(x, c.zip) {
					n++
				}
			}
			if n != c.sold {
				t.Errorf("%d leads of %s are sold, want %d", n, c.zip, c.sold)
			}
		}
		if no := bidRefusal(x, values{"zip": "10001"}); no != lead.CapReached {
			t.Errorf("a full value: %s", no)
		}
		wantUses(x, 0, map[string]int64{"10001": 2, "10002": 0, "10003": 1, "10004": 2})
	})
}

// Values without a limit of their own are not limited where the cap has none, and are counted all the same.
func TestOnlyListedValuesAreLimited(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: withCaps(rules.CapSpec{Per: "total", By: "source",
		Values: map[string]lead.Money{"zeta": 1 * dollar}})})
	s.Sources = []*exchange.Source{exchangetest.NewSource("zeta", "solar")}
	exchangetest.Run(t, s, func(x *rig) {
		for range 3 {
			if !soldOf(x, "10001") {
				t.Error("acme has no limit")
			}
		}
		x.Seller = "zeta"
		zeta := func() exchange.Reply {
			persons++
			r, f := x.LeadNow(person(persons), nil)
			if f != nil {
				t.Fatal(f)
			}
			return r
		}
		if r := zeta(); r.Result != lead.ResultSuccess {
			t.Errorf("zeta's first: %+v", r)
		}
		if r := zeta(); r.Result != lead.ResultFailure {
			t.Errorf("zeta's second: %+v", r)
		}
		wantUses(x, 0, map[string]int64{"acme": 3, "zeta": 1})
	})
}

// Money is held at the bid and counted at what is booked; a bid beyond what is left is refused by name.
func TestBudgetsCountWhatIsBooked(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: func(c *buyers.CampaignSpec) {
		withCaps(rules.CapSpec{Per: "day", Spend: amount(25 * dollar)})(c)
		c.Pay = "post_price"
	}, Post: exchangetest.Script(exchangetest.Accept("r1"), exchangetest.Accept("r2", "price", 7*dollar),
		exchangetest.Decline("no"), exchangetest.Accept("r3"))})
	exchangetest.Run(t, s, func(x *rig) {
		first := x.Quote(8*dollar, nil)
		r, f := x.Post(first, nil, nil)
		wantSold(t, r, f, 8*dollar)
		if !soldOf(x, "10001") {
			t.Error("15 of 25 are left")
		}
		wantUses(x, 0, map[string]int64{"": int64(17 * dollar)})
		if no := bidRefusal(x, values{"zip": "10001"}); no != lead.BudgetSpent {
			t.Errorf("a bid of 10 where 8 are left: %s", no)
		}
		// The first sale costs 4 less than was thought: now there are 12.
		cheaper := exchange.Rebooking{Name: first.String(), Price: amount(6 * dollar), Why: "agreed"}
		if _, _, err := x.Exchange.Rebook(cheaper, time.Second); err != nil {
			t.Fatal(err)
		}
		wantUses(x, 0, map[string]int64{"": int64(13 * dollar)})
		if soldOf(x, "10001") { // refused
			t.Error("sold where the buyer has declined")
		}
		wantUses(x, 0, map[string]int64{"": int64(13 * dollar)})
		none := exchange.Correction{Name: first.String(), Why: "never was"}
		if _, _, err := x.Exchange.Correct(none, time.Second); err != nil {
			t.Fatal(err)
		}
		wantUses(x, 0, map[string]int64{"": int64(7 * dollar)})
	})
}

// A post that was refused has been an attempt; one that was never sent has not.
func TestAttemptsStayCounted(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: withCaps(rules.CapSpec{Per: "day", Counts: "attempts",
		Limit: 3}), Post: exchangetest.Script(exchangetest.Decline("no"), exchangetest.Unreachable(),
		exchangetest.Decline("no"), exchangetest.Accept("r"), exchangetest.Accept("r"))})
	exchangetest.Run(t, s, func(x *rig) {
		for i, want := range []bool{false, false, false, true, false} {
			if got := soldOf(x, "10001"); got != want {
				t.Errorf("lead %d: sold %v, want %v", i, got, want)
			}
		}
		wantUses(x, 0, map[string]int64{"": 3})
		if n := len(x.Buyers.Posted()); n != 4 {
			t.Errorf("%d posts, want 4: three that went out, and one that could not", n)
		}
	})
}

// What a refused post has used up is not there for the next buyer.
func TestAttemptsStayCountedForTheNextBuyer(t *testing.T) {
	two := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Post: declines}, campaign{ID: "b", Price: 10 * dollar})
	s := vertical(two, func(v *exchange.Vertical) {
		caps, ds := rules.CompileCaps("vertical:solar", []rules.CapSpec{{Per: "day", Counts: "attempts", Limit: 1}},
			"Etc/UTC")
		if ds != nil {
			t.Fatal(ds)
		}
		v.Plan.SellLimit, v.Caps = 1, caps
	})
	exchangetest.Run(t, s, func(x *rig) {
		x.Buyers.Set("b", exchangetest.Post, declines)
		id := x.Quote(8*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantUnsold(t, r, f, lead.BuyerRejected)
		if n := len(x.Buyers.Posted()); n != 1 {
			t.Errorf("%d posts, where one is allowed", n)
		}
	})
}

// Bid requests count whether the buyer bids or not, and survive a restart.
func TestPingsAreCounted(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Ping: exchangetest.Always(exchangetest.Decline("no")),
		Spec: withCaps(rules.CapSpec{Per: "day", Counts: "pings", Limit: 4})})
	s.Campaigns = append(s.Campaigns, campaign{ID: "b", Buyer: "a-co", Price: 5 * dollar})
	s.Buyer = func(b *buyers.BuyerSpec) {
		b.Caps = []rules.CapSpec{{Per: "day", Counts: "pings", Limit: 7, Zone: "Etc/UTC"}}
	}
	exchangetest.Run(t, s, func(x *rig) {
		for range 3 {
			x.Quote(4*dollar, nil)
		}
		wantUses(x, 0, map[string]int64{"": 3})
		wantUses(x, 1, map[string]int64{"": 6})
		x.Ping(nil, nil) // one more of the buyer's seven is for a, none for b
		asked := func(id string) int { return len(x.Buyers.Calls(id, exchangetest.Ping)) }
		if a, b := asked("a"), asked("b"); a != 4 || b != 3 {
			t.Errorf("a was asked %d times and b %d, want 4 and 3", a, b)
		}
		if no := bidRefusal(x, nil); no != lead.CapReached {
			t.Errorf("the fifth: %s", no)
		}
		wantUses(x, 1, map[string]int64{"": 7})
	})
}

func TestCapsOfSourcesVerticalsAndParents(t *testing.T) {
	caps := func(who string, specs ...rules.CapSpec) []rules.Cap {
		out, ds := rules.CompileCaps(who, specs, "Etc/UTC")
		if ds != nil {
			t.Fatal(ds)
		}
		return out
	}
	full := func(t *testing.T, s setup, n int, why lead.Refusal) {
		t.Helper()
		exchangetest.Run(t, s, func(x *rig) {
			for i := range n {
				if !soldOf(x, "10001") {
					t.Errorf("number %d of %d is not sold", i+1, n)
				}
			}
			x.Restart()
			asked := len(x.Buyers.Calls("a", exchangetest.Ping))
			r, f := x.Ping(nil, nil)
			wantUnsold(t, r, f, why)
			if n := len(x.Buyers.Calls("a", exchangetest.Ping)); n != asked {
				t.Error("a buyer was asked")
			}
		})
	}
	one := func() setup { return sellTo(1, campaign{ID: "a", Price: 10 * dollar}) }
	t.Run("source", func(t *testing.T) {
		s := one()
		s.Source = func(c *exchange.Source) { c.Caps = caps("source:acme", rules.CapSpec{Per: "day", Limit: 2}) }
		full(t, s, 2, lead.SourceFull)
	})
	t.Run("source's pings", func(t *testing.T) {
		s := one()
		s.Source = func(c *exchange.Source) {
			c.Caps = caps("source:acme", rules.CapSpec{Per: "day", Counts: "pings", Limit: 3})
		}
		full(t, s, 3, lead.SourceFull)
	})
	t.Run("source by buyer", func(t *testing.T) {
		s := one()
		s.Source = func(c *exchange.Source) {
			c.Caps = caps("source:acme", rules.CapSpec{Per: "day", By: "buyer", Limit: 2})
		}
		full(t, s, 2, lead.NoBids)
	})
	t.Run("vertical's spend", func(t *testing.T) {
		s := vertical(one(), func(v *exchange.Vertical) {
			v.Plan.SellLimit = 1
			v.Caps = caps("vertical:solar", rules.CapSpec{Per: "day", Spend: amount(20 * dollar)})
		})
		full(t, s, 2, lead.VerticalFull)
	})
	t.Run("parent", func(t *testing.T) {
		s := sellTo(1, campaign{ID: "a", Price: 10 * dollar}, campaign{ID: "b", Price: 8 * dollar,
			Post: exchangetest.Always(exchangetest.Accept("b"))})
		s.Buyer = func(b *buyers.BuyerSpec) { b.Parent = "holding" }
		two := rules.CapSpec{Per: "day", Limit: 2}
		s.Parents = []exchange.Parent{{ID: "holding", Caps: caps("parent:holding", two)}}
		full(t, s, 2, lead.NoBids)
	})
}

// What a configuration changes of caps stands in the ledger: by a reload, and by a start.
func TestChangesOfCapsAreEvents(t *testing.T) {
	with := func(limit int64, more ...rules.CapSpec) setup {
		return sellTo(1, campaign{ID: "a", Price: 10 * dollar,
			Spec: withCaps(append([]rules.CapSpec{{Per: "day", Limit: limit}}, more...)...)})
	}
	exchangetest.Run(t, with(5), func(x *rig) {
		told := func(want ...string) {
			t.Helper()
			var got []string
			if err := x.Ledger.Scan(1, func(r ledger.Record) error {
				ev, err := ledger.Decode(r.Bytes)
				if adj, ok := ev.(*ledger.Adjusted); ok && adj.Adjustment == ledger.AdjustCap {
					got = append(got, adj.Subject+": "+adj.CapWas+" -> "+adj.CapIs)
				}
				return err
			}); err != nil || !slices.Equal(got, want) {
				t.Errorf("%v %q\nwant %q", err, got, want)
			}
		}
		soldOf(x, "10001")
		x.Restart()
		told() // the first is no change
		x.Reload(with(9))
		day := "cap:campaign:a:day: 5 accepted per day in UTC -> 9 accepted per day in UTC"
		told(day)
		x.Reload(with(9))
		x.Reload(with(9, rules.CapSpec{Per: "hour", Spend: amount(50 * dollar)}))
		added := "cap:campaign:a:spend:hour:  -> 50.00 spend per hour in UTC"
		told(day, added)
		x.Restart()
		x.Crash()
		told(day, added)
		x.Reload(with(9))
		told(day, added, "cap:campaign:a:spend:hour: 50.00 spend per hour in UTC -> ")
		wantUses(x, 0, map[string]int64{"": 1}) // another limit keeps the count
	})
}

// Of 24 leads over 12 hours two an hour are sold, the first at once.
func TestEvenPace(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: withCaps(rules.CapSpec{Per: "day", Limit: 24,
		Pace: "even"})})
	exchangetest.Run(t, s, func(x *rig) { // a day begins at midnight of UTC
		sold := 0
		for hour := range 24 {
			for range 5 {
				if soldOf(x, "10001") {
					sold++
				}
			}
			if want := hour + 1; sold != want {
				t.Fatalf("after %d hours %d are sold, want %d", hour, sold, want)
			}
			if no := bidRefusal(x, values{"zip": "10001"}); hour < 23 && no != lead.Paced {
				t.Errorf("beyond the pace: %s", no)
			}
			x.Sleep(time.Hour)
		}
	})
}
