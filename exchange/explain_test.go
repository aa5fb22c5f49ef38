// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"slices"
	"strings"
	"testing"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
	"clearpost/wire/request"
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
			e.Now != lead.ResultSuccess || e.Ping.Price != 9_600_000 || e.Ping.ExpiresAt == nil ||
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
		if v = verdicts(e); e.SameConfig || v["late"].Verdict != "" || v["win"].Request == "" ||
			v["elsewhere"].Verdict != "criteria" || len(e.Defects)+len(e.Unchecked) > 0 {
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
		if a := e.Attempts[0]; a.Outcome != "unknown" || a.HoldIs != "kept" || e.Now != lead.ResultPending ||
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

// A campaign that has moved to another vertical, whose fields the lead does not have, is still told as the one that
// won.
func TestExplanationAfterTheCampaignHasMovedToAnotherVertical(t *testing.T) {
	roof := exchangetest.NewVertical("roof")
	schema, errs := lead.NewSchema("roof", []lead.Field{{Name: "storeys", Type: lead.TypeInteger},
		{Name: "slope", Type: lead.TypeInteger}, {Name: "age", Type: lead.TypeInteger}})
	if errs != nil {
		t.Fatal(errs)
	}
	roof.Schema = schema
	moved := one()
	moved.Verticals = []*exchange.Vertical{roof}
	moved.Campaigns[0].Spec = func(c *buyers.CampaignSpec) {
		c.Vertical = "roof"
		sends(c)
		for _, from := range []string{"slope", "age"} {
			c.Ping.Request.Fields = append(c.Ping.Request.Fields, request.FieldSpec{To: from, From: from})
		}
	}
	unkept := func(d *exchange.Deps) { d.Kept = nil }
	before := one()
	before.Deps = unkept
	exchangetest.Run(t, before, func(x *rig) {
		id := x.Quote(8*dollar, values{"age": "40"})
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 8*dollar)
		x.Reload(moved)
		e := explain(x, id)
		if len(e.Campaigns) != 1 || e.Campaigns[0].Verdict != "winner" || e.Campaigns[0].Request != "" ||
			len(e.Attempts) != 1 || e.SameConfig {
			t.Errorf("explanation: %+v", e)
		}
		r, f = x.Ping(nil, nil)
		wantUnsold(t, r, f, lead.NoEligible)
	})
}

// A value that nobody needs and that does not fit costs no lead: it counts as missing, and is told where people look
// for it.
func TestOptionalValueThatDoesNotFitCostsNoLead(t *testing.T) {
	long := "http://example.com/?q=" + strings.Repeat("x", 2100)
	s := fieldsWith(sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: sends}),
		lead.Options{Invalid: lead.InvalidRaw},
		lead.Field{Name: "phone", Required: lead.AtPost}, lead.Field{Name: "zip", Required: lead.AtPing},
		lead.Field{Name: "source_url"}, lead.Field{Name: "age", Type: lead.TypeInteger},
		lead.Field{Name: "bill", Type: lead.TypeMoney, Invalid: lead.InvalidDrop},
		lead.Field{Name: "roof", Type: lead.TypeEnum, Values: []string{"flat", "pitched"}, Invalid: lead.InvalidRefuse},
		lead.Field{Name: "ssn", Type: lead.TypeSSN})
	names := func(f ledger.Fields) string {
		var out []string
		for _, v := range f {
			out = append(out, v.Name)
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, values{"age": "old", "bill": "lots", "ssn": "000-22-1234", "source_url": long})
		r, f := x.Post(id, values{"opt_in": "perhaps"}, nil)
		wantSold(t, r, f, 8*dollar)
		ev := exchangetest.Last[*ledger.Pinged](x, id)
		if got := names(ev.Unfit); got != "age bill source_url ssn" {
			t.Errorf("unfit: %v", ev.Unfit)
		}
		if raw, _ := ev.Raw.Get("source_url"); raw != long {
			t.Errorf("the long URL is kept as %q", raw)
		}
		if raw, ok := ev.Raw.Get("bill"); ok {
			t.Errorf("what was to be dropped is kept: %q", raw)
		}
		if _, ok := ev.Fields.Get("age"); ok {
			t.Error("a value that does not fit stands among the fields")
		}
		if text := string(ev.AppendJSON(nil)); strings.Contains(text, "000-22") {
			t.Errorf("an event holds the number: %s", text)
		}
		if post := exchangetest.Last[*ledger.Posting](x, id).Post; names(post.Unfit) != "opt_in" {
			t.Errorf("the post's unfit: %v", post.Unfit)
		}
		told := explain(x, id).Unfit
		why, _ := told.Get("age")
		if names(told) != "age bill opt_in source_url ssn" || why != "expected a whole number" {
			t.Errorf("explained: %v", told)
		}
		one, f := x.LeadNow(values{"phone": "2127365111", "age": "old"}, nil)
		wantSold(t, one, f, 8*dollar)
		if got := names(exchangetest.Last[*ledger.Pinged](x, one.LeadID).Unfit); got != "age" {
			t.Errorf("a one-shot lead's unfit: %v", got)
		}
		for field, v := range map[string]values{"zip": {"zip": "1"}, "roof": {"roof": "thatched"}} {
			r, f := x.Ping(v, nil)
			wantFault(t, r, f, "invalid_lead")
			if f != nil && (len(f.Errors) != 1 || f.Errors[0].Field != field) {
				t.Errorf("errors: %+v, want one of %s", f.Errors, field)
			}
		}
	})
}

