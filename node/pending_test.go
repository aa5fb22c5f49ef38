// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"clearpost/buyers/buyertest"
	"clearpost/capstore"
	"clearpost/config"
	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/wire/transport"
)

// slowLog begins the exchange anew on a ledger that stores only once in a while, so that a seller in a hurry is always
// faster than it.
func (h *house) slowLog(every time.Duration) *exchange.Exchange {
	h.t.Helper()
	return h.onLedger(func(c *ledger.Config) { c.SyncEvery = every })
}

// onLedger begins the exchange anew on a ledger of the test's making.
func (h *house) onLedger(change func(*ledger.Config)) *exchange.Exchange {
	h.t.Helper()
	must := func(err error) {
		h.t.Helper()
		if err != nil {
			h.t.Fatal(err)
		}
	}
	must(h.node.Stop())
	cfg, err := config.Load(h.dir, os.LookupEnv)
	must(err)
	of := ledger.Config{Dir: filepath.Join(cfg.DataDir, "ledger"), FreeBytesMin: 1}
	change(&of)
	led, err := ledger.Open(of)
	must(err)
	wire, err := transport.New(transport.Config{Workers: cfg.Limits.WorkersMax, LateReadMax: cfg.Limits.LateReadMax})
	must(err)
	ex, err := exchange.New(cfg.Exchange, exchange.Deps{Ledger: led, Store: capstore.New(), Transport: wire,
		Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), AnswerBytesMax: cfg.Limits.AnswerBytesMax})
	must(err)
	must(ex.Start())
	h.t.Cleanup(func() {
		for _, stop := range []func() error{func() error {
			return ex.Stop(h.t.Context())
		}, func() error { return wire.Close(h.t.Context()) }, led.Close} {
			if err := stop(); err != nil && h.t.Context().Err() == nil {
				h.t.Error(err)
			}
		}
	})
	h.node = &Node{Ledger: led, Exchange: ex}
	return ex
}

// direct is a lead that comes by the exchange's own calls.
func (h *house) direct(values ...string) *exchange.Ping {
	h.t.Helper()
	on := h.node.Exchange.Snapshot()
	p := h.node.Exchange.NewPing(on, on.Config().Sources[0], on.Vertical("solar"))
	p.ReceivedAt = h.node.Exchange.Now()
	for i := 0; i < len(values); i += 2 {
		pos, ok := p.Lead.Schema().Position(values[i])
		if !ok {
			h.t.Fatal(values[i])
		}
		p.Lead.Set(pos, []byte(values[i+1]))
	}
	p.Lead.Finish()
	return p
}

// hurried posts a ping's lead for a seller who waits a millisecond.
func (h *house) hurried(ping lead.ID, phone string) (exchange.Reply, *exchange.Fault) {
	h.t.Helper()
	p := h.direct("phone", phone)
	return h.node.Exchange.Post(&exchange.PostIn{On: h.node.Exchange.Snapshot(), Source: p.Source, Vertical: p.Vertical,
		PingID: ping, Lead: &p.Lead, ReceivedAt: h.node.Exchange.Now(), MaxWait: time.Millisecond})
}

func (h *house) pinged() lead.ID {
	h.t.Helper()
	p := h.direct("zip", "10001")
	r, f := h.node.Exchange.Ping(p)
	if f != nil || r.Result != ledger.ResultSuccess {
		h.t.Fatal(f, r)
	}
	return r.LeadID
}

// However short the seller's time is: nothing is pending of which the ledger has no attempt.
func TestPendingIsToldOnlyOfAnAttemptInTheLedger(t *testing.T) {
	slow := script("slow", 25*dollar)
	slow.Post.Latency = buyertest.Fixed(300 * time.Millisecond)
	h := build(t, "", nil, slow)
	ex := h.slowLog(time.Second)
	for what, sell := range map[string]func(phone string) (exchange.Reply, *exchange.Fault){
		"post": func(phone string) (exchange.Reply, *exchange.Fault) { return h.hurried(h.pinged(), phone) },
		"one shot": func(phone string) (exchange.Reply, *exchange.Fault) {
			h.pinged() // the ledger has just stored something: the next waits
			p := h.direct("zip", "10001", "phone", phone)
			p.MaxWait = time.Millisecond
			return ex.LeadNow(p)
		},
	} {
		r, f := sell(fmt.Sprintf("21273650%02d", len(what)))
		if f != nil || r.Result != ledger.ResultPending {
			t.Fatalf("%s: %+v, %v", what, r, f)
		}
		last[*ledger.Posting](h, r.LeadID.String())
		eventually(t, "the status is a success", func() bool {
			now, f := ex.Status(h.direct().Source, r.LeadID)
			return f == nil && now.Result == ledger.ResultSuccess
		})
	}
}

// A lead that finds nobody to be posted to is a failure, and stands there as one, however long it takes to write that
// down.
func TestLeadWithoutAnAttemptIsNeverPending(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	ex := h.slowLog(time.Second)
	id := h.pinged()
	if _, _, err := ex.Pause("b", true, "test", "test"); err != nil {
		t.Fatal(err)
	}
	r, f := h.hurried(id, "2127365000")
	if f != nil || r.Result != ledger.ResultFailure || r.Refusal != lead.QuoteLost {
		t.Fatalf("%+v, %v", r, f)
	}
	if ev := last[*ledger.Settled](h, id.String()); ev.Result != ledger.ResultFailure {
		t.Errorf("the ledger says %s", ev.Result)
	}
}
