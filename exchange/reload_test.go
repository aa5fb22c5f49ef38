// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// A trip ends on the configuration on which it began, whatever is configured meanwhile.
func TestTripEndsOnTheConfigurationThatItBeganOn(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Post: exchangetest.Always(exchangetest.Decline("no").In(
		time.Second))}, campaign{ID: "b", Price: 9 * dollar})
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, nil)
		first := exchangetest.Last[*ledger.Pinged](x, id).Config
		heard := post(x, id)
		x.Sleep(500 * time.Millisecond)
		x.Reload(sellTo(1, campaign{ID: "c", Price: 20 * dollar}))
		a := <-heard
		wantSold(t, a.reply, a.fault, 8*dollar)
		wantPosted(x, "a", "b")
		for _, ev := range x.Events(id) {
			if ev.Header().Config != first {
				t.Errorf("%s is decided by another configuration", ev.Header().Kind)
			}
		}
		next := x.Quote(16*dollar, nil)
		if ev := exchangetest.Last[*ledger.Pinged](x, next); ev.Config == first {
			t.Error("the next ping is decided by the first configuration still")
		}
	})
}

// Counts and states go on by the campaigns' ids; a change of the rate is no further burst.
func TestCountsAndLimitsGoOnOverAReload(t *testing.T) {
	limited := func(rate lead.Money, burst int, inFlight int) setup {
		return sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: func(c *buyers.CampaignSpec) {
			c.Ping.Rate = &rules.RateSpec{PerSecond: &rate, Burst: &burst}
			c.InFlight = inFlight
			c.Breaker = &buyers.BreakerSpec{}
		}})
	}
	exchangetest.Run(t, limited(dollar, 3, 5), func(x *rig) {
		for range 3 {
			x.Quote(8*dollar, nil)
		}
		for _, next := range []setup{limited(dollar, 3, 5), limited(2*dollar, 3, 6), limited(2*dollar, 3, 0)} {
			x.Reload(next)
			if l := x.Exchange.Campaigns()[0]; l.Asked.Load() != 3 || l.Won.Load() != 3 {
				t.Errorf("after a reload it was asked %d times", l.Asked.Load())
			}
			r, f := x.Ping(nil, nil)
			wantUnsold(t, r, f, lead.NoBids)
		}
		x.Reload(one()) // without a rate
		x.Quote(8*dollar, nil)
	})
}

func TestReloadThatCannotBeIsRefusedAndChangesNothing(t *testing.T) {
	exchangetest.Run(t, one(), func(x *rig) {
		before := x.Exchange.Snapshot()
		bad := *before.Config()
		book := *bad.Book
		broken := *book.Campaigns[0]
		end := *broken.Post
		end.Request = nil
		broken.Post = &end
		book.Campaigns = []*buyers.Campaign{&broken}
		bad.Book = &book
		panics(t, func() { _, _ = x.Exchange.Reload(bad) }) // no loader makes such a campaign
		if x.Exchange.Snapshot() != before {
			t.Error("another configuration is in force")
		}
		x.Quote(8*dollar, nil)
		x.Stop()
		if _, err := x.Exchange.Reload(*before.Config()); err == nil {
			t.Error("an exchange that has stopped takes a configuration")
		}
	})
}

func TestConnectionsAreToldByBuyer(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Fixed: true}, campaign{ID: "b", Buyer: "a-co",
		Price: 9 * dollar, Backup: declines}, campaign{ID: "c", Price: 8 * dollar, Status: silent})
	exchangetest.Run(t, s, func(x *rig) {
		var of []string
		x.Exchange.Connections(func(buyer string, s exchange.Network) {
			of = append(of, buyer)
			if s.Calls != 0 || s.Conns != 0 {
				t.Errorf("%s: %+v", buyer, s)
			}
		})
		if len(of) != 2 || of[0] != "a-co" || of[1] != "c-co" {
			t.Errorf("told of %v", of)
		}
	})
}

