// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"testing"
	"time"

	"clearpost/exchange"
	"clearpost/ledger/report"
	"clearpost/rules"
)

// The share of a budget of millions is as right as that of one of hundreds.
func TestShareOfALargeBudget(t *testing.T) {
	budget := 12_000_000 * dollar
	caps, ds := rules.CompileCaps("buyer:a-co", []rules.CapSpec{{Per: "month", Spend: &budget}}, "UTC")
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	since := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	used := report.CapUsed{Windows: []report.CapWindow{{Window: "2026-11", Used: int64(11_000_000 * dollar)}}}
	out := capOver(&exchange.CapState{Cap: caps[0], Buyer: "a-co"}, &used, since, since.AddDate(0, 1, 0))
	if len(out) != 1 || out[0].Share == nil || *out[0].Share != 916_666 || out[0].Windows[0].Share() != 916_666 {
		t.Errorf("%+v", out)
	}
}
