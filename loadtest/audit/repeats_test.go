// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"testing"
	"time"
)

// about says who a lead is about, in its ping or in its first event after it.
func (h *history) about(kind string, lead int, source, phone string, at time.Time) {
	e := h.of(kind, lead, 0)
	e["source"], e["vertical"] = source, "solar"
	e["private"] = ev{"fields": ev{"phone": phone}}
	if kind == "pinged" {
		e["received_at"] = at.Format(time.RFC3339Nano)
	} else {
		e["post"] = ev{"received_at": at.Format(time.RFC3339Nano)}
	}
}

func TestNobodyIsSoldAgainWithinTheWindow(t *testing.T) {
	for _, c := range []struct {
		name string
		tell func(h *history)
		want int
	}{
		{"one person each", func(h *history) {
			h.about("posting", exclusive, "s1", "1", h.at)
			h.about("posting", second, "s1", "2", h.at)
		}, 0},
		{"twice by two posts", func(h *history) {
			h.about("posting", exclusive, "s1", "1", h.at)
			h.about("posting", second, "s1", "1", h.at.Add(time.Minute))
		}, 1},
		{"by a post and by a ping that named the person", func(h *history) {
			h.about("pinged", exclusive, "s1", "1", h.at)
			h.about("pinged", oneShot, "s1", "1", h.at.Add(59*time.Minute))
		}, 1},
		{"after the window", func(h *history) {
			h.about("posting", exclusive, "s1", "1", h.at)
			h.about("pinged", oneShot, "s1", "1", h.at.Add(time.Hour))
		}, 0},
		{"another source's", func(h *history) {
			h.about("posting", exclusive, "s1", "1", h.at)
			h.about("posting", second, "s3", "1", h.at.Add(time.Minute))
		}, 0},
		{"another source's, where all count", func(h *history) {
			h.about("posting", exclusive, "s1", "1", h.at)
			h.about("posting", second, "all", "1", h.at.Add(time.Minute))
		}, 1},
		{"one that was refused", func(h *history) {
			h.about("posting", exclusive, "s1", "1", h.at)
			h.about("posting", refusedBy, "s1", "1", h.at.Add(time.Minute))
		}, 0},
		{"without a promise", func(h *history) {
			h.about("posting", exclusive, "s2", "1", h.at)
			h.about("posting", second, "s2", "1", h.at)
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := clean(t)
			c.tell(h)
			for _, s := range []string{"s1", "s3", "all"} {
				h.repeats = append(h.repeats, Repeat{Source: s, Vertical: "solar", Key: []string{"phone"},
					Window: time.Hour, AllSources: s == "all"})
			}
			r := h.judge()
			if n := r.ByRule[RuleSoldAgain]; n != c.want || r.OK != (n == 0) {
				t.Errorf("found %d, want %d: %s", n, c.want, r.Verdict())
			}
		})
	}
}
