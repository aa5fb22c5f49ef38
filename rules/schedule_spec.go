// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"math"
	"regexp"
	"time"

	"clearpost/lead"
)

// Limits of a schedule.
const (
	ScheduleEntriesMax    = 400  // of each of its lists
	ScheduleEntryBytesMax = 200  // of one entry
	ScheduleDatesMax      = 366  // days of one range of dates
	ScheduleYearMin       = 2000 // of a date
	ScheduleYearMax       = 2199
)

// ScheduleSpec says when leads are taken, by the local clock of a zone. Where several entries speak of one day, the
// nearest decides: a date, then a single holiday, then us_federal_holidays, then a day of the week. Of two that are
// equally near `open` stands above `closed`, but for days of the week, where `closed` stands above `open`.
type ScheduleSpec struct {
	Zone string `yaml:"zone"` // IANA name; absent: the timezone of the page
	// hours of days: `mon-fri 08:00-20:00`, `sat 10am-2pm`, `fri 20:00-02:00`, `2026-12-24 08:00-12:00`; absent: always
	Open []string `yaml:"open"`
	// whole days: `weekends`, `sun`, `us_federal_holidays`, `thanksgiving`, `2026-12-24`, `2026-12-24 to 2026-12-26`
	Closed []string `yaml:"closed"`
	From   string   `yaml:"from"`  // the first day, such as 2026-12-01, or `2026-12-01 08:00`
	Until  string   `yaml:"until"` // the last day, included; with a time of day: until then
}

// CompileSchedule makes a schedule. One without a zone of its own is in the zone given. A nil spec has none: the result
// is nil, which is always open. All mistakes are returned at once, and no schedule if there is one; a schedule that is
// never open is a mistake.
func CompileSchedule(spec *ScheduleSpec, zone string) (*Schedule, []lead.Defect) {
	if spec == nil {
		return nil, nil
	}
	s := &Schedule{from: math.MinInt64, until: math.MaxInt64}
	var ds []lead.Defect
	if spec.Zone != "" {
		zone = spec.Zone
	}
	var err error
	if s.zone, err = LoadZone(zone); err != nil {
		ds = append(ds, lead.Defect{Path: "zone", Value: zone, Expected: err.Error()})
	}
	if len(spec.Open)+len(spec.Closed) == 0 && spec.From == "" && spec.Until == "" {
		ds = append(ds, lead.Defect{Expected: "`open`, `closed`, `from` or `until`: without any of them it is always " +
			"open"})
	}
	var bad []lead.Defect
	s.open, bad = compileDays("open", spec.Open, true)
	ds = append(ds, bad...)
	s.closed, bad = compileDays("closed", spec.Closed, false)
	ds = append(ds, bad...)
	if len(spec.Open) == 0 {
		s.open = []dayRule{{week: everyDay, hours: wholeDay}}
	}
	ds = append(ds, s.compileEnds(spec)...)
	if len(ds) > 0 {
		return nil, ds
	}
	s.seal()
	if _, ok := s.Next(s.beginning()); !ok {
		return nil, []lead.Defect{{Expected: "a schedule that is open at some time: what `open` has, `closed`, " +
			"`from` and `until` take away"}}
	}
	return s, nil
}

// compileDays reads a list of entries. Paths of defects begin with the list's name.
func compileDays(list string, entries []string, hours bool) (out []dayRule, ds []lead.Defect) {
	if len(entries) > ScheduleEntriesMax {
		return nil, []lead.Defect{{Path: list, Value: fmt.Sprint(len(entries), " entries"),
			Expected: fmt.Sprintf("at most %d entries", ScheduleEntriesMax)}}
	}
	for i, text := range entries {
		r, bad := parseDays(text, hours)
		r.at = fmt.Sprintf("%s[%d]", list, i)
		ds = append(ds, lead.DefectsIn(r.at, bad)...)
		out = append(out, r)
	}
	return out, ds
}

// compileEnds reads from and until.
func (s *Schedule) compileEnds(spec *ScheduleSpec) (ds []lead.Defect) {
	end := func(path, text string, wholeDays int64, to *int64) {
		if text == "" {
			return
		}
		at, whole, why := parseMoment(text)
		if why != "" {
			ds = append(ds, lead.Defect{Path: path, Value: text, Expected: why})
			return
		}
		if *to = at; whole {
			*to += wholeDays * secondsOfDay
		}
	}
	end("from", spec.From, 0, &s.from)
	end("until", spec.Until, 1, &s.until)
	if len(ds) == 0 && s.from >= s.until {
		ds = append(ds, lead.Defect{Path: "until", Value: spec.Until, Expected: "a time after from, which is " +
			spec.From})
	}
	s.fromText, s.untilText = spec.From, spec.Until
	return ds
}

var momentForm = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})(?:[T ]\s*(\S+))?$`)

// parseMoment reads a date, or a date with a time of day, as seconds of the local clock since 1970; whole says that it
// is a date alone. why says what was expected instead.
func parseMoment(text string) (at int64, whole bool, why string) {
	m := momentForm.FindStringSubmatch(text)
	if m == nil {
		return 0, false, "a date such as 2026-12-01, or with a time of day: 2026-12-01 08:00"
	}
	day, why := parseDate(m[1])
	if why != "" || m[2] == "" {
		return day * secondsOfDay, true, why
	}
	clock, ok := parseClock(m[2])
	if !ok {
		return 0, false, "a time of day such as 08:00 or 8am behind the date"
	}
	return day*secondsOfDay + int64(clock.minute)*60, false, ""
}

// parseDate reads a date as days since 1970.
func parseDate(text string) (day int64, why string) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, "a date that there is, as year-month-day"
	}
	if y := t.Year(); y < ScheduleYearMin || y > ScheduleYearMax {
		return 0, fmt.Sprintf("a date of the years %d to %d", ScheduleYearMin, ScheduleYearMax)
	}
	return t.Unix() / secondsOfDay, ""
}
