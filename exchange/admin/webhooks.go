// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"fmt"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"clearpost/queue"
)

// Webhooks are the lines of messages, as GET /v1/webhooks answers them.
type Webhooks struct {
	Webhooks []queue.Status `json:"webhooks"`
}

// hook answers what is about webhooks; false where the path is none of these.
func (s *Server) hook(ctx *fasthttp.RequestCtx, path string, get, post bool) bool {
	switch {
	case path == "/v1/webhooks" && get:
		out := Webhooks{[]queue.Status{}}
		if q := s.ex.Lines(); q != nil {
			out.Webhooks = q.Status()
		}
		write(ctx, 200, out)
	case path == "/v1/webhooks/dead" && get:
		s.dead(ctx)
	case path == "/v1/webhooks/replay" && post:
		s.raise(ctx, (*queue.Lines).Replay)
	case path == "/v1/webhooks/drop" && post:
		s.raise(ctx, (*queue.Lines).Drop)
	default:
		return false
	}
	return true
}

// DeadMax is how many dead messages one answer has at most, and unless another number is asked for.
const DeadMax = 1000

// DeadPage is a page of a webhook's dead messages, as GET /v1/webhooks/dead answers it.
type DeadPage struct {
	Dead []queue.Dead `json:"dead"`
	Next int          `json:"next,omitempty"` // what to ask for next as ?from=; 0: this is the last page
}

const noHook = "name: there is no such webhook"

// dead lists dead messages, oldest first: ?name=, ?from=N, ?limit=N.
func (s *Server) dead(ctx *fasthttp.RequestCtx) {
	q := ctx.QueryArgs()
	from, limit := 0, DeadMax
	for name, n := range map[string]*int{"from": &from, "limit": &limit} {
		if text := string(q.Peek(name)); text != "" {
			var err error
			if *n, err = strconv.Atoi(text); err != nil || *n < 0 {
				fail(ctx, 400, name+": expected a whole number that is not negative")
				return
			}
		}
	}
	if limit < 1 || limit > DeadMax {
		fail(ctx, 400, fmt.Sprintf("limit: expected 1 to %d", DeadMax))
		return
	}
	lines := s.ex.Lines()
	if lines == nil {
		fail(ctx, 404, noHook)
		return
	}
	dead, ok := lines.Dead(string(q.Peek("name")), from, limit+1)
	if !ok {
		fail(ctx, 404, noHook)
		return
	}
	page := DeadPage{Dead: append([]queue.Dead{}, dead[:min(limit, len(dead))]...)}
	if len(dead) > limit {
		page.Next = from + limit
	}
	write(ctx, 200, page)
}

// Replay is the body of POST /v1/webhooks/replay and /v1/webhooks/drop, and their answer.
type Replay struct {
	Name  string `json:"name"`         // of the webhook
	ID    string `json:"id,omitempty"` // of a dead message; empty: all of the webhook
	Count int    `json:"count"`        // answer only: how many are sent again, or dropped
}

func (s *Server) raise(ctx *fasthttp.RequestCtx, what func(*queue.Lines, string, string) (int, bool, error)) {
	var in Replay
	if !read(ctx, &in) {
		return
	}
	lines := s.ex.Lines()
	if lines == nil {
		fail(ctx, 404, noHook)
		return
	}
	n, ok, err := what(lines, in.Name, in.ID)
	switch {
	case err != nil:
		fail(ctx, 503, err.Error())
	case !ok:
		fail(ctx, 404, noHook)
	case n == 0 && in.ID != "":
		fail(ctx, 404, "id: no dead message of this webhook has it")
	default:
		in.Count = n
		write(ctx, 200, in)
	}
}

var (
	descHookSent = desc("webhook_messages_total", "Messages that a webhook has taken.", "webhook")
	descHookDead = desc("webhook_dead", "Messages of a webhook that were given up and wait for a replay.", "webhook")
	descHookTry  = desc("webhook_tries",
		"How often in a row a webhook was sent messages without taking any; 0: it takes what comes.", "webhook")
	descHookLost = desc("webhook_forgotten_total",
		"Messages of a webhook that were given up and are not listed any more: they were too many.", "webhook")
	descHookBehind = desc("webhook_events_behind", "Events of the ledger that a webhook's line has not dealt with.",
		"webhook")
)

// collectHooks gives how the lines of messages stand.
func (c *collector) collectHooks(count, gauge func(*prometheus.Desc, float64, ...string)) {
	q := c.ex.Lines()
	if q == nil {
		return
	}
	last := c.led.LastSeq()
	for _, l := range q.Status() {
		count(descHookSent, float64(l.Sent), l.Name)
		count(descHookLost, float64(l.Lost), l.Name)
		gauge(descHookDead, float64(l.Dead), l.Name)
		gauge(descHookTry, float64(l.Tries), l.Name)
		gauge(descHookBehind, float64(last+1-min(l.Next, last+1)), l.Name)
	}
}
