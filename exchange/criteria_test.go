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
	"clearpost/rules"
)

type criterion = rules.CriterionSpec

// asking gives a campaign criteria.
func asking(cs ...criterion) func(*buyers.CampaignSpec) {
	return func(c *buyers.CampaignSpec) { c.Criteria = cs }
}

// wanting is a single buyer who bids 10 for leads that meet these criteria.
func wanting(cs ...criterion) setup {
	return sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: asking(cs...)})
}

// wantNobody expects that no campaign was asked.
func wantNobody(x *rig, v values) {
	x.T.Helper()
	if r, f := x.Ping(v, nil); f != nil || r.Result != lead.ResultFailure || r.Refusal != lead.NoEligible {
		x.T.Errorf("got %s (%s), fault %v: nobody should have been asked", r.Result, r.Refusal, f)
	}
}

func TestCriteriaOfEveryKindOnWhatOnlyThePostBringsAreJudgedBeforeTheHold(t *testing.T) {
	yes, no, old := true, false, "45"
	old45 := criterion{Field: "age", Min: &old}
	local := criterion{Field: "phone.area", In: []string{"212"}}
	either, elsewhere := criterion{Any: []criterion{old45, local}}, values{"phone": "6025550123"}
	for name, c := range map[string]struct {
		asks       criterion
		good, poor values // of the post
	}{
		"a range":             {old45, values{"age": "45"}, values{"age": "44"}},
		"a part":              {local, nil, elsewhere},
		"a text":              {criterion{Field: "phone", Prefix: rules.Texts{"+1212"}}, nil, elsewhere},
		"presence":            {criterion{Field: "age", Present: &yes}, values{"age": "20"}, nil},
		"absence":             {criterion{Field: "age", Present: &no}, nil, values{"age": "20"}},
		"validity":            {criterion{Field: "age", Valid: &yes}, values{"age": "20"}, nil},
		"one of two":          {either, nil, values{"phone": "6025550123", "age": "30"}},
		"one that is missing": {either, values{"phone": "6025550123", "age": "50"}, elsewhere},
		"both":                {criterion{All: []criterion{old45, local}}, values{"age": "50"}, values{"age": "30"}},
		"not":                 {criterion{Not: &old45}, values{"age": "30"}, values{"age": "50"}},
		"not what is missing": {criterion{Not: &old45}, values{"age": "30"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			exchangetest.Run(t, wanting(c.asks), func(x *rig) {
				r, f := x.Post(x.Quote(8*dollar, nil), c.good, nil)
				wantSold(t, r, f, 8*dollar)
			})
			exchangetest.Run(t, wanting(c.asks), func(x *rig) {
				id := x.Quote(8*dollar, nil)
				r, f := x.Post(id, c.poor, nil)
				wantUnsold(t, r, f, lead.QuoteLost)
				wantTried(x, id, map[string]lead.Refusal{"a": lead.CriteriaMismatch})
				wantPosted(x)
			})
		})
	}
}

func TestWhatIsKnownAtThePingIsJudgedThere(t *testing.T) {
	young := "30"
	either := criterion{Any: []criterion{{Field: "zip", In: []string{"10001"}}, {Field: "age", Max: &young}}}
	exchangetest.Run(t, wanting(either), func(x *rig) {
		x.Quote(8*dollar, nil)
		x.Quote(8*dollar, values{"zip": "90210", "age": "30"})
		x.Quote(8*dollar, values{"zip": "90210"}) // the age may still come
		wantNobody(x, values{"zip": "90210", "age": "31"})
	})
	exchangetest.Run(t, wanting(criterion{Not: &either}), func(x *rig) {
		x.Quote(8*dollar, values{"zip": "90210", "age": "31"})
		wantNobody(x, nil)
	})
}

func TestCriteriaOnTheSource(t *testing.T) {
	exchangetest.Run(t, wanting(criterion{Field: "source", In: []string{"acme"}}), func(x *rig) {
		r, f := x.Post(x.Quote(8*dollar, nil), nil, nil)
		wantSold(t, r, f, 8*dollar)
	})
	exchangetest.Run(t, wanting(criterion{Field: "source", NotIn: []string{"acme"}}), func(x *rig) {
		wantNobody(x, nil)
	})
	exchangetest.Run(t, wanting(criterion{Field: "sub_id", Prefix: rules.Texts{"fb-"}}), func(x *rig) {
		x.Quote(8*dollar, values{"sub_id": "FB-17"})
		wantNobody(x, values{"sub_id": "g-17"})
	})
}

