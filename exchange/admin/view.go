// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"clearpost/ledger/report"
)

// viewWait is how long a question waits for events that the view does not have yet. Answers say up to which event they
// go.
const viewWait = time.Second

// reads answers what is read from the view for reports; false where the path is none of these.
func (s *Server) reads(ctx *fasthttp.RequestCtx, path string, get, post bool) bool {
	var answer func(*fasthttp.RequestCtx, *report.View)
	switch {
	case path == "/v1/view" && get:
		answer = func(ctx *fasthttp.RequestCtx, v *report.View) { write(ctx, 200, v.Status()) }
	case path == "/v1/view/catch-up" && post:
		answer = func(ctx *fasthttp.RequestCtx, v *report.View) { write(ctx, 200, s.caughtUp(v)) }
	case path == "/v1/scorecards" && get:
		answer = s.scorecards
	case path == "/v1/view/rebuild" && post:
		answer = s.rebuild
	case path == "/v1/statements/parties" && get:
		answer = s.parties
	case path == "/v1/find" && get:
		answer = s.find
	case path == "/v1/report" && get:
		answer = s.figures
	case path == "/v1/report/caps" && get:
		answer = s.capsUsed
	case path == "/v1/returns" && get:
		answer = s.returnsOf
	case path == "/v1/statement" && get:
		answer = s.statement
	case path == "/v1/bookings" && get:
		answer = s.bookings
	case path == "/v1/statements" && get:
		answer = s.issued
	case path == "/v1/statements" && post:
		answer = s.issue
	case path == "/v1/statements/show" && get:
		answer = s.showIssued
	case path == "/v1/books" && get:
		answer = s.trial
	default:
		return false
	}
	v, err := s.hooks.Report()
	if err != nil {
		fail(ctx, 503, err.Error())
		return true
	}
	answer(ctx, v)
	return true
}

// Rebuild is the body of POST /v1/view/rebuild.
type Rebuild struct {
	Loses bool `json:"loses"` // also where the ledger no longer has all that the view has
}

// rebuild begins a rebuild, or looks after the one under way, for a moment.
func (s *Server) rebuild(ctx *fasthttp.RequestCtx, v *report.View) {
	var in Rebuild
	if !read(ctx, &in) {
		return
	}
	wait, cancel := context.WithTimeout(s.stop, viewWait)
	defer cancel()
	switch err := v.Rebuild(wait, in.Loses); {
	case errors.Is(err, report.ErrLoses):
		fail(ctx, 409, err.Error())
	case err != nil && wait.Err() == nil:
		fail(ctx, 503, err.Error())
	default:
		write(ctx, 200, v.Status())
	}
}

var (
	descViewBytes = desc("report_bytes", "Size on disk of what find and report read.")
	descViewOK    = desc("report_ok",
		"1 while what find and report read follows the ledger; 0: it does not, and the log says why.")
	descViewCPU = desc("report_cpu_seconds_total",
		"Processor time that following the ledger has taken for what find and report read.")
	descViewMissed = desc("report_missed_events_total",
		"Events that what find and report read can never have: the ledger had dropped them before.")
)

// collectView gives how the view for reports stands.
func (c *collector) collectView(count, gauge func(*prometheus.Desc, float64, ...string)) {
	if c.hooks.Report == nil {
		return
	}
	v, err := c.hooks.Report()
	if err != nil {
		return
	}
	s, ok := v.Status(), 1.0
	if s.Error != "" {
		ok = 0
	}
	gauge(descLag, float64(s.Behind), "report")
	gauge(descViewBytes, float64(s.Bytes))
	gauge(descViewOK, ok)
	count(descViewCPU, s.CPUSeconds)
	count(descViewMissed, float64(s.Missed))
}
