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

// A campaign that is paused, throttled or out of money gets its leads when that is over, each once and within its
// limits, and the ledger says why they waited.
func TestLeadsWaitOutWhatHoldsACampaignBack(t *testing.T) {
	pause := func(x *rig, on bool) {
		x.T.Helper()
		if _, _, err := x.Exchange.Pause("campaign:a", on, "late", "op"); err != nil {
			x.T.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		spec  func(*buyers.CampaignSpec)
		buyer func(*buyers.BuyerSpec)
		when  string
		first int // leads that are taken at once
		begin func(*rig)
		end   func(*rig)
		why   lead.Refusal
	}{
		"paused": {when: "paused", begin: func(x *rig) { pause(x, true) }, end: func(x *rig) { pause(x, false) },
			why: lead.Paused},
		"throttled": {when: "throttled", first: 1, why: lead.Throttled, spec: func(c *buyers.CampaignSpec) {
			slow, one := lead.Unit/60, 1
			c.Post.Rate = &rules.RateSpec{PerSecond: &slow, Burst: &one}
		}},
		"budget_empty": {when: "budget_empty", first: 1, why: lead.BudgetSpent, buyer: account(25 * dollar),
			end: func(x *rig) { deposit(x, 100*dollar, "w1") }},
	} {
		t.Run(name, func(t *testing.T) {
			specs := []func(*buyers.CampaignSpec){defers(when(c.when), forS(86400)), capped(9)}
			if c.spec != nil {
				specs = append(specs, c.spec)
			}
			s := sellTo(1, lists("a", 25*dollar, both(specs...), nil))
			s.Source, s.Buyer = tells, c.buyer
			exchangetest.Run(t, s, func(x *rig) {
				x.Exchange.Warm()
				if c.begin != nil {
					c.begin(x)
				}
				var ids []lead.ID
				for i := range 3 {
					r, f := x.LeadNow(phoneN(i), nil)
					if i < c.first {
						wantSold(t, r, f, 20*dollar)
					} else {
						wantQueued(t, r, f)
						w := exchangetest.Last[*ledger.Deferred](x, r.LeadID).Waits[0]
						if w.Refusal != c.why {
							t.Errorf("it waits for %s, want %s", w.Refusal, c.why)
						}
					}
					ids = append(ids, r.LeadID)
				}
				wantDepth(x, int64(3-c.first))
				if c.end != nil {
					x.Sleep(2 * time.Hour)
					wantCalls(x, "a", c.first)
					x.Crash()
					x.Exchange.Warm()
					wantDepth(x, int64(3-c.first))
					c.end(x)
				}
				x.Sleep(6 * time.Hour)
				for _, id := range ids {
					wantSold(t, x.Status(id), nil, 20*dollar)
				}
				wantCalls(x, "a", 3)
				wantUsed(x, "a", 3)
				wantDepth(x, 0)
			})
		})
	}
}

// A vertical or a source that is taken off the configuration while leads wait: they end unsold, once, with the reason,
// and nobody gets them; they are still found.
func TestWhatLeadsWaitWithIsTakenOff(t *testing.T) {
	shut := keeps("mon 09:00-10:00")
	other := exchangetest.NewSource("other", "aged")
	market := func(with string) setup {
		s := sellTo(1, lists("a", 25*dollar, both(shut, defers(when("closed"), forS(7*86400)), capped(9)), nil),
			agedBuyer(nil))
		s.Source = tells
		s.Verticals, s.Sources = []*exchange.Vertical{agedVertical()}, []*exchange.Source{other}
		switch with {
		case "vertical":
			s.Campaigns = s.Campaigns[1:]
			s.Compiled = func(c *exchange.Config) {
				c.Verticals = c.Verticals[1:]
				c.Sources = c.Sources[1:]
			}
		case "source":
			s.Compiled = func(c *exchange.Config) { c.Sources = c.Sources[1:] }
		}
		return s
	}
	for _, gone := range []string{"vertical", "source"} {
		t.Run(gone, func(t *testing.T) {
			exchangetest.Run(t, market(""), func(x *rig) {
				x.Exchange.Warm()
				r, f := x.LeadNow(nil, nil)
				wantQueued(t, r, f)
				x.Reload(market(gone))
				x.Sleep(4 * 24 * time.Hour)
				x.Restart()
				x.Sleep(time.Minute)
				wantPosted(x)
				wantDepth(x, 0)
				all := exchangetest.All[*ledger.Settled](x, r.LeadID)
				if len(all) != 1 || all[0].Result != lead.ResultFailure || all[0].By != "clearpost" ||
					!strings.Contains(all[0].Why, "its "+gone) || all[0].Left == nil {
					t.Errorf("settled: %+v", all)
				}
				if h, ok, err := x.Exchange.Explain(r.LeadID); err != nil || !ok || h.Answer == nil {
					t.Errorf("explained: %+v, %v", h, err)
				}
			})
		})
	}
}

// A source that wants to hear so is told once that a lead waits, and then its end.
func TestWebhookTellsOfLeadsThatWait(t *testing.T) {
	for name, source := range map[string]func(*exchange.Source){"queued": tells, "pending": nil} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(1, campaign{ID: "a", Price: 25 * dollar, Spec: defers(),
				Post: down(3, exchangetest.Accept("R"))})
			s.Source = source
			s = hooked(t, s, "queued", "sold")
			exchangetest.Run(t, s, func(x *rig) {
				x.Exchange.Warm()
				x.Buyers.Set("hook", "told", exchangetest.Always(exchangetest.Answer{Status: 204}))
				id := x.Quote(20*dollar, nil)
				if _, f := x.Post(id, nil, nil); f != nil {
					t.Fatal(f)
				}
				x.Sleep(2 * time.Minute) // it is put off once more
				x.Restart()
				x.Exchange.Warm()
				x.Sleep(time.Hour)
				all := endsOf(x)
				if len(all) != 2 || all[0].Type != "lead.queued" || all[0].Data.Result != name ||
					all[0].Data.LeadID != id || all[0].Data.StatusURL != "/v1/leads/"+id.String() ||
					all[1].Type != "lead.sold" || all[1].Data.Was != nil {
					t.Errorf("told %+v", all)
				}
			})
		})
	}
}
