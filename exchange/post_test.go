// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"testing"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

func TestRepeatedPostHearsTheFirstAnswerAndSellsOnce(t *testing.T) {
	for name, buyer := range map[string]exchangetest.Buyer{"sold": nil, "refused": declines, "pending": silent} {
		t.Run(name, func(t *testing.T) {
			s := one()
			s.Campaigns[0].Post = buyer
			exchangetest.Run(t, s, func(x *rig) {
				id := x.Quote(8*dollar, nil)
				first, f := x.Post(id, nil, nil)
				if f != nil {
					t.Fatal(f)
				}
				same := func(when string, again exchange.Reply, f *exchange.Fault) {
					t.Helper()
					if f != nil || fmt.Sprint(again) != fmt.Sprint(first) {
						t.Errorf("%s: %+v, %v, first %+v", when, again, f, first)
					}
				}
				again, f := x.Post(id, nil, nil)
				same("again", again, f)
				same("status", x.Status(id), nil)
				x.Sleep(time.Hour)
				again, f = x.Post(id, nil, nil)
				same("after the quote's end", again, f)
				x.Restart()
				again, f = x.Post(id, values{"phone": "(212) 736-5000"}, nil)
				same("after a restart", again, f)
				wantPosted(x, "a")
			})
		})
	}
}

// A quote lasts until its end, to the moment, by when the post came and not by when it is handled.
func TestPostAfterTheQuotesEndIsGone(t *testing.T) {
	for late, gone := range map[time.Duration]bool{0: false, time.Microsecond: true} {
		exchangetest.Run(t, one(), func(x *rig) {
			r := pinged(t, x, nil, nil)
			in := x.NewPost(r.LeadID, nil)
			in.ReceivedAt = r.ExpiresAt.Add(late)
			x.Sleep(r.ExpiresAt.Sub(x.Exchange.Now()) + time.Second)
			p, f := x.Exchange.Post(in)
			if !gone {
				wantSold(t, p, f, 8*dollar)
				return
			}
			wantFault(t, p, f, "ping_expired")
			if f.Kind != exchange.FaultGone {
				t.Errorf("fault: %+v", f)
			}
			wantPosted(x)
			if n := len(x.Events(r.LeadID)); n != 1 {
				t.Errorf("%d events", n)
			}
		})
	}
}

func TestPostOfALeadThatIsNotTheSourcesIsNotFound(t *testing.T) {
	s := one()
	s.Sources = []*exchange.Source{exchangetest.NewSource("other", "solar")}
	s.Campaigns[0].Post = exchangetest.Always(exchangetest.Accept("r").In(time.Second))
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, nil)
		none, err := lead.ParseID("0193b2c4-0000-7000-8000-000000000000")
		if err != nil {
			t.Fatal(err)
		}
		foreign := func(when string) {
			t.Helper()
			for _, l := range []lead.ID{id, none} {
				r, f := x.Post(l, values{"phone": "2127365999"}, func(in *exchange.PostIn) {
					in.Source = x.Source("other")
				})
				wantFault(t, r, f, "not_found")
				if f != nil && f.Message != "no lead "+l.String()+" of this source" {
					t.Errorf("%s: %+v", when, f)
				}
				if _, f = x.Exchange.Status(x.Source("other"), l); f == nil || f.Kind != exchange.FaultNotFound {
					t.Errorf("%s: status %v", when, f)
				}
			}
		}
		foreign("quoted")
		heard := post(x, id)
		x.Sleep(100 * time.Millisecond)
		foreign("under way")
		a := <-heard
		wantSold(t, a.reply, a.fault, 8*dollar)
		foreign("sold")
	})
}

func TestPostForAnotherVerticalOrPersonIsRefused(t *testing.T) {
	roof := exchangetest.NewVertical("roof")
	s := one()
	s.Verticals = []*exchange.Vertical{roof}
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, values{"phone": "2127365000"})
		r, f := x.Post(id, nil, func(in *exchange.PostIn) {
			in.Vertical, in.Lead = roof, x.LeadOf(roof, values{"phone": "2127365000"})
		})
		wantFault(t, r, f, "not_found")
		r, f = x.Post(id, values{"phone": "2127365001"}, nil)
		wantFault(t, r, f, "other_person")
		if f.Kind != exchange.FaultConflict {
			t.Errorf("fault: %+v", f)
		}
		r, f = x.Post(id, values{"phone": ""}, nil) // the ping has named the person
		wantSold(t, r, f, 8*dollar)
		r, f = x.Post(id, values{"phone": "2127365001"}, nil)
		wantFault(t, r, f, "other_person")
	})
}

