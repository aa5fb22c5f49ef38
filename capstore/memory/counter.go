// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"math"
	"sync/atomic"
	"time"

	"clearpost/lead"
	"clearpost/rules"
)

// Counter is one cap as one configuration has it. It is made by Store.Counter; the counts behind it live as long as the
// store.
type Counter struct {
	of      *class
	days    int64 // windows that count together, at least 1
	zone    *time.Location
	own     rules.Cap // that it was made with
	inForce *bound    // of the counter made last of those that count as many days
	further bool
	plan    atomic.Pointer[rules.PacePlan] // of the window that was asked for last
}

// Cap implements capstore.Counter.
func (c *Counter) Cap() *rules.Cap { return &c.own }

// LooksFurther implements capstore.Counter.
func (c *Counter) LooksFurther() bool { return c.further }

// bound is a cap in force.
type bound struct{ cap atomic.Pointer[rules.Cap] }

// unlimited is the limit of a value that has none.
const unlimited = math.MaxInt64

// most is what may be counted of a value at an instant: the lower of its own limit and the one in force, so that work
// begun before a change passes neither.
func (c *Counter) most(value []byte, now time.Time) int64 {
	other := c.inForce.cap.Load()
	if other == &c.own {
		return limitOf(other, value, now, c.zone)
	}
	return min(limitOf(&c.own, value, now, c.zone), limitOf(other, value, now, c.zone))
}

func limitOf(k *rules.Cap, value []byte, now time.Time, zone *time.Location) int64 {
	l := &k.Limit
	if k.By != nil {
		if own, ok := k.By.Values[string(value)]; ok {
			return own.Most
		}
		if !k.By.Others {
			return unlimited
		}
	}
	if l.Weekdays == nil {
		return l.Most
	}
	return l.On(now.In(zone).Weekday())
}

// allowed is how much of a limit may have been counted at an instant by the pace of the cap.
func (c *Counter) allowed(limit int64, now time.Time) int64 {
	p := c.own.Pace
	if p == nil || limit == unlimited || limit <= 0 {
		return limit
	}
	plan := c.plan.Load()
	if plan == nil || !plan.Holds(now) {
		plan = p.Plan(c.own.Window.Around(now))
		c.plan.Store(plan)
	}
	return plan.Allowed(limit, p.Burst, now)
}

// refuses tells why there is no room for n more beside what is used.
func (c *Counter) refuses(value []byte, used, n int64, now time.Time) lead.Refusal {
	most := c.most(value, now)
	switch {
	case used > most-n && c.own.Of == lead.OfSpend:
		return lead.BudgetSpent
	case used > most-n:
		return lead.CapReached
	case c.own.Pace != nil && used >= c.allowed(most, now):
		return lead.Paced
	}
	return lead.NoRefusal
}

// Room implements capstore.Counter.
func (c *Counter) Room(value []byte, n int64, now time.Time) lead.Refusal {
	m := c.of.look(value)
	if m == nil {
		return c.refuses(value, 0, n, now)
	}
	used, there := m.used(c, now)
	if !there && now.Unix() < m.closed.Load() {
		return lead.CapReached
	}
	return c.refuses(value, used, n, now)
}

// Left implements capstore.Counter.
func (c *Counter) Left(value []byte, now time.Time) (used, limit int64) {
	if m := c.of.look(value); m != nil {
		used, _ = m.used(c, now)
	}
	return used, c.most(value, now)
}

// Take implements capstore.Counter.
func (c *Counter) Take(value []byte, n int64, now time.Time) (lead.Charge, lead.Refusal) {
	m := c.of.look(value)
	var w *window
	if m != nil {
		w = m.find(now.Unix())
	}
	if w == nil { // the first of its window
		c.of.store.mu.Lock()
		if m = c.of.meter(string(value)); m != nil {
			w = m.windowAt(now)
		}
		c.of.store.mu.Unlock()
		if w == nil {
			return lead.Charge{}, lead.CapReached
		}
	}
	for {
		seen := w.count.Load()
		used, _ := m.used(c, now)
		if no := c.refuses(value, used, n, now); no != lead.NoRefusal {
			return lead.Charge{}, no
		}
		if w.count.CompareAndSwap(seen, seen+n) { // else another one was counted meanwhile
			return lead.Charge{Cap: m.key, Window: w.name, N: n, Of: c.own.Of}, lead.NoRefusal
		}
	}
}

// used is what a meter has counted at an instant, as a counter of it counts days together, and whether it keeps the
// window of the instant.
func (m *meter) used(c *Counter, now time.Time) (n int64, there bool) {
	w := m.find(now.Unix())
	switch {
	case c.days > 1:
		return m.together(c, now), w != nil
	case w == nil:
		return 0, false
	}
	return w.count.Load(), true
}

// together is what the date of an instant and those before it, as many as count together, have counted.
func (m *meter) together(c *Counter, now time.Time) (n int64) {
	k := m.kept.Load()
	if k == nil {
		return 0
	}
	today := dateOf(now.In(c.zone))
	for i := len(k.dates) - 1; i >= 0; i-- {
		switch w := k.dates[i]; {
		case w.date <= today-c.days:
			return n
		case w.date <= today:
			n += w.count.Load()
		}
	}
	return n
}

// dateOf numbers dates.
func dateOf(t time.Time) int64 {
	year, month, day := t.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86400
}
