// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/queue"
)

// UnsoldMax is how many unsold leads one answer has at most, and unless another number is asked for.
const UnsoldMax = 1000

// UnsoldPage is a page of the list of unsold leads, as GET /v1/unsold answers it.
type UnsoldPage struct {
	Unsold []*exchange.Unsold `json:"unsold"`
	// what to ask for next as ?from=; 0: this is the last page
	Next uint64 `json:"next,omitempty"`
}

var errPageFull = errors.New("the page is full")

// unsold lists unsold leads: ?since=T, ?until=T (RFC 3339), ?source=, ?vertical=, ?from=SEQ, ?limit=N.
func (s *Server) unsold(ctx *fasthttp.RequestCtx) {
	q := ctx.QueryArgs()
	want := exchange.UnsoldBy{Source: string(q.Peek("source")), Vertical: string(q.Peek("vertical"))}
	for name, to := range map[string]*time.Time{"since": &want.Since, "until": &want.Until} {
		if text := string(q.Peek(name)); text != "" {
			var err error
			if *to, err = time.Parse(time.RFC3339, text); err != nil {
				fail(ctx, 400, fmt.Sprintf("%s: expected a time such as 2026-11-03T15:04:05Z", name))
				return
			}
		}
	}
	limit := UnsoldMax
	if text := string(q.Peek("limit")); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > UnsoldMax {
			fail(ctx, 400, fmt.Sprintf("limit: expected 1 to %d", UnsoldMax))
			return
		}
		limit = n
	}
	if text := string(q.Peek("from")); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			fail(ctx, 400, "from: expected the seq of an event")
			return
		}
		want.From = n
	}
	page := UnsoldPage{Unsold: []*exchange.Unsold{}}
	err := s.ex.UnsoldLeads(want, func(u *exchange.Unsold) error {
		if len(page.Unsold) == limit {
			page.Next = u.Seq
			return errPageFull
		}
		page.Unsold = append(page.Unsold, u)
		return nil
	})
	if err != nil && !errors.Is(err, errPageFull) {
		fail(ctx, 503, err.Error())
		return
	}
	write(ctx, 200, page)
}

// Webhooks are the lines of messages, as GET /v1/webhooks answers them.
type Webhooks struct {
	Webhooks []queue.Status `json:"webhooks"`
}

func (s *Server) webhooks(ctx *fasthttp.RequestCtx) {
	lines := s.ex.Lines()
	if lines == nil {
		lines = []queue.Status{}
	}
	write(ctx, 200, Webhooks{lines})
}

// Replay is the body of POST /v1/webhooks/replay, and its answer.
type Replay struct {
	Name  string `json:"name"`         // of the line
	ID    string `json:"id,omitempty"` // of a dead message; empty: all of the line
	Count int    `json:"count"`        // answer only: how many are sent again
}

func (s *Server) replay(ctx *fasthttp.RequestCtx) {
	var in Replay
	if !read(ctx, &in) {
		return
	}
	n, ok, err := s.ex.Replay(in.Name, in.ID)
	switch {
	case err != nil:
		fail(ctx, 503, err.Error())
	case !ok:
		fail(ctx, 404, "name: there is no such webhook")
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
		"How often the message at the head of a webhook's line was sent without being taken; 0: it takes what comes.",
		"webhook")
	descHookBehind = desc("webhook_events_behind", "Events of the ledger that a webhook's line has not looked at.",
		"webhook")
)

// collectHooks gives how the lines of messages stand.
func (c *collector) collectHooks(count, gauge func(*prometheus.Desc, float64, ...string)) {
	last := c.led.LastSeq()
	for _, l := range c.ex.Lines() {
		count(descHookSent, float64(l.Sent), l.Name)
		gauge(descHookDead, float64(len(l.Dead)), l.Name)
		gauge(descHookTry, float64(l.Tries), l.Name)
		gauge(descHookBehind, float64(last+1-min(l.Next, last+1)), l.Name)
	}
}
