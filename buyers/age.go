// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"strconv"
	"time"
)

// LeadAgeMost is the longest time that a campaign may take leads for.
const LeadAgeMost = 366 * 24 * time.Hour

// AgeMost is how old a lead may be that has waited for somebody else, or is offered anew: younger than this. A campaign
// that leads wait for says so by that, and one that says nothing takes them as long as a quote stands.
func (c *Campaign) AgeMost(quote time.Duration) time.Duration {
	switch {
	case c.AgeMax > 0:
		return c.AgeMax
	case c.Defer != nil:
		return c.Defer.For
	}
	return quote
}

func (c *bookCompiler) leadAge(minutes *int, d *Defer, at string) time.Duration {
	if minutes == nil {
		return 0
	}
	age := time.Duration(c.number(at, "lead_age_max_m", minutes, 0, 1, int(LeadAgeMost/time.Minute))) * time.Minute
	if d != nil && age < d.For {
		c.bad(at, "lead_age_max_m", strconv.Itoa(*minutes), "at least "+strconv.Itoa(int((d.For+time.Minute-1)/
			time.Minute))+", since leads wait for it so long (defer.for_s)")
	}
	return age
}
