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

// What becomes of leads, holds and answers where the ledger refuses an event, takes its time, or cannot tell whether it
// has it.

// told is what a call that runs beside the test has heard.
type told struct {
	reply exchange.Reply
	fault *exchange.Fault
	took  time.Duration
}

// beside makes a call in a goroutine of its own.
func beside(call func() (exchange.Reply, *exchange.Fault)) chan told {
	out, begin := make(chan told, 1), time.Now()
	go func() {
		r, f := call()
		out <- told{r, f, time.Since(begin)}
	}()
	return out
}

// post posts a lead in a goroutine of its own.
func post(x *rig, id lead.ID) chan told {
	return beside(func() (exchange.Reply, *exchange.Fault) { return x.Post(id, nil, nil) })
}

// ends tells how a lead's attempts have ended, by the ledger, in their order.
func ends(x *rig, id lead.ID) (out []lead.Refusal) {
	for _, p := range exchangetest.All[*ledger.Posted](x, id) {
		out = append(out, p.Refusal)
	}
	return out
}

func cappedOne() setup {
	return sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: capped(9)})
}

func TestPingThatTheLedgerDoesNotTakeConsumesNothing(t *testing.T) {
	for name, fault := range map[string]exchangetest.Fault{"refused": exchangetest.Refused, "lost": exchangetest.Lost,
		"kept": exchangetest.Kept} {
		t.Run(name, func(t *testing.T) {
			exchangetest.Run(t, one(), func(x *rig) {
				x.Disk.Fail(ledger.KindPinged, fault)
				r, f := x.Ping(values{"phone": "2127365000"}, nil)
				wantFault(t, r, f, "unavailable")
				if f.Kind != exchange.FaultUnavailable || f.Why != exchange.WhyLog || f.RetryAfter == 0 {
					t.Errorf("fault: %+v", f)
				}
				if fault != exchangetest.Refused { // the log is away
					r, f = x.Ping(nil, nil)
					wantFault(t, r, f, "unavailable")
					x.Disk.Repair()
					x.Sleep(time.Minute)
				}
				if r, f = x.Ping(values{"phone": "2127365000"}, nil); f != nil || r.Result != lead.ResultSuccess {
					t.Errorf("the same ping afterwards: %+v, %v", r, f)
				}
				if n := len(x.Buyers.Calls("a", exchangetest.Ping)); n != 2 {
					t.Errorf("the buyer was asked %d times, want once for each ping", n)
				}
			})
		})
	}
}

// A plain failure before anything was sent: the hold is free at once, and the seller's repeat sells the lead.
func TestFirstAttemptThatTheLedgerRefusesFreesItsHold(t *testing.T) {
	for name, again := range map[string]func(x *rig, id lead.ID) (exchange.Reply, *exchange.Fault){
		"post":     func(x *rig, id lead.ID) (exchange.Reply, *exchange.Fault) { return x.Post(id, nil, nil) },
		"one shot": func(x *rig, _ lead.ID) (exchange.Reply, *exchange.Fault) { return x.LeadNow(nil, nil) }} {
		t.Run(name, func(t *testing.T) {
			exchangetest.Run(t, cappedOne(), func(x *rig) {
				id := x.Quote(8*dollar, nil)
				x.Disk.Fail(ledger.KindPosting, exchangetest.Refused)
				r, f := again(x, id)
				wantFault(t, r, f, "unavailable")
				if f.Unsure {
					t.Error("the fault says that the lead may be sold, and it cannot be")
				}
				wantUsed(x, "a", 0)
				wantPosted(x)
				if n := len(x.Events(id)); n != 1 {
					t.Errorf("%d events, want the ping's", n)
				}
				r, f = again(x, id)
				wantSold(t, r, f, 8*dollar)
				wantPosted(x, "a")
				wantUsed(x, "a", 1)
			})
		})
	}
}

