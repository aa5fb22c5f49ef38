// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"testing"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/rules"
)

var jane = values{"phone": "2127365000", "age": "40"}

// wantRepeat expects a failure as a repeat, with these details.
func wantRepeat(t *testing.T, r exchange.Reply, f *exchange.Fault, details string) {
	t.Helper()
	wantUnsold(t, r, f, lead.LeadRepeated)
	if r.Details != details {
		t.Errorf("the seller hears %q, want %q", r.Details, details)
	}
}

// older is the same person with another age: another lead.
func older(age string) values { return values{"phone": "2127365000", "age": age} }

const firstDay = "Lead previously received 2000-01-01"

// A person that is sold is a repeat for the window's time, to the moment, by whatever way the lead came.
func TestSoldPersonIsARepeatUntilTheWindowEnds(t *testing.T) {
	for name, sell := range map[string]func(*rig) (exchange.Reply, *exchange.Fault){
		"one shot": func(x *rig) (exchange.Reply, *exchange.Fault) { return x.LeadNow(jane, nil) },
		"posted": func(x *rig) (exchange.Reply, *exchange.Fault) {
			return x.Post(x.Quote(8*dollar, nil), nil, nil)
		}} {
		t.Run(name, func(t *testing.T) {
			exchangetest.Run(t, one(), func(x *rig) {
				r, f := sell(x)
				wantSold(t, r, f, 8*dollar)
				spare := x.Quote(8*dollar, nil)
				asked := len(x.Buyers.Calls("a", exchangetest.Ping))
				r, f = x.Post(spare, nil, nil) // this ping did not say who it was about
				wantRepeat(t, r, f, firstDay)
				again, f := x.Post(spare, nil, nil)
				wantRepeat(t, again, f, firstDay)
				for _, restart := range []bool{false, true} {
					if restart {
						x.Restart()
					}
					x.Sleep(time.Minute)
					r, f = x.Ping(older("41"), nil)
					wantRepeat(t, r, f, firstDay)
					r, f = x.LeadNow(older("42"), nil)
					wantRepeat(t, r, f, firstDay)
				}
				x.Sleep(58*time.Minute - time.Microsecond)
				r, f = x.LeadNow(older("43"), nil)
				wantRepeat(t, r, f, firstDay)
				r, f = x.Ping(older("44"), nil)
				wantRepeat(t, r, f, firstDay)
				if n := len(x.Buyers.Calls("a", exchangetest.Ping)); n != asked {
					t.Error("buyers were asked about a repeat")
				}
				x.Sleep(time.Microsecond)
				if r, f = x.Ping(older("45"), nil); f != nil || r.Result != lead.ResultSuccess {
					t.Errorf("a ping at the window's end: %+v, %v", r, f)
				}
				r, f = x.LeadNow(older("46"), nil)
				wantSold(t, r, f, 8*dollar)
			})
		})
	}
}

// The sale that counts may not be the person's last lead, where another rule has let one in meanwhile.
func TestSoldPersonIsARepeatAlsoAfterALeadThatWasNotSold(t *testing.T) {
	sell := func(x *rig) {
		r, f := x.LeadNow(jane, nil)
		wantSold(t, r, f, 8*dollar)
	}
	for name, first := range map[string]func(x *rig){"one shot": sell, "posted": func(x *rig) {
		r, f := x.Post(x.Quote(8*dollar, nil), nil, nil)
		wantSold(t, r, f, 8*dollar)
	}, "pending": func(x *rig) {
		x.Buyers.Set("a", exchangetest.Post, silent)
		r, f := x.Post(x.Quote(8*dollar, nil), nil, nil)
		wantPending(t, r, f)
	}} {
		t.Run(name, func(t *testing.T) {
			noRule := vertical(one(), func(v *exchange.Vertical) { v.Dedupe.Refuse = exchange.RefuseNone })
			exchangetest.Run(t, one(), func(x *rig) {
				first(x)
				x.Sleep(30 * time.Minute)
				x.Reload(noRule)
				x.Buyers.Set("a", exchangetest.Post, declines)
				r, f := x.LeadNow(older("41"), nil)
				wantUnsold(t, r, f, lead.BuyerRejected)
				x.Reload(one())
				for _, restart := range []bool{false, true} {
					if restart {
						x.Restart()
					}
					r, f = x.LeadNow(older("42"), nil)
					wantRepeat(t, r, f, firstDay)
				}
				x.Sleep(30 * time.Minute)
				r, f = x.LeadNow(older("43"), nil)
				wantSold(t, r, f, 8*dollar)
			})
		})
	}
}

