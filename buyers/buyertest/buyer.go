// SPDX-License-Identifier: Apache-2.0

package buyertest

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"clearpost/lead"
)

// Buyer is one simulated buyer.
type Buyer struct {
	Script Script // read only
	Book   *Book

	seed    uint64
	plans   [2]plan
	calls   [2]atomic.Uint64
	bids    atomic.Uint64
	trapped atomic.Uint64
}

func newBuyer(s Script, seed uint64, books io.Writer) *Buyer {
	if s.Reference == nil {
		id := s.ID
		s.Reference = func(n uint64) string { return fmt.Sprintf("%s-%06d", id, n) }
	}
	if s.PriceDrop == 0 {
		s.PriceDrop = 300_000
	}
	for _, ep := range []Endpoint{Ping, Post} {
		if r := s.rule(ep); r.Format == nil {
			r.Format = FormatJSON
		}
	}
	b := &Buyer{Script: s, Book: newBook(books), seed: seedOf(seed, s.ID)}
	for f, p := range s.PingFaults {
		b.SetFault(Ping, f, p)
	}
	for f, p := range s.PostFaults {
		b.SetFault(Post, f, p)
	}
	return b
}

// SetFault makes a fault strike with this probability from now on; 0 ends it. Where the probabilities of an endpoint
// add up to more than 1, the earliest set win.
func (b *Buyer) SetFault(ep Endpoint, f Fault, probability float64) { b.plans[ep].set(f, probability) }

// FailNext makes a fault strike the next n calls, after those that earlier calls of FailNext have claimed.
func (b *Buyer) FailNext(ep Endpoint, f Fault, n int) { b.plans[ep].queue(f, n) }

// Heal ends all faults of both endpoints.
func (b *Buyer) Heal() {
	b.plans[Ping].clear()
	b.plans[Post].clear()
}

// Calls counts the requests that came whole to an endpoint.
func (b *Buyer) Calls(ep Endpoint) uint64 { return b.calls[ep].Load() }

// Bids counts the pings that were decided with yes.
func (b *Buyer) Bids() uint64 { return b.bids.Load() }

// Trapped counts the redirects that somebody followed.
func (b *Buyer) Trapped() uint64 { return b.trapped.Load() }

// answer decides, books and formats. It is given the answer to fill and returns how it is to be spoilt and after how
// long.
func (b *Buyer) answer(ctx *fasthttp.RequestCtx, ep Endpoint, a *Answer) (Fault, time.Duration) {
	s := &b.Script
	rule := s.rule(ep)
	n := b.calls[ep].Add(1)
	d := &dice{state: b.seed ^ uint64(ep+1)<<56 ^ mix(n)}
	fault := b.plans[ep].draw(d)
	wait := rule.Latency.draw(d)
	r := newRequest(ctx, s, ep)
	if s.Sure != nil && s.Sure(r) {
		fault = NoFault
	}
	dec := Decision{N: n}
	if ep == Ping {
		b.ping(r, d, &dec)
	} else {
		b.post(r, d, &dec, fault)
	}
	rule.Format(a, r, &dec)
	return fault, wait
}

func (b *Buyer) ping(r *Request, d *dice, dec *Decision) {
	rule := &b.Script.Ping
	rule.decide(r, d, dec, rule.price(r, d))
	if dec.Yes {
		dec.Token = makeToken(b.Script.TokenStyle, b.seed, dec.N, dec.Price)
		if rule.Alone > 0 {
			dec.Alone = (dec.Price * lead.Money(rule.Alone) / 100).FloorCents()
			dec.AloneToken = makeToken(b.Script.TokenStyle, b.seed, dec.N, dec.Alone)
		}
		b.bids.Add(1)
	}
}

func (b *Buyer) post(r *Request, d *dice, dec *Decision, fault Fault) {
	s := &b.Script
	price := s.Post.price(r, d)
	known := true
	if s.Token != "" {
		price, known = readToken(s.TokenStyle, b.seed, r.Get(s.Token))
	}
	s.Post.decide(r, d, dec, price)
	switch {
	case r.Lead == "" && s.Lead != "":
		dec.Yes, dec.Price, dec.Reason = false, 0, ReasonNoLead
	case !known:
		dec.Yes, dec.Price, dec.Reason = false, 0, ReasonBadToken
	}
	if fault == FaultPriceDrop && dec.Yes {
		dec.Price = (dec.Price - dec.Price.MulPPM(s.PriceDrop)).FloorCents()
	}
	rec := Receipt{Buyer: s.ID, Lead: r.Lead, Accepted: dec.Yes, Price: dec.Price, Reason: dec.Reason, At: time.Now()}
	if s.Person != "" {
		rec.Person = r.Get(s.Person)
	}
	if fault != NoFault {
		rec.Fault = fault.String()
	}
	if !fault.Booked() {
		rec.Accepted, rec.Price, rec.Reason = false, 0, ""
		dec.Yes = false
	}
	key := r.key(s.Key)
	if key != "" {
		if first, had := b.Book.repeated(key, &rec); had {
			dec.Yes, dec.Price, dec.Reason, dec.Reference = first.Accepted, first.Price, first.Reason, first.Reference
			return
		}
		if fault.Booked() {
			rec.key = key
		}
	}
	if first := b.Book.enter(s.Duplicates, &rec, s.Reference); first != nil {
		dec.Since = first.At
		rec.Reference = first.Reference
	}
	dec.Yes, dec.Price, dec.Reason, dec.Reference = rec.Accepted, rec.Price, rec.Reason, rec.Reference
}

// status answers what became of a lead: accepted, rejected, or nothing that this buyer knows.
func (b *Buyer) status(ctx *fasthttp.RequestCtx, a *Answer) {
	says := Decision{Reason: "unknown"}
	for _, r := range b.Book.Of(newRequest(ctx, &b.Script, Post).Lead) {
		if r.Accepted {
			says = Decision{Yes: true, Price: r.Price, Reference: r.Reference}
			break
		}
		if r.Reason != "" {
			says.Reason = r.Reason
		}
	}
	FormatJSON(a, &Request{Endpoint: Post}, &says)
}

func (r *Rule) price(req *Request, d *dice) lead.Money {
	lo, hi := r.Min, r.Max
	if r.Range != nil {
		lo, hi = r.Range(req)
	}
	lo, hi = lo/lead.Cent, max(lo, hi)/lead.Cent
	return (lo + lead.Money(d.below(uint64(hi-lo)+1))) * lead.Cent
}

func (r *Rule) decide(req *Request, d *dice, dec *Decision, price lead.Money) {
	dec.Yes = d.float() < r.Yes
	dec.Price = price
	reason := r.reason(d)
	if !dec.Yes {
		dec.Reason = reason
	}
	if r.Decide != nil {
		r.Decide(req, dec)
	}
	switch {
	case dec.Yes:
		dec.Reason = ""
	default:
		dec.Price = 0
		if dec.Reason == "" {
			dec.Reason = reason
		}
	}
}

func (r *Rule) reason(d *dice) string {
	total := 0
	for _, w := range r.Reasons {
		total += max(w.Weight, 0)
	}
	if total == 0 {
		return ReasonNo
	}
	x := int(d.below(uint64(total)))
	for _, w := range r.Reasons {
		if x -= max(w.Weight, 0); x < 0 {
			return w.Reason
		}
	}
	return ReasonNo
}
