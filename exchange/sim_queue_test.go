// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/loadtest/audit"
	"clearpost/wire"
)

// Leads of the simulation that wait for a campaign: all but the plain one let them wait, for ten minutes at most, each
// for other reasons. A third of the markets tells their sellers, a third does not, and one has no queue.

// simQueueFor is how long a lead waits at most.
const simQueueFor = 10 * time.Minute

// queue has leads wait for a campaign.
func (m *simMarket) queue(c *buyers.CampaignSpec) {
	if c.ID == plain {
		return
	}
	after, most, tries, age, spread := 20, 120, 4, int(simQueueFor/time.Second), 30
	c.Defer = &buyers.DeferSpec{AfterS: &after, MostS: &most, Tries: &tries, ForS: &age, SpreadS: &spread,
		RetryOn: wire.Scalars{*wire.Text("server_busy")}, BeforeOthers: c.ID == resent, Quarantine: c.ID == chased,
		When: []string{"not_sent", "closed", "throttled", "cap_full", "budget_empty", "paused"}}
}

// policy is what sellers hear of leads that wait.
func (m *simMarket) policy(s *exchange.Source) {
	s.Queue = [...]exchange.QueuePolicy{exchange.QueueTells, exchange.QueueWaits, exchange.QueueNever}[m.sold%3]
}

// later is the answer of a buyer that cannot decide now; false: it can.
func (w *world) later(r *exchangetest.Request) (exchangetest.Answer, bool) {
	if w.draw(12) > 0 {
		return exchangetest.Answer{}, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.did["buyer: later"]++
	w.receipts = append(w.receipts, audit.Receipt{Buyer: r.Campaign + "-co", Lead: r.Field("ref"), At: r.At})
	return exchangetest.Decline("Server busy"), true
}

// lookAfter has an operator do something about a lead of the queue.
func (w *world) lookAfter(x *rig) {
	e := x.Exchange
	var id lead.ID
	err := e.EachQueued(exchange.QueueBy{}, func(q *exchange.QueuedLead) bool {
		id = q.Lead
		return w.draw(2) == 0
	})
	if err != nil || id.IsZero() {
		return
	}
	switch what := w.draw(3); what {
	case 0:
		err = e.QueueRetry(id, "simulated", "operator")
	case 1:
		err = e.QueueDrop(id, "simulated", "operator")
	default:
		err = e.QueueMove(id, simCampaigns[w.draw(len(simCampaigns))], "simulated", "operator")
	}
	if err == nil {
		w.note("operator: looked after the queue")
	}
}

// emptied waits until no lead can wait any more, and expects that none does.
func (w *world) emptied(x *rig) {
	x.Sleep(simQueueFor + time.Hour + 5*time.Minute) // a person may have moved one for an hour
	wantDepth(x, 0)
}
