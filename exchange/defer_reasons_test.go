// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"errors"
	"fmt"
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

func when(list ...string) func(*buyers.DeferSpec) { return func(d *buyers.DeferSpec) { d.When = list } }

func forS(s int) func(*buyers.DeferSpec) { return func(d *buyers.DeferSpec) { d.ForS = &s } }

func both(fs ...func(*buyers.CampaignSpec)) func(*buyers.CampaignSpec) {
	return func(c *buyers.CampaignSpec) {
		for _, f := range fs {
			f(c)
		}
	}
}

// lists is a campaign with a list price, which is not asked for bids.
func lists(id string, price lead.Money, spec func(*buyers.CampaignSpec), post exchangetest.Buyer) campaign {
	return campaign{ID: id, Price: price, Fixed: true, Spec: spec, Post: post}
}

// wantCalls expects so many posts to a campaign.
func wantCalls(x *rig, campaign string, want int) {
	x.T.Helper()
	if n := len(x.Buyers.Calls(campaign, exchangetest.Post)); n != want {
		x.T.Errorf("%d posts to %s, want %d", n, campaign, want)
	}
}

// phoneN is a person of its own.
func phoneN(n int) values { return values{"phone": fmt.Sprintf("212736%04d", 5000+n)} }

// A lead that comes while the only campaign is closed is held until it opens: over the night in which the clock is set
// forward, when three in the morning comes an hour sooner.
func TestLeadIsHeldUntilItsCampaignOpens(t *testing.T) {
	from := time.Date(1999, 12, 31, 19, 0, 0, 0, mustZone(t, "America/New_York"))
	for name, c := range map[string]struct{ now, opens string }{
		"a night":                        {"2026-02-03 20:00", "2026-02-04 09:00"},
		"a weekend":                      {"2026-02-06 18:30", "2026-02-09 09:00"},
		"the clock goes forward":         {"2026-03-07 21:00", "2026-03-09 09:00"},
		"the clock goes back, on Sunday": {"2026-10-31 21:00", "2026-11-02 09:00"},
	} {
		t.Run(name, func(t *testing.T) {
			at := func(text string) time.Time {
				x, err := time.ParseInLocation("2006-01-02 15:04", text, from.Location())
				if err != nil {
					t.Fatal(err)
				}
				return x
			}
			hours := func(c *buyers.CampaignSpec) {
				c.Schedule = &rules.ScheduleSpec{Open: []string{"mon-fri 09:00-18:00"}}
			}
			s := sellTo(1, lists("a", 25*dollar, both(hours, defers(when("closed"), forS(7*86400))), nil))
			s.Source, s.Later = tells, at(c.now).Sub(from)
			exchangetest.Run(t, s, func(x *rig) {
				x.Exchange.Warm()
				r, f := x.LeadNow(nil, nil)
				wantQueued(t, r, f)
				d := exchangetest.Last[*ledger.Deferred](x, r.LeadID)
				if !d.Due.Equal(at(c.opens)) || d.Waits[0].Refusal != lead.Closed {
					t.Errorf("due at %v for %v, want %v", d.Due.In(from.Location()), d.Waits[0].Refusal, c.opens)
				}
				x.Sleep(at(c.opens).Sub(at(c.now)) - time.Minute)
				wantPosted(x)
				wantQueued(t, x.Status(r.LeadID), nil)
				x.Sleep(2 * time.Minute)
				wantSold(t, x.Status(r.LeadID), nil, 20*dollar)
				wantPosted(x, "a")
			})
		})
	}
}

