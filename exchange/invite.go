// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"time"

	"clearpost/exchange/limits"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/wire/request"
)

// unrendered names why a request could not be made.
func unrendered(err error) lead.Refusal {
	if errors.Is(err, request.ErrUnmapped) {
		return lead.UnmappedValue
	}
	return lead.RenderFailed
}

// makeRoom makes room for the requests to all eligible campaigns. A list that grew by doubling would hold them two or
// three times over: those that are rendered already stay where they are.
func (p *Ping) makeRoom() {
	need := 0
	for _, ci := range p.eligible {
		need += int(p.on.campaigns[ci].asks.Load())
	}
	if need += need / 16; cap(p.requests) < need {
		p.requests = make([]byte, 0, need)
	}
}

// passedOver tells why a campaign is not looked at any further.
func (p *Ping) passedOver(l *LiveCampaign) lead.Refusal {
	switch {
	case !p.seated(l):
		return lead.NoTier
	case p.tooOld(l):
		return lead.TooOld
	}
	no := l.leftAlone()
	if no != lead.NoRefusal {
		l.PauseSkips.Add(1)
	}
	return no
}

// invite adds a campaign's bid: the list price, a call to make, or why it is not asked.
func (e *Exchange) invite(p *Ping, l *LiveCampaign, in *request.Inputs, wall time.Time) {
	p.bids = append(p.bids, ledger.Bid{Campaign: l.ID, Buyer: l.Buyer.ID, MaxSold: l.MaxSold})
	p.bidders = append(p.bidders, l)
	b := &p.bids[len(p.bids)-1]
	if b.Refusal = p.passedOver(l); b.Refusal != lead.NoRefusal {
		return
	}
	if l.Fixed {
		b.Price, b.Fixed = p.listPrice(l), l.Ping == nil
	}
	if no := p.full(l, b.Price, in.Now); no != lead.NoRefusal {
		b.Price, b.Fixed, b.Refusal = 0, false, no
		l.CapSkips.Add(1)
		return
	}
	if no := e.duplicate(p, l, b); no != lead.NoRefusal {
		b.Price, b.Fixed, b.Refusal = 0, false, no
		return
	}
	if l.Ping == nil {
		return
	}
	if no := p.spared(l, wall); no != lead.NoRefusal {
		b.Price, b.Refusal = 0, no
		return
	}
	if in.Bearer = l.pings.bearer(); in.Bearer == nil && l.pings.tokens != nil {
		b.Price, b.Refusal = 0, lead.AuthFailed
		l.AuthSkips.Add(1)
		return
	}
	leave, no := l.mayPing(wall)
	if no != lead.NoRefusal {
		b.Price, b.Refusal = 0, no
		return
	}
	at := len(p.requests)
	req, err := l.Ping.Request.AppendHTTP(p.requests, in)
	if err != nil {
		b.Refusal = unrendered(err)
		l.limits.breaker.End(leave, wall, limits.CallUntold)
		return
	}
	if no := e.countAsked(p, l, in.Now); no != lead.NoRefusal {
		b.Price, b.Refusal = 0, no
		l.CapSkips.Add(1)
		l.limits.breaker.End(leave, wall, limits.CallUntold)
		return
	}
	p.requests = req
	if n := int64(len(req) - at); n > l.asks.Load() {
		l.asks.Store(n)
	}
	c := &p.calls[len(p.live)]
	c.Reset()
	c.Target, c.Request, c.Timeout, c.Gate = l.pings.target, req[at:len(req):len(req)], l.Ping.Timeout, l.limits.gate
	c.Cookies = l.Post.Request.TakesCookies()
	p.live = append(p.live, c)
	p.asked = append(p.asked, asked{bid: int32(len(p.bids) - 1), pass: leave, bearer: in.Bearer})
	l.Asked.Add(1)
}
