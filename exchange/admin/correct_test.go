// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"strings"
	"testing"

	"clearpost/exchange/exchangetest"
	"clearpost/lead"
)

// A correction and another booking say what stands from now on, and why; what is short of that, does not fit or was
// said before changes nothing.
func TestChangesAreAskedForInFull(t *testing.T) {
	operate(t, exchangetest.Setup{Campaigns: []exchangetest.Campaign{{ID: "a", Price: 10 * dollar}}}, func(d *desk) {
		r, f := d.LeadNow(nil, nil)
		if f != nil || r.Result != lead.ResultSuccess {
			t.Fatal(r, f)
		}
		name, long := r.LeadID.String(), strings.Repeat("x", 1001)
		seq := d.Ledger.LastSeq()
		for what, in := range map[string]Correct{
			"no name":               {Outcome: "rejected", Why: "x"},
			"no reason":             {Name: name, Outcome: "rejected", Why: " "},
			"a long reason":         {Name: name, Outcome: "rejected", Why: long},
			"a long ref":            {Name: name, Outcome: "rejected", Why: "x", Ref: long},
			"a long reference":      {Name: name, Outcome: "accepted", Why: "x", Reference: long},
			"another outcome":       {Name: name, Outcome: "perhaps", Why: "x"},
			"a price of no sale":    {Name: name, Outcome: "rejected", Why: "x", Price: "1.00"},
			"a price that is none":  {Name: name, Outcome: "accepted", Why: "x", Price: "much"},
			"a price below nothing": {Name: name, Outcome: "accepted", Why: "x", Price: "-1.00"},
			"a part of a cent":      {Name: name, Outcome: "accepted", Why: "x", Price: "1.005"},
			"a price of a city":     {Name: name, Outcome: "accepted", Why: "x", Price: "10000000.01"},
		} {
			if status, text := d.ask("POST", "/v1/correct", in, nil); status != 400 {
				t.Errorf("correct, %s: %d %s", what, status, text)
			}
		}
		for what, in := range map[string]Adjust{
			"nothing":            {Name: name, Why: "x"},
			"all and nothing":    {Name: name, Why: "x", Void: true, Price: "1.00"},
			"no reason":          {Name: name, Void: true},
			"a payout below 0":   {Name: name, Why: "x", Payout: "-0.01"},
			"a price of letters": {Name: name, Why: "x", Price: "ten"},
		} {
			if status, text := d.ask("POST", "/v1/adjust", in, nil); status != 400 {
				t.Errorf("adjust, %s: %d %s", what, status, text)
			}
		}
		for _, path := range []string{"/v1/correct", "/v1/adjust"} {
			in := map[string]any{"name": "nobody", "outcome": "rejected", "why": "x"}
			if path == "/v1/adjust" {
				in = map[string]any{"name": "nobody", "void": true, "why": "x"}
			}
			if status, text := d.ask("POST", path, in, nil); status != 404 {
				t.Errorf("%s of nobody: %d %s", path, status, text)
			}
		}
		if d.Ledger.LastSeq() != seq {
			t.Error("a change that was refused stands in the ledger")
		}
		var got Changed
		for i := range 2 {
			status, text := d.ask("POST", "/v1/adjust", Adjust{Name: name, Price: "9.00", Why: "x", By: "me", Ref: "1"},
				&got)
			if status != 200 || got.Changed != (i == 0) || got.Event.Price != 9*dollar || got.Event.By != "me" {
				t.Errorf("adjust: %d %s", status, text)
			}
		}
		for i := range 2 {
			status, text := d.ask("POST", "/v1/correct", Correct{Name: name, Outcome: "rejected", Why: "x"}, &got)
			if status != 200 || got.Changed != (i == 0) || got.Event.Outcome != lead.Rejected {
				t.Errorf("correct: %d %s", status, text)
			}
		}
		if status, _ := d.ask("POST", "/v1/adjust", Adjust{Name: name, Price: "9.00", Why: "x"}, nil); status != 404 {
			t.Errorf("money of no sale: %d", status)
		}
		if st := d.Status(r.LeadID); st.Result != lead.ResultFailure {
			t.Errorf("the seller hears %+v", st)
		}
	})
}