func TestUnsoldPersonMayComeAgainUnlessReceivedLeadsCount(t *testing.T) {
	for name, c := range map[string]struct {
		rule   exchange.Refuse
		repeat bool
	}{"sold": {exchange.RefuseSold, false}, "received": {exchange.RefuseReceived, true},
		"none": {exchange.RefuseNone, false}} {
		t.Run(name, func(t *testing.T) {
			s := vertical(one(), func(v *exchange.Vertical) { v.Dedupe.Refuse = c.rule })
			s.Campaigns[0].Post = exchangetest.Script(exchangetest.Decline("no"), exchangetest.Accept("r"))
			exchangetest.Run(t, s, func(x *rig) {
				first, f := x.LeadNow(jane, nil)
				wantUnsold(t, first, f, lead.BuyerRejected)
				again, f := x.LeadNow(older("41"), nil)
				if c.repeat {
					wantRepeat(t, again, f, firstDay)
					x.Sleep(time.Hour - time.Microsecond)
					again, f = x.LeadNow(older("42"), nil)
					wantRepeat(t, again, f, firstDay)
					x.Sleep(time.Microsecond)
					again, f = x.LeadNow(older("43"), nil)
				}
				wantSold(t, again, f, 8*dollar)
				p, f := x.Ping(jane, nil)
				if c.rule == exchange.RefuseNone {
					if f != nil || p.Result != lead.ResultSuccess {
						t.Errorf("ping: %+v, %v", p, f)
					}
				} else {
					wantUnsold(t, p, f, lead.LeadRepeated)
				}
			})
		})
	}
}

// A lead whose end is not known counts as sold until it is.
func TestPendingPersonIsARepeatUntilItIsResolved(t *testing.T) {
	s := one()
	s.Campaigns[0].Post = exchangetest.Script(exchangetest.Silence(), exchangetest.Accept("r"))
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.LeadNow(jane, nil)
		wantPending(t, r, f)
		r, f = x.Ping(jane, nil)
		wantRepeat(t, r, f, firstDay)
		x.Restart()
		r, f = x.LeadNow(older("41"), nil)
		wantRepeat(t, r, f, firstDay)
		if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: x.Open()[0].Attempt}); err != nil {
			t.Fatal(err)
		}
		r, f = x.LeadNow(older("42"), nil)
		wantSold(t, r, f, 8*dollar)
	})
}

// The very same lead in one shot hears the first answer for the window's time, to the moment.
func TestSameOneShotLeadHearsTheFirstAnswerUntilTheWindowEnds(t *testing.T) {
	s := vertical(one(), func(v *exchange.Vertical) { v.Dedupe.Refuse = exchange.RefuseNone })
	exchangetest.Run(t, s, func(x *rig) {
		first, f := x.LeadNow(jane, nil)
		wantSold(t, first, f, 8*dollar)
		for _, wait := range []time.Duration{0, time.Hour - time.Microsecond} {
			x.Sleep(wait)
			again, f := x.LeadNow(jane, nil)
			wantSold(t, again, f, 8*dollar)
			if again.LeadID != first.LeadID {
				t.Errorf("after %v it is another lead", wait)
			}
		}
		if n := len(x.Buyers.Calls("a", exchangetest.Post)); n != 1 {
			t.Errorf("%d posts", n)
		}
		x.Sleep(time.Microsecond)
		again, f := x.LeadNow(jane, nil)
		wantSold(t, again, f, 8*dollar)
		if again.LeadID == first.LeadID {
			t.Error("after the window it is the first lead still")
		}
		for name, other := range map[string]values{"another value": older("41"), "another person": {"age": "40",
			"phone": "2127365001"}} {
			if r, _ := x.LeadNow(other, nil); r.LeadID == again.LeadID {
				t.Errorf("%s: it is the same lead", name)
			}
		}
		r, _ := x.LeadNow(jane, func(p *exchange.Ping) { p.MinPrice = dollar })
		if r.LeadID == again.LeadID {
			t.Error("another minimum: it is the same lead")
		}
		// what the seller calls it makes no other lead of it
		if r, _ = x.LeadNow(jane, func(p *exchange.Ping) { p.SellerLeadID = "S" }); r.LeadID != again.LeadID {
			t.Error("another id of the seller's: it is another lead")
		}
	})
}

