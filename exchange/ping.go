// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// NewPing hands out an empty Ping: its trip runs on the view, to which the source and the vertical belong.
func (e *Exchange) NewPing(on *Snapshot, s *Source, v *Vertical) *Ping {
	p := e.pings.Get().(*Ping)
	p.on, p.Source, p.Vertical, p.index = on, s, v, on.vertical[v.ID]
	p.Lead.Reset(v.Schema)
	return p
}

// Release takes a Ping back.
func (e *Exchange) Release(p *Ping) {
	p.trim()
	*p = Ping{Lead: p.Lead, excluded: excludes{names: p.excluded.names[:0]}, rights: p.rights[:0],
		rightIDs: p.rightIDs[:0], eligible: p.eligible[:0], bids: p.bids[:0], bidders: p.bidders[:0],
		calls: p.calls, live: p.live[:0], asked: p.asked[:0], requests: p.requests[:0], entries: p.entries[:0],
		result: p.result, scratch: p.scratch, charges: p.charges[:0], known: p.known[:0],
		told: told{scratch: p.told.scratch}, turns: p.turns[:0], prospects: p.prospects[:0], slow: p.slow[:0],
		shut:    p.shut[:0],
		segment: p.segment[:0], factors: p.factors[:0], valued: p.valued[:0], would: p.would,
		learned: ledger.Learned{Would: p.learned.Would[:0]}}
	e.pings.Put(p)
}

// Ping asks all buyers that may want the lead at once and answers with a quote or a failure. Without a Fault the answer
// is durable. A Fault consumed nothing.
func (e *Exchange) Ping(p *Ping) (Reply, *Fault) {
	begin := e.begin(p)
	if f := e.admit(p, lead.AtPing); f != nil {
		return Reply{}, f
	}
	if p.IdempotencyKey != "" {
		held := e.claims.In()
		defer held.Release()
		use := keyUse{p.Source, p.Vertical, ledger.ModePing, p.IdempotencyKey, p.BodyHash, noLead}
		if reply, f := e.claimKey(held, use, &underWay{}); f != nil {
			return Reply{}, f
		} else if reply != nil {
			return *reply, nil
		}
	}
	p.identify()
	f := e.recognise(p, noLead)
	switch {
	case f != nil:
	case p.shares():
		f = e.share(p, begin)
	default:
		f = e.ask(p, begin)
	}
	if f != nil {
		return Reply{}, f
	}
	e.rememberUnnamed(p)
	return p.reply, nil
}

// begin is when the ping came, by the wall clock.
func (e *Exchange) begin(p *Ping) time.Time { return e.wall().Add(-p.Waited) }

// admit says no to what cannot be taken at all.
func (e *Exchange) admit(p *Ping, stage lead.Stage) *Fault {
	if err := e.Available(); err != nil {
		return unavailable(err)
	}
	if p.on.source[p.Source.ID].paused.Load() {
		return sourcePaused()
	}
	if !p.Lead.OK(stage) {
		return &Fault{Kind: FaultInvalid, Code: "invalid_lead", Message: "the lead has values that cannot be used",
			Errors: p.Lead.Problems(stage)}
	}
	return nil
}
