// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"clearpost/exchange/admin"
)

func TestCapsOfABuyerAndOfACampaign(t *testing.T) {
	pace := int64(45_000_000)
	all := []admin.CapUse{
		{Cap: "campaign:one:day", Buyer: "acme", Used: 7, Open: 2, Limit: 10, Limited: true, Zone: "America/New_York",
			Until: time.Date(2026, 11, 28, 5, 0, 0, 0, time.UTC)},
		{Cap: "buyer:acme:last 30 days", Buyer: "acme", Used: 12, Limit: 9, Limited: true, Zone: "UTC",
			Until: time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)},
		{Cap: "campaign:two:total", Buyer: "bolt", Limit: 5, Limited: true, Zone: "UTC"},
		{Cap: "source:kite:spend:day", Counts: "spend", Used: 12_500_000, Limit: 90_000_000, Limited: true, Pace: &pace,
			Zone: "UTC", Until: time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)},
		{Cap: "vertical:auto:day/state=TX", Value: "TX", Used: 3, Zone: "UTC"},
	}
	for who, want := range map[string]int{"": 5, "kite": 1, "auto": 1, "acme": 2, "one": 1, "bolt": 1} {
		if got, err := capsOf(all, who); err != nil || len(got) != want {
			t.Errorf("%q: %v, %v", who, got, err)
		}
	}
	if _, err := capsOf(all, "acne"); err == nil || !strings.Contains(err.Error(), `did you mean "acme"?`) {
		t.Errorf("a buyer that is not there: %v", err)
	}
	if _, err := capsOf(nil, "acme"); err == nil {
		t.Error("a buyer where there are no caps")
	}
	var out bytes.Buffer
	if err := printCaps(&out, all); err != nil {
		t.Fatal(err)
	}
	want := `cap                          used  held by  limit   room                                 until  by now
campaign:one:day                7        2     10      3  2026-11-28 00:00:00 America/New_York
buyer:acme:last 30 days        12        0      9      0               2026-11-28 00:00:00 UTC
campaign:two:total              0        0      5      5                                     -
source:kite:spend:day       12.50        0  90.00  77.50               2026-11-28 00:00:00 UTC   45.00
vertical:auto:day/state=TX      3        0      -    any                                     -
`
	if out.String() != want {
		t.Errorf("%s", &out)
	}
}
