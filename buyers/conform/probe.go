// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"clearpost/buyers"
	"clearpost/lead"
	"clearpost/wire/answer"
	"clearpost/wire/request"
	"clearpost/wire/transport"
)

// ProbeConfig says whom to probe, and with what.
type ProbeConfig struct {
	Campaign     *buyers.Campaign // its requests go where they are sent: aim them at a staging endpoint first
	Lead         *lead.Lead       // the test lead; each case makes another person of it
	Inputs       request.Inputs   // source and the like; ids, time, token and price are set by the probe
	AllowPrivate bool             // private and loopback addresses too
	Pings        int              // how many calls the latency is measured over (20)
	// the number of the first person, so that a second run is not a duplicate of the first
	Seed int
	TLS  func(*transport.TargetConfig)
}

// Verdict is what became of a case.
type Verdict string

// The verdicts. Unclear: the buyer did nothing wrong that money hangs on, but a person should look; Skipped: the
// campaign has no such thing.
const (
	Pass    Verdict = "pass"
	Fail    Verdict = "fail"
	Unclear Verdict = "unclear"
	Skipped Verdict = "skipped"
)

// Exchange is one call of a case, without secrets.
type Exchange struct {
	Call    string `json:"call"`
	Request string `json:"request"`
	Status  int    `json:"status,omitempty"`
	Type    string `json:"type,omitempty"`
	Answer  string `json:"answer"`
	TookUS  int64  `json:"took_us"`
	Means   string `json:"means"` // how the campaign reads the answer
}

// Case is one thing that was tried.
type Case struct {
	Name      string     `json:"name"`
	Verdict   Verdict    `json:"verdict"`
	Note      string     `json:"note"`
	Exchanges []Exchange `json:"exchanges,omitempty"`
}

// Report is what a probe found.
type Report struct {
	Campaign string `json:"campaign"`
	Cases    []Case `json:"cases"`
	Pass     int    `json:"pass"`
	Fail     int    `json:"fail"`
	Unclear  int    `json:"unclear"`
	Skipped  int    `json:"skipped"`
}

// probe runs the cases one after another.
type probe struct {
	cfg        ProbeConfig
	ctx        context.Context
	client     *transport.Client
	ping, post *transport.Target
	bearers    map[string]*transport.Tokens // by call; nil where none is needed
	cookies    []byte                       // of the last ping's answer
	person     int
	calls      uint64
	last       []Exchange // of the case that runs
}

// result is what a case needs of one call.
type result struct {
	receipt answer.Receipt
	call    *transport.Call
}

// sold tells whether the answer is an acceptance.
func (r *result) sold() bool { return r.receipt.Outcome == lead.Accepted }

// no tells whether it is the buyer's own no, well said: with an answer that the campaign's rules understand.
func (r *result) no() bool {
	if r.open() {
		return false
	}
	return r.receipt.Refusal > 0 && r.receipt.Refusal < lead.Unreachable || r.call.Refusal == 0 &&
		r.call.Status >= 400 && r.call.Status < 500
}

// open tells whether a whole answer to a post proves nothing, so that a real lead would stay with the buyer, unknown.
func (r *result) open() bool { return r.call.Refusal == 0 && r.receipt.Outcome == lead.Unknown }

// why says how the answer was read.
func (r *result) why() string {
	if r.sold() {
		if r.receipt.HasPrice {
			return "accepted at " + r.receipt.Price.String()
		}
		return "accepted"
	}
	return r.receipt.Refusal.Info().Name + ": " + r.receipt.Refusal.Info().Meaning
}

