// SPDX-License-Identifier: Apache-2.0

package captest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"clearpost/capstore"
	"clearpost/lead"
	"clearpost/rules"
)

// model is a store as plain maps and loops. It shares no code with one: windows are named by formatting the local time.
type model struct {
	caps  map[string]rules.Cap // by a name: the key, and the days that count together
	count map[string]int64     // by key and window
	holds map[lead.ID]*modelHold
	tombs map[lead.ID]bool
	gone  map[lead.ID]*modelHold // sales that were taken back
	lower map[string]bool        // keys whose count may be above a limit: it was lowered, or the count was set
	past  []pastHold             // what the ledger knows besides: holds that were released, and of leads forgotten
}

type modelHold struct {
	lead      lead.ID
	buyer     string
	promise   int
	charges   []lead.Charge
	committed bool
	booked    int64
	marks     []capstore.Mark
	at        time.Time
}

type pastHold struct {
	*modelHold
	sold bool // else it was sent, and refused
}

// ended are the other leads whose holds have ended and have a mark in common with the lead. It is what a ledger knows.
func (m *model) ended(mark *capstore.Mark, of lead.ID, now time.Time) (out []lead.ID) {
	one := func(h *modelHold, sold bool) {
		if h.lead != of && (sold || mark.Posted) && h.has(mark) && now.Sub(h.at) < mark.Window {
			out = append(out, h.lead)
		}
	}
	for _, h := range m.holds {
		if h.committed {
			one(h, true)
		}
	}
	for _, p := range m.past {
		one(p.modelHold, p.sold)
	}
	return out
}

// before are all that a request's marks are refused for.
func (m *model) before(r *capstore.HoldRequest) (out []lead.ID) {
	for i := range r.Marks {
		out = append(out, m.ended(&r.Marks[i], r.Lead, r.Now)...)
		for _, h := range m.holds {
			if !h.committed && h.lead != r.Lead && h.has(&r.Marks[i]) && r.Now.Sub(h.at) < r.Marks[i].Window {
				out = append(out, h.lead)
			}
		}
	}
	return out
}

func (h *modelHold) has(mark *capstore.Mark) bool {
	return slices.ContainsFunc(h.marks, func(o capstore.Mark) bool {
		return o.Rule == mark.Rule && slices.ContainsFunc(o.Names, func(n string) bool {
			return slices.Contains(mark.Names, n)
		})
	})
}

// want is what a request needs of one cap.
type want struct {
	name, value string
	n           int64
}

func clockName(c rules.Cap, now time.Time) string {
	layout := map[rules.Per]string{rules.Minute: "2006-01-02T15:04-07:00", rules.Hour: "2006-01-02T15-07:00",
		rules.Day: "2006-01-02", rules.Month: "2006-01"}[c.Window.Per]
	switch {
	case layout != "":
		return now.In(c.Window.Zone).Format(layout)
	case c.Window.Per == rules.Week:
		year, week := now.In(c.Window.Zone).ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	}
	return "total"
}

func at(key, window string) string { return key + "\x00" + window }

func keyOf(c rules.Cap, value string) string {
	if c.By != nil {
		return c.Key + "=" + value
	}
	return c.Key
}

// windows are the keys of the counts that a cap looks at, of a value at an instant.
func windows(c rules.Cap, value string, now time.Time) []string {
	out := []string{at(keyOf(c, value), clockName(c, now))}
	for i := 1; i < c.Days; i++ {
		year, month, day := now.In(c.Window.Zone).Date()
		date := time.Date(year, month, day-i, 12, 0, 0, 0, time.UTC)
		out = append(out, at(keyOf(c, value), date.Format(time.DateOnly)))
	}
	return out
}

func (m *model) used(c rules.Cap, value string, now time.Time) (n int64) {
	for _, w := range windows(c, value, now) {
		n += m.count[w]
	}
	return n
}

// open is how many holds that have not ended count for a cap at an instant.
func (m *model) open(c rules.Cap, value string, now time.Time) (n int64) {
	look := windows(c, value, now)
	for _, h := range m.holds {
		for _, ch := range h.charges {
			if !h.committed && slices.Contains(look, at(ch.Cap, ch.Window)) {
				n++
			}
		}
	}
	return n
}

