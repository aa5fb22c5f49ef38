// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"
)

// ev is an event written by hand.
type ev map[string]any

// history is a whole hand-made past. The tests begin with a clean one and change one thing.
type history struct {
	repeats   []Repeat
	t         *testing.T
	events    []ev
	receipts  []Receipt
	answers   []Answer
	caps      []Cap
	shipped   func(lines [][]byte) [][]byte // nil: all of them
	at        time.Time
	n         int
	configs   map[string]*Config
	capsUnder func(config string) ([]Cap, error)
	every     bool // all calls are among the answers
	uniques   []Unique
	alone     bool // nothing is under way beside each call
	whole     bool // all events are there
}

const unit = 1_000_000

func leadN(n int) string    { return fmt.Sprintf("0193aaaa-0000-7000-8000-%012d", n) }
func attemptN(n int) string { return fmt.Sprintf("0193bbbb-0000-7000-8000-%012d", n) }

func (h *history) add(kind string, lead int, more ev) ev {
	h.n++
	h.at = h.at.Add(10 * time.Millisecond)
	e := ev{"kind": kind, "event_id": fmt.Sprintf("0193cccc-0000-7000-8000-%012d", h.n),
		"at": h.at.Format(time.RFC3339Nano), "lead_id": leadN(lead)}
	for k, v := range more {
		e[k] = v
	}
	h.events = append(h.events, e)
	return e
}

func (h *history) ping(lead int, quote int64, mode string) {
	e := ev{"mode": mode, "result": "failure", "reason": "no_bids", "private": ev{}}
	if quote > 0 {
		e["result"], e["price_micros"], e["expires_at"] = "success", quote,
			h.at.Add(5*time.Minute).Format(time.RFC3339Nano)
		e["bids"] = []ev{{"campaign": "c1", "price_micros": quote * 5 / 4, "payout_micros": quote, "winner": true},
			{"campaign": "c9", "refusal": 102}}
		delete(e, "reason")
	}
	h.add("pinged", lead, e)
	if mode == "ping" {
		a := Answer{Source: "s1", Op: OpPing, Status: 200, Result: "failure", Reason: "no_bids"}
		if quote > 0 {
			a.Result, a.Reason, a.Lead, a.Price = "success", "", leadN(lead), quote
		}
		h.answers = append(h.answers, a)
	}
}

// soldTerms of a posting; the payout is four fifths of the price.
type soldTerms struct {
	buyer, campaign    string
	price              int64
	maxSold, sellLimit int
}

func (h *history) charges(tm soldTerms) []ev {
	day := h.at.In(mustZone(h.t, "America/Los_Angeles")).Format("2006-01-02")
	hour := h.at.UTC().Format("2006-01-02T15") + "+00:00"
	return []ev{{"cap": "campaign:" + tm.campaign + ":day", "window": day, "n": 1}, {"cap": "buyer:" + tm.buyer +
		":hour", "window": hour, "n": 1}, {"cap": "buyer:" + tm.buyer + ":total", "window": "total", "n": 1}}
}

