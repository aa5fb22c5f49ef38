// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"time"

	"clearpost/lead"
	"clearpost/rules"
)

// Limits of what a buyer's page says of returns.
const (
	ReturnReasonsMax = 64
	ReturnDaysMax    = 60 // how long after its sale a lead may be given back
	returnCountMost  = 1_000_000
)

// ReturnsSpec says which leads a buyer may give back, as it stands in a file.
type ReturnsSpec struct {
	// how long after the sale a lead may be given back, up to 1440; this or window_days
	WindowHours *int `yaml:"window_hours"`
	// the same in dates: until the end of that day in the buyer's timezone, 0 is the day of the sale; up to 60
	WindowDays *int `yaml:"window_days"`
	// how many of the sales of a period may be given back; absent: any number
	Limit   *ReturnLimitSpec   `yaml:"limit"`
	Reasons []ReturnReasonSpec `yaml:"reasons"` // for which a lead may be given back; one at least
	// the place of a lead that was given back stays taken under caps and budgets whose window is open (false)
	KeepCaps bool `yaml:"keep_caps"`
	// it resells leads: a return has to tell under which reference, and when, its own buyer gave the lead back or
	// refused it; absent: it need not
	Chain *ReturnChainSpec `yaml:"chain"`
}

// ReturnChainSpec is what is asked of the returns of a buyer that resells.
type ReturnChainSpec struct {
	// until how many days after the sale to it its own buyer may have given the lead back, by dates in the buyer's
	// timezone: 0 is the day of the sale; up to 60
	WindowDays *int `yaml:"window_days"`
}

// ReturnLimitSpec is how many of the sales of a period may be given back: count, percent or both.
type ReturnLimitSpec struct {
	Count   *int        `yaml:"count"`    // so many of them
	Percent *lead.Money `yaml:"percent"`  // so many of a hundred, rounded down; 0 to 100, with at most 4 decimals
	AtLeast *int        `yaml:"at_least"` // percent: so many at any rate, such as at the beginning of a month (0)
	Per     string      `yaml:"per"`      // day, week or month in the buyer's timezone, by the time of the sale (month)
}

// ReturnReasonSpec is one reason of the list.
type ReturnReasonSpec struct {
	Name    string `yaml:"name"`    // 1 to 64 of a–z, 0–9 and _, such as wrong_number
	Approve string `yaml:"approve"` // auto: granted within window and limit; ask: a person decides (ask)
	// the share of the price that comes back, above 0 to 100 (100)
	Credit *lead.Money `yaml:"credit_percent"`
	Refund string      `yaml:"refund"` // credit, or replacement: another lead is owed in place of money (credit)
}

// Returns is which leads a buyer may give back.
type Returns struct {
	Hours, Days int // of its window; one of them is -1
	Zone        *time.Location
	Limit       *ReturnLimit // nil: any number
	Reasons     []ReturnReason
	KeepCaps    bool
	ChainDays   int // within which its own buyer must have given the lead back; -1: it does not resell
}

// ChainUntil is the last date on which the buyer's own buyer may have given a sale's lead back, and the first: that of
// the sale. Dates are midnights in UTC.
func (r *Returns) ChainUntil(sold time.Time) (first, last time.Time) {
	y, m, d := sold.In(r.Zone).Date()
	first = time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	return first, first.AddDate(0, 0, r.ChainDays)
}

// ReturnLimit is how many of the sales of a period may be given back.
type ReturnLimit struct {
	Count   int64 // -1: any number
	PPM     int64 // of the period's sales; -1: no matter how many there were
	AtLeast int64
	Per     rules.Per
}

// ReturnReason is why a lead may be given back.
type ReturnReason struct {
	Name    string
	Auto    bool  // granted without a person
	PPM     int64 // the share of the price that comes back
	Replace bool  // another lead is owed in place of it
}

// Reason finds a reason by its name, nil if there is none.
func (r *Returns) Reason(name string) *ReturnReason {
	for i := range r.Reasons {
		if r.Reasons[i].Name == name {
			return &r.Reasons[i]
		}
	}
	return nil
}

// Names are those of all reasons, in the order of the page.
func (r *Returns) Names() (out []string) {
	for i := range r.Reasons {
		out = append(out, r.Reasons[i].Name)
	}
	return out
}

// Until is when the window of a sale ends: it does not hold that instant any more.
func (r *Returns) Until(sold time.Time) time.Time {
	if r.Hours >= 0 {
		return sold.Add(time.Duration(r.Hours) * time.Hour)
	}
	y, m, d := sold.In(r.Zone).Date()
	return time.Date(y, m, d+r.Days+1, 0, 0, 0, 0, r.Zone).UTC()
}

// Longest is how long after its sale a lead may be given back at most.
func (r *Returns) Longest() time.Duration {
	return time.Duration(max(r.Hours, 24*(r.Days+1)+1)) * time.Hour // a day may be 25 hours long
}

// Keys of what is counted of a buyer's sales and returns, by the period of the sale.
func (l *ReturnLimit) soldKey(buyer string) string {
	return "buyer:" + buyer + ":sold:" + l.Per.String()
}

func (l *ReturnLimit) returnedKey(buyer string) string {
	return "buyer:" + buyer + ":returned:" + l.Per.String()
}

// Tallies are what a sale of the buyer counts, and a return of it, so that returns can be limited; ok is false where
// they are not. Of sales only a share of them makes a count.
func (b *Buyer) Tallies(sold time.Time) (sale, back lead.Charge, ok bool) {
	if b.Returns == nil || b.Returns.Limit == nil {
		return sale, back, false
	}
	l := b.Returns.Limit
	name, _, _ := rules.Window{Per: l.Per, Zone: b.Returns.Zone}.At(sold)
	sale = lead.Charge{Cap: l.soldKey(b.ID), Window: name, N: 1, Of: lead.OfTally}
	return sale, lead.Charge{Cap: l.returnedKey(b.ID), Window: name, N: 1, Of: lead.OfTally}, true
}