// A campaign is out for the first criterion of its page that is unmet, then for its schedule; all of it is told on
// demand.
func TestExplanationTellsTheFirstReasonOrAll(t *testing.T) {
	old, none := "65", "0"
	several := func(c *buyers.CampaignSpec) {
		c.Criteria = []criterion{{Field: "zip", In: []string{"10001"}}, {Field: "age", Min: &old},
			{Any: []criterion{{Field: "sub_id", In: []string{"a"}}, {Field: "phone.area", In: []string{"602"}}}}}
		c.Schedule = &rules.ScheduleSpec{Zone: "UTC", Open: []string{"sun 10:00-11:00"}}
	}
	later := func(c *buyers.CampaignSpec) {
		c.Criteria = []criterion{{Field: "sold", Max: &none}, {Field: "phone.area", In: []string{"602"}}}
	}
	s := sellTo(2, campaign{ID: "first", Price: 12 * dollar, MaxSold: 2}, campaign{ID: "later", Price: 10 * dollar,
		MaxSold: 2, Spec: later}, campaign{ID: "out", Price: 9 * dollar, Spec: several})
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(17_600_000, values{"age": "40", "sub_id": "b"})
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 9_600_000)
		for _, c := range []struct {
			explain    func(lead.ID) (*exchange.Explanation, bool, error)
			out, tried string
		}{
			{x.Exchange.Explain, "age is 40, expected at least 65 at criteria[1]",
				"sold is 1, expected at most 0 at criteria[0]"},
			{x.Exchange.ExplainAll, "age is 40, expected at least 65 at criteria[1]; closed: no hours on Sat, opens " +
				"Sun 2000-01-02 10:00 UTC at [2].campaigns[0], schedule.open", "sold is 1, expected at most 0 at " +
				"criteria[0]; phone.area is 212, expected one of 602 at criteria[1]"},
		} {
			e, _, err := c.explain(id)
			if err != nil {
				t.Fatal(err)
			}
			out := verdicts(e)["out"]
			if got := reasons(out.Why, out.Places); out.Verdict != "criteria" || got != c.out {
				t.Errorf("out: %s: %s", out.Verdict, got)
			}
			if len(e.Tried) != 1 || e.Tried[0].Campaign != "later" || e.Tried[0].Refusal != "criteria" ||
				reasons(e.Tried[0].Why, e.Tried[0].Places) != c.tried {
				t.Errorf("tried: %+v", e.Tried)
			}
		}
	})
}

func reasons(why, places []string) string {
	var out []string
	for i := range why {
		out = append(out, why[i]+" at "+places[i])
	}
	return strings.Join(out, "; ")
}
