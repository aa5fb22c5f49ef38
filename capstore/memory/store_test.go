// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"clearpost/capstore"
	"clearpost/lead"
	"clearpost/rules"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func hourly(most int64) rules.Cap {
	return rules.Cap{Key: "buyer:b:hour", Window: rules.Window{Per: rules.Hour, Zone: time.UTC},
		Limit: rules.Limit{Most: most}}
}

func request(n int, now time.Time, counters ...capstore.Counter) *capstore.HoldRequest {
	return &capstore.HoldRequest{Token: newID('t', n), Lead: newID('l', n), Buyer: "b", SellLimit: 1, MaxSold: 1,
		Needs: needs(counters...), Now: now}
}

func mustHold(t *testing.T, s *Store, r *capstore.HoldRequest) []lead.Charge {
	t.Helper()
	charges, no := holdOne(s, r)
	if no != lead.NoRefusal {
		t.Fatalf("hold: %v", no)
	}
	return charges
}

func wantUse(t *testing.T, s *Store, now time.Time, want int64) {
	t.Helper()
	if used := use(s, hourly(0), now).Used; used != want {
		t.Fatalf("%d used at %v, want %d", used, now, want)
	}
}

// Many goroutines hold, commit and release over two hours and three caps. At no moment is a cap passed, no lead is sold
// beyond its slots, and when all that is not committed has been released, what is counted is what was committed, and
// nothing else is kept.
func TestConcurrentHolds(t *testing.T) {
	s := New()
	caps := []rules.Cap{hourly(20),
		{Key: "campaign:c:total", Window: rules.Window{Per: rules.Total}, Limit: rules.Limit{Most: 33}},
		{Key: "campaign:d:day", Window: rules.Window{Per: rules.Day, Zone: mustZone(t, "Asia/Kolkata")},
			Limit: rules.Limit{Most: 25}}}
	counters := make([]capstore.Counter, len(caps))
	for i := range caps {
		counters[i] = s.Counter(caps[i])
	}
	times := []time.Time{noon, noon.Add(time.Hour)}
	var committed [3][2]atomic.Int64 // by cap and time
	var perLead [50]atomic.Int64
	stop := make(chan struct{})
	var watch, work sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			for i, c := range caps {
				for _, now := range times {
					if used := use(s, c, now).Used; used > c.Limit.Most || used < 0 {
						t.Errorf("%s: %d of %d", c.Key, used, c.Limit.Most)
						return
					}
					room(counters[i], now)
				}
			}
		}
	})
	for g := range 8 {
		work.Go(func() {
			rng := rand.New(rand.NewPCG(7, uint64(g)))
			for n := range 400 {
				l, when, which := rng.IntN(50), rng.IntN(2), rng.IntN(3)
				r := request(g*1000+n, times[when], counters[which], counters[(which+1)%3])
				r.Lead, r.Buyer, r.SellLimit, r.MaxSold = newID('l', l), string(rune('a'+rng.IntN(6))), 3, 2+rng.IntN(2)
				if _, no := holdOne(s, r); no != lead.NoRefusal {
					continue
				}
				if perLead[l].Add(1) > 3 {
					t.Errorf("lead %d is held more than three times", l)
				}
				if rng.IntN(5) == 0 {
					if err := commit(s, r.Token); err != nil {
						t.Errorf("commit: %v", err)
					}
					committed[which][when].Add(1)
					committed[(which+1)%3][when].Add(1)
					continue
				}
				perLead[l].Add(-1)
				if err := release(s, r.Token); err != nil {
					t.Errorf("release: %v", err)
				}
			}
		})
	}
	work.Wait()
	close(stop)
	watch.Wait()
	wantCommitted(t, s, caps, times, &committed)
	for l := range perLead {
		s.Forget(newID('l', l))
	}
	wantNothingOpen(t, s)
}

func wantNothingOpen(t *testing.T, s *Store) {
	t.Helper()
	if len(s.holds) != 0 || len(s.leads) != 0 {
		t.Errorf("%d holds of %d leads are left", len(s.holds), len(s.leads))
	}
	for _, c := range s.classes {
		for _, w := range c.one.windows {
			if w.open != 0 {
				t.Errorf("%s %s: %d holds are open", c.key, w.name, w.open)
			}
		}
	}
}

