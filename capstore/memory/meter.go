// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"sort"
	"sync/atomic"
	"time"

	"clearpost/rules"
)

// meter keeps the counts of one key: of a cap, or of one value of it.
type meter struct {
	key   string
	class *class

	// Read by anyone at any time.
	kept   atomic.Pointer[kept] // the windows; replaced as a whole
	closed atomic.Int64         // Unix seconds: no window that ends by then can be charged, unless it is still kept

	windows map[string]*window // by name; guarded by the store's mutex
}

// kept is what readers see of a meter's windows.
type kept struct {
	spans []span    // when each window is, in the order of time
	dates []*window // of Day: those whose date is known, in the order of dates
}

// window is one window's count.
type window struct {
	name  string
	count atomic.Int64 // changed under the store's mutex, and by Take

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

// find looks for the window of an instant among those that are kept, the latest first.
func (m *meter) find(t int64) *window {
	k := m.kept.Load()
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

// locate finds out when a window is. Of one that the present zone does not know, the last known end stays.
func (m *meter) locate(w *window) {
	w.spans = w.spans[:0]
	if !m.class.bound() {
		return
	}
	for _, s := range m.class.window.Spans(w.name) {
		w.spans = append(w.spans, span{s.Start.Unix(), s.End.Unix(), w})
		w.end = s.End.Unix()
	}
	if m.class.window.Per == rules.Day && len(w.spans) > 0 && w.date == 0 {
		w.date = dateOf(time.Unix(w.spans[0].start, 0).In(m.class.window.Zone))
	}
}

// windowAt finds or makes the window of an instant; nil if it is closed.
func (m *meter) windowAt(now time.Time) *window {
	t := now.Unix()
	if w := m.find(t); w != nil {
		return w
	}
	if !m.class.bound() || t < m.closed.Load() {
		return nil
	}
	var b [32]byte
	return m.named(string(m.class.window.AppendName(b[:0], now)))
}

// named finds or makes the window of that name; nil if it is closed.
func (m *meter) named(name string) *window {
	if w := m.windows[name]; w != nil {
		return w
	}
	w := m.add(name)
	if len(w.spans) > 0 && w.end <= m.closed.Load() {
		delete(m.windows, name)
		return nil
	}
	m.prune(w)
	m.publish()
	return w
}

func (m *meter) add(name string) *window {
	w := &window{name: name}
	m.locate(w)
	m.windows[name] = w
	return w
}

// prune closes the oldest windows beyond WindowsMax, or beyond those that count together, but none that an open hold
// charges, and not the one that is just wanted.
func (m *meter) prune(wanted *window) {
	most := max(WindowsMax, int(m.class.longest)+1)
	if len(m.windows) <= most {
		return
	}
	idle := make([]*window, 0, len(m.windows))
	for _, w := range m.windows {
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
	for _, w := range idle[:min(len(idle), len(m.windows)-most)] {
		delete(m.windows, w.name)
		m.closed.Store(max(m.closed.Load(), w.end))
	}
}

// publish lets Room see the windows that are kept.
func (m *meter) publish() {
	k := &kept{spans: make([]span, 0, len(m.windows))}
	for _, w := range m.windows {
		k.spans = append(k.spans, w.spans...)
		if m.class.window.Per == rules.Day && len(w.spans) > 0 {
			k.dates = append(k.dates, w)
		}
	}
	sort.Slice(k.spans, func(i, j int) bool { return k.spans[i].start < k.spans[j].start })
	sort.Slice(k.dates, func(i, j int) bool { return k.dates[i].date < k.dates[j].date })
	m.kept.Store(k)
}
