// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"bufio"
	"time"

	"github.com/goccy/go-json"
	"github.com/valyala/fasthttp"

	"clearpost/exchange"
)

// CheckLine is a line of the answer to GET /v1/check. One of its members is set: a lead with a defect; how far it has
// come, about once a second; why it ended early; or, at its end, the totals.
type CheckLine struct {
	Lead     *exchange.CheckedLead `json:"lead,omitempty"`
	Progress *CheckProgress        `json:"progress,omitempty"`
	Error    string                `json:"error,omitempty"`
	Totals   *exchange.CheckTotals `json:"totals,omitempty"`
}

// CheckProgress is how far a check of all leads has come.
type CheckProgress struct {
	Seq   uint64 `json:"seq"`
	Last  uint64 `json:"last_seq"` // of the ledger when it began
	Leads int64  `json:"leads"`
}

// checkShare: beside running trips a check works for so long, and rests as long.
const checkShare = 20 * time.Millisecond

// check computes all leads of the ledger again, from ?since=TIME (RFC 3339) on. One check runs at a time.
func (s *Server) check(ctx *fasthttp.RequestCtx) {
	from := uint64(0)
	if text := string(ctx.QueryArgs().Peek("since")); text != "" {
		since, err := time.Parse(time.RFC3339, text)
		if err != nil {
			fail(ctx, 400, "since: expected a time such as 2026-01-31T15:04:05Z")
			return
		}
		if from, err = s.led.Since(since); err != nil {
			fail(ctx, 503, err.Error())
			return
		}
	}
	if !s.checking.CompareAndSwap(false, true) {
		fail(ctx, 409, "another check of all leads is under way: they take turns")
		return
	}
	ctx.SetContentType("application/x-ndjson")
	ctx.SetBodyStreamWriter(func(w *bufio.Writer) {
		defer s.checking.Store(false)
		s.checkEvery(w, from)
	})
}

func (s *Server) checkEvery(w *bufio.Writer, from uint64) {
	line := func(l CheckLine) error {
		b, err := json.Marshal(l)
		if err != nil {
			return err
		}
		w.Write(append(b, '\n'))
		return w.Flush()
	}
	p := CheckProgress{Last: s.led.Stats().LastSeq}
	told, worked := time.Now(), time.Now()
	sum, err := s.ex.CheckEvery(from, func(c *exchange.CheckedLead) error {
		p.Seq, p.Leads = c.Seq, p.Leads+1
		if len(c.Defects) > 0 {
			if err := line(CheckLine{Lead: c}); err != nil {
				return err
			}
		}
		if time.Since(told) > time.Second {
			told = time.Now()
			if err := line(CheckLine{Progress: &p}); err != nil {
				return err // nobody listens any more
			}
		}
		if !s.hooks.Offline && time.Since(worked) > checkShare {
			select {
			case <-time.After(checkShare):
			case <-s.stop.Done():
				return s.stop.Err()
			}
			worked = time.Now()
		}
		return nil
	})
	if err != nil {
		// Whoever has gone does not read why.
		_ = line(CheckLine{Error: err.Error()})
		return
	}
	_ = line(CheckLine{Totals: &sum})
}
