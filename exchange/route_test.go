// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"slices"
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

// paperOf puts the configuration of a running exchange on paper.
func paperOf(x *rig) *exchange.Paper {
	x.T.Helper()
	p, err := exchange.NewPaper(*x.Exchange.Snapshot().Config())
	if err != nil {
		x.T.Fatal(err)
	}
	return p
}

func try(x *rig, p *exchange.Paper, v values, bids map[string]lead.Money) *exchange.Routed {
	x.T.Helper()
	all := values{"zip": "10001"}
	for k, s := range v {
		all[k] = s
	}
	got, err := p.Route(&exchange.Trial{Source: "acme", Vertical: "solar", Lead: x.LeadOf(x.Vertical("solar"), all),
		At: x.Exchange.Now(), Bids: bids}, exchange.Want{Story: true})
	if err != nil {
		x.T.Fatal(err)
	}
	return got
}

// What is tried on paper with the bids that buyers make is what comes of the ping.
func TestARouteOnPaperIsTheRouteOfThePing(t *testing.T) {
	for _, bids := range []map[string]lead.Money{{"beacon": 55, "harbor": 50, "meadow": 40},
		{"beacon": 49, "harbor": 25},
		{"beacon": 40, "harbor": 35, "meadow": 30, "summit": 26},
		{"beacon": 20, "harbor": 15, "valley": 10},
		{"beacon": 9}, {}} {
		runExample(t, "plans/waterfall", bids, nil, func(x *rig) {
			assumed := map[string]lead.Money{}
			for _, c := range x.Exchange.Snapshot().Config().Book.Campaigns {
				assumed[c.ID] = bids[c.ID] * dollar
			}
			r, f := x.Ping(nil, nil)
			if f != nil {
				t.Fatal(f)
			}
			got := try(x, paperOf(x), nil, assumed)
			p := exchangetest.Last[*ledger.Pinged](x, r.LeadID)
			var winners []string
			verdict := map[string]string{}
			for i := range p.Bids {
				if b := &p.Bids[i]; b.Winner {
					winners = append(winners, b.Campaign)
				}
			}
			for _, s := range explain(x, r.LeadID).Campaigns {
				verdict[s.Campaign] = s.Verdict + s.Tier + s.Lost
			}
			slices.Sort(winners)
			slices.Sort(got.Winners)
			if got.Result != r.Result || got.Payout != r.Price || !slices.Equal(got.Winners, winners) {
				t.Errorf("%v: on paper %+v, the ping %+v won by %v", bids, got, r, winners)
			}
			for _, s := range got.Story {
				if text := s.Verdict + s.Tier + s.Lost; text != verdict[s.Campaign] {
					t.Errorf("%v: %s is %q on paper, %q in the ping", bids, s.Campaign, text, verdict[s.Campaign])
				}
			}
		})
	}
}

func TestARouteOnPaperTellsOfThoseWhoWouldBeAsked(t *testing.T) {
	s := sellTo(1, campaign{ID: "list", Price: 5 * dollar, Fixed: true}, campaign{ID: "quotes", Price: 9 * dollar},
		campaign{ID: "night", Price: 9 * dollar, Spec: func(c *buyers.CampaignSpec) {
			c.Schedule = &rules.ScheduleSpec{Zone: "UTC", Open: []string{"mon-sun 08:00-20:00"}}
		}}, campaign{ID: "far", Price: 9 * dollar, Spec: func(c *buyers.CampaignSpec) {
			c.Criteria = []rules.CriterionSpec{{Field: "zip", In: []string{"99999"}}}
		}})
	exchangetest.Run(t, s, func(x *rig) {
		p := paperOf(x)
		totals := p.NewRouteTotals()
		for n, c := range []struct {
			bids map[string]lead.Money
			v    values
			at   time.Duration
			want string
		}{
			{nil, nil, 0, "list winner, quotes would_be_asked, night closed, far criteria"},
			{map[string]lead.Money{"quotes": 7 * dollar}, nil, 0,
				"quotes winner, list backup, night closed, far criteria"},
			{map[string]lead.Money{"quotes": 0}, nil, 0, "list winner, quotes no_bid, night closed, far criteria"},
			{map[string]lead.Money{"night": 6 * dollar}, nil, 12 * time.Hour,
				"night winner, list backup, quotes would_be_asked, far criteria"},
			{nil, values{"zip": "none of these"}, 0, ""},
		} {
			all := values{"zip": "10001"}
			for k, s := range c.v {
				all[k] = s
			}
			l := x.LeadOf(x.Vertical("solar"), all)
			before := string(l.Value(1))
			got, err := p.Route(&exchange.Trial{Source: "acme", Vertical: "solar", Lead: l,
				At: x.Exchange.Now().Add(c.at), Bids: c.bids, N: uint64(n)}, exchange.Want{Story: true, Totals: totals})
			if err != nil {
				t.Fatal(err)
			}
			var list []string
			for _, s := range got.Story {
				list = append(list, s.Campaign+" "+s.Verdict)
			}
			if text := strings.Join(list, ", "); text != c.want {
				t.Errorf("trial %d: %s, want %s", n, text, c.want)
			}
			if invalid := c.want == ""; invalid != (got.Result == exchange.ResultInvalid) {
				t.Errorf("trial %d: %+v", n, got)
			}
			if string(l.Value(1)) != before {
				t.Errorf("trial %d has changed the caller's lead", n)
			}
		}
		if totals.Leads != 5 || totals.Quoted != 4 || totals.NoQuote["invalid_lead"] != 1 ||
			totals.Revenue != 23*dollar {
			t.Errorf("totals: %+v", totals)
		}
		for _, want := range []exchange.CampaignTotals{{Campaign: "list", Wins: 2, Revenue: 10 * dollar, Backup: 2},
			{Campaign: "quotes", Wins: 1, Revenue: 7 * dollar, WouldBeAsked: 2, Refused: map[string]int64{"no_bid": 1}},
			{Campaign: "night", Wins: 1, Revenue: 6 * dollar, Refused: map[string]int64{"closed": 3}},
			{Campaign: "far", Refused: map[string]int64{"criteria": 4}}} {
			for _, c := range totals.Campaigns() {
				if c.Campaign != want.Campaign {
					continue
				}
				if c.Wins != want.Wins || c.Revenue != want.Revenue || c.Backup != want.Backup ||
					c.WouldBeAsked != want.WouldBeAsked || len(c.Refused) != len(want.Refused) {
					t.Errorf("%+v, want %+v", c, want)
				}
				for no, n := range want.Refused {
					if c.Refused[no] != n {
						t.Errorf("%s: %s %d times, want %d", c.Campaign, no, c.Refused[no], n)
					}
				}
			}
		}
		if _, err := p.Route(&exchange.Trial{Source: "nobody", Vertical: "solar"}, exchange.Want{}); err == nil {
			t.Error("a source that there is not")
		}
	})
}
