// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/lead"
)

var breakerSet = buyers.Breaker{FailuresPPM: 500_000, RequestsMin: 4, Window: 10 * time.Second, Open: 5 * time.Second,
	Probes: 2}

// played is a breaker with a clock.
type played struct {
	t   *testing.T
	b   *Breaker
	now time.Time
}

func play(t *testing.T, set buyers.Breaker) *played {
	return &played{t, NewBreaker(&set), time.Unix(1_000_000, 0)}
}

// calls makes calls that all end in this way, and tells how many were let through.
func (p *played) calls(n int, v Verdict) (through int) {
	for range n {
		if k, refused, _ := p.b.Let(p.now); !refused {
			p.b.End(k, p.now, v)
			through++
		}
	}
	return through
}

func (p *played) is(state int32) {
	p.t.Helper()
	if got := p.b.state.Load(); got != state {
		p.t.Fatalf("state %d, want %d", got, state)
	}
}

func TestBreakerOpensProbesAndCloses(t *testing.T) {
	p := play(t, breakerSet)
	p.calls(3, CallBad)
	p.is(BreakerClosed) // too few to judge by
	p.calls(1, CallBad)
	p.is(BreakerRefusing)
	if n := p.calls(10, CallGood); n != 0 {
		t.Errorf("%d calls while it refuses", n)
	}
	p.now = p.now.Add(5 * time.Second)
	first, _, _ := p.b.Let(p.now)
	second, _, _ := p.b.Let(p.now)
	if _, refused, _ := p.b.Let(p.now); !refused {
		t.Error("more probes than configured")
	}
	p.is(BreakerProbing)
	p.b.End(first, p.now, CallGood)
	p.b.End(second, p.now, CallBad)
	p.is(BreakerRefusing)
	p.now = p.now.Add(5 * time.Second)
	if n := p.calls(2, CallGood); n != 2 {
		t.Errorf("%d probes", n)
	}
	p.is(BreakerClosed)
	p.calls(3, CallBad)
	p.is(BreakerClosed) // what was before it opened is forgotten
}

func TestBreakerJudgesTheShareInItsWindow(t *testing.T) {
	p := play(t, breakerSet)
	p.calls(5, CallGood)
	p.calls(4, CallBad)
	p.is(BreakerClosed) // 4 of 9
	p.now = p.now.Add(10 * time.Second)
	p.calls(3, CallBad)
	p.is(BreakerClosed) // those before are out of the window
	p.now = p.now.Add(9 * time.Second)
	p.calls(1, CallBad)
	p.is(BreakerRefusing)
}

func TestBreakerIgnoresEndsOfAnEarlierEra(t *testing.T) {
	p := play(t, breakerSet)
	late, _, _ := p.b.Let(p.now)
	p.calls(4, CallBad)
	p.now = p.now.Add(5 * time.Second)
	probe, _, _ := p.b.Let(p.now)
	p.b.End(late, p.now, CallBad) // sent before it opened: says nothing of now
	p.is(BreakerProbing)
	p.b.End(probe, p.now, CallUntold) // not made: its place is for another
	if n := p.calls(2, CallGood); n != 2 {
		t.Errorf("%d probes", n)
	}
	p.is(BreakerClosed)
}

func TestBreakerWhoseProbesAreNeverHeardOfProbesAgain(t *testing.T) {
	p := play(t, breakerSet)
	p.calls(4, CallBad)
	p.now = p.now.Add(5 * time.Second)
	p.b.Let(p.now)
	p.b.Let(p.now)
	p.now = p.now.Add(5 * time.Second)
	if n := p.calls(2, CallGood); n != 2 {
		t.Errorf("%d probes after two were lost", n)
	}
	p.is(BreakerClosed)
}

func TestBreakerThatSimulatesRefusesNothing(t *testing.T) {
	set := breakerSet
	set.SimulateOnly = true
	p := play(t, set)
	p.calls(4, CallBad)
	p.is(BreakerRefusing)
	would := 0
	for range 5 {
		k, refused, simulated := p.b.Let(p.now)
		if refused {
			t.Fatal("refused")
		}
		if simulated {
			would++
		}
		p.b.End(k, p.now, CallGood)
	}
	p.is(BreakerRefusing)
	if would != 5 {
		t.Errorf("would have refused %d of 5", would)
	}
	p.now = p.now.Add(5 * time.Second)
	p.calls(2, CallGood)
	p.is(BreakerClosed)
}

func TestBreakerAfterTheClockWentBack(t *testing.T) {
	p := play(t, breakerSet)
	p.calls(4, CallBad)
	p.now = p.now.Add(-time.Hour)
	if n := p.calls(2, CallGood); n != 2 {
		t.Error("it refuses until the clock is where it was")
	}
	p.is(BreakerClosed)
}

func TestVerdicts(t *testing.T) {
	for no, want := range map[lead.Refusal]Verdict{lead.NoRefusal: CallGood, lead.NoBid: CallGood,
		lead.BuyerDuplicate: CallGood, lead.UnclearAnswer: CallGood, lead.MissingPrice: CallGood,
		lead.TimedOut: CallBad, lead.Unreachable: CallBad, lead.TornAnswer: CallBad, lead.ServerError: CallBad,
		lead.MalformedAnswer: CallBad, lead.InFlightLimit: CallUntold, lead.WorkersBusy: CallUntold,
		lead.NoConnection: CallUntold} {
		if got := VerdictOf(no); got != want {
			t.Errorf("%s: %d, want %d", no, got, want)
		}
	}
}

func TestThrottle(t *testing.T) {
	k := NewThrottle(&buyers.Rate{Every: 100 * time.Millisecond, Burst: 3})
	now := time.Unix(1_000_000, 0)
	take := func(n int) (got int) {
		for range n {
			if k.Allow(now) {
				got++
			}
		}
		return got
	}
	if n := take(5); n != 3 {
		t.Errorf("burst of %d", n)
	}
	now = now.Add(250 * time.Millisecond)
	if n := take(5); n != 2 {
		t.Errorf("%d after 250 ms", n)
	}
	now = now.Add(time.Hour)
	if n := take(5); n != 3 {
		t.Errorf("%d after an hour: what was not used is not saved up", n)
	}
	now = now.Add(-2 * time.Hour)
	if n := take(5); n != 3 {
		t.Errorf("%d after the clock went back", n)
	}
	var none *Throttle
	if !none.Allow(now) {
		t.Error("no rate is a limit")
	}
}

// However many ask at once, no more get through than the burst.
func TestThrottleIsExactUnderConcurrency(t *testing.T) {
	k := NewThrottle(&buyers.Rate{Every: time.Second, Burst: 100})
	now := time.Unix(1_000_000, 0)
	var got atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if k.Allow(now) {
					got.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if got.Load() != 100 {
		t.Errorf("%d of a burst of 100", got.Load())
	}
}

func BenchmarkHoldingBack(b *testing.B) {
	k, br := NewThrottle(&buyers.Rate{Every: 1, Burst: 1 << 20}), NewBreaker(&breakerSet)
	now := time.Unix(1_000_000, 0)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p, _, _ := br.Let(now)
			k.Allow(now)
			br.End(p, now, CallGood)
		}
	})
}