func TestConfigurationTellsWhichLeadIsWanted(t *testing.T) {
	s := one()
	s.Campaigns[0].Spec = func(c *buyers.CampaignSpec) {
		c.Criteria = []rules.CriterionSpec{{Field: "zip", In: []string{"86001"}}}
	}
	exchangetest.Run(t, s, func(x *rig) {
		v := x.Vertical("solar")
		zip, _ := v.Schema.Position("zip")
		texts := v.Schema.Example(lead.AtPing|lead.AtPost, 0, x.Exchange.Now())
		changed, ok := x.Exchange.Snapshot().Config().Wanted(v, x.Source("acme"), texts, x.Exchange.Now())
		if !ok || changed[zip] != "86001" {
			t.Errorf("changed %v, %v", changed, ok)
		}
		if _, ok = (*exchange.Config)(nil).Wanted(v, x.Source("acme"), texts, x.Exchange.Now()); ok {
			t.Error("no configuration wants a lead")
		}
		if x.Vertical("roof") != nil {
			t.Error("there is a vertical that nobody has configured")
		}
	})
}

// aged is a setup whose vertical has an age of these bounds, and whose buyer is told nothing of it.
func aged(age lead.Field, more ...lead.Field) setup {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: sends})
	age.Name = "age"
	return fields(s, append([]lead.Field{{Name: "phone", Required: lead.AtPost}, {Name: "zip", Required: lead.AtPing},
		age}, more...)...)
}

func within(lo, hi int64) lead.Field { return lead.Field{Type: lead.TypeInteger, Min: &lo, Max: &hi} }

// A post of a quote that was given before a change is handled by what holds then, and pays what was quoted.
func TestPostsOfQuotesGivenBeforeAChange(t *testing.T) {
	adult := within(18, 120)
	list := func(price lead.Money) setup {
		s := aged(adult)
		s.Campaigns[0].Price, s.Campaigns[0].Fixed = price, true
		s.Campaigns[0].Spec = func(c *buyers.CampaignSpec) { c.Post.Request.Fields = c.Post.Request.Fields[:3] }
		return s
	}
	elsewhere := aged(adult)
	elsewhere.Campaigns[0].Spec = func(c *buyers.CampaignSpec) {
		c.Criteria = []rules.CriterionSpec{{Field: "zip", In: []string{"94110"}}}
		sends(c)
	}
	changed := func(f func(*exchange.Vertical)) setup { return vertical(aged(adult), f) }
	dearer := aged(adult)
	dearer.Source = margin(50)
	key := func(s setup, names ...string) setup {
		return vertical(s, func(v *exchange.Vertical) {
			v.Dedupe.Key = nil
			for _, name := range names {
				pos, _ := v.Schema.Position(name)
				v.Dedupe.Key = append(v.Dedupe.Key, rules.KeyField{Pos: pos, Hash: -1})
			}
		})
	}
	for name, c := range map[string]struct {
		before, after setup
		fault         string       // the field that the seller hears of; "": it hears of none
		no            lead.Refusal // why a is not asked; 0: it buys
	}{
		"the list price":                       {before: list(10 * dollar), after: list(99 * dollar)},
		"criteria that the lead does not meet": {after: elsewhere, no: lead.CriteriaMismatch},
		"a field is gone": {after: fields(aged(adult), lead.Field{Name: "phone", Required: lead.AtPost},
			lead.Field{Name: "zip", Required: lead.AtPing})},
		"fields in another order": {after: fields(aged(adult), lead.Field{Name: "age", Type: lead.TypeInteger},
			lead.Field{Name: "zip", Required: lead.AtPing}, lead.Field{Name: "more", Type: lead.TypeText},
			lead.Field{Name: "phone", Required: lead.AtPost})},
		"a field takes less":       {after: aged(within(18, 30)), fault: "age"},
		"a field has another type": {after: aged(lead.Field{Type: lead.TypeBoolean}), fault: "age"},
		"a field is required now": {after: aged(adult, lead.Field{Name: "city", Required: lead.AtPost}),
			fault: "city"},
		"a person key of another":  {after: key(aged(adult), "zip")},
		"a person key of one more": {after: key(aged(adult), "phone", "email")},
		"a person key of one less": {before: key(aged(adult), "phone", "email"), after: aged(adult)},
		"the sell limit":           {after: changed(func(v *exchange.Vertical) { v.Plan.SellLimit = 3 })},
		"a floor above the bid":    {after: changed(func(v *exchange.Vertical) { v.Plan.Floor = 50 * dollar })},
		"a shorter life of quotes": {after: changed(func(v *exchange.Vertical) { v.PingTTL = time.Second })},
		"the margin":               {after: dearer},
	} {
		t.Run(name, func(t *testing.T) {
			if c.before.Campaigns == nil {
				c.before = aged(adult)
			}
			exchangetest.Run(t, c.before, func(x *rig) {
				id := x.Quote(8*dollar, values{"age": "40", "phone": "2127365000", "email": "jane@example.com"})
				x.Reload(c.after)
				x.Sleep(2 * time.Second)
				r, f := x.Post(id, nil, nil)
				if c.fault != "" {
					wantFault(t, r, f, "invalid_lead")
					if f != nil && (len(f.Errors) != 1 || f.Errors[0].Field != c.fault) || len(x.Events(id)) != 1 {
						t.Errorf("got %+v after %d events, want an error of %s and nothing consumed", f,
							len(x.Events(id)), c.fault)
					}
					return
				}
				ev := exchangetest.Last[*ledger.Settled](x, id)
				if hash := x.Exchange.Snapshot().Config().Hash; ev.Config != hash {
					t.Errorf("decided by %s, want %s", ev.Config, hash)
				}
				if c.no != lead.NoRefusal {
					wantUnsold(t, r, f, lead.QuoteLost)
					wantTried(x, id, map[string]lead.Refusal{"a": c.no})
					return
				}
				wantSold(t, r, f, 8*dollar)
				if r.Currency != "USD" || ev.Revenue != 10*dollar {
					t.Errorf("reply %+v, settled %+v", r, ev)
				}
			})
		})
	}
}

