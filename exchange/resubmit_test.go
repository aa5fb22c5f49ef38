// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
	"clearpost/wire/request"
)

// takesOld has a campaign take leads of this age, in minutes.
func takesOld(minutes int) func(*buyers.CampaignSpec) {
	return func(c *buyers.CampaignSpec) { c.LeadAgeMaxM = &minutes }
}

// inVertical has a campaign be of another vertical than solar.
func inVertical(id string) func(*buyers.CampaignSpec) {
	return func(c *buyers.CampaignSpec) { c.Vertical = id }
}

// anew resubmits a lead.
func anew(x *rig, id lead.ID, edit ...func(*exchange.Resubmission)) (exchange.Resubmitted, error) {
	r := exchange.Resubmission{Lead: id, Why: "asked", By: "op"}
	for _, f := range edit {
		f(&r)
	}
	return x.Exchange.Resubmit(r)
}

// wantAnew expects that a lead was resubmitted, and gives the new one's id.
func wantAnew(x *rig, got exchange.Resubmitted, err error, result string) lead.ID {
	x.T.Helper()
	if err != nil || got.Answer == nil || got.Answer.Result != result {
		x.T.Fatalf("resubmitted: %+v (%+v), %v; want %s", got, got.Answer, err, result)
	}
	id, err := lead.ParseID(got.As)
	if err != nil {
		x.T.Fatal(err)
	}
	return id
}

// wantNotAnew expects that a lead is not resubmitted, with these words in the reason.
func wantNotAnew(t *testing.T, err, is error, words string) {
	t.Helper()
	if !errors.Is(err, is) || !strings.Contains(err.Error(), words) {
		t.Errorf("resubmitted: %v, want %v: %s", err, is, words)
	}
}

// refusesOnce is a buyer who refuses the first lead and takes the rest.
func refusesOnce() exchangetest.Buyer {
	list := []exchangetest.Answer{exchangetest.Decline("bad zip")}
	for i := range 20 {
		list = append(list, exchangetest.Accept(fmt.Sprint("R-", i)))
	}
	return exchangetest.Script(list...)
}

// An unsold lead is offered anew with another value: a lead of its own, of the same seller, whose status the old one's
// follows. Whoever says so twice hears of the same.
func TestUnsoldLeadIsOfferedAnew(t *testing.T) {
	c := campaign{ID: "a", Price: 20 * dollar, Spec: both(capped(5), takesOld(60)), Post: refusesOnce()}
	exchangetest.Run(t, sellTo(1, c), func(x *rig) {
		old := x.Quote(16*dollar, values{"age": "40"})
		r, f := x.Post(old, nil, func(in *exchange.PostIn) { in.SellerLeadID = "s-1" })
		wantUnsold(t, r, f, lead.BuyerRejected)
		x.Sleep(10 * time.Minute)
		fix := func(r *exchange.Resubmission) {
			r.Set, r.Ref = map[string]string{"zip": "10002", "age": ""}, "ticket-7"
		}
		dry, err := anew(x, old, fix, func(r *exchange.Resubmission) { r.DryRun = true })
		if err != nil || dry.As != "" || !slices.Equal(dry.Wanted, []string{"a"}) ||
			!slices.Equal(dry.Changed, []string{"zip"}) || !slices.Equal(dry.Dropped, []string{"age"}) {
			t.Errorf("dry: %+v, %v", dry, err)
		}
		got, err := anew(x, old, fix)
		id := wantAnew(x, got, err, lead.ResultSuccess)
		if got.Known || got.Hop != 1 || got.Vertical != "solar" || id == old {
			t.Errorf("%+v", got)
		}
		for _, again := range []func(*exchange.Resubmission){fix, func(r *exchange.Resubmission) { r.Ref = "" }} {
			same, err := anew(x, old, again)
			if as := wantAnew(x, same, err, lead.ResultSuccess); !same.Known || as != id {
				t.Errorf("again: %+v", same)
			}
		}
		_, err = anew(x, old, func(r *exchange.Resubmission) { r.Ref = "ticket-8" })
		wantNotAnew(t, err, exchange.ErrResubmitted, id.String())
		_, err = anew(x, id)
		wantNotAnew(t, err, exchange.ErrNotUnsold, "it is sold")
		wantUsed(x, "a", 1)
		wantPosted(x, "a", "a")
		if zip := x.Buyers.Calls("a", exchangetest.Post)[1].Field("zip"); zip != "10002" {
			t.Errorf("the buyer got zip %q", zip)
		}
		linked(x, old, id)
		for _, of := range []lead.ID{old, id} {
			s := x.Status(of)
			wantSold(t, s, nil, 16*dollar)
			if s.LeadID != of || (of == old) != (s.ResubmittedAs == id) || (of == id) != (s.Resubmits == old) {
				t.Errorf("status of %s: %+v", of, s)
			}
		}
		if list, f := x.Exchange.BySellerLeadID(x.Source("acme"), "s-1"); f != nil || len(list) != 1 ||
			list[0].LeadID != id {
			t.Errorf("by the seller's id: %+v, %v", list, f)
		}
		first, f := x.Post(old, nil, nil) // a repeat has the first answer, and where it went
		wantUnsold(t, first, f, lead.BuyerRejected)
		if first.ResubmittedAs != id {
			t.Errorf("a repeat: %+v", first)
		}
		if left := unsoldOf(x); len(left) != 0 {
			t.Errorf("unsold: %v", left)
		}
	})
}

