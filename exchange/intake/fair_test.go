// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"math"
	"testing"
	"time"
)

func TestLevelOfPaces(t *testing.T) {
	for _, tt := range []struct {
		what  string
		paces []int64
		much  int64
		want  int64
	}{
		{"nobody sends", nil, 100, math.MaxInt64},
		{"all together are no more than there is", []int64{10, 20, 70}, 100, math.MaxInt64},
		{"one sends more", []int64{10, 20, 700}, 100, 70},
		{"two send more", []int64{10, 300, 700}, 100, 45},
		{"all alike send more", []int64{300, 300, 300, 300}, 100, 25},
		{"one alone sends more", []int64{300}, 100, 100},
	} {
		if got := level(tt.paces, tt.much); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.what, got, tt.want)
		}
	}
}

func TestPaceFollowsTheProcessors(t *testing.T) {
	least := paceLeast()
	for _, tt := range []struct {
		what      string
		most, let int64
		look      look
		kept, may bool
		want      int64 // where as many were answered
	}{
		{"nobody waits", unbounded, 10 * least, look{}, true, true, unbounded},
		{"a hot look may be chance", unbounded, 10 * least, look{hot: true, heat: 1}, true, true, unbounded},
		{"two are none", unbounded, 100 * least, look{hot: true, heat: 2}, true, true, 85 * least},
		{"nobody was kept out", 10 * least, 100 * least, look{hot: true, heat: 9}, false, true, 85 * least},
		{"it goes on", 85 * least, 40 * least, look{hot: true, heat: 4}, true, true, 34 * least},
		{"which takes a moment to show", 85 * least, 40 * least, look{hot: true, heat: 4}, true, false, 85 * least},
		{"never fewer than the least", 2 * least, least, look{hot: true, heat: 4}, true, true, least},
		{"it grows cooler", 34 * least, 34 * least, look{heat: 2}, true, true, 34 * least},
		{"it is cool", 32 * least, 30 * least, look{}, true, true, 33*least + 1},
		{"fewer come by far", 32 * least, 3 * least, look{}, true, true, unbounded},
		{"nobody came for a while", 32 * least, 32 * least, look{hot: true, heat: 4, missed: 7}, true, true, unbounded},
	} {
		if got := nextPace(tt.most, tt.let, tt.let, tt.look, tt.kept, tt.may); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.what, got, tt.want)
		}
	}
}

func TestTheFirstPaceGivesBackWhatWasTooMany(t *testing.T) {
	for _, tt := range [][3]int64{
		{100, 100, 85}, {110, 100, 75}, {90, 100, 76}, {130, 100, 55}, {150, 100, 50}, {1000, 100, 50}, {100, 0, 0},
	} {
		if got := firstPace(tt[0], tt[1]); got != tt[2] {
			t.Errorf("%d let in, %d answered: %d, want %d", tt[0], tt[1], got, tt[2])
		}
	}
}

func TestWhatPingsTakeFollowsFromHowManyAreUnderWay(t *testing.T) {
	for _, tt := range []struct {
		pings, done int64 // a look, in parts of paceUnit
		want        time.Duration
	}{
		{0, 0, 0}, {0, 50 * paceUnit, 0}, {50, 50 * paceUnit, sensorEvery}, {1000, 50 * paceUnit, time.Second},
		{1, paceUnit / 4, 4 * sensorEvery}, {1, 0, takesCap}, {math.MaxInt32, 1, takesCap},
	} {
		if got := takes(tt.pings, tt.done); got != tt.want {
			t.Errorf("%d under way, %d of %d answered a look: %v, want %v", tt.pings, tt.done, paceUnit, got, tt.want)
		}
	}
}

// TestHeatPasses: however long it was hot, a second of cool looks ends it.
func TestHeatPasses(t *testing.T) {
	heat := int64(0)
	for range 100 {
		heat = nextHeat(heat, true)
	}
	cool := 0
	for ; heat > 0; cool++ {
		heat = nextHeat(heat, false)
	}
	if time.Duration(cool)*sensorEvery > time.Second {
		t.Errorf("%d looks", cool)
	}
}

