// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"clearpost/buyers"
	"clearpost/capstore"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/queue"
)

// A lead that nobody has bought waits where a campaign's `defer` says so and its source lets it. What it waits for, and
// until when, stands in its event `deferred`, which is the answer of the trip; wake.go makes the next trip of it. Only
// leads wait of which no attempt is, or may be, a sale.

// QueuePolicy is what a source has become of its leads that could be delivered later.
type QueuePolicy uint8

// The policies.
const (
	QueueWaits QueuePolicy = iota // its seller waits for the end as long as for any, and hears `pending` then
	QueueTells                    // its seller hears `queued` at once
	QueueNever                    // its leads are not queued
)

// wait notes that a bid is waited for, if its campaign does that for this reason. after is what the buyer has asked for
// in Retry-After; how is how its attempt ended, OutcomeNone: it had none.
func (d *delivery) wait(b *ledger.Bid, no lead.Refusal, how *ledger.Posted) {
	c := d.on.cfg.Book.Campaign(b.Campaign)
	if c == nil || c.Defer == nil || !d.mayWait() || meets(c.Post.Request.Uses(), d.unkept()) {
		return
	}
	after := time.Duration(0)
	switch {
	case how != nil && !c.Defer.ForNow(how.Outcome, how.Refusal, how.Reason, how.Status), how == nil &&
		!c.Defer.WaitsOut(no):
		return
	case how != nil:
		no, after = how.Refusal, time.Duration(how.RetryAfterS)*time.Second
	}
	now := micros(d.e.now())
	w := ledger.Wait{Campaign: c.ID, Buyer: b.Buyer, Leg: b.Leg, Refusal: no,
		Attempts: d.history.AttemptsOf(c.ID, b.Leg), Until: micros(d.received().Add(c.Defer.For))}
	if !b.Expires.IsZero() && b.Expires.Before(w.Until) {
		w.Until = micros(b.Expires)
	}
	if w.Attempts >= c.Defer.Tries {
		if w.Quarantined = c.Defer.Quarantine; !w.Quarantined {
			return
		}
		w.Due = w.Until
	} else {
		w.Due = micros(d.due(d.on.campaigns[c.Index], b, &w, how != nil, after, now))
	}
	if !w.Until.After(now) || !w.Quarantined && !w.Due.Before(w.Until) {
		return // its time is over before its next turn
	}
	d.keepWaiting(w, c)
}

// received is when the whole lead came: the history has no post that comes in with this trip.
func (d *delivery) received() time.Time {
	if !d.came.IsZero() {
		return d.came
	}
	return d.history.Received()
}

// unkept are the fields of the lead whose values the ledger does not keep whole: who asks for them cannot have the lead
// later.
func (d *delivery) unkept() lead.Positions {
	out := d.masked
	for i := range d.l.Len() {
		if d.l.Slot(i).State == lead.Missing {
			continue
		}
		if v, _ := d.l.Recorded(i); lead.SSNMasked(string(v)) {
			out.Add(i)
		}
	}
	return out
}

// mayWait tells whether the lead may be queued at all.
func (d *delivery) mayWait() bool {
	return d.policy().holds && d.src != nil && d.src.Queue != QueueNever && d.history.Sold() == 0
}

func (d *delivery) keepWaiting(w ledger.Wait, c *buyers.Campaign) {
	same := func(o ledger.Wait) bool { return o.Campaign == w.Campaign && o.Leg == w.Leg }
	if i := slices.IndexFunc(d.waits, same); i >= 0 {
		d.waits[i] = w
	} else {
		d.waits = append(d.waits, w)
	}
	d.holding = d.holding || c != nil && c.Defer != nil && c.Defer.BeforeOthers
}

// waitNoMore takes back that the bids of a request are waited for.
func (d *delivery) waitNoMore(o *outbound) {
	waits := d.waits
	d.waits, d.holding = nil, false
	for _, w := range waits {
		if w.Campaign != o.live.ID || !slices.ContainsFunc(o.bids, func(b *ledger.Bid) bool { return b.Leg == w.Leg }) {
			d.keepWaiting(w, d.on.cfg.Book.Campaign(w.Campaign))
		}
	}
}

// notYet tells whether a bid is waited for and its turn has not come: it is waited for as before.
func (d *delivery) notYet(b *ledger.Bid) bool {
	w := d.history.WaitsFor(b)
	if w == nil || !d.woken.Before(w.Due) || !d.mayWait() {
		return false
	}
	d.keepWaiting(*w, d.on.cfg.Book.Campaign(b.Campaign))
	return true
}

// passes tells whether a bid has no turn: it has had its attempt, is of another tier than the one that has sold the
// lead, or is waited for.
func (d *delivery) passes(b *ledger.Bid) bool {
	return d.history.TriedBefore(b) || d.tier != "" && b.Tier != d.tier || d.notYet(b)
}

// due is when a bid has its next turn.
func (d *delivery) due(l *LiveCampaign, b *ledger.Bid, w *ledger.Wait, tried bool, after time.Duration,
	now time.Time) time.Time {
	f := l.Defer
	spread := time.Duration(rand.Float64() * float64(f.Spread))
	switch {
	case tried:
		pause := f.After
		for i := 1; i < w.Attempts && pause < f.Most; i++ {
			pause *= 2
		}
		return now.Add(max(about(min(pause, f.Most), f), after))
	case w.Refusal == lead.Closed:
		if at, ok := l.opens(now); ok {
			return at.Add(spread)
		}
		return w.Until
	case w.Refusal == lead.CapReached || w.Refusal == lead.BudgetSpent:
		if at, ok := d.capsOpen(l, b, now); ok {
			return at.Add(spread)
		}
		return now.Add(about(f.Most, f))
	case w.Refusal == lead.Paused || w.Refusal == lead.Unpaid:
		return now.Add(about(f.Most, f))
	}
	return now.Add(about(f.After, f))
}