func wantCommitted(t *testing.T, s *Store, caps []rules.Cap, times []time.Time, committed *[3][2]atomic.Int64) {
	t.Helper()
	some := int64(0)
	for i, c := range caps {
		for j, now := range times {
			want := committed[i][j].Load()
			if c.Window.Per != rules.Hour { // one window holds both times
				want = committed[i][0].Load() + committed[i][1].Load()
			}
			some += want
			if used := use(s, c, now).Used; used != want || used > c.Limit.Most {
				t.Errorf("%s at %v: %d counted, %d committed, at most %d", c.Key, now, used, want, c.Limit.Most)
			}
		}
	}
	if some == 0 {
		t.Error("nothing was committed: the test shows nothing")
	}
}

// All or nothing: what a refused hold looked at is not charged.
func TestRefusedHoldTakesNothing(t *testing.T) {
	s := New()
	open, full := s.Counter(hourly(5)),
		s.Counter(rules.Cap{Key: "campaign:c:total", Window: rules.Window{Per: rules.Total},
			Limit: rules.Limit{Most: 1}})
	mustHold(t, s, request(1, noon, open, full))
	if _, no := holdOne(s, request(2, noon, open, full)); no != lead.CapReached {
		t.Fatalf("a full cap: %v", no)
	}
	wantUse(t, s, noon, 1)
	// Not even the lead's slot.
	slot := request(3, noon, open)
	slot.Lead = newID('l', 2)
	mustHold(t, s, slot)
}

func TestReleaseGivesBackThePastWindow(t *testing.T) {
	s := New()
	c := s.Counter(hourly(1))
	charges := mustHold(t, s, request(1, noon, c))
	if len(charges) != 1 || charges[0] != (lead.Charge{Cap: "buyer:b:hour", Window: "2026-11-23T12+00:00", N: 1}) {
		t.Fatalf("charges %v", charges)
	}
	later := noon.Add(time.Hour)
	mustHold(t, s, request(2, later, c))
	if err := release(s, newID('t', 1)); err != nil {
		t.Fatal(err)
	}
	wantUse(t, s, noon, 0)
	wantUse(t, s, later, 1)
	if !room(c, noon) || room(c, later) {
		t.Fatalf("room %v at noon, %v an hour later", room(c, noon), room(c, later))
	}
}

func TestReleaseBeatsTheLateHold(t *testing.T) {
	s := New()
	c := s.Counter(hourly(5))
	for range 2 {
		if err := release(s, newID('t', 1)); err != nil {
			t.Fatal(err)
		}
	}
	if _, no := holdOne(s, request(1, noon, c)); no != lead.NotReached {
		t.Fatalf("a hold after its release: %v", no)
	}
	wantUse(t, s, noon, 0)
	if err := commit(s, newID('t', 1)); !errors.Is(err, capstore.ErrNotHeld) {
		t.Fatalf("commit of a released token: %v", err)
	}
}