func mustZone(t *testing.T, name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func (h *history) posting(lead, attempt int, tm soldTerms) ev {
	return h.add("posting", lead, ev{"attempt": attemptN(attempt), "campaign": tm.campaign, "buyer": tm.buyer,
		"rank": 1, "price_micros": tm.price, "payout_micros": tm.price * 4 / 5, "max_sold": tm.maxSold,
		"sell_limit": tm.sellLimit, "charges": h.charges(tm), "private": ev{},
		"post": ev{"received_at": h.at.Format(time.RFC3339Nano)}})
}

func (h *history) posted(lead, attempt int, tm soldTerms, outcome string) ev {
	e := ev{"attempt": attemptN(attempt), "campaign": tm.campaign, "buyer": tm.buyer, "outcome": outcome, "took_us": 5,
		"charges": h.charges(tm), "private": ev{}}
	if outcome == "accepted" {
		e["price_micros"], e["payout_micros"], e["ping_price_micros"] = tm.price, tm.price*4/5, tm.price
		e["reference"] = fmt.Sprintf("ref-%d", attempt)
	}
	if outcome != "not_sent" {
		h.seen(lead, attempt, tm, outcome == "accepted")
	}
	return h.add("posted", lead, e)
}

// seen writes into the buyer's book.
func (h *history) seen(lead, attempt int, tm soldTerms, ok bool) {
	r := Receipt{Buyer: tm.buyer, Lead: leadN(lead), Accepted: ok, At: h.at}
	if ok {
		r.Price, r.Reference = tm.price, fmt.Sprintf("ref-%d", attempt)
	}
	h.receipts = append(h.receipts, r)
}

func saleOf(attempt int, tm soldTerms) ev {
	return ev{"attempt": attemptN(attempt), "campaign": tm.campaign, "buyer": tm.buyer,
		"reference": fmt.Sprintf("ref-%d", attempt), "price_micros": tm.price, "payout_micros": tm.price * 4 / 5}
}

func (h *history) settled(lead int, op, result string, sales ...ev) ev {
	var payout, revenue int64
	a := Answer{Source: "s1", Op: op, Status: 200, Result: result, Lead: leadN(lead)}
	for i, s := range sales {
		payout += s["payout_micros"].(int64)
		revenue += s["price_micros"].(int64)
		if i == 0 {
			a.Reference = s["reference"].(string)
		}
		if len(sales) > 1 {
			a.Sales = append(a.Sales, SaleSeen{s["reference"].(string), s["payout_micros"].(int64)})
		}
	}
	e := ev{"result": result, "payout_micros": payout, "revenue_micros": revenue, "private": ev{}}
	if len(sales) > 0 {
		e["sales"] = sales
	}
	if result == "failure" {
		e["reason"], a.Reason = "rejected", "rejected"
	}
	a.Price = payout
	h.answers = append(h.answers, a)
	return h.add("settled", lead, e)
}

var (
	sunco = soldTerms{"sunco", "c1", 20 * unit, 1, 1}
	moon  = soldTerms{"moon", "c2", 20 * unit, 1, 1}
	sharA = soldTerms{"sunco", "c1", 20 * unit, 3, 3}
	sharB = soldTerms{"moon", "c2", 10 * unit, 2, 3}
)

// The leads of the clean history.
const (
	exclusive = iota + 1 // sold at once
	second               // rejected by one, sold to another
	shared               // sold to two
	lost                 // unknown, pending
	resolved             // unknown, pending, then accepted by a person
	unwanted             // nobody bids
	oneShot              // sold without a quote
	oneShotNo            // one shot, nobody bids
	refusedBy            // rejected by all
	unsent               // the buyer was not reached, sold to another
	dropped              // the buyer paid less than it bid
)

func clean(t *testing.T) *history {
	h := &history{t: t, at: time.Date(2026, 11, 23, 14, 5, 0, 0, time.UTC)}
	for _, c := range []soldTerms{sunco, moon} {
		h.caps = append(h.caps, Cap{Who: "campaign:" + c.campaign, Per: "day", Zone: "America/Los_Angeles", Max: 100},
			Cap{Who: "buyer:" + c.buyer, Per: "hour", Max: 100}, Cap{Who: "buyer:" + c.buyer, Per: "total", Max: 100})
	}
	h.ping(exclusive, 16*unit, "ping")
	h.posting(exclusive, 1, sunco)
	h.posted(exclusive, 1, sunco, "accepted")
	h.settled(exclusive, OpPost, "success", saleOf(1, sunco))

	h.ping(second, 16*unit, "ping")
	h.posting(second, 2, sunco)
	h.posted(second, 2, sunco, "rejected")
	h.posting(second, 3, moon)
	h.posted(second, 3, moon, "accepted")
	h.settled(second, OpPost, "success", saleOf(3, moon))

	h.ping(shared, 24*unit, "ping")
	h.posting(shared, 4, sharA)
	h.posted(shared, 4, sharA, "accepted")
	h.posting(shared, 5, sharB)
	h.posted(shared, 5, sharB, "accepted")
	h.settled(shared, OpPost, "success", saleOf(4, sharA), saleOf(5, sharB))

	h.ping(lost, 16*unit, "ping")
	h.posting(lost, 6, sunco)
	h.posted(lost, 6, sunco, "unknown")
	h.receipts[len(h.receipts)-1].Accepted = true // legal: we do not know
	h.answers = append(h.answers, Answer{Source: "s1", Op: OpPost, Status: 202, Result: "pending", Lead: leadN(lost)})

	h.ping(resolved, 16*unit, "ping")
	h.posting(resolved, 7, sunco)
	h.seen(resolved, 7, sunco, true)
	h.answers = append(h.answers, Answer{Source: "s1", Op: OpPost, Status: 202, Result: "pending",
		Lead: leadN(resolved)})
	h.add("adjusted", resolved, ev{"adjustment": "resolved", "why": "asked", "attempt": attemptN(7), "campaign": "c1",
		"buyer": "sunco", "outcome": "accepted", "price_micros": sunco.price, "payout_micros": sunco.price * 4 / 5,
		"reference": "ref-7", "charges": h.charges(sunco)})
	h.settled(resolved, OpPost, "success", saleOf(7, sunco))

	h.ping(unwanted, 0, "ping")

	h.ping(oneShot, 16*unit, "lead")
	h.posting(oneShot, 8, moon)
	h.posted(oneShot, 8, moon, "accepted")
	h.settled(oneShot, OpLead, "success", saleOf(8, moon))

	h.ping(oneShotNo, 0, "lead")
	h.answers = append(h.answers, Answer{Source: "s1", Op: OpLead, Status: 200, Result: "failure", Reason: "no_bids",
		Lead: leadN(oneShotNo)}, Answer{Source: "s1", Op: OpLead, Status: 503})

	h.ping(refusedBy, 16*unit, "ping")
	h.posting(refusedBy, 9, moon)
	h.posted(refusedBy, 9, moon, "duplicate")
	h.settled(refusedBy, OpPost, "failure")

	h.ping(unsent, 16*unit, "ping")
	h.posting(unsent, 10, sunco)
	h.posted(unsent, 10, sunco, "not_sent")
	h.posting(unsent, 11, moon)
	h.posted(unsent, 11, moon, "accepted")
	h.settled(unsent, OpPost, "success", saleOf(11, moon))

	h.ping(dropped, 16*unit, "ping")
	h.posting(dropped, 12, sunco)
	e := h.posted(dropped, 12, sunco, "accepted")
	e["price_micros"], e["answer_price_micros"] = int64(14*unit), int64(14*unit)
	h.receipts[len(h.receipts)-1].Price = 14 * unit
	s := saleOf(12, sunco)
	s["price_micros"] = int64(14 * unit)
	h.settled(dropped, OpPost, "success", s)

	delete(h.add("adjusted", 0, ev{"adjustment": "paused", "subject": "buyer:sunco", "why": "late"}), "lead_id")
	return h
}

// of finds the n-th event (from 0) of a kind of a lead.
func (h *history) of(kind string, lead, n int) ev {
	h.t.Helper()
	for _, e := range h.events {
		if e["kind"] == kind && e["lead_id"] == leadN(lead) {
			if n == 0 {
				return e
			}
			n--
		}
	}
	h.t.Fatalf("no %s of lead %d", kind, lead)
	return nil
}

// drop removes the n-th event (from 0) of a kind of a lead.
func (h *history) drop(kind string, lead, n int) {
	id := h.of(kind, lead, n)["event_id"]
	h.events = slices.DeleteFunc(h.events, func(e ev) bool { return e["event_id"] == id })
}

// last is the last answer about a lead.
func (h *history) last(lead int) *Answer {
	h.t.Helper()
	for i := len(h.answers) - 1; i >= 0; i-- {
		if h.answers[i].Lead == leadN(lead) {
			return &h.answers[i]
		}
	}
	h.t.Fatalf("no answer about lead %d", lead)
	return nil
}

// booked is the n-th receipt (from 0) of a lead.
func (h *history) booked(lead, n int) *Receipt {
	h.t.Helper()
	for i := range h.receipts {
		if h.receipts[i].Lead == leadN(lead) {
			if n == 0 {
				return &h.receipts[i]
			}
			n--
		}
	}
	h.t.Fatalf("no receipt of lead %d", lead)
	return nil
}

func (h *history) judge() *Report {
	h.t.Helper()
	var lines [][]byte
	for _, e := range h.events {
		if raw, ok := e["raw"]; ok {
			lines = append(lines, []byte(raw.(string)))
			continue
		}
		b, err := json.Marshal(e)
		if err != nil {
			h.t.Fatal(err)
		}
		lines = append(lines, b)
	}
	shipped := lines
	if h.shipped != nil {
		shipped = h.shipped(lines)
	}
	r, err := Run(Input{Events: Values(lines), Receipts: Values(h.receipts), Answers: Values(h.answers),
		Shipped: Values(shipped)}, Options{Caps: h.caps, Repeats: h.repeats, Configs: h.configs,
		CapsUnder: h.capsUnder, EveryCall: h.every, Uniques: h.uniques, Alone: h.alone, Whole: h.whole})
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}
