// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"time"

	"clearpost/lead"
	"clearpost/rules"
)

// Warnings tells of what is right in the campaigns' pages and may not be meant, each with the campaign and the place in
// its page; never nil. Schedules are judged from now on.
func (b *Book) Warnings(now time.Time) []string {
	out := []string{}
	for _, y := range b.Buyers {
		out = append(out, y.Hours.warnings("buyer "+y.ID, now)...)
	}
	for _, c := range b.Campaigns {
		out = append(out, c.hoursWarnings(now)...)
		if why := c.Post.Answer.LeavesOpen(); why != "" && c.Batch == nil {
			out = append(out, "campaign "+c.ID+", post.answer: "+why+" (docs/explanation/outcomes.md)")
		}
		if c.Post.Answer.Fallback() > 0 && !c.PayPostPrice {
			out = append(out, "campaign "+c.ID+", post.answer.price.fallback: has no effect without pay: post_price")
		}
		out = append(out, c.uncovered("ping", c.Ping)...)
		out = append(out, c.uncovered("post", c.Post)...)
		for _, path := range c.terms(nil).Useless(c.Criteria) {
			out = append(out, "campaign "+c.ID+", criteria"+path+": no lead can meet it that meets the other criteria")
		}
	}
	return append(out, b.overlaps()...)
}

// warnings tells of a schedule that is not open any more, or has entries that never count.
func (h *Hours) warnings(who string, now time.Time) (out []string) {
	if h == nil {
		return nil
	}
	if _, ok := h.Next(now); !ok {
		out = append(out, who+", schedule: "+h.Explain(now))
	}
	for _, x := range h.Idle() {
		out = append(out, who+", schedule."+x[0]+": "+x[1])
	}
	return out
}

// hoursWarnings tells of a campaign's own schedule, and where it is never open together with its buyer's.
func (c *Campaign) hoursWarnings(now time.Time) (out []string) {
	all := make([]*rules.Schedule, len(c.Hours))
	over := false
	for i, h := range c.Hours {
		all[i] = h.Schedule
		_, ok := h.Next(now)
		over = over || !ok
	}
	if len(all) > 0 && c.Hours[0] != c.Buyer.Hours {
		out = c.Hours[0].warnings("campaign "+c.ID, now)
	}
	if len(all) < 2 || over {
		return out
	}
	if _, ok := rules.NextOf(all, now); !ok {
		out = append(out, "campaign "+c.ID+", schedule: it and its buyer's are never open together: it is never asked")
	}
	return out
}

// uncovered tells of the values for which a map of the request has no entry, each map once.
func (c *Campaign) uncovered(call string, e *Endpoint) []string {
	if e == nil || e.Request == nil {
		return nil
	}
	var out []string
	at, values := "", ""
	field := ""
	end := func() {
		if at != "" {
			out = append(out, fmt.Sprintf("campaign %s, %s.request.%s: no entry for %s of %s, which then counts as "+
				"missing: add entries, or say what is meant with map_missing: omit, keep or refuse", c.ID, call, at,
				values, field))
		}
	}
	for _, g := range e.Request.Uncovered(c.mayWant) {
		if g.At != at {
			end()
			at, field, values = g.At, g.Field, ""
		} else {
			values += ", "
		}
		values += fmt.Sprintf("%q", g.Value)
	}
	end()
	return out
}

// mayWant tells whether no criterion refuses a lead for the values that it has.
func (c *Campaign) mayWant(l *lead.Lead) bool {
	ok, _ := c.Test(&rules.Facts{Lead: l})
	return ok
}
