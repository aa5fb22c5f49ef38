// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"strings"
	"testing"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
)

// An unsold lead is resubmitted over HTTP: what is wrong with the wish, and what came of it.
func TestResubmitOverHTTP(t *testing.T) {
	s := exchangetest.Setup{Campaigns: []exchangetest.Campaign{{ID: "a", Price: 25 * dollar,
		Post: exchangetest.Script(exchangetest.Decline("no"), exchangetest.Accept("R"))}}}
	operate(t, s, func(d *desk) {
		unsold, f := d.LeadNow(nil, nil)
		if f != nil || unsold.Result != lead.ResultFailure {
			t.Fatalf("%+v, %v", unsold, f)
		}
		for _, bad := range []struct {
			in     Resubmit
			status int
			words  string
		}{
			{Resubmit{}, 400, "lead_id"},
			{Resubmit{Lead: unsold.LeadID, Ref: strings.Repeat("r", refMax+1)}, 400, "ref"},
			{Resubmit{Lead: lead.ID{1}}, 404, "no such lead"},
			{Resubmit{Lead: unsold.LeadID, Vertical: "moon"}, 400, `\"moon\"`},
			{Resubmit{Lead: unsold.LeadID, Set: map[string]string{"zip": "1"}}, 400, "zip: expected"},
		} {
			if status, raw := d.ask("POST", "/v1/resubmit", bad.in, nil); status != bad.status ||
				!strings.Contains(raw, bad.words) {
				t.Errorf("%+v: %d %s", bad.in, status, raw)
			}
		}
		var dry, got, again exchange.Resubmitted
		in := Resubmit{Lead: unsold.LeadID, Set: map[string]string{"zip": "10002"}, Ref: "t-1", DryRun: true}
		if status, raw := d.ask("POST", "/v1/resubmit", in, &dry); status != 200 || dry.As != "" ||
			len(dry.Wanted) != 1 {
			t.Errorf("%d %s", status, raw)
		}
		in.DryRun = false
		if status, raw := d.ask("POST", "/v1/resubmit", in, &got); status != 200 || got.As == "" || got.Known ||
			got.Answer.Result != lead.ResultSuccess || lead.Money(*got.Answer.Price) != 20*dollar {
			t.Errorf("%d %s", status, raw)
		}
		if status, raw := d.ask("POST", "/v1/resubmit", in, &again); status != 200 || !again.Known ||
			again.As != got.As {
			t.Errorf("%d %s", status, raw)
		}
		in.Ref = "t-2"
		if status, raw := d.ask("POST", "/v1/resubmit", in, nil); status != 409 || !strings.Contains(raw, got.As) {
			t.Errorf("%d %s", status, raw)
		}
		if status, raw := d.ask("POST", "/v1/resubmit", Resubmit{Lead: mustID(t, got.As)}, nil); status != 409 ||
			!strings.Contains(raw, "it is sold") {
			t.Errorf("%d %s", status, raw)
		}
	})
}

func mustID(t *testing.T, text string) lead.ID {
	t.Helper()
	id, err := lead.ParseID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
