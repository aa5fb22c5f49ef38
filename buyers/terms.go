// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"time"

	"clearpost/lead"
	"clearpost/rules"
)

// Limits of what a buyer's page says of payment.
const (
	NetDaysMax  = 180 // how long after a sale it may be due
	LateDaysMax = 365 // how late a rule may begin
)

// TermsSpec is when a buyer has to pay, as it stands in a file: beforehand, or so many days after its sales.
type TermsSpec struct {
	// it pays beforehand: what its balance does not cover is due on the day of the sale (false)
	Prepaid bool   `yaml:"prepaid"`
	NetDays *int   `yaml:"net_days"` // so many days after `from` it is due; 0 to 180
	From    string `yaml:"from"`     // sale: the day of the sale; month: the last day of its month (sale)
}

// StandingSpec is what becomes of a buyer that is late, as it stands in a file. A day late is the first day after the
// one on which something was due.
type StandingSpec struct {
	// more than so many days late its bids win only where nobody else can; 0 to 365; absent: never
	SlowAfter *int `yaml:"slow_after_days"`
	// more than so many days late its bids are refused (unpaid); 0 to 365; absent: never
	StopAfter *int `yaml:"stop_after_days"`
	// less than this may be overdue and counts as nothing (0.01)
	Least *lead.Money `yaml:"least"`
}

// Terms is when a buyer has to pay.
type Terms struct {
	Prepaid  bool
	NetDays  int
	FromDate string         // sale or month
	Zone     *time.Location // in which its days are
}

// PayRule is what becomes of a buyer that is late. Days are -1 for never.
type PayRule struct {
	SlowAfter, StopAfter int
	Least                lead.Money
}

// String is the terms in words.
func (t *Terms) String() string {
	switch {
	case t.Prepaid:
		return "prepaid"
	case t.FromDate == "month":
		return fmt.Sprintf("net %d days from the end of the month", t.NetDays)
	}
	return fmt.Sprintf("net %d days", t.NetDays)
}

// Due is the day on which what is sold on a day is due. Days are midnights in UTC, of the dates in the buyer's zone.
func (t *Terms) Due(day time.Time) time.Time {
	y, m, d := day.Date()
	if t.FromDate == "month" {
		m, d = m+1, 0 // the last day of the month
	}
	return time.Date(y, m, d+t.NetDays, 0, 0, 0, 0, time.UTC)
}

// Day is the date of a time in the buyer's zone, as midnight in UTC.
func (t *Terms) Day(at time.Time) time.Time {
	y, m, d := at.In(t.Zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// payment compiles what a page says of terms, and of who does not keep to them.
func (c *bookCompiler) payment(b *Buyer, spec *BuyerSpec, zone, at string) {
	if t := spec.Terms; t != nil {
		b.Terms = c.terms(t, zone, at)
	}
	s := spec.Standing
	if s == nil {
		return
	}
	r := &PayRule{SlowAfter: -1, StopAfter: -1, Least: lead.Cent}
	bad := func(path, value, expected string) { c.bad(at, "standing."+path, value, expected) }
	days := func(to *int, path string, n *int) {
		if n == nil {
			return
		}
		if *to = *n; *n < 0 || *n > LateDaysMax {
			bad(path, fmt.Sprint(*n), fmt.Sprintf("0 to %d days", LateDaysMax))
		}
	}
	days(&r.SlowAfter, "slow_after_days", s.SlowAfter)
	days(&r.StopAfter, "stop_after_days", s.StopAfter)
	switch {
	case spec.Terms == nil:
		c.bad(at, "standing", "", "`terms` beside it, which say when the buyer has to pay")
	case s.SlowAfter == nil && s.StopAfter == nil:
		c.bad(at, "standing", "", "slow_after_days, stop_after_days or both")
	case s.SlowAfter != nil && s.StopAfter != nil && r.StopAfter < r.SlowAfter:
		bad("stop_after_days", fmt.Sprint(r.StopAfter), fmt.Sprintf("no less than slow_after_days, %d", r.SlowAfter))
	}
	if s.Least != nil {
		if r.Least = *s.Least; r.Least < lead.Cent {
			bad("least", r.Least.String(), "an amount of 0.01 or more")
		}
	}
	b.PayRule = r
}

func (c *bookCompiler) terms(t *TermsSpec, zone, at string) *Terms {
	out := &Terms{Prepaid: t.Prepaid, FromDate: "sale", Zone: time.UTC}
	bad := func(path, value, expected string) { c.bad(at, "terms"+path, value, expected) }
	switch n := t.NetDays; {
	case t.Prepaid && n != nil:
		bad(".net_days", fmt.Sprint(*n), "`prepaid: true` or net_days, not both")
	case !t.Prepaid && n == nil:
		bad("", "", "`prepaid: true`, or net_days")
	case n != nil && (*n < 0 || *n > NetDaysMax):
		bad(".net_days", fmt.Sprint(*n), fmt.Sprintf("0 to %d", NetDaysMax))
	case n != nil:
		out.NetDays = *n
	}
	switch t.From {
	case "", "sale":
	case "month":
		if out.FromDate = t.From; t.Prepaid {
			bad(".from", t.From, "no `from` beside `prepaid: true`")
		}
	default:
		bad(".from", t.From, "sale or month")
	}
	loc, err := rules.LoadZone(zone)
	if zone == "" {
		bad("", "", "a `timezone` of the buyer, which says when a day ends")
	} else if err == nil {
		out.Zone = loc
	}
	return out
}