func mustZone(t *testing.T, name string) *time.Location {
	z, err := rules.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// Who is open and bids has the lead, whatever one that is closed would pay.
func TestOpenBuyersComeBeforeThoseThatAreWaitedFor(t *testing.T) {
	shut := func(c *buyers.CampaignSpec) {
		c.Schedule = &rules.ScheduleSpec{Open: []string{"mon 09:00-10:00"}}
	}
	s := sellTo(1, lists("night", 50*dollar, both(shut, defers(when("closed"), forS(7*86400))), nil),
		campaign{ID: "open", Price: 10 * dollar})
	s.Source = tells
	exchangetest.Run(t, s, func(x *rig) {
		x.Exchange.Warm()
		r, f := x.LeadNow(nil, nil)
		wantSold(t, r, f, 8*dollar)
		wantPosted(x, "open")
	})
}

// A full cap: the leads wait for its next window, come over the spread and not at once, the dearest of those that are
// due first, and take the window to its last place and no further.
func TestLeadsWaitForTheNextWindowOfACap(t *testing.T) {
	spread := 600
	spec := both(defers(when("cap_full"), forS(3*86400)), func(c *buyers.CampaignSpec) {
		c.Caps = []rules.CapSpec{{Per: "day", Limit: 3}}
		c.Defer.SpreadS = &spread
	})
	s := sellTo(1, lists("a", 25*dollar, spec, nil))
	s.Source = tells
	exchangetest.Run(t, s, func(x *rig) {
		x.Exchange.Warm()
		var waiting []lead.ID
		for n := range 8 {
			r, f := x.LeadNow(phoneN(n), nil)
			if n < 3 {
				wantSold(t, r, f, 20*dollar)
				continue
			}
			wantQueued(t, r, f)
			waiting = append(waiting, r.LeadID)
		}
		wantDepth(x, 5)
		x.Sleep(4*time.Hour + 50*time.Minute) // it is 23:50
		wantDepth(x, 5)
		x.Sleep(25 * time.Minute)
		wantDepth(x, 2)
		wantUsed(x, "a", 3)
		var at []time.Time
		for _, p := range x.Buyers.Calls("a", exchangetest.Post)[3:] {
			at = append(at, p.At)
		}
		if len(at) != 3 || at[2].Sub(at[0]) < 10*time.Second {
			t.Errorf("posts of the new window came at %v", at)
		}
		x.Sleep(24 * time.Hour)
		wantDepth(x, 0)
		wantUsed(x, "a", 2)
		sold := 0
		for _, id := range waiting {
			if x.Status(id).Result == lead.ResultSuccess {
				sold++
			}
		}
		if sold != 5 {
			t.Errorf("%d of 5 are sold", sold)
		}
	})
}

// A lead is never sold older than its campaign takes: at the very end of its time it goes on to whoever takes it, or
// nobody.
func TestLeadIsNotSoldOlderThanItsCampaignTakes(t *testing.T) {
	for name, c := range map[string]struct {
		up   int // posts that fail before the buyer is up
		sold bool
	}{"up in time": {2, true}, "up too late": {3, false}} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(1, campaign{ID: "a", Price: 25 * dollar, Spec: defers(forS(7 * 60)), Post: down(c.up,
				exchangetest.Accept("R"))})
			s.Source = tells
			exchangetest.Run(t, s, func(x *rig) {
				x.Exchange.Warm()
				id := x.Quote(20*dollar, nil) // attempts at 0, 1, 3 and 7 minutes
				r, f := x.Post(id, nil, nil)
				wantQueued(t, r, f)
				x.Sleep(time.Hour)
				if c.sold {
					wantSold(t, x.Status(id), nil, 20*dollar)
				} else {
					wantUnsold(t, x.Status(id), nil, lead.Unreachable)
				}
				if n := len(x.Buyers.Posted()); n != 3 {
					t.Errorf("%d posts, want 3: the fourth would be too late", n)
				}
				wantDepth(x, 0)
			})
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	on := func(d *buyers.DeferSpec) { d.RetryOn = append(d.RetryOn, number("503")) }
	s := sellTo(1, campaign{ID: "a", Price: 25 * dollar, Spec: defers(on), Post: exchangetest.Script(
		exchangetest.Answer{Status: 503, Later: "900"}, exchangetest.Accept("R"))})
	s.Source = tells
	exchangetest.Run(t, s, func(x *rig) {
		x.Exchange.Warm()
		id := x.Quote(20*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantQueued(t, r, f)
		if p := exchangetest.Last[*ledger.Posted](x, id); p.RetryAfterS != 900 || p.Outcome != lead.Rejected {
			t.Errorf("posted: %+v", p)
		}
		x.Sleep(899 * time.Second)
		wantPosted(x, "a")
		x.Sleep(5 * time.Second)
		wantSold(t, x.Status(id), nil, 20*dollar)
	})
}

// The lead waits for the best buyer before the next one is asked, and goes on to it when that one has had its last
// attempt within its time.
func TestLeadWaitsForTheBestBuyerFirst(t *testing.T) {
	first := func(d *buyers.DeferSpec) { d.BeforeOthers = true }
	s := sellTo(1, campaign{ID: "a", Price: 25 * dollar, Spec: defers(first, forS(300)), Post: unreachable},
		campaign{ID: "b", Price: 25 * dollar, Spec: defers(forS(3600))}, campaign{ID: "c", Price: 24 * dollar})
	s.Source, s.Buyer = tells, nil
	exchangetest.Run(t, s, func(x *rig) {
		x.Exchange.Warm()
		id := x.Quote(20*dollar, nil)
		r, f := x.Post(id, nil, nil)
		order := x.Buyers.Posted()
		if order[0] == "b" { // which of two equal bids comes first hangs on the lead's id
			wantSold(t, r, f, 20*dollar)
			return
		}
		wantQueued(t, r, f)
		x.Sleep(150 * time.Second) // the third attempt is at 3 minutes, the fourth would be too late
		if slices.Contains(x.Buyers.Posted(), "b") {
			t.Error("the next buyer was asked before the first one's time was over")
		}
		x.Sleep(time.Hour)
		wantSold(t, x.Status(id), nil, 20*dollar)
		if posted := x.Buyers.Posted(); posted[len(posted)-1] != "b" {
			t.Errorf("posts went to %v", posted)
		}
	})
}

// After its last attempt a lead is set aside for a person: retry has it tried once more, drop ends it, move offers it
// to another.
func TestPersonsLookAfterTheQueue(t *testing.T) {
	aside := func(d *buyers.DeferSpec) { two := 2; d.Tries, d.Quarantine = &two, true }
	for name, c := range map[string]struct {
		down int
		do   func(x *rig, id lead.ID) error
		want func(x *rig, id lead.ID)
	}{
		"retry": {2, func(x *rig, id lead.ID) error { return x.Exchange.QueueRetry(id, "it is up", "eve") },
			func(x *rig, id lead.ID) {
				wantSold(x.T.(*testing.T), x.Status(id), nil, 20*dollar)
				wantCalls(x, "a", 3)
			}},
		"retry in vain": {3, func(x *rig, id lead.ID) error { return x.Exchange.QueueRetry(id, "it is up", "eve") },
			func(x *rig, id lead.ID) {
				wantQueued(x.T.(*testing.T), x.Status(id), nil)
				wantCalls(x, "a", 3)
				wantCalls(x, "b", 1)
			}},
		"drop": {9, func(x *rig, id lead.ID) error { return x.Exchange.QueueDrop(id, "called off", "eve") },
			func(x *rig, id lead.ID) {
				wantUnsold(x.T.(*testing.T), x.Status(id), nil, lead.Unreachable)
				if ev := exchangetest.Last[*ledger.Settled](x, id); ev.By != "eve" || ev.Why != "called off" {
					x.T.Errorf("settled: %+v", ev)
				}
				wantDepth(x, 0)
			}},
		"move": {9, func(x *rig, id lead.ID) error { return x.Exchange.QueueMove(id, "b", "a is away", "eve") },
			func(x *rig, id lead.ID) {
				wantSold(x.T.(*testing.T), x.Status(id), nil, 20*dollar)
				wantDepth(x, 0)
			}},
	} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(1, campaign{ID: "a", Price: 25 * dollar, Spec: defers(aside), Post: down(c.down,
				exchangetest.Accept("R"))}, campaign{ID: "b", Price: 25 * dollar, Spec: defers(when("not_sent")),
				Post: exchangetest.Script(exchangetest.Decline("not now"), exchangetest.Accept("B"))})
			s.Source = tells
			exchangetest.Run(t, s, func(x *rig) {
				x.Exchange.Warm()
				id := x.Quote(20*dollar, nil)
				r, f := x.Post(id, nil, nil)
				wantQueued(t, r, f)
				x.Sleep(time.Hour)
				var all []*exchange.QueuedLead
				err := x.Exchange.EachQueued(exchange.QueueBy{Buyer: "a-co", Quarantined: true},
					func(q *exchange.QueuedLead) bool { all = append(all, q); return true })
				if err != nil || len(all) != 1 || all[0].Lead != id || all[0].Why != "unreachable" ||
					all[0].Price != 25*dollar {
					t.Fatalf("the queue: %+v, %v", all, err)
				}
				if err := c.do(x, id); err != nil {
					t.Fatal(err)
				}
				x.Sleep(time.Minute)
				other := x.Quote(20*dollar, phoneN(1))
				if err := x.Exchange.QueueDrop(other, "no", "eve"); !errors.Is(err, exchange.ErrNotQueued) {
					t.Errorf("a lead that was never queued: %v", err)
				}
			})
		})
	}
}

