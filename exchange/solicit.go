// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"math/bits"
	"time"

	"clearpost/auction"
	"clearpost/exchange/limits"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/wire/request"
	"clearpost/wire/transport"
)

// ownTime is the part of a seller's max_wait_ms that buyers do not get: for the ledger and for the way back. They get
// one half at least.
const ownTime = 20 * time.Millisecond

// patience is how long buyers have to bid, from the lead's arrival: the vertical's time, or less if the seller of a
// ping does not wait so long. A one-shot lead's trip goes on behind the seller's back, with all its time.
func (p *Ping) patience() time.Duration {
	if p.MaxWait <= 0 || p.event.Mode == ledger.ModeLead {
		return p.Vertical.PingDeadline
	}
	return min(p.Vertical.PingDeadline, max(p.MaxWait-ownTime, p.MaxWait/2))
}

// solicit finds the campaigns that want the lead and asks those that bid by ping, all at once or tier by tier. Their
// time counts from when the lead came: begin, by the wall clock.
func (e *Exchange) solicit(p *Ping, now, begin time.Time) {
	if e.find(p, now); len(p.eligible) == 0 {
		return
	}
	p.begun, p.until = begin, begin.Add(p.patience())
	e.readyCalls(p, now)
	switch {
	case p.Test.On:
		wall := e.wall()
		p.lap = p.until
		e.inviteTest(p, &p.inputs, wall)
		e.listen(p, 0)
	case p.route != nil && p.route.TierByTier:
		e.askByTier(p)
	default:
		wall := e.wall()
		p.lap = p.until
		for _, ci := range p.eligible {
			e.invite(p, p.on.campaigns[ci], &p.inputs, wall)
		}
		e.listen(p, 0)
	}
	if len(p.live) > 0 {
		e.tellBids(p)
	}
}

// readyCalls makes ready what the calls are made of.
func (e *Exchange) readyCalls(p *Ping, now time.Time) {
	limit := p.enter()
	p.exclude()
	if cap(p.calls) < len(p.eligible) {
		p.calls = make([]transport.Call, len(p.eligible))
	}
	p.calls = p.calls[:cap(p.calls)]
	p.inputs = request.Inputs{Lead: &p.Lead, LeadID: p.id, Source: p.Source.ID, SourceName: p.Source.Name,
		Vertical: p.Vertical.ID, Left: limit, Test: p.Test.On, Now: now}
	p.makeRoom()
	p.favour()
}

// listen makes the calls that were prepared since, and makes bids or refusals of their ends.
func (e *Exchange) listen(p *Ping, from int) {
	if len(p.live) == from && !e.askTheSlow(p) {
		return
	}
	start := e.wall()
	if p.Vertical.Economy.CloseEarly && !p.Test.On {
		p.closer = closer{e, p, from, start}
		e.calls.ScatterUntil(p.live[from:], p.lap, &p.closer)
	} else {
		e.calls.Scatter(p.live[from:], p.lap)
	}
	end := e.wall()
	p.waited += end.Sub(start)
	for i := from; i < len(p.live); i++ {
		if !p.asked[i].ended {
			e.callEnded(p, i, end)
		}
	}
}

// askTheSlow asks those that were skipped as too slow where nobody else is asked: a bid that may come late is better
// than none, and if all are slow it is perhaps our own doing. It tells whether there is a call.
func (e *Exchange) askTheSlow(p *Ping) bool {
	if len(p.live) > 0 || !p.Vertical.Economy.SkipSlow {
		return false
	}
	kept := 0
	p.slow = p.slow[:0]
	for i := range p.bids {
		if p.bids[i].Refusal == lead.TooSlow {
			p.slow = append(p.slow, p.bidders[i])
			p.bidders[i].SlowSkips.Add(-1)
			continue
		}
		p.bids[kept], p.bidders[kept] = p.bids[i], p.bidders[i]
		kept++
	}
	if len(p.slow) == 0 {
		return false
	}
	p.bids, p.bidders = p.bids[:kept], p.bidders[:kept]
	wall := e.wall()
	p.patient = true
	for _, l := range p.slow {
		e.invite(p, l, &p.inputs, wall)
	}
	p.patient = false
	return len(p.live) > 0
}

