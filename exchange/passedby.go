// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"clearpost/buyers"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// passedBy tells whether a campaign without a bid was not asked since an earlier tier of the plan took the lead. It is
// reckoned from the winners in the ping's event and the plan of the running configuration; f is what was known of the
// lead when it was pinged.
func (snap *Snapshot) passedBy(ev *ledger.Pinged, c *buyers.Campaign, f *rules.Facts) bool {
	v, src := snap.vertical[ev.Vertical], snap.source[ev.Source]
	if v == nil || src == nil || ev.Test {
		return false
	}
	r := v.routeOf(src.Source)
	if r == nil || !r.TierByTier {
		return false
	}
	then := *f
	if ev.Mode == ledger.ModeLead {
		then.Stage |= lead.AtPost
	}
	own := r.firstTier(c.Index, r.closedTo(&then))
	for i := range ev.Bids {
		if b := &ev.Bids[i]; b.Winner {
			for t := range r.Plan.Tiers {
				if r.Plan.Tiers[t].Name == b.Tier {
					return own > t
				}
			}
		}
	}
	return false
}