// Where nobody can tell whether the ledger has the attempt, the hold stays until the ledger knows; nothing was sent.
func TestFirstAttemptOfWhichNobodyCanTellKeepsItsHold(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault exchangetest.Fault
		ends  []lead.Refusal // in the end
	}{{"lost", exchangetest.Lost, []lead.Refusal{lead.NoRefusal}},
		{"kept", exchangetest.Kept, []lead.Refusal{lead.NotBegun, lead.NoRefusal}}} {
		t.Run(c.name, func(t *testing.T) {
			exchangetest.Run(t, cappedOne(), func(x *rig) {
				id := x.Quote(8*dollar, nil)
				x.Disk.Fail(ledger.KindPosting, c.fault)
				r, f := x.Post(id, nil, nil)
				wantFault(t, r, f, "unavailable")
				if f != nil && !f.Unsure {
					t.Error("the fault does not say that the lead may have an attempt")
				}
				x.Sleep(time.Minute)
				wantUsed(x, "a", 1)
				r, f = x.Post(id, nil, nil)
				wantFault(t, r, f, "in_progress")
				wantPosted(x)
				x.Disk.Repair()
				x.Sleep(time.Minute)
				wantUsed(x, "a", 0)
				wantPosted(x)
				r, f = x.Post(id, nil, nil)
				wantSold(t, r, f, 8*dollar)
				wantPosted(x, "a")
				wantUsed(x, "a", 1)
				if got := ends(x, id); len(got) != len(c.ends) || got[0] != c.ends[0] {
					t.Errorf("attempts ended as %v, want %v", got, c.ends)
				}
			})
		})
	}
}

// An exchange that ends before the ledger knows leaves what a crash leaves: an attempt without an end, and its hold.
func TestUncertainAttemptIsOpenAfterARestart(t *testing.T) {
	for name, want := range map[exchangetest.Fault]int{exchangetest.Lost: 0, exchangetest.Kept: 1} {
		exchangetest.Run(t, cappedOne(), func(x *rig) {
			id := x.Quote(8*dollar, nil)
			x.Disk.Fail(ledger.KindPosting, name)
			r, f := x.Post(id, nil, nil)
			wantFault(t, r, f, "unavailable")
			x.Crash()
			if open := x.Open(); len(open) != want {
				t.Errorf("open attempts: %+v, want %d", open, want)
			}
			wantUsed(x, "a", int64(want))
			r, f = x.Post(id, nil, nil)
			if want == 0 {
				wantSold(t, r, f, 8*dollar)
				return
			}
			wantPending(t, r, f)
			wantPosted(x)
		})
	}
}

// After something was sent its end is written down, however long that takes, and the next bid waits for it.
func TestEndOfAnAttemptIsDurableBeforeItsHoldIsFreeAndTheNextIsAsked(t *testing.T) {
	for name, fault := range map[string]exchangetest.Fault{"stalled": exchangetest.Stalled, "lost": exchangetest.Lost,
		"kept": exchangetest.Kept, "refused": exchangetest.Refused} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: capped(9), Post: declines},
				campaign{ID: "b", Price: 9 * dollar, Spec: capped(9)})
			exchangetest.Run(t, s, func(x *rig) {
				id := x.Quote(8*dollar, nil)
				x.Buyers.Set("a", exchangetest.Post, func(*exchangetest.Request) exchangetest.Answer {
					x.Disk.FailAll(ledger.KindPosted, fault)
					return exchangetest.Decline("no")
				})
				heard := post(x, id)
				x.Sleep(2 * time.Second)
				if len(heard) != 0 {
					t.Fatalf("answered before the end of the first attempt was durable: %+v", <-heard)
				}
				wantUsed(x, "a", 1)
				wantPosted(x, "a")
				x.Disk.Repair()
				a := <-heard
				wantSold(t, a.reply, a.fault, 8*dollar)
				wantUsed(x, "a", 0)
				wantUsed(x, "b", 1)
				wantPosted(x, "a", "b")
				if got := exchangetest.All[*ledger.Posting](x, id); len(got) != 2 {
					t.Errorf("%d attempts are in the ledger", len(got))
				}
			})
		})
	}
}

