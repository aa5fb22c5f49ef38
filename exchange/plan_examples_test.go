// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"testing"

	"clearpost/config"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
)

// runExample starts the exchange of an example, whose buyers bid these prices; one who has none does not bid.
func runExample(t *testing.T, name string, bids map[string]lead.Money, refuse []string, f func(x *rig)) {
	t.Helper()
	cfg, err := config.Load("../examples/"+name, nil)
	if err != nil {
		t.Fatal(err)
	}
	if w := cfg.Warnings(); len(w) != 0 {
		t.Errorf("warnings: %v", w)
	}
	exchangetest.Run(t, setup{Config: &cfg.Exchange}, func(x *rig) {
		for _, c := range cfg.Exchange.Book.Campaigns {
			x.Buyers.Set(c.ID, exchangetest.Ping, declines)
			x.Buyers.Set(c.ID, exchangetest.Post, exchangetest.Always(exchangetest.Accept("ref-"+c.ID)))
			if price := bids[c.ID]; price > 0 {
				x.Buyers.Set(c.ID, exchangetest.Ping, exchangetest.Always(exchangetest.Bid(price*dollar)))
			}
		}
		for _, id := range refuse {
			x.Buyers.Set(id, exchangetest.Post, declines)
		}
		f(x)
	})
}

// $50 alone, $25 for two or three, $10 shared, then unsold.
func TestExampleOfAWaterfall(t *testing.T) {
	for name, c := range map[string]struct {
		bids   map[string]lead.Money
		refuse []string
		posted []string
		payout lead.Money // at 80 percent; 0: unsold
	}{
		"50 alone": {map[string]lead.Money{"beacon": 55, "harbor": 50, "meadow": 40}, nil, []string{"beacon"}, 44},
		"25 for two": {map[string]lead.Money{"beacon": 49, "harbor": 25, "meadow": 20}, nil,
			[]string{"beacon", "harbor"}, 59_200_000},
		"25 for three": {map[string]lead.Money{"beacon": 40, "harbor": 35, "meadow": 30, "summit": 26}, nil,
			[]string{"beacon", "harbor", "meadow"}, 84},
		"10 shared": {map[string]lead.Money{"beacon": 20, "harbor": 15, "meadow": 12, "summit": 11, "valley": 10}, nil,
			[]string{"beacon", "harbor", "meadow", "summit", "valley"}, 54_400_000},
		"unsold": {map[string]lead.Money{"beacon": 9}, nil, nil, 0},
		"nobody takes it alone": {map[string]lead.Money{"beacon": 55, "harbor": 50, "meadow": 40},
			[]string{"beacon", "harbor"}, []string{"beacon", "harbor", "meadow"}, 32},
	} {
		t.Run(name, func(t *testing.T) {
			runExample(t, "plans/waterfall", c.bids, c.refuse, func(x *rig) {
				r, f := x.LeadNow(nil, nil)
				if c.payout < 1000 {
					c.payout *= dollar
				}
				if c.payout == 0 {
					wantUnsold(t, r, f, lead.NoBids)
				} else {
					wantSold(t, r, f, c.payout)
				}
				wantPosted(x, c.posted...)
			})
		})
	}
}

// California under 35 goes to A.
func TestExampleOfPriorityRouting(t *testing.T) {
	bids := map[string]lead.Money{"agency-a": 10, "agency-b": 30, "agency-c": 20}
	young := values{"zip": "90210", "age": "34"}
	for name, c := range map[string]struct {
		lead   values
		bids   map[string]lead.Money
		refuse []string
		posted []string
		quote  lead.Money
	}{
		"to A":                   {young, bids, nil, []string{"agency-a"}, 8},
		"A does not want it":     {young, map[string]lead.Money{"agency-b": 30}, nil, []string{"agency-b"}, 24},
		"A refuses it":           {young, bids, []string{"agency-a"}, []string{"agency-a", "agency-b"}, 8},
		"35":                     {values{"zip": "90210", "age": "35"}, bids, nil, []string{"agency-b"}, 24},
		"another state":          {values{"zip": "10001", "age": "34"}, bids, nil, []string{"agency-b"}, 24},
		"nobody knows how young": {values{"zip": "90210"}, bids, nil, []string{"agency-b"}, 24},
	} {
		t.Run(name, func(t *testing.T) {
			runExample(t, "plans/priority", c.bids, c.refuse, func(x *rig) {
				id := x.Quote(c.quote*dollar, c.lead)
				r, f := x.Post(id, nil, nil)
				wantSold(t, r, f, c.quote*dollar)
				wantPosted(x, c.posted...)
			})
		})
	}
	runExample(t, "plans/priority", bids, nil, func(x *rig) {
		id := x.Quote(8*dollar, young)
		r, f := x.Post(id, values{"age": "36"}, nil) // it was A's for its age
		wantFault(t, r, f, "changed_since_ping")
	})
}

// Prices by rule, margins by band, a slow payer whose bids count less, and a quote that nobody left covers.
func TestExampleOfPrices(t *testing.T) {
	for name, c := range map[string]struct {
		lead          values
		bid           lead.Money // of quick
		refuse        []string
		quote, payout lead.Money
		posted        []string
	}{
		"young and from California": {values{"zip": "90210", "age": "34"}, 60, nil, 48_120_000, 48_120_000,
			[]string{"northwind-list"}},
		"from California on a Friday": {values{"zip": "90210", "age": "35"}, 20, nil, 20_800_000, 20_800_000,
			[]string{"northwind-list"}},
		"from elsewhere": {values{"zip": "10001"}, 20, nil, 12_600_000, 12_600_000, []string{"northwind-list"}},
		"the slow payer stands by, at what was quoted": {values{"zip": "10001"}, 20, []string{"northwind-list"},
			12_600_000, 12_600_000, []string{"northwind-list", "quick-bids"}},
		"or at what it pays": {values{"zip": "90210"}, 20, []string{"northwind-list"}, 20_800_000, 16_000_000,
			[]string{"northwind-list", "quick-bids"}},
		"but not for cents": {values{"zip": "90210"}, 10, []string{"northwind-list"}, 20_800_000, 0,
			[]string{"northwind-list"}},
	} {
		t.Run(name, func(t *testing.T) {
			runExample(t, "prices", map[string]lead.Money{"quick-bids": c.bid}, c.refuse, func(x *rig) {
				id := x.Quote(c.quote, c.lead)
				r, f := x.Post(id, nil, nil)
				if c.payout == 0 {
					wantUnsold(t, r, f, lead.BuyerRejected)
				} else {
					wantSold(t, r, f, c.payout)
				}
				wantPosted(x, c.posted...)
			})
		})
	}
}
