// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// policy is all in which the delivery of a test lead differs from that of a real one.
type policy struct {
	test  bool // its events say that it is one
	holds bool // an attempt takes a hold, which its end commits or gives back
	// live has the calls and counts of the lead's attempts, nil where the campaign takes no leads like it
	live func(*LiveCampaign) *LiveCampaign
	end  func(*ledger.Posted) // makes of an attempt's end what it counts as
}

// The two policies. A test holds no place under a cap and no slot, and its ends are never a sale and never unknown:
// what a real lead's would be worth stands in the posting.
var (
	realLead = policy{holds: true, end: func(*ledger.Posted) {},
		live: func(l *LiveCampaign) *LiveCampaign { return l }}
	testLead = policy{test: true, end: testEnd,
		live: func(l *LiveCampaign) *LiveCampaign { return l.test }}
)

// policyOf is the policy of a lead, which its ping has settled for good.
func policyOf(h *history.History) *policy {
	if h.Pinged.Test {
		return &testLead
	}
	return &realLead
}

func testEnd(out *ledger.Posted) {
	switch out.Outcome {
	case lead.Accepted:
		out.Outcome = lead.TestAccepted
	case lead.Unknown:
		out.Outcome = lead.Rejected
	}
	out.Price, out.Payout = 0, 0
}
