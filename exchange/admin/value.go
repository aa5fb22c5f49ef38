// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/ledger"
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

// ReportIn is what POST /v1/report takes.
type ReportIn struct {
	Name string `json:"name"`
	Fate string `json:"fate"`
	Why  string `json:"why"`
	By   string `json:"by"`
}

// report puts into the ledger what became of a sale.
func (s *Server) report(ctx *fasthttp.RequestCtx) {
	var in ReportIn
	if !read(ctx, &in) {
		return
	}
	switch {
	case in.Name == "", len(in.Name) > nameMax, strings.TrimSpace(in.Why) == "", len(in.Why) > 1000, len(in.By) > 200:
		fail(ctx, 400, "expected name and why (1 to 1000 bytes)")
		return
	case !slices.Contains(ledger.Fates, in.Fate):
		fail(ctx, 400, "fate: expected "+strings.Join(ledger.Fates, ", "))
		return
	}
	adj, err := s.ex.Report(exchange.Report{Name: in.Name, Fate: in.Fate, Why: in.Why, By: in.By}, findFor)
	switch {
	case errors.Is(err, exchange.ErrNoSale):
		fail(ctx, 404, err.Error())
	case errors.Is(err, exchange.ErrReported):
		fail(ctx, 409, err.Error())
	case err != nil:
		fail(ctx, 503, err.Error())
	default:
		write(ctx, 200, adj)
	}
}
