// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"clearpost/alerts"
)

// AlertTest is the body of POST /v1/alerts/test.
type AlertTest struct {
	Receiver string `json:"receiver"` // the id of one
	By       string `json:"by"`       // who asks
}

// alert answers what is about alerts; false where the path is none of these.
func (s *Server) alert(ctx *fasthttp.RequestCtx, path string, get, post bool) bool {
	switch {
	case path == "/v1/alerts" && get:
		if s.hooks.Alerts == nil {
			write(ctx, 200, alerts.Status{Causes: []alerts.Cause{}, Receivers: []alerts.ReceiverStatus{}})
			return true
		}
		write(ctx, 200, s.hooks.Alerts.Status())
	case path == "/v1/alerts/test" && post:
		s.alertTest(ctx)
	default:
		return false
	}
	return true
}

func (s *Server) alertTest(ctx *fasthttp.RequestCtx) {
	var in AlertTest
	if !read(ctx, &in) {
		return
	}
	if s.hooks.Alerts == nil {
		fail(ctx, 503, "no node runs here: nothing is sent")
		return
	}
	switch err := s.hooks.Alerts.Test(s.stop, in.Receiver, in.By); {
	case errors.Is(err, alerts.ErrNoReceiver):
		fail(ctx, 404, "receiver: "+err.Error())
	case err != nil:
		fail(ctx, 502, "it was not taken: "+err.Error())
	default:
		write(ctx, 200, in)
	}
}

var (
	descAlertCauses = desc("alerts_active", "What is so by a rule of alerts now, whether it was told yet or not.",
		"rule")
	descAlertSent   = desc("alerts_sent_total", "Notices that a receiver of alerts has taken.", "receiver")
	descAlertFailed = desc("alerts_failed_total", "Tries of notices that a receiver of alerts has not taken.",
		"receiver")
	descAlertWait = desc("alerts_waiting", "Notices that wait for a receiver of alerts.", "receiver")
)

// collectAlerts gives how alerts stand.
func (c *collector) collectAlerts(count, gauge func(*prometheus.Desc, float64, ...string)) {
	if c.hooks.Alerts == nil {
		return
	}
	st := c.hooks.Alerts.Status()
	active := map[string]int{}
	for i := range st.Causes {
		if st.Causes[i].Gone.IsZero() {
			active[st.Causes[i].Rule]++
		}
	}
	for rule, n := range active {
		gauge(descAlertCauses, float64(n), rule)
	}
	for _, r := range st.Receivers {
		count(descAlertSent, float64(r.Sent), r.ID)
		count(descAlertFailed, float64(r.Failed), r.ID)
		gauge(descAlertWait, float64(r.Waiting), r.ID)
	}
}
