// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"errors"
	"strings"
	"time"

	"clearpost/capstore"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// counters are the caps of one owner or several, by what they count.
type counters struct {
	held  []capstore.Counter // what an attempt holds: accepted leads, attempts, spend
	pings []capstore.Counter // bid requests; of sources and verticals, leads that come in
	spend bool               // some of held count money
	once  []rules.Unique     // duplicate rules
}

// counted binds caps, told apart by the fields of a schema.
func (e *Exchange) counted(c counters, caps []rules.Cap, s *lead.Schema) counters {
	for _, k := range caps {
		if s != nil {
			k, _ = k.In(s) // what is wrong was told when the configuration was read
		}
		n := e.store.Counter(k)
		e.carried.lookBack = e.carried.lookBack || n.LooksFurther()
		if k.Of == lead.OfPings {
			c.pings = append(c.pings, n)
			continue
		}
		c.held, c.spend = append(c.held, n), c.spend || k.Of == lead.OfSpend
	}
	return c
}

// countStanding binds the caps of those who have no campaigns of their own: sources, by vertical, verticals, and
// parents of buyers.
func (e *Exchange) countStanding(snap *Snapshot) {
	for _, v := range snap.vertical {
		v.counters = e.counted(counters{}, v.Caps, v.Schema).withRules(v.Uniques, v.Schema)
		for _, id := range snap.cfg.sourcesOf(v.ID) {
			s := snap.source[id]
			if len(s.Caps)+len(s.Uniques) > 0 {
				if v.sellers == nil {
					v.sellers = map[string]counters{}
				}
				v.sellers[id] = e.counted(counters{}, s.Caps, v.Schema).withRules(s.Uniques, v.Schema)
			}
		}
	}
	if len(snap.cfg.Parents) == 0 {
		return
	}
	above := ParentsOf(&snap.cfg)
	for _, l := range snap.campaigns {
		if v := snap.vertical[l.Vertical]; v != nil {
			for _, p := range above(l.Buyer) {
				l.counters = e.counted(l.counters, p.Caps, v.Schema).withRules(p.Uniques, v.Schema)
			}
		}
	}
}

// sourcesOf lists the sources that may send a vertical's leads.
func (c *Config) sourcesOf(vertical string) (ids []string) {
	for _, s := range c.Sources {
		for _, v := range s.Verticals {
			if v == vertical {
				ids = append(ids, s.ID)
			}
		}
	}
	return ids
}

// told is by what caps tell apart what they count: a lead, and whose it is.
type told struct {
	lead                    *lead.Lead
	source, buyer, campaign string
	post                    bool // what the lead does not say now it will not say
	scratch                 []byte
}

// by is the value by which a cap counts it; false where that is not known yet. It lives until the next call.
func (t *told) by(k *rules.Cap) ([]byte, bool) {
	if k.By == nil {
		return nil, true
	}
	t.scratch = t.scratch[:0]
	switch k.By.Kind {
	case rules.BySource:
		t.scratch = append(t.scratch, t.source...)
	case rules.ByBuyer:
		t.scratch = append(t.scratch, t.buyer...)
	case rules.ByCampaign:
		t.scratch = append(t.scratch, t.campaign...)
	default:
		if t.lead.Slot(k.By.Pos).State != lead.Valid {
			return nil, t.post
		}
		t.scratch = rules.AppendKey(t.scratch, t.lead, k.By.Pos)
	}
	if k.By.Kind == rules.ByField || len(t.scratch) > 0 {
		return t.scratch, true
	}
	return nil, false // nobody's yet
}

// room tells why one of some caps has no room for a lead at a price that may not be known yet.
func (t *told) room(list []capstore.Counter, price lead.Money, now time.Time) lead.Refusal {
	for _, c := range list {
		k := c.Cap()
		value, known := t.by(k)
		if !known {
			continue
		}
		n := int64(1)
		if k.Of == lead.OfSpend {
			n = max(int64(price), 1)
		}
		if no := c.Room(value, n, now); no != lead.NoRefusal {
			return no
		}
	}
	return lead.NoRefusal
}

// full tells why a campaign takes no lead like this one at the moment, by its caps, those of its buyer and its parents,
// and those of the lead's source and vertical that tell buyers apart.
func (p *Ping) full(l *LiveCampaign, price lead.Money, now time.Time) lead.Refusal {
	if len(l.counters.held)+len(l.counters.pings) == 0 && !p.standing() {
		return lead.NoRefusal
	}
	if p.Test.On || p.assumed != nil {
		return lead.NoRefusal
	}
	p.told = told{lead: &p.Lead, source: p.Source.ID, buyer: l.Buyer.ID, campaign: l.ID, scratch: p.told.scratch}
	if no := p.told.room(l.counters.held, price, now); no != lead.NoRefusal {
		return no
	}
	if no := p.told.room(l.counters.pings, 0, now); no != lead.NoRefusal {
		return no
	}
	v := p.index
	if no := p.told.room(v.counters.held, price, now); no != lead.NoRefusal {
		return no
	}
	return p.told.room(v.sellers[p.Source.ID].held, price, now)
}

