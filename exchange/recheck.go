// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"clearpost/buyers"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// recheckPing computes again what a ping's event says: which campaigns want the lead and are open, which have a place
// in the plan, and the auction of the recorded bids. The result holds the auction; it must be released, and is nil
// where nothing could be computed.
func (p *Paper) recheckPing(h *history.History, c *Check) *Ping {
	ev, f := h.Pinged, &finder{check: c}
	if ev.Logic == 0 {
		c.unchecked("the lead was decided by a version that did not write down all that it decided by")
		return nil
	}
	if ev.Logic != Logic {
		c.unchecked("the lead was decided by version %d of the logic, and this is version %d: what differs may do so "+
			"by design", ev.Logic, Logic)
		return nil
	}
	q, err := p.again(h)
	if err != nil {
		f.differ("who and what", ev.Source+", "+ev.Vertical, err.Error())
		return nil
	}
	hidden := p.rereads(q, ev, f)
	now := ev.At
	if unasked(ev.Refusal) {
		q.no, q.details = ev.Refusal, ev.Details
	} else {
		q.awayAs = func(l *LiveCampaign) bool { return !slices.Contains(ev.Rights, l.ID) }
		p.e.find(q, now)
		same(f, "sole right", fmt.Sprint(ev.Rights), fmt.Sprint(slices.Clone(q.event.Rights)))
		if p.foundAgain(q, ev, hidden, f); q.Test.Want == lead.TestAny {
			q.enter()
			q.excluded.read(q.Source, q.Vertical, &q.Lead)
		}
	}
	if q.route != nil && meets(&q.route.uses, hidden) {
		c.unchecked("the plan: a tier is open by a value that is kept masked")
		return q
	}
	for i := range ev.Bids {
		p.bidAsOffered(q, h, &ev.Bids[i], hidden, f)
	}
	q.bidAgain(ev)
	p.hold(q)
	f.auction(q, ev)
	return q
}

// unasked tells whether a ping's refusal says that nobody was looked for, for a reason that hangs on state.
func unasked(no lead.Refusal) bool {
	return no == lead.LeadRepeated || no == lead.SourceFull || no == lead.VerticalFull
}

// rereads compares the values of the lead, and gives the positions of those that are kept masked only.
func (p *Paper) rereads(q *Ping, ev *ledger.Pinged, f *finder) (hidden lead.Positions) {
	for _, fields := range []ledger.Fields{ev.Fields, ev.Private.Fields} {
		for _, v := range fields {
			pos, ok := q.Lead.Schema().Position(v.Name)
			switch {
			case !ok:
				f.differ("field "+v.Name, "there", "the vertical has no such field")
			case lead.SSNMasked(v.Value):
				hidden.Add(pos)
			default:
				if now, _ := q.Lead.Recorded(pos); string(now) != v.Value {
					s := &q.Lead.Schema().Fields[pos]
					f.differ("field "+v.Name, lead.Mask(s, []byte(v.Value)), lead.Mask(s, now))
				}
			}
		}
	}
	return hidden
}

// foundAgain compares the campaigns that are found with those that the event has.
func (p *Paper) foundAgain(q *Ping, ev *ledger.Pinged, hidden lead.Positions, f *finder) {
	book := p.snap.cfg.Book
	recorded := map[string]bool{}
	for i := range ev.Bids {
		recorded[ev.Bids[i].Campaign] = true
	}
	for _, ci := range q.eligible {
		c := book.Campaigns[ci]
		if !recorded[c.ID] && !meets(needs(c), hidden) && !p.snap.passedBy(ev, c, &q.facts) {
			f.at(c.ID, 0)
			f.differ("eligible", "no", "yes: it meets all criteria and is open")
		}
		delete(recorded, c.ID)
	}
	for i := range ev.Bids {
		id := ev.Bids[i].Campaign
		if !recorded[id] {
			continue
		}
		delete(recorded, id)
		f.at(id, 0)
		if c := book.Campaign(id); c == nil || c.Vertical != ev.Vertical {
			f.differ("eligible", "yes", "no such campaign of the vertical")
		} else if ev.Bids[i].Held == lead.Closed && slices.Contains(q.shut, c.Index) {
			continue // it was closed, and lets leads wait
		} else if !meets(needs(c), hidden) {
			f.differ("eligible", "yes", "no: "+strings.Join(against(c, &q.facts, ev), "; "))
		}
	}
	f.at("", 0)
}

// needs are the fields that a campaign's criteria look at.
func needs(c *buyers.Campaign) *lead.Positions {
	var out lead.Positions
	for i := range c.Criteria {
		c.Criteria[i].AddUses(&out)
	}
	return &out
}

func meets(uses *lead.Positions, hidden lead.Positions) bool {
	for i := range uses {
		if uses[i]&hidden[i] != 0 {
			return true
		}
	}
	return false
}

