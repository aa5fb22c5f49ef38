// SPDX-License-Identifier: Apache-2.0

// Package captest is what every store of counts must pass. A store is driven beside a model of plain maps and loops, in
// any order of holds, ends, repeats, replies that were lost, changes of caps, clocks that jump, corrections and
// restarts; and by many goroutines at once.
package captest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the same zones wherever the tests run

	"pgregory.net/rapid"

	"clearpost/capstore"
	"clearpost/lead"
	"clearpost/rules"
)

// Open gives a store that knows what the one before it knew; before is nil at first. A store that implements
// capstore.Rebuilt is given empty, and told by the suite.
type Open func(before capstore.Store) capstore.Store

// Test drives stores beside the model.
func Test(t *testing.T, open Open) {
	t.Run("model", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			x := newMachine(t, open)
			t.Repeat(map[string]func(*rapid.T){
				"hold": x.hold, "hold again": x.hold, "hold more": x.hold, "commit": x.commit, "release": x.release,
				"forget": x.forget, "set count": x.setCount, "reload": x.reload, "restart": x.restart, "take": x.take,
				"undo": x.undo, "redo": x.redo, "change again": x.changeAgain, "": x.check,
			})
		})
	})
	t.Run("again", func(t *testing.T) { again(t, open(nil)) })
	t.Run("changed", func(t *testing.T) { changed(t, open(nil)) })
	t.Run("takes", func(t *testing.T) { takes(t, open(nil)) })
	t.Run("together", func(t *testing.T) { together(t, open(nil)) })
	t.Run("marked", func(t *testing.T) { marked(t, open(nil)) })
}

// machine is the store beside its model.
type machine struct {
	open  Open
	s     capstore.Store
	m     model
	names []string          // of the model's caps
	made  []capstore.Change // that the store must know again
	told  int               // changes in all
}

func newID(kind byte, n int) lead.ID { return lead.ID{0: kind, 14: byte(n >> 8), 15: byte(n)} }

func mustZone(t interface{ Fatal(...any) }, name string) *time.Location {
	z, err := rules.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func newMachine(t *rapid.T, open Open) *machine {
	x := &machine{open: open, s: open(nil), m: model{map[string]rules.Cap{}, map[string]int64{},
		map[lead.ID]*modelHold{}, map[lead.ID]bool{}, map[lead.ID]*modelHold{}, map[string]bool{}, nil}}
	x.remember()
	window := func(per rules.Per, zone string) rules.Window {
		return rules.Window{Per: per, Zone: mustZone(t, zone)}
	}
	most := func(n int64) rules.Limit { return rules.Limit{Most: n} }
	day := window(rules.Day, "America/Los_Angeles")
	values := map[string]rules.Limit{"TX": most(2), "CA": most(0)}
	for _, c := range []rules.Cap{
		{Key: "campaign:a:minute", Window: window(rules.Minute, "America/New_York"), Limit: most(1)},
		{Key: "campaign:a:hour", Window: window(rules.Hour, "America/New_York"), Limit: most(2)},
		{Key: "campaign:a:day", Window: day, Limit: rules.Limit{Most: 3, Weekdays: &[7]int64{1, 4, 3, 3, 3, 3, 0}}},
		{Key: "campaign:a:day", Window: day, Days: 2, Limit: most(4)},
		{Key: "campaign:a:day", Window: day, Days: 3, Limit: most(5)},
		{Key: "buyer:a:day", Window: window(rules.Day, "America/New_York"), Limit: most(4)},
		{Key: "buyer:b:hour", Window: window(rules.Hour, "Australia/Lord_Howe"), Limit: most(1)},
		{Key: "buyer:b:week", Window: window(rules.Week, "Pacific/Apia"), Limit: most(7)},
		{Key: "buyer:b:month", Window: window(rules.Month, "Asia/Kolkata"), Limit: most(8)},
		{Key: "buyer:b:total", Window: rules.Window{Per: rules.Total}, Limit: most(9)},
		{Key: "buyer:b:spend:day", Of: lead.OfSpend, Window: day, Limit: most(20)},
		{Key: "buyer:b:balance", Of: lead.OfSpend, Window: rules.Window{Per: rules.Total}, Limit: most(60)},
		{Key: "campaign:a:attempts:hour", Of: lead.OfAttempts, Window: window(rules.Hour, "Asia/Kolkata"),
			Limit: most(3)},
		{Key: "campaign:a:pings:hour", Of: lead.OfPings, Window: window(rules.Hour, "Asia/Kolkata"), Limit: most(3)},
		{Key: "campaign:a:day/state", Window: day, Limit: most(1), By: &rules.By{Field: "state", Others: true,
			Values: values}},
		{Key: "campaign:b:day/state", Window: day, Days: 2, By: &rules.By{Field: "state", Values: values}},
	} {
		name := fmt.Sprint(c.Key, " ", c.Days)
		x.names = append(x.names, name)
		x.m.caps[name] = c
		x.s.Counter(c)
	}
	// Holds that name one of these only may pass the others, and come in any order of time.
	x.m.lower["campaign:a:day"], x.m.lower["campaign:b:day/state"] = true, true
	return x
}

// remember has a store that does not keep what has ended by itself ask the model.
func (x *machine) remember() {
	s, ok := x.s.(capstore.Rebuilt)
	if !ok {
		return
	}
	s.Before(func(m *capstore.Mark, of lead.ID, now time.Time) (lead.ID, bool, error) {
		if found := x.m.ended(m, of, now); len(found) > 0 {
			return found[0], true, nil
		}
		return lead.ID{}, false, nil
	})
}

// drawMarks draws by what a lead is known.
func drawMarks(t *rapid.T) (out []capstore.Mark) {
	for range rapid.IntRange(0, 2).Draw(t, "marks") {
		out = append(out, capstore.Mark{Rule: rapid.SampledFrom([]string{"buyer:a:phone", "vertical:v:phone"}).Draw(t,
			"rule"), Names: rapid.SliceOfN(rapid.SampledFrom([]string{"jane", "joe", "jim"}), 1, 2).Draw(t, "names"),
			Window: time.Duration(rapid.IntRange(1, 48).Draw(t, "hours")) * time.Hour,
			Posted: rapid.Bool().Draw(t, "posted")})
	}
	return out
}

// drawNow draws times of four days, with the night when clocks go back in North America, in any order.
func drawNow(t *rapid.T) time.Time {
	return time.Date(2026, 10, 31, 16, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 72*4).Draw(t,
		"now")) * 15 * time.Minute)
}