// A vertical that is gone takes no posts, and answers for what it has quoted and sold; when it is there again its
// quotes are good as before.
func TestVerticalThatIsGoneAnswersForItsQuotes(t *testing.T) {
	roof := setup{Vertical: func(v *exchange.Vertical) { v.ID = "roof" },
		Source: func(s *exchange.Source) { s.Verticals = []string{"roof"} }}
	exchangetest.Run(t, one(), func(x *rig) {
		quoted, sold := x.Quote(8*dollar, nil), x.Quote(8*dollar, nil)
		r, f := x.Post(sold, nil, nil)
		wantSold(t, r, f, 8*dollar)
		x.Reload(roof)
		v := x.Vertical("roof")
		r, f = x.Exchange.Post(&exchange.PostIn{On: x.Exchange.Snapshot(), Source: x.Source("acme"), Vertical: v,
			PingID: quoted, Lead: x.LeadOf(v, values{"phone": "2127365001"}), ReceivedAt: x.Exchange.Now()})
		wantFault(t, r, f, "not_found")
		for _, id := range []lead.ID{quoted, sold} {
			if st := x.Status(id); st.Result != lead.ResultSuccess || st.Price != 8*dollar || st.Currency != "USD" {
				t.Errorf("status: %+v", st)
			}
		}
		if e := explain(x, sold); e.Now != lead.ResultSuccess || len(e.Attempts) != 1 {
			t.Errorf("explained: %+v", e)
		}
		x.Reload(one())
		r, f = x.Post(quoted, values{"phone": "2127365001"}, nil)
		wantSold(t, r, f, 8*dollar)
	})
}

// A ping ends on the configuration on which it began: a campaign that does not want its lead any more still bids.
func TestPingEndsOnTheConfigurationThatItBeganOn(t *testing.T) {
	only := func(zip string) setup {
		return sellTo(1, campaign{ID: "a", Ping: exchangetest.Always(exchangetest.Bid(10 * dollar).In(100 *
			time.Millisecond)), Spec: func(c *buyers.CampaignSpec) {
			c.Criteria = []rules.CriterionSpec{{Field: "zip", In: []string{zip}}}
		}})
	}
	exchangetest.Run(t, only("10001"), func(x *rig) {
		first := x.Exchange.Snapshot().Config().Hash
		heard := beside(func() (exchange.Reply, *exchange.Fault) { return x.Ping(nil, nil) })
		x.Sleep(50 * time.Millisecond)
		x.Reload(only("94110"))
		a := <-heard
		if a.fault != nil || a.reply.Price != 8*dollar {
			t.Errorf("heard %+v", a)
		}
		if ev := exchangetest.Last[*ledger.Pinged](x, a.reply.LeadID); ev.Config != first || len(ev.Bids) != 1 {
			t.Errorf("config %s, want %s, with one bid: %+v", ev.Config, first, ev.Bids)
		}
		r, f := x.Ping(nil, nil)
		wantUnsold(t, r, f, lead.NoEligible)
	})
}
