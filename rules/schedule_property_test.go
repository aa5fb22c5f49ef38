// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// reading is a schedule as somebody reads it who looks at a clock on the wall and a calendar beside it. It shares no
// code with Schedule: days are texts, and nothing is computed ahead.
type reading struct {
	zone         string
	open, closed []said
	from, until  string // a date, or a date and a time, as text: "2026-12-01 08:00"

	at            int // the date of which today and yesterday are
	today, before day
}

// said is an entry: its days, and their hours in minutes.
type said struct {
	dates, names, weekdays []string
	all                    bool // us_federal_holidays
	hours                  [][2]int
}

type day struct {
	closed bool
	hours  [][2]int
}

// text writes the entry as it stands in a file.
func (x *said) text() string {
	words := append(append(append([]string(nil), x.weekdays...), x.names...), x.dates...)
	if x.all {
		words = append(words, "us_federal_holidays")
	}
	for _, h := range x.hours {
		words = append(words, fmt.Sprintf("%02d:%02d-%02d:%02d", h[0]/60, h[0]%60, h[1]/60, h[1]%60))
	}
	return strings.Join(words, " ")
}

// spec writes the schedule as it stands in a file.
func (r *reading) spec() *ScheduleSpec {
	s := &ScheduleSpec{Zone: r.zone, From: r.from, Until: r.until}
	for i := range r.open {
		s.Open = append(s.Open, r.open[i].text())
	}
	for i := range r.closed {
		s.Closed = append(s.Closed, r.closed[i].text())
	}
	return s
}

var federalNames = []string{"new_years_day", "martin_luther_king_day", "presidents_day", "memorial_day", "juneteenth",
	"independence_day", "labor_day", "columbus_day", "veterans_day", "thanksgiving", "christmas"}

