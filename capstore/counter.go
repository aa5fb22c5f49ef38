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
	own int64 // the maximum that it was made with
}

// most is what may be counted: the lower of its own maximum and the one in force, so that work begun before a change
// passes neither.
func (c *Counter) most() int64 { return min(c.own, c.max.Load()) }

// meter is what all counters of one key share.
type meter struct {
	key string

	// Read by anyone at any time.
	max    atomic.Int64           // of the counter made last
	spans  atomic.Pointer[[]span] // when each window is; replaced as a whole, in the order of time
	closed atomic.Int64           // Unix seconds: no window that ends by then can be charged, unless it is still kept

	// Guarded by the store's mutex.
	window  rules.Window
	windows map[string]*window // by name
}

// window is one window's count.
type window struct {
	name  string
	count atomic.Int64 // changed under the store's mutex

	// Guarded by the store's mutex.
	open  int   // holds that charge it and have not ended
	end   int64 // Unix seconds, as last known; 0 = not known yet
	spans []span
}

// span is one stretch of a window, in Unix seconds: windows begin and end at whole seconds.
type span struct {
	start, end int64
	window     *window
}

// Room tells whether the cap has room at the instant. It is a cheap look for the ping path: it takes no lock, allocates
// nothing, and what it says may be over before a Hold.
func (c *Counter) Room(now time.Time) bool {
	most, t := c.most(), now.Unix()
	if w := c.find(t); w != nil {
		return w.count.Load() < most
	}
	// Nobody has held in this window yet.
	return most > 0 && t >= c.closed.Load()
}

// find looks for the window of an instant among those that are kept, the latest first.
func (c *meter) find(t int64) *window {
	p := c.spans.Load()
	if p == nil {
		return nil
	}
	all := *p
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

// bind gives the counter its cap. If the zone is another one, the windows kept lie elsewhere in time.
func (c *meter) bind(k rules.Cap) {
	c.max.Store(k.Max)
	if k.Window == c.window {
		return
	}
	c.window = k.Window
	for _, w := range c.windows {
		c.locate(w)
	}
	c.prune(nil)
	c.publish()
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
	w := &window{name: name}
	c.locate(w)
	if len(w.spans) > 0 && w.end <= c.closed.Load() {
		return nil
	}
	c.windows[name] = w
	c.prune(w)
	c.publish()
	return w
}

// prune closes the oldest windows beyond WindowsMax, but none that an open hold charges, and not the one that is just
// wanted.
func (c *meter) prune(wanted *window) {
	if len(c.windows) <= WindowsMax {
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
	for _, w := range idle[:min(len(idle), len(c.windows)-WindowsMax)] {
		delete(c.windows, w.name)
		c.closed.Store(max(c.closed.Load(), w.end))
	}
}

// publish lets Room see the windows that are kept.
func (c *meter) publish() {
	all := make([]span, 0, len(c.windows))
	for _, w := range c.windows {
		all = append(all, w.spans...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].start < all[j].start })
	c.spans.Store(&all)
}