// Allowed is how many of a period's sales may be given back.
func (l *ReturnLimit) Allowed(sales int64) int64 {
	most := l.Count
	if l.PPM >= 0 {
		share := max(sales/1_000_000*l.PPM+sales%1_000_000*l.PPM/1_000_000, l.AtLeast)
		if most < 0 || share < most {
			most = share
		}
	}
	return most
}

// returns compiles what a page says of returns.
func (c *bookCompiler) returns(b *Buyer, spec *ReturnsSpec, zone, at string) {
	if spec == nil {
		return
	}
	r := &Returns{Hours: -1, Days: -1, Zone: zoneOf(zone), KeepCaps: spec.KeepCaps}
	if r.Zone == nil {
		r.Zone = time.UTC
	}
	bad := func(path, value, expected string) { c.bad(at, "returns"+path, value, expected) }
	number := func(path string, v *int, least, most int) int {
		if *v < least || *v > most {
			bad(path, fmt.Sprint(*v), fmt.Sprintf("%d to %d", least, most))
			return least
		}
		return *v
	}
	switch {
	case (spec.WindowHours == nil) == (spec.WindowDays == nil):
		bad("", "", "window_hours or window_days: how long after its sale a lead may be given back")
	case spec.WindowHours != nil:
		r.Hours = number(".window_hours", spec.WindowHours, 1, 24*ReturnDaysMax)
	default:
		r.Days = number(".window_days", spec.WindowDays, 0, ReturnDaysMax)
		if zone == "" {
			bad(".window_days", fmt.Sprint(*spec.WindowDays), "a `timezone` of the buyer, which says when a day ends")
		}
	}
	if l := spec.Limit; l != nil {
		r.Limit = c.returnLimit(l, zone, at)
	}
	if r.ChainDays = -1; spec.Chain != nil {
		switch n := spec.Chain.WindowDays; {
		case n == nil:
			bad(".chain.window_days", "", fmt.Sprintf("0 to %d", ReturnDaysMax))
		case zone == "":
			bad(".chain", "", "a `timezone` of the buyer, which says when a day ends")
		default:
			r.ChainDays = number(".chain.window_days", n, 0, ReturnDaysMax)
		}
	}
	c.returnReasons(r, spec.Reasons, at)
	b.Returns = r
}

func (c *bookCompiler) returnLimit(l *ReturnLimitSpec, zone, at string) *ReturnLimit {
	out := &ReturnLimit{Count: -1, PPM: -1, Per: rules.Month}
	bad := func(path, value, expected string) { c.bad(at, "returns.limit"+path, value, expected) }
	if l.Count == nil && l.Percent == nil {
		bad("", "", "count, percent or both")
	}
	if n := l.Count; n != nil {
		if out.Count = int64(*n); *n < 0 || *n > returnCountMost {
			bad(".count", fmt.Sprint(*n), fmt.Sprintf("0 to %d", returnCountMost))
		}
	}
	if p := l.Percent; p != nil {
		if *p < 0 || *p > 100*lead.Unit || *p%100 != 0 {
			bad(".percent", p.String(), "0 to 100, with at most 4 decimals")
		} else {
			out.PPM = int64(*p / 100)
		}
	}
	if n := l.AtLeast; n != nil {
		if out.AtLeast = int64(*n); *n < 0 || *n > returnCountMost {
			bad(".at_least", fmt.Sprint(*n), fmt.Sprintf("0 to %d", returnCountMost))
		} else if l.Percent == nil {
			bad(".at_least", fmt.Sprint(*n), "a percent beside it")
		}
	}
	switch l.Per {
	case "day":
		out.Per = rules.Day
	case "week":
		out.Per = rules.Week
	case "", "month":
	default:
		bad(".per", l.Per, "day, week or month")
	}
	if zone == "" {
		bad(".per", l.Per, "a `timezone` of the buyer, which says when a "+out.Per.String()+" ends")
	}
	return out
}

func (c *bookCompiler) returnReasons(r *Returns, list []ReturnReasonSpec, at string) {
	if n := len(list); n < 1 || n > ReturnReasonsMax {
		c.bad(at, "returns.reasons", fmt.Sprint(n, " reasons"), fmt.Sprintf("1 to %d", ReturnReasonsMax))
		return
	}
	for i := range list {
		s, out := &list[i], ReturnReason{Name: list[i].Name, PPM: 1_000_000}
		bad := func(path, value, expected string) {
			c.bad(at, fmt.Sprintf("returns.reasons[%d].%s", i, path), value, expected)
		}
		switch {
		case !reasonName(s.Name):
			bad("name", s.Name, "1 to 64 of a to z, 0 to 9 and _, such as wrong_number")
		case r.Reason(s.Name) != nil:
			bad("name", s.Name, "each reason once")
		}
		switch s.Approve {
		case "", "ask":
		case "auto":
			out.Auto = true
		default:
			bad("approve", s.Approve, "auto or ask")
		}
		switch s.Refund {
		case "", "credit":
		case "replacement":
			out.Replace = true
		default:
			bad("refund", s.Refund, "credit or replacement")
		}
		if p := s.Credit; p != nil {
			if *p <= 0 || *p > 100*lead.Unit || *p%100 != 0 {
				bad("credit_percent", p.String(), "a percentage above 0 to 100, with at most 4 decimals")
			} else {
				out.PPM = int64(*p / 100)
			}
		}
		r.Reasons = append(r.Reasons, out)
	}
}

func reasonName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
