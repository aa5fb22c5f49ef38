// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"strings"
	"sync"

	"clearpost/rules"
)

// ValuesMax is how many values of one cap that tells values apart are counted. Of more than that there is no room.
const ValuesMax = 200_000

// class is what all counters of one key share, whatever value they count.
type class struct {
	store *Store
	key   string
	one   *meter // of a cap that does not tell values apart; nil: it does

	mu     sync.RWMutex // guards values; held for nanoseconds, by pings that this cap is for
	values map[string]*meter

	// Guarded by the store's mutex.
	window  rules.Window
	bounds  map[int64]*bound // by days
	longest int64            // days that any counter so far counts together
}

// class finds or makes what counts under the key of a cap.
func (s *Store) class(base string) *class {
	c := s.classes[base]
	if c != nil {
		return c
	}
	c = &class{store: s, key: base, bounds: map[int64]*bound{}}
	if strings.IndexByte(base, '/') < 0 {
		c.one = c.newMeter(base)
	} else {
		c.values = map[string]*meter{}
	}
	s.classes[base] = c
	return c
}

func (c *class) newMeter(key string) *meter {
	return &meter{key: key, class: c, windows: map[string]*window{}}
}

// meterOf finds or makes the meter of a key; nil where there are too many values.
func (s *Store) meterOf(key string) *meter {
	base, value := rules.BaseKey(key)
	return s.class(base).meter(value)
}

// look finds the meter of a value, nil if nothing was counted of it yet.
func (c *class) look(value []byte) *meter {
	if c.one != nil {
		return c.one
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.values[string(value)]
}

// meter finds or makes the meter of a value, under the store's mutex; nil where there are too many.
func (c *class) meter(value string) *meter {
	if c.one != nil {
		return c.one
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.values[value]
	if m == nil && len(c.values) < ValuesMax {
		m = c.newMeter(c.key + "=" + strings.Clone(value))
		c.values[m.key[len(c.key)+1:]] = m
	}
	return m
}

// each calls fn with all meters, under the store's mutex.
func (c *class) each(fn func(value string, m *meter)) {
	if c.one != nil {
		fn("", c.one)
		return
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	for v, m := range c.values {
		fn(v, m)
	}
}

func (c *class) bound() bool { return c.window.Per != 0 }

// bind puts a cap into force, and makes a counter of it. If the zone is another one, the windows kept lie elsewhere in
// time.
func (c *class) bind(k rules.Cap) *Counter {
	days := int64(max(k.Days, 1))
	b := c.bounds[days]
	if b == nil {
		b = &bound{}
		c.bounds[days] = b
	}
	further := days > max(c.longest, 1)
	c.longest = max(c.longest, days)
	out := &Counter{of: c, days: days, zone: k.Window.Zone, own: k, inForce: b, further: further}
	b.cap.Store(&out.own)
	if k.Window != c.window {
		c.window = k.Window
		c.each(func(_ string, m *meter) {
			for _, w := range m.windows {
				m.locate(w)
			}
			m.prune(nil)
			m.publish()
		})
	}
	return out
}