// affords tells why a campaign cannot pay what it has bid, by budgets and balances.
func (p *Ping) affords(l *LiveCampaign, price lead.Money) lead.Refusal {
	v := p.index
	if price <= 0 || !l.counters.spend && !v.counters.spend && len(v.sellers) == 0 {
		return lead.NoRefusal
	}
	return p.full(l, price, p.event.At)
}

// standing tells whether the lead's source or vertical has caps.
func (p *Ping) standing() bool {
	v := p.index
	return len(v.counters.held)+len(v.counters.pings)+len(v.sellers) > 0
}

// admits tells whether the caps of the lead's source and vertical have room, whoever would buy it, and counts the lead
// where they count what comes in. A full one is told by number, since it is all that the seller hears.
func (e *Exchange) admits(p *Ping, now time.Time) lead.Refusal {
	if p.Test.On || !p.standing() {
		return lead.NoRefusal
	}
	v := p.index
	p.told = told{lead: &p.Lead, source: p.Source.ID, scratch: p.told.scratch}
	for i, c := range [...]counters{v.sellers[p.Source.ID], v.counters} {
		no := p.told.room(c.held, 0, now)
		if no == lead.NoRefusal {
			no = e.countPing(p, c.pings, now)
		}
		if no != lead.NoRefusal {
			return [...]lead.Refusal{lead.SourceFull, lead.VerticalFull}[i]
		}
	}
	return lead.NoRefusal
}

// countPing counts one ping for all of some caps, or tells which refuses it: then it counts for none. What is counted
// stands in the event. That the process is killed after its bid requests have gone out, and before the event is stored,
// leaves them uncounted: those of the pings that are under way.
func (e *Exchange) countPing(p *Ping, list []capstore.Counter, now time.Time) lead.Refusal {
	from := len(p.charges)
	for _, c := range list {
		value, known := p.told.by(c.Cap())
		if !known {
			continue
		}
		charge, no := c.Take(value, 1, now)
		if no != lead.NoRefusal {
			e.giveBack(p.charges[from:], ledger.NewID(now))
			p.charges = p.charges[:from]
			return no
		}
		p.charges = append(p.charges, charge)
	}
	return lead.NoRefusal
}

// countAsked counts a bid request for the caps that a campaign has on them.
func (e *Exchange) countAsked(p *Ping, l *LiveCampaign, now time.Time) lead.Refusal {
	if len(l.counters.pings) == 0 {
		return lead.NoRefusal
	}
	p.told = told{lead: &p.Lead, source: p.Source.ID, buyer: l.Buyer.ID, campaign: l.ID, scratch: p.told.scratch}
	return e.countPing(p, l.counters.pings, now)
}

// cameIn parts a ping's charges: those that count what comes in, and those that count bid requests. They are copies.
func cameIn(charges []lead.Charge) (in, asked []lead.Charge) {
	for _, c := range charges {
		if strings.HasPrefix(c.Cap, "source:") || strings.HasPrefix(c.Cap, "vertical:") {
			in = append(in, c)
		} else {
			asked = append(asked, c)
		}
	}
	return in, asked
}

// notStored takes a ping that the ledger has not taken out of the counts of what comes in, once that is known: its
// seller hears that it has consumed nothing. Its bid requests have gone out: they stay counted, and are written down as
// soon as the ledger takes events.
func (e *Exchange) notStored(ev *ledger.Pinged, err error) {
	in, asked := cameIn(ev.Charges)
	token, source := ev.EventID, ev.Source
	var unsure *ledger.Uncertain
	if errors.As(err, &unsure) {
		if len(in)+len(asked) == 0 {
			return
		}
		e.running.Go(func() {
			if stored, err := unsure.Stored(e.end); err == nil && !stored {
				e.giveBack(in, token)
				e.keepAsked(asked, source)
			}
		})
		return
	}
	e.giveBack(in, token)
	if len(asked) > 0 {
		e.running.Go(func() { e.keepAsked(asked, source) })
	}
}

// askedWait is for how long, once the exchange stops, bid requests of pings that are not in the ledger are still to be
// written down.
const askedWait = time.Second

