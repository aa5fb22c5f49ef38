// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"clearpost/capstore/memory"
	"clearpost/exchange/claims"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// A trip that cannot go on is pending only if the ledger has an attempt of it.
func TestTripThatIsCutOffIsPendingOnlyWithAnAttempt(t *testing.T) {
	e := &Exchange{wall: time.Now, store: memory.New(), log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	refused := history.Attempt{Posting: &ledger.Posting{}, Posted: &ledger.Posted{Outcome: lead.Rejected}}
	cut := func(as ...history.Attempt) *delivery {
		return &delivery{e: e, history: &history.History{Pinged: &ledger.Pinged{}, Attempts: as},
			v: &Vertical{PostTotal: time.Minute}}
	}
	ends := map[string]func(*delivery) (Reply, *Fault){
		"a panic": func(d *delivery) (Reply, *Fault) { // there is no snapshot
			return e.run(&underWay{done: make(chan struct{})}, d, time.Time{}, 0, claims.NewTable[underWay]().In())
		},
		"nobody can tell": func(d *delivery) (Reply, *Fault) {
			d.begin()
			return d.broken(fmt.Errorf("disk: %w", ledger.ErrUncertain))
		},
	}
	for what, end := range ends {
		if r, f := end(cut()); f == nil || f.Kind != FaultUnavailable || f.Unsure != (what != "a panic") {
			t.Errorf("%s before an attempt: %+v, %v", what, r, f)
		}
		if r, f := end(cut(refused)); f != nil || r.Result != lead.ResultPending {
			t.Errorf("%s after an attempt: %+v, %v", what, r, f)
		}
	}
}

// A trip that goes on counts what earlier ones have sold: it fills the parts of the quote that are left.
func TestTripThatGoesOnCountsEarlierSales(t *testing.T) {
	bid := func(rank int, payout lead.Money, winner bool) ledger.Bid {
		return ledger.Bid{Campaign: fmt.Sprint("c", rank), Rank: rank, Payout: payout, Winner: winner}
	}
	bids := []ledger.Bid{bid(3, 4, false), bid(1, 8, true), bid(0, 1, false), bid(2, 6, true)}
	sold := func(test bool) history.Attempt {
		a := history.Attempt{Posting: &ledger.Posting{Payout: 8},
			Posted: &ledger.Posted{Outcome: lead.Accepted, Payout: 8}}
		if test {
			a.Posted.Outcome, a.Posting.Test = lead.TestAccepted, true
		}
		return a
	}
	for name, c := range map[string]struct {
		attempts []history.Attempt
		left     []lead.Money
	}{"nothing": {nil, []lead.Money{8, 6}}, "a sale": {[]history.Attempt{sold(false)}, []lead.Money{6}},
		"a test's": {[]history.Attempt{sold(true)}, []lead.Money{6}}} {
		d := &delivery{history: &history.History{Pinged: &ledger.Pinged{Bids: bids}, Attempts: c.attempts}}
		d.begin()
		if !slices.Equal(d.quote.Parts, c.left) || d.quote.Limit != 2 || d.sent != (len(c.attempts) > 0) {
			t.Errorf("%s: parts %v of %d, want %v", name, d.quote.Parts, d.quote.Limit, c.left)
		}
		if len(d.order) != 3 || d.order[0].Rank != 1 || d.order[2].Rank != 3 {
			t.Errorf("%s: the order is %+v", name, d.order)
		}
	}
}