// about is a time with the campaign's share of chance in it, so that leads that began to wait together do not come back
// together.
func about(t time.Duration, f *buyers.Defer) time.Duration {
	return t + time.Duration(float64(t)*float64(f.Jitter)/100*(2*rand.Float64()-1))
}

// opens is when the campaign is open next; false: never.
func (l *LiveCampaign) opens(now time.Time) (time.Time, bool) {
	if l.hours == nil {
		return now, true
	}
	at := now
	for range 100 { // of its own hours and its buyer's
		next := at
		for _, s := range l.hours.of {
			t, ok := s.Next(next)
			if !ok {
				return now, false
			}
			next = t
		}
		if next.Equal(at) {
			return at, true
		}
		at = next
	}
	return now, false
}

// capsOpen is when all caps that are full now count anew; false: never, or nobody can tell.
func (d *delivery) capsOpen(l *LiveCampaign, b *ledger.Bid, now time.Time) (at time.Time, ok bool) {
	t := told{source: d.history.Pinged.Source, buyer: b.Buyer, campaign: l.ID, post: true}
	never := false
	d.eachCounters(l, func(c *counters, as *lead.Lead) {
		t.lead = as
		for _, n := range c.held {
			if t.room([]capstore.Counter{n}, b.Price, now) == lead.NoRefusal {
				continue
			}
			k := n.Cap()
			if k.Window.Zone == nil {
				never = true
			} else if end := k.Window.Around(now).End; end.After(at) {
				at = end
			}
		}
	})
	return at, !never && !at.IsZero() && at.Year() < 9000
}

// tooOld tells whether a lead that has waited, or is offered anew, is older than a campaign takes.
func (d *delivery) tooOld(c *buyers.Campaign) bool {
	at := d.woken
	if at.IsZero() {
		if d.history.Pinged.Resubmits == nil {
			return false
		}
		at = d.history.Pinged.At
	}
	if was := d.history.Waiting; was != nil && was.By != "" { // a person has moved it, or has it tried again
		for i := range was.Waits {
			if w := &was.Waits[i]; w.Campaign == c.ID && d.woken.Before(w.Until) {
				return false
			}
		}
	}
	return micros(at).Sub(d.received()) >= c.AgeMost(d.v.PingTTL)
}

// deferral is the event of a lead that waits, nil if it does not.
func (d *delivery) deferral() *ledger.Deferred {
	if len(d.waits) == 0 || d.unknown || !d.mayWait() || d.history.Open() {
		return nil
	}
	slices.SortStableFunc(d.waits, func(a, b ledger.Wait) int { return a.Due.Compare(b.Due) })
	now := micros(d.e.now())
	ev := &ledger.Deferred{Head: d.head(ledger.KindDeferred, now), Said: lead.ResultPending, Since: now,
		Due: d.waits[0].Due, Waits: d.waits, Tried: d.tried, Left: d.history.Place()}
	ev.Woken = d.wokenAt()
	if d.src.Queue == QueueTells {
		ev.Said = lead.ResultQueued
	}
	if was := d.history.Waiting; was != nil {
		ev.Said, ev.Since = was.Said, was.Since
	}
	for _, b := range d.history.Pinged.Bids {
		if b.Campaign == d.waits[0].Campaign && b.Leg == d.waits[0].Leg {
			ev.Price = b.Price
		}
	}
	ev.Private.Person, ev.Private.Also = d.who.Person, d.who.Also
	return ev
}

// enqueue writes down that the lead waits, and gives that answer. While nobody can tell whether it is written the
// seller waits: it may not hear that nothing was taken of a lead that is sold later.
func (d *delivery) enqueue(ev *ledger.Deferred) (Reply, *Fault) {
	if d.post != nil {
		ev.Post, ev.Private = d.post, d.private
	}
	err, unsure := d.append(ev), (*ledger.Uncertain)(nil)
	if errors.As(err, &unsure) {
		if stored, late := unsure.Stored(d.e.end); late == nil && stored {
			err = nil
			d.appended()
		}
	}
	if err != nil {
		return d.broken(err)
	}
	d.post = nil
	d.history.Add(ev)
	d.e.forget(d.history.ID)
	d.e.wakes.tell()
	if d.src.Queue == QueueWaits && ev.Due.Before(d.patience) {
		d.end = d.e.awaited.begin(d.history.ID)
	}
	r := replyOf(d.history)
	r.SellerLeadID = d.seller
	return r, nil
}

// micros is a time as events have it.
func micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// wokenAt is what the first event of a waking says, nil in all others.
func (d *delivery) wokenAt() *time.Time {
	if d.woken.IsZero() || d.wokenTold {
		return nil
	}
	d.wokenTold = true
	at := d.woken
	return &at
}

// retryAfter is what an answer's header asks for, in seconds.
func retryAfter(status int, header []byte, now time.Time) int64 {
	if len(header) == 0 {
		return 0
	}
	return int64(min(queue.Judge(status, string(header), now).After, buyers.DeferForMost) / time.Second)
}

// masked are the fields of which the ledger keeps less than was sent.
func masked(h *history.History, s *lead.Schema) (out lead.Positions) {
	for _, fields := range []ledger.Fields{h.Pinged.Fields, h.Pinged.Private.Fields, h.Private.Fields} {
		for _, x := range fields {
			if pos, ok := s.Position(x.Name); ok && lead.SSNMasked(x.Value) {
				out.Add(pos)
			}
		}
	}
	return out
}
