// SPDX-License-Identifier: Apache-2.0

package capstore

import (
	"errors"
	"fmt"
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
	caps  map[string]rules.Cap
	count map[string]int64 // by key and window
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
	case rules.Hour:
		return now.In(c.Window.Zone).Format("2006-01-02T15-07:00")
	case rules.Day:
		return now.In(c.Window.Zone).Format("2006-01-02")
	case rules.Week:
		year, week := now.In(c.Window.Zone).ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	}
	return "total"
}

func at(key, window string) string { return key + "\x00" + window }

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
		w := clockName(m.caps[k], r.Now)
		if m.count[at(k, w)] >= m.caps[k].Max {
			return nil, lead.CapReached
		}
		if !charged[k] {
			charged[k] = true
			charges = append(charges, lead.Charge{Cap: k, Window: w, N: 1})
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
	s    *Store
	m    model
	keys []string
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
	for _, c := range []rules.Cap{
		{Key: "campaign:a:hour", Window: rules.Window{Per: rules.Hour, Zone: mustZone(t, "America/New_York")}, Max: 2},
		{Key: "campaign:a:day", Window: rules.Window{Per: rules.Day, Zone: mustZone(t, "America/Los_Angeles")}, Max: 3},
		{Key: "buyer:a:day", Window: rules.Window{Per: rules.Day, Zone: mustZone(t, "America/New_York")}, Max: 4},
		{Key: "buyer:b:hour", Window: rules.Window{Per: rules.Hour, Zone: mustZone(t, "Australia/Lord_Howe")}, Max: 1},
		{Key: "buyer:b:week", Window: rules.Window{Per: rules.Week, Zone: mustZone(t, "Pacific/Apia")}, Max: 7},
		{Key: "buyer:b:total", Window: rules.Window{Per: rules.Total}, Max: 9},
	} {
		x.keys = append(x.keys, c.Key)
		x.m.caps[c.Key] = c
		x.s.Counter(c)
	}
	return x
}

// drawNow draws times around the night when clocks go back in North America, in any order.
func drawNow(t *rapid.T) time.Time {
	return time.Date(2026, 11, 1, 4, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 36*4).Draw(t,
		"now")) * 15 * time.Minute)
}

func drawToken(t *rapid.T) lead.ID { return newID('t', rapid.IntRange(0, 30).Draw(t, "token")) }

func (x *machine) hold(t *rapid.T) {
	keys := rapid.SliceOfN(rapid.SampledFrom(x.keys), 0, 4).Draw(t, "keys")
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
	k := rapid.SampledFrom(x.keys).Draw(t, "key")
	w := clockName(x.m.caps[k], drawNow(t))
	// As at start: what stands is at least what the open holds charge.
	n := int64(rapid.IntRange(0, 2).Draw(t, "n"))
	for _, h := range x.m.holds {
		for _, c := range h.charges {
			if c.Cap == k && c.Window == w && !h.committed {
				n++
			}
		}
	}
	x.s.SetCount(k, w, n)
	x.m.count[at(k, w)] = n
	x.m.lower[k] = true
}

func (x *machine) reload(t *rapid.T) {
	k := rapid.SampledFrom(x.keys).Draw(t, "key")
	c := x.m.caps[k]
	most := int64(rapid.IntRange(1, 5).Draw(t, "max"))
	x.m.lower[k] = x.m.lower[k] || most < c.Max
	c.Max = most
	if c.Window.Per != rules.Total {
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
	for _, k := range x.keys {
		steps = append(steps, func() { s.Counter(x.m.caps[k]) })
		for name, n := range x.m.count {
			if len(name) > len(k) && name[:len(k)+1] == k+"\x00" {
				steps = append(steps, func() { s.SetCount(k, name[len(k)+1:], n) })
			}
		}
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
	for i := 0; i <= 36*4; i += 7 {
		now := time.Date(2026, 11, 1, 4, 0, 0, 0, time.UTC).Add(time.Duration(i) * 15 * time.Minute)
		for _, k := range x.keys {
			c := x.m.caps[k]
			want := x.m.count[at(k, clockName(c, now))]
			used, most := x.s.Use(k, now)
			if used != want || most != c.Max {
				t.Fatalf("%s at %v: used %d of %d, want %d of %d", k, now, used, most, want, c.Max)
			}
			if room := x.s.Counter(c).Room(now); room != (want < c.Max) {
				t.Fatalf("%s at %v: room %v with %d of %d", k, now, room, want, c.Max)
			}
			if want > c.Max && !x.m.lower[k] || want < 0 {
				t.Fatalf("%s at %v: %d of %d", k, now, want, c.Max)
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
