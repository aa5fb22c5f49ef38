// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"clearpost/lead"
)

// Cap is a bound on what is counted in each window, or in several days together.
type Cap struct {
	// names what is counted, such as "campaign:sun-shared:day", "buyer:sun:spend:month" or "buyer:sun:day/state":
	// counts are kept by it. Caps that count the same, the leads of a day and those of the last seven days, share it
	Key    string
	Of     string // what is counted: one of lead.OfAccepted, OfAttempts, OfPings, OfSpend
	Window Window
	Days   int // of Day windows: the date and those before it, as many, count together; 0 is one
	Limit  Limit
	By     *By   // each value counts by itself; nil: all together
	Pace   *Pace // nil: what is allowed in a window may go at once
}

// ByKind says by what the counts of a cap are told apart.
type ByKind uint8

// The kinds.
const (
	ByField ByKind = iota
	BySource
	ByBuyer
	ByCampaign
)

// By tells the counts of a cap apart.
type By struct {
	Kind   ByKind
	Field  string           // the name of the field, or source, buyer or campaign
	Pos    int              // of the field in the schema that Cap.In was called with
	Others bool             // values that are not listed have the cap's own limit; else none
	Values map[string]Limit // of single values, by their keys as AppendKey writes them
}

// BalanceOf is the account of a buyer as a cap: what it has spent, less what it has paid in, may be as much as its
// credit.
func BalanceOf(buyer string, credit lead.Money) Cap {
	return Cap{Key: "buyer:" + buyer + BalanceKey, Of: lead.OfSpend, Window: Window{Per: Total, Zone: time.UTC},
		Limit: Limit{Most: int64(credit)}}
}

// BalanceKey ends the keys of accounts.
const BalanceKey = ":balance"

// LimitOf is what is allowed of a value ("" where By is nil, or the lead has none); false: any number.
func (c *Cap) LimitOf(value string) (*Limit, bool) {
	if c.By == nil {
		return &c.Limit, true
	}
	if l, ok := c.By.Values[value]; ok {
		return &l, true
	}
	return &c.Limit, c.By.Others
}

// ValueKey is the key of what is counted of one value.
func (c *Cap) ValueKey(value string) string {
	if c.By == nil {
		return c.Key
	}
	return c.Key + "=" + value
}

// BaseKey is the key of the cap that counts under a key, which may be one of a value.
func BaseKey(key string) (base, value string) {
	base, value, _ = strings.Cut(key, "=")
	return base, value
}

// String is what the cap allows, in words: "120 accepted per day in America/New_York".
func (c *Cap) String() string {
	var b strings.Builder
	what := " accepted"
	if c.Of != lead.OfAccepted {
		what = " " + c.Of
	}
	if c.By == nil || c.By.Others {
		b.WriteString(c.Amount(c.Limit.Most) + what)
	} else {
		b.WriteString("any number" + strings.Replace(what, " ", " of ", 1))
	}
	switch {
	case c.Days > 0:
		fmt.Fprintf(&b, " in %d days in %s", c.Days, c.Window.Zone)
	case c.Window.Per == Total:
		b.WriteString(" in all")
	default:
		fmt.Fprintf(&b, " per %s in %s", c.Window.Per, c.Window.Zone)
	}
	if w := c.Limit.Weekdays; w != nil {
		for day, n := range w {
			if n != c.Limit.Most {
				fmt.Fprintf(&b, ", %s %s", time.Weekday(day).String()[:3], c.Amount(n))
			}
		}
	}
	if c.Window.WeekFrom != 0 {
		fmt.Fprintf(&b, ", weeks from %s", time.Weekday((int(c.Window.WeekFrom)+1)%7))
	}
	if c.By != nil {
		b.WriteString(", of each " + c.By.Field)
		for _, v := range slices.Sorted(maps.Keys(c.By.Values)) {
			fmt.Fprintf(&b, ", %s %s", v, c.Amount(c.By.Values[v].Most))
		}
	}
	if c.Pace != nil {
		fmt.Fprintf(&b, ", spread evenly, %s ahead", c.Amount(c.Pace.Burst))
	}
	return b.String()
}

// Amount writes a number of what the cap counts: money where that is spend.
func (c *Cap) Amount(n int64) string {
	if c.Of == lead.OfSpend {
		return lead.Money(n).String()
	}
	return strconv.FormatInt(n, 10)
}

// Limit is how much is allowed in a window.
type Limit struct {
	Most int64
	// by time.Weekday of the window's first instant, in place of Most; nil: no day has a limit of its own
	Weekdays *[7]int64
}

// On is the limit on a day of the week.
func (l *Limit) On(day time.Weekday) int64 {
	if l.Weekdays != nil {
		return l.Weekdays[day]
	}
	return l.Most
}

// Highest is the limit of the weekday that has the highest.
func (l *Limit) Highest() int64 {
	if l.Weekdays != nil {
		return slices.Max(l.Weekdays[:])
	}
	return l.Most
}

// Span is the time that counts together with the instant's own window: from the start of the first date of those that a
// rolling cap looks at, to the end of its window. It may be more than what is charged.
func (c *Cap) Span(now time.Time) Span {
	_, start, end := c.Window.At(now)
	if c.Days > 1 {
		year, month, day := now.In(c.Window.Zone).Date()
		_, start, _ = c.Window.At(time.Date(year, month, day-c.Days+1, 12, 0, 0, 0, c.Window.Zone))
	}
	return Span{start, end}
}

// Name is the cap in words, within its owner: "day", "last 30 days".
func (c *Cap) Name() string {
	if c.Days > 0 {
		return fmt.Sprintf("last %d days", c.Days)
	}
	return c.Window.Per.String()
}

// Title names the cap for people, with its owner: its key, or such as "campaign:sun-shared:last 30 days".
func (c *Cap) Title() string {
	if c.Days == 0 {
		return c.Key
	}
	at, by := strings.LastIndexByte(c.Key, ':')+1, ""
	if c.By != nil {
		by = "/" + c.By.Field
	}
	return c.Key[:at] + c.Name() + by
}
