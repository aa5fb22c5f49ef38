// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"testing"
	"time"

	"clearpost/auction"
	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
	"clearpost/wire/request"
)

// least has a lead ask for this payout at least.
func least(m lead.Money) func(*exchange.Ping) { return func(p *exchange.Ping) { p.MinPrice = m } }

func TestOneShotLeadIsSoldAtOnceAndPaysWhatTheMarginLeaves(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 12 * dollar, Post: declines}, campaign{ID: "b", Price: 10 * dollar})
	s.Source = func(s *exchange.Source) { s.Margin = &auction.Margin{PPM: 200_000, Fixed: dollar} }
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.LeadNow(values{"ssn": "536-22-8726"}, func(p *exchange.Ping) { p.SellerLeadID = "S-1" })
		wantSold(t, r, f, 7*dollar) // of the sale to b: nothing was quoted
		if r.SellerLeadID != "S-1" || r.Quote || r.Reference != "ref-b" {
			t.Errorf("reply: %+v", r)
		}
		wantPosted(x, "a", "b")
		if sent := x.Buyers.Calls("b", exchangetest.Post); sent[0].Field("ssn") != "536-22-8726" {
			t.Errorf("sent: %s", sent[0].Body)
		}
		ev := exchangetest.Last[*ledger.Pinged](x, r.LeadID)
		if ev.Mode != "lead" || ev.Price != 8_600_000 {
			t.Errorf("pinged: %+v", ev)
		}
		if n := len(x.Events(r.LeadID)); n != 6 {
			t.Errorf("%d events", n)
		}
		again := x.Status(r.LeadID)
		if fmt.Sprint(again) != fmt.Sprint(r) {
			t.Errorf("status %+v, answer %+v", again, r)
		}
	})
}

// The lead's event and its first attempt are durable together: a crash leaves both or none.
func TestOneShotLeadIsDurableWithItsFirstAttempt(t *testing.T) {
	s := cappedOne()
	s.Campaigns[0].Post = exchangetest.Always(exchangetest.Accept("r").In(time.Second))
	exchangetest.Run(t, s, func(x *rig) {
		heard := beside(func() (exchange.Reply, *exchange.Fault) { return x.LeadNow(jane, nil) })
		x.Sleep(500 * time.Millisecond)
		x.Crash()
		open := x.Open()
		if len(open) != 1 {
			t.Fatalf("open: %+v", open)
		}
		if ev := x.Events(open[0].Lead); len(ev) != 2 {
			t.Errorf("%d events", len(ev))
		}
		wantUsed(x, "a", 1)
		r, f := x.LeadNow(jane, nil) // the same again is this lead
		wantPending(t, r, f)
		if r.LeadID != open[0].Lead {
			t.Error("it is another lead")
		}
		<-heard
	})
}

func TestOneShotMinimumMayBeMetBySalesTogether(t *testing.T) {
	shared := func(id string, price lead.Money, post exchangetest.Buyer) campaign {
		return campaign{ID: id, Price: price, MaxSold: 3, Post: post}
	}
	s := sellTo(3, shared("a", 20*dollar, nil), shared("b", 15*dollar, nil), shared("c", 10*dollar, nil))
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.LeadNow(nil, least(36*dollar))
		wantSold(t, r, f, 36*dollar)
		if len(r.Sales) != 3 {
			t.Errorf("sales: %+v", r.Sales)
		}
		r, f = x.LeadNow(values{"phone": "2127365001"}, least(36*dollar+dollar/100))
		wantUnsold(t, r, f, lead.NoBids)
	})
}

