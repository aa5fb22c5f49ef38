// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// priced sells to a, whose criteria look at the state and the age (which comes from the date of birth, unless it is
// sent) and whose ping has the postal code: the price comes from these. The colour is nobody's.
func priced(more ...campaign) setup {
	s := sellTo(1, append([]campaign{{ID: "a", Price: 10 * dollar, Spec: func(c *buyers.CampaignSpec) {
		least := "18"
		c.Criteria = []rules.CriterionSpec{{Field: "state", In: []string{"CA", "NV"}}, {Field: "age", Min: &least}}
		sends(c)
	}}}, more...)...)
	return fields(s, lead.Field{Name: "phone", Required: lead.AtPost}, lead.Field{Name: "zip", Required: lead.AtPing},
		lead.Field{Name: "dob", Type: lead.TypeDOB, Personal: true},
		lead.Field{Name: "age", Type: lead.TypeInteger, Derive: "dob.age", Personal: true},
		lead.Field{Name: "color", Type: lead.TypeText})
}

// sends has a campaign's requests be of fields that every vertical has.
func sends(c *buyers.CampaignSpec) {
	c.Ping.Request.Fields, c.Post.Request.Fields = c.Ping.Request.Fields[:2], c.Post.Request.Fields[:3]
}

var asPriced = values{"zip": "94110", "state": "CA", "dob": "1980-05-01", "color": "red"}

func TestPostThatChangesWhatThePriceCameFromIsRefusedAndConsumesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		post values
		want []string // field, value, expectation; nothing: it is sold
	}{
		"nothing":         {},
		"other spellings": {post: values{"zip": " 94110", "state": "california", "dob": "5/1/1980"}},
		// neither a criterion nor the ping's request has it
		"what nobody has used":   {post: values{"color": "blue"}},
		"what was not there":     {post: values{"email": "jane@example.com"}},
		"a criterion's field":    {values{"state": "NV"}, []string{"state NV CA, as in the ping"}},
		"the request's field":    {values{"zip": "10001"}, []string{"zip 10001 94110, as in the ping"}},
		"an origin of its field": {values{"dob": "1970-05-01"}, []string{"dob ****01 ****01, as in the ping"}},
		"a derived field itself": {values{"age": "30"}, []string{"age **** ****, as in the ping"}},
		"all at once, and what is missing": {values{"phone": "", "state": "NV", "zip": "10001", "dob": "1970-05-01"},
			[]string{"state NV CA, as in the ping", "zip 10001 94110, as in the ping",
				"dob ****01 ****01, as in the ping", "phone "}},
		"a bad value where a good one stands": {values{"color": "blue", "dob": "soon"}, []string{"dob **** "}},
	} {
		t.Run(name, func(t *testing.T) {
			exchangetest.Run(t, priced(), func(x *rig) {
				id := x.Quote(8*dollar, asPriced)
				r, f := x.Post(id, c.post, nil)
				if c.want == nil {
					wantSold(t, r, f, 8*dollar)
					return
				}
				code := "invalid_lead"
				if strings.Contains(c.want[0], "as in the ping") {
					code = "changed_since_ping"
				}
				wantFault(t, r, f, code)
				var said []string
				for _, p := range f.Errors {
					said = append(said, fmt.Sprint(p.Field, " ", p.Value, " ", p.Expected))
				}
				if !slices.EqualFunc(said, c.want, strings.HasPrefix) {
					t.Errorf("errors: %q, want %q", said, c.want)
				}
				wantPosted(x)
				if n := len(x.Events(id)); n != 1 {
					t.Errorf("%d events", n)
				}
				sold, f := x.Post(id, nil, nil)
				wantSold(t, sold, f, 8*dollar)
				late, f := x.Post(id, c.post, nil) // a repeat is answered, whatever it changes
				if f != nil || fmt.Sprint(late) != fmt.Sprint(sold) {
					t.Errorf("late: %+v, %v, first %+v", late, f, sold)
				}
			})
		})
	}
}

func TestChangedValuesAreKeptWhereTheOperatorWantsIt(t *testing.T) {
	for _, c := range []struct {
		vertical, source exchange.OnChange
		sold             bool
	}{{exchange.OnChangeKeep, exchange.OnChangeUnset, true}, {exchange.OnChangeUnset, exchange.OnChangeKeep, true},
		{exchange.OnChangeKeep, exchange.OnChangeRefuse, false},
		{exchange.OnChangeUnset, exchange.OnChangeUnset, false}} {
		s := vertical(priced(), func(v *exchange.Vertical) { v.OnChange = c.vertical })
		s.Source = func(s *exchange.Source) { s.OnChange = c.source }
		exchangetest.Run(t, s, func(x *rig) {
			id := x.Quote(8*dollar, asPriced)
			r, f := x.Post(id, values{"state": "NV", "color": "blue"}, nil)
			if !c.sold {
				wantFault(t, r, f, "changed_since_ping")
				return
			}
			wantSold(t, r, f, 8*dollar)
			changed := exchangetest.Last[*ledger.Posting](x, id).Post.Changed
			slices.Sort(changed)
			if !slices.Equal(changed, []string{"color", "state"}) {
				t.Errorf("changed: %v", changed)
			}
			r, f = x.Post(x.Quote(8*dollar, asPriced), values{"phone": "2127365001", "dob": "x"}, nil)
			wantFault(t, r, f, "invalid_lead") // what cannot be used is no change
		})
	}
}

// A campaign that did not bid has no part in the price, and one that did has, though it may no longer buy.
func TestOnlyThoseWhoBidDecideWhatThePriceCameFrom(t *testing.T) {
	red := campaign{ID: "red", Price: 9 * dollar, Spec: func(c *buyers.CampaignSpec) {
		c.Criteria = []rules.CriterionSpec{{Field: "color", In: []string{"red"}}}
		sends(c)
	}}
	exchangetest.Run(t, priced(red), func(x *rig) {
		pause := func(on bool) {
			t.Helper()
			if _, _, err := x.Exchange.Pause("campaign:red", on, "", ""); err != nil {
				t.Fatal(err)
			}
		}
		pause(true)
		r, f := x.Post(x.Quote(8*dollar, asPriced), values{"color": "blue"}, nil)
		wantSold(t, r, f, 8*dollar)
		pause(false)
		id := x.Quote(8*dollar, asPriced)
		pause(true)
		r, f = x.Post(id, values{"phone": "2127365001", "color": "blue"}, nil)
		wantFault(t, r, f, "changed_since_ping")
		if f != nil && (len(f.Errors) != 1 || f.Errors[0].Field != "color") {
			t.Errorf("errors: %+v", f.Errors)
		}
	})
}
