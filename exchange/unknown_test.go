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
	"clearpost/wire"
	"clearpost/wire/request"
)

// resends has a campaign's unknown attempts sent again: after a second, each ten seconds, so often at most, for a
// minute.
func resends(times int) func(*buyers.CampaignSpec) {
	return func(c *buyers.CampaignSpec) {
		after, every, most := 1000, 10_000, 60
		c.Unknown.Resend = &buyers.ResendSpec{Times: &times, AfterMS: &after, EveryMS: &every, ForS: &most}
		c.Post.Key = &buyers.KeySpec{Header: "Idempotency-Key"}
		capped(5)(c)
	}
}

// queues has a campaign's posts be queued where its buyer says so.
func queues(c *buyers.CampaignSpec) {
	queued := c.Post.Answer.Rules[0]
	queued.Outcome, queued.When.Equals = "queued", wire.Text("queued")
	c.Post.Answer.Rules = append(c.Post.Answer.Rules, queued)
}

// asks has a campaign's status URL asked: after a second, each ten seconds, for a minute.
func asks(c *buyers.CampaignSpec) {
	after, every, most := 1000, 10_000, 60
	c.Unknown.Status.AfterMS, c.Unknown.Status.EveryMS, c.Unknown.Status.ForS = &after, &every, &most
	capped(5)(c)
}

// pursued runs an exchange of one campaign whose first post's end is not known, and pursues it.
func pursued(t *testing.T, c campaign, f func(x *rig, id lead.ID)) {
	t.Helper()
	c.ID, c.Price = "a", 25*dollar
	exchangetest.Run(t, sellTo(1, c), func(x *rig) {
		x.Exchange.Warm()
		id := x.Quote(20*dollar, nil)
		r, fault := x.Post(id, nil, nil)
		wantPending(t, r, fault)
		wantUsed(x, "a", 1)
		if n := x.Exchange.Pursued(); n != 1 {
			t.Errorf("%d are pursued", n)
		}
		f(x, id)
	})
}

func TestResendFindsOutThatTheLeadIsSold(t *testing.T) {
	for name, last := range map[string]struct {
		answer    exchangetest.Answer
		revenue   lead.Money
		reference string
	}{"at the bid": {exchangetest.Accept("R-2"), 25 * dollar, "R-2"},
		"with a redirect": {exchangetest.Accept("R-3", "redirect", "https://buyer.example/x"), 25 * dollar, "R-3"}} {
		t.Run(name, func(t *testing.T) {
			c := campaign{Spec: resends(3), Post: exchangetest.Script(exchangetest.Silence(),
				exchangetest.Answer{Status: 502}, last.answer)}
			pursued(t, c, func(x *rig, id lead.ID) {
				x.Sleep(5 * time.Second)
				wantPending(t, x.Status(id), nil)
				x.Sleep(10 * time.Second)
				r := x.Status(id)
				wantSold(t, r, nil, 20*dollar)
				if r.Reference != last.reference {
					t.Errorf("reply: %+v", r)
				}
				wantUsed(x, "a", 1)
				posts := x.Buyers.Calls("a", exchangetest.Post)
				if len(posts) != 3 || posts[0].Bytes != posts[1].Bytes || posts[1].Bytes != posts[2].Bytes {
					t.Errorf("%d posts that are not the same: %q", len(posts), posts)
				}
				first := exchangetest.All[*ledger.Posting](x, id)[0]
				if posts[0].Header.Get("Idempotency-Key") != first.Attempt.String() {
					t.Errorf("key %q", posts[0].Header.Get("Idempotency-Key"))
				}
				adj, again := exchangetest.Last[*ledger.Adjusted](x, id), exchangetest.Last[*ledger.Posting](x, id)
				if adj.By != "clearpost" || adj.From == nil || *adj.From != again.Attempt || adj.Attempt != *again.Of ||
					again.Again != ledger.AgainResend || *again.Of != first.Attempt || len(again.Charges) != 0 {
					t.Errorf("resolution %+v of %+v", adj, again)
				}
				if ev := exchangetest.Last[*ledger.Settled](x, id); ev.Revenue != last.revenue ||
					ev.Payout != 20*dollar {
					t.Errorf("settled: %+v", ev)
				}
				x.Sleep(time.Hour)
				if n := len(x.Buyers.Posted()); n != 3 || x.Exchange.Pursued() != 0 {
					t.Errorf("%d posts, %d are pursued", n, x.Exchange.Pursued())
				}
				x.Restart()
				wantUsed(x, "a", 1)
				wantSold(t, x.Status(id), nil, 20*dollar)
			})
		})
	}
}