// linked expects that two leads tell of each other, in events and in explanations.
func linked(x *rig, old, id lead.ID) {
	x.T.Helper()
	to, from := exchangetest.Last[*ledger.Adjusted](x, old), exchangetest.All[*ledger.Pinged](x, id)[0].Resubmits
	if to.Adjustment != ledger.AdjustResubmitted || to.Resubmission.Lead != id || to.Why != "asked" || to.By != "op" {
		x.T.Errorf("the old lead tells %+v, %+v", to, to.Resubmission)
	}
	if from == nil || from.Lead != old || from.Why != "asked" || from.Ref != to.Ref ||
		from.Hop != to.Resubmission.Hop ||
		!from.ReceivedAt.Equal(to.Resubmission.ReceivedAt) || !slices.Equal(from.Changed, to.Resubmission.Changed) {
		x.T.Errorf("the new lead tells %+v", from)
	}
	a, _, err := x.Exchange.Explain(old)
	b, _, err2 := x.Exchange.Explain(id)
	if err != nil || err2 != nil || a.ResubmittedAs == nil || b.Resubmits == nil || a.Resubmits != nil ||
		b.ResubmittedAs != nil || a.Now != b.Now {
		x.T.Errorf("explained: %v, %v: %+v, %+v", err, err2, a.ResubmittedAs, b.Resubmits)
	}
}