// A post of a lead that is under way hears so, and never a second delivery.
func TestSecondPostOfALeadUnderWay(t *testing.T) {
	s := one()
	s.Campaigns[0].Post = exchangetest.Always(exchangetest.Accept("r").In(2 * time.Second))
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, nil)
		heard := beside(func() (exchange.Reply, *exchange.Fault) {
			return x.Post(id, nil, func(in *exchange.PostIn) { in.MaxWait = 500 * time.Millisecond })
		})
		x.Sleep(100 * time.Millisecond)
		r, f := x.Post(id, nil, nil)
		wantFault(t, r, f, "in_progress")
		if f.Kind != exchange.FaultConflict {
			t.Errorf("fault: %+v", f)
		}
		a := <-heard
		wantPending(t, a.reply, a.fault)
		if a.took != 520*time.Millisecond {
			t.Errorf("answered after %v", a.took)
		}
		wantPending(t, x.Status(id), nil)
		x.Sleep(2 * time.Second)
		wantSold(t, x.Status(id), nil, 8*dollar)
		wantPosted(x, "a")
	})
}

// The end of a post's time ends new attempts, and never one that is on the wire.
func TestPostsTimeBoundsAttempts(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Post: exchangetest.Always(exchangetest.Decline("no").In(2950 *
		time.Millisecond))}, campaign{ID: "b", Price: 9 * dollar})
	exchangetest.Run(t, s, func(x *rig) { // less than 100 ms are left for b
		id := x.Quote(8*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantUnsold(t, r, f, lead.BuyerRejected)
		wantTried(x, id, map[string]lead.Refusal{"b": lead.NoTimeLeft})
	})
	s.Campaigns[0].Post = exchangetest.Always(exchangetest.Decline("no").In(2900 * time.Millisecond))
	exchangetest.Run(t, s, func(x *rig) { // just enough
		r, f := x.Post(x.Quote(8*dollar, nil), nil, nil)
		wantSold(t, r, f, 8*dollar)
	})
	exchangetest.Run(t, s, func(x *rig) { // the seller waits for a second: then no attempt begins any more
		id := x.Quote(8*dollar, nil)
		r, f := x.Post(id, nil, func(in *exchange.PostIn) { in.MaxWait = time.Second })
		wantPending(t, r, f)
		x.Sleep(3 * time.Second)
		wantUnsold(t, x.Status(id), nil, lead.BuyerRejected)
		wantPosted(x, "a")
	})
	s.Campaigns[0].Post = exchangetest.Always(exchangetest.Decline("no").In(100 * time.Millisecond))
	exchangetest.Run(t, s, func(x *rig) { // a seller in a hurry has its lead sold all the same
		id := x.Quote(8*dollar, nil)
		r, f := x.Post(id, nil, func(in *exchange.PostIn) { in.MaxWait = time.Millisecond })
		wantPending(t, r, f)
		x.Sleep(3 * time.Second)
		wantSold(t, x.Status(id), nil, 8*dollar)
	})
	s.Campaigns[0].Post = exchangetest.Always(exchangetest.Decline("no").In(101 * time.Millisecond))
	exchangetest.Run(t, s, func(x *rig) { // but not for ever
		id := x.Quote(8*dollar, nil)
		r, f := x.Post(id, nil, func(in *exchange.PostIn) { in.MaxWait = time.Millisecond })
		wantPending(t, r, f)
		x.Sleep(3 * time.Second)
		wantUnsold(t, x.Status(id), nil, lead.BuyerRejected)
	})
}

