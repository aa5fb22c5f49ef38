// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"strings"
	"testing"
	"time"

	"clearpost/auction"
	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// sold makes a lead under a setup that is posted down its order, and has it computed again under another one that is
// said to have been kept.
func computedUnder(t *testing.T, was, kept setup, f func(x *rig, c exchange.Check)) {
	t.Helper()
	var cfg exchange.Config
	exchangetest.Run(t, kept, func(x *rig) { cfg = *x.Exchange.Snapshot().Config() })
	was.Differs = true
	was.Deps = func(d *exchange.Deps) { d.Kept = func(string) (exchange.Config, error) { return cfg, nil } }
	exchangetest.Run(t, was, func(x *rig) {
		r := pinged(t, x, nil, nil)
		if _, f := x.Post(r.LeadID, nil, nil); f != nil {
			t.Fatal(f)
		}
		next := was
		next.Campaigns = append(next.Campaigns, campaign{ID: "next", Price: dollar})
		x.Reload(next)
		c, ok, err := x.Exchange.CheckLead(r.LeadID)
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		f(x, c)
	})
}

// Whatever of the record is not what its inputs come to is told, with both.
func TestADifferenceBetweenRecordAndRecomputationIsTold(t *testing.T) {
	three := func() setup {
		s := sellTo(1, campaign{ID: "a", Price: 12 * dollar, Post: declines}, campaign{ID: "b", Price: 11 * dollar},
			campaign{ID: "list", Price: 5 * dollar, Fixed: true})
		s.Source = margin(20)
		return s
	}
	spec := func(s setup, i int, change func(*buyers.CampaignSpec)) setup {
		s.Campaigns[i].Spec = change
		return s
	}
	for name, c := range map[string]struct {
		kept setup
		want []string
	}{
		"none": {three(), nil},
		"criteria": {spec(three(), 0, func(c *buyers.CampaignSpec) {
			c.Criteria = []rules.CriterionSpec{{Field: "zip", In: []string{"99999"}}}
		}), []string{"a: eligible: recorded yes, computed no: zip is 10001, expected one of 99999"}},
		"schedule": {spec(three(), 1, func(c *buyers.CampaignSpec) {
			c.Schedule = &rules.ScheduleSpec{Zone: "UTC", Open: []string{"mon-fri 08:00-20:00"}}
		}), []string{"b: eligible: recorded yes, computed no: closed"}},
		"another campaign": {func() setup {
			s := three()
			s.Campaigns = append(s.Campaigns, campaign{ID: "more", Price: dollar})
			return s
		}(), []string{"more: eligible: recorded no, computed yes"}},
		"no campaign": {func() setup {
			s := three()
			s.Campaigns = s.Campaigns[1:]
			return s
		}(), []string{"a: eligible: recorded yes, computed no such campaign", "campaign: recorded posted to"}},
		"list price": {func() setup {
			s := three()
			s.Campaigns[2].Price = 6 * dollar
			return s
		}(), []string{"list: list price: recorded 5.00, computed 6.00"}},
		"max_sold": {func() setup {
			s := three()
			s.Campaigns[1].MaxSold = 3
			return s
		}(), []string{"b: max_sold: recorded 1, computed 3"}},
		"margin": {func() setup {
			s := three()
			s.Source = margin(10)
			return s
		}(), []string{"quote: recorded 9.60, computed 10.80", "a: payout: recorded 9.60, computed 10.80",
			"terms: recorded {200000"}},
		"floor": {func() setup {
			s := three()
			s.Vertical = func(v *exchange.Vertical) { v.Plan.Floor = 11_500_000 }
			return s
		}(), []string{"b: refusal: recorded none, computed below_floor", "b: rank: recorded 2, computed 0"}},
		"sell limit": {func() setup {
			s := three()
			s.Vertical = func(v *exchange.Vertical) { v.Plan.SellLimit = 0 }
			return s
		}(), []string{"a: refusal: recorded none, computed no_slot", "result: recorded success, computed failure"}},
		"tiers": {planned(t, three().Campaigns, auction.InOrder, tier{campaigns: "b list"}), []string{
			"a: place in the plan: recorded yes, computed no", "a: refusal: recorded none, computed no_tier",
			"b: tier: recorded none, computed tier1"}},
		"quote's time": {func() setup {
			s := three()
			s.Vertical = func(v *exchange.Vertical) { v.PingTTL = time.Minute }
			return s
		}(), []string{"quote until: recorded 2000-01-01T00:05:00Z, computed 2000-01-01T00:01:00Z"}},
		"another vertical": {setup{Vertical: func(v *exchange.Vertical) { v.ID = "roof" }, Source: func(
			s *exchange.Source) {
			s.Verticals = []string{"roof"}
		}}, []string{`who and what: recorded acme, solar, computed no vertical "solar"`}},
	} {
		t.Run(name, func(t *testing.T) {
			computedUnder(t, three(), c.kept, func(_ *rig, got exchange.Check) {
				var all []string
				for i := range got.Defects {
					all = append(all, got.Defects[i].String())
				}
				text := strings.Join(all, "\n")
				for _, want := range c.want {
					if !strings.Contains(text, want) {
						t.Errorf("no %q in\n%s", want, text)
					}
				}
				if len(c.want) == 0 && text != "" || len(got.Unchecked) > 0 {
					t.Errorf("defects:\n%s\nunchecked: %v", text, got.Unchecked)
				}
			})
		})
	}
}

