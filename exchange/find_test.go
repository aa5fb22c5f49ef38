// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

func TestLeadsAndAttemptsAreFoundByTheirNames(t *testing.T) {
	s := sellTo(2, campaign{ID: "a", Price: 10 * dollar, MaxSold: 2,
		Post: exchangetest.Always(exchangetest.Accept("R-7"))},
		campaign{ID: "b", Price: 9 * dollar, MaxSold: 2, Post: exchangetest.Always(exchangetest.Accept("R-7"))})
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.LeadNow(jane, func(p *exchange.Ping) { p.SellerLeadID = "S-1" })
		wantSold(t, r, f, 15_200_000)
		attempts := exchangetest.All[*ledger.Posting](x, r.LeadID)
		find := func(name string, want ...exchange.Match) {
			t.Helper()
			found, err := x.Exchange.Find(name, time.Minute)
			if err != nil || len(found.Matches) != len(want) {
				t.Fatalf("%s: %+v, %v", name, found, err)
			}
			for i, m := range found.Matches {
				if m.Lead != r.LeadID || m.Attempt != want[i].Attempt || m.Campaign != want[i].Campaign {
					t.Errorf("%s: %+v, want %+v", name, m, want[i])
				}
			}
		}
		a := exchange.Match{Attempt: attempts[0].Attempt, Campaign: "a"}
		b := exchange.Match{Attempt: attempts[1].Attempt, Campaign: "b"}
		find(r.LeadID.String(), exchange.Match{})
		find(attempts[1].Attempt.String(), b)
		find("acme:S-1", exchange.Match{})
		find("R-7", b, a)
		find("a:R-7", a)
		find("b-co:R-7", b)
		find("nothing")
		find(lead.ID{7}.String())
		if _, err := x.Exchange.Find("R-7", -time.Second); err != nil {
			t.Error(err)
		}
	})
}

func TestNamesOfWhatIsFoundReadWell(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	id := lead.ID{1}
	if got := (exchange.Match{Lead: id, At: at}).String(); got != "lead "+id.String()+" of 2026-01-02T03:04:05Z" {
		t.Errorf("match: %q", got)
	}
	o := exchange.OpenAttempt{Lead: id, Attempt: id, Campaign: "a", Reference: "R", Since: at}
	want := "lead " + id.String() + " attempt " + id.String() + " at a reference R of 2026-01-02T03:04:05Z"
	if got := o.String(); got != want {
		t.Errorf("open attempt: %q, want %q", got, want)
	}
	if got := (exchange.Found{}).NotFound("x"); strings.Contains(got, "back to") || !strings.Contains(got, `"x"`) {
		t.Errorf("not found: %q", got)
	}
	if got := (exchange.Found{Back: at}).NotFound("x"); !strings.Contains(got, "back to 2026-01-02T03:04:05Z") {
		t.Errorf("not found: %q", got)
	}
}

func TestOpenAttemptsAreFoundByAnyNameOfTheirs(t *testing.T) {
	s := one()
	s.Campaigns[0].Post = exchangetest.Always(exchangetest.Says("status", "queued", "reference", "R-7"))
	s.Campaigns[0].Spec = queues
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.LeadNow(jane, func(p *exchange.Ping) { p.SellerLeadID = "S-1" })
		wantPending(t, r, f)
		attempt := x.Open()[0].Attempt
		for _, name := range []string{attempt.String(), r.LeadID.String(), "acme:S-1", "R-7", "a:R-7", "a-co:R-7"} {
			open, _, err := x.Exchange.FindOpen(name, time.Minute)
			if err != nil || len(open) != 1 || open[0].Attempt != attempt {
				t.Errorf("%s: %+v, %v", name, open, err)
			}
		}
		open, found, err := x.Exchange.FindOpen("nothing", time.Minute)
		if err != nil || len(open) != 0 || len(found.Matches) != 0 {
			t.Errorf("nothing: %+v, %+v, %v", open, found, err)
		}
	})
}

// A buyer's references may look like our ids: it gives leads back by them, and people find leads by them.
func TestABuyersReferenceMayLookLikeAnID(t *testing.T) {
	ref := "8f14e45f-ceea-467f-a0e6-1b2c3d4e5f60"
	s := returning(48)
	s.Campaigns[0].Post = exchangetest.Always(exchangetest.Accept(ref))
	var found []lead.ID // by a view
	s.Deps = func(d *exchange.Deps) {
		d.Search = func(_ context.Context, q exchange.SalesQuery) ([]lead.ID, error) {
			if q.Reference == ref {
				return found, nil
			}
			return nil, nil
		}
	}
	exchangetest.Run(t, s, func(x *rig) {
		for _, view := range []bool{false, true} {
			id := sell(x)
			if found = nil; view {
				found = []lead.ID{id}
			}
			got, err := x.Exchange.Find(ref, time.Minute)
			if err != nil || len(got.Matches) == 0 || got.Matches[0].Lead != id {
				t.Errorf("%+v, %v", got, err)
			}
			wantLine(t, inALine(x.Exchange.Return(exchange.ReturnAsk{Buyer: "a-co", Name: ref, Reason: "wrong_number",
				Budget: forNames})), "returned, credit 25.00, clawback 10.00")
			if view {
				continue
			}
			wantLine(t, giveBack(x, id, "wrong_number"), "returned, credit 25.00, clawback 10.00, again")
		}
	})
}
