// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/wire/answer"
	"clearpost/wire/request"
)

// Named values of a buyer's answer to a ping stand in the request of its post, also after a restart; a bid that lacks
// one is none.
func TestValuesOfAPingsAnswerStandInThePost(t *testing.T) {
	captures := func(c *buyers.CampaignSpec) {
		c.Ping.Answer.Capture = map[string]answer.ValueSpec{"offer": {Path: "offer.id"},
			"tier": {Path: "tier", Optional: true}}
		c.Post.Request.Fields = append(c.Post.Request.Fields, request.FieldSpec{To: "offer", From: "capture.offer"},
			request.FieldSpec{To: "tier", From: "capture.tier"})
	}
	bid := func(price lead.Money, offer any, more ...any) exchangetest.Buyer {
		more = append(more, "offer", map[string]any{"id": offer})
		return exchangetest.Always(exchangetest.Bid(price, more...))
	}
	s := sellTo(1, campaign{ID: "a", Price: 20 * dollar, Ping: bid(20*dollar, nil), Spec: captures},
		campaign{ID: "b", Price: 11 * dollar, Ping: bid(11*dollar, "B-7", "tier", "gold"), Spec: captures,
			Post: declines},
		campaign{ID: "c", Price: 10 * dollar, Ping: bid(10*dollar, 991), Spec: captures})
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8_800_000, nil)
		got := bids(x, id)
		if got["a"].Refusal != lead.UnclearAnswer || len(got["b"].Captures) != 2 ||
			got["b"].Captures[1] != (ledger.Captured{Name: "tier", Value: "gold"}) || len(got["c"].Captures) != 1 {
			t.Errorf("bids: %+v", got)
		}
		x.Restart()
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 8_800_000)
		for call, want := range map[string][]string{"b": {`"offer":"B-7"`, `"tier":"gold"`}, "c": {`"offer":"991"`}} {
			body := string(x.Buyers.Calls(call, exchangetest.Post)[0].Body)
			for _, w := range want {
				if !strings.Contains(body, w) {
					t.Errorf("%s heard %s, want %s", call, body, w)
				}
			}
		}
		if body := string(x.Buyers.Calls("c", exchangetest.Post)[0].Body); strings.Contains(body, "tier") {
			t.Errorf("c heard the value of another: %s", body)
		}
	})
}

// The trip of a one-shot lead goes on when its seller has heard, and others ping: what its buyers have answered stays
// what it was.
func TestValuesOfAnAnswerOutliveTheRequest(t *testing.T) {
	n := 0
	s := sellTo(1, campaign{ID: "a", Price: 20 * dollar,
		Post: exchangetest.Always(exchangetest.Decline("no thanks").In(85 * time.Millisecond))},
		campaign{ID: "b", Price: 11 * dollar, Spec: func(c *buyers.CampaignSpec) {
			c.Ping.Answer.Capture = map[string]answer.ValueSpec{"offer": {Path: "offer"}}
			c.Post.Request.Fields = append(c.Post.Request.Fields, request.FieldSpec{To: "offer", From: "capture.offer"})
		}, Ping: func(*exchangetest.Request) exchangetest.Answer {
			n++
			return exchangetest.Bid(11*dollar, "offer", fmt.Sprint("offer-", n))
		}})
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.LeadNow(nil, func(p *exchange.Ping) { p.MaxWait = 50 * time.Millisecond })
		wantPending(t, r, f)
		for i := range 20 {
			_, _ = x.Ping(values{"zip": fmt.Sprint(10002 + i)}, nil)
		}
		x.Sleep(time.Minute)
		if got := x.Status(r.LeadID); got.Result != lead.ResultSuccess {
			t.Errorf("%+v", got)
		}
		if body := string(x.Buyers.Calls("b", exchangetest.Post)[0].Body); !strings.Contains(body, `"offer":"offer-1"`) {
			t.Errorf("b heard %s", body)
		}
	})
}
