// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"testing"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
)

// unnamed has acme's posts name no pings.
func unnamed(s setup) setup {
	s.Source = func(s *exchange.Source) { s.UnnamedPosts = true }
	return s
}

// submit sends a whole lead without a ping's id, as the door does: its ping is found, or it is one in one shot.
func submit(t *testing.T, x *rig, v values, edit func(*exchange.Ping)) (exchange.Reply, *exchange.Fault) {
	t.Helper()
	all := values{"phone": "2127365000"}
	for k, val := range v {
		all[k] = val
	}
	p := x.NewPing(all)
	defer x.Exchange.Release(p)
	if edit != nil {
		edit(p)
	}
	id, ok, f := x.Exchange.PingOf(p)
	if f != nil {
		return exchange.Reply{}, f
	}
	if !ok {
		return x.Exchange.LeadNow(p)
	}
	return x.Post(id, all, func(in *exchange.PostIn) {
		in.IdempotencyKey, in.BodyHash, in.SellerLeadID = p.IdempotencyKey, p.BodyHash, p.SellerLeadID
	})
}

func TestSubmissionFindsThePingOfItsPerson(t *testing.T) {
	for _, restart := range []bool{false, true} {
		exchangetest.Run(t, unnamed(one()), func(x *rig) {
			quoted := pinged(t, x, jane, nil)
			if restart {
				x.Restart()
			}
			r, f := submit(t, x, jane, nil)
			wantSold(t, r, f, 8*dollar)
			if r.LeadID != quoted.LeadID {
				t.Error("it is another lead than its ping's")
			}
			again, f := submit(t, x, jane, nil)
			wantSold(t, again, f, 8*dollar)
			if again.LeadID != r.LeadID {
				t.Error("the same again is another lead")
			}
			wantPosted(x, "a")
		})
	}
}

func TestSubmissionWithoutALiveQuoteIsOneInOneShot(t *testing.T) {
	for name, spoil := range map[string]func(*rig) func(*exchange.Ping){
		"no ping": nil,
		"the quote is over": func(x *rig) func(*exchange.Ping) {
			x.Sleep(5 * time.Minute)
			return nil
		},
		"its price is too low": func(*rig) func(*exchange.Ping) {
			return func(p *exchange.Ping) { p.MinPrice = 8*dollar + dollar/100 }
		},
		"a test": func(*rig) func(*exchange.Ping) { return tested(lead.TestAny) },
	} {
		t.Run(name, func(t *testing.T) {
			exchangetest.Run(t, unnamed(one()), func(x *rig) {
				var quoted exchange.Reply
				var edit func(*exchange.Ping)
				if spoil != nil {
					quoted = pinged(t, x, jane, nil)
					edit = spoil(x)
				}
				x.Buyers.Set("a", exchangetest.Ping, exchangetest.Always(exchangetest.Bid(20*dollar)))
				r, f := submit(t, x, jane, edit)
				if f != nil || r.LeadID == quoted.LeadID {
					t.Errorf("reply: %+v, %v", r, f)
				}
			})
		})
	}
	exchangetest.Run(t, one(), func(x *rig) { // a source whose posts name their pings
		p := x.NewPing(jane)
		defer x.Exchange.Release(p)
		pinged(t, x, jane, nil)
		if _, ok, f := x.Exchange.PingOf(p); ok || f != nil {
			t.Errorf("found %v, %v", ok, f)
		}
	})
}

// What the seller calls the lead tells its pings apart; a ping without a name will do.
func TestSubmissionGoesByTheSellersNameOfTheLead(t *testing.T) {
	called := func(id string) func(*exchange.Ping) { return func(p *exchange.Ping) { p.SellerLeadID = id } }
	exchangetest.Run(t, unnamed(one()), func(x *rig) {
		one, two := pinged(t, x, jane, called("S-1")), pinged(t, x, jane, called("S-2"))
		r, f := submit(t, x, jane, called("S-1"))
		wantSold(t, r, f, 8*dollar)
		if r.LeadID != one.LeadID || one.LeadID == two.LeadID {
			t.Errorf("sold %s, want that of S-1", r.LeadID)
		}
	})
	exchangetest.Run(t, unnamed(one()), func(x *rig) {
		quoted := pinged(t, x, jane, nil)
		r, f := submit(t, x, jane, called("S-9"))
		wantSold(t, r, f, 8*dollar)
		if r.LeadID != quoted.LeadID {
			t.Error("it is another lead")
		}
	})
}