func TestScopeSaysWhoseLeadsCount(t *testing.T) {
	exchangetest.Run(t, mixed(scopeAll), func(x *rig) {
		r, f := x.LeadNow(jane, nil)
		wantSold(t, r, f, 8*dollar)
		r, f = x.Ping(jane, by(x, "other"))
		wantRepeat(t, r, f, "Lead previously received") // of another source's lead nothing is told
		r, f = x.LeadNow(jane, by(x, "other"))
		wantRepeat(t, r, f, "Lead previously received")
		r, f = x.Ping(jane, nil)
		wantRepeat(t, r, f, firstDay)
		if r, f = x.Ping(jane, by(x, "third")); f != nil || r.Result != lead.ResultSuccess {
			t.Errorf("a source with a rule of its own: %+v, %v", r, f)
		}
		var repeated int64
		x.Exchange.Stats.Sources(func(_ string, t *exchange.SourceTally) { repeated += t.Repeated.Load() })
		if repeated != 3 {
			t.Errorf("%d repeats are counted", repeated)
		}
	})
}

// Of a person's leads that come at once one is sold, whichever way they came.
func TestTwoLeadsOfAPersonAtOnceAreOneSale(t *testing.T) {
	s := one()
	s.Campaigns[0].Post = exchangetest.Always(exchangetest.Accept("r").In(time.Second))
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, nil)
		first := post(x, id)
		x.Sleep(100 * time.Millisecond)
		r, f := x.LeadNow(older("41"), nil)
		wantFault(t, r, f, "person_in_progress")
		r, f = x.Post(x.Quote(8*dollar, nil), nil, nil)
		wantFault(t, r, f, "person_in_progress")
		a := <-first
		wantSold(t, a.reply, a.fault, 8*dollar)
		r, f = x.LeadNow(older("41"), nil)
		wantRepeat(t, r, f, firstDay)
		wantPosted(x, "a")
	})
}

// A rule for hashes of the phone number knows a person by either.
func TestHashesMeetThePerson(t *testing.T) {
	const md5 = "7ef4d55f65b0ee3e9e2ec1d4ea5c0e1b" // of nobody in these tests
	s := vertical(one(), func(v *exchange.Vertical) {
		hash, _ := v.Schema.Position("phone_hash")
		v.Dedupe.Key[0].Hash = hash
	})
	exchangetest.Run(t, s, func(x *rig) {
		l := x.LeadOf(x.Vertical("solar"), jane)
		pos, _ := l.Schema().Position("phone")
		hashes := map[string]string{}
		for name, part := range map[string]lead.Part{"md5": lead.PartMD5, "sha1": lead.PartSHA1,
			"sha256": lead.PartSHA256} {
			b, ok := l.AppendPart(nil, pos, part)
			if !ok {
				t.Fatal(name)
			}
			hashes[name] = string(b)
		}
		id := x.Quote(8*dollar, values{"phone_hash": hashes["sha1"]})
		r, f := x.Post(id, values{"phone": "2127365001"}, nil)
		wantFault(t, r, f, "other_person")
		r, f = x.Post(id, nil, nil)
		wantSold(t, r, f, 8*dollar)
		x.Restart()
		r, f = x.Ping(values{"phone": "2127365000"}, nil)
		wantRepeat(t, r, f, firstDay)
		for name, h := range hashes {
			r, f = x.Ping(values{"phone_hash": h}, nil)
			wantUnsold(t, r, f, lead.LeadRepeated)
			if r.Details != firstDay {
				t.Errorf("%s: %q", name, r.Details)
			}
		}
		if r, f = x.Ping(values{"phone_hash": md5}, nil); f != nil || r.Result != lead.ResultSuccess {
			t.Errorf("the hash of another person: %+v, %v", r, f)
		}
	})
}

// by has a lead be another source's.
func by(x *rig, source string) func(*exchange.Ping) {
	return func(p *exchange.Ping) { p.Source = x.Source(source) }
}