func TestTombstonesAreBounded(t *testing.T) {
	s := New()
	token := func(i int) lead.ID { return lead.ID{0: 't', 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)} }
	for i := range TombstonesMax + 10 {
		if err := release(s, token(i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.tombs.known) != TombstonesMax || len(s.tombs.ring) != TombstonesMax {
		t.Fatalf("%d tombstones, %d in the ring", len(s.tombs.known), len(s.tombs.ring))
	}
	for i, want := range map[int]bool{9: false, 10: true, TombstonesMax + 9: true} {
		if _, there := s.tombs.known[token(i)]; there != want {
			t.Errorf("tombstone %d is kept: %v", i, there)
		}
	}
}

// Windows are forgotten, but none that an open hold charges; what is forgotten is closed, not empty.
func TestOldWindowsAreForgottenAndClosed(t *testing.T) {
	s := New()
	c := s.Counter(hourly(1))
	const hours = 3 * WindowsMax
	for i := range hours {
		mustHold(t, s, request(i, noon.Add(time.Duration(i)*time.Hour), c))
		if i != 5 {
			if err := commit(s, newID('t', i)); err != nil {
				t.Fatal(err)
			}
		}
		if len(c.(*Counter).of.one.windows) > WindowsMax+1 {
			t.Fatalf("%d windows are kept", len(c.(*Counter).of.one.windows))
		}
	}
	last := noon.Add((hours - 1) * time.Hour)
	for i := range hours {
		now := noon.Add(time.Duration(i) * time.Hour)
		if room(c, now) {
			t.Fatalf("room in hour %d, which is full or closed", i)
		}
		if _, no := holdOne(s, request(1000+i, now, c)); no != lead.CapReached {
			t.Fatalf("a hold in hour %d, which is full or closed: %v", i, no)
		}
	}
	if room(c, noon.Add(-time.Hour)) {
		t.Fatal("room before all that was forgotten")
	}
	old := noon.Add(5 * time.Hour)
	wantUse(t, s, old, 1)
	if err := release(s, newID('t', 5)); err != nil {
		t.Fatal(err)
	}
	wantUse(t, s, old, 0)
	if !room(c, last.Add(time.Hour)) {
		t.Fatal("no room in a new hour")
	}
	s.SetCount("buyer:b:hour", "2026-11-23T12+00:00", 0)
	if room(c, noon) {
		t.Fatal("a closed window was opened by a count")
	}
}

// After a change of the zone a window may reach over the end of what is closed: its closed part stays closed.
func TestClosedTimeStaysClosedInAnotherZone(t *testing.T) {
	s := New()
	c := s.Counter(hourly(1))
	for i := range WindowsMax + 1 {
		now := noon.Add(time.Duration(i) * time.Hour)
		mustHold(t, s, request(i, now, c))
		if err := commit(s, newID('t', i)); err != nil {
			t.Fatal(err)
		}
	}
	half := hourly(1)
	half.Window.Zone = mustZone(t, "Asia/Kolkata") // hours from 12:30 to 13:30 UTC
	c = s.Counter(half)
	closed := noon.Add(45 * time.Minute)
	if _, no := holdOne(s, request(1000, closed, c)); no != lead.CapReached || room(c, closed) {
		t.Fatalf("a hold in the closed part: %v, room %v", no, room(c, closed))
	}
	open := noon.Add(75 * time.Minute)
	if !room(c, open) {
		t.Fatal("no room in the open part")
	}
	mustHold(t, s, request(1001, open, c))
}

func TestRestoreOfReleasedToken(t *testing.T) {
	s := New()
	if err := release(s, newID('t', 1)); err != nil {
		t.Fatal(err)
	}
	s.Restore(capstore.Restored{Token: newID('t', 1), Lead: newID('l', 1), Buyer: "b", MaxSold: 1})
	mustHold(t, s, request(2, noon))
	other := request(3, noon)
	other.Lead = newID('l', 1)
	mustHold(t, s, other)
}

// A hold of a lead that is finished keeps it until it ends.
func TestForgetWaitsForOpenHolds(t *testing.T) {
	for _, finish := range []func(*Store, lead.ID) error{commit, release} {
		s := New()
		c := s.Counter(hourly(5))
		one, two := request(1, noon, c), request(2, noon, c)
		two.Lead, two.Buyer = one.Lead, "other"
		one.SellLimit, one.MaxSold, two.SellLimit, two.MaxSold = 2, 2, 2, 2
		mustHold(t, s, one)
		mustHold(t, s, two)
		if err := commit(s, one.Token); err != nil {
			t.Fatal(err)
		}
		s.Forget(one.Lead)
		third := request(3, noon, c)
		third.Lead = one.Lead
		if _, no := holdOne(s, third); no != lead.BuyerSoldAlready {
			t.Fatalf("the lead is forgotten while it is open: %v", no)
		}
		if err := finish(s, two.Token); err != nil {
			t.Fatal(err)
		}
		if len(s.leads) != 0 || len(s.holds) != 0 {
			t.Fatalf("%d leads and %d holds are left", len(s.leads), len(s.holds))
		}
	}
}

// Counts may be set, and holds restored, before the caps are bound; a cap that is configured no more keeps its counts.
func TestCountsBeforeTheirCaps(t *testing.T) {
	s := New()
	s.SetCount("buyer:b:hour", "2026-11-23T12+00:00", 3)
	s.Restore(capstore.Restored{Token: newID('t', 1), Lead: newID('l', 1), Buyer: "b", MaxSold: 3, SellLimit: 1,
		Charges: []lead.Charge{{Cap: "buyer:b:hour", Window: "2026-11-23T12+00:00", N: 1}}})
	if u := use(s, hourly(0), noon); u != (capstore.Use{}) {
		t.Fatalf("use of a cap that is not bound: %+v", u)
	}
	c := s.Counter(hourly(3))
	wantUse(t, s, noon, 3)
	if room(c, noon) {
		t.Fatal("room in a full window")
	}
	// The restored hold was made under a sell limit of one.
	again := request(2, noon, c)
	again.Lead, again.Buyer, again.SellLimit, again.MaxSold = newID('l', 1), "other", 5, 5
	if _, no := holdOne(s, again); no != lead.NoSlot {
		t.Fatalf("a second sale of a lead sold under a limit of one: %v", no)
	}
	if err := release(s, newID('t', 1)); err != nil {
		t.Fatal(err)
	}
	wantUse(t, s, noon, 2)
}

func TestRoomAllocatesNothing(t *testing.T) {
	s := New()
	c := s.Counter(rules.Cap{Key: "k", Window: rules.Window{Per: rules.Hour, Zone: mustZone(t, "America/New_York")},
		Limit: rules.Limit{Most: 5}})
	for i := range 10 {
		holdOne(s, request(i, noon.Add(time.Duration(i)*time.Hour), c))
	}
	i := 0
	if n := testing.AllocsPerRun(1000, func() { i++; room(c, noon.Add(time.Duration(i)*time.Minute)) }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkRoom(b *testing.B) {
	s := New()
	c := s.Counter(hourly(1 << 30))
	for i := range WindowsMax {
		holdOne(s, request(i, noon.Add(time.Duration(i)*time.Hour), c))
	}
	b.ReportAllocs()
	now := noon.Add((WindowsMax - 1) * time.Hour)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			room(c, now)
		}
	})
}

