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
)

// defers has leads wait for a campaign: a minute to the second attempt, no chance in it, for four hours.
func defers(more ...func(*buyers.DeferSpec)) func(*buyers.CampaignSpec) {
	return func(c *buyers.CampaignSpec) {
		none := 0
		c.Defer = &buyers.DeferSpec{Jitter: &none, SpreadS: &none}
		for _, f := range more {
			f(c.Defer)
		}
	}
}

func tells(s *exchange.Source) { s.Queue = exchange.QueueTells }

func wantQueued(t *testing.T, r exchange.Reply, f *exchange.Fault) {
	t.Helper()
	if f != nil || r.Result != lead.ResultQueued || r.LeadID.IsZero() || r.Price != 0 {
		t.Errorf("got %s at %s (%s: %s) and fault %v, want queued", r.Result, r.Price, r.Refusal, r.Details, f)
	}
}

// wantDepth expects so many leads in the queue.
func wantDepth(x *rig, want int64) {
	x.T.Helper()
	n := int64(0)
	for _, of := range x.Ledger.QueueDepth() {
		n += of
	}
	if n != want {
		x.T.Errorf("%d leads wait, want %d: %v", n, want, x.Ledger.QueueDepth())
	}
}

func down(times int, then exchangetest.Answer) exchangetest.Buyer {
	list := make([]exchangetest.Answer, times)
	for i := range list {
		list[i] = exchangetest.Unreachable()
	}
	return exchangetest.Script(append(list, then)...)
}

// A buyer that is down gets the lead later, once; its seller hears the same answer until then, and the pauses double.
func TestLeadWaitsForABuyerThatIsDown(t *testing.T) {
	c := campaign{ID: "a", Price: 25 * dollar, Spec: func(s *buyers.CampaignSpec) { defers()(s); capped(5)(s) },
		Post: down(3, exchangetest.Accept("R-1"))}
	s := sellTo(1, c)
	s.Source = tells
	exchangetest.Run(t, s, func(x *rig) {
		x.Exchange.Warm()
		id := x.Quote(20*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantQueued(t, r, f)
		wantDepth(x, 1)
		wantUsed(x, "a", 0)
		r, f = x.Post(id, nil, nil)
		wantQueued(t, r, f)
		wantQueued(t, x.Status(id), nil)
		x.Sleep(50 * time.Second)
		if n := len(x.Buyers.Posted()); n != 1 {
			t.Errorf("%d posts before the pause is over", n)
		}
		x.Sleep(time.Minute) // the second after 1 min, the third after 2 more, then 4
		if n := len(x.Buyers.Posted()); n != 2 {
			t.Errorf("%d posts after two minutes", n)
		}
		wantQueued(t, x.Status(id), nil)
		x.Sleep(10 * time.Minute)
		wantSold(t, x.Status(id), nil, 20*dollar)
		wantUsed(x, "a", 1)
		wantDepth(x, 0)
		posts := x.Buyers.Calls("a", exchangetest.Post)
		if len(posts) != 4 {
			t.Fatalf("%d posts", len(posts))
		}
		for i, want := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
			if got := posts[i+1].At.Sub(posts[i].At); got < want || got > want+2*time.Second {
				t.Errorf("attempt %d came after %v, want %v", i+2, got, want)
			}
		}
		x.Sleep(5 * time.Hour)
		if n := len(x.Buyers.Posted()); n != 4 {
			t.Errorf("%d posts in the end", n)
		}
		all, last := exchangetest.All[*ledger.Deferred](x, id), exchangetest.Last[*ledger.Posting](x, id)
		if len(all) != 3 || all[2].Waits[0].Attempts != 3 || all[0].Woken != nil || last.Woken == nil ||
			all[2].Said != lead.ResultQueued {
			t.Errorf("deferred: %+v", all)
		}
	})
}

