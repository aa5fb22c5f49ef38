// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"

	"clearpost/lead"
	"clearpost/rules"
)

// Warnings tells of what is right in the campaigns' pages and may not be meant, each with the campaign and the place in
// its page; never nil.
func (b *Book) Warnings() []string {
	out := []string{}
	for _, c := range b.Campaigns {
		if why := c.Post.Answer.LeavesOpen(); why != "" {
			out = append(out, "campaign "+c.ID+", post.answer: "+why+" (docs/explanation/outcomes.md)")
		}
		if c.Post.Answer.Fallback() > 0 && !c.PayPostPrice {
			out = append(out, "campaign "+c.ID+", post.answer.price.fallback: has no effect without pay: post_price")
		}
		out = append(out, c.uncovered("ping", c.Ping)...)
		out = append(out, c.uncovered("post", c.Post)...)
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