func TestResendThatIsRefusedReleasesTheHold(t *testing.T) {
	c := campaign{Spec: resends(3), Post: exchangetest.Script(exchangetest.Silence(), exchangetest.Decline("no"))}
	pursued(t, c, func(x *rig, id lead.ID) {
		x.Sleep(5 * time.Second)
		wantUnsold(t, x.Status(id), nil, lead.TimedOut)
		wantUsed(x, "a", 0)
		if l := x.Exchange.Campaigns()[0]; l.Resends.Load() != 1 || l.ClearedUp.Load() != 1 {
			t.Errorf("resends %d, cleared up %d", l.Resends.Load(), l.ClearedUp.Load())
		}
		x.Restart()
		wantUsed(x, "a", 0)
	})
}

// What proves nothing leaves the attempt to a person, and the number and the time of resends are bounded.
func TestResendsAreBoundedAndLeaveTheRestToAPerson(t *testing.T) {
	for name, c := range map[string]struct {
		times int
		end   exchangetest.Answer
		posts int
	}{"silence": {2, exchangetest.Silence(), 3}, "a duplicate may be the first": {2,
		exchangetest.Decline("duplicate"), 3},
		"a 500": {2, exchangetest.Answer{Status: 500}, 3}, "never sent": {2, exchangetest.Unreachable(), 3},
		"for a minute": {9, exchangetest.Answer{Status: 500}, 7}} {
		t.Run(name, func(t *testing.T) {
			pursued(t, campaign{Spec: resends(c.times), Post: exchangetest.Script(exchangetest.Silence(), c.end)},
				func(x *rig, id lead.ID) {
					x.Sleep(time.Hour)
					x.Restart() // a buyer does not know a key for ever
					x.Exchange.Warm()
					x.Sleep(time.Hour)
					if n := len(x.Buyers.Posted()); n != c.posts || x.Exchange.Pursued() != 0 {
						t.Errorf("%d posts, %d are pursued", n, x.Exchange.Pursued())
					}
					wantPending(t, x.Status(id), nil)
					wantUsed(x, "a", 1)
					open := x.Open()
					if len(open) != 1 || open[0].Attempt != exchangetest.All[*ledger.Posting](x, id)[0].Attempt {
						t.Fatalf("open: %+v", open)
					}
					if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: open[0].Attempt}); err != nil {
						t.Error(err)
					}
					wantUsed(x, "a", 0)
				})
		})
	}
}

// A buyer that has the lead and decides later could take the same again for another lead.
func TestQueuedLeadIsNotSentAgain(t *testing.T) {
	queue := exchangetest.Answer{Status: 200, Body: `{"status":"queued","reference":"Q-1"}`}
	for name, posts := range map[string][]exchangetest.Answer{"at once": {queue}, "at the resend": {
		exchangetest.Silence(), queue}} {
		t.Run(name, func(t *testing.T) {
			c := campaign{Post: exchangetest.Script(posts...), Spec: func(c *buyers.CampaignSpec) {
				resends(9)(c)
				queues(c)
			}}
			pursued(t, c, func(x *rig, id lead.ID) {
				for range 2 {
					x.Sleep(time.Minute)
					if n := len(x.Buyers.Posted()); n != len(posts) {
						t.Errorf("%d posts", n)
					}
					wantPending(t, x.Status(id), nil)
					x.Restart()
					x.Exchange.Warm()
				}
				if name == "at once" && x.Open()[0].Reference != "Q-1" {
					t.Errorf("open: %+v", x.Open())
				}
				if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: x.Open()[0].Attempt,
					Accepted: true}); err != nil {
					t.Fatal(err)
				}
				wantSold(t, x.Status(id), nil, 20*dollar)
			})
		})
	}
}

