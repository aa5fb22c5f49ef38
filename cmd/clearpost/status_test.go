// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"clearpost/exchange/admin"
	"clearpost/lead"
)

// checkStatusTable looks at the table of an exchange that has got one lead, whose post has no receipt.
func checkStatusTable(t *testing.T, out string, running bool) {
	t.Helper()
	rows := map[string]string{}
	for line := range strings.Lines(out) {
		name, rest, _ := strings.Cut(strings.TrimRight(line, "\n"), "  ")
		rows[name] = strings.Join(strings.Fields(rest), " ")
	}
	for _, name := range []string{"pings", "pending"} {
		want := "1"
		if running {
			want = "1 1"
		}
		if rows[name] != want {
			t.Errorf("running %v: %s: %q, expected %q:\n%s", running, name, rows[name], want, out)
		}
	}
	if offline := strings.Contains(out, "no exchange runs here"); offline == running {
		t.Errorf("running %v:\n%s", running, out)
	}
}

func TestStatusForPeople(t *testing.T) {
	s := &admin.Status{Pings: 7, Since: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Revenue: 20 * lead.Unit,
		Payout: 15 * lead.Unit, Today: &admin.Today{Day: "2026-03-01", Pings: 1234, Revenue: 3000 * lead.Unit,
			Payout: 2500 * lead.Unit, Complete: false, UpToSeq: 5},
		Ledger: admin.LedgerStatus{LastSeq: 9},
		Campaigns: []admin.CampaignStatus{{Campaign: "one", Counts: map[string]int64{"asked": 3}, Breaker: "refusing"},
			{Campaign: "two", Token: "refused"}},
		Caps: []admin.CapUse{{Cap: "campaign:one:day", Used: 3, Limit: 4, Limited: true},
			{Cap: "campaign:two:day", Used: 120, Limit: 12, Limited: true}, {Cap: "idle", Limit: 5, Limited: true}},
		Config: admin.ConfigStatus{Hash: "abc", Last: &admin.Reload{Result: admin.Refused, Error: "2 problems"}}}
	var out bytes.Buffer
	if err := printStatus(&out, s); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"            2026-03-01  since the start\n",
		"pings             1234                7\n", "margin          500.00             5.00\n",
		"counted up to number 5 of 9", "one: its breaker is refusing\n", "two: it has no access token: refused\n",
		"120  now limited to 12\n", "1 more are emptier", "refused: 2 problems\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if a, b := strings.Index(out.String(), "campaign:two:day"), strings.Index(out.String(), "campaign:one:day"); a > b {
		t.Errorf("the fullest cap is not the first:\n%s", &out)
	}
}
