// SPDX-License-Identifier: Apache-2.0

package loadtest

import (
	"math"
	"time"
)

// dice is a small random source; each lead has its own, made from the seed and the lead's number, so that a lead does
// not depend on what was drawn before it.
type dice struct{ state uint64 }

func newDice(seed, n uint64) *dice { return &dice{state: mix(mix(seed+1) + n)} }

func (d *dice) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	return mix(d.state)
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below is in [0, n); n must be positive.
func (d *dice) below(n int) int { return int(d.next() % uint64(n)) }

// float is in [0, 1).
func (d *dice) float() float64 { return float64(d.next()>>11) / (1 << 53) }

// yes is true with this probability.
func (d *dice) yes(p float64) bool { return d.float() < p }

// gap draws the time to the next of a Poisson process.
func (d *dice) gap(perSecond float64) time.Duration {
	return time.Duration(-math.Log(1-d.float()) / perSecond * float64(time.Second))
}

// between is evenly spread from lo to hi.
func (d *dice) between(lo, hi time.Duration) time.Duration {
	if hi <= lo {
		return lo
	}
	return lo + time.Duration(d.next()%uint64(hi-lo))
}