func BenchmarkHoldCommitForget(b *testing.B) {
	s := New()
	counters := []capstore.Counter{s.Counter(hourly(1 << 30)),
		s.Counter(rules.Cap{Key: "total", Window: rules.Window{Per: rules.Total}, Limit: rules.Limit{Most: 1 << 30}})}
	b.ReportAllocs()
	r := request(1, noon, counters...)
	for b.Loop() {
		if _, no := holdOne(s, r); no != lead.NoRefusal {
			b.Fatal(no)
		}
		if err := commit(s, r.Token); err != nil {
			b.Fatal(err)
		}
		s.Forget(r.Lead)
	}
}

// A hold whose attempt has ended makes room for its successor alone: until it is released nobody else gets its place.
func TestHoldInsteadOfAnEndedOne(t *testing.T) {
	s := New()
	c := s.Counter(hourly(1))
	first := request(1, noon, c)
	mustHold(t, s, first)
	next := request(2, noon, c)
	next.Lead = first.Lead
	other := request(3, noon, c)
	other.Instead = first.Token // of another lead
	committed := request(4, noon)
	mustHold(t, s, committed)
	if err := commit(s, committed.Token); err != nil {
		t.Fatal(err)
	}
	again := request(5, noon)
	again.Lead, again.Instead = committed.Lead, committed.Token
	for _, r := range []*capstore.HoldRequest{next, other, again} {
		if _, no := holdOne(s, r); no == lead.NoRefusal {
			t.Errorf("hold %v took the place of %v", r.Token, r.Instead)
		}
	}
	next.Instead = first.Token
	mustHold(t, s, next)
	if err := release(s, first.Token); err != nil {
		t.Fatal(err)
	}
	wantUse(t, s, noon, 1)
	if _, no := holdOne(s, request(3, noon, c)); no != lead.CapReached {
		t.Errorf("another lead: %v", no)
	}
}

// One place makes room for one hold at a time: two that are made instead of the same ended hold would pass the cap.
// When the one that has it is released, another may have it.
func TestOneHoldInsteadOfAnEndedOne(t *testing.T) {
	s := New()
	c := s.Counter(hourly(1))
	first := request(1, noon, c)
	first.SellLimit, first.MaxSold = 3, 3
	mustHold(t, s, first)
	next := func(n int) *capstore.HoldRequest {
		r := request(n, noon, c)
		r.Lead, r.Instead, r.SellLimit, r.MaxSold = first.Lead, first.Token, 3, 3
		r.Buyer = fmt.Sprint("buyer ", n)
		return r
	}
	mustHold(t, s, next(2))
	if _, no := holdOne(s, next(3)); no != lead.CapReached {
		t.Fatalf("a second hold instead of the same one: %v", no)
	}
	if err := release(s, newID('t', 2)); err != nil {
		t.Fatal(err)
	}
	mustHold(t, s, next(4))
	if err := release(s, first.Token); err != nil {
		t.Fatal(err)
	}
	wantUse(t, s, noon, 1)
	if err := release(s, newID('t', 4)); err != nil {
		t.Fatal(err)
	}
	wantUse(t, s, noon, 0)
}

