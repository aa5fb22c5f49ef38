// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"clearpost/capstore"
	"clearpost/capstore/memory"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

// kept is a log that a test reads while it is written.
type keptLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (k *keptLog) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.Write(p)
}

func (k *keptLog) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.String()
}

// mistaken is a store whose ends of holds are a mistake of ours while armed: it panics with what a lead says.
type mistaken struct {
	*memory.Store
	armed atomic.Bool
}

func (m *mistaken) End(ctx context.Context, ends ...capstore.End) ([]error, error) {
	if m.armed.Load() {
		panic("212-736-5000 is Jane's")
	}
	return m.Store.End(ctx, ends...)
}

// A mistake of ours that strikes when a post is over, in the goroutine that finds out what the ledger has of it, ends
// neither the process nor the lead: what it holds stays held, the seller may send it again, and the log tells where it
// was, and nothing of the person.
func TestAPanicBehindAPostEndsNothingElse(t *testing.T) {
	for fault, stored := range map[exchangetest.Fault]bool{exchangetest.Kept: true, exchangetest.Lost: false} {
		var store *mistaken
		log := &keptLog{}
		s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: capped(5)})
		s.Deps = func(d *exchange.Deps) {
			store = &mistaken{Store: d.Store.(*memory.Store)}
			d.Store, d.Log = store, slog.New(slog.NewTextHandler(log, nil))
		}
		exchangetest.Run(t, s, func(x *rig) {
			id := x.Quote(8*dollar, nil)
			x.Disk.Fail(ledger.KindPosting, fault)
			store.armed.Store(true)
			if r, f := x.Post(id, nil, nil); f == nil || f.Kind != exchange.FaultUnavailable || !f.Unsure {
				t.Fatalf("stored %v: %+v, %v", stored, r, f)
			}
			x.Disk.Repair()
			x.Sleep(time.Minute)
			if n := x.Exchange.Stats.Panics.Load(); n != 1 {
				t.Errorf("stored %v: %d panics are counted", stored, n)
			}
			if out := log.String(); strings.Contains(out, "Jane") || !strings.Contains(out, "follow") {
				t.Errorf("the log: %s", out)
			}
			store.armed.Store(false)
			wantUsed(x, "a", 1) // it stays held: nobody can tell how far it got
			r, f := x.Post(id, nil, nil)
			if f != nil || r.Result != lead.ResultFailure || len(x.Buyers.Calls("a", exchangetest.Post)) != 0 {
				t.Errorf("stored %v, once more: %+v, %v", stored, r, f)
			}
			x.Restart()
			wantUsed(x, "a", 0)
			r, f = x.LeadNow(values{"phone": "2127365001"}, nil)
			wantSold(t, r, f, 8*dollar)
		})
	}
}
