// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"strings"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
)

// resells has the buyer give back what its own buyer has, within so many days.
func resells(days int) func(*buyers.ReturnsSpec) {
	return func(r *buyers.ReturnsSpec) { r.Chain = &buyers.ReturnChainSpec{WindowDays: &days} }
}

// A buyer that resells gives back what its own buyer has given back in time, and each reference stands for one lead.
// The clock begins at 19:00 on Friday, 31 December 1999, in the buyer's zone, where it is the day after in UTC.
func TestRefundChains(t *testing.T) {
	exchangetest.Run(t, returning(480, resells(3)), func(x *rig) {
		sold, other := sell(x), sell(x)
		back := func(id lead.ID, reason, reference, date string, grant bool) string {
			t.Helper()
			ask := exchange.ReturnAsk{Buyer: "a-co", Name: id.String(), Reason: reason, Grant: grant, Budget: forNames}
			if reference != "" || date != "" {
				ask.Chain = &exchange.ChainTold{Reference: reference, Date: date}
			}
			adj, changed, err := x.Exchange.Return(ask)
			line := inALine(adj, changed, err)
			if err == nil && adj.Return.Chain != nil {
				line += ", " + adj.Return.Chain.Reference + " of " + adj.Return.Chain.Date + " until " +
					adj.Return.Chain.Until
			}
			return line
		}
		const missing = "refused: this buyer resells: expected its own buyer's reference of the return, and its date"
		const outside = "refused: its own buyer has not given the lead back within the time that counts: "
		type step struct {
			at              string // New York; "": as before
			lead            lead.ID
			reason          string
			reference, date string
			want            string
		}
		for _, s := range []step{
			{"", sold, "wrong_number", "", "", missing},
			{"", sold, "wrong_number", "R1", "", missing},
			{"", sold, "wrong_number", " ", "1999-12-31", missing},
			{"", sold, "quality", "", "", missing}, // nor is a person asked without
			{"", sold, "wrong_number", "R1", "1999-12-30", outside +
				"1999-12-30 is before the sale to it on 1999-12-31"},
			{"", sold, "wrong_number", "R1", "2000-01-01", outside + "2000-01-01 has not come yet"},
			{"2000-01-05 12:00", sold, "wrong_number", "R1", "2000-01-04", outside + "2000-01-04 is after 2000-01-03"},
			{"", sold, "wrong_number", "R1", "2000-01-03",
				"returned, credit 25.00, clawback 10.00, R1 of 2000-01-03 until 2000-01-03"},
			{"", sold, "wrong_number", "R2", "2000-01-02",
				"returned, credit 25.00, clawback 10.00, again, R1 of 2000-01-03 until 2000-01-03"},
			{"", other, "wrong_number", "R1", "2000-01-03",
				"refused: its own buyer's reference was told for another lead: \"R1\""},
			{"", other, "quality", "R2", "1999-12-31",
				"return_asked, credit 0.00, clawback 0.00, R2 of 1999-12-31 until 2000-01-03"},
		} {
			if s.at != "" {
				sleepUntil(x, s.at)
			}
			if got := back(s.lead, s.reason, s.reference, s.date, false); got != s.want {
				t.Errorf("%s %q %q\ngot  %s\nwant %s", s.reason, s.reference, s.date, got, s.want)
			}
		}
		x.Restart()
		third := sell(x)
		wantLine(t, back(third, "wrong_number", "R2", "2000-01-05", false),
			"refused: its own buyer's reference was told for another lead: \"R2\"")
		wantLine(t, decide(x, other, exchange.ReturnDeny), "return_denied, credit 0.00, clawback 0.00")
		wantLine(t, back(third, "wrong_number", "R2", "2000-01-05", false),
			"returned, credit 25.00, clawback 10.00, R2 of 2000-01-05 until 2000-01-08")
		fourth := sell(x)
		wantLine(t, back(fourth, "wrong_number", "", "", true), "returned, credit 25.00, clawback 10.00")
		wantLine(t, decide(x, sold, exchange.ReturnRevoke), "return_revoked, credit -25.00, clawback -10.00")
		audited(x)
	})
}

// sleepUntil lets time pass until a time in New York.
func sleepUntil(x *rig, text string) {
	x.T.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		x.T.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", text, zone)
	if err != nil {
		x.T.Fatal(err)
	}
	x.Sleep(at.Sub(x.Exchange.Now()))
}

// What its page says of a chain is checked.
func TestRefundChainsThatAreWrong(t *testing.T) {
	for _, c := range []struct {
		zone string
		days *int
		want string
	}{{"UTC", nil, "chain.window_days"}, {"UTC", ptr(61), "chain.window_days"}, {"", ptr(1), "chain"},
		{"UTC", ptr(0), ""}} {
		hours := 1
		_, ds := buyers.Compile([]buyers.BuyerSpec{{ID: "b", Timezone: c.zone, Returns: &buyers.ReturnsSpec{
			WindowHours: &hours, Reasons: []buyers.ReturnReasonSpec{{Name: "a"}},
			Chain: &buyers.ReturnChainSpec{WindowDays: c.days}}}}, nil, buyers.Options{})
		if c.want == "" && ds != nil || c.want != "" && (len(ds) != 1 || !strings.HasSuffix(ds[0].Path, c.want)) {
			t.Errorf("%q, %v: %v", c.zone, c.days, ds)
		}
	}
}
