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

// crowd is places with sources that send at paces of their own, as many pings a look.
type crowd struct {
	*places
	seats map[string]*seat
	no    int64
}

func newCrowd(most int64, names ...string) *crowd {
	c := &crowd{places: fixed(most), seats: map[string]*seat{}}
	for _, n := range names {
		c.seats[n] = &seat{}
	}
	c.places.seats = func() map[string]*seat { return c.seats }
	return c
}

// look has each source send so many pings, lets most of them in, in all, as processors do, and looks.
func (c *crowd) look(heat, most int64, send map[string]int64) {
	for name, n := range send {
		c.seats[name].came.Add(n)
		c.let.Add(min(n, most/int64(len(send))))
	}
	c.no++
	c.weigh(look{heat: heat, no: c.no})
}

// TestWhoSendsLittleIsServedBesideWhoSendsTooMuch: it has a place where others find none, also where its pings take so
// long that it has more in flight than a share of the places that are left; and a queue that stands is not its fault.
func TestWhoSendsLittleIsServedBesideWhoSendsTooMuch(t *testing.T) {
	c := newCrowd(1000, "small", "hog", "other hog")
	send := map[string]int64{"small": 10, "hog": 300, "other hog": 200}
	come := func(name string) (no ShedReason, modest, ok bool) {
		if no, ok = c.enter(false, 0); !ok {
			return no, false, false
		}
		if no, modest, ok = c.share(c.seats[name], false, true); !ok {
			c.leave()
		}
		return no, modest, ok
	}
	for range 50 {
		c.look(0, 600, send)
	}
	if _, modest, ok := come("hog"); !ok || !modest {
		t.Errorf("while the processors keep up a source with many is let in: %v, modest: %v", ok, modest)
	}
	for range 50 {
		c.look(hotLooks, 150, send)
	}
	c.now.Store(100)
	c.flying.Store(100)
	if why, modest, ok := come("hog"); ok || modest || why != ShedOverloaded {
		t.Errorf("a source with many has a place more: %v, modest: %v, %v", ok, modest, why)
	}
	for i := range 100 { // its buyers take long
		if why, modest, ok := come("small"); !ok || !modest {
			t.Fatalf("number %d of a source that sends little: %v, modest: %v, %v", i, ok, modest, why)
		}
	}
	c.flying.Store(c.max)
	if why, _, ok := come("small"); ok || why != ShedOverloaded {
		t.Errorf("with all places taken: %v, %v", ok, why)
	}
	c.flying.Store(c.max*3/4 + 1)
	c.seats["small"].n.Store(c.max/3 + 1)
	if why, _, ok := come("small"); ok || why != ShedSourceShare {
		t.Errorf("with most places taken, many by itself: %v, %v", ok, why)
	}
	for range 50 {
		c.look(hotLooks, 150, map[string]int64{"small": 300, "hog": 300, "other hog": 300})
	}
	if _, modest, _ := come("small"); modest {
		t.Error("where all send the same, one is modest")
	}
	c.now.Store(c.max)
	if c.look(0, 600, send); c.fair.modest.Load() != math.MaxInt64 {
		t.Error("after the heat not all are let in as always")
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