// holidaysOf lists by date what is celebrated or observed in a year and those beside it.
func holidaysOf(year int) map[string][]string {
	out := map[string][]string{}
	put := func(at time.Time, name string) {
		out[at.Format(time.DateOnly)] = append(out[at.Format(time.DateOnly)], name)
	}
	for y := year - 1; y <= year+1; y++ {
		date := func(m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
		for name, at := range map[string]time.Time{"new_years_day": date(1, 1), "juneteenth": date(6, 19),
			"independence_day": date(7, 4), "veterans_day": date(11, 11), "christmas": date(12, 25)} {
			put(at, name)
			switch at.Weekday() {
			case time.Saturday:
				put(at.AddDate(0, 0, -1), name)
			case time.Sunday:
				put(at.AddDate(0, 0, 1), name)
			}
		}
		first := func(m time.Month, w time.Weekday) time.Time {
			at := date(m, 1)
			for at.Weekday() != w {
				at = at.AddDate(0, 0, 1)
			}
			return at
		}
		put(first(1, time.Monday).AddDate(0, 0, 14), "martin_luther_king_day")
		put(first(2, time.Monday).AddDate(0, 0, 14), "presidents_day")
		put(first(6, time.Monday).AddDate(0, 0, -7), "memorial_day")
		put(first(9, time.Monday), "labor_day")
		put(first(10, time.Monday).AddDate(0, 0, 7), "columbus_day")
		put(first(11, time.Thursday).AddDate(0, 0, 21), "thanksgiving")
	}
	return out
}

// of tells how near an entry speaks of a date: 4 a date, 3 a holiday's name, 2 all holidays, 1 a day of the week.
func (x *said) of(date, weekday string, celebrated []string) int {
	switch {
	case slices.Contains(x.dates, date):
		return 4
	case slices.ContainsFunc(x.names, func(n string) bool { return slices.Contains(celebrated, n) }):
		return 3
	case x.all && len(celebrated) > 0:
		return 2
	case slices.Contains(x.weekdays, weekday):
		return 1
	}
	return 0
}

// day reads what is said of a date.
func (r *reading) day(at time.Time) day {
	date, weekday := at.Format(time.DateOnly), strings.ToLower(at.Weekday().String()[:3])
	celebrated := holidaysOf(at.Year())[date]
	opens, closes := 0, 0
	for i := range r.open {
		opens = max(opens, r.open[i].of(date, weekday, celebrated))
	}
	for i := range r.closed {
		closes = max(closes, r.closed[i].of(date, weekday, celebrated))
	}
	var d day
	if len(r.open) == 0 {
		opens, d.hours = 1, [][2]int{{0, 1440}}
	}
	for i := range r.open {
		if n := r.open[i].of(date, weekday, celebrated); n > 0 && n == opens {
			if d.hours = append(d.hours, r.open[i].hours...); len(r.open[i].hours) == 0 {
				d.hours = append(d.hours, [2]int{0, 1440})
			}
		}
	}
	if closes > opens || closes == 1 && opens == 1 {
		return day{closed: true}
	}
	return d
}

// isOpen reads the clock of the zone at an instant.
func (r *reading) isOpen(at time.Time) bool {
	y, m, d := at.Date()
	minute := at.Hour()*60 + at.Minute()
	if r.from != "" || r.until != "" {
		date := fmt.Sprintf("%04d-%02d-%02d", y, m, d)
		shows := fmt.Sprintf("%s %02d:%02d", date, at.Hour(), at.Minute())
		switch {
		case r.from != "" && shows < r.from: // a date alone is before all of its times
			return false
		case len(r.until) == len(date) && date > r.until, len(r.until) > len(date) && shows >= r.until:
			return false
		}
	}
	if number := (y*100+int(m))*100 + d; r.at != number {
		r.at = number
		r.today = r.day(time.Date(y, m, d, 0, 0, 0, 0, time.UTC))
		r.before = r.day(time.Date(y, m, d-1, 0, 0, 0, 0, time.UTC))
	}
	if r.today.closed {
		return false
	}
	for _, h := range r.today.hours {
		if minute >= h[0] && (minute < h[1] || h[1] < h[0]) {
			return true
		}
	}
	for _, h := range r.before.hours {
		if h[1] < h[0] && minute < h[1] {
			return true
		}
	}
	return false
}

// agree walks from one instant to another and holds At to the reading at every minute, and to flip where it says.
func agree(t interface{ Fatalf(string, ...any) }, r *reading, s *Schedule, from, until time.Time) {
	for at := from; at.Before(until); {
		open, change := s.At(at)
		if !change.After(at) {
			t.Fatalf("%v: %+v holds until %v", at, r.spec(), change)
		}
		for ; at.Before(change) && at.Before(until); at = at.Add(time.Minute) {
			if want := r.isOpen(at); open != want {
				t.Fatalf("%v: %+v: open is %v until %v, the clock says %v", at, r.spec(), open, change, want)
			}
		}
		if !at.Before(until) {
			return
		}
		if at = change.In(at.Location()); r.isOpen(at) == open || r.isOpen(at.Add(-time.Second)) != open {
			t.Fatalf("%+v: no change at %v", r.spec(), at)
		}
	}
}

var yearly = []reading{
	{open: []said{{weekdays: []string{"mon", "tue", "wed", "thu", "fri"}, hours: [][2]int{{480, 1200}}},
		{weekdays: []string{"sat"}, hours: [][2]int{{600, 840}}}}, closed: []said{{all: true}}},
	{open: []said{{weekdays: []string{"fri", "sat", "sun"}, hours: [][2]int{{1350, 155}, {75, 90}, {150, 165}}},
		{weekdays: []string{"wed"}}, {names: []string{"thanksgiving", "christmas"}, hours: [][2]int{{1380, 60}}},
		{all: true, hours: [][2]int{{0, 45}, {700, 701}}}}, closed: []said{{names: []string{"labor_day"}}}},
	{closed: []said{{weekdays: []string{"sun"}}, {all: true}}},
	{open: []said{{weekdays: []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"},
		hours: [][2]int{{1439, 1}, {1, 2}, {30, 135}, {1380, 1410}}}}},
}

// Minute by minute over whole years a schedule is what the local clock says, and flips where it says it would.
func TestSchedulesAgreeWithTheLocalClock(t *testing.T) {
	for _, c := range []struct {
		zone string
		year int
	}{{"America/New_York", 2026}, {"Europe/London", 2027}, {"Australia/Lord_Howe", 2026}, {"America/Sao_Paulo", 2018},
		{"America/Sao_Paulo", 2019}, {"Asia/Kolkata", 2028}, {"Pacific/Apia", 2011}, {"America/New_York", 2040}} {
		t.Run(fmt.Sprint(c.zone, c.year), func(t *testing.T) {
			zone, err := LoadZone(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			from := time.Date(c.year, 1, 1, 0, 0, 0, 0, zone)
			for i := range yearly {
				if testing.Short() && i > 0 {
					break
				}
				r := yearly[i]
				r.zone, r.at = c.zone, 0
				s, ds := CompileSchedule(r.spec(), "")
				if ds != nil {
					t.Fatal(ds)
				}
				agree(t, &r, s, from, from.AddDate(1, 0, 0))
			}
		})
	}
}

// drawSaid draws an entry about the days around a date.
func drawSaid(t *rapid.T, around time.Time, hours bool) (x said) {
	for range rapid.IntRange(0, 3).Draw(t, "weekdays") {
		x.weekdays = append(x.weekdays, rapid.SampledFrom([]string{"mon", "tue", "wed", "thu", "fri", "sat",
			"sun"}).Draw(t, "weekday"))
	}
	for range rapid.IntRange(0, 2).Draw(t, "dates") {
		at := around.AddDate(0, 0, rapid.IntRange(-4, 4).Draw(t, "date"))
		if y := at.Year(); y >= ScheduleYearMin && y <= ScheduleYearMax {
			x.dates = append(x.dates, at.Format(time.DateOnly))
		}
	}
	if rapid.Float64().Draw(t, "named") < 0.3 {
		x.names = append(x.names, rapid.SampledFrom(federalNames).Draw(t, "name"))
	}
	x.all = rapid.Float64().Draw(t, "all") < 0.2
	if len(x.weekdays)+len(x.dates)+len(x.names) == 0 {
		x.all = true
	}
	if !hours {
		return x
	}
	minute := rapid.OneOf(rapid.IntRange(0, 1439), rapid.SampledFrom([]int{0, 60, 120, 150, 180, 1410}))
	for range rapid.IntRange(0, 3).Draw(t, "hours") {
		h := [2]int{minute.Draw(t, "from"), minute.Draw(t, "to")}
		if h[0] != h[1] {
			x.hours = append(x.hours, h)
		}
	}
	return x
}

// The same around changes of the clock, for whatever schedules and zones.
func TestScheduleProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &reading{zone: rapid.SampledFrom(oddZones).Draw(t, "zone")}
		zone, err := LoadZone(r.zone)
		if err != nil {
			t.Fatal(err)
		}
		now := near(t, zone).In(zone).Truncate(time.Minute)
		for range rapid.IntRange(0, 3).Draw(t, "open") {
			r.open = append(r.open, drawSaid(t, now, true))
		}
		for range rapid.IntRange(0, 2).Draw(t, "closed") {
			r.closed = append(r.closed, drawSaid(t, now, false))
		}
		end := func(name string) string {
			at := now.AddDate(0, 0, rapid.OneOf(rapid.IntRange(-3, 3), rapid.IntRange(-900, 900)).Draw(t, name))
			if y := at.Year(); y < ScheduleYearMin || y > ScheduleYearMax || rapid.Float64().Draw(t, name) < 0.7 {
				return ""
			}
			return at.Format(rapid.SampledFrom([]string{time.DateOnly, "2006-01-02 15:04"}).Draw(t, name))
		}
		r.from, r.until = end("from"), end("until")
		s, ds := CompileSchedule(r.spec(), "")
		if ds != nil {
			t.Skip(ds) // such as one that is never open
		}
		agree(t, r, s, now.Add(-50*time.Hour).Truncate(time.Minute), now.Add(50*time.Hour))
		at := now.Add(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "nanos")))
		open, until := s.At(at)
		if until.Before(Ever.End) && r.isOpen(until.In(zone)) == open {
			t.Fatalf("%+v: no change at %v", r.spec(), until)
		}
		for step, x := 17*time.Minute, at; x.Before(until) && x.Year() < at.Year()+9; x = x.Add(step) {
			if step += step / 8; r.isOpen(x.In(zone)) != open {
				t.Fatalf("%+v: open is %v until %v, the clock says %v at %v", r.spec(), open, until, !open, x)
			}
		}
		why, place := s.Why(at)
		if open != (why == "") || open != (place == "") || strings.HasPrefix(s.Explain(at), "open") != open {
			t.Fatalf("open is %v, %q at %q: %s", open, why, place, s.Explain(at))
		}
		switch next, ok := s.Next(at); {
		case open && !next.Equal(at), !open && ok && !next.Equal(until), !open && ok != until.Before(Ever.End):
			t.Fatalf("open is %v until %v, next %v, %v", open, until, next, ok)
		}
	})
}
