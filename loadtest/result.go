// SPDX-License-Identifier: Apache-2.0

package loadtest

import (
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"clearpost/lead"
	"clearpost/loadtest/audit"
)

// Result is what a run has seen from the sellers' side.
type Result struct {
	Seed    uint64    `json:"seed"`
	Started time.Time `json:"started"`
	TookMS  int64     `json:"took_ms"`
	Ping    Call      `json:"ping"`
	Post    Call      `json:"post"`
	Lead    Call      `json:"lead"`
	// Dropped starts were due while OutstandingMax calls were in flight: nothing was sent. Late ones began more than 10
	// ms after they were due; their latency counts from when they were due.
	Dropped int `json:"dropped"`
	Late    int `json:"late"`
	// Repeats are calls made again after their answer, or at the same time; Disagreed those that were told another
	// story.
	Repeats   int `json:"repeats"`
	Disagreed int `json:"disagreed"`
	// Paid is the sum of the payouts of distinct leads that were answered with success, in micros.
	Paid lead.Money `json:"paid_micros"`
	Sold int        `json:"sold"` // distinct leads
}

// Call is one kind of call.
type Call struct {
	Sent    int            `json:"sent"`
	Lost    int            `json:"lost"` // no complete answer came
	Status  map[string]int `json:"status"`
	Results map[string]int `json:"results"`
	Reasons map[string]int `json:"reasons"` // of failures
	Latency Latency        `json:"latency"` // of the calls that were answered
}

// Latency is a distribution, in milliseconds from the intended start to the whole answer.
type Latency struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_ms"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P95   float64 `json:"p95_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

// latencyMax bounds what the histograms hold.
const latencyMax = 10 * time.Minute

// tally gathers one kind of call while the run goes on.
type tally struct {
	mu    sync.Mutex
	call  Call
	times *hdrhistogram.Histogram // microseconds
}

func newTally() *tally {
	return &tally{call: Call{Status: map[string]int{}, Results: map[string]int{}, Reasons: map[string]int{}},
		times: hdrhistogram.New(1, latencyMax.Microseconds(), 3)}
}

func (t *tally) lost() {
	t.mu.Lock()
	t.call.Sent++
	t.call.Lost++
	t.mu.Unlock()
}

func (t *tally) answered(a *audit.Answer, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &t.call
	c.Sent++
	c.Status[strconv.Itoa(a.Status)]++
	if a.Result != "" {
		c.Results[a.Result]++
	}
	if a.Reason != "" {
		c.Reasons[a.Reason]++
	}
	// A time within the bounds is always recorded.
	_ = t.times.RecordValue(min(max(took, time.Microsecond), latencyMax).Microseconds())
}

func (t *tally) result() Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.call
	c.Status, c.Results, c.Reasons = copyOf(c.Status), copyOf(c.Results), copyOf(c.Reasons)
	c.Latency = summary(t.times)
	return c
}

func copyOf(m map[string]int) map[string]int {
	out := make(map[string]int, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

func summary(h *hdrhistogram.Histogram) Latency {
	if h.TotalCount() == 0 {
		return Latency{}
	}
	ms := func(us int64) float64 { return float64(us) / 1000 }
	at := func(p float64) float64 { return ms(h.ValueAtPercentile(p)) }
	return Latency{Count: h.TotalCount(), Mean: math.Round(h.Mean()) / 1000, P50: at(50), P90: at(90), P95: at(95),
		P99: at(99), P999: at(99.9), Max: ms(h.Max())}
}