func drawToken(t *rapid.T) lead.ID { return newID('t', rapid.IntRange(0, 30).Draw(t, "token")) }

// drawWant draws what is needed of a cap.
func (x *machine) drawWant(t *rapid.T, name string) want {
	w, c := want{name: name, n: 1}, x.m.caps[name]
	if c.By != nil {
		w.value = rapid.SampledFrom([]string{"TX", "CA", "NV", ""}).Draw(t, "value")
	}
	if c.Of == lead.OfSpend {
		w.n = rapid.Int64Range(1, 9).Draw(t, "price")
	}
	return w
}

func (x *machine) hold(t *rapid.T) {
	r := &capstore.HoldRequest{Token: drawToken(t), Lead: newID('l', rapid.IntRange(0, 6).Draw(t, "lead")),
		Now: drawNow(t), Buyer: rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "buyer"),
		SellLimit: rapid.IntRange(0, 4).Draw(t, "limit"), MaxSold: rapid.IntRange(0, 4).Draw(t, "max"),
		Marks: drawMarks(t)}
	var wants []want
	for _, name := range rapid.SliceOfN(rapid.SampledFrom(x.names), 0, 4).Draw(t, "caps") {
		if x.m.caps[name].Of == lead.OfPings {
			continue
		}
		w := x.drawWant(t, name)
		wants = append(wants, w)
		r.Needs = append(r.Needs, capstore.Need{Counter: x.s.Counter(x.m.caps[name]), Value: w.value, N: w.n})
	}
	first := x.m.before(r)
	var got []capstore.HoldReply
	for range calls(t) {
		var err error
		if got, err = x.s.Hold(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
	if got[0].Refusal == lead.DuplicateRule && (!slices.Contains(first, got[0].First) || got[0].Rule == "") {
		t.Fatalf("hold %+v: %+v, the first being one of %v", r, got[0], first)
	}
	charges, no := x.m.hold(r, wants)
	if got[0].Refusal != no || fmt.Sprint(got[0].Charges) != fmt.Sprint(charges) {
		t.Fatalf("hold %+v of %v: %+v, want %v %v", r, wants, got[0], charges, no)
	}
}

// calls is how often a call is made: again for each reply that was lost on its way, as one of a store outside of the
// process may be. What was done by the first of them is what the last one tells.
func calls(t *rapid.T) int {
	return 1 + rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "lost replies")
}