// A sale that cannot be written down is told as pending when the seller's time is over, and as a sale once it is.
func TestSaleIsToldOnceItIsDurable(t *testing.T) {
	for name, fault := range map[string]exchangetest.Fault{"stalled": exchangetest.Stalled, "lost": exchangetest.Lost,
		"kept": exchangetest.Kept, "refused": exchangetest.Refused} {
		t.Run(name, func(t *testing.T) {
			exchangetest.Run(t, cappedOne(), func(x *rig) {
				id := x.Quote(8*dollar, nil)
				x.Disk.FailAll(ledger.KindSettled, fault)
				a := <-post(x, id)
				wantPending(t, a.reply, a.fault)
				if a.took != 3*time.Second+20*time.Millisecond {
					t.Errorf("answered after %v, a post has 3 s", a.took)
				}
				wantPending(t, x.Status(id), nil)
				x.Sleep(time.Minute)
				r, f := x.Post(id, nil, nil)
				wantPending(t, r, f) // longer under way than a post may take
				x.Disk.Repair()
				x.Sleep(time.Minute)
				wantSold(t, x.Status(id), nil, 8*dollar)
				r, f = x.Post(id, nil, nil)
				wantSold(t, r, f, 8*dollar)
				wantPosted(x, "a")
				wantUsed(x, "a", 1)
				if n := len(x.Events(id)); n != 4 {
					t.Errorf("%d events", n)
				}
			})
		})
	}
}

// What a crash cuts off after the wire is an attempt without an end: pending, held, and never sent again.
func TestCrashBeforeTheEndIsDurableLeavesTheAttemptOpen(t *testing.T) {
	exchangetest.Run(t, cappedOne(), func(x *rig) {
		id := x.Quote(8*dollar, nil)
		x.Disk.FailAll(ledger.KindSettled, exchangetest.Refused)
		a := <-post(x, id)
		wantPending(t, a.reply, a.fault)
		x.Crash()
		wantUsed(x, "a", 1)
		open := x.Open()
		if len(open) != 1 || open[0].Lead != id || open[0].Why != "no end in the ledger" || open[0].Price != 10*dollar {
			t.Fatalf("open: %+v", open)
		}
		r, f := x.Post(id, nil, nil)
		wantPending(t, r, f)
		wantPosted(x, "a")
		if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: open[0].Attempt, Accepted: true, Reference: "R",
			Why: "asked", By: "me"}); err != nil {
			t.Fatal(err)
		}
		wantSold(t, x.Status(id), nil, 8*dollar)
		wantUsed(x, "a", 1)
	})
}

// A seller whose time is up hears "pending" only of an attempt that is in the ledger: until then it waits on.
func TestSellerInAHurryWaitsForTheFirstAttemptToBeDurable(t *testing.T) {
	hurry := func(x *rig, id lead.ID) chan told {
		return beside(func() (exchange.Reply, *exchange.Fault) {
			return x.Post(id, nil, func(in *exchange.PostIn) { in.MaxWait = 100 * time.Millisecond })
		})
	}
	s := cappedOne()
	s.Campaigns[0].Post = exchangetest.Always(exchangetest.Accept("r").In(time.Second))
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, nil)
		x.Disk.Fail(ledger.KindPosting, exchangetest.Stalled)
		heard := hurry(x, id)
		x.Sleep(500 * time.Millisecond)
		if len(heard) != 0 {
			t.Fatalf("heard %+v of an attempt that is not in the ledger", <-heard)
		}
		x.Disk.Repair()
		x.Sleep(0)
		a := <-heard
		wantPending(t, a.reply, a.fault)
		wantPosted(x, "a")
		x.Sleep(2 * time.Second)
		wantSold(t, x.Status(id), nil, 8*dollar)
	})
	exchangetest.Run(t, s, func(x *rig) { // one shot: the attempt is durable together with the lead
		x.Disk.Fail(ledger.KindPosting, exchangetest.Stalled)
		heard := beside(func() (exchange.Reply, *exchange.Fault) {
			return x.LeadNow(nil, func(p *exchange.Ping) { p.MaxWait = time.Millisecond })
		})
		x.Sleep(500 * time.Millisecond)
		if len(heard) != 0 {
			t.Fatalf("heard %+v of a lead that is not in the ledger", <-heard)
		}
		x.Disk.Repair()
		a := <-heard
		wantPending(t, a.reply, a.fault)
		x.Sleep(2 * time.Second)
		wantSold(t, x.Status(a.reply.LeadID), nil, 8*dollar)
	})
	exchangetest.Run(t, cappedOne(), func(x *rig) { // the attempt never comes to be
		id := x.Quote(8*dollar, nil)
		x.Disk.Fail(ledger.KindPosting, exchangetest.Lost)
		a := <-hurry(x, id)
		wantFault(t, a.reply, a.fault, "unavailable")
		x.Disk.Repair()
		x.Sleep(time.Minute)
		wantUsed(x, "a", 0)
	})
}

