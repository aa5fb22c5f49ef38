// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"clearpost/lead"
)

// ago is a stretch of time that ends now, such as 30 days.
type ago struct {
	n    int
	unit agoUnit
}

type agoUnit uint8

const (
	agoMinutes agoUnit = iota + 1
	agoHours
	agoDays
	agoWeeks
	agoMonths
	agoYears
)

var agoUnits = [...]string{"", "minute", "hour", "day", "week", "month", "year"}

// agoYearsMax bounds a stretch; a date can be no older.
const agoYearsMax = 200

// agoMost is the same in each unit.
var agoMost = [...]int{agoMinutes: agoYearsMax * 366 * 24 * 60, agoHours: agoYearsMax * 366 * 24,
	agoDays: agoYearsMax * 366, agoWeeks: agoYearsMax * 53, agoMonths: agoYearsMax * 12, agoYears: agoYearsMax}

// clockSkew is how far a date with a time may lie ahead of now and still be within the last minutes: clocks differ.
const clockSkew = 5 * time.Minute

const agoForm = "a whole number from 1 and one of minutes, hours, days, weeks, months, years, such as 30 days"

// parseAgo reads "30 days", "1 month".
func parseAgo(text string) (ago, error) {
	number, word, _ := strings.Cut(strings.ToLower(strings.TrimSpace(text)), " ")
	word = strings.TrimSpace(word)
	n, err := strconv.Atoi(number)
	for u := agoMinutes; err == nil && u <= agoYears; u++ {
		if word != agoUnits[u] && word != agoUnits[u]+"s" {
			continue
		}
		if n < 1 || n > agoMost[u] {
			return ago{}, fmt.Errorf("1 to %d %ss", agoMost[u], agoUnits[u])
		}
		return ago{n, u}, nil
	}
	return ago{}, errors.New(agoForm)
}

// String is the stretch in words.
func (a ago) String() string {
	if a.n == 1 {
		return "1 " + agoUnits[a.unit]
	}
	return fmt.Sprintf("%d %ss", a.n, agoUnits[a.unit])
}

// before is when the stretch begins that ends at a time: minutes and hours by the clock, all else by the calendar of
// the time's zone. A month back from the 31st is the last day of a month that has none.
func (a ago) before(t time.Time) time.Time {
	months := 0
	switch a.unit {
	case agoMinutes:
		return t.Add(-time.Duration(a.n) * time.Minute)
	case agoHours:
		return t.Add(-time.Duration(a.n) * time.Hour)
	case agoDays:
		return t.AddDate(0, 0, -a.n)
	case agoWeeks:
		return t.AddDate(0, 0, -7*a.n)
	case agoMonths:
		months = a.n
	default:
		months = 12 * a.n
	}
	y, m, d := t.Date()
	month := y*12 + int(m) - 1 - months
	y, m = month/12, time.Month(month%12+1)
	last := time.Date(y, m+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return time.Date(y, m, min(d, last), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
}

// bounds are the least and the most that the stretch may be long, in seconds.
func (a ago) bounds() (least, most int64) {
	const day = 86400
	n := int64(a.n)
	switch a.unit {
	case agoMinutes:
		return n * 60, n * 60
	case agoHours:
		return n * 3600, n * 3600
	case agoDays:
		return (n - 1) * day, (n + 1) * day
	case agoWeeks:
		return (7*n - 1) * day, (7*n + 1) * day
	case agoMonths:
		return (28*n - 1) * day, (31*n + 1) * day
	}
	return (365*n - 1) * day, (366*n + 1) * day
}

// since tells whether a valid date or time lies in the stretch, or before it. A day that has not come yet is in
// neither.
func (c *Criterion) since(n int64, now time.Time) outcome {
	if c.field.Type == lead.TypeDateTime {
		now = now.In(c.more.zone)
		from := c.more.ago.before(now).UnixMicro()
		if c.Kind == Older {
			return outcomeOf(n < from)
		}
		return outcomeOf(from <= n && n <= now.Add(clockSkew).UnixMicro())
	}
	today := dayOf(now, c.more.zone)
	older := false
	switch least, most := c.more.ago.bounds(); { // the calendar is asked only where it makes a difference
	case (today-n)*86400 > most:
		older = true
	case (today-n)*86400 >= least:
		older = n < c.more.ago.beforeDay(today)
	}
	if c.Kind == Older {
		return outcomeOf(older)
	}
	return outcomeOf(!older && n <= today)
}

// dayOf is the date of a time in a zone, in days since 1970-01-01.
func dayOf(t time.Time, zone *time.Location) int64 {
	_, off := t.In(zone).Zone()
	local := t.Unix() + int64(off)
	return (local - mod(local, 86400)) / 86400
}

// beforeDay is before for a date, of which a stretch has whole days: both in days since 1970-01-01.
func (a ago) beforeDay(day int64) int64 {
	switch a.unit {
	case agoDays:
		return day - int64(a.n)
	case agoWeeks:
		return day - 7*int64(a.n)
	}
	t := a.before(time.Unix(day*86400, 0).UTC())
	return t.Unix() / 86400
}
