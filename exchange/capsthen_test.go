// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"testing"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
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