// A request that would not be the very same is not sent again; one whose way is not known neither.
func TestOnlyTheVerySameRequestIsSentAgain(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*setup)
		first  exchangetest.Answer
		posts  int
	}{
		"another request": {change: func(s *setup) {
			spec := s.Campaigns[0].Spec
			s.Campaigns[0].Spec = func(c *buyers.CampaignSpec) {
				spec(c)
				c.Post.Request.Fields = c.Post.Request.Fields[:2]
			}
		}, first: exchangetest.Silence(), posts: 1},
		"no policy any more": {change: func(s *setup) { s.Campaigns[0].Spec = capped(5) },
			first: exchangetest.Silence(), posts: 1},
		"the campaign is gone": {change: func(s *setup) { s.Campaigns[0].ID = "b" }, first: exchangetest.Silence(),
			posts: 1},
		"the same": {change: func(*setup) {}, first: exchangetest.Silence(), posts: 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(1, campaign{ID: "a", Price: 25 * dollar, Spec: resends(3), Post: exchangetest.Script(c.first,
				exchangetest.Accept("R"))})
			exchangetest.Run(t, s, func(x *rig) {
				x.Exchange.Warm()
				id := x.Quote(20*dollar, nil)
				r, f := x.Post(id, nil, nil)
				wantPending(t, r, f)
				c.change(&s)
				x.Reload(s)
				x.Sleep(time.Minute)
				if n := len(x.Buyers.Posted()); n != c.posts {
					t.Errorf("%d posts, want %d", n, c.posts)
				}
				if x.Exchange.Pursued() != 0 {
					t.Error("it is pursued for ever")
				}
				if c.posts == 1 {
					wantPending(t, x.Status(id), nil)
				}
			})
		})
	}
}

// While a campaign is paused nothing is sent again; after that it is.
func TestPausedCampaignIsNotSentToAgain(t *testing.T) {
	c := campaign{Spec: resends(3), Post: exchangetest.Script(exchangetest.Silence(), exchangetest.Accept("R"))}
	pursued(t, c, func(x *rig, id lead.ID) {
		if _, _, err := x.Exchange.Pause("campaign:a", true, "", ""); err != nil {
			t.Fatal(err)
		}
		x.Sleep(30 * time.Second)
		wantPosted(x, "a")
		if _, _, err := x.Exchange.Pause("campaign:a", false, "", ""); err != nil {
			t.Fatal(err)
		}
		x.Sleep(10 * time.Second)
		wantSold(t, x.Status(id), nil, 20*dollar)
	})
}

func TestPursuitGoesOnAfterARestart(t *testing.T) {
	c := campaign{Spec: resends(3), Post: exchangetest.Script(exchangetest.Silence(), exchangetest.Accept("R"))}
	pursued(t, c, func(x *rig, id lead.ID) {
		x.Restart()
		wantUsed(x, "a", 1)
		wantPending(t, x.Status(id), nil)
		x.Exchange.Warm()
		x.Sleep(5 * time.Second)
		wantSold(t, x.Status(id), nil, 20*dollar)
		wantUsed(x, "a", 1)
	})
}

// What a resend has found out is written down, however long the ledger is away.
func TestWhatAResendFoundOutIsWrittenDown(t *testing.T) {
	for name, fault := range map[string]exchangetest.Fault{"refused": exchangetest.Refused, "lost": exchangetest.Lost,
		"kept": exchangetest.Kept} {
		t.Run(name, func(t *testing.T) {
			c := campaign{Spec: resends(3), Post: exchangetest.Script(exchangetest.Silence(), exchangetest.Accept("R"))}
			pursued(t, c, func(x *rig, id lead.ID) {
				x.Disk.FailAll(ledger.KindAdjusted, fault)
				x.Sleep(time.Minute)
				wantPending(t, x.Status(id), nil)
				wantUsed(x, "a", 1)
				x.Disk.Repair()
				x.Sleep(time.Minute)
				wantSold(t, x.Status(id), nil, 20*dollar)
				wantUsed(x, "a", 1)
				if n := len(x.Buyers.Posted()); n != 2 {
					t.Errorf("%d posts", n)
				}
			})
		})
	}
}

// A resend that the ledger does not take first is not sent.
func TestResendIsDurableBeforeItIsSent(t *testing.T) {
	c := campaign{Spec: resends(3), Post: exchangetest.Script(exchangetest.Silence(), exchangetest.Accept("R"))}
	pursued(t, c, func(x *rig, id lead.ID) {
		x.Disk.Fail(ledger.KindPosting, exchangetest.Refused)
		x.Sleep(5 * time.Second)
		wantPosted(x, "a")
		x.Sleep(10 * time.Second)
		wantSold(t, x.Status(id), nil, 20*dollar)
	})
}

