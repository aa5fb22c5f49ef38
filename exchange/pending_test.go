// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"clearpost/capstore"
	"clearpost/exchange/claims"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// A trip that cannot go on is pending only if the ledger has an attempt of it.
func TestTripThatIsCutOffIsPendingOnlyWithAnAttempt(t *testing.T) {
	e := &Exchange{wall: time.Now, store: capstore.New(), log: slog.New(slog.NewTextHandler(io.Discard, nil))}
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
		if r, f := end(cut(refused)); f != nil || r.Result != ledger.ResultPending {
			t.Errorf("%s after an attempt: %+v, %v", what, r, f)
		}
	}
}