// What cannot be computed again is said, and is no defect.
func TestWhatCannotBeComputedAgainIsSaid(t *testing.T) {
	s := one()
	s.Deps = func(d *exchange.Deps) { d.Kept = nil }
	exchangetest.Run(t, s, func(x *rig) {
		r := pinged(t, x, nil, nil)
		x.Reload(sellTo(1, campaign{ID: "b", Price: dollar}))
		c, _, err := x.Exchange.CheckLead(r.LeadID)
		if err != nil || len(c.Defects) > 0 || len(c.Unchecked) != 1 ||
			!strings.Contains(c.Unchecked[0], "it was not kept") {
			t.Errorf("%+v, %v", c, err)
		}
		if _, ok, err := x.Exchange.CheckLead(lead.ID{1}); ok || err != nil {
			t.Errorf("of no lead: %v, %v", ok, err)
		}
	})
}

// A social security number is kept masked: whether a campaign that looks at it wants the lead nobody can tell again.
func TestNoDefectWhereAValueIsKeptMasked(t *testing.T) {
	s := one()
	s.Campaigns[0].Spec = func(c *buyers.CampaignSpec) {
		c.Criteria = []rules.CriterionSpec{{Field: "ssn", Present: ptr(true)}}
	}
	exchangetest.Run(t, s, func(x *rig) {
		r := pinged(t, x, values{"ssn": "536-22-8726"}, nil)
		if p := exchangetest.Last[*ledger.Pinged](x, r.LeadID); len(p.Bids) != 1 {
			t.Fatalf("bids: %+v", p.Bids)
		}
		c, _, err := x.Exchange.CheckLead(r.LeadID)
		if err != nil || len(c.Defects) > 0 {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

func ptr[T any](v T) *T { return &v }

// An error of ours while a lead is computed again is told with the lead, and costs nothing else.
func TestAPanicWhileALeadIsComputedAgainIsADefect(t *testing.T) {
	s := one()
	broken := false
	s.Deps = func(d *exchange.Deps) {
		kept := d.Kept
		d.Kept = func(hash string) (exchange.Config, error) {
			cfg, err := kept(hash)
			if broken {
				v := *cfg.Verticals[0]
				v.Schema = nil
				cfg.Verticals = []*exchange.Vertical{&v}
			}
			return cfg, err
		}
	}
	s.Differs = true
	exchangetest.Run(t, s, func(x *rig) {
		r := pinged(t, x, nil, nil)
		broken = true
		x.Reload(s)
		for range 2 { // nothing stays locked
			c, ok, err := x.Exchange.CheckLead(r.LeadID)
			if err != nil || !ok || len(c.Defects) != 1 || !strings.Contains(c.Defects[0].String(), "a panic") {
				t.Fatalf("%+v, %v, %v", c, ok, err)
			}
		}
	})
}
