// SPDX-License-Identifier: Apache-2.0

package loadtest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"
	"github.com/valyala/fasthttp"

	"clearpost/lead"
	"clearpost/loadtest/audit"
)

// trip is one lead of one seller.
type trip struct {
	g   *Generator
	n   uint64
	d   *dice
	due time.Time

	source *Source
	lead   Lead
	id     string // the seller's own lead id
}

// sent is one request of a trip.
type sent struct {
	op   string
	body []byte
	key  string // Idempotency-Key, may be empty
}

func (t *trip) run(ctx context.Context) {
	c := &t.g.cfg
	t.source = &c.Sources[t.d.below(len(c.Sources))]
	vertical := pick(t.d, t.source.Verticals)
	who := t.n
	if t.d.yes(c.Again) && t.n > 0 {
		who -= 1 + t.d.next()%min(t.n, 1000)
	}
	t.lead = NewLead(vertical, c.Seed, who, t.due)
	t.id = fmt.Sprintf("%s-%x-%d", t.source.ID, c.Seed, t.n)
	if t.d.yes(c.OneShot) {
		t.oneShot(ctx)
		return
	}
	body := t.lead.Ping.appendTo(t.begin())
	a := t.do(ctx, &sent{op: audit.OpPing, body: end(body)}, t.due)
	if a == nil || a.Result != "success" || !t.d.yes(c.Post) {
		return
	}
	think := t.d.between(c.Think[0], c.Think[1])
	if !sleep(ctx, think) {
		return
	}
	body = append(strconv.AppendQuote(append(t.begin(), `"ping_id":`...), a.Lead), ',')
	p := &sent{op: audit.OpPost, body: end(t.lead.Contact.appendTo(body)), key: t.key()}
	t.post(ctx, p)
}

func (t *trip) oneShot(ctx context.Context) {
	body := t.lead.Contact.appendTo(t.lead.Ping.appendTo(t.begin()))
	l := &sent{op: audit.OpLead, body: end(body), key: t.key()}
	first := t.retried(ctx, l, t.due)
	if l.key != "" && t.d.yes(t.g.cfg.Repeat) {
		t.repeat(ctx, l, first)
	}
}

// post sends a post: once, or twice at the same time, and perhaps again after its answer.
func (t *trip) post(ctx context.Context, p *sent) {
	double, again := t.d.yes(t.g.cfg.Double), t.d.yes(t.g.cfg.Repeat)
	now := time.Now()
	var first *audit.Answer
	if double {
		var other *audit.Answer
		var both sync.WaitGroup
		both.Go(func() { other = t.retried(ctx, p, now) })
		first = t.retried(ctx, p, now)
		both.Wait()
		t.compare(first, other)
	} else {
		first = t.retried(ctx, p, now)
	}
	if again {
		t.repeat(ctx, p, first)
	}
}

func (t *trip) repeat(ctx context.Context, c *sent, first *audit.Answer) {
	t.compare(first, t.do(ctx, c, time.Now()))
}

// compare counts a repeated call, and whether the two answers contradict each other. A pending answer, a post in
// progress and every refusal to look at the call go with any other.
func (t *trip) compare(x, y *audit.Answer) {
	t.g.repeats.Add(1)
	final := func(a *audit.Answer) bool { return a != nil && a.Status == fasthttp.StatusOK && a.Result != "pending" }
	if !final(x) || !final(y) {
		return
	}
	if x.Result != y.Result || x.Lead != y.Lead || x.Price != y.Price || x.Reference != y.Reference ||
		x.Reason != y.Reason {
		t.g.disagreed.Add(1)
	}
}

// retried sends a call that may be repeated safely, and sends it again where no answer came.
func (t *trip) retried(ctx context.Context, c *sent, due time.Time) *audit.Answer {
	a := t.do(ctx, c, due)
	if c.op == audit.OpLead && c.key == "" {
		return a
	}
	for range t.g.cfg.Retries {
		if a != nil && a.Status != fasthttp.StatusServiceUnavailable || !sleep(ctx, t.g.cfg.RetryAfter) {
			break
		}
		a = t.do(ctx, c, time.Now())
	}
	return a
}

func (t *trip) key() string {
	if !t.d.yes(t.g.cfg.Keyed) {
		return ""
	}
	return "key-" + t.id
}

func (t *trip) begin() []byte {
	return append(strconv.AppendQuote(append(make([]byte, 0, 1024), `{"seller_lead_id":`...), t.id), ',')
}

func end(body []byte) []byte {
	body[len(body)-1] = '}'
	return body
}

// do makes one call and records what came of it; nil means that no complete answer came.
func (t *trip) do(ctx context.Context, c *sent, due time.Time) *audit.Answer {
	g := t.g
	if ctx.Err() != nil {
		return nil
	}
	if g.flying.Add(1) > int64(g.cfg.OutstandingMax) {
		g.flying.Add(-1)
		g.dropped.Add(1)
		return nil
	}
	defer g.flying.Add(-1)
	tally := g.pings
	path := "/ping"
	switch c.op {
	case audit.OpPost:
		tally, path = g.posts, "/post"
	case audit.OpLead:
		tally, path = g.leads, "/leads"
	}
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.SetRequestURI(g.base + "/v1/" + t.lead.Vertical + path)
	req.Header.SetMethod(fasthttp.MethodPost)
	req.Header.SetContentType("application/json")
	req.Header.Set("Authorization", "Bearer "+t.source.Key)
	if c.key != "" {
		req.Header.Set("Idempotency-Key", c.key)
	}
	req.SetBodyRaw(c.body)
	err := g.client.DoDeadline(req, resp, time.Now().Add(g.cfg.Timeout))
	if err != nil {
		tally.lost()
		return nil
	}
	a, err := readAnswer(resp.StatusCode(), resp.Body())
	if err != nil {
		tally.lost()
		return nil
	}
	a.At, a.Source, a.Vertical, a.Op, a.Key = time.Now().UTC(), t.source.ID, t.lead.Vertical, c.op, c.key
	tally.answered(a, time.Since(due))
	g.keep(a)
	return a
}

// readAnswer reads an answer of the seller API. Prices are read from their text.
func readAnswer(status int, body []byte) (*audit.Answer, error) {
	if !gjson.ValidBytes(body) {
		return nil, fmt.Errorf("loadtest: status %d with a body that is no JSON", status)
	}
	v := gjson.ParseBytes(body)
	str := func(path string) string { return strings.Clone(v.Get(path).String()) }
	a := &audit.Answer{Status: status, Result: str("result"), Reason: str("reason"), Lead: str("lead_id"),
		Reference: str("id"), Test: v.Get("test").Bool(), Unsure: v.Get("unsure").Bool()}
	if id := v.Get("ping_id"); id.Exists() {
		a.Lead = strings.Clone(id.String())
	}
	var err error
	if a.Price, err = micros(v.Get("price")); err != nil {
		return nil, err
	}
	for _, s := range v.Get("sales").Array() {
		p, err := micros(s.Get("price"))
		if err != nil {
			return nil, err
		}
		a.Sales = append(a.Sales, audit.SaleSeen{Reference: strings.Clone(s.Get("id").String()), Price: p})
	}
	return a, nil
}

func micros(v gjson.Result) (int64, error) {
	if !v.Exists() {
		return 0, nil
	}
	m, err := lead.ParseMoney([]byte(v.Raw))
	return int64(m), err
}

// sleep waits; false means that the context ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	w := time.NewTimer(d)
	defer w.Stop()
	select {
	case <-w.C:
		return true
	case <-ctx.Done():
		return false
	}
}