// against is what keeps a campaign from being asked, by criteria and schedules.
func against(c *buyers.Campaign, facts *rules.Facts, ev *ledger.Pinged) []string {
	why, places := unmet(c, facts, true)
	if !ev.Test {
		for _, x := range c.Closed(ev.At) {
			why, places = append(why, x.Why), append(places, x.Place)
		}
	}
	for i := range why {
		why[i] += " (" + places[i] + ")"
	}
	return why
}

// bidAsOffered compares what of a bid hangs on nothing but the lead and the configuration.
func (p *Paper) bidAsOffered(q *Ping, h *history.History, b *ledger.Bid, hidden lead.Positions, f *finder) {
	l := q.bidderOf(b)
	if l == nil {
		return // it has been told
	}
	f.at(b.Campaign, b.Leg)
	same(f, "buyer", b.Buyer, l.Buyer.ID)
	brand := ""
	if b.Price > 0 {
		brand = b.Brand
	}
	bars := b.Refusal == lead.Excluded || b.Refusal == lead.Territory
	if barred := q.barred(l, brand); q.Test.Want == lead.TestAny && (bars || barred != lead.NoRefusal) {
		same(f, "refusal", b.Refusal, barred)
	}
	if bars {
		f.at("", 0)
		return
	}
	if old := q.tooOld(l); old != (b.Refusal == lead.TooOld) && (!old || b.Price > 0) {
		f.differ("too old", yes(!old), yes(old))
	}
	if b.Refusal == lead.DuplicateRule && !p.snap.ruled(l.Campaign, b.Rule) {
		f.differ("duplicate rule", b.Rule, "it has no such rule")
	}
	if no := b.Refusal == lead.NoTier; no == q.seated(l) {
		f.differ("place in the plan", yes(!no), yes(no))
	}
	own := b.MaxSold
	if b.Allows > 0 {
		own = b.Allows
	}
	if b.Leg == 0 {
		same(f, "max_sold", own, l.MaxSold)
	}
	if b.Price > 0 && l.Fixed {
		same(f, "list price", b.Price, q.listPrice(l))
	}
	f.rendered(p, h, q, b, l, hidden)
	f.at("", 0)
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// rendered compares whether the ping's request could be made.
func (f *finder) rendered(p *Paper, h *history.History, q *Ping, b *ledger.Bid, l *LiveCampaign,
	hidden lead.Positions) {
	failed := b.Refusal == lead.RenderFailed || b.Refusal == lead.UnmappedValue
	if l.Ping == nil || !failed && b.TookUS == 0 || l.Ping.Request != nil && meets(l.Ping.Request.Uses(), hidden) {
		return
	}
	_, err := p.e.pingAgain(p.snap, l.Campaign, h, &q.Lead)
	switch {
	case failed && err == nil:
		f.differ("request", b.Refusal.String(), "it can be made")
	case err != nil && !failed:
		f.differ("request", "made", unrendered(err).String()+": "+err.Error())
	case err != nil:
		same(f, "request", b.Refusal, unrendered(err))
	}
}

// auction compares what the auction came to, and the quote.
func (f *finder) auction(q *Ping, ev *ledger.Pinged) {
	for i := range ev.Bids {
		was, now := &ev.Bids[i], &q.bids[i]
		f.at(was.Campaign, was.Leg)
		same(f, "refusal", was.Refusal, now.Refusal)
		same(f, "rank", was.Rank, now.Rank)
		same(f, "winner", was.Winner, now.Winner)
		same(f, "payout", was.Payout, now.Payout)
		same(f, "tier", was.Tier, now.Tier)
		if was.Rank > 0 {
			same(f, "max_sold promised", was.MaxSold, now.MaxSold)
		}
	}
	f.at("", 0)
	now := &q.event
	same(f, "result", ev.Result, now.Result)
	same(f, "refusal", ev.Refusal, now.Refusal)
	same(f, "quote", ev.Price, now.Price)
	if !ev.ExpiresAt.Equal(now.ExpiresAt) {
		f.differ("quote until", ev.ExpiresAt.UTC().Format(time.RFC3339Nano),
			now.ExpiresAt.UTC().Format(time.RFC3339Nano))
	}
	if len(ev.Turns) > 0 || len(now.Turns) > 0 {
		same(f, "turns", fmt.Sprint(ev.Turns), fmt.Sprint(slices.Clone(now.Turns)))
	}
	same(f, "currency", ev.Currency, now.Currency)
	if ev.Learned != nil && now.Learned != nil {
		same(f, "would win by value", fmt.Sprint(ev.Learned.Would), fmt.Sprint(now.Learned.Would))
		same(f, "segment", ev.Learned.Segment, now.Learned.Segment)
	}
}