// An attempt that stalled past the end of the post's time is not sent any more.
func TestAttemptThatIsDurableTooLateIsNotSent(t *testing.T) {
	exchangetest.Run(t, cappedOne(), func(x *rig) {
		id := x.Quote(8*dollar, nil)
		x.Disk.Fail(ledger.KindPosting, exchangetest.Stalled)
		heard := post(x, id)
		x.Sleep(time.Minute)
		x.Disk.Repair()
		if a := <-heard; a.fault != nil || a.reply.Result == lead.ResultSuccess {
			t.Errorf("heard %+v", a)
		}
		x.Sleep(time.Second)
		wantUnsold(t, x.Status(id), nil, lead.NoTimeLeft)
		wantPosted(x)
		wantUsed(x, "a", 0)
	})
}

// An answer without an attempt of which nobody can tell is no sale, whatever the ledger turns out to have.
func TestUncertainAnswerWithoutAnAttemptSellsNothing(t *testing.T) {
	for _, fault := range []exchangetest.Fault{exchangetest.Lost, exchangetest.Kept, exchangetest.Refused} {
		exchangetest.Run(t, cappedOne(), func(x *rig) {
			id := x.Quote(8*dollar, nil)
			if _, _, err := x.Exchange.Pause("campaign:a", true, "", ""); err != nil {
				t.Fatal(err)
			}
			x.Disk.Fail(ledger.KindSettled, fault)
			r, f := x.Post(id, nil, nil)
			wantFault(t, r, f, "unavailable")
			x.Disk.Repair()
			x.Sleep(time.Minute)
			if _, _, err := x.Exchange.Pause("campaign:a", false, "", ""); err != nil {
				t.Fatal(err)
			}
			r, f = x.Post(id, nil, nil)
			if fault == exchangetest.Kept {
				wantUnsold(t, r, f, lead.QuoteLost)
				wantPosted(x)
			} else {
				wantSold(t, r, f, 8*dollar)
			}
			wantUsed(x, "a", int64(len(x.Buyers.Posted())))
		})
	}
}

// Pings that wait for one that has sent the same hear of its fault, and the next one is asked anew.
func TestFollowersHearThatTheLedgerTookNothing(t *testing.T) {
	exchangetest.Run(t, one(), func(x *rig) {
		x.Disk.Fail(ledger.KindPinged, exchangetest.Lost)
		same := func() (exchange.Reply, *exchange.Fault) { return x.Ping(values{"phone": "2127365000"}, nil) }
		first := beside(same)
		x.Sleep(50 * time.Millisecond)
		a := <-first
		wantFault(t, a.reply, a.fault, "unavailable")
		x.Disk.Repair()
		x.Sleep(time.Minute)
		x.Disk.Fail(ledger.KindPinged, exchangetest.Stalled)
		first = beside(same)
		x.Sleep(50 * time.Millisecond)
		second := beside(same)
		x.Sleep(100 * time.Millisecond)
		x.Disk.Repair()
		a, b := <-first, <-second
		if a.fault != nil || b.fault != nil || a.reply.LeadID != b.reply.LeadID {
			t.Errorf("heard %+v and %+v", a, b)
		}
		if n := x.Exchange.Stats.Pings.Load(); n != 1 {
			t.Errorf("%d pings are counted", n)
		}
	})
}