// A campaign that is taken off the configuration while leads wait for it: they go to others, or are not sold.
func TestCampaignIsRemovedWhileLeadsWait(t *testing.T) {
	a := campaign{ID: "a", Price: 25 * dollar, Spec: defers(), Post: unreachable}
	b := campaign{ID: "b", Price: 25 * dollar, Spec: defers(), Post: unreachable}
	s := sellTo(1, a, b)
	s.Source = tells
	exchangetest.Run(t, s, func(x *rig) {
		x.Exchange.Warm()
		id := x.Quote(20*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantQueued(t, r, f)
		b.Post = nil // it accepts from now on
		less := sellTo(1, b)
		less.Source = tells
		x.Reload(less)
		x.Sleep(10 * time.Minute)
		wantSold(t, x.Status(id), nil, 20*dollar)
		wantDepth(x, 0)
	})
	exchangetest.Run(t, sellTo(1, a), func(x *rig) {
		x.Exchange.Warm()
		id := x.Quote(20*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantPending(t, r, f)
		x.Reload(sellTo(1, campaign{ID: "other", Price: 9 * dollar}))
		x.Sleep(10 * time.Minute)
		if r := x.Status(id); r.Result != lead.ResultFailure {
			t.Errorf("the lead: %+v", r)
		}
		wantDepth(x, 0)
	})
}

// While a lead waits another one of its person is a repeat, as if it were sold; when it has ended unsold it is none.
func TestPersonOfALeadThatWaits(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 25 * dollar, Spec: defers(forS(600)), Post: unreachable})
	s.Source = tells
	exchangetest.Run(t, s, func(x *rig) {
		x.Exchange.Warm()
		r, f := x.LeadNow(nil, nil)
		wantQueued(t, r, f)
		again, f := x.LeadNow(nil, func(p *exchange.Ping) { p.IdempotencyKey = "other" })
		wantUnsold(t, again, f, lead.LeadRepeated)
		x.Sleep(20 * time.Minute)
		wantUnsold(t, x.Status(r.LeadID), nil, lead.Unreachable)
		again, f = x.LeadNow(nil, func(p *exchange.Ping) { p.IdempotencyKey = "third" })
		wantQueued(t, again, f)
	})
}

