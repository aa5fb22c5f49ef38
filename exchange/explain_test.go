// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"strings"
	"testing"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

func explain(x *rig, id lead.ID) *exchange.Explanation {
	x.T.Helper()
	e, ok, err := x.Exchange.Explain(id)
	if err != nil || !ok {
		x.T.Fatalf("explain: %v, %v", ok, err)
	}
	return e
}

func verdicts(e *exchange.Explanation) map[string]exchange.CampaignStory {
	out := map[string]exchange.CampaignStory{}
	for _, c := range e.Campaigns {
		out[c.Campaign] = c
	}
	return out
}

func TestExplanationTellsOfEachCampaignAndAttempt(t *testing.T) {
	only := func(c *buyers.CampaignSpec) {
		c.Criteria = []rules.CriterionSpec{{Field: "zip", In: []string{"99999"}}}
	}
	s := sellTo(1, campaign{ID: "win", Price: 12 * dollar, Spec: capped(3), Post: declines},
		campaign{ID: "next", Price: 11 * dollar, Spec: capped(3), Post: exchangetest.Always(exchangetest.Accept("R-1",
			"price", 10*dollar))}, campaign{ID: "no", Ping: declines}, campaign{ID: "elsewhere", Price: 50 * dollar,
			Spec: only}, campaign{ID: "list", Price: 5 * dollar, Fixed: true})
	exchangetest.Run(t, s, func(x *rig) {
		r := pinged(t, x, values{"age": "40"}, func(p *exchange.Ping) {
			p.SellerLeadID, p.Extra = "S-1", exchange.Fields{{Name: "hat", Value: "red"}}
		})
		sold, f := x.Post(r.LeadID, nil, nil)
		wantSold(t, sold, f, 9_600_000)
		e := explain(x, r.LeadID)
		if e.Source != "acme" || e.Vertical != "solar" || e.Mode != "ping" || e.SellerLeadID != "S-1" ||
			!e.SameConfig ||
			e.Now != ledger.ResultSuccess || e.Ping.Price != 9_600_000 || e.Ping.ExpiresAt == nil ||
			!e.Ping.ExpiresAt.Equal(r.ExpiresAt) || e.Answer == nil || e.Answer.Revenue != 11*dollar {
			t.Errorf("explanation: %+v", e)
		}
		for name, want := range map[string]string{"zip": "10001", "phone": "+12127365000", "age": "40"} {
			if got, ok := e.Fields.Get(name); !ok || got != want {
				t.Errorf("field %s is %q", name, got)
			}
		}
		if hat, _ := e.Unknown.Get("hat"); hat != "red" {
			t.Errorf("unknown: %+v", e.Unknown)
		}
		v := verdicts(e)
		if v["win"].Verdict != "winner" || v["next"].Verdict != "backup" || v["no"].Verdict != "no_bid" ||
			v["elsewhere"].Verdict != "criteria" || len(v["elsewhere"].Why) != 1 || v["list"].Request != "" ||
			!v["list"].Fixed {
			t.Errorf("campaigns: %+v", v)
		}
		if sent := x.Buyers.Calls("win", exchangetest.Ping)[0].Bytes; v["win"].Request != sent {
			t.Errorf("the ping rendered again:\n%s\nsent:\n%s", v["win"].Request, sent)
		}
		if len(e.Attempts) != 2 || len(e.Events) != 6 {
			t.Fatalf("attempts: %+v, events %+v", e.Attempts, e.Events)
		}
		first, second := e.Attempts[0], e.Attempts[1]
		if first.Outcome != "rejected" || first.HoldIs != "released" || first.Payout != 0 ||
			first.Refusal != "rejected" ||
			first.Reason != "no thanks" || first.Request == nil || first.Answer == nil || first.Status != 200 {
			t.Errorf("first attempt: %+v", first)
		}
		if second.Outcome != "accepted" || second.HoldIs != "committed" || second.Payout != 9_600_000 ||
			second.Booked != 11*dollar || second.AnswerPrice != 10*dollar || second.Reference != "R-1" ||
			len(second.Hold) != 1 {
			t.Errorf("second attempt: %+v", second)
		}
		x.Reload(sellTo(1, campaign{ID: "late", Price: dollar}))
		e = explain(x, r.LeadID)
		if v = verdicts(e); e.SameConfig || v["late"].Verdict != "not_asked" || v["win"].Request != "" {
			t.Errorf("after a reload: %+v", e)
		}
		if _, ok, err := x.Exchange.Explain(lead.ID{1}); ok || err != nil {
			t.Errorf("of no lead: %v, %v", ok, err)
		}
	})
}

func TestExplanationOfAnOpenAttemptAndOfARepeat(t *testing.T) {
	s := cappedOne()
	s.Campaigns[0].Post = silent
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.LeadNow(jane, nil)
		wantPending(t, r, f)
		e := explain(x, r.LeadID)
		if a := e.Attempts[0]; a.Outcome != "unknown" || a.HoldIs != "kept" || e.Now != ledger.ResultPending ||
			e.Mode != "lead" {
			t.Errorf("attempt: %+v", a)
		}
		again, _ := x.Ping(jane, nil)
		if v := verdicts(explain(x, again.LeadID))["a"]; v.Verdict != "repeated_lead" ||
			!strings.Contains(v.Meaning, firstDay) {
			t.Errorf("verdict: %+v", v)
		}
		if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: e.Attempts[0].Attempt, Accepted: true,
			Reference: "R", Why: "asked", By: "me"}); err != nil {
			t.Fatal(err)
		}
		if a := explain(x, r.LeadID).Attempts[0]; a.Resolved != "asked (me)" || a.HoldIs != "committed" ||
			a.Booked != 10*dollar || a.Reference != "R" {
			t.Errorf("attempt: %+v", a)
		}
	})
}