// crowd is places with sources that send so many pings a look, and processors that bear so many.
type crowd struct {
	*places
	seats map[string]*seat
	bears int64
	left  int64 // what they have not done yet
	heat  int64
	no    int64
}

func newCrowd(most, bears int64, names ...string) *crowd {
	c := &crowd{places: fixed(most), seats: map[string]*seat{}, bears: bears}
	for _, n := range names {
		c.seats[n] = &seat{}
	}
	c.places.seats = func() map[string]*seat { return c.seats }
	return c
}

// come has one ping come, and stay.
func (c *crowd) come(name string) (no ShedReason, modest, ok bool) {
	if no, ok = c.enter(false, 0); !ok {
		return no, false, false
	}
	if no, modest, ok = c.share(c.seats[name], false, true, 4*sensorEvery); ok {
		c.begin()
	} else {
		c.leave()
	}
	return no, modest, ok
}

// look has all sources send, in turn, and tells how many of each are let in and how many are left undone.
func (c *crowd) look(send map[string]int64) (let map[string]int64, left int64) {
	let = map[string]int64{}
	for i := int64(0); ; i++ {
		more := false
		for name, n := range send {
			if i >= n {
				continue
			}
			more = true
			if _, _, ok := c.come(name); ok {
				let[name]++
				c.left++
				c.leave()
				c.unshare(c.seats[name])
			}
		}
		if !more {
			break
		}
	}
	done := min(c.left, c.bears)
	c.left -= done
	for range done {
		c.end()
	}
	c.no++
	hot := c.left > c.bears/5 // who comes last waits longer than waitedMost
	c.heat = nextHeat(c.heat, hot)
	l := look{hot: hot, heat: c.heat, no: c.no}
	if hot {
		l.waited = sensorEvery * time.Duration(c.left) / time.Duration(c.bears)
	}
	c.weigh(l)
	return let, c.left
}

// TestWhoSendsLittleIsServedBesideWhoSendsTooMuch: in a storm of several times what the processors bear, whoever sends
// less than its part is served wholly, the others have most of what is left, and none waits long; and all are let in as
// before once it is over.
func TestWhoSendsLittleIsServedBesideWhoSendsTooMuch(t *testing.T) {
	c := newCrowd(10_000, 100*paceLeast()/paceUnit, "small", "hog", "other hog")
	usual := map[string]int64{"small": c.bears / 10, "hog": c.bears / 5, "other hog": c.bears / 5}
	storm := map[string]int64{"small": c.bears / 10, "hog": 2 * c.bears, "other hog": c.bears}
	for range 20 {
		for name, n := range usual {
			if let, _ := c.look(usual); let[name] != n {
				t.Fatalf("while the processors keep up, %d of %d pings of %s are let in", let[name], n, name)
			}
		}
	}
	total, worst := map[string]int64{}, int64(0)
	const soon, settles, looks = 12, 40, 400
	for i := range settles + looks {
		let, left := c.look(storm)
		if i == soon && left > 0 {
			t.Errorf("look %d of a storm: %d pings of its beginning still wait", i, left)
		}
		if let["small"] != storm["small"] {
			t.Fatalf("look %d of a storm: %d of %d pings of who sends little are let in", i, let["small"],
				storm["small"])
		}
		if i < settles {
			continue
		}
		worst = max(worst, left)
		for name, n := range let {
			total[name] += n
		}
	}
	if worst > c.bears {
		t.Errorf("%d pings wait, the processors need %d looks for them", worst, worst/c.bears)
	}
	if all := total["small"] + total["hog"] + total["other hog"]; all < looks*c.bears*7/10 || all > looks*c.bears {
		t.Errorf("%d pings were let in, of %d that the processors bear", all, looks*c.bears)
	}
	for range 100 {
		c.look(usual)
	}
	if c.fair.most.Load() != unbounded || c.pacePerSecond() != 0 {
		t.Errorf("after the storm %d are let in", c.pacePerSecond())
	}
}