// Pauses follow the ledger where it cannot tell at once.
func TestPauseThatTheLedgerDoesNotTakeIsNone(t *testing.T) {
	for fault, on := range map[exchangetest.Fault]bool{exchangetest.Refused: false, exchangetest.Lost: false,
		exchangetest.Kept: true} {
		exchangetest.Run(t, one(), func(x *rig) {
			x.Disk.Fail(ledger.KindAdjusted, fault)
			if _, changed, err := x.Exchange.Pause("campaign:a", true, "unpaid", "me"); err == nil || changed {
				t.Errorf("changed %v, %v", changed, err)
			}
			x.Disk.Repair()
			x.Sleep(time.Minute)
			r, f := x.Ping(nil, nil)
			if paused := r.Result == lead.ResultFailure; f != nil || paused != on {
				t.Errorf("fault %d: paused %v, want %v", fault, paused, on)
			}
			x.Restart()
			if r, f = x.Ping(nil, nil); f != nil || (r.Result == lead.ResultFailure) != on {
				t.Errorf("fault %d, after a restart: %+v", fault, r)
			}
		})
	}
}

// A resolution frees or commits the hold once the ledger has it, and not before.
func TestResolutionThatTheLedgerDoesNotTakeChangesNothing(t *testing.T) {
	for fault, resolved := range map[exchangetest.Fault]bool{exchangetest.Refused: false, exchangetest.Lost: false,
		exchangetest.Kept: true} {
		s := cappedOne()
		s.Campaigns[0].Post = silent
		exchangetest.Run(t, s, func(x *rig) {
			id := x.Quote(8*dollar, nil)
			r, f := x.Post(id, nil, nil)
			wantPending(t, r, f)
			open := x.Open()
			x.Disk.Fail(ledger.KindAdjusted, fault)
			no := exchange.Resolution{Attempt: open[0].Attempt, Why: "asked", By: "me"}
			if _, err := x.Exchange.Resolve(no); err == nil {
				t.Error("resolved without the ledger")
			}
			wantUsed(x, "a", 1)
			x.Disk.Repair()
			x.Sleep(time.Minute)
			wantUsed(x, "a", map[bool]int64{true: 0, false: 1}[resolved])
			if _, err := x.Exchange.Resolve(no); (err == nil) == resolved {
				t.Errorf("fault %d: resolved again: %v", fault, err)
			}
			wantUsed(x, "a", 0)
			wantUnsold(t, x.Status(id), nil, lead.TimedOut)
		})
	}
}

// A lead that finds nobody to be posted to is a failure, and its seller hears so, however long it takes to write that
// down: it would be pending for ever.
func TestLeadWithoutAnAttemptIsNeverPending(t *testing.T) {
	exchangetest.Run(t, cappedOne(), func(x *rig) {
		id := x.Quote(8*dollar, nil)
		if _, _, err := x.Exchange.Pause("campaign:a", true, "", ""); err != nil {
			t.Fatal(err)
		}
		x.Disk.Fail(ledger.KindSettled, exchangetest.Stalled)
		heard := beside(func() (exchange.Reply, *exchange.Fault) {
			return x.Post(id, nil, func(in *exchange.PostIn) { in.MaxWait = time.Millisecond })
		})
		x.Sleep(time.Minute)
		if len(heard) != 0 {
			t.Fatalf("heard %+v of a lead that has no attempt", <-heard)
		}
		x.Disk.Repair()
		a := <-heard
		wantUnsold(t, a.reply, a.fault, lead.QuoteLost)
		wantUnsold(t, x.Status(id), nil, lead.QuoteLost)
	})
}

// However long a seller would wait, it hears of its lead when the post's time is over.
func TestSellerWaitsNoLongerThanAPostMayTake(t *testing.T) {
	exchangetest.Run(t, cappedOne(), func(x *rig) {
		id := x.Quote(8*dollar, nil)
		x.Disk.Fail(ledger.KindSettled, exchangetest.Stalled)
		a := <-beside(func() (exchange.Reply, *exchange.Fault) {
			return x.Post(id, nil, func(in *exchange.PostIn) { in.MaxWait = time.Minute })
		})
		wantPending(t, a.reply, a.fault)
		if a.took != 3*time.Second+20*time.Millisecond {
			t.Errorf("answered after %v, a post has 3 s", a.took)
		}
		x.Disk.Repair()
		x.Sleep(time.Second)
		wantSold(t, x.Status(id), nil, 8*dollar)
	})
}