// A minimum that can no longer be met sells to nobody; one that is met by what was sold is of no account any more.
func TestOneShotLeadThatCannotReachItsMinimumIsNotSoldInPart(t *testing.T) {
	for _, c := range []struct {
		min    lead.Money
		posted []string
		payout lead.Money
	}{{28 * dollar, []string{"a"}, 0}, {20*dollar + dollar/100, []string{"a"}, 0}, {20 * dollar, []string{"a", "b",
		"c"}, 20 * dollar}} {
		s := sellTo(2, campaign{ID: "a", Price: 20 * dollar, MaxSold: 2, Post: declines},
			campaign{ID: "b", Price: 15 * dollar, MaxSold: 2}, campaign{ID: "c", Price: 10 * dollar, MaxSold: 2})
		exchangetest.Run(t, s, func(x *rig) {
			r, f := x.LeadNow(nil, least(c.min))
			wantPosted(x, c.posted...)
			if c.payout == 0 {
				wantUnsold(t, r, f, lead.BuyerRejected)
				return
			}
			wantSold(t, r, f, c.payout)
		})
	}
}

// As many buy a lead in one shot as its auction counted on, however many would.
func TestOneShotLeadIsSoldAsOftenAsItsAuctionCountedOn(t *testing.T) {
	for limit := 1; limit <= 3; limit++ {
		s := sellTo(limit)
		for _, id := range []string{"a", "b", "c", "d"} {
			s.Campaigns = append(s.Campaigns, campaign{ID: id, Price: 10 * dollar, MaxSold: 9})
		}
		exchangetest.Run(t, s, func(x *rig) {
			r, f := x.LeadNow(nil, nil)
			wantSold(t, r, f, lead.Money(limit)*8*dollar)
			if n := len(x.Buyers.Posted()); n != limit {
				t.Errorf("limit %d: %d posts", limit, n)
			}
		})
	}
}

// What a later bid may add does not count where it cannot buy: the same buyer, an exclusive bid, no slot.
func TestOneShotMinimumCountsOnlyOnBidsThatMayBuyTogether(t *testing.T) {
	for name, last := range map[string]campaign{"the same buyer": {ID: "c", Buyer: "b-co", Price: 10 * dollar,
		MaxSold: 2}, "an exclusive bid": {ID: "c", Price: 10 * dollar}} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(2, campaign{ID: "a", Price: 20 * dollar, MaxSold: 2, Post: declines},
				campaign{ID: "a2", Price: 19 * dollar, MaxSold: 2, Post: declines},
				campaign{ID: "b", Buyer: "b-co", Price: 15 * dollar, MaxSold: 2}, last)
			exchangetest.Run(t, s, func(x *rig) {
				r, f := x.LeadNow(nil, least(12*dollar+dollar/100))
				wantUnsold(t, r, f, lead.BuyerRejected)
				wantPosted(x, "a", "a2")
			})
		})
	}
	three := sellTo(2, campaign{ID: "a", Price: 20 * dollar, MaxSold: 2, Post: declines},
		campaign{ID: "b", Price: 15 * dollar, MaxSold: 2}, campaign{ID: "c", Price: 10 * dollar, MaxSold: 2},
		campaign{ID: "d", Price: 10 * dollar, MaxSold: 2})
	exchangetest.Run(t, three, func(x *rig) { // two may buy: 12 and 8, and not 8 more
		r, f := x.LeadNow(nil, least(21*dollar))
		wantUnsold(t, r, f, lead.BuyerRejected)
	})
}

func TestOneShotLeadAnswersWithinTheSellersTime(t *testing.T) {
	s := one()
	s.Campaigns[0].Ping = exchangetest.Always(exchangetest.Bid(10 * dollar).In(250 * time.Millisecond))
	s.Campaigns[0].Post = exchangetest.Always(exchangetest.Accept("r").In(350 * time.Millisecond))
	exchangetest.Run(t, s, func(x *rig) {
		a := <-beside(func() (exchange.Reply, *exchange.Fault) {
			return x.LeadNow(jane, func(p *exchange.Ping) { p.MaxWait = 300 * time.Millisecond })
		})
		wantPending(t, a.reply, a.fault)
		if a.took != 320*time.Millisecond { // the ping's time counts
			t.Errorf("answered after %v, the seller waits 300 ms", a.took)
		}
		r, f := x.LeadNow(jane, nil)
		wantFault(t, r, f, "in_progress")
		x.Sleep(time.Second)
		wantSold(t, x.Status(a.reply.LeadID), nil, 8*dollar)
	})
}

