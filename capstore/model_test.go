// SPDX-License-Identifier: Apache-2.0

package capstore

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the same zones wherever the tests run

	"pgregory.net/rapid"

	"clearpost/lead"
	"clearpost/rules"
)

func newID(kind byte, n int) lead.ID { return lead.ID{0: kind, 14: byte(n >> 8), 15: byte(n)} }

// model is the store as plain maps and loops. It shares no code with it: windows are named by formatting the local
// time.
type model struct {
	caps  map[string]rules.Cap // by a name: the key, and the days that count together
	count map[string]int64     // by key and window
	holds map[lead.ID]*modelHold
	tombs map[lead.ID]bool
	lower map[string]bool // caps whose maximum was lowered below what stands, or whose count was set
}

type modelHold struct {
	lead      lead.ID
	buyer     string
	promise   int
	charges   []lead.Charge
	committed bool
}

func clockName(c rules.Cap, now time.Time) string {
	switch c.Window.Per {
	case rules.Minute:
		return now.In(c.Window.Zone).Format("2006-01-02T15:04-07:00")
	case rules.Hour:
		return now.In(c.Window.Zone).Format("2006-01-02T15-07:00")
	case rules.Day:
		return now.In(c.Window.Zone).Format("2006-01-02")
	case rules.Month:
		return now.In(c.Window.Zone).Format("2006-01")
	case rules.Week:
		year, week := now.In(c.Window.Zone).ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	}
	return "total"
}

func at(key, window string) string { return key + "\x00" + window }

// used is what a cap counts at an instant, and most its limit.
func (m *model) used(c rules.Cap, now time.Time) (n int64) {
	for i := 1; i < c.Days; i++ {
		year, month, day := now.In(c.Window.Zone).Date()
		n += m.count[at(c.Key, time.Date(year, month, day-i, 12, 0, 0, 0, time.UTC).Format("2006-01-02"))]
	}
	return n + m.count[at(c.Key, clockName(c, now))]
}

// open is how many holds that have not ended count for a cap at an instant.
func (m *model) open(c rules.Cap, now time.Time) (n int64) {
	only := &model{count: map[string]int64{}}
	for _, h := range m.holds {
		if !h.committed {
			for _, ch := range h.charges {
				only.count[at(ch.Cap, ch.Window)] += ch.N
			}
		}
	}
	return only.used(c, now)
}

func (m *model) most(c rules.Cap, now time.Time) int64 {
	if c.Limit.Weekdays != nil {
		return c.Limit.Weekdays[now.In(c.Window.Zone).Weekday()]
	}
	return c.Limit.Most
}

func (m *model) hold(r *HoldRequest, keys []string) ([]lead.Charge, lead.Refusal) {
	if m.tombs[r.Token] {
		return nil, lead.NotReached
	}
	if h := m.holds[r.Token]; h != nil {
		if h.lead != r.Lead {
			return nil, lead.NotReached
		}
		return h.charges, lead.NoRefusal
	}
	promise := r.MaxSold
	if promise < 1 {
		promise = 1
	}
	if r.SellLimit < promise {
		promise = r.SellLimit
	}
	standing, least := 0, promise
	for _, h := range m.holds {
		if h.lead != r.Lead {
			continue
		}
		if h.buyer == r.Buyer {
			return nil, lead.BuyerSoldAlready
		}
		standing++
		if h.promise < least {
			least = h.promise
		}
	}
	if standing >= least {
		return nil, lead.NoSlot
	}
	charges := []lead.Charge{}
	charged := map[string]bool{}
	for _, k := range keys {
		c := m.caps[k]
		w := clockName(c, r.Now)
		if m.used(c, r.Now) >= m.most(c, r.Now) {
			return nil, lead.CapReached
		}
		if !charged[c.Key] {
			charged[c.Key] = true
			charges = append(charges, lead.Charge{Cap: c.Key, Window: w, N: 1})
		}
	}
	for _, c := range charges {
		m.count[at(c.Cap, c.Window)]++
	}
	m.holds[r.Token] = &modelHold{r.Lead, r.Buyer, promise, charges, false}
	return charges, lead.NoRefusal
}

func (m *model) release(token lead.ID) error {
	h := m.holds[token]
	if h == nil {
		m.tombs[token] = true
		return nil
	}
	if h.committed {
		return ErrCommitted
	}
	for _, c := range h.charges {
		m.count[at(c.Cap, c.Window)]--
	}
	delete(m.holds, token)
	m.tombs[token] = true
	return nil
}