// A lead that the ledger has not taken counts neither for its source nor for its vertical, as soon as that is known.
func TestWhatTheLedgerDoesNotTakeIsNotCountedAsComing(t *testing.T) {
	for name, send := range map[string]func(*rig) (exchange.Reply, *exchange.Fault){
		"ping":     func(x *rig) (exchange.Reply, *exchange.Fault) { return x.Ping(nil, nil) },
		"one shot": func(x *rig) (exchange.Reply, *exchange.Fault) { return x.LeadNow(nil, nil) }} {
		for fault, left := range map[exchangetest.Fault]int{exchangetest.Refused: 3, exchangetest.Lost: 3,
			exchangetest.Kept: 2} {
			t.Run(fmt.Sprint(name, " ", fault), func(t *testing.T) {
				s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: withCaps(rules.CapSpec{Per: "day",
					Counts: "pings", Limit: 90})})
				compiled := func(who string) []rules.Cap {
					three := rules.CapSpec{Per: "day", Counts: "pings", Limit: 3}
					out, ds := rules.CompileCaps(who, []rules.CapSpec{three}, "Etc/UTC")
					if ds != nil {
						t.Fatal(ds)
					}
					return out
				}
				s.Source = func(c *exchange.Source) { c.Caps = compiled("source:acme") }
				s = vertical(s, func(v *exchange.Vertical) { v.Caps, v.Dedupe.Window = compiled("vertical:solar"), 0 })
				exchangetest.Run(t, s, func(x *rig) {
					x.Disk.Fail(ledger.KindPinged, fault)
					r, f := send(x)
					wantFault(t, r, f, "unavailable")
					x.Disk.Repair()
					x.Sleep(time.Minute)
					for i := range left + 1 {
						r, f := send(x)
						if full := r.Refusal == lead.SourceFull; f != nil || full != (i == left) {
							t.Errorf("lead %d: %s, %v", i, r.Refusal, f)
						}
					}
				})
			})
		}
	}
}

// Bid requests of a ping that the ledger did not take have gone out: they count under caps on pings, after a restart
// too, and the buyer is asked no more often than it wants.
func TestBidRequestsThatTheLedgerDoesNotTakeStayCounted(t *testing.T) {
	for name, send := range map[string]func(*rig) (exchange.Reply, *exchange.Fault){
		"ping":     func(x *rig) (exchange.Reply, *exchange.Fault) { return x.Ping(nil, nil) },
		"one shot": func(x *rig) (exchange.Reply, *exchange.Fault) { return x.LeadNow(nil, nil) }} {
		for _, fault := range []exchangetest.Fault{exchangetest.Refused, exchangetest.Lost, exchangetest.Kept} {
			t.Run(fmt.Sprint(name, " ", fault), func(t *testing.T) {
				s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: withCaps(rules.CapSpec{Per: "day",
					Counts: "pings", Limit: 3})})
				s = vertical(s, func(v *exchange.Vertical) { v.Dedupe.Window = 0 })
				exchangetest.Run(t, s, func(x *rig) {
					x.Disk.Fail(ledger.KindPinged, fault)
					r, f := send(x)
					wantFault(t, r, f, "unavailable")
					x.Sleep(time.Minute)
					x.Disk.Repair()
					x.Sleep(time.Minute)
					wantUsed(x, "a", 1)
					x.Restart()
					wantUsed(x, "a", 1)
					for range 4 {
						send(x)
					}
					if n := len(x.Buyers.Calls("a", exchangetest.Ping)); n != 3 {
						t.Errorf("the buyer was asked %d times, and wants to be 3 times", n)
					}
					x.Restart()
					wantUsed(x, "a", 3)
				})
			})
		}
	}
}