func most(c rules.Cap, value string, now time.Time) int64 {
	if c.By != nil {
		if l, ok := c.By.Values[value]; ok {
			return l.Most
		}
		if !c.By.Others {
			return math.MaxInt64
		}
	}
	if c.Limit.Weekdays != nil {
		return c.Limit.Weekdays[now.In(c.Window.Zone).Weekday()]
	}
	return c.Limit.Most
}

// refuses tells why a cap has no room for n more.
func (m *model) refuses(c rules.Cap, value string, n int64, now time.Time) lead.Refusal {
	limit, used := most(c, value, now), m.used(c, value, now)
	switch {
	case limit == math.MaxInt64 || used+n <= limit:
		return lead.NoRefusal
	case c.Of == lead.OfSpend:
		return lead.BudgetSpent
	}
	return lead.CapReached
}

func (m *model) hold(r *capstore.HoldRequest, wants []want) ([]lead.Charge, lead.Refusal) {
	if m.tombs[r.Token] {
		return nil, lead.NotReached
	}
	if h := m.holds[r.Token]; h != nil {
		if h.lead != r.Lead {
			return nil, lead.NotReached
		}
		return h.charges, lead.NoRefusal
	}
	promise := min(max(r.MaxSold, 1), r.SellLimit)
	standing, least := 0, promise
	for _, h := range m.holds {
		if h.lead != r.Lead {
			continue
		}
		if h.buyer == r.Buyer {
			return nil, lead.BuyerSoldAlready
		}
		standing, least = standing+1, min(least, h.promise)
	}
	if standing >= least {
		return nil, lead.NoSlot
	}
	if len(m.before(r)) > 0 {
		return nil, lead.DuplicateRule
	}
	charges := []lead.Charge{}
	charged := map[string]bool{}
	for _, w := range wants {
		c := m.caps[w.name]
		if no := m.refuses(c, w.value, w.n, r.Now); no != lead.NoRefusal {
			return nil, no
		}
		if key := keyOf(c, w.value); !charged[key] {
			charged[key] = true
			charges = append(charges, lead.Charge{Cap: key, Window: clockName(c, r.Now), N: w.n, Of: c.Of})
		}
	}
	for _, c := range charges {
		m.count[at(c.Cap, c.Window)] += c.N
	}
	m.holds[r.Token] = &modelHold{lead: r.Lead, buyer: r.Buyer, promise: promise, charges: charges, marks: r.Marks,
		at: r.Now}
	return charges, lead.NoRefusal
}

func (m *model) commit(token lead.ID, booked int64) error {
	h := m.holds[token]
	switch {
	case h == nil:
		return capstore.ErrNotHeld
	case h.committed:
		return nil
	}
	h.committed, h.booked = true, booked
	for _, c := range h.charges {
		if c.Of == lead.OfSpend {
			m.count[at(c.Cap, c.Window)] += booked - c.N
			m.lower[base(c.Cap)] = true // a sale is counted at what it costs
		}
	}
	return nil
}

func base(key string) string {
	key, _, _ = strings.Cut(key, "=")
	return key
}

func (m *model) release(token lead.ID, sent bool) error {
	h := m.holds[token]
	switch {
	case h == nil:
		m.tombs[token] = true
		return nil
	case h.committed:
		return capstore.ErrCommitted
	}
	for _, c := range h.charges {
		if !sent || c.Of != lead.OfAttempts {
			m.count[at(c.Cap, c.Window)] -= c.N
		}
	}
	if sent {
		m.past = append(m.past, pastHold{h, false})
	}
	delete(m.holds, token)
	m.tombs[token] = true
	return nil
}

// changed are the charges of a correction that takes a sale back, or makes one again.
func (h *modelHold) changed(sign int64) (out []lead.Charge) {
	for _, c := range h.charges {
		switch c.Of {
		case lead.OfAttempts:
			continue
		case lead.OfSpend:
			c.N = h.booked
		}
		c.N *= sign
		out = append(out, c)
	}
	return out
}

func (m *model) forget(id lead.ID) {
	for token, h := range m.holds {
		if h.lead == id {
			m.past = append(m.past, pastHold{h, true})
			delete(m.holds, token)
		}
	}
}