func (x *machine) end(t *rapid.T, e capstore.End, want error) {
	for range calls(t) {
		errs, err := x.s.End(context.Background(), e)
		if err != nil || !errors.Is(errs[0], want) {
			t.Fatalf("end %+v: %v, %v, want %v", e, errs, err, want)
		}
	}
}

func (x *machine) commit(t *rapid.T) {
	token, booked := drawToken(t), rapid.Int64Range(1, 12).Draw(t, "booked")
	x.end(t, capstore.End{Token: token, Outcome: lead.Accepted, Booked: lead.Money(booked)}, x.m.commit(token, booked))
}

func (x *machine) release(t *rapid.T) {
	token := drawToken(t)
	how := rapid.SampledFrom([]lead.Outcome{lead.Rejected, lead.Duplicate, lead.NotSent}).Draw(t, "outcome")
	x.end(t, capstore.End{Token: token, Outcome: how}, x.m.release(token, how != lead.NotSent))
}

// undo takes a sale back.
func (x *machine) undo(t *rapid.T) {
	token := drawToken(t)
	h := x.m.holds[token]
	if h == nil || !h.committed {
		t.Skip("no sale")
	}
	delete(x.m.holds, token)
	x.m.past = append(x.m.past, pastHold{h, false})
	x.change(t, capstore.Change{Charges: h.changed(-1), Undo: &token})
	x.m.tombs[token], x.m.gone[token] = true, h
}

// redo makes a sale again of what was taken back, whatever room there is.
func (x *machine) redo(t *rapid.T) {
	for token, h := range x.m.gone {
		delete(x.m.gone, token)
		x.m.past = slices.DeleteFunc(x.m.past, func(p pastHold) bool { return p.modelHold == h })
		x.change(t, capstore.Change{Charges: h.changed(1), Redo: &capstore.Restored{Token: token, Lead: h.lead,
			Buyer: h.buyer, MaxSold: h.promise, Charges: h.charges, Marks: h.marks, At: h.at}})
		for _, c := range h.charges {
			x.m.lower[base(c.Cap)] = true
		}
		delete(x.m.tombs, token)
		x.m.holds[token] = h
		return
	}
	t.Skip("nothing was taken back")
}

func (x *machine) change(t *rapid.T, c capstore.Change) {
	c.Token = newID('c', x.told)
	x.told, x.made = x.told+1, append(x.made, c)
	for range calls(t) {
		x.tell(t, c)
	}
	for _, ch := range c.Charges {
		x.m.count[at(ch.Cap, ch.Window)] += ch.N
	}
}

func (x *machine) tell(t *rapid.T, c capstore.Change) {
	if err := x.s.Change(context.Background(), c); err != nil {
		t.Fatal(err)
	}
}

// changeAgain tells a change again that was made, whatever has become of its sale since: nothing changes.
func (x *machine) changeAgain(t *rapid.T) {
	if len(x.made) == 0 {
		t.Skip("nothing was changed")
	}
	x.tell(t, rapid.SampledFrom(x.made).Draw(t, "change"))
}