// keepAsked writes down the bid requests of a ping that the ledger has not taken, so that the next start counts them. A
// process that ends before forgets them: those of the pings that were under way when the ledger failed.
func (e *Exchange) keepAsked(asked []lead.Charge, source string) {
	if len(asked) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(e.end)
	defer cancel()
	defer context.AfterFunc(e.stop, func() { time.AfterFunc(askedWait, cancel) })()
	snap, events := e.inForce.Load(), make([]ledger.Event, len(asked))
	for i, c := range asked {
		events[i] = &ledger.Adjusted{Head: snap.head(ledger.KindAdjusted, noLead, source, "", e.now()),
			Adjustment: ledger.AdjustImported, Subject: "cap:" + c.Cap, Charges: []lead.Charge{c}, By: byClearpost,
			Why: "bid requests of a ping that the ledger did not take"}
	}
	if err := e.led.Store(ctx, events...); err != nil {
		e.log.Error("bid requests of a ping that is not in the ledger are counted until the process ends only", "count",
			len(asked), "err", err)
	}
}

// giveBack takes pings back that were not made, by a token of their own.
func (e *Exchange) giveBack(charges []lead.Charge, token lead.ID) {
	if len(charges) == 0 {
		return
	}
	back := make([]lead.Charge, len(charges))
	for i, c := range charges {
		c.N = -c.N
		back[i] = c
	}
	e.recount(capstore.Change{Token: token, Charges: back})
}

// sumCharges joins what several campaigns of a buyer have counted in one window.
func sumCharges(all []lead.Charge) []lead.Charge {
	kept := all[:0]
next:
	for _, c := range all {
		for i := range kept {
			if kept[i].Cap == c.Cap && kept[i].Window == c.Window {
				kept[i].N += c.N
				continue next
			}
		}
		kept = append(kept, c)
	}
	return kept
}

// needs are what an attempt of a campaign at a price holds: of the caps of its own configuration, and of those of the
// one that is in force by now.
func (d *delivery) needs(l *LiveCampaign, p *ledger.Posting) (out []capstore.Need) {
	t := told{source: p.Source, buyer: p.Buyer, campaign: p.Campaign, post: true}
	d.eachCounters(l, func(all *counters, as *lead.Lead) {
		t.lead = as
		for _, c := range all.held {
			value, _ := t.by(c.Cap())
			n := int64(1)
			if c.Cap().Of == lead.OfSpend {
				n = int64(p.Price)
			}
			out = append(out, capstore.Need{Counter: c, Value: string(value), N: n})
		}
	})
	return out
}

// eachCounters calls fn with the caps and duplicate rules of a campaign and of the lead's source and vertical, and with
// those of the configuration in force, where that is another one; and with the lead as their schema has it, of which
// they know the positions.
func (d *delivery) eachCounters(l *LiveCampaign, fn func(*counters, *lead.Lead)) {
	now := d.e.inForce.Load()
	for _, snap := range []*Snapshot{d.on, now} {
		if c := snap.cfg.Book.Campaign(l.ID); c != nil && snap != d.on {
			if v := snap.vertical[c.Vertical]; v != nil {
				fn(&snap.campaigns[c.Index].counters, d.restated(v.Schema))
			}
		} else if snap == d.on {
			fn(&l.counters, d.l)
		}
		if v := snap.vertical[d.v.ID]; v != nil {
			as := d.restated(v.Schema)
			fn(&v.counters, as)
			if s, ok := v.sellers[d.history.Pinged.Source]; ok {
				fn(&s, as)
			}
		}
		if now == d.on {
			return
		}
	}
}

// restated is the lead by the fields of a schema: its own, or that of a configuration that came into force since.
func (d *delivery) restated(s *lead.Schema) *lead.Lead {
	if s == d.l.Schema() {
		return d.l
	}
	if d.other == nil || d.other.Schema() != s {
		d.other = &lead.Lead{}
		d.other.Reset(s)
		d.other.SetNow(d.history.Pinged.ReceivedAt)
		for _, personal := range [...]bool{false, true} {
			fields, raw := ledger.FieldsOf(d.l, personal, nil)
			history.Fill(d.other, fields, raw)
		}
		d.other.Complete()
	}
	return d.other
}

// kept stands for a store that keeps by itself what it counts.
type kept struct{}

func (kept) SetCount(string, string, int64) {}
func (kept) Fill(string, string, int64)     {}
func (kept) Restore(capstore.Restored)      {}

func (kept) Before(func(*capstore.Mark, lead.ID, time.Time) (lead.ID, bool, error)) {}