// What is sold, may be, or is on its way is not offered anew; nor is what nobody has whole.
func TestWhatIsNotOfferedAnew(t *testing.T) {
	c := campaign{ID: "a", Price: 20 * dollar, Spec: both(defers(), takesOld(600)), Post: exchangetest.Script(
		exchangetest.Accept("R"), exchangetest.Silence(), exchangetest.Unreachable(), exchangetest.Decline("no"))}
	s := sellTo(1, c)
	s.Source = func(s *exchange.Source) { tells(s); s.Tests = true }
	exchangetest.Run(t, s, func(x *rig) {
		x.Exchange.Warm()
		ping := x.Quote(16*dollar, nil)
		_, err := anew(x, ping)
		wantNotAnew(t, err, exchange.ErrNotUnsold, "only its ping")
		sold, _ := x.LeadNow(nil, nil)
		_, err = anew(x, sold.LeadID)
		wantNotAnew(t, err, exchange.ErrNotUnsold, "it is sold")
		unknown, _ := x.LeadNow(values{"phone": "2127365001"}, nil)
		_, err = anew(x, unknown.LeadID)
		wantNotAnew(t, err, exchange.ErrNotUnsold, "not known yet")
		waits, f := x.LeadNow(values{"phone": "2127365002"}, nil)
		wantQueued(t, waits, f)
		_, err = anew(x, waits.LeadID)
		wantNotAnew(t, err, exchange.ErrNotUnsold, "in the queue")
		test, _ := x.LeadNow(values{"phone": "2127365003"}, func(p *exchange.Ping) {
			p.Test = exchange.TestAsk{On: true, Want: lead.TestRejected}
		})
		_, err = anew(x, test.LeadID)
		wantNotAnew(t, err, exchange.ErrNotUnsold, "test")
		_, err = anew(x, lead.ID{15: 1})
		wantNotAnew(t, err, exchange.ErrNoLead, "")
		x.Sleep(2 * time.Minute)
		wantUnsold(t, x.Status(waits.LeadID), nil, lead.BuyerRejected)
		for _, bad := range []struct {
			set, to map[string]string
			vert    string
			is      error
			words   string
		}{
			{set: map[string]string{"colour": "red"}, is: exchange.ErrResubmitTo, words: `"colour"`},
			{to: map[string]string{"shade": "zip"}, is: exchange.ErrResubmitTo, words: `"shade"`},
			{vert: "roofing", is: exchange.ErrResubmitTo, words: `no vertical "roofing"`},
		} {
			_, err = anew(x, waits.LeadID, func(r *exchange.Resubmission) {
				r.Set, r.Map, r.Vertical = bad.set, bad.to, bad.vert
			})
			wantNotAnew(t, err, bad.is, bad.words)
		}
		_, err = anew(x, waits.LeadID, func(r *exchange.Resubmission) { r.Set = map[string]string{"phone": "12"} })
		if f := (*exchange.Fault)(nil); !errors.As(err, &f) || f.Kind != exchange.FaultInvalid || len(f.Errors) != 1 {
			t.Errorf("a value that cannot be used: %v", err)
		}
		if n := len(exchangetest.All[*ledger.Adjusted](x, waits.LeadID)); n != 0 {
			t.Errorf("%d events of it", n)
		}
	})
}

// A lead is as old as the first of its chain: nobody gets one that is older than it takes, whoever waits for it.
func TestAgeCountsFromTheFirstLead(t *testing.T) {
	young := campaign{ID: "young", Price: 30 * dollar, Post: exchangetest.Script(exchangetest.Decline("no"))}
	old := campaign{ID: "old", Price: 20 * dollar, Spec: both(takesOld(90), capped(9)), Post: exchangetest.Script(
		exchangetest.Decline("no"), exchangetest.Decline("no"), exchangetest.Accept("R"))}
	exchangetest.Run(t, sellTo(1, young, old), func(x *rig) {
		first, f := x.LeadNow(nil, nil)
		wantUnsold(t, first, f, lead.BuyerRejected)
		wantPosted(x, "young", "old")
		x.Sleep(60 * time.Minute)
		got, err := anew(x, first.LeadID)
		second := wantAnew(x, got, err, lead.ResultFailure)
		wantPosted(x, "young", "old", "old")
		for _, b := range exchangetest.All[*ledger.Pinged](x, second)[0].Bids {
			if (b.Campaign == "young") != (b.Refusal == lead.TooOld) {
				t.Errorf("%s: %s", b.Campaign, b.Refusal)
			}
		}
		x.Sleep(30*time.Minute + time.Second)
		got, err = anew(x, second)
		third := wantAnew(x, got, err, lead.ResultFailure)
		wantPosted(x, "young", "old", "old")
		if got.Hop != 2 || exchangetest.All[*ledger.Pinged](x, third)[0].Resubmits.First != first.LeadID {
			t.Errorf("%+v", got)
		}
		wantUnsold(t, x.Status(first.LeadID), nil, lead.NoBids)
	})
}