func TestIdempotencyKeyNamesOneRequest(t *testing.T) {
	key := func(k, hash string) func(*exchange.Ping) {
		return func(p *exchange.Ping) { p.IdempotencyKey, p.BodyHash = k, hash }
	}
	keyed := func(k, hash string) func(*exchange.PostIn) {
		return func(in *exchange.PostIn) { in.IdempotencyKey, in.BodyHash = k, hash }
	}
	roof := exchangetest.NewVertical("roof")
	s := vertical(one(), func(v *exchange.Vertical) { v.Dedupe.Refuse = exchange.RefuseNone })
	s.Verticals = []*exchange.Vertical{roof}
	s.Sources = []*exchange.Source{exchangetest.NewSource("other", "solar")}
	exchangetest.Run(t, s, func(x *rig) {
		ping, f := x.Ping(nil, key("ping", "h"))
		if f != nil {
			t.Fatal(f)
		}
		one, f := x.LeadNow(nil, key("lead", "h"))
		wantSold(t, one, f, 8*dollar)
		sold, f := x.Post(ping.LeadID, nil, keyed("post", "h"))
		wantSold(t, sold, f, 8*dollar)
		calls := map[string]func(k, hash string) (exchange.Reply, *exchange.Fault){
			"ping": func(k, hash string) (exchange.Reply, *exchange.Fault) { return x.Ping(nil, key(k, hash)) },
			"lead": func(k, hash string) (exchange.Reply, *exchange.Fault) { return x.LeadNow(nil, key(k, hash)) },
			"post": func(k, hash string) (exchange.Reply, *exchange.Fault) {
				return x.Post(ping.LeadID, nil, keyed(k, hash))
			}}
		first := map[string]exchange.Reply{"ping": ping, "lead": one, "post": sold}
		for k := range calls {
			for other, call := range calls {
				r, f := call(k, "h")
				if k == other {
					if f != nil || fmt.Sprint(r) != fmt.Sprint(first[k]) {
						t.Errorf("%s again: %+v, %v, first %+v", k, r, f, first[k])
					}
					continue
				}
				wantFault(t, r, f, "idempotency_key_reused")
			}
			r, f := calls[k](k, "another body")
			wantFault(t, r, f, "idempotency_key_reused")
		}
		if r, f := x.Ping(nil, func(p *exchange.Ping) {
			key("ping", "h")(p)
			p.Source = x.Source("other")
		}); f != nil || r.LeadID == ping.LeadID {
			t.Errorf("another source's key: %+v, %v", r, f)
		}
		r, f := x.Ping(nil, func(p *exchange.Ping) { key("ping", "h")(p); p.Vertical = roof })
		wantFault(t, r, f, "idempotency_key_reused")
		wantPosted(x, "a", "a")
		r, f = x.Ping(values{"zip": ""}, key("free", "h"))
		wantFault(t, r, f, "invalid_lead") // what was refused has not used its key up
		if r, f = x.Ping(nil, key("free", "h")); f != nil {
			t.Errorf("%+v, %v", r, f)
		}
	})
}

func TestRequestsOfOneKeyAtOnceAreOne(t *testing.T) {
	s := one()
	s.Campaigns[0].Ping = exchangetest.Always(exchangetest.Bid(10 * dollar).In(100 * time.Millisecond))
	exchangetest.Run(t, s, func(x *rig) {
		keyed := func(p *exchange.Ping) { p.IdempotencyKey = "k" }
		first := beside(func() (exchange.Reply, *exchange.Fault) { return x.Ping(nil, keyed) })
		x.Sleep(50 * time.Millisecond)
		r, f := x.Ping(nil, keyed)
		wantFault(t, r, f, "in_progress")
		r, f = x.LeadNow(nil, keyed)
		wantFault(t, r, f, "in_progress")
		r, f = x.Post(lead.ID{1}, nil, func(in *exchange.PostIn) { in.IdempotencyKey = "k" })
		wantFault(t, r, f, "in_progress")
		if a := <-first; a.fault != nil {
			t.Error(a.fault)
		}
	})
}

