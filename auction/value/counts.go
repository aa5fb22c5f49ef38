// SPDX-License-Identifier: Apache-2.0

package value

import "math/bits"

// What is counted of a cell.
const (
	tried    = iota // attempts whose outcome is known
	accepted        // of those
	returned        // of the accepted
	billed          // sales of which it is known whether they were paid
	paid            // of those
	kinds
)

// unit is one lesson that has not faded. A count is a sum of them, each faded by its age.
const unit = 1 << 20

// halfSteps are the steps in which a count halves.
const halfSteps = 64

// counts are what is known of one cell, as of a step of time.
type counts struct {
	Step int64        `json:"t"`
	N    [kinds]int64 `json:"n"`
}

// faded are the shares of 2^63 that are left after 0 to halfSteps-1 steps.
var faded = func() (out [halfSteps]uint64) {
	const root = 9_124_017_994_966_720_698 // 2^63 × 2^(-1/64), rounded
	out[0] = 1 << 63
	for i := 1; i < halfSteps; i++ {
		hi, lo := bits.Mul64(out[i-1], root)
		out[i] = hi<<1 | lo>>63
	}
	return out
}()

// fade is what is left of a count after steps.
func fade(n, steps int64) int64 {
	if steps <= 0 || n == 0 {
		return n
	}
	halves := steps / halfSteps
	if halves >= 62 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(n), faded[steps%halfSteps])
	return int64(hi<<1|lo>>63) >> halves
}

// at is the counts as of a later step.
func (c *counts) at(step int64) counts {
	out := *c
	if step > out.Step {
		for k := range out.N {
			out.N[k] = fade(out.N[k], step-out.Step)
		}
		out.Step = step
	}
	return out
}

// add counts a lesson of a step, which may be an earlier one than that of the last, or takes it back.
func (c *counts) add(step int64, undo bool, what ...int) {
	*c = c.at(step)
	one := fade(unit, c.Step-step)
	if undo {
		one = -one
	}
	for _, k := range what {
		c.N[k] = max(c.N[k]+one, 0)
	}
}