// A lead goes on so many times, and not once more.
func TestHopsHaveALimit(t *testing.T) {
	c := campaign{ID: "a", Price: 20 * dollar, Spec: takesOld(600), Post: declines}
	exchangetest.Run(t, sellTo(1, c), func(x *rig) {
		r, _ := x.LeadNow(nil, nil)
		id := r.LeadID
		_, err := anew(x, id, func(r *exchange.Resubmission) { r.HopsMax = 1 })
		if err != nil {
			t.Fatal(err)
		}
		for hop := 2; hop <= exchange.ResubmitHopsMost; hop++ {
			id = exchangetest.Last[*ledger.Adjusted](x, id).Resubmission.Lead
			_, err := anew(x, id, func(r *exchange.Resubmission) { r.HopsMax = hop - 1 })
			wantNotAnew(t, err, exchange.ErrNotUnsold, fmt.Sprintf("%d are allowed", hop-1))
			got, err := anew(x, id)
			if wantAnew(x, got, err, lead.ResultFailure); got.Hop != hop {
				t.Errorf("hop %d: %+v", hop, got)
			}
		}
		id = exchangetest.Last[*ledger.Adjusted](x, id).Resubmission.Lead
		_, err = anew(x, id)
		wantNotAnew(t, err, exchange.ErrNotUnsold, "10 are allowed")
	})
}

// The old lead is no repeat of which the new one would be; another lead of the person is.
func TestDuplicateRulesApply(t *testing.T) {
	c := campaign{ID: "a", Price: 20 * dollar, Spec: takesOld(600), Post: refusesOnce()}
	for name, refuse := range map[string]exchange.Refuse{"sold": exchange.RefuseSold,
		"received": exchange.RefuseReceived} {
		t.Run(name, func(t *testing.T) {
			s := vertical(sellTo(1, c), func(v *exchange.Vertical) {
				v.Dedupe.Refuse, v.Dedupe.Window = refuse, 24*time.Hour
			})
			s.Campaigns[0].Post = refusesOnce()
			exchangetest.Run(t, s, func(x *rig) {
				first, f := x.LeadNow(nil, nil)
				wantUnsold(t, first, f, lead.BuyerRejected)
				got, err := anew(x, first.LeadID)
				wantAnew(x, got, err, lead.ResultSuccess)
				r, f := x.LeadNow(values{"age": "33"}, nil) // its person is sold
				wantUnsold(t, r, f, lead.LeadRepeated)
				got, err = anew(x, r.LeadID)
				wantAnew(x, got, err, lead.ResultFailure)
				wantPosted(x, "a", "a")
				// and one that is another person's after all is none
				id, _ := lead.ParseID(got.As)
				got, err = anew(x, id, func(r *exchange.Resubmission) {
					r.Set = map[string]string{"phone": "2127365009"}
				})
				wantAnew(x, got, err, lead.ResultSuccess)
			})
		})
	}
}

// agedVertical is a vertical of leads that others did not want, with another name for the postal code.
func agedVertical(more ...func(*exchange.Vertical)) *exchange.Vertical {
	v := exchangetest.NewVertical("aged")
	schema, errs := lead.NewSchema("aged", []lead.Field{{Name: "phone", Type: lead.TypePhone, Required: lead.AtPost},
		{Name: "where", Type: lead.TypePostalCode, Required: lead.AtPing}})
	if errs != nil {
		panic(errs)
	}
	v.Schema = schema
	pos, _ := schema.Position("phone")
	v.Dedupe.Key = rules.PersonKey{{Pos: pos, Hash: -1}}
	v.Tests.ZIP, _ = schema.Position("where")
	for _, f := range more {
		f(v)
	}
	return v
}

func agedBuyer(post exchangetest.Buyer) campaign {
	return campaign{ID: "old", Price: 5 * dollar, Post: post, Spec: both(inVertical("aged"), takesOld(1440),
		func(c *buyers.CampaignSpec) {
			for _, e := range []*buyers.EndpointSpec{c.Ping, c.Post} {
				e.Request.Fields = slices.DeleteFunc(e.Request.Fields, func(f request.FieldSpec) bool {
					return f.From == "age" || f.From == "ssn"
				})
				for i := range e.Request.Fields {
					if f := &e.Request.Fields[i]; f.From == "zip" {
						f.From = "where"
					}
				}
			}
		})}
}

