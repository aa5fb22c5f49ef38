// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"clearpost/exchange"
	"clearpost/lead"
)

// How many values of one cap that tells values apart are listed, those that are fullest.
const (
	capValuesMax  = 100  // in metrics
	capValuesMost = 1000 // in the status
)

// CapUse is the state of one cap, or of one value of it. Where money is counted, numbers are micros.
type CapUse struct {
	Cap     string    `json:"cap"`
	Buyer   string    `json:"buyer,omitempty"`
	Value   string    `json:"value,omitempty"` // of the field or the owner that tells its counts apart
	Counts  string    `json:"counts"`          // accepted, attempts, pings or spend
	Used    int64     `json:"used"`            // counted, and open
	Open    int64     `json:"open"`            // holds in flight, or of an unknown outcome
	Limit   int64     `json:"limit"`           // 0 where this value has none
	Limited bool      `json:"limited"`         // false: any number of this value is allowed
	Pace    *int64    `json:"pace,omitempty"`  // what may have been used by now, where the cap is spread over its window
	Per     string    `json:"per"`             // its window, such as day, or last 30 days
	Zone    string    `json:"zone"`            // in which its windows begin
	Until   time.Time `json:"until,omitzero"`  // the end of its window now, or of today; absent for total
}

// scaled is a number of what the cap counts as metrics have it: money in units.
func (u *CapUse) scaled(n int64) float64 {
	if u.Counts == lead.OfSpend {
		return units(n)
	}
	return float64(n)
}

// Amount writes a number of what the cap counts.
func (u *CapUse) Amount(n int64) string { return exchange.CountText(u.Counts, n) }

// capUses lists the caps in force, of those that tell values apart so many values.
func capUses(ex *exchange.Exchange, values int) []CapUse {
	var out []CapUse
	for _, c := range ex.Caps() {
		one := CapUse{Cap: c.Title(), Buyer: c.Buyer, Counts: c.Of, Per: c.Name(), Zone: c.Window.Zone.String(),
			Until: c.Until, Limited: true}
		if c.Of == lead.OfAccepted {
			one.Counts = "accepted"
		}
		if c.By != nil && len(c.Uses) == 0 {
			one.Limit, one.Limited = c.Limit.Most, c.By.Others
			out = append(out, one)
		}
		for i, u := range c.Uses {
			if i == values {
				break
			}
			x := one
			x.Used, x.Open, x.Limit, x.Limited, x.Value = u.Used, u.Open, u.Limit, u.Limited, u.Value
			if c.By != nil {
				x.Cap += "=" + u.Value
			}
			if c.Pace != nil && u.Limited {
				x.Pace = &u.Allowed
			}
			out = append(out, x)
		}
	}
	return out
}

// collectCaps collects how full caps are, of those that tell values apart the values that are fullest.
func (c *collector) collectCaps(gauge func(*prometheus.Desc, float64, ...string)) {
	for _, u := range capUses(c.ex, capValuesMax) {
		gauge(descCap, u.scaled(u.Used), u.Cap)
		if u.Limited {
			gauge(descCapMax, u.scaled(u.Limit), u.Cap)
		}
	}
}