// mixed has one buyer, and three sources: acme, other, and third, whose leads are compared with its own only.
func mixed(rule func(*exchange.Dedupe)) setup {
	third := exchangetest.NewSource("third", "solar")
	s := vertical(one(), func(v *exchange.Vertical) {
		rule(&v.Dedupe)
		own := v.Dedupe
		own.Scope, own.Refuse = exchange.ScopeSource, exchange.RefuseSold
		third.Dedupe = []*exchange.Dedupe{&own}
	})
	s.Sources = []*exchange.Source{exchangetest.NewSource("other", "solar"), third}
	return s
}

func scopeAll(d *exchange.Dedupe)   { d.Scope = exchange.ScopeVertical }
func scopeOwn(d *exchange.Dedupe)   { d.Scope = exchange.ScopeSource }
func refuseNone(d *exchange.Dedupe) { d.Refuse = exchange.RefuseNone }

// withoutAcme is a setup in which acme is called otherwise: the source is gone.
func withoutAcme(s setup) setup {
	s.Source = func(s *exchange.Source) { s.ID = "emca" }
	return s
}

// What a delivery has begun on one configuration excludes what begins on the next, whatever scope either has, and
// though its source is gone by then.
func TestPersonIsSoldOnceAcrossAReloadOfTheScope(t *testing.T) {
	for name, c := range map[string]struct{ before, after setup }{
		"source, then vertical": {mixed(scopeOwn), mixed(scopeAll)},
		"vertical, then source": {mixed(scopeAll), mixed(scopeOwn)},
		"none, then vertical":   {mixed(refuseNone), mixed(scopeAll)},
		"the source is gone":    {mixed(scopeAll), withoutAcme(mixed(scopeAll))},
	} {
		t.Run(name, func(t *testing.T) {
			c.before.Campaigns[0].Ping = exchangetest.Always(exchangetest.Bid(10 * dollar).In(300 * time.Millisecond))
			exchangetest.Run(t, c.before, func(x *rig) {
				first := beside(func() (exchange.Reply, *exchange.Fault) { return x.LeadNow(jane, nil) })
				x.Sleep(100 * time.Millisecond)
				x.Reload(c.after)
				x.Seller = "other"
				r, f := x.LeadNow(jane, nil)
				wantFault(t, r, f, "person_in_progress")
				a := <-first
				wantSold(t, a.reply, a.fault, 8*dollar)
				wantPosted(x, "a")
			})
		})
	}
}

// An attempt that a crash has cut off may be a sale: it counts as one among the person's leads, also behind a later one
// of another source that is not sold.
func TestCutOffAttemptCountsAsSoldInMixedScopes(t *testing.T) {
	for name, sell := range map[string]func(x *rig) chan told{
		"posted": func(x *rig) chan told { return post(x, x.Quote(8*dollar, nil)) },
		"one shot": func(x *rig) chan told {
			return beside(func() (exchange.Reply, *exchange.Fault) { return x.LeadNow(jane, nil) })
		}} {
		t.Run(name, func(t *testing.T) {
			s := mixed(scopeAll)
			s.Campaigns[0].Post = exchangetest.Script(exchangetest.Accept("r").In(time.Second),
				exchangetest.Decline("no"))
			exchangetest.Run(t, s, func(x *rig) {
				heard := sell(x)
				x.Sleep(500 * time.Millisecond)
				x.Crash()
				r, f := x.LeadNow(older("41"), by(x, "third"))
				wantUnsold(t, r, f, lead.BuyerRejected)
				r, f = x.LeadNow(older("42"), by(x, "other"))
				wantRepeat(t, r, f, "Lead previously received")
				r, f = x.Ping(older("43"), by(x, "other"))
				wantRepeat(t, r, f, "Lead previously received")
				r, f = x.LeadNow(older("44"), nil)
				wantRepeat(t, r, f, firstDay)
				wantPosted(x, "a", "a")
				<-heard
			})
		})
	}
}

