// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"slices"
	"strings"
	"testing"

	"clearpost/auction"
	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// What the tests of this package start from. A lead of acme's pays the seller 80 percent of the buyer's price.

const dollar = lead.Unit

type (
	rig      = exchangetest.Rig
	campaign = exchangetest.Campaign
	setup    = exchangetest.Setup
	values   = exchangetest.Values
)

// one is a single buyer of exclusive leads who bids 10.
func one() setup { return sellTo(1, campaign{ID: "a", Price: 10 * dollar}) }

// sellTo sells each lead so often at most.
func sellTo(limit int, cs ...campaign) setup {
	return setup{Vertical: func(v *exchange.Vertical) { v.Plan.SellLimit = limit }, Campaigns: cs}
}

// margin has acme's margin be this many percent.
func margin(percent int64) func(*exchange.Source) {
	return func(s *exchange.Source) { s.Margin = &auction.Margin{PPM: percent * 10_000} }
}

// vertical adds a change of the vertical to a setup.
func vertical(s setup, more func(*exchange.Vertical)) setup {
	before := s.Vertical
	s.Vertical = func(v *exchange.Vertical) {
		if before != nil {
			before(v)
		}
		more(v)
	}
	return s
}

// fields gives the vertical other fields of its own. Its campaigns must not speak of those that it had.
func fields(s setup, own ...lead.Field) setup { return fieldsWith(s, lead.Options{}, own...) }

func fieldsWith(s setup, opt lead.Options, own ...lead.Field) setup {
	return vertical(s, func(v *exchange.Vertical) {
		schema, errs := lead.NewSchemaWith("solar", own, opt)
		if errs != nil {
			panic(errs)
		}
		v.Schema = schema
		v.Dedupe.Key[0].Pos, _ = schema.Position("phone")
		v.Tests.ZIP, _ = schema.Position("zip")
	})
}

// capped gives a campaign a cap over all time.
func capped(limit int64) func(*buyers.CampaignSpec) {
	return func(c *buyers.CampaignSpec) { c.Caps = []rules.CapSpec{{Per: "total", Limit: limit}} }
}

// always are buyers who say the same to all posts.
var (
	declines    = exchangetest.Always(exchangetest.Decline("no thanks"))
	silent      = exchangetest.Always(exchangetest.Silence())
	unreachable = exchangetest.Always(exchangetest.Unreachable())
)

// wantSold expects a success that pays the seller this.
func wantSold(t *testing.T, r exchange.Reply, f *exchange.Fault, payout lead.Money) {
	t.Helper()
	if f != nil || r.Result != lead.ResultSuccess || r.Price != payout {
		t.Errorf("got %s at %s (%s: %s) and fault %v, want a sale that pays %s", r.Result, r.Price, r.Refusal,
			r.Details, f, payout)
	}
}

// wantUnsold expects a failure for this reason.
func wantUnsold(t *testing.T, r exchange.Reply, f *exchange.Fault, why lead.Refusal) {
	t.Helper()
	if f != nil || r.Result != lead.ResultFailure || r.Refusal != why || r.Price != 0 || len(r.Sales) != 0 {
		t.Errorf("got %s at %s (%s: %s) and fault %v, want a failure: %s", r.Result, r.Price, r.Refusal, r.Details, f,
			why)
	}
}

// wantPending expects that the seller is told to wait.
func wantPending(t *testing.T, r exchange.Reply, f *exchange.Fault) {
	t.Helper()
	if f != nil || r.Result != lead.ResultPending || r.LeadID.IsZero() || r.Price != 0 {
		t.Errorf("got %s at %s (%s: %s) and fault %v, want pending", r.Result, r.Price, r.Refusal, r.Details, f)
	}
}

// wantFault expects that nothing was taken, by the fault's code.
func wantFault(t *testing.T, r exchange.Reply, f *exchange.Fault, code string) {
	t.Helper()
	if f == nil || f.Code != code {
		t.Errorf("got %s (%s) and fault %v, want the fault %s", r.Result, r.Refusal, f, code)
	}
}

// wantPosted expects posts to these campaigns, in this order.
func wantPosted(x *rig, ids ...string) {
	x.T.Helper()
	got := x.Buyers.Posted()
	same := len(got) == len(ids)
	for i := 0; same && i < len(ids); i++ {
		same = got[i] == ids[i]
	}
	if !same {
		x.T.Errorf("posts went to %v, want %v", got, ids)
	}
}

// wantTried expects why campaigns had no attempt, by the settled event.
func wantTried(x *rig, id lead.ID, want map[string]lead.Refusal) {
	x.T.Helper()
	got := map[string]lead.Refusal{}
	for _, t := range exchangetest.Last[*ledger.Settled](x, id).Tried {
		got[t.Campaign] = t.Refusal
	}
	if len(got) != len(want) {
		x.T.Errorf("tried %v, want %v", got, want)
	}
	for c, no := range want {
		if got[c] != no {
			x.T.Errorf("campaign %s was not asked for %q, want %q", c, got[c], no)
		}
	}
}

// wantUsed expects how much of a campaign's first cap is taken.
func wantUsed(x *rig, campaign string, want int64) {
	x.T.Helper()
	if got := x.CapUse(campaign); got != want {
		x.T.Errorf("%d stand under the cap of %s, want %d", got, campaign, want)
	}
}

// containsAny tells whether a text holds one of these.
func containsAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(text, p) })
}