// The queue stands in the ledger: a crash and a restart in its midst change nothing.
func TestQueueOutlivesACrash(t *testing.T) {
	c := campaign{ID: "a", Price: 25 * dollar, Spec: defers(), Post: down(2, exchangetest.Accept("R-1"))}
	exchangetest.Run(t, sellTo(1, c), func(x *rig) {
		x.Exchange.Warm()
		id := x.Quote(20*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantPending(t, r, f)
		x.Crash()
		x.Exchange.Warm()
		wantDepth(x, 1)
		wantPending(t, x.Status(id), nil)
		x.Sleep(90 * time.Second)
		x.Restart()
		x.Exchange.Warm()
		wantDepth(x, 1)
		x.Sleep(5 * time.Minute)
		wantSold(t, x.Status(id), nil, 20*dollar)
		wantDepth(x, 0)
		wantPosted(x, "a", "a", "a")
	})
}

// Which answers are a no for now the campaign says; Retry-After is honoured; what is for good goes on at once.
func TestRefusedForNow(t *testing.T) {
	on := func(list ...string) func(*buyers.DeferSpec) {
		return func(d *buyers.DeferSpec) {
			for _, s := range list {
				x := *wire.Text(s)
				if s[0] == '5' || s[0] == '4' {
					x.Kind = wire.ScalarNumber
				}
				d.RetryOn = append(d.RetryOn, x)
			}
		}
	}
	for name, c := range map[string]struct {
		on    []string
		says  exchangetest.Answer
		waits bool
	}{
		"a status":                     {[]string{"503"}, exchangetest.Answer{Status: 503}, true},
		"words":                        {[]string{"server_busy"}, exchangetest.Decline("Server busy!"), true},
		"other words":                  {[]string{"server_busy"}, exchangetest.Decline("we have it"), false},
		"a clear no where none is set": {nil, exchangetest.Decline("Server busy"), false},
		"a status that says no anyway": {[]string{"429"}, exchangetest.Answer{Status: 429}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(1, campaign{ID: "a", Price: 25 * dollar, Spec: defers(on(c.on...)),
				Post: exchangetest.Script(c.says, exchangetest.Accept("R"))})
			s.Source = tells
			exchangetest.Run(t, s, func(x *rig) {
				x.Exchange.Warm()
				id := x.Quote(20*dollar, nil)
				r, f := x.Post(id, nil, nil)
				if !c.waits {
					if f != nil || r.Result != lead.ResultFailure {
						t.Errorf("got %+v, fault %v", r, f)
					}
					return
				}
				wantQueued(t, r, f)
				x.Sleep(2 * time.Minute)
				wantSold(t, x.Status(id), nil, 20*dollar)
			})
		})
	}
}

// An attempt whose outcome is not known is never sent again, whatever the campaign waits for.
func TestUnknownDoesNotWait(t *testing.T) {
	c := campaign{ID: "a", Price: 25 * dollar, Spec: defers(), Post: exchangetest.Script(exchangetest.Unreachable(),
		exchangetest.Silence())}
	s := sellTo(1, c)
	s.Source = tells
	exchangetest.Run(t, s, func(x *rig) {
		x.Exchange.Warm()
		id := x.Quote(20*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantQueued(t, r, f)
		x.Sleep(24 * time.Hour)
		wantPending(t, x.Status(id), nil)
		wantPosted(x, "a", "a")
		wantDepth(x, 0)
		if n := len(x.Open()); n != 1 {
			t.Errorf("%d attempts are open", n)
		}
	})
}

func number(s string) wire.Scalar { return wire.Scalar{Text: s, Kind: wire.ScalarNumber} }

// A seller that is not told waits as long as for any answer: an end within its time is its answer.
func TestSellerWaitsForTheEnd(t *testing.T) {
	second := 1
	soon := func(d *buyers.DeferSpec) { d.AfterS = &second }
	for name, c := range map[string]struct {
		wait time.Duration
		sold bool
	}{"long enough": {3 * time.Second, true}, "not long enough": {500 * time.Millisecond, false}} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(1, campaign{ID: "a", Price: 25 * dollar, Spec: defers(soon), Post: down(1,
				exchangetest.Accept("R"))})
			exchangetest.Run(t, s, func(x *rig) {
				x.Exchange.Warm()
				id := x.Quote(20*dollar, nil)
				begin := time.Now()
				r, f := x.Post(id, nil, func(in *exchange.PostIn) { in.MaxWait = c.wait })
				took := time.Since(begin)
				if !c.sold {
					wantPending(t, r, f)
					if took > c.wait {
						t.Errorf("it took %v", took)
					}
					x.Sleep(5 * time.Second)
					r = x.Status(id)
				}
				wantSold(t, r, f, 20*dollar)
			})
		})
	}
}
