// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"clearpost/exchange"
)

// LearnedStatus is what was learned of campaigns, as GET /v1/value answers it.
type LearnedStatus struct {
	UpToSeq uint64                `json:"up_to_seq"` // the last event that has taught
	Learned []exchange.LearnedRow `json:"learned"`
}

// value tells what was learned: ?campaign=ID, or of all.
func (s *Server) value(ctx *fasthttp.RequestCtx) {
	rows, seq := s.ex.Learned(string(ctx.QueryArgs().Peek("campaign")))
	if rows == nil {
		rows = []exchange.LearnedRow{}
	}
	write(ctx, 200, LearnedStatus{seq, rows})
}

var descLearned = desc("campaign_learned_ratio",
	"What was learned of a campaign, where its vertical learns: the shares of its posts accepted (accept), of its "+
		"sales given back (return) and paid for (paid).", "campaign", "buyer", "what")

// collectLearned gives what is known of campaigns.
func (c *collector) collectLearned(gauge func(*prometheus.Desc, float64, ...string)) {
	for _, l := range c.ex.Campaigns() {
		est, ok := c.ex.Estimate(l)
		if !ok {
			continue
		}
		for what, ppm := range map[string]int64{"accept": est.Accept, "return": est.Return, "paid": est.Paid} {
			gauge(descLearned, float64(ppm)/1e6, l.ID, l.Buyer.ID, what)
		}
	}
}
