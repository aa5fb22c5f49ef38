// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"clearpost/exchange"
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
