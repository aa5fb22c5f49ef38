// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"
	"sync"
	"time"
)

// holiday is a day of the year that has a name in schedules.
type holiday struct {
	name    string
	federal bool // of the United States, by 5 U.S.C. 6103: one of us_federal_holidays
	month   time.Month
	day     int // of the month; 0: the nth weekday
	weekday time.Weekday
	nth     int // 1 is the first, -1 the last
	after   int // days after that
}

// federalName is the name of all federal holidays together.
const federalName = "us_federal_holidays"

// holidayTable has the named days. Where a federal holiday with a date falls on a Saturday, the Friday before is
// observed, and where it falls on a Sunday, the Monday after; such a day counts beside the day itself.
var holidayTable = [...]holiday{
	{name: "new_years_day", federal: true, month: time.January, day: 1},
	{name: "martin_luther_king_day", federal: true, month: time.January, weekday: time.Monday, nth: 3},
	{name: "presidents_day", federal: true, month: time.February, weekday: time.Monday, nth: 3},
	{name: "memorial_day", federal: true, month: time.May, weekday: time.Monday, nth: -1},
	{name: "juneteenth", federal: true, month: time.June, day: 19},
	{name: "independence_day", federal: true, month: time.July, day: 4},
	{name: "labor_day", federal: true, month: time.September, weekday: time.Monday, nth: 1},
	{name: "columbus_day", federal: true, month: time.October, weekday: time.Monday, nth: 2},
	{name: "veterans_day", federal: true, month: time.November, day: 11},
	{name: "thanksgiving", federal: true, month: time.November, weekday: time.Thursday, nth: 4},
	{name: "christmas", federal: true, month: time.December, day: 25},

	{name: "day_after_thanksgiving", month: time.November, weekday: time.Thursday, nth: 4, after: 1},
	{name: "christmas_eve", month: time.December, day: 24},
	{name: "new_years_eve", month: time.December, day: 31},
}

// holidayMeant are other names that people write for them.
var holidayMeant = map[string]string{
	"mlk_day": "martin_luther_king_day", "martin_luther_king": "martin_luther_king_day",
	"washingtons_birthday": "presidents_day", "fourth_of_july": "independence_day", "july_4th": "independence_day",
	"indigenous_peoples_day": "columbus_day", "christmas_day": "christmas", "thanksgiving_day": "thanksgiving",
	"new_year": "new_years_day", "new_years": "new_years_day", "labour_day": "labor_day",
	"black_friday": "day_after_thanksgiving", "holidays": federalName, "federal_holidays": federalName,
	"us_holidays": federalName, "bank_holidays": federalName,
}

// holidays is a set of the table's days, a bit each.
type holidays uint16

// federalHolidays are those of us_federal_holidays.
var federalHolidays = func() (set holidays) {
	for i := range holidayTable {
		if holidayTable[i].federal {
			set |= 1 << i
		}
	}
	return set
}()

// holidaysOn tells which holidays a date is, and which of them are only observed on it. day counts from 1970.
func holidaysOn(day int64) (set, observed holidays) {
	if near := holidaysNear(); day >= nearFirst && day-nearFirst < int64(len(near)) {
		return near[day-nearFirst][0], near[day-nearFirst][1]
	}
	return reckonHolidays(day)
}

// holidaysNear are the answers of holidaysOn for the days of this century, for whoever looks for the next change of a
// schedule day by day.
var holidaysNear = sync.OnceValue(func() (table [][2]holidays) {
	table = make([][2]holidays, 100*366)
	for i := range table {
		table[i][0], table[i][1] = reckonHolidays(nearFirst + int64(i))
	}
	return table
})

const nearFirst = 10957 // 2000-01-01

func reckonHolidays(day int64) (set, observed holidays) {
	year, month, dom := time.Unix(day*secondsOfDay, 0).UTC().Date()
	weekday := weekdayOf(day)
	for i := range holidayTable {
		h := &holidayTable[i]
		if near := (h.month - month + 12) % 12; near > 1 && near < 11 {
			continue
		}
		switch {
		case h.is(year, month, dom-h.after, weekday-time.Weekday(h.after)):
			set |= 1 << i
		case h.day == 0 || !h.federal:
		case weekday == time.Friday && h.isDate(day+1), weekday == time.Monday && h.isDate(day-1):
			observed |= 1 << i
		}
	}
	return set | observed, observed
}

// is tells whether a date, which may be told as one of the month before or after, is the holiday's.
func (h *holiday) is(year int, month time.Month, dom int, weekday time.Weekday) bool {
	if month != h.month {
		return false
	}
	if h.day > 0 {
		return dom == h.day
	}
	if (weekday+7)%7 != h.weekday {
		return false
	}
	if h.nth < 0 {
		return dom+7 > time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
	}
	return dom > 7*(h.nth-1) && dom <= 7*h.nth
}

// isDate tells whether a day is the date of a holiday that has one.
func (h *holiday) isDate(day int64) bool {
	_, month, dom := time.Unix(day*secondsOfDay, 0).UTC().Date()
	return month == h.month && dom == h.day
}

// holidayNamed finds a holiday's position in the table, -1 if there is none of the name.
func holidayNamed(name string) int {
	return slices.IndexFunc(holidayTable[:], func(h holiday) bool { return h.name == name })
}

// name is that of the first holiday of a set.
func (set holidays) name() string {
	for i := range holidayTable {
		if set>>i&1 == 1 {
			return holidayTable[i].name
		}
	}
	return ""
}

const secondsOfDay = 86400

// weekdayOf is the weekday of a day, which counts from 1970.
func weekdayOf(day int64) time.Weekday { return time.Weekday(mod(day+int64(time.Thursday), 7)) }
