// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"slices"
	"time"
	"unicode/utf8"

	"clearpost/auction"
	"clearpost/auction/value"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// factorsMax is how many factors a bid has at most.
const factorsMax = 4

// weigh finds what the bids in the auction are worth beside their prices, where the vertical learns: by what was
// recorded of a bid of the past, else by what is known now. Where it only observes, they go on ranking by price.
func (e *Exchange) weigh(p *Ping) {
	v := p.Vertical.Learned
	if v == nil || v.Mode == value.Off || len(p.entries) == 0 {
		return
	}
	var known *value.Tables
	if all := e.learned.tables.Load(); all != nil {
		known = (*all)[p.Vertical.ID]
	}
	p.segment = v.segmentOf(p)
	p.learned = ledger.Learned{Mode: v.Mode.String(), Segment: view(p.segment), Explores: v.Explores(p.id),
		Would: p.learned.Would[:0]}
	p.event.Learned = &p.learned
	p.factors = slices.Grow(p.factors[:0], factorsMax*len(p.entries))
	for i := range p.entries {
		entry := &p.entries[i]
		b := &p.bids[entry.Ref]
		if known != nil && len(b.Factors) == 0 {
			est := known.Of(b.Campaign, p.learned.Segment, v.Band(b.Price))
			f := v.Factors(est, p.learned.Explores, p.event.Mode == ledger.ModeLead)
			l := p.bidders[entry.Ref]
			f.Weight = f.Weight * l.Multiplier / value.One * l.unused(&v.Rules, p.event.At) / value.One
			p.note(b, f)
		}
		if v.Mode == value.On {
			p.value(entry, b)
		}
	}
}

// unused is what a campaign's bids are multiplied by, in ppm, for what is unused of its caps: of the one that it lags
// behind least. Caps without an end, those of days that count together, of attempts and pings, and those that tell
// values apart do not take part.
func (l *LiveCampaign) unused(r *value.Rules, now time.Time) int64 {
	if r.UnusedCap <= 0 {
		return value.One
	}
	least := int64(0)
	for _, c := range l.counters.held {
		w := c.Cap()
		if w.Window.Per == rules.Total || w.Days > 1 || w.By != nil || w.Of == lead.OfAttempts {
			continue
		}
		used, limit := c.Left(nil, now)
		s := w.Window.Around(now)
		x := r.Unused(used, limit, int64(s.End.Sub(now)), int64(s.End.Sub(s.Start)))
		if least == 0 || x < least {
			least = x
		}
	}
	return max(least, value.One)
}

// note writes factors into a bid.
func (p *Ping) note(b *ledger.Bid, f value.Factors) {
	at := len(p.factors)
	p.factors = append(p.factors, f.Accept, f.Kept, f.Paid)
	if f.Weight != value.One {
		p.factors = append(p.factors, f.Weight)
	}
	b.Factors, b.LastResort = p.factors[at:len(p.factors):len(p.factors)], f.Last
}

// value has a bid rank by what it is worth.
func (p *Ping) value(entry *auction.Bid, b *ledger.Bid) {
	if len(b.Factors) > 0 {
		entry.Value = worthOf(b)
	}
	if b.LastResort {
		entry.Standing = auction.SlowPayer
	}
}

// worthOf is what a bid is worth by its recorded factors.
func worthOf(b *ledger.Bid) lead.Money { return auction.Value(b.Price, b.Factors...) }

// observe finds who would have won by value, where bids have ranked by price and values are only observed.
func (p *Ping) observe() {
	if p.event.Learned == nil || p.learned.Mode != value.Observe.String() {
		return
	}
	p.valued = append(p.valued[:0], p.entries...)
	for i := range p.valued {
		p.value(&p.valued[i], &p.bids[p.valued[i].Ref])
	}
	auction.Run(p.valued, p.terms, &p.would)
	for _, o := range p.would.Order {
		if b := &p.bids[p.valued[o.Bid].Ref]; o.Winner {
			p.learned.Would = append(p.learned.Would, ledger.Would{Campaign: b.Campaign, Leg: b.Leg})
		}
	}
}

// segment is the segment of the lead, empty where nothing is learned of it.
func (d *delivery) segment() string {
	if x := d.history.Pinged.Learned; x != nil {
		return x.Segment
	}
	return ""
}

// segmentOf is the segment of a lead: the values of its parts, joined by a bar; empty where none has one.
func (v *Valuation) segmentOf(p *Ping) []byte {
	out, some := p.segment[:0], false
	for i, part := range v.Segment {
		if i > 0 {
			out = append(out, '|')
		}
		at := len(out)
		if part.Source {
			out = append(out, p.Source.ID...)
		} else {
			out = append(out, p.Lead.Normal(part.Field)...)
		}
		some = some || len(out) > at
	}
	if !some {
		return out[:0]
	}
	end := len(out)
	if end > value.SegmentBytesMax {
		for end = value.SegmentBytesMax; !utf8.RuneStart(out[end]); end-- {
		}
	}
	return out[:end]
}
