// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"clearpost/lead"
	"clearpost/wire"
)

// capture is a value that the request of the post may use.
type capture struct {
	*value
	name string
	rule string // what decides where it is not there
}

// compileCaptures compiles the values that are taken out of an answer by names, in the order of the names.
func (c *compiler) compileCaptures() {
	spec := c.spec.Capture
	switch {
	case len(spec) == 0:
		return
	case c.out.post:
		c.bad("capture", "", "captured values in answers to pings only: the post's request uses them")
		return
	case len(spec) > wire.CapturesMax:
		c.bad("capture", strconv.Itoa(len(spec))+" values", "at most %d", wire.CapturesMax)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(spec)) {
		at, s := "capture."+name, spec[name]
		if !wire.ValidCapture(name) {
			c.bad(at, name, "a name of 1 to 32 letters a–z, digits and _, beginning with a letter")
			continue
		}
		v := c.value(at, "capture", &s, weightDecisive)
		c.out.captures = append(c.out.captures, capture{v, name, at})
	}
}

// GivesCapture tells whether the spec takes a value of that name out of the answer.
func (a *Answer) GivesCapture(name string) bool {
	return slices.ContainsFunc(a.captures, func(c capture) bool { return c.name == name })
}

// Captures lists the names of the values that are taken out of the answer, sorted.
func (a *Answer) Captures() (names []string) {
	for i := range a.captures {
		names = append(names, a.captures[i].name)
	}
	return names
}

// takeCaptures takes what stands there. A bid needs each value that is not optional.
func (a *Answer) takeCaptures(r *Receipt, f *found) {
	for i := range a.captures {
		c := &a.captures[i]
		v := a.textIn(f, c.value, wire.CaptureBytesMax)
		if v == nil {
			if !c.optional && r.Outcome == lead.Accepted {
				r.refuse(lead.UnclearAnswer, c.rule)
			}
			continue
		}
		r.Captures = append(r.Captures, wire.Captured{Name: c.name, Value: v})
	}
}

// captureOf finds the value whose lack decides by that rule, nil if the rule is another.
func (a *Answer) captureOf(rule string) *capture {
	if strings.HasPrefix(rule, "capture.") {
		for i := range a.captures {
			if a.captures[i].rule == rule {
				return &a.captures[i]
			}
		}
	}
	return nil
}
