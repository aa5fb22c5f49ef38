// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"testing"
	"time"
)

// TestHeatDoesNotOutlastAPause: what was hot when the last request came is not, when one comes after seconds.
func TestHeatDoesNotOutlastAPause(t *testing.T) {
	s := sensor{heat: hotMost, last: time.Now().Add(-5 * time.Second).UnixNano()}
	cool := func() time.Duration { return 0 }
	if l, due := s.sample(cool); !due || l.heat != 0 || l.missed < 45 {
		t.Errorf("after a pause %+v, %v", l, due)
	}
	s = sensor{heat: hotMost, last: time.Now().Add(-3 * sensorEvery).UnixNano()}
	if l, due := s.sample(func() time.Duration { return time.Second }); !due || l.heat != hotMost || l.missed != 0 {
		t.Errorf("after a moment %+v, %v", l, due)
	}
}

func TestNinetiethIsOfWhatHasComeSince(t *testing.T) {
	bounds := []float64{0, .001, .01, .1, 1}
	for _, tt := range []struct {
		what           string
		counts, before []uint64
		want           time.Duration
	}{
		{"the first look", []uint64{100, 0, 0, 0}, nil, 0},
		{"what was before does not count", []uint64{100, 0, 0, 1000}, []uint64{0, 0, 0, 1000}, 0},
		{"nine of ten wait little", []uint64{90, 0, 0, 10}, []uint64{0, 0, 0, 0}, 0},
		{"two of ten wait long", []uint64{80, 0, 20, 0}, []uint64{0, 0, 0, 0}, 10 * time.Millisecond},
		{"too few to tell", []uint64{0, 0, 0, 19}, []uint64{0, 0, 0, 0}, 0},
	} {
		if got := ninetieth(bounds, tt.counts, tt.before); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.what, got, tt.want)
		}
	}
}

// fixed makes places whose sensor does not look.
func fixed(most int64) *places {
	p := newPlaces(most, Memory{})
	p.sensor.due.Store(1 << 62)
	return p
}

func TestPingsLeaveRoomForPostsWhereTheProcessorsAreBusy(t *testing.T) {
	p := fixed(10)
	p.fair.most.Store(2 * paceUnit)
	p.fair.takes.Store(int64(time.Hour))
	p.fair.age.Store(1)
	p.fair.waited.Store(int64(time.Second))
	p.fair.modest.Store(-1) // nobody is
	var s seat
	come := func(post bool) (ShedReason, bool) {
		if why, ok := p.enter(post, 0); !ok {
			return why, false
		}
		why, _, ok := p.share(&s, post, false, burstPart*sensorEvery)
		if !ok {
			p.leave()
		} else if !post {
			p.let.Add(1)
		}
		return why, ok
	}
	for range 2 {
		if _, ok := come(false); !ok {
			t.Fatal("a ping of those that are let in was not")
		}
	}
	if why, ok := come(false); ok || why != ShedOverloaded {
		t.Errorf("a third ping: %v, %v", why, ok)
	}
	for i := range 8 {
		if why, ok := come(true); !ok {
			t.Fatalf("post %d: %v", i, why)
		}
	}
	if why, ok := come(true); ok || why != ShedOverloaded {
		t.Errorf("a post more than there are places: %v, %v", why, ok)
	}
	p.leave()
	if _, ok := come(true); !ok || p.load().InFlight != 10 {
		t.Errorf("the place of who left is not free: %+v", p.load())
	}
	if got := p.load().PingsMost; got != int64(2*time.Second/sensorEvery) {
		t.Errorf("%d pings a second are said to be let in, where two a look are", got)
	}
}

func TestFullMemoryStopsPingsOnly(t *testing.T) {
	p := fixed(1 << 20)
	p.sensor.full.Store(true)
	p.flying.Store(placesLeast() - 1)
	if _, ok := p.enter(false, 0); !ok {
		t.Error("the least that is always let in was not")
	}
	if why, ok := p.enter(false, 0); ok || why != ShedMemory {
		t.Errorf("a ping with memory full: %v, %v", why, ok)
	}
	if _, ok := p.enter(true, 0); !ok {
		t.Error("a post was not let in")
	}
	p.sensor.full.Store(false)
	if _, ok := p.enter(false, 0); !ok {
		t.Error("with room again a ping was not let in")
	}
}