// A value by which the lead was priced may not change; others may, and are told to the buyer.
func TestPostMayNotChangeWhatThePriceCameFrom(t *testing.T) {
	for name, keep := range map[string]bool{"refused": false, "kept": true} {
		t.Run(name, func(t *testing.T) {
			s := one()
			if keep {
				s.Source = func(s *exchange.Source) { s.OnChange = exchange.OnChangeKeep }
			}
			exchangetest.Run(t, s, func(x *rig) {
				id := x.Quote(8*dollar, values{"age": "40", "ssn": "536-22-8726"})
				changed := values{"zip": "10002", "age": "41"}
				r, f := x.Post(id, changed, nil)
				if !keep {
					wantFault(t, r, f, "changed_since_ping")
					if len(f.Errors) != 2 || f.Kind != exchange.FaultInvalid {
						t.Errorf("errors: %+v", f.Errors)
					}
					for _, p := range f.Errors {
						if p.Field == "zip" && (p.Value != "10002" || p.Expected != "10001, as in the ping") {
							t.Errorf("problem: %+v", p)
						}
					}
					wantPosted(x)
					r, f = x.Post(id, nil, nil) // nothing was consumed
				}
				wantSold(t, r, f, 8*dollar)
				if sent := x.Buyers.Calls("a", exchangetest.Post); sent[0].Field("zip") != "10001" {
					t.Errorf("sent %s, the ping's is 10001", sent[0].Body)
				}
				if p := exchangetest.Last[*ledger.Posting](x, id).Post; keep && fmt.Sprint(p.Changed) != "[age zip]" &&
					fmt.Sprint(p.Changed) != "[zip age]" {
					t.Errorf("changed: %v", p.Changed)
				}
			})
		})
	}
}

// A social security number comes whole with the post only; its last digits must be the ping's.
func TestSocialSecurityNumberOfThePostIsDelivered(t *testing.T) {
	s := one()
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, values{"ssn": "536-22-8726"})
		r, f := x.Post(id, values{"ssn": "536-22-8725"}, nil)
		wantSold(t, r, f, 8*dollar) // the price did not come from it: the event tells
		if p := exchangetest.Last[*ledger.Posting](x, id).Post; len(p.Changed) != 1 || p.Changed[0] != "ssn" {
			t.Errorf("changed: %v", p.Changed)
		}
		sent := x.Buyers.Calls("a", exchangetest.Post)
		if sent[0].Field("ssn") != "536-22-8725" {
			t.Errorf("sent: %s", sent[0].Body)
		}
		for _, ev := range x.Events(id) {
			if b := ev.AppendJSON(nil); containsAny(string(b), "536228725", "536-22-8725", "536228726") {
				t.Errorf("a whole number stands in the ledger: %s", b)
			}
		}
	})
}

func TestPostWithAValueThatCannotBeUsedHearsEverything(t *testing.T) {
	exchangetest.Run(t, one(), func(x *rig) {
		id := x.Quote(8*dollar, values{"age": "40"})
		r, f := x.Post(id, values{"phone": "12", "age": "x"}, func(in *exchange.PostIn) {
			in.Problems = []lead.Problem{{Field: "max_wait_ms", Expected: "a number"}}
		})
		wantFault(t, r, f, "invalid_lead")
		var fields []string
		for _, p := range f.Errors {
			fields = append(fields, p.Field)
		}
		if fmt.Sprint(fields) != "[max_wait_ms age phone]" {
			t.Errorf("problems with %v", fields)
		}
		r, f = x.Post(id, nil, nil)
		wantSold(t, r, f, 8*dollar)
		// A request that is wrong is refused, whatever has become of the lead.
		r, f = x.Post(id, nil, func(in *exchange.PostIn) { in.Problems = []lead.Problem{{Field: "x"}} })
		wantFault(t, r, f, "invalid_lead")
	})
}

func TestStatusTellsEachState(t *testing.T) {
	s := one()
	s.Campaigns[0].Post = exchangetest.Always(exchangetest.Accept("r").In(time.Second))
	exchangetest.Run(t, s, func(x *rig) {
		r := pinged(t, x, nil, func(p *exchange.Ping) { p.SellerLeadID = "S-1" })
		if st := x.Status(r.LeadID); st.Result != lead.ResultSuccess || !st.Quote || st.Price != 8*dollar ||
			st.SellerLeadID != "S-1" || !st.ExpiresAt.Equal(r.ExpiresAt) {
			t.Errorf("quoted: %+v", st)
		}
		heard := beside(func() (exchange.Reply, *exchange.Fault) {
			return x.Post(r.LeadID, nil, func(in *exchange.PostIn) { in.SellerLeadID = "S-2" })
		})
		x.Sleep(100 * time.Millisecond)
		wantPending(t, x.Status(r.LeadID), nil)
		a := <-heard
		wantSold(t, a.reply, a.fault, 8*dollar)
		if st := x.Status(r.LeadID); st.SellerLeadID != "S-2" || st.Quote || a.reply.SellerLeadID != "S-2" {
			t.Errorf("sold: %+v", st)
		}
		for _, id := range []string{"S-1", "S-2"} {
			found, f := x.Exchange.BySellerLeadID(x.Source("acme"), id)
			if f != nil || len(found) != 1 || found[0].LeadID != r.LeadID {
				t.Errorf("by %s: %+v, %v", id, found, f)
			}
		}
	})
}

