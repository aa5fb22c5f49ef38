// SPDX-License-Identifier: Apache-2.0

package capstore

import (
	"sort"
	"sync/atomic"
	"time"

	"clearpost/rules"
)

// Counter is one cap as one configuration has it. It is made by Store.Counter; the counts behind it live as long as the
// store.
type Counter struct {
	*meter
	days    int64 // windows that count together, at least 1
	zone    *time.Location
	own     rules.Limit // that it was made with
	inForce *bound      // of the counter made last of those that count as many days
	further bool
}

// LooksFurther tells that, when it was made, it counted more days together than any counter before it of its key: of
// those that were not kept till then the counts are for Fill to give.
func (c *Counter) LooksFurther() bool { return c.further }

// bound is a limit in force.
type bound struct{ limit atomic.Pointer[rules.Limit] }

// most is what may be counted at an instant: the lower of its own limit and the one in force, so that work begun before
// a change passes neither.
func (c *Counter) most(now time.Time) int64 {
	other := c.inForce.limit.Load()
	if c.own.Weekdays == nil && other.Weekdays == nil {
		return min(c.own.Most, other.Most)
	}
	day := now.In(c.zone).Weekday()
	return min(c.own.On(day), other.On(day))
}

// meter is what all counters of one key share.
type meter struct {
	key string

	// Read by anyone at any time.
	kept   atomic.Pointer[kept] // the windows; replaced as a whole
	closed atomic.Int64         // Unix seconds: no window that ends by then can be charged, unless it is still kept

	// Guarded by the store's mutex.
	window  rules.Window
	windows map[string]*window // by name
	bounds  map[int64]*bound   // by days
	longest int64              // days that any counter so far counts together
}

// kept is what readers see of a meter's windows.
type kept struct {
	spans []span    // when each window is, in the order of time
	dates []*window // of Day: those whose date is known, in the order of dates
}

// window is one window's count.
type window struct {
	name  string
	count atomic.Int64 // changed under the store's mutex

	// Guarded by the store's mutex.
	open  int   // holds that charge it and have not ended
	end   int64 // Unix seconds, as last known; 0 = not known yet
	spans []span
	date  int64 // of Day: days from the first of 1970 on; not changed once readers see it
}

// span is one stretch of a window, in Unix seconds: windows begin and end at whole seconds.
type span struct {
	start, end int64
	window     *window
}

// Room tells whether the cap has room at the instant. It is a cheap look for the ping path: it takes no lock, allocates
// nothing, and what it says may be over before a Hold.
func (c *Counter) Room(now time.Time) bool {
	most, t := c.most(now), now.Unix()
	if c.days > 1 {
		return c.together(now) < most && (c.find(t) != nil || t >= c.closed.Load())
	}
	if w := c.find(t); w != nil {
		return w.count.Load() < most
	}
	// Nobody has held in this window yet.
	return most > 0 && t >= c.closed.Load()
}

// Left tells what is counted at an instant, and how much may be. As Room, it takes no lock.
func (c *Counter) Left(now time.Time) (used, limit int64) { return c.used(now), c.most(now) }

// used is what is counted at an instant.
func (c *Counter) used(now time.Time) int64 {
	if c.days > 1 {
		return c.together(now)
	}
	if w := c.find(now.Unix()); w != nil {
		return w.count.Load()
	}
	return 0
}

// together is what the date of an instant and those before it, as many as count together, have counted.
func (c *Counter) together(now time.Time) (n int64) {
	k := c.kept.Load()
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

// find looks for the window of an instant among those that are kept, the latest first.
func (c *meter) find(t int64) *window {
	k := c.kept.Load()
	if k == nil {
		return nil
	}
	all := k.spans
	for i := len(all) - 1; i >= 0; i-- {
		if s := &all[i]; t >= s.start {
			if t < s.end {
				return s.window
			}
			return nil // spans do not overlap
		}
	}
	return nil
}

func (c *meter) bound() bool { return c.window.Per != 0 }

// bind gives the meter its cap, and makes a counter of it. If the zone is another one, the windows kept lie elsewhere
// in time.
func (c *meter) bind(k rules.Cap) *Counter {
	days := int64(max(k.Days, 1))
	b := c.bounds[days]
	if b == nil {
		b = &bound{}
		c.bounds[days] = b
	}
	b.limit.Store(&k.Limit)
	further := days > max(c.longest, 1)
	c.longest = max(c.longest, days)
	if k.Window != c.window {
		c.window = k.Window
		for _, w := range c.windows {
			c.locate(w)
		}
		c.prune(nil)
		c.publish()
	}
	return &Counter{c, days, k.Window.Zone, k.Limit, b, further}
}

// locate finds out when a window is. Of one that the present zone does not know, the last known end stays.
func (c *meter) locate(w *window) {
	w.spans = w.spans[:0]
	if !c.bound() {
		return
	}
	for _, s := range c.window.Spans(w.name) {
		w.spans = append(w.spans, span{s.Start.Unix(), s.End.Unix(), w})
		w.end = s.End.Unix()
	}
	if c.window.Per == rules.Day && len(w.spans) > 0 && w.date == 0 {
		w.date = dateOf(time.Unix(w.spans[0].start, 0).In(c.window.Zone))
	}
}

// windowAt finds or makes the window of an instant; nil if it is closed.
func (c *meter) windowAt(now time.Time) *window {
	t := now.Unix()
	if w := c.find(t); w != nil {
		return w
	}
	if !c.bound() || t < c.closed.Load() {
		return nil
	}
	var b [32]byte
	return c.named(string(c.window.AppendName(b[:0], now)))
}

// named finds or makes the window of that name; nil if it is closed.
func (c *meter) named(name string) *window {
	if w := c.windows[name]; w != nil {
		return w
	}
	w := c.add(name)
	if len(w.spans) > 0 && w.end <= c.closed.Load() {
		delete(c.windows, name)
		return nil
	}
	c.prune(w)
	c.publish()
	return w
}

func (c *meter) add(name string) *window {
	w := &window{name: name}
	c.locate(w)
	c.windows[name] = w
	return w
}

// prune closes the oldest windows beyond WindowsMax, or beyond those that count together, but none that an open hold
// charges, and not the one that is just wanted.
func (c *meter) prune(wanted *window) {
	most := max(WindowsMax, int(c.longest)+1)
	if len(c.windows) <= most {
		return
	}
	idle := make([]*window, 0, len(c.windows))
	for _, w := range c.windows {
		if w.open == 0 && w != wanted {
			idle = append(idle, w)
		}
	}
	sort.Slice(idle, func(i, j int) bool {
		if idle[i].end != idle[j].end {
			return idle[i].end < idle[j].end
		}
		return idle[i].name < idle[j].name
	})
	for _, w := range idle[:min(len(idle), len(c.windows)-most)] {
		delete(c.windows, w.name)
		c.closed.Store(max(c.closed.Load(), w.end))
	}
}

// publish lets Room see the windows that are kept.
func (c *meter) publish() {
	k := &kept{spans: make([]span, 0, len(c.windows))}
	for _, w := range c.windows {
		k.spans = append(k.spans, w.spans...)
		if c.window.Per == rules.Day && len(w.spans) > 0 {
			k.dates = append(k.dates, w)
		}
	}
	sort.Slice(k.spans, func(i, j int) bool { return k.spans[i].start < k.spans[j].start })
	sort.Slice(k.dates, func(i, j int) bool { return k.dates[i].date < k.dates[j].date })
	c.kept.Store(k)
}
