// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"

	"clearpost/lead"
)

// Defect is a difference between what stands in the ledger of a lead and what comes of its recorded inputs under the
// configuration that decided it, computed again.
type Defect struct {
	Campaign string   `json:"campaign,omitempty"`
	Leg      int      `json:"leg,omitempty"`
	Attempt  *lead.ID `json:"attempt,omitempty"` // nil: at the ping
	What     string   `json:"what"`              // such as rank, refusal, quote
	Recorded string   `json:"recorded"`
	Computed string   `json:"computed"`
}

// String is a line for people.
func (d *Defect) String() string {
	out := d.What
	if d.Campaign != "" {
		out = d.Campaign + ": " + out
		if d.Leg > 0 {
			out = fmt.Sprintf("%s, leg %d: %s", d.Campaign, d.Leg, d.What)
		}
	}
	if d.Attempt != nil {
		out = "attempt " + d.Attempt.String() + ": " + out
	}
	return fmt.Sprintf("%s: recorded %s, computed %s", out, d.Recorded, d.Computed)
}

// Check is what came of computing a lead's decisions again.
type Check struct {
	Defects   []Defect `json:"defects"`             // none: the record and the recomputation agree
	Unchecked []string `json:"unchecked,omitempty"` // what could not be computed again, and why
}

func (c *Check) unchecked(format string, args ...any) {
	c.Unchecked = append(c.Unchecked, fmt.Sprintf(format, args...))
}

// finder compares, and keeps the differences.
type finder struct {
	check    *Check
	campaign string
	leg      int
	attempt  *lead.ID
}

func (f *finder) at(campaign string, leg int) { f.campaign, f.leg = campaign, leg }

// same compares one value.
func same[T comparable](f *finder, what string, recorded, computed T) bool {
	if recorded == computed {
		return true
	}
	f.differ(what, fmt.Sprint(recorded), fmt.Sprint(computed))
	return false
}

func (f *finder) differ(what, recorded, computed string) {
	for _, s := range []*string{&recorded, &computed} {
		if *s == "" {
			*s = "none"
		}
	}
	f.check.Defects = append(f.check.Defects, Defect{f.campaign, f.leg, f.attempt, what, recorded, computed})
}