// take counts a ping.
func (x *machine) take(t *rapid.T) {
	const name = "campaign:a:pings:hour 0"
	now, c := drawNow(t), x.m.caps[name]
	got, no := x.s.Counter(c).Take(nil, 1, now)
	want := x.m.refuses(c, "", 1, now)
	charge := lead.Charge{Cap: c.Key, Window: clockName(c, now), N: 1, Of: c.Of}
	if no != want || no == lead.NoRefusal && got != charge {
		t.Fatalf("take: %+v %v, want %v", got, no, want)
	}
	if no == lead.NoRefusal {
		x.m.count[at(c.Key, clockName(c, now))]++
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
	s, ok := x.s.(capstore.Rebuilt)
	if !ok {
		t.Skip("it keeps its counts by itself")
	}
	w := x.drawWant(t, rapid.SampledFrom(x.names).Draw(t, "key"))
	c := x.m.caps[w.name]
	key, window := keyOf(c, w.value), clockName(c, drawNow(t))
	// As at start: what stands is at least what holds have charged, sales too, which may yet be taken back.
	n := int64(rapid.IntRange(0, 2).Draw(t, "n"))
	for _, h := range x.m.holds {
		for _, ch := range h.charges {
			switch {
			case ch.Cap != key || ch.Window != window:
			case h.committed && ch.Of == lead.OfSpend:
				n += h.booked
			default:
				n += ch.N
			}
		}
	}
	s.SetCount(key, window, n)
	x.m.count[at(key, window)] = n
	x.m.lower[c.Key] = true
}

func (x *machine) reload(t *rapid.T) {
	k := rapid.SampledFrom(x.names).Draw(t, "key")
	c := x.m.caps[k]
	x.m.lower[c.Key] = true
	c.Limit.Most = int64(rapid.IntRange(1, 5).Draw(t, "max"))
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

// restart gives way to another store; one that keeps nothing by itself is told what a ledger would know, in any order.
func (x *machine) restart(t *rapid.T) {
	before := x.s
	x.s = x.open(before)
	x.remember()
	s, ok := x.s.(capstore.Rebuilt)
	if !ok {
		for _, k := range x.names {
			x.s.Counter(x.m.caps[k])
		}
		return
	}
	x.made = nil // who would tell them again is gone with the store
	steps := []func(){}
	for _, token := range slices.SortedFunc(maps.Keys(x.m.holds), func(a, b lead.ID) int {
		return slices.Compare(a[:], b[:])
	}) {
		h := x.m.holds[token]
		steps = append(steps, func() {
			s.Restore(capstore.Restored{Token: token, Lead: h.lead, Buyer: h.buyer, MaxSold: h.promise, SellLimit: 0,
				Charges: h.charges, Marks: h.marks, At: h.at, Committed: h.committed})
		})
	}
	for _, k := range x.names {
		steps = append(steps, func() { x.s.Counter(x.m.caps[k]) })
	}
	for _, name := range slices.Sorted(maps.Keys(x.m.count)) {
		key, window, _ := strings.Cut(name, "\x00")
		steps = append(steps, func() { s.SetCount(key, window, x.m.count[name]) })
	}
	order := make([]int, len(steps))
	for i := range order {
		order[i] = i
	}
	for _, i := range rapid.Permutation(order).Draw(t, "order") {
		steps[i]()
	}
	x.m.tombs, x.m.gone = map[lead.ID]bool{}, map[lead.ID]*modelHold{}
}

func (x *machine) check(t *rapid.T) {
	for i := 0; i <= 72*4; i += 13 {
		now := time.Date(2026, 10, 31, 16, 0, 0, 0, time.UTC).Add(time.Duration(i) * 15 * time.Minute)
		for _, k := range x.names {
			for _, value := range []string{"", "TX", "CA", "NV"} {
				if c := x.m.caps[k]; c.By != nil || value == "" {
					x.checkOne(t, c, value, now)
				}
			}
		}
	}
}

func (x *machine) checkOne(t *rapid.T, c rules.Cap, value string, now time.Time) {
	key, used, limit := keyOf(c, value), x.m.used(c, value, now), most(c, value, now)
	want := capstore.Use{Key: key, Value: value, Used: used, Open: x.m.open(c, value, now), Limit: limit, Limited: true,
		Allowed: limit}
	if limit == math.MaxInt64 {
		want.Limit, want.Limited, want.Allowed = 0, false, 0
	}
	var got *capstore.Use
	for _, u := range x.s.Use(&c, now) {
		if u.Key == key {
			got = &u
		}
	}
	switch {
	case got == nil && (c.By == nil || want.Used != 0 || want.Open != 0):
		t.Fatalf("no use of %s at %v, want %+v", key, now, want)
	case got != nil && *got != want:
		t.Fatalf("%s at %v: %+v, want %+v", key, now, *got, want)
	}
	if no := x.s.Counter(c).Room([]byte(value), 1, now); no != x.m.refuses(c, value, 1, now) {
		t.Fatalf("%s at %v: room: %v with %d of %d", key, now, no, used, limit)
	}
	if used > limit && !x.m.lower[c.Key] || used < 0 {
		t.Fatalf("%s at %v: %d of %d", key, now, used, limit)
	}
}