// TestOneSourceCannotTakeAllPlaces: whoever fills the exchange leaves room for the next; alone on it, it may have all.
func TestOneSourceCannotTakeAllPlaces(t *testing.T) {
	fill := func(p *places, s *seat, others bool) (got int64) {
		for {
			if _, ok := p.enter(false, 0); !ok {
				return got
			}
			if _, _, ok := p.share(s, false, others, time.Second); !ok {
				p.leave()
				return got
			}
			got++
		}
	}
	const most = 400
	p := fixed(most)
	var hog, other, third seat
	if got := fill(p, &hog, true); got != most*3/4 {
		t.Errorf("a source alone takes %d of %d places", got, most)
	}
	if got := fill(p, &other, true); got != most/4 {
		t.Errorf("the next one gets %d of the %d that are left", got, most/4)
	}
	if p.flying.Load() != most || p.sources.Load() != 2 {
		t.Fatalf("%d in flight of %d sources", p.flying.Load(), p.sources.Load())
	}
	for range 50 { // the first comes to an end of some, and may not have them back while others send
		p.leave()
		p.unshare(&hog)
	}
	if got := fill(p, &hog, true); got != 0 {
		t.Errorf("the first source takes %d more", got)
	}
	if got := fill(p, &third, true); got != 50 {
		t.Errorf("a third one gets %d of the 50 that are left", got)
	}
	p = fixed(most)
	var only seat
	if got := fill(p, &only, false); got != most {
		t.Errorf("the only source there is takes %d of %d places", got, most)
	}
}

// TestMemoryIsFullUntilThereIsRoom: by what is alive, of Go's part, and by what the machine has given, of the whole.
func TestMemoryIsFullUntilThereIsRoom(t *testing.T) {
	m := Memory{Limit: 1000, Go: 900}
	for _, tt := range []struct {
		what           string
		used, resident int64
		was, want      bool
	}{
		{"room", 700, 900, false, false},
		{"much is alive", 765, 900, false, true},
		{"it goes on until there is room", 703, 900, true, true},
		{"there is", 700, 900, true, false},
		{"the process has nearly all", 100, 990, false, true},
		{"it goes on until it has less", 100, 970, true, true},
		{"it has", 100, 960, true, false},
		{"the system does not tell", 100, 0, true, false},
	} {
		if got := m.isFull(tt.was, tt.used, tt.resident); got != tt.want {
			t.Errorf("%s: %v", tt.what, got)
		}
	}
}

// TestPatienceEndsWhereTheProcessorsDoNotKeepUp: a burst may wait for half of its time, a queue that stays may not.
func TestPatienceEndsWhereTheProcessorsDoNotKeepUp(t *testing.T) {
	const deadline = 2 * time.Second
	if got := patience(deadline, false); got != time.Second {
		t.Errorf("in a burst %v", got)
	}
	if got := patience(deadline, true); got != 125*time.Millisecond {
		t.Errorf("in a queue that stays %v", got)
	}
	p := fixed(10)
	p.fair.waited.Store(int64(50 * time.Millisecond))
	p.fair.takes.Store(int64(time.Hour))
	for age, want := range map[int64]bool{0: false, 1: false, 9: false, 10: true, 50: true} {
		p.fair.age.Store(age)
		if got := p.held(deadline); got != want {
			t.Errorf("of 2 s, after %d looks: %v", age, got)
		}
	}
	p.fair.age.Store(50)
	for waited, want := range map[time.Duration]bool{49 * time.Millisecond: false, time.Second: true} {
		p.fair.waited.Store(int64(waited))
		if got := p.held(deadline); got != want {
			t.Errorf("of 2 s, where a processor is waited for %v: %v", waited, got)
		}
	}
	for _, tt := range []struct {
		deadline, takes time.Duration
		want            bool
	}{
		{deadline, 499 * time.Millisecond, false}, {deadline, 500 * time.Millisecond, true},
		{5 * time.Second, 2499 * time.Millisecond, false}, {5 * time.Second, 2500 * time.Millisecond, true},
	} {
		p.fair.takes.Store(int64(tt.takes))
		p.fair.waited.Store(int64(tt.deadline))
		if got := p.held(tt.deadline); got != tt.want {
			t.Errorf("of %v, where pings take %v: %v", tt.deadline, tt.takes, got)
		}
	}
}

// TestTooFewConnectionsToBuyersAreHeat: a ping that is let in and finds none is worth nothing.
func TestTooFewConnectionsToBuyersAreHeat(t *testing.T) {
	p, short := fixed(1000), int64(7)
	p.short = func() int64 { return short }
	if short++; p.lagging() < time.Hour {
		t.Error("there was none for a call")
	}
	if p.lagging() > 0 {
		t.Error("there were enough since")
	}
}

// TestRequestsThatWaitAreHeat: where most requests had waited before they were read, the processors do not keep up.
func TestRequestsThatWaitAreHeat(t *testing.T) {
	p := fixed(1000)
	come := func(n int, waited time.Duration) {
		for range n {
			if _, ok := p.enter(true, waited); ok {
				p.leave()
			}
		}
	}
	come(30, 0)
	come(31, 2*waitedMost)
	if got := p.lagging(); got != 2*waitedMost {
		t.Errorf("most had waited: %v", got)
	}
	come(31, 0)
	come(30, 2*waitedMost)
	if p.lagging() > 0 {
		t.Error("most had not waited, of those that came since")
	}
	if come(19, 2*waitedMost); p.lagging() > 0 {
		t.Error("too few to tell")
	}
}
