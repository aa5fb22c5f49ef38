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
	// names what is counted, such as "campaign:sun-shared:day": counts are kept by it. Caps that count the same, the
	// leads of a day and those of the last seven days, share it
	Key    string
	Window Window
	Days   int // of Day windows: the date and those before it, as many, count together; 0 is one
	Limit  Limit
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
	if c.Days > 0 {
		return c.Key[:strings.LastIndexByte(c.Key, ':')+1] + c.Name()
	}
	return c.Key
}

// CompileCaps makes the caps of a campaign or buyer; who is "campaign:ID" or "buyer:ID". A spec without a zone counts
// in defaultZone. All mistakes are returned at once, and no caps if there is one. The paths of the defects begin with
// the index.
func CompileCaps(who string, specs []CapSpec, defaultZone string) ([]Cap, []lead.Defect) {
	var ds []lead.Defect
	if len(specs) > CapsMax {
		return nil, []lead.Defect{{Value: fmt.Sprint(len(specs), " caps"), Expected: fmt.Sprintf("at most %d caps",
			CapsMax)}}
	}
	out := make([]Cap, 0, len(specs))
	for i := range specs {
		c, bad := compileCap(who, &specs[i], defaultZone)
		if len(bad) == 0 {
			bad = besides(&c, &specs[i], out)
		}
		ds = append(ds, lead.DefectsIn(fmt.Sprintf("[%d]", i), bad)...)
		out = append(out, c)
	}
	if len(ds) > 0 {
		return nil, ds
	}
	return out, nil
}

// besides tells what is wrong with a cap beside the earlier ones of its owner.
func besides(c *Cap, spec *CapSpec, earlier []Cap) []lead.Defect {
	for i := range earlier {
		o := &earlier[i]
		switch {
		case o.Key != c.Key:
		case o.Days == c.Days && c.Days > 0:
			return []lead.Defect{{Path: "last", Value: spec.Last, Expected: "one cap per number of days"}}
		case o.Days == c.Days:
			return []lead.Defect{{Path: "per", Value: spec.Per, Expected: "one cap per " + spec.Per}}
		case o.Window.Zone.String() != c.Window.Zone.String():
			return []lead.Defect{{Path: "zone", Value: c.Window.Zone.String(), Expected: "the zone of the cap per " +
				o.Name() + ", " + o.Window.Zone.String() + ": both count the same days"}}
		}
	}
	return nil
}

func compileCap(who string, spec *CapSpec, zone string) (c Cap, ds []lead.Defect) {
	bad := func(path, value, expected string) {
		ds = append(ds, lead.Defect{Path: path, Value: value, Expected: expected})
	}
	ds = c.window(spec)
	c.Key = who + ":" + c.Window.Per.String()
	if c.Limit.Most = spec.Limit; spec.Limit < 1 || spec.Limit > CapLimitMax {
		bad("limit", fmt.Sprint(spec.Limit), fmt.Sprintf("1 to %d accepted leads (to buy none, pause)", CapLimitMax))
	}
	ds = append(ds, c.weekdays(spec.Weekdays)...)
	if spec.Zone != "" {
		zone = spec.Zone
	}
	c.Window.Zone = time.UTC
	if zone == "" && c.Window.Per == Total {
		return c, ds
	}
	loc, err := LoadZone(zone)
	if err != nil {
		bad("zone", zone, err.Error())
		return c, ds
	}
	c.Window.Zone = loc
	return c, ds
}

// window reads the keys that tell when a cap counts anew, but for the zone.
func (c *Cap) window(spec *CapSpec) (ds []lead.Defect) {
	bad := func(path, value, expected string) {
		ds = append(ds, lead.Defect{Path: path, Value: value, Expected: expected})
	}
	switch {
	case spec.Last != "" && spec.Per != "":
		bad("last", spec.Last, "`per` or `last`, not both")
	case spec.Last != "":
		text, ok := strings.CutSuffix(spec.Last, " days")
		n, err := strconv.Atoi(text)
		if !ok || err != nil || n < 2 || n > CapDaysMax {
			bad("last", spec.Last, fmt.Sprintf("a number of days, such as `30 days`, from 2 to %d", CapDaysMax))
			n = 2
		}
		c.Window.Per, c.Days = Day, n
	default:
		for p := Minute; p <= Total; p++ {
			if spec.Per == p.String() {
				c.Window.Per = p
			}
		}
		if c.Window.Per == 0 {
			bad("per", spec.Per, "one of "+strings.Join(perNames[Minute:], ", ")+", or `last: 30 days` in its place")
		}
	}
	if spec.WeekStarts == "" {
		return ds
	}
	day, ok := weekdayNamed(spec.WeekStarts)
	switch {
	case !ok:
		bad("week_starts", spec.WeekStarts, "a day of the week, such as sun")
	case c.Window.Per != Week:
		bad("week_starts", spec.WeekStarts, "a cap per week")
	}
	c.Window.WeekFrom = uint8(day+6) % 7
	return ds
}

// weekdays reads the limits of single days of the week.
func (c *Cap) weekdays(spec map[string]int64) (ds []lead.Defect) {
	bad := func(path, value, expected string) {
		ds = append(ds, lead.Defect{Path: path, Value: value, Expected: expected})
	}
	if len(spec) == 0 {
		return nil
	}
	if per := c.Window.Per; c.Days > 0 || per != 0 && per != Minute && per != Hour && per != Day {
		bad("weekdays", "", "a cap per minute, hour or day: others last longer than a day of the week")
		return ds
	}
	var by [7]int64
	for i := range by {
		by[i] = c.Limit.Most
	}
	for _, name := range slices.Sorted(maps.Keys(spec)) {
		day, ok := weekdayNamed(name)
		n := spec[name]
		switch {
		case !ok:
			bad("weekdays."+name, fmt.Sprint(n), "mon, tue, wed, thu, fri, sat or sun")
		case n < 0 || n > CapLimitMax:
			bad("weekdays."+name, fmt.Sprint(n), fmt.Sprintf("0 to %d", CapLimitMax))
		default:
			by[day] = n
		}
	}
	c.Limit.Weekdays = &by
	if c.Limit.Highest() == 0 {
		bad("weekdays", "", "a limit above 0 on at least one day (to buy none, pause)")
	}
	return ds
}

// weekdayNamed is the day of a name such as mon.
func weekdayNamed(name string) (time.Weekday, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(name, d.String()[:3]) {
			return d, true
		}
	}
	return 0, false
}
