// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// posts appends so many leads of one buyer, posted and refused so; 0: sold.
func (m *made) posts(t *testing.T, n int, no lead.Refusal, also bool) {
	t.Helper()
	for range n {
		m.at = m.at.Add(time.Minute)
		id, at := m.id(), m.id()
		ping := &ledger.Pinged{Head: m.head(id), Mode: ledger.ModePing, Currency: "USD", ReceivedAt: m.at,
			Result: lead.ResultSuccess, Price: 8 * lead.Unit, ExpiresAt: m.at.Add(time.Minute),
			Bids: []ledger.Bid{{Campaign: "sun", Buyer: "sunco", MaxSold: 1, Price: 10 * lead.Unit, TookUS: 9000,
				Winner: true}}}
		p := &ledger.Posting{Head: m.head(id), Attempt: at, Campaign: "sun", Buyer: "sunco", Rank: 1,
			Price: 10 * lead.Unit, Payout: 8 * lead.Unit, MaxSold: 1, SellLimit: 1}
		end := &ledger.Posted{Head: m.head(id), Attempt: at, Campaign: "sun", Buyer: "sunco", Outcome: lead.Accepted,
			Price: 10 * lead.Unit, Payout: 8 * lead.Unit, TookUS: 1000}
		s := &ledger.Settled{Head: m.head(id), Result: lead.ResultSuccess}
		if no != 0 {
			end.Outcome, end.Refusal, end.Price, end.Payout = lead.Rejected, no, 0, 0
			if !also {
				s.Result, s.Refusal = lead.ResultFailure, no
			}
		}
		m.append(t, ping, p, end, s)
	}
}

// What a buyer refuses more than before is told with its share, its trend, what to change and what that is worth.
func TestScorecardSaysWhatToChange(t *testing.T) {
	m := newMade(t, t.TempDir())
	start := m.at
	m.posts(t, 40, 0, false)
	m.posts(t, 3, lead.InvalidPhone, false)
	m.posts(t, 27, lead.BuyerRejected, false)
	m.at = start.AddDate(0, 0, 7)
	m.posts(t, 100, 0, false)
	m.posts(t, 30, lead.InvalidPhone, false)
	m.posts(t, 8, lead.InvalidPhone, true) // which others have bought
	m.posts(t, 62, lead.BuyerRejected, false)
	v := mustView(t, t.TempDir(), m.led)
	caughtUp(t, v)
	a := ScoreAsk{Since: start.AddDate(0, 0, 7), Until: start.AddDate(0, 0, 14)}
	s, err := v.Scorecards(t.Context(), a)
	if err != nil || len(s.Cards) != 1 || !s.BeforeSince.Equal(start) {
		t.Fatalf("%+v, %v", s, err)
	}
	c := s.Cards[0]
	if c.Buyer != "sunco" || c.Figures.Accepted != 100 || c.Figures.Before.Accepted != 40 ||
		*c.RevenueShare != 1_000_000 ||
		len(c.Posts) != 2 || len(c.Pings) != 0 {
		t.Fatalf("%+v", c)
	}
	phone := c.Posts[1]
	// a fifth of thirty leads at 10.00 is kept
	if phone.Refusal != "invalid_phone" || phone.N != 38 || phone.Share != 380_000 || phone.Before != 3 ||
		phone.ShareBefore != 100_000 || phone.AtStake != 60*lead.Unit {
		t.Errorf("%+v", phone)
	}
	want := "38 refused as invalid_phone by sunco, 38 % of its refusals, " +
		"up from 10 %: require a valid phone number for " +
		"sunco, or of the source that sends them; worth about 60.00 USD a week, " +
		"what is kept of those that nobody else " +
		"bought"
	if got := phone.Text(c.Buyer, c.Currency, true); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	a.Buyer = "nobody"
	if s, err = v.Scorecards(t.Context(), a); err != nil || len(s.Cards) != 0 {
		t.Errorf("of nobody: %+v, %v", s, err)
	}
	if _, err = v.Scorecards(t.Context(), ScoreAsk{}); err == nil {
		t.Error("of all time there is no time before")
	}
}

// A buyer whose answers come late is told so of pings, and one that is refused a little is given no advice.
func TestScorecardOfPings(t *testing.T) {
	m := newMade(t, t.TempDir())
	m.make(t, 200)
	v := mustView(t, t.TempDir(), m.led)
	caughtUp(t, v)
	s, err := v.Scorecards(t.Context(), ScoreAsk{Since: madeAt, Until: madeAt.Add(time.Hour)})
	if err != nil || len(s.Cards) != 4 {
		t.Fatalf("%+v, %v", s, err)
	}
	for i := range s.Cards {
		var all []string
		for j := range s.Cards[i].Pings {
			all = append(all, s.Cards[i].Pings[j].Text("b", "USD", false))
		}
		text := strings.Join(all, "\n")
		for _, want := range []string{"timed_out", "give pings of b", "one in twenty takes more than", "raise b",
			"cap"} {
			if !strings.Contains(text, strings.ReplaceAll(want, " b", " "+s.Cards[i].Buyer)) && !strings.Contains(text,
				want) {
				t.Errorf("%s: %q is not in\n%s", s.Cards[i].Buyer, want, text)
			}
		}
		if fmt.Sprint(s.Cards[i].Posts) == "" {
			t.Error("no posts")
		}
	}
	// every advice is of a refusal that there is, and names nobody by accident
	for _, from := range []map[lead.Refusal]string{postAdvice, pingAdvice} {
		for no, text := range from {
			if _, ok := lead.RefusalByName(no.String()); !ok || text == "" || !strings.Contains(adviceOn(no.String(),
				"x", from), "x") {
				t.Errorf("%s: %q", no, text)
			}
		}
	}
}
