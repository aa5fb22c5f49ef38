// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"testing"
	"time"

	"clearpost/buyers"
)

// allowed is how many of n calls at one time a throttle allows.
func allowed(t *Throttle, n int, at time.Time) (got int) {
	for range n {
		if t.Allow(at) {
			got++
		}
	}
	return got
}

func TestThrottleAllowsABurstAndThenItsRate(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	th := NewThrottle(&buyers.Rate{Every: time.Second, Burst: 3})
	if n := allowed(th, 9, now); n != 3 {
		t.Errorf("%d at once, want the burst of 3", n)
	}
	if th.Allow(now.Add(time.Second - 1)) {
		t.Error("a call is allowed a nanosecond early")
	}
	if n := allowed(th, 9, now.Add(time.Second)); n != 1 {
		t.Errorf("%d after a second, want 1", n)
	}
	if n := allowed(th, 9, now.Add(time.Hour)); n != 3 {
		t.Errorf("%d after a rest, want the burst of 3", n)
	}
	if n := allowed(th, 9, now); n != 3 { // the clock was set back by an hour
		t.Errorf("%d after the clock was set back, want the burst of 3", n)
	}
	if n := allowed(nil, 9, now); n != 9 || NewThrottle(nil) != nil {
		t.Errorf("%d without a rate", n)
	}
}

func TestChangedRateIsNoFurtherBurst(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for name, next := range map[string]buyers.Rate{"faster": {Every: 100 * time.Millisecond, Burst: 3},
		"slower": {Every: 10 * time.Second, Burst: 3}, "a larger burst": {Every: time.Second, Burst: 3}} {
		old := NewThrottle(&buyers.Rate{Every: time.Second, Burst: 2})
		if name == "faster" {
			old = NewThrottle(&buyers.Rate{Every: time.Minute, Burst: 2})
		}
		allowed(old, 9, now)
		th := NewThrottle(&next).After(old)
		n := allowed(th, 9, now)
		if most := map[string]int{"slower": 2, "a larger burst": 1}[name]; n > most {
			t.Errorf("%s: %d at once after the change", name, n)
		}
		if !th.Allow(now.Add(next.Every)) {
			t.Errorf("%s: none is allowed in its turn", name)
		}
	}
	same := NewThrottle(&buyers.Rate{Every: time.Second, Burst: 2})
	if NewThrottle(&buyers.Rate{Every: time.Second, Burst: 2}).After(same) != same || same.After(nil) != same {
		t.Error("what has not changed is another throttle")
	}
}
