// SPDX-License-Identifier: Apache-2.0

package buyertest

import "math"

// dice is a small random source. Each call of each endpoint has its own, made from the seed, the buyer and the call's
// number, so that what the n-th call meets does not depend on what runs beside it.
type dice struct{ state uint64 }

// mix is the finishing step of SplitMix64.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func seedOf(seed uint64, name string) uint64 {
	h := mix(seed + 0x9e3779b97f4a7c15)
	for i := 0; i < len(name); i++ {
		h = mix(h ^ uint64(name[i])*0x100000001b3)
	}
	return h
}

func (d *dice) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	return mix(d.state)
}

// float is in [0, 1).
func (d *dice) float() float64 { return float64(d.next()>>11) / (1 << 53) }

// below is in [0, n); n must be positive.
func (d *dice) below(n uint64) uint64 { return d.next() % n }

func (d *dice) normal() float64 {
	return math.Sqrt(-2*math.Log(1-d.float())) * math.Cos(2*math.Pi*d.float())
}