// A source whose leads do not wait hears what it always did; and so does a test lead.
func TestLeadsThatDoNotWait(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 25 * dollar, Spec: defers(), Post: unreachable})
	s.Source = func(s *exchange.Source) { s.Queue = exchange.QueueNever }
	exchangetest.Run(t, s, func(x *rig) {
		x.Exchange.Warm()
		r, f := x.Post(x.Quote(20*dollar, nil), nil, nil)
		wantUnsold(t, r, f, lead.Unreachable)
		wantDepth(x, 0)
	})
	s.Source = tells
	exchangetest.Run(t, s, func(x *rig) {
		x.Exchange.Warm()
		r, f := x.LeadNow(values{"ssn": "536-22-1234"}, nil)
		wantUnsold(t, r, f, lead.Unreachable) // the number is not kept
	})
}

// A buyer that takes connections and never answers holds up its own leads, and not those of others: more of its leads
// come due than anybody looks up ahead, and then one of another buyer.
func TestABuyerThatNeverAnswersHoldsUpNoOthersLeads(t *testing.T) {
	const many = 3200
	of := func(zip string) func(*buyers.CampaignSpec) {
		return func(c *buyers.CampaignSpec) {
			defers(forS(86400), when("paused"))(c)
			c.Post.TimeoutMS, c.Criteria = 30_000, []criterion{{Field: "zip", In: []string{zip}}}
		}
	}
	s := vertical(sellTo(1, lists("mute", 25*dollar, of("10001"), silent), lists("b", 10*dollar, of("90210"), nil)),
		func(v *exchange.Vertical) { v.PostTotal = 40 * time.Second })
	s.Source = tells
	exchangetest.Run(t, s, func(x *rig) {
		x.Exchange.Warm()
		pause := func(campaign string, on bool) {
			if _, _, err := x.Exchange.Pause("campaign:"+campaign, on, "late", "op"); err != nil {
				t.Fatal(err)
			}
		}
		pause("mute", true)
		pause("b", true)
		send := func(i int, zip string) lead.ID {
			v := phoneN(i)
			v["zip"] = zip
			r, f := x.LeadNow(v, nil)
			wantQueued(t, r, f)
			return r.LeadID
		}
		for i := range many {
			send(i, "10001")
		}
		last := send(many, "90210")
		pause("b", false)
		pause("mute", false)
		due := exchangetest.Last[*ledger.Deferred](x, last).Due
		x.Sleep(due.Sub(x.Exchange.Now()) + 3*time.Second)
		wantCalls(x, "b", 1)
	})
}