// TestWhatIsBorneIsLetIn: where as many come as the processors bear, and one is waited for all the while, all are let
// in as long as they are answered in good time; and of a storm afterwards as many as of any other.
func TestWhatIsBorneIsLetIn(t *testing.T) {
	c := newCrowd(10_000, 100*paceLeast()/paceUnit, "one")
	for ; c.left < c.bears/2; c.left++ { // a pause of the machine that is never made up for
		c.begin()
	}
	for i := range 10_000 {
		if let, _ := c.look(map[string]int64{"one": c.bears}); let["one"] != c.bears {
			t.Fatalf("look %d: %d of %d were let in", i, let["one"], c.bears)
		}
	}
	if c.fair.age.Load() == 0 || c.fair.most.Load() < c.bears*paceUnit/2 {
		t.Errorf("%d looks, %d a second", c.fair.age.Load(), c.pacePerSecond())
	}
	all := int64(0)
	for range 200 {
		let, left := c.look(map[string]int64{"one": 3 * c.bears})
		if all += let["one"]; left > 4*c.bears {
			t.Fatalf("%d wait, the processors need %d looks for them", left, left/c.bears)
		}
	}
	if all < 200*c.bears*7/10 {
		t.Errorf("%d were let in, of %d that the processors bear", all, 200*c.bears)
	}
}

// TestManyInFlightAreNoFault: where its buyers take long, a source that sends little has more in flight than others;
// only where most of all places are taken it has no more than its share of them.
func TestManyInFlightAreNoFault(t *testing.T) {
	c := newCrowd(1000, 100, "small", "hog")
	c.fair.most.Store(0)
	c.fair.age.Store(100)
	c.fair.takes.Store(int64(time.Hour))
	c.fair.waited.Store(int64(time.Second))
	c.seats["hog"].pace.Store(50 * paceUnit)
	c.fair.modest.Store(20 * paceUnit)
	if why, modest, ok := c.come("hog"); ok || modest || why != ShedOverloaded {
		t.Errorf("a source with many: %v, modest: %v, %v", ok, modest, why)
	}
	for i := range 400 {
		if why, modest, ok := c.come("small"); !ok || !modest {
			t.Fatalf("number %d of a source that sends little: %v, modest: %v, %v", i, ok, modest, why)
		}
	}
	c.flying.Store(c.max*crowdedQuarters/4 + 1)
	c.seats["small"].n.Store(c.max / 2)
	if why, _, ok := c.come("small"); ok || why != ShedSourceShare {
		t.Errorf("with most places taken, half of all by itself: %v, %v", ok, why)
	}
	c.flying.Store(c.max)
	if why, _, ok := c.come("small"); ok || why != ShedOverloaded {
		t.Errorf("with all places taken: %v, %v", ok, why)
	}
}

// TestNobodyIsModestWhereAllSendTheSame: they are sent away alike.
func TestNobodyIsModestWhereAllSendTheSame(t *testing.T) {
	c := newCrowd(10_000, 10*paceLeast()/paceUnit, "a", "b", "c", "d")
	send := map[string]int64{}
	for name := range c.seats {
		send[name] = c.bears
	}
	total, all := map[string]int64{}, int64(0)
	for range 200 {
		let, _ := c.look(send)
		for name, n := range let {
			total[name] += n
			all += n
		}
	}
	for name, n := range total {
		if n < all/5 || n > all*3/10 {
			t.Errorf("%s: %d of %d", name, n, all)
		}
	}
}

// TestFewRequestsAreNoCrowd: however long they waited.
func TestFewRequestsAreNoCrowd(t *testing.T) {
	p := fixed(1 << 20)
	p.fair.reads.Store(10 * paceUnit) // 100 a second
	if p.crowded(time.Second) {
		t.Error("100 wait")
	}
	if p.fair.reads.Store(placesLeast() * paceUnit / 10); p.crowded(time.Second/2) || !p.crowded(2*time.Second) {
		t.Error("as many as may always be there in a second are a crowd before, or not after, they have waited for one")
	}
	p.fair.reads.Store(0)
	if p.flying.Store(placesLeast() + 1); !p.crowded(0) {
		t.Error("more are in flight than may always be")
	}
}