func TestStatusURLTellsTheOutcome(t *testing.T) {
	for name, c := range map[string]struct {
		status exchangetest.Answer
		spec   func(*buyers.CampaignSpec)
		sold   bool
		booked lead.Money
	}{
		"sold":                     {exchangetest.Accept("R-9", "price", 7*dollar), asks, true, 25 * dollar},
		"sold at the post's price": {exchangetest.Accept("R-9", "price", 7*dollar), asksPost, true, 7 * dollar},
		"sold, no price":           {exchangetest.Accept("R-9"), asksPost, true, 25 * dollar},
		"not sold":                 {exchangetest.Decline("we know no such lead"), asks, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			pursued(t, campaign{Spec: c.spec, Post: silent, Status: exchangetest.Script(exchangetest.Silence(),
				exchangetest.Answer{Status: 500}, c.status)}, func(x *rig, id lead.ID) {
				x.Sleep(20 * time.Second)
				wantPending(t, x.Status(id), nil)
				x.Sleep(10 * time.Second)
				r := x.Status(id)
				if !c.sold {
					wantUnsold(t, r, nil, lead.TimedOut)
					wantUsed(x, "a", 0)
				} else {
					wantSold(t, r, nil, 20*dollar)
					wantUsed(x, "a", 1)
					if ev := exchangetest.Last[*ledger.Settled](x, id); r.Reference != "R-9" || ev.Revenue != c.booked {
						t.Errorf("reply %+v, settled %+v", r, ev)
					}
				}
				x.Sleep(time.Hour)
				if n := len(x.Buyers.Calls("a", exchangetest.Status)); n != 3 {
					t.Errorf("%d questions", n)
				}
				wantPosted(x, "a")
			})
		})
	}
}

// asksPost is asks for a campaign whose post price is booked.
func asksPost(c *buyers.CampaignSpec) {
	asks(c)
	paysPost(c)
}

// What a status URL does not say in so many words settles nothing, and after its time nobody asks any more.
func TestStatusURLThatProvesNothingLeavesTheAttemptOpen(t *testing.T) {
	for name, answer := range map[string]exchangetest.Answer{"silence": exchangetest.Silence(),
		"a duplicate": exchangetest.Decline("duplicate"), "an unknown word": exchangetest.Says("status", "hm"),
		"a duplicate by a rule": exchangetest.Says("status", "known"), "nothing": {}, "a 404": {Status: 404},
		"a no that speaks of an earlier lead": exchangetest.Decline("the lead exists already")} {
		t.Run(name, func(t *testing.T) {
			c := campaign{Post: silent, Status: exchangetest.Always(answer), Spec: func(c *buyers.CampaignSpec) {
				asks(c)
				known := c.Unknown.Status.Answer.Rules[1]
				known.Outcome, known.When.Equals = "duplicate", wire.Text("known")
				c.Unknown.Status.Answer.Rules = append(c.Unknown.Status.Answer.Rules, known)
			}}
			pursued(t, c, func(x *rig, id lead.ID) {
				x.Sleep(time.Hour)
				wantPending(t, x.Status(id), nil)
				wantUsed(x, "a", 1)
				if n := len(x.Buyers.Calls("a", exchangetest.Status)); n < 4 || n > 7 {
					t.Errorf("%d questions in a minute", n)
				}
				if x.Exchange.Pursued() != 0 || len(x.Open()) != 1 {
					t.Errorf("%d are pursued, open: %+v", x.Exchange.Pursued(), x.Open())
				}
			})
		})
	}
}

// Whoever resolves an attempt first has resolved it.
func TestPersonMayResolveWhatIsPursued(t *testing.T) {
	pursued(t, campaign{Spec: asks, Post: silent, Status: exchangetest.Always(exchangetest.Accept("R").In(
		time.Second))}, func(x *rig, id lead.ID) {
		x.Sleep(1500 * time.Millisecond) // the buyer is being asked
		if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: x.Open()[0].Attempt}); err != nil {
			t.Fatal(err)
		}
		x.Sleep(time.Minute)
		wantUnsold(t, x.Status(id), nil, lead.TimedOut)
		wantUsed(x, "a", 0)
		if x.Exchange.Pursued() != 0 {
			t.Error("it is pursued still")
		}
	})
}

