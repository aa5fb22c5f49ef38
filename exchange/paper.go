// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"clearpost/buyers"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
	"clearpost/wire/transport"
)

// Paper is a configuration that decides on paper: with the functions of a running exchange, but without its network,
// its counts and its ledger. What hangs on those is taken from a record, or assumed by whoever asks. It may be used by
// any goroutine; they take turns.
type Paper struct {
	mu   sync.Mutex
	e    *Exchange // of which nothing runs
	snap *Snapshot
}

// NewPaper puts a configuration on paper.
func NewPaper(cfg Config) (*Paper, error) {
	e := &Exchange{settling: newTurn(), wall: func() time.Time { return time.Time{} }, calls: silence{},
		log: slog.New(slog.DiscardHandler), carried: carried{turns: map[string]*atomic.Uint64{}},
		paused: switches{changing: newTurn(), by: map[string]*atomic.Bool{}, payers: map[string]*paying{}}}
	e.pings.New = func() any { return &Ping{} }
	snap, err := e.snapshotOf(cfg, paperCampaign)
	if err != nil {
		return nil, err
	}
	e.inForce.Store(snap)
	return &Paper{e: e, snap: snap}, nil
}

// silence makes no calls: each stays as it was made ready.
type silence struct{}

// Scatter implements Caller.
func (silence) Scatter([]*transport.Call, time.Time) {}

// ScatterUntil implements Caller.
func (silence) ScatterUntil([]*transport.Call, time.Time, transport.Listener) {}

// PostOnce implements Caller.
func (silence) PostOnce(*transport.Call, time.Time) {}

// paperCampaign is a campaign that is never paused, never limited and never called.
func paperCampaign(c *buyers.Campaign) (l *LiveCampaign, err error) {
	l = &LiveCampaign{Campaign: c, Tally: &Tally{}, off: &atomic.Bool{}, offAll: &atomic.Bool{}, hours: hoursOf(c),
		limits: &callLimits{}}
	if c.AsTest != nil {
		l.test, err = paperCampaign(c.AsTest)
	}
	return l, err
}

// again is the ping of a record as it stood when its campaigns were to be found: the values of the lead, who sent it,
// when, and what is known of repeats. It must be given back with Release.
func (p *Paper) again(h *history.History) (*Ping, error) {
	ev := h.Pinged
	s, v := p.snap.source[ev.Source], p.snap.Vertical(ev.Vertical)
	switch {
	case v == nil:
		return nil, fmt.Errorf("no vertical %q", ev.Vertical)
	case s == nil:
		return nil, fmt.Errorf("no source %q", ev.Source)
	}
	q := p.e.NewPing(p.snap, s.Source, v)
	q.Lead = *(&history.History{Pinged: ev}).Lead(v.Schema)
	q.SellerLeadID, q.MinPrice, q.ReceivedAt, q.id = ev.SellerLeadID, ev.MinPrice, ev.ReceivedAt, ev.Lead
	q.event = ledger.Pinged{Head: ev.Head, Mode: ev.Mode, Currency: v.Currency, ReceivedAt: ev.ReceivedAt,
		Resubmits: ev.Resubmits}
	q.event.Lead = h.ID
	if q.Test.On = ev.Test; ev.Test && ev.TestResult != "" && len(ev.Bids) == 0 {
		want, err := lead.ParseTestResult(ev.TestResult)
		if err != nil {
			p.e.Release(q)
			return nil, err
		}
		q.Test.Want = want
	}
	q.facts = rules.Facts{Lead: &q.Lead, Stage: lead.AtPing, Now: ev.At, Source: ev.Source,
		Errors: &p.e.Stats.ExpressionErrors}
	return q, nil
}

// bidAgain takes the bids of a record as the auction found them, and the turns of the lead.
func (p *Ping) bidAgain(ev *ledger.Pinged) {
	for i := range ev.Bids {
		b := ev.Bids[i]
		if b.Price > 0 && judged(b.Refusal) {
			if b.Allows > 0 {
				b.MaxSold = b.Allows
			}
			b.Refusal, b.Rank, b.Winner, b.Payout, b.Tier, b.Allows = lead.NoRefusal, 0, false, 0, "", 0
		}
		l := p.bidderOf(&b)
		switch {
		case l == nil:
			b.Refusal = lead.CampaignWithdrawn
		case b.Refusal == lead.Excluded, b.Refusal == lead.Territory:
		case !p.seated(l):
			b.Refusal = lead.NoTier
		}
		p.bids, p.bidders = append(p.bids, b), append(p.bidders, l)
	}
	if p.route == nil {
		return
	}
	for i, turn := range p.route.turns {
		if turn != nil && i < len(ev.Turns) {
			turn.Store(ev.Turns[i])
		}
	}
}

// bidderOf is the campaign of a recorded bid, nil if the configuration does not have it.
func (p *Ping) bidderOf(b *ledger.Bid) *LiveCampaign {
	if c := p.on.cfg.Book.Campaign(b.Campaign); c != nil && c.Vertical == p.Vertical.ID {
		return p.on.campaigns[c.Index]
	}
	return nil
}

// judged tells whether a bid with this refusal, and with a price, has been in the auction.
func judged(no lead.Refusal) bool {
	switch no {
	case lead.NoRefusal, lead.AboveCeiling, lead.BelowFloor, lead.NoTier, lead.NoSlot, lead.BuyerSoldAlready,
		lead.SameCompany, lead.Competitor, lead.Outbid:
		return true
	}
	return false
}

// hold has the auction of the bids that the ping has.
func (p *Paper) hold(q *Ping) {
	q.entries = q.entries[:0]
	p.e.judge(q, q.MinPrice)
	q.quote()
}