// Work that began before a change of a cap keeps to the lower of both maximums, and counts for the one in force.
func TestChangedCapBindsOldAndNewCounters(t *testing.T) {
	s := New()
	old := s.Counter(hourly(2))
	mustHold(t, s, request(1, noon, old))
	raised := s.Counter(hourly(3))
	mustHold(t, s, request(2, noon, old))
	if _, no := holdOne(s, request(3, noon, old)); no != lead.CapReached || room(old, noon) || !room(raised, noon) {
		t.Errorf("the old counter beyond its own maximum: %v, room %v, new one %v", no, room(old, noon),
			room(raised, noon))
	}
	if _, no := holdOne(s, request(3, noon, raised, old)); no != lead.CapReached {
		t.Errorf("both at once: %v", no)
	}
	charges := mustHold(t, s, request(4, noon, raised))
	if len(charges) != 1 {
		t.Errorf("charges %v", charges)
	}
	lowered := s.Counter(hourly(1))
	for i, c := range []capstore.Counter{old, raised, lowered} {
		if _, no := holdOne(s, request(5+i, noon, c)); no != lead.CapReached || room(c, noon) {
			t.Errorf("counter %d under the lowered cap: %v, room %v", i, no, room(c, noon))
		}
	}
	wantUse(t, s, noon, 3)
	if err := release(s, newID('t', 1)); err != nil {
		t.Fatal(err)
	}
	wantUse(t, s, noon, 2)
	next := noon.Add(time.Hour)
	if charges := mustHold(t, s, request(9, next, raised, lowered)); len(charges) != 1 {
		t.Errorf("one cap of two configurations is charged once: %v", charges)
	}
	if room(lowered, next) || room(raised, next) {
		t.Error("the lowered cap has room beyond its maximum")
	}
}

// A cap of the last hundred days sees all of them, also those that were not kept before there was such a cap.
func TestDaysThatCountTogether(t *testing.T) {
	s := New()
	days := rules.Window{Per: rules.Day, Zone: mustZone(t, "America/New_York")}
	daily := s.Counter(rules.Cap{Key: "buyer:b:day", Window: days, Limit: rules.Limit{Most: 2}})
	if daily.LooksFurther() {
		t.Error("a cap of single days looks back")
	}
	counts := map[string]int64{} // as the ledger has them
	for i := range 200 {
		now := noon.AddDate(0, 0, i)
		for n := range 1 + i%2 {
			charges := mustHold(t, s, request(2*i+n, now, daily))
			if err := commit(s, newID('t', 2*i+n)); err != nil {
				t.Fatal(err)
			}
			counts[charges[0].Window]++
		}
	}
	last := noon.AddDate(0, 0, 199)
	far := rules.Cap{Key: "buyer:b:day", Window: days, Days: 100, Limit: rules.Limit{Most: 151}}
	rolling := s.Counter(far)
	if !rolling.LooksFurther() || s.Counter(far).LooksFurther() {
		t.Error("the first cap of a hundred days looks further than those before it, the next does not")
	}
	for name, n := range counts {
		s.Fill("buyer:b:day", name, n)
	}
	if u := use(s, far, last); u.Used != 150 || u.Limit != 151 {
		t.Fatalf("%+v in a hundred days, want 150", u)
	}
	mustHold(t, s, request(1000, last.AddDate(0, 0, 1), daily, rolling)) // a day with one place goes, this one comes
	if !room(rolling, last.AddDate(0, 0, 1)) {
		t.Error("no room for number 151")
	}
	if u := use(s, far, last.AddDate(0, 0, 1)); u.Used != 150 || u.Open != 1 {
		t.Fatalf("%+v on the next day", u)
	}
	mustHold(t, s, request(1001, last.AddDate(0, 0, 1), daily, rolling))
	if _, no := holdOne(s, request(1002, last.AddDate(0, 0, 1), rolling)); no != lead.CapReached {
		t.Fatalf("number 152 in a hundred days: %v", no)
	}
	if err := release(s, newID('t', 1001)); err != nil {
		t.Fatal(err)
	}
	mustHold(t, s, request(1003, last.AddDate(0, 0, 1), rolling))
}

// The limit of a day of the week holds from midnight of the cap's zone.
func TestLimitsOfDaysOfTheWeek(t *testing.T) {
	s := New()
	c := s.Counter(rules.Cap{Key: "k", Window: rules.Window{Per: rules.Hour, Zone: mustZone(t, "America/New_York")},
		Limit: rules.Limit{Most: 9, Weekdays: &[7]int64{0, 9, 9, 9, 9, 9, 1}}}) // Sunday first
	saturday := time.Date(2026, 11, 29, 4, 59, 59, 0, time.UTC) // 23:59:59 there
	mustHold(t, s, request(1, saturday, c))
	if room(c, saturday) || room(c, saturday.Add(time.Second)) || !room(c, saturday.Add(24*time.Hour+time.Second)) {
		t.Error("one on Saturday, none on Sunday, nine on Monday")
	}
	if _, no := holdOne(s, request(2, saturday.Add(time.Second), c)); no != lead.CapReached {
		t.Errorf("on Sunday: %v", no)
	}
}