// An error of ours while an attempt is pursued leaves it to a person.
func TestPanicWhilePursuingLeavesTheAttemptToAPerson(t *testing.T) {
	pursued(t, campaign{Spec: asks, Post: silent, Status: func(*exchangetest.Request) exchangetest.Answer {
		panic("a mistake")
	}}, func(x *rig, id lead.ID) {
		x.Sleep(time.Minute)
		if x.Exchange.Pursued() != 0 || len(x.Open()) != 1 {
			t.Errorf("%d are pursued, open: %+v", x.Exchange.Pursued(), x.Open())
		}
		wantPending(t, x.Status(id), nil)
	})
}

// A buyer that takes the lead and decides later keeps it: nobody else is asked, and a person settles it.
func TestQueuedLeadStaysWithItsBuyer(t *testing.T) {
	queued := exchangetest.Always(exchangetest.Says("status", "queued"))
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: queues, Post: queued},
		campaign{ID: "b", Price: 9 * dollar})
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, nil)
		for range 2 {
			r, f := x.Post(id, nil, nil)
			wantPending(t, r, f)
		}
		open := x.Open()
		if len(open) != 1 || open[0].Why != "queued" {
			t.Fatalf("open: %+v", open)
		}
		if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: open[0].Attempt, Accepted: true}); err != nil {
			t.Fatal(err)
		}
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 8*dollar)
		wantPosted(x, "a")
	})
}

// Resends and status URLs book what the campaign's terms said when the lead was posted, too.
func TestWhatIsFoundOutIsBookedByTheTermsOfThePosting(t *testing.T) {
	sold := exchangetest.Always(exchangetest.Accept("R", "price", 7*dollar))
	for name, pursue := range map[string]func(*buyers.CampaignSpec){"resend": resends(3), "status": asks} {
		for _, byPost := range []bool{true, false} {
			pays := func(post bool, percent int64) setup {
				c := campaign{ID: "a", Price: 25 * dollar, Post: silent, Spec: func(c *buyers.CampaignSpec) {
					pursue(c)
					if post {
						paysPost(c)
					}
				}}
				if name == "status" {
					c.Status = sold
				}
				s := sellTo(1, c)
				s.Source = margin(percent)
				return s
			}
			exchangetest.Run(t, pays(byPost, 20), func(x *rig) {
				x.Exchange.Warm()
				r, f := x.LeadNow(nil, nil)
				wantPending(t, r, f)
				x.Reload(pays(!byPost, 60))
				x.Buyers.Set("a", exchangetest.Post, sold)
				x.Sleep(time.Minute)
				booked := 25 * dollar
				if byPost {
					booked = 7 * dollar
				}
				wantSold(t, x.Status(r.LeadID), nil, booked*8/10)
				if end := exchangetest.Last[*ledger.Settled](x, r.LeadID); end.Revenue != booked {
					t.Errorf("%s, by the post's price %v: settled %+v", name, byPost, end)
				}
			})
		}
	}
}

// A buyer that has queued a lead is asked by the name that it gave it.
func TestStatusIsAskedByTheBuyersReference(t *testing.T) {
	c := campaign{Post: exchangetest.Always(exchangetest.Says("status", "queued", "reference", "Q-1")),
		Status: exchangetest.Always(exchangetest.Accept("R")), Spec: func(c *buyers.CampaignSpec) {
			asks(c)
			queues(c)
			c.Unknown.Status.Request.Fields = []request.FieldSpec{{To: "id", From: "reference"}}
		}}
	pursued(t, c, func(x *rig, id lead.ID) {
		x.Sleep(5 * time.Second)
		wantSold(t, x.Status(id), nil, 20*dollar)
		if asked := x.Buyers.Calls("a", exchangetest.Status); len(asked) != 1 || asked[0].Field("id") != "Q-1" {
			t.Errorf("asked: %+v", asked)
		}
	})
}

// Who asks while the same request is sent again hears that the lead is pending, and not that it is under way.
func TestPostWhileAnAttemptIsSentAgainHearsPending(t *testing.T) {
	c := campaign{Spec: resends(3), Post: exchangetest.Script(exchangetest.Silence(), exchangetest.Accept("R").In(
		2*time.Second))}
	pursued(t, c, func(x *rig, id lead.ID) {
		x.Sleep(2 * time.Second) // it has begun after one
		wantPosted(x, "a", "a")
		r, f := x.Post(id, nil, nil)
		wantPending(t, r, f)
		x.Sleep(2 * time.Second)
		r, f = x.Post(id, nil, nil)
		wantSold(t, r, f, 20*dollar)
	})
}
