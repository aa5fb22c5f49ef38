// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"clearpost/buyers/buyertest"
	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/loadtest/audit"
)

// storm is what many sellers, operators and broken buyers do at once, and what the sellers have heard.
type storm struct {
	h  *house
	mu sync.Mutex

	ids   []string // pinged leads, guarded by mu
	heard []audit.Answer
}

func (s *storm) keep(op, source string, a heard) {
	ans := audit.Answer{At: time.Now(), Source: source, Vertical: "solar", Op: op, Status: a.status, Result: a.Result,
		Reason: a.Reason, Lead: a.LeadID, Price: int64(a.Price*100+.5) * 10_000, Reference: a.ID}
	if op == audit.OpPing {
		ans.Lead = a.PingID
	}
	for _, x := range a.Sales {
		ans.Sales = append(ans.Sales, audit.SaleSeen{Reference: x.ID, Price: int64(x.Price*100+.5) * 10_000})
	}
	if ans.Result == "error" {
		ans.Result = ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, ans)
	if op == audit.OpPing && a.Result == lead.ResultSuccess {
		s.ids = append(s.ids, a.PingID)
	}
}

func (s *storm) some(r *rand.Rand) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ids) == 0 {
		return "0193b2c4-0000-7000-8000-000000000000"
	}
	return s.ids[max(0, len(s.ids)-1-r.IntN(6))]
}

func (s *storm) act(r *rand.Rand) {
	h := s.h
	wait := []string{"", `,"max_wait_ms":1`, `,"max_wait_ms":150`}[r.IntN(3)]
	switch n := r.IntN(20); {
	case n < 5:
		s.keep(audit.OpPing, "other", h.ping(`{"zip":"10001"}`, "Authorization: Bearer other-key-0123456789"))
	case n < 12:
		var key []string
		if r.IntN(2) == 0 {
			key = []string{fmt.Sprintf("Idempotency-Key: k%d", r.IntN(40))}
		}
		id := s.some(r)
		body := fmt.Sprintf(`{"ping_id":%q,"phone":"2127365000"%s}`, id, wait)
		s.keep(audit.OpPost, "other", h.call("POST", "/v1/solar/post", body,
			append(key, "Authorization: Bearer other-key-0123456789")...))
	case n < 16:
		body := fmt.Sprintf(`{"zip":"10001","phone":"212736%04d"%s}`, r.IntN(30), wait)
		s.keep(audit.OpLead, "other", h.call("POST", "/v1/solar/leads", body,
			"Authorization: Bearer other-key-0123456789"))
	case n < 17:
		h.call("GET", "/v1/leads/"+s.some(r), "", "Authorization: Bearer other-key-0123456789")
	case n < 18:
		h.admin("POST", []string{"/v1/pause", "/v1/resume"}[r.IntN(2)], map[string]string{"subject": "c", "why": "x"},
			nil)
	default:
		s.resolve(r)
	}
}

func (s *storm) resolve(r *rand.Rand) {
	ex := s.h.node.Exchange
	open, err := ex.Unresolved()
	if err != nil || len(open) == 0 {
		return
	}
	o := open[r.IntN(len(open))]
	in := exchange.Resolution{Attempt: o.Attempt, Why: "asked them"}
	for _, b := range s.h.farm.AcceptedBy(o.Lead.String()) {
		if b.Buyer == o.Buyer {
			in.Accepted, in.Reference = true, b.Reference
		}
	}
	ex.Resolve(in) // another may have been faster, or the trip may be under way again
}

func TestStormOfSellersOperatorsAndFaultsIsAudited(t *testing.T) {
	shared := map[string]string{"a": "max_sold: 2\n    caps: [{per: total, limit: 25}]",
		"b": "max_sold: 2\n    caps: [{per: hour, limit: 9}]", "c": "max_sold: 2", "d": "max_sold: 1",
		"e": "max_sold: 3"}
	var scripts []buyertest.Script
	for i, id := range []string{"a", "b", "c", "d", "e"} {
		x := script(id, lead.Money(40-5*i)*dollar)
		x.Post.Yes = .6
		x.Post.Latency = buyertest.Fixed(time.Duration(i) * 5 * time.Millisecond)
		x.PostFaults = map[buyertest.Fault]float64{buyertest.FaultSilentAccept: .02, buyertest.FaultClose: .05,
			buyertest.Fault500: .05, buyertest.FaultInvalid: .05}
		scripts = append(scripts, x)
	}
	h := build(t, "sell_limit: 2\n", shared, scripts...)
	s := &storm{h: h}
	for round := range 2 {
		if round > 0 {
			h.restart()
		}
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(round), uint64(i)))
				for range 25 {
					s.act(r)
				}
			})
		}
		wg.Wait()
	}
	if err := h.node.Exchange.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	s.judge()
}

func (s *storm) judge() {
	h := s.h
	h.t.Helper()
	caps := []audit.Cap{{Key: "campaign:a-main:total", Who: "campaign:a-main", Per: "total", Zone: "America/New_York",
		Max: 25}, {Key: "campaign:b-main:hour", Who: "campaign:b-main", Per: "hour", Zone: "America/New_York", Max: 9}}
	rep := s.report(caps)
	for _, f := range rep.Findings {
		h.t.Error(f)
	}
	if n := rep.Counts.Attempts["accepted"]; n < 10 {
		h.t.Errorf("only %d sales: %+v", n, rep.Counts)
	}
	h.t.Logf("%+v", rep.Counts)
}

// report is the auditor's, of all events, what the farm has seen and what was heard.
func (s *storm) report(caps []audit.Cap) *audit.Report {
	h := s.h
	h.t.Helper()
	events := func(each func([]byte) error) error {
		return h.node.Ledger.Scan(0, func(r ledger.Record) error { return each(r.Bytes) })
	}
	receipts := func(each func(audit.Receipt) error) error {
		return h.farm.EachReceipt(func(r buyertest.Receipt) error {
			return each(audit.Receipt{Buyer: r.Buyer, Lead: r.Lead, Accepted: r.Accepted, Reference: r.Reference,
				Price: int64(r.Price), At: r.At})
		})
	}
	rep, err := audit.Run(audit.Input{Events: events, Receipts: receipts, Answers: audit.Values(s.heard)},
		audit.Options{Caps: caps, Repeats: []audit.Repeat{{Source: "acme", Vertical: "solar", Key: []string{"phone"},
			Window: 24 * time.Hour}, {Source: "other", Vertical: "solar", Key: []string{"phone"},
			Window: 24 * time.Hour}}})
	if err != nil {
		h.t.Fatal(err)
	}
	return rep
}
