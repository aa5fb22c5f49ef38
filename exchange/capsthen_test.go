// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/rules"
)

// How full a cap was when a lead came is told by the charges that stood then, whatever has come since.
func TestExplanationTellsHowFullCapsWere(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 12 * dollar, Spec: capped(2),
		Post: exchangetest.Script(exchangetest.Decline("no"),
			exchangetest.Accept("1"))}, campaign{ID: "b", Price: 10 * dollar})
	exchangetest.Run(t, s, func(x *rig) {
		var ids []exchange.Reply
		for range 4 { // a declines the first, takes the second and third, and is full then
			r := pinged(t, x, nil, nil)
			if _, f := x.Post(r.LeadID, nil, nil); f != nil {
				t.Fatal(f)
			}
			ids = append(ids, r)
			x.Sleep(2 * time.Hour) // a person's next lead is no repeat any more
		}
		for i, want := range []int64{0, 0, 1, 2} {
			story := verdicts(explain(x, ids[i].LeadID))["a"]
			if len(story.Caps) != 1 || story.Caps[0].Used != want || story.Caps[0].Limit != 2 ||
				(story.Verdict == "cap_reached") != (want == 2) {
				t.Errorf("lead %d: %s with caps %+v, want %d of 2", i, story.Verdict, story.Caps, want)
			}
		}
	})
}

// So is it of the caps of parents, sources and verticals, by the value that the lead has of each.
func TestExplanationTellsOfAllCapsOverACampaign(t *testing.T) {
	caps := func(who string, spec rules.CapSpec) []rules.Cap {
		list, ds := rules.CompileCaps(who, []rules.CapSpec{spec}, "Etc/UTC")
		if ds != nil {
			t.Fatal(ds)
		}
		return list
	}
	s := sellTo(1, campaign{ID: "a", Price: 12 * dollar, Buyer: "sun"})
	s.Buyer = func(b *buyers.BuyerSpec) { b.Parent = "big" }
	s.Parents = []exchange.Parent{{ID: "big", Caps: caps("parent:big", rules.CapSpec{Per: "day", Limit: 9})}}
	s.Source = func(src *exchange.Source) {
		src.Caps = caps("source:acme", rules.CapSpec{Per: "day", Limit: 8, By: "buyer"})
	}
	s = vertical(s, func(v *exchange.Vertical) {
		v.Caps = caps("vertical:solar", rules.CapSpec{Per: "day", Limit: 7, By: "zip"})
	})
	exchangetest.Run(t, s, func(x *rig) {
		for range 2 {
			if !soldOf(x, "10001") {
				t.Fatal("not sold")
			}
		}
		r := pinged(t, x, values{"zip": "10001"}, nil)
		got := map[string]exchange.CapStory{}
		for _, c := range verdicts(explain(x, r.LeadID))["a"].Caps {
			got[c.Cap] = c
		}
		for title, want := range map[string]exchange.CapStory{"parent:big:day": {Used: 2, Limit: 9},
			"source:acme:day/buyer":  {Used: 2, Limit: 8, Value: "sun"},
			"vertical:solar:day/zip": {Used: 2, Limit: 7, Value: "10001"}} {
			if c := got[title]; c.Used != want.Used || c.Limit != want.Limit || c.Value != want.Value {
				t.Errorf("%s: %+v, want %+v", title, c, want)
			}
		}
	})
}