// Run probes. It sends some tens of calls, one after another; a cancelled context ends it after the call that runs.
func Run(ctx context.Context, cfg ProbeConfig) (*Report, error) {
	if cfg.Pings == 0 {
		cfg.Pings = 20
	}
	if err := called(cfg.Campaign); err != nil {
		return nil, err
	}
	client, err := transport.New(transport.Config{Workers: 8, WorkersATarget: 8, LateWorkers: 8})
	if err != nil {
		return nil, err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = client.Close(end) // what it did is in the report
	}()
	p := &probe{cfg: cfg, ctx: ctx, client: client, person: cfg.Seed, bearers: map[string]*transport.Tokens{}}
	if cfg.Campaign.Ping != nil {
		if p.ping, err = p.target("ping", cfg.Campaign.Ping); err != nil {
			return nil, err
		}
	}
	if p.post, err = p.target("post", cfg.Campaign.Post); err != nil {
		return nil, err
	}
	if err := p.authorize(); err != nil {
		return nil, err
	}
	r := &Report{Campaign: cfg.Campaign.ID}
	for _, c := range cases {
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
		p.last = nil
		verdict, note := c.run(p)
		r.Cases = append(r.Cases, Case{c.name, verdict, note, p.last})
		switch verdict {
		case Pass:
			r.Pass++
		case Fail:
			r.Fail++
		case Unclear:
			r.Unclear++
		default:
			r.Skipped++
		}
	}
	return r, nil
}

// authorize gets the OAuth 2.0 tokens that the calls carry.
func (p *probe) authorize() error {
	for name, e := range map[string]*buyers.Endpoint{"ping": p.cfg.Campaign.Ping, "post": p.cfg.Campaign.Post} {
		if e == nil || e.Request.OAuth2() == nil {
			continue
		}
		o := e.Request.OAuth2()
		cfg := transport.TokenConfig{URL: o.TokenURL, ClientID: o.ClientID, ClientSecret: o.ClientSecret,
			Scopes: o.Scopes, InBody: o.InBody, AllowPrivate: p.cfg.AllowPrivate}
		if o.Audience != "" {
			cfg.Params = url.Values{"audience": {o.Audience}}
		}
		t, err := p.client.Tokens(cfg)
		if err != nil {
			return err
		}
		t.Start()
		wait, cancel := context.WithTimeout(p.ctx, 20*time.Second)
		got := t.Bearer()
		if got == nil {
			got = t.Renew(wait, nil)
		}
		cancel()
		if got == nil {
			return fmt.Errorf("no OAuth 2.0 token for the %s: %s", name, t.Problem())
		}
		p.bearers[name] = t
	}
	return nil
}

func (p *probe) target(name string, e *buyers.Endpoint) (*transport.Target, error) {
	addr, server, tls := e.Request.Host()
	cfg := transport.TargetConfig{Name: name, Addr: addr, ServerName: server, TLS: tls,
		AllowPrivate: p.cfg.AllowPrivate}
	if p.cfg.TLS != nil {
		p.cfg.TLS(&cfg)
	}
	return p.client.Target(cfg)
}

// next is another person's lead, without the fields at drop.
func (p *probe) next(drop ...int) *lead.Lead {
	p.person++
	return buyers.Person(p.cfg.Lead, p.person, time.Now(), drop...)
}

// id makes an id that no other call of any probe has.
func (p *probe) id() lead.ID {
	p.calls++
	now := time.Now()
	var id lead.ID
	ms := uint64(now.UnixMilli())
	n := uint64(now.Nanosecond())<<16 | p.calls&0xffff
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	for i := range 8 {
		id[8+i] = byte(n >> (56 - 8*i))
	}
	id[6], id[7], id[8] = 0x70, byte(p.calls), id[8]&0x3f|0x80
	return id
}

// inputs are those of one call.
func (p *probe) inputs(l *lead.Lead) request.Inputs {
	in := p.cfg.Inputs
	in.Lead, in.LeadID, in.Attempt, in.Token, in.Now, in.Close = l, p.id(), lead.ID{}, nil, time.Now(), false
	if t := p.bearers["post"]; t != nil {
		in.Bearer = t.Bearer()
	}
	if in.Price = 0; p.cfg.Campaign.Fixed {
		in.Price = p.cfg.Campaign.Price
	}
	return in
}