// Sales are counted when a campaign's turn comes: one wants to be the first, the other only what is sold already.
func TestCriteriaOnSalesSoFar(t *testing.T) {
	none, one := "0", "1"
	first, second := criterion{Field: "sold", Max: &none}, criterion{Field: "sold", Min: &one}
	two := func(high, low criterion) setup {
		return sellTo(2, campaign{ID: "high", Price: 10 * dollar, MaxSold: 2, Spec: asking(high)},
			campaign{ID: "low", Price: 5 * dollar, MaxSold: 2, Spec: asking(low)})
	}
	exchangetest.Run(t, two(first, second), func(x *rig) {
		r, f := x.Post(x.Quote(12*dollar, nil), nil, nil)
		wantSold(t, r, f, 12*dollar)
		wantPosted(x, "high", "low")
	})
	exchangetest.Run(t, two(first, first), func(x *rig) {
		id := x.Quote(12*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 8*dollar)
		wantPosted(x, "high")
		wantTried(x, id, map[string]lead.Refusal{"low": lead.CriteriaMismatch})
	})
	exchangetest.Run(t, two(second, first), func(x *rig) {
		id := x.Quote(12*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 4*dollar)
		wantTried(x, id, map[string]lead.Refusal{"high": lead.CriteriaMismatch})
	})
	exchangetest.Run(t, two(first, second), func(x *rig) { // in one shot they wait just so
		r, f := x.LeadNow(nil, nil)
		wantSold(t, r, f, 12*dollar)
	})
}

// The clock starts at 19:00 of a Friday in New York.
func TestQuoteOfAnHourHoldsPastIt(t *testing.T) {
	until, day := "20:00", "fri"
	open := []criterion{{Field: "time", Max: &until}, {Field: "weekday", In: []string{day}}}
	exchangetest.Run(t, wanting(open...), func(x *rig) {
		x.Sleep(59 * time.Minute)
		id := x.Quote(8*dollar, nil)
		x.Sleep(2 * time.Minute)
		wantNobody(x, values{"zip": "90210"})
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 8*dollar)
		x.Sleep(23 * time.Hour) // a Saturday, at the right hour
		wantNobody(x, nil)
	})
}

// A value that was left out since it did not fit is not valid, and not missing either, unless the post brings it.
func TestCriteriaOnValuesThatWereLeftOut(t *testing.T) {
	yes, no := true, false
	lenient := func(v *exchange.Vertical) {
		own := []lead.Field{{Name: "phone", Type: lead.TypePhone, Required: lead.AtPost},
			{Name: "zip", Type: lead.TypePostalCode, Required: lead.AtPing}, {Name: "age", Type: lead.TypeInteger},
			{Name: "ssn", Type: lead.TypeSSN, Personal: true}}
		s, errs := lead.NewSchemaWith("solar", own, lead.Options{Invalid: lead.InvalidDrop})
		if errs != nil {
			t.Fatal(errs)
		}
		v.Schema = s
	}
	bad, good := values{"age": "old"}, values{"age": "30"}
	valid, invalid := criterion{Field: "age", Valid: &yes}, criterion{Field: "age", Valid: &no}
	for name, c := range map[string]struct {
		asks       criterion
		ping, post values
		sold       bool
	}{
		"bad at the ping":           {invalid, bad, nil, true},
		"bad at the post":           {invalid, nil, bad, true},
		"missing":                   {invalid, nil, nil, false},
		"put right by the post":     {invalid, bad, good, false},
		"right":                     {valid, good, nil, true},
		"valid is wanted":           {valid, bad, nil, false},
		"valid comes with the post": {valid, bad, good, true},
		"left out is not missing":   {criterion{Field: "age", Present: &no}, nil, bad, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := vertical(wanting(c.asks), lenient)
			finish := func(p *exchange.Ping) { p.Lead.Finish() }
			exchangetest.Run(t, s, func(x *rig) {
				r, f := x.Ping(c.ping, finish)
				if r.Result != lead.ResultSuccess || f != nil {
					t.Fatalf("ping: %+v, %v", r, f)
				}
				r, f = x.Post(r.LeadID, c.post, func(in *exchange.PostIn) { in.Lead.Finish() })
				if c.sold {
					wantSold(t, r, f, 8*dollar)
					return
				}
				wantUnsold(t, r, f, lead.QuoteLost)
				if got := exchangetest.Last[*ledger.Settled](x, r.LeadID).Tried; len(got) != 1 ||
					got[0].Refusal != lead.CriteriaMismatch {
					t.Errorf("tried %v", got)
				}
			})
		})
	}
}