func (m *model) forget(id lead.ID) {
	for _, h := range m.holds {
		if h.lead == id && !h.committed {
			return
		}
	}
	for token, h := range m.holds {
		if h.lead == id {
			delete(m.holds, token)
		}
	}
}

func sameCharges(a, b []lead.Charge) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// machine is the store beside its model.
type machine struct {
	s     *Store
	m     model
	names []string // of the model's caps
}

func mustZone(t interface{ Fatal(...any) }, name string) *time.Location {
	z, err := rules.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func newMachine(t *rapid.T) *machine {
	x := &machine{s: New(), m: model{map[string]rules.Cap{}, map[string]int64{}, map[lead.ID]*modelHold{},
		map[lead.ID]bool{}, map[string]bool{}}}
	window := func(per rules.Per, zone string) rules.Window {
		return rules.Window{Per: per, Zone: mustZone(t, zone)}
	}
	most := func(n int64) rules.Limit { return rules.Limit{Most: n} }
	for _, c := range []rules.Cap{
		{Key: "campaign:a:minute", Window: window(rules.Minute, "America/New_York"), Limit: most(1)},
		{Key: "campaign:a:hour", Window: window(rules.Hour, "America/New_York"), Limit: most(2)},
		{Key: "campaign:a:day", Window: window(rules.Day, "America/Los_Angeles"),
			Limit: rules.Limit{Most: 3, Weekdays: &[7]int64{1, 4, 3, 3, 3, 3, 0}}},
		{Key: "campaign:a:day", Window: window(rules.Day, "America/Los_Angeles"), Days: 2, Limit: most(4)},
		{Key: "campaign:a:day", Window: window(rules.Day, "America/Los_Angeles"), Days: 3, Limit: most(5)},
		{Key: "buyer:a:day", Window: window(rules.Day, "America/New_York"), Limit: most(4)},
		{Key: "buyer:b:hour", Window: window(rules.Hour, "Australia/Lord_Howe"), Limit: most(1)},
		{Key: "buyer:b:week", Window: window(rules.Week, "Pacific/Apia"), Limit: most(7)},
		{Key: "buyer:b:month", Window: window(rules.Month, "Asia/Kolkata"), Limit: most(8)},
		{Key: "buyer:b:total", Window: rules.Window{Per: rules.Total}, Limit: most(9)},
	} {
		name := fmt.Sprint(c.Key, " ", c.Days)
		x.names = append(x.names, name)
		x.m.caps[name] = c
		x.s.Counter(c)
	}
	// Holds that name one of these only may pass the others, and come in any order of time.
	x.m.lower["campaign:a:day"] = true
	return x
}

// drawNow draws times of four days, with the night when clocks go back in North America, in any order.
func drawNow(t *rapid.T) time.Time {
	return time.Date(2026, 10, 31, 16, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 72*4).Draw(t,
		"now")) * 15 * time.Minute)
}

func drawToken(t *rapid.T) lead.ID { return newID('t', rapid.IntRange(0, 30).Draw(t, "token")) }

func (x *machine) hold(t *rapid.T) {
	keys := rapid.SliceOfN(rapid.SampledFrom(x.names), 0, 4).Draw(t, "keys")
	r := HoldRequest{Token: drawToken(t), Lead: newID('l', rapid.IntRange(0, 6).Draw(t, "lead")), Now: drawNow(t),
		Buyer:     rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "buyer"),
		SellLimit: rapid.IntRange(0, 4).Draw(t, "limit"), MaxSold: rapid.IntRange(0, 4).Draw(t, "max")}
	for _, k := range keys {
		r.Counters = append(r.Counters, x.s.Counter(x.m.caps[k]))
	}
	got, no := x.s.Hold(&r)
	want, wantNo := x.m.hold(&r, keys)
	if no != wantNo || !sameCharges(got, want) {
		t.Fatalf("hold %+v of %v: %v %v, want %v %v", r, keys, got, no, want, wantNo)
	}
}

func (x *machine) commit(t *rapid.T) {
	token := drawToken(t)
	var want error
	if h := x.m.holds[token]; h != nil {
		h.committed = true
	} else {
		want = ErrNotHeld
	}
	if err := x.s.Commit(token); !errors.Is(err, want) {
		t.Fatalf("commit: %v, want %v", err, want)
	}
}