// A cookie and a token of the ping go with the post, also of a one-shot lead whose memory is used again meanwhile.
func TestPostCarriesWhatThePingsAnswerGave(t *testing.T) {
	for _, oneShot := range []bool{false, true} {
		s := one()
		bid := exchangetest.Bid(10*dollar, "token", "t-1")
		bid.Cookie = "sid=s1"
		s.Campaigns[0].Ping = exchangetest.Always(bid)
		s.Campaigns[0].Spec = func(c *buyers.CampaignSpec) { c.Post.Request.Auth = &request.AuthSpec{Cookies: true} }
		exchangetest.Run(t, s, func(x *rig) {
			var r exchange.Reply
			var f *exchange.Fault
			if oneShot {
				r, f = x.LeadNow(nil, nil)
			} else {
				r, f = x.Post(x.Quote(8*dollar, nil), nil, nil)
			}
			wantSold(t, r, f, 8*dollar)
			sent := x.Buyers.Calls("a", exchangetest.Post)
			if len(sent) != 1 || sent[0].Field("token") != "t-1" || sent[0].Header.Get("Cookie") != "sid=s1" {
				t.Errorf("sent: %+v", sent)
			}
		})
	}
}

// A lead in one shot is delivered from what was sent, to buyers and to their test endpoints: of a social security
// number the ledger keeps no more than the last digits.
func TestOneShotLeadReachesItsBuyerWithTheSocialSecurityNumbers(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: func(c *buyers.CampaignSpec) {
		c.Criteria = []rules.CriterionSpec{{Field: "ssn", NotIn: []string{"536-22-9999"}}}
		staged(c)
		c.Ping.Request.Fields = c.Ping.Request.Fields[:2]
		c.Post.Request.Fields = append(c.Post.Request.Fields, request.FieldSpec{To: "others", From: "others"},
			request.FieldSpec{To: "last4", From: "ssn.last4"})
	}})
	s = fields(s, lead.Field{Name: "phone", Required: lead.AtPost}, lead.Field{Name: "zip", Required: lead.AtPing},
		lead.Field{Name: "ssn", Type: lead.TypeSSN, Required: lead.AtPost},
		lead.Field{Name: "others", Type: lead.TypeList, Of: lead.TypeSSN})
	exchangetest.Run(t, s, func(x *rig) {
		x.Buyers.Set("a", "staging-ping", exchangetest.Always(exchangetest.Bid(10*dollar)))
		x.Buyers.Set("a", "staging-post", exchangetest.Always(exchangetest.Accept("T")))
		whole := values{"ssn": "536221234", "others": "523-45-6799"}
		for call, edit := range map[string]func(*exchange.Ping){exchangetest.Post: nil,
			"staging-post": tested(lead.TestAny)} {
			r, f := x.LeadNow(whole, edit)
			wantSold(t, r, f, 8*dollar)
			sent := x.Buyers.Calls("a", call)[0]
			if sent.Field("ssn") != "536-22-1234" || sent.Field("others") != "[523-45-6799]" ||
				sent.Field("last4") != "1234" {
				t.Errorf("%s: %s", call, sent.Body)
			}
			for _, ev := range x.Events(r.LeadID) {
				if text := string(ev.AppendJSON(nil)); containsAny(text, "536-22", "5362212", "523-45", "523456") {
					t.Errorf("an event holds a number: %s", text)
				}
			}
			if told := fmt.Sprintf("%+v", explain(x, r.LeadID)); containsAny(told, "536-22", "5362212", "523-45") {
				t.Errorf("an explanation holds a number: %s", told)
			}
		}
	})
}
