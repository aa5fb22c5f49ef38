// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
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

// Work that goes on beside requests is begun again after a mistake of ours, later each time, until it ends by itself.
func TestWorkThatPanicsIsBegunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &Exchange{log: slog.New(slog.NewTextHandler(io.Discard, nil)), stop: t.Context()}
		n, begun := 0, time.Now()
		e.kept("it panicked", func(context.Context) {
			if n++; n < 4 {
				panic(n)
			}
		})
		if took := time.Since(begun); n != 4 || took != 7*time.Second || e.Stats.Panics.Load() != 3 {
			t.Errorf("begun %d times within %s, %d panics are counted", n, took, e.Stats.Panics.Load())
		}
		e.running.survive = e.survive
		e.running.Go(func() { panic("once") })
		if e.running.wait(); e.Stats.Panics.Load() != 4 {
			t.Errorf("work that is not begun again: %d panics are counted", e.Stats.Panics.Load())
		}
	})
}

// A mistake of ours in what is told of an event is an error for the queue of messages, in whose goroutines it is made.
func TestAPanicInAMessageIsAnError(t *testing.T) {
	e := &Exchange{log: slog.New(slog.NewTextHandler(io.Discard, nil))} // there is no snapshot
	ev := &ledger.Settled{Head: ledger.Head{Kind: ledger.KindSettled, Lead: lead.ID{1}}}
	r := ledger.Record{Kind: ledger.KindSettled, Lead: lead.ID{1}, Bytes: ev.AppendJSON(nil)}
	if names, err := e.linesFor(r); err == nil || names != nil {
		t.Errorf("lines: %v, %v", names, err)
	}
	if m, err := e.messageFor(sourceLine+"s", r); err == nil || m != nil {
		t.Errorf("a message: %v, %v", m, err)
	}
	if a := e.sendFor(t.Context(), sourceLine+"s", nil); a.Why == "" {
		t.Errorf("sent: %+v", a)
	}
	if n := e.Stats.Panics.Load(); n != 3 {
		t.Errorf("%d panics are counted", n)
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