// A lead goes to another vertical by a mapping of its fields, and pays by the margin of there.
func TestLeadGoesToAnotherVertical(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 20 * dollar, Post: declines}, agedBuyer(nil))
	s.Verticals = append(s.Verticals, agedVertical())
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.LeadNow(values{"age": "40"}, nil)
		wantUnsold(t, r, f, lead.BuyerRejected)
		_, err := anew(x, r.LeadID, func(r *exchange.Resubmission) { r.Vertical = "aged" })
		if f := (*exchange.Fault)(nil); !errors.As(err, &f) || f.Kind != exchange.FaultInvalid {
			t.Errorf("without its postal code: %v", err)
		}
		got, err := anew(x, r.LeadID, func(r *exchange.Resubmission) {
			r.Vertical, r.Map = "aged", map[string]string{"where": "zip"}
		})
		id := wantAnew(x, got, err, lead.ResultSuccess)
		wantSold(t, x.Status(r.LeadID), nil, 4*dollar)
		if !slices.Equal(got.Changed, []string{"where"}) || !slices.Equal(got.Dropped, []string{"age"}) ||
			got.Vertical != "aged" {
			t.Errorf("%+v", got)
		}
		p := exchangetest.All[*ledger.Pinged](x, id)[0]
		if where, _ := p.Fields.Get("where"); where != "10001" || p.Resubmits.Vertical != "solar" ||
			exchangetest.Last[*ledger.Adjusted](x, r.LeadID).Resubmission.Vertical != "aged" {
			t.Errorf("%+v, %+v", p.Fields, p.Resubmits)
		}
		linked(x, r.LeadID, id)
	})
}

// Many who resubmit the same lead at once come to one trip.
func TestResubmittedAtOnceIsOneTrip(t *testing.T) {
	c := campaign{ID: "a", Price: 20 * dollar, Spec: both(capped(9), takesOld(60)), Post: refusesOnce()}
	exchangetest.Run(t, sellTo(1, c), func(x *rig) {
		r, _ := x.LeadNow(nil, nil)
		var all sync.WaitGroup
		var mu sync.Mutex
		ids := map[string]int{}
		for range 8 {
			all.Go(func() {
				got, err := anew(x, r.LeadID)
				mu.Lock()
				defer mu.Unlock()
				if err != nil && !errors.Is(err, exchange.ErrUnderWay) {
					t.Error(err)
				} else if err == nil {
					ids[got.As]++
				}
			})
		}
		all.Wait()
		if len(ids) != 1 {
			t.Errorf("it became %v", ids)
		}
		wantPosted(x, "a", "a")
		wantUsed(x, "a", 1)
	})
}

// The machine is lost at each write of a resubmission: the two leads know of each other or nothing of it happened, and
// the buyer has the lead once at most.
func TestResubmissionThroughACrashAtEveryWrite(t *testing.T) {
	for how, name := range map[exchangetest.Death]string{exchangetest.DiesBefore: "before",
		exchangetest.DiesWithin: "within", exchangetest.DiesAfter: "after"} {
		for n := 1; n <= 2; n++ {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) { crashAnew(t, n, how) })
		}
	}
}