// After a post that came to nothing a quote that was given since is for another try; one from before is not.
func TestSubmissionAfterAFailureTakesANewerQuoteOnly(t *testing.T) {
	called := func(id string) func(*exchange.Ping) { return func(p *exchange.Ping) { p.SellerLeadID = id } }
	s := unnamed(one())
	s.Campaigns[0].Post = exchangetest.Script(exchangetest.Decline("no"), exchangetest.Accept("r"))
	exchangetest.Run(t, s, func(x *rig) {
		x.Sleep(time.Second)
		first := pinged(t, x, jane, called("S-1"))
		pinged(t, x, jane, called(""))
		x.Sleep(time.Second)
		r, f := submit(t, x, jane, called("S-1"))
		wantUnsold(t, r, f, lead.BuyerRejected)
		again, f := submit(t, x, jane, called("S-1")) // the unnamed quote is from before
		wantUnsold(t, again, f, lead.BuyerRejected)
		if again.LeadID != first.LeadID {
			t.Error("the same again is another lead")
		}
		x.Sleep(time.Second)
		second := pinged(t, x, jane, called("S-1"))
		r, f = submit(t, x, jane, called("S-1"))
		wantSold(t, r, f, 8*dollar)
		if r.LeadID != second.LeadID {
			t.Error("it is not the newer quote's lead")
		}
	})
}

// A submission is known as the one of before by all its values, for the window's time, to the moment.
func TestSameSubmissionHearsTheFirstAnswerUntilTheWindowEnds(t *testing.T) {
	s := unnamed(vertical(one(), func(v *exchange.Vertical) { v.Dedupe.Refuse = exchange.RefuseNone }))
	exchangetest.Run(t, s, func(x *rig) {
		quoted := pinged(t, x, jane, nil)
		first, f := submit(t, x, values{"age": "40", "ssn": "536-22-8726"}, nil)
		wantSold(t, first, f, 8*dollar)
		x.Sleep(time.Hour - time.Microsecond)
		again, f := submit(t, x, values{"age": "40", "ssn": "536-22-8726"}, nil)
		wantSold(t, again, f, 8*dollar)
		if again.LeadID != quoted.LeadID {
			t.Error("within the window it is another lead")
		}
		x.Sleep(time.Microsecond)
		if other, _ := submit(t, x, values{"age": "40", "ssn": "536-22-8726"}, nil); other.LeadID == quoted.LeadID {
			t.Error("after the window it is the first lead still")
		}
		if other, _ := submit(t, x, values{"age": "41"}, nil); other.LeadID == quoted.LeadID {
			t.Error("another value is the same lead")
		}
	})
}

func TestSubmissionWithAKeyIsKnownByIt(t *testing.T) {
	keyed := func(p *exchange.Ping) { p.IdempotencyKey, p.BodyHash = "k", "h" }
	exchangetest.Run(t, unnamed(one()), func(x *rig) {
		pinged(t, x, jane, nil)
		first, f := submit(t, x, jane, keyed)
		wantSold(t, first, f, 8*dollar)
		x.Sleep(2 * time.Hour)
		again, f := submit(t, x, jane, keyed)
		wantSold(t, again, f, 8*dollar)
		if again.LeadID != first.LeadID {
			t.Error("it is another lead")
		}
	})
	exchangetest.Run(t, unnamed(one()), func(x *rig) { // of one in one shot
		first, f := submit(t, x, jane, keyed)
		wantSold(t, first, f, 8*dollar)
		pinged(t, x, values{"phone": "2127365001"}, nil)
		again, f := submit(t, x, jane, keyed)
		wantSold(t, again, f, 8*dollar)
		if again.LeadID != first.LeadID {
			t.Error("it is another lead")
		}
	})
}
