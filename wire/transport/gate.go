// SPDX-License-Identifier: Apache-2.0

package transport

import "sync/atomic"

// Gate limits how many calls to one buyer are in flight; the buyer's targets share it. A call that ran out of time is
// in flight until its late answer has been read or its connection cut, because until then the buyer still works on it.
// A nil Gate limits nothing.
type Gate struct {
	outer *Gate // a place here is one there too; nil: none
	max   atomic.Int64
	now   atomic.Int64
}

// NewGate makes a gate for max calls; max ≤ 0 limits nothing.
func NewGate(max int) *Gate {
	g := &Gate{}
	g.SetMax(max)
	return g
}

// SetMax changes how many calls may be inside. Those that are inside already stay and count.
func (g *Gate) SetMax(max int) { g.max.Store(int64(max)) }

// NewGateWithin makes a gate for max calls of those that the outer gate lets in: a campaign's within its buyer's. max ≤
// 0 leaves the limit to the outer one.
func NewGateWithin(outer *Gate, max int) *Gate {
	g := NewGate(max)
	g.outer = outer
	return g
}

// InFlight tells how many calls are inside now.
func (g *Gate) InFlight() int {
	if g == nil {
		return 0
	}
	return int(g.now.Load())
}

// enter takes a place if one is free.
func (g *Gate) enter() bool {
	if g == nil {
		return true
	}
	if n, most := g.now.Add(1), g.max.Load(); most > 0 && n > most {
		g.now.Add(-1)
		return false
	}
	if !g.outer.enter() {
		g.now.Add(-1)
		return false
	}
	return true
}

// leave gives a place back.
func (g *Gate) leave() {
	for ; g != nil; g = g.outer {
		g.now.Add(-1)
	}
}