func TestSellersIDFindsItsLeadsNewestFirst(t *testing.T) {
	s := one()
	s.Sources = []*exchange.Source{exchangetest.NewSource("other", "solar")}
	exchangetest.Run(t, s, func(x *rig) {
		called := func(p *exchange.Ping) { p.SellerLeadID = "S" }
		first := pinged(t, x, nil, called)
		x.Sleep(time.Second)
		second := pinged(t, x, nil, called)
		found, f := x.Exchange.BySellerLeadID(x.Source("acme"), "S")
		if f != nil || len(found) != 2 || found[0].LeadID != second.LeadID || found[1].LeadID != first.LeadID {
			t.Errorf("found %+v, %v", found, f)
		}
		if found, f = x.Exchange.BySellerLeadID(x.Source("other"), "S"); f != nil || len(found) != 0 {
			t.Errorf("another source finds %+v, %v", found, f)
		}
	})
}

// A trip that a crash cut off between two attempts goes on with the next bid while the quote lasts, and is a failure
// after it.
func TestTripThatACrashCutOffIsResumedOrConcluded(t *testing.T) {
	for name, late := range map[string]bool{"resumed": false, "resumed where received leads count": false,
		"concluded by a post": true, "by the status": true} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: capped(9), Post: silent},
				campaign{ID: "b", Price: 9 * dollar})
			if name == "resumed where received leads count" {
				s = vertical(s, func(v *exchange.Vertical) { v.Dedupe.Refuse = exchange.RefuseReceived })
			}
			exchangetest.Run(t, s, func(x *rig) {
				id := x.Quote(8*dollar, nil)
				heard := beside(func() (exchange.Reply, *exchange.Fault) {
					return x.Post(id, nil, func(in *exchange.PostIn) { in.SellerLeadID = "S-2" })
				})
				x.Sleep(time.Second)
				x.Crash()
				open := x.Open()
				if len(open) != 1 {
					t.Fatalf("open: %+v", open)
				}
				r, f := x.Post(id, nil, nil)
				wantPending(t, r, f)
				if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: open[0].Attempt}); err != nil {
					t.Fatal(err)
				}
				wantUsed(x, "a", 0)
				if late {
					x.Sleep(10 * time.Minute)
				} else {
					x.Sleep(10 * time.Second)
				}
				if name == "by the status" {
					r, f = x.Status(id), nil
				} else {
					r, f = x.Post(id, nil, nil)
				}
				if late {
					wantUnsold(t, r, f, lead.QuoteLost)
					wantPosted(x, "a")
				} else {
					wantSold(t, r, f, 8*dollar)
					wantPosted(x, "a", "b")
				}
				if again := x.Status(id); fmt.Sprint(again) != fmt.Sprint(r) || r.SellerLeadID != "S-2" {
					t.Errorf("status %+v, answer %+v", again, r)
				}
				<-heard
			})
		})
	}
}

// Who has heard the answer of a post may ask again at once.
func TestAnswerOfAPostMayBeRepeatedAtOnce(t *testing.T) {
	s := one()
	s.Campaigns[0].Post = declines
	exchangetest.Run(t, s, func(x *rig) {
		for range 300 {
			id := x.Quote(8*dollar, nil)
			first, f := x.Post(id, nil, nil)
			again, g := x.Post(id, nil, nil)
			if f != nil || g != nil || fmt.Sprint(again) != fmt.Sprint(first) {
				t.Fatalf("again %+v, %v, first %+v, %v", again, g, first, f)
			}
		}
	})
}

func TestStoppingLetsPostsEnd(t *testing.T) {
	s := one()
	s.Campaigns[0].Post = exchangetest.Always(exchangetest.Accept("r").In(time.Second))
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, nil)
		heard := post(x, id)
		x.Sleep(100 * time.Millisecond)
		x.Restart()
		a := <-heard
		wantSold(t, a.reply, a.fault, 8*dollar)
		if again := x.Status(id); fmt.Sprint(again) != fmt.Sprint(a.reply) {
			t.Errorf("status %+v, answer %+v", again, a.reply)
		}
	})
}

