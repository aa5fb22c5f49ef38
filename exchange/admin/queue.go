// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/lead"
)

// QueueMax is how many leads of the queue one answer has at most, and unless another number is asked for.
const QueueMax = 1000

// QueuePage is the beginning of the queue, as GET /v1/queue answers it: the next one due first.
type QueuePage struct {
	Queued []*exchange.QueuedLead `json:"queued"`
	More   bool                   `json:"more,omitempty"` // there are others behind them
	// how many wait in all, whatever was asked for, by campaign and then by why
	Depth  map[string]map[string]int64 `json:"depth"`
	Oldest string                      `json:"oldest_since,omitempty"` // since when the oldest of all waits
}

// QueueChange is the body of POST /v1/queue/retry, drop and move, and their answer.
type QueueChange struct {
	Lead     lead.ID `json:"lead_id"`
	Campaign string  `json:"campaign,omitempty"` // move: to whom
	Why      string  `json:"why"`
	By       string  `json:"by,omitempty"`
}

// queue answers what is about the queue of leads; false where the path is none of these.
func (s *Server) queue(ctx *fasthttp.RequestCtx, path string, get, post bool) bool {
	switch {
	case path == "/v1/queue" && get:
		s.queued(ctx)
	case path == "/v1/queue/retry" && post:
		s.requeue(ctx, func(c *QueueChange) error { return s.ex.QueueRetry(c.Lead, c.Why, c.By) })
	case path == "/v1/queue/drop" && post:
		s.requeue(ctx, func(c *QueueChange) error { return s.ex.QueueDrop(c.Lead, c.Why, c.By) })
	case path == "/v1/queue/move" && post:
		s.requeue(ctx, func(c *QueueChange) error { return s.ex.QueueMove(c.Lead, c.Campaign, c.Why, c.By) })
	default:
		return false
	}
	return true
}

// queued lists the queue: ?buyer=, ?campaign=, ?source=, ?vertical=, ?why=REFUSAL, ?quarantined=true, ?limit=N.
func (s *Server) queued(ctx *fasthttp.RequestCtx) {
	q := ctx.QueryArgs()
	by := exchange.QueueBy{Buyer: string(q.Peek("buyer")), Campaign: string(q.Peek("campaign")),
		Source: string(q.Peek("source")), Vertical: string(q.Peek("vertical")), Why: string(q.Peek("why")),
		Quarantined: q.GetBool("quarantined")}
	limit := QueueMax
	if text := string(q.Peek("limit")); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > QueueMax {
			fail(ctx, 400, fmt.Sprintf("limit: expected 1 to %d", QueueMax))
			return
		}
		limit = n
	}
	page := QueuePage{Queued: []*exchange.QueuedLead{}, Depth: map[string]map[string]int64{}}
	err := s.ex.EachQueued(by, func(l *exchange.QueuedLead) bool {
		if page.More = len(page.Queued) == limit; !page.More {
			page.Queued = append(page.Queued, l)
		}
		return !page.More
	})
	if err != nil {
		fail(ctx, 503, err.Error())
		return
	}
	depth, oldest := s.ex.QueueStats()
	for w, n := range depth {
		if page.Depth[w.Campaign] == nil {
			page.Depth[w.Campaign] = map[string]int64{}
		}
		page.Depth[w.Campaign][w.Refusal.String()] += n
	}
	if !oldest.IsZero() {
		page.Oldest = oldest.UTC().Format("2006-01-02T15:04:05Z")
	}
	write(ctx, 200, page)
}

func (s *Server) requeue(ctx *fasthttp.RequestCtx, do func(*QueueChange) error) {
	var in QueueChange
	if !read(ctx, &in) {
		return
	}
	if in.Why == "" {
		fail(ctx, 400, "why: expected the reason, in words")
		return
	}
	switch err := do(&in); {
	case errors.Is(err, exchange.ErrNotQueued), errors.Is(err, exchange.ErrNoBid):
		fail(ctx, 404, err.Error())
	case errors.Is(err, exchange.ErrUnderWay):
		fail(ctx, 409, err.Error())
	case err != nil:
		fail(ctx, 503, err.Error())
	default:
		write(ctx, 200, in)
	}
}

var (
	descQueue = desc("queue_leads", "Leads that wait for a campaign, by the refusal for which they do.", "campaign",
		"why")
	descQueueOldest = desc("queue_oldest_seconds", "How long the lead that has waited longest does; 0: none waits.")
)

// collectQueue gives how the queue of leads stands.
func (c *collector) collectQueue(gauge func(*prometheus.Desc, float64, ...string)) {
	depth, oldest := c.ex.QueueStats()
	for w, n := range depth {
		gauge(descQueue, float64(n), w.Campaign, w.Refusal.String())
	}
	age := 0.0
	if !oldest.IsZero() {
		age = max(c.ex.Now().Sub(oldest).Seconds(), 0)
	}
	gauge(descQueueOldest, age)
}