func (x *machine) release(t *rapid.T) {
	token := drawToken(t)
	if err, want := x.s.Release(token), x.m.release(token); !errors.Is(err, want) {
		t.Fatalf("release: %v, want %v", err, want)
	}
}

// forget is drawn only for leads of which nothing is open: the model knows no "later".
func (x *machine) forget(t *rapid.T) {
	id := newID('l', rapid.IntRange(0, 6).Draw(t, "lead"))
	for _, h := range x.m.holds {
		if h.lead == id && !h.committed {
			t.Skip("a hold is open")
		}
	}
	x.s.Forget(id)
	x.m.forget(id)
}

func (x *machine) setCount(t *rapid.T) {
	k := rapid.SampledFrom(x.names).Draw(t, "key")
	key := x.m.caps[k].Key
	w := clockName(x.m.caps[k], drawNow(t))
	// As at start: what stands is at least what the open holds charge.
	n := int64(rapid.IntRange(0, 2).Draw(t, "n"))
	for _, h := range x.m.holds {
		for _, c := range h.charges {
			if c.Cap == key && c.Window == w && !h.committed {
				n++
			}
		}
	}
	x.s.SetCount(key, w, n)
	x.m.count[at(key, w)] = n
	x.m.lower[key] = true
}

func (x *machine) reload(t *rapid.T) {
	k := rapid.SampledFrom(x.names).Draw(t, "key")
	c := x.m.caps[k]
	most := int64(rapid.IntRange(1, 5).Draw(t, "max"))
	x.m.lower[c.Key] = true
	c.Limit.Most = most
	if c.Limit.Weekdays != nil && rapid.Bool().Draw(t, "no weekdays") {
		c.Limit.Weekdays = nil
	}
	if c.Window.Per != rules.Total && c.Key != "campaign:a:day" { // of which all count the same days
		c.Window.Zone = mustZone(t, rapid.SampledFrom([]string{"America/New_York", "America/Los_Angeles",
			"Asia/Kolkata"}).Draw(t, "zone"))
	}
	x.m.caps[k] = c
	x.s.Counter(c)
}

// restart builds a store from what a ledger would know, in any order.
func (x *machine) restart(t *rapid.T) {
	s := New()
	steps := []func(){}
	for token, h := range x.m.holds {
		steps = append(steps, func() {
			s.Restore(Restored{Token: token, Lead: h.lead, Buyer: h.buyer, MaxSold: h.promise, SellLimit: 0,
				Charges: h.charges, Committed: h.committed})
		})
	}
	for _, k := range x.names {
		steps = append(steps, func() { s.Counter(x.m.caps[k]) })
	}
	for name, n := range x.m.count {
		key, window, _ := strings.Cut(name, "\x00")
		steps = append(steps, func() { s.SetCount(key, window, n) })
	}
	for _, i := range rapid.Permutation(indexes(len(steps))).Draw(t, "order") {
		steps[i]()
	}
	x.s, x.m.tombs = s, map[lead.ID]bool{}
}

func indexes(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func (x *machine) check(t *rapid.T) {
	for i := 0; i <= 72*4; i += 13 {
		now := time.Date(2026, 10, 31, 16, 0, 0, 0, time.UTC).Add(time.Duration(i) * 15 * time.Minute)
		for _, k := range x.names {
			c := x.m.caps[k]
			want, limit := x.m.used(c, now), x.m.most(c, now)
			if u := x.s.Use(c, now); u != (Use{want, x.m.open(c, now), limit}) {
				t.Fatalf("%s at %v: %+v, want %d of %d", k, now, u, want, limit)
			}
			if room := x.s.Counter(c).Room(now); room != (want < limit) {
				t.Fatalf("%s at %v: room %v with %d of %d", k, now, room, want, limit)
			}
			if want > limit && !x.m.lower[c.Key] || want < 0 {
				t.Fatalf("%s at %v: %d of %d", k, now, want, limit)
			}
		}
	}
}

func TestStoreAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newMachine(t)
		t.Repeat(map[string]func(*rapid.T){
			"hold": x.hold, "hold again": x.hold, "hold more": x.hold, "commit": x.commit, "release": x.release,
			"forget": x.forget, "set count": x.setCount, "reload": x.reload, "restart": x.restart, "": x.check,
		})
	})
}