// offer pings.
func (p *probe) offer(in *request.Inputs) (*result, error) {
	e := p.cfg.Campaign.Ping
	return p.do("ping", e, in, func(c *transport.Call) {
		c.Target = p.ping
		p.client.Scatter([]*transport.Call{c}, time.Now().Add(e.Timeout))
	})
}

// deliver posts, with what the ping's answer gave.
func (p *probe) deliver(in request.Inputs, bid *result) (*result, error) {
	in.Attempt, in.Close = p.id(), true
	if bid != nil {
		in.Token = bid.receipt.Token
		if bid.receipt.HasPrice && !p.cfg.Campaign.Fixed {
			in.Price = bid.receipt.Price
		}
	}
	return p.send(&in)
}

// send posts as the inputs are.
func (p *probe) send(in *request.Inputs) (*result, error) {
	return p.do("post", p.cfg.Campaign.Post, in, p.once)
}

func (p *probe) once(c *transport.Call) {
	c.Target = p.post
	p.client.PostOnce(c, time.Now().Add(p.cfg.Campaign.Post.Timeout))
}

// do renders, sends, reads and notes one call.
func (p *probe) do(name string, e *buyers.Endpoint, in *request.Inputs, send func(*transport.Call)) (*result, error) {
	if t := p.bearers[name]; t != nil {
		in.Bearer = t.Bearer()
	}
	if in.Cookies = nil; name == "post" {
		in.Cookies = p.cookies
	}
	req, err := e.Request.AppendHTTP(nil, in)
	if err != nil {
		return nil, err
	}
	shown, err := e.Request.AppendRedacted(nil, in)
	if err != nil {
		return nil, err
	}
	return p.raw(name, e, req, string(shown), send), nil
}

func (p *probe) raw(name string, e *buyers.Endpoint, req []byte, shown string, send func(*transport.Call)) *result {
	call := &transport.Call{Request: req, Timeout: e.Timeout, Cookies: name == "ping" &&
		p.cfg.Campaign.Post.Request.TakesCookies()}
	if send(call); call.Cookies {
		p.cookies = bytes.Clone(call.Jar)
	}
	r := &result{call: call}
	if call.Refusal != lead.NoRefusal {
		r.receipt.Refusal, r.receipt.Outcome = call.Refusal, lead.Unknown
	} else if call.Whole {
		r.receipt = e.Answer.ReadWhole(call.Status, call.Type, call.Body)
	} else {
		r.receipt = e.Answer.Read(call.Status, call.Type, call.Body)
	}
	p.last = append(p.last, Exchange{Call: name, Request: shown, Status: call.Status, Type: string(call.Type),
		Answer: string(call.Body), TookUS: call.Took.Microseconds(), Means: r.why()})
	return r
}

// bid pings for a lead, where the campaign pings; without a bid the case cannot go on.
func (p *probe) bid(in *request.Inputs) (bid *result, verdict Verdict, note string) {
	if p.ping == nil {
		return nil, "", ""
	}
	bid, err := p.offer(in)
	switch {
	case err != nil:
		return nil, Fail, "the ping cannot be rendered: " + err.Error()
	case bid.sold():
		return bid, "", ""
	case bid.no():
		return nil, Unclear, "no bid on the test lead: " + bid.why()
	}
	return nil, Fail, "the ping: " + bid.why()
}

// latencies sums up how long calls took.
func latencies(took []time.Duration) string {
	slices.Sort(took)
	at := func(percent int) string {
		return strconv.FormatFloat(float64(took[(len(took)-1)*percent/100].Microseconds())/1000, 'f', 1, 64)
	}
	return fmt.Sprintf("%d answers in ms: least %s, p50 %s, p90 %s, p99 %s, most %s", len(took), at(0), at(50), at(90),
		at(99), at(100))
}