// A panic within a delivery is told as what the ledger knows, and leaves no claim behind.
func TestPanicLeavesNoClaimBehind(t *testing.T) {
	s := sellTo(2, campaign{ID: "a", Price: 10 * dollar, MaxSold: 2, Spec: capped(9)})
	s.Campaigns[0].Post = func(*exchangetest.Request) exchangetest.Answer { panic("a mistake") }
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantPending(t, r, f) // the attempt stands in the ledger: the buyer may have it
		wantUsed(x, "a", 1)
		r, f = x.Post(id, nil, nil)
		wantPending(t, r, f)
		if open := x.Open(); len(open) != 1 {
			t.Errorf("open: %+v", open)
		}
		x.Buyers.Set("a", exchangetest.Post, exchangetest.Always(exchangetest.Accept("r")))
		r, f = x.LeadNow(values{"phone": "2127365001"}, nil) // another person: no claim stands in its way
		wantSold(t, r, f, 8*dollar)
	})
	s = one()
	fails := func(*exchangetest.Request) exchangetest.Answer { panic("a mistake") }
	s.Campaigns[0].Ping = fails
	exchangetest.Run(t, s, func(x *rig) {
		for _, call := range []func(){func() { _, _ = x.Ping(jane, nil) }, func() { _, _ = x.LeadNow(jane, nil) },
			func() { _, _ = x.Ping(jane, func(p *exchange.Ping) { p.IdempotencyKey = "k" }) }} {
			panics(t, call)
		}
		x.Buyers.Set("a", exchangetest.Ping, exchangetest.Always(exchangetest.Bid(10*dollar)))
		pinged(t, x, jane, nil)
		pinged(t, x, jane, func(p *exchange.Ping) { p.IdempotencyKey = "k" })
		r, f := x.LeadNow(jane, nil)
		wantSold(t, r, f, 8*dollar)
	})
	exchangetest.Run(t, one(), func(x *rig) { // before there is a delivery
		id := x.Quote(8*dollar, nil)
		keyed := func(in *exchange.PostIn) { in.IdempotencyKey, in.BodyHash = "k", "h" }
		panics(t, func() {
			_, _ = x.Post(id, nil, func(in *exchange.PostIn) {
				keyed(in)
				in.Lead = nil // no door makes such a post
			})
		})
		r, f := x.Post(id, nil, keyed)
		wantSold(t, r, f, 8*dollar)
	})
}

// panics expects that a call does.
func panics(t *testing.T, call func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Error("it did not panic: this test must find another way")
		}
	}()
	call()
}

// Another person is seen by any field of the key that both ping and post have.
func TestAnotherPersonIsSeenByAnyFieldThatNamesThem(t *testing.T) {
	s := vertical(one(), func(v *exchange.Vertical) {
		email, _ := v.Schema.Position("email")
		v.Dedupe.Key = append(v.Dedupe.Key, rules.KeyField{Pos: email, Hash: -1})
	})
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, values{"phone": "2127365000"}) // of nobody yet
		r, f := x.Post(id, values{"phone": "2127365999", "email": "b@example.com"}, nil)
		wantFault(t, r, f, "other_person")
		r, f = x.Post(id, values{"email": "b@example.com"}, nil)
		wantSold(t, r, f, 8*dollar)
		r, f = x.Post(id, values{"email": "c@example.com"}, nil)
		wantFault(t, r, f, "other_person")
	})
}

func TestRefusedRequestsDoNotUseTheirKeyUp(t *testing.T) {
	exchangetest.Run(t, one(), func(x *rig) {
		id := x.Quote(8*dollar, nil)
		keyed := func(in *exchange.PostIn) { in.IdempotencyKey, in.BodyHash = "k", "h" }
		r, f := x.Ping(values{"zip": "x"}, func(p *exchange.Ping) { p.IdempotencyKey = "k" })
		wantFault(t, r, f, "invalid_lead")
		r, f = x.Post(lead.ID{1}, nil, keyed)
		wantFault(t, r, f, "not_found")
		r, f = x.Post(id, values{"phone": "12"}, keyed)
		wantFault(t, r, f, "invalid_lead")
		r, f = x.LeadNow(values{"phone": ""}, func(p *exchange.Ping) { p.IdempotencyKey = "k" })
		wantFault(t, r, f, "invalid_lead")
		r, f = x.Post(id, nil, keyed)
		wantSold(t, r, f, 8*dollar)
	})
}
