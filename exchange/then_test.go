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
)

// counts has what nobody finds out about a campaign's posts count as something after some hours.
func counts(as string, hours int) func(*buyers.CampaignSpec) {
	return func(c *buyers.CampaignSpec) {
		c.Unknown.Then = &buyers.ThenSpec{CountsAs: as, AfterH: hours}
		capped(5)(c)
	}
}

// whatStands checks what a lead's seller hears, what its cap has, and that nothing waits.
func whatStands(t *testing.T, x *rig, id lead.ID, sold bool) {
	t.Helper()
	r := x.Status(id)
	if sold {
		wantSold(t, r, nil, 20*dollar)
		wantUsed(x, "a", 1)
	} else {
		if r.Result != lead.ResultFailure || r.Price != 0 {
			t.Errorf("got %s at %s, want a failure", r.Result, r.Price)
		}
		wantUsed(x, "a", 0)
	}
	if open, err := x.Exchange.Unresolved(); err != nil || len(open) > 0 {
		t.Errorf("unresolved %v, %v", open, err)
	}
}

func TestWhatNobodyFindsOutCountsAsTheCampaignSays(t *testing.T) {
	for _, as := range []string{"accepted", "rejected"} {
		t.Run(as, func(t *testing.T) {
			c := campaign{Spec: counts(as, 5), Post: exchangetest.Always(exchangetest.Silence())}
			pursued(t, c, func(x *rig, id lead.ID) {
				x.Sleep(4*time.Hour + 59*time.Minute)
				wantPending(t, x.Status(id), nil)
				wantUsed(x, "a", 1)
				x.Sleep(time.Minute)
				whatStands(t, x, id, as == "accepted")
				adj := exchangetest.Last[*ledger.Adjusted](x, id)
				if adj.By != "clearpost" || adj.Outcome.String() != as || as == "accepted" && adj.Price != 25*dollar {
					t.Errorf("adjusted: %+v", adj)
				}
				x.Restart()
				whatStands(t, x, id, as == "accepted")
				if n := len(x.Buyers.Calls("a", exchangetest.Post)); n != 1 {
					t.Errorf("%d posts", n)
				}
			})
		})
	}
}

// Hours go on while the exchange is down, and are counted from the attempt.
func TestItCountsAlsoAfterARestart(t *testing.T) {
	for name, down := range map[string]time.Duration{"in time": time.Hour, "too late": 7 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			c := campaign{Spec: counts("rejected", 4), Post: exchangetest.Always(exchangetest.Silence())}
			pursued(t, c, func(x *rig, id lead.ID) {
				x.Sleep(time.Hour)
				x.Crash()
				x.Sleep(down)
				x.Restart()
				x.Exchange.Warm()
				x.Sleep(max(3*time.Hour-down, 0) - time.Minute)
				if down < 3*time.Hour {
					wantPending(t, x.Status(id), nil)
				}
				x.Sleep(2 * time.Minute)
				whatStands(t, x, id, false)
			})
		})
	}
}

// Who can be asked is asked first; what he says stands.
func TestABuyerIsAskedBeforeItCounts(t *testing.T) {
	status := func(c *buyers.CampaignSpec) {
		asks(c)
		counts("accepted", 1)(c)
	}
	silent := exchangetest.Always(exchangetest.Silence())
	for name, says := range map[string]exchangetest.Buyer{
		"no":      exchangetest.Always(exchangetest.Decline("not sold")),
		"nothing": exchangetest.Always(exchangetest.Answer{Status: 502})} {
		t.Run(name, func(t *testing.T) {
			pursued(t, campaign{Spec: status, Post: silent, Status: says}, func(x *rig, id lead.ID) {
				x.Sleep(59 * time.Minute)
				if name == "no" {
					whatStands(t, x, id, false)
				} else {
					wantPending(t, x.Status(id), nil)
				}
				x.Sleep(time.Hour)
				whatStands(t, x, id, name != "no")
				if n := len(x.Buyers.Calls("a", exchangetest.Status)); name == "nothing" && n != 6 {
					t.Errorf("asked %d times", n)
				}
			})
		})
	}
}

// A rule that a reload brings holds for attempts that are open by then.
func TestARuleHoldsForWhatIsOpen(t *testing.T) {
	c := campaign{ID: "a", Price: 25 * dollar, Post: exchangetest.Always(exchangetest.Silence()), Spec: capped(5)}
	exchangetest.Run(t, sellTo(1, c), func(x *rig) {
		x.Exchange.Warm()
		id := x.Quote(20*dollar, nil)
		r, fault := x.Post(id, nil, nil)
		wantPending(t, r, fault)
		x.Sleep(3 * time.Hour)
		c.Spec = counts("accepted", 2)
		x.Reload(sellTo(1, c))
		x.Sleep(2 * time.Second)
		whatStands(t, x, id, true)
	})
}

// What a person has settled is not settled again.
func TestAPersonIsFaster(t *testing.T) {
	c := campaign{Spec: counts("accepted", 1), Post: exchangetest.Always(exchangetest.Silence())}
	pursued(t, c, func(x *rig, id lead.ID) {
		open, err := x.Exchange.Unresolved()
		if err != nil || len(open) != 1 {
			t.Fatalf("%v, %v", open, err)
		}
		no := exchange.Resolution{Attempt: open[0].Attempt, Why: "asked", By: "anna"}
		if _, err := x.Exchange.Resolve(no); err != nil {
			t.Fatal(err)
		}
		x.Sleep(2 * time.Hour)
		whatStands(t, x, id, false)
	})
}