// What is sold stays known behind later leads of the same person that are not, whoever sent them, whatever the rules
// were when those came, and when its source is gone.
func TestSaleIsKnownBehindLaterLeadsOfAllSources(t *testing.T) {
	exchangetest.Run(t, mixed(refuseNone), func(x *rig) {
		r, f := x.LeadNow(jane, nil)
		wantSold(t, r, f, 8*dollar)
		x.Buyers.Set("a", exchangetest.Post, silent)
		for _, x.Seller = range []string{"acme", "other"} {
			r, f = x.LeadNow(older("41"), nil)
			wantPending(t, r, f)
			if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: x.Open()[0].Attempt}); err != nil {
				t.Fatal(err)
			}
		}
		for _, next := range []setup{mixed(scopeAll), withoutAcme(mixed(scopeAll))} {
			x.Reload(next)
			r, f = x.Ping(older("42"), nil)
			wantRepeat(t, r, f, "Lead previously received")
			x.Restart()
			r, f = x.LeadNow(older("43"), nil)
			wantRepeat(t, r, f, "Lead previously received")
		}
	})
}

// A source may know its persons by other fields than its vertical, and for another time.
func TestSourceHasAPersonKeyAndAWindowOfItsOwn(t *testing.T) {
	s := one()
	s.Source = func(s *exchange.Source) {
		schema := exchangetest.NewVertical("solar").Schema
		email, _ := schema.Position("email")
		s.Dedupe = []*exchange.Dedupe{{Key: rules.PersonKey{{Pos: email, Hash: -1}}, Window: time.Minute}}
	}
	exchangetest.Run(t, s, func(x *rig) {
		of := func(phone, email string) (exchange.Reply, *exchange.Fault) {
			return x.LeadNow(values{"phone": phone, "email": email}, nil)
		}
		r, f := of("2127365000", "jane@example.com")
		wantSold(t, r, f, 8*dollar)
		r, f = of("2127365000", "joe@example.com")
		wantSold(t, r, f, 8*dollar)
		r, f = of("2127365001", "JANE@example.com")
		wantRepeat(t, r, f, firstDay)
		x.Sleep(time.Minute)
		r, f = of("2127365001", "jane@example.com")
		wantSold(t, r, f, 8*dollar)
	})
}

// A post that does not say who it is about by the rule of now is about whom its ping was.
func TestPersonOfThePingStandsWhereThePostNamesNone(t *testing.T) {
	two := vertical(one(), func(v *exchange.Vertical) {
		email, _ := v.Schema.Position("email")
		v.Dedupe.Key = append(v.Dedupe.Key, rules.KeyField{Pos: email, Hash: -1})
	})
	exchangetest.Run(t, one(), func(x *rig) {
		id := x.Quote(8*dollar, jane)
		x.Reload(two)
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 8*dollar)
		x.Reload(one())
		r, f = x.LeadNow(older("41"), nil)
		wantRepeat(t, r, f, firstDay)
	})
}

// Of two leads of a person at once one is sold, also where one comes with the hash of what the other comes with.
func TestPersonAndItsHashAtOnceAreOneSale(t *testing.T) {
	s := fields(sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: sends,
		Post: exchangetest.Always(exchangetest.Accept("r").In(time.Second))}),
		lead.Field{Name: "zip", Required: lead.AtPing},
		lead.Field{Name: "phone_hash", Type: lead.TypeHash, Personal: true})
	s = vertical(s, func(v *exchange.Vertical) { v.Dedupe.Key[0].Hash, _ = v.Schema.Position("phone_hash") })
	exchangetest.Run(t, s, func(x *rig) {
		l := x.LeadOf(x.Vertical("solar"), values{"phone": "2127365000"})
		pos, _ := l.Schema().Position("phone")
		for _, p := range []lead.Part{lead.PartMD5, lead.PartSHA1, lead.PartSHA256} {
			sum, _ := l.AppendPart(nil, pos, p)
			hashed := values{"phone": "", "phone_hash": string(sum)}
			for _, order := range [][2]values{{{"phone": "2127365000"}, hashed}, {hashed, {"phone": "2127365000"}}} {
				first := beside(func() (exchange.Reply, *exchange.Fault) { return x.LeadNow(order[0], nil) })
				x.Sleep(100 * time.Millisecond)
				r, f := x.LeadNow(order[1], nil)
				wantFault(t, r, f, "person_in_progress")
				a := <-first
				wantSold(t, a.reply, a.fault, 8*dollar)
				x.Sleep(2 * time.Hour) // the window is over: the person may come again
			}
		}
	})
}