func crashAnew(t *testing.T, n int, how exchangetest.Death) {
	c := campaign{ID: "a", Price: 20 * dollar, Spec: both(capped(9), takesOld(600)), Post: refusesOnce()}
	exchangetest.Run(t, sellTo(1, c), func(x *rig) {
		x.Exchange.Warm()
		r, f := x.LeadNow(nil, nil)
		wantUnsold(t, r, f, lead.BuyerRejected)
		died, done := make(chan struct{}), make(chan struct{})
		x.Disk.DieAt(n, how, func() { close(died) })
		go func() {
			defer close(done)
			_, _ = anew(x, r.LeadID)
		}()
		<-died
		x.Crash()
		<-done
		x.Exchange.Warm()
		got, err := anew(x, r.LeadID)
		if err != nil {
			t.Fatal(err)
		}
		posts := len(x.Buyers.Calls("a", exchangetest.Post))
		open := int64(len(x.Open()))
		switch s := x.Status(r.LeadID); {
		case s.ResubmittedAs.String() != got.As:
			t.Errorf("status: %+v", s)
		case s.Result == lead.ResultSuccess && (posts != 2 || open != 0):
			t.Errorf("sold, with %d posts and %d open attempts", posts, open)
		case s.Result == lead.ResultPending && open != 1:
			t.Errorf("pending, with %d open attempts", open)
		case s.Result != lead.ResultSuccess && s.Result != lead.ResultPending:
			t.Errorf("status: %+v", s)
		}
		if posts > 2 {
			t.Errorf("%d posts", posts)
		}
		wantUsed(x, "a", 1)
		if n := len(exchangetest.All[*ledger.Adjusted](x, r.LeadID)); n != 1 {
			t.Errorf("%d resubmissions of it", n)
		}
	})
}

// What nobody can tell is told so; when it is known, it stands once.
func TestResubmissionThatTheLedgerIsNotSureOf(t *testing.T) {
	for name, fault := range map[string]exchangetest.Fault{"kept": exchangetest.Kept, "lost": exchangetest.Lost,
		"refused": exchangetest.Refused} {
		t.Run(name, func(t *testing.T) {
			c := campaign{ID: "a", Price: 20 * dollar, Spec: both(capped(9), takesOld(600)), Post: refusesOnce()}
			exchangetest.Run(t, sellTo(1, c), func(x *rig) {
				x.Exchange.Warm()
				r, _ := x.LeadNow(nil, nil)
				x.Disk.Fail(ledger.KindPosting, fault)
				_, err := anew(x, r.LeadID)
				if f := (*exchange.Fault)(nil); !errors.As(err, &f) || f.Kind != exchange.FaultUnavailable ||
					f.Unsure == (fault == exchangetest.Refused) {
					t.Errorf("%v", err)
				}
				x.Disk.Repair()
				x.Sleep(time.Minute)
				got, err := anew(x, r.LeadID)
				if err != nil || got.Known != (fault == exchangetest.Kept) {
					t.Fatalf("%+v, %v", got, err)
				}
				x.Sleep(10 * time.Minute)
				if n := len(exchangetest.All[*ledger.Adjusted](x, r.LeadID)); n != 1 {
					t.Errorf("%d resubmissions of it", n)
				}
				if s := x.Status(r.LeadID); fault != exchangetest.Kept {
					wantSold(t, s, nil, 16*dollar)
				} else { // the attempt was never sent
					wantUnsold(t, s, nil, lead.NotBegun)
				}
			})
		})
	}
}

// What is found out later of the old lead does not sell it beside the new one.
func TestCorrectionOfALeadThatWentOn(t *testing.T) {
	c := campaign{ID: "a", Price: 20 * dollar, Spec: takesOld(600), Post: refusesOnce()}
	exchangetest.Run(t, sellTo(1, c), func(x *rig) {
		r, _ := x.LeadNow(nil, nil)
		attempt := exchangetest.Last[*ledger.Posting](x, r.LeadID).Attempt
		got, err := anew(x, r.LeadID)
		wantAnew(x, got, err, lead.ResultSuccess)
		fix := exchange.Correction{Name: attempt.String(), Accepted: true, Why: "invoice", By: "op"}
		if _, _, err := x.Exchange.Correct(fix, time.Second); !errors.Is(err, exchange.ErrOversold) {
			t.Errorf("corrected: %v", err)
		}
		fix.Oversell = true
		if adj, _, err := x.Exchange.Correct(fix, time.Second); err != nil || !adj.Oversold {
			t.Errorf("corrected: %+v, %v", adj, err)
		}
	})
}