// callEnded makes a bid or a refusal of the end of a call, and learns from it.
func (e *Exchange) callEnded(p *Ping, i int, now time.Time) {
	a, c := &p.asked[i], p.live[i]
	a.ended = true
	l := p.bidders[a.bid]
	no := e.hear(p, &p.bids[a.bid], l, c, a.bearer)
	v := limits.VerdictOf(no)
	if no == lead.TimedOut && p.hurried(l, c) {
		v = limits.CallUntold
	}
	l.limits.breaker.End(a.pass, now, v)
	switch v {
	case limits.CallBad:
		l.pingsWell.note(e, l, "pings", no, now)
	case limits.CallGood:
		l.pingsWell.note(e, l, "pings", lead.NoRefusal, now)
		l.Latency.add(c.Took)
	}
	l.usual.note(c)
}

// hurried tells whether a call that timed out had less time than its campaign and the vertical give it, since the
// seller or the plan gave it less. That says nothing of its buyer.
func (p *Ping) hurried(l *LiveCampaign, c *transport.Call) bool {
	return p.lap.Before(p.begun.Add(p.Vertical.PingDeadline)) && (l.Ping.Timeout == 0 || c.Took < l.Ping.Timeout)
}

// askByTier asks the campaigns of one tier after the other, each in the first tier that it is in and that is open,
// until one can sell. Campaigns of a later tier then have no bid, but those whose price is known without a call: they
// stand by.
func (e *Exchange) askByTier(p *Ping) {
	var some uint64 // tiers that somebody is in
	for _, ci := range p.eligible {
		l := p.on.campaigns[ci]
		if t := p.firstTier(l); t >= 0 {
			some |= 1 << t
			continue
		}
		e.invite(p, l, &p.inputs, p.begun) // it has no tier
	}
	for some != 0 {
		tier := bits.TrailingZeros64(some)
		some &^= 1 << tier
		wall, from := e.wall(), len(p.live)
		p.lapTier, p.lapsMore = tier, some != 0
		p.lap = p.lapEnd(tier, bits.OnesCount64(some), wall)
		for _, ci := range p.eligible {
			if l := p.on.campaigns[ci]; p.firstTier(l) == tier {
				e.invite(p, l, &p.inputs, wall)
			}
		}
		e.listen(p, from)
		if some != 0 && p.sellsBy(tier) {
			e.Stats.TiersSpared.Add(int64(bits.OnesCount64(some)))
			e.inviteListed(p, some)
			return
		}
	}
}

// lapEnd is until when a tier's buyers may answer, where so many tiers are left behind it: its share of the whole time,
// or an even part of what is left. The last one has all that is left.
func (p *Ping) lapEnd(tier, behind int, wall time.Time) time.Time {
	left := p.until.Sub(wall)
	if behind == 0 || left <= 0 {
		return p.until
	}
	own := left / time.Duration(behind+1)
	if share := p.route.share(tier); share > 0 {
		own = p.until.Sub(p.begun) * time.Duration(share) / 100
	}
	return wall.Add(min(own, left))
}

// firstTier is the first tier that is open to the lead and has the campaign, -1 if there is none.
func (p *Ping) firstTier(l *LiveCampaign) int { return p.route.firstTier(l.Index, p.closed) }

// sellsBy tells whether a tier up to this one can sell the lead, by the bids so far.
func (p *Ping) sellsBy(tier int) bool {
	p.enterBids()
	t := p.termsOf(p.MinPrice)
	t.Closed |= ^uint64(0) << (tier + 1)
	auction.Run(p.entries, t, &p.result)
	p.entries = p.entries[:0]
	return p.result.Tier >= 0
}

// inviteListed adds the bids of those campaigns of some tiers that nobody need be asked about.
func (e *Exchange) inviteListed(p *Ping, tiers uint64) {
	wall := e.wall()
	for _, ci := range p.eligible {
		l := p.on.campaigns[ci]
		if t := p.firstTier(l); t >= 0 && tiers>>t&1 == 1 && l.Ping == nil {
			e.invite(p, l, &p.inputs, wall)
		}
	}
}
