// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"log/slog"
	"time"

	"clearpost/lead"
)

// failsAt is how many calls of a campaign must fail in a row before its buyer counts as failing.
const failsAt = 10

// note takes one call's end. why is NoRefusal for a call that was answered.
func (w *wellness) note(e *Exchange, l *LiveCampaign, kind string, why lead.Refusal, now time.Time) {
	if why == lead.NoRefusal {
		if w.inARow.Load() != 0 {
			w.inARow.Store(0)
		}
		if w.since.Load() == 0 {
			return
		}
		if since := w.since.Swap(0); since != 0 {
			e.log.Warn("a buyer is well again", "campaign", l.ID, "buyer", l.Buyer.ID, "calls", kind, "after",
				now.Sub(time.Unix(0, since)).Round(time.Millisecond))
		}
		return
	}
	if n := w.inARow.Add(1); n >= failsAt && w.since.CompareAndSwap(0, now.UnixNano()) {
		e.log.Warn("a buyer has begun to fail", "campaign", l.ID, "buyer", l.Buyer.ID, "calls", kind, "in_a_row", n,
			"last", why.String())
	}
}

// FailingSince tells since when a campaign's calls fail, ten in a row or more, pings or posts.
func (t *Tally) FailingSince() (since time.Time, failing bool) {
	for _, w := range []*wellness{&t.pingsWell, &t.postsWell} {
		if ns := w.since.Load(); ns != 0 && (!failing || ns < since.UnixNano()) {
			since, failing = time.Unix(0, ns), true
		}
	}
	return since, failing
}

// tellBids writes, at level debug, why each campaign of a ping was not asked, or gave no bid. Those whose criteria the
// lead does not meet are no part of it: explain tells of them.
func (e *Exchange) tellBids(p *Ping) {
	if !e.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	for i := range p.bids {
		if b := &p.bids[i]; b.Refusal != lead.NoRefusal {
			e.log.Debug("no bid", "lead", p.id.String(), "campaign", b.Campaign, "why", b.Refusal.String(), "took_us",
				b.TookUS)
		}
	}
}
